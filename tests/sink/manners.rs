//! Positions, checks, mistakes, signals, latency.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::support::*;

fn signal(child: &Child, name: &str) {
    let sent = std::process::Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(180), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn only_a_marker_moves_the_checkpoint() {
    let row = |id: i64| Table::orders().message(&[(id, "I", &format!(r#""{id}","a","1",1"#))]);
    for destination in ["sqlite:", ""] {
        let folder = Folder::new();
        let destination = format!("{destination}{}", folder.text("t.db"));
        let file = folder.text("pos.json");
        let arguments = [&destination, "--checkpoint", &file];
        let read = || std::fs::read_to_string(&file).ok().and_then(|text| position(&text));
        land(&arguments, &row(1));
        assert_eq!(read(), None);
        land(&arguments, &(row(2) + &marker(3) + &row(4) + &marker(5) + &row(6)));
        assert_eq!(read(), Some(5));
        // A bad line: what is before it is good, and no more.
        fail(3, &arguments, &(row(7) + &marker(8) + &row(9) + "{\"broken\n" + &marker(10)));
        assert_eq!(read(), Some(8));
        if destination.starts_with("sqlite:") {
            assert_eq!(position(&land(&[&destination, "--position"], "")), Some(8));
            assert_eq!(folder.ask("SELECT count(*) FROM orders"), "6");
        }
        // A sink that fails moves nothing.
        if destination.starts_with("sqlite:") {
            let bad = Table::orders().message(&[(12, "I", r#""x","a","1",1"#)]);
            fail(3, &arguments, &(row(11) + &bad + &marker(13)));
            assert_eq!(read(), Some(8));
        }
    }
}

#[test]
fn a_checkpoint_behind_something_that_is_not_durable_is_refused() {
    let folder = Folder::new();
    let input = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]) + &marker(2);
    for destination in ["-", "/dev/null"] {
        let text = fail(2, &[destination, "--checkpoint", &folder.text("p.json")], &input);
        assert!(text.contains("never durable"), "{text}");
        assert!(!folder.path("p.json").exists());
    }
}

#[test]
fn mistakes_are_answered_with_what_is_known() {
    for (arguments, word) in [
        (&["nosuch://x/y"][..], "sqlite:PATH"),
        (&["sqlite:x.db?bussy=1"], "busy"),
        (&["sqlite:x.db", "--map", "a={tabel}"], "{table}"),
        (&["sqlite:x.db", "--keys", "a"], "PATTERN=COLUMN"),
        (&["file:x", "--position"], "--checkpoint"),
        (&["-", "--from", "nosuch://x"], "file:PATH"),
        (&["-", "--max-line", "lots"], "MiB"),
    ] {
        let text = fail(2, arguments, "");
        assert!(text.contains(word), "{arguments:?}: {text}");
    }
    assert!(fail(4, &["-", "--from", "/nonexistent/x"], "").contains("/nonexistent/x"));
    let text = fail(3, &["-", "--max-line", "100"], &("x".repeat(200) + "\n"));
    assert!(text.contains("stdin:1: ") && text.contains("--max-line"), "{text}");
}

#[test]
fn looking_changes_nothing() {
    let folder = Folder::new();
    let destination = folder.sqlite();
    let orders = Table::orders();
    let input = orders.message(&[(1, "I", r#""1","secret","1",1"#)])
        + &orders.message(&[(2, "I", r#""2","b","1",1"#)]);
    let shown = land(&[&destination, "--dry-run"], &input);
    assert_eq!(shown.matches("CREATE TABLE").count(), 1);
    assert!(shown.contains("ON CONFLICT (\"id\")") && !shown.contains("secret"), "{shown}");
    assert!(land(&[&destination, "--check"], "").contains("will be created"));
    assert_eq!(position(&land(&[&destination, "--position"], "")), None);
    assert!(!folder.path("t.db").exists());
    land(&[&destination], &(input + &marker(3)));
    let found = land(&[&destination, "--check"], "");
    assert!(found.contains("1 tables, 1 positions"), "{found}");
    fail(4, &["sqlite:/nonexistent/t.db", "--check"], "");
}

#[test]
fn a_single_line_comes_through_at_once() {
    let mut child = start(&["-"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut times = Vec::new();
    for id in 1..20 {
        let line = Table::orders().message(&[(id, "I", r#""1","a","1",1"#)]);
        let sent = Instant::now();
        stdin.write_all(line.as_bytes()).unwrap();
        let mut back = String::new();
        stdout.read_line(&mut back).unwrap();
        times.push(sent.elapsed());
        assert_eq!(back, line);
    }
    // A busy machine delays some of them; one that waits for a second line or a clock delays each.
    times.sort();
    assert!(times[5] < Duration::from_millis(500), "{times:?}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn rows_are_committed_while_the_stream_is_quiet() {
    let folder = Folder::new();
    let mut child = start(&[&folder.sqlite()]);
    let mut stdin = child.stdin.take().unwrap();
    let line = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]);
    stdin.write_all(line.as_bytes()).unwrap();
    let there = || {
        folder.path("t.db").exists()
            && folder.ask("SELECT count(*) FROM sqlite_schema WHERE name = 'orders'") == "1"
    };
    wait_for("a commit after a second", there);
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_signal_ends_as_that_signal_after_a_clean_drain() {
    let folder = Folder::new();
    let mut child = start(&[&folder.text("out.ums.zst"), "--checkpoint", &folder.text("p.json")]);
    let mut stdin = child.stdin.take().unwrap();
    let input = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]) + &marker(2);
    stdin.write_all(input.as_bytes()).unwrap();
    let kept = || std::fs::read_to_string(folder.path("p.json")).unwrap_or_default();
    wait_for("the position", || !kept().is_empty());
    signal(&child, "-TERM");
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(15), "{status:?}");
    assert_eq!(land(&["-", "--from", &folder.text("out.ums.zst")], ""), input);
    assert_eq!(position(&kept()), Some(2));
}

#[test]
fn a_reader_that_goes_away_is_done() {
    let mut child = start(&["-"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let line = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]);
    while stdin.write_all(line.as_bytes()).is_ok() {}
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_database_that_somebody_writes_is_worth_a_restart() {
    let folder = Folder::new();
    let line = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]);
    land(&[&folder.sqlite()], &line);
    let other = rusqlite::Connection::open(folder.path("t.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let text = fail(4, &[&(folder.sqlite() + "?busy=0")], &line);
    assert!(text.contains("another process is writing"), "{text}");
    // With patience it comes through.
    let mut child = start(&[&(folder.sqlite() + "?busy=300")]);
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    other.execute_batch("COMMIT").unwrap();
    assert!(child.wait().unwrap().success());
}

/// A file becomes one with a WAL under a lock for which SQLite itself does not wait: two that begin at
/// once on a new file meet there.
#[test]
fn a_new_database_that_somebody_writes_is_waited_for() {
    let folder = Folder::new();
    let other = rusqlite::Connection::open(folder.path("t.db")).unwrap();
    other.execute_batch("CREATE TABLE q (a); BEGIN IMMEDIATE").unwrap();
    let line = Table::orders().message(&[(1, "I", r#""1","a","1",1"#)]);
    let text = fail(4, &[&(folder.sqlite() + "?busy=0")], &line);
    assert!(text.contains("another process is writing"), "{text}");
    let mut child = start(&[&(folder.sqlite() + "?busy=300"), "--quiet"]);
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait().unwrap().is_none(), "it has not waited");
    other.execute_batch("COMMIT").unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(folder.ask("SELECT count(*) FROM orders"), "1");
}

#[test]
fn files_that_are_no_database_are_refused() {
    let folder = Folder::new();
    std::fs::write(folder.path("t.db"), "dear reader, ".repeat(100)).unwrap();
    let text = fail(5, &[&folder.sqlite()], "");
    assert!(text.contains("not a SQLite database"), "{text}");
}

/// One that never rests, and one that has little to say: SQLite's lock has no queue, so the first one
/// has to leave room.
#[test]
fn two_processes_take_turns_at_one_database() {
    let folder = Folder::new();
    let address = folder.sqlite();
    let busy = Table::new("shop.busy", &["id"], &[("id", "long")]);
    let mut child = start(&[&format!("{address}?rows=400"), "--quiet"]);
    let mut stdin = child.stdin.take().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let mut input = String::new();
    for id in (10..20_000).step_by(50) {
        let rows: Vec<(i64, String)> = (id..id + 50).map(|id| (id, format!("\"{id}\""))).collect();
        let rows: Vec<(i64, &str, &str)> =
            rows.iter().map(|(id, cells)| (*id, "I", cells.as_str())).collect();
        input += &busy.message(&rows);
    }
    let feeder = std::thread::spawn(move || {
        while !stopped.load(Ordering::Relaxed) {
            stdin.write_all(input.as_bytes()).unwrap();
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    let input: String = (1..=40)
        .map(|id| Table::orders().message(&[(id, "I", &format!(r#""{id}","a","1",1"#))]))
        .collect();
    let began = Instant::now();
    land(&[&format!("{address}?rows=1&busy=300"), "--quiet"], &input);
    let seconds = began.elapsed().as_secs_f32();
    stop.store(true, Ordering::Relaxed);
    feeder.join().unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(folder.ask("SELECT count(*) FROM orders"), "40");
    println!("40 commits in {seconds} s");
    assert!(seconds < 120.0, "{seconds} s");
}
