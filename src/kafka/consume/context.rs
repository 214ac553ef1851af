//! What the client library calls back with: rebalances, commits, troubles. They are only written
//! down; the reading thread acts on them when a poll has returned, because it may have to wait for
//! others. Uses `kafka`. Not hot.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;

use super::Partition;
use crate::kafka::Voice;

/// What has come.
#[derive(Debug)]
pub(super) enum News {
    /// Partitions that are ours from now on, as soon as we say from where.
    Assigned(Vec<Partition>),
    /// Partitions that another member wants; it gets them when we have said so.
    Revoked(Vec<Partition>),
    /// Offsets that the group has now.
    Committed(Vec<(Partition, i64)>),
    /// A commit that failed; what is still true is committed again.
    NotCommitted,
}

/// The callbacks of one consumer.
pub(super) struct Context {
    news: Mutex<VecDeque<News>>,
    /// Nobody acts on news any more: the consumer is being closed.
    closing: AtomicBool,
    voice: Voice,
}

impl Context {
    pub(super) fn new(voice: Voice) -> Self {
        Self { news: Mutex::default(), closing: AtomicBool::new(false), voice }
    }

    pub(super) fn next(&self) -> Option<News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn add(&self, news: News) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).push_back(news);
    }

    /// From now on partitions are given back at once.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.voice.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let assigned = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.closing.load(Ordering::Relaxed) {
            // A refusal leaves nothing to be done: the session ends in any case.
            let _ = if assigned { Ok(()) } else { give_back(consumer, list) };
            return;
        }
        let partitions = partitions(list).into_iter().map(|(partition, _)| partition).collect();
        self.add(if assigned { News::Assigned(partitions) } else { News::Revoked(partitions) });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let failed = offsets.elements().iter().any(|element| element.error().is_err());
        self.add(match result {
            Ok(()) if !failed => News::Committed(partitions(offsets)),
            _ => News::NotCommitted,
        });
    }
}

/// Says to the library that partitions are no longer read.
pub(super) fn give_back(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        _ => consumer.unassign(),
    }
}

/// Says to the library that partitions are read from these offsets.
pub(super) fn take_over(
    consumer: &BaseConsumer<Context>,
    list: &TopicPartitionList,
) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
        _ => consumer.assign(list),
    }
}

/// The partitions of a list with their offsets; -1 where it has none.
pub(super) fn partitions(list: &TopicPartitionList) -> Vec<(Partition, i64)> {
    let each = |element: &rdkafka::topic_partition_list::TopicPartitionListElem| {
        let partition = Partition { topic: element.topic().into(), number: element.partition() };
        (partition, element.offset().to_raw().unwrap_or(-1))
    };
    list.elements().iter().map(each).collect()
}

/// A list for the library.
pub(super) fn list<'a>(
    offsets: impl IntoIterator<Item = (&'a Partition, i64)>,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        // Only an offset that has no meaning is refused, and then the partition goes without one.
        let offset = rdkafka::Offset::from_raw(offset);
        let _ = list.add_partition_offset(&partition.topic, partition.number, offset);
    }
    list
}
