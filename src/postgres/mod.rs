//! PostgreSQL: how it is reached, and what its errors mean. Uses `error` and `url`. Not hot.

pub mod failure;
pub mod login;
mod tls;
