//! Killed at any moment and resumed from its position: nothing lost, nothing doubled.

use std::io::Write;
use std::time::Duration;

use super::support::*;

/// What comes after the marker of that position.
fn after(messages: &[String], position: Option<i64>) -> &[String] {
    let Some(position) = position else { return messages };
    let line = marker(position);
    let at = messages.iter().position(|message| message.ends_with(&line)).unwrap();
    &messages[at + 1..]
}

/// Feeds the program, slowly enough to be in the middle (`pace` milliseconds between pieces), and
/// kills it. It never sees the end of its input.
fn feed_and_kill(arguments: &[&str], messages: &[String], random: &mut Random, pace: u64) {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let messages = messages.to_vec();
    let feeder = std::thread::spawn(move || {
        for part in messages.chunks(4) {
            if stdin.write_all(part.concat().as_bytes()).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(pace));
        }
        stdin
    });
    std::thread::sleep(Duration::from_millis(20 + random.below(400) as u64 * pace / 5));
    assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
    child.kill().unwrap();
    child.wait().unwrap();
    feeder.join().unwrap();
}

#[test]
fn sqlite_survives_kills() {
    let mut random = Random::seeded();
    let workload = Workload::new(&mut random, 20_000, 200);
    let folder = Folder::new();
    let destination = folder.sqlite() + "?rows=150&busy=30";
    let file = folder.text("p.json");
    let arguments = [destination.as_str(), "--checkpoint", &file];
    for _ in 0..8 {
        let kept = position(&land(&[&destination, "--position"], ""));
        // The file follows the database, and never runs ahead of it.
        let written = std::fs::read_to_string(&file).ok().and_then(|text| position(&text));
        assert!(written <= kept, "{written:?} {kept:?}");
        // Every third time from the file, which may be older.
        let from = if random.below(3) == 0 { written } else { kept };
        feed_and_kill(&arguments, after(&workload.messages, from), &mut random, 5);
    }
    let kept = position(&land(&[&destination, "--position"], ""));
    land(&arguments, &after(&workload.messages, kept).concat());
    assert_eq!(folder.ask(FINAL), workload.rows);
    assert_eq!(folder.ask("PRAGMA integrity_check"), "ok");
}

#[test]
fn files_survive_kills() {
    let mut random = Random::seeded();
    let workload = Workload::new(&mut random, 20_000, 200);
    for name in ["k.ums", "k.ums.zst"] {
        let folder = Folder::new();
        let (path, file) = (folder.text(name), folder.text("p.json"));
        let arguments = [path.as_str(), "--checkpoint", &file];
        let read = || std::fs::read_to_string(&file).ok().and_then(|text| position(&text));
        for _ in 0..5 {
            feed_and_kill(&arguments, after(&workload.messages, read()), &mut random, 25);
        }
        land(&arguments, &after(&workload.messages, read()).concat());
        // Every message is there, in order where it is new.
        let lines = land(&["-", "--from", &path], "");
        let expected = workload.messages.concat();
        let mut wanted = expected.lines().peekable();
        for line in lines.lines() {
            if wanted.peek() == Some(&line) {
                wanted.next();
            }
        }
        assert_eq!(wanted.next(), None, "{name}");
        land(&[&folder.sqlite(), "--from", &path], "");
        assert_eq!(folder.ask(FINAL), workload.rows);
    }
}
