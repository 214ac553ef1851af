//! HOT. Rows of a query as the server sends them: a packet a row, cells as slices of it, nothing
//! copied and nothing allocated. Uses the crate `mysql`, which opened the connection.
//!
//! The text protocol of "Client/Server Protocol: COM_QUERY Response". The crate gives every cell a
//! vector of its own, which costs more than all that is done to it here. A connection with TLS has
//! its bytes inside the crate, so such rows come through it.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd};

use mysql::prelude::Queryable;

/// What one read asks for at most, unless a packet is larger.
const ROOM: usize = 128 << 10;

/// The longest packet; a longer row comes in several.
const LONGEST: usize = 0xff_ffff;

/// COM_QUERY.
const QUERY: u8 = 3;

/// The status bit of "another result follows".
const MORE_RESULTS: u8 = 8;

/// The cells of a row.
pub struct Cells<'a> {
    row: &'a [u8],
    found: &'a [Option<(usize, usize)>],
}

impl Cells<'_> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// A cell's text; `None` for NULL and where there is no such cell.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let (start, end) = (*self.found.get(index)?)?;
        self.row.get(start..end)
    }
}

/// Runs a query and shows each row. An error of `show` ends the run; the connection is then in the
/// middle of an answer and good for nothing but to be closed.
///
/// # Errors
/// `Err(Ok(…))` is an error of `show`, `Err(Err(…))` one of the server or the connection.
pub fn each_row<E>(
    conn: &mut mysql::Conn,
    plain: bool,
    query: &str,
    show: &mut dyn FnMut(&Cells) -> Result<(), E>,
) -> Result<(), Result<E, mysql::Error>> {
    if plain {
        let mut wire = Wire::of(conn).map_err(|error| Err(mysql::Error::from(error)))?;
        return wire.each_row(query, show);
    }
    let mut rows = conn.query_iter(query).map_err(Err)?;
    let (mut bytes, mut found) = (Vec::new(), Vec::new());
    loop {
        let Some(row) = rows.next() else { return Ok(()) };
        let row = row.map_err(Err)?;
        bytes.clear();
        found.clear();
        for value in row.unwrap_raw() {
            found.push(match value {
                Some(mysql::Value::Bytes(cell)) => {
                    let start = bytes.len();
                    bytes.extend_from_slice(&cell);
                    Some((start, bytes.len()))
                }
                _ => None,
            });
        }
        if let Err(error) = show(&Cells { row: &bytes, found: &found }) {
            // Its end would read all that the server still has to send.
            std::mem::forget(rows);
            return Err(Ok(error));
        }
    }
}

/// The bytes of a connection between two commands.
struct Wire {
    stream: File,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A packet that came in several.
    joined: Vec<u8>,
}

/// Where a packet is.
enum Place {
    Buffer(usize, usize),
    Joined,
}

impl Wire {
    fn of(conn: &mysql::Conn) -> std::io::Result<Self> {
        // SAFETY: the connection is open, and borrowed until the descriptor has been duplicated.
        let descriptor = unsafe { BorrowedFd::borrow_raw(conn.as_raw_fd()) };
        let stream = File::from(descriptor.try_clone_to_owned()?);
        Ok(Self { stream, buffer: vec![0; ROOM], start: 0, end: 0, joined: Vec::new() })
    }

    fn each_row<E>(
        &mut self,
        query: &str,
        show: &mut dyn FnMut(&Cells) -> Result<(), E>,
    ) -> Result<(), Result<E, mysql::Error>> {
        let broken = |error: Error| Err(mysql::Error::from(error));
        let columns = self.begin(query).map_err(Err)?;
        let mut found = Vec::with_capacity(columns);
        loop {
            let place = self.packet().map_err(broken)?;
            let row = self.bytes(&place);
            match row.first() {
                Some(0xff) => return Err(Err(server_error(row))),
                // A cell of 16 MiB begins with the same byte; its packet is longer.
                Some(0xfe) if row.len() < LONGEST => {
                    let more = row.len() < 9 && row.get(3).is_some_and(|s| s & MORE_RESULTS != 0);
                    return if more {
                        Err(broken(odd("the condition holds several statements")))
                    } else {
                        Ok(())
                    };
                }
                _ => {}
            }
            split(row, columns, &mut found)
                .ok_or_else(|| broken(odd("a row is not what the protocol says")))?;
            show(&Cells { row, found: &found }).map_err(Ok)?;
        }
    }

