//! What producers and consumers have in common: what they say to people. Uses nothing but the
//! library. Not hot.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

/// Tells people something.
pub type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// The same trouble is told again after so long.
const AGAIN: Duration = Duration::from_secs(60);

/// What the library says, told to people: troubles once a minute, and their end.
#[derive(Clone)]
pub struct Voice {
    /// In front of every message: the address.
    name: String,
    note: Note,
    told: Arc<Mutex<Option<Instant>>>,
    /// Why a connection fails for good, as the library said last.
    hindrance: Arc<Mutex<Option<Code>>>,
}

impl Voice {
    /// A voice that speaks by `note`.
    pub fn new(name: impl Into<String>, note: Note) -> Self {
        Self { name: name.into(), note, told: Arc::default(), hindrance: Arc::default() }
    }

    /// Says something at once.
    pub fn say(&self, text: &str) {
        (self.note)(&format!("{}: {text}", self.name));
    }

    /// Says that something does not go on, unless it was said a short while ago.
    pub fn trouble(&self, text: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= AGAIN) {
            *told = Some(Instant::now());
            drop(told);
            self.say(text);
        }
    }

    /// Why connections fail, where waiting does not help: a password, a certificate.
    pub fn hindrance(&self) -> Option<Code> {
        *self.hindrance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it goes on, if a trouble was told.
    pub fn goes_on(&self) {
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            self.say("it goes on");
        }
    }
}

impl ConsumerContext for Voice {}

impl ClientContext for Voice {
    /// The library's log repeats what its errors say, many times.
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if (level as i32) <= (RDKafkaLogLevel::Critical as i32) {
            self.trouble(&format!("{facility}: {text}"));
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(Code::AllBrokersDown) => {
                self.trouble("no broker can be reached; trying again");
            }
            // One connection of several, and the library opens it again.
            Some(Code::BrokerTransportFailure | Code::OperationTimedOut | Code::PartitionEOF) => {}
            code => {
                if let Some(code @ (Code::Authentication | Code::SSL)) = code {
                    *self.hindrance.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
                }
                self.trouble(reason);
            }
        }
    }
}
