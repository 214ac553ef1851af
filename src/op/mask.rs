//! Masks in a stream: messages in, messages with masked cells out. Uses `error`, `mask`, `ums`. HOT once
//! a row of tables that have masks.
//!
//! A message of a table with masks is written anew, so nothing of it but what is written here gets
//! through: keys of its JSON that nobody knows stay behind. All other messages are handed on as they are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::mask::{Masks, Plan, Table, is_system};
use crate::ums::decode::Header;
use crate::ums::{
    BatchEnd, Covered, Decoder, Dialect, Message, MessageWriter, Namespace, Protocol, Schema,
};

/// Plans that are kept, as many as a decoder keeps schemas.
const MAX_PLANS: usize = 256;

/// What markers and notices say besides the columns of the system.
const CONTROL: &[&str] = &["file", "pos", "gtid", "server", "base", "cause", "whole"];

/// What is done for one schema.
struct Known {
    header: Arc<Header>,
    protocol: Protocol,
    /// `None`: rows pass as they are.
    masked: Option<(Plan, MessageWriter)>,
}

/// Masks a stream, line by line.
pub struct Masking {
    masks: Arc<Masks>,
    decoder: Decoder,
    /// The one used last in front.
    known: Vec<Known>,
    /// The columns that tables were seen with: a row image may have fewer.
    columns: HashMap<Namespace, Vec<String>>,
}

impl Masking {
    /// With these masks.
    pub fn new(masks: Arc<Masks>) -> Self {
        let (decoder, known, columns) = (Decoder::default(), Vec::new(), HashMap::new());
        Self { masks, decoder, known, columns }
    }

    /// Masks one line (without its newline) into `out`, without a newline; false where it is to be
    /// handed on as it is.
    ///
    /// # Errors
    /// `Data` when the line is no message or a cell is not of its type; `Refused` when masks do not fit
    /// the schema. `out` then holds nothing of the line that counts.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let message = self.decoder.decode(line)?;
        if message.protocol == Protocol::BatchTermination {
            return self.end(&message, out);
        }
        if !message.protocol.is_data() {
            return self.control(&message).map(|()| false);
        }
        self.plan(&message)?;
        let known = self.known.first_mut().and_then(|known| known.masked.as_mut());
        let Some((plan, writer)) = known else { return Ok(false) };
        let result = rows(plan, &message, writer);
        if result.is_err() {
            writer.finish_into(&mut Vec::new());
        }
        result?;
        writer.finish_into(out);
        if out.last() == Some(&b'\n') {
            out.pop();
        }
        Ok(true)
    }

    /// Puts what is done for the message's schema in front.
    fn plan(&mut self, message: &Message) -> Result<()> {
        let protocol = message.protocol;
        let is_it = |known: &Known| {
            Arc::ptr_eq(&known.header, &message.header) && known.protocol == protocol
        };
        if let Some(at) = self.known.iter().position(is_it) {
            if let Some(recent) = self.known.get_mut(..=at) {
                recent.rotate_right(1);
            }
            return Ok(());
        }
        let header = Arc::clone(&message.header);
        let masked = self.masked(&header.schema)?.map(|(plan, schema)| {
            let writer = MessageWriter::new(protocol, &schema, Dialect::Dws);
            (plan, writer)
        });
        self.known.truncate(MAX_PLANS - 1);
        self.known.insert(0, Known { header, protocol, masked });
        Ok(())
    }

    fn masked(&mut self, schema: &Schema) -> Result<Option<(Plan, Schema)>> {
        let names = || schema.fields.iter().map(|field| field.name.clone());
        let seen = self.columns.get(&schema.namespace).map_or(&[][..], Vec::as_slice);
        // Columns may be missing in a row image, but a column that was not there before is another
        // table's: one of those that are missing may have its name now.
        let elsewhere: Vec<String> = match names().all(|name| seen.contains(&name)) {
            true => seen.iter().filter(|name| !names().any(|own| own == **name)).cloned().collect(),
            false => Vec::new(),
        };
        let (namespace, fields, keys) = (&schema.namespace, &schema.fields[..], &schema.keys[..]);
        let plan = self.masks.plan(&Table { namespace, fields, keys, elsewhere: &elsewhere });
        let plan = plan.map_err(|error| match seen.is_empty() {
            true => error,
            false => error.advise("a row image without the column has to come behind one with it"),
        })?;
        if elsewhere.is_empty() {
            self.columns.insert(schema.namespace.clone(), names().collect());
        }
        Ok(plan.map(|plan| {
            let mut schema = schema.clone();
            plan.fields(&mut schema.fields);
            (plan, schema)
        }))
    }

    /// Markers and notices are handed on as they are, so they may not hold columns of tables.
    fn control(&self, message: &Message) -> Result<()> {
        let schema = &message.header.schema;
        if message.row_count() == 0 || !self.masks.concern(&schema.namespace) {
            return Ok(());
        }
        let known = |name: &str| is_system(name) || CONTROL.contains(&name);
        match schema.fields.iter().find(|field| !known(&field.name)) {
            None => Ok(()),
            Some(field) => Err(Error::data(format!(
                "{}: a message that is no row of a table has a column '{}', and there are masks",
                schema.namespace, field.name
            ))),
        }
    }

    /// The end of a pull names the ranges that it covered, by values of key columns.
    fn end(&self, message: &Message, out: &mut Vec<u8>) -> Result<bool> {
        if !self.masks.concern(&message.header.schema.namespace) {
            return Ok(false);
        }
        let Some(mut end) = BatchEnd::read(message)? else {
            return self.control(message).map(|()| false);
        };
        end.shards.iter_mut().for_each(Covered::hide_range);
        end.write(Dialect::Dws, out);
        out.pop();
        Ok(true)
    }
}

fn rows(plan: &Plan, message: &Message, writer: &mut MessageWriter) -> Result<()> {
    let fields = message.header.schema.fields.len();
    let mut cells = Vec::with_capacity(fields);
    for (number, row) in message.rows().enumerate() {
        row?.split(fields, &mut cells)?;
        let out = writer.begin_row();
        for at in 0..fields {
            if at > 0 {
                out.push(b',');
            }
            if let Err(error) = plan.cell(&cells, at, out) {
                writer.abandon_row();
                return Err(Error::at(error, format_args!("row {} of the message", number + 1)));
            }
        }
        writer.end_row();
    }
    Ok(())
}

#[cfg(test)]
mod tests;
