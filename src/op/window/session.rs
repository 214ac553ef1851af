//! Sessions: windows that end when a group pauses. The rows themselves are kept, because a row that
//! leaves may cut a session in two. Uses `error`, `op::join`, `store`. Warm: once a row.
//!
//! A group goes to disk as a whole, and its entry of the agenda with it: so what is due is found there
//! in the order of time, and a group that is on disk takes no memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::Step;
use super::groups::apply;
use super::shape::{Key, Shape, Stamp};
use crate::error::{Error, Result};
use crate::op::join::Sent;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_u64};
use crate::op::join::shelf::{behind, disk_key, time_key};
use crate::store::runs::{RunWriter, Runs};
use crate::ums::hash::fnv1a;

/// What the keys of groups begin with on disk; the group follows.
const SPACE: u8 = 2;
/// What the keys of the agenda begin with on disk; the time and the group follow.
const AGENDA: u8 = 3;
/// The time in the agenda of a group that changed: the next marker, whatever its time.
const CHANGED: i64 = i64::MIN;
/// Bytes of memory that a group takes beside its name and what is in its maps: itself, its places in
/// the table and the agenda, and a node of each map.
const GROUP: usize = 1100;
/// Bytes of memory that a row takes beside its key and arguments.
const ROW: usize = 96;
/// Bytes of memory that a written session takes beside its values.
const OUT: usize = 72;
/// Bytes of names on disk that are due, above which they are not listed: then all groups are looked at.
const LISTED: usize = 1 << 20;

/// The rows of each group, by the JSON of its cells.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    groups: HashMap<Box<[u8]>, Events, RandomState>,
    /// When groups in memory are to be looked at.
    agenda: BTreeSet<(i64, Box<[u8]>)>,
    /// Groups that changed may be on disk only.
    away: bool,
    /// What is still to be looked at at this horizon.
    todo: Option<Todo>,
    bytes: usize,
    dirty: usize,
    /// Groups in memory after the last look for forgotten ones.
    kept: usize,
}

/// Groups that are due, in the order of their names.
#[derive(Debug)]
enum Todo {
    Names(VecDeque<Box<[u8]>>),
    /// All that are on disk behind this one.
    Behind(Option<Vec<u8>>),
}

/// The time of a row and its key.
type Place = (i64, Box<[u8]>);

/// The rows of a group.
#[derive(Debug)]
struct Events {
    /// Arguments by time and key.
    rows: BTreeMap<Place, Box<[u8]>>,
    /// The sessions that were written, by their start: their end and the JSON of their values.
    out: BTreeMap<i64, (i64, Box<[u8]>)>,
    stamp: Stamp,
    /// Bytes of memory that rows and written sessions take.
    more: usize,
    /// The entry in the agenda.
    listed: Option<i64>,
    /// The entry in the agenda on disk.
    listed_on_disk: Option<i64>,
    /// An entry of the group may be on disk.
    stored: bool,
    /// It is newer than on disk.
    dirty: bool,
    /// It was in use since memory was last made free.
    hot: bool,
}

/// What decides about sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) gap: i64,
    /// The horizon before.
    pub(super) before: i64,
    pub(super) horizon: i64,
    pub(super) forget: i64,
    pub(super) keep: i64,
    pub(super) on_change: bool,
}

/// Where groups are that are not in memory, and how many bytes of memory groups may take.
pub(super) type Disk<'a> = Option<(&'a mut Runs, usize)>;

fn agenda_prefix(time: i64) -> Vec<u8> {
    disk_key(AGENDA, &time_key(time))
}

fn agenda_key(time: i64, name: &[u8]) -> Vec<u8> {
    let mut key = agenda_prefix(time);
    key.extend_from_slice(name);
    key
}

fn find(disk: &Runs, name: &[u8]) -> Result<Option<Events>> {
    disk.read(&disk_key(SPACE, name), Events::unpack)
}

