//! ums-join between topics: members of a group as inputs, a state, and kills.

use std::time::Duration;

use crate::broker::{Brokers, JOIN, Running, column, messages, program, run};
use crate::kill::Random;

/// Rows of two topics counted in one window: whatever is killed, each row counts once, because the
/// inputs go on where the state is of and not where their group was told last.
#[test]
fn a_window_over_topics_counts_each_row_once() {
    let test = "a_window_over_topics";
    let Some(brokers) = Brokers::shared(test) else { return };
    let mut random = Random::seeded(test);
    let topics = ["left", "right", "counts"].map(|name| brokers.fresh(name));
    let [left, right, counts] = &topics;
    for (topic, partitions) in [(left, 3), (right, 2), (counts, 1)] {
        brokers.topic(topic, partitions);
    }
    for group in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state").to_str().unwrap().to_owned();
        let out = brokers.fresh("counts");
        brokers.topic(&out, 1);
        let from = |topic: &str| match group {
            true => brokers.url(&format!("{topic}?group={out}")),
            false => brokers.url(topic),
        };
        let (first, second, to) = (from(left), from(right), brokers.url(&out));
        let arguments = [
            &["--quiet", "--from", &first, "--from", &second, "--to", &to, "--window"][..],
            &[
                "tumble:1m",
                "--agg",
                "count(*) AS n, sum(id) AS total",
                "--emit",
                "close",
                "--mode",
                "append",
            ][..],
            &["--state", &state, "--state-every", "200ms", "-X", "session.timeout.ms=2000"][..],
            &["-X", "heartbeat.interval.ms=300"][..],
        ]
        .concat();
        let mut next = if group { 0 } else { 20_000 };
        for round in 0..5 {
            let mut join = Running::start(JOIN, &arguments, folder.path());
            for _ in 0..4 {
                brokers.write(left, &[], &messages(next..next + 300));
                brokers.write(right, &[], &messages(next + 300..next + 500));
                next += 500;
                std::thread::sleep(Duration::from_millis(200 + random.below(500)));
            }
            assert!(join.child.try_wait().unwrap().is_none(), "{round}: {}", join.said());
            join.kill();
        }
        if group {
            brokers.wait_for_leaving(&out);
        }
        run(program(JOIN, &arguments).args(["--exit-at-end", "--at-end", "close"]));
        let rows = brokers.read(&out, &[]);
        let last = |name: &str| column(&rows, name).last().cloned();
        // Whoever reads without a group reads what is there from before, too.
        assert_eq!(last("n"), Some(next.to_string()), "group: {group}: {rows}");
        assert_eq!(last("total"), Some((next * (next - 1) / 2).to_string()));
        if group {
            // The rest of the numbers below 20 000, so that the sums above hold.
            brokers.write(left, &[], &messages(next..20_000));
        }
    }
}
