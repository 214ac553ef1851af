//! Retention: files that are older than a moment go. Uses `error`, `columnar` and `store`. Not hot.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::columnar::names;
use crate::error::Result;
use crate::store::{Rearranger, Tree, drop_remote, live_files};

/// A folder of files of one time range that went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// The folder, relative to the root.
    pub folder: String,
    /// Files in it.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Drops every file whose newest row, by the name of its folder, is older than `before`
/// (microseconds since 1970-01-01 UTC); `done` is told of each folder. Rows younger than that stay,
/// and so do older ones that share a file with them. With `dry_run` nothing is changed.
///
/// A local folder goes in one step, and who reads it keeps it until then. Elsewhere nothing is kept
/// for readers, and in a bucket the files of a folder go one after the other.
///
/// # Errors
/// `Unreachable` when something cannot be read or removed or another process rearranges the root.
pub fn drop_before(
    tree: &Tree,
    before: i64,
    dry_run: bool,
    stop: &AtomicBool,
    mut done: impl FnMut(&Dropped) -> Result<()>,
) -> Result<()> {
    let local = !dry_run && tree.is_local();
    let rearranger = if local { Some(Rearranger::open(tree)?) } else { None };
    for (_, namespace) in names::namespaces(|folder| tree.list(folder))? {
        let snapshot = live_files(tree, &namespace)?;
        let mut old: Vec<Dropped> = Vec::new();
        for file in snapshot.files() {
            let Some((folder, name)) = file.path.rsplit_once('/') else { continue };
            let times = folder.rsplit('/').next().and_then(names::read_times);
            if times.is_none_or(|(_, end)| end >= before) || names::read_part(name).is_none() {
                continue;
            }
            match old.last_mut().filter(|last| last.folder == folder) {
                Some(last) => {
                    last.files += 1;
                    last.bytes += file.bytes;
                }
                None => {
                    let folder = folder.to_owned();
                    old.push(Dropped { folder, files: 1, bytes: file.bytes });
                }
            }
        }
        for dropped in old {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if let Some(rearranger) = &rearranger {
                rearranger.drop_folder(&dropped.folder)?;
            } else if !dry_run {
                let inside =
                    |path: &&str| path.rsplit_once('/').is_some_and(|at| at.0 == dropped.folder);
                let paths = snapshot.files().iter().map(|file| file.path.as_str());
                drop_remote(tree, &dropped.folder, &paths.filter(inside).collect::<Vec<_>>())?;
            }
            done(&dropped)?;
        }
    }
    Ok(())
}
