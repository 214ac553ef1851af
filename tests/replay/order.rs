//! Order, what is there twice, and which files and rows belong to a part.

use dws::flow::replay::{Bounds, Place};
use dws::ums::{Protocol, Type};
use proptest::prelude::*;

use crate::given::{self, Ask};
use crate::log::{self, Shape};
use crate::stream::{self, Row};

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Delivered in any order, in any files, and in part by two writers.
    #[test]
    fn rows_come_once_and_in_order(
        changes in log::changes(Shape { partial: true, versions: false, before: true }, 100),
        shuffled in any::<prop::sample::Index>(),
        batch in 1usize..40,
        memory in prop_oneof![Just(1usize), Just(256 << 20)],
    ) {
        let root = tempfile::tempdir().unwrap();
        let (first, second) = changes.split_at(shuffled.index(changes.len()));
        log::write(root.path(), second, batch);
        log::write(root.path(), first, batch);
        let (tuples, _) = given::tuples(&given::ask(root.path(), &Ask::rows().memory(memory)).bytes);
        let seen: Vec<_> = tuples.iter().map(|t| (t.id(), t.get("_ums_op_").unwrap().to_owned())).collect();
        let wanted: Vec<_> = changes.iter().map(|c| (c.id, format!("\"{}\"", c.op))).collect();
        prop_assert_eq!(seen, wanted);
    }
}

fn schema() -> dws::ums::Schema {
    stream::schema("mysql.db1.shop.t.0.0.0", vec![stream::field("id", Type::Long, None)])
}

fn land(root: &std::path::Path, protocol: Protocol, rows: &[Row]) {
    let mut sink = stream::open(root, "");
    stream::write(sink.as_mut(), &stream::line(protocol, &schema(), rows)).unwrap();
    sink.flush(&[stream::marker("db1", 50)]).unwrap();
}

fn row(id: i64, uid: &str) -> Row {
    Row::new(id, uid).text("7")
}

#[test]
fn what_is_there_twice_is_given_once() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = [row(1, "1.1.1.0"), row(2, "1.1.2.0"), row(2, "1.1.2.0").op('U'), row(3, "1.1.3.0")];
    land(one.path(), Protocol::IncrementData, &rows);
    land(other.path(), Protocol::IncrementData, &rows[1..]);
    // Two writers that did not know of each other; and then a file of the same name.
    let copied = std::process::Command::new("cp")
        .args(["-r", other.path().join("mysql").to_str().unwrap(), one.path().to_str().unwrap()])
        .status()
        .unwrap();
    assert!(copied.success());
    let given = given::ask(one.path(), &Ask::rows());
    let (tuples, _) = given::tuples(&given.bytes);
    let uids: Vec<_> = tuples.iter().map(|t| t.get("_ums_uid_").unwrap()).collect();
    assert_eq!(uids, ["\"1.1.1.0\"", "\"1.1.2.0\"", "\"1.1.2.0\"", "\"1.1.3.0\""]);
    assert_eq!(given.summary.doubles, 3);
    // A history of what is there twice has no version of no length.
    let history = given::ask(one.path(), &Ask::history());
    let ends: Vec<_> = given::tuples(&history.bytes)
        .0
        .iter()
        .map(|t| t.get("valid_to").unwrap().contains(".000000"))
        .collect();
    assert_eq!(ends, [true, true, true, false]);
}

#[test]
fn rows_of_one_id_come_in_the_order_of_their_uids() {
    let root = tempfile::tempdir().unwrap();
    for (id, uid) in [(5, "1.1.5.10"), (5, "1.1.5.9"), (4, "1.1.4.0"), (5, "1.1.5.11")] {
        land(root.path(), Protocol::InitialData, &[row(id, uid)]);
    }
    let (tuples, _) = given::tuples(&given::ask(root.path(), &Ask::rows()).bytes);
    let uids: Vec<_> =
        tuples.iter().map(|t| t.get("_ums_uid_").unwrap().trim_matches('"')).collect();
    assert_eq!(uids, ["1.1.4.0", "1.1.5.9", "1.1.5.10", "1.1.5.11"]);
}

#[test]
fn parts_fit_together() {
    let root = tempfile::tempdir().unwrap();
    for ids in [[1, 2, 3], [4, 5, 6], [7, 8, 9]] {
        land(root.path(), Protocol::IncrementData, &ids.map(|id| row(id, &format!("1.1.{id}.0"))));
    }
    let part = |bounds: Bounds| {
        let given = given::ask(root.path(), &Ask { bounds, ..Ask::rows() });
        let (tuples, protocols) = given::tuples(&given.bytes);
        assert!(!protocols.contains(&Protocol::Heartbeat), "a part has no position");
        tuples.iter().map(given::Tuple::id).collect::<Vec<_>>()
    };
    // The time of a row is its id in seconds after midnight.
    let at = |second: i64| Place::Time(1_795_219_200_000_000 + second * 1_000_000);
    for (from, to) in [(1, 5), (5, 8), (8, 10), (0, 1), (10, 99)] {
        let wanted: Vec<i64> = (1..10).filter(|id| (from..to).contains(id)).collect();
        assert_eq!(part(Bounds::ALL.since(Place::Id(from)).until(Place::Id(to))), wanted);
        assert_eq!(part(Bounds::ALL.since(at(from)).until(at(to))), wanted);
        assert_eq!(part(Bounds::ALL.since(Place::Id(from)).until(at(to))), wanted);
    }
    // A state at a moment: every row has the same key, and the moment itself counts.
    let then = Ask { bounds: Bounds::ALL.through(at(5)), ..Ask::as_of(0) };
    let then = given::ask(root.path(), &then);
    assert_eq!(given::tuples(&then.bytes).0.iter().map(given::Tuple::id).collect::<Vec<_>>(), [5]);
    // All of it ends with the position.
    let all = given::ask(root.path(), &Ask::rows());
    let (_, protocols) = given::tuples(&all.bytes);
    assert_eq!(protocols.last(), Some(&Protocol::Heartbeat));
    assert!(String::from_utf8(all.bytes).unwrap().contains("\"binlog.000001\""));
}

#[test]
fn files_outside_are_not_opened() {
    let root = tempfile::tempdir().unwrap();
    for id in [1, 5, 9] {
        land(root.path(), Protocol::IncrementData, &[row(id, &format!("1.1.{id}.0"))]);
    }
    let folder = root.path().join("mysql/db1/shop/t/0/0/0");
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file =
            std::fs::read_dir(entry.unwrap().path()).unwrap().next().unwrap().unwrap().path();
        if !file.to_str().unwrap().contains("p0000000000000000005-") {
            std::fs::write(file, b"damaged").unwrap();
        }
    }
    let bounds = Bounds::ALL.since(Place::Id(2)).until(Place::Id(9));
    let given = given::ask(root.path(), &Ask { bounds, ..Ask::rows() });
    assert_eq!(given::tuples(&given.bytes).0.len(), 1);
    let error = given::try_ask(root.path(), &Ask::rows()).err().unwrap();
    assert_eq!(error.kind(), dws::error::Kind::Data);
    assert!(error.to_string().contains("part-p0000000000000000001-"), "{error}");
}
