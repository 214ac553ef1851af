//! Offsets, files and places: ids come from added lengths, several files are one log, and a run may
//! begin and end anywhere.

use std::path::Path;

use super::run::*;
use super::writer::*;

fn table() -> Table {
    Table::new(70, "orders")
}

fn sample(positions: Positions, checksum: bool) -> Log {
    let (mut log, table) = (Log::with(checksum, positions), table());
    for number in 1..=5 {
        log.transaction(&table, number, "a");
    }
    log
}

#[test]
fn ids_do_not_depend_on_what_headers_say() {
    let right = tail_log(&sample(Positions::Right, true), &[]).well();
    for positions in
        [Positions::Zero, Positions::Shifted(0), Positions::Shifted(u64::from(u32::MAX) - 700)]
    {
        let run = tail_log(&sample(positions, true), &[]).well();
        assert_eq!(run.out, right.out, "{positions:?}");
    }
    // Zero inside transactions only, as servers do.
    let (mut log, table) = (Log::new(), table());
    for number in 1..=5 {
        log.anonymous();
        log.positions = Positions::Zero;
        log.query("BEGIN");
        log.insert(&table, number, "a");
        log.positions = Positions::Right;
        log.xid();
    }
    assert_eq!(tail_log(&log, &[]).well().out, right.out);
}

#[test]
fn events_that_stand_in_no_transaction_move_nothing() {
    let (mut log, table) = (Log::new(), table());
    log.event(code::PREVIOUS_GTIDS, &[0; 8]);
    log.transaction(&table, 1, "a");
    // Relayed by a dump: artificial ROTATE and format description, heartbeats.
    log.flags = 0x20;
    log.rotate("binlog.000001");
    log.flags = 0;
    log.format(0x20);
    log.event(27, b"binlog.000001");
    let at = log.transaction(&table, 2, "b");
    log.event(3, &[]);
    let run = tail_log(&log, &[]).well();
    assert_eq!((run.changes().as_str(), run.ids()[1]), ("I1 I2", id(at)));

    // Zeros behind the last event, and an event that a dump puts inside a transaction.
    let (mut log, table) = (Log::new(), self::table());
    log.anonymous();
    log.query("BEGIN");
    log.event(27, b"binlog.000001");
    let at = log.insert(&table, 1, "a");
    log.xid();
    let end = log.offset;
    log.bytes.resize(log.bytes.len() + 5000, 0);
    let run = tail_log(&log, &[]).well();
    assert_eq!((run.changes().as_str(), run.ids()[0]), ("I1", id(at)));
    assert_eq!(run.marker("pos"), &end.to_string());
    assert!(!run.errors.contains("not whole"), "{}", run.errors);
}

/// Two files, the second with the other checksum setting and another table under the same id.
fn pair(folder: &Path) -> [String; 2] {
    let mut first = Log::with(true, Positions::Right);
    let table = table();
    first.transaction(&table, 1, "a");
    first.transaction(&table, 2, "b");
    first.rotate("binlog.1000000");
    let mut second = Log::with(false, Positions::Right);
    let other = Table { name: "other", ..table.clone() };
    second.transaction(&other, 3, "c");
    second.transaction(&Table { id: 71, ..table }, 4, "d");
    [first.save(folder, "binlog.999999"), second.save(folder, "binlog.1000000")]
}

#[test]
fn several_files_are_one_log() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = pair(folder.path());
    let run = tail(&[&first, &second, "--ordered"]).well();
    assert_eq!(run.changes(), "I1 I2 I3 I4");
    assert!(run.ids().is_sorted());
    assert_eq!(run.rows[1].id / 1_000_000_000_000, 999_999);
    assert_eq!(run.rows[2].id / 1_000_000_000_000, 1_000_000);
    assert_eq!(run.marker("file"), "binlog.1000000");
    // Compressed files have the same names and rows.
    let bytes = std::fs::read(&second).unwrap();
    let packed = folder.path().join("binlog.1000000.zst");
    std::fs::write(&packed, zstd::bulk::compress(&bytes, 3).unwrap()).unwrap();
    let again = tail(&[&first, packed.to_str().unwrap(), "--ordered"]).well();
    assert_eq!(again.out, run.out);
}

#[test]
fn a_run_goes_on_at_its_checkpoint_over_files() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = pair(folder.path());
    let whole = tail(&[&first, &second, "--ordered"]).well();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (checkpoint, out) = (file("p.json"), file("out.json"));
    let arguments = [&first, &second, "--ordered", "--checkpoint", &checkpoint, "--to", &out];
    for stop in ["binlog.999999:300", "binlog.1000000:150"] {
        let mut all = arguments.to_vec();
        all.extend_from_slice(&["--stop", stop]);
        tail(&all).well();
    }
    tail(&arguments).well();
    tail(&arguments).well();
    let run = read(&std::fs::read_to_string(&out).unwrap());
    assert_eq!(run.changes(), whole.changes());
    let plain = |run: &Run| -> Vec<_> {
        run.rows
            .iter()
            .map(|r| (r.namespace.clone(), r.id, r.uid.clone(), r.time.clone()))
            .collect()
    };
    assert_eq!(plain(&run), plain(&whole));
    // Without the file that it names there is nothing to go on with.
    std::fs::remove_file(&checkpoint).unwrap();
    let run = tail(&[&second, "--start", "binlog.000005:4"]);
    assert_eq!(run.code, 5, "{}", run.errors);
    let run = tail(&[&second, "--start", "binlog.1000000:77"]);
    assert_eq!(run.code, 5, "{}", run.errors);
    assert!(run.errors.contains("no event starts at 77"), "{}", run.errors);
}

