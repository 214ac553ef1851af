//! Which rows of a group come out, where they are stamped, and where a run may resume.

use super::run::*;
use super::writer::*;

fn table() -> Table {
    Table::new(70, "orders")
}

/// Names of savepoints and rows inside a group: `s:a` sets a, `r:a` goes back to it, `x:a`
/// releases it, numbers are rows.
fn script(log: &mut Log, table: &Table, steps: &str) {
    for step in steps.split_whitespace() {
        match step.split_once(':') {
            Some(("s", name)) => log.query(&format!("SAVEPOINT `{name}`")),
            Some(("r", name)) => log.query(&format!("ROLLBACK TO `{name}`")),
            Some(("x", name)) => log.query(&format!("RELEASE SAVEPOINT `{name}`")),
            _ => log.insert(table, step.parse().unwrap(), "s"),
        };
    }
}

#[test]
fn what_was_rolled_back_never_appears() {
    let (mut log, table) = (Log::new(), table());
    log.transaction(&table, 1, "a");
    log.anonymous();
    log.query("BEGIN");
    log.insert(&table, 2, "b");
    log.query("ROLLBACK");
    log.transaction(&table, 3, "c");
    log.anonymous();
    log.query("BEGIN");
    log.insert(&table, 4, "d");
    log.query("COMMIT");
    assert_eq!(tail_log(&log, &[]).well().changes(), "I1 I3 I4");
}

const SAVEPOINTS: [(&str, &str); 6] = [
    ("1 s:a 2 r:a 3", "I1 I3"),
    ("1 s:a 2 s:b 3 r:b 4 r:a 5", "I1 I5"),
    ("1 s:a 2 s:b 3 r:b 4", "I1 I2 I4"),
    ("1 s:a 2 s:a 3 r:a 4", "I1 I2 I4"),
    ("s:a 1 x:a 2", "I1 I2"),
    ("s:a 1 r:a 2 r:a 3", "I3"),
];

#[test]
fn savepoints_take_back_what_came_after_them() {
    let table = table();
    for (steps, expected) in SAVEPOINTS {
        let mut log = Log::new();
        log.anonymous();
        log.query("BEGIN");
        script(&mut log, &table, steps);
        log.xid();
        assert_eq!(tail_log(&log, &[]).well().changes(), expected, "{steps}");

        let mut inner = Log::events();
        inner.query("BEGIN");
        script(&mut inner, &table, steps);
        inner.xid();
        let mut log = Log::new();
        log.anonymous();
        log.payload(&inner.bytes);
        assert_eq!(tail_log(&log, &[]).well().changes(), expected, "compressed: {steps}");

        let mut log = Log::new();
        log.anonymous();
        log.query("XA START X'61',X'',1");
        script(&mut log, &table, steps);
        log.query("XA END X'61',X'',1");
        log.xa_prepare("a", false);
        log.statement("XA COMMIT X'61',X'',1");
        assert_eq!(tail_log(&log, &[]).well().changes(), expected, "XA: {steps}");

        let mut inner = Log::events();
        inner.query("XA START X'61',X'',1");
        script(&mut inner, &table, steps);
        inner.query("XA END X'61',X'',1");
        inner.xa_prepare("a", false);
        let mut log = Log::new();
        log.anonymous();
        log.payload(&inner.bytes);
        log.transaction(&table, 9, "between");
        log.statement("XA COMMIT X'61',X'',1");
        let expected = format!("I9 {expected}");
        assert_eq!(tail_log(&log, &[]).well().changes(), expected, "XA compressed: {steps}");
    }
}

#[test]
fn a_rolled_back_group_in_a_payload_never_appears() {
    let (mut log, mut inner, table) = (Log::new(), Log::events(), table());
    inner.query("BEGIN");
    inner.insert(&table, 1, "a");
    inner.query("ROLLBACK");
    log.anonymous();
    log.payload(&inner.bytes);
    log.transaction(&table, 2, "b");
    assert_eq!(tail_log(&log, &[]).well().changes(), "I2");
}

