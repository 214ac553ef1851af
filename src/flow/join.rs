//! The loop of `ums-join`: inputs take turns, an operation takes their rows, markers go on when
//! nothing is held any more of what they cover. Uses `endpoint`, `line`, `op`. HOT once a line.

mod feed;
mod frontier;
mod run;
mod state;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::Select;

use super::filter::Bad;
use super::receipts::Receipts;
use super::stats::Counters;
use crate::endpoint::Input;
use crate::error::{Error, Result};
use crate::line::LineReader;
use crate::line::output::Output;
use crate::op::join::Operation;
use crate::ums::Marker;
use feed::Feed;
use run::Run;

pub use state::Folder;

/// How long a signal may go unheard.
const LISTEN: Duration = Duration::from_millis(100);
/// Bytes of one input that may wait for the others. Beyond that the input goes first: whoever feeds it
/// and another one (`tee`) would wait for ever. Times do not depend on the order, only output does.
const AHEAD: usize = 64 << 20;

/// A state that outlives the run.
#[derive(Debug)]
pub struct State {
    /// Where it is kept.
    pub folder: Folder,
    /// It is kept so often.
    pub every: Duration,
    /// The checkpoint of whoever makes the output durable; without one, the output is durable itself.
    pub checkpoint: Option<PathBuf>,
}

/// Everything that a run needs.
pub struct Plan<'a> {
    /// Where lines come from, one at least.
    pub inputs: Vec<Input>,
    /// Where lines go.
    pub out: &'a mut dyn Output,
    /// What is done with rows.
    pub operation: Box<dyn Operation>,
    /// How far rows may be behind their markers, in microseconds.
    pub lateness: i64,
    /// Whether the end of all inputs is the end of time.
    pub close: bool,
    /// What happens to bad lines.
    pub bad: Bad,
    /// Where rows go that come too late: a name for messages, and the file.
    pub late: Option<(String, File)>,
    /// The state that outlives the run.
    pub state: Option<State>,
    /// Bytes of state in memory at most.
    pub memory: usize,
    /// Where the state goes that does not fit there, when none is kept: into files without a name.
    pub spill: PathBuf,
    /// The longest line in bytes.
    pub max_line: usize,
    /// A wish to stop.
    pub stop: Arc<AtomicBool>,
    /// Raised as it goes.
    pub counters: Arc<Counters>,
    /// Says something to people.
    pub note: &'a mut dyn FnMut(String),
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines that could not be taken.
    pub bad: u64,
    /// Rows that came too late.
    pub late: u64,
    /// Updates and deletes of rows that the state does not have.
    pub unknown: u64,
    /// Rows whose time was over without what they waited for, where that is an alert.
    pub alerts: u64,
}

/// Runs until all inputs have ended or a stop is wished for.
///
/// # Errors
/// Those of the inputs, the output, the state and the operation; what came before them has been
/// written, but no marker that would say more.
pub fn run(plan: Plan) -> Result<Summary> {
    let receipts: Vec<_> = plan.inputs.iter().filter_map(|input| input.receipt.clone()).collect();
    let result = pass(plan);
    // Also after a failure: what was reported is kept.
    for receipt in receipts {
        receipt.close();
    }
    result
}

