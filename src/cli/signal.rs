//! Signals: the first one asks for a clean end, the second one kills. Uses `error`. Not hot.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use super::Outcome;
use crate::error::{Error, Result};

/// The wish to stop, shared with every thread that should hear of it.
#[derive(Debug, Clone)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    number: Arc<AtomicUsize>,
}

impl Stop {
    /// Takes over SIGINT, SIGTERM and SIGHUP. A command that rereads its configuration on SIGHUP
    /// leaves `hangup` false and registers that signal itself.
    ///
    /// # Errors
    /// `Unreachable` when the system refuses a handler.
    pub fn install(hangup: bool) -> Result<Self> {
        let stop = Self { flag: Arc::default(), number: Arc::default() };
        let signals: &[i32] = if hangup { &[SIGINT, SIGTERM, SIGHUP] } else { &[SIGINT, SIGTERM] };
        for &signal in signals {
            // Who starts a program by nohup wants it to outlive the terminal.
            if signal == SIGHUP && is_ignored(signal) {
                continue;
            }
            stop.register(signal)
                .map_err(|error| Error::io(format_args!("cannot handle signal {signal}"), error))?;
        }
        Ok(stop)
    }

    /// Order matters: handlers run in order of registration, so the default action is restored and
    /// taken only when the flag was already up, that is at the second signal.
    fn register(&self, signal: i32) -> std::io::Result<()> {
        flag::register_conditional_default(signal, Arc::clone(&self.flag))?;
        flag::register_usize(signal, Arc::clone(&self.number), signal as usize)?;
        flag::register(signal, Arc::clone(&self.flag))?;
        Ok(())
    }

    /// The flag itself, for code below `cli`.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Whether a signal has come.
    pub fn asked(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// `Signal` when one has come, else `otherwise`.
    pub fn outcome(&self, otherwise: Outcome) -> Outcome {
        match self.number.load(Ordering::Relaxed) {
            0 => otherwise,
            number => Outcome::Signal(number as i32),
        }
    }
}

/// Whether whoever started the program had the signal ignored, as far as the system tells.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (1..=64).contains(&signal) && mask >> (signal - 1) & 1 == 1
}

/// Ends the process by the signal, with its default action, so that the parent sees the truth.
pub fn end_by(signal: i32) -> ExitCode {
    let _ = low_level::emulate_default_handler(signal);
    // Not reached for a signal that ends a process; 128 + n is what a shell would have shown.
    ExitCode::from(128_u8.saturating_add(u8::try_from(signal).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_asks() {
        let stop = Stop::install(false).unwrap();
        assert!(!stop.asked());
        assert_eq!(stop.outcome(Outcome::Rejected(2)), Outcome::Rejected(2));
        low_level::raise(SIGTERM).unwrap();
        assert!(stop.asked() && stop.flag().load(Ordering::Relaxed));
        assert_eq!(stop.outcome(Outcome::Done), Outcome::Signal(SIGTERM));
    }
}
