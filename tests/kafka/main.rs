//! Kafka from the outside: real brokers, kcat as a reader and writer that is not ours, programs that
//! are killed. `scripts/test` says where a broker is; tests that kill brokers start their own.
#![cfg(all(feature = "kafka", feature = "postgres"))]

mod away;
mod broker;
mod cron;
mod full;
mod groups;
mod grow;
mod join;
mod kcat;
mod kill;
mod once;
mod pull;
mod secure;
#[path = "../live/server.rs"]
#[allow(dead_code)]
mod server;
