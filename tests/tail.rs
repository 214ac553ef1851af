//! The built dbus-tail on logs that the test writes itself: every way in which a log may be odd,
//! damaged or torn, and what must come out. No server is needed.

#[path = "tail/damage.rs"]
mod damage;
#[path = "tail/definitions.rs"]
mod definitions;
#[path = "tail/feed.rs"]
mod feed;
#[path = "tail/images.rs"]
mod images;
#[path = "tail/memory.rs"]
mod memory;
#[path = "tail/mutated.rs"]
mod mutated;
#[path = "tail/positions.rs"]
mod positions;
#[path = "tail/run.rs"]
mod run;
#[path = "tail/transactions.rs"]
mod transactions;
#[path = "tail/versions.rs"]
mod versions;
#[path = "tail/writer.rs"]
mod writer;
