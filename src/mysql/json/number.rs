//! Doubles as the server's `my_gcvt` writes them into JSON text. Uses `error`, `zmij`. Hot.
//!
//! The digits are the shortest that read back the same. They are written plainly if at most 14
//! zeros stand between the decimal point and them, and either at most 15 digits stand before it or
//! some after it; else with an exponent that has neither `+` nor zeros in front. What would look
//! like an integer gets `.0`.

use super::damaged;
use crate::error::Result;

/// The server's `MAX_DECPT_FOR_F_FORMAT`: how far the point may stand from the first digit.
const MAX_POINT: i32 = 15;

/// The most characters of a double's text before its exponent, with room to spare.
const MAX_DIGITS: usize = 40;

/// Appends a double; infinities and NaN are in no document that a server wrote.
pub fn push_double(out: &mut Vec<u8>, value: f64) -> Result<()> {
    if !value.is_finite() {
        return Err(damaged("it holds a number that is not finite"));
    }
    if value.is_sign_negative() {
        out.push(b'-');
    }
    if value == 0.0 {
        out.extend_from_slice(b"0.0");
        return Ok(());
    }
    let mut buffer = zmij::Buffer::new();
    let mut digits = [0; MAX_DIGITS];
    let (digits, point) = split(buffer.format_finite(value.abs()), &mut digits)
        .ok_or_else(|| damaged("it holds a number that cannot be written"))?;
    push_digits(out, digits, point);
    Ok(())
}

/// The significant digits of a positive number's text, and where its point stands: 0 is before the
/// first digit.
fn split<'a>(text: &str, digits: &'a mut [u8; MAX_DIGITS]) -> Option<(&'a [u8], i32)> {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let length = whole.len() + fraction.len();
    let mut slots = digits.iter_mut();
    for digit in whole.bytes().chain(fraction.bytes()) {
        *slots.next()? = digit;
    }
    let digits = digits.get(..length)?;
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    let behind = digits.iter().rev().take_while(|digit| **digit == b'0').count();
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    Some((digits.get(zeros..length - behind)?, point.checked_sub(i32::try_from(zeros).ok()?)?))
}

fn push_digits(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let zeros = |count: i32| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0));
    let length = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let plain = point > -MAX_POINT && (point <= MAX_POINT || length > point);
    if !plain {
        let (first, rest) = digits.split_at(1.min(digits.len()));
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.push(b'e');
        out.extend_from_slice((point - 1).to_string().as_bytes());
    } else if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(zeros(-point));
        out.extend_from_slice(digits);
    } else if point < length {
        let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(digits);
        out.extend(zeros(point - length));
        out.extend_from_slice(b".0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from MySQL 9.7: `SELECT CAST(JSON_ARRAY(1e15, …) AS CHAR)`.
    #[test]
    fn as_the_server_shows_them() {
        for (value, shown) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-0.0, "-0.0"),
            (0.0, "0.0"),
            (1e14, "100000000000000.0"),
            (1e15, "1e15"),
            (1e16, "1e16"),
            (123_456_789_012_345.0, "123456789012345.0"),
            (1_234_567_890_123_456.0, "1.234567890123456e15"),
            (12_345_678_901_234_567.0, "1.2345678901234568e16"),
            (2_582_788_185_412_631.5, "2582788185412631.5"),
            (1e-4, "0.0001"),
            (1e-5, "0.00001"),
            (1e-14, "0.00000000000001"),
            (1e-15, "0.000000000000001"),
            (1e-16, "1e-16"),
            (-1.5e300, "-1.5e300"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
            (123_456_789.123_456_79, "123456789.12345679"),
            (0.000_012_345, "0.000012345"),
            (1.234_567_890_123_456_7e-10, "0.00000000012345678901234568"),
        ] {
            let mut out = Vec::new();
            push_double(&mut out, value).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), shown);
        }
        let mut out = Vec::new();
        assert!(push_double(&mut out, f64::NAN).is_err());
        assert!(push_double(&mut out, f64::INFINITY).is_err());
    }
}
