//! HOT. One tuple, and its cells on demand. Uses `error` and `ums`.

use std::borrow::Cow;

use super::cursor::{escape, expected, is_space, scalar_length, unescape};
use crate::error::{Error, Result};

/// One tuple, not split yet.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The bytes between the tuple's brackets.
    pub bytes: &'a [u8],
    /// The same as text: checked once for the whole line, so that cells need no check of their own.
    text: &'a str,
    /// Where they start in the line, for errors.
    at: usize,
}

/// One cell, still as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// `null`.
    Null,
    /// A bare number, `true` or `false`, as written.
    Bare(&'a [u8]),
    /// A string without escapes: the bytes between the quotes are its text.
    Plain(&'a str),
    /// A string with escapes, as written between the quotes.
    Escaped(&'a [u8]),
}

impl<'a> Row<'a> {
    /// The decoder has checked that control characters stand outside of strings only.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self { bytes: text.as_bytes(), text, at }
    }

    /// Splits into cells; an error unless there are exactly `fields` of them. `cells` is reused.
    pub fn split(&self, fields: usize, cells: &mut Vec<Cell<'a>>) -> Result<()> {
        cells.clear();
        cells.reserve(fields);
        let bytes = self.text.as_bytes();
        let mut at = skip_space(bytes, 0);
        if at == bytes.len() {
            return if fields == 0 { Ok(()) } else { Err(self.miscounted(0, fields)) };
        }
        loop {
            let (cell, end) = self.cell(bytes, at)?;
            if cells.len() == fields {
                return Err(self.miscounted(fields + 1, fields));
            }
            cells.push(cell);
            at = skip_space(bytes, end);
            match bytes.get(at) {
                Some(b',') => at = skip_space(bytes, at + 1),
                None if cells.len() == fields => return Ok(()),
                None => return Err(self.miscounted(cells.len(), fields)),
                Some(_) => return Err(expected(self.at + at, "',' or ']' behind a cell")),
            }
        }
    }

    /// The cell at `at` and where it ends.
    #[inline]
    fn cell(&self, bytes: &'a [u8], at: usize) -> Result<(Cell<'a>, usize)> {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.first() == Some(&b'"') {
            let start = at + 1;
            let stop = start + string_run(bytes, start);
            return match bytes.get(stop) {
                Some(b'"') => {
                    Ok((Cell::Plain(self.text.get(start..stop).unwrap_or_default()), stop + 1))
                }
                _ => self.escaped(bytes, start, stop),
            };
        }
        match scalar_length(rest) {
            Some(length) => {
                let token = rest.get(..length).unwrap_or_default();
                let cell = if token == b"null" { Cell::Null } else { Cell::Bare(token) };
                Ok((cell, at + length))
            }
            None => Err(expected(self.at + at, "a cell: a string, number, true, false or null")),
        }
    }

    /// A string from `start` whose first backslash is at `stop`; its escapes are checked.
    #[cold]
    fn escaped(&self, bytes: &'a [u8], start: usize, stop: usize) -> Result<(Cell<'a>, usize)> {
        let mut at = stop;
        loop {
            match bytes.get(at) {
                Some(b'\\') => {
                    at += escape(bytes.get(at..).unwrap_or_default(), self.at + at)?.1;
                    at += string_run(bytes, at);
                }
                Some(_) => {
                    let inner = bytes.get(start..at).unwrap_or_default();
                    return Ok((Cell::Escaped(inner), at + 1));
                }
                None => return Err(expected(self.at + at, "the end of a string")),
            }
        }
    }

    #[cold]
    fn miscounted(&self, cells: usize, fields: usize) -> Error {
        let cells = match cells > fields {
            true => format!("more than {fields} cells"),
            false => format!("{cells} cells instead of {fields}"),
        };
        Error::data(format!(
            "byte {} of the line: the tuple has {cells}, one for each field of the schema",
            self.at
        ))
    }
}

impl<'a> Cell<'a> {
    /// The text of the value; `None` for NULL.
    pub fn text(&self) -> Result<Option<Cow<'a, str>>> {
        let utf8 = |bytes: &'a [u8]| {
            std::str::from_utf8(bytes).map_err(|_| Error::data("a cell that is not UTF-8"))
        };
        Ok(match *self {
            Self::Null => None,
            Self::Plain(text) => Some(Cow::Borrowed(text)),
            Self::Bare(token) => Some(Cow::Borrowed(utf8(token)?)),
            Self::Escaped(inner) => {
                let text = unescape(utf8(inner)?, 0).map_err(|error| error.at("inside a cell"))?;
                Some(Cow::Owned(text))
            }
        })
    }

    /// Appends the cell's JSON exactly as it was read.
    #[inline]
    pub fn push_json(&self, out: &mut Vec<u8>) {
        let inner = match self {
            Self::Null => return out.extend_from_slice(b"null"),
            Self::Bare(token) => return out.extend_from_slice(token),
            Self::Plain(text) => text.as_bytes(),
            Self::Escaped(inner) => inner,
        };
        out.push(b'"');
        out.extend_from_slice(inner);
        out.push(b'"');
    }
}

