//! Aggregates over windows of event time, and over rows that change: a row counts as the table has
//! it. Uses `error`, `expr`, `store`, `ums`, `op::join`. HOT in `take`: once a row.
//!
//! A row is known by its key; the state keeps what the newest version of it added, and an update or a
//! delete takes that away again. So the results are those of the same query over the tables as they
//! stand, whatever the stream repeats.
//!
//! Versions and groups that are not in use go to disk when there are more than memory may hold; what is
//! forgotten goes there, too, by its time.

mod groups;
mod session;
mod shape;
pub mod span;
pub mod tally;
mod version;

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::expr::Condition;
use crate::expr::list::{Aggregate, Item};
use crate::op::join::cells::push_cell;
use crate::op::join::late::push_rows;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_text, put_u64};
use crate::op::join::row::{Told, number_of, shard, told};
use crate::op::join::shelf::{Shelf, behind, disk_key};
use crate::op::join::{Operation, Sent, clock, of_state, too_large};
use crate::store::runs::{Place, Runs};
use crate::ums::{Cell, Message, Namespace, Op, Pattern, Protocol, Termination};
use groups::{Groups, Times};
use session::Sessions;
use shape::{Plan, Shape};
use span::Window;
use tally::Function;
use version::{Version, restamp};

/// Compiled schemas that are kept, as many as a decoder keeps.
const MAX_PLANS: usize = 256;
/// What the keys of versions begin with on disk.
const VERSIONS: u8 = 0;
/// Versions below which it is not worth while to look for forgotten ones.
const FEW: usize = 10_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The windows.
    pub window: Window,
    /// What rows are grouped by.
    pub group: Vec<Item>,
    /// Name, call and function of each aggregate.
    pub aggregates: Vec<(String, Aggregate, Function)>,
    /// Only results for which this is TRUE.
    pub having: Option<Condition>,
    /// The column of the event time; `_ums_ts_` without.
    pub time: Option<String>,
    /// Columns that tell rows apart, instead of the primary key.
    pub keys: Vec<String>,
    /// Every row is for itself and nothing is ever taken away.
    pub append: bool,
    /// Results at every marker, and not only when a window closes.
    pub on_change: bool,
    /// Microseconds that a closed window is kept, to be corrected.
    pub keep: i64,
    /// Whose rows take part; all when empty. The others pass.
    pub patterns: Vec<Pattern>,
    /// The namespace of results.
    pub name: Option<Namespace>,
}

/// The operation.
#[derive(Debug)]
pub struct Windowing {
    spec: Spec,
    /// The one used last in front.
    plans: Vec<Plan>,
    shape: Option<Shape>,
    /// Source tables by their number, and shards of them all by theirs.
    tables: Vec<String>,
    shards: Vec<String>,
    /// What the newest version of each row added, by table and key.
    versions: Shelf,
    /// Versions after the last look for forgotten ones.
    kept: usize,
    groups: Groups,
    sessions: Sessions,
    disk: Runs,
    /// Bytes of memory that the state may take.
    memory: usize,
    /// Nothing is on disk that is not in memory, too.
    whole: bool,
    horizon: i64,
    /// The horizon before, while results of this one are still to be written.
    before: Option<i64>,
    reach: i64,
    changes: Vec<Change>,
    arena: Vec<u8>,
    /// Rows taken in the mode append: the names of their events.
    taken: u64,
}

/// A row of a message, read and not applied yet. Places are in the arena.
#[derive(Debug, Clone, Copy)]
struct Change {
    row: usize,
    op: Op,
    id: i64,
    ts: i64,
    /// The event time; `None` where the column is NULL or has no date.
    time: Option<i64>,
    shard: u32,
    /// Where the key begins, the group, the arguments, and where they end.
    places: [usize; 4],
}

/// What is added to a group, or taken from it.
#[derive(Clone, Copy)]
struct Step<'a> {
    id: i64,
    ts: i64,
    time: i64,
    group: &'a [u8],
    arguments: &'a [u8],
    add: bool,
}

