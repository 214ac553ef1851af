//! Servers with other settings than ours: the same shop, and the rows of the log lead to the same
//! tables.

use crate::server::{Kind, Server};
use crate::table;
use crate::tail::{from_files, live, run, tail};
use crate::transactions::invariants;

const SHOP: &str = include_str!("../../scripts/demo-shop.sql");

fn shop(kind: Kind, test: &str, options: &[&str], before: &str) {
    let Some(server) = Server::private(kind, test, options) else { return };
    let start = server.position();
    server.sql(&format!("{before}{SHOP}"));
    let url = server.url();
    let start = start.to_string();
    let arguments = ["--quiet", "--tables", "shop.*", "--start", &start, "--stop", "latest", &url];
    let changes = run(&mut tail(&arguments)).good().changes();
    invariants(&changes);
    // Each of the ten key changes is a delete and an insert.
    assert_eq!(changes.len(), 2044 + 10);
    for (name, key) in [("customers", "id"), ("products", "sku"), ("orders", "id")] {
        let shown = table::of_server(&server, "shop", name, &[key]);
        table::same(name, &shown, &table::of_changes(&changes, name, &[key]));
    }
}

#[test]
fn mysql_names_are_not_logged() {
    shop(Kind::MySql, "mysql_names_are_not_logged", &["--binlog-row-metadata=MINIMAL"], "");
}

#[test]
fn mysql_without_gtid_and_checksum() {
    let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF", "--binlog-checksum=NONE"];
    shop(Kind::MySql, "mysql_without_gtid_and_checksum", &options, "");
}

#[test]
fn mysql_compressed_transactions() {
    let options =
        ["--binlog-transaction-compression=ON", "--binlog-row-value-options=PARTIAL_JSON"];
    shop(Kind::MySql, "mysql_compressed_transactions", &options, "");
}

#[test]
fn mariadb_names_are_not_logged() {
    shop(Kind::MariaDb, "mariadb_names_are_not_logged", &["--binlog-row-metadata=NO_LOG"], "");
}

#[test]
fn mariadb_minimal_metadata_without_checksum() {
    let options = ["--binlog-row-metadata=MINIMAL", "--binlog-checksum=NONE"];
    shop(Kind::MariaDb, "mariadb_minimal_metadata_without_checksum", &options, "");
}

#[test]
fn mariadb_compressed_events() {
    let options = ["--log-bin-compress=ON", "--log-bin-compress-min-len=10"];
    shop(Kind::MariaDb, "mariadb_compressed_events", &options, "");
}

/// The times of servers before 5.6 are other types on the wire.
#[test]
fn mariadb_old_temporal_types() {
    let test = "mariadb_old_temporal_types";
    let options = ["--mysql56-temporal-format=OFF"];
    let Some(server) = Server::private(Kind::MariaDb, test, &options) else { return };
    server.database(test);
    let start = server.position();
    server.sql(&format!(
        "USE {test}; SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00';
         CREATE TABLE t (id INT PRIMARY KEY, a TIME, b DATETIME, c TIMESTAMP NULL, d TIME(3), e DATETIME(6),
           f TIMESTAMP(2) NULL);
         INSERT INTO t VALUES (1, '-838:59:59', '9999-12-31 23:59:59', '2038-01-19 03:14:07', '-12:34:56.789',
             '2026-03-29 02:30:00.123456', '2026-10-25 02:30:00.25'),
           (2, '00:00:00', '0000-00-00 00:00:00', '0000-00-00 00:00:00', '00:00:00.001', '0000-00-00 00:00:00', NULL),
           (3, '838:59:59', '1000-01-01 00:00:00', '1970-01-01 00:00:01', '838:59:59.999', '1969-12-31 23:59:59.5', NULL);"
    ));
    let changes = crate::tail::tail_from(&server, &start, &format!("{test}.*"));
    let shown = table::of_server(&server, test, "t", &["id"]);
    table::same("t", &shown, &table::of_changes(&changes, "t", &["id"]));
}

