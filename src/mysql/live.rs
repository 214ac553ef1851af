//! The log of a live server, as a replica client. Uses `error`, `mysql::{chunk, connect, event,
//! frame, gtid, options}` and the crate `mysql` for the connection. Warm: once an event.

use std::sync::Arc;
use std::time::Duration;

use mysql::binlog::{BinlogChecksumAlg, BinlogVersion};
use mysql::prelude::Queryable;
use mysql_common::packets::Sid;

use super::chunk::{Chunk, LogName};
use super::connect::{self, ServerInfo};
use super::event::{FLAG_ARTIFICIAL, kind};
use super::frame::{EventLog, Feed};
use super::gtid::GtidSet;
use super::options::ConnectOptions;
use super::rows;
use crate::error::{Error, Result};

/// How often an idle server says that it is alive.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Where a server's log is read from.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    /// A file and an offset between two transactions.
    Place(String, u64),
    /// Behind these transactions.
    Gtids(GtidSet),
}

/// The log of a live server.
pub struct LiveLog {
    stream: mysql::BinlogStream,
    log: Arc<LogName>,
    /// Where the next event starts.
    offset: u64,
    /// Whether a name has come.
    named: bool,
    /// Whether an event of the log itself has come.
    begun: bool,
}

/// Where a server's log stands, and what it has seen.
#[derive(Debug, Clone)]
pub struct Status {
    /// The file being written.
    pub file: String,
    /// Its end.
    pub offset: u64,
    /// The transactions in the log.
    pub gtids: GtidSet,
}

