//! The operator jsonPath: a value inside JSON, as a new cell. Uses `rule`. Warm.

use super::{Context, NO_JSON, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::json;
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "jsonPath",
    summary: "Appends a value of the JSON in a cell: $.a.b[0]['c d'][-1], and [*] or .* for all, which \
              gives an array. A string is its text, anything else its JSON; what is not there is NULL.",
    keys: &[("cell", "The cell. [0]"), ("path", "The path."), ("name", "A name for the new cell.")],
    example: "{ op = \"jsonPath\", cell = 0, path = \"$.host.name\", name = \"host\" }",
    difference: "What is not there is NULL and not an empty text. Paths with .. , filters ?(...), slices and \
                 functions are refused.",
    compile,
};

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(i64),
    All,
}

struct JsonPath {
    scope: Scope,
    steps: Vec<Step>,
    name: Name,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let path = keys.need_text("path")?;
    let steps = parse(&path).ok_or_else(|| {
        let text = format!("'{path}' is no path: write $.a.b[0]['c d'][*]");
        Fault::new(keys.place("path"), text)
    })?;
    let name = match keys.text("name")? {
        Some(name) => context.name(keys, "name", &name)?,
        None => Name::NONE,
    };
    Ok(Box::new(JsonPath { scope: context.one(keys)?, steps, name }))
}

fn parse(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            let (key, tail) = after.split_at(end);
            if key.is_empty() || key.contains(['(', ')', '?', ' ', '\'', '"']) {
                return None;
            }
            steps.push(if key == "*" { Step::All } else { Step::Key(key.to_owned()) });
            rest = tail;
            continue;
        }
        let after = rest.strip_prefix('[')?;
        let quoted = after.strip_prefix('\'').map(|text| (text, "']"));
        let quoted = quoted.or(after.strip_prefix('"').map(|text| (text, "\"]")));
        let (inside, tail) = match quoted {
            Some((text, end)) => text.split_once(end)?,
            None => after.split_once(']')?,
        };
        steps.push(match (quoted, inside) {
            (Some(_), key) => Step::Key(key.to_owned()),
            (None, "*") => Step::All,
            (None, index) => Step::Index(index.parse().ok()?),
        });
        rest = tail;
    }
    Some(steps)
}

/// The values that the steps lead to, as spans of `text`.
fn walk(text: &str, steps: &[Step]) -> Vec<json::Span> {
    let end = text.trim_end().len();
    let start = text.len() - text.trim_start().len();
    let mut found = vec![(start, end)];
    for step in steps {
        let mut next = Vec::new();
        for (from, to) in found {
            let value = text.get(from..to).unwrap_or_default();
            let mut take = |(start, end): json::Span| next.push((from + start, from + end));
            match step {
                Step::Key(key) => {
                    json::member(value, key).map(&mut take);
                }
                Step::Index(index) => {
                    let mut all = Vec::new();
                    let _ = json::elements(value, |span| all.push(span));
                    let at = match usize::try_from(*index) {
                        Ok(at) => Some(at),
                        Err(_) => usize::try_from(index.unsigned_abs())
                            .ok()
                            .and_then(|back| all.len().checked_sub(back)),
                    };
                    at.and_then(|at| all.get(at)).copied().map(&mut take);
                }
                Step::All if value.starts_with('[') => {
                    let _ = json::elements(value, take);
                }
                Step::All => {
                    let _ = json::members(value, |_, span| {
                        take(span);
                        true
                    });
                }
            }
        }
        found = next;
    }
    found
}

impl Operator for JsonPath {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let source = self.scope.one(row).and_then(|at| row.get(at)).copied().unwrap_or(Cell::NULL);
        let Some(text) = work.text(source) else {
            row.push(Cell::NULL.named(self.name));
            return Verdict::Keep;
        };
        if !json::check(text) {
            return NO_JSON;
        }
        let found = walk(text, &self.steps);
        let made = if self.steps.contains(&Step::All) {
            let mut draft = String::from("[");
            for (number, (from, to)) in found.iter().enumerate() {
                draft.push_str(if number > 0 { "," } else { "" });
                draft.push_str(text.get(*from..*to).unwrap_or_default());
            }
            draft.push(']');
            work.push(&draft)
        } else {
            match found.first() {
                Some((from, to)) => super::to_index::value_cell(source, *from, *to, work),
                None => Some(Cell::NULL),
            }
        };
        let Some(made) = made else { return TOO_LARGE };
        row.push(made.named(self.name));
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, compile, one};
    use crate::rule::file::Format;

    const RECORD: &str = r#"{"a":{"b":[10,{"c d":"x\n"},null]},"e":"","l":[{"k":1},{"k":2},{}]}"#;

    fn value(path: &str) -> String {
        let line = format!("{{ op = \"jsonPath\", path = \"\"\"{path}\"\"\" }}");
        one(&line, &[RECORD]).remove(1)
    }

    #[test]
    fn paths() {
        for (path, expected) in [
            ("$.a.b[0]", "10"),
            ("$.a.b[1]['c d']", "x\n"),
            ("$['a'].b[1]", r#"{"c d":"x\n"}"#),
            ("$.a.b[-2]['c d']", "x\n"),
            ("$.a.b[2]", "NULL"),
            ("$.e", ""),
            ("$.nosuch.b", "NULL"),
            ("$.a.b[7]", "NULL"),
            ("$.a.b[-7]", "NULL"),
            ("$.a.b.c", "NULL"),
            ("$.l[*].k", "[1,2]"),
            ("$.l.*.k", "[1,2]"),
            ("$.a.*", r#"[[10,{"c d":"x\n"},null]]"#),
            ("$", RECORD),
        ] {
            assert_eq!(value(path), expected, "{path}");
        }
        assert!(apply("{ op = \"jsonPath\", path = \"$.a\" }", &["{"]).is_err());
    }

    #[test]
    fn paths_that_are_not_done_are_refused() {
        for path in ["a.b", "$..a", "$.a[", "$.a[?(@.b)]", "$.a[1:2]", "$.length()", "$a"] {
            let line = format!("{{ op = \"jsonPath\", path = \"{path}\" }}");
            assert!(compile(&line, Format::Json).is_err(), "{path}");
        }
    }
}
