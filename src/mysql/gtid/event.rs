//! Event bodies that carry GTIDs, each without its header and checksum. Uses `error` and `cursor`
//! (byte readers). Warm.

use super::mysql::is_tag;
use super::{GtidSet, MariaDbPosition, MySqlSet};
use crate::error::{Error, Result};
use crate::mysql::cursor::{take, take_slice};
use crate::mysql::ddl::Xid;

/// The start of a MySQL transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gtid {
    /// The uuid of the server that committed it first; zeros when anonymous.
    pub sid: [u8; 16],
    /// Its tag, empty for none.
    pub tag: String,
    /// Its number, 0 when anonymous.
    pub gno: u64,
    /// When this server committed it, microseconds since 1970 (MySQL >= 8.0.1).
    pub immediate_commit_micros: Option<u64>,
    /// When the first server committed it, microseconds since 1970 (MySQL >= 8.0.1).
    pub original_commit_micros: Option<u64>,
    /// Bytes of the whole transaction in the log, this event included (MySQL >= 8.0.2).
    pub transaction_length: Option<u64>,
}

fn cut(event: &str) -> Error {
    Error::data(format!("{event} is damaged: it does not hold what it announces"))
        .advise("the log is damaged here")
}

/// GTID_EVENT (33) and ANONYMOUS_GTID_EVENT (34): flags 1, uuid 16, number 8; then, by version,
/// clock type 1 with two clocks of 8, commit times of 7 each, length, server versions.
pub fn parse_plain(body: &[u8]) -> Result<Gtid> {
    let mut rest = body;
    let mut head = || {
        take::<1>(&mut rest)?;
        Some((take(&mut rest)?, u64::from_le_bytes(take(&mut rest)?)))
    };
    let (sid, gno) = head().ok_or_else(|| cut("GTID_EVENT"))?;
    let mut gtid = Gtid {
        sid,
        tag: String::new(),
        gno,
        immediate_commit_micros: None,
        original_commit_micros: None,
        transaction_length: None,
    };
    if rest.first() == Some(&LOGICAL_CLOCKS) && take_slice(&mut rest, 17).is_some() {
        read_commit_times(&mut gtid, &mut rest);
    }
    Ok(gtid)
}

/// The clock type that says two logical clocks follow (MySQL >= 5.7.5).
const LOGICAL_CLOCKS: u8 = 2;

fn read_commit_times(gtid: &mut Gtid, rest: &mut &[u8]) -> Option<()> {
    let immediate = u56(take(rest)?);
    // The top bit says that the first server's time is another and follows.
    let original = if immediate >> 55 != 0 { u56(take(rest)?) } else { immediate };
    gtid.immediate_commit_micros = Some(immediate & !(1 << 55));
    gtid.original_commit_micros = Some(original & !(1 << 55));
    gtid.transaction_length = length_encoded(rest);
    Some(())
}

fn u56(bytes: [u8; 7]) -> u64 {
    let [a, b, c, d, e, f, g] = bytes;
    u64::from_le_bytes([a, b, c, d, e, f, g, 0])
}

/// The protocol's length-encoded integer.
fn length_encoded(rest: &mut &[u8]) -> Option<u64> {
    let [first] = take(rest)?;
    match first {
        0..=250 => Some(first.into()),
        252 => Some(u16::from_le_bytes(take(rest)?).into()),
        253 => {
            let [a, b, c] = take(rest)?;
            Some(u32::from_le_bytes([a, b, c, 0]).into())
        }
        254 => Some(u64::from_le_bytes(take(rest)?)),
        _ => None,
    }
}

/// GTID_TAGGED_LOG_EVENT (42, MySQL >= 8.3): a message of MySQL's serialization library: version,
/// size, the last field that may not be skipped, then pairs of field id and value.
pub fn parse_tagged(body: &[u8]) -> Result<Gtid> {
    let mut rest = body;
    tagged(&mut rest).ok_or_else(|| cut("GTID_TAGGED_LOG_EVENT"))
}

