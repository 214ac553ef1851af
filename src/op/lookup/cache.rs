//! What was looked up, for as long as it may be used: bounded in bytes, forgotten by age and by use.
//! Uses nothing of the project. HOT in `get`: once a row.
//!
//! Two generations: what is used moves to the young one, and when that is full the old one goes. So
//! what goes was not used while half of the room filled up, and no list of uses is kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The rows of a key: the JSON of their cells.
pub(super) type Found = Arc<[Box<str>]>;

/// Bytes that an entry takes beside its key and its rows.
const ENTRY: usize = 120;
/// Bytes that a row takes beside its text.
const ROW: usize = 24;

#[derive(Debug)]
struct Entry {
    found: Found,
    since: Instant,
    size: usize,
}

/// The cache.
#[derive(Debug)]
pub(super) struct Cache {
    young: HashMap<Box<[u8]>, Entry>,
    old: HashMap<Box<[u8]>, Entry>,
    /// Bytes of the young ones, and of the old ones.
    bytes: [usize; 2],
    /// Bytes of both at most.
    most: usize,
    /// How long rows may be used, and that there are none.
    ages: [Duration; 2],
}

impl Cache {
    /// An empty one. `found` and `missing`: how long rows may be used, and that there are none.
    pub(super) fn new(most: usize, found: Duration, missing: Duration) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { young, old, bytes: [0; 2], most, ages: [found, missing] }
    }

    fn is_fresh(ages: [Duration; 2], entry: &Entry, now: Instant) -> bool {
        let [found, missing] = ages;
        let age = if entry.found.is_empty() { missing } else { found };
        now.saturating_duration_since(entry.since) < age
    }

    /// The rows of a key, where they are known and not too old.
    pub(super) fn get(&mut self, key: &[u8], now: Instant) -> Option<Found> {
        if let Some(entry) = self.young.get(key) {
            return Self::is_fresh(self.ages, entry, now).then(|| Arc::clone(&entry.found));
        }
        let (key, entry) = self.old.remove_entry(key)?;
        self.bytes[1] -= entry.size;
        let found = Self::is_fresh(self.ages, &entry, now).then(|| Arc::clone(&entry.found));
        if found.is_some() {
            self.insert(key, entry);
        }
        found
    }

    /// Keeps the rows of a key.
    pub(super) fn put(&mut self, key: &[u8], found: &Found, now: Instant) {
        let age = if found.is_empty() { self.ages[1] } else { self.ages[0] };
        let rows: usize = found.iter().map(|row| row.len() + ROW).sum();
        let size = ENTRY + key.len() + rows;
        // What would fill the cache alone is not worth its place.
        if age.is_zero() || size > self.most / 4 {
            self.forget(key);
            return;
        }
        self.insert(key.into(), Entry { found: Arc::clone(found), since: now, size });
    }

    fn forget(&mut self, key: &[u8]) {
        if let Some(entry) = self.young.remove(key) {
            self.bytes[0] -= entry.size;
        }
        if let Some(entry) = self.old.remove(key) {
            self.bytes[1] -= entry.size;
        }
    }

    fn insert(&mut self, key: Box<[u8]>, entry: Entry) {
        self.forget(&key);
        if self.bytes[0] + entry.size > self.most / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = [0, self.bytes[0]];
        }
        self.bytes[0] += entry.size;
        self.young.insert(key, entry);
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
        self.bytes = [0; 2];
    }

    /// Bytes of all entries.
    #[cfg(test)]
    fn size(&self) -> usize {
        self.bytes[0] + self.bytes[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Found {
        std::iter::repeat_n("\"x\"".into(), count).collect()
    }

    #[test]
    fn entries_go_by_age() {
        let start = Instant::now();
        let mut cache = Cache::new(1 << 20, Duration::from_secs(60), Duration::from_secs(5));
        cache.put(b"a", &rows(2), start);
        cache.put(b"b", &rows(0), start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(cache.get(b"a", at(4)).unwrap().len(), 2);
        assert_eq!(cache.get(b"b", at(4)).unwrap().len(), 0);
        assert!(cache.get(b"b", at(5)).is_none(), "that there is none is asked again sooner");
        assert!(cache.get(b"a", at(59)).is_some());
        assert!(cache.get(b"a", at(60)).is_none());
        let mut none = Cache::new(1 << 20, Duration::ZERO, Duration::ZERO);
        none.put(b"a", &rows(1), start);
        assert_eq!((none.get(b"a", start), none.size()), (None, 0));
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let now = Instant::now();
        let most = 100_000;
        let mut cache = Cache::new(most, Duration::from_secs(60), Duration::from_secs(60));
        for number in 0..100_000u32 {
            cache.put(&number.to_le_bytes(), &rows(1), now);
            assert!(cache.get(&7u32.to_le_bytes(), now).is_some() || number < 7);
            assert!(cache.size() <= most);
        }
        let counted: usize =
            cache.young.values().chain(cache.old.values()).map(|entry| entry.size).sum();
        assert_eq!(counted, cache.size());
        assert!(cache.size() > most / 3 && cache.get(&8u32.to_le_bytes(), now).is_none());
        cache.put(b"huge", &[" ".repeat(most).into()].into(), now);
        assert!(cache.get(b"huge", now).is_none());
        cache.clear();
        assert_eq!(cache.size(), 0);
    }
}
