//! HOT in `apply`. A connection to PostgreSQL. Uses `error` and the shapes.
//!
//! Rows go as arrays, one a column, in one statement over `unnest` that is prepared once a shape:
//! one round trip a group, no staging table whose making and emptying would fill the catalogue.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use postgres::types::ToSql;
use postgres::{Client, SimpleQueryMessage, Statement};

use super::arrays::Array;
use super::blame;
use super::dialect::PostgresDialect;
use crate::error::{Error, Result};
use crate::postgres::failure;
use crate::postgres::login::Login;
use crate::sink::sql::session::{Dialect, Session, tombstone_name};
use crate::sink::sql::shape::{Column, Group, Shape};
use crate::sink::target::{Delete, Mode};
use crate::ums::{Cell, Op, Type};

/// Statements kept; each is a schema of a message.
const MAX_PREPARED: usize = 1024;

/// The session.
pub(super) struct PostgresSession {
    client: Client,
    name: String,
    /// By the address of the shape, which the entry keeps alive.
    prepared: HashMap<usize, (Arc<Shape>, Statement, Option<Statement>)>,
}

impl PostgresSession {
    /// Connects and settles what the session means by text and time.
    pub(super) fn open(login: &Login) -> Result<Self> {
        let mut client = login.connect()?;
        let mut settings = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = \
                            'postgres'; SET standard_conforming_strings = on; SET client_min_messages \
                            = warning; SET lock_timeout = '50s'"
            .to_owned();
        if let Some(schema) = &login.schema {
            settings.push_str(&format!("; SET search_path = {}", PostgresDialect.quote(schema)));
        }
        // A position that has moved promises that the rows are there after a crash, too.
        settings.push_str(
            "; SELECT set_config('synchronous_commit', 'on', false) WHERE \
             current_setting('synchronous_commit') = 'off'",
        );
        client.batch_execute(&settings).map_err(|error| failure::from(&login.name, error))?;
        Ok(Self { client, name: login.name.clone(), prepared: HashMap::new() })
    }

    fn prepare(&mut self, shape: &Arc<Shape>) -> Result<(Statement, Option<Statement>)> {
        let key = Arc::as_ptr(shape) as usize;
        if let Some((_, upsert, delete)) = self.prepared.get(&key) {
            return Ok((upsert.clone(), delete.clone()));
        }
        let failed =
            |error| failure::from(format_args!("{}: table {}", self.name, shape.table), error);
        let kinds = shape.columns.iter().map(|column| Array::oid(column.ty == Type::Binary));
        let types: Vec<_> = kinds.chain((0..4).map(|_| Array::oid(false))).collect();
        let sql = PostgresDialect.upsert(shape);
        let upsert = self.client.prepare_typed(&sql, &types).map_err(failed)?;
        let delete = if shape.mode == Mode::Upsert && shape.delete == Delete::Hard {
            let keys = shape.keys().map(|column| Array::oid(column.ty == Type::Binary));
            let types: Vec<_> = keys.chain([Array::oid(false)]).collect();
            let sql = PostgresDialect.delete(shape);
            Some(self.client.prepare_typed(&sql, &types).map_err(failed)?)
        } else {
            None
        };
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        }
        self.prepared.insert(key, (Arc::clone(shape), upsert.clone(), delete.clone()));
        Ok((upsert, delete))
    }

    fn run(&mut self, statement: &Statement, arrays: &[Array]) -> Result<()> {
        let parameters: Vec<&(dyn ToSql + Sync)> =
            arrays.iter().map(|array| array as &(dyn ToSql + Sync)).collect();
        let done = self.client.execute(statement, &parameters);
        done.map(drop).map_err(|error| failure::from(&self.name, error))
    }
}

impl Session for PostgresSession {
    fn execute(&mut self, sql: &str) -> Result<()> {
        self.client.batch_execute(sql).map_err(|error| failure::from(&self.name, error))
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let messages =
            self.client.simple_query(sql).map_err(|error| failure::from(&self.name, error))?;
        let rows = messages.into_iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    fn apply(&mut self, group: &Group, rows: Range<usize>) -> Result<()> {
        let shape = &group.shape;
        let (upsert, delete) = self.prepare(shape)?;
        let dead =
            |at: &usize| delete.is_some() && group.get(*at).is_some_and(|row| row.op == Op::Delete);
        let (dead, live): (Vec<usize>, Vec<usize>) = rows.partition(dead);
        if shape.tombstones && shape.mode == Mode::Upsert {
            // A delete of another process, which this statement does not see yet, and a row of it
            // that comes late must not pass each other.
            let side = PostgresDialect.quote(&tombstone_name(&shape.table));
            self.execute(&format!("LOCK TABLE {side} IN SHARE ROW EXCLUSIVE MODE"))?;
        }
        if !live.is_empty() {
            let columns: Vec<&Column> = shape.columns.iter().collect();
            let arrays = gather(group, &live, &columns, true)?;
            self.run(&upsert, &arrays)?;
        }
        if let Some(delete) = delete.filter(|_| !dead.is_empty()) {
            let columns: Vec<&Column> = shape.keys().collect();
            let arrays = gather(group, &dead, &columns, false)?;
            self.run(&delete, &arrays)?;
        }
        Ok(())
    }

    fn blame(&mut self, group: &Group, at: usize, error: Error) -> Error {
        if error.to_string().starts_with("column") {
            return error;
        }
        match blame::column(&mut self.client, group, at) {
            Some(column) => error.at(format_args!("column {column}")),
            None => error,
        }
    }

    fn dialect(&self) -> &dyn Dialect {
        &PostgresDialect
    }

    fn version(&mut self) -> Result<String> {
        let rows = self.query("SHOW server_version")?;
        let version = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        Ok(format!("PostgreSQL {version}"))
    }
}

/// The cells of some rows, column by column; with ids, and times, ops, activity or uids.
fn gather(group: &Group, rows: &[usize], columns: &[&Column], whole: bool) -> Result<Vec<Array>> {
    let shape = &group.shape;
    let fields = shape.header.schema.fields.len();
    let mut arrays: Vec<Array> =
        columns.iter().map(|column| Array::new(column.ty == Type::Binary)).collect();
    let (mut ids, mut times) = (Array::new(false), Array::new(false));
    let (mut ops, mut last) = (Array::new(false), Array::new(false));
    let mut cells = Vec::with_capacity(fields);
    for row in rows.iter().filter_map(|at| group.get(*at)) {
        row.row.split(fields, &mut cells)?;
        for (column, array) in columns.iter().zip(&mut arrays) {
            let cell = cells.get(column.cell).unwrap_or(&Cell::Null);
            array
                .push_cell(cell, column.ty)
                .map_err(|error| error.at(format_args!("column {}", column.name)))?;
        }
        ids.push(Some(row.id.to_string().as_bytes()))?;
        if whole {
            let at = |at: Option<usize>| at.and_then(|at| cells.get(at)).unwrap_or(&Cell::Null);
            times.push_cell(at(shape.ts), Type::Datetime)?;
            let mut letter = [0; 4];
            ops.push(Some(row.op.letter().encode_utf8(&mut letter).as_bytes()))?;
            match shape.mode {
                Mode::Append => last.push_cell(at(shape.uid), Type::String)?,
                Mode::Upsert => {
                    last.push(Some(if row.op == Op::Delete { b"0" } else { b"1" }))?;
                }
            }
        }
    }
    arrays.push(ids);
    if whole {
        arrays.extend([times, ops, last]);
    }
    Ok(arrays)
}
