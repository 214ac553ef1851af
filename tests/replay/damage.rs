//! A damaged file is an error that names it, whatever is damaged; and what is read is what was written.

use dws::error::Kind;
use dws::ums::{Protocol, Type};

use crate::given::{self, Ask};
use crate::stream::{self, Row};

#[test]
fn every_damage_is_an_error_or_none() {
    let root = tempfile::tempdir().unwrap();
    let fields = vec![
        stream::field("id", Type::Long, Some("bigint")),
        stream::field("amount", Type::Decimal, Some("decimal(30,2)")),
        stream::field("at", Type::Datetime, Some("datetime(3)")),
        stream::field("state", Type::String, Some("enum('a','b')")),
        stream::field("note", Type::Binary, Some("blob")),
    ];
    let schema = stream::schema("mysql.db1.shop.t.0.0.0", fields);
    let row = |id: i64| {
        let row = Row::new(id, format!("1.1.{id}.0")).text(&id.to_string()).text("7.50");
        let row =
            row.text(if id == 5 { "0000-00-00 00:00:00.000" } else { "2026-11-21 01:02:03.004" });
        if id % 3 == 0 { row.cell("null").cell("null") } else { row.text("a").text("AAAA") }
    };
    let rows: Vec<_> = (0..40).map(row).collect();
    let mut sink = stream::open(root.path(), "");
    let line = stream::line(Protocol::IncrementData, &schema, &rows);
    stream::write(sink.as_mut(), &line).unwrap();
    sink.flush(&[]).unwrap();
    let folder = root.path().join("mysql/db1/shop/t/0/0/0");
    let inner = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let file = std::fs::read_dir(inner).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let good = given::ask(root.path(), &Ask::rows()).bytes;
    let (mut errors, mut other) = (0, 0);
    let mut check = |bytes: &[u8], what: &str| {
        std::fs::write(&file, bytes).unwrap();
        for ask in [Ask::rows(), Ask::as_of(99)] {
            match given::try_ask(root.path(), &ask) {
                Err(error) => {
                    errors += 1;
                    // Another key may be no damage that anybody can see.
                    let named = error.to_string().contains("part-p");
                    let key = error.to_string().contains("--keys");
                    assert!(named && error.kind() == Kind::Data || key, "{what}: {error}");
                }
                Ok(given) => other += usize::from(given.bytes != good),
            }
        }
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0xff, 0x01, 0x80][at % 3];
        check(&bytes, &format!("byte {at}"));
    }
    for length in (0..whole.len()).step_by(31) {
        check(&whole[..length], &format!("{length} bytes"));
    }
    println!("{} bytes: {errors} errors, {other} answers", whole.len());
    assert!(errors > whole.len() / 2);
}
