//! Two in one group: they share, they take over, and what one gives back is durable or read again.

use crate::broker::{Brokers, Running, SINK, distinct, messages, uids, wait};

fn all(files: &[&str]) -> String {
    files.iter().map(|file| std::fs::read_to_string(file).unwrap_or_default()).collect()
}

#[test]
fn two_share_and_the_second_takes_over() {
    let Some(brokers) = Brokers::shared("two_share_and_the_second_takes_over") else { return };
    let topic = brokers.fresh("shared");
    brokers.topic(&topic, 4);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (one, two) = (path("one.ums"), path("two.ums"));
    let url = brokers.url(&format!("{topic}?group={topic}"));
    let start = |file: &str| {
        let arguments = [
            "--quiet",
            "--from",
            &url,
            "-X",
            "session.timeout.ms=2000",
            "-X",
            "heartbeat.interval.ms=300",
            file,
        ];
        Running::start(SINK, &arguments, folder.path())
    };
    let mut first = start(&one);
    brokers.write(&topic, &[], &messages(0..4000));
    wait(60, "the first one has everything", || distinct(&all(&[&one])).len() == 4000);
    let mut second = start(&two);
    let mut next = 4000;
    wait(60, "the second one has a share", || {
        brokers.write(&topic, &[], &messages(next..next + 100));
        next += 100;
        !uids(&all(&[&two])).is_empty()
    });
    // What was made durable before the rebalance is not read again: nothing is there twice.
    let text = all(&[&one, &two]);
    assert_eq!(uids(&text).len(), distinct(&text).len());
    // A clean goodbye hands over at once; a kill after the session's timeout.
    first.end();
    brokers.write(&topic, &[], &messages(1_000_000..1_001_000));
    wait(60, "the second one has all", || {
        distinct(&all(&[&two])).iter().filter(|uid| uid.len() == 8).count() == 1000
    });
    let mut first = start(&one);
    next = 2_000_000;
    wait(60, "the first one is back", || {
        brokers.write(&topic, &[], &messages(next..next + 100));
        next += 100;
        distinct(&all(&[&one])).iter().any(|uid| uid.starts_with("u2") && uid.len() == 8)
    });
    second.kill();
    brokers.write(&topic, &[], &messages(9_000_000..9_001_000));
    wait(60, "the first one has taken over", || {
        let text = all(&[&one, &two]);
        distinct(&text).iter().filter(|uid| uid.starts_with("u9") && uid.len() == 8).count() == 1000
    });
    first.end();
}
