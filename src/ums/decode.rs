//! HOT. Bytes to a lazy message: spans first, a schema parsed once for equal bytes, tuples split
//! only when somebody asks for a cell. Uses `error` and `ums`.
//!
//! A line is checked as a whole before anything of it is given out: UTF-8, brackets, quotes, every
//! row a tuple. What is inside a tuple is checked when it is split.

use std::sync::Arc;

pub use super::cell::{Cell, Row};
use super::cursor::{Cursor, expected};
use super::header::{once, protocol, schema};
use super::model::{Protocol, Schema, SystemColumns};
use crate::error::{Error, Result};

/// Schemas kept; a stream has about as many as it has tables.
const MAX_SCHEMAS: usize = 256;
/// What we write in front of the cells of a row.
const ROW_OPEN: &[u8] = b"{\"tuple\":[";

/// Reads messages; keeps the parsed schemas of the bytes it has met.
#[derive(Default)]
pub struct Decoder {
    /// The bytes of schema objects and what they mean, the one used last in front.
    schemas: Vec<(Box<[u8]>, Arc<Header>)>,
    /// Rows of the message before: room for the next.
    rows: usize,
}

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
    /// The schema; the same `Arc` for equal bytes as long as the decoder remembers them, so sinks
    /// may keep one and ask `Arc::ptr_eq` before they compare.
    pub header: Arc<Header>,
    /// The bytes between the brackets of `payload`.
    pub payload: &'a [u8],
    text: &'a str,
    rows: Vec<Span>,
    commas: Commas,
}

/// How many commas outside of strings the tuples of a message have.
#[derive(Default, Clone, Copy)]
enum Commas {
    /// There are no tuples.
    #[default]
    None,
    /// All have as many.
    Even(u32),
    /// Some have more than others.
    Odd,
}

impl Commas {
    fn and(self, commas: u32) -> Self {
        match self {
            Self::None => Self::Even(commas),
            Self::Even(before) if before == commas => self,
            _ => Self::Odd,
        }
    }
}

/// Start and end of a tuple's inside in the line.
type Span = (usize, usize);

impl Decoder {
    /// Reads one line (without its newline). An error names the byte of the line, from 0.
    pub fn decode<'a>(&mut self, line: &'a [u8]) -> Result<Message<'a>> {
        let text = std::str::from_utf8(line)
            .map_err(|error| expected(error.valid_up_to(), "UTF-8 text"))?;
        let mut cursor = Cursor::new(text);
        let (mut kind, mut header, mut payload) = (None, None, None);
        let mut rows = Vec::with_capacity(self.rows.min(line.len() / ROW_OPEN.len()));
        let mut commas = Commas::None;
        cursor.object("a message", |cursor, key| {
            let at = cursor.at();
            match key {
                "protocol" => once(&mut kind, at, key, protocol(cursor)?),
                "schema" => once(&mut header, at, key, self.header(cursor)?),
                "payload" => {
                    commas = tuples(cursor, &mut rows)?;
                    let inside = cursor.since(at + 1);
                    once(&mut payload, at, key, inside.get(..inside.len().saturating_sub(1)))
                }
                _ => cursor.skip_value(),
            }
        })?;
        if cursor.peek().is_some() {
            return Err(cursor.expected("nothing behind the message; one message a line"));
        }
        let missing = |what: &str| expected(text.len(), &format!("'{what}' in the message"));
        let protocol = kind.ok_or_else(|| missing("protocol"))?;
        let header = header.ok_or_else(|| missing("schema"))?;
        if payload.is_none() && protocol.is_data() {
            return Err(missing("payload"));
        }
        let payload = payload.flatten().unwrap_or_default().as_bytes();
        self.rows = rows.len();
        Ok(Message { protocol, header, payload, text, rows, commas })
    }

    /// The schema at the cursor: by its bytes if they are known, else parsed and remembered.
    fn header(&mut self, cursor: &mut Cursor) -> Result<Arc<Header>> {
        // The bytes of a whole object can only be followed by what comes behind the object.
        if let Some(known) = self.schemas.iter().position(|(raw, _)| cursor.take_exactly(raw)) {
            if let Some(recent) = self.schemas.get_mut(..=known) {
                recent.rotate_right(1);
            }
        } else {
            let start = cursor.at();
            let schema = schema(cursor)?;
            let system = schema.system();
            let raw = cursor.since(start).as_bytes().into();
            self.schemas.truncate(MAX_SCHEMAS - 1);
            self.schemas.insert(0, (raw, Arc::new(Header { schema, system })));
        }
        let newest = self.schemas.first().map(|(_, header)| header.clone());
        newest.ok_or_else(|| cursor.expected("a schema"))
    }
}

