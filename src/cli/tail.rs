//! `dbus-tail`: a MySQL or MariaDB log as UMS. Uses every layer. The loop is below; not hot here.

pub(crate) mod args;
mod page;
pub(crate) mod place;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::{Outcome, Tool};
use crate::error::{Error, Result};

pub use args::Args;

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
    let _ = args.source()?;
    Ok(Outcome::Done)
}
