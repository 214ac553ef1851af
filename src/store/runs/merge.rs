//! Several runs as one: their entries in order, of equal keys that of the newest run. Uses `error`.
//! HOT while runs are merged or scanned.

use std::sync::Arc;

use super::Place;
use super::run::{Entry, Run, damaged};
use crate::error::{Error, Result};

/// A place in a run.
#[derive(Debug)]
struct Cursor {
    run: Arc<Run>,
    /// The number of the next block.
    next: usize,
    block: Vec<u8>,
    /// Where the entry at hand begins in the block, and where it ends.
    start: usize,
    end: usize,
    ended: bool,
}

impl Cursor {
    fn new(run: Arc<Run>, from: &[u8], place: &Place) -> Result<Self> {
        let next = run.block_of(from);
        let mut cursor = Self { run, next, block: Vec::new(), start: 0, end: 0, ended: false };
        cursor.step(place)?;
        while cursor.entry().is_some_and(|entry| entry.key < from) {
            cursor.step(place)?;
        }
        Ok(cursor)
    }

    fn step(&mut self, place: &Place) -> Result<()> {
        if self.end >= self.block.len() {
            (self.start, self.end) = (0, 0);
            self.ended = !self.run.block(self.next, &mut self.block, place)?;
            self.next += 1;
            if self.ended {
                return Ok(());
            }
        }
        self.start = self.end;
        let rest = self.block.get(self.start..).unwrap_or_default();
        let (_, behind) = Entry::read(rest).ok_or_else(|| damaged(place, self.run.number()))?;
        self.end = self.block.len() - behind.len();
        Ok(())
    }

    fn entry(&self) -> Option<Entry<'_>> {
        if self.ended {
            return None;
        }
        Entry::read(self.block.get(self.start..self.end)?).map(|(entry, _)| entry)
    }
}

/// Entries in order.
#[derive(Debug)]
pub struct Scan {
    /// Newest first.
    cursors: Vec<Cursor>,
    /// The cursor of the entry that was given last.
    given: Option<usize>,
    /// Where it ends, exclusive.
    to: Option<Box<[u8]>>,
    place: Place,
}

impl Scan {
    /// Of these runs, newest first, from one key on up to before another.
    pub(super) fn new(
        runs: Vec<Arc<Run>>,
        from: &[u8],
        to: Option<&[u8]>,
        place: &Place,
    ) -> Result<Self> {
        let cursors = runs.into_iter().map(|run| Cursor::new(run, from, place));
        let cursors = cursors.collect::<Result<_>>()?;
        Ok(Self { cursors, given: None, to: to.map(Into::into), place: place.clone() })
    }

    /// The next entry, also where it says that its key is gone.
    pub(super) fn next_of_any_kind(&mut self) -> Result<Option<Entry<'_>>> {
        if let Some(given) = self.given.take() {
            // Older entries of the key first, then the one that was given.
            for place in (given..self.cursors.len()).rev() {
                let (front, behind) = self.cursors.split_at_mut(place);
                let Some(cursor) = behind.first_mut() else { continue };
                let newest = front.get(given).and_then(Cursor::entry).map(|entry| entry.key);
                if place == given || newest == cursor.entry().map(|entry| entry.key) {
                    cursor.step(&self.place)?;
                }
            }
        }
        let mut least: Option<(usize, &[u8])> = None;
        for (place, cursor) in self.cursors.iter().enumerate() {
            if let Some(entry) = cursor.entry()
                && least.is_none_or(|(_, key)| entry.key < key)
            {
                least = Some((place, entry.key));
            }
        }
        let Some((place, key)) = least else { return Ok(None) };
        if self.to.as_deref().is_some_and(|to| key >= to) {
            return Ok(None);
        }
        self.given = Some(place);
        Ok(self.cursors.get(place).and_then(Cursor::entry))
    }

    /// What to say where the entry that was given last cannot be understood: which file has it.
    #[cold]
    pub fn damaged(&self, error: Error) -> Error {
        let run = self.given.and_then(|place| self.cursors.get(place)).map(|cursor| &cursor.run);
        run.map_or_else(
            || Error::refused(error.to_string()),
            |run| damaged(&self.place, run.number()),
        )
        .caused_by(error)
    }

    /// The next key that is there, with its value.
    ///
    /// # Errors
    /// `Unreachable` for a file that cannot be read, `Refused` for a damaged one.
    #[expect(clippy::should_implement_trait, reason = "it lends, and it fails")]
    pub fn next(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        // Twice, because what is lent in a loop cannot be given.
        loop {
            match self.next_of_any_kind()? {
                None => return Ok(None),
                Some(entry) if entry.value.is_some() => break,
                Some(_) => {}
            }
        }
        let entry = self.given.and_then(|place| self.cursors.get(place)).and_then(Cursor::entry);
        Ok(entry.and_then(|entry| Some((entry.key, entry.value?))))
    }
}
