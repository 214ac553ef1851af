//! The stored form of JSON: one type byte and a value; containers hold tables of offsets. Uses
//! `error`. Hot.
//!
//! Source: the server's description of the format in `json_binary.h`. All numbers are
//! little-endian. Offsets count from the start of their container's own fields. In a small
//! container counts and offsets take two bytes, in a large one four.
//!
//! Every offset is checked against its container. Two parts never share bytes in a document that a
//! server wrote, so all parts read together may not be longer than the document: that bounds the
//! work on a hostile one.

use super::damaged;
use crate::error::Result;

const SMALL_OBJECT: u8 = 0x00;
const LARGE_OBJECT: u8 = 0x01;
const SMALL_ARRAY: u8 = 0x02;
const LARGE_ARRAY: u8 = 0x03;
const LITERAL: u8 = 0x04;
const INT16: u8 = 0x05;
const UINT16: u8 = 0x06;
const INT32: u8 = 0x07;
const UINT32: u8 = 0x08;
const INT64: u8 = 0x09;
const UINT64: u8 = 0x0A;
const DOUBLE: u8 = 0x0B;
const STRING: u8 = 0x0C;
const OPAQUE: u8 = 0x0F;

/// One value; containers are read element by element.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A signed integer of any stored width.
    Int(i64),
    /// An unsigned integer of any stored width.
    Uint(u64),
    /// A double.
    Double(f64),
    /// A string, meant to be UTF-8.
    String(&'a [u8]),
    /// A value of another MySQL type: the type's number in the protocol, and its bytes.
    Opaque(u8, &'a [u8]),
    /// A container without keys.
    Array(Container<'a>),
    /// A container with keys.
    Object(Container<'a>),
}

/// An array or object: its own bytes and the layout of its tables.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    bytes: &'a [u8],
    count: usize,
    large: bool,
    keys: bool,
}

impl Container<'_> {
    /// The number of elements.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether it is an object.
    pub fn has_keys(&self) -> bool {
        self.keys
    }

    fn offset_bytes(&self) -> usize {
        if self.large { 4 } else { 2 }
    }

    /// Where the table of keys begins: behind the count and the size.
    fn header(&self) -> usize {
        2 * self.offset_bytes()
    }

    fn key_entry(&self) -> usize {
        if self.keys { self.offset_bytes() + 2 } else { 0 }
    }

    fn value_entry(&self) -> usize {
        1 + self.offset_bytes()
    }
}

/// Reads parts of one document and counts what it read.
pub struct Reader {
    budget: usize,
}

impl Reader {
    /// A reader for `document`.
    pub fn new(document: &[u8]) -> Self {
        Self { budget: document.len() }
    }

    /// The outermost value; of no bytes it is `null`.
    pub fn document<'a>(&mut self, bytes: &'a [u8]) -> Result<Value<'a>> {
        match bytes.split_first() {
            None => Ok(Value::Null),
            Some((kind, rest)) => {
                self.spend(1)?;
                self.value(*kind, rest)
            }
        }
    }

    /// The key of an object's element; `index` is below `count`.
    pub fn key<'a>(&mut self, container: &Container<'a>, index: usize) -> Result<&'a [u8]> {
        let entry = container.header() + index * container.key_entry();
        let large = container.large;
        let offset = offset_at(container.bytes, entry, large).ok_or_else(cut)?;
        let width = container.offset_bytes();
        let length = offset_at(container.bytes, entry + width, false).ok_or_else(cut)?;
        self.spend(length)?;
        slice(container.bytes, offset, length)
    }

    /// An element; `index` is below `count`.
    pub fn element<'a>(&mut self, container: &Container<'a>, index: usize) -> Result<Value<'a>> {
        let entry = container.header()
            + container.count * container.key_entry()
            + index * container.value_entry();
        let kind = *container.bytes.get(entry).ok_or_else(cut)?;
        let inlined = match kind {
            LITERAL | INT16 | UINT16 => true,
            INT32 | UINT32 => container.large,
            _ => false,
        };
        if inlined {
            // Its bytes are those of the table, paid for with the container.
            return scalar(kind, container.bytes.get(entry + 1..).unwrap_or_default());
        }
        let offset = offset_at(container.bytes, entry + 1, container.large).ok_or_else(cut)?;
        self.value(kind, container.bytes.get(offset..).ok_or_else(cut)?)
    }

    fn value<'a>(&mut self, kind: u8, bytes: &'a [u8]) -> Result<Value<'a>> {
        match kind {
            SMALL_OBJECT => self.container(bytes, false, true).map(Value::Object),
            LARGE_OBJECT => self.container(bytes, true, true).map(Value::Object),
            SMALL_ARRAY => self.container(bytes, false, false).map(Value::Array),
            LARGE_ARRAY => self.container(bytes, true, false).map(Value::Array),
            STRING => self.counted(bytes).map(Value::String),
            OPAQUE => {
                let (kind, rest) = bytes.split_first().ok_or_else(cut)?;
                self.counted(rest).map(|bytes| Value::Opaque(*kind, bytes))
            }
            LITERAL => self.spend(1).and_then(|()| scalar(kind, bytes)),
            INT16 | UINT16 => self.spend(2).and_then(|()| scalar(kind, bytes)),
            INT32 | UINT32 => self.spend(4).and_then(|()| scalar(kind, bytes)),
            _ => self.spend(8).and_then(|()| scalar(kind, bytes)),
        }
    }

    fn container<'a>(&mut self, bytes: &'a [u8], large: bool, keys: bool) -> Result<Container<'a>> {
        let width = if large { 4 } else { 2 };
        let count = offset_at(bytes, 0, large).ok_or_else(cut)?;
        let size = offset_at(bytes, width, large).ok_or_else(cut)?;
        let bytes = slice(bytes, 0, size)?;
        let container = Container { bytes, count, large, keys };
        let entries = count
            .checked_mul(container.key_entry() + container.value_entry())
            .and_then(|entries| entries.checked_add(container.header()))
            .filter(|entries| *entries <= size)
            .ok_or_else(|| damaged("its tables are larger than their container"))?;
        self.spend(entries)?;
        Ok(container)
    }

    /// Bytes behind a length of one to five bytes, seven bits each, the lowest first.
    fn counted<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let mut length = 0u64;
        for (index, byte) in bytes.iter().take(5).enumerate() {
            length |= u64::from(byte & 0x7F) << (7 * index);
            if byte & 0x80 == 0 {
                let length = usize::try_from(length).map_err(|_| cut())?;
                self.spend(length.saturating_add(1))?;
                return slice(bytes, index + 1, length);
            }
        }
        Err(damaged("a length in it has no end"))
    }

    fn spend(&mut self, bytes: usize) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(left) => {
                self.budget = left;
                Ok(())
            }
            None => Err(damaged("its parts overlap, or reach past its end")),
        }
    }
}

