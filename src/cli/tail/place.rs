//! Places in a log as they are typed: where to start and where to stop. Uses `cli::value`. Not hot.

use std::str::FromStr;

use crate::cli::value;

/// The first event of every binlog stands behind the four magic bytes.
const FIRST_OFFSET: u64 = 4;

/// `--start`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// The oldest event that the source still has.
    Earliest,
    /// Where the source writes now.
    Latest,
    /// At this row: the transaction that holds it comes whole.
    Id(i64),
    /// After the transactions of this GTID set (MySQL) or position (MariaDB).
    Gtid(String),
    /// At the first transaction at or after this instant, microseconds since 1970.
    Time(i64),
    /// At this event.
    File(LogPlace),
}

/// `--stop`. What lies before it is written, and the transaction that it falls into, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// Where the source wrote when the run began.
    Latest,
    /// Behind the transaction of this row.
    Id(i64),
    /// Before the first transaction after this instant, microseconds since 1970.
    Time(i64),
    /// At this offset.
    File(LogPlace),
}

/// A byte offset in a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPlace {
    /// The file.
    pub file: LogName,
    /// Offset of an event in bytes from the start of the file.
    pub offset: u64,
}

/// A log file's name without its folder: text, a dot, and the number that orders files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    /// The whole name.
    pub name: String,
    /// The digits after the last dot.
    pub number: u64,
}

impl FromStr for LogName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a log name ends in a dot and a number and has no folder: binlog.000103";
        let (base, digits) = text.rsplit_once('.').ok_or_else(wrong)?;
        let plain = !base.is_empty() && !base.contains('/');
        if !plain || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong().into());
        }
        let number = digits.parse().map_err(|_| wrong())?;
        Ok(Self { name: text.into(), number })
    }
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" => return Ok(Self::Earliest),
            "latest" => return Ok(Self::Latest),
            _ => {}
        }
        if let Some(set) = text.strip_prefix("gtid:") {
            let set: String = set.split_whitespace().collect();
            return Ok(Self::Gtid(set));
        }
        place(text, Self::Id, Self::Time, Self::File).unwrap_or_else(|| {
            Err("a start is earliest, latest, FILE, FILE:POS, an id, gtid:SET or @TIME".into())
        })
    }
}

impl FromStr for Stop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let bare_file =
            !text.starts_with('@') && !text.contains(':') && text.parse::<i64>().is_err();
        place(text, Self::Id, Self::Time, Self::File)
            .filter(|_| !bare_file)
            .unwrap_or_else(|| Err("a stop is latest, FILE:POS, an id or @TIME".into()))
    }
}

/// The forms that a start and a stop share; `None` when the text has none of them.
fn place<T>(
    text: &str,
    id: fn(i64) -> T,
    time: fn(i64) -> T,
    file: fn(LogPlace) -> T,
) -> Option<Result<T, String>> {
    if let Some(instant) = text.strip_prefix('@') {
        return Some(value::instant(instant).map(time));
    }
    if let Ok(number) = text.parse::<i64>() {
        let negative = "ids below 0 belong to pulled rows; the log has none".to_owned();
        return Some(if number >= 0 { Ok(id(number)) } else { Err(negative) });
    }
    let (name, offset) = match text.rsplit_once(':') {
        Some((name, offset)) => (name, Some(offset)),
        None => (text, None),
    };
    let name = name.parse::<LogName>().ok()?;
    Some(match offset.map(str::parse::<u64>) {
        None => Ok(file(LogPlace { file: name, offset: FIRST_OFFSET })),
        Some(Ok(offset)) if offset >= FIRST_OFFSET => Ok(file(LogPlace { file: name, offset })),
        Some(_) => Err("an offset is a whole number of bytes, at least 4".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(name: &str, number: u64, offset: u64) -> LogPlace {
        LogPlace { file: LogName { name: name.into(), number }, offset }
    }

    #[test]
    fn every_form_of_start() {
        let read = |text: &str| text.parse::<Start>();
        assert_eq!(read("earliest"), Ok(Start::Earliest));
        assert_eq!(read("latest"), Ok(Start::Latest));
        assert_eq!(read("103000012345678"), Ok(Start::Id(103_000_012_345_678)));
        assert_eq!(read("binlog.000103"), Ok(Start::File(at("binlog.000103", 103, 4))));
        assert_eq!(read("a.b.1000000:98"), Ok(Start::File(at("a.b.1000000", 1_000_000, 98))));
        assert_eq!(read("gtid:0-1-5, 1-1-7"), Ok(Start::Gtid("0-1-5,1-1-7".into())));
        assert_eq!(read("gtid:"), Ok(Start::Gtid(String::new())));
        assert_eq!(read("@1970-01-01T00:00:01"), Ok(Start::Time(1_000_000)));
    }

    #[test]
    fn every_form_of_stop() {
        let read = |text: &str| text.parse::<Stop>();
        assert_eq!(read("latest"), Ok(Stop::Latest));
        assert_eq!(read("7"), Ok(Stop::Id(7)));
        assert_eq!(read("binlog.000103:154"), Ok(Stop::File(at("binlog.000103", 103, 154))));
        assert_eq!(read("@1"), Ok(Stop::Time(1_000_000)));
        assert!(read("binlog.000103").unwrap_err().contains("FILE:POS"));
        assert!(read("earliest").is_err());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let read = |text: &str| text.parse::<Start>().unwrap_err();
        assert!(read("binlog").contains("earliest, latest"));
        assert!(read("binlog.000103:3").contains("at least 4"));
        assert!(read("binlog.000103:x").contains("at least 4"));
        assert!(read("-5").contains("pulled rows"));
        assert!(read("@tomorrow").contains("YYYY-MM-DD"));
        assert!(read("/var/lib/mysql/binlog.000103").contains("earliest, latest"));
        assert!("dir/binlog.1".parse::<LogName>().is_err());
        assert!("binlog.".parse::<LogName>().is_err());
        assert!("binlog.99999999999999999999".parse::<LogName>().is_err());
    }
}
