//! Which files of a Parquet log a run reads: by their names first, then by what their ends say.
//! Uses `error`, `ums`, `columnar`, `store`. Not hot.

use std::collections::BTreeMap;

use crate::columnar::names;
use crate::columnar::read::LogFile;
use crate::error::{Error, Result};
use crate::store::{LiveFile, Snapshot, Tree, live_files};
use crate::ums::{Namespace, Pattern, Schema};

/// Ids and times, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// `_ums_id_`.
    pub ids: (i64, i64),
    /// `_ums_ts_` in microseconds since 1970-01-01 UTC.
    pub times: (i64, i64),
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A row's `_ums_id_`.
    Id(i64),
    /// An instant in microseconds since 1970-01-01 UTC.
    Time(i64),
}

impl Bounds {
    /// Everything.
    pub const ALL: Self = Self { ids: (i64::MIN, i64::MAX), times: (i64::MIN, i64::MAX) };

    /// Nothing before this place.
    pub fn since(mut self, place: Place) -> Self {
        match place {
            Place::Id(id) => self.ids.0 = self.ids.0.max(id),
            Place::Time(at) => self.times.0 = self.times.0.max(at),
        }
        self
    }

    /// Nothing after this place.
    pub fn through(mut self, place: Place) -> Self {
        match place {
            Place::Id(id) => self.ids.1 = self.ids.1.min(id),
            Place::Time(at) => self.times.1 = self.times.1.min(at),
        }
        self
    }

    /// Nothing from this place on.
    pub fn until(self, place: Place) -> Self {
        self.through(match place {
            Place::Id(id) => Place::Id(id.saturating_sub(1)),
            Place::Time(at) => Place::Time(at.saturating_sub(1)),
        })
    }

    /// Whether a row is inside.
    #[inline]
    pub fn holds(&self, id: i64, ts: i64) -> bool {
        within(self.ids, (id, id)) && within(self.times, (ts, ts))
    }

    fn overlaps(&self, ids: (i64, i64), times: (i64, i64)) -> bool {
        let overlap = |a: (i64, i64), b: (i64, i64)| a.0 <= b.1 && b.0 <= a.1;
        overlap(self.ids, ids) && overlap(self.times, times)
    }

    /// Whether everything between is inside.
    pub fn contains(&self, ids: (i64, i64), times: (i64, i64)) -> bool {
        within(self.ids, ids) && within(self.times, times)
    }
}

fn within(outer: (i64, i64), inner: (i64, i64)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

/// A file as its name describes it.
#[derive(Debug, Clone)]
pub struct Named {
    /// The file.
    pub file: LiveFile,
    /// The least and the greatest `_ums_id_` inside.
    pub ids: (i64, i64),
    /// The least and the greatest `_ums_ts_` inside, in microseconds.
    pub times: (i64, i64),
}

/// One table in all its versions, or one shard of it.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its versions with their folders, the oldest first.
    pub versions: Vec<(Namespace, String)>,
    /// Bytes of its files.
    pub bytes: u64,
}

/// What to look for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Namespaces; all when empty.
    pub patterns: Vec<Pattern>,
    /// Ids and times.
    pub bounds: Bounds,
    /// Only the newest version of each table.
    pub newest_version: bool,
}

/// What people should know of a log that has not what they ask for: a wrong folder or a name with a
/// slip gives nothing, and looks like a log without such rows.
pub fn unmet(tree: &Tree, patterns: &[Pattern]) -> Result<Vec<String>> {
    let all = Wanted { patterns: Vec::new(), bounds: Bounds::ALL, newest_version: false };
    let tables = list(tree, &all)?;
    if tables.is_empty() {
        let text = "no table of a Parquet log is here; name the folder that ums-sink was given";
        return Ok(vec![text.to_owned()]);
    }
    let names: Vec<_> =
        tables.iter().flat_map(|table| &table.versions).map(|version| &version.0).collect();
    let unmet = patterns.iter().filter(|p| !names.iter().any(|name| p.matches(name)));
    Ok(unmet.map(|p| format!("--namespace {p}: the log has no such table")).collect())
}

