//! `ums-filter`: a stream of messages in, the rows that pass out. Uses every layer. The loop is in
//! `flow::filter`; not hot.

mod args;
mod page;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Arc;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::progress::Progress;
use super::signal::Stop;
use super::{Outcome, Tool, apart, kafka, message};
use crate::endpoint;
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::filter::{Bad, Plan, run as flow, schemas};
use crate::flow::stats::Counters;
use crate::mask::Masks;
use crate::op::Stage;
use crate::op::dialect::Wants;
use crate::op::filter::Filtering;
use crate::op::gather::Gather;
use crate::op::mask::Masking;
use crate::op::show::{Flat, Table, describe};
use crate::ums::Op;

pub use args::Args;
use args::OnBadLine;

/// The tool.
pub const TOOL: Tool = Tool {
    name: "ums-filter",
    about: "let rows of a UMS stream pass by SQL conditions, and choose and compute their columns",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.kafka.client.shown()? {
        return Ok(Outcome::Done);
    }
    let filter = Filtering::new(args.rules()?);
    let masks = args.mask.load(&[])?;
    if masks.is_some() && matches!(args.on_bad_line, OnBadLine::File(_)) {
        return Err(Error::usage(
            "--on-bad-line FILE would keep lines with their clear text beside --mask",
        )
        .advise("stop or skip; or keep them with an ums-filter in front that has no masks"));
    }
    // Where a set is kept or asked for, before images are of use.
    let befores = args.keep_set || args.ops.contains(&Op::Before);
    // A hash of values that are to be masked would tell something of them.
    let wants = Wants { befores, hashes: masks.is_none() };
    let before = args.dialect_in.map(|dialect| (dialect.make)(wants));
    if args.schema || args.check {
        return look(&args, filter, before, masks);
    }
    let after: Option<Box<dyn Stage>> = match args.out {
        Some(dialect) => Some((dialect.make)()),
        None if args.flat => Some(Box::new(Flat::default())),
        None if args.table => {
            let colour = args.to == "-" && message::colour(&std::io::stdout());
            Some(Box::new(Table::new(colour)))
        }
        // Other dialects have one row a line.
        None if before.is_some() => Some(Box::new(Gather::default())),
        None => None,
    };
    let aside = match &args.on_bad_line {
        OnBadLine::File(path) => Some(("--on-bad-line", path.as_str())),
        _ => None,
    };
    apart::check([args.from.as_str()], [("--to", args.to.as_str())].into_iter().chain(aside))?;
    let bad = match &args.on_bad_line {
        OnBadLine::Stop => Bad::Stop,
        OnBadLine::Skip => Bad::Skip,
        OnBadLine::File(path) => {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let file =
                file.map_err(|error| Error::io(format_args!("{path}: cannot open"), error))?;
            Bad::Keep(path.clone(), file)
        }
    };
    let foreign = args.out.is_some_and(|dialect| dialect.name != "dbus");
    if (foreign || args.flat || args.table) && kafka::is_topic(&args.to) {
        return Err(Error::usage(format!("--to {}: a topic takes UMS messages", args.to))
            .advise("leave out --out, --flat and --table, or pipe the lines into kcat -P"));
    }
    let stop = Stop::install(true)?;
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    args.consuming.check(&args.from)?;
    let mut settings = args.kafka.settings(stop.flag())?;
    args.consuming.add_to(&mut settings, checkpoint.as_ref());
    settings.confirm.clone_from(&args.checkpoint);
    if args.kafka.transactional.is_some() && kafka::is_group(&args.from) {
        if args.limit.is_some() {
            return Err(Error::usage(
                "--limit: a transaction ends with the offsets of all its rows, not between two of them",
            )
            .advise("leave out --limit, --transactional or the group"));
        }
        kafka::keep_offsets(&mut settings);
    }
    if args.to == "-" && args.checkpoint.is_none() && kafka::is_group(&args.from) {
        message::warn(
            "a pipe gives no receipt, so the group gets no offsets; name the checkpoint of the \
             command at its end by --checkpoint",
        );
    }
    let input = endpoint::input_with(&args.from, &settings)?;
    let mut out = endpoint::output_with(&args.to, &settings)?;
    let counters = Arc::new(Counters::default());
    let progress = Progress::start(args.progress, Arc::clone(&counters), args.to == "-");
    let result = flow(Plan {
        input,
        out: out.as_mut(),
        before,
        filter,
        after,
        masking: masks.clone().map(Masking::new),
        bad,
        max_line: usize::try_from(args.max_line).unwrap_or(usize::MAX),
        checkpoint,
        stop: stop.flag(),
        counters,
        note: &mut |text| message::warn(text),
    });
    progress.finish();
    let summary = result?;
    if let Some(masks) = masks.filter(|_| summary.ended && summary.rows_in > 0) {
        masks.all_met("no such table was in the stream")?;
    }
    if summary.bad > 0 {
        message::warn(format_args!(
            "lines left out because they could not be filtered: {}",
            summary.bad
        ));
        return Ok(stop.outcome(Outcome::Rejected(summary.bad)));
    }
    Ok(stop.outcome(Outcome::Done))
}

/// Says what the options make of each schema of the input.
fn look(
    args: &Args,
    filter: Filtering,
    before: Option<Box<dyn Stage>>,
    masks: Option<Arc<Masks>>,
) -> Result<Outcome> {
    let input = endpoint::input(&args.from)?;
    let mut out = endpoint::output(&args.to)?;
    let stop = Stop::install(true)?;
    let mut wrong = 0;
    let longest = usize::try_from(args.max_line).unwrap_or(usize::MAX);
    let masking = masks.clone().map(Masking::new);
    schemas(input, before, masking, filter, longest, &stop.flag(), |found| {
        let text = match found {
            Ok(schema) if args.schema => describe(schema),
            Ok(schema) => format!("ok  {}\n", schema.namespace),
            Err(error) if args.schema => return Err(error),
            Err(error) => {
                wrong += 1;
                message::say(error);
                return Ok(());
            }
        };
        let result = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        result.map_err(|error| Error::io("cannot write the output", error))
    })?;
    out.sync()?;
    if let Some(masks) = masks {
        masks.all_met("no such table was in the stream")?;
    }
    if wrong > 0 {
        return Err(Error::refused(format!("the options do not fit {wrong} of the schemas")));
    }
    Ok(stop.outcome(Outcome::Done))
}
