//! The folder of one writer's drafts, and the clearing of dead writers' folders. Uses `error`. Not hot.
//!
//! ```text
//! ROOT/.tmp/lock               held for a moment by whoever opens or clears
//! ROOT/.tmp/switch             see `swap.rs`
//! ROOT/.tmp/PID-N/lock         held by its writer for as long as that writer lives
//! ROOT/.tmp/PID-N/M.tmp        a draft
//! ```
//!
//! The locks are the kernel's (`flock`), so they end with their process however it ends. A folder
//! whose lock can be had belongs to nobody alive; a process id alone would not say so, since ids
//! are used again.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder under the root that holds every writer's drafts; hidden from directory listings.
pub(super) const DRAFTS: &str = ".tmp";
const LOCK: &str = "lock";

/// A folder that is this writer's alone; removed when dropped.
#[derive(Debug)]
pub(super) struct Workshop {
    folder: PathBuf,
    /// Held open: closing it ends the lock.
    _lock: File,
    drafts: u64,
}

impl Workshop {
    /// Clears what dead writers left under `root` and opens a folder of our own.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let drafts = root.join(DRAFTS);
        create_folder(&drafts)?;
        let gate = lock_file(&drafts.join(LOCK))?;
        // Where locks are not to be had, nothing of others is touched.
        if take(&gate, &drafts)? {
            clear(&drafts)?;
        }
        let mut number = 0u32;
        let folder = loop {
            let folder = drafts.join(format!("{}-{number}", std::process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => break folder,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    number = number.wrapping_add(1);
                }
                Err(error) => return Err(Error::io(folder.display(), error)),
            }
        };
        let lock = lock_file(&folder.join(LOCK))?;
        take(&lock, &folder)?;
        Ok(Self { folder, _lock: lock, drafts: 0 })
    }

    /// A path for the next draft; never given twice.
    pub(super) fn next(&mut self) -> PathBuf {
        self.drafts += 1;
        self.folder.join(format!("{}.tmp", self.drafts))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next writer.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The lock that publishing shares and that rearranging holds alone.
pub(super) fn switch_path(root: &Path) -> PathBuf {
    root.join(DRAFTS).join("switch")
}

pub(super) fn lock_file(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| Error::io(path.display(), error))
}

/// Waits for a lock; false where the file system has none.
pub(super) fn take(lock: &File, folder: &Path) -> Result<bool> {
    match lock.lock() {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => Ok(false),
        Err(error) => Err(Error::io(folder.join(LOCK).display(), error)),
    }
}

pub(super) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| {
        Error::io(path.display(), error).advise("the sink needs a folder that it may write to")
    })
}

/// Removes the folders of dead writers. The caller holds the gate, so that a folder without a lock
/// is not one that its writer is about to lock.
fn clear(drafts: &Path) -> Result<()> {
    let entries = fs::read_dir(drafts).map_err(|error| Error::io(drafts.display(), error))?;
    for entry in entries {
        let folder = entry.map_err(|error| Error::io(drafts.display(), error))?.path();
        if !folder.is_dir() {
            continue;
        }
        let lock = lock_file(&folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {
                fs::remove_dir_all(&folder).map_err(|error| Error::io(folder.display(), error))?;
            }
            // Alive; or a file system that cannot tell, and then nothing of others is touched.
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(())
}
