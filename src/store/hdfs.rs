//! A store in HDFS, by a client that speaks to name and data nodes itself. Uses `error`. Not hot:
//! once a file.
//!
//! ```text
//! ROOT/.tmp/PID-TIME-N.tmp     a draft on its way in; Hive, Spark and Impala pass it over
//! ```
//!
//! A draft is sent, flushed to the data nodes' disks and closed, and then renamed. The name node
//! renames in one step and refuses a name that is taken. A whole folder is removed in one step, too.
//!
//! There is no compaction. A folder takes a new name in one step but never another's place, so an
//! exchange is two renames with a moment between them in which the rows are nowhere, and a kill
//! makes the moment last. The name node's `concat` does put one file in place of many in one step,
//! but only of files in one folder, and a flush's files are in folders of their own.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hdfs_native::client::{FileStatus, WriteOptions};
use hdfs_native::sync::{Client, ClientBuilder};
use hdfs_native::{HdfsError, Result as Answer};
use tempfile::NamedTempFile;

use super::remote::Remote;
use super::workshop::DRAFTS;
use crate::error::{Error, Result};

/// A draft is sent and renamed within minutes. What is older than this many milliseconds was left
/// by a writer that died; taken from a living one, it would cost that one an error and no row.
const DEAD_AFTER: u64 = 24 * 3600 * 1000;
/// Bytes sent in one go.
const PIECE: usize = 1 << 20;
/// Bytes of a block, in which a file is kept. Only its last block can be flushed to the disks, so a
/// larger file gets a block that holds it all.
const BLOCK: u64 = 128 << 20;
/// Blocks are multiples of so many bytes.
const BLOCK_STEP: u64 = 1 << 20;
/// A name service is asked as long as its name nodes may need for a failover, minutes. Behind one
/// name node, which has a port, nobody takes over: some ten seconds.
const ATTEMPTS_TO_CONNECT: &str = "dfs.client.failover.max.attempts";
const CONNECTS: &str = "4";
/// How often a folder is made anew for one file while somebody else removes it.
const ATTEMPTS: usize = 10;

/// A folder in HDFS.
pub(super) struct Hdfs {
    /// As people write it: `hdfs://namenode:port/path`.
    place: String,
    /// The path alone, without a slash at its end.
    root: String,
    client: Client,
    drafts: AtomicU64,
}

/// A draft that is whole and durable.
struct Sent {
    path: String,
    identity: Identity,
}

/// Length and moment of the last change, which a rename leaves alone.
type Identity = (usize, u64);

impl fmt::Debug for Hdfs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl Hdfs {
    /// A folder by its address. Name services, Kerberos and the user come from where Hadoop's own
    /// clients look for them: `HADOOP_CONF_DIR`, the ticket cache, `HADOOP_USER_NAME`.
    pub(super) fn open(place: &str) -> Result<Self> {
        let place = place.trim_end_matches('/');
        let rest = place.strip_prefix("hdfs://").unwrap_or(place);
        let (node, path) = rest.split_once('/').unwrap_or((rest, ""));
        if node.contains('@') {
            return Err(Error::usage("hdfs://…: a user is no part of the address")
                .advise("set HADOOP_USER_NAME, or log in with kinit"));
        }
        if node.is_empty() || path.split('/').any(|name| matches!(name, "." | ".." | "")) {
            return Err(Error::usage(format!("{place}: write hdfs://NAMENODE:PORT/PATH")));
        }
        let mut builder = ClientBuilder::new().with_url(format!("hdfs://{node}/"));
        if node.contains(':') {
            builder = builder.with_config([(ATTEMPTS_TO_CONNECT, CONNECTS)]);
        }
        let client = builder.build();
        let client = client.map_err(|error| failed(place, error))?;
        let root = format!("/{path}");
        Ok(Self { place: place.to_owned(), root, client, drafts: AtomicU64::new(0) })
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.root).trim_end_matches('/').to_owned()
    }

    fn failed(&self, path: &str, error: HdfsError) -> Error {
        failed(format!("{}/{path}", self.place).trim_end_matches('/'), error)
    }

    fn status(&self, path: &str) -> Result<Option<FileStatus>> {
        present(self.client.get_file_info(&self.path(path))).map_err(|e| self.failed(path, e))
    }

    /// Removes what dead writers left.
    fn clear(&self) -> Result<()> {
        let found = present(self.client.list_status(&self.path(DRAFTS), false));
        let found = found.map_err(|error| self.failed(DRAFTS, error))?;
        let dead = now().saturating_sub(DEAD_AFTER);
        for draft in found.into_iter().flatten().filter(|draft| draft.modification_time < dead) {
            self.remove(&format!("{DRAFTS}/{}", last(&draft.path)), false)?;
        }
        Ok(())
    }

    fn remove(&self, path: &str, folder: bool) -> Result<()> {
        let done = self.client.delete(&self.path(path), folder);
        done.map(|_| ()).map_err(|error| self.failed(path, error))
    }

    /// Sends so many bytes into a draft, durable on return.
    fn send(&self, mut from: impl Read, bytes: u64) -> Result<Sent> {
        if self.drafts.load(Ordering::Relaxed) == 0 {
            self.clear()?;
        }
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let path = format!("{DRAFTS}/{}-{}-{number}.tmp", std::process::id(), now());
        let failed = |error| self.failed(&path, error);
        let block = bytes.max(BLOCK).next_multiple_of(BLOCK_STEP);
        // A taken name is refused, so a draft is one writer's alone.
        let to = self.client.create(&self.path(&path), WriteOptions::default().block_size(block));
        let mut to = to.map_err(failed)?;
        let mut sent = || {
            loop {
                let mut piece = Vec::new();
                from.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
                if piece.is_empty() {
                    to.hsync()?;
                    return to.close();
                }
                to.write_bytes(Bytes::from(piece))?;
            }
        };
        let sent = sent();
        if let Err(error) = sent {
            // Left behind, it is removed by a later writer.
            let _ = self.client.delete(&self.path(&path), false);
            return Err(failed(error));
        }
        let status = self.status(&path)?.ok_or_else(|| {
            Error::unreachable(format!("{}/{path}: was removed by somebody else", self.place))
                .advise("start again")
        })?;
        if status.length as u64 != bytes {
            return Err(Error::unreachable(format!(
                "{}/{path}: {bytes} bytes were sent and {} are there",
                self.place, status.length
            )));
        }
        Ok(Sent { path, identity: identity(&status) })
    }

    /// Gives a draft a name; false when the name is another file's.
    fn rename(&self, draft: &Sent, folder: &str, path: &str) -> Result<bool> {
        let mut attempt = 0;
        loop {
            let made = self.client.mkdirs(&self.path(folder), 0o755, true);
            made.map_err(|error| self.failed(folder, error))?;
            let error = match self.client.rename(&self.path(&draft.path), &self.path(path), false) {
                Ok(()) => return Ok(true),
                Err(error) => error,
            };
            attempt += 1;
            let waits = self.status(&draft.path)?.is_some();
            match error {
                HdfsError::AlreadyExists(_) if waits => return Ok(false),
                // The folder was removed in between.
                error if waits && is_absent(&error) && attempt < ATTEMPTS => {}
                // It was done and the answer was lost: then it is ours that is there.
                _ if !waits
                    && self.status(path)?.as_ref().map(identity) == Some(draft.identity) =>
                {
                    return Ok(true);
                }
                error => return Err(self.failed(path, error)),
            }
        }
    }
}