/// The tables that have files that overlap, by names alone.
pub fn list(tree: &Tree, wanted: &Wanted) -> Result<Vec<Table>> {
    let mut tables: BTreeMap<Vec<String>, Vec<(Namespace, String, u64)>> = BTreeMap::new();
    for (namespace, folder) in names::namespaces(|folder| tree.list(folder))? {
        let patterns = &wanted.patterns;
        if !patterns.is_empty() && !patterns.iter().any(|pattern| pattern.matches(&namespace)) {
            continue;
        }
        let (_, files) = in_folder(tree, &folder, &wanted.bounds)?;
        if files.is_empty() {
            continue;
        }
        let bytes = files.iter().map(|named| named.file.bytes).sum();
        let [kind, source, schema, table, _, shards @ ..] = namespace.parts.clone();
        let name = [kind, source, schema, table].into_iter().chain(shards).collect();
        tables.entry(name).or_default().push((namespace, folder, bytes));
    }
    let table = |mut versions: Vec<(Namespace, String, u64)>| {
        // Numbers in the order of numbers, and anything else behind them.
        versions.sort_by_key(|(namespace, ..)| {
            let [_, _, _, _, version, ..] = &namespace.parts;
            (version.parse::<u64>().unwrap_or(u64::MAX), version.clone())
        });
        if wanted.newest_version {
            versions.drain(..versions.len().saturating_sub(1));
        }
        let bytes = versions.iter().map(|(.., bytes)| bytes).sum();
        let versions = versions.into_iter().map(|(name, folder, _)| (name, folder)).collect();
        Table { versions, bytes }
    };
    Ok(tables.into_values().map(table).collect())
}

/// The files of a folder that overlap, in the order of their least ids. They can be opened as long
/// as the snapshot lives.
pub fn in_folder(tree: &Tree, folder: &str, bounds: &Bounds) -> Result<(Snapshot, Vec<Named>)> {
    let snapshot = live_files(tree, folder)?;
    let named = |file: &LiveFile| {
        let (rest, name) = file.path.rsplit_once('/')?;
        let times = names::read_times(rest.rsplit_once('/')?.1)?;
        let (ids, _) = names::read_part(name)?;
        bounds.overlaps(ids, times).then(|| Named { file: file.clone(), ids, times })
    };
    let mut files: Vec<Named> = snapshot.files().iter().filter_map(named).collect();
    files.sort_by(|a, b| (a.ids, &a.file.path).cmp(&(b.ids, &b.file.path)));
    Ok((snapshot, files))
}

/// The files of one table, their ends read.
pub struct Files {
    tree: Tree,
    snapshots: Vec<Snapshot>,
    files: Vec<Entry>,
    /// The row groups that overlap, in the order of their least ids.
    pub groups: Vec<GroupRef>,
    /// The schemas that occur.
    pub shapes: Vec<Schema>,
}

struct Entry {
    file: LiveFile,
    /// The snapshot that it is of.
    snapshot: usize,
}

/// A row group in the order of reading. Its rows are numbered on from those of the groups before.
#[derive(Debug, Clone, Copy)]
pub struct GroupRef {
    file: usize,
    group: usize,
    /// The number of its first row.
    pub first: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The least and the greatest `_ums_id_`; at least that of its file's name.
    pub ids: (i64, i64),
    /// The least and the greatest `_ums_ts_`.
    pub times: (i64, i64),
    /// Its schema among the shapes.
    pub shape: usize,
}

impl Files {
    /// Reads the end of every file.
    pub fn open(tree: &Tree, table: &Table, bounds: &Bounds) -> Result<Self> {
        let mut files = Self {
            tree: tree.clone(),
            snapshots: Vec::new(),
            files: Vec::new(),
            groups: Vec::new(),
            shapes: Vec::new(),
        };
        for (namespace, folder) in &table.versions {
            let (snapshot, named) = in_folder(tree, folder, bounds)?;
            files.snapshots.push(snapshot);
            for named in named {
                files.add(namespace, named, bounds)?;
            }
        }
        files.groups.sort_by_key(|group| (group.ids, group.file, group.group));
        let mut first = 0u64;
        for group in &mut files.groups {
            group.first = first;
            first = first.saturating_add(group.rows);
        }
        Ok(files)
    }