    /// Sends the query and reads up to the first row; gives the number of columns.
    fn begin(&mut self, query: &str) -> Result<usize, mysql::Error> {
        let length = query.len().saturating_add(1);
        if length >= LONGEST {
            return Err(odd("a query is too long").into());
        }
        let mut command = Vec::with_capacity(length + 4);
        command.extend(length.to_le_bytes().into_iter().take(3));
        command.extend([0, QUERY]);
        command.extend_from_slice(query.as_bytes());
        self.stream.write_all(&command)?;
        let place = self.packet()?;
        let head = self.bytes(&place);
        if head.first() == Some(&0xff) {
            return Err(server_error(head));
        }
        let columns = match length_at(head, 0) {
            Some((Some(columns), _)) if columns > 0 => columns,
            _ => return Err(odd("the answer has no columns").into()),
        };
        // One packet a column, then one that says so.
        for _ in 0..=columns {
            let place = self.packet()?;
            if self.bytes(&place).first() == Some(&0xff) {
                return Err(server_error(self.bytes(&place)));
            }
        }
        Ok(columns)
    }

    fn bytes(&self, place: &Place) -> &[u8] {
        match place {
            Place::Buffer(start, end) => self.buffer.get(*start..*end).unwrap_or_default(),
            Place::Joined => &self.joined,
        }
    }

    /// Reads the next packet.
    #[inline]
    fn packet(&mut self) -> std::io::Result<Place> {
        let (start, end) = self.part()?;
        if end - start < LONGEST {
            return Ok(Place::Buffer(start, end));
        }
        self.joined.clear();
        let (mut start, mut end) = (start, end);
        loop {
            self.joined.extend_from_slice(self.buffer.get(start..end).unwrap_or_default());
            if end - start < LONGEST {
                self.buffer.truncate(ROOM.max(self.end));
                return Ok(Place::Joined);
            }
            (start, end) = self.part()?;
        }
    }

    /// Where the payload of the next part of a packet is.
    #[inline]
    fn part(&mut self) -> std::io::Result<(usize, usize)> {
        self.fill(4)?;
        let head = self.buffer.get(self.start..).and_then(|bytes| bytes.first_chunk::<3>());
        let [low, middle, high] = *head.unwrap_or(&[0; 3]);
        let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
        self.fill(4 + length)?;
        let start = self.start + 4;
        self.start = start + length;
        Ok((start, self.start))
    }

    /// Reads until so many bytes wait.
    #[inline]
    fn fill(&mut self, wanted: usize) -> std::io::Result<()> {
        if self.end - self.start >= wanted {
            return Ok(());
        }
        self.read_more(wanted)
    }

