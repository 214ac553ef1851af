//! Ended transactions as messages. Uses `error`, `line`, `ums`, `mysql`. HOT per event; the rows
//! themselves are in `table`.

mod statement;

use std::collections::HashMap;
use std::io::Write;
use std::time::{Duration, Instant};

use super::schema::{Definitions, Planned};
use super::table::{Place, Stamper, Table, Writer, Writing, Written};
use super::{OnChange, Options, SchemaChange};
use crate::error::{Error, Result};
use crate::line::output::Output;
use crate::mysql::ddl::TableName;
use crate::mysql::event::{Event, kind};
use crate::mysql::rows::{self, RowsEvent};
use crate::mysql::schema_store::SchemaStore;
use crate::mysql::table_map::{self, TableMap};
use crate::mysql::temporal::push_utc_micros;
use crate::mysql::transaction::{Assembler, Context, Handler, Position, Wish};
use crate::mysql::value::Scratch;
use crate::ums::json::push_u64;
use crate::ums::{Cause, Marker, Namespace, id};

/// Messages of all tables together wait for at most so many bytes.
const WAITING_MAX: usize = 16 << 20;

/// The most bytes the text of a statement may unfold to.
const MAX_STATEMENT: usize = 1 << 30;

/// Where to begin and where to end, by what a transaction says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// Transactions that end at or before this file number and offset are passed over.
    pub after: Option<(u64, u64)>,
    /// Transactions committed before this are passed over, microseconds since 1970.
    pub since: Option<u64>,
    /// The run ends before the first transaction that starts here or later.
    pub stop: Option<(u64, u64)>,
    /// The run ends before the first transaction committed at this or later.
    pub until: Option<u64>,
}

/// What was written so far.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    /// Rows by I, U, D, B.
    pub ops: [u64; 4],
    /// Rows that went out.
    pub rows: u64,
    /// Messages that went out, markers included.
    pub messages: u64,
}

/// What a run is given.
pub struct Setup {
    /// Names and limits.
    pub options: Options,
    /// What is known of tables that the log does not describe.
    pub definitions: Definitions,
    /// What earlier runs knew of tables, saved before anything that depends on it is written.
    pub store: SchemaStore,
    /// Where to begin and where to end.
    pub bounds: Bounds,
    /// A marker is due so long after the one before it.
    pub marker_every: Duration,
    /// The server's identity, for markers.
    pub server: String,
    /// Is told of changes of captured tables; without it they become notes.
    pub on_change: Option<OnChange>,
}

/// A known TABLE_MAP.
struct Known {
    /// Its bytes behind the table id; equal bytes mean the same table.
    bytes: Vec<u8>,
    /// `None`: not captured.
    table: Option<Table>,
}

/// Writes messages and markers.
pub struct Publisher {
    options: Options,
    writing: Writing,
    out: Box<dyn Output>,
    /// Table ids of the statement at hand.
    ids: HashMap<u64, usize>,
    by_name: HashMap<TableName, usize>,
    known: Vec<Known>,
    definitions: Definitions,
    store: SchemaStore,
    bounds: Bounds,
    stamper: Stamper,
    scratch: Scratch,
    /// The commit time of the transaction at hand as text; empty when it has none.
    time: Vec<u8>,
    /// Rows seen under the transaction's stamp.
    stamped: u64,
    stamp: Option<crate::mysql::stamp::Stamp>,
    /// The table whose rows came last, for `ordered`.
    last: Option<usize>,
    marked: Instant,
    marker_every: Duration,
    /// The server's identity, for markers.
    server: String,
    newest: Option<Marker>,
    /// What people should be told.
    pub notes: Vec<String>,
    on_change: Option<OnChange>,
    /// Counters.
    pub totals: Totals,
}

impl Publisher {
    /// Writes to `out`.
    pub fn new(setup: Setup, out: Box<dyn Output>) -> Self {
        let Setup { options, definitions, store, bounds, marker_every, server, on_change } = setup;
        let writing = Writing {
            dialect: options.dialect,
            batch_rows: options.batch_rows,
            batch_bytes: options.batch_bytes,
            before: options.before,
        };
        let scratch = Scratch::new(options.bad_text);
        Self {
            options,
            writing,
            out,
            ids: HashMap::new(),
            by_name: HashMap::new(),
            known: Vec::new(),
            definitions,
            store,
            bounds,
            stamper: Stamper::new(),
            scratch,
            time: Vec::new(),
            stamped: 0,
            stamp: None,
            last: None,
            marked: Instant::now(),
            marker_every,
            server,
            newest: None,
            notes: Vec::new(),
            on_change,
            totals: Totals::default(),
        }
    }

