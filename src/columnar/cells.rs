//! HOT. The values of one column on their way back into cells. Uses `error` and `ums`. No
//! allocation a cell: text and bytes are slices of the pages that they were decoded from.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;

use super::print::{push_date, push_datetime, push_decimal};
use super::schema::Form;
use crate::ums::json::{push_base64, push_escaped, push_f32, push_f64, push_i64, push_plain_ascii};

/// The place of a value that is not there.
const NULL: u32 = u32::MAX;

/// One column, a step of rows at a time.
pub(super) struct Cells {
    form: Form,
    /// Digits of fraction that a datetime has.
    digits: u8,
    values: Values,
    /// 1 for a value and 0 for NULL, row by row; unused where NULL cannot be.
    levels: Vec<i16>,
    /// Where a row's value is among the values; empty when every row has one.
    places: Vec<u32>,
    nullable: bool,
    /// What the column could not represent, as text.
    companion: Option<Box<Cells>>,
}

enum Values {
    Boolean(ColumnReaderImpl<BoolType>, Vec<bool>),
    Int32(ColumnReaderImpl<Int32Type>, Vec<i32>),
    Int64(ColumnReaderImpl<Int64Type>, Vec<i64>),
    Float(ColumnReaderImpl<FloatType>, Vec<f32>),
    Double(ColumnReaderImpl<DoubleType>, Vec<f64>),
    Bytes(ColumnReaderImpl<ByteArrayType>, Vec<ByteArray>),
    Fixed(ColumnReaderImpl<FixedLenByteArrayType>, Vec<FixedLenByteArray>),
}

impl Cells {
    /// A column read by `reader`; an error when its physical type is not the form's.
    pub(super) fn new(
        form: Form,
        digits: u8,
        nullable: bool,
        reader: ColumnReader,
        companion: Option<Self>,
    ) -> Result<Self, ParquetError> {
        let values = match (form, reader) {
            (Form::Boolean, ColumnReader::BoolColumnReader(reader)) => {
                Values::Boolean(reader, Vec::new())
            }
            (
                Form::Int | Form::Date | Form::Decimal32 { .. },
                ColumnReader::Int32ColumnReader(reader),
            ) => Values::Int32(reader, Vec::new()),
            (
                Form::Id | Form::Ts | Form::Long | Form::Datetime { .. } | Form::Decimal64 { .. },
                ColumnReader::Int64ColumnReader(reader),
            ) => Values::Int64(reader, Vec::new()),
            (Form::Float, ColumnReader::FloatColumnReader(reader)) => {
                Values::Float(reader, Vec::new())
            }
            (Form::Double, ColumnReader::DoubleColumnReader(reader)) => {
                Values::Double(reader, Vec::new())
            }
            (
                Form::Op | Form::Uid | Form::Text | Form::Binary,
                ColumnReader::ByteArrayColumnReader(reader),
            ) => Values::Bytes(reader, Vec::new()),
            (Form::DecimalFixed { .. }, ColumnReader::FixedLenByteArrayColumnReader(reader)) => {
                Values::Fixed(reader, Vec::new())
            }
            _ => return Err(ParquetError::General("a column has another type".to_owned())),
        };
        let companion = companion.map(Box::new);
        Ok(Self {
            form,
            digits,
            values,
            levels: Vec::new(),
            places: Vec::new(),
            nullable,
            companion,
        })
    }

    /// Reads exactly so many rows in place of those read before.
    pub(super) fn read(&mut self, rows: usize) -> Result<(), ParquetError> {
        if let Some(companion) = &mut self.companion {
            companion.read(rows)?;
        }
        self.levels.clear();
        let levels = self.nullable.then_some(&mut self.levels);
        let (read, present) = match &mut self.values {
            Values::Boolean(reader, values) => step(reader, rows, levels, values),
            Values::Int32(reader, values) => step(reader, rows, levels, values),
            Values::Int64(reader, values) => step(reader, rows, levels, values),
            Values::Float(reader, values) => step(reader, rows, levels, values),
            Values::Double(reader, values) => step(reader, rows, levels, values),
            Values::Bytes(reader, values) => step(reader, rows, levels, values),
            Values::Fixed(reader, values) => step(reader, rows, levels, values),
        }?;
        if read != rows {
            return Err(ParquetError::General("a column is shorter than its row group".to_owned()));
        }
        self.places.clear();
        if present < rows {
            let mut place = 0;
            self.places.extend(self.levels.iter().map(|&level| {
                let here = if level == 0 { NULL } else { place };
                place += u32::from(level != 0);
                here
            }));
        }
        Ok(())
    }