/// A value of fixed width at the start of `bytes`.
fn scalar<'a>(kind: u8, bytes: &[u8]) -> Result<Value<'a>> {
    let value = match kind {
        LITERAL => match bytes.first().ok_or_else(cut)? {
            0 => Value::Null,
            1 => Value::Bool(true),
            2 => Value::Bool(false),
            _ => return Err(damaged("it holds an unknown literal")),
        },
        INT16 => Value::Int(i16::from_le_bytes(fixed(bytes)?).into()),
        UINT16 => Value::Uint(u16::from_le_bytes(fixed(bytes)?).into()),
        INT32 => Value::Int(i32::from_le_bytes(fixed(bytes)?).into()),
        UINT32 => Value::Uint(u32::from_le_bytes(fixed(bytes)?).into()),
        INT64 => Value::Int(i64::from_le_bytes(fixed(bytes)?)),
        UINT64 => Value::Uint(u64::from_le_bytes(fixed(bytes)?)),
        DOUBLE => Value::Double(f64::from_le_bytes(fixed(bytes)?)),
        _ => return Err(damaged("it holds a value of an unknown type")),
    };
    Ok(value)
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    bytes.first_chunk::<N>().copied().ok_or_else(cut)
}

/// A count or an offset: four bytes in a large container, two in a small one.
fn offset_at(bytes: &[u8], at: usize, large: bool) -> Option<usize> {
    let bytes = bytes.get(at..)?;
    if large {
        usize::try_from(u32::from_le_bytes(*bytes.first_chunk()?)).ok()
    } else {
        Some(u16::from_le_bytes(*bytes.first_chunk()?).into())
    }
}

fn slice(bytes: &[u8], offset: usize, length: usize) -> Result<&[u8]> {
    bytes.get(offset..).and_then(|rest| rest.get(..length)).ok_or_else(cut)
}

#[cold]
fn cut() -> crate::error::Error {
    damaged("it ends too early")
}
