//! From events to ended transactions. Uses `error`, `mysql::{body, chunk, ddl, event, format,
//! gtid, payload, query, stamp}`. HOT per event, not per row.
//!
//! Invariant: the handler sees the events of a transaction only after its end has been seen, in log
//! order, and never those that a ROLLBACK, a ROLLBACK TO or an XA ROLLBACK took back. A position
//! given to the handler lies outside every transaction; while prepared XA transactions wait, the
//! position to resume from lies before the oldest of them.

mod xa;

use std::collections::HashMap;
use std::sync::Arc;

use super::body::{Body, SpillPolicy};
use super::chunk::{Chunk, LogName};
use super::ddl::{self, Statement, Xid};
use super::event::{Event, FLAG_IGNORABLE, kind};
use super::format::Format;
use super::gtid::{self, GtidSet};
use super::payload::Payload;
use super::query::{self, Query};
use super::rows;
use super::savepoints::Savepoints;
use super::stamp::{RowCounter, Stamp};
use crate::error::{Error, Result};
use xa::Prepared;

/// The most bytes the text of a compressed statement may unfold to.
const MAX_STATEMENT: usize = 1 << 30;

/// What an ended transaction's events need to be understood.
#[derive(Debug, Clone)]
pub struct Context {
    /// The file it ended in.
    pub log: Arc<LogName>,
    /// How that file is laid out.
    pub format: Arc<Format>,
    /// When it was committed, microseconds since 1970, where the log has it.
    pub micros: Option<u64>,
    /// The same, or where the log has none the second of its last event.
    pub ended: u64,
    /// Where its rows are stamped, when not where they stand: at an XA COMMIT, or at the event that
    /// holds them compressed.
    pub stamp: Option<Stamp>,
}

/// Where a stream stands between transactions.
#[derive(Debug, Clone)]
pub struct Position {
    /// The file of everything seen.
    pub log: Arc<LogName>,
    /// One behind the last byte seen in it.
    pub offset: u64,
    /// Where to resume: file and offset.
    pub resume: (Arc<LogName>, u64),
    /// The transactions seen.
    pub gtids: GtidSet,
    /// When the last transaction was committed, microseconds since 1970.
    pub micros: u64,
}

/// What the handler wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be shown what comes.
    Go,
    /// Not to see this transaction.
    Skip,
    /// Nothing more.
    Stop,
}

/// Who is told about ended transactions.
pub trait Handler {
    /// A transaction begins; its events follow, unless it is skipped. `end` is where it ends.
    fn begin(&mut self, context: &Context, end: u64) -> Result<Wish>;
    /// One event of it: TABLE_MAP, rows, statements; others may be ignored.
    fn event(&mut self, context: &Context, event: &Event) -> Result<()>;
    /// It is over, or a control event went by. The position is behind it.
    fn ended(&mut self, assembler: &Assembler) -> Result<Wish>;
    /// Something that people should know.
    fn note(&mut self, text: String) -> Result<()>;
}

/// A transaction whose end has not been seen.
#[derive(Default)]
struct Group {
    start: u64,
    gtid: Option<Gtid>,
    micros: Option<u64>,
    /// Whether BEGIN (or what stands for it) was seen.
    open: bool,
    /// Rows without BEGIN: over at the end of their statement.
    implicit: bool,
    body: Body,
    /// Events so far, those in the current chunk included.
    events: u64,
    savepoints: Savepoints,
}

enum Gtid {
    MySql([u8; 16], String, u64),
    MariaDb(u32, u32, u64),
}

/// What an event does to the transaction it stands in.
enum Step {
    /// It belongs to the group, which goes on.
    Hold,
    /// It stands outside of every transaction.
    Outside,
    /// The group ends with it and counts.
    Commit,
    /// The group ends with it and never was.
    Discard,
    /// The group ends with it and waits for its outcome.
    Prepare(Xid),
    /// A prepared transaction is committed by it.
    XaCommit(Xid),
    /// A prepared transaction is undone by it.
    XaRollback(Xid),
}

/// Counters for `--audit`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Events in the log, control events included.
    pub events: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Transactions that count, single statements included.
    pub transactions: u64,
    /// Transactions that were rolled back in the log.
    pub rolled_back: u64,
}

