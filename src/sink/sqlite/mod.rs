//! SQLite: the newest image of each key, or every change as a row; the position in the same
//! transaction. Uses `error`, `ums`, `sink`. HOT in `rows` and `value`.
//!
//! One transaction lasts from the first message after a flush to the flush. Within it each row is
//! one statement without a round trip; the guard in the statement (an id not below the stored one
//! wins) makes order inside a batch, redelivery and late rows all come out the same.

mod failure;
mod fence;
mod position;
mod rebuild;
mod register;
mod rows;
mod statement;
mod sweep;
mod table;
mod value;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use self::rows::{Prepared, Statements, write_rows};
use self::table::Table;
use super::target::{Delete, Mode, OnTruncate, Options, Target};
use super::wanted::Wanted;
use super::{Ended, Flush, Sink, Spec, Written};
use crate::error::Result;
use crate::ums::decode::Header;
use crate::ums::{Marker, Message, Protocol, Schema, Termination};
use crate::url::{Opt, Url};

/// The row.
pub const SPEC: Spec = Spec {
    scheme: "sqlite",
    form: "sqlite:PATH",
    summary: "a SQLite database: tables created and widened, the position beside the rows",
    options: &[
        Opt { name: "rows", meaning: "Commit after so many rows.", default: "100000" },
        Opt {
            name: "bytes",
            meaning: "Commit after so many bytes of messages.",
            default: "67108864",
        },
        Opt { name: "seconds", meaning: "Commit when the oldest row is that old.", default: "1" },
        Opt { name: "busy", meaning: "Seconds to wait for another writer.", default: "10" },
        Opt { name: "cache", meaning: "MiB of database pages in memory.", default: "64" },
    ],
    flush: Flush::Costly { rows: ROWS, bytes: BYTES, seconds: SECONDS },
    sweeps: true,
    example: "sqlite:shop.db",
    open,
    probe,
    plan,
    positions: Some(positions),
};

/// How often a process that waits for the lock asks for it.
const ASK: Duration = Duration::from_millis(2);
/// How long others may be kept waiting.
const LONG: Duration = Duration::from_millis(100);

const ROWS: u64 = 100_000;
const BYTES: u64 = 64 << 20;
const SECONDS: u64 = 1;

/// Schemas remembered; more are met only when somebody alters tables all day long.
const MAX_PREPARED: usize = 4096;

/// The sink.
struct Sqlite {
    connection: Connection,
    /// The address, for messages.
    name: String,
    options: Options,
    flush: Flush,
    /// By the address of the header, which `Prepared` keeps alive.
    prepared: HashMap<usize, Arc<Prepared>>,
    in_transaction: bool,
    /// Since when others have had no chance of the lock.
    since: Option<Instant>,
    /// Until when the lock is left to others.
    free_until: Instant,
    /// How long to wait for it.
    busy: Duration,
    /// Changes when another connection has written.
    version: i64,
    /// The markers of the last flush.
    stored: Vec<Marker>,
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
            None => match self.prepare(key, &message.header) {
                Ok(prepared) => prepared,
                // A message that lacks its key: true of each of its rows.
                Err(error) => {
                    self.options.rejects.message(message, error)?;
                    return Ok(Written::default());
                }
            },
        };
        let rows = write_rows(&self.connection, &prepared, message, &self.options.rejects)?;
        Ok(Written { rows })
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
            if self.since.is_some_and(|since| since.elapsed() > LONG) {
                self.free_until = Instant::now() + ASK * 3;
                self.since = None;
            }
        }
        if moved {
            self.stored = markers.to_vec();
        }
        Ok(true)
    }

    fn end_rows(&mut self, notice: &Termination) -> Result<bool> {
        if !self.options.applies(notice) {
            return Ok(false);
        }
        self.begin()?;
        // What was prepared knows the old fence.
        self.prepared.clear();
        fence::raise(&self.connection, notice, &self.options)
            .map_err(|error| error.at(&notice.namespace))
    }

    fn end_batch(&mut self, message: &Message) -> Result<Ended> {
        let namespace = &message.header.schema.namespace;
        let asked = match self.options.asks(message)? {
            Ok(asked) => asked,
            Err(reason) => return Ok(Ended::Left(reason)),
        };
        if self.options.mode == Mode::Append {
            return Ok(Ended::Kept);
        }
        self.begin()?;
        // A fence may be raised.
        self.prepared.clear();
        sweep::end(&self.connection, namespace, asked.as_ref(), &self.options)
            .map_err(|error| error.at(namespace))
    }

    fn rhythm(&self) -> Option<Flush> {
        Some(self.flush)
    }
}

