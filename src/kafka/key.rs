//! HOT. Keys of records. Uses `error`, `ums`.
//!
//! A record's key is that of its first row, and all its rows belong to the partition of that key.
//! The version of the namespace is no part of it, so a table's keys keep their partitions when its
//! columns change.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::ums::{Cell, Namespace, Protocol, Schema};

/// What keys are made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum KeyRule {
    /// The namespace and the primary key.
    #[default]
    Primary,
    /// The namespace alone: all rows of a table are in one partition.
    Namespace,
    /// As the readers of 2020 expect it; rows are spread as by `Namespace`.
    Dbus,
    /// The namespace and these columns; the primary key where a table lacks one of them.
    Columns(Vec<String>),
}

impl KeyRule {
    /// Reads `primary`, `namespace`, `dbus` or names of columns.
    ///
    /// # Errors
    /// `Usage` for an empty name.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "primary" => Ok(Self::Primary),
            "namespace" => Ok(Self::Namespace),
            "dbus" => Ok(Self::Dbus),
            _ if text.split(',').any(str::is_empty) => Err(Error::usage(
                "key= takes primary, namespace, dbus, or names of columns separated by commas",
            )),
            _ => Ok(Self::Columns(text.split(',').map(str::to_owned).collect())),
        }
    }
}

/// How keys are made for the rows of one schema.
#[derive(Debug)]
pub struct Keys {
    /// The namespace, without its version.
    head: Vec<u8>,
    /// Places of the columns in a row.
    columns: Vec<usize>,
    /// Parts one to seven and source, where the key is written as in 2020.
    dbus: Option<(String, String)>,
}

impl Keys {
    /// Keys of the rows of a schema.
    pub fn new(rule: &KeyRule, protocol: Protocol, schema: &Schema) -> Self {
        let namespace = &schema.namespace;
        let mut versionless = namespace.clone();
        if let Some(version) = versionless.parts.get_mut(4) {
            "*".clone_into(version);
        }
        let places = |names: &[String]| {
            names.iter().map(|name| schema.column(name)).collect::<Option<Vec<_>>>()
        };
        let primary = || places(&schema.keys).unwrap_or_default();
        let columns = match rule {
            KeyRule::Primary => primary(),
            KeyRule::Namespace | KeyRule::Dbus => Vec::new(),
            KeyRule::Columns(names) => places(names).unwrap_or_else(primary),
        };
        Self {
            head: versionless.to_string().into_bytes(),
            columns,
            dbus: (*rule == KeyRule::Dbus).then(|| dbus(protocol, namespace)),
        }
    }

    /// Whether all rows have the same key.
    pub fn is_one(&self) -> bool {
        self.columns.is_empty()
    }

    /// How many cells of a row, from the first, are needed.
    pub fn needed(&self) -> usize {
        self.columns.iter().max().map_or(0, |last| last + 1)
    }

    /// What the partition is chosen by, for a row with these cells.
    #[inline]
    pub fn row(&self, cells: &[Cell], key: &mut Vec<u8>) -> Result<()> {
        key.clear();
        key.extend_from_slice(&self.head);
        for column in &self.columns {
            key.push(b'/');
            match cells.get(*column).map(Cell::text).transpose()?.flatten() {
                Some(text) => push_escaped(key, text.as_bytes()),
                None => key.extend_from_slice(b"%00"),
            }
        }
        Ok(())
    }

    /// The key as it is written, where that is another one.
    pub fn written(&self) -> Option<String> {
        let (front, source) = self.dbus.as_ref()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Some(format!("{front}.{}|{source}.wh_placeholder", now.as_millis()))
    }
}

fn dbus(protocol: Protocol, namespace: &Namespace) -> (String, String) {
    let source = namespace.parts.get(1).cloned().unwrap_or_default();
    (format!("{}.{namespace}", protocol.name()), source)
}

/// A slash separates the columns of a key.
#[inline]
fn push_escaped(key: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr2(b'/', b'%', text) {
        let (before, behind) = text.split_at(at);
        key.extend_from_slice(before);
        key.extend_from_slice(if behind.first() == Some(&b'/') { b"%2F" } else { b"%25" });
        text = behind.get(1..).unwrap_or_default();
    }
    key.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::{Field, Type};

    fn schema(keys: &[&str]) -> Schema {
        let field = |name: &str| Field {
            name: name.into(),
            ty: Type::String,
            nullable: true,
            encoded: false,
            origin: None,
        };
        Schema {
            namespace: Namespace::parse("mysql.db1.shop.orders.3.0.0").unwrap(),
            batch_id: 0,
            keys: keys.iter().map(|key| (*key).into()).collect(),
            fields: ["_ums_id_", "a", "b", "c"].map(field).into(),
        }
    }

    fn key(rule: &str, keys: &[&str], cells: &[Cell]) -> String {
        let rule = KeyRule::parse(rule).unwrap();
        let keys = Keys::new(&rule, Protocol::IncrementData, &schema(keys));
        let mut key = Vec::new();
        keys.row(cells, &mut key).unwrap();
        String::from_utf8(key).unwrap()
    }

    #[test]
    fn keys_are_made_of_the_columns() {
        let cells = [Cell::Plain("9"), Cell::Plain("x/y%"), Cell::Bare(b"7"), Cell::Null];
        let head = "mysql.db1.shop.orders.*.0.0";
        for (rule, keys, expected) in [
            ("primary", &["b"][..], "/7"),
            ("primary", &["b", "a"], "/7/x%2Fy%25"),
            ("primary", &[], ""),
            ("namespace", &["b"], ""),
            ("c", &["b"], "/%00"),
            ("a,b", &["b"], "/x%2Fy%25/7"),
            ("nosuch", &["b"], "/7"),
        ] {
            assert_eq!(key(rule, keys, &cells), format!("{head}{expected}"), "{rule}");
        }
        // A number is the same key as its text.
        assert_eq!(key("b", &[], &[Cell::Null, Cell::Null, Cell::Plain("7")]), format!("{head}/7"));
        assert!(KeyRule::parse("a,,b").is_err());
    }

    #[test]
    fn readers_of_2020_find_their_key() {
        let keys = Keys::new(&KeyRule::Dbus, Protocol::IncrementData, &schema(&["b"]));
        assert!(keys.is_one());
        let text = keys.written().unwrap();
        assert!(text.starts_with("data_increment_data.mysql.db1.shop.orders.3.0.0.1"), "{text}");
        assert!(text.ends_with("|db1.wh_placeholder"), "{text}");
    }
}
