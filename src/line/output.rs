//! Byte outputs: standard output, files, compressed files. Uses `error`, `durable`, `ums`. Hot only in its writes,
//! which are whole messages.
//!
//! A file that exists is appended to, for a resumed run must not lose what is there. What a crash
//! left behind its last newline (or behind the last whole gzip member or zstd frame) is cut away
//! first: the writer comes back to its checkpoint and writes those messages again.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::fd::AsFd;
use std::path::Path;

use flate2::write::GzEncoder;

use super::repair;
use crate::durable::sync_folder;
use crate::error::{Error, Result};
use crate::ums::Marker;

/// How a file's bytes are packed, told by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As they are.
    Plain,
    /// `.gz`: gzip members.
    Gzip,
    /// `.zst`: zstd frames.
    Zstd,
}

impl Packing {
    /// The packing of a file by the end of its name.
    pub fn of(path: &str) -> Self {
        let end = |suffix| path.len() > 4 && path.to_ascii_lowercase().ends_with(suffix);
        match () {
            () if end(".gz") => Self::Gzip,
            () if end(".zst") => Self::Zstd,
            () => Self::Plain,
        }
    }
}

/// Where bytes go.
pub trait Output: Write + Send {
    /// Hands everything written so far to the system, and to the disk where there is one; true
    /// when it survives a crash of the machine (a file after fsync; never a pipe or a terminal).
    fn sync(&mut self) -> Result<bool>;

    /// For an output that learns later what has arrived: the newest marker of each source that has
    /// become durable with everything before it since this was asked last. `None` where only `sync`
    /// can tell. Does not wait.
    fn settled(&mut self) -> Result<Option<Vec<Marker>>> {
        Ok(None)
    }

    /// The position of a source that the destination itself holds, where it holds positions.
    fn position(&mut self, _source: &str) -> Result<Option<Marker>> {
        Ok(None)
    }
}

/// Small writes are gathered up to here; greater ones go to the system as they are, without a copy.
const BUFFER: usize = 64 << 10;

/// Standard output, in blocks.
pub fn standard() -> Result<Box<dyn Output>> {
    let name = "standard output";
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned();
    let file = File::from(descriptor.map_err(|error| Error::io(name, error))?);
    Ok(Box::new(Stream { name: name.into(), file: BufWriter::with_capacity(BUFFER, file) }))
}

/// A path: a file that is created or appended to, compressed by its name, or whatever else stands
/// there (a named pipe, a device), which is just written to.
///
/// # Errors
/// `Refused` for a file that does not look like lines of JSON or that another process writes.
pub fn file(path: &str) -> Result<Box<dyn Output>> {
    let place = Path::new(path);
    let failed = |error| Error::io(format_args!("{path}: cannot open for writing"), error);
    if place.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let file = OpenOptions::new().write(true).open(place).map_err(failed)?;
        return Ok(Box::new(Stream {
            name: path.into(),
            file: BufWriter::with_capacity(BUFFER, file),
        }));
    }
    let file = OpenOptions::new().read(true).append(true).create(true).open(place);
    let mut file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            return Err(Error::refused(format!("{path}: another process is writing to it"))
                .advise("choose another name, or end that process"));
        }
        // A file system without locks.
        Err(std::fs::TryLockError::Error(_)) => {}
    }
    let packing = Packing::of(path);
    let whole = repair::whole_length(&mut file, path, packing)?;
    file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed)?;
    sync_folder(place)?;
    let file = BufWriter::with_capacity(BUFFER, file);
    Ok(Box::new(Log { name: path.into(), packing, encoder: None, file, dirty: false }))
}

/// A pipe, a terminal, a device.
struct Stream {
    name: String,
    file: BufWriter<File>,
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes).map_err(|error| named(&self.name, error))
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush().map_err(|error| named(&self.name, error))
    }
}

impl Output for Stream {
    fn sync(&mut self) -> Result<bool> {
        self.flush().map_err(|error| Error::io(&self.name, error))?;
        Ok(false)
    }
}

/// The same error with the output's name, as one of ours; whoever writes knows no name.
#[cold]
fn named(name: &str, error: std::io::Error) -> std::io::Error {
    match error.kind() {
        // Asked for once more by `write_all`.
        std::io::ErrorKind::Interrupted => error,
        std::io::ErrorKind::StorageFull => Error::io(format_args!("{name}: cannot write"), error)
            .advise("make room there and start again")
            .into(),
        _ => Error::io(format_args!("{name}: cannot write"), error).into(),
    }
}

/// A regular file.
struct Log {
    name: String,
    packing: Packing,
    /// Begun at the first byte after a `sync`, so that nothing written means nothing added.
    encoder: Option<Encoder>,
    file: BufWriter<File>,
    dirty: bool,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.dirty = true;
        self.push(bytes).map_err(|error| named(&self.name, error))
    }

    /// Ends no gzip member and no zstd frame: many small ones would compress nothing.
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush().map_err(|error| named(&self.name, error))
    }
}

