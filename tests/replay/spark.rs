//! The Spark job makes the same state of a log as `ums-replay --as-of`.

use std::path::Path;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::given::{self, Ask};
use crate::log::{self, Shape};
use crate::support::root;

/// Runs the job over a log and compares its tables with the replay's messages.
fn compare(python: &std::ffi::OsStr, log: &Path, id: i64) {
    let folder = tempfile::tempdir().unwrap();
    let (out, messages) = (folder.path().join("out"), folder.path().join("messages"));
    std::fs::write(&messages, given::ask(log, &Ask::as_of(id)).bytes).unwrap();
    let mut job = Command::new(python);
    // Where a machine's own name means nothing, Spark would wait for it in vain.
    job.env("SPARK_LOCAL_IP", "127.0.0.1").env("SPARK_LOCAL_HOSTNAME", "localhost");
    job.arg(root().join("scripts/spark/as_of.py")).args(["--as-of", &id.to_string()]);
    let done = job.arg(log).arg(&out).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let check = root().join("tests/replay/spark.py");
    let done = Command::new(python).arg(check).arg(&messages).arg(&out).output().unwrap();
    assert!(done.status.success(), "as of {id}: {}", String::from_utf8_lossy(&done.stdout));
    println!("as of {id}: {}", String::from_utf8_lossy(&done.stdout));
}

fn python() -> Option<std::ffi::OsString> {
    let python = std::env::var_os("DWS_TEST_SPARK")?;
    let found = Command::new(&python).args(["-c", "import pyarrow, pyspark"]).output().ok()?;
    let java = Command::new("java").arg("-version").output().ok()?;
    (found.status.success() && java.status.success()).then_some(python)
}

#[test]
fn spark_makes_the_same_state() {
    let Some(python) = python() else {
        println!(
            "skipped: DWS_TEST_SPARK names no python with pyspark and pyarrow, or there is no java"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let line = "dbus-tail --quiet --before shop.000001 | ums-sink --quiet \"parquet:$0?rows=500\"";
    let mut shop = crate::support::bash(line, &root().join("tests/data"));
    assert!(shop.arg(&log).status().unwrap().success());
    compare(&python, &log, 1_000_000_100_000);

    // Partial images, images before updates, deletes and several versions.
    let log = folder.path().join("things");
    let shape = Shape { partial: true, versions: true, before: true };
    let mut runner = TestRunner::deterministic();
    let longest =
        (0..20).map(|_| log::changes(shape, 400).new_tree(&mut runner).unwrap().current());
    let changes = longest.max_by_key(Vec::len).unwrap();
    assert!(changes.len() > 200 && changes.last().unwrap().version > 0);
    log::write(&log, &changes, 50);
    compare(&python, &log, changes[changes.len() - 10].id);
}
