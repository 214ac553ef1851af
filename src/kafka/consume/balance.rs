//! Partitions that come and go, and the offsets of the group. Uses `error`, `kafka`, `ums`. Not
//! hot: once a rebalance, a commit or a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{CommitMode, Consumer};

use super::Partition;
use super::context::{News, give_back, list, take_over};
use super::of_template;
use super::run::{Part, Run, TICK};
use super::start::{Begin, Failure, Known, of_topic, starts};
use crate::error::{Error, Result};
use crate::kafka::failed;
use crate::ums::marker::parse_checkpoint;

/// How long partitions that are wanted elsewhere wait until what was read of them is durable: where
/// reports come, and where none has come yet.
const RELEASE: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(5)];

impl Run {
    /// Joins the group, or takes all partitions.
    pub(super) fn begin(&mut self, topics: &[String]) -> Result<()> {
        let name = self.wanted.name.clone();
        let failed = |error| failed(&name, error);
        if self.wanted.group.is_some() {
            let topic = match self.wanted.topic.fixed() {
                Some(topic) => topic.to_owned(),
                None => self.wanted.topic.pattern(),
            };
            return self.consumer.subscribe(&[&topic]).map_err(failed);
        }
        for topic in topics {
            self.arriving.extend(of_topic(&self.consumer, topic, TICK * 50).map_err(failed)?);
        }
        match self.arrive() {
            Ok(()) => Ok(()),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Later(error)) => Err(failed(error)),
        }
    }

    /// Acts on what the library has said.
    pub(super) fn hear(&mut self) -> Result<()> {
        while let Some(news) = self.consumer.context().next() {
            match news {
                News::Assigned(partitions) => {
                    self.balanced = Instant::now();
                    self.arriving.extend(partitions);
                    self.settle()?;
                }
                News::Revoked(partitions) => self.release(&partitions)?,
                News::Committed(offsets) => {
                    self.committing = false;
                    for (partition, next) in offsets {
                        let own = self.parts.iter_mut().find(|part| part.partition == partition);
                        if let Some(part) = own {
                            part.committed = part.committed.max(next);
                        }
                    }
                }
                News::NotCommitted => self.committing = false,
            }
        }
        Ok(())
    }

    /// Once a second: what could not begin yet, and what was added to topics.
    pub(super) fn arrive_late(&mut self) -> Result<()> {
        if !self.arriving.is_empty() {
            return self.settle();
        }
        if self.wanted.group.is_some() || self.looked.elapsed() < self.look {
            return Ok(());
        }
        // Whoever does not answer is asked again.
        let topics = match self.wanted.topic.fixed() {
            Some(topic) => Ok(vec![topic.to_owned()]),
            None => of_template(&self.consumer, &self.wanted.topic, TICK * 20),
        };
        for topic in topics.unwrap_or_default() {
            let found = of_topic(&self.consumer, &topic, TICK * 20).unwrap_or_default();
            let added =
                |partition: &Partition| !self.parts.iter().any(|part| part.partition == *partition);
            let added: Vec<_> = found.into_iter().filter(added).collect();
            // All their records are new.
            self.saved.extend(added.iter().map(|partition| (partition.clone(), 0)));
            self.arriving.extend(added);
        }
        self.looked = Instant::now();
        if self.arriving.is_empty() { Ok(()) } else { self.settle() }
    }

    /// Begins with the partitions that have arrived, now or later.
    fn settle(&mut self) -> Result<()> {
        match self.arrive() {
            Ok(()) => Ok(()),
            Err(Failure::Refused(error)) => Err(error),
            Err(Failure::Later(error)) => {
                self.wanted.voice.trouble(&format!(
                    "where partitions begin cannot be asked for ({error}); waiting until a broker answers"
                ));
                Ok(())
            }
        }
    }

    fn arrive(&mut self) -> Result<(), Failure> {
        let group = self.wanted.group.is_some();
        let known = Known { group, start: self.wanted.start, saved: &self.saved };
        let found = starts(&self.consumer, &self.arriving, &known)?;
        // Without a group the library takes one list of everything.
        let before = self.parts.iter().filter(|_| !group);
        let before = before.map(|part| (&part.partition, part.next));
        let offsets = found.iter().map(|begin| (&begin.partition, begin.next));
        take_over(&self.consumer, &list(before.chain(offsets)))?;
        self.arriving.clear();
        let names = Arc::clone(&self.shared);
        let ends = self.wanted.exit_at_end;
        self.parts.extend(found.into_iter().map(|Begin { partition, next, end }| {
            let name = names.name(&partition);
            Part::new(partition, next, ends.then_some(end), name)
        }));
        self.rest_again();
        Ok(())
    }

    /// Gives partitions back: what was read of them is made durable first and committed, so that
    /// the next member goes on behind it. Where that takes too long, it reads some of it again.
    fn release(&mut self, gone: &[Partition]) -> Result<()> {
        self.balanced = Instant::now();
        self.arriving.retain(|partition| !gone.contains(partition));
        let lost = self.consumer.assignment_lost();
        if !lost && self.parts.iter().any(|part| gone.contains(&part.partition)) {
            self.mark();
            let [known, unknown] = RELEASE;
            let heard = self.shared.has_reports() || self.wanted.confirm.is_some();
            let deadline = Instant::now() + if heard { known } else { unknown };
            self.shared.set_hurry(true);
            while !self.is_durable(gone) && Instant::now() < deadline && !self.shared.is_stopped() {
                if self.holds() {
                    self.give(TICK);
                } else {
                    self.shared.wait(TICK);
                }
                self.follow_checkpoint();
            }
            self.shared.set_hurry(false);
            self.commit(CommitMode::Sync);
        }
        if self.wanted.exactly && !self.is_durable(gone) {
            // Their rows are in the open transaction, and the next member reads them again.
            return Err(Error::unreachable(format!(
                "{}: the group has gone on without us, and the open transaction is given up",
                self.wanted.name
            ))
            .advise("start again: the run goes on where the group is"));
        }
        self.parts.retain(|part| !gone.contains(&part.partition));
        for partition in gone {
            self.least.forget(partition);
            self.ends.forget(partition);
        }
        // The session may be over; then there is nothing to give back.
        let _ = give_back(&self.consumer, &list(gone.iter().map(|partition| (partition, -1))));
        self.tell_all();
        Ok(())
    }

    /// Whether all that was read of these partitions is durable.
    fn is_durable(&self, gone: &[Partition]) -> bool {
        self.parts.iter().filter(|part| gone.contains(&part.partition)).all(|part| {
            let read = self.ends.least(&part.partition).unwrap_or(part.next);
            let durable = self.shared.durable(&part.partition);
            read <= part.committed || durable.is_some_and(|next| next >= read)
        })
    }

    /// Takes over what the far end of the pipe has made durable.
    pub(super) fn follow_checkpoint(&mut self) {
        let Some(path) = &self.wanted.confirm else { return };
        // It may not be there yet, and it is replaced whole.
        let Ok(bytes) = std::fs::read(path) else { return };
        if bytes == self.confirmed {
            return;
        }
        if let Ok(markers) = parse_checkpoint(&String::from_utf8_lossy(&bytes)) {
            self.shared.report(&markers);
        }
        self.confirmed = bytes;
    }

    /// Gives the group the offsets below which everything is durable.
    pub(super) fn commit(&mut self, mode: CommitMode) {
        let waits = matches!(mode, CommitMode::Sync);
        if self.wanted.group.is_none() || self.wanted.exactly || self.committing && !waits {
            return;
        }
        let due = |part: &Part| {
            let next = self.shared.durable(&part.partition)?.min(part.next);
            (next > part.committed).then(|| (part.partition.clone(), next))
        };
        let due: Vec<_> = self.parts.iter().filter_map(due).collect();
        if due.is_empty() {
            return;
        }
        let offsets = list(due.iter().map(|(partition, next)| (partition, *next)));
        // What fails is tried again, or read again.
        let sent = self.consumer.commit(&offsets, mode).is_ok();
        self.committing = sent && !waits;
        if sent && waits {
            for (partition, next) in due {
                if let Some(part) = self.parts.iter_mut().find(|part| part.partition == partition) {
                    part.committed = next;
                }
            }
        }
    }
}
