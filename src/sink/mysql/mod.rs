//! MySQL and MariaDB as a target. Uses `error`, `mysql`, `sink::sql`, `url`. HOT in `encode`.

mod dialect;
mod encode;
mod failure;
mod session;

use std::path::PathBuf;
use std::sync::Arc;

use self::dialect::MySqlDialect;
use self::session::MySqlSession;
use super::sql::{self, Connect, session::Session};
use super::target::{Delete, Target};
use super::{Sink, Spec};
use crate::error::{Error, Result};
use crate::mysql::defaults_file::Defaults;
use crate::mysql::options::{ConnectOptions, Sources, resolve};
use crate::ums::{Marker, Message};
use crate::url::Opt;

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "mysql",
    form: "mysql://USER@HOST:PORT/DATABASE",
    summary: "MySQL or MariaDB: tables created and widened, the position beside the rows",
    options: &OPTIONS,
    flush: sql::FLUSH,
    sweeps: true,
    example: "mysql://loader@dw1/shop",
    open,
    probe,
    plan,
    positions: Some(positions),
};

const OPTIONS: [Opt; 12] = {
    let [rows, bytes, seconds, workers, retry] = sql::OPTIONS;
    [
        rows,
        bytes,
        seconds,
        workers,
        retry,
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
    ]
};

fn connection(target: &Target) -> Result<ConnectOptions> {
    const GROUPS: [&str; 3] = ["client", "dws", "ums-sink"];
    let login = &target.options.login;
    let defaults = match &login.defaults_file {
        Some(path) => Defaults::read(path, &GROUPS)?,
        None => {
            let home = (login.lookup)("HOME").map(PathBuf::from).unwrap_or_default();
            Defaults::read_existing(&[home.join(".my.cnf")], &GROUPS)?
        }
    };
    let own: Vec<&str> = sql::OPTIONS.iter().map(|option| option.name).collect();
    let resolved = resolve(&Sources {
        url: target.url.reveal(),
        password_file: login.password_file.as_deref(),
        lookup: &|name| (login.lookup)(name),
        defaults: Some(&defaults),
        extra_keys: &own,
    })?;
    for warning in &resolved.warnings {
        (target.options.notice.0)(warning);
    }
    if resolved.options.database.is_none() {
        return Err(Error::usage(format!("{}: names no database", target.url))
            .advise("write mysql://USER@HOST/DATABASE"));
    }
    Ok(resolved.options)
}

fn connect(target: &Target) -> Result<Connect> {
    let options = connection(target)?;
    // A deleted key is looked for in its side table: what is not there has to stay away until the
    // commit. Else there is nothing to protect, and fewer locks are better.
    let repeatable = target.options.delete == Delete::Hard;
    Ok(Arc::new(move || {
        let session: Box<dyn Session> = Box::new(MySqlSession::open(&options, repeatable)?);
        Ok(session)
    }))
}

fn open(target: &Target) -> Result<Box<dyn Sink>> {
    sql::open(target, connect(target)?)
}

fn probe(target: &Target) -> Result<String> {
    sql::probe(target, connect(target)?()?)
}

fn positions(target: &Target) -> Result<Vec<Marker>> {
    sql::positions(connect(target)?()?)
}

fn plan(target: &Target, message: &Message) -> Result<Vec<String>> {
    sql::plan(&MySqlDialect { mariadb: false, folded: false }, target, message)
}
