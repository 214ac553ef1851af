//! HOT. Formats of times: a pattern in the style of strftime, made into steps once, then one walk
//! over the text. Uses `rule::time`.

use super::{Civil, Micros, Zone};

/// What a record may leave out: the moment that a time without a year, or without a date, is near
/// to and at most a day behind.
#[derive(Debug, Clone, Copy)]
pub struct Reference(pub Micros);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This byte.
    Byte(u8),
    /// Any run of white space, none included.
    Space,
    Year,
    YearInCentury,
    Month,
    MonthName,
    Day,
    DayOfYear,
    Hour,
    HourOfTwelve,
    HalfDay,
    Minute,
    Second,
    Fraction,
    Offset,
    WeekdayName,
    Epoch,
    EpochMillis,
}

/// A format.
#[derive(Debug, Clone)]
pub struct Format {
    steps: Vec<Step>,
    year: bool,
}

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

/// Names of formats.
const NAMED: [(&str, &str); 4] = [
    ("ISO8601", "%Y-%m-%dT%H:%M:%S%f%z"),
    ("HTTPDATE", "%d/%b/%Y:%H:%M:%S %z"),
    ("SYSLOG", "%b %e %H:%M:%S"),
    ("LOG4J", "%Y-%m-%d %H:%M:%S%f"),
];

impl Format {
    /// Reads a pattern or one of the names.
    ///
    /// # Errors
    /// What is wrong, as a text.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let pattern =
            NAMED.iter().find(|(name, _)| *name == pattern).map_or(pattern, |(_, pattern)| pattern);
        let mut steps = Vec::new();
        let mut bytes = pattern.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => directive(bytes.next(), &mut steps)?,
                b' ' | b'\t' => steps.push(Step::Space),
                byte => steps.push(Step::Byte(byte)),
            }
        }
        let has = |step: &Step| steps.contains(step);
        let epoch = has(&Step::Epoch) || has(&Step::EpochMillis);
        let day = (has(&Step::Day) && (has(&Step::Month) || has(&Step::MonthName)))
            || has(&Step::DayOfYear);
        if !epoch && !day {
            return Err(format!("format '{pattern}' has no day and month (%d %m, %d %b, %j, %s)"));
        }
        let year = epoch || has(&Step::Year) || has(&Step::YearInCentury);
        Ok(Self { steps, year })
    }

    /// Whether a text of this format says its year.
    pub fn has_year(&self) -> bool {
        self.year
    }

    /// The moment that the whole text tells; `None` when it does not fit. `zone` is for texts without
    /// an offset, `reference` for those without a year.
    pub fn read(&self, text: &str, zone: &mut Zone, reference: Reference) -> Option<Micros> {
        let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
        let mut civil =
            Civil { year: 1972, month: 1, day: 1, hour: 0, minute: 0, second: 0, micro: 0 };
        let (mut offset, mut epoch, mut twelve, mut afternoon) = (None, None, false, false);
        let mut of_year = None;
        for step in &self.steps {
            match step {
                Step::Byte(byte) => {
                    // ISO texts have a T or a space there.
                    let fits = cursor.peek() == Some(*byte)
                        || (*byte == b'T' && matches!(cursor.peek(), Some(b' ' | b't')));
                    if !fits {
                        return None;
                    }
                    cursor.at += 1;
                }
                Step::Space => cursor.skip_space(),
                Step::Year => civil.year = i32::try_from(cursor.digits(4, 4)?).ok()?,
                Step::YearInCentury => {
                    let year = i32::try_from(cursor.digits(2, 2)?).ok()?;
                    civil.year = if year < 69 { 2000 + year } else { 1900 + year };
                }
                Step::Month => civil.month = cursor.small()?,
                Step::MonthName => civil.month = cursor.name(&MONTHS)? + 1,
                Step::Day => {
                    cursor.skip_space();
                    civil.day = cursor.small()?;
                }
                Step::DayOfYear => of_year = Some(i64::from(cursor.digits(1, 3)?)),
                Step::Hour => civil.hour = cursor.small()?,
                Step::HourOfTwelve => {
                    civil.hour = cursor.small().filter(|hour| (1..=12).contains(hour))? % 12;
                    twelve = true;
                }
                Step::HalfDay => afternoon = cursor.name(&[b"am ", b"pm "])? == 1,
                Step::Minute => civil.minute = cursor.small()?,
                Step::Second => civil.second = cursor.small()?,
                Step::Fraction => {
                    if cursor.one_of(b".,").is_some() {
                        civil.micro = cursor.fraction()?;
                    }
                }
                Step::Offset => {
                    cursor.skip_space();
                    offset = Some(cursor.offset()?);
                }
                Step::WeekdayName => {
                    cursor.name(&WEEKDAYS)?;
                }
                Step::Epoch => {
                    let whole = cursor.long()?.checked_mul(1_000_000)?;
                    let part = match cursor.one_of(b".,") {
                        Some(_) => cursor.fraction()?,
                        None => 0,
                    };
                    epoch = whole.checked_add(i64::from(part));
                }
                Step::EpochMillis => epoch = cursor.long()?.checked_mul(1000),
            }
        }
        if cursor.at != cursor.bytes.len() {
            return None;
        }
        if let Some(epoch) = epoch {
            return Some(epoch);
        }
        if twelve && afternoon {
            civil.hour += 12;
        }
        // A leap second belongs to the second before.
        if civil.second == 60 {
            civil.second = 59;
        }
        let mut moment = |mut civil: Civil| {
            if let Some(day) = of_year {
                let start = Civil { month: 1, day: 1, ..civil }.micros();
                let found = Civil::of(start + (day - 1) * super::DAY)?;
                civil = (day > 0 && found.year == civil.year).then_some(found)?;
            }
            let valid = civil.is_valid();
            match offset {
                _ if !valid => None,
                Some(offset) => Some(civil.micros() - i64::from(offset) * 1_000_000),
                None => zone.moment(&civil),
            }
        };
        if self.year {
            return moment(civil);
        }
        let near = Civil::of(reference.0)?.year;
        let latest = reference.0.saturating_add(super::DAY);
        // The day of a leap year may be up to eight years back.
        let years = (near - 8..=near + 1).rev();
        years.filter_map(|year| moment(Civil { year, ..civil })).find(|moment| *moment <= latest)
    }
}

