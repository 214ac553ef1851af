//! A writer that is killed at random moments and started again from its position, until it is done.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dws::ums::{Protocol, Type};

use crate::stored;
use crate::stream::{self, Row};

const ROOT: &str = "DWS_TEST_PARQUET_ROOT";
const LAST: &str = "DWS_TEST_PARQUET_LAST";
const ROWS: i64 = 7;
const KILLS: u32 = 60;

/// Message `number`: rows of one of three tables, each known by its number.
fn message(number: i64) -> Vec<u8> {
    let table = number % 3;
    let fields = vec![
        stream::field("n", Type::Long, None),
        stream::field("price", Type::Decimal, Some("decimal(12,2)")),
        stream::field("day", Type::Date, None),
    ];
    let schema = stream::schema(&format!("mysql.db1.shop.t{table}.0.0.0"), fields);
    let rows: Vec<_> = (0..ROWS)
        .map(|row| {
            let id = number * 100 + row;
            let day = if id % 5 == 0 { "0000-00-00" } else { "2026-11-21" };
            Row::new(id, format!("uid-{id}"))
                .text(&id.to_string())
                .text(&format!("{id}.50"))
                .text(day)
        })
        .collect();
    stream::line(Protocol::IncrementData, &schema, &rows)
}

/// The child: from the position on, a flush every few messages, and the position behind it; up to a last
/// message, or until it is killed.
#[test]
fn child() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let root = Path::new(&root);
    let position = root.join("position");
    let start = std::fs::read_to_string(&position).map_or(0, |text| text.parse().unwrap());
    let mut sink = stream::open(&root.join("log"), "?memory=2000");
    let last = std::env::var(LAST).map_or(i64::MAX, |text| text.parse().unwrap());
    for number in start..last {
        stream::write(sink.as_mut(), &message(number)).unwrap();
        if number % 10 == 9 || number == last - 1 {
            sink.flush(&[stream::marker("db1", number * 100 + ROWS)]).unwrap();
            std::fs::write(root.join("next"), (number + 1).to_string()).unwrap();
            std::fs::rename(root.join("next"), &position).unwrap();
        }
    }
}

#[test]
fn killed_at_random_each_change_is_stored_once() {
    let root = tempfile::tempdir().unwrap();
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let start = |last: Option<i64>| -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--test-threads", "1"])
            .env(ROOT, root.path())
            .envs(last.map(|last| (LAST, last.to_string())))
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    for _ in 0..KILLS {
        let mut child = start(None);
        std::thread::sleep(Duration::from_micros(2_000 + random(40_000)));
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let position = std::fs::read_to_string(root.path().join("position"));
    let position: i64 = position.map_or(0, |text| text.parse().unwrap());
    // What was written behind the position, and more.
    let last = position + 25;
    assert!(start(Some(last)).wait().unwrap().success());
    println!("{KILLS} kills, {position} messages before the last run");
    let mut found: Vec<_> = stored::all(&root.path().join("log"))
        .iter()
        .map(|row| {
            let (id, n) = (stored::long(row, "_ums_id_"), stored::long(row, "n"));
            assert_eq!(id, n);
            let zero = matches!(&row["day"], stored::Value::Spelled(day) if day == "0000-00-00");
            assert_eq!(zero, id % 5 == 0);
            stored::text(row, "_ums_uid_")
        })
        .collect();
    found.sort();
    let ids = (0..last).flat_map(|number| (0..ROWS).map(move |row| number * 100 + row));
    let mut wanted: Vec<_> = ids.map(|id| format!("uid-{id}")).collect();
    wanted.sort();
    assert_eq!(found, wanted);
    let drafts = std::fs::read_dir(root.path().join("log/.tmp")).unwrap().count();
    assert!(drafts <= 2, "drafts of dead writers are left");
}
