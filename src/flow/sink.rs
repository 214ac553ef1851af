//! HOT. Lines to a sink: a thread that reads batches of lines, and the loop that decodes, writes,
//! flushes and moves the checkpoint. Uses `line`, `ums`, `endpoint`, `sink`, `flow`.
//!
//! The order is the promise: rows are written, made durable by `flush`, and only then does the
//! checkpoint move, and only to a marker that stood behind those rows in the stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::checkpoint::Checkpoint;
use super::lane::Lane;
pub use super::lane::Sweeps;
use super::stats::Counters;
use crate::endpoint::{Input, Receipt};
use crate::error::{Error, Result};
use crate::line::{LineReader, Lines};
use crate::sink::{Flush, Rejects, Sink};
use crate::ums::{Decoder, Marker, Message, Protocol};

/// Batches that may wait between the two threads.
const WAITING: usize = 4;

/// What to move, and how.
pub struct Plan<'a> {
    /// The stream.
    pub source: Source,
    /// Where the messages go.
    pub sink: &'a mut dyn Sink,
    /// When to flush.
    pub flush: Flush,
    /// The file that follows the flushes.
    pub checkpoint: Option<&'a mut Checkpoint>,
    /// Where the sink puts rows that can never be stored; durable before any position moves.
    pub rejects: Rejects,
}

/// A stream, with what watches over it.
pub struct Source {
    /// Where the lines come from.
    pub input: Input,
    /// The longest line taken, in bytes.
    pub max_line: usize,
    /// Raised by whoever wants a clean end.
    pub stop: Arc<AtomicBool>,
    /// Raised as rows are written.
    pub counters: Arc<Counters>,
}

/// What was met, for the closing words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows taken over by the sink.
    pub rows: u64,
    /// Notices of rows that left the source (TRUNCATE, DROP, a new name), applied.
    pub applied: u64,
    /// The same, not applied: the rows are still in the destination.
    pub left: u64,
    /// What was swept at the ends of pulls.
    pub sweeps: Sweeps,
    /// Whether the stop flag ended the run.
    pub stopped: bool,
}

/// Where messages go: one sink, or several.
pub(super) trait Destination {
    /// Writes a message; gives the rows taken over.
    fn write(&mut self, message: &Message, line: &[u8], marker: Option<&Marker>) -> Result<u64>;

    /// Makes durable what is full.
    fn settle(&mut self) -> Result<()>;

    /// Makes durable what is old; asked after each batch and at each tick.
    fn tick(&mut self, nothing_waits: bool) -> Result<()>;

    /// How long it can be left alone.
    fn patience(&self) -> Duration;

    /// Makes everything durable.
    fn finish(&mut self) -> Result<()>;
}

/// Moves lines until the input ends or the stop flag rises; both end with a flush of everything
/// that was written. A line that cannot be decoded also flushes what came before it.
///
/// The reading thread cannot be interrupted inside a read; after a stop it is left behind, to end
/// with the process.
///
/// # Errors
/// `Data` with `NAME:LINE` for a bad line or a row that the sink cannot take; the sink's errors;
/// `Usage` for a checkpoint behind a sink that is never durable.
pub fn run(plan: Plan) -> Result<Summary> {
    let Plan { source, sink, flush, checkpoint, rejects } = plan;
    let receipt = source.input.receipt.clone();
    let mut one = One { sink, lane: Lane::new(flush, rejects), checkpoint, receipt };
    let stopped = pump(source, &mut one)?;
    let Lane { rows, applied, left, sweeps, .. } = one.lane;
    Ok(Summary { rows, applied, left, sweeps, stopped })
}

/// The loop; tells whether the stop flag ended it.
pub(super) fn pump(source: Source, destination: &mut dyn Destination) -> Result<bool> {
    let receipt = source.input.receipt.clone();
    let result = pump_lines(source, destination, receipt.as_deref());
    // Also after a failure: what was reported is kept, and the next one need not wait for a timeout.
    if let Some(receipt) = &receipt {
        receipt.close();
    }
    result
}

