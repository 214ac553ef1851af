//! Topics that are written to: how many partitions they have, and how they come to be. Uses
//! `error`, `kafka`. Not hot: once a topic.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::client::Voice;
use super::error::{failed, of_code};
use crate::error::{Error, Result};

/// How long brokers may take to answer.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// What to do about topics that are missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Missing {
    /// Create them with so many partitions; refuse without a number.
    pub partitions: Option<u32>,
    /// And so many replicas; the broker's number without one.
    pub replication: Option<u32>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
}

/// The partitions of every topic of the cluster, asked for so long. Asking for one topic would create it, on brokers
/// that are set so.
///
/// # Errors
/// `Unreachable` when no broker answers.
pub fn all<C: ClientContext>(
    client: &Client<C>,
    what: &str,
    patience: Duration,
) -> Result<BTreeMap<String, i32>> {
    let metadata = client.fetch_metadata(None, patience).map_err(|error| failed(what, error))?;
    let count = |topic: &rdkafka::metadata::MetadataTopic| {
        i32::try_from(topic.partitions().len()).ok().filter(|count| *count > 0)
    };
    Ok(metadata
        .topics()
        .iter()
        .filter_map(|topic| Some((topic.name().to_owned(), count(topic)?)))
        .collect())
}

/// Creates a topic, or says with which command somebody may.
///
/// # Errors
/// `Refused` where it shall not be created or the cluster refuses it.
pub fn create(
    config: &ClientConfig,
    voice: &Voice,
    name: &str,
    missing: Missing,
    what: &str,
) -> Result<()> {
    let Some(partitions) = missing.partitions else {
        let brokers = config.get("bootstrap.servers").unwrap_or_default();
        return Err(Error::refused(format!("{what}: there is no topic {name}")).advise(format!(
            "--partitions N creates it, or kafka-topics.sh --bootstrap-server {brokers} --create --topic {name} --partitions 1"
        )));
    };
    let at = format!("{what}: cannot create topic {name}");
    let mut config = config.clone();
    // An administrator is no producer: its properties would only be warned about.
    for name in ["transactional.id", "enable.idempotence", "transaction.timeout.ms"] {
        config.remove(name);
    }
    let admin = AdminClient::from_config_and_context(&config, voice.clone());
    let admin = admin.map_err(|error| failed(&at, error))?;
    let replicas = missing.replication.and_then(|number| i32::try_from(number).ok()).unwrap_or(-1);
    let number = i32::try_from(partitions).unwrap_or(i32::MAX);
    let topic = NewTopic::new(name, number, TopicReplication::Fixed(replicas));
    let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
    let results =
        wait(admin.create_topics([&topic], &options)).map_err(|error| failed(&at, error))?;
    for result in results {
        match result {
            // Another process was faster.
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((_, code)) => return Err(of_code(&at, code)),
        }
    }
    voice.say(&format!("created topic {name} with {partitions} partitions"));
    Ok(())
}

/// Waits for the one future that is ever waited for, without a runtime.
fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}
