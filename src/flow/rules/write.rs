//! HOT. Rows into messages: ids in the order of the records, one message in the making for each table
//! and host, markers. Uses `rule`, `line`, `endpoint`, `ums`.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::feed::{Done, RecordPlace};
use crate::endpoint::Receipt;
use crate::endpoint::lines::{At, Position};
use crate::error::{Error, Result};
use crate::line::output::Output;
use crate::mask::Plan;
use crate::rule::Rules;
use crate::rule::engine::{MadeRow, To};
use crate::rule::file::UNKNOWN;
use crate::rule::ids::Ids;
use crate::rule::time::{Micros, Stamps, push_stamp};
use crate::ums::json::{push_escaped, push_i64, push_u64};
use crate::ums::{Dialect, Field, Marker, MessageWriter, Namespace, Protocol, Schema, Type};

/// Part one of the namespace.
pub const KIND: &str = "log";

/// Messages in the making: hosts come from the records and must not use up the memory.
const MOST_OPEN: usize = 1024;

/// When a message is full.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
}

/// A message in the making.
struct Open {
    host: Box<[u8]>,
    message: MessageWriter,
}

/// Writes rows as messages.
pub(super) struct Writer<'a> {
    rules: Rules,
    pub(super) out: &'a mut dyn Output,
    /// Knows the positions of the input.
    pub(super) receipt: Option<Arc<dyn Receipt>>,
    /// By table, `_unknown_` last; empty without masks.
    pub(super) masks: Vec<Option<Plan>>,
    filling: Filling,
    ids: Ids,
    /// The id and time of the record at hand, and how many of its rows are written.
    record: (i64, Micros, u64),
    open: Vec<Open>,
    known: HashMap<(usize, Box<[u8]>), usize>,
    /// For each table and `_unknown_`, the message that took its last row.
    last: Vec<Option<usize>>,
    /// Where the last record came from, and where it ended.
    file: Arc<str>,
    pos: u64,
    /// Where the parts of the source are; none where positions do not say.
    parts: Option<Vec<At>>,
    /// Where the record at hand ends, for its uid.
    place: Option<RecordPlace>,
    line: Vec<u8>,
    stamps: Stamps,
    /// The source with a dash, as uids begin.
    uid_front: Vec<u8>,
    /// Rows written.
    pub(super) rows: u64,
    /// Messages written.
    pub(super) messages: u64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        rules: Rules,
        out: &'a mut dyn Output,
        filling: Filling,
        ids: Ids,
        (file, parts): (String, Option<Vec<At>>),
    ) -> Self {
        let last = vec![None; rules.tables.len() + 1];
        let mut uid_front = Vec::new();
        push_escaped(&mut uid_front, rules.source.as_bytes());
        uid_front.push(b'-');
        Self {
            rules,
            out,
            receipt: None,
            masks: Vec::new(),
            filling,
            ids,
            record: (0, 0, 0),
            open: Vec::new(),
            known: HashMap::new(),
            last,
            file: file.into(),
            pos: 0,
            parts,
            place: None,
            line: Vec::new(),
            stamps: Stamps::default(),
            uid_front,
            rows: 0,
            messages: 0,
        }
    }

    /// Writes a batch.
    pub(super) fn take(&mut self, done: &Done) -> Result<()> {
        let mut places = done.places.iter();
        for row in &done.made.rows {
            if row.first
                && let Some(place) = places.next()
            {
                // Several records of one line have one place, and their rows one count.
                let goes_on = self.place == Some(*place);
                self.record.2 = if goes_on { self.record.2 } else { 0 };
                self.place = Some(*place);
            }
            let cells = done.made.at(row.cells);
            let host = row.host.map(|span| done.made.at(span));
            match row.to {
                To::Table(table) => self.row(usize::from(table), row, host, cells)?,
                To::Unknown => self.row(self.rules.tables.len(), row, host, cells)?,
                To::Heartbeat => self.heartbeat(cells)?,
                To::Message => {
                    self.flush()?;
                    self.put(cells)?;
                }
            }
        }
        for end in &done.ends {
            (self.file, self.pos) = (Arc::clone(&end.part.name), end.at);
            let Some(parts) = &mut self.parts else { continue };
            match parts.iter_mut().find(|known| known.part.number == end.part.number) {
                Some(known) => known.clone_from(end),
                None => parts.push(end.clone()),
            }
        }
        if let (Some(parts), Some(gone)) = (&mut self.parts, done.gone) {
            parts.retain(|known| known.part.number != gone);
        }
        Ok(())
    }

    #[inline]
    fn row(
        &mut self,
        table: usize,
        row: &MadeRow,
        host: Option<&[u8]>,
        cells: &[u8],
    ) -> Result<()> {
        if row.first {
            let (id, time) = self.ids.give(row.time);
            let number = if self.place.is_some() { self.record.2 } else { 0 };
            self.record = (id, time, number);
        }
        let (id, time, number) = self.record;
        self.record.2 += 1;
        let at = self.message(table, host)?;
        let Some(open) = self.open.get_mut(at) else { return Ok(()) };
        let out = open.message.begin_row();
        out.push(b'"');
        let start = out.len();
        push_i64(out, id);
        let id = start..out.len();
        out.extend_from_slice(b"\",\"");
        // Rows of one record may have times of their own.
        self.stamps.push(out, row.time.unwrap_or(time));
        out.extend_from_slice(b"\",\"I\",\"");
        out.extend_from_slice(&self.uid_front);
        push_uid(out, id, self.place, number);
        out.push(b'"');
        out.extend_from_slice(cells);
        open.message.end_row();
        self.rows += 1;
        if open.message.rows() >= self.filling.rows || open.message.len() >= self.filling.bytes {
            open.message.finish(&mut self.out).map_err(failed)?;
            self.messages += 1;
        }
        Ok(())
    }

    /// The message that takes the rows of a table and host.
    #[inline]
    fn message(&mut self, table: usize, host: Option<&[u8]>) -> Result<usize> {
        let host = match host {
            Some(host) => host,
            None => self.rules.host.as_deref().unwrap_or("0").as_bytes(),
        };
        if let Some(Some(at)) = self.last.get(table)
            && self.open.get(*at).is_some_and(|open| *open.host == *host)
        {
            return Ok(*at);
        }
        let key = (table, Box::from(host));
        let at = match self.known.get(&key) {
            Some(at) => *at,
            None => {
                if self.open.len() >= MOST_OPEN {
                    self.flush()?;
                    self.open.clear();
                    self.known.clear();
                    self.last.fill(None);
                }
                let mut schema = schema(&self.rules, table, &key.1);
                if let Some(Some(mask)) = self.masks.get(table) {
                    let system = schema.system().uid.map_or(0, |uid| uid + 1);
                    mask.fields(schema.fields.iter_mut().skip(system));
                }
                let message = MessageWriter::new(Protocol::IncrementData, &schema, Dialect::Dws);
                let at = self.open.len();
                self.open.push(Open { host: key.1.clone(), message });
                self.known.insert(key, at);
                at
            }
        };
        if let Some(last) = self.last.get_mut(table) {
            *last = Some(at);
        }
        Ok(at)
    }

    /// Everything in the making goes out, tables in the order of their first rows.
    pub(super) fn flush(&mut self) -> Result<()> {
        for open in &mut self.open {
            if !open.message.is_empty() {
                open.message.finish(&mut self.out).map_err(failed)?;
                self.messages += 1;
            }
        }
        self.out.flush().map_err(failed)
    }

    /// A message that is ready.
    fn put(&mut self, line: &[u8]) -> Result<()> {
        self.out.write_all(line).map_err(failed)?;
        self.messages += 1;
        Ok(())
    }

    /// A heartbeat of the source, behind all rows before it.
    fn heartbeat(&mut self, json: &[u8]) -> Result<()> {
        self.flush()?;
        let star = || "*".to_owned();
        let parts =
            [KIND.to_owned(), self.rules.source.clone(), star(), star(), star(), star(), star()];
        let fields =
            [("_ums_id_", Type::Long), ("_ums_ts_", Type::Datetime), ("heartbeat", Type::String)];
        let schema = Schema {
            namespace: Namespace { parts },
            batch_id: 0,
            keys: Vec::new(),
            fields: fields.map(|(name, ty)| field(name, ty, false)).into(),
        };
        let mut writer = MessageWriter::new(Protocol::Heartbeat, &schema, Dialect::Dws);
        let row = writer.begin_row();
        row.push(b'"');
        push_i64(row, self.ids.next());
        row.extend_from_slice(b"\",\"");
        push_stamp(row, self.ids.time());
        row.extend_from_slice(b"\",");
        row.extend_from_slice(json);
        writer.end_row();
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        writer.finish_into(&mut line);
        let put = self.put(&line);
        self.line = line;
        put
    }

    /// A marker behind everything that has come; when the input pauses, its time is now. With it come
    /// the positions of an input that knows them itself. Gives those from which the next run can go on.
    pub(super) fn mark(&mut self, idle: bool) -> Result<Vec<Marker>> {
        self.flush()?;
        let now = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
        };
        let mut ts = Vec::new();
        push_stamp(&mut ts, if idle { now() } else { self.ids.time() });
        let marker = Marker {
            kind: KIND.into(),
            source: self.rules.source.clone(),
            id: self.ids.next(),
            ts: String::from_utf8_lossy(&ts).into_owned(),
            file: self.file.to_string(),
            pos: self.pos,
            gtid: self.position(),
            server: String::new(),
            base: 0,
        };
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        marker.write(Dialect::Dws, &mut line);
        let mut put = self.put(&line);
        let mut reached =
            self.receipt.as_ref().map(|receipt| receipt.reached(self.pos)).unwrap_or_default();
        for marker in &reached {
            line.clear();
            marker.write(Dialect::Dws, &mut line);
            put = put.and_then(|()| self.put(&line));
        }
        self.line = line;
        put?;
        self.out.flush().map_err(failed)?;
        if self.parts.is_some() {
            reached.push(marker);
        }
        Ok(reached)
    }

    /// Where all parts are, for the next run; empty where nobody can go on.
    fn position(&self) -> String {
        let Some(parts) = &self.parts else { return String::new() };
        let parts = parts.iter().map(At::to_json).collect();
        Position { time: self.ids.time(), parts }.to_text()
    }
}

