//! What the writers of other dialects share: rows one by one, each update with the image before it
//! where the stream has one. Uses `error`, `expr`, `ums`. Warm: once a row.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::expr::moment;
use crate::op::Stage;
use crate::op::show::lacking;
use crate::ums::decode::Header;
use crate::ums::{Cell, Decoder, Field, Namespace, Op, Protocol};

/// A row.
pub(super) struct Row<'a> {
    header: &'a Header,
    cells: &'a [Cell<'a>],
    pub(super) namespace: &'a Namespace,
    pub(super) protocol: Protocol,
    pub(super) op: Op,
    pub(super) id: i64,
    /// Microseconds since 1970.
    pub(super) micros: i64,
    pub(super) uid: String,
}

impl<'a> Row<'a> {
    fn new(header: &'a Header, protocol: Protocol, cells: &'a [Cell<'a>]) -> Result<Self> {
        let system = header.system;
        let text = |place: Option<usize>, name: &str| -> Result<String> {
            let place = place.ok_or_else(|| lacking(name))?;
            let text = cells.get(place).map(Cell::text).transpose()?.flatten();
            Ok(text.unwrap_or_default().into_owned())
        };
        let wrong = |name: &str| Error::data(format!("{name} cannot be read"));
        let op = Op::parse(text(system.op, "_ums_op_")?.as_bytes());
        let ts = moment::parse(&text(system.ts, "_ums_ts_")?, true).and_then(moment::unix);
        Ok(Self {
            header,
            cells,
            namespace: &header.schema.namespace,
            protocol,
            op: op.ok_or_else(|| wrong("_ums_op_"))?,
            id: text(system.id, "_ums_id_")?.parse().map_err(|_| wrong("_ums_id_"))?,
            micros: ts.ok_or_else(|| wrong("_ums_ts_"))?,
            uid: if system.uid.is_some() { text(system.uid, "_ums_uid_")? } else { String::new() },
        })
    }

    /// The columns of the table.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&'a Field, &'a Cell<'a>)> {
        let system = self.header.system;
        let system = [system.id, system.ts, system.op, system.uid];
        let all = self.header.schema.fields.iter().zip(self.cells).enumerate();
        all.filter(move |(place, _)| !system.contains(&Some(*place))).map(|(_, column)| column)
    }

    /// The names of the key's columns.
    pub(super) fn keys(&self) -> &'a [String] {
        &self.header.schema.keys
    }
}

/// Appends the line of a row: the image before it, if there is one, the row, and its number.
pub(super) type Write = fn(Option<&Row>, &Row, u64, &mut Vec<u8>) -> Result<()>;

/// A before image whose update is still to come.
struct Held {
    header: Arc<Header>,
    /// The inside of its tuple, and a `]` behind it.
    tuple: String,
    id: i64,
}

/// Writes rows by one rule. Messages that hold no rows are left out.
pub(super) struct Writer {
    decoder: Decoder,
    write: Write,
    held: Vec<Held>,
    number: u64,
}

impl Writer {
    pub(super) fn new(write: Write) -> Self {
        Self { decoder: Decoder::default(), write, held: Vec::new(), number: 0 }
    }
}

impl Stage for Writer {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let message = self.decoder.decode(line)?;
        if !message.protocol.is_data() {
            return Ok(());
        }
        let header = &message.header;
        let mut cells = Vec::new();
        for row in message.rows() {
            let row = row?;
            row.split(header.schema.fields.len(), &mut cells)?;
            let found = Row::new(header, message.protocol, &cells)?;
            let namespace = &header.schema.namespace;
            let place =
                self.held.iter().position(|held| held.header.schema.namespace == *namespace);
            let held = place.map(|place| self.held.swap_remove(place));
            if found.op == Op::Before {
                let tuple = format!("{}]", row.text());
                self.held.push(Held { header: Arc::clone(header), tuple, id: found.id });
                continue;
            }
            self.number += 1;
            let before = held.filter(|held| found.op == Op::Update && held.id == found.id);
            let Some(before) = before else {
                (self.write)(None, &found, self.number, out)?;
                continue;
            };
            let tuple = crate::ums::Row::new(&before.tuple, 0, before.tuple.len() - 1);
            let tuple = tuple.ok_or_else(|| Error::data("a before image that cannot be read"))?;
            let mut old = Vec::new();
            tuple.split(before.header.schema.fields.len(), &mut old)?;
            let old = Row::new(&before.header, message.protocol, &old)?;
            (self.write)(Some(&old), &found, self.number, out)?;
        }
        Ok(())
    }
}
