//! What has been handed over and what is acknowledged. Uses `ums`. Warm: once a record.
//!
//! A marker says that everything before it was written. Partitions acknowledge in an order of their
//! own, so a marker that is sent right behind its rows could be in one partition while rows before
//! it are lost with the process in another; and a partition that is new has no marker at all. So a
//! marker waits here until all records before it are acknowledged, while rows behind it go on. Then
//! any marker found in any partition tells the truth about all of them.

use std::collections::VecDeque;

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::ums::Marker;

/// Counts records between markers.
#[derive(Debug)]
pub struct Ledger {
    /// The number of the epoch in front.
    first: usize,
    epochs: VecDeque<Epoch>,
    /// Records on their way.
    open: usize,
    /// Records acknowledged.
    acknowledged: u64,
    /// The first refusal, with its topic.
    failed: Option<(Code, String)>,
    /// Markers that are acknowledged with everything before them, the newest of each source.
    settled: Vec<Marker>,
}

#[derive(Debug)]
struct Epoch {
    /// Records on their way.
    open: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Rows.
    Rows,
    /// A marker that waits for the epochs before it: its line, and what it says.
    Due(Vec<u8>, Marker),
    /// A marker on its way.
    Sent(Marker),
}

/// A marker whose time has come.
#[derive(Debug)]
pub struct Ripe {
    /// What its records are counted under; each is announced by `add`.
    pub epoch: usize,
    /// Its line.
    pub line: Vec<u8>,
    /// What it says.
    pub marker: Marker,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            first: 0,
            epochs: VecDeque::from([Epoch { open: 0, stage: Stage::Rows }]),
            open: 0,
            acknowledged: 0,
            failed: None,
            settled: Vec::new(),
        }
    }
}

impl Ledger {
    /// The epoch of a row that is sent now.
    pub fn newest(&self) -> usize {
        self.first + self.epochs.len() - 1
    }

    /// A record is handed over.
    pub fn add(&mut self, epoch: usize) {
        if let Some(epoch) = epoch.checked_sub(self.first).and_then(|at| self.epochs.get_mut(at)) {
            epoch.open += 1;
            self.open += 1;
        }
    }

    /// A record was not taken, although it was announced.
    pub fn take_back(&mut self, epoch: usize) {
        if let Some(epoch) = epoch.checked_sub(self.first).and_then(|at| self.epochs.get_mut(at)) {
            epoch.open = epoch.open.saturating_sub(1);
            self.open = self.open.saturating_sub(1);
        }
    }

    /// A record is acknowledged.
    pub fn delivered(&mut self, epoch: usize) {
        self.take_back(epoch);
        self.acknowledged += 1;
    }

    /// A record is refused for good. What follows is never settled, for its epoch stays open.
    pub fn refused(&mut self, code: Code, topic: &str) {
        self.failed.get_or_insert_with(|| (code, topic.to_owned()));
    }

    /// The first refusal.
    pub fn failed(&self) -> Option<&(Code, String)> {
        self.failed.as_ref()
    }

    /// A marker comes behind all records so far. It takes the place of one of its source that still
    /// waits, when nothing between them does: an idle source does not fill the memory while no
    /// broker answers.
    pub fn mark(&mut self, line: Vec<u8>, marker: Marker) {
        for epoch in self.epochs.iter_mut().rev() {
            match &mut epoch.stage {
                Stage::Rows if epoch.open == 0 => {}
                Stage::Due(waiting, old) if same(old, &marker) => {
                    (*waiting, *old) = (line, marker);
                    return;
                }
                Stage::Due(..) => {}
                Stage::Rows | Stage::Sent(_) => break,
            }
        }
        self.epochs.push_back(Epoch { open: 0, stage: Stage::Due(line, marker) });
        self.epochs.push_back(Epoch { open: 0, stage: Stage::Rows });
    }

    /// The marker whose time has come, if there is one; from then on it counts as sent.
    pub fn ripe(&mut self) -> Option<Ripe> {
        loop {
            let last = self.epochs.len() == 1;
            let front = self.epochs.front_mut()?;
            if front.open > 0 {
                return None;
            }
            match std::mem::replace(&mut front.stage, Stage::Rows) {
                Stage::Rows if last => return None,
                Stage::Rows => {}
                Stage::Sent(marker) => settle(&mut self.settled, marker),
                Stage::Due(line, marker) => {
                    front.stage = Stage::Sent(marker.clone());
                    return Some(Ripe { epoch: self.first, line, marker });
                }
            }
            self.epochs.pop_front();
            self.first += 1;
        }
    }