impl Sessions {
    /// Adds a row or takes it away. Sessions that end up to `forget` are gone.
    pub(super) fn step(
        &mut self,
        step: Step,
        name: &[u8],
        forget: i64,
        disk: Option<&Runs>,
    ) -> Result<()> {
        let events = match self.groups.get_mut(step.group) {
            Some(events) => events,
            None => {
                let found = disk.map(|disk| find(disk, step.group)).transpose()?.flatten();
                let events = found.unwrap_or_else(Events::new);
                self.bytes += events.size(step.group);
                if let Some(time) = events.listed {
                    self.agenda.insert((time, step.group.into()));
                }
                self.groups.entry(step.group.into()).or_insert(events)
            }
        };
        if events.is_over(forget) {
            // It may be here or not.
            events.stamp = Stamp::NONE;
        }
        events.hot = true;
        events.stamp.take(step.id, step.ts);
        self.bytes -= events.more;
        let place = (step.time, name.into());
        let (key, row) = (name.len(), step.arguments.len());
        let old = match step.add {
            true => {
                events.more += ROW + key + row;
                events.rows.insert(place, step.arguments.into())
            }
            false => events.rows.remove(&place),
        };
        events.more -= old.map_or(0, |old| ROW + key + old.len());
        self.bytes += events.more;
        self.dirty += usize::from(!std::mem::replace(&mut events.dirty, true));
        if events.listed != Some(CHANGED) {
            relist(&mut self.agenda, events, step.group, Some(CHANGED));
        }
        Ok(())
    }

    /// Writes the sessions that changed or closed, groups in the order of their names; then forgets.
    /// True when the rest is to be asked for again.
    pub(super) fn emit(
        &mut self,
        shape: &mut Shape,
        limits: Limits,
        mut disk: Disk,
        sent: &mut Sent,
    ) -> Result<bool> {
        let todo = match self.todo.take() {
            Some(todo) => todo,
            None => self.due(limits, &disk)?,
        };
        match todo {
            Todo::Names(mut names) => {
                while let Some(name) = names.pop_front() {
                    self.look_at(&name, shape, limits, &mut disk, sent)?;
                    if sent.is_full() {
                        self.todo = Some(Todo::Names(names));
                        return Ok(true);
                    }
                }
            }
            Todo::Behind(after) => {
                if self.look_at_all(after, shape, limits, &mut disk, sent)? {
                    return Ok(true);
                }
            }
        }
        if limits.horizon == i64::MAX {
            // Nothing can come any more, and the disk forgets by itself.
            *self = Self::default();
        }
        // When there are so many that it is worth while.
        if self.groups.len() > 1000.max(2 * self.kept) {
            let bytes = &mut self.bytes;
            let dirty = &mut self.dirty;
            self.groups.retain(|name, events| {
                // What is on disk of it must know that it is over, or it would come back.
                let goes = events.is_over(limits.forget) && !(events.stored && events.dirty);
                if goes {
                    *bytes -= events.size(name);
                    *dirty -= usize::from(events.dirty);
                }
                !goes
            });
            self.kept = self.groups.len();
        }
        Ok(false)
    }

    /// The groups that are due.
    fn due(&mut self, limits: Limits, disk: &Disk) -> Result<Todo> {
        let due = self.agenda.iter().take_while(|(time, _)| *time <= limits.horizon);
        let mut names: Vec<Box<[u8]>> = due.map(|(_, name)| name.clone()).collect();
        let Some((disk, room)) = disk else {
            names.sort_unstable();
            return Ok(Todo::Names(names.into()));
        };
        let changed = agenda_prefix(CHANGED);
        let next = limits.before.saturating_add(1).max(CHANGED + 1);
        let times = (agenda_prefix(next), behind(&agenda_prefix(limits.horizon)));
        let changed = std::mem::take(&mut self.away).then(|| (changed.clone(), behind(&changed)));
        let mut bytes = 0;
        for (from, to) in changed.into_iter().chain([times]) {
            let mut found = disk.scan(None, &from, &to)?;
            while let Some((key, _)) = found.next()? {
                let name = key.get(from.len()..).unwrap_or_default();
                // The agenda in memory knows of those that are there.
                if self.groups.contains_key(name) {
                    continue;
                }
                bytes += name.len() + 32;
                if bytes > LISTED.min(room / 4) {
                    return Ok(Todo::Behind(None));
                }
                names.push(name.into());
            }
        }
        names.sort_unstable();
        Ok(Todo::Names(names.into()))
    }

