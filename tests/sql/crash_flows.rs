//! Many flows in one process, one of which fails now and then under --keep-going, the file read again
//! in the middle, killed at random moments, resumed from the common position: every target equals the
//! source.
//!
//! `DWS_KILL_ROUNDS` says how many times (4), `DWS_TEST_SEED` repeats a run.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::crash::{after, feed, rounds};
use crate::support::{FINAL, Random, Workload, land, position, program, sqlite3};
use crate::target::{Target, on_every_target, with_origins};

on_every_target!(many_flows_are_killed);

/// The file: five flows over three places. `rows` is what a SIGHUP changes.
fn write_flows(target: &Target, folder: &Path, rows: usize) {
    let server = target.url(&format!("workers=2&rows={rows}"));
    let lite = |name: &str| format!("sqlite:{}?rows={rows}&busy=30", folder.join(name).display());
    let flow = |name: &str, to: &str, more: &str| {
        format!("[[flow]]\nname = \"{name}\"\nmatch = \"*.*.shop\"\nto = \"{to}\"\n{more}\n")
    };
    let text = flow("server", &server, "")
        + &flow("mirror", &server, "table = \"mirror\"\ndelete = \"hard\"")
        + &flow("lite", &lite("t.db"), "")
        + &flow("all", &lite("t.db"), "table = \"changes\"\nmode = \"append\"")
        + &flow("frail", &lite("frail.db"), "delete = \"hard\"");
    std::fs::write(folder.join("flows.new"), text).unwrap();
    std::fs::rename(folder.join("flows.new"), folder.join("flows.toml")).unwrap();
}

/// A trigger that takes the transaction with it: no row is to blame, so the flow fails.
fn frail(folder: &Path, broken: bool) {
    let database = folder.join("frail.db");
    if broken {
        let there = "SELECT count(*) FROM sqlite_schema WHERE name = 'orders'";
        if !database.exists() || sqlite3(&database, there) != "1" {
            return;
        }
        let sql = "CREATE TRIGGER IF NOT EXISTS broken BEFORE UPDATE ON orders WHEN new.n % 50 = 0 \
                   BEGIN SELECT raise(ROLLBACK, 'out'); END";
        sqlite3(&database, sql);
    } else if database.exists() {
        sqlite3(&database, "DROP TRIGGER IF EXISTS broken");
    }
}

fn many_flows_are_killed(target: &Target) {
    let mut random = Random::seeded();
    let rounds = rounds(4);
    let workload = Workload::new(&mut random, 2500 + 500 * rounds, 120);
    let messages = with_origins(&workload.messages);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let place = folder.join("p.json").display().to_string();
    let file = folder.join("flows.toml").display().to_string();
    let arguments = ["--flows", &file, "--checkpoint", &place, "--keep-going", "--quiet"];
    let common = || std::fs::read_to_string(&place).ok().and_then(|text| position(&text));
    let of = |flow: &str| {
        let text = std::fs::read_to_string(format!("{place}.{flow}")).ok();
        text.and_then(|text| position(&text))
    };
    let mut failures = 0;
    for round in 0..rounds {
        write_flows(target, folder, 40 + random.below(150));
        // Every second time a flow fails on the way, and so the common position waits for it.
        frail(folder, round % 2 == 1);
        let from = common();
        for flow in ["server", "mirror", "lite", "all", "frail"] {
            assert!(from <= of(flow), "round {round}: the common position is ahead of {flow}");
        }
        let said = std::fs::File::create(folder.join("said")).unwrap();
        let mut child = program(&arguments).stdin(Stdio::piped()).stderr(said).spawn().unwrap();
        let feeder = feed(&mut child, after(&messages, from), 4);
        for _ in 0..1 + random.below(2) {
            std::thread::sleep(Duration::from_millis(30 + random.below(350) as u64));
            write_flows(target, folder, 40 + random.below(150));
            let _ = Command::new("kill")
                .args(["-HUP", &child.id().to_string()])
                .stderr(Stdio::null())
                .status();
        }
        std::thread::sleep(Duration::from_millis(30 + random.below(350) as u64));
        let early = child.try_wait().unwrap();
        let text = std::fs::read_to_string(folder.join("said")).unwrap();
        // What had failed says so at its end, should it have come to it.
        let good = early.is_none_or(|status| matches!(status.code(), Some(0 | 5)));
        assert!(good, "round {round}: {early:?} {text}");
        failures += usize::from(text.contains("going on without frail"));
        let _ = child.kill();
        child.wait().unwrap();
        feeder.join().unwrap();
    }
    println!("{failures} failures of a flow in {rounds} rounds, common position {:?}", common());
    frail(folder, false);
    write_flows(target, folder, 100);
    land(&arguments, &after(&messages, common()).concat());
    assert_eq!(target.ask(FINAL), workload.rows, "server");
    assert_eq!(target.ask(&FINAL.replace("orders", "mirror")), workload.rows, "mirror");
    let lite = |name: &str, sql: &str| sqlite3(&folder.join(name), sql);
    assert_eq!(lite("t.db", FINAL), workload.rows, "lite");
    assert_eq!(lite("frail.db", FINAL), workload.rows, "frail");
    let changes =
        workload.messages.concat().matches("\"tuple\":").count() - workload.messages.len();
    let found = lite("t.db", "SELECT count(*), count(DISTINCT _ums_uid_) FROM changes");
    assert_eq!(found, format!("{changes}|{changes}"), "all");
    assert_eq!(common(), of("server"));
}
