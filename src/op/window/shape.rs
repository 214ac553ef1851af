//! From a schema to places and kinds, and the schema of results. Uses `error`, `expr`, `ums`. Not
//! hot: once a schema; `Shape::row` once a result.

use std::sync::Arc;

use super::Spec;
use super::span::Window;
use super::tally::{Function, Measure, Sum};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::expr::list::Scalar;
use crate::expr::{Filter, Kind};
use crate::op::join::cells::{
    field, key_places, no_column, push_cell, push_value, system_fields, type_of,
};
use crate::op::join::clock;
use crate::op::join::pack::{Unpack, put_bytes, put_u64};
use crate::ums::decode::{Decoder, Header};
use crate::ums::encode::schema_json;
use crate::ums::json::push_i64;
use crate::ums::{Cell, Dialect, Field, MessageWriter, Namespace, Protocol, Row, Schema, Type};

/// Rows of one result message.
const ROWS: usize = 500;

/// What to do with rows of one schema.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) header: Arc<Header>,
    /// The number of the source table.
    pub(super) table: u64,
    /// The number of its shard.
    pub(super) shard: u32,
    /// Columns that tell rows apart; none where every row is for itself.
    pub(super) keys: Vec<(usize, Type)>,
    /// The column of the event time.
    pub(super) time: usize,
    pub(super) groups: Vec<(Scalar, Option<Type>)>,
    /// Arguments; `None` for `*`.
    pub(super) arguments: Vec<Option<Scalar>>,
}

impl Plan {
    /// Appends the JSON of a row's group, cells with commas between.
    #[inline]
    pub(super) fn push_group(&self, cells: &[Cell], out: &mut Vec<u8>) -> Result<()> {
        for (index, (scalar, ty)) in self.groups.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match (ty, scalar.column().and_then(|place| cells.get(place))) {
                (Some(ty), Some(cell)) => push_cell(out, cell, *ty)?,
                _ => push_value(out, scalar.value(cells)?, scalar.kind),
            }
        }
        Ok(())
    }
}

/// The results: their columns and how they are written.
pub(super) struct Shape {
    /// The source table that gave the shape, for messages.
    first: String,
    /// The whole schema.
    pub(super) schema: Schema,
    pub(super) measures: Vec<Measure>,
    having: Option<Filter>,
    writer: MessageWriter,
    row: Vec<u8>,
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shape").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// What is known of a result beside its values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) id: i64,
    pub(super) ts: i64,
    pub(super) changes: u64,
}

impl Stamp {
    /// Of what nothing was done to.
    pub(super) const NONE: Self = Self { id: i64::MIN, ts: i64::MIN, changes: 0 };
}

/// A mistake of the options shows with the first schema.
fn refused(error: Error, namespace: &Namespace, option: &str) -> Error {
    Error::new(ErrorKind::Refused, error.to_string()).at(format_args!("{namespace}: {option}"))
}