/// The log changes its habits in the middle: each table map is read for itself.
#[test]
fn settings_change_while_reading() {
    for (kind, least) in [(Kind::MySql, "MINIMAL"), (Kind::MariaDb, "NO_LOG")] {
        let test = "settings_change_while_reading";
        let Some(server) = Server::private(kind, test, &[]) else { continue };
        let start = server.position();
        server.database(test);
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(9), e ENUM('x','y'));
             INSERT INTO t VALUES (1, 'full', 'x');
             SET GLOBAL binlog_row_metadata = {least}; INSERT INTO t VALUES (2, 'less', 'y');
             SET GLOBAL binlog_checksum = NONE; INSERT INTO t VALUES (3, 'no sum', 'x'); FLUSH BINARY LOGS;
             SET GLOBAL binlog_row_metadata = FULL; INSERT INTO t VALUES (4, 'full', 'y');
             SET GLOBAL binlog_checksum = CRC32; INSERT INTO t VALUES (5, 'sum', NULL);"
        ));
        let changes = crate::tail::tail_from(&server, &start, &format!("{test}.*"));
        let lines: Vec<String> = changes.iter().map(|c| c.line(&["id", "c", "e"])).collect();
        let expected = ["I 1 full x", "I 2 less y", "I 3 no sum x", "I 4 full y", "I 5 sum NULL"];
        assert_eq!(lines, expected, "{kind:?}");
        invariants(&changes);
    }
}

