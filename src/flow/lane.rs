//! One destination on the move: what it was given, when it is due, what it has made durable. Uses
//! `error`, `ums`, `sink`. Warm: once a message.

use std::time::{Duration, Instant};

use crate::error::Result;
use crate::sink::{Ended, Flush, Rejects, Sink};
use crate::ums::{Cause, Marker, Message, Protocol, Termination};

/// How soon a stop is noticed while nothing comes.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// A destination's state.
#[derive(Debug)]
pub(super) struct Lane {
    flush: Flush,
    rejects: Rejects,
    /// The newest marker of each source; every row before it has been written.
    pub(super) markers: Vec<Marker>,
    pending: Pending,
    /// A marker came since the last flush.
    marked: bool,
    /// Rows taken over.
    pub(super) rows: u64,
    /// Notices of rows that left the source, applied.
    pub(super) applied: u64,
    /// The same, not applied.
    pub(super) left: u64,
    /// The ends of pulls of which rows were to be swept.
    pub(super) sweeps: Sweeps,
}

/// What `--sweep` did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sweeps {
    /// Tables whose pull ended and that were swept, with the rows that went.
    pub swept: Vec<(String, u64)>,
    /// Tables whose pull ended and that were not, with the reason.
    pub left: Vec<(String, String)>,
}

/// What was written and is not durable yet.
#[derive(Debug, Default)]
struct Pending {
    rows: u64,
    bytes: u64,
    /// Something other than markers came.
    data: bool,
    since: Option<Instant>,
}

impl Lane {
    pub(super) fn new(flush: Flush, rejects: Rejects) -> Self {
        Self {
            flush,
            rejects,
            markers: Vec::new(),
            pending: Pending::default(),
            marked: false,
            rows: 0,
            applied: 0,
            left: 0,
            sweeps: Sweeps::default(),
        }
    }

    /// Hands a message to the sink; gives the rows that it took over.
    pub(super) fn write(
        &mut self,
        sink: &mut dyn Sink,
        message: &Message,
        line: &[u8],
    ) -> Result<u64> {
        let written = sink.write(message, line)?;
        if message.protocol == Protocol::IncrementTermination {
            match Termination::read(message)? {
                Some(notice) if notice.cause == Some(Cause::Alter) => {}
                Some(notice) if sink.end_rows(&notice)? => self.applied += 1,
                _ => self.left += 1,
            }
        }
        if message.protocol == Protocol::BatchTermination {
            let ended = sink.end_batch(message)?;
            let table = || message.header.schema.namespace.source();
            match ended {
                Ended::Kept => {}
                Ended::Swept(rows) => self.sweeps.swept.push((table(), rows)),
                Ended::Left(reason) => self.sweeps.left.push((table(), reason)),
            }
        }
        self.rows += written.rows;
        self.pending.rows += written.rows;
        self.pending.bytes += line.len() as u64;
        self.pending.data |= message.protocol != Protocol::Heartbeat;
        self.pending.since.get_or_insert_with(Instant::now);
        Ok(written.rows)
    }

    /// Remembers a marker, after it was written.
    pub(super) fn mark(&mut self, marker: &Marker) {
        self.marked = true;
        remember(&mut self.markers, marker);
    }

    /// Whether what was written is to be made durable now.
    pub(super) fn is_full(&self) -> bool {
        match self.flush {
            Flush::Cheap => self.marked,
            Flush::Costly { rows, bytes, .. } => {
                self.pending.rows >= rows || self.pending.bytes >= bytes
            }
        }
    }

    /// Whether what was written has waited long enough.
    pub(super) fn is_old(&self, nothing_waits: bool) -> bool {
        match (self.flush, self.pending.since) {
            (_, None) => false,
            (Flush::Cheap, _) => nothing_waits,
            (Flush::Costly { seconds, .. }, Some(since)) => {
                since.elapsed() >= Duration::from_secs(seconds)
            }
        }
    }

    /// Whether anything is not durable yet.
    pub(super) fn is_pending(&self) -> bool {
        self.pending.since.is_some()
    }

    /// Whether anything but markers is not durable yet.
    pub(super) fn has_data(&self) -> bool {
        self.pending.data
    }

    /// How long to wait for the next batch.
    pub(super) fn patience(&self) -> Duration {
        match (self.flush, self.pending.since) {
            (Flush::Costly { seconds, .. }, Some(since)) => {
                Duration::from_secs(seconds).saturating_sub(since.elapsed()).min(TICK)
            }
            _ => TICK,
        }
    }

    /// When to flush, as the open sink wants it.
    pub(super) fn set_rhythm(&mut self, flush: Flush) {
        self.flush = flush;
    }

    /// Forgets what is not durable: its sink is gone.
    pub(super) fn forget(&mut self) {
        self.pending = Pending::default();
        self.marked = false;
    }

    /// Makes everything written durable; false where this destination never is.
    pub(super) fn flush(&mut self, sink: &mut dyn Sink) -> Result<bool> {
        // A sink may commit the position itself, and may reject rows as it does.
        self.rejects.flush()?;
        let durable = sink.flush(&self.markers)?;
        self.rejects.flush()?;
        self.pending = Pending::default();
        self.marked = false;
        Ok(durable)
    }
}

/// Takes over the newest marker of its source.
pub(super) fn remember(markers: &mut Vec<Marker>, marker: &Marker) {
    let same = |old: &&mut Marker| old.kind == marker.kind && old.source == marker.source;
    match markers.iter_mut().find(same) {
        Some(old) => old.clone_from(marker),
        None => markers.push(marker.clone()),
    }
}
