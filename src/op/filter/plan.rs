//! What the rules mean for one schema: the compiled condition, and the columns that come out. Uses
//! `error`, `expr`, `ums`. Not hot: once a schema.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Place, Rules, sample};
use crate::error::{Error, Kind, Result};
use crate::expr::{Computed, Filter};
use crate::ums::decode::Header;
use crate::ums::{Bounds, Cell, Dialect, Field, MessageWriter, Namespace, Protocol, Row, Schema};

/// Compiled plans that are kept, as many as a decoder keeps schemas.
const MAX_PLANS: usize = 256;

/// The rules for one schema.
pub(super) struct Plan {
    pub(super) header: Arc<Header>,
    pub(super) filter: Option<Filter>,
    /// What rows are sampled by.
    pub(super) sampled: Vec<usize>,
    /// The columns whose cells are looked at; no others are decoded.
    pub(super) wanted: Vec<usize>,
    /// Whether the condition names nothing but key columns, which no update changes.
    pub(super) by_key: bool,
    /// How rows are written anew; `None` where they stay as they are.
    pub(super) reshape: Option<Reshape>,
}

/// Another head, and maybe other columns.
pub(super) struct Reshape {
    pub(super) schema: Schema,
    /// `None` where the tuples stay as they are.
    pieces: Option<Vec<Piece>>,
    /// The last head that was written, up to the rows.
    head: Option<(Protocol, Vec<u8>)>,
}

/// One column that comes out.
enum Column {
    Cell(usize),
    Computed(Computed),
}

/// A part of the tuple that comes out.
enum Piece {
    /// Cells that are copied as they stand.
    Cells(Range<usize>),
    Computed(Computed),
}

/// Plans by schema, and what is known of tables whose row images are not always whole.
#[derive(Default)]
pub(super) struct Plans {
    /// The one used last in front.
    plans: Vec<Plan>,
    tables: HashMap<Namespace, Vec<Field>>,
    /// What people should know, to be said once.
    pub(super) notes: Vec<String>,
    /// Which names of `drop` some table has.
    pub(super) dropped: Vec<bool>,
}

impl Plans {
    /// None yet; `drop` has so many names.
    pub(super) fn new(drop: usize) -> Self {
        Self { dropped: vec![false; drop], ..Self::default() }
    }

    /// The plan for a schema; made when it is new, and when it was forgotten.
    pub(super) fn get(&mut self, rules: &Rules, header: &Arc<Header>) -> Result<&mut Plan> {
        match self.plans.iter().position(|plan| Arc::ptr_eq(&plan.header, header)) {
            Some(0) => {}
            Some(known) => {
                if let Some(recent) = self.plans.get_mut(..=known) {
                    recent.rotate_right(1);
                }
            }
            None => {
                let plan = self.make(rules, header)?;
                self.plans.truncate(MAX_PLANS - 1);
                self.plans.insert(0, plan);
            }
        }
        self.plans.first_mut().ok_or_else(|| Error::refused("no plan"))
    }

    fn make(&mut self, rules: &Rules, header: &Arc<Header>) -> Result<Plan> {
        let schema = &header.schema;
        let absent = self.absent(schema);
        let wrong = |error: Error, option: &str| {
            Error::new(Kind::Refused, error.to_string())
                .at(format_args!("{}: {option}", schema.namespace))
        };
        let condition = rules.condition.as_ref();
        let filter = condition.map(|condition| condition.compile_for(schema, &absent)).transpose();
        let filter = filter.map_err(|error| wrong(error, "--where"))?;
        let is_key = |place: &usize| {
            let name = schema.fields.get(*place).map(|field| field.name.as_str());
            schema.keys.iter().any(|key| name.is_some_and(|name| name.eq_ignore_ascii_case(key)))
        };
        let by_key = filter
            .as_ref()
            .is_none_or(|filter| !filter.lacks() && filter.columns().iter().all(is_key));
        if let (true, Some(filter), Some(op)) = (rules.keep_set, &filter, header.system.op)
            && filter.columns().contains(&op)
        {
            return Err(wrong(
                Error::refused(
                    "with --keep-set a condition cannot name _ums_op_, which it changes",
                ),
                "--where",
            ));
        }
        let sampled = if rules.sample.is_some() { sample::places(header) } else { Vec::new() };
        let columns = if rules.select.is_some() { "--select" } else { "--drop" };
        let reshape =
            self.reshape(rules, header, &absent).map_err(|error| wrong(error, columns))?;
        let mut wanted = sampled.clone();
        wanted.extend(filter.iter().flat_map(Filter::columns));
        wanted.extend(rules.needed(header));
        wanted.extend(reshape.iter().flat_map(Reshape::computed_from));
        wanted.sort_unstable();
        wanted.dedup();
        Ok(Plan { header: Arc::clone(header), filter, sampled, wanted, by_key, reshape })
    }

