//! Log files as one log, in their order, from a place on. Uses `endpoint`, `mysql::frame`. Warm.

use std::path::{Path, PathBuf};

use crate::endpoint;
use crate::error::{Error, Result};
use crate::mysql::chunk::LogName;
use crate::mysql::event::kind;
use crate::mysql::frame::{EventLog, Feed, FileFrames};

/// Files, or standard input, one after the other.
pub struct FileLogs {
    files: std::vec::IntoIter<(LogName, Option<PathBuf>)>,
    open: Option<FileFrames>,
    /// Events of the first file before this offset were seen in an earlier run.
    from: u64,
    /// Whether an event was found to start at `from`.
    found: bool,
    /// Whether the events before `from` are shown all the same.
    all: bool,
}

/// The name of the log that a file holds: its own, without what compression adds.
pub fn log_name(path: &Path) -> LogName {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_ascii_lowercase();
    let plain = [".gz", ".zst"].iter().find(|suffix| lower.ends_with(**suffix));
    LogName::new(plain.map_or(&name, |suffix| &name[..name.len() - suffix.len()]))
}

impl FileLogs {
    /// Reads the files in the order given; `None` stands for standard input. `from` is an offset
    /// between two transactions of the first file.
    pub fn new(files: Vec<(LogName, Option<PathBuf>)>, from: u64) -> Self {
        Self { files: files.into_iter(), open: None, from, found: from <= 4, all: false }
    }

    /// Reads the first file from its beginning, and only proves that an event starts at `from`,
    /// which may lie inside a transaction.
    pub fn with_what_comes_before(mut self) -> Self {
        self.all = true;
        self
    }

    fn pass_over(&mut self, feed: Feed) -> Result<Option<Feed>> {
        match feed {
            Feed::Events(mut chunk) => {
                let from = self.from;
                self.found |=
                    chunk.spans.iter().any(|s| s.offset == from || s.offset + s.len == from);
                let kinds: Vec<u8> = (0..chunk.spans.len())
                    .map(|n| chunk.event(n).map_or(0, |e| e.header.kind))
                    .collect();
                let mut kinds = kinds.into_iter();
                chunk.spans.retain(|span| {
                    kinds.next() == Some(kind::FORMAT_DESCRIPTION)
                        || span.offset >= from
                        || self.all
                });
                if !self.found && chunk.spans.iter().any(|span| span.offset + span.len > from) {
                    return Err(self.misplaced(&chunk.log));
                }
                Ok((!chunk.spans.is_empty()).then_some(Feed::Events(chunk)))
            }
            Feed::End | Feed::Torn(_) if !self.found => {
                Err(Error::refused(format!("the file is shorter than the position {}", self.from))
                    .advise("give the file that the position names, and those after it"))
            }
            other => Ok(Some(other)),
        }
    }

    fn misplaced(&self, log: &LogName) -> Error {
        Error::refused(format!("{}: no event starts at {}", log.name, self.from))
            .advise("take the position from a checkpoint or a marker")
    }
}

impl EventLog for FileLogs {
    fn next(&mut self) -> Result<Feed> {
        loop {
            let Some(open) = &mut self.open else {
                let Some((name, path)) = self.files.next() else { return Ok(Feed::End) };
                let address = match &path {
                    Some(path) => format!("file:{}", path.display()),
                    None => "-".to_owned(),
                };
                let input = endpoint::input(&address)?;
                self.open = Some(FileFrames::new(name, input.reader));
                continue;
            };
            match open.next()? {
                Feed::End if self.found => self.open = None,
                feed => {
                    if self.found && self.from <= 4 {
                        return Ok(feed);
                    }
                    if let Some(feed) = self.pass_over(feed)? {
                        return Ok(feed);
                    }
                    continue;
                }
            }
            self.from = 0;
        }
    }
}
