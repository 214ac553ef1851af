//! UMS schema to Parquet schema, rows to columns. Uses `error` and `ums`. HOT.
