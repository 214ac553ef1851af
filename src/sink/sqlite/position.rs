//! Positions beside the rows, in the same transaction: the table `_ums_checkpoint`. Uses `error`
//! and `ums`. Not hot.
//!
//! Stored is the newest marker seen, even when it is older than the stored one: a run that reads
//! older data again may be resumed earlier, which is always safe.

use rusqlite::{Connection, params};

use super::failure;
use crate::error::{Error, Result};
use crate::ums::Marker;

/// Creates the table when it is missing.
pub(super) const CREATE: &str = "CREATE TABLE IF NOT EXISTS \"_ums_checkpoint\" (
  kind TEXT NOT NULL, source TEXT NOT NULL, id INTEGER NOT NULL, ts TEXT NOT NULL,
  file TEXT NOT NULL, pos INTEGER NOT NULL, gtid TEXT NOT NULL, server TEXT NOT NULL,
  base INTEGER NOT NULL, PRIMARY KEY (kind, source)
)";

/// Stores markers, one a source; the caller's transaction makes them durable with the rows.
pub(super) fn store(connection: &Connection, name: &str, markers: &[Marker]) -> Result<()> {
    let failed = |error| failure::from(format_args!("{name}: _ums_checkpoint"), error);
    let mut statement = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO \"_ums_checkpoint\" \
             (kind, source, id, ts, file, pos, gtid, server, base) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )
        .map_err(failed)?;
    for marker in markers {
        let whole = |number: u64| {
            i64::try_from(number).map_err(|_| {
                Error::data(format!("the marker of {} has a position above 2^63", marker.source))
            })
        };
        statement
            .execute(params![
                marker.kind,
                marker.source,
                marker.id,
                marker.ts,
                marker.file,
                whole(marker.pos)?,
                marker.gtid,
                marker.server,
                whole(marker.base)?,
            ])
            .map_err(failed)?;
    }
    Ok(())
}

/// Reads all positions; none when the table is missing.
pub(super) fn load(connection: &Connection, name: &str) -> Result<Vec<Marker>> {
    let failed = |error| failure::from(format_args!("{name}: _ums_checkpoint"), error);
    if !connection.table_exists(None, "_ums_checkpoint").map_err(failed)? {
        return Ok(Vec::new());
    }
    let mut statement = connection
        .prepare(
            "SELECT kind, source, id, ts, file, pos, gtid, server, base \
             FROM \"_ums_checkpoint\" ORDER BY kind, source",
        )
        .map_err(failed)?;
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    let rows = statement.query_map([], |row| {
        Ok(Marker {
            kind: row.get(0)?,
            source: row.get(1)?,
            id: row.get(2)?,
            ts: row.get(3)?,
            file: row.get(4)?,
            pos: whole(row.get(5)?),
            gtid: row.get(6)?,
            server: row.get(7)?,
            base: whole(row.get(8)?),
        })
    });
    rows.and_then(Iterator::collect).map_err(failed)
}
