//! The loop of `ums-filter`: lines in, lines out. Uses `endpoint`, `line`, `op`, `ums`. HOT once a line.
//!
//! Where the input wants to know what became of it and the output is durable, positions are reported
//! once a second, after a sync; behind a pipe that is for the far end to do.
//!
//! A thread of its own reads, so that a signal is heard while the input is silent. What passed is
//! handed on when no more input waits, and at the latest when the output's buffer is full.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::checkpoint::Checkpoint;
use super::receipts::Receipts;
use super::stats::Counters;
use crate::endpoint::{Input, Receipt};
use crate::error::{Error, Kind, Result};
use crate::line::output::Output;
use crate::line::{LineReader, Lines};
use crate::op::Stage;
use crate::op::filter::{Filtering, Passed};
use crate::op::mask::Masking;
use crate::ums::Schema;
use crate::ums::marker::{self, Marker};

/// How long a signal may go unheard.
const LISTEN: Duration = Duration::from_millis(100);

/// What happens to lines that cannot be filtered.
#[derive(Debug)]
pub enum Bad {
    /// The run stops at the first.
    Stop,
    /// They are left out.
    Skip,
    /// They are left out and appended to this file, whose name stands in front.
    Keep(String, File),
}

/// Everything that a run needs.
pub struct Plan<'a> {
    /// Where lines come from.
    pub input: Input,
    /// Where lines go.
    pub out: &'a mut dyn Output,
    /// Turns other lines into messages, in front of the filter.
    pub before: Option<Box<dyn Stage>>,
    /// What passes.
    pub filter: Filtering,
    /// Turns messages into other lines, behind the filter.
    pub after: Option<Box<dyn Stage>>,
    /// What is masked, before anything else looks at a row.
    pub masking: Option<Masking>,
    /// What happens to bad lines.
    pub bad: Bad,
    /// The longest line in bytes.
    pub max_line: usize,
    /// Follows a durable output.
    pub checkpoint: Option<Checkpoint>,
    /// A wish to stop.
    pub stop: Arc<AtomicBool>,
    /// Raised as it goes.
    pub counters: Arc<Counters>,
    /// Says something to people.
    pub note: &'a mut dyn FnMut(String),
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows that came in.
    pub rows_in: u64,
    /// Rows that passed.
    pub rows_out: u64,
    /// Lines that could not be filtered.
    pub bad: u64,
    /// Whether the input was read to its end.
    pub ended: bool,
}

/// Runs until the input ends, the limit is reached or a stop is wished for.
///
/// # Errors
/// Those of the input, of the output and of the filter; what came before them has been written.
pub fn run(plan: Plan) -> Result<Summary> {
    let receipt = plan.input.receipt.clone();
    let result = pass(plan);
    // Also after a failure: what was reported is kept.
    if let Some(receipt) = receipt {
        receipt.close();
    }
    result
}

