//! Values of arguments: sizes, durations, times, patterns. Errors name the forms that are taken.
//! Uses `ums::namespace`. Not hot.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use regex::Regex;

use crate::ums::namespace::glob;

/// Reads a count or a number that must not be 0.
///
/// # Errors
/// The text for the person who typed it.
pub fn positive<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "a whole number above 0, without a unit".into())
}

/// Reads a number that may be 0.
///
/// # Errors
/// The text for the person who typed it.
pub fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "a whole number, without a unit".into())
}

/// Threads or connections at most: more would only wait for each other, and machines refuse them in
/// ways that nobody can report.
const THREADS_MAX: usize = 256;

/// Reads a number of threads or connections, from 1 to 256.
///
/// # Errors
/// The text for the person who typed it.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    let found = text.parse().ok().filter(|number: &NonZeroUsize| number.get() <= THREADS_MAX);
    found.ok_or_else(|| format!("a whole number from 1 to {THREADS_MAX}"))
}

/// Reads a number of bytes: `65536`, `64KiB`, `1MiB`, `2GiB`, `1kB`, `1MB`, `1GB`; not 0.
///
/// # Errors
/// The text for the person who typed it.
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 8] = [
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let (number, unit) = split(text);
    UNITS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))
        .and_then(|(_, factor)| number.parse::<u64>().ok()?.checked_mul(*factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "a size is a whole number above 0 with KiB, MiB, GiB, kB, MB, GB or nothing, such as 1MiB".into())
}

/// Reads a duration: `500ms`, `1s`, `5m`, `1h`, or seconds; not 0.
///
/// # Errors
/// The text for the person who typed it.
pub fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1000), ("", 1000), ("m", 60_000), ("h", 3_600_000)];
    let (number, unit) = split(text);
    UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .and_then(|(_, factor)| number.parse::<u64>().ok()?.checked_mul(*factor))
        .filter(|milliseconds| *milliseconds > 0)
        .map(Duration::from_millis)
        .ok_or_else(|| "a duration is a whole number above 0 with ms, s, m or h, such as 1s".into())
}

/// Reads an instant in UTC: `2026-11-21`, `2026-11-21 01:02:03`, with up to six digits of fraction,
/// with `T` and `Z`, or seconds since 1970. The result is in microseconds since 1970.
///
/// # Errors
/// The text for the person who typed it.
pub fn instant(text: &str) -> Result<i64, String> {
    let seconds = text.parse::<u32>().ok().map(|seconds| i64::from(seconds) * 1_000_000);
    seconds.or_else(|| calendar(text.strip_suffix('Z').unwrap_or(text))).ok_or_else(|| {
        "a time is YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS[.ffffff] (UTC) or seconds since 1970".into()
    })
}

fn calendar(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00:00"));
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    if fraction.is_empty() || fraction.len() > 6 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let microseconds = format!("{fraction:0<6}").parse::<i64>().ok()?;
    // Years are counted from March, so that the leap day is the last one (Gregorian calendar).
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_number = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719_469;
    Some((((day_number * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + microseconds)
}

fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Tables by name: `schema.table`, `*` for any run of characters in either. The first dot divides.
#[derive(Debug, Clone)]
pub struct TablePattern {
    schema: String,
    table: String,
    /// Whether it, or a clone of it, has taken a table.
    met: Arc<AtomicBool>,
}

impl TablePattern {
    /// Whether it takes the table of this name, as the log spells it.
    pub fn matches(&self, schema: &str, table: &str) -> bool {
        let takes = glob(&self.schema, schema) && glob(&self.table, table);
        if takes {
            self.met.store(true, Ordering::Relaxed);
        }
        takes
    }

    /// Whether it has taken a table: one with a slip takes none, and nobody would know.
    pub fn is_met(&self) -> bool {
        self.met.load(Ordering::Relaxed)
    }

    /// Whether it names one schema.
    pub fn names_schema(&self) -> bool {
        !self.schema.contains('*')
    }
}

impl std::fmt::Display for TablePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

impl FromStr for TablePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some((schema, table)) if !schema.is_empty() && !table.is_empty() => {
                Ok(Self { schema: schema.into(), table: table.into(), met: Arc::default() })
            }
            _ => Err("a pattern is schema.table, such as 'shop.*' or '*.orders'".into()),
        }
    }
}