/// Compiles for a schema; the first one gives the shape, the others must fit it.
pub(super) fn plan(
    spec: &Spec,
    header: &Arc<Header>,
    (table, shard): (u64, u32),
    shape: &mut Option<Shape>,
) -> Result<Plan> {
    let schema = &header.schema;
    let namespace = &schema.namespace;
    let keys = if spec.append { Vec::new() } else { key_places(schema, &spec.keys)? };
    let typed = |place: usize| schema.fields.get(place).map(|field| (place, field.ty));
    let keys = keys.into_iter().filter_map(typed).collect();
    let time = match &spec.time {
        None => header.system.ts,
        Some(name) => schema.column(name),
    };
    let name = spec.time.as_deref().unwrap_or("_ums_ts_");
    let time = time.ok_or_else(|| no_column(schema, "--time: ", name))?;
    if !typed(time).is_some_and(|(_, ty)| matches!(ty, Type::Datetime | Type::Date)) {
        return Err(Error::refused(format!("{namespace}: '{name}' is neither date nor datetime"))
            .advise("--time takes a column of event times"));
    }
    let (mut groups, mut fields) = (Vec::new(), Vec::new());
    for item in &spec.group {
        let scalar = item.compile(schema).map_err(|e| refused(e, namespace, "--group-by"))?;
        let column = scalar.column().and_then(|place| schema.fields.get(place));
        let mut made = column.cloned().unwrap_or_else(|| field("", type_of(scalar.kind), true));
        made.name.clone_from(&item.name);
        groups.push((scalar, column.map(|column| column.ty)));
        fields.push(made);
    }
    let (mut arguments, mut measures) = (Vec::new(), Vec::new());
    for (name, call, function) in &spec.aggregates {
        let scalar = call.compile(schema).map_err(|e| refused(e, namespace, "--agg"))?;
        let kind = scalar.as_ref().map_or(Kind::Null, |scalar| scalar.kind);
        if !function.takes(kind) {
            return Err(Error::refused(format!(
                "{namespace}: --agg: {} takes no {}",
                call.function,
                kind.name()
            ))
            .advise("CAST its argument"));
        }
        let column = scalar.as_ref().and_then(Scalar::column);
        let column = column.and_then(|place| schema.fields.get(place));
        fields.push(result_field(name, *function, kind, column));
        measures.push(Measure { function: *function, kind, grows: spec.append });
        arguments.push(scalar);
    }
    match shape {
        None => *shape = Some(Shape::new(spec, namespace, fields, groups.len(), measures)?),
        Some(shape) => shape.fits(namespace, &fields, &measures)?,
    }
    Ok(Plan { header: Arc::clone(header), table, shard, keys, time, groups, arguments })
}

/// The column of an aggregate.
fn result_field(name: &str, function: Function, kind: Kind, column: Option<&Field>) -> Field {
    let ty = match function {
        Function::Rows | Function::Count | Function::Distinct => Type::Long,
        Function::Least | Function::Greatest => column.map_or(type_of(kind), |column| column.ty),
        Function::Sum | Function::Average => type_of(kind),
    };
    let counts = ty == Type::Long && !matches!(function, Function::Least | Function::Greatest);
    let origin = match function {
        Function::Least | Function::Greatest => column.and_then(|column| column.origin.clone()),
        Function::Sum | Function::Average if ty == Type::Decimal => {
            column.and_then(|column| sum_origin(column, function))
        }
        _ if counts => Some("bigint".to_owned()),
        _ => None,
    };
    Field { origin, ..field(name, ty, !counts) }
}

/// The declared type that holds sums of a column: 22 digits more, as MySQL gives them, and 38 in
/// all where that is enough, which every store can hold.
fn sum_origin(column: &Field, function: Function) -> Option<String> {
    let more = if function == Function::Average { 4 } else { 0 };
    let origin = column.origin.as_deref().unwrap_or_default();
    let (digits, scale) = match origin.strip_prefix("decimal(") {
        Some(rest) => {
            let (digits, scale) = rest.split_once(')')?.0.split_once(',')?;
            (digits.parse::<u32>().ok()?, scale.parse::<u32>().ok()?)
        }
        None if matches!(column.ty, Type::Int | Type::Long) => (20, 0),
        None => return None,
    };
    let digits = (digits + 22).min(38).max(digits) + more;
    Some(format!("decimal({},{})", digits.min(65), (scale + more).min(30)))
}

