//! HOT. Row groups to rows: the keys alone in a first pass, whole rows as cells in the last. Uses
//! `error`, `ums`, `columnar`, `flow::replay`.

use super::files::{Bounds, Files, GroupRef};
use super::keyed::{Entry, Place, hash};
use super::ordered::Put;
use super::pick::{OPEN, Pick};
use crate::columnar::print::push_datetime;
use crate::error::Result;
use crate::ums::Op;

/// Bytes of rows that are handed on at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Rows as they leave a reading thread.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The rows' cells, end to end.
    pub bytes: Vec<u8>,
    /// The rows.
    pub rows: Vec<Row>,
    /// No row that comes later has an id below this one.
    pub floor: i64,
}

/// A row of a chunk.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Where it belongs in the order: its `_ums_id_`, or that of the row it completes.
    pub id: i64,
    /// 0, or a number that pieces of one row share and no two rows do.
    pub rank: u64,
    /// Which piece of its row it is; the lower one's columns count.
    pub piece: u64,
    /// Its own number.
    pub ordinal: u64,
    /// Its schema among the shapes.
    pub shape: u32,
    /// Its op.
    pub op: Op,
    /// Its cells among the chunk's bytes.
    pub cells: (usize, usize),
    /// The cell `_ums_uid_`, the same way.
    pub uid: (usize, usize),
}

/// A row group to give rows from.
pub struct Job {
    /// The group.
    pub group: GroupRef,
    /// The rows wanted, in order; all of them when there is none.
    pub picks: Option<Vec<Pick>>,
    /// The least id of all groups after this one.
    pub after: i64,
}

/// What the rows are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The rows as they were written.
    Rows,
    /// The same with `valid_from` and `valid_to` behind.
    Versions,
}

/// Reads a row group and puts out its rows as chunks.
pub fn rows(
    files: &Files,
    job: &Job,
    bounds: &Bounds,
    purpose: Purpose,
    put: Put<Chunk>,
) -> Result<()> {
    let group = &job.group;
    files.with(group, |file, number| {
        let system = file.system();
        let fields: Vec<usize> = (0..file.schema().fields.len()).collect();
        let mut ids = Vec::new();
        let mut lowest = Vec::new();
        // The ids first: what is still to come decides what can leave.
        let mut reader = file.read(number, &[system.id])?;
        while reader.advance()? > 0 {
            lowest.push(reader.longs(0).iter().copied().min().unwrap_or(i64::MAX));
            ids.extend_from_slice(reader.longs(0));
        }
        let mut least = job.after;
        for step in lowest.iter_mut().rev() {
            least = least.min(std::mem::replace(step, least));
        }
        let inside = bounds.contains(group.ids, group.times);
        let mut reader = file.read(number, &fields)?;
        let mut picks = job.picks.as_deref();
        let mut first = group.first;
        for floor in lowest {
            let end = first + reader.ahead() as u64;
            if picks.is_some_and(|picks| picks.first().is_none_or(|pick| pick.ordinal >= end)) {
                first += reader.skip()? as u64;
                continue;
            }
            let count = reader.advance()?;
            let mut chunk = Chunk::default();
            for row in 0..count {
                let ordinal = first + row as u64;
                let mut pick = Pick::default();
                if let Some(wanted) = picks {
                    match wanted.split_first() {
                        Some((found, rest)) if found.ordinal == ordinal => {
                            pick = *found;
                            picks = Some(rest);
                        }
                        _ => continue,
                    }
                }
                let (own, ts) =
                    (value(reader.longs(system.id), row), value(reader.longs(system.ts), row));
                if !inside && !bounds.holds(own, ts) {
                    continue;
                }
                let start = chunk.bytes.len();
                let uid = reader.push_row(row, system.uid, &mut chunk.bytes)?;
                if purpose == Purpose::Versions {
                    push_validity(ts, pick.until, &mut chunk.bytes);
                }
                chunk.rows.push(Row {
                    id: if pick.rank == 0 { own } else { pick.id },
                    rank: pick.rank,
                    piece: pick.piece,
                    ordinal,
                    shape: group.shape as u32,
                    op: reader.op(system.op, row)?,
                    cells: (start, chunk.bytes.len()),
                    uid,
                });
                if chunk.bytes.len() >= CHUNK_BYTES {
                    let rest = reader.longs(system.id).get(row + 1..).unwrap_or_default();
                    chunk.floor = rest.iter().copied().fold(floor, i64::min);
                    if !put(std::mem::take(&mut chunk)) {
                        return Ok(());
                    }
                }
            }
            chunk.floor = floor;
            first += count as u64;
            if !put(chunk) {
                return Ok(());
            }
        }
        Ok(())
    })
}

#[inline]
fn value(values: &[i64], row: usize) -> i64 {
    values.get(row).copied().unwrap_or_default()
}

fn push_validity(from: i64, until: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    push_datetime(out, from, 6);
    if until == OPEN {
        return out.extend_from_slice(b"\",null");
    }
    out.extend_from_slice(b"\",\"");
    push_datetime(out, until, 6);
    out.push(b'"');
}

/// The key of the rows of one schema.
#[derive(Debug, Clone)]
pub struct Key {
    /// Positions of its columns among the fields, in key order.
    pub columns: Vec<usize>,
    /// Tells keys of other columns apart.
    pub name: [u8; 8],
}

impl Key {
    /// A key of the columns at these positions, with these names.
    pub fn new<'a>(columns: Vec<usize>, names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<_> = names.collect();
        Self { columns, name: hash(names.join("\0").as_bytes())[0].to_le_bytes() }
    }
}

/// Reads the keys of a row group's rows and puts them out, step by step. With room for two extras
/// they are the row's time and a hash of its uid.
pub fn keys<const N: usize>(
    files: &Files,
    group: &GroupRef,
    key: &Key,
    bounds: &Bounds,
    put: Put<Vec<Entry<N>>>,
) -> Result<()> {
    files.with(group, |file, number| {
        let system = file.system();
        let inside = bounds.contains(group.ids, group.times);
        let timed = N > 0 || !inside;
        let mut fields = vec![system.id, system.op];
        fields.extend(&key.columns);
        let ts = fields.len();
        let uid = ts + 1;
        if timed {
            fields.push(system.ts);
        }
        if N > 1 {
            fields.push(system.uid);
        }
        let mut reader = file.read(number, &fields)?;
        let mut first = group.first;
        let mut bytes = Vec::new();
        loop {
            let count = reader.advance()?;
            if count == 0 {
                return Ok(());
            }
            let mut entries = Vec::with_capacity(count);
            for row in 0..count {
                let op = reader.op(1, row)?;
                let id = value(reader.longs(0), row);
                let at = if timed { value(reader.longs(ts), row) } else { 0 };
                if op == Op::Before || (!inside && !bounds.holds(id, at)) {
                    continue;
                }
                bytes.clear();
                bytes.extend_from_slice(&key.name);
                for column in 2..ts {
                    reader.push_key(column, row, &mut bytes);
                }
                let place = Place::new(first + row as u64, op);
                let mut extra = [0; N];
                if let [time, change, ..] = extra.as_mut_slice() {
                    *time = at;
                    *change = hash(reader.text(uid, row))[0] as i64;
                }
                entries.push(Entry { hash: hash(&bytes), id, place, extra });
            }
            first += count as u64;
            if !put(entries) {
                return Ok(());
            }
        }
    })
}