fn tagged(rest: &mut &[u8]) -> Option<Gtid> {
    let whole = rest.len();
    // Version 1 of the library, in its variable-length form.
    let [version] = take(rest)?;
    if version != 2 {
        return None;
    }
    let size = usize::try_from(variable(rest)?).ok()?;
    let last_needed = variable(rest)?;
    let fields = size.checked_sub(whole.checked_sub(rest.len())?)?;
    let fields = &mut take_slice(rest, fields)?;
    let mut gtid = Gtid {
        sid: [0; 16],
        tag: String::new(),
        gno: 0,
        immediate_commit_micros: None,
        original_commit_micros: None,
        transaction_length: None,
    };
    let mut seen = 0u8;
    while !fields.is_empty() {
        match variable(fields)? {
            1 => {
                for byte in &mut gtid.sid {
                    *byte = u8::try_from(variable(fields)?).ok()?;
                }
                seen |= 1;
            }
            2 => {
                gtid.gno = u64::try_from(signed(fields)?).ok()?;
                seen |= 2;
            }
            3 => {
                let length = usize::try_from(variable(fields)?).ok()?;
                let tag = std::str::from_utf8(take_slice(fields, length)?).ok()?;
                gtid.tag = (tag.is_empty() || is_tag(tag)).then(|| tag.to_owned())?;
            }
            0 | 9..=11 => drop(variable(fields)?),
            4 | 5 => drop(signed(fields)?),
            6 => gtid.immediate_commit_micros = Some(variable(fields)?),
            7 => gtid.original_commit_micros = Some(variable(fields)?),
            8 => gtid.transaction_length = Some(variable(fields)?),
            // A field of a later server, which a reader may or may not leave out.
            unknown if unknown > last_needed => break,
            _ => return None,
        }
    }
    gtid.original_commit_micros = gtid.original_commit_micros.or(gtid.immediate_commit_micros);
    (seen == 3).then_some(gtid)
}

/// An unsigned number of the serialization library: the ones at the low end of the first byte
/// count the bytes that follow.
fn variable(rest: &mut &[u8]) -> Option<u64> {
    let first = *rest.first()?;
    let more = first.trailing_ones();
    if more == 8 {
        take::<1>(rest)?;
        return Some(u64::from_le_bytes(take(rest)?));
    }
    let bytes = take_slice(rest, usize::try_from(more).ok()?.checked_add(1)?)?;
    let value = bytes.iter().rev().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
    Some(value >> (more + 1))
}

/// A signed number of the serialization library: the sign in the lowest bit.
fn signed(rest: &mut &[u8]) -> Option<i64> {
    let value = variable(rest)?;
    let magnitude = i64::try_from(value >> 1).ok()?;
    Some(if value & 1 == 0 { magnitude } else { !magnitude })
}

/// PREVIOUS_GTIDS_LOG_EVENT (35): all transactions of earlier files. Count 8 (its top byte says
/// whether tags follow), then uuid 16, tag, count 8 and half-open ranges of 8 and 8.
pub fn parse_previous(body: &[u8]) -> Result<GtidSet> {
    let mut rest = body;
    let set = previous(&mut rest).ok_or_else(|| cut("PREVIOUS_GTIDS_LOG_EVENT"))?;
    Ok(if set.is_empty() { GtidSet::Empty } else { GtidSet::MySql(set) })
}

fn previous(rest: &mut &[u8]) -> Option<MySqlSet> {
    let mut set = MySqlSet::default();
    let head = u64::from_le_bytes(take(rest)?);
    let tagged = match head >> 56 {
        0 => false,
        1 => true,
        _ => return None,
    };
    let count = if tagged { head << 8 >> 16 } else { head };
    for _ in 0..count {
        let sid = take(rest)?;
        let tag = if tagged {
            let length = usize::try_from(variable(rest)?).ok()?;
            std::str::from_utf8(take_slice(rest, length)?).ok()?
        } else {
            ""
        };
        if !tag.is_empty() && !is_tag(tag) {
            return None;
        }
        for _ in 0..u64::from_le_bytes(take(rest)?) {
            let start = u64::from_le_bytes(take(rest)?);
            let end = u64::from_le_bytes(take(rest)?);
            if start == 0 || start >= end || i64::try_from(end).is_err() {
                return None;
            }
            set.add_range(sid, tag, start, end);
        }
    }
    Some(set)
}

/// The start of a MariaDB transaction, without its server id, which is in the event's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MariaDbGtid {
    /// Replication domain.
    pub domain: u32,
    /// Sequence number in the domain.
    pub sequence: u64,
    /// `FL_` bits of the event.
    pub flags: u8,
    /// The distributed transaction that is prepared here, or that ends here.
    pub xid: Option<Xid>,
}

impl MariaDbGtid {
    /// The group is one event, without an end of its own (`FL_STANDALONE`).
    pub fn is_standalone(&self) -> bool {
        self.flags & 0x01 != 0
    }

    /// It can be rolled back (`FL_TRANSACTIONAL`).
    pub fn is_transactional(&self) -> bool {
        self.flags & 0x04 != 0
    }

    /// It holds a DDL (`FL_DDL`).
    pub fn is_ddl(&self) -> bool {
        self.flags & 0x20 != 0
    }

