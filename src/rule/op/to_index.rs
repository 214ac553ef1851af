//! The operator toIndex: values of a JSON object as cells. Uses `rule`. Hot.

use super::{Context, NO_JSON, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::json;
use crate::rule::read::{Keys, Placed};

/// The row.
pub const SPEC: Spec = Spec {
    name: "toIndex",
    summary: "The first cell is a JSON object: the row becomes one cell for each key of the list, in \
              its order and under its name. A string is its text, anything else its JSON.",
    keys: &[("keys", "The keys."), ("names", "Other names for the cells, as many as keys.")],
    example: "{ op = \"toIndex\", keys = [\"message\", \"host\", \"offset\"] }",
    difference: "A key that is missing or null is NULL and not an empty text. The order of the list is \
                 the order of the cells.",
    compile,
};

struct ToIndex {
    keys: Vec<String>,
    names: Vec<Name>,
    spans: Vec<Option<json::Span>>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let list = keys.need_texts("keys")?;
    let names = if keys.has("names") {
        context.names(keys, "names")?
    } else {
        // A key that cannot be a name is reached by its index.
        list.iter()
            .map(|key| match super::is_name(key) {
                true => context.name(keys, "keys", key),
                false => Ok(Name::NONE),
            })
            .collect::<Placed<_>>()?
    };
    if names.len() != list.len() {
        return Err(keys.fault(format!("{} names for {} keys", names.len(), list.len())));
    }
    Ok(Box::new(ToIndex { spans: vec![None; list.len()], keys: list, names }))
}

impl Operator for ToIndex {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Some(&object) = row.first() else { return NO_JSON };
        let text = work.plain(object);
        if !json::check(text) {
            return NO_JSON;
        }
        let Self { keys, names, spans } = self;
        spans.fill(None);
        let walked = json::members(text, |key, span| {
            for (wanted, slot) in keys.iter().zip(spans.iter_mut()) {
                if key == wanted || (key.contains('\\') && json::unescape(key) == *wanted) {
                    *slot = Some(span);
                }
            }
            true
        });
        if walked.is_none() {
            return NO_JSON;
        }
        row.clear();
        for (span, name) in spans.iter().zip(names) {
            let cell = match span {
                Some((from, to)) => match value_cell(object, *from, *to, work) {
                    Some(cell) => cell,
                    None => return TOO_LARGE,
                },
                None => Cell::NULL,
            };
            row.push(cell.named(*name));
        }
        Verdict::Keep
    }
}

/// The cell of a value at a span of another cell's text; copies only what has escapes.
pub(super) fn value_cell(object: Cell, from: usize, to: usize, work: &mut Work) -> Option<Cell> {
    let whole = object.part(from, to);
    let value = work.plain(whole);
    match value.as_bytes() {
        b"null" => Some(Cell::NULL),
        [b'"', inside @ .., b'"'] if memchr::memchr(b'\\', inside).is_none() => {
            Some(object.part(from + 1, to - 1))
        }
        [b'"', ..] => {
            let text = json::shown(value).unwrap_or_default().into_owned();
            work.push(&text)
        }
        _ => Some(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, one};

    #[test]
    fn values_become_cells() {
        let line = "{ op = \"toIndex\", keys = [\"message\", \"n\", \"o\"] }";
        let record = r#"{"message":"hi","n":5,"o":{"k":[1]}}"#;
        assert_eq!(one(line, &[record]), ["hi", "5", "{\"k\":[1]}"]);
        let record = r#"{"n":12345678901234567890.50,"message":"a\"\u00e4\n", "o" : true}"#;
        assert_eq!(one(line, &[record]), ["a\"ä\n", "12345678901234567890.50", "true"]);
        let named = "{ op = \"toIndex\", keys = [\"a\\\"b\"], names = [\"x\"] }";
        assert_eq!(one(named, &[r#"{"a\"b":1}"#]), ["1"]);
    }

    #[test]
    fn missing_and_null_are_null_and_empty_is_empty() {
        let line = "{ op = \"toIndex\", keys = [\"a\", \"b\", \"c\"] }";
        let rows = apply(line, &[r#"{"b":null,"c":""}"#]).unwrap();
        assert_eq!(rows, [[None, None, Some(String::new())]]);
        assert!(apply(line, &["no json"]).is_err() && apply(line, &["[1]"]).is_err());
    }
}
