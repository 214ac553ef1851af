//! Every row exactly once, whatever the key is and while rows are inserted at both ends.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::output::{Pulled, pull, run};
use crate::server::{Kind, Server};

/// A table: its name, its columns and keys, and its rows, where `n` of each is a number of its own.
struct Case {
    name: &'static str,
    columns: &'static str,
    values: Vec<String>,
}

fn case(name: &'static str, columns: &'static str, values: Vec<String>) -> Case {
    Case { name, columns, values }
}

/// Values as they are.
fn plain(values: &[&str]) -> Vec<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

/// Texts that collations treat in their own ways, each once for any collation that is used here.
fn texts() -> Vec<String> {
    let mut all = plain(&[
        "''", "'a'", "'B'", "'c'", "'ß'", "'z'", "'Ö'", "'_'", "'%'", "'\\\\'", "''''", "'漢'",
        "'😀'", "'aa'", "'a b'", "'A1'", "'-'", "'é1'", "'e2'", "'É3'",
    ]);
    all.extend(
        (0..200)
            .map(|n| format!("CONCAT('k', {n}, REPEAT('{}', {}))", ["x", "Y", "é"][n % 3], n % 7)),
    );
    all
}

fn cases() -> Vec<Case> {
    let numbers = |from: i64, count: i64, step: i64| -> Vec<String> {
        (0..count).map(|n| (from + n * step).to_string()).collect()
    };
    let mut unsigned = numbers(0, 20, 1);
    unsigned.extend(plain(&[
        "18446744073709551615",
        "18446744073709551614",
        "9223372036854775807",
        "9223372036854775808",
    ]));
    let mut signed = numbers(-10, 20, 1);
    signed.extend(plain(&["-9223372036854775808", "9223372036854775807", "-9223372036854775807"]));
    let mut gaps = numbers(1, 30, 1);
    gaps.extend(numbers(1_000_000, 40, 1));
    gaps.extend(numbers(2_000_000_000, 3, 1000));
    let pairs = |of: &dyn Fn(usize) -> String, count: usize| (0..count).map(of).collect::<Vec<_>>();
    vec![
        case("un", "k BIGINT UNSIGNED PRIMARY KEY", unsigned),
        case("si", "k BIGINT PRIMARY KEY", signed),
        case("gaps", "k INT PRIMARY KEY", gaps),
        case("tiny", "k TINYINT PRIMARY KEY", numbers(-128, 256, 1)),
        case("filled", "k INT(6) ZEROFILL PRIMARY KEY", numbers(0, 50, 7)),
        case(
            "deci",
            "k DECIMAL(30,10) PRIMARY KEY",
            plain(&[
                "0",
                "-0.0000000001",
                "0.0000000001",
                "99999999999999999999.9999999999",
                "-99999999999999999999.9999999999",
                "1.5",
                "1.05",
                "-1.5",
                "2",
            ]),
        ),
        case(
            "doub",
            "k DOUBLE PRIMARY KEY",
            plain(&[
                "0",
                "0.1",
                "0.2",
                "0.30000000000000004",
                "0.3",
                "1e300",
                "-1e300",
                "5e-324",
                "1.7976931348623157e308",
                "3",
            ]),
        ),
        case(
            "floa",
            "k FLOAT PRIMARY KEY",
            plain(&[
                "0",
                "0.1",
                "0.2",
                "16777216",
                "16777215",
                "3e38",
                "-3e38",
                "0.30000001",
                "1e-30",
                "7.7",
            ]),
        ),
        case(
            "days",
            "k DATE PRIMARY KEY",
            plain(&[
                "'0000-00-00'",
                "'1000-01-01'",
                "'9999-12-31'",
                "'2026-02-28'",
                "'2024-02-29'",
                "'2026-00-00'",
                "'1999-12-31'",
            ]),
        ),
        case(
            "times",
            "k DATETIME(6) PRIMARY KEY",
            pairs(&|n| format!("'2026-03-29 02:{:02}:00.{:06}'", n % 60, n * 997), 120),
        ),
        case(
            "stamps",
            "k TIMESTAMP(3) PRIMARY KEY",
            pairs(&|n| format!("FROM_UNIXTIME({}.{:03})", 1_774_745_000 + n * 61, n), 120),
        ),
        case(
            "hours",
            "k TIME(2) PRIMARY KEY",
            plain(&[
                "'-838:59:59'",
                "'838:59:59'",
                "'00:00:00'",
                "'-00:00:00.10'",
                "'00:00:00.10'",
                "'12:00:00'",
                "'-12:00:00.01'",
                "'100:00:00'",
            ]),
        ),
        case(
            "years",
            "k YEAR PRIMARY KEY",
            plain(&["0", "1901", "1970", "1999", "2000", "2001", "2069", "2155"]),
        ),
        case(
            "bits",
            "k BIT(64) PRIMARY KEY",
            plain(&["0", "1", "2", "18446744073709551615", "9223372036854775808", "255", "256"]),
        ),
        case(
            "enums",
            "k ENUM('z','a','m','b','') PRIMARY KEY",
            plain(&["'z'", "'a'", "'m'", "'b'", "''"]),
        ),
        case(
            "sets",
            "k SET('z','a','m') PRIMARY KEY",
            plain(&["''", "'z'", "'a'", "'z,a'", "'m'", "'z,a,m'"]),
        ),
        case(
            "binary_",
            "k BINARY(4) PRIMARY KEY",
            plain(&[
                "''",
                "x'00000001'",
                "x'ff'",
                "x'ffffffff'",
                "x'20'",
                "'a'",
                "'A'",
                "x'2700'",
                "x'5c'",
            ]),
        ),
        case(
            "varbin",
            "k VARBINARY(300) PRIMARY KEY",
            pairs(&|n| format!("CONCAT(x'{:02x}', REPEAT(x'00', {}))", n % 256, n / 256), 600),
        ),
        case(
            "bina",
            "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin PRIMARY KEY",
            texts(),
        ),
        case(
            "gene",
            "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY",
            texts(),
        ),
        case(
            "unic",
            "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY",
            texts(),
        ),
        case(
            "sved",
            "k VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_swedish_ci PRIMARY KEY",
            texts(),
        ),
        case(
            "spain",
            "k CHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_spanish2_ci PRIMARY KEY",
            texts(),
        ),
        case(
            "latin",
            "k VARCHAR(40) CHARACTER SET latin1 COLLATE latin1_german2_ci PRIMARY KEY",
            plain(&[
                "''", "'a'", "'ä'", "'AE1'", "'ß'", "'z'", "'''\\\\'", "'sx'", "'ö9'", "'y'", "'ü'",
            ]),
        ),
        case(
            "wide",
            "k VARCHAR(40) CHARACTER SET utf16 PRIMARY KEY",
            plain(&["''", "'a'", "'B'", "'ß'", "'漢'", "'😀'", "'zz'"]),
        ),
        case(
            "gbk_",
            "k VARCHAR(40) CHARACTER SET gbk PRIMARY KEY",
            plain(&["''", "'a'", "'中'", "'文'", "'漢'", "'zz'", "'\\\\'"]),
        ),
        case(
            "two",
            "a INT, k VARCHAR(9) COLLATE utf8mb4_general_ci, PRIMARY KEY (a, k)",
            pairs(&|n| format!("{}, 'v{}'", n / 90, n % 90), 400),
        ),
        case(
            "three",
            "a VARCHAR(5), b DATE, k INT UNSIGNED, PRIMARY KEY (b, k, a)",
            pairs(
                &|n| {
                    format!(
                        "'{}', '2026-01-{:02}', {}",
                        ["x", "Y"][n / 100 % 2],
                        n / 200 + 1,
                        n % 100
                    )
                },
                400,
            ),
        ),
        case("down", "k INT, a INT, PRIMARY KEY (k DESC)", pairs(&|n| format!("{n}, 1"), 60)),
        case(
            "uniq",
            "a INT, k INT NOT NULL, UNIQUE (k), KEY (a)",
            pairs(&|n| format!("{}, {n}", n % 3), 60),
        ),
        case(
            "nulls",
            "k INT, a INT, UNIQUE (k)",
            pairs(&|n| if n % 4 == 0 { format!("NULL, {n}") } else { format!("{n}, {n}") }, 100),
        ),
        case(
            "nulls2",
            "a INT, k VARCHAR(5), UNIQUE (a, k)",
            pairs(
                &|n| {
                    format!(
                        "{}, {}",
                        if n % 5 == 0 { "NULL".into() } else { (n / 20).to_string() },
                        if n % 3 == 0 { "NULL".into() } else { format!("'{n}'") }
                    )
                },
                150,
            ),
        ),
        case(
            "index_",
            "a INT, k INT, KEY (a)",
            pairs(
                &|n| {
                    format!(
                        "{}, {n}",
                        if n % 7 == 0 { "NULL".into() } else { (n / 30).to_string() }
                    )
                },
                150,
            ),
        ),
        case("none", "k INT, a INT", pairs(&|n| format!("{n}, 1"), 150)),
        case(
            "prefix",
            "k VARCHAR(99), a INT, UNIQUE (k(2))",
            pairs(&|n| format!("'{n:02}-x', 1"), 90),
        ),
        case("one", "k INT PRIMARY KEY", plain(&["5"])),
        case("empty_", "k INT PRIMARY KEY", Vec::new()),
        case("exact", "k INT PRIMARY KEY", numbers(1, 14, 1)),
    ]
}

