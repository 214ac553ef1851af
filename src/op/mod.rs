//! Operators: what happens to a message between a source and a sink, one file each. Uses `expr`,
//! `lookup`, `ums`. No input or output.

pub mod filter;
pub mod join;
pub mod lookup;
pub mod window;
