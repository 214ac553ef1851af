//! Tests of the dispatch, with a destination that remembers. Uses `kafka::dispatch`. Not hot.

use std::collections::BTreeMap;

use super::*;
use crate::ums::{Dialect, Field, MessageWriter, Namespace, Schema, Type};

/// One record as it came.
#[derive(Debug, Clone)]
struct Got {
    topic: String,
    partition: i32,
    key: String,
    payload: Vec<u8>,
    namespace: String,
    kind: &'static str,
    id: String,
}

struct Remembers {
    topics: Vec<String>,
    partitions: i32,
    got: Vec<Got>,
}

impl Destination for Remembers {
    fn topic(&mut self, name: &str) -> Result<usize> {
        assert!(!self.topics.iter().any(|known| known == name) || self.topics.len() > 1);
        self.topics.push(name.to_owned());
        Ok(self.topics.len() - 1)
    }
    fn partitions(&self, _: usize) -> i32 {
        self.partitions
    }
    fn send(&mut self, record: &Record) -> Result<()> {
        self.got.push(Got {
            topic: self.topics[record.topic].clone(),
            partition: record.partition,
            key: String::from_utf8(record.key.to_vec()).unwrap(),
            payload: record.payload.to_vec(),
            namespace: record.headers.namespace.to_owned(),
            kind: record.headers.kind,
            id: record.headers.id.to_owned(),
        });
        Ok(())
    }
}

fn to(partitions: i32) -> Remembers {
    Remembers { topics: Vec::new(), partitions, got: Vec::new() }
}

fn dispatch(template: &str, rule: &str) -> Dispatch {
    Dispatch::new(Template::parse(template).unwrap(), KeyRule::parse(rule).unwrap())
}

/// A message of rows with these keys; ids are their places, from 100 on.
fn message(table: &str, keys: &[u64], padding: usize) -> Vec<u8> {
    let field = |name: &str, ty| Field {
        name: name.into(),
        ty,
        nullable: false,
        encoded: false,
        origin: None,
    };
    let schema = Schema {
        namespace: Namespace::parse(&format!("mysql.db1.shop.{table}.0.0.0")).unwrap(),
        batch_id: 0,
        keys: vec!["id".into()],
        fields: vec![
            field("_ums_id_", Type::Long),
            field("id", Type::Long),
            field("text", Type::String),
        ],
    };
    let mut writer = MessageWriter::new(Protocol::IncrementData, &schema, Dialect::Dws);
    for (index, key) in keys.iter().enumerate() {
        let text = format!("\"{}\",\"{key}\",\"]}},{}\"", 100 + index, "x".repeat(padding));
        writer.begin_row().extend_from_slice(text.as_bytes());
        writer.end_row();
    }
    let mut line = Vec::new();
    writer.finish_into(&mut line);
    line.pop();
    line
}

/// Ids and keys of the rows of a payload.
fn rows(payload: &[u8]) -> Vec<(u64, u64)> {
    let mut decoder = Decoder::default();
    let message = decoder.decode(payload).unwrap();
    let mut cells = Vec::new();
    let mut found = Vec::new();
    for row in message.rows() {
        row.unwrap().split(3, &mut cells).unwrap();
        let number = |cell: &Cell| cell.text().unwrap().unwrap().parse().unwrap();
        found.push((number(&cells[0]), number(&cells[1])));
    }
    found
}

#[test]
fn rows_go_to_the_partition_of_their_key_in_order() {
    let keys: Vec<u64> = (0..500).map(|n| n * 7 % 31).collect();
    let mut to = to(6);
    let line = message("orders", &keys, 3);
    let took = dispatch("shop.{table}", "primary").line(&line, &mut to).unwrap();
    assert_eq!(took, Took::Sent);
    let mut all = Vec::new();
    let mut home = BTreeMap::new();
    for got in &to.got {
        assert_eq!(got.topic, "shop.orders");
        assert_eq!(
            (got.namespace.as_str(), got.kind),
            ("mysql.db1.shop.orders.0.0.0", "data_increment_data")
        );
        let rows = rows(&got.payload);
        assert!(rows.is_sorted());
        assert_eq!(got.id, rows.last().unwrap().0.to_string());
        assert_eq!(got.key, format!("mysql.db1.shop.orders.*.0.0/{}", rows[0].1));
        assert_eq!(partition::of(got.key.as_bytes(), 6), got.partition);
        for (_, key) in &rows {
            assert_eq!(*home.entry(*key).or_insert(got.partition), got.partition);
        }
        all.extend(rows);
    }
    all.sort_unstable();
    let expected: Vec<_> =
        keys.iter().enumerate().map(|(at, key)| (100 + at as u64, *key)).collect();
    assert_eq!(all, expected);
    assert!(to.got.len() > 3 && to.got.len() <= 6, "{}", to.got.len());
}

