//! How far it is: a bar on a terminal, else one line of counts at the end. Uses `flow::stats`.
//! Not hot: it looks at the counters a few times a second.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::message;
use crate::flow::stats::Counters;

/// The option that silences progress, for flattening into a tool's arguments.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
#[command(next_help_heading = super::doc::GENERAL)]
pub struct Args {
    /// No progress bar and no closing line of counts
    ///
    /// Warnings and errors are still said.
    #[arg(short, long)]
    pub quiet: bool,
}

/// How often the bar is redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Progress of one run, on standard error.
#[derive(Debug)]
pub struct Progress {
    counters: Arc<Counters>,
    start: Instant,
    quiet: bool,
    bar: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to show the counters. There is a bar on a terminal and without `--quiet`, unless rows
    /// run over the same terminal (`rows_to_stdout`), or a command upstream in the pipe, which knows
    /// the size, draws one already.
    pub fn start(args: Args, counters: Arc<Counters>, rows_to_stdout: bool) -> Self {
        let covered = rows_to_stdout && std::io::stdout().is_terminal();
        let wanted = message::live_terminal() && !args.quiet && !covered && !behind_a_pipe();
        let bar = wanted.then(|| draw(Arc::clone(&counters))).flatten();
        Self { counters, start: Instant::now(), quiet: args.quiet, bar }
    }

    /// Takes the bar away and says the closing line.
    pub fn finish(self) {
        if let Some((stop, thread)) = self.bar {
            drop(stop);
            let _ = thread.join();
            message::set_bar(None);
        }
        if !self.quiet {
            let [rows, messages, ..] = self.counters.read();
            message::note(closing(rows, messages, self.start.elapsed()));
        }
    }
}

fn behind_a_pipe() -> bool {
    let stdin = std::fs::metadata("/dev/stdin");
    stdin.is_ok_and(|stdin| std::os::unix::fs::FileTypeExt::is_fifo(&stdin.file_type()))
}

/// A thread of its own draws, so that no working thread ever waits for a terminal.
fn draw(counters: Arc<Counters>) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel();
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    message::set_bar(Some(bar.clone()));
    let thread = std::thread::Builder::new().name("progress".into()).spawn(move || {
        let mut sized = false;
        let mut rate = Rate::new();
        bar.set_style(style("{spinner} {elapsed} {wide_msg}"));
        while stopped.recv_timeout(REDRAW) == Err(RecvTimeoutError::Timeout) {
            let [rows, _, bytes_in, bytes_total] = counters.read();
            if bytes_total > 0 && !sized {
                bar.set_style(style("{bar:24} {percent:>3}% {wide_msg}"));
                sized = true;
            }
            if sized {
                bar.set_length(bytes_total);
                bar.set_position(bytes_in.min(bytes_total));
            }
            bar.set_message(rate.text(rows, bytes_in, bytes_total));
            bar.tick();
        }
        bar.finish_and_clear();
    });
    thread.ok().map(|thread| (stop, thread))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The speed of late, not of the whole run: a stall should be seen.
#[derive(Debug)]
struct Rate {
    since: Instant,
    rows: u64,
    bytes: u64,
    rows_per_second: f64,
    bytes_per_second: f64,
}

impl Rate {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            rows: 0,
            bytes: 0,
            rows_per_second: 0.0,
            bytes_per_second: 0.0,
        }
    }

    fn text(&mut self, rows: u64, bytes: u64, total: u64) -> String {
        let seconds = self.since.elapsed().as_secs_f64();
        if seconds >= 0.5 {
            self.rows_per_second = rows.saturating_sub(self.rows) as f64 / seconds;
            self.bytes_per_second = bytes.saturating_sub(self.bytes) as f64 / seconds;
            (self.since, self.rows, self.bytes) = (Instant::now(), rows, bytes);
        }
        let mut text = format!(
            "{} rows, {} rows/s, {:.1} MB/s",
            grouped(rows),
            grouped(self.rows_per_second as u64),
            self.bytes_per_second / 1e6
        );
        if total > bytes && self.bytes_per_second >= 1.0 {
            let left = ((total - bytes) as f64 / self.bytes_per_second).ceil();
            if let Ok(left) = Duration::try_from_secs_f64(left) {
                text.push_str(&format!(", {} left", HumanDuration(left)));
            }
        }
        text
    }
}

fn closing(rows: u64, messages: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { (rows as f64 / seconds) as u64 } else { 0 };
    format!(
        "{} rows, {} messages, {seconds:.1} s, {} rows/s",
        grouped(rows),
        grouped(messages),
        grouped(rate)
    )
}

/// `12,345,678`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let numbers = [0, 999, 1000, 12_345, 999_999, 1_234_567];
        let texts = numbers.map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "999,999", "1,234,567"]);
    }

    #[test]
    fn the_closing_line() {
        let line = closing(12_345, 67, Duration::from_millis(1200));
        assert_eq!(line, "12,345 rows, 67 messages, 1.2 s, 10,287 rows/s");
        assert_eq!(closing(0, 0, Duration::ZERO), "0 rows, 0 messages, 0.0 s, 0 rows/s");
    }

    #[test]
    fn a_rate_and_what_is_left() {
        let mut rate = Rate::new();
        rate.since = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        // A little more than two seconds have passed, so a little more than four are left; on a busy
        // machine both are more.
        let text = rate.text(2000, 4_000_000, 12_000_000);
        let left = text.strip_suffix(" seconds left").and_then(|text| text.rsplit(' ').next());
        let left: u32 = left.and_then(|text| text.parse().ok()).unwrap_or_default();
        assert!(text.starts_with("2,000 rows, ") && (5..60).contains(&left), "{text}");
    }
}
