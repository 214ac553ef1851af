//! Target tables: who owns a name, what is created, widened or given a wider type. Uses `error`,
//! `ums`, `wanted` and the session. Runs once a schema: not hot.
//!
//! Two tables of the sink's own say what was made: `_ums_table`, which source a target belongs to,
//! so that two tables of one name never mix unnoticed, not even in two runs; and `_ums_column`, of
//! which kind a column was made, so that a type is widened only where it was ours to choose.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::Kind;
use super::session::{Dialect, Found, Session, tombstone_name};
use super::shape::{Column, Shape};
use crate::error::{Error, Result};
use crate::sink::claim::{SHARED, judge, mode_name};
use crate::sink::target::{Delete, Mode, OnTruncate, Options};
use crate::sink::wanted::{APPEND_COLUMNS, UPSERT_COLUMNS, Wanted};
use crate::ums::decode::Header;

pub(super) const TABLE: &str = "_ums_table";
const COLUMN: &str = "_ums_column";

/// Creates the sink's own tables where they are missing.
pub(in crate::sink) fn prepare(session: &mut dyn Session) -> Result<()> {
    let columns = |all: &[&str]| -> Vec<(String, String)> {
        let declared = |name: &str| session.dialect().system_column(name).to_owned();
        all.iter().map(|name| ((*name).to_owned(), declared(name))).collect()
    };
    let tables = [
        (TABLE, columns(&["name", "source", "mode", "made"]), vec!["name"]),
        (COLUMN, columns(&["name", "column", "type"]), vec!["name", "column"]),
        (
            super::position::TABLE,
            columns(&super::position::COLUMNS),
            super::position::COLUMNS[..2].to_vec(),
        ),
        (super::fence::TABLE, columns(&["source", "id"]), vec!["source"]),
    ];
    for (name, columns, keys) in tables {
        if read(session, name)?.is_empty() {
            let sql = session.dialect().create(name, &columns, &keys);
            session.execute(&sql)?;
        }
    }
    Ok(())
}

/// Makes the table fit the message and says how its rows land; tells whether the table changed.
///
/// # Errors
/// `Refused` when the name belongs to another source table, when the table was made in the other
/// mode, and when something is missing and must not be created.
pub(in crate::sink) fn fit(
    session: &mut dyn Session,
    header: &Arc<Header>,
    options: &Options,
) -> Result<(Shape, bool)> {
    let wanted = Wanted::new(&header.schema, options, "")?;
    check_names(session.dialect(), &wanted)?;
    let name = wanted.table.name.clone();
    let found = read(session, &name)?;
    let made = claim(session, &wanted, options.mode, found.is_empty())?;
    if found.is_empty() {
        if options.no_create {
            return Err(Error::refused(format!("{}: table {name} is missing", wanted.namespace))
                .advise("create it, or leave out --no-create"));
        }
        let columns = declarations(session.dialect(), &wanted, options.mode);
        let keys = if options.mode == Mode::Append {
            vec!["_ums_uid_", "_ums_op_"]
        } else {
            wanted.keys.clone()
        };
        let sql = session.dialect().create(&name, &columns, &keys);
        session.execute(&sql)?;
        // Another process may have been first, with fewer columns.
        let found = read(session, &name)?;
        if found.len() < columns.len() {
            change(session, &wanted, options, &found, made)?;
        }
    } else {
        change(session, &wanted, options, &found, made)?;
    }
    if made {
        remember(session, &wanted)?;
    }
    let tombstone = tombstone_name(&name);
    let mut tombstones = !read(session, &tombstone)?.is_empty();
    if options.mode == Mode::Upsert && options.delete == Delete::Hard && !tombstones {
        let mut columns = declarations(session.dialect(), &wanted, options.mode);
        columns
            .retain(|(column, _)| column == "_ums_id_" || wanted.keys.contains(&column.as_str()));
        let sql = session.dialect().create(&tombstone, &columns, &wanted.keys);
        session.execute(&sql)?;
        tombstones = true;
    }
    let now = read(session, &name)?;
    let changed = now != found;
    let mut shape = shape(header, &wanted, options, now, tombstones)?;
    if options.on_truncate == OnTruncate::Apply && options.mode == Mode::Upsert {
        shape.fence = Some(super::fence::of(session, wanted.namespace)?);
    }
    Ok((shape, changed))
}

