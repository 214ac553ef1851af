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
        let masks = classify(&block_at(rest));
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

/// The places of `"` and `\`, one after the other.
pub(super) struct Marks<'a> {
    text: &'a [u8],
    /// Where the block starts whose marks `bits` holds, those already given cleared.
    base: usize,
    bits: u64,
}

impl<'a> Marks<'a> {
    /// The marks of `text` from the offset `from` on.
    #[inline]
    pub(super) fn new(text: &'a [u8], from: usize) -> Self {
        let block = classify(&block_at(text.get(from..).unwrap_or_default()));
        Self { text, base: from, bits: block.quote | block.backslash }
    }

    /// The offset of the next mark; `None` behind the last.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.base += BLOCK;
            let rest = self.text.get(self.base..).filter(|rest| !rest.is_empty())?;
            let block = classify(&block_at(rest));
            self.bits = block.quote | block.backslash;
        }
        let found = self.base + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(found)
    }
}

/// Appends the offsets right behind the commas of `text[from..to]` that are outside of strings; `from`
/// must be outside.
#[inline]
pub(super) fn push_behind_commas(text: &[u8], from: usize, to: usize, found: &mut Vec<usize>) {
    let mut at = from;
    let mut inside_before = 0u64;
    let mut escaped_before = 0u64;
    while at < to {
        let block = block_at(text.get(at..).unwrap_or_default());
        let escaped = escaped_bits(places(&block, b'\\'), &mut escaped_before);
        let inside = running_parity(places(&block, b'"') & !escaped) ^ inside_before;
        inside_before = ((inside as i64) >> 63) as u64;
        let mut commas = places(&block, b',') & !inside;
        if to - at < BLOCK {
            commas &= (1 << (to - at)) - 1;
        }
        while commas != 0 {
            found.push(at + commas.trailing_zeros() as usize + 1);
            commas &= commas - 1;
        }
        at += BLOCK;
    }
}

/// The block at the front of `rest`, filled up with spaces.
#[inline(always)]
fn block_at(rest: &[u8]) -> [u8; BLOCK] {
    match rest.first_chunk::<BLOCK>() {
        Some(block) => *block,
        None => short_block(rest),
    }
}

#[inline(never)]
fn short_block(rest: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    for (to, byte) in block.iter_mut().zip(rest) {
        *to = *byte;
    }
    block
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

/// Where in a block a letter is.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn places(block: &[u8; BLOCK], letter: u8) -> u64 {
    // SAFETY: the only condition is SSE2, which every x86-64 processor has.
    unsafe { places_sse2(block, letter) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn places_sse2(block: &[u8; BLOCK], letter: u8) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let wanted = _mm_set1_epi8(letter as i8);
    let mut found = 0;
    for (step, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let pair = u128::from_le_bytes(*sixteen);
        let bytes = _mm_set_epi64x((pair >> 64) as i64, pair as i64);
        let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted));
        found |= u64::from(equal as u16) << (step * 16);
    }
    found
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn places(block: &[u8; BLOCK], letter: u8) -> u64 {
    places_words(block, letter)
}

/// The masks of a block on other processors.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn classify(block: &[u8; BLOCK]) -> Masks {
    classify_words(block)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
const ONES: u64 = 0x0101_0101_0101_0101;

/// The top bit of every lane that is zero; no lane carries into the next.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn zero_lanes(word: u64) -> u64 {
    const LOWS: u64 = ONES * 0x7f;
    !(((word & LOWS) + LOWS) | word | LOWS)
}

/// The top bits of the lanes, gathered: the product puts each into a place of its own.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn lane_bits(lanes: u64) -> u64 {
    (lanes >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// The masks of a block, eight bytes at a time in one word.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn classify_words(block: &[u8; BLOCK]) -> Masks {
    let mut masks = Masks {
        quote: places_words(block, b'"'),
        backslash: places_words(block, b'\\'),
        ..Masks::default()
    };
    for (step, eight) in block.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*eight);
        let folded = word | (ONES * 0x20);
        let equal = |letter: u8| zero_lanes(folded ^ (ONES * u64::from(letter)));
        masks.bracket |= lane_bits(equal(b'{') | equal(b'}')) << (step * 8);
        masks.control |= lane_bits(zero_lanes(word & (ONES * 0xe0))) << (step * 8);
    }
    masks
}

/// Where in a block a letter is, eight bytes at a time in one word.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn places_words(block: &[u8; BLOCK], letter: u8) -> u64 {
    let words = block.as_chunks::<8>().0.iter().enumerate();
    let bits = words.map(|(step, eight)| {
        let word = u64::from_le_bytes(*eight) ^ (ONES * u64::from(letter));
        lane_bits(zero_lanes(word)) << (step * 8)
    });
    bits.fold(0, |all, bits| all | bits)
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
            let mut expected = Masks::default();
            for (at, byte) in block.iter().enumerate() {
                expected.quote |= u64::from(*byte == b'"') << at;
                expected.backslash |= u64::from(*byte == b'\\') << at;
                expected.bracket |= u64::from(b"[]{}".contains(byte)) << at;
                expected.control |= u64::from(*byte < 0x20) << at;
            }
            assert_eq!(classify(&block), expected);
            assert_eq!(classify_words(&block), expected);
        }
    }

    proptest! {
        #[test]
        fn ways_of_classifying_agree(block in proptest::collection::vec(any::<u8>(), BLOCK)) {
            let block: [u8; BLOCK] = block.try_into().unwrap();
            prop_assert_eq!(classify(&block), classify_words(&block));
            let letter = block[0];
            prop_assert_eq!(places(&block, letter), places_words(&block, letter));
            let plainly = |at: usize| u64::from(block[at] == letter) << at;
            prop_assert_eq!(places(&block, letter), (0..BLOCK).map(plainly).sum::<u64>());
        }

        #[test]
        fn marks_are_all_found(text in r#"[\\"a]{0,200}"#, from in 0usize..210) {
            let mut marks = Marks::new(text.as_bytes(), from);
            for (at, byte) in text.bytes().enumerate().skip(from) {
                if byte != b'a' {
                    prop_assert_eq!(marks.next(), Some(at));
                }
            }
            prop_assert_eq!(marks.next(), None);
            prop_assert_eq!(marks.next(), None);
        }

        #[test]
        fn agrees_with_the_plain_way(text in r#"[\\"\]a\n]{0,200}"#, pad in 0usize..70) {
            let text = [vec![b'"'; pad & 1], vec![b'x'; pad], text.into_bytes()].concat();
            prop_assert_eq!(next_bracket(&text, 0), plainly(&text, 0));
            prop_assert_eq!(next_bracket(&text, text.len() + 1), Err(Lost::End));
        }
    }
}
