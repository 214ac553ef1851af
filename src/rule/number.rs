//! HOT. Texts of cells as the types of columns: checked, and written in the one spelling that the
//! type has in a message. Uses `ums`.

use super::time;
use crate::ums::Type;
use crate::ums::json::{push_f32, push_f64, push_i64, push_string};

/// Appends the JSON of a cell; false, and nothing appended, when the text is none of the type. White
/// space around anything but a string is passed over.
#[inline]
pub(super) fn write(ty: Type, text: &str, out: &mut Vec<u8>) -> bool {
    if ty == Type::String {
        push_string(out, text);
        return true;
    }
    let text = text.trim_ascii();
    let quoted = |out: &mut Vec<u8>, text: &str| {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    };
    match ty {
        Type::Int => match text.parse::<i32>() {
            Ok(value) => push_i64(out, value.into()),
            Err(_) => return false,
        },
        Type::Long => match text.parse::<i64>() {
            Ok(value) => {
                out.push(b'"');
                push_i64(out, value);
                out.push(b'"');
            }
            Err(_) => return false,
        },
        Type::Float => match float(text).and_then(|text| text.parse::<f32>().ok()) {
            Some(value) if value.is_finite() => push_f32(out, value),
            _ => return false,
        },
        Type::Double => match float(text).and_then(|text| text.parse::<f64>().ok()) {
            Some(value) if value.is_finite() => push_f64(out, value),
            _ => return false,
        },
        Type::Decimal => match decimal(text) {
            Some(plain) => quoted(out, &plain),
            None => return false,
        },
        Type::Boolean => match truth(text) {
            Some(truth) => out.extend_from_slice(if truth { b"true" } else { b"false" }),
            None => return false,
        },
        Type::Date => match time::date(text.as_bytes()) {
            Some((date, end)) if end == text.len() && date.is_valid() => quoted(out, text),
            _ => return false,
        },
        Type::Datetime => match time::read_stamp(text) {
            Some(moment) => {
                out.push(b'"');
                time::push_stamp(out, moment);
                out.push(b'"');
            }
            None => return false,
        },
        Type::String | Type::Binary => return false,
    }
    true
}

/// Leaves out words such as `inf`, which the parser would take.
fn float(text: &str) -> Option<&str> {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)).then_some(text)
}

/// Plain digits without a plus sign and without zeros in front; the scale stays as it is written.
fn decimal(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = match digits.split_once('.') {
        Some((whole, part)) if !part.is_empty() => (whole, Some(part)),
        Some(_) => return None,
        None => (digits, None),
    };
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !part.is_none_or(plain) || (whole.is_empty() && part.is_none()) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match part {
        Some(part) => format!("{sign}{whole}.{part}"),
        None => format!("{sign}{whole}"),
    })
}

fn truth(text: &str) -> Option<bool> {
    let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match text {
        _ if is(["true", "1", "yes", "t"]) => Some(true),
        _ if is(["false", "0", "no", "f"]) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_take_the_spelling_of_their_type() {
        for (ty, text, expected) in [
            (Type::Int, " 42 ", "42"),
            (Type::Int, "-2147483648", "-2147483648"),
            (Type::Int, "2147483648", ""),
            (Type::Int, "4.0", ""),
            (Type::Int, "", ""),
            (Type::Long, "+9223372036854775807", "\"9223372036854775807\""),
            (Type::Long, "9223372036854775808", ""),
            (Type::Float, "1.5e3", "1500.0"),
            (Type::Float, "1e39", ""),
            (Type::Double, "0.10", "0.1"),
            (Type::Double, "NaN", ""),
            (Type::Double, "inf", ""),
            (Type::Decimal, "+007.50", "\"7.50\""),
            (Type::Decimal, "-.5", "\"-0.5\""),
            (Type::Decimal, "123456789012345678901234567890", "\"123456789012345678901234567890\""),
            (Type::Decimal, "1.", ""),
            (Type::Decimal, ".", ""),
            (Type::Decimal, "1e5", ""),
            (Type::Boolean, "Yes", "true"),
            (Type::Boolean, "0", "false"),
            (Type::Boolean, "on", ""),
            (Type::Date, "2024-02-29", "\"2024-02-29\""),
            (Type::Date, "2023-02-29", ""),
            (Type::Date, "2024-02-29 00:00:00", ""),
            (Type::Datetime, "2026-11-21T02:02:03+01:00", "\"2026-11-21 01:02:03.000000\""),
            (Type::Datetime, "now", ""),
            (Type::String, " a\"\u{1} ", "\" a\\\"\\u0001 \""),
        ] {
            let mut out = Vec::new();
            assert_eq!(write(ty, text, &mut out), !expected.is_empty(), "{ty:?} {text}");
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{ty:?} {text}");
        }
    }
}
