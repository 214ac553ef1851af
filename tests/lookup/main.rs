//! `ums-join --lookup` from the outside: against MariaDB, MySQL, PostgreSQL, SQLite and Redis.
#![cfg(all(feature = "postgres", feature = "sqlite"))]

mod ends;
mod redis;
#[path = "../live/server.rs"]
#[allow(dead_code)]
mod server;
mod sql;
mod sqlite;
mod stream;
#[path = "../sql/target.rs"]
#[allow(dead_code)]
mod target;
#[path = "../live/type_cases.rs"]
#[allow(dead_code)]
mod type_cases;
mod types;
