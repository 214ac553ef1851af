//! The files of a folder at one moment, and those files for as long as somebody reads them, whatever
//! is rearranged meanwhile. Uses `error`, `store::local` and `store::remote`. Not hot.
//!
//! A folder of the log holds folders of files. Writers add to it; who rearranges it exchanges the
//! whole folder for another one that holds the same rows (`store::swap`). So a listing is of one
//! moment when the folder was the same one before and after it. What was exchanged is kept aside
//! while a reader holds its **lease**, a shared lock on the root, which its end releases.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::local::Tree;
use super::remote::Elsewhere;
use crate::error::{Error, Result};

/// A file that holds rows, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Relative to the root: `FOLDER/START_END/NAME`.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Which file it is, whatever is found at its path later.
    pub(super) identity: Identity,
}

/// Device and number on it.
pub(super) type Identity = (u64, u64);

/// The files of a folder at one moment.
#[derive(Debug)]
pub struct Snapshot {
    tree: Tree,
    files: Vec<LiveFile>,
    /// Locked as long as the snapshot lives; where there are no locks, nothing is kept for readers.
    lease: Option<File>,
    /// Whose copies of files that are not local are its own.
    number: u64,
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // Closing alone would leave the lock with a child that is being forked, until its exec.
        if let Some(lease) = &self.lease {
            let _ = lease.unlock();
        }
        if let Some(remote) = self.tree.remote() {
            remote.forget(self.number);
        }
    }
}

/// The live files of `folder`, sorted by path: together they hold each row exactly once. None when
/// there is no such folder. Names that begin with a dot or an underscore are passed over.
///
/// As long as the snapshot lives its files can be opened, whatever is compacted or dropped
/// meanwhile; the space of what was replaced is held until then. Elsewhere than in a local folder,
/// what is dropped is gone for readers, too.
pub fn live_files(tree: &Tree, folder: &str) -> Result<Snapshot> {
    if let Some(files) = tree.remote_files(folder)? {
        // Nobody rearranges elsewhere: a file is what its name says for as long as it is there.
        let live = |(path, bytes)| LiveFile { path, bytes, identity: (0, 0) };
        let files =
            files.into_iter().filter(|(path, _)| is_shown(path, folder)).map(live).collect();
        return Ok(Snapshot::new(tree, files, None));
    }
    let lease = File::open(tree.root()).ok().filter(|root| root.lock_shared().is_ok());
    let path = tree.root().join(folder);
    loop {
        let before = identity_of(fs::metadata(&path), &path)?;
        let files = list(tree, folder)?;
        if before == identity_of(fs::metadata(&path), &path)? {
            return Ok(Snapshot::new(tree, files, lease));
        }
    }
}

impl Snapshot {
    fn new(tree: &Tree, files: Vec<LiveFile>, lease: Option<File>) -> Self {
        let number = tree.remote().map_or(0, Elsewhere::number);
        Self { tree: tree.clone(), files, lease, number }
    }

    /// The files.
    pub fn files(&self) -> &[LiveFile] {
        &self.files
    }

    /// Opens one of the files for reading.
    ///
    /// # Errors
    /// `Unreachable`, also for a file that somebody has removed by hand.
    pub fn open(&self, file: &LiveFile) -> Result<File> {
        if let Some(remote) = self.tree.remote() {
            return remote.open(self.number, &file.path, file.bytes)?.ok_or_else(|| {
                let place = self.tree.root().join(&file.path);
                Error::unreachable(format!("{}: the file was removed", place.display()))
                    .advise("read the log again from its start")
            });
        }
        let place = self.tree.root().join(&file.path);
        if let Some(found) = open_same(&place, file)? {
            return Ok(found);
        }
        for aside in asides(self.tree.root()) {
            for name in Tree::new(&aside).list("")? {
                if let Some(found) = open_same(&aside.join(name).join(&file.path), file)? {
                    return Ok(found);
                }
            }
        }
        Err(Error::unreachable(format!("{}: the file was removed", place.display()))
            .advise("read the log again from its start"))
    }
}

