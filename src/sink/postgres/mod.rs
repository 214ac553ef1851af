//! PostgreSQL as a target. Uses `error`, `sink::sql`, `url`. HOT in `arrays`.

mod arrays;
mod blame;
mod dialect;
mod session;

use std::sync::Arc;

use self::dialect::PostgresDialect;
use self::session::PostgresSession;
use super::sql::{self, Connect, session::Session};
use super::target::Target;
use super::{Sink, Spec};
use crate::error::Result;
use crate::postgres::login::{self, Login};
use crate::ums::{Marker, Message};
use crate::url::Opt;

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "postgres",
    form: "postgres://USER@HOST:PORT/DATABASE",
    summary: "PostgreSQL: tables created and widened, the position beside the rows",
    options: &OPTIONS,
    flush: sql::FLUSH,
    sweeps: true,
    example: "postgres://loader@dw/shop?schema=public",
    open,
    probe,
    plan,
    positions: Some(positions),
};

const OPTIONS: [Opt; 9] = {
    let [rows, bytes, seconds, workers, retry] = sql::OPTIONS;
    let [schema, sslmode, sslrootcert, connect_timeout] = login::OPTIONS;
    [rows, bytes, seconds, workers, retry, schema, sslmode, sslrootcert, connect_timeout]
};

fn connect(target: &Target) -> Result<Connect> {
    let options = &target.options;
    let login = Login::read(&target.url, &options.login, "ums-sink", &options.notice.0)?;
    Ok(Arc::new(move || {
        let session: Box<dyn Session> = Box::new(PostgresSession::open(&login)?);
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
    sql::plan(&PostgresDialect, target, message)
}
