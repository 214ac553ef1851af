//! Any row of any types comes back as it went in.

use dws::columnar::parse;
use dws::ums::json::{push_base64, push_f32, push_f64};
use dws::ums::{Protocol, Type};
use parquet::record::Field;
use proptest::prelude::*;

use crate::stored::{self, Value};
use crate::stream::{self, Row};

const TYPES: &[(Type, Option<&str>)] = &[
    (Type::Int, None),
    (Type::Long, None),
    (Type::Float, None),
    (Type::Double, None),
    (Type::Boolean, None),
    (Type::Decimal, Some("decimal(9,2)")),
    (Type::Decimal, Some("decimal(18,18)")),
    (Type::Decimal, Some("decimal(38,10)")),
    (Type::Decimal, Some("decimal(65,30)")),
    (Type::Decimal, Some("bigint unsigned")),
    (Type::Date, None),
    (Type::Datetime, Some("datetime(6)")),
    (Type::Datetime, Some("timestamp(6)")),
    (Type::String, None),
    (Type::Binary, None),
];

/// The text of a cell: mostly a value of its type in its canonical spelling, now and then not.
fn cell(ty: Type, origin: Option<&'static str>) -> BoxedStrategy<Option<String>> {
    let value: BoxedStrategy<String> = match ty {
        Type::Int => any::<i32>().prop_map(|v| v.to_string()).boxed(),
        Type::Long => any::<i64>().prop_map(|v| v.to_string()).boxed(),
        Type::Float => {
            any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(float).boxed()
        }
        Type::Double => {
            any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(double).boxed()
        }
        Type::Boolean => any::<bool>().prop_map(|v| v.to_string()).boxed(),
        Type::Decimal => match origin.unwrap() {
            "decimal(9,2)" => "-?(0|[1-9][0-9]{0,6})\\.[0-9]{2}".boxed(),
            "decimal(18,18)" => "-?0\\.[0-9]{18}".boxed(),
            "decimal(38,10)" => "-?(0|[1-9][0-9]{0,27})\\.[0-9]{10}".boxed(),
            "bigint unsigned" => any::<u64>().prop_map(|v| v.to_string()).boxed(),
            _ => "-?(0|[1-9][0-9]{0,34})\\.[0-9]{30}".boxed(),
        },
        Type::Date => "[0-9]{4}-(0[0-9]|1[0-2])-[0-3][0-9]".boxed(),
        Type::Datetime => {
            "[0-9]{4}-(0[0-9]|1[0-2])-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{6}"
                .boxed()
        }
        Type::String => any::<String>().boxed(),
        Type::Binary => proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| {
                let mut text = Vec::new();
                push_base64(&mut text, &bytes);
                String::from_utf8(text).unwrap()
            })
            .boxed(),
    };
    // The two values whose canonical spelling this reader could not know: no zero is negative.
    let value = value.prop_map(move |text| match text.strip_prefix('-') {
        Some(rest) if ty == Type::Decimal && rest.bytes().all(|b| b == b'0' || b == b'.') => {
            rest.into()
        }
        _ => text,
    });
    prop_oneof![
        8 => value.prop_map(Some),
        1 => Just(None),
        1 => "[ -~]{0,12}".prop_filter("no value in another spelling", move |text| odd(ty, text)).prop_map(Some),
    ]
    .boxed()
}

/// Whether a text is no value of any typed column.
fn odd(ty: Type, text: &str) -> bool {
    matches!(ty, Type::String)
        || !(text.is_empty()
            || text.starts_with(|c: char| "0123456789.+-itfn".contains(c.to_ascii_lowercase())))
}

pub fn float(value: f32) -> String {
    let mut text = Vec::new();
    push_f32(&mut text, value);
    String::from_utf8(text).unwrap()
}

pub fn double(value: f64) -> String {
    let mut text = Vec::new();
    push_f64(&mut text, value);
    String::from_utf8(text).unwrap()
}

