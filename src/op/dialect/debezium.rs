//! Debezium's change events, with or without the schema of Connect's JSON converter around them.
//! Uses `error`, `ums`. Warm: once a row.
//!
//! Read: an id is `source.file`, `source.pos` and `source.row` put together as for a log of MySQL,
//! or `source.lsn`, or else of the time. Written: the payload alone, temporal values as the default
//! `time.precision.mode`, decimals as texts (`decimal.handling.mode=string`).

use super::Wants;
use super::reading::{Change, Changes, Column, Object, file_number, namespace, text};
use super::writing::{Row, Writer};
use crate::error::{Error, Result};
use crate::expr::moment;
use crate::op::Stage;
use crate::op::show::push_value;
use crate::ums::base64::decode_base64;
use crate::ums::json::{push_i64, push_string};
use crate::ums::{Op, Protocol, Type, id};

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
        let result = self.change(line, out);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }
}

impl Reader {
    fn change(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        // A tombstone, which says nothing that the delete before it did not.
        if line == b"null" {
            return Ok(());
        }
        let mut envelope = Object::parse(line)?;
        // Kafka's own tools may put the key beside the value.
        if let Some(value) = envelope.object("value") {
            envelope = value;
        }
        let schema = envelope.object("schema");
        if envelope.0.iter().any(|(key, _)| key == "payload") {
            let Some(payload) = envelope.object("payload") else { return Ok(()) };
            envelope = payload;
        }
        let op = match envelope.needed("op")?.as_ref() {
            "c" | "r" => Op::Insert,
            "u" => Op::Update,
            "d" => Op::Delete,
            // A truncate, and a message of the application: no rows.
            "t" | "m" => return Err(Error::data("an event that is no change of a row")),
            _ => return Err(Error::data("'op' is none of c, r, u, d")),
        };
        let source =
            envelope.object("source").ok_or_else(|| Error::data("a change without 'source'"))?;
        let micros = [("ts_us", 1), ("ts_ms", 1000)].into_iter().find_map(|(key, factor)| {
            source.whole(key).or_else(|| envelope.whole(key))?.checked_mul(factor)
        });
        let micros = micros.ok_or_else(|| Error::data("a change without 'source.ts_ms'"))?;
        let row = source.whole("row").unwrap_or(0);
        let place = |key: &str| source.text(key).and_then(|text| text.parse::<u64>().ok());
        let file = source.text("file").unwrap_or_default();
        let log = file_number(&file).zip(place("pos"));
        let known = source.whole("_ums_id_");
        let (id, at) = match (log, place("lsn")) {
            (Some((number, pos)), _) => {
                let offset = pos.checked_add(u64::try_from(row).unwrap_or(0));
                let id = offset.and_then(|offset| id::compose(number, 0, offset));
                (
                    id.ok_or_else(|| Error::data("a position that no id can hold"))?,
                    format!("{file}:{pos}:{row}"),
                )
            }
            (None, Some(lsn)) => {
                let id = i64::try_from(lsn)
                    .map_err(|_| Error::data("a position that no id can hold"))?;
                (id, format!("{lsn}:{}", source.text("txId").unwrap_or_default()))
            }
            (None, None) => {
                let id = self.changes.id_of_time(micros);
                let (before, after) = (envelope.get("before"), envelope.get("after"));
                let rows = [before.unwrap_or_default(), after.unwrap_or_default()];
                let mark = self.changes.mark(micros, &rows);
                (id, format!("{micros}:{mark}"))
            }
        };
        let table = source.needed("table")?;
        let name = source.text("name").unwrap_or_default();
        let database = source.text("schema").or_else(|| source.text("db")).unwrap_or_default();
        let uid = format!("{name}:{database}.{table}:{at}:{}", op.letter());
        let image = |key: &str| -> Result<Option<Vec<Column>>> {
            let Some(row) = envelope.object(key) else { return Ok(None) };
            let types = schema.as_ref().map(|schema| fields_of(schema, key)).unwrap_or_default();
            row.0
                .into_iter()
                .map(|(name, value)| column(name, value, &types))
                .collect::<Result<_>>()
                .map(Some)
        };
        let is_snapshot = envelope.text("op").as_deref() == Some("r");
        let keys = source.array("_ums_keys_").unwrap_or_default();
        let change = Change {
            namespace: namespace([
                &source.text("connector").unwrap_or_default(),
                &name,
                &database,
                &table,
            ]),
            protocol: if is_snapshot { Protocol::InitialData } else { Protocol::IncrementData },
            id: known.unwrap_or(id),
            micros,
            uid: source.text("_ums_uid_").map_or(uid, |uid| uid.into_owned()),
            op,
            keys: keys.into_iter().map(|key| text(key).into_owned()).collect(),
            before: image("before")?,
            after: image("after")?,
        };
        self.changes.push(&change, out)
    }
}

