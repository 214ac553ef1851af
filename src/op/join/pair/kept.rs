//! Rows of a side of a join that are not in memory: how they go to disk and come back. Uses `error`,
//! `op::join`, `store`. HOT once the state is larger than memory.
//!
//! On disk are the rows by key, and two indexes whose entries are keys alone: what rows are joined on
//! with their times, and their times. They are read together with those in memory. A place that is not
//! right any more is remembered until the next run of rows says so on disk.

use std::ops::Bound;
use std::sync::Arc;

use super::side::{Entry, GONE, Key, Place, Side};
use crate::error::{Error, Result};
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_text, put_u32, put_u64};
use crate::op::join::shelf::{behind, disk_key, time_key};
use crate::store::runs::{RunWriter, Runs};

impl Entry {
    fn is_of(&self, table: u64, shard: Option<u32>) -> bool {
        self.alive && self.table == table && shard.is_none_or(|shard| self.shard == shard)
    }

    fn pack(&self, out: &mut Vec<u8>) {
        for number in [self.id, self.ts, self.time, self.lone_id] {
            put_i64(out, number);
        }
        put_u64(out, self.uid);
        put_u64(out, self.table);
        put_u32(out, self.shard);
        put_u64(out, self.layout as u64);
        let flags = [self.alive, self.over, self.lone, self.on.is_some()];
        out.extend(flags.map(u8::from));
        put_bytes(out, self.on.as_deref().unwrap_or_default());
        put_text(out, Some(&self.name));
        put_text(out, Some(&self.cells));
    }

    fn unpack(bytes: &[u8]) -> Result<Self> {
        let mut state = Unpack::new(bytes);
        let [id, ts, time, lone_id] = [state.i64()?, state.i64()?, state.i64()?, state.i64()?];
        let uid = state.u64()?;
        let (table, shard, layout) = (state.u64()?, state.u32()?, state.u64()? as usize);
        let mut flag = || state.byte().map(|byte| byte != 0);
        let (alive, over, lone, has_on) = (flag()?, flag()?, flag()?, flag()?);
        let on = Some(Key::from(state.bytes()?)).filter(|_| has_on);
        let name = state.text()?.unwrap_or_default().into();
        let cells = state.text()?.unwrap_or_default().into();
        let (dirty, stored, hot) = (false, true, true);
        Ok(Self {
            id,
            ts,
            uid,
            time,
            alive,
            table,
            shard,
            on,
            layout,
            name,
            cells,
            over,
            lone,
            lone_id,
            dirty,
            stored,
            hot,
        })
    }
}

/// Keys of rows that are newer than on disk, beyond twice as many as there are such rows.
const FRESH: usize = 1024;

fn with_place(mut prefix: Vec<u8>, (time, key): (i64, &[u8])) -> Vec<u8> {
    prefix.extend_from_slice(&time_key(time));
    prefix.extend_from_slice(key);
    prefix
}

/// The place that a key of an index ends with, behind so many bytes.
fn place_of(key: &[u8], prefix: usize) -> Result<Place> {
    let place = key.get(prefix..).and_then(|place| place.split_first_chunk());
    let (time, key) = place.ok_or_else(|| Error::refused("the state has an index of no rows"))?;
    Ok((u64::from_be_bytes(*time).cast_signed() ^ i64::MIN, key.into()))
}

impl Side {
    fn index_key(&self, on: &Key) -> Vec<u8> {
        disk_key(self.space + 1, on)
    }

    fn times_key(&self, place: (i64, &[u8])) -> Vec<u8> {
        with_place(vec![self.space + 2], place)
    }

    /// The newest version of a row, unless it is forgotten. `disk` is where rows are that are not in
    /// memory, if any are.
    pub(super) fn get(&mut self, key: &Key, disk: Option<&Runs>) -> Result<Option<&mut Entry>> {
        if let Some(disk) = disk
            && !self.rows.contains_key(key)
            && !self.gone.contains_key(&*disk_key(self.space, key))
        {
            let entry = disk.read(&disk_key(self.space, key), |bytes| {
                let entry = Entry::unpack(bytes)?;
                match entry.layout < self.layouts.len() {
                    true => Ok(entry),
                    false => Err(Error::refused("the state has a row of unknown columns")),
                }
            })?;
            if let Some(entry) = entry.filter(|entry| entry.time >= self.bound) {
                self.hold(key, entry);
            }
        }
        let bound = self.bound;
        match self.rows.get_mut(key) {
            Some(entry) if entry.time >= bound => {
                entry.hot = true;
                Ok(Some(entry))
            }
            _ => Ok(None),
        }
    }

