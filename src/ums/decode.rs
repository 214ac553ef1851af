//! HOT. Bytes to a lazy message: spans first, a schema parsed once for equal bytes, tuples split
//! only when somebody asks for a cell. Uses `error` and `ums`.

use std::borrow::Cow;
use std::sync::Arc;

use super::model::{Protocol, Schema, SystemColumns};
use crate::error::Result;

/// Reads messages; keeps the parsed schemas of the bytes it has met.
#[derive(Default)]
pub struct Decoder {}

/// A schema as read, with what a reader asks of it again and again.
#[derive(Debug)]
pub struct Header {
    /// The schema.
    pub schema: Schema,
    /// Where its system columns are.
    pub system: SystemColumns,
}

/// One message over its line's bytes.
pub struct Message<'a> {
    /// `protocol.type`.
    pub protocol: Protocol,
    /// The schema; the same `Arc` for equal bytes, so sinks may compare pointers.
    pub header: Arc<Header>,
    /// The bytes between the brackets of `payload`.
    pub payload: &'a [u8],
}

impl Decoder {
    /// Reads one line (without its newline).
    pub fn decode<'a>(&mut self, _line: &'a [u8]) -> Result<Message<'a>> {
        todo!()
    }
}

impl<'a> Message<'a> {
    /// The rows in order.
    pub fn rows(&self) -> Rows<'a> {
        todo!()
    }
}

/// Iterator over the rows of a message.
pub struct Rows<'a> {
    #[allow(dead_code)]
    rest: &'a [u8],
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<Row<'a>>;
    fn next(&mut self) -> Option<Self::Item> {
        todo!()
    }
}

/// One tuple, not split yet.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The bytes between the tuple's brackets.
    pub bytes: &'a [u8],
}

impl<'a> Row<'a> {
    /// Splits into cells; an error unless there are exactly `fields` of them. `cells` is reused.
    pub fn split(&self, _fields: usize, _cells: &mut Vec<Cell<'a>>) -> Result<()> {
        todo!()
    }
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

impl<'a> Cell<'a> {
    /// The text of the value; `None` for NULL.
    pub fn text(&self) -> Result<Option<Cow<'a, str>>> {
        todo!()
    }
}
