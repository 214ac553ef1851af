//! What tables looked like, and since which event, so that a later run over later log files knows
//! them. Uses `ddl` (names) and the catalog. Once a statement and once a new TABLE_MAP; not hot.
//!
//! The events recorded here are those that a run was given, in the order of their ids. A run that
//! starts again takes what held before its first event and follows the statements from there, so
//! that it comes to the same definitions: a redelivered event finds its own entry and adds nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Catalog, Shape, json};
use crate::mysql::ddl::{Statement, TableName};

/// What something was, by the event (`_ums_id_`) from which it was so; `None`: it was gone.
type Entries<T> = BTreeMap<i64, Option<T>>;

/// The definitions that tables have had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    tables: BTreeMap<TableName, Entries<Shape>>,
    /// Default character sets, where known: columns that come later have them.
    databases: BTreeMap<String, Entries<Option<String>>>,
    dirty: bool,
}

impl History {
    /// Whether there is something to save.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Everything was saved.
    pub fn saved(&mut self) {
        self.dirty = false;
    }

    /// The newest event that changed something.
    pub fn newest(&self) -> Option<i64> {
        let tables = self.tables.values().filter_map(|entries| entries.keys().next_back());
        let databases = self.databases.values().filter_map(|entries| entries.keys().next_back());
        tables.chain(databases).max().copied()
    }

    /// Has the catalog follow the statement that is the event `id`, and keeps what is new.
    pub fn follow(&mut self, catalog: &mut Catalog, statement: &Statement, id: i64) {
        let touched = catalog.touched(statement);
        catalog.apply(statement);
        for table in touched {
            self.record(catalog, &table, id);
        }
        if let Statement::CreateDatabase { name, .. }
        | Statement::AlterDatabase { name, .. }
        | Statement::DropDatabase(name) = statement
        {
            let name = catalog.fold(name);
            let now = catalog.databases.get(&name);
            self.dirty |= set(self.databases.entry(name).or_default(), now, id);
        }
    }

    /// Keeps what the catalog says of a table at the event `id`, where that is new.
    pub fn record(&mut self, catalog: &Catalog, table: &TableName, id: i64) {
        self.set(catalog.key(table), catalog.shape(table), id);
    }

    /// From the event `id` on the table's definition is not known, for this reason.
    pub fn forget(&mut self, catalog: &Catalog, table: &TableName, reason: &str, id: i64) {
        self.set(catalog.key(table), Some(&Shape::Unknown(reason.to_owned())), id);
    }

    fn set(&mut self, table: TableName, shape: Option<&Shape>, id: i64) {
        if shape.is_some() || self.tables.contains_key(&table) {
            self.dirty |= set(self.tables.entry(table).or_default(), shape, id);
        }
    }

    /// Sets the catalog to what held before the event `id`. Where the history does not know a
    /// table, what the catalog has of it stays.
    pub fn restore(&self, catalog: &mut Catalog, id: i64) {
        for (table, entries) in &self.tables {
            match entries.range(..id).next_back() {
                Some((_, Some(Shape::Known(definition)))) => {
                    catalog.insert(table, definition.clone());
                }
                Some((_, Some(Shape::Unknown(reason)))) if catalog.shape(table).is_none() => {
                    catalog.forget(table, reason.clone());
                }
                _ => {}
            }
        }
        for (name, entries) in &self.databases {
            if let Some((_, Some(charset))) = entries.range(..id).next_back() {
                catalog.insert_database(name, charset.clone());
            }
        }
    }

    /// As the schema store keeps it.
    pub fn to_json(&self) -> Value {
        let shape = |shape: &Shape| match shape {
            Shape::Unknown(reason) => json!({ "unknown": reason }),
            Shape::Known(table) => json::write(table),
        };
        let tables = self.tables.iter().map(|(name, entries)| {
            let history = json::write_entries(entries, shape);
            json!({ "schema": name.schema, "table": name.table, "history": history })
        });
        let databases = self.databases.iter().map(|(name, entries)| {
            let history = json::write_entries(entries, |charset| json!(charset));
            json!({ "schema": name, "history": history })
        });
        json!({
            "tables": tables.collect::<Vec<_>>(), "databases": databases.collect::<Vec<_>>(),
        })
    }

