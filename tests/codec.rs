//! Messages through the writer and the reader: what goes in comes out, however it is spelled, and
//! nothing else is taken for a message.

use std::borrow::Cow;

use dws::ums::decode::Decoder;
use dws::ums::id;
use dws::ums::json;
use dws::ums::namespace::glob;
use dws::ums::{
    Bounds, Cell, Dialect, Field, Marker, MessageWriter, Namespace, Pattern, Protocol, Schema,
    Type, checkpoint_text, parse_checkpoint,
};
use proptest::prelude::*;
use serde_json::Value;

/// A value as a test knows it: the text a reader must see, and whether it is a bare token.
#[derive(Debug, Clone, PartialEq)]
enum Datum {
    Null,
    Bare(String),
    Text(String),
}

#[derive(Debug, Clone)]
struct Case {
    protocol: Protocol,
    schema: Schema,
    rows: Vec<Vec<Datum>>,
}

/// Text with everything that is hard: quotes, backslashes, controls, brackets, astral characters.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ -~]{0,40}",
        3 => r#"[\\"\[\]{},:/\u{0}-\u{1f}\u{7f}aé\u{2028}\u{fffd}🦀\u{10ffff}]{0,24}"#,
        1 => any::<String>(),
        1 => "[a-z\"\\\\]{60,140}",
    ]
}

fn datum(ty: Type, nullable: bool) -> BoxedStrategy<Datum> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..50);
    let value = match ty {
        Type::Int => any::<i32>().prop_map(|v| Datum::Bare(v.to_string())).boxed(),
        Type::Boolean => any::<bool>().prop_map(|v| Datum::Bare(v.to_string())).boxed(),
        Type::Float => proptest::num::f32::NORMAL
            .prop_map(|v| Datum::Bare(written(|out| json::push_f32(out, v))))
            .boxed(),
        Type::Double => (proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL)
            .prop_map(|v| Datum::Bare(written(|out| json::push_f64(out, v))))
            .boxed(),
        Type::Long => any::<i64>().prop_map(|v| Datum::Text(v.to_string())).boxed(),
        Type::Decimal => "-?[1-9][0-9]{0,40}\\.[0-9]{1,30}".prop_map(Datum::Text).boxed(),
        Type::Date => "[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Datum::Text).boxed(),
        Type::Datetime => "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}"
            .prop_map(Datum::Text)
            .boxed(),
        Type::String => text().prop_map(Datum::Text).boxed(),
        Type::Binary => bytes
            .prop_map(|bytes| Datum::Text(written(|out| json::push_base64(out, &bytes))))
            .boxed(),
    };
    if nullable { prop_oneof![1 => Just(Datum::Null), 4 => value].boxed() } else { value }
}

fn field() -> impl Strategy<Value = Field> {
    let ty = proptest::sample::select(Type::ALL.map(|(ty, _)| ty).to_vec());
    (text(), ty, any::<bool>(), any::<bool>(), proptest::option::of(text())).prop_map(
        |(name, ty, nullable, encoded, origin)| Field { name, ty, nullable, encoded, origin },
    )
}

fn namespace() -> impl Strategy<Value = Namespace> {
    let part = prop_oneof!["[a-z0-9_]{1,8}", "[a-z.%25E*]{1,8}", "\\PC{1,5}"];
    proptest::collection::vec(part, 7)
        .prop_map(|parts| Namespace { parts: parts.try_into().unwrap() })
}

