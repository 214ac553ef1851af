//! HOT. One table's rows into messages. Uses `error`, `ums`, `mask`, `mysql`.

use std::io::Write;

use crate::error::{Error, Result};
use crate::mask::{self, Masks};
use crate::mysql::rows::{self, Bitmap, CellRef, Change, RowsEvent};
use crate::mysql::types::Column;
use crate::mysql::value::{CellError, Scratch};
use crate::ums::json::{push_i64, push_u64};
use crate::ums::{Dialect, Field, MessageWriter, Namespace, Op, Protocol, Schema, Type};

/// The cells that start every row of one event, but for its index.
pub struct Stamper {
    /// `","TIME","OP","SERVER.FILE.OFFSET.` for I, U, D and B, in this order.
    middle: [Vec<u8>; 4],
}

impl Stamper {
    /// Room for four texts.
    pub fn new() -> Self {
        Self { middle: Default::default() }
    }

    /// Sets what the rows of an event share. `uid` ends with a dot.
    pub fn set(&mut self, dialect: Dialect, time: &[u8], uid: &[u8]) {
        for (middle, op) in self.middle.iter_mut().zip(*b"IUDB") {
            middle.clear();
            middle.extend_from_slice(b"\",\"");
            middle.extend_from_slice(time);
            middle.extend_from_slice(b"\",\"");
            middle.push(if dialect == Dialect::Dbus { op.to_ascii_lowercase() } else { op });
            middle.extend_from_slice(b"\",\"");
            middle.extend_from_slice(uid);
        }
    }

    /// Writes `_ums_id_`, `_ums_ts_`, `_ums_op_` and `_ums_uid_`. `part` tells the rows apart that
    /// one change is written as.
    #[inline]
    fn push(&self, out: &mut Vec<u8>, op: Op, place: Place, part: Option<u8>) {
        let [insert, update, delete, before] = &self.middle;
        let middle = match op {
            Op::Insert => insert,
            Op::Update => update,
            Op::Delete => delete,
            Op::Before => before,
        };
        out.push(b'"');
        push_i64(out, place.id);
        out.extend_from_slice(middle);
        push_u64(out, place.index);
        out.extend(part);
        out.push(b'"');
    }
}

/// What a row's place says about it.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// `_ums_id_`.
    pub id: i64,
    /// Its number under its stamp.
    pub index: u64,
}

/// Messages of one set of columns.
struct Shape {
    /// The columns that are present, one bit each; all of them when empty.
    present: Vec<u8>,
    writer: MessageWriter,
    mask: Option<mask::Plan>,
}

/// A captured table as one TABLE_MAP describes it.
pub struct Table {
    /// Where its rows are published.
    pub namespace: Namespace,
    columns: Vec<Column>,
    /// Positions of the primary key's columns.
    keys: Vec<usize>,
    key_names: Vec<String>,
    /// For rows with all columns.
    mask: Option<mask::Plan>,
    shapes: Vec<Shape>,
    /// The shape that holds rows; only one at a time, so that rows keep their order.
    active: Option<usize>,
    cells: Vec<CellRef>,
    cells_after: Vec<CellRef>,
}

/// How the rows of a run are written.
#[derive(Debug, Clone, Copy)]
pub struct Writing {
    /// The spelling.
    pub dialect: Dialect,
    /// Rows a message at most.
    pub batch_rows: usize,
    /// Bytes a message at most.
    pub batch_bytes: usize,
    /// Whether images before updates are written.
    pub before: bool,
}

/// What the rows of one event are written with.
pub struct Writer<'a> {
    /// The cells that every row starts with.
    pub stamper: &'a Stamper,
    /// How rows are written.
    pub writing: &'a Writing,
    /// Memory that cells are decoded in.
    pub scratch: &'a mut Scratch,
    /// Where full messages go.
    pub out: &'a mut dyn Write,
    /// What came of it so far.
    pub written: Written,
}

/// The four columns that every message starts with.
pub fn system_fields() -> Vec<Field> {
    [
        ("_ums_id_", Type::Long),
        ("_ums_ts_", Type::Datetime),
        ("_ums_op_", Type::String),
        ("_ums_uid_", Type::String),
    ]
    .map(|(name, ty)| Field {
        name: name.into(),
        ty,
        nullable: false,
        encoded: false,
        origin: None,
    })
    .into()
}

