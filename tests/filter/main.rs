//! Conditions of `ums-filter` beside DuckDB: generated expressions over random rows.

mod duckdb;
mod generate;
mod keep;
