//! The version part of namespaces. Uses `ddl` (names). Warm: asked at each TABLE_MAP
//! that is new.
//!
//! A version rises when a table's columns change incompatibly, at TRUNCATE, and when its name is
//! dropped or renamed away and made anew. It must be the same at every redelivery, so a history is
//! kept by event id: an event that is not newer than the history is looked up in it.
//!
//! The history is saved before anything that depends on it is written: whoever sees
//! [`Versions::is_dirty`] saves it first (see `schema_store`). A crash in between then replays the same
//! events onto a history that knows them, or onto one that learns them again in the same way.

mod apply;
mod difference;
mod json;

use std::collections::BTreeMap;

use crate::mysql::ddl::TableName;

pub use apply::Ended;
pub use difference::Difference;

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

    /// Everything was saved.
    pub fn saved(&mut self) {
        self.dirty = false;
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
    fn a_history_reads_back_from_json() {
        let mut versions = Versions::default();
        play(&mut versions, &LOG, 0);
        assert!(versions.is_dirty());
        versions.saved();
        assert_eq!(Versions::from_json(&versions.to_json()), Some(versions));
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
