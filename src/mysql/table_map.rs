//! TABLE_MAP events: what the log itself says about a table. Uses `error`, `mysql::{cursor,
//! format}`. Not hot: parsed once for equal bytes.
//!
//! Source: MySQL's "Table_map_event" page (column metadata and optional metadata fields) and
//! MariaDB's `binlog_row_metadata` documentation; the two agree on the layout.

use super::cursor::Cursor;
use crate::error::{Error, Result};

/// Column type codes on the wire.
pub mod wire {
    #![allow(missing_docs)]
    pub const DECIMAL: u8 = 0;
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const NULL: u8 = 6;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const TIMESTAMP2: u8 = 17;
    pub const DATETIME2: u8 = 18;
    pub const TIME2: u8 = 19;
    pub const TYPED_ARRAY: u8 = 20;
    pub const BLOB_COMPRESSED: u8 = 140;
    pub const VARCHAR_COMPRESSED: u8 = 141;
    pub const VECTOR: u8 = 242;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// One column as the fixed part of the event gives it, the real type of STRING unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WireColumn {
    /// A code of [`wire`]; ENUM and SET are told apart from STRING.
    pub ty: u8,
    /// What it means depends on the type: byte length of strings, precision << 8 | scale of
    /// decimals, full bytes << 8 | odd bits of BIT, fraction digits of temporal types, length
    /// bytes of blobs.
    pub meta: u16,
    /// Whether NULL may be stored.
    pub nullable: bool,
}

/// The optional metadata; empty lists where the server did not log them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// One flag a numeric column, in column order; true = unsigned.
    pub unsigned: Option<Vec<bool>>,
    /// Collation of each character column, in column order.
    pub collations: Charsets,
    /// Collation of each ENUM and SET column, in column order.
    pub label_collations: Charsets,
    /// Column names.
    pub names: Option<Vec<String>>,
    /// Labels of each SET column, in the column's character set.
    pub set_labels: Option<Vec<Vec<Vec<u8>>>>,
    /// Labels of each ENUM column.
    pub enum_labels: Option<Vec<Vec<Vec<u8>>>>,
    /// Type code of each geometry column.
    pub geometry: Option<Vec<u64>>,
    /// Columns of the primary key in key order.
    pub primary_key: Option<Vec<usize>>,
    /// Dimensions of each VECTOR column.
    pub dimensions: Option<Vec<u64>>,
}

/// The two layouts of collation lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Charsets {
    /// Not logged.
    #[default]
    Absent,
    /// One for all, with exceptions by index among the columns of the kind.
    Default(u64, Vec<(u64, u64)>),
    /// One each.
    Each(Vec<u64>),
}

impl Charsets {
    /// The collation of the nth column of the kind.
    pub fn get(&self, nth: usize) -> Option<u16> {
        let id = match self {
            Self::Absent => return None,
            Self::Default(default, exceptions) => exceptions
                .iter()
                .find(|(index, _)| *index == nth as u64)
                .map_or(*default, |(_, id)| *id),
            Self::Each(list) => *list.get(nth)?,
        };
        u16::try_from(id).ok()
    }
}

/// A parsed TABLE_MAP event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMap {
    /// The id that the row events name; valid until the statement ends.
    pub id: u64,
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The columns.
    pub columns: Vec<WireColumn>,
    /// The optional part.
    pub metadata: Metadata,
}

/// Schema and table of a TABLE_MAP without parsing the rest: id, schema bytes, table bytes.
pub fn peek(body: &[u8], id_len: usize) -> Option<(u64, &[u8], &[u8])> {
    let mut cursor = Cursor::new(body);
    let id = cursor.uint(id_len)?;
    cursor.take(2)?;
    let len = usize::from(cursor.u8()?);
    let schema = cursor.take(len)?;
    cursor.take(1)?;
    let len = usize::from(cursor.u8()?);
    let table = cursor.take(len)?;
    Some((id, schema, table))
}

impl TableMap {
    /// Parses the body of a TABLE_MAP event; `id_len` is `Format::table_id_len`.
    pub fn parse(body: &[u8], id_len: usize) -> Result<Self> {
        Self::read(body, id_len).ok_or_else(|| Error::data("a TABLE_MAP event is malformed"))
    }

    fn read(body: &[u8], id_len: usize) -> Option<Self> {
        let (id, schema, table) = peek(body, id_len)?;
        let mut cursor =
            Cursor::new(body.get(id_len + 2 + 1 + schema.len() + 1 + 1 + table.len() + 1..)?);
        let count = usize::try_from(cursor.lenenc()?).ok()?;
        let types = cursor.take(count)?;
        let mut meta = Cursor::new(cursor.lenenc_bytes()?);
        let nulls = cursor.take(count.div_ceil(8))?;
        let mut columns = Vec::with_capacity(count);
        for (index, &ty) in types.iter().enumerate() {
            let nullable = nulls.get(index / 8)? >> (index % 8) & 1 == 1;
            let (ty, meta) = read_meta(ty, &mut meta)?;
            columns.push(WireColumn { ty, meta, nullable });
        }
        let metadata = Metadata::read(cursor, count)?;
        Some(Self {
            id,
            schema: String::from_utf8_lossy(schema).into_owned(),
            table: String::from_utf8_lossy(table).into_owned(),
            columns,
            metadata,
        })
    }
}

