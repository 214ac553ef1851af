//! HOT. The rows of a message as bound statements. Uses `error`, `ums` and the statements.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection};

use super::failure;
use super::statement::{self, Upsert};
use super::table::Table;
use super::value::{Affinity, Form};
use crate::error::{Error, Result};
use crate::sink::target::{Delete, Mode, Options};
use crate::sink::wanted::Wanted;
use crate::ums::decode::Header;
use crate::ums::{Cell, Message, Op};

/// What is decided once a schema.
pub(super) struct Prepared {
    /// The schema; kept alive here, so that its address names it.
    pub(super) header: Arc<Header>,
    /// The data columns in parameter order: cell, form, whether it belongs to the key.
    columns: Vec<(usize, Form, bool)>,
    id: usize,
    ts: Option<usize>,
    op: Option<usize>,
    uid: Option<usize>,
    statements: Statements,
}

/// The SQL of a message's rows.
pub(super) enum Statements {
    Append(String),
    /// A delete is an upsert, too.
    Soft(String),
    Hard {
        upsert: String,
        delete: String,
        tombstone: String,
    },
}

impl Prepared {
    /// Decides; an error when the message lacks a system column that the mode needs.
    pub(super) fn new(
        header: &Arc<Header>,
        wanted: &Wanted,
        table: &Table,
        options: &Options,
    ) -> Result<Self> {
        let system = header.system;
        let lacks = |name: &str| {
            Error::data(format!("{}: the message has no field {name}", wanted.namespace))
        };
        let columns = wanted
            .fields
            .iter()
            .map(|(cell, field)| {
                let declared = table.column(&field.name).map_or("", |column| &column.declared);
                let form = Form::of(field.ty, Affinity::of(declared));
                (*cell, form, wanted.keys.contains(&field.name.as_str()))
            })
            .collect();
        if options.mode == Mode::Append {
            system.uid.ok_or_else(|| lacks("_ums_uid_"))?;
            system.op.ok_or_else(|| lacks("_ums_op_"))?;
        }
        Ok(Self {
            header: Arc::clone(header),
            columns,
            id: system.id.ok_or_else(|| lacks("_ums_id_"))?,
            ts: system.ts,
            op: system.op,
            uid: system.uid,
            statements: Statements::new(wanted, table, options),
        })
    }
}

impl Statements {
    /// The SQL for a message over a table as it stands.
    pub(super) fn new(wanted: &Wanted, table: &Table, options: &Options) -> Self {
        let present: Vec<&str> =
            wanted.fields.iter().map(|(_, field)| field.name.as_str()).collect();
        if options.mode == Mode::Append {
            return Self::Append(statement::append(&table.name, &present));
        }
        let own = |name: &str| statement::UPSERT_COLUMNS.iter().any(|(own, _)| *own == name);
        let absent: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| !own(name) && !present.iter().any(|had| had.eq_ignore_ascii_case(name)))
            .collect();
        let upsert = Upsert {
            table: &table.name,
            keys: &wanted.keys,
            present: &present,
            absent: &absent,
            tombstones: table.tombstones,
        };
        match options.delete {
            Delete::Soft => Self::Soft(upsert.sql()),
            Delete::Hard => Self::Hard {
                upsert: upsert.sql(),
                delete: upsert.delete_sql(),
                tombstone: upsert.tombstone_sql(),
            },
        }
    }

    /// Every statement.
    pub(super) fn all(&self) -> Vec<&String> {
        match self {
            Self::Append(sql) | Self::Soft(sql) => vec![sql],
            Self::Hard { upsert, delete, tombstone } => vec![upsert, delete, tombstone],
        }
    }
}

