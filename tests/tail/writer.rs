//! Writes small logs event by event, right and wrong on purpose, so that tests need no server.

use std::io::Write;

/// What the position in an event's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions {
    /// Where the next event starts, modulo 2^32.
    Right,
    /// Nothing, as MariaDB 11.4 and later do inside transactions.
    Zero,
    /// As a file would say that is longer by so many bytes.
    Shifted(u64),
}

/// Type codes of events, by the servers' names.
pub mod code {
    pub const QUERY: u8 = 2;
    pub const ROTATE: u8 = 4;
    pub const FORMAT: u8 = 15;
    pub const XID: u8 = 16;
    pub const TABLE_MAP: u8 = 19;
    pub const INCIDENT: u8 = 26;
    pub const WRITE: u8 = 30;
    pub const UPDATE: u8 = 31;
    pub const DELETE: u8 = 32;
    pub const GTID: u8 = 33;
    pub const ANONYMOUS: u8 = 34;
    pub const PREVIOUS_GTIDS: u8 = 35;
    pub const XA_PREPARE: u8 = 38;
    pub const PAYLOAD: u8 = 40;
    pub const START_ENCRYPTION: u8 = 164;
}

/// The bytes of every GTID's source in these logs.
pub const SOURCE: [u8; 16] = [0x11; 16];

/// The second of the events that tests do not date themselves: 2026-01-01 00:00:00 UTC.
pub const SECOND: u32 = 1_767_225_600;

/// One column.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    Int,
    Bigint,
    /// varchar(100) in utf8mb4.
    Text,
    /// longblob.
    Blob,
}

/// One cell of an image.
#[derive(Debug, Clone)]
pub enum Cell {
    Absent,
    Null,
    Int(i32),
    Bigint(i64),
    Text(Vec<u8>),
    Blob(Vec<u8>),
}

pub fn int(value: i32) -> Cell {
    Cell::Int(value)
}

pub fn text(value: &str) -> Cell {
    Cell::Text(value.as_bytes().to_vec())
}

/// A table as its TABLE_MAP says it.
#[derive(Debug, Clone)]
pub struct Table {
    pub id: u64,
    pub schema: &'static str,
    pub name: &'static str,
    pub columns: Vec<(&'static str, Type)>,
    /// Columns of the primary key.
    pub keys: Vec<u8>,
    /// Whether names, signs, character sets and keys are logged.
    pub full: bool,
}

impl Table {
    /// `shop.NAME` with the columns id and note, key id.
    pub fn new(id: u64, name: &'static str) -> Self {
        let columns = vec![("id", Type::Int), ("note", Type::Text)];
        Self { id, schema: "shop", name, columns, keys: vec![0], full: true }
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.id.to_le_bytes()[..6]);
        body.extend_from_slice(&[1, 0]);
        for name in [self.schema, self.name] {
            body.push(name.len() as u8);
            body.extend_from_slice(name.as_bytes());
            body.push(0);
        }
        body.push(self.columns.len() as u8);
        let (mut metadata, mut texts, mut numbers) = (Vec::new(), 0, 0);
        for (_, ty) in &self.columns {
            match ty {
                Type::Int | Type::Bigint => numbers += 1,
                Type::Text => {
                    texts += 1;
                    metadata.extend_from_slice(&400u16.to_le_bytes());
                }
                Type::Blob => metadata.push(4),
            }
            body.push(match ty {
                Type::Int => 3,
                Type::Bigint => 8,
                Type::Text => 15,
                Type::Blob => 252,
            });
        }
        body.push(metadata.len() as u8);
        body.extend_from_slice(&metadata);
        body.extend(std::iter::repeat_n(0xff, self.columns.len().div_ceil(8)));
        if !self.full {
            return body;
        }
        let mut field = |kind: u8, value: &[u8]| {
            body.push(kind);
            body.push(value.len() as u8);
            body.extend_from_slice(value);
        };
        if numbers > 0 {
            field(1, &[0]);
        }
        let blobs = self.columns.iter().any(|(_, ty)| matches!(ty, Type::Blob));
        if texts > 0 || blobs {
            // utf8mb4 (255) each; blobs are binary (63).
            let mut each = Vec::new();
            for (_, ty) in &self.columns {
                match ty {
                    Type::Text => each.extend_from_slice(&[252, 255, 0]),
                    Type::Blob => each.push(63),
                    _ => {}
                }
            }
            field(3, &each);
        }
        let mut names = Vec::new();
        for (name, _) in &self.columns {
            names.push(name.len() as u8);
            names.extend_from_slice(name.as_bytes());
        }
        field(4, &names);
        if !self.keys.is_empty() {
            field(8, &self.keys);
        }
        body
    }
}