/// The rows of a table, sorted.
fn rows(pulled: &Pulled) -> Vec<&[String]> {
    let mut rows: Vec<&[String]> = pulled.rows.iter().map(|row| &row[4..]).collect();
    rows.sort();
    rows
}

fn every_key(kind: Kind, test: &str) {
    let Some(server) = Server::shared(kind, test) else { return };
    server.database(test);
    let cases = cases();
    let mut script =
        format!("SET NAMES utf8mb4, sql_mode = '', time_zone = '+00:00'; USE {test};\n");
    for case in &cases {
        writeln!(script, "CREATE TABLE {} ({});", case.name, case.columns).unwrap();
        if !case.values.is_empty() {
            writeln!(script, "INSERT INTO {} VALUES ({});", case.name, case.values.join("), ("))
                .unwrap();
        }
    }
    // MariaDB 10.11 takes a descending key, too.
    server.sql(&script);
    let pattern = format!("{test}.*");
    let whole = pull(&server, &pattern, &["--shard-rows", "1000000", "-j", "1"]);
    let mut wrong = Vec::new();
    for size in ["1", "3", "7"] {
        let parts = pull(&server, &pattern, &["--shard-rows", size]);
        for case in &cases {
            let name = format!("{test}.{}", case.name);
            let (all, found) = (rows(&whole[&name]), rows(&parts[&name]));
            if all.len() != case.values.len() {
                wrong.push(format!(
                    "{}: {} rows of {} in one shard",
                    case.name,
                    all.len(),
                    case.values.len()
                ));
            }
            if all != found {
                let missing: BTreeSet<_> = all.iter().filter(|row| !found.contains(row)).collect();
                wrong.push(format!(
                    "{}, {size} a shard: {} rows of {}, missing {:?}",
                    case.name,
                    found.len(),
                    all.len(),
                    missing
                ));
            }
            parts[&name].assert_whole();
            let unique: BTreeSet<&String> = parts[&name].rows.iter().map(|row| &row[3]).collect();
            if unique.len() != found.len() {
                wrong.push(format!("{}: uids are there twice", case.name));
            }
            // Even shards, but where many rows share a value that divides.
            let divided = !matches!(case.name, "none" | "prefix" | "nulls" | "nulls2" | "index_");
            let largest = parts[&name]
                .end
                .iter()
                .map(|s| s["rows"].as_str().unwrap().parse::<usize>().unwrap());
            if divided && largest.max().unwrap() > size.parse().unwrap() {
                wrong.push(format!("{}: uneven shards: {:?}", case.name, parts[&name].end));
            }
        }
    }
    wrong.truncate(20);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_key_mysql() {
    every_key(Kind::MySql, "pull_keys_mysql");
}

#[test]
fn every_key_mariadb() {
    every_key(Kind::MariaDb, "pull_keys_mariadb");
}

/// The walk uses the index: its cost does not grow with what lies behind, also where the first
/// column is the same everywhere.
#[test]
fn shards_of_a_skewed_key_are_ranges_of_the_index() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_skewed";
        // Of its own: nobody else has rows read there.
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (a INT, b INT, c INT, pad CHAR(100) DEFAULT 'x', PRIMARY KEY (a, b, c));
             CREATE TABLE d (n INT); INSERT INTO d VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
             INSERT INTO t (a, b, c) SELECT 1, 1, w.n * 1000 + x.n * 100 + y.n * 10 + z.n FROM d w, d x, d y, d z;"
        ));
        let url = server.url();
        let pattern = format!("{test}.t");
        let plan = run(&["--plan", "--shard-rows", "1000", "--tables", &pattern, &url]);
        let text = String::from_utf8(plan.stdout).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 11, "{text}");
        assert!(lines[5].contains("\"after\":[\"1\",\"1\",\"4999\"]"), "{}", lines[5]);
        let before = handler_reads(&server);
        run(&["--plan", "--shard-rows", "1000", "--tables", &pattern, &url]);
        let read = handler_reads(&server) - before;
        assert!(read < 20_000, "{kind:?}: {read} rows read to walk 10,000");
    }
}

