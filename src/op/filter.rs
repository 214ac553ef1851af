//! HOT. Rows that pass and rows that do not. Uses `error`, `expr`, `ums`.
//!
//! A message that passes whole is copied as its line; of one that passes in part, the head is copied
//! and the tuples that pass, as bytes. Nothing is written anew, so ids and spellings stay.

use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::expr::{Condition, Filter, moment};
use crate::ums::decode::Header;
use crate::ums::{Cell, Decoder, Message, Op, Pattern, Protocol};

/// Compiled conditions that are kept, as many as a decoder keeps schemas.
const MAX_PLANS: usize = 256;

/// A bound of `since` and `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An `_ums_id_`.
    Id(i64),
    /// An `_ums_ts_`, packed as in `expr::moment`.
    Time(i64),
}

/// What passes. All that is given must be fulfilled.
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

/// The rules for one schema.
struct Plan {
    header: Arc<Header>,
    filter: Option<Filter>,
}

/// Filters a stream, line by line.
pub struct Filtering {
    rules: Rules,
    decoder: Decoder,
    /// The one used last in front.
    plans: Vec<Plan>,
    left: u64,
}

impl Filtering {
    /// A filter with these rules.
    pub fn new(rules: Rules) -> Self {
        let left = rules.limit.unwrap_or(u64::MAX);
        Self { rules, decoder: Decoder::default(), plans: Vec::new(), left }
    }

    /// Whether the limit has been reached, so that no more can pass.
    pub fn is_done(&self) -> bool {
        self.left == 0
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
        let patterns = &self.rules.patterns;
        if !heartbeat && !patterns.is_empty() && !patterns.iter().any(|p| p.matches(namespace)) {
            return Ok(Passed { rows_in: message.row_count() as u64, ..Passed::default() });
        }
        let rows = message.row_count() as u64;
        let untouched = !message.protocol.is_data() || rows == 0;
        if untouched || self.rules.takes_every_row() && rows <= self.left {
            let rows = if message.protocol.is_data() { rows } else { 0 };
            self.left -= rows;
            out.extend_from_slice(line);
            out.push(b'\n');
            return Ok(Passed { rows_in: rows, rows_out: rows, written: true });
        }
        let plan = plan(&mut self.plans, &self.rules, &message.header)?;
        match some(&self.rules, plan, &message, line, self.left, out) {
            Ok(passed) => {
                self.left -= passed.rows_out;
                Ok(passed)
            }
            Err(error) => {
                out.truncate(start);
                Err(error)
            }
        }
    }
}

impl Rules {
    fn takes_every_row(&self) -> bool {
        self.ops.is_empty()
            && self.since.is_none()
            && self.until.is_none()
            && self.condition.is_none()
    }

    /// Whether a row passes.
    fn take(&self, filter: Option<&Filter>, header: &Header, cells: &[Cell]) -> Result<bool> {
        if !self.ops.is_empty() {
            let place = header.system.op.ok_or_else(|| no_column("_ums_op_"))?;
            let text = cells.get(place).map(Cell::text).transpose()?.flatten();
            let op = text.and_then(|text| Op::parse(text.as_bytes()));
            let op = op.ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))?;
            if !self.ops.contains(&op) {
                return Ok(false);
            }
        }
        if let Some(since) = self.since
            && place(since, header, cells)?.is_lt()
        {
            return Ok(false);
        }
        if let Some(until) = self.until
            && place(until, header, cells)?.is_ge()
        {
            return Ok(false);
        }
        filter.map_or(Ok(true), |filter| filter.holds(cells))
    }
}

fn no_column(name: &str) -> Error {
    Error::refused(format!("a table without {name}")).advise("leave it out with --namespace")
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

/// The plan for a schema; made when it is new, and when it was forgotten.
fn plan<'p>(plans: &'p mut Vec<Plan>, rules: &Rules, header: &Arc<Header>) -> Result<&'p Plan> {
    match plans.iter().position(|plan| Arc::ptr_eq(&plan.header, header)) {
        Some(0) => {}
        Some(known) => {
            if let Some(recent) = plans.get_mut(..=known) {
                recent.rotate_right(1);
            }
        }
        None => {
            let condition = rules.condition.as_ref();
            let filter = condition.map(|condition| condition.compile(&header.schema)).transpose();
            let filter = filter.map_err(|error| {
                Error::new(Kind::Refused, error.to_string())
                    .at(format_args!("{}: --where", header.schema.namespace))
            })?;
            plans.truncate(MAX_PLANS - 1);
            plans.insert(0, Plan { header: Arc::clone(header), filter });
        }
    }
    plans.first().ok_or_else(|| Error::refused("no plan"))
}

/// Writes the rows that pass, at most `most`, under the head of their message.
fn some(
    rules: &Rules,
    plan: &Plan,
    message: &Message,
    line: &[u8],
    most: u64,
    out: &mut Vec<u8>,
) -> Result<Passed> {
    let start = out.len();
    // The payload is a part of the line, so its address says where.
    let from = message.payload.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    out.extend_from_slice(line.get(..from).unwrap_or_default());
    let fields = plan.header.schema.fields.len();
    let mut cells = Vec::with_capacity(fields);
    let mut rows = 0;
    for (index, row) in message.rows().enumerate() {
        let row = row?;
        row.split(fields, &mut cells)?;
        let taken = rules.take(plan.filter.as_ref(), &plan.header, &cells);
        if taken.map_err(|error| error.at(format_args!("row {} of the message", index + 1)))?
            && rows < most
        {
            out.extend_from_slice(if rows > 0 { b",{\"tuple\":[" } else { b"{\"tuple\":[" });
            out.extend_from_slice(row.bytes);
            out.extend_from_slice(b"]}");
            rows += 1;
        }
    }
    let rows_in = message.row_count() as u64;
    if rows == 0 {
        out.truncate(start);
    } else {
        out.extend_from_slice(line.get(from + message.payload.len()..).unwrap_or_default());
        out.push(b'\n');
    }
    Ok(Passed { rows_in, rows_out: rows, written: rows > 0 })
}

#[cfg(test)]
mod tests;
