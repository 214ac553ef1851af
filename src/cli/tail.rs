//! `dbus-tail`: a MySQL or MariaDB log as UMS. Uses every layer. The loop is in `flow::tail`; not
//! hot here.

pub(crate) mod args;
mod inspect;
mod open;
mod page;
pub(crate) mod place;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::progress::Progress;
use super::signal::Stop;
use super::{Outcome, Tool, message};
use crate::endpoint;
use crate::endpoint::binlog::{OnChange, Options, Published, SchemaChange};
use crate::error::{Error, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::stats::Counters;
use crate::flow::tail::{Plan, run as flow};
use crate::line::output::Output;
use crate::mysql::charset::Bad;
use crate::ums::Marker;

pub use args::Args;
use args::{BadText, Source};

/// The tool.
pub const TOOL: Tool = Tool {
    name: "dbus-tail",
    about: "turn a MySQL or MariaDB binary log into UMS messages",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.around.kafka.client.shown()? {
        return Ok(Outcome::Done);
    }
    let source = args.source()?;
    if args.check {
        return inspect::check(&args, &source);
    }
    if args.audit {
        return inspect::audit(&source, &args);
    }
    if args.at.is_some() {
        return inspect::at(&args, &source);
    }
    follow(&args, &source)
}

fn follow(args: &Args, source: &Source) -> Result<Outcome> {
    let checkpoint = args.checkpoint.as_ref().map(Checkpoint::open).transpose()?;
    let stop = Stop::install(true)?;
    let mut out = endpoint::output_with(&args.to, &args.around.kafka.settings(stop.flag())?)?;
    let held;
    let known = match &checkpoint {
        Some(checkpoint) => checkpoint.positions(),
        None => {
            held = held_by(out.as_mut(), &open::source_name(args, source)?)?;
            &held
        }
    };
    // A part of a log may well lack a table that the whole has.
    let fresh = known.is_empty();
    let mut opened = open::open(args, source, known)?;
    let to_stdout = args.to == "-";
    let counters = Arc::new(Counters::default());
    let on_change = args.on_schema_change.clone().map(|command| -> OnChange {
        Box::new(move |change| {
            message::warn(change);
            on_change(&command, change)
        })
    });
    let masks = args.around.mask.load(&[])?;
    let publisher = opened.publisher(args, out, on_change, masks.clone())?;
    let progress = Progress::start(args.around.progress, Arc::clone(&counters), to_stdout);
    let result = flow(Plan {
        log: opened.log,
        assembler: opened.assembler,
        publisher,
        checkpoint,
        stop: stop.flag(),
        live: opened.live,
        prompt: opened.prompt,
        counters: Arc::clone(&counters),
        note: &mut |text| message::warn(text),
    });
    progress.finish();
    result?;
    for pattern in args.tables.iter().filter(|pattern| fresh && !stop.asked() && !pattern.is_met())
    {
        message::warn(format_args!("--tables {pattern}: no such table was in the log"));
    }
    if let Some(masks) =
        masks.filter(|_| !stop.asked() && counters.rows.load(Ordering::Relaxed) > 0)
    {
        masks.all_met("no rows of such a table were in the log")?;
    }
    Ok(stop.outcome(Outcome::Done))
}

/// Where to go on by what the destination holds itself.
fn held_by(out: &mut dyn Output, source: &str) -> Result<Vec<Marker>> {
    let held = out.position(source)?;
    if let Some(marker) = &held {
        message::note(format_args!(
            "going on behind the newest marker in the destination: {}:{}",
            marker.file, marker.pos
        ));
    }
    Ok(held.into_iter().collect())
}

/// Whether the arguments ask for a table.
fn captures(args: &Args) -> impl Fn(&str, &str) -> bool + Send + use<> {
    let (tables, exclude) = (args.tables.clone(), args.exclude.clone());
    let everything = tables.is_empty();
    move |schema, table| {
        // All of them, so that each one that takes a table is known to.
        let named = tables.iter().filter(|pattern| pattern.matches(schema, table)).count() > 0;
        // The servers' own schemas only when they are asked for.
        let own = matches!(schema, "mysql" | "sys" | "performance_schema" | "information_schema");
        (named || (everything && !own))
            && !exclude.iter().any(|pattern| pattern.matches(schema, table))
    }
}

/// The names and limits that the arguments give.
fn options(args: &Args, source: String, base: u64) -> Options {
    let (shards, schema_shards) = (args.shard.clone(), args.shard_schema.clone());
    Options {
        source,
        dialect: args.ums,
        batch_rows: args.batch_rows.get(),
        batch_bytes: usize::try_from(args.batch_bytes).unwrap_or(usize::MAX),
        before: args.before,
        ordered: args.ordered,
        bad_text: match args.bad_text {
            BadText::Stop => Bad::Stop,
            BadText::Replace => Bad::Replace,
        },
        base,
        capture: Box::new(captures(args)),
        logical: Box::new(move |schema, table| {
            let part = |rules: &[crate::cli::value::Shard], name: &str| {
                let found = rules.iter().find_map(|rule| rule.apply(name));
                match found {
                    Some((logical, shard)) => (logical.to_owned(), shard.to_owned()),
                    None => (name.to_owned(), "0".to_owned()),
                }
            };
            let (schema, schema_shard) = part(&schema_shards, schema);
            let (table, table_shard) = part(&shards, table);
            Published { schema, table, schema_shard, table_shard }
        }),
        masks: None,
    }
}

/// Runs the command of --on-schema-change and waits for it.
fn on_change(command: &str, change: &SchemaChange) -> Result<()> {
    let status = Command::new("sh")
        .args(["-c", command])
        .env("DWS_NAMESPACE", &change.namespace)
        .env("DWS_CHANGE", &change.what)
        .env("DWS_FILE", &change.file)
        .env("DWS_POS", change.offset.to_string())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .map_err(|error| Error::io("--on-schema-change", error))?;
    if status.success() {
        return Ok(());
    }
    Err(Error::refused(format!("the command of --on-schema-change failed ({status})"))
        .advise("start again with the same --checkpoint when the change has been dealt with"))
}
