//! HOT with `--keep-set`. Updates seen from a set of rows: one that leaves the set is a delete, one
//! that enters it an insert, so that a target which is fed by the filter has exactly the rows of the
//! set. Uses `error`, `ums`.
//!
//! Whether a row was in the set before its update is asked of the before image, which stands right
//! in front of the update, in the same message or, between messages, in the one before of its table.
//! One whose update does not come is no row of the set and none outside: it is given back as a message
//! of its own, for whoever keeps bad lines.

use std::sync::Arc;

use super::{Lane, Tuple, in_row, op};
use crate::error::{Error, Result};
use crate::ums::decode::Header;
use crate::ums::{Cell, Dialect, Message, MessageWriter, Namespace, Op, Protocol, Row};

/// A before image whose update is still to come.
pub(super) struct Held {
    header: Arc<Header>,
    protocol: Protocol,
    /// The inside of its tuple, and a `]` behind it.
    tuple: String,
    /// Whether the row was in the set.
    inside: bool,
    /// Whether the other rules let it pass.
    admitted: bool,
}

impl Held {
    /// Its row as a message of its own, and what is wrong with it when the stream ends behind it.
    pub(super) fn alone(&self) -> (Vec<u8>, Error) {
        let schema = &self.header.schema;
        let writer = MessageWriter::new(self.protocol, schema, Dialect::Dws);
        let mut line = writer.head().to_vec();
        line.extend_from_slice(b"{\"tuple\":[");
        line.extend_from_slice(self.tuple.as_bytes());
        line.extend_from_slice(b"}]}");
        let mut cells = Vec::with_capacity(schema.fields.len());
        let place = self.header.system.id;
        let row = Row::new(&self.tuple, 0, self.tuple.len() - 1);
        let split = row.and_then(|row| row.split(schema.fields.len(), &mut cells).ok());
        let cell = split.and(place).and_then(|place| cells.get(place));
        let id = cell.and_then(|cell| cell.text().ok().flatten()).unwrap_or_default();
        let error = Error::data(format!(
            "{}: the input ends behind the before image with _ums_id_ {id}, and its update did not come",
            schema.namespace
        ));
        (line, error.advise("without it --keep-set cannot tell what becomes of the row"))
    }
}

/// All rows of a message. When it fails, what waited in front of it still waits.
pub(super) fn rows(
    lane: &mut Lane,
    message: &Message,
    waiting: &mut Vec<(Namespace, Held)>,
) -> Result<()> {
    let namespace = &message.header.schema.namespace;
    let place = waiting.iter().position(|(table, _)| table == namespace);
    let mut before = place.and_then(|place| waiting.get(place)).map(|(_, held)| held);
    let mut held = None;
    let fields = lane.plan.header.schema.fields.len();
    let mut cells = Vec::with_capacity(fields);
    for (index, row) in message.rows().enumerate() {
        let row = row?;
        row.split(fields, &mut cells)?;
        let next = one(lane, message.protocol, row, &cells, before);
        held = next.map_err(|error| in_row(error, index))?;
        before = held.as_ref();
    }
    if let Some(place) = place {
        waiting.swap_remove(place);
    }
    waiting.extend(held.map(|held| (namespace.clone(), held)));
    Ok(())
}

/// A row, with the before image in front of it; gives it back when it is one itself.
fn one(
    lane: &mut Lane,
    protocol: Protocol,
    row: Row,
    cells: &[Cell],
    before: Option<&Held>,
) -> Result<Option<Held>> {
    let op = op(&lane.plan.header, cells)?;
    let as_it_is = Tuple::of(row.bytes, lane.columns);
    match (op, before) {
        (Op::Before, None) => {
            let admitted = lane.rules.admits(lane.plan, cells)?;
            return Ok(Some(Held {
                header: Arc::clone(&lane.plan.header),
                protocol,
                tuple: format!("{}]", row.text()),
                inside: admitted && lane.holds(cells)?,
                admitted,
            }));
        }
        (Op::Update, Some(before)) => {
            if !Arc::ptr_eq(&before.header, &lane.plan.header)
                && before.header.schema != lane.plan.header.schema
            {
                return Err(Error::refused(
                    "a before image and its update have not the same columns",
                )
                .advise("--keep-set needs whole rows: binlog_row_image=FULL"));
            }
            let mut old = Vec::with_capacity(cells.len());
            let length = before.tuple.len() - 1;
            let tuple = Row::new(&before.tuple, 0, length);
            let tuple = tuple.ok_or_else(|| Error::data("a before image that cannot be read"))?;
            tuple.split(cells.len(), &mut old)?;
            if id(lane, &old)? != id(lane, cells)? {
                return Err(apart());
            }
            let inside =
                before.admitted && lane.rules.admits(lane.plan, cells)? && lane.holds(cells)?;
            match (before.inside, inside) {
                (true, true) => {
                    lane.push(&old, Tuple::of(tuple.bytes, lane.columns))?;
                    lane.push(cells, as_it_is)?;
                }
                (true, false) => {
                    // The row as it was in the set, under the id and uid of the change.
                    let uid = lane.plan.header.system.uid;
                    if let Some((was, is)) =
                        uid.and_then(|uid| old.get_mut(uid).zip(cells.get(uid)))
                    {
                        *was = *is;
                    }
                    let mut gone = old.clone();
                    rename_op(lane, &mut gone, cells, "D");
                    lane.push(&gone, Tuple::Cells)?;
                }
                (false, true) => {
                    let mut new = cells.to_vec();
                    rename_op(lane, &mut new, cells, "I");
                    lane.push(&new, Tuple::Cells)?;
                }
                (false, false) => {}
            }
        }
        (_, Some(_)) => return Err(apart()),
        (Op::Update, None) if !lane.plan.by_key => {
            return Err(Error::refused(
                "an update without its before image, so that nobody knows whether the row was in the set",
            )
            .advise("dbus-tail --before writes them; a condition on key columns needs none"));
        }
        (_, None) => {
            if lane.rules.admits(lane.plan, cells)? && lane.holds(cells)? {
                lane.push(cells, as_it_is)?;
            }
        }
    }
    Ok(None)
}

#[cold]
fn apart() -> Error {
    Error::data("a before image that is not followed by its update")
}

fn id(lane: &Lane, cells: &[Cell]) -> Result<Option<String>> {
    let place = lane.plan.header.system.id;
    let cell = place.and_then(|place| cells.get(place));
    Ok(cell.map(Cell::text).transpose()?.flatten().map(|text| text.into_owned()))
}

/// Another op, in the case in which the stream writes them.
fn rename_op<'c>(lane: &Lane, row: &mut [Cell<'c>], like: &[Cell], op: &'static str) {
    let place = lane.plan.header.system.op;
    let small =
        place.and_then(|place| like.get(place)).is_some_and(|cell| *cell == Cell::Plain("u"));
    let op = match (op, small) {
        ("D", true) => "d",
        ("I", true) => "i",
        (op, _) => op,
    };
    if let Some(cell) = place.and_then(|place| row.get_mut(place)) {
        *cell = Cell::Plain(op);
    }
}
