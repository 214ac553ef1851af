//! MySQL's packed decimal, from the bytes of a row image or of a JSON value to plain digits.
//! Uses nothing of the project. Hot: once a DECIMAL cell.
//!
//! The form is that of the server's `decimal2bin`: big-endian groups of nine digits in four
//! bytes, shorter groups first (integer part) and last (fraction) in as many bytes as they need.
//! The highest bit is set for a positive number; a negative one has all its bits inverted.

/// Bytes that a group of 0 to 9 decimal digits takes.
const GROUP_BYTES: [u8; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/// The first value that no longer fits a group of 0 to 9 decimal digits.
const GROUP_LIMIT: [u32; 10] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// The greatest precision (all digits) that MySQL and MariaDB store.
const MAX_PRECISION: u8 = 65;

/// The digits of a group, shorter or whole.
const DIGITS: u8 = 9;

/// The bytes that `DECIMAL(precision, scale)` takes; `None` for a pair that no server stores
/// (precision 0 or above 65, scale above precision).
pub fn packed_len(precision: u8, scale: u8) -> Option<usize> {
    if precision == 0 || precision > MAX_PRECISION || scale > precision {
        return None;
    }
    let part = |digits: u8| {
        let group = GROUP_BYTES.get(usize::from(digits % DIGITS)).copied().unwrap_or(0);
        usize::from(digits / DIGITS) * 4 + usize::from(group)
    };
    Some(part(precision - scale) + part(scale))
}

/// Appends the number at the start of `bytes` as plain digits: no quotes, no exponent, no leading
/// zeros but the one of `0.5`, all `scale` digits of the fraction, no minus before a zero.
///
/// Returns the bytes consumed ([`packed_len`]); `None`, with `out` as it was, when `bytes` is too
/// short or holds a group that is no group of digits.
pub fn push_decimal(out: &mut Vec<u8>, bytes: &[u8], precision: u8, scale: u8) -> Option<usize> {
    let length = packed_len(precision, scale)?;
    let packed = bytes.get(..length)?;
    let start = out.len();
    let written = push_digits(out, packed, precision - scale, scale);
    if written.is_none() {
        out.truncate(start);
    }
    written.map(|()| length)
}

fn push_digits(out: &mut Vec<u8>, packed: &[u8], whole: u8, scale: u8) -> Option<()> {
    let negative = packed.first()? & 0x80 == 0;
    let mut groups = Groups { rest: packed, sign: 0x80, invert: if negative { 0xFF } else { 0 } };
    let sign_at = out.len();
    if negative {
        out.push(b'-');
    }
    let mut nonzero = false;
    let lead = whole % DIGITS;
    for group in 0..=whole / DIGITS {
        let digits = if group == 0 { lead } else { DIGITS };
        if digits == 0 {
            continue;
        }
        let value = groups.next(digits)?;
        if nonzero {
            push_padded(out, value, digits);
        } else if value != 0 {
            nonzero = true;
            push_plain(out, value);
        }
    }
    if !nonzero {
        out.push(b'0');
    }
    if scale > 0 {
        out.push(b'.');
        let mut left = scale;
        while left > 0 {
            let digits = left.min(DIGITS);
            let value = groups.next(digits)?;
            nonzero |= value != 0;
            push_padded(out, value, digits);
            left -= digits;
        }
    }
    if negative && !nonzero {
        out.remove(sign_at);
    }
    Some(())
}

/// The groups of a packed number, first to last.
struct Groups<'a> {
    rest: &'a [u8],
    /// The bit of the first byte that holds the sign; 0 once it is read.
    sign: u8,
    /// What every byte is inverted by.
    invert: u8,
}

impl Groups<'_> {
    fn next(&mut self, digits: u8) -> Option<u32> {
        let digits = usize::from(digits);
        let (group, rest) = self.rest.split_at_checked(usize::from(*GROUP_BYTES.get(digits)?))?;
        self.rest = rest;
        let mut value = 0u32;
        for &byte in group {
            value = value << 8 | u32::from(byte ^ self.invert ^ self.sign);
            self.sign = 0;
        }
        (value < *GROUP_LIMIT.get(digits)?).then_some(value)
    }
}

fn push_plain(out: &mut Vec<u8>, value: u32) {
    let mut limit = 1u8;
    while limit < DIGITS && GROUP_LIMIT.get(usize::from(limit)).is_some_and(|top| value >= *top) {
        limit += 1;
    }
    push_padded(out, value, limit);
}