impl Log {
    fn push(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.packing == Packing::Plain {
            return self.file.write(bytes);
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => self.encoder.insert(Encoder::new(self.packing)?),
        };
        let packed = encoder.push(bytes)?;
        if packed.len() >= BUFFER {
            self.file.write_all(packed)?;
            packed.clear();
        }
        Ok(bytes.len())
    }

    fn write_out(&mut self) -> std::io::Result<()> {
        if let Some(encoder) = self.encoder.take() {
            self.file.write_all(&encoder.finish()?)?;
        }
        self.file.flush()?;
        self.file.get_ref().sync_data()
    }
}

impl Output for Log {
    /// Ends the gzip member or zstd frame, so call it between messages only.
    fn sync(&mut self) -> Result<bool> {
        if self.dirty {
            let written = self.write_out().map_err(|error| named(&self.name, error));
            written.map_err(|error| Error::io(&self.name, error))?;
            self.dirty = false;
        }
        Ok(true)
    }
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(packing: Packing) -> std::io::Result<Self> {
        Ok(match packing {
            Packing::Zstd => Self::Zstd(zstd::Encoder::new(Vec::new(), 3)?),
            _ => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
        })
    }

    /// Takes bytes in; gives what has come out and was not taken away.
    fn push(&mut self, bytes: &[u8]) -> std::io::Result<&mut Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(bytes).map(|()| encoder.get_mut()),
            Self::Zstd(encoder) => encoder.write_all(bytes).map(|()| encoder.get_mut()),
        }
    }

    fn finish(self) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::io::Read;

    fn unpacked(path: &str) -> String {
        let bytes = std::fs::read(path).unwrap();
        let mut text = String::new();
        match Packing::of(path) {
            Packing::Plain => text = String::from_utf8(bytes).unwrap(),
            Packing::Gzip => {
                flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            }
            Packing::Zstd => {
                zstd::Decoder::new(&bytes[..]).unwrap().read_to_string(&mut text).unwrap();
            }
        }
        text
    }

    fn write(path: &str, text: &str) {
        let mut output = file(path).unwrap();
        output.write_all(text.as_bytes()).unwrap();
        assert!(output.sync().unwrap());
    }

    #[test]
    fn what_a_crash_left_is_cut_away_and_the_rest_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.json", "a.json.gz", "a.json.zst"] {
            let path = folder.path().join(name);
            let path = path.to_str().unwrap();
            write(path, "{\"a\":1}\n");
            write(path, "{\"a\":2}\n");
            let whole = std::fs::metadata(path).unwrap().len();
            write(path, "{\"a\":3}\n{\"a\":4}\n");
            // Torn anywhere inside the third write.
            let full = std::fs::read(path).unwrap();
            for cut in (whole..full.len() as u64).rev() {
                std::fs::write(path, &full[..cut as usize]).unwrap();
                write(path, "{\"a\":9}\n");
                let text = unpacked(path);
                let kept = text.strip_prefix("{\"a\":1}\n{\"a\":2}\n").unwrap();
                let kept = kept.strip_suffix("{\"a\":9}\n").unwrap();
                assert!(kept.is_empty() || kept == "{\"a\":3}\n", "{name} cut at {cut}: {text}");
            }
        }
    }

    #[test]
    fn a_torn_first_line_leaves_an_empty_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let path = path.to_str().unwrap();
        std::fs::write(path, "{\"torn").unwrap();
        write(path, "{}\n");
        assert_eq!(unpacked(path), "{}\n");
    }

    #[test]
    fn foreign_and_busy_files_are_refused_and_untouched() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a", &b"no newline"[..]), ("a.gz", b"x"), ("a.zst", b"\0\0\0\0")] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let error = file(path.to_str().unwrap()).err().unwrap();
            assert_eq!(error.kind(), Kind::Refused, "{name}: {error}");
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        let path = folder.path().join("b");
        let first = file(path.to_str().unwrap()).unwrap();
        assert_eq!(file(path.to_str().unwrap()).err().unwrap().kind(), Kind::Refused);
        drop(first);
        assert!(file(path.to_str().unwrap()).is_ok());
    }

    #[test]
    fn what_cannot_be_written_has_a_name() {
        let mut output = file("/dev/full").unwrap();
        output.write_all(b"{}\n").unwrap();
        let error = Error::io("output", output.flush().unwrap_err());
        assert_eq!(error.kind(), Kind::Unreachable);
        let said = error.to_string();
        assert!(said.starts_with("/dev/full: cannot write: No space"), "{said}");
        assert!(said.ends_with("; make room there and start again"), "{said}");
        assert!(output.write_all(&vec![b' '; 2 * BUFFER]).is_err());
        let broken = named("p", std::io::ErrorKind::BrokenPipe.into());
        assert_eq!(Error::io("output", broken).kind(), Kind::Closed);
        assert_eq!(
            named("p", std::io::ErrorKind::Interrupted.into()).kind(),
            std::io::ErrorKind::Interrupted
        );
    }

    #[test]
    fn a_device_is_never_durable() {
        assert!(!file("/dev/null").unwrap().sync().unwrap());
    }
}
