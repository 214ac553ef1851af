//! HOT once a record. The thread that reads: polls, gives blocks of lines, ends. Uses `error`,
//! `kafka`, `ums`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{SendTimeoutError, Sender};
use rdkafka::Message;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::BorrowedMessage;

use super::context::{Context, list, partitions};
use super::ends::Ends;
use super::least::Least;
use super::lines::{Cutter, Met};
use super::shared::{Place, Shared};
use super::{Partition, Wanted};
use crate::error::{Error, Result};
use crate::kafka::error::{failed, passes};
use crate::ums::Dialect;

/// A block is handed on when it has this many bytes, and earlier when nothing waits.
const BLOCK: usize = 256 << 10;

/// How soon a stop is heard.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// Between markers of offsets, commits, looks at the checkpoint.
const BEAT: Duration = Duration::from_secs(1);

/// Whoever takes blocks may be away so long before partitions are paused, so that the group's
/// wishes are heard.
const AWAY: Duration = Duration::from_secs(5);

/// How long a run that ends at the end waits for partitions that other members hold.
const NOTHING: Duration = Duration::from_secs(10);

/// A partition that is read.
pub(super) struct Part {
    pub(super) partition: Partition,
    /// The offset of the next record to hand on.
    pub(super) next: i64,
    /// Its number where records are placed.
    name: usize,
    /// What the newest marker in the stream says.
    pub(super) marked: i64,
    /// What the group has.
    pub(super) committed: i64,
    /// Where it ended when it came, if the run is to end there.
    end: Option<i64>,
    /// Nothing more is wanted of it.
    ended: bool,
    /// Its end was met, and nothing since.
    at_end: bool,
}

impl Part {
    pub(super) fn new(partition: Partition, next: i64, end: Option<i64>, name: usize) -> Self {
        let (marked, committed, at_end) = (-1, -1, false);
        let ended = end.is_some_and(|end| next >= end);
        Self { partition, name, next, marked, committed, end, ended, at_end }
    }
}

/// The thread's state.
pub(super) struct Run {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) wanted: Wanted,
    pub(super) saved: BTreeMap<Partition, i64>,
    pub(super) shared: Arc<Shared>,
    /// Gone when nothing more comes.
    out: Option<Sender<Result<Vec<u8>>>>,
    block: Vec<u8>,
    /// Bytes handed on.
    given: u64,
    /// Lines written so far.
    lines: u64,
    /// The records in the block.
    places: Vec<Place>,
    cutter: Cutter,
    pub(super) least: Least,
    pub(super) ends: Ends,
    pub(super) parts: Vec<Part>,
    /// The one that the last record was of.
    current: usize,
    /// Partitions that were assigned and whose start is not known yet.
    pub(super) arriving: Vec<Partition>,
    beat: Instant,
    /// When partitions were added or taken away last.
    pub(super) balanced: Instant,
    /// When added partitions were looked for, where no group does it.
    pub(super) looked: Instant,
    /// How often they are looked for.
    pub(super) look: Duration,
    /// Since when nobody takes blocks.
    stuck: Option<Instant>,
    paused: bool,
    /// A commit is on its way.
    pub(super) committing: bool,
    /// Records have come since the last beat.
    lively: bool,
    /// The checkpoint as it was read last.
    pub(super) confirmed: Vec<u8>,
}

