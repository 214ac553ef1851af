//! Which row changes of a namespace are stored already. Uses `error`, `columnar` and `store`. Hot
//! in `standing`, whose first test answers for nearly every row.
//!
//! A change that is delivered again has the same `_ums_uid_`, `_ums_op_` and `_ums_id_`, and file
//! names say the ids inside. So a row is **new without any look-up** when its id is above that of
//! every file found at the start and, for rows of a log, above every id of this run: that is every
//! row of an undisturbed stream. Else the files whose range holds the id are asked for their uids.
//!
//! Within one run only rows of a log can be told apart: their ids rise, so a row whose id does not
//! was delivered again (a topic that holds a stretch twice) or shares an event with the row before
//! it. Rows of a pull share ids by design, and shards come side by side: they are held against the
//! files found at the start alone.
//!
//! A compaction may put the rows of several files into one at any moment. A file that is no longer
//! at its place is such a one: the names are read anew, and the row is looked for again. Rows that
//! retention has dropped are not known any more; delivered again, they are stored again.

use std::collections::{HashMap, HashSet};

use crate::columnar::uids::{self, Change};
use crate::columnar::{Identity, names};
use crate::error::{Error, Result};
use crate::store::{Tree, live_files};

/// How often names are read anew for one row before something else must be wrong.
const ATTEMPTS: usize = 100;

/// Changes held in memory for look-ups, over all namespaces: 256 MiB.
const CACHED_CHANGES: usize = 1 << 24;

/// What is known of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Stored, or waiting to be: not to be stored again.
    Stored,
    /// Not seen before; its name, where it had to be made.
    New(Option<Change>),
}

/// The changes of one namespace.
#[derive(Debug)]
pub struct Known {
    folder: String,
    /// In order of their least ids.
    parts: Vec<Part>,
    /// For each part the greatest id of it and all parts before it.
    reach: Vec<i64>,
    /// The greatest id of the files found at the start.
    earlier: Option<i64>,
    /// The greatest id of this run's rows of a log.
    high: Option<i64>,
    /// The changes of this run that no file holds yet; kept only once a row has come out of order.
    recent: Option<HashSet<Change>>,
    /// The part that held the last change found: the next one is most often in the same.
    hint: usize,
}

/// One file.
#[derive(Debug)]
struct Part {
    ids: (i64, i64),
    path: String,
    /// Names the part in the cache.
    number: u64,
    /// Whether it was there before this run.
    earlier: bool,
}

/// The changes of the files asked last.
#[derive(Debug)]
pub struct Cache {
    /// Changes that it may hold, but for a single file with more.
    room: usize,
    loaded: HashMap<u64, (Vec<Change>, u64)>,
    changes: usize,
    clock: u64,
    parts: u64,
}

impl Known {
    /// Reads the names of a namespace's files.
    pub fn open(tree: &Tree, folder: &str, cache: &mut Cache) -> Result<Self> {
        let mut known = Self {
            folder: folder.to_owned(),
            parts: Vec::new(),
            reach: Vec::new(),
            earlier: None,
            high: None,
            recent: None,
            hint: 0,
        };
        known.read(tree, cache)?;
        Ok(known)
    }

    /// Reads the names of the files. What is met for the first time was there before this run, or
    /// holds rows that were: a file of a compaction, whose rows may be of both kinds.
    fn read(&mut self, tree: &Tree, cache: &mut Cache) -> Result<()> {
        let mut before: HashMap<_, _> =
            self.parts.drain(..).map(|part| (part.path.clone(), part)).collect();
        let mut found = Vec::new();
        for file in live_files(tree, &self.folder)?.files() {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if let Some((ids, number)) = names::read_part(name) {
                found.push((ids, number, file.path.clone()));
            }
        }
        // Files of one range in the order in which they were written, as far as names tell.
        found.sort_unstable_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        for (ids, _, path) in found {
            self.parts.push(match before.remove(&path) {
                Some(part) => part,
                None => Part { ids, path, number: cache.number(), earlier: true },
            });
        }
        let earlier = self.parts.iter().filter(|part| part.earlier);
        self.earlier = self.earlier.max(earlier.map(|part| part.ids.1).max());
        self.measure();
        Ok(())
    }

    /// Adds files that this run has published; they hold all changes accepted so far.
    pub fn published(
        &mut self,
        files: impl Iterator<Item = ((i64, i64), String)>,
        cache: &mut Cache,
    ) {
        for (ids, path) in files {
            self.parts.push(Part { ids, path, number: cache.number(), earlier: false });
        }
        self.parts.sort_by_key(|part| part.ids.0);
        self.measure();
        if let Some(recent) = &mut self.recent {
            recent.clear();
        }
    }

    /// The greatest number of the files of these times and ids, as far as they are known. A new
    /// file gets a greater one: a name that a compaction has set free would, used again, be taken
    /// for the file that had it before.
    pub fn last_number(&self, folder: &str, ids: (i64, i64)) -> u64 {
        let number = |part: &Part| {
            let name = part.path.strip_prefix(folder)?.strip_prefix('/')?;
            names::read_part(name).map(|(_, number)| number)
        };
        let same = self.parts.iter().filter(|part| part.ids == ids);
        same.filter_map(number).max().unwrap_or(0)
    }