fn handler_reads(server: &Server) -> u64 {
    let rows = server.rows("SHOW GLOBAL STATUS LIKE 'Handler\\_read\\_next'");
    rows[0][1].parse().unwrap()
}

/// Equal ranges of numbers, also up to both ends of the type.
#[test]
fn even_ranges() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_even";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE u (k BIGINT UNSIGNED, a INT, PRIMARY KEY (k, a));
             INSERT INTO u VALUES (0, 1), (18446744073709551615, 2), (5, 3), (5, 4), (9223372036854775808, 5);
             CREATE TABLE s (k BIGINT PRIMARY KEY);
             INSERT INTO s VALUES (-9223372036854775808), (9223372036854775807), (0), (-1), (1);
             CREATE TABLE n (k INT, UNIQUE (k)); INSERT INTO n VALUES (1), (NULL), (9), (NULL), (100);
             CREATE TABLE t (k VARCHAR(9) PRIMARY KEY); ANALYZE TABLE u, s, n;"
        ));
        let pattern = format!("{test}.u,{test}.s,{test}.n");
        let found = pull(&server, &pattern, &["--split", "even", "--shard-rows", "1"]);
        let counts = ["u", "s", "n"].map(|name| found[&format!("{test}.{name}")].rows.len());
        assert_eq!(counts, [5, 5, 5], "{kind:?}");
        assert!(found[&format!("{test}.s")].end.len() > 2);
        let url = server.url();
        let refused = run(&["--split", "even", "--tables", &format!("{test}.t"), &url]);
        // An empty table has no ends to cut; one with text has no numbers.
        server.sql(&format!("INSERT INTO {test}.t VALUES ('x')"));
        let text = run(&["--split", "even", "--tables", &format!("{test}.t"), &url]);
        assert_eq!((refused.code, text.code), (Some(2), Some(2)), "{}", text.stderr);
    }
}

