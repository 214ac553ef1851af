//! What `ums-join` does with rows: the trait of its operations, and what they share. Uses `error`,
//! `expr`, `ums`. The trait is called once a message; the operations say how hot they are.

pub mod cells;
pub mod clock;
pub mod late;
pub mod pack;
pub mod pair;
pub mod union;

use std::fmt;

use crate::error::Result;
use crate::ums::Message;
use pack::Unpack;

/// What came of input, to be written by whoever called.
#[derive(Debug, Default)]
pub struct Sent {
    /// Whole messages for the output, each with its newline.
    pub bytes: Vec<u8>,
    /// Rows in them.
    pub rows: u64,
    /// How many messages they are.
    pub messages: u64,
    /// Whole messages of rows that came too late, each with its newline.
    pub late: Vec<u8>,
    /// Rows in them.
    pub late_rows: u64,
    /// Updates and deletes of rows that the state does not have: of before the stream's start, or
    /// forgotten.
    pub unknown: u64,
    /// Rows whose time was over and that `Unmatched::Alert` speaks of.
    pub alerts: u64,
}

impl Sent {
    /// Takes a message as it came.
    pub fn pass(&mut self, line: &[u8], rows: u64) {
        self.bytes.extend_from_slice(line);
        self.bytes.push(b'\n');
        self.rows += rows;
        self.messages += 1;
    }
}

/// What is done with the rows of all inputs. The same messages and times in the same order give the
/// same bytes, so whoever orders the inputs decides everything.
pub trait Operation: Send + fmt::Debug {
    /// Takes one message that is no marker; `line` is its bytes without the newline. When it fails
    /// with `Data`, nothing of the message was taken.
    ///
    /// # Errors
    /// `Data` for a bad message, `Refused` where the operation does not fit the schema or a result
    /// cannot be held.
    fn take(&mut self, message: &Message, line: &[u8], sent: &mut Sent) -> Result<()>;

    /// Rows before `horizon` (microseconds since 1970, lateness taken off) have come; `i64::MAX` at
    /// the end of everything. Never falls.
    ///
    /// # Errors
    /// `Refused` when a result cannot be held.
    fn advance(&mut self, horizon: i64, sent: &mut Sent) -> Result<()>;

    /// What was taken since the last call is to be written; called when nothing more waits.
    ///
    /// # Errors
    /// `Unreachable` and `Refused`, never `Data`.
    fn settle(&mut self, _: &mut Sent) -> Result<()> {
        Ok(())
    }

    /// When the horizon has come here, nothing that was taken so far is held any more.
    fn reach(&self) -> i64;

    /// Appends everything that the next run needs.
    fn save(&self, state: &mut Vec<u8>);

    /// Takes back what `save` gave.
    ///
    /// # Errors
    /// `Refused` for what is no such state.
    fn load(&mut self, state: &mut Unpack) -> Result<()>;

    /// About how many bytes the state takes in memory.
    fn size(&self) -> usize;
}
