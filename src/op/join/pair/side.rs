//! One side of a join: its rows by key, by what they are joined on, and by time. Uses `error`, `expr`,
//! `ums`. HOT: once a row.
//!
//! Rows that are in use are in memory (`pair::kept` has those that are not), with their places in two
//! indexes; a row that came back from disk has its places there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::error::{Error, Result};
use crate::expr::Kind;
use crate::op::join::cells::{key_places, no_column, push_cell, push_text};
use crate::op::join::clock;
use crate::op::join::pack::{Unpack, put_bytes, put_u64};
use crate::op::join::row::{Told, number_of, shard, told};
use crate::op::join::shelf::disk_key;
use crate::ums::decode::{Decoder, Header};
use crate::ums::encode::schema_json;
use crate::ums::hash::fnv1a;
use crate::ums::{Cell, Dialect, Op, Row, Schema, Type};

/// A key's bytes, shared by the rows and their indexes.
pub(super) type Key = Arc<[u8]>;

/// The newest version of a row.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) id: i64,
    pub(super) ts: i64,
    /// A hash of its `_ums_uid_`, which alone tells two versions apart that have one id: a row that
    /// is the result of another join may change without a greater one.
    pub(super) uid: u64,
    pub(super) time: i64,
    /// False for a row that was deleted or came too late: it keeps older versions away.
    pub(super) alive: bool,
    /// The numbers of its table and of its shard.
    pub(super) table: u64,
    pub(super) shard: u32,
    /// What it is joined on; `None` where a part of it is NULL, which is equal to nothing.
    pub(super) on: Option<Key>,
    /// The number of its columns' layout.
    pub(super) layout: usize,
    /// The key as people read it.
    pub(super) name: Arc<str>,
    /// The JSON of its cells, and a bracket behind.
    pub(super) cells: Arc<str>,
    /// Its time is over (left rows only).
    pub(super) over: bool,
    /// It stands in the output with nothing beside it (left rows only).
    pub(super) lone: bool,
    /// The greatest id with which it stood there or was taken away.
    pub(super) lone_id: i64,
    /// It is newer than on disk.
    pub(super) dirty: bool,
    /// Its places in the indexes are on disk.
    pub(super) stored: bool,
    /// It was in use since memory was last made free.
    pub(super) hot: bool,
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
    shard: u32,
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
    pub(super) shards: Vec<String>,
    /// Every layout of columns that there was: the table's own columns alone.
    pub(super) layouts: Vec<Schema>,
    pub(super) rows: HashMap<Key, Entry, RandomState>,
    pub(super) index: HashMap<Key, BTreeSet<Place>, RandomState>,
    pub(super) times: BTreeSet<Place>,
    /// Places in the indexes on disk that are not right any more, with the length of what they are looked
    /// for by.
    pub(super) gone: BTreeMap<Box<[u8]>, usize>,
    /// Rows before this time are forgotten, wherever they are.
    pub(super) bound: i64,
    /// What the keys of rows begin with on disk; the indexes have the next two.
    pub(super) space: u8,
    /// About how many bytes of memory everything takes.
    pub(super) bytes: usize,
    /// Rows that are newer than on disk.
    pub(super) dirty: usize,
    /// Their keys, some maybe twice, and maybe some of others.
    pub(super) fresh: Vec<Key>,
}

/// The time of a row and its key.
pub(super) type Place = (i64, Key);

/// Schemas that are kept, as many as a decoder keeps.
const MAX_PLANS: usize = 256;
/// Bytes that a row takes beside its texts: its entry and its places in three indexes.
const ROW: usize = 480;
/// Bytes that a place takes that is not right any more.
pub(super) const GONE: usize = 64;