    /// Passes over so many rows; whole pages are not even unpacked.
    pub(super) fn skip(&mut self, rows: usize) -> Result<(), ParquetError> {
        if let Some(companion) = &mut self.companion {
            companion.skip(rows)?;
        }
        let skipped = match &mut self.values {
            Values::Boolean(reader, _) => reader.skip_records(rows),
            Values::Int32(reader, _) => reader.skip_records(rows),
            Values::Int64(reader, _) => reader.skip_records(rows),
            Values::Float(reader, _) => reader.skip_records(rows),
            Values::Double(reader, _) => reader.skip_records(rows),
            Values::Bytes(reader, _) => reader.skip_records(rows),
            Values::Fixed(reader, _) => reader.skip_records(rows),
        }?;
        if skipped == rows {
            return Ok(());
        }
        Err(ParquetError::General("a column is shorter than its row group".to_owned()))
    }

    /// Where the row's value is; `None` for NULL.
    #[inline]
    fn place(&self, row: usize) -> Option<usize> {
        match self.places.get(row) {
            None => Some(row),
            Some(&NULL) => None,
            Some(&place) => Some(place as usize),
        }
    }

    /// Appends the row's cell as JSON; false, and nothing appended, where the text is not UTF-8.
    #[inline]
    pub(super) fn push_json(&self, row: usize, out: &mut Vec<u8>) -> bool {
        if self.push_present(row, out) != Some(true) {
            match &self.companion {
                Some(companion) => return companion.push_spelled(self.form, row, out),
                None if self.place(row).is_some() => return false,
                None => out.extend_from_slice(b"null"),
            }
        }
        true
    }

    /// Appends the JSON of a value; `None` for NULL, `Some(false)` for text that is not UTF-8.
    #[inline]
    fn push_present(&self, row: usize, out: &mut Vec<u8>) -> Option<bool> {
        let at = self.place(row)?;
        let bare = matches!(self.form, Form::Int | Form::Float | Form::Double | Form::Boolean);
        let start = out.len();
        if !bare {
            out.push(b'"');
        }
        let done = self.push_value(at, out);
        match done {
            Some(true) if !bare => out.push(b'"'),
            Some(true) => {}
            _ => out.truncate(start),
        }
        done
    }

    /// Appends the text of a value without quotes.
    #[inline]
    fn push_value(&self, at: usize, out: &mut Vec<u8>) -> Option<bool> {
        match &self.values {
            Values::Int64(_, values) => {
                let value = *values.get(at)?;
                match self.form {
                    Form::Decimal64 { scale, .. } => push_decimal(out, i128::from(value), scale),
                    Form::Datetime { .. } | Form::Ts => push_datetime(out, value, self.digits),
                    _ => push_i64(out, value),
                }
            }
            Values::Int32(_, values) => {
                let value = *values.get(at)?;
                match self.form {
                    Form::Decimal32 { scale, .. } => push_decimal(out, i128::from(value), scale),
                    Form::Date => push_date(out, i64::from(value)),
                    _ => push_i64(out, i64::from(value)),
                }
            }
            Values::Bytes(_, values) => {
                let value = values.get(at)?.data();
                if self.form == Form::Binary {
                    push_base64(out, value);
                } else if !push_plain_ascii(out, value) {
                    if std::str::from_utf8(value).is_err() {
                        return Some(false);
                    }
                    push_escaped(out, value);
                }
            }
            Values::Fixed(_, values) => {
                let Form::DecimalFixed { scale, .. } = self.form else { return None };
                push_decimal(out, wide(values.get(at)?.data()), scale);
            }
            Values::Float(_, values) => push_f32(out, *values.get(at)?),
            Values::Double(_, values) => push_f64(out, *values.get(at)?),
            Values::Boolean(_, values) => {
                let text: &[u8] = if *values.get(at)? { b"true" } else { b"false" };
                out.extend_from_slice(text);
            }
        }
        Some(true)
    }

    /// Appends the companion's text as a cell of the column that it spells out for: bare where it
    /// came bare, which only a number can.
    fn push_spelled(&self, form: Form, row: usize, out: &mut Vec<u8>) -> bool {
        let Some(at) = self.place(row) else {
            out.extend_from_slice(b"null");
            return true;
        };
        let bare = matches!(form, Form::Int | Form::Float | Form::Double | Form::Boolean)
            && self.bytes(at).is_some_and(is_number);
        if !bare {
            return self.push_present(row, out) == Some(true);
        }
        out.extend_from_slice(self.bytes(at).unwrap_or_default());
        true
    }

    /// A value's bytes, of a column of text or bytes.
    fn bytes(&self, at: usize) -> Option<&[u8]> {
        match &self.values {
            Values::Bytes(_, values) => values.get(at).map(ByteArray::data),
            _ => None,
        }
    }

    /// The bytes of the row's value, of a column of text or bytes without NULL.
    #[inline]
    pub(super) fn text(&self, row: usize) -> &[u8] {
        self.bytes(row).unwrap_or_default()
    }

    /// The values of a column of 64-bit numbers without NULL.
    pub(super) fn longs(&self) -> &[i64] {
        match &self.values {
            Values::Int64(_, values) => values,
            _ => &[],
        }
    }

