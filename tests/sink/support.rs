//! Messages written by hand, the program, and the sqlite3 command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use dws::ums::marker::parse_checkpoint;
use dws::ums::{Cause, Dialect, Marker, Namespace, Termination};

/// A folder that goes away, with a database in it.
pub struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// The address of the database.
    pub fn sqlite(&self) -> String {
        format!("sqlite:{}", self.text("t.db"))
    }

    /// What the sqlite3 command answers.
    pub fn ask(&self, sql: &str) -> String {
        sqlite3(&self.path("t.db"), sql)
    }
}

pub fn sqlite3(database: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-batch", "-cmd", ".nullvalue NULL", "-cmd", ".timeout 60000"])
        .arg(database)
        .arg(sql)
        .output()
        .expect("the sqlite3 command is needed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ums-sink"));
    command.args(arguments);
    command
}

/// Starts the program with pipes on all three sides.
pub fn start(arguments: &[&str]) -> Child {
    program(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the program over some input.
pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_bytes().to_vec();
    // A program that stops early closes the pipe.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    output
}

/// Runs the program, which must succeed.
pub fn land(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert!(output.status.success(), "{:?}: {}", output.status, error_text(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the program, which must fail with this code; gives its message.
pub fn fail(code: i32, arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    let text = error_text(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

pub fn error_text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A table of the source as its messages describe it.
#[derive(Clone)]
pub struct Table {
    pub namespace: String,
    pub keys: Vec<&'static str>,
    /// Name and type.
    pub fields: Vec<(&'static str, &'static str)>,
}

impl Table {
    pub fn new(name: &str, keys: &[&'static str], fields: &[(&'static str, &'static str)]) -> Self {
        Self {
            namespace: format!("mysql.db1.{name}.0.0.0"),
            keys: keys.to_vec(),
            fields: fields.to_vec(),
        }
    }

    /// The usual one.
    pub fn orders() -> Self {
        let fields = [("id", "long"), ("name", "string"), ("amount", "decimal"), ("n", "int")];
        Self::new("shop.orders", &["id"], &fields)
    }

    /// A message of rows: id, op, and the cells as JSON text.
    pub fn message(&self, rows: &[(i64, &str, &str)]) -> String {
        self.message_of("data_increment_data", rows)
    }

    pub fn message_of(&self, protocol: &str, rows: &[(i64, &str, &str)]) -> String {
        let system = [
            ("_ums_id_", "long"),
            ("_ums_ts_", "datetime"),
            ("_ums_op_", "string"),
            ("_ums_uid_", "string"),
        ];
        let fields: Vec<String> = system
            .iter()
            .chain(&self.fields)
            .map(|(name, ty)| {
                format!(r#"{{"name":"{name}","type":"{ty}","nullable":true,"encoded":false}}"#)
            })
            .collect();
        let keys: Vec<String> = self.keys.iter().map(|key| format!("\"{key}\"")).collect();
        let tuples: Vec<String> = rows
            .iter()
            .map(|(id, op, cells)| {
                format!(
                    r#"{{"tuple":["{id}","2026-11-21 01:02:03.000000","{op}","u{id}",{cells}]}}"#
                )
            })
            .collect();
        format!(
            "{{\"protocol\":{{\"type\":\"{protocol}\",\"version\":\"1.3\"}},\"schema\":{{\"namespace\":\"{}\",\
             \"batchId\":0,\"keys\":[{}],\"fields\":[{}]}},\"payload\":[{}]}}\n",
            self.namespace,
            keys.join(","),
            fields.join(","),
            tuples.join(",")
        )
    }
}

/// A marker with this id; `pos` is the same number.
pub fn marker(id: i64) -> String {
    let mut out = Vec::new();
    marker_value(id).write(Dialect::Dws, &mut out);
    String::from_utf8(out).unwrap()
}

pub fn marker_value(id: i64) -> Marker {
    Marker {
        kind: "mysql".into(),
        source: "db1".into(),
        id,
        ts: "2026-11-21 01:02:03.000000".into(),
        file: "bin.000001".into(),
        pos: u64::try_from(id).unwrap(),
        gtid: String::new(),
        server: "7".into(),
        base: 0,
    }
}

/// The notice that the table `orders` lost its rows, or changed.
pub fn notice(id: i64, cause: Option<Cause>, whole: bool) -> String {
    let mut line = Vec::new();
    Termination {
        namespace: Namespace::parse("mysql.db1.shop.orders.0.0.0").unwrap(),
        id,
        ts: "2026-11-21 02:00:00.000000".into(),
        cause,
        whole,
    }
    .write(Dialect::Dws, &mut line);
    String::from_utf8(line).unwrap()
}

/// A TRUNCATE of `orders`.
pub fn truncate(id: i64) -> String {
    notice(id, Some(Cause::Truncate), true)
}

/// The `pos` of the only position in a checkpoint's text.
pub fn position(text: &str) -> Option<i64> {
    let markers = parse_checkpoint(text).unwrap();
    assert!(markers.len() <= 1);
    markers.first().map(|marker| i64::try_from(marker.pos).unwrap())
}

/// A small generator (splitmix64): the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn seeded() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let seed = match std::env::var("DWS_TEST_SEED") {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => now.as_nanos() as u64,
        };
        println!("DWS_TEST_SEED={seed}");
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}

/// A life of the table `orders`: its messages in log order, each closed by a marker, and the rows
/// that are there in the end, as sqlite3 prints them.
pub struct Workload {
    pub messages: Vec<String>,
    pub rows: String,
}

/// How the final rows are read.
pub const FINAL: &str = "SELECT id, name, amount, n FROM orders WHERE _is_active_ = 1 ORDER BY id";

impl Workload {
    pub fn new(random: &mut Random, changes: usize, keys: usize) -> Self {
        let table = Table::orders();
        let mut rows: std::collections::BTreeMap<usize, String> = Default::default();
        let mut messages = Vec::new();
        let mut batch: Vec<(i64, String, String)> = Vec::new();
        let mut id = 1_000_000;
        for change in 0..changes {
            id += 10;
            let key = random.below(keys);
            let amount = format!("{}.{:02}", random.below(9999), random.below(100));
            let cells = format!(r#""{key}","näme {change}","{amount}",{change}"#);
            if !rows.contains_key(&key) {
                batch.push((id, "I".into(), cells));
                rows.insert(key, format!("{key}|näme {change}|{amount}|{change}"));
            } else if random.below(3) == 0 {
                batch.push((id, "D".into(), cells));
                rows.remove(&key);
            } else if random.below(5) == 0 && !rows.contains_key(&(key + keys)) {
                // The key changes: a delete of the old one and an insert of the new one.
                batch.push((id, "D".into(), cells.clone()));
                rows.remove(&key);
                let new = key + keys;
                let moved = cells.replacen(&format!("\"{key}\""), &format!("\"{new}\""), 1);
                batch.push((id + 1, "I".into(), moved));
                rows.insert(new, format!("{new}|näme {change}|{amount}|{change}"));
            } else {
                batch.push((id, "U".into(), cells));
                rows.insert(key, format!("{key}|näme {change}|{amount}|{change}"));
            }
            if batch.len() > random.below(40) || change + 1 == changes {
                let batch: Vec<_> = std::mem::take(&mut batch);
                let borrowed: Vec<(i64, &str, &str)> = batch
                    .iter()
                    .map(|(id, op, cells)| (*id, op.as_str(), cells.as_str()))
                    .collect();
                messages.push(table.message(&borrowed) + &marker(id + 2));
            }
        }
        let rows: Vec<String> = rows.into_values().collect();
        Self { messages, rows: rows.join("\n") }
    }
}
