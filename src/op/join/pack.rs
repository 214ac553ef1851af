//! State as bytes and back: numbers of fixed width and texts with their lengths. Uses `error`. HOT
//! where state is kept packed.

use crate::error::{Error, Result};

/// Stands for the length of a text that is NULL.
const NULL: u32 = u32::MAX;

/// Appends a number.
#[inline]
pub fn put_i64(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a small count.
#[inline]
pub fn put_u32(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a count.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends bytes with their length. What is longer than 4 GiB cannot be: it came in one line.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a text that may be NULL.
#[inline]
pub fn put_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => put_bytes(out, text.as_bytes()),
        None => out.extend_from_slice(&NULL.to_le_bytes()),
    }
}

/// Reads what the functions above wrote, in the same order.
#[derive(Debug, Clone, Copy)]
pub struct Unpack<'a> {
    rest: &'a [u8],
}

impl<'a> Unpack<'a> {
    /// Reads from these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Whether everything has been read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// So many bytes.
    #[inline]
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(torn)?;
        self.rest = rest;
        Ok(taken)
    }

    /// One byte.
    #[inline]
    pub fn byte(&mut self) -> Result<u8> {
        self.take(1)?.first().copied().ok_or_else(torn)
    }

    /// A number.
    #[inline]
    pub fn i64(&mut self) -> Result<i64> {
        self.take(8)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes)).ok_or_else(torn)
    }

    /// A count.
    #[inline]
    pub fn u64(&mut self) -> Result<u64> {
        self.take(8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)).ok_or_else(torn)
    }

    /// A small count.
    #[inline]
    pub fn u32(&mut self) -> Result<u32> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).ok_or_else(torn)
    }

    /// Bytes with their length.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    /// A text that may be NULL.
    #[inline]
    pub fn text(&mut self) -> Result<Option<&'a str>> {
        match self.u32()? {
            NULL => Ok(None),
            length => {
                std::str::from_utf8(self.take(length as usize)?).map(Some).map_err(|_| torn())
            }
        }
    }
}

#[cold]
fn torn() -> Error {
    Error::refused("the state is not what this program writes")
        .advise("remove it and start the inputs from their beginning")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn what_is_packed_comes_back_and_less_is_refused() {
        let mut out = Vec::new();
        put_i64(&mut out, -5);
        put_text(&mut out, None);
        put_text(&mut out, Some("zażółć"));
        put_u64(&mut out, u64::MAX);
        put_bytes(&mut out, b"");
        let read = |bytes: &[u8]| -> Result<()> {
            let mut unpack = Unpack::new(bytes);
            assert_eq!(unpack.i64()?, -5);
            assert_eq!(unpack.text()?, None);
            assert_eq!(unpack.text()?, Some("zażółć"));
            assert_eq!(unpack.u64()?, u64::MAX);
            assert_eq!(unpack.bytes()?, b"");
            assert!(unpack.is_empty());
            Ok(())
        };
        read(&out).unwrap();
        for cut in 0..out.len() {
            assert_eq!(read(&out[..cut]).unwrap_err().kind(), Kind::Refused, "{cut}");
        }
    }
}
