//! The operator flattenJsonArray: one row for each element of an array. Uses `rule`. Warm.

use super::{Context, NO_JSON, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{MOST_CELLS, Row, Work};
use crate::rule::json;
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "flattenJsonArray",
    summary: "A cell is a JSON object with an array inside: one row for each element, in which it stands \
              in the place of the array. Without path the cell itself is the array. An array that is \
              missing or empty leaves no row.",
    keys: &[
        ("cell", "The cell. [0]"),
        ("path", "The keys that lead to the array, with dots between: \"list\", \"a.list\"."),
    ],
    example: "{ op = \"flattenJsonArray\", cell = 0, path = \"list\" }",
    difference: "A nested path makes rows, too; there only the first level did.",
    compile,
};

struct FlattenJsonArray {
    scope: Scope,
    path: Vec<String>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let path = keys.text("path")?.unwrap_or_default();
    let path = path.split('.').filter(|key| !key.is_empty()).map(ToOwned::to_owned).collect();
    Ok(Box::new(FlattenJsonArray { scope: context.one(keys)?, path }))
}

impl Operator for FlattenJsonArray {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        const NONE: Verdict = Verdict::Drop("there is no array");
        let Some(at) = self.scope.one(row) else { return NONE };
        let Some(cell) = row.get(at).copied() else { return NONE };
        let Some(text) = work.text(cell) else { return NONE };
        if !json::check(text) {
            return NO_JSON;
        }
        let (mut from, mut to) = (text.len() - text.trim_start().len(), text.trim_end().len());
        for key in &self.path {
            let inside = text.get(from..to).unwrap_or_default();
            let Some((start, end)) = json::member(inside, key) else { return NONE };
            (from, to) = (from + start, from + end);
        }
        let mut spans = Vec::new();
        let array = text.get(from..to).unwrap_or_default();
        if json::elements(array, |span| spans.push(span)).is_none() {
            return NONE;
        }
        let (before, after) = (text.get(..from), text.get(to..));
        let (before, after) =
            (before.unwrap_or_default().to_owned(), after.unwrap_or_default().to_owned());
        if spans.len() > MOST_CELLS {
            return TOO_LARGE;
        }
        let mut rows = Vec::with_capacity(spans.len());
        for (start, end) in spans {
            let mut draft = std::mem::take(&mut work.draft);
            draft.push_str(&before);
            draft.push_str(work.plain(cell.part(from + start, from + end)));
            draft.push_str(&after);
            work.draft = draft;
            let Some(made) = work.push_draft() else { return TOO_LARGE };
            let mut copy = row.clone();
            if let Some(slot) = copy.get_mut(at) {
                *slot = made.named(cell.name);
            }
            rows.push(copy);
        }
        let mut rows = rows.into_iter();
        let Some(first) = rows.next() else { return NONE };
        *row = first;
        work.more.extend(rows);
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::apply;

    fn rows(rule: &str, record: &str) -> Vec<String> {
        let line = format!("{{ op = \"flattenJsonArray\"{rule} }}");
        let rows = apply(&line, &[record]).unwrap_or_default();
        rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
    }

    #[test]
    fn elements_become_rows() {
        let record = r#"{"a":1,"list":[{"x":1},{"x":2}]}"#;
        let expected = [r#"{"a":1,"list":{"x":1}}"#, r#"{"a":1,"list":{"x":2}}"#];
        assert_eq!(rows(", path = \"list\"", record), expected);
        assert_eq!(rows("", " [1, \"a\"] "), [" 1 ", " \"a\" "]);
        let nested = r#"{"a":{"l":[1,2]}}"#;
        assert_eq!(rows(", path = \"a.l\"", nested), [r#"{"a":{"l":1}}"#, r#"{"a":{"l":2}}"#]);
    }

    #[test]
    fn no_array_leaves_no_row() {
        for record in [r#"{"a":1}"#, r#"{"list":[]}"#, r#"{"list":7}"#, "[1]"] {
            assert!(rows(", path = \"list\"", record).is_empty(), "{record}");
        }
    }

    #[test]
    fn an_array_of_a_large_object_is_bounded() {
        let record =
            format!("{{\"b\":\"{}\",\"list\":[{}0]}}", "x".repeat(1 << 20), "0,".repeat(2000));
        let line = "{ op = \"flattenJsonArray\", path = \"list\" }";
        assert!(apply(line, &[&record]).unwrap_err().contains("outgrown"));
    }
}
