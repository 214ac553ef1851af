//! HOT. The values of one column in memory: cells go straight in, a row group goes out. No
//! allocation a cell: text and bytes stand end to end in one buffer, which the writer takes over
//! without copying. Uses `error` and `ums`.

mod refill;

use parquet::column::writer::{ColumnWriter, get_typed_column_writer_mut};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
    FloatType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;

use super::parse;
use super::schema::{Form, Identity};
use crate::error::Result;
use crate::ums::Cell;
use crate::ums::base64::append_base64;

/// Values handed to the writer at once; it cuts pages between such steps.
const STEP: usize = 4096;
/// Levels of a step without a NULL.
const PRESENT: [i16; STEP] = [1; STEP];

/// One column of the row group in the making.
#[derive(Debug)]
pub(super) struct Column {
    form: Form,
    values: Values,
    /// 1 for a value and 0 for NULL, row by row; empty as long as no row is NULL.
    levels: Vec<i16>,
    rows: usize,
}

#[derive(Debug)]
enum Values {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    /// Values end to end, and where each one ends.
    Bytes(Vec<u8>, Vec<usize>),
    /// Values end to end, each so many bytes.
    Fixed(Vec<u8>, usize),
}

impl Column {
    pub(super) fn new(form: Form) -> Self {
        Self { form, values: Values::new(form), levels: Vec::new(), rows: 0 }
    }

    /// Appends a cell; false, and NULL appended, when the column's type cannot hold its value.
    pub(super) fn push(&mut self, cell: &Cell, identity: &Identity) -> Result<bool> {
        let stored = match (self.form, &mut self.values) {
            (Form::Id, Values::Int64(values)) => {
                values.push(identity.id);
                true
            }
            (Form::Ts, Values::Int64(values)) => {
                values.push(identity.ts);
                true
            }
            (Form::Op, Values::Bytes(bytes, ends)) => {
                bytes.push(identity.op.letter() as u8);
                ends.push(bytes.len());
                true
            }
            (Form::Uid, Values::Bytes(bytes, ends)) => {
                bytes.extend_from_slice(identity.uid.as_bytes());
                ends.push(bytes.len());
                true
            }
            (form, values) => match *cell {
                Cell::Null => {
                    self.push_null();
                    return Ok(true);
                }
                Cell::Bare(text) => values.parse(form, text),
                Cell::Plain(text) => values.parse(form, text.as_bytes()),
                Cell::Escaped(_) => match cell.text()? {
                    Some(text) => values.parse(form, text.as_bytes()),
                    None => false,
                },
            },
        };
        if stored {
            if !self.levels.is_empty() {
                self.levels.push(1);
            }
            self.rows += 1;
        } else {
            self.push_null();
        }
        Ok(stored)
    }

    /// Appends text as it is, to a column of the form `Text`.
    pub(super) fn push_text(&mut self, text: &str) {
        if let Values::Bytes(bytes, ends) = &mut self.values {
            bytes.extend_from_slice(text.as_bytes());
            ends.push(bytes.len());
            if !self.levels.is_empty() {
                self.levels.push(1);
            }
            self.rows += 1;
        }
    }

    pub(super) fn push_null(&mut self) {
        if self.levels.is_empty() {
            self.levels.resize(self.rows, 1);
        }
        self.levels.push(0);
        self.rows += 1;
    }

    /// Appends NULL until there are so many rows.
    pub(super) fn fill(&mut self, rows: usize) {
        while self.rows < rows {
            self.push_null();
        }
    }

    /// Takes back rows until there are so many.
    pub(super) fn truncate(&mut self, rows: usize) {
        while self.rows > rows {
            self.rows -= 1;
            // Without levels every row has a value.
            if self.levels.pop().unwrap_or(1) == 1 {
                self.values.pop();
            }
        }
    }

    /// Bytes of memory in use.
    pub(super) fn memory(&self) -> usize {
        self.levels.len() * size_of::<i16>() + self.values.memory()
    }

