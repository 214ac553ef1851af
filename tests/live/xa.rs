//! XA transactions on both servers: rows at the commit and with its place, whatever lies between,
//! also when a run ends and another goes on in the middle, live and from the files.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::server::{Kind, Server};
use crate::tail::{Change, changes_of, from_files, live, run, tail, tail_from};
use crate::transactions::{BOTH, invariants, scenario};

fn lines(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| change.line(&["id"])).collect()
}

#[test]
fn xa_rows_come_at_the_commit() {
    scenario(
        "xa_rows_come_at_the_commit",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT);
         XA START 'one'; INSERT INTO t VALUES (1, 1), (2, 2); XA END 'one'; XA PREPARE 'one';
         XA COMMIT 'one';
         XA START 'back'; INSERT INTO t VALUES (3, 3); XA END 'back'; XA PREPARE 'back'; XA ROLLBACK 'back';
         XA START X'00ff27', X'0a', 7; INSERT INTO t VALUES (4, 4); XA END X'00ff27', X'0a', 7;
           XA COMMIT X'00ff27', X'0a', 7 ONE PHASE;
         INSERT INTO t VALUES (5, 5);
         XA START 'one'; INSERT INTO t VALUES (6, 6); SAVEPOINT s; INSERT INTO t VALUES (7, 7);
           ROLLBACK TO s; UPDATE t SET a = 60 WHERE id = 6; XA END 'one'; XA PREPARE 'one'; XA COMMIT 'one';
         XA START 'r'; INSERT INTO t VALUES (8, 8); XA END 'r'; XA ROLLBACK 'r';
         INSERT INTO t VALUES (9, 9);",
        &["id", "a"],
        &["t I 1 1", "t I 2 2", "t I 4 4", "t I 5 5", "t I 6 6", "t U 6 60", "t I 9 9"],
    );
}

/// Transactions without a row: servers log some of their outcomes, and never what they prepared.
#[test]
fn xa_without_rows() {
    scenario(
        "xa_without_rows",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1);
         XA START 'empty'; XA END 'empty'; XA PREPARE 'empty'; XA COMMIT 'empty';
         XA START 'empty'; XA END 'empty'; XA PREPARE 'empty'; XA ROLLBACK 'empty';
         XA START 'empty'; XA END 'empty'; XA COMMIT 'empty' ONE PHASE;
         XA START 'read'; SELECT COUNT(*) FROM t INTO @n; XA END 'read'; XA PREPARE 'read'; XA COMMIT 'read';
         XA START 'same'; UPDATE t SET id = 1; XA END 'same'; XA PREPARE 'same'; XA COMMIT 'same';
         XA START 'locks'; SELECT id FROM t FOR UPDATE INTO @n; XA END 'locks'; XA PREPARE 'locks'; XA COMMIT 'locks';
         INSERT INTO t VALUES (2);",
        &["id"],
        &["t I 1", "t I 2"],
    );
}

/// The position of a checkpoint file.
fn checkpoint(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    fn find(value: &Value) -> Option<Value> {
        match value {
            Value::Object(map) if map.contains_key("gtid") => Some(value.clone()),
            Value::Object(map) => map.values().find_map(find),
            Value::Array(list) => list.iter().find_map(find),
            _ => None,
        }
    }
    find(&value).expect("a position")
}

