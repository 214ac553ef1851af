//! `dbus-pull`: tables of a MySQL or MariaDB server as UMS. Uses every layer. The threads are in
//! `flow::pull`; not hot here.

pub(crate) mod args;
mod open;
mod page;
mod show;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::signal::Stop;
use super::{Outcome, Tool, message};
use crate::endpoint;
use crate::error::{Error, Result};
use crate::flow::pull::{Around, run as flow};

pub use args::Args;
use show::Shown;

/// The tool.
pub const TOOL: Tool = Tool {
    name: "dbus-pull",
    about: "pull whole tables of MySQL or MariaDB as UMS messages",
    command: Args::command,
    run,
    page: &page::PAGE,
};

fn run(matches: &ArgMatches) -> Result<Outcome> {
    let args = Args::from_arg_matches(matches).map_err(|error| Error::usage(error.to_string()))?;
    if args.around.kafka.client.shown()? {
        return Ok(Outcome::Done);
    }
    if args.check {
        return open::check(&args);
    }
    if args.plan {
        return open::plan(&args);
    }
    pull(&args)
}

fn pull(args: &Args) -> Result<Outcome> {
    let stop = Stop::install(true)?;
    let out = endpoint::output_with(&args.to, &args.around.kafka.settings(stop.flag())?)?;
    let opened = open::open(args)?;
    let shown = Shown::start(args, &opened)?;
    let note = |text: &str| message::warn(text);
    let around =
        Around { out, ledger: opened.ledger, board: shown.board(), stop: stop.flag(), note: &note };
    let result = flow(&opened.setup, around);
    shown.finish(result.is_ok())?;
    let summary = result?;
    if !summary.gone.is_empty() {
        return Err(Error::data(format!("{} went away during the pull", summary.gone.join(", ")))
            .advise("leave them out with --exclude, or see who drops or renames them"));
    }
    Ok(stop.outcome(Outcome::Done))
}
