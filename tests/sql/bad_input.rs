//! What cannot land: the message names the row and the column and never the value, the exit code
//! says whether a restart helps, and the position is not beyond it.

use crate::support::{fail, land, marker, position};
use crate::target::{FINAL, Source, Target, Which, on_every_target, orders};

on_every_target!(
    values_that_do_not_fit,
    numbers_that_would_be_sql,
    a_null_where_none_is_allowed,
    the_position_stays_before_the_bad_row,
    a_reader_may_not_write,
    wrong_doors,
);

fn values_that_do_not_fit(target: &Target) {
    let mut cases = vec![
        ("long", "bigint", "\"12secret\""),
        ("long", "bigint", "\"99999999999999999999\""),
        ("int", "tinyint", "40000"),
        ("decimal", "decimal(5,2)", "\"1234567.00\""),
        ("date", "date", "\"secret\""),
        ("date", "date", "\"2026-13-01\""),
        ("datetime", "datetime(0)", "\"2026-11-21 25:00:00\""),
        ("binary", "varbinary(9)", "\"secret!\""),
        ("boolean", "boolean", "\"secret\""),
        ("double", "double", "\"secret\""),
        ("string", "json", "\"{secret\""),
        ("string", "time(0)", "\"secret\""),
    ];
    match target.which {
        Which::Postgres => cases.extend([
            ("date", "date", "\"0000-00-00\""),
            ("datetime", "datetime(0)", "\"2026-02-30 00:00:00\""),
            ("string", "varchar(9)", "\"secret\\u0000\""),
            ("string", "json", "\"[\\\"secret\\\\u0000\\\"]\""),
            ("string", "uuid", "\"secret\""),
            ("string", "inet6", "\"secret\""),
        ]),
        _ => cases.extend([
            ("string", "varchar(3)", "\"secret\""),
            ("binary", "varbinary(2)", "\"AAAAAA==\""),
            ("string", "enum('a')", "\"secret\""),
            ("string", "set('a')", "\"a,secret\""),
            ("date", "date", "\"2026-11-21 secret\""),
        ]),
    }
    for (at, (ty, origin, value)) in cases.into_iter().enumerate() {
        let source = Source::new(
            &format!("t{at}"),
            &["id"],
            &[("id", "int", "int"), ("fine", "string", "varchar(9)"), ("bad", ty, origin)],
        );
        let rows = [
            (10, "I", "1,\"x\",null".to_owned()),
            (11, "I", format!("2,\"y\",{value}")),
            (12, "I", "3,\"z\",null".into()),
        ];
        let rows: Vec<_> = rows.iter().map(|(id, op, cells)| (*id, *op, cells.as_str())).collect();
        let text = fail(3, &[&target.url("workers=1")], &source.message(&rows));
        let plain = value.trim_matches('"');
        assert!(
            text.contains("column bad") && text.contains("u11") && !text.contains("secret"),
            "{origin} {value}: {text}"
        );
        assert!(!text.contains(plain), "{origin} {value}: {text}");
    }
}

fn numbers_that_would_be_sql(target: &Target) {
    for value in ["5-3", "1e", "1.2.3", "1 OR 1=1", "0x10", "1)--", "1_000x", ""] {
        let row = format!("\"1\",\"a\",\"1.00\",\"{value}\"");
        let text = fail(3, &[&target.url("")], &orders().message(&[(10, "I", &row)]));
        assert!(text.contains("column n"), "{value}: {text}");
    }
}

