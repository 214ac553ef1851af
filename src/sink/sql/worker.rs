//! A thread with a session: one transaction from the first group behind a commit to the next
//! commit. Uses `error`, `ums` and the session. Not hot: what is hot is in the sessions.
//!
//! When nothing comes for a while, what is there is committed without a position: a transaction that
//! waits would keep its locks.
//!
//! Every group of the open transaction is kept until its commit is known. What may pass (a lost
//! connection, a deadlock, a server that restarts) is waited for, and the kept groups are applied
//! again on a new session: landing is idempotent, so a commit whose answer was lost does no harm.
//! A group with a row that cannot be stored is halved until the row is found.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};

use super::position;
use super::session::Session;
use super::shape::{Group, Shape};
use super::{fence, fit, sweep};
use crate::error::{Error, Kind, Result};
use crate::sink::Ended;
use crate::sink::reject::{Rejects, ids_name};
use crate::sink::target::Options;
use crate::ums::decode::Header;
use crate::ums::{BatchEnd, Marker, Namespace, Termination};

/// Groups that may wait for a worker.
const WAITING: usize = 2;
/// A transaction that nothing comes for is committed after that time.
const IDLE: Duration = Duration::from_millis(200);
/// The first and the longest pause before another try.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Opens a session.
pub(in crate::sink) type Connect = Arc<dyn Fn() -> Result<Box<dyn Session>> + Send + Sync>;

/// Something that a session does outside of any transaction, as often as it takes.
type Task = Box<dyn Fn(&mut dyn Session) -> Result<()> + Send>;

enum Command {
    Apply(Group),
    Commit(Vec<Marker>, Sender<Result<()>>),
    Run(Task, Sender<Result<()>>),
}

/// A worker as its owner sees it.
pub(super) struct Worker {
    commands: Sender<Command>,
    /// Raised when it has failed; the next answer says why.
    failed: Arc<AtomicBool>,
    /// Whether it holds rows that are not committed.
    pub(super) busy: bool,
}

/// What a worker needs to know.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) connect: Connect,
    /// How long to try again.
    pub(super) patience: Duration,
    pub(super) options: Options,
}

impl Worker {
    /// Starts the thread with a session that is open already.
    pub(super) fn start(setup: Setup, session: Box<dyn Session>) -> Result<Self> {
        let (commands, receiver) = bounded(WAITING);
        let failed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&failed);
        let state = State {
            setup,
            session: Some(session),
            open: false,
            fences: HashMap::new(),
            groups: Vec::new(),
            failure: None,
            failed: flag,
        };
        let thread = std::thread::Builder::new().name("sql".into());
        thread
            .spawn(move || state.serve(&receiver))
            .map_err(|error| Error::io("cannot start a thread", error))?;
        Ok(Self { commands, failed, busy: false })
    }

    /// Hands rows over; they are applied soon.
    pub(super) fn apply(&mut self, group: Group) -> Result<()> {
        self.busy = true;
        if self.failed.load(Ordering::Acquire) {
            return self.commit(Vec::new());
        }
        self.commands.send(Command::Apply(group)).map_err(|_| gone())
    }

    /// Makes everything applied durable, with the markers; waits until it is.
    pub(super) fn commit(&mut self, markers: Vec<Marker>) -> Result<()> {
        self.start_commit(markers)?.wait()
    }

    /// The same without waiting: several workers may wait for each other's locks, so that none may
    /// be told to commit only when another one has.
    pub(super) fn start_commit(&mut self, markers: Vec<Marker>) -> Result<Answer> {
        self.busy = false;
        self.ask(|reply| Command::Commit(markers, reply))
    }

    /// Creates the sink's own tables where they are missing.
    pub(super) fn prepare(&mut self) -> Result<()> {
        self.ask(|reply| Command::Run(Box::new(fit::prepare), reply))?.wait()
    }

    /// Makes the target fit a schema, outside of any transaction with rows.
    pub(super) fn fit(&mut self, header: &Arc<Header>, options: &Options) -> Result<(Shape, bool)> {
        let (header, options) = (Arc::clone(header), options.clone());
        self.task(move |session| fit::fit(session, &header, &options))
    }

    /// Applies the notice that a table lost its rows; whether it could be.
    pub(super) fn end_rows(&mut self, notice: &Termination, options: &Options) -> Result<bool> {
        let (notice, options) = (notice.clone(), options.clone());
        self.task(move |session| fence::raise(session, &notice, &options))
    }

    /// Does what the end of a table's pull asks for.
    pub(super) fn end_batch(
        &mut self,
        namespace: &Namespace,
        asked: Option<BatchEnd>,
        options: &Options,
    ) -> Result<Ended> {
        let (namespace, options) = (namespace.clone(), options.clone());
        self.task(move |session| sweep::end(session, &namespace, asked.as_ref(), &options))
    }

    /// Runs something in a transaction of its own and gives its answer.
    fn task<T: Send + 'static>(
        &mut self,
        work: impl Fn(&mut dyn Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (sender, answers) = unbounded();
        let task: Task = Box::new(move |session| {
            // One for each try; the last one counts.
            let _ = sender.send(work(session)?);
            Ok(())
        });
        self.ask(|reply| Command::Run(task, reply))?.wait()?;
        answers.try_iter().last().ok_or_else(gone)
    }

    fn ask(&self, command: impl FnOnce(Sender<Result<()>>) -> Command) -> Result<Answer> {
        let (sender, answer) = bounded(1);
        self.commands.send(command(sender)).map_err(|_| gone())?;
        Ok(Answer(answer))
    }
}

