//! HOT for tables with masks. The masks of one schema, applied to rows. Uses `error`, `ums`.

use std::borrow::Cow;
use std::sync::Arc;

use super::method::{Becomes, Method, Value};
use crate::error::{Error, Result};
use crate::ums::{Cell, Field, Namespace, Row, Type};

/// The mask of one column.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) method: Arc<dyn Method>,
    pub(super) from: Type,
    pub(super) becomes: Type,
    pub(super) nulls: Becomes,
    /// Where the column is whose value is needed too.
    pub(super) salt: Option<usize>,
}

/// What happens to the rows of one schema.
#[derive(Debug, Clone)]
pub struct Plan {
    namespace: String,
    /// Names, for errors.
    names: Vec<String>,
    /// One for each field.
    places: Vec<Option<Place>>,
    /// The row at hand, masked, and where its cells are.
    masked: Vec<u8>,
    spans: Vec<(usize, usize)>,
}

impl Plan {
    pub(super) fn new(namespace: &Namespace, fields: &[Field], places: Vec<Option<Place>>) -> Self {
        let names = fields.iter().map(|field| field.name.clone()).collect();
        let (masked, spans) = (Vec::new(), Vec::new());
        Self { namespace: namespace.to_string(), names, places, masked, spans }
    }

    /// Whether the column at a place is masked.
    pub fn masks(&self, column: usize) -> bool {
        self.places.get(column).is_some_and(Option::is_some)
    }

    /// Changes the fields to what they are when masked.
    pub fn fields<'f>(&self, fields: impl IntoIterator<Item = &'f mut Field>) {
        for (field, place) in fields.into_iter().zip(&self.places) {
            if let Some(place) = place {
                field.ty = place.becomes;
                field.encoded = true;
                field.nullable |= place.nulls == Becomes::Nullable;
                // A type as the source declares it may hold values: labels, and what texts may be.
                field.origin = None;
            }
        }
    }

    /// The plan for rows that have some of the columns only; `None` where none of them is masked.
    ///
    /// # Errors
    /// `Refused` where a salt's column is not there.
    pub fn some(&self, has: impl Fn(usize) -> bool) -> Result<Option<Self>> {
        let kept: Vec<usize> = (0..self.places.len()).filter(|at| has(*at)).collect();
        let mut places = Vec::with_capacity(kept.len());
        for place in kept.iter().map(|at| self.places.get(*at).cloned().flatten()) {
            places.push(match place {
                Some(place) => Some(self.salted(place, &kept)?),
                None => None,
            });
        }
        if places.iter().all(Option::is_none) {
            return Ok(None);
        }
        let names = kept.iter().filter_map(|at| self.names.get(*at).cloned()).collect();
        let (masked, spans) = (Vec::new(), Vec::new());
        Ok(Some(Self { namespace: self.namespace.clone(), names, places, masked, spans }))
    }

    fn salted(&self, place: Place, kept: &[usize]) -> Result<Place> {
        let Some(salt) = place.salt else { return Ok(place) };
        let salt = kept.iter().position(|at| *at == salt).ok_or_else(|| {
            let name = self.names.get(salt).map_or("", String::as_str);
            Error::refused(format!(
                "{}: a row image has a masked column and not '{name}', which its salt is in",
                self.namespace
            ))
            .advise("set binlog_row_image=FULL on the server, or take hmac")
        })?;
        Ok(Place { salt: Some(salt), ..place })
    }

    /// Masks a row that was just written: `out` from `start` on holds its cells, a comma before each.
    ///
    /// # Errors
    /// `Data` for a cell that is none of its type. The row's cells are then gone from `out`.
    pub fn row(&mut self, out: &mut Vec<u8>, start: usize) -> Result<()> {
        let mut masked = std::mem::take(&mut self.masked);
        masked.clear();
        out.push(b']');
        let result = self.row_into(out, start, &mut masked);
        out.truncate(start);
        if result.is_ok() {
            out.extend_from_slice(&masked);
        }
        self.masked = masked;
        result
    }

    fn row_into(&mut self, out: &[u8], start: usize, masked: &mut Vec<u8>) -> Result<()> {
        let torn = || Error::data("a row cannot be masked: its cells are no JSON");
        let cells = out.get(start..).and_then(|cells| cells.strip_prefix(b",")).unwrap_or_default();
        let text = std::str::from_utf8(cells).map_err(|_| torn())?;
        let row = Row::new(text, 0, text.len().saturating_sub(1)).ok_or_else(torn)?;
        let mut cells = Vec::with_capacity(self.places.len());
        row.split(self.places.len(), &mut cells)?;
        self.spans.clear();
        for at in 0..cells.len() {
            masked.push(b',');
            let from = masked.len();
            self.cell(&cells, at, masked)?;
            self.spans.push((from, masked.len()));
        }
        Ok(())
    }

    /// A cell of the row masked last, as JSON.
    pub fn masked(&self, column: usize) -> &[u8] {
        let span = self.spans.get(column).copied().unwrap_or_default();
        self.masked.get(span.0..span.1).unwrap_or_default()
    }

    /// Appends one cell of a row, masked where it has a mask.
    ///
    /// # Errors
    /// `Data` for a cell that is none of its type; what was appended does not count then.
    pub fn cell(&self, cells: &[Cell], at: usize, out: &mut Vec<u8>) -> Result<()> {
        let Some(cell) = cells.get(at) else { return Ok(()) };
        let Some(place) = self.places.get(at).and_then(Option::as_ref) else {
            // A place that is not known is one that nothing was decided about.
            if at >= self.places.len() {
                return Err(Error::data("a row has more cells than its schema has fields"));
            }
            cell.push_json(out);
            return Ok(());
        };
        let Some(text) = cell.text()? else {
            out.extend_from_slice(b"null");
            return Ok(());
        };
        let salt = match place.salt {
            Some(salt) => {
                cells.get(salt).map(Cell::text).transpose()?.flatten().unwrap_or_default()
            }
            None => Cow::Borrowed(""),
        };
        let value = Value { ty: place.from, text: &text, salt: &salt };
        place.method.write(&value, out).map_err(|_| self.wrong(at, place.from))
    }

    #[cold]
    fn wrong(&self, at: usize, ty: Type) -> Error {
        let name = self.names.get(at).map_or("", String::as_str);
        Error::data(format!(
            "{}, column {name}: the cell is no {}, so it cannot be masked",
            self.namespace,
            ty.name()
        ))
    }
}
