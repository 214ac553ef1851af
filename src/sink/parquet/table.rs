//! The rows of one namespace on their way into files. Uses `error`, `ums`, `columnar`, `store`. Hot.

use std::collections::HashSet;
use std::sync::Arc;

use super::known::{Cache, Known, Standing};
use crate::columnar::{Appended, FileWriter, Layout, Span, names};
use crate::error::{Error, Result};
use crate::sink::reject::{Rejects, row_name};
use crate::store::{Draft, Sealed, Writer};
use crate::ums::decode::Header;
use crate::ums::{Cell, Message, Namespace, Protocol};

/// One namespace.
pub struct Table {
    folder: String,
    known: Known,
    /// Files in the making, one for each set of fields: a column that a partial row image leaves
    /// out is absent and not NULL, so its rows have a file of their own.
    open: Vec<Open>,
    /// Whole files that have no name yet.
    sealed: Vec<(Sealed, Span)>,
}

/// A file in the making.
struct Open {
    file: FileWriter<Draft>,
    /// Its bytes as counted last.
    memory: usize,
}

/// What a message changed.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Rows of the message.
    pub rows: u64,
    /// Bytes of memory that the file took before and takes now.
    pub memory: (usize, usize),
}

impl Table {
    /// Reads the names of the files that the namespace has.
    pub fn open(namespace: &Namespace, store: &Writer, cache: &mut Cache) -> Result<Self> {
        let folder = names::folder(namespace);
        let known = Known::open(store.tree(), &folder, cache)?;
        Ok(Self { folder, known, open: Vec::new(), sealed: Vec::new() })
    }

    /// The index of the file for rows under `header`.
    pub fn file(&mut self, header: &Arc<Header>) -> Result<usize> {
        if let Some(index) = self.open.iter().position(|open| open.file.layout().fits(header)) {
            return Ok(index);
        }
        let layout = Arc::new(Layout::new(Arc::clone(header))?);
        self.open.push(Open { file: FileWriter::new(layout), memory: 0 });
        Ok(self.open.len() - 1)
    }

    /// Takes a message's rows into the file that `file` has named.
    pub fn take(
        &mut self,
        file: usize,
        message: &Message,
        store: &mut Writer,
        cache: &mut Cache,
        rejects: &Rejects,
    ) -> Result<Taken> {
        let log = message.protocol == Protocol::IncrementData;
        let fields = message.header.schema.fields.len();
        let mut cells = Vec::with_capacity(fields);
        let mut taken = Taken { rows: 0, memory: (0, 0) };
        let Some(open) = self.open.get(file) else { return Ok(taken) };
        let layout = Arc::clone(open.file.layout());
        taken.memory.0 = open.memory;
        let schema = &message.header.schema;
        for (number, row) in (1..).zip(message.rows()) {
            let row = row?;
            row.split(fields, &mut cells)?;
            let reject = |error: Error, cells: &[Cell]| {
                let error = error.at(row_name(schema, number, cells)).at(&schema.namespace);
                rejects.row(message.protocol, schema, row.bytes, error)
            };
            let identity = match layout.identity(&cells) {
                Ok(identity) => identity,
                Err(error) => {
                    reject(error, &cells)?;
                    continue;
                }
            };
            if self.known.needs_memory(&identity, log) {
                self.remember(store, cache)?;
            }
            taken.rows += 1;
            let standing = self.known.standing(&identity, log, store.tree(), cache)?;
            let Standing::New(change) = standing else { continue };
            let Some(open) = self.open.get_mut(file) else { break };
            let appended = loop {
                match open.file.append(&identity, &cells) {
                    Ok(Appended::Yes) => break Ok(()),
                    Ok(Appended::NeedsNewFile) => {
                        let full = open.file.replace();
                        self.sealed.extend(seal(full, store)?);
                    }
                    // The file is as it was before.
                    Err(error) => break Err(error),
                }
            };
            if let Err(error) = appended {
                taken.rows -= 1;
                reject(error, &cells)?;
                continue;
            }
            if log {
                self.known.accepted(identity.id, change);
            }
        }
        if let Some(open) = self.open.get_mut(file) {
            if open.file.is_group() {
                open.file.write_group(|| store.create())?;
            }
            open.memory = open.file.memory();
            taken.memory.1 = open.memory;
        }
        Ok(taken)
    }

    /// The file that takes most memory: its index and bytes.
    pub fn largest(&self) -> Option<(usize, usize)> {
        self.open.iter().map(|open| open.memory).enumerate().max_by_key(|(_, memory)| *memory)
    }

    /// How many files in the making have a place on disk and hold it open.
    pub fn spilled(&self) -> usize {
        self.open.iter().filter(|open| open.file.has_spilled()).count()
    }

    /// Moves the rows of a file out of memory; gives the bytes before and after.
    pub fn spill(&mut self, file: usize, store: &mut Writer) -> Result<(usize, usize)> {
        let Some(open) = self.open.get_mut(file) else { return Ok((0, 0)) };
        let before = open.memory;
        open.file.write_group(|| store.create())?;
        open.memory = open.file.memory();
        Ok((before, open.memory))
    }

    /// Finishes every file: durable, but without a name yet.
    pub fn seal(&mut self, store: &mut Writer) -> Result<()> {
        for open in self.open.drain(..) {
            self.sealed.extend(seal(open.file, store)?);
        }
        Ok(())
    }

    /// Gives the finished files their names.
    pub fn publish(&mut self, store: &mut Writer, cache: &mut Cache) -> Result<()> {
        let mut files = Vec::with_capacity(self.sealed.len());
        for (sealed, span) in self.sealed.drain(..) {
            let folder = format!("{}/{}", self.folder, names::times(&span));
            let after = self.known.last_number(&folder, span.ids);
            let name = store.publish(sealed, &folder, names::parts(&span, after))?;
            files.push((span.ids, format!("{folder}/{name}")));
        }
        if !files.is_empty() {
            self.known.published(files.into_iter(), cache);
        }
        Ok(())
    }

    /// Collects the changes that no file holds yet. What has left memory cannot be asked, so it
    /// gets its name early; a crash then finds it as it finds every file.
    fn remember(&mut self, store: &mut Writer, cache: &mut Cache) -> Result<()> {
        for open in &mut self.open {
            if open.file.has_spilled() {
                let full = open.file.replace();
                self.sealed.extend(seal(full, store)?);
            }
        }
        self.publish(store, cache)?;
        store.sync()?;
        let mut changes = HashSet::new();
        for open in &self.open {
            open.file.changes(|change| {
                changes.insert(change);
            });
        }
        self.known.remember(changes);
        Ok(())
    }
}

fn seal(file: FileWriter<Draft>, store: &mut Writer) -> Result<Option<(Sealed, Span)>> {
    let Some((draft, span)) = file.finish(|| store.create())? else { return Ok(None) };
    Ok(Some((draft.seal()?, span)))
}
