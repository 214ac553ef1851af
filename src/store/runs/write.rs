//! A run as it is written: blocks of entries in order, each with a checksum, then where the blocks are, a
//! filter, and a trailer. Uses `error`. HOT in `put` while state goes to disk.
//!
//! ```text
//! block    entries, CRC-32 (4 bytes)
//! entry    length of the key, of the rest behind the probe, of the value + 1 or 0 (LEB128),
//!          until (8 bytes), key, value
//! index    for each block: offset (8), length of the first key (4), first key
//! filter   words of 8 bytes
//! trailer  lengths of index and filter (8, 8), entries (8), greatest until (8), CRC-32 of index,
//!          filter and these (4), magic (8)
//! ```
//! Numbers are little-endian.

use std::fs::File;
use std::io::{BufWriter, Write};

use super::Place;
use super::filter::{Filter, hash};
use super::run::{Index, Run};
use crate::error::{Error, Result};

/// Bytes of a block, unless one entry is longer.
const BLOCK: usize = 8 << 10;
/// Bytes written at once.
const WRITE: usize = 256 << 10;
/// What a run ends with.
pub(super) const MAGIC: &[u8; 8] = b"dws run1";
/// Bytes of the trailer.
pub(super) const TRAILER: usize = 44;

/// A run in the making.
#[derive(Debug)]
pub struct RunWriter {
    file: BufWriter<File>,
    place: Place,
    number: u64,
    block: Vec<u8>,
    offset: u64,
    index: Index,
    filter: Filter,
    entries: usize,
    until: i64,
    last: Vec<u8>,
}

fn put_length(out: &mut Vec<u8>, mut length: u64) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

impl RunWriter {
    pub(super) fn new(file: File, entries: usize, place: Place, number: u64) -> Self {
        Self {
            file: BufWriter::with_capacity(WRITE, file),
            place,
            number,
            block: Vec::with_capacity(BLOCK + 1024),
            offset: 0,
            index: Index::default(),
            filter: Filter::new(entries),
            entries: 0,
            until: i64::MIN,
            last: Vec::new(),
        }
    }

    /// Appends an entry; keys rise. `probe` is how much of the key a scan looks for, all of it for `get`.
    /// The entry counts until the map is told that this time is over. A value of `None` says that the
    /// key is gone.
    ///
    /// # Errors
    /// `Unreachable` where the file cannot be written, `Refused` for keys out of order.
    pub fn put(
        &mut self,
        key: &[u8],
        probe: usize,
        until: i64,
        value: Option<&[u8]>,
    ) -> Result<()> {
        if self.entries > 0 && *key <= *self.last {
            return Err(Error::refused("keys of a run are out of order"));
        }
        self.last.clear();
        self.last.extend_from_slice(key);
        if self.block.is_empty() {
            self.index.push(self.offset, key);
        }
        let probed = key.get(..probe).unwrap_or(key);
        put_length(&mut self.block, key.len() as u64);
        put_length(&mut self.block, (key.len() - probed.len()) as u64);
        put_length(&mut self.block, value.map_or(0, |value| value.len() as u64 + 1));
        self.block.extend_from_slice(&until.to_le_bytes());
        self.block.extend_from_slice(key);
        self.block.extend_from_slice(value.unwrap_or_default());
        self.filter.insert(hash(probed));
        self.entries += 1;
        self.until = self.until.max(until);
        if self.block.len() >= BLOCK { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> Result<()> {
        let sum = crc32fast::hash(&self.block);
        self.block.extend_from_slice(&sum.to_le_bytes());
        self.file.write_all(&self.block).map_err(|error| self.place.failed(error))?;
        self.offset += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }

    /// Ends the run; it is not durable yet.
    pub(super) fn finish(mut self) -> Result<Run> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.index.end = self.offset;
        let mut tail = Vec::with_capacity(self.filter.bytes() + TRAILER);
        self.index.save(&mut tail);
        let index = tail.len() as u64;
        self.filter.save(&mut tail);
        for number in [index, self.filter.bytes() as u64, self.entries as u64] {
            tail.extend_from_slice(&number.to_le_bytes());
        }
        tail.extend_from_slice(&self.until.to_le_bytes());
        let sum = crc32fast::hash(&tail);
        tail.extend_from_slice(&sum.to_le_bytes());
        tail.extend_from_slice(MAGIC);
        let Self { mut file, place, number, index, filter, entries, until, .. } = self;
        let written = file.write_all(&tail).and_then(|()| file.flush());
        written.map_err(|error| place.failed(error))?;
        let file = file.into_inner().map_err(|error| place.failed(error.into_error()))?;
        Ok(Run::new(file, number, index, filter, entries, until))
    }
}
