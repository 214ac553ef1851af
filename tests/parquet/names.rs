//! Names alone say which times and ids a file holds.

use dws::columnar::parse::stamp;
use dws::error::Kind;
use dws::sink::{Flush, parquet::SPEC};
use dws::ums::{Protocol, Type};

use crate::stored;
use crate::stream::{self, Row};

#[test]
fn names_answer_for_times_and_ids() {
    let root = tempfile::tempdir().unwrap();
    let schema =
        stream::schema("mysql.db1.shop._t/x.0.0.0", vec![stream::field("v", Type::Int, None)]);
    let mut sink = stream::open(root.path(), "");
    for file in 0..5i64 {
        let rows: Vec<_> = (0..10)
            .map(|n| {
                let at = format!("19{}0-01-01 00:00:0{n}.00000{file}", 5 + file % 3);
                Row::new((file - 2) * 1000 + n, format!("{file}:{n}")).ts(&at).cell("1")
            })
            .collect();
        stream::write(sink.as_mut(), &stream::line(Protocol::IncrementData, &schema, &rows))
            .unwrap();
        sink.flush(&[]).unwrap();
    }
    let files = stored::files(root.path());
    assert_eq!(files.len(), 5);
    for path in &files {
        let rows = stored::rows(path);
        let range = |name: &str| {
            let values = || rows.iter().map(|row| stored::long(row, name));
            (values().min().unwrap(), values().max().unwrap())
        };
        let id = |id: i64| match id < 0 {
            true => format!("n{:019}", i128::from(id) + (1 << 63)),
            false => format!("p{id:019}"),
        };
        let ((start, end), (first, last)) = (range("_ums_ts_"), range("_ums_id_"));
        let name = format!(
            "mysql/db1/shop/%5Ft%2Fx/0/0/0/{}_{}/part-{}-{}.parquet",
            stamp(start),
            stamp(end),
            id(first),
            id(last)
        );
        assert_eq!(path, &root.path().join(name));
    }
}

#[test]
fn rows_of_one_id_are_never_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let schema = stream::schema("mysql.db1.shop.t.0.0.0", Vec::new());
    for run in 0..2 {
        let mut sink = stream::open(root.path(), "");
        for file in 0..6 {
            let row = Row::new(9, format!("{run}:{file}"));
            stream::write(sink.as_mut(), &stream::line(Protocol::InitialData, &schema, &[row]))
                .unwrap();
            sink.flush(&[]).unwrap();
        }
    }
    assert_eq!(stored::files(root.path()).len(), 12);
    assert_eq!(stored::all(root.path()).len(), 12);
}

#[test]
fn a_file_streams_out_by_row_groups() {
    let root = tempfile::tempdir().unwrap();
    let schema =
        stream::schema("mysql.db1.shop.t.0.0.0", vec![stream::field("v", Type::String, None)]);
    let mut sink = stream::open(root.path(), "?memory=2000000");
    let text = "x".repeat(100_000);
    for id in 0..100 {
        let row = Row::new(id, id.to_string()).text(&text);
        stream::write(sink.as_mut(), &stream::line(Protocol::IncrementData, &schema, &[row]))
            .unwrap();
    }
    sink.flush(&[]).unwrap();
    let files = stored::files(root.path());
    assert_eq!(files.len(), 1);
    assert!(stored::row_groups(&files[0]) >= 4);
}

#[test]
fn options_are_read_and_nonsense_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let sink = stream::open(root.path(), "?rows=5&bytes=6&seconds=7");
    assert_eq!(sink.rhythm(), Some(Flush::Costly { rows: 5, bytes: 6, seconds: 7 }));
    for text in ["parquet:s3://bucket/x", "parquet://host/x", "parquet:x?rows=many"] {
        let mut target = stream::target(root.path(), "");
        target.url = dws::url::Url::parse(text).unwrap();
        assert_eq!((SPEC.open)(&target).err().unwrap().kind(), Kind::Usage, "{text}");
    }
    let mut target = stream::target(&root.path().join("a/b"), "");
    assert!((SPEC.probe)(&target).unwrap().contains("will be created"));
    assert!(!root.path().join("a").exists());
    target.url = dws::url::Url::parse("parquet:/proc/version/x").unwrap();
    assert!((SPEC.probe)(&target).is_err());
}

#[test]
fn a_row_group_has_as_many_rows_as_readers_like() {
    const ROWS: i64 = 140_000;
    let root = tempfile::tempdir().unwrap();
    let fields = vec![
        stream::field("n", Type::Long, Some("bigint")),
        stream::field("half", Type::Decimal, Some("decimal(20,1)")),
    ];
    let schema = stream::schema("mysql.db1.shop.t.0.0.0", fields);
    let mut sink = stream::open(root.path(), "");
    for first in (0..ROWS).step_by(1000) {
        let rows: Vec<_> = (first..first + 1000)
            .map(|id| Row::new(id, id.to_string()).text(&id.to_string()).text(&format!("{id}.5")))
            .collect();
        let line = stream::line(Protocol::IncrementData, &schema, &rows);
        stream::write(sink.as_mut(), &line).unwrap();
    }
    sink.flush(&[]).unwrap();
    let files = stored::files(root.path());
    assert_eq!((files.len(), stored::row_groups(&files[0])), (1, 2));
    for (id, row) in (0..).zip(stored::rows(&files[0])) {
        assert_eq!(stored::long(&row, "n"), id);
        assert_eq!(stored::text(&row, "_ums_uid_"), id.to_string());
        let stored::Value::Typed(parquet::record::Field::Decimal(half)) = &row["half"] else {
            panic!("row {id}")
        };
        assert_eq!(stored::decimal(half), format!("{id}.5"));
    }
}
