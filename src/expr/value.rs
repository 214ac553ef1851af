//! HOT. Values of expressions, the kinds that they have, and cells as values. Uses `error`, `ums`.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::moment;
use super::number::Number;
use crate::error::{Error, Result};
use crate::ums::{Cell, Type};

/// What an expression can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// NULL and nothing else.
    Null,
    /// TRUE, FALSE, and NULL for unknown.
    Boolean,
    /// Exact: int, long, decimal.
    Number,
    /// Binary floating point: float, double.
    Double,
    /// UTF-8 text.
    Text,
    /// A day.
    Date,
    /// A day and a time.
    Datetime,
    /// Bytes; can only be asked whether they are NULL.
    Binary,
}

impl Kind {
    /// The kind of a field's cells.
    pub fn of(ty: Type) -> Self {
        match ty {
            Type::Int | Type::Long | Type::Decimal => Self::Number,
            Type::Float | Type::Double => Self::Double,
            Type::Boolean => Self::Boolean,
            Type::Date => Self::Date,
            Type::Datetime => Self::Datetime,
            Type::String => Self::Text,
            Type::Binary => Self::Binary,
        }
    }

    /// The name for messages to people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean => "boolean",
            Self::Number => "number",
            Self::Double => "double",
            Self::Text => "text",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Binary => "binary",
        }
    }

    /// The kind that values of both have together; `None` where they cannot be compared.
    pub fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Binary, _) | (_, Self::Binary) => None,
            (a, b) if a == b => Some(a),
            (Self::Null, kind) | (kind, Self::Null) => Some(kind),
            (Self::Number, Self::Double) | (Self::Double, Self::Number) => Some(Self::Double),
            (Self::Date, Self::Datetime) | (Self::Datetime, Self::Date) => Some(Self::Datetime),
            _ => None,
        }
    }

    /// Whether it can be calculated with.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Number | Self::Double | Self::Null)
    }

    /// Reads the text of a value of this kind.
    pub fn read<'a>(self, text: Cow<'a, str>) -> Option<Value<'a>> {
        Some(match self {
            Self::Null => return None,
            Self::Text | Self::Binary => Value::Text(text),
            Self::Number => Value::Exact(Number::parse(&text)?),
            Self::Double => Value::Double(double(&text)?),
            Self::Boolean => Value::Boolean(match text.as_ref() {
                "1" => true,
                "0" => false,
                other if other.eq_ignore_ascii_case("true") => true,
                other if other.eq_ignore_ascii_case("false") => false,
                _ => return None,
            }),
            Self::Date => Value::Moment(moment::parse(&text, false)?),
            Self::Datetime => Value::Moment(moment::parse(&text, true)?),
        })
    }
}

/// Reads a finite number; words such as `inf` are none.
fn double(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// SQL NULL, and the unknown truth.
    Null,
    /// A truth.
    Boolean(bool),
    /// An exact number.
    Exact(Number),
    /// A floating point number, always finite.
    Double(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A date or datetime, packed as in `moment`.
    Moment(i64),
}

impl<'a> Value<'a> {
    /// A cell of a column as a value; `None` when its text is none of that kind.
    #[inline]
    pub fn of_cell(cell: &Cell<'a>, kind: Kind) -> Result<Option<Self>> {
        // What most cells are, without anything built around their text.
        let text = match (cell, kind) {
            (Cell::Plain(text), Kind::Number) => {
                return Ok(Number::parse(text).map(Self::Exact));
            }
            (Cell::Plain(text), _) => Cow::Borrowed(*text),
            _ => match cell.text()? {
                None => return Ok(Some(Self::Null)),
                Some(text) => text,
            },
        };
        Ok(kind.read(text))
    }

    /// The same, borrowed for as long as the original stands.
    pub fn lent(&'a self) -> Self {
        match self {
            Self::Text(text) => Self::Text(Cow::Borrowed(text)),
            other => other.clone(),
        }
    }

    /// The truth, if it is known.
    pub fn truth(&self) -> Option<bool> {
        match self {
            Self::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number as floating point.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Exact(number) => Some(number.as_f64()),
            Self::Double(number) => Some(*number),
            _ => None,
        }
    }

    /// Compares; `None` when one is NULL. An exact number and a double compare as doubles, texts by
    /// their code points, FALSE is below TRUE.
    pub fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Exact(a), Self::Exact(b)) => Some(a.order(b)),
            (Self::Text(a), Self::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
            (Self::Moment(a), Self::Moment(b)) => Some(a.cmp(b)),
            (Self::Boolean(a), Self::Boolean(b)) => Some(a.cmp(b)),
            _ => self.as_f64()?.partial_cmp(&other.as_f64()?),
        }
    }

    /// The value as text, NULL as `None`; `kind` is what the expression is.
    pub fn into_text(self, kind: Kind) -> Option<Cow<'a, str>> {
        Some(match self {
            Self::Null => return None,
            Self::Boolean(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
            Self::Exact(number) => Cow::Owned(number.to_string()),
            Self::Double(number) => Cow::Owned(zmij::Buffer::new().format_finite(number).into()),
            Self::Text(text) => text,
            Self::Moment(packed) => Cow::Owned(moment::text(packed, kind == Kind::Datetime)),
        })
    }
}

impl From<Option<bool>> for Value<'_> {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Self::Null, Self::Boolean)
    }
}

/// A floating point result, which must be finite.
pub(super) fn finite<'a>(number: f64) -> Result<Value<'a>> {
    if number.is_finite() {
        return Ok(Value::Double(number));
    }
    Err(Error::data("a floating point result is out of range"))
}
