//! `scripts/full-reload`, as cron runs it: beside the follower, under writers, killed, locked out.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::pipes::{Follower, NAMES, Store, pull};
use crate::source::{SCHEMA, Source, Which};
use crate::support::Random;
use crate::writers::Writers;

fn script(source: &Source, store: &Store, more: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = Path::new(env!("CARGO_BIN_EXE_dbus-pull")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(root.join("scripts/full-reload"));
    command
        .env("PATH", path)
        .env_remove("DWS_PASSWORD_FILE")
        .arg("--dir")
        .arg(store.file("reload"))
        .args(["--tables", &format!("{SCHEMA}.*"), "--pause", "1", "--pull=--shard-rows=1500"])
        .args(more)
        .args([source.read().url(), store.url()])
        .stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn log(store: &Store) -> String {
    std::fs::read_to_string(store.file("reload/log")).unwrap()
}

fn good(output: &Output, store: &Store) {
    assert!(output.status.success(), "{}: {}", output.status, log(store));
    // cron would send a mail.
    assert_eq!(text(&output.stdout) + &text(&output.stderr), "", "{}", log(store));
}

/// Rows that the log will never speak of.
fn plant(store: &Store) {
    for name in NAMES {
        store.change(&format!("UPDATE {name} SET _is_active_ = 1 WHERE id = 99999"));
        store.change(&format!(
            "INSERT INTO {name} (id, n) SELECT 99999, 1 WHERE NOT EXISTS (SELECT 1 FROM {name} WHERE id = 99999)"
        ));
    }
}

fn gone(store: &Store) {
    for name in NAMES {
        let there = format!("SELECT count(*) FROM {name} WHERE id = 99999 AND _is_active_ = 1");
        assert_eq!(store.ask(&there), "0", "{name} was not swept: {}", log(store));
    }
}

fn reloaded(which: Which, test: &str, store: Store) {
    let Some(source) = Source::start(which, test) else { return };
    let mut random = Random::seeded();
    let mut follower = Follower::new(&source, &store);
    // The first one loads an empty target.
    good(&script(&source, &store, &[]).output().unwrap(), &store);
    store.watch_ids();
    let writers = Writers::start(&source, 6, &mut random);
    for _ in 0..2 {
        plant(&store);
        good(&script(&source, &store, &[]).output().unwrap(), &store);
        gone(&store);
    }
    // Killed in the middle, with everything that it started; the next night goes on.
    plant(&store);
    let slow = ["--pull=--max-rows-per-sec=1000", "--tries", "1"];
    let child = script(&source, &store, &slow).stderr(Stdio::piped()).spawn().unwrap();
    let begun = || {
        let state = std::fs::read_to_string(store.file("reload/state")).unwrap_or_default();
        state.contains("\"done\"") && !state.contains("\"ended\"")
    };
    let until = Instant::now() + Duration::from_secs(180);
    while !begun() {
        assert!(Instant::now() < until, "no shard is done: {}", log(&store));
        std::thread::sleep(Duration::from_millis(20));
    }
    // And the one that cron starts meanwhile finds the lock.
    let second = script(&source, &store, &[]).output().unwrap();
    assert_eq!(second.status.code(), Some(75), "{}", text(&second.stderr));
    assert!(text(&second.stderr).contains("still at work"), "{}", text(&second.stderr));
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(4), "{}", log(&store));
    assert!(text(&ended.stderr).contains("end: exit 4"), "{}", text(&ended.stderr));
    let without_brake = script(&source, &store, &[]).output().unwrap();
    good(&without_brake, &store);
    gone(&store);
    writers.stop();
    follower.catch_up();
    let wrong = store.differences(&source);
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(9)]);
    assert_eq!(store.ask("SELECT name FROM falls"), "", "ids fell");
}

#[test]
fn a_reload_of_mariadb_to_sqlite() {
    reloaded(Which::MariaDb, "a_reload_of_mariadb_to_sqlite", Store::sqlite());
}

#[test]
fn a_reload_of_mysql_to_postgres() {
    let test = "a_reload_of_mysql_to_postgres";
    let Some(store) = Store::postgres(test) else { return };
    reloaded(Which::MySql(true), test, store);
}

#[test]
fn a_reload_that_fails_says_so() {
    let test = "a_reload_that_fails_says_so";
    let Some(source) = Source::start(Which::MariaDb, test) else { return };
    let store = Store::sqlite();
    pull(&source, &store, "auto", &[], &[]).good();
    plant(&store);
    for (more, code, said) in [
        (&["--pull=--barrier=gtid"][..], 5, "gtid"),
        (&["--pull=--where=id > 5"], 5, "not of the whole table"),
        (&["--pull=--id=initial"], 5, "--id batch"),
        (&["--pull=--exclude=*.*"], 2, "table"),
        (&["--delete", "maybe"], 2, "maybe"),
        (&["--no-such"], 2, "no option"),
        (&["--tries", "x"], 2, "whole numbers"),
    ] {
        // The state of another pull would be refused.
        let _ = std::fs::remove_dir_all(store.file("reload"));
        let output = script(&source, &store, more).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(said), "{more:?}: {}", text(&output.stderr));
        let active = "SELECT count(*) FROM large WHERE id = 99999 AND _is_active_ = 1";
        assert_eq!(store.ask(active), "1", "{more:?}");
    }
    // Without a sweep such pulls are fine.
    let _ = std::fs::remove_dir_all(store.file("reload"));
    let output =
        script(&source, &store, &["--no-sweep", "--pull=--where=id > 5"]).output().unwrap();
    good(&output, &store);
    // Two tables under one name: neither of them is all of it, not even the one with number 0.
    source.read().sql(&format!(
        "USE {SCHEMA}; CREATE TABLE part_0 (id INT PRIMARY KEY); CREATE TABLE part_1 LIKE part_0;
         INSERT INTO part_0 VALUES (1); INSERT INTO part_1 VALUES (2);"
    ));
    let parts = ["--pull=--shard=part_(\\d+)=part", "--pull=--exclude=*.hot,*.large"];
    for _ in 0..2 {
        let _ = std::fs::remove_dir_all(store.file("reload"));
        let output = script(&source, &store, &parts).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("published as one"), "{}", text(&output.stderr));
        let active = "SELECT count(*) FROM part WHERE _is_active_ = 1";
        assert_eq!(store.ask(active), "2");
        source.read().sql(&format!("INSERT INTO {SCHEMA}.part_1 VALUES (3)"));
        source.read().sql(&format!("DELETE FROM {SCHEMA}.part_1 WHERE id = 3"));
    }
    // A server that is away: tried again, then status 4.
    let away = script(&source, &store, &["--tries=2", "--pull=--patience=1s"])
        .args(["x"])
        .output()
        .unwrap();
    assert_eq!(away.status.code(), Some(2), "an argument too many");
    source.read().stop();
    let _ = std::fs::remove_dir_all(store.file("reload"));
    let away = script(&source, &store, &["--tries=2", "--pull=--patience=1s"]).output().unwrap();
    assert_eq!(away.status.code(), Some(4), "{}", text(&away.stderr));
    assert!(log(&store).contains("going on in 1 s"), "{}", log(&store));
}