impl Shape {
    fn new(
        spec: &Spec,
        source: &Namespace,
        mut values: Vec<Field>,
        groups: usize,
        measures: Vec<Measure>,
    ) -> Result<Self> {
        let windowed = spec.window != Window::Whole;
        let mut fields: Vec<Field> = system_fields().into();
        let mut keys = Vec::new();
        let datetime = |name: &str| Field {
            origin: Some("datetime(6)".to_owned()),
            ..field(name, Type::Datetime, false)
        };
        if windowed {
            fields.extend([datetime("window_start"), datetime("window_end")]);
            keys.push("window_start".to_owned());
        }
        keys.extend(values.iter().take(groups).map(|field| field.name.clone()));
        if keys.is_empty() {
            // One row in all, which still needs a key.
            fields.push(field("part", Type::Int, false));
            keys.push("part".to_owned());
        }
        fields.append(&mut values);
        let mut names: Vec<String> =
            fields.iter().map(|field| field.name.to_ascii_lowercase()).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(Error::usage(format!(
                "the result would have two columns '{}'; give one another name with AS",
                twice.concat().split_at(twice.concat().len() / 2).0
            )));
        }
        let namespace = spec.name.clone().unwrap_or_else(|| {
            let mut parts = source.parts.clone();
            if let Some(table) = parts.get_mut(3) {
                table.push_str(if windowed { "_windows" } else { "_groups" });
            }
            for part in parts.iter_mut().skip(4) {
                *part = "0".to_owned();
            }
            Namespace { parts }
        });
        let schema = Schema { namespace, batch_id: 0, keys, fields };
        let having = spec.having.as_ref().map(|having| having.compile(&schema)).transpose();
        let having = having.map_err(|error| error.at("--having"))?;
        let writer = MessageWriter::new(Protocol::IncrementData, &schema, Dialect::Dws);
        Ok(Self { first: source.source(), schema, measures, having, writer, row: Vec::new() })
    }

    /// Whether rows of another schema can be added to the same groups.
    fn fits(&self, namespace: &Namespace, fields: &[Field], measures: &[Measure]) -> Result<()> {
        let own = self.schema.fields.len().saturating_sub(fields.len());
        let own = self.schema.fields.get(own..).unwrap_or_default();
        let other = own.iter().zip(fields).find(|(a, b)| a.ty != b.ty).map(|(a, _)| &a.name);
        if other.is_none() && self.measures == measures {
            return Ok(());
        }
        let name = other.map_or("an aggregate", |name| name.as_str());
        Err(Error::refused(format!(
            "{namespace}: '{name}' has another type here than in {}, with which the groups began",
            self.first
        ))
        .advise(
            "CAST it to one type, choose tables with --namespace, or begin with another --state",
        ))
    }

    /// Writes one result. `cells` are those of group and window. False when --having keeps it back;
    /// a delete is never kept back.
    pub(super) fn row(
        &mut self,
        op: u8,
        stamp: Stamp,
        key: &Key,
        values: &[u8],
        out: &mut Vec<u8>,
    ) -> u64 {
        self.row.clear();
        push_row(&mut self.row, op, stamp, key, values);
        let row = self.writer.begin_row();
        row.extend_from_slice(&self.row);
        self.writer.end_row();
        if self.writer.rows() >= ROWS { self.flush(out) } else { 0 }
    }

    /// Whether a result fulfils --having.
    pub(super) fn holds(&mut self, stamp: Stamp, key: &Key, values: &[u8]) -> Result<bool> {
        let Some(having) = &self.having else { return Ok(true) };
        self.row.clear();
        push_row(&mut self.row, b'I', stamp, key, values);
        let end = self.row.len();
        self.row.push(b']');
        let text = std::str::from_utf8(&self.row)
            .map_err(|_| Error::refused("a result that is not UTF-8"))?;
        let mut cells = Vec::new();
        if let Some(row) = Row::new(text, 0, end) {
            row.split(self.schema.fields.len(), &mut cells)?;
        }
        having
            .holds(&cells)
            .map_err(|error| Error::new(ErrorKind::Refused, error.to_string()).at("--having"))
    }

    /// Ends the message; how many there were, one or none.
    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> u64 {
        let any = !self.writer.is_empty();
        self.writer.finish_into(out);
        u64::from(any)
    }

    /// The JSON of a group's aggregates, with a comma in front of each.
    pub(super) fn values(&self, sums: &[Sum], rows: i64, out: &mut Vec<u8>) -> Result<()> {
        for (measure, sum) in self.measures.iter().zip(sums) {
            out.push(b',');
            measure.push_json(sum, rows, out)?;
        }
        Ok(())
    }
}