fn directive(letter: Option<u8>, steps: &mut Vec<Step>) -> Result<(), String> {
    use Step::{
        Byte, Day, DayOfYear, Epoch, EpochMillis, Fraction, HalfDay, Hour, HourOfTwelve, Minute,
        Month, MonthName, Offset, Second, WeekdayName, Year, YearInCentury,
    };
    let found: &[Step] = match letter {
        Some(b'Y') => &[Year],
        Some(b'y') => &[YearInCentury],
        Some(b'm') => &[Month],
        Some(b'b' | b'B' | b'h') => &[MonthName],
        Some(b'd' | b'e') => &[Day],
        Some(b'j') => &[DayOfYear],
        Some(b'H' | b'k') => &[Hour],
        Some(b'I' | b'l') => &[HourOfTwelve],
        Some(b'p') => &[HalfDay],
        Some(b'M') => &[Minute],
        Some(b'S') => &[Second],
        Some(b'f') => &[Fraction],
        Some(b'z') => &[Offset],
        Some(b'a' | b'A') => &[WeekdayName],
        Some(b's') => &[Epoch],
        Some(b'Q') => &[EpochMillis],
        Some(b'F') => &[Year, Byte(b'-'), Month, Byte(b'-'), Day],
        Some(b'T') => &[Hour, Byte(b':'), Minute, Byte(b':'), Second],
        Some(b'%') => &[Byte(b'%')],
        Some(other) => {
            return Err(format!(
                "%{} is not known; known are %Y %y %m %b %d %j %H %I %p %M %S %f %z %a %s %Q %F %T %%",
                other.escape_ascii()
            ));
        }
        None => return Err("a % stands at the end".into()),
    };
    steps.extend_from_slice(found);
    Ok(())
}