    /// The values of a text column, which has no NULL.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let (bytes, ends) = match &self.values {
            Values::Bytes(bytes, ends) => (bytes.as_slice(), ends.as_slice()),
            _ => (&[][..], &[][..]),
        };
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(ends).filter_map(|(start, &end)| bytes.get(start..end))
    }

    /// Writes the column chunk and empties the column. `out` is of the type that the schema says
    /// for the column's form.
    pub(super) fn write(&mut self, out: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = std::mem::take(&mut self.levels);
        let levels = Levels {
            levels: &levels,
            rows: std::mem::take(&mut self.rows),
            required: self.form.is_system(),
        };
        match std::mem::replace(&mut self.values, Values::new(self.form)) {
            Values::Boolean(values) => {
                let out = get_typed_column_writer_mut::<BoolType>(out);
                levels.steps(&values, |values, levels| out.write_batch(values, levels, None))
            }
            Values::Int32(values) => {
                let out = get_typed_column_writer_mut::<Int32Type>(out);
                levels.steps(&values, |values, levels| out.write_batch(values, levels, None))
            }
            Values::Int64(values) => {
                let out = get_typed_column_writer_mut::<Int64Type>(out);
                levels.steps(&values, |values, levels| out.write_batch(values, levels, None))
            }
            Values::Float(values) => {
                let out = get_typed_column_writer_mut::<FloatType>(out);
                levels.steps(&values, |values, levels| out.write_batch(values, levels, None))
            }
            Values::Double(values) => {
                let out = get_typed_column_writer_mut::<DoubleType>(out);
                levels.steps(&values, |values, levels| out.write_batch(values, levels, None))
            }
            Values::Bytes(bytes, ends) => {
                let out = get_typed_column_writer_mut::<ByteArrayType>(out);
                let bytes = ByteArray::from(bytes);
                let mut start = 0;
                let mut step = Vec::with_capacity(STEP.min(ends.len()));
                levels.steps(&ends, |ends, levels| {
                    step.clear();
                    for &end in ends {
                        step.push(bytes.slice(start, end - start));
                        start = end;
                    }
                    out.write_batch(&step, levels, None)
                })
            }
            Values::Fixed(bytes, width) => {
                let out = get_typed_column_writer_mut::<FixedLenByteArrayType>(out);
                let count = bytes.len() / width.max(1);
                let bytes = ByteArray::from(bytes);
                let starts: Vec<usize> = (0..count).map(|index| index * width).collect();
                let mut step: Vec<FixedLenByteArray> = Vec::with_capacity(STEP.min(count));
                levels.steps(&starts, |starts, levels| {
                    step.clear();
                    step.extend(starts.iter().map(|&start| bytes.slice(start, width).into()));
                    out.write_batch(&step, levels, None)
                })
            }
        }
    }
}

impl Values {
    fn new(form: Form) -> Self {
        match form {
            Form::Boolean => Self::Boolean(Vec::new()),
            Form::Int | Form::Decimal32 { .. } | Form::Date => Self::Int32(Vec::new()),
            Form::Id | Form::Ts | Form::Long | Form::Decimal64 { .. } | Form::Datetime { .. } => {
                Self::Int64(Vec::new())
            }
            Form::Float => Self::Float(Vec::new()),
            Form::Double => Self::Double(Vec::new()),
            Form::Op | Form::Uid | Form::Text | Form::Binary => Self::Bytes(Vec::new(), Vec::new()),
            Form::DecimalFixed { width, .. } => Self::Fixed(Vec::new(), width),
        }
    }

