//! HOT. SQLite: the newest image of each key, or every change as a row; the position in the same
//! transaction. Uses `error`, `ums`, `sink`.
//!
//! One transaction lasts from the first message after a flush to the flush. Within it each row is
//! one statement without a round trip; the guard in the statement (an id not below the stored one
//! wins) makes order inside a batch, redelivery and late rows all come out the same.

mod failure;
mod position;
mod statement;
mod table;
mod value;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{CachedStatement, Connection, OpenFlags};

use self::statement::Upsert;
use self::table::{Table, Wanted};
use self::value::{Affinity, Form};
use super::target::{Delete, Mode, Options, Target};
use super::{Flush, Sink, Spec, Written};
use crate::error::{Error, Result};
use crate::ums::decode::Header;
use crate::ums::{Cell, Marker, Message, Op, Schema};
use crate::url::{Opt, Url};

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "sqlite",
    form: "sqlite:PATH",
    summary: "a SQLite database: tables created and widened, the position beside the rows",
    options: &[
        Opt {
            name: "busy",
            meaning: "Seconds to wait while another process writes",
            default: "10",
        },
        Opt { name: "cache", meaning: "MiB of page cache", default: "64" },
    ],
    flush: Flush::Costly { rows: 100_000, bytes: 64 << 20, seconds: 1 },
    example: "sqlite:shop.db",
    open,
    probe,
    plan,
    positions: Some(positions),
};

/// Schemas remembered; more are met only when somebody alters tables all day long.
const MAX_PREPARED: usize = 4096;

/// The sink.
struct Sqlite {
    connection: Connection,
    /// The address, for messages.
    name: String,
    options: Options,
    /// By the address of the header, which `Prepared` keeps alive.
    prepared: HashMap<usize, Arc<Prepared>>,
    in_transaction: bool,
    /// The markers of the last flush.
    stored: Vec<Marker>,
}

/// What is decided once a schema.
struct Prepared {
    header: Arc<Header>,
    /// The data columns in parameter order: cell, form, whether it belongs to the key.
    columns: Vec<(usize, Form, bool)>,
    id: usize,
    ts: Option<usize>,
    op: Option<usize>,
    uid: Option<usize>,
    statements: Statements,
}

/// The SQL of a message's rows.
enum Statements {
    Append(String),
    /// A delete is an upsert, too.
    Soft(String),
    Hard {
        upsert: String,
        delete: String,
        tombstone: String,
    },
}

impl Sink for Sqlite {
    fn write(&mut self, message: &Message, _: &[u8]) -> Result<Written> {
        if !message.protocol.is_data() {
            return Ok(Written::default());
        }
        self.begin()?;
        let key = Arc::as_ptr(&message.header) as usize;
        let prepared = match self.prepared.get(&key) {
            Some(prepared) => Arc::clone(prepared),
            None => self.prepare(key, &message.header)?,
        };
        let namespace = &prepared.header.schema.namespace;
        let rows = write_rows(&self.connection, &prepared, message);
        rows.map(|rows| Written { rows }).map_err(|error| error.at(namespace))
    }

    fn flush(&mut self, markers: &[Marker]) -> Result<bool> {
        let moved = self.stored != markers;
        if moved {
            self.begin()?;
            position::store(&self.connection, &self.name, markers)?;
        }
        if self.in_transaction {
            self.execute("COMMIT")?;
            self.in_transaction = false;
        }
        if moved {
            self.stored = markers.to_vec();
        }
        Ok(true)
    }
}

impl Sqlite {
    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| failure::from(&self.name, error))
    }

    /// Takes the write lock now and not at the first row, where SQLite would not wait for it.
    fn begin(&mut self) -> Result<()> {
        if !self.in_transaction {
            self.execute("BEGIN IMMEDIATE")?;
            self.in_transaction = true;
        }
        Ok(())
    }

    fn prepare(&mut self, key: usize, header: &Arc<Header>) -> Result<Arc<Prepared>> {
        let wanted = Wanted::new(&header.schema, &self.options)?;
        let table = table::fit(&self.connection, &wanted, &self.options)?;
        let prepared = Arc::new(Prepared::new(header, &wanted, &table, &self.options)?);
        // A widened or rebuilt table changes what other schemas of it have to say.
        let others = |other: &Arc<Prepared>| {
            let name = self.options.table(&other.header.schema.namespace).name;
            !name.eq_ignore_ascii_case(&wanted.table.name)
        };
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        } else {
            self.prepared.retain(|_, other| others(other));
        }
        self.prepared.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}

