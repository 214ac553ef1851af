//! A broker that is away: nobody loses rows, nobody fills the memory, and everybody goes on.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::broker::{
    Brokers, FILTER, Running, SINK, TAIL, distinct, messages, program, uids, wait,
};
use crate::server::{Kind, Server};

#[test]
fn no_broker_at_the_start_is_worth_a_restart() {
    let begun = Instant::now();
    let output =
        program(FILTER, &["--quiet", "--from", "kafka://127.0.0.1:9/t?group=g", "--exit-at-end"])
            .output()
            .unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_topic_that_is_missing_is_refused() {
    let Some(brokers) = Brokers::shared("a_topic_that_is_missing_is_refused") else { return };
    let url = brokers.url("nobody-made-this");
    let output = program(FILTER, &["--quiet", "--from", &url]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(5), "{said}");
    assert!(said.contains("nobody-made-this"), "{said}");
}

#[test]
fn readers_wait_for_a_broker_and_go_on() {
    let Some(brokers) = Brokers::private("readers_wait_for_a_broker_and_go_on", 1) else { return };
    brokers.topic("t", 2);
    brokers.write("t", &[], &messages(0..1000));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ums");
    let file = file.to_str().unwrap();
    let url = brokers.url("t?group=g");
    let mut sink = Running::start(SINK, &["--quiet", "--from", &url, file], folder.path());
    let there = || std::fs::read_to_string(file).unwrap_or_default();
    wait(60, "the first rows", || distinct(&there()).len() == 1000);
    brokers.kill(1);
    wait(60, "a word about it", || sink.said().contains("broker"));
    std::thread::sleep(Duration::from_secs(3));
    assert!(sink.said().lines().count() <= 2, "{}", sink.said());
    brokers.start();
    brokers.write("t", &[], &messages(1000..2000));
    wait(60, "the other rows", || distinct(&there()).len() == 2000);
    sink.end();
    // What was durable was committed: the next one begins behind it.
    let before = uids(&there()).len();
    let arguments = ["--quiet", "--from", &url, "--exit-at-end", file];
    assert!(program(SINK, &arguments).status().unwrap().success());
    assert_eq!(uids(&there()).len(), before);
}

#[test]
fn a_writer_waits_in_bounded_memory() {
    let test = "a_writer_waits_in_bounded_memory";
    let Some(brokers) = Brokers::private(test, 1) else { return };
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(1000));
         INSERT INTO t (note) SELECT REPEAT('x', 900) FROM seq_1_to_100;"
    ));
    let folder = tempfile::tempdir().unwrap();
    let (url, tables, source) = (brokers.url("t"), format!("{test}.*"), server.url());
    let arguments = [
        "--quiet",
        "--tables",
        &tables,
        "--start",
        &start,
        "--to",
        &url,
        "--partitions",
        "2",
        "--marker-every",
        "200ms",
        &source,
    ];
    let mut tail = Running::start(TAIL, &arguments, folder.path());
    wait(60, "the first rows", || {
        tail.child.try_wait().unwrap().is_none()
            && Command::new("kcat").args(["-L", "-b", &brokers.list, "-t", "t"]).output().is_ok_and(
                |output| String::from_utf8_lossy(&output.stdout).contains("with 2 partitions"),
            )
            && distinct(&brokers.read("t", &[])).len() == 100
    });
    brokers.kill(1);
    // 72 MB of rows: more than may wait.
    server.sql(&format!(
        "USE {test}; INSERT INTO t (note) SELECT REPEAT('x', 900) FROM seq_1_to_80000;"
    ));
    std::thread::sleep(Duration::from_secs(5));
    assert!(tail.child.try_wait().unwrap().is_none(), "it has ended: {}", tail.said());
    let memory = tail.memory();
    println!("{test}: {memory} MiB");
    assert!(memory < 150, "{memory} MiB");
    brokers.start();
    let mut there = String::new();
    wait(300, "all rows", || {
        std::thread::sleep(Duration::from_secs(1));
        there = brokers.read("t", &[]);
        there.matches(",\"I\",").count() >= 80_100
    });
    assert_eq!(distinct(&there).len(), 80_100);
    tail.end();
}

/// Each broker of three dies in its turn, and two at once, so that too few replicas are left to
/// acknowledge: the writer waits and goes on, and each row is there once.
#[test]
fn a_writer_outlives_its_brokers() {
    let test = "a_writer_outlives_its_brokers";
    let Some(brokers) = Brokers::private(test, 3) else { return };
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(100));"
    ));
    let folder = tempfile::tempdir().unwrap();
    let (url, tables, source) = (brokers.url("t"), format!("{test}.*"), server.url());
    let arguments = [
        &["--quiet", "--tables", &tables, "--start", &start, "--to", &url, "--partitions", "6"][..],
        &["--replication", "3", "--marker-every", "100ms", "--batch-rows", "10", &source][..],
    ];
    let mut tail = Running::start(TAIL, &arguments.concat(), folder.path());
    let mut rows = 0;
    let mut more = |seconds: u64| {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            server.sql(&format!("USE {test}; INSERT INTO t (note) SELECT 'x' FROM seq_1_to_100;"));
            rows += 100;
        }
        rows
    };
    more(2);
    wait(120, "the first rows", || {
        assert!(tail.child.try_wait().unwrap().is_none(), "it has ended: {}", tail.said());
        tail.said().contains("created topic") && !uids(&brokers.read("t", &[])).is_empty()
    });
    for dead in [&[1][..], &[2], &[3], &[1, 2], &[2, 3]] {
        dead.iter().for_each(|number| brokers.kill(*number));
        more(3);
        brokers.start();
        assert!(tail.child.try_wait().unwrap().is_none(), "{dead:?}: {}", tail.said());
        more(2);
    }
    let rows = more(1);
    wait(300, "all rows", || {
        std::thread::sleep(Duration::from_secs(1));
        distinct(&brokers.read("t", &[])).len() == rows
    });
    let there = uids(&brokers.read("t", &[])).len();
    println!("{test}: {rows} rows");
    assert_eq!(there, rows, "the same process wrote rows twice");
    tail.end();
    // It begins beside a broker that has just died, whose partitions have other leaders in a while.
    brokers.kill(1);
    let mut tail = Running::start(TAIL, &arguments.concat(), folder.path());
    let rows = more(1);
    wait(300, "rows of the second one", || {
        assert!(tail.child.try_wait().unwrap().is_none(), "it has ended: {}", tail.said());
        std::thread::sleep(Duration::from_secs(1));
        distinct(&brokers.read("t", &[])).len() == rows
    });
    tail.end();
}
