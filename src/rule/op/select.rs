//! The operator select: some cells, in some order. Uses `rule`. Hot.

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "select",
    summary: "Leaves the cells of the list, in its order; a cell may be there twice, and one that the row \
              has not is left out.",
    keys: &[("cells", "The cells.")],
    example: "{ op = \"select\", cells = [2, 0, \"-1\"] }",
    difference: "",
    compile,
};

struct Select(Scope);

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    Ok(Box::new(Select(context.scope(keys)?)))
}

impl Operator for Select {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let mut picked = std::mem::take(&mut work.picked);
        self.0.pick(row, &mut picked);
        work.cells.clear();
        work.cells.extend(picked.iter().filter_map(|at| row.get(*at)).copied());
        std::mem::swap(row, &mut work.cells);
        work.picked = picked;
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn order_repeats_and_gaps() {
        let line = "{ op = \"select\", cells = [2, 0, 0, 7, \"-1\", \"1:\"] }";
        assert_eq!(one(line, &["a", "b", "c"]), ["c", "a", "a", "c", "b", "c"]);
        assert!(one("{ op = \"select\", cells = 9 }", &["a"]).is_empty());
    }
}
