//! The key-value metadata of a file. Uses `ums`. Not hot.

use parquet::file::metadata::KeyValue;

use super::schema::Layout;
use crate::ums::Dialect;
use crate::ums::encode::schema_json;
use crate::ums::json::push_string;

/// `ums.namespace`, `ums.keys`, `ums.fields` and `ums.text`: what it takes to write the file's rows
/// as messages again. `texts` are the columns that have a companion.
pub(super) fn metadata(layout: &Layout, texts: &[usize]) -> Vec<KeyValue> {
    let schema = layout.schema();
    let mut keys = b"[".to_vec();
    for (index, key) in schema.keys.iter().enumerate() {
        if index > 0 {
            keys.push(b',');
        }
        push_string(&mut keys, key);
    }
    keys.push(b']');
    let mut fields = Vec::new();
    schema_json(schema, Dialect::Dws, &mut fields);
    let mut companions = b"{".to_vec();
    for (name, _) in texts.iter().filter_map(|&index| layout.columns.get(index)) {
        if companions.len() > 1 {
            companions.push(b',');
        }
        push_string(&mut companions, name);
        companions.push(b':');
        push_string(&mut companions, &layout.companion(name));
    }
    companions.push(b'}');
    let entry = |key: &str, json: Vec<u8>| {
        KeyValue::new(key.to_owned(), String::from_utf8_lossy(&json).into_owned())
    };
    vec![
        KeyValue::new("ums.namespace".to_owned(), schema.namespace.to_string()),
        entry("ums.keys", keys),
        entry("ums.fields", fields),
        entry("ums.text", companions),
    ]
}
