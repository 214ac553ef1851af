//! Who owns a target table: the table `_ums_table`. Uses `error` and `sink`. Runs once a schema.

use rusqlite::{Connection, OptionalExtension, params};

use super::failure;
use crate::error::{Error, Result};
use crate::sink::target::Mode;
use crate::sink::wanted::Wanted;

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
    let mode = match mode {
        Mode::Upsert => "upsert",
        Mode::Append => "append",
    };
    let found: Option<(String, String, bool)> = connection
        .query_row("SELECT source, mode, made FROM \"_ums_table\" WHERE name = ?1", [name], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(failed)?;
    let own = wanted.source();
    match found {
        Some((source, _, _)) if !wanted.table.mapped && !missing && source != own => {
            Err(Error::refused(format!(
                "{}: table {name} belongs to {}",
                wanted.namespace,
                if source.is_empty() { "several sources by --map" } else { &source }
            ))
            .advise(format!(
                "give each its own with --map, such as --map '{own}={{schema}}_{{table}}'"
            )))
        }
        Some((_, made_for, _)) if !missing && made_for != mode => Err(Error::refused(format!(
            "{}: table {name} was filled with --mode {made_for}",
            wanted.namespace
        ))
        .advise(format!("use another database or another name (--map) for --mode {mode}"))),
        Some((_, _, made)) if !missing => Ok(made),
        // Also a table that somebody dropped meanwhile: it is made anew.
        _ => {
            let source = if wanted.table.mapped { "" } else { own.as_str() };
            connection
                .execute(
                    "INSERT OR REPLACE INTO \"_ums_table\" (name, source, mode, made) VALUES (?1, ?2, ?3, ?4)",
                    params![name, source, mode, missing],
                )
                .map_err(failed)?;
            Ok(missing)
        }
    }
}
