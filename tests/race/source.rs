//! Servers whose commits take as long as they do in life, so that there is something between the log
//! and the eye; also with a replica behind them.

use crate::server::{Kind, Position, Server};
use crate::writers::{TABLES, fill};

/// The schema of the tables.
pub const SCHEMA: &str = "race";

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    MariaDb,
    /// With GTIDs, or without.
    MySql(bool),
    /// Read from a replica that applies in parallel.
    Replica(Kind),
    /// MariaDB, where every commit waits between the log and the eye for a replica's word.
    SemiSync,
}

/// A server that is written to and the one that is read, mostly the same.
pub struct Source {
    written: Server,
    replica: Option<Server>,
    reads_replica: bool,
}

const DURABLE: [&str; 2] = ["--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"];

const SEMI_SYNC: [&str; 3] = [
    "--rpl-semi-sync-master-enabled=1",
    "--rpl-semi-sync-master-wait-point=AFTER_SYNC",
    "--rpl-semi-sync-master-timeout=60000",
];

impl Source {
    /// An own server with filled tables; `None`, and the reason said, where there is none.
    pub fn start(which: Which, test: &str) -> Option<Self> {
        let kind = match which {
            Which::MariaDb | Which::SemiSync => Kind::MariaDb,
            Which::MySql(_) => Kind::MySql,
            Which::Replica(kind) => kind,
        };
        let mut options = DURABLE.to_vec();
        if which == Which::MySql(false) {
            options.extend(["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
        } else if kind == Kind::MySql {
            options.extend(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
        }
        if which == Which::SemiSync {
            options.extend(SEMI_SYNC);
        }
        let written = Server::private(kind, test, &options)?;
        let replica = match which {
            Which::Replica(_) | Which::SemiSync => Some(replica(&written, test)?),
            _ => None,
        };
        let reads_replica = which != Which::SemiSync;
        let source = Self { written, replica, reads_replica };
        source.written.sql(&format!(
            "CREATE DATABASE {SCHEMA}; USE {SCHEMA}; {TABLES} {}
             CREATE DATABASE dws; CREATE TABLE dws.pull_barrier (id INT UNSIGNED PRIMARY KEY,
               n BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB;",
            fill()
        ));
        source.settle();
        Some(source)
    }

    /// The server that is read.
    pub fn read(&self) -> &Server {
        self.replica.as_ref().filter(|_| self.reads_replica).unwrap_or(&self.written)
    }

    /// Where writers connect.
    pub fn socket(&self) -> String {
        let folder = self.written.data();
        folder.parent().unwrap().join("s.sock").to_str().unwrap().to_owned()
    }

    /// The longest pause of a writer between two statements, in microseconds: a replica has to keep
    /// up, and on two cores the follower, too.
    pub fn pause(&self) -> usize {
        if self.replica.is_some() { 20_000 } else { 5000 }
    }

    /// Where the log of the server that is read begins to matter.
    pub fn position(&self) -> Position {
        self.read().position()
    }

    /// Rows as the server that is read has them: cells by `|`.
    pub fn ask(&self, sql: &str) -> String {
        let text = self.read().sql(&format!("USE {SCHEMA}; {sql}"));
        text.trim_end_matches('\n').replace('\t', "|")
    }

    /// Waits until the replica has everything, and is the same.
    pub fn settle(&self) {
        let Some(replica) = &self.replica else { return };
        let (place, wait) = match replica.kind {
            Kind::MySql => {
                let set = self.written.sql("SELECT @@GLOBAL.gtid_executed");
                let set = set.replace("\\n", "");
                (set.clone(), format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{}', 300)", set.trim()))
            }
            Kind::MariaDb => {
                let place = self.written.sql("SELECT @@GLOBAL.gtid_binlog_pos");
                (place.clone(), format!("SELECT MASTER_GTID_WAIT('{}', 300)", place.trim()))
            }
        };
        assert_eq!(replica.sql(&wait).trim(), "0", "the replica does not reach {place}");
    }
}

/// A replica with a log of its own whose commits need not be in the order of the source's.
fn replica(source: &Server, test: &str) -> Option<Server> {
    let mut options = DURABLE.to_vec();
    options.push("--server-id=2");
    let port = source.port;
    let follow = match source.kind {
        Kind::MySql => {
            options.extend(["--gtid-mode=ON", "--enforce-gtid-consistency=ON"]);
            options.extend(["--log-replica-updates=ON", "--replica-parallel-workers=8"]);
            options.push("--replica-preserve-commit-order=OFF");
            format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={port}, SOURCE_USER='root',
                   SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1; START REPLICA;"
            )
        }
        Kind::MariaDb => {
            options.extend(["--log-slave-updates=ON", "--slave-parallel-threads=8"]);
            options.extend(["--slave-parallel-mode=optimistic", "--rpl-semi-sync-slave-enabled=1"]);
            format!(
                "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={port}, MASTER_USER='root',
                   MASTER_USE_GTID=slave_pos; START SLAVE;"
            )
        }
    };
    let found = Server::private(source.kind, test, &options)?;
    if source.kind == Kind::MariaDb {
        // Else it would be given what both made for themselves at their installation.
        source.sql("RESET MASTER");
    }
    found.sql(&follow);
    Some(found)
}
