//! QUERY_EVENT bodies: the statement, where it ran and how to read its text. Uses `error` and
//! `cursor`. Warm: one or two a transaction, nothing is copied.
//!
//! Layout (MySQL `Query_event`, binlog version 4): thread id 4, seconds 4, schema length 1, error
//! code 2, status length 2; status variables; schema, NUL; SQL to the end. MariaDB's
//! QUERY_COMPRESSED_EVENT differs only in its SQL, which is packed (see [`mariadb_uncompress`]).

use std::io::Read;

use super::cursor::{take, take_slice};
use crate::error::{Error, Result};

/// The fixed part of a binlog-4 QUERY_EVENT; a format description may announce more.
const FIXED: usize = 13;

/// `MODE_ANSI_QUOTES` of both servers: `"` quotes identifiers.
const ANSI_QUOTES: u64 = 1 << 2;
/// `MODE_NO_BACKSLASH_ESCAPES` of both servers: `\` is an ordinary character in strings.
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// A statement as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query<'a> {
    /// The session that ran it; temporary tables belong to a session.
    pub thread_id: u32,
    /// The default schema, empty when the session had none.
    pub schema: &'a str,
    /// The error the statement ended with on the source, 0 for none.
    pub error_code: u16,
    /// The statement in the character set `client_charset`.
    pub sql: &'a [u8],
    /// `@@sql_mode` bits.
    pub sql_mode: u64,
    /// Collation id of `@@character_set_client`, in which `sql` is written.
    pub client_charset: Option<u16>,
    /// Collation id of `@@collation_connection`.
    pub connection_collation: Option<u16>,
    /// Collation id of `@@collation_server`.
    pub server_collation: Option<u16>,
    /// Collation id of the default schema's default, as far as the log says.
    pub schema_collation: Option<u16>,
    /// Collation id that a bare `CHARSET utf8mb4` means on the source (MySQL >= 8.0.11).
    pub utf8mb4_collation: Option<u16>,
    /// Microseconds to add to the header's second.
    pub micros: Option<u32>,
    /// The transaction id of an atomic DDL (MySQL `Q_DDL_LOGGED_WITH_XID`, MariaDB `Q_XID`).
    pub ddl_xid: Option<u64>,
}

impl<'a> Query<'a> {
    /// Reads a body: what follows the 19-byte header, without the checksum. `post_header_len` is
    /// what the format description says of this event type.
    pub fn parse(body: &'a [u8], post_header_len: usize) -> Result<Self> {
        let (fixed, status, schema, sql) = split(body, post_header_len)?;
        let schema = std::str::from_utf8(schema)
            .map_err(|e| Error::data("QUERY_EVENT: the schema's name is not UTF-8").caused_by(e))?;
        let mut query = Self {
            thread_id: fixed.thread_id,
            schema,
            error_code: fixed.error_code,
            sql,
            sql_mode: 0,
            client_charset: None,
            connection_collation: None,
            server_collation: None,
            schema_collation: None,
            utf8mb4_collation: None,
            micros: None,
            ddl_xid: None,
        };
        query.read_status(status);
        Ok(query)
    }

    /// Whether `"` quotes identifiers in `sql`.
    pub fn ansi_quotes(&self) -> bool {
        self.sql_mode & ANSI_QUOTES != 0
    }

    /// Whether `\` is an ordinary character in the strings of `sql`.
    pub fn no_backslash_escapes(&self) -> bool {
        self.sql_mode & NO_BACKSLASH_ESCAPES != 0
    }

    /// Reads status variables up to the end or the first one whose length is not known: codes
    /// have no length of their own, so nothing behind an unknown one can be found. What was read
    /// stays; the statement is found by the block's length.
    fn read_status(&mut self, status: &[u8]) {
        let mut rest = status;
        while self.read_variable(&mut rest).is_some() {}
    }

    fn read_variable(&mut self, rest: &mut &[u8]) -> Option<()> {
        let [code] = take(rest)?;
        match code {
            0 => skip(rest, 4)?,
            1 => self.sql_mode = u64::from_le_bytes(take(rest)?),
            // An old catalog's name ends with a NUL that its length does not count.
            2 => {
                skip_counted(rest)?;
                skip(rest, 1)?;
            }
            3 => skip(rest, 4)?,
            4 => {
                self.client_charset = Some(u16::from_le_bytes(take(rest)?));
                self.connection_collation = Some(u16::from_le_bytes(take(rest)?));
                self.server_collation = Some(u16::from_le_bytes(take(rest)?));
            }
            5 | 6 => skip_counted(rest)?,
            7 => skip(rest, 2)?,
            8 => self.schema_collation = Some(u16::from_le_bytes(take(rest)?)),
            9 => skip(rest, 8)?,
            10 => skip(rest, 4)?,
            11 => {
                skip_counted(rest)?;
                skip_counted(rest)?;
            }
            12 => skip_names(rest)?,
            13 | 128 => self.micros = Some(u24(take(rest)?)),
            // Reserved by MySQL, without a value.
            14 | 15 => {}
            16 => skip(rest, 1)?,
            17 | 129 => self.ddl_xid = Some(u64::from_le_bytes(take(rest)?)),
            18 => self.utf8mb4_collation = Some(u16::from_le_bytes(take(rest)?)),
            19 | 20 => skip(rest, 1)?,
            130 => skip(rest, 2)?,
            _ => return None,
        }
        Some(())
    }
}

