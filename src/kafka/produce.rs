//! Writing messages to topics. Uses `error`, `ums`, `kafka`. Warm: once a record.
//!
//! Records are handed to the library, which gathers, compresses and sends them on threads of its
//! own; what it holds is bounded, and who hands over more waits. An acknowledgement means that all
//! replicas in sync have the record. The producer is idempotent: a record that is sent again is
//! stored once, and a partition keeps the order.

mod transaction;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use super::address::Address;
use super::client::Voice;
use super::consume::Member;
use super::dispatch::{Destination, Dispatch, Headers, Record, Took};
use super::error::{failed, of_code};
use super::key::KeyRule;
use super::last;
use super::ledger::Ledger;
use super::properties::Properties;
use super::topics::{self, Missing, Topic};
use crate::error::{Error, Result};
use crate::ums::Marker;
use transaction::Transactions;

/// What we prefer; properties of people count more.
const DEFAULTS: &[(&str, &str)] = &[
    ("compression.type", "lz4"),
    ("queue.buffering.max.kbytes", "32768"),
    ("queue.buffering.max.messages", "0"),
    // A large row is for the broker to refuse, which may allow it.
    ("message.max.bytes", "1000000000"),
    ("socket.keepalive.enable", "true"),
    // Partitions and topics that are added are looked for so often.
    (REFRESH, "60000"),
];

/// The property that says how often topics are looked at.
const REFRESH: &str = "topic.metadata.refresh.interval.ms";

/// What must be so: `Properties` takes none of them from people.
const OURS: &[(&str, &str)] =
    &[("enable.idempotence", "true"), ("acks", "all"), ("message.timeout.ms", "0")];

/// How long to wait for news in one go.
const NAP: Duration = Duration::from_millis(5);

/// Without any acknowledgement for so long, people are told, and a wish to stop is granted.
const SILENCE: Duration = Duration::from_secs(10);

/// What a producer is given.
pub struct Setup {
    /// Brokers and topics.
    pub address: Address,
    /// For messages to people: the address without its password.
    pub name: String,
    /// What people say of the client.
    pub properties: Properties,
    /// What to do about topics that are missing.
    pub missing: Missing,
    /// The id of its transactions.
    pub transactional: Option<String>,
    /// What keys are made of.
    pub key: KeyRule,
    /// Who reads what is written; its offsets go into the transactions.
    pub member: Option<Member>,
    /// Tells people something.
    pub voice: Voice,
    /// Set when the run shall end.
    pub stop: Arc<AtomicBool>,
}

/// Writes messages to topics.
pub struct Producer {
    dispatch: Dispatch,
    lines: Lines,
}

/// What the library calls back.
pub(super) struct Context {
    voice: Voice,
    ledger: Mutex<Ledger>,
}

/// Everything behind the dispatch.
struct Lines {
    setup: Setup,
    config: ClientConfig,
    producer: BaseProducer<Context>,
    topics: Vec<Topic>,
    /// The partitions of all topics of the cluster, as last seen, and when that was.
    seen: BTreeMap<String, i32>,
    looked: Instant,
    /// How often they are looked at.
    look: Duration,
    transactions: Option<Transactions>,
    /// Acknowledged records when there was news last, and when that was.
    news: (u64, Instant),
}

impl Context {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.voice.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, epoch: usize) {
        match result {
            Ok(_) => self.ledger().delivered(epoch),
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                self.ledger().refused(code, message.topic());
            }
        }
    }
}

