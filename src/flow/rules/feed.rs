//! The threads in front of the writer: one reads, one cuts batches at the ends of records, the others
//! apply the rules. Uses `rule`, `line`, `endpoint`. Warm: once a batch.
//!
//! Order is kept without sorting: for each batch a receiver of its own goes to the writer, in the order
//! of the lines, and whoever works on the batch answers there. Channels are bounded, so memory is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Source;
use super::mask::Masked;
use crate::error::{Error, Result};
use crate::line::LineReader;
use crate::rule::lines::Lines;
use crate::rule::time::Micros;
use crate::rule::{Engine, Made, Report, Rules};

/// Batches that may wait in front of each stage.
const WAITING: usize = 4;

/// How long the last record of a pause waits for lines that go on with it.
const RECORD_PATIENCE: Duration = Duration::from_secs(1);

/// A batch with its rules applied.
pub(super) struct Done {
    pub(super) made: Made,
    /// The input's name.
    pub(super) file: Arc<str>,
    /// Where the next batch begins in it, in bytes of text.
    pub(super) end: u64,
    /// Bytes taken from the source for it, packed.
    pub(super) taken: u64,
}

struct Job {
    bytes: Vec<u8>,
    first_line: u64,
    near: Micros,
    file: Arc<str>,
    end: u64,
    taken: u64,
    answer: Sender<Result<Done>>,
}

/// What the writer sees: the batches in their order.
pub(super) struct Order(Receiver<Receiver<Result<Done>>>);

/// What came next.
pub(super) enum Next {
    Batch(Result<Done>),
    /// The input pauses.
    Nothing,
    End,
}

impl Order {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn next(&self, patience: Duration) -> Next {
        match self.0.recv_timeout(patience) {
            Ok(answer) => match answer.recv() {
                Ok(done) => Next::Batch(done),
                // The thread that worked on it is gone without a word: it panicked, and has said so.
                Err(_) => {
                    Next::Batch(Err(Error::data("a thread that applies the rules has failed")))
                }
            },
            Err(RecvTimeoutError::Timeout) => Next::Nothing,
            Err(RecvTimeoutError::Disconnected) => Next::End,
        }
    }
}

/// Starts the threads.
pub(super) fn start(
    engines: Vec<(Rules, Option<Masked>)>,
    sources: Vec<Source>,
    max_line: usize,
    stop: Arc<AtomicBool>,
) -> Result<(Order, Vec<JoinHandle<Report>>)> {
    let (raw_in, raw) = bounded(WAITING);
    let (jobs_in, jobs) = bounded::<Job>(WAITING);
    let (order_in, order) = bounded(WAITING + engines.len());
    let lines = engines.first().map(|(rules, _)| rules.lines.clone()).unwrap_or_default();
    let failed = |error| Error::io("cannot start a thread", error);
    let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let workers = engines
        .into_iter()
        .map(|(rules, masked)| {
            let jobs = jobs.clone();
            thread("rules").spawn(move || work(Engine::new(rules), masked, &jobs)).map_err(failed)
        })
        .collect::<Result<_>>()?;
    thread("read").spawn(move || read(sources, max_line, &raw_in)).map_err(failed)?;
    let cutter = Cutter { lines, jobs: jobs_in, order: order_in, held: Vec::new() };
    thread("cut").spawn(move || cutter.run(&raw, &stop)).map_err(failed)?;
    Ok((Order(order), workers))
}

/// What the threads have counted; call it when nobody takes their answers any more.
pub(super) fn reports(workers: Vec<JoinHandle<Report>>) -> Report {
    let mut all = Report::default();
    for worker in workers {
        if let Ok(report) = worker.join() {
            all.add(&report);
        }
    }
    all
}

/// What the reading thread gives.
enum Raw {
    /// A new file begins.
    File {
        name: Arc<str>,
        near: Micros,
    },
    Lines {
        bytes: Vec<u8>,
        first_line: u64,
        taken: u64,
    },
    Failed(Error),
}

fn read(sources: Vec<Source>, max_line: usize, out: &Sender<Raw>) {
    for Source { input, near } in sources {
        let (name, counted): (Arc<str>, Arc<AtomicU64>) = (input.name.as_str().into(), input.taken);
        if out.send(Raw::File { name, near }).is_err() {
            return;
        }
        let mut reader = LineReader::new(input.reader, input.name, max_line);
        let mut before = 0;
        while let Some(batch) = reader.next_batch().transpose() {
            let now = counted.load(Ordering::Relaxed);
            let raw = match batch {
                Ok(lines) => Raw::Lines {
                    bytes: lines.bytes,
                    first_line: lines.first_line,
                    taken: now.saturating_sub(before),
                },
                Err(error) => {
                    let _ = out.send(Raw::Failed(error));
                    return;
                }
            };
            before = now;
            if out.send(raw).is_err() {
                return;
            }
        }
    }
}

