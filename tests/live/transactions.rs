//! What statements, transactions and schema changes leave in the log, and what must come out.

use crate::server::{Kind, Server};
use crate::table;
use crate::tail::{Change, live, tail_from};

pub const BOTH: [Kind; 2] = [Kind::MySql, Kind::MariaDb];
const MYSQL: [Kind; 1] = [Kind::MySql];
const MARIADB: [Kind; 1] = [Kind::MariaDb];

/// What holds for every run: ids never fall within a table and are never shared by two rows of it,
/// except by the delete and the insert that one key change is; each change has its own uid.
pub fn invariants(changes: &[Change]) {
    let mut uids: Vec<&str> = changes.iter().map(|change| change.uid.as_str()).collect();
    uids.sort_unstable();
    let all = uids.len();
    uids.dedup();
    assert_eq!(uids.len(), all, "two changes have the same _ums_uid_");
    let mut last: std::collections::HashMap<&str, &Change> = std::collections::HashMap::new();
    for change in changes {
        if let Some(before) = last.insert(&change.table, change) {
            assert!(before.id <= change.id, "ids fall: {before:?} then {change:?}");
        }
        assert_eq!(change.timestamp.len(), "2026-01-01 00:00:00.000000".len());
    }
}

/// Runs a script in a database of its own and compares the changes: `table op cells…` a line.
pub fn scenario(test: &str, kinds: &[Kind], script: &str, columns: &[&str], expected: &[&str]) {
    for kind in kinds {
        let Some(server) = Server::shared(*kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!("USE {test};\n{script}"));
        let changes = tail_from(&server, &start, &format!("{test}.*"));
        let lines: Vec<String> =
            changes.iter().map(|c| format!("{} {}", c.table, c.line(columns))).collect();
        assert_eq!(lines, expected, "{kind:?}");
        invariants(&changes);
    }
}

#[test]
fn columns_added_renamed_and_dropped() {
    scenario(
        "columns_added_renamed_and_dropped",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT);
         INSERT INTO t VALUES (1, 10);
         ALTER TABLE t ADD COLUMN b VARCHAR(5) DEFAULT 'x' AFTER id;
         INSERT INTO t VALUES (2, 'two', 20);
         ALTER TABLE t RENAME COLUMN a TO c, ADD d DECIMAL(5,2);
         INSERT INTO t VALUES (3, 'three', 30, 3.5);
         ALTER TABLE t DROP COLUMN b;
         UPDATE t SET c = c + 1;
         ALTER TABLE t MODIFY c BIGINT, ADD UNIQUE (d);
         DELETE FROM t WHERE id < 3;",
        &["id", "a", "b", "c", "d"],
        &[
            "t I 1 10 - - -",
            "t I 2 20 two - -",
            "t I 3 - three 30 3.50",
            "t U 1 - - 11 NULL",
            "t U 2 - - 21 NULL",
            "t U 3 - - 31 3.50",
            "t D 1 - - 11 NULL",
            "t D 2 - - 21 NULL",
        ],
    );
}

#[test]
fn truncate_and_recreate_begin_new_versions() {
    let test = "truncate_and_recreate_begin_new_versions";
    for kind in BOTH {
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1);
             TRUNCATE TABLE t; INSERT INTO t VALUES (1);
             DROP TABLE t; CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1);
             ALTER TABLE t ENGINE = InnoDB; INSERT INTO t VALUES (2);"
        ));
        let changes = tail_from(&server, &start, &format!("{test}.*"));
        let versions: Vec<i32> = changes.iter().map(|c| c.version.parse().unwrap()).collect();
        assert_eq!(versions.len(), 4);
        assert!(versions[0] < versions[1] && versions[1] < versions[2], "{kind:?} {versions:?}");
        assert_eq!(versions[2], versions[3], "a rebuild changes no column");
        // The same versions when only the end is read, in a run of its own.
        let again = tail_from(&server, &start, &format!("{test}.*"));
        let again: Vec<i32> = again.iter().map(|c| c.version.parse().unwrap()).collect();
        assert_eq!(versions, again);
    }
}

