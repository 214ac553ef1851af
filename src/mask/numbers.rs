//! Numbers as the older systems write them: their digests are digests of these texts. Uses nothing.
//! Once a masked cell.
//!
//! The texts are those of Java up to version 18 (`Double.toString`, `Float.toString`,
//! `BigDecimal.toString`, `%.1f`). Whole numbers from 2^53 on (2^24 for floats) have the digits that
//! Java keeps of them, which are more than it takes to read them back; all others have the fewest.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `0.DIGITS × 10^exponent`, no zeros at the end.
struct Digits {
    digits: String,
    exponent: i32,
}

/// The digits of a number that is greater than 0; `bits` are those of its type's significand.
fn digits(value: f64, shortest: &str, bits: i32) -> Option<Digits> {
    let mut all;
    let exponent;
    if value.fract() == 0.0 && value < 9.2e18 {
        let whole = value as u64;
        let binary = 63 - whole.leading_zeros().min(63) as i32;
        // As many digits as the bits behind the significand make are not told apart.
        let useless = match binary.saturating_sub(bits).saturating_sub(1) {
            bits @ 2.. => f64::from(bits) * std::f64::consts::LOG10_2,
            _ => 0.0,
        } as u32;
        let unit = 10u64.checked_pow(useless)?;
        let half = if whole % unit >= unit / 2 && unit > 1 { 1 } else { 0 };
        all = (whole / unit + half).to_string();
        exponent = i32::try_from(all.len()).ok()?.checked_add(i32::try_from(useless).ok()?)?;
    } else {
        let (mantissa, power) = shortest.split_once('e')?;
        all = mantissa.replace('.', "");
        exponent = power.parse::<i32>().ok()?.checked_add(1)?;
    }
    all.truncate(all.trim_end_matches('0').len().max(1));
    Some(Digits { digits: all, exponent })
}

/// A double as text.
pub(super) fn double(value: f64) -> Option<String> {
    text(value, &format!("{:e}", value.abs()), 53)
}

/// A float as text.
pub(super) fn float(value: f32) -> Option<String> {
    text(f64::from(value), &format!("{:e}", value.abs()), 24)
}

fn text(value: f64, shortest: &str, bits: i32) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let mut out = String::from(if value.is_sign_negative() { "-" } else { "" });
    if value == 0.0 {
        out.push_str("0.0");
        return Some(out);
    }
    let Digits { digits, exponent } = digits(value.abs(), shortest, bits)?;
    let (point, scientific) = match exponent {
        -2..=0 => (0, false),
        1..=7 => (usize::try_from(exponent).ok()?, false),
        _ => (1, true),
    };
    let zeros = "0".repeat(usize::try_from(-exponent).unwrap_or(0));
    let whole = digits.get(..point.min(digits.len())).unwrap_or_default();
    let rest = digits.get(whole.len()..).unwrap_or_default();
    let padding = "0".repeat(point.saturating_sub(whole.len()));
    let zeros = if point == 0 { zeros.as_str() } else { "" };
    let whole = if point == 0 { "0" } else { whole };
    let rest = if rest.is_empty() { "0" } else { rest };
    write!(out, "{whole}{padding}.{zeros}{rest}").ok()?;
    if scientific {
        write!(out, "E{}", exponent.checked_sub(1)?).ok()?;
    }
    Some(out)
}

/// A number with one digit behind the point, as `%.1f` writes it.
pub(super) fn one_digit(value: f64) -> Option<String> {
    if value == 0.0 {
        return Some("0.0".into());
    }
    let Digits { digits, exponent } = digits(value.abs(), &format!("{:e}", value.abs()), 53)?;
    // All digits up to the first behind the point, then the one that decides.
    let wanted = usize::try_from(exponent.checked_add(1)?).unwrap_or(0);
    let kept = digits.get(..wanted.min(digits.len())).unwrap_or_default();
    let mut tenths: u128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    for _ in kept.len()..wanted {
        tenths = tenths.checked_mul(10)?;
    }
    if exponent >= -1 && digits.as_bytes().get(wanted).is_some_and(|digit| *digit >= b'5') {
        tenths += 1;
    }
    let sign = if value < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}.{}", tenths / 10, tenths % 10))
}

/// Plain digits as the text of a Java decimal: with an exponent where it is very small.
pub(super) fn decimal(text: &str) -> Cow<'_, str> {
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => ("-", plain),
        None => ("", text),
    };
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let all = [whole, fraction].concat();
    let digits = all.trim_start_matches('0');
    let (sign, digits) = if digits.is_empty() { ("", "0") } else { (sign, digits) };
    let (places, length) = (fraction.len(), digits.len());
    // The power of ten of the first digit.
    if places < length + 6 {
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if places > 0 { "." } else { "" };
        let same = sign.len() + whole.len() + point.len() + places == text.len();
        return if same { text.into() } else { format!("{sign}{whole}{point}{fraction}").into() };
    }
    let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}E-{}", places + 1 - length).into()
}

#[cfg(test)]
mod tests;
