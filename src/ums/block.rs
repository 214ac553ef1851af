//! HOT. What is where in 64 bytes, as bit masks with one bit a byte. Uses nothing of the project.
//!
//! There are ways of looking at a block for what processors have; all see the same.

/// Bytes in a block; bits in a mask.
pub(super) const BLOCK: usize = 64;

/// What is where in a block.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Masks {
    pub(super) quote: u64,
    pub(super) backslash: u64,
    /// `[`, `]`, `{` and `}`.
    pub(super) bracket: u64,
    /// Below 0x20; never allowed inside a string.
    pub(super) control: u64,
    pub(super) comma: u64,
}

/// A way of looking at a block.
pub(super) trait Look: Copy {
    /// All masks of a block.
    fn classify(self, block: &[u8; BLOCK]) -> Masks;

    /// Where a letter is.
    fn places(self, block: &[u8; BLOCK], letter: u8) -> u64;

    /// Bit n is the parity of the bits 0 to n.
    #[inline(always)]
    fn parity(self, bits: u64) -> u64 {
        let mut parity = bits;
        parity ^= parity << 1;
        parity ^= parity << 2;
        parity ^= parity << 4;
        parity ^= parity << 8;
        parity ^= parity << 16;
        parity ^= parity << 32;
        parity
    }
}

/// With what every processor has.
#[derive(Clone, Copy)]
pub(super) struct Common;

#[cfg(target_arch = "x86_64")]
impl Look for Common {
    #[inline(always)]
    fn classify(self, block: &[u8; BLOCK]) -> Masks {
        // SAFETY: the only condition is SSE2, which every x86-64 processor has.
        unsafe { sixteen::classify(block) }
    }

    #[inline(always)]
    fn places(self, block: &[u8; BLOCK], letter: u8) -> u64 {
        // SAFETY: as above.
        unsafe { sixteen::places(block, letter) }
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Look for Common {
    #[inline(always)]
    fn classify(self, block: &[u8; BLOCK]) -> Masks {
        words::classify(block)
    }

    #[inline(always)]
    fn places(self, block: &[u8; BLOCK], letter: u8) -> u64 {
        words::places(block, letter)
    }
}

/// With registers of 32 bytes; there is one only where the processor has them.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Wide(());

#[cfg(target_arch = "x86_64")]
impl Wide {
    /// One, where the processor has what is needed: AVX2, BMI1, CLMUL and POPCNT.
    #[inline(always)]
    pub(super) fn here() -> Option<Self> {
        let here = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("popcnt")
            && std::arch::is_x86_feature_detected!("pclmulqdq");
        here.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Look for Wide {
    #[inline(always)]
    fn classify(self, block: &[u8; BLOCK]) -> Masks {
        // SAFETY: `here` has seen AVX2.
        unsafe { thirty_two::classify(block) }
    }

    #[inline(always)]
    fn places(self, block: &[u8; BLOCK], letter: u8) -> u64 {
        // SAFETY: as above.
        unsafe { thirty_two::places(block, letter) }
    }

    #[inline(always)]
    fn parity(self, bits: u64) -> u64 {
        // SAFETY: `here` has seen CLMUL.
        unsafe { thirty_two::parity(bits) }
    }
}

/// Sixteen bytes at a time.
#[cfg(target_arch = "x86_64")]
mod sixteen {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x,
        _mm_set1_epi8,
    };

    use super::{BLOCK, Masks};

    #[target_feature(enable = "sse2")]
    #[inline]
    fn loaded(sixteen: &[u8; 16]) -> __m128i {
        let pair = u128::from_le_bytes(*sixteen);
        _mm_set_epi64x((pair >> 64) as i64, pair as i64)
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
        let mut masks = Masks::default();
        for (step, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = loaded(sixteen);
            // `[` and `{`, `]` and `}` differ in one bit.
            let folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
            let opens = _mm_cmpeq_epi8(folded, _mm_set1_epi8(b'{' as i8));
            let closes = _mm_cmpeq_epi8(folded, _mm_set1_epi8(b'}' as i8));
            let brackets = _mm_or_si128(opens, closes);
            let quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'"' as i8));
            let backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b'\\' as i8));
            let controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
            let commas = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b',' as i8));
            let shift = step * 16;
            masks.quote |= u64::from(_mm_movemask_epi8(quotes) as u16) << shift;
            masks.backslash |= u64::from(_mm_movemask_epi8(backslashes) as u16) << shift;
            masks.bracket |= u64::from(_mm_movemask_epi8(brackets) as u16) << shift;
            masks.control |= u64::from(_mm_movemask_epi8(controls) as u16) << shift;
            masks.comma |= u64::from(_mm_movemask_epi8(commas) as u16) << shift;
        }
        masks
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn places(block: &[u8; BLOCK], letter: u8) -> u64 {
        let wanted = _mm_set1_epi8(letter as i8);
        let mut found = 0;
        for (step, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
            let equal = _mm_movemask_epi8(_mm_cmpeq_epi8(loaded(sixteen), wanted));
            found |= u64::from(equal as u16) << (step * 16);
        }
        found
    }
}

/// Thirty-two bytes at a time.
#[cfg(target_arch = "x86_64")]
mod thirty_two {
    use std::arch::x86_64::{
        __m256i, _mm_clmulepi64_si128, _mm_cvtsi128_si64, _mm_set_epi64x, _mm_set1_epi8,
        _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set_epi64x, _mm256_set1_epi8,
    };

    use super::{BLOCK, Masks};

