//! HOT. Writing JSON tokens straight into bytes. Uses nothing of the project.
//!
//! Eight bytes at a time where text is tested (one 64-bit word holds eight lanes), two digits at a
//! time where numbers are written, two Base64 characters at a time from one table of 4096.

/// The digits of 00 to 99, two bytes each.
const DIGIT_PAIRS: [u8; 200] = {
    let mut table = [0u8; 200];
    let mut value = 0;
    while value < 100 {
        table[value * 2] = b'0' + (value / 10) as u8;
        table[value * 2 + 1] = b'0' + (value % 10) as u8;
        value += 1;
    }
    table
};

/// The Base64 alphabet of RFC 4648, section 4.
const BASE64_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Two Base64 characters for every 12 bits.
static BASE64_PAIRS: [[u8; 2]; 4096] = {
    let mut table = [[0u8; 2]; 4096];
    let mut bits = 0;
    while bits < 4096 {
        table[bits] = [BASE64_ALPHABET[bits >> 6], BASE64_ALPHABET[bits & 63]];
        bits += 1;
    }
    table
};

/// One in every lane.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The top bit of every lane.
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The top bit of each lane whose byte JSON wants escaped: control, `"`, `\`. Exact up to and with
/// the lowest lane that is set; a borrow may set lanes above that one.
#[inline(always)]
fn escape_lanes(word: u64) -> u64 {
    let below_space = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    // A byte of 0x80 and above is part of a character, never one of the three.
    (below_space | quote | backslash) & !word & TOPS
}

/// Reads the eight bytes at `at`, the first in the lowest lane. `None` past the end.
#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Fewer than eight bytes in one word, filled up with spaces.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    let (low, high, shift) = match bytes {
        [] => return ONES * b' ' as u64,
        [a] => return (ONES * b' ' as u64) & !0xff | *a as u64,
        [a, b] => (u16::from_le_bytes([*a, *b]) as u64, 0x2020, 16),
        [a, b, c] => (u16::from_le_bytes([*a, *b]) as u64, 0x2000 | *c as u64, 16),
        _ => {
            // Two overlapping reads of four bytes cover four to seven.
            let first = bytes.first_chunk::<4>().map_or(0, |c| u32::from_le_bytes(*c));
            let last = bytes.last_chunk::<4>().map_or(0, |c| u32::from_le_bytes(*c));
            return first as u64 | (last as u64) << 32;
        }
    };
    low | high << shift | 0x2020_2020 << 32
}

/// `"text"` with escapes.
#[inline]
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_escaped(out, text.as_bytes());
    out.push(b'"');
}

/// The escaped bytes of valid UTF-8 `text` without the quotes. Control characters, `"` and `\` are
/// escaped; `/` and everything beyond ASCII stay as they are.
#[inline]
pub fn push_escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let clean = clean_run(rest);
        let (run, tail) = rest.split_at(clean);
        out.extend_from_slice(run);
        let Some((byte, after)) = tail.split_first() else { return };
        push_escape(out, *byte);
        rest = after;
    }
}

/// How many bytes at the front of `text` need no escape.
#[inline]
fn clean_run(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = word_at(text, at) {
        let lanes = escape_lanes(word);
        if lanes != 0 {
            return at + lanes.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let tail = text.get(at..).unwrap_or_default();
    at + tail
        .iter()
        .position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\')
        .unwrap_or(tail.len())
}

/// The escape of one byte that needs one.
#[cold]
fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let letter = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[(byte >> 4) as usize]);
            out.push(HEX[(byte & 15) as usize]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

/// If all of `bytes` are ASCII that needs no escape, appends them and returns true; else appends
/// nothing and returns false. The fast path for text whose character set is not yet checked.
#[inline]
pub fn push_plain_ascii(out: &mut Vec<u8>, bytes: &[u8]) -> bool {
    let mut stop = 0;
    if bytes.len() < 8 {
        let word = short_word(bytes);
        stop = escape_lanes(word) | word & TOPS;
    } else {
        let mut at = 0;
        while let Some(word) = word_at(bytes, at) {
            stop |= escape_lanes(word) | word & TOPS;
            at += 8;
        }
        // The last eight bytes once more cover what is left over.
        if let Some(chunk) = bytes.last_chunk::<8>() {
            let word = u64::from_le_bytes(*chunk);
            stop |= escape_lanes(word) | word & TOPS;
        }
    }
    if stop != 0 {
        return false;
    }
    out.extend_from_slice(bytes);
    true
}

/// Decimal digits.
#[inline]
pub fn push_i64(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    push_u64(out, value.unsigned_abs());
}

/// Decimal digits.
#[inline]
pub fn push_u64(out: &mut Vec<u8>, value: u64) {
    if value < 10 {
        out.push(b'0' + value as u8);
        return;
    }
    let mut digits = [0u8; 20];
    let start = fill_digits(&mut digits, value);
    out.extend_from_slice(&digits[start..]);
}

/// Writes `value` at the end of `digits`; where it starts.
#[inline]
fn fill_digits(digits: &mut [u8; 20], value: u64) -> usize {
    let mut rest = value;
    let mut start = 20;
    while rest >= 100 {
        let pair = (rest % 100) as usize * 2;
        rest /= 100;
        start -= 2;
        digits[start..start + 2].copy_from_slice(&DIGIT_PAIRS[pair..pair + 2]);
    }
    if rest >= 10 {
        let pair = rest as usize * 2;
        start -= 2;
        digits[start..start + 2].copy_from_slice(&DIGIT_PAIRS[pair..pair + 2]);
    } else {
        start -= 1;
        digits[start] = b'0' + rest as u8;
    }
    start
}

/// `value` with leading zeros up to `width` digits (at most 20). A longer value is written whole.
#[inline]
pub fn push_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let start = fill_digits(&mut digits, value).min(20 - width.min(20));
    out.extend_from_slice(&digits[start..]);
}

/// Standard Base64 with padding, no quotes.
pub fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    let Some(target) = out.get_mut(start..) else { return };
    let mut groups = bytes.chunks_exact(3);
    let mut quads = target.chunks_exact_mut(4);
    for (group, quad) in groups.by_ref().zip(quads.by_ref()) {
        let bits = (group[0] as usize) << 16 | (group[1] as usize) << 8 | group[2] as usize;
        let [a, b] = BASE64_PAIRS[bits >> 12];
        let [c, d] = BASE64_PAIRS[bits & 0xfff];
        quad.copy_from_slice(&[a, b, c, d]);
    }
    match (groups.remainder(), quads.next()) {
        ([a], Some(quad)) => quad[..2].copy_from_slice(&BASE64_PAIRS[(*a as usize) << 4]),
        ([a, b], Some(quad)) => {
            let bits = (*a as usize) << 8 | *b as usize;
            quad[..2].copy_from_slice(&BASE64_PAIRS[bits >> 4]);
            quad[2] = BASE64_ALPHABET[(bits & 15) << 2];
        }
        _ => {}
    }
}

