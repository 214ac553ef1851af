//! HOT. Messages to bytes without an intermediate tree. Uses `ums`.

use super::json::{push_i64, push_string};
use super::model::{Dialect, Protocol, Schema};

/// `protocol.version` of everything we write.
const VERSION: &str = "1.3";
/// What stands before and behind the cells of a row, and behind the last row.
const ROW_OPEN: &[u8] = b"{\"tuple\":[";
const ROW_CLOSE: &[u8] = b"]}";
const MESSAGE_CLOSE: &[u8] = b"]}\n";

/// Bytes of room that an empty message keeps.
const ROOM_KEPT: usize = 4 << 20;

/// Builds one message: the head once, then rows. After `finish_into` it is empty and can be used
/// again with the same head.
pub struct MessageWriter {
    head: Vec<u8>,
    body: Vec<u8>,
    /// Where in `body` the row begun last starts, its comma included.
    row_start: usize,
    rows: usize,
}

impl MessageWriter {
    /// Renders the head (`protocol`, `schema`, up to `"payload":[`).
    pub fn new(protocol: Protocol, schema: &Schema, dialect: Dialect) -> Self {
        let mut head = Vec::with_capacity(256 + schema.fields.len() * 96);
        head.extend_from_slice(b"{\"protocol\":{\"type\":");
        push_string(&mut head, protocol.name());
        head.extend_from_slice(b",\"version\":");
        push_string(&mut head, VERSION);
        head.extend_from_slice(b"},\"schema\":");
        schema_json(schema, dialect, &mut head);
        head.extend_from_slice(b",\"payload\":[");
        Self { head, body: Vec::new(), row_start: 0, rows: 0 }
    }

    /// The message up to its first row.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Starts a row and gives the buffer to append its JSON cells to, separated by commas;
    /// the caller writes the cells and the commas between them.
    #[inline]
    pub fn begin_row(&mut self) -> &mut Vec<u8> {
        self.row_start = self.body.len();
        if self.rows > 0 {
            self.body.push(b',');
        }
        self.body.extend_from_slice(ROW_OPEN);
        &mut self.body
    }

    /// Ends the row.
    #[inline]
    pub fn end_row(&mut self) {
        self.body.extend_from_slice(ROW_CLOSE);
        self.rows += 1;
    }

    /// Takes back the row that `begin_row` started and `end_row` has not ended.
    pub fn abandon_row(&mut self) {
        self.body.truncate(self.row_start);
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes the message would have.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len() + MESSAGE_CLOSE.len()
    }

    /// Whether no row was written.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Appends the whole line with its newline to `out` and empties the body; nothing when empty.
    pub fn finish_into(&mut self, out: &mut Vec<u8>) {
        if self.rows > 0 {
            out.reserve(self.len());
            out.extend_from_slice(&self.head);
            out.extend_from_slice(&self.body);
            out.extend_from_slice(MESSAGE_CLOSE);
        }
        self.clear();
    }

    /// Writes the whole line with its newline to `out` and empties the body; nothing when empty.
    pub fn finish(&mut self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        if self.rows > 0 {
            self.body.extend_from_slice(MESSAGE_CLOSE);
            out.write_all(&self.head)?;
            out.write_all(&self.body)?;
        }
        self.clear();
        Ok(())
    }

    /// Forgets the rows, keeps the head and the room, but not the room of one huge row.
    fn clear(&mut self) {
        self.body.clear();
        self.body.shrink_to(ROOM_KEPT);
        self.row_start = 0;
        self.rows = 0;
    }
}

