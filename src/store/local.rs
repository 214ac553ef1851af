//! A store in a local directory, and the way to those elsewhere. Uses `error`, `store::workshop` and
//! `store::remote`. Not hot.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::remote::{self, Elsewhere};
use super::workshop::{Workshop, lock_file, switch_path};
use crate::error::{Error, Result};

/// The reading half: names and bytes under a root. Paths are relative to it, parts joined by `/`.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    /// Where the tree is not in a folder of this machine; `root` is its address then.
    remote: Option<Arc<Elsewhere>>,
}

impl Tree {
    /// A tree in a folder of this machine; nothing is touched and nothing needs to exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), remote: None }
    }

    /// A tree at an address: a folder, or, as far as this build knows them, `s3://BUCKET/PREFIX`
    /// and `hdfs://NAMENODE:PORT/PATH`.
    ///
    /// # Errors
    /// `Usage` for another place.
    pub fn at(address: &str) -> Result<Self> {
        let remote = remote::open(address)?;
        let trimmed = if remote.is_some() { address.trim_end_matches('/') } else { address };
        Ok(Self { root: trimmed.into(), remote })
    }

    /// Whether the files are in a folder of this machine.
    pub fn is_local(&self) -> bool {
        self.remote.is_none()
    }

    pub(super) fn remote(&self) -> Option<&Elsewhere> {
        self.remote.as_deref()
    }

    /// The files in the folders of a folder, with their sizes, where they are not local.
    pub(super) fn remote_files(&self, folder: &str) -> Result<Option<Vec<(String, u64)>>> {
        let Some(remote) = &self.remote else { return Ok(None) };
        let mut files = Vec::new();
        for (inner, _) in remote.place.list(folder)?.into_iter().filter(|(_, size)| size.is_none())
        {
            for (name, size) in remote.place.list(&format!("{folder}/{inner}"))? {
                files.extend(size.map(|size| (format!("{folder}/{inner}/{name}"), size)));
            }
        }
        Ok(Some(files))
    }

    /// Where the tree is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names in a folder, sorted; none when there is no such folder.
    pub fn list(&self, folder: &str) -> Result<Vec<String>> {
        if let Some(remote) = &self.remote {
            return Ok(remote.place.list(folder)?.into_iter().map(|(name, _)| name).collect());
        }
        let path = self.root.join(folder);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(Error::io(path.display(), error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(path.display(), error))?;
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Opens a file for reading.
    pub fn open(&self, path: &str) -> Result<File> {
        self.find(path)?.ok_or_else(|| {
            let path = self.root.join(path);
            Error::io(path.display(), io::ErrorKind::NotFound.into())
        })
    }

    /// Opens a file for reading; `None` when there is none of that name.
    pub fn find(&self, path: &str) -> Result<Option<File>> {
        if let Some(remote) = &self.remote {
            let Some(file) = remote.place.get(path)? else { return Ok(None) };
            return file.reopen().map(Some).map_err(|error| Error::io("a temporary file", error));
        }
        let path = self.root.join(path);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(path.display(), error)),
        }
    }
}

/// A file in the making.
#[derive(Debug)]
pub struct Draft {
    file: File,
    path: PathBuf,
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Who writes here is most often a library that knows no path.
        self.file.write(bytes).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Draft {
    pub(super) fn create(path: PathBuf) -> Result<Self> {
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| Error::io(path.display(), error))?;
        Ok(Self { file, path })
    }

    /// Makes the bytes durable and closes the file, still under its draft name.
    pub fn seal(self) -> Result<Sealed> {
        self.file.sync_all().map_err(|error| Error::io(self.path.display(), error))?;
        Ok(Sealed { path: self.path })
    }
}

/// A durable draft, ready to appear.
#[derive(Debug)]
pub struct Sealed {
    path: PathBuf,
}

