//! UMS messages: the format, its parts, reading and writing. Uses `error` only; no I/O, no clock.
//!
//! One message is one JSON object on one line: `protocol`, `schema`, `payload` (see `ums.7`).

pub mod base64;
pub mod batch;
mod block;
mod bounds;
mod cell;
mod cursor;
pub mod decode;
pub mod encode;
pub mod hash;
mod header;
pub mod id;
pub mod json;
pub mod marker;
pub mod model;
pub mod namespace;
mod scan;
pub mod termination;

pub use batch::{BatchEnd, Covered};
pub use bounds::Bounds;
pub use decode::{Cell, Decoder, Message, Row};
pub use encode::MessageWriter;
pub use marker::{Marker, checkpoint_text, parse_checkpoint};
pub use model::{Dialect, Field, Op, Protocol, Schema, Type};
pub use namespace::{Namespace, Pattern};
pub use termination::{Cause, Termination};
