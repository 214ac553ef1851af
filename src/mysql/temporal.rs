//! Dates and times, from the bytes of a row image to the text that SELECT shows. Uses nothing of
//! the project. Hot: once a temporal cell, and once a transaction for its time stamp.
//!
//! Nothing is corrected: zero dates, days that the month does not have and hours above 24 are
//! written as they are stored. Values that no server can store are refused (`None`, `out` as it
//! was). Every `push_*` function for a column appends text without quotes and returns the bytes
//! that it consumed. `fsp` is the declared number of fraction digits, 0 to 6.

/// Days from 0000-03-01, one era of 400 years earlier, to 1970-01-01.
const DAYS_TO_1970: i64 = 719_468 + 146_097;
const MICROS_A_DAY: i64 = 86_400_000_000;
/// 0000-01-01 00:00:00.000000 and 9999-12-31 23:59:59.999999 in microseconds since 1970.
const FIRST_MICROS: i64 = -719_528 * MICROS_A_DAY;
const LAST_MICROS: i64 = 2_932_897 * MICROS_A_DAY - 1;

/// Appends `YYYY-MM-DD HH:MM:SS.ffffff` (UTC, proleptic Gregorian calendar) for a count of
/// microseconds since 1970-01-01. Times outside the years 0 to 9999 are written as the first or
/// the last one inside.
pub fn push_utc_micros(out: &mut Vec<u8>, micros_since_1970: i64) {
    let micros = micros_since_1970.clamp(FIRST_MICROS, LAST_MICROS);
    let date = civil(micros.div_euclid(MICROS_A_DAY));
    let rest = micros.rem_euclid(MICROS_A_DAY);
    let (seconds, fraction) = ((rest / 1_000_000) as u32, (rest % 1_000_000) as u32);
    push_moment(out, date, clock(seconds));
    push_fraction(out, fraction, 6);
}

/// DATE, 3 bytes little-endian: day in 5 bits, month in 4, year in 15 (server: `Field_newdate`).
pub fn push_date(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let &[low, middle, high, ..] = bytes else { return None };
    let packed = u32::from_le_bytes([low, middle, high, 0]);
    let date = Date { year: packed >> 9, month: packed >> 5 & 15, day: packed & 31 };
    date.storable().then(|| {
        out.extend_from_slice(&date.text());
        3
    })
}

/// TIME since MySQL 5.6 (type 19): 3 bytes big-endian, biased, then the fraction (server:
/// `my_time_packed_from_binary`). Written `[-]HH:MM:SS[.f…]`, the hours with 2 or 3 digits.
pub fn push_time2(out: &mut Vec<u8>, bytes: &[u8], fsp: u8) -> Option<usize> {
    let fraction_bytes = fraction_len(fsp)?;
    let length = 3 + fraction_bytes;
    let bits = 8 * fraction_bytes as u32;
    // Whole and fraction are one biased number: that is what makes a negative fraction borrow.
    let packed = big_endian(bytes, length)? as i64 - (0x80_0000 << bits);
    let magnitude = packed.unsigned_abs();
    let whole = (magnitude >> bits) as u32;
    let fraction = fraction_micros((magnitude & ((1 << bits) - 1)) as u32, fraction_bytes)?;
    push_time(out, packed < 0, whole >> 12, whole >> 6 & 63, whole & 63, fraction, fsp)?;
    Some(length)
}

/// DATETIME since MySQL 5.6 (type 18): 5 bytes big-endian, biased, then the fraction (server:
/// `my_datetime_packed_from_binary`).
pub fn push_datetime2(out: &mut Vec<u8>, bytes: &[u8], fsp: u8) -> Option<usize> {
    let fraction_bytes = fraction_len(fsp)?;
    let whole = big_endian(bytes, 5)?.checked_sub(0x80_0000_0000)?;
    let fraction =
        fraction_micros(big_endian(bytes.get(5..)?, fraction_bytes)? as u32, fraction_bytes)?;
    let (days, time) = ((whole >> 17) as u32, (whole & 0x1_FFFF) as u32);
    let months = days >> 5;
    let date = Date { year: months / 13, month: months % 13, day: days & 31 };
    let time = Clock { hour: time >> 12, minute: time >> 6 & 63, second: time & 63 };
    (date.storable() && time.storable()).then(|| {
        push_moment(out, date, time);
        push_fraction(out, fraction, fsp);
        5 + fraction_bytes
    })
}

