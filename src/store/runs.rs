//! An ordered map of bytes that is larger than memory: sorted runs of entries on disk, the newer ones
//! before the older ones. Uses `error`. HOT in `get` and `scan` once something is on disk.
//!
//! A run is written once, in order, and never changed; a newer entry of a key, or one that says that
//! it is gone, hides older ones. So a list of runs is a state of one moment that costs nothing to
//! keep: what is kept names its runs, and the next moment shares those that did not change. Runs of
//! about one size are merged, so there are few of them and each entry is written a few times only.
//!
//! Entries end: each says until when it counts, and what is over is left out when the oldest runs are
//! merged, or with its whole run. That is cheaper than to take rows of old windows away one by one.

mod filter;
mod merge;
mod run;
mod write;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use run::Run;

pub use merge::Scan;
pub use write::RunWriter;

/// Runs of one size before they are merged.
const SAME_SIZE: usize = 4;
/// Bytes of the smallest size; the next ones are four times as large each.
const SMALLEST: u64 = 1 << 20;

/// What to do where a state cannot be written into its folder.
pub const IN_A_FOLDER: &str =
    "make room there, or give more --memory; started again, the run goes on from the last state";

/// Where runs are written.
#[derive(Debug, Clone)]
pub enum Place {
    /// Files without a name in this folder: they are gone with the process, however it ends.
    Nameless(PathBuf),
    /// `NUMBER.run` in this folder. Whoever keeps lists of runs removes those that no list names.
    Named(PathBuf),
}

impl Place {
    fn folder(&self) -> &Path {
        match self {
            Self::Nameless(folder) | Self::Named(folder) => folder,
        }
    }

    /// Whether files can be made here, before there is anything to put into them.
    ///
    /// # Errors
    /// `Unreachable`.
    pub fn probe(&self) -> Result<()> {
        tempfile::tempfile_in(self.folder()).map(drop).map_err(|error| self.failed(error))
    }

    /// A failure to write or read here.
    fn failed(&self, error: std::io::Error) -> Error {
        let advice = match self {
            Self::Nameless(_) => "choose a folder with room by --spill-dir, or give more --memory",
            Self::Named(_) => IN_A_FOLDER,
        };
        let folder = self.folder().display();
        Error::unreachable(format!("{folder}: a file of the state failed: {error}"))
            .caused_by(error)
            .advise(advice)
    }
}

/// The file of a named run.
pub fn run_file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.run"))
}

/// The number of a named run, from the name of its file.
pub fn run_number(name: &str) -> Option<u64> {
    name.strip_suffix(".run")?.parse().ok()
}

/// The map.
#[derive(Debug)]
pub struct Runs {
    place: Place,
    /// Oldest first.
    runs: Vec<Arc<Run>>,
    next: u64,
    expired: i64,
}

impl Runs {
    /// An empty map.
    pub fn new(place: Place) -> Self {
        Self { place, runs: Vec::new(), next: 1, expired: i64::MIN }
    }

    /// The map that these runs are, oldest first: what `numbers` gave. In a folder of names.
    ///
    /// # Errors
    /// `Refused` for a run that is missing or damaged.
    pub fn open(folder: &Path, numbers: &[u64]) -> Result<Self> {
        let mut all = Self::new(Place::Named(folder.to_owned()));
        for number in numbers {
            let path = run_file(folder, *number);
            let file = File::open(&path).map_err(|error| {
                Error::refused(format!(
                    "{}: cannot read a part of the state: {error}",
                    path.display()
                ))
                .advise("give another folder, or remove this one and start the inputs anew")
            })?;
            let run = Run::open(file, &all.place, *number)?;
            run.seal();
            all.runs.push(Arc::new(run));
            all.next = all.next.max(number.saturating_add(1));
        }
        Ok(all)
    }

    /// Numbers of new runs are above this one.
    pub fn number_above(&mut self, number: u64) {
        self.next = self.next.max(number.saturating_add(1));
    }

    /// Whether nothing is on disk.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Bytes of memory that the runs take: where their blocks are, and their filters.
    pub fn memory(&self) -> usize {
        self.runs.iter().map(|run| run.memory()).sum()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// `Unreachable` for a file that cannot be read, `Refused` for a damaged one.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.find(key)?.map(|(value, _)| value))
    }

    /// The value of a key as `read` understands it.
    ///
    /// # Errors
    /// As `get`; `Refused` with the name of the file for a value that `read` does not understand, whatever
    /// kind its error is of.
    pub fn read<T>(&self, key: &[u8], read: impl FnOnce(&[u8]) -> Result<T>) -> Result<Option<T>> {
        let Some((value, run)) = self.find(key)? else { return Ok(None) };
        let damaged = |error| run::damaged(&self.place, run.number()).caused_by(error);
        read(&value).map(Some).map_err(damaged)
    }

