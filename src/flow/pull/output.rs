//! The one output of all readers, and the state beside it. Uses `error`, `ums`, `line`. Warm: once a
//! message.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use super::ledger::{Finished, Ledger};
use super::{Run, Setup, Task};
use crate::endpoint::pull::shard::Shard;
use crate::error::{Error, Result};
use crate::line::output::Output;
use crate::mysql::ddl::TableName;
use crate::mysql::temporal::push_utc_micros;
use crate::ums::{BatchEnd, Covered, Dialect, Marker, MessageWriter};

/// The output and the state.
pub(super) struct Outlet {
    held: Mutex<Held>,
    source: String,
    server: String,
    batch: i64,
    dialect: Dialect,
}

struct Held {
    out: Box<dyn Output>,
    ledger: Option<Ledger>,
}

impl Outlet {
    pub(super) fn new(out: Box<dyn Output>, ledger: Option<Ledger>, setup: &Setup) -> Self {
        let source = setup.tables.first().and_then(|(_, namespace)| namespace.parts.get(1));
        Self {
            held: Mutex::new(Held { out, ledger }),
            source: source.cloned().unwrap_or_default(),
            server: setup.info.identity.clone(),
            batch: setup.origin.batch,
            dialect: setup.dialect,
        }
    }

    fn hold(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a message and empties it.
    pub(super) fn message(&self, writer: &mut MessageWriter) -> Result<()> {
        let mut held = self.hold();
        writer.finish(&mut held.out).map_err(|error| Error::io("output", error))
    }

    /// Writes whole lines.
    pub(super) fn write(&self, lines: &[u8]) -> Result<()> {
        self.hold().out.write_all(lines).map_err(|error| Error::io("output", error))
    }

    /// Hands on what was written.
    pub(super) fn flush(&self) -> Result<()> {
        self.hold().out.sync().map(drop)
    }

    /// A shard was found.
    pub(super) fn found(&self, shard: &Shard) -> Result<()> {
        self.hold().ledger.as_mut().map_or(Ok(()), |ledger| ledger.found(shard))
    }

    /// All shards of a table were found.
    pub(super) fn planned(&self, table: &TableName, whole: bool) -> Result<()> {
        self.hold().ledger.as_mut().map_or(Ok(()), |ledger| ledger.planned(table, whole))
    }

    /// Everything was pulled.
    pub(super) fn ended(&self) -> Result<()> {
        self.hold().ledger.as_mut().map_or(Ok(()), Ledger::ended)
    }

    /// Writes what is left of a shard, and remembers that it is done. Where there is a state and
    /// the output is a pipe, a marker of the pull follows: a sink that keeps it has kept the shard.
    pub(super) fn shard_done(
        &self,
        run: &Run,
        task: &Task,
        writer: &mut MessageWriter,
        covered: &Covered,
    ) -> Result<()> {
        let failed = |error| Error::io("output", error);
        let mut held = self.hold();
        let Held { out, ledger } = &mut *held;
        writer.finish(out).map_err(failed)?;
        if let Some(ledger) = ledger {
            let sequence = ledger.next_sequence();
            let mut durable = out.sync()?;
            if !durable {
                out.write_all(&self.progress_marker(sequence)).map_err(failed)?;
                durable = out.sync()?;
            }
            let finished = Finished { sequence, durable, covered: covered.clone() };
            ledger.done(&task.shard, &finished)?;
        } else {
            out.flush().map_err(failed)?;
        }
        drop(held);
        if let Some(line) = run.line(task.table) {
            line.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// "So many shards of this batch were written before me."
    fn progress_marker(&self, sequence: u64) -> Vec<u8> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let mut ts = Vec::new();
        push_utc_micros(&mut ts, micros);
        let marker = Marker {
            kind: PULL.into(),
            source: self.source.clone(),
            id: micros,
            ts: String::from_utf8_lossy(&ts).into_owned(),
            file: self.batch.to_string(),
            pos: sequence,
            gtid: String::new(),
            server: self.server.clone(),
            base: 0,
        };
        let mut line = Vec::new();
        marker.write(self.dialect, &mut line);
        line
    }

    /// Writes the end of a table if all of it is done.
    pub(super) fn end_table(&self, run: &Run, index: usize) -> Result<()> {
        let Some(table) = run.tables.get(index) else { return Ok(()) };
        let Some((whole, mut shards)) = table.end() else { return Ok(()) };
        if run.setup.masks.as_ref().is_some_and(|masks| masks.concern(&table.namespace)) {
            shards.iter_mut().for_each(Covered::hide_range);
        }
        // Under a name of its own: one of several that are published as one is never all of it, not
        // even where its number is 0.
        let [_, _, schema, name, _, schema_shard, table_shard] = &table.namespace.parts;
        let own = *schema == table.name.schema && *name == table.name.table;
        let single = own && schema_shard == "0" && table_shard == "0";
        let end = BatchEnd {
            namespace: table.namespace.clone(),
            batch: self.batch,
            whole: whole && single && run.setup.filter.is_none(),
            shards,
        };
        let mut line = Vec::new();
        end.write(self.dialect, &mut line);
        self.write(&line)?;
        self.hold().out.flush().map_err(|error| Error::io("output", error))?;
        if let Some(line) = run.line(index) {
            line.ended.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Part one of the namespace of markers that count the shards of a pull.
pub const PULL: &str = "pull";
