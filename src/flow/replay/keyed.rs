//! Small records by the key of their rows, however many there are: 64 parts by hash, which go to
//! disk when memory is full and are worked on one after the other. Uses `error` and
//! `flow::replay::ordered`. Hot in `push`.
//!
//! A key is known by 128 bits of hash: among 10^9 keys two meet with a probability of 10^-21.

use std::fs::File;
use std::hash::Hasher;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::ordered::{self, Put};
use super::sorted::spill_failed;
use crate::error::{Error, Result};
use crate::ums::Op;

/// Each may be a file, and so may the parts of one of them: well below the usual limit of open files.
const PARTS: usize = 1 << PART_BITS;
const PART_BITS: u32 = 6;
/// Levels of parts inside parts; a word of the hash has bits for ten.
const DEEPEST: u32 = 9;
/// Records written or read at once.
const STEP: usize = 4096;

/// What is remembered of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry<const N: usize> {
    /// Of the key.
    pub hash: [u64; 2],
    /// `_ums_id_`.
    pub id: i64,
    /// The row's number and its op.
    pub place: Place,
    /// What the purpose needs beside.
    pub extra: [i64; N],
}

/// A row's number and op in one number; the number decides the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(u64);

impl Place {
    /// Of a row that is no image before an update.
    pub fn new(ordinal: u64, op: Op) -> Self {
        let code = match op {
            Op::Insert => 0,
            Op::Update | Op::Before => 1,
            Op::Delete => 2,
        };
        Self(ordinal << 2 | code)
    }

    /// The row's number.
    pub fn ordinal(self) -> u64 {
        self.0 >> 2
    }

    /// The row's op.
    pub fn op(self) -> Op {
        match self.0 & 3 {
            0 => Op::Insert,
            1 => Op::Update,
            _ => Op::Delete,
        }
    }
}

/// The hash of a key's bytes.
#[inline]
pub fn hash(key: &[u8]) -> [u64; 2] {
    [1u8, 2].map(|seed| {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u8(seed);
        hasher.write(key);
        hasher.finish()
    })
}

/// Throws out, from records in order, those that no later step needs whatever comes beside them.
pub type Reduce<'a, const N: usize> = &'a (dyn Fn(&mut Vec<Entry<N>>) + Sync);

/// Records by key.
pub struct Keyed<'a, const N: usize> {
    parts: Vec<Part<N>>,
    /// Records that there is room for now, and at most.
    room: usize,
    most: usize,
    depth: u32,
    folder: PathBuf,
    reduce: Reduce<'a, N>,
}

struct Part<const N: usize> {
    rows: Vec<Entry<N>>,
    file: Option<File>,
    spilled: usize,
}

impl<'a, const N: usize> Keyed<'a, N> {
    /// Takes at most so many bytes of memory, but for a single key with more. Room for `expected`
    /// records is taken at once where it is there: growing would copy them again and again.
    pub fn new(memory: usize, folder: &Path, reduce: Reduce<'a, N>, expected: u64) -> Self {
        let mut keyed = Self::at_depth(memory, folder, reduce, 0);
        let part = usize::try_from(expected).unwrap_or(usize::MAX) / PARTS;
        // Hashes are not spread quite evenly.
        let part = part.saturating_add(part / 16).saturating_add(16);
        if part.saturating_mul(PARTS) <= keyed.most {
            keyed.parts.iter_mut().for_each(|own| own.rows.reserve_exact(part));
            keyed.room = part * PARTS;
        }
        keyed
    }

    fn at_depth(memory: usize, folder: &Path, reduce: Reduce<'a, N>, depth: u32) -> Self {
        let empty = || Part { rows: Vec::new(), file: None, spilled: 0 };
        Self {
            parts: (0..PARTS).map(|_| empty()).collect(),
            room: 0,
            most: (memory / size_of::<Entry<N>>()).max(PARTS),
            depth,
            folder: folder.to_owned(),
            reduce,
        }
    }

