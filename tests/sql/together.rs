//! Two programs with the same flow at once on one target: row locks and the id decide.

use std::io::Write;

use crate::support::{Random, Workload, start};
use crate::target::{FINAL, Target, on_every_target, with_origins};

on_every_target!(two_at_once_with_soft_deletes, two_at_once_with_hard_deletes, two_append_at_once);

fn run_two(target: &Target, query: &str, more: &[&str]) -> Workload {
    let mut random = Random::seeded();
    let workload = Workload::new(&mut random, 6000, 60);
    let messages = with_origins(&workload.messages);
    let url = target.url(query);
    let arguments: Vec<&str> = [url.as_str(), "--quiet"].iter().chain(more).copied().collect();
    // The tables and the sink's own tables are made by both at once, too.
    let mut children = Vec::new();
    for half in 0..2 {
        let mut child = start(&arguments);
        let mut input = child.stdin.take().unwrap();
        let mut messages = messages.clone();
        // One of them has it in another order, in parts.
        if half == 1 {
            for part in messages.chunks_mut(20) {
                random.shuffle(part);
            }
        }
        let feeder = std::thread::spawn(move || {
            for part in messages.chunks(25) {
                input.write_all(part.concat().as_bytes()).unwrap();
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        });
        children.push((child, feeder));
    }
    for (child, feeder) in children {
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {error}", output.status);
        feeder.join().unwrap();
    }
    workload
}

fn two_at_once_with_soft_deletes(target: &Target) {
    for query in ["workers=1&rows=300", "workers=3&rows=700"] {
        target.empty();
        let workload = run_two(target, query, &[]);
        assert_eq!(target.ask(FINAL), workload.rows, "{query}");
    }
}

fn two_at_once_with_hard_deletes(target: &Target) {
    let workload = run_two(target, "rows=400", &["--delete", "hard"]);
    assert_eq!(target.ask(FINAL), workload.rows);
    assert_eq!(target.ask("SELECT count(*) FROM orders WHERE _is_active_ = 0"), "0");
}

fn two_append_at_once(target: &Target) {
    let workload = run_two(target, "workers=2&rows=300", &["--mode", "append"]);
    let changes =
        workload.messages.concat().matches("\"tuple\":").count() - workload.messages.len();
    let count = target.ask("SELECT count(*), count(DISTINCT _ums_uid_) FROM orders");
    assert_eq!(count, format!("{changes}|{changes}"));
}
