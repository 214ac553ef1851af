//! The position file: read at the start, written whole after what it covers is durable. Uses
//! `error`, `durable`, `ums`. Not hot.

use std::path::PathBuf;

use crate::durable;
use crate::error::{Error, Result};
use crate::ums::Marker;
use crate::ums::marker::{checkpoint_text, parse_checkpoint};

/// A position file: the newest marker of each source.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    path: PathBuf,
    positions: Vec<Marker>,
}

impl Checkpoint {
    /// Reads the file; a missing or empty one holds no position.
    ///
    /// # Errors
    /// `Refused` when it holds something else or is no file, `Unreachable` when it cannot be read or its
    /// folder is not there.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let bytes = durable::read(&path, "checkpoint")?.unwrap_or_default();
        let text = String::from_utf8(bytes).map_err(|_| {
            Error::refused(format!("{}: not a checkpoint", path.display()))
                .advise("name another file; this one has not been touched")
        })?;
        let positions = if text.trim().is_empty() {
            Vec::new()
        } else {
            parse_checkpoint(&text).map_err(|error| {
                Error::refused(format!("{}: not a checkpoint: {error}", path.display()))
                    .advise("name another file; this one has not been touched")
            })?
        };
        Ok(Self { path, positions })
    }

    /// The positions, one a source.
    pub fn positions(&self) -> &[Marker] {
        &self.positions
    }

    /// Takes over the newest markers and writes the file; other sources keep their positions.
    /// Call it after everything before these markers is durable. Whoever reads the file, and
    /// whenever the machine stops, sees the old one whole or the new one whole.
    pub fn advance(&mut self, markers: &[Marker]) -> Result<()> {
        let mut moved = false;
        for marker in markers {
            let same = |old: &Marker| old.kind == marker.kind && old.source == marker.source;
            match self.positions.iter_mut().find(|old| same(old)) {
                Some(old) if old == marker => continue,
                Some(old) => old.clone_from(marker),
                None => self.positions.push(marker.clone()),
            }
            moved = true;
        }
        if moved { self.write() } else { Ok(()) }
    }

    fn write(&self) -> Result<()> {
        durable::replace(&self.path, "checkpoint", checkpoint_text(&self.positions).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn marker(source: &str, id: i64) -> Marker {
        Marker {
            kind: "mysql".into(),
            source: source.into(),
            id,
            ts: "2026-11-21 01:02:03.000000".into(),
            file: "bin.000001".into(),
            pos: 4,
            gtid: String::new(),
            server: "1".into(),
            base: 0,
        }
    }

    #[test]
    fn positions_come_back_and_other_sources_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        let mut checkpoint = Checkpoint::open(&path).unwrap();
        assert!(checkpoint.positions().is_empty());
        checkpoint.advance(&[marker("a", 1), marker("b", 2)]).unwrap();
        let mut again = Checkpoint::open(&path).unwrap();
        again.advance(&[marker("a", 7)]).unwrap();
        let last = Checkpoint::open(&path).unwrap();
        assert_eq!(last.positions(), [marker("a", 7), marker("b", 2)]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_is_no_checkpoint_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.json");
        std::fs::write(&path, "{\"other\":1}").unwrap();
        assert_eq!(Checkpoint::open(&path).unwrap_err().kind(), Kind::Refused);
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"other\":1}");
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(Checkpoint::open(&path).unwrap_err().kind(), Kind::Refused);
        std::fs::write(&path, "\n").unwrap();
        assert!(Checkpoint::open(&path).unwrap().positions().is_empty());
    }
}
