//! What the SQL servers have in common: rows gathered in groups, workers that land them, tables
//! that are made to fit. Uses `error`, `ums`, `sink`. HOT in `write`, which splits each row once and
//! hands it to the worker of its key.
//!
//! One worker commits rows and position in one transaction. Several, each with a session of its own,
//! share the rows by key, so that one key's order is kept; the position follows in a transaction of
//! its own when all of them have committed, so it never leads. A crash between leaves rows ahead of
//! the position that will come again, which changes nothing.

mod fence;
mod fit;
pub(in crate::sink) mod kind;
mod position;
pub(in crate::sink) mod session;
pub(in crate::sink) mod shape;
mod sweep;
mod worker;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use self::session::{Dialect, Session};
use self::shape::{Group, GroupRow, Shape};
use self::worker::{Setup, Worker};
use super::reject::row_name;
use super::sweep::moment;
use super::target::{Delete, Mode, Options, Target};
use super::wanted::Wanted;
use super::{Ended, Flush, Sink, Written};
use crate::error::{Error, Result};
use crate::ums::decode::Header;
use crate::ums::{Marker, Message, Op, Protocol, Termination};
use crate::url::Opt;

pub(in crate::sink) use worker::Connect;

/// The options that every SQL server takes in its address.
pub(in crate::sink) const OPTIONS: [Opt; 5] = [
    Opt { name: "rows", meaning: "Commit after so many rows.", default: "50000" },
    Opt { name: "bytes", meaning: "Commit after so many bytes of messages.", default: "33554432" },
    Opt { name: "seconds", meaning: "Commit when the oldest row is that old.", default: "1" },
    Opt {
        name: "workers",
        meaning: "Connections that share the rows by key; with more than one the position follows the rows in a transaction of its own.",
        default: "1",
    },
    Opt { name: "retry", meaning: "Seconds to try again what may pass.", default: "300" },
];

/// When to flush by default.
pub(in crate::sink) const FLUSH: Flush =
    Flush::Costly { rows: ROWS, bytes: BYTES, seconds: SECONDS };

const ROWS: u64 = 50_000;
const BYTES: u64 = 32 << 20;
const SECONDS: u64 = 1;
const WORKERS: u64 = 1;
const RETRY: u64 = 300;

/// A group goes to its worker with so many rows or bytes, so that the servers work while we read.
const GROUP_ROWS: usize = 4000;
const GROUP_BYTES: usize = 1 << 20;

/// Schemas remembered; more are met only when somebody alters tables all day long.
const MAX_SHAPES: usize = 4096;

/// The sink.
pub(in crate::sink) struct SqlSink {
    options: Options,
    flush: Flush,
    workers: Vec<Worker>,
    /// By the address of the header, which the shape keeps alive.
    shapes: HashMap<usize, Arc<Shape>>,
    /// Rows that have not gone to a worker: by table, a group for each worker.
    open: HashMap<String, Vec<Group>>,
    hasher: RandomState,
    /// The markers of the last flush.
    stored: Vec<Marker>,
    /// For messages that have no key: whose turn it is.
    turn: usize,
}

/// Opens the sink of a server.
pub(in crate::sink) fn open(target: &Target, connect: Connect) -> Result<Box<dyn Sink>> {
    let url = &target.url;
    let options = target.options.clone();
    let first = connect()?;
    // A deleted key and a row of it that comes late may meet in two transactions, and neither would
    // see the other; one worker has one.
    let workers = match options.delete {
        Delete::Hard => 1,
        Delete::Soft => url.number("workers", WORKERS)?.clamp(1, 64),
    };
    let patience = Duration::from_secs(url.number("retry", RETRY)?);
    let setup = Setup { connect, patience, options: options.clone() };
    let mut all = vec![Worker::start(setup.clone(), first)?];
    for worker in &mut all {
        worker.prepare()?;
    }
    for _ in 1..workers {
        let session = (setup.connect)()?;
        all.push(Worker::start(setup.clone(), session)?);
    }
    Ok(Box::new(SqlSink {
        options,
        flush: Flush::Costly {
            rows: url.number("rows", ROWS)?,
            bytes: url.number("bytes", BYTES)?,
            seconds: url.number("seconds", SECONDS)?,
        },
        workers: all,
        shapes: HashMap::new(),
        open: HashMap::new(),
        hasher: RandomState::new(),
        stored: Vec::new(),
        turn: 0,
    }))
}

