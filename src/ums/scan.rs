//! HOT. Finding what is outside of strings, 64 bytes a step. Uses nothing of the project.
//!
//! Each step turns a block into bit masks, one bit a byte. The bytes between two quotes are the
//! running parity of the quote bits, and a quote behind an odd run of backslashes is none.

#[cfg(target_arch = "x86_64")]
use super::block::Wide;
use super::block::{BLOCK, Common, Look};

const EVEN_BITS: u64 = 0x5555_5555_5555_5555;

/// Why no bracket was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The text ends inside a string or before any bracket.
    End,
    /// A control character at this offset stands inside a string.
    Control(usize),
}

/// The offset of the first bracket of any kind at or after `from` that is outside of strings, and how
/// many commas outside of strings stand in front of it; `from` itself must be outside.
#[inline]
pub(super) fn next_bracket(text: &[u8], from: usize) -> Result<(usize, u32), Lost> {
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = Wide::here() {
        // SAFETY: there is a `Wide` only where the processor has these features.
        return unsafe { next_bracket_wide(wide, text, from) };
    }
    next_bracket_by(Common, text, from)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,pclmulqdq,popcnt")]
fn next_bracket_wide(wide: Wide, text: &[u8], from: usize) -> Result<(usize, u32), Lost> {
    next_bracket_by(wide, text, from)
}

#[inline(always)]
fn next_bracket_by(look: impl Look, text: &[u8], from: usize) -> Result<(usize, u32), Lost> {
    let (mut at, mut commas) = (from, 0);
    // All ones while a string goes on into the next block, and whether its first byte is escaped.
    let mut inside_before = 0u64;
    let mut escaped_before = 0u64;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let masks = look.classify(&block_at(rest));
        let escaped = escaped_bits(masks.backslash, &mut escaped_before);
        let inside = look.parity(masks.quote & !escaped) ^ inside_before;
        inside_before = ((inside as i64) >> 63) as u64;
        let brackets = masks.bracket & !inside;
        let controls = masks.control & inside;
        let outside = masks.comma & !inside;
        if brackets | controls != 0 {
            let first = (brackets | controls).trailing_zeros();
            let found = at + first as usize;
            commas += (outside & ((1 << first) - 1)).count_ones();
            return match brackets >> first & 1 {
                1 => Ok((found, commas)),
                _ => Err(Lost::Control(found)),
            };
        }
        commas += outside.count_ones();
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
        let block = Common.classify(&block_at(text.get(from..).unwrap_or_default()));
        Self { text, base: from, bits: block.quote | block.backslash }
    }

    /// The offset of the next mark; `None` behind the last.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.base += BLOCK;
            let rest = self.text.get(self.base..).filter(|rest| !rest.is_empty())?;
            let block = Common.classify(&block_at(rest));
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
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = Wide::here() {
        // SAFETY: as in `next_bracket`.
        return unsafe { push_behind_commas_wide(wide, text, from, to, found) };
    }
    push_behind_commas_by(Common, text, from, to, found);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,pclmulqdq")]
fn push_behind_commas_wide(
    wide: Wide,
    text: &[u8],
    from: usize,
    to: usize,
    found: &mut Vec<usize>,
) {
    push_behind_commas_by(wide, text, from, to, found);
}

#[inline(always)]
fn push_behind_commas_by(
    look: impl Look,
    text: &[u8],
    from: usize,
    to: usize,
    found: &mut Vec<usize>,
) {
    let mut at = from;
    let mut inside_before = 0u64;
    let mut escaped_before = 0u64;
    while at < to {
        let block = block_at(text.get(at..).unwrap_or_default());
        let escaped = escaped_bits(look.places(&block, b'\\'), &mut escaped_before);
        let inside = look.parity(look.places(&block, b'"') & !escaped) ^ inside_before;
        inside_before = ((inside as i64) >> 63) as u64;
        let mut commas = look.places(&block, b',') & !inside;
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, one byte after the other.
    fn plainly(text: &[u8], from: usize) -> Result<(usize, u32), Lost> {
        let (mut inside, mut escaped, mut commas) = (false, false, 0);
        for (at, byte) in text.iter().enumerate().skip(from) {
            if inside && *byte < 0x20 {
                return Err(Lost::Control(at));
            }
            let literal = std::mem::take(&mut escaped);
            match byte {
                b'\\' => escaped = !literal,
                b'"' if !literal => inside = !inside,
                b'[' | b']' | b'{' | b'}' if !inside => return Ok((at, commas)),
                b',' if !inside => commas += 1,
                _ => {}
            }
        }
        Err(Lost::End)
    }

    proptest! {
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
        fn agrees_with_the_plain_way(text in r#"[\\"\]a,\n]{0,200}"#, pad in 0usize..70) {
            let text = [vec![b'"'; pad & 1], vec![b'x'; pad], text.into_bytes()].concat();
            prop_assert_eq!(next_bracket(&text, 0), plainly(&text, 0));
            prop_assert_eq!(next_bracket_by(Common, &text, 0), plainly(&text, 0));
            prop_assert_eq!(next_bracket(&text, text.len() + 1), Err(Lost::End));
        }

        #[test]
        fn commas_are_all_found(text in r#"([a,]|"([\\]["\\]|[a,]){0,40}"){0,40}"#, pad in 0usize..70) {
            let text = " ".repeat(pad) + &text + ",],";
            let to = text.len() - 2;
            let (mut inside, mut escaped, mut expected) = (false, false, Vec::new());
            for (at, byte) in text.bytes().enumerate().take(to) {
                let literal = std::mem::take(&mut escaped);
                match byte {
                    b'\\' => escaped = !literal,
                    b'"' if !literal => inside = !inside,
                    b',' if !inside => expected.push(at + 1),
                    _ => {}
                }
            }
            let (mut found, mut commonly) = (Vec::new(), Vec::new());
            push_behind_commas(text.as_bytes(), 0, to, &mut found);
            push_behind_commas_by(Common, text.as_bytes(), 0, to, &mut commonly);
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(&commonly, &expected);
        }
    }
}
