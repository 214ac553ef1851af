//! Pseudonyms under a key. Uses `mask`, the crates `hmac` and `sha2`.

use std::sync::Arc;

use ::hmac::Mac;

use super::{Becomes, Method, Spec, Value, Wrong, needed};
use crate::mask::key::Signer;
use crate::mask::older::push_hex;
use crate::ums::Type;
use crate::ums::json::{push_f32, push_f64};

/// Hexadecimal digits at least: 64 bits, so that values do not meet.
const FEWEST: usize = 16;
/// Hexadecimal digits of SHA-256.
const ALL: usize = 64;

const TAKES: &[Type] = &[
    Type::Int,
    Type::Long,
    Type::Float,
    Type::Double,
    Type::Decimal,
    Type::Date,
    Type::Datetime,
    Type::String,
    Type::Binary,
];

pub(super) const SPEC: Spec = Spec {
    name: "hmac",
    form: "hmac[:DIGITS]",
    meaning: "A pseudonym: the HMAC-SHA-256 of the text under the key, as 64 hexadecimal digits, or the \
              first DIGITS of them, 16 to 64. The same text has the same pseudonym in every table and \
              column, whatever its type, and nobody without the key can tell which text it was.",
    takes: TAKES,
    becomes: Becomes::Text,
    distinct: TAKES,
    keyed: true,
    examples: &[
        ("hmac:32", Type::String, "ann@example.com", "\"093e3dd9df951c5008225d533a017547\""),
        ("hmac:16", Type::Long, "12345", "\"35186ad4e0c9a34a\""),
    ],
    parse: |parameter, key| {
        let digits = match parameter {
            "" => ALL,
            text => text
                .parse()
                .ok()
                .filter(|digits| (FEWEST..=ALL).contains(digits))
                .ok_or_else(|| format!("DIGITS are {FEWEST} to {ALL}"))?,
        };
        Ok(Arc::new(Pseudonym { signer: needed(key)?.signer(), digits }))
    },
};

struct Pseudonym {
    signer: Signer,
    digits: usize,
}

impl std::fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pseudonym({})", self.digits)
    }
}

impl Method for Pseudonym {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let mut signer = self.signer.clone();
        match value.ty {
            // However a producer spells it.
            Type::Float => {
                let mut text = Vec::new();
                push_f32(&mut text, value.text.parse().map_err(|_| Wrong)?);
                signer.update(&text);
            }
            Type::Double => {
                let mut text = Vec::new();
                push_f64(&mut text, value.text.parse().map_err(|_| Wrong)?);
                signer.update(&text);
            }
            _ => signer.update(value.text.as_bytes()),
        }
        out.push(b'"');
        let start = out.len();
        push_hex(out, &signer.finalize().into_bytes());
        out.truncate(start + self.digits);
        out.push(b'"');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Key;

    /// Test case 2 of RFC 4231 has a key that is too short for us; cases 3, 4 and 6 do.
    #[test]
    fn vectors_of_rfc_4231() {
        let pseudonym = |key: &[u8], text: &str| {
            let method = (SPEC.parse)("", Some(&Key::new(key).unwrap())).unwrap();
            let mut out = Vec::new();
            method.write(&Value { ty: Type::String, text, salt: "" }, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            pseudonym(&[0x0b; 20], "Hi There"),
            "\"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7\""
        );
        assert_eq!(
            pseudonym(&[0xaa; 131], "Test Using Larger Than Block-Size Key - Hash Key First"),
            "\"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54\""
        );
    }
}
