//! `ums-join` beside DuckDB: windows and joins over random streams with disorder, updates, deletes, late
//! rows and repeats, also when it is killed and started again.

mod spill;
mod state;

use std::process::Command;

const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/join/agree.py");

fn agree(first: usize, kills: usize) {
    let Ok(python) = std::env::var("DWS_TEST_PYTHON") else {
        eprintln!("skipped: DWS_TEST_PYTHON names no Python with duckdb");
        return;
    };
    let long = std::env::var_os("DWS_TEST_LONG").is_some();
    let seeds = if long { 100 } else { 6 };
    let output = Command::new(python)
        .args([CHECK, "--program", env!("CARGO_BIN_EXE_ums-join")])
        .args(["--first", &first.to_string(), "--seeds", &seeds.to_string()])
        .args(["--kills", &kills.to_string()])
        .output()
        .unwrap();
    let [told, said] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    print!("{told}");
    assert!(output.status.success(), "{told}{said}");
}

#[test]
fn results_agree_with_duckdb() {
    agree(1, 0);
}

#[test]
fn results_agree_with_duckdb_after_kills() {
    agree(1001, 20);
}

#[test]
fn the_spark_jobs_agree() {
    let Ok(python) = std::env::var("DWS_TEST_SPARK") else {
        eprintln!("skipped: DWS_TEST_SPARK names no Python with pyspark");
        return;
    };
    let root = concat!(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python)
        .arg(format!("{root}/tests/join/spark.py"))
        .args([env!("CARGO_BIN_EXE_ums-join"), &format!("{root}/scripts/spark/stream.py")])
        .output()
        .unwrap();
    let [told, said] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{told}{said}");
}
