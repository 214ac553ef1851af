//! Bad input: each kind stops the run with a sentence of its own, the position, the remedy, and
//! exit code 3. No sentence holds a cell.

use super::run::*;
use super::writer::*;

/// Notes of rows that must never appear in a message to people.
const SECRET: &str = "hush-4711";

#[track_caller]
fn stops(run: &Run, parts: &[&str]) {
    assert_eq!(run.code, 3, "{}", run.errors);
    for part in parts {
        assert!(run.errors.contains(part), "{part:?} is not in: {}", run.errors);
    }
    let error = run.errors.lines().find(|l| l.contains(parts[0])).unwrap();
    assert!(error.starts_with("dbus-tail: "), "{error}");
    assert!(error.contains("; ") || error.contains(": "), "{error}");
    assert!(!run.errors.contains(SECRET), "{}", run.errors);
}

/// A log with one good transaction; the row is written before the damage is met.
fn started() -> (Log, Table) {
    let (mut log, table) = (Log::new(), Table::new(70, "orders"));
    log.transaction(&table, 1, SECRET);
    (log, table)
}

fn place(offset: u64) -> String {
    format!("binlog.000001 at {offset}")
}

#[test]
fn an_unknown_event_stops_unless_it_may_be_skipped() {
    let (mut log, table) = started();
    let at = log.event(250, b"what is this");
    log.transaction(&table, 2, "b");
    let run = tail_log(&log, &[]);
    stops(&run, &["event type 250", &place(at), "newer"]);
    assert_eq!(run.changes(), "I1");

    let (mut log, table) = started();
    log.flags = 0x80;
    log.event(250, b"what is this");
    log.flags = 0;
    log.anonymous();
    log.query("BEGIN");
    log.flags = 0x80;
    log.event(251, b"inside a transaction");
    log.flags = 0;
    log.insert(&table, 2, "b");
    log.xid();
    assert_eq!(tail_log(&log, &[]).well().changes(), "I1 I2");
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (mut log, table) = started();
    let start = log.bytes.len();
    log.transaction(&table, 2, SECRET);
    let end = log.bytes.len();
    log.transaction(&table, 3, "c");
    for at in (start..end).step_by(13) {
        let mut bytes = log.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let run = tail_bytes(&bytes, &[]);
        // A length that reaches past the end looks like a torn end only when its position agrees.
        stops(&run, &["the log is damaged", "binlog.000001 at ", "fetch the file again"]);
        assert_eq!(run.changes(), "I1", "byte {at}");
    }
    let mut bytes = log.bytes.clone();
    bytes[end - 1] ^= 0x10;
    stops(&tail_bytes(&bytes, &[]), &["the checksum of an event of type 16 fails"]);
}

#[test]
fn an_incident_stops() {
    let (mut log, table) = started();
    let at = log.event(code::INCIDENT, &[1, 0, 0]);
    log.transaction(&table, 2, "b");
    stops(&tail_log(&log, &[]), &["INCIDENT", &place(at), "pull the tables anew"]);
}

#[test]
fn a_statement_that_should_have_been_rows_stops() {
    let (mut log, table) = started();
    log.anonymous();
    log.query("BEGIN");
    let at = log.query(&format!("INSERT INTO orders VALUES (2,'{SECRET}')"));
    log.xid();
    log.transaction(&table, 3, "c");
    let run = tail_log(&log, &[]);
    let parts = ["logged as a statement", "shop.orders", &place(at), "binlog_format=ROW"];
    stops(&run, &parts);
    assert_eq!(run.changes(), "I1");
    assert_eq!(tail_log(&log, &["--exclude", "shop.orders"]).well().rows.len(), 0);
    assert_eq!(tail_log(&log, &["--tables", "shop.other"]).well().rows.len(), 0);
}

