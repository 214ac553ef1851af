//! What tables looked like, and since which event, so that a later run over later log files knows
//! them. Uses `ddl` (names) and the catalog. Once a statement and once a new TABLE_MAP; not hot.
//!
//! The events recorded here are those that a run was given, in the order of their ids. A run that
//! starts again takes what held before its first event and follows the statements from there, so
//! that it comes to the same definitions: a redelivered event finds its own entry and adds nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Catalog, Shape, json};
use crate::mysql::ddl::TableName;

/// What a table looked like, by the event (`_ums_id_`) from which it did; `None`: it was gone.
type Entries = BTreeMap<i64, Option<Shape>>;

/// The definitions that tables have had.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    tables: BTreeMap<TableName, Entries>,
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
        self.tables.values().filter_map(|entries| entries.keys().next_back()).max().copied()
    }

    /// Keeps what the catalog says of a table after the event `id`, where that is new.
    pub fn record(&mut self, catalog: &Catalog, table: &TableName, id: i64) {
        self.set(catalog.key(table), catalog.shape(table), id);
    }

    /// From the event `id` on the table's definition is not known, for this reason.
    pub fn forget(&mut self, catalog: &Catalog, table: &TableName, reason: &str, id: i64) {
        self.set(catalog.key(table), Some(&Shape::Unknown(reason.to_owned())), id);
    }

    fn set(&mut self, table: TableName, shape: Option<&Shape>, id: i64) {
        let before = self.tables.get(&table).and_then(|entries| entries.range(..=id).next_back());
        let known = before.and_then(|(_, shape)| shape.as_ref());
        if known == shape {
            return;
        }
        self.tables.entry(table).or_default().insert(id, shape.cloned());
        self.dirty = true;
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
    }

    /// As the schema store keeps it.
    pub fn to_json(&self) -> Value {
        let entry = |(id, shape): (&i64, &Option<Shape>)| match shape {
            None => json!({ "from_id": id, "gone": true }),
            Some(Shape::Unknown(reason)) => json!({ "from_id": id, "unknown": reason }),
            Some(Shape::Known(table)) => json!({ "from_id": id, "table": json::write(table) }),
        };
        let tables = self.tables.iter().map(|(name, entries)| {
            let entries: Vec<Value> = entries.iter().map(entry).collect();
            json!({ "schema": name.schema, "table": name.table, "history": entries })
        });
        Value::Array(tables.collect())
    }

    /// Reads it back; `None` when it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let mut tables = BTreeMap::new();
        for table in value.as_array()? {
            let text = |key| Some(table.get(key)?.as_str()?.to_owned());
            let name = TableName::new(text("schema")?, text("table")?);
            let entries = table.get("history")?.as_array()?.iter().map(|entry| {
                let shape = if let Some(reason) = entry.get("unknown") {
                    Some(Shape::Unknown(reason.as_str()?.to_owned()))
                } else if let Some(table) = entry.get("table") {
                    Some(Shape::Known(json::read(table)?))
                } else {
                    entry.get("gone")?.as_bool()?.then_some(None)?
                };
                Some((entry.get("from_id")?.as_i64()?, shape))
            });
            tables.insert(name, entries.collect::<Option<Entries>>()?);
        }
        Some(Self { tables, dirty: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::ddl::{SqlMode, classify};

    const LOG: [&str; 9] = [
        "CREATE TABLE t (id INT UNSIGNED PRIMARY KEY, e ENUM('a','b''c') CHARACTER SET latin1)",
        "ALTER TABLE t ADD COLUMN more VARCHAR(9) COLLATE utf8mb4_bin NOT NULL INVISIBLE",
        "CREATE TABLE u LIKE t",
        "CREATE TABLE s AS SELECT 1",
        "RENAME TABLE t TO old, u TO t",
        "ALTER TABLE t DROP COLUMN more, RENAME TO v",
        "DROP TABLE old",
        "CREATE TABLE t (x BIGINT) WITH SYSTEM VERSIONING",
        "DROP DATABASE shop",
    ];

    /// Follows the statements from number `from` on; the shapes after each.
    fn play(catalog: &mut Catalog, history: &mut History, from: usize) -> Vec<Catalog> {
        let mut seen = Vec::new();
        for (at, sql) in LOG.iter().enumerate().skip(from) {
            let statement = classify(sql, SqlMode::default(), true, "shop");
            let touched = catalog.touched(&statement);
            catalog.apply(&statement);
            for table in touched {
                history.record(catalog, &table, at as i64 * 100 + 100);
            }
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
                assert_eq!(catalog.tables, whole[before].tables, "before {}", LOG[from]);
            }
            assert_eq!(play(&mut catalog, &mut again, from), whole[from..], "{}", LOG[from]);
            assert_eq!(again, history, "redelivery adds nothing");
        }
    }

    #[test]
    fn what_is_no_history_is_refused() {
        for text in ["{}", "[1]", r#"[{"schema":"a","table":"b","history":[{"from_id":1}]}]"#] {
            assert_eq!(History::from_json(&serde_json::from_str(text).unwrap()), None, "{text}");
        }
    }
}
