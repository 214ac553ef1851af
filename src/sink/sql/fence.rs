//! TRUNCATE and DROP of a source table: its rows go, and older ones that come late stay away. Uses
//! `error`, `ums`, `target` and the session. Once a statement of the source: not hot.
//!
//! The fence belongs to the source table: the id of its newest TRUNCATE or DROP. A row with a
//! smaller id was removed by that statement, whatever its key and whenever it comes.

use super::fit::TABLE as REGISTER;
use super::session::{Dialect, Session, tombstone_name};
use crate::error::Result;
use crate::sink::target::{Delete, Options};
use crate::sink::wanted::source;
use crate::ums::{Namespace, Termination};

/// The table of fences.
pub(super) const TABLE: &str = "_ums_fence";

/// The fence of a source table, if it has one.
pub(super) fn of(session: &mut dyn Session, namespace: &Namespace) -> Result<Option<i64>> {
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}",
        dialect.quote("id"),
        dialect.quote(TABLE),
        dialect.quote("source"),
        dialect.literal(&source(namespace))
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
    let own = source(&notice.namespace);
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}",
        super::session::list(dialect, ["source", "mode"]),
        dialect.quote(REGISTER),
        dialect.quote("name"),
        dialect.literal(&name)
    );
    let found = session.query(&sql)?.into_iter().next();
    let expected = [Some(own.clone()), Some("upsert".to_owned())];
    if found.as_ref().is_some_and(|row| *row != expected) {
        return Ok(false);
    }
    if found.is_some() {
        for sql in statements(session.dialect(), notice, options) {
            session.execute(&sql)?;
        }
    }
    let columns = session.dialect().columns_query(&tombstone_name(&name));
    if options.delete == Delete::Hard && !session.query(&columns)?.is_empty() {
        // The fence says the same of all keys.
        let sql = delete(session.dialect(), &tombstone_name(&name), notice.id);
        session.execute(&sql)?;
    }
    if of(session, &notice.namespace)?.is_none_or(|fence| fence < notice.id) {
        let dialect = session.dialect();
        let values = [dialect.literal(&own), notice.id.to_string()];
        let sql = dialect.replace(TABLE, &["source", "id"], 1, &values);
        session.execute(&sql)?;
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
