//! HOT. Text of values to the numbers that Parquet columns hold. Uses nothing.
//!
//! Every function answers `None` for text that its type cannot represent *exactly*; nothing is
//! rounded, wrapped or guessed.

/// Days between 0000-03-01 and 1970-01-01 in the proleptic Gregorian calendar.
const EPOCH_DAYS: i64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;
const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A 64-bit integer in plain digits.
pub fn integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = sign(text);
    if digits.is_empty() {
        return None;
    }
    // Up to 18 digits cannot overflow.
    if digits.len() <= 18 {
        let mut value = 0i64;
        for &byte in digits {
            value = value * 10 + i64::from(digit(byte)?);
        }
        return Some(if negative { -value } else { value });
    }
    let mut value = 0i64;
    for &byte in digits {
        let digit = i64::from(digit(byte)?);
        value = value.checked_mul(10)?;
        // Falling towards the negative end, which reaches one further.
        value = value.checked_sub(digit)?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// A decimal as its unscaled number. `precision` is at most 38, so the number fits.
pub fn decimal(text: &[u8], precision: u8, scale: u8) -> Option<i128> {
    let (negative, digits) = sign(text);
    let (whole, fraction) = match memchr::memchr(b'.', digits) {
        Some(dot) => (digits.get(..dot)?, digits.get(dot + 1..)?),
        None => (digits, &[][..]),
    };
    if whole.is_empty() || (fraction.is_empty() && whole.len() != digits.len()) {
        return None;
    }
    let leading = whole.iter().take_while(|&&byte| byte == b'0').count();
    let whole = whole.get(leading..)?;
    let scale = usize::from(scale);
    let (fraction, excess) = fraction.split_at(fraction.len().min(scale));
    if excess.iter().any(|&byte| byte != b'0') {
        return None;
    }
    if whole.len() + scale > usize::from(precision) {
        return None;
    }
    let missing = scale - fraction.len();
    let unscaled = if whole.len() + scale <= 18 {
        let mut value = 0i64;
        for &byte in whole.iter().chain(fraction) {
            value = value * 10 + i64::from(digit(byte)?);
        }
        for _ in 0..missing {
            value *= 10;
        }
        i128::from(value)
    } else {
        let mut value = 0i128;
        for &byte in whole.iter().chain(fraction) {
            value = value.checked_mul(10)?.checked_add(i128::from(digit(byte)?))?;
        }
        for _ in 0..missing {
            value = value.checked_mul(10)?;
        }
        value
    };
    Some(if negative { -unscaled } else { unscaled })
}

/// `YYYY-MM-DD` as days since 1970-01-01; `None` unless the day exists in the proleptic Gregorian
/// calendar, in the years 1 to 9999.
pub fn date(text: &[u8]) -> Option<i32> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
    let (month, day) = (pair(m1, m2)?, pair(d1, d2)?);
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return None;
    }
    // Years that begin in March put the leap day last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS;
    i32::try_from(days).ok()
}