impl Producer {
    /// Connects, and looks for the topics.
    ///
    /// # Errors
    /// `Usage` for wrong properties, `Unreachable` when no broker answers, `Refused` when a topic
    /// is missing or somebody is not let in.
    pub fn open(setup: Setup) -> Result<Self> {
        let mut defaults = DEFAULTS.to_vec();
        defaults.extend_from_slice(OURS);
        if let Some(id) = &setup.transactional {
            defaults.extend([("transactional.id", id.as_str()), transaction::TIMEOUT]);
        }
        let config = setup.properties.config(&setup.address, &defaults)?;
        let context = Context { voice: setup.voice.clone(), ledger: Mutex::default() };
        let producer: BaseProducer<Context> =
            config.create_with_context(context).map_err(|error| failed(&setup.name, error))?;
        let dispatch = Dispatch::new(setup.address.topic.clone(), setup.key.clone());
        // Zero and less mean never.
        let look = config.get(REFRESH).and_then(|millis| millis.parse().ok());
        let look = look.filter(|look| *look > 0).map_or(Duration::MAX, Duration::from_millis);
        let mut lines = Lines {
            config,
            producer,
            topics: Vec::new(),
            seen: BTreeMap::new(),
            looked: Instant::now(),
            look,
            transactions: None,
            news: (0, Instant::now()),
            setup,
        };
        lines.look()?;
        lines.find()?;
        if lines.setup.transactional.is_some() {
            lines.transactions = Some(Transactions::begin(&lines.producer, &lines.setup.name)?);
        }
        Ok(Self { dispatch, lines })
    }

    /// Takes one message (without its newline) over. Waits while the library holds as much as it
    /// may.
    ///
    /// # Errors
    /// `Data` when it is no message; those of `poll`.
    pub fn line(&mut self, line: &[u8]) -> Result<()> {
        match self.dispatch.line(line, &mut self.lines)? {
            Took::Sent => {}
            Took::Marker(marker) if self.lines.transactions.is_some() => {
                self.lines.mark_transaction(line, marker)?;
            }
            Took::Marker(marker) => {
                self.lines.producer.context().ledger().mark(line.to_vec(), marker);
            }
        }
        self.poll()
    }

    /// Hears what has been acknowledged, and sends markers whose time has come. Does not wait for
    /// brokers.
    ///
    /// # Errors
    /// `Refused` when a record was refused for good, `Unreachable` when the client gave up.
    pub fn poll(&mut self) -> Result<()> {
        self.lines.producer.poll(Duration::ZERO);
        self.lines.hear()?;
        self.lines.end_long_transaction()?;
        self.lines.send_ripe()
    }

    /// Waits until everything is acknowledged, markers included; ends an open transaction. False when
    /// it must not end here, because its rows go on behind the reader's offsets.
    ///
    /// # Errors
    /// As `poll`; `Unreachable` when a stop is wished for while no broker answers.
    pub fn drain(&mut self) -> Result<bool> {
        let ends = self.lines.setup.member.is_none();
        if ends {
            self.lines.end_transaction()?;
        }
        self.lines.rest();
        loop {
            self.poll()?;
            if self.lines.producer.context().ledger().is_quiet() {
                return Ok(ends);
            }
            self.lines.wait()?;
        }
    }

    /// Markers that have become durable with everything before them since this was asked last, the
    /// newest of each source. Does not wait.
    ///
    /// # Errors
    /// As `poll`.
    pub fn settled(&mut self) -> Result<Vec<Marker>> {
        self.poll()?;
        Ok(self.lines.producer.context().ledger().settled())
    }

    /// The position of a source as the topics themselves tell it.
    ///
    /// # Errors
    /// `Unreachable` when they cannot be read.
    pub fn position(&mut self, source: &str) -> Result<Option<Marker>> {
        let Setup { address, properties, voice, name, .. } = &self.lines.setup;
        last::position(properties, address, voice, name, &self.lines.topics, source)
    }
}

