//! `ums-sink`: UMS messages into a store. Uses every layer. The loop is in `flow::sink`; not hot.

mod args;
#[cfg(feature = "parquet")]
mod compact;
mod flows;
mod page;

use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::Arc;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::progress::Progress;
use super::signal::Stop;
use super::{Outcome, Tool, apart, kafka, message};
use crate::endpoint::{self, Input};
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::sink::{Plan, Source, Sweeps, run as flow};
use crate::flow::stats::Counters;
use crate::sink::{Flush, Rejects, Sink, Spec, Target, Written, check_sweep, find};
use crate::ums::marker::checkpoint_text;
use crate::ums::{Marker, Message};
use crate::url::Url;

pub use args::Args;

/// The tool.
pub const TOOL: Tool = Tool {
    name: "ums-sink",
    about: "land UMS messages in a store: each row once, whatever comes twice or late",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.kafka.shown()? {
        return Ok(Outcome::Done);
    }
    if let Some(file) = &args.flows {
        return flows::run(&args, file);
    }
    let destination = args.destination.as_deref().unwrap_or_default();
    let target = Target { url: Url::parse(destination)?, options: args.options() };
    let spec = find(&target.url)?;
    check_sweep(spec, &target)?;
    if args.check {
        let found = (spec.probe)(&target)?;
        message::data(format!("{found}\n").as_bytes())?;
        return Ok(Outcome::Done);
    }
    if args.position {
        return print_position(spec, &target);
    }
    if args.sweep && kafka::is_group(args.from.as_deref().unwrap_or("-")) {
        return Err(Error::usage("--sweep: a member of a group sees only a part of a pull")
            .advise("read the topic without a group, with --checkpoint"));
    }
    if args.compact || args.drop_before.is_some() {
        return rearrange(&args, &target);
    }
    if args.checkpoint.is_some() && spec.flush == Flush::Cheap && !args.dry_run {
        return Err(Error::usage(format!("--checkpoint: {} is never durable", target.url))
            .advise("let the command that makes the rows durable keep the position"));
    }
    land(&args, spec, target)
}

#[cfg(feature = "parquet")]
fn rearrange(args: &Args, target: &Target) -> Result<Outcome> {
    compact::run(args, target)
}

#[cfg(not(feature = "parquet"))]
fn rearrange(_: &Args, target: &Target) -> Result<Outcome> {
    Err(Error::usage(format!("{}: only the Parquet log is compacted", target.url))
        .advise("this build lacks it; build with the feature parquet"))
}

fn print_position(spec: &Spec, target: &Target) -> Result<Outcome> {
    say_positions(&kept(spec, target)?)
}

/// The positions that a destination keeps beside its rows.
fn kept(spec: &Spec, target: &Target) -> Result<Vec<Marker>> {
    let positions = spec.positions.ok_or_else(|| {
        Error::usage(format!("{}: keeps no position of its own", target.url))
            .advise("its position is in the file of --checkpoint")
    })?;
    positions(target)
}

fn say_positions(positions: &[Marker]) -> Result<Outcome> {
    let mut text = checkpoint_text(positions);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    message::data(text.as_bytes())?;
    Ok(Outcome::Done)
}

fn land(args: &Args, spec: &Spec, mut target: Target) -> Result<Outcome> {
    let mut checkpoint = match &args.checkpoint {
        Some(path) if !args.dry_run => Some(Checkpoint::open(path)?),
        _ => None,
    };
    let input = open_input(args, checkpoint.as_ref())?;
    if !args.dry_run {
        let dest = args.destination.as_deref().unwrap_or("-");
        apart::check([args.from.as_deref().unwrap_or("-")], [("DEST", dest)])?;
    }
    let rejects = open_rejects(args)?;
    target.options.rejects = rejects.clone();
    let mut sink =
        if args.dry_run { DryRun::open("", spec, &target) } else { (spec.open)(&target)? };
    let stop = Stop::install(true)?;
    let counters = Arc::new(Counters::default());
    let to_stdout = args.dry_run || target.url.scheme() == "-";
    let progress = Progress::start(args.progress, Arc::clone(&counters), to_stdout);
    let result = flow(Plan {
        source: Source {
            input,
            max_line: usize::try_from(args.max_line).unwrap_or(usize::MAX),
            stop: stop.flag(),
            counters,
        },
        flush: sink.rhythm().unwrap_or(spec.flush),
        sink: sink.as_mut(),
        checkpoint: checkpoint.as_mut(),
        rejects: rejects.clone(),
    });
    progress.finish();
    let rejected = say_rejected(args, &rejects);
    let summary = result?;
    if summary.left > 0 && !args.dry_run {
        message::warn(format_args!(
            "{} notices that a table lost its rows (TRUNCATE, DROP, a new name) were not applied: \
             such rows are still in {}",
            summary.left, target.url
        ));
    }
    if args.sweep && !args.dry_run {
        let Sweeps { swept, left } = &summary.sweeps;
        if swept.is_empty() && left.is_empty() && !summary.stopped {
            message::warn("--sweep: no pull of a table ended in this stream; nothing was swept");
        }
        say_swept(args, &summary.sweeps)?;
    }
    Ok(stop.outcome(rejected))
}

