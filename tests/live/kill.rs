//! Killed with SIGKILL at random moments under a running workload, resumed from the checkpoint: at
//! the end the target is the source, nothing lost, nothing doubled.
//!
//! `DWS_KILL_ROUNDS` says how many times (6), `DWS_KILL_SEED` repeats a run's random numbers.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::server::{Kind, Server, skipped};
use crate::table::{self, Table};
use crate::tail::{SINK, TAIL, run, sink, tail};

/// xorshift64*: small, and the same numbers for the same seed everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

fn seed() -> u64 {
    let given = std::env::var("DWS_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
    })
}

fn rounds() -> u64 {
    std::env::var("DWS_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(6)
}

const TABLES: &str = "
    CREATE TABLE accounts (id BIGINT PRIMARY KEY, name VARCHAR(60), balance DECIMAL(14,4), seen DATETIME(6),
      real_part DOUBLE, note TEXT, raw VARBINARY(30));
    CREATE TABLE moves (account INT, step VARCHAR(20), amount INT, PRIMARY KEY (account, step));";

/// One statement or transaction of the workload.
fn statement(random: &mut Random, counter: u64) -> String {
    let id = random.below(400);
    let other = random.below(400);
    let number = random.below(1_000_000);
    let insert = |id: u64| {
        format!(
            "INSERT INTO accounts (id, name, balance, seen, real_part, note, raw) VALUES ({id}, 'name {number} ü☕',
             {number}.{counter:04}, NOW(6), {number} / 7, IF({number} % 4 = 0, NULL, REPEAT('n\\n', {number} % 50)), x'{number:08}')
             ON DUPLICATE KEY UPDATE balance = balance + 1, name = VALUES(name), raw = NULL;",
            counter = counter % 10_000
        )
    };
    match random.below(12) {
        0..=2 => insert(id),
        3 => format!(
            "BEGIN; {} {} DELETE FROM accounts WHERE id = {other}; COMMIT;",
            insert(id),
            insert(id + 1)
        ),
        4 => format!(
            "UPDATE accounts SET balance = balance * 1.01, seen = NOW(6) WHERE id % 40 = {};",
            id % 40
        ),
        5 => format!("DELETE FROM accounts WHERE id BETWEEN {id} AND {};", id + 5),
        6 => format!("UPDATE IGNORE accounts SET id = {other} WHERE id = {id};"),
        7 => format!(
            "UPDATE IGNORE accounts SET id = id + 1000 WHERE id BETWEEN {id} AND {}; UPDATE IGNORE accounts SET id = id - 1000 WHERE id > 1000;",
            id + 3
        ),
        8 => format!(
            "REPLACE INTO moves VALUES ({}, 'step {}', {number}), ({}, 'step {}', {number});",
            id % 50,
            other % 9,
            other % 50,
            id % 9
        ),
        9 => format!(
            "UPDATE IGNORE moves SET step = CONCAT('step ', amount % 30), amount = amount + 1 WHERE account = {};",
            id % 50
        ),
        10 => format!(
            "BEGIN; {} UPDATE moves SET amount = -1; DELETE FROM moves; ROLLBACK;",
            insert(id)
        ),
        _ => format!(
            "BEGIN; SAVEPOINT a; {} ROLLBACK TO a; {} DELETE FROM moves WHERE account = {}; COMMIT;",
            insert(id),
            insert(other),
            id % 50
        ),
    }
}

/// Writes until told to stop; each statement is acknowledged before the next one goes out.
fn work(
    server: &Server,
    database: &str,
    seed: u64,
    thread: u64,
    stop: &AtomicBool,
    done: &AtomicU64,
) {
    let mut client = server.client();
    // Deadlocks and duplicate keys between the writers are part of the game.
    let mut client =
        client.args(["--force", "--unbuffered", database]).stderr(Stdio::null()).spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    let mut random = Random(seed.wrapping_mul(thread + 3) | 1);
    let mut columns = 0;
    let mut counter = 0;
    while !stop.load(Ordering::Relaxed) {
        counter += 1;
        let mut script = statement(&mut random, counter);
        // One of the writers changes the table's shape now and then; the new column is used at once.
        if thread == 0 && random.below(150) == 0 && columns < 12 {
            columns += 1;
            let place = if columns % 2 == 0 { "AFTER name" } else { "" };
            script = format!(
                "ALTER TABLE accounts ADD COLUMN extra{columns} INT NULL {place}; UPDATE accounts SET extra{columns} = id WHERE id % 3 = 0;"
            );
        }
        writeln!(input, "{script}\nSELECT 'done';").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "the workload's client ended");
        done.fetch_add(1, Ordering::Relaxed);
    }
    drop(input);
    client.wait().unwrap();
}

