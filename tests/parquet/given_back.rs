//! Any rows of any types, and every odd value, come back from the log as the same bytes.

use dws::ums::{Protocol, Type};
use proptest::prelude::*;

use crate::given::{self, Ask};
use crate::readers::columns;
use crate::stream::{self, Row};
use crate::values;

/// Writes rows in batches and gives what a replay gives, beside what was written.
fn through_the_log(
    fields: Vec<dws::ums::Field>,
    rows: &[Row],
    memory: u64,
    batch: usize,
) -> (Vec<given::Tuple>, Vec<given::Tuple>) {
    let root = tempfile::tempdir().unwrap();
    let schema = stream::schema("mysql.db1.sh%2Eop.orders.0.0.0", fields);
    let mut sink = stream::open(root.path(), &format!("?memory={memory}"));
    let mut written = Vec::new();
    for rows in rows.chunks(batch) {
        let line = stream::line(Protocol::IncrementData, &schema, rows);
        stream::write(sink.as_mut(), &line).unwrap();
        written.extend_from_slice(&line);
        written.push(b'\n');
    }
    sink.flush(&[]).unwrap();
    let given = given::ask(root.path(), &Ask { batch_rows: batch, ..Ask::rows() });
    let (given, protocols) = given::tuples(&given.bytes);
    assert!(protocols.iter().all(|protocol| *protocol == Protocol::BatchData));
    (given::tuples(&written).0, given)
}

#[test]
fn every_value_of_every_type() {
    let columns = columns();
    let fields: Vec<_> =
        columns.iter().map(|(name, ty, origin, _)| stream::field(name, *ty, *origin)).collect();
    let count = columns.iter().map(|(.., values)| values.len()).max().unwrap();
    let row = |index: usize| {
        let row = Row::new(index as i64 - 3, format!("u\"{index}"));
        columns.iter().fold(row, |row, (_, ty, _, texts)| {
            match texts.get(index).cloned().flatten() {
                None => row.cell("null"),
                // The least text that reads back the same, as every writer here writes it.
                Some(text) if *ty == Type::Float => row.cell(values::float(text.parse().unwrap())),
                Some(text) if *ty == Type::Double => {
                    row.cell(values::double(text.parse().unwrap()))
                }
                Some(text) if ty.is_bare() => row.cell(text),
                Some(text) => row.text(&text),
            }
        })
    };
    let rows: Vec<_> = (0..count).map(row).collect();
    for (memory, batch) in [(1, 1), (1 << 28, 100)] {
        let (written, given) = through_the_log(fields.clone(), &rows, memory, batch);
        for (written, given) in written.iter().zip(&given) {
            for (field, (sent, came)) in
                written.schema.fields.iter().zip(written.cells.iter().zip(&given.cells))
            {
                assert_eq!(sent, came, "{} {:.80}", field.name, sent);
            }
        }
        assert_eq!(written, given);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_rows((types, table) in values::tables(), memory in prop_oneof![Just(1u64), Just(1 << 28)], batch in 1usize..20) {
        let fields = types
            .iter()
            .enumerate()
            .map(|(index, (ty, origin))| stream::field(&format!("c{index}"), *ty, *origin))
            .collect();
        let rows: Vec<Row> = values::rows(&types, &table);
        let (written, given) = through_the_log(fields, &rows, memory, batch);
        prop_assert_eq!(written, given);
    }
}