/// What a worker will say.
pub(super) struct Answer(Receiver<Result<()>>);

impl Answer {
    /// Waits for it.
    pub(super) fn wait(self) -> Result<()> {
        self.0.recv().map_err(|_| gone())?
    }
}

fn gone() -> Error {
    Error::unreachable("a worker of the sink ended before its time")
}

struct State {
    setup: Setup,
    session: Option<Box<dyn Session>>,
    /// Whether a transaction is open.
    open: bool,
    /// The fences that the open transaction holds in their places, by source table.
    fences: HashMap<String, i64>,
    /// What the open transaction holds.
    groups: Vec<Group>,
    /// Why nothing more is done.
    failure: Option<Error>,
    failed: Arc<AtomicBool>,
}

impl State {
    fn serve(mut self, commands: &Receiver<Command>) {
        loop {
            // While a transaction is open, its locks may be what another process waits for, which
            // in turn may keep our own other workers, and so this one, waiting: no server sees such
            // a circle. Rows without a position may be committed at any time.
            let next = match self.open {
                true => commands.recv_timeout(IDLE),
                false => commands.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let command = match next {
                Ok(command) => command,
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if self.failure.is_none()
                        && let Err(error) = self.finish(&[])
                    {
                        self.fail(error);
                    }
                    continue;
                }
            };
            match command {
                Command::Apply(group) => {
                    if self.failure.is_none()
                        && let Err(error) = self.take(group)
                    {
                        self.fail(error);
                    }
                }
                // Whoever asked may have gone.
                Command::Commit(markers, reply) => {
                    let done = self.good().and_then(|()| self.finish(&markers));
                    let _ = reply.send(self.noted(done));
                }
                Command::Run(task, reply) => {
                    // A task that fails has changed nothing, and no row is missing by that.
                    let done = self.good().and_then(|()| self.run(&task));
                    let _ = reply.send(done);
                }
            }
        }
    }

    /// The failure, told once; and for ever after that there was one: rows are missing, and nothing
    /// behind them may be committed.
    fn good(&mut self) -> Result<()> {
        match self.failure.take() {
            Some(error) => Err(error),
            None if self.failed.load(Ordering::Acquire) => Err(gone()),
            None => Ok(()),
        }
    }

    fn noted(&mut self, done: Result<()>) -> Result<()> {
        if done.is_err() {
            self.failed.store(true, Ordering::Release);
        }
        done
    }

    fn fail(&mut self, error: Error) {
        // Locks that nobody will use any more.
        self.session = None;
        self.open = false;
        self.failure = Some(error);
        self.failed.store(true, Ordering::Release);
    }

    fn take(&mut self, group: Group) -> Result<()> {
        self.groups.push(group);
        let newest = self.groups.len() - 1;
        match self.attempt(newest) {
            Ok(()) => Ok(()),
            Err(error) => self.recover(error, None),
        }
    }