impl Run {
    pub(super) fn new(
        consumer: BaseConsumer<Context>,
        wanted: Wanted,
        saved: BTreeMap<Partition, i64>,
        shared: Arc<Shared>,
        out: Sender<Result<Vec<u8>>>,
        look: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            cutter: Cutter::new(wanted.raw),
            consumer: Arc::new(consumer),
            wanted,
            saved,
            shared,
            out: Some(out),
            block: Vec::new(),
            given: 0,
            lines: 0,
            places: Vec::new(),
            least: Least::default(),
            ends: Ends::default(),
            parts: Vec::new(),
            current: 0,
            arriving: Vec::new(),
            beat: now,
            balanced: now,
            looked: now,
            look,
            stuck: None,
            paused: false,
            committing: false,
            lively: false,
            confirmed: Vec::new(),
        }
    }

    /// The thread's life.
    pub(super) fn go(mut self) {
        if let Err(error) = self.read()
            && let Some(out) = self.out.take()
        {
            // An end without it would look like a good one; whoever reads may be gone.
            let mut last = Err(error);
            while let Err(SendTimeoutError::Timeout(back)) = out.send_timeout(last, TICK)
                && !self.shared.is_stopped()
            {
                last = back;
            }
        }
        self.out = None;
        while !self.shared.is_stopped() {
            self.shared.wait(TICK);
        }
        self.follow_checkpoint();
        self.commit(CommitMode::Sync);
        self.consumer.context().close();
        let shared = Arc::clone(&self.shared);
        drop(self);
        shared.set_ended();
    }

    fn read(&mut self) -> Result<()> {
        let consumer = Arc::clone(&self.consumer);
        let mut idle = false;
        while !self.shared.is_stopped() {
            self.hear()?;
            if self.beat.elapsed() >= BEAT {
                self.beat()?;
            }
            if self.is_over() {
                self.parts.iter().for_each(|part| self.ends.exhausted(&part.partition));
                self.tell_all();
                self.mark();
                idle = true;
            }
            if self.block.len() >= BLOCK || idle && !self.block.is_empty() {
                idle = false;
                self.give(TICK);
                if self.stuck.is_some() && !self.paused {
                    continue;
                }
            } else if self.is_over() {
                self.out = None;
            }
            let wait = if self.block.is_empty() { TICK } else { Duration::ZERO };
            match consumer.poll(wait) {
                None => idle = true,
                Some(Ok(record)) => self.take(&record),
                Some(Err(error)) => self.trouble(&error)?,
            }
        }
        Ok(())
    }

    fn take(&mut self, record: &BorrowedMessage) {
        let Some(part) = place(&self.parts, &mut self.current, record)
            .and_then(|index| self.parts.get_mut(index))
            .filter(|part| self.out.is_some() && !part.ended && record.offset() >= part.next)
        else {
            // Not ours any more, or not wanted.
            return;
        };
        let late = |until: i64| record.timestamp().to_millis().is_some_and(|time| time >= until);
        if part.end.is_some_and(|end| record.offset() >= end) || self.wanted.until.is_some_and(late)
        {
            part.ended = true;
            // What still comes of it is passed over.
            let _ = self.consumer.pause(&list([(&part.partition, -1)]));
            return;
        }
        part.next = record.offset().saturating_add(1);
        part.at_end = false;
        self.lively = true;
        let (least, ends, mut met) = (&mut self.least, &mut self.ends, false);
        if let Some(bytes) = record.payload() {
            self.places.push(Place {
                line: self.lines + 1,
                partition: part.name,
                offset: record.offset(),
            });
            self.lines += self.cutter.take(bytes, &mut self.block, |found| {
                met = true;
                match found {
                    Met::Marker(marker) => least.met(&part.partition, marker),
                    Met::End(line) => ends.met(&part.partition, record.offset(), line),
                }
            });
        }
        if met {
            self.tell_all();
        }
    }

    /// What concerns all partitions and has been met in all of them.
    pub(super) fn tell_all(&mut self) {
        if !self.arriving.is_empty() || self.out.is_none() {
            return;
        }
        for line in self.ends.due(self.parts.iter().map(|part| &part.partition)) {
            self.block.extend_from_slice(&line);
            self.block.push(b'\n');
            self.lines += 1;
        }
        let gets = |topic: &str, source: &str| self.wanted.topic.gets(topic, source);
        for marker in self.least.due(self.parts.iter().map(|part| &part.partition), gets) {
            marker.write(Dialect::Dws, &mut self.block);
            self.lines += 1;
        }
    }

    /// Offsets that have moved, behind what they cover.
    pub(super) fn mark(&mut self) {
        if self.wanted.raw || self.out.is_none() {
            return;
        }
        let mut last = None;
        for part in &mut self.parts {
            let next = self.ends.least(&part.partition).unwrap_or(part.next);
            if next > part.marked {
                self.shared.reader.push(&part.partition, next, &mut self.block);
                part.marked = next;
                self.lines += 1;
                last = Some((part.partition.clone(), next));
            }
        }
        // While a notice waits, the offsets are those in front of it.
        if let Some((partition, next)) = last
            && self.wanted.exactly
            && !self.ends.are_waiting()
        {
            self.shared.add_covering(partition, next);
        }
    }

    fn beat(&mut self) -> Result<()> {
        self.beat = Instant::now();
        if std::mem::take(&mut self.lively) {
            self.wanted.voice.goes_on();
        }
        self.pass_over();
        if self.wanted.topic.fixed().is_none() && self.asks_for_ends() {
            // An end that came before anybody asked for it, or while no broker answered.
            let numbers = self.parts.iter().filter(|part| !part.at_end);
            let numbers: BTreeSet<i32> = numbers.map(|part| part.partition.number).collect();
            numbers.into_iter().for_each(|number| self.met_end(number));
        }
        let resting = self.parts.iter().filter(|part| part.at_end);
        resting.for_each(|part| self.ends.rests(&part.partition));
        self.tell_all();
        self.mark();
        self.follow_checkpoint();
        self.commit(CommitMode::Async);
        self.arrive_late()
    }

    /// What is behind the last record and holds none, the ends of transactions, is read, too. Else
    /// an offset in front of it would seem to be lost when the topic's retention has passed it.
    fn pass_over(&mut self) {
        let Ok(read) = self.consumer.position() else { return };
        for (partition, next) in partitions(&read) {
            let own = self.parts.iter_mut().find(|part| part.partition == partition);
            if let Some(part) = own.filter(|part| !part.ended) {
                part.next = part.next.max(next);
            }
        }
    }

    /// Hands the block on, or keeps it when nobody takes it in time.
    pub(super) fn give(&mut self, patience: Duration) {
        let Some(out) = &self.out else { return };
        let block = std::mem::take(&mut self.block);
        let length = block.len() as u64;
        if self.wanted.raw {
            for part in self.parts.iter_mut().filter(|part| part.next > part.marked) {
                self.shared.note(self.given + length, part.partition.clone(), part.next);
                part.marked = part.next;
            }
        }
        if !self.places.is_empty() {
            // Known before anybody can ask for them.
            self.shared.add_places(std::mem::take(&mut self.places));
        }
        match out.send_timeout(Ok(block), patience) {
            Ok(()) => {
                self.given += length;
                self.stuck = None;
                if std::mem::take(&mut self.paused) {
                    let _ = self.consumer.resume(&self.wanted_parts());
                }
            }
            Err(SendTimeoutError::Timeout(block)) => {
                self.block = block.unwrap_or_default();
                let since = *self.stuck.get_or_insert_with(Instant::now);
                if !self.paused && since.elapsed() >= AWAY {
                    self.paused = self.consumer.pause(&self.wanted_parts()).is_ok();
                }
            }
            Err(SendTimeoutError::Disconnected(_)) => self.out = None,
        }
    }

    /// Whether anything is not handed on yet.
    pub(super) fn holds(&self) -> bool {
        self.out.is_some() && !self.block.is_empty()
    }

    /// Whoever is assigned anew is read, also where nobody takes what is read, and where the end has
    /// come.
    pub(super) fn rest_again(&self) {
        let resting = self.parts.iter().filter(|part| part.ended || self.paused);
        let _ = self.consumer.pause(&list(resting.map(|part| (&part.partition, -1))));
    }

    fn wanted_parts(&self) -> rdkafka::TopicPartitionList {
        list(self.parts.iter().filter(|part| !part.ended).map(|part| (&part.partition, -1)))
    }

    /// Whether the run was to end, and has come there.
    fn is_over(&self) -> bool {
        let Wanted { exit_at_end, until, group, .. } = &self.wanted;
        if !exit_at_end && until.is_none() || !self.arriving.is_empty() {
            return false;
        }
        if self.parts.is_empty() {
            return group.is_none() || self.balanced.elapsed() >= NOTHING;
        }
        let past = until.is_some_and(|until| jiff::Timestamp::now().as_millisecond() >= until);
        let done = |part: &Part| {
            let read = part.end.is_some_and(|end| part.next >= end);
            part.ended || read || part.at_end && (*exit_at_end || past)
        };
        self.parts.iter().all(done)
    }

    /// Whether it matters where partitions end.
    fn asks_for_ends(&self) -> bool {
        self.wanted.until.is_some() || self.ends.are_waiting()
    }

    /// A partition of this number was read to its end; the library does not say of which topic.
    fn met_end(&mut self, number: i32) {
        let is = |part: &Part| part.partition.number == number;
        let sure = self.wanted.topic.fixed().is_some();
        if !sure && !self.asks_for_ends() {
            return;
        }
        self.pass_over();
        let mut met = Vec::new();
        for part in self.parts.iter().filter(|part| is(part) && (sure || !part.at_end)) {
            let Partition { topic, number } = &part.partition;
            let marks = || self.consumer.fetch_watermarks(topic, *number, TICK * 20);
            if sure || marks().is_ok_and(|(_, high)| part.next >= high) {
                met.push(part.partition.clone());
            }
        }
        for part in self.parts.iter_mut().filter(|part| met.contains(&part.partition)) {
            part.at_end = true;
            self.ends.exhausted(&part.partition);
        }
        self.tell_all();
    }

    fn trouble(&mut self, error: &KafkaError) -> Result<()> {
        if let KafkaError::PartitionEOF(number) = error {
            self.met_end(*number);
            return Ok(());
        }
        match error.rdkafka_error_code() {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                Err(Error::refused(format!("{}: a position is no longer in its partition: records are gone", self.wanted.name))
                    .advise("bring the tables up to date by a pull, then begin with another group or checkpoint"))
            }
            // Without a group nobody is asked for one.
            Some(Code::GroupAuthorizationFailed) if self.wanted.group.is_none() => Ok(()),
            Some(Code::PollExceeded) => {
                self.wanted.voice.trouble(
                    "what was read could not be handed on for too long, and the group has gone on without us",
                );
                Ok(())
            }
            Some(code) if passes(code) && !matches!(error, KafkaError::MessageConsumptionFatal(_)) => Ok(()),
            _ => Err(failed(&self.wanted.name, error.clone())),
        }
    }
}

/// Which of the parts a record is of: mostly that of the record before.
fn place(parts: &[Part], current: &mut usize, record: &BorrowedMessage) -> Option<usize> {
    let (topic, number) = (record.topic(), record.partition());
    let is = |part: &Part| part.partition.number == number && *part.partition.topic == *topic;
    if !parts.get(*current).is_some_and(is) {
        *current = parts.iter().position(is)?;
    }
    Some(*current)
}
