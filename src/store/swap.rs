//! Rearranging a root: a whole folder takes the place of another in one step. Uses `error` and
//! `store`. Not hot.
//!
//! A folder of the log is replaced like this. Its successor is put together aside: new files, and
//! for every other file a second name (a hard link). With the **switch** held alone, so that no
//! writer gives a file its name meanwhile, what has come since is added, everything is made durable,
//! and the two folders are exchanged by one `renameat2(RENAME_EXCHANGE)`. A crash before leaves the
//! old folder, a crash after the new one; what stands aside then is removed by the next who
//! rearranges, once no reader holds a lease (`store::live`).
//!
//! ```text
//! ROOT/.tmp/switch             shared by who publishes, held alone by who exchanges
//! ROOT/.tmp/rearrange          held by who rearranges: one at a time
//! ASIDE/PID-N/FOLDER           the successor before, the predecessor after
//! ```

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::live::{LiveFile, Snapshot, asides, identity};
use super::local::{Draft, Sealed, Tree, appear, sync_folder};
use super::workshop::{create_folder, lock_file, switch_path, take};
use crate::error::{Error, Result};

/// The right to rearrange a root.
#[derive(Debug)]
pub struct Rearranger {
    tree: Tree,
    /// Ours among the folders aside, never another's before: what stands in it would come back.
    folder: PathBuf,
    drafts: u64,
    switch: File,
    /// Locked as long as the right is held.
    lock: File,
}

