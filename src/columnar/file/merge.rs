//! Several files of the same columns into one: typed values are copied, column by column, and their
//! rows keep their order. Uses `error` and `ums`. Warm; the values pass in `column/refill.rs`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;

use super::{FileWriter, Span, cannot_write, start};
use crate::columnar::column::Column;
use crate::columnar::schema::{Form, Layout};
use crate::error::{Error, Result};
use crate::ums::Decoder;
use crate::ums::decode::Header;

/// Rows copied at once, of each column in turn.
const STEP: usize = 8192;

/// A stored file as far as its end describes it.
pub struct Source {
    /// Where it is, for messages.
    place: String,
    reader: SerializedFileReader<File>,
    layout: Layout,
    /// The columns that have a companion.
    texts: BTreeSet<usize>,
}

/// What has to be alike in files that become one.
#[derive(Debug, Clone)]
pub struct Shape {
    layout: Arc<Layout>,
    texts: BTreeSet<usize>,
}

impl Source {
    /// Reads the end of a file that this log has written; `place` is its name in messages.
    ///
    /// # Errors
    /// `Data` for a file that is damaged, cut short, or not this log's.
    pub fn open(file: File, place: impl Into<String>) -> Result<Self> {
        let place = place.into();
        Self::read(file, place.clone()).map_err(|error| error.at(place))
    }

    fn read(file: File, place: String) -> Result<Self> {
        let reader = SerializedFileReader::new(file).map_err(damaged)?;
        let entries = reader.metadata().file_metadata().key_value_metadata();
        let entry = |key: &str| {
            let found = entries.into_iter().flatten().find(|entry| entry.key == key);
            found.and_then(|entry| entry.value.as_deref()).ok_or_else(|| {
                Error::data(format!("the file's metadata have no {key}"))
                    .advise("move the file away: it is none of this log's")
            })
        };
        let layout = Layout::new(header(entry("ums.fields")?)?)?;
        let companions: serde_json::Value = serde_json::from_str(entry("ums.text")?)
            .map_err(|error| Error::data("the metadata ums.text are no JSON").caused_by(error))?;
        let has = |(_, (name, _)): &(usize, &(String, Form))| companions.get(name).is_some();
        let texts = layout.columns.iter().enumerate().filter(has).map(|(index, _)| index).collect();
        Ok(Self { place, reader, layout, texts })
    }

    /// Rows.
    pub fn rows(&self) -> u64 {
        u64::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// What other files have to be like to become one with it.
    pub fn shape(self) -> Shape {
        Shape { layout: Arc::new(self.layout), texts: self.texts }
    }

    /// Writes a file of the same columns and metadata without rows.
    pub fn empty<W: Write + Send>(&self, place: W) -> Result<W> {
        let texts: Vec<usize> = self.texts.iter().copied().collect();
        let out = start(&self.layout, &texts, place).map_err(cannot_write)?;
        out.into_inner().map_err(cannot_write)
    }
}

impl Shape {
    /// Whether the files have the same namespace, fields and keys; companions may differ.
    pub fn fits(&self, other: &Self) -> bool {
        self.layout.fits(other.layout.header())
    }