/// Prepares a row under the XA name `a`; the answer is where the group starts.
fn prepared(log: &mut Log, table: &Table, row: i32, gtid: bool) -> u64 {
    let start = if gtid { log.gtid(0) } else { log.anonymous() };
    log.query("XA START X'61',X'',1");
    log.insert(table, row, "xa");
    log.insert(table, row + 1, "xa");
    log.query("XA END X'61',X'',1");
    log.xa_prepare("a", false);
    start
}

#[test]
fn xa_rows_are_stamped_at_their_commit() {
    let (mut log, table) = (Log::new(), table());
    log.gtid(0);
    log.query("BEGIN");
    log.insert(&table, 1, "first");
    log.xid();
    let start = prepared(&mut log, &table, 10, true);
    log.gtid(0);
    log.query("BEGIN");
    let between = log.insert(&table, 2, "between");
    log.xid();
    // While it waits a run resumes before it, and its GTID alone does not count as seen.
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.changes(), "I1 I2");
    assert_eq!(run.marker("pos"), &start.to_string());
    let gtids = run.marker("gtid").as_str().unwrap();
    assert!(gtids.ends_with(":1:3"), "{gtids}");

    log.gtid(0);
    let commit = log.query("XA COMMIT X'61',X'',1");
    let end = log.offset;
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.changes(), "I1 I2 I10 I11");
    assert_eq!(run.ids()[1..], [id(between), id(commit), id(commit) + 1]);
    assert_eq!(run.marker("pos"), &end.to_string());
    assert!(run.marker("gtid").as_str().unwrap().ends_with(":1-4"));
}

#[test]
fn a_run_that_resumes_before_a_prepare_gives_the_rows_again() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = folder.path().join("p.json");
    let out = folder.path().join("out.json");
    let (checkpoint, out) = (checkpoint.to_str().unwrap(), out.to_str().unwrap());
    let (mut log, table) = (Log::new(), table());
    log.transaction(&table, 1, "a");
    prepared(&mut log, &table, 10, false);
    log.transaction(&table, 2, "b");
    let path = log.save(folder.path(), "binlog.000001");
    let arguments = [&path, "--checkpoint", checkpoint, "--to", out];
    tail(&arguments).well();
    log.statement("XA COMMIT X'61',X'',1");
    log.save(folder.path(), "binlog.000001");
    tail(&arguments).well();
    let run = read(&std::fs::read_to_string(out).unwrap());
    assert_eq!(run.changes(), "I1 I2 I2 I10 I11", "row 2 comes again under its own uid");
    assert_eq!(run.rows[1].uid, run.rows[2].uid);
}

#[test]
fn other_ends_of_xa() {
    let table = table();
    let mut log = Log::new();
    prepared(&mut log, &table, 10, false);
    log.statement("XA ROLLBACK X'61',X'',1");
    log.transaction(&table, 1, "a");
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.changes(), "I1");
    assert_eq!(run.marker("pos"), &log.offset.to_string());

    let mut log = Log::new();
    log.anonymous();
    log.query("XA START X'62',X'',1");
    let at = log.insert(&table, 5, "one phase");
    log.query("XA END X'62',X'',1");
    log.xa_prepare("b", true);
    let run = tail_log(&log, &[]).well();
    assert_eq!((run.changes().as_str(), run.ids()), ("I5", vec![id(at)]));

    let mut log = Log::new();
    log.transaction(&table, 1, "a");
    log.anonymous();
    let at = log.query("XA COMMIT X'63',X'',1");
    let run = tail_log(&log, &[]);
    assert_eq!(run.code, 3);
    assert!(run.errors.contains("XA COMMIT") && run.errors.contains(&at.to_string()));
    assert!(run.errors.contains("--start"), "{}", run.errors);
    assert_eq!(run.changes(), "I1");
}

