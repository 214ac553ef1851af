//! HOT in `apply`. A connection to MySQL or MariaDB. Uses `error`, `mysql` and the shapes.
//!
//! Rows go as INSERT statements of many rows with the values in their text. That needs neither
//! LOCAL INFILE, which servers switch off, nor a round trip a statement to prepare.

use std::ops::Range;

use mysql::prelude::Queryable;
use mysql::{Conn, Value};

use super::dialect::MySqlDialect;
use super::encode::push_value;
use super::failure;
use crate::error::{Error, Result};
use crate::mysql::connect::connect;
use crate::mysql::options::ConnectOptions;
use crate::sink::sql::session::{Dialect, Session};
use crate::sink::sql::shape::{Column, Group, GroupRow, Shape};
use crate::sink::target::{Delete, Mode};
use crate::ums::{Cell, Op, Type};

/// A statement is sent when it is that long.
const STATEMENT: usize = 1 << 20;
/// What a statement needs beside its values.
const RESERVE: usize = 64 << 10;

/// Text is UTF-8, times are UTC, zero dates travel, and nothing is cut off in silence.
const MODES: &str =
    "STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION";

/// What the server decides and the session has to know.
const SETTINGS: &str = "SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', \
                        'lower_case_table_names')";

/// What a server may be set to for the sake of people is not for us. A table that somebody else
/// keeps locked is waited for as long as a row, and then people hear of it.
const LIMITS: &str = "SET SESSION sql_safe_updates = 0, sql_big_selects = 1, sql_select_limit = \
                      18446744073709551615, lock_wait_timeout = 50";

/// The session.
pub(super) struct MySqlSession {
    connection: Conn,
    /// The address, for messages.
    name: String,
    dialect: MySqlDialect,
    version: String,
    /// The server's largest packet.
    packet: usize,
}

impl MySqlSession {
    /// Connects and settles what the session means by text, time and errors.
    pub(super) fn open(options: &ConnectOptions, repeatable: bool) -> Result<Self> {
        let mut connection = connect(options)?;
        let name = options.to_string();
        let failed = |error| failure::from(&name, error);
        connection.query_drop(LIMITS).map_err(failed)?;
        let settings: Vec<(String, String)> = connection.query(SETTINGS).map_err(failed)?;
        let is = |name: &str, value: &str| {
            settings.iter().any(|(found, its)| found == name && its.eq_ignore_ascii_case(value))
        };
        // A log of statements takes no rows from the other level.
        let statements = is("log_bin", "ON") && is("binlog_format", "STATEMENT");
        let isolation = match repeatable || statements {
            true => "REPEATABLE READ",
            false => "READ COMMITTED",
        };
        for sql in [
            "SET NAMES utf8mb4".to_owned(),
            format!("SET SESSION sql_mode = '{MODES}', time_zone = '+00:00', autocommit = 1"),
            format!("SET SESSION TRANSACTION ISOLATION LEVEL {isolation}"),
        ] {
            connection.query_drop(sql).map_err(failed)?;
        }
        let found: Option<(String, usize)> = connection
            .query_first("SELECT VERSION(), @@max_allowed_packet")
            .map_err(|error| failure::from(&name, error))?;
        let (version, packet) = found.unwrap_or_default();
        let mariadb = version.to_ascii_lowercase().contains("mariadb");
        let dialect = MySqlDialect { mariadb, folded: !is("lower_case_table_names", "0") };
        Ok(Self { connection, name, dialect, version, packet })
    }

    fn run(&mut self, sql: &str) -> Result<()> {
        self.connection.query_drop(sql).map_err(|error| failure::from(&self.name, error))
    }

    /// Sends `head`, an item a row, `end`, in statements of a fitting size.
    fn in_statements(
        &mut self,
        group: &Group,
        rows: &[usize],
        (head, end): (&str, &str),
        push: fn(&mut String, &Shape, &[Cell], &GroupRow) -> Result<()>,
    ) -> Result<()> {
        let shape = &group.shape;
        let fields = shape.header.schema.fields.len();
        let limit = self.packet.saturating_sub(RESERVE + end.len()).max(1024);
        let mut cells = Vec::with_capacity(fields);
        let mut sql = String::with_capacity(STATEMENT.min(limit) + RESERVE);
        for row in rows.iter().filter_map(|at| group.get(*at)) {
            row.row.split(fields, &mut cells)?;
            let start = sql.len();
            sql.push_str(if start == 0 { head } else { "," });
            push(&mut sql, shape, &cells, &row)?;
            if sql.len() > limit && start > 0 {
                // One row too many: it opens the next statement.
                let last = sql.split_off(start);
                sql.push_str(end);
                self.run(&sql)?;
                sql.clear();
                sql.push_str(head);
                sql.push_str(last.get(1..).unwrap_or_default());
            }
            if sql.len() > limit {
                return Err(Error::data(format!(
                    "the row takes {} bytes of SQL, more than the server's max_allowed_packet",
                    sql.len()
                )));
            }
            if sql.len() >= STATEMENT {
                sql.push_str(end);
                self.run(&sql)?;
                sql.clear();
            }
        }
        if !sql.is_empty() {
            sql.push_str(end);
            self.run(&sql)?;
        }
        Ok(())
    }

