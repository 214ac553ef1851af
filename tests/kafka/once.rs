//! With transactions the topic itself has each row once, whatever was killed.
//!
//! `DWS_KILL_ROUNDS` says how many times (4).

use std::process::ExitStatus;
use std::time::Duration;

use crate::broker::{Brokers, FILTER, Running, TAIL, messages, program, run, uids};
use crate::kill::{Random, rounds};
use crate::server::{Kind, Server};

#[test]
fn no_row_is_in_the_topic_twice() {
    let test = "no_row_is_in_the_topic_twice";
    let Some(brokers) = Brokers::shared(test) else { return };
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    let mut random = Random::seeded(test);
    server.database(test);
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT);"
    ));
    let folder = tempfile::tempdir().unwrap();
    let topic = brokers.fresh("once");
    let (url, tables, source) = (brokers.url(&topic), format!("{test}.*"), server.url());
    let arguments = [
        "--quiet",
        "--tables",
        &tables,
        "--start",
        &start,
        "--to",
        &url,
        "--partitions",
        "3",
        "--transactional",
        &topic,
        "--marker-every",
        "50ms",
        "--batch-rows",
        "20",
        &source,
    ];
    for round in 0..rounds(4) {
        let mut tail = Running::start(TAIL, &arguments, folder.path());
        let pause = 400 + random.below(1500);
        let end = std::time::Instant::now() + Duration::from_millis(pause);
        while std::time::Instant::now() < end {
            server.sql(&format!(
                "USE {test}; INSERT INTO t (note) SELECT 'x' FROM seq_1_to_50; UPDATE t SET note = 'y' WHERE id % 97 = {round};"
            ));
        }
        tail.kill();
    }
    let direct = [&arguments[..5], &["--stop", "latest", &source]].concat();
    let expected = run(&mut program(TAIL, &direct));
    let mut expected = uids(&String::from_utf8(expected.stdout).unwrap());
    let mut last = arguments.to_vec();
    last.extend(["--stop", "latest"]);
    run(&mut program(TAIL, &last));
    let mut found = uids(&brokers.read(&topic, &[]));
    expected.sort();
    found.sort();
    let all = found.len();
    found.dedup();
    assert_eq!(all - found.len(), 0, "rows are there twice");
    assert!(found == expected, "{} rows, {} in the log", found.len(), expected.len());
    println!("{test}: {all} rows, each once");
}

/// From topic to topic, two of a group that are killed in turn and take partitions over from each
/// other: offsets are in the transactions of the rows, so each row is there once.
#[test]
fn from_topic_to_topic_each_row_comes_once() {
    let test = "from_topic_to_topic";
    let Some(brokers) = Brokers::shared(test) else { return };
    let mut random = Random::seeded(test);
    let (source, target) = (brokers.fresh("source"), brokers.fresh("target"));
    brokers.topic(&source, 4);
    brokers.topic(&target, 2);
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (brokers.url(&format!("{source}?group={source}")), brokers.url(&target));
    let ids = ["a", "b"].map(|name| format!("{target}-{name}"));
    let arguments = |place: usize| {
        let times = ["-X", "session.timeout.ms=2000", "-X", "heartbeat.interval.ms=300"];
        let plain = ["--quiet", "--from", &from, "--to", &to, "--transactional", &ids[place]];
        [&plain[..], &times[..]].concat()
    };
    let start = |place: usize| Running::start(FILTER, &arguments(place), folder.path());
    let mut both = [start(0), start(1)];
    let mut next = 0;
    for round in 0..rounds(8) {
        for _ in 0..3 {
            brokers.write(&source, &[], &messages(next..next + 700));
            next += 700;
            std::thread::sleep(Duration::from_millis(100 + random.below(900)));
        }
        let place = (round % 2) as usize;
        // Whoever loses partitions with a transaction open gives up, and is started again.
        let gave_up = |status: ExitStatus| status.code() == Some(4);
        if round % 4 == 2 {
            // One that leaves well, with rows behind its last marker.
            let status = both[place].terminate();
            assert!(status.code().is_none() || gave_up(status), "{}", both[place].said());
        } else {
            both[place].kill();
        }
        both[place] = start(place);
        let other = 1 - place;
        if let Some(status) = both[other].child.try_wait().unwrap() {
            assert!(gave_up(status), "{}", both[other].said());
            both[other] = start(other);
        }
    }
    both.iter_mut().for_each(Running::kill);
    for place in [0, 1] {
        run(program(FILTER, &arguments(place)).arg("--exit-at-end"));
    }
    let mut found = uids(&brokers.read(&target, &[]));
    found.sort();
    let all = found.len() as u64;
    found.dedup();
    assert_eq!((all, found.len() as u64), (next, next), "rows, distinct rows");
    println!("{test}: {all} rows, each once");
}