    /// A marker is durable with everything before it, as the caller knows.
    pub fn settle(&mut self, marker: Marker) {
        settle(&mut self.settled, marker);
    }

    /// The markers that were settled since this was asked last.
    pub fn settled(&mut self) -> Vec<Marker> {
        std::mem::take(&mut self.settled)
    }

    /// Whether nothing is on its way and no marker waits. Ask `ripe` first.
    pub fn is_quiet(&self) -> bool {
        self.open == 0 && self.epochs.len() == 1
    }

    /// Records on their way.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Records acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
}

fn same(a: &Marker, b: &Marker) -> bool {
    a.kind == b.kind && a.source == b.source
}

fn settle(settled: &mut Vec<Marker>, marker: Marker) {
    settled.retain(|old| !same(old, &marker));
    settled.push(marker);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(id: i64) -> Marker {
        Marker {
            kind: "mysql".into(),
            source: "s".into(),
            id,
            ts: String::new(),
            file: String::new(),
            pos: 0,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        }
    }

    #[test]
    fn a_marker_waits_for_what_is_before_it_and_not_for_what_is_behind() {
        let mut ledger = Ledger::default();
        let early = ledger.newest();
        ledger.add(early);
        ledger.add(early);
        ledger.mark(b"m".to_vec(), marker(1));
        let late = ledger.newest();
        ledger.add(late);
        ledger.delivered(early);
        assert!(ledger.ripe().is_none());
        ledger.delivered(early);
        let ripe = ledger.ripe().unwrap();
        assert_eq!((ripe.line.as_slice(), ripe.marker.id), (&b"m"[..], 1));
        ledger.add(ripe.epoch);
        ledger.add(ripe.epoch);
        assert!(ledger.ripe().is_none());
        ledger.delivered(ripe.epoch);
        assert!(ledger.ripe().is_none() && ledger.settled().is_empty());
        ledger.delivered(ripe.epoch);
        assert!(ledger.ripe().is_none());
        assert_eq!(ledger.settled(), [marker(1)]);
        assert!(!ledger.is_quiet());
        ledger.delivered(late);
        assert!(ledger.is_quiet());
        assert_eq!(ledger.acknowledged(), 5);
    }

    #[test]
    fn markers_come_one_after_the_other() {
        let mut ledger = Ledger::default();
        ledger.mark(Vec::new(), marker(1));
        ledger.add(ledger.newest());
        ledger.mark(Vec::new(), marker(2));
        ledger.delivered(ledger.newest() - 2);
        let first = ledger.ripe().unwrap();
        ledger.add(first.epoch);
        assert!(ledger.ripe().is_none());
        ledger.delivered(first.epoch);
        // No topic is known to which the second could go.
        assert_eq!(ledger.ripe().unwrap().marker.id, 2);
        assert!(ledger.ripe().is_none());
        assert_eq!(ledger.settled(), [marker(2)]);
        assert!(ledger.is_quiet());
    }

    #[test]
    fn markers_of_an_idle_source_do_not_pile_up() {
        let mut ledger = Ledger::default();
        let rows = ledger.newest();
        ledger.add(rows);
        let other = Marker { source: "other".into(), ..marker(0) };
        for id in 1..1000 {
            ledger.mark(Vec::new(), marker(id));
            ledger.mark(Vec::new(), Marker { id, ..other.clone() });
        }
        assert_eq!(ledger.epochs.len(), 5);
        // One that covers rows which are on their way stays in front of them.
        ledger.add(ledger.newest());
        ledger.mark(Vec::new(), marker(1000));
        assert!(ledger.ripe().is_none());
        ledger.delivered(rows);
        assert_eq!(ledger.ripe().unwrap().marker, marker(999));
        assert_eq!(ledger.ripe().unwrap().marker, Marker { id: 999, ..other });
        assert!(ledger.ripe().is_none());
        ledger.delivered(ledger.newest() - 2);
        assert_eq!(ledger.ripe().unwrap().marker, marker(1000));
    }

    #[test]
    fn what_is_refused_is_never_settled() {
        let mut ledger = Ledger::default();
        let epoch = ledger.newest();
        ledger.add(epoch);
        ledger.mark(Vec::new(), marker(1));
        ledger.refused(Code::MessageSizeTooLarge, "t");
        assert!(ledger.ripe().is_none());
        assert_eq!(ledger.failed().unwrap().1, "t");
    }
}