fn pass(plan: Plan) -> Result<Summary> {
    let Plan { inputs, stop, max_line, .. } = plan;
    let counters = Arc::clone(&plan.counters);
    let alone = inputs.len() == 1;
    let mut feeds = Vec::new();
    let mut taken = Vec::new();
    let mut receipts = Vec::new();
    for input in inputs {
        receipts.extend(input.receipt);
        counters.bytes_total.fetch_add(input.size, Ordering::Relaxed);
        taken.push(input.taken);
        let reader = LineReader::new(input.reader, input.name.clone(), max_line);
        feeds.push(Feed::start(reader, input.name, alone)?);
    }
    let mut run = Run::new(
        feeds.len(),
        run::Parts {
            out: plan.out,
            operation: plan.operation,
            lateness: plan.lateness,
            bad: plan.bad,
            late: plan.late,
            state: plan.state,
            receipts: receipts.into_iter().map(|one| Receipts::new(Some(one), None)).collect(),
            memory: plan.memory,
            spill: plan.spill,
            counters: Arc::clone(&counters),
            note: plan.note,
        },
    )?;
    let mut result = Ok(());
    while result.is_ok() && !stop.load(Ordering::Relaxed) {
        let Some(chosen) = next(&feeds) else {
            if feeds.iter().all(|feed| feed.ended) {
                break;
            }
            result = run.idle();
            if result.is_err() {
                break;
            }
            wait(&mut feeds);
            let bytes = taken.iter().map(|taken| taken.load(Ordering::Relaxed)).sum();
            counters.bytes_in.store(bytes, Ordering::Relaxed);
            continue;
        };
        result = tell_ends(&mut feeds, &mut run);
        if result.is_err() {
            break;
        }
        let Some(feed) = feeds.get_mut(chosen) else { break };
        let Some(epoch) = feed.ready.pop_front() else { break };
        feed.waiting -= epoch.bytes.len();
        result = run.epoch(chosen, &feed.name, epoch);
    }
    if result.is_ok() {
        result = tell_ends(&mut feeds, &mut run);
    }
    let whole = result.is_ok() && !stop.load(Ordering::Relaxed);
    run.finish(result, whole && plan.close)
}

/// Tells of inputs that have given everything. Before the next lines of any input and not as soon as it is
/// known: ends have their place in the order of the inputs, too.
fn tell_ends(feeds: &mut [Feed], run: &mut Run) -> Result<()> {
    for (place, feed) in feeds.iter_mut().enumerate() {
        if feed.ended && feed.ready.is_empty() {
            feed.error.take().map_or(Ok(()), Err)?;
            run.ended(place)?;
        }
    }
    Ok(())
}

/// Whose turn it is: the input whose marker has the least time, when every input that goes on has one;
/// of equals the first.
fn next(feeds: &[Feed]) -> Option<usize> {
    let full = feeds.iter().position(|feed| feed.waiting > AHEAD);
    if feeds.iter().any(|feed| feed.ready.is_empty() && !feed.ended) && full.is_none() {
        return None;
    }
    let ready =
        feeds.iter().enumerate().filter_map(|(place, feed)| Some((place, feed.ready.front()?)));
    let least = ready.min_by(|a, b| a.1.ts.cmp(&b.1.ts).then(a.0.cmp(&b.0)));
    full.or(least.map(|least| least.0))
}

/// Takes what any input has that may be ahead, and waits for a while when there is nothing.
fn wait(feeds: &mut [Feed]) {
    let open: Vec<usize> = feeds
        .iter()
        .enumerate()
        .filter(|(_, feed)| !feed.ended && feed.waiting <= AHEAD)
        .map(|(place, _)| place)
        .collect();
    let mut select = Select::new();
    let receivers: Vec<_> = open
        .iter()
        .filter_map(|place| feeds.get(*place))
        .map(|feed| feed.receiver.clone())
        .collect();
    for receiver in &receivers {
        select.recv(receiver);
    }
    let Ok(ready) = select.select_timeout(LISTEN) else { return };
    let Some((place, receiver)) = open.get(ready.index()).zip(receivers.get(ready.index())) else {
        return;
    };
    let lines = ready.recv(receiver);
    if let Some(feed) = feeds.get_mut(*place) {
        match lines {
            Ok(lines) => feed.take(lines),
            Err(_) => feed.end(),
        }
    }
}

/// The positions of a checkpoint; none where there is no such file.
fn positions(checkpoint: Option<&PathBuf>) -> Result<Option<Vec<Marker>>> {
    let open = |path: &PathBuf| super::checkpoint::Checkpoint::open(path);
    Ok(checkpoint.map(open).transpose()?.map(|checkpoint| checkpoint.positions().to_vec()))
}

/// Appends to a file beside the output, and makes it durable where it can be.
fn append(name: &str, file: &mut File, bytes: &[u8]) -> Result<()> {
    file.write_all(bytes).map_err(|error| Error::io(name, error))
}

#[cfg(test)]
mod tests;
