//! What others do meanwhile, and how servers are set up: a second program, an administrator, a server
//! that takes names or statements in its own way.

use std::io::Write;
use std::time::Duration;

use crate::support::{Random, Workload, error_text, fail, land, marker, run, start, truncate};
use crate::target::{FINAL, Source, Target, Which, on_every_target, orders, with_origins};

on_every_target!(
    a_message_without_its_key_is_out_of_the_way,
    a_slower_program_brings_no_row_back,
    a_dropped_table_does_not_stand_in_the_way,
    of_two_sources_one_gets_the_name,
    a_very_wide_table,
);

fn row(id: i64, key: i64, name: &str) -> String {
    orders().message(&[(id, "I", &format!(r#""{key}","{name}","1.00",1"#))])
}

fn a_message_without_its_key_is_out_of_the_way(target: &Target) {
    let partial = orders().only(&["name", "n"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.ums").display().to_string();
    let lacking = partial.message(&[(20, "U", r#""x",1"#), (21, "U", r#""y",2"#)]);
    let input = row(10, 1, "a") + &lacking + &row(30, 2, "b") + &marker(40);
    for workers in ["workers=1", "workers=3"] {
        target.empty();
        let _ = std::fs::remove_file(&file);
        let text = fail(1, &[&target.url(workers), "--reject", &file], &input);
        assert!(text.contains("2 rows could not be stored"), "{text}");
        assert_eq!(target.ask(FINAL), "1|a|1.00|1\n2|b|1.00|1", "{workers}");
    }
}

fn a_slower_program_brings_no_row_back(target: &Target) {
    for (delete, query) in [("soft", "workers=1"), ("soft", "workers=3"), ("hard", "")] {
        target.empty();
        let url = target.url(query);
        let mut slow = start(&[&url, "--delete", delete, "--quiet"]);
        let mut input = slow.stdin.take().unwrap();
        input.write_all(row(10, 1, "a").as_bytes()).unwrap();
        while target.try_ask("SELECT count(*) FROM orders").as_deref() != Ok("1") {
            assert!(slow.try_wait().unwrap().is_none(), "{delete} {query}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let quick = row(10, 1, "a") + &truncate(100) + &row(110, 2, "b") + &marker(120);
        land(&[&url, "--delete", delete], &quick);
        // It never comes to the TRUNCATE itself.
        input.write_all((row(50, 3, "late") + &row(105, 4, "c")).as_bytes()).unwrap();
        drop(input);
        let output = slow.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", error_text(&output));
        assert_eq!(target.ask(FINAL), "2|b|1.00|1\n4|c|1.00|1", "{delete} {query}");
    }
}

fn a_dropped_table_does_not_stand_in_the_way(target: &Target) {
    for delete in ["soft", "hard"] {
        target.empty();
        let arguments = [&target.url(""), "--delete", delete];
        land(&arguments, &(row(10, 1, "a") + &marker(11)));
        target.ask("DROP TABLE orders");
        land(&arguments, &(truncate(20) + &row(15, 2, "late") + &row(30, 3, "c") + &marker(31)));
        assert_eq!(target.ask(FINAL), "3|c|1.00|1", "{delete}");
    }
}

/// Two programs start in the same moment with tables of one name.
fn of_two_sources_one_gets_the_name(target: &Target) {
    let mut random = Random::seeded();
    for round in 0..8 {
        target.empty();
        let mut children: Vec<_> = ["shop", "crm"]
            .into_iter()
            .map(|schema| {
                let mut child = start(&[&target.url(""), "--quiet"]);
                let message = row(10, i64::from(schema == "crm"), schema);
                let message = message.replace("mysql.db1.shop.", &format!("mysql.db1.{schema}."));
                let mut input = child.stdin.take().unwrap();
                input.write_all(message.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_micros(random.below(3000) as u64));
                child
            })
            .collect();
        let codes: Vec<_> = children.iter_mut().map(|child| child.wait().unwrap().code()).collect();
        let said = format!("round {round}: {codes:?}");
        assert!(codes.contains(&Some(0)) && codes.contains(&Some(5)), "{said}");
        assert_eq!(target.ask("SELECT count(*) FROM orders"), "1", "{said}");
    }
}

/// More columns than a function may have arguments, and long names.
fn a_very_wide_table(target: &Target) {
    let names: Vec<String> = (0..900).map(|at| format!("column_with_a_long_name_{at}")).collect();
    let mut columns = vec![("id", "long", "bigint")];
    columns.extend(names.iter().map(|name| (name.as_str(), "int", "int")));
    let wide = Source::new("wide", &["id"], &columns);
    let cells = |id: i64| format!("\"{id}\"{}", format!(",{id}").repeat(names.len()));
    let rows: Vec<_> = (1..40).map(|id| (10 * id, "I", cells(id))).collect();
    let rows: Vec<_> = rows.iter().map(|(id, op, cells)| (*id, *op, cells.as_str())).collect();
    land(&[&target.url("")], &wide.message(&rows));
    let found = target.ask("SELECT count(*), sum(column_with_a_long_name_899) FROM wide");
    assert_eq!(found, "39|780");
}

/// Servers that are set up for people: other quotes, no escapes, lenient, a guard against statements
/// without a key, another zone, a log of statements.
fn set_up_oddly(which: Which, test: &str) {
    let options = [
        "--sql-mode=ANSI,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,NO_ZERO_DATE",
        "--default-time-zone=+05:00",
        "--binlog-format=STATEMENT",
        "--max-allowed-packet=1M",
        "--innodb-flush-log-at-trx-commit=2",
    ];
    let Some(target) = Target::private(which, test, &options) else { return };
    for (name, value) in
        [("sql_safe_updates", "1"), ("sql_select_limit", "1"), ("sql_big_selects", "0")]
    {
        target.ask(&format!("SET GLOBAL {name} = {value}"));
    }
    assert_eq!(target.ask("SELECT @@GLOBAL.log_bin, @@GLOBAL.binlog_format"), "1|STATEMENT");
    let said = land(&[&target.url(""), "--check"], "");
    assert!(said.contains("innodb_flush_log_at_trx_commit = 2"), "{said}");
    let odd = Source::new(
        "o\"dd",
        &["id"],
        &[
            ("id", "long", "bigint"),
            ("text", "string", "varchar(200)"),
            ("at", "datetime", "timestamp(6)"),
            ("day", "date", "date"),
            ("n", "int", "tinyint"),
        ],
    );
    let text = "a'b\"c\\\\d`e%f\\n|| ";
    let cells = format!(
        r#""1",{},"2026-11-21 01:02:03.000004","0000-00-00",1"#,
        serde_json::to_string(text).unwrap()
    );
    for delete in ["soft", "hard"] {
        target.empty();
        let arguments = [&target.url("rows=100"), "--delete", delete];
        land(&arguments, &odd.message(&[(10, "I", &cells)]));
        let found = target.ask("SELECT HEX(text), at, day FROM `o\"dd`");
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(found, format!("{hex}|2026-11-21 01:02:03.000004|0000-00-00"));
        // Lenient or not, nothing is cut off in silence.
        let wrong = odd.message(&[(
            11,
            "U",
            &cells
                .replacen(",1", ",300", 1)
                .replace("\",300", "\",1")
                .replace("00\",1", "00\",300"),
        )]);
        let said = fail(3, &arguments, &wrong);
        assert!(said.contains("column n"), "{said}");
        let mut random = Random::seeded();
        let workload = Workload::new(&mut random, 1500, 40);
        let messages = with_origins(&workload.messages).concat();
        land(&arguments, &(messages.clone() + &messages));
        // Without a key in its WHERE.
        target.ask("SET SESSION sql_select_limit = 1000000");
        assert_eq!(target.ask(&format!("SET sql_select_limit = 100000; {FINAL}")), workload.rows);
        land(&arguments, &(truncate(900_000_000) + &marker(900_000_001)));
        assert_eq!(target.ask(FINAL), "");
    }
}

#[test]
fn mysql_set_up_oddly() {
    set_up_oddly(Which::MySql, "mysql_set_up_oddly");
}

#[test]
fn mariadb_set_up_oddly() {
    set_up_oddly(Which::MariaDb, "mariadb_set_up_oddly");
}

/// Of the packet that the server takes a value may fill the better part.
fn a_large_value(which: Which, test: &str) {
    let options = ["--max-allowed-packet=4M"];
    let Some(target) = Target::private(which, test, &options) else { return };
    let blob = Source::new("b", &["id"], &[("id", "int", "int"), ("v", "binary", "longblob")]);
    let bytes = |count: usize| "AP+Q".repeat(count / 3);
    let rows: Vec<String> = (1..6).map(|id| format!("{id},\"{}\"", bytes(630_000 * id))).collect();
    let message = |id: usize| blob.message(&[(id as i64, "I", &rows[id - 1])]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.ums").display().to_string();
    let input: String = (1..6).map(message).collect();
    fail(1, &[&target.url(""), "--reject", &file], &input);
    let found =
        target.ask("SELECT id, length(v), HEX(LEFT(v, 3)), HEX(RIGHT(v, 3)) FROM b ORDER BY id");
    let expected: Vec<_> =
        (1..5).map(|id| format!("{id}|{}|00FF90|00FF90", 630_000 * id)).collect();
    assert_eq!(found, expected.join("\n"));
    let rejected = std::fs::read_to_string(file).unwrap();
    assert!(rejected.contains("max_allowed_packet") && rejected.lines().count() == 1);
}

#[test]
fn mysql_takes_a_large_value() {
    a_large_value(Which::MySql, "mysql_takes_a_large_value");
}

#[test]
fn mariadb_takes_a_large_value() {
    a_large_value(Which::MariaDb, "mariadb_takes_a_large_value");
}

/// A server that folds names takes `Orders` and `orders` for one table; they must not mix.
#[test]
fn names_that_the_server_takes_for_one() {
    let test = "names_that_the_server_takes_for_one";
    let options = ["--lower-case-table-names=1"];
    let Some(target) = Target::private(Which::MariaDb, test, &options) else { return };
    land(&[&target.url("")], &row(10, 1, "a"));
    let other = row(10, 2, "b").replace("shop.orders.", "shop.ORDERS.");
    let text = fail(5, &[&target.url("")], &other);
    assert!(text.contains("belongs to mysql.db1.shop.orders"), "{text}");
    assert_eq!(target.ask(FINAL), "1|a|1.00|1");
    // The same one goes on, also under a new type.
    let wide = orders().with("name", "string", "varchar(300)");
    land(&[&target.url("")], &wide.message(&[(20, "U", r#""1","c","1.00",1"#)]));
    assert_eq!(target.ask(FINAL), "1|c|1.00|1");
    let output = run(&[&target.url(""), "--check"], "");
    assert!(output.status.success(), "{}", error_text(&output));
}
