//! HOT. Rows that pass and rows that do not, and the columns of those that do. Uses `error`, `expr`,
//! `ums`.
//!
//! A message that passes whole is copied as its line; of one that passes in part, the head is copied
//! and the tuples that pass, as bytes. Only where columns or names change is anything written anew,
//! and ids and spellings stay even then.

mod keep;
mod plan;
mod rename;
mod sample;

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::expr::{Condition, Select, moment};
use crate::ums::decode::Header;
use crate::ums::{Bounds, Cell, Decoder, Message, Namespace, Op, Pattern, Protocol, Row, Schema};
use keep::Held;
use plan::{Plan, Plans};
pub use rename::Rename;
pub use sample::Share;

/// A bound of `since` and `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An `_ums_id_`.
    Id(i64),
    /// An `_ums_ts_`, packed as in `expr::moment`.
    Time(i64),
}

/// What passes, and how. All that is given must be fulfilled.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Namespaces; all when empty.
    pub patterns: Vec<Pattern>,
    /// Kinds of change; all when empty.
    pub ops: Vec<Op>,
    /// Rows from here on.
    pub since: Option<Place>,
    /// Rows before here.
    pub until: Option<Place>,
    /// Rows for which this is TRUE.
    pub condition: Option<Condition>,
    /// An update by which a row leaves the condition becomes a delete, one by which it enters an
    /// insert.
    pub keep_set: bool,
    /// A share of the rows, by their keys.
    pub sample: Option<Share>,
    /// The columns that come out.
    pub select: Option<Select>,
    /// Columns that do not come out.
    pub drop: Vec<String>,
    /// New names; the first that matches.
    pub renames: Vec<Rename>,
    /// At most so many rows.
    pub limit: Option<u64>,
}

/// What came of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// Rows that the line had.
    pub rows_in: u64,
    /// Rows that passed.
    pub rows_out: u64,
    /// Whether anything was written.
    pub written: bool,
}

/// Filters a stream, line by line.
pub struct Filtering {
    rules: Rules,
    decoder: Decoder,
    plans: Plans,
    /// Before images whose update is still to come, by table.
    held: Vec<(Namespace, Held)>,
    /// Before images that went with a bad line, each as a whole line.
    torn: Vec<u8>,
    left: u64,
}

impl Filtering {
    /// A filter with these rules.
    pub fn new(rules: Rules) -> Self {
        let left = rules.limit.unwrap_or(u64::MAX);
        let plans = Plans::new(rules.drop.len());
        Self { rules, decoder: Decoder::default(), plans, held: Vec::new(), torn: Vec::new(), left }
    }

    /// Whether the limit has been reached, so that no more can pass.
    pub fn is_done(&self) -> bool {
        self.left == 0
    }

    /// What people should know by now; each is given once.
    pub fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.plans.notes)
    }

    /// Columns that were to be left out and that no table had. Meant for the end of a stream.
    pub fn never_dropped(&self) -> Vec<&str> {
        let seen = self.rules.drop.iter().zip(&self.plans.dropped);
        seen.filter(|(_, seen)| !**seen).map(|(name, _)| name.as_str()).collect()
    }

    /// Before images that waited in front of the line that failed last and go with it: whole lines, each
    /// with its newline.
    pub fn torn(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.torn)
    }

    /// Says that the stream has ended. Gives the before images whose update did not come, each as a
    /// message without newline and what is wrong with it (`Data`).
    pub fn end(&mut self) -> Vec<(Vec<u8>, Error)> {
        self.held.drain(..).map(|(_, held)| held.alone()).collect()
    }

    /// The schema that rows of a line come out with; `None` for what has no rows or does not pass
    /// by its namespace.
    ///
    /// # Errors
    /// `Data` when the line is no message, `Refused` when the rules do not fit the schema.
    pub fn schema(&mut self, line: &[u8]) -> Result<Option<&Schema>> {
        let message = self.decoder.decode(line)?;
        if !message.protocol.is_data() || !self.rules.wants(&message.header.schema.namespace) {
            return Ok(None);
        }
        Ok(Some(self.plans.get(&self.rules, &message.header)?.schema()))
    }

    /// Appends what passes of one line (without its newline) to `out`, with a newline; nothing when
    /// it fails.
    ///
    /// # Errors
    /// `Data` when the line is bad: it is no message, a cell is not of its type, a result cannot be
    /// held. `Refused` when the rules do not fit the schema.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Passed> {
        let start = out.len();
        let message = self.decoder.decode(line)?;
        let namespace = &message.header.schema.namespace;
        // A heartbeat is of a whole source: everybody hands it on.
        let heartbeat = message.protocol == Protocol::Heartbeat;
        if !heartbeat && !self.rules.wants(namespace) {
            return Ok(Passed { rows_in: message.row_count() as u64, ..Passed::default() });
        }
        let rows = message.row_count() as u64;
        let is_data = message.protocol.is_data();
        if !is_data || rows == 0 || self.rules.takes_every_row() && rows <= self.left {
            let rows = if is_data { rows } else { 0 };
            if rows > 0 {
                message.check_width()?;
            }
            let renamed = if heartbeat { None } else { self.rules.renamed(namespace) };
            match renamed {
                Some(renamed) if !self.rules.has_columns() || !is_data => {
                    renamed_line(&message, renamed, out);
                }
                _ if is_data && self.rules.has_columns() => {
                    return self.rows(&message, line, start, out);
                }
                _ => {
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
            }
            self.left -= rows;
            return Ok(Passed { rows_in: rows, rows_out: rows, written: true });
        }
        self.rows(&message, line, start, out)
    }

    /// Row by row.
    fn rows(
        &mut self,
        message: &Message,
        line: &[u8],
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<Passed> {
        let plan = self.plans.get(&self.rules, &message.header)?;
        let mut lane = Lane::new(&self.rules, plan, message, line, self.left, out);
        let result = match self.rules.keep_set {
            true => keep::rows(&mut lane, message, &mut self.held),
            false => lane.rows(message),
        };
        match result {
            Ok(()) => {
                let passed = lane.finish(message, line);
                self.left -= passed.rows_out;
                Ok(passed)
            }
            Err(error) => {
                out.truncate(start);
                let namespace = &message.header.schema.namespace;
                if let Some(place) = self.held.iter().position(|(table, _)| table == namespace) {
                    self.torn.extend(self.held.swap_remove(place).1.alone().0);
                    self.torn.push(b'\n');
                }
                Err(error)
            }
        }
    }
}

