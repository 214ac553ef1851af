//! The recorded shop: a log of it rebuilds what its stream makes, whole and as of any row.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dws::sink::{Options, Target, sqlite::SPEC};
use dws::ums::Decoder;
use dws::url::Url;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::given::{self, Ask};
use crate::support::root;

const TABLES: [(&str, &str); 3] = [("customers", "id"), ("orders", "id"), ("products", "sku")];

/// The log's messages, a row each, and a Parquet log of them.
fn shop(folder: &Path, name: &str, options: &[&str]) -> Vec<u8> {
    let tail = Command::new(env!("CARGO_BIN_EXE_dbus-tail"))
        .args(["--quiet", "--batch-rows", "1"])
        .args(options)
        .arg(root().join("tests/data").join(name))
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(tail.status.success());
    // Small files, many of them.
    let log = format!("parquet:{}?rows=200", folder.join("log").display());
    let mut sink = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .args(["--quiet", &log])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    sink.stdin.take().unwrap().write_all(&tail.stdout).unwrap();
    assert!(sink.wait().unwrap().success());
    tail.stdout
}

/// Lands lines in a new database and gives the rows of each table.
fn land<'a>(
    path: &Path,
    lines: impl Iterator<Item = &'a [u8]>,
    active: bool,
) -> Vec<Vec<Vec<Value>>> {
    let url = Url::parse(&format!("sqlite:{}", path.display())).unwrap();
    let mut sink = (SPEC.open)(&Target { url, options: Options::default() }).unwrap();
    let mut decoder = Decoder::default();
    for line in lines {
        sink.write(&decoder.decode(line).unwrap(), line).unwrap();
    }
    sink.flush(&[]).unwrap();
    drop(sink);
    let database = Connection::open(path).unwrap();
    let dump = |(table, key): (&str, &str)| {
        let only = if active { "WHERE _is_active_ = 1" } else { "" };
        let columns: Vec<String> = database
            .prepare("SELECT name FROM pragma_table_info(?1) ORDER BY name")
            .unwrap()
            .query_map([table], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        if columns.is_empty() {
            return Vec::new();
        }
        let list = columns.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",");
        let query = format!("SELECT {list} FROM \"{table}\" {only} ORDER BY \"{key}\"");
        let mut statement = database.prepare(&query).unwrap();
        let rows = statement.query_map([], |row| {
            (0..columns.len()).map(|at| row.get(at)).collect::<Result<Vec<Value>, _>>()
        });
        rows.unwrap().map(Result::unwrap).collect()
    };
    TABLES.map(dump).into()
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// The id of a line's one row; `None` for a marker.
fn id_of(line: &[u8]) -> Option<i64> {
    let (tuples, _) = given::tuples(line);
    tuples.first().map(given::Tuple::id)
}

#[test]
fn a_log_rebuilds_what_its_stream_made() {
    for name in ["shop.000001", "shop-mariadb.000001"] {
        let folder = tempfile::tempdir().unwrap();
        let stream = shop(folder.path(), name, &["--before"]);
        let direct = land(&folder.path().join("direct.db"), lines(&stream), false);
        let again = given::ask(&folder.path().join("log"), &Ask::rows());
        let rebuilt = land(&folder.path().join("again.db"), lines(&again.bytes), false);
        assert!(direct.iter().all(|table| table.len() > 50));
        assert!(direct == rebuilt, "{name}");
        // The position came with it.
        let position = |bytes: &[u8]| lines(bytes).last().map(<[u8]>::to_vec);
        assert_eq!(position(&again.bytes), position(&stream), "{name}");
    }
}

#[test]
fn as_of_any_row_is_what_the_stream_had_made_by_then() {
    for (name, options) in [("shop.000001", &["--before"][..]), ("shop-mariadb.000001", &[])] {
        let folder = tempfile::tempdir().unwrap();
        let stream = shop(folder.path(), name, options);
        let stamped: Vec<(Option<i64>, &[u8])> = lines(&stream).map(|l| (id_of(l), l)).collect();
        let ids: Vec<i64> = stamped.iter().filter_map(|(id, _)| *id).collect();
        // Twenty places, the same ones in every run, and the first and the last.
        let chosen = (1..=20).map(|n| ids[n * 7919 * 31 % ids.len()]);
        for (number, id) in chosen.chain([ids[0], *ids.last().unwrap()]).enumerate() {
            let path = |what: &str| folder.path().join(format!("{what}{number}.db"));
            let prefix = stamped.iter().filter(|(own, _)| own.is_some_and(|own| own <= id));
            let wanted = land(&path("prefix"), prefix.map(|(_, line)| *line), true);
            let given = given::ask(&folder.path().join("log"), &Ask::as_of(id));
            let (tuples, _) = given::tuples(&given.bytes);
            assert!(tuples.iter().all(|tuple| tuple.get("_ums_op_") != Some("\"D\"")));
            let seen = land(&path("as-of"), lines(&given.bytes), true);
            assert!(seen == wanted, "{name} as of {id}");
        }
    }
}

#[test]
fn a_compacted_log_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    shop(folder.path(), "shop.000001", &["--before"]);
    let log = folder.path().join("log");
    let asks = [Ask::rows(), Ask::as_of(1_000_000_100_000), Ask::history()];
    let before: Vec<_> = asks.iter().map(|ask| given::ask(&log, ask).bytes).collect();
    // A run that is reading keeps its files, whatever takes their place.
    let mut slow = Command::new(env!("CARGO_BIN_EXE_ums-replay"))
        .args(["--quiet", &format!("parquet:{}", log.display())])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let compacted = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .args(["--quiet", "--compact", &format!("parquet:{}", log.display())])
        .status()
        .unwrap();
    assert!(compacted.success());
    let mut late = Vec::new();
    std::io::Read::read_to_end(slow.stdout.as_mut().unwrap(), &mut late).unwrap();
    assert!(slow.wait().unwrap().success());
    assert!(late == before[0]);
    for (ask, before) in asks.iter().zip(&before) {
        assert!(given::ask(&log, ask).bytes == *before, "{:?}", ask.question);
    }
}
