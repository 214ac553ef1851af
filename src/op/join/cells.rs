//! Cells as keys and as results: equal values are equal bytes, whatever a source spells. Uses
//! `error`, `expr`, `ums`. HOT: some times a row.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::expr::number::Number;
use crate::expr::{Kind, Value};
use crate::near;
use crate::ums::json::push_string;
use crate::ums::{Cell, Field, Schema, Type};

/// Appends a cell's JSON in the one spelling of its value.
///
/// # Errors
/// `Data` for a text that is not of the type.
#[inline]
pub fn push_cell(out: &mut Vec<u8>, cell: &Cell, ty: Type) -> Result<()> {
    match cell.text()? {
        None => out.extend_from_slice(b"null"),
        Some(text) => push_text(out, &text, ty)?,
    }
    Ok(())
}

/// Appends the JSON of a text of this type in the one spelling of its value.
///
/// # Errors
/// `Data` for a text that is not of the type.
#[inline]
pub fn push_text(out: &mut Vec<u8>, text: &str, ty: Type) -> Result<()> {
    let wrong = || Error::data(format!("the cell is no {}", ty.name()));
    match ty {
        Type::String | Type::Binary | Type::Date | Type::Datetime => push_string(out, text),
        Type::Boolean => match Kind::Boolean.read(Cow::Borrowed(text)) {
            Some(Value::Boolean(true)) => out.extend_from_slice(b"true"),
            Some(Value::Boolean(false)) => out.extend_from_slice(b"false"),
            _ => return Err(wrong()),
        },
        Type::Float | Type::Double => {
            let number = Kind::Double.read(Cow::Borrowed(text)).ok_or_else(wrong)?;
            // 0 and -0 are equal.
            let number = if number.as_f64() == Some(0.0) { Value::Double(0.0) } else { number };
            let text = number.into_text(Kind::Double).unwrap_or_default();
            out.extend_from_slice(text.as_bytes());
        }
        Type::Int | Type::Long | Type::Decimal => {
            let text = plain_number(text).ok_or_else(wrong)?;
            if ty == Type::Int {
                out.extend_from_slice(text.as_bytes());
            } else {
                out.push(b'"');
                out.extend_from_slice(text.as_bytes());
                out.push(b'"');
            }
        }
    }
    Ok(())
}

/// The one spelling of an exact number: 1.50 and 1.5 are equal.
#[inline]
pub fn plain_number(text: &str) -> Option<Cow<'_, str>> {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let whole = digits.iter().all(u8::is_ascii_digit);
    if whole && (1..=18).contains(&digits.len()) && (digits.first() != Some(&b'0') || text == "0") {
        return Some(Cow::Borrowed(text));
    }
    let mut text = Number::parse(text)?.to_string();
    if text.contains('.') {
        let kept = text.trim_end_matches('0').trim_end_matches('.').len();
        text.truncate(kept);
    }
    if text == "-0" {
        text.remove(0);
    }
    Some(Cow::Owned(text))
}

/// The JSON of a result of this kind.
pub fn push_value(out: &mut Vec<u8>, value: Value, kind: Kind) {
    let bare = matches!(value, Value::Boolean(_) | Value::Double(_));
    match value.into_text(kind) {
        None => out.extend_from_slice(b"null"),
        Some(text) if bare => out.extend_from_slice(text.as_bytes()),
        Some(text) => push_string(out, &text),
    }
}

/// The type of a column that holds results of this kind.
pub fn type_of(kind: Kind) -> Type {
    match kind {
        Kind::Number => Type::Decimal,
        Kind::Double => Type::Double,
        Kind::Boolean => Type::Boolean,
        Kind::Date => Type::Date,
        Kind::Datetime => Type::Datetime,
        Kind::Binary => Type::Binary,
        Kind::Null | Kind::Text => Type::String,
    }
}

/// A field of a result.
pub fn field(name: &str, ty: Type, nullable: bool) -> Field {
    Field { name: name.to_owned(), ty, nullable, encoded: false, origin: None }
}

/// The system columns in front of every result.
pub fn system_fields() -> [Field; 4] {
    [
        field("_ums_id_", Type::Long, false),
        field("_ums_ts_", Type::Datetime, false),
        field("_ums_op_", Type::String, false),
        field("_ums_uid_", Type::String, false),
    ]
}

/// The places of the columns that tell rows of a table apart: those named, else its primary key.
///
/// # Errors
/// `Refused` where there is none.
pub fn key_places(schema: &Schema, named: &[String]) -> Result<Vec<usize>> {
    let keys = if named.is_empty() { &schema.keys } else { named };
    if keys.is_empty() {
        return Err(Error::refused(format!(
            "{}: rows cannot be told apart: the table has no primary key",
            schema.namespace
        ))
        .advise(
            "name unique columns with --keys, or take every row for itself with --mode append",
        ));
    }
    keys.iter()
        .map(|name| schema.column(name).ok_or_else(|| no_column(schema, "--keys: ", name)))
        .collect()
}

/// The error for a column that a table, or this image of its rows, lacks; `option` asks for it.
pub fn no_column(schema: &Schema, option: &str, name: &str) -> Error {
    let known = schema.fields.iter().map(|field| field.name.as_str());
    Error::refused(format!("{}: {option}no column '{name}'", schema.namespace)).advise(format!(
        "{} (--namespace leaves tables alone; a log must have whole rows, binlog_row_image=FULL)",
        near::names(name, known)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_equal_bytes() {
        for (ty, spellings) in [
            (Type::Decimal, &["1.50", "1.5", "+1.500", "01.5"][..]),
            (Type::Long, &["0", "-0", "00", "0.0"]),
            (Type::Int, &["-7", "-07"]),
            (Type::Decimal, &["100", "100.00"]),
            (Type::Double, &["0.1", "1e-1", "0.10"]),
            (Type::Double, &["0", "-0.0"]),
            (Type::Boolean, &["true", "1", "TRUE"]),
        ] {
            let bytes: Vec<Vec<u8>> = spellings
                .iter()
                .map(|text| {
                    let mut out = Vec::new();
                    push_text(&mut out, text, ty).unwrap();
                    out
                })
                .collect();
            assert!(bytes.iter().all(|one| *one == bytes[0]), "{spellings:?} {bytes:?}");
        }
        for (ty, wrong) in [(Type::Long, "x"), (Type::Double, "inf"), (Type::Boolean, "yes")] {
            assert!(push_text(&mut Vec::new(), wrong, ty).is_err());
        }
        assert_eq!(plain_number("9223372036854775808").unwrap(), "9223372036854775808");
    }
}
