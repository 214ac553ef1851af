//! How far a pull is, for people and monitors: bars on a terminal, a status file, the closing line.
//! Uses `cli::message`, `flow::pull::board`. Not hot: it looks a few times a second.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::args::Args;
use super::open::Opened;
use crate::cli::message;
use crate::cli::progress::grouped;
use crate::error::{Error, Result};
use crate::flow::pull::board::{Board, TableBoard};

/// How often bars are redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// How often the status file is written.
const STATUS: Duration = Duration::from_secs(1);

/// Tables that have a bar of their own at a time.
const BARS: usize = 8;

/// What is shown of a run.
pub(super) struct Shown {
    board: Arc<Board>,
    start: Instant,
    quiet: bool,
    status: Option<PathBuf>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Shown {
    /// Begins to show.
    ///
    /// # Errors
    /// `Unreachable` when the status file cannot be written.
    pub(super) fn start(args: &Args, opened: &Opened) -> Result<Self> {
        let tables = opened.setup.tables.iter().zip(&opened.estimates);
        let tables = tables.map(|((name, _), estimate)| TableBoard {
            name: name.to_string(),
            estimate: *estimate,
            ..TableBoard::default()
        });
        let board = Arc::new(Board::new(tables.collect()));
        let covered = args.to == "-" && std::io::IsTerminal::is_terminal(&std::io::stdout());
        let bars = message::live_terminal() && !args.around.progress.quiet && !covered;
        let (start, status) = (Instant::now(), args.status_file.clone());
        if let Some(path) = &status {
            write_status(path, &board, start, "running")?;
        }
        let thread =
            (bars || status.is_some()).then(|| show(&board, start, bars, status.clone())).flatten();
        Ok(Self { board, start, quiet: args.around.progress.quiet, status, thread })
    }

    /// The counters.
    pub(super) fn board(&self) -> &Board {
        &self.board
    }

    /// Takes the bars away, writes the status for the last time and says the closing line.
    pub(super) fn finish(self, done: bool) -> Result<()> {
        if let Some((stop, thread)) = self.thread {
            drop(stop);
            let _ = thread.join();
            message::set_bar(None);
        }
        // A pull that failed before its first row has nothing to sum up.
        let begun = done || self.board.totals().iter().any(|count| *count > 0);
        if !self.quiet && begun {
            message::note(closing(&self.board, self.start.elapsed()));
        }
        let all = self.board.tables.iter().all(|table| table.ended.load(Ordering::Relaxed));
        let state = if done && all {
            "done"
        } else if done {
            "stopped"
        } else {
            "failed"
        };
        match &self.status {
            Some(path) => write_status(path, &self.board, self.start, state),
            None => Ok(()),
        }
    }
}

/// A thread of its own shows, so that no working thread ever waits for a terminal.
fn show(
    board: &Arc<Board>,
    start: Instant,
    bars: bool,
    status: Option<PathBuf>,
) -> Option<(Sender<()>, JoinHandle<()>)> {
    let board = Arc::clone(board);
    let (stop, stopped) = channel();
    let mut drawn = bars.then(Bars::new);
    let thread = std::thread::Builder::new().name("progress".into()).spawn(move || {
        let mut written = Instant::now();
        while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
            if let Some(drawn) = &mut drawn {
                drawn.draw(&board, start.elapsed());
            }
            if let Some(path) = status.as_ref().filter(|_| written.elapsed() >= STATUS) {
                // The end of the run says if it cannot be written.
                let _ = write_status(path, &board, start, "running");
                written = Instant::now();
            }
        }
        if let Some(drawn) = drawn {
            drawn.clear();
        }
    });
    thread.ok().map(|thread| (stop, thread))
}

