//! The sink killed, and the server killed, at random moments; resumed from the position that the
//! target itself keeps: nothing lost, nothing doubled.
//!
//! `DWS_KILL_ROUNDS` says how many times (5, of the server 3), `DWS_TEST_SEED` repeats a run.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::{Random, Workload, land, marker, position, start};
use crate::target::{FINAL, Target, Which, on_every_target, with_origins};

on_every_target!(the_sink_is_killed, the_sink_is_killed_with_hard_deletes);

/// How many times, unless the environment says it.
pub fn rounds(usual: usize) -> usize {
    std::env::var("DWS_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What comes after the marker of that position.
pub fn after(messages: &[String], position: Option<i64>) -> &[String] {
    let Some(position) = position else { return messages };
    let line = marker(position);
    let at = messages.iter().position(|message| message.ends_with(&line)).unwrap();
    &messages[at + 1..]
}

fn kept(target: &Target) -> Option<i64> {
    position(&land(&[&target.url(""), "--position"], ""))
}

/// Feeds slowly, in a thread; ends when the program does.
pub fn feed(
    child: &mut std::process::Child,
    messages: &[String],
    pace: u64,
) -> std::thread::JoinHandle<()> {
    let mut stdin = child.stdin.take().unwrap();
    let messages = messages.to_vec();
    std::thread::spawn(move || {
        for part in messages.chunks(8) {
            if stdin.write_all(part.concat().as_bytes()).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(pace));
        }
    })
}

fn killed(target: &Target, query: &str, delete: &str) {
    let mut random = Random::seeded();
    let rounds = rounds(5);
    let workload = Workload::new(&mut random, 2000 + 400 * rounds, 150);
    let messages = with_origins(&workload.messages);
    let url = target.url(query);
    let arguments = [url.as_str(), "--quiet", "--delete", delete];
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..rounds {
        let from = kept(target);
        assert!(seen.last() <= Some(&from), "the position went back");
        seen.insert(from);
        let mut child = start(&arguments);
        let feeder = feed(&mut child, after(&messages, from), 4);
        std::thread::sleep(Duration::from_millis(30 + random.below(500) as u64));
        // One kill has to come behind a position, however slow the machine.
        let end = Instant::now() + Duration::from_secs(180);
        while round + 1 == rounds && seen.len() < 2 && Instant::now() < end {
            seen.insert(kept(target));
        }
        let early = child.try_wait().unwrap();
        assert!(early.is_none_or(|status| status.success()), "round {round}: {early:?}");
        let _ = child.kill();
        child.wait().unwrap();
        feeder.join().unwrap();
    }
    land(&arguments, &after(&messages, kept(target)).concat());
    assert_eq!(target.ask(FINAL), workload.rows);
    println!("{} positions in {rounds} rounds", seen.len());
    assert!(seen.len() > 1, "no position was kept between the kills");
}

fn the_sink_is_killed(target: &Target) {
    killed(target, "rows=120&workers=3", "soft");
}

fn the_sink_is_killed_with_hard_deletes(target: &Target) {
    killed(target, "rows=120", "hard");
}

/// The server dies under the sink and comes back; the sink goes on by itself.
fn the_server_is_killed(which: Which, test: &str) {
    // What was committed must be there after the kill.
    let options: &[&str] = match which {
        Which::Postgres => &[],
        _ => &["--innodb-flush-log-at-trx-commit=2"],
    };
    let Some(target) = Target::private(which, test, options) else { return };
    let mut random = Random::seeded();
    let rounds = rounds(2);
    let workload = Workload::new(&mut random, 2000 + 2000 * rounds, 150);
    let messages = with_origins(&workload.messages);
    let mut child = start(&[&target.url("rows=120&workers=2&retry=600"), "--quiet"]);
    let feeder = feed(&mut child, &messages, 20);
    for _ in 0..rounds {
        std::thread::sleep(Duration::from_millis(100 + random.below(700) as u64));
        target.kill();
        std::thread::sleep(Duration::from_millis(random.below(300) as u64));
        target.start(options);
        assert!(
            child.try_wait().unwrap().is_none_or(|status| status.success()),
            "the sink gave up"
        );
    }
    feeder.join().unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    assert_eq!(target.ask(FINAL), workload.rows);
    // No patience: worth a restart, and the position stays true.
    let mut child = start(&[&target.url("rows=120&retry=0"), "--quiet"]);
    let feeder = feed(&mut child, &messages, 20);
    std::thread::sleep(Duration::from_millis(400));
    target.kill();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    feeder.join().unwrap();
    target.start(options);
    assert!(kept(&target).is_some());
    land(&[&target.url("")], &after(&messages, kept(&target)).concat());
    assert_eq!(target.ask(FINAL), workload.rows);
}

#[test]
fn mysql_is_killed() {
    the_server_is_killed(Which::MySql, "mysql_is_killed");
}

#[test]
fn mariadb_is_killed() {
    the_server_is_killed(Which::MariaDb, "mariadb_is_killed");
}

#[test]
fn postgres_is_killed() {
    the_server_is_killed(Which::Postgres, "postgres_is_killed");
}