impl Windowing {
    /// An operation without state.
    pub fn new(spec: Spec) -> Self {
        Self {
            plans: Vec::new(),
            shape: None,
            tables: Vec::new(),
            shards: Vec::new(),
            versions: Shelf::new(VERSIONS, |bytes| Version::read(bytes).map(drop)),
            kept: 0,
            groups: Groups::default(),
            sessions: Sessions::default(),
            disk: Runs::new(Place::Nameless(PathBuf::new())),
            memory: usize::MAX,
            whole: true,
            horizon: i64::MIN,
            before: None,
            reach: i64::MIN,
            changes: Vec::new(),
            arena: Vec::new(),
            taken: 0,
            spec,
        }
    }

    fn forget(&self) -> i64 {
        match self.horizon {
            i64::MAX => i64::MAX,
            horizon => horizon.saturating_sub(self.spec.keep),
        }
    }

    /// Whether rows at this time come too late for every window.
    fn is_late(&self, time: i64) -> bool {
        match self.spec.window {
            Window::Session { .. } => time < self.forget(),
            window => window.last_end(time) <= self.forget(),
        }
    }

    /// The plan for the message's schema, in front of the others.
    fn planned(&mut self, message: &Message) -> Result<()> {
        let header = &message.header;
        match self.plans.iter().position(|plan| std::sync::Arc::ptr_eq(&plan.header, header)) {
            Some(0) => {}
            Some(known) => {
                if let Some(recent) = self.plans.get_mut(..=known) {
                    recent.rotate_right(1);
                }
            }
            None => {
                let namespace = &header.schema.namespace;
                let source = namespace.source();
                let table = self.tables.iter().position(|table| *table == source);
                let number = table.unwrap_or(self.tables.len()) as u64;
                let shard = number_of(&mut self.shards, shard(namespace)) as u32;
                let plan = shape::plan(&self.spec, header, (number, shard), &mut self.shape)?;
                if table.is_none() {
                    self.tables.push(source);
                }
                self.plans.truncate(MAX_PLANS - 1);
                self.plans.insert(0, plan);
            }
        }
        Ok(())
    }

    /// Reads the rows of a message into `changes`; nothing of the state changes.
    fn read(&mut self, message: &Message) -> Result<()> {
        self.changes.clear();
        self.arena.clear();
        let Some(plan) = self.plans.first() else { return Ok(()) };
        let measures = self.shape.as_ref().map_or(&[][..], |shape| &shape.measures);
        let fields = plan.header.schema.fields.len();
        let mut cells = Vec::with_capacity(fields);
        for (row, tuple) in message.rows().enumerate() {
            tuple?.split(fields, &mut cells)?;
            let place = |error: Error| error.at(format_args!("row {} of the message", row + 1));
            let change = read_row(plan, measures, &cells, &mut self.arena, row).map_err(place)?;
            self.changes.extend(change);
        }
        Ok(())
    }

