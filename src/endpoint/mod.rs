//! Where streams of messages come from and go to: one row each, which the manual page
//! dws-endpoints.7 is made from. Uses `line`, `ums` and `url`. Not hot.
//!
//! To add an endpoint: one file here with `pub const SPEC: Spec`, one `pub mod` line and one row in
//! `ALL`.

pub mod binlog;
pub mod file;
pub mod follow;
pub mod kafka;
pub mod lines;
pub mod lookup;
pub mod pull;
pub mod settings;
pub mod standard;

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};
use crate::line::output::Output;
use crate::ums::Marker;
use crate::url::{Opt, Url};

pub use settings::{Note, Settings};

/// Every endpoint.
pub const ALL: &[&Spec] = &[&standard::SPEC, &file::SPEC, &kafka::SPEC];

/// Opens for reading.
pub type OpenInput = fn(&Url, &Settings) -> Result<Input>;

/// Opens for writing.
pub type OpenOutput = fn(&Url, &Settings) -> Result<Box<dyn Output>>;

/// One endpoint as data.
pub struct Spec {
    /// The address's scheme.
    pub scheme: &'static str,
    /// How its address is written.
    pub form: &'static str,
    /// One line for help and manual pages.
    pub summary: &'static str,
    /// A paragraph for the manual page.
    pub description: &'static str,
    /// The query keys of its address.
    pub options: &'static [Opt],
    /// A command line that uses it.
    pub example: &'static str,
    /// Opens it for `--from`; `None` where it cannot be read from.
    pub read: Option<OpenInput>,
    /// Opens it for `--to`; `None` where it cannot be written to.
    pub write: Option<OpenOutput>,
}

/// A stream of bytes to read lines from, decompressed.
pub struct Input {
    /// For messages: `stdin` or the path.
    pub name: String,
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
    /// Bytes that the source holds, compressed; 0 when nobody knows.
    pub size: u64,
    /// Bytes read from the source so far, in the same unit.
    pub taken: Arc<AtomicU64>,
    /// Where to report what became of the bytes; `None` where nobody wants to know.
    pub receipt: Option<Arc<dyn Receipt>>,
}

/// The other end of a source that keeps positions: Kafka's consumer groups.
///
/// Positions come as markers, in the stream, behind the messages that they cover. A run that has
/// made durable what stands before a marker reports it. What is never reported is delivered again.
pub trait Receipt: Send + Sync {
    /// Everything before these markers is durable. Markers of other sources are passed over.
    fn durable(&self, markers: &[Marker]);

    /// Whether to make durable now what was read: somebody waits for the report.
    fn hurries(&self) -> bool;

    /// The positions behind the first `bytes` bytes, of a stream without markers, as far as they are
    /// new.
    fn reached(&self, bytes: u64) -> Vec<Marker>;

    /// Where a line came from, for messages to people; `None` when that is not known any more.
    fn place(&self, line: u64) -> Option<String>;

    /// The run has ended: nothing more is read, and what was reported is kept. May take seconds.
    fn close(&self);
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("name", &self.name).field("size", &self.size).finish()
    }
}

/// Opens the address of `--from` with nothing set.
///
/// # Errors
/// As `input_with`.
pub fn input(address: &str) -> Result<Input> {
    input_with(address, &Settings::default())
}

/// Opens the address of `--from`.
///
/// # Errors
/// `Usage` for an unknown scheme or option, `Unreachable` when it cannot be opened.
pub fn input_with(address: &str, settings: &Settings) -> Result<Input> {
    let url = Url::parse(address)?;
    match find(&url, "--from", |spec| spec.read.is_some())?.read {
        Some(read) => read(&url, settings),
        None => Err(unknown(&url, "--from", |spec| spec.read.is_some())),
    }
}

/// Opens the address of `--to` with nothing set.
///
/// # Errors
/// As `output_with`.
pub fn output(address: &str) -> Result<Box<dyn Output>> {
    output_with(address, &Settings::default())
}

/// Opens the address of `--to`.
///
/// # Errors
/// `Usage` for an unknown scheme or option, `Unreachable` when it cannot be opened, `Refused` for
/// a file that must not be appended to and for a topic that is missing.
pub fn output_with(address: &str, settings: &Settings) -> Result<Box<dyn Output>> {
    let url = Url::parse(address)?;
    match find(&url, "--to", |spec| spec.write.is_some())?.write {
        Some(open) => open(&url, settings),
        None => Err(unknown(&url, "--to", |spec| spec.write.is_some())),
    }
}

fn find(url: &Url, flag: &str, fits: fn(&Spec) -> bool) -> Result<&'static Spec> {
    let found = ALL.iter().find(|spec| spec.scheme == url.scheme() && fits(spec));
    let spec = found.ok_or_else(|| unknown(url, flag, fits))?;
    url.check_options(spec.options)?;
    Ok(spec)
}

fn unknown(url: &Url, flag: &str, fits: fn(&Spec) -> bool) -> Error {
    let known: Vec<_> = ALL.iter().filter(|spec| fits(spec)).map(|spec| spec.form).collect();
    Error::usage(format!(
        "{flag} {url}: unknown endpoint {}; this build knows {} (a path with a colon: write file:PATH)",
        url.scheme(),
        known.join(", ")
    ))
}

/// Counts what passes.
struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(room)?;
        self.taken.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use std::io::Write;

    #[test]
    fn mistakes_are_answered_with_what_is_known() {
        for address in ["nosuch://h/x", "file:x?level=3"] {
            let error = output(address).err().unwrap();
            assert_eq!(error.kind(), Kind::Usage);
            let text = error.to_string();
            assert!(text.contains("file:PATH") || text.contains("known options"), "{text}");
        }
    }

    #[test]
    fn files_come_back_whatever_their_packing() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "a.gz", "a.zst"] {
            let path = folder.path().join(name).to_str().unwrap().to_owned();
            for text in ["{\"x\":1}\n", "{\"x\":2}\n"] {
                let mut out = output(&format!("file:{path}")).unwrap();
                out.write_all(text.as_bytes()).unwrap();
                out.sync().unwrap();
            }
            let mut input = input(&path).unwrap();
            let mut text = String::new();
            input.reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "{\"x\":1}\n{\"x\":2}\n");
            assert_eq!(input.taken.load(Ordering::Relaxed), input.size);
        }
    }
}
