//! HOT. Row events: which columns an image has, where its cells are, and the images as JSON. Uses
//! `error`, `mysql::{cursor, event, format, json_diff, query, types, value}`.
//!
//! Source: MySQL's "Rows_event" page (versions 0 to 2, and PARTIAL_UPDATE_ROWS) and MariaDB's
//! "Rows_event" with its compressed forms.

use std::borrow::Cow;
use std::ops::Range;

use super::cursor::Cursor;
use super::event::{Event, kind};
use super::format::Format;
use super::json_diff;
use super::query::mariadb_uncompress;
use super::types::{Column, Kind};
use super::value::{self, CellError, Scratch};
use crate::error::{Error, Result};

/// The most bytes a compressed row event may unfold to: the servers' own limit of an event.
const MAX_EVENT: usize = 1 << 30;

/// The last row event of a statement.
pub const FLAG_STATEMENT_END: u16 = 1;

/// What a row event does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Rows with one image.
    Insert,
    /// Rows with an image before and one after.
    Update,
    /// Rows with one image.
    Delete,
}

/// One bit a column, the first column in the lowest bit of the first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bitmap<'a> {
    bytes: &'a [u8],
    len: usize,
}

impl<'a> Bitmap<'a> {
    /// The bits of `len` columns; `None` when there are too few bytes.
    pub fn new(bytes: &'a [u8], len: usize) -> Option<Self> {
        (bytes.len() >= len.div_ceil(8)).then_some(Self { bytes, len })
    }

    /// Whether the bit is set; false past the end.
    #[inline]
    pub fn get(&self, index: usize) -> bool {
        self.bytes.get(index >> 3).is_some_and(|byte| byte >> (index & 7) & 1 == 1)
    }

    /// How many bits are set.
    pub fn count(&self) -> usize {
        (0..self.len).filter(|index| self.get(*index)).count()
    }

    /// Whether all are set.
    pub fn all(&self) -> bool {
        self.count() == self.len
    }
}

/// The type codes of row events, old and new, plain and compressed.
pub fn change(kind: u8) -> Option<Change> {
    match kind {
        kind::WRITE_ROWS_V0
        | kind::WRITE_ROWS_V1
        | kind::WRITE_ROWS
        | kind::MARIADB_WRITE_ROWS_COMPRESSED_V1
        | kind::MARIADB_WRITE_ROWS_COMPRESSED => Some(Change::Insert),
        kind::UPDATE_ROWS_V0
        | kind::UPDATE_ROWS_V1
        | kind::UPDATE_ROWS
        | kind::PARTIAL_UPDATE_ROWS
        | kind::MARIADB_UPDATE_ROWS_COMPRESSED_V1
        | kind::MARIADB_UPDATE_ROWS_COMPRESSED => Some(Change::Update),
        kind::DELETE_ROWS_V0
        | kind::DELETE_ROWS_V1
        | kind::DELETE_ROWS
        | kind::MARIADB_DELETE_ROWS_COMPRESSED_V1
        | kind::MARIADB_DELETE_ROWS_COMPRESSED => Some(Change::Delete),
        _ => None,
    }
}

/// The table id and the flags at the start of a row event.
pub fn peek(event: &Event, format: &Format) -> Option<(u64, u16)> {
    let mut cursor = Cursor::new(event.body);
    Some((cursor.uint(format.table_id_len(event.header.kind))?, cursor.u16()?))
}

/// The head of a row event, and the bytes of its rows.
#[derive(Debug, Clone)]
pub struct RowsEvent<'a> {
    /// What it does.
    pub change: Change,
    /// The id that its TABLE_MAP gave.
    pub table_id: u64,
    /// [`FLAG_STATEMENT_END`] and others.
    pub flags: u16,
    /// How many columns the table had.
    pub columns: usize,
    /// The columns in the first (or only) image of a row.
    pub first: Bitmap<'a>,
    /// The columns in the image after an update; the same as `first` elsewhere.
    pub after: Bitmap<'a>,
    /// Whether images after may hold JSON differences.
    pub partial_json: bool,
    /// The images, one behind the other; unfolded if the event was compressed.
    pub rows: Cow<'a, [u8]>,
}

impl<'a> RowsEvent<'a> {
    /// Reads the head. `None` for events that are not row events.
    pub fn parse(event: &Event<'a>, format: &Format) -> Result<Option<Self>> {
        let Some(change) = change(event.header.kind) else { return Ok(None) };
        let malformed = || Error::data("a row event is malformed");
        let mut this = Self::head(event, format, change).ok_or_else(malformed)?;
        if event.header.kind >= kind::MARIADB_WRITE_ROWS_COMPRESSED_V1 {
            this.rows = Cow::Owned(mariadb_uncompress(&this.rows, MAX_EVENT)?);
        }
        Ok(Some(this))
    }

    fn head(event: &Event<'a>, format: &Format, change: Change) -> Option<Self> {
        let kind = event.header.kind;
        let mut cursor = Cursor::new(event.body);
        let table_id = cursor.uint(format.table_id_len(kind))?;
        let flags = cursor.u16()?;
        let extended = matches!(
            kind,
            kind::WRITE_ROWS | kind::UPDATE_ROWS | kind::DELETE_ROWS | kind::PARTIAL_UPDATE_ROWS
        ) || kind >= kind::MARIADB_WRITE_ROWS_COMPRESSED;
        if extended {
            // The length counts its own two bytes.
            let extra = usize::from(cursor.u16()?).checked_sub(2)?;
            cursor.take(extra)?;
        }
        let columns = usize::try_from(cursor.lenenc()?).ok()?;
        let first = Bitmap::new(cursor.take(columns.div_ceil(8))?, columns)?;
        let after = match change {
            Change::Update => Bitmap::new(cursor.take(columns.div_ceil(8))?, columns)?,
            _ => first,
        };
        let partial_json = kind == kind::PARTIAL_UPDATE_ROWS;
        let rows = Cow::Borrowed(cursor.rest());
        Some(Self { change, table_id, flags, columns, first, after, partial_json, rows })
    }
}

