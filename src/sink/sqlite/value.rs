//! HOT. Cells to SQLite values that mean exactly the same. Uses `error` and `ums`.

use std::borrow::Cow;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};

use crate::error::{Error, Result};
use crate::ums::base64::decode_base64;
use crate::ums::{Cell, Type};

/// What SQLite does to values that are put into a column, told by its declared type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Affinity {
    /// Text that looks like a number becomes one.
    Number,
    /// As `Number`, and whole numbers become floating point.
    Real,
    /// Numbers become text.
    Text,
    /// Values stay as they are.
    Blob,
}

impl Affinity {
    /// SQLite's own rule (datatype3.html, section 3.1), in its order.
    pub(super) fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
        match () {
            () if has(&["INT"]) => Self::Number,
            () if has(&["CHAR", "CLOB", "TEXT"]) => Self::Text,
            () if declared.is_empty() || has(&["BLOB"]) => Self::Blob,
            () if has(&["REAL", "FLOA", "DOUB"]) => Self::Real,
            () => Self::Number,
        }
    }

    /// Whether a value of the type comes back from such a column as it went in.
    pub(super) fn keeps(self, ty: Type) -> bool {
        match self {
            Self::Text | Self::Blob => true,
            // 2.0 is kept as 2, which is the same number.
            Self::Number => is_number(ty) || ty == Type::Binary,
            Self::Real => matches!(ty, Type::Float | Type::Double | Type::Binary),
        }
    }
}

fn is_number(ty: Type) -> bool {
    matches!(ty, Type::Int | Type::Long | Type::Float | Type::Double | Type::Boolean)
}

/// The declared type of a column that keeps the type's values exact. Decimals are text: SQLite's
/// numbers would turn 1.10 into 1.1 and round beyond 15 digits.
pub(super) fn declared(ty: Type) -> &'static str {
    match ty {
        Type::Int | Type::Long | Type::Boolean => "INTEGER",
        Type::Float | Type::Double => "REAL",
        Type::Decimal | Type::Date | Type::Datetime | Type::String => "TEXT",
        Type::Binary => "BLOB",
    }
}

/// How the cells of one column are bound; chosen once a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Real,
    Boolean,
    Text,
    Blob,
}

impl Form {
    /// The form for a type in a column.
    pub(super) fn of(ty: Type, column: Affinity) -> Self {
        match ty {
            // SQLite would write a floating point number with 15 digits; the cell has them all.
            Type::Float | Type::Double if column == Affinity::Text => Self::Text,
            Type::Int | Type::Long => Self::Integer,
            Type::Float | Type::Double => Self::Real,
            Type::Boolean => Self::Boolean,
            Type::Decimal | Type::Date | Type::Datetime | Type::String => Self::Text,
            Type::Binary => Self::Blob,
        }
    }

    /// The value of a cell; the error says what was expected, and never what was there.
    pub(super) fn value<'a>(self, cell: &Cell<'a>) -> Result<ToSqlOutput<'a>> {
        if let (Self::Text, Cell::Plain(text)) = (self, cell) {
            return Ok(ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())));
        }
        let Some(text) = cell.text()? else {
            return Ok(ToSqlOutput::Borrowed(ValueRef::Null));
        };
        match self {
            Self::Text => Ok(match text {
                Cow::Borrowed(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
                Cow::Owned(text) => ToSqlOutput::Owned(Value::Text(text)),
            }),
            Self::Integer => match text.parse::<i64>() {
                Ok(number) => Ok(ToSqlOutput::Borrowed(ValueRef::Integer(number))),
                Err(_) => Err(unfit("a whole number of 64 bits")),
            },
            Self::Real => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => {
                    Ok(ToSqlOutput::Borrowed(ValueRef::Real(number)))
                }
                _ => Err(unfit("a floating point number of 64 bits")),
            },
            Self::Boolean => match text.as_ref() {
                "true" | "1" => Ok(ToSqlOutput::Borrowed(ValueRef::Integer(1))),
                "false" | "0" => Ok(ToSqlOutput::Borrowed(ValueRef::Integer(0))),
                _ => Err(unfit("true or false")),
            },
            Self::Blob => decode_base64(text.as_bytes())
                .map(|bytes| ToSqlOutput::Owned(Value::Blob(bytes)))
                .ok_or_else(|| unfit("standard Base64 with padding")),
        }
    }
}

fn unfit(expected: &str) -> Error {
    Error::data(format!("the cell does not hold {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_are_those_of_sqlite() {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        for declared in [
            "INTEGER",
            "BIGINT",
            "TEXT",
            "VARCHAR(9)",
            "BLOB",
            "",
            "REAL",
            "DOUBLE",
            "DECIMAL(9,2)",
            "BOOLEAN",
        ] {
            connection
                .execute_batch(&format!("DROP TABLE IF EXISTS t; CREATE TABLE t (c {declared})"))
                .unwrap();
            // Text that looks like a fraction tells numbers from the rest, a whole number the rest.
            connection.execute("INSERT INTO t VALUES ('1.50')", []).unwrap();
            connection.execute("INSERT INTO t VALUES (7)", []).unwrap();
            let kinds: String = connection
                .query_row("SELECT group_concat(typeof(c), ' ') FROM t", [], |row| row.get(0))
                .unwrap();
            let expected = match Affinity::of(declared) {
                Affinity::Number => "real integer",
                Affinity::Real => "real real",
                Affinity::Text => "text text",
                Affinity::Blob => "text integer",
            };
            assert_eq!(kinds, expected, "{declared}");
        }
    }

    #[test]
    fn a_cell_that_does_not_fit_is_not_quoted() {
        for (form, text) in [
            (Form::Integer, "12x"),
            (Form::Real, "1e999"),
            (Form::Boolean, "yes"),
            (Form::Blob, "*"),
        ] {
            let error = form.value(&Cell::Plain(text)).unwrap_err();
            assert!(!error.to_string().contains(text));
        }
    }
}
