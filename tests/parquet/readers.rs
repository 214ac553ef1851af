//! DuckDB, pyarrow and Spark read every value of every type as it was sent, before a compaction and
//! after it; and DuckDB beside one counts right or says that it cannot.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use dws::ums::json::push_base64;
use dws::ums::{Protocol, Type};

use crate::compact;
use crate::stored;
use crate::stream::{self, Row};

const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parquet/readers.py");
const SPARK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parquet/spark.py");
const BESIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parquet/beside.py");

/// One column: name, type, origin, the values' texts.
pub type Column = (&'static str, Type, Option<&'static str>, Vec<Option<String>>);

pub fn columns() -> Vec<Column> {
    let texts = |texts: &[&str]| -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).chain([None]).collect()
    };
    let nines = "9".repeat(38);
    let mut blob = Vec::new();
    push_base64(&mut blob, &(0..=255).collect::<Vec<u8>>());
    let blob = String::from_utf8(blob).unwrap();
    let long = "ü".repeat(512 << 10);
    vec![
        ("i", Type::Int, Some("int"), texts(&["0", "-2147483648", "2147483647", "4294967295"])),
        ("l", Type::Long, None, texts(&["0", "-9223372036854775808", "9223372036854775807"])),
        ("f", Type::Float, None, texts(&["0", "-1.5", "3.4028235e38", "1e-45", "0.1"])),
        ("d", Type::Double, None, texts(&["0", "-1.5", "1.7976931348623157e308", "5e-324", "0.1"])),
        ("b", Type::Boolean, None, texts(&["true", "false"])),
        (
            "d9",
            Type::Decimal,
            Some("decimal(9,2)"),
            texts(&["0.00", "-9999999.99", "9999999.99", "10000000.00"]),
        ),
        (
            "d18",
            Type::Decimal,
            Some("decimal(18,18)"),
            texts(&["0.000000000000000001", "-0.999999999999999999"]),
        ),
        (
            "d38",
            Type::Decimal,
            Some("decimal(38,0)"),
            texts(&[&nines, &format!("-{nines}"), "0", "-1", "1"]),
        ),
        (
            "d3838",
            Type::Decimal,
            Some("decimal(38,38)"),
            texts(&[&format!("0.{nines}"), &format!("-0.{nines}")]),
        ),
        ("d19", Type::Decimal, Some("decimal(19,4) unsigned"), texts(&["999999999999999.9999"])),
        (
            "d65",
            Type::Decimal,
            Some("decimal(65,30)"),
            texts(&[&format!("{}.{}", "9".repeat(35), "9".repeat(30))]),
        ),
        ("dd", Type::Decimal, None, texts(&["1.50", "-0.1"])),
        (
            "u",
            Type::Decimal,
            Some("bigint unsigned"),
            texts(&["0", "18446744073709551615", "9223372036854775808"]),
        ),
        (
            "day",
            Type::Date,
            Some("date"),
            texts(&[
                "1970-01-01",
                "1969-12-31",
                "0001-01-01",
                "9999-12-31",
                "2000-02-29",
                "0000-00-00",
                "2023-02-31",
                "0000-01-01",
            ]),
        ),
        (
            "wall",
            Type::Datetime,
            Some("datetime(6)"),
            texts(&[
                "1969-12-31 23:59:59.999999",
                "0001-01-01 00:00:00.000000",
                "9999-12-31 23:59:59.999999",
                "0000-00-00 00:00:00.000000",
            ]),
        ),
        (
            "utc",
            Type::Datetime,
            Some("timestamp(6)"),
            texts(&[
                "1970-01-01 00:00:01.000000",
                "2038-01-19 03:14:07.999999",
                "0000-00-00 00:00:00.000000",
            ]),
        ),
        (
            "s",
            Type::String,
            Some("varchar(20)"),
            texts(&["", "plain", "a\"b\\c\n\u{1}", "日本語 🦀", "a\0b", &long]),
        ),
        ("bin", Type::Binary, Some("blob"), texts(&["", "AA==", &blob])),
    ]
}