/// A message without columns to change, under another name.
fn renamed_line(message: &Message, namespace: Namespace, out: &mut Vec<u8>) {
    let schema = Schema { namespace, ..message.header.schema.clone() };
    let writer =
        crate::ums::MessageWriter::new(message.protocol, &schema, crate::ums::Dialect::Dws);
    out.extend_from_slice(writer.head());
    out.extend_from_slice(message.payload);
    out.extend_from_slice(b"]}\n");
}

impl Rules {
    /// Whether rows of a namespace are wanted at all.
    fn wants(&self, namespace: &Namespace) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(namespace))
    }

    fn takes_every_row(&self) -> bool {
        self.ops.is_empty()
            && self.since.is_none()
            && self.until.is_none()
            && self.condition.is_none()
            && self.sample.is_none()
    }

    fn has_columns(&self) -> bool {
        self.select.is_some() || !self.drop.is_empty()
    }

    /// The new name of a namespace.
    fn renamed(&self, namespace: &Namespace) -> Option<Namespace> {
        self.renames.iter().find_map(|rename| rename.apply(namespace))
    }

    /// Whether a row passes all but the condition.
    fn admits(&self, plan: &Plan, cells: &[Cell]) -> Result<bool> {
        if !self.ops.is_empty() && !self.ops.contains(&op(&plan.header, cells)?) {
            return Ok(false);
        }
        if let Some(since) = self.since
            && place(since, &plan.header, cells)?.is_lt()
        {
            return Ok(false);
        }
        if let Some(until) = self.until
            && place(until, &plan.header, cells)?.is_ge()
        {
            return Ok(false);
        }
        self.sample.map_or(Ok(true), |share| share.takes(&plan.sampled, cells))
    }
}

/// How a row that passes is written.
#[derive(Clone, Copy)]
enum Tuple<'t> {
    /// As these bytes.
    Whole(&'t [u8]),
    /// Its columns anew, and cells that do not change as they stand in this row.
    Copied(&'t Row<'t>, &'t Bounds),
    /// Its columns anew, all from the cells.
    Cells,
}

impl<'t> Tuple<'t> {
    /// These bytes where no columns change.
    fn of(bytes: &'t [u8], columns: bool) -> Self {
        if columns { Self::Cells } else { Self::Whole(bytes) }
    }
}

/// One message on its way: what it passes through and where to.
struct Lane<'l> {
    rules: &'l Rules,
    plan: &'l Plan,
    out: &'l mut Vec<u8>,
    /// Where the message starts in `out`.
    start: usize,
    rows: u64,
    most: u64,
    columns: bool,
}

