//! Movement: from a source of lines to a sink. Uses everything but `cli`.

pub mod checkpoint;
pub mod filter;
pub mod flows;
pub mod join;
mod lane;
pub mod pull;
pub mod queue;
mod receipts;
#[cfg(feature = "parquet")]
pub mod replay;
pub mod rules;
pub mod sink;
pub mod stats;
pub mod tail;