/// One line for all, and one for each table that is being pulled.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    tables: Vec<(usize, ProgressBar)>,
    rows: u64,
    since: Instant,
    rate: f64,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let total = all.add(ProgressBar::new(0));
        total.set_style(style("{bar:24} {percent:>3}% {wide_msg}"));
        message::set_bar(Some(total.clone()));
        Self { all, total, tables: Vec::new(), rows: 0, since: Instant::now(), rate: 0.0 }
    }

    fn draw(&mut self, board: &Board, elapsed: Duration) {
        let [rows, done, shards] = board.totals();
        let seconds = self.since.elapsed().as_secs_f64();
        if seconds >= 0.5 {
            self.rate = rows.saturating_sub(self.rows) as f64 / seconds;
            (self.rows, self.since) = (rows, Instant::now());
        }
        let whole: u64 = board.tables.iter().map(size).sum();
        self.total.set_length(whole.max(1));
        self.total.set_position(rows.min(whole));
        let mut text = format!(
            "{} rows, {done}/{shards} shards, {} rows/s, {}",
            grouped(rows),
            grouped(self.rate as u64),
            HumanDuration(elapsed)
        );
        if self.rate >= 1.0
            && let Ok(left) =
                Duration::try_from_secs_f64((whole.saturating_sub(rows) as f64 / self.rate).ceil())
        {
            text.push_str(&format!(", {} left", HumanDuration(left)));
        }
        let waits = board.waits();
        if !waits.is_empty() {
            text.push_str(&format!(", waiting: {waits}"));
        }
        self.total.set_message(text);
        if board.tables.len() > 1 {
            self.draw_tables(board);
        }
    }

    fn draw_tables(&mut self, board: &Board) {
        let active = |table: &TableBoard| {
            table.shards.load(Ordering::Relaxed) > 0 && !table.ended.load(Ordering::Relaxed)
        };
        self.tables.retain(|(index, bar)| {
            let stays = board.tables.get(*index).is_some_and(active);
            if !stays {
                bar.finish_and_clear();
                self.all.remove(bar);
            }
            stays
        });
        for (index, table) in board.tables.iter().enumerate().filter(|(_, table)| active(table)) {
            let known = self.tables.iter().position(|(known, _)| *known == index);
            let at = match known {
                Some(at) => at,
                None if self.tables.len() < BARS => {
                    let bar = self.all.add(ProgressBar::new(0));
                    bar.set_style(style("  {bar:22} {percent:>3}% {wide_msg}"));
                    self.tables.push((index, bar));
                    self.tables.len() - 1
                }
                None => continue,
            };
            let Some((_, bar)) = self.tables.get(at) else { continue };
            let rows = table.rows.load(Ordering::Relaxed);
            bar.set_length(size(table).max(1));
            bar.set_position(rows.min(size(table)));
            bar.set_message(format!(
                "{}: {} rows, {}/{}{} shards",
                table.name,
                grouped(rows),
                table.done.load(Ordering::Relaxed),
                table.shards.load(Ordering::Relaxed),
                if table.planned.load(Ordering::Relaxed) { "" } else { "+" },
            ));
        }
    }

    fn clear(self) {
        for (_, bar) in &self.tables {
            bar.finish_and_clear();
        }
        self.total.finish_and_clear();
    }
}

/// Rows that a table will have given, as far as anybody knows.
fn size(table: &TableBoard) -> u64 {
    let rows = table.rows.load(Ordering::Relaxed);
    if table.ended.load(Ordering::Relaxed) { rows } else { table.estimate.max(rows) }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn closing(board: &Board, elapsed: Duration) -> String {
    let [rows, done, shards] = board.totals();
    let ended = board.tables.iter().filter(|table| table.ended.load(Ordering::Relaxed)).count();
    let (seconds, again) = (elapsed.as_secs_f64(), board.again.load(Ordering::Relaxed));
    let mut text = format!(
        "{} rows, {ended} of {} tables, {done} of {shards} shards, {} MB, {seconds:.1} s, {} rows/s",
        grouped(rows),
        board.tables.len(),
        grouped(board.bytes.load(Ordering::Relaxed) / 1_000_000),
        grouped((rows as f64 / seconds.max(0.001)) as u64)
    );
    if again > 0 {
        text.push_str(&format!(", {again} shards begun again"));
    }
    text
}

/// Writes the status: a temporary file that takes the place of the one before.
fn write_status(path: &Path, board: &Board, start: Instant, state: &str) -> Result<()> {
    let [rows, done, shards] = board.totals();
    let seconds = start.elapsed().as_secs_f64();
    let tables: Vec<_> = board
        .tables
        .iter()
        .map(|table| {
            json!({
                "table": table.name, "rows": table.rows.load(Ordering::Relaxed),
                "estimate": table.estimate, "shards": table.shards.load(Ordering::Relaxed),
                "done": table.done.load(Ordering::Relaxed),
                "planned": table.planned.load(Ordering::Relaxed),
                "ended": table.ended.load(Ordering::Relaxed),
            })
        })
        .collect();
    let text = json!({
        "state": state, "rows": rows, "shards": shards, "done": done,
        "bytes": board.bytes.load(Ordering::Relaxed),
        "messages": board.messages.load(Ordering::Relaxed),
        "again": board.again.load(Ordering::Relaxed),
        "seconds": seconds, "rows_per_second": rows as f64 / seconds.max(0.001),
        "waits": board.waits(), "tables": tables,
    });
    crate::durable::not_a_device(path, "status")?;
    let mut temporary = path.to_owned().into_os_string();
    temporary.push(".tmp");
    std::fs::write(&temporary, format!("{text}\n"))
        .and_then(|()| std::fs::rename(&temporary, path))
        .map_err(|error| {
            let text = format!("--status-file {}: cannot write: {error}", path.display());
            Error::unreachable(text).caused_by(error)
        })
}
