//! A member of a group as the writer of the same process sees it: whose offsets go into its
//! transactions, and where one may end. Uses `kafka`, `ums`. Not hot: once a marker.

use std::fmt;
use std::sync::{Arc, Weak};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};

use super::Partition;
use super::context::{Context, list};
use super::shared::Shared;
use crate::ums::Marker;

/// Who reads.
#[derive(Clone)]
pub struct Member {
    /// Gone when nothing more is read.
    pub(super) consumer: Weak<BaseConsumer<Context>>,
    pub(super) shared: Arc<Shared>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").finish_non_exhaustive()
    }
}

impl Member {
    /// The partition and offset of a marker of this member.
    pub fn own(&self, marker: &Marker) -> Option<(Partition, i64)> {
        self.shared.reader.own(marker)
    }

    /// Whether the offsets up to this one cover everything that stands in front of them in the
    /// stream. Ask for each marker, in the order of the stream.
    pub fn covers_all(&self, partition: &Partition, next: i64) -> bool {
        self.shared.covers_all(partition, next)
    }

    /// Which generation of the group this is; brokers take offsets of no other.
    pub fn generation(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer.upgrade()?.group_metadata()
    }
}

/// A list for the library.
pub fn offsets<'a>(all: impl IntoIterator<Item = (&'a Partition, &'a i64)>) -> TopicPartitionList {
    list(all.into_iter().map(|(partition, next)| (partition, *next)))
}
