//! Many flows in one process: each message to every flow that takes its namespace, each flow with
//! its own sink, rhythm and position. Uses `error`, `ums`, `endpoint`, `sink`, `flow`. Warm: once a message.
//!
//! **Positions.** With a checkpoint FILE each flow keeps what it has made durable in FILE.NAME, and
//! FILE itself has the least of them, from which the reader resumes; a flow that is ahead gets rows
//! again, which changes nothing. A flow that has failed keeps the common position where it was.
//!
//! **One database for several flows.** They take turns: before one writes, another one's rows are
//! made durable, so that neither waits for the other's lock, and no position that one stores in the
//! database is ahead of the other's rows. They stand and fall together.

mod columns;
pub mod config;
mod flow;
mod positions;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::config::Definition;
use self::flow::Flow;
use self::positions::Positions;
use super::checkpoint::Checkpoint;
use super::lane::TICK;
use super::sink::{Destination, Source, Sweeps, pump};
use crate::endpoint::Receipt;
use crate::error::{Error, Kind, Result};
use crate::sink::{Options, Sink, Spec, Target};
use crate::ums::decode::Header;
use crate::ums::{Marker, Message, Protocol};

/// Schemas whose flows are remembered.
const MAX_ROUTES: usize = 4096;

/// Tables without a flow that are told by name.
const NAMED: usize = 50;

/// Opens the sink of a flow, which it is told by name: the sink's own way, or another one that only
/// looks.
pub type Open<'a> = &'a dyn Fn(&str, &Spec, &Target) -> Result<Box<dyn Sink>>;

/// What to run, and how.
pub struct Plan<'a> {
    /// The stream.
    pub source: Source,
    /// The file of the flows, as it was read.
    pub definitions: Vec<Definition>,
    /// Where the file is, to read it again.
    pub file: PathBuf,
    /// Raised by whoever wants the file read again.
    pub reload: Arc<AtomicBool>,
    /// The file of the common position.
    pub checkpoint: Option<PathBuf>,
    /// What is the same for all flows: rejects, login, notices.
    pub options: Options,
    /// A flow that fails stays behind alone.
    pub keep_going: bool,
    /// How a sink is opened.
    pub open: Open<'a>,
    /// Hears what people should know at once.
    pub tell: &'a mut dyn FnMut(String),
}

/// What was met, for the closing words.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// For each flow: name, rows taken over, notices of rows that left the source not applied, what
    /// was swept.
    pub flows: Vec<(String, u64, u64, Sweeps)>,
    /// Rows and tables that no flow takes.
    pub unmatched: (u64, usize),
    /// Whether the stop flag ended the run.
    pub stopped: bool,
}

/// Runs until the input ends or the stop flag rises.
///
/// # Errors
/// The first error of a flow, with its name; with `keep_going` after everything else is done.
pub fn run(plan: Plan) -> Result<Summary> {
    let Plan { source, definitions, file, reload, checkpoint, options, keep_going, open, tell } =
        plan;
    let common = checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    let receipt = source.input.receipt.clone();
    let mut flows = Flows {
        receipt,
        flows: Vec::new(),
        positions: Positions::default(),
        common,
        checkpoint,
        options,
        keep_going,
        routes: HashMap::new(),
        unmatched: BTreeMap::new(),
        unmatched_rows: 0,
        file,
        reload,
        open,
        tell,
    };
    for definition in definitions {
        let flow = Flow::new(definition, &flows.options, flows.checkpoint.as_deref())?;
        flows.flows.push(flow);
    }
    for index in 0..flows.flows.len() {
        let flow = flows.flows.get_mut(index).filter(|flow| flow.failure.is_none());
        if let Some(error) = flow.and_then(|flow| flow.open(open).err()) {
            flows.fail(index, error)?;
        }
    }
    let stopped = pump(source, &mut flows)?;
    let failed = flows.flows.iter().filter(|flow| flow.failure.is_some()).count();
    if let Some((kind, text)) = flows.flows.iter().find_map(|flow| flow.failure.clone()) {
        let all = flows.flows.len();
        return Err(Error::new(kind, text)
            .advise(format!("{failed} of {all} flows failed; start again once that is mended")));
    }
    let of = |flow: &Flow| {
        (flow.name().to_owned(), flow.lane.rows, flow.lane.left, flow.lane.sweeps.clone())
    };
    Ok(Summary {
        flows: flows.flows.iter().map(of).collect(),
        unmatched: (flows.unmatched_rows, flows.unmatched.len()),
        stopped,
    })
}

