//! The operator concat: several cells into one. Uses `rule`. Hot.

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{MOST_TEXT, Name, Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "concat",
    summary: "Joins cells in the order of the list; the joined text stands where the first of them in \
              the row stood, and they are gone. NULL is left out, and so is its separator.",
    keys: &[
        ("cells", "The cells."),
        ("with", "What stands between them. [nothing]"),
        ("name", "A name for the joined cell."),
    ],
    example: "{ op = \"concat\", cells = [\"date\", \"time\"], with = \" \", name = \"at\" }",
    difference: "Only the joined cells are removed; there every cell with the same text was, too. Lists in \
                 any order and cells that are missing do no harm.",
    compile,
};

struct Concat {
    scope: Scope,
    with: String,
    name: Name,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let with = keys.text("with")?.unwrap_or_default();
    let name = match keys.text("name")? {
        Some(name) => context.name(keys, "name", &name)?,
        None => Name::NONE,
    };
    Ok(Box::new(Concat { scope: context.scope(keys)?, with, name }))
}

impl Operator for Concat {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let mut picked = std::mem::take(&mut work.picked);
        self.scope.pick(row, &mut picked);
        let mut draft = std::mem::take(&mut work.draft);
        let mut first = true;
        let cells = picked.iter().filter_map(|at| row.get(*at));
        for text in cells.filter_map(|cell| work.text(*cell)) {
            if !first {
                draft.push_str(&self.with);
            }
            first = false;
            draft.push_str(text);
            if draft.len() > MOST_TEXT {
                break;
            }
        }
        work.draft = draft;
        let made = work.push_draft();
        picked.sort_unstable();
        picked.dedup();
        let Some(made) = made else {
            work.picked = picked;
            return TOO_LARGE;
        };
        let mut at = 0;
        if let Some(&place) = picked.first() {
            row.retain(|_| {
                at += 1;
                picked.binary_search(&(at - 1)).is_err()
            });
            row.insert(place.min(row.len()), made.named(self.name));
        }
        work.picked = picked;
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn cells_are_joined() {
        let join = |scope: &str, cells: &[&str]| {
            one(&format!("{{ op = \"concat\", cells = {scope}, with = \"-\" }}"), cells)
        };
        // The cell 3 went with the first in the older system.
        assert_eq!(join("[0, 2]", &["a", "b", "c", "a"]), ["a-c", "b", "a"]);
        // The two that it could not do.
        assert_eq!(join("[3, 1]", &["a", "b", "c", "d"]), ["a", "d-b", "c"]);
        assert_eq!(join("[1, 9]", &["a", "b"]), ["a", "b"]);
        assert_eq!(join("[9]", &["a", "b"]), ["a", "b"]);
        assert_eq!(join("\"*\"", &["a", "", "c"]), ["a--c"]);
    }
}
