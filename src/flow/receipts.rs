//! Positions that a stream carries, and who wants to know them once they are durable: the input
//! they came from, and a checkpoint. Uses `error`, `line`, `ums`, `endpoint`, `flow`. Not hot: once a
//! marker or a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::Checkpoint;
use super::lane::remember;
use crate::endpoint::Receipt;
use crate::error::Result;
use crate::line::output::Output;
use crate::ums::Marker;

/// Between reports.
const REPORT: Duration = Duration::from_secs(1);

/// The positions that were written, and what became of them.
pub(super) struct Receipts {
    receipt: Option<Arc<dyn Receipt>>,
    checkpoint: Option<Checkpoint>,
    /// The newest marker of each source that has been written.
    markers: Vec<Marker>,
    /// Some of them were not reported yet.
    moved: bool,
    told: Instant,
    /// The output is never durable.
    never: bool,
}

impl Receipts {
    pub(super) fn new(receipt: Option<Arc<dyn Receipt>>, checkpoint: Option<Checkpoint>) -> Self {
        let (markers, told) = (Vec::new(), Instant::now());
        Self { receipt, checkpoint, markers, moved: false, told, never: false }
    }

    /// Whether anybody wants to know.
    pub(super) fn are_wanted(&self) -> bool {
        self.receipt.is_some() || self.checkpoint.is_some()
    }

    /// A marker was written behind what it covers.
    pub(super) fn written(&mut self, marker: &Marker) {
        remember(&mut self.markers, marker);
        self.moved = true;
    }

    /// Whether somebody waits for a report.
    pub(super) fn hurry(&self) -> bool {
        !self.never && self.receipt.as_ref().is_some_and(|receipt| receipt.hurries())
    }

    /// Reports what is durable, at most once a second. `first` is made durable before the output.
    pub(super) fn tell_if_due(
        &mut self,
        out: &mut dyn Output,
        first: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        if self.never || !self.moved {
            return Ok(());
        }
        if self.hurry() {
            return self.tell(out, first);
        }
        if self.told.elapsed() < REPORT {
            return Ok(());
        }
        self.told = Instant::now();
        first()?;
        match out.settled()? {
            Some(settled) => self.learn(&settled),
            None => self.tell(out, || Ok(())),
        }
    }

    /// Reports what an output has learned to be durable, which may be less than what was written.
    fn learn(&mut self, settled: &[Marker]) -> Result<()> {
        let newest = |marker: &Marker| self.markers.contains(marker);
        self.moved = settled.len() < self.markers.len() || !settled.iter().all(newest);
        self.report(settled)
    }

    /// Makes everything durable that was written, and reports it.
    pub(super) fn tell(
        &mut self,
        out: &mut dyn Output,
        first: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        first()?;
        self.moved = false;
        self.told = Instant::now();
        if !out.sync()? {
            // A pipe is never durable; a transaction that goes on is not durable yet.
            let Some(settled) = out.settled()? else {
                self.never = true;
                return Ok(());
            };
            return self.learn(&settled);
        }
        let markers = std::mem::take(&mut self.markers);
        self.report(&markers)?;
        self.markers = markers;
        Ok(())
    }

    fn report(&mut self, durable: &[Marker]) -> Result<()> {
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.advance(durable)?;
        }
        if let Some(receipt) = &self.receipt {
            receipt.durable(durable);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Heard {
        ids: Mutex<Vec<i64>>,
        hurry: std::sync::atomic::AtomicBool,
    }

    impl Receipt for Heard {
        fn durable(&self, markers: &[Marker]) {
            self.ids.lock().unwrap().extend(markers.iter().map(|marker| marker.id));
        }
        fn hurries(&self) -> bool {
            self.hurry.load(std::sync::atomic::Ordering::Relaxed)
        }
        fn reached(&self, _: u64) -> Vec<Marker> {
            Vec::new()
        }
        fn place(&self, _: u64) -> Option<String> {
            None
        }
        fn close(&self) {}
    }

    struct Sink {
        durable: bool,
        settled: Option<Vec<Marker>>,
    }

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Output for Sink {
        fn sync(&mut self) -> Result<bool> {
            Ok(self.durable)
        }
        fn settled(&mut self) -> Result<Option<Vec<Marker>>> {
            Ok(self.settled.clone())
        }
    }

    fn marker(id: i64) -> Marker {
        Marker {
            kind: "kafka".into(),
            source: "t/0".into(),
            id,
            ts: "2026-11-21 01:02:03.000000".into(),
            file: "t".into(),
            pos: id as u64,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        }
    }

    fn told(mut sink: Sink, hurry: bool) -> Vec<i64> {
        let heard = Arc::new(Heard::default());
        heard.hurry.store(hurry, std::sync::atomic::Ordering::Relaxed);
        let mut receipts = Receipts::new(Some(heard.clone()), None);
        // However slow the machine, the time to report has not come.
        receipts.told = Instant::now() + 3600 * REPORT;
        for id in [1, 2] {
            receipts.written(&marker(id));
            receipts.tell_if_due(&mut sink, || Ok(())).unwrap();
        }
        if !hurry {
            assert!(heard.ids.lock().unwrap().is_empty());
            receipts.told = Instant::now().checked_sub(REPORT).unwrap();
            receipts.tell_if_due(&mut sink, || Ok(())).unwrap();
        }
        heard.ids.lock().unwrap().clone()
    }

    #[test]
    fn only_what_is_durable_is_reported() {
        assert_eq!(told(Sink { durable: true, settled: None }, false), [2]);
        assert_eq!(told(Sink { durable: true, settled: None }, true), [1, 2]);
        assert!(told(Sink { durable: false, settled: None }, true).is_empty());
        // An output that learns later what has arrived says how far it is.
        let settled = Some(vec![marker(1)]);
        assert_eq!(told(Sink { durable: true, settled }, false), [1]);
    }
}
