//! Foreign keys whose actions change rows that the log does not hold. Uses `error`, `connect`, `ddl`
//! (names) and the crate `mysql`. Once at the start of a run; not hot.

use mysql::prelude::Queryable;

use super::connect::{ServerInfo, describe};
use super::ddl::TableName;
use crate::error::{Error, Result};

/// A foreign key that changes or deletes rows of its own table when the other table's rows change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cascade {
    /// The table whose rows change: the child.
    pub table: TableName,
    /// The constraint's name.
    pub constraint: String,
    /// The table whose changes bring it about.
    pub parent: TableName,
    /// What it does: `ON DELETE CASCADE`, `ON UPDATE SET NULL`, or both.
    pub actions: String,
}

/// The foreign keys whose actions the log leaves out; none on a server that logs them.
///
/// The storage engine carries out these actions below the log on MariaDB, on MySQL before 9.6, and
/// on later ones that run with `innodb_native_foreign_keys` (MySQL 9.6 release notes; MariaDB
/// "Foreign Keys").
///
/// # Errors
/// `Unreachable` when the connection breaks, `Refused` when information_schema is not readable.
pub fn unlogged(conn: &mut mysql::Conn, info: &ServerInfo) -> Result<Vec<Cascade>> {
    if info.logs_cascades {
        return Ok(Vec::new());
    }
    // A constraint lies in the schema of its table.
    let rows: Vec<(String, String, String, String, String, String, String)> = conn
        .query(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA, \
             REFERENCED_TABLE_NAME, DELETE_RULE, UPDATE_RULE \
             FROM information_schema.REFERENTIAL_CONSTRAINTS \
             WHERE DELETE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
             OR UPDATE_RULE IN ('CASCADE', 'SET NULL', 'SET DEFAULT') \
             ORDER BY CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME",
        )
        .map_err(|error| {
            let text = format!("reading the server's foreign keys: {}", describe(&error));
            match error {
                mysql::Error::MySqlError(_) => Error::refused(text),
                _ => Error::unreachable(text),
            }
            .caused_by(error)
        })?;
    let cascade = |(schema, table, constraint, parent_schema, parent, delete, update)| Cascade {
        table: TableName::new(schema, table),
        constraint,
        parent: TableName::new(parent_schema, parent),
        actions: actions(delete, update),
    };
    Ok(rows.into_iter().map(cascade).collect())
}

fn actions(delete: String, update: String) -> String {
    let acts = |rule: &str| matches!(rule, "CASCADE" | "SET NULL" | "SET DEFAULT");
    let rules = [("ON DELETE", delete), ("ON UPDATE", update)];
    let told: Vec<String> = rules
        .into_iter()
        .filter(|(_, rule)| acts(rule))
        .map(|(when, rule)| format!("{when} {rule}"))
        .collect();
    told.join(" ")
}
