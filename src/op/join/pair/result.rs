//! The rows that a join gives: their columns by those of the two sides, and how they are written.
//! Uses `error`, `ums`. HOT in `write`: once a result.

use super::Spec;
use super::side::{Entry, Side};
use crate::error::{Error, Result};
use crate::op::join::Sent;
use crate::op::join::cells::{field, no_column, system_fields};
use crate::op::join::clock;
use crate::ums::hash::Fnv1a;
use crate::ums::json::{push_escaped, push_i64};
use crate::ums::{Dialect, Field, MessageWriter, Namespace, Protocol, Schema, Type};

/// The column that is the key of results.
const KEY: &str = "join_key";
/// Rows of one result message.
const ROWS: usize = 500;

/// One combination of layouts.
struct Form {
    left: usize,
    /// `None` where nothing of the right side is known yet.
    right: Option<usize>,
    /// How many columns the right side has.
    width: usize,
    writer: MessageWriter,
    /// Columns of --filled: the side and the place among its columns.
    check: Vec<(usize, usize)>,
}

/// Writes results.
#[derive(Default)]
pub(super) struct Results {
    forms: Vec<Form>,
    /// The form of the rows that are being written.
    current: usize,
}

impl std::fmt::Debug for Results {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Results").field("forms", &self.forms.len()).finish_non_exhaustive()
    }
}

/// A result: a pair, or a left row alone.
#[derive(Clone, Copy)]
pub(super) struct Pair<'e> {
    pub(super) left: &'e Entry,
    pub(super) right: Option<&'e Entry>,
    /// The greatest of what led to it.
    pub(super) id: i64,
    pub(super) ts: i64,
    /// The id of the change that led to it.
    pub(super) cause: i64,
}

impl Results {
    /// The form for two layouts.
    fn form(&mut self, spec: &Spec, sides: &[Side; 2], pair: Pair) -> Result<usize> {
        let [of_left, of_right] = sides;
        // A left row alone has the columns that the right side had last.
        let last = of_right.layouts.len().checked_sub(1);
        let right = pair.right.map_or(last, |right| Some(right.layout));
        let left = pair.left.layout;
        if let Some(known) = self.forms.iter().position(|f| f.left == left && f.right == right) {
            return Ok(known);
        }
        let torn = || Error::refused("a row of unknown columns");
        let own = of_left.layouts.get(left).ok_or_else(torn)?;
        let other = right.and_then(|right| of_right.layouts.get(right));
        let width = other.map_or(0, |other| other.fields.len());
        let schema = schema(spec, own, other)?;
        let first = schema.fields.len() - own.fields.len() - width;
        let mut check = Vec::new();
        for name in &spec.check {
            let place = schema.column(name).and_then(|place| place.checked_sub(first));
            match place {
                Some(place) if place < own.fields.len() => check.push((0, place)),
                Some(place) => check.push((1, place - own.fields.len())),
                // Only the left side is known: its rows wait.
                None if other.is_none() => {}
                None => return Err(no_column(&schema, "--filled: ", name)),
            }
        }
        let writer = MessageWriter::new(Protocol::IncrementData, &schema, Dialect::Dws);
        self.forms.push(Form { left, right, width, writer, check });
        Ok(self.forms.len() - 1)
    }

    /// Whether the columns of --filled are filled.
    pub(super) fn is_complete(
        &mut self,
        spec: &Spec,
        sides: &[Side; 2],
        pair: Pair,
    ) -> Result<bool> {
        if spec.check.is_empty() {
            return Ok(true);
        }
        let form = self.form(spec, sides, pair)?;
        let Some(form) = self.forms.get(form) else { return Ok(true) };
        let entries = [Some(pair.left), pair.right];
        let mut filled = Vec::new();
        for (side, entry) in entries.iter().enumerate() {
            let layout = entry.and_then(|entry| sides.get(side)?.layouts.get(entry.layout));
            let Some((entry, layout)) = entry.zip(layout) else { continue };
            let cells = entry.split(layout.fields.len())?;
            for (_, place) in form.check.iter().filter(|(of, _)| *of == side) {
                let text = cells.get(*place).map(|cell| cell.text()).transpose()?.flatten();
                filled.push(text.is_some_and(|text| !text.is_empty()));
            }
        }
        Ok(if spec.check_any { filled.contains(&true) } else { !filled.contains(&false) })
    }

