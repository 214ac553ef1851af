//! Handles of brokers, topics and of the programs under test. Topics are made and looked at by
//! Kafka's own tools and by kcat, never by ours.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{free_ports, skipped};

pub const TAIL: &str = env!("CARGO_BIN_EXE_dbus-tail");
pub const SINK: &str = env!("CARGO_BIN_EXE_ums-sink");
pub const FILTER: &str = env!("CARGO_BIN_EXE_ums-filter");
pub const JOIN: &str = env!("CARGO_BIN_EXE_ums-join");
pub const PULL: &str = env!("CARGO_BIN_EXE_dbus-pull");

/// A cluster; a private one ends with the handle.
pub struct Brokers {
    /// `host:port`, separated by commas.
    pub list: String,
    private: Option<Private>,
    /// Kept as long as the handle.
    _turn: MutexGuard<'static, ()>,
}

/// One test after the other: each has up to three brokers, and programs beside them, on two cores.
static TURN: Mutex<()> = Mutex::new(());

struct Private {
    folder: tempfile::TempDir,
    port: u16,
    count: u16,
    settings: &'static [&'static str],
}

impl Brokers {
    /// The broker that all tests share, or `None` (and the reason is said).
    pub fn shared(test: &str) -> Option<Self> {
        let list = known(test)?;
        Some(Self { list, private: None, _turn: turn() })
    }

    /// Brokers of the test's own.
    pub fn private(test: &str, count: u16) -> Option<Self> {
        Self::prepared(test, count, &[], |_| true)
    }