/// A walk over a text.
pub(super) struct Cursor<'t> {
    pub(super) bytes: &'t [u8],
    pub(super) at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let found = self.peek().filter(|byte| bytes.contains(byte))?;
        self.at += 1;
        Some(found)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// A number of at least so many and at most so many digits.
    pub(super) fn digits(&mut self, least: usize, most: usize) -> Option<u32> {
        let (mut value, mut count) = (0u32, 0);
        while count < most
            && let Some(digit @ b'0'..=b'9') = self.peek()
        {
            value = value.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
            self.at += 1;
            count += 1;
        }
        (count >= least).then_some(value)
    }

    /// One or two digits.
    fn small(&mut self) -> Option<u8> {
        u8::try_from(self.digits(1, 2)?).ok()
    }

    fn long(&mut self) -> Option<i64> {
        let negative = self.one_of(b"-").is_some();
        let start = self.at;
        let mut value = 0i64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
        }
        (self.at > start).then_some(if negative { -value } else { value })
    }

    /// Digits behind the point, as microseconds; what is smaller is cut off.
    pub(super) fn fraction(&mut self) -> Option<u32> {
        let (mut value, mut count) = (0u32, 0);
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            if count < 6 {
                value = value * 10 + u32::from(digit - b'0');
            }
            self.at += 1;
            count += 1;
        }
        (1..=9).contains(&count).then(|| value * 10u32.pow(6u32.saturating_sub(count)))
    }

    /// `Z`, `UTC`, `GMT`, `+01:00`, `+0100`, `+01`: seconds east.
    pub(super) fn offset(&mut self) -> Option<i32> {
        let rest = self.bytes.get(self.at..)?;
        if rest.starts_with(b"UTC") || rest.starts_with(b"GMT") {
            self.at += 3;
            return Some(0);
        }
        if self.one_of(b"Zz").is_some() {
            return Some(0);
        }
        let east = self.one_of(b"+-")? == b'+';
        let hours = i32::try_from(self.digits(2, 2)?).ok()?;
        let colon = self.one_of(b":").is_some();
        let minutes = match self.digits(2, 2) {
            Some(minutes) => i32::try_from(minutes).ok()?,
            None if colon => return None,
            None => 0,
        };
        let seconds = hours * 3600 + minutes * 60;
        (hours < 24 && minutes < 60).then_some(if east { seconds } else { -seconds })
    }

    /// One of the names by its first three letters, in any case, and the letters that follow. Names
    /// of two letters end in a space in the table.
    fn name(&mut self, names: &[&[u8; 3]]) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        let found = names.iter().position(|name| {
            let name = name.trim_ascii_end();
            rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        })?;
        let letters = rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        self.at += letters;
        u8::try_from(found).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{push_stamp, read_stamp};
    use super::*;

    fn read(format: &str, text: &str) -> Option<String> {
        let reference = Reference(read_stamp("2026-03-01 00:00:00").unwrap());
        let format = Format::parse(format).unwrap();
        let mut out = Vec::new();
        push_stamp(&mut out, format.read(text, &mut Zone::utc(), reference)?);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn formats() {
        for (format, text, expected) in [
            ("%d/%b/%Y:%H:%M:%S %z", "21/Nov/2026:02:02:03 +0100", "2026-11-21 01:02:03.000000"),
            ("HTTPDATE", "21/nov/2026:01:02:03 +0000", "2026-11-21 01:02:03.000000"),
            ("ISO8601", "2026-11-21T01:02:03.123Z", "2026-11-21 01:02:03.123000"),
            ("ISO8601", "2026-11-21 02:02:03,123456789+01:00", "2026-11-21 01:02:03.123456"),
            ("LOG4J", "2026-11-21 01:02:03,004", "2026-11-21 01:02:03.004000"),
            ("LOG4J", "2026-11-21 01:02:03", "2026-11-21 01:02:03.000000"),
            ("%F %T", "2026-1-2 3:4:5", "2026-01-02 03:04:05.000000"),
            ("%m/%d/%y %I:%M %p", "11/21/26 01:02 PM", "2026-11-21 13:02:00.000000"),
            ("%m/%d/%y %I:%M %p", "11/21/26 12:02 am", "2026-11-21 00:02:00.000000"),
            ("%Y %j", "2026 60", "2026-03-01 00:00:00.000000"),
            (
                "%a, %d %B %Y %T %z",
                "Sat, 21 November 2026 01:02:03 GMT",
                "2026-11-21 01:02:03.000000",
            ),
            ("%s", "1763686923.5", "2025-11-21 01:02:03.500000"),
            ("%Q", "1763686923004", "2025-11-21 01:02:03.004000"),
            ("%F %T", "2016-12-31 23:59:60", "2016-12-31 23:59:59.000000"),
        ] {
            assert_eq!(read(format, text).as_deref(), Some(expected), "{format} {text}");
        }
    }

    #[test]
    fn a_missing_year_is_the_last_one_that_fits() {
        // One day of the future is allowed for, because clocks differ.
        for (text, expected) in [
            ("Feb  1 10:00:00", "2026-02-01 10:00:00.000000"),
            ("Mar 1 23:00:00", "2026-03-01 23:00:00.000000"),
            ("Mar  3 00:00:00", "2025-03-03 00:00:00.000000"),
            ("Dec 31 23:59:59", "2025-12-31 23:59:59.000000"),
            ("Feb 29 12:00:00", "2024-02-29 12:00:00.000000"),
        ] {
            assert_eq!(read("SYSLOG", text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_none() {
        for (format, text) in [
            ("%F %T", "2026-11-21 01:02:03 "),
            ("%F %T", "2026-11-21 25:02:03"),
            ("%F %T", "2026-02-30 01:02:03"),
            ("%F %T", "21/Nov/2026"),
            ("%F", ""),
            ("ISO8601", "2026-11-21T01:02:03"),
            ("%s", "99999999999999999999"),
            ("%Y %j", "2026 366"),
            ("%Y %j", "2026 0"),
            ("%d %b %Y %I %p", "1 Jan 2026 13 pm"),
        ] {
            assert_eq!(read(format, text), None, "{format} {text}");
        }
        for wrong in ["%H:%M", "%F %K", "%F %", ""] {
            assert!(Format::parse(wrong).is_err(), "{wrong}");
        }
    }
}
