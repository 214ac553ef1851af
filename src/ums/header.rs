//! Parsing `protocol` and `schema`. Uses `error` and `ums`. Not hot: a schema is parsed once for
//! equal bytes.

use super::cursor::{Cursor, expected};
use super::model::{Field, Protocol, Schema, Type};
use super::namespace::Namespace;
use crate::error::{Error, Result};

/// Keeps `value` in `slot`, which must be empty: a key that is there twice has no meaning.
pub(super) fn once<T>(slot: &mut Option<T>, at: usize, key: &str, value: T) -> Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(expected(at, &format!("'{key}' only once"))),
    }
}

/// Reads the `protocol` object.
pub(super) fn protocol(cursor: &mut Cursor) -> Result<Protocol> {
    let start = cursor.at();
    let mut protocol = None;
    cursor.object("'protocol'", |cursor, key| {
        if key != "type" {
            return cursor.skip_value();
        }
        let at = cursor.at();
        let name = cursor.string("'type' in quotes")?;
        let found = Protocol::parse(&name)
            .ok_or_else(|| unknown(at, "protocol type", &name, Protocol::ALL.map(|p| p.1)))?;
        once(&mut protocol, at, key, found)
    })?;
    protocol.ok_or_else(|| expected(start, "'type' in 'protocol'"))
}

/// Reads the `schema` object. Absent: `batchId` is 0, `keys` and `fields` are empty.
pub(super) fn schema(cursor: &mut Cursor) -> Result<Schema> {
    let start = cursor.at();
    let (mut namespace, mut batch_id, mut keys, mut fields) = (None, None, None, None);
    cursor.object("'schema'", |cursor, key| {
        let at = cursor.at();
        match key {
            "namespace" => {
                let text = cursor.string("'namespace' in quotes")?;
                let parsed = Namespace::parse(&text)
                    .map_err(|error| error.at(format!("byte {at} of the line")))?;
                once(&mut namespace, at, key, parsed)
            }
            "batchId" if !cursor.null() => {
                once(&mut batch_id, at, key, cursor.integer("'batchId'")?)
            }
            "keys" if !cursor.null() => {
                let mut names = Vec::new();
                cursor.array("'keys'", |cursor| {
                    names.push(cursor.string("a column's name in quotes")?.into_owned());
                    Ok(())
                })?;
                once(&mut keys, at, key, names)
            }
            "fields" => {
                let mut list = Vec::new();
                cursor.array("'fields'", |cursor| {
                    list.push(field(cursor)?);
                    Ok(())
                })?;
                once(&mut fields, at, key, list)
            }
            "batchId" | "keys" => Ok(()),
            _ => cursor.skip_value(),
        }
    })?;
    Ok(Schema {
        namespace: namespace.ok_or_else(|| expected(start, "'namespace' in 'schema'"))?,
        batch_id: batch_id.unwrap_or(0),
        keys: keys.unwrap_or_default(),
        fields: fields.unwrap_or_default(),
    })
}

/// Reads one object of `fields`. Absent: `nullable` is true, `encoded` false.
fn field(cursor: &mut Cursor) -> Result<Field> {
    let start = cursor.at();
    let (mut name, mut ty, mut nullable, mut encoded, mut origin) = (None, None, None, None, None);
    cursor.object("a field", |cursor, key| {
        let at = cursor.at();
        match key {
            "name" => once(&mut name, at, key, cursor.string("'name' in quotes")?.into_owned()),
            "type" => {
                let text = cursor.string("'type' in quotes")?;
                let found = Type::parse(&text)
                    .ok_or_else(|| unknown(at, "field type", &text, Type::ALL.map(|t| t.1)))?;
                once(&mut ty, at, key, found)
            }
            "nullable" => once(&mut nullable, at, key, cursor.boolean("'nullable'")?),
            "encoded" => once(&mut encoded, at, key, cursor.boolean("'encoded'")?),
            "origin" if !cursor.null() => {
                once(&mut origin, at, key, cursor.string("'origin' in quotes")?.into_owned())
            }
            "origin" => Ok(()),
            _ => cursor.skip_value(),
        }
    })?;
    Ok(Field {
        name: name.ok_or_else(|| expected(start, "'name' in every field"))?,
        ty: ty.ok_or_else(|| expected(start, "'type' in every field"))?,
        nullable: nullable.unwrap_or(true),
        encoded: encoded.unwrap_or(false),
        origin,
    })
}

/// "unknown field type 'x'; known are ...".
fn unknown<const N: usize>(at: usize, what: &str, name: &str, known: [&str; N]) -> Error {
    let known = known.join(", ");
    Error::data(format!("byte {at} of the line: unknown {what} '{name}'; known are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Schema> {
        schema(&mut Cursor::new(text))
    }

    #[test]
    fn what_is_absent_has_a_meaning() {
        let schema = read(
            r#"{"x":[{}], "batchId":"7","keys":null,"namespace":"a.b.c.d.0.0.0",
                "fields":[{"type":"LONG","name":"q\"","more":1,"origin":null}]}"#,
        )
        .unwrap();
        assert_eq!((schema.batch_id, schema.keys.len()), (7, 0));
        let expected = Field {
            name: "q\"".into(),
            ty: Type::Long,
            nullable: true,
            encoded: false,
            origin: None,
        };
        assert_eq!(schema.fields, [expected]);
    }

    #[test]
    fn wrong_schemas_say_why() {
        for (text, why) in [
            (r#"{"fields":[]}"#, "'namespace' in 'schema'"),
            (r#"{"namespace":"a.b"}"#, "byte 13 of the line: namespace 'a.b': 2 parts"),
            (r#"{"namespace":"a.b.c.d.0.0.0","namespace":"a.b.c.d.0.0.0"}"#, "only once"),
            (r#"{"batchId":1.5}"#, "'batchId' as a 64-bit whole number"),
            (r#"{"fields":[{"name":"a"}]}"#, "'type' in every field"),
            (r#"{"fields":[{"type":"int"}]}"#, "'name' in every field"),
            (
                r#"{"fields":[{"name":"a","type":"uuid"}]}"#,
                "field type 'uuid'; known are int, long,",
            ),
            (r#"{"fields":[{"nullable":"no"}]}"#, "'nullable' as true or false"),
            (r#"{"keys":[1]}"#, "a column's name in quotes"),
            (r#"[]"#, "'schema' as an object"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let error = protocol(&mut Cursor::new(r#"{"type":"data_x"}"#)).unwrap_err().to_string();
        assert!(error.contains("protocol type 'data_x'; known are data_increment_data"), "{error}");
        assert!(protocol(&mut Cursor::new("{}")).is_err());
    }
}