/// The fields of `before` or `after` in Connect's schema.
fn fields_of<'a>(schema: &Object<'a>, image: &str) -> Vec<Object<'a>> {
    let of = |text: &'a str| serde_json::from_str::<Object<'a>>(text).ok();
    let all = schema.array("fields").unwrap_or_default();
    let mut objects = all.into_iter().filter_map(of);
    let found = objects.find(|field| field.text("field").as_deref() == Some(image));
    let fields = found.and_then(|field| field.array("fields")).unwrap_or_default();
    fields.into_iter().filter_map(of).collect()
}

/// A column by what the schema says of it, in our spelling.
fn column<'a>(name: String, value: &'a str, types: &[Object]) -> Result<Column<'a>> {
    let field = types.iter().find(|field| field.text("field").as_deref() == Some(name.as_str()));
    let Some(field) = field else {
        return Ok(Column { name, declared: None, value: value.into() });
    };
    let (ty, logical) =
        (field.text("type").unwrap_or_default(), field.text("name").unwrap_or_default());
    let scale = || field.object("parameters").and_then(|parameters| parameters.whole("scale"));
    let logical = logical.rsplit('.').next().unwrap_or_default();
    let micros =
        |factor: i64, origin: &str| (Type::Datetime, Some(origin.to_owned()), Turn::Micros(factor));
    let (ty, origin, turn) = match (ty.as_ref(), logical) {
        (_, "Date") => (Type::Date, Some("date".to_owned()), Turn::Days),
        (_, "Timestamp") => micros(1000, "datetime(3)"),
        (_, "MicroTimestamp") => micros(1, "datetime(6)"),
        (_, "NanoTimestamp") => micros(0, "datetime(6)"),
        (_, "ZonedTimestamp") => (Type::Datetime, Some("timestamp(6)".to_owned()), Turn::Zoned),
        (_, "Time") => (Type::String, Some("time(3)".to_owned()), Turn::Time(1000)),
        (_, "MicroTime") => (Type::String, Some("time(6)".to_owned()), Turn::Time(1)),
        ("bytes", "Decimal") => {
            let scale =
                scale().and_then(|scale| u32::try_from(scale).ok()).filter(|scale| *scale <= 65);
            let scale = scale.ok_or_else(|| {
                Error::data(format!("column '{name}': a Decimal without its scale"))
            })?;
            (Type::Decimal, Some(format!("decimal(65,{scale})")), Turn::Unscaled(scale))
        }
        (_, "Json") => (Type::String, Some("json".to_owned()), Turn::None),
        ("int8" | "int16" | "int32", _) => (Type::Int, None, Turn::None),
        ("int64", _) => (Type::Long, None, Turn::None),
        ("float" | "float32", _) => (Type::Float, None, Turn::None),
        ("double" | "float64", _) => (Type::Double, None, Turn::None),
        ("boolean", _) => (Type::Boolean, None, Turn::None),
        ("bytes", _) => (Type::Binary, None, Turn::None),
        _ => (Type::String, None, Turn::None),
    };
    let turned = if value == "null" { Some(value.into()) } else { turn.turn(value) };
    let value = turned
        .ok_or_else(|| Error::data(format!("column '{name}': a value that is no {logical}")))?;
    Ok(Column { name, declared: Some((ty, origin)), value })
}

/// How a value becomes ours.
enum Turn {
    None,
    Days,
    /// So many microseconds are one; 0: nanoseconds.
    Micros(i64),
    Zoned,
    Time(i64),
    /// Base64 of the digits as a whole number, the highest byte first.
    Unscaled(u32),
}

