//! HOT. Cells as literals of MySQL's SQL. Uses `error`, `ums` and the shapes.

use std::fmt::Write;

use crate::error::{Error, Result};
use crate::ums::base64::decode_base64;
use crate::ums::{Cell, Type};

/// As a number, MySQL takes it for a decimal. MariaDB stores 0 however it is written.
const MINUS_ZERO: &str = "'-0'";

/// Longer values go as they came, in Base64; for short ones a call each costs the server more.
const LONG: usize = 16 << 10;

/// Appends the literal of a cell; the error says what was expected, and never what was there.
pub(super) fn push_value(sql: &mut String, cell: &Cell, ty: Type) -> Result<()> {
    if let (Cell::Plain(text), Type::String | Type::Date | Type::Datetime) = (cell, ty) {
        push_text(sql, text);
        return Ok(());
    }
    let Some(text) = cell.text()? else {
        sql.push_str("NULL");
        return Ok(());
    };
    match ty {
        Type::String | Type::Date | Type::Datetime => push_text(sql, &text),
        Type::Int | Type::Long | Type::Decimal => push_number(sql, &text)?,
        Type::Double => {
            let start = sql.len();
            push_number(sql, &text)?;
            if text.starts_with('-') && text.parse::<f64>() == Ok(0.0) {
                sql.truncate(start);
                sql.push_str(MINUS_ZERO);
            }
        }
        Type::Float => match text.parse::<f32>() {
            // The server reads a literal as a double and refuses what is above the largest float,
            // which the shortest text of that very float is.
            Ok(0.0) if text.starts_with('-') => sql.push_str(MINUS_ZERO),
            Ok(number) if number.is_finite() => {
                let _ = write!(sql, "{:e}", f64::from(number));
            }
            _ => return Err(unfit("a floating point number of 32 bits")),
        },
        Type::Boolean => match text.as_ref() {
            "true" | "1" => sql.push('1'),
            "false" | "0" => sql.push('0'),
            _ => return Err(unfit("true or false")),
        },
        Type::Binary => {
            let bytes = decode_base64(text.as_bytes())
                .ok_or_else(|| unfit("standard Base64 with padding"))?;
            // Two digits a byte would make of a value that fits into a packet one that does not.
            if bytes.len() > LONG {
                sql.push_str("FROM_BASE64('");
                sql.push_str(&text);
                sql.push_str("')");
            } else {
                push_bytes(sql, &bytes);
            }
        }
    }
    Ok(())
}

/// A text in quotes. The session's sql_mode has backslashes escape.
pub(super) fn push_text(sql: &mut String, text: &str) {
    sql.push('\'');
    let mut rest = text;
    while let Some(at) = memchr::memchr2(b'\'', b'\\', rest.as_bytes()) {
        let (plain, special) = rest.split_at(at);
        sql.push_str(plain);
        sql.push('\\');
        let (special, behind) = special.split_at(1);
        sql.push_str(special);
        rest = behind;
    }
    sql.push_str(rest);
    sql.push('\'');
}

fn push_bytes(sql: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    sql.reserve(bytes.len() * 2 + 3);
    sql.push_str("x'");
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            sql.push(char::from(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'0')));
        }
    }
    sql.push('\'');
}

/// A number as it is written: sign, digits, fraction, exponent. Anything else would be SQL: `5-3`
/// and `1e` are no numbers to the server.
fn push_number(sql: &mut String, text: &str) -> Result<()> {
    let digits = |text: &mut &[u8]| {
        let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *text = text.get(count..).unwrap_or_default();
        count > 0
    };
    let mut rest = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let mut good = digits(&mut rest);
    if let Some((b'.', behind)) = rest.split_first() {
        rest = behind;
        good &= digits(&mut rest);
    }
    if let Some((b'e' | b'E', behind)) = rest.split_first() {
        rest = match behind.split_first() {
            Some((b'+' | b'-', behind)) => behind,
            _ => behind,
        };
        good &= digits(&mut rest);
    }
    if !good || !rest.is_empty() {
        return Err(unfit("a number"));
    }
    sql.push_str(text);
    Ok(())
}

fn unfit(expected: &str) -> Error {
    Error::data(format!("the cell does not hold {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(cell: Cell, ty: Type) -> Result<String> {
        let mut sql = String::new();
        push_value(&mut sql, &cell, ty).map(|()| sql)
    }

    #[test]
    fn literals() {
        assert_eq!(literal(Cell::Plain("it's"), Type::String).unwrap(), r"'it\'s'");
        assert_eq!(literal(Cell::Escaped(br"a\\b\n"), Type::String).unwrap(), "'a\\\\b\n'");
        assert_eq!(literal(Cell::Plain("-1.50"), Type::Decimal).unwrap(), "-1.50");
        assert_eq!(literal(Cell::Bare(b"1e-7"), Type::Double).unwrap(), "1e-7");
        assert_eq!(literal(Cell::Bare(b"-0.0"), Type::Double).unwrap(), "'-0'");
        assert_eq!(
            literal(Cell::Bare(b"3.4028235e38"), Type::Float).unwrap(),
            "3.4028234663852886e38"
        );
        assert_eq!(literal(Cell::Bare(b"true"), Type::Boolean).unwrap(), "1");
        assert_eq!(literal(Cell::Plain("AP8="), Type::Binary).unwrap(), "x'00ff'");
        assert_eq!(literal(Cell::Null, Type::Binary).unwrap(), "NULL");
    }

    #[test]
    fn a_number_is_never_sql() {
        for text in [
            "", "-", "1;", "1 OR 1", "e", "--1", "1--1", "0x1", ".5", "NaN", "5-3", "1e", "1.2.3",
            "1e5+3", "1.",
        ] {
            assert!(literal(Cell::Plain(text), Type::Long).is_err(), "{text}");
        }
    }
}
