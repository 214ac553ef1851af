//! One Parquet file in the making: rows gather in columns and leave as row groups, so that memory is
//! bounded by the row group whatever the file's size. Uses `error` and `ums`. Hot in `append`.

mod merge;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::column::Column;
use super::group;
use super::metadata::metadata;
use super::schema::{Form, Identity, Layout};
use super::uids::Change;
use crate::error::{Error, Result};
use crate::ums::Cell;

pub use merge::{Shape, Source, merge};

/// Rows of a row group. DuckDB hands one to a thread and wants 100,000 rows or more in it (122,880
/// are its own unit); more would leave threads idle over a file of the usual million.
const GROUP_ROWS: usize = 128 * 1024;
/// Bytes of a row group in memory, where rows are long. Spark cuts files at 128 MiB and gives a row
/// group to the task whose piece has its middle, so one should be clearly below that when it is
/// compressed, and a task holds it whole when it is not.
const GROUP_BYTES: usize = 64 << 20;
/// A dictionary that grows beyond this has too few repetitions to be worth its hashing.
const DICTIONARY_BYTES: usize = 256 << 10;
/// Compressed better by a tenth than at 1, and still faster than the disks it goes to.
const ZSTD_LEVEL: i32 = 3;

/// What is inside a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The least and the greatest `_ums_id_`.
    pub ids: (i64, i64),
    /// The least and the greatest `_ums_ts_`, in microseconds since 1970-01-01 UTC.
    pub times: (i64, i64),
    /// Rows.
    pub rows: u64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the file.
    Yes,
    /// It is not, and cannot be: it needs a companion column that this file's schema, which is on
    /// its way out already, does not have. It fits into a new file.
    NeedsNewFile,
}

/// A file in the making.
pub struct FileWriter<W: Write + Send> {
    layout: Arc<Layout>,
    columns: Vec<Column>,
    /// By the index of the column whose values they spell out.
    companions: BTreeMap<usize, Column>,
    /// Rows in memory.
    rows: usize,
    span: Option<Span>,
    /// Present from the first row group on; from then on the schema is fixed.
    out: Option<SerializedFileWriter<W>>,
}

impl<W: Write + Send> FileWriter<W> {
    /// A file without rows. Nothing is written yet.
    pub fn new(layout: Arc<Layout>) -> Self {
        let columns = layout.columns.iter().map(|(_, form)| Column::new(*form)).collect();
        Self { layout, columns, companions: BTreeMap::new(), rows: 0, span: None, out: None }
    }

    /// Leaves an empty file of the same columns in this one's place.
    pub fn replace(&mut self) -> Self {
        let empty = Self::new(Arc::clone(&self.layout));
        std::mem::replace(self, empty)
    }

    /// The columns of the file.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// What is inside; `None` while there is no row.
    pub fn span(&self) -> Option<Span> {
        self.span
    }

    /// Bytes of memory that the rows take.
    pub fn memory(&self) -> usize {
        let columns = self.columns.iter().map(Column::memory).sum::<usize>();
        columns + self.companions.values().map(Column::memory).sum::<usize>()
    }

    /// Whether the rows in memory make a whole row group.
    pub fn is_group(&self) -> bool {
        self.rows >= GROUP_ROWS || self.memory() >= GROUP_BYTES
    }

    /// Whether some rows have left memory.
    pub fn has_spilled(&self) -> bool {
        self.out.is_some()
    }

    /// Calls back for each row in memory.
    pub fn changes(&self, mut each: impl FnMut(Change)) {
        let column = |wanted: Form| {
            let index = self.layout.columns.iter().position(|(_, form)| *form == wanted);
            index.and_then(|index| self.columns.get(index)).into_iter().flat_map(Column::texts)
        };
        for (uid, op) in column(Form::Uid).zip(column(Form::Op)) {
            each(Change::new(uid, op));
        }
    }

    /// Appends a row. After an error, as after `NeedsNewFile`, the file is as it was before.
    pub fn append(&mut self, identity: &Identity, cells: &[Cell]) -> Result<Appended> {
        if cells.len() != self.columns.len() {
            return Err(Error::data(format!(
                "row {}: {} cells where the schema has {} fields",
                identity.id,
                cells.len(),
                self.columns.len()
            )));
        }
        match self.push(identity, cells) {
            Ok(Appended::Yes) => {}
            other => {
                let rows = self.rows;
                self.columns.iter_mut().for_each(|column| column.truncate(rows));
                self.companions.values_mut().for_each(|column| column.truncate(rows));
                return other.map_err(|error| error.at(format_args!("row {}", identity.id)));
            }
        }
        self.rows += 1;
        let span = self.span.get_or_insert(Span {
            ids: (identity.id, identity.id),
            times: (identity.ts, identity.ts),
            rows: 0,
        });
        span.ids = (span.ids.0.min(identity.id), span.ids.1.max(identity.id));
        span.times = (span.times.0.min(identity.ts), span.times.1.max(identity.ts));
        span.rows += 1;
        Ok(Appended::Yes)
    }

