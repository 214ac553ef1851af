//! The position that travels in the stream, and as a checkpoint. Uses `error` and `ums`. Not hot.

use super::decode::Message;
use super::model::Dialect;
use crate::error::Result;

/// "Every row of this source with an id below mine was written before me."
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// Namespace part 1, e.g. `mysql`.
    pub kind: String,
    /// Namespace part 2, the source's name.
    pub source: String,
    /// Ids below this one were written.
    pub id: i64,
    /// `YYYY-MM-DD HH:MM:SS.ffffff`, UTC.
    pub ts: String,
    /// The log file to resume from.
    pub file: String,
    /// The byte offset to resume from; before the first event of every transaction not yet ended.
    pub pos: u64,
    /// The GTID set executed before `pos`, in the server's own spelling; empty when it has none.
    pub gtid: String,
    /// The server's uuid (MySQL) or `server_id` text; empty when not known.
    pub server: String,
    /// Added to the file's number in ids.
    pub base: u64,
}

impl Marker {
    /// Appends the marker's message with its newline.
    pub fn write(&self, _dialect: Dialect, _out: &mut Vec<u8>) {
        todo!()
    }
    /// Reads a heartbeat message that is a marker; `None` when it is another heartbeat.
    pub fn read(_message: &Message) -> Result<Option<Self>> {
        todo!()
    }
}