struct Flows<'a> {
    flows: Vec<Flow>,
    positions: Positions,
    common: Option<Checkpoint>,
    receipt: Option<Arc<dyn Receipt>>,
    checkpoint: Option<PathBuf>,
    options: Options,
    keep_going: bool,
    /// The flows of each header met, by the header's address, which is held so that it is no other's.
    routes: HashMap<usize, (Arc<Header>, Arc<[usize]>)>,
    /// Source tables that no flow takes, with their rows.
    unmatched: BTreeMap<String, u64>,
    unmatched_rows: u64,
    file: PathBuf,
    reload: Arc<AtomicBool>,
    open: Open<'a>,
    tell: &'a mut dyn FnMut(String),
}

impl Destination for Flows<'_> {
    fn write(&mut self, message: &Message, line: &[u8], marker: Option<&Marker>) -> Result<u64> {
        if message.protocol == Protocol::Heartbeat {
            if let Some(marker) = marker {
                let out = self.flows.iter().any(|flow| flow.failure.is_some());
                self.positions.push(marker, out);
            }
            for index in 0..self.flows.len() {
                self.give(index, message, line)?;
                if let (Some(flow), Some(marker)) = (self.flows.get_mut(index), marker) {
                    flow.lane.mark(marker);
                }
            }
            return Ok(0);
        }
        let route = self.route(&message.header);
        if route.is_empty() && message.protocol.is_data() {
            self.nobody(message);
        }
        let mut rows = 0;
        for index in route.iter() {
            self.make_way(*index)?;
            rows += self.give(*index, message, line)?;
        }
        Ok(rows)
    }

    fn settle(&mut self) -> Result<()> {
        for index in 0..self.flows.len() {
            if self.flows.get(index).is_some_and(|flow| flow.is_open() && flow.lane.is_full()) {
                self.flush(index)?;
            }
        }
        Ok(())
    }

    fn tick(&mut self, nothing_waits: bool) -> Result<()> {
        for index in 0..self.flows.len() {
            let old = |flow: &Flow| flow.is_open() && flow.lane.is_old(nothing_waits);
            if self.flows.get(index).is_some_and(old) {
                self.flush(index)?;
            }
        }
        if self.reload.swap(false, Ordering::Relaxed) {
            self.read_again()?;
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        self.flows.iter().map(|flow| flow.lane.patience()).min().unwrap_or(TICK)
    }

    fn finish(&mut self) -> Result<()> {
        // When one fails, the others are made durable all the same.
        let mut result = Ok(());
        for index in 0..self.flows.len() {
            let flushed = self.flush(index);
            result = result.and(flushed);
        }
        result
    }
}

