//! The folder of a state: one file for each point that a run can go on from. Uses `error`, `durable`,
//! `op::join::pack`, `store`, `ums`. Not hot.
//!
//! A file names the runs that most of the state is in; points that follow each other share runs, so that
//! a file costs what changed since the one before. Runs that no file names are removed.
//!
//! A file is of the moment at which certain markers were written. Whoever makes rows durable comes
//! behind, so older files stay until the checkpoint has passed them: a run that begins at the
//! checkpoint needs the state of that moment and not the newest.
//!
//! A run that begins anew, because there is no checkpoint, leaves the states alone that it finds: the
//! name of the checkpoint may be wrong. They go when a checkpoint has passed a state of the new run. The
//! numbers of a run that begins anew leave one out, so that runs are told apart: of several that no
//! checkpoint ever passed, the first ones are kept and the last.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::durable;
use crate::error::{Error, Result};
use crate::op::join::pack::{Unpack, put_bytes, put_u64};
use crate::store::runs::{self, Place, Runs, run_file, run_number};
use crate::ums::Marker;
use crate::ums::marker::{checkpoint_text, parse_checkpoint};

/// What a file begins with.
const MAGIC: &[u8] = b"dws ums-join state 5\n";

/// A folder of states, locked by this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What the state was made with: inputs and options.
    made_with: String,
    /// The points, oldest first.
    files: Vec<Point>,
    /// Those of before a run that began anew, oldest first.
    older: Vec<Point>,
    _lock: File,
}

/// A point that a run can go on from.
#[derive(Debug)]
struct Point {
    /// The number of its file.
    number: u64,
    /// The positions that it is of.
    passed: Vec<Marker>,
    /// Its runs.
    runs: Vec<u64>,
}

