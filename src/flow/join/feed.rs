//! One input of `ums-join`: lines between two markers at a time. Uses `endpoint`, `line`, `ums`. HOT
//! once a line.
//!
//! Rows that came behind the same marker are handed on together, when the next marker has come. So
//! what the state holds is always what stands before one marker of each input, and the order in which
//! inputs take turns depends on what they say and not on when they say it.

use std::collections::VecDeque;
use std::io::Read;

use crossbeam_channel::{Receiver, bounded};
use memchr::memmem::Finder;

use crate::error::{Error, Result};
use crate::line::{LineReader, Lines};
use crate::ums::{Decoder, Marker};

/// Bytes that one input may hold back from its last marker on. A transaction may be greater; then
/// its rows are handed on before their marker.
const HELD: usize = 8 << 20;

/// Lines that belong together.
#[derive(Debug, Default)]
pub(super) struct Epoch {
    pub(super) bytes: Vec<u8>,
    /// The number of each line, where it starts and where it ends.
    pub(super) lines: Vec<(u64, usize, usize)>,
    /// The marker behind them, with its line; `None` where they were handed on without.
    pub(super) marker: Option<(Marker, Vec<u8>)>,
    /// The time by which inputs take turns: that of the marker behind these lines, or in front.
    pub(super) ts: String,
}

/// An input.
pub(super) struct Feed {
    /// For messages.
    pub(super) name: String,
    pub(super) receiver: Receiver<Result<Lines>>,
    decoder: Decoder,
    finder: Finder<'static>,
    begun: Epoch,
    pub(super) ready: VecDeque<Epoch>,
    /// Bytes in `ready`.
    pub(super) waiting: usize,
    /// Bytes that are held back at most.
    limit: usize,
    /// Nothing comes any more.
    pub(super) ended: bool,
    /// Why nothing comes any more.
    pub(super) error: Option<Error>,
    ts: String,
}

impl Feed {
    /// Reads on a thread, at most two batches ahead. It is not joined: it may wait for input that
    /// never comes, and it holds nothing that must be saved. An input that is `alone` need not take
    /// turns, so nothing is held back.
    pub(super) fn start<R: Read + Send + 'static>(
        mut reader: LineReader<R>,
        name: String,
        alone: bool,
    ) -> Result<Self> {
        let (sender, receiver) = bounded(2);
        let run = move || {
            while let Some(batch) = reader.next_batch().transpose() {
                let failed = batch.is_err();
                if sender.send(batch).is_err() || failed {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("join-reader".into()).spawn(run);
        thread.map_err(|error| Error::io("cannot start a thread", error))?;
        Ok(Self {
            name,
            receiver,
            decoder: Decoder::default(),
            finder: Finder::new(b"heartbeat"),
            begun: Epoch::default(),
            ready: VecDeque::new(),
            waiting: 0,
            limit: if alone { 0 } else { HELD },
            ended: false,
            error: None,
            ts: String::new(),
        })
    }

    /// Takes what the thread has read.
    pub(super) fn take(&mut self, lines: Result<Lines>) {
        let lines = match lines {
            Ok(lines) => lines,
            Err(error) => {
                self.error = Some(error);
                self.end();
                return;
            }
        };
        for (number, line) in &lines {
            let start = self.begun.bytes.len();
            // Most lines are no markers, which one look at their bytes tells; a bad one is left to
            // whoever takes it.
            let marker = match self.finder.find(line) {
                Some(_) => self.decoder.decode(line).and_then(|m| Marker::read(&m)).ok().flatten(),
                None => None,
            };
            if let Some(marker) = marker {
                self.ts.clone_from(&marker.ts);
                self.begun.marker = Some((marker, line.to_vec()));
                self.cut();
            } else {
                self.begun.bytes.extend_from_slice(line);
                self.begun.lines.push((number, start, start + line.len()));
            }
        }
        if self.begun.bytes.len() > self.limit {
            self.cut();
        }
    }

    /// The input has ended.
    pub(super) fn end(&mut self) {
        self.ended = true;
        if !self.begun.lines.is_empty() {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let mut epoch = std::mem::take(&mut self.begun);
        epoch.ts.clone_from(&self.ts);
        self.waiting += epoch.bytes.len();
        self.ready.push_back(epoch);
    }
}
