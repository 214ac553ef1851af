//! `parquet:DIR`, the Parquet log: every change of every namespace as a row, in files that appear
//! whole. Uses `error`, `ums`, `url`, `columnar`, `store`. Warm: see `table.rs` for the rows.
//!
//! **Exactly once, whatever is killed and when.** Rows gather in drafts, which no reader sees. A
//! flush makes all drafts durable, then gives them their names, makes the names durable, and
//! returns; only then does the caller move its position. A crash can therefore lose only rows
//! behind the position, which are delivered again, and can leave behind three things: drafts, which
//! the next writer removes; some of a flush's files with their names and some without; all of them,
//! and an old position. In the last two, rows come again that are stored already. They are told by
//! their uids and dropped (`known.rs`), so a row is in one file whatever happened. Files may
//! therefore get their names early, too, as happens under `memory` pressure.
//!
//! Several writers may share a root as long as no two deliver the same changes at the same time.
//!
//! After an error other than bad input the sink takes nothing more: what was accepted before it is
//! not durable, and goes with the process.

pub mod compact;
mod known;
pub mod retain;
mod table;

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{Delete, Flush, Rejects, Sink, Spec, Target, Written};
use crate::columnar::names;
use crate::error::{Error, Kind, Result};
use crate::store::{PLACES, Tree, Writer};
use crate::ums::decode::Header;
use crate::ums::marker::{checkpoint_text, parse_checkpoint};
use crate::ums::{Marker, Message, Namespace};
use crate::url::Opt;
use known::Cache;
use table::Table;

const MIB: u64 = 1 << 20;
const ROWS: u64 = 1_000_000;
const BYTES: u64 = 256 * MIB;
const SECONDS: u64 = 300;
const MEMORY: u64 = 256 * MIB;

/// Files in the making that may be open on disk at a time; far below the usual limit of a process.
const SPILLED_FILES: usize = 64;
/// A row group is worth writing early from this part of the memory on; below, there are so many
/// files in the making that finishing them all is what helps.
const SPILL_SHARE: usize = 16;

/// The row of the sinks' table.
pub const SPEC: Spec = Spec {
    scheme: "parquet",
    form: "parquet:DIR",
    summary: "Parquet log: every change in typed columns, by namespace and time",
    options: &[
        Opt { name: "rows", meaning: "Finish the files after so many rows.", default: "1000000" },
        Opt {
            name: "bytes",
            meaning: "Finish the files after so many bytes of messages.",
            default: "268435456",
        },
        Opt {
            name: "seconds",
            meaning: "Finish the files when their oldest row is that old.",
            default: "300",
        },
        Opt {
            name: "memory",
            meaning: "Bytes of rows in memory, over all files in the making.",
            default: "268435456",
        },
    ],
    flush: Flush::Costly { rows: ROWS, bytes: BYTES, seconds: SECONDS },
    sweeps: false,
    example: "parquet:/tmp/dws-log",
    open: |target| Ok(Box::new(ParquetLog::open(target)?)),
    probe,
    plan: |_, message| {
        let namespace = &message.header.schema.namespace;
        let data = message.protocol.is_data();
        Ok(if data { vec![format!("{}/", names::folder(namespace))] } else { Vec::new() })
    },
    positions: Some(positions),
};

/// An open Parquet log.
struct ParquetLog {
    store: Writer,
    flush: Flush,
    tables: Vec<Table>,
    by_namespace: HashMap<Namespace, usize>,
    /// Table and file of each header met since the last flush, by the header's address; the header
    /// is held, so that its address is no other's.
    routes: HashMap<usize, Route>,
    cache: Cache,
    memory: usize,
    memory_limit: usize,
    /// The positions as written last.
    written: HashMap<String, Marker>,
    failed: bool,
    rejects: Rejects,
}

struct Route {
    table: usize,
    file: usize,
    _header: Arc<Header>,
}