    /// Appends what makes the row's value the same as another one, whatever the two columns' types
    /// are as long as one was widened into the other: a tag, a length where there could be two, and
    /// numbers without the zeros at the end of their fraction.
    #[inline]
    pub(super) fn push_key(&self, row: usize, out: &mut Vec<u8>) {
        let Some(at) = self.place(row) else {
            return match &self.companion {
                Some(companion) => companion.push_spelled_key(self.form, row, out),
                None => out.push(Tag::Null as u8),
            };
        };
        match &self.values {
            Values::Int64(_, values) => {
                let value = values.get(at).copied().unwrap_or_default();
                match self.form {
                    Form::Decimal64 { scale, .. } => push_number(out, i128::from(value), scale),
                    Form::Datetime { .. } | Form::Ts => push_tagged(out, Tag::Moment, value),
                    _ => push_number(out, i128::from(value), 0),
                }
            }
            Values::Int32(_, values) => {
                let value = values.get(at).copied().unwrap_or_default();
                match self.form {
                    Form::Decimal32 { scale, .. } => push_number(out, i128::from(value), scale),
                    Form::Date => push_tagged(out, Tag::Day, i64::from(value)),
                    _ => push_number(out, i128::from(value), 0),
                }
            }
            Values::Fixed(_, values) => {
                let scale = match self.form {
                    Form::DecimalFixed { scale, .. } => scale,
                    _ => 0,
                };
                push_number(out, wide(values.get(at).map_or(&[], |v| v.data())), scale);
            }
            Values::Bytes(_, values) => {
                push_text(out, values.get(at).map_or(&[], ByteArray::data), self.digits);
            }
            Values::Float(_, values) => {
                let value = f64::from(values.get(at).copied().unwrap_or_default());
                push_tagged(out, Tag::Float, value.to_bits() as i64);
            }
            Values::Double(_, values) => {
                let value = values.get(at).copied().unwrap_or_default();
                push_tagged(out, Tag::Float, value.to_bits() as i64);
            }
            Values::Boolean(_, values) => {
                push_number(out, i128::from(values.get(at).copied().unwrap_or_default()), 0);
            }
        }
    }

    fn push_spelled_key(&self, form: Form, row: usize, out: &mut Vec<u8>) {
        let Some(at) = self.place(row) else { return out.push(Tag::Null as u8) };
        let text = self.bytes(at).unwrap_or_default();
        let number = !matches!(form, Form::Date | Form::Datetime { .. } | Form::Binary);
        push_text(out, text, if number { NUMERIC_TEXT } else { 0 });
    }
}

/// In place of the digits of a column of text: its texts are numbers.
pub(super) const NUMERIC_TEXT: u8 = u8::MAX;

#[derive(Clone, Copy)]
enum Tag {
    Null,
    Number,
    Moment,
    Day,
    Float,
    Text,
}

fn push_tagged(out: &mut Vec<u8>, tag: Tag, value: i64) {
    out.push(tag as u8);
    out.extend_from_slice(&value.to_le_bytes());
}

#[inline]
fn push_number(out: &mut Vec<u8>, mut unscaled: i128, mut scale: u8) {
    while scale > 0 && unscaled % 10 == 0 {
        unscaled /= 10;
        scale -= 1;
    }
    out.push(Tag::Number as u8);
    out.push(scale);
    match i64::try_from(unscaled) {
        Ok(small) => out.extend_from_slice(&small.to_le_bytes()),
        Err(_) => out.extend_from_slice(&unscaled.to_le_bytes()),
    }
}

/// Text, or a number that no typed column holds; of that, the plain digits that fit into one count
/// as a number.
fn push_text(out: &mut Vec<u8>, text: &[u8], digits: u8) {
    if digits == NUMERIC_TEXT {
        let scale = memchr::memchr(b'.', text).map_or(0, |dot| text.len() - dot - 1);
        let number = u8::try_from(scale).ok().filter(|scale| *scale <= 38);
        let number =
            number.and_then(|scale| Some((super::parse::decimal(text, 38, scale)?, scale)));
        if let Some((unscaled, scale)) = number {
            return push_number(out, unscaled, scale);
        }
    }
    out.push(Tag::Text as u8);
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text);
}

/// A two's complement number of at most 16 bytes, the highest first.
#[inline]
fn wide(bytes: &[u8]) -> i128 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let start = if negative { -1i128 } else { 0 };
    bytes.iter().fold(start, |value, &byte| value << 8 | i128::from(byte))
}

/// Whether a text is a JSON number or boolean and could have come bare.
fn is_number(text: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(text)
        .is_ok_and(|value| value.is_number() || value.is_boolean())
}

/// Reads rows of a column: how many, and how many of them have a value.
fn step<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    rows: usize,
    levels: Option<&mut Vec<i16>>,
    values: &mut Vec<T::T>,
) -> Result<(usize, usize), ParquetError> {
    values.clear();
    let (read, present, _) = reader.read_records(rows, levels, None, values)?;
    Ok((read, present))
}
