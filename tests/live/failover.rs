//! A failover: the primary is gone, a replica goes on with file numbers of its own. The run continues
//! by GTID, ids never fall, nothing is lost and nothing comes twice.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::server::{Kind, Server};
use crate::tail::{Change, run, sink, tail};
use crate::transactions::BOTH;

/// Reads from the server up to now into SQLite, through `log`, which keeps every message.
fn land(server: &Server, folder: &Path, tables: &str) -> (Vec<Change>, String) {
    let kept = folder.join("pos.json").to_str().unwrap().to_owned();
    let database = format!("sqlite:{}", folder.join("shop.db").display());
    let (url, source) = (server.url(), "shop");
    let from =
        ["--quiet", "--ordered", "--source", source, "--tables", tables, "--checkpoint", &kept];
    let read = run(tail(&from).args(["--start", "earliest", "--stop", "latest", &url])).good();
    let log = folder.join("log.ums");
    std::fs::write(&log, &read.stdout).unwrap();
    let mut landing = sink(&["--quiet", "--checkpoint", &kept, &database]);
    let landed = run(landing.stdin(Stdio::from(std::fs::File::open(&log).unwrap()))).good();
    (read.changes(), format!("{}{}", read.stderr, landed.stderr))
}

fn position(folder: &Path) -> Value {
    let text = std::fs::read_to_string(folder.join("pos.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    value["positions"][0].clone()
}

/// A replica of `primary` that logs what it applies.
fn follow(primary: &Server, replica: &Server) {
    let port = primary.port;
    replica.sql(&match primary.kind {
        Kind::MySql => format!(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='copy',
               SOURCE_PASSWORD='copy', SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA;"
        ),
        Kind::MariaDb => format!(
            "SET GLOBAL gtid_slave_pos = '';
             CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='copy', MASTER_PASSWORD='copy',
               MASTER_USE_GTID=slave_pos; START SLAVE;"
        ),
    });
}

fn wait_for(replica: &Server, query: &str, expected: &str) {
    for _ in 0..1800 {
        if replica.try_sql(query).is_ok_and(|found| found.trim() == expected) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{:?}: the replica does not follow: {query}", replica.kind);
}

#[test]
fn failover_by_gtid() {
    for kind in BOTH {
        let test = "failover_by_gtid";
        let common: &[&str] = match kind {
            Kind::MySql => {
                &["--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--log-replica-updates=ON"]
            }
            Kind::MariaDb => &["--log-slave-updates=ON"],
        };
        let options = |id: &'static str| [common, &[id]].concat();
        let Some(primary) = Server::private(kind, test, &options("--server-id=11")) else {
            continue;
        };
        let Some(mut replica) = Server::private(kind, test, &options("--server-id=12")) else {
            continue;
        };
        primary.sql(
            "CREATE USER copy@'127.0.0.1' IDENTIFIED BY 'copy';
             GRANT REPLICATION SLAVE ON *.* TO copy@'127.0.0.1';",
        );
        follow(&primary, &replica);
        primary.sql(
            "FLUSH BINARY LOGS; FLUSH BINARY LOGS; FLUSH BINARY LOGS;
             CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, a INT);
             INSERT INTO d.t VALUES (1, 1), (2, 2), (3, 3); UPDATE d.t SET a = 20 WHERE id = 2;",
        );
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = land(&primary, folder.path(), "d.*");
        assert_eq!(first.len(), 4, "{kind:?}");
        let before = position(folder.path());
        // What the replica has, and the reader has not.
        primary.sql("INSERT INTO d.t VALUES (4, 4); DELETE FROM d.t WHERE id = 1;");
        wait_for(&replica, "SELECT COUNT(*), SUM(a) FROM d.t", "3\t27");
        primary.stop();
        replica.sql(match kind {
            Kind::MySql => "STOP REPLICA; RESET REPLICA ALL;",
            Kind::MariaDb => "STOP SLAVE; RESET SLAVE ALL;",
        });
        replica.sql("INSERT INTO d.t VALUES (5, 5); UPDATE d.t SET a = 40 WHERE id = 4;");

        let (second, said) = land(&replica, folder.path(), "d.*");
        let lines: Vec<String> = second.iter().map(|change| change.line(&["id", "a"])).collect();
        assert_eq!(lines, ["I 4 4", "D 1 1", "I 5 5", "U 4 40"], "{kind:?}: {said}");
        let greatest = first.iter().map(|change| change.id).max().unwrap();
        assert!(second.iter().all(|change| change.id > greatest), "{kind:?}: ids fall");
        let after = position(folder.path());
        assert_ne!(before["server"], after["server"], "{kind:?}");
        assert_ne!(before["base"], after["base"], "{kind:?}: the base does not rise");

        // From then on the replica's own position counts, also over a restart; nothing comes again.
        replica.sql("INSERT INTO d.t VALUES (6, 6)");
        let (third, said) = land(&replica, folder.path(), "d.*");
        assert_eq!(third.len(), 1, "{kind:?}: {said}");
        assert!(third[0].id > second.last().unwrap().id, "{kind:?}");
        replica.stop();
        replica.start(&options("--server-id=12"));
        assert!(land(&replica, folder.path(), "d.*").0.is_empty(), "{kind:?}");
        assert_eq!(position(folder.path())["base"], after["base"], "{kind:?}");

        let database = rusqlite::Connection::open(folder.path().join("shop.db")).unwrap();
        let tables: Vec<String> = database
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_ums%' ESCAPE '\\'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let table =
            tables.iter().find(|name| name.ends_with('t')).unwrap_or_else(|| panic!("{tables:?}"));
        let query =
            format!("SELECT id || '\\t' || a FROM \"{table}\" WHERE _is_active_ = 1 ORDER BY id");
        let query = query.replace("\\t", "\t");
        let mut statement = database.prepare(&query).unwrap();
        let landed: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let source = replica.sql("SELECT id, a FROM d.t ORDER BY id");
        assert_eq!(landed, source.lines().collect::<Vec<_>>(), "{kind:?}");
    }
}

/// A server that has nothing new: a bounded run by GTID ends, and keeps no place that it has not seen.
#[test]
fn by_gtid_with_nothing_new() {
    for kind in BOTH {
        let test = "by_gtid_with_nothing_new";
        let options: &[&str] = match kind {
            Kind::MySql => &["--gtid-mode=ON", "--enforce-gtid-consistency=ON"],
            Kind::MariaDb => &[],
        };
        let Some(server) = Server::private(kind, test, options) else { continue };
        server.sql(
            "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)",
        );
        let set = server.sql(match kind {
            Kind::MySql => "SELECT @@global.gtid_executed",
            Kind::MariaDb => "SELECT @@global.gtid_binlog_pos",
        });
        let (start, url) = (format!("gtid:{}", set.trim()), server.url());
        let found =
            run(&mut tail(&["--quiet", "--start", &start, "--stop", "latest", &url])).good();
        assert!(found.changes().is_empty(), "{kind:?}");
        server.sql("INSERT INTO d.t VALUES (2)");
        let found =
            run(&mut tail(&["--quiet", "--start", &start, "--stop", "latest", &url])).good();
        assert_eq!(found.changes().len(), 1, "{kind:?}");
    }
}

/// Without GTIDs nobody can tell where in another server's log the reader stands.
#[test]
fn another_server_without_gtid_is_refused() {
    let test = "another_server_without_gtid_is_refused";
    let options = ["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    let Some(first) = Server::private(Kind::MySql, test, &options) else { return };
    let Some(second) = Server::private(Kind::MySql, test, &options) else { return };
    first.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1)",
    );
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(land(&first, folder.path(), "d.*").0.len(), 1);
    let kept = folder.path().join("pos.json");
    let before = std::fs::read(&kept).unwrap();
    let (name, url) = (kept.to_str().unwrap(), second.url());
    let refused =
        run(&mut tail(&["--source", "shop", "--checkpoint", name, "--stop", "latest", &url]));
    assert_eq!(refused.code, Some(5), "{}", refused.stderr);
    for word in ["the checkpoint is of server", "no GTID", "pull the tables anew"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    assert_eq!(std::fs::read(&kept).unwrap(), before, "the checkpoint is as it was");
}