fn a_null_where_none_is_allowed(target: &Target) {
    target.ask("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR(20) NOT NULL, amount DECIMAL(12,2), n INT)");
    let text =
        fail(3, &[&target.url("")], &orders().message(&[(10, "I", r#""1",null,"secret",1"#)]));
    assert!(text.contains("u10") && text.contains("column ") && !text.contains("secret"), "{text}");
    let text = fail(3, &[&target.url("")], &orders().message(&[(10, "I", r#""1",null,"1.00",1"#)]));
    assert!(text.contains("column name") && text.contains("u10"), "{text}");
    let text = fail(3, &[&target.url("")], &orders().message(&[(10, "I", r#"null,"a","1.00",1"#)]));
    assert!(text.contains("key column id is null"), "{text}");
}

fn the_position_stays_before_the_bad_row(target: &Target) {
    let row =
        |id: i64, n: &str| orders().message(&[(id, "I", &format!(r#""{id}","a","1.00",{n}"#))]);
    let good = row(10, "1") + &marker(11);
    let bad = row(20, "1")
        + &marker(21)
        + &row(30, "9999999999")
        + &marker(31)
        + &row(40, "1")
        + &marker(41);
    for query in ["workers=1", "workers=4&rows=1", "workers=4"] {
        target.empty();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.json").to_str().unwrap().to_owned();
        let arguments = [&target.url(query), "--checkpoint", &file];
        land(&arguments, &good);
        for _ in 0..2 {
            let text = fail(3, &arguments, &bad);
            assert!(text.contains("u30") && text.contains("column n"), "{text}");
            let kept = position(&land(&[&target.url(""), "--position"], ""));
            assert!(matches!(kept, Some(11 | 21)), "{query}: {kept:?}");
            let written = position(&std::fs::read_to_string(&file).unwrap());
            assert!(written <= kept, "{query}: {written:?} {kept:?}");
        }
        // Without the bad row, everything lands.
        land(&arguments, &(row(20, "1") + &row(40, "1") + &marker(41)));
        assert_eq!(target.ask(FINAL), "10|a|1.00|1\n20|a|1.00|1\n40|a|1.00|1");
        assert_eq!(position(&land(&[&target.url(""), "--position"], "")), Some(41));
    }
}

fn a_reader_may_not_write(target: &Target) {
    let row = |id: i64| orders().message(&[(id, "I", r#""1","secret","1.00",1"#)]);
    land(&[&target.url("")], &row(10));
    let user = format!("reader{}", target.port());
    let database = &target.database;
    target.ask_either(
        &format!(
            "DROP USER IF EXISTS {user}@'127.0.0.1'; CREATE USER {user}@'127.0.0.1';
             GRANT SELECT ON {database}.* TO {user}@'127.0.0.1';"
        ),
        &format!(
            "DO $$ BEGIN CREATE ROLE {user} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
             GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user};"
        ),
    );
    let text = fail(5, &[&target.url_as(&user, "")], &row(20));
    assert!(text.contains("grant") && !text.contains("secret"), "{text}");
    assert_eq!(target.ask(FINAL), "1|secret|1.00|1");
}

fn wrong_doors(target: &Target) {
    let url = target.url("retry=0");
    let row = orders().message(&[(10, "I", r#""1","a","1.00",1"#)]);
    // Nobody listens there.
    let down = url.replace(&target.port().to_string(), &crate::server::free_port().to_string());
    let text = fail(4, &[&down], &row);
    assert!(text.contains("127.0.0.1"), "{text}");
    let text = fail(5, &[&url.replace(&target.database, "no_such_database")], &row);
    assert!(text.contains("no_such_database"), "{text}");
    let user = if target.which == Which::Postgres { "postgres@" } else { "root@" };
    // PostgreSQL's test server trusts everybody who has a role.
    let text = fail(5, &[&url.replace(user, "nobody_known:hush@")], &row);
    assert!(text.contains("nobody_known") && !text.contains("hush"), "{text}");
    fail(2, &[&target.url("wrokers=1")], &row);
    fail(2, &[&url.replace(&format!("/{}", target.database), "/")], &row);
}

/// A password that is wrong, on a server that asks for one.
#[test]
fn a_wrong_password_postgres() {
    let test = "a_wrong_password_postgres";
    let Some(target) = Target::shared(Which::Postgres, test) else { return };
    drop(target);
    let folder = tempfile::Builder::new().prefix("dws-hba.").tempdir().unwrap();
    let file = folder.path().join("hba");
    std::fs::write(&file, "local all all trust\nhost all asked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n").unwrap();
    let open = std::process::Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()).status();
    assert!(open.unwrap().success());
    let option = format!("hba_file={}", file.display());
    let Some(target) = Target::private(Which::Postgres, test, &["-c", &option]) else { return };
    target.ask("CREATE ROLE asked LOGIN PASSWORD 'right'; GRANT ALL ON SCHEMA public TO asked");
    let row = orders().message(&[(10, "I", r#""1","a","1.00",1"#)]);
    let text = fail(5, &[&target.url_as("asked:wrong_hush", "")], &row);
    assert!(text.contains("check user, password") && !text.contains("hush"), "{text}");
    fail(5, &[&target.url_as("asked", "")], &row);
    land(&[&target.url_as("asked:right", "")], &row);
    assert_eq!(target.ask(FINAL), "1|a|1.00|1");
}

#[test]
fn a_wrong_password_mysql() {
    for which in [Which::MySql, Which::MariaDb] {
        let Some(target) = Target::shared(which, "a_wrong_password_mysql") else { continue };
        target.ask("DROP USER IF EXISTS asked@'127.0.0.1'; CREATE USER asked@'127.0.0.1' IDENTIFIED BY 'right'; GRANT ALL ON *.* TO asked@'127.0.0.1'");
        let row = orders().message(&[(10, "I", r#""1","a","1.00",1"#)]);
        let text = fail(5, &[&target.url_as("asked:wrong_hush", "")], &row);
        assert!(text.contains("asked") && !text.contains("hush"), "{text}");
        land(&[&target.url_as("asked:right", "")], &row);
        assert_eq!(target.ask(FINAL), "1|a|1.00|1");
    }
}

/// A row above `max_allowed_packet`, found before it is sent and named.
#[test]
fn a_row_above_the_largest_packet() {
    for which in [Which::MySql, Which::MariaDb] {
        let options = ["--max-allowed-packet=1M"];
        let Some(target) = Target::private(which, "a_row_above_the_largest_packet", &options)
        else {
            continue;
        };
        let big = Source::new(
            "big",
            &["id"],
            &[("id", "int", "int"), ("s", "string", "longtext"), ("b", "binary", "longblob")],
        );
        // Many that fit together in more than one packet.
        let rows: Vec<(i64, &str, String)> = (0..40)
            .map(|n| {
                (
                    10 + n,
                    "I",
                    format!(r#"{n},"{}","{}""#, "'".repeat(50_000), "AAAA".repeat(10_000)),
                )
            })
            .collect();
        let rows: Vec<_> = rows.iter().map(|(id, op, cells)| (*id, *op, cells.as_str())).collect();
        land(&[&target.url("workers=1")], &(big.message(&rows) + &marker(100)));
        assert_eq!(
            target.ask("SELECT count(*), sum(length(s)), sum(length(b)) FROM big"),
            "40|2000000|1200000"
        );
        let bad = big.message(&[(200, "I", &format!(r#"99,"{}",null"#, "secret".repeat(200_000)))]);
        let text = fail(3, &[&target.url("")], &(bad + &marker(300)));
        assert!(
            text.contains("u200")
                && text.contains("max_allowed_packet")
                && !text.contains("secret"),
            "{text}"
        );
        assert_eq!(position(&land(&[&target.url(""), "--position"], "")), Some(100));
    }
}

/// What is checked at the commit names no row; the message says what to do, and nothing has moved.
#[test]
fn a_deferred_constraint_postgres() {
    let test = "a_deferred_constraint_postgres";
    let Some(target) = Target::shared(Which::Postgres, test) else { return };
    let message = |id: i64, n: i64| {
        orders().message(&[(id, "I", &format!(r#""{id}","a","1.00",{n}"#))]) + &marker(id + 1)
    };
    land(&[&target.url("")], &message(10, 1));
    target.ask(
        "CREATE TABLE parent (n INT PRIMARY KEY); INSERT INTO parent VALUES (1);
         ALTER TABLE orders ADD FOREIGN KEY (n) REFERENCES parent DEFERRABLE INITIALLY DEFERRED",
    );
    let text = fail(3, &[&target.url("")], &(message(20, 1) + &message(30, 9)));
    assert!(text.contains("foreign key") && text.contains("deferred"), "{text}");
    let kept = position(&land(&[&target.url(""), "--position"], ""));
    assert!(kept == Some(11) || kept == Some(21), "{kept:?}");
    // The parent comes later, as deferred constraints allow.
    target.ask("INSERT INTO parent VALUES (9)");
    land(&[&target.url("")], &(message(20, 1) + &message(30, 9)));
    assert_eq!(target.ask(FINAL).lines().count(), 3);
}