impl Lines {
    /// Asks the cluster for its topics; says why when nobody answers.
    fn look(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let seen = topics::all(self.producer.client(), &self.setup.name, topics::ANSWER / 5);
            if seen.is_err() {
                // What hinders the connection is heard here; it says more than the silence.
                self.producer.poll(Duration::from_millis(50));
                if let Some(code) = self.setup.voice.hindrance() {
                    return Err(of_code(&self.setup.name, code));
                }
                if begun.elapsed() < topics::ANSWER {
                    continue;
                }
            }
            self.seen = seen?;
            return Ok(());
        }
    }

    /// Looks for partitions and topics that others have added. Markers go there, too: a reader's
    /// position would stand still without. Who does not answer is asked again.
    fn look_again(&mut self) {
        if self.looked.elapsed() < self.look {
            return;
        }
        self.looked = Instant::now();
        let client = self.producer.client();
        let Ok(seen) = topics::all(client, &self.setup.name, topics::ANSWER / 15) else { return };
        for topic in &mut self.topics {
            let Some(now) = seen.get(&topic.name).copied() else { continue };
            if now > topic.partitions {
                self.setup.voice.say(&format!(
                    "topic {} has {now} partitions now, it had {}: keys are spread anew, so a key's \
                     older rows may be in another partition than its newer ones; their ids tell",
                    topic.name, topic.partitions
                ));
                topic.partitions = now;
            }
        }
        let template = &self.setup.address.topic;
        for (name, partitions) in &seen {
            let known = self.topics.iter().any(|topic| topic.name == *name);
            if !known && template.fixed().is_none() && template.matches(name, &[]) {
                self.topics.push(Topic { name: name.clone(), partitions: *partitions });
            }
        }
        self.seen = seen;
    }

    /// The topic when there is one, else all that the template has ever made: markers go there, too.
    fn find(&mut self) -> Result<()> {
        let template = self.setup.address.topic.clone();
        if let Some(name) = template.fixed() {
            return self.topic(name).map(drop);
        }
        for (name, partitions) in &self.seen {
            if template.matches(name, &[]) {
                self.topics.push(Topic { name: name.clone(), partitions: *partitions });
            }
        }
        Ok(())
    }

    /// Hands a record to the library, and waits while it is full.
    fn hand_over(&mut self, record: &Record, epoch: usize) -> Result<()> {
        let Some(topic) = self.topics.get(record.topic) else { return Ok(()) };
        let name = topic.name.clone();
        let mut next = BaseRecord::with_opaque_to(&name, epoch)
            .partition(record.partition)
            .key(record.key)
            .payload(record.payload)
            .headers(headers(&record.headers));
        self.producer.context().ledger().add(epoch);
        let mut waited = false;
        loop {
            match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(Code::QueueFull), back)) => next = back,
                Err((error, _)) => {
                    self.producer.context().ledger().take_back(epoch);
                    let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                    return Err(self.refused(code, &name));
                }
            }
            if !std::mem::replace(&mut waited, true) {
                self.rest();
            }
            if self.producer.context().ledger().open() <= 1 {
                return Err(Error::refused(format!(
                    "{}: a record of {} bytes is larger than the client's queue",
                    self.setup.name,
                    record.payload.len()
                ))
                .advise("raise it: -X queue.buffering.max.kbytes=…"));
            }
            self.wait()?;
        }
    }

    /// Markers whose time has come go to every partition of every topic.
    fn send_ripe(&mut self) -> Result<()> {
        loop {
            let ripe = self.producer.context().ledger().ripe();
            let Some(ripe) = ripe else { return Ok(()) };
            self.send_marker(&ripe.line, &ripe.marker, ripe.epoch)?;
        }
    }

    fn send_marker(&mut self, line: &[u8], marker: &Marker, epoch: usize) -> Result<()> {
        self.look_again();
        let namespace = marker.namespace().to_string();
        let id = marker.id.to_string();
        let headers = Headers {
            namespace: &namespace,
            kind: crate::ums::Protocol::Heartbeat.name(),
            id: &id,
        };
        for topic in 0..self.topics.len() {
            let name = self.topics.get(topic).map_or("", |topic| topic.name.as_str());
            if !self.setup.address.topic.gets(name, &marker.source) {
                continue;
            }
            for partition in 0..self.partitions(topic) {
                let key = namespace.as_bytes();
                self.hand_over(&Record { topic, partition, key, payload: line, headers }, epoch)?;
            }
        }
        Ok(())
    }

    /// Begins to wait: silence counts from here.
    fn rest(&mut self) {
        self.news.1 = Instant::now();
    }

    /// Waits a little for acknowledgements.
    fn wait(&mut self) -> Result<()> {
        self.producer.poll(NAP);
        self.hear()?;
        if self.news.1.elapsed() < SILENCE {
            return Ok(());
        }
        let open = self.producer.context().ledger().open();
        if self.setup.stop.load(Ordering::Relaxed) {
            return Err(Error::unreachable(format!(
                "{}: {open} records are not acknowledged, and no broker answers",
                self.setup.name
            ))
            .advise("start again from the same position: nothing is lost"));
        }
        self.setup.voice.trouble(&format!(
            "nothing has been acknowledged for {} s, {open} records wait; waiting until brokers answer",
            SILENCE.as_secs()
        ));
        Ok(())
    }

    /// Takes note of what came back.
    fn hear(&mut self) -> Result<()> {
        let (acknowledged, refused) = {
            let ledger = self.producer.context().ledger();
            (ledger.acknowledged(), ledger.failed().cloned())
        };
        if acknowledged != self.news.0 {
            self.news = (acknowledged, Instant::now());
            self.setup.voice.goes_on();
        }
        match refused {
            Some((code, topic)) => Err(self.refused(code, &topic)),
            None => Ok(()),
        }
    }

    fn refused(&self, code: Code, topic: &str) -> Error {
        let what = format!("{}: topic {topic}", self.setup.name);
        match self.producer.client().fatal_error() {
            // What broke the client says more than that it is broken.
            Some((fatal, _)) => of_code(what, fatal),
            None => of_code(what, code),
        }
    }
}

