//! One side of a join: its rows by key, by what they are joined on, and by time. Uses `error`, `expr`,
//! `ums`. HOT: once a row.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::expr::Kind;
use crate::op::join::cells::{key_places, push_cell, push_text};
use crate::op::join::clock;
use crate::op::join::pack::{Unpack, put_bytes, put_i64, put_text, put_u64};
use crate::ums::decode::{Decoder, Header};
use crate::ums::encode::schema_json;
use crate::ums::{Cell, Dialect, Op, Row, Schema, Type};

/// A key's bytes, shared by the rows and their indexes.
pub(super) type Key = Arc<[u8]>;

/// The newest version of a row.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) ts: i64,
    pub(super) time: i64,
    /// False for a row that was deleted or came too late: it keeps older versions away.
    pub(super) alive: bool,
    /// The number of its table.
    pub(super) table: u64,
    /// What it is joined on; `None` where a part of it is NULL, which is equal to nothing.
    pub(super) on: Option<Key>,
    /// The number of its columns' layout.
    pub(super) layout: usize,
    /// The key as people read it.
    pub(super) name: Box<str>,
    /// The JSON of its cells, and a bracket behind.
    pub(super) cells: Box<str>,
    /// Its time is over (left rows only).
    pub(super) over: bool,
    /// It stands in the output with nothing beside it (left rows only).
    pub(super) lone: bool,
    /// The greatest id with which it stood there or was taken away.
    pub(super) lone_id: i64,
}

impl Entry {
    /// Its cells one by one.
    pub(super) fn split(&self, fields: usize) -> Result<Vec<Cell<'_>>> {
        let mut cells = Vec::new();
        if let Some(row) = Row::new(&self.cells, 0, self.cells.len().saturating_sub(1)) {
            row.split(fields, &mut cells)?;
        }
        Ok(cells)
    }
}

/// Where the columns of a schema are.
#[derive(Debug)]
struct Plan {
    header: Arc<Header>,
    table: u64,
    layout: usize,
    keys: Vec<(usize, Type)>,
    /// The columns of the condition; `None` where a partial image lacks one.
    on: Vec<(usize, Type)>,
    time: usize,
    /// The columns of the table.
    own: Vec<usize>,
}

/// What a side is made of.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) on: Vec<String>,
    pub(super) time: Option<String>,
    pub(super) keys: Vec<String>,
}

/// A row of a message, read and not applied yet.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) row: usize,
    pub(super) op: Op,
    pub(super) key: Key,
    /// The event time; `None` where the column is NULL or has no date.
    pub(super) time: Option<i64>,
    /// The version, for an insert or an update complete.
    pub(super) entry: Entry,
}

/// The rows of a side.
#[derive(Debug)]
pub(super) struct Side {
    wanted: Wanted,
    plans: Vec<Plan>,
    pub(super) tables: Vec<String>,
    /// Every layout of columns that there was: the table's own columns alone.
    pub(super) layouts: Vec<Schema>,
    pub(super) rows: HashMap<Key, Entry>,
    index: HashMap<Key, BTreeSet<(i64, Key)>>,
    pub(super) times: BTreeSet<(i64, Key)>,
    /// Bytes of all rows.
    pub(super) bytes: usize,
}

/// Schemas that are kept, as many as a decoder keeps.
const MAX_PLANS: usize = 256;
/// Bytes that a row takes beside its texts: its entry and its places in three indexes.
const ROW: usize = 320;

