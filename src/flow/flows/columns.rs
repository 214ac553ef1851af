//! A flow's choice of columns: messages with fewer fields. Uses `error`, `ums`. Hot where a flow
//! names columns: each row is split and written again.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ums::decode::Header;
use crate::ums::{Dialect, Message, MessageWriter, Schema};

/// Schemas remembered; more are met only when somebody alters tables all day long.
const MAX_SCHEMAS: usize = 4096;

/// The choice.
#[derive(Debug)]
pub(super) struct Columns {
    names: Vec<String>,
    /// By the address of the header, which is held, so that it is no other's.
    known: HashMap<usize, (Arc<Header>, Arc<Cut>)>,
}

/// What is left of a schema.
#[derive(Debug)]
struct Cut {
    /// Positions of the fields that stay.
    kept: Vec<usize>,
    schema: Schema,
}

impl Columns {
    /// Keeps these, the system columns and nothing else.
    pub(super) fn new(names: &[String]) -> Self {
        Self { names: names.to_vec(), known: HashMap::new() }
    }

    /// The message with the chosen columns alone, without its newline; `None` when it has no others.
    ///
    /// # Errors
    /// `Refused` when a key column is not chosen; `Data` for a tuple that does not fit its schema.
    pub(super) fn cut(&mut self, message: &Message) -> Result<Option<Vec<u8>>> {
        let cut = self.choice(&message.header)?;
        let fields = message.header.schema.fields.len();
        if cut.kept.len() == fields {
            return Ok(None);
        }
        let mut writer = MessageWriter::new(message.protocol, &cut.schema, Dialect::Dws);
        let mut cells = Vec::with_capacity(fields);
        for row in message.rows() {
            row?.split(fields, &mut cells)?;
            let out = writer.begin_row();
            for (index, cell) in cut.kept.iter().filter_map(|at| cells.get(*at)).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                cell.push_json(out);
            }
            writer.end_row();
        }
        let mut line = Vec::new();
        writer.finish_into(&mut line);
        line.pop();
        // A message without rows has nothing to say to a sink.
        Ok((!line.is_empty()).then_some(line))
    }

    fn choice(&mut self, header: &Arc<Header>) -> Result<Arc<Cut>> {
        let address = Arc::as_ptr(header) as usize;
        if let Some((_, cut)) = self.known.get(&address) {
            return Ok(Arc::clone(cut));
        }
        let (schema, system) = (&header.schema, header.system);
        let system = [system.id, system.ts, system.op, system.uid];
        let chosen = |name: &str| self.names.iter().any(|chosen| chosen == name);
        if let Some(key) = schema.keys.iter().find(|key| !chosen(key)) {
            return Err(Error::refused(format!(
                "{}: the key column {key} is not among the columns of the flow",
                schema.namespace
            ))
            .advise("add it to columns"));
        }
        let kept: Vec<usize> = (0..)
            .zip(&schema.fields)
            .filter(|(at, field)| system.contains(&Some(*at)) || chosen(&field.name))
            .map(|(at, _)| at)
            .collect();
        let fields = kept.iter().filter_map(|at| schema.fields.get(*at)).cloned().collect();
        let schema = Schema { fields, ..schema.clone() };
        if self.known.len() >= MAX_SCHEMAS {
            self.known.clear();
        }
        let cut = Arc::new(Cut { kept, schema });
        self.known.insert(address, (Arc::clone(header), Arc::clone(&cut)));
        Ok(cut)
    }
}
