//! Random changes of a table with whole and partial row images, and what they mean.

use std::collections::BTreeMap;
use std::path::Path;

use dws::ums::{Field, Protocol, Type};
use proptest::prelude::*;

use crate::stream::{self, Row};

/// The columns behind the key.
pub const COLUMNS: [&str; 3] = ["a", "b", "c"];

/// A change of one key.
#[derive(Debug, Clone)]
pub struct Change {
    pub id: i64,
    pub version: u32,
    pub op: char,
    pub key: u32,
    /// For each column: absent, or its value.
    pub cells: [Option<Option<u32>>; 3],
}

impl Change {
    pub fn namespace(&self) -> String {
        format!("mysql.db1.shop.things.{}.0.0", self.version)
    }

    pub fn row(&self) -> Row {
        let row =
            Row::new(self.id, format!("1.1.{}.0", self.id)).op(self.op).text(&self.key.to_string());
        self.cells.iter().flatten().fold(row, |row, cell| match cell {
            None => row.cell("null"),
            Some(value) => row.text(&format!("v{value},\"{{")),
        })
    }

    pub fn fields(&self) -> Vec<Field> {
        let mut fields = vec![stream::field("id", Type::Long, Some("bigint"))];
        for (name, cell) in COLUMNS.iter().zip(&self.cells) {
            if cell.is_some() {
                fields.push(stream::field(name, Type::String, Some("varchar(20)")));
            }
        }
        fields
    }
}

/// How a log of changes comes about.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Whether images leave columns out.
    pub partial: bool,
    /// Whether the version rises now and then.
    pub versions: bool,
    /// Whether images before updates are there.
    pub before: bool,
}

/// Changes of a few keys as a server would log them: no update of a row that is not there.
pub fn changes(shape: Shape, most: usize) -> impl Strategy<Value = Vec<Change>> {
    let step = (
        0u32..12,
        0u32..10,
        proptest::array::uniform3(proptest::option::weighted(0.8, 0u32..100)),
        0u8..8,
        1i64..5,
    );
    proptest::collection::vec(step, 1..most).prop_map(move |steps| {
        let mut there: BTreeMap<u32, ()> = BTreeMap::new();
        let (mut id, mut version) = (0, 0);
        let mut changes = Vec::new();
        for (key, what, values, present, gap) in steps {
            id += gap;
            if shape.versions && what == 9 && present == 0 {
                version += 1;
            }
            let column =
                |at: usize| (!shape.partial || present >> at & 1 == 1).then_some(values[at]);
            let cells = [column(0), column(1), column(2)];
            let op = match (there.contains_key(&key), what) {
                (false, _) => 'I',
                (true, 0..=2) => 'D',
                _ => 'U',
            };
            if op == 'D' {
                there.remove(&key);
            } else {
                there.insert(key, ());
            }
            if op == 'U' && shape.before && what == 3 {
                changes.push(Change { id, version, op: 'B', key, cells: [None; 3] });
            }
            changes.push(Change { id, version, op, key, cells });
        }
        changes
    })
}

/// The columns of each key's row as of an id: those since its insert, within its version.
pub fn state(
    changes: &[Change],
    through: i64,
) -> BTreeMap<u32, (i64, BTreeMap<&'static str, String>)> {
    let mut rows: BTreeMap<u32, (u32, i64, BTreeMap<&'static str, String>)> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.id <= through && change.op != 'B') {
        if change.op == 'D' {
            rows.remove(&change.key);
            continue;
        }
        let row = rows.entry(change.key).or_default();
        if change.op == 'I' || row.0 != change.version {
            row.2.clear();
        }
        (row.0, row.1) = (change.version, change.id);
        for (name, cell) in COLUMNS.iter().zip(&change.cells) {
            if let Some(cell) = cell {
                let json =
                    cell.map_or("null".to_owned(), |v| stream::quoted(&format!("v{v},\"{{")));
                row.2.insert(name, json);
            }
        }
    }
    rows.into_iter().map(|(key, (_, id, cells))| (key, (id, cells))).collect()
}

/// Lands changes in a log: `batch` of them a flush, so that there are many files.
pub fn write(root: &Path, changes: &[Change], batch: usize) {
    let mut sink = stream::open(root, "");
    for changes in changes.chunks(batch.max(1)) {
        for change in changes {
            let schema = stream::schema(&change.namespace(), change.fields());
            let line = stream::line(Protocol::IncrementData, &schema, &[change.row()]);
            stream::write(sink.as_mut(), &line).unwrap();
        }
        sink.flush(&[]).unwrap();
    }
}
