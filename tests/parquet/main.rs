//! The Parquet log from the outside: messages in, files out, read back by this crate's own reader
//! and, where there is a Python with them, by DuckDB and pyarrow.
#![cfg(feature = "parquet")]

mod compact;
mod compact_crash;
mod crash;
mod elsewhere;
#[path = "../replay/given.rs"]
mod given;
mod given_back;
mod hdfs;
mod names;
mod object;
#[cfg(any(feature = "s3", feature = "hdfs"))]
#[path = "../live/port.rs"]
mod port;
mod readers;
mod redelivery;
mod stored;
mod stream;
mod trouble;
mod values;