impl Rearranger {
    /// Takes the right, and removes what a predecessor left aside.
    ///
    /// # Errors
    /// `Unreachable` while another process has the right, or for a root that is not there or cannot
    /// be written to; `Refused` where the file system has no locks.
    pub fn open(tree: &Tree) -> Result<Self> {
        Self::check(tree)?;
        let root = tree.root();
        let found = fs::metadata(root).map_err(|error| Error::io(root.display(), error))?;
        if !found.is_dir() {
            return Err(Error::unreachable(format!("{}: is not a folder", root.display())));
        }
        create_folder(&root.join(super::workshop::DRAFTS))?;
        let lock = lock_file(&root.join(super::workshop::DRAFTS).join("rearrange"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::unreachable(format!(
                    "{}: another process is rearranging it",
                    root.display()
                ))
                .advise("start again when it is done"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(Error::refused(format!(
                    "{}: the file system has no locks, and without them files cannot be rearranged \
                     beside a writer",
                    root.display()
                ))
                .caused_by(error));
            }
        }
        let switch = lock_file(&switch_path(root))?;
        let mut rearranger =
            Self { tree: tree.clone(), folder: PathBuf::new(), drafts: 0, switch, lock };
        rearranger.clear()?;
        rearranger.folder = aside(root)?;
        Ok(rearranger)
    }

    /// Looks whether there is such a right at all.
    ///
    /// # Errors
    /// `Refused` for a root that is not in a local folder.
    pub fn check(tree: &Tree) -> Result<()> {
        if tree.is_local() {
            return Ok(());
        }
        Err(Error::refused(format!(
            "{}: files cannot be exchanged for others in one step there, so whoever reads \
             meanwhile would see rows twice or not at all; nothing was changed",
            tree.root().display()
        ))
        .advise("compact a log in a local folder, or write larger files: rows, bytes, seconds"))
    }

    /// Removes everything that stands aside; false while a reader may still need it.
    pub fn clear(&self) -> Result<bool> {
        let root = self.tree.root();
        let lease = File::open(root).map_err(|error| Error::io(root.display(), error))?;
        if lease.try_lock().is_err() {
            return Ok(false);
        }
        let removed =
            asides(root).into_iter().try_for_each(|aside| match fs::remove_dir_all(&aside) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    Err(Error::io(aside.display(), error))
                }
                _ => Ok(()),
            });
        // Closing alone would leave the lock with a child that is being forked, until its exec.
        let _ = lease.unlock();
        removed.map(|()| true)
    }

    /// Starts a file in the successor of a folder.
    pub fn create(&mut self) -> Result<Draft> {
        self.drafts += 1;
        Draft::create(self.folder.join(format!("{}.tmp", self.drafts)))
    }

    /// Puts a finished file into the successor of its folder; false when the name is taken there.
    pub fn place(&self, sealed: &Sealed, path: &str) -> Result<bool> {
        let target = self.staged(path)?;
        appear(sealed.path(), &target).map_err(|error| Error::io(target.display(), error))
    }

    /// Puts a small file into a folder of the log itself, durable on return; nothing when it is
    /// there.
    pub fn add(&mut self, path: &str, write: impl FnOnce(Draft) -> Result<Draft>) -> Result<()> {
        let draft = self.create()?;
        let sealed = write(draft)?.seal()?;
        let target = self.tree.root().join(path);
        appear(sealed.path(), &target).map_err(|error| Error::io(target.display(), error))?;
        sync_parent(&target)
    }

    /// Lets the successor of `folder` take its place: the files placed so far, and of the folder's
    /// own everything but `replaced`, which are files of `snapshot`, and but the files in `folder`
    /// itself whose name begins with `without`.
    ///
    /// # Errors
    /// `Unreachable` when somebody has removed a replaced file meanwhile; then, as after every
    /// error, the folder is as it was. `Refused` where the file system cannot exchange folders or a
    /// folder holds what is none of the log's.
    pub fn exchange(
        &self,
        folder: &str,
        snapshot: &Snapshot,
        replaced: &HashSet<&str>,
        without: &str,
    ) -> Result<()> {
        let old = self.tree.root().join(folder);
        let new = self.folder.join(folder);
        let kept = |path: &str| !replaced.contains(path);
        // Most of it without the switch, so that writers wait for a moment only.
        self.adopt(folder, &kept, without)?;
        sync_all(&new)?;
        take(&self.switch, &switch_path(self.tree.root()))?;
        let done = self.exchange_alone(folder, (&old, &new), snapshot, &kept, without);
        // Its end ends the lock as well.
        let _ = self.switch.unlock();
        done
    }

    fn exchange_alone(
        &self,
        folder: &str,
        (old, new): (&Path, &Path),
        snapshot: &Snapshot,
        kept: &impl Fn(&str) -> bool,
        without: &str,
    ) -> Result<()> {
        let gone = |file: &&LiveFile| {
            let found = fs::metadata(self.tree.root().join(&file.path));
            !kept(&file.path) && found.map(|found| identity(&found)).ok() != Some(file.identity)
        };
        if let Some(gone) = snapshot.files().iter().find(gone) {
            return Err(Error::unreachable(format!(
                "{}: was removed or replaced by somebody else meanwhile",
                self.tree.root().join(&gone.path).display()
            ))
            .advise("nothing was changed; start again"));
        }
        if self.adopt(folder, kept, without)? > 0 {
            sync_all(new)?;
        }
        renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE).map_err(|error| {
            let text = format!("{}: cannot be exchanged in one step: {error}", old.display());
            match error {
                rustix::io::Errno::NOSYS | rustix::io::Errno::INVAL | rustix::io::Errno::XDEV => {
                    Error::refused(text).advise(
                        "the file system lacks RENAME_EXCHANGE; compact a copy of the log on \
                         another one",
                    )
                }
                _ => Error::unreachable(text),
            }
        })?;
        sync_parent(old)?;
        sync_parent(new)
    }

    /// Gives what a folder holds a name in its successor, too; how many names were added.
    fn adopt(&self, folder: &str, kept: &impl Fn(&str) -> bool, without: &str) -> Result<usize> {
        let mut added = 0;
        for name in self.tree.list(folder)? {
            let path = format!("{folder}/{name}");
            let place = self.tree.root().join(&path);
            if !place.is_dir() {
                let left = !without.is_empty() && name.starts_with(without);
                added += usize::from(!left && self.link(&path)?);
                continue;
            }
            for name in self.tree.list(&path)? {
                let path = format!("{path}/{name}");
                if self.tree.root().join(&path).is_dir() {
                    return Err(Error::refused(format!(
                        "{}: a folder that is none of the log's; nothing was changed",
                        self.tree.root().join(&path).display()
                    ))
                    .advise("move it away"));
                }
                added += usize::from(kept(&path) && self.link(&path)?);
            }
        }
        Ok(added)
    }

    fn link(&self, path: &str) -> Result<bool> {
        let target = self.staged(path)?;
        match fs::hard_link(self.tree.root().join(path), &target) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let place = self.tree.root().join(path);
                let which = |path: &Path| {
                    let found = fs::metadata(path);
                    found
                        .map(|found| identity(&found))
                        .map_err(|error| Error::io(path.display(), error))
                };
                if which(&place)? == which(&target)? {
                    return Ok(false);
                }
                Err(Error::unreachable(format!(
                    "{}: a writer took a name that was to be used; nothing was changed",
                    place.display()
                ))
                .advise("start again"))
            }
            Err(error) => Err(Error::io(target.display(), error)),
        }
    }

    /// Takes a folder of files out of the log in one step.
    pub fn drop_folder(&self, path: &str) -> Result<()> {
        let target = self.staged(path)?;
        let place = self.tree.root().join(path);
        take(&self.switch, &switch_path(self.tree.root()))?;
        let done = fs::rename(&place, &target).map_err(|error| Error::io(place.display(), error));
        let _ = self.switch.unlock();
        done?;
        sync_parent(&place)
    }

    /// Makes a folder in the log itself; false when it was there.
    pub fn make_folder(&self, path: &str) -> Result<bool> {
        let place = self.tree.root().join(path);
        match fs::create_dir(&place) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(Error::io(place.display(), error)),
        }
    }

    /// Removes a folder of the log itself, unless something is in it.
    pub fn remove_folder(&self, path: &str) {
        // Left behind, it is empty and says nothing.
        let _ = fs::remove_dir(self.tree.root().join(path));
    }

    /// Removes a file of the log itself.
    pub fn remove(&self, path: &str) -> Result<()> {
        let place = self.tree.root().join(path);
        fs::remove_file(&place).map_err(|error| Error::io(place.display(), error))
    }

    /// The place aside of a path of the log; its folder exists then.
    fn staged(&self, path: &str) -> Result<PathBuf> {
        let target = self.folder.join(path);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder.display(), error))?;
        }
        Ok(target)
    }
}

