//! The operator coalesce: the first cell with a value. Uses `rule`. Hot.

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "coalesce",
    summary: "Appends the first cell of the list that is neither NULL nor empty nor one of the texts of \
              without; NULL when there is none.",
    keys: &[
        ("cells", "The cells."),
        ("without", "Texts that mean nothing: [\"-\", \"null\"]. [none]"),
        ("name", "The name of the new cell."),
    ],
    example: "{ op = \"coalesce\", cells = [\"forwarded\", \"client\"], without = \"-\", name = \"ip\" }",
    difference: "",
    compile,
};

struct Coalesce {
    scope: Scope,
    without: Vec<String>,
    name: Name,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let without = keys.texts("without")?.unwrap_or_default();
    let name = keys.need_text("name")?;
    let name = context.name(keys, "name", &name)?;
    Ok(Box::new(Coalesce { scope: context.scope(keys)?, without, name }))
}

impl Operator for Coalesce {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let mut picked = std::mem::take(&mut work.picked);
        self.scope.pick(row, &mut picked);
        let says = |cell: &Cell| {
            let text = work.plain(*cell);
            !text.is_empty() && !self.without.iter().any(|nothing| nothing == text)
        };
        let found = picked.iter().filter_map(|at| row.get(*at)).copied().find(says);
        row.push(found.unwrap_or(Cell::NULL).named(self.name));
        work.picked = picked;
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn the_first_with_a_value() {
        let line = "{ op = \"coalesce\", cells = [2, 0, 1], without = [\"-\"], name = \"x\" }";
        assert_eq!(one(line, &["", "b", "-"])[3], "b");
        assert_eq!(one(line, &["a", "b", "c"])[3], "c");
        assert_eq!(one(line, &["-", "", "-"])[3], "NULL");
    }
}