fn case() -> impl Strategy<Value = Case> {
    let protocol = proptest::sample::select(Protocol::ALL.map(|(protocol, _)| protocol).to_vec());
    let keys = proptest::collection::vec(text(), 0..3);
    let fields = proptest::collection::vec(field(), 0..8);
    (protocol, namespace(), any::<i64>(), keys, fields).prop_flat_map(
        |(protocol, namespace, batch_id, keys, user_fields)| {
            let system = [
                ("_ums_id_", Type::Long),
                ("_ums_ts_", Type::Datetime),
                ("_ums_op_", Type::String),
                ("_ums_uid_", Type::String),
            ];
            let fields: Vec<Field> = system
                .into_iter()
                .map(|(name, ty)| Field {
                    name: name.into(),
                    ty,
                    nullable: false,
                    encoded: false,
                    origin: None,
                })
                .chain(user_fields)
                .collect();
            let row: Vec<_> = fields.iter().map(|f| datum(f.ty, f.nullable)).collect();
            let schema = Schema { namespace, batch_id, keys, fields };
            let rows = proptest::collection::vec(row, 1..6);
            (Just(protocol), Just(schema), rows).prop_map(|(protocol, schema, rows)| Case {
                protocol,
                schema,
                rows,
            })
        },
    )
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

fn line(case: &Case, dialect: Dialect) -> Vec<u8> {
    let mut writer = MessageWriter::new(case.protocol, &case.schema, dialect);
    for row in &case.rows {
        let out = writer.begin_row();
        for (index, datum) in row.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match datum {
                Datum::Null => out.extend_from_slice(b"null"),
                Datum::Bare(token) => out.extend_from_slice(token.as_bytes()),
                Datum::Text(text) => json::push_string(out, text),
            }
        }
        writer.end_row();
        writer.begin_row().extend_from_slice(b"half a row");
        writer.abandon_row();
    }
    let mut out = Vec::new();
    writer.finish_into(&mut out);
    out
}

/// Reads everything of a line, or the first error.
fn read(line: &[u8]) -> dws::error::Result<Case> {
    let mut decoder = Decoder::default();
    let message = decoder.decode(line)?;
    let fields = message.header.schema.fields.len();
    let mut cells = Vec::new();
    let mut bounds = Bounds::default();
    let mut rows = Vec::new();
    for row in message.rows() {
        let row = row?;
        let split = row.split(fields, &mut cells);
        // Cells that are looked up one by one are the same, and wrong ones are wrong.
        let found = bounds.read(&row, fields);
        let found = found.and_then(|()| (0..fields).map(|at| bounds.cell(&row, at)).collect());
        let found: dws::error::Result<Vec<Cell>> = found;
        match (&split, &found) {
            (Ok(()), Ok(found)) => assert_eq!(found, &cells),
            (Err(expected), Err(error)) => assert_eq!(error.to_string(), expected.to_string()),
            (split, found) => panic!("{split:?}, {found:?}"),
        }
        split?;
        let row: dws::error::Result<Vec<Datum>> = cells
            .iter()
            .map(|cell| {
                let text = cell.text()?.map(Cow::into_owned);
                Ok(match (cell, text) {
                    (Cell::Bare(_), Some(text)) => Datum::Bare(text),
                    (_, Some(text)) => Datum::Text(text),
                    (_, None) => Datum::Null,
                })
            })
            .collect();
        rows.push(row?);
    }
    Ok(Case { protocol: message.protocol, schema: message.header.schema.clone(), rows })
}

fn same(found: &Case, expected: &Case) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.protocol, expected.protocol);
    prop_assert_eq!(&found.schema, &expected.schema);
    prop_assert_eq!(&found.rows, &expected.rows);
    Ok(())
}

/// Whether `value`, the same line as another library reads it, has the same rows.
fn other_reader_agrees(case: &Case, value: &Value) -> Result<(), TestCaseError> {
    let none = Vec::new();
    let rows = value.get("payload").and_then(Value::as_array).unwrap_or(&none);
    prop_assert_eq!(rows.len(), case.rows.len());
    for (row, datums) in rows.iter().zip(&case.rows) {
        let tuple = row["tuple"].as_array().unwrap();
        prop_assert_eq!(tuple.len(), datums.len());
        for (cell, datum) in tuple.iter().zip(datums) {
            match datum {
                Datum::Null => prop_assert!(cell.is_null()),
                Datum::Text(text) => prop_assert_eq!(cell.as_str(), Some(text.as_str())),
                Datum::Bare(token) => {
                    prop_assert_eq!(cell, &serde_json::from_str::<Value>(token)?);
                }
            }
        }
    }
    Ok(())
}

