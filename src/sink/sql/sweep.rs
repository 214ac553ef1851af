//! The end of a pull in an SQL server: rows that a TRUNCATE or DROP removed while they were on their
//! way, and with `--sweep` rows that the source has no more. Uses `error`, `ums`, `sweep`, `target`
//! and the session. Once for a table and pull: not hot.
//!
//! The pull and the log may be landed by two processes. The one with the log raises the fence and
//! empties the table; the one with the pull, which read the fence before that, goes on landing rows
//! from before. Here, behind all of them, the fence is read again, under a lock that raising it
//! takes first: so either the rows were there to be emptied, or the new fence is seen.

use super::fence;
use super::session::{Dialect, Session, tombstone_name};
use crate::error::Result;
use crate::sink::Ended;
use crate::sink::sweep::{SHARED, complete, moment};
use crate::sink::target::{Delete, OnTruncate, Options};
use crate::ums::{BatchEnd, Namespace};

/// Does what the end of a pull asks for, in the open transaction. Everything that came before it is
/// committed.
pub(super) fn end(
    session: &mut dyn Session,
    namespace: &Namespace,
    asked: Option<&BatchEnd>,
    options: &Options,
) -> Result<Ended> {
    let name = options.table(namespace).name;
    match fence::belongs(session, &name, namespace)? {
        // An empty source and nothing here: there is no table yet.
        None => return Ok(asked.map_or(Ended::Kept, |_| Ended::Swept(0))),
        Some(false) => return Ok(asked.map_or(Ended::Kept, |_| Ended::Left(SHARED.to_owned()))),
        Some(true) => {}
    }
    let fence = match options.on_truncate {
        OnTruncate::Apply => Some(fence::locked(session, namespace)?),
        OnTruncate::Ignore => None,
    };
    let side = fence::side(session, &name)?;
    let Some(batch) = asked.filter(|end| fence.is_none_or(|fence| fence < end.batch)) else {
        // The fence removes more than the pull could, or nobody asked for more.
        let Some(fence) = fence.filter(|fence| *fence > i64::MIN) else { return Ok(Ended::Kept) };
        let (_, below) = count(session, &name, 0, fence, options.delete)?;
        if below > 0 {
            empty(session, &name, &[], fence, "", options.delete)?;
        }
        return Ok(asked.map_or(Ended::Kept, |_| Ended::Swept(below)));
    };
    let (mut there, below) = count(session, &name, batch.batch, batch.batch, options.delete)?;
    if !side.is_empty() {
        // A row of the pull that was deleted since then.
        there += count(session, &tombstone_name(&name), batch.batch, 0, Delete::Hard)?.0;
    }
    if let Err(reason) = complete(batch, there) {
        return Ok(Ended::Left(reason));
    }
    if below > 0 {
        if options.delete == Delete::Hard && side.is_empty() {
            // Nothing remembers single keys here; the fence says the same of all.
            fence::store(session, namespace, batch.batch)?;
        }
        empty(session, &name, &side, batch.batch, moment(batch), options.delete)?;
    }
    Ok(Ended::Swept(below))
}

/// Rows from one id on, and rows below another that are there.
fn count(
    session: &mut dyn Session,
    table: &str,
    from: i64,
    below: i64,
    delete: Delete,
) -> Result<(u64, u64)> {
    let dialect = session.dialect();
    let id = dialect.quote("_ums_id_");
    let there = match delete {
        Delete::Soft => format!(" AND {} <> 0", dialect.quote("_is_active_")),
        Delete::Hard => String::new(),
    };
    let sql = format!(
        "SELECT count(CASE WHEN {id} >= {from} THEN 1 END), count(CASE WHEN {id} < {below}{there} THEN \
         1 END) FROM {}",
        dialect.quote(table)
    );
    let row = session.query(&sql)?.into_iter().next().unwrap_or_default();
    let mut counts = row.into_iter().map(|cell| cell.and_then(|text| text.parse().ok()));
    let mut next = || counts.next().flatten().unwrap_or(0);
    Ok((next(), next()))
}

/// Removes the rows below an id, as deletes of that id.
fn empty(
    session: &mut dyn Session,
    table: &str,
    keys: &[String],
    id: i64,
    ts: &str,
    delete: Delete,
) -> Result<()> {
    for sql in statements(session.dialect(), table, keys, (id, ts), delete) {
        session.execute(&sql)?;
    }
    Ok(())
}

/// The statements for it; `keys` are the columns of the side table of deleted keys, none where there
/// is no such table.
pub(super) fn statements(
    dialect: &dyn Dialect,
    table: &str,
    keys: &[String],
    (id, ts): (i64, &str),
    delete: Delete,
) -> Vec<String> {
    match delete {
        Delete::Soft => vec![fence::mark(dialect, table, id, ts)],
        Delete::Hard if keys.is_empty() => vec![fence::delete(dialect, table, id)],
        Delete::Hard => dialect.bury(table, keys, id),
    }
}
