//! Lines with positions: what `logrules` reads. A source of lines has parts (files, partitions), and says
//! of every chunk which part it is of and where it begins there. Uses `error`, `line`. Warm: once a chunk.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value};

use super::Input;
use crate::error::Result;
use crate::line::LineReader;
use crate::ums::hash::fnv1a;

/// A source of lines. It is read on a thread of its own, so waiting is its own business.
pub trait Lines: Send {
    /// What comes next. Blocks until something does, or until the run is asked to stop, which is the end.
    ///
    /// # Errors
    /// `Data` for a line above the limit or damaged compression; `Refused` where lines are missing; the
    /// errors of input.
    fn next(&mut self) -> Result<Come>;

    /// Where it begins: every part that a position must name from the first marker on.
    fn begins(&self) -> Vec<At> {
        Vec::new()
    }

    /// Whether its parts come back: positions then go into markers, and the uids of rows are made of the
    /// part and the place in it in place of the id.
    fn is_tracked(&self) -> bool {
        false
    }
}

/// What comes from a source.
pub enum Come {
    /// Whole lines.
    Lines(Chunk),
    /// Nothing more comes from the part of that number: a record that it began is whole, and positions
    /// need not name it.
    Gone(u32),
    /// The record that the part of that number has begun is whole.
    Whole(u32),
    /// There is nothing more.
    End,
}

/// Whole lines of one part.
pub struct Chunk {
    /// Where they come from.
    pub part: Arc<Part>,
    /// The lines, each with its newline; the last one of a part may have none.
    pub bytes: Vec<u8>,
    /// The number of the first line, for messages; 0 where nobody knows.
    pub first_line: u64,
    /// Where they begin in the part, in bytes.
    pub from: u64,
    /// Where they end: at most `from` and the length of `bytes`.
    pub to: u64,
    /// Bytes taken from the source for them, packed.
    pub taken: u64,
    /// What times without a year are near to, in microseconds since 1970.
    pub near: i64,
    /// The part whose last record may go on here: a file that was rotated away.
    pub after: Option<u32>,
}

/// One file or partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Tells parts of a run apart.
    pub number: u32,
    /// For messages and markers.
    pub name: Arc<str>,
    /// Tells parts apart for ever, for uids.
    pub tag: u64,
    /// What a position says about it, next to where it is.
    pub about: Map<String, Value>,
}

/// A place in a part.
#[derive(Debug, Clone, PartialEq)]
pub struct At {
    /// The part.
    pub part: Arc<Part>,
    /// Everything before it has been read.
    pub at: u64,
    /// The last bytes before it.
    pub before: Print,
}

impl At {
    /// As a position says it.
    pub fn to_json(&self) -> Value {
        let mut about = self.part.about.clone();
        about.insert("at".into(), self.at.into());
        about.insert("before".into(), self.before.to_json());
        Value::Object(about)
    }
}

/// Where all parts of a source are, as a marker carries it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Position {
    /// The time of the last record that had one, in microseconds since 1970.
    pub time: i64,
    /// The parts, each as `At::to_json` says it; of several with one path the newest is the last.
    pub parts: Vec<Value>,
}

impl Position {
    /// As text.
    pub fn to_text(&self) -> String {
        serde_json::json!({ "time": self.time, "parts": self.parts }).to_string()
    }

    /// Reads what `to_text` gives; `None` for anything else.
    pub fn from_text(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let parts = value.get("parts")?.as_array()?.clone();
        Some(Self { time: value.get("time")?.as_i64()?, parts })
    }
}

/// How many bytes before a place are remembered, at most.
pub const BEFORE: usize = 64;

/// So many bytes, and their hash: FNV-1a, which is the same for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Print {
    /// How many bytes.
    pub length: usize,
    /// Their hash.
    pub hash: u64,
}

impl Print {
    /// Of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), hash: fnv1a(bytes) }
    }

    /// Of the last bytes of a text.
    pub fn of_end(bytes: &[u8]) -> Self {
        Self::of(bytes.get(bytes.len().saturating_sub(BEFORE)..).unwrap_or_default())
    }

    /// As a position says it.
    pub fn to_json(self) -> Value {
        Value::String(format!("{}:{:016x}", self.length, self.hash))
    }

    /// Reads what `to_json` gives.
    pub fn from_json(value: &Value) -> Option<Self> {
        let (length, hash) = value.as_str()?.split_once(':')?;
        Some(Self { length: length.parse().ok()?, hash: u64::from_str_radix(hash, 16).ok()? })
    }
}

/// Streams one after the other, each read once.
pub struct Sequence {
    waiting: std::vec::IntoIter<(Input, i64)>,
    max_line: usize,
    open: Option<Open>,
    number: u32,
}

struct Open {
    part: Arc<Part>,
    reader: LineReader<Box<dyn std::io::Read + Send>>,
    counted: Arc<AtomicU64>,
    taken: u64,
    at: u64,
    near: i64,
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequence").field("waiting", &self.waiting.len()).finish()
    }
}

impl Sequence {
    /// Streams, each with what its times without a year are near to; lines longer than `max_line` bytes
    /// are an error.
    pub fn new(inputs: Vec<(Input, i64)>, max_line: usize) -> Self {
        Self { waiting: inputs.into_iter(), max_line, open: None, number: 0 }
    }
}

impl Lines for Sequence {
    fn next(&mut self) -> Result<Come> {
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let Some((input, near)) = self.waiting.next() else { return Ok(Come::End) };
                self.number = self.number.wrapping_add(1);
                let name: Arc<str> = input.name.as_str().into();
                let part = Part { number: self.number, name, tag: 0, about: Map::new() };
                self.open.insert(Open {
                    part: Arc::new(part),
                    reader: LineReader::new(input.reader, input.name, self.max_line),
                    counted: input.taken,
                    taken: 0,
                    at: 0,
                    near,
                })
            }
        };
        let Some(lines) = open.reader.next_batch()? else {
            let number = open.part.number;
            self.open = None;
            return Ok(Come::Gone(number));
        };
        let (from, before) = (open.at, open.taken);
        open.at += lines.bytes.len() as u64;
        open.taken = open.counted.load(Ordering::Relaxed);
        Ok(Come::Lines(Chunk {
            part: Arc::clone(&open.part),
            bytes: lines.bytes,
            first_line: lines.first_line,
            from,
            to: open.at,
            taken: open.taken.saturating_sub(before),
            near: open.near,
            after: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_are_the_same_for_ever() {
        let print = Print::of(b"foobar");
        assert_eq!(print.to_json(), "6:85944171f73967e8");
        assert_eq!(Print::from_json(&print.to_json()), Some(print));
        assert_eq!(Print::of_end(&[b'x'; 100]), Print::of(&[b'x'; BEFORE]));
    }
}