#[test]
fn tables_swapped_by_rename() {
    scenario(
        "tables_swapped_by_rename",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 1);
         CREATE TABLE _t_gho LIKE t; ALTER TABLE _t_gho ADD b INT AFTER id;
         INSERT INTO _t_gho (id, a) SELECT id, a FROM t;
         RENAME TABLE t TO _t_del, _t_gho TO t;
         INSERT INTO t VALUES (2, 20, 2); UPDATE t SET b = 10 WHERE id = 1;
         RENAME TABLE t TO x, _t_del TO t, x TO _t_del;
         INSERT INTO t VALUES (3, 3); INSERT INTO _t_del VALUES (4, 40, 4);
         ALTER TABLE t RENAME TO renamed; INSERT INTO renamed VALUES (5, 5);",
        &["id", "a", "b"],
        &[
            "t I 1 1 -",
            "_t_gho I 1 1 NULL",
            "t I 2 2 20",
            "t U 1 1 10",
            "t I 3 3 -",
            "_t_del I 4 4 40",
            "renamed I 5 5 -",
        ],
    );
}

#[test]
fn create_table_as_select_and_temporary_tables() {
    scenario(
        "create_table_as_select_and_temporary_tables",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 1), (2, 2);
         CREATE TABLE copy AS SELECT id, a * 10 AS a FROM t;
         CREATE TEMPORARY TABLE away (id INT PRIMARY KEY, a INT); INSERT INTO away VALUES (7, 7);
         CREATE TEMPORARY TABLE t (other VARCHAR(5)); INSERT INTO t VALUES ('temp'); DROP TEMPORARY TABLE t;
         INSERT INTO t SELECT * FROM away; DROP TEMPORARY TABLE away;
         INSERT INTO t VALUES (8, 8);",
        &["id", "a"],
        &["t I 1 1", "t I 2 2", "copy I 1 10", "copy I 2 20", "t I 7 7", "t I 8 8"],
    );
}

#[test]
fn triggers_write_other_tables() {
    let test = "triggers_write_other_tables";
    for kind in BOTH {
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, a INT); CREATE TABLE log1 (n INT, a INT);
             CREATE TABLE log2 (n INT PRIMARY KEY, a INT);
             CREATE TRIGGER first BEFORE INSERT ON t FOR EACH ROW INSERT INTO log1 VALUES (NEW.id, NEW.a);
             CREATE TRIGGER second AFTER INSERT ON t FOR EACH ROW INSERT INTO log2 VALUES (NEW.id, -NEW.a);
             INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);"
        ));
        let changes = tail_from(&server, &start, &format!("{test}.*"));
        invariants(&changes);
        for (table, sign) in [("t", ""), ("log1", ""), ("log2", "-")] {
            let cells: Vec<String> =
                changes.iter().filter(|c| c.table == table).map(|c| c.text("a")).collect();
            assert_eq!(cells, [1, 2, 3].map(|n| format!("{sign}{n}")), "{kind:?} {table}");
        }
    }
}

#[test]
fn many_ways_to_write_one_row() {
    scenario(
        "many_ways_to_write_one_row",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT); CREATE TABLE u (id INT PRIMARY KEY, a INT);
         INSERT INTO t VALUES (1,0),(1,0),(1,0),(2,5) ON DUPLICATE KEY UPDATE a = a + 1;
         REPLACE INTO t VALUES (2, 6); INSERT IGNORE INTO t VALUES (2, 7), (3, 8);
         INSERT INTO u VALUES (1, 100), (2, 200);
         UPDATE t, u SET t.a = t.a + u.a, u.a = 0 WHERE t.id = u.id AND t.id = 1;
         DELETE t, u FROM t JOIN u USING (id) WHERE id = 2;
         UPDATE t SET id = 10 WHERE id = 1; UPDATE t SET a = a; DELETE FROM u;",
        &["id", "a"],
        &[
            "t I 1 0",
            "t U 1 1",
            "t U 1 2",
            "t I 2 5",
            "t U 2 6",
            "t I 3 8",
            "u I 1 100",
            "u I 2 200",
            "t U 1 102",
            "u U 1 0",
            "t D 2 6",
            "u D 2 200",
            "t D 1 102",
            "t I 10 102",
            "u D 1 0",
        ],
    );
}

