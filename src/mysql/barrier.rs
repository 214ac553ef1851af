//! From a place in the log to a view of the tables that has everything logged before it. Uses
//! `error`, `connect`, `live`, `ddl`, `select`. Not hot: once a shard.
//!
//! A commit is written to the log before its rows can be seen. So "position, then SELECT" misses
//! what was in between at that moment, and a sink that compares ids keeps the older row for ever.
//! After each of these barriers nothing is in between: whatever the SELECT still misses is logged
//! behind the position, has a greater id, and wins. Rows that are newer than the position do no
//! harm: the log brings them again.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::chunk::LogName;
use super::connect::{ServerInfo, failed, server_code};
use super::ddl::TableName;
use super::gtid::GtidSet;
use super::live;
use super::select::{identifier, literal, text};
use crate::error::{Error, Kind, Result};

/// How long one barrier may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A way to see everything that was logged before a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barrier {
    /// MariaDB: a consistent snapshot has the last commit that was told before. No write, no lock.
    Snapshot,
    /// MySQL with GTIDs: wait for the transactions that have one and are not committed yet.
    Gtid,
    /// A committed change of a row of ours. Right only where commits become visible in the order
    /// of the log.
    Write,
    /// A locking read of the shard, which waits for rows that are being changed.
    Share,
    /// `FLUSH TABLES t WITH READ LOCK` for a moment.
    Lock,
    /// None: loses updates. Only to show in tests that they can see it.
    None,
}

impl Barrier {
    /// Every barrier that is offered, in the order in which `auto` tries them.
    pub const ALL: [(Barrier, &'static str); 5] = [
        (Barrier::Snapshot, "snapshot"),
        (Barrier::Gtid, "gtid"),
        (Barrier::Write, "write"),
        (Barrier::Share, "share"),
        (Barrier::Lock, "lock"),
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|row| row.0 == self).map_or("none", |row| row.1)
    }

    /// What the SELECT ends with.
    pub fn suffix(self, info: &ServerInfo) -> &'static str {
        match self {
            // Needs no grant but SELECT; MariaDB does not know it.
            Self::Share if !info.mariadb && info.version_numbers >= (8, 0, 1) => " FOR SHARE",
            Self::Share => " LOCK IN SHARE MODE",
            _ => "",
        }
    }
}

/// What a transaction sees: everything logged before a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The place.
    pub place: Place,
    /// When, by the server's clock, as `_ums_ts_`.
    pub time: String,
}

/// A position in the log of the server that a connection belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The log file.
    pub file: String,
    /// Its number.
    pub number: u64,
    /// The offset of the next event.
    pub offset: u64,
}

