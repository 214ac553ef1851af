//! Versions of a table, keys that change their type, and tables without one.

use dws::error::Kind;
use dws::ums::{Protocol, Type};

use crate::given::{self, Ask};
use crate::stream::{self, Row};

fn land(root: &std::path::Path, version: u32, key: (Type, &str), rows: &[Row]) {
    let namespace = format!("mysql.db1.shop.t.{version}.0.0");
    let schema = stream::schema(&namespace, vec![stream::field("id", key.0, Some(key.1))]);
    let mut sink = stream::open(root, "");
    let line = stream::line(Protocol::IncrementData, &schema, rows);
    stream::write(sink.as_mut(), &line).unwrap();
    sink.flush(&[]).unwrap();
}

fn row(id: i64, op: char, key: &str, bare: bool) -> Row {
    let row = Row::new(id, format!("1.1.{id}.0")).op(op);
    if bare { row.cell(key) } else { row.text(key) }
}

fn ids(given: &given::Given) -> Vec<i64> {
    given::tuples(&given.bytes).0.iter().map(given::Tuple::id).collect()
}

#[test]
fn a_delete_removes_the_row_of_an_older_version() {
    let root = tempfile::tempdir().unwrap();
    let key = (Type::Long, "bigint");
    let old = [1, 2, 3].map(|id| row(id, 'I', &id.to_string(), false));
    land(root.path(), 0, key, &old);
    land(root.path(), 1, key, &[row(4, 'D', "2", false), row(5, 'U', "3", false)]);
    let then = given::ask(root.path(), &Ask::as_of(9));
    assert_eq!(ids(&then), [1, 5]);
    assert!(
        then.notes.len() == 1 && then.notes[0].contains("--newest-version"),
        "{:?}",
        then.notes
    );
    // Each row is given under the version that it was written in.
    let (tuples, _) = given::tuples(&then.bytes);
    assert_eq!(tuples[0].schema.namespace.parts[4], "0");
    assert_eq!(tuples[1].schema.namespace.parts[4], "1");
    // Before the first row of the new version there is one version.
    let before = given::ask(root.path(), &Ask::as_of(3));
    assert_eq!((ids(&before), before.notes.len()), (vec![1, 2, 3], 0));
    for ask in [
        Ask { newest_version: true, ..Ask::as_of(9) },
        Ask { patterns: vec!["*.*.shop.t.1"], ..Ask::as_of(9) },
    ] {
        let given = given::ask(root.path(), &ask);
        assert_eq!((ids(&given), given.notes.len()), (vec![5], 0));
    }
}

#[test]
fn a_key_of_a_wider_type_is_the_same_key() {
    let root = tempfile::tempdir().unwrap();
    land(root.path(), 0, (Type::Int, "int"), &[row(1, 'I', "7", true)]);
    land(root.path(), 0, (Type::Long, "bigint"), &[row(2, 'U', "7", false)]);
    land(root.path(), 0, (Type::Decimal, "bigint unsigned"), &[row(3, 'U', "7", false)]);
    land(root.path(), 0, (Type::Decimal, "decimal(9,2)"), &[row(4, 'U', "7.00", false)]);
    land(root.path(), 0, (Type::Decimal, "decimal(30,4)"), &[row(5, 'U', "7.0000", false)]);
    land(root.path(), 0, (Type::Decimal, "decimal(65,4)"), &[row(6, 'U', "7.0000", false)]);
    assert_eq!(ids(&given::ask(root.path(), &Ask::as_of(9))), [6]);
    land(root.path(), 0, (Type::Decimal, "decimal(65,4)"), &[row(7, 'D', "7.0000", false)]);
    assert!(ids(&given::ask(root.path(), &Ask::as_of(9))).is_empty());
}

#[test]
fn other_keys_stay_apart() {
    let root = tempfile::tempdir().unwrap();
    let texts = ["7", "7.0", "70", "", "\u{0}7"];
    let rows: Vec<_> = (1..).zip(texts).map(|(id, key)| row(id, 'I', key, false)).collect();
    land(root.path(), 0, (Type::String, "varchar(20)"), &rows);
    assert_eq!(ids(&given::ask(root.path(), &Ask::as_of(9))).len(), texts.len());
}

#[test]
fn a_table_without_a_key_is_refused_where_one_is_needed() {
    let root = tempfile::tempdir().unwrap();
    let mut schema =
        stream::schema("mysql.db1.shop.log.0.0.0", vec![stream::field("line", Type::Int, None)]);
    schema.keys.clear();
    let mut sink = stream::open(root.path(), "");
    let line = stream::line(Protocol::IncrementData, &schema, &[Row::new(1, "u").cell("1")]);
    stream::write(sink.as_mut(), &line).unwrap();
    sink.flush(&[]).unwrap();
    assert_eq!(ids(&given::ask(root.path(), &Ask::rows())), [1]);
    let error = given::try_ask(root.path(), &Ask::as_of(1)).err().unwrap();
    assert!(error.kind() == Kind::Usage && error.to_string().contains("--keys"), "{error}");
    let named = given::ask(root.path(), &Ask { keys: vec!["*.*.shop.log=line"], ..Ask::as_of(1) });
    let (tuples, _) = given::tuples(&named.bytes);
    assert_eq!(tuples[0].schema.keys, ["line"]);
}

#[test]
fn shards_are_tables_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let mut sink = stream::open(root.path(), "");
    for (id, shard) in [(1, "0.1"), (2, "0.2"), (3, "1.1")] {
        let namespace = format!("mysql.db1.shop.t.0.{shard}");
        let schema = stream::schema(&namespace, vec![stream::field("id", Type::Long, None)]);
        let rows = [Row::new(id, format!("u{id}")).text("7")];
        stream::write(sink.as_mut(), &stream::line(Protocol::IncrementData, &schema, &rows))
            .unwrap();
    }
    sink.flush(&[]).unwrap();
    assert_eq!(ids(&given::ask(root.path(), &Ask::as_of(9))), [1, 2, 3]);
}