struct Fixed {
    thread_id: u32,
    error_code: u16,
}

/// Fixed part, status block, schema without its NUL, SQL.
#[allow(clippy::type_complexity)]
fn split(body: &[u8], post_header_len: usize) -> Result<(Fixed, &[u8], &[u8], &[u8])> {
    let cut = || {
        Error::data(format!("QUERY_EVENT of {} bytes is shorter than its parts say", body.len()))
            .advise("the log is damaged here")
    };
    if post_header_len < FIXED {
        return Err(Error::data(format!(
            "QUERY_EVENT with a fixed part of {post_header_len} bytes: logs before MySQL 5.0 are \
             not read"
        )));
    }
    let (mut head, rest) = body.split_at_checked(post_header_len).ok_or_else(cut)?;
    let head = &mut head;
    let mut read = || {
        let thread_id = u32::from_le_bytes(take(head)?);
        skip(head, 4)?;
        let [schema_len] = take(head)?;
        let error_code = u16::from_le_bytes(take(head)?);
        let status_len = u16::from_le_bytes(take(head)?);
        let (status, rest) = rest.split_at_checked(status_len.into())?;
        let (schema, rest) = rest.split_at_checked(schema_len.into())?;
        let (_nul, sql) = rest.split_first()?;
        Some((Fixed { thread_id, error_code }, status, schema, sql))
    };
    read().ok_or_else(cut)
}

/// A QUERY_COMPRESSED_EVENT body (MariaDB, type 165) as the body of the plain QUERY_EVENT, for
/// [`Query::parse`]. The statement may not exceed `limit` bytes.
pub fn inflate(body: &[u8], post_header_len: usize, limit: usize) -> Result<Vec<u8>> {
    let (_, _, _, packed) = split(body, post_header_len)?;
    let sql = mariadb_uncompress(packed, limit)?;
    let head = body.len().saturating_sub(packed.len());
    let mut plain = body.get(..head).unwrap_or_default().to_vec();
    plain.extend_from_slice(&sql);
    Ok(plain)
}

