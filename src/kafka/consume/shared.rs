//! What the reading thread and the rest of the process tell each other: what has become durable,
//! what should, and when to end. Uses `error` and `ums`. Not hot: once a flush.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Partition;
use super::offsets::Reader;
use crate::ums::Marker;

/// How long an end may take: the last commit and the goodbye to the group.
const GOODBYE: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
struct State {
    /// Of each partition: all records below are durable downstream.
    durable: BTreeMap<Partition, i64>,
    /// Somebody has reported once.
    reports: bool,
    /// For streams without markers: after so many bytes of the stream, a partition is this far.
    ledger: VecDeque<(u64, Partition, i64)>,
    /// Offsets in markers that are the last of those which cover everything in front of them.
    covering: VecDeque<(Partition, i64)>,
    /// The records of the newest blocks: in which line each begins.
    places: VecDeque<Vec<Place>>,
    ended: bool,
}

/// Where a record stands in the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its first line, counted from 1.
    pub(super) line: u64,
    /// Which of the partitions, by `Run::names`.
    pub(super) partition: usize,
    pub(super) offset: i64,
}

/// Blocks whose records can be told: more than may be on their way.
const PLACES: usize = 32;

/// The common state.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Partitions are to be given back: make durable what was read.
    hurry: AtomicBool,
    stop: AtomicBool,
    /// The partitions that `Place` means.
    names: Mutex<Vec<Partition>>,
    pub(super) reader: Reader,
}

impl Shared {
    pub(super) fn new(reader: Reader) -> Self {
        Self { reader, ..Self::default() }
    }

    /// A panic elsewhere must not add a second one here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over reported positions; they only rise, because what is durable stays so.
    pub(super) fn report(&self, markers: &[Marker]) {
        let mut state = self.lock();
        for (partition, next) in markers.iter().filter_map(|marker| self.reader.own(marker)) {
            let known = state.durable.entry(partition).or_insert(next);
            *known = next.max(*known);
            state.reports = true;
        }
        self.changed.notify_all();
    }

    /// The marker with this offset is the last of some that cover everything in front of them.
    pub(super) fn add_covering(&self, partition: Partition, next: i64) {
        self.lock().covering.push_back((partition, next));
    }

    /// Whether a marker is such a one; those in front of it are done with.
    pub(super) fn covers_all(&self, partition: &Partition, next: i64) -> bool {
        let mut state = self.lock();
        let is = |(other, offset): &(Partition, i64)| other == partition && *offset == next;
        let found = state.covering.iter().position(is);
        if let Some(found) = found {
            state.covering.drain(..=found);
        }
        found.is_some()
    }

    /// What was reported for a partition.
    pub(super) fn durable(&self, partition: &Partition) -> Option<i64> {
        self.lock().durable.get(partition).copied()
    }

    /// Whether anything was ever reported.
    pub(super) fn has_reports(&self) -> bool {
        self.lock().reports
    }

    /// Waits for news, at most so long.
    pub(super) fn wait(&self, time: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout(state, time));
    }

    pub(super) fn set_hurry(&self, hurry: bool) {
        self.hurry.store(hurry, Ordering::Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// After `bytes` bytes of the stream, a partition is at `next`.
    pub(super) fn note(&self, bytes: u64, partition: Partition, next: i64) {
        self.lock().ledger.push_back((bytes, partition, next));
    }

    /// The number of a partition in `Place`.
    pub(super) fn name(&self, partition: &Partition) -> usize {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().position(|known| known == partition).unwrap_or_else(|| {
            names.push(partition.clone());
            names.len() - 1
        })
    }

    /// A block with these records is handed on.
    pub(super) fn add_places(&self, places: Vec<Place>) {
        let mut state = self.lock();
        if state.places.len() >= PLACES {
            state.places.pop_front();
        }
        state.places.push_back(places);
    }

    pub(super) fn set_ended(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

/// The other end of a stream of records: where what became of them is reported.
#[derive(Debug, Clone)]
pub struct Receipt(pub(super) Arc<Shared>);

impl Receipt {
    /// Everything before these markers is durable. Markers of others are passed over.
    pub fn durable(&self, markers: &[Marker]) {
        self.0.report(markers);
    }

    /// Whether what was read should be made durable now: partitions are to be given to another
    /// member of the group, which waits.
    pub fn hurries(&self) -> bool {
        self.0.hurry.load(Ordering::Relaxed)
    }

    /// The positions after the first `bytes` bytes of a stream that carries no markers, those that
    /// were not given before.
    pub fn reached(&self, bytes: u64) -> Vec<Marker> {
        let mut state = self.0.lock();
        let mut newest = BTreeMap::new();
        while let Some((end, partition, next)) = state.ledger.pop_front() {
            if end > bytes {
                state.ledger.push_front((end, partition, next));
                break;
            }
            newest.insert(partition, next);
        }
        newest.iter().map(|(partition, next)| self.0.reader.marker(partition, *next)).collect()
    }

    /// The record that a line of the stream is of, unless that was long ago.
    pub fn place(&self, line: u64) -> Option<String> {
        let state = self.0.lock();
        let mut all = state.places.iter().rev().flat_map(|places| places.iter().rev());
        let found = all.find(|place| place.line <= line)?;
        let names = self.0.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(found.partition).map(|partition| format!("{partition} offset {}", found.offset))
    }

    /// Commits what was reported and leaves the group; nothing more is read.
    pub fn close(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
        let deadline = Instant::now() + GOODBYE;
        let mut state = self.0.lock();
        while !state.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> Partition {
        Partition { topic: "t".into(), number }
    }

    #[test]
    fn reports_only_rise_and_strangers_do_not_count() {
        let own = Reader { group: Some("g".into()), cluster: "c".into() };
        let shared = Arc::new(Shared::new(own.clone()));
        let receipt = Receipt(Arc::clone(&shared));
        let other = Reader { group: Some("h".into()), cluster: "c".into() };
        receipt.durable(&[other.marker(&partition(0), 99)]);
        assert_eq!((shared.durable(&partition(0)), shared.has_reports()), (None, false));
        for next in [5, 9, 7] {
            receipt.durable(&[own.marker(&partition(0), next)]);
        }
        assert_eq!(shared.durable(&partition(0)), Some(9));
        assert!(shared.has_reports());
    }

    #[test]
    fn bytes_lead_to_offsets() {
        let shared = Arc::new(Shared::default());
        let receipt = Receipt(Arc::clone(&shared));
        for (bytes, number, next) in [(10, 0, 1), (20, 1, 5), (30, 0, 2), (40, 0, 3)] {
            shared.note(bytes, partition(number), next);
        }
        let ids = |markers: Vec<Marker>| {
            markers.into_iter().map(|marker| (marker.source, marker.id)).collect::<Vec<_>>()
        };
        assert_eq!(ids(receipt.reached(9)), []);
        assert_eq!(ids(receipt.reached(35)), [("t/0".to_owned(), 2), ("t/1".to_owned(), 5)]);
        assert_eq!(ids(receipt.reached(99)), [("t/0".to_owned(), 3)]);
    }
}
