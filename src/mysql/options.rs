//! How to reach a server: URL, password sources, defaults file. Uses `error` and `defaults_file`.
//! Not hot.
//!
//! The environment is not read here: a lookup is passed in. Passwords never show: `Debug` and
//! `Display` write `***`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::defaults_file::Defaults;
use crate::error::{Error, Result};

/// A text that does not show.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the login alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How far a connection is encrypted and checked; MySQL's `--ssl-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// No TLS.
    Disabled,
    /// TLS where the server has it, certificates unchecked.
    #[default]
    Preferred,
    /// TLS, certificates unchecked.
    Required,
    /// TLS, the certificate's issuer is checked.
    VerifyCa,
    /// TLS, issuer and host name are checked.
    VerifyIdentity,
}

impl SslMode {
    const ALL: [(&'static str, Self); 5] = [
        ("disabled", Self::Disabled),
        ("preferred", Self::Preferred),
        ("required", Self::Required),
        ("verify-ca", Self::VerifyCa),
        ("verify-identity", Self::VerifyIdentity),
    ];

    fn parse(text: &str) -> Result<Self> {
        let text = text.to_ascii_lowercase().replace('_', "-");
        Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, mode)| *mode).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
            Error::usage(format!("ssl-mode is one of {}", known.join(", ")))
        })
    }
}

/// How to reach a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Name or address, IPv6 without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The Unix socket, which goes before host and port.
    pub socket: Option<PathBuf>,
    /// The user.
    pub user: String,
    /// The password, where there is one.
    pub password: Option<Secret>,
    /// The default schema.
    pub database: Option<String>,
    /// Encryption.
    pub ssl_mode: SslMode,
    /// Issuers to trust, PEM.
    pub ssl_ca: Option<PathBuf>,
    /// Our certificate, PEM.
    pub ssl_cert: Option<PathBuf>,
    /// Its key, PEM.
    pub ssl_key: Option<PathBuf>,
    /// How long to wait for the server to answer at all.
    pub connect_timeout: Duration,
    /// How long to wait for one answer; `None` for ever.
    pub read_timeout: Option<Duration>,
}

impl fmt::Display for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_some() { ":***" } else { "" };
        write!(f, "mysql://{}{password}@", self.user)?;
        match &self.socket {
            Some(socket) => write!(f, "{}", socket.display())?,
            None if self.host.contains(':') => write!(f, "[{}]:{}", self.host, self.port)?,
            None => write!(f, "{}:{}", self.host, self.port)?,
        }
        match &self.database {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

/// The sources that [`resolve`] joins.
pub struct Sources<'a> {
    /// `mysql://…` or `mariadb://…`.
    pub url: &'a str,
    /// `--password-file`: its first line is the password.
    pub password_file: Option<&'a Path>,
    /// The environment, by name.
    pub lookup: &'a dyn Fn(&str) -> Option<String>,
    /// The defaults file's options.
    pub defaults: Option<&'a Defaults>,
    /// Query keys that are not of the connection: they are handed back.
    pub extra_keys: &'a [&'a str],
}

/// What [`resolve`] found.
#[derive(Debug)]
pub struct Resolved {
    /// How to connect.
    pub options: ConnectOptions,
    /// The extra query keys with their values, in the order of the URL.
    pub extras: Vec<(String, String)>,
    /// What people should know.
    pub warnings: Vec<String>,
}

/// Query keys of a connection, and the defaults file's options of the same names.
pub const KEYS: [&str; 7] =
    ["connect-timeout", "read-timeout", "socket", "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode"];

/// Further options of the defaults file that are known.
pub const FILE_KEYS: [&str; 5] = ["database", "host", "password", "port", "user"];

