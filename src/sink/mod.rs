//! The sinks: the trait, and the table with one row a sink. Uses `ums` and the layer below. Not hot.
//!
//! To add a sink: one file here with `pub const SPEC: Spec`, one `pub mod` line and one row in
//! `ALL`. Help, manual pages, unknown-scheme errors and `--check` follow from the table.

use crate::error::Result;
use crate::ums::{Marker, Message};

/// What became of a message's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows taken over (an older row that loses against a newer one counts as taken).
    pub rows: u64,
}

/// A destination. `write` accepts; `flush` makes everything accepted so far durable.
pub trait Sink: Send {
    /// Accepts one message, `line` being its bytes without the newline. Markers come here too,
    /// in stream order, so that a sink that is a stream can pass them on.
    fn write(&mut self, message: &Message, line: &[u8]) -> Result<Written>;

    /// Makes everything accepted durable; `marker` is the newest marker before this point, kept
    /// by sinks that store the position beside the rows, in the same transaction.
    fn flush(&mut self, marker: Option<&Marker>) -> Result<()>;

    /// The positions that this sink keeps itself, for `--position`; empty when it keeps none.
    fn positions(&mut self) -> Result<Vec<Marker>> {
        Ok(Vec::new())
    }
}

/// When the flow calls `flush`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// Whenever nothing waits, and at every marker.
    Cheap,
    /// Every flush costs a file or a commit: after so many rows or bytes, or this age.
    Costly {
        /// Rows since the last flush.
        rows: u64,
        /// Bytes of messages since the last flush.
        bytes: u64,
        /// Seconds since the oldest unflushed row.
        seconds: u64,
    },
}
