//! Kafka transactions: from marker to marker. Uses `error`, `kafka`. Not hot.
//!
//! Who begins with an id ends what another process has left open under it: that is aborted, and the
//! other process is fenced. A reader with isolation.level=read_committed so sees every row once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, Producer as _};

use super::{Context, Lines};
use crate::error::{Error, Result};
use crate::kafka::consume::{Partition, offsets};
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
    /// The markers in it, which count when it ends.
    markers: Vec<Marker>,
    /// The offsets of the reader that it covers.
    offsets: BTreeMap<Partition, i64>,
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
        Ok(Self { since: None, markers: Vec::new(), offsets: BTreeMap::new() })
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
    /// Writes a marker, and ends the transaction with it. Where the reader's offsets go into it, it ends
    /// when these cover all that was written, and not at markers of others.
    pub(super) fn mark_transaction(&mut self, line: &[u8], marker: Marker) -> Result<()> {
        let epoch = self.producer.context().ledger().newest();
        self.send_marker(line, &marker, epoch)?;
        let Some(transactions) = &mut self.transactions else { return Ok(()) };
        transactions.wrote();
        let ends = match &self.setup.member {
            None => true,
            Some(member) => match member.own(&marker) {
                None => false,
                Some((partition, next)) => {
                    let ends = member.covers_all(&partition, next);
                    transactions.offsets.insert(partition, next);
                    ends
                }
            },
        };
        transactions.markers.push(marker);
        if ends { self.end_transaction() } else { Ok(()) }
    }

    /// Puts the reader's offsets into the transaction.
    fn keep_offsets(&mut self) -> Result<()> {
        let Some(member) = &self.setup.member else { return Ok(()) };
        let kept = self.transactions.as_mut().map(|all| std::mem::take(&mut all.offsets));
        let Some(kept) = kept.filter(|kept| !kept.is_empty()) else { return Ok(()) };
        let what = format!("{}: offsets in a transaction", self.setup.name);
        let begun = Instant::now();
        loop {
            let generation = member.generation().ok_or_else(|| {
                Error::unreachable(format!("{what}: nothing is read any more"))
                    .advise("start again: the run goes on where the group is")
            })?;
            match self.producer.send_offsets_to_transaction(&offsets(&kept), &generation, STEP) {
                Ok(()) => return Ok(()),
                Err(error) if may_pass(&error) && begun.elapsed() < 6 * STEP => {
                    std::thread::sleep(STEP / 100);
                }
                Err(KafkaError::Transaction(error)) if error.txn_requires_abort() => {
                    // The group has gone on with other members, mostly.
                    let text = format!("{what}: {}", error.string());
                    return Err(Error::unreachable(text)
                        .advise("start again: the run goes on where the group is"));
                }
                Err(error) => return Err(failed(what, error)),
            }
        }
    }

    /// Ends the transaction if there is anything in it.
    pub(super) fn end_transaction(&mut self) -> Result<()> {
        let Some(transactions) = &mut self.transactions else { return Ok(()) };
        if transactions.since.take().is_none() {
            return Ok(());
        }
        let markers = std::mem::take(&mut transactions.markers);
        self.rest();
        while self.producer.context().ledger().open() > 0 {
            self.wait()?;
        }
        self.keep_offsets()?;
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
        for marker in markers {
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
            return self.end_transaction();
        }
        Ok(())
    }
}