/// Applies the rows of one message in order; gives their number.
pub(super) fn write_rows(
    connection: &Connection,
    prepared: &Prepared,
    message: &Message,
) -> Result<u64> {
    let failed = |error| failure::from("cannot prepare a statement", error);
    let cached = |sql: &String| connection.prepare_cached(sql).map_err(failed);
    let (mut main, mut hard) = match &prepared.statements {
        Statements::Append(sql) | Statements::Soft(sql) => (cached(sql)?, None),
        Statements::Hard { upsert, delete, tombstone } => {
            (cached(upsert)?, Some((cached(delete)?, cached(tombstone)?)))
        }
    };
    let append = matches!(prepared.statements, Statements::Append(_));
    let fields = prepared.header.schema.fields.len();
    let mut cells = Vec::with_capacity(fields);
    let mut count = 0_u64;
    for row in message.rows() {
        count += 1;
        let place = |error: Error| error.at(format_args!("row {count}"));
        row?.split(fields, &mut cells).map_err(place)?;
        let op = prepared.op(&cells).map_err(place)?;
        if append {
            prepared.bind(&mut main, &cells, false)?;
            let uid = prepared.uid.and_then(|at| cells.get(at));
            if matches!(uid, None | Some(Cell::Null)) {
                return Err(place(Error::data("_ums_uid_ is null")));
            }
            bind_text(&mut main, prepared.columns.len() + 4, uid)?;
            run(&mut main).map_err(place)?;
            continue;
        }
        match (op, &mut hard) {
            (Op::Before, _) => {}
            (Op::Delete, Some((delete, tombstone))) => {
                for statement in [delete, tombstone] {
                    prepared.bind(statement, &cells, true).map_err(place)?;
                    run(statement).map_err(place)?;
                }
            }
            (op, _) => {
                prepared.bind(&mut main, &cells, false).map_err(place)?;
                let active = i64::from(op != Op::Delete);
                let bound = main.raw_bind_parameter(prepared.columns.len() + 4, active);
                bound.map_err(|error| failure::from("_is_active_", error))?;
                run(&mut main).map_err(place)?;
            }
        }
    }
    Ok(count)
}

fn run(statement: &mut CachedStatement<'_>) -> Result<()> {
    statement.raw_execute().map(|_| ()).map_err(|error| failure::from("SQLite refuses it", error))
}

fn bind_text(statement: &mut CachedStatement, at: usize, cell: Option<&Cell>) -> Result<()> {
    let value = Form::Text.value(cell.unwrap_or(&Cell::Null))?;
    statement
        .raw_bind_parameter(at, value)
        .map_err(|error| failure::from("SQLite refuses it", error))
}

impl Prepared {
    /// A row without an op is one that exists.
    fn op(&self, cells: &[Cell]) -> Result<Op> {
        let Some(cell) = self.op.and_then(|at| cells.get(at)) else { return Ok(Op::Insert) };
        let text = cell.text()?.unwrap_or_default();
        Op::parse(text.as_bytes()).ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))
    }

    /// Binds the data columns (or the key alone), id, ts and op.
    fn bind(&self, statement: &mut CachedStatement, cells: &[Cell], key_only: bool) -> Result<()> {
        let refused = |error| failure::from("SQLite refuses it", error);
        for (index, (cell, form, key)) in self.columns.iter().enumerate() {
            if key_only && !key {
                continue;
            }
            let cell_value = cells.get(*cell).unwrap_or(&Cell::Null);
            if *key && *cell_value == Cell::Null {
                return Err(Error::data(format!("key column {} is null", self.field(*cell))));
            }
            let value = form
                .value(cell_value)
                .map_err(|error| error.at(format_args!("column {}", self.field(*cell))))?;
            statement.raw_bind_parameter(index + 1, value).map_err(refused)?;
        }
        let after = self.columns.len() + 1;
        let id = cells.get(self.id).unwrap_or(&Cell::Null);
        if *id == Cell::Null {
            return Err(Error::data("_ums_id_ is null"));
        }
        let id = Form::Integer.value(id).map_err(|error| error.at("column _ums_id_"))?;
        statement.raw_bind_parameter(after, id).map_err(refused)?;
        if key_only {
            return Ok(());
        }
        bind_text(statement, after + 1, self.ts.and_then(|at| cells.get(at)))?;
        bind_text(statement, after + 2, self.op.and_then(|at| cells.get(at)))
    }

    fn field(&self, cell: usize) -> &str {
        self.header.schema.fields.get(cell).map_or("", |field| &field.name)
    }
}