    /// The same with settings (`KEY=VALUE`, or `secure`), and something to be done with their folder
    /// first, which may find that it cannot be done here.
    pub fn prepared(
        test: &str,
        count: u16,
        settings: &'static [&'static str],
        prepare: impl FnOnce(&Path) -> bool,
    ) -> Option<Self> {
        // Where there is no shared one, none can be had.
        known(test)?;
        let turn = turn();
        let folder = tempfile::Builder::new().prefix("dws-kafka.").tempdir().unwrap();
        if !prepare(folder.path()) {
            return None;
        }
        let port = free_ports(count * 2 + 2);
        let list: Vec<_> = (port..port + count).map(|port| format!("127.0.0.1:{port}")).collect();
        let private = Some(Private { folder, port, count, settings });
        let brokers = Self { list: list.join(","), private, _turn: turn };
        brokers.start();
        Some(brokers)
    }

    fn own(&self) -> &Private {
        self.private.as_ref().expect("private brokers")
    }

    /// The folder of the private brokers.
    pub fn folder(&self) -> &Path {
        self.own().folder.path()
    }

    /// Where the only broker listens, so many ports behind its first.
    pub fn listener(&self, behind: u16) -> String {
        format!("127.0.0.1:{}", self.own().port + behind)
    }

    /// Starts the private brokers that do not run.
    pub fn start(&self) {
        let Private { folder, port, count, settings } = self.own();
        let output = scripts("servers")
            .args(["start", "kafka"])
            .arg(folder.path())
            .arg(port.to_string())
            .arg(format!("brokers={count}"))
            .args(*settings)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether a private broker runs.
    pub fn runs(&self, number: u16) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{}/stat", self.pid(number)));
        state.is_ok_and(|state| !state.contains(") Z "))
    }

    fn pid(&self, number: u16) -> String {
        let pid = self.folder().join(number.to_string()).join("pid");
        std::fs::read_to_string(pid).unwrap().trim().to_owned()
    }

    /// Ends a private broker, counted from 1, as a power cut would.
    pub fn kill(&self, number: u16) {
        let pid = self.pid(number);
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        wait(30, "the broker's end", || !self.runs(number));
    }

    /// One of Kafka's own tools.
    fn tool(&self, name: &str, arguments: &[&str]) -> String {
        let tool = scripts("servers").args(["path", "kafka", name]).output().unwrap();
        let tool = String::from_utf8(tool.stdout).unwrap();
        let output = Command::new(tool.trim())
            .args(["--bootstrap-server", &self.list])
            .args(arguments)
            .output()
            .unwrap();
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        assert!(output.status.success(), "{}", said[1]);
        said.concat()
    }

    /// Waits until nobody is in a group, who was killed neither: such a member has its share of the
    /// partitions until its session is over.
    pub fn wait_for_leaving(&self, group: &str) {
        let arguments = ["--describe", "--members", "--group", group];
        wait(60, "the group is empty", || {
            self.tool("groups", &arguments).contains("has no active members")
        });
    }

    pub fn url(&self, rest: &str) -> String {
        format!("kafka://{}/{rest}", self.list)
    }

    /// A name that no earlier run has used.
    pub fn fresh(&self, name: &str) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        format!("{name}-{:x}", now.as_micros())
    }

    /// A new topic.
    pub fn topic(&self, name: &str, partitions: u16) {
        let replicas = self.private.as_ref().map_or(1, |private| private.count).to_string();
        let partitions = partitions.to_string();
        let number = ["--partitions", &partitions, "--replication-factor", &replicas];
        self.tool("topics", &[&["--create", "--topic", name][..], &number[..]].concat());
    }

    /// More partitions for a topic.
    pub fn grow(&self, name: &str, partitions: u16) {
        let partitions = partitions.to_string();
        self.tool("topics", &["--alter", "--topic", name, "--partitions", &partitions]);
    }

    /// Lines to a topic by kcat, one a record.
    pub fn write(&self, topic: &str, more: &[&str], lines: &[String]) {
        let mut child = Command::new("kcat")
            .args(["-P", "-b", &self.list, "-t", topic, "-X", "topic.partitioner=random"])
            .args(more)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
        drop(input);
        assert!(child.wait().unwrap().success());
    }

    /// What a topic holds, read by kcat: committed records, one a line. It ends where a fetch brings
    /// nothing; while markers come all the time, one that waits for them for half a second never does.
    /// Of a topic whose leaders are still being chosen it may wait for ever, too, so it is asked again.
    pub fn read(&self, topic: &str, more: &[&str]) -> String {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(120) {
            let output = Command::new("timeout")
                .args(["15", "kcat", "-C", "-q", "-e", "-b", &self.list, "-t", topic])
                .args(["-o", "beginning", "-X", "isolation.level=read_committed"])
                .args(["-X", "fetch.wait.max.ms=10"])
                .args(more)
                .output()
                .unwrap();
            if output.status.success() {
                return String::from_utf8(output.stdout).unwrap();
            }
            eprintln!("kcat: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!("kcat cannot read {topic}");
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        if let Some(Private { folder, .. }) = &self.private {
            let _ = scripts("servers").arg("stop").arg(folder.path()).status();
            // What was mounted for the test; mostly nothing.
            let _ = Command::new("umount")
                .arg(folder.path().join("1/data"))
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// The broker that all tests share, or the reason said why there is none.
fn known(test: &str) -> Option<String> {
    let list = std::env::var("DWS_TEST_KAFKA").ok().filter(|list| !list.is_empty());
    if list.is_none() {
        skipped(test, "no Kafka broker; run scripts/test");
    }
    list
}

/// A test that failed has had its turn, too.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn scripts(name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(name);
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    command
}

/// Waits until it is so.
pub fn wait(seconds: u64, what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !done() {
        assert!(Instant::now() < deadline, "waited {seconds} s in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A program with these arguments, ended by a deadline.
pub fn program(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "300", program]).args(arguments).stdin(Stdio::null());
    command
}

/// Runs to the end, which must be good.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A program that goes on until it is told; its words are in a file.
pub struct Running {
    pub child: Child,
    said: PathBuf,
}

impl Running {
    pub fn start(program: &str, arguments: &[&str], folder: &Path) -> Self {
        let said = tempfile::Builder::new().suffix(".err").tempfile_in(folder).unwrap();
        let (file, said) = said.keep().unwrap();
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, said }
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and a clean end.
    pub fn end(&mut self) {
        use std::os::unix::process::ExitStatusExt;
        let status = self.terminate();
        assert_eq!(status.signal(), Some(15), "{}", self.said());
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut status = None;
        wait(60, "a clean end", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The cells of one column in all rows of messages, in order.
pub fn column(messages: &str, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in messages.lines().filter(|line| line.contains("\"data_increment_data\"")) {
        let message: Value = serde_json::from_str(line).unwrap();
        let fields = message["schema"]["fields"].as_array().unwrap();
        let Some(at) = fields.iter().position(|field| field["name"] == name) else { continue };
        for row in message["payload"].as_array().unwrap() {
            let cell = &row["tuple"][at];
            found.push(cell.as_str().map_or_else(|| cell.to_string(), str::to_owned));
        }
    }
    found
}

/// The rows' names, which are the same at every delivery.
pub fn uids(messages: &str) -> Vec<String> {
    column(messages, "_ums_uid_")
}

/// The same, sorted, and each once.
pub fn distinct(messages: &str) -> BTreeSet<String> {
    uids(messages).into_iter().collect()
}

/// One message with one row of a table of two columns.
pub fn message(number: u64) -> String {
    let id = 1_000_000_000_000 + number * 100;
    format!(
        concat!(
            r#"{{"protocol":{{"type":"data_increment_data","version":"1.3"}},"schema":{{"namespace":"#,
            r#""mysql.db1.shop.orders.0.0.0","batchId":0,"keys":["id"],"fields":["#,
            r#"{{"name":"_ums_id_","type":"long","nullable":false,"encoded":false}},"#,
            r#"{{"name":"_ums_ts_","type":"datetime","nullable":false,"encoded":false}},"#,
            r#"{{"name":"_ums_op_","type":"string","nullable":false,"encoded":false}},"#,
            r#"{{"name":"_ums_uid_","type":"string","nullable":false,"encoded":false}},"#,
            r#"{{"name":"id","type":"long","nullable":false,"encoded":false}}]}},"payload":["#,
            r#"{{"tuple":["{}","2026-11-21 01:02:03.000000","I","u{}","{}"]}}]}}"#
        ),
        id, number, number
    )
}

/// So many of them.
pub fn messages(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(message).collect()
}