/// Joins all sources. What the URL says goes first; a password comes from the URL, the password
/// file, `DWS_PASSWORD`, `MYSQL_PWD` or the defaults file, in this order.
pub fn resolve(sources: &Sources<'_>) -> Result<Resolved> {
    let url = Url::parse(sources.url)?;
    let mut warnings = Vec::new();
    let mut extras = Vec::new();
    for (key, value) in &url.query {
        if sources.extra_keys.contains(&key.as_str()) {
            extras.push((key.clone(), value.clone()));
        } else if !KEYS.contains(&key.as_str()) {
            return Err(unknown_key(key, sources.extra_keys));
        }
    }
    let file = |key: &str| sources.defaults.and_then(|defaults| defaults.get(key));
    let option = |key: &str| {
        let given = url.query.iter().rev().find(|(name, _)| name == key).map(|(_, v)| v.as_str());
        given.or_else(|| file(key))
    };
    if url.password.is_some() {
        warnings.push(
            "a password in a URL shows in the list of processes; --password-file or DWS_PASSWORD \
             does not"
                .to_owned(),
        );
    }
    let password = match (url.password, sources.password_file) {
        (Some(password), _) => Some(password),
        (None, Some(path)) => Some(read_password(path)?),
        (None, None) => (sources.lookup)("DWS_PASSWORD")
            .or_else(|| (sources.lookup)("MYSQL_PWD"))
            .or_else(|| file("password").map(str::to_owned)),
    };
    let user = url
        .user
        .or_else(|| file("user").map(str::to_owned))
        .or_else(|| (sources.lookup)("USER"))
        .ok_or_else(|| Error::usage("no user for the server: write mysql://USER@HOST/"))?;
    let port = match (url.port, file("port")) {
        (Some(port), _) => port,
        (None, Some(text)) => number("port", text)?,
        (None, None) => 3306,
    };
    let path = |key: &str| option(key).filter(|text| !text.is_empty()).map(PathBuf::from);
    // A socket of the defaults file is not meant for a host that the URL names.
    let socket = path("socket")
        .filter(|_| url.host.is_none() || url.query.iter().any(|(key, _)| key == "socket"));
    let seconds = |key: &str, default: u64| match option(key) {
        Some(text) => number(key, text).map(Duration::from_secs),
        None => Ok(Duration::from_secs(default)),
    };
    let options = ConnectOptions {
        host: url.host.or_else(|| file("host").map(str::to_owned)).unwrap_or("localhost".into()),
        port,
        socket,
        user,
        password: password.map(Secret),
        database: url.database.or_else(|| file("database").map(str::to_owned)),
        ssl_mode: option("ssl-mode").map_or(Ok(SslMode::default()), SslMode::parse)?,
        ssl_ca: path("ssl-ca"),
        ssl_cert: path("ssl-cert"),
        ssl_key: path("ssl-key"),
        connect_timeout: seconds("connect-timeout", 10)?,
        read_timeout: Some(seconds("read-timeout", 300)?).filter(|time| !time.is_zero()),
    };
    if options.ssl_cert.is_some() != options.ssl_key.is_some() {
        return Err(Error::usage("ssl-cert and ssl-key go together: one of them is missing"));
    }
    Ok(Resolved { options, extras, warnings })
}

fn unknown_key(key: &str, extra_keys: &[&str]) -> Error {
    let mut known: Vec<&str> = KEYS.iter().chain(extra_keys).copied().collect();
    known.sort_unstable();
    Error::usage(format!("unknown key {key:?} in the server's URL"))
        .advise(format!("known are {}", known.join(", ")))
}

fn number<T: std::str::FromStr>(key: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::usage(format!("{key} is a number, not {text:?}")))
}

fn read_password(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::usage(format!("password file {}: {e}", path.display())).caused_by(e))?;
    Ok(text.split(['\n', '\r']).next().unwrap_or("").to_owned())
}

/// A URL's parts, decoded.
struct Url {
    user: Option<String>,
    password: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    database: Option<String>,
    query: Vec<(String, String)>,
}

