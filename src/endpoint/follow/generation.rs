//! HOT. One file being read: whole lines from a place on, plain or packed, and whether it is still the
//! file that it was. Uses `endpoint::{lines, follow}`, `error`.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use memchr::{memchr, memrchr};

use super::find::{Inode, is_packed};
use crate::endpoint::lines::{BEFORE, Print};
use crate::error::{Error, Result};

/// Bytes of one read.
const FILL: usize = 256 << 10;

/// How much of the first line tells a file.
pub(super) const HEAD: usize = 256;

/// What is in the file.
enum Bytes {
    Plain,
    Packed(Box<dyn Read + Send>),
}

/// A file, read from the front.
pub(super) struct Generation {
    file: File,
    bytes: Bytes,
    /// The name it was opened by, for messages.
    name: String,
    pub(super) inode: Inode,
    /// Where the next line begins.
    pub(super) at: u64,
    /// The begun line there.
    begun: Vec<u8>,
    /// The last bytes that have been read: while they stand where they were, this is that file.
    tail: Vec<u8>,
    /// The last bytes before `at`.
    before: Vec<u8>,
    /// Since when nothing has come.
    pub(super) quiet: Option<Instant>,
    /// Whether the name stands for the file that is written to.
    pub(super) is_current: bool,
    room: Vec<u8>,
}

/// What a read gave.
pub(super) enum Gave {
    /// Whole lines, from a place on.
    Lines { bytes: Vec<u8>, from: u64 },
    /// Nothing for now, or, in a packed file, nothing ever.
    Nothing,
    /// The file is not what it was: cut, or written anew.
    Changed,
}

impl Generation {
    /// Opens a file at its front. `None` when it is not there (any more).
    pub(super) fn open(path: &Path, is_current: bool) -> Result<Option<Self>> {
        let name = path.display().to_string();
        let failed = |error| Error::io(format_args!("{name}: cannot open"), error);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let about = file.metadata().map_err(failed)?;
        let bytes = match is_packed(path) {
            false => Bytes::Plain,
            true => Bytes::Packed(unpack(path, file.try_clone().map_err(failed)?).map_err(failed)?),
        };
        Ok(Some(Self {
            file,
            bytes,
            name,
            inode: (about.dev(), about.ino()),
            at: 0,
            begun: Vec::new(),
            tail: Vec::new(),
            before: Vec::new(),
            quiet: None,
            is_current,
            room: Vec::new(),
        }))
    }

    /// The first line, as far as it tells a file; `None` while it is not whole.
    pub(super) fn head(path: &Path) -> Result<Option<Print>> {
        let Some(mut first) = Self::open(path, false)? else { return Ok(None) };
        let mut text = vec![0; HEAD];
        let read = first.exactly(&mut text)?;
        text.truncate(read);
        match memchr(b'\n', &text) {
            Some(end) => text.truncate(end + 1),
            // A packed file does not grow.
            None if read == HEAD || (read > 0 && first.is_packed()) => {}
            None => return Ok(None),
        }
        Ok(Some(Print::of(&text)))
    }

    /// Opens a file if it is the one that had this head and these bytes before a place, at that place.
    pub(super) fn open_at(
        path: &Path,
        is_current: bool,
        head: Print,
        at: u64,
        before: Print,
    ) -> Result<Option<Self>> {
        let Some(mut file) = Self::open(path, is_current)? else { return Ok(None) };
        if head.length > HEAD || before.length > BEFORE || (before.length as u64) > at {
            return Ok(None);
        }
        let mut text = vec![0; head.length];
        if file.exactly(&mut text)? != head.length || Print::of(&text) != head {
            return Ok(None);
        }
        let start = at - before.length as u64;
        if !file.skip(head.length as u64, start)? {
            // What the two have in common lies within the head.
            let Some(again) = Self::open(path, is_current)? else { return Ok(None) };
            file = again;
            if !file.skip(0, start)? {
                return Ok(None);
            }
        }
        let mut text = vec![0; before.length];
        if file.exactly(&mut text)? != before.length || Print::of(&text) != before {
            return Ok(None);
        }
        (file.at, file.tail) = (at, text.clone());
        file.before = text;
        Ok(Some(file))
    }

    /// Goes to the end of the last whole line. The head and what stands before the place.
    pub(super) fn skip_to_end(&mut self) -> Result<()> {
        let failed = |error| Error::io(format_args!("{}: cannot read", self.name), error);
        let size = self.file.metadata().map_err(failed)?.len();
        let mut at = size;
        let mut room = vec![0; FILL];
        while at > 0 {
            let start = at.saturating_sub(FILL as u64);
            let length = usize::try_from(at - start).unwrap_or(FILL);
            let read = self.file.read_at(room.get_mut(..length).unwrap_or_default(), start);
            let read = read.map_err(failed)?;
            let text = room.get(..read).unwrap_or_default();
            if let Some(found) = memrchr(b'\n', text) {
                let text = text.get(..=found).unwrap_or_default();
                self.at = start + text.len() as u64;
                push_end(&mut self.tail, text);
                push_end(&mut self.before, text);
                return Ok(());
            }
            at = start;
        }
        Ok(())
    }

    /// Whether there is nothing in it, now.
    pub(super) fn is_empty(&self) -> bool {
        self.file.metadata().is_ok_and(|about| about.len() == 0)
    }

    pub(super) fn is_packed(&self) -> bool {
        matches!(self.bytes, Bytes::Packed(_))
    }

    /// What stands before the next line.
    pub(super) fn before(&self) -> Print {
        Print::of(&self.before)
    }

