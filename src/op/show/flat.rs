//! HOT. One plain JSON object a row, for jq and people. Uses `error`, `ums`.

use crate::error::{Error, Result};
use crate::op::Stage;
use crate::ums::json::push_string;
use crate::ums::{Cell, Decoder, Type};

/// Rows as objects: `_ums_namespace_` in front, then every column by its name. Numbers of any width
/// are JSON numbers with all their digits. What holds no rows is left out.
#[derive(Default)]
pub struct Flat {
    decoder: Decoder,
}

impl Stage for Flat {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let message = self.decoder.decode(line)?;
        if !message.protocol.is_data() {
            return Ok(());
        }
        let schema = &message.header.schema;
        let mut open = b"{\"_ums_namespace_\":".to_vec();
        push_string(&mut open, &schema.namespace.to_string());
        let names: Vec<Vec<u8>> = schema
            .fields
            .iter()
            .map(|field| {
                let mut name = b",".to_vec();
                push_string(&mut name, &field.name);
                name.push(b':');
                name
            })
            .collect();
        let start = out.len();
        let mut cells = Vec::with_capacity(names.len());
        for row in message.rows() {
            let split = row.and_then(|row| row.split(names.len(), &mut cells));
            if let Err(error) = split {
                out.truncate(start);
                return Err(error);
            }
            out.extend_from_slice(&open);
            for ((cell, name), field) in cells.iter().zip(&names).zip(&schema.fields) {
                out.extend_from_slice(name);
                push_value(cell, field.ty, out);
            }
            out.extend_from_slice(b"}\n");
        }
        Ok(())
    }
}

/// A cell as the JSON value that it is: a number without quotes where its text is one.
pub(in crate::op) fn push_value(cell: &Cell, ty: Type, out: &mut Vec<u8>) {
    match (cell, ty) {
        (Cell::Plain(text), Type::Long | Type::Decimal) if is_number(text) => {
            out.extend_from_slice(text.as_bytes());
        }
        _ => cell.push_json(out),
    }
}

/// Whether a text is a number as JSON writes it, without an exponent.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(all)
}

/// An error for a form that needs a system column.
#[cold]
pub(in crate::op) fn lacking(name: &str) -> Error {
    Error::refused(format!("a table without {name}")).advise("leave it out with --namespace")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_objects() {
        let line = r#"{"protocol":{"type":"data_increment_data"},"schema":{"namespace":"m.s.d.t.0.0.0","fields":[{"name":"a\"b","type":"long"},{"name":"d","type":"decimal"},{"name":"s","type":"string"}]},"payload":[{"tuple":["9223372036854775807","-0.50","1"]},{"tuple":["007",null,"x\ny"]}]}"#;
        let mut out = Vec::new();
        Flat::default().line(line.as_bytes(), &mut out).unwrap();
        let expected = "{\"_ums_namespace_\":\"m.s.d.t.0.0.0\",\"a\\\"b\":9223372036854775807,\"d\":-0.50,\"s\":\"1\"}\n{\"_ums_namespace_\":\"m.s.d.t.0.0.0\",\"a\\\"b\":\"007\",\"d\":null,\"s\":\"x\\ny\"}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
        for text in ["", "-", "1.", ".5", "+1", "1e5", "01"] {
            assert!(!is_number(text), "{text}");
        }
    }
}
