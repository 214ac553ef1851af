//! Servers with other settings than ours: the same shop, and the rows of the log lead to the same
//! tables.

use crate::server::{Kind, Server};
use crate::table;
use crate::tail::{run, tail};
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
