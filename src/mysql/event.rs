//! HOT. The common header of binlog events and the type codes. Uses `mysql::cursor`.
//!
//! Source: the server manuals' "Binary Log Event Header" (MySQL) and "Replication Protocol,
//! Binlog Event Header" (MariaDB). Version 4 only, that is MySQL 5.0 and later.

use super::cursor::Cursor;

/// Bytes of the common header.
pub const HEADER_LEN: usize = 19;

/// Bytes of a CRC32 behind an event.
pub const CHECKSUM_LEN: usize = 4;

/// The four bytes that a log file starts with.
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];

/// Set in the format description of a file that is still written (or whose server crashed).
pub const FLAG_IN_USE: u16 = 0x0001;
/// The event was made by the dump thread and stands in no file.
pub const FLAG_ARTIFICIAL: u16 = 0x0020;
/// A reader that does not know the type may skip the event.
pub const FLAG_IGNORABLE: u16 = 0x0080;

/// The common header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Seconds since 1970; the start of the statement; 0 in some artificial events.
    pub timestamp: u32,
    /// The type code.
    pub kind: u8,
    /// The server that first logged the event.
    pub server_id: u32,
    /// Bytes of the whole event: header, body, checksum.
    pub size: u32,
    /// Where the next event starts, modulo 2^32, and 0 in places: not to be trusted.
    pub log_pos: u32,
    /// Flags.
    pub flags: u16,
}

impl Header {
    /// Reads the first 19 bytes.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(bytes);
        Some(Self {
            timestamp: cursor.u32()?,
            kind: cursor.u8()?,
            server_id: cursor.u32()?,
            size: cursor.u32()?,
            log_pos: cursor.u32()?,
            flags: cursor.u16()?,
        })
    }
}

/// One event as it stands in the log, without its checksum.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Its header.
    pub header: Header,
    /// The bytes between header and checksum.
    pub body: &'a [u8],
    /// Where it starts in its file, by added lengths.
    pub offset: u64,
    /// Its bytes in the file, checksum included.
    pub len: u64,
}

impl Event<'_> {
    /// Where the next event starts.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// Type codes. Source: MySQL `binlog_event.h` documentation and MariaDB's knowledge base.
pub mod kind {
    #![allow(missing_docs)]
    pub const START_V3: u8 = 1;
    pub const QUERY: u8 = 2;
    pub const STOP: u8 = 3;
    pub const ROTATE: u8 = 4;
    pub const INTVAR: u8 = 5;
    pub const LOAD: u8 = 6;
    pub const SLAVE: u8 = 7;
    pub const CREATE_FILE: u8 = 8;
    pub const APPEND_BLOCK: u8 = 9;
    pub const EXEC_LOAD: u8 = 10;
    pub const DELETE_FILE: u8 = 11;
    pub const NEW_LOAD: u8 = 12;
    pub const RAND: u8 = 13;
    pub const USER_VAR: u8 = 14;
    pub const FORMAT_DESCRIPTION: u8 = 15;
    pub const XID: u8 = 16;
    pub const BEGIN_LOAD_QUERY: u8 = 17;
    pub const EXECUTE_LOAD_QUERY: u8 = 18;
    pub const TABLE_MAP: u8 = 19;
    pub const WRITE_ROWS_V0: u8 = 20;
    pub const UPDATE_ROWS_V0: u8 = 21;
    pub const DELETE_ROWS_V0: u8 = 22;
    pub const WRITE_ROWS_V1: u8 = 23;
    pub const UPDATE_ROWS_V1: u8 = 24;
    pub const DELETE_ROWS_V1: u8 = 25;
    pub const INCIDENT: u8 = 26;
    pub const HEARTBEAT: u8 = 27;
    pub const IGNORABLE: u8 = 28;
    pub const ROWS_QUERY: u8 = 29;
    pub const WRITE_ROWS: u8 = 30;
    pub const UPDATE_ROWS: u8 = 31;
    pub const DELETE_ROWS: u8 = 32;
    pub const GTID: u8 = 33;
    pub const ANONYMOUS_GTID: u8 = 34;
    pub const PREVIOUS_GTIDS: u8 = 35;
    pub const TRANSACTION_CONTEXT: u8 = 36;
    pub const VIEW_CHANGE: u8 = 37;
    pub const XA_PREPARE: u8 = 38;
    pub const PARTIAL_UPDATE_ROWS: u8 = 39;
    pub const TRANSACTION_PAYLOAD: u8 = 40;
    pub const HEARTBEAT_V2: u8 = 41;
    pub const GTID_TAGGED: u8 = 42;
    pub const MARIADB_ANNOTATE_ROWS: u8 = 160;
    pub const MARIADB_BINLOG_CHECKPOINT: u8 = 161;
    pub const MARIADB_GTID: u8 = 162;
    pub const MARIADB_GTID_LIST: u8 = 163;
    pub const MARIADB_START_ENCRYPTION: u8 = 164;
    pub const MARIADB_QUERY_COMPRESSED: u8 = 165;
    pub const MARIADB_WRITE_ROWS_COMPRESSED_V1: u8 = 166;
    pub const MARIADB_UPDATE_ROWS_COMPRESSED_V1: u8 = 167;
    pub const MARIADB_DELETE_ROWS_COMPRESSED_V1: u8 = 168;
    pub const MARIADB_WRITE_ROWS_COMPRESSED: u8 = 169;
    pub const MARIADB_UPDATE_ROWS_COMPRESSED: u8 = 170;
    pub const MARIADB_DELETE_ROWS_COMPRESSED: u8 = 171;
    pub const MARIADB_PARTIAL_ROW_DATA: u8 = 172;
}
