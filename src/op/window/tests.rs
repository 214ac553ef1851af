//! Messages through windows, one at a time. Uses `op::window`.

use super::*;
use crate::error::Kind;
use crate::op::join::{hand_over, lodge};
use crate::ums::Decoder;

const SECOND: i64 = 1_000_000;

fn spec(window: Window, group: &str, aggregates: &str) -> Spec {
    let aggregate = |item: Item| {
        let call = item.aggregate().unwrap();
        let function = Function::of(&call).unwrap();
        (item.name, call, function)
    };
    Spec {
        window,
        group: if group.is_empty() { Vec::new() } else { Item::list(group).unwrap() },
        aggregates: Item::list(aggregates).unwrap().into_iter().map(aggregate).collect(),
        having: None,
        time: None,
        keys: Vec::new(),
        append: false,
        on_change: false,
        keep: 0,
        patterns: Vec::new(),
        name: None,
    }
}

fn tumble(seconds: i64) -> Window {
    Window::Hop { size: seconds * SECOND, slide: seconds * SECOND }
}

/// A message of one row: id, second, op, key, city, amount.
fn row(id: i64, second: i64, op: char, key: i64, city: &str, amount: &str) -> String {
    let time = clock::text(second * SECOND);
    format!(
        r#"{{"protocol":{{"type":"data_increment_data"}},"schema":{{"namespace":"mysql.db1.shop.t.0.0.0","keys":["k"],"fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"_ums_op_","type":"string"}},{{"name":"k","type":"long"}},{{"name":"city","type":"string"}},{{"name":"amount","type":"decimal","origin":"decimal(12,2)"}}]}},"payload":[{{"tuple":["{id}","{time}","{op}","{key}","{city}",{amount}]}}]}}"#
    )
}

fn take(windowing: &mut Windowing, line: &str, sent: &mut Sent) -> Result<()> {
    let mut decoder = Decoder::default();
    let message = decoder.decode(line.as_bytes()).unwrap();
    windowing.take(&message, line.as_bytes(), sent)
}

/// What is written when time comes to a second: op, and the cells behind the uid.
fn at(windowing: &mut Windowing, second: i64) -> Vec<String> {
    let mut sent = Sent::default();
    let horizon = if second == i64::MAX { second } else { second * SECOND };
    windowing.advance(horizon, &mut sent).unwrap();
    rows(&sent.bytes)
}

fn rows(bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut decoder = Decoder::default();
        let message = decoder.decode(line).unwrap();
        for row in message.rows() {
            let mut cells = Vec::new();
            row.unwrap().split(message.header.schema.fields.len(), &mut cells).unwrap();
            let text = |cell: &Cell| cell.text().unwrap().unwrap_or("NULL".into()).into_owned();
            let cells: Vec<String> = cells.iter().map(text).collect();
            let short = |text: &String| {
                let text = text.strip_prefix("1970-01-01 00:").unwrap_or(text);
                text.strip_suffix(".000000").unwrap_or(text).to_owned()
            };
            let told: Vec<String> = cells[4..].iter().map(short).collect();
            found.push(format!("{} {}", cells[2], told.join(" ")));
        }
    }
    found
}

