//! Making a table anew, where SQLite cannot alter it. Uses the statements. Runs at a change of the
//! source's schema that asks for it.

use rusqlite::Connection;

use super::statement::{self, quote};
use super::table::{Column, read};
use super::value::{Affinity, declared};
use crate::sink::wanted::Wanted;

/// Makes the table anew with declarations that keep the message's values and with its key; SQLite
/// cannot change a column's type. Rows, indexes and triggers stay. Costs one copy of the table, at
/// a schema change of the source that asks for it.
pub(super) fn rebuild(connection: &Connection, wanted: &Wanted) -> rusqlite::Result<()> {
    let name = &wanted.table.name;
    let Some(table) = read(connection, name)? else { return Ok(()) };
    let field = |column: &Column| {
        wanted.fields.iter().find(|(_, field)| field.name.eq_ignore_ascii_case(&column.name))
    };
    let declarations: Vec<(&str, &str)> = table
        .columns
        .iter()
        .map(|column| {
            let affinity = Affinity::of(&column.declared);
            let own = statement::UPSERT_COLUMNS.iter().find(|(own, _)| *own == column.name);
            let declared = match (own, field(column)) {
                (Some((_, own)), _) => own,
                (None, Some((_, field))) if !affinity.keeps(field.ty) => {
                    match (affinity, declared(field.ty)) {
                        // As text the old numbers would keep 15 digits only.
                        (Affinity::Real, "TEXT") => "BLOB",
                        (_, declared) => declared,
                    }
                }
                _ => column.declared.as_str(),
            };
            (column.name.as_str(), declared)
        })
        .collect();
    let mut extras = connection.prepare(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 COLLATE NOCASE \
         AND type IN ('index', 'trigger') AND sql IS NOT NULL",
    )?;
    let extras: Vec<String> =
        extras.query_map([name], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let new = format!("_ums_new_{name}");
    let columns: Vec<_> = declarations.iter().map(|(column, _)| quote(column)).collect();
    let columns = columns.join(", ");
    connection.execute_batch(&statement::create(&new, declarations, &wanted.keys))?;
    connection.execute_batch(&format!(
        "INSERT INTO {new} ({columns}) SELECT {columns} FROM {old}; DROP TABLE {old}; \
         ALTER TABLE {new} RENAME TO {old}",
        new = quote(&new),
        old = quote(name)
    ))?;
    extras.iter().try_for_each(|sql| connection.execute_batch(sql))
}
