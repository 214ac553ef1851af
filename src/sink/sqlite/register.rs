//! Who owns a target table: the table `_ums_table`. Uses `error` and `sink`. Runs once a schema.

use rusqlite::{Connection, OptionalExtension, params};

use super::failure;
use crate::error::Result;
use crate::sink::claim::{SHARED, judge, mode_name};
use crate::sink::target::Mode;
use crate::sink::wanted::Wanted;
use crate::ums::Namespace;

/// Creates the register of target tables when it is missing. It says which source table a target
/// belongs to, so that two tables of one name never mix unnoticed, not even in two runs.
pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS \"_ums_table\" (
  name TEXT NOT NULL COLLATE NOCASE PRIMARY KEY, source TEXT NOT NULL, mode TEXT NOT NULL,
  made INTEGER NOT NULL
)";

/// Claims the name; tells whether the table is of our own making.
pub(super) fn claim(
    connection: &Connection,
    wanted: &Wanted,
    mode: Mode,
    missing: bool,
) -> Result<bool> {
    let name = &wanted.table.name;
    let failed = |error| failure::from("_ums_table", error);
    let found: Option<(String, String, bool)> = connection
        .query_row("SELECT source, mode, made FROM \"_ums_table\" WHERE name = ?1", [name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(failed)?;
    let (mut owner, mut made) = (wanted.namespace.source(), missing);
    if let Some((known, made_for, ours)) = found.filter(|_| !missing) {
        made = ours;
        if !judge(wanted, mode, &known, &made_for)? {
            return Ok(made);
        }
        owner = SHARED.to_owned();
    }
    // Also a table that somebody dropped meanwhile: it is made anew.
    connection
        .execute(
            "INSERT OR REPLACE INTO \"_ums_table\" (name, source, mode, made) VALUES (?1, ?2, ?3, ?4)",
            params![name, owner, mode_name(mode), made],
        )
        .map_err(failed)?;
    Ok(made)
}

/// Whether the target table is filled, one row a key, from this source table alone; `None` when
/// there is no such table yet.
pub(super) fn belongs(
    connection: &Connection,
    table: &str,
    namespace: &Namespace,
) -> Result<Option<bool>> {
    connection
        .query_row("SELECT source, mode FROM \"_ums_table\" WHERE name = ?1", [table], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })
        .optional()
        .map(|found| {
            found.map(|(own, mode)| own == namespace.source() && mode == mode_name(Mode::Upsert))
        })
        .map_err(|error| failure::from("_ums_table", error))
}
