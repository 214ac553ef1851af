//! Times in records: formats, zones, and the two spellings that rows have. Uses `ums`. No
//! clock: what a record leaves out (a year) comes in from outside.

mod format;
mod zone;

pub use format::{Format, Reference};
pub use zone::Zone;

use crate::ums::json::push_padded;

/// Microseconds since 1970-01-01 UTC.
pub type Micros = i64;

/// 2017-01-01 UTC, where the ids of logs begin.
pub const ID_EPOCH: Micros = 1_483_228_800_000_000;

const DAY: i64 = 86_400_000_000;

/// A date and a time of day, without a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// 0 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999999.
    pub micro: u32,
}

impl Civil {
    /// Whether there is such a day.
    pub fn is_valid(&self) -> bool {
        (0..=9999).contains(&self.year)
            && (1..=12).contains(&self.month)
            && (1..=days_in(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
            && self.micro < 1_000_000
    }

    /// As if it were UTC.
    pub fn micros(&self) -> Micros {
        let seconds =
            i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        days(self.year, self.month, self.day) * DAY + seconds * 1_000_000 + i64::from(self.micro)
    }

    /// The date and time in UTC; `None` outside the years 0 to 9999.
    pub fn of(micros: Micros) -> Option<Self> {
        let (day, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
        let (year, month, day) = civil(day)?;
        let (seconds, micro) = (rest / 1_000_000, rest % 1_000_000);
        Some(Self {
            year,
            month,
            day,
            hour: u8::try_from(seconds / 3600).ok()?,
            minute: u8::try_from(seconds / 60 % 60).ok()?,
            second: u8::try_from(seconds % 60).ok()?,
            micro: u32::try_from(micro).ok()?,
        })
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, counted from the first of March, so that the leap
/// day ends a year.
fn days(year: i32, month: u8, day: u8) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = i64::from(year) - i64::from(month <= 2);
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year * 365 + year / 4 - year / 100 + in_year - 719_468
}

fn civil(days: i64) -> Option<(i32, u8, u8)> {
    let days = days.checked_add(719_468)?;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let year = i32::try_from(year).ok().filter(|year| (0..=9999).contains(year))?;
    Some((year, u8::try_from(month).ok()?, u8::try_from(day).ok()?))
}

fn days_in(year: i32, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// `YYYY-MM-DD HH:MM:SS.ffffff`, UTC, as `_ums_ts_` and datetime cells have it. A time outside the
/// years 0 to 9999 is written as the nearest one inside.
pub fn push_stamp(out: &mut Vec<u8>, micros: Micros) {
    let nearest = micros.clamp(-62_167_219_200_000_000, 253_402_300_799_999_999);
    let Some(time) = Civil::of(nearest) else { return };
    let mut put = |value: u32, width: usize, behind: u8| {
        let start = out.len();
        out.resize(start + width, b'0');
        let mut rest = value;
        for digit in out.iter_mut().skip(start).rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        if behind != 0 {
            out.push(behind);
        }
    };
    put(u32::try_from(time.year).unwrap_or(0), 4, b'-');
    put(time.month.into(), 2, b'-');
    put(time.day.into(), 2, b' ');
    put(time.hour.into(), 2, b':');
    put(time.minute.into(), 2, b':');
    put(time.second.into(), 2, b'.');
    put(time.micro, 6, 0);
}

/// Writes stamps one after the other, and keeps the text of the last second: times of records that follow
/// each other are near.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    second: i64,
    /// The text up to and with the dot; empty at first.
    text: Vec<u8>,
}

impl Stamps {
    /// What `push_stamp` does.
    #[inline]
    pub fn push(&mut self, out: &mut Vec<u8>, micros: Micros) {
        let (second, part) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text.clear();
            push_stamp(&mut self.text, micros);
            // Times beyond the calendar are all written as its ends, fraction and all.
            let inside = Civil::of(micros).is_some();
            self.text.truncate(if inside { FRACTION } else { 0 });
            if !inside {
                return push_stamp(out, micros);
            }
        }
        out.extend_from_slice(&self.text);
        push_padded(out, part.unsigned_abs(), 6);
    }
}

/// Where the digits of the fraction begin in a stamp.
const FRACTION: usize = 20;

/// Reads a datetime cell: `YYYY-MM-DD HH:MM:SS`, `T` or a space between, up to nine digits of a
/// fraction (beyond six they are cut off), `Z` or an offset. Without an offset it is UTC.
pub fn read_stamp(text: &str) -> Option<Micros> {
    let bytes = text.as_bytes();
    let (civil, at) = date(bytes)?;
    if bytes.len() == at {
        return civil.is_valid().then(|| civil.micros());
    }
    let mut cursor = format::Cursor { bytes, at };
    cursor.one_of(b" T")?;
    let hour = cursor.digits(2, 2)?;
    cursor.one_of(b":")?;
    let minute = cursor.digits(2, 2)?;
    cursor.one_of(b":")?;
    let second = cursor.digits(2, 2)?;
    let micro = match cursor.one_of(b".,") {
        Some(_) => cursor.fraction()?,
        None => 0,
    };
    let offset = if cursor.at == bytes.len() { 0 } else { cursor.offset()? };
    let time = Civil {
        hour: u8::try_from(hour).ok()?,
        minute: u8::try_from(minute).ok()?,
        second: u8::try_from(second).ok()?,
        micro,
        ..civil
    };
    let whole = cursor.at == bytes.len() && time.is_valid();
    whole.then(|| time.micros() - i64::from(offset) * 1_000_000)
}

/// `YYYY-MM-DD` at the front, and where it ends.
pub(super) fn date(bytes: &[u8]) -> Option<(Civil, usize)> {
    let mut cursor = format::Cursor { bytes, at: 0 };
    let year = cursor.digits(4, 4)?;
    cursor.one_of(b"-")?;
    let month = cursor.digits(2, 2)?;
    cursor.one_of(b"-")?;
    let day = cursor.digits(2, 2)?;
    let civil = Civil {
        year: i32::try_from(year).ok()?,
        month: u8::try_from(month).ok()?,
        day: u8::try_from(day).ok()?,
        hour: 0,
        minute: 0,
        second: 0,
        micro: 0,
    };
    Some((civil, cursor.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(micros: Micros) -> String {
        let mut out = Vec::new();
        push_stamp(&mut out, micros);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_are_written_and_read() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00.000000"),
            (ID_EPOCH, "2017-01-01 00:00:00.000000"),
            (-1, "1969-12-31 23:59:59.999999"),
            (951_782_400_000_001, "2000-02-29 00:00:00.000001"),
            (4_107_542_399_999_999, "2100-02-28 23:59:59.999999"),
        ] {
            assert_eq!(stamp(micros), text);
            assert_eq!(read_stamp(text), Some(micros));
        }
        let (mut stamps, mut out) = (Stamps::default(), Vec::new());
        let times = [0, 1, 999_999, -1, i64::MAX, i64::MAX - 1, i64::MIN, 1_000_000, 1_000_001];
        for micros in times.into_iter().chain((0..4000).map(|n| ID_EPOCH + n * 1_234_567_890_123)) {
            out.clear();
            stamps.push(&mut out, micros);
            assert_eq!(out, stamp(micros).as_bytes());
        }
        assert_eq!(stamp(i64::MAX), "9999-12-31 23:59:59.999999");
        assert_eq!(stamp(i64::MIN), "0000-01-01 00:00:00.000000");
    }

    #[test]
    fn every_day_comes_back() {
        for day in (-719_528..2_932_896).step_by(7) {
            let (year, month, number) = civil(day).unwrap();
            assert_eq!(days(year, month, number), day);
        }
    }

    #[test]
    fn stamps_in_other_spellings() {
        let base = read_stamp("2026-11-21 01:02:03.000000").unwrap();
        for (text, shift) in [
            ("2026-11-21T01:02:03Z", 0),
            ("2026-11-21T02:02:03+01:00", 0),
            ("2026-11-20 23:02:03-0200", 0),
            ("2026-11-21T01:02:03.5", 500_000),
            ("2026-11-21 01:02:03.123456789", 123_456),
        ] {
            assert_eq!(read_stamp(text), Some(base + shift), "{text}");
        }
        for wrong in [
            "",
            "2026-11-21 01:02",
            "2026-02-30",
            "2026-11-21 24:00:00",
            "2026-1-1",
            "x",
            "2026-11-21 01:02:03 +0100x",
            "2026-11-21 01:02:03.",
        ] {
            assert_eq!(read_stamp(wrong), None, "{wrong}");
        }
    }
}
