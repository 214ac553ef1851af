//! Groups of windows that have a fixed start: what their rows amount to. Uses `error`, `op::join`,
//! `store`. HOT in `step`: once a row and window.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::Step;
use super::shape::{Key, Shape, Stamp};
use super::span::Window;
use super::tally::{Function, Measure, Sum};
use crate::error::{Error, Result};
use crate::op::join::Sent;
use crate::op::join::pack::{Unpack, put_i64, put_u64};
use crate::op::join::shelf::{behind, time_key};
use crate::store::runs::{RunWriter, Runs};
use crate::ums::hash::fnv1a;

/// What the keys of groups begin with on disk; the start of the window and the group follow.
const SPACE: u8 = 1;
/// Bytes of memory that a group takes beside its name and its sums: itself, its place in the table,
/// and what the allocator adds.
const GROUP: usize = 240;
/// Bytes of the list of groups in a hurry, above which it is not kept: then all groups are looked at.
const HURRIED: usize = 1 << 20;
/// Bytes of groups that are read back before memory is looked at again.
const LOADED: usize = 8 << 20;
/// In a packed group: it changed since it was written.
const CHANGED: u8 = 1;
/// In a packed group: the last that was written of it is a row.
const OUT: u8 = 2;

/// The groups of a window by the JSON of their cells.
type Named = HashMap<Box<[u8]>, Group, RandomState>;

/// The groups, by the start of their window.
#[derive(Debug, Default)]
pub(super) struct Groups {
    windows: BTreeMap<i64, Named>,
    fresh: Fresh,
    /// Those that changed and are to be written at the next marker, whatever their window.
    hurried: BTreeSet<(i64, Box<[u8]>)>,
    hurried_bytes: usize,
    /// More are in a hurry than are listed.
    unlisted: bool,
    /// Windows whose groups are still to be written, and the last group of the first one that was.
    todo: Option<VecDeque<i64>>,
    after: Option<Vec<u8>>,
    bytes: usize,
}

/// Groups that are newer than on disk: how many, and their windows, and maybe some without.
#[derive(Debug, Default)]
struct Fresh {
    count: usize,
    windows: BTreeSet<i64>,
}

impl Fresh {
    /// A group of the window that starts here is newer now.
    fn note(&mut self, start: i64, group: &mut Group) {
        if !std::mem::replace(&mut group.dirty, true) {
            self.count += 1;
            self.windows.insert(start);
        }
    }
}

/// One group. It stays when its last row has left, until its window is forgotten: its id must not
/// fall when rows come back.
#[derive(Debug)]
struct Group {
    rows: i64,
    /// The greatest id and time of what was done to it, and how often something was.
    stamp: Stamp,
    sums: Box<[Sum]>,
    /// Bytes of memory that the sums take beside their own.
    more: usize,
    /// It changed since it was written.
    changed: bool,
    /// The last that was written of it is a row, not a delete.
    out: bool,
    /// It is newer than on disk.
    dirty: bool,
    /// It was in use since memory was last made free.
    hot: bool,
}

/// How far time has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The horizon before.
    pub(super) before: i64,
    pub(super) horizon: i64,
    /// Windows that end up to here are gone.
    pub(super) forget: i64,
    /// All windows are in a hurry, not only those before the horizon.
    pub(super) on_change: bool,
}

fn prefix(start: i64) -> Vec<u8> {
    let mut prefix = vec![SPACE];
    prefix.extend_from_slice(&time_key(start));
    prefix
}

fn disk_key(start: i64, name: &[u8]) -> Vec<u8> {
    let mut key = prefix(start);
    key.extend_from_slice(name);
    key
}

fn find(disk: &Runs, start: i64, name: &[u8], measures: &[Measure]) -> Result<Option<Group>> {
    disk.read(&disk_key(start, name), |bytes| Group::unpack(bytes, measures))
}