impl Sealed {
    /// Where it stands, under its draft name.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The writing half. Several writers, in one process or in many, may share a root.
#[derive(Debug)]
pub struct Writer {
    tree: Tree,
    workshop: Workshop,
    /// Where the drafts are, if that is not the root.
    _elsewhere: Option<tempfile::TempDir>,
    /// Folders whose own name this writer has made durable already.
    settled: BTreeSet<PathBuf>,
    /// Folders with names not yet durable.
    unsynced: BTreeSet<PathBuf>,
    /// From the first name that is not durable until all are: nobody exchanges folders meanwhile.
    switch: Option<File>,
}

impl Writer {
    /// Opens the root for writing, creating it when missing, and removes the drafts of writers
    /// that died.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let tree = Tree::new(root);
        let workshop = Workshop::open(&tree.root)?;
        let mut writer = Self {
            tree,
            workshop,
            _elsewhere: None,
            settled: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            switch: None,
        };
        // The root's own name; a parent that may not be opened was not made by us.
        if let Some(parent) =
            writer.tree.root.parent().filter(|parent| !parent.as_os_str().is_empty())
        {
            let _ = sync_folder(parent);
        }
        writer.settled.insert(writer.tree.root.clone());
        Ok(writer)
    }

    /// Opens the root at an address, as `Tree::at` takes it. Elsewhere, drafts are in a temporary
    /// folder of this machine.
    pub fn at(address: &str) -> Result<Self> {
        let tree = Tree::at(address)?;
        if tree.is_local() {
            return Self::open(address);
        }
        let folder = tempfile::tempdir().map_err(|error| Error::io("a temporary folder", error))?;
        Ok(Self {
            tree,
            workshop: Workshop::open(folder.path())?,
            _elsewhere: Some(folder),
            settled: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            switch: None,
        })
    }

    /// The reading half of the same root.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Starts a file.
    pub fn create(&mut self) -> Result<Draft> {
        Draft::create(self.workshop.next())
    }

    /// Lets a sealed draft appear in `folder` under the first of `names` that is free, and gives
    /// that name. The name is durable after the next `sync`, which ought to be soon: until then
    /// nobody can rearrange the root.
    pub fn publish(
        &mut self,
        sealed: Sealed,
        folder: &str,
        mut names: impl Iterator<Item = String>,
    ) -> Result<String> {
        if let Some(remote) = &self.tree.remote {
            let name =
                remote.place.publish(&sealed.path, folder, &mut names)?.ok_or_else(|| {
                    Error::unreachable(format!("{folder}: every name for a new file is taken"))
                })?;
            let gone = fs::remove_file(&sealed.path);
            gone.map_err(|error| Error::io(sealed.path.display(), error))?;
            return Ok(name);
        }
        if self.switch.is_none() {
            let path = switch_path(&self.tree.root);
            let switch = lock_file(&path)?;
            // Where there are no locks, nobody rearranges.
            if let Err(error) = switch.lock_shared()
                && error.kind() != io::ErrorKind::Unsupported
            {
                return Err(Error::io(path.display(), error));
            }
            self.switch = Some(switch);
        }
        let folder = self.settle(folder)?;
        for name in names {
            let target = folder.join(&name);
            if appear(&sealed.path, &target).map_err(|error| Error::io(target.display(), error))? {
                self.unsynced.insert(folder);
                return Ok(name);
            }
        }
        Err(Error::unreachable(format!("{}: every name for a new file is taken", folder.display())))
    }

    /// Writes a small file in place of an older one of that name: whole at every moment, and
    /// durable on return.
    pub fn replace(&mut self, folder: &str, name: &str, bytes: &[u8]) -> Result<()> {
        if let Some(remote) = &self.tree.remote {
            return remote.place.replace(&format!("{folder}/{name}"), bytes);
        }
        let mut draft = self.create()?;
        draft.write_all(bytes).map_err(|error| Error::io(draft.path.display(), error))?;
        let sealed = draft.seal()?;
        let folder = self.settle(folder)?;
        let target = folder.join(name);
        fs::rename(&sealed.path, &target).map_err(|error| Error::io(target.display(), error))?;
        self.unsynced.insert(folder);
        self.sync()
    }

