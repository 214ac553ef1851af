//! How to reach a PostgreSQL: the address, the password's sources, TLS. Uses `error`, `url`. Not hot.

use std::path::PathBuf;
use std::time::Duration;

use postgres::config::SslMode;
use postgres::{Client, Config, NoTls};

use super::failure;
use crate::error::{Error, Kind, Result};
use crate::url::{self, Opt, Url};

/// Query keys of an address.
pub const OPTIONS: [Opt; 4] = [
    Opt {
        name: "schema",
        meaning: "Where tables are made and looked for.",
        default: "the user's search_path",
    },
    Opt {
        name: "sslmode",
        meaning: "disable, prefer, require, verify-ca or verify-full.",
        default: "prefer",
    },
    Opt { name: "sslrootcert", meaning: "Issuers to trust, a PEM file.", default: "none" },
    Opt {
        name: "connect_timeout",
        meaning: "Seconds to wait for the server at all.",
        default: "10",
    },
];

/// Everything that a connection needs.
pub struct Login {
    config: Config,
    /// The address, for messages.
    pub name: String,
    /// The schema of the tables, where the address names one.
    pub schema: Option<String>,
    encryption: Encryption,
}

/// How far a connection is encrypted and checked; libpq's `sslmode`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Encryption {
    Disable,
    Prefer,
    Require,
    Verify { host: bool, issuers: Option<PathBuf> },
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Login {
    /// Reads the address. A password comes from the address, the password file, `DWS_PASSWORD` or
    /// `PGPASSWORD`, in this order. The server sees `program` as the name of the application.
    ///
    /// # Errors
    /// `Usage` for what is missing or no value of its option.
    pub fn read(url: &Url, login: &url::Login, program: &str, warn: &dyn Fn(&str)) -> Result<Self> {
        let authority = url.authority().cloned().unwrap_or_default();
        let mut config = Config::new();
        let user =
            authority.user.or_else(|| (login.lookup)("PGUSER")).or_else(|| (login.lookup)("USER"));
        let user = user.ok_or_else(|| {
            Error::usage(format!("{url}: names no user"))
                .advise("write postgres://USER@HOST/DATABASE")
        })?;
        config.user(&user).application_name(program);
        if url.path().is_empty() {
            return Err(Error::usage(format!("{url}: names no database"))
                .advise("write postgres://USER@HOST/DATABASE"));
        }
        config.dbname(url.path());
        // A host that begins with a slash, percent-encoded, is the folder of a socket.
        let hosts = if authority.hosts.is_empty() { "localhost" } else { authority.hosts.as_str() };
        for host in hosts.split(',') {
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if !name.is_empty() && !port.contains(']') => {
                    let port = port.parse().map_err(|_| {
                        Error::usage(format!("{url}: a port is a number up to 65535"))
                    })?;
                    (name, port)
                }
                _ => (host, 5432),
            };
            let name = name.replace("%2F", "/").replace("%2f", "/");
            config.host(name.trim_matches(['[', ']'])).port(port);
        }
        if authority.password.is_some() {
            warn(
                "a password in a URL shows in the list of processes; --password-file or DWS_PASSWORD \
                 does not",
            );
        }
        let password = match (authority.password, &login.password_file) {
            (Some(password), _) => Some(password.reveal().to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::usage(format!("password file {}: {error}", path.display()))
                })?;
                Some(text.lines().next().unwrap_or_default().to_owned())
            }
            (None, None) => (login.lookup)("DWS_PASSWORD").or_else(|| (login.lookup)("PGPASSWORD")),
        };
        if let Some(password) = password {
            config.password(password);
        }
        config.connect_timeout(Duration::from_secs(url.number("connect_timeout", 10)?));
        let issuers = url.option("sslrootcert").map(PathBuf::from);
        let encryption = match url.option("sslmode").unwrap_or("prefer") {
            "disable" => Encryption::Disable,
            "prefer" => Encryption::Prefer,
            "require" => Encryption::Require,
            "verify-ca" => Encryption::Verify { host: false, issuers },
            "verify-full" => Encryption::Verify { host: true, issuers },
            _ => {
                return Err(Error::usage(format!(
                    "{url}: sslmode is one of disable, prefer, require, verify-ca, verify-full"
                )));
            }
        };
        config.ssl_mode(match encryption {
            Encryption::Disable => SslMode::Disable,
            Encryption::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        });
        let schema = url.option("schema").map(str::to_owned);
        Ok(Self { config, name: url.to_string(), schema, encryption })
    }

    /// Connects.
    ///
    /// # Errors
    /// `Unreachable`, and `Refused` where trying again does not help.
    pub fn connect(&self) -> Result<Client> {
        let failed = |error: postgres::Error| {
            let error = failure::from(&self.name, error);
            match error.kind() {
                Kind::Unreachable => error.advise("check that the server runs"),
                _ => error,
            }
        };
        if self.encryption != Encryption::Disable {
            return self.config.connect(self.tls()?).map_err(failed);
        }
        self.config.connect(NoTls).map_err(failed)
    }

    fn tls(&self) -> Result<tokio_postgres_rustls::MakeRustlsConnect> {
        match &self.encryption {
            Encryption::Verify { issuers: Some(issuers), host } => {
                super::tls::checked(issuers, *host)
            }
            Encryption::Verify { issuers: None, .. } => {
                Err(Error::usage(format!("{}: sslmode asks for sslrootcert", self.name))
                    .advise("name the issuers' PEM file"))
            }
            _ => super::tls::unchecked(),
        }
    }
}
