//! From lines to rows by rules: threads that read and cut, threads that apply the rules, and this one,
//! which gives ids in the order of the records and writes. Uses `rule`, `line`, `ums`, `endpoint`,
//! `flow`. Warm: once a batch.

mod feed;
mod mask;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use self::feed::{Done, Order};
pub use self::mask::Masked;
use self::write::Writer;
use super::checkpoint::Checkpoint;
use super::receipts::Receipts;
use super::stats::Counters;
use crate::endpoint::Receipt;
use crate::endpoint::lines::Lines;
use crate::error::{Error, Kind, Result};
use crate::line::output::Output;
use crate::mask::Masks;
use crate::rule::ids::Ids;
use crate::rule::time::Micros;
use crate::rule::{Report, Rules};

pub use self::write::{Filling, KIND};

/// How long to wait for news before looking at the stop flag and the clock again.
const PATIENCE: Duration = Duration::from_millis(100);

/// A run.
pub struct Plan<'a> {
    /// The text of the rules, and what it is called.
    pub rules: (String, String),
    /// What is masked.
    pub masks: Option<Arc<Masks>>,
    /// Where lines come from: one source.
    pub lines: Box<dyn Lines>,
    /// Knows the positions of a source that counts its bytes in none of its own parts: a topic.
    pub receipt: Option<Arc<dyn Receipt>>,
    /// What the source is called, and how large it is in bytes, where somebody knows.
    pub name: (String, u64),
    /// The id and time to go on from, where an earlier run ended.
    pub resume: Option<(i64, Micros)>,
    /// The position file, moved when the output is durable.
    pub checkpoint: Option<Checkpoint>,
    /// Where the messages go.
    pub out: &'a mut dyn Output,
    /// When a message is full.
    pub filling: Filling,
    /// Which part of the source this is, for ids: 0 to 15.
    pub partition: u8,
    /// Threads that apply the rules, 1 or more.
    pub threads: usize,
    /// The longest time between markers.
    pub marker_every: Duration,
    /// Whether rows leave at once when the input pauses; files do not pause, and without it their
    /// messages do not depend on timing.
    pub prompt: bool,
    /// Ends the run cleanly when set.
    pub stop: Arc<AtomicBool>,
    /// Shown to people.
    pub counters: Arc<Counters>,
    /// What the source has to say to people.
    pub notes: Receiver<String>,
    /// Tells people something.
    pub note: &'a mut dyn FnMut(&str),
}

/// Runs until the streams end or the stop flag is set. What was counted, also where the run failed.
///
/// # Errors
/// `Usage` for rules that are wrong; `Data` for a line above the limit, damaged compression, or a
/// message that cannot be decoded; the errors of input and output.
pub fn run(plan: Plan) -> (Report, Result<()>) {
    let Plan {
        rules,
        masks,
        lines,
        receipt,
        name: (name, size),
        resume,
        checkpoint,
        out,
        filling,
        partition,
        threads,
        marker_every,
        prompt,
        stop,
        counters,
        notes,
        note,
    } = plan;
    let engine = |_| {
        let rules = Rules::parse(&rules.0, &rules.1)?;
        let masked = masks.as_ref().map(|masks| Masked::new(masks, &rules)).transpose()?;
        Ok((rules, masked))
    };
    let engines: Result<Vec<_>> = (0..threads.max(1)).map(engine).collect();
    let (engines, shape) = match (engines, Rules::parse(&rules.0, &rules.1)) {
        (Ok(engines), Ok(shape)) => (engines, shape),
        (Err(error), _) | (_, Err(error)) => return (Report::default(), Err(error)),
    };
    counters.bytes_total.store(size, Ordering::Relaxed);
    let ids = match resume {
        Some((next, time)) => Ids::resume(partition, next, time),
        None => Ids::new(partition),
    };
    let begins = lines.is_tracked().then(|| lines.begins());
    let plans = engines.first().and_then(|(_, masked)| masked.as_ref()).map(Masked::plans);
    let mut writer = Writer::new(shape, out, filling, ids, (name, begins));
    writer.masks = plans.unwrap_or_default();
    writer.receipt = receipt.clone();
    let receipts = Receipts::new(receipt.clone(), checkpoint);
    let marked = Instant::now();
    let mut run = Run { writer, receipts, counters, marker_every, prompt, marked, notes, note };
    let outcome = match feed::start(engines, lines, Arc::clone(&stop), receipt.is_some()) {
        Ok((order, workers)) => {
            let result = run.go(&order, &stop);
            // Whoever still works finds nobody who takes it, and ends; whoever waits for input sees the
            // flag.
            drop(order);
            stop.store(true, Ordering::Relaxed);
            let result = result.and_then(|whole| run.finish(whole));
            (feed::reports(workers), result)
        }
        Err(error) => (Report::default(), Err(error)),
    };
    if let Some(receipt) = receipt {
        receipt.close();
    }
    outcome
}

struct Run<'a> {
    writer: Writer<'a>,
    receipts: Receipts,
    counters: Arc<Counters>,
    marker_every: Duration,
    prompt: bool,
    marked: Instant,
    notes: Receiver<String>,
    note: &'a mut dyn FnMut(&str),
}

impl Run<'_> {
    /// The batches in their order; the error that the input ended with.
    fn go(&mut self, order: &Order, stop: &AtomicBool) -> Result<Option<Error>> {
        loop {
            if self.prompt && order.is_empty() {
                self.writer.flush()?;
            }
            match order.next(PATIENCE) {
                feed::Next::Batch(Ok(done)) => self.take(&done)?,
                feed::Next::Batch(Err(error)) => return Ok(Some(error)),
                feed::Next::Nothing => {
                    self.tell();
                    if self.prompt && !stop.load(Ordering::Relaxed) {
                        self.mark_if_due(true)?;
                    }
                    self.receipts.tell_if_due(self.writer.out, || Ok(()))?;
                }
                feed::Next::End => return Ok(None),
            }
        }
    }

    fn take(&mut self, done: &Done) -> Result<()> {
        self.writer.take(done)?;
        self.counters.add_bytes(done.taken);
        self.tell();
        self.mark_if_due(false)
    }

    fn mark_if_due(&mut self, idle: bool) -> Result<()> {
        if self.marked.elapsed() >= self.marker_every || idle && self.receipts.hurry() {
            self.marked = Instant::now();
            self.mark(idle)?;
            self.receipts.tell_if_due(self.writer.out, || Ok(()))?;
            self.tell();
        }
        Ok(())
    }

    /// Writes markers; what wants to know of them hears it when they are durable.
    fn mark(&mut self, idle: bool) -> Result<()> {
        for marker in self.writer.mark(idle)? {
            if self.receipts.are_wanted() {
                self.receipts.written(&marker);
            }
        }
        Ok(())
    }

    fn tell(&mut self) {
        for text in self.notes.try_iter() {
            (self.note)(&text);
        }
        self.counters.rows.store(self.writer.rows, Ordering::Relaxed);
        self.counters.messages.store(self.writer.messages, Ordering::Relaxed);
    }

    /// Everything goes out. A failed input is not followed by a marker of its end, only by that of what
    /// was taken.
    fn finish(mut self, failed: Option<Error>) -> Result<()> {
        let written =
            self.mark(false).and_then(|()| self.receipts.tell(self.writer.out, || Ok(())));
        self.tell();
        match failed {
            // The first error says more than one that follows from it.
            Some(error) if error.kind() != Kind::Closed => Err(error),
            _ => written,
        }
    }
}
