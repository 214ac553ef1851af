//! Maxwell's JSON, one row a line. Uses `error`, `ums`. Warm: once a row.
//!
//! Read: an id is `position` (`output_binlog_position`), which the rows of an event share, or else of
//! the time. `old` holds the columns that an update changed, so every before image is whole.

use super::Wants;
use super::reading::{Change, Changes, Column, Object, file_number, namespace, text};
use super::writing::{Row, Writer};
use crate::error::{Error, Result};
use crate::op::Stage;
use crate::op::show::push_value;
use crate::ums::json::{push_i64, push_string};
use crate::ums::{Op, Protocol, id};

/// Reads.
pub(super) fn reader(wants: Wants) -> Box<dyn Stage> {
    Box::new(Reader { changes: Changes::new(wants), last: (String::new(), 0) })
}

struct Reader {
    changes: Changes,
    /// A position, and how many rows had it so far.
    last: (String, u64),
}

impl Stage for Reader {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        let result = self.change(line, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl Reader {
    fn change(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let row = Object::parse(line)?;
        let kind = row.needed("type")?;
        let (op, protocol) = match kind.as_ref() {
            "insert" => (Op::Insert, Protocol::IncrementData),
            "update" => (Op::Update, Protocol::IncrementData),
            "delete" => (Op::Delete, Protocol::IncrementData),
            "bootstrap-insert" => (Op::Insert, Protocol::InitialData),
            // They hold no row.
            "bootstrap-start" | "bootstrap-complete" => return Ok(()),
            "table-create" | "table-alter" | "table-drop" | "database-create"
            | "database-alter" | "database-drop" => return Ok(()),
            _ => return Err(Error::data("'type' is no change of a row that Maxwell writes")),
        };
        let micros = row.whole("ts_ms").and_then(|ms| ms.checked_mul(1000));
        let micros = micros.or_else(|| row.whole("ts")?.checked_mul(1_000_000));
        let micros = micros.ok_or_else(|| Error::data("a change without 'ts'"))?;
        let (database, table) = (row.needed("database")?, row.needed("table")?);
        let position = row.text("position").unwrap_or_default();
        let place = position
            .rsplit_once(':')
            .and_then(|(file, offset)| Some((file_number(file)?, offset.parse::<u64>().ok()?)));
        let (id, at) = match place {
            Some((number, offset)) => {
                let id = id::compose(number, 0, offset);
                let id = id.ok_or_else(|| Error::data("a position that no id can hold"))?;
                let xid = row.text("xid").unwrap_or_default();
                let count = match row.whole("xoffset") {
                    Some(offset) => offset.to_string(),
                    None if self.last.0 == position => {
                        self.last.1 += 1;
                        self.last.1.to_string()
                    }
                    None => {
                        self.last = (position.clone().into_owned(), 0);
                        "0".to_owned()
                    }
                };
                (id, format!("{position}:{xid}:{count}"))
            }
            None => {
                let rows = [row.get("data"), row.get("old"), row.get("xid"), row.get("xoffset")];
                let mark = self.changes.mark(micros, &rows.map(Option::unwrap_or_default));
                (self.changes.id_of_time(micros), format!("{micros}:{mark}"))
            }
        };
        let data = row.object("data").ok_or_else(|| Error::data("a change without 'data'"))?;
        let columns = |changed: Option<&Object>| -> Vec<Column> {
            let column = |(name, value): &(String, _)| {
                let old = changed.and_then(|old| old.0.iter().find(|(other, _)| other == name));
                let value: &str = old.map_or(*value, |(_, value)| value);
                Column { name: name.clone(), declared: None, value: value.to_owned().into() }
            };
            data.0.iter().map(column).collect()
        };
        let old = row.object("old");
        let (before, after) = match op {
            Op::Delete => (Some(columns(None)), None),
            Op::Update => (old.map(|old| columns(Some(&old))), Some(columns(None))),
            _ => (None, Some(columns(None))),
        };
        let keys = row.array("primary_key_columns").unwrap_or_default();
        let uid = format!("{database}.{table}:{at}:{}", op.letter());
        let change = Change {
            namespace: namespace(["mysql", "maxwell", &database, &table]),
            protocol,
            id: row.whole("_ums_id_").unwrap_or(id),
            micros,
            uid: row.text("_ums_uid_").map_or(uid, |uid| uid.into_owned()),
            op,
            keys: keys.into_iter().map(|key| text(key).into_owned()).collect(),
            before,
            after,
        };
        self.changes.push(&change, out)
    }
}

/// Writes.
pub(super) fn writer() -> Box<dyn Stage> {
    Box::new(Writer::new(line))
}

fn line(before: Option<&Row>, row: &Row, _number: u64, out: &mut Vec<u8>) -> Result<()> {
    let [_, _, database, table, ..] = &row.namespace.parts;
    out.extend_from_slice(b"{\"database\":");
    push_string(out, database);
    out.extend_from_slice(b",\"table\":");
    push_string(out, table);
    let kind: &[u8] = match row.op {
        Op::Insert if row.protocol == Protocol::InitialData => b"bootstrap-insert",
        Op::Insert | Op::Before => b"insert",
        Op::Update => b"update",
        Op::Delete => b"delete",
    };
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(kind);
    out.extend_from_slice(b"\",\"ts\":");
    push_i64(out, row.micros.div_euclid(1_000_000));
    out.extend_from_slice(b",\"ts_ms\":");
    push_i64(out, row.micros.div_euclid(1000));
    if let Some((file, offset)) = id::split(row.id) {
        out.extend_from_slice(format!(",\"position\":\"{file:06}:{offset}\"").as_bytes());
    }
    out.extend_from_slice(format!(",\"_ums_id_\":{},\"_ums_uid_\":", row.id).as_bytes());
    push_string(out, &row.uid);
    if !row.keys().is_empty() {
        out.extend_from_slice(b",\"primary_key_columns\":[");
        for (index, key) in row.keys().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_string(out, key);
        }
        out.push(b']');
    }
    out.extend_from_slice(b",\"data\":");
    push_columns(row, None, out)?;
    if let Some(before) = before {
        out.extend_from_slice(b",\"old\":");
        push_columns(before, Some(row), out)?;
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

/// The columns of a row; only those that differ from another one's where that is given.
fn push_columns(row: &Row, other: Option<&Row>, out: &mut Vec<u8>) -> Result<()> {
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
        match cell.text()? {
            Some(json) if field.origin.as_deref() == Some("json") => {
                // As Maxwell does: the document itself.
                match serde_json::from_str::<&serde_json::value::RawValue>(&json) {
                    Ok(json) if !json.get().contains('\n') => {
                        out.extend_from_slice(json.get().as_bytes())
                    }
                    _ => cell.push_json(out),
                }
            }
            _ => push_value(cell, field.ty, out),
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
        let lines = read(
            reader(wants(true)),
            &[
                r#"{"database":"shop","table":"t","type":"insert","ts":1449786310,"xid":940752,"commit":true,"position":"master.000006:800911","data":{"id":1,"name":"a","price":1.5}}"#,
                r#"{"database":"shop","table":"t","type":"update","ts":1449786341,"xid":940786,"position":"master.000006:900000","data":{"id":1,"name":"b","price":null},"old":{"name":"a","price":2}}"#,
                r#"{"database":"shop","table":"t","type":"delete","ts":1449786342,"primary_key_columns":["id"],"data":{"id":1,"name":"b","price":7}}"#,
                r#"{"type":"table-create","database":"shop","table":"x"}"#,
            ],
        );
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains("mysql.maxwell.shop.t.0.0.0") && lines[0].contains(r#"["6000000800911","2015-12-10 22:25:10.000000","I","shop.t:master.000006:800911:940752:0:I","1","a",1.5]"#), "{}", lines[0]);
        assert!(
            lines[1].contains(r#""B","shop.t:master.000006:900000:940786:0:U.b","1","a",2]"#),
            "{}",
            lines[1]
        );
        assert!(
            lines[2].contains(r#""1","b",null]"#)
                && lines[2].contains(r#""price","type":"double""#)
        );
        assert!(
            lines[3].contains("\"keys\":[\"id\"]") && lines[3].contains("\"D\""),
            "{}",
            lines[3]
        );
        let moved = r#"{"database":"s","table":"t","type":"update","ts":1,"primary_key_columns":["id"],"data":{"id":2},"old":{"id":1}}"#;
        let lines = read(reader(wants(false)), &[moved]);
        assert!(lines[0].contains("\"D\"") && lines[1].contains("\"I\""), "{lines:?}");
    }

    #[test]
    fn messages_become_lines_and_come_back() {
        let lines = written(writer());
        let expected = r#"{"database":"shop","table":"t","type":"update","ts":1700000000,"ts_ms":1700000000123,"position":"000103:20","_ums_id_":103000000000020,"_ums_uid_":"u2","primary_key_columns":["id"],"data":{"id":1,"d":null,"day":null,"at":"2023-11-14 22:13:20.123456","s":"z"},"old":{"d":1.50,"day":"2023-11-14","s":"x\"y"}}"#;
        assert_eq!(lines[1], expected);
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let back = read(reader(wants(true)), &lines);
        assert_eq!(back.len(), 4);
        assert!(
            back[1].contains(
                r#""B","u2.b","1",1.50,"2023-11-14","2023-11-14 22:13:20.123456","x\"y"]"#
            ),
            "{}",
            back[1]
        );
    }
}