    /// It is the body of a distributed transaction, up to its PREPARE (`FL_PREPARED_XA`).
    pub fn is_prepared_xa(&self) -> bool {
        self.flags & 0x40 != 0
    }

    /// It is the COMMIT or ROLLBACK of a distributed transaction (`FL_COMPLETED_XA`).
    pub fn is_completed_xa(&self) -> bool {
        self.flags & 0x80 != 0
    }
}

/// MariaDB's GTID_EVENT (162): sequence 8, domain 4, flags 1, group commit id 8 where flagged, xid
/// where flagged.
pub fn parse_mariadb(body: &[u8]) -> Result<MariaDbGtid> {
    let mut rest = body;
    mariadb(&mut rest).ok_or_else(|| cut("MariaDB's GTID_EVENT"))
}

fn mariadb(rest: &mut &[u8]) -> Option<MariaDbGtid> {
    let sequence = u64::from_le_bytes(take(rest)?);
    let domain = u32::from_le_bytes(take(rest)?);
    let [flags] = take(rest)?;
    if flags & 0x02 != 0 {
        take_slice(rest, 8)?;
    }
    let xid = if flags & 0xC0 != 0 {
        let format = u32::from_le_bytes(take(rest)?);
        let [gtrid, bqual] = take(rest)?;
        Some(xid(rest, format, gtrid.into(), bqual.into())?)
    } else {
        None
    };
    Some(MariaDbGtid { domain, sequence, flags, xid })
}

fn xid(rest: &mut &[u8], format: u32, gtrid: usize, bqual: usize) -> Option<Xid> {
    let gtrid = take_slice(rest, gtrid)?.to_vec();
    let bqual = take_slice(rest, bqual)?.to_vec();
    Some(Xid { gtrid, bqual, format: format.into() })
}

/// XA_PREPARE_LOG_EVENT (38) of both servers: one-phase flag 1, format 4, two lengths of 4, bytes.
/// Gives the transaction and whether it is committed here (`COMMIT ONE PHASE`).
pub fn parse_xa_prepare(body: &[u8]) -> Result<(Xid, bool)> {
    let mut rest = body;
    let mut read = || {
        let [one_phase] = take(&mut rest)?;
        let format = u32::from_le_bytes(take(&mut rest)?);
        let gtrid = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        let bqual = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).ok()?;
        Some((xid(&mut rest, format, gtrid, bqual)?, one_phase != 0))
    };
    read().ok_or_else(|| cut("XA_PREPARE_LOG_EVENT"))
}

