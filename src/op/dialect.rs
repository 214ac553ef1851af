//! Streams of other systems, turned into messages and back: one file and one row each. Uses
//! `error`, `ums`.

mod canal;
mod dbus;
mod debezium;
mod maxwell;
mod reading;
mod writing;

use super::Stage;
use crate::error::{Error, Result};

/// What a reader is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    /// Before images, too.
    pub befores: bool,
    /// Whether a uid may hold a hash of the row's values where there is no position; else it counts
    /// the rows of a moment.
    pub hashes: bool,
}

/// A dialect that is read.
#[derive(Debug)]
pub struct In {
    /// Its name.
    pub name: &'static str,
    /// Makes the reader.
    pub make: fn(Wants) -> Box<dyn Stage>,
}

/// A dialect that is written.
#[derive(Debug)]
pub struct Out {
    /// Its name.
    pub name: &'static str,
    /// Makes the writer.
    pub make: fn() -> Box<dyn Stage>,
}

/// All that are read.
pub const READERS: &[In] = &[
    In { name: "canal", make: canal::reader },
    In { name: "debezium", make: debezium::reader },
    In { name: "maxwell", make: maxwell::reader },
];

/// All that are written.
pub const WRITERS: &[Out] = &[
    Out { name: "canal", make: canal::writer },
    Out { name: "dbus", make: dbus::writer },
    Out { name: "debezium", make: debezium::writer },
    Out { name: "maxwell", make: maxwell::writer },
];

/// Finds a dialect that is read.
///
/// # Errors
/// `Usage` with the names of those there are.
pub fn reader(name: &str) -> Result<&'static In> {
    let found = READERS.iter().find(|dialect| dialect.name == name);
    found.ok_or_else(|| unknown(READERS.iter().map(|dialect| dialect.name)))
}

/// Finds a dialect that is written.
///
/// # Errors
/// `Usage` with the names of those there are.
pub fn writer(name: &str) -> Result<&'static Out> {
    let found = WRITERS.iter().find(|dialect| dialect.name == name);
    found.ok_or_else(|| unknown(WRITERS.iter().map(|dialect| dialect.name)))
}

fn unknown(names: impl Iterator<Item = &'static str>) -> Error {
    Error::usage(format!("the dialects are {}", names.collect::<Vec<_>>().join(", ")))
}
