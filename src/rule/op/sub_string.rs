//! The operator subString: a part of cells, by index or by text. Uses `rule`. Hot.

use toml::de::DeValue;

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Cell, Row, Work};
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "subString",
    summary: "Leaves a part of cells. A number is an index of a character, negative from the end, the \
              start inclusive and the end exclusive; a text is found: the start at its first occurrence, \
              the end behind its last one, both texts included.",
    keys: &[
        ("cells", "The cells. [all]"),
        ("start", "Where the part begins: a number or a text. [0]"),
        ("end", "Where it ends: a number or a text. [the end]"),
    ],
    example: "{ op = \"subString\", cells = 0, start = \"[\", end = \"]\" }",
    difference: "A text that is not found makes the cell NULL; there the last character or nothing was \
                 left. Indices count characters, not halves of surrogate pairs.",
    compile,
};

enum Edge {
    Index(i64),
    Text(String),
}

struct SubString {
    scope: Scope,
    start: Edge,
    end: Option<Edge>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let edge = |key: &'static str| -> Placed<Option<Edge>> {
        let Some(value) = keys.value(key) else { return Ok(None) };
        let wrong = || Fault::new(value.span().start, format!("{key} is a number or a text"));
        match value.get_ref() {
            DeValue::Integer(number) => {
                number.as_str().parse().map(|number| Some(Edge::Index(number))).map_err(|_| wrong())
            }
            DeValue::String(text) if !text.is_empty() => Ok(Some(Edge::Text(text.to_string()))),
            _ => Err(wrong()),
        }
    };
    let (start, end) = (edge("start")?.unwrap_or(Edge::Index(0)), edge("end")?);
    Ok(Box::new(SubString { scope: context.scope_or_all(keys)?, start, end }))
}

impl Operator for SubString {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let mut picked = std::mem::take(&mut work.picked);
        self.scope.pick(row, &mut picked);
        for (number, at) in picked.iter().enumerate() {
            if picked.iter().take(number).any(|before| before == at) {
                continue;
            }
            let Some(cell) = row.get_mut(*at) else { continue };
            let Some(text) = work.text(*cell) else { continue };
            let part = self.span(text).map_or(Cell::NULL, |(from, to)| cell.part(from, to));
            *cell = part.named(cell.name);
        }
        work.picked = picked;
        Verdict::Keep
    }
}

impl SubString {
    fn span(&self, text: &str) -> Option<(usize, usize)> {
        let start = match &self.start {
            Edge::Index(index) => offset(text, *index),
            Edge::Text(wanted) => text.find(wanted.as_str())?,
        };
        let end = match &self.end {
            None => text.len(),
            Some(Edge::Index(index)) => offset(text, *index),
            Some(Edge::Text(wanted)) => text.rfind(wanted.as_str())? + wanted.len(),
        };
        Some((start, end.max(start)))
    }
}

/// The byte where a character begins; the nearest end for an index outside.
fn offset(text: &str, index: i64) -> usize {
    let nth = |index: u64| usize::try_from(index).unwrap_or(usize::MAX);
    match index {
        0.. => text.char_indices().nth(nth(index.unsigned_abs())).map_or(text.len(), |(at, _)| at),
        _ => {
            let back = nth(index.unsigned_abs() - 1);
            text.char_indices().nth_back(back).map_or(0, |(at, _)| at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    fn sub(rule: &str, text: &str) -> String {
        one(&format!("{{ op = \"subString\", cells = 0, {rule} }}"), &[text]).remove(0)
    }

    #[test]
    fn parts() {
        assert_eq!(sub("start = \"[\", end = \"]\"", "k=[v]=z"), "[v]");
        assert_eq!(sub("start = \"[\", end = \"]\"", "a[b]c]d"), "[b]c]");
        assert_eq!(sub("start = 2", "abcdef"), "cdef");
        assert_eq!(sub("start = -2", "abcdef"), "ef");
        assert_eq!(sub("start = 1, end = -1", "abcdef"), "bcde");
        assert_eq!(sub("start = 4, end = 2", "abcdef"), "");
        assert_eq!(sub("start = -99, end = 99", "abc"), "abc");
        assert_eq!(sub("start = 1, end = 2", "äöü"), "ö");
        assert_eq!(sub("end = 3", ""), "");
    }

    #[test]
    fn what_is_not_found_is_null() {
        assert_eq!(sub("start = \"#\"", "abc"), "NULL");
        assert_eq!(sub("end = \"#\"", "abc"), "NULL");
    }
}
