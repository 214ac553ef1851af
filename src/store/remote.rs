//! What a store elsewhere can do, and which one an address names. Uses `error`. Not hot.
//!
//! Drafts are put together in a temporary folder of this machine and sent when they are whole, so
//! every place has to offer two things only: a file that appears at once, and never in place of
//! another; and a small file that takes the place of another at once.

use std::fmt::Debug;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::NamedTempFile;

use super::local::Tree;
use crate::error::{Error, Result};

/// Where this build finds a log.
pub const PLACES: &str = match (cfg!(feature = "s3"), cfg!(feature = "hdfs")) {
    (false, false) => {
        "in this build the Parquet log is in a local folder; write parquet:DIR (S3 comes with the feature s3, HDFS with the feature hdfs)"
    }
    (true, false) => {
        "in this build the Parquet log is in a local folder or a bucket; write parquet:DIR or parquet:s3://BUCKET/PREFIX (HDFS comes with the feature hdfs)"
    }
    (false, true) => {
        "in this build the Parquet log is in a local folder or HDFS; write parquet:DIR or parquet:hdfs://NAMENODE:PORT/PATH (S3 comes with the feature s3)"
    }
    (true, true) => {
        "the Parquet log is in a local folder, a bucket or HDFS; write parquet:DIR, parquet:s3://BUCKET/PREFIX or parquet:hdfs://NAMENODE:PORT/PATH"
    }
};

/// A tree of files elsewhere. Paths are relative to its root, parts joined by `/`.
pub(super) trait Remote: Debug + Send + Sync {
    /// The folders and the files in a folder, with the files' sizes, sorted by name; none when
    /// there is no such folder.
    fn list(&self, folder: &str) -> Result<Vec<(String, Option<u64>)>>;

    /// A copy of a file on this machine; nothing when there is none.
    fn get(&self, path: &str) -> Result<Option<NamedTempFile>>;

    /// Lets a local file appear in `folder`, durable and at once, under the first of `names` that
    /// is free; gives that name.
    fn publish(
        &self,
        local: &Path,
        folder: &str,
        names: &mut dyn Iterator<Item = String>,
    ) -> Result<Option<String>>;

    /// Makes a small file in place of whatever has the name, durable and at once.
    fn replace(&self, path: &str, bytes: &[u8]) -> Result<()>;

    /// Removes the files of a folder of files: these, and where that is one step, the whole folder.
    fn drop_folder(&self, folder: &str, files: &[&str]) -> Result<()>;
}

/// A place elsewhere, and the copies of its files that are on this machine.
#[derive(Debug)]
pub(super) struct Elsewhere {
    pub(super) place: Box<dyn Remote>,
    snapshots: AtomicU64,
    /// The one used last behind the others.
    copies: Mutex<Vec<Copied>>,
}

#[derive(Debug)]
struct Copied {
    snapshot: u64,
    path: String,
    bytes: u64,
    file: NamedTempFile,
}

/// Bytes of copies that are kept: a file is asked for once for each of its row groups.
const COPIED: u64 = 1 << 30;

impl Elsewhere {
    /// A number for a snapshot: a copy is of its moment, whatever gets the name later.
    pub(super) fn number(&self) -> u64 {
        self.snapshots.fetch_add(1, Ordering::Relaxed)
    }

    /// Opens a copy of a snapshot's file; nothing when the file is gone.
    pub(super) fn open(&self, snapshot: u64, path: &str, bytes: u64) -> Result<Option<File>> {
        // A reader that panicked has left whole copies.
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let known = copies.iter().position(|copy| copy.snapshot == snapshot && copy.path == path);
        let copy = match known {
            Some(at) => copies.remove(at),
            None => {
                let Some(file) = self.place.get(path)? else { return Ok(None) };
                Copied { snapshot, path: path.to_owned(), bytes, file }
            }
        };
        let open = copy.file.reopen().map_err(|error| Error::io("a temporary file", error));
        copies.push(copy);
        let mut bytes: u64 = copies.iter().map(|copy| copy.bytes).sum();
        while bytes > COPIED && copies.len() > 1 {
            bytes = bytes.saturating_sub(copies.remove(0).bytes);
        }
        open.map(Some)
    }