impl Groups {
    /// Adds a row to its groups or takes it away. Windows up to `forget` are gone; what is in one that
    /// ends up to `hurry` is written at the next marker. `disk` is where groups are that are not in
    /// memory, if any are.
    pub(super) fn step(
        &mut self,
        step: Step,
        window: Window,
        (forget, hurry): (i64, i64),
        measures: &[Measure],
        disk: Option<&Runs>,
    ) -> Result<()> {
        for start in window.starts(step.time) {
            let end = window.end(start);
            if end <= forget {
                continue;
            }
            let groups = self.windows.entry(start).or_default();
            let group = match groups.get_mut(step.group) {
                Some(group) => group,
                None => {
                    let kept = disk.map(|disk| find(disk, start, step.group, measures));
                    let group = match kept.transpose()?.flatten() {
                        Some(group) => group,
                        None => Group::new(measures),
                    };
                    self.bytes += group.size(step.group);
                    groups.entry(step.group.into()).or_insert(group)
                }
            };
            let more = group.more;
            group.step(step, measures)?;
            self.bytes = self.bytes + group.more - more;
            self.fresh.note(start, group);
            if !group.changed {
                group.changed = true;
                if end <= hurry {
                    self.hurried.insert((start, step.group.into()));
                    self.hurried_bytes += 64 + step.group.len();
                }
            }
        }
        Ok(())
    }

    /// Writes what changed in a hurry and what is in windows that end between the two horizons;
    /// then forgets. True when the rest is to be asked for again.
    pub(super) fn emit(
        &mut self,
        shape: &mut Shape,
        window: Window,
        times: Times,
        mut disk: Option<&mut Runs>,
        sent: &mut Sent,
    ) -> Result<bool> {
        let mut values = Vec::new();
        if self.unlisted {
            // All are looked at, so that the order is that of a whole list.
            self.hurried.clear();
            self.hurried_bytes = 0;
        }
        while let Some((start, name)) = self.hurried.pop_first() {
            self.hurried_bytes -= 64 + name.len();
            let groups = self.windows.entry(start).or_default();
            let group = match groups.get_mut(&name) {
                Some(group) => group,
                None => {
                    let kept = disk.as_deref().map(|d| find(d, start, &name, &shape.measures));
                    let Some(group) = kept.transpose()?.flatten() else { continue };
                    self.bytes += group.size(&name);
                    groups.entry(name.clone()).or_insert(group)
                }
            };
            self.fresh.note(start, group);
            group.emit(shape, window, start, &name, &mut values, sent)?;
            if sent.is_full() {
                return Ok(true);
            }
        }
        let mut todo = match self.todo.take() {
            Some(todo) => todo,
            None => {
                let hurry = std::mem::take(&mut self.unlisted);
                let hurried = |end| hurry && (times.on_change || end <= times.before);
                let due = |end| hurried(end) || end > times.before && end <= times.horizon;
                // Windows are in the order of their ends, too: of many that are kept, few are looked at.
                let first = if hurry { i64::MIN } else { window.earliest(times.before) };
                let starts = self.windows.range(first..).map(|(start, _)| *start);
                let starts =
                    starts.take_while(|start| hurry || window.end(*start) <= times.horizon);
                starts.filter(|start| due(window.end(*start))).collect()
            }
        };
        while let Some(start) = todo.front() {
            let more = match disk.as_deref_mut() {
                None => self.emit_window(*start, shape, window, &mut values, sent)?,
                Some(disk) => self.emit_stored(*start, shape, window, &mut values, disk, sent)?,
            };
            if more {
                self.todo = Some(todo);
                return Ok(true);
            }
            self.after = None;
            todo.pop_front();
        }
        while let Some(oldest) = self.windows.first_entry() {
            if window.end(*oldest.key()) > times.forget {
                break;
            }
            self.fresh.windows.remove(oldest.key());
            for (name, group) in oldest.remove() {
                self.bytes -= group.size(&name);
                self.fresh.count -= usize::from(group.dirty);
            }
        }
        Ok(false)
    }

