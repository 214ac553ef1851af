//! Tables that change while the stream goes on, and names that two sources share.

use crate::support::{fail, land, marker};
use crate::target::{FINAL, Source, Target, Which, on_every_target, orders};

on_every_target!(
    a_column_is_added_and_dropped_in_mid_stream,
    types_are_widened,
    a_key_is_widened,
    wide_rows,
    an_enum_grows,
    nothing_is_created_when_told_so,
    two_tables_of_one_name,
    append_widens_too,
);

fn a_column_is_added_and_dropped_in_mid_stream(target: &Target) {
    let orders = orders();
    let wide = orders.with("Extra \"x`", "string", "varchar(10)");
    let narrow = orders.only(&["id", "name"]);
    let input = orders.message(&[(10, "I", r#""1","a","1.00",1"#)])
        + &wide.message(&[(11, "I", r#""2","b","2.00",2,"e""#)])
        + &orders.message(&[(12, "U", r#""2","c","3.00",3"#)])
        + &narrow.message(&[(13, "I", r#""4","d""#)])
        + &wide.message(&[(14, "U", r#""1","f","1.00",1,"g""#)]);
    for query in ["workers=1", "workers=4"] {
        target.empty();
        for _ in 0..2 {
            land(&[&target.url(query)], &input);
            let extra = target.quote("Extra \"x`");
            assert_eq!(
                target.ask(&format!("SELECT id, name, amount, n, {extra} FROM orders ORDER BY id")),
                "1|f|1.00|1|g\n2|c|3.00|3|e\n4|d|NULL|NULL|NULL"
            );
        }
    }
}

fn types_are_widened(target: &Target) {
    let cases: &[[&str; 8]] = &[
        // Type, origin, value; the next type, origin, value; both as the target shows them.
        [
            "int",
            "int",
            "7",
            "long",
            "bigint",
            "\"9223372036854775807\"",
            "7",
            "9223372036854775807",
        ],
        ["int", "tinyint", "-5", "int", "smallint unsigned", "65535", "-5", "65535"],
        ["int", "smallint", "-5", "int", "mediumint", "-8388608", "-5", "-8388608"],
        [
            "long",
            "bigint",
            "\"-1\"",
            "decimal",
            "bigint unsigned",
            "\"18446744073709551615\"",
            "-1",
            "18446744073709551615",
        ],
        [
            "string",
            "varchar(3)",
            "\"äbc\"",
            "string",
            "varchar(9)",
            "\"123456789\"",
            "äbc",
            "123456789",
        ],
        [
            "string",
            "varchar(3)",
            "\"abc\"",
            "string",
            "text",
            "\"a long text\"",
            "abc",
            "a long text",
        ],
        ["string", "char(3)", "\"abc\"", "string", "varchar(300)", "\"abc  d\"", "abc", "abc  d"],
        [
            "decimal",
            "decimal(5,2)",
            "\"-1.50\"",
            "decimal",
            "decimal(9,4)",
            "\"12345.6789\"",
            "-1.5000",
            "12345.6789",
        ],
        ["int", "int", "42", "string", "varchar(20)", "\"forty-two\"", "42", "forty-two"],
        ["decimal", "decimal(5,2)", "\"1.50\"", "string", "varchar(20)", "\"x\"", "1.50", "x"],
        ["float", "float", "1.5", "double", "double", "1e100", "1.5", "1e100"],
        [
            "date",
            "date",
            "\"2026-11-21\"",
            "datetime",
            "datetime(0)",
            "\"2026-11-21 01:02:03\"",
            "2026-11-21 00:00:00",
            "2026-11-21 01:02:03",
        ],
        [
            "datetime",
            "datetime(0)",
            "\"2026-11-21 01:02:03\"",
            "datetime",
            "datetime(3)",
            "\"2026-11-21 01:02:03.125\"",
            "2026-11-21 01:02:03.000",
            "2026-11-21 01:02:03.125",
        ],
        ["string", "varchar(9)", "\"a\"", "string", "longtext", "\"b\"", "a", "b"],
        // Narrower again: nothing changes.
        ["long", "bigint", "\"9000000000\"", "int", "int", "5", "9000000000", "5"],
        [
            "string",
            "text",
            "\"a long text\"",
            "string",
            "varchar(3)",
            "\"abc\"",
            "a long text",
            "abc",
        ],
    ];
    let (mut before, mut after) = (String::new(), String::new());
    for (at, [ty, origin, value, next, next_origin, next_value, ..]) in cases.iter().enumerate() {
        let old =
            Source::new(&format!("t{at}"), &["id"], &[("id", "int", "int"), ("v", ty, origin)]);
        before += &old.message(&[(10, "I", &format!("1,{value}"))]);
        let mut new = old.with("v", next, next_origin);
        // An incompatible change is a new version.
        new.namespace = new.namespace.replace(".0.0.0", ".1.0.0");
        after += &new.message(&[(20, "I", &format!("2,{next_value}"))]);
    }
    for parts in
        [vec![before.clone() + &after], vec![before.clone(), after.clone(), before.clone()]]
    {
        target.empty();
        for part in parts {
            land(&[&target.url("")], &part);
        }
        for (at, [_, origin, _, _, next, _, first, second]) in cases.iter().enumerate() {
            let found = target.ask(&format!("SELECT v FROM t{at} ORDER BY id"));
            // PostgreSQL shows no zeros at the end of a fraction of a second.
            let found = match target.which {
                Which::Postgres => {
                    found.replace("01:02:03\n", "01:02:03.000\n").replace("1e+100", "1e100")
                }
                _ => found,
            };
            assert_eq!(found, format!("{first}\n{second}"), "{origin} to {next}");
        }
    }
}

fn a_key_is_widened(target: &Target) {
    let old = Source::new(
        "k",
        &["a", "b"],
        &[("a", "int", "int"), ("b", "string", "varchar(5)"), ("v", "int", "int")],
    );
    let new = old.with("a", "long", "bigint").with("b", "string", "varchar(200)");
    let long = "x".repeat(150);
    for delete in ["soft", "hard"] {
        target.empty();
        let input = old.message(&[
            (10, "I", r#"1,"a",1"#),
            (11, "I", r#"2,"b",2"#),
            (12, "D", r#"2,"b",2"#),
        ]) + &new.message(&[
            (20, "U", r#""1","a",3"#),
            (21, "I", &format!(r#""9000000000","{long}",4"#)),
            (22, "I", r#""9000000001","c",5"#),
        ]) + &new.message(&[(23, "D", r#""9000000001","c",5"#)]);
        for _ in 0..2 {
            land(&[&target.url(""), "--delete", delete], &input);
            let rows = target.ask("SELECT a, b, v FROM k WHERE _is_active_ = 1 ORDER BY a");
            assert_eq!(rows, format!("1|a|3\n9000000000|{long}|4"), "{delete}");
        }
    }
}

/// More text than MySQL allows in a row when it counts four bytes a character.
fn wide_rows(target: &Target) {
    let names: Vec<String> = (0..120).map(|n| format!("c{n}")).collect();
    let mut columns = vec![("id", "int", "int")];
    columns.extend(names.iter().map(|name| (name.as_str(), "string", "varchar(500)")));
    let source = Source::new("wide", &["id"], &columns);
    let cells = |text: &str| format!("1{}", format!(",\"{text}\"").repeat(120));
    land(&[&target.url("")], &source.message(&[(10, "I", &cells(&"ü".repeat(100)))]));
    assert_eq!(target.ask("SELECT c0, c119 FROM wide"), format!("{0}|{0}", "ü".repeat(100)));
    // It grows beyond that in mid-stream, column by column.
    let mut source = Source::new("grown", &["id"], &[("id", "int", "int")]);
    let mut input = String::new();
    for n in 0..90 {
        source = source.with(&format!("c{n}"), "string", "varchar(200)");
        if n % 30 == 29 {
            let cells = format!("1{}", format!(",\"{n}\"").repeat(n + 1));
            input += &source.message(&[(10 + n as i64, "U", &cells)]);
        }
    }
    land(&[&target.url("")], &input);
    assert_eq!(target.ask("SELECT c0, c89 FROM grown"), "89|89");
    let fixed: Vec<String> = (0..80).map(|n| format!("f{n}")).collect();
    let mut columns = vec![("id", "int", "int")];
    columns.extend(fixed.iter().map(|name| (name.as_str(), "string", "char(250)")));
    let source = Source::new("fixed", &["id"], &columns);
    let cells = format!("1{}", ",\"ü\"".repeat(80));
    land(&[&target.url("")], &source.message(&[(10, "I", &cells)]));
    assert_eq!(target.ask("SELECT f0, f79 FROM fixed"), "ü|ü");
}

fn an_enum_grows(target: &Target) {
    let shirt = |labels: &str| {
        Source::new(
            "e",
            &["id"],
            &[
                ("id", "int", "int"),
                ("v", "string", labels),
                ("w", "string", &labels.replace("enum", "set")),
            ],
        )
    };
    let input = shirt("enum('s','it''s')").message(&[(10, "I", r#"1,"it's","s,it's""#), (11, "I", r#"2,"","""#)])
        + &shirt("enum('s','it''s','l\\')").message(&[(12, "I", r#"3,"l\\","s,l\\""#)])
        // In another order, one gone.
        + &shirt("enum('new','l\\','s')").message(&[(13, "I", r#"4,"new","new,s""#)]);
    for _ in 0..2 {
        land(&[&target.url("")], &input);
        // The clients of MySQL and MariaDB escape a backslash.
        let rows = target.ask("SELECT id, v, w FROM e ORDER BY id").replace("\\\\", "\\");
        assert_eq!(rows, "1|it's|s,it's\n2||\n3|l\\|s,l\\\n4|new|new,s");
    }
}

fn nothing_is_created_when_told_so(target: &Target) {
    let orders = orders();
    let row = [(10, "I", r#""1","a","1.00",1"#)];
    let text = fail(5, &[&target.url(""), "--no-create"], &orders.message(&row));
    assert!(text.contains("orders is missing") && text.contains("--no-create"), "{text}");
    target.ask("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR(60), amount DECIMAL(12,2), n INT)");
    let text = fail(5, &[&target.url(""), "--no-create"], &orders.message(&row));
    assert!(text.contains("_ums_id_") && text.contains("_is_active_"), "{text}");
    land(&[&target.url("")], &orders.message(&row));
    land(&[&target.url(""), "--no-create"], &orders.message(&[(11, "U", r#""1","b","1.00",1"#)]));
    assert_eq!(target.ask(FINAL), "1|b|1.00|1");
    let wide = orders.with("x", "int", "int");
    let text = fail(
        5,
        &[&target.url(""), "--no-create"],
        &wide.message(&[(12, "U", r#""1","b","1.00",1,2"#)]),
    );
    assert!(text.contains("lacks columns x"), "{text}");
}

fn two_tables_of_one_name(target: &Target) {
    let shop = orders();
    let mut crm = orders();
    crm.namespace = crm.namespace.replace(".shop.", ".crm.");
    let row = [(10, "I", r#""1","a","1.00",1"#)];
    let text = fail(5, &[&target.url("")], &(shop.message(&row) + &crm.message(&row)));
    assert!(text.contains("--map") && text.contains("mysql.db1.shop.orders"), "{text}");
    fail(5, &[&target.url("")], &crm.message(&row));
    let map = "*.*.crm={schema}_{table}";
    land(&[&target.url(""), "--map", map], &(crm.message(&row) + &shop.message(&row)));
    assert_eq!(target.ask("SELECT count(*) FROM crm_orders"), "1");
    // A later version and another shard are the same table.
    let mut later = shop.clone();
    later.namespace = "mysql.db1.shop.orders.3.1.2".into();
    land(&[&target.url("")], &(later.message(&[(20, "U", r#""1","z","1.00",1"#)]) + &marker(21)));
    assert_eq!(target.ask(FINAL), "1|z|1.00|1");
}

fn append_widens_too(target: &Target) {
    let orders = orders();
    let wide = orders.with("n", "long", "bigint").with("x", "int", "int");
    let input = orders
        .message(&[(10, "I", r#""1","a","1.00",1"#), (11, "B", r#""1","a","1.00",1"#)])
        + &wide.message(&[(11, "U", r#""1","a","1.00","9000000000",5"#)])
        + &orders.message(&[(12, "D", r#""1","a","1.00",1"#)]);
    for _ in 0..2 {
        land(&[&target.url(""), "--mode", "append"], &input);
        let rows = target.ask("SELECT _ums_op_, n, x FROM orders ORDER BY _ums_id_, _ums_op_");
        assert_eq!(rows, "I|1|NULL\nB|1|NULL\nU|9000000000|5\nD|1|NULL");
    }
}