    /// The columns that the table is known to have, from other messages, and this image has not.
    fn absent(&mut self, schema: &Schema) -> Vec<Field> {
        let has = |fields: &[Field], name: &str| fields.iter().any(|field| field.name == name);
        let known = self.tables.entry(schema.namespace.clone()).or_default();
        let grows = schema.fields.iter().any(|field| !has(known, &field.name));
        if grows {
            // An image that has what is new and lacks what was there is of another definition.
            known.clone_from(&schema.fields);
        }
        let lacks = |field: &&Field| !has(&schema.fields, &field.name);
        known.iter().filter(lacks).cloned().collect()
    }

    fn reshape(
        &mut self,
        rules: &Rules,
        header: &Header,
        absent: &[Field],
    ) -> Result<Option<Reshape>> {
        let renamed = rules.renamed(&header.schema.namespace);
        let columns = match (&rules.select, rules.drop.as_slice()) {
            (None, []) => None,
            (Some(select), _) => Some(selected(select.compile(&header.schema, absent)?, header)?),
            (None, names) => self.without(names, header)?,
        };
        if renamed.is_none() && columns.is_none() {
            return Ok(None);
        }
        let mut schema = header.schema.clone();
        if let Some(namespace) = renamed {
            schema.namespace = namespace;
        }
        if let Some(columns) = &columns {
            let named = |key: &String| self::renamed(key, columns, &header.schema);
            let keys: Option<Vec<String>> = header.schema.keys.iter().map(named).collect();
            if keys.is_none() {
                self.notes.push(format!(
                    "{}: a column of the key is left out, so the rows have no key; a target needs to be told one",
                    header.schema.namespace
                ));
            }
            schema.keys = keys.unwrap_or_default();
            schema.fields =
                columns.iter().filter_map(|column| column.field(&header.schema)).collect();
        }
        let pieces = columns.map(|columns| columns.into_iter().fold(Vec::new(), joined));
        Ok(Some(Reshape { schema, pieces, head: None }))
    }

    /// All columns but these; `None` where the table has none of them.
    fn without(&mut self, names: &[String], header: &Header) -> Result<Option<Vec<Column>>> {
        let mut columns = Vec::new();
        self.dropped.resize(names.len(), false);
        for (place, field) in header.schema.fields.iter().enumerate() {
            let mut kept = true;
            for (name, seen) in names.iter().zip(&mut self.dropped) {
                if field.name.eq_ignore_ascii_case(name) {
                    (kept, *seen) = (false, true);
                }
            }
            if !kept && is_system(header, place) {
                return Err(Error::refused(format!("{}: a system column stays", field.name)));
            }
            if kept {
                columns.push(Column::Cell(place));
            }
        }
        Ok((columns.len() < header.schema.fields.len()).then_some(columns))
    }
}

impl Rules {
    /// The system columns that bounds and kinds of change are asked of.
    fn needed(&self, header: &Header) -> Vec<usize> {
        let system = header.system;
        let bounds = [self.since, self.until].into_iter().flatten().map(|bound| match bound {
            Place::Id(_) => system.id,
            Place::Time(_) => system.ts,
        });
        let op = system.op.filter(|_| !self.ops.is_empty());
        bounds.chain([op]).flatten().collect()
    }
}

fn is_system(header: &Header, place: usize) -> bool {
    let system = header.system;
    [system.id, system.ts, system.op, system.uid].contains(&Some(place))
}

