//! MySQL and MariaDB: reading logs, decoding rows, connections. Uses `error` and `ums`.

pub mod charset;
pub mod chunk;
pub mod collations;
pub mod connect;
pub mod cursor;
pub mod ddl;
pub mod decimal;
pub mod defaults_file;
pub mod event;
pub mod format;
pub mod frame;
pub mod gtid;
pub mod json;
pub mod json_diff;
pub mod live;
pub mod options;
pub mod payload;
pub mod query;
pub mod rows;
pub mod schema;
pub mod table_map;
pub mod temporal;
pub mod transaction;
pub mod types;
pub mod value;
pub mod versions;
