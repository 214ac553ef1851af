//! Kafka: addresses, topics, properties, errors, and what clients have in common. Uses `error`,
//! `ums`, `url`. Not hot.
//!
//! The client is librdkafka. What `endpoint` opens for writing is `produce`: it gives lines to
//! `dispatch`, which makes records of them, and counts in `ledger` what is acknowledged. What is
//! read becomes a stream of lines in `consume`.

pub mod address;
pub mod client;
pub mod consume;
pub mod dispatch;
pub mod error;
pub mod key;
mod last;
mod ledger;
mod partition;
pub mod produce;
pub mod properties;
pub mod topic;
pub mod topics;

pub use address::Address;
pub use client::{Note, Voice};
pub use error::failed;
pub use properties::Properties;
pub use topic::Template;
