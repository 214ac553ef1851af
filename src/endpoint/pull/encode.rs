//! HOT. Rows of a SELECT into messages. Uses `error`, `ums`, `mysql` and the crate `mysql`.

use std::sync::atomic::{AtomicI64, Ordering};

use mysql::prelude::Queryable;

use super::failed;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::mysql::select::push;
use crate::mysql::value::{CellError, Scratch};
use crate::ums::json::{push_i64, push_u64};
use crate::ums::{Dialect, MessageWriter};

/// What the rows of a shard are numbered with.
#[derive(Debug)]
pub enum Ids<'a> {
    /// All have the id of the shard's position.
    Same(i64),
    /// Each has one of its own.
    Rising(&'a AtomicI64),
}

/// A SELECT to be written as messages.
pub struct Read<'a> {
    /// The table.
    pub layout: &'a Layout,
    /// The statement.
    pub query: &'a str,
    /// `_ums_id_`.
    pub ids: Ids<'a>,
    /// `_ums_ts_`.
    pub time: &'a [u8],
    /// `_ums_uid_` up to the hash of the row, a dot at its end.
    pub uid: &'a [u8],
    /// Spelling of ops.
    pub dialect: Dialect,
    /// Rows a message at most.
    pub batch_rows: usize,
    /// Bytes a message at most.
    pub batch_bytes: usize,
}

/// Reads the rows; `full` takes each message that is full, with its rows. What waits at the end is
/// in `writer`. Gives the number of rows.
///
/// # Errors
/// `Data` for a cell that its column cannot hold, `Unreachable` when the connection broke.
pub fn read(
    conn: &mut mysql::Conn,
    plan: &Read,
    writer: &mut MessageWriter,
    scratch: &mut Scratch,
    full: &mut dyn FnMut(&mut MessageWriter) -> Result<()>,
) -> Result<u64> {
    let name = &plan.layout.name;
    let broke = || failed(format!("table {name}"));
    let mut rows = conn.query_iter(plan.query).map_err(broke())?;
    let op = if plan.dialect == Dialect::Dbus { b'i' } else { b'I' };
    let mut middle = Vec::with_capacity(64 + plan.uid.len());
    middle.extend_from_slice(b"\",\"");
    middle.extend_from_slice(plan.time);
    middle.extend_from_slice(b"\",\"");
    middle.push(op);
    middle.extend_from_slice(b"\",\"");
    middle.extend_from_slice(plan.uid);
    let mut count = 0u64;
    // Where the cells of the key stand in the row, for its uid.
    let mut cells: Vec<(usize, usize)> = Vec::with_capacity(plan.layout.columns.len());
    let mut body: Vec<u8> = Vec::new();
    for row in &mut rows {
        let row = row.map_err(broke())?;
        body.clear();
        cells.clear();
        for (index, column) in plan.layout.columns.iter().enumerate() {
            body.push(b',');
            let start = body.len();
            match row.as_ref(index) {
                Some(mysql::Value::NULL) => body.extend_from_slice(b"null"),
                Some(mysql::Value::Bytes(bytes)) => {
                    push(&column.kind, bytes, &mut body, scratch)
                        .map_err(|error| bad(plan.layout, index, &error))?;
                }
                _ => return Err(bad(plan.layout, index, &CellError::Malformed)),
            }
            cells.push((start, body.len()));
        }
        let id = match &plan.ids {
            Ids::Same(id) => *id,
            Ids::Rising(next) => next.fetch_add(1, Ordering::Relaxed),
        };
        let out = writer.begin_row();
        out.push(b'"');
        push_i64(out, id);
        out.extend_from_slice(&middle);
        if plan.layout.keys.is_empty() {
            push_u64(out, count);
        } else {
            let mut hash = Hash::new();
            for key in &plan.layout.keys {
                let cell = cells.get(*key).and_then(|(start, end)| body.get(*start..*end));
                hash.add(cell.unwrap_or_default());
            }
            hash.push(out);
        }
        out.push(b'"');
        out.extend_from_slice(&body);
        writer.end_row();
        count += 1;
        if writer.rows() >= plan.batch_rows || writer.len() >= plan.batch_bytes {
            full(writer)?;
        }
    }
    Ok(count)
}

#[cold]
fn bad(layout: &Layout, column: usize, error: &CellError) -> Error {
    let name = layout.columns.get(column).map_or("", |column| column.field.name.as_str());
    let place = format!("{}, column {name}", layout.name);
    match error {
        CellError::BadText(at) => Error::data(format!(
            "{place}: byte {at} of the text is not valid in the column's character set"
        ))
        .advise("correct the row at the source, or run with --bad-text replace"),
        _ => Error::data(format!("{place}: the server sent what the column cannot hold"))
            .advise("leave the column out with --columns, and report its type"),
    }
}

/// 128-bit FNV-1a of the key's cells: the same in every version and on every machine.
struct Hash(u128);

impl Hash {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    fn new() -> Self {
        Self(Self::BASIS)
    }

    #[inline]
    fn add(&mut self, bytes: &[u8]) {
        // The comma ends a cell: it cannot stand alone inside a JSON string.
        for byte in bytes.iter().chain(b",") {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(Self::PRIME);
        }
    }

    fn push(&self, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for byte in self.0.to_be_bytes() {
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Hash;

    #[test]
    fn the_hash_is_the_published_one_and_cells_do_not_run_together() {
        let text = |cells: &[&[u8]]| {
            let mut hash = Hash::new();
            cells.iter().for_each(|cell| hash.add(cell));
            let mut out = Vec::new();
            hash.push(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(&[]), "6c62272e07bb014262b821756295c58d");
        assert_ne!(text(&[b"\"a\"", b"\"b\""]), text(&[b"\"a\",\"b", b"\""]));
        assert_eq!(text(&[b"\"1\""]).len(), 32);
    }
}
