//! What the readers of other dialects share: JSON as it is written, types by values, and rows of a
//! change as messages. Uses `error`, `expr`, `ums`. Warm: once a row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Wants;
use crate::error::{Error, Result};
use crate::expr::moment;
use crate::expr::number::Number;
use crate::ums::hash::Fnv1a;
use crate::ums::json::{push_i64, push_string};
use crate::ums::{Dialect, Field, MessageWriter, Namespace, Op, Protocol, Schema, Type};

/// The members of a JSON object in their order, each value as its text.
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((key, value.get()));
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// Reads a line.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self> {
        let text = std::str::from_utf8(line).map_err(|error| {
            Error::data(format!("byte {} of the line: expected UTF-8 text", error.valid_up_to()))
        })?;
        serde_json::from_str(text).map_err(|error| {
            Error::data(format!("column {} of the line: expected a JSON object", error.column()))
        })
    }

    /// A member that is there and not null.
    pub(super) fn get(&self, key: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| *value).filter(|value| *value != "null")
    }

    /// A member that is an object.
    pub(super) fn object(&self, key: &str) -> Option<Object<'a>> {
        serde_json::from_str(self.get(key)?).ok()
    }

    /// The elements of a member that is an array.
    pub(super) fn array(&self, key: &str) -> Option<Vec<&'a str>> {
        let elements: Vec<&'a RawValue> = serde_json::from_str(self.get(key)?).ok()?;
        Some(elements.into_iter().map(RawValue::get).collect())
    }

    /// The text of a member: a string's, else JSON.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key).map(text)
    }

    /// A member that is a whole number.
    pub(super) fn whole(&self, key: &str) -> Option<i64> {
        self.text(key)?.parse().ok()
    }

    /// A member that must be there.
    pub(super) fn needed(&self, key: &str) -> Result<Cow<'a, str>> {
        self.text(key).ok_or_else(|| Error::data(format!("a change without '{key}'")))
    }
}

/// The text of a JSON value: a string's, else the JSON.
pub(super) fn text(json: &str) -> Cow<'_, str> {
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if !inside.contains('\\') => Cow::Borrowed(inside),
        Some(_) => Cow::Owned(serde_json::from_str(json).unwrap_or_default()),
        None => Cow::Borrowed(json),
    }
}

/// A column of a change.
#[derive(Clone)]
pub(super) struct Column<'a> {
    pub(super) name: String,
    /// What the dialect says of its type.
    pub(super) declared: Option<(Type, Option<String>)>,
    /// Its JSON, with what `declared` wants done already.
    pub(super) value: Cow<'a, str>,
}

/// A change of a row.
pub(super) struct Change<'a> {
    pub(super) namespace: Namespace,
    pub(super) protocol: Protocol,
    pub(super) id: i64,
    /// Microseconds since 1970.
    pub(super) micros: i64,
    pub(super) uid: String,
    pub(super) op: Op,
    pub(super) keys: Vec<String>,
    pub(super) before: Option<Vec<Column<'a>>>,
    pub(super) after: Option<Vec<Column<'a>>>,
}

/// Writes changes; remembers what the columns of each table were.
pub(super) struct Changes {
    wants: Wants,
    /// The moment met last, and how many changes it had so far.
    moment: (i64, u64),
    types: HashMap<Namespace, Vec<(String, Option<Type>)>>,
    last: i64,
}

impl Changes {
    pub(super) fn new(wants: Wants) -> Self {
        Self { wants, moment: (i64::MIN, 0), types: HashMap::new(), last: i64::MIN }
    }

    /// What tells changes of one moment apart in a stream that has no positions: a hash of their
    /// values, which is the same at every delivery, or their number.
    pub(super) fn mark(&mut self, micros: i64, texts: &[&str]) -> String {
        if self.wants.hashes {
            return format!("{:016x}", hash(texts));
        }
        let count = if self.moment.0 == micros { self.moment.1 + 1 } else { 0 };
        self.moment = (micros, count);
        count.to_string()
    }