impl Drop for Rearranger {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next one.
        let _ = self.clear();
        // Closing alone would leave the lock with a child that is being forked, until its exec.
        let _ = self.lock.unlock();
    }
}

/// A folder of our own aside, where folders can be exchanged with the root's.
fn aside(root: &Path) -> Result<PathBuf> {
    let failed = |place: &Path, error| Error::io(place.display(), error);
    let device = identity(&fs::metadata(root).map_err(|error| failed(root, error))?).0;
    let mut refused = None;
    for aside in asides(root) {
        let made = fs::create_dir_all(&aside).and_then(|()| fs::metadata(&aside));
        match made {
            Ok(found) if identity(&found).0 == device => return unused(&aside),
            Ok(_) => {
                let _ = fs::remove_dir(&aside);
            }
            Err(error) => refused = Some(failed(&aside, error)),
        }
    }
    Err(refused.unwrap_or_else(|| Error::unreachable(format!("{}: no room", root.display()))))
}

/// A new folder in `aside`.
fn unused(aside: &Path) -> Result<PathBuf> {
    let mut number = 0u32;
    loop {
        let folder = aside.join(format!("{}-{number}", std::process::id()));
        match fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists && number < u32::MAX => {
                number += 1;
            }
            Err(error) => return Err(Error::io(folder.display(), error)),
        }
    }
}

