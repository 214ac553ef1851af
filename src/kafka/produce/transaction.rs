//! Kafka transactions: from marker to marker. Uses `error`, `kafka`. Not hot.
//!
//! Who begins with an id ends what another process has left open under it: that is aborted, and the
//! other process is fenced. A reader with isolation.level=read_committed so sees every row once.

use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer as _};

use super::{Context, Lines};
use crate::error::{Error, Result};
use crate::kafka::error::{failed, of_code};
use crate::ums::Marker;

/// How long brokers leave a transaction open without a word; the most that they allow by default.
pub(super) const TIMEOUT: (&str, &str) = ("transaction.timeout.ms", "900000");

/// A transaction that is open for so long ends without a marker, before brokers abort it.
const LONGEST: Duration = Duration::from_secs(600);

/// How long one step may take before people are told.
const STEP: Duration = Duration::from_secs(10);

/// The transaction at hand.
pub(super) struct Transactions {
    /// When its first record was written.
    since: Option<Instant>,
}

impl Transactions {
    /// Fences who was here before, and begins the first transaction.
    pub(super) fn begin(producer: &BaseProducer<Context>, name: &str) -> Result<Self> {
        let begun = Instant::now();
        loop {
            match producer.init_transactions(STEP) {
                Ok(()) => break,
                Err(error) if may_pass(&error) && begun.elapsed() < 6 * STEP => {}
                Err(error) => return Err(failed(format_args!("{name}: transactions"), error)),
            }
        }
        producer.begin_transaction().map_err(|error| failed(name, error))?;
        Ok(Self { since: None })
    }

    /// A record is written.
    pub(super) fn wrote(&mut self) {
        self.since.get_or_insert_with(Instant::now);
    }
}

/// Whether the same step may be tried again.
fn may_pass(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.is_retriable() && !error.txn_requires_abort(),
        KafkaError::Flush(Code::OperationTimedOut) => true,
        _ => false,
    }
}

impl Lines {
    /// Ends the transaction with a marker, or, without one, if there is anything in it.
    pub(super) fn end_transaction(&mut self, marker: Option<(&[u8], Marker)>) -> Result<()> {
        let Some(transactions) = &mut self.transactions else { return Ok(()) };
        if marker.is_none() && transactions.since.is_none() {
            return Ok(());
        }
        transactions.since = None;
        if let Some((line, marker)) = &marker {
            let epoch = self.producer.context().ledger().newest();
            self.send_marker(line, marker, epoch)?;
        }
        self.rest();
        while self.producer.context().ledger().open() > 0 {
            self.wait()?;
        }
        let what = format!("{}: a transaction", self.setup.name);
        loop {
            match self.producer.commit_transaction(STEP) {
                Ok(()) => break,
                Err(error) if may_pass(&error) => {
                    self.setup.voice.trouble("a transaction cannot be ended; trying again");
                    self.wait()?;
                }
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                    let _ = self.producer.abort_transaction(STEP);
                    return Err(Error::unreachable(format!(
                        "{what} was aborted: {}",
                        error.string()
                    ))
                    .advise("start again: the run goes on behind the newest marker"));
                }
                Err(error) => {
                    let fatal = self.producer.client().fatal_error();
                    return Err(match fatal {
                        Some((code, _)) => of_code(what, code),
                        None => failed(what, error),
                    });
                }
            }
        }
        self.producer.begin_transaction().map_err(|error| failed(&self.setup.name, error))?;
        if let Some((_, marker)) = marker {
            self.producer.context().ledger().settle(marker);
        }
        Ok(())
    }

    /// Ends a transaction that brokers would abort.
    pub(super) fn end_long_transaction(&mut self) -> Result<()> {
        let since = self.transactions.as_ref().and_then(|transactions| transactions.since);
        if since.is_some_and(|since| since.elapsed() >= LONGEST) {
            self.setup.voice.say(
                "a transaction is open for ten minutes without a marker; it ends here, so that brokers do not abort it",
            );
            return self.end_transaction(None);
        }
        Ok(())
    }
}
