//! The operator filter: rows by the text of cells. Uses `rule`. Hot.

use super::condition::{CONTAINS, Condition, EQUALS, MATCHES, NOT};
use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "filter",
    summary: "Keeps the row if the cells fit. A cell that the row has not, and NULL, count as an empty \
              text.",
    keys: &[
        ("cells", "The cells that are looked at."),
        CONTAINS,
        EQUALS,
        MATCHES,
        NOT,
        ("where", "\"all\" or \"any\": how many of the cells must fit. [all]"),
    ],
    example: "{ op = \"filter\", cells = 0, contains = \"ERROR\" }",
    difference: "All cells must fit, or any, as where says; there the last cell alone decided.",
    compile,
};

struct Filter {
    scope: Scope,
    condition: Condition,
    any: bool,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let any = keys.choice("where", &["all", "any"])? == Some(1);
    let (scope, condition) = (context.scope(keys)?, Condition::read(keys)?);
    Ok(Box::new(Filter { scope, condition, any }))
}

impl Operator for Filter {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let mut picked = std::mem::take(&mut work.picked);
        self.scope.pick(row, &mut picked);
        let mut texts = picked.iter().map(|at| row.get(*at).map_or("", |cell| work.plain(*cell)));
        let fits = if picked.is_empty() {
            self.condition.holds("")
        } else if self.any {
            texts.any(|text| self.condition.holds(text))
        } else {
            texts.all(|text| self.condition.holds(text))
        };
        work.picked = picked;
        if fits { Verdict::Keep } else { Verdict::Drop("the cells do not fit the filter") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::apply;

    fn kept(rule: &str, cells: &[&str]) -> bool {
        apply(&format!("{{ op = \"filter\", {rule} }}"), cells).is_ok()
    }

    #[test]
    fn cells_decide() {
        let row = ["a", "b"];
        assert!(kept("cells = 0, contains = \"a\"", &row));
        assert!(!kept("cells = 1, contains = \"a\"", &row));
        assert!(kept("cells = 1, contains = \"a\", not = true", &row));
        assert!(kept("cells = \"*\", matches = '^[ab]$'", &row));
        assert!(!kept("cells = \"9\", equals = \"a\"", &row));
        assert!(kept("cells = \"9\", equals = \"\"", &row));
    }

    #[test]
    fn several_cells_are_all_or_any() {
        // Dropped in the older system, too, but there for the last cell's sake.
        assert!(!kept("cells = [0, 1], contains = \"a\"", &["a", "b"]));
        // Kept there, because the last cell fits.
        assert!(!kept("cells = [0, 1], contains = \"a\"", &["b", "a"]));
        assert!(kept("cells = [0, 1], contains = \"a\", where = \"any\"", &["a", "b"]));
        assert!(kept("cells = [0, 1], contains = \"x\", not = true", &["a", "b"]));
    }
}