/// Foreign keys change rows below the log, except on a MySQL that carries them out itself.
#[test]
fn cascades_that_are_not_logged_are_named() {
    let servers: [(Kind, &[&str], bool); 3] = [
        (Kind::MariaDb, &[], true),
        (Kind::MySql, &[], false),
        (Kind::MySql, &["--innodb-native-foreign-keys=ON"], true),
    ];
    for (kind, options, expected) in servers {
        let test = "cascades_that_are_not_logged_are_named";
        let Some(server) = Server::private(kind, test, options) else { continue };
        server.sql(
            "CREATE DATABASE fk; USE fk; CREATE TABLE parent (id INT PRIMARY KEY);
             CREATE TABLE deleted (id INT PRIMARY KEY, p INT,
               CONSTRAINT gone FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
             CREATE TABLE emptied (id INT PRIMARY KEY, p INT,
               CONSTRAINT none FOREIGN KEY (p) REFERENCES parent (id)
                 ON DELETE SET NULL ON UPDATE CASCADE);
             CREATE TABLE kept (id INT PRIMARY KEY, p INT,
               CONSTRAINT held FOREIGN KEY (p) REFERENCES parent (id));
             CREATE TABLE outside (id INT PRIMARY KEY, p INT,
               CONSTRAINT out_of FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
             INSERT INTO parent VALUES (1); INSERT INTO deleted VALUES (1, 1);",
        );
        let url = server.url();
        let arguments = ["--tables", "fk.*", "--exclude", "fk.outside", &url];
        let check = run(tail(&["--check"]).args(arguments)).good();
        let start = server.position();
        server.sql("DELETE FROM fk.parent");
        let start = start.to_string();
        let live = run(tail(&["--start", &start, "--stop", "latest"]).args(arguments)).good();
        for said in [&String::from_utf8_lossy(&check.stdout).into_owned(), &live.stderr] {
            assert_eq!(said.matches("are not in the log").count(), if expected { 2 } else { 0 });
            if expected {
                assert!(said.contains("table fk.deleted: its rows that foreign key gone changes (ON DELETE CASCADE) when fk.parent does"), "{said}");
                assert!(said.contains("ON DELETE SET NULL ON UPDATE CASCADE"), "{said}");
            }
        }
        // What the warning says is so.
        let deleted = live.changes().iter().filter(|c| c.table == "deleted").count();
        assert_eq!(deleted, usize::from(!expected), "{kind:?}");
    }
}

/// Two runs over two files, names not logged: the second knows what the first has learned.
#[test]
fn later_files_without_names_are_read_with_the_store() {
    for (kind, least) in [(Kind::MySql, "MINIMAL"), (Kind::MariaDb, "NO_LOG")] {
        let test = "later_files_without_names_are_read_with_the_store";
        let option = format!("--binlog-row-metadata={least}");
        let Some(server) = Server::private(kind, test, &[&option]) else { continue };
        server.sql("FLUSH BINARY LOGS");
        let first = server.position().file;
        server.sql(
            "CREATE DATABASE known CHARACTER SET latin1; USE known;
             CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, c VARCHAR(9) CHARACTER SET utf8mb4,
               e ENUM('x','y') CHARACTER SET utf8mb4);
             INSERT INTO t VALUES (1, 'one', 'x'); FLUSH BINARY LOGS;",
        );
        let second = server.position().file;
        server.sql(
            "USE known; INSERT INTO t VALUES (4294967295, 'two\u{e9}', 'y');
             ALTER TABLE t ADD COLUMN d DECIMAL(9,2) AFTER id, RENAME COLUMN c TO f;
             INSERT INTO t VALUES (3, 1.5, 'three', 'x');
             CREATE TABLE u (id INT PRIMARY KEY, c VARCHAR(9)); INSERT INTO u VALUES (4, '\u{e9}');",
        );
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("schema.json");
        let more = ["--tables", "known.*", "--schema-store", store.to_str().unwrap(), "--ordered"];
        let read = |file: &str| from_files(&[&server.log_file(file)], &more).good().changes();
        let lines = |changes: Vec<crate::tail::Change>| -> Vec<String> {
            changes.iter().map(|c| c.line(&["id", "c", "d", "e", "f"])).collect()
        };
        assert_eq!(lines(read(&first)), ["I 1 one - x -"], "{kind:?}");
        let expected = ["I 4294967295 two\u{e9} - y -", "I 3 - 1.50 x three", "I 4 \u{e9} - - -"];
        assert_eq!(lines(read(&second)), expected, "{kind:?}");
        assert_eq!(lines(read(&second)), expected, "again, {kind:?}");
    }
}

/// A server shows its tables as they are now; rows from before a change between two runs have the
/// names of their time.
#[test]
fn a_run_that_resumes_before_a_change_has_the_names_of_that_place() {
    for (kind, least) in [(Kind::MySql, "MINIMAL"), (Kind::MariaDb, "NO_LOG")] {
        let test = "a_run_that_resumes_before_a_change_has_the_names_of_that_place";
        let option = format!("--binlog-row-metadata={least}");
        let Some(server) = Server::private(kind, test, &[&option]) else { continue };
        // No statement in the log tells the definition: it is the server's, which fits the rows.
        server.sql(
            "CREATE DATABASE renamed; CREATE TABLE renamed.t (id INT PRIMARY KEY, a INT, b INT)",
        );
        let start = server.position().to_string();
        server.sql("INSERT INTO renamed.t VALUES (1, 1, 1)");
        let folder = tempfile::tempdir().unwrap();
        let [checkpoint, out] = ["p.json", "out.json"].map(|name| folder.path().join(name));
        let (checkpoint, out) = (checkpoint.to_str().unwrap(), out.to_str().unwrap());
        let url = server.url();
        let arguments = ["--quiet", "--tables", "renamed.*", "--start", &start, "--stop", "latest"];
        let read = || {
            let more = ["--checkpoint", checkpoint, "--to", out, &url];
            run(tail(&arguments).args(more)).good();
            let text = std::fs::read_to_string(out).unwrap();
            let changes = text.lines().flat_map(crate::tail::changes_of);
            changes.map(|c| c.line(&["id", "a", "b", "c"])).collect::<Vec<_>>()
        };
        assert_eq!(read(), ["I 1 1 1 -"], "{kind:?}");
        server.sql(
            "USE renamed; INSERT INTO t VALUES (2, 2, 2);
             ALTER TABLE t RENAME COLUMN a TO c; INSERT INTO t VALUES (3, 3, 3);",
        );
        assert_eq!(read(), ["I 1 1 1 -", "I 2 2 2 -", "I 3 - 3 3"], "{kind:?}");
        // A run that starts behind a change which no run has seen: the server knows better.
        server.sql("ALTER TABLE renamed.t RENAME COLUMN b TO d");
        let start = server.position();
        server.sql("INSERT INTO renamed.t VALUES (4, 4, 4)");
        let store = format!("{checkpoint}.schema");
        let changes = live(&server, &start, &["--tables", "renamed.*", "--schema-store", &store]);
        let lines = changes.good().changes();
        assert_eq!(lines[0].line(&["id", "b", "c", "d"]), "I 4 - 4 4", "{kind:?}");
    }
}
