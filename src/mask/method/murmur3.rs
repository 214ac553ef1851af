//! MurmurHash3, 128 bits for 64-bit machines, seed 0, as the older systems have it. Uses `mask`.
//!
//! Source: Austin Appleby's MurmurHash3_x64_128; it has no secret and is no cryptographic digest.

use std::sync::Arc;

use super::{Becomes, Method, Spec, Value, Wrong, md5};
use crate::mask::older::{Salt, push_digest};
use crate::ums::Type;

pub(super) const SPEC: Spec = Spec {
    name: "murmur3",
    form: "murmur3[:SALT]",
    meaning: "As md5, with the digest MurmurHash3 (128 bits, seed 0). It hides nothing from who knows it: \
              take hmac where nothing older has to be matched.",
    takes: md5::TAKES,
    becomes: Becomes::SameOrText,
    distinct: md5::DISTINCT,
    keyed: false,
    examples: &[
        ("murmur3", Type::String, "first_cui1", "\"ca744a6bbecd7be3ecadf6c4d4c4735d\""),
        ("murmur3", Type::Long, "12345", "\"2375712675693977547\""),
        ("murmur3", Type::Int, "7", "44257562"),
        ("murmur3", Type::Double, "1.5", "-2.5081266373983575e+18"),
        ("murmur3", Type::Float, "1.5", "640486140.0"),
        ("murmur3", Type::Decimal, "12.50", "\"-679852989964582530.0\""),
        ("murmur3", Type::Datetime, "2026-11-21 01:02:03", "\"1970-01-01 08:00:01.000\""),
    ],
    parse: |parameter, _| Ok(Arc::new(Murmur3(Salt::parse(parameter)?))),
};

#[derive(Debug)]
struct Murmur3(Salt);

impl Method for Murmur3 {
    fn column(&self) -> Option<&str> {
        self.0.column()
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let mut text = Vec::new();
        self.0.feed(value, |bytes| text.extend_from_slice(bytes))?;
        push_digest(value.ty, &digest(&text), out);
        Ok(())
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn scatter_low(k: u64) -> u64 {
    k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn scatter_high(k: u64) -> u64 {
    k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut k: u64) -> u64 {
    k = (k ^ k >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    k = (k ^ k >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    k ^ k >> 33
}

/// Up to eight bytes as a number, the lowest first.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn digest(text: &[u8]) -> [u8; 16] {
    let (mut low, mut high) = (0u64, 0u64);
    let (blocks, tail) = text.as_chunks::<16>();
    for block in blocks {
        let (first, second) = block.split_at(8);
        low ^= scatter_low(word(first));
        low = low.rotate_left(27).wrapping_add(high).wrapping_mul(5).wrapping_add(0x52dc_e729);
        high ^= scatter_high(word(second));
        high = high.rotate_left(31).wrapping_add(low).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (first, second) = tail.split_at(tail.len().min(8));
    high ^= scatter_high(word(second));
    low ^= scatter_low(word(first));
    low ^= text.len() as u64;
    high ^= text.len() as u64;
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    (low, high) = (finish(low), finish(high));
    low = low.wrapping_add(high);
    high = high.wrapping_add(low);
    let mut digest = [0u8; 16];
    let (first, second) = digest.split_at_mut(8);
    first.copy_from_slice(&low.to_le_bytes());
    second.copy_from_slice(&high.to_le_bytes());
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> String {
        let mut out = Vec::new();
        crate::mask::older::push_hex(&mut out, &digest(text.as_bytes()));
        String::from_utf8(out).unwrap()
    }

    /// Published results of MurmurHash3_x64_128 with seed 0 (those of Guava's own tests among them).
    #[test]
    fn published_vectors() {
        for (text, expected) in [
            ("", "00000000000000000000000000000000"),
            ("abc", "6778ad3f3f3f96b4522dca264174a23b"),
            ("abcdefghijklmnopqrstuvwxyz", "a94a6f517e9d9c7429d5a7b6899cade9"),
            ("The quick brown fox jumps over the lazy dog", "6c1b07bc7bbc4be347939ac4a93c437a"),
        ] {
            assert_eq!(hex(text), expected, "{text}");
        }
    }
}
