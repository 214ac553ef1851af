//! HOT. Dates and times as one whole number each, in their order. Uses nothing of the project.
//!
//! Year, month and day are packed and not counted, so dates that no calendar has (`0000-00-00`,
//! `2026-02-00`), which MySQL can store, keep their order and are equal to themselves.

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// Reads `YYYY-MM-DD`, and behind it, if `with_time`, maybe a space or `T` and
/// `HH:MM:SS[.f{1,6}]`.
pub fn parse(text: &str, with_time: bool) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date, time) = bytes.split_at_checked(10)?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else { return None };
    let year = number(&[*y1, *y2, *y3, *y4])?;
    let (month, day) = (number(&[*m1, *m2])?, number(&[*d1, *d2])?);
    if month > 12 || day > 31 {
        return None;
    }
    let packed = ((year * 13 + month) * 32 + day) * DAY;
    match time {
        [] => Some(packed),
        _ if !with_time => None,
        [b' ' | b'T', h1, h2, b':', m1, m2, b':', s1, s2, fraction @ ..] => {
            let (hour, minute) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let second = number(&[*s1, *s2])?;
            let micros = match fraction {
                [] => 0,
                [b'.', digits @ ..] if (1..=6).contains(&digits.len()) => {
                    number(digits)? * 10i64.pow(6 - digits.len() as u32)
                }
                _ => return None,
            };
            let fits = hour < 24 && minute < 60 && second < 60;
            fits.then_some(packed + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros)
        }
        _ => None,
    }
}

/// Packs a day of the calendar, of the years 0 to 9999, and microseconds within it.
pub(super) fn packed(year: i64, month: i64, day: i64, micros: i64) -> Option<i64> {
    let known = (0..=9999).contains(&year) && (0..=12).contains(&month) && (0..=31).contains(&day);
    (known && (0..DAY).contains(&micros)).then(|| ((year * 13 + month) * 32 + day) * DAY + micros)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0'))
    })
}

/// One part of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// 0 to 9999.
    Year,
    /// 0 to 12.
    Month,
    /// 0 to 31.
    Day,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59, without a fraction.
    Second,
}

/// A part of a packed moment.
pub fn part(packed: i64, part: Part) -> i64 {
    let (days, micros) = (packed / DAY, packed % DAY);
    match part {
        Part::Year => days / 32 / 13,
        Part::Month => days / 32 % 13,
        Part::Day => days % 32,
        Part::Hour => micros / 3_600_000_000,
        Part::Minute => micros / 60_000_000 % 60,
        Part::Second => micros / 1_000_000 % 60,
    }
}

/// The moment at the start of its day.
pub fn day(packed: i64) -> i64 {
    packed - packed % DAY
}

/// `YYYY-MM-DD`, and if `with_time` also `HH:MM:SS`, with a fraction unless it is 0.
pub fn text(packed: i64, with_time: bool) -> String {
    let of = |which| part(packed, which);
    let mut text = format!("{:04}-{:02}-{:02}", of(Part::Year), of(Part::Month), of(Part::Day));
    if with_time {
        let (hour, minute, second) = (of(Part::Hour), of(Part::Minute), of(Part::Second));
        text.push_str(&format!(" {hour:02}:{minute:02}:{second:02}"));
        let micros = packed % 1_000_000;
        if micros > 0 {
            text.push_str(format!(".{micros:06}").trim_end_matches('0'));
        }
    }
    text
}

/// The packed moment of so many microseconds since 1970 in UTC, of the years 0 to 9999.
pub fn of_unix(micros: i64) -> Option<i64> {
    super::calendar::packed(0, micros)
}

/// Microseconds since 1970 in UTC; `None` for a date that no calendar has.
pub fn unix(packed: i64) -> Option<i64> {
    let (day, micros) = super::calendar::days(packed)?;
    day.checked_mul(DAY)?.checked_add(micros)
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`.
pub fn text6(packed: i64) -> String {
    let of = |which| part(packed, which);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}",
        of(Part::Year),
        of(Part::Month),
        of(Part::Day),
        of(Part::Hour),
        of(Part::Minute),
        of(Part::Second),
        packed % 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_back_in_order() {
        let rising = [
            "0000-00-00 00:00:00",
            "0001-01-01 00:00:00",
            "1999-12-31 23:59:59.999999",
            "2026-02-00 00:00:00",
            "2026-02-28 01:02:03.5",
            "2026-02-31 00:00:00",
            "9999-12-31 23:59:59",
        ];
        let packed = rising.map(|text| parse(text, true).unwrap());
        assert!(packed.is_sorted_by(|a, b| a < b));
        for (moment, expected) in packed.iter().zip(rising) {
            assert_eq!(text(*moment, true), expected);
            assert_eq!(Some(day(*moment)), parse(&expected[..10], false));
        }
        assert_eq!(parse("2026-02-28T01:02:03.500000", true), Some(packed[4]));
    }

    #[test]
    fn others_are_refused() {
        for wrong in [
            "",
            "2026-1-01",
            "2026-13-01",
            "2026-01-32",
            "2026-01-01 24:00:00",
            "2026-01-01 00:00",
            "2026-01-01 00:00:00.",
            "2026-01-01 00:00:00.1234567",
            "2026/01/01",
            "２026-01-01",
        ] {
            assert_eq!(parse(wrong, true), None, "{wrong}");
        }
        assert_eq!(parse("2026-01-01 00:00:00", false), None);
    }
}
