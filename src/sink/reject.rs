//! The way of rows that can never be stored: a file of UMS messages, each with its reason. Uses
//! `error`, `line`, `ums`. Not hot: a rejected row is an event.
//!
//! A message of the file has the row's own schema and cells, and behind `payload` one key more,
//! `reject`, which readers of UMS pass over. So the file can be landed as it is once the cause is
//! mended; ids decide, as they always do, whether a row is still wanted.
//!
//! What is rejected stands in the file, fsynced, before any position moves past it. After a crash
//! between the two a row may stand there twice.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Kind, Result};
use crate::line::output::{self, Output};
use crate::ums::json::push_string;
use crate::ums::{Cell, Dialect, Message, MessageWriter, Protocol, Schema};

/// Bytes of an id or uid that a message shows.
const SHOWN: usize = 80;

/// Where rejected rows go; nowhere by default, and then the first one stops the run. Clones share
/// the file; any thread may use one.
#[derive(Clone, Default)]
pub struct Rejects {
    shared: Option<Arc<Shared>>,
    /// The name of the flow, where there are several.
    flow: Option<Arc<str>>,
}

struct Shared {
    name: String,
    rows: AtomicU64,
    state: Mutex<State>,
}

struct State {
    output: Box<dyn Output>,
    /// Whether something was written since the last fsync.
    dirty: bool,
}

impl fmt::Debug for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.shared.as_ref().map(|shared| shared.name.as_str());
        f.debug_struct("Rejects").field("file", &name).field("flow", &self.flow).finish()
    }
}