impl Prepared {
    fn new(
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
    fn new(wanted: &Wanted, table: &Table, options: &Options) -> Self {
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

    fn all(&self) -> Vec<&String> {
        match self {
            Self::Append(sql) | Self::Soft(sql) => vec![sql],
            Self::Hard { upsert, delete, tombstone } => vec![upsert, delete, tombstone],
        }
    }
}

/// Applies the rows of one message in order; gives their number.
fn write_rows(connection: &Connection, prepared: &Prepared, message: &Message) -> Result<u64> {
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

fn open(target: &Target) -> Result<Box<dyn Sink>> {
    let name = target.url.to_string();
    let connection = connect(&target.url, OpenFlags::SQLITE_OPEN_CREATE)?;
    let failed = |error| failure::from(&name, error);
    // WAL: readers are never blocked. FULL: a commit is on the disk when it returns, so that the
    // position may move. The old ALTER TABLE: views and triggers may name a table that is being
    // made anew.
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA legacy_alter_table = ON; \
             PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -{}; \
             BEGIN IMMEDIATE; {}; {}; COMMIT",
            target.url.number("cache", 64)?.clamp(1, 1 << 20) * 1024,
            position::CREATE,
            table::CREATE_REGISTER,
        ))
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(256);
    let options = target.options.clone();
    Ok(Box::new(Sqlite {
        connection,
        name,
        options,
        prepared: HashMap::new(),
        in_transaction: false,
        stored: Vec::new(),
    }))
}

fn connect(url: &Url, more: OpenFlags) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let failed = |error| failure::from(url, error);
    let connection = Connection::open_with_flags(url.path(), flags).map_err(failed)?;
    let wait = Duration::from_secs(url.number("busy", 10)?.min(86_400));
    connection.busy_timeout(wait).map_err(failed)?;
    Ok(connection)
}

fn probe(target: &Target) -> Result<String> {
    let path = Path::new(target.url.path());
    let version = rusqlite::version();
    if !path.exists() {
        super::probe_folder(path)?;
        return Ok(format!("{}: will be created (SQLite {version})", path.display()));
    }
    let connection = connect(&target.url, OpenFlags::empty())?;
    let failed = |error| failure::from(&target.url, error);
    let tables: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' \
             AND name NOT LIKE '\\_ums\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
            [],
            |row| row.get(0),
        )
        .map_err(failed)?;
    connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK").map_err(failed)?;
    let positions = position::load(&connection, &target.url.to_string())?.len();
    Ok(format!(
        "{}: writable, {tables} tables, {positions} positions (SQLite {version})",
        path.display()
    ))
}

/// What a first message of this schema does to an empty database.
fn plan(target: &Target, message: &Message) -> Result<Vec<String>> {
    if !message.protocol.is_data() {
        return Ok(Vec::new());
    }
    let schema: &Schema = &message.header.schema;
    let wanted = Wanted::new(schema, &target.options)?;
    let columns = wanted.fields.iter().map(|(_, field)| table::Column {
        name: field.name.clone(),
        declared: value::declared(field.ty).to_owned(),
        key: false,
    });
    let table = Table {
        name: wanted.table.name.clone(),
        columns: columns.collect(),
        tombstones: target.options.delete == Delete::Hard && target.options.mode == Mode::Upsert,
    };
    let mut all = wanted.create(&target.options);
    all.extend(Statements::new(&wanted, &table, &target.options).all().into_iter().cloned());
    Ok(all)
}

fn positions(target: &Target) -> Result<Vec<Marker>> {
    if !Path::new(target.url.path()).exists() {
        return Ok(Vec::new());
    }
    position::load(&connect(&target.url, OpenFlags::empty())?, &target.url.to_string())
}