impl ParquetLog {
    fn open(target: &Target) -> Result<Self> {
        let root = root(target)?;
        let url = &target.url;
        let flush = Flush::Costly {
            rows: url.number("rows", ROWS)?.max(1),
            bytes: url.number("bytes", BYTES)?.max(1),
            seconds: url.number("seconds", SECONDS)?,
        };
        let memory = url.number("memory", MEMORY)?;
        Ok(Self {
            store: Writer::at(root)?,
            flush,
            tables: Vec::new(),
            by_namespace: HashMap::new(),
            routes: HashMap::new(),
            cache: Cache::default(),
            memory: 0,
            memory_limit: usize::try_from(memory).unwrap_or(usize::MAX),
            written: HashMap::new(),
            failed: false,
            rejects: target.options.rejects.clone(),
        })
    }
}

impl Sink for ParquetLog {
    fn write(&mut self, message: &Message, _line: &[u8]) -> Result<Written> {
        if !message.protocol.is_data() {
            return Ok(Written::default());
        }
        self.guard(|log| log.take(message))
    }

    fn flush(&mut self, markers: &[Marker]) -> Result<bool> {
        self.guard(|log| {
            log.finish_files()?;
            markers.iter().try_for_each(|marker| log.keep(marker))?;
            Ok(true)
        })
    }

    fn rhythm(&self) -> Option<Flush> {
        Some(self.flush)
    }
}

impl ParquetLog {
    /// Runs a step; after a failure other than bad input the log takes no further one, since what
    /// is in files and what is in memory may then disagree.
    fn guard<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.failed {
            return Err(Error::unreachable(format!(
                "{}: an earlier write failed",
                self.store.tree().root().display()
            ))
            .advise("start again from the checkpoint"));
        }
        let done = step(self);
        self.failed = done.as_ref().is_err_and(|error| error.kind() != Kind::Data);
        done
    }

    fn take(&mut self, message: &Message) -> Result<Written> {
        let address = Arc::as_ptr(&message.header) as usize;
        let (index, file) = match self.routes.get(&address) {
            Some(route) => (route.table, route.file),
            None => match self.route(address, &message.header) {
                Ok(route) => route,
                // A message that lacks a system column: true of each of its rows.
                Err(error) => {
                    self.rejects.message(message, error)?;
                    return Ok(Written::default());
                }
            },
        };
        let Some(table) = self.tables.get_mut(index) else { return Ok(Written::default()) };
        let taken = table.take(file, message, &mut self.store, &mut self.cache, &self.rejects)?;
        self.count(taken.memory);
        if self.memory > self.memory_limit {
            self.relieve()?;
        }
        Ok(Written { rows: taken.rows })
    }

    /// Finds, or opens, table and file of a header.
    fn route(&mut self, address: usize, header: &Arc<Header>) -> Result<(usize, usize)> {
        let namespace = &header.schema.namespace;
        let index = match self.by_namespace.get(namespace) {
            Some(&index) => index,
            None => {
                self.tables.push(Table::open(namespace, &self.store, &mut self.cache)?);
                self.by_namespace.insert(namespace.clone(), self.tables.len() - 1);
                self.tables.len() - 1
            }
        };
        let Some(table) = self.tables.get_mut(index) else { return Ok((index, 0)) };
        let file = table.file(header)?;
        self.routes.insert(address, Route { table: index, file, _header: Arc::clone(header) });
        Ok((index, file))
    }

    fn count(&mut self, (before, after): (usize, usize)) {
        self.memory = self.memory.saturating_sub(before).saturating_add(after);
    }

    /// Gets below the bound: the largest file's rows leave as a row group; where even that one is
    /// small, or too many files are open, all files are finished.
    fn relieve(&mut self) -> Result<()> {
        while self.memory > self.memory_limit {
            let largest = self.tables.iter().enumerate().filter_map(|(index, table)| {
                let (file, memory) = table.largest()?;
                Some((memory, index, file))
            });
            let Some((memory, index, file)) = largest.max() else { return Ok(()) };
            let spilled: usize = self.tables.iter().map(Table::spilled).sum();
            if memory < self.memory_limit / SPILL_SHARE || spilled >= SPILLED_FILES {
                return self.finish_files();
            }
            let Some(table) = self.tables.get_mut(index) else { return Ok(()) };
            let memory = table.spill(file, &mut self.store)?;
            self.count(memory);
        }
        Ok(())
    }

    /// Finishes all files. Every draft is durable before the first one gets its name.
    fn finish_files(&mut self) -> Result<()> {
        self.routes.clear();
        self.memory = 0;
        for table in &mut self.tables {
            table.seal(&mut self.store)?;
        }
        for table in &mut self.tables {
            table.publish(&mut self.store, &mut self.cache)?;
        }
        self.store.sync()
    }

    /// Writes a position beside the rows, unless it is there already.
    fn keep(&mut self, marker: &Marker) -> Result<()> {
        let name = names::checkpoint(&marker.kind, &marker.source);
        if self.written.get(&name) == Some(marker) {
            return Ok(());
        }
        let text = checkpoint_text(std::slice::from_ref(marker));
        self.store.replace(names::CHECKPOINTS, &name, text.as_bytes())?;
        self.written.insert(name, marker.clone());
        Ok(())
    }
}

