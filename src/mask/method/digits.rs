//! Other digits in place of digits, under a key; everything else stays. Uses `mask`, `ums`, the crate
//! `hmac`.
//!
//! The digits of a cell are permuted among all texts with as many digits: a Feistel network of ten
//! rounds over decimal digits, as FF1 (NIST SP 800-38G) has, with HMAC-SHA-256 for its function and
//! digits added one by one, so that any length goes. What a number's type cannot hold, or what has a zero
//! in front, is permuted again until it fits; that ends, because the value itself fits. So different
//! values stay different, and whoever has the key could undo it.

use std::sync::Arc;

use ::hmac::Mac;

use super::{Becomes, Method, Spec, Value, Wrong, needed};
use crate::mask::key::Signer;
use crate::ums::Type;
use crate::ums::json::push_string;

const ROUNDS: u8 = 10;

const TAKES: &[Type] = &[Type::Int, Type::Long, Type::Decimal, Type::String];

pub(super) const SPEC: Spec = Spec {
    name: "digits",
    form: "digits",
    meaning: "Every digit becomes another one, by the key and by all digits of the value; letters, signs and \
              the point stay, and so does the number of digits. Different values stay different. A number \
              keeps its sign and stays within its type, and gets no zero in front. Few digits hide little: \
              there are only ten texts of one digit.",
    takes: TAKES,
    becomes: Becomes::Same,
    distinct: TAKES,
    keyed: true,
    examples: &[
        ("digits", Type::String, "+49 (89) 1234-5678", "\"+94 (11) 9266-1846\""),
        ("digits", Type::Long, "12345", "\"35528\""),
        ("digits", Type::Decimal, "-120.50", "\"-619.57\""),
        ("digits", Type::String, "none", "\"none\""),
    ],
    parse: |parameter, key| {
        super::nothing(parameter)?;
        Ok(Arc::new(Digits { signer: needed(key)?.derived("dws digits")? }))
    },
};

struct Digits {
    signer: Signer,
}

impl std::fmt::Debug for Digits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digits")
    }
}

impl Digits {
    /// Adds the round's digits, made of `with`, to `to`.
    fn round(&self, number: u8, length: u64, to: &mut [u8], with: &[u8]) {
        let mut block = 0u32;
        let mut rest = to.iter_mut();
        loop {
            let mut signer = self.signer.clone();
            signer.update(&[number]);
            signer.update(&length.to_be_bytes());
            signer.update(&block.to_be_bytes());
            signer.update(with);
            // 250 and more would make low digits likelier.
            for byte in signer.finalize().into_bytes().iter().filter(|byte| **byte < 250) {
                let Some(digit) = rest.next() else { return };
                *digit = (*digit + byte % 10) % 10;
            }
            block = block.wrapping_add(1);
        }
    }

    /// Another sequence of as many digits, each 0 to 9.
    fn permute(&self, digits: &mut [u8]) {
        let length = digits.len() as u64;
        let (left, right) = digits.split_at_mut(digits.len() / 2);
        for number in 0..ROUNDS {
            if number % 2 == 0 {
                self.round(number, length, left, right);
            } else {
                self.round(number, length, right, left);
            }
        }
    }
}

/// What the digits of a number must not be.
struct Limits {
    negative: bool,
    /// A whole part of one digit, which may be 0.
    short: bool,
    /// The greatest value without its sign; numbers of fewer digits are less anyway.
    most: Option<&'static [u8]>,
}

impl Limits {
    fn of(ty: Type, negative: bool, whole: usize) -> Self {
        let most: Option<&'static [u8]> = match (ty, negative) {
            (Type::Int, false) => Some(b"2147483647"),
            (Type::Int, true) => Some(b"2147483648"),
            (Type::Long, false) => Some(b"9223372036854775807"),
            (Type::Long, true) => Some(b"9223372036854775808"),
            _ => None,
        };
        Self { negative, short: whole <= 1, most }
    }

    fn hold(&self, digits: &[u8]) -> bool {
        let zero = digits.iter().all(|digit| *digit == 0);
        let padded = !self.short && digits.first() == Some(&0);
        let large = self.most.is_some_and(|most| {
            digits.len() > most.len()
                || digits.len() == most.len()
                    && digits.iter().map(|digit| digit + b'0').gt(most.iter().copied())
        });
        !(padded || large || self.negative && zero)
    }
}

