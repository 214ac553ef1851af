//! `--audit`: every byte of a log accounted for. Uses `error`, `mysql`. Warm.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mysql::ddl::TableName;
use crate::mysql::event::{Event, kind};
use crate::mysql::frame::Torn;
use crate::mysql::gtid::GtidSet;
use crate::mysql::rows::{self, Change, RowsEvent};
use crate::mysql::table_map::TableMap;
use crate::mysql::transaction::{Assembler, Context, Handler, Tally, Wish};
use crate::mysql::types::{self, Column};

/// How a file ends.
#[derive(Debug, Clone, Copy)]
pub enum End<'a> {
    /// With a whole event.
    Whole,
    /// With something else.
    Torn(&'a Torn),
    /// Nobody knows: what follows cannot be read.
    Unread,
}

/// Counts what a log holds, without naming columns.
#[derive(Default)]
pub struct Audit {
    tables: BTreeMap<TableName, [u64; 3]>,
    maps: std::collections::HashMap<u64, (TableName, Arc<Vec<Column>>)>,
    statements: u64,
    notes: Vec<String>,
    started: Tally,
}

impl Audit {
    /// The report on one file; counting starts anew for the next.
    pub fn report(&mut self, file: &str, assembler: &Assembler, end: End) -> String {
        let tally = assembler.tally;
        let mut text = String::new();
        let rows: u64 = self.tables.values().flatten().sum();
        let _ = writeln!(
            text,
            "{file}: {} bytes, {} events, {} transactions, {} rolled back, {} other statements, {rows} rows",
            tally.bytes - self.started.bytes + 4,
            tally.events - self.started.events,
            tally.transactions - self.started.transactions,
            tally.rolled_back - self.started.rolled_back,
            self.statements,
        );
        for (name, [inserts, updates, deletes]) in &self.tables {
            let _ =
                writeln!(text, "  {name}: {inserts} inserts, {updates} updates, {deletes} deletes");
        }
        let gtids = assembler.gtids.to_string();
        let gtids = if gtids.is_empty() { "none" } else { &gtids };
        let _ = writeln!(text, "  gtids up to here: {gtids}");
        if let GtidSet::MySql(set) = &assembler.gtids {
            let ranges: Vec<_> =
                set.ranges().map(|(sid, tag, ..)| (*sid, tag.to_owned())).collect();
            let gaps = ranges.windows(2).filter(|pair| matches!(pair, [a, b] if a == b)).count();
            if gaps > 0 {
                let _ = writeln!(text, "  gaps in the gtids: {gaps}");
            }
        }
        if assembler.prepared() > 0 {
            let _ = writeln!(
                text,
                "  prepared XA transactions without outcome: {}",
                assembler.prepared()
            );
        }
        for note in self.notes.drain(..) {
            let _ = writeln!(text, "  {note}");
        }
        let _ = match end {
            End::Torn(torn) if torn.bytes == 0 => writeln!(text, "  {torn}"),
            End::Torn(torn) => {
                writeln!(text, "  torn end: {} bytes at {}", torn.bytes, torn.offset)
            }
            End::Whole => writeln!(text, "  the file ends with a whole event"),
            End::Unread => writeln!(text, "  what follows cannot be read"),
        };
        if let Some(start) = assembler.open_since() {
            let _ = writeln!(text, "  a transaction is open at its end, since {start}");
        }
        self.tables.clear();
        self.statements = 0;
        self.started = tally;
        text
    }
}

impl Handler for Audit {
    fn begin(&mut self, _: &Context, _: u64) -> Result<Wish> {
        Ok(Wish::Go)
    }

    fn event(&mut self, context: &Context, event: &Event) -> Result<()> {
        if event.header.kind == kind::TABLE_MAP {
            let map = TableMap::parse(event.body, context.format.table_id_len(kind::TABLE_MAP))?;
            let columns = Arc::new(types::shape(&map, context.format.mariadb)?);
            self.maps.insert(map.id, (TableName::new(map.schema, map.table), columns));
            return Ok(());
        }
        if event.header.kind == kind::QUERY {
            let query = crate::mysql::query::Query::parse(event.body, context.format.query_len())?;
            self.statements += u64::from(crate::mysql::ddl::quick(query.sql).is_none());
            return Ok(());
        }
        let Some(event) = RowsEvent::parse(event, &context.format)? else { return Ok(()) };
        let Some((name, columns)) = self.maps.get(&event.table_id) else {
            if event.table_id == 0x00ff_ffff {
                return Ok(());
            }
            return Err(Error::data(format!(
                "a row event names table id {}, which no TABLE_MAP gave",
                event.table_id
            )));
        };
        let count = rows::count(&event, columns).ok_or_else(|| {
            Error::data(format!("a row image of {name} does not match its TABLE_MAP"))
        })?;
        let [inserts, updates, deletes] = self.tables.entry(name.clone()).or_default();
        *match event.change {
            Change::Insert => inserts,
            Change::Update => updates,
            Change::Delete => deletes,
        } += count;
        Ok(())
    }

    fn ended(&mut self, _: &Assembler) -> Result<Wish> {
        Ok(Wish::Go)
    }

    fn note(&mut self, text: String) -> Result<()> {
        self.notes.push(text);
        Ok(())
    }
}
