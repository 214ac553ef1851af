//! What a store is asked for rows of keys, and what it answers: the trait that stands between the
//! operation and the connectors. Uses `error`, `ums`. Called once a batch of keys.

pub mod patient;
pub mod text;

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::ums::{Field, Type};

/// A batch of keys.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The type of each value of a key, in the order of [`Store::columns`].
    pub types: &'a [Type],
    /// The keys, none twice; each is its values as UMS spells them, none NULL: exact numbers without
    /// needless zeros, binary strings as Base64.
    pub keys: &'a [&'a [Box<str>]],
}

/// What a store found.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The columns of its rows; the same `Arc` until they change.
    pub fields: Arc<[Field]>,
    /// The number of the key in the question, and the JSON of the cells with commas between them. In
    /// the order in which the store gave them.
    pub rows: Vec<(usize, Box<str>)>,
}

/// A store that rows are looked up in.
pub trait Store: Send + fmt::Debug {
    /// The columns of the stream that a key is made of, in the order of its values.
    fn columns(&self) -> &[String];

    /// The columns of its rows, before any key is known.
    ///
    /// # Errors
    /// As `find`.
    fn fields(&mut self) -> Result<Arc<[Field]>>;

    /// The rows of some keys: at most [`Store::most`].
    ///
    /// # Errors
    /// `Unreachable` for what may pass; the store connects again by itself at the next call. `Refused`
    /// for what the same keys will meet again. Never `Data`: it is no fault of a line.
    fn find(&mut self, question: &Question) -> Result<Answer>;

    /// How many keys it takes at once.
    fn most(&self) -> usize;

    /// What was connected to, for `--check`.
    ///
    /// # Errors
    /// As `find`.
    fn describe(&mut self) -> Result<String>;
}