    /// Writes every message that waits for more rows.
    pub fn flush(&mut self) -> Result<()> {
        for known in &mut self.known {
            if let Some(table) = &mut known.table {
                let rows = table.flush(&mut self.out)?;
                self.totals.rows += rows;
                self.totals.messages += u64::from(rows > 0);
            }
        }
        self.out.flush().map_err(|error| Error::io("output", error))
    }

    /// Writes a marker: everything before this position was written. `now` in microseconds since
    /// 1970 says that the source is alive; without it the marker has the last transaction's time.
    pub fn mark(&mut self, position: &Position, now: Option<u64>) -> Result<()> {
        self.flush()?;
        let id = id::compose(position.log.number, self.options.base, position.offset);
        let mut ts = Vec::new();
        push_utc_micros(&mut ts, i64::try_from(now.unwrap_or(position.micros)).unwrap_or(i64::MAX));
        let marker = Marker {
            kind: "mysql".to_owned(),
            source: self.options.source.clone(),
            id: id.ok_or_else(|| Error::data("the position is beyond what an id can hold"))?,
            ts: String::from_utf8_lossy(&ts).into_owned(),
            file: position.resume.0.name.clone(),
            pos: position.resume.1,
            gtid: position.gtids.to_string(),
            server: self.server.clone(),
            base: self.options.base,
        };
        let mut bytes = Vec::new();
        marker.write(self.options.dialect, &mut bytes);
        self.out.write_all(&bytes).map_err(|error| Error::io("output", error))?;
        self.out.flush().map_err(|error| Error::io("output", error))?;
        self.totals.messages += 1;
        self.marked = Instant::now();
        self.newest = Some(marker);
        Ok(())
    }

    /// The newest marker if everything before it is durable at the destination.
    pub fn durable(&mut self) -> Result<Option<Marker>> {
        if let Some(settled) = self.out.settled()? {
            return Ok(settled.into_iter().rfind(|marker| marker.source == self.options.source));
        }
        Ok(if self.out.sync()? { self.newest.take() } else { None })
    }

    /// Waits until everything is where it shall be, as far as the output knows.
    pub fn sync(&mut self) -> Result<()> {
        self.out.sync().map(drop)
    }

    /// Whether the end of the run has been reached.
    pub fn reached(&self, assembler: &Assembler) -> bool {
        self.bounds.stop.is_some_and(|stop| assembler.here() >= stop)
    }

    /// How long ago the last marker was written.
    pub fn marker_age(&self) -> Duration {
        self.marked.elapsed()
    }

    /// How often a marker is due.
    pub fn marker_every(&self) -> Duration {
        self.marker_every
    }

    fn id(&self, context: &Context, offset: u64) -> Result<i64> {
        id::compose(context.log.number, self.options.base, offset).ok_or_else(|| {
            Error::data(format!(
                "file number {} or offset {offset} is beyond what an id can hold",
                context.log.number
            ))
        })
    }

    fn table_map(&mut self, context: &Context, event: &Event) -> Result<()> {
        let id_len = context.format.table_id_len(kind::TABLE_MAP);
        let malformed = || Error::data("a TABLE_MAP event is malformed");
        let (id, schema, table) = table_map::peek(event.body, id_len).ok_or_else(malformed)?;
        let rest = event.body.get(id_len..).unwrap_or_default();
        if let Some(known) = self.ids.get(&id).and_then(|index| self.known.get(*index))
            && known.bytes == rest
        {
            return Ok(());
        }
        let name = TableName::new(String::from_utf8_lossy(schema), String::from_utf8_lossy(table));
        let index = match self.by_name.get(&name) {
            Some(index) => *index,
            None => {
                self.known.push(Known { bytes: Vec::new(), table: None });
                self.by_name.insert(name.clone(), self.known.len() - 1);
                self.known.len() - 1
            }
        };
        // Ids come and go with every restart and ALTER of the server.
        if self.ids.len() > 10_000 {
            self.ids.clear();
        }
        self.ids.insert(id, index);
        if self.known.get(index).is_some_and(|known| known.bytes == rest) {
            return Ok(());
        }
        self.flush_table(index)?;
        let table = if (self.options.capture)(&name.schema, &name.table) {
            Some(self.plan(context, event, &name, id_len)?)
        } else {
            None
        };
        if let Some(known) = self.known.get_mut(index) {
            known.bytes = rest.to_vec();
            known.table = table;
        }
        Ok(())
    }

