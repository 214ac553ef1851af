//! Sessions: windows that end when a group pauses. The rows themselves are kept, because a row that
//! leaves may cut a session in two. Uses `error`, `op::join`. Warm: once a row.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Step;
use super::groups::apply;
use super::shape::{Key, Shape, Stamp};
use crate::error::Result;
use crate::op::join::Sent;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_u64};
use crate::ums::hash::fnv1a;

/// The rows of each group, by the JSON of its cells.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    groups: HashMap<Box<[u8]>, Events>,
    /// Groups that changed.
    changed: BTreeSet<Box<[u8]>>,
    /// When a group is to be looked at again.
    due: BTreeSet<(i64, Box<[u8]>)>,
    /// Rows in all.
    count: usize,
    /// Groups after the last look for forgotten ones.
    kept: usize,
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
    /// The entry in `due`.
    due: Option<i64>,
}

/// What decides about sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) gap: i64,
    pub(super) horizon: i64,
    pub(super) forget: i64,
    pub(super) keep: i64,
    pub(super) on_change: bool,
}

impl Sessions {
    /// Adds a row or takes it away.
    pub(super) fn step(&mut self, step: Step, name: &[u8], gap: i64) {
        let events = self.groups.entry(step.group.into()).or_insert_with(|| Events {
            rows: BTreeMap::new(),
            out: BTreeMap::new(),
            stamp: Stamp { id: i64::MIN, ts: i64::MIN, changes: 0 },
            due: None,
        });
        events.stamp.take(step.id, step.ts);
        let place = (step.time, name.into());
        if step.add {
            self.count += usize::from(events.rows.insert(place, step.arguments.into()).is_none());
            let end = step.time.saturating_add(gap);
            if events.due.is_none_or(|due| end < due) {
                if let Some(due) = events.due.replace(end) {
                    self.due.remove(&(due, step.group.into()));
                }
                self.due.insert((end, step.group.into()));
            }
        } else {
            self.count -= usize::from(events.rows.remove(&place).is_some());
        }
        if !self.changed.contains(step.group) {
            self.changed.insert(step.group.into());
        }
    }

    /// Writes the sessions that changed or closed; then forgets.
    pub(super) fn emit(
        &mut self,
        shape: &mut Shape,
        limits: Limits,
        sent: &mut Sent,
    ) -> Result<()> {
        let mut names = std::mem::take(&mut self.changed);
        while let Some(first) = self.due.first()
            && first.0 <= limits.horizon
            && let Some((_, name)) = self.due.pop_first()
        {
            if let Some(events) = self.groups.get_mut(&name) {
                events.due = None;
            }
            names.insert(name);
        }
        for name in names {
            let Some(events) = self.groups.get_mut(&name) else { continue };
            if let Some(due) = events.due.take() {
                self.due.remove(&(due, name.clone()));
            }
            let before = events.rows.len();
            let next = events.emit(&name, shape, limits, sent)?;
            self.count -= before - events.rows.len();
            match next {
                Some(next) => {
                    events.due = Some(next);
                    self.due.insert((next, name));
                }
                // A group without rows is kept only while its id may still be asked for.
                None if limits.horizon == i64::MAX => {
                    self.groups.remove(&name);
                }
                None => {}
            }
        }
        // When there are so many that it is worth while.
        if self.groups.len() > 1000.max(2 * self.kept) {
            let forget = limits.forget;
            self.groups.retain(|_, events| !events.rows.is_empty() || events.stamp.ts > forget);
            self.kept = self.groups.len();
        }
        Ok(())
    }

    pub(super) fn save(&self, state: &mut Vec<u8>) {
        put_u64(state, self.groups.len() as u64);
        for (name, events) in &self.groups {
            put_bytes(state, name);
            put_i64(state, events.stamp.id);
            put_i64(state, events.stamp.ts);
            put_u64(state, events.stamp.changes);
            put_i64(state, events.due.unwrap_or(i64::MAX));
            state.push(u8::from(self.changed.contains(name)));
            put_u64(state, events.rows.len() as u64);
            for ((time, key), arguments) in &events.rows {
                put_i64(state, *time);
                put_bytes(state, key);
                put_bytes(state, arguments);
            }
            put_u64(state, events.out.len() as u64);
            for (start, (end, values)) in &events.out {
                put_i64(state, *start);
                put_i64(state, *end);
                put_bytes(state, values);
            }
        }
    }

    pub(super) fn load(state: &mut Unpack) -> Result<Self> {
        let mut all = Self::default();
        for _ in 0..state.u64()? {
            let name: Box<[u8]> = state.bytes()?.into();
            let stamp = Stamp { id: state.i64()?, ts: state.i64()?, changes: state.u64()? };
            let due = Some(state.i64()?).filter(|due| *due < i64::MAX);
            let changed = state.byte()? != 0;
            let mut events = Events { rows: BTreeMap::new(), out: BTreeMap::new(), stamp, due };
            for _ in 0..state.u64()? {
                let place = (state.i64()?, state.bytes()?.into());
                events.rows.insert(place, state.bytes()?.into());
                all.count += 1;
            }
            for _ in 0..state.u64()? {
                let start = state.i64()?;
                events.out.insert(start, (state.i64()?, state.bytes()?.into()));
            }
            if let Some(due) = due {
                all.due.insert((due, name.clone()));
            }
            if changed {
                all.changed.insert(name.clone());
            }
            all.groups.insert(name, events);
        }
        Ok(all)
    }

    /// About how many bytes they take.
    pub(super) fn size(&self) -> usize {
        self.count * 160 + self.groups.len() * 256
    }
}

impl Events {
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
            if again > limits.horizon {
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
        self.out = current;
        if let Some(last) = forgotten {
            // Sessions lie behind each other, so all up to this one are forgotten.
            self.rows.retain(|(time, _), _| *time > last);
            self.out.retain(|start, _| *start > last);
        }
        Ok(next)
    }
}
