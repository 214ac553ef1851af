//! A file of the log for reading: what its rows were as messages, and its row groups, step by step.
//! Uses `error` and `ums`. Not hot itself; the cells are in `cells.rs`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use parquet::basic::Type as Physical;
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;

use super::cells::{Cells, NUMERIC_TEXT};
use super::schema::{Form, Layout};
use crate::error::{Error, Result};
use crate::ums::{Decoder, Op, Schema, Type};

/// Bytes of values that a step aims at.
const STEP_BYTES: u64 = 2 << 20;
/// Rows of a step at most; above it a step gains nothing.
const STEP_ROWS: u64 = 4096;
/// A row group that is larger on disk is no file of ours.
const MAX_CHUNK: u64 = 2 << 30;

/// An open file.
pub struct LogFile {
    file: Arc<File>,
    metadata: ParquetMetaData,
    layout: Layout,
    /// For each field the index of its companion among the columns, if it has one.
    companions: Vec<Option<usize>>,
}

/// A row group, as the end of its file describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// Rows.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The least and the greatest `_ums_id_`, where the file says them.
    pub ids: Option<(i64, i64)>,
    /// The least and the greatest `_ums_ts_` in microseconds, where the file says them.
    pub times: Option<(i64, i64)>,
}

/// Positions of the system columns among the fields.
#[derive(Debug, Clone, Copy)]
pub struct SystemFields {
    /// `_ums_id_`
    pub id: usize,
    /// `_ums_ts_`
    pub ts: usize,
    /// `_ums_op_`
    pub op: usize,
    /// `_ums_uid_`
    pub uid: usize,
}

