//! Running `dbus-pull` and reading what it wrote.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::server::Server;
use crate::tail::tuples;

pub const PULL: &str = env!("CARGO_BIN_EXE_dbus-pull");

/// No run of a test may take longer than this; it is killed then.
const DEADLINE_SECONDS: &str = "900";

/// One table of what was written.
#[derive(Debug, Default, Clone)]
pub struct Pulled {
    /// The fields behind the four of the system, as JSON.
    pub fields: Vec<Value>,
    /// The key.
    pub keys: Value,
    /// Cells as they are written, the system's four in front.
    pub rows: Vec<Vec<String>>,
    /// The rows of its end, with the names of the fields; empty before the end.
    pub end: Vec<BTreeMap<String, Value>>,
    /// `batchId` of its end.
    pub batch: i64,
}

impl Pulled {
    /// The cells of a column in the order in which they came.
    pub fn column(&self, name: &str) -> Vec<&str> {
        let at = 4 + self.fields.iter().position(|field| field["name"] == name).unwrap();
        self.rows.iter().map(|row| row[at].as_str()).collect()
    }

    /// Its end says that it was the whole table, and counts its rows.
    pub fn assert_whole(&self) {
        assert!(!self.end.is_empty(), "no end");
        assert!(self.end.iter().all(|shard| shard["whole"] == true), "{:?}", self.end);
        let rows: u64 =
            self.end.iter().map(|s| s["rows"].as_str().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(rows, self.rows.len() as u64);
    }
}

/// How a run ended.
pub struct Run {
    pub code: Option<i32>,
    pub stderr: String,
    pub stdout: Vec<u8>,
}

impl Run {
    /// What it wrote, by `schema.table`. The run must have succeeded.
    pub fn tables(&self) -> BTreeMap<String, Pulled> {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        tables(&self.stdout)
    }
}

/// `dbus-pull --quiet` with these arguments, ended by a deadline.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", DEADLINE_SECONDS, PULL, "--quiet"]).args(arguments);
    command.env_remove("DWS_PASSWORD").stdin(Stdio::null());
    command
}

/// Runs to the end.
pub fn run(arguments: &[&str]) -> Run {
    let output = command(arguments).output().unwrap();
    Run {
        code: output.status.code(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout: output.stdout,
    }
}

/// Pulls these tables.
pub fn pull(server: &Server, pattern: &str, more: &[&str]) -> BTreeMap<String, Pulled> {
    let url = server.url();
    let mut arguments = vec!["--tables", pattern];
    arguments.extend(more);
    arguments.push(&url);
    run(&arguments).tables()
}

/// The messages of a run, by `schema.table`.
pub fn tables(bytes: &[u8]) -> BTreeMap<String, Pulled> {
    read(bytes, false)
}

/// The messages of a pull that was resumed: the end of a table may come again.
pub fn tables_of_runs(bytes: &[u8]) -> BTreeMap<String, Pulled> {
    read(bytes, true)
}

fn read(bytes: &[u8], ends_again: bool) -> BTreeMap<String, Pulled> {
    let mut found: BTreeMap<String, Pulled> = BTreeMap::new();
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let schema = &message["schema"];
        let namespace: Vec<&str> = schema["namespace"].as_str().unwrap().split('.').collect();
        let table = found.entry(format!("{}.{}", namespace[2], namespace[3])).or_default();
        let fields = schema["fields"].as_array().unwrap();
        let texts = tuples(line);
        assert_eq!(texts.len(), message["payload"].as_array().unwrap().len(), "{line}");
        match message["protocol"]["type"].as_str().unwrap() {
            "data_initial_data" | "data_increment_data" => {
                assert!(table.end.is_empty(), "rows behind the end of {}", schema["namespace"]);
                table.fields = fields[4..].to_vec();
                table.keys = schema["keys"].clone();
                let owned = |row: Vec<&str>| row.into_iter().map(str::to_owned).collect();
                table.rows.extend(texts.into_iter().map(owned).inspect(|row: &Vec<String>| {
                    assert_eq!(row.len(), fields.len(), "{line}");
                }));
            }
            "data_batch_termination" => {
                assert!(table.end.is_empty() || ends_again, "two ends of {}", schema["namespace"]);
                table.end.clear();
                table.batch = schema["batchId"].as_i64().unwrap();
                for row in message["payload"].as_array().unwrap() {
                    let names =
                        fields.iter().map(|field| field["name"].as_str().unwrap().to_owned());
                    let cells = row["tuple"].as_array().unwrap().iter().cloned();
                    table.end.push(names.zip(cells).collect());
                }
            }
            _ => {
                if table.rows.is_empty() && table.end.is_empty() {
                    found.remove(&format!("{}.{}", namespace[2], namespace[3]));
                }
            }
        }
    }
    found
}
