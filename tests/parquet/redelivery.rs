//! However a stream is cut, delivered again and killed: each change is stored once.

use std::path::Path;

use dws::ums::{Protocol, Schema, Type};
use proptest::prelude::*;

use crate::compact;
use crate::stored;
use crate::stream::{self, Row};

/// One message of the stream; the same one at every delivery.
struct Step {
    protocol: Protocol,
    schema: Schema,
    rows: Vec<Row>,
}

/// Two tables from a log, one with partial images and before images, and a table that is pulled,
/// all of whose rows share one id.
fn steps(count: usize) -> Vec<Step> {
    let id = || stream::field("id", Type::Long, Some("bigint"));
    let value = || stream::field("v", Type::String, None);
    let whole = stream::schema("mysql.db1.shop.orders.0.0.0", vec![id(), value()]);
    let part = stream::schema("mysql.db1.shop.orders.0.0.0", vec![id()]);
    let other = stream::schema("mysql.db1.shop.items.0.0.0", vec![id(), value()]);
    let pulled = stream::schema("mysql.db1.shop.pulled.0.0.0", vec![id(), value()]);
    let mut steps = Vec::new();
    for step in 0..count {
        let first = step as i64 * 10;
        let row = |n: i64| Row::new(first + n, format!("log:{}", first + n)).text("7");
        steps.push(match step % 4 {
            0 => {
                // An image before and one after: one id, one uid, two ops.
                let rows =
                    (0..3).flat_map(|n| ['B', 'U'].map(|op| row(n).op(op).text("v"))).collect();
                Step { protocol: Protocol::IncrementData, schema: whole.clone(), rows }
            }
            1 => Step {
                protocol: Protocol::IncrementData,
                schema: part.clone(),
                rows: (0..2).map(row).collect(),
            },
            2 => Step {
                protocol: Protocol::IncrementData,
                schema: other.clone(),
                rows: (0..4).map(|n| row(n).text("x")).collect(),
            },
            _ => Step {
                protocol: Protocol::InitialData,
                schema: pulled.clone(),
                rows: (0..3)
                    .map(|n| Row::new(-5, format!("pull:{step}:{n}")).text("1").text("p"))
                    .collect(),
            },
        });
    }
    steps
}

fn expected(steps: &[Step]) -> Vec<String> {
    let mut rows: Vec<_> = steps
        .iter()
        .flat_map(|step| &step.rows)
        .map(|row| format!("{} {}", row.uid, row.op))
        .collect();
    rows.sort();
    rows
}

fn found(root: &Path) -> Vec<String> {
    let name =
        |row| format!("{} {}", stored::text(row, "_ums_uid_"), stored::text(row, "_ums_op_"));
    let mut rows: Vec<_> = stored::all(root).iter().map(name).collect();
    rows.sort();
    rows
}

#[derive(Debug, Clone)]
enum Event {
    /// The next messages.
    Write(usize),
    /// So many messages of a log a second time, within the same run.
    Again(usize),
    /// A flush, and the position moves.
    Flush,
    /// The process dies; the next one starts at the position.
    Crash,
    /// The process dies between a flush and the move of the position.
    CrashAfterFlush,
    /// The process dies while files get their names: those that the seed picks have none yet.
    CrashInFlush(u64),
    /// Another process merges files, all or only the very small ones.
    Compact(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(
        prop_oneof![
            6 => (1usize..8).prop_map(Event::Write),
            2 => (1usize..20).prop_map(Event::Again),
            2 => Just(Event::Flush),
            1 => Just(Event::Crash),
            1 => Just(Event::CrashAfterFlush),
            2 => any::<u64>().prop_map(Event::CrashInFlush),
            1 => any::<bool>().prop_map(Event::Compact),
        ],
        1..30,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn each_change_is_stored_once(
        events in events(),
        memory in prop_oneof![Just(1u64), Just(3_000), Just(1 << 28)],
    ) {
        let root = tempfile::tempdir().unwrap();
        let query = format!("?memory={memory}");
        let steps = steps(60);
        let mut sink = stream::open(root.path(), &query);
        let (mut at, mut position) = (0, 0);
        let write = |sink: &mut dyn dws::sink::Sink, step: &Step| {
            stream::write(sink, &stream::line(step.protocol, &step.schema, &step.rows)).unwrap();
        };
        for event in events.into_iter().chain([Event::Write(60), Event::Flush]) {
            match event {
                Event::Write(count) => {
                    for step in steps.iter().skip(at).take(count) {
                        write(sink.as_mut(), step);
                    }
                    at = (at + count).min(steps.len());
                }
                Event::Again(count) => {
                    let again = steps.iter().take(at).skip(at.saturating_sub(count));
                    for step in again.filter(|step| step.protocol == Protocol::IncrementData) {
                        write(sink.as_mut(), step);
                    }
                }
                Event::Flush => {
                    prop_assert!(sink.flush(&[]).unwrap());
                    position = at;
                }
                Event::Compact(all) => {
                    compact::run(root.path(), if all { 1 << 20 } else { 4000 });
                }
                Event::Crash | Event::CrashAfterFlush | Event::CrashInFlush(_) => {
                    let before = stored::files(root.path());
                    if !matches!(event, Event::Crash) {
                        sink.flush(&[]).unwrap();
                    }
                    if let Event::CrashInFlush(mut pick) = event {
                        for path in stored::files(root.path()) {
                            pick = pick.rotate_right(1);
                            if !before.contains(&path) && pick & 1 == 1 {
                                std::fs::remove_file(path).unwrap();
                            }
                        }
                    }
                    sink = stream::open(root.path(), &query);
                    at = position;
                }
            }
        }
        prop_assert_eq!(found(root.path()), expected(&steps));
    }
}

#[test]
fn writers_of_two_sources_share_a_root() {
    let root = tempfile::tempdir().unwrap();
    let mut sinks: Vec<_> = (0..2).map(|_| stream::open(root.path(), "?memory=1")).collect();
    let schemas = ["mysql.a.shop.t.0.0.0", "mysql.b.shop.t.0.0.0"]
        .map(|name| stream::schema(name, Vec::new()));
    for id in 0..20 {
        for (sink, schema) in sinks.iter_mut().zip(&schemas) {
            let row = Row::new(id, format!("{}:{id}", schema.namespace));
            let line = stream::line(Protocol::IncrementData, schema, &[row]);
            stream::write(sink.as_mut(), &line).unwrap();
            // A third one comes and goes without harm to the others' drafts.
            drop(stream::open(root.path(), ""));
        }
    }
    for sink in &mut sinks {
        sink.flush(&[]).unwrap();
    }
    assert_eq!(found(root.path()).len(), 40);
}

#[test]
fn positions_are_kept_beside_the_rows() {
    let root = tempfile::tempdir().unwrap();
    let target = stream::target(root.path(), "");
    let positions = dws::sink::parquet::SPEC.positions.unwrap();
    assert!(positions(&target).unwrap().is_empty());
    let mut sink = stream::open(root.path(), "");
    for id in [1, 2] {
        sink.flush(&[stream::marker("a.b", id), stream::marker("c", 7)]).unwrap();
    }
    drop(sink);
    let found = positions(&target).unwrap();
    assert_eq!(found, [stream::marker("a.b", 2), stream::marker("c", 7)]);
    assert!(root.path().join("_checkpoint/mysql.a%2Eb.json").exists());
}
