//! The three servers: values of all sorts as keys, several rows for one, a store that is gone.

use std::time::{Duration, Instant};

use crate::stream::{Live, MARKER, fail, fields, ok, rows};
use crate::target::{Source, Target, Which, on_every_target};

on_every_target!(
    rows_find_their_rows,
    hostile_values_are_values,
    keys_of_several_columns_and_of_several_types,
    one_row_finds_many,
    mistakes_are_told,
);

fn orders() -> Source {
    Source::new(
        "orders",
        &["id"],
        &[("id", "int", "int"), ("customer", "long", "bigint"), ("code", "string", "varchar(100)")],
    )
}

fn customers(target: &Target) {
    target.ask(
        "CREATE TABLE customer (id BIGINT PRIMARY KEY, name VARCHAR(40), credit DECIMAL(12,2), since DATE); \
         INSERT INTO customer VALUES (7, 'Zoë \"7\"', 10.50, '2026-01-02'), (8, NULL, NULL, NULL), \
         (9007199254740993, 'big', 0, NULL)",
    );
}

const QUERY: &str = "SELECT name, credit, since, id FROM customer WHERE id IN (:customer)";

fn rows_find_their_rows(target: &Target) {
    customers(target);
    let url = target.url("");
    let lookup = ["--lookup", &url, "--query", QUERY];
    let mut input = orders().message(&[
        (1, "I", "1,\"7\",\"a\""),
        (2, "I", "2,\"8\",null"),
        (3, "U", "3,\"9\",null"),
        (4, "D", "4,\"7\",null"),
    ]);
    input.push_str(&format!("{MARKER}\n"));
    input.push_str(&orders().message(&[
        (5, "I", "5,null,null"),
        (6, "I", "6,\"9007199254740993\",null"),
        (7, "I", "7,\"9007199254740992\",null"),
    ]));
    let found = ok(&lookup, &input);
    assert_eq!(
        rows(&found),
        [
            r#"I 1 "7" "a" "Zoë \"7\"" "10.50" "2026-01-02" "7""#,
            r#"I 2 "8" null null null null "8""#,
            r#"D 3 "9" null null null null null"#,
            r#"D 4 "7" null "Zoë \"7\"" "10.50" "2026-01-02" "7""#,
            "marker",
            r#"I 6 "9007199254740993" null "big" "0.00" null "9007199254740993""#,
        ]
    );
    assert_eq!(
        fields(&found),
        [
            "id int int",
            "customer long bigint",
            "code string varchar(100)",
            "name string varchar(40)",
            "credit decimal decimal(12,2)",
            "since date date",
            "right_id long bigint",
        ]
    );
    let left = ok(&[&lookup[..], &["--unmatched", "send", "--prefix", "c_"]].concat(), &input);
    assert_eq!(rows(&left).len(), 8);
    assert_eq!(fields(&left)[6], "c_id long bigint");
    assert_eq!(rows(&left)[2], r#"U 3 "9" null null null null null"#);
    // Rows of other tables pass.
    let other = ok(&[&lookup[..], &["--namespace", "*.*.shop.nothing"]].concat(), &input);
    assert_eq!(other, input);
    // One key at a time is the same.
    let url = target.url("keys=1");
    assert_eq!(ok(&["--lookup", &url, "--query", QUERY], &input), found);
}

/// Quotes, comments, wildcards, other alphabets: each finds itself and nothing else.
fn hostile_values_are_values(target: &Target) {
    let values = [
        "'",
        "\"",
        "\\",
        "\\'",
        "'' OR 1=1 --",
        "%",
        "_",
        "'); DROP TABLE code; --",
        "顧客 ☕",
        "a\nb",
        "",
        "?",
        ":code",
        "$1",
        "NULL",
        "{}",
        "\u{1F980}",
        "ß",
    ];
    let type_of_codes = match target.which {
        Which::Postgres => "VARCHAR(100)",
        _ => "VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    };
    target.ask(&format!("CREATE TABLE code (code {type_of_codes} PRIMARY KEY, n INT)"));
    for (number, value) in values.iter().enumerate() {
        let quoted = value.replace('\'', "''");
        let mysql = quoted.replace('\\', "\\\\");
        target.ask_either(
            &format!("INSERT INTO code VALUES ('{mysql}', {number})"),
            &format!("INSERT INTO code VALUES ('{quoted}', {number})"),
        );
    }
    let url = target.url("");
    let cells: Vec<(i64, &str, String)> = values
        .iter()
        .chain(&["absent'", "A"])
        .enumerate()
        .map(|(n, value)| {
            (n as i64, "I", format!("{n},null,{}", serde_json::to_string(value).unwrap()))
        })
        .collect();
    let cells: Vec<(i64, &str, &str)> =
        cells.iter().map(|(n, op, c)| (*n, *op, c.as_str())).collect();
    let query =
        "SELECT n, 'it''s :code' AS fixed /* :code */ FROM code WHERE code IN (:code) -- :code";
    let found = rows(&ok(&["--lookup", &url, "--query", query], &orders().message(&cells)));
    assert_eq!(found.len(), values.len(), "{found:#?}");
    for (number, row) in found.iter().enumerate() {
        assert!(row.starts_with(&format!("I {number} ")), "{row}");
        assert!(row.ends_with(&format!(" {number} \"it's :code\"")), "{row}");
    }
    assert_eq!(target.ask("SELECT count(*) FROM code"), values.len().to_string());
}

fn keys_of_several_columns_and_of_several_types(target: &Target) {
    target.ask(
        "CREATE TABLE price (region VARCHAR(9), product INT, since DATE, amount DECIMAL(30,10), \
         PRIMARY KEY (region, product)); \
         INSERT INTO price VALUES ('n', 7, '2026-01-01', 1.5), ('s', 7, '2026-02-01', \
         12345678901234567890.0123456789), ('n', 8, NULL, 2)",
    );
    let sales = Source::new(
        "sales",
        &["id"],
        &[
            ("id", "int", "int"),
            ("region", "string", "varchar(9)"),
            ("product", "string", "varchar(9)"),
            ("amount", "decimal", "decimal(30,10)"),
            ("day", "date", "date"),
        ],
    );
    let input = sales.message(&[
        (1, "I", r#"1,"n","7","1.50","2026-01-01""#),
        (2, "I", r#"2,"s","7","12345678901234567890.0123456789","2026-02-01""#),
        (3, "I", r#"3,"s","8","12345678901234567890.0123456788","0000-00-00""#),
        (4, "I", r#"4,"n",null,"2","2026-01-01""#),
    ]);
    let url = target.url("");
    let ask = |query: &str| -> Vec<String> {
        let found = rows(&ok(&["--lookup", &url, "--query", query], &input));
        found.iter().map(|row| row.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    // A text for a number column, and two columns that are one key.
    let pairs = "SELECT since FROM price WHERE (region, product) IN ((:region, :product))";
    assert_eq!(ask(pairs), ["1", "2"]);
    assert_eq!(ask("SELECT since AS s FROM price WHERE amount = :amount"), ["1", "2", "4"]);
    assert_eq!(ask("SELECT region AS r FROM price WHERE since = :day"), ["1", "2", "4"]);
    // Twice the same column, and an aggregate: a row for each key, found or not.
    let count = "SELECT count(*) AS n FROM price WHERE region = :region OR region = :region";
    assert_eq!(ask(count), ["1", "2", "3", "4"]);
    assert_eq!(
        ask("SELECT amount AS a FROM price WHERE region = :region ORDER BY product LIMIT 1").len(),
        4
    );
    // What is no number is equal to none, if the query says that it is a text.
    let cast = "SELECT amount AS a FROM price WHERE CAST(product AS CHAR(9)) = :region";
    assert!(ask(cast).is_empty());
}

fn one_row_finds_many(target: &Target) {
    target.ask(
        "CREATE TABLE member (customer BIGINT, name VARCHAR(9)); \
         INSERT INTO member VALUES (7, 'a'), (7, 'b'), (7, 'c'), (8, 'd')",
    );
    let query = "SELECT name FROM member WHERE customer IN (:customer) ORDER BY name LIMIT 100";
    let url = target.url("");
    let one = ["--lookup", &url, "--query", query];
    let insert = orders().message(&[(1, "I", "1,\"7\",null"), (2, "I", "2,\"8\",null")]);
    let said = fail(5, &one, &insert);
    assert!(said.contains("found 3 rows for one") && said.contains("--matches many"), "{said}");
    let many = [&one[..], &["--matches", "many"]].concat();
    let changed = orders().message(&[(3, "U", "1,\"8\",null"), (4, "D", "2,\"8\",null")]);
    let found = ok(&many, &(insert + &changed));
    assert_eq!(
        rows(&found),
        [
            r#"I 1 "7" null 1 "a""#,
            r#"I 1 "7" null 2 "b""#,
            r#"I 1 "7" null 3 "c""#,
            r#"I 2 "8" null 1 "d""#,
            r#"U 1 "8" null 1 "d""#,
            r#"D 1 "8" null 2 null"#,
            r#"D 1 "8" null 3 null"#,
            r#"D 2 "8" null 1 null"#,
        ]
    );
    assert!(found.contains(r#""keys":["id","lookup_row"]"#), "{found}");
}

fn mistakes_are_told(target: &Target) {
    customers(target);
    let url = target.url("");
    let input = orders().message(&[(1, "I", "1,\"7\",\"secret value\"")]);
    let said = |code: i32, query: &str| fail(code, &["--lookup", &url, "--query", query], &input);
    for (query, why) in [
        ("SELECT nothing FROM customer WHERE id = :customer", "nothing"),
        ("SELECT name FROM nowhere WHERE id = :customer", "nowhere"),
        ("SELEC name FROM customer WHERE id = :customer", "--query"),
        ("SELECT name FROM customer WHERE id = :custommer", "did you mean customer?"),
    ] {
        let said = said(5, query);
        assert!(said.contains(why), "{query}: {said}");
    }
    assert!(said(2, "SELECT name FROM customer").contains("names no column"));
    if target.which == Which::Postgres {
        let said = said(5, "SELECT name FROM customer WHERE id = :code::text::bigint");
        assert!(said.contains("22P02") && !said.contains("secret"), "{said}");
    }
    let checked = ok(&["--lookup", &url, "--query", QUERY, "--check"], "");
    let expected =
        "asked for customer and gives name (string), credit (decimal), since (date), id (long)";
    assert!(checked.contains(expected), "{checked}");
    let gone = format!("{}://nobody@127.0.0.1:1/d", url.split(':').next().unwrap());
    fail(4, &["--lookup", &gone, "--query", QUERY], &input);
    // A read-only session: nothing is written by a query.
    let write = target.which == Which::Postgres;
    if write {
        target.ask("CREATE FUNCTION evil(bigint) RETURNS bigint LANGUAGE sql AS 'DELETE FROM customer RETURNING id'");
        let said = said(5, "SELECT evil(:customer) AS e");
        assert!(said.contains("read-only"), "{said}");
    }
    assert_eq!(target.ask("SELECT count(*) FROM customer"), "3");
}

/// The store is killed in the middle and comes back: nothing is lost, and it is said once.
#[test]
fn a_store_that_is_gone_for_a_while() {
    for which in [Which::MariaDb, Which::Postgres] {
        let name = format!("lookup_gone_{which:?}").to_lowercase();
        // What was committed must be there after the kill.
        let options: &[&str] = match which {
            Which::Postgres => &[],
            _ => &["--innodb-flush-log-at-trx-commit=2"],
        };
        let Some(target) = Target::private(which, &name, options) else { return };
        customers(&target);
        let url = target.url("");
        let mut live = Live::start(&["--lookup", &url, "--query", QUERY, "--cache-for", "0"]);
        live.send(&orders().message(&[(1, "I", "1,\"7\",null")]));
        assert_eq!(live.next().len(), 1);
        target.kill();
        live.send(&orders().message(&[(2, "I", "2,\"7\",null")]));
        assert!(live.is_still(1500));
        target.start(options);
        assert_eq!(live.next()[0], r#"I 2 "7" null "Zoë \"7\"" "10.50" "2026-01-02" "7""#);
        let said = live.end();
        assert_eq!(said.matches("asking again").count(), 1, "{said}");
        assert!(said.contains("answers again"), "{said}");
    }
}

/// A signal while the store is gone ends the run as that signal; no patience, and the run fails.
#[test]
fn a_signal_and_no_patience() {
    let Some(target) = Target::private(Which::MariaDb, "lookup_signal", &[]) else { return };
    customers(&target);
    let (url, hasty) = (target.url(""), target.url("retry=1"));
    let arguments = |url| ["--lookup", url, "--query", QUERY, "--cache-for", "0"];
    let mut live = Live::start(&arguments(&url));
    let mut other = Live::start(&arguments(&hasty));
    for run in [&mut live, &mut other] {
        run.send(&orders().message(&[(1, "I", "1,\"7\",null")]));
        run.next();
    }
    target.kill();
    for run in [&mut live, &mut other] {
        run.send(&orders().message(&[(2, "I", "2,\"7\",null")]));
    }
    std::thread::sleep(Duration::from_millis(500));
    let kill = std::process::Command::new("kill").arg(live.id().to_string()).status().unwrap();
    assert!(kill.success());
    let ended = live.wait();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(15));
    assert_eq!(other.wait().code(), Some(4));
}

/// What was found is used again for its time, and what was not found for its own.
#[test]
fn what_was_found_has_an_age() {
    let Some(target) = Target::shared(Which::MariaDb, "lookup_age") else { return };
    customers(&target);
    let url = target.url("");
    let query = "SELECT name FROM customer WHERE id IN (:customer)";
    let lookup = ["--lookup", &url, "--query", query, "--unmatched", "send"];
    let message =
        |id: i64| orders().message(&[(id, "I", "1,\"7\",null"), (id, "I", "2,\"99\",null")]);
    // Where asking twice takes longer than an age, it says nothing about that age.
    let ages = [1500, 10_000, 60_000].map(Duration::from_millis);
    let told = ages.into_iter().any(|age| {
        let text = format!("{}ms", age.as_millis());
        let ages = ["--cache-for", &text, "--cache-missing", &text];
        let mut live = Live::start(&[&lookup[..], &ages].concat());
        let mut names = |id: i64| {
            live.send(&message(id));
            let found = live.next();
            found.iter().map(|row| row.rsplit(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        target.ask("UPDATE customer SET name = 'old' WHERE id = 7; DELETE FROM customer WHERE id = 99");
        let begun = Instant::now();
        assert_eq!(names(1), ["\"old\"", "null"]);
        target.ask("UPDATE customer SET name = 'new' WHERE id = 7; INSERT INTO customer (id, name) VALUES (99, 'there')");
        let second = names(2);
        if begun.elapsed() >= age {
            return false;
        }
        assert_eq!(second, ["\"old\"", "null"]);
        std::thread::sleep(age + Duration::from_millis(100));
        assert_eq!(names(3), ["\"new\"", "\"there\""]);
        true
    });
    assert!(told, "the machine is too slow to ask twice within a minute");
    // A column more: what is asked with * has it from then on.
    let all = ["--lookup", &url, "--query", "SELECT * FROM customer WHERE id IN (:customer)"];
    let mut live = Live::start(&[&all[..], &["--cache-for", "0"]].concat());
    live.send(&orders().message(&[(1, "I", "1,\"7\",null")]));
    let before = live.next()[0].split(' ').count();
    target.ask("ALTER TABLE customer ADD more INT DEFAULT 5");
    live.send(&orders().message(&[(2, "I", "1,\"7\",null")]));
    let after = live.next();
    assert_eq!(after[0].split(' ').count(), before + 1, "{after:?}");
}