#[test]
fn what_is_no_binlog_is_refused() {
    stops(&tail_bytes(b"", &[]), &["the file is empty"]);
    stops(&tail_bytes(b"\xfd", &[]), &["the file has 1 bytes"]);
    stops(&tail_bytes(b"CREATE TABLE t (id int);", &[]), &["not a binlog", "fe 62 69 6e"]);
    let run = tail_bytes(b"\xfdbin\x01\0\0\0\0\0\0\0\0", &[]);
    stops(&run, &["encrypted", "binlog.000001", "mysql://"]);
    let (mut log, _) = started();
    let at =
        log.event(code::START_ENCRYPTION, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    stops(&tail_log(&log, &[]), &["encrypted from here", &place(at), "mysql://"]);
    let folder = tempfile::tempdir().unwrap();
    let path = log.save(folder.path(), "binlog-000001.ibb");
    stops(&tail(&[&path]), &[".ibb", "mysql://"]);
}

#[test]
fn a_table_without_names_and_definition_stops() {
    let (mut log, mut table) = started();
    table.full = false;
    table.name = "nameless";
    table.id = 71;
    log.anonymous();
    log.query("BEGIN");
    let at = log.table_map(&table);
    log.rows(code::WRITE, &table, &[vec![int(1), text(SECRET)]]);
    log.xid();
    let run = tail_log(&log, &[]);
    let parts = ["shop.nameless", &place(at), "binlog_row_metadata=FULL"];
    stops(&run, &parts);
    assert_eq!(tail_log(&log, &["--exclude", "shop.nameless"]).well().changes(), "I1");
    // The same log with the CREATE TABLE in it.
    let mut log = Log::new();
    log.statement(
        "CREATE TABLE nameless (id int primary key, note varchar(100)) DEFAULT CHARSET=utf8mb4",
    );
    log.transaction(&table, 5, "e");
    assert_eq!(tail_log(&log, &[]).well().changes(), "I5");
}

#[test]
fn text_that_is_no_text_stops_or_is_replaced() {
    let (mut log, table) = started();
    log.anonymous();
    log.query("BEGIN");
    let bad = [SECRET.as_bytes(), b"\xff!"].concat();
    let at = log.change(code::WRITE, &table, &[vec![int(2), Cell::Text(bad)]]);
    log.xid();
    let run = tail_log(&log, &[]);
    stops(&run, &["shop.orders", "column note", &place(at), "--bad-text replace"]);
    assert!(run.errors.contains(&id(at).to_string()), "{}", run.errors);
    let run = tail_log(&log, &["--bad-text", "replace"]).well();
    assert_eq!(run.rows[1].cell("note").unwrap(), &format!("{SECRET}\u{fffd}!"));
}

#[test]
fn rows_that_fit_no_table_stop() {
    let (mut log, table) = started();
    let other = Table { id: 99, ..table.clone() };
    log.anonymous();
    log.query("BEGIN");
    let at = log.rows(code::WRITE, &other, &[vec![int(2), text(SECRET)]]);
    log.xid();
    stops(&tail_log(&log, &[]), &["table id 99", &place(at), "start at the beginning"]);

    let (mut log, table) = started();
    let mut wide = table.clone();
    wide.columns.push(("more", Type::Int));
    log.anonymous();
    log.query("BEGIN");
    log.table_map(&table);
    let at = log.rows(code::WRITE, &wide, &[vec![int(2), text(SECRET), int(3)]]);
    log.xid();
    stops(&tail_log(&log, &[]), &["3 columns", "TABLE_MAP 2", &place(at)]);

    let (mut log, table) = started();
    log.anonymous();
    log.query("BEGIN");
    let short = Table { columns: vec![("id", Type::Int), ("note", Type::Int)], ..table.clone() };
    log.table_map(&table);
    let at = log.rows(code::WRITE, &short, &[vec![int(2), int(0x7fff)]]);
    log.xid();
    stops(&tail_log(&log, &[]), &["does not match", &place(at), "shop.orders"]);
}

#[test]
fn a_torn_end_at_every_byte_leaves_the_whole_transactions() {
    for in_use in [false, true] {
        let mut log = Log::events();
        log.bytes.extend_from_slice(b"\xfebin");
        log.offset = 4;
        (log.checksum, log.positions) = (true, Positions::Right);
        log.format(u16::from(in_use));
        let table = Table::new(70, "t");
        let mut ends = vec![];
        let format_end = log.bytes.len();
        for number in 1..=2 {
            log.transaction(&table, number, "x");
            ends.push(log.bytes.len());
        }
        let step = if in_use { 7 } else { 1 };
        for cut in (1..=log.bytes.len()).step_by(step) {
            let run = tail_bytes(&log.bytes[..cut], &[]).well();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(run.changes(), ["", "I1", "I1 I2"][whole], "cut at {cut}");
            let between = cut == 4 || cut == format_end || ends.contains(&cut);
            let noted =
                run.errors.contains("not whole") || run.errors.contains("inside a transaction");
            assert_eq!(noted, !between, "cut at {cut}: {}", run.errors);
            let position = if cut < format_end { 4 } else { [format_end, ends[0], ends[1]][whole] };
            assert_eq!(run.marker("pos"), &position.to_string(), "cut at {cut}");
        }
    }
}
