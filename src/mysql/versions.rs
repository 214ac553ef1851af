//! The version part of namespaces. Uses `error` and `ddl` (names). Warm: asked at each TABLE_MAP
//! that is new.
//!
//! A version rises when a table's columns change incompatibly, at TRUNCATE, and when its name is
//! dropped or renamed away and made anew. It must be the same at every redelivery, so a history is
//! kept by event id: an event that is not newer than the history is looked up in it.
//!
//! The history is saved before anything that depends on it is written: whoever sees
//! [`Versions::is_dirty`] calls [`Versions::save`] first. A crash in between then replays the same
//! events onto a history that knows them, or onto one that learns them again in the same way.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::mysql::ddl::{Statement, TableName};
use crate::ums::Cause;

/// What a table was from one event on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event (`_ums_id_`) from which it holds.
    pub from_id: i64,
    /// The version.
    pub version: u32,
    /// Names and UMS types of its columns.
    pub columns: Vec<(String, String)>,
    /// Why there is a new entry, for people.
    pub cause: String,
    /// The name has no table from here on; the version is the last one it had.
    pub gone: bool,
}

/// How columns differ from those before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Columns that are new. Compatible.
    pub added: Vec<String>,
    /// Columns that are gone, or have another name now.
    pub dropped: Vec<String>,
    /// Columns of another UMS type.
    pub retyped: Vec<String>,
}

impl Difference {
    fn between(old: &[(String, String)], new: &[(String, String)]) -> Self {
        let find = |columns: &[(String, String)], name: &str| {
            columns.iter().find(|(n, _)| n == name).map(|(_, ty)| ty.clone())
        };
        let mut difference = Self::default();
        for (name, ty) in new {
            match find(old, name) {
                None => difference.added.push(name.clone()),
                Some(before) if before != *ty => difference.retyped.push(name.clone()),
                Some(_) => {}
            }
        }
        difference.dropped = old
            .iter()
            .filter(|(name, _)| find(new, name).is_none())
            .map(|(n, _)| n.clone())
            .collect();
        difference
    }

    /// Whether readers of the old columns can read the new ones.
    pub fn is_compatible(&self) -> bool {
        self.dropped.is_empty() && self.retyped.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.added.is_empty() && self.is_compatible()
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts =
            [("added", &self.added), ("dropped", &self.dropped), ("retyped", &self.retyped)];
        let mut separator = "";
        for (what, names) in parts.iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{separator}{what} {}", names.join(", "))?;
            separator = "; ";
        }
        Ok(())
    }
}

/// What [`Versions::observe`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The table's version at this event.
    pub version: u32,
    /// The version that ended with this event. Told once, and at its redeliveries.
    pub ended: Option<u32>,
    /// How the columns changed with this event.
    pub changed: Option<Difference>,
}

/// A version that a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The table.
    pub table: TableName,
    /// The version that no row has from here on.
    pub version: u32,
    /// What ended it.
    pub cause: Cause,
}

/// The histories of all tables.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions {
    tables: BTreeMap<TableName, Vec<Entry>>,
    dirty: bool,
}