/// Four transactions open at once, others commit between, the log rotates, runs end and go on.
fn overlapping(kind: Kind, test: &str, options: &[&str], session: &str) {
    let Some(server) = Server::private(kind, test, options) else { return };
    server.database(test);
    server.sql(&format!("CREATE TABLE {test}.t (id INT PRIMARY KEY, pad VARCHAR(200))"));
    let start = server.position();
    let folder = tempfile::tempdir().unwrap();
    let (out, kept) = (folder.path().join("out.ums"), folder.path().join("pos.json"));
    let (to, kept_name) = (out.to_str().unwrap(), kept.to_str().unwrap());
    let (url, tables, from) = (server.url(), format!("{test}.*"), start.to_string());
    let arguments = [
        "--quiet",
        "--ordered",
        "--tables",
        &tables,
        "--checkpoint",
        kept_name,
        "--to",
        to,
        "--start",
        &from,
        "--stop",
        "latest",
        &url,
    ];
    let more = || {
        run(&mut tail(&arguments)).good();
        let text = std::fs::read_to_string(&out).unwrap();
        let mut seen = BTreeSet::new();
        let all: Vec<Change> = text.lines().flat_map(changes_of).collect();
        let last = checkpoint(&kept);
        let new: Vec<Change> = all.into_iter().filter(|c| seen.insert(c.uid.clone())).collect();
        (new, last)
    };
    let row = |id: u32| format!("INSERT INTO t VALUES ({id}, REPEAT('p', 150))");
    let plain = |id: u32| server.sql(&format!("{session}; USE {test}; {}", row(id)));
    let prepare = |name: &str, ids: &[u32]| {
        let mut one = server.session(test);
        one.say(session);
        one.say(&format!("XA START '{name}'"));
        for id in ids {
            one.say(&row(*id));
        }
        one.say(&format!("XA END '{name}'; XA PREPARE '{name}'"));
        one
    };

    plain(1);
    let mut early = prepare("early", &[10, 11]);
    plain(2);
    let mut late = prepare("late", &[20]);
    let mut never = prepare("never", &[30]);
    plain(3);
    let (rows, place) = more();
    assert_eq!(lines(&rows), ["I 1", "I 2", "I 3"], "{kind:?}");
    let pos = |place: &Value| place["pos"].to_string().trim_matches('"').parse::<u64>().unwrap();
    let waiting = pos(&place);

    // The one prepared first ends first: what it did must not come to depend on its PREPARE again.
    early.say("XA COMMIT 'early'");
    plain(4);
    let (rows, place) = more();
    assert_eq!(lines(&rows), ["I 1", "I 2", "I 3", "I 10", "I 11", "I 4"], "{kind:?}");
    assert!(pos(&place) > waiting, "{kind:?}: {place} after {waiting}");
    // A third run begins behind the PREPARE of what was committed, and reads its COMMIT.
    server.sql("FLUSH BINARY LOGS");
    plain(5);
    let (rows, _) = more();
    assert_eq!(rows.len(), 7, "{kind:?}: {:?}", lines(&rows));

    let mut third = prepare("third", &[40]);
    never.say("XA ROLLBACK 'never'");
    late.say("XA COMMIT 'late'");
    plain(6);
    let (rows, place) = more();
    let expected = ["I 1", "I 2", "I 3", "I 10", "I 11", "I 4", "I 5", "I 20", "I 6"];
    assert_eq!(lines(&rows), expected, "{kind:?}");
    let by_gtid = place["gtid"].as_str().unwrap().to_owned();
    third.say("XA COMMIT 'third'");
    plain(7);
    let (rows, place) = more();
    let expected = [&expected[..], &["I 40", "I 7"]].concat();
    assert_eq!(lines(&rows), expected, "{kind:?}");
    invariants(&rows);
    let now = server.position();
    assert_eq!(place["file"], now.file.as_str());
    assert_eq!(pos(&place), now.offset, "nothing waits");

    // In one go, and from the files.
    let text = |changes: &[Change]| -> Vec<String> {
        changes.iter().map(|c| format!("{} {} {}", c.id, c.uid, c.line(&["id"]))).collect()
    };
    let whole = tail_from(&server, &start, &tables);
    assert_eq!(text(&whole), text(&rows), "{kind:?}");
    let files = [server.log_file(&start.file), server.log_file(&now.file)];
    let files: Vec<&Path> = files.iter().map(|path| path.as_path()).collect();
    let read = from_files(&files, &["--ordered", "--tables", &tables, "--start", &from]).good();
    assert_eq!(text(&read.changes()), text(&rows), "{kind:?}");
    // By the GTIDs of a marker that was written while one was prepared.
    if !by_gtid.is_empty() {
        let place = format!("gtid:{by_gtid}");
        let later = [
            "--quiet",
            "--ordered",
            "--tables",
            &tables,
            "--start",
            &place,
            "--stop",
            "latest",
            &url,
        ];
        let later = run(&mut tail(&later)).good().changes();
        let end = &expected[expected.len() - 2..];
        assert!(lines(&later).ends_with(&end.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>()));
        assert!(later.len() < rows.len(), "{kind:?}: {:?}", lines(&later));
    }
}

