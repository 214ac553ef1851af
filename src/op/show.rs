//! Messages as something else than messages: for people and for programs that read plain JSON. Uses
//! `error`, `ums`.

mod flat;
mod schema;
mod table;

pub use flat::Flat;
pub(in crate::op) use flat::{lacking, push_value};
pub use schema::describe;
pub use table::Table;
