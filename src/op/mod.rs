//! Operators: what happens to a message between a source and a sink, one file each. Uses `expr`,
//! `lookup`, `ums`. No input or output.

pub mod dialect;
pub mod filter;
pub mod gather;
pub mod join;
pub mod lookup;
pub mod mask;
pub mod show;
pub mod window;

use crate::error::Result;

/// A step that turns lines into other lines.
pub trait Stage: Send {
    /// Appends what a line (without its newline) becomes, each line with a newline; nothing when it
    /// fails.
    ///
    /// # Errors
    /// `Data` for a line that is bad, `Refused` for one that can never be turned.
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()>;

    /// Appends what was held back; called when no more input waits, and at the end.
    fn pause(&mut self, _out: &mut Vec<u8>) {}
}