/// The offset of the first byte at or after `at` that is no white space.
#[inline(always)]
fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
        at += 1;
    }
    at
}

/// How many bytes from `at` on are neither `"` nor `\`.
#[inline(always)]
fn string_run(bytes: &[u8], at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let rest = bytes.get(at..).unwrap_or_default();
    let mut run = 0;
    while let Some(chunk) = rest.get(run..).and_then(|rest| rest.first_chunk::<8>()) {
        // A lane that is zero after the exclusive or borrows from its top bit; the lowest lane
        // found is exact, and bytes of 0x80 and above are masked out.
        let word = u64::from_le_bytes(*chunk);
        let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
        let lanes = (quote | backslash) & !word & TOPS;
        if lanes != 0 {
            return run + lanes.trailing_zeros() as usize / 8;
        }
        run += 8;
    }
    let tail = rest.get(run..).unwrap_or_default();
    run + tail.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(tail.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, fields: usize) -> Result<Vec<Cell<'_>>> {
        let mut cells = Vec::new();
        Row::new(text, 100).split(fields, &mut cells).map(|()| cells)
    }

    #[test]
    fn cells_as_written() {
        let text = r#" "a" ,null, -1.5e3 ,true,"","é\n\ud83e\udd80 \"x\" and more" "#;
        let cells = split(text, 6).unwrap();
        assert_eq!(
            cells,
            [
                Cell::Plain("a"),
                Cell::Null,
                Cell::Bare(b"-1.5e3"),
                Cell::Bare(b"true"),
                Cell::Plain(""),
                Cell::Escaped(r#"é\n\ud83e\udd80 \"x\" and more"#.as_bytes()),
            ]
        );
        let texts: Vec<_> =
            cells.iter().map(|cell| cell.text().unwrap().map(Cow::into_owned)).collect();
        assert_eq!(texts[5].as_deref(), Some("é\n🦀 \"x\" and more"));
        assert_eq!(texts[1], None);
        let mut out = Vec::new();
        cells.iter().for_each(|cell| cell.push_json(&mut out));
        let written = text.replace(" ,", "").replace(',', "");
        assert_eq!(String::from_utf8(out).unwrap(), written.replace(" -", "-").trim());
    }

    #[test]
    fn the_number_of_cells_must_fit() {
        assert_eq!(split("", 0).unwrap(), []);
        assert_eq!(split(" ", 0).unwrap(), []);
        for (text, fields, why) in [
            ("", 1, "0 cells instead of 1"),
            ("1", 2, "1 cells instead of 2"),
            ("1,2,3", 2, "more than 2 cells"),
            ("1", 0, "more than 0 cells"),
        ] {
            let error = split(text, fields).unwrap_err().to_string();
            assert!(error.contains(why) && error.starts_with("byte 100 "), "{error}");
        }
    }

    #[test]
    fn wrong_cells_name_the_byte() {
        for (text, byte) in [
            ("1,", 102),
            (",1", 100),
            ("1 2", 102),
            ("\"a\"b", 103),
            ("01", 100),
            ("nulL", 100),
            ("\"ab\\x\"", 103),
            ("\"\\ud800x\"", 101),
            ("\"ab", 103),
        ] {
            let error = split(text, 2).unwrap_err().to_string();
            assert!(error.starts_with(&format!("byte {byte} of")), "{text}: {error}");
        }
    }
}
