//! How a command logs in to MySQL or MariaDB: the address, its options, passwords, option files.
//! Uses `error`, `url`, `mysql`. Not hot.

use std::path::PathBuf;

use super::defaults_file::Defaults;
use super::options::{ConnectOptions, Sources, resolve};
use crate::error::Result;
use crate::url::{Login, Opt};

/// What an address can say of the connection.
pub const OPTIONS: [Opt; 7] = [
    Opt { name: "socket", meaning: "The server's Unix socket.", default: "none" },
    Opt {
        name: "ssl-mode",
        meaning: "disabled, preferred, required, verify-ca or verify-identity.",
        default: "preferred",
    },
    Opt { name: "ssl-ca", meaning: "Issuers to trust, a PEM file.", default: "the system's" },
    Opt { name: "ssl-cert", meaning: "Our certificate, a PEM file.", default: "none" },
    Opt { name: "ssl-key", meaning: "Its key, a PEM file.", default: "none" },
    Opt {
        name: "connect-timeout",
        meaning: "Seconds to wait for the server at all.",
        default: "10",
    },
    Opt {
        name: "read-timeout",
        meaning: "Seconds to wait for one answer; 0 for ever.",
        default: "300",
    },
];

/// The options of a connection. `program` names the command's own group of the option files, `own`
/// the keys of the address that are not about the connection; `warn` gets what people should know.
///
/// # Errors
/// `Usage` for an address, an option file or a password file that cannot be used.
pub fn options(
    program: &str,
    url: &str,
    login: &Login,
    own: &[&str],
    warn: &dyn Fn(&str),
) -> Result<ConnectOptions> {
    let groups = ["client", "dws", program];
    let defaults = match &login.defaults_file {
        Some(path) => Defaults::read(path, &groups)?,
        None => {
            let home = (login.lookup)("HOME").map(PathBuf::from).unwrap_or_default();
            Defaults::read_existing(&[home.join(".my.cnf")], &groups)?
        }
    };
    let resolved = resolve(&Sources {
        url,
        password_file: login.password_file.as_deref(),
        lookup: &|name| (login.lookup)(name),
        defaults: Some(&defaults),
        extra_keys: own,
    })?;
    resolved.warnings.iter().for_each(|warning| warn(warning));
    Ok(resolved.options)
}
