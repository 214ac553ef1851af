//! Reading again: the same lines have the same ids whatever the threads, batches and reads, and landing
//! them twice changes nothing.

use std::io::Write;
#[cfg(feature = "sqlite")]
use std::path::Path;

use crate::{logrules, rows};
#[cfg(feature = "sqlite")]
use crate::{logs, support::bash};

/// The rows of a text in reads of `step` bytes.
fn run(
    rules: &str,
    text: &[u8],
    step: usize,
    arguments: &[&str],
) -> Vec<(String, Vec<serde_json::Value>)> {
    let mut child = logrules(rules).args(arguments).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = text.to_vec();
    let writer = std::thread::spawn(move || {
        for piece in text.chunks(step) {
            input.write_all(piece).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    rows(&output.stdout)
}

/// A log of many records, some of several lines, some of no known form, times that go back.
fn log(records: u64, mut seed: u64) -> Vec<u8> {
    let mut text = String::new();
    for number in 0..records {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let milli = (number * 3 + seed % 50) % 60_000;
        let (second, milli) = (milli / 1000, milli % 1000);
        match seed % 7 {
            0 => text.push_str("  at some.place\n\n\tat another\n"),
            1 => text.push_str(&format!("{}\n", "x".repeat((seed % 300) as usize))),
            _ => text.push_str(&format!(
                "2026-11-21 11:55:{second:02},{milli:03} [t-{}] WARN  a.B - record {number} ü\n",
                seed % 3
            )),
        }
    }
    text.into_bytes()
}

#[test]
fn rows_and_ids_do_not_depend_on_how_the_lines_came() {
    let seed = std::process::id().into();
    eprintln!("seed {seed}");
    let text = log(20_000, seed);
    let wanted = run("log4j.toml", &text, text.len(), &["--threads", "1", "--batch-rows", "1"]);
    assert!(wanted.len() > 10_000);
    let ids: Vec<i64> =
        wanted.iter().map(|(_, row)| row[0].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "ids do not rise");
    for (step, threads) in [(4096, "1"), (100_003, "4"), (777, "3")] {
        let found = run("log4j.toml", &text, step, &["--threads", threads, "--batch-rows", "1"]);
        assert!(found == wanted, "reads of {step} bytes, {threads} threads");
    }
    // Messages of many rows hold the rows of a table in the same order.
    let of = |rows: &[(String, Vec<serde_json::Value>)], table: &str| -> Vec<_> {
        rows.iter().filter(|(name, _)| name == table).cloned().collect()
    };
    let found = run("log4j.toml", &text, 9000, &[]);
    for table in ["events", "_unknown_"] {
        assert!(of(&found, table) == of(&wanted, table), "{table}");
    }
}

#[test]
fn every_record_becomes_rows_or_unknown() {
    let text =
        b"20261121T010203|PAY|1|a|1|EUR|ok\nodd\n20261121T010203|PAY|1|a|x|EUR|ok\n\xff\xfe\n"
            .repeat(1000);
    let found = run("payments.toml", &text, 5000, &["--batch-rows", "7"]);
    let count = |table: &str| found.iter().filter(|(name, _)| name == table).count();
    assert_eq!((count("payments"), count("_unknown_")), (1000, 3000));
}

#[test]
#[cfg(feature = "sqlite")]
fn landing_twice_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = "\
        logrules --quiet logs/filebeat.toml --from logs/filebeat.log > \"$DB.ums\"\n\
        for turn in 1 2; do grep -v _unknown_ \"$DB.ums\" | ums-sink --quiet \"sqlite:$DB\"; done\n\
        logrules --quiet logs/filebeat.toml --from logs/filebeat.log | cmp - \"$DB.ums\"";
    let database = folder.path().join("x.db");
    let mut command = bash(script, logs().parent().unwrap());
    let output = command.env("DB", &database).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(count(&database), 2);
}

#[cfg(feature = "sqlite")]
fn count(database: &Path) -> i64 {
    let open = rusqlite::Connection::open(database).unwrap();
    open.query_row(
        "SELECT count(*) FROM states WHERE amount IS NULL OR amount = '9.50'",
        [],
        |row| row.get(0),
    )
    .unwrap()
}
