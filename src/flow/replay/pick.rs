//! Which rows answer a question about keys: the newest of each, or all with the time of the next.
//! Uses `ums` and `flow::replay`. Hot in the loops over a key's rows.
//!
//! A partial row image leaves columns out, so the state of a key may be spread over several rows:
//! the newest one and, for each column that it does not have, the newest older one that has it,
//! back to the row's insert. Those rows are picked as pieces of one.

use std::collections::BTreeSet;

use super::files::Files;
use super::keyed::Entry;
use super::ordered::Put;
use super::sorted::Stream;
use crate::error::Result;
use crate::ums::{Namespace, Op};

/// The end of a version that is still the newest.
pub const OPEN: i64 = i64::MAX;

/// A row that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pick {
    /// The row's number.
    pub ordinal: u64,
    /// Where it belongs in the order, if `rank` is not 0.
    pub id: i64,
    /// What the pieces of one row share.
    pub rank: u64,
    /// Which piece it is.
    pub piece: u64,
    /// The time of the next version.
    pub until: i64,
}

/// Picks in the order of their rows, in as few numbers as they need.
pub enum Picks {
    /// Row.
    Rows(Stream<1>),
    /// Row, time of the next version.
    Versions(Stream<2>),
    /// Row, id, rank, piece.
    Pieces(Stream<4>),
}

impl Picks {
    /// The next pick with a row below `end`.
    pub fn next_below(&mut self, end: u64) -> Result<Option<Pick>> {
        let none = Pick::default();
        Ok(match self {
            Self::Rows(rows) => rows.next_below(end)?.map(|[ordinal]| Pick { ordinal, ..none }),
            Self::Versions(rows) => rows.next_below(end)?.map(|[ordinal, until]| Pick {
                ordinal,
                until: until as i64,
                ..none
            }),
            Self::Pieces(rows) => rows.next_below(end)?.map(|[ordinal, id, rank, piece]| Pick {
                ordinal,
                id: id as i64,
                rank,
                piece,
                ..none
            }),
        })
    }
}

/// Keeps the newest record of each key.
pub fn keep_newest(rows: &mut Vec<Entry<0>>) {
    let mut newest: Option<Entry<0>> = None;
    rows.reverse();
    rows.retain(|row| newest.replace(*row).is_none_or(|before| before.hash != row.hash));
    rows.reverse();
}

/// Puts out the rows of the newest images, deleted ones left out.
pub fn newest(rows: &[Entry<0>], put: Put<Vec<[u64; 1]>>) -> bool {
    let keys = rows.chunk_by(|a, b| a.hash == b.hash);
    let last = keys.filter_map(|key| key.last()).filter(|row| row.place.op() != Op::Delete);
    put(last.map(|row| [row.place.ordinal()]).collect())
}

/// Puts out every image of each key with the time of the next, or of its delete.
pub fn versions(rows: &[Entry<2>], put: Put<Vec<[u64; 2]>>) -> bool {
    let mut picks = Vec::new();
    for key in rows.chunk_by(|a, b| a.hash == b.hash) {
        let mut next = OPEN;
        for (at, row) in key.iter().enumerate().rev() {
            let before = key.get(..at).unwrap_or_default().iter().rev();
            let same_id = before.take_while(|other| other.id == row.id);
            let mut twice = same_id
                .filter(|other| other.place.op() == row.place.op() && other.extra == row.extra);
            if twice.next().is_some() {
                continue;
            }
            if row.place.op() != Op::Delete {
                picks.push([row.place.ordinal(), next as u64]);
            }
            let [time, _] = row.extra;
            next = time;
        }
    }
    put(picks)
}

/// Which columns the rows of each shape have, and which shapes are of one version of the table.
pub struct Shapes<'a> {
    files: &'a Files,
    /// By shape: its version and its columns.
    shapes: Vec<(usize, BTreeSet<&'a str>)>,
}

impl<'a> Shapes<'a> {
    /// Of the files' shapes.
    pub fn new(files: &'a Files) -> Self {
        let version = |namespace: &Namespace| {
            files.shapes.iter().position(|shape| shape.namespace == *namespace).unwrap_or(0)
        };
        let shapes = files.shapes.iter().map(|shape| {
            let names = shape.fields.iter().map(|field| field.name.as_str()).collect();
            (version(&shape.namespace), names)
        });
        Self { files, shapes: shapes.collect() }
    }

    /// Whether rows of one version have different columns.
    pub fn are_many(&self) -> bool {
        self.shapes
            .iter()
            .any(|one| self.shapes.iter().any(|other| one.0 == other.0 && one.1 != other.1))
    }

    /// Gives the rows of one key, the newest first, as far back as they matter, and whether each
    /// has columns that the newer ones have not. The last one given may only end the row's life.
    fn pieces(&self, key: &[Entry<0>], mut each: impl FnMut(&Entry<0>, bool)) {
        let mut version = None;
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for row in key.iter().rev() {
            let shape = self.files.shape_of(row.place.ordinal());
            let Some((own, names)) = self.shapes.get(shape) else { continue };
            if *version.get_or_insert(*own) != *own {
                return;
            }
            let op = row.place.op();
            let adds = !names.is_subset(&known) && op != Op::Delete;
            if adds || op != Op::Update {
                each(row, adds);
            }
            known.extend(names);
            if op != Op::Update {
                return;
            }
        }
    }

    /// Keeps the records that make up the state of each key.
    pub fn keep(&self, rows: &mut Vec<Entry<0>>) {
        let mut kept = Vec::with_capacity(rows.len());
        for key in rows.chunk_by(|a, b| a.hash == b.hash) {
            let start = kept.len();
            self.pieces(key, |row, _| kept.push(*row));
            if let Some(own) = kept.get_mut(start..) {
                own.reverse();
            }
        }
        *rows = kept;
    }

    /// Puts out the pieces of the newest state of each key, deleted ones left out.
    pub fn newest(&self, rows: &[Entry<0>], put: Put<Vec<[u64; 4]>>) -> bool {
        let mut picks = Vec::new();
        for key in rows.chunk_by(|a, b| a.hash == b.hash) {
            let Some(last) = key.last().filter(|row| row.place.op() != Op::Delete) else {
                continue;
            };
            let (id, rank) = (last.id as u64, last.place.ordinal() + 1);
            let mut piece = 0;
            self.pieces(key, |row, adds| {
                if adds {
                    picks.push([row.place.ordinal(), id, rank, piece]);
                    piece += 1;
                }
            });
        }
        put(picks)
    }
}
