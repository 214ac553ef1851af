//! MySQL's TRANSACTION_PAYLOAD: a whole transaction in one compressed event. Uses `error`,
//! `mysql::{cursor, event}`. Warm.
//!
//! The inner events are unfolded one at a time, so memory is bounded by the largest of them and
//! the decompressor's window, whatever the size of the transaction.

use std::io::Read;

use super::cursor::Cursor;
use super::event::{Event, HEADER_LEN, Header, kind};
use crate::error::{Error, Result};

/// The largest window that a frame may ask for (2^27 bytes is zstd's own limit for readers).
const WINDOW_LOG_MAX: u32 = 27;

/// What the head of the event says.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// Compressed, or plain when `compressed` is false.
    pub data: &'a [u8],
    /// Whether `data` is a zstd frame.
    pub compressed: bool,
    /// Bytes of all inner events; what the head claims, so only a hint.
    pub plain_len: u64,
}

impl<'a> Payload<'a> {
    /// Reads the fields (type, length, value) and finds the data behind them.
    pub fn parse(body: &'a [u8]) -> Result<Self> {
        Self::read(body)
            .ok_or_else(|| Error::data("a compressed transaction is malformed"))?
            .ok_or_else(|| {
                Error::data("a compressed transaction uses a method other than zstd or none")
            })
    }

    fn read(body: &'a [u8]) -> Option<Option<Self>> {
        let mut cursor = Cursor::new(body);
        let (mut size, mut method, mut plain_len) = (None, 255u64, 0u64);
        loop {
            let field = cursor.lenenc()?;
            if field == 0 {
                break;
            }
            let mut value = Cursor::new(cursor.lenenc_bytes()?);
            match field {
                1 => size = Some(value.lenenc()?),
                2 => method = value.lenenc()?,
                3 => plain_len = value.lenenc()?,
                _ => {}
            }
        }
        let data = match size {
            Some(size) => cursor.take(usize::try_from(size).ok()?)?,
            None => cursor.rest(),
        };
        let compressed = match method {
            0 => true,
            255 => false,
            _ => return Some(None),
        };
        Some(Some(Self { data, compressed, plain_len }))
    }

    /// Shows every inner event in order, with its number from 0 on. Each stands where the outer
    /// event stands: inner positions mean nothing in the file.
    pub fn visit(&self, outer: &Event, f: &mut dyn FnMut(u64, &Event) -> Result<()>) -> Result<()> {
        let failed = |e| Error::data("a compressed transaction does not unfold").caused_by(e);
        let mut reader: Box<dyn Read + '_> = if self.compressed {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(self.data).map_err(failed)?;
            decoder.window_log_max(WINDOW_LOG_MAX).map_err(failed)?;
            Box::new(std::io::BufReader::with_capacity(1 << 16, decoder))
        } else {
            Box::new(self.data)
        };
        let mut bytes = Vec::new();
        for number in 0u64.. {
            bytes.clear();
            (&mut reader).take(HEADER_LEN as u64).read_to_end(&mut bytes).map_err(failed)?;
            if bytes.is_empty() {
                break;
            }
            let malformed = || Error::data("an event inside a compressed transaction is malformed");
            let header = Header::parse(&bytes).ok_or_else(malformed)?;
            let body =
                u64::from(header.size).checked_sub(HEADER_LEN as u64).ok_or_else(malformed)?;
            let read = (&mut reader).take(body).read_to_end(&mut bytes).map_err(failed)?;
            if read as u64 != body || header.kind == kind::TRANSACTION_PAYLOAD {
                return Err(malformed());
            }
            let body = bytes.get(HEADER_LEN..).unwrap_or_default();
            f(number, &Event { header, body, offset: outer.offset, len: outer.len })?;
        }
        Ok(())
    }
}