    fn flush_table(&mut self, index: usize) -> Result<()> {
        if let Some(table) = self.known.get_mut(index).and_then(|known| known.table.as_mut()) {
            let rows = table.flush(&mut self.out)?;
            self.totals.rows += rows;
            self.totals.messages += u64::from(rows > 0);
        }
        Ok(())
    }

    fn plan(
        &mut self,
        context: &Context,
        event: &Event,
        name: &TableName,
        id_len: usize,
    ) -> Result<Table> {
        let map = TableMap::parse(event.body, id_len)?;
        // Rows of an XA transaction are as its tables were when it was committed.
        let stamped = context.stamp.map_or(event.offset, |stamp| stamp.offset);
        let stamped = self.id(context, stamped)?;
        self.definitions.restore(&self.store.history, stamped);
        let Planned { columns, keys, fit } = self.definitions.plan(&map, context.format.mariadb)?;
        self.definitions.keep(name, fit, &mut self.store.history, stamped);
        let shape: Vec<(String, String)> =
            columns.iter().map(|c| (c.field.name.clone(), c.field.ty.name().to_owned())).collect();
        let event_id = self.id(context, event.offset)?;
        let observed = self.store.versions.observe(name, &shape, event_id);
        self.store.save()?;
        if let Some(difference) = &observed.changed {
            let version = observed.ended.unwrap_or(observed.version);
            self.schema_change(
                context,
                event,
                name,
                version,
                format!("columns changed: {difference}"),
            )?;
        }
        if let Some(ended) = observed.ended {
            self.terminate(context, event, name, (ended, Cause::Alter))?;
        }
        let namespace = self.namespace(name, observed.version);
        Table::new(namespace, columns, keys, self.options.masks.as_deref())
    }

    fn namespace(&self, name: &TableName, version: u32) -> Namespace {
        let published = (self.options.logical)(&name.schema, &name.table);
        Namespace {
            parts: [
                "mysql".to_owned(),
                self.options.source.clone(),
                published.schema,
                published.table,
                version.to_string(),
                published.schema_shard,
                published.table_shard,
            ],
        }
    }

