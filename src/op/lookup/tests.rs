//! Tests with a store in memory, which counts what it is asked.

use std::sync::Mutex;

use super::*;
use crate::lookup::Answer;
use crate::op::join::hand_over;
use crate::ums::{Decoder, Type};

/// What the store has, and what it was asked.
#[derive(Debug, Default)]
struct Shelf {
    /// Key and cells.
    rows: Vec<(String, String)>,
    fields: Vec<Field>,
    asked: Vec<String>,
    gone: bool,
}

#[derive(Debug)]
struct Fake(Vec<String>, Arc<Mutex<Shelf>>);

impl Store for Fake {
    fn columns(&self) -> &[String] {
        &self.0
    }
    fn fields(&mut self) -> Result<Arc<[Field]>> {
        Ok(self.1.lock().unwrap().fields.clone().into())
    }
    fn find(&mut self, question: &Question) -> Result<Answer> {
        let mut shelf = self.1.lock().unwrap();
        if shelf.gone {
            return Err(Error::unreachable("gone"));
        }
        let mut rows = Vec::new();
        for (number, key) in question.keys.iter().enumerate() {
            let key = key.join("/");
            let found = shelf.rows.iter().filter(|(known, _)| *known == key);
            rows.extend(found.map(|(_, cells)| (number, cells.as_str().into())));
            shelf.asked.push(key);
        }
        Ok(Answer { fields: shelf.fields.clone().into(), rows })
    }
    fn most(&self) -> usize {
        2
    }
    fn describe(&mut self) -> Result<String> {
        Ok(String::new())
    }
}

fn column(name: &str) -> Field {
    Field { name: name.into(), ty: Type::String, nullable: true, encoded: false, origin: None }
}

struct Run {
    lookup: Lookup,
    shelf: Arc<Mutex<Shelf>>,
    decoder: Decoder,
}

fn spec() -> Spec {
    Spec {
        patterns: Vec::new(),
        keys: Vec::new(),
        many: false,
        unmatched: Unmatched::Drop,
        prefix: None,
        cache: 1 << 20,
        fresh: Duration::from_secs(600),
        fresh_missing: Duration::ZERO,
    }
}

fn run(spec: Spec) -> Run {
    let shelf = Arc::new(Mutex::new(Shelf { fields: vec![column("name")], ..Shelf::default() }));
    let store = Box::new(Fake(vec!["customer".into()], Arc::clone(&shelf)));
    Run { lookup: Lookup::new(spec, store).unwrap(), shelf, decoder: Decoder::default() }
}

/// A message of rows `op id customer`.
fn line(rows: &[&str]) -> String {
    let tuples: Vec<String> = rows
        .iter()
        .map(|row| {
            let parts: Vec<&str> = row.split(' ').collect();
            let customer = match parts[3] {
                "null" => "null".to_owned(),
                text => format!("\"{text}\""),
            };
            format!(
                r#"{{"tuple":["{}","2026-11-21 01:02:03.000000","{}","u{}","{}",{customer}]}}"#,
                parts[1], parts[0], parts[1], parts[2]
            )
        })
        .collect();
    format!(
        concat!(
            r#"{{"protocol":{{"type":"data_increment_data","version":"1.3"}},"schema":{{"namespace":"m.s.d.orders.0.0.0","batchId":0,"keys":["id"],"fields":["#,
            r#"{{"name":"_ums_id_","type":"long","nullable":false,"encoded":false}},{{"name":"_ums_ts_","type":"datetime","nullable":false,"encoded":false}},"#,
            r#"{{"name":"_ums_op_","type":"string","nullable":false,"encoded":false}},{{"name":"_ums_uid_","type":"string","nullable":false,"encoded":false}},"#,
            r#"{{"name":"id","type":"int","nullable":false,"encoded":false}},{{"name":"customer","type":"long","nullable":true,"encoded":false}}"#,
            r#"]}},"payload":[{}]}}"#
        ),
        tuples.join(",")
    )
}

impl Run {
    fn stock(&self, rows: &[(&str, &str)]) {
        let rows = rows.iter().map(|(key, name)| ((*key).into(), format!("\"{name}\"")));
        self.shelf.lock().unwrap().rows = rows.collect();
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shelf.lock().unwrap().asked)
    }

    fn take(&mut self, line: &str, sent: &mut Sent) -> Result<()> {
        let message = self.decoder.decode(line.as_bytes())?;
        self.lookup.take(&message, line.as_bytes(), sent)
    }

    /// Takes rows and gives the results: op, id, uid, key and what is behind the customer.
    fn rows(&mut self, rows: &[&str]) -> Vec<String> {
        let mut sent = Sent::default();
        self.take(&line(rows), &mut sent).unwrap();
        self.lookup.settle(&mut sent).unwrap();
        shown(&sent)
    }
}

