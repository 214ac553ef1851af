//! Definitions as JSON, for the schema store. Uses nothing else. Not hot.
//!
//! What is null or false is left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{ColumnDefinition, TableDefinition};

/// Puts what says something.
fn put(object: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    let value = value.into();
    if !matches!(value, Value::Null | Value::Bool(false)) {
        object.insert(key.to_owned(), value);
    }
}

/// Writes a definition.
pub(super) fn write(table: &TableDefinition) -> Value {
    let mut object = Map::new();
    put(&mut object, "columns", table.columns.iter().map(column).collect::<Vec<_>>());
    put(&mut object, "keys", table.keys.clone());
    put(&mut object, "charset", table.charset.clone());
    put(&mut object, "collation", table.collation.clone());
    put(&mut object, "versioned", table.versioned);
    Value::Object(object)
}

fn column(column: &ColumnDefinition) -> Value {
    let mut object = Map::new();
    put(&mut object, "name", column.name.clone());
    put(&mut object, "type", column.column_type.clone());
    put(&mut object, "nullable", column.nullable);
    put(&mut object, "charset", column.charset.clone());
    put(&mut object, "collation", column.collation.clone());
    put(&mut object, "generated", column.generated);
    put(&mut object, "invisible", column.invisible);
    Value::Object(object)
}

/// Reads a definition back; `None` when it is something else.
pub(super) fn read(value: &Value) -> Option<TableDefinition> {
    let columns = value.get("columns")?.as_array()?.iter().map(|column| {
        Some(ColumnDefinition {
            name: text(column, "name")??,
            column_type: text(column, "type")??,
            nullable: flag(column, "nullable")?,
            charset: text(column, "charset")?,
            collation: text(column, "collation")?,
            generated: flag(column, "generated")?,
            invisible: flag(column, "invisible")?,
        })
    });
    let keys = value.get("keys")?.as_array()?.iter().map(|key| Some(key.as_str()?.to_owned()));
    Some(TableDefinition {
        columns: columns.collect::<Option<_>>()?,
        keys: keys.collect::<Option<_>>()?,
        charset: text(value, "charset")?,
        collation: text(value, "collation")?,
        versioned: flag(value, "versioned")?,
    })
}

/// A text that may be left out; `None` when it is no text.
fn text(value: &Value, key: &str) -> Option<Option<String>> {
    match value.get(key) {
        None => Some(None),
        Some(text) => Some(Some(text.as_str()?.to_owned())),
    }
}

fn flag(value: &Value, key: &str) -> Option<bool> {
    value.get(key).map_or(Some(false), Value::as_bool)
}

/// Writes what something was, by the event from which it was so; without `is` it was gone.
pub(super) fn write_entries<T>(
    entries: &BTreeMap<i64, Option<T>>,
    write: impl Fn(&T) -> Value,
) -> Value {
    let entry = |(id, what): (&i64, &Option<T>)| match what {
        Some(what) => json!({ "from_id": id, "is": write(what) }),
        None => json!({ "from_id": id }),
    };
    Value::Array(entries.iter().map(entry).collect())
}

/// Reads it back; `None` when it is something else.
pub(super) fn read_entries<T>(
    value: &Value,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<BTreeMap<i64, Option<T>>> {
    let entry = |entry: &Value| {
        let what = match entry.get("is") {
            Some(what) => Some(read(what)?),
            None => None,
        };
        Some((entry.get("from_id")?.as_i64()?, what))
    };
    value.as_array()?.iter().map(entry).collect()
}
