//! A run as it is read. Uses `error`. HOT in `get`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use super::filter::Filter;
use super::write::{MAGIC, TRAILER};
use super::{Place, run_file};
use crate::error::{Error, Result};

/// Where the blocks are, by their first keys.
#[derive(Debug, Default)]
pub(super) struct Index {
    offsets: Vec<u64>,
    /// All first keys, one behind the other.
    keys: Vec<u8>,
    /// Where each key ends.
    ends: Vec<usize>,
    /// Where the last block ends.
    pub(super) end: u64,
}

impl Index {
    pub(super) fn push(&mut self, offset: u64, key: &[u8]) {
        self.offsets.push(offset);
        self.keys.extend_from_slice(key);
        self.ends.push(self.keys.len());
    }

    fn key(&self, block: usize) -> &[u8] {
        let start = block.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        let end = self.ends.get(block).copied().unwrap_or(self.keys.len());
        self.keys.get(start.unwrap_or(0)..end).unwrap_or_default()
    }

    /// The block that has a key, if any has it.
    pub(super) fn find(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.offsets.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle) <= key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.saturating_sub(1)
    }

    /// Where a block starts, and its length.
    fn place(&self, block: usize) -> Option<(u64, usize)> {
        let start = *self.offsets.get(block)?;
        let end = self.offsets.get(block + 1).copied().unwrap_or(self.end);
        Some((start, usize::try_from(end.checked_sub(start)?).ok()?))
    }

    fn bytes(&self) -> usize {
        self.offsets.len() * 16 + self.keys.len()
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        for (block, offset) in self.offsets.iter().enumerate() {
            let key = self.key(block);
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&(key.len() as u32).to_le_bytes());
            out.extend_from_slice(key);
        }
    }

    fn load(mut bytes: &[u8], end: u64) -> Option<Self> {
        let mut index = Self { end, ..Self::default() };
        while !bytes.is_empty() {
            let (offset, rest) = bytes.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let offset = u64::from_le_bytes(*offset);
            if offset >= end || index.offsets.last().is_some_and(|last| *last >= offset) {
                return None;
            }
            index.push(offset, key);
            bytes = rest;
        }
        Some(index)
    }
}

/// Bytes of the shortest entry: three lengths and a time.
const SHORTEST: u64 = 11;

/// An entry; `value` is `None` where the key is gone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a [u8],
    /// Bytes of the key that a scan looks for.
    pub(super) probe: usize,
    pub(super) until: i64,
    pub(super) value: Option<&'a [u8]>,
}

impl<'a> Entry<'a> {
    /// Reads the entry at the start of these bytes, and gives what is behind it.
    #[inline]
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (length, bytes) = length(bytes)?;
        let (behind, bytes) = self::length(bytes)?;
        let (value, bytes) = self::length(bytes)?;
        let (until, bytes) = bytes.split_first_chunk()?;
        let (key, bytes) = bytes.split_at_checked(length)?;
        let (value, bytes) = match value.checked_sub(1) {
            None => (None, bytes),
            Some(length) => {
                let (value, bytes) = bytes.split_at_checked(length)?;
                (Some(value), bytes)
            }
        };
        let probe = length.checked_sub(behind)?;
        Some((Self { key, probe, until: i64::from_le_bytes(*until), value }, bytes))
    }
}

#[inline]
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if *byte < 0x80 {
            return Some((length, bytes.get(place + 1..)?));
        }
    }
    None
}

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    file: File,
    number: u64,
    index: Index,
    filter: Filter,
    entries: usize,
    until: i64,
    /// It is in a list that others keep.
    sealed: AtomicBool,
    synced: AtomicBool,
}

impl Run {
    pub(super) fn new(
        file: File,
        number: u64,
        index: Index,
        filter: Filter,
        entries: usize,
        until: i64,
    ) -> Self {
        let (sealed, synced) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { file, number, index, filter, entries, until, sealed, synced }
    }

