//! One value, one masked cell: a pulled row, the log's row and what `ums-filter` makes of both are the
//! same bytes, and the clear text is in none of them. Renamed columns and wrong names stop a run.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::output::{PULL, Pulled, tables};
use crate::server::{Kind, Server};
use crate::tail::{Run, TAIL};

const FILTER: &str = env!("CARGO_BIN_EXE_ums-filter");

const MASKS: &[&str] = &[
    "id=digits",
    "email=hmac:32",
    "name=keep:1,1",
    r"phone=regex:/(\d{3})\d*(\d{2})/$1...$2/",
    "n=md5",
    "big=murmur3:salt",
    "amount=md5",
    "d=murmur3",
    "f=md5",
    "born=period:month",
    "seen=md5",
    "bytes=md5",
    "kind=default",
    "note=md5:{type:'field',salt:'name'}",
    "zip=truncate:2",
    "doc=hmac",
    "b=replace:9",
];

fn key() -> String {
    static WRITTEN: OnceLock<String> = OnceLock::new();
    let write = || {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mask.key");
        std::fs::write(&path, "a key of more than sixteen bytes\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    WRITTEN.get_or_init(write).clone()
}

/// Runs a program with masks of one table.
fn masked(program: &str, table: &str, masks: &[&str], more: &[&str], input: &[u8]) -> Run {
    let mut command = Command::new("timeout");
    command.args(["-s", "KILL", "900", program, "--quiet", "--mask-key-file", &key()]);
    for mask in masks {
        command.args(["--mask", &format!("mysql.*.{table}.{mask}")]);
    }
    command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Run {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn fine(run: &Run) -> &[u8] {
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    &run.stdout
}

/// The rows of the table without the four columns of the system and without `touched`, sorted.
fn cells(bytes: &[u8], table: &str) -> (Pulled, Vec<Vec<String>>) {
    let pulled = tables(bytes)[table].clone();
    let at = 4 + pulled.fields.iter().position(|field| field["name"] == "touched").unwrap();
    let keep = |row: &Vec<String>| -> Vec<String> {
        row.iter().enumerate().skip(4).filter(|(n, _)| *n != at).map(|(_, c)| c.clone()).collect()
    };
    let mut rows: Vec<_> = pulled.rows.iter().map(keep).collect();
    rows.sort();
    rows.dedup();
    (pulled, rows)
}

fn no_clear_text(run: &Run) {
    let text = String::from_utf8_lossy(&run.stdout);
    for clear in ["secret", "424242", "c2VjcmV0", "31337"] {
        assert!(!text.contains(clear), "{clear} in the output: {text}");
        assert!(!run.stderr.contains(clear), "{clear} in a message: {}", run.stderr);
    }
}

fn everywhere_the_same(kind: Kind, database: &str) {
    let Some(server) = Server::shared(kind, database) else { return };
    server.database(database);
    server.sql(&format!(
        "USE {database}; SET time_zone = '+00:00';
         CREATE TABLE t (id BIGINT PRIMARY KEY, email VARCHAR(99), name VARCHAR(99), phone VARCHAR(20),
           n INT, big BIGINT, amount DECIMAL(12,2), d DOUBLE, f FLOAT, born DATE, seen DATETIME(3),
           bytes VARBINARY(20), kind ENUM('secret','other'), note TEXT, zip CHAR(5), doc JSON, b TINYINT,
           touched INT DEFAULT 0);
         INSERT INTO t VALUES
           (424242, 'secret@example.com', 'Ann secret \\\"q\\\" \\n', '017655512345', 424242, 424242, 4242.42, 0.1, 1e10,
            '1984-05-17', '2026-11-21 01:02:03.456', 'secret', 'secret', 'a secret', '80331', '{{\"a\":\"secret\"}}', 1, 0),
           (-424242, '', '', '', -1, -9223372036854775808, -0.01, -1e300, 16777217, '0001-01-01',
            '1970-01-01 00:00:00', '', 'other', '', '', 'null', -128, 0),
           (31337, 'Émile@secret.example', 'Émile 🦀 secret', 'x', 7, 12345, 12.50, 1.5, 1.5, '2026-11-21', NULL, NULL, NULL,
            'é secret', 'é1', '[1, 2.50]', NULL, 0),
           (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0);"
    ));
    let (table, url) = (format!("{database}.t"), server.url());
    let pull: &[&str] = &["--tables", &table, "--shard-rows", "2", &url];
    let pulled = masked(PULL, &table, MASKS, pull, b"");
    let clear_pulled = masked(PULL, &table, &[], pull, b"");
    let start = server.position().to_string();
    server.sql(&format!("USE {database}; UPDATE t SET touched = 1;"));
    let stop = ["--start", &start, "--stop", "latest", "--tables", &table, &url];
    let logged = masked(TAIL, &table, MASKS, &stop, b"");
    let with_before = [&["--before"][..], &stop].concat();
    let before = masked(TAIL, &table, MASKS, &with_before, b"");
    let clear_logged = masked(TAIL, &table, &[], &stop, b"");
    let filtered = masked(FILTER, &table, MASKS, &[], fine(&clear_logged));
    let filtered_pull = masked(FILTER, &table, MASKS, &[], fine(&clear_pulled));
    let (first, rows) = cells(fine(&pulled), &table);
    assert_eq!(rows.len(), 4);
    for run in [&pulled, &logged, &before, &filtered, &filtered_pull] {
        let (other, theirs) = cells(fine(run), &table);
        assert_eq!((first.fields.clone(), first.keys.clone()), (other.fields, other.keys));
        assert_eq!(rows, theirs);
        no_clear_text(run);
    }
    let encoded: Vec<bool> = first.fields.iter().map(|f| f["encoded"] == true).collect();
    assert_eq!(encoded.iter().filter(|encoded| **encoded).count(), MASKS.len());
    assert_eq!(first.end.len(), 3, "{:?}", first.end);
    first.assert_whole();
    let by_name: BTreeMap<_, _> =
        first.fields.iter().map(|f| (f["name"].as_str().unwrap(), f)).collect();
    assert_eq!(by_name["email"].get("origin"), None);
    assert_eq!(
        (by_name["id"]["type"].as_str(), by_name["bytes"]["type"].as_str()),
        (Some("long"), Some("string"))
    );
    // Uids of pulled rows are made of the masked key, and still tell rows apart.
    let uids = |bytes: &[u8]| -> Vec<String> {
        tables(bytes)[&table]
            .rows
            .iter()
            .map(|row| row[3].rsplit('p').next().unwrap().to_owned())
            .collect()
    };
    let (ours, theirs) = (uids(&pulled.stdout), uids(&clear_pulled.stdout));
    assert!(ours.iter().all(|uid| !theirs.contains(uid)), "{ours:?} {theirs:?}");
}

#[test]
fn the_same_cell_everywhere_mariadb() {
    everywhere_the_same(Kind::MariaDb, "masks_same");
}

#[test]
fn the_same_cell_everywhere_mysql() {
    everywhere_the_same(Kind::MySql, "masks_same");
}

fn what_stops(kind: Kind, database: &str) {
    let Some(server) = Server::shared(kind, database) else { return };
    server.database(database);
    server.sql(&format!(
        "USE {database}; CREATE TABLE t (id INT PRIMARY KEY, email VARCHAR(99)); INSERT INTO t VALUES (1, 'secret');"
    ));
    let (table, url) = (format!("{database}.t"), server.url());
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {database}; INSERT INTO t VALUES (2, 'secret');
         ALTER TABLE t CHANGE email mail VARCHAR(99); INSERT INTO t VALUES (3, 'secret');
         UPDATE t SET id = 31337 WHERE id = 2;"
    ));
    let logged = ["--start", &start, "--stop", "latest", "--tables", &table, &url];
    let renamed = masked(TAIL, &table, &["email=hmac"], &logged, b"");
    assert_eq!(renamed.code, Some(5), "{}", renamed.stderr);
    assert!(renamed.stderr.contains("no such column; there are id, mail"), "{}", renamed.stderr);
    assert_eq!(tables(&renamed.stdout)[&table].rows.len(), 1);
    no_clear_text(&renamed);
    let both = masked(TAIL, &table, &["email?=hmac", "mail?=hmac", "id=digits"], &logged, b"");
    no_clear_text(&both);
    assert_eq!(
        tables(fine(&both))[&table].rows.len(),
        4,
        "two inserts, and a D and an I of the move"
    );
    let pull = ["--tables", &table, &url];
    for (mask, code, what) in [
        ("email=hmac", 5, "no such column"),
        ("id=default", 5, "--mask-lossy-keys"),
        ("mail=hmac:1", 2, "DIGITS"),
        ("x.mail=hmac", 2, "no such table is pulled"),
    ] {
        let run = masked(PULL, &table, &[mask], &pull, b"");
        assert_eq!(run.code, Some(code), "{mask}: {}", run.stderr);
        assert!(run.stderr.contains(what), "{mask}: {}", run.stderr);
        no_clear_text(&run);
    }
    let typo = ["--start", &start, "--stop", "latest", &url];
    let run = masked(TAIL, &format!("{database}.u"), &["mail=hmac"], &typo, b"");
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stdout.is_empty() && run.stderr.contains("no such table"), "{}", run.stderr);
}

#[test]
fn wrong_names_stop_mariadb() {
    what_stops(Kind::MariaDb, "masks_stop");
}

#[test]
fn wrong_names_stop_mysql() {
    what_stops(Kind::MySql, "masks_stop");
}

/// Updates that log some columns only.
#[test]
fn partial_images() {
    for kind in [Kind::MariaDb, Kind::MySql] {
        let Some(server) = Server::shared(kind, "masks_partial") else { continue };
        server.database("masks_partial");
        let start = server.position().to_string();
        server.sql(
            "USE masks_partial; CREATE TABLE t (id INT PRIMARY KEY, email VARCHAR(99), other INT);
             INSERT INTO t VALUES (424242, 'secret', 1);
             SET SESSION binlog_row_image = MINIMAL;
             UPDATE t SET other = 2; UPDATE t SET email = 'secret too'; DELETE FROM t;",
        );
        let (table, url) = ("masks_partial.t", server.url());
        let logged = ["--start", &start, "--stop", "latest", "--tables", table, &url];
        let masks = ["id=digits", "email=hmac"];
        let run = masked(TAIL, table, &masks, &logged, b"");
        no_clear_text(&run);
        let clear = masked(TAIL, table, &[], &logged, b"");
        let filtered = masked(FILTER, table, &masks, &[], fine(&clear));
        let lines = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().filter(|line| line.contains("_data\"")).map(str::to_owned).collect()
        };
        assert_eq!(lines(fine(&run)), lines(fine(&filtered)));
        assert_eq!(lines(&run.stdout).len(), 4);
        // A salt that is not in every image would give one value several masks.
        let salted = ["id=digits", "email=md5:{type:'field',salt:'other'}"];
        let salted = masked(TAIL, table, &salted, &logged, b"");
        assert_eq!(salted.code, Some(5), "{}", salted.stderr);
        no_clear_text(&salted);
    }
}
