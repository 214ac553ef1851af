//! `ums-replay` from the outside: a Parquet log in, messages out, held against a plain model of what
//! a log means, against SQLite, and against what Spark makes of the same files.
#![cfg(feature = "parquet")]

mod answers;
mod damage;
mod given;
mod live;
mod log;
mod memory;
mod order;
#[allow(dead_code)]
#[path = "../live/server.rs"]
mod server;
#[cfg(feature = "sqlite")]
mod shop;
mod spark;
// Each test program uses a part of it.
#[allow(dead_code)]
#[path = "../parquet/stream.rs"]
mod stream;
#[path = "../support/mod.rs"]
mod support;
mod versions;
