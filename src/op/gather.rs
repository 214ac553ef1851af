//! HOT behind other dialects. Messages of one row each gathered into larger ones, as long as their
//! heads are the same bytes. Uses `error`, `ums`.

use super::Stage;
use crate::error::Result;
use crate::ums::Decoder;

/// Bytes that a message has at most, unless one row is longer.
const FULL: usize = 1 << 20;
/// Rows that it has at most.
const MOST: usize = 500;

/// Gathers rows.
#[derive(Default)]
pub struct Gather {
    decoder: Decoder,
    head: Vec<u8>,
    rows: Vec<u8>,
    count: usize,
    tail: Vec<u8>,
}

impl Gather {
    fn flush(&mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            for part in [&self.head, &self.rows, &self.tail] {
                out.extend_from_slice(part);
            }
            out.push(b'\n');
        }
        self.rows.clear();
        self.count = 0;
    }
}

impl Stage for Gather {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let message = self.decoder.decode(line)?;
        let is_data = message.protocol.is_data() && message.row_count() > 0;
        // The payload is a part of the line, so its address says where.
        let from = message.payload.as_ptr().addr().saturating_sub(line.as_ptr().addr());
        let head = line.get(..from).unwrap_or_default();
        let tail = line.get(from + message.payload.len()..).unwrap_or_default();
        let (payload, rows) = (message.payload, message.row_count());
        let same = is_data && self.count > 0 && head == self.head && tail == self.tail;
        if !same || self.count + rows > MOST || self.rows.len() + payload.len() > FULL {
            self.flush(out);
        }
        if !is_data {
            out.extend_from_slice(line);
            out.push(b'\n');
            return Ok(());
        }
        if self.count == 0 {
            self.head.clear();
            self.head.extend_from_slice(head);
            self.tail.clear();
            self.tail.extend_from_slice(tail);
        } else {
            self.rows.push(b',');
        }
        self.rows.extend_from_slice(payload);
        self.count += rows;
        Ok(())
    }

    fn pause(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
    }
}
