//! The notice that a pull of one table has ended, and what it covered. Uses `error` and `ums`. Not
//! hot: one for a table and pull.

use super::decode::Message;
use super::encode::MessageWriter;
use super::json::{push_i64, push_string, push_u64};
use super::model::{Dialect, Field, Protocol, Schema, Type};
use super::namespace::Namespace;
use crate::error::{Error, Result};

/// The fields behind `_ums_id_` and `_ums_ts_`.
const FIELDS: [(&str, Type); 3] =
    [("whole", Type::Boolean), ("rows", Type::Long), ("range", Type::String)];

/// One shard of the pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The id of its rows; with ids that rise, that of its first one.
    pub id: i64,
    /// When it was read, as `_ums_ts_`.
    pub ts: String,
    /// Its rows.
    pub rows: u64,
    /// Its range of the key: the JSON of a plan's line.
    pub range: String,
}

impl Covered {
    /// Takes the ends of the range out: they are values of key columns, which may be masked.
    pub fn hide_range(&mut self) {
        let range = serde_json::from_str(&self.range);
        let mut range: serde_json::Map<_, _> = range.unwrap_or_default();
        range.retain(|name, _| matches!(name.as_str(), "schema" | "table" | "shard" | "columns"));
        range.insert("masked".into(), true.into());
        self.range = serde_json::Value::Object(range).to_string();
    }
}

/// "Every row that the source had in these ranges was written before me, with an id not below
/// the batch's."
///
/// So a row of the table whose id is below the batch's is one that the source has no more, where
/// the pull was of the whole table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchEnd {
    /// The table.
    pub namespace: Namespace,
    /// `schema.batchId`: no row of the pull has a smaller id.
    pub batch: i64,
    /// Whether the shards are all of the table, and no condition left rows out.
    pub whole: bool,
    /// The shards; one at least.
    pub shards: Vec<Covered>,
}

impl BatchEnd {
    /// Appends the notice's message with its newline.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let system = [("_ums_id_", Type::Long), ("_ums_ts_", Type::Datetime)];
        let fields = system.into_iter().chain(FIELDS).map(|(name, ty)| Field {
            name: name.to_owned(),
            ty,
            nullable: false,
            encoded: false,
            origin: None,
        });
        let schema = Schema {
            namespace: self.namespace.clone(),
            batch_id: self.batch,
            keys: Vec::new(),
            fields: fields.collect(),
        };
        let mut writer = MessageWriter::new(Protocol::BatchTermination, &schema, dialect);
        for shard in &self.shards {
            let row = writer.begin_row();
            row.push(b'"');
            push_i64(row, shard.id);
            row.extend_from_slice(b"\",");
            push_string(row, &shard.ts);
            row.extend_from_slice(if self.whole { b",true,\"" } else { b",false,\"" });
            push_u64(row, shard.rows);
            row.extend_from_slice(b"\",");
            push_string(row, &shard.range);
            writer.end_row();
        }
        writer.finish_into(out);
    }

    /// Reads a notice; `None` for other messages, and for one that does not say what it covered.
    ///
    /// # Errors
    /// `Data` for ids or counts that are no numbers.
    pub fn read(message: &Message) -> Result<Option<Self>> {
        let (header, namespace) = (&message.header, &message.header.schema.namespace);
        let column = |name: &str| header.schema.fields.iter().position(|f| f.name == name);
        let [Some(whole), Some(rows), Some(range)] = FIELDS.map(|(name, _)| column(name)) else {
            return Ok(None);
        };
        let (Protocol::BatchTermination, Some(id)) = (message.protocol, header.system.id) else {
            return Ok(None);
        };
        let wrong = |what: &str| Error::data(format!("{namespace}: {what} of its pull's end"));
        let mut cells = Vec::new();
        let mut end = Self {
            namespace: namespace.clone(),
            batch: header.schema.batch_id,
            whole: true,
            shards: Vec::new(),
        };
        for row in message.rows() {
            row?.split(header.schema.fields.len(), &mut cells)?;
            let text = |at: Option<usize>| -> Result<String> {
                let cell = at.and_then(|at| cells.get(at));
                let text = cell.map(|cell| cell.text()).transpose()?.flatten();
                Ok(text.unwrap_or_default().into_owned())
            };
            end.whole &= text(Some(whole))? == "true";
            end.shards.push(Covered {
                id: text(Some(id))?.parse().map_err(|_| wrong("an id"))?,
                ts: text(header.system.ts)?,
                rows: text(Some(rows))?.parse().map_err(|_| wrong("a count"))?,
                range: text(Some(range))?,
            });
        }
        Ok(Some(end).filter(|end| !end.shards.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::Decoder;

    #[test]
    fn ends_read_back() {
        for (dialect, whole) in [(Dialect::Dws, true), (Dialect::Dbus, false)] {
            let shard = |id: i64, range: &str| Covered {
                id,
                ts: "2026-11-21 01:02:03.123456".into(),
                rows: 100_000,
                range: range.into(),
            };
            let end = BatchEnd {
                namespace: Namespace::parse("mysql.db1.shop.orders.3.0.0").unwrap(),
                batch: -9,
                whole,
                shards: vec![shard(-9, "{\"upto\":[\"5\"]}"), shard(103_000_000_000_004, "{}")],
            };
            let mut line = Vec::new();
            end.write(dialect, &mut line);
            let mut decoder = Decoder::default();
            let message = decoder.decode(line.strip_suffix(b"\n").unwrap()).unwrap();
            assert_eq!(BatchEnd::read(&message).unwrap(), Some(end));
        }
    }

    #[test]
    fn a_range_without_its_ends() {
        for (range, hidden) in [
            (
                r#"{"schema":"s","shard":2,"after":["a"],"upto":["b"],"x":1}"#,
                r#"{"masked":true,"schema":"s","shard":2}"#,
            ),
            ("secret", r#"{"masked":true}"#),
            ("", r#"{"masked":true}"#),
        ] {
            let mut shard = Covered { id: 1, ts: String::new(), rows: 1, range: range.into() };
            shard.hide_range();
            let parsed: serde_json::Value = serde_json::from_str(&shard.range).unwrap();
            assert_eq!(parsed, serde_json::from_str::<serde_json::Value>(hidden).unwrap());
        }
    }

    #[test]
    fn ends_that_say_less_or_nonsense() {
        let line = r#"{"protocol":{"type":"data_batch_termination"},"schema":{"namespace":"m.s.d.t.0.0.0","fields":[{"name":"ums_id_","type":"long"}]},"payload":[{"tuple":["5"]}]}"#;
        let mut decoder = Decoder::default();
        assert_eq!(BatchEnd::read(&decoder.decode(line.as_bytes()).unwrap()).unwrap(), None);
        let line = r#"{"protocol":{"type":"data_batch_termination"},"schema":{"namespace":"m.s.d.t.0.0.0","fields":[{"name":"_ums_id_","type":"long"},{"name":"whole","type":"boolean"},{"name":"rows","type":"long"},{"name":"range","type":"string"}]},"payload":[{"tuple":["x",true,"1","{}"]}]}"#;
        assert!(BatchEnd::read(&decoder.decode(line.as_bytes()).unwrap()).is_err());
    }
}
