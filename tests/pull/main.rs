//! `dbus-pull` against real servers, from the outside: rows out, compared with what the servers'
//! own clients show and with what `dbus-tail` writes.

mod keys;
mod masks;
mod output;
mod replicas;
mod resume;
#[path = "../live/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "../live/tail.rs"]
#[allow(dead_code)]
mod tail;
mod trouble;
#[path = "../live/type_cases.rs"]
#[allow(dead_code)]
mod type_cases;
mod types;
