//! A store in a bucket of an object store (S3 and what speaks like it). Uses `error`. Not hot: once a
//! file. The library is asynchronous; a small runtime of the bucket's own makes it wait.
//!
//! An object appears at once and whole, and `If-None-Match: *` refuses a name that is taken, so
//! nothing else is needed for writers. Objects cannot be exchanged for others in one step: whoever
//! lists a bucket while merged objects appear and their sources go sees rows twice or not at all, in
//! whatever order it is done, so there is no compaction.

use std::fmt;
use std::io::Write;

// Named here for its feature alone: TLS by the library that is in the program anyway.
use reqwest::{self as _};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

use super::remote::Remote;
use crate::error::{Error, Result};

/// A bucket and a prefix in it.
pub(super) struct Bucket {
    /// As people write it: `s3://bucket/prefix`.
    place: String,
    prefix: String,
    store: AmazonS3,
    runtime: Runtime,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl Bucket {
    /// A bucket by its address. Credentials, region and endpoint come from where the library looks
    /// for them: `AWS_ACCESS_KEY_ID` and so on, or the machine's own role.
    pub(super) fn open(place: &str) -> Result<Self> {
        let rest = place.strip_prefix("s3://").unwrap_or(place);
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(Error::usage(format!("{place}: no bucket; write s3://BUCKET/PREFIX")));
        }
        // A process that speaks TLS with two libraries has to choose; the first choice counts.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .build()
            .map_err(|error| failed(place, error))?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::io("cannot start a runtime", error))?;
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self { place: place.trim_end_matches('/').to_owned(), prefix, store, runtime })
    }

    fn path(&self, path: &str) -> Result<Path> {
        let whole = format!("{}/{path}", self.prefix);
        Path::parse(whole.trim_matches('/')).map_err(|error| {
            Error::data(format!("{}/{path}: no name for an object", self.place)).caused_by(error)
        })
    }

    fn failed(&self, path: &str, error: object_store::Error) -> Error {
        failed(&format!("{}/{path}", self.place), error)
    }

    fn bytes(&self, path: &str) -> Result<Option<bytes::Bytes>> {
        let place = self.path(path)?;
        let found = self.runtime.block_on(async { self.store.get(&place).await?.bytes().await });
        match found {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed(path, error)),
        }
    }

    /// Makes an object; false when the name is taken by another one.
    fn create(&self, path: &str, bytes: bytes::Bytes) -> Result<bool> {
        let place = self.path(path)?;
        let payload = PutPayload::from(bytes.clone());
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.runtime.block_on(self.store.put_opts(&place, payload, options)) {
            Ok(_) => Ok(true),
            // The answer to an earlier attempt may have been lost: then it is ours that is there.
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(self.bytes(path)?.is_some_and(|found| found == bytes)),
            Err(error) => Err(self.failed(path, error)),
        }
    }
}

impl Remote for Bucket {
    fn list(&self, folder: &str) -> Result<Vec<(String, Option<u64>)>> {
        let path = self.path(folder)?;
        let found = self.runtime.block_on(self.store.list_with_delimiter(Some(&path)));
        let found = found.map_err(|error| self.failed(folder, error))?;
        let name = |path: &Path| path.as_ref().rsplit('/').next().unwrap_or_default().to_owned();
        let folders = found.common_prefixes.iter().map(|path| (name(path), None));
        let files = found.objects.iter().map(|object| (name(&object.location), Some(object.size)));
        let mut names: Vec<_> = folders.chain(files).collect();
        names.sort_unstable();
        Ok(names)
    }

    fn get(&self, path: &str) -> Result<Option<NamedTempFile>> {
        let Some(bytes) = self.bytes(path)? else { return Ok(None) };
        let failed = |error| Error::io("a temporary file", error);
        let mut file = NamedTempFile::new().map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        Ok(Some(file))
    }

    fn publish(
        &self,
        local: &std::path::Path,
        folder: &str,
        names: &mut dyn Iterator<Item = String>,
    ) -> Result<Option<String>> {
        let bytes = std::fs::read(local).map_err(|error| Error::io(local.display(), error))?;
        let bytes = bytes::Bytes::from(bytes);
        for name in names {
            if self.create(&format!("{folder}/{name}"), bytes.clone())? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn replace(&self, path: &str, bytes: &[u8]) -> Result<()> {
        let place = self.path(path)?;
        let payload = PutPayload::from(bytes.to_vec());
        let done = self.runtime.block_on(self.store.put(&place, payload));
        done.map(|_| ()).map_err(|error| self.failed(path, error))
    }

    fn drop_folder(&self, _folder: &str, files: &[&str]) -> Result<()> {
        for path in files {
            let place = self.path(path)?;
            match self.runtime.block_on(self.store.delete(&place)) {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed(path, error)),
            }
        }
        Ok(())
    }
}

fn failed(place: &str, error: object_store::Error) -> Error {
    use object_store::Error as Cause;
    let text = format!("{place}: {error}");
    match error {
        Cause::PermissionDenied { .. } | Cause::Unauthenticated { .. } => {
            Error::refused(text).advise("see to the credentials and their rights on the bucket")
        }
        _ => Error::unreachable(text),
    }
    .caused_by(error)
}
