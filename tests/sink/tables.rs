//! Tables: names, columns, keys, exact values.

use super::support::*;

#[test]
fn every_type_comes_back_exactly() {
    let fields = [
        ("id", "long"),
        ("i", "int"),
        ("f", "float"),
        ("d", "double"),
        ("dec", "decimal"),
        ("b", "boolean"),
        ("day", "date"),
        ("at", "datetime"),
        ("s", "string"),
        ("bin", "binary"),
    ];
    let all = Table::new("shop.all", &["id"], &fields);
    let first = r#""9223372036854775807",-2147483648,0.1,1.7976931348623157e308,"0012345678901234567890.10",true,"0000-00-00","2026-02-30 00:00:00.10","a\u0000\"\\\u00e9\ud83d\ude00\nz","AP8+/w==""#;
    let second = r#""-9223372036854775808",null,null,5e-324,"1.10",false,"2026-11-21","2026-11-21 01:02:03","007","""#;
    let folder = Folder::new();
    land(&[&folder.sqlite()], &all.message(&[(1, "I", first), (2, "I", second)]));
    let first = folder.ask(
        "SELECT i, f, hex(ieee754_to_blob(d)), dec, b, day, at, hex(s), hex(bin) FROM \"all\" WHERE id = 9223372036854775807",
    );
    assert_eq!(
        first,
        "-2147483648|0.1|7FEFFFFFFFFFFFFF|0012345678901234567890.10|1|0000-00-00|\
         2026-02-30 00:00:00.10|6100225CC3A9F09F98800A7A|00FF3EFF"
    );
    let second = folder.ask(
        "SELECT i, f, d > 0, dec, b, s, typeof(s), typeof(dec), typeof(bin), length(bin) \
         FROM \"all\" WHERE id < 0",
    );
    assert_eq!(second, "NULL|NULL|1|1.10|0|007|text|text|blob|0");
}

