//! The results of rows, so that a target that is applied by key ends right. Uses `error`, `store`,
//! `ums`. HOT:
//! once a row.

use super::Spec;
use super::result::Plan;
use crate::error::{Error, Result};
use crate::op::join::Sent;
use crate::op::join::cells::push_text;
use crate::op::join::pack::{Unpack, put_i64, put_u64};
use crate::op::join::pair::Unmatched;
use crate::op::join::shelf::{FRESH, Shelf};
use crate::store::runs::Runs;
use crate::ums::json::push_u64;
use crate::ums::{Cell, Op, Row};

/// Rows of one result message, and its bytes.
const ROWS: usize = 500;
const BYTES: usize = 8 << 20;

/// What was written for a key of the stream. Packed it is a byte of the shelf's and these.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given {
    pub(super) id: i64,
    pub(super) rows: u64,
}

impl Given {
    pub(super) fn read(bytes: &[u8]) -> Result<Self> {
        let mut unpack = Unpack::new(bytes);
        unpack.byte()?;
        Ok(Self { id: unpack.i64()?, rows: unpack.u64()? })
    }

    fn pack(self) -> Box<[u8]> {
        let mut bytes = Vec::with_capacity(17);
        bytes.push(FRESH);
        put_i64(&mut bytes, self.id);
        put_u64(&mut bytes, self.rows);
        bytes.into()
    }
}

/// What the keys of a table begin with.
pub(super) fn table_prefix(source: &str) -> Vec<u8> {
    let mut prefix = source.as_bytes().to_vec();
    prefix.push(0);
    prefix
}

/// Writes the results of one message.
pub(super) struct Writing<'a> {
    pub(super) spec: &'a Spec,
    /// How many columns the store's rows have.
    pub(super) width: usize,
    pub(super) plan: &'a mut Plan,
    pub(super) given: &'a mut Shelf,
    /// Where more of them are.
    pub(super) disk: Option<&'a Runs>,
    pub(super) sent: &'a mut Sent,
}

impl Writing<'_> {
    pub(super) fn row(&mut self, row: &Row, op: Op, found: &[Box<str>]) -> Result<()> {
        let one = match (op, found) {
            (Op::Before, _) if self.spec.many => return Ok(()),
            _ if self.spec.many => return self.many(row, op, found),
            (_, [one]) => Some(&**one),
            (Op::Delete | Op::Before, [one, ..]) => Some(&**one),
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
            let cells = found.get((number - 1) as usize).map(|cells| &**cells);
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
        let Some(bytes) = self.given.take(&key, self.disk)? else {
            self.given.put(&key, new.pack());
            return Ok(Some(unknown));
        };
        let known = Given::read(&bytes)?;
        let kept = if known.id > id { known } else { new };
        self.given.put(&key, kept.pack());
        Ok((known.id <= id).then_some(known.rows))
    }

    /// Writes a row as it came, and what was found behind it.
    #[inline]
    fn copy(&mut self, row: &Row, found: Option<&str>) -> Result<()> {
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
        found: Option<&str>,
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
        if self.plan.writer.rows() >= ROWS || self.plan.writer.len() >= BYTES {
            self.flush();
        }
    }

    pub(super) fn flush(&mut self) {
        if !self.plan.writer.is_empty() {
            self.plan.writer.finish_into(&mut self.sent.bytes);
            self.sent.messages += 1;
        }
    }
}

#[inline]
fn push_found(out: &mut Vec<u8>, found: Option<&str>, width: usize) {
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
