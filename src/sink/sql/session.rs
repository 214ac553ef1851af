//! What a database brings to the SQL sinks: a session that runs statements, and a dialect that
//! writes them. Uses `error`, `ums` and the shapes. Not hot.
//!
//! Errors say by their kind what to do: `Unreachable` is tried again on a new session (a lost
//! connection, a deadlock, a server that restarts), `Data` is about a row (the batch is halved
//! until the row is found), everything else ends the run. Their texts never hold a value, though
//! the servers' own texts do.

use std::ops::Range;

use super::kind::Kind;
use super::shape::{Group, Shape};
use crate::error::{Error, Result};
use crate::ums::hash::fnv1a;

/// A connection with at most one open transaction.
pub(in crate::sink) trait Session: Send {
    /// Runs a statement that gives no rows.
    fn execute(&mut self, sql: &str) -> Result<()>;
    /// Runs a statement that gives rows, as text.
    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>>;
    /// Lands some rows of a group in the open transaction, by the rule of every sink: absent,
    /// insert; an id not below the stored one, replace; else keep.
    fn apply(&mut self, group: &Group, rows: Range<usize>) -> Result<()>;
    /// The error of a row that was refused alone, with the column to blame where the server did not
    /// name it. The transaction is good again.
    fn blame(&mut self, _group: &Group, _at: usize, error: Error) -> Error {
        error
    }
    /// How this server wants its statements.
    fn dialect(&self) -> &dyn Dialect;
    /// The version, for `--check`.
    fn version(&mut self) -> Result<String>;
}

/// A column of a target as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sink) struct Found {
    /// Its name.
    pub(in crate::sink) name: String,
    /// Its type in the database's words.
    pub(in crate::sink) declared: String,
    /// Whether the database computes it: nothing is written there.
    pub(in crate::sink) generated: bool,
    /// Whether it takes a NULL.
    pub(in crate::sink) nullable: bool,
}

/// How a database's SQL is written.
pub(in crate::sink) trait Dialect {
    /// The longest name of a table or column, in the unit that `name_length` counts.
    fn longest_name(&self) -> usize;
    /// The length of a name.
    fn name_length(&self, name: &str) -> usize;
    /// A name as SQL, whatever is in it.
    fn quote(&self, name: &str) -> String;
    /// A table's name as the sink's own tables have it: equal for names that the server takes for
    /// one.
    fn registered(&self, name: &str) -> String {
        name.to_owned()
    }
    /// A query that gives `1` when no other sink of the database is in there, and the statement
    /// that leaves; empty where the end of the transaction does that.
    fn alone(&self) -> [&'static str; 2];
    /// Behind a SELECT: what it found stays as it is until the commit.
    fn shared_lock(&self) -> &'static str;
    /// A text as SQL, whatever is in it.
    fn literal(&self, text: &str) -> String;
    /// The type of a column that keeps the kind's values.
    fn declare(&self, kind: &Kind, key: bool) -> String;
    /// The declaration of a column that the sink adds.
    fn system_column(&self, name: &str) -> &'static str;
    /// `CREATE TABLE IF NOT EXISTS`, for columns and key.
    fn create(&self, table: &str, columns: &[(String, String)], keys: &[&str]) -> String;
    /// Gives a column another type and keeps its values.
    fn alter_type(&self, table: &str, column: &str, declared: &str) -> String;
    /// The declaration of a column that is added to a table which has these already.
    fn added(&self, declared: &str, _found: &[Found]) -> String {
        declared.to_owned()
    }
    /// Rows of name, type, `1` for a computed column and `1` for one that takes NULL, in order; none
    /// when there is no table.
    fn columns_query(&self, table: &str) -> String;
    /// Rows of index name and column name, of whole unique indexes.
    fn unique_query(&self, table: &str) -> String;
    /// A statement before one that may fail for a row, one to undo it, one to go on behind it.
    fn savepoint(&self) -> [&'static str; 3] {
        ["SAVEPOINT ums", "ROLLBACK TO SAVEPOINT ums", "RELEASE SAVEPOINT ums"]
    }
    /// Replaces a row of a small table of the sink's own by its key, the first `keys` columns.
    fn replace(&self, table: &str, columns: &[&str], keys: usize, values: &[String]) -> String;
    /// Inserts a row into a small table of the sink's own unless one of its key is there; waits for
    /// another transaction that inserts it.
    fn insert_absent(&self, table: &str, columns: &[&str], values: &[String]) -> String;
    /// Removes all rows below an id and remembers their keys, as deletes of that id.
    fn bury(&self, table: &str, keys: &[String], id: i64) -> Vec<String>;
    /// The statements that land rows of a shape, for people: parameters in place of values.
    fn shown(&self, shape: &Shape) -> Vec<String>;
}

/// The names of `names`, quoted, with commas.
pub(in crate::sink) fn list<'a>(
    dialect: &dyn Dialect,
    names: impl IntoIterator<Item = &'a str>,
) -> String {
    names.into_iter().map(|name| dialect.quote(name)).collect::<Vec<_>>().join(", ")
}

/// The side table of `--delete hard`. Every database allows 63 bytes; a longer name is cut, and what
/// was cut is told apart by a hash that stays the same for ever.
pub(in crate::sink) fn tombstone_name(table: &str) -> String {
    const LONGEST: usize = 63 - "_ums_tombstone_".len();
    if table.len() <= LONGEST {
        return format!("_ums_tombstone_{table}");
    }
    let hash = fnv1a(table.as_bytes());
    let cut = (0..=LONGEST - 17).rev().find_map(|end| table.get(..end)).unwrap_or_default();
    format!("_ums_tombstone_{cut}_{hash:016x}")
}
