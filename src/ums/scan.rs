//! HOT. Finding brackets outside of strings, 64 bytes a step. Uses nothing of the project.
//!
//! Each step turns a block into bit masks, one bit a byte. The bytes between two quotes are the
//! running parity of the quote bits, and a quote behind an odd run of backslashes is none.

/// Bytes in a block; bits in a mask.
const BLOCK: usize = 64;
const EVEN_BITS: u64 = 0x5555_5555_5555_5555;

/// What is where in a block.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
struct Masks {
    quote: u64,
    backslash: u64,
    /// `[`, `]`, `{` and `}`.
    bracket: u64,
    /// Below 0x20; never allowed inside a string.
    control: u64,
}

/// Why no bracket was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The text ends inside a string or before any bracket.
    End,
    /// A control character at this offset stands inside a string.
    Control(usize),
}

/// The offset of the first bracket of any kind at or after `from` that is outside of strings;
/// `from` itself must be outside.
pub(super) fn next_bracket(text: &[u8], from: usize) -> Result<usize, Lost> {
    let mut at = from;
    // All ones while a string goes on into the next block, and whether its first byte is escaped.
    let mut inside_before = 0u64;
    let mut escaped_before = 0u64;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let masks = match rest.first_chunk::<BLOCK>() {
            Some(block) => classify(block),
            None => {
                let mut block = [b' '; BLOCK];
                for (to, byte) in block.iter_mut().zip(rest) {
                    *to = *byte;
                }
                classify(&block)
            }
        };
        let escaped = escaped_bits(masks.backslash, &mut escaped_before);
        let inside = running_parity(masks.quote & !escaped) ^ inside_before;
        inside_before = ((inside as i64) >> 63) as u64;
        let brackets = masks.bracket & !inside;
        let controls = masks.control & inside;
        if brackets | controls != 0 {
            let first = (brackets | controls).trailing_zeros();
            let found = at + first as usize;
            return if brackets >> first & 1 == 1 { Ok(found) } else { Err(Lost::Control(found)) };
        }
        at += BLOCK;
    }
    Err(Lost::End)
}

/// Bit n is the parity of the bits 0 to n.
#[inline(always)]
fn running_parity(bits: u64) -> u64 {
    let mut parity = bits;
    parity ^= parity << 1;
    parity ^= parity << 2;
    parity ^= parity << 4;
    parity ^= parity << 8;
    parity ^= parity << 16;
    parity ^= parity << 32;
    parity
}

/// The bytes that a backslash escapes; `carry` says so for the first byte of a block.
#[inline(always)]
fn escaped_bits(backslash: u64, carry: &mut u64) -> u64 {
    if backslash == 0 {
        return std::mem::take(carry);
    }
    // A run of backslashes escapes every second byte behind its start. Adding the run's start to
    // the run carries to the byte behind it; which parity that byte has tells the length's.
    let backslash = backslash & !*carry;
    let follows = backslash << 1 | *carry;
    let odd_starts = backslash & !EVEN_BITS & !follows;
    let (even_sequences, overflow) = odd_starts.overflowing_add(backslash);
    *carry = u64::from(overflow);
    (EVEN_BITS ^ (even_sequences << 1)) & follows
}

/// The masks of a block, sixteen bytes at a time.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn classify(block: &[u8; BLOCK]) -> Masks {
    // SAFETY: the only condition is SSE2, which every x86-64 processor has.
    unsafe { classify_sse2(block) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn classify_sse2(block: &[u8; BLOCK]) -> Masks {
    use std::arch::x86_64::{
        _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };
    let mut masks = Masks::default();
    for (step, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let pair = u128::from_le_bytes(*sixteen);
        let bytes = _mm_set_epi64x((pair >> 64) as i64, pair as i64);
        // `[` and `{`, `]` and `}` differ in one bit.
        let folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        let opens = _mm_cmpeq_epi8(folded, _mm_set1_epi8(b'{' as i8));
        let closes = _mm_cmpeq_epi8(folded, _mm_set1_epi8(b'}' as i8));
        let brackets = _mm_or_si128(opens, closes);
        let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
        let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
        let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        let shift = step * 16;
        masks.quote |= u64::from(_mm_movemask_epi8(quotes) as u16) << shift;
        masks.backslash |= u64::from(_mm_movemask_epi8(backslashes) as u16) << shift;
        masks.bracket |= u64::from(_mm_movemask_epi8(brackets) as u16) << shift;
        masks.control |= u64::from(_mm_movemask_epi8(controls) as u16) << shift;
    }
    masks
}

/// The masks of a block on other processors.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn classify(block: &[u8; BLOCK]) -> Masks {
    classify_plainly(block)
}

/// The masks of a block, byte by byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn classify_plainly(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks::default();
    for (at, byte) in block.iter().enumerate() {
        masks.quote |= u64::from(*byte == b'"') << at;
        masks.backslash |= u64::from(*byte == b'\\') << at;
        masks.bracket |= u64::from(matches!(byte | 0x20, b'{' | b'}')) << at;
        masks.control |= u64::from(*byte < 0x20) << at;
    }
    masks
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, one byte after the other.
    fn plainly(text: &[u8], from: usize) -> Result<usize, Lost> {
        let (mut inside, mut escaped) = (false, false);
        for (at, byte) in text.iter().enumerate().skip(from) {
            if inside && *byte < 0x20 {
                return Err(Lost::Control(at));
            }
            let literal = std::mem::take(&mut escaped);
            match byte {
                b'\\' => escaped = !literal,
                b'"' if !literal => inside = !inside,
                b'[' | b']' | b'{' | b'}' if !inside => return Ok(at),
                _ => {}
            }
        }
        Err(Lost::End)
    }

    #[test]
    fn every_byte_has_its_class() {
        for start in 0..4u8 {
            let block: [u8; 64] = std::array::from_fn(|at| start * 64 + at as u8);
            assert_eq!(classify(&block), classify_plainly(&block));
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_way(text in r#"[\\"\]a\n]{0,200}"#, pad in 0usize..70) {
            let text = [vec![b'"'; pad & 1], vec![b'x'; pad], text.into_bytes()].concat();
            prop_assert_eq!(next_bracket(&text, 0), plainly(&text, 0));
            prop_assert_eq!(next_bracket(&text, text.len() + 1), Err(Lost::End));
        }
    }
}