impl Versions {
    /// Whether there is something to save.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The history of a table, oldest first.
    pub fn history(&self, table: &TableName) -> &[Entry] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    /// A table's columns (name, UMS type) as the TABLE_MAP at `id` has them. A table that was
    /// never seen has version 0.
    pub fn observe(
        &mut self,
        table: &TableName,
        columns: &[(String, String)],
        id: i64,
    ) -> Observed {
        let unchanged = |version| Observed { version, ended: None, changed: None };
        let Some(history) = self.tables.get(table) else {
            self.append(table, id, 0, columns, "first seen", false);
            return unchanged(0);
        };
        if let Some(at) = history.iter().position(|entry| id <= entry.from_id)
            && let Some(entry) = history.get(at)
        {
            return match at.checked_sub(1).and_then(|before| history.get(before)) {
                // The event that made this entry, again. After a DROP or a TRUNCATE the old
                // version was ended by that statement.
                Some(before) if id == entry.from_id && !before.gone && !entry.gone => Observed {
                    version: entry.version,
                    ended: (before.version != entry.version).then_some(before.version),
                    changed: Some(Difference::between(&before.columns, &entry.columns)),
                },
                Some(before) if id < entry.from_id => unchanged(before.version),
                _ => unchanged(entry.version),
            };
        }
        let Some(last) = history.last() else { return unchanged(0) };
        let (old, gone) = (last.version, last.gone);
        let difference = Difference::between(&last.columns, columns);
        if gone {
            self.append(table, id, old.saturating_add(1), columns, "made anew", false);
            return unchanged(old.saturating_add(1));
        }
        if difference.is_empty() {
            return unchanged(old);
        }
        let compatible = difference.is_compatible();
        let version = if compatible { old } else { old.saturating_add(1) };
        self.append(table, id, version, columns, &difference.to_string(), false);
        Observed { version, ended: (!compatible).then_some(old), changed: Some(difference) }
    }

    /// Follows a statement. Gives the versions that it ended, the same at every redelivery. Names
    /// must be spelled as TABLE_MAPs spell them (see [`Statement::fold_names`]).
    pub fn apply(&mut self, statement: &Statement, id: i64) -> Vec<Ended> {
        let ended = |cause| move |(table, version)| Ended { table, version, cause };
        match statement {
            Statement::Truncate(table) => {
                let found = self.truncate(table, id).map(|version| (table.clone(), version));
                found.map(ended(Cause::Truncate)).into_iter().collect()
            }
            Statement::DropTables { tables, temporary: false, .. } => {
                let found = tables.iter().filter_map(|t| Some((t.clone(), self.drop(t, id)?)));
                found.map(ended(Cause::Drop)).collect()
            }
            Statement::CreateTable(create) if create.or_replace && !create.temporary => {
                let found = self.drop(&create.table, id).map(|v| (create.table.clone(), v));
                found.map(ended(Cause::Drop)).into_iter().collect()
            }
            Statement::RenameTables(pairs) => {
                self.rename(pairs, id).into_iter().map(ended(Cause::Rename)).collect()
            }
            Statement::AlterTable(alter) => {
                let pair = alter.rename_to.as_ref().filter(|to| **to != alter.table);
                let pairs: Vec<_> =
                    pair.map(|to| (alter.table.clone(), to.clone())).into_iter().collect();
                self.rename(&pairs, id).into_iter().map(ended(Cause::Rename)).collect()
            }
            Statement::DropDatabase(name)
            | Statement::CreateDatabase { name, or_replace: true, .. } => {
                self.drop_database(name, id).into_iter().map(ended(Cause::Drop)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// TRUNCATE: a new version. Gives the one that ended; `None` for a table without a history,
    /// which has published nothing.
    pub fn truncate(&mut self, table: &TableName, id: i64) -> Option<u32> {
        let last = self.tables.get(table)?.last()?;
        if id <= last.from_id {
            return self.ended_at(table, id);
        }
        if last.gone {
            return None;
        }
        let (version, columns) = (last.version, last.columns.clone());
        self.append(table, id, version.saturating_add(1), &columns, Cause::Truncate.past(), false);
        Some(version)
    }

    /// DROP: the name's next table has a new version. Gives the one that ended.
    pub fn drop(&mut self, table: &TableName, id: i64) -> Option<u32> {
        self.leave(table, id, Cause::Drop.past())
    }

    /// RENAME TABLE, all its pairs. Histories follow names: a name that another table takes over
    /// in the same statement (a swap) goes on, and the next TABLE_MAP tells whether its columns
    /// are compatible; a name that is left without a table has ended. Gives those that ended.
    pub fn rename(&mut self, pairs: &[(TableName, TableName)], id: i64) -> Vec<(TableName, u32)> {
        let mut left: Vec<&TableName> = Vec::new();
        for (from, to) in pairs {
            left.retain(|name| *name != to);
            left.push(from);
        }
        left.into_iter()
            .filter_map(|name| Some((name.clone(), self.leave(name, id, Cause::Rename.past())?)))
            .collect()
    }

    /// DROP DATABASE. Gives the tables and versions that ended.
    pub fn drop_database(&mut self, schema: &str, id: i64) -> Vec<(TableName, u32)> {
        let names: Vec<TableName> =
            self.tables.keys().filter(|name| name.schema == schema).cloned().collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.drop(&name, id)?))).collect()
    }

    fn leave(&mut self, table: &TableName, id: i64, cause: &str) -> Option<u32> {
        let last = self.tables.get(table)?.last()?;
        if id <= last.from_id {
            return self.ended_at(table, id);
        }
        if last.gone {
            return None;
        }
        let (version, columns) = (last.version, last.columns.clone());
        self.append(table, id, version, &columns, cause, true);
        Some(version)
    }

    /// The version that a statement with this id ended, when it did so before.
    fn ended_at(&self, table: &TableName, id: i64) -> Option<u32> {
        let history = self.tables.get(table)?;
        let at = history.iter().position(|entry| entry.from_id == id)?;
        history.get(at.checked_sub(1)?).map(|before| before.version)
    }

    fn append(
        &mut self,
        table: &TableName,
        from_id: i64,
        version: u32,
        columns: &[(String, String)],
        cause: &str,
        gone: bool,
    ) {
        let entry =
            Entry { from_id, version, columns: columns.to_vec(), cause: cause.to_owned(), gone };
        self.tables.entry(table.clone()).or_default().push(entry);
        self.dirty = true;
    }

    /// Reads a history; a file that does not exist is an empty one.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(Error::io(path.display(), e)),
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|e| unreadable(path).caused_by(e))?;
        let tables = read_tables(&value).ok_or_else(|| unreadable(path))?;
        Ok(Self { tables, dirty: false })
    }

    /// Writes the history so that a crash leaves the old file or the new one, whole.
    pub fn save(&mut self, path: &Path) -> Result<()> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut file, &self.to_json())?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            std::fs::File::open(folder)?.sync_all()
        };
        write().map_err(|e| Error::io(path.display(), e))?;
        self.dirty = false;
        Ok(())
    }

    fn to_json(&self) -> Value {
        let tables: Vec<Value> = self
            .tables
            .iter()
            .map(|(name, history)| {
                let history: Vec<Value> = history.iter().map(entry_to_json).collect();
                json!({ "schema": name.schema, "table": name.table, "history": history })
            })
            .collect();
        json!({ "tables": tables })
    }
}

