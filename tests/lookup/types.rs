//! What is looked up is what `dbus-pull` pulls: for every column type the same bytes.

use std::fmt::Write;
use std::process::Command;

use serde_json::Value;

use crate::server::{Kind, Server};
use crate::stream::{ok, rows};
use crate::target::{Source, Target, Which};
use crate::type_cases::cases;

fn every_type(kind: Kind, test: &str) {
    let Some(server) = Server::shared(kind, test) else { return };
    server.database(test);
    let modes = match kind {
        Kind::MySql => "ALLOW_INVALID_DATES,TIME_TRUNCATE_FRACTIONAL",
        Kind::MariaDb => "ALLOW_INVALID_DATES",
    };
    let mut script = format!("SET sql_mode = '{modes}', time_zone = '+00:00';\nUSE {test};\n");
    let cases = cases(kind);
    for case in &cases {
        let (name, declared) = (&case.name, &case.declared);
        writeln!(script, "CREATE TABLE {name} (id INT PRIMARY KEY, c {declared});").unwrap();
        for (number, value) in case.values.iter().enumerate() {
            writeln!(script, "INSERT INTO {name} (id, c) VALUES ({number}, {value});").unwrap();
        }
    }
    server.sql(&script);
    let url = server.url();
    let pulled = Command::new(env!("CARGO_BIN_EXE_dbus-pull"))
        .args(["--quiet", "--tables", &format!("{test}.*"), &url])
        .output()
        .unwrap();
    assert!(pulled.status.success(), "{}", String::from_utf8_lossy(&pulled.stderr));
    let pulled = String::from_utf8(pulled.stdout).unwrap();
    let store = format!("{url}{test}");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for case in &cases {
        let table = format!(".{}.0.0.0\"", case.name);
        let lines: String = pulled
            .lines()
            .filter(|line| line.contains(&table) && line.contains("data_initial_data"))
            .flat_map(|line| [line, "\n"])
            .collect();
        let query = format!("SELECT c AS found FROM {} WHERE id IN (:id)", case.name);
        let found = ok(&["--lookup", &store, "--query", &query], &lines);
        for line in found.lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            for row in message["payload"].as_array().unwrap() {
                compared += 1;
                let cells = &row["tuple"];
                if cells[5] != cells[6] {
                    wrong.push(format!(
                        "{}: pulled {}, looked up {}",
                        case.declared, cells[5], cells[6]
                    ));
                }
            }
            let fields = &message["schema"]["fields"];
            if fields[5]["type"] != fields[6]["type"] {
                wrong.push(format!("{}: {} became {}", case.declared, fields[5], fields[6]));
            }
        }
    }
    let expected: usize = cases.iter().map(|case| case.values.len()).sum();
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(compared, expected);
}

#[test]
fn every_type_mysql() {
    every_type(Kind::MySql, "lookup_types_mysql");
}

#[test]
fn every_type_mariadb() {
    every_type(Kind::MariaDb, "lookup_types_mariadb");
}

#[test]
fn types_of_postgres() {
    let Some(target) = Target::shared(Which::Postgres, "lookup_types_postgres") else { return };
    let cases = [
        ("smallint", "-32768", "int smallint", "-32768"),
        ("integer", "7", "int int", "7"),
        ("bigint", "9223372036854775807", "long bigint", "\"9223372036854775807\""),
        ("numeric(12,2)", "1.5", "decimal decimal(12,2)", "\"1.50\""),
        (
            "numeric",
            "123456789012345678901234567890.5",
            "decimal decimal(*)",
            "\"123456789012345678901234567890.5\"",
        ),
        ("real", "0.1", "float float", "0.1"),
        ("double precision", "1e300", "double double", "1e+300"),
        ("boolean", "true", "boolean boolean", "true"),
        ("date", "'2026-02-28'", "date date", "\"2026-02-28\""),
        (
            "timestamp(3)",
            "'2026-02-28 01:02:03.5'",
            "datetime datetime(3)",
            "\"2026-02-28 01:02:03.5\"",
        ),
        (
            "timestamptz",
            "'2026-02-28 01:02:03+02'",
            "datetime timestamp(6)",
            "\"2026-02-27 23:02:03\"",
        ),
        ("time", "'01:02:03.25'", "string time(6)", "\"01:02:03.25\""),
        ("text", "'é\"'", "string longtext", "\"é\\\"\""),
        ("varchar(9)", "'x'", "string varchar(9)", "\"x\""),
        ("char(3)", "'x'", "string char(3)", "\"x\""),
        ("bytea", "'\\x00ff'", "binary longblob", "\"AP8=\""),
        (
            "uuid",
            "'12345678-1234-1234-1234-1234567890ab'",
            "string uuid",
            "\"12345678-1234-1234-1234-1234567890ab\"",
        ),
        ("jsonb", "'{\"a\": 1}'", "string json", "\"{\\\"a\\\": 1}\""),
        ("int[]", "'{1,2}'", "string longtext", "\"{1,2}\""),
        ("inet", "'10.0.0.1'", "string longtext", "\"10.0.0.1/32\""),
    ];
    let source = Source::new("t", &["id"], &[("id", "int", "int")]);
    let input = source.message(&[(1, "I", "1"), (2, "I", "2")]);
    let url = target.url("");
    for (number, (declared, value, field, cell)) in cases.iter().enumerate() {
        target.ask(&format!(
            "CREATE TABLE t{number} (id int, c {declared}); INSERT INTO t{number} VALUES (1, {value}), (2, NULL)"
        ));
        let query = format!("SELECT c FROM t{number} WHERE id IN (:id)");
        let found = ok(&["--lookup", &url, "--query", &query], &input);
        assert_eq!(rows(&found), [format!("I 1 {cell}"), "I 2 null".to_owned()], "{declared}");
        assert_eq!(crate::stream::fields(&found)[1], format!("c {field}"), "{declared}");
    }
    for (declared, value) in
        [("numeric", "'NaN'"), ("date", "'infinity'"), ("double precision", "'-Infinity'")]
    {
        target.ask(&format!(
            "DROP TABLE IF EXISTS odd; CREATE TABLE odd (id int, c {declared}); INSERT INTO odd VALUES (1, {value})"
        ));
        let said = crate::stream::fail(
            5,
            &["--lookup", &url, "--query", "SELECT c FROM odd WHERE id = :id"],
            &input,
        );
        assert!(said.contains("column c"), "{said}");
    }
}
