//! The log of a MySQL or MariaDB server as UMS messages: from ended transactions to bytes. Uses
//! `ums`, `mask`, `line` and `mysql`. Reading and threads are in `flow::tail`.

pub mod audit;
pub mod files;
pub mod publish;
pub mod schema;
mod table;

pub(super) use table::system_fields;

use crate::mask::Masks;
use crate::mysql::charset::Bad;
use crate::ums::Dialect;

/// Whether the rows of a physical table are wanted.
pub type Capture = Box<dyn Fn(&str, &str) -> bool + Send>;

/// Where a physical table's rows are published.
pub type Logical = Box<dyn Fn(&str, &str) -> Published + Send>;

/// The parts of a namespace that a physical table gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Part three.
    pub schema: String,
    /// Part four.
    pub table: String,
    /// Part six: the shard of the schema.
    pub schema_shard: String,
    /// Part seven: the shard of the table.
    pub table_shard: String,
}

/// What is published, and how.
pub struct Options {
    /// Part two of every namespace.
    pub source: String,
    /// How system columns are spelled.
    pub dialect: Dialect,
    /// Rows a message at most.
    pub batch_rows: usize,
    /// Bytes a message at most, but for its last row.
    pub batch_bytes: usize,
    /// Whether the image before an update is written too.
    pub before: bool,
    /// Whether messages keep the order of rows of different tables.
    pub ordered: bool,
    /// What to do with bytes that are no text.
    pub bad_text: Bad,
    /// Added to file numbers in ids.
    pub base: u64,
    /// Which tables.
    pub capture: Capture,
    /// Under which names.
    pub logical: Logical,
    /// What is masked.
    pub masks: Option<std::sync::Arc<Masks>>,
}

/// A change of a captured table's columns, or its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// The namespace, with the version that ended where one did.
    pub namespace: String,
    /// What happened, for people.
    pub what: String,
    /// The log file.
    pub file: String,
    /// The event's offset in it.
    pub offset: u64,
}

impl std::fmt::Display for SchemaChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}: {}", self.file, self.offset, self.namespace, self.what)
    }
}

/// Called between the last row before a change and the first one behind it; an error stops the run
/// there.
pub type OnChange = Box<dyn FnMut(&SchemaChange) -> crate::error::Result<()>>;
