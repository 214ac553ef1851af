//! What lines, markers and ends of inputs lead to. Uses `op`, `ums`, `line`. HOT once a line.

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::feed::Epoch;
use super::frontier::{Frontier, Marked, replace};
use super::{State, Summary, append, positions};
use crate::error::{Error, Kind, Result};
use crate::flow::filter::Bad;
use crate::flow::receipts::Receipts;
use crate::flow::stats::Counters;
use crate::line::output::Output;
use crate::op::join::late::push_rows;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_u64};
use crate::op::join::{Operation, Sent, of_state};
use crate::store::runs::{Place, Runs};
use crate::ums::{Decoder, Marker, Message, Protocol};

/// What a run is made of.
pub(super) struct Parts<'a> {
    pub(super) out: &'a mut dyn Output,
    pub(super) operation: Box<dyn Operation>,
    pub(super) lateness: i64,
    pub(super) bad: Bad,
    pub(super) late: Option<(String, File)>,
    pub(super) state: Option<State>,
    /// Inputs that want to know what became of their rows.
    pub(super) receipts: Vec<Receipts>,
    pub(super) memory: usize,
    /// Where the state goes that does not fit there, when none is kept.
    pub(super) spill: PathBuf,
    pub(super) counters: Arc<Counters>,
    pub(super) note: &'a mut dyn FnMut(String),
}

/// A run.
pub(super) struct Run<'a> {
    parts: Parts<'a>,
    /// One an input: schemas of one must not push out those of another.
    decoders: Vec<Decoder>,
    frontier: Frontier,
    /// What the state knows of each input: rows below were taken by an earlier run.
    restored: Vec<Vec<Marker>>,
    /// Positions of a checkpoint without a state that is of them: nothing may come of these sources.
    unfounded: Vec<Marker>,
    /// Lines of each input that an earlier run took: of inputs without markers.
    skip: Vec<u64>,
    /// Lines were handed on since this input's last marker.
    begun: Vec<bool>,
    horizon: i64,
    /// Markers that wait, with the horizon at which nothing that they cover is held.
    held: VecDeque<(i64, Marked)>,
    /// Markers that wait for the next state.
    unsaved: Vec<Marked>,
    saved: Instant,
    sent: Sent,
    summary: Summary,
    scratch: Vec<u8>,
    dirty: bool,
}

impl<'a> Run<'a> {
    /// Begins, with the state of an earlier run where there is one.
    pub(super) fn new(inputs: usize, parts: Parts<'a>) -> Result<Self> {
        let mut run = Self {
            parts,
            decoders: std::iter::repeat_with(Decoder::default).take(inputs).collect(),
            frontier: Frontier::new(inputs),
            restored: vec![Vec::new(); inputs],
            unfounded: Vec::new(),
            skip: vec![0; inputs],
            begun: vec![false; inputs],
            horizon: i64::MIN,
            held: VecDeque::new(),
            unsaved: Vec::new(),
            saved: Instant::now(),
            sent: Sent::default(),
            summary: Summary::default(),
            scratch: Vec::new(),
            dirty: false,
        };
        let memory = run.parts.memory;
        let Some(state) = &mut run.parts.state else {
            let runs = Runs::new(Place::Nameless(run.parts.spill.clone()));
            run.parts.operation.lodge(runs, memory);
            return Ok(run);
        };
        {
            if state.checkpoint.is_none() && !run.parts.out.sync()? {
                return Err(Error::usage(
                    "--state needs --checkpoint, because this output is a pipe",
                )
                .advise(
                    "name the file that ums-sink --checkpoint writes, or write with --to FILE",
                ));
            }
            let positions = positions(state.checkpoint.as_ref())?;
            let chosen = state.folder.choose(positions.as_deref())?;
            let older = state.folder.left_alone();
            if let (Some(checkpoint), true) = (&state.checkpoint, older > 0) {
                (run.parts.note)(format!(
                    "{}: has no positions, so the run begins anew; the states that were found stay until it has passed a new one: {older}",
                    checkpoint.display()
                ));
            }
            if chosen.is_none() {
                run.unfounded = positions.unwrap_or_default();
            }
            run.parts.operation.lodge(state.folder.runs()?, memory);
            if let Some(bytes) = chosen {
                let file = state.folder.newest().unwrap_or_default();
                run.load(&bytes).map_err(|error| of_state(error).at(file.display()))?;
            }
        }
        Ok(run)
    }