impl Destination for Lines {
    fn topic(&mut self, name: &str) -> Result<usize> {
        if let Some(known) = self.topics.iter().position(|topic| topic.name == name) {
            return Ok(known);
        }
        if !self.seen.contains_key(name) {
            self.seen = topics::all(self.producer.client(), &self.setup.name, topics::ANSWER)?;
        }
        if !self.seen.contains_key(name) {
            let Setup { voice, missing, name: what, .. } = &self.setup;
            topics::create(&self.config, voice, name, *missing, what)?;
            self.appear(name)?;
        }
        let partitions = self.seen.get(name).copied().unwrap_or(1);
        self.topics.push(Topic { name: name.to_owned(), partitions });
        Ok(self.topics.len() - 1)
    }

    fn partitions(&self, topic: usize) -> i32 {
        self.topics.get(topic).map_or(1, |topic| topic.partitions)
    }

    fn send(&mut self, record: &Record) -> Result<()> {
        let epoch = self.producer.context().ledger().newest();
        if let Some(transactions) = &mut self.transactions {
            transactions.wrote();
        }
        self.hand_over(record, epoch)
    }
}

impl Lines {
    /// Waits until every broker has heard of a new topic.
    fn appear(&mut self, name: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.seen = topics::all(self.producer.client(), &self.setup.name, topics::ANSWER)?;
            if self.seen.contains_key(name) {
                return Ok(());
            }
            if begun.elapsed() > topics::ANSWER {
                let what = format!("{}: topic {name} was created", self.setup.name);
                return Err(Error::unreachable(format!("{what}, and no broker knows it yet")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn headers(headers: &Headers) -> OwnedHeaders {
    let pair = |key, value| Header { key, value: Some(value) };
    let mut made = OwnedHeaders::new_with_capacity(3)
        .insert(pair("namespace", headers.namespace))
        .insert(pair("type", headers.kind));
    if !headers.id.is_empty() {
        made = made.insert(pair("id", headers.id));
    }
    made
}

impl Drop for Producer {
    /// After an error, what is on its way gets a chance. A transaction ends: readers would wait for
    /// it until brokers give it up.
    fn drop(&mut self) {
        let _ = match &self.lines.transactions {
            Some(_) => self.lines.producer.abort_transaction(SILENCE / 2),
            None => self.lines.producer.flush(SILENCE / 2),
        };
    }
}

#[cfg(test)]
mod tests;
