//! Counters that the working threads raise and that progress and the closing line read. Uses
//! nothing of the project. Raised once a message or a buffer, never once a row: not hot.

use std::sync::atomic::{AtomicU64, Ordering};

/// Totals of one run. Relaxed atomics: they are shown to people, never used to decide anything.
#[derive(Debug, Default)]
pub struct Counters {
    /// Rows written to the destination.
    pub rows: AtomicU64,
    /// Messages written to the destination, markers included.
    pub messages: AtomicU64,
    /// Bytes read from the source so far (of a compressed file: the compressed ones).
    pub bytes_in: AtomicU64,
    /// Bytes the source holds in all, in the same unit; 0 while nobody knows.
    pub bytes_total: AtomicU64,
}

impl Counters {
    /// Adds to `rows` and one to `messages`.
    pub fn add_message(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Adds to `bytes_in`.
    pub fn add_bytes(&self, bytes: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rows, messages, bytes read and bytes in all, as they stand now.
    pub fn read(&self) -> [u64; 4] {
        [&self.rows, &self.messages, &self.bytes_in, &self.bytes_total]
            .map(|counter| counter.load(Ordering::Relaxed))
    }
}
