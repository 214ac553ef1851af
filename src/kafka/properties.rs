//! Properties of librdkafka: given by people, and the list of all. Uses `error`, `url`. Not hot.

use std::ffi::{CStr, c_char};

use rdkafka::ClientConfig;
use rdkafka::bindings::{
    rd_kafka_conf_dump, rd_kafka_conf_dump_free, rd_kafka_topic_conf_destroy,
    rd_kafka_topic_conf_dump, rd_kafka_topic_conf_new,
};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::address::Address;
use crate::error::{Error, Result};
use crate::url::Secret;

/// What we need to be as it is, and why.
const OURS: &[(&str, &str)] = &[
    ("enable.idempotence", "the order of rows depends on it"),
    ("acks", "a row is durable when all replicas have it"),
    ("request.required.acks", "a row is durable when all replicas have it"),
    ("message.timeout.ms", "a row waits for its broker as long as it takes"),
    ("delivery.timeout.ms", "a row waits for its broker as long as it takes"),
    ("enable.auto.commit", "offsets follow what is durable"),
    ("enable.auto.offset.store", "offsets follow what is durable"),
    ("enable.partition.eof", "it tells where a topic ends"),
    ("transactional.id", "write --transactional ID"),
    ("bootstrap.servers", "brokers stand in the address"),
    ("metadata.broker.list", "brokers stand in the address"),
    ("group.id", "write kafka://BROKERS/TOPIC?group=NAME"),
];

/// Properties in the order in which they were given; the last one of a name wins.
#[derive(Debug, Clone, Default)]
pub struct Properties {
    pairs: Vec<(String, Secret)>,
}

impl Properties {
    /// Properties as given.
    ///
    /// # Errors
    /// `Usage` for one that people cannot choose.
    pub fn new(pairs: Vec<(String, Secret)>) -> Result<Self> {
        for (name, _) in &pairs {
            if let Some((_, why)) = OURS.iter().find(|(ours, _)| ours == name) {
                return Err(Error::usage(format!("-X {name}: is not for choosing: {why}")));
            }
        }
        Ok(Self { pairs })
    }

    /// The configuration of a client: `defaults` below what people say, brokers and who asks from
    /// the address.
    ///
    /// # Errors
    /// `Usage` for a property that the library does not know or take.
    pub fn config(&self, address: &Address, defaults: &[(&str, &str)]) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        config.set("client.id", "dws");
        for (name, value) in defaults {
            config.set(*name, *value);
        }
        config.set("bootstrap.servers", &address.brokers);
        if let Some(user) = &address.user {
            config.set("sasl.username", user);
            if !self.pairs.iter().any(|(name, _)| name == "security.protocol") {
                config.set("security.protocol", "SASL_PLAINTEXT");
            }
            if !self.pairs.iter().any(|(name, _)| is_mechanism(name)) {
                config.set("sasl.mechanisms", "PLAIN");
            }
        }
        for (name, value) in &self.pairs {
            config.set(name, value.reveal());
        }
        // A password of the address counts more: it stands beside its user.
        if let Some(password) = &address.password {
            config.set("sasl.password", password.reveal());
        }
        config.create_native_config().map_err(|error| unknown(&error))?;
        let of = |name: &str| config.get(name).is_some_and(|value| value.starts_with("SCRAM-"));
        if cfg!(not(feature = "kafka-tls"))
            && let Some(name) =
                ["sasl.mechanisms", "sasl.mechanism"].into_iter().find(|name| of(name))
        {
            return Err(lacks(name));
        }
        if asks_for_password(&config) {
            return Err(Error::usage("there is no password for the user of SASL").advise(
                "set DWS_KAFKA_PASSWORD, or write sasl.password=… to a file that only you can read and \
                 name it by -X @FILE",
            ));
        }
        Ok(config)
    }
}

fn lacks(name: &str) -> Error {
    Error::usage(format!("-X {name}: needs TLS or SASL SCRAM, which this build lacks")).advise(
        "run cargo build --release --features kafka-tls, with a C++ compiler, make and perl at hand",
    )
}

/// Whether somebody will be asked for a password and has none.
fn asks_for_password(config: &ClientConfig) -> bool {
    let of = |name: &str| config.get(name).unwrap_or_default();
    let mechanism = ["sasl.mechanisms", "sasl.mechanism"].map(of).concat();
    of("security.protocol").to_ascii_uppercase().starts_with("SASL_")
        && (mechanism == "PLAIN" || mechanism.starts_with("SCRAM-"))
        && of("sasl.password").is_empty()
}

fn is_mechanism(name: &str) -> bool {
    matches!(name, "sasl.mechanisms" | "sasl.mechanism")
}

