//! HOT. Rows as binary arrays, one a column: what a statement over `unnest` takes in one round
//! trip. Uses `error`, `ums` and the shapes.
//!
//! An array on the wire (array_recv of the server): dimensions, whether there are NULLs, the type
//! of its elements, the length and the first index of the dimension, then each element with its
//! length. Texts and bytes go as they are, so nothing is quoted; the server reads numbers and times
//! from their texts, as in COPY.

use bytes::{BufMut, BytesMut};
use postgres::types::{IsNull, ToSql, Type as Oid, to_sql_checked};

use crate::error::{Error, Result};
use crate::ums::base64::decode_base64;
use crate::ums::{Cell, Type};

/// One column.
#[derive(Debug)]
pub(super) struct Array {
    binary: bool,
    count: i32,
    nulls: bool,
    elements: Vec<u8>,
}

impl Array {
    /// An empty one, of bytea or of text.
    pub(super) fn new(binary: bool) -> Self {
        Self { binary, count: 0, nulls: false, elements: Vec::new() }
    }

    /// Adds a cell; the error says what was expected, and never what was there.
    pub(super) fn push_cell(&mut self, cell: &Cell, ty: Type) -> Result<()> {
        if let (Cell::Plain(text), false) = (cell, self.binary) {
            return self.push(Some(text.as_bytes()));
        }
        let text = cell.text()?;
        match text {
            None => self.push(None),
            Some(text) if ty == Type::Binary => {
                let bytes = decode_base64(text.as_bytes()).ok_or_else(|| {
                    Error::data("the cell does not hold standard Base64 with padding")
                })?;
                self.push(Some(&bytes))
            }
            Some(text) => self.push(Some(text.as_bytes())),
        }
    }

    /// Adds an element.
    pub(super) fn push(&mut self, element: Option<&[u8]>) -> Result<()> {
        match element {
            None => {
                self.nulls = true;
                self.elements.put_i32(-1);
            }
            Some(bytes) => {
                let length =
                    i32::try_from(bytes.len()).map_err(|_| Error::data("a value above 2 GiB"))?;
                self.elements.put_i32(length);
                self.elements.extend_from_slice(bytes);
            }
        }
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    /// The type of the parameter.
    pub(super) fn oid(binary: bool) -> Oid {
        if binary { Oid::BYTEA_ARRAY } else { Oid::TEXT_ARRAY }
    }
}

impl ToSql for Array {
    fn to_sql(
        &self,
        _: &Oid,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let element = if self.binary { Oid::BYTEA } else { Oid::TEXT };
        out.reserve(self.elements.len() + 20);
        out.put_i32(1);
        out.put_i32(i32::from(self.nulls));
        out.put_u32(element.oid());
        out.put_i32(self.count);
        out.put_i32(1);
        out.extend_from_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Oid) -> bool {
        *ty == Oid::TEXT_ARRAY || *ty == Oid::BYTEA_ARRAY
    }

    to_sql_checked!();
}
