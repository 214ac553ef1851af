//! Exit codes: one enum, made from an error's kind or from an outcome. Uses `error` and
//! `cli::{message, signal}`. Not hot.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::error::ErrorKind;

use super::{Outcome, Tool, message, signal};
use crate::error::{Error, Kind, Result};

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything done.
    Done = 0,
    /// Done, but rows were rejected.
    Rejected = 1,
    /// The command line or a configuration is wrong.
    Usage = 2,
    /// Bad input stopped the run.
    Data = 3,
    /// A source or a destination cannot be reached.
    Unreachable = 4,
    /// Refused for good.
    Refused = 5,
}

impl Exit {
    /// Every code, in the order of the manual pages.
    pub const ALL: [Exit; 6] =
        [Exit::Done, Exit::Rejected, Exit::Usage, Exit::Data, Exit::Unreachable, Exit::Refused];

    /// What the code means, for EXIT STATUS.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Done => {
                "Done. That the reader downstream went away is done, too; the checkpoint then \
                 stays where the last durable write left it."
            }
            Self::Rejected => {
                "Done, but rows were rejected or lines left out; they are in the file that was named for them."
            }
            Self::Usage => {
                "The command line, an endpoint or a configuration is wrong. Nothing was read."
            }
            Self::Data => {
                "Bad input stopped the run; the message names the file and the position. What \
                 was written before it is good, and a checkpoint stands before it."
            }
            Self::Unreachable => {
                "A source or a destination cannot be reached, or a local file cannot be read or \
                 written. Worth a restart: the run resumes from its checkpoint."
            }
            Self::Refused => {
                "Refused for good: credentials, a purged log, an unsafe setting. A restart does \
                 not help before somebody has changed something."
            }
        }
    }

    /// The code of an error.
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Usage => Self::Usage,
            Kind::Data => Self::Data,
            Kind::Unreachable => Self::Unreachable,
            Kind::Refused => Self::Refused,
            Kind::Closed => Self::Done,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What is said about the end by a signal, below the codes of EXIT STATUS.
pub const SIGNAL: &str = "SIGINT, SIGTERM and SIGHUP end the run cleanly: what has been taken \
    over is written and the checkpoint follows, then the program ends by that same signal (a \
    shell shows 130, 143 or 129). A second signal ends it at once; that is safe, too, and only \
    means that more is read again. Where SIGHUP is ignored from the start, as by nohup, it stays \
    ignored.";

/// Whether a thread has panicked.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Remembers panics from here on. To the others a thread that panics looks like one that has come to
/// the end of its input, and that must not pass for a good end.
pub fn remember_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |about| {
        PANICKED.store(true, Ordering::Relaxed);
        usual(about);
    }));
}

/// The end of a run: says what failed, and gives the code. Does not return after a signal.
pub fn after(result: Result<Outcome>) -> ExitCode {
    match unless_panicked(result, PANICKED.load(Ordering::Relaxed)) {
        Ok(Outcome::Done) => Exit::Done.into(),
        Ok(Outcome::Rejected(_)) => Exit::Rejected.into(),
        Ok(Outcome::Signal(number)) => signal::end_by(number),
        Err(error) => failed(&error),
    }
}

fn unless_panicked(result: Result<Outcome>, panicked: bool) -> Result<Outcome> {
    if !panicked || result.is_err() {
        return result;
    }
    Err(Error::data("a part of the program has failed, as said above: not everything was read")
        .advise("what was written is good; please report the message above"))
}

fn failed(error: &Error) -> ExitCode {
    if error.kind() != Kind::Closed {
        message::say(error);
    }
    Exit::of(error.kind()).into()
}

/// The end of a run that clap stopped: help and version go to standard output, a mistake to
/// standard error, on one line.
pub fn from_arguments(tool: &Tool, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let styled = error.render();
            let colour = message::colour(&std::io::stdout());
            let mut text = if colour { styled.ansi().to_string() } else { styled.to_string() };
            if !text.ends_with('\n') {
                text.push('\n');
            }
            after(message::data(text.as_bytes()).map(|()| Outcome::Done))
        }
        _ => {
            let text = one_line(&error.render().to_string());
            after(
                Err(Error::usage(text).advise(format_args!("{} -h lists the options", tool.name))),
            )
        }
    }
}

/// Clap's paragraphs as one line: no `error:`, no usage, no hint at the help.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).take_while(|part| !part.starts_with("Usage:")) {
        let part = part.strip_prefix("error: ").or(part.strip_prefix("tip: ")).unwrap_or(part);
        if part.is_empty() || part.starts_with("For more information") {
            continue;
        }
        if !line.is_empty() {
            line.push_str(if part.starts_with('[') || line.ends_with(':') { " " } else { "; " });
        }
        line.push_str(part);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_good_end() {
        for good in [Outcome::Done, Outcome::Rejected(1), Outcome::Signal(15)] {
            assert_eq!(unless_panicked(Ok(good), true).unwrap_err().kind(), Kind::Data);
            assert_eq!(unless_panicked(Ok(good), false).unwrap(), good);
        }
        let error = unless_panicked(Err(Error::refused("no")), true).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
    }

    #[test]
    fn clap_speaks_on_one_line() {
        let text = "error: unexpected argument '--tabels' found\n\n  tip: a similar argument exists: '--tables'\n\n\
                    Usage: dbus-tail [OPTIONS] <SOURCE>...\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(text),
            "unexpected argument '--tabels' found; a similar argument exists: '--tables'"
        );
        let text = "error: invalid value 'x' for '--ums <SPELLING>'\n  [possible values: dws, dbus]\n\nFor more information, try '--help'.\n";
        assert_eq!(
            one_line(text),
            "invalid value 'x' for '--ums <SPELLING>' [possible values: dws, dbus]"
        );
    }

    #[test]
    fn codes_are_the_documented_ones() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| *exit as u8).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5]);
        assert_eq!(Exit::of(Kind::Closed), Exit::Done);
        assert_eq!(Exit::of(Kind::Refused), Exit::Refused);
    }
}
