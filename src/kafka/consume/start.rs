//! Where each partition is read from: what was kept, else what was asked for. Nothing that was
//! there is passed over in silence. Uses `error`. Not hot: once a partition.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;

use super::Partition;
use super::context::{Context, list, partitions};
use crate::error::{Error, Result};
use crate::kafka::error::patiently;

/// How long one question to a broker may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// After this time a new leader knows how far its partition goes.
const ELECTION: Duration = Duration::from_secs(3);

/// Where partitions are read from that have no position yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// The oldest record there is.
    #[default]
    Earliest,
    /// What comes from now on.
    Latest,
    /// The first record with this time or a later one, in milliseconds since 1970.
    Time(i64),
    /// The last so many records of each partition.
    Tail(i64),
}

impl Start {
    /// Reads `earliest`, `latest`, `@TIME` or `-N`.
    ///
    /// # Errors
    /// `Usage` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::usage(format!("offset={text}: takes earliest, latest, @TIME (UTC) or -N"));
        match text {
            "earliest" => Ok(Self::Earliest),
            "latest" => Ok(Self::Latest),
            _ => match text.strip_prefix('@') {
                Some(time) => millis(time).map(Self::Time).ok_or_else(wrong),
                None => {
                    let last = text.strip_prefix('-').and_then(|number| number.parse::<u32>().ok());
                    last.map(|last| Self::Tail(last.into())).ok_or_else(wrong)
                }
            },
        }
    }
}

/// A time in UTC, `YYYY-MM-DD`, `YYYY-MM-DDTHH:MM:SS[.fff]` or seconds since 1970, in milliseconds.
pub fn millis(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let moment: jiff::civil::DateTime = text.parse().ok()?;
    Some(moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// Why the start is not known.
pub(super) enum Failure {
    /// A broker did not answer: ask again.
    Later(KafkaError),
    /// For good.
    Refused(Error),
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Self {
        Self::Later(error)
    }
}

/// What is known of positions before the brokers are asked.
pub(super) struct Known<'a> {
    /// Whether a group keeps offsets.
    pub(super) group: bool,
    /// Where to begin without a position.
    pub(super) start: Start,
    /// Positions from a checkpoint.
    pub(super) saved: &'a BTreeMap<Partition, i64>,
}

/// Where a partition begins for us.
pub(super) struct Begin {
    pub(super) partition: Partition,
    /// The offset to read from.
    pub(super) next: i64,
    /// Where the partition ends now.
    pub(super) end: i64,
}

/// The offset to read each partition from.
///
/// Both the group and a checkpoint only say what has become durable, so the greater one is right. A
/// partition without a position, of a topic where the group has others, has been added since and is
/// read from its beginning, whatever was asked for.
pub(super) fn starts(
    consumer: &BaseConsumer<Context>,
    wanted: &[Partition],
    known: &Known,
) -> Result<Vec<Begin>, Failure> {
    let committed = if known.group { committed(consumer, wanted)? } else { BTreeMap::new() };
    let mut found = Vec::with_capacity(wanted.len());
    for partition in wanted {
        let Partition { topic, number } = partition;
        let marks = || patiently(PATIENCE, |time| consumer.fetch_watermarks(topic, *number, time));
        let kept = committed.get(partition).max(known.saved.get(partition)).copied();
        let (mut low, mut high) = marks()?;
        if kept.is_some_and(|next| next > high) {
            // A leader that was chosen a moment ago may not know yet how far its partition goes.
            std::thread::sleep(ELECTION);
            (low, high) = marks()?;
        }
        if let Some(next) = kept {
            check(partition, next, low, high)?;
            found.push(Begin { partition: partition.clone(), next, end: high });
            continue;
        }
        let same = |other: &&Partition| other.topic == partition.topic;
        let added = committed.keys().chain(known.saved.keys()).any(|other| same(&other));
        let next = match known.start {
            _ if added => low,
            Start::Earliest => low,
            Start::Latest => high,
            Start::Tail(last) => high.saturating_sub(last).max(low),
            Start::Time(millis) => at(consumer, partition, millis)?.unwrap_or(high),
        };
        found.push(Begin { partition: partition.clone(), next, end: high });
    }
    Ok(found)
}

/// The group's offsets in all partitions of the topics.
fn committed(
    consumer: &BaseConsumer<Context>,
    wanted: &[Partition],
) -> Result<BTreeMap<Partition, i64>, Failure> {
    let mut topics: Vec<&str> = wanted.iter().map(|partition| &*partition.topic).collect();
    topics.dedup();
    let mut all = Vec::new();
    for topic in topics {
        all.extend(of_topic(consumer, topic, PATIENCE)?);
    }
    let asked =
        list(all.iter().map(|partition| (partition, Offset::Invalid.to_raw().unwrap_or(-1001))));
    let answer = patiently(PATIENCE, |time| consumer.committed_offsets(asked.clone(), time))?;
    for element in answer.elements() {
        element.error()?;
    }
    Ok(partitions(&answer).into_iter().filter(|(_, next)| *next >= 0).collect())
}

/// The partitions of a topic.
pub(super) fn of_topic(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    patience: Duration,
) -> Result<Vec<Partition>, KafkaError> {
    let metadata = consumer.fetch_metadata(Some(topic), patience)?;
    let mut found = Vec::new();
    for described in metadata.topics().iter().filter(|described| described.name() == topic) {
        if let Some(error) = described.error() {
            return Err(KafkaError::MetadataFetch(error.into()));
        }
        let numbers = described.partitions().iter().map(|partition| partition.id());
        found.extend(numbers.map(|number| Partition { topic: topic.into(), number }));
    }
    Ok(found)
}

fn at(
    consumer: &BaseConsumer<Context>,
    partition: &Partition,
    millis: i64,
) -> Result<Option<i64>, Failure> {
    let asked = list([(partition, millis)]);
    let answer = patiently(PATIENCE, |time| consumer.offsets_for_times(asked.clone(), time))?;
    let found = partitions(&answer).first().map(|(_, next)| *next);
    Ok(found.filter(|next| *next >= 0))
}

/// A kept position must still be there.
fn check(partition: &Partition, next: i64, low: i64, high: i64) -> Result<(), Failure> {
    let refused = |text: String, advice: &str| {
        Err(Failure::Refused(Error::refused(text).at(partition).advise(advice)))
    };
    if next < low {
        return refused(
            format!(
                "the position is offset {next}, but the partition now begins at {low}: {} records are gone",
                low - next
            ),
            "bring the tables up to date by a pull, then begin with another group or checkpoint",
        );
    }
    if next > high {
        return refused(
            format!(
                "the position is offset {next}, but the partition ends at {high}: it is not the one that was read"
            ),
            "a topic that was made anew needs another group and another checkpoint",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_read() {
        for (text, start) in [
            ("earliest", Start::Earliest),
            ("latest", Start::Latest),
            ("-10", Start::Tail(10)),
            ("@1000", Start::Time(1_000_000)),
            ("@2026-11-21", Start::Time(1_795_219_200_000)),
            ("@2026-11-21T00:00:01.5Z", Start::Time(1_795_219_201_500)),
        ] {
            assert_eq!(Start::parse(text).unwrap(), start, "{text}");
        }
        for wrong in ["", "10", "-", "--1", "@", "@x", "Latest", "@2026-02-30"] {
            assert!(Start::parse(wrong).is_err(), "{wrong}");
        }
    }
}