    /// Reads it back; `None` when it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let mut history = Self::default();
        let text = |value: &Value, key| Some(value.get(key)?.as_str()?.to_owned());
        for table in value.get("tables")?.as_array()? {
            let name = TableName::new(text(table, "schema")?, text(table, "table")?);
            let shape = |value: &Value| match value.get("unknown") {
                Some(reason) => Some(Shape::Unknown(reason.as_str()?.to_owned())),
                None => Some(Shape::Known(json::read(value)?)),
            };
            history.tables.insert(name, json::read_entries(table.get("history")?, shape)?);
        }
        for database in value.get("databases")?.as_array()? {
            let charset = |value: &Value| match value {
                Value::Null => Some(None),
                text => Some(Some(text.as_str()?.to_owned())),
            };
            let entries = json::read_entries(database.get("history")?, charset)?;
            history.databases.insert(text(database, "schema")?, entries);
        }
        Some(history)
    }
}

/// Adds an entry where it says something new; whether it did.
fn set<T: Clone + PartialEq>(entries: &mut Entries<T>, now: Option<&T>, id: i64) -> bool {
    let before = entries.range(..=id).next_back().and_then(|(_, known)| known.as_ref());
    if before == now {
        return false;
    }
    entries.insert(id, now.cloned());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::ddl::{SqlMode, classify};

    const LOG: [&str; 11] = [
        "CREATE DATABASE shop CHARACTER SET latin1",
        "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, e ENUM('a','b''c') CHARACTER SET latin1)",
        "ALTER TABLE t ADD COLUMN more VARCHAR(9) COLLATE utf8mb4_bin NOT NULL INVISIBLE",
        "CREATE TABLE u LIKE t",
        "CREATE TABLE s AS SELECT 1",
        "RENAME TABLE t TO old, u TO t",
        "ALTER TABLE t DROP COLUMN more, RENAME TO v",
        "DROP TABLE old",
        "ALTER DATABASE shop CHARACTER SET latin2",
        "CREATE TABLE t (x BIGINT) WITH SYSTEM VERSIONING",
        "DROP DATABASE shop",
    ];

    /// Follows the statements from number `from` on; the shapes after each.
    fn play(catalog: &mut Catalog, history: &mut History, from: usize) -> Vec<Catalog> {
        let mut seen = Vec::new();
        for (at, sql) in LOG.iter().enumerate().skip(from) {
            let statement = classify(sql, SqlMode::default(), true, "shop");
            history.follow(catalog, &statement, at as i64 * 100 + 100);
            seen.push(catalog.clone());
        }
        seen
    }

    #[test]
    fn a_run_that_starts_anywhere_comes_to_the_same_definitions() {
        let mut history = History::default();
        let whole = play(&mut Catalog::default(), &mut history, 0);
        let text = history.to_json().to_string();
        history = History::from_json(&serde_json::from_str(&text).unwrap()).unwrap();
        for from in 0..LOG.len() {
            let (mut catalog, mut again) = (Catalog::default(), history.clone());
            again.restore(&mut catalog, from as i64 * 100 + 100);
            if let Some(before) = from.checked_sub(1) {
                assert_eq!(catalog, whole[before], "before {}", LOG[from]);
            }
            assert_eq!(play(&mut catalog, &mut again, from), whole[from..], "{}", LOG[from]);
            assert_eq!(again, history, "redelivery adds nothing");
        }
    }

    #[test]
    fn what_is_no_history_is_refused() {
        let entry = r#"{"tables":[{"schema":"a","table":"b","history":[{"from_id":1,"is":1}]}],"databases":[]}"#;
        for text in ["{}", "[1]", r#"{"tables":[1],"databases":[]}"#, entry] {
            assert_eq!(History::from_json(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
