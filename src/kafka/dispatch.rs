//! HOT. Messages to records: each row to the partition of its key. Uses `error`, `ums`, `kafka`.
//!
//! A message is decoded once, as far as its schema and the spans of its rows; of a row, cells are
//! split up to the last one of the key. What is written are bytes of the message: the head, some of
//! its tuples, the end. A message that belongs to one partition is written as it is.

use std::sync::Arc;

use super::key::{KeyRule, Keys};
use super::partition;
use super::topic::Template;
use crate::error::{Error, Result};
use crate::ums::decode::Header;
use crate::ums::{Cell, Decoder, Marker, Message, Protocol, Row};

/// Plans that are kept, as many as a decoder keeps schemas.
const MAX_PLANS: usize = 256;

/// A record of more than one row is not larger than this: brokers take a megabyte by default, and
/// keys, headers and the batch are a part of it.
pub const RECORD_BYTES: usize = 900_000;

/// A record to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// As the destination has numbered it.
    pub topic: usize,
    /// The partition.
    pub partition: i32,
    /// The key.
    pub key: &'a [u8],
    /// One message without its newline.
    pub payload: &'a [u8],
    /// What headers say, so that readers may route without a look into the payload.
    pub headers: Headers<'a>,
}

/// Headers of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The namespace as written.
    pub namespace: &'a str,
    /// `protocol.type`.
    pub kind: &'static str,
    /// `_ums_id_` of the last row, the greatest; empty where rows have none.
    pub id: &'a str,
}

/// Where records go.
pub trait Destination {
    /// The number of a topic, which is looked for or created when it is new.
    fn topic(&mut self, name: &str) -> Result<usize>;
    /// How many partitions it has, at least 1.
    fn partitions(&self, topic: usize) -> i32;
    /// Takes a record over.
    fn send(&mut self, record: &Record) -> Result<()>;
}

/// What a line was.
#[derive(Debug, PartialEq, Eq)]
pub enum Took {
    /// It was sent.
    Sent,
    /// A marker, which the caller sends when it is time.
    Marker(Marker),
}

/// Messages to records.
pub struct Dispatch {
    template: Template,
    rule: KeyRule,
    decoder: Decoder,
    /// The one used last in front.
    plans: Vec<Plan>,
    key: Vec<u8>,
    /// One a partition of the topic at hand.
    buckets: Vec<Bucket>,
}

/// What is known of a schema.
struct Plan {
    header: Arc<Header>,
    protocol: Protocol,
    topic: usize,
    namespace: String,
    keys: Keys,
    /// Cells to split of a row: those of the key and of the id.
    needed: usize,
}

/// A record in the making.
#[derive(Default)]
struct Bucket {
    key: Vec<u8>,
    payload: Vec<u8>,
    id: String,
}

impl Dispatch {
    /// Records for the topics of a template, with keys by a rule.
    pub fn new(template: Template, rule: KeyRule) -> Self {
        Self {
            template,
            rule,
            decoder: Decoder::default(),
            plans: Vec::new(),
            key: Vec::new(),
            buckets: Vec::new(),
        }
    }

    /// Sends a line (without its newline).
    ///
    /// # Errors
    /// `Data` when the line is no message, and those of the destination.
    pub fn line(&mut self, line: &[u8], to: &mut impl Destination) -> Result<Took> {
        let message = self.decoder.decode(line)?;
        if message.protocol == Protocol::Heartbeat
            && let Some(marker) = Marker::read(&message)?
        {
            return Ok(Took::Marker(marker));
        }
        let plan = plan(&mut self.plans, &self.template, &self.rule, &message, to)?;
        let partitions = to.partitions(plan.topic).max(1);
        if !message.protocol.is_data() || message.row_count() == 0 {
            return everywhere(plan, partitions, line, to);
        }
        let whole = line.len() <= RECORD_BYTES || message.row_count() == 1;
        if whole && (partitions == 1 || plan.keys.is_one() || message.row_count() == 1) {
            return as_it_is(plan, partitions, &message, line, &mut self.key, to);
        }
        if self.buckets.len() < partitions as usize {
            self.buckets.resize_with(partitions as usize, Bucket::default);
        }
        let spread = spread(plan, partitions, &message, line, &mut self.key, &mut self.buckets, to);
        if spread.is_err() {
            // What was gathered belongs to a line that the caller may set aside.
            self.buckets.iter_mut().for_each(|bucket| bucket.payload.clear());
        }
        spread
    }
}

/// The plan for a message's schema; made when it is new, and when it was forgotten.
fn plan<'p>(
    plans: &'p mut Vec<Plan>,
    template: &Template,
    rule: &KeyRule,
    message: &Message,
    to: &mut impl Destination,
) -> Result<&'p Plan> {
    let same = |plan: &Plan| {
        Arc::ptr_eq(&plan.header, &message.header) && plan.protocol == message.protocol
    };
    match plans.iter().position(same) {
        Some(0) => {}
        Some(known) => {
            if let Some(recent) = plans.get_mut(..=known) {
                recent.rotate_right(1);
            }
        }
        None => {
            let schema = &message.header.schema;
            let keys = Keys::new(rule, message.protocol, schema);
            let needed = keys.needed().max(message.header.system.id.map_or(0, |id| id + 1));
            let plan = Plan {
                topic: to.topic(&template.name(&schema.namespace)?)?,
                header: Arc::clone(&message.header),
                protocol: message.protocol,
                namespace: schema.namespace.to_string(),
                keys,
                needed,
            };
            plans.truncate(MAX_PLANS - 1);
            plans.insert(0, plan);
        }
    }
    plans.first().ok_or_else(|| Error::refused("no plan for a schema"))
}

