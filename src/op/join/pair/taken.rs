//! What a message does to the rows of a join: all of it is read before any of it is applied, so that a
//! bad line can be left out whole. Uses `error`, `op::join`, `ums`. HOT: once a row.

use std::sync::Arc;

use super::Pairing;
use super::side::{Change, Key};
use crate::error::{Error, Result};
use crate::op::join::late::push_rows;
use crate::op::join::row::{number_of, shard};
use crate::op::join::{Sent, clock};
use crate::ums::{Message, Op, Termination};

impl Pairing {
    /// Reads what a message does to a side; nothing is changed but what is known of schemas.
    pub(super) fn read(&mut self, side: usize, message: &Message) -> Result<Vec<Change>> {
        let Some(own) = self.sides.get_mut(side) else { return Ok(Vec::new()) };
        own.plan(&message.header)?;
        let [left, right] = &self.sides;
        if let (Some(a), Some(b)) = (left.kinds(), right.kinds())
            && a != b
        {
            let place = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or(0);
            let name = |names: &Vec<String>| names.get(place).cloned().unwrap_or_default();
            let [left, right] = self.spec.columns.each_ref().map(name);
            return Err(Error::refused(format!(
                "--on: '{left}' and '{right}' are of two kinds, which are never equal"
            ))
            .advise("make them one with ums-filter --select and CAST"));
        }
        let Some(own) = self.sides.get(side) else { return Ok(Vec::new()) };
        let fields = message.header.schema.fields.len();
        let (mut cells, mut changes) = (Vec::with_capacity(fields), Vec::new());
        for (number, row) in message.rows().enumerate() {
            row?.split(fields, &mut cells)?;
            let place = |error: Error| error.at(format_args!("row {} of the message", number + 1));
            changes.extend(own.read(number, &cells).map_err(place)?);
        }
        Ok(changes)
    }

    /// Applies what was read.
    pub(super) fn take_all(
        &mut self,
        side: usize,
        changes: Vec<Change>,
        (message, line): (&Message, &[u8]),
        sent: &mut Sent,
    ) -> Result<()> {
        let mut late = Vec::new();
        for change in changes {
            let row = change.row;
            if self.apply(side, change, sent)? {
                late.push(row);
            }
            self.fit()?;
        }
        if !late.is_empty() {
            sent.late_rows += late.len() as u64;
            push_rows(message, line, &late, &mut sent.late);
        }
        Ok(())
    }

    /// Applies one change; true when it came too late.
    fn apply(&mut self, side: usize, change: Change, sent: &mut Sent) -> Result<bool> {
        let Change { op, key, time, mut entry, .. } = change;
        let forget = self.forget();
        let disk = (!self.whole).then_some(&self.disk);
        let Some(own) = self.sides.get_mut(side) else { return Ok(false) };
        let old = own.get(&key, disk)?;
        if let Some(old) = &old {
            if old.id > entry.id {
                return Ok(false);
            }
            let same = old.alive
                && op != Op::Delete
                && time == Some(old.time)
                && (old.layout, &old.cells) == (entry.layout, &entry.cells);
            if same && old.id == entry.id {
                return Ok(false);
            }
        }
        let time = time.filter(|time| op != Op::Delete && *time >= forget);
        if op == Op::Delete && !old.as_ref().is_some_and(|old| old.alive) {
            sent.unknown += 1;
        }
        if let Some(time) = time {
            entry.time = time;
            entry.alive = true;
            let reach = time.saturating_add(self.spec.within).saturating_add(self.spec.keep);
            // A row is over behind the horizon that equals its reach.
            self.reach = self.reach.max(reach.saturating_add(1));
        } else {
            (entry.on, entry.alive) = (None, false);
            entry.cells = Arc::from("");
        }
        // A TRUNCATE makes it of the version that stands, which may be on disk.
        (entry.dirty, entry.stored) = (true, false);
        let old = own.remove(&key, disk)?;
        self.replace(side, &key, old, entry, sent)?;
        Ok(time.is_none() && op != Op::Delete)
    }

    /// The table, or one shard of it, is empty: its rows go as if each was deleted.
    pub(super) fn empty(
        &mut self,
        side: usize,
        notice: &Termination,
        sent: &mut Sent,
    ) -> Result<()> {
        let source = notice.namespace.source();
        let Some(own) = self.sides.get_mut(side) else { return Ok(()) };
        let Some(table) = own.tables.iter().position(|table| *table == source) else {
            return Ok(());
        };
        let table = table as u64;
        let shard = number_of(&mut own.shards, shard(&notice.namespace)) as u32;
        let shard = (!notice.whole).then_some(shard);
        if self.whole {
            for key in own.keys_of(table, shard) {
                self.delete(side, &key, notice, sent)?;
            }
            return Ok(());
        }
        self.flush()?;
        let Some(own) = self.sides.get(side) else { return Ok(()) };
        let [from, to] = own.rows_on_disk();
        let mut all = self.disk.scan(None, &from, &to)?;
        while let Some((key, bytes)) = all.next()? {
            let Some(own) = self.sides.get(side) else { return Ok(()) };
            let there = match own.key_of(key, bytes, (table, shard)) {
                Ok(there) => there,
                Err(error) => return Err(all.damaged(error)),
            };
            if let Some(key) = there {
                self.delete(side, &key, notice, sent)?;
                self.fit()?;
            }
        }
        Ok(())
    }

    /// A row goes with its table.
    fn delete(
        &mut self,
        side: usize,
        key: &Key,
        notice: &Termination,
        sent: &mut Sent,
    ) -> Result<()> {
        let Some(mut entry) = self.row(side, key)? else { return Ok(()) };
        entry.id = notice.id;
        entry.ts = clock::micros(&notice.ts).unwrap_or_default();
        let key = Arc::clone(key);
        self.apply(side, Change { row: 0, op: Op::Delete, key, time: None, entry }, sent)?;
        Ok(())
    }
}
