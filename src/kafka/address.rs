//! `kafka://brokers/topic`: which brokers, which topics, who asks. Uses `error`, `url`. Not hot.

use super::topic::Template;
use crate::error::{Error, Result};
use crate::url::{Secret, Url};

/// An address taken apart. Its query belongs to whoever reads or writes.
#[derive(Debug, Clone)]
pub struct Address {
    /// Brokers to ask first, `host:port` separated by commas; a port that is left out is 9092.
    pub brokers: String,
    /// The topic, or a template of topics.
    pub topic: Template,
    /// The name for SASL.
    pub user: Option<String>,
    /// The password for SASL; on a command line everybody can read it.
    pub password: Option<Secret>,
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// `Usage` when brokers or topic are missing or are not spelled as such.
    pub fn of(url: &Url) -> Result<Self> {
        let form = "write kafka://HOST:PORT,HOST:PORT/TOPIC";
        let authority = url.authority().filter(|authority| !authority.hosts.is_empty());
        let authority = authority
            .ok_or_else(|| Error::usage(format!("{url}: names no broker")).advise(form))?;
        for broker in authority.hosts.split(',') {
            let port = match broker.rsplit_once(':') {
                // The colons of an IPv6 address stand in brackets.
                Some((_, port)) if !port.ends_with(']') => Some(port),
                _ => None,
            };
            if broker.is_empty() || port.is_some_and(|port| port.parse::<u16>().is_err()) {
                return Err(
                    Error::usage(format!("{url}: a broker is HOST or HOST:PORT")).advise(form)
                );
            }
        }
        if url.path().is_empty() {
            return Err(Error::usage(format!("{url}: names no topic")).advise(form));
        }
        let topic = Template::parse(url.path()).map_err(|error| error.at(url))?;
        Ok(Self {
            brokers: authority.hosts.clone(),
            topic,
            user: authority.user.clone(),
            password: authority.password.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn of(text: &str) -> Result<Address> {
        Address::of(&Url::parse(text)?)
    }

    #[test]
    fn an_address_is_taken_apart() {
        let address =
            of("kafka://me:pw@b1:9092,b2,[::1]:9093/shop.{schema}?key=namespace").unwrap();
        assert_eq!(address.brokers, "b1:9092,b2,[::1]:9093");
        assert_eq!(address.topic.to_string(), "shop.{schema}");
        assert_eq!(address.user.as_deref(), Some("me"));
        assert_eq!(address.password.unwrap().reveal(), "pw");
    }

    #[test]
    fn what_is_missing_is_said_without_the_password() {
        for (text, why) in [
            ("kafka:topic", "no broker"),
            ("kafka:///topic", "no broker"),
            ("kafka://u:hunter2@b/", "no topic"),
            ("kafka://b:9092", "no topic"),
            ("kafka://b:99999/t", "HOST:PORT"),
            ("kafka://b,,c/t", "HOST:PORT"),
            ("kafka://b/t/u", "topic"),
            ("kafka://b/t{nosuch}", "nosuch"),
        ] {
            let error = of(text).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{text}");
            let text = error.to_string();
            assert!(text.contains(why) && !text.contains("hunter2"), "{text}");
        }
    }
}