    fn add(&mut self, namespace: &Namespace, named: Named, bounds: &Bounds) -> Result<()> {
        let Named { file, ids, times } = named;
        let entry = Entry { file, snapshot: self.snapshots.len().saturating_sub(1) };
        let file = self.open_file(&entry)?;
        let schema = file.schema();
        if schema.namespace != *namespace {
            return Err(Error::data(format!(
                "{}: the file holds rows of {} in the folder of {namespace}",
                self.place(&entry),
                schema.namespace
            )));
        }
        let shape = self.shapes.iter().position(|known| *known == schema);
        let shape = shape.unwrap_or_else(|| {
            self.shapes.push(schema);
            self.shapes.len() - 1
        });
        for (number, group) in file.groups().into_iter().enumerate() {
            let (ids, times) = (group.ids.unwrap_or(ids), group.times.unwrap_or(times));
            if group.rows > 0 && bounds.overlaps(ids, times) {
                self.groups.push(GroupRef {
                    file: self.files.len(),
                    group: number,
                    first: 0,
                    rows: group.rows,
                    bytes: group.bytes,
                    ids,
                    times,
                    shape,
                });
            }
        }
        self.files.push(entry);
        Ok(())
    }

    fn place(&self, entry: &Entry) -> String {
        self.tree.root().join(&entry.file.path).display().to_string()
    }

    fn open_file(&self, entry: &Entry) -> Result<LogFile> {
        let Some(snapshot) = self.snapshots.get(entry.snapshot) else {
            return Err(Error::data("a listing of the log is missing"));
        };
        let file = snapshot.open(&entry.file)?;
        survived(|| LogFile::open(file)).map_err(|error| error.at(self.place(entry)))
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Does something with the file of a row group; errors name the file.
    pub fn with<T>(
        &self,
        group: &GroupRef,
        run: impl FnOnce(&LogFile, usize) -> Result<T>,
    ) -> Result<T> {
        let Some(entry) = self.files.get(group.file) else {
            return Err(Error::data("a file of the log is missing"));
        };
        let file = self.open_file(entry)?;
        let done = survived(|| run(&file, group.group));
        done.map_err(|error| error.at(self.place(entry)))
    }

    /// The shape of a row by its number.
    pub fn shape_of(&self, ordinal: u64) -> usize {
        let after = self.groups.partition_point(|group| group.first <= ordinal);
        after.checked_sub(1).and_then(|at| self.groups.get(at)).map_or(0, |group| group.shape)
    }

    /// Rows of all groups.
    pub fn rows(&self) -> u64 {
        self.groups.last().map_or(0, |group| group.first.saturating_add(group.rows))
    }
}

/// Some damage is met with a panic by the crate that reads; it is an error like any other.
fn survived<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    // What was read so far is thrown away with the error, so nothing half done is looked at.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|said| {
        let text = said.downcast_ref::<String>().map(String::as_str);
        let text = text.or(said.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Error::data(format!("no whole Parquet file: its reader gave up ({text})"))
            .advise("move it away if it is damaged; its rows come again from an earlier position"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_taken_as_they_are_named() {
        let bounds = Bounds::ALL.since(Place::Id(10)).until(Place::Id(20));
        assert_eq!([9, 10, 19, 20].map(|id| bounds.holds(id, 0)), [false, true, true, false]);
        let bounds = Bounds::ALL.since(Place::Time(5)).through(Place::Time(7));
        assert_eq!([4, 5, 7, 8].map(|ts| bounds.holds(0, ts)), [false, true, true, false]);
        assert!(bounds.contains((i64::MIN, i64::MAX), (5, 7)));
        assert!(!bounds.contains((0, 0), (5, 8)) && bounds.overlaps((0, 0), (7, 9)));
        let nothing = Bounds::ALL.until(Place::Id(i64::MIN));
        assert!(!nothing.overlaps((i64::MIN + 1, 0), (0, 0)));
    }
}
