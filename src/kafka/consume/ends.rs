//! Ends of pulls, which go to every partition: one is passed on when all rows before it have been
//! read, wherever they are. Uses `kafka`. Not hot: once a table that was pulled.
//!
//! Who removes rows that a pull did not bring has to have seen all that it brought. Until then the
//! offsets of the partitions stay in front of the notice, so that a new start meets it again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Partition;

/// What is at its end, and stays so for this time, will not have the notice any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// The notices that wait.
#[derive(Debug, Default)]
pub(super) struct Ends {
    waiting: Vec<End>,
}

#[derive(Debug)]
struct End {
    line: Box<[u8]>,
    since: Instant,
    /// Where each partition has it; `None` for one that was read to its end meanwhile without it,
    /// because whoever wrote it wrote it elsewhere only.
    met: BTreeMap<Partition, Option<i64>>,
}

impl Ends {
    /// A partition has the notice at this offset.
    pub(super) fn met(&mut self, partition: &Partition, offset: i64, line: &[u8]) {
        let known = self.waiting.iter().position(|end| *end.line == *line);
        let at = known.unwrap_or(self.waiting.len());
        if known.is_none() {
            let (line, since) = (line.into(), Instant::now());
            self.waiting.push(End { line, since, met: BTreeMap::new() });
        }
        if let Some(end) = self.waiting.get_mut(at) {
            end.met.entry(partition.clone()).or_insert(Some(offset));
        }
    }

    /// A partition was read to its end.
    pub(super) fn exhausted(&mut self, partition: &Partition) {
        for end in &mut self.waiting {
            end.met.entry(partition.clone()).or_insert(None);
        }
    }

    /// A partition is at its end, perhaps since before a notice came elsewhere.
    pub(super) fn rests(&mut self, partition: &Partition) {
        for end in self.waiting.iter_mut().filter(|end| end.since.elapsed() >= PATIENCE) {
            end.met.entry(partition.clone()).or_insert(None);
        }
    }

    /// A partition is read no more.
    pub(super) fn forget(&mut self, partition: &Partition) {
        for end in &mut self.waiting {
            end.met.remove(partition);
        }
        self.waiting.retain(|end| end.met.values().any(Option::is_some));
    }

    /// Whether any notice waits.
    pub(super) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The notices behind which every one of `all` is, in the order in which they came. Of several
    /// topics those count that have the notice: it was written to every partition of one.
    pub(super) fn due<'a>(
        &mut self,
        all: impl Iterator<Item = &'a Partition> + Clone,
    ) -> Vec<Box<[u8]>> {
        let mut due = Vec::new();
        self.waiting.retain_mut(|end| {
            let has =
                |topic: &str| end.met.iter().any(|(met, at)| at.is_some() && *met.topic == *topic);
            let complete = all
                .clone()
                .all(|partition| end.met.contains_key(partition) || !has(&partition.topic));
            if complete {
                due.push(std::mem::take(&mut end.line));
            }
            !complete
        });
        due
    }

    /// Where a partition has to be read from again as long as something waits.
    pub(super) fn least(&self, partition: &Partition) -> Option<i64> {
        self.waiting.iter().filter_map(|end| *end.met.get(partition)?).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(number: i32) -> Partition {
        Partition { topic: "t".into(), number }
    }

    #[test]
    fn a_notice_waits_for_all_partitions_and_holds_their_offsets() {
        let all = [partition(0), partition(1), partition(2)];
        let mut ends = Ends::default();
        ends.met(&all[0], 5, b"a");
        ends.met(&all[0], 7, b"b");
        ends.met(&all[1], 3, b"a");
        assert!(ends.due(all.iter()).is_empty());
        assert_eq!([0, 1, 2].map(|at| ends.least(&all[at])), [Some(5), Some(3), None]);
        ends.met(&all[2], 9, b"a");
        assert_eq!(ends.due(all.iter()), [Box::from(&b"a"[..])]);
        assert_eq!([0, 1, 2].map(|at| ends.least(&all[at])), [Some(7), None, None]);
        // Written to one partition alone, it goes on when the others have come to their ends.
        ends.exhausted(&all[1]);
        assert!(ends.due(all.iter()).is_empty());
        ends.exhausted(&all[2]);
        assert_eq!(ends.due(all.iter()), [Box::from(&b"b"[..])]);
        ends.met(&all[1], 1, b"c");
        ends.forget(&all[1]);
        assert_eq!(ends.least(&all[1]), None);
    }

    #[test]
    fn a_notice_does_not_wait_for_other_topics() {
        let other = Partition { topic: "other".into(), number: 0 };
        let all = [partition(0), partition(1), other];
        let mut ends = Ends::default();
        ends.met(&all[0], 5, b"a");
        assert!(ends.due(all.iter()).is_empty());
        ends.met(&all[1], 5, b"a");
        assert_eq!(ends.due(all.iter()), [Box::from(&b"a"[..])]);
    }
}
