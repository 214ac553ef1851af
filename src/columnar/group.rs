//! Columns in memory to a row group on its way out. Uses `error` and `ums`. Not hot itself; most of
//! the time of writing passes in the encoders and in zstd, which run here, a column to a thread.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use parquet::column::writer::{ColumnCloseResult, get_column_writer};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedFileWriter, SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::column::Column;

/// Below so many bytes a thread costs more than it saves.
const WORTH_A_THREAD: usize = 1 << 20;
/// More threads than this wait for memory, not for work.
const MOST_THREADS: usize = 8;

/// A column chunk as it stands in the file.
type Chunk = (Bytes, ColumnCloseResult);

/// Writes the columns, which are those of the file's schema in their order, and empties them.
pub(super) fn write<W: Write + Send>(
    out: &mut SerializedFileWriter<W>,
    columns: Vec<&mut Column>,
) -> Result<(), ParquetError> {
    let chunks = encode(out, columns)?;
    let mut group = out.next_row_group()?;
    for (bytes, close) in chunks {
        group.append_column(&bytes, close)?;
    }
    group.close()?;
    Ok(())
}

/// Encodes the columns side by side on as many processors as there are.
fn encode<W: Write + Send>(
    out: &SerializedFileWriter<W>,
    columns: Vec<&mut Column>,
) -> Result<Vec<Chunk>, ParquetError> {
    let (schema, properties) = (out.schema_descr(), out.properties());
    let memory: usize = columns.iter().map(|column| column.memory()).sum();
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let threads = (memory / WORTH_A_THREAD).min(processors).min(MOST_THREADS).min(columns.len());
    let work: Vec<_> = columns
        .into_iter()
        .zip(schema.columns())
        .map(|(column, description)| Mutex::new(Work { column, description, done: None }))
        .collect();
    let next = AtomicUsize::new(0);
    let run = || {
        while let Some(work) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Each piece is one thread's alone; the lock only says so.
            let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
            let Work { column, description, done } = &mut *work;
            *done = Some(chunk(column, description, properties));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // Where no thread is to be had, the others do the work.
            let _ = thread::Builder::new().name("encode".into()).spawn_scoped(scope, run);
        }
        run();
    });
    let lost = || ParquetError::General("a column was not encoded".to_owned());
    work.into_iter()
        .map(|work| work.into_inner().unwrap_or_else(PoisonError::into_inner))
        .map(|work| work.done.unwrap_or_else(|| Err(lost())))
        .collect()
}

struct Work<'a> {
    column: &'a mut Column,
    description: &'a ColumnDescPtr,
    done: Option<Result<Chunk, ParquetError>>,
}

fn chunk(
    column: &mut Column,
    description: &ColumnDescPtr,
    properties: &WriterPropertiesPtr,
) -> Result<Chunk, ParquetError> {
    let mut bytes = TrackedWrite::new(Vec::new());
    let pages = Box::new(SerializedPageWriter::new(&mut bytes));
    let mut writer = get_column_writer(description.clone(), properties.clone(), pages);
    column.write(&mut writer)?;
    let close = writer.close()?;
    Ok((Bytes::from(bytes.into_inner()?), close))
}
