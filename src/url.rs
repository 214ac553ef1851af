//! Addresses: what `--from`, `--to` and a sink's argument say. Uses `error`. Not hot.
//!
//! Three forms: `-`; a path; `scheme:rest`. The rest is `//user:password@hosts/path?key=value` or a
//! literal path with an optional `?key=value` (percent signs in such a path stand for themselves).
//! The password is a value of its own, so that no message and no debug print can hold it.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Result};

/// One query key that an address may carry.
#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The key.
    pub name: &'static str,
    /// What it does, one sentence, for help and manual pages.
    pub meaning: &'static str,
    /// The value when it is absent, as a user would write it.
    pub default: &'static str,
}

/// Where the user and the password of a server come from, beside its address.
#[derive(Debug, Clone)]
pub struct Login {
    /// Its first line is the password.
    pub password_file: Option<PathBuf>,
    /// An option file of MySQL's clients.
    pub defaults_file: Option<PathBuf>,
    /// The environment, by name; it is read at the edge only.
    pub lookup: fn(&str) -> Option<String>,
}

impl Default for Login {
    fn default() -> Self {
        Self { password_file: None, defaults_file: None, lookup: |_| None }
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the client library.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Who and where, between `//` and the path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Authority {
    /// The user, decoded.
    pub user: Option<String>,
    /// The password, decoded.
    pub password: Option<Secret>,
    /// Hosts with their ports, as written, separated by commas.
    pub hosts: String,
}

/// A parsed address.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: String,
    authority: Option<Authority>,
    path: String,
    query: Vec<(String, String)>,
    /// As it was given, for `reveal`.
    raw: Secret,
}

impl Url {
    /// Reads an address. `-` has the scheme `-`, a path without a scheme has the scheme `file`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::usage("an address is empty; write -, a path or scheme:…"));
        }
        let plain = |scheme: &str, path: &str| Self {
            scheme: scheme.to_owned(),
            authority: None,
            path: path.to_owned(),
            query: Vec::new(),
            raw: Secret(text.to_owned()),
        };
        if text == "-" {
            return Ok(plain("-", ""));
        }
        let Some((scheme, rest)) = split_scheme(text) else { return Ok(plain("file", text)) };
        let (body, query) = match rest.split_once('?') {
            Some((body, query)) => (body, parse_query(query)?),
            None => (rest, Vec::new()),
        };
        let scheme = scheme.to_ascii_lowercase();
        let raw = Secret(text.to_owned());
        let Some(after) = body.strip_prefix("//") else {
            if body.is_empty() {
                return Err(Error::usage(format!("{scheme}: needs a path behind it")));
            }
            return Ok(Self { scheme, authority: None, path: body.to_owned(), query, raw });
        };
        if scheme == "file" {
            // file:///path and file://localhost/path are what other tools write.
            let path = after.strip_prefix("localhost").unwrap_or(after);
            return Ok(Self { scheme, authority: None, path: path.to_owned(), query, raw });
        }
        let (authority, path) = match after.split_once('/') {
            Some((authority, path)) => (authority, path),
            None => (after, ""),
        };
        let authority = Some(parse_authority(authority)?);
        Ok(Self { scheme, authority, path: decode_percent(path)?, query, raw })
    }

    /// The scheme in lower case; `-` and `file` for addresses without one.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The address as it was given, its password included: for a client's own parser, never for
    /// people.
    pub fn reveal(&self) -> &str {
        self.raw.reveal()
    }

    /// User, password and hosts, where the address has `//`.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The path; without its leading slash where the address has `//`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of a query key; the last one wins.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A whole number from a query key, or `default` when it is absent.
    pub fn number(&self, name: &str, default: u64) -> Result<u64> {
        match self.option(name) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| Error::usage(format!("{self}: {name} takes a whole number"))),
        }
    }

    /// An error that lists the known keys when the address has another one.
    pub fn check_options(&self, known: &[Opt]) -> Result<()> {
        for (key, _) in &self.query {
            if !known.iter().any(|opt| opt.name == key) {
                let names: Vec<_> = known.iter().map(|opt| opt.name).collect();
                let names = if names.is_empty() { "none".into() } else { names.join(", ") };
                return Err(Error::usage(format!(
                    "{self}: unknown option {key}; known options of {}: {names}",
                    self.scheme
                )));
            }
        }
        Ok(())
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == "-" {
            return f.write_str("-");
        }
        write!(f, "{}:", self.scheme)?;
        match &self.authority {
            None => f.write_str(&hide_nested(&self.path))?,
            Some(authority) => {
                f.write_str("//")?;
                if let Some(user) = &authority.user {
                    let password = if authority.password.is_some() { ":***" } else { "" };
                    write!(f, "{user}{password}@")?;
                }
                write!(f, "{}/{}", authority.hosts, self.path)?;
            }
        }
        for (index, (key, value)) in self.query.iter().enumerate() {
            let value = if is_secret(key) { "***" } else { value };
            write!(f, "{}{key}={value}", if index == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `scheme:rest`, when what stands before the first colon is a scheme and not part of a path.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-'));
    (starts && goes_on).then_some((scheme, rest))
}

fn parse_authority(text: &str) -> Result<Authority> {
    let Some((who, hosts)) = text.rsplit_once('@') else {
        return Ok(Authority { hosts: text.to_owned(), ..Authority::default() });
    };
    let (user, password) = match who.split_once(':') {
        Some((user, password)) => (user, Some(Secret(decode_percent(password)?))),
        None => (who, None),
    };
    let user = Some(decode_percent(user)?).filter(|user| !user.is_empty());
    Ok(Authority { user, password, hosts: hosts.to_owned() })
}

fn parse_query(text: &str) -> Result<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode_percent(key)?, decode_percent(value)?))
        })
        .collect()
}

