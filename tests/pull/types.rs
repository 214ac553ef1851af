//! Snapshot and stream are one: for every column type a pulled row and the row that the log has after
//! an update that leaves it alone are the same bytes, on both servers.

use std::fmt::Write;

use crate::output::{pull, tables};
use crate::server::{Kind, Server};
use crate::tail::{run, tail};
use crate::type_cases::cases;

/// Odd values must reach the table as they are: no strict mode, no checks of dates, no rounding.
fn session(kind: Kind) -> &'static str {
    match kind {
        Kind::MySql => {
            "SET sql_mode = 'ALLOW_INVALID_DATES,TIME_TRUNCATE_FRACTIONAL', time_zone = '+00:00';\n"
        }
        Kind::MariaDb => "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';\n",
    }
}

/// Pulls a database, updates `touched` everywhere, and compares the pulled rows with the log's.
fn compare(server: &Server, database: &str, names: &[String], least: usize, more: &[&str]) {
    let pattern = format!("{database}.*");
    let pulled = pull(server, &pattern, more);
    let start = server.position().to_string();
    let mut script = format!("USE {database};\n");
    for name in names {
        writeln!(script, "UPDATE {name} SET touched = touched + 1;").unwrap();
    }
    server.sql(&script);
    let url = server.url();
    let arguments = ["--quiet", "--start", &start, "--stop", "latest", "--tables", &pattern, &url];
    let logged = tables(&run(&mut tail(&arguments)).stdout);
    let mut wrong = Vec::new();
    let mut rows = 0;
    for name in names {
        let (ours, theirs) =
            (&pulled[&format!("{database}.{name}")], &logged[&format!("{database}.{name}")]);
        ours.assert_whole();
        if ours.fields != theirs.fields || ours.keys != theirs.keys {
            wrong.push(format!(
                "{name}: {:?} {}, the log has {:?} {}",
                ours.fields, ours.keys, theirs.fields, theirs.keys
            ));
        }
        let cells = |row: &Vec<String>| -> Vec<(String, String)> {
            let names = ours.fields.iter().map(|field| field["name"].as_str().unwrap().to_owned());
            names.zip(row[4..].iter().cloned()).filter(|(name, _)| name != "touched").collect()
        };
        let sorted = |rows: &[Vec<String>]| {
            let mut all: Vec<_> = rows.iter().map(cells).collect();
            all.sort();
            all
        };
        let (ours, theirs) = (sorted(&ours.rows), sorted(&theirs.rows));
        assert_eq!(ours.len(), theirs.len(), "{name}");
        rows += ours.len();
        for (our, their) in ours.iter().zip(&theirs) {
            let short = |cells: &[(String, String)]| -> String {
                cells
                    .iter()
                    .map(|(n, c)| format!("{n}={} ", c.chars().take(120).collect::<String>()))
                    .collect()
            };
            if our != their {
                wrong.push(format!("{name}: pulled {}, the log has {}", short(our), short(their)));
            }
        }
    }
    assert!(rows >= least, "{rows} rows");
    wrong.truncate(40);
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn every_type(kind: Kind, test: &str, more: &[&str]) {
    let Some(server) = Server::shared(kind, test) else { return };
    server.database(test);
    let cases = cases(kind);
    let mut script = format!("{}USE {test};\n", session(kind));
    for case in &cases {
        let (name, declared) = (&case.name, &case.declared);
        writeln!(
            script,
            "CREATE TABLE {name} (id INT PRIMARY KEY, c {declared}, touched INT DEFAULT 0);"
        )
        .unwrap();
        for (number, value) in case.values.iter().enumerate() {
            writeln!(script, "INSERT INTO {name} (id, c) VALUES ({number}, {value});").unwrap();
        }
    }
    server.sql(&script);
    let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
    let rows = cases.iter().map(|case| case.values.len()).sum();
    compare(&server, test, &names, rows, more);
}

#[test]
fn every_type_mysql() {
    every_type(Kind::MySql, "pull_types_mysql", &["--shard-rows", "7"]);
}

#[test]
fn every_type_mariadb() {
    every_type(Kind::MariaDb, "pull_types_mariadb", &["--shard-rows", "7"]);
}

/// What the type alone does not say: display widths, zeros in front, defaults, and columns that
/// `SELECT *` does not show.
#[test]
fn odd_declarations() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_odd_declarations";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        server.sql(&format!(
            "{}USE {test};
             CREATE TABLE filled (id INT(5) ZEROFILL PRIMARY KEY, b BIGINT(20) ZEROFILL, d DECIMAL(8,2) ZEROFILL,
               f FLOAT ZEROFILL, e DOUBLE(9,3) ZEROFILL, t TINYINT(3) UNSIGNED ZEROFILL, touched INT DEFAULT 0);
             INSERT INTO filled (id, b, d, f, e, t) VALUES (7, 8, 9.5, 1.25, 2.5, 3), (0, 0, 0, 0, 0, 0),
               (99999, 18446744073709551615, 999999.99, 3e38, 999999.999, 255), (1, NULL, NULL, NULL, NULL, NULL);
             CREATE TABLE hidden (`select` INT, `a``b` VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_german1_ci,
               secret INT INVISIBLE DEFAULT 7, price DECIMAL(8,2), doubled DECIMAL(9,2) AS (price * 2) STORED,
               half DECIMAL(12,4) AS (price / 2) VIRTUAL, touched INT DEFAULT 0, PRIMARY KEY (`a``b`, `select`));
             INSERT INTO hidden (`select`, `a``b`, price) VALUES (1, 'ä', 2.50), (1, 'b', -0.01), (2, 'b', NULL);
             CREATE TABLE boring (id INT PRIMARY KEY, b BOOLEAN, r REAL, n NUMERIC(5), s NATIONAL VARCHAR(5),
               touched INT DEFAULT 0);
             INSERT INTO boring (id, b, r, n, s) VALUES (1, TRUE, 0.1, 5, 'é');",
            session(kind)
        ));
        let names = ["filled", "hidden", "boring"].map(str::to_owned);
        compare(&server, test, &names, 8, &[]);
    }
}

