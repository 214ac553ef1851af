//! The edge: a tool is a row of data, and `main` turns its outcome into an exit code. Uses every
//! module. Only here may anything print, exit or read the environment. Not hot.
//!
//! A program in `src/bin` names its own tool and so links nothing of the others; `TOOLS` is for
//! whoever needs them all (the pages in `man/` and the tests).

#![allow(clippy::disallowed_methods)]

pub mod apart;
pub mod doc;
pub mod exit;
pub mod filter;
pub mod join;
pub mod kafka;
pub mod logrules;
pub mod mask;
pub mod message;
pub mod progress;
pub mod pull;
#[cfg(feature = "parquet")]
pub mod replay;
pub mod signal;
pub mod sink;
pub mod source;
pub mod tail;
pub mod value;

use std::process::ExitCode;

use crate::error::Result;

/// Every tool, in the order of the README.
pub const TOOLS: &[&Tool] = &[
    &tail::TOOL,
    &pull::TOOL,
    &filter::TOOL,
    &join::TOOL,
    &sink::TOOL,
    #[cfg(feature = "parquet")]
    &replay::TOOL,
    &logrules::TOOL,
];

/// One command of the toolkit: its help, its manual page, its completions and its code.
#[derive(Debug)]
pub struct Tool {
    /// The program's name.
    pub name: &'static str,
    /// One line, no full stop: the NAME line of the page and the head of `--help`.
    pub about: &'static str,
    /// Arguments as clap sees them; name, version, help and `--completions` are added by `main`.
    pub command: fn() -> clap::Command,
    /// Does the work.
    pub run: fn(&clap::ArgMatches) -> Result<Outcome>,
    /// The texts of the manual page that arguments cannot tell.
    pub page: &'static Page,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All done.
    Done,
    /// Done, but so many rows went to the reject file.
    Rejected(u64),
    /// A signal asked for the end; everything taken over before it has been written.
    Signal(i32),
}

/// What a manual page says beside the options. Texts are paragraphs between empty lines; a
/// paragraph whose lines begin with two spaces is shown as it stands.
#[derive(Debug)]
pub struct Page {
    /// DESCRIPTION.
    pub description: &'static str,
    /// ENVIRONMENT: variable and meaning. (Options with a variable need no entry.)
    pub environment: &'static [(&'static str, &'static str)],
    /// FILES: path and meaning.
    pub files: &'static [(&'static str, &'static str)],
    /// EXAMPLES: real pipelines, also at the end of `--help`.
    pub examples: &'static [Example],
    /// DIAGNOSTICS: text of a message (`…` for the parts that vary), then cause and cure.
    pub diagnostics: &'static [(&'static str, &'static str)],
    /// SEE ALSO: `name(section)`.
    pub see_also: &'static [&'static str],
    /// CAVEATS: what is so by design and may surprise.
    pub caveats: &'static str,
    /// BUGS: what is wrong and known; no section when empty.
    pub bugs: &'static str,
}

/// One example.
#[derive(Debug)]
pub struct Example {
    /// What it does, one sentence.
    pub what: &'static str,
    /// The command line, for bash.
    pub command: &'static str,
    /// Whether it runs in a folder with the sample data and no server; a test runs it then.
    pub runnable: bool,
}

/// The whole life of a program: arguments, work, exit code.
pub fn main(tool: &'static Tool) -> ExitCode {
    message::set_command(tool.name);
    exit::remember_panics();
    let mut command = doc::command(tool);
    let matches = match command.try_get_matches_from_mut(std::env::args_os()) {
        Ok(matches) => matches,
        // A list needs no source.
        Err(error)
            if error.kind() == clap::error::ErrorKind::MissingRequiredArgument
                && kafka::asks_for_list(std::env::args_os()) =>
        {
            return exit::after(kafka::show().map(|()| Outcome::Done));
        }
        Err(error) => return exit::from_arguments(tool, &error),
    };
    if let Some(shell) = matches.get_one::<clap_complete::Shell>("completions") {
        return exit::after(message::data(&doc::completions(tool, *shell)).map(|()| Outcome::Done));
    }
    exit::after((tool.run)(&matches))
}