    /// Says that a row was changed in its place.
    pub(super) fn changed(&mut self, key: &Key) {
        if let Some(entry) = self.rows.get_mut(key)
            && !std::mem::replace(&mut entry.dirty, true)
        {
            self.refresh(key);
        }
    }

    /// Says that a row is newer than on disk.
    pub(super) fn refresh(&mut self, key: &Key) {
        self.dirty += 1;
        self.fresh.push(Arc::clone(key));
        // Rows that change again and again, and those that are gone, are not to fill it.
        if self.fresh.len() > 2 * self.dirty + FRESH {
            self.sort_fresh();
        }
    }

    /// Brings the keys of rows that are newer than on disk into their order, each once.
    fn sort_fresh(&mut self) {
        let rows = &self.rows;
        self.fresh.retain(|key| rows.get(key).is_some_and(|entry| entry.dirty));
        self.fresh.sort_unstable();
        self.fresh.dedup();
    }

    /// Takes a row away, to put another version in its place.
    pub(super) fn remove(&mut self, key: &Key, disk: Option<&Runs>) -> Result<Option<Entry>> {
        let there = self.get(key, disk)?.is_some();
        let Some(entry) = self.drop_row(key) else { return Ok(None) };
        if entry.stored {
            let place = (entry.time, &**key);
            let mut gone = vec![(self.times_key(place), 0)];
            if let (Some(on), true) = (&entry.on, entry.alive) {
                let prefix = self.index_key(on);
                let probe = prefix.len();
                gone.push((with_place(prefix, place), probe));
            }
            for (gone, probe) in gone {
                self.put_gone(gone, probe);
            }
        }
        Ok(Some(entry).filter(|_| there))
    }

    /// Says that a key is on disk no more, from the next time on that something is written.
    pub(super) fn put_gone(&mut self, key: Vec<u8>, probe: usize) {
        let bytes = GONE + key.len();
        if self.gone.insert(key.into(), probe).is_none() {
            self.bytes += bytes;
        }
    }

