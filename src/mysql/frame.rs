//! HOT. Cutting a log file into chunks of whole events, checksums proved. Uses `error`,
//! `mysql::{chunk, event, format}`.
//!
//! The file is any reader: a disk file, a decompressor, a pipe. One `next` gives what one read
//! gave, so that an event comes out as soon as its last byte is there.

use std::io::Read;
use std::sync::Arc;

use super::chunk::{Chunk, LogName, Span};
use super::event::{FLAG_IN_USE, HEADER_LEN, Header, MAGIC, kind};
use super::format::{Checksum, Format};
use crate::error::{Error, Result};

/// Bytes asked of the reader at once. Chunks stay near the size of a second-level cache.
const CHUNK_BYTES: usize = 512 * 1024;

/// What stands at the end of a file that does not end with a whole event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub log: Arc<LogName>,
    /// Where the torn event starts.
    pub offset: u64,
    /// Its bytes that are there; 0 where a compressed file lacks its end, and what there is ends with
    /// an event.
    pub bytes: u64,
}

impl std::fmt::Display for Torn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.bytes {
            0 => write!(
                f,
                "the compressed file is cut off; what there is of it ends at {}",
                self.offset
            ),
            bytes => write!(
                f,
                "the last event is not whole: {bytes} bytes at {} are left out",
                self.offset
            ),
        }
    }
}

/// One step through a log.
#[derive(Debug)]
pub enum Feed {
    /// Whole events.
    Events(Chunk),
    /// The last event of a file is not whole: the file is still written, or its server crashed.
    Torn(Torn),
    /// The server has nothing new.
    Idle,
    /// The log ends here.
    End,
}

/// A log to be read from somewhere.
pub trait EventLog: Send {
    /// The next step. Does not wait for longer than about half a second without saying `Idle`,
    /// but for reads of files and pipes.
    fn next(&mut self) -> Result<Feed>;
}

/// Cuts one file into chunks.
pub struct FileFrames {
    log: Arc<LogName>,
    reader: Box<dyn Read + Send>,
    /// Bytes read and not yet given out; the first is at `offset` of the file.
    pending: Vec<u8>,
    /// Room for one read.
    scratch: Vec<u8>,
    offset: u64,
    checksum: Checksum,
    started: bool,
    ended: bool,
    /// Whether it is a compressed file that lacks its end.
    cut_off: bool,
    /// What is wrong behind the events that were given out last.
    failed: Option<Error>,
    /// Whether every header so far named the position that follows it, as it does in a server's
    /// own files (not in relay logs). Only then does a wrong one prove a damaged length.
    positions_agree: bool,
}

impl EventLog for FileFrames {
    /// The next events, or how the file ends. `Torn` is followed by `End`.
    fn next(&mut self) -> Result<Feed> {
        loop {
            if let Some(error) = self.failed.take() {
                self.ended = true;
                return Err(error);
            }
            if self.ended {
                return Ok(Feed::End);
            }
            let mut chunk = Chunk::new(self.log.clone());
            chunk.bytes = std::mem::take(&mut self.pending);
            let read = self.fill(&mut chunk.bytes)?;
            if !self.started && !self.start(&mut chunk.bytes, read == 0)? {
                self.pending = chunk.bytes;
                continue;
            }
            let cut = self.cut(&mut chunk);
            let Some(last) = chunk.spans.last() else {
                cut?;
                if read == 0 {
                    self.ended = true;
                    return self.finish(&chunk.bytes);
                }
                self.pending = chunk.bytes;
                continue;
            };
            let used = last.start + last.len as usize;
            self.pending = chunk.bytes.get(used..).unwrap_or_default().to_vec();
            chunk.bytes.truncate(used);
            // What is whole before the damage is handed on first.
            self.failed = cut.err();
            return Ok(Feed::Events(chunk));
        }
    }
}

impl FileFrames {
    /// Reads `reader` as the file `log`, from its first byte.
    pub fn new(log: LogName, reader: Box<dyn Read + Send>) -> Self {
        Self {
            log: Arc::new(log),
            reader,
            pending: Vec::new(),
            scratch: Vec::new(),
            offset: 0,
            checksum: Checksum::None,
            started: false,
            ended: false,
            cut_off: false,
            failed: None,
            positions_agree: true,
        }
    }

