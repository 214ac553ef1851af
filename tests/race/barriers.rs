//! The race itself: every barrier that a server allows, repeated pulls, and the proof that the same
//! test sees what happens without one.

use std::time::{Duration, Instant};

use crate::pipes::{Follower, Store, pull};
use crate::server::Kind;
use crate::source::{Source, Which};
use crate::support::Random;
use crate::writers::{Monitors, Writers};

const WRITERS: usize = 16;

fn rounds() -> usize {
    std::env::var("DWS_RACE_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// One round: writers, a pull or two while they write, then everything that the log still has. Gives
/// what the target says wrong.
fn round(
    source: &Source,
    store: &Store,
    follower: &mut Follower,
    barrier: &str,
    random: &mut Random,
) -> Vec<String> {
    let writers = Writers::start(source, WRITERS, random);
    std::thread::sleep(Duration::from_millis(100 + random.below(300) as u64));
    let began = Instant::now();
    for _ in 0..=random.below(2) {
        pull(source, store, barrier, &[], &["--sweep"]).good();
    }
    let pulled = began.elapsed().as_secs_f32();
    // What the last pull read too early stays, where nothing is written behind it.
    let done = writers.stop();
    source.settle();
    follower.catch_up();
    let wrong = store.differences(source);
    let seconds = began.elapsed().as_secs_f32();
    println!(
        "{barrier}: {done} statements, pulled {pulled:.1} s, all {seconds:.1} s, {} differences",
        wrong.len()
    );
    follower.go_on();
    wrong
}

fn race(which: Which, test: &str, barriers: &[&str], store: Store) {
    race_beside(0, which, test, barriers, store);
}

fn race_beside(monitors: usize, which: Which, test: &str, barriers: &[&str], store: Store) {
    let Some(source) = Source::start(which, test) else { return };
    let _monitors = Monitors::start(&source, monitors);
    let mut random = Random::seeded();
    let mut follower = Follower::new(&source, &store);
    // The first load makes the tables.
    pull(&source, &store, barriers[0], &[], &["--sweep"]).good();
    store.watch_ids();
    for number in 0..rounds() {
        for barrier in barriers {
            let wrong = round(&source, &store, &mut follower, barrier, &mut random);
            assert!(
                wrong.is_empty(),
                "round {number}, {barrier}: {:#?}\n{}",
                &wrong[..wrong.len().min(9)],
                follower.evidence(&wrong[0])
            );
        }
    }
    assert_eq!(store.ask("SELECT name FROM falls"), "", "ids fell");
}

#[test]
fn race_mariadb_to_sqlite() {
    let barriers = ["snapshot", "write", "share", "lock", "auto"];
    race(Which::MariaDb, "race_mariadb_to_sqlite", &barriers, Store::sqlite());
}

/// What the server tells of a snapshot passes through variables that all sessions share.
#[test]
fn race_mariadb_beside_monitors() {
    let test = "race_mariadb_beside_monitors";
    race_beside(4, Which::MariaDb, test, &["snapshot"; 3], Store::sqlite());
}

#[test]
fn race_mysql_to_sqlite() {
    let barriers = ["gtid", "write", "share", "lock", "auto"];
    race(Which::MySql(true), "race_mysql_to_sqlite", &barriers, Store::sqlite());
}

#[test]
fn race_mysql_without_gtids_to_sqlite() {
    let (test, barriers) = ("race_mysql_without_gtids_to_sqlite", ["write", "share", "lock"]);
    race(Which::MySql(false), test, &barriers, Store::sqlite());
}

#[test]
fn race_mariadb_to_postgres() {
    let test = "race_mariadb_to_postgres";
    let Some(store) = Store::postgres(test) else { return };
    race(Which::MariaDb, test, &["snapshot", "share"], store);
}

#[test]
fn race_mysql_to_postgres() {
    let test = "race_mysql_to_postgres";
    let Some(store) = Store::postgres(test) else { return };
    race(Which::MySql(true), test, &["gtid", "write"], store);
}

#[test]
fn race_on_a_replica_of_mysql() {
    let (test, barriers) = ("race_on_a_replica_of_mysql", ["gtid", "write", "share", "lock"]);
    race(Which::Replica(Kind::MySql), test, &barriers, Store::sqlite());
}

#[test]
fn race_on_a_replica_of_mariadb() {
    let (test, barriers) = ("race_on_a_replica_of_mariadb", ["snapshot", "write", "share", "lock"]);
    race(Which::Replica(Kind::MariaDb), test, &barriers, Store::sqlite());
}

#[test]
fn race_with_semi_sync() {
    let (test, barriers) = ("race_with_semi_sync", ["snapshot", "write", "share", "lock"]);
    race(Which::SemiSync, test, &barriers, Store::sqlite());
}

/// Without a barrier the same rounds must go wrong, or they would prove nothing. Only builds with
/// failpoints can leave it out.
#[cfg(feature = "failpoints")]
mod without {
    use super::*;

    fn goes_wrong(which: Which, test: &str) {
        let Some(source) = Source::start(which, test) else { return };
        let store = Store::sqlite();
        let mut random = Random::seeded();
        let mut follower = Follower::new(&source, &store);
        for number in 0..40 {
            if !round(&source, &store, &mut follower, "none", &mut random).is_empty() {
                println!("{test}: seen in round {number}");
                return;
            }
        }
        panic!("{test}: 40 rounds without a barrier, and nothing went wrong");
    }

    #[test]
    fn without_a_barrier_it_goes_wrong_on_mysql() {
        goes_wrong(Which::MySql(true), "without_a_barrier_it_goes_wrong_on_mysql");
    }

    #[test]
    fn without_a_barrier_it_goes_wrong_on_mariadb() {
        goes_wrong(Which::SemiSync, "without_a_barrier_it_goes_wrong_on_mariadb");
    }
}