    #[cold]
    fn read_more(&mut self, wanted: usize) -> std::io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted.next_multiple_of(ROOM), 0);
        } else if self.buffer.len() > 4 * ROOM && wanted <= ROOM && self.end <= ROOM {
            self.buffer.truncate(ROOM);
            self.buffer.shrink_to_fit();
        }
        while self.end < wanted {
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => return Err(Error::new(ErrorKind::UnexpectedEof, "the server is gone")),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn odd(text: &str) -> Error {
    Error::new(ErrorKind::InvalidData, text.to_owned())
}

/// A number of the protocol at a place, `None` for NULL, and where it ends.
#[inline]
fn length_at(bytes: &[u8], at: usize) -> Option<(Option<usize>, usize)> {
    let first = *bytes.get(at)?;
    let width = match first {
        0xfb => return Some((None, at + 1)),
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        0xff => return None,
        _ => return Some((Some(usize::from(first)), at + 1)),
    };
    let mut number = [0u8; 8];
    let end = at + 1 + width;
    number.get_mut(..width)?.copy_from_slice(bytes.get(at + 1..end)?);
    Some((Some(usize::try_from(u64::from_le_bytes(number)).ok()?), end))
}

/// Finds the cells of a row; `None` where the row is not whole.
#[inline]
fn split(row: &[u8], columns: usize, found: &mut Vec<Option<(usize, usize)>>) -> Option<()> {
    found.clear();
    let mut at = 0;
    for _ in 0..columns {
        let (length, start) = length_at(row, at)?;
        match length {
            Some(length) => {
                at = start.checked_add(length)?;
                found.push(Some((start, at)));
            }
            None => {
                at = start;
                found.push(None);
            }
        }
    }
    (at == row.len()).then_some(())
}

/// The server's error: two bytes of code, `#` and the state, the text.
fn server_error(packet: &[u8]) -> mysql::Error {
    let code = packet.get(1..3).and_then(|bytes| bytes.first_chunk::<2>());
    let code = u16::from_le_bytes(*code.unwrap_or(&[0; 2]));
    let rest = packet.get(3..).unwrap_or_default();
    let (state, message) = match rest.split_first() {
        Some((b'#', rest)) => rest.split_at_checked(5).unwrap_or((rest, &[])),
        _ => (&[][..], rest),
    };
    mysql::Error::MySqlError(mysql::MySqlError {
        state: String::from_utf8_lossy(state).into_owned(),
        message: String::from_utf8_lossy(message).into_owned(),
        code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection whose server has already said everything.
    fn rows(answer: &[u8]) -> Result<Vec<String>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(answer).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        let mut wire =
            Wire { stream: file, buffer: vec![0; 8], start: 0, end: 0, joined: Vec::new() };
        let mut shown = Vec::new();
        // The query must not be written into the answer: only what comes behind it is tried.
        let columns = match wire.packet() {
            Ok(place) => length_at(wire.bytes(&place), 0).unwrap().0.unwrap(),
            Err(error) => return Err(error.to_string()),
        };
        let mut found = Vec::new();
        loop {
            let place = wire.packet().map_err(|error| error.to_string())?;
            let row = wire.bytes(&place);
            match row.first() {
                Some(0xff) => return Err(server_error(row).to_string()),
                Some(0xfe) if row.len() < 9 => return Ok(shown),
                _ => {}
            }
            split(row, columns, &mut found).ok_or("torn")?;
            let cells = Cells { row, found: &found };
            let text = |n| cells.get(n).map_or("NULL".into(), |c| format!("{}", c.len()));
            shown.push((0..cells.len()).map(text).collect::<Vec<String>>().join(" "));
        }
    }

    fn packet(out: &mut Vec<u8>, payload: &[u8]) {
        out.extend(payload.len().to_le_bytes().into_iter().take(3));
        out.push(7);
        out.extend_from_slice(payload);
    }

    #[test]
    fn rows_of_all_lengths() {
        let mut answer = Vec::new();
        packet(&mut answer, &[2]);
        packet(&mut answer, b"\x03abc\xfb");
        let mut long = vec![0xfc, 44, 1];
        long.extend([b'x'; 300]);
        long.push(0);
        packet(&mut answer, &long);
        packet(&mut answer, &[0xfe, 0, 0, 2, 0]);
        assert_eq!(rows(&answer).unwrap(), ["3 NULL", "300 0"]);
    }

    #[test]
    fn a_row_in_several_packets() {
        let mut row = vec![0xfe];
        row.extend((LONGEST as u64 * 2).to_le_bytes());
        row.resize(9 + LONGEST * 2, b'y');
        let mut answer = Vec::new();
        packet(&mut answer, &[1]);
        for part in row.chunks(LONGEST) {
            packet(&mut answer, part);
        }
        packet(&mut answer, &[0xfe, 0, 0, 2, 0]);
        assert_eq!(rows(&answer).unwrap(), [(LONGEST * 2).to_string()]);
    }

    #[test]
    fn errors_and_torn_answers() {
        let mut answer = Vec::new();
        packet(&mut answer, &[1]);
        packet(&mut answer, b"\x01a");
        assert!(rows(&answer).unwrap_err().contains("gone"));
        packet(&mut answer, b"\xff\x58\x06#HY000changed");
        assert!(rows(&answer).unwrap_err().contains("1624"), "{:?}", rows(&answer));
        let mut answer = Vec::new();
        packet(&mut answer, &[1]);
        packet(&mut answer, b"\x05a");
        assert_eq!(rows(&answer).unwrap_err(), "torn");
    }
}
