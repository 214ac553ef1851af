//! Lookups: rows of the stream with what a store has for their keys. Uses `error`, `lookup`, `store`,
//! `ums`.
//! HOT: once a row.
//!
//! Rows wait until nothing more has been read (at most some megabytes of them), then the store is
//! asked for all their keys that the cache lacks. A result is of the moment of the lookup: what
//! changes in the store later is met by the next change of the row.
//!
//! What is written keeps a target right that is applied by key. With one row at most for each, the
//! key is the stream's own: a row that was updated and finds nothing any more goes as a delete. With
//! many, the rows of one are numbered, and how many there were is remembered for each key, so that
//! those that are no more go as deletes.

mod cache;
mod pending;
mod result;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::lookup::{Question, Store};
use crate::op::join::pack::Unpack;
use crate::op::join::pair::Unmatched;
use crate::op::join::shelf::{Shelf, behind, disk_key};
use crate::op::join::{Operation, Sent, too_large};
use crate::store::runs::{Place, Runs};
use crate::ums::{Cell, Field, Message, Op, Pattern, Row, Termination};
use cache::{Cache, Found};
use pending::{Asked, Entry, Pending, Waiting};
use result::Plan;
use write::{Given, Writing, table_prefix};

/// Rows that wait at most, and their bytes.
const ROWS: usize = 20_000;
const BYTES: usize = 8 << 20;
/// What the keys of `given` begin with on disk.
const GIVEN: u8 = 0;
/// Schemas that are kept, as many as a decoder keeps.
const MAX_PLANS: usize = 256;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Tables whose rows are looked up, all when empty; rows of others pass.
    pub patterns: Vec<Pattern>,
    /// Columns that tell rows of the stream apart, instead of the primary key.
    pub keys: Vec<String>,
    /// A row may find many.
    pub many: bool,
    /// What becomes of rows that find nothing.
    pub unmatched: Unmatched,
    /// In front of the names of the store's columns.
    pub prefix: Option<String>,
    /// Bytes of the cache.
    pub cache: usize,
    /// How long found rows are used again.
    pub fresh: Duration,
    /// How long it is remembered that there are none.
    pub fresh_missing: Duration,
}

/// The operation.
#[derive(Debug)]
pub struct Lookup {
    spec: Spec,
    store: Box<dyn Store>,
    columns: Vec<String>,
    fields: Arc<[Field]>,
    cache: Cache,
    plans: Vec<Plan>,
    recent: usize,
    pending: Pending,
    /// What was written, where one row finds many.
    given: Shelf,
    disk: Runs,
    /// Bytes of memory that `given` may take.
    memory: usize,
    /// Nothing is on disk that is not in memory, too.
    whole: bool,
    /// The store has failed for good.
    failed: bool,
    scratch: Vec<u8>,
}

impl Lookup {
    /// Asks the store for its columns.
    ///
    /// # Errors
    /// Those of the store.
    pub fn new(spec: Spec, mut store: Box<dyn Store>) -> Result<Self> {
        let fields = store.fields()?;
        Ok(Self {
            cache: Cache::new(spec.cache, spec.fresh, spec.fresh_missing),
            columns: store.columns().to_vec(),
            spec,
            store,
            fields,
            plans: Vec::new(),
            recent: 0,
            pending: Pending::default(),
            given: Shelf::new(GIVEN, |bytes| Given::read(bytes).map(drop)),
            disk: Runs::new(Place::Nameless(PathBuf::new())),
            memory: usize::MAX,
            whole: true,
            failed: false,
            scratch: Vec::new(),
        })
    }

    /// The number of the plan of a message.
    fn plan(&mut self, message: &Message, sent: &mut Sent) -> Result<usize> {
        let fits = |plan: &Plan| {
            Arc::ptr_eq(&plan.header, &message.header) && plan.protocol == message.protocol
        };
        if self.plans.get(self.recent).is_some_and(fits) {
            return Ok(self.recent);
        }
        if let Some(known) = self.plans.iter().position(fits) {
            self.recent = known;
            return Ok(known);
        }
        if self.plans.len() >= MAX_PLANS {
            self.settle(sent)?;
            self.plans.clear();
        }
        let (columns, fields) = (&self.columns, &self.fields);
        let plan = Plan::new(&self.spec, columns, fields, &message.header, message.protocol)?;
        self.plans.push(plan);
        self.recent = self.plans.len() - 1;
        Ok(self.recent)
    }

    fn pass(&mut self, line: &[u8], rows: u64) -> Result<()> {
        let line =
            std::str::from_utf8(line).map_err(|_| Error::data("a line that is not UTF-8"))?;
        let start = self.pending.text.len();
        self.pending.text.push_str(line);
        self.pending.entries.push(Entry::Pass { start, end: self.pending.text.len(), rows });
        Ok(())
    }

