//! The position of a source as the topics themselves tell it: the newest marker of each partition,
//! and the least of them. Uses `error`, `ums`, `kafka`. Not hot: once a run.
//!
//! A partition without a marker says nothing, and need not: a marker was written when everything
//! before it was acknowledged, in all partitions (see `ledger`).

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};

use super::address::Address;
use super::client::Voice;
use super::error::{failed, patiently};
use super::properties::Properties;
use super::topics::{ANSWER, Topic};
use crate::error::{Error, Result};
use crate::ums::{Decoder, Marker, Protocol};

/// Records from the end that are looked at first; each time that the marker is not among them, so
/// many times more.
const FIRST_LOOK: i64 = 64;
const FARTHER: i64 = 16;

/// What this consumer is.
const DEFAULTS: &[(&str, &str)] = &[
    // A name is asked for; there is no group, since partitions are assigned and nothing is kept.
    ("group.id", "dws-position"),
    ("enable.auto.commit", "false"),
    ("enable.partition.eof", "true"),
    ("auto.offset.reset", "earliest"),
];

/// The position of a source; `None` when no partition has a marker of it.
///
/// # Errors
/// `Unreachable` when topics cannot be read.
pub fn position(
    properties: &Properties,
    address: &Address,
    voice: &Voice,
    name: &str,
    topics: &[Topic],
    source: &str,
) -> Result<Option<Marker>> {
    if topics.is_empty() {
        return Ok(None);
    }
    let consumer: BaseConsumer<Voice> = properties
        .config(address, DEFAULTS)?
        .create_with_context(voice.clone())
        .map_err(|error| failed(name, error))?;
    let mut least: Option<Marker> = None;
    for topic in topics {
        for marker in newest(&consumer, topic, source, name)? {
            if least.as_ref().is_none_or(|least| marker.id < least.id) {
                least = Some(marker);
            }
        }
    }
    Ok(least)
}

/// A partition whose end is looked through.
struct Look {
    partition: i32,
    low: i64,
    high: i64,
    /// Where the look begins.
    from: i64,
    found: Option<Marker>,
    over: bool,
}

/// The newest marker of a source in each partition that has one.
fn newest(
    consumer: &BaseConsumer<Voice>,
    topic: &Topic,
    source: &str,
    name: &str,
) -> Result<Vec<Marker>> {
    let what = format!("{name}: topic {}", topic.name);
    let mut looks = Vec::new();
    for partition in 0..topic.partitions {
        let marks =
            patiently(2 * ANSWER, |time| consumer.fetch_watermarks(&topic.name, partition, time));
        let (low, high) = marks.map_err(|error| failed(&what, error))?;
        if high > low {
            looks.push(Look { partition, low, high, from: high, found: None, over: false });
        }
    }
    let mut depth = FIRST_LOOK;
    loop {
        for look in looks.iter_mut().filter(|look| look.found.is_none()) {
            look.over = look.from <= look.low;
            look.from = look.low.max(look.high.saturating_sub(depth));
        }
        if looks.iter().all(|look| look.found.is_some() || look.over) {
            return Ok(looks.into_iter().filter_map(|look| look.found).collect());
        }
        read(consumer, topic, &mut looks, source, &what)?;
        depth = depth.saturating_mul(FARTHER);
    }
}

/// Reads the ends of the partitions that are still looked through.
fn read(
    consumer: &BaseConsumer<Voice>,
    topic: &Topic,
    looks: &mut [Look],
    source: &str,
    what: &str,
) -> Result<()> {
    let mut wanted = TopicPartitionList::new();
    let mut left = 0;
    for look in looks.iter().filter(|look| look.found.is_none() && !look.over) {
        wanted
            .add_partition_offset(&topic.name, look.partition, Offset::Offset(look.from))
            .map_err(|error| failed(what, error))?;
        left += 1;
    }
    consumer.assign(&wanted).map_err(|error| failed(what, error))?;
    let mut decoder = Decoder::default();
    let mut heard = Instant::now();
    while left > 0 {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() > 2 * ANSWER => {
                return Err(Error::unreachable(format!("{what}: its end cannot be read"))
                    .advise("see that the brokers of all its partitions run"));
            }
            None => continue,
            Some(Err(KafkaError::PartitionEOF(_))) => left -= 1,
            Some(Err(error)) if error.rdkafka_error_code().is_some_and(super::error::passes) => {
                continue;
            }
            Some(Err(error)) => return Err(failed(what, error)),
            Some(Ok(message)) => {
                let of = message.partition();
                let look = looks.iter_mut().find(|look| look.partition == of);
                if let Some(look) = look
                    && let Some(marker) = marker(&mut decoder, &message, source)
                {
                    look.found = Some(marker);
                }
            }
        }
        heard = Instant::now();
    }
    consumer.unassign().map_err(|error| failed(what, error))
}

/// The marker that a record is, if it is one of the source.
fn marker(
    decoder: &mut Decoder,
    record: &rdkafka::message::BorrowedMessage,
    source: &str,
) -> Option<Marker> {
    let name = Protocol::Heartbeat.name().as_bytes();
    let payload = record.payload()?;
    let kind = record.headers().and_then(|headers| {
        headers.iter().find(|header| header.key == "type").and_then(|header| header.value)
    });
    // Who copies topics may lose headers; the type is at the front of what we write.
    let front = payload.get(..payload.len().min(200)).unwrap_or_default();
    let is = match kind {
        Some(kind) => kind == name,
        None => memchr::memmem::find(front, name).is_some(),
    };
    if !is {
        return None;
    }
    let message = decoder.decode(payload).ok()?;
    let marker = Marker::read(&message).ok().flatten()?;
    (marker.kind == "mysql" && marker.source == source).then_some(marker)
}