    /// Takes over the companions of a file that fits.
    pub fn join(&mut self, other: &Self) {
        self.texts.extend(&other.texts);
    }
}

/// Writes the rows of `sources`, all of which fit `shape` and bring no companion that it lacks, into
/// one file, in their order. Nothing when they have no row.
pub fn merge<W: Write + Send>(
    shape: &Shape,
    sources: impl Iterator<Item = Result<Source>>,
    mut create: impl FnMut() -> Result<W>,
) -> Result<Option<(W, Span)>> {
    let mut out = FileWriter::new(Arc::clone(&shape.layout));
    let companion = |&index: &usize| (index, Column::new(Form::Text));
    out.companions = shape.texts.iter().map(companion).collect();
    for source in sources {
        let source = source?;
        for group in 0..source.reader.num_row_groups() {
            out.take_group(group, &source, &mut create)?;
        }
    }
    out.finish(create)
}

impl<W: Write + Send> FileWriter<W> {
    fn take_group(
        &mut self,
        group: usize,
        source: &Source,
        create: &mut impl FnMut() -> Result<W>,
    ) -> Result<()> {
        let damaged = |error| damaged(error).at(&source.place);
        let group = source.reader.get_row_group(group).map_err(damaged)?;
        let mut readers =
            Readers::open(group.as_ref(), &source.layout, &source.texts).map_err(damaged)?;
        let mut left = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
        while left > 0 {
            let rows = left.min(STEP);
            self.take_rows(&mut readers, rows).map_err(damaged)?;
            left -= rows;
            if self.is_group() {
                self.write_group(&mut *create)?;
            }
        }
        Ok(())
    }

    fn take_rows(&mut self, readers: &mut Readers, rows: usize) -> Result<(), ParquetError> {
        for (column, reader) in self.columns.iter_mut().zip(&mut readers.columns) {
            column.refill(reader, rows)?;
        }
        for (index, reader) in &mut readers.companions {
            let missing = || ParquetError::General("a companion came unannounced".to_owned());
            let companion = self.companions.get_mut(index).ok_or_else(missing)?;
            companion.fill(self.rows);
            companion.refill(reader, rows)?;
        }
        let range = |wanted: Form| {
            let index = self.layout.columns.iter().position(|(_, form)| *form == wanted)?;
            self.columns.get(index)?.range(self.rows)
        };
        if let (Some(ids), Some(times)) = (range(Form::Id), range(Form::Ts)) {
            let span = self.span.get_or_insert(Span { ids, times, rows: 0 });
            span.ids = (span.ids.0.min(ids.0), span.ids.1.max(ids.1));
            span.times = (span.times.0.min(times.0), span.times.1.max(times.1));
            span.rows += rows as u64;
        }
        self.rows += rows;
        Ok(())
    }
}

/// The stored columns of a row group.
struct Readers {
    columns: Vec<ColumnReader>,
    companions: Vec<(usize, ColumnReader)>,
}

impl Readers {
    fn open(
        group: &dyn RowGroupReader,
        layout: &Layout,
        texts: &BTreeSet<usize>,
    ) -> Result<Self, ParquetError> {
        let described = group.metadata().schema_descr();
        let reader = |name: &str, required: bool| {
            let found = described.columns().iter().position(|column| {
                column.name() == name
                    && column.max_rep_level() == 0
                    && column.max_def_level() == i16::from(!required)
            });
            let missing = || ParquetError::General(format!("the column {name} is missing"));
            group.get_column_reader(found.ok_or_else(missing)?)
        };
        let columns = layout
            .columns
            .iter()
            .map(|(name, form)| reader(name, form.is_system()))
            .collect::<Result<_, _>>()?;
        let companion = |&index: &usize| {
            let name = layout.columns.get(index).map_or("", |(name, _)| name);
            Ok((index, reader(&layout.companion(name), false)?))
        };
        let companions = texts.iter().map(companion).collect::<Result<_, ParquetError>>()?;
        Ok(Self { columns, companions })
    }
}

/// The header of the messages that a file was made of.
fn header(schema: &str) -> Result<Arc<Header>> {
    let line = format!(
        r#"{{"protocol":{{"type":"data_batch_data","version":"1.3"}},"schema":{schema},"payload":[]}}"#
    );
    let unreadable = |error: Error| error.at("the metadata ums.fields");
    let header = Decoder::default().decode(line.as_bytes()).map_err(unreadable)?.header;
    Ok(header)
}

fn damaged(error: ParquetError) -> Error {
    Error::data(format!("the Parquet file is damaged or cut short: {error}"))
        .caused_by(error)
        .advise("nothing was changed; move the file away, or put back a whole copy")
}
