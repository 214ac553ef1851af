//! Values of arguments: sizes, durations, times. Errors name the forms that are taken. Uses
//! nothing of the project. Not hot.

use std::time::Duration;

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

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}
