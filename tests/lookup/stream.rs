//! `ums-join` with lines in and rows out, at once or one after the other.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

pub const MARKER: &str = r#"{"protocol":{"type":"data_increment_heartbeat","version":"1.3"},"schema":{"namespace":"mysql.db1.*.*.*.*.*","batchId":0,"fields":[{"name":"_ums_id_","type":"long","nullable":false,"encoded":false},{"name":"_ums_ts_","type":"datetime","nullable":false,"encoded":false},{"name":"file","type":"string","nullable":false,"encoded":false},{"name":"pos","type":"long","nullable":false,"encoded":false},{"name":"gtid","type":"string","nullable":false,"encoded":false},{"name":"server","type":"string","nullable":false,"encoded":false},{"name":"base","type":"long","nullable":false,"encoded":false}]},"payload":[{"tuple":["1000","2026-11-21 01:02:03.000000","b.000001","1000","","s","0"]}]}"#;

/// The program, without what the environment might say.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ums-join"));
    for name in ["DWS_PASSWORD", "DWS_PASSWORD_FILE", "MYSQL_PWD", "PGPASSWORD", "REDISCLI_AUTH"] {
        command.env_remove(name);
    }
    command.env("HOME", "/nonexistent").arg("--quiet").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = program(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A run that is refused does not read.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// What a run that goes well writes.
pub fn ok(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a run that fails says.
pub fn fail(code: i32, arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

/// Rows as text: op, and the cells behind the system columns as JSON; other messages by their type.
pub fn rows(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for line in text.lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let kind = message["protocol"]["type"].as_str().unwrap();
        if kind.contains("heartbeat") {
            all.push("marker".to_owned());
            continue;
        }
        for row in message["payload"].as_array().unwrap() {
            let cells = row["tuple"].as_array().unwrap();
            let behind: Vec<String> = cells[4..].iter().map(Value::to_string).collect();
            all.push(format!("{} {}", cells[2].as_str().unwrap(), behind.join(" ")));
        }
    }
    all
}

/// The fields of the first message: name, type, origin.
pub fn fields(text: &str) -> Vec<String> {
    let message: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let fields = message["schema"]["fields"].as_array().unwrap();
    let text = |field: &Value, name: &str| field[name].as_str().unwrap_or("-").to_owned();
    fields[4..]
        .iter()
        .map(|f| format!("{} {} {}", text(f, "name"), text(f, "type"), text(f, "origin")))
        .collect()
}

/// A run that is fed step by step.
pub struct Live {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Live {
    pub fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { input: child.stdin.take(), child, lines }
    }

    pub fn send(&mut self, text: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// The rows of the next message.
    pub fn next(&mut self) -> Vec<String> {
        rows(&self.lines.recv_timeout(Duration::from_secs(180)).expect("a message"))
    }

    /// Whether nothing comes for this long.
    pub fn is_still(&mut self, milliseconds: u64) -> bool {
        self.lines.recv_timeout(Duration::from_millis(milliseconds)).is_err()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended.
    pub fn wait(mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends the input; what the run said.
    pub fn end(mut self) -> String {
        drop(self.input.take());
        let output = self.child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }
}
