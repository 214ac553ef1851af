//! Positions beside the rows, in the same transaction: the table `_ums_checkpoint`. Uses `error`,
//! `ums` and the session. Not hot.

use super::session::{Session, list};
use crate::error::Result;
use crate::ums::Marker;

/// The table.
pub(in crate::sink) const TABLE: &str = "_ums_checkpoint";

/// Its columns; the first two are its key.
pub(in crate::sink) const COLUMNS: [&str; 9] =
    ["kind", "source", "id", "ts", "file", "pos", "gtid", "server", "base"];

/// Stores markers, one a source, in the open transaction.
pub(in crate::sink) fn store(session: &mut dyn Session, markers: &[Marker]) -> Result<()> {
    for marker in markers {
        let dialect = session.dialect();
        let text = |value: &str| dialect.literal(value);
        let values = [
            text(&marker.kind),
            text(&marker.source),
            marker.id.to_string(),
            text(&marker.ts),
            text(&marker.file),
            marker.pos.to_string(),
            text(&marker.gtid),
            text(&marker.server),
            marker.base.to_string(),
        ];
        let sql = dialect.replace(TABLE, &COLUMNS, 2, &values);
        session.execute(&sql)?;
    }
    Ok(())
}

/// Reads all positions; none when the table is missing.
pub(in crate::sink) fn load(session: &mut dyn Session) -> Result<Vec<Marker>> {
    let sql = session.dialect().columns_query(TABLE);
    if session.query(&sql)?.is_empty() {
        return Ok(Vec::new());
    }
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} ORDER BY {}",
        list(dialect, COLUMNS),
        dialect.quote(TABLE),
        list(dialect, COLUMNS.iter().take(2).copied())
    );
    let rows = session.query(&sql)?.into_iter().map(|row| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        Marker {
            kind: next(),
            source: next(),
            id: next().parse().unwrap_or(0),
            ts: next(),
            file: next(),
            pos: next().parse().unwrap_or(0),
            gtid: next(),
            server: next(),
            base: next().parse().unwrap_or(0),
        }
    });
    Ok(rows.collect())
}
