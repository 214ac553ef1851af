//! A reader: shard after shard over one connection, which it opens again when it breaks. Uses
//! everything but `cli`. Warm: once a message.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::tables::NO_SUCH_TABLE;
use super::{Run, Task};
use crate::endpoint::pull::{Ids, Read, Session, read};
use crate::error::{Error, Kind, Result};
use crate::mysql::barrier::Barrier;
use crate::mysql::connect::{failed, server_code};
use crate::mysql::value::Scratch;
use crate::ums::{Covered, id};

/// How often and how long to try again.
pub(super) struct Patience {
    limit: Duration,
    since: Option<Instant>,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, since: None, pause: Duration::from_millis(100) }
    }

    /// Waits before the next try; false when the time is over or the run ends.
    pub(super) fn wait(&mut self, run: &Run, error: &Error) -> bool {
        let first = self.since.is_none();
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() + self.pause > self.limit || run.brake.stopped() {
            return false;
        }
        if first {
            (run.note)(&format!("{error}; trying again for {} s", self.limit.as_secs()));
        }
        let waited = run.brake.sleep(self.pause);
        self.pause = (self.pause * 2).min(Duration::from_secs(5));
        waited
    }
}

/// What stopped a try.
pub(super) enum Trouble {
    /// The source: worth another one if the error says so.
    Source(Error),
    /// The output or the state, or the run ends.
    Output(Error),
    /// The table is not there any more.
    Gone,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if server_code(&error) == Some(NO_SUCH_TABLE) { Self::Gone } else { Self::Source(error) }
    }
}

impl Run<'_> {
    /// Says that a table is not there.
    pub(super) fn gone(&self, index: usize) {
        if let Some(table) = self.tables.get(index).filter(|table| table.drop()) {
            (self.note)(&format!(
                "table {} was dropped or renamed meanwhile; rows of it that were written stay, and its end is not written",
                table.name
            ));
        }
    }
}

/// Reads until there are no shards any more.
pub(super) fn work(run: &Run) -> Result<()> {
    let mut session = None;
    let mut scratch = Scratch::new(run.setup.bad_text);
    while let Some(task) = run.queue.pop(&run.brake) {
        let mut patience = Patience::new(run.setup.patience);
        if run.tables.get(task.table).is_none_or(super::Table::is_gone) {
            continue;
        }
        while let Err(trouble) = shard(run, &mut session, &task, &mut scratch) {
            session = None;
            match trouble {
                Trouble::Gone => {
                    run.gone(task.table);
                    break;
                }
                Trouble::Source(error) if error.kind() == Kind::Unreachable => {
                    if run.brake.stopped() {
                        return Ok(());
                    }
                    if !patience.wait(run, &error) {
                        return Err(error.at(format_args!(
                            "table {}, shard {}",
                            task.shard.table, task.shard.number
                        )));
                    }
                    run.board.again.fetch_add(1, Ordering::Relaxed);
                }
                Trouble::Source(error) => return Err(error),
                Trouble::Output(_) if run.brake.stopped() => return Ok(()),
                Trouble::Output(error) => return Err(error),
            }
        }
        run.outlet.end_table(run, task.table)?;
    }
    Ok(())
}

/// Reads one shard and writes it.
fn shard(
    run: &Run,
    session: &mut Option<Session>,
    task: &Task,
    scratch: &mut Scratch,
) -> Result<(), Trouble> {
    let Some(table) = run.tables.get(task.table) else { return Ok(()) };
    if !run.brake.pass(0) {
        return Err(Trouble::Output(ended()));
    }
    let setup = run.setup;
    let session = match session {
        Some(session) => session,
        None => session.insert(run.open()?),
    };
    let known = table.shape(session, &run.wish)?.ok_or(Trouble::Gone)?;
    let view = table.begin(session, setup).map_err(|error| match setup.barrier {
        // Else it is the barrier's own table that is missing.
        Barrier::Lock => error.into(),
        _ => Trouble::Source(error),
    })?;
    // From here to the end of the transaction nobody changes the table's definition.
    let lock = format!("SELECT 1 FROM {} LIMIT 0", known.layout.sql_name());
    session
        .conn
        .query_drop(lock)
        .map_err(failed(format_args!("table {} cannot be read", table.name)))?;
    let (shape, changed) = table.current(session, &run.wish)?.ok_or(Trouble::Gone)?;
    if changed {
        (run.note)(&format!(
            "table {}: its definition has changed; going on with the new one",
            table.name
        ));
    }
    let number = view.place.number;
    let place = id::compose(number, setup.base, view.place.offset).ok_or_else(|| {
        Error::data(format!("{}: a position that is too large for an id", view.place))
    })?;
    if setup.rising.is_none() && place < setup.origin.batch {
        // Its rows would be swept as older than the pull.
        return Err(Trouble::Source(Error::unreachable(format!(
            "the server says {}, and the pull began behind that",
            view.place
        ))));
    }
    let condition = task.shard.condition(&shape.layout)?;
    let hint = shape.hint(&task.shard);
    let suffix = setup.barrier.suffix(&setup.info);
    let query = shape.layout.query(&hint, &condition, setup.filter.as_deref(), suffix);
    let uid = format!("{}.{}.{}.p", setup.info.server_id, number + setup.base, view.place.offset);
    let first = run.next.load(Ordering::Relaxed);
    let plan = Read {
        layout: &shape.layout,
        query: &query,
        ids: if setup.rising.is_some() { Ids::Rising(&run.next) } else { Ids::Same(place) },
        time: &view.time,
        uid: &uid,
        shard: task.shard.number,
        dialect: setup.dialect,
        batch_rows: setup.batch_rows,
        batch_bytes: setup.batch_bytes,
    };
    let mut writer = shape.layout.writer(setup.origin.batch, setup.dialect);
    let mut output_failed = false;
    let line = run.line(task.table);
    let count = |rows: u64, bytes: u64| {
        if let Some(line) = line {
            line.rows.fetch_add(rows, Ordering::Relaxed);
        }
        run.board.bytes.fetch_add(bytes, Ordering::Relaxed);
        run.board.messages.fetch_add(1, Ordering::Relaxed);
    };
    let result = read(session, &plan, &mut writer, scratch, &mut |writer| {
        let (rows, bytes) = (writer.rows() as u64, writer.len() as u64);
        let written = run.outlet.message(writer).and_then(|()| {
            count(rows, bytes);
            if run.brake.pass(rows) { Ok(()) } else { Err(ended()) }
        });
        output_failed = written.is_err();
        written
    });
    let rows = match result {
        Ok(rows) => rows,
        Err(error) if output_failed => return Err(Trouble::Output(error)),
        Err(error) => return Err(error.into()),
    };
    session.conn.query_drop("COMMIT").map_err(failed("the transaction cannot be ended"))?;
    let rest = writer.rows() as u64;
    if rest > 0 {
        count(rest, writer.len() as u64);
    }
    let id = if setup.rising.is_some() { first } else { place };
    let covered = Covered { id, ts: view.time, rows, range: task.shard.line() };
    run.outlet.shard_done(run, task, &mut writer, &covered).map_err(Trouble::Output)?;
    table.done(task.shard.number, covered);
    // What the end of the run makes of it is for the next shard.
    run.brake.pass(rest);
    Ok(())
}

fn ended() -> Error {
    Error::unreachable("the run ends")
}
