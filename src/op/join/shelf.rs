//! Values by key: those in use in memory, all of them in runs on disk when they do not fit, or are kept.
//! Uses `error`, `store`. HOT: once a row.
//!
//! The first byte of a value is the shelf's own: whether it is newer than what is on disk, and whether
//! it was in use lately.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::error::Result;
use crate::store::runs::{RunWriter, Runs};

/// The value is newer than what is on disk.
const DIRTY: u8 = 1;
/// It was in use since memory was last made free.
const HOT: u8 = 2;
/// The key is gone.
const GONE: u8 = 4;
/// What a value that is about to be put begins with.
pub const FRESH: u8 = DIRTY | HOT;
/// Bytes of memory that an entry takes beside key and value: its place in the table, which is half
/// full on average, and what the allocator adds.
const ENTRY: usize = 96;

/// The key of an entry on disk.
pub fn disk_key(space: u8, key: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(1 + key.len());
    all.push(space);
    all.extend_from_slice(key);
    all
}

/// A time whose bytes are in the order of times.
pub fn time_key(time: i64) -> [u8; 8] {
    (time ^ i64::MIN).cast_unsigned().to_be_bytes()
}

/// The key behind all that begin with this one.
pub fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut next = prefix.to_vec();
    while let Some(last) = next.pop() {
        if last < u8::MAX {
            next.push(last + 1);
            return next;
        }
    }
    vec![u8::MAX; prefix.len() + 64]
}

/// Values by key.
#[derive(Debug)]
pub struct Shelf {
    /// What its keys begin with on disk.
    space: u8,
    /// Fails for bytes that are no value.
    check: fn(&[u8]) -> Result<()>,
    map: HashMap<Box<[u8]>, Box<[u8]>, RandomState>,
    bytes: usize,
    dirty: usize,
}

impl Shelf {
    /// Without values. `check` fails for bytes that are none.
    pub fn new(space: u8, check: fn(&[u8]) -> Result<()>) -> Self {
        Self { space, check, map: HashMap::default(), bytes: 0, dirty: 0 }
    }

    /// Values in memory.
    pub fn in_memory(&self) -> usize {
        self.map.len()
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes the value of a key out; `put` must put one in its place. `disk` is where values are that
    /// are not in memory, if any are.
    ///
    /// # Errors
    /// Those of the disk.
    #[inline]
    pub fn take(&mut self, key: &[u8], disk: Option<&Runs>) -> Result<Option<Box<[u8]>>> {
        if let Some(value) = self.map.get_mut(key) {
            self.bytes -= value.len();
            let value = std::mem::take(value);
            let flags = value.first().copied().unwrap_or_default();
            self.dirty -= usize::from(flags & DIRTY != 0);
            return Ok(Some(value).filter(|_| flags & GONE == 0));
        }
        match disk {
            Some(disk) => {
                let value = disk.read(&disk_key(self.space, key), |bytes| {
                    (self.check)(bytes).map(|()| Box::from(bytes))
                })?;
                if value.is_some() {
                    self.bytes += key.len() + ENTRY;
                    self.map.insert(key.into(), Box::default());
                }
                Ok(value)
            }
            None => Ok(None),
        }
    }

    /// Puts a value, whose first byte is `FRESH`.
    #[inline]
    pub fn put(&mut self, key: &[u8], value: Box<[u8]>) {
        self.bytes += value.len();
        self.dirty += 1;
        match self.map.get_mut(key) {
            Some(place) => *place = value,
            None => {
                self.bytes += key.len() + ENTRY;
                self.map.insert(key.into(), value);
            }
        }
    }

    /// Says that a key is gone.
    pub fn remove(&mut self, key: &[u8], disk: Option<&Runs>) -> Result<()> {
        self.take(key, disk)?;
        self.put(key, [FRESH | GONE].into());
        Ok(())
    }

    /// Keeps only these in memory. Where there are values on disk, too, a newer one stays until it was
    /// written, for it hides an older one there, which may count for longer.
    pub fn retain(&mut self, on_disk: bool, mut wanted: impl FnMut(&[u8], &[u8]) -> bool) {
        let (bytes, dirty) = (&mut self.bytes, &mut self.dirty);
        self.map.retain(|key, value| {
            let keep = on_disk && is(value, DIRTY) || wanted(key, value);
            if !keep {
                *bytes -= key.len() + ENTRY + value.len();
                *dirty -= usize::from(is(value, DIRTY));
            }
            keep
        });
    }

    /// The keys in memory that begin so and have such values, in order.
    pub fn keys(&self, prefix: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Vec<Box<[u8]>> {
        let all = self
            .map
            .iter()
            .filter(|(key, value)| key.starts_with(prefix) && !is(value, GONE) && wanted(value));
        let mut keys: Vec<_> = all.map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        keys
    }

    /// Values that `flush` writes.
    pub fn dirty(&self) -> usize {
        self.dirty
    }

    /// Writes what is newer than on disk; `until` says of a value how long it counts.
    pub fn flush(&mut self, run: &mut RunWriter, until: impl Fn(&[u8]) -> i64) -> Result<()> {
        let mut dirty = Vec::with_capacity(self.dirty);
        dirty.extend(self.map.iter_mut().filter(|(_, value)| is(value, DIRTY)));
        dirty.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let mut key = Vec::new();
        for (name, value) in dirty {
            key.clear();
            key.push(self.space);
            key.extend_from_slice(name);
            if let Some(flags) = value.first_mut() {
                *flags &= !DIRTY;
            }
            let there = Some(&**value).filter(|value| !is(value, GONE));
            run.put(&key, key.len(), there.map_or(i64::MIN, &until), there)?;
        }
        self.dirty = 0;
        Ok(())
    }

    /// Lets go of values that are on disk, those not in use lately first, until so many bytes are
    /// left. Everything has been flushed.
    pub fn evict(&mut self, most: usize) {
        for hot in [true, false] {
            let mut over = self.bytes.saturating_sub(most);
            self.map.retain(|key, value| {
                let Some(flags) = value.first_mut() else { return true };
                if *flags & HOT != 0 && hot {
                    *flags &= !HOT;
                    return true;
                }
                if over == 0 {
                    return true;
                }
                let bytes = key.len() + ENTRY + value.len();
                over = over.saturating_sub(bytes);
                self.bytes -= bytes;
                false
            });
        }
    }
}

#[inline]
fn is(value: &[u8], flag: u8) -> bool {
    value.first().is_some_and(|flags| flags & flag != 0)
}
