//! Byte stores: trees of whole files that appear atomically. Uses `error`. Not hot.
//!
//! A file is written as a **draft** under a name that no reader looks at, made durable, and then
//! published: it appears at its final name at once and whole, and never takes the place of another.
//! `Writer::sync` then makes the names durable too. Readers need no lock; `live_files` gives them the
//! files of one moment, and `Rearranger` exchanges whole folders under them.

#[cfg(feature = "hdfs")]
mod hdfs;
pub mod live;
pub mod local;
#[cfg(feature = "s3")]
mod object;
mod remote;
pub mod runs;
pub mod swap;
mod workshop;

pub use live::{LiveFile, Snapshot, live_files};
pub use local::{Draft, Sealed, Tree, Writer};
pub use remote::{PLACES, drop_remote};
pub use swap::Rearranger;
