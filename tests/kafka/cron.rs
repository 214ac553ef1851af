//! Runs that begin and end by the clock: offsets, ends, checkpoints at the far end of a pipe.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::broker::{Brokers, FILTER, SINK, distinct, messages, program, run, uids};

fn rows(url: &str, more: &[&str]) -> usize {
    let output = run(program(FILTER, &["--quiet", "--from", url]).args(more));
    uids(&String::from_utf8(output.stdout).unwrap()).len()
}

#[test]
fn a_run_begins_and_ends_where_it_was_told() {
    let Some(brokers) = Brokers::shared("a_run_begins_and_ends_where_it_was_told") else { return };
    let topic = brokers.fresh("bounded");
    brokers.topic(&topic, 2);
    brokers.write(&topic, &[], &messages(0..300));
    std::thread::sleep(Duration::from_millis(1100));
    let between = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let time = between.as_secs();
    std::thread::sleep(Duration::from_millis(1100));
    brokers.write(&topic, &[], &messages(300..400));
    let end = ["--exit-at-end"];
    assert_eq!(rows(&brokers.url(&topic), &end), 400);
    assert_eq!(rows(&brokers.url(&format!("{topic}?offset=latest")), &end), 0);
    assert_eq!(rows(&brokers.url(&format!("{topic}?offset=@{time}")), &end), 100);
    assert_eq!(rows(&brokers.url(&format!("{topic}?until=@{time}")), &[]), 300);
    let last = rows(&brokers.url(&format!("{topic}?offset=-20")), &end);
    assert!((20..=40).contains(&last), "{last}");
}

/// `ums-filter --from kafka | ums-sink --checkpoint`: the position is the sink's alone, and whatever
/// is killed, nothing is missing.
#[test]
fn a_pipe_goes_on_where_its_end_has_come() {
    let Some(brokers) = Brokers::shared("a_pipe_goes_on_where_its_end_has_come") else { return };
    let topic = brokers.fresh("piped");
    brokers.topic(&topic, 3);
    brokers.write(&topic, &[], &messages(0..30_000));
    let folder = tempfile::tempdir().unwrap();
    let (file, checkpoint) = (folder.path().join("out.ums"), folder.path().join("position.json"));
    let (file, checkpoint) = (file.to_str().unwrap(), checkpoint.to_str().unwrap());
    for (round, group) in ["".to_owned(), format!("?group={topic}")].into_iter().enumerate() {
        let _ = std::fs::remove_file(file);
        let _ = std::fs::remove_file(checkpoint);
        let url = brokers.url(&format!("{topic}{group}"));
        let pipe = |more: &[&str]| {
            let mut filter = Command::new(FILTER)
                .args([
                    "--quiet",
                    "--from",
                    &url,
                    "--checkpoint",
                    checkpoint,
                    "-X",
                    "session.timeout.ms=2000",
                ])
                .args(more)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let rows = Stdio::from(filter.stdout.take().unwrap());
            let sink = Command::new(SINK)
                .args(["--quiet", "--checkpoint", checkpoint, file])
                .stdin(rows)
                .spawn()
                .unwrap();
            (filter, sink)
        };
        for kill in 0..3 {
            let (mut filter, mut sink) = pipe(&[]);
            std::thread::sleep(Duration::from_millis(300 + 400 * (kill + round as u64)));
            if kill == 1 {
                sink.kill().unwrap()
            } else {
                filter.kill().unwrap()
            }
            filter.wait().unwrap();
            sink.wait().unwrap();
        }
        let (mut filter, mut sink) = pipe(&["--exit-at-end"]);
        assert!(filter.wait().unwrap().success() && sink.wait().unwrap().success());
        let all = std::fs::read_to_string(file).unwrap();
        assert_eq!(distinct(&all).len(), 30_000, "{group}");
        let before = uids(&all).len();
        // And the next run finds nothing left to do.
        let (mut filter, mut sink) = pipe(&["--exit-at-end"]);
        assert!(filter.wait().unwrap().success() && sink.wait().unwrap().success());
        assert_eq!(uids(&std::fs::read_to_string(file).unwrap()).len(), before, "{group}");
    }
}
