//! A full pull: one thread finds the shards, others read them, and all write whole messages to one
//! output. Uses everything but `cli`. Warm: once a message; rows are in `endpoint::pull`.

pub mod board;
mod brake;
pub mod ledger;
pub mod output;
mod tables;
mod work;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use board::Board;
use brake::Brake;
use ledger::{Ledger, Origin};
use output::Outlet;
use tables::{Table, Wish, covers_all};
use work::{Patience, Trouble};

use crate::endpoint::pull::Session;
use crate::endpoint::pull::shard::{Planner, Shard, Split};
use crate::error::{Error, Kind, Result};
use crate::line::output::Output;
use crate::mask::Masks;
use crate::mysql::barrier::{self, Barrier};
use crate::mysql::charset::Bad;
use crate::mysql::connect::ServerInfo;
use crate::mysql::ddl::TableName;
use crate::mysql::options::ConnectOptions;
use crate::ums::{Dialect, Marker, Namespace};

/// How many shards may wait to be read.
const WAITING_MAX: usize = 64;

/// What is pulled, and how.
pub struct Setup {
    /// The server.
    pub connect: ConnectOptions,
    /// What it said of itself; every connection must be to the same one.
    pub info: ServerInfo,
    /// What makes a position and a SELECT fit.
    pub barrier: Barrier,
    /// The table of the write barrier.
    pub barrier_row: TableName,
    /// The tables, in order, with their namespaces.
    pub tables: Vec<(TableName, Namespace)>,
    /// Shards that were planned before, of these tables; else they are found.
    pub given: Option<Vec<Shard>>,
    /// Where the pull begins.
    pub origin: Origin,
    /// The next id where each row has one of its own, below zero.
    pub rising: Option<i64>,
    /// Added to file numbers in ids.
    pub base: u64,
    /// Connections that read.
    pub jobs: usize,
    /// Rows a shard.
    pub shard_rows: u64,
    /// How tables are divided.
    pub split: Split,
    /// The column to divide by.
    pub split_by: Option<String>,
    /// A condition that rows must meet.
    pub filter: Option<String>,
    /// The columns that are wanted; all when empty.
    pub columns: Vec<String>,
    /// What is masked.
    pub masks: Option<Arc<Masks>>,
    /// How system columns are spelled.
    pub dialect: Dialect,
    /// Rows a message at most.
    pub batch_rows: usize,
    /// Bytes a message at most, but for its last row.
    pub batch_bytes: usize,
    /// What to do with bytes that are no text.
    pub bad_text: Bad,
    /// How long a server may be away.
    pub patience: Duration,
    /// Rows a second at most.
    pub rows_per_second: Option<u64>,
    /// Wait while one of these replicas is more seconds behind.
    pub lag: Option<(u64, Vec<ConnectOptions>)>,
    /// Whether the stream ends with a marker of the origin.
    pub mark: bool,
}

/// What the run is given besides.
pub struct Around<'a> {
    /// Where messages go.
    pub out: Box<dyn Output>,
    /// The state, where it is kept.
    pub ledger: Option<Ledger>,
    /// Counters.
    pub board: &'a Board,
    /// Ends the run cleanly when set.
    pub stop: Arc<AtomicBool>,
    /// Tells people something.
    pub note: &'a (dyn Fn(&str) + Sync),
}

/// How a run ended that did not fail.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Tables that were dropped meanwhile.
    pub gone: Vec<String>,
    /// Whether everything was pulled.
    pub complete: bool,
}

/// A shard to be read.
struct Task {
    table: usize,
    shard: Shard,
}

/// Shards on their way from the one who finds them to those who read.
#[derive(Default)]
struct Queue {
    tasks: Mutex<(VecDeque<Task>, bool)>,
    changed: Condvar,
}