    /// An id of a stream that has no positions: of the time, and never falling. Equal ones keep the
    /// stream's order.
    pub(super) fn id_of_time(&mut self, micros: i64) -> i64 {
        /// 2017-01-01 in milliseconds, as for the ids of logs.
        const START: i64 = 1_483_228_800_000;
        let id = (micros / 1000 - START).saturating_mul(1 << 22);
        self.last = self.last.max(id);
        self.last
    }

    /// Appends the messages of a change.
    pub(super) fn push(&mut self, change: &Change, out: &mut Vec<u8>) -> Result<()> {
        let rows = match (change.op, &change.before) {
            (Op::Delete, _) => vec![row(Op::Delete, change.uid.clone(), &change.before)?],
            (Op::Update, Some(before)) if change.moves(before) => vec![
                row(Op::Delete, format!("{}.d", change.uid), &change.before)?,
                row(Op::Insert, change.uid.clone(), &change.after)?,
            ],
            (Op::Update, Some(_)) if self.wants.befores => vec![
                row(Op::Before, format!("{}.b", change.uid), &change.before)?,
                row(Op::Update, change.uid.clone(), &change.after)?,
            ],
            (op, _) => vec![row(op, change.uid.clone(), &change.after)?],
        };
        let ts = moment::of_unix(change.micros)
            .map(moment::text6)
            .ok_or_else(|| Error::data("a time that no calendar has"))?;
        for (op, uid, columns) in rows {
            let schema = self.schema(change, columns);
            let mut writer = MessageWriter::new(change.protocol, &schema, Dialect::Dws);
            let out_row = writer.begin_row();
            out_row.push(b'"');
            push_i64(out_row, change.id);
            out_row.extend_from_slice(b"\",");
            push_string(out_row, &ts);
            out_row.extend_from_slice(format!(",\"{}\",", op.letter()).as_bytes());
            push_string(out_row, &uid);
            for (column, field) in columns.iter().zip(schema.fields.iter().skip(4)) {
                out_row.push(b',');
                push_cell(column, field.ty, out_row)?;
            }
            writer.end_row();
            writer.finish_into(out);
        }
        Ok(())
    }

    fn schema(&mut self, change: &Change, columns: &[Column]) -> Schema {
        let known = self.types.entry(change.namespace.clone()).or_default();
        let system = [
            ("_ums_id_", Type::Long),
            ("_ums_ts_", Type::Datetime),
            ("_ums_op_", Type::String),
            ("_ums_uid_", Type::String),
        ];
        let mut fields: Vec<Field> = system
            .into_iter()
            .map(|(name, ty)| Field {
                name: name.into(),
                ty,
                nullable: false,
                encoded: false,
                origin: None,
            })
            .collect();
        for column in columns {
            let (ty, origin) = match &column.declared {
                Some((ty, origin)) => (*ty, origin.clone()),
                None => {
                    let found = guess(&column.value);
                    let place = known.iter().position(|(name, _)| *name == column.name);
                    let before = match place.and_then(|place| known.get_mut(place)) {
                        Some((_, known)) => known,
                        None => {
                            known.push((column.name.clone(), None));
                            match known.last_mut() {
                                Some((_, known)) => known,
                                None => continue,
                            }
                        }
                    };
                    *before = match (*before, found) {
                        (None, found) => found,
                        (before, None) => before,
                        (Some(a), Some(b)) if a == b => Some(a),
                        (Some(Type::Long | Type::Double), Some(Type::Long | Type::Double)) => {
                            Some(Type::Double)
                        }
                        _ => Some(Type::String),
                    };
                    (before.unwrap_or(Type::String), None)
                }
            };
            fields.push(Field {
                name: column.name.clone(),
                ty,
                nullable: true,
                encoded: false,
                origin,
            });
        }
        let has = |key: &String| fields.iter().any(|field| field.name == *key);
        let keys = if change.keys.iter().all(has) { change.keys.clone() } else { Vec::new() };
        Schema { namespace: change.namespace.clone(), batch_id: 0, keys, fields }
    }
}

