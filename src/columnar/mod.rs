//! UMS rows as Parquet files. Uses `error` and `ums`. Holds the hot files `column.rs` and
//! `parse.rs` for writing, `cells.rs` and `print.rs` for reading.
//!
//! One file has one schema: a column for each field of its messages, in their order, and behind
//! them **companions**: where a value of a typed column has no representation in the column's type
//! (`0000-00-00` is no date, 2^80 is no long), the column is NULL in that row and the value's text
//! stands in the column `_ums_text_NAME`, which exists only in files that need it. So nothing is
//! lost, and the typed columns stay typed.
//!
//! | UMS type | Parquet |
//! |---|---|
//! | int | INT32 |
//! | long | INT64 |
//! | float, double, boolean | FLOAT, DOUBLE, BOOLEAN |
//! | decimal, precision known and at most 38 | DECIMAL(p,s) in INT32, INT64 or FIXED_LEN_BYTE_ARRAY |
//! | decimal, else | STRING |
//! | date | DATE |
//! | datetime | TIMESTAMP(micros); UTC-normalised except where the source's type is a wall clock's |
//! | string | STRING |
//! | binary | BYTE_ARRAY |
//!
//! The precision of a decimal comes from the field's `origin`: `decimal(p,s)`, and DECIMAL(20,0)
//! for `bigint unsigned` and `bit(64)`. `_ums_id_` is an INT64, `_ums_ts_` a UTC-normalised
//! TIMESTAMP(micros), `_ums_op_` and `_ums_uid_` are STRINGs; these four are never NULL and have
//! these names in whatever spelling they came.
//!
//! The file's key-value metadata hold `ums.namespace`, `ums.keys` (a JSON array), `ums.fields` (the
//! message's whole schema object) and `ums.text` (a JSON object: field to companion column).

mod cells;
mod column;
pub mod file;
mod group;
mod metadata;
pub mod names;
pub mod parse;
pub mod print;
pub mod read;
pub mod schema;
pub mod uids;

pub use file::{Appended, FileWriter, Shape, Source, Span, merge};
pub use schema::{Identity, Layout};
