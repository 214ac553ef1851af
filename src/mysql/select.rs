//! HOT in `push`. Cells as a SELECT in the text protocol gives them, written exactly as the log's
//! are: numbers, labels and bytes go through `mysql::value`. Uses `ums` and `mysql::{schema, types,
//! value}`.
//!
//! The session is in UTC, with `character_set_results=NULL`, so that text comes in the column's own
//! character set and our tables decode it, as they do for the log.

use super::schema::ColumnDefinition;
use super::types::Kind;
use super::value::{self, CellError, Scratch};
use crate::ums::json::{push_escaped, push_u64};

/// `name` between backticks.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `text` as a string literal, for a session without `NO_BACKSLASH_ESCAPES`.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A cell of a row as text; `None` for NULL, for what is no text, and where there is no such column.
pub fn text(row: &mysql::Row, column: impl mysql::prelude::ColumnIndex) -> Option<String> {
    row.get_opt::<Option<String>, _>(column)?.ok().flatten()
}

/// What to select for a column, so that no digit is lost and labels come as numbers.
pub fn expression(column: &ColumnDefinition, kind: &Kind) -> String {
    let name = identifier(&column.name);
    match kind {
        // A plain FLOAT is printed with six digits. The factor keeps the sign of zero.
        Kind::Float | Kind::Double => format!("{name}*1e0"),
        Kind::Enum(..) | Kind::Set(..) => format!("CAST({name} AS UNSIGNED)"),
        _ => name,
    }
}

/// Appends the JSON of a cell that is not NULL. What was appended before an error is to be thrown
/// away.
#[inline]
pub fn push(
    kind: &Kind,
    bytes: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<(), CellError> {
    match kind {
        Kind::Signed(_)
        | Kind::Unsigned(_)
        | Kind::UnsignedInt
        | Kind::Bigint
        | Kind::UnsignedBigint
        | Kind::Enum(..)
        | Kind::Set(..) => {
            let image = integer(bytes).ok_or(CellError::Malformed)?.to_le_bytes();
            value::push(kind, &image, out, scratch).map(drop)
        }
        Kind::Year => {
            push_u64(out, integer(bytes).ok_or(CellError::Malformed)?);
            Ok(())
        }
        Kind::Float => {
            let number = (double(bytes).ok_or(CellError::Malformed)? as f32).to_bits();
            value::push(kind, &number.to_le_bytes(), out, scratch).map(drop)
        }
        Kind::Double => {
            let number = double(bytes).ok_or(CellError::Malformed)?.to_bits();
            value::push(kind, &number.to_le_bytes(), out, scratch).map(drop)
        }
        Kind::Bit(width) => {
            let missing = usize::from(*width).saturating_sub(bytes.len());
            let mut image = [0u8; 8];
            let room = image.get_mut(missing..usize::from(*width)).ok_or(CellError::Malformed)?;
            if room.len() != bytes.len() {
                return Err(CellError::Malformed);
            }
            room.copy_from_slice(bytes);
            value::push(kind, &image, out, scratch).map(drop)
        }
        Kind::Decimal(..) => {
            out.push(b'"');
            out.extend_from_slice(decimal(bytes).0);
            out.extend_from_slice(decimal(bytes).1);
            out.push(b'"');
            Ok(())
        }
        Kind::Date
        | Kind::TimeOld
        | Kind::DatetimeOld
        | Kind::TimestampOld
        | Kind::TimeOwn(_)
        | Kind::DatetimeOwn(_)
        | Kind::TimestampOwn(_)
        | Kind::Time(_)
        | Kind::Datetime(_)
        | Kind::Timestamp(_)
        | Kind::Json(_)
        | Kind::Uuid
        | Kind::Inet6
        | Kind::Inet4 => {
            if std::str::from_utf8(bytes).is_err() {
                return Err(CellError::Malformed);
            }
            out.push(b'"');
            push_escaped(out, bytes);
            out.push(b'"');
            Ok(())
        }
        // The server has unpacked it.
        Kind::Compressed(_, inner) => value::push_bytes(inner, bytes, out, scratch),
        Kind::Text(..) | Kind::Bytes(_) | Kind::Padded(..) | Kind::Vector(_) => {
            value::push_bytes(kind, bytes, out, scratch)
        }
    }
}

/// A whole number, the zeros of ZEROFILL in front; negative ones in two's complement.
fn integer(bytes: &[u8]) -> Option<u64> {
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, bytes),
    };
    if digits.is_empty() {
        return None;
    }
    let mut number = 0u64;
    for digit in digits {
        let digit = u64::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

fn double(bytes: &[u8]) -> Option<f64> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

/// Sign and digits of a decimal without the zeros of ZEROFILL.
fn decimal(bytes: &[u8]) -> (&[u8], &[u8]) {
    let signed = usize::from(bytes.first() == Some(&b'-'));
    let (sign, digits) = bytes.split_at_checked(signed).unwrap_or((&[], bytes));
    let whole = digits.iter().position(|digit| *digit == b'.').unwrap_or(digits.len());
    let zeros = digits.iter().take(whole.saturating_sub(1)).take_while(|d| **d == b'0').count();
    (sign, digits.get(zeros..).unwrap_or(digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::charset::Bad;

    fn shown(kind: &Kind, text: &[u8]) -> String {
        let mut out = Vec::new();
        push(kind, text, &mut out, &mut Scratch::new(Bad::Stop)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_those_of_the_log() {
        assert_eq!(shown(&Kind::Signed(1), b"-128"), "-128");
        assert_eq!(shown(&Kind::UnsignedInt, b"0000000007"), "\"7\"");
        assert_eq!(shown(&Kind::Bigint, b"-9223372036854775808"), "\"-9223372036854775808\"");
        assert_eq!(
            shown(&Kind::UnsignedBigint, b"18446744073709551615"),
            "\"18446744073709551615\""
        );
        assert_eq!(shown(&Kind::Float, b"16777216"), "16777216.0");
        assert_eq!(shown(&Kind::Decimal(8, 2), b"-00012.50"), "\"-12.50\"");
        assert_eq!(shown(&Kind::Decimal(8, 2), b"000000.00"), "\"0.00\"");
        assert_eq!(shown(&Kind::Bit(2), &[1, 255]), "\"511\"");
        assert_eq!(shown(&Kind::Year, b"0000"), "0");
        let labels = vec![b"\"\"".to_vec(), b"\"a\"".to_vec()];
        assert_eq!(shown(&Kind::Enum(1, labels), b"1"), "\"a\"");
        assert_eq!(shown(&Kind::Json(4), br#"{"a": "\n"}"#), r#""{\"a\": \"\\n\"}""#);
    }

    #[test]
    fn what_is_no_number_is_an_error() {
        let mut out = Vec::new();
        let scratch = &mut Scratch::new(Bad::Stop);
        for kind in [Kind::Signed(4), Kind::Double, Kind::Year, Kind::Bit(1)] {
            for text in [&b""[..], b"-", b"1x", b"99999999999999999999999x"] {
                let _ = push(&kind, text, &mut out, scratch);
            }
        }
        assert!(push(&Kind::Signed(4), b"1x", &mut out, scratch).is_err());
    }

    #[test]
    fn names_and_literals_are_quoted() {
        assert_eq!(identifier("a`b"), "`a``b`");
        assert_eq!(literal("a'\\"), "'a''\\\\'");
    }
}