impl Sqlite {
    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.execute_batch(sql).map_err(|error| failure::from(&self.name, error))
    }

    /// Takes the write lock now and not at the first row, where SQLite would not wait for it.
    ///
    /// Another process may fill the same database, such as a pull beside the log. SQLite has no
    /// queue for its lock: whoever takes it again as soon as it is given back keeps all others out
    /// for ever. So now and then there is a short pause behind a transaction, and waiting is asking often.
    fn begin(&mut self) -> Result<()> {
        if self.in_transaction {
            return Ok(());
        }
        std::thread::sleep(self.free_until.saturating_duration_since(Instant::now()));
        take_lock(&self.connection, self.busy).map_err(|error| failure::from(&self.name, error))?;
        self.in_transaction = true;
        self.since.get_or_insert_with(Instant::now);
        // Another writer may have raised a fence or changed a table since.
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(|error| failure::from(&self.name, error))?;
        if self.version != version {
            self.version = version;
            self.prepared.clear();
        }
        Ok(())
    }

    fn prepare(&mut self, key: usize, header: &Arc<Header>) -> Result<Arc<Prepared>> {
        let wanted = Wanted::new(&header.schema, &self.options, "sqlite_")?;
        let (table, changed) = table::fit(&self.connection, &wanted, &self.options)?;
        let fence = match self.options.on_truncate {
            OnTruncate::Apply => fence::of(&self.connection, wanted.namespace)?,
            OnTruncate::Ignore => None,
        };
        let prepared = Arc::new(Prepared::new(header, &wanted, &table, &self.options, fence)?);
        if self.prepared.len() >= MAX_PREPARED {
            self.prepared.clear();
        } else if changed {
            // Other schemas of this table have something else to say now.
            self.prepared.retain(|_, other| {
                let name = self.options.table(&other.header.schema.namespace).name;
                !name.eq_ignore_ascii_case(&wanted.table.name)
            });
        }
        self.prepared.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }
}

/// Begins a transaction with the write lock; waits for it.
fn take_lock(connection: &Connection, patience: Duration) -> rusqlite::Result<()> {
    insist(connection, patience, "BEGIN IMMEDIATE")
}

/// Asks for what somebody else's lock hinders until it is there.
fn insist(connection: &Connection, patience: Duration, sql: &str) -> rusqlite::Result<()> {
    let began = Instant::now();
    loop {
        match connection.execute_batch(sql) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && began.elapsed() < patience =>
            {
                std::thread::sleep(ASK);
            }
            done => return done,
        }
    }
}

fn open(target: &Target) -> Result<Box<dyn Sink>> {
    let name = target.url.to_string();
    let connection = connect(&target.url, OpenFlags::SQLITE_OPEN_CREATE)?;
    let failed = |error| failure::from(&name, error);
    // From here on the waiting is ours: for the lock with which a new file becomes one with a WAL, SQLite
    // itself does not wait.
    let busy = busy(&target.url)?;
    connection.busy_timeout(Duration::ZERO).map_err(failed)?;
    // WAL: readers are never blocked. FULL: a commit is on the disk when it returns, so that the
    // position may move. The old ALTER TABLE: views and triggers may name a table that is being
    // made anew.
    let settings = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA legacy_alter_table = ON; \
         PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -{}",
        target.url.number("cache", 64)?.clamp(1, 1 << 20) * 1024,
    );
    insist(&connection, busy, &settings).map_err(failed)?;
    take_lock(&connection, busy).map_err(failed)?;
    connection
        .execute_batch(&format!(
            "{}; {}; {}; COMMIT",
            position::CREATE,
            register::CREATE,
            fence::CREATE
        ))
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(256);
    let flush = Flush::Costly {
        rows: target.url.number("rows", ROWS)?,
        bytes: target.url.number("bytes", BYTES)?,
        seconds: target.url.number("seconds", SECONDS)?,
    };
    Ok(Box::new(Sqlite {
        connection,
        name,
        options: target.options.clone(),
        flush,
        prepared: HashMap::new(),
        in_transaction: false,
        since: None,
        free_until: Instant::now(),
        busy,
        version: 0,
        stored: Vec::new(),
    }))
}

fn connect(url: &Url, more: OpenFlags) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let failed = |error| failure::from(url, error);
    let connection = Connection::open_with_flags(url.path(), flags).map_err(failed)?;
    connection.busy_timeout(busy(url)?).map_err(failed)?;
    Ok(connection)
}

fn busy(url: &Url) -> Result<Duration> {
    Ok(Duration::from_secs(url.number("busy", 10)?.min(86_400)))
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
    if let Some(notice) = Termination::read(message)?.filter(|n| target.options.applies(n)) {
        let name = target.options.table(&notice.namespace).name;
        return Ok(match target.options.delete {
            Delete::Soft => vec![statement::empty_soft(&name)],
            Delete::Hard => vec![statement::empty_hard(&name)],
        });
    }
    if message.protocol == Protocol::BatchTermination {
        let name = target.options.table(&message.header.schema.namespace).name;
        return Ok(match (target.options.asks(message)?, target.options.delete) {
            (Ok(Some(_)), Delete::Soft) => vec![statement::empty_soft(&name)],
            (Ok(Some(_)), Delete::Hard) => vec![statement::empty_hard(&name)],
            _ => Vec::new(),
        });
    }
    if !message.protocol.is_data() {
        return Ok(Vec::new());
    }
    let schema: &Schema = &message.header.schema;
    let wanted = Wanted::new(schema, &target.options, "sqlite_")?;
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
