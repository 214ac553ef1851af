//! The threads in front of the writer: one reads, one cuts batches at the ends of records, the others
//! apply the rules. Uses `rule`, `endpoint`. Warm: once a batch.
//!
//! Order is kept without sorting: for each batch a receiver of its own goes to the writer, in the order
//! of the lines, and whoever works on the batch answers there. Channels are bounded, so memory is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::mask::Masked;
use crate::endpoint::lines::{At, Chunk, Come, Lines, Part, Print};
use crate::error::{Error, Result};
use crate::rule::lines::Lines as RecordLines;
use crate::rule::time::Micros;
use crate::rule::{Engine, Made, Report, Rules};
use crate::ums::hash::Fnv1a;

/// Batches that may wait in front of each stage.
const WAITING: usize = 4;

/// How long the last record of a pause waits for lines that go on with it.
const RECORD_PATIENCE: Duration = Duration::from_secs(1);

/// A batch with its rules applied.
#[derive(Default)]
pub(super) struct Done {
    pub(super) made: Made,
    /// For each record that made rows, where it ends; empty where parts have no tags.
    pub(super) places: Vec<RecordPlace>,
    /// Where parts are read up to, when this has been written.
    pub(super) ends: Vec<At>,
    /// A part that positions need not name any more.
    pub(super) gone: Option<u32>,
    /// Bytes taken from the source for it, packed.
    pub(super) taken: u64,
}

/// What tells a record apart from all others of its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordPlace {
    /// Of the part's tag and the record's text.
    pub(super) print: u64,
    /// Where its text ends in the part.
    pub(super) end: u64,
}

struct Job {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    first_line: u64,
    near: Micros,
    taken: u64,
    answer: Sender<Result<Done>>,
}

/// Bytes of one part that follow each other.
#[derive(Debug, Clone)]
struct Segment {
    part: Arc<Part>,
    from: u64,
    to: u64,
    length: usize,
}