/// What a first message of this schema does to an empty database: statements to read.
pub(in crate::sink) fn plan(
    dialect: &dyn Dialect,
    header: &Arc<Header>,
    options: &Options,
) -> Result<Vec<String>> {
    let wanted = Wanted::new(&header.schema, options, "")?;
    check_names(dialect, &wanted)?;
    let columns = declarations(dialect, &wanted, options.mode);
    let keys = if options.mode == Mode::Append {
        vec!["_ums_uid_", "_ums_op_"]
    } else {
        wanted.keys.clone()
    };
    let mut all = vec![dialect.create(&wanted.table.name, &columns, &keys)];
    let found = columns
        .into_iter()
        .map(|(name, declared)| {
            let declared = declared.trim_end_matches(" NOT NULL").to_owned();
            Found { name, declared, generated: false, nullable: true }
        })
        .collect();
    let shape = shape(header, &wanted, options, found, options.delete == Delete::Hard)?;
    all.extend(dialect.shown(&shape));
    Ok(all)
}

/// A name that the database would cut off could meet another one.
fn check_names(dialect: &dyn Dialect, wanted: &Wanted) -> Result<()> {
    let names = wanted.fields.iter().map(|(_, field)| field.name.as_str());
    if wanted.namespace.parts.iter().any(|part| part.contains('\0')) {
        return Err(Error::refused("a namespace holds the character NUL"));
    }
    for name in names.chain([wanted.table.name.as_str()]) {
        if dialect.name_length(name) > dialect.longest_name() || name.contains('\0') {
            return Err(Error::refused(format!(
                "{}: the name {name} is longer than the {} that the target allows",
                wanted.namespace,
                dialect.longest_name()
            ))
            .advise(
                "give a table another name with --map; a column has to be renamed in the source",
            ));
        }
    }
    Ok(())
}

/// The columns of a table; none when there is no such table.
pub(super) fn read(session: &mut dyn Session, table: &str) -> Result<Vec<Found>> {
    let sql = session.dialect().columns_query(table);
    let rows = session.query(&sql)?;
    let found = rows.into_iter().map(|row| {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        Found { name: next(), declared: next(), generated: next() == "1", nullable: next() == "1" }
    });
    Ok(found.collect())
}

/// All columns of a new table: the message's, then the sink's own.
fn declarations(dialect: &dyn Dialect, wanted: &Wanted, mode: Mode) -> Vec<(String, String)> {
    let data = wanted.fields.iter().map(|(_, field)| {
        let key = wanted.keys.contains(&field.name.as_str());
        (field.name.clone(), dialect.declare(&Kind::of(field), key))
    });
    let own = if mode == Mode::Append { APPEND_COLUMNS } else { UPSERT_COLUMNS };
    data.chain(own.map(|name| (name.to_owned(), dialect.system_column(name).to_owned()))).collect()
}