impl Queue {
    /// Adds a shard when there is room; false at the end.
    fn push(&self, task: Task, brake: &Brake) -> bool {
        let mut held = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while held.0.len() >= WAITING_MAX {
            if brake.stopped() {
                return false;
            }
            let tick = Duration::from_millis(100);
            held = match self.changed.wait_timeout(held, tick) {
                Ok((held, _)) => held,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        held.0.push_back(task);
        self.changed.notify_all();
        !brake.stopped()
    }

    /// No shard comes any more.
    fn close(&self) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.changed.notify_all();
    }

    /// The next shard; `None` when there is none any more.
    fn pop(&self, brake: &Brake) -> Option<Task> {
        let mut held = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if brake.stopped() {
                return None;
            }
            if let Some(task) = held.0.pop_front() {
                self.changed.notify_all();
                return Some(task);
            }
            if held.1 {
                return None;
            }
            let tick = Duration::from_millis(100);
            held = match self.changed.wait_timeout(held, tick) {
                Ok((held, _)) => held,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

/// What all threads share.
struct Run<'a> {
    setup: &'a Setup,
    wish: Wish,
    tables: Vec<Table>,
    queue: Queue,
    brake: Brake,
    outlet: Outlet,
    board: &'a Board,
    note: &'a (dyn Fn(&str) + Sync),
    /// The next id, where each row has its own.
    next: AtomicI64,
    /// The first failure.
    failure: Mutex<Option<Error>>,
}

impl Run<'_> {
    /// Ends the run with an error; the first one counts.
    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        self.brake.halt();
    }

    fn open(&self) -> Result<Session> {
        Session::open(&self.setup.connect, Some(&self.setup.info))
    }

    /// The board's line of a table.
    fn line(&self, table: usize) -> Option<&board::TableBoard> {
        self.board.tables.get(table)
    }
}

/// Pulls.
///
/// # Errors
/// The first failure of any thread.
pub fn run(setup: &Setup, around: Around) -> Result<Summary> {
    let Around { out, ledger, board, stop, note } = around;
    let known = |name: &TableName| ledger.as_ref().and_then(|ledger| ledger.tables.get(name));
    let tables: Vec<Table> = setup
        .tables
        .iter()
        .map(|(name, namespace)| Table::new(name.clone(), namespace.clone(), known(name)))
        .collect();
    for (table, line) in tables.iter().zip(&board.tables) {
        let [shards, done, rows] = table.counts();
        line.shards.store(shards, Ordering::Relaxed);
        line.done.store(done, Ordering::Relaxed);
        line.rows.store(rows, Ordering::Relaxed);
    }
    let run = Run {
        setup,
        wish: Wish {
            columns: setup.columns.clone(),
            masks: setup.masks.clone(),
            split_by: setup.split_by.clone(),
            mariadb: setup.info.mariadb,
            full_images: setup.info.row_image.eq_ignore_ascii_case("FULL"),
        },
        tables,
        queue: Queue::default(),
        brake: Brake::new(stop, setup.rows_per_second),
        outlet: Outlet::new(out, ledger, setup),
        board,
        note,
        next: AtomicI64::new(setup.rising.unwrap_or_default()),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        let spawn = |name: &str, work: fn(&Run) -> Result<()>| {
            let run = &run;
            let body = move || {
                if let Err(error) = work(run) {
                    run.fail(error);
                }
            };
            let spawned =
                std::thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, body);
            match spawned {
                Ok(handle) => Some(handle),
                Err(error) => {
                    run.fail(Error::io("thread", error));
                    None
                }
            }
        };
        let planner = spawn("planner", |run| {
            let planned = plan(run);
            run.queue.close();
            planned
        });
        let mut workers: Vec<_> =
            (0..setup.jobs).map(|number| spawn(&format!("reader {number}"), work::work)).collect();
        let watch = setup.lag.as_ref().and_then(|_| spawn("lag", watch));
        workers.push(planner);
        for worker in workers.into_iter().flatten() {
            // What it had in hand is not done, whatever the others did.
            if worker.join().is_err() {
                run.fail(Error::data("a thread of the pull has failed").advise("report it"));
            }
        }
        // The watch ends when there is nobody left to be held.
        let stopped = run.brake.stopped();
        run.brake.halt();
        drop(watch);
        finish(&run, !stopped)
    })
}

/// What stands behind the last shard.
fn finish(run: &Run, complete: bool) -> Result<Summary> {
    let failure = run.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = failure {
        // The first error says more than one that follows from it.
        let _ = run.outlet.flush();
        return Err(error);
    }
    let gone: Vec<String> =
        run.tables.iter().filter(|t| t.is_gone()).map(|t| t.name.to_string()).collect();
    let complete = complete && gone.is_empty();
    // Else the end would promise rows that nobody has read.
    if let Some(table) = run.tables.iter().find(|table| complete && !table.has_ended()) {
        return Err(Error::data(format!("table {}: not all of its shards were read", table.name))
            .advise("start it again, and report it"));
    }
    if complete && run.setup.mark {
        run.outlet.write(&mark(run.setup))?;
    }
    run.outlet.flush()?;
    if complete {
        run.outlet.ended()?;
    }
    Ok(Summary { gone, complete })
}

/// The marker of a pull's origin: where a `dbus-tail` that brings the changes starts.
fn mark(setup: &Setup) -> Vec<u8> {
    let origin = &setup.origin;
    let number = crate::mysql::chunk::LogName::new(&origin.file).number;
    let source = setup.tables.first().and_then(|(_, namespace)| namespace.parts.get(1));
    let marker = Marker {
        kind: "mysql".into(),
        source: source.cloned().unwrap_or_default(),
        id: crate::ums::id::compose(number, setup.base, origin.pos).unwrap_or_default(),
        ts: origin.ts.clone(),
        file: origin.file.clone(),
        pos: origin.pos,
        gtid: origin.gtid.clone(),
        server: setup.info.identity.clone(),
        base: setup.base,
    };
    let mut line = Vec::new();
    marker.write(setup.dialect, &mut line);
    line
}