/// The JSON of a schema object, as `MessageWriter` writes it.
pub fn schema_json(schema: &Schema, dialect: Dialect, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"namespace\":");
    push_string(out, &schema.namespace.to_string());
    out.extend_from_slice(b",\"batchId\":");
    push_i64(out, schema.batch_id);
    if dialect == Dialect::Dws && !schema.keys.is_empty() {
        out.extend_from_slice(b",\"keys\":[");
        for (index, key) in schema.keys.iter().enumerate() {
            separate(out, index);
            push_string(out, key);
        }
        out.push(b']');
    }
    out.extend_from_slice(b",\"fields\":[");
    let system = schema.system();
    for (index, field) in schema.fields.iter().enumerate() {
        separate(out, index);
        let name = match dialect {
            Dialect::Dws => field.name.as_str(),
            Dialect::Dbus => match Some(index) {
                at if at == system.id => "ums_id_",
                at if at == system.ts => "ums_ts_",
                at if at == system.op => "ums_op_",
                at if at == system.uid => "ums_uid_",
                _ => field.name.as_str(),
            },
        };
        out.extend_from_slice(b"{\"name\":");
        push_string(out, name);
        out.extend_from_slice(b",\"type\":");
        push_string(out, field.ty.name());
        out.extend_from_slice(b",\"nullable\":");
        out.extend_from_slice(truth(field.nullable));
        out.extend_from_slice(b",\"encoded\":");
        out.extend_from_slice(truth(field.encoded));
        if let (Dialect::Dws, Some(origin)) = (dialect, &field.origin) {
            out.extend_from_slice(b",\"origin\":");
            push_string(out, origin);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

fn separate(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

fn truth(value: bool) -> &'static [u8] {
    if value { b"true" } else { b"false" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::{Field, Namespace, Type};

    fn schema() -> Schema {
        let field = |name: &str, ty, origin: Option<&str>| Field {
            name: name.into(),
            ty,
            nullable: origin.is_some(),
            encoded: false,
            origin: origin.map(Into::into),
        };
        Schema {
            namespace: Namespace::parse("mysql.db1.shop.orders.0.0.0").unwrap(),
            batch_id: 0,
            keys: vec!["id".into()],
            fields: vec![
                field("_ums_id_", Type::Long, None),
                field("id", Type::Long, Some("bigint")),
            ],
        }
    }

    #[test]
    fn writes_both_dialects() {
        let mut out = Vec::new();
        for dialect in [Dialect::Dws, Dialect::Dbus] {
            let mut writer = MessageWriter::new(Protocol::IncrementData, &schema(), dialect);
            writer.begin_row().extend_from_slice(b"\"5\",\"1\"");
            writer.end_row();
            writer.begin_row().extend_from_slice(b"\"6\",null");
            writer.end_row();
            let length = writer.len();
            let before = out.len();
            writer.finish_into(&mut out);
            assert_eq!(out.len() - before, length);
        }
        let expected = concat!(
            r#"{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"mysql.db1.shop.orders.0.0.0","batchId":0,"keys":["id"],"fields":[{"name":"_ums_id_","type":"long","nullable":false,"encoded":false},{"name":"id","type":"long","nullable":true,"encoded":false,"origin":"bigint"}]},"payload":[{"tuple":["5","1"]},{"tuple":["6",null]}]}"#,
            "\n",
            r#"{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"mysql.db1.shop.orders.0.0.0","batchId":0,"fields":[{"name":"ums_id_","type":"long","nullable":false,"encoded":false},{"name":"id","type":"long","nullable":true,"encoded":false}]},"payload":[{"tuple":["5","1"]},{"tuple":["6",null]}]}"#,
            "\n",
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_abandoned_row_leaves_nothing() {
        let mut writer = MessageWriter::new(Protocol::IncrementData, &schema(), Dialect::Dws);
        let mut out = Vec::new();
        writer.begin_row().extend_from_slice(b"half");
        writer.abandon_row();
        assert!(writer.is_empty());
        writer.finish_into(&mut out);
        writer.finish(&mut out).unwrap();
        assert!(out.is_empty());
        for cells in [&b"1,1"[..], b"2,"] {
            writer.begin_row().extend_from_slice(cells);
            if cells.len() == 3 { writer.end_row() } else { writer.abandon_row() }
        }
        writer.finish(&mut out).unwrap();
        assert!(out.ends_with(b"\"payload\":[{\"tuple\":[1,1]}]}\n"));
        assert_eq!((writer.rows(), writer.is_empty()), (0, true));
    }
}