impl Url {
    /// Reads `mysql://[user[:password]@][host][:port][/database][?key=value&…]`. Errors never
    /// repeat the text, which may hold a password.
    fn parse(text: &str) -> Result<Self> {
        let rest = text
            .strip_prefix("mysql://")
            .or_else(|| text.strip_prefix("mariadb://"))
            .ok_or_else(|| wrong("it does not begin with mysql://"))?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(r, q)| (r, Some(q)));
        // The last @ parts the host, so that a password may hold one.
        let (login, rest) = rest.rsplit_once('@').map_or((None, rest), |(l, r)| (Some(l), r));
        let (address, database) =
            rest.split_once('/').map_or((rest, None), |(address, name)| (address, Some(name)));
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            Some((user, password)) => (decode(user)?, decode(password)?),
            None => (String::new(), String::new()),
        };
        let has_password = login.is_some_and(|login| login.contains(':'));
        let (host, port) = split_address(address)?;
        let database = decode(database.unwrap_or("").trim_end_matches('/'))?;
        let some = |text: String| (!text.is_empty()).then_some(text);
        Ok(Self {
            user: some(user),
            password: has_password.then_some(password),
            host: some(host),
            port,
            database: some(database),
            query: parse_query(query.unwrap_or(""))?,
        })
    }
}

fn wrong(what: &str) -> Error {
    Error::usage(format!("the server's URL is not understood: {what}"))
        .advise("its form is mysql://USER@HOST:PORT/DATABASE?KEY=VALUE")
}

fn split_address(address: &str) -> Result<(String, Option<u16>)> {
    let (host, port) = if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(|| wrong("[ has no ]"))?;
        let port = match port.strip_prefix(':') {
            None if !port.is_empty() => return Err(wrong("after ] comes :PORT")),
            port => port,
        };
        host.parse::<std::net::Ipv6Addr>().map_err(|_| wrong("[…] holds an IPv6 address"))?;
        (host.to_owned(), port)
    } else {
        let (host, port) = address.split_once(':').map_or((address, None), |(h, p)| (h, Some(p)));
        (decode(host)?, port)
    };
    let port = match port {
        Some(text) => Some(text.parse().map_err(|_| wrong("the port is no number up to 65535"))?),
        None => None,
    };
    Ok((host, port))
}

fn parse_query(query: &str) -> Result<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?.replace('_', "-"), decode(value)?))
        })
        .collect()
}