impl Flows<'_> {
    fn route(&mut self, header: &Arc<Header>) -> Arc<[usize]> {
        let address = Arc::as_ptr(header) as usize;
        if let Some((_, route)) = self.routes.get(&address) {
            return Arc::clone(route);
        }
        let namespace = &header.schema.namespace;
        let takes = |(index, flow): (usize, &Flow)| flow.takes(namespace).then_some(index);
        let route: Arc<[usize]> = self.flows.iter().enumerate().filter_map(takes).collect();
        if self.routes.len() >= MAX_ROUTES {
            self.routes.clear();
        }
        self.routes.insert(address, (Arc::clone(header), Arc::clone(&route)));
        route
    }

    fn nobody(&mut self, message: &Message) {
        let table = message.header.schema.namespace.source();
        let rows = message.row_count() as u64;
        self.unmatched_rows += rows;
        if !self.unmatched.contains_key(&table) && self.unmatched.len() < NAMED {
            (self.tell)(format!("no flow takes {table}: its rows are passed over"));
        }
        *self.unmatched.entry(table).or_default() += rows;
    }

    fn give(&mut self, index: usize, message: &Message, line: &[u8]) -> Result<u64> {
        let Some(flow) = self.flows.get_mut(index).filter(|flow| flow.is_open()) else {
            return Ok(0);
        };
        match flow.write(message, line) {
            Ok(rows) => Ok(rows),
            Err(error) => self.fail(index, error).map(|()| 0),
        }
    }

    /// Before a flow writes: rows of others in the same database are made durable.
    fn make_way(&mut self, index: usize) -> Result<()> {
        let Some(own) = self.flows.get(index) else { return Ok(()) };
        let place = own.definition.place();
        let others = (0..self.flows.len()).filter(|other| {
            let shares = |flow: &Flow| flow.lane.has_data() && flow.definition.place() == place;
            *other != index && self.flows.get(*other).is_some_and(shares)
        });
        for other in others.collect::<Vec<_>>() {
            self.flush(other)?;
        }
        Ok(())
    }

    fn flush(&mut self, index: usize) -> Result<()> {
        self.make_way_for_markers(index)?;
        let Some(flow) = self.flows.get_mut(index).filter(|flow| flow.is_open()) else {
            return Ok(());
        };
        if let Err(error) = flow.flush(self.positions.newest()) {
            return self.fail(index, error);
        }
        let least = self.flows.iter().map(|flow| flow.durable).min().unwrap_or(0);
        let markers = self.positions.reached(least);
        if let Some(common) = &mut self.common {
            common.advance(markers)?;
        }
        if let Some(receipt) = &self.receipt {
            receipt.durable(markers);
        }
        Ok(())
    }

    /// A flow that has markers only waits for nobody's lock either.
    fn make_way_for_markers(&mut self, index: usize) -> Result<()> {
        match self.flows.get(index) {
            Some(flow) if !flow.lane.has_data() => self.make_way(index),
            _ => Ok(()),
        }
    }

    /// A flow has failed: the end, or it stays behind with those that share its place.
    fn fail(&mut self, index: usize, error: Error) -> Result<()> {
        let Some(flow) = self.flows.get(index) else { return Err(error) };
        let error = error.at(format_args!("flow {}", flow.name()));
        // A reader downstream that went away is the end of a pipe, not a fault of one flow.
        if !self.keep_going || error.kind() == Kind::Closed {
            return Err(error);
        }
        let place = flow.definition.place().to_owned();
        let mut names = Vec::new();
        for flow in self.flows.iter_mut().filter(|flow| flow.definition.place() == place) {
            names.push(flow.name().to_owned());
            flow.close();
            flow.failure.get_or_insert((error.kind(), error.to_string()));
        }
        (self.tell)(format!("{error}; going on without {}", names.join(", ")));
        let left = self.flows.iter().any(|flow| flow.failure.is_none());
        if left { Ok(()) } else { Err(error.at("no flow is left")) }
    }

    /// Reads the file again. Flows that are the same go on as they are; a file that is not good, or
    /// a destination that cannot be opened, changes nothing.
    fn read_again(&mut self) -> Result<()> {
        let definitions = match config::load(&self.file) {
            Ok(definitions) => definitions,
            Err(error) => {
                (self.tell)(format!("{error}; going on with the flows as they were"));
                return Ok(());
            }
        };
        for index in 0..self.flows.len() {
            self.flush(index)?;
        }
        let old = std::mem::take(&mut self.flows);
        let (mut kept, mut gone): (Vec<Flow>, Vec<Flow>) =
            old.into_iter().partition(|flow| definitions.contains(&flow.definition));
        // A failed flow has a gap behind it, which only a new start fills.
        for flow in &gone {
            let next = definitions.iter().find(|definition| definition.name == flow.name());
            if flow.failure.is_some() && next.is_some() {
                (self.tell)(format!("flow {} has failed: start again to change it", flow.name()));
                kept.append(&mut gone);
                return self.go_on_with(kept);
            }
        }
        gone.iter_mut().for_each(Flow::close);
        match self.open_new(&definitions, &mut kept) {
            Ok(count) => {
                let (all, old) = (kept.len(), gone.len());
                (self.tell)(format!("flows read again: {all}, of which {count} new; {old} ended"));
            }
            Err(error) => {
                (self.tell)(format!("{error}; going on with the flows as they were"));
                kept.retain(|flow| !flow.fresh);
                for flow in gone.iter_mut().filter(|flow| flow.failure.is_none()) {
                    flow.open(self.open)
                        .map_err(|error| error.at(format_args!("flow {}", flow.name())))?;
                }
                kept.append(&mut gone);
            }
        }
        self.go_on_with(kept)
    }

    fn open_new(&mut self, definitions: &[Definition], kept: &mut Vec<Flow>) -> Result<usize> {
        let mut count = 0;
        let newest = self.positions.newest();
        for definition in definitions {
            if kept.iter().any(|flow| flow.definition == *definition) {
                continue;
            }
            let checkpoint = self.checkpoint.as_deref();
            let mut flow = Flow::new(definition.clone(), &self.options, checkpoint)?;
            flow.open(self.open).map_err(|error| error.at(format_args!("flow {}", flow.name())))?;
            flow.durable = newest;
            flow.fresh = true;
            kept.push(flow);
            count += 1;
        }
        Ok(count)
    }

    fn go_on_with(&mut self, mut flows: Vec<Flow>) -> Result<()> {
        flows.iter_mut().for_each(|flow| flow.fresh = false);
        self.flows = flows;
        self.routes.clear();
        Ok(())
    }
}