/// Follows the log and tells its handler about ended transactions.
pub struct Assembler {
    log: Arc<LogName>,
    offset: u64,
    format: Arc<Format>,
    group: Option<Group>,
    prepared: HashMap<Xid, Prepared>,
    /// On MariaDB: the transactions seen before the oldest of those that are prepared, or were
    /// while another one was.
    before_prepared: GtidSet,
    /// Whether it is known where the stream stands: not yet, while a server looks for a place by
    /// GTID.
    placed: bool,
    /// Rows up to this file number and offset are not wanted (again).
    written: Option<(u64, u64)>,
    /// The transactions seen.
    pub gtids: GtidSet,
    micros: u64,
    policy: SpillPolicy,
    /// What went by.
    pub tally: Tally,
}

impl Assembler {
    /// Starts before the first event of `log`.
    pub fn new(log: LogName, format: Format, gtids: GtidSet, policy: SpillPolicy) -> Self {
        Self {
            log: Arc::new(log),
            offset: 4,
            format: Arc::new(format),
            group: None,
            prepared: HashMap::new(),
            before_prepared: GtidSet::Empty,
            placed: true,
            written: None,
            gtids,
            micros: 0,
            policy,
            tally: Tally::default(),
        }
    }

    /// Says that everything before `offset` of the first file was seen in an earlier run.
    pub fn resume_at(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// Where the stream stands, outside of every transaction.
    pub fn position(&self) -> Position {
        let here = self.group.as_ref().map_or(self.offset, |group| group.start);
        let oldest =
            self.prepared.values().min_by_key(|prepared| (prepared.log.number, prepared.start));
        let resume = match oldest {
            Some(prepared) => (prepared.log.clone(), prepared.start),
            None => (self.log.clone(), here),
        };
        let gtids = match &self.gtids {
            GtidSet::MariaDb(_) if oldest.is_some() => &self.before_prepared,
            gtids => gtids,
        };
        Position {
            log: self.log.clone(),
            offset: here,
            resume,
            gtids: gtids.clone(),
            micros: self.micros,
        }
    }

    /// File number and offset outside of every transaction.
    pub fn here(&self) -> (u64, u64) {
        (self.log.number, self.group.as_ref().map_or(self.offset, |group| group.start))
    }

    /// How the current file is laid out.
    pub fn format(&self) -> &Arc<Format> {
        &self.format
    }

    /// Whether a transaction is open, and where it started: what a torn log leaves out.
    pub fn open_since(&self) -> Option<u64> {
        self.group.as_ref().map(|group| group.start)
    }

    /// Takes over a chunk and tells the handler about every transaction that ends in it.
    /// False when the handler wishes nothing more.
    pub fn feed(&mut self, chunk: Chunk, handler: &mut dyn Handler) -> Result<bool> {
        if !Arc::ptr_eq(&chunk.log, &self.log) && chunk.log != self.log {
            self.abandon("the file ends inside it", handler)?;
            self.log = chunk.log.clone();
            self.offset = 4;
        }
        let mut first = 0usize;
        for index in 0..chunk.spans.len() {
            let Some(event) = chunk.event(index) else { continue };
            if event.len > 0 {
                self.tally.events += 1;
                self.tally.bytes += event.len;
            }
            let place =
                |error: Error| error.at(format_args!("{} at {}", chunk.log.name, event.offset));
            let fresh = self.group.is_none();
            let step = self.step(&event, handler).map_err(place)?;
            if fresh {
                first = index;
            }
            if let Some(group) = &mut self.group {
                group.events += 1;
            }
            if event.len > 0 {
                self.offset = event.end();
            }
            let wish = match step {
                Step::Hold => continue,
                Step::Outside => {
                    // Between the events of a transaction it is carried along and ignored.
                    if self.group.is_some() { Wish::Go } else { handler.ended(self)? }
                }
                Step::Commit => {
                    let group = self.group.take().unwrap_or_default();
                    self.commit(group, &chunk, first..index + 1, &event, handler)?
                }
                Step::Discard => {
                    if let Some(group) = self.group.take() {
                        self.tally.rolled_back += 1;
                        self.count(group.gtid, &group.micros, &event);
                    }
                    handler.ended(self)?
                }
                Step::Prepare(xid) => {
                    let group = self.group.take().unwrap_or_default();
                    self.prepare(xid, group, &chunk, first..index + 1, &event)?;
                    handler.ended(self)?
                }
                Step::XaCommit(xid) => {
                    let group = self.group.take().unwrap_or_default();
                    self.xa_commit(&xid, group, &event, handler).map_err(place)?
                }
                Step::XaRollback(xid) => {
                    let group = self.group.take().unwrap_or_default();
                    self.xa_rollback(&xid, group, &event);
                    handler.ended(self)?
                }
            };
            if wish == Wish::Stop {
                return Ok(false);
            }
        }
        if let Some(group) = &mut self.group {
            let end = chunk.spans.len();
            group.body.hold(chunk, first..end, &self.policy)?;
        }
        Ok(true)
    }

    /// Forgets an open transaction, because its log breaks off.
    pub fn abandon(&mut self, why: &str, handler: &mut dyn Handler) -> Result<()> {
        if let Some(group) = self.group.take().filter(|group| group.open) {
            handler.note(format!(
                "{} at {}: a transaction was left out: {why}",
                self.log.name, group.start
            ))?;
        }
        Ok(())
    }

    fn group(&mut self, event: &Event) -> &mut Group {
        self.group.get_or_insert_with(|| Group { start: event.offset, ..Group::default() })
    }

    fn step(&mut self, event: &Event, handler: &mut dyn Handler) -> Result<Step> {
        let kind = event.header.kind;
        match kind {
            kind::TABLE_MAP => {
                let group = self.group(event);
                group.implicit |= !group.open;
                Ok(Step::Hold)
            }
            kind::XID => {
                self.group(event);
                Ok(Step::Commit)
            }
            kind::QUERY | kind::MARIADB_QUERY_COMPRESSED => self.query(event),
            kind::GTID | kind::ANONYMOUS_GTID | kind::GTID_TAGGED => {
                self.abandon("the next one begins", handler)?;
                let parsed = match kind {
                    kind::GTID_TAGGED => gtid::parse_tagged(event.body)?,
                    _ => gtid::parse_plain(event.body)?,
                };
                let group = self.group(event);
                group.micros = parsed.original_commit_micros.or(parsed.immediate_commit_micros);
                if parsed.gno > 0 {
                    group.gtid = Some(Gtid::MySql(parsed.sid, parsed.tag, parsed.gno));
                }
                Ok(Step::Hold)
            }
            kind::MARIADB_GTID => {
                self.abandon("the next one begins", handler)?;
                let parsed = gtid::parse_mariadb(event.body)?;
                let server = event.header.server_id;
                let group = self.group(event);
                group.open = !parsed.is_standalone();
                group.gtid = Some(Gtid::MariaDb(parsed.domain, server, parsed.sequence));
                if parsed.is_completed_xa() {
                    group.open = false;
                }
                Ok(Step::Hold)
            }
            kind::XA_PREPARE => {
                let (xid, one_phase) = gtid::parse_xa_prepare(event.body)?;
                self.group(event);
                Ok(if one_phase { Step::Commit } else { Step::Prepare(xid) })
            }
            kind::TRANSACTION_PAYLOAD => {
                let format = self.format.clone();
                let group = self.group(event);
                let payload = Payload::parse(event.body)?;
                let mut step = Step::Commit;
                let mut inner = Savepoints::default();
                payload.visit(event, &mut |number, event| {
                    match event.header.kind {
                        kind::XA_PREPARE => {
                            let (xid, one_phase) = gtid::parse_xa_prepare(event.body)?;
                            if !one_phase {
                                step = Step::Prepare(xid);
                            }
                        }
                        kind::QUERY => {
                            let query = Query::parse(event.body, format.query_len())?;
                            match ddl::quick(query.sql) {
                                Some(Statement::Rollback) => step = Step::Discard,
                                Some(statement) => inner.statement(&statement, number),
                                None => {}
                            }
                        }
                        _ => {}
                    }
                    Ok(())
                })?;
                group.savepoints.inner = inner.dropped().to_vec();
                Ok(step)
            }
            kind::FORMAT_DESCRIPTION => {
                let format = Format::parse(event.body)?;
                if event.len > 0 && event.offset <= 4 {
                    self.abandon("the file before ends inside it", handler)?;
                }
                self.format = Arc::new(format);
                Ok(Step::Outside)
            }
            kind::PREVIOUS_GTIDS => {
                if self.gtids.is_empty() {
                    self.gtids = gtid::parse_previous(event.body)?;
                }
                Ok(Step::Outside)
            }
            kind::MARIADB_GTID_LIST => {
                if self.gtids.is_empty() {
                    self.gtids = gtid::parse_gtid_list(event.body)?;
                }
                Ok(Step::Outside)
            }
            kind::INCIDENT => Err(Error::data(
                "the server logged an INCIDENT: events may be missing from its log",
            )
            .advise("pull the tables anew, then start behind it with --start")),
            kind::MARIADB_PARTIAL_ROW_DATA => Err(Error::data(
                "the log holds a fragmented row event (type 172), which is not supported",
            )
            .advise("set binlog_row_event_fragment_threshold to its largest value on the server")),
            kind::START_V3 => Err(Error::data("the log is in a format before MySQL 5.0")
                .advise("only binlog format version 4 is read")),
            kind::HEARTBEAT if event.len == 0 && self.group.is_none() => {
                // The server has passed over transactions that are known, up to here.
                self.offset = self.offset.max(event.offset);
                self.placed = true;
                Ok(Step::Outside)
            }
            kind::STOP
            | kind::ROTATE
            | kind::HEARTBEAT
            | kind::HEARTBEAT_V2
            | kind::SLAVE
            | kind::MARIADB_BINLOG_CHECKPOINT => Ok(Step::Outside),
            kind::INTVAR
            | kind::RAND
            | kind::USER_VAR
            | kind::LOAD
            | kind::NEW_LOAD
            | kind::CREATE_FILE
            | kind::APPEND_BLOCK
            | kind::EXEC_LOAD
            | kind::DELETE_FILE
            | kind::BEGIN_LOAD_QUERY
            | kind::IGNORABLE
            | kind::ROWS_QUERY
            | kind::TRANSACTION_CONTEXT
            | kind::VIEW_CHANGE
            | kind::MARIADB_ANNOTATE_ROWS => Ok(self.carried()),
            kind::EXECUTE_LOAD_QUERY => {
                let group = self.group(event);
                Ok(if group.open { Step::Hold } else { Step::Commit })
            }
            _ if rows::change(kind).is_some() => {
                let format = self.format.clone();
                let group = self.group(event);
                group.implicit |= !group.open;
                let flags = rows::peek(event, &format).map_or(0, |(_, flags)| flags);
                let over = group.implicit && flags & rows::FLAG_STATEMENT_END != 0;
                Ok(if over { Step::Commit } else { Step::Hold })
            }
            _ if event.header.flags & FLAG_IGNORABLE != 0 => Ok(self.carried()),
            other => Err(Error::data(format!(
                "event type {other} is not known and not marked as one to skip"
            ))
            .advise("a newer dws may know it; nothing behind it was read")),
        }
    }

    /// An event that says nothing by itself: part of the group if there is one.
    fn carried(&self) -> Step {
        if self.group.is_some() { Step::Hold } else { Step::Outside }
    }

    fn query(&mut self, event: &Event) -> Result<Step> {
        let unfolded;
        let query = if event.header.kind == kind::MARIADB_QUERY_COMPRESSED {
            unfolded = query::inflate(event.body, self.format.query_len(), MAX_STATEMENT)?;
            Query::parse(&unfolded, self.format.query_len())?
        } else {
            Query::parse(event.body, self.format.query_len())?
        };
        let statement = ddl::quick(query.sql);
        let group = self.group(event);
        Ok(match statement {
            Some(Statement::Begin) => {
                group.open = true;
                Step::Hold
            }
            Some(Statement::Commit) => Step::Commit,
            Some(Statement::Rollback) => Step::Discard,
            Some(Statement::XaStart(_)) => {
                group.open = true;
                Step::Hold
            }
            Some(Statement::XaCommit { xid, .. }) if !group.open => Step::XaCommit(xid),
            Some(Statement::XaRollback(xid)) if !group.open => Step::XaRollback(xid),
            Some(Statement::XaEnd(_) | Statement::XaPrepare(_)) => Step::Hold,
            Some(statement) => {
                let number = group.events;
                group.savepoints.statement(&statement, number);
                if group.open { Step::Hold } else { Step::Commit }
            }
            None if group.open => Step::Hold,
            None if query.sql.trim_ascii_end().ends_with(b"START TRANSACTION") => {
                group.open = true;
                Step::Hold
            }
            None => Step::Commit,
        })
    }

    /// Adds a transaction to what was seen.
    fn count(&mut self, gtid: Option<Gtid>, micros: &Option<u64>, last: &Event) {
        self.placed = true;
        match gtid {
            Some(Gtid::MySql(sid, tag, number)) => self.gtids.add_mysql(sid, &tag, number),
            Some(Gtid::MariaDb(domain, server, sequence)) => {
                self.gtids.add_mariadb(domain, server, sequence);
            }
            None => {}
        }
        self.micros = micros.unwrap_or(u64::from(last.header.timestamp) * 1_000_000);
    }

    fn commit(
        &mut self,
        mut group: Group,
        chunk: &Chunk,
        range: std::ops::Range<usize>,
        last: &Event,
        handler: &mut dyn Handler,
    ) -> Result<Wish> {
        let mut context = Context {
            log: self.log.clone(),
            format: self.format.clone(),
            micros: group.micros,
            ended: group.micros.unwrap_or(u64::from(last.header.timestamp) * 1_000_000),
            stamp: None,
        };
        let wish = handler.begin(&context, last.end())?;
        if wish == Wish::Stop {
            self.offset = group.start;
            return Ok(wish);
        }
        self.tally.transactions += 1;
        self.count(group.gtid.take(), &group.micros, last);
        if wish == Wish::Skip {
            return handler.ended(self);
        }
        let held = group.body.events();
        let savepoints = &group.savepoints;
        if held > 0 {
            let mut shown = context.clone();
            group.body.visit(&mut |number, log, event| {
                if savepoints.is_dropped(number) {
                    return Ok(());
                }
                show(&mut shown, savepoints, event, handler).map_err(|e| at(e, log, event))
            })?;
        }
        for (number, index) in (held..).zip(range) {
            if savepoints.is_dropped(number) {
                continue;
            }
            let Some(event) = chunk.event(index) else { continue };
            show(&mut context, savepoints, &event, handler)
                .map_err(|e| at(e, &chunk.log, &event))?;
        }
        handler.ended(self)
    }
}

fn at(error: Error, log: &LogName, event: &Event) -> Error {
    error.at(format_args!("{} at {}", log.name, event.offset))
}

/// Hands an event over; a compressed transaction event by event.
fn show(
    context: &mut Context,
    savepoints: &Savepoints,
    event: &Event,
    handler: &mut dyn Handler,
) -> Result<()> {
    if event.header.kind != kind::TRANSACTION_PAYLOAD {
        return handler.event(context, event);
    }
    let payload = Payload::parse(event.body)?;
    let stamped = context.stamp.is_some();
    if !stamped {
        // More rows than bytes are possible only if the events are more bytes than the payload.
        let mut rows = 0u64;
        if payload.plain_len > event.len || payload.plain_len == 0 {
            let mut counter = RowCounter::new(context.format.clone());
            payload.visit(event, &mut |number, event| {
                if !savepoints.is_dropped_inside(number) {
                    rows += counter.count(event)?;
                }
                Ok(())
            })?;
        }
        context.stamp = Some(Stamp { offset: event.offset, len: event.len, rows });
    }
    let shown = payload.visit(event, &mut |number, event| {
        if savepoints.is_dropped_inside(number) { Ok(()) } else { handler.event(context, event) }
    });
    if !stamped {
        context.stamp = None;
    }
    shown
}