    /// Removes the copies of a snapshot.
    pub(super) fn forget(&self, snapshot: u64) {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|copy| copy.snapshot != snapshot);
    }
}

/// The place elsewhere that an address names; nothing when it names a local folder.
///
/// # Errors
/// `Usage` for a place that this build does not know.
pub(super) fn open(address: &str) -> Result<Option<Arc<Elsewhere>>> {
    let place: Option<Box<dyn Remote>> = match address.split_once("://") {
        #[cfg(feature = "s3")]
        Some(("s3", _)) => Some(Box::new(super::object::Bucket::open(address)?)),
        #[cfg(feature = "hdfs")]
        Some(("hdfs", _)) => Some(Box::new(super::hdfs::Hdfs::open(address)?)),
        Some(_) => return Err(Error::usage(format!("{address}: {PLACES}"))),
        None => None,
    };
    let with = |place| {
        Arc::new(Elsewhere { place, snapshots: AtomicU64::new(0), copies: Mutex::default() })
    };
    Ok(place.map(with))
}

/// Removes a folder of files from a tree elsewhere: `files` are those in it. In HDFS that is one
/// step; in a bucket the files go one after the other.
///
/// # Errors
/// `Unreachable`; then some of the files may be gone.
pub fn drop_remote(tree: &Tree, folder: &str, files: &[&str]) -> Result<()> {
    tree.remote().map_or(Ok(()), |remote| remote.place.drop_folder(folder, files))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A place whose files all hold `text`.
    #[derive(Debug, Default)]
    struct Place {
        text: Mutex<&'static str>,
        asked: Arc<AtomicUsize>,
    }

    impl Remote for Place {
        fn list(&self, _folder: &str) -> Result<Vec<(String, Option<u64>)>> {
            Ok(Vec::new())
        }

        fn get(&self, path: &str) -> Result<Option<NamedTempFile>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let mut file = NamedTempFile::new().unwrap();
            file.write_all(self.text.lock().unwrap().as_bytes()).unwrap();
            Ok((path != "gone").then_some(file))
        }

        fn publish(
            &self,
            _local: &Path,
            _folder: &str,
            _names: &mut dyn Iterator<Item = String>,
        ) -> Result<Option<String>> {
            Ok(None)
        }

        fn replace(&self, _path: &str, _bytes: &[u8]) -> Result<()> {
            Ok(())
        }

        fn drop_folder(&self, _folder: &str, _files: &[&str]) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn copies_are_kept_for_their_snapshot_and_within_the_bound() {
        let place = Place { text: Mutex::new("text"), ..Place::default() };
        let asked = Arc::clone(&place.asked);
        let elsewhere = Elsewhere {
            place: Box::new(place),
            snapshots: AtomicU64::new(0),
            copies: Mutex::default(),
        };
        let (one, two) = (elsewhere.number(), elsewhere.number());
        let read = |snapshot, path, bytes| {
            let mut text = String::new();
            let file = elsewhere.open(snapshot, path, bytes).unwrap();
            file.unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text");
            asked.load(Ordering::Relaxed)
        };
        assert_eq!([read(one, "a", 4), read(one, "a", 4), read(two, "a", 4)], [1, 1, 2]);
        elsewhere.forget(one);
        assert_eq!([read(two, "a", 4), read(one, "a", 4)], [2, 3]);
        // What was used last is kept, however large.
        assert_eq!([read(one, "b", COPIED), read(one, "b", COPIED), read(two, "a", 4)], [4, 4, 5]);
        assert!(elsewhere.open(one, "gone", 4).unwrap().is_none());
    }
}
