//! TRUNCATE and DROP of a source table: its rows go, and older ones that come late stay away. Uses
//! `error`, `ums` and the statements. Once a statement of the source: not hot.
//!
//! The fence belongs to the source table: the id of its newest TRUNCATE or DROP. A row with a
//! smaller id was removed by that statement, whatever its key and whenever it comes.

use rusqlite::{Connection, OptionalExtension, params};

use super::failure;
use super::register;
use super::statement;
use super::table::read;
use crate::error::Result;
use crate::sink::target::{Delete, Options};
use crate::ums::{Namespace, Termination};

/// Creates the table of fences when it is missing.
pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS \"_ums_fence\" (
  source TEXT NOT NULL PRIMARY KEY, id INTEGER NOT NULL
)";

/// The fence of a source table, if it has one.
pub(super) fn of(connection: &Connection, namespace: &Namespace) -> Result<Option<i64>> {
    connection
        .query_row("SELECT id FROM \"_ums_fence\" WHERE source = ?1", [namespace.source()], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|error| failure::from("_ums_fence", error))
}

/// Removes the rows and raises the fence, inside the caller's transaction; false when the table has
/// rows of other sources as well, which nothing tells apart.
pub(super) fn raise(
    connection: &Connection,
    notice: &Termination,
    options: &Options,
) -> Result<bool> {
    let name = options.table(&notice.namespace).name;
    let failed = |error| failure::from(format_args!("table {name}"), error);
    let owned = register::belongs(connection, &name, &notice.namespace)?;
    if owned == Some(false) {
        return Ok(false);
    }
    let found = read(connection, &name).map_err(failed)?;
    if let Some(table) = found.filter(|_| owned.is_some()) {
        match options.delete {
            Delete::Soft => {
                let sql = statement::empty_soft(&name);
                connection.execute(&sql, params![notice.id, notice.ts]).map_err(failed)?;
            }
            Delete::Hard => {
                connection.execute(&statement::empty_hard(&name), [notice.id]).map_err(failed)?;
                if table.tombstones {
                    // The fence says the same of all keys.
                    let side = statement::tombstone_name(&name);
                    connection
                        .execute(&statement::empty_hard(&side), [notice.id])
                        .map_err(failed)?;
                }
            }
        }
    }
    store(connection, &notice.namespace, notice.id)?;
    Ok(true)
}

/// Writes the fence unless it is higher already.
pub(super) fn store(connection: &Connection, namespace: &Namespace, id: i64) -> Result<()> {
    connection
        .execute(
            "INSERT INTO \"_ums_fence\" (source, id) VALUES (?1, ?2) \
             ON CONFLICT (source) DO UPDATE SET id = max(id, excluded.id)",
            params![namespace.source(), id],
        )
        .map(drop)
        .map_err(|error| failure::from("_ums_fence", error))
}