/// `YYYY-MM-DD HH:MM:SS[.fraction]` as microseconds since 1970-01-01, whatever the zone; `None`
/// also for a second 60 and for digits beyond microseconds that are not zero.
pub fn datetime(text: &[u8]) -> Option<i64> {
    let (day, rest) = text.split_at_checked(10)?;
    let days = i64::from(date(day)?);
    let (&[b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2], fraction) =
        rest.split_first_chunk::<9>()?
    else {
        return None;
    };
    let (hour, minute, second) = (pair(h1, h2)?, pair(m1, m2)?, pair(s1, s2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let micros = match fraction {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() => {
            let (digits, excess) = digits.split_at(digits.len().min(6));
            if excess.iter().any(|&byte| byte != b'0') {
                return None;
            }
            let mut value = 0i64;
            for &byte in digits {
                value = value * 10 + i64::from(digit(byte)?);
            }
            for _ in digits.len()..6 {
                value *= 10;
            }
            value
        }
        _ => return None,
    };
    let seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    Some(seconds * MICROS_PER_SECOND + micros)
}

/// Microseconds since 1970-01-01 as `yyyymmddHHMMSSffffff`: 20 digits for every value that
/// `datetime` gives.
pub fn stamp(micros: i64) -> String {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let days = seconds.div_euclid(SECONDS_PER_DAY) + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let years = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = years + era * 400 + i64::from(month <= 2);
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    format!(
        "{year:04}{month:02}{day:02}{:02}{:02}{:02}{:06}",
        second / 3600,
        second / 60 % 60,
        second % 60,
        micros.rem_euclid(MICROS_PER_SECOND)
    )
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    }
}

fn digit(byte: u8) -> Option<u8> {
    let value = byte.wrapping_sub(b'0');
    (value < 10).then_some(value)
}

fn pair(tens: u8, units: u8) -> Option<i64> {
    Some(i64::from(digit(tens)?) * 10 + i64::from(digit(units)?))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_to_the_last_value() {
        for value in [0, 1, -1, i64::MAX, i64::MIN, 999_999_999_999_999_999] {
            assert_eq!(integer(value.to_string().as_bytes()), Some(value));
        }
        for text in
            ["", "-", "9223372036854775808", "-9223372036854775809", "1.0", "1e3", "+1", " 1"]
        {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn decimals_keep_every_digit() {
        let nines = "9".repeat(38);
        assert_eq!(decimal(nines.as_bytes(), 38, 0), Some(10i128.pow(38) - 1));
        assert_eq!(decimal(format!("-0.{nines}").as_bytes(), 38, 38), Some(1 - 10i128.pow(38)));
        assert_eq!(decimal(b"18446744073709551615", 20, 0), Some(i128::from(u64::MAX)));
        assert_eq!(decimal(b"-9.50", 12, 2), Some(-950));
        assert_eq!(decimal(b"9.5", 12, 2), Some(950));
        assert_eq!(decimal(b"9.5000", 12, 2), Some(950));
        assert_eq!(decimal(b"0009", 2, 1), Some(90));
        for text in ["", "-", ".5", "5.", "1.005", "100.00", "1e1", "1.2.3", "NaN", "--1", "1,0"] {
            assert_eq!(decimal(text.as_bytes(), 4, 2), None, "{text}");
        }
    }

    #[test]
    fn days_that_exist_and_days_that_do_not() {
        assert_eq!(date(b"1970-01-01"), Some(0));
        assert_eq!(date(b"1969-12-31"), Some(-1));
        assert_eq!(date(b"0001-01-01"), Some(-719_162));
        assert_eq!(date(b"9999-12-31"), Some(2_932_896));
        assert_eq!(date(b"2000-02-29"), Some(11_016));
        for text in [
            "0000-00-00",
            "0000-01-01",
            "2023-02-31",
            "1900-02-29",
            "2024-00-10",
            "2024-01-00",
            "2024-1-1",
            "24-01-01",
        ] {
            assert_eq!(date(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn moments_to_the_microsecond() {
        assert_eq!(datetime(b"1970-01-01 00:00:00"), Some(0));
        assert_eq!(datetime(b"1969-12-31 23:59:59.999999"), Some(-1));
        assert_eq!(datetime(b"1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(datetime(b"1970-01-01T00:00:00.123456000"), Some(123_456));
        for text in [
            "0000-00-00 00:00:00",
            "2024-01-01",
            "2024-01-01 24:00:00",
            "2024-01-01 00:00:60",
            "2024-01-01 00:00:00.",
            "2024-01-01 00:00:00.1234567",
            "2024-01-01 00:00:00Z",
        ] {
            assert_eq!(datetime(text.as_bytes()), None, "{text}");
        }
        assert_eq!(stamp(datetime(b"9999-12-31 23:59:59.999999").unwrap()), "99991231235959999999");
        assert_eq!(stamp(datetime(b"0001-01-01 00:00:00").unwrap()), "00010101000000000000");
    }

    proptest! {
        #[test]
        fn every_day_is_stamped_back(days in -719_162i64..=2_932_896, micros in 0i64..86_400_000_000) {
            let at = stamp(days * 86_400_000_000 + micros);
            let text = format!(
                "{}-{}-{} {}:{}:{}.{}",
                &at[..4], &at[4..6], &at[6..8], &at[8..10], &at[10..12], &at[12..14], &at[14..]
            );
            prop_assert_eq!(datetime(text.as_bytes()), Some(days * 86_400_000_000 + micros));
        }

        #[test]
        fn nothing_panics(text in proptest::collection::vec(any::<u8>(), 0..60), precision in 0u8..39, scale in 0u8..39) {
            let _ = (integer(&text), date(&text), datetime(&text));
            let _ = decimal(&text, precision, scale.min(precision));
        }
    }
}