/// `--check`: connects, reads, changes nothing.
pub(in crate::sink) fn probe(target: &Target, mut session: Box<dyn Session>) -> Result<String> {
    let version = session.version()?;
    let positions = position::load(session.as_mut())?.len();
    Ok(format!("{}: can be reached, {positions} positions ({version})", target.url))
}

/// `--position`.
pub(in crate::sink) fn positions(mut session: Box<dyn Session>) -> Result<Vec<Marker>> {
    position::load(session.as_mut())
}

/// `--dry-run`.
pub(in crate::sink) fn plan(
    dialect: &dyn Dialect,
    target: &Target,
    message: &Message,
) -> Result<Vec<String>> {
    if let Some(notice) = Termination::read(message)?.filter(|n| target.options.applies(n)) {
        return Ok(fence::statements(dialect, &notice, &target.options));
    }
    if message.protocol == Protocol::BatchTermination {
        let (options, table) =
            (&target.options, target.options.table(&message.header.schema.namespace));
        let Ok(Some(end)) = options.asks(message)? else { return Ok(Vec::new()) };
        let when = (end.batch, moment(&end));
        return Ok(sweep::statements(dialect, &table.name, &[], when, options.delete));
    }
    if !message.protocol.is_data() {
        return Ok(Vec::new());
    }
    fit::plan(dialect, &message.header, &target.options)
}

impl Sink for SqlSink {
    fn write(&mut self, message: &Message, _: &[u8]) -> Result<Written> {
        if !message.protocol.is_data() {
            return Ok(Written::default());
        }
        let shape = match self.shapes.get(&(Arc::as_ptr(&message.header) as usize)) {
            Some(shape) => Arc::clone(shape),
            None => {
                // A message that lacks its key: true of each of its rows.
                if let Err(error) = Wanted::new(&message.header.schema, &self.options, "") {
                    self.options.rejects.message(message, error)?;
                    return Ok(Written::default());
                }
                self.commit_rows()?;
                match self.fit(&message.header) {
                    Ok(shape) => shape,
                    Err(error) => {
                        self.options.rejects.message(message, error)?;
                        return Ok(Written::default());
                    }
                }
            }
        };
        self.gather(&shape, message)
    }

    fn flush(&mut self, markers: &[Marker]) -> Result<bool> {
        for table in std::mem::take(&mut self.open).into_values() {
            self.hand_over(table)?;
        }
        let moved = self.stored != markers;
        let alone = self.workers.len() == 1;
        let mut answers = Vec::new();
        for worker in self.workers.iter_mut().filter(|worker| worker.busy || (alone && moved)) {
            let markers = if alone && moved { markers.to_vec() } else { Vec::new() };
            answers.push(worker.start_commit(markers)?);
        }
        // All are waited for, also when one has failed.
        let done: Vec<Result<()>> = answers.into_iter().map(worker::Answer::wait).collect();
        done.into_iter().collect::<Result<()>>()?;
        if let Some(first) = self.workers.first_mut().filter(|_| moved && !alone) {
            first.commit(markers.to_vec())?;
        }
        if moved {
            self.stored = markers.to_vec();
        }
        Ok(true)
    }

    /// In a transaction of its own, behind those of the rows before it.
    fn end_rows(&mut self, notice: &Termination) -> Result<bool> {
        if !self.options.applies(notice) {
            return Ok(false);
        }
        self.commit_rows()?;
        // What was prepared knows the old fence.
        self.shapes.clear();
        let first = self.workers.first_mut().ok_or_else(|| Error::refused("there is no worker"))?;
        first.end_rows(notice, &self.options).map_err(|error| error.at(&notice.namespace))
    }

    /// In a transaction of its own, behind those of the rows before it.
    fn end_batch(&mut self, message: &Message) -> Result<Ended> {
        let namespace = &message.header.schema.namespace;
        let asked = match self.options.asks(message)? {
            Ok(asked) => asked,
            Err(reason) => return Ok(Ended::Left(reason)),
        };
        if self.options.mode == Mode::Append {
            return Ok(Ended::Kept);
        }
        let markers = self.stored.clone();
        self.flush(&markers)?;
        let first = self.workers.first_mut().ok_or_else(|| Error::refused("there is no worker"))?;
        first.end_batch(namespace, asked, &self.options).map_err(|error| error.at(namespace))
    }