/// MariaDB's GTID_LIST_EVENT (163): where each domain stood when the file began. Count 4 (flags in
/// its top four bits), then domain 4, server 4, sequence 8.
pub fn parse_gtid_list(body: &[u8]) -> Result<GtidSet> {
    let mut rest = body;
    let mut position = MariaDbPosition::default();
    let mut read = || {
        let count = u32::from_le_bytes(take(&mut rest)?) & 0x0FFF_FFFF;
        for _ in 0..count {
            let domain = u32::from_le_bytes(take(&mut rest)?);
            let server = u32::from_le_bytes(take(&mut rest)?);
            position.add(domain, server, u64::from_le_bytes(take(&mut rest)?));
        }
        Some(())
    };
    read().ok_or_else(|| cut("MariaDB's GTID_LIST_EVENT"))?;
    Ok(if position.is_empty() { GtidSet::Empty } else { GtidSet::MariaDb(position) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
            .collect()
    }

    const SID: &str = "73fd55ea-e560-11f1-be63-02fc00000001";

    fn text(gtid: &Gtid) -> String {
        let mut set = MySqlSet::default();
        set.add(gtid.sid, &gtid.tag, gtid.gno);
        set.to_string()
    }

    // The bodies were recorded from MySQL 9.7 and MariaDB 10.11.

    #[test]
    fn plain_gtids_with_and_without_times() {
        let body = hex("0173fd55eae56011f1be6302fc0000000109000000000000000208000000000000000900\
                        000000000000458dbf8cc16006fc3d0150620100");
        let gtid = parse_plain(&body).unwrap();
        assert_eq!(text(&gtid), format!("{SID}:9"));
        assert_eq!(gtid.immediate_commit_micros, Some(0x06_60c1_8cbf_8d45));
        assert_eq!(gtid.original_commit_micros, gtid.immediate_commit_micros);
        assert_eq!(gtid.transaction_length, Some(0x013d));
        let old = parse_plain(&body[..42]).unwrap();
        assert_eq!((old.gno, old.immediate_commit_micros), (9, None));
        let oldest = parse_plain(&body[..25]).unwrap();
        assert_eq!(oldest.gno, 9);
        assert!(parse_plain(&body[..24]).is_err());
        let mut replicated = body[..49].to_vec();
        replicated[48] |= 0x80;
        replicated.extend([1, 0, 0, 0, 0, 0, 0, 5]);
        let gtid = parse_plain(&replicated).unwrap();
        assert_eq!(gtid.original_commit_micros, Some(1));
        assert_eq!(gtid.immediate_commit_micros, Some(0x06_60c1_8cbf_8d45));
        assert_eq!(gtid.transaction_length, Some(5));
    }

    const TAGGED: &str = "027600000002e6f503aaa9039503c022c503f902c604f103000000020404060e6477735f\
                          74616708300a340c7f92eed6d3c1600610a5041283120b";

    #[test]
    fn tagged_gtids() {
        let gtid = parse_tagged(&hex(TAGGED)).unwrap();
        assert_eq!(text(&gtid), format!("{SID}:dws_tag:1"));
        // Committed at 2026-11-21T04:30:59 by that server.
        assert_eq!(gtid.immediate_commit_micros.unwrap() / 1_000_000, 1_795_235_459);
        assert_eq!(gtid.original_commit_micros, gtid.immediate_commit_micros);
        assert_eq!(gtid.transaction_length, Some(297));
        for end in 0..hex(TAGGED).len() {
            assert!(parse_tagged(&hex(TAGGED)[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn unknown_fields_of_tagged_gtids_stop_only_when_they_matter() {
        let mut body = hex(TAGGED);
        let last = body.len() - 4;
        body[last] = 50;
        assert!(parse_tagged(&body).is_ok());
        body[2] = 60;
        assert!(parse_tagged(&body).is_err());
    }

    #[test]
    fn earlier_transactions_with_and_without_tags() {
        let tagged = hex("010200000000000173fd55eae56011f1be6302fc000000010001000000000000000100\
                          0000000000000d0000000000000073fd55eae56011f1be6302fc000000010e6477735f\
                          746167010000000000000001000000000000000200000000000000");
        let set = parse_previous(&tagged).unwrap();
        assert_eq!(set.to_string(), format!("{SID}:1-12:dws_tag:1"));
        let plain = hex("010000000000000073fd55eae56011f1be6302fc0000000101000000000000000100000\
                         0000000000d00000000000000");
        assert_eq!(parse_previous(&plain).unwrap().to_string(), format!("{SID}:1-12"));
        assert_eq!(parse_previous(&[0; 8]).unwrap(), GtidSet::Empty);
        for end in 0..tagged.len() {
            assert!(parse_previous(&tagged[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn mariadb_gtids() {
        let gtid = parse_mariadb(&hex("12000000000000000000000029000000000000")).unwrap();
        assert_eq!((gtid.domain, gtid.sequence, &gtid.xid), (0, 18, &None));
        assert!(gtid.is_ddl() && gtid.is_standalone() && !gtid.is_transactional());
        let gtid =
            parse_mariadb(&hex("1600000000000000000000004c0700000003010067ff6201ff")).unwrap();
        let xid = Xid { gtrid: vec![0, 0x67, 0xFF], bqual: b"b".to_vec(), format: 7 };
        assert!(gtid.is_prepared_xa() && gtid.is_transactional());
        assert_eq!(gtid.xid, Some(xid.clone()));
        let ended = parse_mariadb(&hex("1700000000000000000000008d0700000003010067ff62")).unwrap();
        assert!(ended.is_completed_xa());
        assert_eq!(ended.xid, Some(xid.clone()));
        assert!(parse_mariadb(&hex("1700000000000000000000008d07000000030100")).is_err());
        let (prepared, one_phase) =
            parse_xa_prepare(&hex("000700000003000000010000000067ff62")).unwrap();
        assert_eq!((prepared, one_phase), (xid, false));
        assert!(parse_xa_prepare(&hex("0101000000010000000000000068")).unwrap().1);
        assert!(parse_xa_prepare(&hex("01010000000100000000000000")).is_err());
    }

    #[test]
    fn mariadb_lists() {
        let body = hex("020000000500000001000000010000000000000000000000010000001800000000000000");
        assert_eq!(parse_gtid_list(&body).unwrap().to_string(), "0-1-24,5-1-1");
        assert_eq!(parse_gtid_list(&[0, 0, 0, 0x10]).unwrap(), GtidSet::Empty);
        assert!(parse_gtid_list(&body[..35]).is_err());
    }
}
