//! Canal's flat messages: a line for rows of one statement, every value a text. Uses `error`, `ums`.
//! Warm: once a row.
//!
//! They name no position, so an id is of the time `es`; equal ones keep the order of the stream.

use super::Wants;
use super::reading::{Change, Changes, Column, Object, namespace, text};
use super::writing::{Row, Writer};
use crate::error::{Error, Result};
use crate::op::Stage;
use crate::ums::json::{push_i64, push_string, push_u64};
use crate::ums::{Cell, Op, Protocol, Type};

/// Reads.
pub(super) fn reader(wants: Wants) -> Box<dyn Stage> {
    Box::new(Reader { changes: Changes::new(wants) })
}

struct Reader {
    changes: Changes,
}

impl Stage for Reader {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let result = self.changes(line, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl Reader {
    fn changes(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let message = Object::parse(line)?;
        let op = match message.needed("type")?.as_ref() {
            "INSERT" => Op::Insert,
            "UPDATE" => Op::Update,
            "DELETE" => Op::Delete,
            // Definitions and the like: no rows.
            _ if message.get("isDdl") == Some("true") || message.get("data").is_none() => {
                return Ok(());
            }
            _ => return Err(Error::data("'type' is none of INSERT, UPDATE, DELETE")),
        };
        let micros =
            message.whole("es").or_else(|| message.whole("ts")).and_then(|ms| ms.checked_mul(1000));
        let micros = micros.ok_or_else(|| Error::data("a change without 'es'"))?;
        let (database, table) = (message.needed("database")?, message.needed("table")?);
        let types = message.object("mysqlType");
        let parse = |row: &str| serde_json::from_str::<Object>(row).ok().map(|row| own(&row));
        let rows: Option<Vec<Vec<(String, String)>>> =
            message.array("data").unwrap_or_default().into_iter().map(parse).collect();
        let rows = rows.ok_or_else(|| Error::data("'data' is no array of rows"))?;
        let old: Vec<Option<Vec<(String, String)>>> =
            message.array("old").unwrap_or_default().into_iter().map(parse).collect();
        let keys: Vec<String> = message
            .array("pkNames")
            .unwrap_or_default()
            .into_iter()
            .map(|key| text(key).into_owned())
            .collect();
        for (index, row) in rows.iter().enumerate() {
            let old = old.get(index).and_then(Option::as_ref);
            let columns = |old: Option<&Vec<(String, String)>>| -> Vec<Column> {
                let column = |(name, value): &(String, String)| {
                    let was = old.and_then(|old| old.iter().find(|(other, _)| other == name));
                    let declared = types.as_ref().and_then(|types| types.text(name));
                    Column {
                        name: name.clone(),
                        declared: declared.map(|declared| {
                            (declared_type(&declared), Some(declared.into_owned()))
                        }),
                        value: was.map_or(value, |(_, value)| value).clone().into(),
                    }
                };
                row.iter().map(column).collect()
            };
            let (before, after) = match op {
                Op::Delete => (Some(columns(None)), None),
                Op::Update => (old.map(|old| columns(Some(old))), Some(columns(None))),
                _ => (None, Some(columns(None))),
            };
            let all = row.iter().chain(old.into_iter().flatten());
            let texts: Vec<&str> = all.map(|(_, value)| value.as_str()).collect();
            let mark = self.changes.mark(micros, &texts);
            let uid = format!("{database}.{table}:{micros}:{index}:{mark}:{}", op.letter());
            let id = self.changes.id_of_time(micros);
            let change = Change {
                namespace: namespace(["mysql", "canal", &database, &table]),
                protocol: Protocol::IncrementData,
                id: message.whole("_ums_id_").unwrap_or(id),
                micros,
                uid: message.text("_ums_uid_").map_or(uid, |uid| uid.into_owned()),
                op,
                keys: keys.clone(),
                before,
                after,
            };
            self.changes.push(&change, out)?;
        }
        Ok(())
    }
}

fn own(row: &Object) -> Vec<(String, String)> {
    row.0.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect()
}

/// Our type for a declaration of MySQL, by the table of ums.7.
fn declared_type(declared: &str) -> Type {
    let lower = declared.to_ascii_lowercase();
    let unsigned = lower.contains("unsigned");
    match lower.split(['(', ' ']).next().unwrap_or_default() {
        "tinyint" | "smallint" | "mediumint" | "year" => Type::Int,
        "int" | "integer" if unsigned => Type::Long,
        "int" | "integer" => Type::Int,
        "bigint" if unsigned => Type::Decimal,
        "bigint" => Type::Long,
        "bit" if lower.contains("64") => Type::Decimal,
        "bit" => Type::Long,
        "decimal" | "numeric" => Type::Decimal,
        "float" => Type::Float,
        "double" | "real" => Type::Double,
        "date" => Type::Date,
        "datetime" | "timestamp" => Type::Datetime,
        // Canal writes bytes as Latin-1 text, which is not Base64.
        _ => Type::String,
    }
}

/// Writes.
pub(super) fn writer() -> Box<dyn Stage> {
    Box::new(Writer::new(line))
}

/// The codes of `java.sql.Types`.
fn code(ty: Type) -> i64 {
    match ty {
        Type::Int => 4,
        Type::Long => -5,
        Type::Float => 7,
        Type::Double => 8,
        Type::Decimal => 3,
        Type::Boolean => -7,
        Type::Date => 91,
        Type::Datetime => 93,
        Type::String => 12,
        Type::Binary => 2004,
    }
}

fn line(before: Option<&Row>, row: &Row, number: u64, out: &mut Vec<u8>) -> Result<()> {
    let [_, _, database, table, ..] = &row.namespace.parts;
    out.extend_from_slice(b"{\"data\":[");
    push_texts(row, None, out)?;
    out.extend_from_slice(b"],\"database\":");
    push_string(out, database);
    out.extend_from_slice(b",\"es\":");
    push_i64(out, row.micros.div_euclid(1000));
    out.extend_from_slice(b",\"id\":");
    push_u64(out, number);
    out.extend_from_slice(b",\"isDdl\":false,\"mysqlType\":{");
    for (index, (field, _)) in row.columns().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, &field.name);
        out.push(b':');
        push_string(out, field.origin.as_deref().unwrap_or(field.ty.name()));
    }
    out.extend_from_slice(b"},\"old\":");
    match before {
        None => out.extend_from_slice(b"null"),
        Some(before) => {
            out.push(b'[');
            push_texts(before, Some(row), out)?;
            out.push(b']');
        }
    }
    out.extend_from_slice(b",\"pkNames\":[");
    for (index, key) in row.keys().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, key);
    }
    out.extend_from_slice(b"],\"sql\":\"\",\"sqlType\":{");
    for (index, (field, _)) in row.columns().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, &field.name);
        out.push(b':');
        push_i64(out, code(field.ty));
    }
    out.extend_from_slice(b"},\"table\":");
    push_string(out, table);
    out.extend_from_slice(b",\"ts\":");
    push_i64(out, row.micros.div_euclid(1000));
    let kind: &[u8] = match row.op {
        Op::Insert | Op::Before => b",\"type\":\"INSERT\"",
        Op::Update => b",\"type\":\"UPDATE\"",
        Op::Delete => b",\"type\":\"DELETE\"",
    };
    out.extend_from_slice(kind);
    out.extend_from_slice(format!(",\"_ums_id_\":{},\"_ums_uid_\":", row.id).as_bytes());
    push_string(out, &row.uid);
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// The columns as texts; only those that differ from another row's where that is given.
fn push_texts(row: &Row, other: Option<&Row>, out: &mut Vec<u8>) -> Result<()> {
    out.push(b'{');
    let mut first = true;
    for (field, cell) in row.columns() {
        let same = other.and_then(|other| other.columns().find(|(own, _)| own.name == field.name));
        if let Some((_, same)) = same
            && same.text()? == cell.text()?
        {
            continue;
        }
        if !first {
            out.push(b',');
        }
        first = false;
        push_string(out, &field.name);
        out.push(b':');
        match (cell, field.ty) {
            (Cell::Bare(b"true"), _) => out.extend_from_slice(b"\"1\""),
            (Cell::Bare(b"false"), _) => out.extend_from_slice(b"\"0\""),
            (Cell::Bare(token), _) => {
                out.push(b'"');
                out.extend_from_slice(token);
                out.push(b'"');
            }
            _ => cell.push_json(out),
        }
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::dialect::reading::tests::{read, wants, written};

    #[test]
    fn lines_become_messages() {
        let line = r#"{"data":[{"id":"1","p":"2.50","s":null},{"id":"3","p":"4","s":"x"}],"database":"shop","es":1700000000000,"id":7,"isDdl":false,"mysqlType":{"id":"bigint(20)","p":"decimal(5,2)","s":"varchar(20)"},"old":[{"s":"a"},{"id":"2"}],"pkNames":["id"],"sql":"","sqlType":{},"table":"t","ts":1700000000500,"type":"UPDATE"}"#;
        let lines = read(reader(wants(true)), &[line]);
        assert_eq!(lines.len(), 4);
        assert!(
            lines[0].contains(r#""2023-11-14 22:13:20.000000","B","#)
                && lines[0].contains(r#""1","2.50","a"]"#),
            "{}",
            lines[0]
        );
        assert!(
            lines[1].contains(r#""1","2.50",null]"#)
                && lines[1].contains(r#""origin":"decimal(5,2)""#)
        );
        assert!(lines[2].contains("\"D\"") && lines[2].contains(r#""2","4","x"]"#), "{}", lines[2]);
        assert!(lines[3].contains("\"I\"") && lines[3].contains("\"keys\":[\"id\"]"));
        let ids: Vec<&str> = lines
            .iter()
            .map(|line| line.split("[{\"tuple\":[").nth(1).unwrap().split(',').next().unwrap())
            .collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert!(
            read(
                reader(wants(false)),
                &[r#"{"data":null,"database":"d","isDdl":true,"table":"t","type":"ALTER","es":1}"#]
            )
            .is_empty()
        );
    }

    #[test]
    fn messages_become_lines_and_come_back() {
        let lines = written(writer());
        let expected = r#"{"data":[{"id":"1","d":null,"day":null,"at":"2023-11-14 22:13:20.123456","s":"z"}],"database":"shop","es":1700000000123,"id":2,"isDdl":false,"mysqlType":{"id":"int","d":"decimal(5,2)","day":"date","at":"datetime(6)","s":"string"},"old":[{"d":"1.50","day":"2023-11-14","s":"x\"y"}],"pkNames":["id"],"sql":"","sqlType":{"id":4,"d":3,"day":91,"at":93,"s":12},"table":"t","ts":1700000000123,"type":"UPDATE","_ums_id_":103000000000020,"_ums_uid_":"u2"}"#;
        assert_eq!(lines[1], expected);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let back = read(reader(wants(false)), &lines);
        assert!(back[1].contains(r#"["103000000000020","2023-11-14 22:13:20.123000","U","u2",1,null,null,"2023-11-14 22:13:20.123456","z"]"#), "{}", back[1]);
    }
}