impl Side {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            plans: Vec::new(),
            tables: Vec::new(),
            layouts: Vec::new(),
            rows: HashMap::new(),
            index: HashMap::new(),
            times: BTreeSet::new(),
            bytes: 0,
        }
    }

    /// The kinds of the columns of the condition, once a schema is known.
    pub(super) fn kinds(&self) -> Option<Vec<Kind>> {
        let plan = self.plans.first()?;
        Some(plan.on.iter().map(|(_, ty)| Kind::of(*ty)).collect())
    }

    /// Makes the plan of a schema the first one.
    pub(super) fn plan(&mut self, header: &Arc<Header>) -> Result<()> {
        match self.plans.iter().position(|plan| Arc::ptr_eq(&plan.header, header)) {
            Some(known) => {
                if let Some(recent) = self.plans.get_mut(..=known) {
                    recent.rotate_right(1);
                }
            }
            None => {
                let plan = self.compile(header)?;
                self.plans.truncate(MAX_PLANS - 1);
                self.plans.insert(0, plan);
            }
        }
        Ok(())
    }

    fn compile(&mut self, header: &Arc<Header>) -> Result<Plan> {
        let schema = &header.schema;
        let namespace = &schema.namespace;
        let typed = |place: usize| schema.fields.get(place).map(|field| (place, field.ty));
        let keys = key_places(schema, &self.wanted.keys)?;
        let mut on = Vec::new();
        for name in &self.wanted.on {
            let place = schema.column(name).and_then(typed);
            on.push(place.ok_or_else(|| {
                Error::refused(format!("{namespace}: --on: no column '{name}'"))
                    .advise("the log must have whole rows (binlog_row_image=FULL)")
            })?);
        }
        let name = self.wanted.time.as_deref();
        let time = name.map_or(header.system.ts, |name| schema.column(name)).and_then(typed);
        let Some((time, Type::Datetime | Type::Date)) = time else {
            let name = name.unwrap_or("_ums_ts_");
            return Err(Error::refused(format!("{namespace}: no column '{name}' of times"))
                .advise("--time takes a column of type date or datetime"));
        };
        let system = header.system;
        let system = [system.id, system.ts, system.op, system.uid];
        let own: Vec<usize> =
            (0..schema.fields.len()).filter(|place| !system.contains(&Some(*place))).collect();
        let mut layout = Schema { batch_id: 0, ..schema.clone() };
        layout.fields = own.iter().filter_map(|place| schema.fields.get(*place)).cloned().collect();
        let source = namespace.source();
        let table = match self.tables.iter().position(|table| *table == source) {
            Some(table) => table,
            None => {
                self.tables.push(source);
                self.tables.len() - 1
            }
        };
        let part = |known: &&Schema| {
            known.namespace == *namespace
                && known.fields != layout.fields
                && layout.fields.iter().all(|field| known.column(&field.name).is_some())
        };
        if let Some(known) = self.layouts.iter().find(part) {
            let gone = known.fields.iter().find(|field| layout.column(&field.name).is_none());
            return Err(Error::refused(format!(
                "{namespace}: a row without the column '{}'",
                gone.map_or("", |field| field.name.as_str())
            ))
            .advise("a join needs whole rows (binlog_row_image=FULL)"));
        }
        // Shards and versions with the same columns are written alike.
        let known = self.layouts.iter().position(|known| known.fields == layout.fields);
        let layout = known.unwrap_or_else(|| {
            self.layouts.push(layout);
            self.layouts.len() - 1
        });
        let keys = keys.into_iter().filter_map(typed).collect();
        Ok(Plan { header: Arc::clone(header), table: table as u64, layout, keys, on, time, own })
    }

    /// Reads a row by the first plan; `None` for the image before an update.
    pub(super) fn read(&self, row: usize, cells: &[Cell]) -> Result<Option<Change>> {
        let Some(plan) = self.plans.first() else { return Ok(None) };
        let system = plan.header.system;
        let text = |place: Option<usize>| -> Result<Option<_>> {
            Ok(match place.and_then(|place| cells.get(place)) {
                Some(cell) => cell.text()?,
                None => None,
            })
        };
        let op = match text(system.op)? {
            None if system.op.is_none() => Some(Op::Insert),
            None => None,
            Some(text) => Op::parse(text.as_bytes()),
        };
        let op = op.ok_or_else(|| Error::data("_ums_op_ is none of I, U, D, B"))?;
        if op == Op::Before {
            return Ok(None);
        }
        let id = text(system.id)?.and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| Error::data("_ums_id_ is no 64-bit number"))?;
        let ts = text(system.ts)?.and_then(|text| clock::micros(&text));
        let ts = ts.ok_or_else(|| Error::data("_ums_ts_ is no time"))?;
        let (mut key, mut name) = (Vec::new(), String::new());
        for (index, (place, ty)) in plan.keys.iter().enumerate() {
            let Some(cell) = cells.get(*place) else { continue };
            push_cell(&mut key, cell, *ty)?;
            key.push(b',');
            if index > 0 {
                name.push(',');
            }
            // The name of a pair must tell where one key ends.
            for letter in cell.text()?.unwrap_or_default().chars() {
                if matches!(letter, ',' | '|' | '\\') {
                    name.push('\\');
                }
                name.push(letter);
            }
        }
        let mut entry = Entry {
            id,
            ts,
            time: ts,
            alive: false,
            table: plan.table,
            on: None,
            layout: plan.layout,
            name: name.into(),
            cells: Box::default(),
            over: false,
            lone: false,
            lone_id: i64::MIN,
        };
        let mut time = None;
        if op != Op::Delete {
            time = match Some(plan.time) == system.ts {
                true => Some(ts),
                false => text(Some(plan.time))?.and_then(|text| clock::micros(&text)),
            };
            entry.on = read_on(plan, cells)?.map(Key::from);
            let mut own = Vec::new();
            for place in &plan.own {
                if let Some(cell) = cells.get(*place) {
                    cell.push_json(&mut own);
                    own.push(b',');
                }
            }
            own.pop();
            own.push(b']');
            entry.cells = String::from_utf8_lossy(&own).into();
        }
        Ok(Some(Change { row, op, key: key.into(), time, entry }))
    }

    /// Puts a version in the place of the one before.
    pub(super) fn put(&mut self, key: &Key, entry: Entry) {
        self.remove(key);
        self.bytes += ROW + key.len() + entry.cells.len() + entry.name.len();
        self.times.insert((entry.time, Arc::clone(key)));
        if let (Some(on), true) = (&entry.on, entry.alive) {
            let index = self.index.entry(Arc::clone(on)).or_default();
            index.insert((entry.time, Arc::clone(key)));
        }
        self.rows.insert(Arc::clone(key), entry);
    }

    /// Takes a version away.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.rows.remove(key)?;
        self.bytes -= ROW + key.len() + entry.cells.len() + entry.name.len();
        let place = (entry.time, Arc::clone(key));
        self.times.remove(&place);
        if let Some(on) = &entry.on
            && let Some(index) = self.index.get_mut(on)
        {
            index.remove(&place);
            if index.is_empty() {
                self.index.remove(on);
            }
        }
        Some(entry)
    }

    /// The rows with this value between two times, by time and key.
    pub(super) fn matching(&self, on: Option<&Key>, from: i64, to: i64) -> Vec<Key> {
        let found = on.and_then(|on| self.index.get(on));
        let least: Key = Arc::from([]);
        let found = found.into_iter().flat_map(|index| index.range((from, Arc::clone(&least))..));
        found.take_while(|(time, _)| *time <= to).map(|(_, key)| Arc::clone(key)).collect()
    }

    pub(super) fn save(&self, state: &mut Vec<u8>) {
        put_u64(state, self.tables.len() as u64);
        for table in &self.tables {
            put_bytes(state, table.as_bytes());
        }
        put_u64(state, self.layouts.len() as u64);
        for layout in &self.layouts {
            let mut json = Vec::new();
            schema_json(layout, Dialect::Dws, &mut json);
            put_bytes(state, &json);
        }
        put_u64(state, self.rows.len() as u64);
        for (key, entry) in &self.rows {
            put_bytes(state, key);
            for number in [entry.id, entry.ts, entry.time, entry.lone_id] {
                put_i64(state, number);
            }
            put_u64(state, entry.table);
            put_u64(state, entry.layout as u64);
            let flags = [entry.alive, entry.over, entry.lone, entry.on.is_some()];
            state.extend(flags.map(u8::from));
            put_bytes(state, entry.on.as_deref().unwrap_or_default());
            put_text(state, Some(&entry.name));
            put_text(state, Some(&entry.cells));
        }
    }

    pub(super) fn load(&mut self, state: &mut Unpack) -> Result<()> {
        let torn = || Error::refused("the state has a schema that cannot be read");
        for _ in 0..state.u64()? {
            self.tables.push(String::from_utf8_lossy(state.bytes()?).into_owned());
        }
        for _ in 0..state.u64()? {
            let line = [
                b"{\"protocol\":{\"type\":\"data_increment_data\"},\"schema\":",
                state.bytes()?,
                b",\"payload\":[]}",
            ]
            .concat();
            let header = Decoder::default().decode(&line).map_err(|_| torn())?.header;
            self.layouts.push(header.schema.clone());
        }
        for _ in 0..state.u64()? {
            let key: Key = state.bytes()?.into();
            let [id, ts, time, lone_id] = [state.i64()?, state.i64()?, state.i64()?, state.i64()?];
            let (table, layout) = (state.u64()?, state.u64()? as usize);
            let mut flag = || state.byte().map(|byte| byte != 0);
            let (alive, over, lone, has_on) = (flag()?, flag()?, flag()?, flag()?);
            let on = Some(Key::from(state.bytes()?)).filter(|_| has_on);
            let name = state.text()?.unwrap_or_default().into();
            let cells = state.text()?.unwrap_or_default().into();
            if layout >= self.layouts.len() {
                return Err(torn());
            }
            let entry =
                Entry { id, ts, time, alive, table, on, layout, name, cells, over, lone, lone_id };
            self.put(&key, entry);
        }
        Ok(())
    }
}

/// What a row is joined on, in one spelling for both sides; `None` where a part is NULL.
fn read_on(plan: &Plan, cells: &[Cell]) -> Result<Option<Vec<u8>>> {
    let mut on = Vec::new();
    for (place, ty) in &plan.on {
        let Some(text) = cells.get(*place).map(Cell::text).transpose()?.flatten() else {
            return Ok(None);
        };
        let ty = match ty {
            Type::Int | Type::Long => Type::Decimal,
            Type::Float => Type::Double,
            ty => *ty,
        };
        push_text(&mut on, &text, ty)?;
        on.push(b',');
    }
    Ok(Some(on))
}
