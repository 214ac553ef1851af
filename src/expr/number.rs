//! HOT. Exact numbers of up to 65 digits, as MySQL's DECIMAL has them: a whole number and how many
//! of its digits stand behind the point. Uses `error`.
//!
//! Numbers of 128 bits are worked on without an allocation; what they cannot hold goes on as a big
//! integer, with the same result.

use std::cmp::Ordering;

use num_bigint::BigInt;

use crate::error::{Error, Result};

/// Digits of the widest DECIMAL (MySQL reference manual, "DECIMAL Data Type Characteristics").
pub const MOST_DIGITS: u32 = 65;

/// Digits that any 64-bit whole number can have.
const SHORT: usize = 18;

/// The powers of ten that 128 bits hold.
const POWERS: [i128; 39] = {
    let mut powers = [1; 39];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// Digits that a division adds to those behind the dividend's point, MySQL's
/// `div_precision_increment`.
pub const DIVISION_DIGITS: u32 = 4;

/// An exact number: its digits, and how many of them stand behind the point.
#[derive(Debug, Clone)]
pub enum Number {
    /// The digits fit into 128 bits.
    Small(i128, u32),
    /// They do not.
    Big(BigInt, u32),
}

impl Number {
    /// Reads plain digits with a sign and a point; no exponent, no spaces.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        if digits.len() <= SHORT {
            return Self::parse_short(negative, digits);
        }
        let (mut value, mut scale, mut point, mut any) = (0i128, 0u32, false, false);
        for byte in digits {
            match byte {
                b'0'..=b'9' => {
                    any = true;
                    scale += u32::from(point);
                    let next = value.checked_mul(10);
                    let Some(next) =
                        next.and_then(|next| next.checked_add(i128::from(byte - b'0')))
                    else {
                        return Self::parse_big(text);
                    };
                    value = next;
                }
                b'.' if !point => point = true,
                _ => return None,
            }
        }
        (any && scale <= MOST_DIGITS)
            .then_some(Self::Small(if negative { -value } else { value }, scale))
    }

    /// Digits and a point that 64 bits hold in any case.
    #[inline]
    fn parse_short(negative: bool, digits: &[u8]) -> Option<Self> {
        let (mut value, mut behind) = (0i64, None);
        for (at, byte) in digits.iter().enumerate() {
            match byte {
                b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
                b'.' if behind.is_none() => behind = Some(at + 1),
                _ => return None,
            }
        }
        let scale = behind.map_or(0, |behind| digits.len() - behind);
        let any = digits.len() > usize::from(behind.is_some());
        any.then_some(Self::Small(i128::from(if negative { -value } else { value }), scale as u32))
    }

    #[cold]
    fn parse_big(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let scale = u32::try_from(fraction.len()).ok().filter(|scale| *scale <= MOST_DIGITS)?;
        // The parser of the crate would take underscores.
        let plain = whole.strip_prefix(['-', '+']).unwrap_or(whole);
        if !plain.bytes().all(|byte| byte.is_ascii_digit()) || text.len() > 200 {
            return None;
        }
        let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
        Self::held(digits, scale).ok()
    }

    /// The number, in its smaller form where that is possible.
    fn held(digits: BigInt, scale: u32) -> Result<Self> {
        if let Ok(small) = i128::try_from(&digits) {
            if scale <= MOST_DIGITS {
                return Ok(Self::Small(small, scale));
            }
        } else if scale <= MOST_DIGITS && digits.magnitude() < power(MOST_DIGITS).magnitude() {
            return Ok(Self::Big(digits, scale));
        }
        Err(overflow())
    }

    /// Digits behind the point.
    pub fn scale(&self) -> u32 {
        match self {
            Self::Small(_, scale) | Self::Big(_, scale) => *scale,
        }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        matches!(self, Self::Small(0, _))
    }

    /// -1, 0 or 1.
    pub fn sign(&self) -> i128 {
        match self {
            Self::Small(digits, _) => digits.signum(),
            Self::Big(digits, _) if digits.sign() == num_bigint::Sign::Minus => -1,
            Self::Big(..) => 1,
        }
    }

    fn digits(&self) -> BigInt {
        match self {
            Self::Small(digits, _) => BigInt::from(*digits),
            Self::Big(digits, _) => digits.clone(),
        }
    }

    /// The digits when `scale` of them stand behind the point; `scale` is not below its own.
    fn small_at(&self, scale: u32) -> Option<i128> {
        match self {
            Self::Small(digits, own) if *own == scale => Some(*digits),
            Self::Small(digits, own) => {
                let power = POWERS.get(usize::try_from(scale.checked_sub(*own)?).ok()?)?;
                digits.checked_mul(*power)
            }
            Self::Big(..) => None,
        }
    }

    fn big_at(&self, scale: u32) -> BigInt {
        self.digits() * power(scale.saturating_sub(self.scale()))
    }

    /// Works on both with the same number of digits behind the point.
    fn aligned<T>(
        &self,
        other: &Self,
        small: impl FnOnce(i128, i128) -> Option<T>,
        big: impl FnOnce(BigInt, BigInt) -> T,
    ) -> T {
        let scale = self.scale().max(other.scale());
        let fast = match (self.small_at(scale), other.small_at(scale)) {
            (Some(a), Some(b)) => small(a, b),
            _ => None,
        };
        fast.unwrap_or_else(|| big(self.big_at(scale), other.big_at(scale)))
    }

    /// Compares the values: 1.50 equals 1.5.
    #[inline]
    pub fn order(&self, other: &Self) -> Ordering {
        if let (Self::Small(a, scale), Self::Small(b, other)) = (self, other)
            && scale == other
        {
            return a.cmp(b);
        }
        self.aligned(other, |a, b| Some(a.cmp(&b)), |a, b| a.cmp(&b))
    }

    /// The sum. Every operation fails when the result has more than 65 digits.
    pub fn add(&self, other: &Self) -> Result<Self> {
        let scale = self.scale().max(other.scale());
        self.aligned(
            other,
            |a, b| a.checked_add(b).map(|sum| Ok(Self::Small(sum, scale))),
            |a, b| Self::held(a + b, scale),
        )
    }

    /// The difference.
    pub fn subtract(&self, other: &Self) -> Result<Self> {
        self.add(&other.negated())
    }

    /// The same with the other sign.
    pub fn negated(&self) -> Self {
        match self {
            Self::Small(digits, scale) => match digits.checked_neg() {
                Some(digits) => Self::Small(digits, *scale),
                None => Self::Big(-BigInt::from(*digits), *scale),
            },
            Self::Big(digits, scale) => Self::Big(-digits, *scale),
        }
    }

    /// The product, exact: the digits behind the points are added.
    pub fn multiply(&self, other: &Self) -> Result<Self> {
        let scale = self.scale() + other.scale();
        if let (Self::Small(a, _), Self::Small(b, _)) = (self, other)
            && let (Some(product), true) = (a.checked_mul(*b), scale <= MOST_DIGITS)
        {
            return Ok(Self::Small(product, scale));
        }
        Self::held(self.digits() * other.digits(), scale)
    }

    /// The quotient, rounded half away from zero to four more digits than the dividend has; `None`
    /// for a division by zero.
    pub fn divide(&self, other: &Self) -> Result<Option<Self>> {
        if other.is_zero() {
            return Ok(None);
        }
        let scale = (self.scale() + DIVISION_DIGITS).min(MOST_DIGITS);
        let dividend = self.digits() * power(scale - self.scale() + other.scale());
        Self::held(rounded_quotient(dividend, other.digits()), scale).map(Some)
    }

    /// What a whole-numbered division leaves, with the sign of the dividend; `None` for a division
    /// by zero.
    pub fn remainder(&self, other: &Self) -> Result<Option<Self>> {
        if other.is_zero() {
            return Ok(None);
        }
        let scale = self.scale().max(other.scale());
        let left = self.aligned(
            other,
            |a, b| Some(Ok(Self::Small(a.checked_rem(b)?, scale))),
            |a, b| Self::held(a % b, scale),
        );
        left.map(Some)
    }

    /// Rounded half away from zero to `scale` digits behind the point; unchanged when it has no
    /// more. Below 0, to tens, hundreds and so on.
    pub fn rounded(&self, scale: i64) -> Result<Self> {
        let Some(less) =
            u32::try_from(i64::from(self.scale()) - scale).ok().filter(|less| *less > 0)
        else {
            return Ok(self.clone());
        };
        let unit = power(less.min(2 * MOST_DIGITS));
        let digits = rounded_quotient(self.digits(), unit);
        match u32::try_from(scale) {
            Ok(scale) => Self::held(digits, scale),
            Err(_) => {
                Self::held(digits * power((-scale).clamp(0, i64::from(2 * MOST_DIGITS)) as u32), 0)
            }
        }
    }

    /// With exactly `scale` digits behind the point.
    pub fn at_scale(&self, scale: u32) -> Result<Self> {
        let rounded = self.rounded(i64::from(scale))?;
        match rounded.small_at(scale.max(rounded.scale())) {
            Some(digits) => Ok(Self::Small(digits, scale)),
            None => Self::held(rounded.big_at(scale), scale),
        }
    }

    /// The greatest whole number that is not above (`up`: the least that is not below).
    pub fn whole(&self, up: bool) -> Result<Self> {
        let unit = power(self.scale());
        let digits = self.digits();
        let cut = &digits / &unit;
        let left = digits - &cut * unit;
        let step = match left.sign() {
            num_bigint::Sign::Minus if !up => -1,
            num_bigint::Sign::Plus if up => 1,
            _ => 0,
        };
        Self::held(cut + step, 0)
    }

    /// As a 64-bit whole number, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Small(digits, 0) => i64::try_from(*digits).ok(),
            _ => None,
        }
    }

    /// The nearest binary floating point number.
    pub fn as_f64(&self) -> f64 {
        match self {
            Self::Small(digits, 0) => *digits as f64,
            // Through the text, whose reading is exact; a quotient of two would be rounded twice.
            _ => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// Whether it has at most so many digits in all.
    pub fn fits(&self, digits: u32) -> bool {
        self.digits().magnitude() < power(digits).magnitude()
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self::Small(i128::from(value), 0)
    }
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (digits, scale) = match self {
            Self::Small(digits, scale) => (digits.unsigned_abs().to_string(), *scale as usize),
            Self::Big(digits, scale) => (digits.magnitude().to_string(), *scale as usize),
        };
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if self.sign() < 0 { "-" } else { "" };
        let point = if scale > 0 { "." } else { "" };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

fn power(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

/// Rounded half away from zero; `divisor` is not 0.
fn rounded_quotient(dividend: BigInt, divisor: BigInt) -> BigInt {
    let quotient = &dividend / &divisor;
    let left = dividend - &quotient * &divisor;
    if left.magnitude() * 2u8 < *divisor.magnitude() {
        return quotient;
    }
    if left.sign() == divisor.sign() { quotient + 1 } else { quotient - 1 }
}

#[cold]
fn overflow() -> Error {
    Error::data(format!("a number has more than {MOST_DIGITS} digits"))
        .advise("round it, or CAST to double what need not be exact")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn numbers_read_back() {
        let nines = "9".repeat(65);
        for text in ["0", "-1", "0.05", "-0.50", "9223372036854775808", nines.as_str()] {
            assert_eq!(number(text).to_string(), text);
        }
        let fraction = format!("-0.{nines}");
        assert_eq!(number(&fraction).to_string(), fraction);
        assert_eq!(number(".5").to_string(), "0.5");
        assert_eq!(number("+7").to_string(), "7");
        assert_eq!(number("-0.0").sign(), 0);
        let wide = format!("1{nines}");
        let underscores = format!("{nines}_1");
        for wrong in ["", "-", ".", "1e5", " 1", "1.2.3", "0x1", "--1", &wide, &underscores] {
            assert!(Number::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn arithmetic_is_exact_on_both_sides_of_128_bits() {
        let edge = i128::MAX.to_string();
        assert_eq!(
            number(&edge).add(&number("1")).unwrap().to_string(),
            "170141183460469231731687303715884105728"
        );
        let back = number(&edge).add(&number("1")).unwrap().subtract(&number("1")).unwrap();
        assert!(matches!(back, Number::Small(i128::MAX, 0)));
        assert_eq!(number("0.1").add(&number("0.20")).unwrap().to_string(), "0.30");
        assert_eq!(number("1.5").multiply(&number("-0.25")).unwrap().to_string(), "-0.375");
        let square = number(&edge).multiply(&number("1000000000000")).unwrap();
        assert_eq!(square.to_string(), format!("{edge}000000000000"));
        let nines = number(&"9".repeat(65));
        assert!(nines.add(&number("1")).is_err());
        assert!(nines.add(&number("0.1")).is_err());
        assert!(nines.multiply(&number("10")).is_err());
        assert_eq!(nines.negated().add(&nines).unwrap().to_string(), "0");
    }

    #[test]
    fn division_rounds_half_away_from_zero() {
        for (a, b, quotient) in [
            ("2", "3", "0.6667"),
            ("-2", "3", "-0.6667"),
            ("1", "-8", "-0.1250"),
            ("1", "32", "0.0313"),
            ("-1", "32", "-0.0313"),
            ("1.00", "0.3", "3.333333"),
        ] {
            let found = number(a).divide(&number(b)).unwrap().unwrap();
            assert_eq!(found.to_string(), quotient, "{a} / {b}");
        }
        assert!(number("1").divide(&number("0.00")).unwrap().is_none());
        for (a, b, left) in [("7", "3", "1"), ("-7", "3", "-1"), ("7.5", "-2", "1.5")] {
            assert_eq!(number(a).remainder(&number(b)).unwrap().unwrap().to_string(), left);
        }
    }

    #[test]
    fn rounding() {
        for (text, scale, rounded) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.345", 2, "2.35"),
            ("1", 3, "1"),
            ("1250", -2, "1300"),
            ("49", -2, "0"),
            ("1", -9_000_000, "0"),
        ] {
            assert_eq!(number(text).rounded(scale).unwrap().to_string(), rounded, "{text}");
        }
        assert_eq!(number("1.005").at_scale(2).unwrap().to_string(), "1.01");
        assert_eq!(number("1").at_scale(2).unwrap().to_string(), "1.00");
        for (text, floor, ceiling) in [("1.5", "1", "2"), ("-1.5", "-2", "-1"), ("2.0", "2", "2")] {
            assert_eq!(number(text).whole(false).unwrap().to_string(), floor);
            assert_eq!(number(text).whole(true).unwrap().to_string(), ceiling);
        }
    }

    #[test]
    fn order_is_of_values() {
        let rising =
            ["-99999999999999999999999999999999999999999.5", "-0.1", "0", "0.09", "0.1", "3"];
        for (a, b) in rising.iter().zip(rising.iter().skip(1)) {
            assert_eq!(number(a).order(&number(b)), Ordering::Less);
            assert_eq!(number(b).order(&number(a)), Ordering::Greater);
        }
        assert_eq!(number("1.50").order(&number("1.5")), Ordering::Equal);
    }
}
