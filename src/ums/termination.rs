//! The notice that a version of a namespace has ended, and what that means for its rows. Uses
//! `error` and `ums`. Not hot: one for a statement of the source.

use super::decode::Message;
use super::encode::MessageWriter;
use super::json::{push_i64, push_string};
use super::model::{Dialect, Field, Protocol, Schema, Type};
use super::namespace::Namespace;
use crate::error::{Error, Result};

/// What ended a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// All rows are gone, and none of them was logged.
    Truncate,
    /// The table is gone, its rows with it.
    Drop,
    /// The table has another name now, its rows with it.
    Rename,
    /// The columns changed; the rows are still there.
    Alter,
}

impl Cause {
    /// Every cause, its spelling, and how people say that it happened.
    pub const ALL: [(Cause, &'static str, &'static str); 4] = [
        (Cause::Truncate, "truncate", "truncated"),
        (Cause::Drop, "drop", "dropped"),
        (Cause::Rename, "rename", "renamed"),
        (Cause::Alter, "alter", "altered"),
    ];

    /// The spelling in a message.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// What was done to the table, for people: `truncated`.
    pub fn past(self) -> &'static str {
        Self::ALL.iter().find(|row| row.0 == self).map_or("", |row| row.2)
    }
}

/// "No row of this version comes behind me."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Termination {
    /// With the version that ended.
    pub namespace: Namespace,
    /// The place of the statement in the log: rows before it have smaller ids, rows behind it
    /// greater ones.
    pub id: i64,
    /// When, as `_ums_ts_`.
    pub ts: String,
    /// What ended it; `None` where the notice does not say.
    pub cause: Option<Cause>,
    /// Whether it concerns the whole table; false for one shard of a table that several source
    /// tables are published as.
    pub whole: bool,
}

impl Termination {
    /// Whether rows left the source that no row message speaks of, as far as the notice says.
    pub fn removes_rows(&self) -> bool {
        matches!(self.cause, Some(Cause::Truncate | Cause::Drop))
    }

    /// Appends the notice's message with its newline.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let fields = [
            ("_ums_id_", Type::Long),
            ("_ums_ts_", Type::Datetime),
            ("cause", Type::String),
            ("whole", Type::Boolean),
        ];
        let fields = fields.map(|(name, ty)| Field {
            name: name.to_owned(),
            ty,
            nullable: name == "cause",
            encoded: false,
            origin: None,
        });
        let schema = Schema {
            namespace: self.namespace.clone(),
            batch_id: 0,
            keys: Vec::new(),
            fields: fields.into(),
        };
        let mut writer = MessageWriter::new(Protocol::IncrementTermination, &schema, dialect);
        let row = writer.begin_row();
        row.push(b'"');
        push_i64(row, self.id);
        row.extend_from_slice(b"\",");
        push_string(row, &self.ts);
        row.push(b',');
        match self.cause {
            Some(cause) => push_string(row, cause.name()),
            None => row.extend_from_slice(b"null"),
        }
        row.extend_from_slice(if self.whole { b",true" } else { b",false" });
        writer.end_row();
        writer.finish_into(out);
    }

    /// Reads a notice; `None` for other messages, and for a notice without an id, which nothing can
    /// be done with. Where it does not say what happened, `cause` is `None`.
    ///
    /// # Errors
    /// `Data` for an id that is no number.
    pub fn read(message: &Message) -> Result<Option<Self>> {
        let (header, namespace) = (&message.header, &message.header.schema.namespace);
        let (Protocol::IncrementTermination, Some(id), Some(row)) =
            (message.protocol, header.system.id, message.rows().next())
        else {
            return Ok(None);
        };
        let mut cells = Vec::new();
        row?.split(header.schema.fields.len(), &mut cells)?;
        let text = |at: Option<usize>| -> Result<Option<String>> {
            let Some(cell) = at.and_then(|at| cells.get(at)) else { return Ok(None) };
            Ok(cell.text()?.map(|text| text.into_owned()))
        };
        let column = |name: &str| header.schema.fields.iter().position(|field| field.name == name);
        let cause = text(column("cause"))?;
        let cause = cause.and_then(|name| Cause::ALL.iter().find(|row| row.1 == name));
        let id = text(Some(id))?.and_then(|text| text.parse().ok()).ok_or_else(|| {
            Error::data(format!("{namespace}: the _ums_id_ of its end is no 64-bit number"))
        })?;
        Ok(Some(Self {
            namespace: namespace.clone(),
            id,
            ts: text(header.system.ts)?.unwrap_or_default(),
            cause: cause.map(|row| row.0),
            whole: text(column("whole"))?.as_deref() == Some("true"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::Decoder;

    #[test]
    fn notices_read_back() {
        for dialect in [Dialect::Dws, Dialect::Dbus] {
            for cause in Cause::ALL.map(|row| Some(row.0)).into_iter().chain([None]) {
                let notice = Termination {
                    namespace: Namespace::parse("mysql.db1.shop.orders.3.0.0").unwrap(),
                    id: 103_000_012_345_678,
                    ts: "2026-11-21 01:02:03.123456".into(),
                    cause,
                    whole: cause != Some(Cause::Drop),
                };
                let mut line = Vec::new();
                notice.write(dialect, &mut line);
                let line = line.strip_suffix(b"\n").unwrap();
                let mut decoder = Decoder::default();
                let message = decoder.decode(line).unwrap();
                assert_eq!(Termination::read(&message).unwrap(), Some(notice));
            }
        }
    }

    #[test]
    fn notices_that_say_less_are_read_too() {
        let line = r#"{"protocol":{"type":"data_increment_termination"},"schema":{"namespace":"m.s.d.t.0.0.0","fields":[{"name":"ums_id_","type":"long"}]},"payload":[{"tuple":["5"]}]}"#;
        let mut decoder = Decoder::default();
        let notice = Termination::read(&decoder.decode(line.as_bytes()).unwrap()).unwrap().unwrap();
        assert_eq!((notice.id, notice.cause, notice.whole), (5, None, false));
        assert!(!notice.removes_rows());
        let odd = line.replace("\"5\"", "\"five\"");
        assert!(Termination::read(&decoder.decode(odd.as_bytes()).unwrap()).is_err());
        let empty = line.replace("{\"tuple\":[\"5\"]}", "");
        assert_eq!(Termination::read(&decoder.decode(empty.as_bytes()).unwrap()).unwrap(), None);
    }
}