fn decode_percent(text: &str) -> Result<String> {
    let wrong = || Error::usage("an address holds a percent sign that is no %XX of UTF-8 text");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(wrong()) };
        bytes.push((high * 16 + low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "credential"].iter().any(|word| key.contains(word))
}

/// An address inside an address (`parquet:s3://key:secret@host/…`), its password hidden.
fn hide_nested(path: &str) -> String {
    let Some((scheme, rest)) = path.split_once("://") else { return path.to_owned() };
    let (authority, tail) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@').map(|(who, hosts)| (who.split_once(':'), hosts)) {
        Some((Some((user, _)), hosts)) => format!("{scheme}://{user}:***@{hosts}{tail}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn the_three_forms() {
        assert_eq!(Url::parse("-").unwrap().scheme(), "-");
        let path = Url::parse("./a:b?c").unwrap();
        assert_eq!((path.scheme(), path.path()), ("file", "./a:b?c"));
        let sqlite = Url::parse("sqlite:/tmp/a%41.db?busy=3").unwrap();
        assert_eq!((sqlite.scheme(), sqlite.path()), ("sqlite", "/tmp/a%41.db"));
        assert_eq!(sqlite.number("busy", 1).unwrap(), 3);
        let nested = Url::parse("parquet:hdfs://nn:8020/log").unwrap();
        assert_eq!(nested.path(), "hdfs://nn:8020/log");
        assert_eq!(Url::parse("file:///x/y").unwrap().path(), "/x/y");
    }

    #[test]
    fn authority_is_taken_apart() {
        let url = Url::parse("MYSQL://me:p%40ss@h1:1,h2:2/db?x=1").unwrap();
        let authority = url.authority().unwrap();
        assert_eq!(authority.user.as_deref(), Some("me"));
        assert_eq!(authority.password.as_ref().unwrap().reveal(), "p@ss");
        assert_eq!((authority.hosts.as_str(), url.path()), ("h1:1,h2:2", "db"));
    }

    #[test]
    fn no_print_holds_a_password() {
        for text in [
            "mysql://me:hunter2@h/db",
            "parquet:s3://me:hunter2@bucket/x",
            "kafka://h/t?sasl.password=hunter2",
        ] {
            let url = Url::parse(text).unwrap();
            let printed = format!("{url} {url:?} {:?}", url.authority());
            assert!(!printed.contains("hunter2") && printed.contains("***"), "{printed}");
        }
    }

    #[test]
    fn unknown_keys_are_named_with_the_known_ones() {
        let known = [Opt { name: "busy", meaning: "", default: "" }];
        let error = Url::parse("sqlite:x?bussy=1").unwrap().check_options(&known).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().contains("bussy") && error.to_string().contains("busy"));
    }

    #[test]
    fn broken_percent_signs_are_refused() {
        assert!(Url::parse("mysql://u:%4@h/d").is_err());
        assert!(Url::parse("mysql://u:%ff@h/d").is_err());
        assert!(Url::parse("sqlite:").is_err());
    }
}