    /// Takes the lines up to a marker, and the marker.
    pub(super) fn epoch(&mut self, input: usize, name: &str, epoch: Epoch) -> Result<()> {
        if let Some((marker, _)) = &epoch.marker {
            self.founded(&marker.kind, &marker.source)?;
        }
        for (number, start, end) in &epoch.lines {
            if let Some(known) = self.frontier.inputs.get_mut(input) {
                known.lines += 1;
            }
            if let Some(skip) = self.skip.get_mut(input).filter(|skip| **skip > 0) {
                *skip -= 1;
                continue;
            }
            let line = epoch.bytes.get(*start..*end).unwrap_or_default();
            if let Err(error) = self.line(input, line) {
                self.set_aside(line, error.at(format_args!("{name}:{number}")))?;
            }
            if self.sent.is_full() {
                self.write()?;
            }
        }
        if let Some(begun) = self.begun.get_mut(input) {
            *begun = match &epoch.marker {
                None => *begun || !epoch.lines.is_empty(),
                // Offsets of a topic's partitions are true together: rows of all stand before the first.
                Some((marker, _)) => marker.kind == "kafka" && marker.gtid == "+",
            };
        }
        if let Some(marked) = epoch.marker
            && !self.is_old(input, &marked.0)
        {
            let moved = self.frontier.mark(input, marked);
            self.advance()?;
            self.hold(moved);
        }
        self.parts.operation.settle(&mut self.sent)?;
        self.write()?;
        self.release(false)?;
        self.report()
    }

    /// Whether a marker is one that an earlier run took.
    fn is_old(&self, input: usize, marker: &Marker) -> bool {
        self.known(input, &marker.kind, &marker.source).is_some_and(|known| marker.id < known.id)
    }

    fn known(&self, input: usize, kind: &str, source: &str) -> Option<&Marker> {
        let restored = self.restored.get(input)?;
        restored.iter().find(|known| known.kind == kind && known.source == source)
    }

    fn line(&mut self, input: usize, line: &[u8]) -> Result<()> {
        let Some(decoder) = self.decoders.get_mut(input) else { return Ok(()) };
        let message = decoder.decode(line)?;
        if message.protocol == Protocol::Heartbeat {
            // Not a marker: it is of nobody's rows, and everybody hands it on.
            self.sent.pass(line, 0);
            return Ok(());
        }
        let [kind, source, ..] = &message.header.schema.namespace.parts;
        if let Some(known) = self.frontier.inputs.get_mut(input)
            && !known.sources.iter().any(|[k, s]| k == kind && s == source)
        {
            known.sources.push([kind.clone(), source.clone()]);
            self.founded(kind, source)?;
        }
        let known = self.known(input, kind, source).map(|known| known.id);
        if let Some(id) = known
            && matches!(message.protocol, Protocol::IncrementData | Protocol::IncrementTermination)
        {
            let rows = newer(&message, id)?;
            match rows.len() {
                0 => return Ok(()),
                all if all == message.row_count() => {}
                _ => {
                    let mut part = std::mem::take(&mut self.scratch);
                    part.clear();
                    push_rows(&message, line, &rows, &mut part);
                    part.pop();
                    let taken = self.decoders.get_mut(input).map(|decoder| {
                        let message = decoder.decode(&part)?;
                        self.parts.operation.take(&message, &part, &mut self.sent)
                    });
                    self.scratch = part;
                    return taken.unwrap_or(Ok(()));
                }
            }
        }
        self.parts.operation.take(&message, line, &mut self.sent)
    }

