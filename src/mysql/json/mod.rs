//! MySQL's binary JSON to the text that SELECT shows. Uses `error`, `ums::json`,
//! `mysql::{decimal, temporal}`. Hot: once a JSON cell.
//!
//! `binary` reads the stored form, `print` writes scalars as the server's `Json_wrapper::to_string`
//! does, `number` writes doubles as its `my_gcvt` does. Here the two are walked together, without a
//! tree between them. MariaDB's JSON is plain text and never comes here.

pub(super) mod binary;
mod number;
pub(super) mod print;

use crate::error::{Error, Result};
use binary::{Reader, Value};

/// The deepest nesting that the server stores.
pub(super) const MAX_DEPTH: usize = 100;

/// Appends the text of a stored document: `", "` and `": "` between parts, keys in stored order.
///
/// A cell of no bytes is `null`, as SELECT shows it (old servers and INSERT IGNORE leave them).
/// Damaged bytes are an error of kind `Data`, with `out` as it was.
pub fn push_text(out: &mut Vec<u8>, binary: &[u8]) -> Result<()> {
    let start = out.len();
    let mut reader = Reader::new(binary);
    let done = reader
        .document(binary)
        .and_then(|value| push_value(out, &mut reader, &value, 1))
        .and_then(|()| valid_text(out.get(start..).unwrap_or_default()));
    if done.is_err() {
        out.truncate(start);
    }
    done
}

fn push_value(
    out: &mut Vec<u8>,
    reader: &mut Reader,
    value: &Value<'_>,
    depth: usize,
) -> Result<()> {
    let container = match value {
        Value::Array(container) | Value::Object(container) => container,
        scalar => return print::push_scalar(out, scalar),
    };
    check_depth(depth)?;
    let brackets = if container.has_keys() { [b'{', b'}'] } else { [b'[', b']'] };
    out.push(brackets[0]);
    for index in 0..container.count() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        if container.has_keys() {
            print::push_string(out, reader.key(container, index)?);
            out.extend_from_slice(b": ");
        }
        let element = reader.element(container, index)?;
        push_value(out, reader, &element, depth + 1)?;
    }
    out.push(brackets[1]);
    Ok(())
}

pub(super) fn check_depth(depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(damaged("it nests deeper than 100 levels"));
    }
    Ok(())
}

/// Strings are stored as utf8mb4; anything else would break the line that the text goes into.
pub(super) fn valid_text(text: &[u8]) -> Result<()> {
    match std::str::from_utf8(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(damaged("a string in it is not UTF-8")),
    }
}

/// The error of a document that no server writes.
#[cold]
pub(super) fn damaged(how: &str) -> Error {
    Error::data(format!("the binary JSON document is damaged: {how}"))
}

#[cfg(test)]
mod tests;
