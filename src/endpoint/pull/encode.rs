//! HOT. Rows of a SELECT into messages. Uses `error`, `ums` and `mysql`.

use std::sync::atomic::{AtomicI64, Ordering};

use super::Session;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::mysql::connect::failed;
use crate::mysql::select::push;
use crate::mysql::value::{CellError, Scratch};
use crate::mysql::wire::{Cells, each_row};
use crate::ums::json::push_i64;
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
    pub time: &'a str,
    /// `_ums_uid_` up to what tells rows of the shard apart.
    pub uid: &'a str,
    /// The shard's number: what tells the rows of a table without a key apart, with their place.
    pub shard: u64,
    /// Spelling of ops.
    pub dialect: Dialect,
    /// Rows a message at most.
    pub batch_rows: usize,
    /// Bytes a message at most.
    pub batch_bytes: usize,
}

/// Reads the rows; `full` takes each message that is full. What waits at the end is in `writer`.
/// Gives the number of rows. After an error the session is good for nothing.
///
/// # Errors
/// `Data` for a cell that its column cannot hold, `Unreachable` when the connection broke, and
/// what `full` says.
pub fn read(
    session: &mut Session,
    plan: &Read,
    writer: &mut MessageWriter,
    scratch: &mut Scratch,
    full: &mut dyn FnMut(&mut MessageWriter) -> Result<()>,
) -> Result<u64> {
    let op = if plan.dialect == Dialect::Dbus { 'i' } else { 'I' };
    let middle = format!("\",\"{}\",\"{op}\",\"{}", plan.time, plan.uid).into_bytes();
    let seed = Hash::of(&[plan.layout.name.schema.as_bytes(), plan.layout.name.table.as_bytes()]);
    let mut count = 0u64;
    let mut mask = plan.layout.mask.clone();
    let mut clear = Vec::new();
    let mut show = |cells: &Cells| -> Result<()> {
        count += 1;
        let id = match &plan.ids {
            Ids::Same(id) => *id,
            Ids::Rising(next) => next.fetch_add(1, Ordering::Relaxed),
        };
        if let Some(mask) = &mut mask {
            clear.clear();
            push_cells(plan.layout, cells, &mut clear, scratch)?;
            mask.row(&mut clear, 0)?;
        }
        let out = writer.begin_row();
        out.push(b'"');
        push_i64(out, id);
        out.extend_from_slice(&middle);
        let mut hash = seed;
        for key in &plan.layout.keys {
            // What the clear value of a masked key is made of must not show, not even in a hash.
            hash.add(match &mask {
                Some(mask) if mask.masks(*key) => mask.masked(*key),
                _ => cells.get(*key).unwrap_or_default(),
            });
        }
        if plan.layout.keys.is_empty() {
            hash.add(&plan.shard.to_le_bytes());
            hash.add(&count.to_le_bytes());
        }
        hash.push(out);
        out.push(b'"');
        match &mask {
            Some(_) => out.extend_from_slice(&clear),
            None => push_cells(plan.layout, cells, out, scratch)?,
        }
        writer.end_row();
        if writer.rows() >= plan.batch_rows || writer.len() >= plan.batch_bytes {
            full(writer)?;
        }
        Ok(())
    };
    match each_row(&mut session.conn, session.plain, plan.query, &mut show) {
        Ok(()) => Ok(count),
        Err(Ok(error)) => Err(error),
        Err(Err(error)) => Err(failed(format_args!("table {}", plan.layout.name))(error)),
    }
}

/// Appends a row's cells, a comma before each.
#[inline]
fn push_cells(
    layout: &Layout,
    cells: &Cells,
    out: &mut Vec<u8>,
    scratch: &mut Scratch,
) -> Result<()> {
    for (index, column) in layout.columns.iter().enumerate() {
        out.push(b',');
        match cells.get(index) {
            Some(cell) => push(&column.kind, cell, out, scratch)
                .map_err(|error| bad(layout, index, &error))?,
            None => out.extend_from_slice(b"null"),
        }
    }
    Ok(())
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

/// 128-bit FNV-1a of the table's name and the key's cells: the same in every version and on every
/// machine. Each part ends with its length, so that parts do not run together.
#[derive(Clone, Copy)]
struct Hash(u128);

impl Hash {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Self(Self::BASIS);
        parts.iter().for_each(|part| hash.add(part));
        hash
    }

    #[inline]
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(Self::PRIME);
        }
        self.0 = (self.0 ^ bytes.len() as u128 ^ 1 << 64).wrapping_mul(Self::PRIME);
    }

    #[inline]
    fn push(&self, out: &mut Vec<u8>) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 32];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0.to_be_bytes()) {
            *pair = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
        }
        out.extend_from_slice(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::Hash;

    #[test]
    fn parts_do_not_run_together() {
        let text = |parts: &[&[u8]]| {
            let mut out = Vec::new();
            Hash::of(parts).push(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(&[]), "6c62272e07bb014262b821756295c58d");
        assert_ne!(text(&[b"a", b"b"]), text(&[b"ab"]));
        assert_ne!(text(&[b"a", b""]), text(&[b"", b"a"]));
    }
}