fn pump_lines(
    source: Source,
    destination: &mut dyn Destination,
    receipt: Option<&dyn Receipt>,
) -> Result<bool> {
    let Source { input, max_line, stop, counters } = source;
    let name = input.name.clone();
    let (taken, size) = (Arc::clone(&input.taken), input.size);
    let batches = read_lines(input, max_line)?;
    counters.bytes_total.store(size, Ordering::Relaxed);
    let mut run = Run { destination, receipt, counters, decoder: Decoder::default() };
    let mut stopped = false;
    loop {
        if stop.load(Ordering::Relaxed) {
            stopped = true;
            break;
        }
        match batches.recv_timeout(run.destination.patience()) {
            Ok(Ok(lines)) => {
                if let Err(failure) = run.take(&lines, &name) {
                    return Err(run.give_up(failure));
                }
                run.counters.bytes_in.store(taken.load(Ordering::Relaxed), Ordering::Relaxed);
            }
            Ok(Err(error)) => return Err(run.give_up(Failure::Input(error))),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        run.destination.tick(batches.is_empty())?;
        if batches.is_empty() && receipt.is_some_and(|receipt| receipt.hurries()) {
            run.destination.finish()?;
        }
    }
    run.destination.finish()?;
    Ok(stopped)
}

fn read_lines(input: Input, max_line: usize) -> Result<Receiver<Result<Lines>>> {
    let (sender, receiver) = bounded(WAITING);
    let mut reader = LineReader::new(input.reader, input.name, max_line);
    let thread = std::thread::Builder::new().name("read".into()).spawn(move || {
        while let Some(batch) = reader.next_batch().transpose() {
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                break;
            }
        }
    });
    thread.map(|_| receiver).map_err(|error| Error::io("cannot start a thread", error))
}

/// What stopped a batch of lines.
enum Failure {
    /// The input; what came before it is good and is made durable.
    Input(Error),
    /// The sink; nothing more is asked of it.
    Sink(Error),
}

struct Run<'a> {
    destination: &'a mut dyn Destination,
    receipt: Option<&'a dyn Receipt>,
    counters: Arc<Counters>,
    decoder: Decoder,
}

impl Run<'_> {
    fn take(&mut self, lines: &Lines, name: &str) -> Result<(), Failure> {
        for (number, line) in lines {
            let receipt = self.receipt;
            let place = |error: Error| match receipt.and_then(|receipt| receipt.place(number)) {
                Some(record) => error.at(record),
                None => error.at(format_args!("{name}:{number}")),
            };
            let message =
                self.decoder.decode(line).map_err(|error| Failure::Input(place(error)))?;
            let marker = match message.protocol {
                Protocol::Heartbeat => {
                    Marker::read(&message).map_err(|error| Failure::Input(place(error)))?
                }
                _ => None,
            };
            let rows = self.destination.write(&message, line, marker.as_ref());
            self.counters.add_message(rows.map_err(|error| Failure::Sink(place(error)))?);
            self.destination.settle().map_err(Failure::Sink)?;
        }
        Ok(())
    }

    /// The error to end with; the first one counts.
    fn give_up(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Sink(error) => error,
            Failure::Input(error) => {
                // When this fails, too, the checkpoint stays behind, which is safe.
                let _ = self.destination.finish();
                error
            }
        }
    }
}

/// One sink, which takes everything.
struct One<'a> {
    sink: &'a mut dyn Sink,
    lane: Lane,
    checkpoint: Option<&'a mut Checkpoint>,
    receipt: Option<Arc<dyn Receipt>>,
}

impl Destination for One<'_> {
    fn write(&mut self, message: &Message, line: &[u8], marker: Option<&Marker>) -> Result<u64> {
        let rows = self.lane.write(self.sink, message, line)?;
        if let Some(marker) = marker {
            self.lane.mark(marker);
        }
        Ok(rows)
    }

    fn settle(&mut self) -> Result<()> {
        if self.lane.is_full() { self.finish() } else { Ok(()) }
    }

    fn tick(&mut self, nothing_waits: bool) -> Result<()> {
        if self.lane.is_old(nothing_waits) { self.finish() } else { Ok(()) }
    }

    fn patience(&self) -> Duration {
        self.lane.patience()
    }

    fn finish(&mut self) -> Result<()> {
        if !self.lane.is_pending() {
            return Ok(());
        }
        let durable = self.lane.flush(self.sink)?;
        match &mut self.checkpoint {
            Some(checkpoint) if durable => checkpoint.advance(&self.lane.markers)?,
            Some(_) => return Err(never_durable()),
            None => {}
        }
        if let Some(receipt) = self.receipt.as_ref().filter(|_| durable) {
            receipt.durable(&self.lane.markers);
        }
        Ok(())
    }
}

