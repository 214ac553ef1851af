//! `logrules`: lines of logs into typed rows. Uses every layer. The loop is in `flow::rules`; not hot.

mod args;
mod open;
mod page;
mod screen;
mod trace;
mod watch;

use std::io::{IsTerminal, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::progress::Progress;
use super::signal::Stop;
use super::{Outcome, Tool, apart, message};
use crate::endpoint::{self, Input, Settings};
use crate::error::{Error, Result};
use crate::flow::rules::{Filling, Masked, Plan, run as flow};
use crate::flow::stats::Counters;
use crate::rule::cases::Cases;
use crate::rule::file::UNKNOWN;
use crate::rule::import::import as import_rules;
use crate::rule::time::Micros;
use crate::rule::{Engine, Report, Rules};

pub use args::Args;

/// The tool.
pub const TOOL: Tool = Tool {
    name: "logrules",
    about: "turn lines of logs into typed rows, by rules that can be watched at work",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.kafka.client.shown()? {
        return Ok(Outcome::Done);
    }
    let Some(path) = &args.rules else {
        return import(args.import.as_deref().unwrap_or(Path::new("")));
    };
    if let Some(sample) = &args.watch {
        return watch::watch(path, sample, &args);
    }
    let file = path.display().to_string();
    let text = read_file(&file)?;
    let rules = Rules::parse(&text, &file)?;
    if args.check {
        message::data(summary(&rules).as_bytes())?;
        return Ok(Outcome::Done);
    }
    if let Some(cases) = &args.test {
        return test(rules, &cases.display().to_string());
    }
    if let Some(sample) = &args.trace {
        let masked = masked(&args, &rules)?;
        return trace(
            (rules, masked),
            sample.as_deref().or(args.from.first().map(String::as_str)),
            &args,
        );
    }
    transform(&args, (text, file), &rules)
}

/// The masks of the command line and of the rules, at work.
fn masked(args: &Args, rules: &Rules) -> Result<Option<Masked>> {
    args.mask.load(&rules.masks)?.map(|masks| Masked::new(&masks, rules)).transpose()
}

fn saturated(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

fn read_file(path: &str) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Error::unreachable(format!("{path}: {error}")).caused_by(error))
}

fn now() -> Micros {
    micros(SystemTime::now())
}

fn micros(time: SystemTime) -> Micros {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
}

/// A stream, and when it was changed last: times without a year are near to that.
fn open_input(address: &str, settings: &Settings) -> Result<(Input, Micros)> {
    let input = endpoint::input_with(address, settings)?;
    let changed = std::fs::metadata(&input.name).and_then(|found| found.modified());
    let near = changed.map_or_else(|_| now(), micros);
    Ok((input, near))
}

/// Somebody at a keyboard hardly means to type a log.
fn inputs(from: &[String], settings: &Settings) -> Result<Vec<(Input, Micros)>> {
    if from.is_empty() && std::io::stdin().is_terminal() {
        return Err(Error::usage("standard input is a terminal")
            .advise("pipe lines in, name a file with --from, or write --from -"));
    }
    match from {
        [] => Ok(vec![open_input("-", settings)?]),
        from => from.iter().map(|address| open_input(address, settings)).collect(),
    }
}

fn transform(args: &Args, rules: (String, String), shape: &Rules) -> Result<Outcome> {
    let masks = args.mask.load(&shape.masks)?;
    apart::check(args.from.iter().map(String::as_str), [("--to", args.to.as_str())])?;
    let stop = Stop::install(true)?;
    let mut settings = args.kafka.settings(stop.flag())?;
    let counters = Arc::new(Counters::default());
    let progress = Progress::start(args.progress, Arc::clone(&counters), args.to == "-");
    let (notes_in, notes) = crossbeam_channel::unbounded();
    let opened = open::open(args, shape, &mut settings, stop.flag(), notes_in)?;
    let mut out = endpoint::output_with(&args.to, &settings)?;
    let rows = args.batch_rows.get();
    let threads = args.threads.map(std::num::NonZeroUsize::get);
    let available = || std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
    let (report, result) = flow(Plan {
        rules,
        masks,
        lines: opened.lines,
        receipt: opened.receipt,
        name: opened.name,
        resume: opened.resume,
        checkpoint: opened.checkpoint,
        out: out.as_mut(),
        filling: Filling { rows, bytes: saturated(args.batch_bytes) },
        partition: args.partition,
        threads: threads.unwrap_or_else(available),
        marker_every: args.marker_every,
        prompt: opened.prompt,
        stop: stop.flag(),
        counters,
        notes,
        note: &mut |text| message::warn(text),
    });
    progress.finish();
    if args.stats {
        for line in counts(&report, shape) {
            message::note(line);
        }
    }
    let outcome = said(&report);
    result?;
    Ok(stop.outcome(outcome))
}

