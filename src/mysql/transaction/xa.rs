//! XA transactions between PREPARE and their outcome. Uses `error`, `mysql`. HOT per event, not per
//! row.

use std::ops::Range;
use std::sync::Arc;

use super::{Assembler, Context, Group, Gtid, Handler, Wish, at, show};
use crate::error::{Error, Result};
use crate::mysql::body::Body;
use crate::mysql::chunk::{Chunk, LogName};
use crate::mysql::ddl::Xid;
use crate::mysql::event::Event;
use crate::mysql::format::Format;
use crate::mysql::savepoints::Savepoints;
use crate::mysql::stamp::{RowCounter, Stamp};

/// An XA transaction between PREPARE and its outcome.
pub(super) struct Prepared {
    pub(super) body: Body,
    pub(super) savepoints: Savepoints,
    pub(super) log: Arc<LogName>,
    pub(super) format: Arc<Format>,
    pub(super) start: u64,
    /// On MySQL: counted as seen with its outcome, so that a server that finds the place by GTID
    /// sends it again until then.
    pub(super) gtid: Option<Gtid>,
}

impl Assembler {
    /// Says that the server finds the start by GTID: there is no position until the first
    /// transaction has come, or the server has passed over those that are known.
    pub fn starts_by_gtid(&mut self) {
        self.placed = false;
    }

    /// Whether [`Assembler::position`] may be kept.
    pub fn is_placed(&self) -> bool {
        self.placed
    }

    /// Says that rows up to this file number and offset were written by an earlier run, or are not
    /// wanted: an XA COMMIT up to there needs no PREPARE behind the start. Without it the oldest
    /// prepared transaction would not be enough to resume from: others that were prepared before it
    /// may have been committed behind it.
    pub fn written_up_to(&mut self, place: (u64, u64)) {
        self.written = Some(place);
    }

    /// Prepared XA transactions whose outcome has not been seen.
    pub fn prepared(&self) -> usize {
        self.prepared.len()
    }

    pub(super) fn prepare(
        &mut self,
        xid: Xid,
        mut group: Group,
        chunk: &Chunk,
        range: Range<usize>,
        last: &Event,
    ) -> Result<()> {
        let mut rest = Chunk::new(chunk.log.clone());
        for span in chunk.spans.get(range).unwrap_or_default() {
            let bytes = chunk.bytes.get(span.start..span.end).unwrap_or_default();
            rest.push(bytes, span.offset, span.len);
        }
        let all = 0..rest.spans.len();
        group.body.hold(rest, all, &self.policy)?;
        let waiting: usize = self.prepared.values().map(|p| p.body.memory()).sum();
        if waiting + group.body.memory() > self.policy.memory {
            group.body.spill(self.policy.folder.as_deref())?;
        }
        let waits = match group.gtid {
            Some(gtid @ Gtid::MySql(..)) => {
                self.count(None, &group.micros, last);
                Some(gtid)
            }
            gtid => {
                // A MariaDB position has no gaps: it stays before all that overlap.
                if self.prepared.is_empty() {
                    self.before_prepared = self.gtids.clone();
                }
                self.count(gtid, &group.micros, last);
                None
            }
        };
        let prepared = Prepared {
            gtid: waits,
            body: group.body,
            savepoints: group.savepoints,
            log: self.log.clone(),
            format: self.format.clone(),
            start: group.start,
        };
        self.prepared.insert(xid, prepared);
        Ok(())
    }

    pub(super) fn xa_rollback(&mut self, xid: &Xid, group: Group, last: &Event) {
        let prepared = self.prepared.remove(xid);
        self.count(prepared.and_then(|prepared| prepared.gtid), &group.micros, last);
        self.count(group.gtid, &group.micros, last);
        self.tally.rolled_back += 1;
    }

    pub(super) fn xa_commit(
        &mut self,
        xid: &Xid,
        group: Group,
        last: &Event,
        handler: &mut dyn Handler,
    ) -> Result<Wish> {
        let Some(mut prepared) = self.prepared.remove(xid) else {
            if self.written.is_some_and(|place| (self.log.number, last.end()) <= place) {
                self.count(group.gtid, &group.micros, last);
                return handler.ended(self);
            }
            return Err(Error::data(
                "an XA COMMIT whose transaction was prepared before the start of this run",
            )
            .advise(
                "start earlier (--start), before its XA PREPARE; or behind this position, if none of its tables matter",
            ));
        };
        let mut counter = RowCounter::new(prepared.format.clone());
        let savepoints = &prepared.savepoints;
        let mut total = 0u64;
        prepared.body.visit(&mut |number, _, event| {
            if !savepoints.is_dropped(number) {
                total += counter.count(event)?;
            }
            Ok(())
        })?;
        let ended = group.micros.unwrap_or(u64::from(last.header.timestamp) * 1_000_000);
        let mut context = Context {
            log: self.log.clone(),
            format: prepared.format.clone(),
            micros: Some(ended),
            ended,
            stamp: Some(Stamp { offset: last.offset, len: last.len, rows: total }),
        };
        let wish = handler.begin(&context, last.end())?;
        if wish == Wish::Stop {
            self.offset = group.start;
            self.prepared.insert(xid.clone(), prepared);
            return Ok(wish);
        }
        self.tally.transactions += 1;
        self.count(prepared.gtid.take(), &group.micros, last);
        self.count(group.gtid, &group.micros, last);
        if wish == Wish::Skip {
            return handler.ended(self);
        }
        prepared.body.visit(&mut |number, log, event| {
            if savepoints.is_dropped(number) {
                return Ok(());
            }
            show(&mut context, savepoints, event, handler).map_err(|e| at(e, log, event))
        })?;
        handler.ended(self)
    }
}