    /// Reads what `RunWriter` wrote.
    pub(super) fn open(file: File, place: &Place, number: u64) -> Result<Self> {
        let size = file.metadata().map_err(|error| place.failed(error))?.len();
        let torn = || damaged(place, number);
        let read = |from: u64, length: usize| -> Result<Vec<u8>> {
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, from).map_err(|error| place.failed(error))?;
            Ok(bytes)
        };
        let ends = size.checked_sub(TRAILER as u64).ok_or_else(torn)?;
        let trailer = read(ends, TRAILER)?;
        let number_at = |place: usize| {
            let bytes = trailer.get(place..)?.first_chunk()?;
            Some(u64::from_le_bytes(*bytes))
        };
        let numbers = [number_at(0), number_at(8), number_at(16), number_at(24)];
        let [Some(of_index), Some(of_filter), Some(entries), Some(until)] = numbers else {
            return Err(torn());
        };
        let behind = of_index.checked_add(of_filter).and_then(|both| ends.checked_sub(both));
        let blocks = behind.filter(|_| trailer.ends_with(MAGIC)).ok_or_else(torn)?;
        let mut tail = read(blocks, usize::try_from(size - blocks).map_err(|_| torn())?)?;
        let (summed, sum) = tail.split_at_checked(tail.len() - 12).ok_or_else(torn)?;
        if sum.first_chunk() != Some(&crc32fast::hash(summed).to_le_bytes()) {
            return Err(torn());
        }
        tail.truncate(tail.len() - TRAILER);
        let (index, filter) = tail.split_at_checked(of_index as usize).ok_or_else(torn)?;
        let index = Index::load(index, blocks).ok_or_else(torn)?;
        let filter = Filter::load(filter).ok_or_else(torn)?;
        // None is shorter than this.
        let entries = Some(entries).filter(|entries| *entries <= blocks / SHORTEST);
        let entries = entries.and_then(|entries| usize::try_from(entries).ok()).ok_or_else(torn)?;
        let run = Self::new(file, number, index, filter, entries, until.cast_signed());
        run.synced.store(true, Ordering::Relaxed);
        Ok(run)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// The greatest time until which one of its entries counts.
    pub(super) fn until(&self) -> i64 {
        self.until
    }

    /// Bytes of its entries on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.index.end
    }

    pub(super) fn memory(&self) -> usize {
        self.index.bytes() + self.filter.bytes()
    }

    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.filter.may_have(hash)
    }

    pub(super) fn block_of(&self, key: &[u8]) -> usize {
        self.index.find(key)
    }

    /// Reads a block into `bytes`; false when there is none.
    pub(super) fn block(&self, block: usize, bytes: &mut Vec<u8>, place: &Place) -> Result<bool> {
        let Some((start, length)) = self.index.place(block) else { return Ok(false) };
        bytes.resize(length, 0);
        self.file.read_exact_at(bytes, start).map_err(|error| place.failed(error))?;
        let torn = || damaged(place, self.number);
        let (body, sum) = bytes.split_last_chunk().ok_or_else(torn)?;
        if crc32fast::hash(body).to_le_bytes() != *sum {
            return Err(torn());
        }
        bytes.truncate(length - 4);
        Ok(true)
    }

    /// What it says of a key: nothing, or its value, or that it is gone.
    pub(super) fn get(&self, key: &[u8], place: &Place) -> Result<Option<Option<Vec<u8>>>> {
        let mut block = Vec::new();
        if !self.block(self.block_of(key), &mut block, place)? {
            return Ok(None);
        }
        let mut rest = block.as_slice();
        while !rest.is_empty() {
            let (entry, behind) = Entry::read(rest).ok_or_else(|| damaged(place, self.number))?;
            if entry.key == key {
                return Ok(Some(entry.value.map(<[u8]>::to_vec)));
            }
            if entry.key > key {
                break;
            }
            rest = behind;
        }
        Ok(None)
    }

    pub(super) fn sync(&self) -> std::io::Result<()> {
        if !self.synced.load(Ordering::Relaxed) {
            self.file.sync_all()?;
            self.synced.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// It is in a list that others keep, and they remove it.
    pub(super) fn seal(&self) {
        self.sealed.store(true, Ordering::Relaxed);
    }

    /// Removes its file, unless others do. Whoever still reads it can go on; what stays behind is
    /// removed by the next start.
    pub(super) fn remove(&self, place: &Place) {
        if let Place::Named(folder) = place
            && !self.sealed.load(Ordering::Relaxed)
        {
            let _ = std::fs::remove_file(run_file(folder, self.number));
        }
    }
}

#[cold]
pub(super) fn damaged(place: &Place, number: u64) -> Error {
    Error::refused(format!("{}: is damaged", run_file(place.folder(), number).display()))
        .advise("give another folder, or remove this one and start the inputs anew")
}
