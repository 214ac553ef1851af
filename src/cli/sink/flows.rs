//! `ums-sink --flows`: many flows in one process. Uses `flow::flows`, `cli`. Not hot.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGHUP;

use super::args::Args;
use super::{DryRun, kept, open_input, open_rejects, say_positions, say_rejected, say_swept};
use crate::cli::progress::Progress;
use crate::cli::signal::Stop;
use crate::cli::{Outcome, message};
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::flows::config::{self, Definition};
use crate::flow::flows::{self, Plan, Summary};
use crate::flow::sink::Source;
use crate::flow::stats::Counters;
use crate::sink::{Flush, Options, Sink, Spec, Target};
use crate::ums::Marker;

/// Runs, or checks, the flows of a file.
pub(super) fn run(args: &Args, file: &Path) -> Result<Outcome> {
    let definitions = config::load(file)?;
    if args.check {
        return check(&args.options(), &definitions);
    }
    if args.position {
        return say_positions(&least(&args.options(), &definitions)?);
    }
    let checkpoint = args.checkpoint.clone().filter(|_| !args.dry_run);
    if checkpoint.is_some() {
        for definition in &definitions {
            let (spec, target) = definition.target(&Options::default())?;
            if spec.flush == Flush::Cheap {
                return Err(Error::usage(format!(
                    "--checkpoint: flow {}: {} is never durable",
                    definition.name, target.url
                )));
            }
        }
    }
    let begin = checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    let input = open_input(args, begin.as_ref())?;
    let rejects = open_rejects(args)?;
    let stop = Stop::install(false)?;
    let reload = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGHUP, Arc::clone(&reload))
        .map_err(|error| Error::io("cannot handle SIGHUP", error))?;
    let counters = Arc::new(Counters::default());
    let to_stdout = args.dry_run
        || definitions
            .iter()
            .any(|flow| flow.target(&Options::default()).is_ok_and(|(spec, _)| spec.scheme == "-"));
    let progress = Progress::start(args.progress, Arc::clone(&counters), to_stdout);
    let result = flows::run(Plan {
        source: Source {
            input,
            max_line: usize::try_from(args.max_line).unwrap_or(usize::MAX),
            stop: stop.flag(),
            counters,
        },
        definitions,
        file: file.to_owned(),
        reload,
        checkpoint,
        options: Options { rejects: rejects.clone(), ..args.options() },
        keep_going: args.keep_going,
        open: if args.dry_run { &looking } else { &writing },
        tell: &mut |text| message::warn(text),
    });
    progress.finish();
    let rejected = say_rejected(args, &rejects);
    let summary = result?;
    if !args.dry_run {
        say(args, &summary)?;
    }
    Ok(stop.outcome(rejected))
}

fn writing(_: &str, spec: &Spec, target: &Target) -> Result<Box<dyn Sink>> {
    (spec.open)(target)
}

fn looking(name: &str, spec: &Spec, target: &Target) -> Result<Box<dyn Sink>> {
    Ok(DryRun::open(&format!("flow {name}: "), spec, target))
}

/// Of each source that all destinations have a position of, the least: what came behind it is not in
/// all of them.
fn least(options: &Options, definitions: &[Definition]) -> Result<Vec<Marker>> {
    let mut common: Option<Vec<Marker>> = None;
    for definition in definitions {
        let named = |error: Error| error.at(format_args!("flow {}", definition.name));
        let (spec, target) = definition.target(options)?;
        let found = kept(spec, &target).map_err(named)?;
        if found.is_empty() {
            message::warn(format_args!(
                "flow {}: {} has no position yet: everything is wanted",
                definition.name, target.url
            ));
        }
        common = Some(match common {
            None => found,
            Some(before) => before
                .into_iter()
                .filter_map(|marker| {
                    let same = |other: &&Marker| {
                        other.kind == marker.kind && other.source == marker.source
                    };
                    let other = found.iter().find(same)?;
                    Some(if other.id < marker.id { other.clone() } else { marker })
                })
                .collect(),
        });
    }
    Ok(common.unwrap_or_default())
}

fn check(options: &Options, definitions: &[Definition]) -> Result<Outcome> {
    for definition in definitions {
        let named = |error: Error| error.at(format_args!("flow {}", definition.name));
        let (spec, target) = definition.target(options)?;
        let found = (spec.probe)(&target).map_err(named)?;
        message::data(format!("flow {}: {found}\n", definition.name).as_bytes())?;
    }
    Ok(Outcome::Done)
}

fn say(args: &Args, summary: &Summary) -> Result<()> {
    let mut result = Ok(());
    for (name, rows, left, sweeps) in &summary.flows {
        if !args.progress.quiet {
            message::note(format_args!("flow {name}: {rows} rows"));
        }
        if *left > 0 {
            message::warn(format_args!(
                "flow {name}: {left} notices that a table lost its rows (TRUNCATE, DROP, a new name) \
                 were not applied"
            ));
        }
        result =
            result.and(say_swept(args, sweeps).map_err(|error| error.at(format!("flow {name}"))));
    }
    let (rows, tables) = summary.unmatched;
    if rows > 0 {
        message::warn(format_args!("{rows} rows of {tables} tables matched no flow"));
    }
    result
}