impl LogFile {
    /// Reads the end of a file.
    ///
    /// # Errors
    /// `Data` for a file that is damaged or none of this log, `Unreachable` when it cannot be read.
    pub fn open(file: File) -> Result<Self> {
        let file = Arc::new(file);
        let whole = Piece::whole(Arc::clone(&file));
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&whole).map_err(damaged)?;
        let entry = |key: &str| -> Result<&str> {
            let entries = metadata.file_metadata().key_value_metadata();
            let found = entries.into_iter().flatten().find(|entry| entry.key == key);
            found.and_then(|entry| entry.value.as_deref()).ok_or_else(|| {
                Error::data(format!("the file's metadata have no {key}"))
                    .advise("only files that ums-sink parquet: has written can be given back")
            })
        };
        let schema = read_schema(entry("ums.fields")?)?;
        let texts: serde_json::Value = serde_json::from_str(entry("ums.text")?)
            .map_err(|error| Error::data("the metadata ums.text are no JSON").caused_by(error))?;
        let layout = Layout::new(schema)?;
        let described = metadata.file_metadata().schema_descr();
        let named = |name: &str| described.columns().iter().position(|c| c.name() == name);
        let mut companions = Vec::with_capacity(layout.columns.len());
        for (index, (name, form)) in layout.columns.iter().enumerate() {
            let fits = described.columns().get(index).is_some_and(|column| {
                column.name() == name
                    && column.max_rep_level() == 0
                    && column.max_def_level() == i16::from(!form.is_system())
                    && (column.physical_type() != Physical::FIXED_LEN_BYTE_ARRAY
                        || (1..=16).contains(&column.type_length()))
            });
            if !fits {
                return Err(Error::data(format!(
                    "the column {name} is not what the file's metadata say"
                )));
            }
            let companion = texts.get(name).and_then(serde_json::Value::as_str).map(|text| {
                named(text).ok_or_else(|| Error::data(format!("the column {text} is missing")))
            });
            companions.push(companion.transpose()?);
        }
        Ok(Self { file, metadata, layout, companions })
    }

    /// What the rows were as messages; the system columns in our own spelling.
    pub fn schema(&self) -> Schema {
        let mut schema = self.layout.schema().clone();
        for (field, (name, _)) in schema.fields.iter_mut().zip(&self.layout.columns) {
            field.name.clone_from(name);
        }
        schema
    }

    /// Where the system columns stand.
    pub fn system(&self) -> SystemFields {
        let (id, ts, op, uid) = self.layout.system();
        SystemFields { id, ts, op, uid }
    }

    /// The row groups in their order.
    pub fn groups(&self) -> Vec<Group> {
        let system = self.system();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let groups = self.metadata.row_groups().iter();
        groups
            .map(|group| {
                let range = |index: usize| match group.columns().get(index)?.statistics()? {
                    Statistics::Int64(values) => Some((*values.min_opt()?, *values.max_opt()?)),
                    _ => None,
                };
                Group {
                    rows: count(group.num_rows()),
                    bytes: count(group.compressed_size()),
                    ids: range(system.id),
                    times: range(system.ts),
                }
            })
            .collect()
    }

    /// Opens a row group for reading `fields`, by their positions.
    pub fn read(&self, group: usize, fields: &[usize]) -> Result<GroupReader> {
        self.open_group(group, fields).map_err(damaged)
    }

    fn open_group(&self, group: usize, fields: &[usize]) -> Result<GroupReader, ParquetError> {
        let missing = || ParquetError::General("a column is missing".to_owned());
        let found = self.metadata.row_groups().get(group);
        let about = found.ok_or_else(|| ParquetError::General("a row group is missing".into()))?;
        let rows = u64::try_from(about.num_rows()).unwrap_or(0);
        let bytes = u64::try_from(about.total_byte_size()).unwrap_or(0);
        let described = self.metadata.file_metadata().schema_descr();
        let open = |index: usize| {
            let chunk = about.columns().get(index).ok_or_else(missing)?;
            let (start, length) = chunk.byte_range();
            let piece = Piece::read(&self.file, start, length)?;
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            let pages = SerializedPageReader::new(Arc::new(piece), chunk, rows, None)?;
            Ok::<_, ParquetError>(get_column_reader(described.column(index), Box::new(pages)))
        };
        let mut columns = Vec::with_capacity(fields.len());
        for &index in fields {
            let (_, form) = self.layout.columns.get(index).ok_or_else(missing)?;
            let field = self.layout.schema().fields.get(index).ok_or_else(missing)?;
            let digits = match form {
                Form::Ts => 6,
                Form::Datetime { .. } => fraction_digits(field.origin.as_deref()),
                Form::Text if field.ty == Type::Decimal => NUMERIC_TEXT,
                _ => 0,
            };
            let companion = match self.companions.get(index).copied().flatten() {
                Some(at) => Some(Cells::new(Form::Text, 0, true, open(at)?, None)?),
                None => None,
            };
            columns.push(Cells::new(*form, digits, !form.is_system(), open(index)?, companion)?);
        }
        let step = (STEP_BYTES.saturating_mul(rows) / bytes.max(1)).clamp(16, STEP_ROWS);
        Ok(GroupReader { columns, left: rows, step })
    }
}

/// Some columns of a row group, a step of rows at a time.
pub struct GroupReader {
    columns: Vec<Cells>,
    left: u64,
    step: u64,
}

impl GroupReader {
    /// How many rows the next step has; 0 at the end.
    pub fn ahead(&self) -> usize {
        usize::try_from(self.left.min(self.step)).unwrap_or(0)
    }

    /// Reads the next step; gives its rows, 0 at the end.
    pub fn advance(&mut self) -> Result<usize> {
        let rows = self.ahead();
        self.columns.iter_mut().try_for_each(|column| column.read(rows)).map_err(damaged)?;
        self.left -= rows as u64;
        Ok(rows)
    }

    /// Passes over the next step; gives its rows.
    pub fn skip(&mut self) -> Result<usize> {
        let rows = self.ahead();
        self.columns.iter_mut().try_for_each(|column| column.skip(rows)).map_err(damaged)?;
        self.left -= rows as u64;
        Ok(rows)
    }