/// Unpacks MariaDB's compressed event payloads: one byte (0x80, the algorithm in bits 4 to 6 where
/// 0 is zlib, the number of length bytes in bits 0 to 2), the plain length big-endian, a zlib
/// stream. `limit` in bytes is checked before anything is allocated.
pub fn mariadb_uncompress(bytes: &[u8], limit: usize) -> Result<Vec<u8>> {
    let damaged = |what: &str| {
        Error::data(format!("compressed MariaDB event: {what}")).advise("the log is damaged here")
    };
    let (&head, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
    let width = usize::from(head & 0x07);
    if head & 0x80 == 0 || !(1..=4).contains(&width) {
        return Err(damaged("its first byte is not a compression header"));
    }
    if head & 0x70 != 0 {
        return Err(Error::data(format!(
            "compressed MariaDB event: algorithm {} is not known, only zlib is",
            (head & 0x70) >> 4
        )));
    }
    let (length, packed) =
        rest.split_at_checked(width).ok_or_else(|| damaged("it ends inside its length"))?;
    let length = length.iter().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
    if length > limit {
        return Err(Error::data(format!(
            "compressed MariaDB event: {length} bytes unpacked exceed the limit of {limit}"
        )));
    }
    let mut plain = Vec::with_capacity(length);
    // One byte more than announced shows a stream that is longer than it says.
    flate2::read::ZlibDecoder::new(packed)
        .take(length as u64 + 1)
        .read_to_end(&mut plain)
        .map_err(|e| damaged("its zlib stream does not unpack").caused_by(e))?;
    if plain.len() != length {
        return Err(damaged("its length is not the one announced"));
    }
    Ok(plain)
}

fn skip(rest: &mut &[u8], count: usize) -> Option<()> {
    take_slice(rest, count).map(drop)
}

fn skip_counted(rest: &mut &[u8]) -> Option<()> {
    let [length] = take(rest)?;
    skip(rest, length.into())
}

/// `Q_UPDATED_DB_NAMES`: a count and NUL-ended names; a count of 254 means "too many", no names.
fn skip_names(rest: &mut &[u8]) -> Option<()> {
    let [count] = take(rest)?;
    if count == 254 {
        return Some(());
    }
    for _ in 0..count {
        let end = memchr::memchr(0, rest)?;
        skip(rest, end.checked_add(1)?)?;
    }
    Some(())
}

fn u24([a, b, c]: [u8; 3]) -> u32 {
    u32::from_le_bytes([a, b, c, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn body(status: &[u8], schema: &str, sql: &[u8]) -> Vec<u8> {
        let mut body = vec![7, 0, 0, 0, 0, 0, 0, 0, schema.len() as u8, 0x39, 5];
        body.extend((status.len() as u16).to_le_bytes());
        body.extend(status);
        body.extend(schema.as_bytes());
        body.push(0);
        body.extend(sql);
        body
    }

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut packed = vec![0x82];
        packed.extend((plain.len() as u16).to_be_bytes());
        let mut zlib = flate2::write::ZlibEncoder::new(packed, flate2::Compression::default());
        zlib.write_all(plain).unwrap();
        zlib.finish().unwrap()
    }

    #[test]
    fn reads_what_surrounds_the_statement() {
        let mut status = vec![0, 1, 2, 3, 4];
        status.extend([1, 4, 0, 0x10, 0, 0, 0, 0, 0]);
        status.extend([6, 3, b's', b't', b'd']);
        status.extend([4, 33, 0, 45, 0, 8, 0]);
        status.extend([12, 2, b'a', 0, b'b', b'c', 0]);
        status.extend([13, 0x40, 0xE2, 0x01]);
        status.extend([17, 9, 0, 0, 0, 0, 0, 0, 0]);
        status.extend([18, 255, 0]);
        let bytes = body(&status, "shop", b"ALTER TABLE t ADD c int");
        let query = Query::parse(&bytes, 13).unwrap();
        assert_eq!(query.thread_id, 7);
        assert_eq!(query.error_code, 1337);
        assert_eq!(query.schema, "shop");
        assert_eq!(query.sql, b"ALTER TABLE t ADD c int");
        assert!(query.ansi_quotes() && query.no_backslash_escapes());
        assert_eq!(query.client_charset, Some(33));
        assert_eq!(query.connection_collation, Some(45));
        assert_eq!(query.server_collation, Some(8));
        assert_eq!(query.micros, Some(123_456));
        assert_eq!(query.ddl_xid, Some(9));
        assert_eq!(query.utf8mb4_collation, Some(255));
    }

    #[test]
    fn an_unknown_variable_ends_the_block_but_not_the_event() {
        let bytes = body(&[4, 33, 0, 45, 0, 8, 0, 99, 1, 2, 3, 13, 1, 0, 0], "", b"BEGIN");
        let query = Query::parse(&bytes, 13).unwrap();
        assert_eq!(
            (query.client_charset, query.micros, query.sql),
            (Some(33), None, &b"BEGIN"[..])
        );
    }

    #[test]
    fn too_many_updated_schemas_carry_no_names() {
        let bytes = body(&[12, 254, 13, 1, 0, 0], "", b"BEGIN");
        assert_eq!(Query::parse(&bytes, 13).unwrap().micros, Some(1));
    }

    #[test]
    fn mariadb_microseconds_and_xid() {
        let bytes = body(&[128, 5, 0, 0, 129, 6, 0, 0, 0, 0, 0, 0, 0], "", b"BEGIN");
        let query = Query::parse(&bytes, 13).unwrap();
        assert_eq!((query.micros, query.ddl_xid), (Some(5), Some(6)));
    }

    #[test]
    fn a_cut_body_is_an_error_at_every_length() {
        let bytes = body(&[13, 1, 0, 0], "shop", b"");
        for end in 0..bytes.len() {
            assert!(Query::parse(&bytes[..end], 13).is_err(), "{end}");
        }
        assert!(Query::parse(&bytes, 11).is_err());
    }

    #[test]
    fn compressed_statements_become_plain_ones() {
        let sql = b"ALTER TABLE t ADD c int ".repeat(40);
        let plain = body(&[13, 1, 0, 0], "shop", &sql);
        let packed = body(&[13, 1, 0, 0], "shop", &pack(&sql));
        assert!(packed.len() < plain.len());
        assert_eq!(inflate(&packed, 13, 1 << 20).unwrap(), plain);
    }

    #[test]
    fn unpacking_keeps_its_limits() {
        let packed = pack(&[b'x'; 1000]);
        assert_eq!(mariadb_uncompress(&packed, 1000).unwrap().len(), 1000);
        let text = mariadb_uncompress(&packed, 999).unwrap_err().to_string();
        assert!(text.contains("limit of 999"), "{text}");
        let mut longer = packed.clone();
        longer[2] = 0;
        assert!(mariadb_uncompress(&longer, 1 << 20).is_err());
        assert!(mariadb_uncompress(&packed[..packed.len() - 8], 1 << 20).is_err());
        assert!(mariadb_uncompress(&[0x91, 1, 0], 9).is_err());
        assert!(mariadb_uncompress(&[], 9).is_err());
    }
}