/// A plan given back, whole and in two parts; `whole` says what it was.
#[test]
fn plans_are_given_back() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_plans";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (k INT PRIMARY KEY, v INT); CREATE TABLE u (k INT UNIQUE);
             INSERT INTO t VALUES (1,1),(2,2),(3,3),(4,4),(5,5),(6,6),(7,7);
             INSERT INTO u VALUES (1),(NULL),(3),(NULL),(5);"
        ));
        let folder = tempfile::tempdir().unwrap();
        let url = server.url();
        let pattern = format!("{test}.*");
        let plan = run(&["--plan", "--shard-rows", "2", "--tables", &pattern, &url]).stdout;
        let plan = String::from_utf8(plan).unwrap();
        let (mut first, mut second) = (String::new(), String::new());
        for (index, line) in plan.lines().enumerate() {
            let half = if index % 3 == 0 { &mut first } else { &mut second };
            half.push_str(&format!("{line}\n"));
        }
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let all = run(&["--shards", &file("all", &plan), &url]).tables();
        for (name, rows) in [("t", 7), ("u", 5)] {
            let found = &all[&format!("{test}.{name}")];
            found.assert_whole();
            assert_eq!(found.rows.len(), rows);
        }
        let mut keys = Vec::new();
        for (name, text) in [("first", &first), ("second", &second)] {
            let half = run(&["--shards", &file(name, text), &url]).tables();
            for table in half.values() {
                assert!(table.end.iter().all(|shard| shard["whole"] == false), "{:?}", table.end);
            }
            keys.extend(half[&format!("{test}.t")].column("k").iter().map(|k| (*k).to_owned()));
        }
        keys.sort();
        assert_eq!(keys, ["1", "2", "3", "4", "5", "6", "7"]);
        // Without the shard of NULLs it is not the whole table.
        let without: String = plan
            .lines()
            .filter(|l| !l.contains("\"null\":true"))
            .map(|l| format!("{l}\n"))
            .collect();
        let found = run(&["--shards", &file("without", &without), &url]).tables();
        assert!(found[&format!("{test}.u")].end.iter().all(|shard| shard["whole"] == false));
        found[&format!("{test}.t")].assert_whole();
    }
}