    /// Writes a result.
    pub(super) fn write(
        &mut self,
        spec: &Spec,
        sides: &[Side; 2],
        op: u8,
        pair: Pair,
        sent: &mut Sent,
    ) -> Result<()> {
        let chosen = self.form(spec, sides, pair)?;
        if chosen != self.current {
            self.flush(sent);
            self.current = chosen;
        }
        let Some(form) = self.forms.get_mut(chosen) else { return Ok(()) };
        let Pair { left, right, id, ts, cause } = pair;
        let row = form.writer.begin_row();
        row.push(b'"');
        push_i64(row, id);
        row.extend_from_slice(b"\",\"");
        row.extend_from_slice(clock::text(ts).as_bytes());
        row.extend_from_slice(b"\",\"");
        row.push(op);
        let name = |entry: Option<&Entry>| entry.map_or("", |entry| &entry.name).to_owned();
        let name = format!("{}|{}", left.name, name(right));
        let of_right = right.map_or(i64::MIN, |right| right.id);
        let own = Fnv1a::seeded(left.uid).and(&right.map_or(0, |right| right.uid).to_le_bytes());
        let hash = own.and(name.as_bytes()).finish();
        let uid = match right {
            Some(_) => format!("\",\"j.{hash:016x}.{}.{of_right}.{id}.", left.id),
            // A row may come to stand alone under one id more than once.
            None => format!("\",\"j.{hash:016x}.{}.{id}.{cause}.{ts}.", left.id),
        };
        row.extend_from_slice(uid.as_bytes());
        row.push(op);
        row.extend_from_slice(b"\",\"");
        push_escaped(row, name.as_bytes());
        row.push(b'"');
        for entry in [Some(left), right] {
            match entry {
                Some(entry) if entry.cells.len() > 1 => {
                    row.push(b',');
                    row.extend_from_slice(
                        entry.cells.as_bytes().split_last().map_or(&[][..], |(_, cells)| cells),
                    );
                }
                // A table of system columns alone.
                Some(_) => {}
                None => {
                    for _ in 0..form.width {
                        row.extend_from_slice(b",null");
                    }
                }
            }
        }
        form.writer.end_row();
        sent.rows += 1;
        if form.writer.rows() >= ROWS {
            self.flush(sent);
        }
        Ok(())
    }

    /// Ends the message.
    pub(super) fn flush(&mut self, sent: &mut Sent) {
        if let Some(form) = self.forms.get_mut(self.current)
            && !form.writer.is_empty()
        {
            form.writer.finish_into(&mut sent.bytes);
            sent.messages += 1;
        }
    }
}

fn table(namespace: &Namespace) -> &str {
    let [_, _, _, table, ..] = &namespace.parts;
    table
}

/// The columns of a result.
fn schema(spec: &Spec, left: &Schema, right: Option<&Schema>) -> Result<Schema> {
    let mut fields: Vec<Field> = system_fields().into();
    let key = Field { origin: Some("varchar(255)".to_owned()), ..field(KEY, Type::String, false) };
    fields.push(key);
    for own in &left.fields {
        // The result of a join may be a side of another.
        let is_key = own.name.trim_start_matches("left_") == KEY;
        let name = if is_key { format!("left_{}", own.name) } else { own.name.clone() };
        fields.push(Field { name, ..own.clone() });
    }
    for other in right.iter().flat_map(|right| &right.fields) {
        let name = match &spec.prefix {
            Some(prefix) => format!("{prefix}{}", other.name),
            None if left.column(&other.name).is_some() || other.name == KEY => {
                format!("right_{}", other.name)
            }
            None => other.name.clone(),
        };
        fields.push(Field { name, nullable: true, ..other.clone() });
    }
    let mut names: Vec<String> = fields.iter().map(|f| f.name.to_ascii_lowercase()).collect();
    names.sort();
    let twice = names.iter().zip(names.iter().skip(1)).find(|(a, b)| a == b);
    if let Some((name, _)) = twice {
        return Err(Error::refused(format!("the join would have two columns '{name}'"))
            .advise("--prefix gives the right side's columns other names"));
    }
    let namespace = spec.name.clone().unwrap_or_else(|| {
        let mut parts = left.namespace.parts.clone();
        let other = right.map_or("joined", |right| table(&right.namespace));
        if let Some(table) = parts.get_mut(3) {
            table.push('_');
            table.push_str(other);
        }
        for part in parts.iter_mut().skip(4) {
            *part = "0".to_owned();
        }
        Namespace { parts }
    });
    Ok(Schema { namespace, batch_id: 0, keys: vec![KEY.to_owned()], fields })
}
