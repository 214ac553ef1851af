//! The seven-part namespace and its patterns. Uses `error`. Not hot.

use crate::error::Result;

/// `type.source.schema.table.version.dbshard.tableshard`, parts held decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// The seven parts, `%2E` and `%25` decoded.
    pub parts: [String; 7],
}

impl Namespace {
    /// Reads the written form.
    pub fn parse(_text: &str) -> Result<Self> {
        todo!()
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        todo!()
    }
}

/// A pattern over namespaces: `*` for a whole part or inside one; missing parts mean `*`.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(_text: &str) -> Result<Self> {
        todo!()
    }

    /// Whether the namespace matches, part by part.
    pub fn matches(&self, _namespace: &Namespace) -> bool {
        let _ = &self.parts;
        todo!()
    }
}

/// Whether `text` matches `pattern`, where `*` stands for any run of characters.
pub fn glob(_pattern: &str, _text: &str) -> bool {
    todo!()
}
