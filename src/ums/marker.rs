//! The position that travels in the stream, and as a checkpoint. Uses `error` and `ums`. Not hot.

use std::borrow::Cow;

use serde_json::Value;

use super::decode::{Decoder, Message};
use super::encode::MessageWriter;
use super::json::{push_i64, push_string, push_u64};
use super::model::{Dialect, Field, Protocol, Schema, Type};
use super::namespace::Namespace;
use crate::error::{Error, Result};

/// The fields behind `_ums_id_` and `_ums_ts_` that make a heartbeat a marker.
const FIELDS: [(&str, Type); 5] = [
    ("file", Type::String),
    ("pos", Type::Long),
    ("gtid", Type::String),
    ("server", Type::String),
    ("base", Type::Long),
];
/// `version` of a checkpoint file.
const CHECKPOINT_VERSION: u64 = 1;

/// "Every row of this source with an id below mine was written before me."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Namespace part 1, e.g. `mysql`.
    pub kind: String,
    /// Namespace part 2, the source's name.
    pub source: String,
    /// Ids below this one were written.
    pub id: i64,
    /// `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
    pub ts: String,
    /// The log file to resume from.
    pub file: String,
    /// The byte offset to resume from; before the first event of every transaction not yet ended.
    pub pos: u64,
    /// The GTID set executed before `pos`, in the server's own spelling; empty when it has none.
    pub gtid: String,
    /// The server's uuid (MySQL) or `server_id` text; empty when not known.
    pub server: String,
    /// Added to the file's number in ids.
    pub base: u64,
}

impl Marker {
    /// `type.source.*.*.*.*.*`
    pub fn namespace(&self) -> Namespace {
        let star = || "*".to_owned();
        let parts =
            [self.kind.clone(), self.source.clone(), star(), star(), star(), star(), star()];
        Namespace { parts }
    }

    /// Appends the marker's message with its newline.
    pub fn write(&self, dialect: Dialect, out: &mut Vec<u8>) {
        let system = [("_ums_id_", Type::Long), ("_ums_ts_", Type::Datetime)];
        let field = |(name, ty): (&str, Type)| Field {
            name: name.to_owned(),
            ty,
            nullable: false,
            encoded: false,
            origin: None,
        };
        let schema = Schema {
            namespace: self.namespace(),
            batch_id: 0,
            keys: Vec::new(),
            fields: system.into_iter().chain(FIELDS).map(field).collect(),
        };
        let mut writer = MessageWriter::new(Protocol::Heartbeat, &schema, dialect);
        let row = writer.begin_row();
        row.push(b'"');
        push_i64(row, self.id);
        row.extend_from_slice(b"\",");
        push_string(row, &self.ts);
        row.push(b',');
        push_string(row, &self.file);
        row.extend_from_slice(b",\"");
        push_u64(row, self.pos);
        row.extend_from_slice(b"\",");
        push_string(row, &self.gtid);
        row.push(b',');
        push_string(row, &self.server);
        row.extend_from_slice(b",\"");
        push_u64(row, self.base);
        row.push(b'"');
        writer.end_row();
        writer.finish_into(out);
    }

    /// Reads a heartbeat message that is a marker; `None` when it is another heartbeat, that is
    /// when it has not all the fields of one.
    pub fn read(message: &Message) -> Result<Option<Self>> {
        if message.protocol != Protocol::Heartbeat {
            return Ok(None);
        }
        let header = &message.header;
        let column = |name: &str| header.schema.fields.iter().position(|f| f.name == name);
        let (Some(id), Some(ts)) = (header.system.id, header.system.ts) else { return Ok(None) };
        let [Some(file), Some(pos), Some(gtid), Some(server), Some(base)] =
            FIELDS.map(|(name, _)| column(name))
        else {
            return Ok(None);
        };
        let namespace = &header.schema.namespace;
        let wrong = |what: &str| Error::data(format!("marker {namespace}: {what}"));
        let [kind, source, rest @ ..] = &namespace.parts;
        if rest.iter().any(|part| part != "*") {
            return Err(wrong("its namespace must be type.source.*.*.*.*.*"));
        }
        let mut rows = message.rows();
        let (Some(row), None) = (rows.next(), rows.next()) else {
            return Err(wrong("exactly one row is expected"));
        };
        let mut cells = Vec::new();
        row?.split(header.schema.fields.len(), &mut cells)?;
        let text = |at: usize, name: &str| -> Result<Cow<str>> {
            match cells.get(at).map(|cell| cell.text()).transpose()?.flatten() {
                Some(text) => Ok(text),
                None if name == "gtid" || name == "server" => Ok(Cow::Borrowed("")),
                None => Err(wrong(&format!("{name} is null"))),
            }
        };
        let number = |at: usize, name: &str| -> Result<u64> {
            text(at, name)?.parse().map_err(|_| wrong(&format!("{name} is no whole number")))
        };
        let marker = Self {
            kind: kind.clone(),
            source: source.clone(),
            id: text(id, "_ums_id_")?.parse().map_err(|_| wrong("_ums_id_ is no 64-bit number"))?,
            ts: text(ts, "_ums_ts_")?.into_owned(),
            file: text(file, "file")?.into_owned(),
            pos: number(pos, "pos")?,
            gtid: text(gtid, "gtid")?.into_owned(),
            server: text(server, "server")?.into_owned(),
            base: number(base, "base")?,
        };
        match is_stamp(&marker.ts) {
            true => Ok(Some(marker)),
            false => Err(wrong("_ums_ts_ is not YYYY-MM-DD HH:MM:SS.ffffff")),
        }
    }