/// TIMESTAMP since MySQL 5.6 (type 17): 4 bytes big-endian, unsigned seconds since 1970 in UTC,
/// then the fraction (server: `my_timestamp_from_binary`). All zero is the zero date. MariaDB from
/// 11.5 uses the whole unsigned range, to 2106.
pub fn push_timestamp2(out: &mut Vec<u8>, bytes: &[u8], fsp: u8) -> Option<usize> {
    let fraction_bytes = fraction_len(fsp)?;
    let seconds = big_endian(bytes, 4)? as u32;
    let fraction =
        fraction_micros(big_endian(bytes.get(4..)?, fraction_bytes)? as u32, fraction_bytes)?;
    push_seconds(out, seconds, fraction, fsp);
    Some(4 + fraction_bytes)
}

/// TIME before MySQL 5.6 (type 11): 3 bytes little-endian, signed, the digits `HHHMMSS`.
pub fn push_time_old(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let &[low, middle, high, ..] = bytes else { return None };
    let value = i32::from_le_bytes([0, low, middle, high]) >> 8;
    let digits = value.unsigned_abs();
    push_time(out, value < 0, digits / 10_000, digits / 100 % 100, digits % 100, 0, 0)?;
    Some(3)
}

/// DATETIME before MySQL 5.6 (type 12): 8 bytes little-endian, the digits `YYYYMMDDHHMMSS`.
pub fn push_datetime_old(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    let digits = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    let (days, time) = (u32::try_from(digits / 1_000_000).ok()?, (digits % 1_000_000) as u32);
    let date = Date { year: days / 10_000, month: days / 100 % 100, day: days % 100 };
    let time = Clock { hour: time / 10_000, minute: time / 100 % 100, second: time % 100 };
    (date.storable() && time.storable()).then(|| {
        push_moment(out, date, time);
        8
    })
}

/// TIMESTAMP before MySQL 5.6 (type 7): 4 bytes little-endian, seconds since 1970 in UTC; 0 is the
/// zero date.
pub fn push_timestamp_old(out: &mut Vec<u8>, bytes: &[u8]) -> Option<usize> {
    push_seconds(out, u32::from_le_bytes(*bytes.first_chunk::<4>()?), 0, 0);
    Some(4)
}

/// TIME with a fraction in MariaDB's own format (`mysql56_temporal_format=OFF`): one big-endian
/// number of fractional units, biased (server: `Field_time_hires`). The log gives it type 11 and no
/// metadata, so `fsp` must come from the table's definition.
pub fn push_time_hires(out: &mut Vec<u8>, bytes: &[u8], fsp: u8) -> Option<usize> {
    let length = *[3, 4, 4, 5, 5, 5, 6].get(usize::from(fsp))?;
    let units = 10i64.pow(u32::from(fsp));
    // One second more than the greatest time stands for zero.
    let value = big_endian(bytes, length)? as i64 - (838 * 3600 + 59 * 60 + 59 + 1) * units;
    let magnitude = value.abs();
    let micros = (magnitude % units * (1_000_000 / units)) as u32;
    let seconds = (magnitude / units) as u32;
    let minutes = seconds / 60;
    push_time(out, value < 0, minutes / 60, minutes % 60, seconds % 60, micros, fsp)?;
    Some(length)
}