/// What the library says of a property, without its value.
pub(super) fn unknown(error: &KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(why, text, name, _) => {
            let what = match why {
                RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => "is no property of the client".to_owned(),
                // Where a feature was left out the library says so; elsewhere its text has the value.
                _ if text.contains("not available at build time") => {
                    return lacks(name);
                }
                _ => "does not take that value".to_owned(),
            };
            Error::usage(format!("-X {name}: {what}")).advise("-X list shows the properties")
        }
        _ => Error::usage("the properties of the Kafka client contradict each other or hold a NUL"),
    }
}

/// Every property of the library with its default, one a line, in the order of their names. Aliases
/// are not among them.
///
/// # Errors
/// `Refused` when the library gives no list.
pub fn list() -> Result<String> {
    let none = || Error::refused("the Kafka client gives no list of its properties");
    let config = ClientConfig::new().create_native_config().map_err(|_| none())?;
    let mut lines = Vec::new();
    let mut count = 0;
    // SAFETY: each configuration lives until its list has been read; a list is an array of `count`
    // texts that end in NUL, names and values in turn, and is ours until it is freed.
    unsafe {
        let texts = rd_kafka_conf_dump(config.ptr(), &raw mut count);
        push(texts, count, &mut lines);
        let topic = rd_kafka_topic_conf_new();
        let texts = rd_kafka_topic_conf_dump(topic, &raw mut count);
        push(texts, count, &mut lines);
        rd_kafka_topic_conf_destroy(topic);
    }
    if lines.is_empty() {
        return Err(none());
    }
    lines.sort();
    lines.dedup();
    Ok(lines.concat())
}

/// Takes the pairs of a list over and frees it.
///
/// # Safety
/// `texts` is null or what the library has given with `count`.
unsafe fn push(texts: *mut *const c_char, count: usize, lines: &mut Vec<String>) {
    if texts.is_null() {
        return;
    }
    // SAFETY: as the caller has promised.
    unsafe {
        for pair in std::slice::from_raw_parts(texts, count).chunks_exact(2) {
            if let [name, value] = pair {
                let text = |text: &*const c_char| CStr::from_ptr(*text).to_string_lossy();
                // Addresses are callbacks, which are not for people.
                if !text(value).starts_with("0x") {
                    lines.push(format!("{}={}\n", text(name), text(value)));
                }
            }
        }
        rd_kafka_conf_dump_free(texts, count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::url::Url;

    fn config(url: &str, pairs: &[(&str, &str)]) -> Result<ClientConfig> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
        let address = Address::of(&Url::parse(url)?)?;
        Properties::new(pairs.collect())?.config(&address, &[("linger.ms", "7")])
    }

    #[test]
    fn what_people_say_counts_more_than_what_we_prefer() {
        let plain = config("kafka://b:1/t", &[("client.id", "x")]).unwrap();
        assert_eq!(plain.get("linger.ms"), Some("7"));
        assert_eq!(plain.get("client.id"), Some("x"));
        assert_eq!(plain.get("bootstrap.servers"), Some("b:1"));
        assert_eq!(plain.get("sasl.username"), None);
        let last = config("kafka://b/t", &[("linger.ms", "8"), ("linger.ms", "9")]).unwrap();
        assert_eq!(last.get("linger.ms"), Some("9"));
    }

    #[test]
    fn a_user_without_a_password_is_told_where_it_goes() {
        let error = config("kafka://me@b/t", &[]).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains("DWS_KAFKA_PASSWORD"), "{error}");
        assert!(config("kafka://me@b/t", &[("sasl.password", "x")]).is_ok());
        assert!(config("kafka://b/t", &[]).is_ok());
    }

    #[test]
    fn a_user_means_sasl() {
        let config = config("kafka://me:a%20b@b/t", &[]).unwrap();
        assert_eq!(config.get("sasl.username"), Some("me"));
        assert_eq!(config.get("sasl.password"), Some("a b"));
        assert_eq!(config.get("security.protocol"), Some("SASL_PLAINTEXT"));
    }

    #[test]
    fn wrong_properties_are_named_and_their_values_are_not() {
        for (name, value, why) in [
            ("nosuch.property", "hunter2", "no property"),
            ("linger.ms", "hunter2", "does not take"),
            ("acks", "hunter2", "all replicas"),
        ] {
            let error = config("kafka://b/t", &[(name, value)]).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            let text = error.to_string();
            assert!(text.contains(name) && text.contains(why), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn the_list_has_names_with_defaults() {
        let list = list().unwrap();
        for known in ["queue.buffering.max.ms=5", "compression.codec=inherit"] {
            assert!(list.lines().any(|line| line == known), "{known}: {list}");
        }
        assert!(!list.contains("=0x"));
        assert!(list.lines().count() > 100);
    }
}
