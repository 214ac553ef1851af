//! The format description event: who wrote a file, and how its events are laid out. Uses `error`,
//! `mysql::cursor`, `mysql::event`. Not hot.

use super::cursor::Cursor;
use super::event::{CHECKSUM_LEN, kind};
use crate::error::{Error, Result};

/// How the events of a file are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing behind the events.
    None,
    /// A CRC32 (zlib polynomial) over header and body.
    Crc32,
}

impl Checksum {
    /// Bytes behind each event.
    pub fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32 => CHECKSUM_LEN,
        }
    }

    /// Whether nothing stands behind the events.
    pub fn is_empty(self) -> bool {
        self == Self::None
    }
}

/// What a format description event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The server's version text, such as `9.7.0` or `10.11.6-MariaDB-log`.
    pub server_version: String,
    /// Whether MariaDB wrote it.
    pub mariadb: bool,
    /// How the file's events are protected.
    pub checksum: Checksum,
    /// Bytes of the fixed part of each event type, from type 1 on.
    post_header_lens: Vec<u8>,
}

impl Format {
    /// Reads the bytes behind the event header, up to the end of the event.
    ///
    /// Servers that know checksums (MySQL 5.6.1, MariaDB 5.3) put the algorithm and a CRC32 behind
    /// the list of lengths, whatever the algorithm is.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let short = || Error::data("the format description event is too short");
        let mut cursor = Cursor::new(bytes);
        let version = cursor.u16().ok_or_else(short)?;
        if version != 4 {
            return Err(Error::data(format!(
                "binlog format version {version} is not supported, only version 4 (MySQL 5.0 and later)"
            )));
        }
        let name = cursor.take(50).ok_or_else(short)?;
        let name = name.split(|b| *b == 0).next().unwrap_or_default();
        let server_version = String::from_utf8_lossy(name).into_owned();
        cursor.take(4).ok_or_else(short)?;
        let header_len = cursor.u8().ok_or_else(short)?;
        if header_len != 19 {
            return Err(Error::data(format!(
                "the format description says events have {header_len} header bytes; only 19 are known"
            )));
        }
        let mariadb = server_version.to_ascii_lowercase().contains("mariadb");
        let mut lens = cursor.rest();
        let mut checksum = Checksum::None;
        if knows_checksums(&server_version, mariadb) {
            let at = lens.len().checked_sub(1 + CHECKSUM_LEN).ok_or_else(short)?;
            checksum = match lens.get(at) {
                Some(0) => Checksum::None,
                Some(1) => Checksum::Crc32,
                Some(other) => {
                    return Err(Error::data(format!("checksum algorithm {other} is not known")));
                }
                None => return Err(short()),
            };
            lens = lens.get(..at).ok_or_else(short)?;
        }
        Ok(Self { server_version, mariadb, checksum, post_header_lens: lens.to_vec() })
    }

    /// What holds before a file's first event, which is its format description.
    pub fn before_the_first() -> Self {
        Self {
            server_version: String::new(),
            mariadb: false,
            checksum: Checksum::None,
            post_header_lens: Vec::new(),
        }
    }

    /// Bytes of the fixed part of an event type; `None` when the file does not list the type.
    pub fn post_header_len(&self, kind: u8) -> Option<usize> {
        let index = usize::from(kind).checked_sub(1)?;
        self.post_header_lens.get(index).map(|len| usize::from(*len))
    }

    /// Bytes of a table id in events of this type: 4 in logs before 5.1.4, else 6.
    pub fn table_id_len(&self, kind: u8) -> usize {
        if self.post_header_len(kind) == Some(6) { 4 } else { 6 }
    }

    /// Bytes of the fixed part of QUERY events, 13 in version 4.
    pub fn query_len(&self) -> usize {
        self.post_header_len(kind::QUERY).unwrap_or(13)
    }
}

/// Whether a server of this version ends its format description with the checksum algorithm.
fn knows_checksums(version: &str, mariadb: bool) -> bool {
    let mut parts = version
        .split(|c: char| !c.is_ascii_digit())
        .map(|part| part.parse::<u32>().unwrap_or(0))
        .take(3);
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if mariadb { version >= (5, 3, 0) } else { version >= (5, 6, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_decide_about_the_trailer() {
        assert!(knows_checksums("9.7.0", false));
        assert!(knows_checksums("5.6.1-log", false));
        assert!(!knows_checksums("5.5.62-log", false));
        assert!(knows_checksums("10.11.6-MariaDB-log", true));
        assert!(!knows_checksums("5.2.14-MariaDB", true));
    }

    #[test]
    fn short_bodies_are_errors() {
        for len in 0..57 {
            assert!(Format::parse(&vec![4; len]).is_err());
        }
    }
}