/// What a result is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    /// Start and end of the window; `None` without windows.
    pub(super) window: Option<(i64, i64)>,
    /// The JSON of the group's cells.
    pub(super) group: &'a [u8],
    /// The group's stable hash.
    pub(super) hash: u64,
}

fn push_row(out: &mut Vec<u8>, op: u8, stamp: Stamp, key: &Key, values: &[u8]) {
    out.push(b'"');
    push_i64(out, stamp.id);
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(clock::text(stamp.ts).as_bytes());
    out.extend_from_slice(b"\",\"");
    out.push(op);
    out.extend_from_slice(b"\",\"");
    let start = key.window.map_or(0, |window| window.0);
    let uid = format!("w.{start}.{:016x}.{}.{}", key.hash, stamp.id, stamp.changes);
    out.extend_from_slice(uid.as_bytes());
    out.push(b'"');
    if let Some((start, end)) = key.window {
        for time in [start, end] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(clock::text(time).as_bytes());
            out.push(b'"');
        }
    }
    if !key.group.is_empty() {
        out.push(b',');
        out.extend_from_slice(key.group);
    } else if key.window.is_none() {
        out.extend_from_slice(b",0");
    }
    out.extend_from_slice(values);
}

/// Appends the shape for the next run: its table, namespace, columns, and kinds of arguments.
pub(super) fn save(shape: Option<&Shape>, state: &mut Vec<u8>) {
    state.push(u8::from(shape.is_some()));
    let Some(shape) = shape else { return };
    put_bytes(state, shape.first.as_bytes());
    let mut schema = Vec::new();
    schema_json(&shape.schema, Dialect::Dws, &mut schema);
    put_bytes(state, &schema);
    put_u64(state, shape.measures.len() as u64);
    for measure in &shape.measures {
        let place = KINDS.iter().position(|kind| *kind == measure.kind);
        state.push(place.unwrap_or_default() as u8);
    }
}

/// Kinds by their number in a state.
const KINDS: [Kind; 8] = [
    Kind::Null,
    Kind::Boolean,
    Kind::Number,
    Kind::Double,
    Kind::Text,
    Kind::Date,
    Kind::Datetime,
    Kind::Binary,
];

/// Takes back what `save` gave.
pub(super) fn load(spec: &Spec, state: &mut Unpack) -> Result<Option<Shape>> {
    if state.byte()? == 0 {
        return Ok(None);
    }
    let torn = || Error::refused("the state has no schema of its results");
    let first = String::from_utf8_lossy(state.bytes()?).into_owned();
    let line = [b"{\"protocol\":{\"type\":\"data_increment_data\"},\"schema\":", state.bytes()?];
    let line = [&line.concat()[..], b",\"payload\":[]}"].concat();
    let schema = Decoder::default().decode(&line).map_err(|_| torn())?.header.schema.clone();
    let mut measures = Vec::new();
    let count = state.u64()?;
    if count != spec.aggregates.len() as u64 {
        return Err(torn());
    }
    for (_, _, function) in &spec.aggregates {
        let kind = *KINDS.get(usize::from(state.byte()?)).ok_or_else(torn)?;
        measures.push(Measure { function: *function, kind, grows: spec.append });
    }
    let having = spec.having.as_ref().map(|having| having.compile(&schema)).transpose();
    let having = having.map_err(|error| error.at("--having"))?;
    let writer = MessageWriter::new(Protocol::IncrementData, &schema, Dialect::Dws);
    Ok(Some(Shape { first, schema, measures, having, writer, row: Vec::new() }))
}
