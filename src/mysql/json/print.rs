//! JSON scalars as the server's `Json_wrapper::to_string` writes them. Uses `error`, `ums::json`,
//! `mysql::{decimal, temporal}`. Hot.

use super::binary::Value;
use super::{damaged, number};
use crate::error::Result;
use crate::mysql::{decimal, temporal};
use crate::ums::json;

/// Numbers of the column types whose values are not written as Base64.
const TYPE_TIMESTAMP: u8 = 7;
const TYPE_DATE: u8 = 10;
const TYPE_TIME: u8 = 11;
const TYPE_DATETIME: u8 = 12;
const TYPE_NEWDECIMAL: u8 = 246;
/// Text of a set that the server did not convert (utf16, ucs2): it shows the bytes as they are.
const TYPE_VAR_STRING: u8 = 253;

/// The server breaks Base64 into lines of 76 characters, 57 bytes.
const BYTES_A_LINE: usize = 57;

/// A string in quotes, with the escapes that MySQL uses.
pub fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    json::push_escaped(out, text);
    out.push(b'"');
}

/// A value that is no container.
pub fn push_scalar(out: &mut Vec<u8>, value: &Value<'_>) -> Result<()> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(value) => json::push_i64(out, *value),
        Value::Uint(value) => json::push_u64(out, *value),
        Value::Double(value) => number::push_double(out, *value)?,
        Value::String(text) => push_string(out, text),
        Value::Opaque(kind, bytes) => push_opaque(out, *kind, bytes)?,
        Value::Array(_) | Value::Object(_) => return Err(damaged("a container is no scalar")),
    }
    Ok(())
}

fn push_opaque(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Result<()> {
    match kind {
        TYPE_NEWDECIMAL => {
            push_decimal(out, bytes).ok_or_else(|| damaged("it holds an impossible decimal"))
        }
        TYPE_DATE | TYPE_TIME | TYPE_DATETIME | TYPE_TIMESTAMP => {
            push_temporal(out, kind, bytes).ok_or_else(|| damaged("it holds an impossible time"))
        }
        // Where the bytes are no UTF-8 SELECT sends them all the same; here they stay readable.
        TYPE_VAR_STRING if std::str::from_utf8(bytes).is_ok() => {
            push_string(out, bytes);
            Ok(())
        }
        _ => {
            out.extend_from_slice(b"\"base64:type");
            json::push_u64(out, kind.into());
            out.push(b':');
            for (index, line) in bytes.chunks(BYTES_A_LINE).enumerate() {
                if index > 0 {
                    out.extend_from_slice(b"\\n");
                }
                json::push_base64(out, line);
            }
            out.push(b'"');
            Ok(())
        }
    }
}

/// Precision, scale, then the packed digits.
fn push_decimal(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    let (&[precision, scale], packed) = bytes.split_first_chunk::<2>()?;
    decimal::push_decimal(out, packed, precision, scale).map(|_| ())
}

/// Eight little-endian bytes of the server's packed time, always shown with six fraction digits.
/// Big-endian and biased they are what a column with six digits stores.
fn push_temporal(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) -> Option<()> {
    let packed = i64::from_le_bytes(bytes.try_into().ok()?);
    out.push(b'"');
    if kind == TYPE_TIME {
        let column = packed.checked_add(0x8000_0000_0000)?.to_be_bytes();
        // Two bytes that a TIME column does not have: a time needs none of their bits.
        let &[0, 0, ref column @ ..] = &column else { return None };
        temporal::push_time2(out, column, 6)?;
    } else {
        let column = (packed as u64 ^ 1 << 63).to_be_bytes();
        let start = out.len();
        temporal::push_datetime2(out, &column, 6)?;
        if kind == TYPE_DATE {
            out.truncate(start + "YYYY-MM-DD".len());
        }
    }
    out.push(b'"');
    Some(())
}