    /// Takes a record.
    #[inline]
    pub fn push(&mut self, entry: Entry<N>) -> Result<()> {
        let number = entry.hash[0] >> (64 - PART_BITS * (self.depth + 1)) & (PARTS as u64 - 1);
        let Some(part) = self.parts.get_mut(number as usize) else { return Ok(()) };
        if part.rows.len() == part.rows.capacity() {
            let more = (part.rows.len() / 4).max(16);
            part.rows.reserve_exact(more);
            self.room += more;
        }
        part.rows.push(entry);
        if self.room > self.most { self.relieve() } else { Ok(()) }
    }

    /// Whether something is on disk.
    pub fn has_spilled(&self) -> bool {
        self.parts.iter().any(|part| part.file.is_some())
    }

    /// Throws out what is not needed; where that gives less than half, all goes to disk.
    fn relieve(&mut self) -> Result<()> {
        self.room = 0;
        for part in &mut self.parts {
            part.rows.sort_unstable();
            (self.reduce)(&mut part.rows);
            part.rows.shrink_to_fit();
            self.room += part.rows.capacity();
        }
        if self.room <= self.most / 2 {
            return Ok(());
        }
        self.room = 0;
        for part in &mut self.parts {
            part.spill(&self.folder)?;
        }
        Ok(())
    }

    /// Hands the records of whole keys, in order, to `work` on several threads, and what it puts
    /// out to `take`.
    pub fn each<T: Send>(
        self,
        threads: usize,
        work: impl Fn(&[Entry<N>], Put<T>) -> bool + Sync,
        take: impl FnMut(T) -> Result<()>,
    ) -> Result<()> {
        let Self { parts, most, depth, folder, reduce, .. } = self;
        let threads = threads.clamp(1, 8);
        let context = Context { most: most / threads, depth, folder: &folder, reduce };
        // A part is one thread's alone; the lock only says so.
        let parts: Vec<_> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
        ordered::run(
            parts.iter().map(Ok),
            threads,
            |part, put| {
                let part = part.lock().unwrap_or_else(PoisonError::into_inner).take();
                part.map_or(Ok(true), |part| part.each(&context, &work, put)).map(drop)
            },
            take,
        )
    }
}

struct Context<'a, const N: usize> {
    most: usize,
    depth: u32,
    folder: &'a Path,
    reduce: Reduce<'a, N>,
}

