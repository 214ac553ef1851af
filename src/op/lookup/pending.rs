//! Rows that wait for the store, and the keys that they wait for. Uses `error`, `ums`. HOT in `ask`:
//! once a row.

use std::collections::HashMap;
use std::sync::Arc;

use super::cache::Found;
use crate::error::Result;
use crate::op::join::cells::push_text;
use crate::ums::{Cell, Op, Type};

/// A key that rows wait for.
#[derive(Debug)]
pub(super) struct Asked {
    /// What it is known by in the cache.
    pub(super) bytes: Box<[u8]>,
    pub(super) values: Box<[Box<str>]>,
    pub(super) types: Arc<[Type]>,
    pub(super) found: Option<Found>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// Where its tuple is in the text.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) op: Op,
    /// The number of its key; `None` where a part of it is NULL.
    pub(super) asked: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Entry {
    /// A line that passes, with so many rows.
    Pass { start: usize, end: usize, rows: u64 },
    /// Rows of a message.
    Rows { plan: usize, first: usize, last: usize },
}

/// What was taken and not written yet.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) text: String,
    pub(super) entries: Vec<Entry>,
    pub(super) rows: Vec<Waiting>,
    pub(super) asked: Vec<Asked>,
    pub(super) index: HashMap<Box<[u8]>, usize>,
}

impl Pending {
    /// The number of a row's key; `None` where a part of it is NULL, which is equal to nothing.
    pub(super) fn ask(
        &mut self,
        asked: &[(usize, Type)],
        types: &Arc<[Type]>,
        cells: &[Cell],
        bytes: &mut Vec<u8>,
    ) -> Result<Option<usize>> {
        bytes.clear();
        for ((place, _), ty) in asked.iter().zip(types.iter()) {
            let Some(text) = cells.get(*place).map(Cell::text).transpose()?.flatten() else {
                return Ok(None);
            };
            bytes.extend_from_slice(ty.name().as_bytes());
            push_text(bytes, &text, *ty)?;
            bytes.push(b',');
        }
        if let Some(known) = self.index.get(&**bytes) {
            return Ok(Some(*known));
        }
        let mut values = Vec::with_capacity(asked.len());
        for ((place, _), ty) in asked.iter().zip(types.iter()) {
            let text = cells.get(*place).map(Cell::text).transpose()?.flatten();
            let text = text.unwrap_or_default();
            let exact = matches!(ty, Type::Long | Type::Decimal | Type::Double | Type::Boolean);
            values.push(if exact {
                let mut json = Vec::new();
                push_text(&mut json, &text, *ty)?;
                String::from_utf8_lossy(&json).trim_matches('"').into()
            } else {
                text.into()
            });
        }
        let number = self.asked.len();
        self.index.insert(bytes.as_slice().into(), number);
        self.asked.push(Asked {
            bytes: bytes.as_slice().into(),
            values: values.into(),
            types: Arc::clone(types),
            found: None,
        });
        Ok(Some(number))
    }
}
