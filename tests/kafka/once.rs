//! With transactions the topic itself has each row once, whatever was killed.
//!
//! `DWS_KILL_ROUNDS` says how many times (4).

use std::time::Duration;

use crate::broker::{Brokers, Running, TAIL, program, run, uids};
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