/// Asks for the end of the log.
pub fn status(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<Status> {
    let failed = |error: mysql::Error| {
        let broken = !matches!(error, mysql::Error::MySqlError(_));
        let error = connect::failed("the log's position cannot be read")(error);
        if broken {
            return error;
        }
        error.advise("GRANT REPLICATION CLIENT (MariaDB: BINLOG MONITOR) to the user, and see that log_bin is ON")
    };
    const SYNTAX: u16 = 1064;
    let statements: &[&str] = if info.mariadb {
        &["SHOW MASTER STATUS"]
    } else {
        &["SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"]
    };
    let mut found: std::result::Result<Option<mysql::Row>, mysql::Error> = Ok(None);
    for statement in statements {
        found = conn.query_first(*statement);
        // Only one that is not known says nothing.
        if !matches!(&found, Err(mysql::Error::MySqlError(answer)) if answer.code == SYNTAX) {
            break;
        }
    }
    let row = found.map_err(failed)?.ok_or_else(|| {
        Error::refused("the server writes no binary log")
            .advise("start it with log_bin and binlog_format=ROW")
    })?;
    let file: String = row.get(0).unwrap_or_default();
    let offset: u64 = row.get(1).unwrap_or_default();
    let gtids: String = if info.mariadb {
        conn.query_first("SELECT @@global.gtid_binlog_pos").map_err(failed)?.unwrap_or_default()
    } else {
        row.get(4).unwrap_or_default()
    };
    Ok(Status { file, offset, gtids: GtidSet::parse(&gtids.replace('\n', ""))? })
}

/// The names of the log files that the server still has, oldest first.
pub fn files(conn: &mut mysql::Conn) -> Result<Vec<String>> {
    let rows: Vec<mysql::Row> = conn.query("SHOW BINARY LOGS").map_err(|error| {
        Error::refused(format!("the list of logs cannot be read: {}", connect::describe(&error)))
            .advise("GRANT REPLICATION CLIENT (MariaDB: BINLOG MONITOR) to the user")
    })?;
    Ok(rows.into_iter().filter_map(|row| row.get(0)).collect())
}

impl LiveLog {
    /// Registers as a replica and asks for the log.
    pub fn open(
        options: &ConnectOptions,
        info: &ServerInfo,
        server_id: u32,
        from: &From,
    ) -> Result<Self> {
        let mut options = options.clone();
        // Two heartbeats missed and more: the connection is dead.
        options.read_timeout = Some(Duration::from_secs(30));
        let mut conn = connect::connect(&options)?;
        let nanos = HEARTBEAT.as_nanos();
        let mut settings = vec![
            format!("SET @master_heartbeat_period={nanos}, @source_heartbeat_period={nanos}"),
            "SET net_write_timeout=600".to_owned(),
        ];
        let mut request = mysql::BinlogRequest::new(server_id);
        let (name, offset) = match from {
            From::Place(name, offset) => {
                if *offset > u64::from(u32::MAX) {
                    return Err(Error::refused(format!(
                        "{name}: the position {offset} is above 4 GiB, which the protocol cannot ask for"
                    ))
                    .advise("start by GTID (--start gtid:SET), or read the file itself"));
                }
                request = request.with_filename(name.as_bytes().to_vec()).with_pos(*offset);
                (name.as_str(), *offset)
            }
            From::Gtids(set) => {
                if info.mariadb {
                    settings.push(format!("SET @slave_connect_state='{set}', @slave_gtid_strict_mode=0, @slave_gtid_ignore_duplicates=0"));
                } else {
                    request = request.with_use_gtid(true).with_sids(sids(set)?);
                }
                ("", 4)
            }
        };
        if info.mariadb {
            // Without it the server replaces what it takes for unknown by dummy events.
            settings.push("SET @mariadb_slave_capability=4".to_owned());
        }
        for setting in settings {
            conn.query_drop(&setting).map_err(|error| classify(&error))?;
        }
        let stream = conn.get_binlog_stream(request).map_err(|error| classify(&error))?;
        Ok(Self {
            stream,
            log: Arc::new(LogName::new(name)),
            offset,
            named: !name.is_empty(),
            begun: false,
        })
    }

    /// A ROTATE that names another file: offset 8, then the name. MariaDB's first one carries a
    /// checksum that nobody announced.
    fn rotate(&mut self, header: &[u8], data: &[u8], artificial: bool) -> Result<()> {
        let malformed = || Error::data("a ROTATE event is malformed");
        let (offset, mut name) = data.split_first_chunk::<8>().ok_or_else(malformed)?;
        if let Some((covered, stored)) = data.split_last_chunk::<4>() {
            let mut hasher = crc32fast::Hasher::new();
            hasher.update(header);
            hasher.update(covered);
            if hasher.finalize() == u32::from_le_bytes(*stored) {
                name = covered.get(8..).unwrap_or_default();
            }
        }
        let name = std::str::from_utf8(name).map_err(|_| malformed())?;
        if name != self.log.name {
            self.log = Arc::new(LogName::new(name));
            self.offset = u64::from_le_bytes(*offset);
        } else if artificial && !self.named {
            self.offset = u64::from_le_bytes(*offset);
        }
        self.named = true;
        Ok(())
    }
}

impl EventLog for LiveLog {
    fn next(&mut self) -> Result<Feed> {
        loop {
            let event = match self.stream.next() {
                None => {
                    return Err(Error::unreachable("the server ended the stream").advise(
                        "it may be shutting down; start again with the same --checkpoint",
                    ));
                }
                Some(Err(error)) => {
                    let place = format!("{} at {}", self.log.name, self.offset);
                    return Err(classify(&error).at(place));
                }
                Some(Ok(event)) => event,
            };
            let header = event.header();
            let ty = header.event_type_raw();
            let size = u64::from(header.event_size());
            let mut bytes = Vec::with_capacity(event.data().len() + 32);
            bytes.extend_from_slice(&header.timestamp().to_le_bytes());
            bytes.push(ty);
            bytes.extend_from_slice(&header.server_id().to_le_bytes());
            bytes.extend_from_slice(&header.event_size().to_le_bytes());
            bytes.extend_from_slice(&header.log_pos().to_le_bytes());
            bytes.extend_from_slice(&header.flags_raw().to_le_bytes());
            if matches!(ty, kind::HEARTBEAT | kind::HEARTBEAT_V2) {
                let here = start_of(self.offset, 0, header.log_pos());
                let named = event.data().starts_with(self.log.name.as_bytes());
                if here == self.offset || !named || ty == kind::HEARTBEAT_V2 {
                    return Ok(Feed::Idle);
                }
                // Everything up to there was sent, or left out as known by its GTID.
                self.offset = here;
                let mut chunk = Chunk::new(self.log.clone());
                bytes.extend_from_slice(event.data());
                chunk.push(&bytes, self.offset, 0);
                return Ok(Feed::Events(chunk));
            }
            let artificial = header.flags_raw() & FLAG_ARTIFICIAL != 0 || header.timestamp() == 0;
            if ty == kind::ROTATE && artificial {
                self.rotate(&bytes, event.data(), true)?;
                continue;
            }
            if let (Some(stored), Ok(Some(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32))) =
                (event.checksum(), event.footer().get_checksum_alg())
                && u32::from_le_bytes(stored)
                    != event.calc_checksum(BinlogChecksumAlg::BINLOG_CHECKSUM_ALG_CRC32)
                && !(ty == kind::FORMAT_DESCRIPTION && self.offset != 4)
            {
                return Err(Error::data(format!(
                    "{} at {}: the checksum of an event of type {ty} fails",
                    self.log.name, self.offset
                ))
                .advise("something between the server and here changes bytes; start again with the same --checkpoint"));
            }
            let mut chunk = Chunk::new(self.log.clone());
            if ty == kind::FORMAT_DESCRIPTION {
                let mut whole = Vec::new();
                event
                    .write(BinlogVersion::Version4, &mut whole)
                    .map_err(|error| Error::io("format description", error))?;
                let in_file = if self.offset == 4 { size } else { 0 };
                chunk.push(&whole, self.offset, in_file);
                self.offset += in_file;
                return Ok(Feed::Events(chunk));
            }
            if header.flags_raw() & FLAG_ARTIFICIAL != 0 {
                bytes.extend_from_slice(event.data());
                chunk.push(&bytes, self.offset, 0);
                return Ok(Feed::Events(chunk));
            }
            self.offset = start_of(self.offset, size, header.log_pos());
            // Half a transaction would look like a whole one.
            let inside = matches!(ty, kind::TABLE_MAP | kind::XID | kind::XA_PREPARE);
            if !self.begun && (inside || rows::change(ty).is_some()) {
                return Err(Error::refused(format!(
                    "{} at {}: the position lies inside a transaction",
                    self.log.name, self.offset
                ))
                .advise("start at the beginning of a transaction, or at a row's id"));
            }
            self.begun = true;
            bytes.extend_from_slice(event.data());
            chunk.push(&bytes, self.offset, size);
            self.offset += size;
            if ty == kind::ROTATE {
                let head = bytes.get(..19).unwrap_or_default().to_vec();
                self.rotate(&head, event.data(), false)?;
            }
            return Ok(Feed::Events(chunk));
        }
    }
}

/// Where an event starts. Servers leave out events that nobody asked for, so the header's 32-bit
/// end position may lie ahead of the added lengths; it is followed forward only, and not when it
/// is 0 or would jump by more than half its range.
fn start_of(expected: u64, size: u64, log_pos: u32) -> u64 {
    let ahead = log_pos.wrapping_sub((expected.wrapping_add(size)) as u32);
    if log_pos == 0 || ahead > 1 << 31 { expected } else { expected + u64::from(ahead) }
}

fn sids(set: &GtidSet) -> Result<Vec<Sid<'static>>> {
    let mut all = Vec::new();
    for part in set.to_string().split(',').filter(|part| !part.is_empty()) {
        all.push(part.trim().parse::<Sid>().map_err(|_| {
            Error::refused(format!("the GTID set part {part} cannot be asked for"))
                .advise("tagged GTIDs cannot be resumed by GTID here; start by file and position")
        })?);
    }
    Ok(all)
}

