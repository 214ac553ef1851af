//! Any bytes through all rules of the samples: no panic, every record accounted for.

use proptest::prelude::*;

use dws::rule::{Engine, Made, Rules};

const RULES: [&str; 8] =
    ["dpkg", "nginx", "sshd", "log4j", "mysql-slow", "logstash", "filebeat", "payments"];

fn engine(name: &str) -> Engine {
    let path = crate::logs().join(format!("{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    Engine::new(Rules::parse(&text, name).unwrap())
}

/// A sample with some bytes changed.
fn mutated() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0u8..4);
    (0..RULES.len(), proptest::collection::vec(change, 0..12)).prop_map(|(rules, changes)| {
        let name = RULES[rules];
        let mut text = std::fs::read(crate::logs().join(format!("{name}.log"))).unwrap();
        for (place, byte, kind) in changes {
            let at = place.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 => {
                    text.remove(at);
                }
                _ => text.insert(at, b"|\"\\{[]}:\n"[usize::from(byte) % 9]),
            }
        }
        (rules, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_record_is_accounted_for((rules, text) in mutated()) {
        let mut engine = engine(RULES[rules]);
        let lines = engine.rules().lines.clone();
        let (mut made, mut records) = (Made::default(), 0);
        lines.records(&text, |record, _| {
            records += 1;
            engine.take(record, &mut made, &mut ()).unwrap();
        });
        // A record begins with a row that says so; heartbeats are no records.
        let firsts = made.rows.iter().filter(|row| row.first).count();
        prop_assert_eq!(firsts as u64, engine.report().records);
        prop_assert!(engine.report().records <= records);
        for row in &made.rows {
            let cells = made.at(row.cells);
            let json = [b"[0".as_slice(), cells, b"]"].concat();
            let heartbeat = cells.first() != Some(&b',');
            prop_assert!(heartbeat || serde_json::from_slice::<serde_json::Value>(&json).is_ok());
        }
    }
}
