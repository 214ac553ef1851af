//! What a TABLE_MAP means: names and types from the log itself, and where it is silent from what
//! is known, checked against the log. Uses `error`, `mysql`. Not hot: once for equal TABLE_MAPs.

use crate::error::{Error, Result};
use crate::mysql::ddl::{Statement, TableName};
use crate::mysql::schema::{Catalog, History, TableDefinition};
use crate::mysql::table_map::TableMap;
use crate::mysql::types::{self, Column};

/// Reads a table's definition from the live server.
pub type Refresh = Box<dyn FnMut(&TableName) -> Result<Option<TableDefinition>> + Send>;

/// Definitions of tables that logs without full metadata need.
#[derive(Default)]
pub struct Definitions {
    /// From information_schema at the start, and from the statements seen since.
    catalog: Catalog,
    /// Asks the server again; `None` offline.
    refresh: Option<Refresh>,
    /// The run goes on where an earlier one ended, or has nothing else than what earlier ones knew.
    /// A server that is read from somewhere else shows its tables better than an old store.
    goes_on: bool,
    /// What earlier runs knew has been taken.
    restored: bool,
}

/// A table as its rows are read.
pub struct Planned {
    /// Its columns.
    pub columns: Vec<Column>,
    /// The positions of its key's columns.
    pub keys: Vec<usize>,
    /// How the log and the known definition go together.
    pub fit: Fit,
}

/// How a TABLE_MAP and the known definition go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// They say the same.
    Fits,
    /// The log names other columns, and counts.
    Contradicts,
    /// No definition is known, and the log needs none.
    Unknown,
}

impl Definitions {
    /// For log files: nothing is known but what earlier runs knew.
    pub fn offline() -> Self {
        Self { goes_on: true, ..Self::default() }
    }

    /// For a server; `goes_on` when the run resumes at a checkpoint.
    pub fn of_server(catalog: Catalog, refresh: Refresh, goes_on: bool) -> Self {
        Self { catalog, refresh: Some(refresh), goes_on, restored: false }
    }

    /// Follows the statement at the event `id`.
    pub fn apply(&mut self, statement: &Statement, history: &mut History, id: i64) {
        history.follow(&mut self.catalog, statement, id);
    }

    /// Keeps what the TABLE_MAP at the event `id` has shown to hold, or not to hold any more.
    pub fn keep(&self, table: &TableName, fit: Fit, history: &mut History, id: i64) {
        match fit {
            Fit::Fits => history.record(&self.catalog, table, id),
            Fit::Contradicts => {
                let reason = "its log has named other columns than its last known definition";
                history.forget(&self.catalog, table, reason, id);
            }
            Fit::Unknown => {}
        }
    }

    /// Before the first event, which is the event `id`: takes what held before it from earlier runs.
    pub fn restore(&mut self, history: &History, id: i64) {
        let covered = history.newest().is_some_and(|newest| id <= newest);
        if !std::mem::replace(&mut self.restored, true) && (self.goes_on || covered) {
            history.restore(&mut self.catalog, id);
        }
    }

    /// Plans a table. Never guesses: what neither the log nor a checked definition says is an error.
    pub fn plan(&mut self, map: &TableMap, mariadb: bool) -> Result<Planned> {
        let name = TableName::new(map.schema.clone(), map.table.clone());
        if map.metadata.names.is_some() {
            // The log is the truth; a definition only tells types apart that look alike in it.
            let keys = map.metadata.primary_key.clone().unwrap_or_default();
            let known = self.catalog.get(&name);
            let fit = if known.is_some() { Fit::Contradicts } else { Fit::Unknown };
            let known = known.filter(|known| same_names(map, known));
            let with = known.and_then(|known| types::plan(map, Some(&known.columns), mariadb).ok());
            if let Some(columns) = with {
                return Ok(Planned { columns, keys, fit: Fit::Fits });
            }
            let columns = types::plan(map, None, mariadb).map_err(|why| refused(map, why))?;
            return Ok(Planned { columns, keys, fit });
        }
        let first = self.known(map, &name, mariadb);
        let error = match first {
            Ok(planned) => return Ok(planned),
            Err(error) => error,
        };
        let Some(refresh) = &mut self.refresh else { return Err(error) };
        let Some(definition) = refresh(&name)? else { return Err(error) };
        self.catalog.insert(&name, definition);
        self.known(map, &name, mariadb)
    }

    fn known(&self, map: &TableMap, name: &TableName, mariadb: bool) -> Result<Planned> {
        let advice = "set binlog_row_metadata=FULL on the server, so that its log names the columns from then on";
        let Some(known) = self.catalog.get(name) else {
            let why = self.catalog.unknown_because(name).unwrap_or("its definition was not seen");
            return Err(Error::data(format!(
                "table {name}: the log does not name its columns (binlog_row_metadata is not FULL), and {why}"
            ))
            .advise(advice));
        };
        if known.columns.len() != map.columns.len() {
            return Err(Error::data(format!(
                "table {name}: the log has {} columns, the known definition {}",
                map.columns.len(),
                known.columns.len()
            ))
            .advise(advice));
        }
        let columns = types::plan(map, Some(&known.columns), mariadb)
            .map_err(|why| refused(map, why).advise(advice))?;
        let keys = known.keys.iter().map(|key| known.columns.iter().position(|c| c.name == *key));
        let keys = keys.collect::<Option<Vec<usize>>>().unwrap_or_default();
        Ok(Planned { columns, keys, fit: Fit::Fits })
    }
}

fn same_names(map: &TableMap, known: &TableDefinition) -> bool {
    map.metadata.names.as_ref().is_some_and(|names| {
        names.len() == known.columns.len()
            && names.iter().zip(&known.columns).all(|(name, column)| *name == column.name)
    })
}

fn refused(map: &TableMap, (column, why): (usize, types::Unplanned)) -> Error {
    let names = map.metadata.names.as_ref();
    let name = names.and_then(|names| names.get(column)).cloned();
    let name = name.unwrap_or_else(|| format!("{}", column + 1));
    Error::data(format!("table {}.{}, column {name}: {why}", map.schema, map.table))
}
