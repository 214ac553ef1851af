//! Tables read by SELECT as UMS messages: shards of tables, what is selected, rows to bytes. Uses
//! `error`, `ums`, `mysql` and the crate `mysql`. Threads and output are in `flow::pull`. Not hot
//! here.

mod encode;
pub mod index;
pub mod key;
pub mod layout;
pub mod shard;

pub use encode::{Ids, Read, read};

use crate::mysql::connect::{ServerInfo, describe};
use crate::mysql::options::ConnectOptions;
use crate::error::{Error, Result};
use mysql::prelude::Queryable;

/// An error of the crate `mysql` with what was tried: `Refused` if the server answered, else
/// `Unreachable`.
pub(crate) fn failed(what: impl std::fmt::Display) -> impl FnOnce(mysql::Error) -> Error {
    move |error| {
        let text = format!("{what}: {}", describe(&error));
        match &error {
            // Deadlock, lock wait, shutdown, killed: worth another try.
            mysql::Error::MySqlError(answer)
                if !matches!(answer.code, 1205 | 1213 | 1053 | 1077 | 1079 | 1317 | 1927 | 1412) =>
            {
                Error::refused(text)
            }
            _ => Error::unreachable(text),
        }
        .caused_by(error)
    }
}

/// A connection whose answers do not depend on what the server or the user set: UTC, text in its
/// own character set, no limits.
///
/// # Errors
/// `Refused` also when another server answers than the one in `expected`.
pub fn session(options: &ConnectOptions, expected: Option<&ServerInfo>) -> Result<mysql::Conn> {
    let mut conn = crate::mysql::connect::connect(options)?;
    conn.query_drop(
        "SET SESSION time_zone = '+00:00', sql_mode = '', character_set_client = utf8mb4, \
         character_set_results = NULL, net_write_timeout = 3600, autocommit = 1, \
         sql_select_limit = 18446744073709551615",
    )
    .map_err(failed("the session cannot be set up"))?;
    conn.query_drop("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .map_err(failed("the session cannot be set up"))?;
    // One of the two is known to the server.
    for limit in ["max_execution_time", "max_statement_time"] {
        let _ = conn.query_drop(format!("SET SESSION {limit} = 0"));
    }
    if let Some(expected) = expected {
        let found = ServerInfo::read(&mut conn)?;
        if found.identity != expected.identity {
            return Err(Error::refused(format!(
                "two servers answer at this address: {} and {}",
                expected.identity, found.identity
            ))
            .advise("name one server: a position of one says nothing about rows of another"));
        }
    }
    Ok(conn)
}
