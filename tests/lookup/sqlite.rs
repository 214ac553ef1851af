//! An SQLite file as the store.

use crate::stream::{fail, fields, ok, rows};
use crate::target::Source;

fn orders() -> Source {
    Source::new("orders", &["id"], &[("id", "int", "int"), ("code", "string", "varchar(9)")])
}

#[test]
fn columns_have_their_declared_types() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("crm.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE c (id INTEGER, code TEXT, amount DECIMAL(9,2), weight REAL, ok BOOLEAN, day DATE, \
             raw BLOB); \
             INSERT INTO c VALUES (1, '7', '1.50', 2.5, 1, '2026-01-02', x'00ff'), \
             (2, '07', '2', 1, 0, NULL, NULL), (3, 'x''y', NULL, NULL, NULL, NULL, NULL)",
        )
        .unwrap();
    let url = format!("sqlite:{}", path.display());
    let query =
        "SELECT amount, weight, ok, day, raw, upper(code) AS up FROM c WHERE code IN (:code)";
    let input = orders().message(&[
        (1, "I", "1,\"7\""),
        (2, "I", "2,\"07\""),
        (3, "I", "3,\"x'y\""),
        (4, "I", "4,\"7abc\""),
    ]);
    let found = ok(&["--lookup", &url, "--query", query], &input);
    assert_eq!(
        rows(&found),
        [
            r#"I 1 "7" "1.5" 2.5 true "2026-01-02" "AP8=" "7""#,
            r#"I 2 "07" "2" 1.0 false null null "07""#,
            r#"I 3 "x'y" null null null null null "X'Y""#,
        ]
    );
    let types: Vec<_> = fields(&found).into_iter().skip(2).collect();
    assert_eq!(
        types,
        [
            "amount decimal decimal(*)",
            "weight double double",
            "ok boolean boolean",
            "day date date",
            "raw binary longblob",
            "up string longtext",
        ]
    );
    // A text for a number column is a number there, when it is one.
    let number = "SELECT code AS c FROM c WHERE id = :code";
    let found = rows(&ok(
        &["--lookup", &url, "--query", number],
        &orders().message(&[(1, "I", "1,\"2\""), (2, "I", "2,\"2x\"")]),
    ));
    assert_eq!(found, [r#"I 1 "2" "07""#]);
    // SQLite stores anything anywhere.
    database.execute_batch("UPDATE c SET amount = 'secret' WHERE id = 1").unwrap();
    let said = fail(5, &["--lookup", &url, "--query", query], &input);
    assert!(said.contains("column amount") && !said.contains("secret"), "{said}");
    let said = fail(2, &["--lookup", &url, "--query", "DELETE FROM c WHERE code = :code"], &input);
    assert!(said.contains("one SELECT"), "{said}");
    fail(4, &["--lookup", "sqlite:/nonexistent/x.db", "--query", query], &input);
}
