//! HOT. One cell of a row image, from its bytes to its JSON. Uses `ums::json`, `mysql::{charset,
//! cursor, decimal, json, temporal, types}`.
//!
//! No allocation a cell, no clock, no lock; the only branch is the column's kind.

use std::io::Write;
use std::net::Ipv4Addr;

use super::charset::{self, Bad};
use super::cursor::{uint, uint_be};
use super::types::Kind;
use super::{decimal, json, temporal};
use crate::ums::json::{
    push_base64, push_escaped, push_f32, push_f64, push_i64, push_plain_ascii, push_u64,
};

/// Why a cell cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CellError {
    /// The row image ends inside the cell, or the cell holds what its type cannot.
    Malformed,
    /// Text that is not valid in its character set, at this byte of the cell.
    BadText(usize),
    /// Binary JSON that is damaged: why, without values.
    BadJson(String),
}

/// Room that cells share, so that no cell allocates, and what to do with bytes that do not decode.
pub struct Scratch {
    /// Text on its way from another character set.
    text: String,
    /// Bytes on their way out of a compressed column or a document.
    bytes: Vec<u8>,
    /// Stop at, or replace, bytes that do not decode.
    pub bad: Bad,
}

impl Scratch {
    /// Empty room.
    pub fn new(bad: Bad) -> Self {
        Self { text: String::new(), bytes: Vec::new(), bad }
    }
}

/// The cell's bytes at the start of `image`: those of its length prefix and of its value.
#[inline]
fn prefixed(image: &[u8], width: u8) -> Option<(&[u8], usize)> {
    let (prefix, rest) = image.split_at_checked(usize::from(width))?;
    let len = match prefix {
        [one] => usize::from(*one),
        [low, high] => usize::from(u16::from_le_bytes([*low, *high])),
        _ => usize::try_from(uint(prefix)?).ok()?,
    };
    Some((rest.get(..len)?, usize::from(width) + len))
}

/// Bytes that a fraction adds in MariaDB's own TIME and DATETIME.
fn own_fraction(digits: u8) -> usize {
    [0, 1, 1, 2, 2, 2, 3].get(usize::from(digits)).copied().unwrap_or(3)
}

/// How many bytes a cell has; `None` when the image ends inside it.
#[inline]
pub fn length(kind: &Kind, image: &[u8]) -> Option<usize> {
    let fraction = |digits: u8| usize::from(digits.min(6).div_ceil(2));
    let len = match kind {
        Kind::Signed(bytes) | Kind::Unsigned(bytes) | Kind::Bit(bytes) => usize::from(*bytes),
        Kind::UnsignedInt | Kind::Float | Kind::TimestampOld => 4,
        Kind::Bigint | Kind::UnsignedBigint | Kind::Double | Kind::DatetimeOld => 8,
        Kind::Decimal(precision, scale) => decimal::packed_len(*precision, *scale)?,
        Kind::Year => 1,
        Kind::Date | Kind::TimeOld => 3,
        Kind::TimeOwn(digits) => 3 + own_fraction(*digits),
        Kind::DatetimeOwn(digits) => 5 + own_fraction(*digits),
        Kind::TimestampOwn(digits) => 4 + fraction(*digits),
        Kind::Time(digits) => 3 + fraction(*digits),
        Kind::Datetime(digits) => 5 + fraction(*digits),
        Kind::Timestamp(digits) => 4 + fraction(*digits),
        Kind::Enum(bytes, _) | Kind::Set(bytes, _) => usize::from(*bytes),
        Kind::Text(width, ..)
        | Kind::Bytes(width)
        | Kind::Padded(width, _)
        | Kind::Json(width)
        | Kind::Vector(width)
        | Kind::Compressed(width, _) => return prefixed(image, *width).map(|(_, len)| len),
        Kind::Uuid | Kind::Inet6 | Kind::Inet4 => return prefixed(image, 1).map(|(_, len)| len),
    };
    (image.len() >= len).then_some(len)
}

