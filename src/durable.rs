//! Files that are replaced whole and names that are durable. Uses `error`. Not hot.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Replaces a file: whoever reads it, and whenever the machine stops, sees the old one whole or the
/// new one whole. The new one is written beside it as `PATH.tmp`; one process at a time may do so.
///
/// `what` names the file for people. Fails as unreachable, and as refused for a device, which a file
/// in its place would take away from everybody.
pub fn replace(path: &Path, what: &str, bytes: &[u8]) -> Result<()> {
    not_a_device(path, what)?;
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

/// Reads a file that `replace` writes; `None` where there is none yet.
///
/// # Errors
/// `Refused` for a device or a pipe, whose end may never come; `Unreachable` for what cannot be read,
/// and for a name in a folder that is not there, where it could not be written later, either.
pub fn read(path: &Path, what: &str) -> Result<Option<Vec<u8>>> {
    not_a_device(path, what)?;
    let failed = |error| Error::io(format_args!("{}", path.display()), error);
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => match folder_of(path).metadata() {
            Ok(_) => Ok(None),
            Err(_) => Err(failed(error)
                .advise(format_args!("the folder of the {what} must be there; create it first"))),
        },
        Err(error) => Err(failed(error)),
    }
}

/// That there is a file or nothing at a path.
///
/// # Errors
/// `Refused` for a device, a pipe or a socket.
pub fn not_a_device(path: &Path, what: &str) -> Result<()> {
    match path.metadata() {
        Ok(found) if !found.is_file() && !found.is_dir() => {
            Err(Error::refused(format!("{}: a {what} is kept in a file", path.display()))
                .advise("name a file, or one that is not there yet"))
        }
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes the appearance of a name durable.
pub fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
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

    #[test]
    fn devices_and_pipes_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [Path::new("/dev/full"), &pipe] {
            assert_eq!(replace(path, "file", b"one").unwrap_err().kind(), Kind::Refused);
            assert_eq!(read(path, "file").unwrap_err().kind(), Kind::Refused);
        }
        assert!(!pipe.metadata().unwrap().is_file());
    }

    #[test]
    fn a_file_may_be_missing_and_its_folder_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert_eq!(read(&path, "file").unwrap(), None);
        std::fs::write(&path, b"one").unwrap();
        assert_eq!(read(&path, "file").unwrap(), Some(b"one".to_vec()));
        let error = read(&folder.path().join("below/f"), "file").unwrap_err();
        assert!(error.to_string().contains("create it first"), "{error}");
        assert_eq!(error.kind(), Kind::Unreachable);
    }
}