/// Heartbeats, terminations and messages without rows concern every reader of the topic.
fn everywhere(
    plan: &Plan,
    partitions: i32,
    line: &[u8],
    to: &mut impl Destination,
) -> Result<Took> {
    let kind = plan.protocol.name();
    let key = plan.keys.written().unwrap_or_else(|| format!("{kind}.{}", plan.namespace));
    for partition in 0..partitions {
        to.send(&Record {
            topic: plan.topic,
            partition,
            key: key.as_bytes(),
            payload: line,
            headers: Headers { namespace: &plan.namespace, kind, id: "" },
        })?;
    }
    Ok(Took::Sent)
}

/// A message whose rows all belong to one partition.
fn as_it_is<'a>(
    plan: &Plan,
    partitions: i32,
    message: &Message<'a>,
    line: &[u8],
    key: &mut Vec<u8>,
    to: &mut impl Destination,
) -> Result<Took> {
    let mut cells = Vec::new();
    let first = message.rows().next();
    front(plan, first.transpose()?, &mut cells)?;
    plan.keys.row(&cells, key)?;
    let last = message.rows().last();
    front(plan, last.transpose()?, &mut cells)?;
    let id = plan.header.system.id.and_then(|at| cells.get(at));
    let id = id.map(Cell::text).transpose()?.flatten().unwrap_or_default();
    let written = plan.keys.written();
    to.send(&Record {
        topic: plan.topic,
        partition: partition::of(key, partitions),
        key: written.as_ref().map_or(key.as_slice(), String::as_bytes),
        payload: line,
        headers: Headers { namespace: &plan.namespace, kind: plan.protocol.name(), id: &id },
    })?;
    Ok(Took::Sent)
}

fn front<'a>(plan: &Plan, row: Option<Row<'a>>, cells: &mut Vec<Cell<'a>>) -> Result<()> {
    match row {
        Some(row) => row.split_front(plan.needed, cells),
        None => Ok(()),
    }
}

/// A message whose rows belong to several partitions, or that is too large for one record.
fn spread(
    plan: &Plan,
    partitions: i32,
    message: &Message,
    line: &[u8],
    key: &mut Vec<u8>,
    buckets: &mut [Bucket],
    to: &mut impl Destination,
) -> Result<Took> {
    // The payload is a part of the line, so its address says where.
    let from = message.payload.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    let head = line.get(..from).unwrap_or_default();
    let tail = line.get(from + message.payload.len()..).unwrap_or_default();
    let mut cells = Vec::with_capacity(plan.needed);
    for row in message.rows() {
        let row = row?;
        row.split_front(plan.needed, &mut cells)?;
        plan.keys.row(&cells, key)?;
        let partition = partition::of(key, partitions);
        let Some(bucket) = buckets.get_mut(partition as usize) else { continue };
        let longer = bucket.payload.len() + row.bytes.len() + tail.len() + 14;
        if !bucket.payload.is_empty() && longer > RECORD_BYTES {
            send(plan, partition, bucket, tail, to)?;
        }
        if bucket.payload.is_empty() {
            bucket.key.clone_from(key);
            bucket.payload.extend_from_slice(head);
            bucket.payload.extend_from_slice(b"{\"tuple\":[");
        } else {
            bucket.payload.extend_from_slice(b",{\"tuple\":[");
        }
        bucket.payload.extend_from_slice(row.bytes);
        bucket.payload.extend_from_slice(b"]}");
        bucket.id.clear();
        if let Some(cell) = plan.header.system.id.and_then(|at| cells.get(at)) {
            bucket.id.push_str(&cell.text()?.unwrap_or_default());
        }
    }
    for partition in 0..partitions {
        if let Some(bucket) = buckets.get_mut(partition as usize)
            && !bucket.payload.is_empty()
        {
            send(plan, partition, bucket, tail, to)?;
        }
    }
    Ok(Took::Sent)
}

fn send(
    plan: &Plan,
    partition: i32,
    bucket: &mut Bucket,
    tail: &[u8],
    to: &mut impl Destination,
) -> Result<()> {
    bucket.payload.extend_from_slice(tail);
    let written = plan.keys.written();
    to.send(&Record {
        topic: plan.topic,
        partition,
        key: written.as_ref().map_or(bucket.key.as_slice(), String::as_bytes),
        payload: &bucket.payload,
        headers: Headers { namespace: &plan.namespace, kind: plan.protocol.name(), id: &bucket.id },
    })?;
    bucket.payload.clear();
    Ok(())
}

#[cfg(test)]
mod tests;
