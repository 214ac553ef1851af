//! Masks: cells whose clear text is not to travel. Uses `error`, `near` and `ums`. Not hot but for `plan`, and
//! there only rows of tables that have masks.
//!
//! A mask is `PATTERN.column=METHOD`. Masks are read once, made into a plan once a schema, and the
//! plan changes rows: it reads the cells that would have been written and writes others. So whoever
//! writes the same cells for a value, writes the same masked cells. Where anything is not as a mask
//! expects it there is an error and no row: nothing passes because a name was wrong.

mod key;
mod lenient;
pub mod method;
mod numbers;
mod older;
mod plan;
mod set;
mod spec;

pub use key::Key;
pub use plan::Plan;
pub use set::{Masks, Settings, Table, is_system};

#[cfg(test)]
mod tests;