    /// Appends the value that `text` means; false, and nothing appended, when there is none.
    fn parse(&mut self, form: Form, text: &[u8]) -> bool {
        match (self, form) {
            (Self::Bytes(bytes, ends), Form::Binary) => {
                let done = append_base64(text, bytes);
                if done {
                    ends.push(bytes.len());
                }
                done
            }
            (Self::Bytes(bytes, ends), _) => {
                bytes.extend_from_slice(text);
                ends.push(bytes.len());
                true
            }
            (Self::Int32(values), Form::Decimal32 { precision, scale }) => {
                let value = parse::decimal(text, precision, scale);
                keep(values, value.and_then(|value| i32::try_from(value).ok()))
            }
            (Self::Int32(values), Form::Date) => keep(values, parse::date(text)),
            (Self::Int32(values), _) => {
                keep(values, parse::integer(text).and_then(|value| i32::try_from(value).ok()))
            }
            (Self::Int64(values), Form::Decimal64 { precision, scale }) => {
                let value = parse::decimal(text, precision, scale);
                keep(values, value.and_then(|value| i64::try_from(value).ok()))
            }
            (Self::Int64(values), Form::Datetime { .. }) => keep(values, parse::datetime(text)),
            (Self::Int64(values), _) => keep(values, parse::integer(text)),
            (Self::Fixed(bytes, width), Form::DecimalFixed { precision, scale, .. }) => {
                let Some(value) = parse::decimal(text, precision, scale) else { return false };
                let value = value.to_be_bytes();
                // The width was chosen for the precision: what is cut off is sign alone.
                let Some(tail) = value.get(value.len().saturating_sub(*width)..) else {
                    return false;
                };
                bytes.extend_from_slice(tail);
                true
            }
            (Self::Fixed(..), _) => false,
            (Self::Float(values), _) => keep(values, float(text).filter(|v: &f32| v.is_finite())),
            (Self::Double(values), _) => keep(values, float(text).filter(|v: &f64| v.is_finite())),
            (Self::Boolean(values), _) => keep(
                values,
                match text {
                    b"true" | b"1" => Some(true),
                    b"false" | b"0" => Some(false),
                    _ => None,
                },
            ),
        }
    }

    fn pop(&mut self) {
        match self {
            Self::Boolean(values) => drop(values.pop()),
            Self::Int32(values) => drop(values.pop()),
            Self::Int64(values) => drop(values.pop()),
            Self::Float(values) => drop(values.pop()),
            Self::Double(values) => drop(values.pop()),
            Self::Bytes(bytes, ends) => {
                ends.pop();
                bytes.truncate(ends.last().copied().unwrap_or(0));
            }
            Self::Fixed(bytes, width) => bytes.truncate(bytes.len().saturating_sub(*width)),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Int32(values) => values.len() * 4,
            Self::Float(values) => values.len() * 4,
            Self::Int64(values) => values.len() * 8,
            Self::Double(values) => values.len() * 8,
            Self::Bytes(bytes, ends) => bytes.len() + ends.len() * size_of::<usize>(),
            Self::Fixed(bytes, _) => bytes.len(),
        }
    }
}

fn keep<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let some = value.is_some();
    values.extend(value);
    some
}

fn float<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Which rows of a column have a value.
struct Levels<'a> {
    levels: &'a [i16],
    rows: usize,
    required: bool,
}

impl Levels<'_> {
    /// Hands over the values step by step, each with the levels of its rows.
    fn steps<T>(
        &self,
        mut values: &[T],
        mut write: impl FnMut(&[T], Option<&[i16]>) -> Result<usize, ParquetError>,
    ) -> Result<(), ParquetError> {
        let mut row = 0;
        while row < self.rows {
            let count = STEP.min(self.rows - row);
            let (levels, present) = match self.levels.get(row..row + count) {
                Some(levels) => (levels, levels.iter().filter(|&&level| level == 1).count()),
                None => (&PRESENT[..count], count),
            };
            let (step, rest) = values.split_at_checked(present).ok_or_else(|| {
                ParquetError::General("a column holds fewer values than its rows say".to_owned())
            })?;
            write(step, if self.required { None } else { Some(levels) })?;
            values = rest;
            row += count;
        }
        Ok(())
    }
}