/// Over TLS, where rows come through the client library, they are the same.
#[cfg(feature = "tls")]
#[test]
fn encrypted_and_plain_rows_are_the_same() {
    let test = "pull_encrypted";
    let Some(server) = Server::shared(Kind::MySql, test) else { return };
    server.database(test);
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, a TEXT, b LONGBLOB, c JSON, d DATETIME(6));
         INSERT INTO t VALUES (1, NULL, REPEAT('x', 300000), '[1]', '2026-01-01'), (2, '', '', NULL, NULL),
           (3, REPEAT('é', 20000), REPEAT(x'00ff', 9000000), '{{}}', '2026-01-01 01:02:03.000004');"
    ));
    let read = |mode: &str| {
        let url = format!("{}?ssl-mode={mode}", server.url());
        let found = crate::output::run(&["--tables", &format!("{test}.*"), &url]).tables();
        let rows: Vec<Vec<String>> =
            found[&format!("{test}.t")].rows.iter().map(|row| row[4..].to_vec()).collect();
        rows
    };
    let plain = read("disabled");
    assert_eq!(plain.len(), 3);
    assert!(read("required") == plain, "the rows differ");
}

/// MariaDB logs the history of a versioned table as rows of it, so a pull brings it, too.
#[test]
fn system_versioned_tables() {
    let test = "pull_versioned";
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {test}; CREATE TABLE a (id INT PRIMARY KEY, n INT) WITH SYSTEM VERSIONING;
         CREATE TABLE b (id INT PRIMARY KEY, n INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START,
           e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME(s, e)) WITH SYSTEM VERSIONING;
         INSERT INTO a VALUES (1, 1), (2, 2), (3, 3); INSERT INTO b (id, n) VALUES (1, 1), (2, 2);
         UPDATE a SET n = n + 10; UPDATE b SET n = n + 10; DELETE FROM a WHERE id = 2;"
    ));
    let url = server.url();
    let pattern = format!("{test}.*");
    let arguments = ["--quiet", "--start", &start, "--stop", "latest", "--tables", &pattern, &url];
    let logged = tables(&run(&mut tail(&arguments)).stdout);
    for size in ["1", "100"] {
        let pulled = pull(&server, &pattern, &["--shard-rows", size]);
        for (name, rows) in [("a", 6), ("b", 4)] {
            let (ours, theirs) =
                (&pulled[&format!("{test}.{name}")], &logged[&format!("{test}.{name}")]);
            assert_eq!((&ours.fields, &ours.keys), (&theirs.fields, &theirs.keys));
            assert_eq!(ours.rows.len(), rows, "{name}");
            // The last image of each version in the log is the one that was pulled.
            let end = 4 + ours.fields.len() - 1;
            for row in &ours.rows {
                let last =
                    theirs.rows.iter().rev().find(|r| (&r[4], &r[end]) == (&row[4], &row[end]));
                assert_eq!(last.map(|r| &r[4..]), Some(&row[4..]), "{name}");
            }
        }
    }
}

/// Every character set that the server has: length, text and labels are what the log says.
#[test]
fn every_character_set() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_character_sets";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let sets: Vec<String> =
            server.rows("SHOW CHARACTER SET").into_iter().map(|row| row[0].clone()).collect();
        let mut script = format!("SET NAMES utf8mb4, sql_mode = ''; USE {test};\n");
        for set in &sets {
            writeln!(
                script,
                "CREATE TABLE t_{set} (id INT PRIMARY KEY, a VARCHAR(60) CHARACTER SET {set}, b CHAR(20) CHARACTER SET {set},
                   c TEXT CHARACTER SET {set}, e ENUM('a','b,c','z') CHARACTER SET {set}, s SET('x','y') CHARACTER SET {set},
                   touched INT DEFAULT 0);
                 INSERT INTO t_{set} (id, a, b, c, e, s) VALUES (1, 'plain ~ \\\\ \"', 'x', 'y', 'a', 'x,y'), (2, '', '', '', 'z', ''),
                   (3, 'äöüß€ çñø', 'Ωдя', 'שלום', 'b,c', 'y'), (4, '漢字かな한', 'กข', 'ÀÉ', NULL, NULL);"
            )
            .unwrap();
        }
        server.sql(&script);
        let names: Vec<String> = sets.iter().map(|set| format!("t_{set}")).collect();
        assert!(names.len() > 30, "{names:?}");
        compare(&server, test, &names, names.len() * 4, &["--shard-rows", "2"]);
    }
}
