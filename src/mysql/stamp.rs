//! Where rows are stamped that stand together under one event's position: compressed transactions
//! and XA. Uses `error`, `mysql::{event, format, rows, table_map, types}`. Warm.

use std::collections::HashMap;
use std::sync::Arc;

use super::event::{Event, kind};
use super::format::Format;
use super::rows::{self, RowsEvent};
use super::table_map::TableMap;
use super::types::{self, Column};
use crate::error::{Error, Result};

/// The place of an event that stands for many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Where the event starts.
    pub offset: u64,
    /// Its bytes.
    pub len: u64,
    /// How many rows it stands for; 0 when surely not more than bytes.
    pub rows: u64,
}

impl Stamp {
    /// The offset of row `index`: the index itself is added while there are no more rows than
    /// bytes, else it is scaled into the event's length. It never falls, and never reaches the next
    /// event's.
    pub fn offset(&self, index: u64) -> u64 {
        let step = if self.rows <= self.len {
            index
        } else {
            let scaled = u128::from(index) * u128::from(self.len) / u128::from(self.rows);
            u64::try_from(scaled).unwrap_or(u64::MAX)
        };
        self.offset.saturating_add(step.min(self.len.saturating_sub(1)))
    }
}

/// Counts the rows of events, captured tables or not: ids do not depend on what is captured.
pub struct RowCounter {
    format: Arc<Format>,
    tables: HashMap<u64, Vec<Column>>,
}

impl RowCounter {
    /// Knows no table yet.
    pub fn new(format: Arc<Format>) -> Self {
        Self { format, tables: HashMap::new() }
    }

    /// The rows of one event; 0 for events that have none.
    pub fn count(&mut self, event: &Event) -> Result<u64> {
        if event.header.kind == kind::TABLE_MAP {
            let map = TableMap::parse(event.body, self.format.table_id_len(kind::TABLE_MAP))?;
            self.tables.insert(map.id, types::shape(&map, self.format.mariadb)?);
            return Ok(0);
        }
        let Some(rows) = RowsEvent::parse(event, &self.format)? else { return Ok(0) };
        match self.tables.get(&rows.table_id) {
            Some(columns) => rows::count(&rows, columns)
                .ok_or_else(|| Error::data("a row image does not match its table")),
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_fall_and_stay_inside() {
        for (len, rows) in [(100, 0), (100, 100), (100, 101), (299, 10_000), (1, 50)] {
            let stamp = Stamp { offset: 1000, len, rows };
            let mut last = 0;
            for index in 0..rows.max(20) {
                let offset = stamp.offset(index);
                assert!(offset >= last && (1000..1000 + len).contains(&offset));
                last = offset;
            }
        }
    }
}