/// Finds all shards.
fn plan(run: &Run) -> Result<()> {
    let mut session = None;
    for (index, table) in run.tables.iter().enumerate() {
        for shard in table.open_shards() {
            if !run.queue.push(Task { table: index, shard }, &run.brake) {
                return Ok(());
            }
        }
        if !table.is_planned() {
            let mut patience = Patience::new(run.setup.patience);
            while let Err(trouble) = plan_table(run, &mut session, index) {
                session = None;
                match trouble {
                    Trouble::Gone => {
                        run.gone(index);
                        break;
                    }
                    Trouble::Source(error) if error.kind() == Kind::Unreachable => {
                        if !patience.wait(run, &error) {
                            return Err(error);
                        }
                    }
                    Trouble::Source(error) | Trouble::Output(error) => return Err(error),
                }
            }
        }
        // One without shards, or whose shards were all done before.
        run.outlet.end_table(run, index)?;
        if run.brake.stopped() {
            return Ok(());
        }
    }
    Ok(())
}

/// Finds the shards of one table, from the last one known on.
fn plan_table(run: &Run, session: &mut Option<Session>, index: usize) -> Result<(), Trouble> {
    let Some(table) = run.tables.get(index) else { return Ok(()) };
    let session = match session {
        Some(session) => session,
        None => session.insert(run.open()?),
    };
    let shape = table.shape(session, &run.wish)?.ok_or(Trouble::Gone)?;
    let push = |shard: Shard| -> Result<bool, Trouble> {
        run.outlet.found(&shard).map_err(Trouble::Output)?;
        table.found(shard.clone());
        if let Some(line) = run.line(index) {
            line.shards.fetch_add(1, Ordering::Relaxed);
        }
        Ok(run.queue.push(Task { table: index, shard }, &run.brake))
    };
    let last = table.last_shard();
    let whole = if let Some(given) = &run.setup.given {
        let own: Vec<Shard> = given.iter().filter(|s| s.table == table.name).cloned().collect();
        let known = last
            .map_or(0, |last| own.iter().position(|shard| *shard == last).map_or(0, |at| at + 1));
        for shard in own.iter().skip(known) {
            // Before anything is read: a plan is a file that people edit.
            shard.condition(&shape.layout)?;
            if !push(shard.clone())? {
                return Ok(());
            }
        }
        covers_all(&own, &shape.layout)
    } else {
        let setup = run.setup;
        let divider = shape.divider.clone();
        let mut planner =
            Planner::new(&mut session.conn, &shape.layout, divider, setup.shard_rows, setup.split)?;
        if let Some(last) = &last {
            planner.resume(last)?;
        }
        let filter = setup.filter.as_deref();
        while let Some(shard) = planner.next(&mut session.conn, &shape.layout, filter)? {
            if !push(shard)? {
                return Ok(());
            }
        }
        true
    };
    run.outlet.planned(&table.name, whole).map_err(Trouble::Output)?;
    table.plan_ended(whole);
    if let Some(line) = run.line(index) {
        line.planned.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Between two words about a replica that is behind.
const WORD: Duration = Duration::from_secs(60);

/// Holds everybody while a replica lags.
fn watch(run: &Run) -> Result<()> {
    let Some((most, replicas)) = &run.setup.lag else { return Ok(()) };
    let mut sessions: Vec<Option<(mysql::Conn, ServerInfo)>> =
        replicas.iter().map(|_| None).collect();
    let mut told: Option<Instant> = None;
    loop {
        let mut behind = String::new();
        for (options, session) in replicas.iter().zip(&mut sessions) {
            let seconds = lag(options, session)?;
            if seconds.is_none_or(|seconds| seconds > *most) {
                behind = match seconds {
                    Some(seconds) => format!("{options} is {seconds} s behind"),
                    None => format!("{options} does not say how far it is behind"),
                };
            }
        }
        run.brake.pause(!behind.is_empty());
        run.board.wait(&behind);
        if !behind.is_empty() && told.is_none_or(|told| told.elapsed() >= WORD) {
            told = Some(Instant::now());
            (run.note)(&format!("--max-lag: {behind}; waiting for it"));
        }
        if !run.brake.sleep(Duration::from_secs(1)) {
            return Ok(());
        }
    }
}

/// How far a replica is behind; `None` where it cannot be asked just now, or does not say.
fn lag(
    options: &ConnectOptions,
    session: &mut Option<(mysql::Conn, ServerInfo)>,
) -> Result<Option<u64>> {
    if session.is_none() {
        let opened = crate::mysql::connect::connect(options)
            .and_then(|mut conn| ServerInfo::read(&mut conn).map(|info| (conn, info)));
        *session = match opened {
            Ok(opened) => Some(opened),
            Err(error) if error.kind() == Kind::Unreachable => return Ok(None),
            // It will not say tomorrow, either.
            Err(error) => return Err(error.at("--max-lag")),
        };
    }
    let Some((conn, info)) = session.as_mut() else { return Ok(None) };
    let found = barrier::lag(conn, info);
    if found.is_none() {
        *session = None;
    }
    Ok(found)
}