#[test]
fn overlapping_xa_mysql() {
    let options = ["--gtid-mode=ON", "--enforce-gtid-consistency=ON"];
    overlapping(Kind::MySql, "overlapping_xa_mysql", &options, "DO 0");
}

#[test]
fn overlapping_xa_mysql_compressed_without_gtid() {
    let test = "overlapping_xa_mysql_compressed_without_gtid";
    let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    overlapping(Kind::MySql, test, &options, "SET SESSION binlog_transaction_compression = ON");
}

#[test]
fn overlapping_xa_mysql_compressed() {
    let options =
        ["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--binlog-transaction-compression=ON"];
    overlapping(Kind::MySql, "overlapping_xa_mysql_compressed", &options, "DO 0");
}

#[test]
fn overlapping_xa_mariadb() {
    overlapping(Kind::MariaDb, "overlapping_xa_mariadb", &[], "DO 0");
}

#[test]
fn overlapping_xa_mariadb_compressed() {
    let options = ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"];
    overlapping(Kind::MariaDb, "overlapping_xa_mariadb_compressed", &options, "DO 0");
}

/// A run that begins behind a PREPARE says so at the start, and at the COMMIT that it cannot serve.
#[test]
fn xa_prepared_before_the_start() {
    for kind in BOTH {
        let test = "xa_prepared_before_the_start";
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        server.database(test);
        let before = server.position();
        server.sql(&format!("CREATE TABLE {test}.t (id INT PRIMARY KEY)"));
        let mut session = server.session(test);
        session.say("XA START 'x'; INSERT INTO t VALUES (1); XA END 'x'; XA PREPARE 'x'");
        let prepared = server.position();

        let (tables, url) = (format!("{test}.*"), server.url());
        let command = &mut tail(&["--tables", &tables, "--marker-every", "100ms", &url]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap(); // the first marker: it reads
        server.sql(&format!("INSERT INTO {test}.t VALUES (2)"));
        session.say("XA COMMIT 'x'");
        let rest: Vec<String> = output.lines().map(Result::unwrap).collect();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        let rows: Vec<Change> = rest.iter().flat_map(|line| changes_of(line)).collect();
        assert_eq!((ended.status.code(), lines(&rows)), (Some(3), vec!["I 2".into()]), "{said}");
        assert!(said.contains("1 XA transaction"), "{kind:?}: {said}");
        assert!(said.contains("prepared before the start of this run"), "{kind:?}: {said}");

        // Before the PREPARE everything is there; behind the COMMIT nothing is missed.
        server.sql(&format!("INSERT INTO {test}.t VALUES (3)"));
        assert_eq!(lines(&tail_from(&server, &before, &tables)), ["I 2", "I 1", "I 3"]);
        let refused = live(&server, &prepared, &["--tables", &tables]);
        assert_eq!(refused.code, Some(3), "{}", refused.stderr);
        let file = server.log_file(&prepared.file);
        let place = prepared.to_string();
        let read = from_files(&[&file], &["--tables", &tables, "--start", &place]).good();
        assert_eq!(lines(&read.changes()), ["I 2", "I 1", "I 3"], "the file has the PREPARE");
    }
}