impl Method for Digits {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let text = value.text.as_bytes();
        let mut digits: Vec<u8> =
            text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
        let mut skipped = 0;
        let mut limits = None;
        if value.ty != Type::String {
            let (negative, plain) = match value.text.strip_prefix('-') {
                Some(plain) => (true, plain),
                None => (false, value.text),
            };
            let (whole, fraction) = plain.split_once('.').unwrap_or((plain, "0"));
            let all = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
            if !all(whole)
                || !all(fraction)
                || value.ty != Type::Decimal && plain.len() != whole.len()
            {
                return Err(Wrong);
            }
            // A decimal below 1 stays there, so that it fits where it came from.
            skipped = usize::from(whole == "0" && whole.len() < plain.len());
            let found = Limits::of(value.ty, negative, whole.len() - skipped);
            // What cannot come out must not go in, or there would be no end.
            if !found.hold(digits.get(skipped..).unwrap_or_default()) {
                return Err(Wrong);
            }
            limits = Some(found);
        }
        if let Some(moved) = digits.get_mut(skipped..).filter(|moved| !moved.is_empty()) {
            self.permute(moved);
            while limits.as_ref().is_some_and(|limits| !limits.hold(moved)) {
                self.permute(moved);
            }
        }
        let mut masked = value.text.to_owned();
        let mut next = digits.iter();
        masked.clear();
        masked.extend(value.text.chars().map(|c| match c.is_ascii_digit() {
            true => next.next().map_or('0', |digit| char::from(digit + b'0')),
            false => c,
        }));
        if value.ty == Type::Int {
            out.extend_from_slice(masked.as_bytes());
        } else {
            push_string(out, &masked);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::testing::masked;
    use super::*;

    fn one(ty: Type, text: &str) -> String {
        masked("digits", ty, text, "").unwrap().trim_matches('"').to_owned()
    }

    #[test]
    fn different_values_stay_different_and_in_their_type() {
        let mut seen = HashSet::new();
        for value in -1200i64..1200 {
            let text = one(Type::Int, &value.to_string());
            let back: i32 = text.parse().unwrap();
            assert_eq!(text, back.to_string());
            assert_eq!(text.len(), value.to_string().len());
            assert!(seen.insert(back), "{value}");
        }
        let mut seen = HashSet::new();
        for value in 0..1000 {
            let (text, masked) = (format!("{value:03}"), one(Type::String, &format!("{value:03}")));
            assert_eq!(text.len(), masked.len());
            assert!(seen.insert(masked));
        }
    }

    #[test]
    fn ends_of_types() {
        for value in [i32::MIN, i32::MIN + 1, i32::MAX, 2_000_000_000, -1_000_000_000] {
            assert!(one(Type::Int, &value.to_string()).parse::<i32>().is_ok());
        }
        for value in [i64::MIN, i64::MAX, 9_000_000_000_000_000_000] {
            assert!(one(Type::Long, &value.to_string()).parse::<i64>().is_ok());
        }
        for text in ["0.50", "-0.01", "12.50", "0", "0.00", "18446744073709551615", "-7.0"] {
            let out = one(Type::Decimal, text);
            assert_eq!(out.len(), text.len());
            assert_eq!(out.find('.'), text.find('.'));
            assert_eq!(text.starts_with("0."), out.starts_with("0."), "{text} {out}");
        }
        for wrong in ["", "-", "1e5", "x", "007", "-0", "1.", ".5", "99999999999"] {
            assert!(masked("digits", Type::Int, wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn long_texts_and_other_scripts() {
        let text = "é4".repeat(5000);
        let out = one(Type::String, &text);
        assert_eq!(out.len(), text.len());
        assert!(out.chars().step_by(2).all(|c| c == 'é'));
        assert_eq!(one(Type::String, "\u{661}"), "\u{661}");
    }
}