/// Conditions, columns, ids of both ways.
#[test]
fn some_rows_some_columns_and_ids() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_some";
        // Of its own: nobody else moves its log.
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (a INT, k INT PRIMARY KEY, v INT, w INT);
             INSERT INTO t VALUES (1,1,1,1),(2,2,2,2),(3,3,3,3),(4,4,4,4),(5,5,5,5),(6,6,6,6),(7,7,7,7);"
        ));
        let pattern = format!("{test}.t");
        let found = pull(
            &server,
            &pattern,
            &["--where", "v > 2 OR v = 1", "--columns", "w", "--shard-rows", "2"],
        );
        let table = &found[&pattern];
        let names: Vec<_> = table.fields.iter().map(|f| f["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["k", "w"]);
        let mut keys = table.column("w");
        keys.sort_unstable();
        assert_eq!(keys, ["1", "3", "4", "5", "6", "7"]);
        assert!(table.end.iter().all(|shard| shard["whole"] == false));
        let id = |table: &Pulled| -> Vec<i64> {
            table.rows.iter().map(|row| row[0].trim_matches('"').parse().unwrap()).collect()
        };
        let position = server.position();
        let batch = pull(&server, &pattern, &[]);
        let number: i64 = position.file.rsplit('.').next().unwrap().parse().unwrap();
        let expected = number * 1_000_000_000_000 + position.offset as i64;
        assert_eq!(id(&batch[&pattern]), [expected; 7]);
        assert_eq!(batch[&pattern].batch, expected);
        let first = pull(&server, &pattern, &["--id", "initial", "--shard-rows", "2"]);
        let ids: BTreeSet<i64> = id(&first[&pattern]).into_iter().collect();
        assert!(ids.len() == 7 && ids.iter().all(|id| *id < 0), "{ids:?}");
        assert!(ids.iter().all(|id| *id >= first[&pattern].batch));
        let second = pull(&server, &pattern, &["--id", "initial"]);
        assert!(id(&second[&pattern]).iter().all(|id| id > ids.last().unwrap()), "later pulls win");
    }
}

/// While rows come at both ends: all that were there before are pulled, none twice.
#[test]
fn rows_inserted_at_both_ends() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_ends";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        server.sql(&format!("CREATE TABLE {test}.t (k INT PRIMARY KEY, pad CHAR(200))"));
        let values: Vec<String> = (0..4000).map(|k| format!("({k}, 'x')")).collect();
        server.sql(&format!("INSERT INTO {test}.t VALUES {}", values.join(",")));
        let stop = std::sync::atomic::AtomicBool::new(false);
        let mut found = Pulled::default();
        /// Whatever becomes of the pull, the writer ends.
        struct End<'a>(&'a std::sync::atomic::AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        std::thread::scope(|scope| {
            let end = End(&stop);
            scope.spawn(|| {
                let mut session = server.session(test);
                let mut n = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    n += 1;
                    session.say(&format!(
                        "INSERT INTO t VALUES ({}, 'n'), ({}, 'n')",
                        4000 + n,
                        -n
                    ));
                }
            });
            let pulled = pull(&server, &format!("{test}.t"), &["--shard-rows", "50", "-j", "3"]);
            drop(end);
            found = pulled[&format!("{test}.t")].clone();
        });
        found.assert_whole();
        let keys: Vec<i64> = found.column("k").iter().map(|k| k.parse().unwrap()).collect();
        let unique: BTreeSet<i64> = keys.iter().copied().collect();
        assert_eq!(keys.len(), unique.len(), "rows are there twice");
        assert!((0..4000).all(|k| unique.contains(&k)), "rows are missing");
    }
}

/// Names that must be quoted in SQL, in a namespace and in a plan.
#[test]
fn odd_names() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_odd_names";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE `t``ä.'x\"漢` (`k``é'` VARCHAR(9) PRIMARY KEY COMMENT 'a AUTO_INCREMENT=5 ö', `sel ect` INT);
             INSERT INTO `t``ä.'x\"漢` VALUES ('a', 1), ('it''s', 2), ('`', 3), ('\\\\', 4), ('ü', 5);"
        ));
        let found = pull(&server, &format!("{test}.*"), &["--shard-rows", "1"]);
        let table = &found[&format!("{test}.t`ä%2E'x\"漢")];
        table.assert_whole();
        let mut cells = table.column("sel ect");
        cells.sort_unstable();
        assert_eq!((cells, table.end.len()), (vec!["1", "2", "3", "4", "5"], 6));
    }
}
