//! Running `dbus-tail` and reading what it wrote, with serde_json and not with our own decoder.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::{Position, Server};

pub const TAIL: &str = env!("CARGO_BIN_EXE_dbus-tail");
pub const SINK: &str = env!("CARGO_BIN_EXE_ums-sink");

/// No run of a test may take longer than this; it is killed then.
const DEADLINE_SECONDS: &str = "900";

/// How a run ended and what it wrote.
pub struct Run {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// One row of a message.
#[derive(Debug, Clone)]
pub struct Change {
    /// Part four of the namespace.
    pub table: String,
    /// Part five of the namespace.
    pub version: String,
    pub id: i64,
    pub op: String,
    pub uid: String,
    pub timestamp: String,
    /// Cells by column.
    pub cells: BTreeMap<String, Value>,
    /// Cells that are no JSON strings, as they are written, by column.
    pub numbers: BTreeMap<String, String>,
    /// UMS types by column.
    pub types: BTreeMap<String, String>,
    /// The key's columns.
    pub keys: Vec<String>,
}

impl Change {
    /// A cell as text; `NULL` for null and `-` for a column that is not in the row.
    pub fn text(&self, column: &str) -> String {
        match self.cells.get(column) {
            None => "-".into(),
            Some(Value::Null) => "NULL".into(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => self.numbers[column].clone(),
        }
    }

    /// Op and the named cells, joined by blanks.
    pub fn line(&self, columns: &[&str]) -> String {
        let mut line = self.op.clone();
        for column in columns {
            line.push(' ');
            line.push_str(&self.text(column));
        }
        line
    }
}

/// `dbus-tail` with these arguments, ended by a deadline.
pub fn tail(arguments: &[&str]) -> Command {
    with_deadline(TAIL, arguments)
}

/// `ums-sink` with these arguments, ended by a deadline.
pub fn sink(arguments: &[&str]) -> Command {
    with_deadline(SINK, arguments)
}

fn with_deadline(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", DEADLINE_SECONDS, program]).args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end and keeps what was written.
pub fn run(command: &mut Command) -> Run {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    Run {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Run {
    /// Ends the test unless the run ended well.
    pub fn good(self) -> Self {
        assert_eq!(self.code, Some(0), "dbus-tail: {}", self.stderr);
        self
    }

    /// The rows, in order; markers and notices are left out.
    pub fn changes(&self) -> Vec<Change> {
        let text = std::str::from_utf8(&self.stdout).expect("messages are UTF-8");
        text.lines().flat_map(changes_of).collect()
    }
}

/// Live, from a position to where the server is now; only these tables, in the log's own order.
pub fn tail_from(server: &Server, start: &Position, tables: &str) -> Vec<Change> {
    live(server, start, &["--ordered", "--tables", tables]).good().changes()
}

/// Live, from a position to where the server is now, with further arguments.
pub fn live(server: &Server, start: &Position, more: &[&str]) -> Run {
    let (url, start) = (server.url(), start.to_string());
    let mut arguments = vec!["--quiet", "--start", &start, "--stop", "latest"];
    arguments.extend(more);
    arguments.push(&url);
    run(&mut tail(&arguments))
}

/// From files.
pub fn from_files(files: &[&Path], more: &[&str]) -> Run {
    let mut command = tail(&["--quiet"]);
    run(command.args(more).args(files))
}

/// The rows of one message; none for a marker or a notice.
pub fn changes_of(line: &str) -> Vec<Change> {
    let message: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    if message["protocol"]["type"] != "data_increment_data" {
        return Vec::new();
    }
    let schema = &message["schema"];
    let namespace: Vec<&str> = schema["namespace"].as_str().unwrap().split('.').collect();
    assert_eq!(namespace.len(), 7, "{namespace:?}");
    let fields = schema["fields"].as_array().unwrap();
    let names: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    let types: BTreeMap<String, String> =
        fields.iter().map(|field| (string(&field["name"]), string(&field["type"]))).collect();
    let keys =
        schema["keys"].as_array().map(|keys| keys.iter().map(string).collect()).unwrap_or_default();
    let payload = message["payload"].as_array().unwrap();
    assert!(!payload.is_empty(), "a message without rows: {line}");
    let row = |(row, numbers): (&Value, Vec<&str>)| {
        let tuple = row["tuple"].as_array().unwrap();
        assert_eq!(tuple.len(), names.len(), "{line}");
        let mut cells: BTreeMap<String, Value> =
            names.iter().map(|name| (*name).to_owned()).zip(tuple.iter().cloned()).collect();
        let numbers = names.iter().zip(&numbers).filter(|(_, text)| !text.starts_with('"'));
        let numbers =
            numbers.map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut system = |name: &str| string(&cells.remove(name).expect("a system column"));
        Change {
            id: system("_ums_id_").parse().unwrap(),
            timestamp: system("_ums_ts_"),
            op: system("_ums_op_"),
            uid: system("_ums_uid_"),
            table: namespace[3].to_owned(),
            version: namespace[4].to_owned(),
            cells,
            numbers,
            types: types.clone(),
            keys: Vec::clone(&keys),
        }
    };
    let texts = tuples(line);
    assert_eq!(texts.len(), payload.len(), "{line}");
    payload.iter().zip(texts).map(row).collect()
}

/// The cells of every tuple as they are written: serde_json keeps neither all digits of a number
/// nor its spelling.
pub fn tuples(line: &str) -> Vec<Vec<&str>> {
    let payload = line.rfind("\"payload\":[").map_or("", |at| &line[at..]);
    payload.split("{\"tuple\":[").skip(1).map(cells).collect()
}

/// The elements of an array without arrays in it, up to its closing bracket.
fn cells(text: &str) -> Vec<&str> {
    let (mut found, mut begin, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b']' if !quoted => {
                found.push(&text[begin..at]);
                begin = at + 1;
                if byte == b']' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

fn string(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Standard Base64 to bytes.
pub fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0, "Base64 comes padded");
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for digit in text.trim_end_matches('=').bytes() {
        let value = DIGITS.iter().position(|d| *d == digit).expect("a Base64 digit");
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

/// Hexadecimal digits to bytes.
pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}
