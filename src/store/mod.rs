//! Byte stores: trees of whole files that appear atomically. Uses `error`. Not hot.
//!
//! A file is written as a **draft** under a name that no reader looks at, made durable, and then
//! published: it appears at its final name at once and whole, and never takes the place of another.
//! `Writer::sync` then makes the names durable too. Readers need no lock.

pub mod live;
pub mod local;
mod workshop;

pub use live::{LiveFile, Snapshot, live_files};
pub use local::{Draft, Sealed, Tree, Writer};
