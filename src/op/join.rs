//! What `ums-join` does with rows: the trait of its operations, and what they share. Uses `error`,
//! `expr`, `store`, `ums`. The trait is called once a message; the operations say how hot they are.

pub mod cells;
pub mod clock;
pub mod late;
pub mod pack;
pub mod pair;
pub mod row;
pub mod shelf;
pub mod union;

use std::fmt;

use crate::error::{Error, Kind, Result};
use crate::store::runs::Runs;
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

/// Bytes of results after which they are handed on.
const FULL: usize = 8 << 20;

impl Sent {
    /// Whether there is so much that it should be written before more comes.
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

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
    /// the end of everything. Never falls. True when there is more to write than fits into `sent`: it
    /// is called again with the same horizon, and with nothing in between, when that has been written.
    ///
    /// # Errors
    /// `Refused` when a result cannot be held, `Unreachable` for those of the disk.
    fn advance(&mut self, horizon: i64, sent: &mut Sent) -> Result<bool>;

    /// What was taken since the last call is to be written; called when nothing more waits.
    ///
    /// # Errors
    /// `Unreachable` and `Refused`, never `Data`.
    fn settle(&mut self, _: &mut Sent) -> Result<()> {
        Ok(())
    }

    /// When the horizon has come here, nothing that was taken so far is held any more.
    fn reach(&self) -> i64;

    /// Where to put what does not fit into so many bytes of memory, and what `save` keeps. Called
    /// once, before anything else, with the runs that an earlier `save` filled, or none.
    fn lodge(&mut self, _: Runs, _memory: usize) {}

    /// What `lodge` gave.
    fn disk(&mut self) -> Option<&mut Runs> {
        None
    }

    /// Appends what the next run needs beside the runs, into which everything else goes.
    ///
    /// # Errors
    /// Those of the disk.
    fn save(&mut self, state: &mut Vec<u8>) -> Result<()>;

    /// Takes back what `save` gave.
    ///
    /// # Errors
    /// `Refused` for what is no such state.
    fn load(&mut self, state: &mut Unpack) -> Result<()>;
}

/// For what fails behind the reading of a message: the state is half changed, or damaged, and it is no
/// fault of the line that anybody could leave out.
#[cold]
pub fn of_state(error: Error) -> Error {
    match error.kind() {
        Kind::Data => Error::refused(format!("the state cannot be used: {error}"))
            .advise("give another folder, or remove this one and start the inputs anew"),
        _ => error,
    }
}

/// The state cannot be made smaller.
#[cold]
pub fn too_large(bytes: usize) -> Error {
    let size = bytes >> 10;
    Error::refused(format!(
        "what must be in memory of the state takes {size} KiB, more than --memory"
    ))
    .advise("raise it, or shorten --keep, --lateness, --within or the windows")
}

/// Keeps the state of one operation in this folder and gives it to the next one.
#[cfg(test)]
pub fn hand_over(from: &mut dyn Operation, to: &mut dyn Operation, folder: &std::path::Path) {
    let mut state = Vec::new();
    from.save(&mut state).unwrap();
    let runs = from.disk().unwrap().seal().unwrap();
    to.lodge(Runs::open(folder, &runs).unwrap(), usize::MAX);
    to.load(&mut Unpack::new(&state)).unwrap();
}

/// A place for the state of an operation that may take so many bytes of memory.
#[cfg(test)]
pub fn lodge(operation: &mut dyn Operation, folder: &std::path::Path, memory: usize) {
    use crate::store::runs::Place;
    operation.lodge(Runs::new(Place::Named(folder.to_owned())), memory);
}
