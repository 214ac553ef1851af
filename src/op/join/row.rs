//! What every row says of itself: what happened to it, its id, and when. Uses `error`, `ums`. HOT: once
//! a row.

use super::clock;
use crate::error::{Error, Result};
use crate::ums::model::SystemColumns;
use crate::ums::{Cell, Namespace, Op};

/// The system columns of a row.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// What happened.
    pub op: Op,
    /// Its `_ums_id_`.
    pub id: i64,
    /// Its `_ums_ts_`, in microseconds since 1970.
    pub ts: i64,
}

/// Reads them; `None` for the image before an update. Without an op, a row was inserted.
///
/// # Errors
/// `Data` for what is no op, no id or no time.
#[inline]
pub fn told(system: SystemColumns, cells: &[Cell]) -> Result<Option<Told>> {
    let text = |place: Option<usize>| -> Result<Option<_>> {
        Ok(match place.and_then(|place| cells.get(place)) {
            Some(cell) => cell.text()?,
            None => None,
        })
    };
    let op = match text(system.op)? {
        None if system.op.is_none() => Some(Op::Insert),
        None => None,
        Some(text) => Op::parse(text.as_bytes()),
    };
    let op = op.ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))?;
    if op == Op::Before {
        return Ok(None);
    }
    let id = text(system.id)?.and_then(|text| text.parse().ok());
    let id = id.ok_or_else(|| Error::data("_ums_id_ is no 64-bit number"))?;
    let ts = text(system.ts)?.and_then(|text| clock::micros(&text));
    let ts = ts.ok_or_else(|| Error::data("_ums_ts_ is no time"))?;
    Ok(Some(Told { op, id, ts }))
}

/// The number of a name in a list, which it joins if it is not there.
pub fn number_of(names: &mut Vec<String>, name: String) -> usize {
    names.iter().position(|known| *known == name).unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

/// The shards of a row's schema and of its table.
pub fn shard(namespace: &Namespace) -> String {
    let [.., schema, table] = &namespace.parts;
    format!("{schema}.{table}")
}