impl Table {
    /// A table with the columns and the key that a plan gave.
    ///
    /// # Errors
    /// `Refused` for masks that do not fit the columns.
    pub fn new(
        namespace: Namespace,
        columns: Vec<Column>,
        keys: Vec<usize>,
        masks: Option<&Masks>,
    ) -> Result<Self> {
        let key_names: Vec<String> =
            keys.iter().filter_map(|k| columns.get(*k)).map(|c| c.field.name.clone()).collect();
        let mask = match masks {
            Some(masks) => {
                let fields: Vec<Field> = columns.iter().map(|c| c.field.clone()).collect();
                let (fields, keys) = (&fields[..], &key_names[..]);
                let table = mask::Table { namespace: &namespace, fields, keys, elsewhere: &[] };
                masks.plan(&table)?
            }
            None => None,
        };
        Ok(Self {
            namespace,
            columns,
            keys,
            key_names,
            mask,
            shapes: Vec::new(),
            active: None,
            cells: Vec::new(),
            cells_after: Vec::new(),
        })
    }

    /// Bytes that wait in a message.
    pub fn waiting(&self) -> usize {
        self.active.and_then(|n| self.shapes.get(n)).map_or(0, |shape| shape.writer.len())
    }

    /// Writes what waits; the answer is its rows.
    pub fn flush(&mut self, out: &mut dyn Write) -> Result<u64> {
        let Some(shape) = self.active.take().and_then(|n| self.shapes.get_mut(n)) else {
            return Ok(0);
        };
        let rows = shape.writer.rows() as u64;
        shape.writer.finish(out).map_err(|error| Error::io("output", error))?;
        Ok(rows)
    }

    /// The messages of the columns in `present` (all of them when `None`), after writing what waits
    /// in messages of other columns.
    fn shape(&mut self, present: Option<&[u8]>, to: &mut Writer) -> Result<usize> {
        let wanted = present.unwrap_or_default();
        if let Some(active) = self.active {
            if self.shapes.get(active).is_some_and(|shape| shape.present == wanted) {
                return Ok(active);
            }
            to.written.add(self.flush(to.out)?);
        }
        let found = self.shapes.iter().position(|shape| shape.present == wanted);
        let index = match found {
            Some(index) => index,
            None => {
                let bits = Bitmap::new(wanted, self.columns.len());
                let has = |n: usize| bits.is_none_or(|bits| bits.get(n));
                let fields = self.columns.iter().enumerate().filter(|(n, _)| has(*n));
                let mut all = system_fields();
                let own = all.len();
                all.extend(fields.map(|(_, column)| column.field.clone()));
                let mask = match &self.mask {
                    Some(mask) => mask.some(has)?,
                    None => None,
                };
                if let Some(mask) = &mask {
                    mask.fields(all.iter_mut().skip(own));
                }
                let names: Vec<&str> = all.iter().map(|f| f.name.as_str()).collect();
                let whole = self.key_names.iter().all(|key| names.contains(&key.as_str()));
                let schema = Schema {
                    namespace: self.namespace.clone(),
                    batch_id: 0,
                    keys: if whole { self.key_names.clone() } else { Vec::new() },
                    fields: all,
                };
                // Statements that change other columns each time make many shapes: keep a few.
                if self.shapes.len() > 64 {
                    self.shapes.clear();
                }
                let writer =
                    MessageWriter::new(Protocol::IncrementData, &schema, to.writing.dialect);
                self.shapes.push(Shape { present: wanted.to_vec(), writer, mask });
                self.shapes.len() - 1
            }
        };
        self.active = Some(index);
        Ok(index)
    }

    /// Writes all rows of an event and counts them in `to`. `place` gives id and index of the nth row
    /// of the event.
    pub fn rows(
        &mut self,
        event: &RowsEvent,
        place: &mut dyn FnMut() -> Place,
        to: &mut Writer,
    ) -> Result<()> {
        if event.columns != self.columns.len() {
            return Err(Error::data(format!(
                "{}: a row event has {} columns, its TABLE_MAP {}",
                self.namespace,
                event.columns,
                self.columns.len()
            )));
        }
        let all = event.first.all();
        let simple = all && event.after.all() && !event.partial_json;
        let mut at = 0usize;
        while at < event.rows.len() {
            let place = place();
            let here = |error: Error| {
                error.at(format_args!("row {} of {}", place.id, change_name(event.change)))
            };
            let start = at;
            at = if simple && (event.change != Change::Update || !to.writing.before) {
                self.full_row(event, at, place, to)
            } else {
                self.any_row(event, at, place, to)
            }
            .map_err(here)?;
            if at <= start {
                return Err(here(self.failed(0, CellError::Malformed)));
            }
            if let Some(shape) = self.active.and_then(|n| self.shapes.get(n))
                && (shape.writer.rows() >= to.writing.batch_rows
                    || shape.writer.len() >= to.writing.batch_bytes)
            {
                to.written.add(self.flush(to.out)?);
            }
        }
        Ok(())
    }

