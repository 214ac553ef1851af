//! What is asked of Redis: `SELECT name TYPE AS alias, … FROM HASH|STRING|JSON 'key:{column}'`. Uses
//! `error`, `ums`. HOT in `push`: once a cell.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::ums::base64::decode_base64;
use crate::ums::json::push_string;
use crate::ums::{Field, Type};

/// What stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Hash,
    Text,
    Json,
}

/// A column of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// The field of the hash, or the path in the document.
    pub(super) source: String,
    pub(super) field: Field,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) shape: Shape,
    pub(super) columns: Vec<Column>,
    /// The columns of the stream that keys are made of, each once.
    pub(super) names: Vec<String>,
    /// What stands before, between and behind the values in a key.
    pieces: Vec<String>,
    /// Which value follows each piece but the last.
    places: Vec<usize>,
}

fn wrong(what: &str) -> Error {
    Error::usage(format!("--query: {what}")).advise(
        "for Redis it is SELECT name TYPE AS alias, … FROM HASH 'key:{column}' (or STRING, or JSON)",
    )
}

/// The next word, quoted or not, and whether it was quoted; `,` is a word.
fn word(rest: &mut &str) -> Result<Option<(String, bool)>> {
    *rest = rest.trim_start();
    let Some(first) = rest.chars().next() else { return Ok(None) };
    if first == '\'' || first == '"' {
        let inside = rest.get(1..).unwrap_or_default();
        let end = inside.find(first).ok_or_else(|| wrong("a quote is not closed"))?;
        let word = inside.get(..end).unwrap_or_default().to_owned();
        *rest = inside.get(end + 1..).unwrap_or_default();
        return Ok(Some((word, true)));
    }
    let end = match first {
        ',' => 1,
        _ => rest.find([',', ' ', '\t', '\n', '\r', '\'', '"']).unwrap_or(rest.len()),
    };
    let (word, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    *rest = behind;
    Ok(Some((word.to_owned(), false)))
}

impl Query {
    /// Reads a query.
    pub(super) fn parse(query: &str) -> Result<Self> {
        let mut rest = query.trim().trim_end_matches(';');
        let is = |found: &Option<(String, bool)>, expected: &str| {
            found
                .as_ref()
                .is_some_and(|(word, quoted)| !quoted && word.eq_ignore_ascii_case(expected))
        };
        if !is(&word(&mut rest)?, "select") {
            return Err(wrong("does not begin with SELECT"));
        }
        let mut columns = Vec::new();
        loop {
            let (source, _) = word(&mut rest)?.ok_or_else(|| wrong("has no FROM"))?;
            let mut name = source.clone();
            let mut ty = Type::String;
            let mut next = word(&mut rest)?;
            if let Some((found, false)) = &next
                && let Some(found) = Type::parse(found)
            {
                ty = found;
                next = word(&mut rest)?;
            }
            if is(&next, "as") {
                (name, _) = word(&mut rest)?.ok_or_else(|| wrong("has no name behind AS"))?;
                next = word(&mut rest)?;
            }
            let field = Field { name, ty, nullable: true, encoded: false, origin: None };
            columns.push(Column { source, field });
            if is(&next, ",") {
                continue;
            }
            if is(&next, "from") {
                break;
            }
            return Err(wrong("a column is a name, a type of ums(7) and AS with another name"));
        }
        let shape = match word(&mut rest)? {
            found if is(&found, "hash") => Shape::Hash,
            found if is(&found, "string") => Shape::Text,
            found if is(&found, "json") => Shape::Json,
            _ => return Err(wrong("FROM is followed by HASH, STRING or JSON")),
        };
        let Some((template, true)) = word(&mut rest)? else {
            return Err(wrong("the key stands between quotes"));
        };
        if !rest.trim().is_empty() {
            return Err(wrong("there is more behind the key"));
        }
        if shape == Shape::Text && columns.len() != 1 {
            return Err(wrong("a string has one column"));
        }
        let (pieces, places, names) = template_of(&template)?;
        Ok(Self { shape, columns, names, pieces, places })
    }

    /// The key for some values.
    pub(super) fn key(&self, values: &[Box<str>]) -> String {
        let mut key = String::new();
        let mut places = self.places.iter();
        for piece in &self.pieces {
            key.push_str(piece);
            if let Some(value) = places.next().and_then(|place| values.get(*place)) {
                key.push_str(value);
            }
        }
        key
    }

    /// The columns of a document, or of each in an array; `None` for what is neither.
    pub(super) fn members(&self, text: &str) -> Option<Vec<Vec<Option<String>>>> {
        let document: Value = serde_json::from_str(text).ok()?;
        let rows = match document {
            Value::Array(rows) => rows,
            Value::Null => Vec::new(),
            one => vec![one],
        };
        rows.iter()
            .map(|row| {
                row.is_object().then(|| {
                    let member = |column: &Column| {
                        // A name with a dot in it goes before a path.
                        let found = row.get(&column.source).or_else(|| {
                            column.source.split('.').try_fold(row, |value, name| value.get(name))
                        });
                        match found? {
                            Value::Null => None,
                            Value::String(text) => Some(text.clone()),
                            other => Some(other.to_string()),
                        }
                    };
                    self.columns.iter().map(member).collect()
                })
            })
            .collect()
    }
}

/// The parts of a key's template: texts, the place of the value behind each, names.
fn template_of(template: &str) -> Result<(Vec<String>, Vec<usize>, Vec<String>)> {
    let (mut pieces, mut places, mut names) = (vec![String::new()], Vec::new(), Vec::new());
    let mut rest = template;
    while let Some(letter) = rest.chars().next() {
        let piece = pieces.last_mut();
        if rest.starts_with("{{") || rest.starts_with("}}") {
            piece.into_iter().for_each(|piece| piece.push(letter));
            rest = rest.get(2..).unwrap_or_default();
        } else if let Some(inside) = rest.strip_prefix('{') {
            let (name, behind) =
                inside.split_once('}').ok_or_else(|| wrong("a brace of the key is not closed"))?;
            if name.is_empty() {
                return Err(wrong("a column's name in the key is empty"));
            }
            let place = names.iter().position(|known: &String| known == name);
            places.push(place.unwrap_or(names.len()));
            if place.is_none() {
                names.push(name.to_owned());
            }
            pieces.push(String::new());
            rest = behind;
        } else {
            piece.into_iter().for_each(|piece| piece.push(letter));
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    match names.is_empty() {
        true => Err(wrong("the key names no column of the stream")),
        false => Ok((pieces, places, names)),
    }
}

/// Appends the JSON of a text; `None` for what is none of the type.
pub(super) fn push(ty: Type, text: Option<&str>, out: &mut Vec<u8>) -> Option<()> {
    let Some(text) = text else {
        out.extend_from_slice(b"null");
        return Some(());
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let number = |dots: usize| {
        let parts: Vec<&str> = digits.split('.').collect();
        let plain =
            |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.len() <= dots + 1 && parts.iter().all(plain)
    };
    match ty {
        Type::Int => out.extend_from_slice(text.parse::<i32>().ok()?.to_string().as_bytes()),
        Type::Long => push_string(out, &text.parse::<i64>().ok()?.to_string()),
        Type::Decimal => push_string(out, Some(text).filter(|_| number(1))?),
        Type::Float => {
            let value = text.parse::<f32>().ok().filter(|value| value.is_finite())?;
            crate::ums::json::push_f32(out, value);
        }
        Type::Double => {
            let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
            crate::ums::json::push_f64(out, value);
        }
        Type::Boolean => match text {
            "true" | "1" => out.extend_from_slice(b"true"),
            "false" | "0" => out.extend_from_slice(b"false"),
            _ => return None,
        },
        Type::Date | Type::Datetime => {
            let dated =
                matches!(text.as_bytes(), [y, _, _, _, b'-', _, _, b'-', ..] if y.is_ascii_digit());
            push_string(out, Some(text).filter(|_| dated)?);
        }
        Type::Binary => {
            push_string(out, Some(text).filter(|t| decode_base64(t.as_bytes()).is_some())?)
        }
        Type::String => push_string(out, text),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let query = Query::parse(
            "select name, address.city AS city, level int as \"the level\" from JSON 'c:{region}:{id}:{region}'",
        )
        .unwrap();
        let columns: Vec<_> = query
            .columns
            .iter()
            .map(|column| {
                format!("{} {} {}", column.source, column.field.name, column.field.ty.name())
            })
            .collect();
        assert_eq!(
            columns,
            ["name name string", "address.city city string", "level the level int"]
        );
        assert_eq!(query.names, ["region", "id"]);
        assert_eq!(query.key(&["n".into(), "7".into()]), "c:n:7:n");
        let braces = Query::parse("SELECT v FROM STRING '{{{id}}}'").unwrap();
        assert_eq!(braces.key(&["7".into()]), "{7}");
        let rows = query
            .members(r#"[{"name":"a","address":{"city":"x"},"level":3},{"address.city":null}]"#)
            .unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(rows, [vec![some("a"), some("x"), some("3")], vec![None, None, None]]);
        assert!(query.members("[1]").is_none() && query.members("{").is_none());
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for (text, why) in [
            ("HGETALL x", "SELECT"),
            ("SELECT a", "a column is"),
            ("SELECT a FROM LIST 'x:{a}'", "HASH"),
            ("SELECT a FROM HASH x:{a}", "between quotes"),
            ("SELECT a FROM HASH 'x'", "names no column"),
            ("SELECT a FROM HASH 'x{a'", "not closed"),
            ("SELECT a FROM HASH 'x{}'", "empty"),
            ("SELECT a, b FROM STRING 'x{a}'", "one column"),
            ("SELECT a FROM HASH 'x{a}' WHERE", "more behind"),
            ("SELECT 'a FROM HASH", "quote"),
        ] {
            let error = Query::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn cells_are_of_their_type() {
        for (ty, text, expected) in [
            (Type::Int, "7", Some("7")),
            (Type::Int, "99999999999", None),
            (Type::Long, "-7", Some("\"-7\"")),
            (Type::Decimal, "1.50", Some("\"1.50\"")),
            (Type::Decimal, "1.5.0", None),
            (Type::Decimal, "1e5", None),
            (Type::Double, "NaN", None),
            (Type::Boolean, "1", Some("true")),
            (Type::Date, "yesterday", None),
            (Type::Binary, "*", None),
            (Type::String, "a\"b", Some("\"a\\\"b\"")),
        ] {
            let mut out = Vec::new();
            let pushed = push(ty, Some(text), &mut out).map(|()| String::from_utf8(out).unwrap());
            assert_eq!(pushed.as_deref(), expected, "{text}");
        }
    }
}
