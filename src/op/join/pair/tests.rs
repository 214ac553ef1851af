//! Rows of two sides through a join, one at a time. Uses `op::join::pair`.

use super::*;
use crate::error::Kind;
use crate::op::join::{clock, hand_over, lodge};
use crate::ums::{Cell, Decoder};

const SECOND: i64 = 1_000_000;

fn spec(unmatched: Unmatched) -> Spec {
    Spec {
        sides: ["*.*.*.l", "*.*.*.r"].map(|text| Pattern::parse(text).unwrap()),
        columns: [vec!["c".into()], vec!["k".into()]],
        times: [None, None],
        keys: [Vec::new(), Vec::new()],
        within: 10 * SECOND,
        keep: i64::MAX,
        unmatched,
        check: Vec::new(),
        check_any: false,
        prefix: None,
        name: None,
    }
}

/// A message of one row of a side: id, second, op, key, and one more column.
fn row(table: &str, id: i64, second: i64, op: char, key: i64, other: &str) -> String {
    let time = clock::text(second * SECOND);
    let (name, ty) = if table == "l" { ("c", "int") } else { ("v", "string") };
    format!(
        r#"{{"protocol":{{"type":"data_increment_data"}},"schema":{{"namespace":"mysql.db1.shop.{table}.0.0.0","keys":["k"],"fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"_ums_op_","type":"string"}},{{"name":"k","type":"long"}},{{"name":"{name}","type":"{ty}"}}]}},"payload":[{{"tuple":["{id}","{time}","{op}","{key}",{other}]}}]}}"#
    )
}

fn told(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut decoder = Decoder::default();
        let message = decoder.decode(line).unwrap();
        for row in message.rows() {
            let mut cells = Vec::new();
            row.unwrap().split(message.header.schema.fields.len(), &mut cells).unwrap();
            let text = |cell: &Cell| cell.text().unwrap().unwrap_or("NULL".into()).into_owned();
            let cells: Vec<String> = cells.iter().map(text).collect();
            found.push(format!("{} {} {}", cells[2], cells[0], cells[4..].join(" ")));
        }
    }
    found
}

fn take(pairing: &mut Pairing, line: &str) -> Vec<String> {
    let mut sent = Sent::default();
    let mut decoder = Decoder::default();
    let message = decoder.decode(line.as_bytes()).unwrap();
    pairing.take(&message, line.as_bytes(), &mut sent).unwrap();
    told(&sent.bytes)
}

fn at(pairing: &mut Pairing, second: i64) -> (Vec<String>, u64) {
    let mut sent = Sent::default();
    pairing.advance(second * SECOND, &mut sent).unwrap();
    (told(&sent.bytes), sent.alerts)
}

#[test]
fn changes_of_either_side_change_their_pairs() {
    let mut pairing = Pairing::new(spec(Unmatched::Drop));
    let mut step = |line: String| take(&mut pairing, &line);
    assert!(step(row("l", 1, 0, 'I', 1, "7")).is_empty());
    assert!(step(row("r", 2, 20, 'I', 7, "\"late\"")).is_empty(), "too far apart");
    assert_eq!(step(row("r", 3, 5, 'U', 7, "\"a\"")), ["I 3 1|7 1 7 7 a"]);
    assert_eq!(step(row("r", 4, 6, 'U', 7, "\"b\"")), ["U 4 1|7 1 7 7 b"]);
    assert!(step(row("r", 4, 6, 'U', 7, "\"b\"")).is_empty(), "delivered again");
    assert_eq!(step(row("l", 5, 7, 'I', 2, "7")), ["I 5 2|7 2 7 7 b"]);
    assert_eq!(step(row("l", 6, 8, 'U', 1, "8")), ["D 6 1|7 1 7 7 b"]);
    assert!(step(row("l", 7, 8, 'I', 3, "null")).is_empty(), "NULL is equal to nothing");
    assert_eq!(step(row("r", 8, 9, 'D', 7, "null")), ["D 8 2|7 2 7 7 b"]);
    assert_eq!(step(row("r", 9, 9, 'I', 7, "\"c\"")), ["I 9 2|7 2 7 7 c"]);
}