/// DATETIME with a fraction in MariaDB's own format: one big-endian number in mixed radix (server:
/// `Field_datetime_hires`). Type 12 without metadata, see [`push_time_hires`].
pub fn push_datetime_hires(out: &mut Vec<u8>, bytes: &[u8], fsp: u8) -> Option<usize> {
    let length = *[5, 6, 6, 7, 7, 7, 8].get(usize::from(fsp))?;
    let units = 10u64.pow(u32::from(fsp));
    let value = big_endian(bytes, length)?;
    let micros = (value % units * (1_000_000 / units)) as u32;
    let (days, second) = (value / units / 86_400, (value / units % 86_400) as u32);
    let months = u32::try_from(days / 32).ok()?;
    let date = Date { year: months / 13, month: months % 13, day: (days % 32) as u32 };
    date.storable().then(|| {
        push_moment(out, date, clock(second));
        push_fraction(out, micros, fsp);
        length
    })
}

/// TIMESTAMP with a fraction in MariaDB's own format: 4 bytes of seconds, then the fraction in its
/// own units, both big-endian (server: `Field_timestamp_hires`). Type 7 without metadata, see
/// [`push_time_hires`].
pub fn push_timestamp_hires(out: &mut Vec<u8>, bytes: &[u8], fsp: u8) -> Option<usize> {
    let fraction_bytes = fraction_len(fsp)?;
    let seconds = big_endian(bytes, 4)? as u32;
    let fraction = big_endian(bytes.get(4..)?, fraction_bytes)?;
    let micros = fraction * 10u64.pow(6 - u32::from(fsp));
    let micros = u32::try_from(micros).ok().filter(|micros| *micros < 1_000_000)?;
    push_seconds(out, seconds, micros, fsp);
    Some(4 + fraction_bytes)
}

/// YEAR: 0 is the year 0000, everything else counts from 1900. Written as a JSON number: `0`,
/// `1901` to `2155`.
pub fn push_year(out: &mut Vec<u8>, byte: u8) {
    match byte {
        0 => out.push(b'0'),
        _ => out.extend_from_slice(&four_digits(1900 + u32::from(byte))),
    }
}

/// A day of the calendar, or a zero or invalid date.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Date {
    year: u32,
    month: u32,
    day: u32,
}

impl Date {
    fn storable(self) -> bool {
        self.year <= 9999 && self.month <= 12 && self.day <= 31
    }

    fn text(self) -> [u8; 10] {
        let [y0, y1, y2, y3] = four_digits(self.year);
        let [m0, m1] = two_digits(self.month);
        let [d0, d1] = two_digits(self.day);
        [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1]
    }
}

/// A time of the day.
#[derive(Clone, Copy)]
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
}

impl Clock {
    fn storable(self) -> bool {
        self.hour <= 23 && self.minute <= 59 && self.second <= 59
    }
}

fn clock(second_of_day: u32) -> Clock {
    let minutes = second_of_day / 60;
    Clock { hour: minutes / 60, minute: minutes % 60, second: second_of_day % 60 }
}

/// The date that lies `days` after 1970-01-01, for the years 0 to 9999 (Neri and Schneider's
/// arithmetic: years begin in March, so the leap day is the last one).
fn civil(days: i64) -> Date {
    let shifted = 4 * (days + DAYS_TO_1970) as u32 + 3;
    let (century, day_of_century) = (shifted / 146_097, shifted % 146_097 / 4);
    let product = 2_939_745 * u64::from(4 * day_of_century + 3);
    let year_of_century = (product >> 32) as u32;
    let day_of_year = product as u32 / 2_939_745 / 4;
    let months = 2_141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xFFFF) / 2_141 + 1);
    let next = u32::from(day_of_year >= 306);
    Date { year: 100 * century + year_of_century + next - 400, month: month - 12 * next, day }
}

fn push_moment(out: &mut Vec<u8>, date: Date, time: Clock) {
    let [y0, y1, y2, y3, _, m0, m1, _, d0, d1] = date.text();
    let [h0, h1] = two_digits(time.hour);
    let [i0, i1] = two_digits(time.minute);
    let [s0, s1] = two_digits(time.second);
    out.extend_from_slice(&[
        y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ', h0, h1, b':', i0, i1, b':', s0, s1,
    ]);
}

