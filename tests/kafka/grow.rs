//! Topics that grow while somebody writes and somebody reads.

use crate::broker::{Brokers, Running, SINK, TAIL, distinct, wait};
use crate::server::{Kind, Server};

/// Rows go to the new partitions, both sides without a new start, and the reader's position goes on:
/// it needs markers in every partition.
#[test]
fn partitions_are_added_while_we_write_and_read() {
    let test = "partitions_are_added";
    let Some(brokers) = Brokers::shared(test) else { return };
    let Some(server) = Server::shared(Kind::MariaDb, test) else { return };
    server.database(test);
    let start = server.position().to_string();
    server.sql(&format!(
        "USE {test}; CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(20));
         INSERT INTO t (note) SELECT 'x' FROM seq_1_to_500;"
    ));
    let topic = brokers.fresh("grows");
    brokers.topic(&topic, 2);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (tables, source, refresh) =
        (format!("{test}.*"), server.url(), "topic.metadata.refresh.interval.ms=500");
    let to = brokers.url(&topic);
    let arguments = [
        &["--quiet", "--tables", &tables, "--start", &start, "--to", &to][..],
        &["-X", refresh, "--marker-every", "200ms", &source][..],
    ];
    let mut tail = Running::start(TAIL, &arguments.concat(), folder.path());
    let sink = |name: &str, group: &str| {
        let from = brokers.url(&format!("{topic}{group}"));
        let (file, checkpoint) = (path(&format!("{name}.ums")), path(&format!("{name}.json")));
        let arguments = [
            &["--quiet", "--from", &from, "--checkpoint", &checkpoint][..],
            &["-X", refresh, &file][..],
        ];
        Running::start(SINK, &arguments.concat(), folder.path())
    };
    let group = format!("?group={topic}");
    let mut sinks =
        [("alone", ""), ("member", group.as_str())].map(|(name, group)| sink(name, group));
    let rows = |name: &str| {
        distinct(&std::fs::read_to_string(path(&format!("{name}.ums"))).unwrap_or_default()).len()
    };
    wait(60, "the first rows", || rows("alone") == 500 && rows("member") == 500);
    brokers.grow(&topic, 5);
    wait(60, "a word about it", || tail.said().contains("has 5 partitions now"));
    server.sql(&format!("USE {test}; INSERT INTO t (note) SELECT 'y' FROM seq_1_to_500;"));
    wait(60, "the other rows", || rows("alone") == 1000 && rows("member") == 1000);
    let added = brokers.read(&topic, &["-p", "4"]);
    assert!(distinct(&added).len() > 50, "{}", distinct(&added).len());
    // Everything is in front of this position.
    let at = server.position();
    wait(60, "the readers' positions", || {
        ["alone", "member"].iter().all(|name| {
            let held = std::fs::read_to_string(path(&format!("{name}.json"))).unwrap_or_default();
            let held: serde_json::Value = serde_json::from_str(&held).unwrap_or_default();
            held["positions"].as_array().is_some_and(|held| {
                held.iter().any(|marker| {
                    marker["file"] == at.file.as_str() && marker["pos"].as_u64() >= Some(at.offset)
                })
            })
        })
    });
    tail.end();
    sinks.iter_mut().for_each(Running::end);
}