#[test]
fn left_rows_stand_alone_while_nothing_meets_them() {
    let mut pairing = Pairing::new(spec(Unmatched::Send));
    assert!(take(&mut pairing, &row("l", 1, 0, 'I', 1, "7")).is_empty());
    assert!(at(&mut pairing, 10).0.is_empty(), "a partner may still come");
    assert_eq!(at(&mut pairing, 11).0, ["I 1 1| 1 7"]);
    let mut step = |line: String| take(&mut pairing, &line);
    let first = step(row("r", 5, 3, 'I', 7, "\"a\""));
    assert_eq!(first, ["D 5 1| 1 7 NULL NULL", "I 5 1|7 1 7 7 a"]);
    assert_eq!(step(row("r", 9, 4, 'D', 7, "null")), ["D 9 1|7 1 7 7 a", "I 9 1| 1 7 NULL NULL"]);
    assert_eq!(step(row("l", 10, 0, 'U', 1, "8")), ["U 10 1| 1 8 NULL NULL"]);
    assert_eq!(step(row("l", 11, 0, 'D', 1, "8")), ["D 11 1| 1 8 NULL NULL"]);
    let mut alerting = Pairing::new(spec(Unmatched::Alert));
    take(&mut alerting, &row("l", 1, 0, 'I', 1, "7"));
    assert_eq!(at(&mut alerting, 11), (Vec::new(), 1));
}

#[test]
fn pairs_wait_until_their_columns_are_filled() {
    for (unmatched, end, alerts) in [
        (Unmatched::Send, &["I 2 1|7 1 7 7 "][..], 0),
        (Unmatched::Drop, &[], 0),
        (Unmatched::Alert, &[], 1),
    ] {
        let mut asked = spec(unmatched);
        asked.check = vec!["v".into()];
        let mut pairing = Pairing::new(asked);
        take(&mut pairing, &row("l", 1, 0, 'I', 1, "7"));
        assert!(take(&mut pairing, &row("r", 2, 0, 'I', 7, "\"\"")).is_empty());
        let (rows, counted) = at(&mut pairing, 11);
        assert_eq!((rows, counted), (end.iter().map(|row| (*row).to_owned()).collect(), alerts));
        let filled = take(&mut pairing, &row("r", 3, 0, 'U', 7, "\"x\""));
        let op = if unmatched == Unmatched::Send { 'U' } else { 'I' };
        assert_eq!(filled, [format!("{op} 3 1|7 1 7 7 x")]);
    }
}

#[test]
fn what_is_forgotten_is_late_and_a_state_goes_on() {
    let mut asked = spec(Unmatched::Send);
    asked.keep = 0;
    let run = |stops: bool, memory: usize| {
        let folder = tempfile::tempdir().unwrap();
        let mut pairing = Pairing::new(asked.clone());
        lodge(&mut pairing, folder.path(), memory);
        let mut all = Vec::new();
        for id in 1..60 {
            let (table, op) = if id % 2 == 0 { ("l", 'I') } else { ("r", 'U') };
            let op = if id % 11 == 0 { 'D' } else { op };
            let other = if table == "l" { "3" } else { "\"v\"" };
            all.extend(take(&mut pairing, &row(table, id, id, op, id % 5, other)));
            all.extend(at(&mut pairing, id - 3).0);
            if stops {
                let mut next = Pairing::new(asked.clone());
                hand_over(&mut pairing, &mut next, folder.path());
                pairing = next;
                pairing.memory = memory;
            }
        }
        assert_eq!(pairing.whole, !stops && memory == usize::MAX);
        assert!(pairing.sides.iter().all(|side| side.rows.len() <= 5));
        let mut sent = Sent::default();
        let line = row("l", 99, 3, 'I', 77, "3");
        let mut decoder = Decoder::default();
        let message = decoder.decode(line.as_bytes()).unwrap();
        pairing.take(&message, line.as_bytes(), &mut sent).unwrap();
        assert_eq!((sent.late_rows, sent.rows), (1, 0));
        all
    };
    let rows = run(false, usize::MAX);
    assert!(rows.len() > 20);
    for (stops, memory) in [(true, usize::MAX), (false, 2500), (true, 2500)] {
        assert_eq!(rows, run(stops, memory));
    }
}