/// A stored value as the text of its cell.
fn spell(value: &Value) -> Option<String> {
    let field = match value {
        Value::Null => return None,
        Value::Spelled(text) => return Some(text.clone()),
        Value::Typed(field) => field,
    };
    let at = |micros: i64| {
        let s = parse::stamp(micros);
        let day = format!("{}-{}-{}", &s[..4], &s[4..6], &s[6..8]);
        format!("{day} {}:{}:{}.{}", &s[8..10], &s[10..12], &s[12..14], &s[14..])
    };
    Some(match field {
        Field::Int(value) => value.to_string(),
        Field::Long(value) => value.to_string(),
        Field::Float(value) => float(*value),
        Field::Double(value) => double(*value),
        Field::Bool(value) => value.to_string(),
        Field::Decimal(value) => stored::decimal(value),
        Field::Date(days) => at(i64::from(*days) * 86_400_000_000)[..10].to_owned(),
        Field::TimestampMicros(micros) => at(*micros),
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => {
            let mut text = Vec::new();
            push_base64(&mut text, bytes.data());
            String::from_utf8(text).unwrap()
        }
        other => panic!("{other:?}"),
    })
}

pub type Table = (Vec<(Type, Option<&'static str>)>, Vec<Vec<Option<String>>>);

pub fn tables() -> impl Strategy<Value = Table> {
    proptest::collection::vec(proptest::sample::select(TYPES), 1..6).prop_flat_map(|types| {
        let row: Vec<_> = types.iter().map(|(ty, origin)| cell(*ty, *origin)).collect();
        (Just(types), proptest::collection::vec(row, 1..40))
    })
}

/// The rows of a table, numbered.
pub fn rows(types: &[(Type, Option<&str>)], table: &[Vec<Option<String>>]) -> Vec<Row> {
    let row = |(index, cells): (usize, &Vec<Option<String>>)| {
        let row = Row::new(index as i64, format!("u{index}"));
        cells.iter().zip(types).fold(row, |row, (cell, (ty, _))| match cell {
            None => row.cell("null"),
            // Bare only where the text is a JSON token of that type.
            Some(text)
                if ty.is_bare()
                    && serde_json::from_str::<serde_json::Value>(text)
                        .is_ok_and(|v| v.is_number() || v.is_boolean()) =>
            {
                row.cell(text)
            }
            Some(text) => row.text(text),
        })
    };
    table.iter().enumerate().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn rows_come_back_equal(
        (types, table) in tables(),
        memory in prop_oneof![Just(1u64), Just(20_000), Just(1 << 28)],
        batch in 1usize..20,
    ) {
        let root = tempfile::tempdir().unwrap();
        let fields: Vec<_> = types
            .iter()
            .enumerate()
            .map(|(index, (ty, origin))| stream::field(&format!("c{index}"), *ty, *origin))
            .collect();
        let schema = stream::schema("mysql.db1.shop.orders.0.0.0", fields);
        let mut sink = stream::open(root.path(), &format!("?memory={memory}"));
        let rows = rows(&types, &table);
        for rows in rows.chunks(batch) {
            stream::write(sink.as_mut(), &stream::line(Protocol::IncrementData, &schema, rows)).unwrap();
        }
        prop_assert!(sink.flush(&[]).unwrap());
        let mut stored = stored::all(root.path());
        stored.sort_by_key(|row| stored::long(row, "_ums_id_"));
        prop_assert_eq!(stored.len(), table.len());
        for (index, (row, cells)) in stored.iter().zip(&table).enumerate() {
            prop_assert_eq!(stored::long(row, "_ums_id_"), index as i64);
            prop_assert_eq!(stored::text(row, "_ums_uid_"), format!("u{}", index));
            prop_assert_eq!(stored::text(row, "_ums_op_"), "I");
            for (column, cell) in cells.iter().enumerate() {
                prop_assert_eq!(&spell(&row[&format!("c{column}")]), cell);
            }
        }
    }
}

#[test]
fn what_no_column_can_hold_stands_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let fields = vec![
        stream::field("d", Type::Date, Some("date")),
        stream::field("_ums_text_d", Type::String, None),
        stream::field("n", Type::Long, None),
    ];
    let schema = stream::schema("mysql.db1.shop.days.0.0.0", fields);
    let mut sink = stream::open(root.path(), "?memory=1");
    let row = |id: i64, day: &str| Row::new(id, format!("u{id}")).text(day).text("mine").text("7");
    let days = ["2024-02-29", "2023-02-29", "2024-01-01", "0000-00-00"];
    for (id, day) in (1..).zip(days) {
        let line = stream::line(Protocol::IncrementData, &schema, &[row(id, day)]);
        stream::write(sink.as_mut(), &line).unwrap();
    }
    sink.flush(&[]).unwrap();
    let files = stored::files(root.path());
    // The first row was on disk already when the second one asked for one more column.
    assert_eq!(files.len(), 2);
    let texts: Vec<_> =
        files.iter().map(|path| stored::metadata(path)["ums.text"].clone()).collect();
    assert_eq!(texts, ["{}", "{\"d\":\"_ums_text_d_\"}"]);
    let rows = stored::all(root.path());
    let read: Vec<_> = rows.iter().map(|row| spell(&row["d"]).unwrap()).collect();
    assert_eq!(read, days);
    assert!(rows.iter().all(|row| stored::text(row, "_ums_text_d") == "mine"));
    assert!(matches!(rows[3]["d"], Value::Spelled(_)) && matches!(rows[2]["d"], Value::Typed(_)));
}

#[test]
fn absent_is_never_null() {
    let root = tempfile::tempdir().unwrap();
    let whole = vec![stream::field("id", Type::Long, None), stream::field("v", Type::String, None)];
    let part = vec![stream::field("id", Type::Long, None)];
    let whole = stream::schema("mysql.db1.shop.t.0.0.0", whole);
    let part = stream::schema("mysql.db1.shop.t.0.0.0", part);
    let mut sink = stream::open(root.path(), "");
    for id in 0..6 {
        let row = Row::new(id, format!("u{id}")).text("1");
        let line = match id % 2 {
            0 => stream::line(Protocol::IncrementData, &whole, &[row.cell("null")]),
            _ => stream::line(Protocol::IncrementData, &part, &[row]),
        };
        stream::write(sink.as_mut(), &line).unwrap();
    }
    sink.flush(&[]).unwrap();
    assert_eq!(stored::files(root.path()).len(), 2);
    for row in stored::all(root.path()) {
        let id = stored::long(&row, "_ums_id_");
        assert_eq!(row.get("v"), (id % 2 == 0).then_some(&Value::Null), "row {id}");
    }
}

#[test]
fn a_file_says_what_its_messages_were() {
    let root = tempfile::tempdir().unwrap();
    let fields = vec![stream::field("id", Type::Decimal, Some("bigint unsigned"))];
    let schema = stream::schema("mysql.db1.sh%2Eop.o.0.0.0", fields);
    let mut sink = stream::open(root.path(), "");
    let line = stream::line(Protocol::InitialData, &schema, &[Row::new(1, "u").text("5")]);
    stream::write(sink.as_mut(), &line).unwrap();
    sink.flush(&[]).unwrap();
    let metadata = stored::metadata(&stored::files(root.path())[0]);
    assert_eq!(metadata["ums.namespace"], "mysql.db1.sh%2Eop.o.0.0.0");
    assert_eq!(metadata["ums.keys"], "[\"id\"]");
    let message = format!(
        "{{\"protocol\":{{\"type\":\"data_batch_data\"}},\"schema\":{},\"payload\":[]}}",
        metadata["ums.fields"]
    );
    let read =
        dws::ums::Decoder::default().decode(message.as_bytes()).unwrap().header.schema.clone();
    assert_eq!(read, schema);
}

#[test]
fn a_row_that_cannot_be_read_leaves_no_trace() {
    let root = tempfile::tempdir().unwrap();
    let fields = vec![stream::field("a", Type::Int, None), stream::field("b", Type::String, None)];
    let schema = stream::schema("mysql.db1.shop.t.0.0.0", fields);
    let mut sink = stream::open(root.path(), "");
    let good = |id: i64| Row::new(id, format!("u{id}")).cell("1").text("x");
    let bad = [
        Row::new(2, "u2").ts("0000-00-00 00:00:00").cell("1").text("x"),
        Row::new(2, "u2").op('X').cell("1").text("x"),
        Row::new(2, "u2").cell("1"),
    ];
    stream::write(sink.as_mut(), &stream::line(Protocol::IncrementData, &schema, &[good(1)]))
        .unwrap();
    for row in bad {
        let line = stream::line(Protocol::IncrementData, &schema, &[row]);
        let error = stream::write(sink.as_mut(), &line).unwrap_err();
        assert_eq!(error.kind(), dws::error::Kind::Data);
    }
    stream::write(sink.as_mut(), &stream::line(Protocol::IncrementData, &schema, &[good(2)]))
        .unwrap();
    sink.flush(&[]).unwrap();
    let ids: Vec<_> =
        stored::all(root.path()).iter().map(|row| stored::long(row, "_ums_id_")).collect();
    assert_eq!(ids, [1, 2]);
}
