//! A log larger than memory is answered in the memory that was given, with the same answer.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use dws::ums::json::push_i64;
use dws::ums::{Dialect, MessageWriter, Protocol, Type};

use crate::stream;

const KEYS: i64 = 125_000;
const ROWS: i64 = 300_000;
/// What is allowed above `--memory`: the program itself and the row groups of two threads, which are
/// decoded by slower, unoptimised code here, but are as large.
const ABOVE: u64 = 72 << 10;

/// Rows in an order that no id and no key has; half of them far from where they belong.
fn write(root: &Path) {
    let mut fields = vec![stream::field("id", Type::Long, Some("bigint"))];
    fields.push(stream::field("note", Type::String, Some("varchar(200)")));
    let schema = stream::schema("mysql.db1.shop.big.0.0.0", fields);
    let mut sink = stream::open(root, "?rows=75000");
    let mut writer = MessageWriter::new(Protocol::InitialData, &schema, Dialect::Dws);
    let mut line = Vec::new();
    for step in 0..ROWS {
        let id = if step % 2 == 0 { step } else { (step * 7919 % ROWS) | 1 };
        let row = writer.begin_row();
        row.push(b'"');
        push_i64(row, id);
        row.extend_from_slice(b"\",\"2026-11-21 00:00:00.000000\",\"");
        row.extend_from_slice(if id % 10 == 9 { b"D" } else { b"U" });
        row.extend_from_slice(format!("\",\"1.1.{id}.0\",\"{}\",\"", id * 31 % KEYS).as_bytes());
        row.extend(std::iter::repeat_n(b'x', 100));
        row.push(b'"');
        writer.end_row();
        if writer.rows() == 1000 || step == ROWS - 1 {
            writer.finish_into(&mut line);
            stream::write(sink.as_mut(), line.strip_suffix(b"\n").unwrap()).unwrap();
            line.clear();
        }
    }
    sink.flush(&[]).unwrap();
}

/// The ids that a run gives, in order, and the most memory that it took, in KiB.
fn run(root: &Path, arguments: &[&str]) -> (Vec<i64>, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ums-replay"))
        .args(arguments)
        .arg("--quiet")
        .arg(format!("parquet:{}", root.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ids = Vec::new();
    let mut peak = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        for tuple in line.split("{\"tuple\":[\"").skip(1) {
            ids.push(tuple.split('"').next().unwrap().parse().unwrap());
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let most = status.unwrap_or_default();
        let most = most.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(most.unwrap_or(0));
    }
    assert!(child.wait().unwrap().success());
    (ids, peak)
}

#[test]
fn a_log_larger_than_memory() {
    let root = tempfile::tempdir().unwrap();
    write(root.path());
    // 300,000 rows of 200 bytes are 60 MB as messages, their keys 10 MB.
    for (arguments, memory) in [
        (&["--memory", "8MiB"][..], 8 << 10),
        (&["--memory", "8MiB", "--as-of", "299999"][..], 8 << 10),
        (&["--memory", "8MiB", "--history"][..], 8 << 10),
        (&["--memory", "512MiB", "--as-of", "299999"][..], 512 << 10),
    ] {
        let (ids, peak) = run(root.path(), arguments);
        println!("{arguments:?}: {} rows, {peak} KiB", ids.len());
        assert!(ids.is_sorted());
        assert!(peak > 0 && peak <= memory + ABOVE, "{arguments:?}: {peak} KiB");
        let all: HashSet<i64> = (0..ROWS)
            .map(|step| if step % 2 == 0 { step } else { (step * 7919 % ROWS) | 1 })
            .collect();
        let wanted = match arguments {
            [_, _] => all.len(),
            [_, _, "--history"] => all.iter().filter(|id| *id % 10 != 9).count(),
            _ => {
                let mut newest = std::collections::HashMap::new();
                for id in all {
                    let row = newest.entry(id * 31 % KEYS).or_insert(id);
                    *row = id.max(*row);
                }
                newest.values().filter(|id| *id % 10 != 9).count()
            }
        };
        assert_eq!(ids.len(), wanted, "{arguments:?}");
    }
}