    #[target_feature(enable = "avx2")]
    #[inline]
    fn loaded(bytes: &[u8; 32]) -> __m256i {
        let [a, b, c, d] = std::array::from_fn(|word| {
            let eight = bytes.as_chunks::<8>().0.get(word).copied().unwrap_or_default();
            i64::from_le_bytes(eight)
        });
        _mm256_set_epi64x(d, c, b, a)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
        let mut masks = Masks::default();
        for (step, half) in block.as_chunks::<32>().0.iter().enumerate() {
            let bytes = loaded(half);
            let folded = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
            let opens = _mm256_cmpeq_epi8(folded, _mm256_set1_epi8(b'{' as i8));
            let closes = _mm256_cmpeq_epi8(folded, _mm256_set1_epi8(b'}' as i8));
            let brackets = _mm256_or_si256(opens, closes);
            let quotes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'"' as i8));
            let backslashes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b'\\' as i8));
            let controls = _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes);
            let commas = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(b',' as i8));
            let shift = step * 32;
            masks.quote |= u64::from(_mm256_movemask_epi8(quotes) as u32) << shift;
            masks.backslash |= u64::from(_mm256_movemask_epi8(backslashes) as u32) << shift;
            masks.bracket |= u64::from(_mm256_movemask_epi8(brackets) as u32) << shift;
            masks.control |= u64::from(_mm256_movemask_epi8(controls) as u32) << shift;
            masks.comma |= u64::from(_mm256_movemask_epi8(commas) as u32) << shift;
        }
        masks
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn places(block: &[u8; BLOCK], letter: u8) -> u64 {
        let wanted = _mm256_set1_epi8(letter as i8);
        let mut found = 0;
        for (step, half) in block.as_chunks::<32>().0.iter().enumerate() {
            let equal = _mm256_movemask_epi8(_mm256_cmpeq_epi8(loaded(half), wanted));
            found |= u64::from(equal as u32) << (step * 32);
        }
        found
    }

    /// A product without carries by a number of ones.
    #[target_feature(enable = "pclmulqdq")]
    #[inline]
    pub(super) fn parity(bits: u64) -> u64 {
        let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
        _mm_cvtsi128_si64(product) as u64
    }
}

/// Eight bytes at a time, in one word.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    use super::{BLOCK, Masks};

    const ONES: u64 = 0x0101_0101_0101_0101;

    /// The top bit of every lane that is zero; no lane carries into the next.
    fn zero_lanes(word: u64) -> u64 {
        const LOWS: u64 = ONES * 0x7f;
        !(((word & LOWS) + LOWS) | word | LOWS)
    }

    /// The top bits of the lanes, gathered: the product puts each into a place of its own.
    fn lane_bits(lanes: u64) -> u64 {
        (lanes >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    }

    /// The masks of a block, eight bytes at a time in one word.
    pub(super) fn classify(block: &[u8; BLOCK]) -> Masks {
        let mut masks = Masks {
            quote: places(block, b'"'),
            backslash: places(block, b'\\'),
            comma: places(block, b','),
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
    pub(super) fn places(block: &[u8; BLOCK], letter: u8) -> u64 {
        let words = block.as_chunks::<8>().0.iter().enumerate();
        let bits = words.map(|(step, eight)| {
            let word = u64::from_le_bytes(*eight) ^ (ONES * u64::from(letter));
            lane_bits(zero_lanes(word)) << (step * 8)
        });
        bits.fold(0, |all, bits| all | bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ways_agree(look: impl Look, block: &[u8; BLOCK]) {
        let mut expected = Masks::default();
        for (at, byte) in block.iter().enumerate() {
            expected.quote |= u64::from(*byte == b'"') << at;
            expected.backslash |= u64::from(*byte == b'\\') << at;
            expected.bracket |= u64::from(b"[]{}".contains(byte)) << at;
            expected.control |= u64::from(*byte < 0x20) << at;
            expected.comma |= u64::from(*byte == b',') << at;
        }
        assert_eq!(look.classify(block), expected);
        for letter in [block[0], b','] {
            let expected = (0..BLOCK).fold(0, |all, at| all | u64::from(block[at] == letter) << at);
            assert_eq!(look.places(block, letter), expected);
        }
        let bits = u64::from_le_bytes(block[..8].try_into().unwrap());
        let odd = |at: u32| u64::from((bits << (63 - at)).count_ones() % 2) << at;
        assert_eq!(look.parity(bits), (0..64).fold(0, |all, at| all | odd(at)));
    }

    /// The way that other processors go.
    #[derive(Clone, Copy)]
    struct Words;

    impl Look for Words {
        fn classify(self, block: &[u8; BLOCK]) -> Masks {
            words::classify(block)
        }
        fn places(self, block: &[u8; BLOCK], letter: u8) -> u64 {
            words::places(block, letter)
        }
    }

    fn all_ways_agree(block: &[u8; BLOCK]) {
        ways_agree(Common, block);
        ways_agree(Words, block);
        #[cfg(target_arch = "x86_64")]
        if let Some(wide) = Wide::here() {
            ways_agree(wide, block);
        }
    }

    #[test]
    fn every_byte_has_its_class() {
        for start in 0..4u8 {
            all_ways_agree(&std::array::from_fn(|at| start * 64 + at as u8));
        }
    }

    proptest! {
        #[test]
        fn ways_of_looking_agree(block in proptest::collection::vec(any::<u8>(), BLOCK)) {
            all_ways_agree(&block.try_into().unwrap());
        }
    }
}
