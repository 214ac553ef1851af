//! Joins of streams: rows of two sides that are equal in some columns and near in time. Uses `error`,
//! `expr`, `store`, `ums`. HOT: once a row and match.
//!
//! The newest version of each row of both sides is kept until no row that may still come can meet it.
//! What an update or a delete changes in the join of both tables is written: pairs that are gone as
//! deletes, before pairs that are new. So the output, applied by key, is the join of the tables as
//! they stand.

mod kept;
mod result;
mod side;
mod taken;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Result;
use crate::op::join::pack::{Unpack, put_i64};
use crate::op::join::{Operation, Sent, of_state, too_large};
use crate::store::runs::{Place, Runs};
use crate::ums::{Message, Namespace, Pattern, Protocol, Termination};
use result::{Pair, Results};
use side::{Entry, Key, Side, Wanted};

/// What becomes of a left row whose time is over and that found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmatched {
    /// Nothing.
    Drop,
    /// It is written with NULLs.
    Send,
    /// It is counted.
    Alert,
}

/// What is asked for. Pairs are of the left and the right side.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Whose rows they are.
    pub sides: [Pattern; 2],
    /// The columns that must be equal.
    pub columns: [Vec<String>; 2],
    /// The columns of the event times; `_ums_ts_` without.
    pub times: [Option<String>; 2],
    /// Columns that tell rows apart, instead of the primary keys.
    pub keys: [Vec<String>; 2],
    /// How far apart the times may be, in microseconds.
    pub within: i64,
    /// Microseconds that rows are kept when nothing can meet them any more, to follow their changes.
    pub keep: i64,
    /// What becomes of left rows that found nothing.
    pub unmatched: Unmatched,
    /// Columns of the result that must be filled.
    pub check: Vec<String>,
    /// One of them is enough.
    pub check_any: bool,
    /// In front of the right side's names.
    pub prefix: Option<String>,
    /// The namespace of results.
    pub name: Option<Namespace>,
}

const LEFT: usize = 0;
/// Left rows whose time is over that are looked at at once.
const ENDING: usize = 1000;

/// The operation.
#[derive(Debug)]
pub struct Pairing {
    spec: Spec,
    sides: [Side; 2],
    results: Results,
    disk: Runs,
    /// Bytes of memory that the state may take.
    memory: usize,
    /// Nothing is on disk that is not in memory, too.
    whole: bool,
    horizon: i64,
    /// The left row behind which time is still to go on, while it is not done with this horizon.
    ending: Option<(i64, Option<Key>)>,
    reach: i64,
}

impl Pairing {
    /// An operation without state.
    pub fn new(spec: Spec) -> Self {
        let side = |place: usize| {
            let wanted = Wanted {
                on: spec.columns.get(place).cloned().unwrap_or_default(),
                time: spec.times.get(place).cloned().flatten(),
                keys: spec.keys.get(place).cloned().unwrap_or_default(),
            };
            Side::new(wanted, place as u8 * 4)
        };
        Self {
            sides: [side(0), side(1)],
            spec,
            results: Results::default(),
            disk: Runs::new(Place::Nameless(PathBuf::new())),
            memory: usize::MAX,
            whole: true,
            horizon: i64::MIN,
            ending: None,
            reach: i64::MIN,
        }
    }

    fn forget(&self) -> i64 {
        match self.horizon {
            i64::MAX => i64::MAX,
            horizon => horizon.saturating_sub(self.spec.keep),
        }
    }

    /// Rows before this time have met everything that they can meet, when rows have come up to
    /// `horizon`.
    fn bound(&self, horizon: i64) -> i64 {
        match horizon {
            i64::MAX => i64::MAX,
            horizon => horizon.saturating_sub(self.spec.within),
        }
    }

    /// The rows of the other side that a row meets.
    fn partners(&self, side: usize, entry: &Entry) -> Result<Vec<Key>> {
        let within = self.spec.within;
        let times = (entry.time.saturating_sub(within), entry.time.saturating_add(within));
        let disk = (!self.whole).then_some(&self.disk);
        match (entry.alive, self.sides.get(1 - side)) {
            (true, Some(other)) => other.matching(entry.on.as_ref(), times, disk),
            _ => Ok(Vec::new()),
        }
    }

