//! Messages to people: standard error, one line each, the command's name first. The only place
//! of the project that writes there. Uses `error`. Not hot.

use std::fmt::{self, Write as _};
use std::io::{IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use indicatif::ProgressBar;

use crate::error::{Error, Result};

static COMMAND: OnceLock<&'static str> = OnceLock::new();
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Sets the name in front of every message. The first call counts.
pub fn set_command(name: &'static str) {
    let _ = COMMAND.set(name);
}

/// The name in front of every message.
pub fn command() -> &'static str {
    COMMAND.get().copied().unwrap_or("dws")
}

/// Says why the run ends.
pub fn say(text: impl fmt::Display) {
    put(Tone::Error, text);
}

/// Says what should be looked at, although the run goes on: `command: warning: text`.
pub fn warn(text: impl fmt::Display) {
    put(Tone::Warning, text);
}

/// Says what is good to know: `command: text`.
pub fn note(text: impl fmt::Display) {
    put(Tone::Note, text);
}

/// Writes what a person asked for (help, completions, a position) to standard output.
///
/// # Errors
/// `Closed` when the reader went away, `Unreachable` when the write failed otherwise.
pub fn data(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("standard output", error))
}

/// Whether standard error is a terminal that can be drawn on.
pub fn live_terminal() -> bool {
    std::io::stderr().is_terminal() && !dumb()
}

/// Says which progress bar stands on the terminal, if any: it steps aside for messages.
pub fn set_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

fn dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|value| value == "dumb")
}

/// Whether colour is welcome: a terminal, no `NO_COLOR`, no `TERM=dumb`.
pub fn colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused && !dumb()
}

#[derive(Clone, Copy)]
enum Tone {
    Error,
    Warning,
    Note,
}

/// Writes one line in one call, so that lines of several commands of a pipe do not mix. A closed
/// standard error is nobody listening, and not a failure.
fn put(tone: Tone, text: impl fmt::Display) {
    let stderr = std::io::stderr();
    let line = compose(tone, &text.to_string(), stderr.is_terminal(), colour(&stderr));
    let write = || {
        let _ = stderr.lock().write_all(line.as_bytes());
    };
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(write),
        None => write(),
    }
}

fn compose(tone: Tone, text: &str, terminal: bool, colour: bool) -> String {
    let (code, word) = match tone {
        Tone::Error => ("31", ""),
        Tone::Warning => ("33", "warning: "),
        Tone::Note => ("", ""),
    };
    let mut line = String::with_capacity(text.len() + 40);
    let name = command();
    let head = format!("{name}: {word}");
    if colour && !code.is_empty() {
        let _ = write!(line, "\x1b[{code}m{}\x1b[0m ", head.trim_end());
    } else {
        line.push_str(&head);
    }
    escape(&mut line, text.trim_end(), terminal);
    line.push('\n');
    line
}

/// Names of tables and files come from outside. A line break would forge a second message, so it
/// is always shown as `\n`; on a terminal the other control characters and those that turn the
/// direction of writing could forge one, too.
fn escape(line: &mut String, text: &str, terminal: bool) {
    for c in text.chars() {
        let forges = match c {
            '\n' | '\r' => true,
            _ => {
                terminal
                    && (c.is_control()
                        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
            }
        };
        if forges {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        let line = compose(Tone::Note, "table a\nb: odd\n", false, false);
        assert_eq!(line, format!("{}: table a\\nb: odd\n", command()));
    }

    #[test]
    fn a_terminal_is_not_steered_by_names() {
        let line = compose(Tone::Warning, "x\u{1b}[2Jy\u{202e}z ä", true, false);
        assert_eq!(line, format!("{}: warning: x\\u{{1b}}[2Jy\\u{{202e}}z ä\n", command()));
        assert!(compose(Tone::Note, "x\ty", false, false).contains('\t'));
    }

    #[test]
    fn colour_only_when_asked() {
        assert!(compose(Tone::Error, "x", true, true).starts_with("\x1b[31m"));
        assert!(!compose(Tone::Error, "x", true, false).contains('\x1b'));
    }
}