    fn rhythm(&self) -> Option<Flush> {
        Some(self.flush)
    }
}

impl SqlSink {
    /// Commits what there is, without a position: a table is not changed under an open transaction.
    fn commit_rows(&mut self) -> Result<()> {
        let markers = self.stored.clone();
        self.flush(&markers).map(drop)
    }

    /// Makes the table fit, when everything before is committed.
    fn fit(&mut self, header: &Arc<Header>) -> Result<Arc<Shape>> {
        let first = self.workers.first_mut().ok_or_else(|| Error::refused("there is no worker"))?;
        let (shape, changed) = first.fit(header, &self.options)?;
        let shape = Arc::new(shape);
        if self.shapes.len() >= MAX_SHAPES {
            self.shapes.clear();
        } else if changed {
            // Other schemas of this table have something else to say now.
            self.shapes.retain(|_, other| other.table != shape.table);
        }
        self.shapes.insert(Arc::as_ptr(header) as usize, Arc::clone(&shape));
        Ok(shape)
    }

    fn gather(&mut self, shape: &Arc<Shape>, message: &Message) -> Result<Written> {
        let mut groups = match self.open.remove(&shape.table) {
            Some(groups) if groups.iter().all(|group| Arc::ptr_eq(&group.shape, shape)) => groups,
            Some(others) => {
                self.hand_over(others)?;
                self.new_groups(shape)
            }
            None => self.new_groups(shape),
        };
        let schema = &shape.header.schema;
        let (mut cells, mut key) = (Vec::with_capacity(schema.fields.len()), Vec::new());
        let (mut number, mut rows) = (0_u64, 0);
        for row in message.rows() {
            number += 1;
            let row = row?;
            row.split(schema.fields.len(), &mut cells)
                .map_err(|error| error.at(format_args!("row {number}")).at(&schema.namespace))?;
            key.clear();
            let read = shape.order(&cells).and_then(|(id, op)| {
                shape.push_key(&cells, &mut key)?;
                Ok(GroupRow { row, id, op, protocol: message.protocol })
            });
            let row = match read {
                Ok(row) => row,
                Err(error) => {
                    let error = error.at(row_name(schema, number, &cells)).at(&schema.namespace);
                    self.options.rejects.row(message.protocol, schema, row.bytes, error)?;
                    continue;
                }
            };
            rows += 1;
            let worker = match shape.mode {
                Mode::Upsert if row.op == Op::Before => continue,
                Mode::Upsert if shape.fence.as_ref().is_some_and(|fence| row.id < fence.id) => {
                    continue;
                }
                // The modulus is below the number of workers.
                Mode::Upsert => (self.hasher.hash_one(&key) % self.workers.len() as u64) as usize,
                Mode::Append => self.turn % self.workers.len(),
            };
            let Some(group) = groups.get_mut(worker) else { continue };
            if !group.add(&row, &key) {
                let full = std::mem::replace(group, Group::new(shape));
                self.send(worker, full)?;
                let _ = group.add(&row, &key);
            }
            if group.len() >= GROUP_ROWS || group.bytes() >= GROUP_BYTES {
                let full = std::mem::replace(group, Group::new(shape));
                self.send(worker, full)?;
                self.turn = self.turn.wrapping_add(1);
            }
        }
        self.open.insert(shape.table.clone(), groups);
        Ok(Written { rows })
    }

    fn new_groups(&self, shape: &Arc<Shape>) -> Vec<Group> {
        self.workers.iter().map(|_| Group::new(shape)).collect()
    }

    fn hand_over(&mut self, groups: Vec<Group>) -> Result<()> {
        for (worker, group) in groups.into_iter().enumerate() {
            self.send(worker, group)?;
        }
        Ok(())
    }

    fn send(&mut self, worker: usize, mut group: Group) -> Result<()> {
        if group.len() == 0 {
            return Ok(());
        }
        group.close();
        match self.workers.get_mut(worker) {
            Some(worker) => worker.apply(group),
            None => Ok(()),
        }
    }
}
