//! Files that are followed: rotated by name, copied and cut, packed, cut short, gone, new; and read again
//! from a position.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::rows;

const SOON: Duration = Duration::from_secs(180);

/// Lines are `NUMBER TEXT`; those that do not begin with a number go on with the one before.
pub(crate) const SEVERAL: &str = r#"
source = "app"
[lines]
start = '^\d+ '
"#;
pub(crate) const TABLE: &str = r#"
[[table]]
name = "t"
[[table.group]]
name = "g"
operators = [
  { op = "regexExtract", cells = 0, regex = '^(?<n>\d+) (?<m>(?s:.*))$' },
  { op = "saveAs", columns = [{ name = "n", type = "long" }, { name = "m", type = "string" }] },
]
"#;

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one.toml"), format!("source = \"app\"\n{TABLE}"))
            .unwrap();
        std::fs::write(folder.path().join("several.toml"), format!("{SEVERAL}{TABLE}")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn append(&self, name: &str, text: &str) {
        let file = OpenOptions::new().append(true).create(true).open(self.path(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn pack(&self, name: &str) {
        pack(&self.path(name));
    }

    fn command(&self, rules: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_logrules"));
        command.arg(rules).args(["--quiet", "--marker-every", "50ms"]).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// One run up to the end of the files, with the checkpoint p.json; `number text` of its rows, in
    /// their order, and what was said.
    fn once(&self, rules: &str, arguments: &[&str]) -> (Vec<String>, String) {
        let _ = std::fs::remove_file(self.path("out.ums"));
        let out = ["--checkpoint", "p.json", "--to", "out.ums", "--from", "x.log"];
        let output = self.command(rules, &out).args(arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let stream = std::fs::read(self.path("out.ums")).unwrap();
        (rows(&stream).iter().map(|(table, cells)| shown(table, cells)).collect(), said)
    }

    fn follow(&self, rules: &str, arguments: &[&str]) -> Follow {
        let mut child = self.command(rules, &["--follow"]).args(arguments).spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, said) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let (sender, came) = channel();
        let (begun_sender, begun) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let line = line.unwrap();
                let _ = begun_sender.send(());
                for (table, cells) in rows(line.as_bytes()) {
                    let _ = sender.send(shown(&table, &cells));
                }
            }
        });
        Follow { child, came, said, begun }
    }
}

pub(crate) fn pack(path: &Path) {
    let text = std::fs::read(path).unwrap();
    let packed = PathBuf::from(format!("{}.gz", path.display()));
    let mut out =
        flate2::write::GzEncoder::new(File::create(packed).unwrap(), flate2::Compression::fast());
    out.write_all(&text).unwrap();
    out.finish().unwrap();
    std::fs::remove_file(path).unwrap();
}

fn shown(table: &str, cells: &[serde_json::Value]) -> String {
    let text = |at: usize| cells[at].as_str().unwrap().to_owned();
    match table {
        "t" => format!("{} {}", text(4), text(5)),
        _ => format!("{table}: {}", text(4)),
    }
}

struct Follow {
    child: Child,
    came: Receiver<String>,
    said: Receiver<String>,
    /// Something for each message: the first of them comes when the files are open.
    begun: Receiver<()>,
}

impl Follow {
    /// Signals the program.
    fn signal(&self, signal: libc::c_int) {
        // SAFETY: a signal to a child of ours that has not been waited for.
        unsafe { libc::kill(i32::try_from(self.child.id()).unwrap(), signal) };
    }

    /// The next rows are these.
    #[track_caller]
    fn expect(&self, wanted: &[&str]) {
        for row in wanted {
            match self.came.recv_timeout(SOON) {
                Ok(came) => assert_eq!(came, *row),
                Err(_) => panic!("no {row}; said: {:?}", self.said.try_iter().collect::<Vec<_>>()),
            }
        }
    }

    #[track_caller]
    fn expect_said(&self, wanted: &str) {
        let said = self.said.recv_timeout(SOON).unwrap();
        assert!(said.contains(wanted), "{said}");
    }

    /// Nothing more has come.
    #[track_caller]
    fn end(mut self) {
        self.signal(libc::SIGTERM);
        self.child.wait().unwrap();
        assert_eq!(self.came.iter().collect::<Vec<_>>(), Vec::<String>::new());
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_file_is_renamed_and_made_anew() {
    let place = Place::new();
    place.write("x.log", "1 a\n2 b\n");
    let follow = place.follow("one.toml", &["--from", "x.log"]);
    follow.expect(&["1 a", "2 b"]);
    let mut old = OpenOptions::new().append(true).open(place.path("x.log")).unwrap();
    place.rename("x.log", "x.log.1");
    place.write("x.log", "");
    // The writer still has the old file, and uses it until it is told.
    old.write_all(b"3 c\n").unwrap();
    follow.expect(&["3 c"]);
    place.append("x.log", "4 d\n");
    follow.expect(&["4 d"]);
    // One of its processes is late.
    old.write_all(b"5 e\n").unwrap();
    follow.expect(&["5 e"]);
    // Twice within one look, and packed at once.
    place.append("x.log", "6 f\n");
    place.rename("x.log.1", "x.log.2");
    place.rename("x.log", "x.log.1");
    place.write("x.log", "7 g\n");
    place.pack("x.log.2");
    place.rename("x.log.2.gz", "x.log.3.gz");
    place.rename("x.log.1", "x.log.2");
    place.rename("x.log", "x.log.1");
    place.write("x.log", "8 h\n");
    follow.expect(&["6 f", "7 g", "8 h"]);
    follow.end();
}

#[test]
fn a_file_is_copied_and_cut() {
    let place = Place::new();
    place.write("x.log", "1 a\n2 b\n");
    let follow = place.follow("one.toml", &["--from", "x.log"]);
    follow.expect(&["1 a", "2 b"]);
    let rotate = |last: &str| {
        if place.path("x.log.1").exists() {
            place.rename("x.log.1", "x.log.2");
        }
        place.append("x.log", last);
        std::fs::copy(place.path("x.log"), place.path("x.log.1")).unwrap();
        place.write("x.log", "");
    };
    rotate("3 c\n");
    place.append("x.log", "4 d\n");
    follow.expect(&["3 c", "4 d"]);
    // As long as before when it is looked at again.
    rotate("5 e\n");
    place.append("x.log", "6 f\n7 g\n8 h\n");
    follow.expect(&["5 e", "6 f", "7 g", "8 h"]);
    follow.end();
}

#[test]
fn a_copy_that_is_being_made_is_not_read_twice() {
    let place = Place::new();
    place.write("x.log", "1 a\n");
    assert_eq!(place.once("one.toml", &[]).0, ["1 a"]);
    place.append("x.log", "2 b\n");
    place.rename("x.log", "x.log.2");
    place.write("x.log", "3 c\n4 d\n");
    place.write("x.log.1", "3 c\n");
    let follow = place.follow("one.toml", &["--from", "x.log", "--checkpoint", "p.json"]);
    follow.expect(&["2 b"]);
    std::thread::sleep(Duration::from_millis(400));
    place.append("x.log.1", "4 d\n");
    place.write("x.log", "");
    place.append("x.log", "5 e\n");
    follow.expect(&["3 c", "4 d", "5 e"]);
    follow.end();
}

#[test]
fn a_file_is_cut_short() {
    let place = Place::new();
    place.write("x.log", "1 a\n2 b");
    let follow = place.follow("one.toml", &["--from", "x.log"]);
    follow.expect(&["1 a"]);
    std::thread::sleep(Duration::from_millis(300));
    place.write("x.log", "3 c\n");
    follow.expect_said("x.log: was cut short behind byte 4");
    follow.expect(&["2 b", "3 c"]);
    follow.end();
}

#[test]
fn records_of_several_lines_go_over_a_rotation_and_end_by_themselves() {
    let place = Place::new();
    place.write("x.log", "1 a\n at one\n2 b\n");
    let follow = place.follow("several.toml", &["--from", "x.log"]);
    follow.expect(&["1 a\n at one"]);
    let begun = Instant::now();
    follow.expect(&["2 b"]);
    assert!(begun.elapsed() < Duration::from_secs(60));
    // It does not see how long this takes, which would end the record in the middle.
    follow.signal(libc::SIGSTOP);
    place.append("x.log", "3 c\n at two\n");
    place.rename("x.log", "x.log.1");
    place.write("x.log", " at three\n4 d\n");
    follow.signal(libc::SIGCONT);
    follow.expect(&["3 c\n at two\n at three", "4 d"]);
    // A line without its end waits for it.
    place.append("x.log", "5 e");
    std::thread::sleep(Duration::from_millis(1500));
    place.append("x.log", "e\n");
    follow.expect(&["5 ee"]);
    follow.end();
}

#[test]
fn patterns_find_files_that_appear() {
    let place = Place::new();
    place.write("a.log", "1 a\n");
    place.write("a.log.1", "0 z\n");
    let follow = place.follow("one.toml", &["--from", "*.log"]);
    follow.expect(&["0 z", "1 a"]);
    place.write("b.log", "2 b\n");
    follow.expect(&["2 b"]);
    place.append("a.log", "3 c\n");
    follow.expect(&["3 c"]);
    follow.end();
}

#[test]
fn where_it_begins() {
    for (start, wanted) in [
        ("earliest", &["1 a", "2 b", "3 c", "4 d"][..]),
        ("current", &["3 c", "4 d"]),
        ("latest", &["4 d"]),
    ] {
        let place = Place::new();
        place.write("x.log.2", "1 a\n");
        place.pack("x.log.2");
        place.write("x.log.1", "2 b\n");
        place.write("x.log", "3 c\n");
        let follow = place.follow("one.toml", &["--from", "x.log", "--start", start]);
        match wanted.split_last() {
            Some((_, [])) => follow.begun.recv_timeout(SOON).unwrap(),
            Some((_, first)) => follow.expect(first),
            None => unreachable!(),
        }
        place.append("x.log", "4 d\n");
        follow.expect(&["4 d"]);
        follow.end();
    }
}

#[test]
fn a_pause_is_caught_up_whatever_became_of_the_files() {
    let place = Place::new();
    place.write("x.log", "1 a\n2 b\n3 ");
    assert_eq!(place.once("one.toml", &[]).0, ["1 a", "2 b"]);
    // Nothing has come.
    assert_eq!(place.once("one.toml", &[]).0, Vec::<String>::new());
    place.append("x.log", "c\n");
    place.rename("x.log", "x.log.1");
    place.pack("x.log.1");
    place.rename("x.log.1.gz", "x.log.3.gz");
    place.write("x.log.2", "4 d\n5 e");
    place.write("x.log.1", "");
    place.write("x.log", "6 f\n");
    assert_eq!(place.once("one.toml", &[]).0, ["3 c", "4 d", "5 e", "6 f"]);
    // Copied and cut.
    place.append("x.log", "7 g\n");
    std::fs::copy(place.path("x.log"), place.path("x.log.0")).unwrap();
    place.write("x.log", "8 h\n9 i\n");
    assert_eq!(place.once("one.toml", &[]).0, ["7 g", "8 h", "9 i"]);
    // Gone: nobody knows what was in it.
    std::fs::remove_file(place.path("x.log")).unwrap();
    place.write("x.log", "10 j\n");
    let output = place.command("one.toml", &["--checkpoint", "p.json", "--from", "x.log"]).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("x.log: the file that was read up to byte 8 is gone"), "{said}");
    for number in 0..4 {
        let _ = std::fs::remove_file(place.path(&format!("x.log.{number}")));
    }
    let _ = std::fs::remove_file(place.path("x.log.3.gz"));
    let (came, said) = place.once("one.toml", &["--gaps"]);
    assert_eq!(came, ["10 j"]);
    assert!(said.contains("is gone"), "{said}");
}

#[test]
fn reading_again_gives_the_same_ids_and_uids() {
    let place = Place::new();
    place.write("x.log", "1 a\n at one\n2 b\n");
    let follow = |out: &str, checkpoint: &str| {
        let arguments = ["--checkpoint", checkpoint, "--from", "x.log", "--to", out];
        let output = place.command("several.toml", &arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let age = |name: &str| {
        let file = File::options().append(true).open(place.path(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(60)).unwrap();
    };
    // In pieces: what may go on waits for the next run.
    follow("pieces", "p");
    place.append("x.log", "3 c\n");
    follow("pieces", "p");
    place.rename("x.log", "x.log.1");
    place.pack("x.log.1");
    place.write("x.log", " at two\n1 a\n at one\n");
    age("x.log");
    follow("pieces", "p");
    follow("whole", "w");
    let read = |name: &str| rows(&std::fs::read(place.path(name)).unwrap());
    let pieces = read("pieces");
    assert_eq!(pieces, read("whole"));
    let texts: Vec<_> = pieces.iter().map(|(table, cells)| shown(table, cells)).collect();
    assert_eq!(texts, ["1 a\n at one", "2 b", "3 c\n at two", "1 a\n at one"]);
    let mut uids: Vec<_> = pieces.iter().map(|(_, cells)| cells[3].as_str().unwrap()).collect();
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 4, "{uids:?}");
}

/// From a write to the row: as each line is written behind the row before it, a look every half second would
/// take most of one, for every line.
#[test]
#[cfg(target_os = "linux")]
fn a_line_is_told_by_the_system() {
    let place = Place::new();
    place.write("x.log", "0 a\n");
    let follow = place.follow("one.toml", &["--from", "x.log"]);
    follow.expect(&["0 a"]);
    let mut times: Vec<Duration> = (1..=21)
        .map(|number| {
            std::thread::sleep(Duration::from_millis(20));
            let begun = Instant::now();
            place.append("x.log", &format!("{number} b\n"));
            follow.expect(&[&format!("{number} b")]);
            begun.elapsed()
        })
        .collect();
    times.sort();
    eprintln!("from write to row: median {:?}, most {:?}", times[10], times[20]);
    // A busy machine delays some of them; without being told, each would wait for the next look.
    assert!(times[5] < Duration::from_millis(200), "{times:?}");
    follow.end();
}