#[test]
fn updates_and_deletes_take_away_what_was_added() {
    let mut windowing = Windowing::new(spec(
        tumble(10),
        "city",
        "count(*) AS n, sum(amount) AS s, max(amount) AS m",
    ));
    let mut sent = Sent::default();
    for line in [
        row(1, 1, 'I', 1, "Wien", "\"1.50\""),
        row(2, 2, 'I', 2, "Wien", "\"2.25\""),
        row(3, 3, 'I', 3, "Graz", "null"),
        row(4, 4, 'B', 2, "Wien", "\"2.25\""),
        row(4, 4, 'U', 2, "Graz", "\"4\""),
        row(5, 5, 'D', 1, "Wien", "null"),
        row(6, 12, 'I', 4, "Graz", "\"7\""),
        // Delivered again, and older than what is known.
        row(1, 1, 'I', 1, "Wien", "\"1.50\""),
        row(4, 4, 'U', 2, "Graz", "\"4\""),
    ] {
        take(&mut windowing, &line, &mut sent).unwrap();
    }
    assert!(sent.bytes.is_empty());
    assert!(at(&mut windowing, 9).is_empty(), "the window is open");
    assert_eq!(at(&mut windowing, 10), ["I 00:00 00:10 Graz 2 4 4"]);
    assert!(at(&mut windowing, 11).is_empty());
    take(&mut windowing, &row(7, 13, 'U', 2, "Graz", "\"9\""), &mut sent).unwrap();
    assert_eq!(sent.unknown, 1, "its old version is in a window that closed");
    take(&mut windowing, &row(8, 3, 'I', 9, "Graz", "\"9\""), &mut sent).unwrap();
    assert_eq!(sent.late_rows, 1);
    assert!(String::from_utf8_lossy(&sent.late).contains(r#"["8","1970-01-01 00:00:03"#));
    assert_eq!(at(&mut windowing, i64::MAX), ["I 00:10 00:20 Graz 2 16 9"]);
}

#[test]
fn results_that_change_are_written_again_and_what_is_empty_goes() {
    let mut asked = spec(tumble(10), "", "count(*) AS n");
    (asked.on_change, asked.keep) = (true, i64::MAX);
    asked.having = Some(Condition::parse("n < 3").unwrap());
    let mut windowing = Windowing::new(asked);
    let mut step = |line: String| {
        take(&mut windowing, &line, &mut Sent::default()).unwrap();
        at(&mut windowing, 0)
    };
    assert_eq!(step(row(1, 1, 'I', 1, "", "null")), ["I 00:00 00:10 1"]);
    assert_eq!(step(row(2, 1, 'I', 2, "", "null")), ["U 00:00 00:10 2"]);
    assert_eq!(step(row(3, 1, 'I', 3, "", "null")), ["D 00:00 00:10 3"]);
    assert!(step(row(4, 1, 'I', 4, "", "null")).is_empty());
    assert!(step(row(5, 1, 'D', 4, "", "null")).is_empty());
    assert_eq!(step(row(6, 1, 'D', 3, "", "null")), ["I 00:00 00:10 2"]);
    let truncate = r#"{"protocol":{"type":"data_increment_termination"},"schema":{"namespace":"mysql.db1.shop.t.0.0.0","fields":[{"name":"_ums_id_","type":"long"},{"name":"_ums_ts_","type":"datetime"},{"name":"cause","type":"string"},{"name":"whole","type":"boolean"}]},"payload":[{"tuple":["7","1970-01-01 00:00:02","truncate",true]}]}"#;
    assert_eq!(step(truncate.to_owned()), ["D 00:00 00:10 0"]);
    assert_eq!(step(row(8, 1, 'I', 1, "", "null")), ["I 00:00 00:10 1"]);
}

#[test]
fn a_session_that_loses_a_row_falls_in_two() {
    let mut asked = spec(Window::Session { gap: 5 * SECOND }, "", "count(*) AS n");
    (asked.on_change, asked.keep) = (true, i64::MAX);
    let mut windowing = Windowing::new(asked);
    let mut sent = Sent::default();
    for (id, second) in [(1, 0), (2, 4), (3, 8)] {
        take(&mut windowing, &row(id, second, 'I', id, "", "null"), &mut sent).unwrap();
    }
    assert_eq!(at(&mut windowing, 0), ["I 00:00 00:13 3"]);
    take(&mut windowing, &row(4, 9, 'D', 2, "", "null"), &mut sent).unwrap();
    assert_eq!(at(&mut windowing, 0), ["U 00:00 00:05 1", "I 00:08 00:13 1"]);
    take(&mut windowing, &row(5, 9, 'D', 1, "", "null"), &mut sent).unwrap();
    assert_eq!(at(&mut windowing, 0), ["D 00:00 00:05 1"]);
}

#[test]
fn a_state_goes_on_where_it_was() {
    let windows = [tumble(10), Window::Session { gap: 3 * SECOND }, Window::Whole];
    for (window, append) in windows.into_iter().flat_map(|window| [(window, false), (window, true)])
    {
        let aggregates =
            "count(*) AS n, count(DISTINCT city) AS d, sum(amount) AS s, min(amount) AS m";
        let mut asked = spec(window, "city", aggregates);
        (asked.append, asked.on_change) = (append, window == Window::Whole);
        let run = |stops: bool, memory: usize| {
            let folder = tempfile::tempdir().unwrap();
            let mut windowing = Windowing::new(asked.clone());
            lodge(&mut windowing, folder.path(), memory);
            let mut all = Vec::new();
            for id in 1..40 {
                let op = if id % 7 == 0 { 'D' } else { 'I' };
                let line =
                    row(id, id / 2, op, id % 17, if id % 3 == 0 { "a" } else { "b" }, "\"1.5\"");
                take(&mut windowing, &line, &mut Sent::default()).unwrap();
                all.extend(at(&mut windowing, id / 2 - 2));
                if stops {
                    let mut next = Windowing::new(asked.clone());
                    hand_over(&mut windowing, &mut next, folder.path());
                    windowing = next;
                    windowing.memory = memory;
                }
            }
            assert_eq!(windowing.disk.is_empty(), !stops && memory == usize::MAX);
            all.extend(at(&mut windowing, i64::MAX));
            all
        };
        let rows = run(false, usize::MAX);
        assert!(rows.len() > 1, "{window:?}: {rows:?}");
        assert_eq!(rows, run(true, usize::MAX), "{window:?}");
        assert_eq!(rows, run(false, 1200), "{window:?}");
        assert_eq!(rows, run(true, 1200), "{window:?}");
    }
}

/// A closed session that a late row opens again is taken back, and comes again under another uid.
#[test]
fn a_session_that_opens_again_has_another_uid() {
    let mut asked = spec(Window::Session { gap: 5 * SECOND }, "", "count(*) AS n");
    asked.keep = i64::MAX;
    let mut windowing = Windowing::new(asked);
    let mut sent = Sent::default();
    let mut uids = std::collections::BTreeSet::new();
    for (id, second, horizon) in [(1, 0, 5), (2, 4, 6)] {
        take(&mut windowing, &row(id, second, 'I', id, "", "null"), &mut sent).unwrap();
        windowing.advance(horizon * SECOND, &mut sent).unwrap();
    }
    windowing.advance(9 * SECOND, &mut sent).unwrap();
    let text = String::from_utf8(sent.bytes).unwrap();
    let found: Vec<_> = text.split("\"w.").skip(1).map(|rest| rest.split('"').next()).collect();
    uids.extend(found.iter().copied());
    assert_eq!((found.len(), uids.len()), (3, 3), "{text}");
}

/// What memory forgets of a group does not leave an older state of it on disk.
#[test]
fn a_group_of_sessions_that_is_over_does_not_come_back() {
    let asked = spec(Window::Session { gap: 7 * SECOND }, "city", "count(*) AS n");
    let folder = tempfile::tempdir().unwrap();
    let mut windowing = Windowing::new(asked.clone());
    lodge(&mut windowing, folder.path(), usize::MAX);
    let mut sent = Sent::default();
    take(&mut windowing, &row(1, 100, 'I', 1, "Wien", "null"), &mut sent).unwrap();
    windowing.save(&mut Vec::new()).unwrap();
    take(&mut windowing, &row(2, 100, 'D', 1, "Wien", "null"), &mut sent).unwrap();
    for other in 3..1200 {
        let line = row(other, 50, 'I', other, &format!("town {other}"), "null");
        take(&mut windowing, &line, &mut sent).unwrap();
    }
    assert_eq!(at(&mut windowing, 101).len(), 1197);
    assert_eq!(windowing.sessions.dirty(), 3, "the others are gone, and this one is to be written");
    let mut next = Windowing::new(asked.clone());
    hand_over(&mut windowing, &mut next, folder.path());
    take(&mut next, &row(1201, 103, 'I', 7, "Wien", "null"), &mut sent).unwrap();
    assert_eq!(at(&mut next, i64::MAX), ["I 01:43 01:50 Wien 1"]);
}

/// Sessions of many groups that merge, fall in two, close, are corrected and are forgotten.
#[test]
fn sessions_larger_than_memory() {
    for (keep, on_change, append) in [
        (0, false, false),
        (20 * SECOND, true, false),
        (20 * SECOND, false, false),
        (i64::MAX, false, false),
        (i64::MAX, true, false),
        (5 * SECOND, false, true),
    ] {
        let window = Window::Session { gap: 7 * SECOND };
        let mut asked = spec(window, "city", "count(*) AS n, max(amount) AS m, min(k) AS k");
        (asked.keep, asked.on_change, asked.append) = (keep, on_change, append);
        let run = |memory: usize, stops: bool| {
            let folder = tempfile::tempdir().unwrap();
            let mut windowing = Windowing::new(asked.clone());
            lodge(&mut windowing, folder.path(), memory);
            let (mut all, mut late, mut seed) = (Vec::new(), 0, 88_172_645_463_325_252_u64);
            let mut most = 0;
            for id in 1..1500 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let random = |place: u32, below: i64| (seed >> place) as i64 % below;
                let second = id / 20 - random(10, 10);
                let op = ['I', 'U', 'U', 'D'][random(20, 4) as usize];
                let city = format!("a town with the number {}", random(30, 250));
                let line = row(id, second, op, random(3, 400), &city, "\"1.5\"");
                let mut sent = Sent::default();
                take(&mut windowing, &line, &mut sent).unwrap();
                late += sent.late_rows;
                most = most.max(windowing.size());
                if id % 20 == 0 {
                    while windowing.advance((id / 20 - 3) * SECOND, &mut sent).unwrap() {}
                }
                all.extend(sent.bytes);
                if stops && id % 150 == 0 {
                    let mut next = Windowing::new(asked.clone());
                    hand_over(&mut windowing, &mut next, folder.path());
                    windowing = next;
                    windowing.memory = memory;
                }
            }
            assert_eq!(windowing.disk.is_empty(), !stops && memory == usize::MAX);
            assert!(most <= memory, "{most}");
            let mut sent = Sent::default();
            while windowing.advance(i64::MAX, &mut sent).unwrap() {}
            all.extend(sent.bytes);
            assert_eq!(windowing.sessions.size(), 0);
            (String::from_utf8(all).unwrap(), late, most)
        };
        let (rows, late, most) = run(usize::MAX, false);
        assert!(most > 200 << 10 || keep == 0, "{most} bytes with {keep}");
        assert_eq!(late > 0, keep < 10 * SECOND);
        for (memory, stops) in [(usize::MAX, true), (24 << 10, false), (24 << 10, true)] {
            let (other, again, _) = run(memory, stops);
            assert!(rows == other, "{memory} bytes, {keep} us kept, {on_change}, {stops}");
            assert_eq!(late, again);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_by_name_and_bad_rows_leave_nothing() {
    let mut windowing = Windowing::new(spec(tumble(10), "city", "sum(amount) AS s"));
    let mut sent = Sent::default();
    let good = row(1, 1, 'I', 1, "Wien", "\"1\"");
    let bad = good
        .replace(
            r#"{"tuple":"#,
            &format!(
                "{{\"tuple\":{},{{\"tuple\":",
                r#"["2","1970-01-01 00:00:01","I","2","Wien","2"]}"#
            ),
        )
        .replace("\"1\"]}", "\"x\"]}");
    let error = take(&mut windowing, &bad, &mut sent).unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (Kind::Data, "row 2 of the message: the argument of an aggregate is no number")
    );
    take(&mut windowing, &good, &mut sent).unwrap();
    for (from, to, why) in [
        (r#""city","type":"string""#, r#""city","type":"int""#, "'city' has another type"),
        (r#""name":"city""#, r#""name":"town""#, "--group-by: character 1: no column 'city'"),
        (r#""keys":["k"],"#, "", "no primary key"),
        (r#""amount","type":"decimal""#, r#""amount","type":"string""#, "sum takes no text"),
    ] {
        let error = take(&mut windowing, &good.replace(from, to), &mut sent).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(at(&mut windowing, 10), ["I 00:00 00:10 Wien 1"]);
}

#[test]
fn a_shard_that_is_empty_takes_its_own_rows_away() {
    for memory in [usize::MAX, 1200] {
        let folder = tempfile::tempdir().unwrap();
        let mut asked = spec(tumble(1000), "city", "count(*) AS n");
        (asked.on_change, asked.keep) = (true, i64::MAX);
        let mut windowing = Windowing::new(asked);
        lodge(&mut windowing, folder.path(), memory);
        let mut sent = Sent::default();
        for id in 1..=30 {
            let line = row(id, id, 'I', id, if id % 2 == 0 { "a" } else { "b" }, "\"1\"");
            let line = line.replace("t.0.0.0", &format!("t.0.0.{}", id % 3));
            take(&mut windowing, &line, &mut sent).unwrap();
        }
        at(&mut windowing, 31);
        assert_eq!(windowing.whole, memory == usize::MAX);
        let notice = r#"{"protocol":{"type":"data_increment_termination"},"schema":{"namespace":"mysql.db1.shop.t.0.0.1","fields":[{"name":"_ums_id_","type":"long"},{"name":"_ums_ts_","type":"datetime"},{"name":"cause","type":"string"},{"name":"whole","type":"boolean"}]},"payload":[{"tuple":["77","1970-01-01 00:00:40","truncate",false]}]}"#;
        take(&mut windowing, notice, &mut sent).unwrap();
        assert_eq!(at(&mut windowing, 41), ["U 00:00 16:40 a 10", "U 00:00 16:40 b 10"]);
    }
}

#[test]
fn results_that_are_written_in_parts_are_all_written() {
    for (window, memory) in [(tumble(10), 1 << 20), (Window::Session { gap: 10 * SECOND }, 4 << 20)]
    {
        written_in_parts(window, memory);
    }
}

fn written_in_parts(window: Window, memory: usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut asked = spec(window, "city", "count(*) AS n");
    asked.append = true;
    let mut windowing = Windowing::new(asked);
    lodge(&mut windowing, folder.path(), memory);
    let many = 30_000;
    for id in 1..=many {
        let city = format!("{id:0300}");
        take(&mut windowing, &row(id, 1, 'I', id, &city, "\"1\""), &mut Sent::default()).unwrap();
    }
    let (mut found, mut rounds) = (0, 0);
    loop {
        let mut sent = Sent::default();
        let more = windowing.advance(i64::MAX, &mut sent).unwrap();
        found += rows(&sent.bytes).len();
        rounds += 1;
        if !more {
            break;
        }
    }
    assert_eq!(found, many as usize);
    assert!(rounds > 1 && !windowing.whole, "{rounds}");
}

#[test]
fn a_damaged_group_is_no_fault_of_the_line() {
    for aggregates in ["sum(amount) AS s", "max(amount) AS m"] {
        let folder = tempfile::tempdir().unwrap();
        let mut windowing = Windowing::new(spec(tumble(10), "city", aggregates));
        lodge(&mut windowing, folder.path(), usize::MAX);
        let mut sent = Sent::default();
        take(&mut windowing, &row(1, 1, 'I', 1, "Wien", "\"1.50\""), &mut sent).unwrap();
        windowing.flush().unwrap();
        // The same group with a sum that is no number.
        let mut scan = windowing.disk.scan(None, &[1], &[2]).unwrap();
        let (key, bytes) = scan.next().unwrap().unwrap();
        let place = memchr::memmem::find(bytes, b"1.5").unwrap();
        let (key, mut bytes) = (key.to_vec(), bytes.to_vec());
        bytes[place + 1] = b'x';
        let mut run = windowing.disk.begin(1).unwrap();
        run.put(&key, key.len(), i64::MAX, Some(&bytes)).unwrap();
        windowing.disk.add(run).unwrap();
        windowing.groups.evict(0);
        windowing.whole = false;
        let next = row(2, 2, 'I', 2, "Wien", "\"1\"");
        let error = take(&mut windowing, &next, &mut sent).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{aggregates}: {error}");
        let error = error.to_string();
        assert!(error.contains("000000000002.run: is damaged"), "{aggregates}: {error}");
    }
}
