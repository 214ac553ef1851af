//! Runs a replay inside the test and takes its messages apart.

// Every test program uses a part of it.
#![allow(dead_code)]

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use dws::error::Result;
use dws::flow::replay::{Bounds, Filling, Place, Plan, Question, Summary, Wanted, run};
use dws::line::output::Output;
use dws::sink::target::KeyRule;
use dws::store::Tree;
use dws::ums::{Decoder, Pattern, Protocol, Schema};

/// What to ask, with what memory.
#[derive(Clone)]
pub struct Ask {
    pub question: Question,
    pub bounds: Bounds,
    pub memory: usize,
    pub patterns: Vec<&'static str>,
    pub newest_version: bool,
    pub batch_rows: usize,
    pub keys: Vec<&'static str>,
}

impl Ask {
    pub fn rows() -> Self {
        Self {
            question: Question::Rows,
            bounds: Bounds::ALL,
            memory: 256 << 20,
            patterns: Vec::new(),
            newest_version: false,
            batch_rows: 500,
            keys: Vec::new(),
        }
    }

    pub fn as_of(id: i64) -> Self {
        let bounds = Bounds::ALL.through(Place::Id(id));
        Self { question: Question::AsOf, bounds, ..Self::rows() }
    }

    pub fn history() -> Self {
        Self { question: Question::History, ..Self::rows() }
    }

    pub fn memory(self, memory: usize) -> Self {
        Self { memory, ..self }
    }
}

/// What came.
pub struct Given {
    pub bytes: Vec<u8>,
    pub summary: Summary,
    pub notes: Vec<String>,
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Output for Kept {
    fn sync(&mut self) -> Result<bool> {
        Ok(false)
    }
}

pub fn try_ask(root: &Path, ask: &Ask) -> Result<Given> {
    let kept = Kept::default();
    let spill = tempfile::tempdir().unwrap();
    let mut notes = Vec::new();
    let summary = run(Plan {
        tree: Tree::new(root),
        wanted: Wanted {
            patterns: ask.patterns.iter().map(|text| Pattern::parse(text).unwrap()).collect(),
            bounds: ask.bounds,
            newest_version: ask.newest_version,
        },
        question: ask.question,
        keys: ask.keys.iter().map(|text| KeyRule::parse(text).unwrap()).collect(),
        out: &mut kept.clone(),
        filling: Filling { rows: ask.batch_rows, bytes: 1 << 20 },
        memory: ask.memory,
        spill: spill.path().to_owned(),
        stop: Arc::default(),
        counters: Arc::default(),
        note: &mut |text| notes.push(text.to_owned()),
    })?;
    let bytes = kept.0.lock().unwrap().clone();
    Ok(Given { bytes, summary, notes })
}

pub fn ask(root: &Path, ask: &Ask) -> Given {
    try_ask(root, ask).unwrap()
}

/// A row with the schema of its message; cells as they stand there.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuple {
    pub schema: Schema,
    pub cells: Vec<String>,
}

impl Tuple {
    /// A cell as JSON; `None` where the row has no such column.
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.schema.fields.iter().position(|field| field.name == name)?;
        Some(&self.cells[at])
    }

    pub fn id(&self) -> i64 {
        self.get("_ums_id_").unwrap().trim_matches('"').parse().unwrap()
    }
}

/// The rows of lines, in order, and the protocols of the messages.
pub fn tuples(bytes: &[u8]) -> (Vec<Tuple>, Vec<Protocol>) {
    let mut decoder = Decoder::default();
    let (mut tuples, mut protocols) = (Vec::new(), Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message = decoder.decode(line).unwrap();
        protocols.push(message.protocol);
        if !message.protocol.is_data() {
            continue;
        }
        let schema = &message.header.schema;
        let mut cells = Vec::new();
        for row in message.rows() {
            row.unwrap().split(schema.fields.len(), &mut cells).unwrap();
            let json = |cell: &dws::ums::Cell| {
                let mut json = Vec::new();
                cell.push_json(&mut json);
                String::from_utf8(json).unwrap()
            };
            let cells = cells.iter().map(json).collect();
            tuples.push(Tuple { schema: schema.clone(), cells });
        }
    }
    (tuples, protocols)
}
