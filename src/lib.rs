//! dws: log-based data integration as Unix commands.
//!
//! The modules stand in strict layers; each may use only rows above its own, and modules of one
//! row never use each other (`tests/layers.rs` reads the sources and keeps the rule):
//!
//! ```text
//! error <- ums, url, durable, near <- mask <- line, expr, rule, mysql, postgres, lookup, kafka, columnar, store <- endpoint, op, sink <- flow <- cli
//! ```

#![warn(clippy::disallowed_methods, clippy::disallowed_macros)]
#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo))]

/// Layer 0: the one error type.
pub mod error;

/// Layer 1: what a message is. No input or output, no clock, no environment.
pub mod ums;

/// Layer 1: what an address is. No input or output.
pub mod url;

/// Layer 1: files that are replaced whole.
pub mod durable;

/// Layer 1: names that somebody may have meant.
pub mod near;

/// Above layer 1: masks over rows of messages.
pub mod mask;

/// Layer 2: lines of text with limits.
pub mod line;

/// Layer 2: rules that turn records of a log into rows.
pub mod rule;

/// Layer 2: SQL expressions over undecoded rows.
pub mod expr;

/// Layer 2: MySQL and MariaDB: logs, types, connections.
pub mod mysql;

/// Layer 2: Kafka: addresses, properties, the client.
#[cfg(feature = "kafka")]
pub mod kafka;

/// Layer 2: PostgreSQL: connections.
#[cfg(feature = "postgres")]
pub mod postgres;

/// Layer 2: asking a store for the rows of keys.
pub mod lookup;

/// Layer 2: UMS rows as Parquet columns.
#[cfg(feature = "parquet")]
pub mod columnar;

/// Layer 2: byte stores with atomic appearance of files.
pub mod store;

/// Layer 3: where streams come from and go to.
pub mod endpoint;

/// Layer 3: what happens to messages on their way.
pub mod op;

/// Layer 3: where rows land.
pub mod sink;

/// Layer 4: movement: batches, checkpoints, retries.
pub mod flow;

/// Layer 5: the edge: arguments, exit codes, messages to people.
pub mod cli;