struct Pipe {
    tail: Child,
    sink: Child,
}

fn pipe(tail_arguments: &[&str], sink_arguments: &[&str]) -> Pipe {
    let mut tail = Command::new(TAIL)
        .args(tail_arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let rows = Stdio::from(tail.stdout.take().unwrap());
    let sink = Command::new(SINK).args(sink_arguments).stdin(rows).spawn().unwrap();
    Pipe { tail, sink }
}

/// Runs the workload and kills the pipeline again and again; then everything up to the log's end.
fn killed_again_and_again(server: &Arc<Server>, test: &str, target: &str, folder: &Path) -> String {
    let seed = seed();
    println!("{test}: DWS_KILL_SEED={seed}");
    let mut random = Random(seed | 1);
    server.database(test);
    server.sql(&format!("USE {test}; {TABLES}"));
    let start = server.position().to_string();

    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..3)
        .map(|thread| {
            let (server, stop, done) = (server.clone(), stop.clone(), done.clone());
            let database = test.to_owned();
            std::thread::spawn(move || work(&server, &database, seed, thread, &stop, &done))
        })
        .collect();

    let checkpoint = folder.join("position.json");
    let checkpoint = checkpoint.to_str().unwrap();
    let (url, tables) = (server.url(), format!("{test}.*"));
    let tail_arguments = [
        "--quiet",
        "--tables",
        &tables,
        "--checkpoint",
        checkpoint,
        "--start",
        &start,
        "--marker-every",
        "50ms",
        &url,
    ];
    let sink_arguments = ["--quiet", "--checkpoint", checkpoint, target];
    let mut positions = std::collections::BTreeSet::new();
    let kept = || std::fs::read(checkpoint).unwrap_or_default();
    for round in 0..rounds() {
        let before = kept();
        let mut pipe = pipe(&tail_arguments, &sink_arguments);
        // The moment is the random part of the test; nothing waits for it.
        let limit = if round % 3 == 0 { 200 } else { 2500 };
        std::thread::sleep(Duration::from_millis(30 + random.below(limit)));
        // But one kill has to come behind a checkpoint, however slow the machine.
        let end = Instant::now() + Duration::from_secs(180);
        while round + 1 == rounds() && kept() == before && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let which = random.below(3);
        if which != 1 {
            pipe.tail.kill().unwrap();
        }
        if which != 0 {
            pipe.sink.kill().unwrap();
        }
        let (tail, sink) = (pipe.tail.wait().unwrap(), pipe.sink.wait().unwrap());
        // The one that was left alone ends well: its reader went away, or its input ended, if not
        // in the middle of a line.
        assert!(
            which != 0 || matches!(sink.code(), Some(0 | 3 | 4)),
            "round {round}: ums-sink: {sink}"
        );
        assert!(which != 1 || tail.success(), "round {round}: dbus-tail: {tail}");
        positions.extend([before, kept()]);
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().unwrap();
    }
    println!(
        "{test}: {} statements, {} checkpoints",
        done.load(Ordering::Relaxed),
        positions.len()
    );
    // The empty one before the first flush is among them.
    assert!(positions.len() > 1, "no checkpoint was written between the kills");

    let mut last = tail(&tail_arguments[..tail_arguments.len() - 1]);
    last.args(["--stop", "latest", &url]).stdout(Stdio::piped());
    let mut last = last.spawn().unwrap();
    let rows = Stdio::from(last.stdout.take().unwrap());
    let landed = run(sink(&sink_arguments).stdin(rows));
    assert_eq!(landed.code, Some(0), "{}", landed.stderr);
    assert!(last.wait().unwrap().success());
    start
}