impl Side {
    /// Without rows; `space` and the next two are its own on disk.
    pub(super) fn new(wanted: Wanted, space: u8) -> Self {
        Self {
            wanted,
            space,
            plans: Vec::new(),
            tables: Vec::new(),
            shards: Vec::new(),
            layouts: Vec::new(),
            rows: HashMap::default(),
            index: HashMap::default(),
            times: BTreeSet::new(),
            gone: BTreeMap::new(),
            bound: i64::MIN,
            bytes: 0,
            dirty: 0,
            fresh: Vec::new(),
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
            on.push(place.ok_or_else(|| no_column(schema, "--on: ", name))?);
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
        let table = number_of(&mut self.tables, source) as u64;
        let shard = number_of(&mut self.shards, shard(namespace)) as u32;
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
        Ok(Plan { header: Arc::clone(header), table, shard, layout, keys, on, time, own })
    }

    /// Reads a row by the first plan; `None` for the image before an update.
    pub(super) fn read(&self, row: usize, cells: &[Cell]) -> Result<Option<Change>> {
        let Some(plan) = self.plans.first() else { return Ok(None) };
        let system = plan.header.system;
        let Some(Told { op, id, ts }) = told(system, cells)? else { return Ok(None) };
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
        let uid = system.uid.and_then(|place| cells.get(place)).map(Cell::text).transpose()?;
        let uid = uid.flatten();
        let mut entry = Entry {
            id,
            ts,
            uid: fnv1a(uid.unwrap_or_default().as_bytes()),
            time: ts,
            alive: false,
            table: plan.table,
            shard: plan.shard,
            on: None,
            layout: plan.layout,
            name: name.into(),
            cells: Arc::from(""),
            over: false,
            lone: false,
            lone_id: i64::MIN,
            dirty: true,
            stored: false,
            hot: true,
        };
        let mut time = None;
        if op != Op::Delete {
            time = match Some(plan.time) == system.ts {
                true => Some(ts),
                false => {
                    let text = cells.get(plan.time).map(Cell::text).transpose()?.flatten();
                    text.and_then(|text| clock::micros(&text))
                }
            };
            entry.on = read_on(plan, cells)?.map(Key::from);
            let mut own = Vec::with_capacity(256);
            for place in &plan.own {
                if let Some(cell) = cells.get(*place) {
                    cell.push_json(&mut own);
                    own.push(b',');
                }
            }
            own.pop();
            own.push(b']');
            let own = String::from_utf8(own);
            let own = own.map_err(|_| Error::data("a row that is not UTF-8"))?;
            entry.cells = own.into();
        }
        Ok(Some(Change { row, op, key: key.into(), time, entry }))
    }

    /// About how many bytes of memory a row takes.
    pub(super) fn weight(key: &Key, entry: &Entry) -> usize {
        let on = entry.on.as_ref().map_or(0, |on| on.len());
        ROW + key.len() + on + entry.cells.len() + entry.name.len()
    }

    /// Puts a version of a row that was removed before.
    pub(super) fn put(&mut self, key: &Key, entry: Entry) {
        self.times.insert((entry.time, Arc::clone(key)));
        if let (Some(on), true) = (&entry.on, entry.alive) {
            let index = self.index.entry(Arc::clone(on)).or_default();
            index.insert((entry.time, Arc::clone(key)));
        }
        self.hold(key, entry);
    }

    /// Puts a row in memory whose places in the indexes are known.
    pub(super) fn hold(&mut self, key: &Key, entry: Entry) {
        self.bytes += Self::weight(key, &entry);
        let dirty = entry.dirty;
        self.rows.insert(Arc::clone(key), entry);
        if dirty {
            self.refresh(key);
        }
    }

    /// Takes a row and its places out of memory.
    pub(super) fn drop_row(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.rows.remove(key)?;
        self.bytes -= Self::weight(key, &entry);
        self.dirty -= usize::from(entry.dirty);
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

    /// Rows before this time are forgotten. One that was not written yet hides an older version that
    /// may be on disk and count for longer: that goes, too.
    pub(super) fn forget(&mut self, bound: i64, on_disk: bool) {
        self.bound = self.bound.max(bound);
        while let Some((time, key)) = self.times.first()
            && *time < self.bound
        {
            let key = key.clone();
            match self.drop_row(&key) {
                Some(entry) if on_disk && entry.dirty => {
                    let row = disk_key(self.space, &key);
                    let probe = row.len();
                    self.put_gone(row, probe);
                }
                Some(_) => {}
                None => drop(self.times.pop_first()),
            }
        }
    }

    /// Appends what is not in the runs: tables and layouts.
    pub(super) fn save(&self, state: &mut Vec<u8>) {
        for names in [&self.tables, &self.shards] {
            put_u64(state, names.len() as u64);
            for name in names {
                put_bytes(state, name.as_bytes());
            }
        }
        put_u64(state, self.layouts.len() as u64);
        for layout in &self.layouts {
            let mut json = Vec::new();
            schema_json(layout, Dialect::Dws, &mut json);
            put_bytes(state, &json);
        }
    }

    pub(super) fn load(&mut self, state: &mut Unpack) -> Result<()> {
        let torn = || Error::refused("the state has a schema that cannot be read");
        for names in [&mut self.tables, &mut self.shards] {
            for _ in 0..state.u64()? {
                names.push(String::from_utf8_lossy(state.bytes()?).into_owned());
            }
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
