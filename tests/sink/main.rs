//! `ums-sink` from the outside: messages in, SQLite and files out, read back by the sqlite3
//! command (a client that shares no code with the sink's own parameters and statements).
#![cfg(feature = "sqlite")]

mod crash;
mod files;
mod flows;
mod idempotent;
mod manners;
mod rejects;
mod support;
mod sweep;
mod sweeping;
mod tables;
mod truncate;
