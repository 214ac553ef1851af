//! Tables read by SELECT as UMS messages: shards of tables, what is selected, rows to bytes. Uses
//! `error`, `ums`, `mysql` and the crate `mysql`. Threads and output are in `flow::pull`. Not hot
//! here.

mod encode;
pub mod index;
pub mod key;
pub mod layout;
pub mod shard;

use mysql::prelude::Queryable;

pub use encode::{Ids, Read, read};

use crate::error::{Error, Result};
use crate::mysql::barrier::ONE_SERVER;
use crate::mysql::connect::{ServerInfo, connect_and_tell, failed};
use crate::mysql::options::ConnectOptions;

/// A connection whose answers do not depend on what the server or the user set.
pub struct Session {
    /// The connection.
    pub conn: mysql::Conn,
    /// Whether its bytes can be read as they come.
    pub plain: bool,
}

impl Session {
    /// Opens one: UTC, text in its own character set, no limits.
    ///
    /// # Errors
    /// `Refused` also when another server answers than the one in `expected`.
    pub fn open(options: &ConnectOptions, expected: Option<&ServerInfo>) -> Result<Self> {
        let (mut conn, encrypted) = connect_and_tell(options)?;
        for statement in [
            "SET SESSION time_zone = '+00:00', sql_mode = '', character_set_client = utf8mb4, \
             character_set_results = NULL, net_write_timeout = 3600, wait_timeout = 86400, \
             autocommit = 1, \
             sql_select_limit = 18446744073709551615",
            "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        ] {
            conn.query_drop(statement).map_err(failed("the session cannot be set up"))?;
        }
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
                .advise(ONE_SERVER));
            }
        }
        Ok(Self { conn, plain: !encrypted })
    }
}