#[test]
fn a_killed_run_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = table();
    let mut log = Log::new();
    for number in 0..20_000 {
        log.transaction(&table, number, "a note of some length, for a file that takes a while");
    }
    let path = log.save(folder.path(), "binlog.000001");
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (checkpoint, out) = (file("p.json"), file("out.json"));
    let mut arguments = vec![path.as_str(), "--checkpoint", &checkpoint, "--to", &out];
    arguments.extend_from_slice(&["--marker-every", "1ms", "--batch-rows", "50"]);
    let mut caught = 0;
    for round in 0..60u64 {
        if round % 6 == 0 {
            // All of it was read before a kill: from the beginning again.
            if caught > 0 {
                break;
            }
            let _ = std::fs::remove_file(&checkpoint);
            let _ = std::fs::remove_file(&out);
        }
        let mut child = command(&arguments).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(30 + 45 * (round % 6)));
        caught += u32::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(caught > 0, "the program was never caught in the middle");
    tail(&arguments).well();
    let run = read(&std::fs::read_to_string(&out).unwrap());
    let mut seen: Vec<i64> = run.rows.iter().map(Row::key).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (0..20_000).collect::<Vec<_>>());
}

#[test]
fn every_form_of_start_and_stop() {
    let folder = tempfile::tempdir().unwrap();
    let (mut log, table) = (Log::new(), table());
    let (mut starts, mut rows) = (vec![], vec![]);
    for number in 1..=5 {
        starts.push(log.offset);
        log.gtid(1_767_225_600_000_000 + number as u64 * 1_000_000);
        log.query("BEGIN");
        rows.push(log.change(
            code::WRITE,
            &table,
            &[vec![int(number * 10), text("a")], vec![int(number * 10 + 1), text("b")]],
        ));
        log.xid();
    }
    let path = log.save(folder.path(), "binlog.000001");
    let from = |place: &str| tail(&[&path, "--start", place]).well().changes();
    let until = |place: &str| tail(&[&path, "--stop", place]).well().changes();
    let third = "I30 I31 I40 I41 I50 I51";
    assert_eq!(from(&format!("binlog.000001:{}", starts[2])), third);
    assert_eq!(from(&id(rows[2]).to_string()), third);
    assert_eq!(from(&(id(rows[2]) + 1).to_string()), third, "the transaction of the row, whole");
    assert_eq!(from("@2026-01-01T00:00:03"), third);
    assert_eq!(from("@2026-01-01T00:00:02.000001"), third);
    assert_eq!(from("earliest").split(' ').count(), 10);
    assert_eq!(from("binlog.000001").split(' ').count(), 10);
    let second = "I10 I11 I20 I21";
    assert_eq!(until(&format!("binlog.000001:{}", starts[2])), second);
    assert_eq!(until(&format!("binlog.000001:{}", starts[1] + 1)), second);
    assert_eq!(until(&(id(rows[1]) + 1).to_string()), second);
    assert_eq!(until("@2026-01-01T00:00:03"), second);
    // The two halves are the whole, whatever the place inside a transaction.
    let whole = tail(&[&path]).well().changes();
    for place in [starts[1], starts[3], starts[4]] {
        let place = format!("binlog.000001:{place}");
        assert_eq!(format!("{} {}", until(&place), from(&place)), whole);
    }
    for wrong in [["--start", "latest"], ["--start", "gtid:x:1"]] {
        assert_eq!(tail(&[&path, wrong[0], wrong[1]]).code, 2);
    }
}

#[test]
fn a_start_inside_a_transaction_gives_it_whole() {
    let (mut log, table) = (Log::new(), table());
    log.transaction(&table, 1, "a");
    let mut places = vec![log.anonymous(), log.query("BEGIN")];
    log.insert(&table, 2, "b");
    places.push(log.table_map(&table));
    places.push(log.rows(code::WRITE, &table, &[vec![int(3), text("c")]]));
    places.push(log.xid());
    let end = log.offset;
    log.transaction(&table, 4, "d");
    for place in places {
        let run = tail_log(&log, &["--start", &format!("binlog.000001:{place}")]).well();
        assert_eq!(run.changes(), "I2 I3 I4", "{place}");
    }
    let run = tail_log(&log, &["--start", &format!("binlog.000001:{end}")]).well();
    assert_eq!(run.changes(), "I4");
    let run = tail_log(&log, &["--start", &format!("binlog.000001:{}", end + 1)]);
    assert_eq!(run.code, 5, "{}", run.errors);
    let run = tail_log(&log, &["--start", "binlog.000001:999999"]);
    assert_eq!(run.code, 5, "{}", run.errors);
}
