//! HOT. Bit operators on whole numbers of 64 bits with a sign. Uses `error`.

use super::number::Number;
use crate::error::{Error, Result};

/// A bit operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bits {
    And,
    Or,
    Xor,
    /// To the left, which must lose no bit.
    Left,
    /// To the right, with the sign drawn along.
    Right,
}

/// Does it. Fails for what is no whole number of 64 bits, and where bits would be lost.
pub(super) fn work(operation: Bits, a: &Number, b: &Number) -> Result<Number> {
    let (a, b) = (whole(a)?, whole(b)?);
    let lost = || Error::data("a shift to the left of a number below 0, or out of 64 bits");
    let result = match operation {
        Bits::And => a & b,
        Bits::Or => a | b,
        Bits::Xor => a ^ b,
        Bits::Left if a == 0 => 0,
        Bits::Left => {
            let by = u32::try_from(b).ok().filter(|by| *by < 63).ok_or_else(lost)?;
            a.checked_mul(1 << by).filter(|_| a > 0).ok_or_else(lost)?
        }
        Bits::Right => match u32::try_from(b) {
            Ok(by) => a.checked_shr(by).unwrap_or(0),
            Err(_) => 0,
        },
    };
    Ok(result.into())
}

fn whole(number: &Number) -> Result<i64> {
    let whole = number.as_i64().or_else(|| {
        let rounded = number.rounded(0).ok()?;
        rounded.order(number).is_eq().then(|| rounded.as_i64()).flatten()
    });
    whole.ok_or_else(|| {
        Error::data("a bit operator on what is no whole number of 64 bits")
            .advise("CAST it to BIGINT")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits() {
        let number = |text: &str| Number::parse(text).unwrap();
        for (operation, a, b, expected) in [
            (Bits::And, "6", "3", Some("2")),
            (Bits::Or, "6", "-1", Some("-1")),
            (Bits::Xor, "6", "3.0", Some("5")),
            (Bits::Left, "1", "62", Some("4611686018427387904")),
            (Bits::Left, "1", "63", None),
            (Bits::Left, "-1", "1", None),
            (Bits::Left, "0", "99", Some("0")),
            (Bits::Right, "-5", "1", Some("-3")),
            (Bits::Right, "5", "64", Some("0")),
            (Bits::And, "1.5", "1", None),
            (Bits::And, "9223372036854775808", "1", None),
        ] {
            let found = work(operation, &number(a), &number(b)).ok().map(|n| n.to_string());
            assert_eq!(found.as_deref(), expected, "{operation:?} {a} {b}");
        }
    }
}