    /// Whether a line has begun and not ended.
    pub(super) fn has_begun(&self) -> bool {
        !self.begun.is_empty()
    }

    /// When it was changed last, in microseconds since 1970.
    pub(super) fn changed(&self) -> i64 {
        let changed = self.file.metadata().and_then(|about| about.modified());
        let changed = changed.unwrap_or_else(|_| SystemTime::now());
        let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// The next whole lines. A line longer than `max_line` bytes is an error.
    pub(super) fn read(&mut self, max_line: usize) -> Result<Gave> {
        loop {
            let read = match self.fill()? {
                Some(read) => read,
                None => return Ok(Gave::Changed),
            };
            if read == 0 {
                self.quiet.get_or_insert_with(Instant::now);
                return Ok(Gave::Nothing);
            }
            self.quiet = None;
            let fresh = self.begun.len() - read;
            let end = memrchr(b'\n', self.begun.get(fresh..).unwrap_or_default());
            self.check(fresh, max_line)?;
            if let Some(end) = end {
                let rest = self.begun.split_off(fresh + end + 1);
                let bytes = std::mem::replace(&mut self.begun, rest);
                let from = self.at;
                self.at += bytes.len() as u64;
                push_end(&mut self.before, &bytes);
                return Ok(Gave::Lines { bytes, from });
            }
        }
    }

    /// The begun line as it is, for nothing more will come.
    pub(super) fn rest(&mut self) -> Option<(Vec<u8>, u64)> {
        let rest = std::mem::take(&mut self.begun);
        let from = self.at;
        self.at += rest.len() as u64;
        push_end(&mut self.before, &rest);
        (!rest.is_empty()).then_some((rest, from))
    }

    /// Reads once, behind what has begun; how much came. `None` when the file is not what it was.
    fn fill(&mut self) -> Result<Option<usize>> {
        let back = self.tail.len();
        self.room.resize(BEFORE + FILL, 0);
        let place = self.at + self.begun.len() as u64;
        let read = match &mut self.bytes {
            Bytes::Plain => {
                let room = self.room.get_mut(..back + FILL).unwrap_or_default();
                let start = place.saturating_sub(back as u64);
                let read =
                    retry(|| self.file.read_at(room, start)).map_err(|e| failed(&self.name, e))?;
                if self.room.get(..back.min(read)) != Some(self.tail.as_slice()) {
                    return Ok(None);
                }
                read - back
            }
            Bytes::Packed(reader) => {
                let room = self.room.get_mut(back..back + FILL).unwrap_or_default();
                retry(|| reader.read(room)).map_err(|e| failed(&self.name, e))?
            }
        };
        let fresh = self.room.get(back..back + read).unwrap_or_default();
        self.begun.extend_from_slice(fresh);
        push_end(&mut self.tail, fresh);
        Ok(Some(read))
    }

    /// Every line of what has been read, from its start on, for only the last one may still grow.
    fn check(&self, fresh: usize, max_line: usize) -> Result<()> {
        if self.begun.len() <= max_line {
            return Ok(());
        }
        let mut start = 0;
        let ends = memchr::memchr_iter(b'\n', self.begun.get(fresh..).unwrap_or_default());
        for end in ends.map(|at| fresh + at).chain([self.begun.len()]) {
            if end - start > max_line {
                let place = self.at + start as u64;
                let text =
                    format!("{}: at byte {place}: line is longer than {max_line} bytes", self.name);
                return Err(Error::data(text).advise("raise --max-line if it is meant to be"));
            }
            start = end + 1;
        }
        Ok(())
    }

    /// As many bytes as there are, up to the room.
    fn exactly(&mut self, room: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < room.len() {
            let rest = room.get_mut(filled..).unwrap_or_default();
            let read = match &mut self.bytes {
                Bytes::Plain => retry(|| self.file.read(rest)),
                Bytes::Packed(reader) => retry(|| reader.read(rest)),
            };
            match read.map_err(|error| failed(&self.name, error))? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(filled)
    }

    /// From one place to a later one; false when it is earlier or the file ends before it.
    fn skip(&mut self, from: u64, to: u64) -> Result<bool> {
        let Some(mut left) = to.checked_sub(from) else { return Ok(false) };
        if let Bytes::Plain = self.bytes {
            self.file.seek(SeekFrom::Start(to)).map_err(|error| failed(&self.name, error))?;
            return Ok(true);
        }
        let mut room = vec![0; FILL];
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(FILL).min(FILL);
            let read = self.exactly(room.get_mut(..length).unwrap_or_default())?;
            if read == 0 {
                return Ok(false);
            }
            left -= read as u64;
        }
        Ok(true)
    }
}

/// Keeps the last bytes of what came.
fn push_end(kept: &mut Vec<u8>, bytes: &[u8]) {
    let end = bytes.get(bytes.len().saturating_sub(BEFORE)..).unwrap_or_default();
    let over = (kept.len() + end.len()).saturating_sub(BEFORE);
    kept.drain(..over.min(kept.len()));
    kept.extend_from_slice(end);
}

fn unpack(path: &Path, file: File) -> std::io::Result<Box<dyn Read + Send>> {
    Ok(match path.extension().is_some_and(|ending| ending == "gz") {
        true => Box::new(flate2::read::MultiGzDecoder::new(file)),
        false => Box::new(zstd::Decoder::new(file)?),
    })
}

fn retry(mut read: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn failed(name: &str, error: std::io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return Error::io(format_args!("{name}: cannot read"), error);
    }
    Error::data(format!("{name}: the compressed data is damaged or cut off: {error}"))
        .caused_by(error)
}
