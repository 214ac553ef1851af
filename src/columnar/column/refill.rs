//! HOT. Values of a stored column back into a column in memory, without a detour over text. Uses
//! nothing.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType, FixedLenByteArray};
use parquet::errors::ParquetError;

use super::{Column, Values};

impl Column {
    /// Appends the next `rows` rows of a stored column of the same form.
    pub(in crate::columnar) fn refill(
        &mut self,
        from: &mut ColumnReader,
        rows: usize,
    ) -> Result<(), ParquetError> {
        let mut levels = Vec::new();
        let required = self.form.is_system();
        let found = {
            let levels = (!required).then_some(&mut levels);
            match (&mut self.values, from) {
                (Values::Boolean(values), ColumnReader::BoolColumnReader(from)) => {
                    read(from, rows, levels, values)?
                }
                (Values::Int32(values), ColumnReader::Int32ColumnReader(from)) => {
                    read(from, rows, levels, values)?
                }
                (Values::Int64(values), ColumnReader::Int64ColumnReader(from)) => {
                    read(from, rows, levels, values)?
                }
                (Values::Float(values), ColumnReader::FloatColumnReader(from)) => {
                    read(from, rows, levels, values)?
                }
                (Values::Double(values), ColumnReader::DoubleColumnReader(from)) => {
                    read(from, rows, levels, values)?
                }
                (Values::Bytes(bytes, ends), ColumnReader::ByteArrayColumnReader(from)) => {
                    let mut values: Vec<ByteArray> = Vec::with_capacity(rows);
                    let found = read(from, rows, levels, &mut values)?;
                    for value in &values {
                        bytes.extend_from_slice(value.data());
                        ends.push(bytes.len());
                    }
                    found
                }
                (
                    Values::Fixed(bytes, width),
                    ColumnReader::FixedLenByteArrayColumnReader(from),
                ) => {
                    let mut values: Vec<FixedLenByteArray> = Vec::with_capacity(rows);
                    let found = read(from, rows, levels, &mut values)?;
                    if values.iter().any(|value| value.len() != *width) {
                        return Err(wrong("a decimal has another width"));
                    }
                    values.iter().for_each(|value| bytes.extend_from_slice(value.data()));
                    found
                }
                _ => return Err(wrong("a column is of another type")),
            }
        };
        if found != rows {
            return Err(wrong("a column is shorter than its row group"));
        }
        // Levels are kept only once a row is NULL.
        if !self.levels.is_empty() || levels.iter().any(|&level| level != 1) {
            self.levels.resize(self.rows, 1);
            self.levels.append(&mut levels);
        }
        self.rows += rows;
        Ok(())
    }

    /// The least and the greatest of the numbers from row `from` on, in a column without NULL.
    pub(in crate::columnar) fn range(&self, from: usize) -> Option<(i64, i64)> {
        let Values::Int64(values) = &self.values else { return None };
        let values = values.get(from..)?;
        Some((*values.iter().min()?, *values.iter().max()?))
    }
}

/// Reads rows until there are enough or the column ends; gives how many came.
fn read<T: DataType>(
    from: &mut ColumnReaderImpl<T>,
    rows: usize,
    mut levels: Option<&mut Vec<i16>>,
    values: &mut Vec<T::T>,
) -> Result<usize, ParquetError> {
    let mut found = 0;
    while found < rows {
        let (records, ..) = from.read_records(rows - found, levels.as_deref_mut(), None, values)?;
        if records == 0 {
            break;
        }
        found += records;
    }
    Ok(found)
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