impl Turn {
    fn turn<'a>(&self, value: &'a str) -> Option<std::borrow::Cow<'a, str>> {
        let quoted = |text: String| Some(format!("\"{text}\"").into());
        let plain = text(value);
        match self {
            Self::None => Some(value.into()),
            Self::Days => {
                let days: i64 = plain.parse().ok()?;
                let packed = moment::of_unix(days.checked_mul(86_400_000_000)?)?;
                quoted(moment::text(packed, false))
            }
            Self::Micros(factor) => {
                let number: i64 = plain.parse().ok()?;
                let micros = if *factor == 0 {
                    number.div_euclid(1000)
                } else {
                    number.checked_mul(*factor)?
                };
                quoted(moment::text6(moment::of_unix(micros)?))
            }
            Self::Zoned => {
                let stamp: jiff::Timestamp = plain.parse().ok()?;
                quoted(moment::text6(moment::of_unix(stamp.as_microsecond())?))
            }
            Self::Time(factor) => {
                let micros = plain.parse::<i64>().ok()?.checked_mul(*factor)?;
                let (sign, all) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
                let (seconds, rest) = (all / 1_000_000, all % 1_000_000);
                let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
                quoted(format!("{sign}{hours:02}:{minutes:02}:{:02}.{rest:06}", seconds % 60))
            }
            Self::Unscaled(scale) => {
                // decimal.handling.mode=double writes a number in its place.
                if !value.starts_with('"') {
                    return Some(value.into());
                }
                let bytes = decode_base64(plain.as_bytes())?;
                let digits = num_bigint::BigInt::from_signed_bytes_be(&bytes);
                let (sign, digits) =
                    (digits.sign() == num_bigint::Sign::Minus, digits.magnitude().to_string());
                let scale = *scale as usize;
                let digits = format!("{digits:0>width$}", width = scale + 1);
                let (whole, fraction) = digits.split_at_checked(digits.len() - scale)?;
                let point = if scale > 0 { "." } else { "" };
                quoted(format!("{}{whole}{point}{fraction}", if sign { "-" } else { "" }))
            }
        }
    }
}

/// Writes.
pub(super) fn writer() -> Box<dyn Stage> {
    Box::new(Writer::new(event))
}

fn event(before: Option<&Row>, row: &Row, _number: u64, out: &mut Vec<u8>) -> Result<()> {
    let (op, before, after) = match row.op {
        Op::Insert if row.protocol == Protocol::InitialData => ("r", None, Some(row)),
        Op::Insert | Op::Before => ("c", None, Some(row)),
        Op::Update => ("u", before, Some(row)),
        Op::Delete => ("d", Some(row), None),
    };
    out.extend_from_slice(b"{\"before\":");
    push_image(before, out)?;
    out.extend_from_slice(b",\"after\":");
    push_image(after, out)?;
    let [kind, name, database, table, ..] = &row.namespace.parts;
    out.extend_from_slice(b",\"source\":{\"version\":\"dws\",\"connector\":");
    push_string(out, kind);
    out.extend_from_slice(b",\"name\":");
    push_string(out, name);
    out.extend_from_slice(b",\"ts_ms\":");
    push_i64(out, row.micros.div_euclid(1000));
    out.extend_from_slice(b",\"ts_us\":");
    push_i64(out, row.micros);
    out.extend_from_slice(if op == "r" {
        b",\"snapshot\":\"true\",\"db\":"
    } else {
        b",\"snapshot\":\"false\",\"db\":"
    });
    push_string(out, database);
    out.extend_from_slice(b",\"table\":");
    push_string(out, table);
    if let Some((file, pos)) = id::split(row.id) {
        out.extend_from_slice(
            format!(",\"file\":\"{file:06}\",\"pos\":{pos},\"row\":0").as_bytes(),
        );
    }
    out.extend_from_slice(format!(",\"_ums_id_\":{},\"_ums_uid_\":", row.id).as_bytes());
    push_string(out, &row.uid);
    out.extend_from_slice(b",\"_ums_keys_\":[");
    for (index, key) in row.keys().iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, key);
    }
    out.extend_from_slice(b"]},\"op\":\"");
    out.extend_from_slice(op.as_bytes());
    out.extend_from_slice(b"\",\"ts_ms\":");
    push_i64(out, row.micros.div_euclid(1000));
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn push_image(row: Option<&Row>, out: &mut Vec<u8>) -> Result<()> {
    let Some(row) = row else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    out.push(b'{');
    for (index, (field, cell)) in row.columns().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, &field.name);
        out.push(b':');
        let text = cell.text()?;
        match (field.ty, text) {
            (_, None) => out.extend_from_slice(b"null"),
            (Type::Date | Type::Datetime, Some(text)) => {
                out.extend_from_slice(
                    temporal(field.ty, field.origin.as_deref(), &text).as_bytes(),
                );
            }
            (Type::Decimal, _) => cell.push_json(out),
            _ => push_value(cell, field.ty, out),
        }
    }
    out.push(b'}');
    Ok(())
}

