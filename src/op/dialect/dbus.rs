//! The spelling of the 2020 DBus and Wormhole code: `ums_id_`, ops in lower case, neither keys nor
//! declarations. Markers and other messages are spelled so, too. Uses `error`, `ums`. HOT.

use crate::error::Result;
use crate::op::Stage;
use crate::ums::{Cell, Decoder, Dialect, MessageWriter, Op};

/// Writes. Readers need nothing: they take both spellings.
pub(super) fn writer() -> Box<dyn Stage> {
    Box::new(Spelling { decoder: Decoder::default() })
}

struct Spelling {
    decoder: Decoder,
}

impl Stage for Spelling {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let message = self.decoder.decode(line)?;
        let schema = &message.header.schema;
        let mut writer = MessageWriter::new(message.protocol, schema, Dialect::Dbus);
        let place = message.header.system.op;
        let mut cells = Vec::new();
        for row in message.rows() {
            row?.split(schema.fields.len(), &mut cells)?;
            let out = writer.begin_row();
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                let op = match cell {
                    Cell::Plain(text) if place == Some(index) => Op::parse(text.as_bytes()),
                    _ => None,
                };
                match op {
                    Some(op) => out.extend_from_slice(
                        [b'"', op.letter().to_ascii_lowercase() as u8, b'"'].as_slice(),
                    ),
                    None => cell.push_json(out),
                }
            }
            writer.end_row();
        }
        if writer.is_empty() {
            out.extend_from_slice(writer.head());
            out.extend_from_slice(b"]}\n");
        } else {
            writer.finish_into(out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::dialect::reading::tests::{read, written};

    #[test]
    fn messages_are_spelled_as_of_old() {
        let lines = written(writer());
        assert!(
            lines[0].contains(r#""name":"ums_id_","type":"long""#) && !lines[0].contains("origin")
        );
        assert!(lines[0].contains(r#""i","u1",1,"1.50""#), "{}", lines[0]);
        let end = r#"{"protocol":{"type":"data_increment_termination"},"schema":{"namespace":"m.s.d.t.0.0.0","fields":[{"name":"_ums_ts_","type":"datetime"}]}}"#;
        assert!(read(writer(), &[end])[0].ends_with(r#""payload":[]}"#));
    }
}
