//! Files that are followed over rotation, as `tail -F` does and further: what was renamed, copied, cut or
//! packed is read to its end first, and positions find it again after a pause. Uses `endpoint::lines`,
//! `error`. Warm: once a chunk.
//!
//! A file is what it holds: its first line, and the bytes before a place. Names change, inodes are used
//! again, copies and packed files have others. Which file came after another is told by their names and
//! times (`find`), and looked up anew each time, because names go on changing.

mod find;
mod generation;
mod notify;
mod stream;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use serde_json::{Map, Value};

use self::find::Pattern;
use self::notify::Notify;
use self::stream::Stream;
use super::lines::{At, Come, Lines, Position};
use crate::error::Result;

/// How often patterns are looked up again, at most.
const LOOK: Duration = Duration::from_millis(100);

/// Where a file begins that no position names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest of the files that it was.
    Earliest,
    /// With the file that is written to.
    Current,
    /// At its end.
    Latest,
}

/// What to follow.
#[derive(Debug)]
pub struct Follow {
    /// Paths and patterns.
    pub from: Vec<String>,
    /// Where files begin that no position names; those that appear later are read whole.
    pub start: Start,
    /// Where an earlier run ended.
    pub position: Option<Position>,
    /// The longest line, in bytes.
    pub max_line: usize,
    /// Whether to wait for more at the end.
    pub endless: bool,
    /// Whether to go on where lines are missing.
    pub gaps: bool,
    /// Ends it.
    pub stop: Arc<AtomicBool>,
    /// Takes what people should know.
    pub notes: Sender<String>,
}

/// What the streams share.
struct Context {
    max_line: usize,
    endless: bool,
    gaps: bool,
    /// The number given last.
    number: u32,
    /// What comes before anything else.
    queue: VecDeque<Come>,
    notes: Sender<String>,
}

impl Context {
    fn note(&self, text: String) {
        // Nobody listens when the run has ended.
        let _ = self.notes.send(text);
    }
}

/// Files that are followed.
pub struct Follower {
    patterns: Vec<Pattern>,
    streams: Vec<Stream>,
    /// Whose turn it is: a busy file does not keep the others waiting.
    turn: usize,
    notify: Notify,
    looked: Instant,
    context: Context,
    stop: Arc<AtomicBool>,
}

impl Follower {
    /// Finds the files.
    ///
    /// # Errors
    /// `Usage` for a pattern that is none, or a folder; `Refused` where a position names a file that is gone.
    pub fn open(follow: Follow) -> Result<Self> {
        let Follow { from, start, position, max_line, endless, gaps, stop, notes } = follow;
        let patterns = from.iter().map(|text| Pattern::parse(text)).collect::<Result<_>>()?;
        let queue = VecDeque::new();
        let mut follower = Self {
            patterns,
            streams: Vec::new(),
            turn: 0,
            notify: Notify::new(),
            looked: Instant::now(),
            context: Context { max_line, endless, gaps, number: 0, queue, notes },
            stop,
        };
        for (pattern, text) in follower.patterns.iter().zip(&from) {
            if let Some(note) = pattern.missing(text)? {
                follower.context.note(note);
            }
        }
        follower.look(start);
        let position = position.unwrap_or_default();
        let entries: Vec<&Map<String, Value>> =
            position.parts.iter().filter_map(Value::as_object).collect();
        for stream in &mut follower.streams {
            let path = stream.path().display().to_string();
            let own = entries.iter().copied();
            let own = own.filter(|entry| entry.get("path").and_then(Value::as_str) == Some(&path));
            stream.resume(&own.collect::<Vec<_>>(), &mut follower.context)?;
            stream.open(&mut follower.context)?;
        }
        Ok(follower)
    }

    /// Finds files that are new.
    fn look(&mut self, start: Start) {
        let mut folders: Vec<PathBuf> = Vec::new();
        for pattern in &self.patterns {
            for path in pattern.expand(&mut folders) {
                if !self.streams.iter().any(|stream| stream.path() == path) {
                    self.streams.push(Stream::new(path, start));
                }
            }
        }
        folders.sort();
        folders.dedup();
        self.notify.watch(&folders);
        self.looked = Instant::now();
    }
}

impl Lines for Follower {
    fn next(&mut self) -> Result<Come> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(Come::End);
            }
            if let Some(come) = self.context.queue.pop_front() {
                return Ok(come);
            }
            let count = self.streams.len();
            for step in 0..count {
                let number = (self.turn + step) % count;
                let Some(stream) = self.streams.get_mut(number) else { continue };
                if let Some(come) = stream.read(&mut self.context)? {
                    self.turn = number + 1;
                    return Ok(come);
                }
            }
            if self.looked.elapsed() >= LOOK {
                self.look(Start::Earliest);
                if self.streams.len() > count {
                    continue;
                }
            }
            if !self.context.endless {
                // Each of them is told once, and then the end.
                let whole = self.streams.iter().filter_map(Stream::at_rest).map(Come::Whole);
                self.context.queue.extend(whole);
                self.context.queue.push_back(Come::End);
                continue;
            }
            self.notify.wait();
        }
    }

    fn begins(&self) -> Vec<At> {
        self.streams.iter().flat_map(Stream::places).collect()
    }

    fn is_tracked(&self) -> bool {
        true
    }
}