#[test]
fn what_is_rolled_back_never_arrives() {
    scenario(
        "what_is_rolled_back_never_arrives",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT);
         BEGIN; INSERT INTO t VALUES (1, 1); ROLLBACK;
         BEGIN; INSERT INTO t VALUES (2, 2); SAVEPOINT s; INSERT INTO t VALUES (3, 3);
           ROLLBACK TO s; INSERT INTO t VALUES (4, 4); SAVEPOINT s2; INSERT INTO t VALUES (5, 5);
           RELEASE SAVEPOINT s2; COMMIT;",
        &["id", "a"],
        &["t I 2 2", "t I 4 4", "t I 5 5"],
    );
}

/// Names of savepoints are written by the server in the session's quotes, and know no case.
#[test]
fn savepoints_of_any_name() {
    scenario(
        "savepoints_of_any_name",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY);
         BEGIN; INSERT INTO t VALUES (1); SAVEPOINT `a``b`; INSERT INTO t VALUES (2); ROLLBACK TO `a``b`; COMMIT;
         BEGIN; INSERT INTO t VALUES (3); SAVEPOINT Abc; INSERT INTO t VALUES (4); ROLLBACK TO aBC; COMMIT;
         SET sql_mode = 'ANSI_QUOTES';
         BEGIN; INSERT INTO t VALUES (5); SAVEPOINT \"x y\"; INSERT INTO t VALUES (6); ROLLBACK TO \"x y\"; COMMIT;
         BEGIN; SAVEPOINT ünï; INSERT INTO t VALUES (7); SAVEPOINT s; INSERT INTO t VALUES (8); ROLLBACK TO ünï;
           INSERT INTO t VALUES (9); COMMIT;",
        &["id"],
        &["t I 1", "t I 3", "t I 5", "t I 9"],
    );
}

/// The same where the server cannot forget what was undone: it logs the savepoints.
#[test]
fn logged_savepoints_of_any_name() {
    scenario(
        "logged_savepoints_of_any_name",
        &MARIADB,
        "CREATE TABLE t (id INT PRIMARY KEY) ENGINE = InnoDB; CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM;
         SET binlog_direct_non_transactional_updates = ON;
         BEGIN; INSERT INTO t VALUES (1); SAVEPOINT `a``b`; INSERT INTO t VALUES (2); INSERT INTO m VALUES (1);
           ROLLBACK TO `a``b`; COMMIT;
         BEGIN; INSERT INTO t VALUES (3); SAVEPOINT Abc; INSERT INTO t VALUES (4); INSERT INTO m VALUES (2);
           ROLLBACK TO aBC; COMMIT;
         SET sql_mode = 'ANSI_QUOTES';
         BEGIN; INSERT INTO t VALUES (5); SAVEPOINT \"x y\"; INSERT INTO t VALUES (6); INSERT INTO m VALUES (3);
           ROLLBACK TO \"x y\"; COMMIT;",
        &["id"],
        &["m I 1", "t I 1", "m I 2", "t I 3", "m I 3", "t I 5"],
    );
}

/// A table without transactions makes the server log a rollback, and its own rows stay.
#[test]
fn rollbacks_that_are_logged() {
    scenario(
        "rollbacks_that_are_logged",
        &MARIADB,
        "CREATE TABLE t (id INT PRIMARY KEY) ENGINE = InnoDB; CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM;
         SET binlog_direct_non_transactional_updates = OFF;
         BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s; INSERT INTO t VALUES (2); INSERT INTO m VALUES (2);
           INSERT INTO m SELECT id + 10 FROM t; ROLLBACK TO s; INSERT INTO t VALUES (3); COMMIT;
         BEGIN; INSERT INTO t VALUES (4); INSERT INTO m SELECT id + 20 FROM t WHERE id = 4; ROLLBACK;
         INSERT INTO m VALUES (5); INSERT INTO t VALUES (5);",
        &["id"],
        &["m I 2", "m I 11", "m I 12", "t I 1", "t I 3", "m I 24", "m I 5", "t I 5"],
    );
}