/// Claims the name; tells whether the table is of our own making.
fn claim(session: &mut dyn Session, wanted: &Wanted, mode: Mode, missing: bool) -> Result<bool> {
    let dialect = session.dialect();
    let name = dialect.registered(&wanted.table.name);
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}",
        super::session::list(dialect, ["source", "mode", "made"]),
        dialect.quote(TABLE),
        dialect.quote("name"),
        dialect.literal(&name)
    );
    let found = session.query(&sql)?.into_iter().next();
    let (mut owner, mut made) = (wanted.namespace.source(), missing);
    if let Some(row) = found.filter(|_| !missing) {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let mut next = || cells.next().unwrap_or_default();
        let (known, made_for) = (next(), next());
        made = next() == "1";
        if !judge(wanted, mode, &known, &made_for)? {
            return Ok(made);
        }
        owner = SHARED.to_owned();
    }
    // Also a table that somebody dropped meanwhile: it is made anew.
    let dialect = session.dialect();
    let values = [
        dialect.literal(&name),
        dialect.literal(&owner),
        dialect.literal(mode_name(mode)),
        u8::from(made).to_string(),
    ];
    let sql = dialect.replace(TABLE, &["name", "source", "mode", "made"], 1, &values);
    session.execute(&sql)?;
    if missing {
        let dialect = session.dialect();
        let (table, column) = (dialect.quote(COLUMN), dialect.quote("name"));
        let sql = format!("DELETE FROM {table} WHERE {column} = {}", dialect.literal(&name));
        session.execute(&sql)?;
    }
    Ok(made)
}

/// The kinds that columns of our making have.
fn kinds(session: &mut dyn Session, table: &str) -> Result<BTreeMap<String, Kind>> {
    let dialect = session.dialect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {} = {}",
        super::session::list(dialect, ["column", "type"]),
        dialect.quote(COLUMN),
        dialect.quote("name"),
        dialect.literal(&dialect.registered(table))
    );
    let rows = session.query(&sql)?;
    let kind = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        Some((cells.next()?, Kind::parse(&cells.next()?)?))
    };
    Ok(rows.into_iter().filter_map(kind).collect())
}

/// Writes down the kinds of columns that have been made.
fn remember(session: &mut dyn Session, wanted: &Wanted) -> Result<()> {
    let known = kinds(session, &wanted.table.name)?;
    for (_, field) in &wanted.fields {
        if !known.contains_key(&field.name) {
            store_kind(session, &wanted.table.name, &field.name, &Kind::of(field))?;
        }
    }
    Ok(())
}

fn store_kind(session: &mut dyn Session, table: &str, column: &str, kind: &Kind) -> Result<()> {
    let dialect = session.dialect();
    let table = dialect.registered(table);
    let values = [dialect.literal(&table), dialect.literal(column), dialect.literal(&kind.name())];
    let sql = dialect.replace(COLUMN, &["name", "column", "type"], 2, &values);
    session.execute(&sql)
}

/// Brings an existing table to what the message needs.
fn change(
    session: &mut dyn Session,
    wanted: &Wanted,
    options: &Options,
    found: &[Found],
    made: bool,
) -> Result<()> {
    let name = &wanted.table.name;
    let has = |column: &str| found.iter().any(|found| found.name.eq_ignore_ascii_case(column));
    let mut missing = declarations(session.dialect(), wanted, options.mode);
    missing.retain(|(column, _)| !has(column));
    if options.no_create && !missing.is_empty() {
        let columns: Vec<_> = missing.iter().map(|(column, _)| column.as_str()).collect();
        return Err(Error::refused(format!("table {name} lacks columns {}", columns.join(", ")))
            .advise("add them, or leave out --no-create"));
    }
    let mut there = found.to_vec();
    for (name_of_column, declared) in missing {
        let dialect = session.dialect();
        let declared = dialect.added(&declared, &there);
        let (table, column) = (dialect.quote(name), dialect.quote(&name_of_column));
        session.execute(&format!("ALTER TABLE {table} ADD COLUMN {column} {declared}"))?;
        there.push(Found { name: name_of_column, declared, generated: false, nullable: true });
    }
    let keys = if options.mode == Mode::Append {
        vec!["_ums_uid_", "_ums_op_"]
    } else {
        wanted.keys.clone()
    };
    if !has_unique(session, name, &keys)? {
        return Err(Error::refused(format!(
            "{}: table {name} has no unique index on its key ({})",
            wanted.namespace,
            keys.join(", ")
        ))
        .advise("create it, or name other columns with --keys"));
    }
    // Somebody else's declarations are that person's choice.
    if !made || options.no_create {
        return Ok(());
    }
    let known = kinds(session, name)?;
    for (_, field) in &wanted.fields {
        let Some(old) = known.get(&field.name) else { continue };
        let place =
            |error: Error| error.at(format_args!("{}: column {}", wanted.namespace, field.name));
        let joined = old.join(&Kind::of(field)).map_err(place)?;
        if joined != *old {
            let key = wanted.keys.contains(&field.name.as_str());
            let dialect = session.dialect();
            let declared = dialect.declare(&joined, key);
            if declared != dialect.declare(old, key) {
                // The side table first: the kind, which is stored last, says that both are done.
                let side = tombstone_name(name);
                for table in [side.as_str(), name.as_str()] {
                    if table == name || (key && !read(session, &side)?.is_empty()) {
                        let sql = session.dialect().alter_type(table, &field.name, &declared);
                        session.execute(&sql).map_err(place)?;
                    }
                }
            }
            store_kind(session, name, &field.name, &joined)?;
        }
    }
    Ok(())
}