    fn push(&mut self, identity: &Identity, cells: &[Cell]) -> Result<Appended> {
        for (index, (column, cell)) in self.columns.iter_mut().zip(cells).enumerate() {
            if column.push(cell, identity)? {
                continue;
            }
            if self.out.is_some() && !self.companions.contains_key(&index) {
                return Ok(Appended::NeedsNewFile);
            }
            let companion = self.companions.entry(index).or_insert_with(|| Column::new(Form::Text));
            companion.fill(self.rows);
            match cell.text()? {
                Some(text) => companion.push_text(&text),
                None => companion.push_null(),
            }
        }
        Ok(Appended::Yes)
    }

    /// Writes the rows in memory as a row group; `create` is asked for the place at the first one.
    pub fn write_group(&mut self, create: impl FnOnce() -> Result<W>) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let out = match &mut self.out {
            Some(out) => out,
            empty => {
                let texts: Vec<usize> = self.companions.keys().copied().collect();
                let out = start(&self.layout, &texts, create()?).map_err(cannot_write)?;
                empty.insert(out)
            }
        };
        let rows = std::mem::take(&mut self.rows);
        self.companions.values_mut().for_each(|column| column.fill(rows));
        let columns = self.columns.iter_mut().chain(self.companions.values_mut());
        group::write(out, columns.collect()).map_err(cannot_write)
    }

    /// Writes what is left and the footer; gives back the place, or nothing when no row came.
    pub fn finish(mut self, create: impl FnOnce() -> Result<W>) -> Result<Option<(W, Span)>> {
        self.write_group(create)?;
        match (self.out, self.span) {
            (Some(out), Some(span)) => {
                let place = out.into_inner().map_err(cannot_write)?;
                Ok(Some((place, span)))
            }
            _ => Ok(None),
        }
    }
}

fn start<W: Write + Send>(
    layout: &Layout,
    texts: &[usize],
    place: W,
) -> Result<SerializedFileWriter<W>, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_created_by(concat!("dws ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(metadata(layout, texts)))
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        // Row groups are what readers skip by; page indexes pay for the ordering columns alone.
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for (name, form) in &layout.columns {
        let column = ColumnPath::new(vec![name.clone()]);
        // What names a row rises or differs in every row: a dictionary would be work for nothing.
        let names_a_row = matches!(form, Form::Id | Form::Ts | Form::Uid)
            || layout.schema().keys.iter().any(|key| key == name);
        if names_a_row {
            properties = properties.set_column_dictionary_enabled(column.clone(), false);
        }
        if matches!(form, Form::Id | Form::Ts) {
            properties =
                properties.set_column_statistics_enabled(column.clone(), EnabledStatistics::Page);
        }
        if let Some(encoding) = encoding(*form) {
            properties = properties.set_column_encoding(column, encoding);
        }
    }
    let properties = properties.build();
    SerializedFileWriter::new(place, layout.parquet(texts)?, Arc::new(properties))
}

/// The encoding where no dictionary is used, or where it has grown too large. Spark reads these
/// from 3.3 on.
fn encoding(form: Form) -> Option<Encoding> {
    match form {
        Form::Uid => Some(Encoding::DELTA_BYTE_ARRAY),
        Form::Id
        | Form::Ts
        | Form::Int
        | Form::Long
        | Form::Date
        | Form::Datetime { .. }
        | Form::Decimal32 { .. }
        | Form::Decimal64 { .. } => Some(Encoding::DELTA_BINARY_PACKED),
        _ => None,
    }
}

fn cannot_write(error: ParquetError) -> Error {
    let text = match &error {
        ParquetError::External(cause) => cause.to_string(),
        other => other.to_string(),
    };
    let full = match &error {
        ParquetError::External(cause) => cause.downcast_ref::<std::io::Error>(),
        _ => None,
    };
    let full = full.is_some_and(|cause| cause.kind() == std::io::ErrorKind::StorageFull);
    let failed = Error::unreachable(format!("a Parquet file cannot be written: {text}"));
    let failed = failed.caused_by(error);
    if full { failed.advise("make room there and start again") } else { failed }
}