/// A TIMESTAMP column's value: 0 stands for the zero date.
fn push_seconds(out: &mut Vec<u8>, seconds: u32, fraction: u32, fsp: u8) {
    let date = match (seconds, fraction) {
        (0, 0) => Date { year: 0, month: 0, day: 0 },
        _ => civil(i64::from(seconds / 86_400)),
    };
    push_moment(out, date, clock(seconds % 86_400));
    push_fraction(out, fraction, fsp);
}

/// A TIME column's value; the server's range ends at 838 hours.
fn push_time(
    out: &mut Vec<u8>,
    negative: bool,
    hour: u32,
    minute: u32,
    second: u32,
    fraction: u32,
    fsp: u8,
) -> Option<()> {
    if hour > 838 || minute > 59 || second > 59 {
        return None;
    }
    if negative {
        out.push(b'-');
    }
    if hour >= 100 {
        out.push(b'0' + (hour / 100) as u8);
    }
    let [h0, h1] = two_digits(hour % 100);
    let [i0, i1] = two_digits(minute);
    let [s0, s1] = two_digits(second);
    out.extend_from_slice(&[h0, h1, b':', i0, i1, b':', s0, s1]);
    push_fraction(out, fraction, fsp);
    Some(())
}

/// `.` and the first `fsp` of six digits; nothing for 0.
fn push_fraction(out: &mut Vec<u8>, micros: u32, fsp: u8) {
    if fsp > 0 {
        let [a, b] = two_digits(micros / 10_000);
        let [c, d] = two_digits(micros / 100 % 100);
        let [e, f] = two_digits(micros % 100);
        let text = [b'.', a, b, c, d, e, f];
        out.extend_from_slice(text.get(..=usize::from(fsp)).unwrap_or(&text));
    }
}

/// The bytes that a fraction of `fsp` digits takes; `None` above 6 digits.
fn fraction_len(fsp: u8) -> Option<usize> {
    (fsp <= 6).then_some(usize::from(fsp).div_ceil(2))
}

/// Microseconds of a stored fraction: hundredths in one byte, ten-thousandths in two,
/// microseconds in three.
fn fraction_micros(stored: u32, bytes: usize) -> Option<u32> {
    let unit = match bytes {
        0 | 3 => 1,
        1 => 10_000,
        _ => 100,
    };
    stored.checked_mul(unit).filter(|micros| *micros < 1_000_000)
}

