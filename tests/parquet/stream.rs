//! Messages for the tests, and a sink to put them in.

use std::cell::RefCell;
use std::path::Path;

use dws::error::Result;
use dws::sink::{Options, Sink, Target, parquet::SPEC};
use dws::ums::json::push_string;
use dws::ums::{Decoder, Dialect, Field, Marker, MessageWriter, Namespace, Protocol, Schema, Type};
use dws::url::Url;

pub fn target(root: &Path, query: &str) -> Target {
    let url = Url::parse(&format!("parquet:{}{query}", root.display())).unwrap();
    Target { url, options: Options::default() }
}

pub fn open(root: &Path, query: &str) -> Box<dyn Sink> {
    (SPEC.open)(&target(root, query)).unwrap()
}

pub fn field(name: &str, ty: Type, origin: Option<&str>) -> Field {
    let origin = origin.map(Into::into);
    Field { name: name.into(), ty, nullable: true, encoded: false, origin }
}

/// A schema of the four system columns and `fields`.
pub fn schema(namespace: &str, fields: Vec<Field>) -> Schema {
    let mut all = vec![
        field("_ums_id_", Type::Long, None),
        field("_ums_ts_", Type::Datetime, None),
        field("_ums_op_", Type::String, None),
        field("_ums_uid_", Type::String, None),
    ];
    all.extend(fields);
    Schema {
        namespace: Namespace::parse(namespace).unwrap(),
        batch_id: 0,
        keys: vec!["id".into()],
        fields: all,
    }
}

/// A row as JSON cells.
#[derive(Debug, Clone)]
pub struct Row {
    pub id: i64,
    pub ts: String,
    pub op: char,
    pub uid: String,
    /// Cells as they stand in a message.
    pub cells: Vec<String>,
}

impl Row {
    pub fn new(id: i64, uid: impl Into<String>) -> Self {
        // A second of its own for each id, whatever the id.
        let second = id.rem_euclid(86_400);
        let ts = format!(
            "2026-11-21 {:02}:{:02}:{:02}.000000",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        Self { id, ts, op: 'I', uid: uid.into(), cells: Vec::new() }
    }

    pub fn op(mut self, op: char) -> Self {
        self.op = op;
        self
    }

    pub fn ts(mut self, ts: &str) -> Self {
        self.ts = ts.into();
        self
    }

    pub fn cell(mut self, json: impl Into<String>) -> Self {
        self.cells.push(json.into());
        self
    }

    pub fn text(self, text: &str) -> Self {
        let json = quoted(text);
        self.cell(json)
    }
}

pub fn quoted(text: &str) -> String {
    let mut json = Vec::new();
    push_string(&mut json, text);
    String::from_utf8(json).unwrap()
}

/// The line of a message, without its newline.
pub fn line(protocol: Protocol, schema: &Schema, rows: &[Row]) -> Vec<u8> {
    let mut writer = MessageWriter::new(protocol, schema, Dialect::Dws);
    for row in rows {
        let system = [row.id.to_string(), row.ts.clone(), row.op.to_string(), row.uid.clone()]
            .map(|t| quoted(&t));
        let cells = [&system[..], &row.cells[..]].concat().join(",");
        writer.begin_row().extend_from_slice(cells.as_bytes());
        writer.end_row();
    }
    let mut out = Vec::new();
    writer.finish_into(&mut out);
    out.pop();
    out
}

pub fn write(sink: &mut dyn Sink, line: &[u8]) -> Result<u64> {
    thread_local!(static DECODER: RefCell<Decoder> = RefCell::default());
    let message = DECODER.with_borrow_mut(|decoder| decoder.decode(line))?;
    Ok(sink.write(&message, line)?.rows)
}

pub fn marker(source: &str, id: i64) -> Marker {
    Marker {
        kind: "mysql".into(),
        source: source.into(),
        id,
        ts: "2026-11-21 00:00:00.000000".into(),
        file: "binlog.000001".into(),
        pos: 4,
        gtid: String::new(),
        server: String::new(),
        base: 0,
    }
}