    /// Rows that exist; and those of them go again that a remembered delete is newer than.
    fn upsert(&mut self, group: &Group, rows: &[usize]) -> Result<()> {
        let shape = &group.shape;
        let (head, end) = self.dialect.upsert(shape);
        self.in_statements(group, rows, (&head, &end), push_row)?;
        if shape.tombstones && shape.mode == Mode::Upsert {
            let head = format!("{}(", self.dialect.sweep(shape, false));
            self.in_statements(group, rows, (&head, ")"), push_key)?;
        }
        Ok(())
    }

    /// Rows that go, and a memory of them.
    fn delete(&mut self, group: &Group, rows: &[usize]) -> Result<()> {
        let (head, end) = self.dialect.tombstone(&group.shape);
        self.in_statements(group, rows, (&head, &end), push_tombstone)?;
        let head = format!("{}(", self.dialect.sweep(&group.shape, true));
        self.in_statements(group, rows, (&head, ")"), push_key)
    }
}

impl Session for MySqlSession {
    fn execute(&mut self, sql: &str) -> Result<()> {
        self.run(sql)
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        let rows: Vec<mysql::Row> =
            self.connection.query(sql).map_err(|error| failure::from(&self.name, error))?;
        let text = |value: Value| match value {
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Value::Int(number) => Some(number.to_string()),
            Value::UInt(number) => Some(number.to_string()),
            _ => None,
        };
        Ok(rows
            .into_iter()
            .map(|row| row.unwrap_raw().into_iter().map(|v| v.and_then(text)).collect())
            .collect())
    }

    fn apply(&mut self, group: &Group, rows: Range<usize>) -> Result<()> {
        let hard = group.shape.mode == Mode::Upsert && group.shape.delete == Delete::Hard;
        let dead = |at: &usize| hard && group.get(*at).is_some_and(|row| row.op == Op::Delete);
        let (dead, live): (Vec<usize>, Vec<usize>) = rows.partition(dead);
        self.upsert(group, &live)?;
        self.delete(group, &dead)
    }

    fn dialect(&self) -> &dyn Dialect {
        &self.dialect
    }

    fn version(&mut self) -> Result<String> {
        let name = if self.dialect.mariadb { "MariaDB" } else { "MySQL" };
        let rows = self.query("SELECT @@innodb_flush_log_at_trx_commit")?;
        let flush = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        let risk = match flush.as_str() {
            "1" => String::new(),
            _ => format!(
                "; innodb_flush_log_at_trx_commit = {flush}: a crash of its machine takes commits back \
                 that were confirmed"
            ),
        };
        Ok(format!("{name} {}{risk}", self.version))
    }
}

fn push_cell(sql: &mut String, cells: &[Cell], column: &Column) -> Result<()> {
    let cell = cells.get(column.cell).unwrap_or(&Cell::Null);
    push_value(sql, cell, column.ty)
        .map_err(|error| error.at(format_args!("column {}", column.name)))
}

/// `(values, id, ts, op, active or uid)`.
fn push_row(sql: &mut String, shape: &Shape, cells: &[Cell], row: &GroupRow) -> Result<()> {
    sql.push('(');
    for column in &shape.columns {
        push_cell(sql, cells, column)?;
        sql.push(',');
    }
    sql.push_str(&row.id.to_string());
    sql.push(',');
    let at = |at: Option<usize>| at.and_then(|at| cells.get(at)).unwrap_or(&Cell::Null);
    push_value(sql, at(shape.ts), Type::Datetime)?;
    sql.push_str(",'");
    sql.push(row.op.letter());
    sql.push_str("',");
    match shape.mode {
        Mode::Append => push_value(sql, at(shape.uid), Type::String)?,
        Mode::Upsert => sql.push(if row.op == Op::Delete { '0' } else { '1' }),
    }
    sql.push(')');
    Ok(())
}

/// `(keys)`.
fn push_key(sql: &mut String, shape: &Shape, cells: &[Cell], _: &GroupRow) -> Result<()> {
    for (index, column) in shape.keys().enumerate() {
        sql.push(if index == 0 { '(' } else { ',' });
        push_cell(sql, cells, column)?;
    }
    sql.push(')');
    Ok(())
}

/// `(keys, id)`.
fn push_tombstone(sql: &mut String, shape: &Shape, cells: &[Cell], row: &GroupRow) -> Result<()> {
    push_key(sql, shape, cells, row)?;
    sql.pop();
    sql.push(',');
    sql.push_str(&row.id.to_string());
    sql.push(')');
    Ok(())
}