/// A log of every type in `root`, in one file or in one a row, and beside it what was sent.
fn write(root: &Path, one_a_row: bool) -> PathBuf {
    let columns = columns();
    let fields =
        columns.iter().map(|(name, ty, origin, _)| stream::field(name, *ty, *origin)).collect();
    let schema = stream::schema("mysql.db1.shop.types.0.0.0", fields);
    let count = columns.iter().map(|(.., values)| values.len()).max().unwrap();
    let mut expected = Vec::new();
    let mut rows = Vec::new();
    for index in 0..count {
        let row =
            Row::new(index as i64 - 3, format!("u{index}")).op(['I', 'U', 'D', 'B'][index % 4]);
        let mut values = serde_json::Map::new();
        values.insert("_ums_id_".into(), row.id.into());
        values.insert("_ums_op_".into(), row.op.to_string().into());
        values.insert("_ums_uid_".into(), row.uid.clone().into());
        values.insert("_ums_ts_".into(), row.ts.clone().into());
        rows.push(columns.iter().fold(row, |row, (name, ty, _, texts)| {
            let text = texts.get(index).cloned().flatten();
            values.insert((*name).into(), text.clone().into());
            match text {
                None => row.cell("null"),
                Some(text) if ty.is_bare() => row.cell(text),
                Some(text) => row.text(&text),
            }
        }));
        expected.push(serde_json::Value::Object(values));
    }
    let mut sink = stream::open(root, if one_a_row { "?memory=1" } else { "" });
    for rows in rows.chunks(if one_a_row { 1 } else { count }) {
        let line = stream::line(Protocol::IncrementData, &schema, rows);
        stream::write(sink.as_mut(), &line).unwrap();
    }
    sink.flush(&[]).unwrap();
    let wanted = root.with_extension("json");
    let types: serde_json::Map<_, _> =
        columns.iter().map(|(name, ty, ..)| ((*name).into(), ty.name().into())).collect();
    let job = serde_json::json!({ "types": types, "rows": expected });
    std::fs::write(&wanted, job.to_string()).unwrap();
    wanted
}

fn check(what: &str, command: &mut Command) -> String {
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{what}\n{said}{errors}");
    println!("{what}: {said}");
    said
}

/// Many files and row groups, one big one, and many made one: readers take them as one table.
fn in_each_form(mut read: impl FnMut(&str, &Path, &Path)) {
    let root = tempfile::tempdir().unwrap();
    let one = root.path().join("one");
    let wanted = write(&one, false);
    read("one file", &one, &wanted);
    let many = root.path().join("many");
    let wanted = write(&many, true);
    read("a file a row", &many, &wanted);
    assert_eq!(compact::run(&many, 1 << 30).len(), 1);
    assert_eq!(stored::files(&many).len(), 1);
    read("merged", &many, &wanted);
}

#[test]
fn duckdb_and_pyarrow_read_every_value() {
    let Some(python) = std::env::var_os("DWS_TEST_PYTHON") else {
        println!("skipped: DWS_TEST_PYTHON names no python with duckdb and pyarrow");
        return;
    };
    in_each_form(|what, root, wanted| {
        check(what, Command::new(&python).arg(CHECK).arg(root).arg(wanted));
    });
}

#[test]
fn spark_reads_every_value() {
    let Some(python) = std::env::var_os("DWS_TEST_SPARK") else {
        println!("skipped: DWS_TEST_SPARK names no python with pyspark, duckdb and a Java");
        return;
    };
    in_each_form(|what, root, wanted| {
        check(what, Command::new(&python).arg(SPARK).arg(root).arg(wanted));
    });
}

#[test]
fn duckdb_beside_a_compaction_counts_right_or_fails() {
    beside_a_compaction("duckdb");
}

#[test]
fn pyarrow_beside_a_compaction_counts_right_or_fails() {
    beside_a_compaction("pyarrow");
}

/// Counts in a loop while the log is compacted again and again.
fn beside_a_compaction(reader: &str) {
    let Some(python) = std::env::var_os("DWS_TEST_PYTHON") else {
        println!("skipped: DWS_TEST_PYTHON names no python with duckdb and pyarrow");
        return;
    };
    const TABLES: i64 = 4;
    let root = tempfile::tempdir().unwrap();
    let log = root.path().join("log");
    let mut sink = stream::open(&log, "");
    let mut next = 0;
    let mut more = || {
        for _ in 0..TABLES * 2 {
            let name = format!("mysql.db1.shop.t{}.0.0.0", next % TABLES);
            let schema = stream::schema(&name, Vec::new());
            let row = Row::new(next, format!("u{next}"));
            let line = stream::line(Protocol::IncrementData, &schema, &[row]);
            stream::write(sink.as_mut(), &line).unwrap();
            sink.flush(&[]).unwrap();
            next += 1;
        }
    };
    more();
    let (done, enough) = (root.path().join("done"), root.path().join("enough"));
    let mut reading = Command::new(&python)
        .args([BESIDE.as_ref(), log.as_os_str(), done.as_os_str(), enough.as_os_str()])
        .arg(reader)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    let mut exchanges = 0;
    // Until it has read often enough, however slow the machine.
    while start.elapsed() < Duration::from_secs(4)
        || start.elapsed() < Duration::from_secs(180)
            && !enough.exists()
            && reading.try_wait().unwrap().is_none()
    {
        more();
        // A target that some files are above: the listing has old names and new ones.
        exchanges += compact::run_warned(&log, 1 << 20, Duration::from_millis(50)).len();
    }
    std::fs::write(done, "").unwrap();
    let said = reading.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    println!("{reader}: {exchanges} exchanges; {text}");
}