    /// Looks at all groups that are due, with what is on disk in its order.
    fn look_at_all(
        &mut self,
        after: Option<Vec<u8>>,
        shape: &mut Shape,
        limits: Limits,
        disk: &mut Disk,
        sent: &mut Sent,
    ) -> Result<bool> {
        let Some((runs, _)) = disk else { return Ok(false) };
        self.write(runs, limits.gap, limits.forget)?;
        let mut from = vec![SPACE];
        if let Some(after) = after {
            from.extend_from_slice(&after);
            from.push(0);
        }
        let mut scan = runs.scan(None, &from, &[SPACE + 1])?;
        while let Some((key, bytes)) = scan.next()? {
            let listing = match Events::listing(&mut Unpack::new(bytes)) {
                Ok(listing) => listing,
                Err(error) => return Err(scan.damaged(error)),
            };
            if listing.is_none_or(|time| time > limits.horizon) {
                continue;
            }
            let name = key.get(1..).unwrap_or_default();
            self.look_at(name, shape, limits, disk, sent)?;
            if sent.is_full() {
                self.todo = Some(Todo::Behind(Some(name.to_vec())));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes what is different in a group, and says when it is to be looked at again.
    fn look_at(
        &mut self,
        name: &[u8],
        shape: &mut Shape,
        limits: Limits,
        disk: &mut Disk,
        sent: &mut Sent,
    ) -> Result<()> {
        let events = match self.groups.get_mut(name) {
            Some(events) => events,
            None => {
                let found = disk.as_ref().map(|(disk, _)| find(disk, name));
                let Some(events) = found.transpose()?.flatten() else { return Ok(()) };
                self.bytes += events.size(name);
                self.groups.entry(name.into()).or_insert(events)
            }
        };
        self.bytes -= events.more;
        let next = events.emit(name, shape, limits, sent)?;
        self.bytes += events.more;
        self.dirty += usize::from(!std::mem::replace(&mut events.dirty, true));
        relist(&mut self.agenda, events, name, next);
        if let Some((disk, room)) = disk
            && self.bytes > *room
        {
            self.write(disk, limits.gap, limits.forget)?;
            self.evict(*room / 2);
        }
        Ok(())
    }

    /// Entries that `flush` writes, at most.
    pub(super) fn dirty(&self) -> usize {
        // The group, and what leaves the agenda and what comes into it.
        self.dirty * 3
    }

    /// Makes a run of what is newer than on disk.
    fn write(&mut self, disk: &mut Runs, gap: i64, forget: i64) -> Result<()> {
        if self.dirty == 0 {
            return Ok(());
        }
        let mut run = disk.begin(self.dirty())?;
        self.flush(&mut run, gap, forget)?;
        disk.add(run)
    }

    /// Writes what is newer than on disk.
    pub(super) fn flush(&mut self, run: &mut RunWriter, gap: i64, forget: i64) -> Result<()> {
        let mut dirty: Vec<_> = self.groups.iter_mut().filter(|(_, all)| all.dirty).collect();
        dirty.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let (mut bytes, mut agenda) = (Vec::new(), Vec::new());
        for (name, events) in dirty {
            let key = disk_key(SPACE, name);
            bytes.clear();
            events.pack(&mut bytes);
            run.put(&key, key.len(), events.until(gap, forget), Some(&bytes))?;
            let (old, new) = (events.listed_on_disk, events.listed);
            if old != new {
                agenda.extend(old.map(|time| (agenda_key(time, name), time, false)));
            }
            // One that changed counts to the next marker only, so it is written again.
            if old != new || new == Some(CHANGED) {
                agenda.extend(new.map(|time| (agenda_key(time, name), time, true)));
            }
            events.listed_on_disk = new;
            (events.dirty, events.stored) = (false, true);
        }
        agenda.sort_unstable();
        for (key, time, there) in agenda {
            // What is due has been looked at before its time is forgotten.
            let until = if time == CHANGED { forget.saturating_add(1) } else { time };
            run.put(&key, key.len(), until, there.then_some(&[]))?;
        }
        self.dirty = 0;
        Ok(())
    }

    /// Lets go of groups, those not in use lately first, until so many bytes are left. Everything has
    /// been flushed.
    pub(super) fn evict(&mut self, most: usize) {
        for hot in [true, false] {
            let mut over = self.bytes.saturating_sub(most);
            self.groups.retain(|name, events| {
                if std::mem::take(&mut events.hot) && hot || over == 0 {
                    return true;
                }
                let bytes = events.size(name);
                over = over.saturating_sub(bytes);
                self.bytes -= bytes;
                self.away |= events.listed == Some(CHANGED);
                relist(&mut self.agenda, events, name, None);
                false
            });
        }
        self.kept = self.groups.len();
    }

    /// What an earlier run kept, all of which is on disk.
    pub(super) fn stored() -> Self {
        Self { away: true, ..Self::default() }
    }

    /// About how many bytes of memory they take.
    pub(super) fn size(&self) -> usize {
        match &self.todo {
            Some(Todo::Names(names)) => {
                self.bytes + names.iter().map(|name| name.len() + 32).sum::<usize>()
            }
            _ => self.bytes,
        }
    }

    /// About how many of them `evict` can free.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Gives a group another time in the agenda, or none.
fn relist(
    agenda: &mut BTreeSet<(i64, Box<[u8]>)>,
    events: &mut Events,
    name: &[u8],
    time: Option<i64>,
) {
    let mut entry = (CHANGED, name.into());
    if let Some(old) = events.listed {
        entry.0 = old;
        agenda.remove(&entry);
    }
    events.listed = time;
    if let Some(new) = time {
        entry.0 = new;
        agenda.insert(entry);
    }
}

impl Events {
    fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            out: BTreeMap::new(),
            stamp: Stamp::NONE,
            more: 0,
            listed: None,
            listed_on_disk: None,
            stored: false,
            dirty: false,
            hot: true,
        }
    }

    fn size(&self, name: &[u8]) -> usize {
        GROUP + 2 * name.len() + self.more
    }

    /// Whether nobody will ask for it, nor for its id.
    fn is_over(&self, forget: i64) -> bool {
        self.rows.is_empty() && self.listed != Some(CHANGED) && self.stamp.ts <= forget
    }

    /// How long its entry on disk counts.
    fn until(&self, gap: i64, forget: i64) -> i64 {
        let end = self.rows.last_key_value().map(|((time, _), _)| time.saturating_add(gap));
        // One that changed is still to be looked at.
        let changed = (self.listed == Some(CHANGED)).then(|| forget.saturating_add(1));
        self.stamp.ts.max(end.unwrap_or(i64::MIN)).max(changed.unwrap_or(i64::MIN))
    }

    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.listed.is_some()));
        put_i64(out, self.listed.unwrap_or_default());
        put_i64(out, self.stamp.id);
        put_i64(out, self.stamp.ts);
        put_u64(out, self.stamp.changes);
        put_u64(out, self.rows.len() as u64);
        for ((time, key), arguments) in &self.rows {
            put_i64(out, *time);
            put_bytes(out, key);
            put_bytes(out, arguments);
        }
        put_u64(out, self.out.len() as u64);
        for (start, (end, values)) in &self.out {
            put_i64(out, *start);
            put_i64(out, *end);
            put_bytes(out, values);
        }
    }

    /// The entry in the agenda, which a packed group begins with.
    fn listing(unpack: &mut Unpack) -> Result<Option<i64>> {
        let listed = unpack.byte()? != 0;
        Ok(Some(unpack.i64()?).filter(|_| listed))
    }

    fn unpack(bytes: &[u8]) -> Result<Self> {
        let mut state = Unpack::new(bytes);
        let mut all = Self::new();
        all.listed = Self::listing(&mut state)?;
        (all.listed_on_disk, all.stored) = (all.listed, true);
        all.stamp = Stamp { id: state.i64()?, ts: state.i64()?, changes: state.u64()? };
        for _ in 0..state.u64()? {
            let place = (state.i64()?, state.bytes()?.into());
            all.rows.insert(place, state.bytes()?.into());
        }
        for _ in 0..state.u64()? {
            let start = state.i64()?;
            all.out.insert(start, (state.i64()?, state.bytes()?.into()));
        }
        if !state.is_empty() {
            return Err(Error::refused("the state has a group with more than its rows"));
        }
        all.measure();
        Ok(all)
    }

    /// Counts anew how many bytes of memory rows and written sessions take.
    fn measure(&mut self) {
        let rows = self.rows.iter().map(|((_, key), row)| ROW + key.len() + row.len());
        let out = self.out.values().map(|(_, values)| OUT + values.len());
        self.more = rows.sum::<usize>() + out.sum::<usize>();
    }

    /// Writes what is different from what was written; gives when to look again.
    fn emit(
        &mut self,
        name: &[u8],
        shape: &mut Shape,
        limits: Limits,
        sent: &mut Sent,
    ) -> Result<Option<i64>> {
        let hash = fnv1a(name);
        let key = |start, end| Key { window: Some((start, end)), group: name, hash };
        let mut next: Option<i64> = None;
        let mut current = BTreeMap::new();
        let mut rows = self.rows.iter().peekable();
        let mut forgotten = None;
        while let Some(((start, _), first)) = rows.next() {
            let mut sums: Box<[_]> = shape.measures.iter().map(|m| m.nothing()).collect();
            apply(&shape.measures, &mut sums, first, true)?;
            let (mut last, mut count) = (*start, 1);
            while let Some(((time, _), arguments)) =
                rows.next_if(|((time, _), _)| *time < last.saturating_add(limits.gap))
            {
                apply(&shape.measures, &mut sums, arguments, true)?;
                (last, count) = (*time, count + 1);
            }
            let end = last.saturating_add(limits.gap);
            let closed = end <= limits.horizon;
            // It is looked at when it closes, and again when it is forgotten.
            let again = if closed { end.saturating_add(limits.keep) } else { end };
            if again > limits.horizon && (again < i64::MAX || !closed) {
                next = Some(next.map_or(again, |next| next.min(again)));
            }
            if end <= limits.forget {
                forgotten = Some(last);
            }
            if closed || limits.on_change {
                let mut values = Vec::new();
                shape.values(&sums, count, &mut values)?;
                if shape.holds(self.stamp, &key(*start, end), &values)? {
                    current.insert(*start, (end, values.into_boxed_slice()));
                }
            }
        }
        let rows = sent.rows;
        let mut write = |op: u8, start: i64, (end, values): &(i64, Box<[u8]>)| {
            sent.rows += 1;
            sent.messages += shape.row(op, self.stamp, &key(start, *end), values, &mut sent.bytes);
        };
        for (start, old) in &self.out {
            if !current.contains_key(start) {
                write(b'D', *start, old);
            }
        }
        for (start, new) in &current {
            match self.out.get(start) {
                Some(old) if old == new => {}
                Some(_) => write(b'U', *start, new),
                None => write(b'I', *start, new),
            }
        }
        if rows < sent.rows {
            // One that was taken back for being open again is written when it closes, with another uid.
            self.stamp.changes += 1;
        }
        self.out = current;
        if let Some(last) = forgotten {
            // Sessions lie behind each other, so all up to this one are forgotten.
            self.rows.retain(|(time, _), _| *time > last);
            self.out.retain(|start, _| *start > last);
        }
        self.measure();
        Ok(next)
    }
}