/// `REGEX=NAME`: names that match the whole expression are published as `NAME`, and the text of the
/// expression's one group is the number of the shard.
#[derive(Debug, Clone)]
pub struct Shard {
    pattern: Regex,
    name: String,
}

impl Shard {
    /// The logical name and the shard's number, if the physical name matches.
    pub fn apply<'a>(&'a self, name: &'a str) -> Option<(&'a str, &'a str)> {
        let shard = self.pattern.captures(name)?.get(1)?;
        Some((&self.name, shard.as_str()))
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (pattern, name) = text
            .rsplit_once('=')
            .filter(|(pattern, name)| !pattern.is_empty() && !name.is_empty())
            .ok_or("a shard rule is REGEX=NAME, such as 'orders_(\\d+)=orders'")?;
        let pattern = Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|_| format!("{pattern} is not a regular expression"))?;
        if pattern.captures_len() != 2 {
            return Err("the expression needs exactly one group, the shard's number: \
                        'orders_(\\d+)=orders' ((?:...) groups without counting)"
                .into());
        }
        Ok(Self { pattern, name: name.into() })
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("1MiB"), Ok(1_048_576));
        assert_eq!(bytes("64kib"), Ok(65_536));
        assert_eq!(bytes("7"), Ok(7));
        assert_eq!(bytes("2GB"), Ok(2_000_000_000));
        for wrong in ["", "0", "MiB", "1.5MiB", "-1", "1 MiB", "1TiB", "99999999999GiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(positive::<NonZeroU32>("7").map(NonZeroU32::get), Ok(7));
        for wrong in ["0", "-1", "1e3", "4294967296", ""] {
            assert!(positive::<NonZeroU32>(wrong).is_err(), "{wrong}");
        }
        assert_eq!((whole("0"), threads("256").map(NonZeroUsize::get)), (Ok(0), Ok(256)));
        for wrong in ["0", "-1", "257", ""] {
            assert!(threads(wrong).is_err(), "{wrong}");
        }
        assert!(whole("-1").is_err() && whole("").is_err());
    }

    #[test]
    fn durations() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "0s", "s", "1.5s", "1d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn instants() {
        assert_eq!(instant("0"), Ok(0));
        assert_eq!(instant("1970-01-01"), Ok(0));
        assert_eq!(instant("1970-01-02T00:00:00Z"), Ok(86_400_000_000));
        assert_eq!(instant("2024-02-29 12:34:56.5"), Ok(1_709_210_096_500_000));
        assert_eq!(instant("2026-11-21"), Ok(1_795_219_200_000_000));
        assert_eq!(instant("2000-03-01"), Ok(951_868_800_000_000));
        for wrong in ["", "2026-13-01", "2026-02-29", "2026-1-1", "2026-11-21T25:00:00", "now"] {
            assert!(instant(wrong).is_err(), "{wrong}");
        }
        assert!(instant("2026-11-21 01:02:03.").is_err());
        assert!(instant("2026-11-21-01").is_err());
    }

    #[test]
    fn patterns_need_both_parts() {
        let pattern: TablePattern = "shop.*".parse().unwrap();
        assert!(!pattern.matches("shops", "a") && !pattern.is_met());
        assert!(pattern.clone().matches("shop", "a") && pattern.is_met());
        for wrong in ["shop", "shop.", ".orders", ""] {
            assert!(wrong.parse::<TablePattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shards() {
        let shard: Shard = r"orders_(\d+)=orders".parse().unwrap();
        assert_eq!(shard.apply("orders_07"), Some(("orders", "07")));
        assert_eq!(shard.apply("orders_07_old"), None);
        assert_eq!(shard.apply("my_orders_07"), None);
        for wrong in ["orders", "=orders", "x(=o", r"orders_\d+=orders", "(a)(b)=c", "(a)="] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