#[test]
fn minimal_row_images() {
    scenario(
        "minimal_row_images",
        &BOTH,
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b VARCHAR(9) DEFAULT 'dflt', c TEXT);
         INSERT INTO t VALUES (1, 1, 'one', 'long'), (2, 2, NULL, NULL);
         SET SESSION binlog_row_image = MINIMAL;
         INSERT INTO t (id, a) VALUES (3, 3);
         UPDATE t SET a = 10 WHERE id = 1; UPDATE t SET b = NULL, c = '' WHERE id = 2;
         DELETE FROM t WHERE id = 1;
         SET SESSION binlog_row_image = NOBLOB;
         UPDATE t SET a = 20 WHERE id = 2; UPDATE t SET c = 'new' WHERE id = 2;",
        &["id", "a", "b", "c"],
        &[
            "t I 1 1 one long",
            "t I 2 2 NULL NULL",
            "t I 3 3 - -",
            "t U 1 10 - -",
            "t U 2 - NULL ",
            "t D 1 - - -",
            "t U 2 20 NULL -",
            "t U 2 20 NULL new",
        ],
    );
}

/// The row under its new key cannot be written when the log lacks its other columns.
#[test]
fn key_change_in_a_minimal_image() {
    let test = "key_change_in_a_minimal_image";
    for kind in BOTH {
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 1);
             SET SESSION binlog_row_image = MINIMAL; UPDATE t SET id = 2;"
        ));
        let run = live(&server, &start, &["--tables", &format!("{test}.*")]);
        assert_eq!(run.code, Some(3), "{kind:?}: {}", run.stderr);
        assert!(run.stderr.contains("binlog_row_image"), "{}", run.stderr);
        assert!(run.stderr.contains(&start.file), "{}", run.stderr);
    }
}

/// Only the difference of a JSON document is logged; what comes out is the whole document.
#[test]
fn partial_json() {
    let test = "partial_json";
    let Some(server) = Server::shared(Kind::MySql, test) else { return };
    server.database(test);
    let start = server.position();
    let big = "z".repeat(3000);
    let mut script = format!(
        "USE {test}; SET SESSION binlog_row_value_options = PARTIAL_JSON;
         CREATE TABLE t (id INT PRIMARY KEY, j JSON, k JSON, n INT);
         INSERT INTO t VALUES (1, '{{\"a\": 1, \"b\": [1, 2, {{\"c\": \"{big}\"}}], \"dé.\\\\\"x\": null}}', '[]', 0);
         INSERT INTO t VALUES (2, NULL, '{{\"o\": {{\"p\": [10, 20, 30]}}, \"pad\": \"{big}\"}}', 0);"
    );
    for change in [
        "j = JSON_SET(j, '$.a', 2)",
        "j = JSON_SET(j, '$.b[2].c', 'short')",
        "j = JSON_REPLACE(j, '$.b[0]', CAST('1.50' AS DECIMAL(5,2)), '$.a', 'text')",
        "j = JSON_REMOVE(j, '$.b[1]')",
        "j = JSON_REMOVE(j, '$.a')",
        "j = JSON_SET(j, '$.b[1].c', 'x', '$.b[0]', 1), n = n + 1",
        "k = JSON_SET(k, '$.o.p[1]', 21), j = '{}' WHERE id = 2; UPDATE t SET n = 5",
        "k = JSON_REMOVE(k, '$.o.p[0]', '$.pad') WHERE id = 2; UPDATE t SET n = 6",
        "j = NULL WHERE id = 1; UPDATE t SET n = 7",
    ] {
        script.push_str(&format!("UPDATE t SET {change};\n"));
    }
    server.sql(&script);
    let changes = tail_from(&server, &start, &format!("{test}.*"));
    let shown = table::of_server(&server, test, "t", &["id"]);
    table::same("t", &shown, &table::of_changes(&changes, "t", &["id"]));
    assert!(changes.len() > 12, "{} changes", changes.len());
    // The same statements with whole documents in the log: every image on the way is equal, too.
    let whole = server.position();
    server.sql(&format!("DROP TABLE {test}.t"));
    server.sql(&script.replace("= PARTIAL_JSON", "= ''"));
    let reference = tail_from(&server, &whole, &format!("{test}.*"));
    assert_eq!(changes.len(), reference.len());
    for (partial, whole) in changes.iter().zip(&reference) {
        assert_eq!(partial.cells, whole.cells);
    }
}

