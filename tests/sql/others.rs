//! Tables that somebody else made: of another shape, with computed columns, defaults, other indexes.

use crate::support::{fail, land};
use crate::target::{FINAL, Source, Target, Which, on_every_target, orders};

on_every_target!(
    a_table_without_our_columns,
    computed_and_further_columns,
    a_second_unique_index_refuses_and_never_swallows,
    an_identity_as_key,
    text_into_bytes_and_back,
);

fn a_table_without_our_columns(target: &Target) {
    let message =
        orders().message(&[(10, "I", r#""1","a","1.00",1"#), (11, "I", r#""3","c","3.00",3"#)]);
    target.ask("CREATE TABLE orders (id BIGINT, name VARCHAR(20)); INSERT INTO orders VALUES (1, 'old'), (2, 'kept')");
    let text = fail(5, &[&target.url("")], &message);
    assert!(text.contains("unique index"), "{text}");
    target.ask("CREATE UNIQUE INDEX u ON orders (id)");
    for _ in 0..2 {
        land(&[&target.url("")], &message);
        assert_eq!(target.ask(FINAL), "1|a|1.00|1\n2|kept|NULL|NULL\n3|c|3.00|3");
    }
    // Types are that person's choice: nothing is widened.
    let wide = orders().with("name", "string", "varchar(200)");
    let long = format!(r#""1","{}","1.00",1"#, "secret".repeat(20));
    let text = fail(3, &[&target.url("")], &wide.message(&[(12, "U", &long)]));
    assert!(
        text.contains("column name") && text.contains("u12") && !text.contains("secret"),
        "{text}"
    );
}

fn computed_and_further_columns(target: &Target) {
    target.ask(
        "CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR(20), amount DECIMAL(12,2), n INT,
           doubled INT GENERATED ALWAYS AS (n * 2) STORED,
           made TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00', note VARCHAR(20) DEFAULT 'none',
           strict_one INT NOT NULL DEFAULT 7)",
    );
    let orders = orders().with("doubled", "int", "int");
    let row = |id: i64, op: &'static str, n: i64| {
        orders.message(&[(id, op, &format!(r#""1","a","1.00",{n},-1"#))])
    };
    for delete in ["soft", "hard"] {
        land(&[&target.url(""), "--delete", delete], &(row(10, "I", 1) + &row(11, "D", 1)));
        assert_eq!(target.ask(FINAL), "");
        // It comes back; columns that are no business of the source's keep to their own rules.
        land(&[&target.url(""), "--delete", delete], &row(12, "I", 4));
        let sql = "SELECT n, doubled, strict_one, substr(CAST(made AS CHAR(19)), 1, 10) FROM orders WHERE _is_active_ = 1";
        assert_eq!(target.ask(sql), "4|8|7|2020-01-01", "{delete}");
        target.ask("DELETE FROM orders");
    }
}

/// Of two rows that share a value, neither may take the other's place.
fn a_second_unique_index_refuses_and_never_swallows(target: &Target) {
    target.ask("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR(60) UNIQUE, amount DECIMAL(12,2), n INT)");
    let orders = orders();
    land(&[&target.url("")], &orders.message(&[(10, "I", r#""1","secret","1.00",1"#)]));
    let text =
        fail(3, &[&target.url("")], &orders.message(&[(11, "I", r#""2","secret","2.00",2"#)]));
    assert!(
        text.contains("unique index") && text.contains("u11") && !text.contains("secret"),
        "{text}"
    );
    assert_eq!(target.ask(FINAL), "1|secret|1.00|1");
    // Within one statement, too.
    let both = [(20, "I", r#""5","same","1.00",1"#), (21, "I", r#""6","same","1.00",1"#)];
    fail(3, &[&target.url("workers=1")], &orders.message(&both));
    // And what is no conflict lands.
    land(&[&target.url("")], &orders.message(&[(30, "U", r#""1","other","1.00",9"#)]));
    assert_eq!(target.ask("SELECT id, name, n FROM orders WHERE id = 1"), "1|other|9");
}

fn an_identity_as_key(target: &Target) {
    target.ask_either(
        "CREATE TABLE orders (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60), amount DECIMAL(12,2), n INT)",
        "CREATE TABLE orders (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name VARCHAR(60), amount DECIMAL(12,2), n INT)",
    );
    for delete in ["soft", "hard"] {
        let input = orders()
            .message(&[(10, "I", r#""0","zero","1.00",1"#), (11, "I", r#""-7","minus","1.00",1"#)])
            + &orders().message(&[(12, "U", r#""0","null","1.00",1"#)]);
        land(&[&target.url(""), "--delete", delete], &input);
        assert_eq!(target.ask(FINAL), "-7|minus|1.00|1\n0|null|1.00|1");
    }
}

fn text_into_bytes_and_back(target: &Target) {
    let bytes = if target.which == Which::Postgres { "BYTEA" } else { "VARBINARY(100)" };
    target.ask(&format!("CREATE TABLE odd (id INT PRIMARY KEY, v {bytes})"));
    let odd = Source::new("odd", &["id"], &[("id", "int", "int"), ("v", "string", "varchar(20)")]);
    land(&[&target.url("")], &odd.message(&[(10, "I", r#"1,"\\x41\\é'""#)]));
    let found =
        target.ask_either("SELECT HEX(v) FROM odd", "SELECT upper(encode(v, 'hex')) FROM odd");
    assert_eq!(found, "5C7834315CC3A927");
}