/// Whether the columns are the primary key or have a unique index of their own.
fn has_unique(session: &mut dyn Session, table: &str, keys: &[&str]) -> Result<bool> {
    let sql = session.dialect().unique_query(table);
    let mut indexes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in session.query(&sql)? {
        let mut cells = row.into_iter().map(Option::unwrap_or_default);
        let index = cells.next().unwrap_or_default();
        indexes.entry(index).or_default().push(cells.next().unwrap_or_default());
    }
    Ok(indexes.values().any(|columns| {
        columns.len() == keys.len()
            && columns.iter().all(|name| keys.iter().any(|key| key.eq_ignore_ascii_case(name)))
    }))
}

fn shape(
    header: &Arc<Header>,
    wanted: &Wanted,
    options: &Options,
    found: Vec<Found>,
    tombstones: bool,
) -> Result<Shape> {
    let system = header.system;
    let lacks =
        |name: &str| Error::data(format!("{}: the message has no field {name}", wanted.namespace));
    if options.mode == Mode::Append {
        system.uid.ok_or_else(|| lacks("_ums_uid_"))?;
        system.op.ok_or_else(|| lacks("_ums_op_"))?;
    }
    let mut columns = Vec::new();
    for (cell, field) in &wanted.fields {
        let column = found.iter().find(|found| found.name.eq_ignore_ascii_case(&field.name));
        let column = column.ok_or_else(|| {
            Error::refused(format!("{}: column {} went away", wanted.namespace, field.name))
        })?;
        let key = wanted.keys.contains(&field.name.as_str());
        if column.generated && key {
            return Err(Error::refused(format!(
                "{}: the target computes the key column {} itself",
                wanted.namespace, field.name
            ))
            .advise("name other columns with --keys, or use another table (--map)"));
        }
        if !column.generated {
            columns.push(Column {
                cell: *cell,
                name: column.name.clone(),
                ty: field.ty,
                declared: column.declared.clone(),
                key,
            });
        }
    }
    let own = if options.mode == Mode::Append { APPEND_COLUMNS } else { UPSERT_COLUMNS };
    let present = |name: &str| {
        let mut data = wanted.fields.iter();
        data.any(|(_, field)| field.name.eq_ignore_ascii_case(name)) || own.contains(&name)
    };
    // What takes no NULL is no column of the source's that a partial image left out.
    let absent = found
        .into_iter()
        .filter(|found| !found.generated && found.nullable && !present(&found.name));
    Ok(Shape {
        header: Arc::clone(header),
        table: wanted.table.name.clone(),
        columns,
        absent: absent.map(|found| found.name).collect(),
        id: system.id.ok_or_else(|| lacks("_ums_id_"))?,
        ts: system.ts,
        op: system.op,
        uid: system.uid,
        mode: options.mode,
        delete: options.delete,
        tombstones,
        fence: None,
    })
}
