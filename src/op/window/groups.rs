//! Groups of windows that have a fixed start: what their rows amount to. Uses `error`, `op::join`.
//! HOT in `step`: once a row and window.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Step;
use super::shape::{Key, Shape, Stamp};
use super::span::Window;
use super::tally::{Function, Measure, Sum};
use crate::error::Result;
use crate::op::join::Sent;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_u64};
use crate::ums::hash::fnv1a;

/// The groups, by the start of their window and the JSON of their cells.
#[derive(Debug, Default)]
pub(super) struct Groups {
    windows: BTreeMap<i64, HashMap<Box<[u8]>, Group>>,
    /// Those that changed and are to be written at the next marker, whatever their window.
    hurried: BTreeSet<(i64, Box<[u8]>)>,
    count: usize,
}

/// One group. It stays when its last row has left, until its window is forgotten: its id must not
/// fall when rows come back.
#[derive(Debug)]
struct Group {
    rows: i64,
    /// The greatest id and time of what was done to it, and how often something was.
    stamp: Stamp,
    sums: Box<[Sum]>,
    /// It changed since it was written.
    changed: bool,
    /// The last that was written of it is a row, not a delete.
    out: bool,
}

impl Groups {
    /// Adds a row to its groups or takes it away. Windows up to `forget` are gone; what is in one that
    /// ends up to `hurry` is written at the next marker.
    pub(super) fn step(
        &mut self,
        step: Step,
        window: Window,
        forget: i64,
        hurry: i64,
        measures: &[Measure],
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
                    self.count += 1;
                    groups.entry(step.group.into()).or_insert_with(|| Group::new(measures))
                }
            };
            group.step(step, measures)?;
            if !group.changed {
                group.changed = true;
                if end <= hurry {
                    self.hurried.insert((start, step.group.into()));
                }
            }
        }
        Ok(())
    }

    /// Writes what changed in a hurry and what is in windows that end between the two horizons;
    /// then forgets.
    pub(super) fn emit(
        &mut self,
        shape: &mut Shape,
        window: Window,
        before: i64,
        horizon: i64,
        forget: i64,
        sent: &mut Sent,
    ) -> Result<()> {
        let mut values = Vec::new();
        for (start, name) in std::mem::take(&mut self.hurried) {
            let group = self.windows.get_mut(&start).and_then(|groups| groups.get_mut(&name));
            if let Some(group) = group {
                group.emit(shape, window, start, &name, &mut values, sent)?;
            }
        }
        for (start, groups) in &mut self.windows {
            let end = window.end(*start);
            if end > horizon {
                break;
            }
            if end <= before {
                continue;
            }
            let mut closing: Vec<_> =
                groups.iter_mut().filter(|(_, group)| group.changed).collect();
            closing.sort_unstable_by(|a, b| a.0.cmp(b.0));
            for (name, group) in closing {
                group.emit(shape, window, *start, name, &mut values, sent)?;
            }
        }
        while let Some(oldest) = self.windows.first_entry() {
            if window.end(*oldest.key()) > forget {
                break;
            }
            self.count -= oldest.remove().len();
        }
        Ok(())
    }

    pub(super) fn save(&self, measures: &[Measure], state: &mut Vec<u8>) {
        put_u64(state, self.windows.len() as u64);
        for (start, groups) in &self.windows {
            put_i64(state, *start);
            put_u64(state, groups.len() as u64);
            for (name, group) in groups {
                put_bytes(state, name);
                put_i64(state, group.rows);
                put_i64(state, group.stamp.id);
                put_i64(state, group.stamp.ts);
                put_u64(state, group.stamp.changes);
                state.push(u8::from(group.changed) | u8::from(group.out) << 1);
                for (measure, sum) in measures.iter().zip(&group.sums) {
                    measure.save(sum, state);
                }
            }
        }
        put_u64(state, self.hurried.len() as u64);
        for (start, name) in &self.hurried {
            put_i64(state, *start);
            put_bytes(state, name);
        }
    }

    pub(super) fn load(measures: &[Measure], state: &mut Unpack) -> Result<Self> {
        let mut all = Self::default();
        for _ in 0..state.u64()? {
            let start = state.i64()?;
            let groups = all.windows.entry(start).or_default();
            for _ in 0..state.u64()? {
                let name = state.bytes()?.into();
                let rows = state.i64()?;
                let stamp = Stamp { id: state.i64()?, ts: state.i64()?, changes: state.u64()? };
                let flags = state.byte()?;
                let sums = measures.iter().map(|measure| measure.load(state));
                let sums = sums.collect::<Result<_>>()?;
                let (changed, out) = (flags & 1 != 0, flags & 2 != 0);
                groups.insert(name, Group { rows, stamp, sums, changed, out });
                all.count += 1;
            }
        }
        for _ in 0..state.u64()? {
            let start = state.i64()?;
            all.hurried.insert((start, state.bytes()?.into()));
        }
        Ok(all)
    }

    /// About how many bytes they take.
    pub(super) fn size(&self) -> usize {
        self.count * 256
    }
}

impl Group {
    fn new(measures: &[Measure]) -> Self {
        Self {
            rows: 0,
            stamp: Stamp { id: i64::MIN, ts: i64::MIN, changes: 0 },
            sums: measures.iter().map(|measure| measure.nothing()).collect(),
            changed: false,
            out: false,
        }
    }

    #[inline]
    fn step(&mut self, step: Step, measures: &[Measure]) -> Result<()> {
        self.rows += if step.add { 1 } else { -1 };
        self.stamp.take(step.id, step.ts);
        apply(measures, &mut self.sums, step.arguments, step.add)
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

/// Adds the packed arguments of a row to the sums, or takes them away.
#[inline]
pub(super) fn apply(
    measures: &[Measure],
    sums: &mut [Sum],
    arguments: &[u8],
    add: bool,
) -> Result<()> {
    let mut unpack = Unpack::new(arguments);
    for (measure, sum) in measures.iter().zip(sums) {
        if measure.function != Function::Rows {
            measure.apply(sum, unpack.text()?, add)?;
        }
    }
    Ok(())
}