/// Days for dates, milliseconds for datetimes of up to three digits, microseconds for others, ISO
/// 8601 for timestamps; null for what no calendar has.
fn temporal(ty: Type, origin: Option<&str>, text: &str) -> String {
    let micros = moment::parse(text, true).and_then(moment::unix);
    let Some(micros) = micros else { return "null".into() };
    let origin = origin.unwrap_or_default();
    let digits =
        origin.split_once('(').and_then(|(_, rest)| rest.trim_end_matches(')').parse::<u32>().ok());
    match ty {
        Type::Date => micros.div_euclid(86_400_000_000).to_string(),
        _ if origin.starts_with("timestamp") => format!("\"{}Z\"", text.replace(' ', "T")),
        _ if origin.starts_with("datetime") && digits.unwrap_or(0) <= 3 => {
            micros.div_euclid(1000).to_string()
        }
        _ => micros.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::dialect::reading::tests::{read, wants, written};

    #[test]
    fn events_of_mysql_become_messages() {
        let update = r#"{"before":{"id":1,"name":"a"},"after":{"id":1,"name":"b"},"source":{"connector":"mysql","name":"srv","ts_ms":1700000000123,"snapshot":"false","db":"shop","table":"t","file":"binlog.000103","pos":4567,"row":2},"op":"u","ts_ms":1700000000200}"#;
        let lines = read(reader(wants(true)), &[update]);
        assert!(lines[0].contains(r#""namespace":"mysql.srv.shop.t.0.0.0""#), "{}", lines[0]);
        assert!(lines[0].ends_with(r#"{"tuple":["103000000004569","2023-11-14 22:13:20.123000","B","srv:shop.t:binlog.000103:4567:2:U.b","1","a"]}]}"#), "{}", lines[0]);
        assert!(
            lines[1].contains(r#""U","srv:shop.t:binlog.000103:4567:2:U","1","b"]"#),
            "{}",
            lines[1]
        );
        assert_eq!(read(reader(wants(false)), &[update]).len(), 1);
        let wrapped = r#"{"schema":{"type":"struct","fields":[{"field":"after","type":"struct","fields":[{"field":"d","type":"int32","name":"io.debezium.time.Date"},{"field":"m","type":"int64","name":"io.debezium.time.MicroTimestamp"},{"field":"x","type":"bytes","name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"2"}},{"field":"z","type":"string","name":"io.debezium.time.ZonedTimestamp"},{"field":"t","type":"int64","name":"io.debezium.time.MicroTime"},{"field":"n","type":"int64"}]}]},"payload":{"before":null,"after":{"d":19675,"m":-1,"x":"/y4=","z":"2024-02-29T01:02:03+01:00","t":-3723000001,"n":null},"source":{"connector":"postgresql","name":"pg","ts_ms":1,"schema":"public","table":"t","lsn":99},"op":"r","ts_ms":2}}"#;
        let line = &read(reader(wants(false)), &[wrapped])[0];
        assert!(line.contains(r#"["99","1970-01-01 00:00:00.001000","I","pg:public.t:99::I","2023-11-14","1969-12-31 23:59:59.999999","-2.10","2024-02-29 00:02:03.000000","-01:02:03.000001",null]"#), "{line}");
        assert!(line.contains("data_initial_data") && line.contains(r#""origin":"decimal(65,2)""#));
        assert!(read(reader(wants(false)), &[r#"{"schema":null,"payload":null}"#]).is_empty());
    }

    #[test]
    fn messages_become_events_and_come_back() {
        let events = written(writer());
        let expected = r#"{"before":{"id":1,"d":"1.50","day":19675,"at":1700000000123456,"s":"x\"y"},"after":{"id":1,"d":null,"day":null,"at":1700000000123456,"s":"z"},"source":{"version":"dws","connector":"mysql","name":"db1","ts_ms":1700000000123,"ts_us":1700000000123456,"snapshot":"false","db":"shop","table":"t","file":"000103","pos":20,"row":0,"_ums_id_":103000000000020,"_ums_uid_":"u2","_ums_keys_":["id"]},"op":"u","ts_ms":1700000000123}"#;
        assert_eq!(events[1], expected);
        assert!(events[0].contains(r#""op":"c""#) && events[2].contains(r#""op":"d""#));
        let lines: Vec<&str> = events.iter().map(String::as_str).collect();
        let back = read(reader(wants(true)), &lines);
        assert_eq!(back.len(), 4);
        assert!(
            back[2]
                .contains(r#"["103000000000020","2023-11-14 22:13:20.123456","U","u2","1",null"#),
            "{}",
            back[2]
        );
        assert!(back[2].contains(r#""keys":["id"]"#));
    }
}
