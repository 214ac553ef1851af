//! Filters: whether a run may have a key, without a look at its file (Bloom filters, one cache line a
//! key). Uses nothing of the project. HOT.

/// Bits for each key: one in two hundred of the keys that are not there seems to be.
const BITS: usize = 12;
/// Words of one line of cache.
const LINE: usize = 8;
/// Bits that are set for a key.
const PROBES: usize = 6;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    (product as u64) ^ (product >> 64) as u64
}

/// The hash of a key, the same on every machine.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = 0x2d35_8dcc_aa6c_78a5 ^ bytes.len() as u64;
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), FACTOR);
    }
    let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    fold(fold(hash ^ last, FACTOR), 0xa076_1d64_78bd_642f)
}

/// Bits by the hashes of keys.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// For so many keys.
    pub(super) fn new(keys: usize) -> Self {
        let lines = (keys * BITS).div_ceil(LINE * 64).max(1);
        Self { words: vec![0; lines * LINE] }
    }

    /// The line of a hash, and the places in it.
    #[inline]
    fn places(&self, hash: u64) -> (usize, u64) {
        let lines = (self.words.len() / LINE) as u64;
        let line = ((hash >> 32) * lines) >> 32;
        (line as usize * LINE, (hash & 0xffff_ffff).wrapping_mul(FACTOR))
    }

    pub(super) fn insert(&mut self, hash: u64) {
        let (line, mut places) = self.places(hash);
        for _ in 0..PROBES {
            let place = (places >> 55) as usize;
            if let Some(word) = self.words.get_mut(line + place / 64) {
                *word |= 1 << (place % 64);
            }
            places = places.rotate_left(9);
        }
    }

    #[inline]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        let (line, mut places) = self.places(hash);
        for _ in 0..PROBES {
            let place = (places >> 55) as usize;
            let word = self.words.get(line + place / 64).copied().unwrap_or_default();
            if word >> (place % 64) & 1 == 0 {
                return false;
            }
            places = places.rotate_left(9);
        }
        true
    }

    /// Bytes of memory, and of the file.
    pub(super) fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    pub(super) fn save(&self, out: &mut Vec<u8>) {
        for word in &self.words {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    pub(super) fn load(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let whole = rest.is_empty() && !words.is_empty() && words.len() % LINE == 0;
        whole.then(|| Self { words: words.iter().map(|word| u64::from_le_bytes(*word)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_little_else() {
        let key = |number: u32| hash(format!("key number {number}").as_bytes());
        let mut filter = Filter::new(10_000);
        (0..10_000).for_each(|number| filter.insert(key(number)));
        assert!((0..10_000).all(|number| filter.may_have(key(number))));
        let wrong = (10_000..110_000).filter(|number| filter.may_have(key(*number))).count();
        assert!(wrong < 1500, "{wrong} of 100,000");
        let mut bytes = Vec::new();
        filter.save(&mut bytes);
        assert_eq!(Filter::load(&bytes).unwrap().words, filter.words);
        assert!(Filter::load(&bytes[1..]).is_none());
        assert_eq!(hash(b"the hash never changes"), HASHED);
    }

    const HASHED: u64 = 14_547_834_506_510_614_554;
}
