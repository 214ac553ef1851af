//! Opening connections and asking servers about themselves. Uses `error`, `options` and the crate
//! `mysql`. Not hot.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

use mysql::prelude::Queryable;
use mysql::{DriverError, OptsBuilder};

use super::options::{ConnectOptions, Secret, SslMode};
use crate::error::{Error, Result};

/// The largest packet of the protocol; events may exceed the server's `max_allowed_packet`.
const LARGEST_PACKET: usize = 1 << 30;

/// Opens a connection.
///
/// Fails as refused where trying again cannot help (credentials, grants, certificates), else as
/// unreachable.
pub fn connect(options: &ConnectOptions) -> Result<mysql::Conn> {
    connect_and_tell(options).map(|(conn, _)| conn)
}

/// The same, and whether what goes over the connection is encrypted. (The server's word does not
/// count: a proxy may have taken the encryption off.)
pub fn connect_and_tell(options: &ConnectOptions) -> Result<(mysql::Conn, bool)> {
    for path in [&options.ssl_ca, &options.ssl_cert, &options.ssl_key].into_iter().flatten() {
        readable(path)?;
    }
    let asks = options.socket.is_none() && options.ssl_mode != SslMode::Disabled;
    let encrypted = builder(options, options.ssl_mode)?;
    match mysql::Conn::new(encrypted) {
        Err(error) if options.ssl_mode == SslMode::Preferred && lacks_tls(&error) => {
            mysql::Conn::new(builder(options, SslMode::Disabled)?).map(|conn| (conn, false))
        }
        other => other.map(|conn| (conn, asks && cfg!(feature = "tls"))),
    }
    .and_then(|found| answered(&found.0, options).map(|()| found).map_err(mysql::Error::from))
    .map_err(|error| classify(options, error))
}

/// From the end of the handshake on, an answer may take as long as answers may.
fn answered(conn: &mysql::Conn, options: &ConnectOptions) -> std::io::Result<()> {
    // SAFETY: the connection is open, and borrowed until the descriptor has been duplicated.
    let descriptor = unsafe { BorrowedFd::borrow_raw(conn.as_raw_fd()) };
    // A timeout belongs to the socket, of whatever family, and not to one of its descriptors.
    TcpStream::from(descriptor.try_clone_to_owned()?).set_read_timeout(options.read_timeout)
}

fn readable(path: &Path) -> Result<()> {
    std::fs::File::open(path)
        .map(drop)
        .map_err(|e| Error::usage(format!("{}: {e}", path.display())).caused_by(e))
}

fn builder(options: &ConnectOptions, mode: SslMode) -> Result<OptsBuilder> {
    let builder = OptsBuilder::new()
        .ip_or_hostname(Some(&options.host))
        .tcp_port(options.port)
        .socket(options.socket.as_ref().map(|path| path.to_string_lossy()))
        // Else the crate leaves TCP and TLS for a socket as soon as the server is on this machine.
        .prefer_socket(false)
        .user(Some(&options.user))
        .pass(options.password.as_ref().map(Secret::reveal))
        .db_name(options.database.as_deref())
        .tcp_connect_timeout(Some(options.connect_timeout))
        // Until the handshake is over: what listens there may be no such server, and say nothing.
        .read_timeout(Some(options.connect_timeout))
        .tcp_keepalive_time_ms(Some(60_000))
        .max_allowed_packet(Some(LARGEST_PACKET));
    // A network that drops packets in silence is noticed two minutes after the last answer.
    #[cfg(target_os = "linux")]
    let builder =
        builder.tcp_keepalive_probe_interval_secs(Some(10)).tcp_keepalive_probe_count(Some(6));
    if options.socket.is_some() || mode == SslMode::Disabled {
        return Ok(builder);
    }
    encrypt(builder, options, mode)
}

#[cfg(feature = "tls")]
fn encrypt(builder: OptsBuilder, options: &ConnectOptions, mode: SslMode) -> Result<OptsBuilder> {
    let identity = match (options.ssl_cert.clone(), options.ssl_key.clone()) {
        (Some(cert), Some(key)) => Some(mysql::ClientIdentity::new(cert, key)),
        _ => None,
    };
    let ssl = mysql::SslOpts::default()
        .with_root_cert_path(options.ssl_ca.clone())
        .with_client_identity(identity)
        .with_danger_accept_invalid_certs(matches!(mode, SslMode::Preferred | SslMode::Required))
        .with_danger_skip_domain_validation(mode == SslMode::VerifyCa);
    Ok(builder.ssl_opts(ssl))
}

#[cfg(not(feature = "tls"))]
fn encrypt(builder: OptsBuilder, _options: &ConnectOptions, mode: SslMode) -> Result<OptsBuilder> {
    if mode == SslMode::Preferred {
        return Ok(builder);
    }
    Err(Error::usage("ssl-mode asks for TLS, which this build does not have")
        .advise("build with the feature tls, or use ssl-mode=disabled on a trusted network"))
}

/// Whether a connection failed for want of TLS, so that `preferred` may go on without.
fn lacks_tls(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::DriverError(DriverError::TlsNotSupported))
}