/// A checkpoint has no meaning behind a pipe.
pub(super) fn never_durable() -> Error {
    Error::usage("--checkpoint: what is written here is never durable")
        .advise("write to a file or a database, or let the last command of the pipe keep it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::sink::Written;
    use crate::ums::Dialect;
    use std::path::{Path, PathBuf};

    fn marker(id: i64) -> Marker {
        Marker {
            kind: "mysql".into(),
            source: "db1".into(),
            id,
            ts: "2026-11-21 01:02:03.000000".into(),
            file: "bin.000001".into(),
            pos: 4,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        }
    }

    fn marker_line(id: i64) -> String {
        let mut line = Vec::new();
        marker(id).write(Dialect::Dws, &mut line);
        String::from_utf8(line).unwrap()
    }

    /// Notes at each flush which marker it was told and which one the file held.
    struct Probe {
        checkpoint: PathBuf,
        flushes: Vec<(Option<i64>, Option<i64>)>,
        fail_at: usize,
    }

    fn newest(markers: &[Marker]) -> Option<i64> {
        markers.first().map(|marker| marker.id)
    }

    fn stored(path: &Path) -> Option<i64> {
        newest(Checkpoint::open(path).unwrap().positions())
    }

    impl Sink for Probe {
        fn write(&mut self, _: &Message, _: &[u8]) -> Result<Written> {
            Ok(Written { rows: 1 })
        }
        fn flush(&mut self, markers: &[Marker]) -> Result<bool> {
            self.flushes.push((newest(markers), stored(&self.checkpoint)));
            if self.flushes.len() == self.fail_at {
                return Err(Error::unreachable("the disk is full"));
            }
            Ok(true)
        }
    }

    fn go(input: &str, flush: Flush, fail_at: usize) -> (Result<Summary>, Probe, Option<i64>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        let mut probe = Probe { checkpoint: path.clone(), flushes: Vec::new(), fail_at };
        let mut checkpoint = Checkpoint::open(&path).unwrap();
        let result = run(Plan {
            source: Source {
                input: Input {
                    name: "t".into(),
                    reader: Box::new(std::io::Cursor::new(input.as_bytes().to_vec())),
                    size: 0,
                    taken: Arc::default(),
                    receipt: None,
                },
                max_line: 1 << 20,
                stop: Arc::default(),
                counters: Arc::default(),
            },
            sink: &mut probe,
            flush,
            checkpoint: Some(&mut checkpoint),
            rejects: Rejects::default(),
        });
        let left = stored(&path);
        (result, probe, left)
    }

    #[test]
    fn the_file_follows_the_flush_and_never_leads() {
        let input: String = (1..=3).map(marker_line).collect();
        let (result, probe, left) = go(&input, Flush::Cheap, 0);
        result.unwrap();
        assert_eq!(probe.flushes, [(Some(1), None), (Some(2), Some(1)), (Some(3), Some(2))]);
        assert_eq!(left, Some(3));
    }

    #[test]
    fn a_failed_flush_moves_nothing() {
        let input: String = (1..=3).map(marker_line).collect();
        let (result, probe, left) = go(&input, Flush::Cheap, 2);
        assert_eq!(result.unwrap_err().kind(), Kind::Unreachable);
        assert_eq!((probe.flushes.len(), left), (2, Some(1)));
    }

    #[test]
    fn a_costly_sink_is_flushed_at_its_thresholds_and_at_the_end() {
        let input: String = (1..=5).map(marker_line).collect();
        let flush = Flush::Costly { rows: 2, bytes: u64::MAX, seconds: 3600 };
        let (result, probe, left) = go(&input, flush, 0);
        assert_eq!(result.unwrap().rows, 5);
        assert_eq!(probe.flushes, [(Some(2), None), (Some(4), Some(2)), (Some(5), Some(4))]);
        assert_eq!(left, Some(5));
    }

    #[test]
    fn a_bad_line_is_named_and_what_came_before_is_kept() {
        let input = marker_line(1) + "\n{\"broken\n" + &marker_line(2);
        let flush = Flush::Costly { rows: 99, bytes: u64::MAX, seconds: 3600 };
        let (result, _, left) = go(&input, flush, 0);
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Data);
        assert!(error.to_string().starts_with("t:3: "), "{error}");
        assert_eq!(left, Some(1));
    }
}
