//! HOT. From lines to records: one line each, or several where a rule says which line begins one. Uses
//! `rule::{pattern, read}`.
//!
//! Where a record ends depends on the bytes alone and never on how they came: the same file gives the
//! same records in batches of any size.

use memchr::{memchr, memrchr};

use super::pattern::Test;
use super::read::{Fault, Keys, Placed};

/// How lines become records.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    several: Option<Several>,
}

#[derive(Debug, Clone)]
struct Several {
    test: Test,
    /// What a match means: a first line, or one that goes on.
    begins: bool,
    max_bytes: usize,
}

/// The keys of [lines] and what they mean.
pub const KEYS: &[(&str, &str)] = &[
    ("start", "A regular expression that is found in the first line of every record."),
    ("continue", "Or one that is found in every line that goes on with the record before."),
    (
        "max_bytes",
        "A record ends before the line with which it would have more bytes; the lines that follow are a \
         record of their own. [1048576]",
    ),
];

impl Lines {
    pub(super) fn read(keys: &Keys) -> Placed<Self> {
        let (start, more) = (keys.text("start")?, keys.text("continue")?);
        let max_bytes = keys.number("max_bytes", 1, 1 << 28)?.unwrap_or(1 << 20);
        keys.finish("[lines]")?;
        let (key, text, begins) = match (start, more) {
            (Some(text), None) => ("start", text, true),
            (None, Some(text)) => ("continue", text, false),
            _ => return Err(keys.fault("[lines] has start or continue")),
        };
        let test = Test::build(&text);
        let test = test.map_err(|text| Fault::new(keys.place(key), text))?;
        let max_bytes = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        Ok(Self { several: Some(Several { test, begins, max_bytes }) })
    }

    /// Whether a record may have more lines than have come.
    pub fn are_joined(&self) -> bool {
        self.several.is_some()
    }

    /// Calls `take` with every record of whole lines and how many lines lie before it. A record has no
    /// line end behind it; lines of white space alone are records to nobody, unless they stand inside
    /// one.
    pub fn records<'b>(&self, bytes: &'b [u8], mut take: impl FnMut(&'b [u8], u64)) {
        match &self.several {
            None => {
                let (mut rest, mut line) = (bytes, 0);
                while !rest.is_empty() {
                    let end = memchr(b'\n', rest).unwrap_or(rest.len());
                    let (text, tail) = rest.split_at(end);
                    give(text, line, &mut take);
                    rest = tail.get(1..).unwrap_or_default();
                    line += 1;
                }
            }
            Some(several) => several.cut(bytes, |from, to, line| {
                give(bytes.get(from..to).unwrap_or_default(), line, &mut take);
            }),
        }
    }

    /// How many bytes of whole lines hold whole records: what follows may go on in the next batch. All
    /// of them where each line is a record.
    pub fn whole(&self, bytes: &[u8]) -> usize {
        let Some(several) = &self.several else { return bytes.len() };
        let mut end = bytes.len();
        // From the back: the last line that begins a record is near.
        while end > 0 {
            let line_end = if bytes.get(end - 1) == Some(&b'\n') { end - 1 } else { end };
            let start = bytes.get(..line_end).and_then(|text| memrchr(b'\n', text));
            let start = start.map_or(0, |at| at + 1);
            if several.begins_record(bytes.get(start..line_end).unwrap_or_default()) {
                break;
            }
            end = start;
            if end == 0 {
                break;
            }
        }
        let last = match end {
            0 => 0,
            end => {
                bytes.get(..end - 1).and_then(|text| memrchr(b'\n', text)).map_or(0, |at| at + 1)
            }
        };
        if bytes.len() - last <= several.max_bytes {
            return last;
        }
        // So long a record is divided, always at the same lines.
        let mut cut = last;
        several.cut(bytes.get(last..).unwrap_or_default(), |from, _, _| cut = last + from);
        cut
    }
}

impl Several {
    #[inline]
    fn begins_record(&self, line: &[u8]) -> bool {
        self.test.is_match(without_return(line)) == self.begins
    }

    /// Calls `take` with where each record begins and ends, and how many lines lie before it.
    fn cut(&self, bytes: &[u8], mut take: impl FnMut(usize, usize, u64)) {
        let (mut start, mut first, mut at, mut line) = (0, 0, 0, 0);
        while at < bytes.len() {
            let rest = bytes.get(at..).unwrap_or_default();
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let text = rest.get(..length).unwrap_or_default();
            let full = at + length - start > self.max_bytes;
            if at > start && (full || self.begins_record(text)) {
                take(start, at, first);
                (start, first) = (at, line);
            }
            at += length + 1;
            line += 1;
        }
        if start < bytes.len() {
            take(start, bytes.len(), first);
        }
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[inline]
fn give<'b>(text: &'b [u8], line: u64, take: &mut impl FnMut(&'b [u8], u64)) {
    let mut text = text;
    while let [rest @ .., b'\n' | b'\r'] = text {
        text = rest;
    }
    if !text.trim_ascii_start().is_empty() {
        take(text, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn several(pattern: &str, begins: bool, max_bytes: usize) -> Lines {
        let test = Test::build(pattern).unwrap();
        Lines { several: Some(Several { test, begins, max_bytes }) }
    }

    fn records(lines: &Lines, text: &str) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        lines.records(text.as_bytes(), |record, line| {
            all.push((String::from_utf8(record.to_vec()).unwrap(), line));
        });
        all
    }

    #[test]
    fn a_line_is_a_record() {
        let found = records(&Lines::default(), "a\r\n\n \t\nb\n\n  c");
        assert_eq!(found, [("a", 0), ("b", 3), ("  c", 5)].map(|(t, l)| (t.to_owned(), l)));
    }

    #[test]
    fn several_lines_are_a_record() {
        let text = "tail of before\n2026 one\n\tat x\n\n\tat y\n2026 two\r\n2026 three\n more\n\n";
        let expected = [
            ("tail of before", 0),
            ("2026 one\n\tat x\n\n\tat y", 1),
            ("2026 two", 5),
            ("2026 three\n more", 6),
        ]
        .map(|(text, line)| (text.to_owned(), line));
        assert_eq!(records(&several(r"^\d{4} ", true, 99), text), expected);
        assert_eq!(records(&several(r"^\s|^$", false, 99), text), expected);
    }

    #[test]
    fn batches_of_any_size_give_the_same_records() {
        let mut text = String::new();
        for number in 0..60 {
            text.push_str(if number % 7 == 0 { "S" } else { " " });
            text.push_str(&"x".repeat(number % 11));
            text.push('\n');
        }
        for max_bytes in [1, 9, 30, 1000] {
            let lines = several("^S", true, max_bytes);
            let whole: Vec<_> = records(&lines, &text).into_iter().map(|(text, _)| text).collect();
            for step in 1..40 {
                // Whole lines arrive, so many at a time.
                let arrived: Vec<&str> = text.split_inclusive('\n').collect();
                let (mut held, mut found) = (String::new(), Vec::new());
                for part in arrived.chunks(step) {
                    held.push_str(&part.concat());
                    let rest = held.split_off(lines.whole(held.as_bytes()));
                    found.extend(records(&lines, &held));
                    held = rest;
                }
                found.extend(records(&lines, &held));
                let found: Vec<_> = found.into_iter().map(|(text, _)| text).collect();
                assert_eq!(found, whole, "{max_bytes} {step}");
            }
        }
    }
}
