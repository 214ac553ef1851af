//! Target tables: who owns a name, what is created, widened or rebuilt. Uses `error`, `ums` and
//! the statements. Runs once a schema: not hot.

use rusqlite::Connection;

use super::rebuild::rebuild;
use super::register;
use super::statement::{self, quote};
use super::value::{Affinity, declared};
use crate::error::{Error, Result};
use crate::sink::target::{Delete, Mode, Options};
use crate::sink::wanted::Wanted;
use crate::ums::Field;

/// A target table as it stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// Its columns in order.
    pub(super) columns: Vec<Column>,
    /// Whether it has a side table of deleted keys.
    pub(super) tombstones: bool,
}

/// One column of a target table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// Its declared type.
    pub(super) declared: String,
    /// Whether it belongs to the primary key.
    pub(super) key: bool,
}

impl Table {
    /// The column of that name; SQLite's names have no case.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }
}

impl Wanted<'_> {
    /// The declarations of all columns: the message's, then the sink's own.
    fn declarations(&self, mode: Mode) -> Vec<(&str, &str)> {
        let data = self.fields.iter().map(|(_, field)| (field.name.as_str(), declared(field.ty)));
        data.chain(system_columns(mode)).collect()
    }

    /// `CREATE TABLE` and what goes with it.
    pub(super) fn create(&self, options: &Options) -> Vec<String> {
        let name = &self.table.name;
        let mut all = vec![statement::create(name, self.declarations(options.mode), &self.keys)];
        if options.mode == Mode::Append {
            all.push(statement::create_append_index(name));
        } else if options.delete == Delete::Hard {
            all.push(self.create_tombstone());
        }
        all
    }

    fn create_tombstone(&self) -> String {
        let type_of = |key: &str| self.fields.iter().find(|(_, field)| field.name == key);
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| (*key, type_of(key).map_or("", |(_, field)| declared(field.ty))))
            .collect();
        statement::create_tombstone(&self.table.name, &keys)
    }
}

fn system_columns(mode: Mode) -> [(&'static str, &'static str); 4] {
    match mode {
        Mode::Upsert => statement::UPSERT_COLUMNS,
        Mode::Append => statement::APPEND_COLUMNS,
    }
}

/// Makes the table fit the message, inside the caller's transaction; tells whether that changed it.
///
/// # Errors
/// `Refused` when the name belongs to another source table, when the table was made in the other
/// mode, and when something is missing and must not be created.
pub(super) fn fit(
    connection: &Connection,
    wanted: &Wanted,
    options: &Options,
) -> Result<(Table, bool)> {
    let failed = |error| super::failure::from(format_args!("table {}", wanted.table.name), error);
    let found = read(connection, &wanted.table.name).map_err(failed)?;
    let made = register::claim(connection, wanted, options.mode, found.is_none())?;
    match &found {
        None if options.no_create => {
            let name = &wanted.table.name;
            return Err(Error::refused(format!("{}: table {name} is missing", wanted.namespace))
                .advise("create it, or leave out --no-create"));
        }
        None => {
            for sql in wanted.create(options) {
                connection.execute_batch(&sql).map_err(failed)?;
            }
        }
        Some(table) => change(connection, wanted, options, table, made)?,
    }
    let table = read(connection, &wanted.table.name).map_err(failed)?;
    let table =
        table.ok_or_else(|| Error::refused(format!("table {} went away", wanted.table.name)))?;
    let changed = found.as_ref() != Some(&table);
    Ok((table, changed))
}

/// Reads a table's columns; `None` when there is no such table.
pub(super) fn read(connection: &Connection, name: &str) -> rusqlite::Result<Option<Table>> {
    let mut statement =
        connection.prepare("SELECT name, type, pk FROM pragma_table_info(?1) ORDER BY cid")?;
    let columns: Vec<Column> = statement
        .query_map([name], |row| {
            let key: i64 = row.get(2)?;
            Ok(Column { name: row.get(0)?, declared: row.get(1)?, key: key > 0 })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let tombstones = connection.table_exists(None, statement::tombstone_name(name).as_str())?;
    Ok((!columns.is_empty()).then(|| Table { name: name.to_owned(), columns, tombstones }))
}

/// Brings an existing table to what the message needs.
fn change(
    connection: &Connection,
    wanted: &Wanted,
    options: &Options,
    table: &Table,
    made: bool,
) -> Result<()> {
    let name = &wanted.table.name;
    let failed = |error| super::failure::from(format_args!("table {name}"), error);
    let mut missing = wanted.declarations(options.mode);
    missing.retain(|(column, _)| table.column(column).is_none());
    if options.no_create && !missing.is_empty() {
        let columns: Vec<_> = missing.iter().map(|(column, _)| *column).collect();
        return Err(Error::refused(format!("table {name} lacks columns {}", columns.join(", ")))
            .advise("add them, or leave out --no-create"));
    }
    for (column, declared) in missing {
        connection.execute_batch(&statement::add_column(name, column, declared)).map_err(failed)?;
    }
    if options.mode == Mode::Append {
        return connection.execute_batch(&statement::create_append_index(name)).map_err(failed);
    }
    let same_keys = has_unique(connection, table, &wanted.keys).map_err(failed)?;
    if !same_keys && !made {
        return Err(Error::refused(format!(
            "table {name} has no unique index on its key ({})",
            wanted.keys.join(", ")
        ))
        .advise("create it, or name other columns with --keys"));
    }
    let loses = |field: &Field| {
        table
            .column(&field.name)
            .is_some_and(|column| !Affinity::of(&column.declared).keeps(field.ty))
    };
    // Somebody else's declarations are that person's choice.
    if made && (!same_keys || wanted.fields.iter().any(|(_, field)| loses(field))) {
        rebuild(connection, wanted).map_err(failed)?;
    }
    if options.delete == Delete::Hard || table.tombstones {
        keep_tombstones(connection, wanted).map_err(failed)?;
    }
    Ok(())
}

/// Whether the key columns are the primary key or have a unique index of their own.
fn has_unique(connection: &Connection, table: &Table, keys: &[&str]) -> rusqlite::Result<bool> {
    let same = |columns: &[String]| {
        columns.len() == keys.len()
            && columns.iter().all(|name| keys.iter().any(|key| key.eq_ignore_ascii_case(name)))
    };
    let primary: Vec<String> = table
        .columns
        .iter()
        .filter(|column| column.key)
        .map(|column| column.name.clone())
        .collect();
    if same(&primary) {
        return Ok(true);
    }
    let mut indexes = connection
        .prepare("SELECT name FROM pragma_index_list(?1) WHERE \"unique\" = 1 AND partial = 0")?;
    let mut columns = connection.prepare("SELECT coalesce(name, '') FROM pragma_index_info(?1)")?;
    let indexes: Vec<String> =
        indexes.query_map([&table.name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for index in indexes {
        let names: Vec<String> =
            columns.query_map([index], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if same(&names) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The side table of deleted keys, made anew when the key's columns are others.
fn keep_tombstones(connection: &Connection, wanted: &Wanted) -> rusqlite::Result<()> {
    let name = statement::tombstone_name(&wanted.table.name);
    if let Some(table) = read(connection, &name)?
        && !has_unique(connection, &table, &wanted.keys)?
    {
        connection.execute_batch(&format!("DROP TABLE {}", quote(&name)))?;
    }
    connection.execute_batch(&wanted.create_tombstone())
}
