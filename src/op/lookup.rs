//! Lookups: rows of the stream with what a store has for their keys. Uses `error`, `lookup`, `ums`.
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
mod result;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};
use crate::lookup::{Question, Store};
use crate::op::join::cells::push_text;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_u64};
use crate::op::join::pair::Unmatched;
use crate::op::join::{Operation, Sent};
use crate::ums::json::push_u64;
use crate::ums::{Cell, Field, Message, Op, Pattern, Row, Termination, Type};
use cache::{Cache, Found};
use result::Plan;

/// Rows that wait at most, and their bytes.
const ROWS: usize = 20_000;
const BYTES: usize = 8 << 20;
/// Rows of one result message.
const MESSAGE: usize = 500;
/// Schemas that are kept, as many as a decoder keeps.
const MAX_PLANS: usize = 256;
/// Bytes that the memory of a key takes beside it.
const GIVEN: usize = 64;

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

/// What was written for a key of the stream.
#[derive(Debug, Clone, Copy)]
struct Given {
    id: i64,
    rows: u64,
}

/// A key that rows wait for.
#[derive(Debug)]
struct Asked {
    /// What it is known by in the cache.
    bytes: Box<[u8]>,
    values: Box<[Box<str>]>,
    types: Arc<[Type]>,
    found: Option<Found>,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    /// Where its tuple is in the text.
    start: usize,
    end: usize,
    op: Op,
    /// The number of its key; `None` where a part of it is NULL.
    asked: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Entry {
    /// A line that passes, with so many rows.
    Pass { start: usize, end: usize, rows: u64 },
    /// Rows of a message.
    Rows { plan: usize, first: usize, last: usize },
}

/// What was taken and not written yet.
#[derive(Debug, Default)]
struct Pending {
    text: String,
    entries: Vec<Entry>,
    rows: Vec<Waiting>,
    asked: Vec<Asked>,
    index: HashMap<Box<[u8]>, usize>,
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
    given: HashMap<Box<[u8]>, Given>,
    given_bytes: usize,
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
            given: HashMap::new(),
            given_bytes: 0,
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
                        given_bytes: &mut self.given_bytes,
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
    fn forget(&mut self, notice: &Termination) {
        let prefix = table_prefix(&notice.namespace.source());
        self.given.retain(|key, given| !key.starts_with(&prefix) || given.id >= notice.id);
        self.given_bytes = self.given.keys().map(|key| key.len() + GIVEN).sum();
    }
}

fn table_prefix(source: &str) -> Vec<u8> {
    let mut prefix = source.as_bytes().to_vec();
    prefix.push(0);
    prefix
}

fn read_op(cells: &[Cell], place: Option<usize>) -> Result<Op> {
    let Some(place) = place else { return Ok(Op::Insert) };
    let text = cells.get(place).map(Cell::text).transpose()?.flatten();
    let op = text.and_then(|text| Op::parse(text.as_bytes()));
    op.ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))
}

impl Pending {
    /// The number of a row's key; `None` where a part of it is NULL, which is equal to nothing.
    fn ask(
        &mut self,
        asked: &[(usize, Type)],
        types: &Arc<[Type]>,
        cells: &[Cell],
        bytes: &mut Vec<u8>,
    ) -> Result<Option<usize>> {
        bytes.clear();
        for ((place, _), ty) in asked.iter().zip(types.iter()) {
            let Some(text) = cells.get(*place).map(Cell::text).transpose()?.flatten() else {
                return Ok(None);
            };
            bytes.extend_from_slice(ty.name().as_bytes());
            push_text(bytes, &text, *ty)?;
            bytes.push(b',');
        }
        if let Some(known) = self.index.get(&**bytes) {
            return Ok(Some(*known));
        }
        let mut values = Vec::with_capacity(asked.len());
        for ((place, _), ty) in asked.iter().zip(types.iter()) {
            let text = cells.get(*place).map(Cell::text).transpose()?.flatten();
            let text = text.unwrap_or_default();
            let exact = matches!(ty, Type::Long | Type::Decimal | Type::Double | Type::Boolean);
            values.push(if exact {
                let mut json = Vec::new();
                push_text(&mut json, &text, *ty)?;
                String::from_utf8_lossy(&json).trim_matches('"').into()
            } else {
                text.into()
            });
        }
        let number = self.asked.len();
        self.index.insert(bytes.as_slice().into(), number);
        self.asked.push(Asked {
            bytes: bytes.as_slice().into(),
            values: values.into(),
            types: Arc::clone(types),
            found: None,
        });
        Ok(Some(number))
    }
}