/// A compressed transaction holds more rows than it has bytes; its ids stay below the next event's.
#[test]
fn more_rows_than_bytes() {
    let test = "more_rows_than_bytes";
    let Some(server) = Server::shared(Kind::MySql, test) else { return };
    server.database(test);
    let start = server.position();
    server.sql(&format!(
        "USE {test}; SET cte_max_recursion_depth = 20000; CREATE TABLE t (a INT); CREATE TABLE u (a INT);
         SET SESSION binlog_transaction_compression = ON;
         BEGIN; INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 10000) SELECT 7 FROM c;
         INSERT INTO u VALUES (1); COMMIT;
         INSERT INTO t VALUES (8); UPDATE t SET a = 9 WHERE a = 8;"
    ));
    let changes = tail_from(&server, &start, &format!("{test}.*"));
    invariants(&changes);
    assert_eq!(changes.len(), 10_003);
    let t: Vec<&Change> = changes.iter().filter(|change| change.table == "t").collect();
    assert_eq!((t[9_999].text("a"), t[10_000].line(&["a"])), ("7".into(), "I 8".into()));
    assert!(t[9_999].id < t[10_000].id, "ids of a payload reach the next event's");
    assert_eq!(t[10_001].line(&["a"]), "U 9");
}

#[test]
fn loaded_data() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.tsv");
    std::fs::write(&file, "1\tone\n2\t\\N\n3\tdrei ß\n").unwrap();
    let test = "loaded_data";
    for kind in BOTH {
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        let mut client = server.client();
        let script = format!(
            "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9));
             LOAD DATA LOCAL INFILE '{}' INTO TABLE t CHARACTER SET utf8mb4;",
            file.display()
        );
        let status = client.args(["--local-infile=1", test, "-e", &script]).status().unwrap();
        assert!(status.success());
        let changes = tail_from(&server, &start, &format!("{test}.*"));
        let lines: Vec<String> = changes.iter().map(|c| c.line(&["id", "a"])).collect();
        assert_eq!(lines, ["I 1 one", "I 2 NULL", "I 3 drei ß"], "{kind:?}");
    }
}

/// One statement, many row events; one event, the same key again and again.
#[test]
fn one_statement_many_events() {
    let test = "one_statement_many_events";
    for kind in BOTH {
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, a INT, pad VARCHAR(100));
             CREATE TABLE n (n INT PRIMARY KEY);
             INSERT INTO n VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9);
             INSERT INTO t SELECT a.n * 1000 + b.n * 100 + c.n * 10 + d.n, 0, REPEAT('p', 90) FROM n a, n b, n c, n d;
             UPDATE t SET a = id + 1; UPDATE t SET id = id + 100000 WHERE id < 500; DELETE FROM t WHERE id % 3 = 0;"
        ));
        let changes = tail_from(&server, &start, &format!("{test}.t"));
        invariants(&changes);
        let shown = table::of_server(&server, test, "t", &["id"]);
        table::same("t", &shown, &table::of_changes(&changes, "t", &["id"]));
        assert!(changes.len() > 24_000, "{}", changes.len());
    }
}

/// MySQL 9.6 and later log what foreign keys do; here the servers are asked what they did.
#[test]
fn foreign_keys_cascade() {
    scenario(
        "foreign_keys_cascade",
        &MYSQL,
        "CREATE TABLE p (id INT PRIMARY KEY); CREATE TABLE c (id INT PRIMARY KEY, p INT,
           FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE);
         INSERT INTO p VALUES (1), (2); INSERT INTO c VALUES (10, 1), (20, 2); DELETE FROM p WHERE id = 1;",
        &["id"],
        &["p I 1", "p I 2", "c I 10", "c I 20", "c D 10", "p D 1"],
    );
}