    /// That rows of a source may be taken: not behind a position whose state is not there.
    fn founded(&self, kind: &str, source: &str) -> Result<()> {
        let is_of = |position: &Marker| position.kind == kind && position.source == source;
        if !self.unfounded.iter().any(is_of) {
            return Ok(());
        }
        let Some(state) = &self.parts.state else { return Ok(()) };
        let checkpoint = state.checkpoint.as_ref().map(|path| path.display().to_string());
        let checkpoint = checkpoint.unwrap_or_default();
        Err(Error::refused(format!(
            "{}: no state is there, and {checkpoint} has a position of {source}: what came before it would be missing",
            state.folder.path().display()
        ))
        .advise(
            "give the folder of its states by --state; without one, remove the checkpoint and start the inputs anew",
        ))
    }

    #[cold]
    fn set_aside(&mut self, line: &[u8], error: Error) -> Result<()> {
        if error.kind() != Kind::Data {
            return Err(error);
        }
        match &mut self.parts.bad {
            Bad::Stop => return Err(error.advise("--on-bad-line FILE keeps such lines aside")),
            Bad::Skip => {}
            Bad::Keep(path, file) => append(path, file, &[line, b"\n"].concat())?,
        }
        if self.summary.bad == 0 {
            (self.parts.note)(format!("{error}; the line is left out, and others like it"));
        }
        self.summary.bad += 1;
        Ok(())
    }

    /// Time has come forward, or may have; the operation writes what is due.
    fn advance(&mut self) -> Result<()> {
        if let Some(time) = self.frontier.time() {
            self.horizon = self.horizon.max(time.saturating_sub(self.parts.lateness));
        }
        self.tell_time()
    }

    /// Lets the operation write what is due at this horizon.
    fn tell_time(&mut self) -> Result<()> {
        while self.parts.operation.advance(self.horizon, &mut self.sent)? {
            self.write()?;
        }
        Ok(())
    }

    fn hold(&mut self, moved: Vec<Marked>) {
        let reach = self.parts.operation.reach();
        self.held.extend(moved.into_iter().map(|marked| (reach, marked)));
    }

    /// Hands what came of the input to the output.
    fn write(&mut self) -> Result<()> {
        let sent = &mut self.sent;
        if !sent.bytes.is_empty() {
            let result = self.parts.out.write_all(&sent.bytes);
            result.map_err(|error| Error::io("cannot write the output", error))?;
            self.parts.counters.rows.fetch_add(sent.rows, Ordering::Relaxed);
            self.parts.counters.messages.fetch_add(sent.messages, Ordering::Relaxed);
            self.dirty = true;
            sent.bytes.clear();
            (sent.rows, sent.messages) = (0, 0);
        }
        if sent.late_rows > 0 {
            if let Some((name, file)) = &mut self.parts.late {
                append(name, file, &sent.late)?;
            } else if self.summary.late == 0 {
                (self.parts.note)(
                    "rows came later than --lateness allows and do not count; --late FILE keeps them"
                        .to_owned(),
                );
            }
            self.summary.late += sent.late_rows;
            sent.late.clear();
            sent.late_rows = 0;
        }
        self.summary.unknown += std::mem::take(&mut sent.unknown);
        self.summary.alerts += std::mem::take(&mut sent.alerts);
        Ok(())
    }

    /// Writes markers of which nothing is held any more: what a state that is durable holds is not
    /// lost, and else nothing may be held in memory. `now`: the state is kept whatever the time.
    fn release(&mut self, now: bool) -> Result<()> {
        let Some(state) = &self.parts.state else {
            while let Some((reach, _)) = self.held.front()
                && *reach <= self.horizon
                && let Some((_, marked)) = self.held.pop_front()
            {
                self.pass(&marked)?;
            }
            return Ok(());
        };
        for (_, marked) in self.held.drain(..) {
            replace(&mut self.unsaved, marked);
        }
        let due = now || self.saved.elapsed() >= state.every;
        // A state is of one place of each input, so none may be inside what comes before a marker.
        if !due || self.unsaved.is_empty() || self.begun.contains(&true) {
            return Ok(());
        }
        self.save()?;
        for marked in std::mem::take(&mut self.unsaved) {
            self.pass(&marked)?;
        }
        self.saved = Instant::now();
        Ok(())
    }

