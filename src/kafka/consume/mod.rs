//! Reading topics as one stream of lines, alone or as a member of a group. Uses `error`, `kafka`,
//! `ums`. The thread is in `run`; not hot.
//!
//! **Nothing is lost.** An offset is committed, or written into the stream as a marker, only as far
//! as the records before it; and it is committed only when somebody downstream has said that what
//! stands before that marker is durable. Partitions that another member wants are given back when
//! what was read of them is durable, or, after some waiting, without a commit, and then the other
//! one reads it again.
//!
//! **Memory is bounded**: by the library's queue (`queued.max.messages.kbytes`), and by a few blocks
//! of lines in front of the reader.

mod balance;
mod context;
mod ends;
mod least;
mod lines;
mod member;
mod offsets;
mod run;
mod shared;
mod start;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use self::context::Context;
use self::offsets::Reader;
use self::run::Run;
use self::shared::Shared;
use super::client::Voice;
use super::topic::Template;
use crate::error::{Error, Kind, Result};
use crate::ums::Marker;

pub use self::member::{Member, offsets};
pub use self::offsets::KIND;
pub use self::shared::Receipt;
pub use self::start::{Start, millis};

/// What we prefer of the library's properties; people may choose otherwise.
pub const DEFAULTS: &[(&str, &str)] = &[
    ("isolation.level", "read_committed"),
    ("partition.assignment.strategy", "cooperative-sticky"),
    ("queued.max.messages.kbytes", "32768"),
    ("fetch.wait.max.ms", "100"),
    // A full queue is looked at again soon; the library's second halves the speed of six partitions.
    ("fetch.queue.backoff.ms", "10"),
    ("session.timeout.ms", "15000"),
    ("check.crcs", "true"),
    // Partitions and topics that are added are looked for so often.
    (REFRESH, "60000"),
];

/// The property that says how often topics are looked at.
const REFRESH: &str = "topic.metadata.refresh.interval.ms";

/// Blocks that may wait for whoever reads.
const WAITING: usize = 4;

/// How long to look for a broker at the start.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time every broker knows of a new topic.
const NEWS: Duration = Duration::from_secs(3);

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Partition {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition's number.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.number)
    }
}

/// What to read, and how.
pub struct Wanted {
    /// The library's properties: brokers, security, `DEFAULTS`.
    pub config: ClientConfig,
    /// The topic, or a template of topics.
    pub topic: Template,
    /// The group to share the work with; without one everything is read.
    pub group: Option<String>,
    /// Where partitions begin that have no position.
    pub start: Start,
    /// Stop before the first record with this time or a later one, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Stop where the topic ends.
    pub exit_at_end: bool,
    /// Lines are not messages: nothing is put between them, and `Receipt::reached` tells offsets.
    pub raw: bool,
    /// Positions from a checkpoint; those of others are passed over.
    pub saved: Vec<Marker>,
    /// The checkpoint of whoever makes the rows durable behind a pipe: followed while reading.
    pub confirm: Option<PathBuf>,
    /// Offsets are kept by whoever writes, in transactions, and not committed here.
    pub exactly: bool,
    /// Speaks to people.
    pub voice: Voice,
    /// Stands in front of errors.
    pub name: String,
}