/// Makes the names in a folder and in the folders in it durable.
fn sync_all(folder: &Path) -> Result<()> {
    let failed = |error| Error::io(folder.display(), error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sync_folder(&path).map_err(|error| Error::io(path.display(), error))?;
        }
    }
    sync_folder(folder).map_err(failed)
}

fn sync_parent(path: &Path) -> Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    sync_folder(parent).map_err(|error| Error::io(parent.display(), error))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::store::live_files;

    const FOLDERS: usize = 40;

    /// Puts a generation of folders with a file each in place of the one before.
    fn next(tree: &Tree, generation: usize) {
        let mut rearranger = Rearranger::open(tree).unwrap();
        let snapshot = live_files(tree, "a/t").unwrap();
        for folder in 0..FOLDERS {
            let mut draft = rearranger.create().unwrap();
            draft.write_all(b"x").unwrap();
            let sealed = draft.seal().unwrap();
            let path = format!("a/t/{generation}-{folder}/f");
            assert!(rearranger.place(&sealed, &path).unwrap());
        }
        let replaced = snapshot.files().iter().map(|file| file.path.as_str()).collect();
        rearranger.exchange("a/t", &snapshot, &replaced, "w").unwrap();
    }

    #[test]
    fn there_is_always_one_whole_generation() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().join("log"));
        let place = tree.root().join("a/t");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("kept"), "").unwrap();
        fs::write(place.join("w-1"), "").unwrap();
        next(&tree, 0);
        assert_eq!(tree.list("a/t").unwrap().len(), FOLDERS + 1);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert!(place.join("kept").exists(), "for a moment there was nothing");
                }
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let snapshot = live_files(&tree, "a/t").unwrap();
                    let generation = |path: &str| path.split(['/', '-']).nth(2).unwrap().to_owned();
                    let seen: HashSet<_> =
                        snapshot.files().iter().map(|file| generation(&file.path)).collect();
                    assert_eq!((snapshot.files().len(), seen.len()), (FOLDERS, 1));
                }
            });
            for generation in 1..30 {
                next(&tree, generation);
            }
            done.store(true, Ordering::Relaxed);
        });
        drop(Rearranger::open(&tree).unwrap());
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_came_meanwhile_is_kept_and_what_went_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let tree = Tree::new(root.path().join("log"));
        let put = |path: &str| {
            let path = tree.root().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        };
        ["t/a/1", "t/b/1", "t/b/2"].into_iter().for_each(put);
        let mut rearranger = Rearranger::open(&tree).unwrap();
        let snapshot = live_files(&tree, "t").unwrap();
        let replaced = HashSet::from(["t/a/1", "t/b/1"]);
        let merged = rearranger.create().unwrap().seal().unwrap();
        rearranger.place(&merged, "t/m/1").unwrap();
        put("t/c/1");
        put("t/a/2");
        // Somebody takes the very name.
        put("t/m/1");
        let error = rearranger.exchange("t", &snapshot, &replaced, "").unwrap_err();
        assert!(error.to_string().contains("took a name"), "{error}");
        fs::remove_dir_all(tree.root().join("t/m")).unwrap();
        // Somebody removes what is to be replaced.
        fs::rename(tree.root().join("t/b/1"), root.path().join("1")).unwrap();
        let error = rearranger.exchange("t", &snapshot, &replaced, "").unwrap_err();
        assert!(error.to_string().contains("was removed"), "{error}");
        fs::rename(root.path().join("1"), tree.root().join("t/b/1")).unwrap();
        rearranger.exchange("t", &snapshot, &replaced, "").unwrap();
        let after = live_files(&tree, "t").unwrap();
        let paths: Vec<_> = after.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["t/a/2", "t/b/2", "t/c/1", "t/m/1"]);
        // Kept for the reader of before, and not a moment longer.
        drop(after);
        assert!(!rearranger.clear().unwrap());
        snapshot.files().iter().for_each(|file| drop(snapshot.open(file).unwrap()));
        drop(snapshot);
        assert!(rearranger.clear().unwrap());
    }
}