    /// Writes what changed in a window that is in memory.
    fn emit_window(
        &mut self,
        start: i64,
        shape: &mut Shape,
        window: Window,
        values: &mut Vec<u8>,
        sent: &mut Sent,
    ) -> Result<bool> {
        let Some(groups) = self.windows.get_mut(&start) else { return Ok(false) };
        let mut closing: Vec<_> = groups.iter_mut().filter(|(_, group)| group.changed).collect();
        closing.sort_unstable_by(|a, b| a.0.cmp(b.0));
        for (name, group) in closing {
            self.fresh.note(start, group);
            group.emit(shape, window, start, name, values, sent)?;
            if sent.is_full() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Writes what changed in a window that is on disk, maybe in parts.
    fn emit_stored(
        &mut self,
        start: i64,
        shape: &mut Shape,
        window: Window,
        values: &mut Vec<u8>,
        disk: &mut Runs,
        sent: &mut Sent,
    ) -> Result<bool> {
        // With all of it on disk, the order of the disk is the order of the groups.
        if self.fresh.count > 0 {
            let mut run = disk.begin(self.fresh.count)?;
            self.flush(&mut run, window, &shape.measures)?;
            disk.add(run)?;
        }
        let prefix = prefix(start);
        let mut from = prefix.clone();
        if let Some(after) = &self.after {
            from.extend_from_slice(after);
            from.push(0);
        }
        let mut scan = disk.scan(None, &from, &behind(&prefix))?;
        let most = self.bytes.saturating_add(LOADED);
        while let Some((key, bytes)) = scan.next()? {
            if bytes.first().is_none_or(|flags| flags & CHANGED == 0) {
                continue;
            }
            let name = key.get(prefix.len()..).unwrap_or_default();
            let groups = self.windows.entry(start).or_default();
            // The one in memory is the same.
            let group = match groups.get_mut(name) {
                Some(group) => group,
                None => {
                    let group = match Group::unpack(bytes, &shape.measures) {
                        Ok(group) => group,
                        Err(error) => return Err(scan.damaged(error)),
                    };
                    self.bytes += group.size(name);
                    groups.entry(name.into()).or_insert(group)
                }
            };
            self.fresh.note(start, group);
            group.emit(shape, window, start, name, values, sent)?;
            // What --having keeps back sends nothing, and takes memory all the same.
            if sent.is_full() || self.bytes > most {
                self.after = Some(name.to_vec());
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Groups that `flush` writes.
    pub(super) fn dirty(&self) -> usize {
        self.fresh.count
    }

    /// Writes what is newer than on disk.
    pub(super) fn flush(
        &mut self,
        run: &mut RunWriter,
        window: Window,
        measures: &[Measure],
    ) -> Result<()> {
        let mut bytes = Vec::new();
        for start in std::mem::take(&mut self.fresh.windows) {
            let Some(groups) = self.windows.get_mut(&start) else { continue };
            let mut dirty: Vec<_> = groups.iter_mut().filter(|(_, group)| group.dirty).collect();
            dirty.sort_unstable_by(|a, b| a.0.cmp(b.0));
            for (name, group) in dirty {
                let key = disk_key(start, name);
                bytes.clear();
                group.pack(measures, &mut bytes);
                run.put(&key, key.len(), window.end(start), Some(&bytes))?;
                group.dirty = false;
            }
        }
        self.fresh.count = 0;
        Ok(())
    }

    /// Lets go of groups, those not in use lately first, until so many bytes are left. Everything has
    /// been flushed.
    pub(super) fn evict(&mut self, most: usize) {
        if self.hurried_bytes > HURRIED.min(most / 4) {
            self.hurried.clear();
            self.hurried_bytes = 0;
            self.unlisted = true;
        }
        for hot in [true, false] {
            let mut over = self.bytes.saturating_sub(most);
            for groups in self.windows.values_mut() {
                groups.retain(|name, group| {
                    if std::mem::take(&mut group.hot) && hot || over == 0 {
                        return true;
                    }
                    let bytes = group.size(name);
                    over = over.saturating_sub(bytes);
                    self.bytes -= bytes;
                    false
                });
                if groups.is_empty() {
                    groups.shrink_to_fit();
                }
            }
        }
    }

    /// Appends what is not in the runs: which windows there are.
    pub(super) fn save(&self, state: &mut Vec<u8>) {
        put_u64(state, self.windows.len() as u64);
        for start in self.windows.keys() {
            put_i64(state, *start);
        }
        state.push(u8::from(self.unlisted || !self.hurried.is_empty()));
    }

    pub(super) fn load(state: &mut Unpack) -> Result<Self> {
        let mut all = Self::default();
        for _ in 0..state.u64()? {
            all.windows.insert(state.i64()?, Named::default());
        }
        all.unlisted = state.byte()? != 0;
        Ok(all)
    }

    /// About how many bytes of memory they take.
    pub(super) fn size(&self) -> usize {
        self.bytes + self.hurried_bytes + self.windows.len() * 64
    }

    /// About how many of them `evict` can free.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Group {
    fn new(measures: &[Measure]) -> Self {
        Self {
            rows: 0,
            stamp: Stamp::NONE,
            sums: measures.iter().map(|measure| measure.nothing()).collect(),
            more: 0,
            changed: false,
            out: false,
            dirty: false,
            hot: true,
        }
    }

    fn size(&self, name: &[u8]) -> usize {
        GROUP + name.len() + size_of_val(&*self.sums) + self.more
    }

    fn pack(&self, measures: &[Measure], out: &mut Vec<u8>) {
        let flags = if self.changed { CHANGED } else { 0 } | if self.out { OUT } else { 0 };
        out.push(flags);
        put_i64(out, self.rows);
        put_i64(out, self.stamp.id);
        put_i64(out, self.stamp.ts);
        put_u64(out, self.stamp.changes);
        for (measure, sum) in measures.iter().zip(&self.sums) {
            measure.save(sum, out);
        }
    }

    fn unpack(bytes: &[u8], measures: &[Measure]) -> Result<Self> {
        let mut unpack = Unpack::new(bytes);
        let flags = unpack.byte()?;
        let rows = unpack.i64()?;
        let stamp = Stamp { id: unpack.i64()?, ts: unpack.i64()?, changes: unpack.u64()? };
        let sums = measures.iter().map(|measure| measure.load(&mut unpack));
        let sums: Box<[Sum]> = sums.collect::<Result<_>>()?;
        if !unpack.is_empty() {
            return Err(Error::refused("the state has a group of other aggregates"));
        }
        let more = sums.iter().map(Sum::more).sum();
        let (changed, out) = (flags & CHANGED != 0, flags & OUT != 0);
        Ok(Self { rows, stamp, sums, more, changed, out, dirty: false, hot: true })
    }

    #[inline]
    fn step(&mut self, step: Step, measures: &[Measure]) -> Result<()> {
        self.rows += if step.add { 1 } else { -1 };
        self.hot = true;
        self.stamp.take(step.id, step.ts);
        let more = apply(measures, &mut self.sums, step.arguments, step.add)?;
        self.more = self.more.saturating_add_signed(more);
        Ok(())
    }

    fn emit(
        &mut self,
        shape: &mut Shape,
        window: Window,
        start: i64,
        name: &[u8],
        values: &mut Vec<u8>,
        sent: &mut Sent,
    ) -> Result<()> {
        self.changed = false;
        values.clear();
        shape.values(&self.sums, self.rows, values)?;
        let span = (window != Window::Whole).then(|| (start, window.end(start)));
        let key = Key { window: span, group: name, hash: fnv1a(name) };
        let visible = self.rows > 0 && shape.holds(self.stamp, &key, values)?;
        let op = match (visible, self.out) {
            (true, false) => b'I',
            (true, true) => b'U',
            (false, true) => b'D',
            (false, false) => return Ok(()),
        };
        self.out = visible;
        sent.rows += 1;
        sent.messages += shape.row(op, self.stamp, &key, values, &mut sent.bytes);
        Ok(())
    }
}

impl Stamp {
    /// Something was done at this id and time.
    #[inline]
    pub(super) fn take(&mut self, id: i64, ts: i64) {
        self.id = self.id.max(id);
        self.ts = self.ts.max(ts);
        self.changes += 1;
    }
}

/// Adds the packed arguments of a row to the sums, or takes them away; gives how many bytes of memory
/// more they take.
#[inline]
pub(super) fn apply(
    measures: &[Measure],
    sums: &mut [Sum],
    arguments: &[u8],
    add: bool,
) -> Result<isize> {
    let mut unpack = Unpack::new(arguments);
    let mut more = 0;
    for (measure, sum) in measures.iter().zip(sums) {
        if measure.function != Function::Rows {
            more += measure.apply(sum, unpack.text()?, add)?;
        }
    }
    Ok(more)
}