    /// Appends all cells of a row of the step as JSON, with commas between. Gives where the cell of
    /// the column `mark` is.
    #[inline]
    pub fn push_row(&self, row: usize, mark: usize, out: &mut Vec<u8>) -> Result<(usize, usize)> {
        let mut marked = (0, 0);
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let start = out.len();
            if !column.push_json(row, out) {
                return Err(Error::data("a text in the file is not UTF-8"));
            }
            if index == mark {
                marked = (start, out.len());
            }
        }
        Ok(marked)
    }

    /// The bytes of a row's value of a system column of text.
    #[inline]
    pub fn text(&self, column: usize, row: usize) -> &[u8] {
        self.columns.get(column).map_or(&[], |column| column.text(row))
    }

    /// The numbers of a system column, row by row.
    pub fn longs(&self, column: usize) -> &[i64] {
        self.columns.get(column).map_or(&[], Cells::longs)
    }

    /// The op of a row.
    #[inline]
    pub fn op(&self, column: usize, row: usize) -> Result<Op> {
        let text = self.columns.get(column).map_or(&[][..], |column| column.text(row));
        Op::parse(text).ok_or_else(|| Error::data("a row's _ums_op_ is none"))
    }

    /// Appends what the row's value is told from others by, whatever its column's type.
    #[inline]
    pub fn push_key(&self, column: usize, row: usize, out: &mut Vec<u8>) {
        if let Some(column) = self.columns.get(column) {
            column.push_key(row, out);
        }
    }
}

/// Reads the whole schema object that a file carries.
fn read_schema(fields: &str) -> Result<Arc<crate::ums::decode::Header>> {
    let message = format!(
        "{{\"protocol\":{{\"type\":\"data_batch_data\"}},\"schema\":{fields},\"payload\":[]}}"
    );
    let message = Decoder::default().decode(message.as_bytes()).map(|read| read.header);
    message.map_err(|error| error.at("the metadata ums.fields"))
}

/// Digits behind the second that a declared type has; six when nothing is declared.
fn fraction_digits(origin: Option<&str>) -> u8 {
    let Some(origin) = origin else { return 6 };
    let Some((_, rest)) = origin.split_once('(') else { return 0 };
    rest.split(')').next().and_then(|digits| digits.trim().parse().ok()).unwrap_or(6)
}

fn damaged(error: ParquetError) -> Error {
    let text = match &error {
        ParquetError::External(cause) => match cause.downcast_ref::<std::io::Error>() {
            // The system's own; what does not unpack is an I/O error to its crate, too.
            Some(cause) if cause.raw_os_error().is_some() => {
                return Error::unreachable(format!("cannot be read: {cause}"));
            }
            _ => error.to_string(),
        },
        _ => error.to_string(),
    };
    Error::data(format!("no whole Parquet file: {text}"))
        .advise("move it away if it is damaged; its rows come again from an earlier position")
}

/// A stretch of a file: all of it, read when asked, or a column chunk, which one read gave. Nothing
/// moves the file's own offset, so that threads can share it.
struct Piece {
    file: Option<Arc<File>>,
    start: u64,
    bytes: Bytes,
    length: u64,
}

impl Piece {
    fn whole(file: Arc<File>) -> Self {
        let length = file.metadata().map_or(0, |about| about.len());
        Self { file: Some(file), start: 0, bytes: Bytes::new(), length }
    }

    fn read(file: &File, start: u64, length: u64) -> Result<Self, ParquetError> {
        if length > MAX_CHUNK {
            return Err(ParquetError::General("a column chunk is too long".to_owned()));
        }
        let bytes = read_at(file, start, usize::try_from(length).unwrap_or(0))?;
        Ok(Self { file: None, start, bytes, length: start.saturating_add(length) })
    }
}

fn read_at(file: &File, start: u64, length: usize) -> Result<Bytes, ParquetError> {
    let size = file.metadata()?.len();
    if start.checked_add(length as u64).is_none_or(|end| end > size) {
        return Err(ParquetError::EOF("the file is shorter than it says".to_owned()));
    }
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes.into())
}

impl Length for Piece {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Piece {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let length = self.length.saturating_sub(start);
        Ok(self.get_bytes(start, usize::try_from(length).unwrap_or(0))?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if let Some(file) = &self.file {
            return read_at(file, start, length);
        }
        let short = || ParquetError::EOF("a page reaches beyond its column chunk".to_owned());
        let from = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let from = from.ok_or_else(short)?;
        let to = from.checked_add(length).filter(|to| *to <= self.bytes.len());
        Ok(self.bytes.slice(from..to.ok_or_else(short)?))
    }
}
