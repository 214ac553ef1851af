//! Records of a few numbers, sorted, however many there are: in memory up to a bound, beyond it in
//! runs on disk that are merged. Uses `error`. Hot in `push`.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Bytes read of a run at once.
const READ: usize = 64 << 10;
/// Runs before they are merged into one: each is an open file.
const MOST_RUNS: usize = 128;

/// Records of `N` numbers, in the order of the first, then the second, and so on.
pub struct Sorter<const N: usize> {
    rows: Vec<[u64; N]>,
    /// Rows in memory at most.
    most: usize,
    runs: Vec<File>,
    folder: PathBuf,
}

impl<const N: usize> Sorter<N> {
    /// Takes at most so many bytes of memory; runs are files without a name in `folder`.
    pub fn new(memory: usize, folder: &Path) -> Self {
        let most = (memory / (8 * N.max(1))).max(1024);
        Self { rows: Vec::new(), most, runs: Vec::new(), folder: folder.to_owned() }
    }

    /// Takes a record.
    #[inline]
    pub fn push(&mut self, row: [u64; N]) -> Result<()> {
        if self.rows.len() >= self.most {
            self.spill()?;
        }
        if self.rows.len() == self.rows.capacity() {
            // Doubling would take half as much again as is held.
            let more = (self.rows.len() / 4).max(1024).min(self.most - self.rows.len());
            self.rows.reserve_exact(more);
        }
        self.rows.push(row);
        Ok(())
    }

    /// Takes records.
    pub fn extend(&mut self, rows: Vec<[u64; N]>) -> Result<()> {
        rows.into_iter().try_for_each(|row| self.push(row))
    }

    /// How many runs are on disk.
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    fn spill(&mut self) -> Result<()> {
        self.rows.sort_unstable();
        let mut run = RunWriter::new(&self.folder)?;
        self.rows.iter().try_for_each(|row| run.push(row))?;
        self.runs.push(run.finish()?);
        self.rows.clear();
        if self.runs.len() >= MOST_RUNS {
            let mut run = RunWriter::new(&self.folder)?;
            let runs = std::mem::take(&mut self.runs);
            let mut stream = Stream::<N>::new(Vec::new(), runs, &self.folder)?;
            while let Some(row) = stream.next_within(|_| true)? {
                run.push(&row)?;
            }
            self.runs.push(run.finish()?);
        }
        Ok(())
    }

    /// All records in order.
    pub fn finish(mut self) -> Result<Stream<N>> {
        self.rows.sort_unstable();
        Stream::new(self.rows, self.runs, &self.folder)
    }
}

/// A run in the making.
struct RunWriter<'a> {
    file: BufWriter<File>,
    folder: &'a Path,
}

impl<'a> RunWriter<'a> {
    fn new(folder: &'a Path) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|error| spill_failed(folder, error))?;
        Ok(Self { file: BufWriter::with_capacity(READ, file), folder })
    }

    fn push<const N: usize>(&mut self, row: &[u64; N]) -> Result<()> {
        row.iter()
            .try_for_each(|number| self.file.write_all(&number.to_le_bytes()))
            .map_err(|error| spill_failed(self.folder, error))
    }

    fn finish(self) -> Result<File> {
        let failed = |error| spill_failed(self.folder, error);
        let mut file = self.file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.rewind().map_err(failed)?;
        Ok(file)
    }
}

/// Records in order.
pub struct Stream<const N: usize> {
    rows: std::iter::Peekable<std::vec::IntoIter<[u64; N]>>,
    heads: Vec<(BufReader<File>, Option<[u64; N]>)>,
    folder: PathBuf,
}

impl<const N: usize> Stream<N> {
    /// Sorted records in memory and in runs.
    fn new(rows: Vec<[u64; N]>, runs: Vec<File>, folder: &Path) -> Result<Self> {
        let mut heads = Vec::with_capacity(runs.len());
        for file in runs {
            let mut run = BufReader::with_capacity(READ, file);
            let head = next(&mut run, folder)?;
            heads.push((run, head));
        }
        Ok(Self { rows: rows.into_iter().peekable(), heads, folder: folder.to_owned() })
    }

    /// The next record if it is below `end` in its first number.
    pub fn next_below(&mut self, end: u64) -> Result<Option<[u64; N]>> {
        self.next_within(|row| row.first().is_some_and(|first| *first < end))
    }

    /// The next record if it is one of those wanted.
    fn next_within(&mut self, wanted: impl Fn(&[u64; N]) -> bool) -> Result<Option<[u64; N]>> {
        let heads = self.heads.iter().enumerate();
        let run = heads.filter_map(|(at, (_, head))| Some((head.as_ref()?, at))).min();
        let run = run.map(|(row, at)| (*row, at));
        match (self.rows.peek().copied(), run) {
            (Some(row), Some((head, _))) if row <= head => Ok(self.rows.next_if(&wanted)),
            (_, Some((head, at))) => {
                if !wanted(&head) {
                    return Ok(None);
                }
                if let Some((run, head)) = self.heads.get_mut(at) {
                    *head = next(run, &self.folder)?;
                }
                Ok(Some(head))
            }
            (_, None) => Ok(self.rows.next_if(&wanted)),
        }
    }
}

fn next<const N: usize>(run: &mut BufReader<File>, folder: &Path) -> Result<Option<[u64; N]>> {
    let mut row = [0; N];
    for (index, number) in row.iter_mut().enumerate() {
        let mut bytes = [0; 8];
        match run.read_exact(&mut bytes) {
            Ok(()) => *number = u64::from_le_bytes(bytes),
            Err(error) if index == 0 && error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(None);
            }
            Err(error) => return Err(spill_failed(folder, error)),
        }
    }
    Ok(Some(row))
}

/// A failed write or read of a spill file.
pub(super) fn spill_failed(folder: &Path, error: std::io::Error) -> Error {
    Error::unreachable(format!("{}: a spill file failed: {error}", folder.display()))
        .caused_by(error)
        .advise("choose a folder with room by --spill-dir, or give more --memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_depend_on_memory() {
        let folder = tempfile::tempdir().unwrap();
        for count in [0u64, 1, 1024, 10_000, 140_000] {
            let mut sorter = Sorter::<2>::new(1, folder.path());
            for number in 0..count {
                sorter.push([number * 7919 % count, number]).unwrap();
            }
            assert_eq!(sorter.runs() > 0, count > 1024);
            let mut stream = sorter.finish().unwrap();
            let mut seen = Vec::new();
            // In two halves, as its reader does.
            for end in [count / 2, u64::MAX] {
                while let Some(row) = stream.next_below(end).unwrap() {
                    assert!(row[0] < end);
                    seen.push(row);
                }
            }
            assert_eq!(seen.len() as u64, count);
            assert!(seen.is_sorted());
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