    /// The fast path: images with all columns, the image after written straight from the log.
    fn full_row(
        &mut self,
        event: &RowsEvent,
        at: usize,
        place: Place,
        to: &mut Writer,
    ) -> Result<usize> {
        let rows: &[u8] = &event.rows;
        let mut image = at;
        if event.change == Change::Update {
            image = rows::walk(&self.columns, &event.first, false, rows, at, &mut self.cells)
                .ok_or_else(|| self.failed(0, CellError::Malformed))?;
            if !self.keys.is_empty() {
                let end = rows::walk(
                    &self.columns,
                    &event.after,
                    false,
                    rows,
                    image,
                    &mut self.cells_after,
                )
                .ok_or_else(|| self.failed(0, CellError::Malformed))?;
                if self.key_changed(rows) {
                    self.moved_row(event, place, to)?;
                    return Ok(end);
                }
            }
        }
        let op = match event.change {
            Change::Insert => Op::Insert,
            Change::Update => Op::Update,
            Change::Delete => Op::Delete,
        };
        let shape = match self.active {
            Some(active) if self.shapes.get(active).is_some_and(|s| s.present.is_empty()) => active,
            _ => self.shape(None, to)?,
        };
        let Some(shape) = self.shapes.get_mut(shape) else { return Ok(at) };
        let bytes = shape.writer.begin_row();
        to.stamper.push(bytes, op, place, None);
        let start = bytes.len();
        let image_bytes = rows.get(image..).unwrap_or_default();
        match rows::push_image(&self.columns, &event.after, true, image_bytes, bytes, to.scratch) {
            Ok(used) => {
                if let Some(mask) = &mut shape.mask
                    && let Err(error) = mask.row(bytes, start)
                {
                    shape.writer.abandon_row();
                    return Err(error);
                }
                shape.writer.end_row();
                to.written.count(op);
                Ok(image + used)
            }
            Err((column, error)) => {
                shape.writer.abandon_row();
                Err(self.failed(column, error))
            }
        }
    }

    /// Whether the two walked images differ in a key column.
    fn key_changed(&self, rows: &[u8]) -> bool {
        let bytes = |cell: Option<&CellRef>| match cell {
            Some(CellRef::Value(range)) => rows.get(range.clone()),
            _ => None,
        };
        self.keys.iter().any(|key| {
            let (before, after) = (self.cells.get(*key), self.cells_after.get(*key));
            // A key column that the image after leaves out has not changed.
            !matches!(after, None | Some(CellRef::Absent)) && bytes(before) != bytes(after)
        })
    }

    /// Images that lack columns, hold JSON differences, or are wanted with the image before.
    fn any_row(
        &mut self,
        event: &RowsEvent,
        at: usize,
        place: Place,
        to: &mut Writer,
    ) -> Result<usize> {
        let malformed = |this: &Self| this.failed(0, CellError::Malformed);
        let rows: &[u8] = &event.rows;
        let mut end = rows::walk(&self.columns, &event.first, false, rows, at, &mut self.cells)
            .ok_or_else(|| malformed(self))?;
        if event.change != Change::Update {
            let op = if event.change == Change::Insert { Op::Insert } else { Op::Delete };
            let cells = std::mem::take(&mut self.cells);
            let row = RowParts { op, place, part: None, cells: &cells, before: None };
            let result = self.cells_row(&row, rows, to);
            self.cells = cells;
            return result.map(|()| end);
        }
        let partial = event.partial_json;
        end = rows::walk(&self.columns, &event.after, partial, rows, end, &mut self.cells_after)
            .ok_or_else(|| malformed(self))?;
        if !self.keys.is_empty() && self.key_changed(rows) {
            self.moved_row(event, place, to)?;
            return Ok(end);
        }
        let before = std::mem::take(&mut self.cells);
        let mut after = std::mem::take(&mut self.cells_after);
        let mut result = Ok(());
        if to.writing.before {
            let part = Some(b'b');
            let row = RowParts { op: Op::Before, place, part, cells: &before, before: None };
            result = self.cells_row(&row, rows, to);
        }
        // What the image after leaves out and the one before has, has not changed.
        for (after, before) in after.iter_mut().zip(&before) {
            if *after == CellRef::Absent {
                after.clone_from(before);
            }
        }
        let row =
            RowParts { op: Op::Update, place, part: None, cells: &after, before: Some(&before) };
        result = result.and_then(|()| self.cells_row(&row, rows, to));
        self.cells = before;
        self.cells_after = after;
        result.map(|()| end)
    }

