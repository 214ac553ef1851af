//! Tests of the program `logrules`: what pipes see and when, that reading again gives the same, hostile
//! input, and landing in a store.

#[path = "../support/mod.rs"]
mod support;

mod again;
mod differences;
mod follow;
#[cfg(feature = "sqlite")]
mod kill;
mod live;
mod random;
mod watch;

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The samples and their rules.
fn logs() -> PathBuf {
    support::root().join("tests/data/logs")
}

/// `logrules RULES`, standard streams in pipes.
fn logrules(rules: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logrules"));
    command.arg(logs().join(rules)).arg("--quiet");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Rows of a stream: table, and the cells of each row, in their order.
fn rows(stream: &[u8]) -> Vec<(String, Vec<serde_json::Value>)> {
    let mut rows = Vec::new();
    for line in stream.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message: serde_json::Value = serde_json::from_slice(line).unwrap();
        if message["protocol"]["type"] != "data_increment_data" {
            continue;
        }
        let namespace = message["schema"]["namespace"].as_str().unwrap();
        let table = namespace.split('.').nth(3).unwrap().to_owned();
        for row in message["payload"].as_array().unwrap() {
            rows.push((table.clone(), row["tuple"].as_array().unwrap().clone()));
        }
    }
    rows
}