#[test]
fn a_message_of_one_partition_is_written_as_it_is() {
    let line = message("orders", &[1, 2, 3], 0);
    for (partitions, rule) in [(1, "primary"), (6, "namespace"), (6, "dbus")] {
        let mut to = to(partitions);
        dispatch("shop", rule).line(&line, &mut to).unwrap();
        let [got] = to.got.as_slice() else { panic!("{}", to.got.len()) };
        assert_eq!(got.payload, line);
        assert_eq!(got.id, "102");
    }
    let mut to = to(6);
    dispatch("shop", "primary").line(&message("orders", &[77], 0), &mut to).unwrap();
    assert_eq!(to.got[0].payload, message("orders", &[77], 0));
}

#[test]
fn large_messages_become_several_records() {
    let keys: Vec<u64> = (0..100).collect();
    for partitions in [1, 3] {
        let mut to = to(partitions);
        let line = message("orders", &keys, 30_000);
        dispatch("shop", "primary").line(&line, &mut to).unwrap();
        assert!(to.got.len() >= 4);
        let mut all: Vec<_> = Vec::new();
        for got in &to.got {
            assert!(got.payload.len() <= RECORD_BYTES, "{}", got.payload.len());
            all.extend(rows(&got.payload));
        }
        all.sort_unstable();
        assert_eq!(all.len(), 100);
        assert!(all.iter().enumerate().all(|(at, row)| *row == (100 + at as u64, at as u64)));
    }
    // A row is never divided.
    let mut to = to(3);
    dispatch("shop", "primary").line(&message("orders", &[5], 1_000_000), &mut to).unwrap();
    assert_eq!(to.got.len(), 1);
}

#[test]
fn a_bad_row_leaves_nothing_behind() {
    let mut dispatch = dispatch("shop", "primary");
    let mut to = to(4);
    let good = String::from_utf8(message("orders", &[1, 2, 3, 4, 5], 0)).unwrap();
    let bad = good.replace("\"104\",\"5\"", "\"104\"x\"5\"");
    assert_ne!(good, bad);
    assert!(dispatch.line(bad.as_bytes(), &mut to).is_err());
    assert!(to.got.is_empty());
    dispatch.line(good.as_bytes(), &mut to).unwrap();
    let count: usize = to.got.iter().map(|got| rows(&got.payload).len()).sum();
    assert_eq!(count, 5);
}

#[test]
fn terminations_go_everywhere_and_markers_come_back() {
    let mut dispatch = dispatch("shop.{table}", "primary");
    let mut to = to(3);
    let mut line = Vec::new();
    let marker = Marker {
        kind: "mysql".into(),
        source: "db1".into(),
        id: 7,
        ts: "2026-11-21 01:02:03.000000".into(),
        file: "b.000001".into(),
        pos: 4,
        gtid: String::new(),
        server: String::new(),
        base: 0,
    };
    marker.write(Dialect::Dws, &mut line);
    line.pop();
    assert_eq!(dispatch.line(&line, &mut to).unwrap(), Took::Marker(marker));
    assert!(to.got.is_empty());
    let end = String::from_utf8(message("orders", &[], 0)).unwrap();
    assert!(end.is_empty());
    let termination = r#"{"protocol":{"type":"data_increment_termination","version":"1.3"},"schema":{"namespace":"mysql.db1.shop.orders.0.0.0","fields":[]},"payload":[]}"#;
    dispatch.line(termination.as_bytes(), &mut to).unwrap();
    let places: Vec<_> = to.got.iter().map(|got| (got.topic.as_str(), got.partition)).collect();
    assert_eq!(places, [("shop.orders", 0), ("shop.orders", 1), ("shop.orders", 2)]);
    assert!(to.got.iter().all(|got| got.payload == termination.as_bytes()));
}