/// A log file in the making.
#[derive(Debug, Clone)]
pub struct Log {
    /// What was written since the last [`Log::take`].
    pub bytes: Vec<u8>,
    /// Where the next event starts.
    pub offset: u64,
    pub checksum: bool,
    pub positions: Positions,
    pub second: u32,
    pub flags: u16,
    number: u64,
    xid: u64,
}

impl Log {
    /// A file with magic bytes and format description, checksums on.
    pub fn new() -> Self {
        Self::with(true, Positions::Right)
    }

    pub fn with(checksum: bool, positions: Positions) -> Self {
        let mut log = Self::events();
        log.bytes.extend_from_slice(b"\xfebin");
        log.offset = 4;
        log.checksum = checksum;
        log.positions = positions;
        log.format(0);
        log
    }

    /// Bare events, as they stand in a compressed transaction.
    pub fn events() -> Self {
        Self {
            bytes: Vec::new(),
            offset: 0,
            checksum: false,
            positions: Positions::Zero,
            second: SECOND,
            flags: 0,
            number: 0,
            xid: 0,
        }
    }

    /// Appends an event; the answer is where it starts.
    pub fn event(&mut self, kind: u8, body: &[u8]) -> u64 {
        let start = self.offset;
        let trailer = if self.checksum || kind == code::FORMAT { 4 } else { 0 };
        let size = (19 + body.len() + trailer) as u64;
        let end = match self.positions {
            Positions::Right => start + size,
            Positions::Zero => 0,
            Positions::Shifted(by) => start + size + by,
        };
        let mut bytes = Vec::with_capacity(size as usize);
        bytes.extend_from_slice(&self.second.to_le_bytes());
        bytes.push(kind);
        bytes.extend_from_slice(&7u32.to_le_bytes());
        bytes.extend_from_slice(&(size as u32).to_le_bytes());
        bytes.extend_from_slice(&(end as u32).to_le_bytes());
        bytes.extend_from_slice(&self.flags.to_le_bytes());
        bytes.extend_from_slice(body);
        if trailer > 0 {
            let sum = crc32fast::hash(&bytes);
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        if kind == code::FORMAT && self.flags & 1 != 0 {
            // The in-use flag is set after the checksum was made.
            bytes[17] &= !1;
            let at = bytes.len() - 4;
            let sum = crc32fast::hash(&bytes[..at]);
            bytes[at..].copy_from_slice(&sum.to_le_bytes());
            bytes[17] |= 1;
        }
        self.bytes.extend_from_slice(&bytes);
        self.offset += size;
        start
    }

    /// A format description of MySQL 8.0.36 with these flags.
    pub fn format(&mut self, flags: u16) {
        const LENGTHS: [u8; 41] = [
            0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0,
            0, 10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0,
        ];
        let mut body = vec![4, 0];
        body.extend_from_slice(b"8.0.36");
        body.resize(52, 0);
        body.extend_from_slice(&[0, 0, 0, 0, 19]);
        body.extend_from_slice(&LENGTHS);
        body.push(u8::from(self.checksum));
        let before = std::mem::replace(&mut self.flags, flags);
        self.event(code::FORMAT, &body);
        self.flags = before;
    }

    pub fn anonymous(&mut self) -> u64 {
        let mut body = vec![1];
        body.resize(25, 0);
        self.event(code::ANONYMOUS, &body)
    }

    /// The next GTID of [`SOURCE`], committed at `micros` after 1970.
    pub fn gtid(&mut self, micros: u64) -> u64 {
        self.number += 1;
        let mut body = vec![1];
        body.extend_from_slice(&SOURCE);
        body.extend_from_slice(&self.number.to_le_bytes());
        body.push(2);
        body.extend_from_slice(&[0; 16]);
        body.extend_from_slice(&micros.to_le_bytes()[..7]);
        self.event(code::GTID, &body)
    }

    pub fn query(&mut self, sql: &str) -> u64 {
        let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];
        body.extend_from_slice(b"shop\0");
        body.extend_from_slice(sql.as_bytes());
        self.event(code::QUERY, &body)
    }

