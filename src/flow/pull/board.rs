//! What a pull has done so far, for people and monitors. Uses nothing of the project. Raised once a
//! message, never once a row: not hot.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How far one table is.
#[derive(Debug, Default)]
pub struct TableBoard {
    /// `schema.table`.
    pub name: String,
    /// Rows that the server estimates; 0 where it does not.
    pub estimate: u64,
    /// Rows written, those of shards that were read twice counted twice.
    pub rows: AtomicU64,
    /// Shards that are known.
    pub shards: AtomicU64,
    /// Shards that are done.
    pub done: AtomicU64,
    /// Whether all shards are known.
    pub planned: AtomicBool,
    /// Whether its end has been written.
    pub ended: AtomicBool,
}

/// Counters of one run.
#[derive(Debug, Default)]
pub struct Board {
    /// The tables, in the order in which they are pulled.
    pub tables: Vec<TableBoard>,
    /// Bytes handed to the output.
    pub bytes: AtomicU64,
    /// Messages handed to the output.
    pub messages: AtomicU64,
    /// Shards that were read again.
    pub again: AtomicU64,
    /// Why the run waits; empty when it does not.
    waits: Mutex<String>,
}

impl Board {
    /// Nothing done yet of these tables.
    pub fn new(tables: Vec<TableBoard>) -> Self {
        Self { tables, ..Self::default() }
    }

    /// Rows of all tables, shards done and shards known.
    pub fn totals(&self) -> [u64; 3] {
        let sum = |pick: fn(&TableBoard) -> &AtomicU64| {
            self.tables.iter().map(|table| pick(table).load(Ordering::Relaxed)).sum()
        };
        [sum(|table| &table.rows), sum(|table| &table.done), sum(|table| &table.shards)]
    }

    /// Says why the run waits, or, with an empty text, that it goes on.
    pub fn wait(&self, why: &str) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        why.clone_into(&mut waits);
    }

    /// Why the run waits; empty when it does not.
    pub fn waits(&self) -> String {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
