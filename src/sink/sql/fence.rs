//! TRUNCATE and DROP of a source table: its rows go, and older ones that come late stay away. Uses
//! `error`, `ums`, `target` and the session. Once a statement of the source: not hot.
//!
//! The fence belongs to the source table: the id of its newest TRUNCATE or DROP. A row with a
//! smaller id was removed by that statement, whatever its key and whenever it comes.

use super::fit::{TABLE as REGISTER, read as columns};
use super::session::{Dialect, Session, tombstone_name};
use super::shape::Fence;
use crate::error::Result;
use crate::sink::claim::mode_name;
use crate::sink::target::{Delete, Mode, Options};
use crate::ums::{Namespace, Termination};

/// The table of fences.
pub(super) const TABLE: &str = "_ums_fence";

/// What stands for a table that was never emptied: below all ids, and there, so that it can be locked.
const NONE: i64 = i64::MIN;

/// The fence of a source table, made where there is none.
pub(super) fn of(session: &mut dyn Session, namespace: &Namespace) -> Result<Fence> {
    let source = namespace.source();
    let id = match read(session, &source, "")? {
        Some(id) => id,
        None => {
            make(session, &source)?;
            NONE
        }
    };
    Ok(Fence { source, id })
}

/// The fence, which stays as it is until the end of the transaction.
pub(super) fn hold(session: &mut dyn Session, source: &str) -> Result<i64> {
    let lock = session.dialect().shared_lock();
    Ok(read(session, source, lock)?.unwrap_or(NONE))
}

fn make(session: &mut dyn Session, source: &str) -> Result<()> {
    let dialect = session.dialect();
    let values = [dialect.literal(source), NONE.to_string()];
    let sql = dialect.insert_absent(TABLE, &["source", "id"], &values);
    session.execute(&sql)
}

fn read(session: &mut dyn Session, source: &str, lock: &str) -> Result<Option<i64>> {
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}{lock}",
        dialect.quote("id"),
        dialect.quote(TABLE),
        dialect.quote("source"),
        dialect.literal(source)
    );
    let row = session.query(&sql)?.into_iter().flatten().flatten().next();
    Ok(row.and_then(|id| id.parse().ok()))
}

/// Removes the rows and raises the fence; false when the table has rows of other sources as well,
/// which nothing tells apart.
pub(super) fn raise(
    session: &mut dyn Session,
    notice: &Termination,
    options: &Options,
) -> Result<bool> {
    let name = options.table(&notice.namespace).name;
    // First of all: waits for the transactions of others that still count on the old one.
    let fence = locked(session, &notice.namespace)?;
    let owned = belongs(session, &name, &notice.namespace)?;
    if owned == Some(false) {
        return Ok(false);
    }
    if fence < notice.id {
        store(session, &notice.namespace, notice.id)?;
    }
    if owned.is_some() {
        for sql in statements(session.dialect(), notice, options) {
            session.execute(&sql)?;
        }
    }
    if options.delete == Delete::Hard && !side(session, &name)?.is_empty() {
        // The fence says the same of all keys.
        let sql = delete(session.dialect(), &tombstone_name(&name), notice.id);
        session.execute(&sql)?;
    }
    Ok(true)
}

/// Whether the target table is filled, one row a key, from this source table alone; `None` when
/// there is no such table yet.
pub(super) fn belongs(
    session: &mut dyn Session,
    table: &str,
    namespace: &Namespace,
) -> Result<Option<bool>> {
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}",
        super::session::list(dialect, ["source", "mode"]),
        dialect.quote(REGISTER),
        dialect.quote("name"),
        dialect.literal(&dialect.registered(table))
    );
    let own = [Some(namespace.source()), Some(mode_name(Mode::Upsert).to_owned())];
    let owned = session.query(&sql)?.into_iter().next().map(|row| row == own);
    // Somebody may have dropped the table, by hand or by mistake.
    Ok(if owned.is_some() && columns(session, table)?.is_empty() { None } else { owned })
}

/// The fence, read under a lock that lasts to the end of the transaction, also where there is none
/// yet: who raises it comes before or after.
pub(super) fn locked(session: &mut dyn Session, namespace: &Namespace) -> Result<i64> {
    let source = namespace.source();
    make(session, &source)?;
    Ok(read(session, &source, " FOR UPDATE")?.unwrap_or(NONE))
}

/// Writes the fence.
pub(super) fn store(session: &mut dyn Session, namespace: &Namespace, id: i64) -> Result<()> {
    let dialect = session.dialect();
    let values = [dialect.literal(&namespace.source()), id.to_string()];
    let sql = dialect.replace(TABLE, &["source", "id"], 1, &values);
    session.execute(&sql)
}

/// The key columns of the side table of deleted keys; none where there is no such table.
pub(super) fn side(session: &mut dyn Session, table: &str) -> Result<Vec<String>> {
    let sql = session.dialect().columns_query(&tombstone_name(table));
    let names = session.query(&sql)?.into_iter().filter_map(|row| row.into_iter().next().flatten());
    Ok(names.filter(|name| name != "_ums_id_").collect())
}

/// What empties the target of rows below the notice.
pub(super) fn statements(
    dialect: &dyn Dialect,
    notice: &Termination,
    options: &Options,
) -> Vec<String> {
    let name = options.table(&notice.namespace).name;
    vec![match options.delete {
        Delete::Hard => delete(dialect, &name, notice.id),
        Delete::Soft => mark(dialect, &name, notice.id, &notice.ts),
    }]
}

/// Marks the rows below an id as deleted by it.
pub(super) fn mark(dialect: &dyn Dialect, table: &str, number: i64, ts: &str) -> String {
    let quoted = |name: &str| dialect.quote(name);
    let ts = match ts {
        "" => "NULL".to_owned(),
        ts => dialect.literal(ts),
    };
    format!(
        "UPDATE {} SET {active} = 0, {id} = {number}, {} = {ts}, {} = 'D' WHERE {active} <> 0 AND {id} < \
         {number}",
        quoted(table),
        quoted("_ums_ts_"),
        quoted("_ums_op_"),
        active = quoted("_is_active_"),
        id = quoted("_ums_id_"),
    )
}

/// Removes the rows below an id.
pub(super) fn delete(dialect: &dyn Dialect, table: &str, id: i64) -> String {
    format!("DELETE FROM {} WHERE {} < {id}", dialect.quote(table), dialect.quote("_ums_id_"))
}