/// The schema of a table of the rules, or of `_unknown_` behind them.
pub(super) fn schema(rules: &Rules, table: usize, host: &[u8]) -> Schema {
    let own = rules.tables.get(table);
    let (name, version) = own.map_or((UNKNOWN, 0), |own| (own.name.as_str(), own.version));
    let part = |text: &str| text.to_owned();
    let parts = [
        part(KIND),
        rules.source.clone(),
        rules.schema.clone(),
        part(name),
        version.to_string(),
        String::from_utf8_lossy(host).into_owned(),
        part("0"),
    ];
    let mut fields: Vec<Field> = [
        ("_ums_id_", Type::Long),
        ("_ums_ts_", Type::Datetime),
        ("_ums_op_", Type::String),
        ("_ums_uid_", Type::String),
    ]
    .map(|(name, ty)| field(name, ty, false))
    .into();
    match own {
        Some(own) => fields.extend(
            own.columns().iter().map(|column| field(&column.name, column.ty, !column.required)),
        ),
        None => fields.extend(["raw", "reason"].map(|name| field(name, Type::String, false))),
    }
    let keys = own.map(|own| own.keys.clone()).unwrap_or_default();
    Schema { namespace: Namespace { parts }, batch_id: 0, keys, fields }
}

/// What follows the source in a uid. `SOURCE-ID-N`: the same for ever where the whole source is read again, because ids are. Where a part
/// of it is, `SOURCE-PRINT-END-N` takes the place of the record in its file. `id` is where the id's digits
/// stand in `out`.
#[inline]
fn push_uid(out: &mut Vec<u8>, id: Range<usize>, place: Option<RecordPlace>, number: u64) {
    match place {
        None => out.extend_from_within(id),
        Some(RecordPlace { print, end }) => {
            for shift in (0..16).rev() {
                let digit = (print >> (shift * 4)) as usize & 15;
                out.push(*b"0123456789abcdef".get(digit).unwrap_or(&b'0'));
            }
            out.push(b'-');
            push_u64(out, end);
        }
    }
    out.push(b'-');
    push_u64(out, number);
}

fn field(name: &str, ty: Type, nullable: bool) -> Field {
    Field { name: name.to_owned(), ty, nullable, encoded: false, origin: None }
}

fn failed(error: std::io::Error) -> Error {
    Error::io("cannot write", error)
}
