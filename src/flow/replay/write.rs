//! HOT. Rows in order to messages; pieces of one row are put together, and what is there twice is
//! written once. Uses `error`, `ums`, `line`, `flow::{stats, replay}`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::order::{Take, View};
use crate::error::{Error, Kind, Result};
use crate::flow::stats::Counters;
use crate::line::output::Output;
use crate::ums::{Dialect, Field, MessageWriter, Op, Protocol, Schema};

/// How messages are filled.
#[derive(Debug, Clone, Copy)]
pub struct Filling {
    /// Rows a message at most.
    pub rows: usize,
    /// Bytes a message at most.
    pub bytes: usize,
}

/// The messages of one table.
pub struct Messages<'a> {
    out: &'a mut dyn Output,
    filling: Filling,
    counters: Arc<Counters>,
    stop: Arc<AtomicBool>,
    shapes: Vec<Shape>,
    /// The shape that has rows waiting; only one at a time, so that rows keep their order.
    active: Option<usize>,
    /// The row written last, by what tells changes apart.
    last: Option<(i64, Op)>,
    last_uid: Vec<u8>,
    /// Rows that were there already.
    pub doubles: u64,
    pieces: Pieces,
    made: HashMap<Vec<u32>, Plan>,
    row: Vec<u8>,
}

struct Shape {
    schema: Schema,
    writer: MessageWriter,
}

/// The pieces of one row, the newest first.
#[derive(Default)]
struct Pieces {
    of: Option<(i64, u64)>,
    shapes: Vec<u32>,
    cells: Vec<Vec<u8>>,
}

/// How pieces of certain shapes become one row.
#[derive(Clone)]
struct Plan {
    shape: usize,
    /// For each column the piece and the place of its cell there.
    cells: Vec<(usize, usize)>,
}

