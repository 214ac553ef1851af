//! The manual page of one tool: clap renders the options, the rest comes from the tool's `Page`
//! and from the exit codes. Uses `cli::{exit, doc::manual}`. Not hot.

use super::manual::{Manual, without_preamble};
use crate::cli::Tool;
use crate::cli::exit::{Exit, SIGNAL};

/// Renders the page in the order NAME, SYNOPSIS, DESCRIPTION, OPTIONS, ENVIRONMENT, FILES, EXIT
/// STATUS, EXAMPLES, DIAGNOSTICS, SEE ALSO, CAVEATS, BUGS.
pub(super) fn page(tool: &Tool) -> String {
    let page = tool.page;
    let mut manual = Manual::new(tool.name, "1", tool.about);
    let clap = clap_mangen::Man::new(super::command(tool));
    manual.raw(&render(|out| clap.render_synopsis_section(out)));
    manual.section("DESCRIPTION");
    manual.text(page.description);
    manual.raw(&options(&render(|out| clap.render_options_section(out))));
    if !page.environment.is_empty() {
        manual.section("ENVIRONMENT");
        manual.items(page.environment.iter().copied());
    }
    if !page.files.is_empty() {
        manual.section("FILES");
        manual.items(page.files.iter().copied());
    }
    manual.section("EXIT STATUS");
    let codes: Vec<_> = Exit::ALL.map(|exit| ((exit as u8).to_string(), exit.sentence())).into();
    manual.items(codes.iter().map(|(code, sentence)| (code.as_str(), *sentence)));
    manual.text(&format!("\n\n{SIGNAL}"));
    manual.section("EXAMPLES");
    for example in page.examples {
        manual.text(&format!("\n\n{}", example.what));
        manual.verbatim(example.command);
    }
    manual.section("DIAGNOSTICS");
    manual.text(
        "Messages go to standard error, one line each, with the name of the command in front. They \
         name a place in the log or a line of the input, never the value of a cell.",
    );
    manual.items(page.diagnostics.iter().copied());
    manual.see_also(page.see_also);
    if !page.caveats.is_empty() {
        manual.section("CAVEATS");
        manual.text(page.caveats);
    }
    if !page.bugs.is_empty() {
        manual.section("BUGS");
        manual.text(page.bugs);
    }
    manual.finish()
}

/// What a renderer writes, as text. Writing to a `Vec` does not fail.
fn render(section: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    let _ = section(&mut out);
    without_preamble(&String::from_utf8_lossy(&out)).to_owned()
}

/// Clap makes a section of every group of options; here they are parts of OPTIONS. The arguments
/// without a group come first and bring that section's head.
fn options(sections: &str) -> String {
    let mut text = String::new();
    for line in sections.lines() {
        match line.strip_prefix(".SH ") {
            Some(group) if group != "OPTIONS" => {
                let group = group.trim_matches('"').to_lowercase();
                let mut letters = group.chars();
                let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                text.push_str(".SS \"");
                text.extend(first.into_iter().chain(letters));
                text.push('"');
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
    text
}