    /// A row of a side.
    fn row(&mut self, side: usize, key: &Key) -> Result<Option<Entry>> {
        let disk = (!self.whole).then_some(&self.disk);
        let Some(side) = self.sides.get_mut(side) else { return Ok(None) };
        Ok(side.get(key, disk)?.map(|entry| entry.clone()))
    }

    /// Notes of a left row in the state how it stands alone.
    fn note(&mut self, key: &Key, note: impl FnOnce(&mut Entry)) {
        if let Some(left) = self.sides.first_mut()
            && let Some(entry) = left.rows.get_mut(key)
        {
            note(entry);
            left.changed(key);
        }
    }

    /// Whether a pair stands in the output.
    fn shows(&mut self, left: &Entry, right: &Entry) -> Result<bool> {
        if left.over && self.spec.unmatched == Unmatched::Send {
            return Ok(true);
        }
        let pair = Pair { left, right: Some(right), id: 0, ts: 0, cause: 0 };
        self.results.is_complete(&self.spec, &self.sides, pair)
    }

    /// Puts a new version of a row, or its end, in the place of the old one and writes the
    /// difference.
    fn replace(
        &mut self,
        side: usize,
        key: &Key,
        old: Option<Entry>,
        mut new: Entry,
        sent: &mut Sent,
    ) -> Result<()> {
        let (id, ts) = (new.id, new.ts);
        new.lone_id = old.as_ref().map_or(i64::MIN, |old| old.lone_id);
        let old = old.filter(|old| old.alive);
        let before = old.as_ref().map(|old| self.partners(side, old)).transpose()?;
        let before = before.unwrap_or_default();
        let after = self.partners(side, &new)?;
        // Both are by time and key, so that they are looked up without going through all.
        let [met, meets] = [&before, &after].map(|keys| keys.iter().collect::<HashSet<_>>());
        if side == LEFT {
            new.over = new.alive && new.time < self.bound(self.horizon);
            if let Some(old) = &old {
                new.lone = old.lone;
            }
        }
        // Left rows that lose their place alone give it up before they stand in a pair.
        if side == LEFT && new.lone && !(new.over && after.is_empty()) {
            if let Some(old) = &old {
                new.lone_id = new.lone_id.max(id);
                let alone = Pair { left: old, right: None, id: new.lone_id, ts, cause: id };
                self.results.write(&self.spec, &self.sides, b'D', alone, sent)?;
            }
            new.lone = false;
        }
        if side != LEFT {
            for key in &after {
                self.leave_alone(key, id, ts, sent)?;
            }
        }
        // Every pair that was or will be, those that go first.
        let gone: Vec<&Key> = before.iter().filter(|key| !meets.contains(key)).collect();
        for other in gone {
            if let Some(old) = &old {
                self.change_pair(side, other, Some(old), None, (id, ts), sent)?;
            }
        }
        for other in &after {
            let old = old.as_ref().filter(|_| met.contains(other));
            self.change_pair(side, other, old, Some(&new), (id, ts), sent)?;
        }
        if side == LEFT {
            let alone = new.over && after.is_empty();
            if alone {
                self.stand_alone(&mut new, id, ts, sent)?;
            }
        }
        if let Some(own) = self.sides.get_mut(side) {
            own.put(key, new);
        }
        if side != LEFT {
            for key in before.iter().filter(|key| !meets.contains(key)) {
                let Some(mut left) = self.row(LEFT, key)? else { continue };
                if left.over && self.partners(LEFT, &left)?.is_empty() {
                    self.stand_alone(&mut left, id, ts, sent)?;
                    let now = (left.lone, left.lone_id);
                    self.note(key, |entry| (entry.lone, entry.lone_id) = now);
                }
            }
        }
        Ok(())
    }

