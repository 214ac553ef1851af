//! A Parquet log back into messages. Uses everything but `cli`. Warm: once a row group and once a
//! chunk; hot are `scan`, `order`, `write` and the loops of `pick`.
//!
//! ```text
//! names ──> files ──> row groups in the order of their least ids
//!                        │
//!       as of, history:  ├─> scan::keys ──> keyed ──> pick ──> which rows
//!                        │                                        │
//!                        └─> scan::rows <─────────────────────────┘
//!                               └─> order ──> write ──> messages
//! ```
//!
//! Questions about keys read the keys alone first, remember 32 bytes a row (on disk where memory is
//! full), and then read the other columns of only those rows that are the answer. So no step needs
//! memory for the whole table, and what is not given is not decoded.

pub mod files;
mod keyed;
mod order;
mod ordered;
mod pick;
mod scan;
mod sorted;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::error::{Error, Kind, Result};
use crate::flow::stats::Counters;
use crate::line::output::Output;
use crate::sink::Options;
use crate::sink::parquet::stored_positions;
use crate::sink::target::KeyRule;
use crate::store::Tree;
use crate::ums::{Dialect, Field, Schema, Type};

pub use files::{Bounds, Place, Wanted};
use files::{Files, Table};
use keyed::Keyed;
use order::Merger;
use pick::{Pick, Picks, Shapes};
use scan::{Job, Key, Purpose};
use sorted::Sorter;
pub use write::Filling;
use write::Messages;

/// What the threads take for their row groups, whatever the bound.
const READERS: usize = 48 << 20;
/// Threads beyond this wait for the one that writes.
const MOST_THREADS: usize = 4;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Every row.
    Rows,
    /// The newest image of each key; deleted ones left out.
    AsOf,
    /// Every image of each key and how long it was the newest.
    History,
}

/// A run.
pub struct Plan<'a> {
    /// The log.
    pub tree: Tree,
    /// Which of its files.
    pub wanted: Wanted,
    /// What for.
    pub question: Question,
    /// Keys of tables whose rows do not name them.
    pub keys: Vec<KeyRule>,
    /// Where messages go.
    pub out: &'a mut dyn Output,
    /// How messages are filled.
    pub filling: Filling,
    /// Bytes of memory, about.
    pub memory: usize,
    /// Where spill files go.
    pub spill: PathBuf,
    /// Ends the run early when set.
    pub stop: Arc<AtomicBool>,
    /// Shown to people.
    pub counters: Arc<Counters>,
    /// Tells people something.
    pub note: &'a mut dyn FnMut(&str),
}

/// What was met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Rows that were there twice and given once.
    pub doubles: u64,
    /// Rows that went through spill files, once each.
    pub spilled: bool,
}

/// Gives the log back, one table after the other, the rows of each in the order of their ids.
///
/// A run over all there is ends with the positions that the log keeps, as they were before its
/// files were listed: every row below them has been written by then. No other run has markers: a
/// position says that everything before it has come, and of a part that is not true.
///
/// # Errors
/// `Data` with the name of a damaged file, `Usage` for a table without a key where one is needed,
/// `Unreachable` for what cannot be read or written.
pub fn run(plan: Plan) -> Result<Summary> {
    let all = plan.question == Question::Rows
        && plan.wanted.bounds == Bounds::ALL
        && plan.wanted.patterns.is_empty()
        && !plan.wanted.newest_version;
    let positions = if all { stored_positions(&plan.tree)? } else { Vec::new() };
    let mut run = Run { summary: Summary::default(), plan };
    match run.tables() {
        Ok(()) => {}
        // The stop flag ends the run between two messages.
        Err(error) if error.kind() == Kind::Closed && run.stopped() => return run.end(),
        Err(error) => return Err(error),
    }
    let mut line = Vec::new();
    for position in positions {
        position.write(Dialect::Dws, &mut line);
        run.plan.counters.add_message(0);
    }
    run.plan.out.write_all(&line).map_err(|error| Error::io("output", error))?;
    run.end()
}

struct Run<'a> {
    plan: Plan<'a>,
    summary: Summary,
}