/// Cuts batches where records end.
struct Cutter {
    lines: Lines,
    jobs: Sender<Job>,
    order: Sender<Receiver<Result<Done>>>,
    /// Whole lines of a record that may go on.
    held: Vec<u8>,
}

/// Where the cutter is.
struct Place {
    file: Arc<str>,
    near: Micros,
    /// Where `held` begins, in bytes and lines of the file.
    at: u64,
    line: u64,
}

impl Cutter {
    fn run(mut self, raw: &Receiver<Raw>, stop: &AtomicBool) {
        let mut place = Place { file: "".into(), near: 0, at: 0, line: 1 };
        let mut quiet = Duration::ZERO;
        let step = Duration::from_millis(100);
        let mut on = true;
        while on && !stop.load(Ordering::Relaxed) {
            let received = raw.recv_timeout(step);
            quiet = if received.is_err() { quiet + step } else { Duration::ZERO };
            on = match received {
                Ok(Raw::Lines { bytes, first_line, taken }) => {
                    self.lines(bytes, first_line, taken, &mut place)
                }
                Ok(Raw::File { name, near }) => {
                    let on = self.send_held(&mut place);
                    place = Place { file: name, near, at: 0, line: 1 };
                    on
                }
                Ok(Raw::Failed(error)) => {
                    if self.send_held(&mut place) {
                        let (answer, receiver) = bounded(1);
                        let _ = answer.send(Err(error));
                        let _ = self.order.send(receiver);
                    }
                    return;
                }
                Err(RecvTimeoutError::Timeout) if quiet >= RECORD_PATIENCE => {
                    self.send_held(&mut place)
                }
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
        }
        self.send_held(&mut place);
    }

    /// Sends what is whole; false when nobody takes it any more.
    fn lines(&mut self, bytes: Vec<u8>, first_line: u64, taken: u64, place: &mut Place) -> bool {
        if self.held.is_empty() {
            place.line = first_line;
            let whole = self.lines.whole(&bytes);
            if whole == bytes.len() {
                return self.send(bytes, taken, place);
            }
            self.held = bytes;
        } else {
            self.held.extend_from_slice(&bytes);
        }
        let whole = self.lines.whole(&self.held);
        let rest = self.held.split_off(whole);
        let batch = std::mem::replace(&mut self.held, rest);
        self.send(batch, taken, place)
    }

    fn send_held(&mut self, place: &mut Place) -> bool {
        let batch = std::mem::take(&mut self.held);
        self.send(batch, 0, place)
    }

    fn send(&mut self, bytes: Vec<u8>, taken: u64, place: &mut Place) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let (answer, receiver) = bounded(1);
        let first_line = place.line;
        place.at += bytes.len() as u64;
        place.line += memchr::memchr_iter(b'\n', &bytes).count() as u64;
        let file = Arc::clone(&place.file);
        let job = Job { bytes, first_line, near: place.near, file, end: place.at, taken, answer };
        self.order.send(receiver).is_ok() && self.jobs.send(job).is_ok()
    }
}

/// Applies the rules until there is nothing more to do.
fn work(mut engine: Engine, mut masked: Option<Masked>, jobs: &Receiver<Job>) -> Report {
    let lines = engine.rules().lines.clone();
    for job in jobs {
        let Job { bytes, first_line, near, file, end, taken, answer } = job;
        engine.set_near(near);
        let mut made = Made::default();
        made.bytes.reserve(bytes.len().saturating_mul(2));
        let mut failed = None;
        lines.records(&bytes, |record, line| {
            if failed.is_none()
                && let Err(error) = engine.take(record, &mut made, &mut ())
            {
                failed = Some(error.at(format_args!("{file}:{}", first_line + line)));
            }
        });
        if failed.is_none()
            && let Some(masked) = &mut masked
        {
            failed = masked.apply(&mut made).err().map(|error| error.at(&file));
        }
        let done = match failed {
            Some(error) => Err(error),
            None => Ok(Done { made, file, end, taken }),
        };
        // Nobody waits for it when the run has ended.
        let _ = answer.send(done);
    }
    engine.report().clone()
}