/// Writes the results of one message.
struct Writing<'a> {
    spec: &'a Spec,
    /// How many columns the store's rows have.
    width: usize,
    plan: &'a mut Plan,
    given: &'a mut HashMap<Box<[u8]>, Given>,
    given_bytes: &'a mut usize,
    sent: &'a mut Sent,
}

impl Writing<'_> {
    fn row(&mut self, row: &Row, op: Op, found: &[Box<str>]) -> Result<()> {
        let one = match (op, found) {
            (Op::Before, _) if self.spec.many => return Ok(()),
            _ if self.spec.many => return self.many(row, op, found),
            (_, [one]) => Some(one),
            (Op::Delete | Op::Before, [one, ..]) => Some(one),
            (_, []) => None,
            (_, several) => {
                return Err(Error::refused(format!(
                    "{}: --query found {} rows for one",
                    self.plan.header.schema.namespace,
                    several.len()
                ))
                .advise("--matches many makes a row of each, or let the query find one"));
            }
        };
        if one.is_some() || matches!(op, Op::Delete | Op::Before) {
            return self.copy(row, one);
        }
        match (self.spec.unmatched, op) {
            (Unmatched::Send, _) => return self.copy(row, None),
            (Unmatched::Alert, _) => self.sent.alerts += 1,
            (Unmatched::Drop, _) => {}
        }
        // Before this update it may have found something.
        if op == Op::Update { self.change(row, true, None, None) } else { Ok(()) }
    }

    /// A result with a number for each row found.
    fn many(&mut self, row: &Row, op: Op, found: &[Box<str>]) -> Result<()> {
        let lone = found.is_empty() && self.spec.unmatched == Unmatched::Send;
        let rows = match op {
            Op::Delete => 0,
            _ if lone => 1,
            _ => found.len() as u64,
        };
        if rows == 0 && op != Op::Delete && self.spec.unmatched == Unmatched::Alert {
            self.sent.alerts += 1;
        }
        let before = self.remember(row, op, rows)?;
        let Some(before) = before else { return Ok(()) };
        for number in 1..=rows.max(before) {
            let cells = found.get((number - 1) as usize);
            self.change(row, number > rows, Some(number), cells.filter(|_| number <= rows))?;
        }
        Ok(())
    }

    /// How many results the key had; `None` for a row that is older than what was written.
    fn remember(&mut self, row: &Row, op: Op, rows: u64) -> Result<Option<u64>> {
        let schema = &self.plan.header.schema;
        if self.plan.keys.is_empty() {
            return match op {
                Op::Insert => Ok(Some(0)),
                _ => Err(Error::refused(format!(
                    "{}: an update or delete of a table without a primary key",
                    schema.namespace
                ))
                .advise("name unique columns with --keys")),
            };
        }
        let mut cells = Vec::new();
        row.split(schema.fields.len(), &mut cells)?;
        let mut key = table_prefix(&schema.namespace.source());
        for (place, ty) in &self.plan.keys {
            match cells.get(*place).map(Cell::text).transpose()?.flatten() {
                Some(text) => push_text(&mut key, &text, *ty)?,
                None => key.extend_from_slice(b"null"),
            }
            key.push(b',');
        }
        let id = self.plan.header.system.id.and_then(|place| cells.get(place));
        let id = id.map(Cell::text).transpose()?.flatten().and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| Error::data("_ums_id_ is no 64-bit number"))?;
        // What an update or a delete meets was written once, if it is not known.
        let unknown = u64::from(op != Op::Insert);
        let new = Given { id, rows };
        match self.given.get_mut(&*key) {
            Some(known) if known.id > id => Ok(None),
            Some(known) => Ok(Some(std::mem::replace(known, new).rows)),
            None => {
                *self.given_bytes += key.len() + GIVEN;
                self.given.insert(key.into(), new);
                Ok(Some(unknown))
            }
        }
    }

    /// Writes a row as it came, and what was found behind it.
    #[inline]
    fn copy(&mut self, row: &Row, found: Option<&Box<str>>) -> Result<()> {
        let out = self.plan.writer.begin_row();
        out.extend_from_slice(row.bytes);
        push_found(out, found, self.width);
        self.end();
        Ok(())
    }

    /// Writes a row with other system columns: as a delete, with its number.
    fn change(
        &mut self,
        row: &Row,
        delete: bool,
        number: Option<u64>,
        found: Option<&Box<str>>,
    ) -> Result<()> {
        let system = self.plan.header.system;
        let mut cells = Vec::new();
        row.split(self.plan.header.schema.fields.len(), &mut cells)?;
        let out = self.plan.writer.begin_row();
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                out.push(b',');
            }
            if delete && Some(place) == system.op {
                let small =
                    matches!(cell, Cell::Plain(text) if text.starts_with(char::is_lowercase));
                out.extend_from_slice(if small { b"\"d\"" } else { b"\"D\"" });
                continue;
            }
            cell.push_json(out);
            if let (Some(number), true) = (number, Some(place) == system.uid)
                && out.pop_if(|last| *last == b'"').is_some()
            {
                out.push(b'.');
                push_u64(out, number);
                out.push(b'"');
            }
        }
        if let Some(number) = number {
            out.push(b',');
            push_u64(out, number);
        }
        push_found(out, found, self.width);
        self.end();
        Ok(())
    }

    fn end(&mut self) {
        self.plan.writer.end_row();
        self.sent.rows += 1;
        if self.plan.writer.rows() >= MESSAGE || self.plan.writer.len() >= BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if !self.plan.writer.is_empty() {
            self.plan.writer.finish_into(&mut self.sent.bytes);
            self.sent.messages += 1;
        }
    }
}