impl Segment {
    /// Its first bytes, leaving the rest.
    fn split_off_front(&mut self, length: usize) -> Segment {
        let middle = self.to.min(self.from + length as u64);
        let part = Arc::clone(&self.part);
        let front = Segment { part, from: self.from, to: middle, length };
        self.from = middle;
        self.length -= length;
        front
    }
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

/// Starts the threads. `again`: what was not acknowledged is read again by the next run.
pub(super) fn start(
    engines: Vec<(Rules, Option<Masked>)>,
    source: Box<dyn Lines>,
    stop: Arc<AtomicBool>,
    again: bool,
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
    let (keeps, again) = (source.is_tracked(), again || source.is_tracked());
    thread("read").spawn(move || read(source, &raw_in)).map_err(failed)?;
    let cutter = Cutter {
        lines,
        jobs: jobs_in,
        order: order_in,
        held: Vec::new(),
        keeps,
        again,
        leaving: Vec::new(),
    };
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

fn read(mut source: Box<dyn Lines>, out: &Sender<Result<Come>>) {
    loop {
        let come = source.next();
        let over = matches!(come, Err(_) | Ok(Come::End));
        if out.send(come).is_err() || over {
            return;
        }
    }
}

/// Cuts batches where records end.
struct Cutter {
    lines: RecordLines,
    jobs: Sender<Job>,
    order: Sender<Receiver<Result<Done>>>,
    /// Records that may go on, of each part at most one.
    held: Vec<Held>,
    /// Whether the end of the source is not the end of its records: more may come to its files.
    keeps: bool,
    /// Whether the next run reads again what is held when this one is stopped.
    again: bool,
    /// Parts from which nothing more comes, while a record that began there is held.
    leaving: Vec<u32>,
}

/// Whole lines of a record that may go on.
struct Held {
    part: u32,
    bytes: Vec<u8>,
    segments: Vec<Segment>,
    first_line: u64,
    near: Micros,
    since: Instant,
}

impl Cutter {
    fn run(mut self, raw: &Receiver<Result<Come>>, stop: &AtomicBool) {
        let step = Duration::from_millis(100);
        let mut on = true;
        while on && !stop.load(Ordering::Relaxed) {
            on = match raw.recv_timeout(step) {
                Ok(Ok(Come::Lines(chunk))) => self.lines(chunk),
                Ok(Ok(Come::Whole(part))) => self.send_held(|held| held.part == part),
                Ok(Ok(Come::Gone(part))) => {
                    self.leaving.push(part);
                    self.send_held(|held| held.part == part) && self.leave()
                }
                Ok(Err(error)) => {
                    if self.again || self.send_held(|_| true) {
                        self.tell(Err(error));
                    }
                    return;
                }
                Err(RecvTimeoutError::Timeout) => true,
                Ok(Ok(Come::End)) | Err(RecvTimeoutError::Disconnected) => false,
            };
            if on && !self.held.is_empty() {
                on = self.send_held(|held| held.since.elapsed() >= RECORD_PATIENCE);
            }
            if on && !self.leaving.is_empty() {
                on = self.leave();
            }
        }
        // A source ends when the run is stopped, too.
        let stopped = stop.load(Ordering::Relaxed);
        if !(self.keeps || stopped && self.again) {
            self.send_held(|_| true);
        }
    }

    /// Tells the writer which parts are gone. A part of which a record is held is not: without its place
    /// in the position the record would be lost.
    fn leave(&mut self) -> bool {
        let held = &self.held;
        let is_held = |part: u32| {
            held.iter().flat_map(|held| &held.segments).any(|segment| segment.part.number == part)
        };
        let (stay, gone): (Vec<u32>, Vec<u32>) =
            self.leaving.iter().partition(|part| is_held(**part));
        self.leaving = stay;
        gone.into_iter().all(|part| self.tell(Ok(Done { gone: Some(part), ..Done::default() })))
    }

    /// Tells the writer something that needs no work.
    fn tell(&self, done: Result<Done>) -> bool {
        let (answer, receiver) = bounded(1);
        answer.send(done).is_ok() && self.order.send(receiver).is_ok()
    }

    /// Sends what is whole; false when nobody takes it any more.
    fn lines(&mut self, chunk: Chunk) -> bool {
        let Chunk { part, bytes, first_line, from, to, taken, near, after } = chunk;
        let number = part.number;
        let segment = Segment { part, from, to, length: bytes.len() };
        // A record may have begun in the file before.
        let own = |held: &Held| held.part == number || Some(held.part) == after;
        let mut held = match self.held.iter().position(own) {
            Some(at) => {
                let mut held = self.held.swap_remove(at);
                held.bytes.extend_from_slice(&bytes);
                held.segments.push(segment);
                Held { part: number, near, since: Instant::now(), ..held }
            }
            None => {
                let since = Instant::now();
                Held { part: number, bytes, segments: vec![segment], first_line, near, since }
            }
        };
        let whole = self.lines.whole(&held.bytes);
        if whole == held.bytes.len() {
            return self.send(held, taken);
        }
        let rest = held.bytes.split_off(whole);
        let mut front =
            Held { segments: Vec::new(), bytes: std::mem::replace(&mut held.bytes, rest), ..held };
        let mut left = whole;
        while left > 0 {
            let Some(first) = held.segments.first_mut() else { break };
            if first.length > left {
                front.segments.push(first.split_off_front(left));
                break;
            }
            left -= first.length;
            front.segments.push(held.segments.remove(0));
        }
        if held.first_line > 0 {
            held.first_line += memchr::memchr_iter(b'\n', &front.bytes).count() as u64;
        }
        self.held.push(held);
        front.bytes.is_empty() || self.send(front, taken)
    }

    fn send_held(&mut self, which: impl Fn(&Held) -> bool) -> bool {
        let mut on = true;
        let mut number = 0;
        while let Some(held) = self.held.get(number) {
            if which(held) {
                let held = self.held.remove(number);
                on &= self.send(held, 0);
            } else {
                number += 1;
            }
        }
        on
    }

    fn send(&mut self, held: Held, taken: u64) -> bool {
        let Held { bytes, segments, first_line, near, .. } = held;
        let (answer, receiver) = bounded(1);
        let job = Job { bytes, segments, first_line, near, taken, answer };
        self.order.send(receiver).is_ok() && self.jobs.send(job).is_ok()
    }
}

/// Applies the rules until there is nothing more to do.
fn work(mut engine: Engine, mut masked: Option<Masked>, jobs: &Receiver<Job>) -> Report {
    let lines = engine.rules().lines.clone();
    for job in jobs {
        let Job { bytes, segments, first_line, near, taken, answer } = job;
        engine.set_near(near);
        let (mut made, mut places) = (Made::default(), Vec::new());
        made.bytes.reserve(bytes.len().saturating_mul(2));
        let has_tags = segments.iter().any(|segment| segment.part.tag != 0);
        let start = bytes.as_ptr().addr();
        let mut failed = None;
        lines.records(&bytes, |record, line| {
            if failed.is_some() {
                return;
            }
            let before = made.rows.len();
            let end = record.as_ptr_range().end.addr().saturating_sub(start);
            if let Err(error) = engine.take(record, &mut made, &mut ()) {
                failed = Some(error.at(said(&segments, end, first_line, line)));
            } else if has_tags {
                let firsts = made.rows.get(before..).unwrap_or_default();
                let count = firsts.iter().filter(|row| row.first).count();
                let place = record_place(&segments, end, record);
                places.extend(std::iter::repeat_n(place, count));
            }
        });
        if failed.is_none()
            && let Some(masked) = &mut masked
        {
            failed = masked.apply(&mut made).err();
            failed = failed.map(|error| error.at(said(&segments, bytes.len(), 0, 0)));
        }
        let done = match failed {
            Some(error) => Err(error),
            None => Ok(Done { made, places, ends: ends(&segments, &bytes), gone: None, taken }),
        };
        // Nobody waits for it when the run has ended.
        let _ = answer.send(done);
    }
    engine.report().clone()
}

/// A place in a batch as a place in its part.
fn at(segments: &[Segment], place: usize) -> Option<(&Segment, u64)> {
    let mut before = 0;
    for segment in segments {
        if place <= before + segment.length {
            let inside = (place - before) as u64;
            return Some((segment, segment.to.min(segment.from + inside)));
        }
        before += segment.length;
    }
    None
}

fn record_place(segments: &[Segment], end: usize, record: &[u8]) -> RecordPlace {
    let (tag, end) = at(segments, end).map_or((0, 0), |(segment, end)| (segment.part.tag, end));
    RecordPlace {
        print: Fnv1a::seeded(tag).and(&crc32fast::hash(record).to_be_bytes()).finish(),
        end,
    }
}

/// `NAME:LINE` of a record, or where it ends.
fn said(segments: &[Segment], end: usize, first_line: u64, line: u64) -> String {
    let (name, end) = at(segments, end).map_or(("", 0), |(segment, end)| (&segment.part.name, end));
    match first_line {
        0 => format!("{name}: before byte {end}"),
        first => format!("{name}:{}", first + line),
    }
}

/// Where the parts of a batch are read up to.
fn ends(segments: &[Segment], bytes: &[u8]) -> Vec<At> {
    let mut ends: Vec<At> = Vec::new();
    let mut place = 0;
    for segment in segments {
        // Of a line without an end, the end was put there.
        let length = usize::try_from(segment.to - segment.from).unwrap_or(segment.length);
        let own = bytes.get(place..place + length).unwrap_or_default();
        place += segment.length;
        let end =
            At { part: Arc::clone(&segment.part), at: segment.to, before: Print::of_end(own) };
        match ends.iter_mut().find(|known| known.part.number == end.part.number) {
            Some(known) => *known = end,
            None => ends.push(end),
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record that may go on, and then the end, which comes with the run's where there is a flag.
    struct Begun(Option<Arc<AtomicBool>>, Option<&'static str>);

    impl Lines for Begun {
        fn next(&mut self) -> Result<Come> {
            let Some(text) = self.1.take() else {
                if let Some(stop) = &self.0 {
                    stop.store(true, Ordering::Relaxed);
                }
                return Ok(Come::End);
            };
            let about = serde_json::Map::new();
            let part = Arc::new(Part { number: 0, name: "t".into(), tag: 0, about });
            let (bytes, to) = (text.as_bytes().to_vec(), text.len() as u64);
            Ok(Come::Lines(Chunk {
                part,
                bytes,
                first_line: 1,
                from: 0,
                to,
                taken: to,
                near: 0,
                after: None,
            }))
        }
    }

    fn batches(stopped: bool, again: bool) -> usize {
        let rules = "source = \"s\"\n[lines]\nstart = \"^[0-9]\"\n[[table]]\nname = \"t\"\n\
                     [[table.group]]\nname = \"g\"\noperators = [\n\
                     { op = \"saveAs\", columns = [{ name = \"a\", cell = 0, type = \"string\" }] }\n]\n";
        let rules = Rules::parse(rules, "f.toml").unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stopped.then(|| Arc::clone(&stop));
        let source = Box::new(Begun(flag, Some("1 error\n  at a\n")));
        let (order, workers) = start(vec![(rules, None)], source, stop, again).unwrap();
        let mut count = 0;
        loop {
            match order.next(Duration::from_secs(5)) {
                Next::Batch(done) => count += usize::from(done.is_ok()),
                Next::End => break,
                Next::Nothing => {}
            }
        }
        reports(workers);
        count
    }

    #[test]
    fn half_a_record_is_left_to_the_run_that_reads_it_again() {
        assert_eq!(batches(true, true), 0);
        assert_eq!((batches(false, true), batches(false, false)), (1, 1));
    }
}
