//! HOT. Rows into the order of their ids, in bounded memory. Uses `error`, `ums`, `flow::replay`.
//!
//! Chunks come with a floor: nothing that comes later has a lower id. So a chunk in order whose
//! rows are all below it goes straight through, which is nearly every chunk of a log. Others wait,
//! are sorted, and leave up to the floor; what memory cannot hold goes to disk in sorted runs.
//!
//! Equal ids are in the order of their uids, numbers in them as numbers, and an image before an
//! update stands before it. So the order does not depend on which file a row is in.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::scan::{Chunk, Row};
use super::sorted::spill_failed;
use crate::error::Result;
use crate::ums::Op;

/// Bytes that wait before they are worth sorting.
const BATCH: usize = 8 << 20;
/// Runs on disk before they are merged into one.
const MOST_RUNS: usize = 64;
const READ: usize = 256 << 10;

/// A row with its bytes.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// What is known of it.
    pub row: Row,
    /// Its cells.
    pub cells: &'a [u8],
    /// Its cell `_ums_uid_`.
    pub uid: &'a [u8],
}

impl<'a> View<'a> {
    fn new(row: &Row, bytes: &'a [u8]) -> Self {
        let slice = |(start, end): (usize, usize)| bytes.get(start..end).unwrap_or_default();
        Self { row: *row, cells: slice(row.cells), uid: slice(row.uid) }
    }

    #[inline]
    fn compare(&self, other: &View) -> Ordering {
        let (a, b) = (&self.row, &other.row);
        let ids = (a.id, a.rank).cmp(&(b.id, b.rank));
        ids.then_with(|| match a.rank {
            0 => natural(self.uid, other.uid)
                .then(turn(a.op).cmp(&turn(b.op)))
                .then(a.ordinal.cmp(&b.ordinal)),
            _ => a.piece.cmp(&b.piece),
        })
    }
}

/// The order of ops under one uid; the image before an update stands before it.
fn turn(op: Op) -> u8 {
    match op {
        Op::Before => 0,
        Op::Insert => 1,
        Op::Update => 2,
        Op::Delete => 3,
    }
}

/// Compares texts with the numbers in them as numbers.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let same = a.iter().zip(b).take_while(|(x, y)| x == y && !x.is_ascii_digit()).count();
        (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
        let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (long_a, long_b) = (digits(a), digits(b));
        if long_a == 0 || long_b == 0 {
            return a.cmp(b);
        }
        let ((number_a, rest_a), (number_b, rest_b)) = (a.split_at(long_a), b.split_at(long_b));
        let order = long_a.cmp(&long_b).then_with(|| number_a.cmp(number_b));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// Takes rows in order.
pub trait Take {
    /// The next row.
    fn take(&mut self, row: View) -> Result<()>;
}

/// Rows on their way into order.
pub struct Merger {
    pending: Vec<Chunk>,
    bytes: usize,
    /// Bytes from which on it is worth sorting what waits.
    due: usize,
    most: usize,
    runs: Vec<Run>,
    folder: PathBuf,
    spilled: u64,
}

impl Merger {
    /// Takes about so many bytes of memory; runs are files without a name in `folder`.
    pub fn new(memory: usize, folder: &Path) -> Self {
        Self {
            pending: Vec::new(),
            bytes: 0,
            due: BATCH.min(memory),
            most: memory,
            runs: Vec::new(),
            folder: folder.to_owned(),
            spilled: 0,
        }
    }

    /// Rows that went to disk so far.
    pub fn spilled(&self) -> u64 {
        self.spilled
    }

    /// Takes a chunk; rows whose turn it is leave.
    pub fn push(&mut self, mut chunk: Chunk, out: &mut dyn Take) -> Result<()> {
        if chunk.rows.is_empty() {
            return Ok(());
        }
        if self.pending.is_empty() && self.runs.is_empty() {
            let Chunk { bytes, rows, floor } = &mut chunk;
            let order = |a: &Row, b: &Row| View::new(a, bytes).compare(&View::new(b, bytes));
            if !rows.is_sorted_by(|a, b| order(a, b) != Ordering::Greater) {
                rows.sort_unstable_by(order);
            }
            let cut = rows.partition_point(|row| row.id < *floor);
            for row in rows.drain(..cut) {
                out.take(View::new(&row, bytes))?;
            }
            if rows.is_empty() {
                return Ok(());
            }
        }
        let floor = chunk.floor;
        self.bytes += size(&chunk);
        self.pending.push(chunk);
        if self.bytes >= self.due { self.drain(Some(floor), out) } else { Ok(()) }
    }

    /// Lets all rows leave.
    pub fn finish(mut self, out: &mut dyn Take) -> Result<()> {
        self.drain(None, out)
    }

    /// Lets the rows below `floor` leave.
    fn drain(&mut self, floor: Option<i64>, out: &mut dyn Take) -> Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let mut views: Vec<View> = pending
            .iter()
            .flat_map(|chunk| chunk.rows.iter().map(|row| View::new(row, &chunk.bytes)))
            .collect();
        views.sort_unstable_by(View::compare);
        let cut = match floor {
            Some(floor) => views.partition_point(|view| view.row.id < floor),
            None => views.len(),
        };
        let (leaving, staying) = views.split_at(cut);
        merge(&mut self.runs, leaving, floor, &self.folder, out)?;
        self.bytes = 0;
        let held: usize = staying.iter().map(|view| view.cells.len() + size_of::<Row>()).sum();
        if held > self.most / 2 {
            self.spill(staying)?;
        } else if !staying.is_empty() {
            let mut chunk = Chunk::default();
            for view in staying {
                append(&mut chunk, view);
            }
            self.bytes = size(&chunk);
            self.pending.push(chunk);
        }
        self.due = (self.bytes * 2).max(BATCH).min(self.most.max(self.bytes + 1));
        Ok(())
    }

    fn spill(&mut self, rows: &[View]) -> Result<()> {
        let mut writer = RunWriter::new(&self.folder)?;
        for row in rows {
            writer.take(*row)?;
        }
        self.spilled += rows.len() as u64;
        self.runs.push(writer.finish()?);
        if self.runs.len() >= MOST_RUNS {
            let mut writer = RunWriter::new(&self.folder)?;
            merge(&mut self.runs, &[], None, &self.folder, &mut writer)?;
            self.runs = vec![writer.finish()?];
        }
        Ok(())
    }
}