/// What another writer may make of the same message: any order of keys, white space anywhere,
/// unknown keys, escapes where none are needed.
struct Scribbler {
    state: u64,
    /// Objects open; deep inside nothing more is added, because a reader may refuse what is nested
    /// too deep.
    depth: u32,
    out: String,
}

impl Scribbler {
    fn dice(&mut self, sides: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % sides
    }

    fn space(&mut self) {
        for _ in 0..self.dice(3) {
            let space = [' ', '\t', '\r', '\n'][self.dice(4) as usize];
            self.out.push(space);
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for character in text.chars() {
            if self.dice(5) == 0 || character < ' ' {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    self.out.push_str(&format!("\\u{unit:04X}"));
                }
            } else {
                self.out.push_str(if matches!(character, '"' | '\\') { "\\" } else { "" });
                self.out.push(character);
            }
        }
        self.out.push('"');
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::Object(map) => {
                let mut pairs: Vec<(String, Value)> =
                    map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                self.depth += 1;
                let more = if self.depth < 6 { self.dice(3) } else { 0 };
                for _ in 0..more {
                    let junk =
                        serde_json::json!({"tuple": [[1, {"type": "}]\\\""}], -1.5e-3, false]});
                    let name = format!("x{}\"", self.dice(1000));
                    pairs.push((
                        name,
                        [junk, Value::Null, "]}\\".into()][self.dice(3) as usize].clone(),
                    ));
                }
                self.out.push('{');
                for left in (1..=pairs.len() as u64).rev() {
                    let (key, value) = pairs.swap_remove(self.dice(left) as usize);
                    self.space();
                    self.string(&key);
                    self.space();
                    self.out.push(':');
                    self.value(&value);
                    self.out.push_str(if left > 1 { "," } else { "" });
                }
                self.space();
                self.out.push('}');
                self.depth -= 1;
            }
            Value::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.out.push_str(if index > 0 { "," } else { "" });
                    self.value(item);
                }
                self.space();
                self.out.push(']');
            }
            Value::String(text) => self.string(text),
            other => self.out.push_str(&other.to_string()),
        }
        self.space();
    }
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        proptest::num::f64::NORMAL.prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::hash_map(text(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Changes, cuts, doubles or inserts a few bytes.
fn mutate(bytes: &mut Vec<u8>, edits: &[(u8, prop::sample::Index, u8)]) {
    const SYNTAX: &[u8] = b"\"\\[]{},:0-1.eEtfn u\x00\n\xff\xc3";
    for (kind, place, byte) in edits {
        if bytes.is_empty() {
            return;
        }
        let at = place.index(bytes.len());
        match kind % 6 {
            0 => bytes[at] = *byte,
            1 => bytes[at] = SYNTAX[*byte as usize % SYNTAX.len()],
            2 => bytes.insert(at, SYNTAX[*byte as usize % SYNTAX.len()]),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            _ => {
                let end = (at + *byte as usize).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<(u8, prop::sample::Index, u8)>> {
    proptest::collection::vec(any::<(u8, prop::sample::Index, u8)>(), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(case in case()) {
        let line = line(&case, Dialect::Dws);
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        same(&read(&line)?, &case)?;
        other_reader_agrees(&case, &serde_json::from_slice(&line)?)?;
    }

    #[test]
    fn cells_pass_through_unchanged(case in case()) {
        let line = line(&case, Dialect::Dws);
        let mut decoder = Decoder::default();
        let message = decoder.decode(&line)?;
        let schema = &message.header.schema;
        let mut writer = MessageWriter::new(message.protocol, schema, Dialect::Dws);
        let mut cells = Vec::new();
        for row in message.rows() {
            row?.split(schema.fields.len(), &mut cells)?;
            let out = writer.begin_row();
            for (index, cell) in cells.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                cell.push_json(out);
            }
            writer.end_row();
        }
        let mut out = Vec::new();
        writer.finish(&mut out)?;
        prop_assert_eq!(String::from_utf8(out), String::from_utf8(line));
    }

    #[test]
    fn both_spellings_say_the_same(case in case()) {
        let text = line(&case, Dialect::Dbus);
        let found = read(&text)?;
        prop_assert_eq!(found.schema.system(), case.schema.system());
        prop_assert_eq!(found.schema.system().uid, Some(3));
        let names: Vec<&str> = found.schema.fields.iter().map(|f| f.name.as_str()).take(4).collect();
        prop_assert_eq!(names, ["ums_id_", "ums_ts_", "ums_op_", "ums_uid_"]);
        prop_assert_eq!(found.schema.fields.len(), case.schema.fields.len());
        prop_assert!(found.schema.keys.is_empty());
        prop_assert!(found.schema.fields.iter().all(|field| field.origin.is_none()));
        prop_assert_eq!(&found.rows, &case.rows);
    }

    #[test]
    fn any_order_spacing_and_unknown_keys_read_the_same(case in case(), seed in 1u64..) {
        let mut case = case;
        for datum in case.rows.iter_mut().flatten() {
            // The other JSON library would round some floats; as text they are as good.
            if let Datum::Bare(token) = datum
                && token.contains('.')
            {
                *datum = Datum::Text(std::mem::take(token));
            }
        }
        let value: Value = serde_json::from_slice(&line(&case, Dialect::Dws))?;
        let mut scribbler = Scribbler { state: seed, depth: 0, out: String::new() };
        scribbler.value(&value);
        same(&read(scribbler.out.as_bytes())?, &case)?;
    }

    #[test]
    fn damage_is_an_error_or_other_json_never_a_panic(case in case(), edits in edits()) {
        let mut line = line(&case, Dialect::Dws);
        mutate(&mut line, &edits);
        match (read(&line), serde_json::from_slice::<Value>(&line)) {
            (Ok(_), Err(error)) => {
                // serde_json has numbers with limits; we hand them on as text.
                prop_assert!(error.to_string().contains("number out of range"), "{error}");
            }
            (Ok(case), Ok(value)) => {
                other_reader_agrees(&case, &value)?;
            }
            (Err(error), _) => prop_assert_eq!(error.kind(), dws::error::Kind::Data),
        }
    }

    #[test]
    fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn skipped_values_are_judged_as_by_serde_json(value in arbitrary_json(), seed in 1u64.., edits in edits()) {
        let mut scribbler = Scribbler { state: seed, depth: 0, out: String::new() };
        scribbler.value(&value);
        let whole = scribbler.out.clone();
        let mut damaged = whole.clone().into_bytes();
        mutate(&mut damaged, &edits);
        for text in [whole.into_bytes(), damaged] {
            let line = [br#"{"x":["#, &text[..], br#"],"protocol":{"type":"data_increment_heartbeat"},"schema":{"namespace":"a.b.c.d.e.f.g"}}"#].concat();
            match serde_json::from_slice::<Value>(&line) {
                Ok(_) => prop_assert!(read(&line).is_ok_and(|c| c.rows.is_empty())),
                Err(error) if error.to_string().contains("number out of range") => {}
                Err(_) => prop_assert!(read(&line).is_err()),
            }
        }
    }

    #[test]
    fn namespaces_read_back(namespace in namespace()) {
        let text = namespace.to_string();
        prop_assert_eq!(text.matches('.').count(), 6);
        prop_assert_eq!(Namespace::parse(&text)?, namespace.clone());
        // Each namespace is a pattern that matches itself.
        prop_assert!(Pattern::parse(&text)?.matches(&namespace));
    }

    #[test]
    fn patterns_match_as_the_plain_recursion_does(pattern in "[ab*]{0,10}", text in "[ab]{0,10}") {
        fn plainly(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern, text) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => (0..=text.len()).any(|skip| plainly(rest, &text[skip..])),
                ([a, pattern @ ..], [b, text @ ..]) => a == b && plainly(pattern, text),
                _ => false,
            }
        }
        prop_assert_eq!(glob(&pattern, &text), plainly(pattern.as_bytes(), text.as_bytes()));
    }

    #[test]
    fn ids_read_back_and_rise(file in 0u64..9_000_000, base in 0u64..200_000, offset in 0u64..999_999_999_999) {
        let id = id::compose(file, base, offset).unwrap();
        prop_assert_eq!(id::split(id), Some((file + base, offset)));
        prop_assert!(id::compose(file, base, offset + 1).unwrap() > id);
        prop_assert!(id::compose(file + 1, base, 0).unwrap() > id);
    }

    #[test]
    fn any_id_splits_or_is_negative(id in any::<i64>()) {
        match id::split(id) {
            Some((file, offset)) => prop_assert_eq!(id::compose(file, 0, offset), Some(id)),
            None => prop_assert!(id < 0),
        }
    }

    #[test]
    fn markers_survive_the_stream_and_the_file(
        parts in ("[a-z.%]{1,5}", "[a-z.%]{1,5}"), id in any::<i64>(), pos in any::<u64>(),
        base in any::<u64>(), texts in (text(), text(), text()), fraction in "(\\.[0-9]{1,6})?",
        dialect in proptest::sample::select(vec![Dialect::Dws, Dialect::Dbus]),
    ) {
        let marker = Marker {
            kind: parts.0, source: parts.1, id, ts: format!("2026-11-21 01:02:03{fraction}"),
            file: texts.0, pos, gtid: texts.1, server: texts.2, base,
        };
        let mut out = Vec::new();
        marker.write(dialect, &mut out);
        let mut decoder = Decoder::default();
        prop_assert_eq!(Marker::read(&decoder.decode(&out)?)?, Some(marker.clone()));
        prop_assert_eq!(parse_checkpoint(&checkpoint_text(std::slice::from_ref(&marker)))?, vec![marker]);
    }
}

const HEAD: &str = r#"{"protocol":{"type":"data_increment_data"},"schema":{"namespace":"a.b.c.d.0.0.0","fields":[{"name":"x","type":"string"}]},"#;

#[test]
fn depth_bombs_end_quickly() {
    for open in ["[", "{\"a\":", "[{\"tuple\":["] {
        let bomb = open.repeat(2_000_000);
        for line in [
            bomb.clone(),
            format!("{{\"x\":{bomb}"),
            format!("{HEAD}\"payload\":{bomb}"),
            format!("{HEAD}\"payload\":[{{\"tuple\":[{bomb}"),
            format!("{{\"schema\":{{\"fields\":{bomb}"),
        ] {
            assert!(read(line.as_bytes()).is_err());
        }
    }
}

#[test]
fn long_strings_are_no_matter() {
    for unit in ["a", "\\\\", "\\\"", "é", "]"] {
        let long = unit.repeat(1_000_000);
        let line = format!("{HEAD}\"payload\":[{{\"tuple\":[\"{long}\"]}}],\"y\":\"{long}\"}}");
        let case = read(line.as_bytes()).unwrap();
        let expected: String = serde_json::from_str(&format!("\"{long}\"")).unwrap();
        assert_eq!(case.rows, [[Datum::Text(expected)]]);
        assert!(read(&line.as_bytes()[..line.len() / 2]).is_err());
    }
}

#[test]
fn every_truncation_is_an_error() {
    let line = format!(
        "{HEAD}\"payload\":[{{\"tuple\":[\"\\ud83e\\udd80 é\"]}},{{\"tuple\" : [null]}}]}}"
    );
    assert_eq!(read(line.as_bytes()).unwrap().rows.len(), 2);
    for end in 0..line.len() {
        assert!(read(&line.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn a_cut_between_messages_is_not_a_message() {
    let line = format!("{HEAD}\"payload\":[{{\"tuple\":[1]}}]}}");
    assert!(read(format!("{line}{line}").as_bytes()).is_err());
    assert!(read(format!("{line}\r\n").as_bytes()).is_ok());
    assert!(read(b"").is_err());
    assert!(read(b"[]").is_err());
}
