//! HOT. Newline framing in batches, with line numbers and a limit. Uses `error`.
//!
//! A fill calls `read` once: what one read gave is handed on, so that a line is delivered as soon
//! as it came, and a busy stream is delivered in big batches all the same.

pub mod output;
mod repair;

use std::io::{ErrorKind, Read};

use memchr::{memchr, memchr_iter};

use crate::error::{Error, Result};

/// The longest line by default: a row of 40 MB fits even when each of its bytes needs a six-byte
/// escape (240 MB), and Base64 (53 MB) by far. A line is held in memory as a whole.
pub const DEFAULT_MAX_LINE: usize = 256 << 20;

/// Room offered to one read. Pipes give 64 KiB at most; files fill it.
const FILL: usize = 256 << 10;

/// Whole lines, one after the other, each with its newline (the last one of a stream may have
/// none).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The number of the first line, counted from 1.
    pub first_line: u64,
}

impl Lines {
    /// The lines that hold anything but white space, with their numbers, without their newlines.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes, next_line: self.first_line }
    }
}

impl<'a> IntoIterator for &'a Lines {
    type Item = (u64, &'a [u8]);
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Iterator over the lines of a batch.
#[derive(Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
    next_line: u64,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (line, rest) = match memchr(b'\n', self.rest) {
                Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
                None => (self.rest, &[][..]),
            };
            let number = self.next_line;
            self.rest = rest;
            self.next_line += 1;
            if !line.trim_ascii_start().is_empty() {
                return Some((number, line));
            }
        }
        None
    }
}

/// Cuts a stream of bytes into batches of whole lines.
pub struct LineReader<R> {
    input: R,
    /// For messages: `stdin` or a path.
    name: String,
    max_line: usize,
    /// The begun line that the last read ended in.
    begun: Vec<u8>,
    /// Room that was used before.
    spare: Vec<u8>,
    next_line: u64,
    ended: bool,
}

impl<R: Read> LineReader<R> {
    /// Reads from `input`; `name` stands in messages; lines longer than `max_line` bytes (without
    /// the newline) are an error.
    pub fn new(input: R, name: impl Into<String>, max_line: usize) -> Self {
        let name = name.into();
        Self {
            input,
            name,
            max_line,
            begun: Vec::new(),
            spare: Vec::new(),
            next_line: 1,
            ended: false,
        }
    }

    /// The next lines; `None` at the end. Blocks until at least one line is whole.
    ///
    /// # Errors
    /// `Data` for a line above the limit, `Unreachable` when a read fails.
    pub fn next_batch(&mut self) -> Result<Option<Lines>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.spare);
        // Up to here there is no newline.
        let mut searched = self.begun.len();
        if bytes.len() < searched + FILL {
            bytes.resize(searched + FILL, 0);
        }
        if let Some(front) = bytes.get_mut(..searched) {
            front.copy_from_slice(&self.begun);
        }
        self.begun.clear();
        loop {
            let read = self.read(&mut bytes, searched)?;
            let filled = searched + read;
            if read == 0 {
                self.ended = true;
                self.check(filled, 0)?;
                bytes.truncate(filled);
                return if bytes.is_empty() { Ok(None) } else { Ok(Some(self.batch(bytes, 1))) };
            }
            if let Some((lines, whole)) = self.whole_lines(&bytes, searched, filled)? {
                self.begun.extend_from_slice(bytes.get(whole..filled).unwrap_or_default());
                bytes.truncate(whole);
                return Ok(Some(self.batch(bytes, lines)));
            }
            searched = filled;
            if bytes.len() - searched < FILL {
                // Doubling, so that a long line is copied a bounded number of times.
                bytes.resize(bytes.len().saturating_mul(2), 0);
            }
        }
    }

    /// Takes back the room of lines that nobody needs any more; that of a long line goes.
    pub fn reuse(&mut self, bytes: Vec<u8>) {
        if bytes.capacity() <= 4 * FILL {
            self.spare = bytes;
        }
    }

    /// Counts the lines that end in `bytes[searched..filled]` and finds the end of the last one.
    fn whole_lines(
        &self,
        bytes: &[u8],
        searched: usize,
        filled: usize,
    ) -> Result<Option<(u64, usize)>> {
        let mut start = 0;
        let mut lines = 0;
        for at in memchr_iter(b'\n', bytes.get(searched..filled).unwrap_or_default()) {
            let end = searched + at;
            if end - start > self.max_line && lines > 0 {
                // What came before it is given first.
                return Ok(Some((lines, start)));
            }
            self.check(end - start, lines)?;
            start = end + 1;
            lines += 1;
        }
        if lines == 0 {
            self.check(filled, 0)?;
        }
        Ok((lines > 0).then_some((lines, start)))
    }

    fn check(&self, length: usize, lines_before: u64) -> Result<()> {
        if length <= self.max_line {
            return Ok(());
        }
        let (name, line) = (&self.name, self.next_line + lines_before);
        Err(Error::data(format!("{name}:{line}: line is longer than {} bytes", self.max_line))
            .advise("raise --max-line if it is meant to be"))
    }

    fn batch(&mut self, bytes: Vec<u8>, lines: u64) -> Lines {
        let first_line = self.next_line;
        self.next_line += lines;
        Lines { bytes, first_line }
    }

    fn read(&mut self, bytes: &mut [u8], from: usize) -> Result<usize> {
        let room = bytes.get_mut(from..).unwrap_or_default();
        loop {
            match self.input.read(room) {
                Ok(read) => return Ok(read.min(room.len())),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(&self.name, error)),
            }
        }
    }
}

