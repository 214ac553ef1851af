//! The answers against the model, whatever the files, the order of delivery and the memory.

use proptest::prelude::*;

use crate::given::{self, Ask};
use crate::log::{self, COLUMNS, Shape};

fn check(root: &std::path::Path, changes: &[log::Change], through: i64, memory: usize) {
    let given = given::ask(root, &Ask::as_of(through).memory(memory));
    let (tuples, _) = given::tuples(&given.bytes);
    let wanted = log::state(changes, through);
    assert!(tuples.is_sorted_by_key(given::Tuple::id));
    let mut seen = std::collections::BTreeMap::new();
    for tuple in &tuples {
        let key: u32 = tuple.get("id").unwrap().trim_matches('"').parse().unwrap();
        let cells = COLUMNS.iter().filter_map(|name| Some((*name, tuple.get(name)?.to_owned())));
        let before = seen.insert(key, (tuple.id(), cells.collect()));
        assert!(before.is_none(), "key {key} twice");
    }
    assert_eq!(seen, wanted, "as of {through}");
}

fn shapes() -> impl Strategy<Value = Shape> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(partial, versions, before)| Shape {
        partial,
        versions,
        before,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn as_of_any_row_is_the_state_then(
        changes in shapes().prop_flat_map(|shape| log::changes(shape, 120)),
        batch in 1usize..60,
        memory in prop_oneof![Just(1usize), Just(256 << 20)],
    ) {
        let root = tempfile::tempdir().unwrap();
        log::write(root.path(), &changes, batch);
        let last = changes.last().unwrap().id;
        for through in [0, last / 3, last / 2, last - 1, last, i64::MAX] {
            check(root.path(), &changes, through, memory);
        }
    }

    #[test]
    fn a_history_has_every_image_and_its_end(
        changes in log::changes(Shape { partial: false, versions: true, before: true }, 120),
        batch in 1usize..60,
    ) {
        let root = tempfile::tempdir().unwrap();
        log::write(root.path(), &changes, batch);
        let given = given::ask(root.path(), &Ask::history());
        let (tuples, _) = given::tuples(&given.bytes);
        let real: Vec<_> = changes.iter().filter(|change| change.op != 'B').collect();
        let ts = |change: &log::Change| format!("\"{}\"", change.row().ts);
        let wanted: Vec<_> = real
            .iter()
            .enumerate()
            .filter(|(_, change)| change.op != 'D')
            .map(|(at, change)| {
                let next = real[at + 1..].iter().find(|next| next.key == change.key);
                (change.id, ts(change), next.map_or("null".into(), |next| ts(next)))
            })
            .collect();
        let cell = |tuple: &given::Tuple, name| tuple.get(name).unwrap().to_owned();
        let seen: Vec<_> =
            tuples.iter().map(|t| (t.id(), cell(t, "valid_from"), cell(t, "valid_to"))).collect();
        prop_assert_eq!(seen, wanted);
    }
}