impl Rejects {
    /// Opens FILE, which is created or appended to; `.gz` and `.zst` by name.
    ///
    /// # Errors
    /// As [`output::file`]: `Refused` for a file that holds something else, or that another
    /// process writes.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let output = output::file(&path.to_string_lossy()).map_err(|error| error.at("--reject"))?;
        let state = Mutex::new(State { output, dirty: false });
        let shared = Shared { name, rows: AtomicU64::new(0), state };
        Ok(Self { shared: Some(Arc::new(shared)), flow: None })
    }

    /// The same file; what goes there by this handle says which flow it is of.
    #[must_use]
    pub fn of_flow(&self, name: &str) -> Self {
        Self { shared: self.shared.clone(), flow: Some(name.into()) }
    }

    /// Whether rows can be rejected at all.
    pub fn is_open(&self) -> bool {
        self.shared.is_some()
    }

    /// Rows rejected so far, through all clones.
    pub fn rows(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.rows.load(Ordering::Relaxed))
    }

    /// Takes one row out of the run: writes it with the error's text as its reason. `tuple` is what
    /// stands between the brackets (`Row::bytes`).
    ///
    /// # Errors
    /// `error` itself without a file, and when it is not about the row (any kind but `Data`); else
    /// that the file cannot be written.
    pub fn row(
        &self,
        protocol: Protocol,
        schema: &Schema,
        tuple: &[u8],
        error: Error,
    ) -> Result<()> {
        self.rows_of(protocol, schema, std::iter::once(tuple), error)
    }

    /// Takes all rows of a message out of the run, for a reason that is true of each of them.
    ///
    /// # Errors
    /// As `row`.
    pub fn message(&self, message: &Message, error: Error) -> Result<()> {
        let tuples = message.rows().map(|row| row.map(|row| row.bytes)).collect::<Result<Vec<_>>>();
        let schema = &message.header.schema;
        match tuples {
            Ok(tuples) => self.rows_of(message.protocol, schema, tuples.into_iter(), error),
            Err(_) => Err(error),
        }
    }

    fn rows_of<'a>(
        &self,
        protocol: Protocol,
        schema: &Schema,
        tuples: impl Iterator<Item = &'a [u8]>,
        error: Error,
    ) -> Result<()> {
        let Some(shared) = self.shared.as_ref().filter(|_| error.kind() == Kind::Data) else {
            return Err(error);
        };
        let mut writer = MessageWriter::new(protocol, schema, Dialect::Dws);
        for tuple in tuples {
            writer.begin_row().extend_from_slice(tuple);
            writer.end_row();
        }
        let rows = writer.rows();
        if rows == 0 {
            return Ok(());
        }
        let mut line = Vec::with_capacity(writer.len() + 256);
        writer.finish_into(&mut line);
        // Behind the payload: in front of `}` and the newline.
        line.truncate(line.len().saturating_sub(2));
        line.extend_from_slice(b",\"reject\":{");
        if let Some(flow) = &self.flow {
            line.extend_from_slice(b"\"flow\":");
            push_string(&mut line, flow);
            line.push(b',');
        }
        line.extend_from_slice(b"\"reason\":");
        push_string(&mut line, &error.to_string());
        line.extend_from_slice(b"}}\n");
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.dirty = true;
        state.output.write_all(&line).map_err(|error| failed(&shared.name, error))?;
        shared.rows.fetch_add(rows as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Makes what was rejected so far durable. Whoever moves a position calls it before; a sink
    /// that rejects rows while it flushes calls it itself before it commits a position.
    pub fn flush(&self) -> Result<()> {
        let Some(shared) = &self.shared else { return Ok(()) };
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.dirty {
            return Ok(());
        }
        let durable = state.output.sync().map_err(|error| match error.kind() {
            Kind::Closed => Error::unreachable(format!("--reject: {error}")),
            _ => error.at("--reject"),
        })?;
        if !durable {
            return Err(Error::usage(format!("--reject {}: is never durable", shared.name))
                .advise("name a file"));
        }
        state.dirty = false;
        Ok(())
    }
}

/// A reader of the reject file that went away is a fault here, not an end.
fn failed(name: &str, error: std::io::Error) -> Error {
    Error::unreachable(format!("--reject {name}: cannot write: {error}")).caused_by(error)
}

/// A row for messages to people: its place in the message, from 1, and its ids where they can be
/// read. Never another cell.
pub fn row_name(schema: &Schema, number: u64, cells: &[Cell]) -> String {
    format!("row {number}{}", ids(schema, cells))
}

/// The same for a row whose place in its message is not known any more.
pub fn ids_name(schema: &Schema, cells: &[Cell]) -> String {
    format!("row{}", ids(schema, cells))
}

/// ` (_ums_id_ 7, _ums_uid_ …)`.
fn ids(schema: &Schema, cells: &[Cell]) -> String {
    let system = schema.system();
    let shown = |at: Option<usize>| {
        let text = cells.get(at?)?.text().ok()??;
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (plain && !text.is_empty() && text.len() <= SHOWN).then(|| text.into_owned())
    };
    let id = shown(system.id).filter(|id| id.parse::<i64>().is_ok());
    match (id, shown(system.uid)) {
        (Some(id), Some(uid)) => format!(" (_ums_id_ {id}, _ums_uid_ {uid})"),
        (Some(id), None) => format!(" (_ums_id_ {id})"),
        (None, Some(uid)) => format!(" (_ums_uid_ {uid})"),
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::Decoder;

    const LINE: &str = r#"{"protocol":{"type":"data_initial_data","version":"1.3"},"schema":{"namespace":"m.s.d.t.0.0.0","batchId":0,"keys":["k"],"fields":[{"name":"_ums_id_","type":"long","nullable":false,"encoded":false},{"name":"k","type":"int","nullable":true,"encoded":false}]},"payload":[{"tuple":["7",1]},{"tuple":["8",2]}]}"#;

    #[test]
    fn a_rejected_row_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.ums");
        let rejects = Rejects::open(&path).unwrap();
        let mut decoder = Decoder::default();
        let message = decoder.decode(LINE.as_bytes()).unwrap();
        let schema = &message.header.schema;
        for (row, handle) in message.rows().zip([rejects.clone(), rejects.of_flow("f")]) {
            let error = Error::data("no \"good\"");
            handle.row(message.protocol, schema, row.unwrap().bytes, error).unwrap();
        }
        rejects.flush().unwrap();
        assert_eq!(rejects.rows(), 2);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].ends_with(r#","reject":{"reason":"no \"good\""}}"#), "{text}");
        assert!(lines[1].ends_with(r#","reject":{"flow":"f","reason":"no \"good\""}}"#), "{text}");
        let again = decoder.decode(lines[1].as_bytes()).unwrap();
        assert_eq!(again.protocol, Protocol::InitialData);
        assert_eq!(&again.header.schema, schema);
        assert_eq!(again.payload, br#"{"tuple":["8",2]}"#);
        // A whole message is the same in one line.
        rejects.message(&message, Error::data("x")).unwrap();
        rejects.flush().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.lines().nth(2).unwrap().starts_with(LINE.trim_end_matches('}')));
        assert_eq!(rejects.rows(), 4);
    }

    #[test]
    fn without_a_file_and_for_other_errors_the_run_ends() {
        let mut decoder = Decoder::default();
        let message = decoder.decode(LINE.as_bytes()).unwrap();
        let nowhere = Rejects::default();
        let error = nowhere.message(&message, Error::data("bad")).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Data, "bad"));
        let folder = tempfile::tempdir().unwrap();
        let rejects = Rejects::open(&folder.path().join("r.ums")).unwrap();
        let error = rejects.message(&message, Error::unreachable("gone")).unwrap_err();
        assert_eq!(error.kind(), Kind::Unreachable);
        assert_eq!(rejects.rows(), 0);
    }

    #[test]
    fn a_row_is_named_by_its_ids_alone() {
        let mut decoder = Decoder::default();
        let message = decoder.decode(LINE.as_bytes()).unwrap();
        let mut cells = Vec::new();
        message.rows().next().unwrap().unwrap().split(2, &mut cells).unwrap();
        assert_eq!(row_name(&message.header.schema, 3, &cells), "row 3 (_ums_id_ 7)");
        cells[0] = Cell::Plain("no number");
        assert_eq!(row_name(&message.header.schema, 3, &cells), "row 3");
    }
}
