//! HOT. Messages to bytes without an intermediate tree. Uses `ums`.

use super::model::{Dialect, Protocol, Schema};

/// Builds one message: the head once, then rows. After `finish_into` it is empty and can be used
/// again with the same head.
pub struct MessageWriter {
    head: Vec<u8>,
    body: Vec<u8>,
    rows: usize,
}

impl MessageWriter {
    /// Renders the head (`protocol`, `schema`, up to `"payload":[`).
    pub fn new(_protocol: Protocol, _schema: &Schema, _dialect: Dialect) -> Self {
        todo!()
    }
    /// Starts a row and gives the buffer to append its JSON cells to, separated by commas;
    /// the caller writes the cells and the commas between them.
    pub fn begin_row(&mut self) -> &mut Vec<u8> {
        todo!()
    }
    /// Ends the row.
    pub fn end_row(&mut self) {
        todo!()
    }
    /// Takes back the row that `begin_row` started.
    pub fn abandon_row(&mut self) {
        todo!()
    }
    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// Bytes the message would have.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
    /// Whether no row was written.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
    /// Appends the whole line with its newline to `out` and empties the body; nothing when empty.
    pub fn finish_into(&mut self, _out: &mut Vec<u8>) {
        todo!()
    }
    /// Writes the whole line with its newline to `out` and empties the body; nothing when empty.
    pub fn finish(&mut self, _out: &mut dyn std::io::Write) -> std::io::Result<()> {
        todo!()
    }
}

/// The JSON of a schema object, as `MessageWriter` writes it.
pub fn schema_json(_schema: &Schema, _dialect: Dialect, _out: &mut Vec<u8>) {
    todo!()
}