    /// Reads once; inside an event larger than a chunk, up to the event's end at one go (its first
    /// bytes are of no use alone). The length comes from outside, so memory is reserved in steps.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> Result<usize> {
        let event = Header::parse(bytes).map_or(0, |header| header.size as usize);
        let missing = event.saturating_sub(bytes.len());
        let result = if self.started && missing > CHUNK_BYTES {
            bytes.reserve_exact(missing.min(64 << 20));
            (&mut self.reader).take(missing as u64).read_to_end(bytes)
        } else {
            self.scratch.resize(CHUNK_BYTES, 0);
            let result = retry(|| self.reader.read(&mut self.scratch));
            let read = *result.as_ref().unwrap_or(&0);
            bytes.extend_from_slice(self.scratch.get(..read).unwrap_or_default());
            result
        };
        match result {
            // A compressed file whose end is missing: what came before it is whole.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                self.cut_off = true;
                Ok(0)
            }
            // What the system did not say, a decoder has said.
            Err(error) if error.raw_os_error().is_none() => {
                let text = format!("{}: the compressed data is damaged: {error}", self.log.name);
                Err(Error::data(text).advise("fetch the file again").caused_by(error))
            }
            Err(error) => Err(Error::io(&self.log.name, error)),
            Ok(read) => Ok(read),
        }
    }

    /// Checks the file's first four bytes; false when they are not all there yet.
    fn start(&mut self, bytes: &mut Vec<u8>, end: bool) -> Result<bool> {
        let name = &self.log.name;
        if name.ends_with(".ibb") {
            return Err(Error::data(format!(
                "{name}: this is MariaDB's InnoDB-based binlog (.ibb), which is not a stream of events"
            ))
            .advise("read it from the live server with dbus-tail mysql://…"));
        }
        match bytes.get(..4) {
            Some([0xfd, b'b', b'i', b'n']) => Err(Error::data(format!(
                "{name}: the file is encrypted (binlog_encryption=ON)"
            ))
            .advise(
                "read it from the live server with dbus-tail mysql://…, which sends it in clear",
            )),
            Some(magic) if magic == MAGIC => {
                bytes.drain(..4);
                self.offset = 4;
                self.started = true;
                Ok(true)
            }
            Some(_) => Err(Error::data(format!(
                "{name}: not a binlog: it does not start with the bytes fe 62 69 6e"
            ))
            .advise("give binlog files, plain or .gz or .zst, in their order")),
            None if end && bytes.is_empty() => {
                let what = if self.cut_off { "cut off before its first byte" } else { "empty" };
                Err(Error::data(format!("{name}: not a binlog: the file is {what}")))
            }
            None if end && !MAGIC.starts_with(bytes) => Err(Error::data(format!(
                "{name}: not a binlog: the file has {} bytes",
                bytes.len()
            ))),
            None if end => {
                self.started = true;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Finds the whole events in the chunk's bytes and proves their checksums.
    fn cut(&mut self, chunk: &mut Chunk) -> Result<()> {
        let mut at = 0usize;
        while let Some(header) = chunk.bytes.get(at..).and_then(Header::parse) {
            let size = header.size as usize;
            let (log, offset) = (&self.log, self.offset);
            let here = || format!("{} at {offset}", log.name);
            if size < HEADER_LEN + self.checksum.len() {
                if size == 0
                    && chunk.bytes.get(at..).is_some_and(|rest| rest.iter().all(|b| *b == 0))
                {
                    return Ok(());
                }
                return Err(damaged(&here(), &format!("an event of {size} bytes is impossible")));
            }
            let end = self.offset.wrapping_add(u64::from(header.size));
            let agrees = header.log_pos == end as u32;
            let Some(bytes) = at.checked_add(size).and_then(|stop| chunk.bytes.get(at..stop))
            else {
                if self.positions_agree && header.log_pos != 0 && !agrees {
                    return Err(damaged(
                        &here(),
                        &format!(
                            "its length {size} contradicts its end position {}",
                            header.log_pos
                        ),
                    ));
                }
                return Ok(());
            };
            if header.kind == kind::FORMAT_DESCRIPTION {
                let body = bytes.get(HEADER_LEN..).unwrap_or_default();
                self.checksum = Format::parse(body).map_err(|e| e.at(here()))?.checksum;
            }
            if header.kind == kind::MARIADB_START_ENCRYPTION {
                return Err(Error::data(format!(
                    "{}: the file is encrypted from here (encrypt_binlog=ON)",
                    here()
                ))
                .advise("read it from the live server with dbus-tail mysql://…, which sends it in clear"));
            }
            if self.checksum == Checksum::Crc32 && !checksum_holds(bytes) {
                return Err(damaged(
                    &here(),
                    &format!("the checksum of an event of type {} fails", header.kind),
                ));
            }
            self.positions_agree &= agrees || header.log_pos == 0;
            chunk.spans.push(Span {
                start: at,
                // A format description keeps its trailer, whose layout it alone knows.
                end: match header.kind {
                    kind::FORMAT_DESCRIPTION => at + size,
                    _ => at + size - self.checksum.len(),
                },
                offset: self.offset,
                len: u64::from(header.size),
            });
            at += size;
            self.offset = end;
        }
        Ok(())
    }

    /// How a file ends whose last bytes are no whole event.
    fn finish(&mut self, rest: &[u8]) -> Result<Feed> {
        // Some managed servers pad their files with zero bytes.
        let padding = rest.len() >= HEADER_LEN && rest.iter().all(|b| *b == 0);
        if !self.cut_off && (rest.is_empty() || padding) {
            return Ok(Feed::End);
        }
        Ok(Feed::Torn(Torn {
            log: self.log.clone(),
            offset: self.offset,
            bytes: rest.len() as u64,
        }))
    }
}

/// Whether the CRC32 in an event's last four bytes is that of the bytes before it. The in-use flag
/// of a format description is set after its checksum was made, so it counts as not set.
pub fn checksum_holds(event: &[u8]) -> bool {
    let Some((covered, stored)) = event.split_last_chunk::<4>() else { return false };
    let mut hasher = crc32fast::Hasher::new();
    match (covered.get(4), covered.get(..17), covered.get(17..19), covered.get(19..)) {
        (Some(&kind::FORMAT_DESCRIPTION), Some(head), Some(&[low, high]), Some(rest)) => {
            hasher.update(head);
            hasher.update(&[low & !(FLAG_IN_USE as u8), high]);
            hasher.update(rest);
        }
        _ => hasher.update(covered),
    }
    hasher.finalize() == u32::from_le_bytes(*stored)
}

/// Repeats a call that a signal interrupted.
fn retry(mut read: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn damaged(place: &str, what: &str) -> Error {
    Error::data(format!("{place}: the log is damaged: {what}")).advise(
        "fetch the file again from the server, or start behind the damage with --start and pull the tables anew",
    )
}
