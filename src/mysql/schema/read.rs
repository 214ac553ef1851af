//! Tables as information_schema shows them. Uses `error` and the crate `mysql`. Not hot.

use std::collections::BTreeMap;

use mysql::prelude::Queryable;

use super::{Catalog, ColumnDefinition, TableDefinition, is_character};
use crate::error::{Error, Result};
use crate::mysql::ddl::TableName;
use crate::mysql::select::literal;

/// Column, its table, and what else COLUMNS says, in the order of the query below.
type ColumnRow = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    String,
    Option<String>,
);

const SYSTEM_SCHEMAS: &str = "'information_schema','performance_schema','mysql','sys'";

/// Reads every table that the user may see, system schemas left out. The caller sees to it that
/// the log's position belongs to what is read.
pub fn from_information_schema(conn: &mut mysql::Conn) -> Result<Catalog> {
    let fold: Option<u8> =
        conn.query_first("SELECT @@lower_case_table_names").map_err(|e| failed("settings", e))?;
    let mut catalog = Catalog::new(fold.unwrap_or(0) != 0);
    let databases: Vec<(String, String)> = conn
        .query("SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA")
        .map_err(|e| failed("SCHEMATA", e))?;
    for (name, charset) in databases {
        catalog.insert_database(&name, Some(charset));
    }
    for (name, table) in read(conn, &format!("TABLE_SCHEMA NOT IN ({SYSTEM_SCHEMAS})"))? {
        catalog.insert(&name, table);
    }
    Ok(catalog)
}

/// Reads one table; `None` when there is none of that name.
pub fn of_table(conn: &mut mysql::Conn, name: &TableName) -> Result<Option<TableDefinition>> {
    let (schema, table) = (literal(&name.schema), literal(&name.table));
    let only = format!("TABLE_SCHEMA = {schema} AND TABLE_NAME = {table}");
    Ok(read(conn, &only)?.into_values().next())
}

/// Reads the tables for which the condition holds.
fn read(conn: &mut mysql::Conn, only: &str) -> Result<BTreeMap<TableName, TableDefinition>> {
    let mut tables = read_tables(conn, only)?;
    read_columns(conn, only, &mut tables)?;
    read_keys(conn, only, &mut tables)?;
    for table in tables.values_mut() {
        let named = table.columns.iter().any(|c| c.generated && c.column_type == "timestamp(6)");
        if std::mem::take(&mut table.versioned) && !named {
            table.add_versions();
        }
    }
    Ok(tables)
}

fn read_tables(conn: &mut mysql::Conn, only: &str) -> Result<BTreeMap<TableName, TableDefinition>> {
    let rows: Vec<(String, String, String, Option<String>)> = conn
        .query(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, TABLE_COLLATION \
             FROM information_schema.TABLES WHERE {only} \
             AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')"
        ))
        .map_err(|e| failed("TABLES", e))?;
    let mut tables = BTreeMap::new();
    for (schema, table, kind, collation) in rows {
        let charset = collation.as_deref().and_then(|name| name.split('_').next());
        let definition = TableDefinition {
            charset: charset.map(str::to_owned),
            collation,
            versioned: kind == "SYSTEM VERSIONED",
            ..TableDefinition::default()
        };
        tables.insert(TableName::new(schema, table), definition);
    }
    Ok(tables)
}

fn read_columns(
    conn: &mut mysql::Conn,
    only: &str,
    tables: &mut BTreeMap<TableName, TableDefinition>,
) -> Result<()> {
    let rows: Vec<ColumnRow> = conn
        .query(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, \
             CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION \
             FROM information_schema.COLUMNS WHERE {only} \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"
        ))
        .map_err(|e| failed("COLUMNS", e))?;
    for (schema, table, name, column_type, nullable, charset, collation, extra, expression) in rows
    {
        let Some(definition) = tables.get_mut(&TableName::new(schema, table)) else { continue };
        // MySQL shows no character set for labels in `binary`.
        let charset = charset.or_else(|| is_character(&column_type).then(|| "binary".to_owned()));
        definition.columns.push(ColumnDefinition {
            name,
            column_type,
            nullable: nullable == "YES",
            charset,
            collation,
            generated: expression.is_some_and(|text| !text.is_empty()),
            invisible: extra.contains("INVISIBLE"),
        });
    }
    Ok(())
}

fn read_keys(
    conn: &mut mysql::Conn,
    only: &str,
    tables: &mut BTreeMap<TableName, TableDefinition>,
) -> Result<()> {
    let rows: Vec<(String, String, String)> = conn
        .query(format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS \
             WHERE INDEX_NAME = 'PRIMARY' AND {only} \
             ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"
        ))
        .map_err(|e| failed("STATISTICS", e))?;
    for (schema, table, column) in rows {
        if let Some(definition) = tables.get_mut(&TableName::new(schema, table)) {
            definition.keys.push(column);
        }
    }
    Ok(())
}

fn failed(what: &str, error: mysql::Error) -> Error {
    let text = format!("reading the server's {what}: {error}");
    match error {
        mysql::Error::MySqlError(_) => {
            Error::refused(text).advise("the user needs SELECT on the tables that are captured")
        }
        _ => Error::unreachable(text),
    }
    .caused_by(error)
}
