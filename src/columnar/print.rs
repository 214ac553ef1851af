//! HOT. Numbers that Parquet columns hold to the text of cells: the way back of `parse.rs`. Uses `ums`.

use crate::ums::json::{push_padded, push_u64};

/// Days between 0000-03-01 and 1970-01-01 in the proleptic Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Digits that a 64-bit number always holds.
const WORD_DIGITS: u32 = 18;

/// A decimal from its unscaled number, with `scale` digits behind the point.
#[inline]
pub fn push_decimal(out: &mut Vec<u8>, unscaled: i128, scale: u8) {
    if unscaled < 0 {
        out.push(b'-');
    }
    let magnitude = unscaled.unsigned_abs();
    let scale = u32::from(scale);
    if let (Ok(small), 0..=WORD_DIGITS) = (u64::try_from(magnitude), scale) {
        let unit = 10u64.pow(scale);
        push_u64(out, small / unit);
        if scale > 0 {
            out.push(b'.');
            push_padded(out, small % unit, scale as usize);
        }
        return;
    }
    push_wide(out, magnitude, scale as usize);
}

/// Digit by digit, for numbers beyond 64 bits.
#[cold]
fn push_wide(out: &mut Vec<u8>, magnitude: u128, scale: usize) {
    let digits = format!("{magnitude:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    out.extend_from_slice(whole.as_bytes());
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
}

/// Days since 1970-01-01 as `YYYY-MM-DD`.
#[inline]
pub fn push_date(out: &mut Vec<u8>, days: i64) {
    let days = days.saturating_add(EPOCH_DAYS);
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = years + era * 400 + i64::from(month <= 2);
    push_padded(out, year.unsigned_abs(), 4);
    out.push(b'-');
    push_padded(out, month.unsigned_abs(), 2);
    out.push(b'-');
    push_padded(out, day.unsigned_abs(), 2);
}

/// Microseconds since 1970-01-01 as `YYYY-MM-DD HH:MM:SS` with `digits` digits of fraction; with
/// six where fewer would lose some.
#[inline]
pub fn push_datetime(out: &mut Vec<u8>, micros: i64, digits: u8) {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let fraction = micros.rem_euclid(MICROS_PER_SECOND).unsigned_abs();
    push_date(out, seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY).unsigned_abs();
    out.push(b' ');
    push_padded(out, second / 3600, 2);
    out.push(b':');
    push_padded(out, second / 60 % 60, 2);
    out.push(b':');
    push_padded(out, second % 60, 2);
    let cut = 10u64.pow(6 - u32::from(digits.min(6)));
    let (digits, cut) = if fraction.is_multiple_of(cut) { (digits, cut) } else { (6, 1) };
    if digits > 0 {
        out.push(b'.');
        push_padded(out, fraction / cut, usize::from(digits.min(6)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::parse;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_have_their_declared_scale() {
        let nines = 10i128.pow(38) - 1;
        for (unscaled, scale, text) in [
            (950, 2, "9.50".to_owned()),
            (-5, 2, "-0.05".into()),
            (0, 0, "0".into()),
            (0, 3, "0.000".into()),
            (i128::from(u64::MAX), 0, "18446744073709551615".into()),
            (1, 18, "0.000000000000000001".into()),
            (1, 19, "0.0000000000000000001".into()),
            (nines, 38, format!("0.{}", "9".repeat(38))),
            (-nines, 0, format!("-{}", "9".repeat(38))),
        ] {
            assert_eq!(written(|out| push_decimal(out, unscaled, scale)), text);
        }
    }

    #[test]
    fn fractions_have_their_declared_digits_unless_that_loses_some() {
        for (micros, digits, text) in [
            (0, 0, "1970-01-01 00:00:00"),
            (1_500_000, 3, "1970-01-01 00:00:01.500"),
            (1_500_000, 0, "1970-01-01 00:00:01.500000"),
            (-1, 6, "1969-12-31 23:59:59.999999"),
        ] {
            assert_eq!(written(|out| push_datetime(out, micros, digits)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_parsed(
            days in -719_162i64..=2_932_896,
            of_day in 0i64..86_400_000_000,
            unscaled: i64,
            scale in 0u8..=18,
        ) {
            let day = written(|out| push_date(out, days));
            prop_assert_eq!(parse::date(day.as_bytes()).map(i64::from), Some(days));
            let micros = days * 86_400_000_000 + of_day;
            for digits in [0, 3, 6] {
                let at = written(|out| push_datetime(out, micros, digits));
                prop_assert_eq!(parse::datetime(at.as_bytes()), Some(micros));
            }
            let text = written(|out| push_decimal(out, i128::from(unscaled), scale));
            prop_assert_eq!(parse::decimal(text.as_bytes(), 38, scale), Some(i128::from(unscaled)));
        }

        #[test]
        fn nothing_panics(unscaled: i128, scale in 0u8..=38, micros: i64, days: i64, digits: u8) {
            written(|out| push_decimal(out, unscaled, scale));
            written(|out| push_datetime(out, micros, digits));
            written(|out| push_date(out, days));
        }
    }
}
