//! Event times: `_ums_ts_` and other dates as microseconds since 1970, and back. Uses nothing of the
//! project. HOT: once a row.

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Reads `YYYY-MM-DD`, and behind it maybe a space or `T` and `HH:MM:SS[.f{1,6}]`; `None` for what no
/// calendar has.
pub fn micros(text: &str) -> Option<i64> {
    let (date, time) = text.as_bytes().split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    let days = days(year, month, day)?;
    let within = match time {
        [] => 0,
        [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2, fraction @ ..] => {
            let (hour, minute) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let second = number(&[*s1, *s2])?;
            if hour > 23 || minute > 59 || second > 59 {
                return None;
            }
            let micros = match fraction {
                [] => 0,
                [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
                    number(digits)? * 10i64.pow(6 - digits.len() as u32)
                }
                _ => return None,
            };
            ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros
        }
        _ => return None,
    };
    Some(days * DAY + within)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// Days since 1970 (Gregorian calendar). Years are counted from March, so that the leap day is the
/// last one.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let most = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=most).contains(&day) {
        return None;
    }
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leaps = y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400);
    Some(365 * y + leaps + (153 * m + 2) / 5 + day - 719_469)
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`, for years from 0 to 9999; what is outside is written as the nearest
/// inside.
pub fn text(micros: i64) -> String {
    // 0000-01-01 and 9999-12-31 23:59:59.999999.
    let micros = micros.clamp(-719_528 * DAY, 2_932_897 * DAY - 1);
    let (days, within) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    // The reverse of `days`: eras of 400 years, from March on.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (year + era * 400, month + 3),
        _ => (year + era * 400 + 1, month - 9),
    };
    let (seconds, fraction) = (within / 1_000_000, within % 1_000_000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:06}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        for (time, count) in [
            ("1970-01-01 00:00:00.000000", 0),
            ("1969-12-31 23:59:59.999999", -1),
            ("2026-11-21 01:02:03.123456", 1_795_222_923_123_456),
            ("2000-02-29 00:00:00.000000", 951_782_400_000_000),
            ("0000-01-01 00:00:00.000000", -719_528 * DAY),
            ("9999-12-31 23:59:59.999999", 2_932_897 * DAY - 1),
        ] {
            assert_eq!(micros(time), Some(count), "{time}");
            assert_eq!(text(count), time);
        }
        for step in 0..5000 {
            let count = -719_528 * DAY + step * 730 * DAY + step;
            assert_eq!(micros(&text(count)), Some(count).filter(|c| *c < 2_932_897 * DAY));
            if count > 2_900_000 * DAY {
                break;
            }
        }
        assert_eq!(text(i64::MIN), "0000-01-01 00:00:00.000000");
        assert_eq!(text(i64::MAX), "9999-12-31 23:59:59.999999");
        assert_eq!(micros("2026-11-21T01:02:03"), Some(1_795_222_923_000_000));
        assert_eq!(micros("1970-01-02"), Some(DAY));
    }

    #[test]
    fn what_no_calendar_has_is_no_time() {
        for wrong in
            ["", "0000-00-00", "2026-02-29", "2026-13-01", "2026-01-01 24:00:00", "1970-01-02 1:00"]
        {
            assert_eq!(micros(wrong), None, "{wrong}");
        }
    }
}