impl Remote for Hdfs {
    fn list(&self, folder: &str) -> Result<Vec<(String, Option<u64>)>> {
        let found = present(self.client.list_status(&self.path(folder), false));
        let found = found.map_err(|error| self.failed(folder, error))?;
        let own = self.path(folder);
        let name = |status: FileStatus| {
            let size = (!status.isdir).then_some(status.length as u64);
            // A file is listed as the one thing in itself.
            (status.path != own).then(|| (last(&status.path).to_owned(), size))
        };
        let mut names: Vec<_> = found.into_iter().flatten().filter_map(name).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn get(&self, path: &str) -> Result<Option<NamedTempFile>> {
        let found = present(self.client.read(&self.path(path)));
        let Some(found) = found.map_err(|error| self.failed(path, error))? else {
            return Ok(None);
        };
        let local = |error| Error::io("a temporary file", error);
        let mut file = NamedTempFile::new().map_err(local)?;
        for piece in found.read_range_stream(0, found.file_length()) {
            let piece = piece.map_err(|error| self.failed(path, error))?;
            file.write_all(&piece).map_err(local)?;
        }
        Ok(Some(file))
    }

    fn publish(
        &self,
        local: &Path,
        folder: &str,
        names: &mut dyn Iterator<Item = String>,
    ) -> Result<Option<String>> {
        let failed = |error| Error::io(local.display(), error);
        let file = File::open(local).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let draft = self.send(file, bytes)?;
        for name in names {
            if self.rename(&draft, folder, &format!("{folder}/{name}"))? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let draft = self.send(bytes, bytes.len() as u64)?;
        let failed = |error| self.failed(path, error);
        if let Some((folder, _)) = path.rsplit_once('/') {
            self.client.mkdirs(&self.path(folder), 0o755, true).map_err(failed)?;
        }
        self.client.rename(&self.path(&draft.path), &self.path(path), true).map_err(failed)
    }

    fn drop_folder(&self, folder: &str, _files: &[&str]) -> Result<()> {
        self.remove(folder, true)
    }
}

fn identity(status: &FileStatus) -> Identity {
    (status.length, status.modification_time)
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn is_absent(error: &HdfsError) -> bool {
    match error {
        HdfsError::FileNotFound(_) => true,
        HdfsError::RPCError(name, _) | HdfsError::FatalRPCError(name, _) => {
            name.ends_with(".FileNotFoundException")
        }
        _ => false,
    }
}

fn present<T>(answer: Answer<T>) -> Answer<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failed(place: &str, error: HdfsError) -> Error {
    let text = format!("{place}: {}", short(&error));
    let refused = match &error {
        HdfsError::RPCError(name, _) | HdfsError::FatalRPCError(name, _) => {
            name.ends_with(".AccessControlException")
        }
        HdfsError::SASLError(_) | HdfsError::GSSAPIError(..) | HdfsError::NoSASLMechanism => true,
        _ => false,
    };
    if matches!(error, HdfsError::UnsupportedFeature(_)) {
        // Files that are erasure-coded cannot be flushed to the disks.
        Error::refused(text).advise("write to a folder whose files are replicated")
    } else if refused {
        Error::refused(text).advise("see to the user (HADOOP_USER_NAME, kinit) and its rights")
    } else {
        Error::unreachable(text)
            .advise("see that the name node runs, has left safe mode and has data nodes")
    }
    .caused_by(error)
}

/// The name node's first line; what follows is where in its code it was.
fn short(error: &HdfsError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