/// Server errors that trying again does not heal, with what does.
const REFUSALS: [(u16, &str); 10] = [
    (1044, "grant the user access to the database"),
    (1045, "check user and password, and that the user may connect from this host"),
    (1049, "check the database's name in the URL"),
    (1129, "run FLUSH HOSTS on the server"),
    (1130, "create the user for this host"),
    (1251, "give the user an authentication plugin that both sides know"),
    (1698, "this user logs in through the operating system: use socket= or another user"),
    (1862, "the password is expired: set a new one"),
    (3118, "the account is locked: unlock it"),
    (3159, "the server wants TLS: use ssl-mode=required"),
];

fn classify(options: &ConnectOptions, error: mysql::Error) -> Error {
    let text = format!("{options}: {}", describe(&error));
    let refused = |advice: &str| Error::refused(text.clone()).advise(advice);
    let found = match &error {
        mysql::Error::MySqlError(answer) => REFUSALS
            .iter()
            .find(|(code, _)| *code == answer.code)
            .map(|(_, advice)| refused(advice)),
        mysql::Error::DriverError(DriverError::TlsNotSupported) => {
            Some(refused("the server has no TLS: use ssl-mode=disabled on a trusted network"))
        }
        mysql::Error::DriverError(
            DriverError::UnknownAuthPlugin(_)
            | DriverError::OldMysqlPasswordDisabled
            | DriverError::CleartextPluginDisabled,
        ) => Some(refused(
            "check the user's name (of one that it does not have, a server may say any plugin), or give the user \
             a plugin such as caching_sha2_password",
        )),
        error if is_tls(error) || failed_handshake(error) => {
            Some(refused("check ssl-ca, ssl-cert and ssl-key"))
        }
        _ => None,
    };
    let away = || {
        let text = match io_error(&error).map(std::io::Error::kind) {
            Some(ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let seconds = options.connect_timeout.as_secs();
                format!("{options}: no answer within {seconds} s (connect-timeout)")
            }
            _ => text.clone(),
        };
        Error::unreachable(text).advise("check that the server runs, and that the port is its own")
    };
    found.unwrap_or_else(away).caused_by(error)
}

/// The I/O error inside of an error, however the crate wraps it.
fn io_error(error: &mysql::Error) -> Option<&std::io::Error> {
    match error {
        mysql::Error::IoError(io) => Some(io),
        mysql::Error::CodecError(codec) => std::error::Error::source(codec)?.downcast_ref(),
        _ => None,
    }
}

/// Whether TLS was begun and failed: rustls reports through I/O errors, as invalid data.
fn failed_handshake(error: &mysql::Error) -> bool {
    io_error(error).is_some_and(|io| {
        let text = io.to_string();
        io.kind() == std::io::ErrorKind::InvalidData
            && (text.contains("certificate") || text.contains("alert"))
    })
}

#[cfg(feature = "tls")]
fn is_tls(error: &mysql::Error) -> bool {
    matches!(error, mysql::Error::TlsError(_))
}

#[cfg(not(feature = "tls"))]
fn is_tls(_error: &mysql::Error) -> bool {
    false
}

/// The error in its own words, without the crate's wrapping.
pub fn describe(error: &mysql::Error) -> String {
    if let Some(io) = io_error(error) {
        return io.to_string();
    }
    match error {
        mysql::Error::MySqlError(answer) => answer.to_string(),
        mysql::Error::DriverError(driver) => driver.to_string(),
        other => other.to_string(),
    }
}

/// Server errors that may pass: deadlock, lock wait, shutdown, killed, a definition that changed
/// under the transaction.
const PASSING: [u16; 9] = [1040, 1053, 1077, 1079, 1205, 1213, 1317, 1412, 1927];

/// An error of a statement, with what was tried: `Refused` if the server answered and will answer
/// the same again, else `Unreachable`.
pub fn failed(what: impl std::fmt::Display) -> impl FnOnce(mysql::Error) -> Error {
    move |error| {
        let text = format!("{what}: {}", describe(&error));
        match &error {
            mysql::Error::MySqlError(answer) if !PASSING.contains(&answer.code) => {
                Error::refused(text)
            }
            _ => Error::unreachable(text),
        }
        .caused_by(error)
    }
}