/// The shortest text that reads back the same; JSON has no NaN or infinity: writes `null`.
#[inline]
pub fn push_f64(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

/// The shortest text that reads back the same as a 32-bit float; `null` as for `push_f64`.
#[inline]
pub fn push_f32(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_at_every_length() {
        let mut value = 1u64;
        for _ in 0..20 {
            for v in [value - 1, value, value + 1, value.wrapping_mul(7)] {
                assert_eq!(written(|o| push_u64(o, v)), v.to_string());
                assert_eq!(written(|o| push_i64(o, v as i64)), (v as i64).to_string());
                assert_eq!(written(|o| push_padded(o, v, 20)), format!("{v:020}"));
            }
            value = value.saturating_mul(10);
        }
        assert_eq!(written(|o| push_i64(o, i64::MIN)), i64::MIN.to_string());
        assert_eq!(written(|o| push_u64(o, u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(|o| push_padded(o, 7, 2)), "07");
        assert_eq!(written(|o| push_padded(o, 123, 2)), "123");
    }

    #[test]
    fn every_byte_is_judged_in_every_place() {
        for len in 0..40 {
            for at in 0..len.max(1) {
                for byte in 0..=255u8 {
                    let mut text = vec![b'a'; len];
                    if let Some(place) = text.get_mut(at) {
                        *place = byte;
                    }
                    let plain =
                        text.iter().all(|b| (0x20..0x80).contains(b) && *b != b'"' && *b != b'\\');
                    let mut out = b"x".to_vec();
                    assert_eq!(push_plain_ascii(&mut out, &text), plain, "{len} {at} {byte}");
                    assert_eq!(&out[1..], if plain { &text[..] } else { b"" });
                    if len == 0 {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn strings_read_back() {
        for text in [
            "",
            "a",
            "\u{0}\u{8}\t\n\u{c}\r\u{1f} \"\\/",
            "zażółć 🦀 \u{2028}\u{7f}",
            "12345678\"87654321",
        ] {
            let json = written(|o| push_string(o, text));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            assert_eq!(json, serde_json::to_string(text).unwrap());
        }
    }

    #[test]
    fn base64_of_the_standard() {
        let cases = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (len, expected) in cases.iter().enumerate() {
            assert_eq!(written(|o| push_base64(o, &b"foobar"[..len])), *expected);
        }
        assert_eq!(written(|o| push_base64(o, &[0xfb, 0xff, 0xfe])), "+//+");
    }

    #[test]
    fn floats_are_json_and_read_back() {
        for value in [0.0, -0.0, 1.0, 0.1, 1e21, 1e-7, 5e-324, f64::MAX, f64::MIN, 123456789.125] {
            let json = written(|o| push_f64(o, value));
            let back: f64 = serde_json::from_str(&json).unwrap();
            assert_eq!(back.to_bits(), value.to_bits(), "{json}");
        }
        assert_eq!(written(|o| push_f32(o, 0.1)), "0.1");
        assert_eq!(written(|o| push_f32(o, 16777216.0)).parse::<f32>().unwrap(), 16777216.0);
        assert_eq!(written(|o| push_f64(o, f64::NAN)), "null");
        assert_eq!(written(|o| push_f32(o, f32::NEG_INFINITY)), "null");
    }
}