fn is_shown(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    rest.split('/').all(|name| !name.starts_with(['.', '_']))
}

/// Where folders of a root stand on their way in and out, the better place first: beside the root,
/// since some readers look into hidden folders, too; inside it where there is no way beside it.
pub(super) fn asides(root: &Path) -> Vec<PathBuf> {
    let inside = root.join(".swap");
    let Ok(root) = fs::canonicalize(root) else { return vec![inside] };
    match (root.parent(), root.file_name().and_then(|name| name.to_str())) {
        (Some(parent), Some(name)) => vec![parent.join(format!(".{name}.dws-swap")), inside],
        _ => vec![inside],
    }
}

fn open_same(path: &Path, file: &LiveFile) -> Result<Option<File>> {
    let failed = |error| Error::io(path.display(), error);
    match File::open(path) {
        Ok(found) => {
            let same = identity(&found.metadata().map_err(failed)?) == file.identity;
            Ok(same.then_some(found))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

fn list(tree: &Tree, folder: &str) -> Result<Vec<LiveFile>> {
    let mut files = Vec::new();
    let shown = |name: &String| !name.starts_with(['.', '_']);
    for inner in tree.list(folder)?.into_iter().filter(shown) {
        let inner = format!("{folder}/{inner}");
        for name in tree.list(&inner)?.into_iter().filter(shown) {
            let path = format!("{inner}/{name}");
            let place = tree.root().join(&path);
            match fs::metadata(&place) {
                Ok(found) if found.is_file() => {
                    files.push(LiveFile { path, bytes: found.len(), identity: identity(&found) });
                }
                Ok(_) => {}
                // Gone since its name was read; whether with the whole folder, the caller sees.
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(Error::io(place.display(), error)),
            }
        }
    }
    Ok(files)
}

pub(super) fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

fn identity_of(found: io::Result<Metadata>, path: &Path) -> Result<Option<Identity>> {
    match found {
        Ok(found) => Ok(Some(identity(&found))),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io(path.display(), error)),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn put(root: &std::path::Path, path: &str, text: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(snapshot: &Snapshot) -> Vec<String> {
        let text = |file| {
            let mut text = String::new();
            snapshot.open(file).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        snapshot.files().iter().map(text).collect()
    }

    #[test]
    fn files_of_a_snapshot_stay_readable() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path());
        assert!(live_files(&tree, "t").unwrap().files().is_empty());
        put(root.path(), "t/a/1", "one");
        put(root.path(), "t/b/1", "two");
        put(root.path(), "t/b/_hidden", "no");
        put(root.path(), "t/.x/1", "no");
        put(root.path(), "t/loose", "no");
        let snapshot = live_files(&tree, "t").unwrap();
        let paths: Vec<_> = snapshot.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["t/a/1", "t/b/1"]);
        // Another folder has taken its place, with another file under one of the paths.
        fs::create_dir_all(root.path().join(".swap/7-0")).unwrap();
        fs::rename(root.path().join("t"), root.path().join(".swap/7-0/t")).unwrap();
        put(root.path(), "t/a/1", "both");
        assert_eq!(read(&snapshot), ["one", "two"]);
        assert_eq!(read(&live_files(&tree, "t").unwrap()), ["both"]);
        fs::remove_dir_all(root.path().join(".swap")).unwrap();
        let error = snapshot.open(&snapshot.files()[0]).unwrap_err();
        assert!(error.to_string().contains("was removed"), "{error}");
    }

    #[test]
    fn a_lease_is_held_as_long_as_the_snapshot() {
        let root = tempfile::tempdir().unwrap();
        let other = File::open(root.path()).unwrap();
        let snapshot = live_files(&Tree::new(root.path()), "t").unwrap();
        assert!(other.try_lock().is_err());
        drop(snapshot);
        other.try_lock().unwrap();
    }
}