    /// Applies what was read of a message.
    fn apply_all(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()> {
        let (changes, arena) = (std::mem::take(&mut self.changes), std::mem::take(&mut self.arena));
        let mut late = Vec::new();
        for change in &changes {
            if self.apply(*change, &arena, &mut sent.unknown)? {
                late.push(change.row);
            }
        }
        (self.changes, self.arena) = (changes, arena);
        if !late.is_empty() {
            sent.late_rows += late.len() as u64;
            push_rows(message, line, &late, &mut sent.late);
        }
        self.fit()
    }

    /// Applies one change; true when it came too late.
    fn apply(&mut self, change: Change, arena: &[u8], unknown: &mut u64) -> Result<bool> {
        let [key, group, arguments, end] = change.places;
        let part = |from: usize, to: usize| arena.get(from..to).unwrap_or_default();
        let (group, arguments, key) =
            (part(group, arguments), part(arguments, end), part(key, group));
        let Change { op, id, ts, shard, .. } = change;
        if self.spec.append {
            let Some(time) = change.time.filter(|time| !self.is_late(*time)) else {
                return Ok(true);
            };
            self.taken += 1;
            let name = self.taken.to_be_bytes();
            self.step(Step { id, ts, time, group, arguments, add: true }, &name)?;
            return Ok(false);
        }
        let disk = (!self.whole).then_some(&self.disk);
        // Every way out puts something back.
        let old_bytes = self.versions.take(key, disk)?;
        let mut forgotten = true;
        if let Some(bytes) = &old_bytes {
            let old = Version::read(bytes)?;
            // One whose windows are all forgotten may be here or not.
            let counts = self.spec.window.last_end(old.time) > self.forget();
            let live = old.alive && !self.is_late(old.time);
            forgotten = old.alive && !live;
            let same = op != Op::Delete
                && live
                && change.time == Some(old.time)
                && old.group == group
                && old.arguments == arguments;
            if counts && old.id > id || same {
                // Older, delivered again, or a change of columns that nobody looks at.
                let id = old.id.max(id);
                let kept = old_bytes.map(|bytes| restamp(bytes, id)).unwrap_or_default();
                self.versions.put(key, kept);
                return Ok(false);
            }
            if live {
                let Version { time, group, arguments, .. } = old;
                self.step(Step { id, ts, time, group, arguments, add: false }, key)?;
            }
        }
        // The first version of a row that an update brings is of before the stream's start.
        if forgotten && (op == Op::Delete || old_bytes.is_some()) {
            *unknown += 1;
        }
        let time = change.time.filter(|time| op != Op::Delete && !self.is_late(*time));
        let version = match time {
            Some(time) => Version { id, time, alive: true, shard, group, arguments },
            // It keeps older versions of the row away for as long as they could still count.
            None => Version { id, time: ts, alive: false, shard, group: &[], arguments: &[] },
        };
        self.versions.put(key, version.pack());
        match time {
            Some(time) => {
                self.step(Step { id, ts, time, group, arguments, add: true }, key)?;
                Ok(false)
            }
            None => Ok(op != Op::Delete),
        }
    }

    fn step(&mut self, step: Step, name: &[u8]) -> Result<()> {
        let Some(shape) = &self.shape else { return Ok(()) };
        let end = self.spec.window.last_end(step.time);
        self.reach = self.reach.max(end.saturating_add(self.spec.keep));
        let forget = self.forget();
        match self.spec.window {
            Window::Session { .. } => {
                let disk = (!self.whole).then_some(&self.disk);
                self.sessions.step(step, name, forget, disk)
            }
            window => {
                let hurry = if self.spec.on_change { i64::MAX } else { self.horizon };
                let disk = (!self.whole).then_some(&self.disk);
                self.groups.step(step, window, (forget, hurry), &shape.measures, disk)
            }
        }
    }

    /// The table, or one shard of it, is empty: everything that its rows added is taken away.
    fn empty(&mut self, notice: &Termination) -> Result<()> {
        let source = notice.namespace.source();
        let Some(table) = self.tables.iter().position(|table| *table == source) else {
            return Ok(());
        };
        let prefix = (table as u64).to_le_bytes();
        let shard = number_of(&mut self.shards, shard(&notice.namespace)) as u32;
        let concerned = |bytes: &[u8]| -> Result<bool> {
            Ok(notice.whole || Version::read(bytes)?.shard == shard)
        };
        let ts = clock::micros(&notice.ts).unwrap_or_default();
        let gone = |windowing: &mut Self, key: &[u8]| {
            let places = [0, key.len(), key.len(), key.len()];
            let (row, op, id, time) = (0, Op::Delete, notice.id, None);
            let gone = Change { row, op, id, ts, time, shard, places };
            windowing.apply(gone, key, &mut 0)
        };
        if self.whole {
            // What is in memory is as it was written there.
            let concerned = |bytes: &[u8]| concerned(bytes).unwrap_or(true);
            for key in self.versions.keys(&prefix, concerned) {
                gone(self, &key)?;
            }
            return Ok(());
        }
        self.flush()?;
        let from = disk_key(VERSIONS, &prefix);
        let mut all = self.disk.scan(None, &from, &behind(&from))?;
        while let Some((key, bytes)) = all.next()? {
            let concerned = match concerned(bytes) {
                Ok(concerned) => concerned,
                Err(error) => return Err(all.damaged(error)),
            };
            if concerned {
                gone(self, key.get(1..).unwrap_or_default())?;
                self.fit()?;
            }
        }
        Ok(())
    }

    /// Forgets versions whose windows are forgotten: on disk by their time, and in memory when there
    /// are so many that it is worth while.
    fn sweep(&mut self) {
        let (window, forget) = (self.spec.window, self.forget());
        self.disk.expire(forget);
        if self.versions.in_memory() > FEW.max(2 * self.kept) || self.horizon == i64::MAX {
            let on_disk = !self.disk.is_empty();
            self.versions.retain(on_disk, |_, bytes| {
                Version::read(bytes).is_ok_and(|version| window.last_end(version.time) > forget)
            });
            self.kept = self.versions.in_memory();
        }
    }

    /// Writes what is newer than on disk.
    fn flush(&mut self) -> Result<()> {
        let dirty = self.versions.dirty() + self.groups.dirty() + self.sessions.dirty();
        if dirty == 0 {
            return Ok(());
        }
        let (window, forget) = (self.spec.window, self.forget());
        let mut run = self.disk.begin(dirty)?;
        self.versions.flush(&mut run, |bytes| {
            Version::read(bytes).map_or(i64::MAX, |version| window.last_end(version.time))
        })?;
        if let Some(shape) = &self.shape {
            self.groups.flush(&mut run, window, &shape.measures)?;
        }
        if let Window::Session { gap } = window {
            self.sessions.flush(&mut run, gap, forget)?;
        }
        self.disk.add(run)
    }

    /// About how many bytes of memory the state takes.
    fn size(&self) -> usize {
        let on_disk = if self.whole { 0 } else { self.disk.memory() };
        self.versions.bytes() + self.groups.size() + self.sessions.size() + on_disk
    }

    /// Puts on disk what is not in use, where the state takes more memory than it may.
    fn fit(&mut self) -> Result<()> {
        if self.size() <= self.memory {
            return Ok(());
        }
        self.flush()?;
        // Windows that are half written are still needed, though their time is over.
        if self.before.is_none() {
            self.disk.expire(self.forget());
        }
        let movable = self.versions.bytes() + self.groups.bytes() + self.sessions.bytes();
        // Half is made free, so that the next time is far.
        let room = (self.memory / 2).saturating_sub(self.disk.memory());
        let of_versions = room as u128 * self.versions.bytes() as u128 / movable.max(1) as u128;
        self.versions.evict(of_versions as usize);
        self.groups.evict(room - of_versions as usize);
        self.sessions.evict(room - of_versions as usize);
        self.whole = false;
        self.kept = self.versions.in_memory();
        match self.size() {
            size if size > self.memory => Err(too_large(size)),
            _ => Ok(()),
        }
    }
}

/// Reads one row; `None` for the image before an update.
#[inline]
fn read_row(
    plan: &Plan,
    measures: &[tally::Measure],
    cells: &[Cell],
    arena: &mut Vec<u8>,
    row: usize,
) -> Result<Option<Change>> {
    let Some(Told { op, id, ts }) = told(plan.header.system, cells)? else { return Ok(None) };
    let start = arena.len();
    arena.extend_from_slice(&plan.table.to_le_bytes());
    for (place, ty) in &plan.keys {
        if let Some(cell) = cells.get(*place) {
            push_cell(arena, cell, *ty)?;
            arena.push(b',');
        }
    }
    let group = arena.len();
    let (shard, places) = (plan.shard, [start, group, group, group]);
    let mut change = Change { row, op, id, ts, time: None, shard, places };
    // A delete needs nothing but its key: what it takes away is in the state.
    let counts = op != Op::Delete || plan.keys.is_empty();
    if counts {
        change.time = match Some(plan.time) == plan.header.system.ts {
            true => Some(ts),
            false => {
                let text = cells.get(plan.time).map(Cell::text).transpose()?.flatten();
                text.and_then(|text| clock::micros(&text))
            }
        };
        plan.push_group(cells, arena)?;
        let arguments = arena.len();
        for (scalar, measure) in plan.arguments.iter().zip(measures) {
            if let Some(scalar) = scalar {
                let text = scalar.text(cells)?;
                measure.check(text.as_deref())?;
                put_text(arena, text.as_deref());
            }
        }
        change.places = [start, group, arguments, arena.len()];
    }
    Ok(Some(change))
}

impl Operation for Windowing {
    fn take(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()> {
        let namespace = &message.header.schema.namespace;
        let wanted = |pattern: &Pattern| pattern.matches(namespace);
        if !self.spec.patterns.is_empty() && !self.spec.patterns.iter().any(wanted) {
            sent.pass(line, message.row_count() as u64);
            return Ok(());
        }
        match message.protocol {
            Protocol::IncrementTermination => {
                if let Some(notice) = Termination::read(message)?
                    && notice.removes_rows()
                    && !self.spec.append
                {
                    self.empty(&notice).and_then(|()| self.fit()).map_err(of_state)?;
                }
                return Ok(());
            }
            protocol if !protocol.is_data() => return Ok(()),
            _ => {}
        }
        self.planned(message)?;
        self.read(message)?;
        self.apply_all(message, line, sent).map_err(of_state)
    }

    fn advance(&mut self, horizon: i64, sent: &mut Sent) -> Result<bool> {
        let before = self.before.take().unwrap_or(self.horizon);
        self.horizon = self.horizon.max(horizon);
        let (horizon, forget) = (self.horizon, self.forget());
        let on_change = self.spec.on_change;
        let Some(shape) = &mut self.shape else { return Ok(false) };
        let more = match self.spec.window {
            Window::Session { gap } => {
                let keep = self.spec.keep;
                let limits = session::Limits { gap, before, horizon, forget, keep, on_change };
                let others = self.versions.bytes() + self.disk.memory();
                // Never so little that every group is written by itself.
                let room = self.memory.saturating_sub(others).max(self.memory / 4);
                let disk = (!self.whole).then_some((&mut self.disk, room));
                self.sessions.emit(shape, limits, disk, sent)?
            }
            window => {
                let times = Times { before, horizon, forget, on_change };
                let disk = (!self.whole).then_some(&mut self.disk);
                self.groups.emit(shape, window, times, disk, sent)?
            }
        };
        sent.messages += shape.flush(&mut sent.bytes);
        if more {
            self.before = Some(before);
        } else {
            self.sweep();
        }
        self.fit()?;
        Ok(more)
    }

    fn reach(&self) -> i64 {
        self.reach
    }

    fn lodge(&mut self, runs: Runs, memory: usize) {
        self.whole = runs.is_empty();
        (self.disk, self.memory) = (runs, memory);
    }

    fn disk(&mut self) -> Option<&mut Runs> {
        Some(&mut self.disk)
    }

    fn save(&mut self, state: &mut Vec<u8>) -> Result<()> {
        self.flush()?;
        put_i64(state, self.horizon);
        put_i64(state, self.reach);
        put_u64(state, self.taken);
        put_u64(state, self.tables.len() as u64);
        for table in &self.tables {
            put_bytes(state, table.as_bytes());
        }
        put_u64(state, self.shards.len() as u64);
        for shard in &self.shards {
            put_bytes(state, shard.as_bytes());
        }
        shape::save(self.shape.as_ref(), state);
        self.groups.save(state);
        Ok(())
    }

    fn load(&mut self, state: &mut Unpack) -> Result<()> {
        self.horizon = state.i64()?;
        self.reach = state.i64()?;
        self.taken = state.u64()?;
        for _ in 0..state.u64()? {
            self.tables.push(String::from_utf8_lossy(state.bytes()?).into_owned());
        }
        for _ in 0..state.u64()? {
            self.shards.push(String::from_utf8_lossy(state.bytes()?).into_owned());
        }
        self.shape = shape::load(&self.spec, state)?;
        self.groups = Groups::load(state)?;
        self.sessions = Sessions::stored();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