impl Folder {
    /// Opens or makes a folder. `made_with` is what must be the same from run to run.
    ///
    /// # Errors
    /// `Refused` when another process has it or when its states were made with something else,
    /// `Unreachable` when it cannot be read.
    pub fn open(path: &Path, made_with: String) -> Result<Self> {
        let shown = path.display();
        let failed = |error| Error::io(format_args!("{shown}"), error);
        std::fs::create_dir_all(path).map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(Error::refused(format!(
                    "{shown}: another process works with this state"
                )));
            }
            Err(std::fs::TryLockError::Error(error)) => {
                return Err(Error::io(format_args!("{shown}: cannot be locked"), error)
                    .advise("keep the state on a file system with locks"));
            }
        }
        let (files, older) = (Vec::new(), Vec::new());
        let mut folder = Self { path: path.to_owned(), made_with, files, older, _lock: lock };
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".state"));
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                let bytes = folder.read(number)?;
                let (point, _) = folder.unpack(number, &bytes)?;
                folder.files.push(point);
            }
        }
        folder.files.sort_by_key(|file| file.number);
        Ok(folder)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of the newest state.
    pub fn newest(&self) -> Option<PathBuf> {
        self.files.last().map(|file| self.place(file.number))
    }

    fn place(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:012}.state"))
    }

    fn read(&self, number: u64) -> Result<Vec<u8>> {
        let place = self.place(number);
        std::fs::read(&place).map_err(|error| Error::io(place.display(), error))
    }

    /// What a file is of, and the part of the state that is in it.
    fn unpack<'b>(&self, number: u64, bytes: &'b [u8]) -> Result<(Point, &'b [u8])> {
        let place = self.place(number);
        let wrong = |what: &str| {
            Error::refused(format!("{}: {what}", place.display()))
                .advise("give another folder, or remove this one and start the inputs anew")
        };
        let body = bytes.strip_prefix(MAGIC).and_then(|rest| rest.split_last_chunk::<4>());
        let (body, sum) = body.ok_or_else(|| wrong("is no state of this program"))?;
        if crc32fast::hash(body).to_le_bytes() != *sum {
            return Err(wrong("is damaged"));
        }
        let mut unpack = Unpack::new(body);
        if unpack.bytes()? != self.made_with.as_bytes() {
            return Err(wrong("was made with other options or another number of inputs"));
        }
        let passed = parse_checkpoint(&String::from_utf8_lossy(unpack.bytes()?))?;
        let mut runs = Vec::new();
        for _ in 0..unpack.u64()? {
            runs.push(unpack.u64()?);
        }
        Ok((Point { number, passed, runs }, unpack.rest()))
    }

    /// Whether there is no state at all.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.older.is_empty()
    }

    /// How many states there are that a run which began anew has left alone.
    pub fn left_alone(&self) -> usize {
        self.older.len()
    }

    /// The state to go on from, and forgets those behind it: the newest one, or with a checkpoint the
    /// one whose markers stand in it. `None` where the run begins anew; then states that were found stay
    /// for now.
    ///
    /// # Errors
    /// `Refused` when no state is of the checkpoint.
    pub fn choose(&mut self, checkpoint: Option<&[Marker]>) -> Result<Option<Vec<u8>>> {
        let chosen = match checkpoint {
            None => self.files.len().checked_sub(1),
            Some([]) => {
                self.older.append(&mut self.files);
                None
            }
            Some(positions) => {
                let is_of =
                    |file: &Point| file.passed.iter().all(|passed| positions.contains(passed));
                let found = self.files.iter().rposition(is_of);
                if found.is_none() && !self.files.is_empty() {
                    return Err(Error::refused(format!(
                        "{}: no state is of the checkpoint's positions",
                        self.path.display()
                    ))
                    .advise(
                        "ums-join --position prints a checkpoint for the inputs that one is of",
                    ));
                }
                found
            }
        };
        // What is newer was made of rows that come again.
        let newer = self.files.split_off(chosen.map_or(0, |chosen| chosen + 1));
        self.remove(newer)?;
        self.sweep()?;
        let Some(point) = self.files.last() else { return Ok(None) };
        let bytes = self.read(point.number)?;
        Ok(Some(self.unpack(point.number, &bytes)?.1.to_vec()))
    }

    /// The runs of the newest state, or none.
    ///
    /// # Errors
    /// `Refused` where one is missing or damaged.
    pub fn runs(&self) -> Result<Runs> {
        let mut runs = match self.files.last() {
            Some(point) => Runs::open(&self.path, &point.runs)?,
            None => Runs::new(Place::Named(self.path.clone())),
        };
        for point in self.older.iter().chain(&self.files) {
            point.runs.iter().for_each(|number| runs.number_above(*number));
        }
        Ok(runs)
    }

    fn remove(&self, points: Vec<Point>) -> Result<()> {
        for point in points {
            let place = self.place(point.number);
            std::fs::remove_file(&place).map_err(|error| Error::io(place.display(), error))?;
        }
        Ok(())
    }

    /// Removes runs that no file names: a killed process was writing them, or they were merged. Not
    /// between two saves, when there are new ones.
    fn sweep(&self) -> Result<()> {
        let shown = self.path.display();
        let failed = |error| Error::io(format_args!("{shown}"), error);
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let number = entry.file_name().to_str().and_then(run_number);
            let mut points = self.older.iter().chain(&self.files);
            let mut named = |number| points.any(|point| point.runs.contains(&number));
            if number.is_some_and(|number| !named(number)) {
                std::fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The positions of the newest state that is not ahead of the checkpoint.
    pub fn position(&self, checkpoint: Option<&[Marker]>) -> &[Marker] {
        let fits = |file: &&Point| match checkpoint {
            None => true,
            Some(positions) => file.passed.iter().all(|passed| reached(positions, passed)),
        };
        self.files.iter().rev().find(fits).map_or(&[], |file| &file.passed)
    }

    /// Keeps a state, which is in `runs` and in these bytes; `passed` are the markers that are written
    /// behind it.
    ///
    /// # Errors
    /// `Unreachable`.
    pub fn save(
        &mut self,
        passed: Vec<Marker>,
        runs: Option<&mut Runs>,
        state: &[u8],
    ) -> Result<()> {
        let runs = runs.map(Runs::seal).transpose()?.unwrap_or_default();
        if let Some(newest) = runs.last() {
            // The file must not be there before those that it names.
            durable::sync_folder(&run_file(&self.path, *newest))?;
        }
        let number = match (self.files.last(), self.older.last()) {
            (Some(last), _) => last.number + 1,
            (None, Some(older)) => older.number + 2,
            (None, None) => 1,
        };
        let mut body = Vec::with_capacity(state.len() + 1024);
        put_bytes(&mut body, self.made_with.as_bytes());
        put_bytes(&mut body, checkpoint_text(&passed).as_bytes());
        put_u64(&mut body, runs.len() as u64);
        runs.iter().for_each(|run| put_u64(&mut body, *run));
        body.extend_from_slice(state);
        let sum = crc32fast::hash(&body).to_le_bytes();
        let place = self.place(number);
        durable::replace(&place, "state", &[MAGIC, &body, &sum].concat())
            .map_err(|error| error.advise(runs::IN_A_FOLDER))?;
        self.files.push(Point { number, passed, runs });
        Ok(())
    }

    /// To be called behind `save`. Removes states that nobody can go on from: those before the newest one
    /// that is not ahead of the checkpoint, or without one, all but the newest.
    ///
    /// # Errors
    /// `Unreachable`.
    pub fn prune(&mut self, checkpoint: Option<&[Marker]>) -> Result<()> {
        let newest = match checkpoint {
            None => self.files.len().checked_sub(1),
            Some(positions) => {
                let reached =
                    |file: &Point| file.passed.iter().all(|passed| reached(positions, passed));
                self.files.iter().rposition(reached)
            }
        };
        let newer = self.files.split_off(newest.unwrap_or(0));
        let mut gone = std::mem::replace(&mut self.files, newer);
        let kept = if newest.is_some() { 0 } else { first_run(&self.older) };
        gone.extend(self.older.drain(kept..));
        if gone.is_empty() {
            return Ok(());
        }
        self.remove(gone)?;
        self.sweep()
    }
}

/// How many of the points are of the first run among them, whose numbers leave none out.
fn first_run(points: &[Point]) -> usize {
    let pairs = points.iter().zip(points.iter().skip(1));
    let whole = pairs.take_while(|(one, next)| one.number + 1 == next.number).count();
    points.len().min(whole + 1)
}

/// Whether the position of the marker's source is the marker or behind it. Equal ids are of idle times,
/// which are told apart by their time.
fn reached(positions: &[Marker], marker: &Marker) -> bool {
    positions.iter().any(|position| {
        position.kind == marker.kind
            && position.source == marker.source
            && (position.id, &position.ts) >= (marker.id, &marker.ts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn marker(source: &str, id: i64) -> Marker {
        let (kind, source) = ("mysql".into(), source.into());
        let ts = "2026-11-21 01:02:03.123456".into();
        let (file, gtid, server) = ("f".into(), String::new(), String::new());
        Marker { kind, source, id, ts, file, pos: 4, gtid, server, base: 0 }
    }

    fn folder(path: &Path) -> Result<Folder> {
        Folder::open(path, "options".into())
    }

    #[test]
    fn a_run_goes_on_from_the_state_of_its_checkpoint() {
        let place = tempfile::tempdir().unwrap();
        let mut states = folder(place.path()).unwrap();
        assert_eq!(folder(place.path()).unwrap_err().kind(), Kind::Refused, "locked");
        for id in [10, 20, 30] {
            states.save(vec![marker("a", id), marker("b", id + 1)], None, &[id as u8]).unwrap();
        }
        drop(states);
        let mut states = folder(place.path()).unwrap();
        let between = [marker("a", 30), marker("b", 21), marker("c", 5)];
        assert_eq!(states.position(Some(&between)), [marker("a", 20), marker("b", 21)]);
        assert_eq!(states.choose(Some(&between)).unwrap_err().kind(), Kind::Refused);
        let exact = [marker("b", 21), marker("a", 20)];
        states.prune(Some(&exact)).unwrap();
        assert_eq!(states.files.len(), 2, "the first one is of no use");
        assert_eq!(states.choose(Some(&exact)).unwrap(), Some(vec![20]));
        assert_eq!(states.files.len(), 1, "what is ahead was made of rows that come again");
        states.save(vec![marker("a", 25)], None, b"x").unwrap();
        assert_eq!(states.choose(None).unwrap(), Some(b"x".to_vec()));
        states.prune(None).unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "state and lock");
        assert_eq!(states.choose(Some(&[])).unwrap(), None);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "it stays for now");
    }

    #[test]
    fn states_of_before_stay_until_a_checkpoint_has_passed_a_new_one() {
        let place = tempfile::tempdir().unwrap();
        let names = || -> Vec<u64> {
            let all = std::fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name());
            let number = |name: std::ffi::OsString| {
                name.to_str().unwrap().strip_suffix(".state").map(|number| number.parse().unwrap())
            };
            let mut all: Vec<u64> = all.filter_map(number).collect();
            all.sort_unstable();
            all
        };
        let mut states = folder(place.path()).unwrap();
        for id in [10, 20] {
            states.save(vec![marker("a", id)], None, b"good").unwrap();
        }
        // Runs that no checkpoint ever passes: all states of the first stay, and those of the last.
        for (attempt, numbers) in
            [vec![1, 2, 4, 5], vec![1, 2, 7, 8], vec![1, 2, 10, 11]].into_iter().enumerate()
        {
            drop(states);
            states = folder(place.path()).unwrap();
            let found = names();
            assert_eq!(states.choose(Some(&[])).unwrap(), None);
            assert_eq!(names(), found, "before the first save everything stays: {attempt}");
            assert_eq!(states.left_alone(), found.len());
            for id in [15, 25] {
                states.save(vec![marker("a", id)], None, b"new").unwrap();
                states.prune(Some(&[])).unwrap();
            }
            assert_eq!(names(), numbers, "{attempt}");
        }
        drop(states);
        states = folder(place.path()).unwrap();
        assert_eq!(states.choose(Some(&[])).unwrap(), None);
        for id in [12, 18] {
            states.save(vec![marker("a", id)], None, b"newest").unwrap();
            states.prune(Some(&[marker("a", 11)])).unwrap();
        }
        assert_eq!(names(), [1, 2, 13, 14], "a checkpoint that is before all of them");
        states.prune(Some(&[marker("a", 13)])).unwrap();
        assert_eq!(names(), [13, 14], "one that has passed one");
        assert_eq!(states.left_alone(), 0);
    }

    #[test]
    fn damaged_states_and_those_of_others_are_refused() {
        let place = tempfile::tempdir().unwrap();
        folder(place.path()).unwrap().save(vec![marker("a", 1)], None, b"state").unwrap();
        let other = Folder::open(place.path(), "other options".into()).unwrap_err();
        assert!(other.to_string().contains("other options"), "{other}");
        let file = place.path().join("000000000001.state");
        let whole = std::fs::read(&file).unwrap();
        for place_of_damage in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[place_of_damage] ^= 1;
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(folder(place.path()).unwrap_err().kind(), Kind::Refused);
        }
        std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(folder(place.path()).unwrap_err().kind(), Kind::Refused);
    }
}
