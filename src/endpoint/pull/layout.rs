//! What is selected of a table, and the message that its rows stand in. Uses `error`, `ums`,
//! `mask`, `mysql` and the crate `mysql`. Not hot: once a table, and again when its columns change.

use mysql::prelude::Queryable;

use super::key::KeyColumn;
use crate::endpoint::binlog::system_fields;
use crate::error::{Error, Result};
use crate::mask::{self, Masks};
use crate::mysql::connect::failed;
use crate::mysql::ddl::TableName;
use crate::mysql::declared;
use crate::mysql::schema::{TableDefinition, of_table};
use crate::mysql::select::{expression, identifier, literal};
use crate::mysql::types::Column;
use crate::ums::{Dialect, Field, MessageWriter, Namespace, Protocol, Schema};

/// Whether MariaDB keeps the history of a table's rows.
fn keeps_history(conn: &mut mysql::Conn, name: &TableName) -> Result<bool> {
    let (schema, table) = (literal(&name.schema), literal(&name.table));
    let found: Option<String> = conn
        .query_first(format!(
            "SELECT TABLE_TYPE FROM information_schema.TABLES \
             WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {table}"
        ))
        .map_err(failed("information_schema cannot be read"))?;
    Ok(found.is_some_and(|kind| kind == "SYSTEM VERSIONED"))
}

/// A table as it is pulled.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Its name in the source.
    pub name: TableName,
    /// Where its rows are published.
    pub namespace: Namespace,
    /// As information_schema had it.
    pub definition: TableDefinition,
    /// The columns that are selected, with what each is selected as.
    pub columns: Vec<Column>,
    /// Positions of the primary key among `columns`; empty when there is none or not all of it
    /// is selected.
    pub keys: Vec<usize>,
    /// The masks of its rows.
    pub mask: Option<mask::Plan>,
    /// `SELECT …` up to FROM.
    select: String,
    /// Whether the table keeps its history: rows of the past are rows in the log, too.
    history: bool,
    /// All columns, for dividers.
    dividers: Vec<Option<KeyColumn>>,
}

impl Layout {
    /// Reads a table's definition from the server and plans it; `None` where there is none.
    ///
    /// # Errors
    /// As `new`, and those of the connection.
    pub fn read(
        conn: &mut mysql::Conn,
        name: &TableName,
        namespace: &Namespace,
        only: &[String],
        mariadb: bool,
    ) -> Result<Option<Self>> {
        let Some(mut definition) = of_table(conn, name)? else { return Ok(None) };
        let history = mariadb && keeps_history(conn, name)?;
        if definition.versioned && !definition.keys.is_empty() {
            // Not listed, but part of the key.
            definition.keys.push("row_end".to_owned());
        }
        let layout = Self::new(name.clone(), namespace.clone(), definition, only, mariadb)?;
        Ok(Some(Self { history, ..layout }))
    }

    /// Plans a table; `only` names the columns that are wanted besides those of the primary key,
    /// all when empty.
    ///
    /// # Errors
    /// `Data` for a column of a type that is not known, `Usage` for a wanted column that is not
    /// there.
    pub fn new(
        name: TableName,
        namespace: Namespace,
        definition: TableDefinition,
        only: &[String],
        mariadb: bool,
    ) -> Result<Self> {
        let planned = declared::plan(&name, &definition, mariadb)?;
        for wanted in only {
            if definition.position(wanted).is_none() {
                return Err(Error::usage(format!("--columns: {name} has no column {wanted}")));
            }
        }
        let mut columns = Vec::new();
        let mut select = String::from("SELECT ");
        let mut dividers = Vec::new();
        let wanted = |column: &str| {
            only.is_empty()
                || only.iter().any(|name| name.eq_ignore_ascii_case(column))
                || definition.keys.iter().any(|key| key == column)
        };
        for (column, defined) in planned.into_iter().zip(&definition.columns) {
            dividers.push(KeyColumn::new(defined, &column.kind));
            if !wanted(&defined.name) {
                continue;
            }
            if !columns.is_empty() {
                select.push_str(", ");
            }
            select.push_str(&expression(defined, &column.kind));
            columns.push(column);
        }
        let keys: Option<Vec<usize>> = definition
            .keys
            .iter()
            .map(|key| columns.iter().position(|column: &Column| column.field.name == *key))
            .collect();
        let keys = keys.unwrap_or_default();
        let (mask, history) = (None, false);
        Ok(Self { name, namespace, definition, columns, keys, mask, select, history, dividers })
    }

    /// Masks its rows.
    ///
    /// # Errors
    /// `Refused` for masks that do not fit the columns.
    pub fn mask(&mut self, masks: &Masks) -> Result<()> {
        let fields: Vec<Field> = self.columns.iter().map(|column| column.field.clone()).collect();
        let all = self.definition.columns.iter().map(|column| column.name.clone());
        let elsewhere: Vec<String> =
            all.filter(|name| !fields.iter().any(|field| field.name == *name)).collect();
        self.mask = masks.plan(&mask::Table {
            namespace: &self.namespace,
            fields: &fields,
            keys: &self.definition.keys,
            elsewhere: &elsewhere,
        })?;
        Ok(())
    }

    /// `schema`.`table`.
    pub fn sql_name(&self) -> String {
        format!("{}.{}", identifier(&self.name.schema), identifier(&self.name.table))
    }

    /// What stands behind FROM: the table, with its history where it keeps one.
    pub fn from(&self) -> String {
        let history = if self.history { " FOR SYSTEM_TIME ALL" } else { "" };
        format!("{}{history}", self.sql_name())
    }

    /// The SELECT of the rows for which `condition` holds.
    pub fn query(&self, hint: &str, condition: &str, filter: Option<&str>, suffix: &str) -> String {
        let filter = filter.map(|text| format!(" AND ({text})")).unwrap_or_default();
        format!("{} FROM {}{hint} WHERE {condition}{filter}{suffix}", self.select, self.from())
    }

    /// A column as a divider; `None` where there is none of that name or it has no usable order.
    pub fn key_column(&self, name: &str) -> Option<KeyColumn> {
        self.dividers.get(self.definition.position(name)?)?.clone()
    }

    /// An empty message for its rows.
    pub fn writer(&self, batch: i64, dialect: Dialect) -> MessageWriter {
        let mut fields = system_fields();
        let own = fields.len();
        fields.extend(self.columns.iter().map(|column| column.field.clone()));
        if let Some(mask) = &self.mask {
            mask.fields(fields.iter_mut().skip(own));
        }
        let keys = self.keys.iter().filter_map(|key| self.columns.get(*key));
        let schema = Schema {
            namespace: self.namespace.clone(),
            batch_id: batch,
            keys: keys.map(|column| column.field.name.clone()).collect(),
            fields,
        };
        MessageWriter::new(Protocol::InitialData, &schema, dialect)
    }
}
