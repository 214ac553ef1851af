//! Histories of versions as JSON, for the schema store. Uses `ddl` (names). Not hot.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Entry, Versions};
use crate::mysql::ddl::TableName;

impl Versions {
    /// As the schema store keeps it.
    pub fn to_json(&self) -> Value {
        let tables = self.tables.iter().map(|(name, history)| {
            let history: Vec<Value> = history.iter().map(entry_to_json).collect();
            json!({ "schema": name.schema, "table": name.table, "history": history })
        });
        Value::Array(tables.collect())
    }

    /// Reads it back; `None` when it is something else.
    pub fn from_json(value: &Value) -> Option<Self> {
        let mut tables = BTreeMap::new();
        for table in value.as_array()? {
            let text = |key| Some(table.get(key)?.as_str()?.to_owned());
            let name = TableName::new(text("schema")?, text("table")?);
            let history = table.get("history")?.as_array()?.iter().map(read_entry);
            tables.insert(name, history.collect::<Option<_>>()?);
        }
        Some(Self { tables, dirty: false })
    }
}

fn entry_to_json(entry: &Entry) -> Value {
    json!({
        "from_id": entry.from_id, "version": entry.version, "columns": entry.columns,
        "cause": entry.cause, "gone": entry.gone,
    })
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