/// `value` with exactly `digits` (at most 9) digits.
fn push_padded(out: &mut Vec<u8>, mut value: u32, digits: u8) {
    let mut text = [b'0'; DIGITS as usize];
    for slot in text.iter_mut().rev().take(usize::from(digits)) {
        *slot = b'0' + (value % 10) as u8;
        value /= 10;
    }
    if let Some(tail) = text.get(usize::from(DIGITS - digits.min(DIGITS))..) {
        out.extend_from_slice(tail);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `decimal2bin` written the slow way, to make cases.
    fn pack(text: &str, precision: u8, scale: u8) -> Vec<u8> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = format!("{whole:0>width$}", width = usize::from(precision - scale));
        let whole = if precision == scale { String::new() } else { whole };
        let mut bytes = Vec::new();
        let mut push = |digits: &str| {
            let value: u32 = if digits.is_empty() { 0 } else { digits.parse().unwrap() };
            let width = usize::from(GROUP_BYTES[digits.len()]);
            bytes.extend_from_slice(&value.to_be_bytes()[4 - width..]);
        };
        let lead = whole.len() % 9;
        push(&whole[..lead]);
        whole.as_bytes()[lead..].chunks(9).for_each(|c| push(std::str::from_utf8(c).unwrap()));
        fraction.as_bytes().chunks(9).for_each(|c| push(std::str::from_utf8(c).unwrap()));
        bytes[0] ^= 0x80;
        if negative {
            bytes.iter_mut().for_each(|byte| *byte = !*byte);
        }
        bytes
    }

    fn read(bytes: &[u8], precision: u8, scale: u8) -> Option<(String, usize)> {
        let mut out = b"x".to_vec();
        let used = push_decimal(&mut out, bytes, precision, scale);
        match used {
            Some(used) => Some((String::from_utf8(out[1..].to_vec()).unwrap(), used)),
            None => {
                assert_eq!(out, b"x", "a refused number leaves nothing behind");
                None
            }
        }
    }

    #[test]
    fn the_documented_example_of_decimal2bin() {
        let plus = [0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2];
        assert_eq!(read(&plus, 14, 4), Some(("1234567890.1234".into(), 7)));
        let minus = [0x7E, 0xF2, 0x04, 0xC7, 0x2D, 0xFB, 0x2D];
        assert_eq!(read(&minus, 14, 4), Some(("-1234567890.1234".into(), 7)));
    }

    #[test]
    fn every_width_keeps_its_digits() {
        for precision in 1..=65u8 {
            for scale in 0..=precision.min(30) {
                for digit in ["1", "9", "5"] {
                    let whole = digit.repeat(usize::from(precision - scale));
                    let whole = if whole.is_empty() { "0".to_owned() } else { whole };
                    let mut text = whole;
                    if scale > 0 {
                        text = format!("{text}.{}", digit.repeat(usize::from(scale)));
                    }
                    for text in [text.clone(), format!("-{text}")] {
                        let bytes = pack(&text, precision, scale);
                        let length = packed_len(precision, scale).unwrap();
                        assert_eq!(bytes.len(), length);
                        assert_eq!(read(&bytes, precision, scale), Some((text, length)));
                    }
                }
            }
        }
    }

    #[test]
    fn zeros_and_leading_zeros() {
        for (text, shown, precision, scale) in [
            ("0.00", "0.00", 5, 2),
            ("-0.00", "0.00", 5, 2),
            ("-0", "0", 20, 0),
            ("-0.01", "-0.01", 5, 2),
            ("0.5", "0.5", 1, 1),
            ("-0.000000000000000000000000000001", "-0.000000000000000000000000000001", 65, 30),
            ("1000000000000000000", "1000000000000000000", 30, 0),
            ("10", "10", 10, 0),
            ("1000000001.000000001", "1000000001.000000001", 30, 9),
        ] {
            let bytes = pack(text, precision, scale);
            assert_eq!(read(&bytes, precision, scale).unwrap().0, shown, "{text}");
        }
    }

    #[test]
    fn rest_of_the_row_is_left_alone() {
        let mut bytes = pack("12.34", 4, 2);
        bytes.extend_from_slice(&[1, 2, 3]);
        assert_eq!(read(&bytes, 4, 2), Some(("12.34".into(), 2)));
    }

    #[test]
    fn short_or_impossible_bytes_are_refused() {
        let whole = pack("1234567890.1234", 14, 4);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length], 14, 4), None);
        }
        assert_eq!(read(&[0xFF, 0xFF, 0xFF, 0xFF], 9, 0), None, "a group above 999999999");
        assert_eq!(read(&[0x80 | 100], 2, 0), None, "a two-digit group of 100");
        assert_eq!(read(&[0x80, 0, 0, 0], 0, 0), None);
        assert_eq!(read(&[0x80; 64], 66, 0), None);
        assert_eq!(read(&[0x80; 64], 3, 4), None);
    }
}