/// One cell of an image that has been walked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CellRef {
    /// The image does not have the column.
    #[default]
    Absent,
    /// SQL NULL.
    Null,
    /// The cell's bytes, length prefix included, as a range of the event's rows.
    Value(Range<usize>),
    /// A JSON difference against the image before, its length prefix included.
    Difference(Range<usize>),
}

/// Appends the image at the start of `image` as JSON cells, a comma before each. All columns that
/// are not in `present` are left out. The answer is the image's length, or the column that failed.
#[inline]
pub fn push_image(
    columns: &[Column],
    present: &Bitmap,
    all: bool,
    image: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<usize, (usize, CellError)> {
    let count = if all { columns.len() } else { present.count() };
    let (nulls, mut rest) =
        image.split_at_checked(count.div_ceil(8)).ok_or((0, CellError::Malformed))?;
    let mut nth = 0usize;
    for (index, column) in columns.iter().enumerate() {
        if !all && !present.get(index) {
            continue;
        }
        out.push(b',');
        let null = nulls.get(nth >> 3).is_some_and(|byte| byte >> (nth & 7) & 1 == 1);
        nth += 1;
        if null {
            out.extend_from_slice(b"null");
            continue;
        }
        let used = value::push(&column.kind, rest, out, scratch).map_err(|error| (index, error))?;
        rest = rest.get(used..).ok_or((index, CellError::Malformed))?;
    }
    Ok(image.len() - rest.len())
}

/// Finds the cells of the image that starts at `start` of `rows`; the answer is where it ends.
/// `partial_json`: the image is one after an update of a PARTIAL_UPDATE_ROWS event.
pub fn walk(
    columns: &[Column],
    present: &Bitmap,
    partial_json: bool,
    rows: &[u8],
    start: usize,
    cells: &mut Vec<CellRef>,
) -> Option<usize> {
    let image = rows.get(start..)?;
    let mut cursor = Cursor::new(image);
    let mut differences = Bitmap::new(&[], 0)?;
    if partial_json && cursor.lenenc()? & 1 == 1 {
        let documents = columns.iter().filter(|c| matches!(c.kind, Kind::Json(_))).count();
        differences = Bitmap::new(cursor.take(documents.div_ceil(8))?, documents)?;
    }
    let nulls = Bitmap::new(cursor.take(present.count().div_ceil(8))?, present.count())?;
    cells.clear();
    let (mut nth, mut document) = (0usize, 0usize);
    for (index, column) in columns.iter().enumerate() {
        // One bit a JSON column of the table, whether the image has the column or not.
        let mut difference = false;
        if matches!(column.kind, Kind::Json(_)) {
            difference = differences.get(document);
            document += 1;
        }
        if !present.get(index) {
            cells.push(CellRef::Absent);
            continue;
        }
        let null = nulls.get(nth);
        nth += 1;
        if null {
            cells.push(CellRef::Null);
            continue;
        }
        let from = start + (image.len() - cursor.rest().len());
        let len = value::length(&column.kind, cursor.rest())?;
        cursor.take(len)?;
        let range = from..from + len;
        cells.push(if difference { CellRef::Difference(range) } else { CellRef::Value(range) });
    }
    Some(start + (image.len() - cursor.rest().len()))
}

/// Appends one walked cell as JSON. `before` is the same column's cell of the image before.
pub fn push_cell(
    column: &Column,
    cell: &CellRef,
    before: Option<&CellRef>,
    rows: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<(), CellError> {
    match cell {
        CellRef::Absent => Err(CellError::Malformed),
        CellRef::Null => {
            out.extend_from_slice(b"null");
            Ok(())
        }
        CellRef::Value(range) => {
            let bytes = rows.get(range.clone()).ok_or(CellError::Malformed)?;
            value::push(&column.kind, bytes, out, scratch).map(|_| ())
        }
        CellRef::Difference(range) => {
            let Some(CellRef::Value(before)) = before else {
                return Err(CellError::BadJson(
                    "the log holds only a difference and no document before it; set binlog_row_image=FULL or empty binlog_row_value_options"
                        .to_owned(),
                ));
            };
            let Kind::Json(width) = column.kind else { return Err(CellError::Malformed) };
            let body = |range: &Range<usize>, prefix: usize| {
                rows.get(range.clone()).and_then(|b| b.get(prefix..)).ok_or(CellError::Malformed)
            };
            let document = body(before, usize::from(width))?;
            let differences = body(range, usize::from(width))?;
            let text = json_diff::apply(document, differences)
                .map_err(|error| CellError::BadJson(error.to_string()))?;
            crate::ums::json::push_string(out, &text);
            Ok(())
        }
    }
}

/// How many rows the event has, walking each; `None` when an image is malformed.
pub fn count(event: &RowsEvent, columns: &[Column]) -> Option<u64> {
    let mut cells = Vec::new();
    let (mut at, mut rows) = (0usize, 0u64);
    while at < event.rows.len() {
        let start = at;
        at = walk(columns, &event.first, false, &event.rows, at, &mut cells)?;
        if event.change == Change::Update {
            at = walk(columns, &event.after, event.partial_json, &event.rows, at, &mut cells)?;
        }
        // A table without columns in its images would never end.
        (at > start).then_some(())?;
        rows += 1;
    }
    Some(rows)
}