/// One message and remedy for each reason that servers give.
fn classify(error: &mysql::Error) -> Error {
    let text = connect::describe(error);
    let lower = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if !matches!(error, mysql::Error::MySqlError(_)) {
        return Error::unreachable(format!("the connection to the server broke: {text}"))
            .advise("start again with the same --checkpoint");
    }
    if has(&["same server_uuid", "same server_id", "server_uuid/server_id"]) {
        return Error::refused(format!("another replica uses the same server id: {text}"))
            .advise("give each dbus-tail its own --server-id, or leave it out");
    }
    if has(&[
        "purged",
        "could not find first log",
        "could not find gtid",
        "missing gtids",
        "required",
    ]) {
        return Error::refused(format!("the server no longer has this part of its log: {text}"))
            .advise("pull the tables anew, then start at a position that the server has (--start earliest or latest)");
    }
    if has(&[
        "max_allowed_packet",
        "event entry exceeded",
        "impossible position",
        "position > file size",
        "bogus data",
    ]) {
        return Error::refused(format!("the position is not the start of an event: {text}"))
            .advise("take the position from a checkpoint; or raise max_allowed_packet on the server if a row is larger");
    }
    if has(&["access denied", "privilege"]) {
        return Error::refused(format!("the server refuses: {text}"))
            .advise("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* to the user");
    }
    if has(&["crc", "checksum", "read error"]) {
        return Error::data(format!("the server cannot read its log: {text}"))
            .advise("its log is damaged there");
    }
    Error::unreachable(format!("the server ended the stream: {text}"))
}

#[cfg(test)]
mod tests {
    use super::start_of;

    #[test]
    fn positions_follow_gaps_and_wraps() {
        assert_eq!(start_of(1000, 100, 1100), 1000);
        assert_eq!(start_of(1000, 100, 1400), 1300, "events were left out");
        assert_eq!(start_of(1000, 100, 0), 1000, "no position in the header");
        let big = (1u64 << 32) + 500;
        assert_eq!(start_of(big, 100, 600), big, "wrapped");
        assert_eq!(start_of(u64::from(u32::MAX) - 10, 100, 89), u64::from(u32::MAX) - 10);
        assert_eq!(start_of(1000, 100, 900), 1000, "never back");
    }
}