#[inline]
fn push_found(out: &mut Vec<u8>, found: Option<&Box<str>>, width: usize) {
    match found {
        Some(cells) => {
            out.push(b',');
            out.extend_from_slice(cells.as_bytes());
        }
        None => {
            for _ in 0..width {
                out.extend_from_slice(b",null");
            }
        }
    }
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
                self.forget(&notice);
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

    fn advance(&mut self, _: i64, sent: &mut Sent) -> Result<()> {
        self.settle(sent)
    }

    fn settle(&mut self, sent: &mut Sent) -> Result<()> {
        if self.pending.entries.is_empty() || self.failed {
            return Ok(());
        }
        let result = self.find().and_then(|()| self.write(sent));
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

    fn save(&self, state: &mut Vec<u8>) {
        put_u64(state, self.given.len() as u64);
        for (key, given) in &self.given {
            put_bytes(state, key);
            put_i64(state, given.id);
            put_u64(state, given.rows);
        }
    }

    fn load(&mut self, state: &mut Unpack) -> Result<()> {
        for _ in 0..state.u64()? {
            let key: Box<[u8]> = state.bytes()?.into();
            self.given_bytes += key.len() + GIVEN;
            self.given.insert(key, Given { id: state.i64()?, rows: state.u64()? });
        }
        Ok(())
    }

    /// The cache has a bound of its own.
    fn size(&self) -> usize {
        self.given_bytes
    }
}

#[cfg(test)]
mod tests;