    /// A left row that stood alone is about to stand in a pair.
    fn leave_alone(&mut self, key: &Key, id: i64, ts: i64, sent: &mut Sent) -> Result<()> {
        let left = self.row(LEFT, key)?;
        let Some(mut left) = left.filter(|left| left.lone) else { return Ok(()) };
        left.lone = false;
        left.lone_id = left.lone_id.max(id).max(left.id);
        let now = left.lone_id;
        self.note(key, |entry| (entry.lone, entry.lone_id) = (false, now));
        let ts = ts.max(left.ts);
        let alone = Pair { left: &left, right: None, id: left.lone_id, ts, cause: id };
        self.results.write(&self.spec, &self.sides, b'D', alone, sent)
    }

    /// A left row whose time is over has nothing beside it.
    fn stand_alone(&mut self, left: &mut Entry, id: i64, ts: i64, sent: &mut Sent) -> Result<()> {
        match self.spec.unmatched {
            Unmatched::Drop => {}
            Unmatched::Alert => sent.alerts += 1,
            Unmatched::Send => {
                let op = if left.lone { b'U' } else { b'I' };
                left.lone = true;
                left.lone_id = left.lone_id.max(id).max(left.id);
                let ts = ts.max(left.ts);
                let alone = Pair { left, right: None, id: left.lone_id, ts, cause: id };
                self.results.write(&self.spec, &self.sides, op, alone, sent)?;
            }
        }
        Ok(())
    }

    /// Writes what becomes of one pair when the row of `side` changes from `old` to `new`.
    fn change_pair(
        &mut self,
        side: usize,
        other: &Key,
        old: Option<&Entry>,
        new: Option<&Entry>,
        (id, ts): (i64, i64),
        sent: &mut Sent,
    ) -> Result<()> {
        let Some(other) = self.row(1 - side, other)? else { return Ok(()) };
        fn both<'e>(side: usize, own: &'e Entry, other: &'e Entry) -> (&'e Entry, &'e Entry) {
            if side == LEFT { (own, other) } else { (other, own) }
        }
        let mut shown = |own: Option<&Entry>| match own {
            Some(own) => {
                let (left, right) = both(side, own, &other);
                self.shows(left, right)
            }
            None => Ok(false),
        };
        let (was, will) = (shown(old)?, shown(new)?);
        let (op, own) = match (was, will) {
            (false, false) => return Ok(()),
            (true, false) => (b'D', old),
            (false, true) => (b'I', new),
            (true, true) => (b'U', new),
        };
        let Some(own) = own else { return Ok(()) };
        let (left, right) = both(side, own, &other);
        let (cause, id) = (id, id.max(left.id).max(right.id));
        let ts = ts.max(left.ts).max(right.ts);
        let pair = Pair { left, right: Some(right), id, ts, cause };
        self.results.write(&self.spec, &self.sides, op, pair, sent)
    }

    /// The time of a left row is over.
    fn end(&mut self, key: &Key, sent: &mut Sent) -> Result<()> {
        let Some(mut left) = self.row(LEFT, key)?.filter(|left| left.alive && !left.over) else {
            return Ok(());
        };
        let partners = self.partners(LEFT, &left)?;
        let mut waiting = false;
        for other in &partners {
            let Some(right) = self.row(1 - LEFT, other)? else { continue };
            if self.shows(&left, &right)? {
                continue;
            }
            waiting = true;
            if self.spec.unmatched == Unmatched::Send {
                let (id, ts) = (left.id.max(right.id), left.ts.max(right.ts));
                let pair = Pair { left: &left, right: Some(&right), id, ts, cause: id };
                self.results.write(&self.spec, &self.sides, b'I', pair, sent)?;
            }
        }
        let (id, ts) = (left.id, left.ts);
        if partners.is_empty() {
            self.stand_alone(&mut left, id, ts, sent)?;
        } else if waiting && self.spec.unmatched == Unmatched::Alert {
            sent.alerts += 1;
        }
        let now = (true, left.lone, left.lone_id);
        self.note(key, |entry| (entry.over, entry.lone, entry.lone_id) = now);
        Ok(())
    }

    /// Writes what is newer than on disk.
    fn flush(&mut self) -> Result<()> {
        let entries: usize = self.sides.iter().map(Side::entries).sum();
        if entries == 0 {
            return Ok(());
        }
        let mut run = self.disk.begin(entries)?;
        for side in &mut self.sides {
            side.flush(&mut run)?;
        }
        self.disk.add(run)
    }

    /// About how many bytes of memory the state takes.
    fn size(&self) -> usize {
        let on_disk = if self.whole { 0 } else { self.disk.memory() };
        self.sides.iter().map(|side| side.bytes).sum::<usize>() + on_disk
    }

    /// Puts on disk what is not in use, where the state takes more memory than it may.
    fn fit(&mut self) -> Result<()> {
        if self.size() <= self.memory {
            return Ok(());
        }
        self.flush()?;
        let bytes: usize = self.sides.iter().map(|side| side.bytes).sum();
        // Half is made free, so that the next time is far.
        let room = (self.memory / 2).saturating_sub(self.disk.memory());
        for side in &mut self.sides {
            side.evict((room as u128 * side.bytes as u128 / bytes.max(1) as u128) as usize);
        }
        self.whole = false;
        match self.size() {
            size if size > self.memory => Err(too_large(size)),
            _ => Ok(()),
        }
    }
}

