//! A message's header to the columns of a file. Uses `error` and `ums`. Not hot, but for `identity`.

use std::borrow::Cow;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type as ParquetType, TypePtr};

use super::parse;
use crate::error::{Error, Result};
use crate::ums::decode::Header;
use crate::ums::{Cell, Op, Schema, Type};

/// Names of the system columns in a file.
pub(super) const ID: &str = "_ums_id_";
pub(super) const TS: &str = "_ums_ts_";
pub(super) const OP: &str = "_ums_op_";
pub(super) const UID: &str = "_ums_uid_";

/// The longest decimal that Parquet's readers take.
const MAX_PRECISION: u8 = 38;

/// How the cells of one field become the values of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The row's `_ums_id_`.
    Id,
    /// The row's `_ums_ts_`.
    Ts,
    /// The row's `_ums_op_`, upper case.
    Op,
    /// The row's `_ums_uid_`.
    Uid,
    Int,
    Long,
    Float,
    Double,
    Boolean,
    /// At most 9 digits.
    Decimal32 {
        precision: u8,
        scale: u8,
    },
    /// At most 18 digits.
    Decimal64 {
        precision: u8,
        scale: u8,
    },
    /// At most 38 digits, in the least number of bytes that holds them.
    DecimalFixed {
        precision: u8,
        scale: u8,
        width: usize,
    },
    Date,
    Datetime {
        /// Whether the values are moments in UTC; else what a clock on a wall showed.
        utc: bool,
    },
    Text,
    Binary,
}

/// Who a row is, and what orders it.
#[derive(Debug, Clone)]
pub struct Identity<'a> {
    /// `_ums_id_`.
    pub id: i64,
    /// `_ums_ts_`, in microseconds since 1970-01-01 UTC.
    pub ts: i64,
    /// `_ums_op_`.
    pub op: Op,
    /// `_ums_uid_`.
    pub uid: Cow<'a, str>,
}

/// The columns that a header's rows need.
#[derive(Debug)]
pub struct Layout {
    header: Arc<Header>,
    pub(super) columns: Vec<(String, Form)>,
    id: usize,
    ts: usize,
    op: usize,
    uid: usize,
}

impl Layout {
    /// Reads a header; an error when a system column is missing or two columns share a name.
    pub fn new(header: Arc<Header>) -> Result<Self> {
        let schema = &header.schema;
        let system = |found: Option<usize>, name: &str| {
            found.ok_or_else(|| {
                Error::data(format!("namespace {}: the column {name} is missing", schema.namespace))
                    .advise("the Parquet log stores only messages with all four system columns")
            })
        };
        let id = system(header.system.id, ID)?;
        let ts = system(header.system.ts, TS)?;
        let op = system(header.system.op, OP)?;
        let uid = system(header.system.uid, UID)?;
        let mut columns: Vec<(String, Form)> = Vec::with_capacity(schema.fields.len());
        for (index, field) in schema.fields.iter().enumerate() {
            let (name, form) = match index {
                index if index == id => (ID, Form::Id),
                index if index == ts => (TS, Form::Ts),
                index if index == op => (OP, Form::Op),
                index if index == uid => (UID, Form::Uid),
                _ => (field.name.as_str(), form(field.ty, field.origin.as_deref())),
            };
            if columns.iter().any(|(taken, _)| taken == name) {
                return Err(Error::data(format!(
                    "namespace {}: two columns are named {name}",
                    schema.namespace
                )));
            }
            columns.push((name.to_owned(), form));
        }
        Ok(Self { header, columns, id, ts, op, uid })
    }

    /// The header as it was read.
    pub fn header(&self) -> &Arc<Header> {
        &self.header
    }

    /// The schema of the messages.
    pub fn schema(&self) -> &Schema {
        &self.header.schema
    }

    /// The positions of `_ums_id_`, `_ums_ts_`, `_ums_op_` and `_ums_uid_` among the fields.
    pub fn system(&self) -> (usize, usize, usize, usize) {
        (self.id, self.ts, self.op, self.uid)
    }