    pub fn xid(&mut self) -> u64 {
        self.xid += 1;
        let xid = self.xid.to_le_bytes();
        self.event(code::XID, &xid)
    }

    pub fn table_map(&mut self, table: &Table) -> u64 {
        self.event(code::TABLE_MAP, &table.body())
    }

    /// A row event of `images`; an update has two images a row, one after the other.
    pub fn rows(&mut self, kind: u8, table: &Table, images: &[Vec<Cell>]) -> u64 {
        let columns = table.columns.len();
        let mut body = Vec::new();
        body.extend_from_slice(&table.id.to_le_bytes()[..6]);
        body.extend_from_slice(&[1, 0, 2, 0, columns as u8]);
        let present = |image: &Vec<Cell>| {
            let mut bits = vec![0u8; columns.div_ceil(8)];
            for (n, cell) in image.iter().enumerate() {
                bits[n / 8] |= u8::from(!matches!(cell, Cell::Absent)) << (n % 8);
            }
            bits
        };
        body.extend_from_slice(&present(&images[0]));
        if kind == code::UPDATE {
            body.extend_from_slice(&present(&images[1]));
        }
        for image in images {
            let cells: Vec<_> = image.iter().filter(|c| !matches!(c, Cell::Absent)).collect();
            let mut nulls = vec![0u8; cells.len().div_ceil(8)];
            for (n, cell) in cells.iter().enumerate() {
                nulls[n / 8] |= u8::from(matches!(cell, Cell::Null)) << (n % 8);
            }
            body.extend_from_slice(&nulls);
            for cell in cells {
                match cell {
                    Cell::Absent | Cell::Null => {}
                    Cell::Int(value) => body.extend_from_slice(&value.to_le_bytes()),
                    Cell::Bigint(value) => body.extend_from_slice(&value.to_le_bytes()),
                    Cell::Text(bytes) => {
                        body.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
                        body.extend_from_slice(bytes);
                    }
                    Cell::Blob(bytes) => {
                        body.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                        body.extend_from_slice(bytes);
                    }
                }
            }
        }
        self.event(kind, &body)
    }

    /// TABLE_MAP and one row event; the answer is where the row event starts.
    pub fn change(&mut self, kind: u8, table: &Table, images: &[Vec<Cell>]) -> u64 {
        self.table_map(table);
        self.rows(kind, table, images)
    }

    pub fn insert(&mut self, table: &Table, id: i32, note: &str) -> u64 {
        self.change(code::WRITE, table, &[vec![int(id), text(note)]])
    }

    /// A whole transaction that inserts one row; the answer is where its row event starts.
    pub fn transaction(&mut self, table: &Table, id: i32, note: &str) -> u64 {
        self.anonymous();
        self.query("BEGIN");
        let at = self.insert(table, id, note);
        self.xid();
        at
    }

    /// A statement in a group of its own.
    pub fn statement(&mut self, sql: &str) -> u64 {
        self.anonymous();
        self.query(sql)
    }

    pub fn xa_prepare(&mut self, name: &str, one_phase: bool) -> u64 {
        let mut body = vec![u8::from(one_phase)];
        body.extend_from_slice(&1u32.to_le_bytes());
        body.extend_from_slice(&(name.len() as u32).to_le_bytes());
        body.extend_from_slice(&0u32.to_le_bytes());
        body.extend_from_slice(name.as_bytes());
        self.event(code::XA_PREPARE, &body)
    }

    /// A compressed transaction of these events.
    pub fn payload(&mut self, events: &[u8]) -> u64 {
        let packed = zstd::bulk::compress(events, 3).unwrap();
        let mut body = vec![2, 1, 0, 3, 9, 254];
        body.extend_from_slice(&(events.len() as u64).to_le_bytes());
        body.extend_from_slice(&[1, 9, 254]);
        body.extend_from_slice(&(packed.len() as u64).to_le_bytes());
        body.push(0);
        body.extend_from_slice(&packed);
        self.event(code::PAYLOAD, &body)
    }

    pub fn rotate(&mut self, next: &str) -> u64 {
        let mut body = 4u64.to_le_bytes().to_vec();
        body.extend_from_slice(next.as_bytes());
        self.event(code::ROTATE, &body)
    }

    /// Writes the file and gives its path as text.
    pub fn save(&self, folder: &std::path::Path, name: &str) -> String {
        let path = folder.join(name);
        std::fs::File::create(&path).unwrap().write_all(&self.bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }
}
