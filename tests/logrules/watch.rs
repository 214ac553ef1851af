//! `--watch` in a terminal of its own: what it shows, and that the terminal is as before however it ends.

use std::ffi::c_int;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How a terminal treats what is typed and shown.
fn modes(terminal: &OwnedFd) -> (u32, u32, u32, u32) {
    // SAFETY: a termios is plain numbers, and tcgetattr fills it.
    let modes = unsafe {
        let mut modes: libc::termios = std::mem::zeroed();
        assert_eq!(libc::tcgetattr(terminal.as_raw_fd(), &mut modes), 0);
        modes
    };
    (modes.c_iflag, modes.c_oflag, modes.c_cflag, modes.c_lflag)
}

/// A terminal, and the program in it.
struct Terminal {
    outside: File,
    inside: OwnedFd,
    /// How it was before the program.
    before: (u32, u32, u32, u32),
    child: Child,
    shown: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    fn start(rules: &std::path::Path, sample: &std::path::Path) -> Self {
        let (mut outside, mut inside): (c_int, c_int) = (-1, -1);
        let size = libc::winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the pointers are of live variables or null, as openpty allows.
        let opened = unsafe {
            libc::openpty(&mut outside, &mut inside, std::ptr::null_mut(), std::ptr::null(), &size)
        };
        assert_eq!(opened, 0);
        // SAFETY: both descriptors are new and nobody else's.
        let (outside, inside) =
            unsafe { (File::from_raw_fd(outside), OwnedFd::from_raw_fd(inside)) };
        let before = modes(&inside);
        let end = || Stdio::from(inside.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_logrules"))
            .arg(rules)
            .arg("--watch")
            .arg(sample)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let (send, shown) = channel();
        let mut reader = outside.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut room = [0; 4096];
            while let Ok(read) = reader.read(&mut room) {
                if read == 0 || send.send(room[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { outside, inside, before, child, shown, text: String::new() }
    }

    fn wait_for(&mut self, wanted: &str) {
        let end = Instant::now() + Duration::from_secs(180);
        while !self.text.contains(wanted) {
            let left = end.saturating_duration_since(Instant::now());
            match self.shown.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("no {wanted} in {}", self.text),
            }
        }
    }

    fn kill(&self, signal: c_int) {
        let id = libc::pid_t::try_from(self.child.id()).unwrap();
        // SAFETY: the child has not been waited for, so the number is its own.
        assert_eq!(unsafe { libc::kill(id, signal) }, 0);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const RULES: &str = "source = \"s\"\n[[table]]\nname = \"t\"\n[[table.group]]\nname = \"g\"\noperators = [\n\
                     { op = \"split\", cells = 0, text = \"|\", names = [\"a\", \"b\"] },\n\
                     { op = \"saveAs\", columns = [{ name = \"a\", type = \"int\" }] }]\n";

#[test]
fn the_terminal_is_as_before_however_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, sample) = (folder.path().join("r.toml"), folder.path().join("s.log"));
    std::fs::write(&sample, "1|x\n2|y\n").unwrap();
    type Ending = (&'static str, fn(&mut Terminal));
    let endings: [Ending; 7] = [
        ("q", |terminal| terminal.outside.write_all(b"q").unwrap()),
        ("Control-C", |terminal| terminal.outside.write_all(b"\x03").unwrap()),
        ("SIGINT", |terminal| terminal.kill(libc::SIGINT)),
        ("SIGTERM", |terminal| terminal.kill(libc::SIGTERM)),
        ("SIGHUP", |terminal| terminal.kill(libc::SIGHUP)),
        ("SIGQUIT", |terminal| terminal.kill(libc::SIGQUIT)),
        ("SIGTSTP, then q", |terminal| {
            terminal.kill(libc::SIGTSTP);
            terminal.outside.write_all(b"q").unwrap();
        }),
    ];
    for (name, end) in endings {
        std::fs::write(&rules, RULES).unwrap();
        let mut terminal = Terminal::start(&rules, &sample);
        terminal.wait_for("record 1 of 2");
        assert_ne!(modes(&terminal.inside), terminal.before, "keys are read one by one");
        terminal.outside.write_all(b"j").unwrap();
        terminal.wait_for("record 2 of 2");
        // Saved as editors do it.
        let new = folder.path().join("r.toml.new");
        std::fs::write(&new, RULES.replace("\"split\"", "\"splitt\"")).unwrap();
        std::fs::rename(&new, &rules).unwrap();
        terminal.wait_for("the rules are wrong");
        end(&mut terminal);
        terminal.wait_for("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l");
        let _ = terminal.child.wait().unwrap();
        assert_eq!(modes(&terminal.inside), terminal.before, "{name}");
    }
}

#[test]
fn masked_columns_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, sample) = (folder.path().join("r.toml"), folder.path().join("s.log"));
    let masks = "masks = [\"log.s.*.t.a=null\", \"*.*.*._unknown_.raw=default\"]\n";
    std::fs::write(&rules, format!("{masks}{RULES}")).unwrap();
    std::fs::write(&sample, "4711|x\nsecret\n").unwrap();
    let mut terminal = Terminal::start(&rules, &sample);
    terminal.wait_for("hidden because columns are masked");
    terminal.outside.write_all(b"lllll").unwrap();
    terminal.wait_for("> rows");
    terminal.outside.write_all(b"jlllll").unwrap();
    terminal.wait_for("record 2 of 2");
    terminal.outside.write_all(b"q").unwrap();
    terminal.wait_for("\u{1b}[?1049l");
    assert!(!terminal.text.contains("4711") && !terminal.text.contains("secret"));
}
