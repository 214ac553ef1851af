//! What a TABLE_MAP means: names and types from the log itself, and where it is silent from what
//! is known, checked against the log. Uses `error`, `mysql`. Not hot: once for equal TABLE_MAPs.

use crate::error::{Error, Result};
use crate::mysql::ddl::{Statement, TableName};
use crate::mysql::schema::{Catalog, TableDefinition};
use crate::mysql::table_map::TableMap;
use crate::mysql::types::{self, Column};

/// Reads a table's definition from the live server.
pub type Refresh = Box<dyn FnMut(&TableName) -> Result<Option<TableDefinition>> + Send>;

/// Definitions of tables that logs without full metadata need.
#[derive(Default)]
pub struct Definitions {
    /// From information_schema at the start, and from the statements seen since.
    pub catalog: Catalog,
    /// Asks the server again; `None` offline.
    pub refresh: Option<Refresh>,
}

/// The columns of a table and the positions of its key's columns.
pub type Planned = (Vec<Column>, Vec<usize>);

impl Definitions {
    /// Follows a statement.
    pub fn apply(&mut self, statement: &Statement) {
        self.catalog.apply(statement);
    }

    /// Plans a table. Never guesses: what neither the log nor a checked definition says is an error.
    pub fn plan(&mut self, map: &TableMap, mariadb: bool) -> Result<Planned> {
        let name = TableName::new(map.schema.clone(), map.table.clone());
        if map.metadata.names.is_some() {
            // The log is the truth; a definition only tells types apart that look alike in it.
            let known = self.catalog.get(&name).filter(|known| same_names(map, known));
            let with = known.and_then(|known| types::plan(map, Some(&known.columns), mariadb).ok());
            let columns = match with {
                Some(columns) => columns,
                None => types::plan(map, None, mariadb).map_err(|why| refused(map, why))?,
            };
            return Ok((columns, map.metadata.primary_key.clone().unwrap_or_default()));
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
        Ok((columns, keys.collect::<Option<Vec<usize>>>().unwrap_or_default()))
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