    /// An update that moves a row to another key: a D of the old one and an I of the new one.
    fn moved_row(&mut self, event: &RowsEvent, place: Place, to: &mut Writer) -> Result<()> {
        let rows: &[u8] = &event.rows;
        let before = std::mem::take(&mut self.cells);
        let mut after = std::mem::take(&mut self.cells_after);
        for (after, before) in after.iter_mut().zip(&before) {
            if *after == CellRef::Absent {
                after.clone_from(before);
            }
        }
        let whole = after.iter().all(|cell| *cell != CellRef::Absent);
        let result = if whole {
            let part = Some(b'd');
            let row = RowParts { op: Op::Delete, place, part, cells: &before, before: None };
            self.cells_row(&row, rows, to).and_then(|()| {
                let part = Some(b'i');
                let row =
                    RowParts { op: Op::Insert, place, part, cells: &after, before: Some(&before) };
                self.cells_row(&row, rows, to)
            })
        } else {
            Err(Error::data(format!(
                "{}: an update changes the primary key, and its images lack columns",
                self.namespace
            ))
            .advise("set binlog_row_image=FULL on the server; pull this table anew and start behind this position"))
        };
        self.cells = before;
        self.cells_after = after;
        result
    }

    fn cells_row(&mut self, row: &RowParts, rows: &[u8], to: &mut Writer) -> Result<()> {
        let mut present = vec![0u8; self.columns.len().div_ceil(8)];
        let mut whole = true;
        for (index, cell) in row.cells.iter().enumerate() {
            let has = *cell != CellRef::Absent;
            whole &= has;
            if let Some(byte) = present.get_mut(index / 8).filter(|_| has) {
                *byte |= 1 << (index % 8);
            }
        }
        let present = if whole { None } else { Some(present.as_slice()) };
        let shape = self.shape(present, to)?;
        let Some(shape) = self.shapes.get_mut(shape) else { return Ok(()) };
        let bytes = shape.writer.begin_row();
        to.stamper.push(bytes, row.op, row.place, row.part);
        let start = bytes.len();
        for (index, (column, cell)) in self.columns.iter().zip(row.cells).enumerate() {
            if *cell == CellRef::Absent {
                continue;
            }
            bytes.push(b',');
            let before = row.before.and_then(|cells| cells.get(index));
            if let Err(error) = rows::push_cell(column, cell, before, rows, bytes, to.scratch) {
                shape.writer.abandon_row();
                return Err(self.failed(index, error));
            }
        }
        if let Some(mask) = &mut shape.mask
            && let Err(error) = mask.row(bytes, start)
        {
            shape.writer.abandon_row();
            return Err(error);
        }
        shape.writer.end_row();
        to.written.count(row.op);
        Ok(())
    }

    fn failed(&self, column: usize, error: CellError) -> Error {
        let name = self.columns.get(column).map_or("?", |column| column.field.name.as_str());
        let place = format!("{}, column {name}", self.namespace);
        match error {
            CellError::Malformed => Error::data(format!(
                "{place}: the row image does not match what TABLE_MAP says of the column"
            ))
            .advise("the log may be damaged; --audit names the first bad byte"),
            CellError::BadText(offset) => Error::data(format!(
                "{place}: byte {offset} of the text is not valid in the column's character set"
            ))
            .advise(
                "correct the row at the source, or write U+FFFD instead with --bad-text replace",
            ),
            CellError::BadJson(why) => Error::data(format!("{place}: {why}")),
        }
    }
}

/// One row to be written cell by cell.
struct RowParts<'a> {
    op: Op,
    place: Place,
    part: Option<u8>,
    cells: &'a [CellRef],
    /// The image before, for JSON differences.
    before: Option<&'a [CellRef]>,
}

/// What writing an event led to.
#[derive(Debug, Default, Clone, Copy)]
pub struct Written {
    /// Rows by I, U, D, B.
    pub ops: [u64; 4],
    /// Messages that went out.
    pub messages: u64,
    /// Rows in them.
    pub rows: u64,
}

impl Written {
    fn add(&mut self, rows: u64) {
        self.rows += rows;
        self.messages += u64::from(rows > 0);
    }

    #[inline]
    fn count(&mut self, op: Op) {
        let [insert, update, delete, before] = &mut self.ops;
        *match op {
            Op::Insert => insert,
            Op::Update => update,
            Op::Delete => delete,
            Op::Before => before,
        } += 1;
    }
}

fn change_name(change: Change) -> &'static str {
    match change {
        Change::Insert => "an insert",
        Change::Update => "an update",
        Change::Delete => "a delete",
    }
}