    /// Whether rows under `other` may go into the same file: same fields and keys, spelled alike.
    pub fn fits(&self, other: &Arc<Header>) -> bool {
        Arc::ptr_eq(&self.header, other)
            || (self.header.schema.namespace == other.schema.namespace
                && self.header.schema.keys == other.schema.keys
                && self.header.schema.fields == other.schema.fields)
    }

    /// The identity of a row, from its cells.
    pub fn identity<'a>(&self, cells: &[Cell<'a>]) -> Result<Identity<'a>> {
        let id = self.read(cells, self.id, ID, |text| parse::integer(text.as_bytes()))?;
        let ts = self.read(cells, self.ts, TS, |text| parse::datetime(text.as_bytes()))?;
        let op = self.read(cells, self.op, OP, |text| Op::parse(text.as_bytes()))?;
        let uid = self.read(cells, self.uid, UID, Some)?;
        Ok(Identity { id, ts, op, uid })
    }

    fn read<'a, T>(
        &self,
        cells: &[Cell<'a>],
        index: usize,
        name: &str,
        parse: impl FnOnce(Cow<'a, str>) -> Option<T>,
    ) -> Result<T> {
        let text = match cells.get(index) {
            Some(cell) => cell.text()?,
            None => None,
        };
        text.and_then(parse).ok_or_else(|| Error::data(format!("its {name} cannot be read")))
    }

    /// The name of the companion of a column: `_ums_text_NAME`, with as many underscores behind it
    /// as it takes to be no other column's.
    pub(super) fn companion(&self, name: &str) -> String {
        let mut companion = format!("_ums_text_{name}");
        while self.columns.iter().any(|(taken, _)| *taken == companion) {
            companion.push('_');
        }
        companion
    }

    /// The Parquet schema with companions for the columns at `texts`.
    pub(super) fn parquet(&self, texts: &[usize]) -> Result<TypePtr, ParquetError> {
        let mut fields = Vec::with_capacity(self.columns.len() + texts.len());
        for (name, form) in &self.columns {
            fields.push(Arc::new(column(name, *form)?));
        }
        for (name, _) in texts.iter().filter_map(|&index| self.columns.get(index)) {
            fields.push(Arc::new(column(&self.companion(name), Form::Text)?));
        }
        Ok(Arc::new(ParquetType::group_type_builder("ums").with_fields(fields).build()?))
    }
}

impl Form {
    pub(super) fn is_system(self) -> bool {
        matches!(self, Self::Id | Self::Ts | Self::Op | Self::Uid)
    }
}

fn form(ty: Type, origin: Option<&str>) -> Form {
    let origin = origin.unwrap_or("");
    match ty {
        Type::Int => Form::Int,
        Type::Long => Form::Long,
        Type::Float => Form::Float,
        Type::Double => Form::Double,
        Type::Boolean => Form::Boolean,
        Type::Date => Form::Date,
        Type::Datetime => Form::Datetime { utc: !starts_with(origin, "datetime") },
        Type::String => Form::Text,
        Type::Binary => Form::Binary,
        Type::Decimal => match decimal_shape(origin) {
            None => Form::Text,
            Some((precision, scale)) if precision <= 9 => Form::Decimal32 { precision, scale },
            Some((precision, scale)) if precision <= 18 => Form::Decimal64 { precision, scale },
            Some((precision, scale)) => {
                Form::DecimalFixed { precision, scale, width: decimal_width(precision) }
            }
        },
    }
}