fn shown(sent: &Sent) -> Vec<String> {
    let mut decoder = Decoder::default();
    let mut all = Vec::new();
    for line in sent.bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message = decoder.decode(line).unwrap();
        for row in message.rows() {
            let mut cells = Vec::new();
            row.unwrap().split(message.header.schema.fields.len(), &mut cells).unwrap();
            let text = |place: usize| match cells.get(place).map(|cell| cell.text().unwrap()) {
                Some(Some(text)) => text.into_owned(),
                Some(None) => "null".to_owned(),
                None => String::new(),
            };
            let behind: Vec<String> = (6..cells.len()).map(text).collect();
            all.push(format!(
                "{} {} {} {} {}",
                text(2),
                text(0),
                text(3),
                text(4),
                behind.join(",")
            ));
        }
    }
    all
}

#[test]
fn one_row_for_one() {
    let mut run = run(spec());
    run.stock(&[("7", "ann"), ("8", "bob")]);
    let found = run.rows(&["I 1 1 7", "I 2 2 8", "I 3 3 7", "I 4 4 9", "I 5 5 null"]);
    assert_eq!(found, ["I 1 u1 1 ann", "I 2 u2 2 bob", "I 3 u3 3 ann"]);
    assert_eq!(run.asked(), ["7", "8", "9"], "each key once, NULL never");
    // An update that finds nothing takes back what was there; a delete keeps what is known.
    let found = run.rows(&["U 6 1 9", "D 7 2 8", "U 8 3 8", "D 9 4 9", "B 10 3 9", "U 10 3 7"]);
    assert_eq!(
        found,
        [
            "D 6 u6 1 null",
            "D 7 u7 2 bob",
            "U 8 u8 3 bob",
            "D 9 u9 4 null",
            "B 10 u10 3 null",
            "U 10 u10 3 ann"
        ]
    );
    assert_eq!(run.asked(), ["9"], "what was found is not asked again");
}

#[test]
fn left_joins_and_alerts() {
    let mut left = run(Spec { unmatched: Unmatched::Send, ..spec() });
    left.stock(&[("7", "ann")]);
    let found = left.rows(&["I 1 1 7", "I 2 2 9", "U 3 1 null"]);
    assert_eq!(found, ["I 1 u1 1 ann", "I 2 u2 2 null", "U 3 u3 1 null"]);
    let mut alert = run(Spec { unmatched: Unmatched::Alert, ..spec() });
    let mut sent = Sent::default();
    alert.take(&line(&["I 1 1 7", "U 2 1 7", "D 3 1 7"]), &mut sent).unwrap();
    alert.lookup.settle(&mut sent).unwrap();
    assert_eq!((shown(&sent).len(), sent.alerts), (2, 2));
}

#[test]
fn several_for_one_are_told_apart_or_refused() {
    let mut one = run(spec());
    one.stock(&[("7", "ann"), ("7", "bob")]);
    let mut sent = Sent::default();
    one.take(&line(&["I 1 1 7"]), &mut sent).unwrap();
    let error = one.lookup.settle(&mut sent).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("--matches many") && sent.bytes.is_empty(), "{error}");

    let mut many = run(Spec { many: true, fresh: Duration::ZERO, ..spec() });
    many.stock(&[("7", "ann"), ("7", "bob"), ("8", "cid")]);
    let found = many.rows(&["I 1 1 7", "I 2 2 8"]);
    assert_eq!(found, ["I 1 u1.1 1 1,ann", "I 1 u1.2 1 2,bob", "I 2 u2.1 2 1,cid"]);
    // Fewer than before: the rest goes.
    assert_eq!(many.rows(&["U 3 1 8"]), ["U 3 u3.1 1 1,cid", "D 3 u3.2 1 2,null"]);
    assert_eq!(many.rows(&["U 4 1 9"]), ["D 4 u4.1 1 1,null"]);
    assert_eq!(many.rows(&["U 5 1 7"]).len(), 2);
    // What is older than what was written is older.
    assert!(many.rows(&["I 4 1 8"]).is_empty());
    let folder = tempfile::tempdir().unwrap();
    many.lookup.disk = Runs::new(Place::Named(folder.path().to_owned()));
    let mut next = run(Spec { many: true, ..spec() });
    hand_over(&mut many.lookup, &mut next.lookup, folder.path());
    assert_eq!((next.lookup.given.in_memory(), many.lookup.given.in_memory()), (0, 2));
    assert_eq!(next.rows(&["D 6 1 7"]), ["D 6 u6.1 1 1,null", "D 6 u6.2 1 2,null"]);
    // Of an unknown row there was one, as far as anybody knows.
    assert_eq!(next.rows(&["D 7 9 7"]), ["D 7 u7.1 9 1,null"]);
}