    fn pass(&mut self, (marker, line): &Marked) -> Result<()> {
        for receipts in &mut self.parts.receipts {
            receipts.written(marker);
        }
        let result = self.parts.out.write_all(line).and_then(|()| self.parts.out.write_all(b"\n"));
        result.map_err(|error| Error::io("cannot write the output", error))?;
        self.parts.counters.messages.fetch_add(1, Ordering::Relaxed);
        self.dirty = true;
        Ok(())
    }

    /// Keeps the state: everything that was taken so far is in it, or written.
    fn save(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        put_i64(&mut bytes, self.horizon);
        put_u64(&mut bytes, self.frontier.inputs.len() as u64);
        for known in &self.frontier.inputs {
            put_u64(&mut bytes, known.sources.len() as u64);
            for [kind, source] in &known.sources {
                put_bytes(&mut bytes, kind.as_bytes());
                put_bytes(&mut bytes, source.as_bytes());
            }
            save_markers(&known.markers, &mut bytes);
            let whole = known.ended && known.markers.is_empty();
            put_u64(&mut bytes, if whole { known.lines } else { 0 });
        }
        save_markers(&self.frontier.least, &mut bytes);
        self.parts.operation.save(&mut bytes).map_err(unkept)?;
        sync_aside(&self.parts.bad, self.parts.late.as_ref())?;
        let passed = self.frontier.least.iter().map(|marked| marked.0.clone()).collect();
        let Some(state) = &mut self.parts.state else { return Ok(()) };
        if state.checkpoint.is_none() {
            self.parts.out.sync()?;
        }
        let runs = self.parts.operation.disk();
        state.folder.save(passed, runs, &bytes).map_err(unkept)?;
        state.folder.prune(positions(state.checkpoint.as_ref())?.as_deref())
    }

