//! Files that are replaced whole and names that are durable. Uses `error`. Not hot.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Replaces a file: whoever reads it, and whenever the machine stops, sees the old one whole or the
/// new one whole. The new one is written beside it as `PATH.tmp`; one process at a time may do so.
///
/// `what` names the file for people. Fails as unreachable.
pub fn replace(path: &Path, what: &str, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.to_owned().into_os_string();
    temporary.push(".tmp");
    let temporary = Path::new(&temporary);
    File::create(temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(temporary, path))
        .map_err(|error| {
            // A broken pipe here is a fault of the file, not a reader that left.
            Error::unreachable(format!("{}: cannot write the {what}: {error}", path.display()))
                .caused_by(error)
        })?;
    sync_folder(path)
}

/// Makes the appearance of a name durable.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io(format_args!("{}: cannot sync", folder.display()), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_file_is_replaced_whole_or_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        replace(&path, "file", b"one").unwrap();
        replace(&path, "file", b"2").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = replace(&path.join("below"), "file", b"").unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
        assert!(error.to_string().contains("cannot write the file"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), b"2");
    }
}
