//! The markers of a topic's partitions, merged: a source's position is the least over all of them.
//! Uses `ums`. Not hot: once a marker.
//!
//! A marker says that every row of its source with a smaller id stands before it, in its partition.
//! Of the stream that the partitions are read into, only the least of their newest markers is true.

use std::collections::BTreeMap;

use super::Partition;
use crate::ums::Marker;

/// The newest marker of each source in each partition.
#[derive(Debug, Default)]
pub(super) struct Least {
    sources: BTreeMap<(String, String), Source>,
}

#[derive(Debug, Default)]
struct Source {
    newest: BTreeMap<Partition, Marker>,
    told: Option<Marker>,
    moved: bool,
}

impl Least {
    /// A marker was met in a partition.
    pub(super) fn met(&mut self, partition: &Partition, marker: Marker) {
        let key = (marker.kind.clone(), marker.source.clone());
        let source = self.sources.entry(key).or_default();
        source.newest.insert(partition.clone(), marker);
        source.moved = true;
    }

    /// A partition is read no more.
    pub(super) fn forget(&mut self, partition: &Partition) {
        for source in self.sources.values_mut() {
            source.moved |= source.newest.remove(partition).is_some();
        }
        self.sources.retain(|_, source| !source.newest.is_empty());
    }

    /// The positions that have changed since they were told, of the sources that every one of `all`
    /// has had a marker of; `gets` says whether a topic gets those of a source. They may fall, when a
    /// partition comes that is behind.
    pub(super) fn due<'a>(
        &mut self,
        all: impl Iterator<Item = &'a Partition> + Clone,
        gets: impl Fn(&str, &str) -> bool,
    ) -> Vec<Marker> {
        let mut due = Vec::new();
        for ((_, name), source) in self.sources.iter_mut().filter(|(_, source)| source.moved) {
            let has = |partition: &Partition| {
                source.newest.contains_key(partition) || !gets(&partition.topic, name)
            };
            if !all.clone().all(has) {
                continue;
            }
            source.moved = false;
            let least = source.newest.values().min_by_key(|marker| (marker.id, marker.pos));
            if let Some(least) = least.filter(|least| source.told.as_ref() != Some(*least)) {
                source.told = Some(least.clone());
                due.push(least.clone());
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(source: &str, id: i64) -> Marker {
        Marker {
            kind: "mysql".into(),
            source: source.into(),
            id,
            ts: "2026-11-21 01:02:03.000000".into(),
            file: "bin.000001".into(),
            pos: 4,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        }
    }

    fn partition(number: i32) -> Partition {
        Partition { topic: "t".into(), number }
    }

    fn every(_: &str, _: &str) -> bool {
        true
    }

    #[test]
    fn the_slowest_partition_decides() {
        let all = [partition(0), partition(1), partition(2)];
        let mut least = Least::default();
        least.met(&all[0], marker("a", 9));
        least.met(&all[1], marker("a", 7));
        assert_eq!(least.due(all.iter(), every), []);
        least.met(&all[2], marker("a", 8));
        assert_eq!(least.due(all.iter(), every), [marker("a", 7)]);
        least.met(&all[0], marker("a", 20));
        assert_eq!(least.due(all.iter(), every), []);
        least.met(&all[1], marker("a", 12));
        assert_eq!(least.due(all.iter(), every), [marker("a", 8)]);
        // The slowest is given to somebody else.
        least.forget(&all[2]);
        assert_eq!(least.due(all[..2].iter(), every), [marker("a", 12)]);
        // And comes back, behind.
        assert_eq!(least.due(all.iter(), every), []);
        least.met(&all[2], marker("a", 10));
        assert_eq!(least.due(all.iter(), every), [marker("a", 10)]);
    }

    #[test]
    fn sources_do_not_wait_for_each_other() {
        let all = [partition(0), partition(1)];
        let mut least = Least::default();
        for partition in &all {
            least.met(partition, marker("a", 1));
        }
        least.met(&all[0], marker("b", 1));
        assert_eq!(least.due(all.iter(), every), [marker("a", 1)]);
        // A topic that gets no markers of a source holds none of its rows.
        let other = Partition { topic: "u".into(), number: 0 };
        let three = [partition(0), partition(1), other];
        least.met(&all[0], marker("a", 2));
        least.met(&all[1], marker("a", 2));
        assert_eq!(least.due(three.iter(), every), []);
        assert_eq!(least.due(three.iter(), |topic, _| topic == "t"), [marker("a", 2)]);
    }
}