fn entry_to_json(entry: &Entry) -> Value {
    json!({
        "from_id": entry.from_id, "version": entry.version, "columns": entry.columns,
        "cause": entry.cause, "gone": entry.gone,
    })
}

fn unreadable(path: &Path) -> Error {
    Error::data(format!("{}: not a history of table versions", path.display()))
        .advise("restore it from a copy; without it namespace versions start again at 0")
}

fn read_tables(value: &Value) -> Option<BTreeMap<TableName, Vec<Entry>>> {
    let mut tables = BTreeMap::new();
    for table in value.get("tables")?.as_array()? {
        let name = TableName::new(
            table.get("schema")?.as_str()?.to_owned(),
            table.get("table")?.as_str()?.to_owned(),
        );
        let history = table.get("history")?.as_array()?.iter().map(read_entry);
        tables.insert(name, history.collect::<Option<_>>()?);
    }
    Some(tables)
}

fn read_entry(entry: &Value) -> Option<Entry> {
    let columns = entry.get("columns")?.as_array()?.iter().map(|pair| {
        let text = |at| pair.get(at).and_then(Value::as_str).map(str::to_owned);
        Some((text(0)?, text(1)?))
    });
    Some(Entry {
        from_id: entry.get("from_id")?.as_i64()?,
        version: u32::try_from(entry.get("version")?.as_u64()?).ok()?,
        columns: columns.collect::<Option<_>>()?,
        cause: entry.get("cause")?.as_str()?.to_owned(),
        gone: entry.get("gone")?.as_bool()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(text: &str) -> Vec<(String, String)> {
        text.split(' ')
            .map(|pair| pair.split_once(':').unwrap())
            .map(|(name, ty)| (name.to_owned(), ty.to_owned()))
            .collect()
    }

    fn table(name: &str) -> TableName {
        TableName::new("shop", name)
    }

    #[test]
    fn compatible_changes_keep_the_version_and_others_raise_it() {
        let mut versions = Versions::default();
        let t = table("t");
        let see =
            |versions: &mut Versions, text: &str, id| versions.observe(&t, &columns(text), id);
        assert_eq!(see(&mut versions, "a:int b:string", 10).version, 0);
        assert_eq!(
            see(&mut versions, "b:string a:int", 11),
            Observed { version: 0, ended: None, changed: None }
        );
        let added = see(&mut versions, "a:int b:string c:long", 20);
        assert_eq!((added.version, added.ended), (0, None));
        assert_eq!(added.changed.unwrap().added, ["c"]);
        let dropped = see(&mut versions, "a:int c:long", 30);
        assert_eq!((dropped.version, dropped.ended), (1, Some(0)));
        assert_eq!(dropped.changed.unwrap().dropped, ["b"]);
        let retyped = see(&mut versions, "a:long c:long", 40);
        assert_eq!((retyped.version, retyped.ended), (2, Some(1)));
        assert_eq!(retyped.changed.unwrap().retyped, ["a"]);
        let renamed = see(&mut versions, "x:long c:long", 50);
        assert_eq!((renamed.version, renamed.ended), (3, Some(2)));
    }

    /// One event of a small log.
    enum Event {
        Rows(&'static str, &'static str),
        Truncate(&'static str),
        Drop(&'static str),
        Rename(&'static [(&'static str, &'static str)]),
    }

    fn play(versions: &mut Versions, log: &[Event], from: usize) -> Vec<String> {
        log.iter()
            .enumerate()
            .skip(from)
            .map(|(at, event)| {
                let id = at as i64 * 100 + 100;
                match event {
                    Event::Rows(name, text) => {
                        format!("{:?}", versions.observe(&table(name), &columns(text), id))
                    }
                    Event::Truncate(name) => format!("{:?}", versions.truncate(&table(name), id)),
                    Event::Drop(name) => format!("{:?}", versions.drop(&table(name), id)),
                    Event::Rename(pairs) => {
                        let pairs: Vec<_> =
                            pairs.iter().map(|(a, b)| (table(a), table(b))).collect();
                        format!("{:?}", versions.rename(&pairs, id))
                    }
                }
            })
            .collect()
    }

    const LOG: [Event; 15] = [
        Event::Rows("t", "a:int"),
        Event::Truncate("t"),
        Event::Rows("t", "a:int"),
        Event::Drop("t"),
        Event::Rows("t", "a:int"),
        Event::Rows("t", "a:int b:int"),
        Event::Rows("_t_gho", "a:int b:int c:int"),
        Event::Rename(&[("t", "_t_del"), ("_t_gho", "t")]),
        Event::Rows("t", "a:int b:int c:int"),
        Event::Rename(&[("t", "_t_del"), ("_t_gho", "t")]),
        Event::Rows("t", "a:long b:int"),
        Event::Rename(&[("t", "u")]),
        Event::Rows("u", "a:long b:int"),
        Event::Truncate("never"),
        Event::Rows("t", "a:long b:int"),
    ];

    #[test]
    fn names_hold_their_versions_over_swaps_and_lose_them_when_made_anew() {
        let mut versions = Versions::default();
        let seen = play(&mut versions, &LOG, 0);
        assert_eq!(seen[1], "Some(0)");
        assert!(seen[2].starts_with("Observed { version: 1, ended: None, changed: None"));
        assert_eq!(seen[3], "Some(1)");
        assert!(seen[4].starts_with("Observed { version: 2, ended: None"));
        // The shadow table's own name ends, the swapped one goes on.
        assert!(seen[7].contains("_t_gho") && !seen[7].contains("\"t\""), "{}", seen[7]);
        assert!(seen[8].starts_with("Observed { version: 2, ended: None, changed: Some"));
        assert!(seen[10].starts_with("Observed { version: 3, ended: Some(2)"), "{}", seen[10]);
        assert!(seen[11].contains("\"t\" }, 3)"), "{}", seen[11]);
        assert!(seen[12].starts_with("Observed { version: 0"));
        assert_eq!(seen[13], "None");
        assert!(seen[14].starts_with("Observed { version: 4"), "{}", seen[14]);
    }

    #[test]
    fn redelivery_from_anywhere_tells_the_same_and_appends_nothing() {
        let mut versions = Versions::default();
        let seen = play(&mut versions, &LOG, 0);
        for from in 0..LOG.len() {
            let mut again = versions.clone();
            assert_eq!(play(&mut again, &LOG, from), seen[from..], "from {from}");
            assert_eq!(again.tables, versions.tables, "from {from}");
        }
    }

    #[test]
    fn a_stop_anywhere_and_a_replay_give_the_same_versions() {
        for stop in 0..LOG.len() {
            let mut whole = Versions::default();
            let seen = play(&mut whole, &LOG, 0);
            let mut versions = Versions::default();
            play(&mut versions, &LOG[..stop], 0);
            let from = stop.saturating_sub(3);
            assert_eq!(play(&mut versions, &LOG, from), seen[from..], "stopped at {stop}");
            assert_eq!(versions.tables, whole.tables);
        }
    }

    #[test]
    fn a_saved_history_reads_back_and_a_broken_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("versions.json");
        let mut versions = Versions::load(&path).unwrap();
        play(&mut versions, &LOG, 0);
        assert!(versions.is_dirty());
        versions.save(&path).unwrap();
        assert!(!versions.is_dirty());
        assert_eq!(Versions::load(&path).unwrap(), versions);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        std::fs::write(&path, b"{\"tables\":[{\"schema\":1}]}").unwrap();
        assert!(Versions::load(&path).is_err());
        std::fs::write(&path, b"{").unwrap();
        assert!(Versions::load(&path).is_err());
    }

    #[test]
    fn statements_end_versions() {
        use crate::mysql::ddl::{SqlMode, classify};
        let mut versions = Versions::default();
        for name in ["a", "b", "c", "d"] {
            versions.observe(&table(name), &columns("a:int"), 1);
        }
        let mut play = |sql: &str, id: i64| {
            let mut statement = classify(sql, SqlMode::default(), true, "Shop");
            statement.fold_names();
            let ended = versions.apply(&statement, id);
            assert_eq!(versions.apply(&statement, id), ended, "redelivered: {sql}");
            let show = |e: &Ended| format!("{} {} {}", e.table, e.version, e.cause.past());
            ended.iter().map(show).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(play("TRUNCATE A", 10), "shop.a 0 truncated");
        assert_eq!(play("CREATE OR REPLACE TABLE A (x INT)", 20), "shop.a 1 dropped");
        assert_eq!(play("DROP TEMPORARY TABLE b", 30), "");
        assert_eq!(play("ALTER TABLE b RENAME TO b2", 40), "shop.b 0 renamed");
        assert_eq!(play("ALTER TABLE c RENAME TO C", 50), "");
        assert_eq!(play("RENAME TABLE d TO x, c TO d", 60), "shop.c 0 renamed");
        assert_eq!(play("DROP TABLE IF EXISTS d, never", 70), "shop.d 0 dropped");
        assert_eq!(play("DROP DATABASE SHOP", 80), "");
    }

    #[test]
    fn dropping_a_database_ends_its_tables() {
        let mut versions = Versions::default();
        versions.observe(&table("t"), &columns("a:int"), 1);
        versions.observe(&TableName::new("other", "t"), &columns("a:int"), 2);
        assert_eq!(versions.drop_database("shop", 3), [(table("t"), 0)]);
        assert_eq!(versions.observe(&table("t"), &columns("a:int"), 4).version, 1);
    }
}