#[test]
fn columns_of_two_kinds_and_partial_rows_are_refused() {
    let mut pairing = Pairing::new(spec(Unmatched::Drop));
    let left = row("l", 1, 0, 'I', 1, "7");
    take(&mut pairing, &left);
    let mut refused = |line: String| {
        let mut decoder = Decoder::default();
        let message = decoder.decode(line.as_bytes()).unwrap();
        let error = pairing.take(&message, line.as_bytes(), &mut Sent::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        error.to_string()
    };
    let two =
        row("r", 2, 0, 'I', 1, "\"a\"").replace(r#""k","type":"long""#, r#""k","type":"string""#);
    assert!(refused(two).starts_with("--on: 'c' and 'k' are of two kinds"));
    let more = left.replace(r#"{"name":"c""#, r#"{"name":"x","type":"int"},{"name":"c""#);
    take(&mut Pairing::new(spec(Unmatched::Drop)), &more.replace(",7]", ",5,7]"));
    let renamed = left.replace(r#""name":"c""#, r#""name":"d""#);
    assert!(refused(renamed).contains("--on: no column 'c'"));
}

#[test]
fn tables_and_shards_that_are_empty_take_their_pairs_away() {
    for (memory, whole) in [(usize::MAX, true), (usize::MAX, false), (4000, true), (4000, false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut pairing = Pairing::new(spec(Unmatched::Drop));
        lodge(&mut pairing, folder.path(), memory);
        take(&mut pairing, &row("l", 1, 0, 'I', 1, "7"));
        for id in 2..20 {
            take(&mut pairing, &row("l", id, 0, 'I', id, "7").replace("l.0.0.0", "l.0.0.5"));
        }
        assert_eq!(take(&mut pairing, &row("r", 20, 5, 'I', 7, "\"a\"")).len(), 19);
        assert_eq!(pairing.whole, memory == usize::MAX);
        let notice = format!(
            r#"{{"protocol":{{"type":"data_increment_termination"}},"schema":{{"namespace":"mysql.db1.shop.l.0.0.0","fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"cause","type":"string"}},{{"name":"whole","type":"boolean"}}]}},"payload":[{{"tuple":["77","1970-01-01 00:00:06","truncate",{whole}]}}]}}"#
        );
        let gone = take(&mut pairing, &notice);
        assert_eq!(gone.len(), if whole { 19 } else { 1 });
        assert!(gone.contains(&"D 77 1|7 1 7 7 a".to_owned()), "{gone:?}");
        assert_eq!(take(&mut pairing, &row("r", 80, 6, 'U', 7, "\"b\"")).len(), 19 - gone.len());
    }
}

#[test]
fn a_table_that_is_empty_leaves_no_row_that_stands_alone() {
    for memory in [usize::MAX, 1] {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = spec(Unmatched::Send);
        asked.keep = 1000 * SECOND;
        let mut pairing = Pairing::new(asked.clone());
        lodge(&mut pairing, folder.path(), usize::MAX);
        take(&mut pairing, &row("l", 1, 0, 'I', 1, "7"));
        take(&mut pairing, &row("l", 2, 0, 'I', 2, "7"));
        if memory == 1 {
            // What stands is on disk, and in memory too.
            let mut next = Pairing::new(asked);
            hand_over(&mut pairing, &mut next, folder.path());
            pairing = next;
        }
        let notice = r#"{"protocol":{"type":"data_increment_termination"},"schema":{"namespace":"mysql.db1.shop.l.0.0.0","fields":[{"name":"_ums_id_","type":"long"},{"name":"_ums_ts_","type":"datetime"},{"name":"cause","type":"string"},{"name":"whole","type":"boolean"}]},"payload":[{"tuple":["77","1970-01-01 00:00:06","truncate",true]}]}"#;
        assert!(take(&mut pairing, notice).is_empty());
        assert_eq!(at(&mut pairing, 20), (Vec::new(), 0));
        // A row of before is of before, and a new one is there.
        assert!(take(&mut pairing, &row("l", 76, 6, 'U', 1, "7")).is_empty());
        take(&mut pairing, &row("l", 78, 21, 'I', 3, "7"));
        assert_eq!(at(&mut pairing, 40).0.len(), 1);
    }
}

#[test]
fn what_is_forgotten_before_it_was_written_brings_nothing_back() {
    for stored in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = spec(Unmatched::Drop);
        asked.keep = 0;
        let mut pairing = Pairing::new(asked.clone());
        lodge(&mut pairing, folder.path(), usize::MAX);
        take(&mut pairing, &row("r", 1, 100, 'I', 7, "\"a\""));
        assert_eq!(take(&mut pairing, &row("l", 2, 100, 'I', 1, "7")).len(), 1);
        if stored {
            let mut next = Pairing::new(asked);
            hand_over(&mut pairing, &mut next, folder.path());
            pairing = next;
        }
        // Its time moves back, and so it is forgotten first.
        assert_eq!(take(&mut pairing, &row("l", 3, 1, 'U', 1, "7")).len(), 1);
        at(&mut pairing, 50);
        assert!(take(&mut pairing, &row("l", 4, 51, 'D', 1, "7")).is_empty(), "{stored}");
    }
}

/// The result of another join may change without a greater id: then its uid does.
#[test]
fn one_id_with_two_contents_gives_two_uids() {
    let left = |uid: &str, other: &str| {
        let line = row("l", 9, 0, 'U', 1, "7");
        let line = line.replace(
            r#"{"name":"k""#,
            r#"{"name":"_ums_uid_","type":"string"},{"name":"o","type":"string"},{"name":"k""#,
        );
        line.replace(r#""U","1""#, &format!(r#""U","{uid}","{other}","1""#))
    };
    let mut pairing = Pairing::new(spec(Unmatched::Drop));
    take(&mut pairing, &row("r", 20, 5, 'I', 7, "\"a\""));
    let mut uids = Vec::new();
    for (uid, other) in [("a", "x"), ("b", "y"), ("c", "x"), ("c", "x")] {
        let line = left(uid, other);
        let mut sent = Sent::default();
        let mut decoder = Decoder::default();
        let message = decoder.decode(line.as_bytes()).unwrap();
        pairing.take(&message, line.as_bytes(), &mut sent).unwrap();
        let text = String::from_utf8(sent.bytes).unwrap();
        uids.extend(text.split('"').filter(|part| part.starts_with("j.")).map(str::to_owned));
    }
    assert_eq!(uids.len(), 3, "delivered again is nothing new: {uids:?}");
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 3);
}

#[test]
fn a_line_that_is_bad_for_one_side_is_taken_by_none() {
    let mut pairing = Pairing::new(Spec {
        sides: ["*.*.*.l", "*.*.*.l"].map(|text| Pattern::parse(text).unwrap()),
        columns: [vec!["k".into()], vec!["c".into()]],
        ..spec(Unmatched::Drop)
    });
    let bad = row("l", 1, 0, 'I', 7, "\"x\"");
    let mut decoder = Decoder::default();
    let message = decoder.decode(bad.as_bytes()).unwrap();
    let error = pairing.take(&message, bad.as_bytes(), &mut Sent::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert!(take(&mut pairing, &row("l", 2, 1, 'I', 2, "7")).is_empty(), "row 7 was not taken");
    assert_eq!(take(&mut pairing, &row("l", 3, 1, 'I', 3, "2")).len(), 1);
}

#[test]
fn a_damaged_row_is_no_fault_of_the_line() {
    // One whose cells cannot be told apart, and one that is cut.
    for (what, named) in [("cells", false), ("row", true)] {
        let folder = tempfile::tempdir().unwrap();
        let mut pairing = Pairing::new(Spec { check: vec!["v".into()], ..spec(Unmatched::Drop) });
        lodge(&mut pairing, folder.path(), usize::MAX);
        take(&mut pairing, &row("l", 1, 0, 'I', 1, "7"));
        pairing.flush().unwrap();
        let mut scan = pairing.disk.scan(None, &[0], &[1]).unwrap();
        let (key, bytes) = scan.next().unwrap().unwrap();
        let (key, mut bytes) = (key.to_vec(), bytes.to_vec());
        match named {
            true => bytes.truncate(bytes.len() - 1),
            false => {
                let place = memchr::memmem::rfind(&bytes, b",").unwrap();
                bytes[place] = b' ';
            }
        }
        let mut run = pairing.disk.begin(1).unwrap();
        run.put(&key, key.len(), i64::MAX, Some(&bytes)).unwrap();
        pairing.disk.add(run).unwrap();
        pairing.sides.iter_mut().for_each(|side| side.evict(0));
        pairing.whole = false;
        let line = row("r", 2, 1, 'I', 7, "\"a\"");
        let message = Decoder::default()
            .decode(line.as_bytes())
            .map(|message| pairing.take(&message, line.as_bytes(), &mut Sent::default()));
        let error = message.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{what}: {error}");
        let error = error.to_string();
        assert!(!named || error.contains("000000000002.run: is damaged"), "{what}: {error}");
    }
}

#[test]
fn a_flush_has_what_changed_since_the_last_one_and_remembers_little() {
    let folder = tempfile::tempdir().unwrap();
    let mut pairing = Pairing::new(spec(Unmatched::Send));
    lodge(&mut pairing, folder.path(), usize::MAX);
    for key in 0..50 {
        take(&mut pairing, &row("l", key + 1, key % 7, 'I', key, &(key % 5).to_string()));
    }
    let written = |pairing: &mut Pairing| {
        let before: Vec<_> = pairing.disk.seal().unwrap();
        pairing.flush().unwrap();
        let added: Vec<_> =
            pairing.disk.seal().unwrap().into_iter().filter(|run| !before.contains(run)).collect();
        let runs = Runs::open(folder.path(), &added).unwrap();
        let (mut keys, mut scan) = (Vec::new(), runs.scan(None, &[], &[255]).unwrap());
        while let Some((key, _)) = scan.next().unwrap() {
            keys.push(key.to_vec());
        }
        keys
    };
    let keys = written(&mut pairing);
    assert_eq!(keys.len(), 150, "each row, what it is joined on and its time");
    assert!(keys.is_sorted());
    assert!(written(&mut pairing).is_empty());
    // One row over and over again, and one that is noted of and stays in its place.
    for id in 0..5000 {
        take(&mut pairing, &row("l", 100 + id, 3, 'U', 7, "1"));
    }
    let fresh = pairing.sides[0].fresh.len();
    assert!(fresh < 2000, "{fresh} keys of one row");
    at(&mut pairing, 12);
    let keys = written(&mut pairing);
    let rows = keys.iter().filter(|key| key[0] == 0).count();
    let over = (0..50).filter(|key| key % 7 < 2 && *key != 7).count();
    assert_eq!(
        (rows, keys.len()),
        (over + 1, over + 3),
        "rows whose time is over have their places"
    );
    assert!(pairing.sides.iter().all(|side| side.fresh.is_empty() && side.dirty == 0));
}
