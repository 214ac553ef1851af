//! Offsets that travel in the stream: a marker a partition. Uses `error` and `ums`. Not hot.
//!
//! `kind` is `kafka`, `source` is `TOPIC/PARTITION` or `TOPIC/PARTITION/GROUP` (no name of a topic
//! holds a slash), `id` and `pos` are the offset of the next record to read, `file` is the topic and
//! `server` the cluster. Markers of several partitions that were written together are true together: all
//! but the last have `+` as `gtid`. So a checkpoint, a sink's table of positions and every command in between
//! keep and pass them like the position of a log.

use super::Partition;
use crate::ums::{Dialect, Marker};

/// Part one of the namespace.
pub const KIND: &str = "kafka";

/// In a marker behind which others stand that it is true with.
pub const MORE: &str = "+";

/// Whose offsets they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reader {
    /// The group; none when partitions are read without one.
    pub(super) group: Option<String>,
    /// The cluster's id; empty when it does not say.
    pub(super) cluster: String,
}

impl Reader {
    /// "Every record of this partition with an offset below `next` was written before me."
    pub(super) fn marker(&self, partition: &Partition, next: i64) -> Marker {
        let Partition { topic, number } = partition;
        let source = match &self.group {
            Some(group) => format!("{topic}/{number}/{group}"),
            None => format!("{topic}/{number}"),
        };
        Marker {
            kind: KIND.into(),
            source,
            id: next,
            ts: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.6f").to_string(),
            file: topic.to_string(),
            pos: u64::try_from(next).unwrap_or(0),
            gtid: String::new(),
            server: self.cluster.clone(),
            base: 0,
        }
    }

    /// Appends the marker as a line; `more` of what it goes with follow.
    pub(super) fn push(&self, partition: &Partition, next: i64, more: bool, out: &mut Vec<u8>) {
        let gtid = if more { MORE } else { "" }.to_owned();
        Marker { gtid, ..self.marker(partition, next) }.write(Dialect::Dws, out);
    }

    /// The partition and offset of a marker, when it is one of ours.
    pub(super) fn own(&self, marker: &Marker) -> Option<(Partition, i64)> {
        if marker.kind != KIND || marker.server != self.cluster {
            return None;
        }
        let mut parts = marker.source.splitn(3, '/');
        let (topic, number) = (parts.next()?, parts.next()?.parse().ok()?);
        let same = parts.next() == self.group.as_deref();
        same.then(|| (Partition { topic: topic.into(), number }, marker.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::Decoder;

    #[test]
    fn offsets_come_back_to_whom_they_belong() {
        let partition = Partition { topic: "shop.orders".into(), number: 3 };
        let own = Reader { group: Some("a/b".into()), cluster: "c1".into() };
        let mut line = Vec::new();
        own.push(&partition, 42, true, &mut line);
        let marker = Marker::read(&Decoder::default().decode(&line).unwrap()).unwrap().unwrap();
        assert_eq!((marker.source.as_str(), marker.gtid.as_str()), ("shop.orders/3/a/b", "+"));
        assert_eq!(own.own(&marker), Some((partition, 42)));
        for other in [
            Reader { group: None, ..own.clone() },
            Reader { group: Some("a".into()), ..own.clone() },
            Reader { cluster: "c2".into(), ..own.clone() },
        ] {
            assert_eq!(other.own(&marker), None);
        }
        let alone = Reader { group: None, cluster: String::new() };
        let partition = Partition { topic: "t".into(), number: 0 };
        assert_eq!(alone.own(&alone.marker(&partition, 7)), Some((partition, 7)));
    }
}
