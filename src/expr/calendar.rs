//! HOT. Packed moments as days of a calendar, and back. Uses nothing of the project.
//!
//! The calendar is the Gregorian one for all years from 0 to 9999. Dates that it does not have
//! (`0000-00-00`, `2026-02-30`) give nothing.

use super::moment::{self, DAY, Part, part};

/// Microseconds.
pub(super) const SECOND: i64 = 1_000_000;

/// The days since 1970-01-01 of a packed moment, and its microseconds of the day.
pub(super) fn days(packed: i64) -> Option<(i64, i64)> {
    let [year, month, day] = [Part::Year, Part::Month, Part::Day].map(|which| part(packed, which));
    let known = (1..=12).contains(&month) && (1..=month_length(year, month)).contains(&day);
    known.then(|| (number(year, month, day), packed.rem_euclid(DAY)))
}

/// The packed moment of a day since 1970-01-01 and the microseconds in it, which may be more than a
/// day or below 0.
pub(super) fn packed(days: i64, micros: i64) -> Option<i64> {
    let days = days.checked_add(micros.div_euclid(DAY))?;
    let (year, month, day) = date(days)?;
    moment::packed(year, month, day, micros.rem_euclid(DAY))
}

/// Days of a month.
pub(super) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// The number of a day; years begin with March here, so that the odd day is a year's last.
fn number(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468
}

/// Year, month and day of a numbered day, from year 0 to 9999.
fn date(days: i64) -> Option<(i64, i64, i64)> {
    let first = number(0, 1, 1);
    if !(first..=number(9999, 12, 31)).contains(&days) {
        return None;
    }
    // Days of cycles of 400 years that begin with March.
    let shifted = days + 719_468;
    let (cycle, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (carry, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    Some((cycle * 400 + year + carry, month, day))
}

/// The weekday of a numbered day: Monday is 1, Sunday 7.
pub(super) fn weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

/// The year and the number of the week by ISO 8601: weeks begin on Monday, and the first of a year
/// is the one with its first Thursday.
pub(super) fn week(days: i64) -> Option<(i64, i64)> {
    let thursday = days - weekday(days) + 4;
    let (year, ..) = date(thursday)?;
    Some((year, (thursday - number(year, 1, 1)) / 7 + 1))
}

/// The day of the year, from 1.
pub(super) fn day_of_year(days: i64) -> Option<i64> {
    let (year, ..) = date(days)?;
    Some(days - number(year, 1, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_reads_back() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("2000-03-01", 11_017),
            ("1969-12-31", -1),
            ("0001-01-01", -719_162),
        ] {
            assert_eq!(days(moment::parse(text, false).unwrap()), Some((expected, 0)), "{text}");
        }
        let first = number(0, 1, 1);
        let mut before = i64::MIN;
        for day in first..=number(9999, 12, 31) {
            let found = packed(day, 0).unwrap();
            assert!(found > before);
            before = found;
            if day % 17 == 0 {
                assert_eq!(days(found), Some((day, 0)));
            }
        }
        assert_eq!(packed(first - 1, 0), None);
        assert_eq!(packed(number(9999, 12, 31), DAY), None);
        for none in ["0000-00-00", "2026-02-29", "2026-04-31", "2026-00-10"] {
            assert_eq!(days(moment::parse(none, false).unwrap()), None, "{none}");
        }
    }

    #[test]
    fn weeks() {
        for (text, weekday_, expected) in [
            ("2026-11-21", 6, (2026, 47)),
            ("2021-01-03", 7, (2020, 53)),
            ("2020-12-31", 4, (2020, 53)),
            ("2024-12-30", 1, (2025, 1)),
        ] {
            let (day, _) = days(moment::parse(text, false).unwrap()).unwrap();
            assert_eq!((weekday(day), week(day)), (weekday_, Some(expected)), "{text}");
        }
    }
}