    /// Applies the groups from the given one on, on the session as it is.
    fn attempt(&mut self, from: usize) -> Result<()> {
        let session = open(&mut self.session, &self.setup)?;
        if !self.open {
            session.execute("BEGIN")?;
            self.fences.clear();
            self.open = true;
        }
        for group in self.groups.iter_mut().skip(from) {
            hold_fence(session, &mut self.fences, group)?;
            session.apply(group, 0..group.len())?;
        }
        Ok(())
    }

    fn finish(&mut self, markers: &[Marker]) -> Result<()> {
        if let Err(error) = self.attempt_finish(markers) {
            self.recover(error, Some(markers))?;
        }
        self.groups.clear();
        self.open = false;
        Ok(())
    }

    fn attempt_finish(&mut self, markers: &[Marker]) -> Result<()> {
        let session = open(&mut self.session, &self.setup)?;
        if !self.open {
            session.execute("BEGIN")?;
            self.fences.clear();
            self.open = true;
        }
        if !markers.is_empty() {
            self.setup.options.rejects.flush()?;
        }
        position::store(session, markers)?;
        session.execute("COMMIT")?;
        self.open = false;
        Ok(())
    }

    /// Does again what the open transaction held, carefully where a row is to blame, and the commit
    /// if it was that which failed.
    fn recover(&mut self, first: Error, commit: Option<&[Marker]>) -> Result<()> {
        let mut error = first;
        let mut careful = error.kind() == Kind::Data;
        let mut waits = Waits::new(self.setup.patience);
        loop {
            match error.kind() {
                Kind::Unreachable => {
                    self.session = None;
                    self.open = false;
                    (self.setup.options.notice.0)(&format!("{error}; trying again"));
                    if !waits.wait() {
                        return Err(error);
                    }
                }
                Kind::Data if !careful => careful = true,
                Kind::Data if waits.careful_once() => {}
                _ => return Err(error),
            }
            if let Some(session) = self.session.as_mut().filter(|_| self.open) {
                // A session that cannot even do this is opened anew.
                if session.execute("ROLLBACK").is_err() {
                    self.session = None;
                }
                self.open = false;
            }
            let applied = if careful { self.apply_carefully() } else { self.attempt(0) };
            let all_taken = careful && applied.is_ok();
            let again = applied.and_then(|()| match commit {
                Some(markers) => self.attempt_finish(markers),
                None => Ok(()),
            });
            match again {
                Ok(()) => return Ok(()),
                Err(next) if all_taken && next.kind() == Kind::Data => {
                    error = next.advise(
                        "the server says so at the commit and names no row: make the constraint \
                         one that is not deferred, or drop it",
                    );
                }
                Err(next) => error = next,
            }
        }
    }

    /// Applies everything, halving a group that fails until the row to blame is found.
    fn apply_carefully(&mut self) -> Result<()> {
        let session = open(&mut self.session, &self.setup)?;
        session.execute("BEGIN")?;
        self.fences.clear();
        self.open = true;
        for group in &mut self.groups {
            hold_fence(session, &mut self.fences, group)?;
            let whole = 0..group.len();
            let mut waiting = vec![whole];
            let mut refused = Vec::new();
            let mut done = Ok(());
            while let Some(range) = waiting.pop() {
                let Err(error) = guarded(session, group, range.clone()) else { continue };
                if error.kind() != Kind::Data {
                    done = Err(error);
                    break;
                }
                if range.len() > 1 {
                    let middle = range.start + range.len() / 2;
                    waiting.push(middle..range.end);
                    waiting.push(range.start..middle);
                } else {
                    let error = session.blame(group, range.start, error);
                    refuse(group, range.start, error, &self.setup.options.rejects)?;
                    refused.push(range.start);
                }
            }
            // Once refused, a row is not met again when everything has to be done once more.
            for at in refused.into_iter().rev() {
                group.remove(at);
            }
            done?;
        }
        Ok(())
    }

