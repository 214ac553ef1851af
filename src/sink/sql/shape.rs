//! What is decided once for a schema and its table, and rows on their way. Uses `error`, `ums` and
//! `target`. HOT in `Group`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::sink::target::{Delete, Mode};
use crate::ums::decode::Header;
use crate::ums::{Cell, Op, Protocol, Row, Type};

/// A schema and the table that its rows land in.
#[derive(Debug)]
pub(in crate::sink) struct Shape {
    /// The schema; kept alive here, so that its address names it.
    pub(in crate::sink) header: Arc<Header>,
    /// The target's name.
    pub(in crate::sink) table: String,
    /// The data columns that the message brings, without those that the target computes itself.
    pub(in crate::sink) columns: Vec<Column>,
    /// Columns of the target that the message does not have.
    pub(in crate::sink) absent: Vec<String>,
    /// Where the id is among the cells.
    pub(in crate::sink) id: usize,
    /// Where the time is.
    pub(in crate::sink) ts: Option<usize>,
    /// Where the op is.
    pub(in crate::sink) op: Option<usize>,
    /// Where the uid is.
    pub(in crate::sink) uid: Option<usize>,
    /// One row a key, or one a change.
    pub(in crate::sink) mode: Mode,
    /// What a delete leaves.
    pub(in crate::sink) delete: Delete,
    /// Whether there is a side table of deleted keys.
    pub(in crate::sink) tombstones: bool,
    /// Rows below this id left the source with a TRUNCATE or DROP.
    pub(in crate::sink) fence: Option<Fence>,
}

/// The newest TRUNCATE or DROP of a source table.
#[derive(Debug, Clone)]
pub(in crate::sink) struct Fence {
    /// The table's name among the fences.
    pub(in crate::sink) source: String,
    /// Its id when the shape was made; it only ever rises.
    pub(in crate::sink) id: i64,
}

/// One data column of a target.
#[derive(Debug, Clone)]
pub(in crate::sink) struct Column {
    /// Its cell.
    pub(in crate::sink) cell: usize,
    /// Its name in the target.
    pub(in crate::sink) name: String,
    /// The type of its cells.
    pub(in crate::sink) ty: Type,
    /// Its type in the target, as the database says it, for those that are told what to read.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code))]
    pub(in crate::sink) declared: String,
    /// Whether it belongs to the key.
    pub(in crate::sink) key: bool,
}

impl Shape {
    /// The key's columns.
    pub(in crate::sink) fn keys(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.key)
    }

    /// Reads what orders a row: its id and op.
    pub(in crate::sink) fn order(&self, cells: &[Cell]) -> Result<(i64, Op)> {
        let id = cells.get(self.id).unwrap_or(&Cell::Null).text()?;
        let id = id.and_then(|text| text.parse::<i64>().ok()).ok_or_else(|| {
            Error::data("column _ums_id_: the cell does not hold a whole number of 64 bits")
        })?;
        // A row without an op is one that exists.
        let Some(cell) = self.op.and_then(|at| cells.get(at)) else { return Ok((id, Op::Insert)) };
        let text = cell.text()?.unwrap_or_default();
        let op = Op::parse(text.as_bytes())
            .ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))?;
        Ok((id, op))
    }

    /// Appends what names the row's key: equal bytes for equal keys.
    pub(in crate::sink) fn push_key(&self, cells: &[Cell], out: &mut Vec<u8>) -> Result<()> {
        for column in self.keys() {
            let text = cells.get(column.cell).unwrap_or(&Cell::Null).text()?;
            let Some(text) = text else {
                return Err(Error::data(format!("key column {} is null", column.name)));
            };
            out.extend_from_slice(text.as_bytes());
            // No text holds this byte.
            out.push(0xff);
        }
        Ok(())
    }
}

/// Rows of one shape for one worker, in stream order.
#[derive(Debug)]
pub(in crate::sink) struct Group {
    /// What they have in common.
    pub(in crate::sink) shape: Arc<Shape>,
    /// The tuples, each with a `]` behind it.
    text: String,
    rows: Vec<Stored>,
    /// In a table of rows: where the newest row of each key is.
    newest: HashMap<Box<[u8]>, usize>,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    start: usize,
    end: usize,
    id: i64,
    op: Op,
    protocol: Protocol,
}

/// One row of a group.
#[derive(Debug, Clone, Copy)]
pub(in crate::sink) struct GroupRow<'a> {
    /// The tuple.
    pub(in crate::sink) row: Row<'a>,
    /// Its id.
    pub(in crate::sink) id: i64,
    /// Its op.
    pub(in crate::sink) op: Op,
    /// What kind of message it came in.
    pub(in crate::sink) protocol: Protocol,
}

impl Group {
    /// An empty one.
    pub(in crate::sink) fn new(shape: &Arc<Shape>) -> Self {
        let (text, rows, newest) = (String::new(), Vec::new(), HashMap::new());
        Self { shape: Arc::clone(shape), text, rows, newest }
    }

    /// Adds a row. Of the rows of one key the greatest id stays, the later of equals: they have the
    /// same columns, so nothing of the others is left to tell.
    ///
    /// False, and nothing added, for a key that comes back after its delete in an image that lacks
    /// columns: it is a new row, which does not keep the old one's values there, so the delete has
    /// to land before it, in a group of its own.
    #[must_use]
    pub(in crate::sink) fn add(&mut self, new: &GroupRow, key: &[u8]) -> bool {
        let GroupRow { row, id, op, protocol } = *new;
        let start = self.text.len();
        let stored = Stored { start, end: start + row.text().len(), id, op, protocol };
        if self.shape.mode == Mode::Upsert {
            match self.newest.entry(key.into()) {
                Entry::Vacant(entry) => {
                    entry.insert(self.rows.len());
                    self.rows.push(stored);
                }
                Entry::Occupied(entry) => match self.rows.get_mut(*entry.get()) {
                    Some(old) if old.id <= id => {
                        let returns = old.op == Op::Delete && op != Op::Delete;
                        if returns && !self.shape.absent.is_empty() {
                            return false;
                        }
                        *old = stored;
                    }
                    _ => return true,
                },
            }
        } else {
            self.rows.push(stored);
        }
        self.text.push_str(row.text());
        self.text.push(']');
        true
    }

    /// How many rows it holds.
    pub(in crate::sink) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of tuples.
    pub(in crate::sink) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Nothing is added any more.
    pub(in crate::sink) fn close(&mut self) {
        self.newest = HashMap::new();
    }

    /// A row by its place.
    pub(in crate::sink) fn get(&self, at: usize) -> Option<GroupRow<'_>> {
        let stored = self.rows.get(at)?;
        let row = Row::new(&self.text, stored.start, stored.end)?;
        Some(GroupRow { row, id: stored.id, op: stored.op, protocol: stored.protocol })
    }

    /// Takes out the rows with smaller ids.
    pub(in crate::sink) fn drop_below(&mut self, id: i64) {
        self.rows.retain(|row| row.id >= id);
    }

    /// Takes a row out.
    pub(in crate::sink) fn remove(&mut self, at: usize) {
        if at < self.rows.len() {
            self.rows.remove(at);
        }
    }
}
