//! A folder whose successor is ready, and what readers see that only list names. Uses `error`,
//! `columnar` and `store`. Not hot.
//!
//! Such a reader (DuckDB over `**/*.parquet`, Spark, pyarrow) reads the names in a folder, then looks
//! into the folders it has found, and opens the files in the end. An exchange may come between any
//! two of these steps. What is certain without doing anything: a replaced file that was listed and is
//! opened after the exchange is not there, and the query ends with an error. What could go wrong in
//! silence is a listing with the old folders' names that looks into them after the exchange, finds
//! nothing there, and has never heard of the new folder. So an exchange is announced, for longer than
//! a listing takes, by two things in the folder at hand:
//!
//! * the **new folder, empty**: a listing before the exchange has its name, too, and finds the merged
//!   file if it looks into it after the exchange;
//! * the **witness**, a Parquet file without rows beside those folders. A listing that looked into the
//!   new folder before the exchange, and into an old one after it, has read the witness's name before
//!   both; the witness is gone with the exchange, and the query ends with an error.
//!
//! So a query over `**` sees every row once or fails and can be run again. A pattern of fixed depth
//! does not list the witness.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Compacted;
use crate::columnar::Source;
use crate::error::Result;
use crate::store::{Rearranger, Snapshot};

/// What the witness's name begins with.
pub(super) const WITNESS: &str = "rearranging";

/// A folder that is about to be exchanged.
pub(super) struct Announced {
    merged: Compacted,
    snapshot: Snapshot,
    replaced: HashSet<String>,
    signs: Signs,
    due: Instant,
}

/// What stands in the folder to announce it.
#[derive(Default)]
struct Signs {
    witness: Option<String>,
    folders: Vec<String>,
}

impl Announced {
    /// Announces the exchange of a folder: `replaced` are files of `snapshot`, `folders` get the new
    /// files, and the witness has the `columns` of a file.
    pub fn announce(
        rearranger: &mut Rearranger,
        merged: Compacted,
        snapshot: Snapshot,
        replaced: HashSet<String>,
        folders: Vec<String>,
        columns: Option<Source>,
        warning: Duration,
    ) -> Result<Self> {
        let mut signs = Signs::default();
        if let Err(error) = signs.put(rearranger, &merged.folder, folders, columns) {
            signs.remove(rearranger);
            return Err(error);
        }
        Ok(Self { merged, snapshot, replaced, signs, due: Instant::now() + warning })
    }

    /// Whether it has been announced for long enough.
    pub fn is_due(&self) -> bool {
        self.due <= Instant::now()
    }

    /// Exchanges the folder, at the earliest when it is due.
    pub fn exchange(self, rearranger: &Rearranger) -> Result<Compacted> {
        std::thread::sleep(self.due.saturating_duration_since(Instant::now()));
        let replaced = self.replaced.iter().map(String::as_str).collect();
        let folder = &self.merged.folder;
        if let Err(error) = rearranger.exchange(folder, &self.snapshot, &replaced, WITNESS) {
            self.withdraw(rearranger);
            return Err(error);
        }
        Ok(self.merged)
    }

    /// Leaves the folder as it is.
    pub fn withdraw(self, rearranger: &Rearranger) {
        self.signs.remove(rearranger);
    }
}

impl Signs {
    fn put(
        &mut self,
        rearranger: &mut Rearranger,
        folder: &str,
        folders: Vec<String>,
        columns: Option<Source>,
    ) -> Result<()> {
        for path in folders {
            if rearranger.make_folder(&path)? {
                self.folders.push(path);
            }
        }
        if let Some(columns) = columns {
            // Never the name of another one before it: who has read that one's must not find this.
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let (nanoseconds, process) = (since.as_nanos(), std::process::id());
            let path = format!("{folder}/{WITNESS}-{nanoseconds}-{process}.parquet");
            rearranger.add(&path, |draft| columns.empty(draft))?;
            self.witness = Some(path);
        }
        Ok(())
    }

    /// The first error is the one to tell; what is left goes with the next exchange.
    fn remove(&self, rearranger: &Rearranger) {
        if let Some(witness) = &self.witness {
            let _ = rearranger.remove(witness);
        }
        self.folders.iter().for_each(|path| rearranger.remove_folder(path));
    }
}