/// Reads the `payload` array: the spans of its tuples, and how many commas they have.
fn tuples(cursor: &mut Cursor, rows: &mut Vec<Span>) -> Result<Commas> {
    rows.clear();
    let mut commas = Commas::None;
    cursor.array("'payload'", |cursor| {
        let row = *cursor;
        // The way we write it ourselves, else any way.
        let mut span = None;
        if cursor.take_exactly(ROW_OPEN) {
            span = Some(tuple(cursor)?);
        }
        if span.is_none() || !cursor.take_exactly(b"}") {
            *cursor = row;
            span = None;
            cursor.object("a row", |cursor, key| {
                if key != "tuple" {
                    return cursor.skip_value();
                }
                let at = cursor.at();
                if !cursor.take(b'[') {
                    return Err(cursor.expected("'tuple' as an array"));
                }
                once(&mut span, at, key, tuple(cursor)?)
            })?;
        }
        let (span, inside) = span.ok_or_else(|| expected(row.at(), "'tuple' in every row"))?;
        rows.push(span);
        commas = commas.and(inside);
        Ok(())
    })?;
    Ok(commas)
}

/// From behind the opening bracket of a tuple to behind the closing one; and its commas.
#[inline]
fn tuple(cursor: &mut Cursor) -> Result<(Span, u32)> {
    let start = cursor.at();
    let (bracket, commas) = cursor.find_bracket()?;
    if bracket != b']' {
        return Err(cursor.expected("cells that are neither arrays nor objects"));
    }
    let end = cursor.at();
    cursor.take(b']');
    Ok(((start, end), commas))
}

impl<'a> Message<'a> {
    /// The rows in order.
    pub fn rows(&self) -> Rows<'_, 'a> {
        Rows { text: self.text, spans: self.rows.iter() }
    }

    /// Fails unless every row has as many cells as the schema has fields, for whoever hands rows on without
    /// splitting them. What is in the cells is not looked at.
    ///
    /// # Errors
    /// `Data`, as of the row that is split.
    #[inline]
    pub fn check_width(&self) -> Result<()> {
        let fields = self.header.schema.fields.len();
        match self.commas {
            Commas::None => Ok(()),
            // No comma is none or one cell.
            Commas::Even(commas) if commas > 0 && commas as usize + 1 == fields => Ok(()),
            _ => self.split_all(fields),
        }
    }

    #[cold]
    fn split_all(&self, fields: usize) -> Result<()> {
        let mut cells = Vec::new();
        for (index, row) in self.rows().enumerate() {
            let place = |error: Error| error.at(format_args!("row {} of the message", index + 1));
            row?.split(fields, &mut cells).map_err(place)?;
        }
        Ok(())
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.rows.len()
    }
}

/// Iterator over the rows of a message.
pub struct Rows<'m, 'a> {
    text: &'a str,
    spans: std::slice::Iter<'m, Span>,
}

impl<'a> Iterator for Rows<'_, 'a> {
    type Item = Result<Row<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (start, end) = *self.spans.next()?;
        Some(Row::new(self.text, start, end).ok_or_else(|| expected(start, "a tuple")))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.spans.size_hint()
    }
}

