//! The end of a pull: rows that a TRUNCATE or DROP removed while they were on their way, and with
//! `--sweep` rows that the source has no more. Uses `error`, `ums`, `sweep` and the statements. Once
//! for a table and pull: not hot.
//!
//! Another process may have landed the TRUNCATE after this one had read the fence. It is read again
//! in the transaction that has, or follows, all rows of the pull; SQLite has one writer at a time.

use rusqlite::{Connection, params};

use super::table::read;
use super::{failure, fence, register, statement};
use crate::error::Result;
use crate::sink::Ended;
use crate::sink::sweep::{SHARED, complete, moment};
use crate::sink::target::{Delete, OnTruncate, Options};
use crate::ums::{BatchEnd, Namespace};

/// Does what the end of a pull asks for, inside the caller's transaction.
pub(super) fn end(
    connection: &Connection,
    namespace: &Namespace,
    asked: Option<&BatchEnd>,
    options: &Options,
) -> Result<Ended> {
    let name = options.table(namespace).name;
    let failed = |error| failure::from(format_args!("table {name}"), error);
    let owned = register::belongs(connection, &name, namespace)?;
    let Some(table) = read(connection, &name).map_err(failed)?.filter(|_| owned.is_some()) else {
        // An empty source and nothing here: there is no table yet.
        return Ok(asked.map_or(Ended::Kept, |_| Ended::Swept(0)));
    };
    if owned == Some(false) {
        return Ok(asked.map_or(Ended::Kept, |_| Ended::Left(SHARED.to_owned())));
    }
    let soft = options.delete == Delete::Soft;
    let count = |table: &str, from: i64, below: i64, soft: bool| -> Result<(u64, u64)> {
        let sql = statement::count(table, soft);
        let counted = connection.query_row(&sql, [from, below], |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
        });
        counted.map_err(failed)
    };
    let empty = |id: i64, ts: Option<&str>| -> Result<()> {
        let done = match soft {
            true => connection.execute(&statement::empty_soft(&name), params![id, ts]),
            false => connection.execute(&statement::empty_hard(&name), [id]),
        };
        done.map(drop).map_err(failed)
    };
    let fence = match options.on_truncate {
        OnTruncate::Apply => fence::of(connection, namespace)?,
        OnTruncate::Ignore => None,
    };
    let Some(batch) = asked.filter(|end| fence.is_none_or(|fence| fence < end.batch)) else {
        // The fence removes more than the pull could, or nobody asked for more.
        let Some(fence) = fence else { return Ok(Ended::Kept) };
        let below = count(&name, 0, fence, soft)?.1;
        empty(fence, None)?;
        return Ok(asked.map_or(Ended::Kept, |_| Ended::Swept(below)));
    };
    let (mut there, below) = count(&name, batch.batch, batch.batch, soft)?;
    let side = statement::tombstone_name(&name);
    if table.tombstones {
        // A row of the pull that was deleted since then.
        there += count(&side, batch.batch, 0, false)?.0;
    }
    if let Err(reason) = complete(batch, there) {
        return Ok(Ended::Left(reason));
    }
    if !soft && !table.tombstones {
        // Nothing remembers single keys here; the fence says the same of all.
        fence::store(connection, namespace, batch.batch)?;
    } else if !soft {
        let keys = read(connection, &side).map_err(failed)?.map_or(Vec::new(), |side| side.columns);
        let keys: Vec<&str> = keys.iter().map(|column| column.name.as_str()).collect();
        let keys: Vec<&str> = keys.into_iter().filter(|name| *name != "_ums_id_").collect();
        connection.execute(&statement::bury(&name, &keys), [batch.batch]).map_err(failed)?;
    }
    empty(batch.batch, Some(moment(batch)))?;
    Ok(Ended::Swept(below))
}