/// The number of the server's error that an error was caused by.
pub fn server_code(error: &Error) -> Option<u16> {
    let cause = std::error::Error::source(error)?.downcast_ref::<mysql::Error>()?;
    match cause {
        mysql::Error::MySqlError(answer) => Some(answer.code),
        _ => None,
    }
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerInfo {
    /// MariaDB, not MySQL.
    pub mariadb: bool,
    /// `@@version` in full.
    pub version: String,
    /// Its first three numbers.
    pub version_numbers: (u32, u32, u32),
    /// `@@server_id`.
    pub server_id: u32,
    /// What identifies this very server: MySQL's `server_uuid`, MariaDB's `server_uid`, else host,
    /// port and server id.
    pub identity: String,
    /// `@@hostname`.
    pub hostname: String,
    /// Whether it writes a log.
    pub log_bin: bool,
    /// `ROW`, `STATEMENT` or `MIXED`.
    pub binlog_format: String,
    /// `FULL`, `MINIMAL` or `NOBLOB`.
    pub row_image: String,
    /// `FULL`, `MINIMAL` or `NO_LOG`; empty on servers before `binlog_row_metadata`.
    pub row_metadata: String,
    /// `binlog_row_value_options`, `PARTIAL_JSON` or empty.
    pub row_value_options: String,
    /// Whether transactions have GTIDs that a client can resume by.
    pub gtid: bool,
    /// `@@binlog_checksum`: `CRC32` or `NONE`.
    pub checksum: String,
    /// `@@lower_case_table_names`.
    pub lower_case_table_names: u8,
    /// Whether commits become visible in the order of the log.
    pub order_commits: bool,
    /// Whether a replica logs what it applies.
    pub log_replica_updates: bool,
    /// Whether the log holds the rows that foreign keys change: MySQL from 9.6 on, unless
    /// `innodb_native_foreign_keys` is on.
    pub logs_cascades: bool,
}

impl ServerInfo {
    /// Asks a server.
    pub fn read(conn: &mut mysql::Conn) -> Result<Self> {
        let rows: Vec<(String, String)> = conn
            .query(
                "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'server_id', \
                 'server_uuid', 'server_uid', 'hostname', 'port', 'log_bin', 'binlog_format', \
                 'binlog_row_image', 'binlog_row_metadata', 'binlog_row_value_options', \
                 'gtid_mode', 'binlog_checksum', 'lower_case_table_names', \
                 'binlog_order_commits', 'log_replica_updates', 'log_slave_updates', \
                 'innodb_native_foreign_keys')",
            )
            .map_err(|e| Error::unreachable(format!("the server's settings: {}", describe(&e))))?;
        let variables: HashMap<String, String> =
            rows.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        Ok(Self::from_variables(&variables))
    }

    fn from_variables(variables: &HashMap<String, String>) -> Self {
        let text = |name: &str| variables.get(name).cloned().unwrap_or_default();
        let on = |name: &str| matches!(text(name).to_ascii_uppercase().as_str(), "ON" | "1");
        let version = text("version");
        let mariadb = version.to_ascii_lowercase().contains("mariadb");
        let server_id = text("server_id").parse().unwrap_or(0);
        let identity = ["server_uuid", "server_uid"]
            .into_iter()
            .map(text)
            .find(|id| !id.is_empty())
            .unwrap_or_else(|| format!("{}:{}/{server_id}", text("hostname"), text("port")));
        Self {
            version_numbers: version_numbers(&version),
            server_id,
            identity,
            hostname: text("hostname"),
            log_bin: on("log_bin"),
            binlog_format: text("binlog_format"),
            row_image: text("binlog_row_image"),
            row_metadata: text("binlog_row_metadata"),
            row_value_options: text("binlog_row_value_options"),
            gtid: mariadb || text("gtid_mode").eq_ignore_ascii_case("ON"),
            checksum: text("binlog_checksum"),
            lower_case_table_names: text("lower_case_table_names").parse().unwrap_or(0),
            // MariaDB has no such setting: its commits are always ordered.
            order_commits: mariadb || on("binlog_order_commits"),
            log_replica_updates: on("log_replica_updates") || on("log_slave_updates"),
            logs_cascades: variables.contains_key("innodb_native_foreign_keys")
                && !on("innodb_native_foreign_keys"),
            mariadb,
            version,
        }
    }
}

/// `10.11.6` of `5.5.5-10.11.6-MariaDB-log`, the prefix being for old replicas.
fn version_numbers(version: &str) -> (u32, u32, u32) {
    let text = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(version_numbers("9.7.1"), (9, 7, 1));
        assert_eq!(version_numbers("8.0.36-28.1-log"), (8, 0, 36));
        assert_eq!(version_numbers("5.5.5-10.11.6-MariaDB-1:10.11.6"), (10, 11, 6));
        assert_eq!(version_numbers(""), (0, 0, 0));
    }

    #[test]
    fn servers_are_told_apart() {
        let variables = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        let old = ServerInfo::from_variables(&variables(&[
            ("version", "10.4.1-MariaDB"),
            ("hostname", "db1"),
            ("port", "3306"),
            ("server_id", "7"),
        ]));
        assert_eq!(old.identity, "db1:3306/7");
        assert!(old.mariadb && old.gtid && old.order_commits && !old.log_bin);
        let mysql = ServerInfo::from_variables(&variables(&[
            ("version", "9.7.0"),
            ("server_uuid", "u"),
            ("gtid_mode", "OFF_PERMISSIVE"),
            ("log_bin", "ON"),
            ("innodb_native_foreign_keys", "OFF"),
        ]));
        assert!(mysql.logs_cascades && !old.logs_cascades);
        let native = variables(&[("version", "9.7.0"), ("innodb_native_foreign_keys", "ON")]);
        assert!(!ServerInfo::from_variables(&native).logs_cascades);
        assert_eq!(mysql.identity, "u");
        assert!(!mysql.mariadb && !mysql.gtid && !mysql.order_commits && mysql.log_bin);
    }
}