/// The first `length` (at most 8) bytes as one number.
fn big_endian(bytes: &[u8], length: usize) -> Option<u64> {
    let bytes = bytes.get(..length)?;
    Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// Two decimal digits of a value below 100.
fn two_digits(value: u32) -> [u8; 2] {
    [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8]
}

/// Four decimal digits of a value below 10000.
fn four_digits(value: u32) -> [u8; 4] {
    let [a, b] = two_digits(value / 100);
    let [c, d] = two_digits(value % 100);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text and the bytes consumed; a refusal must leave `out` alone.
    fn show(push: impl Fn(&mut Vec<u8>) -> Option<usize>) -> Option<(String, usize)> {
        let mut out = b"x".to_vec();
        let Some(used) = push(&mut out) else {
            assert_eq!(out, b"x");
            return None;
        };
        Some((String::from_utf8(out.split_off(1)).unwrap(), used))
    }

    fn text(push: impl Fn(&mut Vec<u8>) -> Option<usize>) -> String {
        show(push).unwrap().0
    }

    #[test]
    fn every_day_of_ten_thousand_years() {
        let (mut year, mut month, mut day) = (0u32, 1u32, 1u32);
        for days in -719_528..=2_932_896i64 {
            assert_eq!(civil(days), Date { year, month, day });
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + u32::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
        }
        assert_eq!(year, 10_000);
    }

    #[test]
    fn micros_since_1970() {
        let show = |micros| {
            let mut out = Vec::new();
            push_utc_micros(&mut out, micros);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(show(0), "1970-01-01 00:00:00.000000");
        assert_eq!(show(-1), "1969-12-31 23:59:59.999999");
        assert_eq!(show(1_709_210_096_789_012), "2024-02-29 12:34:56.789012");
        assert_eq!(show(LAST_MICROS), "9999-12-31 23:59:59.999999");
        assert_eq!(show(FIRST_MICROS), "0000-01-01 00:00:00.000000");
        assert_eq!(show(i64::MAX), "9999-12-31 23:59:59.999999");
        assert_eq!(show(i64::MIN), "0000-01-01 00:00:00.000000");
    }

    #[test]
    fn dates_are_not_corrected() {
        let pack = |year: u32, month: u32, day: u32| {
            (year << 9 | month << 5 | day).to_le_bytes()[..3].to_vec()
        };
        for (year, month, day, shown) in [
            (0, 0, 0, "0000-00-00"),
            (1, 1, 1, "0001-01-01"),
            (2023, 2, 31, "2023-02-31"),
            (2023, 0, 0, "2023-00-00"),
            (9999, 12, 31, "9999-12-31"),
        ] {
            let bytes = pack(year, month, day);
            assert_eq!(show(|out| push_date(out, &bytes)), Some((shown.into(), 3)));
        }
        assert_eq!(show(|out| push_date(out, &pack(10_000, 1, 1))), None);
        assert_eq!(show(|out| push_date(out, &pack(2023, 13, 1))), None);
        assert_eq!(show(|out| push_date(out, &[1, 2])), None);
    }

    /// `my_time_packed_to_binary` for a time of `sign`, whole and fraction parts.
    fn pack_time2(negative: bool, time: (u32, u32, u32), micros: u32, fsp: u8) -> Vec<u8> {
        let bytes = usize::from(fsp).div_ceil(2);
        let unit = [1, 10_000, 100, 1][bytes];
        let whole = i64::from(time.0 << 12 | time.1 << 6 | time.2) << (8 * bytes);
        let packed = whole + i64::from(micros / unit);
        let packed = if negative { -packed } else { packed } + (0x80_0000 << (8 * bytes));
        packed.to_be_bytes()[5 - bytes..].to_vec()
    }

    #[test]
    fn times_of_every_precision_and_sign() {
        for fsp in 0..=6u8 {
            let micros = 987_654 / 10u32.pow(6 - u32::from(fsp)) * 10u32.pow(6 - u32::from(fsp));
            let fraction = match fsp {
                0 => String::new(),
                _ => format!(".{}", &"987654"[..usize::from(fsp)]),
            };
            for (negative, time, whole) in [
                (false, (0, 0, 0), "00:00:00"),
                (false, (838, 59, 58), "838:59:58"),
                (true, (838, 59, 58), "-838:59:58"),
                (true, (0, 0, 1), "-00:00:01"),
                (true, (9, 0, 0), "-09:00:00"),
                (false, (100, 1, 2), "100:01:02"),
            ] {
                let bytes = pack_time2(negative, time, micros, fsp);
                let shown = format!("{whole}{fraction}");
                let used = bytes.len();
                assert_eq!(show(|out| push_time2(out, &bytes, fsp)), Some((shown, used)));
                assert_eq!(show(|out| push_time2(out, &bytes[..used - 1], fsp)), None);
            }
        }
        // A negative time whose whole seconds are zero: only the fraction borrows.
        let bytes = pack_time2(true, (0, 0, 0), 10_000, 2);
        assert_eq!(bytes, [0x7F, 0xFF, 0xFF, 0xFF]);
        assert_eq!(text(|out| push_time2(out, &bytes, 2)), "-00:00:00.01");
    }

    #[test]
    fn impossible_times_are_refused() {
        for bytes in [
            pack_time2(false, (839, 0, 0), 0, 0),
            pack_time2(false, (1, 60, 0), 0, 0),
            pack_time2(false, (1, 0, 63), 0, 0),
        ] {
            assert_eq!(show(|out| push_time2(out, &bytes, 0)), None);
        }
        assert_eq!(show(|out| push_time2(out, &[0x80, 0, 0, 100], 2)), None);
        assert_eq!(show(|out| push_time2(out, &[0x80, 0, 0, 1, 1, 1, 1], 7)), None);
        assert_eq!(show(|out| push_time2(out, &[0, 0, 0], 0)), None);
    }

    fn pack_datetime2(date: (u64, u64, u64), time: (u64, u64, u64)) -> Vec<u8> {
        let days = (date.0 * 13 + date.1) << 5 | date.2;
        let packed = 0x80_0000_0000 | days << 17 | time.0 << 12 | time.1 << 6 | time.2;
        packed.to_be_bytes()[3..].to_vec()
    }

    #[test]
    fn datetimes() {
        for (date, time, shown) in [
            ((0, 0, 0), (0, 0, 0), "0000-00-00 00:00:00"),
            ((2024, 2, 29), (12, 34, 56), "2024-02-29 12:34:56"),
            ((9999, 12, 31), (23, 59, 59), "9999-12-31 23:59:59"),
            ((2023, 2, 31), (1, 2, 3), "2023-02-31 01:02:03"),
            ((1, 1, 1), (0, 0, 1), "0001-01-01 00:00:01"),
        ] {
            let mut bytes = pack_datetime2(date, time);
            assert_eq!(show(|out| push_datetime2(out, &bytes, 0)), Some((shown.into(), 5)));
            bytes.extend_from_slice(&[0x26, 0x94, 0xFF]);
            let with_fraction = format!("{shown}.987");
            assert_eq!(show(|out| push_datetime2(out, &bytes, 3)), Some((with_fraction, 7)));
        }
        let bytes = [pack_datetime2((1965, 1, 2), (3, 4, 5)), vec![0x0F, 0x12, 0x06]].concat();
        assert_eq!(text(|out| push_datetime2(out, &bytes, 6)), "1965-01-02 03:04:05.987654");
        assert_eq!(text(|out| push_datetime2(out, &bytes[..6], 1)), "1965-01-02 03:04:05.1");
    }

    #[test]
    fn impossible_datetimes_are_refused() {
        for bytes in [
            pack_datetime2((10_000, 1, 1), (0, 0, 0)),
            pack_datetime2((2024, 1, 1), (24, 0, 0)),
            pack_datetime2((2024, 1, 1), (0, 60, 0)),
            vec![0x7F, 0xFF, 0xFF, 0xFF, 0xFF],
            vec![0x80, 0, 0, 0],
        ] {
            assert_eq!(show(|out| push_datetime2(out, &bytes, 0)), None);
        }
        let bytes = [pack_datetime2((2024, 1, 1), (0, 0, 0)), vec![0xFF, 0xFF]].concat();
        assert_eq!(show(|out| push_datetime2(out, &bytes, 4)), None);
        assert_eq!(show(|out| push_datetime2(out, &bytes, 6)), None, "short");
    }

    #[test]
    fn timestamps() {
        let cases = [
            (vec![0, 0, 0, 0], 0, "0000-00-00 00:00:00"),
            (vec![0, 0, 0, 0, 0, 0], 3, "0000-00-00 00:00:00.000"),
            (vec![0, 0, 0, 0, 50], 1, "1970-01-01 00:00:00.5"),
            (vec![0, 0, 0, 1], 0, "1970-01-01 00:00:01"),
            (vec![0x7F, 0xFF, 0xFF, 0xFF, 0x0F, 0x42, 0x3F], 6, "2038-01-19 03:14:07.999999"),
            (vec![0xFF, 0xFF, 0xFF, 0xFF], 0, "2106-02-07 06:28:15"),
        ];
        for (bytes, fsp, shown) in cases {
            let used = bytes.len();
            assert_eq!(show(|out| push_timestamp2(out, &bytes, fsp)), Some((shown.into(), used)));
            assert_eq!(show(|out| push_timestamp2(out, &bytes[..used - 1], fsp)), None);
        }
    }

    #[test]
    fn old_formats() {
        let time = |value: i32| value.to_le_bytes()[..3].to_vec();
        assert_eq!(text(|out| push_time_old(out, &time(-8_385_959))), "-838:59:59");
        assert_eq!(text(|out| push_time_old(out, &time(102))), "00:01:02");
        assert_eq!(show(|out| push_time_old(out, &time(6_000))), None);
        let datetime = 20_240_229_123_456u64.to_le_bytes();
        assert_eq!(text(|out| push_datetime_old(out, &datetime)), "2024-02-29 12:34:56");
        assert_eq!(text(|out| push_datetime_old(out, &[0; 8])), "0000-00-00 00:00:00");
        assert_eq!(show(|out| push_datetime_old(out, &[0xFF; 8])), None);
        assert_eq!(text(|out| push_timestamp_old(out, &[0; 4])), "0000-00-00 00:00:00");
        assert_eq!(text(|out| push_timestamp_old(out, &[1, 0, 0, 0])), "1970-01-01 00:00:01");
    }

    /// Recorded from MariaDB 10.11 with `mysql56_temporal_format=OFF`.
    #[test]
    fn mariadb_fractions_of_its_own() {
        type Push = fn(&mut Vec<u8>, &[u8], u8) -> Option<usize>;
        let cases: [(Push, u8, &[u8], &str); 12] = [
            (push_time_hires, 1, &[0x01, 0xCC, 0x4E, 0xEE], "-01:02:03.4"),
            (push_time_hires, 3, &[0x01, 0x68, 0x0F, 0x4A, 0xFF], "838:59:59.999"),
            (push_time_hires, 6, &[0, 0, 0, 0, 0, 1], "-838:59:59.999999"),
            (push_time_hires, 6, &[2, 0xBF, 0x3D, 0xDE, 0x7B, 0xFF], "-00:00:00.000001"),
            (
                push_datetime_hires,
                1,
                &[0x00, 0xA9, 0x65, 0xA7, 0xFC, 0x67],
                "2024-02-29 12:34:56.7",
            ),
            (
                push_datetime_hires,
                3,
                &[0x00, 0x42, 0x2B, 0xB5, 0x9E, 0x98, 0x95],
                "2024-02-29 12:34:56.789",
            ),
            (
                push_datetime_hires,
                4,
                &[0x02, 0x95, 0xB5, 0x18, 0x31, 0xF5, 0xD3],
                "2024-02-29 12:34:56.7891",
            ),
            (
                push_datetime_hires,
                6,
                &[0x01, 0x02, 0x7A, 0xBD, 0x73, 0x84, 0x06, 0x83],
                "2024-02-29 12:34:56.789123",
            ),
            (
                push_datetime_hires,
                6,
                &[0x00, 0x00, 0x23, 0x48, 0x56, 0xBF, 0x60, 0x01],
                "0001-01-01 00:00:00.000001",
            ),
            (
                push_timestamp_hires,
                3,
                &[0x65, 0xE0, 0x79, 0xF0, 0x03, 0x15],
                "2024-02-29 12:34:56.789",
            ),
            (
                push_timestamp_hires,
                6,
                &[0x65, 0xE0, 0x79, 0xF0, 0x0C, 0x0A, 0x83],
                "2024-02-29 12:34:56.789123",
            ),
            (push_timestamp_hires, 6, &[0; 7], "0000-00-00 00:00:00.000000"),
        ];
        for (push, fsp, bytes, shown) in cases {
            let used = bytes.len();
            assert_eq!(show(|out| push(out, bytes, fsp)), Some((shown.into(), used)));
            assert_eq!(show(|out| push(out, &bytes[1..], fsp)), None);
            assert_eq!(show(|out| push(out, &[0xFF; 8], fsp)), None);
            assert_eq!(show(|out| push(out, &[0; 8], 7)), None);
        }
    }

    #[test]
    fn years() {
        for (byte, shown) in [(0, "0"), (1, "1901"), (255, "2155")] {
            assert_eq!(
                text(|out| {
                    push_year(out, byte);
                    Some(1)
                }),
                shown
            );
        }
    }
}