#[test]
fn age_and_absence() {
    let mut run = run(Spec { fresh: Duration::from_millis(30), ..spec() });
    run.stock(&[("7", "ann")]);
    assert_eq!(run.rows(&["I 1 1 7"]), ["I 1 u1 1 ann"]);
    run.stock(&[("7", "eve"), ("9", "new")]);
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(run.rows(&["I 2 1 7", "I 3 2 9"]), ["I 2 u2 1 eve", "I 3 u3 2 new"]);
    assert_eq!(run.asked(), ["7", "7", "9"]);
}

#[test]
fn numbers_that_are_equal_are_one_key() {
    let mut run = run(spec());
    run.stock(&[("7", "ann")]);
    let found = run.rows(&["I 1 1 7", "I 2 2 007", "I 3 3 7"]);
    assert_eq!(found.len(), 3);
    assert_eq!(run.asked(), ["7"]);
}

#[test]
fn other_lines_pass_in_their_place() {
    let mut run = run(spec());
    run.stock(&[("7", "ann")]);
    let mut sent = Sent::default();
    let end = r#"{"protocol":{"type":"data_increment_termination"},"schema":{"namespace":"m.s.d.orders.0.0.0","fields":[]},"payload":[]}"#;
    run.take(&line(&["I 1 1 7"]), &mut sent).unwrap();
    run.take(end, &mut sent).unwrap();
    run.take(&line(&["I 2 1 7"]), &mut sent).unwrap();
    assert!(sent.bytes.is_empty());
    run.lookup.advance(i64::MIN, &mut sent).unwrap();
    let text = String::from_utf8(sent.bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[1]), (3, end));
    assert_eq!((sent.rows, sent.messages), (2, 3));
    // Nothing of a bad line, and everything of the good one before it.
    let mut sent = Sent::default();
    run.take(&line(&["I 3 1 7"]), &mut sent).unwrap();
    assert_eq!(run.take(&line(&["I 4 1 7", "X 5 1 7"]), &mut sent).unwrap_err().kind(), Kind::Data);
    assert!(run.take(&line(&["I 4 1 seven"]), &mut sent).is_err());
    run.lookup.settle(&mut sent).unwrap();
    assert_eq!(shown(&sent), ["I 3 u3 1 ann"]);
}

#[test]
fn a_store_that_is_gone_ends_the_run_once() {
    let mut run = run(spec());
    run.shelf.lock().unwrap().gone = true;
    let mut sent = Sent::default();
    run.take(&line(&["I 1 1 7"]), &mut sent).unwrap();
    assert_eq!(run.lookup.settle(&mut sent).unwrap_err().kind(), Kind::Unreachable);
    run.take(&line(&["I 1 1 7"]), &mut sent).unwrap();
    assert!(run.lookup.settle(&mut sent).is_ok() && sent.bytes.is_empty());
}

#[test]
fn other_columns_of_the_store_and_of_the_stream() {
    let mut run = run(spec());
    run.stock(&[("7", "ann")]);
    run.rows(&["I 1 1 7"]);
    {
        let mut shelf = run.shelf.lock().unwrap();
        shelf.fields = vec![column("name"), column("ID")];
        shelf.rows =
            vec![("7".into(), "\"ann\",\"x\"".into()), ("8".into(), "\"bob\",\"y\"".into())];
    }
    // What the cache has is of other columns.
    assert_eq!(run.rows(&["I 2 1 7", "I 3 2 8"]), ["I 2 u2 1 ann,x", "I 3 u3 2 bob,y"]);
    let mut sent = Sent::default();
    run.take(&line(&["I 4 1 7"]), &mut sent).unwrap();
    run.lookup.settle(&mut sent).unwrap();
    let text = String::from_utf8(sent.bytes).unwrap();
    assert!(text.contains("\"right_ID\"") && text.contains(r#""keys":["id"]"#), "{text}");
    let other = line(&["I 1 1 7"]).replace("\"customer\"", "\"client\"");
    let error = run.take(&other, &mut Sent::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("no column 'customer'"), "{error}");
    // A delete that has the key alone needs nothing.
    let delete = line(&["D 1 1 7"]).replace("\"customer\"", "\"client\"");
    assert!(run.take(&delete, &mut Sent::default()).is_ok());
}
