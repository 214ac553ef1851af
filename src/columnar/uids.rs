//! Which row changes a file holds, without reading the rest of it. Uses `error`. Not hot.

use std::fs::File;
use std::hash::Hasher;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;

use super::schema::{OP, UID};
use crate::error::{Error, Result};

/// Rows read at once.
const STEP: usize = 8192;

/// A row change's name, `_ums_uid_` and `_ums_op_`, in 128 bits (the images before and after one
/// update share a uid). Among 10^9 rows two different changes meet with a probability of 10^-21.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Change(u128);

impl Change {
    /// Of `_ums_uid_` and `_ums_op_`.
    pub fn new(uid: &[u8], op: &[u8]) -> Self {
        let half = |seed: u8| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u8(seed);
            hasher.write(op);
            hasher.write_u8(0);
            hasher.write(uid);
            u128::from(hasher.finish())
        };
        Self(half(1) << 64 | half(2))
    }
}

/// The changes in a file, sorted.
pub fn changes(file: File) -> Result<Vec<Change>> {
    read(file).map_err(|error| {
        Error::data(format!(
            "the stored Parquet file is damaged or cut short, so rows delivered again cannot be told: \
             {error}"
        ))
        .caused_by(error)
        .advise("put back a whole copy, or move the file away and its rows are stored again")
    })
}

fn read(file: File) -> Result<Vec<Change>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let columns = reader.metadata().file_metadata().schema_descr_ptr();
    let index = |name: &str| {
        columns
            .columns()
            .iter()
            .position(|column| column.name() == name)
            .ok_or_else(|| ParquetError::General(format!("the column {name} is missing")))
    };
    let (op, uid) = (index(OP)?, index(UID)?);
    let mut changes = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let mut ops = Texts::new(group.as_ref(), op)?;
        let mut uids = Texts::new(group.as_ref(), uid)?;
        loop {
            let (ops, uids) = (ops.next()?, uids.next()?);
            if ops.is_empty() && uids.is_empty() {
                break;
            }
            if ops.len() != uids.len() {
                return Err(ParquetError::General("columns of different lengths".to_owned()));
            }
            changes
                .extend(uids.iter().zip(ops).map(|(uid, op)| Change::new(uid.data(), op.data())));
        }
    }
    changes.sort_unstable();
    Ok(changes)
}

/// A required text column, step by step.
struct Texts {
    reader: ColumnReaderImpl<ByteArrayType>,
    step: Vec<ByteArray>,
}

impl Texts {
    fn new(group: &dyn RowGroupReader, column: usize) -> Result<Self, ParquetError> {
        match group.get_column_reader(column)? {
            ColumnReader::ByteArrayColumnReader(reader) => {
                Ok(Self { reader, step: Vec::with_capacity(STEP) })
            }
            _ => Err(ParquetError::General("a system column is no text".to_owned())),
        }
    }

    /// The next values; none at the end.
    fn next(&mut self) -> Result<&[ByteArray], ParquetError> {
        self.step.clear();
        self.reader.read_records(STEP, None, None, &mut self.step)?;
        Ok(&self.step)
    }
}