/// A decoder that meets damage says so without a number of the system: the input is bad, and a
/// restart does not help.
fn read_error(name: &str, error: std::io::Error) -> Error {
    // A source that knows better has said it in full.
    let error = match error.downcast::<Error>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    if error.raw_os_error().is_some() {
        return Error::io(format_args!("{name}: cannot read"), error);
    }
    Error::data(format!("{name}: the compressed data is damaged or cut off: {error}"))
        .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    /// Gives one piece at each read.
    struct Pieces(Vec<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            let Some(piece) = self.0.first_mut() else { return Ok(0) };
            let length = piece.len().min(room.len());
            room[..length].copy_from_slice(&piece[..length]);
            piece.drain(..length);
            if piece.is_empty() {
                self.0.remove(0);
            }
            Ok(length)
        }
    }

    fn reader(pieces: &[&str]) -> LineReader<Pieces> {
        let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect();
        LineReader::new(Pieces(pieces), "t", 10)
    }

    fn batches(pieces: &[&str]) -> Vec<(u64, String)> {
        let mut reader = reader(pieces);
        let mut found = Vec::new();
        while let Some(lines) = reader.next_batch().unwrap() {
            found.push((lines.first_line, String::from_utf8(lines.bytes).unwrap()));
        }
        found
    }

    #[test]
    fn what_one_read_gave_is_delivered_at_once() {
        let found = batches(&["a\n", "b\nc\nd", "d\n", "e"]);
        let expected = [(1, "a\n"), (2, "b\nc\n"), (4, "dd\n"), (5, "e")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn empty_lines_count_and_are_skipped_and_nul_is_a_byte() {
        let lines = Lines { bytes: b"\n \r\na\0b\r\n\nc".to_vec(), first_line: 7 };
        let found: Vec<_> = lines.iter().collect();
        assert_eq!(found, [(9, &b"a\0b\r"[..]), (11, &b"c"[..])]);
    }

    #[test]
    fn a_line_above_the_limit_is_named_wherever_reads_end() {
        for pieces in
            [&["ok\n01234567890\n"][..], &["ok\n0123456", "7890\n"], &["ok\n", "01234567890"]]
        {
            let mut reader = reader(pieces);
            let error = loop {
                match reader.next_batch() {
                    Ok(lines) => assert!(lines.is_some()),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), Kind::Data);
            assert!(error.to_string().starts_with("t:2: "), "{error}");
        }
        assert_eq!(batches(&["0123456789\n"]).len(), 1);
    }

    #[test]
    fn lines_before_one_above_the_limit_are_given() {
        for tail in ["", "\n", "\nmore\n", "\nmore"] {
            let text = format!("a\nb\n01234567890{tail}");
            let mut reader = reader(&[&text]);
            let lines = reader.next_batch().unwrap().unwrap();
            assert_eq!((lines.first_line, lines.bytes.as_slice()), (1, &b"a\nb\n"[..]));
            let error = reader.next_batch().unwrap_err().to_string();
            assert!(error.starts_with("t:3: "), "{tail:?}: {error}");
        }
    }

    #[test]
    fn room_that_is_used_again_holds_nothing_of_before() {
        let text = ["a".repeat(9) + "\n", "b\n".into(), "cc".into(), "c\nd".into(), "\ne".into()];
        let mut reader = reader(&text.each_ref().map(String::as_str));
        let mut found = Vec::new();
        while let Some(lines) = reader.next_batch().unwrap() {
            found.extend_from_slice(&lines.bytes);
            reader.reuse(lines.bytes);
        }
        assert_eq!(found, text.concat().as_bytes());
    }

    #[test]
    fn long_lines_survive_growth() {
        let mut text = vec![b'x'; 3 << 20];
        text.push(b'\n');
        text.extend_from_slice(b"y\n");
        let mut reader = LineReader::new(&text[..], "t", 4 << 20);
        let mut all = Vec::new();
        while let Some(lines) = reader.next_batch().unwrap() {
            all.extend(lines.bytes);
        }
        assert!(all == text);
    }
}
