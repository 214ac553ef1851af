//! Runs the built program and reads what it wrote with another JSON reader.

use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::writer::Log;

/// A row as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub namespace: String,
    pub id: i64,
    pub time: String,
    pub op: String,
    pub uid: String,
    /// Column names and cells.
    pub cells: Vec<(String, Value)>,
    /// Which message it came in.
    pub message: usize,
}

impl Row {
    pub fn cell(&self, name: &str) -> Option<&Value> {
        self.cells.iter().find(|(known, _)| known == name).map(|(_, cell)| cell)
    }

    /// The number in column `id`.
    pub fn key(&self) -> i64 {
        self.cell("id").unwrap().as_i64().unwrap()
    }

    /// The op and the key.
    pub fn change(&self) -> String {
        format!("{}{}", self.op, self.key())
    }
}

/// What a run led to.
#[derive(Debug, Clone)]
pub struct Run {
    pub code: i32,
    pub errors: String,
    pub out: String,
    pub rows: Vec<Row>,
    pub markers: Vec<Row>,
    /// Namespaces of versions that ended.
    pub ended: Vec<String>,
}

impl Run {
    pub fn changes(&self) -> String {
        self.rows.iter().map(Row::change).collect::<Vec<_>>().join(" ")
    }

    pub fn ids(&self) -> Vec<i64> {
        self.rows.iter().map(|row| row.id).collect()
    }

    /// The run ended well and each row change is named once.
    #[track_caller]
    pub fn well(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.errors);
        let uids: HashSet<_> = self.rows.iter().map(|row| &row.uid).collect();
        assert_eq!(uids.len(), self.rows.len(), "uids are not unique");
        self
    }

    pub fn marker(&self, field: &str) -> &Value {
        self.markers.last().unwrap().cell(field).unwrap()
    }
}

/// The program with a clean environment.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbus-tail"));
    command.args(arguments).env("NO_COLOR", "1").env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ["DWS_PASSWORD", "DWS_PASSWORD_FILE", "DWS_DEFAULTS_FILE", "MYSQL_PWD"] {
        command.env_remove(name);
    }
    command
}

pub fn tail(arguments: &[&str]) -> Run {
    let output = command(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    let mut run = read(&text);
    run.code = output.status.code().unwrap();
    run.errors = errors;
    run
}

/// The log as a file `binlog.000001`.
pub fn tail_log(log: &Log, arguments: &[&str]) -> Run {
    tail_bytes(&log.bytes, arguments)
}

pub fn tail_bytes(bytes: &[u8], arguments: &[&str]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("binlog.000001");
    std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    let mut all = vec![path.to_str().unwrap()];
    all.extend_from_slice(arguments);
    tail(&all)
}

/// Reads messages.
pub fn read(text: &str) -> Run {
    let mut run = Run {
        code: 0,
        errors: String::new(),
        out: text.to_owned(),
        rows: Vec::new(),
        markers: Vec::new(),
        ended: Vec::new(),
    };
    for (number, line) in text.lines().enumerate() {
        let message: Value = serde_json::from_str(line).unwrap();
        let namespace = message["schema"]["namespace"].as_str().unwrap().to_owned();
        let names: Vec<String> = message["schema"]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["name"].as_str().unwrap().to_owned())
            .collect();
        let kind = message["protocol"]["type"].as_str().unwrap();
        if kind == "data_increment_termination" {
            run.ended.push(namespace);
            continue;
        }
        for row in message["payload"].as_array().unwrap() {
            let tuple = row["tuple"].as_array().unwrap();
            assert_eq!(tuple.len(), names.len(), "{line}");
            let mut cells: Vec<_> = names.iter().cloned().zip(tuple.iter().cloned()).collect();
            let mut system = |name: &str| {
                let at = cells.iter().position(|(known, _)| known == name)?;
                Some(cells.remove(at).1.as_str().unwrap().to_owned())
            };
            let row = Row {
                namespace: namespace.clone(),
                id: system("_ums_id_").unwrap().parse().unwrap(),
                time: system("_ums_ts_").unwrap(),
                op: system("_ums_op_").unwrap_or_default(),
                uid: system("_ums_uid_").unwrap_or_default(),
                cells,
                message: number,
            };
            match kind {
                "data_increment_data" => run.rows.push(row),
                "data_increment_heartbeat" => run.markers.push(row),
                other => panic!("{other}"),
            }
        }
    }
    run
}

/// An id in file number 1.
pub fn id(offset: u64) -> i64 {
    1_000_000_000_000 + offset as i64
}
