//! MySQL's GTID sets: `uuid:1-5:7,uuid:tag:1-3`. Uses `error`. Warm.

use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Error, Result};

/// Numbers of one source and tag as half-open ranges, sorted, none touching the next.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    fn add(&mut self, start: u64, end: u64) {
        if start >= end {
            return;
        }
        match self.0.last_mut() {
            // The next number of the last range: what happens at every transaction.
            Some(last) if last.1 == start => {
                last.1 = end;
                return;
            }
            Some(last) if last.1 > start => {}
            _ => {
                self.0.push((start, end));
                return;
            }
        }
        // All ranges that touch the new one melt into it.
        let from = self.0.partition_point(|range| range.1 < start);
        let to = self.0.partition_point(|range| range.0 <= end);
        let touched = self.0.get(from..to).unwrap_or_default();
        let start = touched.first().map_or(start, |range| range.0.min(start));
        let end = touched.last().map_or(end, |range| range.1.max(end));
        self.0.splice(from..to, [(start, end)]);
    }

    fn contains(&self, start: u64, end: u64) -> bool {
        let at = self.0.partition_point(|range| range.1 < end);
        self.0.get(at).is_some_and(|range| range.0 <= start && end <= range.1)
    }

    fn subtract(&mut self, start: u64, end: u64) {
        let cut = |&(from, to): &(u64, u64)| [(from, to.min(start)), (from.max(end), to)];
        self.0 = self.0.iter().flat_map(cut).filter(|range| range.0 < range.1).collect();
    }
}

/// A set of transactions, by source uuid and tag (the empty one for none).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MySqlSet {
    sources: BTreeMap<[u8; 16], BTreeMap<String, Intervals>>,
}

impl MySqlSet {
    /// Reads the text of `@@gtid_executed`.
    pub fn parse(text: &str) -> Result<Self> {
        let mut set = Self::default();
        for source in text.split(',').map(str::trim).filter(|source| !source.is_empty()) {
            set.parse_source(source).ok_or_else(|| {
                Error::data(format!("{source:?} is not a MySQL GTID set"))
                    .advise("its form is UUID:1-5:7 or UUID:tag:1-5, parted by commas")
            })?;
        }
        Ok(set)
    }

    fn parse_source(&mut self, text: &str) -> Option<()> {
        let mut parts = text.split(':').map(str::trim);
        let sid = parse_uuid(parts.next()?)?;
        let mut tag = "";
        let mut tag_holder;
        let mut empty = true;
        for part in parts {
            if part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
                tag_holder = part.to_ascii_lowercase();
                tag = is_tag(&tag_holder).then_some(tag_holder.as_str())?;
                continue;
            }
            let (start, end) = match part.split_once('-') {
                Some((start, end)) => (number(start)?, number(end)?),
                None => (number(part)?, number(part)?),
            };
            if start == 0 || end < start {
                return None;
            }
            self.add_range(sid, tag, start, end.checked_add(1)?);
            empty = false;
        }
        (!empty).then_some(())
    }

    /// Adds one transaction; no allocation for the next number of a known source.
    pub fn add(&mut self, sid: [u8; 16], tag: &str, gno: u64) {
        if gno > 0 {
            self.add_range(sid, tag, gno, gno.saturating_add(1));
        }
    }

    /// Adds the transactions `start..end`.
    pub fn add_range(&mut self, sid: [u8; 16], tag: &str, start: u64, end: u64) {
        let tags = self.sources.entry(sid).or_default();
        if let Some(intervals) = tags.get_mut(tag) {
            intervals.add(start, end);
        } else {
            tags.entry(tag.to_owned()).or_default().add(start, end);
        }
    }

    /// Whether one transaction is in it.
    pub fn has(&self, sid: &[u8; 16], tag: &str, gno: u64) -> bool {
        self.covers(sid, tag, gno, gno.saturating_add(1))
    }

    fn covers(&self, sid: &[u8; 16], tag: &str, start: u64, end: u64) -> bool {
        let intervals = self.sources.get(sid).and_then(|tags| tags.get(tag));
        intervals.is_some_and(|intervals| intervals.contains(start, end))
    }

    /// Whether it holds no transaction.
    pub fn is_empty(&self) -> bool {
        self.ranges().next().is_none()
    }

    /// Whether every transaction of `other` is in it.
    pub fn contains(&self, other: &Self) -> bool {
        other.ranges().all(|(sid, tag, start, end)| self.covers(sid, tag, start, end))
    }

    /// Adds every transaction of `other`.
    pub fn union(&mut self, other: &Self) {
        for (sid, tag, start, end) in other.ranges() {
            self.add_range(*sid, tag, start, end);
        }
    }

    /// Takes every transaction of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        for (sid, tag, start, end) in other.ranges() {
            let intervals = self.sources.get_mut(sid).and_then(|tags| tags.get_mut(tag));
            if let Some(intervals) = intervals {
                intervals.subtract(start, end);
            }
        }
        for tags in self.sources.values_mut() {
            tags.retain(|_, intervals| !intervals.0.is_empty());
        }
        self.sources.retain(|_, tags| !tags.is_empty());
    }

    /// Source, tag and half-open range of everything in it.
    pub fn ranges(&self) -> impl Iterator<Item = (&[u8; 16], &str, u64, u64)> {
        self.sources.iter().flat_map(|(sid, tags)| {
            tags.iter().flat_map(move |(tag, intervals)| {
                intervals.0.iter().map(move |&(start, end)| (sid, tag.as_str(), start, end))
            })
        })
    }
}

/// As `@@gtid_executed` writes it, without its line ends: a position is one line.
impl fmt::Display for MySqlSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (sid, tags) in &self.sources {
            f.write_str(separator)?;
            separator = ",";
            write_uuid(f, sid)?;
            for (tag, intervals) in tags {
                if !tag.is_empty() {
                    write!(f, ":{tag}")?;
                }
                for &(start, end) in &intervals.0 {
                    let last = end.saturating_sub(1);
                    write!(f, ":{start}")?;
                    if last > start {
                        write!(f, "-{last}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn write_uuid(f: &mut fmt::Formatter<'_>, sid: &[u8; 16]) -> fmt::Result {
    for (at, byte) in sid.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            f.write_str("-")?;
        }
        write!(f, "{byte:02x}")?;
    }
    Ok(())
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    // The servers' numbers are signed 64-bit and positive.
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse::<i64>().ok())?
        .map(i64::unsigned_abs)
}

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, any case.
fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let mut sid = [0u8; 16];
    let dashes = text.len() == 36
        && text.bytes().enumerate().all(|(at, b)| matches!(at, 8 | 13 | 18 | 23) == (b == b'-'));
    if !dashes {
        return None;
    }
    let mut digits = text.chars().filter(|c| *c != '-').map(|c| c.to_digit(16));
    for byte in &mut sid {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(sid)
}

/// A tag: a letter or `_`, then letters, digits or `_`, 32 at most, lower case.
pub(super) fn is_tag(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