/// Precision and scale of a declared type, where a Parquet decimal can hold them.
fn decimal_shape(origin: &str) -> Option<(u8, u8)> {
    let origin = origin.trim().to_ascii_lowercase();
    let word = origin.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(origin.len());
    let (word, rest) = origin.split_at(word);
    let shape = match word {
        "bigint" if rest.contains("unsigned") || rest.contains("zerofill") => (20, 0),
        "bit" if rest.trim_start().starts_with("(64)") => (20, 0),
        "decimal" | "numeric" | "dec" | "fixed" => {
            let inner = rest.trim_start().strip_prefix('(')?.split(')').next()?;
            let (precision, scale) = inner.split_once(',').unwrap_or((inner, "0"));
            (precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
        _ => return None,
    };
    let (precision, scale) = shape;
    ((1..=MAX_PRECISION).contains(&precision) && scale <= precision).then_some(shape)
}

/// Bytes of a two's complement number with so many decimal digits.
fn decimal_width(precision: u8) -> usize {
    let greatest = 10u128.pow(u32::from(precision)) - 1;
    let bits = 128 - greatest.leading_zeros() + 1;
    bits.div_ceil(8) as usize
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn column(name: &str, form: Form) -> Result<ParquetType, ParquetError> {
    let decimal = |precision: u8, scale: u8| {
        Some(LogicalType::decimal(i32::from(scale), i32::from(precision)))
    };
    let (physical, logical, length) = match form {
        Form::Id | Form::Long => (Physical::INT64, None, 0),
        Form::Ts => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS)), 0),
        Form::Op | Form::Uid | Form::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String), 0),
        Form::Int => (Physical::INT32, None, 0),
        Form::Float => (Physical::FLOAT, None, 0),
        Form::Double => (Physical::DOUBLE, None, 0),
        Form::Boolean => (Physical::BOOLEAN, None, 0),
        Form::Decimal32 { precision, scale } => (Physical::INT32, decimal(precision, scale), 0),
        Form::Decimal64 { precision, scale } => (Physical::INT64, decimal(precision, scale), 0),
        Form::DecimalFixed { precision, scale, width } => (
            Physical::FIXED_LEN_BYTE_ARRAY,
            decimal(precision, scale),
            i32::try_from(width).unwrap_or(i32::MAX),
        ),
        Form::Date => (Physical::INT32, Some(LogicalType::Date), 0),
        Form::Datetime { utc } => {
            (Physical::INT64, Some(LogicalType::timestamp(utc, TimeUnit::MICROS)), 0)
        }
        Form::Binary => (Physical::BYTE_ARRAY, None, 0),
    };
    let (precision, scale) = match form {
        Form::Decimal32 { precision, scale }
        | Form::Decimal64 { precision, scale }
        | Form::DecimalFixed { precision, scale, .. } => (i32::from(precision), i32::from(scale)),
        _ => (-1, -1),
    };
    let repetition = if form.is_system() { Repetition::REQUIRED } else { Repetition::OPTIONAL };
    ParquetType::primitive_type_builder(name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .with_length(length)
        .with_precision(precision)
        .with_scale(scale)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declared_type_decides_the_decimal() {
        for (origin, shape) in [
            ("decimal(12,2)", Some((12, 2))),
            ("DECIMAL (12, 2) unsigned", Some((12, 2))),
            ("decimal(5)", Some((5, 0))),
            ("numeric(38,38)", Some((38, 38))),
            ("decimal(39,0)", None),
            ("decimal(65,30)", None),
            ("decimal(2,3)", None),
            ("decimal", None),
            ("decimal(0,0)", None),
            ("bigint unsigned", Some((20, 0))),
            ("bigint(20) unsigned zerofill", Some((20, 0))),
            ("bit(64)", Some((20, 0))),
            ("", None),
        ] {
            assert_eq!(decimal_shape(origin), shape, "{origin}");
        }
    }

    #[test]
    fn widths_hold_their_digits() {
        assert_eq!([19, 20, 21, 38].map(decimal_width), [9, 9, 9, 16]);
        for precision in 1..=MAX_PRECISION {
            let width = decimal_width(precision) as u32;
            let greatest = 10i128.pow(u32::from(precision)) - 1;
            assert!(width == 16 || greatest < 1i128 << (width * 8 - 1));
            assert!(width == 1 || greatest >= 1i128 << ((width - 1) * 8 - 1));
        }
    }
}
