//! What we write kcat reads, and what kcat writes we read.

use std::path::Path;

use crate::broker::{Brokers, FILTER, SINK, TAIL, distinct, messages, program, run, uids};

fn sample() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shop.000001").display().to_string()
}

#[test]
fn kcat_reads_what_we_write() {
    let Some(brokers) = Brokers::shared("kcat_reads_what_we_write") else { return };
    let sample = sample();
    let direct = run(&mut program(TAIL, &["--quiet", &sample]));
    let direct = String::from_utf8(direct.stdout).unwrap();
    let topic = brokers.fresh("kcat-reads");
    let url = brokers.url(&topic);
    run(&mut program(TAIL, &["--quiet", "--to", &url, "--partitions", "3", &sample]));
    let there = brokers.read(&topic, &[]);
    let mut expected = uids(&direct);
    let mut found = uids(&there);
    assert!(expected.len() > 10);
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    // Rows of a key are in one partition, and what is there we read back.
    let back = run(&mut program(FILTER, &["--quiet", "--from", &url, "--exit-at-end"]));
    let back = String::from_utf8(back.stdout).unwrap();
    let mut found = uids(&back);
    found.sort();
    assert_eq!(found, expected);
    let positions = |text: &str| {
        text.lines()
            .rfind(|line| line.contains("\"mysql.") && line.contains("_heartbeat"))
            .map(str::to_owned)
    };
    assert_eq!(positions(&back), positions(&direct), "the position after everything is the same");
}

#[test]
fn we_read_what_kcat_writes() {
    let Some(brokers) = Brokers::shared("we_read_what_kcat_writes") else { return };
    let topic = brokers.fresh("kcat-writes");
    brokers.topic(&topic, 4);
    let lines = messages(0..5000);
    brokers.write(&topic, &["-z", "lz4"], &lines[..2500]);
    // Several messages a record, and no newline behind the last.
    let many: Vec<String> = lines[2500..].chunks(25).map(|part| part.join("\n")).collect();
    brokers.write(
        &topic,
        &["-D", "\u{1}"],
        &many.iter().map(|text| format!("{text}\u{1}")).collect::<Vec<_>>(),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.ums");
    let file = file.to_str().unwrap();
    let url = brokers.url(&format!("{topic}?group={topic}"));
    let arguments = ["--quiet", "--from", &url, "--exit-at-end", file];
    run(&mut program(SINK, &arguments));
    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!((uids(&text).len(), distinct(&text).len()), (5000, 5000));
    // The group has its offsets: there is nothing more.
    run(&mut program(SINK, &arguments));
    assert_eq!(uids(&std::fs::read_to_string(file).unwrap()).len(), 5000);
}