impl ExactSizeIterator for Rows<'_, '_> {}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"m.s.d.t.0.0.0","fields":[{"name":"a","type":"int"}]},"#;

    fn line(table: &str, payload: &str) -> String {
        HEAD.replace(".t.", &format!(".{table}.")) + "\"payload\":[" + payload + "]}"
    }

    fn rows(text: &str) -> Result<Vec<String>> {
        let mut decoder = Decoder::default();
        let message = decoder.decode(text.as_bytes())?;
        message.rows().map(|row| Ok(String::from_utf8_lossy(row?.bytes).into_owned())).collect()
    }

    #[test]
    fn rows_in_every_spelling() {
        let payload = r#" {"tuple":[1]},{"tuple":["]}\\"] } , { "x" : [{"tuple":[]}], "tuple" : [ null ],"y":0},{"tuple":[],"z":{}}"#;
        let found = rows(&line("t", payload)).unwrap();
        assert_eq!(found, ["1", r#""]}\\""#, " null ", ""]);
        let mut decoder = Decoder::default();
        let text = line("t", payload);
        let message = decoder.decode(text.as_bytes()).unwrap();
        assert_eq!(message.payload, payload.as_bytes());
        assert_eq!((message.row_count(), message.rows().len()), (4, 4));
        assert_eq!(rows(&line("t", "")).unwrap().len(), 0);
    }

    #[test]
    fn equal_bytes_share_a_schema() {
        let mut decoder = Decoder::default();
        let mut first = decoder.decode(line("t", "").as_bytes()).unwrap().header;
        for table in 0..2 * MAX_SCHEMAS {
            let other = line(&format!("t{table}"), "");
            let header = decoder.decode(other.as_bytes()).unwrap().header;
            assert_eq!(header.schema.namespace.parts[3], format!("t{table}"));
            let again = decoder.decode(line("t", "").as_bytes()).unwrap().header;
            assert!(Arc::ptr_eq(&first, &again));
            first = again;
        }
        assert_eq!(decoder.schemas.len(), MAX_SCHEMAS);
    }

    #[test]
    fn every_line_gets_its_own_schema() {
        let mut decoder = Decoder::default();
        for step in 0..2000usize {
            // Near and far back among those remembered, and some forgotten.
            let table = format!("t{}", step * step % 307 % (1 + step % 400));
            let text = line(&table, "");
            let header = decoder.decode(text.as_bytes()).unwrap().header;
            assert_eq!(header.schema.namespace.parts[3], table);
        }
    }

    #[test]
    fn wrong_lines_say_where_and_what() {
        let at = HEAD.len();
        for (text, why) in [
            (String::new(), "byte 0 of the line: expected a message as an object".into()),
            (HEAD.to_owned() + "}", format!("byte {at} of the line: expected a key in quotes")),
            (HEAD.trim_end_matches(',').to_owned() + "}", "'payload' in the message".into()),
            (r#"{"payload":[]}"#.into(), "'protocol' in the message".into()),
            (
                line("t", r#"{"tuple":[[1]]}"#),
                format!("byte {} of the line: expected cells", at + 21),
            ),
            (line("t", r#"{"tuple":[1}]"#), "cells that are neither".into()),
            (
                line("t", "{\"tuple\":[\"\u{1}\"]}"),
                format!("byte {} of the line: expected control", at + 22),
            ),
            (line("t", r#"{"tuple":["]}"#), "the ']' of the tuple from".into()),
            (line("t", r#"{"tuples":[]}"#), "'tuple' in every row".into()),
            (line("t", r#"{"tuple":[],"tuple":[]}"#), "'tuple' only once".into()),
            (line("t", r#"{"tuple":1}"#), "'tuple' as an array".into()),
            (line("t", "1"), "a row as an object".into()),
            (line("t", "") + "{}", "one message a line".into()),
            (line("t", "").replace("]}", "],\"payload\":[]}"), "'payload' only once".into()),
        ] {
            let error = rows(&text).unwrap_err().to_string();
            assert!(error.contains(&why), "{text}: {error}");
        }
        let error = Decoder::default().decode(b"{\"a\":\"\xff\"}").err().unwrap();
        assert_eq!(error.to_string(), "byte 6 of the line: expected UTF-8 text");
    }

    #[test]
    fn keys_written_with_escapes_are_the_same_keys() {
        let text = line("t", r#"{"\u0074uple":[7]}"#).replace("payload", "payl\\u006fad");
        assert_eq!(rows(&text).unwrap(), ["7"]);
    }
}
