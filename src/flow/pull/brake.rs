//! What slows a pull down: a rate, a replica that lags, a wish to stop. Uses nothing of the
//! project. Once a message: not hot.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How soon a wish to stop is noticed.
const TICK: Duration = Duration::from_millis(50);

/// Shared by all that read.
#[derive(Debug)]
pub(super) struct Brake {
    /// The user's wish.
    stop: Arc<AtomicBool>,
    /// Somebody failed for good.
    halt: AtomicBool,
    /// A replica lags.
    paused: AtomicBool,
    rows_per_second: Option<u64>,
    /// Until when the rows let through so far are paid for.
    paid: Mutex<Instant>,
}

impl Brake {
    pub(super) fn new(stop: Arc<AtomicBool>, rows_per_second: Option<u64>) -> Self {
        Self {
            stop,
            halt: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            rows_per_second,
            paid: Mutex::new(Instant::now()),
        }
    }

    /// Ends everybody's work.
    pub(super) fn halt(&self) {
        self.halt.store(true, Ordering::Relaxed);
    }

    /// Whether the work is to end.
    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.halt.load(Ordering::Relaxed)
    }

    /// Holds everybody, or lets them go on.
    pub(super) fn pause(&self, pause: bool) {
        self.paused.store(pause, Ordering::Relaxed);
    }

    /// Waits as long as these rows cost, and as long as there is a pause; false at the end.
    pub(super) fn pass(&self, rows: u64) -> bool {
        let until = self.rows_per_second.map(|rate| {
            let cost = Duration::from_secs_f64(rows as f64 / rate.max(1) as f64);
            let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
            // What was not used a second ago is lost: no burst after a pause.
            let before = *paid;
            let start = before.max(Instant::now());
            *paid = start + cost;
            *paid
        });
        while !self.stopped()
            && (self.paused.load(Ordering::Relaxed)
                || until.is_some_and(|until| until > Instant::now()))
        {
            let left = until.map_or(TICK, |until| until.saturating_duration_since(Instant::now()));
            std::thread::sleep(left.clamp(Duration::from_millis(1), TICK));
        }
        !self.stopped()
    }

    /// Waits so long, or until the end; false at the end.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(TICK));
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_kept_and_a_stop_is_heard() {
        let stop = Arc::new(AtomicBool::new(false));
        let brake = Brake::new(Arc::clone(&stop), Some(1000));
        let start = Instant::now();
        for _ in 0..4 {
            assert!(brake.pass(50));
        }
        assert!(start.elapsed() >= Duration::from_millis(200));
        brake.pause(true);
        stop.store(true, Ordering::Relaxed);
        assert!(!brake.pass(1) && !brake.sleep(Duration::from_secs(60)));
    }
}