    /// The rows with this value between two times, by time and key.
    pub(super) fn matching(
        &self,
        on: Option<&Key>,
        (from, to): (i64, i64),
        disk: Option<&Runs>,
    ) -> Result<Vec<Key>> {
        let Some(on) = on else { return Ok(Vec::new()) };
        let from = from.max(self.bound);
        let found = self.index.get(on).into_iter();
        let found = found.flat_map(|index| index.range((from, Key::from([]))..));
        let found = found.take_while(|(time, _)| *time <= to);
        let Some(disk) = disk else { return Ok(found.map(|(_, key)| Arc::clone(key)).collect()) };
        let mut found: Vec<Place> = found.cloned().collect();
        let prefix = self.index_key(on);
        let first = with_place(prefix.clone(), (from, &[]));
        let last = behind(&with_place(prefix.clone(), (to, &[])));
        let mut scan = disk.scan(Some(&prefix), &first, &last)?;
        while let Some((key, _)) = scan.next()? {
            if !self.gone.contains_key(key) {
                match place_of(key, prefix.len()) {
                    Ok(place) => found.push(place),
                    Err(error) => return Err(scan.damaged(error)),
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found.into_iter().map(|(_, key)| key).collect())
    }

    /// The first rows behind a place, and before a time.
    pub(super) fn between(
        &self,
        after: &(i64, Option<Key>),
        before: i64,
        most: usize,
        disk: Option<&Runs>,
    ) -> Result<Vec<Place>> {
        let start = match after {
            (time, Some(key)) => Bound::Excluded((*time, Arc::clone(key))),
            (time, None) => Bound::Included((*time, Key::from([]))),
        };
        let range = self.times.range((start, Bound::Unbounded));
        let range = range.take_while(|(time, _)| *time < before);
        let mut found: Vec<Place> = range.take(most).cloned().collect();
        if let Some(disk) = disk {
            let mut from = self.times_key((after.0, after.1.as_deref().unwrap_or_default()));
            if after.1.is_some() {
                from.push(0);
            }
            let mut scan = disk.scan(None, &from, &self.times_key((before, &[])))?;
            let mut count = 0;
            while count < most
                && let Some((key, _)) = scan.next()?
            {
                if !self.gone.contains_key(key) {
                    match place_of(key, 1) {
                        Ok(place) => found.push(place),
                        Err(error) => return Err(scan.damaged(error)),
                    }
                    count += 1;
                }
            }
            found.sort_unstable();
            found.dedup();
            found.truncate(most);
        }
        Ok(found)
    }

    /// Entries that `flush` writes at most.
    pub(super) fn entries(&self) -> usize {
        self.dirty * 3 + self.gone.len()
    }

    /// Writes what is newer than on disk.
    pub(super) fn flush(&mut self, run: &mut RunWriter) -> Result<()> {
        if self.entries() == 0 {
            return Ok(());
        }
        self.sort_fresh();
        let fresh = std::mem::take(&mut self.fresh);
        let find = |key| self.rows.get(key).map(|entry| (key, entry));
        let rows: Vec<(&Key, &Entry)> = fresh.iter().filter_map(find).collect();
        // Of both indexes only the places of rows that are new to the disk, all of which are dirty.
        let new = rows.iter().filter(|(_, entry)| !entry.stored);
        let mut times: Vec<_> = new.map(|(key, entry)| (entry.time, *key, *entry)).collect();
        times.sort_unstable_by_key(|(time, key, _)| (*time, *key));
        let joined = times.iter().filter(|(_, _, entry)| entry.alive);
        let mut index: Vec<_> = joined
            .filter_map(|(time, key, entry)| Some((entry.on.as_ref()?, *time, *key)))
            .collect();
        // By time and key they are already.
        index.sort_by_key(|(on, ..)| *on);
        let mut gone = self.gone.iter().peekable();
        // Rows, then both indexes: the order of the disk.
        let mut put = |key: Vec<u8>, probe: usize, until: i64, value: &[u8]| -> Result<()> {
            while let Some((gone, probe)) = gone.next_if(|(gone, _)| ***gone <= *key) {
                if **gone < *key {
                    run.put(gone, *probe, i64::MIN, None)?;
                }
            }
            run.put(&key, probe, until, Some(value))
        };
        let mut bytes = Vec::new();
        for (key, entry) in rows {
            bytes.clear();
            entry.pack(&mut bytes);
            let key = disk_key(self.space, key);
            let probe = key.len();
            put(key, probe, entry.time, &bytes)?;
        }
        for (on, time, key) in index {
            let prefix = self.index_key(on);
            let probe = prefix.len();
            put(with_place(prefix, (time, key)), probe, time, &[])?;
        }
        for (time, key, _) in times {
            put(self.times_key((time, key)), 0, time, &[])?;
        }
        for (gone, probe) in gone {
            run.put(gone, *probe, i64::MIN, None)?;
        }
        for (gone, _) in std::mem::take(&mut self.gone) {
            self.bytes -= GONE + gone.len();
        }
        for key in &fresh {
            if let Some(entry) = self.rows.get_mut(key) {
                (entry.dirty, entry.stored) = (false, true);
            }
        }
        self.dirty = 0;
        Ok(())
    }

    /// Lets go of rows, those not in use lately first, until about so many bytes are left. Everything
    /// has been flushed.
    pub(super) fn evict(&mut self, most: usize) {
        for hot in [true, false] {
            let mut over = self.bytes.saturating_sub(most);
            let mut cold = Vec::new();
            for (key, entry) in &mut self.rows {
                if std::mem::take(&mut entry.hot) && hot {
                    continue;
                }
                if over == 0 {
                    continue;
                }
                over = over.saturating_sub(Self::weight(key, entry));
                cold.push(Arc::clone(key));
            }
            for key in cold {
                self.drop_row(&key);
            }
        }
    }

    /// The keys of rows of a table that are there, in memory, in order; those of one shard, or all.
    pub(super) fn keys_of(&self, table: u64, shard: Option<u32>) -> Vec<Key> {
        let rows = self.rows.iter().filter(|(_, entry)| entry.is_of(table, shard));
        let mut keys: Vec<Key> = rows.map(|(key, _)| Arc::clone(key)).collect();
        keys.sort_unstable();
        keys
    }

    /// Where rows are on disk: from this key on, up to before the other.
    pub(super) fn rows_on_disk(&self) -> [Vec<u8>; 2] {
        [vec![self.space], vec![self.space + 1]]
    }

    /// The key of a row that is on disk and there, if it is of this table and shard.
    pub(super) fn key_of(
        &self,
        key: &[u8],
        bytes: &[u8],
        (table, shard): (u64, Option<u32>),
    ) -> Result<Option<Key>> {
        let entry = Entry::unpack(bytes)?;
        let there = entry.is_of(table, shard) && entry.time >= self.bound;
        Ok(there.then(|| key.get(1..).unwrap_or_default().into()))
    }
}