    /// Runs a task between transactions.
    fn run(&mut self, task: &Task) -> Result<()> {
        let mut waits = Waits::new(self.setup.patience);
        loop {
            let done =
                open(&mut self.session, &self.setup).and_then(|session| alone(session, task));
            let Err(error) = done else { return Ok(()) };
            // The transaction and the lock go with the session.
            self.session = None;
            if error.kind() != Kind::Unreachable {
                return Err(error);
            }
            (self.setup.options.notice.0)(&format!("{error}; trying again"));
            if !waits.wait() {
                return Err(error);
            }
        }
    }
}

fn open<'a>(
    session: &'a mut Option<Box<dyn Session>>,
    setup: &Setup,
) -> Result<&'a mut dyn Session> {
    match session {
        Some(session) => Ok(session.as_mut()),
        None => Ok(session.insert((setup.connect)()?).as_mut()),
    }
}

/// Runs a task in a transaction while no other sink on this database runs one: who claims a name,
/// makes a table or raises a fence looks first, and what it saw has to hold until it is done.
fn alone(session: &mut dyn Session, task: &Task) -> Result<()> {
    session.execute("BEGIN")?;
    let [lock, unlock] = session.dialect().alone();
    if session.query(lock)?.into_iter().flatten().flatten().next().as_deref() != Some("1") {
        return Err(Error::unreachable("another sink makes or changes tables for a long time"));
    }
    task(session)?;
    session.execute("COMMIT")?;
    if unlock.is_empty() { Ok(()) } else { session.execute(unlock) }
}

/// Takes out the rows that left the source with a TRUNCATE or DROP which another process has met
/// already, and keeps that fence in its place until the commit.
fn hold_fence(
    session: &mut dyn Session,
    held: &mut HashMap<String, i64>,
    group: &mut Group,
) -> Result<()> {
    let shape = Arc::clone(&group.shape);
    let Some(known) = &shape.fence else { return Ok(()) };
    let id = match held.get(&known.source) {
        Some(id) => *id,
        None => {
            let id = fence::hold(session, &known.source)?;
            held.insert(known.source.clone(), id);
            id
        }
    };
    if id > known.id {
        group.drop_below(id);
    }
    Ok(())
}

fn guarded(session: &mut dyn Session, group: &Group, range: Range<usize>) -> Result<()> {
    let [before, undo, behind] = session.dialect().savepoint();
    session.execute(before)?;
    if let Err(error) = session.apply(group, range) {
        if error.kind() == Kind::Data {
            session.execute(undo)?;
            session.execute(behind)?;
        }
        return Err(error);
    }
    session.execute(behind)
}

/// A row that can never be stored goes to the rejects; the error itself where there are none.
fn refuse(group: &Group, at: usize, error: Error, rejects: &Rejects) -> Result<()> {
    let Some(row) = group.get(at) else { return Err(error) };
    let schema = &group.shape.header.schema;
    let mut cells = Vec::new();
    let name = match row.row.split(schema.fields.len(), &mut cells) {
        Ok(()) => ids_name(schema, &cells),
        Err(_) => String::new(),
    };
    let error = error.at(name).at(&schema.namespace);
    rejects.row(row.protocol, schema, row.row.bytes, error)
}

/// Pauses that grow, with chance in them, until the patience is over.
struct Waits {
    began: Instant,
    patience: Duration,
    next: Duration,
    careful: u32,
}

impl Waits {
    fn new(patience: Duration) -> Self {
        Self { began: Instant::now(), patience, next: PAUSES.0, careful: 0 }
    }

    /// Waits; false when there is no more patience.
    fn wait(&mut self) -> bool {
        if self.began.elapsed() >= self.patience {
            return false;
        }
        // Chance from the clock: two workers that met in a deadlock do not meet again.
        let nanos = self.began.elapsed().subsec_nanos();
        let share = f64::from(nanos % 1000) / 1000.0;
        std::thread::sleep(self.next.mul_f64(0.5 + share / 2.0));
        self.next = (self.next * 2).min(PAUSES.1);
        true
    }

    /// Whether a row's error may still be looked into: an error that comes back although every row
    /// was tried alone is not about a row.
    fn careful_once(&mut self) -> bool {
        self.careful += 1;
        self.careful == 1
    }
}

#[cfg(test)]
mod tests;