/// A row that a change makes.
fn row<'c, 'a>(
    op: Op,
    uid: String,
    columns: &'c Option<Vec<Column<'a>>>,
) -> Result<(Op, String, &'c [Column<'a>])> {
    let columns = columns.as_deref().ok_or_else(|| Error::data("a change without its row"))?;
    Ok((op, uid, columns))
}

impl Change<'_> {
    /// Whether the row has another key afterwards.
    fn moves(&self, before: &[Column]) -> bool {
        let value = |columns: &[Column], key: &str| {
            let found = columns.iter().find(|column| column.name == key);
            found.map(|column| column.value.clone().into_owned())
        };
        let after = self.after.as_deref().unwrap_or_default();
        self.keys.iter().any(|key| value(before, key) != value(after, key))
    }
}

/// The type of a JSON value of which nothing is known; nothing for null.
fn guess(json: &str) -> Option<Type> {
    Some(match json.as_bytes().first()? {
        b'n' => return None,
        b't' | b'f' => Type::Boolean,
        b'"' | b'{' | b'[' => Type::String,
        _ if json.contains(['.', 'e', 'E']) => Type::Double,
        _ if json.parse::<i64>().is_ok() => Type::Long,
        _ => Type::Decimal,
    })
}

/// Appends a cell as its type is written.
fn push_cell(column: &Column, ty: Type, out: &mut Vec<u8>) -> Result<()> {
    let json: &str = &column.value;
    if json == "null" {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    let wrong =
        || Error::data(format!("column '{}': a value that is no {}", column.name, ty.name()));
    match ty {
        Type::Int | Type::Float | Type::Double => {
            let text = text(json);
            let plain =
                text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-' | b'e' | b'E' | b'+'));
            let number = text.parse::<f64>().ok().filter(|number| plain && number.is_finite());
            number.ok_or_else(wrong)?;
            if serde_json::from_str::<&RawValue>(&text).is_err() {
                return Err(wrong());
            }
            out.extend_from_slice(text.as_bytes());
        }
        Type::Boolean => match text(json).as_ref() {
            "true" | "1" => out.extend_from_slice(b"true"),
            "false" | "0" => out.extend_from_slice(b"false"),
            _ => return Err(wrong()),
        },
        Type::Long => {
            push_string(out, &text(json).parse::<i64>().map_err(|_| wrong())?.to_string())
        }
        Type::Decimal => {
            let plain = text(json);
            push_string(out, &Number::parse(&plain).ok_or_else(wrong)?.to_string());
        }
        Type::Date | Type::Datetime => {
            let plain = text(json);
            moment::parse(&plain, ty == Type::Datetime).ok_or_else(wrong)?;
            push_string(out, &plain.replace('T', " "));
        }
        Type::String | Type::Binary => push_string(out, &text(json)),
    }
    Ok(())
}

/// The number behind the last dot of a log file's name, or of a name that is nothing else.
pub(super) fn file_number(name: &str) -> Option<u64> {
    name.rsplit('.').next()?.parse().ok()
}

/// A namespace of version 0 without shards.
pub(super) fn namespace(parts: [&str; 4]) -> Namespace {
    let mut all = std::array::from_fn(|_| "0".to_owned());
    for (part, name) in all.iter_mut().zip(parts) {
        *part = if name.is_empty() { "none".to_owned() } else { name.to_owned() };
    }
    Namespace { parts: all }
}

/// A hash of texts that tells where one ends.
fn hash(texts: &[&str]) -> u64 {
    let all =
        texts.iter().fold(Fnv1a::default(), |all, text| all.and(text.as_bytes()).and(&[0xff]));
    all.finish()
}

#[cfg(test)]
pub(super) mod tests {
    use super::Wants;
    use crate::op::Stage;

    /// All that a reader has, before images or not.
    pub fn wants(befores: bool) -> Wants {
        Wants { befores, hashes: true }
    }

    /// The lines that a stage makes.
    pub fn read(mut stage: Box<dyn Stage>, lines: &[&str]) -> Vec<String> {
        let mut out = Vec::new();
        for line in lines {
            stage.line(line.as_bytes(), &mut out).unwrap();
        }
        stage.pause(&mut out);
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    /// What a writer makes of an insert, an update with its before image, and a delete.
    pub fn written(stage: Box<dyn Stage>) -> Vec<String> {
        let line = concat!(
            r#"{"protocol":{"type":"data_increment_data"},"schema":{"namespace":"mysql.db1.shop.t.0.0.0","keys":["id"],"fields":["#,
            r#"{"name":"_ums_id_","type":"long"},{"name":"_ums_ts_","type":"datetime"},{"name":"_ums_op_","type":"string"},{"name":"_ums_uid_","type":"string"},"#,
            r#"{"name":"id","type":"int","origin":"int"},{"name":"d","type":"decimal","origin":"decimal(5,2)"},{"name":"day","type":"date","origin":"date"},{"name":"at","type":"datetime","origin":"datetime(6)"},{"name":"s","type":"string"}]},"payload":["#,
            r#"{"tuple":["103000000000010","2023-11-14 22:13:20.123456","I","u1",1,"1.50","2023-11-14","2023-11-14 22:13:20.123456","x\"y"]},"#,
            r#"{"tuple":["103000000000020","2023-11-14 22:13:20.123456","B","u2",1,"1.50","2023-11-14","2023-11-14 22:13:20.123456","x\"y"]},"#,
            r#"{"tuple":["103000000000020","2023-11-14 22:13:20.123456","U","u2",1,null,null,"2023-11-14 22:13:20.123456","z"]},"#,
            r#"{"tuple":["103000000000030","2023-11-14 22:13:20.123456","D","u3",1,null,null,"2023-11-14 22:13:20.123456","z"]}]}"#
        );
        read(stage, &[line])
    }

    #[test]
    fn types_are_remembered_and_widen() {
        let lines: Vec<String> = ["null", "1", "2.5", "null", "\"x\"", "1"]
            .iter()
            .map(|value| format!(r#"{{"database":"d","table":"t","type":"insert","ts":1,"data":{{"v":{value}}}}}"#))
            .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found =
            read((crate::op::dialect::reader("maxwell").unwrap().make)(wants(false)), &lines);
        let kinds: Vec<&str> = found
            .iter()
            .map(|line| {
                line.split(r#"{"name":"v","type":""#).nth(1).unwrap().split('"').next().unwrap()
            })
            .collect();
        assert_eq!(kinds, ["string", "long", "double", "double", "string", "string"]);
    }

    #[test]
    fn bad_lines_leave_nothing_behind() {
        for (dialect, line) in [
            ("maxwell", "{"),
            ("maxwell", r#"{"type":"insert"}"#),
            (
                "maxwell",
                r#"{"type":"insert","ts":99999999999999,"database":"d","table":"t","data":{}}"#,
            ),
            (
                "maxwell",
                r#"{"type":"insert","ts":1,"position":"x.5:9999999999999","database":"d","table":"t","data":{}}"#,
            ),
            (
                "canal",
                r#"{"type":"INSERT","es":1,"database":"d","table":"t","data":[{"a":"1"},{"a":"x"}],"mysqlType":{"a":"int"}}"#,
            ),
            ("canal", r#"{"type":"INSERT","es":1,"database":"d","table":"t","data":[1]}"#),
            ("debezium", r#"{"op":"c","after":{"a":1}}"#),
            ("debezium", r#"{"op":"x","source":{}}"#),
            ("debezium", r#"{"op":"c","source":{"ts_ms":1,"table":"t"},"ts_ms":1}"#),
        ] {
            let mut out = b"before".to_vec();
            let mut stage = (crate::op::dialect::reader(dialect).unwrap().make)(wants(true));
            let error = stage.line(line.as_bytes(), &mut out).unwrap_err();
            assert_eq!(
                (error.kind(), out.as_slice()),
                (crate::error::Kind::Data, b"before".as_slice()),
                "{line}"
            );
        }
    }
}