    /// Makes every name published so far durable.
    pub fn sync(&mut self) -> Result<()> {
        while let Some(folder) = self.unsynced.pop_first() {
            if let Err(error) = sync_folder(&folder) {
                let failed = Error::io(folder.display(), error);
                self.unsynced.insert(folder);
                return Err(failed);
            }
        }
        self.switch = None;
        Ok(())
    }

    /// Creates a folder and marks every name on the way to it as not yet durable. A folder that
    /// exists may have been made by a writer that died before its `sync`, so it counts as well,
    /// once a writer.
    fn settle(&mut self, folder: &str) -> Result<PathBuf> {
        let path = self.tree.root.join(folder);
        fs::create_dir_all(&path).map_err(|error| Error::io(path.display(), error))?;
        for step in path.ancestors() {
            if self.settled.contains(step) {
                break;
            }
            // The innermost folder is most often used once; remembering it would only grow.
            if step != path {
                self.settled.insert(step.to_path_buf());
            }
            if let Some(parent) = step.parent() {
                self.unsynced.insert(parent.to_path_buf());
            }
        }
        Ok(path)
    }
}

/// Gives `draft` the name `target`; false when that name is taken. A hard link is the portable way
/// to refuse a taken name in one step; where there are none, a look before the rename has to do.
pub(super) fn appear(draft: &Path, target: &Path) -> io::Result<bool> {
    match fs::hard_link(draft, target) {
        Ok(()) => {
            // The file has appeared; a second name left behind goes with the draft folder.
            let _ = fs::remove_file(draft);
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            if target.try_exists()? {
                return Ok(false);
            }
            fs::rename(draft, target)?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(writer: &mut Writer, text: &str) -> Sealed {
        let mut draft = writer.create().unwrap();
        draft.write_all(text.as_bytes()).unwrap();
        draft.seal().unwrap()
    }

    #[test]
    fn a_name_is_never_taken_twice() {
        let root = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(root.path()).unwrap();
        let names = || (0..).map(|n| format!("x{n}"));
        for text in ["one", "two"] {
            let sealed = draft(&mut writer, text);
            writer.publish(sealed, "a/b", names()).unwrap();
        }
        writer.sync().unwrap();
        assert_eq!(writer.tree().list("a/b").unwrap(), ["x0", "x1"]);
        assert_eq!(fs::read(root.path().join("a/b/x0")).unwrap(), b"one");
        assert_eq!(fs::read(root.path().join("a/b/x1")).unwrap(), b"two");
        assert!(writer.tree().list("missing").unwrap().is_empty());
    }

    #[test]
    fn only_the_drafts_of_the_dead_are_cleared() {
        let root = tempfile::tempdir().unwrap();
        let mut living = Writer::open(root.path()).unwrap();
        let kept = draft(&mut living, "mine");
        let dead = root.path().join(".tmp/1-0");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("1.tmp"), "torn").unwrap();
        let other = Writer::open(root.path()).unwrap();
        assert!(!dead.exists());
        assert!(kept.path.exists());
        drop(other);
        living.publish(kept, "t", std::iter::once("f".to_owned())).unwrap();
        drop(living);
        assert_eq!(Tree::new(root.path()).list(".tmp").unwrap(), ["lock", "switch"]);
        assert_eq!(Tree::new(root.path()).list("t").unwrap(), ["f"]);
    }

    #[test]
    fn replacing_leaves_one_whole_file() {
        let root = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(root.path()).unwrap();
        writer.replace("c", "p.json", b"1").unwrap();
        writer.replace("c", "p.json", b"22").unwrap();
        assert_eq!(fs::read(root.path().join("c/p.json")).unwrap(), b"22");
        assert_eq!(writer.tree().list("c").unwrap(), ["p.json"]);
    }
}