/// Appends the JSON of the cell at the start of `image`; the answer is the cell's bytes. What was
/// appended before an error is to be thrown away.
#[inline]
pub fn push(
    kind: &Kind,
    image: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<usize, CellError> {
    let quoted = |out: &mut Vec<u8>, used: Option<usize>| {
        out.push(b'"');
        used.ok_or(CellError::Malformed)
    };
    match kind {
        Kind::Signed(bytes) => {
            let (value, len) = number(image, *bytes)?;
            let unused = 64 - 8 * u32::from(*bytes);
            push_i64(out, (value << unused) as i64 >> unused);
            Ok(len)
        }
        Kind::Unsigned(bytes) => {
            let (value, len) = number(image, *bytes)?;
            push_u64(out, value);
            Ok(len)
        }
        Kind::UnsignedInt => {
            let (value, len) = number(image, 4)?;
            out.push(b'"');
            push_u64(out, value);
            out.push(b'"');
            Ok(len)
        }
        Kind::Bigint => {
            let (value, len) = number(image, 8)?;
            out.push(b'"');
            push_i64(out, value as i64);
            out.push(b'"');
            Ok(len)
        }
        Kind::UnsignedBigint => {
            let (value, len) = number(image, 8)?;
            out.push(b'"');
            push_u64(out, value);
            out.push(b'"');
            Ok(len)
        }
        Kind::Float => {
            let (value, len) = number(image, 4)?;
            push_f32(out, f32::from_bits(value as u32));
            Ok(len)
        }
        Kind::Double => {
            let (value, len) = number(image, 8)?;
            push_f64(out, f64::from_bits(value));
            Ok(len)
        }
        Kind::Decimal(precision, scale) => {
            out.push(b'"');
            let used = decimal::push_decimal(out, image, *precision, *scale);
            quoted(out, used)
        }
        Kind::Year => {
            let (value, len) = number(image, 1)?;
            push_u64(out, if value == 0 { 0 } else { 1900 + value });
            Ok(len)
        }
        Kind::Bit(bytes) => {
            let value = image.get(..usize::from(*bytes)).and_then(uint_be);
            out.push(b'"');
            push_u64(out, value.ok_or(CellError::Malformed)?);
            out.push(b'"');
            Ok(usize::from(*bytes))
        }
        Kind::Date => {
            out.push(b'"');
            let used = temporal::push_date(out, image);
            quoted(out, used)
        }
        Kind::TimeOld => {
            out.push(b'"');
            let used = temporal::push_time_old(out, image);
            quoted(out, used)
        }
        Kind::DatetimeOld => {
            out.push(b'"');
            let used = temporal::push_datetime_old(out, image);
            quoted(out, used)
        }
        Kind::TimestampOld => {
            out.push(b'"');
            let used = temporal::push_timestamp_old(out, image);
            quoted(out, used)
        }
        Kind::TimeOwn(digits) => {
            out.push(b'"');
            let used = temporal::push_time_hires(out, image, *digits);
            quoted(out, used)
        }
        Kind::DatetimeOwn(digits) => {
            out.push(b'"');
            let used = temporal::push_datetime_hires(out, image, *digits);
            quoted(out, used)
        }
        Kind::TimestampOwn(digits) => {
            out.push(b'"');
            let used = temporal::push_timestamp_hires(out, image, *digits);
            quoted(out, used)
        }
        Kind::Time(digits) => {
            out.push(b'"');
            let used = temporal::push_time2(out, image, *digits);
            quoted(out, used)
        }
        Kind::Datetime(digits) => {
            out.push(b'"');
            let used = temporal::push_datetime2(out, image, *digits);
            quoted(out, used)
        }
        Kind::Timestamp(digits) => {
            out.push(b'"');
            let used = temporal::push_timestamp2(out, image, *digits);
            quoted(out, used)
        }
        Kind::Enum(bytes, labels) => {
            let (value, len) = number(image, *bytes)?;
            let label = usize::try_from(value).ok().and_then(|index| labels.get(index));
            out.extend_from_slice(label.ok_or(CellError::Malformed)?);
            Ok(len)
        }
        Kind::Set(bytes, labels) => {
            let (mask, len) = number(image, *bytes)?;
            push_set(mask, labels, out)?;
            Ok(len)
        }
        _ => {
            let width = match kind {
                Kind::Text(width, ..)
                | Kind::Bytes(width)
                | Kind::Padded(width, _)
                | Kind::Json(width)
                | Kind::Vector(width)
                | Kind::Compressed(width, _) => *width,
                _ => 1,
            };
            let (bytes, len) = prefixed(image, width).ok_or(CellError::Malformed)?;
            push_bytes(kind, bytes, out, scratch)?;
            Ok(len)
        }
    }
}

#[inline]
fn number(image: &[u8], bytes: u8) -> Result<(u64, usize), CellError> {
    let len = usize::from(bytes);
    let value = match bytes {
        4 => image.first_chunk::<4>().map(|b| u64::from(u32::from_le_bytes(*b))),
        8 => image.first_chunk::<8>().map(|b| u64::from_le_bytes(*b)),
        1 => image.first().map(|b| u64::from(*b)),
        _ => image.get(..len).and_then(uint),
    };
    Ok((value.ok_or(CellError::Malformed)?, len))
}

fn push_set(mask: u64, labels: &[Vec<u8>], out: &mut Vec<u8>) -> Result<(), CellError> {
    if labels.len() < 64 && mask >> labels.len() != 0 {
        return Err(CellError::Malformed);
    }
    out.push(b'"');
    let mut first = true;
    for (bit, label) in labels.iter().enumerate().take(64) {
        if mask >> bit & 1 == 1 {
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(label);
        }
    }
    out.push(b'"');
    Ok(())
}

/// Appends the JSON of a value whose bytes are known; also the inside of compressed columns.
pub(super) fn push_bytes(
    kind: &Kind,
    bytes: &[u8],
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<(), CellError> {
    match kind {
        Kind::Text(_, charset, ascii) => {
            out.push(b'"');
            if !(*ascii && push_plain_ascii(out, bytes)) {
                scratch.text.clear();
                charset::decode(*charset, bytes, scratch.bad, &mut scratch.text)
                    .map_err(|bad| CellError::BadText(bad.offset))?;
                push_escaped(out, scratch.text.as_bytes());
            }
            out.push(b'"');
        }
        Kind::Bytes(_) => {
            out.push(b'"');
            push_base64(out, bytes);
            out.push(b'"');
        }
        Kind::Padded(_, length) => {
            scratch.bytes.clear();
            scratch.bytes.extend_from_slice(bytes);
            scratch.bytes.resize(bytes.len().max(usize::from(*length)), 0);
            out.push(b'"');
            push_base64(out, &scratch.bytes);
            out.push(b'"');
        }
        Kind::Json(_) => {
            scratch.bytes.clear();
            json::push_text(&mut scratch.bytes, bytes)
                .map_err(|error| CellError::BadJson(error.to_string()))?;
            out.push(b'"');
            push_escaped(out, &scratch.bytes);
            out.push(b'"');
        }
        Kind::Vector(_) => {
            let (values, rest) = bytes.as_chunks::<4>();
            if !rest.is_empty() {
                return Err(CellError::Malformed);
            }
            out.extend_from_slice(b"\"[");
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_f32(out, f32::from_le_bytes(*value));
            }
            out.extend_from_slice(b"]\"");
        }
        Kind::Uuid => push_uuid(bytes, out)?,
        Kind::Inet6 => {
            push_inet6(padded(bytes)?, out);
        }
        Kind::Inet4 => {
            let octets: [u8; 4] = padded(bytes)?;
            let _ = write!(out, "\"{}\"", Ipv4Addr::from(octets));
        }
        Kind::Compressed(_, inner) => {
            let mut plain = std::mem::take(&mut scratch.bytes);
            let result = inflate(bytes, &mut plain)
                .ok_or(CellError::Malformed)
                .and_then(|()| push_bytes(inner, &plain, out, scratch));
            scratch.bytes = plain;
            result?;
        }
        _ => return Err(CellError::Malformed),
    }
    Ok(())
}

/// Fixed-length values lose their trailing zero bytes in the log.
fn padded<const N: usize>(bytes: &[u8]) -> Result<[u8; N], CellError> {
    let mut all = [0u8; N];
    all.get_mut(..bytes.len()).ok_or(CellError::Malformed)?.copy_from_slice(bytes);
    Ok(all)
}

/// MariaDB reorders a UUID's groups in its indexes only: the log has them as they are written.
fn push_uuid(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), CellError> {
    let text: [u8; 16] = padded(bytes)?;
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for (index, byte) in text.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
    out.push(b'"');
    Ok(())
}

/// The text that MariaDB prints: unlike RFC 5952 it folds a single zero group, too, and writes an
/// IPv4 address behind exactly six zero groups, or five and ffff.
fn push_inet6(octets: [u8; 16], out: &mut Vec<u8>) {
    let (pairs, _) = octets.as_chunks::<2>();
    let groups = || pairs.iter().map(|pair| u16::from_be_bytes(*pair)).enumerate();
    let (mut gap, mut gap_len, mut run_len) = (usize::MAX, 0usize, 0usize);
    for (index, group) in groups() {
        run_len = if group == 0 { run_len + 1 } else { 0 };
        if run_len > gap_len {
            (gap, gap_len) = (index + 1 - run_len, run_len);
        }
    }
    let [_, _, _, _, _, _, _, _, _, _, high, low, a, b, c, d] = octets;
    let carries_v4 = gap == 0 && (gap_len == 6 || (gap_len == 5 && (high, low) == (0xff, 0xff)));
    out.push(b'"');
    for (index, group) in groups() {
        let folded = index.checked_sub(gap).is_some_and(|inside| inside < gap_len);
        // Writing to a vector does not fail.
        let _ = match (folded, index) {
            (true, 0) => write!(out, "::"),
            (true, _) if index == gap => write!(out, ":"),
            (true, _) => Ok(()),
            (false, 6) if carries_v4 => write!(out, "{}", Ipv4Addr::new(a, b, c, d)),
            (false, 7) if carries_v4 => Ok(()),
            (false, 7) => write!(out, "{group:x}"),
            (false, _) => write!(out, "{group:x}:"),
        };
    }
    out.push(b'"');
}

/// The most a compressed column may unfold to: the length of the largest column type.
const MAX_INFLATED: u64 = 1 << 32;

/// MariaDB's COMPRESSED columns: a header byte whose upper bits name the method (0 = stored,
/// 8 = zlib without its header) and whose lower bits count the bytes of the big-endian length.
fn inflate(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    use std::io::Read;
    out.clear();
    let Some((first, rest)) = bytes.split_first() else { return Some(()) };
    if *first == 0 {
        out.extend_from_slice(rest);
        return Some(());
    }
    let (length, body) = rest.split_at_checked(usize::from(first & 0x07))?;
    let length = uint_be(length).filter(|length| *length < MAX_INFLATED)?;
    let read = match first & 0x08 {
        0 => flate2::read::ZlibDecoder::new(body).take(length + 1).read_to_end(out),
        _ => flate2::read::DeflateDecoder::new(body).take(length + 1).read_to_end(out),
    };
    (read.ok()? as u64 == length).then_some(())
}
