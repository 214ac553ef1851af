//! SIGKILL at random moments of a pull that can be resumed, at either end of the pipe, under writers
//! and beside the follower: complete in the end, and no shard twice in effect.

use std::time::Duration;

use crate::pipes::{Follower, Store, keep_position, pull};
use crate::source::{Source, Which};
use crate::support::Random;
use crate::writers::Writers;

fn kills() -> usize {
    std::env::var("DWS_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}

fn killed(which: Which, test: &str) {
    let Some(source) = Source::start(which, test) else { return };
    let store = Store::sqlite();
    let mut random = Random::seeded();
    let mut follower = Follower::new(&source, &store);
    pull(&source, &store, "auto", &[], &["--sweep"]).good();
    store.watch_ids();
    // Rows that only a sweep can remove.
    for name in crate::pipes::NAMES {
        store.change(&format!("INSERT INTO {name} (id, n) VALUES (99999, 1)"));
    }
    let (state, position) = (store.file("pull.state"), store.file("pull.json"));
    let state_text = state.to_str().unwrap().to_owned();
    let arguments = ["--state", &state_text, "--checkpoint", position.to_str().unwrap()];
    let slow = [&arguments[..], &["--max-rows-per-sec", "6000", "--shard-rows", "400"]].concat();
    let writers = Writers::start(&source, 2, &mut random);
    let (mut ended, mut resumed) = (0, 0);
    for _ in 0..kills() {
        keep_position(&store, &position);
        resumed += usize::from(
            std::fs::read_to_string(&state)
                .is_ok_and(|text| text.contains("\"done\"") && !text.contains("\"ended\"")),
        );
        let mut pipe = pull(&source, &store, "auto", &slow, &["--sweep"]);
        std::thread::sleep(Duration::from_millis(50 + random.below(1500) as u64));
        let done = pipe.second.try_wait().unwrap();
        ended += usize::from(done.is_some_and(|status| status.success()));
        let victim = random.below(3);
        // They may have ended by themselves.
        if victim != 1 {
            let _ = pipe.first.kill();
        }
        if victim != 0 {
            let _ = pipe.second.kill();
        }
        let (_, _, said) = pipe.end();
        // A shard that was taken for finished and is not there would leave the table unswept.
        assert!(!said.contains("panicked") && !said.contains("not swept"), "{said}");
        let lost = "SELECT count(*) FROM large WHERE _is_active_ = 0 AND _ums_op_ <> 'D'";
        assert_eq!(store.ask(lost), "0");
    }
    println!("{test}: {resumed} runs went on with a state, {ended} ended before their kill");
    keep_position(&store, &position);
    pull(&source, &store, "auto", &arguments_of(&slow), &["--sweep"]).good();
    writers.stop();
    follower.catch_up();
    let wrong = store.differences(&source);
    assert!(wrong.is_empty(), "{:#?}", &wrong[..wrong.len().min(9)]);
    assert_eq!(store.ask("SELECT name FROM falls"), "", "ids fell");
    for name in crate::pipes::NAMES {
        let swept = format!("SELECT _is_active_ FROM {name} WHERE id = 99999");
        assert_eq!(store.ask(&swept), "0", "{name}");
    }
}

/// The same, without the brake.
fn arguments_of<'a>(slow: &[&'a str]) -> Vec<&'a str> {
    let mut all = slow.to_vec();
    if let Some(at) = all.iter().position(|argument| *argument == "--max-rows-per-sec") {
        all.drain(at..at + 2);
    }
    all
}

#[test]
fn a_killed_pull_of_mariadb() {
    killed(Which::MariaDb, "a_killed_pull_of_mariadb");
}

#[test]
fn a_killed_pull_of_mysql() {
    killed(Which::MySql(true), "a_killed_pull_of_mysql");
}