impl Operation for Pairing {
    fn take(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()> {
        let namespace = &message.header.schema.namespace;
        let sides = self.spec.sides.each_ref().map(|pattern| pattern.matches(namespace));
        if sides == [false, false] {
            let rows = if message.protocol.is_data() { message.row_count() } else { 0 };
            self.results.flush(sent);
            sent.pass(line, rows as u64);
            return Ok(());
        }
        let notice = match message.protocol {
            Protocol::IncrementTermination => {
                Termination::read(message)?.filter(Termination::removes_rows)
            }
            _ => None,
        };
        let taking = sides.iter().enumerate().filter(|(_, takes)| **takes).map(|(side, _)| side);
        let mut read = Vec::new();
        if message.protocol.is_data() {
            for side in taking.clone() {
                read.push((side, self.read(side, message)?));
            }
        }
        let take = || -> Result<()> {
            for (side, changes) in read {
                self.take_all(side, changes, (message, line), sent)?;
            }
            for (side, notice) in taking.filter_map(|side| Some((side, notice.as_ref()?))) {
                self.empty(side, notice, sent)?;
            }
            self.results.flush(sent);
            self.fit()
        };
        take().map_err(of_state)
    }

    fn advance(&mut self, horizon: i64, sent: &mut Sent) -> Result<bool> {
        let mut from = match self.ending.take() {
            Some(from) => from,
            None => (self.bound(self.horizon), None),
        };
        self.horizon = self.horizon.max(horizon);
        let bound = self.bound(self.horizon);
        loop {
            let disk = (!self.whole).then_some(&self.disk);
            let ending = match self.sides.first() {
                Some(left) if from.0 < bound => left.between(&from, bound, ENDING, disk)?,
                _ => Vec::new(),
            };
            for (_, key) in &ending {
                self.end(key, sent)?;
            }
            let Some((time, last)) = ending.last().filter(|_| ending.len() >= ENDING) else {
                break;
            };
            from = (*time, Some(Arc::clone(last)));
            self.fit()?;
            if sent.is_full() {
                self.ending = Some(from);
                return Ok(true);
            }
        }
        // Rows that nothing can meet any more, and whose changes need not be followed.
        let forgotten = self.bound(self.forget());
        let on_disk = !self.disk.is_empty();
        self.sides.iter_mut().for_each(|side| side.forget(forgotten, on_disk));
        self.disk.expire(forgotten.saturating_sub(1));
        self.results.flush(sent);
        self.fit()?;
        Ok(false)
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
        for side in &self.sides {
            put_i64(state, side.bound);
            side.save(state);
        }
        Ok(())
    }

    fn load(&mut self, state: &mut Unpack) -> Result<()> {
        self.horizon = state.i64()?;
        self.reach = state.i64()?;
        for side in &mut self.sides {
            side.bound = state.i64()?;
            side.load(state)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
