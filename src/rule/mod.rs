//! Rules that turn records of a log into rows: their file, their operators, and the engine that runs
//! them. Uses `error` and `ums`; no input or output, no clock. The files on a record's way say HOT.
//!
//! A record becomes one row with one cell, its text. The groups of each table are tried in order; a
//! group is a list of operators, each from rows to rows, and ends with `saveAs`, which names and
//! types the columns. See logrules.5.

pub mod cases;
pub mod cells;
pub mod column;
pub mod engine;
pub mod file;
pub mod grok;
pub mod ids;
pub mod import;
mod json;
pub mod lines;
mod number;
pub mod op;
mod pattern;
mod read;
mod scope;
pub mod time;
mod wrap;

pub use cells::{Cell, Row, Work};
pub use column::Column;
pub use engine::{Counts, Engine, Made, MadeRow, Report, Watch};
pub use file::{Format, Rules};