/// The log at an address, for what is done to it as a whole; it has to be there.
pub fn tree(target: &Target) -> Result<Tree> {
    let root = root(target)?;
    let tree = Tree::at(root)?;
    if !tree.is_local() {
        return Ok(tree);
    }
    let about = std::fs::metadata(root).map_err(|error| Error::io(root, error))?;
    if !about.is_dir() {
        return Err(Error::usage(format!("{root}: is not a folder")));
    }
    Ok(tree)
}

/// The root of the log; an error for options that have no meaning here.
fn root(target: &Target) -> Result<&str> {
    let (url, options) = (&target.url, &target.options);
    if url.authority().is_some() {
        return Err(Error::usage(format!("{url}: {PLACES}")));
    }
    if !options.map.is_empty() || !options.keys.is_empty() || options.delete == Delete::Hard {
        return Err(Error::usage(format!(
            "{url}: the Parquet log keeps every change under its own namespace; --map, --keys and \
             --delete hard have no meaning for it"
        )));
    }
    Ok(url.path())
}

fn probe(target: &Target) -> Result<String> {
    let tree = Tree::at(root(target)?)?;
    let root = tree.root();
    if !tree.is_local() {
        let names = tree.list("")?;
        return Ok(format!("{} can be listed; it holds {} names", root.display(), names.len()));
    }
    let existing = root.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let about =
        std::fs::metadata(existing).map_err(|error| Error::io(existing.display(), error))?;
    if !about.is_dir() || about.permissions().readonly() {
        return Err(Error::unreachable(format!(
            "{}: no folder that can be written to",
            existing.display()
        )));
    }
    let found = if existing == root { "exists" } else { "will be created" };
    Ok(format!("the folder {} {found}", root.display()))
}

fn positions(target: &Target) -> Result<Vec<Marker>> {
    stored_positions(&Tree::at(root(target)?)?)
}

/// The positions that a log keeps: every row below them is in its files.
pub fn stored_positions(tree: &Tree) -> Result<Vec<Marker>> {
    let mut markers = Vec::new();
    for name in tree.list(names::CHECKPOINTS)? {
        if !name.ends_with(".json") {
            continue;
        }
        let path = format!("{}/{name}", names::CHECKPOINTS);
        let place = tree.root().join(&path);
        let mut text = String::new();
        tree.open(&path)?
            .read_to_string(&mut text)
            .map_err(|error| Error::io(place.display(), error))?;
        let found = parse_checkpoint(&text).map_err(|error| error.at(place.display()))?;
        markers.extend(found);
    }
    Ok(markers)
}