#[test]
fn a_payload_of_more_rows_than_bytes() {
    let (mut log, mut inner, table) = (Log::new(), Log::events(), table());
    inner.query("BEGIN");
    for _ in 0..10 {
        let images: Vec<_> = (0..1000).map(|_| vec![int(4), text("same")]).collect();
        inner.change(code::WRITE, &table, &images);
    }
    inner.xid();
    log.transaction(&table, 1, "a");
    log.anonymous();
    let start = log.payload(&inner.bytes);
    let end = log.offset;
    assert!(end - start < 10_000, "the payload is shorter than its rows: {}", end - start);
    let next = log.transaction(&table, 2, "b");
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.rows.len(), 10_002);
    let ids = run.ids();
    assert!(ids.is_sorted());
    assert_eq!((ids[1], ids[10_001]), (id(start), id(next)));
    assert!(ids[10_000] < id(end));
    let middle = ids[5_001] - id(start) - (end - start) as i64 / 2;
    assert!(middle.abs() <= 1, "the ids are spread over the event: {middle}");
    // The ids do not depend on where a run begins, nor on which tables it takes.
    let from = format!("binlog.000001:{start}");
    let folder = tempfile::tempdir().unwrap();
    let path = log.save(folder.path(), "binlog.000001");
    let later = tail(&[&path, "--start", &from]).well();
    assert_eq!(later.rows.len(), 10_001);
    assert_eq!(later.rows[5000].uid, run.rows[5001].uid);
    assert_eq!(later.rows[5000].id, run.rows[5001].id);
}

#[test]
fn one_key_several_times_in_one_event_keeps_its_order() {
    let (mut log, table) = (Log::new(), table());
    log.anonymous();
    log.query("BEGIN");
    let row = |n: i32, note: &str| vec![int(n), text(note)];
    let images = [
        row(1, "a"),
        row(1, "b"),
        row(1, "b"),
        row(1, "c"),
        row(2, "x"),
        row(2, "y"),
        row(1, "c"),
        row(1, "d"),
    ];
    let at = log.change(code::UPDATE, &table, &images);
    log.xid();
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.changes(), "U1 U1 U2 U1");
    assert_eq!(run.ids(), (0..4).map(|n| id(at + n)).collect::<Vec<_>>());
    let notes: Vec<_> = run.rows.iter().map(|row| row.cell("note").unwrap().clone()).collect();
    assert_eq!(notes, ["b", "c", "y", "d"]);
}

#[test]
fn the_time_is_the_commits_or_else_the_events() {
    let (mut log, table) = (Log::new(), table());
    log.gtid(1_767_225_600_123_456);
    log.query("BEGIN");
    log.insert(&table, 1, "a");
    log.xid();
    log.second += 5;
    log.transaction(&table, 2, "b");
    let run = tail_log(&log, &[]).well();
    assert_eq!(run.rows[0].time, "2026-01-01 00:00:00.123456");
    assert_eq!(run.rows[1].time, "2026-01-01 00:00:05.000000");
}

#[test]
fn transactions_and_the_ends_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, table) = (Log::new(), table());
    first.transaction(&table, 1, "a");
    let start = prepared(&mut first, &table, 10, false);
    // The server crashed inside the next one.
    first.anonymous();
    first.query("BEGIN");
    first.insert(&table, 2, "lost");
    let first = first.save(folder.path(), "binlog.000001");
    let mut log = Log::new();
    log.transaction(&table, 3, "b");
    let second = log.save(folder.path(), "binlog.000002");
    let run = tail(&[&first, &second]).well();
    assert_eq!(run.changes(), "I1 I3");
    assert!(run.errors.contains("left out"), "{}", run.errors);
    assert_eq!(run.marker("file"), "binlog.000001");
    assert_eq!(run.marker("pos"), &start.to_string());
    log.anonymous();
    let commit = log.query("XA COMMIT X'61',X'',1");
    let second = log.save(folder.path(), "binlog.000002");
    let run = tail(&[&first, &second]).well();
    assert_eq!(run.changes(), "I1 I3 I10 I11");
    assert_eq!(run.ids()[2], 2_000_000_000_000 + commit as i64);
    assert_eq!(run.marker("file"), "binlog.000002");
}
