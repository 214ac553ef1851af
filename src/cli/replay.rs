//! `ums-replay`: a Parquet log back into messages. Uses every layer. The loop is in `flow::replay`;
//! not hot.

mod args;
mod page;

use std::sync::Arc;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::progress::Progress;
use super::signal::Stop;
use super::{Outcome, Tool, message};
use crate::columnar::parse::stamp;
use crate::endpoint;
use crate::error::{Error, Result};
use crate::flow::replay::files::{Files, Table, in_folder, list, unmet};
use crate::flow::replay::{Filling, Plan, probe_spill, run as flow};
use crate::flow::stats::Counters;
use crate::store::{PLACES, Tree};
use crate::url::Url;

pub use args::Args;

/// The tool.
pub const TOOL: Tool = Tool {
    name: "ums-replay",
    about: "give a Parquet log back as UMS messages: all of it, as of a moment, or as a history",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.kafka.client.shown()? {
        return Ok(Outcome::Done);
    }
    let tree = open(&args.log)?;
    expect_damage();
    if args.check {
        return check(&args, &tree);
    }
    if args.dry_run {
        return dry_run(&args, &tree);
    }
    let spill = args.spill_dir.clone().unwrap_or_else(std::env::temp_dir);
    probe_spill(&spill)?;
    let stop = Stop::install(true)?;
    let mut out = endpoint::output_with(&args.to, &args.kafka.settings(stop.flag())?)?;
    let counters = Arc::new(Counters::default());
    let progress = Progress::start(args.progress, Arc::clone(&counters), args.to == "-");
    let result = flow(Plan {
        tree,
        wanted: args.wanted(),
        question: args.question(),
        keys: args.keys.clone(),
        out: out.as_mut(),
        filling: Filling { rows: args.batch_rows.get(), bytes: saturated(args.batch_bytes) },
        memory: saturated(args.memory),
        spill,
        stop: stop.flag(),
        counters,
        note: &mut |text| message::warn(text),
    });
    progress.finish();
    let summary = result?;
    if summary.doubles > 0 {
        message::note(format_args!(
            "{} rows were in the log more than once and have been given once",
            summary.doubles
        ));
    }
    Ok(stop.outcome(Outcome::Done))
}

/// Some damage makes the crate that reads Parquet panic. That becomes an error with the file's name
/// and the same text, so it is not said twice.
fn expect_damage() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        let reader = std::thread::current().name().is_some_and(|name| name.starts_with("replay-"));
        if !reader && !about.location().is_some_and(|at| at.file().contains("/parquet-")) {
            usual(about);
        }
    }));
}

fn saturated(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The log at an address.
fn open(address: &str) -> Result<Tree> {
    let url = Url::parse(address)?;
    if url.scheme() != "parquet" {
        return Err(Error::usage(format!("{url}: is no Parquet log")).advise("write parquet:DIR"));
    }
    url.check_options(&[])?;
    if url.authority().is_some() {
        return Err(Error::usage(format!("{url}: {PLACES}")));
    }
    let tree = Tree::at(url.path())?;
    if !tree.is_local() {
        // Elsewhere a folder that holds nothing is not told from one that is not there.
        return if tree.list("")?.is_empty() {
            Err(Error::unreachable(format!("{url}: holds nothing")).advise("see to the address"))
        } else {
            Ok(tree)
        };
    }
    match tree.root().metadata() {
        Ok(found) if found.is_dir() => Ok(tree),
        Ok(_) => Err(Error::usage(format!("{}: is no folder", url.path()))),
        Err(error) => Err(Error::io(url.path(), error)),
    }
}

/// `--dry-run`: the files that would be read.
fn dry_run(args: &Args, tree: &Tree) -> Result<Outcome> {
    let wanted = args.wanted();
    let mut text = String::new();
    for table in list(tree, &wanted)? {
        for (_, folder) in &table.versions {
            for named in in_folder(tree, folder, &wanted.bounds)?.1 {
                text.push_str(&named.file.path);
                text.push('\n');
            }
        }
    }
    message::data(text.as_bytes())?;
    Ok(Outcome::Done)
}

/// `--check`: reads the end of every file and says what there is.
fn check(args: &Args, tree: &Tree) -> Result<Outcome> {
    probe_spill(&args.spill_dir.clone().unwrap_or_else(std::env::temp_dir))?;
    let wanted = args.wanted();
    let tables = list(tree, &wanted)?;
    for text in unmet(tree, &wanted.patterns)? {
        message::warn(text);
    }
    if tables.is_empty() {
        message::data(b"no file of the log is asked for\n")?;
    }
    let versions = tables.into_iter().flat_map(|table| table.versions);
    for (namespace, folder) in versions {
        let (_, named) = in_folder(tree, &folder, &wanted.bounds)?;
        let one = Table { versions: vec![(namespace.clone(), folder)], bytes: 0 };
        let files = Files::open(tree, &one, &wanted.bounds)?;
        let (mut ids, mut times) = ((i64::MAX, i64::MIN), (i64::MAX, i64::MIN));
        for file in named {
            ids = (ids.0.min(file.ids.0), ids.1.max(file.ids.1));
            times = (times.0.min(file.times.0), times.1.max(file.times.1));
        }
        let line = format!(
            "{namespace}: {} rows in {} files, ids {} to {}, times {} to {}\n",
            files.rows(),
            files.len(),
            ids.0,
            ids.1,
            stamp(times.0),
            stamp(times.1)
        );
        message::data(line.as_bytes())?;
    }
    Ok(Outcome::Done)
}