    /// Whether a row of a log comes out of order for the first time, so that the changes not yet
    /// in files have to be remembered before `standing` can answer.
    pub fn needs_memory(&self, identity: &Identity, log: bool) -> bool {
        log && self.recent.is_none() && self.high.is_some_and(|high| identity.id <= high)
    }

    /// Gives the changes accepted since the last `published`; from now on they are kept.
    pub fn remember(&mut self, changes: HashSet<Change>) {
        self.recent = Some(changes);
    }

    /// Whether a row is stored.
    pub fn standing(
        &mut self,
        identity: &Identity,
        log: bool,
        tree: &Tree,
        cache: &mut Cache,
    ) -> Result<Standing> {
        let rises = !log || self.high.is_none_or(|high| identity.id > high);
        let above = self.earlier.is_none_or(|earlier| identity.id > earlier);
        let recent = self.recent.as_ref().filter(|_| log);
        if rises && above && recent.is_none() {
            return Ok(Standing::New(None));
        }
        let change = Change::new(identity.uid.as_bytes(), &[identity.op.letter() as u8]);
        if recent.is_some_and(|recent| recent.contains(&change)) {
            return Ok(Standing::Stored);
        }
        if !(rises && above) && self.find(identity.id, change, log, tree, cache)? {
            return Ok(Standing::Stored);
        }
        Ok(Standing::New(Some(change)))
    }

    /// Notes a row of a log that was accepted.
    pub fn accepted(&mut self, id: i64, change: Option<Change>) {
        self.high = Some(self.high.map_or(id, |high| high.max(id)));
        if let (Some(recent), Some(change)) = (&mut self.recent, change) {
            recent.insert(change);
        }
    }

    /// Whether a file holds the change.
    fn find(
        &mut self,
        id: i64,
        change: Change,
        log: bool,
        tree: &Tree,
        cache: &mut Cache,
    ) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            match self.look(id, change, log, tree, cache)? {
                Some(found) => return Ok(found),
                None => self.read(tree, cache)?,
            }
        }
        Err(Error::unreachable(format!(
            "{}: files disappear as fast as they are looked for",
            tree.root().join(&self.folder).display()
        )))
    }

    /// Looks into the files whose range holds `id`, from the last one that had a change onwards
    /// and round: what is delivered again comes in the order in which it was written. `None` when
    /// a file is gone.
    fn look(
        &mut self,
        id: i64,
        change: Change,
        log: bool,
        tree: &Tree,
        cache: &mut Cache,
    ) -> Result<Option<bool>> {
        let end = self.parts.partition_point(|part| part.ids.0 <= id);
        let start = self.reach.partition_point(|reach| *reach < id);
        let turn = self.hint.clamp(start, end.max(start));
        for index in (turn..end).chain(start..turn) {
            let Some(part) = self.parts.get(index) else { break };
            if part.ids.1 < id || !(log || part.earlier) {
                continue;
            }
            let changes = cache
                .get(part.number, || tree.find(&part.path)?.map(uids::changes).transpose())
                .map_err(|error| error.at(tree.root().join(&part.path).display()))?;
            let Some(changes) = changes else { return Ok(None) };
            if changes.binary_search(&change).is_ok() {
                self.hint = index;
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    }

    fn measure(&mut self) {
        let mut reach = i64::MIN;
        self.reach.clear();
        self.reach.extend(self.parts.iter().map(|part| {
            reach = reach.max(part.ids.1);
            reach
        }));
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { room: CACHED_CHANGES, loaded: HashMap::new(), changes: 0, clock: 0, parts: 0 }
    }
}

impl Cache {
    fn number(&mut self) -> u64 {
        self.parts += 1;
        self.parts
    }

    /// The changes of a part, nothing when `load` finds none; the parts not asked for longest make
    /// room.
    fn get(
        &mut self,
        part: u64,
        load: impl FnOnce() -> Result<Option<Vec<Change>>>,
    ) -> Result<Option<&[Change]>> {
        self.clock += 1;
        let clock = self.clock;
        if !self.loaded.contains_key(&part) {
            let Some(changes) = load()? else { return Ok(None) };
            while self.changes + changes.len() > self.room {
                let oldest = self.loaded.iter().min_by_key(|(_, (_, used))| *used);
                let Some((&oldest, _)) = oldest else { break };
                let gone = self.loaded.remove(&oldest).map_or(0, |(changes, _)| changes.len());
                self.changes = self.changes.saturating_sub(gone);
            }
            self.changes += changes.len();
            self.loaded.insert(part, (changes, clock));
        }
        let Some((changes, used)) = self.loaded.get_mut(&part) else { return Ok(None) };
        *used = clock;
        Ok(Some(changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_asked_longest_ago_makes_room() {
        let mut cache = Cache { room: 10, ..Cache::default() };
        let mut loads = Vec::new();
        for (part, size) in
            [(1, 4), (2, 4), (1, 4), (3, 4), (1, 4), (2, 4), (4, 20), (4, 20), (1, 4)]
        {
            let changes = cache.get(part, || {
                loads.push(part);
                Ok(Some(vec![Change::new(b"u", b"I"); size]))
            });
            assert_eq!(changes.unwrap().unwrap().len(), size);
            let held: usize = cache.loaded.values().map(|(changes, _)| changes.len()).sum();
            assert_eq!(held, cache.changes);
            assert!(held <= 10 || cache.loaded.len() == 1);
        }
        assert_eq!(loads, [1, 2, 3, 2, 4, 1]);
    }
}
