//! MySQL and MariaDB as a target. Uses `error`, `mysql`, `sink::sql`, `url`. HOT in `encode`.

mod dialect;
mod encode;
mod failure;
mod session;

use std::sync::Arc;

use self::dialect::MySqlDialect;
use self::session::MySqlSession;
use super::sql::{self, Connect, session::Session};
use super::target::{Delete, Target};
use super::{Sink, Spec};
use crate::error::{Error, Result};
use crate::mysql::login;
use crate::mysql::options::ConnectOptions;
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
    let [socket, mode, ca, cert, key, connect, read] = login::OPTIONS;
    [rows, bytes, seconds, workers, retry, socket, mode, ca, cert, key, connect, read]
};

fn connection(target: &Target) -> Result<ConnectOptions> {
    let own: Vec<&str> = sql::OPTIONS.iter().map(|option| option.name).collect();
    let (url, warn) = (target.url.reveal(), target.options.notice.0);
    let options = login::options("ums-sink", url, &target.options.login, &own, &|text| warn(text))?;
    if options.database.is_none() {
        return Err(Error::usage(format!("{}: names no database", target.url))
            .advise("write mysql://USER@HOST/DATABASE"));
    }
    Ok(options)
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