impl<'a> Messages<'a> {
    /// Messages with these schemas.
    pub fn new(
        out: &'a mut dyn Output,
        schemas: Vec<Schema>,
        filling: Filling,
        counters: Arc<Counters>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            out,
            filling,
            counters,
            stop,
            shapes: schemas.into_iter().map(Shape::new).collect(),
            active: None,
            last: None,
            last_uid: Vec::new(),
            doubles: 0,
            pieces: Pieces::default(),
            made: HashMap::new(),
            row: Vec::new(),
        }
    }

    /// Writes what waits.
    pub fn finish(&mut self) -> Result<()> {
        self.assemble()?;
        self.flush()
    }

    #[inline]
    fn write(&mut self, shape: usize, cells: &[u8]) -> Result<()> {
        if self.active != Some(shape) {
            self.flush()?;
            self.active = Some(shape);
        }
        let Some(Shape { writer, .. }) = self.shapes.get_mut(shape) else { return Ok(()) };
        writer.begin_row().extend_from_slice(cells);
        writer.end_row();
        if writer.rows() >= self.filling.rows || writer.len() >= self.filling.bytes {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let active = self.active.take().and_then(|shape| self.shapes.get_mut(shape));
        let Some(Shape { writer, .. }) = active else { return Ok(()) };
        let rows = writer.rows() as u64;
        writer.finish(&mut self.out).map_err(|error| Error::io("output", error))?;
        self.counters.add_message(rows);
        // Closed ends a run that nobody wants any more, without a word.
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Error::new(Kind::Closed, "stopped")),
            false => Ok(()),
        }
    }

    /// Writes the row whose pieces are there.
    fn assemble(&mut self) -> Result<()> {
        let Some(_) = self.pieces.of.take() else { return Ok(()) };
        let shapes = std::mem::take(&mut self.pieces.shapes);
        let cells = std::mem::take(&mut self.pieces.cells);
        if let ([shape], [cells]) = (shapes.as_slice(), cells.as_slice()) {
            return self.write(*shape as usize, cells);
        }
        let plan = match self.made.get(&shapes) {
            Some(plan) => plan.clone(),
            None => {
                let plan = self.plan(&shapes);
                self.made.insert(shapes, plan.clone());
                plan
            }
        };
        let split: Vec<Vec<&[u8]>> = cells.iter().map(|cells| split(cells)).collect();
        let mut row = std::mem::take(&mut self.row);
        row.clear();
        for (index, (piece, cell)) in plan.cells.iter().enumerate() {
            if index > 0 {
                row.push(b',');
            }
            let cell = split.get(*piece).and_then(|cells| cells.get(*cell));
            row.extend_from_slice(cell.copied().unwrap_or(b"null"));
        }
        let written = self.write(plan.shape, &row);
        self.row = row;
        written
    }

    /// The columns of all pieces: in the order of the one with most, those of others behind.
    fn plan(&mut self, shapes: &[u32]) -> Plan {
        let schema = |shape: &u32| self.shapes.get(*shape as usize).map(|shape| &shape.schema);
        let pieces: Vec<&Schema> = shapes.iter().filter_map(schema).collect();
        let mut widest: Vec<usize> = (0..pieces.len()).collect();
        widest.sort_by_key(|&piece| pieces.get(piece).map_or(0, |p| usize::MAX - p.fields.len()));
        let mut fields: Vec<Field> = Vec::new();
        let mut cells = Vec::new();
        for field in widest.iter().filter_map(|&piece| pieces.get(piece)).flat_map(|p| &p.fields) {
            if fields.iter().any(|known| known.name == field.name) {
                continue;
            }
            let newest = pieces.iter().enumerate().find_map(|(piece, schema)| {
                let at = schema.fields.iter().position(|own| own.name == field.name)?;
                Some((schema.fields.get(at)?, (piece, at)))
            });
            if let Some((own, place)) = newest {
                fields.push(own.clone());
                cells.push(place);
            }
        }
        let Some(newest) = pieces.first() else { return Plan { shape: 0, cells } };
        let schema = Schema { fields, ..(*newest).clone() };
        let known = self.shapes.iter().position(|shape| shape.schema == schema);
        let shape = known.unwrap_or_else(|| {
            self.shapes.push(Shape::new(schema));
            self.shapes.len() - 1
        });
        Plan { shape, cells }
    }
}

impl Shape {
    fn new(schema: Schema) -> Self {
        Self { writer: MessageWriter::new(Protocol::BatchData, &schema, Dialect::Dws), schema }
    }
}

impl Take for Messages<'_> {
    #[inline]
    fn take(&mut self, view: View) -> Result<()> {
        let row = &view.row;
        if row.rank != 0 {
            if self.pieces.of != Some((row.id, row.rank)) {
                self.assemble()?;
                self.pieces.of = Some((row.id, row.rank));
            }
            self.pieces.shapes.push(row.shape);
            self.pieces.cells.push(view.cells.to_vec());
            return Ok(());
        }
        if self.last == Some((row.id, row.op)) && self.last_uid == view.uid {
            self.doubles += 1;
            return Ok(());
        }
        self.last = Some((row.id, row.op));
        self.last_uid.clear();
        self.last_uid.extend_from_slice(view.uid);
        self.write(row.shape as usize, view.cells)
    }
}

/// The cells of a tuple as we write it: no white space between them.
fn split(tuple: &[u8]) -> Vec<&[u8]> {
    let mut cells = Vec::new();
    let (mut start, mut at) = (0, 0);
    let mut quoted = false;
    while let Some(byte) = tuple.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                cells.extend(tuple.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    cells.extend(tuple.get(start..));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_cut_at_their_commas() {
        let cells: [&[u8]; 6] = [
            b"1",
            br#""a,\"b\\""#,
            b"null",
            br#""""#,
            br#""\\","#.trim_ascii_end().strip_suffix(b",").unwrap(),
            b"true",
        ];
        assert_eq!(split(&cells.join(&b','))[..], cells);
    }
}