#[test]
fn new_columns_widen_the_table_and_lost_ones_stay() {
    let orders = Table::orders();
    let mut wide = orders.clone();
    wide.fields.push(("Extra \"x\"", "string"));
    // As JSON writes the name.
    let wide = wide
        .message(&[(11, "I", r#""2","b","2.00",2,"e""#)])
        .replace("Extra \"x\"", "Extra \\\"x\\\"");
    let narrow = Table { fields: vec![("id", "long"), ("name", "string")], ..orders.clone() };
    let input = orders.message(&[(10, "I", r#""1","a","1.00",1"#)])
        + &wide
        + &orders.message(&[(12, "U", r#""2","c","3.00",3"#)])
        + &narrow.message(&[(13, "I", r#""4","d""#)]);
    let folder = Folder::new();
    land(&[&folder.sqlite()], &input);
    let rows =
        folder.ask("SELECT id, name, amount, n, \"Extra \"\"x\"\"\" FROM orders ORDER BY id");
    assert_eq!(rows, "1|a|1.00|1|NULL\n2|c|3.00|3|e\n4|d|NULL|NULL|NULL");
    let text = fail(
        5,
        &[&folder.sqlite(), "--no-create"],
        &Table::new("shop.orders", &["id"], &[("id", "long"), ("fresh", "int")])
            .message(&[(1, "I", "\"1\",1")]),
    );
    assert!(text.contains("fresh"), "{text}");
}

#[test]
fn a_changed_type_or_key_makes_a_table_that_keeps_values() {
    let folder = Folder::new();
    let before = Table::orders();
    let fields = [("id", "string"), ("name", "string"), ("amount", "decimal"), ("n", "decimal")];
    let after = Table::new("shop.orders", &["id"], &fields);
    land(&[&folder.sqlite()], &before.message(&[(10, "I", r#""1","a","1.00",1"#)]));
    folder.ask("CREATE INDEX by_name ON orders (name); CREATE VIEW v AS SELECT id FROM orders");
    land(
        &[&folder.sqlite()],
        &after.message(&[
            (11, "I", r#""007","b","2.00","1.10""#),
            (12, "U", r#""1","a","1.00","2""#),
        ]),
    );
    assert_eq!(folder.ask("SELECT id, n FROM orders ORDER BY id"), "007|1.10\n1|2");
    assert_eq!(folder.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'by_name'"), "1");
    assert_eq!(folder.ask("SELECT count(*) FROM v"), "2");
    let other_key = Table { keys: vec!["id", "name"], ..after };
    land(&[&folder.sqlite()], &other_key.message(&[(13, "I", r#""007","c","2.00","3.30""#)]));
    assert_eq!(
        folder.ask("SELECT id, name, n FROM orders ORDER BY 1, 2"),
        "007|b|1.10\n007|c|3.30\n1|a|2"
    );
}

#[test]
fn two_tables_of_one_name_never_mix_unnoticed() {
    let row = [(10, "I", r#""1","a","1.00",1"#)];
    let (shop, crm) = (Table::orders(), Table::new("crm.Orders", &["id"], &Table::orders().fields));
    let folder = Folder::new();
    let text = fail(5, &[&folder.sqlite()], &(shop.message(&row) + &crm.message(&row)));
    assert!(text.contains("--map") && text.contains("mysql.db1.shop.orders"), "{text}");
    // Nor in two runs.
    land(&[&folder.sqlite()], &shop.message(&row));
    fail(5, &[&folder.sqlite()], &crm.message(&row));
    land(
        &[&folder.sqlite(), "--map", "*.*.crm={schema}_{table}"],
        &(crm.message(&row) + &shop.message(&row)),
    );
    assert_eq!(folder.ask("SELECT count(*) FROM crm_Orders"), "1");
    // A later version and another shard are the same table; a rule may lead two into one.
    let mut later = shop.clone();
    later.namespace = "mysql.db1.shop.orders.3.1.2".into();
    land(&[&folder.sqlite()], &later.message(&[(20, "U", r#""1","z","1.00",1"#)]));
    assert_eq!(folder.ask(FINAL), "1|z|1.00|1");
    land(
        &[&folder.sqlite(), "--map", "*=both"],
        &(shop.message(&row) + &crm.message(&[(11, "I", r#""2","b","1",1"#)])),
    );
    assert_eq!(folder.ask("SELECT count(*) FROM both"), "2");
}

#[test]
fn a_table_without_a_key_needs_one_or_append() {
    let log = Table::new("shop.log", &[], &[("day", "date"), ("line", "int"), ("text", "string")]);
    let message = log.message(&[
        (1, "I", r#""2026-11-21",1,"a""#),
        (2, "I", r#""2026-11-21",2,"b""#),
        (3, "U", r#""2026-11-21",1,"c""#),
    ]);
    let folder = Folder::new();
    let text = fail(5, &[&folder.sqlite()], &message);
    assert!(text.contains("--keys") && text.contains("--mode append"), "{text}");
    land(&[&folder.sqlite(), "--keys", "*.*.*.log=day,line"], &message);
    assert_eq!(folder.ask("SELECT line, text FROM log ORDER BY 1"), "1|c\n2|b");
}

#[test]
fn somebody_elses_table_is_used_as_it_is() {
    let folder = Folder::new();
    let message = Table::orders()
        .message(&[(10, "I", r#""1","a","1.00",1"#), (11, "I", r#""3","c","3.00",3"#)]);
    folder.ask("CREATE TABLE orders (id INTEGER, name VARCHAR(20)); INSERT INTO orders VALUES (1, 'old'), (2, 'kept')");
    let text = fail(5, &[&folder.sqlite()], &message);
    assert!(text.contains("unique index"), "{text}");
    folder.ask("CREATE UNIQUE INDEX u ON orders (id)");
    land(&[&folder.sqlite()], &message);
    assert_eq!(folder.ask(FINAL), "1|a|1.00|1\n2|kept|NULL|NULL\n3|c|3.00|3");
}

#[test]
fn rows_that_cannot_be_stored_stop_the_run_and_are_not_quoted() {
    let orders = Table::orders();
    for (cells, word) in [
        (r#""12secret","a","1",1"#, "column id"),
        (r#"null,"secret","1",1"#, "key column id is null"),
        (r#""1","secret","1","x""#, "column n"),
        (r#""1","secret","1""#, ""),
    ] {
        let folder = Folder::new();
        let good = orders.message(&[(10, "I", r#""1","a","1",1"#)]) + &marker(11);
        let text = fail(3, &[&folder.sqlite()], &(good + &orders.message(&[(20, "I", cells)])));
        assert!(
            text.contains("stdin:3: ") && text.contains(word) && !text.contains("secret"),
            "{text}"
        );
    }
}

#[test]
fn a_row_of_40_megabytes_fits() {
    let table = Table::new("shop.big", &["id"], &[("id", "int"), ("s", "string"), ("b", "binary")]);
    let folder = Folder::new();
    // Every byte an escape, the worst case; and Base64.
    let text = "\\u0001".repeat(20 << 20);
    let bytes = "AAAA".repeat((40 << 20) / 3);
    let cells = format!(r#"1,"{text}","{bytes}""#);
    land(&[&folder.sqlite()], &table.message(&[(1, "I", &cells)]));
    let found = folder.ask("SELECT length(CAST(s AS BLOB)), length(b) FROM big");
    assert_eq!(found, format!("{}|{}", 20 << 20, (40 << 20) / 3 * 3));
}