fn size(chunk: &Chunk) -> usize {
    // Sorting takes a view of each row beside it.
    chunk.bytes.capacity() + chunk.rows.capacity() * (size_of::<Row>() + size_of::<View>())
}

/// Copies a row behind the others of a chunk.
fn append(chunk: &mut Chunk, view: &View) {
    let start = chunk.bytes.len();
    chunk.bytes.extend_from_slice(view.cells);
    let (from, to) = view.row.uid;
    let uid = |at: usize| start + at.saturating_sub(view.row.cells.0);
    chunk.rows.push(Row {
        cells: (start, chunk.bytes.len()),
        uid: (uid(from), uid(to)),
        ..view.row
    });
}

/// Gives the rows of the runs below `floor`, and `rows`, in order.
fn merge(
    runs: &mut Vec<Run>,
    rows: &[View],
    floor: Option<i64>,
    folder: &Path,
    out: &mut dyn Take,
) -> Result<()> {
    let mut rows = rows.iter().peekable();
    loop {
        let below = |view: &View| floor.is_none_or(|floor| view.row.id < floor);
        let heads = runs.iter().enumerate().map(|(at, run)| (run.head(), at));
        let least = heads.filter(|(head, _)| below(head)).min_by(|a, b| a.0.compare(&b.0));
        let Some((head, at)) = least else { break };
        match rows.next_if(|row| row.compare(&head) == Ordering::Less) {
            Some(row) => out.take(*row)?,
            None => {
                out.take(head)?;
                if let Some(run) = runs.get_mut(at)
                    && !run.advance(folder)?
                {
                    runs.swap_remove(at);
                }
            }
        }
    }
    rows.try_for_each(|row| out.take(*row))
}

/// Sorted rows on disk, the next one in memory.
struct Run {
    file: BufReader<File>,
    bytes: Vec<u8>,
    row: Row,
}

impl Run {
    fn head(&self) -> View<'_> {
        View::new(&self.row, &self.bytes)
    }

    /// Reads the next row; false at the end.
    fn advance(&mut self, folder: &Path) -> Result<bool> {
        let mut words = [0u8; 8 * WORDS];
        match self.file.read_exact(&mut words) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(spill_failed(folder, error)),
        }
        let mut words = words.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let mut word = || words.next().unwrap_or_default();
        let (id, rank, piece, ordinal) = (word() as i64, word(), word(), word());
        let (shape, op) = (word() as u32, Op::parse(&[word() as u8]).unwrap_or(Op::Update));
        let mut place = || usize::try_from(word()).unwrap_or(0);
        let (length, uid) = (place(), (place(), place()));
        self.bytes.resize(length, 0);
        self.file.read_exact(&mut self.bytes).map_err(|error| spill_failed(folder, error))?;
        self.row = Row { id, rank, piece, ordinal, shape, op, cells: (0, length), uid };
        Ok(true)
    }
}

