//! A hash that is the same in every version and on every machine: FNV-1a with 64 bits (Fowler, Noll
//! and Vo; the constants are those of draft-eastlake-fnv). Uses nothing. HOT.
//!
//! Names, positions and files hold its results, so it may never change. It is no defence against
//! people who choose their input.

/// Of the bytes.
///
/// ```
/// assert_eq!(dws::ums::hash::fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
/// ```
#[inline]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    Fnv1a::default().and(bytes).finish()
}

/// One that is fed in parts: the parts' borders do not count.
#[derive(Debug, Clone, Copy)]
pub struct Fnv1a(u64);

impl Default for Fnv1a {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv1a {
    /// One that begins elsewhere, so that the same bytes give another result. 0 is the usual start.
    #[inline]
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(seed ^ Self::default().0)
    }

    /// Goes on with these bytes.
    #[inline]
    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        Self(bytes.iter().fold(self.0, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The hash so far.
    #[inline]
    #[must_use]
    pub fn finish(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors() {
        for (text, hash) in [
            ("", 0xcbf2_9ce4_8422_2325),
            ("a", 0xaf63_dc4c_8601_ec8c),
            ("foobar", 0x8594_4171_f739_67e8),
        ] {
            assert_eq!(fnv1a(text.as_bytes()), hash);
            assert_eq!(Fnv1a::seeded(0).and(text.as_bytes()).finish(), hash);
        }
        assert_eq!(Fnv1a::default().and(b"foo").and(b"bar").finish(), fnv1a(b"foobar"));
        assert_ne!(Fnv1a::seeded(1).and(b"a").finish(), fnv1a(b"a"));
    }
}