/// Python with the modules that the tests read targets with.
fn python(test: &str) -> Option<String> {
    let python = std::env::var("DWS_TEST_PYTHON").ok();
    if python.is_none() {
        skipped(test, "no DWS_TEST_PYTHON; run scripts/test");
    }
    python
}

/// The active rows of a table of SQLite, read by Python's own module.
fn of_sqlite(python: &str, file: &Path, table: &str, keys: &[&str]) -> Table {
    let script = "
import json, sqlite3, sys
cursor = sqlite3.connect(sys.argv[1]).execute('SELECT * FROM ' + sys.argv[2] + ' WHERE _is_active_ = 1')
names = [column[0] for column in cursor.description]
def text(cell):
    if cell is None: return 'NULL'
    if isinstance(cell, bytes): return cell.hex().upper()
    return cell if isinstance(cell, float) else str(cell)
for row in cursor:
    print(json.dumps({name: text(cell) for name, cell in zip(names, row)}))
";
    let output = Command::new(python).args(["-c", script]).arg(file).arg(table).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = Table::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let cells: BTreeMap<String, Value> = serde_json::from_str(line).unwrap();
        let text = |cell: Value| match cell {
            Value::String(text) => text,
            real => table::number(&real.to_string()),
        };
        let cells: BTreeMap<String, String> =
            cells.into_iter().map(|(name, cell)| (name, text(cell))).collect();
        let key = keys.iter().map(|name| cells[*name].as_str()).collect::<Vec<_>>().join("/");
        assert!(found.insert(key.clone(), cells).is_none(), "{table} {key} is there twice");
    }
    found
}

fn into_sqlite(kind: Kind, test: &str) {
    let Some(server) = Server::shared(kind, test).map(Arc::new) else { return };
    let Some(python) = python(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target.db");
    killed_again_and_again(
        &server,
        test,
        &format!("sqlite:{}?rows=400", file.display()),
        folder.path(),
    );
    for (name, keys) in [("accounts", &["id"][..]), ("moves", &["account", "step"])] {
        let source = table::of_server(&server, test, name, keys);
        table::same(name, &source, &of_sqlite(&python, &file, name, keys));
        println!("{test}: {name}: {} rows are equal", source.len());
    }
}

/// The Parquet log keeps every change exactly once.
fn into_parquet(kind: Kind, test: &str) {
    let Some(server) = Server::shared(kind, test).map(Arc::new) else { return };
    let Some(python) = python(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("log");
    // Files small enough that some are finished between two kills.
    let target = format!("parquet:{}?rows=300&seconds=1", root.display());
    let start = killed_again_and_again(&server, test, &target, folder.path());

    let (url, tables) = (server.url(), format!("{test}.*"));
    let all = ["--quiet", "--tables", &tables, "--start", &start, "--stop", "latest", &url];
    let changes = run(&mut tail(&all)).good().changes();
    let mut expected: Vec<&str> = changes.iter().map(|change| change.uid.as_str()).collect();
    expected.sort_unstable();

    let script = "
import duckdb, sys
for (uid,) in duckdb.sql(\"SELECT _ums_uid_ FROM read_parquet('\" + sys.argv[1] + \"/**/*.parquet', union_by_name = true, hive_partitioning = false)\").fetchall():
    print(uid)
";
    let output = Command::new(python).args(["-c", script]).arg(&root).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut kept: Vec<&str> = text.lines().collect();
    kept.sort_unstable();
    let (rows, all) = (kept.len(), expected.len());
    kept.dedup();
    assert_eq!(kept.len(), rows, "{} changes are stored twice", rows - kept.len());
    assert!(kept == expected, "{rows} changes are stored, {all} are in the log");
    println!("{test}: {rows} changes, each once");
}

#[test]
fn kill_mysql_to_sqlite() {
    into_sqlite(Kind::MySql, "kill_mysql_to_sqlite");
}

#[test]
fn kill_mariadb_to_sqlite() {
    into_sqlite(Kind::MariaDb, "kill_mariadb_to_sqlite");
}

#[test]
fn kill_mysql_to_parquet() {
    into_parquet(Kind::MySql, "kill_mysql_to_parquet");
}

#[test]
fn kill_mariadb_to_parquet() {
    into_parquet(Kind::MariaDb, "kill_mariadb_to_parquet");
}