/// Records as bytes: whole lines, with markers between them.
pub struct Stream {
    blocks: Receiver<Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    /// Bytes handed out.
    pub taken: Arc<AtomicU64>,
    /// Who reads.
    pub member: Member,
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.block.len() {
            match self.blocks.recv() {
                Ok(Ok(block)) => (self.block, self.at) = (block, 0),
                Ok(Err(error)) => return Err(io::Error::other(error)),
                Err(_) => return Ok(0),
            }
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let length = rest.len().min(room.len());
        if let (Some(to), Some(from)) = (room.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        self.at += length;
        self.taken.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Begins to read.
///
/// # Errors
/// `Unreachable` when no broker answers, `Refused` for a topic that is not there, for credentials,
/// and for a position that is no longer in the topic; `Usage` for properties.
pub fn open(wanted: Wanted) -> Result<(Stream, Receipt)> {
    let mut config = wanted.config.clone();
    config
        .set("group.id", wanted.group.as_deref().unwrap_or("dws"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error");
    let failed = |error| super::failed(&wanted.name, error);
    let consumer: BaseConsumer<Context> =
        config.create_with_context(Context::new(wanted.voice.clone())).map_err(failed)?;
    let topics = topics(&consumer, &wanted.topic).map_err(|error| error.at(&wanted.name))?;
    let cluster = consumer.client().fetch_cluster_id(PATIENCE).unwrap_or_default();
    let shared = Arc::new(Shared::new(Reader { group: wanted.group.clone(), cluster }));
    let saved: BTreeMap<_, _> =
        wanted.saved.iter().filter_map(|marker| shared.reader.own(marker)).collect();
    let (out, blocks) = bounded(WAITING);
    // Zero and less mean never.
    let look = config.get(REFRESH).and_then(|millis| millis.parse().ok()).filter(|look| *look > 0);
    let look = look.map_or(Duration::MAX, Duration::from_millis);
    let mut run = Run::new(consumer, wanted, saved, Arc::clone(&shared), out, look);
    run.begin(&topics)?;
    let member = Member { consumer: Arc::downgrade(&run.consumer), shared: Arc::clone(&shared) };
    let thread = std::thread::Builder::new().name("kafka".into()).spawn(move || run.go());
    thread.map_err(|error| Error::io("cannot start a thread", error))?;
    let stream = Stream { blocks, block: Vec::new(), at: 0, taken: Arc::default(), member };
    Ok((stream, Receipt(shared)))
}

/// The topics of a template that there are.
fn topics(consumer: &BaseConsumer<Context>, template: &Template) -> Result<Vec<String>> {
    let Some(single) = template.fixed() else {
        return ask(consumer, || of_template(consumer, template, PATIENCE / 2));
    };
    let found = ask(consumer, || start::of_topic(consumer, single, PATIENCE / 2))?;
    if found.is_empty() {
        return Err(Error::refused(format!("the topic {single} has no partitions")));
    }
    Ok(vec![single.to_owned()])
}

fn of_template(
    consumer: &BaseConsumer<Context>,
    template: &Template,
    patience: Duration,
) -> Result<Vec<String>, KafkaError> {
    let all = consumer.fetch_metadata(None, patience)?;
    let names = all.topics().iter().map(|topic| topic.name().to_owned());
    Ok(names.filter(|name| template.matches(name, &[])).collect())
}

/// Asks a broker, twice when the first time nobody answers.
fn ask<T>(
    consumer: &BaseConsumer<Context>,
    mut question: impl FnMut() -> Result<T, KafkaError>,
) -> Result<T> {
    let refused = || {
        // What is wrong with a connection is told while events are polled, and nowhere else.
        std::iter::from_fn(|| consumer.poll(Duration::from_millis(10)))
            .filter_map(|event| event.err())
            .map(|error| super::failed("topic", error))
            .find(|error| error.kind() == Kind::Refused)
    };
    for last in [false, true] {
        match question() {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                if let Some(refused) = refused() {
                    return Err(refused);
                }
                if error.rdkafka_error_code() == Some(Code::UnknownTopicOrPartition) {
                    if !last {
                        // Of a topic that was made a moment ago not every broker knows.
                        std::thread::sleep(NEWS);
                        continue;
                    }
                    return Err(Error::refused("there is no such topic").advise(
                        "create it, or let it be created by whoever writes it (--partitions N)",
                    ));
                }
                let error = super::failed("topic", error);
                if last || error.kind() != Kind::Unreachable {
                    return Err(error);
                }
            }
        }
    }
    Err(Error::unreachable("no broker has answered"))
}
