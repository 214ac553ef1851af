//! The folder of a state: one file for each point that a run can go on from. Uses `error`, `durable`,
//! `op::join::pack`, `ums`. Not hot.
//!
//! A file is of the moment at which certain markers were written. Whoever makes rows durable comes
//! behind, so older files stay until the checkpoint has passed them: a run that begins at the
//! checkpoint needs the state of that moment and not the newest.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::durable;
use crate::error::{Error, Result};
use crate::op::join::pack::{Unpack, put_bytes};
use crate::ums::Marker;
use crate::ums::marker::{checkpoint_text, parse_checkpoint};

/// What a file begins with.
const MAGIC: &[u8] = b"dws ums-join state 1\n";

/// A folder of states, locked by this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// What the state was made with: inputs and options.
    made_with: String,
    /// Numbers of the files with the positions that they are of, oldest first.
    files: Vec<(u64, Vec<Marker>)>,
    _lock: File,
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
        if let Err(std::fs::TryLockError::WouldBlock) = lock.try_lock() {
            return Err(Error::refused(format!("{shown}: another process works with this state")));
        }
        let mut folder = Self { path: path.to_owned(), made_with, files: Vec::new(), _lock: lock };
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".state"));
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                let bytes = folder.read(number)?;
                let (passed, _) = folder.unpack(number, &bytes)?;
                folder.files.push((number, passed));
            }
        }
        folder.files.sort_by_key(|file| file.0);
        Ok(folder)
    }

    fn place(&self, number: u64) -> PathBuf {
        self.path.join(format!("{number:012}.state"))
    }

    fn read(&self, number: u64) -> Result<Vec<u8>> {
        let place = self.place(number);
        std::fs::read(&place).map_err(|error| Error::io(place.display(), error))
    }

    /// The positions that a file is of, and the state itself.
    fn unpack<'b>(&self, number: u64, bytes: &'b [u8]) -> Result<(Vec<Marker>, &'b [u8])> {
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
        Ok((passed, unpack.bytes()?))
    }

    /// The state to go on from, and forgets those behind it: the newest one, or with a checkpoint the
    /// one whose markers stand in it. `None` where the run begins anew.
    ///
    /// # Errors
    /// `Refused` when no state is of the checkpoint.
    pub fn choose(&mut self, checkpoint: Option<&[Marker]>) -> Result<Option<Vec<u8>>> {
        let chosen = match checkpoint {
            None => self.files.len().checked_sub(1),
            Some([]) => None,
            Some(positions) => {
                let is_of = |file: &(u64, Vec<Marker>)| {
                    file.1.iter().all(|passed| positions.contains(passed))
                };
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
        for (number, _) in self.files.drain(chosen.map_or(0, |chosen| chosen + 1)..) {
            let place = self.path.join(format!("{number:012}.state"));
            std::fs::remove_file(&place).map_err(|error| Error::io(place.display(), error))?;
        }
        let Some((number, _)) = self.files.last() else { return Ok(None) };
        let bytes = self.read(*number)?;
        Ok(Some(self.unpack(*number, &bytes)?.1.to_vec()))
    }

    /// The positions of the newest state that is not ahead of the checkpoint.
    pub fn position(&self, checkpoint: Option<&[Marker]>) -> &[Marker] {
        let fits = |file: &&(u64, Vec<Marker>)| match checkpoint {
            None => true,
            Some(positions) => file.1.iter().all(|passed| reached(positions, passed)),
        };
        self.files.iter().rev().find(fits).map_or(&[], |file| &file.1)
    }

    /// Keeps a state; `passed` are the markers that are written behind it.
    ///
    /// # Errors
    /// `Unreachable`.
    pub fn save(&mut self, passed: Vec<Marker>, state: &[u8]) -> Result<()> {
        let number = self.files.last().map_or(1, |file| file.0 + 1);
        let mut body = Vec::with_capacity(state.len() + 1024);
        put_bytes(&mut body, self.made_with.as_bytes());
        put_bytes(&mut body, checkpoint_text(&passed).as_bytes());
        put_bytes(&mut body, state);
        let sum = crc32fast::hash(&body).to_le_bytes();
        durable::replace(&self.place(number), "state", &[MAGIC, &body, &sum].concat())?;
        self.files.push((number, passed));
        Ok(())
    }

    /// Removes states that nobody can go on from: those before the newest one that is not ahead of
    /// the checkpoint, or without one, all but the newest.
    ///
    /// # Errors
    /// `Unreachable`.
    pub fn prune(&mut self, checkpoint: Option<&[Marker]>) -> Result<()> {
        let keep = match checkpoint {
            None => self.files.len().saturating_sub(1),
            Some(positions) => {
                let reached = |file: &(u64, Vec<Marker>)| {
                    file.1.iter().all(|passed| reached(positions, passed))
                };
                self.files.iter().rposition(reached).unwrap_or(0)
            }
        };
        for (number, _) in self.files.drain(..keep) {
            let place = self.path.join(format!("{number:012}.state"));
            std::fs::remove_file(&place).map_err(|error| Error::io(place.display(), error))?;
        }
        Ok(())
    }
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
            states.save(vec![marker("a", id), marker("b", id + 1)], &[id as u8]).unwrap();
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
        states.save(vec![marker("a", 25)], b"x").unwrap();
        assert_eq!(states.choose(None).unwrap(), Some(b"x".to_vec()));
        states.prune(None).unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "state and lock");
        assert_eq!(states.choose(Some(&[])).unwrap(), None);
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn damaged_states_and_those_of_others_are_refused() {
        let place = tempfile::tempdir().unwrap();
        folder(place.path()).unwrap().save(vec![marker("a", 1)], b"state").unwrap();
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
