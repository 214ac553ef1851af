//! What the methods of the older systems share: values that stand for any other, salts, and digests as
//! values of a field's type. Uses `ums`. Once a masked cell.

use crate::ums::Type;
use crate::ums::json::{push_f32, push_f64, push_i64, push_string};

use super::lenient::members;
use super::method::{Value, Wrong};
use super::numbers;

/// The value that says nothing, of each type, as JSON.
pub(super) fn neutral(ty: Type) -> &'static str {
    match ty {
        Type::Int => "0",
        Type::Long | Type::Decimal => "\"0\"",
        Type::Float | Type::Double => "0.0",
        Type::Boolean => "false",
        Type::Date => "\"1970-01-01\"",
        Type::Datetime => "\"1970-01-01 08:00:01.000\"",
        Type::String => "\"*\"",
        Type::Binary => "\"\"",
    }
}

/// What is put behind a value before its digest is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Salt {
    /// Nothing.
    None,
    /// A text.
    Fixed(String),
    /// The value of another column of the row, as it is before masking; nothing where it is NULL.
    Column(String),
}

impl Salt {
    /// Reads a parameter: nothing, a text, or an object that says which.
    pub(super) fn parse(parameter: &str) -> Result<Self, String> {
        if parameter.is_empty() {
            return Ok(Self::None);
        }
        if !parameter.starts_with('{') {
            return Ok(Self::Fixed(parameter.to_owned()));
        }
        let wrong = || {
            "a salt is a text, {type:'fixed',salt:'TEXT'} or {type:'field',salt:'COLUMN'}"
                .to_owned()
        };
        let (mut kind, mut salt) = (None, None);
        for (name, value) in members(parameter).map_err(|_| wrong())? {
            match name.as_str() {
                "type" => kind = Some(value),
                "salt" => salt = Some(value),
                _ => return Err(wrong()),
            }
        }
        match (kind.as_deref(), salt) {
            (Some("fixed"), Some(salt)) => Ok(Self::Fixed(salt)),
            (Some("field"), Some(column)) if !column.is_empty() => Ok(Self::Column(column)),
            _ => Err(wrong()),
        }
    }

    /// The column, where it is one.
    pub(super) fn column(&self) -> Option<&str> {
        match self {
            Self::Column(name) => Some(name),
            _ => None,
        }
    }

    /// Shows value and salt to a digest.
    pub(super) fn feed(&self, value: &Value, mut show: impl FnMut(&[u8])) -> Result<(), Wrong> {
        let text = match value.ty {
            Type::Double => {
                numbers::double(value.text.parse().map_err(|_| Wrong)?).ok_or(Wrong)?.into()
            }
            Type::Float => {
                numbers::float(value.text.parse().map_err(|_| Wrong)?).ok_or(Wrong)?.into()
            }
            Type::Decimal => numbers::decimal(value.text),
            _ => std::borrow::Cow::Borrowed(value.text),
        };
        show(text.as_bytes());
        match self {
            Self::None => {}
            Self::Fixed(salt) => show(salt.as_bytes()),
            Self::Column(_) => show(value.salt.as_bytes()),
        }
        Ok(())
    }
}

/// A digest as a cell of the type: its first bytes, the lowest first, for numbers.
pub(super) fn push_digest(ty: Type, digest: &[u8; 16], out: &mut Vec<u8>) {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    let (int, long) =
        (i32::from_le_bytes([a, b, c, d]), i64::from_le_bytes([a, b, c, d, e, f, g, h]));
    match ty {
        Type::Int => push_i64(out, i64::from(int)),
        Type::Long => {
            out.push(b'"');
            push_i64(out, long);
            out.push(b'"');
        }
        Type::Float => push_f32(out, int as f32 / 2.0),
        Type::Double => push_f64(out, long as f64 / 2.0),
        Type::Decimal => {
            push_string(out, &numbers::one_digit(long as f64 / 3.0).unwrap_or_default())
        }
        Type::String | Type::Binary => {
            out.push(b'"');
            push_hex(out, digest);
            out.push(b'"');
        }
        Type::Boolean | Type::Date | Type::Datetime => {
            out.extend_from_slice(neutral(ty).as_bytes())
        }
    }
}

/// Two digits a byte, lower case.
pub(super) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts() {
        let fixed = |text: &str| Salt::Fixed(text.into());
        assert_eq!(Salt::parse("").unwrap(), Salt::None);
        assert_eq!(Salt::parse("a:b=c").unwrap(), fixed("a:b=c"));
        assert_eq!(Salt::parse("{\"type\":\"fixed\",\"salt\":\"x\"}").unwrap(), fixed("x"));
        assert_eq!(Salt::parse("{type:'field',salt:'c'}").unwrap(), Salt::Column("c".into()));
        for wrong in
            ["{", "{}", "{type:'field'}", "{type:'file',salt:'x'}", "{type:'fixed',salt:'x',y:1}"]
        {
            assert!(Salt::parse(wrong).is_err(), "{wrong}");
        }
    }
}