impl Place {
    /// The one that is earlier in the log.
    fn least(self, other: Self) -> Self {
        if (other.number, other.offset) < (self.number, self.offset) { other } else { self }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

fn place(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<Place> {
    let status = live::status(conn, info)?;
    let number = LogName::new(&status.file).number;
    Ok(Place { file: status.file, number, offset: status.offset })
}

/// Reads a position, passes the barrier and opens a transaction whose reads have everything that
/// was logged before the position. The session's isolation level is REPEATABLE READ.
///
/// `row` is the table of the write barrier.
///
/// # Errors
/// `Refused` where the server does not allow it or another one answers, `Unreachable` where the
/// connection broke.
pub fn begin(
    barrier: Barrier,
    conn: &mut mysql::Conn,
    info: &ServerInfo,
    table: &TableName,
    row: &TableName,
) -> Result<View> {
    let open = |conn: &mut mysql::Conn| {
        conn.query_drop("START TRANSACTION").map_err(failed("a transaction cannot be opened"))
    };
    let place = match barrier {
        Barrier::Snapshot => snapshot(conn)?,
        Barrier::Gtid => {
            let found = place(conn, info)?;
            wait_for_owned(conn)?;
            open(conn)?;
            found
        }
        Barrier::Write => {
            ordered(conn, info)?;
            let found = place(conn, info)?;
            write(conn, row)?;
            // The setting may have changed meanwhile.
            ordered(conn, info)?;
            open(conn)?;
            found
        }
        Barrier::Share | Barrier::None => {
            let found = place(conn, info)?;
            open(conn)?;
            found
        }
        Barrier::Lock => {
            let found = locked(conn, info, table)?;
            open(conn)?;
            found
        }
    };
    Ok(View { place, time: same_server(conn, info)? })
}

/// Opens a transaction behind a barrier that was passed before: what its reads have more than the
/// view does no harm.
///
/// # Errors
/// As `begin`.
pub fn begin_behind(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<()> {
    conn.query_drop("START TRANSACTION").map_err(failed("a transaction cannot be opened"))?;
    same_server(conn, info).map(drop)
}

/// The server's time, from the very server that the position came from: a proxy may send what
/// reads and what writes to different ones.
fn same_server(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<String> {
    let found: Option<(String, u32, Option<String>)> = conn
        .query_first("SELECT CAST(UTC_TIMESTAMP(6) AS CHAR), @@GLOBAL.server_id, @@GLOBAL.hostname")
        .map_err(failed("the server's name cannot be read"))?;
    match found {
        Some((time, id, host))
            if (id, host.as_deref()) == (info.server_id, Some(&info.hostname)) =>
        {
            Ok(time)
        }
        found => {
            let (id, host) =
                found.map(|(_, id, host)| (id, host.unwrap_or_default())).unwrap_or_default();
            Err(Error::refused(format!(
                "two servers answer: {} (server id {}), and {host} (server id {id})",
                info.hostname, info.server_id
            ))
            .advise(ONE_SERVER))
        }
    }
}

/// What to do about a proxy.
pub const ONE_SERVER: &str = "name one server, not a proxy: a position of one server says nothing \
                              about the rows of another";

/// Where a pull begins: before every position that `begin` gives later, whatever the barrier is.
///
/// MariaDB's log ends behind what can be seen: what waits between the log and the eye, for a disk or
/// a replica's word, is in the one and not in the other. So there it is the last commit.
///
/// # Errors
/// As `live::status`.
pub fn origin(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<live::Status> {
    if !info.mariadb {
        return live::status(conn, info);
    }
    let found = last_commit(conn).and_then(|first| Ok(first.least(last_commit(conn)?)));
    let Place { file, offset, .. } = match found {
        Err(error) if error.kind() == Kind::Refused => return live::status(conn, info),
        found => found?,
    };
    let gtids: Option<String> = conn
        .query_first(format!("SELECT BINLOG_GTID_POS({}, {offset})", literal(&file)))
        .map_err(failed("the GTIDs of the last commit cannot be read"))?;
    Ok(live::Status { file, offset, gtids: GtidSet::parse(&gtids.unwrap_or_default())? })
}

/// MariaDB's consistent snapshot, which has every commit up to a position that was read before.
///
/// Inside the transaction the server tells the snapshot's very own position, but by variables that
/// all sessions share for a moment (`binlog_snapshot_position` is static, SHOW STATUS holds no lock
/// that others do not share): beside another SHOW STATUS it may be that of a later commit, and the
/// rows would be older than their position. Whatever is told before the snapshot is of a commit that
/// the snapshot has. The lesser of the two, should the file's name and the offset ever be told of two
/// different commits around a rotation.
fn snapshot(conn: &mut mysql::Conn) -> Result<Place> {
    let before = last_commit(conn)?;
    conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        .map_err(failed("a consistent snapshot cannot be opened"))?;
    Ok(before.least(last_commit(conn)?))
}

/// MariaDB's word for the last commit that can be seen, or for the one that an open snapshot ends with.
fn last_commit(conn: &mut mysql::Conn) -> Result<Place> {
    let rows: Vec<(String, String)> = conn
        .query("SHOW STATUS LIKE 'Binlog\\_snapshot\\_%'")
        .map_err(failed("the last commit's position cannot be read"))?;
    let value = |name: &str| rows.iter().find(|row| row.0.eq_ignore_ascii_case(name));
    let file = value("Binlog_snapshot_file").map(|row| row.1.clone()).unwrap_or_default();
    let offset = value("Binlog_snapshot_position").and_then(|row| row.1.parse().ok());
    match offset {
        Some(offset) if !file.is_empty() => {
            let number = LogName::new(&file).number;
            Ok(Place { file, number, offset })
        }
        _ => Err(Error::refused("the server does not tell the position of its last commit")
            .advise("use --barrier auto, and see that log_bin is ON")),
    }
}

/// Waits until the transactions that hold a GTID now are committed or gone. They hold it since
/// before they were written to the log, and give it back after their rows can be seen.
fn wait_for_owned(conn: &mut mysql::Conn) -> Result<()> {
    let read = |conn: &mut mysql::Conn| -> Result<String> {
        let text: Option<String> = conn
            .query_first("SELECT @@GLOBAL.gtid_owned")
            .map_err(failed("gtid_owned cannot be read"))?;
        Ok(text.unwrap_or_default())
    };
    let owned = single_gtids(&read(conn)?);
    let started = Instant::now();
    for gtid in owned {
        loop {
            let executed: Option<i64> = conn
                .query_first(format!(
                    "SELECT GTID_SUBSET({}, @@GLOBAL.gtid_executed)",
                    literal(&gtid)
                ))
                .map_err(failed("gtid_executed cannot be read"))?;
            // One that rolls back is never executed; then nobody owns it any more.
            if executed == Some(1) || !single_gtids(&read(conn)?).contains(&gtid) {
                break;
            }
            if started.elapsed() > PATIENCE {
                return Err(Error::unreachable(format!(
                    "the transaction {gtid} has been committing for {} s",
                    PATIENCE.as_secs()
                ))
                .advise("a replica that acknowledges (semi-sync) may be missing; start again when it is done"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

/// The GTIDs of `UUID:7#thread:8#thread,\nUUID:tag:3#thread`, one by one.
fn single_gtids(owned: &str) -> Vec<String> {
    let mut all = Vec::new();
    for server in owned.split(',') {
        let mut parts = server.trim().split(':');
        let Some(uuid) = parts.next().filter(|uuid| !uuid.is_empty()) else { continue };
        let mut tag = String::new();
        for part in parts {
            let number = part.split('#').next().unwrap_or_default().trim();
            if number.starts_with(|c: char| c.is_ascii_digit()) {
                all.push(format!("{uuid}{tag}:{number}"));
            } else {
                tag = format!(":{number}");
            }
        }
    }
    all
}

/// Changes the row: an update to the same value would not be logged and would wait for nobody.
fn write(conn: &mut mysql::Conn, row: &TableName) -> Result<()> {
    let name = format!("{}.{}", identifier(&row.schema), identifier(&row.table));
    conn.query_drop(format!(
        "INSERT INTO {name} (id, n) VALUES (CONNECTION_ID() % 1024, 1) ON DUPLICATE KEY UPDATE n = n + 1"
    ))
    .map_err(|error| match &error {
        // READ ONLY, SUPER READ ONLY.
        mysql::Error::MySqlError(answer) if matches!(answer.code, 1290 | 1836) => {
            failed("the barrier's row cannot be written")(error)
                .advise("the server is read-only: use --barrier auto, gtid, share or lock")
        }
        _ => failed("the barrier's row cannot be written")(error).advise(create_barrier_table(row)),
    })
}

/// What makes the table of the write barrier.
fn create_barrier_table(row: &TableName) -> String {
    format!(
        "CREATE TABLE {row} (id INT UNSIGNED PRIMARY KEY, n BIGINT UNSIGNED NOT NULL) ENGINE=InnoDB; \
         GRANT INSERT, UPDATE, SELECT ON {row} to the user; or use another --barrier"
    )
}

/// That commits become visible in the order of the log, and that our row is logged.
fn ordered(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<()> {
    let logged: Option<u8> = conn
        .query_first("SELECT @@SESSION.sql_log_bin")
        .map_err(failed("sql_log_bin cannot be read"))?;
    if logged != Some(1) {
        return Err(Error::refused("sql_log_bin is OFF: the barrier's row is not logged"));
    }
    if info.mariadb {
        return Ok(());
    }
    let order: Option<u8> = conn
        .query_first("SELECT @@GLOBAL.binlog_order_commits")
        .map_err(failed("binlog_order_commits cannot be read"))?;
    if order == Some(1) {
        return Ok(());
    }
    Err(Error::refused("binlog_order_commits is OFF: a write proves nothing about other commits")
        .advise("use --barrier gtid, share or lock, or SET GLOBAL binlog_order_commits=ON"))
}

/// A lock that was not given in time.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

fn locked(conn: &mut mysql::Conn, info: &ServerInfo, table: &TableName) -> Result<Place> {
    let name = format!("{}.{}", identifier(&table.schema), identifier(&table.table));
    conn.query_drop("SET SESSION lock_wait_timeout = 10")
        .and_then(|()| conn.query_drop(format!("FLUSH TABLES {name} WITH READ LOCK")))
        .map_err(|error| {
            let error = failed(format_args!("table {table} cannot be locked"))(error);
            let busy = server_code(&error) == Some(LOCK_WAIT_TIMEOUT);
            error.advise(if busy {
                "a transaction holds it: see SHOW PROCESSLIST, and start again when it is done, or use another \
                 --barrier"
            } else {
                "GRANT RELOAD ON *.* and LOCK TABLES on the schema, or use another --barrier"
            })
        })?;
    let found = place(conn, info);
    conn.query_drop("UNLOCK TABLES").map_err(failed("the table cannot be unlocked"))?;
    found
}

/// Whether a barrier can be proved for these tables; tries it once.
///
/// # Errors
/// `Refused` with what to do.
pub fn check(
    barrier: Barrier,
    conn: &mut mysql::Conn,
    info: &ServerInfo,
    tables: &[TableName],
    row: &TableName,
) -> Result<()> {
    let wrong = |text: &str, advice: &str| Err(Error::refused(text).advise(advice));
    match barrier {
        Barrier::Snapshot if !info.mariadb => {
            return wrong(
                "--barrier snapshot needs MariaDB: this server does not tell the position of a snapshot",
                "use --barrier auto",
            );
        }
        Barrier::Gtid if info.mariadb || !info.gtid => {
            return wrong(
                "--barrier gtid needs MySQL with gtid_mode=ON",
                "use --barrier auto, or set gtid_mode=ON on the server",
            );
        }
        Barrier::Write => {
            ordered(conn, info)?;
            let engine: Option<String> = engine(conn, row)?;
            if !engine.is_some_and(|engine| engine.eq_ignore_ascii_case("InnoDB")) {
                return Err(Error::refused(format!(
                    "{row}, the table of --barrier write, is not there or not InnoDB"
                ))
                .advise(create_barrier_table(row)));
            }
            logged_schema(conn, info, &row.schema)?;
        }
        Barrier::Share => {
            for table in tables {
                let engine = engine(conn, table)?.unwrap_or_default();
                if !engine.eq_ignore_ascii_case("InnoDB") {
                    return Err(Error::refused(format!(
                        "--barrier share locks rows of InnoDB; {table} is in {engine}"
                    ))
                    .advise("use --barrier lock"));
                }
            }
        }
        _ => {}
    }
    for (index, table) in tables.iter().enumerate() {
        let name = format!("{}.{}", identifier(&table.schema), identifier(&table.table));
        // Passing it once tells enough; a lock may queue writers.
        if index == 0 {
            match begin(barrier, conn, info, table, row) {
                // It is allowed, and only busy; whoever reads a shard waits for it.
                Err(error) if server_code(&error) == Some(LOCK_WAIT_TIMEOUT) => {}
                passed => passed.map(drop)?,
            }
        }
        let read = conn.query_drop(format!("SELECT 1 FROM {name} LIMIT 0{}", barrier.suffix(info)));
        read.map_err(|error| {
            failed(format_args!("table {table} cannot be read"))(error)
                .advise("GRANT SELECT on it to the user")
        })?;
    }
    conn.query_drop("COMMIT").map_err(failed("the transaction cannot be ended"))
}

/// That a pull can be joined to this server's log at all.
///
/// # Errors
/// `Refused` with what to do.
pub fn joinable(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<()> {
    let wrong = |text: &str, advice: &str| Err(Error::refused(text).advise(advice));
    if !info.log_bin {
        return wrong(
            "the server writes no binary log, so a pull has no position",
            "start it with log_bin and binlog_format=ROW, or pull from a server that has one",
        );
    }
    if !info.binlog_format.eq_ignore_ascii_case("ROW") {
        return wrong(
            "binlog_format is not ROW: the log would not have the rows that change meanwhile",
            "SET GLOBAL binlog_format=ROW, and in open sessions",
        );
    }
    if !info.log_replica_updates && is_replica(conn, info) {
        return wrong(
            "this replica does not log what it replicates (log_replica_updates is OFF), so its log does not have the rows that change meanwhile",
            "start it with log_replica_updates=ON (log_slave_updates before MySQL 8.0.26 and on MariaDB), or pull from the server that dbus-tail reads",
        );
    }
    Ok(())
}

/// Whether a server replicates from another one, as far as the user may know.
fn is_replica(conn: &mut mysql::Conn, info: &ServerInfo) -> bool {
    lag_rows(conn, info).is_some_and(|rows| !rows.is_empty())
}

fn lag_rows(conn: &mut mysql::Conn, info: &ServerInfo) -> Option<Vec<mysql::Row>> {
    let statements: &[&str] = if info.mariadb {
        &["SHOW ALL SLAVES STATUS"]
    } else {
        &["SHOW REPLICA STATUS", "SHOW SLAVE STATUS"]
    };
    statements.iter().find_map(|statement| conn.query(*statement).ok())
}

/// How many seconds a replica is behind; 0 for a server that replicates from nobody, `None` where
/// it does not say: stopped, or no grant.
pub fn lag(conn: &mut mysql::Conn, info: &ServerInfo) -> Option<u64> {
    let mut most = 0;
    for row in lag_rows(conn, info)? {
        let column = |name: &str| text(&row, name);
        let behind = column("Seconds_Behind_Source").or_else(|| column("Seconds_Behind_Master"))?;
        most = most.max(behind.parse().ok()?);
    }
    Some(most)
}

fn engine(conn: &mut mysql::Conn, table: &TableName) -> Result<Option<String>> {
    let (schema, name) = (literal(&table.schema), literal(&table.table));
    let found: Option<Option<String>> = conn
        .query_first(format!(
            "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {name}"
        ))
        .map_err(failed("information_schema cannot be read"))?;
    Ok(found.flatten())
}

/// That the changes of a schema are in the log at all.
///
/// # Errors
/// `Refused` where `binlog_do_db` or `binlog_ignore_db` leaves it out.
pub fn logged_schema(conn: &mut mysql::Conn, info: &ServerInfo, schema: &str) -> Result<()> {
    let mut row: Option<mysql::Row> = None;
    for statement in ["SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"] {
        if info.mariadb && statement.contains("BINARY") {
            continue;
        }
        if let Ok(found) = conn.query_first(statement) {
            row = found;
            break;
        }
    }
    let Some(row) = row else { return Ok(()) };
    let list = |index: usize| -> Vec<String> {
        let text = text(&row, index).unwrap_or_default();
        text.split(',').map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
    };
    let (only, never) = (list(2), list(3));
    let has = |names: &[String]| names.iter().any(|name| name.eq_ignore_ascii_case(schema));
    if has(&never) || (!only.is_empty() && !has(&only)) {
        return Err(Error::refused(format!(
            "the server does not log the schema {schema} (binlog_do_db, binlog_ignore_db)"
        ))
        .advise("without its log a pull cannot be joined to later changes: log it, or read another server"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::single_gtids;

    #[test]
    fn owned_gtids() {
        assert_eq!(single_gtids(""), Vec::<String>::new());
        assert_eq!(single_gtids("a-b:7#12:8#13"), ["a-b:7", "a-b:8"]);
        assert_eq!(single_gtids("a:7#1,\nb:x:3#4:5#6,b:9#1#2"), ["a:7", "b:x:3", "b:x:5", "b:9"]);
    }
}