/// Says what `--sweep` did.
///
/// # Errors
/// `Refused` where a table's pull ended and it could not be swept.
fn say_swept(args: &Args, sweeps: &Sweeps) -> Result<()> {
    if !args.progress.quiet {
        for (table, rows) in &sweeps.swept {
            message::note(format_args!("{table}: {rows} rows swept"));
        }
    }
    let mut reasons =
        sweeps.left.iter().map(|(table, reason)| format!("{table}: not swept: {reason}"));
    let Some(first) = reasons.next() else { return Ok(()) };
    for reason in reasons {
        message::warn(reason);
    }
    Err(Error::refused(first).advise("the rows that came have landed; no other row was touched"))
}

/// The file of `--reject`, unless it is what the rows come from: what it is given would come round
/// for ever.
fn open_rejects(args: &Args) -> Result<Rejects> {
    let Some(path) = args.reject.as_ref().filter(|_| !args.dry_run) else {
        return Ok(Rejects::default());
    };
    let source = args.from.as_deref().unwrap_or("-");
    let shown = path.display().to_string();
    apart::check([source], [("--reject", shown.as_str())])?;
    Rejects::open(path)
}

/// Counts what was rejected, also where the run then failed.
fn say_rejected(args: &Args, rejects: &Rejects) -> Outcome {
    let (rows, path) = (rejects.rows(), args.reject.as_deref().unwrap_or("".as_ref()));
    if rows == 0 {
        return Outcome::Done;
    }
    message::warn(format_args!(
        "{rows} rows could not be stored; they are in {} with the reasons",
        path.display()
    ));
    Outcome::Rejected(rows)
}

/// Somebody at a keyboard hardly means to type messages.
fn open_input(args: &Args, checkpoint: Option<&Checkpoint>) -> Result<Input> {
    if args.from.is_none() && std::io::stdin().is_terminal() {
        return Err(Error::usage("standard input is a terminal")
            .advise("pipe messages in, name a file with --from, or write --from -"));
    }
    let from = args.from.as_deref().unwrap_or("-");
    args.consuming.check(from)?;
    let mut settings = args.kafka.settings(Arc::default())?;
    args.consuming.add_to(&mut settings, checkpoint);
    endpoint::input_with(from, &settings)
}

/// `--dry-run`: says what a sink would do, once each.
struct DryRun {
    /// What stands before each entry.
    name: String,
    plan: fn(&Target, &Message) -> Result<Vec<String>>,
    target: Target,
    shown: HashSet<String>,
}

impl DryRun {
    fn open(name: &str, spec: &Spec, target: &Target) -> Box<dyn Sink> {
        let (name, target) = (name.to_owned(), target.clone());
        Box::new(Self { name, plan: spec.plan, target, shown: HashSet::new() })
    }
}

impl Sink for DryRun {
    fn write(&mut self, message: &Message, _: &[u8]) -> Result<Written> {
        for entry in (self.plan)(&self.target, message)? {
            if self.shown.insert(entry.clone()) {
                message::data(format!("{}{entry}\n", self.name).as_bytes())?;
            }
        }
        Ok(Written::default())
    }

    fn flush(&mut self, _: &[Marker]) -> Result<bool> {
        Ok(false)
    }
}