    fn load(&mut self, bytes: &[u8]) -> Result<()> {
        let mut unpack = Unpack::new(bytes);
        self.horizon = unpack.i64()?;
        let torn = || Error::refused("the state is of another number of inputs");
        if unpack.u64()? != self.frontier.inputs.len() as u64 {
            return Err(torn());
        }
        let inputs = self.frontier.inputs.iter_mut().zip(&mut self.restored);
        for ((known, restored), skip) in inputs.zip(&mut self.skip) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            for _ in 0..unpack.u64()? {
                known.sources.push([text(unpack.bytes()?), text(unpack.bytes()?)]);
            }
            known.markers = load_markers(&mut unpack)?;
            restored.extend(known.markers.iter().map(|marked| marked.0.clone()));
            *skip = unpack.u64()?;
        }
        self.frontier.least = load_markers(&mut unpack)?;
        self.parts.operation.load(&mut unpack)?;
        match unpack.is_empty() {
            true => Ok(()),
            false => Err(Error::refused("the state holds more than this program writes")),
        }
    }

    /// An input has given everything.
    pub(super) fn ended(&mut self, input: usize) -> Result<()> {
        let Some(known) = self.frontier.inputs.get_mut(input) else { return Ok(()) };
        if std::mem::replace(&mut known.ended, true) {
            return Ok(());
        }
        if let Some(begun) = self.begun.get_mut(input) {
            // An input that never had a marker is of one piece, and the next run passes over it.
            *begun &= !known.markers.is_empty();
        }
        let moved = self.frontier.forward();
        if self.frontier.inputs.iter().any(|known| !known.ended) {
            self.advance()?;
        }
        self.hold(moved);
        self.write()?;
        self.release(false)
    }

    /// Nothing waits: what was written goes out.
    pub(super) fn idle(&mut self) -> Result<()> {
        self.release(false)?;
        if std::mem::take(&mut self.dirty) {
            self.parts.out.flush().map_err(|error| Error::io("cannot write the output", error))?;
        }
        self.report()
    }

    /// Tells inputs how far their rows are durable, at most once a second.
    fn report(&mut self) -> Result<()> {
        let mut all = std::mem::take(&mut self.parts.receipts);
        for receipts in &mut all {
            let (bad, late) = (&self.parts.bad, self.parts.late.as_ref());
            receipts.tell_if_due(self.parts.out, || sync_aside(bad, late))?;
        }
        self.parts.receipts = all;
        Ok(())
    }

    /// Ends the run. `close`: everything has come that will ever come. Whatever fails, outputs and inputs
    /// hear of what was written; the first failure is given.
    pub(super) fn finish(mut self, result: Result<()>, close: bool) -> Result<Summary> {
        let result = result.and_then(|()| self.conclude(close));
        if result.is_err() {
            // What was taken before the error is written; no marker says more.
            let _ = self.parts.operation.settle(&mut self.sent);
            let _ = self.write();
        }
        let told = self.tell_all();
        result.and(told).map(|()| self.summary)
    }

    fn conclude(&mut self, close: bool) -> Result<()> {
        if close {
            self.horizon = i64::MAX;
            self.tell_time()?;
        } else if self.begun.contains(&true) {
            // Rows without a marker behind them: what they led to is written all the same.
            self.tell_time()?;
        }
        self.write()?;
        self.release(true)
    }

    fn tell_all(&mut self) -> Result<()> {
        self.parts.out.sync()?;
        sync_aside(&self.parts.bad, self.parts.late.as_ref())?;
        for receipts in &mut self.parts.receipts {
            receipts.tell(self.parts.out, || Ok(()))?;
        }
        Ok(())
    }
}

/// A state that was not kept: the one before it is still there.
#[cold]
fn unkept(error: Error) -> Error {
    error.at("the state could not be kept")
}

/// Makes the files beside the output durable.
fn sync_aside(bad: &Bad, late: Option<&(String, File)>) -> Result<()> {
    let mut files: Vec<(&str, &File)> = Vec::new();
    if let Bad::Keep(path, file) = bad {
        files.push((path, file));
    }
    files.extend(late.map(|(name, file)| (name.as_str(), file)));
    for (name, file) in files {
        // A pipe or a device has nothing to sync.
        if file.metadata().is_ok_and(|found| found.is_file()) {
            file.sync_all().map_err(|error| Error::io(name, error))?;
        }
    }
    Ok(())
}

/// The numbers of the rows whose ids are not below this one.
fn newer(message: &Message, id: i64) -> Result<Vec<usize>> {
    let place = message.header.system.id;
    let fields = message.header.schema.fields.len();
    let mut cells = Vec::with_capacity(fields);
    let mut rows = Vec::new();
    for (number, row) in message.rows().enumerate() {
        row?.split(fields, &mut cells)?;
        let text = match place.and_then(|place| cells.get(place)) {
            Some(cell) => cell.text()?,
            None => None,
        };
        let own = text.and_then(|text| text.parse::<i64>().ok());
        if own.is_none_or(|own| own >= id) {
            rows.push(number);
        }
    }
    Ok(rows)
}

fn save_markers(markers: &[Marked], out: &mut Vec<u8>) {
    put_u64(out, markers.len() as u64);
    for (_, line) in markers {
        put_bytes(out, line);
    }
}

fn load_markers(unpack: &mut Unpack) -> Result<Vec<Marked>> {
    let mut decoder = Decoder::default();
    let mut markers = Vec::new();
    for _ in 0..unpack.u64()? {
        let line = unpack.bytes()?;
        if let Some(marker) = Marker::read(&decoder.decode(line)?)? {
            markers.push((marker, line.to_vec()));
        }
    }
    Ok(markers)
}