fn pass(plan: Plan) -> Result<Summary> {
    let (name, taken) = (plan.input.name, Arc::clone(&plan.input.taken));
    let receipt = plan.input.receipt.clone();
    let mut receipts = Receipts::new(plan.input.receipt, plan.checkpoint);
    plan.counters.bytes_total.store(plan.input.size, Ordering::Relaxed);
    let feed = read(LineReader::new(plan.input.reader, name.clone(), plan.max_line))?;
    let lines = &feed.lines;
    let mut lane = Lane {
        name,
        before: plan.before,
        filter: plan.filter,
        after: plan.after,
        messages: Vec::new(),
        passed: Vec::new(),
        masking: plan.masking,
        masked: Vec::new(),
        bad: plan.bad,
        counters: plan.counters,
        note: plan.note,
        buffer: Vec::new(),
        markers: receipts.are_wanted().then(Vec::new),
        receipt,
        summary: Summary::default(),
    };
    let written = |result: std::io::Result<()>| {
        result.map_err(|error| Error::io("cannot write the output", error))
    };
    while !lane.filter.is_done() && !plan.stop.load(Ordering::Relaxed) {
        let batch = match lines.recv_timeout(LISTEN) {
            Ok(batch) => batch,
            Err(RecvTimeoutError::Timeout) => {
                // Outputs that learn later what has arrived hear of it here.
                written(plan.out.flush())?;
                receipts.tell_if_due(plan.out, || lane.sync())?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => {
                lane.summary.ended = true;
                break;
            }
        };
        lane.counters.bytes_in.store(taken.load(Ordering::Relaxed), Ordering::Relaxed);
        lane.buffer.clear();
        let result = batch.and_then(|batch| {
            let result = lane.pass(&batch);
            feed.done(batch);
            result
        });
        // Nothing may be held back in front of a marker that is told to be written.
        let marked = lane.markers.as_ref().is_some_and(|markers| !markers.is_empty());
        let pause = marked || result.is_err() || lines.is_empty();
        if let Some(after) = lane.after.as_mut().filter(|_| pause) {
            after.pause(&mut lane.buffer);
        }
        written(plan.out.write_all(&lane.buffer))?;
        if result.is_err() || lines.is_empty() {
            written(plan.out.flush())?;
        }
        result?;
        for marker in lane.markers.iter_mut().flat_map(|markers| markers.drain(..)) {
            receipts.written(&marker);
        }
        receipts.tell_if_due(plan.out, || lane.sync())?;
    }
    // A stop and a limit are no end: what waits comes again, or is not asked for.
    if lane.summary.ended && !plan.stop.load(Ordering::Relaxed) {
        lane.buffer.clear();
        let result = lane.end();
        if result.is_err() {
            if let Some(after) = &mut lane.after {
                after.pause(&mut lane.buffer);
            }
            written(plan.out.write_all(&lane.buffer))?;
            written(plan.out.flush())?;
        }
        result?;
    }
    let never = lane.filter.never_dropped();
    if !never.is_empty() && lane.summary.rows_in > 0 {
        (lane.note)(format!("--drop: no table had a column {}", never.join(" or ")));
    }
    if let Some(after) = &mut lane.after {
        lane.buffer.clear();
        after.pause(&mut lane.buffer);
        written(plan.out.write_all(&lane.buffer))?;
    }
    receipts.tell(plan.out, || lane.sync())?;
    Ok(lane.summary)
}

/// Lines that a thread reads, and the way back for their room.
struct Feed {
    lines: Receiver<Result<Lines>>,
    spent: Sender<Vec<u8>>,
}

impl Feed {
    /// Gives back lines that are done with.
    fn done(&self, lines: Lines) {
        // Nobody takes it where the reader has ended, and it is just dropped.
        let _ = self.spent.try_send(lines.bytes);
    }
}

/// Reads on a thread, at most two batches ahead. It is not joined: it may wait for input that never
/// comes, and it holds nothing that must be saved.
fn read<R: Read + Send + 'static>(mut reader: LineReader<R>) -> Result<Feed> {
    let (sender, lines) = bounded(2);
    let (spent, room) = bounded(2);
    let run = move || {
        while let Some(batch) = reader.next_batch().transpose() {
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                break;
            }
            if let Ok(bytes) = room.try_recv() {
                reader.reuse(bytes);
            }
        }
    };
    let thread = std::thread::Builder::new().name("filter-reader".into()).spawn(run);
    thread.map_err(|error| Error::io("cannot start a thread", error))?;
    Ok(Feed { lines, spent })
}

/// Gives each new schema that rows of the input come out with, and each error once for its schema or
/// line; no row is looked at.
///
/// # Errors
/// Those of the input, and what `say` returns.
pub fn schemas(
    input: Input,
    mut before: Option<Box<dyn Stage>>,
    mut masking: Option<Masking>,
    mut filter: Filtering,
    longest: usize,
    stop: &AtomicBool,
    mut say: impl FnMut(Result<&Schema>) -> Result<()>,
) -> Result<()> {
    let name = input.name;
    let feed = read(LineReader::new(input.reader, name.clone(), longest))?;
    let mut known: Vec<Schema> = Vec::new();
    let mut failed: Vec<String> = Vec::new();
    let (mut messages, mut masked) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let batch = match feed.lines.recv_timeout(LISTEN) {
            Ok(batch) => batch?,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        for (number, line) in &batch {
            messages.clear();
            let foreign = before.as_mut().filter(|_| !is_message(line));
            let is_foreign = foreign.is_some();
            let turned = foreign.map_or(Ok(()), |before| before.line(line, &mut messages));
            let lines = if is_foreign { messages.as_slice() } else { line };
            for message in lines_of(lines) {
                masked.clear();
                let is_masked = match &mut masking {
                    Some(masking) => masking.line(message, &mut masked),
                    None => Ok(false),
                };
                let found = is_masked
                    .and_then(|is_masked| filter.schema(if is_masked { &masked } else { message }));
                match found {
                    Ok(None) => {}
                    Ok(Some(schema)) if known.contains(schema) => {}
                    Ok(Some(schema)) => {
                        known.push(schema.clone());
                        say(Ok(schema))?;
                    }
                    Err(error) if failed.contains(&error.to_string()) => {}
                    Err(error) => {
                        failed.push(error.to_string());
                        say(Err(error.at(format_args!("{name}:{number}"))))?;
                    }
                }
            }
            if let Err(error) = turned {
                say(Err(error.at(format_args!("{name}:{number}"))))?;
            }
        }
    }
    Ok(())
}

/// What lines go through.
struct Lane<'a> {
    /// The input's, for messages.
    name: String,
    before: Option<Box<dyn Stage>>,
    filter: Filtering,
    after: Option<Box<dyn Stage>>,
    /// What one line became in front of the filter, and behind it.
    messages: Vec<u8>,
    passed: Vec<u8>,
    masking: Option<Masking>,
    /// A line after masking.
    masked: Vec<u8>,
    bad: Bad,
    counters: Arc<Counters>,
    note: &'a mut dyn FnMut(String),
    buffer: Vec<u8>,
    /// The markers that passed, where anybody wants them.
    markers: Option<Vec<Marker>>,
    /// Knows where lines came from.
    receipt: Option<Arc<dyn Receipt>>,
    summary: Summary,
}

