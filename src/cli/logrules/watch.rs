//! `--watch`: a terminal screen that is drawn again whenever the rules are saved. Uses `cli`. Not hot.

use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGQUIT, SIGTSTP};

use super::screen::{Key, View};
use super::{Args, masked, micros, now, read_file};
use crate::cli::Outcome;
use crate::cli::signal::Stop;
use crate::error::{Error, Result};
use crate::rule::Rules;
use crate::rule::time::Micros;

/// How often the files and the size of the terminal are looked at while no key comes.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Another screen, the cursor hidden, long lines cut; and back.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &[u8] = b"\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Shows a sample at work until somebody has seen enough.
///
/// # Errors
/// `Usage` where this is no terminal or the sample is too large; `Unreachable` where a file cannot be read.
pub(super) fn watch(rules: &Path, sample: &Path, args: &Args) -> Result<Outcome> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Err(Error::usage("--watch needs a terminal for its keys and its screen")
            .advise("--trace SAMPLE writes the same as text"));
    }
    let read = || {
        let file = rules.display().to_string();
        read_file(&file)
            .and_then(|text| Rules::parse(&text, &file))
            .and_then(|rules| Ok((masked(args, &rules)?, rules)))
            .map(|(masked, rules)| (rules, masked))
            .map_err(|error| error.to_string())
    };
    let (bytes, near) = read_sample(sample, args.max_line)?;
    let names = (rules.display().to_string(), sample.display().to_string());
    let mut view = View::new(names, read(), bytes, near);
    let stop = Stop::install(true)?;
    // It ends the run, too, with the terminal as it was; and a stopped program would keep the terminal.
    let failed = |error| Error::io("cannot handle signals", error);
    signal_hook::flag::register(SIGQUIT, stop.flag()).map_err(failed)?;
    signal_hook::flag::register(SIGTSTP, Arc::default()).map_err(failed)?;
    let mut terminal = Terminal::enter()?;
    let mut saved = (state(rules), state(sample));
    let mut drawn = None;
    let mut on = true;
    while on && !stop.asked() {
        let size = terminal.size();
        if drawn != Some(size) {
            terminal.draw(&view.draw(size.0, size.1))?;
            drawn = Some(size);
        }
        for key in terminal.keys()? {
            on &= view.press(key);
            drawn = None;
        }
        let now = (state(rules), state(sample));
        if now.0 != saved.0 {
            view.set_rules(read());
            drawn = None;
        }
        if now.1 != saved.1
            && let Ok((bytes, near)) = read_sample(sample, args.max_line)
        {
            view.set_sample(bytes, near);
            drawn = None;
        }
        saved = now;
    }
    drop(terminal);
    Ok(stop.outcome(Outcome::Done))
}

fn read_sample(path: &Path, most: u64) -> Result<(Vec<u8>, Micros)> {
    let failed = |error| Error::io(path.display(), error);
    let file = std::fs::File::open(path).map_err(failed)?;
    let near = file.metadata().and_then(|found| found.modified()).map_or_else(|_| now(), micros);
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > most {
        true => Err(Error::usage(format!("{}: a sample has at most {most} bytes", path.display()))
            .advise("cut a smaller one, or raise --max-line")),
        false => Ok((bytes, near)),
    }
}

/// What changes when a file is saved: editors write it anew, or put another in its place.
fn state(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let about = std::fs::metadata(path).ok()?;
    Some((about.ino(), about.size(), about.mtime(), about.mtime_nsec()))
}

/// The terminal, which is as it was before whenever this goes away: at the end, on an error, in a panic.
struct Terminal {
    before: Termios,
}

impl Terminal {
    fn enter() -> Result<Self> {
        let failed = |error: rustix::io::Errno| Error::io("the terminal", error.into());
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &raw).map_err(failed)?;
        let terminal = Self { before };
        put(ENTER)?;
        Ok(terminal)
    }

    /// Columns and rows.
    fn size(&self) -> (usize, usize) {
        match tcgetwinsize(std::io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.into(), size.ws_row.into())
            }
            _ => (80, 24),
        }
    }

    fn draw(&self, lines: &[String]) -> Result<()> {
        let mut text = String::from("\x1b[H");
        for (number, line) in lines.iter().enumerate() {
            let (on, off) = match number {
                0 => ("\x1b[7m", "\x1b[0m"),
                _ if line.starts_with("> ") => ("\x1b[1m", "\x1b[0m"),
                _ if number + 1 == lines.len() => ("\x1b[2m", "\x1b[0m"),
                _ => ("", ""),
            };
            let end = if number + 1 == lines.len() { "" } else { "\r\n" };
            text.push_str(&format!("{on}{line}\x1b[K{off}{end}"));
        }
        text.push_str("\x1b[J");
        put(text.as_bytes())
    }

    /// The keys that have been pressed; waits a little for one.
    fn keys(&mut self) -> Result<Vec<Key>> {
        let stdin = std::io::stdin();
        let mut descriptors = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut descriptors, Some(&LOOK)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Ok(_) => {}
            Err(error) => return Err(Error::io("the terminal", error.into())),
        }
        let mut room = [0_u8; 64];
        match rustix::io::read(&stdin, &mut room) {
            // The terminal is gone.
            Ok(0) => Ok(vec![Key::Quit]),
            Ok(read) => Ok(keys(room.get(..read).unwrap_or_default())),
            Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(Error::io("the terminal", error.into())),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = put(LEAVE);
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.before);
    }
}

fn put(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("the terminal", error))
}

/// What keys send, by xterm's table and that of application mode.
const SENT: [(&[u8], Key); 27] = [
    (b"\x1b[A", Key::Previous),
    (b"\x1b[B", Key::Next),
    (b"\x1b[C", Key::Right),
    (b"\x1b[D", Key::Left),
    (b"\x1bOA", Key::Previous),
    (b"\x1bOB", Key::Next),
    (b"\x1bOC", Key::Right),
    (b"\x1bOD", Key::Left),
    (b"\x1b[5~", Key::PageUp),
    (b"\x1b[6~", Key::PageDown),
    (b"\x1b[H", Key::First),
    (b"\x1b[F", Key::Last),
    (b"\x1b[1~", Key::First),
    (b"\x1b[4~", Key::Last),
    (b"j", Key::Next),
    (b"k", Key::Previous),
    (b"l", Key::Right),
    (b"h", Key::Left),
    (b"g", Key::First),
    (b"G", Key::Last),
    (b"u", Key::Unknown),
    (b" ", Key::PageDown),
    (b"b", Key::PageUp),
    (b"q", Key::Quit),
    (b"Q", Key::Quit),
    // Control-C and control-D.
    (b"\x03", Key::Quit),
    (b"\x04", Key::Quit),
];

fn keys(mut bytes: &[u8]) -> Vec<Key> {
    let mut keys = Vec::new();
    while !bytes.is_empty() {
        let found = SENT.iter().find_map(|(sent, key)| Some((bytes.strip_prefix(*sent)?, *key)));
        bytes = match found {
            Some((rest, key)) => {
                keys.push(key);
                rest
            }
            None => bytes.get(1..).unwrap_or_default(),
        };
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        use Key::{Left, Next, PageDown, Quit, Right};
        assert_eq!(
            keys(b"j\x1b[Bx\x1bOC\x1b[6~\x1b[Dq"),
            [Next, Next, Right, PageDown, Left, Quit]
        );
        assert_eq!(keys(b"\x1b\x1b[\xff"), []);
    }
}