impl<'l> Lane<'l> {
    /// Writes the head.
    fn new(
        rules: &'l Rules,
        plan: &'l mut Plan,
        message: &Message,
        line: &[u8],
        most: u64,
        out: &'l mut Vec<u8>,
    ) -> Self {
        let start = out.len();
        match plan.reshape.as_mut() {
            Some(reshape) => out.extend_from_slice(reshape.head(message.protocol)),
            None => out.extend_from_slice(line.get(..payload(message, line)).unwrap_or_default()),
        }
        let columns = plan.has_columns();
        Self { rules, plan, out, start, rows: 0, most, columns }
    }

    fn rows(&mut self, message: &Message) -> Result<()> {
        let fields = self.plan.header.schema.fields.len();
        let mut bounds = Bounds::default();
        let mut cells = vec![Cell::Null; fields];
        for (index, row) in message.rows().enumerate() {
            let row = row?;
            bounds.read(&row, fields)?;
            for place in &self.plan.wanted {
                if let Some(cell) = cells.get_mut(*place) {
                    *cell = bounds.cell(&row, *place)?;
                }
            }
            let mut pass = || -> Result<()> {
                if self.rules.admits(self.plan, &cells)? && self.holds(&cells)? {
                    match self.columns {
                        true => self.push(&cells, Tuple::Copied(&row, &bounds))?,
                        false => self.push(&cells, Tuple::Whole(row.bytes))?,
                    }
                }
                Ok(())
            };
            pass().map_err(|error| in_row(error, index))?;
        }
        Ok(())
    }

    fn holds(&self, cells: &[Cell]) -> Result<bool> {
        self.plan.filter.as_ref().map_or(Ok(true), |filter| filter.holds(cells))
    }

    /// Writes a row that passes.
    fn push(&mut self, cells: &[Cell], tuple: Tuple) -> Result<()> {
        if self.rows == self.most {
            return Ok(());
        }
        let open: &[u8] = if self.rows > 0 { b",{\"tuple\":[" } else { b"{\"tuple\":[" };
        self.out.extend_from_slice(open);
        match tuple {
            Tuple::Whole(bytes) => self.out.extend_from_slice(bytes),
            Tuple::Copied(row, bounds) => {
                self.plan.push_tuple(cells, Some((row, bounds)), self.out)?;
            }
            Tuple::Cells => self.plan.push_tuple(cells, None, self.out)?,
        }
        self.out.extend_from_slice(b"]}");
        self.rows += 1;
        Ok(())
    }

    /// Writes what stands behind the rows, or takes the head back.
    fn finish(self, message: &Message, line: &[u8]) -> Passed {
        if self.rows == 0 {
            self.out.truncate(self.start);
        } else if self.plan.reshape.is_some() {
            self.out.extend_from_slice(b"]}\n");
        } else {
            let behind = payload(message, line) + message.payload.len();
            self.out.extend_from_slice(line.get(behind..).unwrap_or_default());
            self.out.push(b'\n');
        }
        let rows_in = message.row_count() as u64;
        Passed { rows_in, rows_out: self.rows, written: self.rows > 0 }
    }
}

/// Where the payload starts: it is a part of the line, so its address says where.
fn payload(message: &Message, line: &[u8]) -> usize {
    message.payload.as_ptr().addr().saturating_sub(line.as_ptr().addr())
}

#[cold]
fn in_row(error: Error, index: usize) -> Error {
    error.at(format_args!("row {} of the message", index + 1))
}

#[cold]
fn no_column(name: &str) -> Error {
    Error::refused(format!("a table without {name}")).advise("leave it out with --namespace")
}

/// The kind of change that a row is.
fn op(header: &Arc<Header>, cells: &[Cell]) -> Result<Op> {
    let place = header.system.op.ok_or_else(|| no_column("_ums_op_"))?;
    let text = cells.get(place).map(Cell::text).transpose()?.flatten();
    let op = text.and_then(|text| Op::parse(text.as_bytes()));
    op.ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))
}

/// Where a row stands to a bound.
fn place(bound: Place, header: &Header, cells: &[Cell]) -> Result<std::cmp::Ordering> {
    let (column, name) = match bound {
        Place::Id(_) => (header.system.id, "_ums_id_"),
        Place::Time(_) => (header.system.ts, "_ums_ts_"),
    };
    let column = column.ok_or_else(|| no_column(name))?;
    let text = cells.get(column).map(Cell::text).transpose()?.flatten().unwrap_or_default();
    let order = match bound {
        Place::Id(id) => text.parse().ok().map(|own: i64| own.cmp(&id)),
        Place::Time(time) => moment::parse(&text, true).map(|own| own.cmp(&time)),
    };
    order.ok_or_else(|| Error::data(format!("{name} cannot be read")))
}

#[cfg(test)]
mod tests;