/// Resolves `%41`.
fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit().zip(digit()).map(|(high, low)| high << 4 | low);
        let value = value.and_then(|value| u8::try_from(value).ok());
        bytes.push(value.ok_or_else(|| wrong("% is written %25"))?);
    }
    String::from_utf8(bytes).map_err(|_| wrong("its %XX are not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn with<'a>(url: &'a str, lookup: &'a dyn Fn(&str) -> Option<String>) -> Sources<'a> {
        Sources { url, password_file: None, lookup, defaults: None, extra_keys: &["server-id"] }
    }

    fn plain(url: &str) -> Result<Resolved> {
        resolve(&with(url, &|_| None))
    }

    fn password(resolved: &Resolved) -> Option<&str> {
        resolved.options.password.as_ref().map(Secret::reveal)
    }

    #[test]
    fn urls_are_taken_apart() {
        let found = plain("mysql://u%40x:p%3Aw@d%20@db.example:3307/sh%2Fop?ssl-mode=VERIFY_CA&ssl-ca=%2Fca.pem&server-id=7").unwrap();
        let options = &found.options;
        assert_eq!(
            (options.user.as_str(), options.host.as_str(), options.port),
            ("u@x", "db.example", 3307)
        );
        assert_eq!(password(&found), Some("p:w@d "));
        assert_eq!(options.database.as_deref(), Some("sh/op"));
        assert_eq!(options.ssl_mode, SslMode::VerifyCa);
        assert_eq!(options.ssl_ca, Some(PathBuf::from("/ca.pem")));
        assert_eq!(found.extras, [("server-id".to_owned(), "7".to_owned())]);
        assert_eq!(found.warnings.len(), 1);
        let found = plain("mariadb://root@[::1]:34/?socket=/run/s.sock").unwrap();
        assert_eq!((found.options.host.as_str(), found.options.port), ("::1", 34));
        assert_eq!(found.options.socket, Some(PathBuf::from("/run/s.sock")));
        assert_eq!((found.options.database.clone(), found.warnings.len()), (None, 0));
        let least = plain("mysql://u@").unwrap().options;
        assert_eq!(
            (least.host.as_str(), least.port, least.ssl_mode),
            ("localhost", 3306, SslMode::Preferred)
        );
    }

    #[test]
    fn wrong_urls_say_what_is_wrong_without_the_password() {
        for (url, says) in [
            ("http://u:hunter2@h/", "mysql://"),
            ("mysql://u:hunter2@h:99999/", "port"),
            ("mysql://u:hunter2%zz@h/", "%25"),
            ("mysql://u:hunter2@[::1/", "]"),
            ("mysql://u:hunter2@[x]/", "IPv6"),
            ("mysql://u:hunter2@h/?frob=1", "known are connect-timeout"),
            ("mysql://u:hunter2@h/?ssl-mode=on", "verify-ca"),
            ("mysql://u:hunter2@h/?connect-timeout=x", "number"),
            ("mysql://u:hunter2@h/?ssl-cert=x", "together"),
            ("mysql://h/", "user"),
        ] {
            let error = plain(url).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(says) && !text.contains("hunter2"), "{url}: {text}");
            assert_eq!(error.kind(), Kind::Usage);
        }
    }

    #[test]
    fn passwords_do_not_show() {
        let found = plain("mysql://u:hunter2@h:1/d").unwrap();
        assert_eq!(found.options.to_string(), "mysql://u:***@h:1/d");
        assert!(!format!("{found:?}").contains("hunter2"));
        assert_eq!(plain("mysql://u@[::1]/").unwrap().options.to_string(), "mysql://u@[::1]:3306");
    }

    #[test]
    fn the_nearest_source_of_a_password_wins() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pw");
        std::fs::write(&file, "from-file\r\nsecond line\n").unwrap();
        let cnf = folder.path().join("my.cnf");
        std::fs::write(&cnf, "[client]\npassword=from-defaults\nuser=me\nport=77\nsocket=/s\n")
            .unwrap();
        let defaults = Defaults::read(&cnf, &["client"]).unwrap();
        let environment = |dws: bool, mysql: bool| {
            move |name: &str| match name {
                "DWS_PASSWORD" if dws => Some("from-dws".to_owned()),
                "MYSQL_PWD" if mysql => Some("from-mysql".to_owned()),
                _ => None,
            }
        };
        let find = |url: &str, file: Option<&Path>, dws: bool, mysql: bool| {
            let lookup = environment(dws, mysql);
            let sources =
                Sources { password_file: file, defaults: Some(&defaults), ..with(url, &lookup) };
            resolve(&sources).unwrap()
        };
        let url = "mysql://u:from-url@h";
        assert_eq!(password(&find(url, Some(&file), true, true)), Some("from-url"));
        let url = "mysql://h";
        assert_eq!(password(&find(url, Some(&file), true, true)), Some("from-file"));
        assert_eq!(password(&find(url, None, true, true)), Some("from-dws"));
        assert_eq!(password(&find(url, None, false, true)), Some("from-mysql"));
        let last = find(url, None, false, false);
        assert_eq!(password(&last), Some("from-defaults"));
        assert_eq!((last.options.user.as_str(), last.options.port), ("me", 77));
        assert_eq!(last.options.socket, None, "the URL names a host");
        assert!(find("mysql://", None, false, false).options.socket.is_some());
        let missing = folder.path().join("none");
        let lookup = |_: &str| None;
        let sources = Sources { password_file: Some(&missing), ..with("mysql://u@h", &lookup) };
        assert!(resolve(&sources).unwrap_err().to_string().contains("password file"));
    }
}
