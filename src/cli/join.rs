//! `ums-join`: streams in, one stream of what their rows are together out. Uses every layer. The loop
//! is in `flow::join`; not hot.

mod args;
mod lookup;
mod page;

use std::fs::{File, OpenOptions};
use std::sync::Arc;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::progress::Progress;
use super::signal::Stop;
use super::{Outcome, Tool, apart, message};
use crate::endpoint;
use crate::error::{Error, Kind, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::filter::Bad;
use crate::flow::join::{Folder, Plan, State, Summary, run as flow};
use crate::flow::stats::Counters;
use crate::store::runs::Place;
use crate::ums::checkpoint_text;

pub use args::Args;

/// The tool.
pub const TOOL: Tool = Tool {
    name: "ums-join",
    about: "put UMS streams together: union, aggregates over windows, joins of streams, lookups",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.kafka.client.shown()? {
        return Ok(Outcome::Done);
    }
    if args.position {
        return position(&args);
    }
    if args.lookups.check {
        message::data(args.lookups.try_out()?.as_bytes())?;
        return Ok(Outcome::Done);
    }
    let stop = Stop::install(true)?;
    let operation = match &args.lookups.lookup {
        Some(_) => Box::new(args.lookups.operation(&args, stop.flag())?),
        None => args.operation()?,
    };
    let aside = match args.on_bad_line.as_str() {
        "stop" | "skip" => None,
        path => Some(("--on-bad-line", path)),
    };
    let late = args.late.as_deref().map(|path| ("--late", path));
    let outputs = [("--to", args.to.as_str())].into_iter().chain(aside).chain(late);
    apart::check(args.from.iter().map(String::as_str), outputs)?;
    let append = |path: &String| -> Result<(String, File)> {
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|error| Error::io(format_args!("{path}: cannot open"), error))?;
        Ok((path.clone(), file))
    };
    let bad = match args.on_bad_line.as_str() {
        "" => return Err(Error::usage("--on-bad-line: stop, skip or the name of a file")),
        "stop" => Bad::Stop,
        "skip" => Bad::Skip,
        _ => {
            let (path, file) = append(&args.on_bad_line)?;
            Bad::Keep(path, file)
        }
    };
    let late = args.late.as_ref().map(append).transpose()?;
    let state = match &args.state {
        None => None,
        Some(path) => Some(State {
            folder: Folder::open(path, args.made_with())?,
            every: args.state_every,
            checkpoint: args.checkpoint.clone(),
        }),
    };
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    let mut settings = args.kafka.settings(stop.flag())?;
    args.consuming.add_to(&mut settings, checkpoint.as_ref());
    if let Some(state) = state.as_ref().filter(|state| state.checkpoint.is_none()) {
        // The state has the rows up to here; a group may have been told less before a kill.
        settings.saved = state.folder.position(None).to_vec();
    }
    settings.confirm.clone_from(&args.checkpoint);
    let open = |from: &String| {
        args.consuming.check(from)?;
        endpoint::input_with(from, &settings)
    };
    let inputs = args.from.iter().map(open).collect::<Result<_>>()?;
    if let Some(folder) = &args.spill_dir {
        Place::Nameless(folder.clone()).probe()?;
    }
    let mut out = endpoint::output_with(&args.to, &settings)?;
    let counters = Arc::new(Counters::default());
    let progress = Progress::start(args.progress, Arc::clone(&counters), args.to == "-");
    let result = flow(Plan {
        inputs,
        out: out.as_mut(),
        operation,
        lateness: args.lateness.unwrap_or(0),
        close: match args.at_end.as_deref() {
            Some(how) => how == "close",
            None => args.state.is_none(),
        },
        bad,
        late,
        state,
        memory: usize::try_from(args.memory).unwrap_or(usize::MAX),
        spill: args.spill_dir.clone().unwrap_or_else(std::env::temp_dir),
        max_line: usize::try_from(args.max_line).unwrap_or(usize::MAX),
        stop: stop.flag(),
        counters,
        note: &mut |text| message::warn(text),
    });
    progress.finish();
    let summary = match result {
        // Whoever stops does not wait for a store that is gone. No marker says that its rows came.
        Err(error) if stop.asked() && error.kind() == Kind::Unreachable => {
            message::warn(error);
            return Ok(stop.outcome(Outcome::Done));
        }
        result => result?,
    };
    tell(&summary);
    Ok(stop.outcome(if summary.bad > 0 { Outcome::Rejected(summary.bad) } else { Outcome::Done }))
}

fn tell(summary: &Summary) {
    for (count, what) in [
        (summary.late, "rows that came too late"),
        (summary.unknown, "updates and deletes of rows that are not known any more"),
        (summary.alerts, "left rows that found nothing in their time"),
        (summary.bad, "lines left out because they could not be taken"),
    ] {
        if count > 0 {
            message::warn(format_args!("{what}: {count}"));
        }
    }
}

/// Prints where the inputs must start.
fn position(args: &Args) -> Result<Outcome> {
    let Some(path) = &args.state else { return Err(Error::usage("--position needs --state")) };
    let folder = Folder::open(path, args.made_with())?;
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    let positions = checkpoint.as_ref().map(Checkpoint::positions);
    if folder.is_empty() && positions.is_some_and(|positions| !positions.is_empty()) {
        message::warn(format_args!(
            "{}: no state is there, so inputs that start here begin anew",
            path.display()
        ));
    }
    message::data(checkpoint_text(folder.position(positions)).as_bytes())?;
    Ok(Outcome::Done)
}
