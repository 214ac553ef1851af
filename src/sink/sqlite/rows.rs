//! HOT. The rows of a message as bound statements. Uses `error`, `ums` and the statements.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection};

use super::failure;
use super::statement::{self, Upsert};
use super::table::Table;
use super::value::{Affinity, Form};
use crate::error::{Error, Result};
use crate::sink::reject::{Rejects, row_name};
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
    /// Rows below this id left the source with a TRUNCATE or DROP; in upsert mode only.
    fence: Option<i64>,
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
        fence: Option<i64>,
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
            fence: fence.filter(|_| options.mode == Mode::Upsert),
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

/// Applies the rows of one message in order; gives the number of those that are taken over. Rows
/// that SQLite does not take go to `rejects`.
pub(super) fn write_rows(
    connection: &Connection,
    prepared: &Prepared,
    message: &Message,
    rejects: &Rejects,
) -> Result<u64> {
    let schema = &prepared.header.schema;
    let mut writer = Writer::new(connection, prepared)?;
    let mut cells = Vec::with_capacity(schema.fields.len());
    let (mut number, mut taken) = (0_u64, 0);
    for row in message.rows() {
        number += 1;
        let row = row?;
        row.split(schema.fields.len(), &mut cells)
            .map_err(|error| error.at(format_args!("row {number}")).at(&schema.namespace))?;
        let Err(error) = writer.row(&cells) else {
            taken += 1;
            continue;
        };
        let error = error.at(row_name(schema, number, &cells));
        // A trigger may have rolled back the whole transaction, and rows before this one with it.
        if connection.is_autocommit() {
            return Err(Error::refused(error.to_string())
                .advise("the target's trigger ended the transaction; let it ABORT, not ROLLBACK"));
        }
        let error = error.at(&schema.namespace);
        rejects.row(message.protocol, schema, row.bytes, error)?;
    }
    Ok(taken)
}

/// The statements of a message at work.
struct Writer<'a> {
    prepared: &'a Prepared,
    main: CachedStatement<'a>,
    /// Of `--delete hard`: the delete and the tombstone.
    hard: Option<[CachedStatement<'a>; 2]>,
    append: bool,
}

impl<'a> Writer<'a> {
    fn new(connection: &'a Connection, prepared: &'a Prepared) -> Result<Self> {
        let failed = |error| failure::from("cannot prepare a statement", error);
        let cached = |sql: &String| connection.prepare_cached(sql).map_err(failed);
        let (main, hard) = match &prepared.statements {
            Statements::Append(sql) | Statements::Soft(sql) => (cached(sql)?, None),
            Statements::Hard { upsert, delete, tombstone } => {
                (cached(upsert)?, Some([cached(delete)?, cached(tombstone)?]))
            }
        };
        let append = matches!(prepared.statements, Statements::Append(_));
        Ok(Self { prepared, main, hard, append })
    }

    fn row(&mut self, cells: &[Cell]) -> Result<()> {
        let prepared = self.prepared;
        let op = prepared.op(cells)?;
        let last = prepared.columns.len() + 4;
        if self.append {
            prepared.bind(&mut self.main, cells, false)?;
            let uid = prepared.uid.and_then(|at| cells.get(at));
            if matches!(uid, None | Some(Cell::Null)) {
                return Err(Error::data("_ums_uid_ is null"));
            }
            bind_text(&mut self.main, last, uid)?;
            return run(&mut self.main);
        }
        if prepared.is_behind_the_fence(cells)? {
            return Ok(());
        }
        match (op, &mut self.hard) {
            (Op::Before, _) => Ok(()),
            (Op::Delete, Some(statements)) => statements.iter_mut().try_for_each(|statement| {
                prepared.bind(statement, cells, true)?;
                run(statement)
            }),
            (op, _) => {
                prepared.bind(&mut self.main, cells, false)?;
                let active = i64::from(op != Op::Delete);
                let bound = self.main.raw_bind_parameter(last, active);
                bound.map_err(|error| failure::from("_is_active_", error))?;
                run(&mut self.main)
            }
        }
    }
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

    /// Whether the row left the source with a TRUNCATE or DROP that has been applied already.
    fn is_behind_the_fence(&self, cells: &[Cell]) -> Result<bool> {
        let Some(fence) = self.fence else { return Ok(false) };
        let text = cells.get(self.id).map(|cell| cell.text()).transpose()?.flatten();
        // What is no number is refused where it is bound.
        Ok(text.and_then(|text| text.parse::<i64>().ok()).is_some_and(|id| id < fence))
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