impl<const N: usize> Part<N> {
    fn spill(&mut self, folder: &Path) -> Result<()> {
        let failed = |error| spill_failed(folder, error);
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(tempfile::tempfile_in(folder).map_err(failed)?),
        };
        let mut bytes = Vec::with_capacity(STEP * size_of::<Entry<N>>());
        for rows in self.rows.chunks(STEP) {
            bytes.clear();
            for row in rows {
                for word in [row.hash[0], row.hash[1], row.id as u64, row.place.0] {
                    bytes.extend_from_slice(&word.to_le_bytes());
                }
                for extra in row.extra {
                    bytes.extend_from_slice(&extra.to_le_bytes());
                }
            }
            file.write_all(&bytes).map_err(failed)?;
        }
        self.spilled += self.rows.len();
        self.rows = Vec::new();
        Ok(())
    }

    /// Works on a part; false when nobody wants more.
    fn each<T>(
        mut self,
        context: &Context<N>,
        work: &impl Fn(&[Entry<N>], Put<T>) -> bool,
        put: Put<T>,
    ) -> Result<bool> {
        if self.spilled + self.rows.len() > context.most && context.depth < DEEPEST {
            return self.divide(context, work, put);
        }
        let mut rows = std::mem::take(&mut self.rows);
        rows.reserve_exact(self.spilled);
        self.load(context.folder, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        rows.sort_unstable();
        (context.reduce)(&mut rows);
        Ok(work(&rows, put))
    }

    /// Works on a part that memory does not hold, by the next bits of the hashes.
    fn divide<T>(
        mut self,
        context: &Context<N>,
        work: &impl Fn(&[Entry<N>], Put<T>) -> bool,
        put: Put<T>,
    ) -> Result<bool> {
        let memory = context.most * size_of::<Entry<N>>();
        let (folder, depth) = (context.folder, context.depth + 1);
        let mut inner = Keyed::at_depth(memory, folder, context.reduce, depth);
        for row in std::mem::take(&mut self.rows) {
            inner.push(row)?;
        }
        self.load(folder, &mut |row| inner.push(row))?;
        let most = inner.most;
        let context = Context { most, depth, folder, reduce: context.reduce };
        for part in inner.parts {
            if !part.each(&context, work, put)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn load(&mut self, folder: &Path, take: &mut dyn FnMut(Entry<N>) -> Result<()>) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        let failed = |error| spill_failed(folder, error);
        file.rewind().map_err(failed)?;
        let size = (4 + N) * 8;
        let mut bytes = vec![0; STEP * size];
        let mut left = self.spilled;
        while left > 0 {
            let rows = left.min(STEP);
            let room = bytes.get_mut(..rows * size).unwrap_or_default();
            file.read_exact(room).map_err(failed)?;
            for record in room.chunks_exact(size) {
                let mut words =
                    record.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
                let mut word = || words.next().unwrap_or_default();
                take(Entry {
                    hash: [word(), word()],
                    id: word() as i64,
                    place: Place(word()),
                    extra: std::array::from_fn(|_| word() as i64),
                })?;
            }
            left -= rows;
        }
        Ok(())
    }
}

/// An error for more rows than numbers have room for.
pub fn check_count(rows: u64) -> Result<()> {
    if rows < 1 << 62 { Ok(()) } else { Err(Error::data("the log says it holds too many rows")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u64, id: i64) -> Entry<1> {
        let place = Place::new(id as u64, Op::Update);
        Entry { hash: hash(&key.to_le_bytes()), id, place, extra: [-id] }
    }

    /// The ids of each key, however little memory there is.
    fn collect(memory: usize, keys: u64, rows: i64, reduce: Reduce<1>) -> (Vec<Vec<i64>>, bool) {
        let folder = tempfile::tempdir().unwrap();
        let mut keyed = Keyed::new(memory, folder.path(), reduce, 0);
        for id in 0..rows {
            keyed.push(entry(id as u64 * 7919 % keys, id)).unwrap();
        }
        let spilled = keyed.has_spilled();
        let mut seen = Vec::new();
        let work = |rows: &[Entry<1>], put: Put<Vec<i64>>| {
            assert!(
                rows.iter()
                    .all(|row| row.extra == [-row.id] && row.place.ordinal() == row.id as u64)
            );
            rows.chunk_by(|a, b| a.hash == b.hash)
                .all(|key| put(key.iter().map(|r| r.id).collect()))
        };
        keyed
            .each(2, work, |ids| {
                seen.push(ids);
                Ok(())
            })
            .unwrap();
        seen.sort();
        (seen, spilled)
    }

    #[test]
    fn keys_come_whole_whatever_the_memory() {
        let (wanted, spilled) = collect(1 << 24, 3000, 20_000, &|_| {});
        assert!(!spilled && wanted.len() == 3000);
        for memory in [1, 200_000] {
            let (seen, spilled) = collect(memory, 3000, 20_000, &|_| {});
            assert!(spilled);
            assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn a_busy_key_is_reduced_and_needs_no_disk() {
        let newest = |rows: &mut Vec<Entry<1>>| {
            let mut kept = 0;
            for at in 0..rows.len() {
                if rows.get(at + 1).is_none_or(|next| next.hash != rows[at].hash) {
                    rows[kept] = rows[at];
                    kept += 1;
                }
            }
            rows.truncate(kept);
        };
        let (seen, spilled) = collect(100_000, 10, 50_000, &newest);
        assert!(!spilled);
        assert_eq!(seen, (49_990..50_000).map(|id| vec![id]).collect::<Vec<_>>());
    }
}