    /// The position as a JSON object. The id is text: many readers round numbers above 2^53.
    pub fn to_json(&self) -> Value {
        serde_json::json!({
            "kind": self.kind,
            "source": self.source,
            "id": self.id.to_string(),
            "ts": self.ts,
            "file": self.file,
            "pos": self.pos,
            "gtid": self.gtid,
            "server": self.server,
            "base": self.base,
        })
    }

    /// Reads what `to_json` gives; numbers may be text and the reverse.
    pub fn from_json(value: &Value) -> Result<Self> {
        let wrong = |name: &str, what: &str| {
            Error::data(format!("a position in the checkpoint: '{name}' is {what}"))
        };
        let text = |name: &str| match value.get(name) {
            Some(Value::String(text)) => Ok(Cow::Borrowed(text.as_str())),
            Some(Value::Number(number)) => Ok(Cow::Owned(number.to_string())),
            Some(_) => Err(wrong(name, "neither text nor a number")),
            None => Err(wrong(name, "missing")),
        };
        let number = |name: &str| -> Result<u64> {
            text(name)?.parse().map_err(|_| wrong(name, "no whole number"))
        };
        let marker = Self {
            kind: text("kind")?.into_owned(),
            source: text("source")?.into_owned(),
            id: text("id")?.parse().map_err(|_| wrong("id", "no 64-bit number"))?,
            ts: text("ts")?.into_owned(),
            file: text("file")?.into_owned(),
            pos: number("pos")?,
            gtid: text("gtid")?.into_owned(),
            server: text("server")?.into_owned(),
            base: number("base")?,
        };
        match is_stamp(&marker.ts) {
            true => Ok(marker),
            false => Err(wrong("ts", "not YYYY-MM-DD HH:MM:SS.ffffff")),
        }
    }

    /// The same object as `to_json`, keys in the order of meaning.
    fn push_json(&self, out: &mut Vec<u8>) {
        let mut pair = |before: &str, text: &str, quoted: bool| {
            out.extend_from_slice(before.as_bytes());
            match quoted {
                true => push_string(out, text),
                false => out.extend_from_slice(text.as_bytes()),
            }
        };
        pair("{\"kind\":", &self.kind, true);
        pair(",\"source\":", &self.source, true);
        pair(",\"id\":", &self.id.to_string(), true);
        pair(",\"ts\":", &self.ts, true);
        pair(",\"file\":", &self.file, true);
        pair(",\"pos\":", &self.pos.to_string(), false);
        pair(",\"gtid\":", &self.gtid, true);
        pair(",\"server\":", &self.server, true);
        pair(",\"base\":", &self.base.to_string(), false);
        out.push(b'}');
    }
}

/// The marker that a line is; `None` for any other message. Decodes the line anew: for few lines.
pub fn of_line(line: &[u8]) -> Result<Option<Marker>> {
    Marker::read(&Decoder::default().decode(line)?)
}

/// The text of a checkpoint file: one position a line, a newline at the end.
pub fn checkpoint_text(markers: &[Marker]) -> String {
    let mut out = format!("{{\"version\":{CHECKPOINT_VERSION},\"positions\":[").into_bytes();
    for (index, marker) in markers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        marker.push_json(&mut out);
    }
    out.extend_from_slice(if markers.is_empty() { b"]}\n" } else { b"\n]}\n" });
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads a checkpoint file; each source may be there once.
pub fn parse_checkpoint(text: &str) -> Result<Vec<Marker>> {
    let file: Value = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::data(format!("the checkpoint is not JSON at {place}")).caused_by(error)
    })?;
    match file.get("version").and_then(Value::as_u64) {
        Some(CHECKPOINT_VERSION) => {}
        Some(version) => {
            return Err(Error::data(format!(
                "checkpoint version {version} is not known here, only {CHECKPOINT_VERSION}; \
                 use the program that wrote it"
            )));
        }
        None => return Err(Error::data("this is no checkpoint: 'version' is missing")),
    }
    let positions = file.get("positions").and_then(Value::as_array);
    let positions =
        positions.ok_or_else(|| Error::data("the checkpoint has no array 'positions'"))?;
    let mut markers: Vec<Marker> = Vec::with_capacity(positions.len());
    for position in positions {
        let marker = Marker::from_json(position)?;
        if markers.iter().any(|m| m.kind == marker.kind && m.source == marker.source) {
            return Err(Error::data(format!(
                "the checkpoint has two positions of {}.{}; keep the one to resume from",
                marker.kind, marker.source
            )));
        }
        markers.push(marker);
    }
    Ok(markers)
}

