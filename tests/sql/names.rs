//! Names of tables and columns with everything that SQL makes something of, and keys of every type.

use crate::support::{fail, land};
use crate::target::{Source, Target, Which, on_every_target};

on_every_target!(
    any_name_is_only_a_name,
    long_names,
    names_that_the_statements_use_themselves,
    keys_of_many_types,
    names_the_sink_keeps_for_itself,
);

const MODES: [&str; 2] = ["soft", "hard"];

/// A life of two rows under a hostile table and hostile columns.
fn live(target: &Target, table: &str, key: &str, column: &str, delete: &str) {
    let source =
        Source::new(table, &[key], &[(key, "long", "bigint"), (column, "string", "varchar(20)")]);
    let input = source.message(&[(10, "I", r#""1","a""#), (11, "I", r#""2","b""#)])
        + &source.message(&[(12, "D", r#""1","a""#), (13, "U", r#""2","c""#)])
        + &source.message(&[(14, "I", r#""3","d""#)])
        + &source.only(&[key]).message(&[(15, "D", r#""3""#)])
        // Older than the delete of another key.
        + &source.message(&[(9, "I", r#""4","e""#)]);
    for _ in 0..2 {
        land(&[&target.url("workers=1"), "--delete", delete], &input);
        let (k, c, t) = (target.quote(key), target.quote(column), target.quote(table));
        let rows =
            target.ask(&format!("SELECT {k}, {c} FROM {t} WHERE _is_active_ = 1 ORDER BY 1"));
        assert_eq!(rows, "2|c\n4|e", "{table} {key} {column} {delete}");
    }
}

fn any_name_is_only_a_name(target: &Target) {
    for (table, key, column) in [
        ("it's", "k'k", "a\"b"),
        ("back`tick", "``", "c`; DROP TABLE x; --"),
        ("two words", "the key", " leading"),
        ("Großhandel 商品 🛒x", "schlüssel", "価格"),
        ("select", "from", "where"),
        ("a.b%2Ec", "x.y", "100%"),
        ("back\\slash", "\\", "\\'"),
        ("$1", "$2", "?"),
        ("{table}", ":name", "@v"),
    ] {
        // MySQL's utf8mb3 names cannot hold an emoji, and such a source has none.
        let table =
            if target.which == Which::Postgres { table.into() } else { table.replace('🛒', "") };
        for delete in MODES {
            target.empty();
            live(target, &table, key, column, delete);
        }
    }
}

fn names_that_the_statements_use_themselves(target: &Target) {
    let names = ["t", "s", "d", "new", "excluded", "old", "c0", "c1", "c2", "ums"];
    for (at, table) in names.iter().enumerate() {
        let (key, column) = (names[(at + 6) % names.len()], names[(at + 7) % names.len()]);
        live(target, table, key, column, MODES[at % 2]);
        target.empty();
        if at < 3 {
            live(target, table, key, column, MODES[1 - at % 2]);
            target.empty();
        }
    }
    // Letters that differ by case only.
    live(target, "Orders", "ID", "Name", "hard");
}

fn long_names(target: &Target) {
    let length = if target.which == Which::Postgres { 63 } else { 64 };
    let name = |end: &str| format!("{}{end}", "n".repeat(length - end.len()));
    // Alike but for the end, with deletes remembered apart.
    live(target, &name("a"), &name("k"), &name("c"), "hard");
    live(target, &name("b"), "id", &name("c"), "hard");
    let long = "é".repeat(length);
    if target.which == Which::Postgres {
        let source = Source::new(&long, &["id"], &[("id", "long", "bigint")]);
        let text = fail(5, &[&target.url("")], &source.message(&[(1, "I", r#""1""#)]));
        assert!(text.contains("longer than the 63"), "{text}");
        let source = Source::new("t", &["id"], &[("id", "long", "bigint"), (&long, "int", "int")]);
        let text = fail(5, &[&target.url("")], &source.message(&[(1, "I", r#""1",1"#)]));
        assert!(text.contains("longer than the 63"), "{text}");
    } else {
        live(target, &long, &long, "c", "hard");
    }
}

fn keys_of_many_types(target: &Target) {
    let cases: &[(&str, &str, [&str; 4])] = &[
        ("string", "varchar(40)", ["\"a\"", "\"A\"", "\"a \"", "\"ä\""]),
        ("string", "text", ["\"\"", "\" \"", "\"b\\\\\"", "\"it's\""]),
        ("string", "enum('x','it''s','Y','y2')", ["\"x\"", "\"it's\"", "\"Y\"", "\"y2\""]),
        ("binary", "varbinary(30)", ["\"\"", "\"AA==\"", "\"AAA=\"", "\"IA==\""]),
        ("binary", "binary(2)", ["\"AAA=\"", "\"ICA=\"", "\"//8=\"", "\"AAE=\""]),
        (
            "decimal",
            "decimal(20,4)",
            ["\"0.0000\"", "\"-1.5000\"", "\"9999999999999999.9999\"", "\"1.0001\""],
        ),
        (
            "decimal",
            "bigint unsigned",
            ["\"0\"", "\"18446744073709551615\"", "\"9223372036854775808\"", "\"1\""],
        ),
        ("date", "date", ["\"1000-01-01\"", "\"9999-12-31\"", "\"2026-02-28\"", "\"1970-01-01\""]),
        (
            "datetime",
            "datetime(6)",
            [
                "\"2026-11-21 01:02:03.000001\"",
                "\"2026-11-21 01:02:03.000002\"",
                "\"1000-01-01 00:00:00.000000\"",
                "\"9999-12-31 23:59:59.999999\"",
            ],
        ),
        (
            "datetime",
            "timestamp(3)",
            [
                "\"2026-11-21 01:02:03.001\"",
                "\"2026-11-21 01:02:03.002\"",
                "\"1970-01-01 00:00:01.000\"",
                "\"2038-01-19 03:14:07.999\"",
            ],
        ),
        (
            "string",
            "time(1)",
            ["\"-838:59:59.0\"", "\"838:59:59.0\"", "\"00:00:00.1\"", "\"-00:00:00.1\""],
        ),
        ("float", "float", ["0.1", "-2.5", "16777216.0", "3.4028235e38"]),
        ("double", "double", ["0.1", "-2.5", "5e-324", "1.7976931348623157e308"]),
        ("long", "bit(20)", ["\"0\"", "\"1\"", "\"39\"", "\"1048575\""]),
        ("int", "year", ["0", "1901", "2155", "2026"]),
        (
            "string",
            "uuid",
            [
                "\"00000000-0000-0000-0000-000000000000\"",
                "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
                "\"123e4567-e89b-12d3-a456-426655440000\"",
                "\"123e4567-e89b-12d3-a456-426655440001\"",
            ],
        ),
        (
            "string",
            "inet6",
            ["\"::\"", "\"::1\"", "\"2001:db8::ff00:42:8329\"", "\"::ffff:1.2.3.4\""],
        ),
    ];
    for delete in MODES {
        target.empty();
        let mut input = [String::new(), String::new()];
        for (at, (ty, origin, values)) in cases.iter().enumerate() {
            let composite = [("k", *ty, *origin), ("k2", "int", "int"), ("v", "int", "int")];
            let source = Source::new(&format!("t{at}"), &["k2", "k"], &composite);
            for (n, value) in values.iter().enumerate() {
                let n = n as i64;
                let row = |id: i64, op: &'static str, v: i64| {
                    source.message(&[(id * 10 + n, op, &format!("{value},1,{v}"))])
                };
                input[0] += &(row(1, "I", n) + &row(3, "U", 10 + n));
                // The key of the last one goes; old rows come late.
                input[1] += &row(2, "U", 99);
                if n == 3 {
                    input[1] += &(row(4, "D", 0) + &row(3, "U", 77));
                }
            }
        }
        for input in input {
            land(&[&target.url(""), "--delete", delete], &input);
        }
        for (at, (_, origin, _)) in cases.iter().enumerate() {
            let sql = format!("SELECT v FROM t{at} WHERE _is_active_ = 1 ORDER BY 1");
            assert_eq!(target.ask(&sql), "10\n11\n12", "{origin} {delete}");
        }
    }
}

fn names_the_sink_keeps_for_itself(target: &Target) {
    for (table, column) in [("_ums_checkpoint", "a"), ("_UMS_x", "a"), ("x", "_Is_Active_")] {
        let source = Source::new(table, &["id"], &[("id", "int", "int"), (column, "int", "int")]);
        let text = fail(5, &[&target.url("")], &source.message(&[(1, "I", "1,1")]));
        assert!(text.contains("--map") || text.contains("keeps for itself"), "{text}");
    }
}