impl Lane<'_> {
    /// Filters lines into the buffer, up to one at which the run must stop.
    fn pass(&mut self, lines: &Lines) -> Result<()> {
        for (number, line) in lines {
            let start = self.buffer.len();
            let result = match (&self.before, &self.after) {
                (None, None) => through(
                    &mut self.masking,
                    &mut self.masked,
                    &mut self.filter,
                    line,
                    &mut self.buffer,
                ),
                _ => self.turned(line),
            };
            match result {
                Ok(passed) => {
                    self.summary.rows_in += passed.rows_in;
                    self.summary.rows_out += passed.rows_out;
                    if passed.written {
                        self.counters.add_message(passed.rows_out);
                    }
                    if let Some(markers) = &mut self.markers
                        && passed.written
                        && passed.rows_in == 0
                    {
                        markers.extend(marker::of_line(line)?);
                    }
                }
                Err(error) => {
                    self.buffer.truncate(start);
                    let place = self.receipt.as_ref().and_then(|receipt| receipt.place(number));
                    let place = place.unwrap_or_else(|| format!("{}:{number}", self.name));
                    let mut torn = self.filter.torn();
                    torn.extend_from_slice(line);
                    self.set_aside(&torn, error.at(place))?
                }
            }
            if self.filter.is_done() {
                break;
            }
        }
        for note in self.filter.notes() {
            (self.note)(note);
        }
        Ok(())
    }

    /// The input has given everything: what still waits for more is bad.
    fn end(&mut self) -> Result<()> {
        for (line, error) in self.filter.end() {
            let error = error.at(&self.name);
            self.set_aside(&line, error)?;
        }
        Ok(())
    }

    /// One line with stages around the filter.
    fn turned(&mut self, line: &[u8]) -> Result<Passed> {
        self.messages.clear();
        self.passed.clear();
        let mut all = Passed::default();
        let mut add = |passed: Passed| {
            all.rows_in += passed.rows_in;
            all.rows_out += passed.rows_out;
            all.written |= passed.written;
        };
        match self.before.as_mut().filter(|_| !is_message(line)) {
            None => {
                let (masking, masked) = (&mut self.masking, &mut self.masked);
                add(through(masking, masked, &mut self.filter, line, &mut self.passed)?);
            }
            Some(before) => {
                before.line(line, &mut self.messages)?;
                for message in lines_of(&self.messages) {
                    let (masking, masked) = (&mut self.masking, &mut self.masked);
                    add(through(masking, masked, &mut self.filter, message, &mut self.passed)?);
                }
            }
        }
        match &mut self.after {
            None => self.buffer.extend_from_slice(&self.passed),
            Some(after) => {
                for message in lines_of(&self.passed) {
                    after.line(message, &mut self.buffer)?;
                }
            }
        }
        Ok(all)
    }

    /// Makes the lines durable that were set aside.
    fn sync(&self) -> Result<()> {
        if let Bad::Keep(path, file) = &self.bad {
            // A pipe or a device has nothing to sync.
            if file.metadata().is_ok_and(|found| found.is_file()) {
                file.sync_all().map_err(|error| Error::io(path, error))?;
            }
        }
        Ok(())
    }

    #[cold]
    fn set_aside(&mut self, line: &[u8], error: Error) -> Result<()> {
        if error.kind() != Kind::Data {
            return Err(error);
        }
        match &mut self.bad {
            Bad::Stop => return Err(error.advise("--on-bad-line FILE keeps such lines aside")),
            Bad::Skip => {}
            Bad::Keep(path, file) => {
                let whole = [line, b"\n"].concat();
                file.write_all(&whole).map_err(|error| Error::io(&*path, error))?;
            }
        }
        if self.summary.bad == 0 {
            (self.note)(format!("{error}; the line is left out, and others like it"));
        }
        self.summary.bad += 1;
        Ok(())
    }
}

/// Whether a line among those of another dialect is a message as we write it: a marker of the topic
/// that the lines come from.
fn is_message(line: &[u8]) -> bool {
    line.starts_with(b"{\"protocol\":{\"type\":")
}

/// One message, masked before the filter looks at it.
fn through(
    masking: &mut Option<Masking>,
    masked: &mut Vec<u8>,
    filter: &mut Filtering,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<Passed> {
    let Some(masking) = masking else { return filter.line(message, out) };
    masked.clear();
    let is_masked = masking.line(message, masked)?;
    filter.line(if is_masked { masked } else { message }, out)
}

/// The lines of a buffer in which each ends with a newline.
fn lines_of(buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
    buffer.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}
