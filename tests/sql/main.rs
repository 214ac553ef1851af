//! `ums-sink` into MySQL, MariaDB and PostgreSQL from the outside: messages in, tables out, read
//! back by the servers' own command lines.
#![cfg(feature = "postgres")]

mod bad_input;
mod combined;
mod crash;
mod crash_flows;
mod full;
mod idempotent;
mod names;
mod others;
mod rivals;
mod schema;
#[path = "../live/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "../sink/support.rs"]
#[allow(dead_code)]
mod support;
mod sweep;
#[path = "../sink/sweeping.rs"]
#[allow(dead_code)]
mod sweeping;
#[path = "../live/tail.rs"]
#[allow(dead_code)]
mod tail;
mod target;
mod together;
#[path = "../live/type_cases.rs"]
#[allow(dead_code)]
mod type_cases;
mod types;