    /// The value of a key, and where it is.
    fn find(&self, key: &[u8]) -> Result<Option<(Vec<u8>, &Run)>> {
        let hash = filter::hash(key);
        for run in self.runs.iter().rev() {
            if run.may_have(hash)
                && let Some(value) = run.get(key, &self.place)?
            {
                return Ok(value.map(|value| (value, &**run)));
            }
        }
        Ok(None)
    }

    /// The entries from one key on up to before another, in order. `probe` is the beginning of the keys
    /// that was given when they were written; runs that have none with it are passed over.
    ///
    /// # Errors
    /// As `get`.
    pub fn scan(&self, probe: Option<&[u8]>, from: &[u8], to: &[u8]) -> Result<Scan> {
        let hash = probe.map(filter::hash);
        let wanted = |run: &&Arc<Run>| hash.is_none_or(|hash| run.may_have(hash));
        let runs = self.runs.iter().rev().filter(wanted).cloned().collect();
        Scan::new(runs, from, Some(to), &self.place)
    }

    /// A run of at most so many entries, to be filled in order and then added.
    ///
    /// # Errors
    /// `Unreachable` where no file can be made.
    pub fn begin(&mut self, entries: usize) -> Result<RunWriter> {
        let failed = |error| self.place.failed(error);
        let file = match &self.place {
            Place::Nameless(folder) => tempfile::tempfile_in(folder).map_err(failed)?,
            Place::Named(folder) => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create_new(true);
                options.open(run_file(folder, self.next)).map_err(failed)?
            }
        };
        let number = self.next;
        self.next += 1;
        Ok(RunWriter::new(file, entries, self.place.clone(), number))
    }

    /// Adds a run, which hides what older ones say of its keys, and merges those of one size.
    ///
    /// # Errors
    /// `Unreachable` where a file cannot be written.
    pub fn add(&mut self, run: RunWriter) -> Result<()> {
        let run = Arc::new(run.finish()?);
        if run.entries() == 0 {
            run.remove(&self.place);
            return Ok(());
        }
        self.runs.push(run);
        while let Some(first) = self.alike() {
            self.merge(first)?;
        }
        Ok(())
    }

    /// The first of the newest runs that are of one size, when there are enough of them.
    fn alike(&self) -> Option<usize> {
        let level = |run: &Run| (run.bytes().max(SMALLEST) / SMALLEST).ilog(SAME_SIZE as u64);
        let newest = level(self.runs.last()?);
        let count = self.runs.iter().rev().take_while(|run| level(run) <= newest).count();
        (count >= SAME_SIZE).then(|| self.runs.len() - count)
    }

    fn merge(&mut self, first: usize) -> Result<()> {
        let parts: Vec<Arc<Run>> = self.runs.iter().skip(first).cloned().collect();
        let entries = parts.iter().map(|run| run.entries()).sum();
        let mut merged = self.begin(entries)?;
        let mut all = Scan::new(parts.iter().rev().cloned().collect(), &[], None, &self.place)?;
        while let Some(entry) = all.next_of_any_kind()? {
            // What stands in front of nothing hides nothing.
            let over = entry.value.is_none() || entry.until <= self.expired;
            if first > 0 || !over {
                merged.put(entry.key, entry.probe, entry.until, entry.value)?;
            }
        }
        let merged = merged.finish()?;
        self.runs.truncate(first);
        if merged.entries() > 0 {
            self.runs.push(Arc::new(merged));
        } else {
            merged.remove(&self.place);
        }
        for part in parts {
            part.remove(&self.place);
        }
        Ok(())
    }

    /// Entries up to this are over. They may be found all the same.
    pub fn expire(&mut self, expired: i64) {
        self.expired = self.expired.max(expired);
        while let Some(oldest) = self.runs.first()
            && oldest.until() <= self.expired
        {
            self.runs.remove(0).remove(&self.place);
        }
    }

    /// Makes all runs durable and gives their numbers, oldest first. From here on they are removed by
    /// whoever keeps the numbers.
    ///
    /// # Errors
    /// `Unreachable` where a file cannot be synced.
    pub fn seal(&mut self) -> Result<Vec<u64>> {
        for run in &self.runs {
            run.sync().map_err(|error| self.place.failed(error))?;
            run.seal();
        }
        Ok(self.runs.iter().map(|run| run.number()).collect())
    }
}

#[cfg(test)]
mod tests;