/// The system columns in front, and then what was selected.
fn selected(list: Vec<Computed>, header: &Header) -> Result<Vec<Column>> {
    let all = 0..header.schema.fields.len();
    let mut columns: Vec<Column> =
        all.filter(|place| is_system(header, *place)).map(Column::Cell).collect();
    for computed in list {
        let name = &computed.field.name;
        let taken =
            header.schema.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name));
        match (computed.column(), taken) {
            (Some(place), Some(taken)) if place == taken && is_system(header, place) => {}
            (_, Some(taken)) if is_system(header, taken) => {
                return Err(Error::usage(format!(
                    "the system column '{name}' cannot be made anew"
                )));
            }
            (Some(place), _) if *name == column_name(header, place) => {
                columns.push(Column::Cell(place))
            }
            _ => columns.push(Column::Computed(computed)),
        }
    }
    Ok(columns)
}

fn column_name(header: &Header, place: usize) -> &str {
    header.schema.fields.get(place).map(|field| field.name.as_str()).unwrap_or_default()
}

/// What a key column is called among the columns that come out.
fn renamed(key: &str, columns: &[Column], schema: &Schema) -> Option<String> {
    let own = schema.column(key)?;
    columns.iter().find_map(|column| match column {
        Column::Cell(place) if *place == own => Some(key.to_owned()),
        Column::Computed(computed) if computed.column() == Some(own) => {
            Some(computed.field.name.clone())
        }
        _ => None,
    })
}

impl Column {
    fn field(&self, schema: &Schema) -> Option<Field> {
        match self {
            Self::Cell(place) => schema.fields.get(*place).cloned(),
            Self::Computed(computed) => Some(computed.field.clone()),
        }
    }
}

impl Plan {
    /// The schema that comes out.
    pub(super) fn schema(&self) -> &Schema {
        self.reshape.as_ref().map_or(&self.header.schema, |reshape| &reshape.schema)
    }

    /// Whether tuples are written as other columns.
    pub(super) fn has_columns(&self) -> bool {
        self.reshape.as_ref().is_some_and(|reshape| reshape.pieces.is_some())
    }

    /// Appends the inside of a tuple whose cells are given, but for those that are copied where `raw`
    /// has them as they are written. HOT.
    pub(super) fn push_tuple(
        &self,
        cells: &[Cell],
        raw: Option<(&Row, &Bounds)>,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let whole = [Piece::Cells(0..cells.len())];
        let pieces = self.reshape.as_ref().and_then(|reshape| reshape.pieces.as_deref());
        for (index, piece) in pieces.unwrap_or(&whole).iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match (piece, raw) {
                (Piece::Cells(places), Some((row, bounds))) => {
                    out.extend_from_slice(bounds.bytes(row, places));
                }
                (Piece::Cells(places), None) => {
                    for place in places.clone() {
                        if place > places.start {
                            out.push(b',');
                        }
                        match cells.get(place) {
                            Some(cell) => cell.push_json(out),
                            None => return Err(Error::data("a row without one of its columns")),
                        }
                    }
                }
                (Piece::Computed(computed), _) => {
                    computed.push_json(cells, out).map_err(|error| {
                        error.at(format_args!("--select: {}", computed.field.name))
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// One column more: neighbours that are copied are one piece.
fn joined(mut pieces: Vec<Piece>, column: Column) -> Vec<Piece> {
    let place = match column {
        Column::Cell(place) => place,
        Column::Computed(computed) => match computed.column() {
            Some(place) => place,
            None => {
                pieces.push(Piece::Computed(computed));
                return pieces;
            }
        },
    };
    match pieces.last_mut() {
        Some(Piece::Cells(places)) if places.end == place => places.end += 1,
        _ => pieces.push(Piece::Cells(place..place + 1)),
    }
    pieces
}

impl Reshape {
    /// The columns that computed ones are made of.
    fn computed_from(&self) -> Vec<usize> {
        let pieces = self.pieces.iter().flatten();
        pieces
            .flat_map(|piece| match piece {
                Piece::Cells(_) => Vec::new(),
                Piece::Computed(computed) => computed.columns(),
            })
            .collect()
    }

    /// The head of a message up to its rows.
    pub(super) fn head(&mut self, protocol: Protocol) -> &[u8] {
        if self.head.as_ref().is_none_or(|(of, _)| *of != protocol) {
            let writer = MessageWriter::new(protocol, &self.schema, Dialect::Dws);
            self.head = Some((protocol, writer.head().to_vec()));
        }
        self.head.as_ref().map(|(_, head)| head.as_slice()).unwrap_or_default()
    }
}
