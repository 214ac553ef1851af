//! The sinks: the trait, and the table with one row a sink. Uses `ums` and the layer below. Not hot.
//!
//! To add a sink: one file here with `pub const SPEC: Spec`, one `pub mod` line and one row in
//! `ALL`. Help, manual pages, unknown-scheme errors and `--check` follow from the table.

mod claim;
pub mod mysql;
pub mod reject;
mod sql;
pub mod stream;
pub mod sweep;
pub mod target;
mod wanted;

#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use crate::error::{Error, Result};
use crate::ums::{Marker, Message, Termination};
use crate::url::{Opt, Url};

pub use reject::Rejects;
pub use sweep::{Ended, check_sweep};
pub use target::{Delete, Mode, OnTruncate, Options, Target};

/// Every sink of this build.
pub const ALL: &[&Spec] = &[
    &stream::STANDARD,
    &stream::FILE,
    &mysql::SPEC,
    #[cfg(feature = "postgres")]
    &postgres::SPEC,
    #[cfg(feature = "sqlite")]
    &sqlite::SPEC,
    #[cfg(feature = "parquet")]
    &parquet::SPEC,
];

/// What became of a message's rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows taken over (an older row that loses against a newer one counts as taken).
    pub rows: u64,
}

/// A destination. `write` accepts; `flush` makes everything accepted so far durable.
pub trait Sink: Send {
    /// Accepts one message, `line` being its bytes without the newline. Markers come here too,
    /// in stream order, so that a sink that is a stream can pass them on.
    fn write(&mut self, message: &Message, line: &[u8]) -> Result<Written>;

    /// Makes everything accepted durable; true when it is (a pipe or a terminal never is).
    /// `markers` holds the newest marker of each source before this point (one stream may carry
    /// several sources), kept by sinks that store the position beside the rows, in the same
    /// transaction.
    fn flush(&mut self, markers: &[Marker]) -> Result<bool>;

    /// Applies the notice that a table of the source lost its rows (see [`Options::applies`]), which
    /// `write` has been given as a message before; false when it was not applied, for which the run
    /// has a warning. Sinks that keep every change, or pass lines on, have nothing to apply.
    fn end_rows(&mut self, _: &Termination) -> Result<bool> {
        Ok(false)
    }

    /// The end of a table's pull, which `write` has been given as a message before: with
    /// [`Options::sweep`], rows go that the source has no more. Sinks that keep every change, or pass
    /// lines on, have nothing to do.
    fn end_batch(&mut self, _: &Message) -> Result<Ended> {
        Ok(Ended::Kept)
    }

    /// When to flush this one, where its address said so; else the table's row does.
    fn rhythm(&self) -> Option<Flush> {
        None
    }
}

/// When the flow calls `flush`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flush {
    /// Whenever nothing waits, and at every marker.
    Cheap,
    /// Every flush costs a file or a commit: after so many rows or bytes, or this age.
    Costly {
        /// Rows since the last flush.
        rows: u64,
        /// Bytes of messages since the last flush.
        bytes: u64,
        /// Seconds since the oldest unflushed row.
        seconds: u64,
    },
}

/// Reads the positions that a sink keeps.
pub type ReadPositions = fn(&Target) -> Result<Vec<Marker>>;

/// One sink as data.
pub struct Spec {
    /// The address's scheme, e.g. `sqlite`.
    pub scheme: &'static str,
    /// How its address is written, e.g. `sqlite:PATH`.
    pub form: &'static str,
    /// One line for help and manual pages.
    pub summary: &'static str,
    /// The query keys of its address.
    pub options: &'static [Opt],
    /// When to flush.
    pub flush: Flush,
    /// Whether rows can be removed that a pull of the whole table did not bring.
    pub sweeps: bool,
    /// An address that works on any machine.
    pub example: &'static str,
    /// Opens it for writing; creates what is missing.
    pub open: fn(&Target) -> Result<Box<dyn Sink>>,
    /// Tests it without changing anything; the text says what was found.
    pub probe: fn(&Target) -> Result<String>,
    /// What a message would do: statements or file names, one entry each, never a cell value.
    /// Changes nothing. Equal entries are shown once.
    pub plan: fn(&Target, &Message) -> Result<Vec<String>>,
    /// The positions that the sink keeps beside its rows, read without changing anything;
    /// `None` for sinks that keep none.
    pub positions: Option<ReadPositions>,
}

/// The sink of an address, its query keys checked.
pub fn find(url: &Url) -> Result<&'static Spec> {
    let Some(spec) = ALL.iter().find(|spec| spec.scheme == url.scheme()) else {
        let known: Vec<_> = ALL.iter().map(|spec| spec.form).collect();
        return Err(Error::usage(format!(
            "{url}: this build has no sink {}; it has {} (a path with a colon: write file:PATH)",
            url.scheme(),
            known.join(", ")
        )));
    };
    url.check_options(spec.options)?;
    Ok(spec)
}

/// For probes of what does not exist yet: whether the folder of `path` is there and writable.
pub(crate) fn probe_folder(path: &std::path::Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => std::path::Path::new("."),
    };
    let name = folder.display();
    let found = folder.metadata().map_err(|error| {
        Error::io(format_args!("{name}"), error).advise("create the folder first")
    })?;
    if !found.is_dir() {
        return Err(Error::usage(format!("{name}: is not a folder")));
    }
    tempfile::tempfile_in(folder)
        .map(drop)
        .map_err(|error| Error::io(format_args!("{name}: cannot write there"), error))
}