/// The type-specific bytes of one column.
fn read_meta(ty: u8, meta: &mut Cursor) -> Option<(u8, u16)> {
    Some(match ty {
        wire::FLOAT
        | wire::DOUBLE
        | wire::TINY_BLOB
        | wire::BLOB
        | wire::MEDIUM_BLOB
        | wire::LONG_BLOB
        | wire::GEOMETRY
        | wire::JSON
        | wire::VECTOR
        | wire::BLOB_COMPRESSED
        | wire::TIME2
        | wire::DATETIME2
        | wire::TIMESTAMP2 => (ty, u16::from(meta.u8()?)),
        wire::VARCHAR | wire::VARCHAR_COMPRESSED => (ty, meta.u16()?),
        wire::BIT => {
            let odd = meta.u8()?;
            (ty, u16::from(meta.u8()?) << 8 | u16::from(odd))
        }
        wire::NEWDECIMAL => {
            let precision = meta.u8()?;
            (ty, u16::from(precision) << 8 | u16::from(meta.u8()?))
        }
        wire::STRING | wire::VAR_STRING | wire::ENUM | wire::SET => {
            let first = meta.u8()?;
            let second = u16::from(meta.u8()?);
            match first {
                0 => (ty, second),
                wire::ENUM | wire::SET => (first, second),
                // Lengths above 255 hide their upper bits, inverted, in the type byte.
                _ if first & 0x30 != 0x30 => {
                    (wire::STRING, second | u16::from(first & 0x30 ^ 0x30) << 4)
                }
                _ => (wire::STRING, second),
            }
        }
        wire::TYPED_ARRAY => {
            let element = meta.u8()?;
            match element {
                wire::VARCHAR => {
                    meta.take(3)?;
                }
                _ => {
                    read_meta(element, meta)?;
                }
            }
            (ty, 0)
        }
        _ => (ty, 0),
    })
}

impl Metadata {
    fn read(mut cursor: Cursor, columns: usize) -> Option<Self> {
        let mut all = Self::default();
        while !cursor.is_empty() {
            let ty = cursor.u8()?;
            let mut value = Cursor::new(cursor.lenenc_bytes()?);
            match ty {
                1 => {
                    let bits = value.rest();
                    let bits =
                        bits.iter().flat_map(|byte| (0..8).map(move |n| byte << n & 0x80 != 0));
                    all.unsigned = Some(bits.take(columns).collect());
                }
                2 => all.collations = read_default(&mut value)?,
                3 => all.collations = Charsets::Each(read_numbers(&mut value, columns)?),
                4 => {
                    let names = read_strings(&mut value, columns)?;
                    let names: Option<Vec<String>> =
                        names.into_iter().map(|name| String::from_utf8(name).ok()).collect();
                    all.names = Some(names.filter(|names| names.len() == columns)?);
                }
                5 => all.set_labels = Some(read_labels(&mut value, columns)?),
                6 => all.enum_labels = Some(read_labels(&mut value, columns)?),
                7 => all.geometry = Some(read_numbers(&mut value, columns)?),
                8 => {
                    let list = read_numbers(&mut value, columns)?;
                    all.primary_key = Some(read_indexes(list.into_iter(), columns)?);
                }
                9 => {
                    let list = read_numbers(&mut value, columns * 2)?;
                    all.primary_key = Some(read_indexes(list.into_iter().step_by(2), columns)?);
                }
                10 => all.label_collations = read_default(&mut value)?,
                11 => all.label_collations = Charsets::Each(read_numbers(&mut value, columns)?),
                13 => all.dimensions = Some(read_numbers(&mut value, columns)?),
                // 12 is visibility; later servers may add more: each names its own length.
                _ => {}
            }
        }
        Some(all)
    }
}

fn read_default(value: &mut Cursor) -> Option<Charsets> {
    let default = value.lenenc()?;
    let mut exceptions = Vec::new();
    while !value.is_empty() {
        exceptions.push((value.lenenc()?, value.lenenc()?));
    }
    Some(Charsets::Default(default, exceptions))
}

fn read_numbers(value: &mut Cursor, limit: usize) -> Option<Vec<u64>> {
    let mut list = Vec::new();
    while !value.is_empty() {
        list.push(value.lenenc()?);
        (list.len() <= limit).then_some(())?;
    }
    Some(list)
}

fn read_indexes(list: impl Iterator<Item = u64>, columns: usize) -> Option<Vec<usize>> {
    list.map(|index| usize::try_from(index).ok().filter(|index| *index < columns)).collect()
}

fn read_strings(value: &mut Cursor, limit: usize) -> Option<Vec<Vec<u8>>> {
    let mut list = Vec::new();
    while !value.is_empty() && list.len() < limit {
        list.push(value.lenenc_bytes()?.to_vec());
    }
    Some(list)
}

fn read_labels(value: &mut Cursor, columns: usize) -> Option<Vec<Vec<Vec<u8>>>> {
    let mut all = Vec::new();
    while !value.is_empty() && all.len() < columns {
        let count = value.lenenc()?;
        let mut labels = Vec::new();
        for _ in 0..count {
            labels.push(value.lenenc_bytes()?.to_vec());
        }
        all.push(labels);
    }
    Some(all)
}