impl Run<'_> {
    fn stopped(&self) -> bool {
        self.plan.stop.load(Ordering::Relaxed)
    }

    fn end(self) -> Result<Summary> {
        self.plan.out.sync()?;
        Ok(self.summary)
    }

    fn tables(&mut self) -> Result<()> {
        let tables = files::list(&self.plan.tree, &self.plan.wanted)?;
        if tables.is_empty() || !self.plan.wanted.patterns.is_empty() {
            for text in files::unmet(&self.plan.tree, &self.plan.wanted.patterns)? {
                (self.plan.note)(&text);
            }
        }
        let passes = if self.plan.question == Question::Rows { 1 } else { 2 };
        let bytes: u64 = tables.iter().map(|table| table.bytes).sum();
        self.plan.counters.bytes_total.store(bytes * passes, Ordering::Relaxed);
        for table in &tables {
            let files = Files::open(&self.plan.tree, table, &self.plan.wanted.bounds)?;
            self.table(table, &files)?;
        }
        Ok(())
    }

    fn table(&mut self, table: &Table, files: &Files) -> Result<()> {
        keyed::check_count(files.rows())?;
        let picks = match self.plan.question {
            Question::Rows => None,
            Question::AsOf => {
                self.warn_of_versions(table);
                Some(self.newest(files)?)
            }
            Question::History => Some(self.versions(files)?),
        };
        self.rows(files, picks)
    }

    fn warn_of_versions(&mut self, table: &Table) {
        let names: Vec<_> = table.versions.iter().map(|(name, _)| name.to_string()).collect();
        if let [first, .., last] = names.as_slice() {
            (self.plan.note)(&format!(
                "{first} to {last} are versions of one table: each key's newest row is given, \
                 whatever its version; if a version began with TRUNCATE or DROP, older rows are \
                 gone in the source: --newest-version leaves them out"
            ));
        }
    }

    /// The keys of each shape.
    fn keys(&self, files: &Files) -> Result<Vec<Key>> {
        let options = Options { keys: self.plan.keys.clone(), ..Options::default() };
        let of = |schema: &Schema| {
            let columns = options.keys(schema)?;
            if columns.is_empty() {
                return Err(Error::usage(format!(
                    "{}: the table has no primary key, so its rows have no newest state",
                    schema.namespace
                ))
                .advise(
                    "name unique columns with --keys, or choose other tables with --namespace",
                ));
            }
            let names: Vec<_> = columns
                .iter()
                .filter_map(|&at| schema.fields.get(at))
                .map(|f| f.name.clone())
                .collect();
            Ok(Key::new(columns, names.iter().map(String::as_str)))
        };
        files.shapes.iter().map(of).collect()
    }

    fn budget(&self) -> usize {
        self.plan.memory.saturating_sub(READERS).max(self.plan.memory / 3)
    }

    /// Remembers the keys of all rows.
    fn read_keys<'k, const N: usize>(
        &mut self,
        files: &Files,
        reduce: keyed::Reduce<'k, N>,
    ) -> Result<Keyed<'k, N>> {
        let keys = self.keys(files)?;
        let mut keyed = Keyed::new(self.budget() / 4 * 3, &self.plan.spill, reduce, files.rows());
        let bounds = &self.plan.wanted.bounds;
        ordered::run(
            files.groups.iter().map(Ok),
            threads(),
            |group, put| match keys.get(group.shape) {
                Some(key) => scan::keys(files, group, key, bounds, put),
                None => Ok(()),
            },
            |entries| {
                entries.into_iter().try_for_each(|entry| keyed.push(entry))?;
                match self.plan.stop.load(Ordering::Relaxed) {
                    true => Err(Error::new(Kind::Closed, "stopped")),
                    false => Ok(()),
                }
            },
        )?;
        self.summary.spilled |= keyed.has_spilled();
        let bytes: u64 = files.groups.iter().map(|group| group.bytes).sum();
        self.plan.counters.add_bytes(bytes);
        Ok(keyed)
    }

    fn newest(&mut self, files: &Files) -> Result<Picks> {
        let shapes = Shapes::new(files);
        if shapes.are_many() {
            let keep = |rows: &mut Vec<_>| shapes.keep(rows);
            let keyed = self.read_keys::<0>(files, &keep)?;
            let mut sorter = self.sorter::<4>();
            let work = |rows: &[_], put: ordered::Put<_>| shapes.newest(rows, put);
            keyed.each(threads(), work, |picks: Vec<_>| sorter.extend(picks))?;
            return self.sorted(sorter).map(Picks::Pieces);
        }
        let keyed = self.read_keys::<0>(files, &pick::keep_newest)?;
        let mut sorter = self.sorter::<1>();
        keyed.each(threads(), pick::newest, |picks: Vec<_>| sorter.extend(picks))?;
        self.sorted(sorter).map(Picks::Rows)
    }

    fn versions(&mut self, files: &Files) -> Result<Picks> {
        let keyed = self.read_keys::<2>(files, &|_| {})?;
        let mut sorter = self.sorter::<2>();
        keyed.each(threads(), pick::versions, |picks: Vec<_>| sorter.extend(picks))?;
        self.sorted(sorter).map(Picks::Versions)
    }

    fn sorter<const N: usize>(&self) -> Sorter<N> {
        Sorter::new(self.budget() / 4, &self.plan.spill)
    }

    fn sorted<const N: usize>(&mut self, sorter: Sorter<N>) -> Result<sorted::Stream<N>> {
        self.summary.spilled |= sorter.runs() > 0;
        sorter.finish()
    }

    /// Writes the rows, or those that are picked.
    fn rows(&mut self, files: &Files, mut picks: Option<Picks>) -> Result<()> {
        let purpose = match self.plan.question {
            Question::History => Purpose::Versions,
            _ => Purpose::Rows,
        };
        let schemas: Vec<_> =
            files.shapes.iter().map(|schema| self.given(schema, purpose)).collect();
        let memory = self.budget() / 4 * 3;
        let mut messages = Messages::new(
            self.plan.out,
            schemas,
            self.plan.filling,
            Arc::clone(&self.plan.counters),
            Arc::clone(&self.plan.stop),
        );
        let mut merger = Merger::new(memory, &self.plan.spill);
        let (bounds, counters) = (&self.plan.wanted.bounds, &self.plan.counters);
        // What comes after each group: groups are in the order of their least ids.
        let after = files.groups.iter().skip(1).map(|group| group.ids.0).chain([i64::MAX]);
        let jobs = files.groups.iter().zip(after).filter_map(|(group, after)| {
            counters.add_bytes(group.bytes);
            let chosen = match &mut picks {
                None => Ok(None),
                Some(picks) => chosen(picks, group.first.saturating_add(group.rows)).map(Some),
            };
            match chosen {
                Ok(Some(picks)) if picks.is_empty() => None,
                chosen => Some(chosen.map(|picks| Job { group: *group, picks, after })),
            }
        });
        ordered::run(
            jobs,
            threads(),
            |job, put| scan::rows(files, &job, bounds, purpose, put),
            |chunk| merger.push(chunk, &mut messages),
        )?;
        self.summary.spilled |= merger.spilled() > 0;
        merger.finish(&mut messages)?;
        messages.finish()?;
        self.summary.doubles += messages.doubles;
        Ok(())
    }

    /// The schema of the messages: with the key that was named, and the columns of a history.
    fn given(&self, schema: &Schema, purpose: Purpose) -> Schema {
        let mut schema = schema.clone();
        let options = Options { keys: self.plan.keys.clone(), ..Options::default() };
        if let Ok(columns) = options.keys(&schema) {
            let name = |at: &usize| schema.fields.get(*at).map(|field| field.name.clone());
            schema.keys = columns.iter().filter_map(name).collect();
        }
        if purpose == Purpose::Versions {
            for (name, nullable) in [(VALID_FROM, false), (VALID_TO, true)] {
                let mut name = name.to_owned();
                while schema.column(&name).is_some() {
                    name.push('_');
                }
                let origin = Some("timestamp(6)".to_owned());
                let ty = Type::Datetime;
                schema.fields.push(Field { name, ty, nullable, encoded: false, origin });
            }
        }
        schema
    }
}

/// The columns that a history has behind those of the table; with an underscore behind them where the
/// table has such columns itself.
const VALID_FROM: &str = "valid_from";
const VALID_TO: &str = "valid_to";

fn chosen(picks: &mut Picks, end: u64) -> Result<Vec<Pick>> {
    let mut chosen = Vec::new();
    while let Some(pick) = picks.next_below(end)? {
        chosen.push(pick);
    }
    Ok(chosen)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS)
}

/// Tests whether spill files can be made.
pub fn probe_spill(folder: &Path) -> Result<()> {
    tempfile::tempfile_in(folder).map(drop).map_err(|error| sorted::spill_failed(folder, error))
}
