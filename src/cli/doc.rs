//! Help, manual pages and completions, all from the one table of tools. Uses `cli`. Not hot.

mod endpoints;
mod flows;
mod format;
mod manual;
mod masks;
mod parquet;
mod rules;
mod sql;
mod tool;

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, value_parser};
use clap_complete::Shell;

use super::{TOOLS, Tool};

/// The heading of the options that every tool has.
pub const GENERAL: &str = "General";

/// A tool's arguments with everything that all tools share.
pub fn command(tool: &Tool) -> Command {
    let mut examples = String::from("Examples:\n");
    for example in tool.page.examples {
        let _ = writeln!(examples, "\n  {}", example.what);
        for line in example.command.lines() {
            let _ = writeln!(examples, "      {line}");
        }
    }
    let _ = write!(examples, "\nMore, and what each message means: man {}", tool.name);
    (tool.command)()
        .name(tool.name)
        .about(tool.about)
        .version(env!("CARGO_PKG_VERSION"))
        .after_long_help(examples)
        .max_term_width(100)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .next_help_heading(GENERAL)
        .arg(
            Arg::new("completions")
                .long("completions")
                .value_name("SHELL")
                .value_parser(value_parser!(Shell))
                .exclusive(true)
                .hide_possible_values(true)
                .help("Print completions for bash, zsh, fish, elvish or powershell"),
        )
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help("Print help: -h on one screen, --help in full"),
        )
        .arg(
            Arg::new("version")
                .short('V')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version"),
        )
}

/// The completion script of a tool.
pub fn completions(tool: &Tool, shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(tool), tool.name, &mut script);
    script
}

/// Every page of `man/`: file name and content.
pub fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> =
        TOOLS.iter().map(|tool| (format!("{}.1", tool.name), tool::page(tool))).collect();
    pages.push(("dws-flows.5".into(), flows::page()));
    pages.push(("logrules.5".into(), rules::page()));
    pages.push(("ums.7".into(), format::page()));
    pages.push(("dws-endpoints.7".into(), endpoints::page()));
    pages.push(("dws-parquet.7".into(), parquet::page()));
    pages.push(("dws-sql.7".into(), sql::page()));
    pages.push(("dws-mask.7".into(), masks::page()));
    pages
}
