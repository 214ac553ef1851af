//! HOT. A run of whole events of one log file, the unit that travels between threads. Uses
//! `mysql::event`.

use std::sync::Arc;

use super::event::{Event, HEADER_LEN, Header};

/// The name of a log file, without folder and compression suffix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    /// Such as `binlog.000103`.
    pub name: String,
    /// The digits behind the last dot, as a number; 0 when there are none.
    pub number: u64,
}

impl LogName {
    /// Takes the number from the name. Numbers are compared as numbers: after `.999999` comes
    /// `.1000000`.
    pub fn new(name: &str) -> Self {
        let number = name
            .rsplit_once('.')
            .map(|(_, digits)| digits)
            .filter(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0);
        Self { name: name.to_owned(), number }
    }

    /// The name before its number, such as `binlog`.
    pub fn base(&self) -> &str {
        match self.name.rsplit_once('.') {
            Some((base, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => base,
            _ => &self.name,
        }
    }
}

/// Where an event stands in a chunk and in its file.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    /// First byte in the chunk.
    pub start: usize,
    /// One behind the last byte of the body; the checksum is left out.
    pub end: usize,
    /// Where it starts in its file.
    pub offset: u64,
    /// Its bytes in the file, checksum included; 0 when it stands in no file.
    pub len: u64,
}

/// Whole events, back to back.
#[derive(Debug)]
pub struct Chunk {
    /// The file they stand in.
    pub log: Arc<LogName>,
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// The events in log order. Every span lies in `bytes` and holds at least a header.
    pub spans: Vec<Span>,
}

impl Chunk {
    /// An empty chunk.
    pub fn new(log: Arc<LogName>) -> Self {
        Self { log, bytes: Vec::new(), spans: Vec::new() }
    }

    /// The event at a position of `spans`.
    #[inline]
    pub fn event(&self, index: usize) -> Option<Event<'_>> {
        let span = self.spans.get(index)?;
        let bytes = self.bytes.get(span.start..span.end)?;
        let header = Header::parse(bytes)?;
        Some(Event { header, body: bytes.get(HEADER_LEN..)?, offset: span.offset, len: span.len })
    }

    /// Appends a copy of an event.
    pub fn push(&mut self, bytes: &[u8], offset: u64, len: u64) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.spans.push(Span { start, end: self.bytes.len(), offset, len });
    }

    /// Appends all events of a chunk of the same file.
    pub fn append(&mut self, other: &Chunk) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.spans.extend(other.spans.iter().map(|span| Span {
            start: span.start + shift,
            end: span.end + shift,
            ..*span
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_numbers_are_numbers() {
        assert_eq!(LogName::new("binlog.000103").number, 103);
        assert_eq!(LogName::new("a.b-bin.1000000").number, 1_000_000);
        assert_eq!(LogName::new("json.binlog").number, 0);
        assert_eq!(LogName::new("a.b-bin.1000000").base(), "a.b-bin");
    }
}
