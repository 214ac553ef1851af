//! State that is several times --memory: the same bytes as with room for all of it, in bounded memory, and
//! nothing left behind.

use std::fmt::Write;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

const ROWS: u64 = 40_000;

fn head(kind: &str, namespace: &str, fields: &[(&str, &str)]) -> String {
    let fields = fields.iter().map(|(name, ty)| format!(r#"{{"name":"{name}","type":"{ty}"}}"#));
    let fields = fields.collect::<Vec<_>>().join(",");
    format!(
        r#"{{"protocol":{{"type":"{kind}"}},"schema":{{"namespace":"{namespace}","keys":["id"],"fields":[{fields}]}},"payload":["#
    )
}

/// Two tables in turns: new rows, and changes of old ones, a marker now and then.
fn stream(path: &Path) {
    let system = [("_ums_id_", "long"), ("_ums_ts_", "datetime"), ("_ums_op_", "string")];
    let own = [("id", "long"), ("amount", "decimal"), ("city", "string")];
    let fields = [&system[..], &own[..]].concat();
    let heads = ["orders", "payments"].map(|table| {
        head("data_increment_data", &format!("mysql.db1.shop.{table}.0.0.0"), &fields)
    });
    let marker = ["_ums_id_", "_ums_ts_", "file", "pos", "gtid", "server", "base"];
    let marker = marker.map(|name| (name, if name == "_ums_ts_" { "datetime" } else { "string" }));
    let marker = head("data_increment_heartbeat", "mysql.db1.*.*.*.*.*", &marker);
    let (mut text, mut seed) = (String::new(), 88_172_645_463_325_252_u64);
    let time = |row: u64| {
        format!("2026-11-21 {:02}:{:02}:{:02}.000000", row / 3600 % 24, row / 60 % 60, row % 60)
    };
    for row in 0..ROWS {
        if row % 50 == 0 {
            text += if row == 0 { "" } else { "]}\n" };
            text += &heads[(row / 50 % 2) as usize];
        } else {
            text.push(',');
        }
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let (old, op) = (seed % 5 == 0, if seed % 35 == 0 { "D" } else { "U" });
        let (key, op) = if old { (seed / 7 % (row + 1), op) } else { (row, "I") };
        write!(
            text,
            r#"{{"tuple":["{}","{}","{op}","{key}","{}.{:02}","a town number {}"]}}"#,
            row + 1,
            time(row / 3),
            seed % 1000,
            seed % 100,
            key % 5000
        )
        .unwrap();
        if row % 500 == 499 {
            let ts = time(row / 3);
            write!(
                text,
                "]}}\n{marker}{{\"tuple\":[\"{}\",\"{ts}\",\"f\",\"{row}\",\"\",\"\",\"0\"]}}",
                row + 2
            )
            .unwrap();
        }
    }
    text += "]}\n";
    fs::write(path, text).unwrap();
}

/// Runs to the end; what it wrote to its standard output, and the most KiB that it ever held. It cannot end
/// before all but the last of its output was taken, and so not before somebody has looked.
fn run(arguments: &[&str]) -> (Vec<u8>, u64) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ums-join"))
        .arg("--quiet")
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let (mut out, mut most) = (Vec::new(), 0);
    let mut stdout = child.stdout.take().unwrap();
    let mut room = [0; 1 << 16];
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok());
        most = most.max(peak.unwrap_or(0));
        match stdout.read(&mut room).unwrap() {
            0 => break,
            read => out.extend_from_slice(&room[..read]),
        }
    }
    assert!(child.wait().unwrap().success(), "{arguments:?}");
    (out, most)
}

fn same_with_little_memory(arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (input, spill) = (path("in"), path("spill"));
    stream(input.as_ref());
    fs::create_dir(&spill).unwrap();
    let run = |more: &[&str]| run(&[&["--from", &input], arguments, more].concat());
    let (whole, held) = run(&[]);
    let (small, bounded) = run(&["--memory", "2MiB", "--spill-dir", &spill]);
    assert!(whole == small, "{arguments:?}: {} and {} bytes", whole.len(), small.len());
    assert_eq!(fs::read_dir(&spill).unwrap().count(), 0, "they have no names");
    assert!(held > 20 << 10, "the state is large: {held} KiB");
    assert!(bounded < held / 2 + (8 << 10), "{bounded} KiB, and {held} with all of it");
    let (state, to) = (path("state"), path("kept"));
    run(&["--memory", "2MiB", "--state", &state, "--at-end", "close", "--to", &to]);
    let kept = fs::read(&to).unwrap();
    let rows = |bytes: &[u8]| -> Vec<String> {
        let lines = String::from_utf8_lossy(bytes);
        lines.lines().filter(|line| !line.contains("heartbeat")).map(str::to_owned).collect()
    };
    assert!(rows(&whole) == rows(&kept), "{arguments:?} with a state");
}

#[test]
fn windows_larger_than_memory() {
    let aggregates = ["--agg", "count(*) AS n, sum(amount) AS s, max(amount) AS m"];
    for window in
        [&["--window", "tumble:1m", "--group-by", "city"][..], &["--group-by", "id % 20000 AS k"]]
    {
        same_with_little_memory(&[&["--keep", "forever"], &aggregates[..], window].concat());
    }
}

#[test]
fn sessions_larger_than_memory() {
    let aggregates = ["--agg", "count(*) AS n, sum(amount) AS s", "--window", "session:10m"];
    for rest in [["--keep", "forever"], ["--keep", "1h"]] {
        same_with_little_memory(&[&aggregates[..], &["--group-by", "city"], &rest].concat());
    }
}

#[test]
fn joins_larger_than_memory() {
    let sides = ["--left", "*.*.*.orders", "--right", "*.*.*.payments", "--on", "city = city"];
    for rest in [["--within", "2m"], ["--within", "10s"]] {
        same_with_little_memory(
            &[&["--keep", "forever", "--unmatched", "send"], &sides[..], &rest].concat(),
        );
    }
}

#[test]
fn a_folder_that_is_not_there_is_told_at_once() {
    let output = Command::new(env!("CARGO_BIN_EXE_ums-join"))
        .args(["--from", "/dev/null", "--spill-dir", "/nowhere/at/all"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("/nowhere/at/all: "), "{said}");
}