    fn rows(&mut self, context: &Context, event: &Event) -> Result<()> {
        let malformed = || Error::data("a row event is malformed");
        let (id, _) = rows::peek(event, &context.format).ok_or_else(malformed)?;
        let Some(&index) = self.ids.get(&id) else {
            // The dummy id ends a statement without rows.
            if id == 0x00ff_ffff {
                return Ok(());
            }
            return Err(Error::data(format!(
                "a row event names table id {id}, which no TABLE_MAP gave"
            ))
            .advise("start at the beginning of a transaction"));
        };
        if self.options.ordered && self.last.is_some_and(|last| last != index) {
            self.flush_table(self.last.unwrap_or_default())?;
        }
        let captured = self.known.get(index).is_some_and(|known| known.table.is_some());
        if !captured {
            // Ids of rows under one stamp do not depend on which tables are captured.
            if context.stamp.is_some() {
                self.stamped += self.uncaptured(context, event, index)?;
            }
            return Ok(());
        }
        let Some(parsed) = RowsEvent::parse(event, &context.format)? else { return Ok(()) };
        self.last = Some(index);
        let file = self.id(context, 0)?;
        let stamp = context.stamp;
        let offset = stamp.map_or(event.offset, |stamp| stamp.offset);
        let end = self.id(context, offset.saturating_add(event.len))?;
        self.set_stamper(context, event, offset);
        let Some(table) = self.known.get_mut(index).and_then(|known| known.table.as_mut()) else {
            return Ok(());
        };
        let before = table.waiting();
        let mut number = if stamp.is_some() { self.stamped } else { 0 };
        let mut place = || {
            let at = match stamp {
                Some(stamp) => stamp.offset(number),
                None => offset.saturating_add(number),
            };
            let id = file.saturating_add(i64::try_from(at).unwrap_or(i64::MAX)).min(end.max(file));
            let place = Place { id, index: number };
            number += 1;
            place
        };
        let mut to = Writer {
            stamper: &self.stamper,
            writing: &self.writing,
            scratch: &mut self.scratch,
            out: &mut self.out,
            written: Written::default(),
        };
        table.rows(&parsed, &mut place, &mut to)?;
        let written = to.written;
        let waiting = table.waiting();
        if stamp.is_some() {
            self.stamped = number;
        }
        self.add(&written);
        if waiting > before && waiting > WAITING_MAX / 64 {
            let all: usize =
                self.known.iter().filter_map(|k| k.table.as_ref()).map(Table::waiting).sum();
            if all > WAITING_MAX {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn uncaptured(&self, context: &Context, event: &Event, index: usize) -> Result<u64> {
        let Some(known) = self.known.get(index) else { return Ok(0) };
        let mut body = vec![0u8; context.format.table_id_len(kind::TABLE_MAP)];
        body.extend_from_slice(&known.bytes);
        let map = TableMap::parse(&body, context.format.table_id_len(kind::TABLE_MAP))?;
        let columns = crate::mysql::types::shape(&map, context.format.mariadb)?;
        let Some(parsed) = RowsEvent::parse(event, &context.format)? else { return Ok(0) };
        rows::count(&parsed, &columns)
            .ok_or_else(|| Error::data("a row image does not match its table"))
    }

    fn add(&mut self, written: &Written) {
        self.totals.rows += written.rows;
        self.totals.messages += written.messages;
        for (total, more) in self.totals.ops.iter_mut().zip(written.ops) {
            *total += more;
        }
    }

    /// The time of the event's rows, and the uid up to the row's number.
    fn set_stamper(&mut self, context: &Context, event: &Event, offset: u64) {
        let mut second = Vec::new();
        let time = if self.time.is_empty() {
            push_utc_micros(&mut second, i64::from(event.header.timestamp) * 1_000_000);
            &second
        } else {
            &self.time
        };
        let mut uid = Vec::with_capacity(48);
        push_u64(&mut uid, u64::from(event.header.server_id));
        uid.push(b'.');
        push_u64(&mut uid, context.log.number + self.options.base);
        uid.push(b'.');
        push_u64(&mut uid, offset);
        uid.push(b'.');
        self.stamper.set(self.options.dialect, time, &uid);
    }
}

impl Handler for Publisher {
    fn begin(&mut self, context: &Context, end: u64) -> Result<Wish> {
        let place = (context.log.number, end);
        if self.bounds.after.is_some_and(|after| place <= after) {
            return Ok(Wish::Skip);
        }
        if self.bounds.until.is_some_and(|until| context.ended >= until) {
            return Ok(Wish::Stop);
        }
        if self.bounds.since.is_some_and(|since| context.ended < since) {
            return Ok(Wish::Skip);
        }
        self.stamped = 0;
        self.stamp = None;
        self.time.clear();
        if let Some(micros) = context.micros {
            push_utc_micros(&mut self.time, i64::try_from(micros).unwrap_or(i64::MAX));
        }
        Ok(Wish::Go)
    }

    fn event(&mut self, context: &Context, event: &Event) -> Result<()> {
        match event.header.kind {
            kind::TABLE_MAP => self.table_map(context, event),
            kind::QUERY | kind::MARIADB_QUERY_COMPRESSED | kind::EXECUTE_LOAD_QUERY => {
                self.statement(context, event)
            }
            kind::LOAD | kind::NEW_LOAD | kind::EXEC_LOAD => Err(Error::data(
                "a LOAD DATA was logged as a statement, not as rows",
            )
            .advise("set binlog_format=ROW for every session; pull the tables anew, then start behind this position")),
            other if rows::change(other).is_some() => {
                if self.stamp != context.stamp {
                    self.stamp = context.stamp;
                    self.stamped = 0;
                }
                self.rows(context, event)
            }
            _ => Ok(()),
        }
    }

    fn ended(&mut self, assembler: &Assembler) -> Result<Wish> {
        if assembler.is_placed() && self.marked.elapsed() >= self.marker_every {
            let position = assembler.position();
            self.mark(&position, None)?;
        }
        Ok(if self.reached(assembler) { Wish::Stop } else { Wish::Go })
    }

    fn note(&mut self, text: String) -> Result<()> {
        self.notes.push(text);
        Ok(())
    }
}
