//! Runs that begin and end by the clock: offsets, ends, checkpoints at the far end of a pipe.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::broker::{Brokers, FILTER, SINK, column, distinct, messages, program, run, uids};

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

/// Log lines in a topic, many a record; the group's offsets follow the file that is written.
#[test]
fn rules_take_lines_from_a_topic() {
    let Some(brokers) = Brokers::shared("rules_take_lines_from_a_topic") else { return };
    let topic = brokers.fresh("lines");
    brokers.topic(&topic, 2);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (rules, file) = (path("rules.toml"), path("out.ums"));
    std::fs::write(
        &rules,
        r#"
source = "web"
schema = "logs"
[[table]]
name = "hits"
[[table.group]]
name = "all"
operators = [ { op = "saveAs", columns = [ { name = "text", cell = 0, type = "string" } ] } ]
"#,
    )
    .unwrap();
    let lines: Vec<String> = (0..3000).map(|number| format!("line {number}")).collect();
    brokers.write(&topic, &[], &lines);
    let url = brokers.url(&format!("{topic}?group={topic}"));
    let arguments = ["--quiet", "--from", &url, "--exit-at-end", "--to", &file, &rules];
    run(&mut program(env!("CARGO_BIN_EXE_logrules"), &arguments));
    let mut texts = column(&std::fs::read_to_string(&file).unwrap(), "text");
    texts.sort();
    let mut expected = lines.clone();
    expected.sort();
    assert_eq!(texts, expected);
    // The group has its offsets.
    run(&mut program(env!("CARGO_BIN_EXE_logrules"), &arguments));
    assert_eq!(column(&std::fs::read_to_string(&file).unwrap(), "text").len(), 3000);
}

#[test]
fn a_bad_record_is_named() {
    let Some(brokers) = Brokers::shared("a_bad_record_is_named") else { return };
    let topic = brokers.fresh("bad");
    brokers.topic(&topic, 1);
    brokers.write(&topic, &[], &messages(0..100));
    brokers.write(&topic, &[], &["no message".to_owned()]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ums");
    let file = file.to_str().unwrap();
    let url = brokers.url(&format!("{topic}?group={topic}"));
    for _ in 0..2 {
        // What came before it is kept, and the group stays in front of it.
        let output =
            program(SINK, &["--quiet", "--from", &url, "--exit-at-end", file]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&format!("{topic}/0 offset 100")), "{said}");
        assert_eq!(distinct(&std::fs::read_to_string(file).unwrap()).len(), 100);
    }
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