    fn rows(&mut self, plan: usize, message: &Message, line: &[u8]) -> Result<()> {
        let Some(known) = self.plans.get(plan) else { return Ok(()) };
        let system = known.header.system;
        let fields = known.header.schema.fields.len();
        let Some(asked) = &known.asked else {
            // A partial image of a row that is gone needs nothing of the store.
            let mut cells = Vec::new();
            for row in message.rows() {
                row?.split(fields, &mut cells)?;
                if read_op(&cells, system.op)? != Op::Delete || self.spec.many {
                    return Err(known.lacking(&self.columns));
                }
            }
            return self.pass(line, message.row_count() as u64);
        };
        let first = self.pending.rows.len();
        let mut cells = Vec::with_capacity(fields);
        for row in message.rows() {
            let row = row?;
            row.split(fields, &mut cells)?;
            let op = read_op(&cells, system.op)?;
            let start = self.pending.text.len();
            self.pending.text.push_str(row.text());
            self.pending.text.push(']');
            let end = self.pending.text.len() - 1;
            let asked = self.pending.ask(asked, &known.types, &cells, &mut self.scratch)?;
            self.pending.rows.push(Waiting { start, end, op, asked });
        }
        let last = self.pending.rows.len();
        self.pending.entries.push(Entry::Rows { plan, first, last });
        Ok(())
    }

    /// Finds the rows of all keys that wait.
    fn find(&mut self) -> Result<()> {
        let now = Instant::now();
        for asked in &mut self.pending.asked {
            asked.found = self.cache.get(&asked.bytes, now);
        }
        loop {
            // Keys of one kind at a time: as a rule there is one.
            let missing = |asked: &Asked| asked.found.is_none();
            let Some(first) = self.pending.asked.iter().find(|asked| missing(asked)) else {
                return Ok(());
            };
            let types = Arc::clone(&first.types);
            let all = self.pending.asked.iter().enumerate();
            let chosen: Vec<usize> = all
                .filter(|(_, asked)| missing(asked) && asked.types == types)
                .map(|(place, _)| place)
                .take(self.store.most().max(1))
                .collect();
            let keys: Vec<&[Box<str>]> = chosen
                .iter()
                .filter_map(|place| self.pending.asked.get(*place))
                .map(|asked| &*asked.values)
                .collect();
            let answer = self.store.find(&Question { types: &types, keys: &keys })?;
            if answer.fields != self.fields {
                self.change(answer.fields)?;
                continue;
            }
            let mut rows = vec![Vec::new(); chosen.len()];
            for (key, cells) in answer.rows {
                if let Some(rows) = rows.get_mut(key) {
                    rows.push(cells);
                }
            }
            for (place, rows) in chosen.iter().zip(rows) {
                if let Some(asked) = self.pending.asked.get_mut(*place) {
                    let found: Found = rows.into();
                    self.cache.put(&asked.bytes, &found, now);
                    asked.found = Some(found);
                }
            }
        }
    }

    /// The store's rows have other columns now: everything is asked again.
    #[cold]
    fn change(&mut self, fields: Arc<[Field]>) -> Result<()> {
        self.fields = fields;
        self.cache.clear();
        for asked in &mut self.pending.asked {
            asked.found = None;
        }
        for plan in &mut self.plans {
            let (header, protocol) = (Arc::clone(&plan.header), plan.protocol);
            *plan = Plan::new(&self.spec, &self.columns, &self.fields, &header, protocol)?;
        }
        Ok(())
    }

