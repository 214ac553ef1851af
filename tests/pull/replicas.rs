//! Pulling from replicas, and beside them.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::output::{command, run, tables};
use crate::server::{Kind, Server};

/// A primary and a replica of it that has these options, with a table of so many rows in both.
fn pair(kind: Kind, test: &str, option: &str) -> Option<(Server, Server)> {
    let common: &[&str] = match kind {
        Kind::MySql => &["--gtid-mode=ON", "--enforce-gtid-consistency=ON"],
        Kind::MariaDb => &[],
    };
    let primary = Server::private(kind, test, &[common, &["--server-id=11"]].concat())?;
    let replica = Server::private(kind, test, &[common, &["--server-id=12", option]].concat())?;
    primary.sql(
        "CREATE USER copy@'127.0.0.1' IDENTIFIED BY 'copy';
         GRANT REPLICATION SLAVE ON *.* TO copy@'127.0.0.1';",
    );
    let port = primary.port;
    replica.sql(&match kind {
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
    let values: Vec<String> = (0..1000).map(|k| format!("({k})")).collect();
    primary.sql(&format!(
        "CREATE DATABASE d; CREATE TABLE d.t (k INT PRIMARY KEY); INSERT INTO d.t VALUES {}",
        values.join(",")
    ));
    for _ in 0..1800 {
        if replica.try_sql("SELECT COUNT(*) FROM d.t").is_ok_and(|found| found.trim() == "1000") {
            return Some((primary, replica));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{kind:?}: the replica does not follow");
}

#[test]
fn a_replica_without_a_log_of_what_it_replicates() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_silent_replica";
        let (off, on) = match kind {
            Kind::MySql => ("--log-replica-updates=OFF", "--log-replica-updates=ON"),
            Kind::MariaDb => ("--log-slave-updates=OFF", "--log-slave-updates=ON"),
        };
        let Some((_primary, replica)) = pair(kind, test, off) else { continue };
        let refused = run(&["--tables", "d.t", &replica.url()]);
        assert_eq!(refused.code, Some(5), "{}", refused.stderr);
        assert!(refused.stderr.contains("log_replica_updates"), "{}", refused.stderr);
        let Some((_primary, replica)) = pair(kind, test, on) else { continue };
        let found = run(&["--tables", "d.t", &replica.url()]).tables();
        assert_eq!(found["d.t"].rows.len(), 1000);
    }
}

/// A replica whose applier stands still holds the pull; when it goes on, so does the pull.
#[test]
fn a_replica_that_lags() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "pull_lag";
        let on = match kind {
            Kind::MySql => "--log-replica-updates=ON",
            Kind::MariaDb => "--log-slave-updates=ON",
        };
        let Some((primary, replica)) = pair(kind, test, on) else { continue };
        let words = |verb: &str| match kind {
            Kind::MySql => format!("{verb} REPLICA SQL_THREAD"),
            Kind::MariaDb => format!("{verb} SLAVE SQL_THREAD"),
        };
        replica.sql(&words("STOP"));
        let folder = tempfile::tempdir().unwrap();
        let status = folder.path().join("status");
        let (url, other) = (primary.url(), replica.url());
        let mut child = command(&[
            "--tables",
            "d.t",
            "--max-lag",
            "2",
            "--replica",
            &other,
            "--shard-rows",
            "50",
            "--batch-rows",
            "10",
            "--max-rows-per-sec",
            "500",
            "--status-file",
            status.to_str().unwrap(),
            &url,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
        let start = Instant::now();
        let says = |word: &str| {
            while !std::fs::read_to_string(&status).is_ok_and(|text| text.contains(word)) {
                assert!(
                    start.elapsed() < Duration::from_secs(180),
                    "{kind:?}: nothing about {word:?}"
                );
                std::thread::sleep(Duration::from_millis(50));
            }
        };
        says("how far it is behind");
        std::thread::sleep(Duration::from_secs(2));
        assert!(child.try_wait().unwrap().is_none(), "it went on");
        replica.sql(&words("START"));
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(tables(&output.stdout)["d.t"].rows.len(), 1000);
        says("\"waits\":\"\"");
    }
}