/// Numbers in front of a row in a run.
const WORDS: usize = 9;

struct RunWriter<'a> {
    file: BufWriter<File>,
    folder: &'a Path,
    last: Option<Row>,
}

impl<'a> RunWriter<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|error| spill_failed(folder, error))?;
        Ok(Self { file: BufWriter::with_capacity(READ, file), folder, last: None })
    }

    fn finish(self) -> Result<Run> {
        let folder = self.folder;
        let failed = |error| spill_failed(folder, error);
        let mut file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.rewind().map_err(failed)?;
        let row = self.last.unwrap_or(Row {
            id: 0,
            rank: 0,
            piece: 0,
            ordinal: 0,
            shape: 0,
            op: Op::Update,
            cells: (0, 0),
            uid: (0, 0),
        });
        let file = BufReader::with_capacity(READ, file);
        let mut run = Run { file, bytes: Vec::new(), row };
        run.advance(folder)?;
        Ok(run)
    }
}

impl Take for RunWriter<'_> {
    fn take(&mut self, view: View) -> Result<()> {
        let row = &view.row;
        let inside = |at: usize| at.saturating_sub(row.cells.0) as u64;
        let words: [u64; WORDS] = [
            row.id as u64,
            row.rank,
            row.piece,
            row.ordinal,
            u64::from(row.shape),
            u64::from(row.op.letter() as u8),
            view.cells.len() as u64,
            inside(row.uid.0),
            inside(row.uid.1),
        ];
        self.last = Some(*row);
        let mut write = |bytes: &[u8]| self.file.write_all(bytes);
        words
            .iter()
            .try_for_each(|word| write(&word.to_le_bytes()))
            .and_then(|()| write(view.cells))
            .map_err(|error| spill_failed(self.folder, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_in_texts_are_numbers() {
        for (less, more) in [
            ("1.2.9.0", "1.2.10.0"),
            ("1.2.9.0", "1.2.9.0a"),
            ("1.2.9.0d", "1.2.9.1"),
            ("", "1"),
            ("a", "b"),
            ("x9y1", "x9y2"),
        ] {
            assert_eq!(natural(less.as_bytes(), more.as_bytes()), Ordering::Less, "{less} {more}");
            assert_eq!(natural(more.as_bytes(), less.as_bytes()), Ordering::Greater);
            assert_eq!(natural(more.as_bytes(), more.as_bytes()), Ordering::Equal);
        }
    }

    #[derive(Default)]
    struct Seen(Vec<(i64, String)>);

    impl Take for Seen {
        fn take(&mut self, view: View) -> Result<()> {
            assert_eq!(&view.cells[2..2 + view.uid.len()], view.uid);
            self.0.push((view.row.id, String::from_utf8(view.uid.to_vec()).unwrap()));
            Ok(())
        }
    }

    fn chunks(ids: &[Vec<i64>]) -> Vec<Chunk> {
        let mut ordinal = 0;
        let mut chunks: Vec<Chunk> = ids
            .iter()
            .map(|ids| {
                let mut chunk = Chunk::default();
                for &id in ids {
                    let start = chunk.bytes.len();
                    chunk.bytes.extend_from_slice(format!("__{ordinal}__").as_bytes());
                    let end = chunk.bytes.len();
                    chunk.rows.push(Row {
                        id,
                        rank: 0,
                        piece: 0,
                        ordinal,
                        shape: 0,
                        op: Op::Insert,
                        cells: (start, end),
                        uid: (start + 2, end - 2),
                    });
                    ordinal += 1;
                }
                chunk
            })
            .collect();
        let mut floor = i64::MAX;
        for (chunk, ids) in chunks.iter_mut().zip(ids).rev() {
            chunk.floor = floor;
            floor = ids.iter().copied().fold(floor, i64::min);
        }
        chunks
    }

    proptest! {
        #[test]
        fn rows_leave_in_order_whatever_the_memory(
            ids in proptest::collection::vec(proptest::collection::vec(0i64..40, 0..30), 0..90),
            memory in prop_oneof![Just(1usize), Just(3000), Just(1 << 20)],
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut merger = Merger::new(memory, folder.path());
            let mut seen = Seen::default();
            for chunk in chunks(&ids) {
                merger.push(chunk, &mut seen).unwrap();
            }
            merger.finish(&mut seen).unwrap();
            let mut wanted: Vec<(i64, u64)> =
                ids.iter().flatten().copied().zip(0..).collect();
            wanted.sort();
            let wanted: Vec<_> = wanted.into_iter().map(|(id, at)| (id, at.to_string())).collect();
            prop_assert_eq!(seen.0, wanted);
        }
    }
}
