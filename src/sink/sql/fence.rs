//! TRUNCATE and DROP of a source table: its rows go, and older ones that come late stay away. Uses
//! `error`, `ums`, `target` and the session. Once a statement of the source: not hot.
//!
//! The fence belongs to the source table: the id of its newest TRUNCATE or DROP. A row with a
//! smaller id was removed by that statement, whatever its key and whenever it comes.

use super::fit::{TABLE as REGISTER, read as columns};
use super::session::{Dialect, Session, tombstone_name};
use super::shape::Fence;
use crate::error::Result;
use crate::sink::target::{Delete, Options};
use crate::sink::wanted::source;
use crate::ums::{Namespace, Termination};

/// The table of fences.
pub(super) const TABLE: &str = "_ums_fence";

/// What stands for a table that was never emptied: below all ids, and there, so that it can be locked.
const NONE: i64 = i64::MIN;

/// The fence of a source table, made where there is none.
pub(super) fn of(session: &mut dyn Session, namespace: &Namespace) -> Result<Fence> {
    let source = source(namespace);
    let id = match read(session, &source, "")? {
        Some(id) => id,
        None => {
            store(session, &source, NONE)?;
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

fn store(session: &mut dyn Session, source: &str, id: i64) -> Result<()> {
    let dialect = session.dialect();
    let values = [dialect.literal(source), id.to_string()];
    let sql = dialect.replace(TABLE, &["source", "id"], 1, &values);
    session.execute(&sql)
}

/// Removes the rows and raises the fence; false when the table has rows of other sources as well,
/// which nothing tells apart.
pub(super) fn raise(
    session: &mut dyn Session,
    notice: &Termination,
    options: &Options,
) -> Result<bool> {
    let name = options.table(&notice.namespace).name;
    let own = of(session, &notice.namespace)?.source;
    // Waits for the transactions of others that still count on the old one.
    let fence = read(session, &own, " FOR UPDATE")?;
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}",
        super::session::list(dialect, ["source", "mode"]),
        dialect.quote(REGISTER),
        dialect.quote("name"),
        dialect.literal(&dialect.registered(&name))
    );
    let found = session.query(&sql)?.into_iter().next();
    let expected = [Some(own.clone()), Some("upsert".to_owned())];
    if found.as_ref().is_some_and(|row| *row != expected) {
        return Ok(false);
    }
    // Somebody may have dropped the table, by hand or by mistake.
    if found.is_some() && !columns(session, &name)?.is_empty() {
        for sql in statements(session.dialect(), notice, options) {
            session.execute(&sql)?;
        }
    }
    let side = tombstone_name(&name);
    if options.delete == Delete::Hard && !columns(session, &side)?.is_empty() {
        // The fence says the same of all keys.
        let sql = delete(session.dialect(), &side, notice.id);
        session.execute(&sql)?;
    }
    if fence.is_none_or(|fence| fence < notice.id) {
        store(session, &own, notice.id)?;
    }
    Ok(true)
}

/// What empties the target of rows below the notice.
pub(super) fn statements(
    dialect: &dyn Dialect,
    notice: &Termination,
    options: &Options,
) -> Vec<String> {
    let name = options.table(&notice.namespace).name;
    let quoted = |name: &str| dialect.quote(name);
    vec![match options.delete {
        Delete::Hard => delete(dialect, &name, notice.id),
        Delete::Soft => {
            let ts = match notice.ts.as_str() {
                "" => "NULL".to_owned(),
                ts => dialect.literal(ts),
            };
            format!(
                "UPDATE {} SET {active} = 0, {id} = {number}, {} = {ts}, {} = 'D' WHERE {active} <> 0 \
                 AND {id} < {number}",
                quoted(&name),
                quoted("_ums_ts_"),
                quoted("_ums_op_"),
                active = quoted("_is_active_"),
                id = quoted("_ums_id_"),
                number = notice.id,
            )
        }
    }]
}

fn delete(dialect: &dyn Dialect, table: &str, id: i64) -> String {
    format!("DELETE FROM {} WHERE {} < {id}", dialect.quote(table), dialect.quote("_ums_id_"))
}
