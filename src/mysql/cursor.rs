//! HOT. A bounds-checked walk over outside bytes. Uses nothing.
//!
//! Every read answers `None` past the end; no caller indexes into an event by itself.

/// The unread rest of a byte string; numbers are little-endian unless said otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything has been read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    #[inline]
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        take_slice(&mut self.rest, count)
    }

    /// An unsigned number of `width` bytes, at most 8.
    #[inline]
    pub fn uint(&mut self, width: usize) -> Option<u64> {
        self.take(width).and_then(uint)
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Option<u8> {
        take(&mut self.rest).map(u8::from_le_bytes)
    }

    /// Two bytes.
    #[inline]
    pub fn u16(&mut self) -> Option<u16> {
        take(&mut self.rest).map(u16::from_le_bytes)
    }

    /// Four bytes.
    #[inline]
    pub fn u32(&mut self) -> Option<u32> {
        take(&mut self.rest).map(u32::from_le_bytes)
    }

    /// Eight bytes.
    #[inline]
    pub fn u64(&mut self) -> Option<u64> {
        take(&mut self.rest).map(u64::from_le_bytes)
    }

    /// A length-encoded integer of the client protocol (1, 3, 4 or 9 bytes).
    #[inline]
    pub fn lenenc(&mut self) -> Option<u64> {
        match self.u8()? {
            first @ 0..=0xfa => Some(u64::from(first)),
            0xfc => self.uint(2),
            0xfd => self.uint(3),
            0xfe => self.uint(8),
            _ => None,
        }
    }

    /// A byte string behind its length-encoded length.
    pub fn lenenc_bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.lenenc()?).ok()?;
        self.take(len)
    }
}

/// The next `N` bytes of `rest`.
#[inline]
pub fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// The next `count` bytes of `rest`.
#[inline]
pub fn take_slice<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// A little-endian unsigned number of 0 to 8 bytes.
#[inline]
pub fn uint(bytes: &[u8]) -> Option<u64> {
    let mut wide = [0u8; 8];
    wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(wide))
}

/// A big-endian unsigned number of 0 to 8 bytes.
#[inline]
pub fn uint_be(bytes: &[u8]) -> Option<u64> {
    let mut wide = [0u8; 8];
    let start = 8usize.checked_sub(bytes.len())?;
    wide.get_mut(start..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stop_at_the_end() {
        let mut cursor = Cursor::new(&[1, 2, 3, 0xfc, 4, 5, 9]);
        assert_eq!(cursor.uint(3), Some(0x03_02_01));
        assert_eq!(cursor.lenenc(), Some(0x05_04));
        assert_eq!(cursor.u16(), None);
        assert_eq!(cursor.u8(), Some(9));
        assert!(cursor.is_empty());
    }

    #[test]
    fn wide_numbers_have_two_orders() {
        assert_eq!(uint(&[1, 2]), Some(0x0201));
        assert_eq!(uint_be(&[1, 2]), Some(0x0102));
        assert_eq!(uint(&[0; 9]), None);
    }
}