    fn write(&mut self, sent: &mut Sent) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        for entry in &pending.entries {
            match *entry {
                Entry::Pass { start, end, rows } => {
                    let line = pending.text.get(start..end).unwrap_or_default();
                    sent.pass(line.as_bytes(), rows);
                }
                Entry::Rows { plan, first, last } => {
                    let Some(plan) = self.plans.get_mut(plan) else { continue };
                    let mut writing = Writing {
                        spec: &self.spec,
                        width: self.fields.len(),
                        plan,
                        given: &mut self.given,
                        disk: (!self.whole).then_some(&self.disk),
                        sent,
                    };
                    for row in pending.rows.get(first..last).unwrap_or_default() {
                        let asked = row.asked.and_then(|asked| pending.asked.get(asked));
                        let found = asked.and_then(|asked| asked.found.as_deref());
                        let tuple = Row::new(&pending.text, row.start, row.end);
                        if let Some(tuple) = tuple {
                            writing.row(&tuple, row.op, found.unwrap_or_default())?;
                        }
                    }
                    writing.flush();
                }
            }
        }
        Ok(())
    }

    /// A table that is empty now has given nothing.
    fn forget(&mut self, notice: &Termination) -> Result<()> {
        let prefix = table_prefix(&notice.namespace.source());
        if self.whole && self.disk.is_empty() {
            let newer = |given: Given| given.id >= notice.id;
            self.given.retain(false, |key, bytes| {
                !key.starts_with(&prefix) || Given::read(bytes).is_ok_and(newer)
            });
            return Ok(());
        }
        self.flush()?;
        let from = disk_key(GIVEN, &prefix);
        let mut all = self.disk.scan(None, &from, &behind(&from))?;
        while let Some((key, bytes)) = all.next()? {
            let given = match Given::read(bytes) {
                Ok(given) => given,
                Err(error) => return Err(all.damaged(error)),
            };
            if given.id < notice.id {
                let disk = (!self.whole).then_some(&self.disk);
                self.given.remove(key.get(1..).unwrap_or_default(), disk)?;
                self.fit()?;
            }
        }
        Ok(())
    }

    /// Writes what is newer than on disk.
    fn flush(&mut self) -> Result<()> {
        if self.given.dirty() == 0 {
            return Ok(());
        }
        let mut run = self.disk.begin(self.given.dirty())?;
        self.given.flush(&mut run, |_| i64::MAX)?;
        self.disk.add(run)
    }

    /// Puts on disk what is not in use, where there is more than memory may hold. The cache has a bound
    /// of its own.
    fn fit(&mut self) -> Result<()> {
        let on_disk = |lookup: &Self| if lookup.whole { 0 } else { lookup.disk.memory() };
        if self.given.bytes() + on_disk(self) <= self.memory {
            return Ok(());
        }
        self.flush()?;
        self.whole = false;
        self.given.evict((self.memory / 2).saturating_sub(self.disk.memory()));
        match self.given.bytes() + on_disk(self) {
            size if size > self.memory => Err(too_large(size)),
            _ => Ok(()),
        }
    }
}

fn read_op(cells: &[Cell], place: Option<usize>) -> Result<Op> {
    let Some(place) = place else { return Ok(Op::Insert) };
    let text = cells.get(place).map(Cell::text).transpose()?.flatten();
    let op = text.and_then(|text| Op::parse(text.as_bytes()));
    op.ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))
}

impl Operation for Lookup {
    fn take(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()> {
        let namespace = &message.header.schema.namespace;
        let wanted = |pattern: &Pattern| pattern.matches(namespace);
        let all = self.spec.patterns.is_empty();
        if !message.protocol.is_data() || !(all || self.spec.patterns.iter().any(wanted)) {
            if self.spec.many
                && let Some(notice) = Termination::read(message)?
                && notice.whole
                && notice.removes_rows()
            {
                self.settle(sent)?;
                self.forget(&notice)?;
            }
            let rows = if message.protocol.is_data() { message.row_count() } else { 0 };
            return self.pass(line, rows as u64);
        }
        let plan = self.plan(message, sent)?;
        let (text, rows) = (self.pending.text.len(), self.pending.rows.len());
        if let Err(error) = self.rows(plan, message, line) {
            // Nothing of the message was taken; keys that are asked for in vain do no harm.
            self.pending.text.truncate(text);
            self.pending.rows.truncate(rows);
            return Err(error);
        }
        if self.pending.rows.len() >= ROWS || self.pending.text.len() >= BYTES {
            self.settle(sent)?;
        }
        Ok(())
    }

    fn advance(&mut self, _: i64, sent: &mut Sent) -> Result<bool> {
        self.settle(sent)?;
        Ok(false)
    }

    fn settle(&mut self, sent: &mut Sent) -> Result<()> {
        if self.pending.entries.is_empty() || self.failed {
            return Ok(());
        }
        let result = self.find().and_then(|()| self.write(sent)).and_then(|()| self.fit());
        self.failed = result.is_err();
        self.pending = Pending::default();
        // It is no fault of the line at hand.
        result.map_err(|error| match error.kind() {
            Kind::Data => Error::refused(error.to_string()),
            _ => error,
        })
    }

    fn reach(&self) -> i64 {
        i64::MIN
    }

    fn lodge(&mut self, runs: Runs, memory: usize) {
        self.whole = runs.is_empty();
        (self.disk, self.memory) = (runs, memory);
    }

    fn disk(&mut self) -> Option<&mut Runs> {
        Some(&mut self.disk)
    }

    fn save(&mut self, _: &mut Vec<u8>) -> Result<()> {
        self.flush()
    }

    fn load(&mut self, _: &mut Unpack) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
