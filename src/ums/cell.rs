//! HOT. One tuple, and its cells on demand. Uses `error` and `ums`.

use std::borrow::Cow;

use super::cursor::{escape, expected, is_space, scalar_length, unescape};
use super::scan::Marks;
use crate::error::{Error, Result};

/// One tuple, not split yet.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The bytes between the tuple's brackets.
    pub bytes: &'a [u8],
    /// The whole line: checked once to be UTF-8, so that cells need no check of their own.
    pub(super) line: &'a str,
    /// Where the bytes start and end in the line.
    pub(super) start: usize,
    pub(super) end: usize,
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
    /// The tuple whose inside is `line[start..end]`, which a decoder has checked before: no string
    /// in it is left open and none holds a control character. So a tuple may be kept, as its text
    /// with a `]` behind it, and split later.
    #[inline]
    pub fn new(line: &'a str, start: usize, end: usize) -> Option<Self> {
        Some(Self { bytes: line.as_bytes().get(start..end)?, line, start, end })
    }

    /// The text between the tuple's brackets.
    #[inline]
    pub fn text(&self) -> &'a str {
        self.line.get(self.start..self.end).unwrap_or_default()
    }

    /// Splits into cells; an error unless there are exactly `fields` of them. `cells` is reused.
    pub fn split(&self, fields: usize, cells: &mut Vec<Cell<'a>>) -> Result<()> {
        self.split_some::<true>(fields, cells)
    }

    /// Splits off the first `count` cells; an error when there are fewer. What follows is not looked
    /// at. `cells` is reused.
    pub fn split_front(&self, count: usize, cells: &mut Vec<Cell<'a>>) -> Result<()> {
        if count == 0 {
            cells.clear();
            return Ok(());
        }
        self.split_some::<false>(count, cells)
    }

    #[inline(always)]
    fn split_some<const ALL: bool>(&self, fields: usize, cells: &mut Vec<Cell<'a>>) -> Result<()> {
        cells.clear();
        cells.reserve(fields);
        // Reading on behind the tuple is cheaper than stopping a block exactly at its end.
        let line = self.line.as_bytes();
        let mut marks = Marks::new(line, self.start);
        let mut at = skip_space(line, self.start);
        if at >= self.end {
            return if fields == 0 { Ok(()) } else { Err(self.miscounted(0, fields)) };
        }
        loop {
            let cell;
            if line.get(at) == Some(&b'"') {
                // The first mark is the opening quote.
                let start = at + 1;
                marks.next();
                let stop = marks.next().unwrap_or(line.len());
                if line.get(stop) == Some(&b'"') {
                    cell = Cell::Plain(self.line.get(start..stop).unwrap_or_default());
                    at = stop + 1;
                } else {
                    (cell, at) = self.escaped(start, stop)?;
                    marks = Marks::new(line, at);
                }
            } else {
                let rest = line.get(at..).unwrap_or_default();
                let token = scalar_length(rest)
                    .and_then(|length| rest.get(..length))
                    .ok_or_else(|| expected(at, "a cell: a string, number, true, false or null"))?;
                cell = if token == b"null" { Cell::Null } else { Cell::Bare(token) };
                at += token.len();
            }
            if cells.len() == fields {
                return Err(self.miscounted(fields + 1, fields));
            }
            cells.push(cell);
            if !ALL && cells.len() == fields {
                return Ok(());
            }
            at = skip_space(line, at);
            if at >= self.end {
                break;
            }
            if line.get(at) != Some(&b',') {
                return Err(expected(at, "',' or ']' behind a cell"));
            }
            at = skip_space(line, at + 1);
        }
        if cells.len() == fields { Ok(()) } else { Err(self.miscounted(cells.len(), fields)) }
    }

    /// A string from `start` whose first backslash is at `stop`, and where it ends, the quote
    /// included. Its escapes are checked.
    #[cold]
    fn escaped(&self, start: usize, stop: usize) -> Result<(Cell<'a>, usize)> {
        let line = self.line.as_bytes();
        let mut at = stop;
        while line.get(at) == Some(&b'\\') {
            at += escape(line.get(at..).unwrap_or_default(), at)?.1;
            let rest = line.get(at..).unwrap_or_default();
            at += memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        }
        match line.get(start..at) {
            Some(inner) if at < self.end => Ok((Cell::Escaped(inner), at + 1)),
            _ => Err(expected(self.end, "the end of a string")),
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
            self.start
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Splits a tuple that starts at byte 100 of its line; more of the line follows.
    fn split(text: &str, fields: usize) -> Result<Vec<Cell<'static>>> {
        let line: &str = Box::leak(format!("{:100}{text}]}},{{\"x\":\"\"}}", "").into_boxed_str());
        let mut cells = Vec::new();
        let row = Row::new(line, 100, 100 + text.len()).unwrap();
        row.split(fields, &mut cells).map(|()| cells)
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
        ] {
            let error = split(text, 2).unwrap_err().to_string();
            assert!(error.starts_with(&format!("byte {byte} of")), "{text}: {error}");
        }
    }
}
