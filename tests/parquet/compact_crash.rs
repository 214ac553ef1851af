//! A compaction, and a writer beside it, killed at random moments and started again: at every such
//! moment a plain listing of the log shows every durable row once.
//!
//! `DWS_KILL_ROUNDS` says how often, `DWS_TEST_SEED` where the dice begin.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dws::ums::{Protocol, Type};

use crate::compact;
use crate::stored;
use crate::stream::{self, Row};

const ROOT: &str = "DWS_TEST_COMPACT_ROOT";
const ROLE: &str = "DWS_TEST_COMPACT_ROLE";
const ROWS: i64 = 7;
const TABLES: i64 = 3;

fn message(number: i64) -> Vec<u8> {
    let table = number % TABLES;
    let fields = vec![
        stream::field("n", Type::Long, None),
        stream::field("day", Type::Date, None),
        stream::field("text", Type::String, None),
    ];
    let schema = stream::schema(&format!("mysql.db1.shop.t{table}.0.0.0"), fields);
    let row = |row| {
        let id = number * 100 + row;
        let day = if id % 5 == 0 { "0000-00-00" } else { "2026-11-21" };
        Row::new(id, format!("uid-{id}")).text(&id.to_string()).text(day).text(&"x".repeat(50))
    };
    let rows: Vec<_> = (0..ROWS).map(row).collect();
    stream::line(Protocol::IncrementData, &schema, &rows)
}

/// Writes message after message, the position behind each, until it is killed.
fn writer(root: &Path) {
    let position = root.join("position");
    let start = std::fs::read_to_string(&position).map_or(0, |text| text.parse().unwrap());
    let mut sink = stream::open(&root.join("log"), "");
    for number in start..i64::MAX {
        stream::write(sink.as_mut(), &message(number)).unwrap();
        sink.flush(&[]).unwrap();
        std::fs::write(root.join("next"), (number + 1).to_string()).unwrap();
        std::fs::rename(root.join("next"), &position).unwrap();
    }
}

#[test]
fn child() {
    let Some(root) = std::env::var_os(ROOT).map(PathBuf::from) else { return };
    match std::env::var(ROLE).as_deref() {
        Ok("writer") => writer(&root),
        _ => loop {
            compact::run(&root.join("log"), 8 << 10);
            // Another process may be looking at its leavings.
        },
    }
}

fn start(root: &Path, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "compact_crash::child", "--test-threads", "1"])
        .env(ROOT, root)
        .env(ROLE, role)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_at_random_every_row_is_there_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let rounds = number("DWS_KILL_ROUNDS").unwrap_or(12);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut seed = number("DWS_TEST_SEED").unwrap_or(now) | 1;
    println!("DWS_TEST_SEED={seed}");
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    std::fs::create_dir(&log).unwrap();
    let position = || -> i64 {
        let text = std::fs::read_to_string(root.path().join("position"));
        text.map_or(0, |text| text.parse().unwrap())
    };
    let mut left = 0;
    for round in 0..rounds {
        let mut children = ["writer", "compact"].map(|role| (start(root.path(), role), role));
        std::thread::sleep(Duration::from_micros(20_000 + random(300_000)));
        // In the end every table has rows, however slow the machine.
        let end = Instant::now() + Duration::from_secs(180);
        while round + 1 == rounds && position() < TABLES && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        // One, the other, or both at the same moment.
        let first = random(3) as usize;
        for (index, (child, role)) in children.iter_mut().enumerate() {
            assert!(child.try_wait().unwrap().is_none(), "{role} ended by itself in round {round}");
            if first != 1 - index {
                child.kill().unwrap();
            }
        }
        std::thread::sleep(Duration::from_micros(random(30_000)));
        for (child, _) in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        left += usize::from(root.path().join(".log.dws-swap").exists());
        check(root.path());
    }
    // And it still works.
    compact::run(&log, 1 << 20);
    let files = check(root.path());
    println!("{rounds} kills, {left} of them in the middle of something; {files} files in the end");
    assert_eq!(files, TABLES as usize);
    assert!(!root.path().join(".log.dws-swap").exists());
}

/// Every row before the position once, of the message behind it all, some or none once; gives how
/// many files there are with rows.
fn check(root: &Path) -> usize {
    let position = std::fs::read_to_string(root.join("position"));
    let position: i64 = position.map_or(0, |text| text.parse().unwrap());
    let mut files = 0;
    let mut found = Vec::new();
    for path in stored::files(&root.join("log")) {
        let rows = stored::rows(&path);
        files += usize::from(!rows.is_empty());
        for row in rows {
            let id = stored::long(&row, "_ums_id_");
            let zero = matches!(&row["day"], stored::Value::Spelled(day) if day == "0000-00-00");
            assert_eq!((stored::long(&row, "n"), zero), (id, id % 5 == 0));
            found.push(id);
        }
    }
    found.sort_unstable();
    let ids = |number: i64| (0..ROWS).map(move |row| number * 100 + row);
    let wanted: Vec<_> = (0..position).flat_map(ids).collect();
    let (durable, rest) = found.split_at(wanted.len().min(found.len()));
    assert!(durable == wanted, "rows are missing or doubled: {:?}", difference(durable, &wanted));
    assert!(rest.is_empty() || rest.iter().copied().eq(ids(position)), "{rest:?}");
    files
}

fn difference(found: &[i64], wanted: &[i64]) -> Option<(usize, Option<i64>, Option<i64>)> {
    let at = (0..found.len().max(wanted.len())).find(|&at| found.get(at) != wanted.get(at))?;
    Some((at, found.get(at).copied(), wanted.get(at).copied()))
}