/// Whether `text` has the shape `YYYY-MM-DD HH:MM:SS`, with up to six digits of a fraction.
fn is_stamp(text: &str) -> bool {
    let shape = b"0000-00-00 00:00:00.000000";
    let bytes = text.as_bytes();
    let length = bytes.len();
    (length == 19 || (21..=shape.len()).contains(&length))
        && bytes.iter().zip(shape).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker() -> Marker {
        Marker {
            kind: "mysql".into(),
            source: "db.1".into(),
            id: 103_000_012_345_678,
            ts: "2026-11-21 01:02:03.123456".into(),
            file: "bin.000003".into(),
            pos: 12_345_678,
            gtid: "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,\n\"x\"".into(),
            server: String::new(),
            base: 100,
        }
    }

    fn read(text: &str) -> Result<Option<Marker>> {
        Marker::read(&Decoder::default().decode(text.as_bytes())?)
    }

    fn written(dialect: Dialect) -> String {
        let mut out = Vec::new();
        marker().write(dialect, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn travels_in_both_dialects() {
        for dialect in [Dialect::Dws, Dialect::Dbus] {
            let text = written(dialect);
            assert!(text.contains(r#""namespace":"mysql.db%2E1.*.*.*.*.*""#), "{text}");
            assert!(text.ends_with("]}]}\n"));
            assert_eq!(read(&text).unwrap(), Some(marker()));
        }
        assert!(written(Dialect::Dws).contains(r#""payload":[{"tuple":["103000012345678","2026-11-21 01:02:03.123456","bin.000003","12345678","#));
    }

    #[test]
    fn other_heartbeats_are_none_and_bad_markers_errors() {
        let text = written(Dialect::Dws);
        for other in [text.replace("_heartbeat", "_data"), text.replace("\"gtid\"", "\"x\"")] {
            assert_eq!(read(&other).unwrap(), None);
        }
        for (from, to, why) in [
            ("\"12345678\"", "\"-1\"", "pos is no whole number"),
            ("\"12345678\"", "null", "pos is null"),
            ("\"103000012345678\"", "1e3", "_ums_id_"),
            ("2026-11-21 ", "2026-11-21T", "_ums_ts_"),
            ("1.*.*", "1.a.*", "namespace"),
            ("\"bin.000003\",", "", "6 cells instead of 7"),
        ] {
            let error = read(&text.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains("bin.000003"), "{error}");
        }
        let no_rows = text.split("{\"tuple\"").next().unwrap().to_owned() + "]}";
        assert!(read(&no_rows).unwrap_err().to_string().contains("exactly one row"));
        assert_eq!(read(&text.replace("\"12345678\"", "12345678")).unwrap(), Some(marker()));
    }

    #[test]
    fn checkpoints_read_back() {
        let other = Marker { source: "db2".into(), id: -5, ..marker() };
        for markers in [vec![], vec![marker()], vec![marker(), other]] {
            let text = checkpoint_text(&markers);
            assert_eq!(parse_checkpoint(&text).unwrap(), markers);
            assert_eq!(
                text.lines().count(),
                if markers.is_empty() { 1 } else { markers.len() + 2 }
            );
            let values: Value = serde_json::from_str(&text).unwrap();
            let expected: Vec<Value> = markers.iter().map(Marker::to_json).collect();
            assert_eq!(values["positions"], Value::Array(expected));
        }
    }

    #[test]
    fn wrong_checkpoints_say_why() {
        let text = checkpoint_text(&[marker()]);
        for (wrong, why) in [
            (String::new(), "line 1"),
            (text.replace("n\":1", "n\":2"), "version 2"),
            ("{}".into(), "'version' is missing"),
            ("{\"version\":1}".into(), "positions"),
            (text.replace("\"id\":\"1", "\"id\":\"x"), "'id'"),
            (text.replace("\"pos\"", "\"p\""), "'pos' is missing"),
            (text.replace("100}", "true}"), "'base'"),
            (checkpoint_text(&[marker(), marker()]), "two positions of mysql.db.1"),
        ] {
            let error = parse_checkpoint(&wrong).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
