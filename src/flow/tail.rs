//! From a log to an output: one thread reads and frames, this one assembles, decodes and writes.
//! Uses everything but `cli`. Warm: once a chunk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::checkpoint::Checkpoint;
use super::queue::{Received, queue};
use super::stats::Counters;
use crate::endpoint::binlog::publish::Publisher;
use crate::error::{Error, Result};
use crate::mysql::frame::{EventLog, Feed};
use crate::mysql::transaction::Assembler;

/// How long to wait for news before looking at the stop flag and the clock again.
const PATIENCE: Duration = Duration::from_millis(100);

/// A run.
pub struct Plan<'a> {
    /// The log.
    pub log: Box<dyn EventLog>,
    /// Follows it.
    pub assembler: Assembler,
    /// Writes.
    pub publisher: Publisher,
    /// The position file, moved when the output is durable.
    pub checkpoint: Option<Checkpoint>,
    /// Ends the run cleanly when set.
    pub stop: Arc<AtomicBool>,
    /// Whether the log goes on for ever, so that idle times are told.
    pub live: bool,
    /// Whether rows leave at once when the log pauses; files do not pause, and without it their
    /// messages do not depend on timing.
    pub prompt: bool,
    /// Shown to people.
    pub counters: Arc<Counters>,
    /// Tells people something.
    pub note: &'a mut dyn FnMut(&str),
}

/// Runs until the log ends, the bounds are reached, or the stop flag is set.
pub fn run(plan: Plan) -> Result<()> {
    let Plan { mut log, assembler, publisher, checkpoint, stop, live, prompt, counters, note } =
        plan;
    let (sender, receiver) = queue();
    let reader = std::thread::Builder::new().name("reader".to_owned());
    reader
        .spawn(move || {
            loop {
                let feed = log.next();
                let over = matches!(feed, Err(_) | Ok(Feed::End));
                if !sender.send(feed) || over {
                    return;
                }
            }
        })
        .map_err(|error| Error::io("reader thread", error))?;
    let mut run = Run { assembler, publisher, checkpoint, counters, note, synced: Instant::now() };
    let result = loop {
        if stop.load(Ordering::Relaxed) || run.publisher.reached(&run.assembler) {
            break Ok(());
        }
        let mut received = receiver.receive(Duration::ZERO);
        if matches!(received, Received::Nothing) {
            if prompt {
                run.idle(live)?;
            }
            received = receiver.receive(PATIENCE);
        }
        let more = match received {
            Received::Nothing | Received::Feed(Ok(Feed::Idle)) => Ok(true),
            Received::Ended => Ok(false),
            Received::Feed(Ok(feed)) => run.feed(feed),
            Received::Feed(Err(error)) => Err(error),
        };
        match more.and_then(|more| run.tell().map(|()| more)) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // A reader that waits for its server or its pipe is left behind: the process ends.
    drop(receiver);
    run.finish(result)
}

struct Run<'a> {
    assembler: Assembler,
    publisher: Publisher,
    checkpoint: Option<Checkpoint>,
    counters: Arc<Counters>,
    note: &'a mut dyn FnMut(&str),
    synced: Instant,
}

impl Run<'_> {
    /// One step; false at the end.
    fn feed(&mut self, feed: Feed) -> Result<bool> {
        match feed {
            Feed::Events(chunk) => {
                self.counters.add_bytes(chunk.bytes.len() as u64);
                let more = self.assembler.feed(chunk, &mut self.publisher)?;
                if self.synced.elapsed() >= self.publisher.marker_every() {
                    self.keep()?;
                }
                Ok(more)
            }
            Feed::Torn(torn) => {
                (self.note)(&format!("{}: {torn}", torn.log.name));
                Ok(true)
            }
            Feed::Idle => Ok(true),
            Feed::End => Ok(false),
        }
    }

    /// Nothing waits: everything decoded goes out, and a live source proves that it lives.
    fn idle(&mut self, live: bool) -> Result<()> {
        self.publisher.flush()?;
        if live
            && self.assembler.is_placed()
            && self.publisher.marker_age() >= self.publisher.marker_every()
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
            self.publisher.mark(&self.assembler.position(), Some(micros))?;
            self.keep()?;
        }
        Ok(())
    }

    /// Moves the checkpoint if the output is durable.
    fn keep(&mut self) -> Result<()> {
        self.synced = Instant::now();
        if let Some(checkpoint) = &mut self.checkpoint
            && let Some(marker) = self.publisher.durable()?
        {
            checkpoint.advance(&[marker])?;
        }
        Ok(())
    }

    /// Messages to people and counters.
    fn tell(&mut self) -> Result<()> {
        for text in self.publisher.notes.drain(..) {
            (self.note)(&text);
        }
        self.counters.rows.store(self.publisher.totals.rows, Ordering::Relaxed);
        self.counters.messages.store(self.publisher.totals.messages, Ordering::Relaxed);
        Ok(())
    }

    /// Writes what is complete. After an error no marker follows: whoever resumes reads the
    /// transaction again.
    fn finish(mut self, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => {
                if let Some(start) = self.assembler.open_since() {
                    (self.note)(&format!(
                        "the log ends inside a transaction that began at {start}; it is left out"
                    ));
                }
                if self.assembler.is_placed() {
                    self.publisher.mark(&self.assembler.position(), None)?;
                    self.publisher.sync()?;
                    self.keep()?;
                }
                self.tell()
            }
            Err(error) => {
                let flushed = self.publisher.flush().and_then(|()| self.tell());
                // The first error says more than one that follows from it.
                let _ = flushed;
                Err(error)
            }
        }
    }
}
