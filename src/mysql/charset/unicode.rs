//! ucs2, utf16, utf16le and utf32, character by character. Uses nothing of the project. Hot.

use super::Step;

/// Two bytes big-endian; a surrogate is no character.
pub fn ucs2(rest: &[u8]) -> Step {
    match rest.first_chunk() {
        Some(unit) => whole(u16::from_be_bytes(*unit).into(), 2),
        None => Step::Bad(rest.len()),
    }
}

/// Two or four bytes, big-endian.
pub fn utf16(rest: &[u8]) -> Step {
    units(rest, u16::from_be_bytes)
}

/// Two or four bytes, little-endian.
pub fn utf16le(rest: &[u8]) -> Step {
    units(rest, u16::from_le_bytes)
}

/// Four bytes big-endian.
pub fn utf32(rest: &[u8]) -> Step {
    match rest.first_chunk() {
        Some(code) => whole(u32::from_be_bytes(*code), 4),
        None => Step::Bad(rest.len()),
    }
}

fn units(rest: &[u8], read: fn([u8; 2]) -> u16) -> Step {
    let Some((first, after)) = rest.split_first_chunk() else { return Step::Bad(rest.len()) };
    let high = u32::from(read(*first));
    let low = after.first_chunk().map(|second| u32::from(read(*second)));
    match (high, low) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            whole(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00), 4)
        }
        _ => whole(high, 2),
    }
}

fn whole(code: u32, length: usize) -> Step {
    char::from_u32(code).map_or(Step::Bad(length), |character| Step::Char(character, length))
}
