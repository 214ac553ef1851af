//! Kafka: addresses, topics, properties, errors, and what clients have in common. Uses `error`,
//! `ums`, `url`. Not hot.
//!
//! The client is librdkafka. What is read becomes a stream of lines in `consume`.

pub mod address;
pub mod client;
pub mod consume;
pub mod error;
pub mod properties;
pub mod topic;

pub use address::Address;
pub use client::{Note, Voice};
pub use error::failed;
pub use properties::Properties;
pub use topic::Template;