/// Says what did not become a row of a table.
fn said(report: &Report) -> Outcome {
    let Report { unmatched, rejected, mended, .. } = report;
    if *unmatched > 0 {
        message::warn(format_args!(
            "{unmatched} records match no group; they are in the table {UNKNOWN}"
        ));
    }
    if *mended > 0 {
        message::warn(format_args!(
            "{mended} records have bytes that are no UTF-8; they have become U+FFFD"
        ));
    }
    if *rejected == 0 {
        return Outcome::Done;
    }
    message::warn(format_args!(
        "{rejected} records have cells that their columns reject; they are in the table {UNKNOWN}, with the \
         reasons"
    ));
    Outcome::Rejected(*rejected)
}

fn counts(report: &Report, rules: &Rules) -> Vec<String> {
    let mut lines = Vec::new();
    for (table, groups) in rules.tables.iter().zip(&report.groups) {
        for (group, counts) in table.groups.iter().zip(groups) {
            lines.push(format!(
                "table {}, group {}: {} records matched, {} rows, {} missed, {} failed, {} rejected",
                table.name,
                group.name,
                counts.matched,
                counts.rows,
                counts.missed,
                counts.failed,
                counts.rejected
            ));
        }
    }
    let Report { records, unmatched, rejected, .. } = report;
    lines.push(format!(
        "table {UNKNOWN}: {unmatched} of {records} records matched no group, {rejected} were rejected"
    ));
    lines
}

/// `--check`: what the rules make.
fn summary(rules: &Rules) -> String {
    let mut text = String::new();
    for table in &rules.tables {
        let groups: Vec<_> = table.groups.iter().map(|group| group.name.as_str()).collect();
        text.push_str(&format!(
            "{}.{}.{} version {}: {}\n",
            rules.source,
            rules.schema,
            table.name,
            table.version,
            groups.join(", ")
        ));
        for column in table.columns() {
            let required = if column.required { ", required" } else { "" };
            text.push_str(&format!("    {} {}{required}\n", column.name, column.ty.name()));
        }
    }
    text
}

/// `--test`: runs cases and shows what came out otherwise.
fn test(rules: Rules, file: &str) -> Result<Outcome> {
    let cases = Cases::parse(&read_file(file)?, file)?;
    let verdicts = cases.run(&mut Engine::new(rules), now(), file);
    message::data(verdicts.text.as_bytes())?;
    message::note(format_args!("{} cases, {} failed", verdicts.cases, verdicts.failed));
    Ok(match verdicts.failed {
        0 => Outcome::Done,
        failed => Outcome::Rejected(failed as u64),
    })
}

/// `--import`: a rules file for what another system has exported.
fn import(path: &Path) -> Result<Outcome> {
    let file = path.display().to_string();
    let name = path.file_stem().map_or("logs".into(), |stem| stem.to_string_lossy());
    let done = import_rules(&read_file(&file)?, &name)?;
    message::data(done.toml.as_bytes())?;
    for note in &done.notes {
        message::note(note);
    }
    for problem in &done.problems {
        message::warn(format_args!("not translated: {problem}"));
    }
    Ok(match done.problems.len() {
        0 => Outcome::Done,
        count => Outcome::Rejected(count as u64),
    })
}

/// `--trace`: shows every record of a sample at every operator.
fn trace(
    (rules, mut masked): (Rules, Option<Masked>),
    sample: Option<&str>,
    args: &Args,
) -> Result<Outcome> {
    let from: Vec<String> = sample.map(ToOwned::to_owned).into_iter().collect();
    let most = args.max_line;
    let mut engine = Engine::new(rules);
    for (input, near) in inputs(&from, &Settings::default())? {
        let mut bytes = Vec::new();
        let name = input.name.clone();
        input
            .reader
            .take(most.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io(&name, error))?;
        if bytes.len() as u64 > most {
            return Err(Error::usage(format!("{name}: a sample has at most {most} bytes"))
                .advise("cut a smaller one, or raise --max-line"));
        }
        engine.set_near(near);
        trace::show(&mut engine, &mut masked, &bytes, &name)?;
    }
    Ok(Outcome::Done)
}
