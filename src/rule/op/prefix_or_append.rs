//! The operator prefixOrAppend: texts around cells. Uses `rule`. Hot.

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "prefixOrAppend",
    summary: "Puts a text before cells, behind them, or both. NULL stays NULL.",
    keys: &[
        ("cells", "The cells. [all]"),
        ("before", "The text before."),
        ("after", "The text behind."),
    ],
    example: "{ op = \"prefixOrAppend\", cells = 0, before = \"{\", after = \"}\" }",
    difference: "before and after work together; there the last of them alone was left.",
    compile,
};

struct Around {
    scope: Scope,
    before: String,
    after: String,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let (before, after) = (keys.text("before")?, keys.text("after")?);
    if before.is_none() && after.is_none() {
        return Err(keys.fault("before or after must be there"));
    }
    let scope = context.scope_or_all(keys)?;
    let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
    Ok(Box::new(Around { scope, before, after }))
}

impl Operator for Around {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        super::rewrite(&self.scope, row, work, |text, draft| {
            draft.push_str(&self.before);
            draft.push_str(text);
            draft.push_str(&self.after);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn before_and_after() {
        let line = "{ op = \"prefixOrAppend\", cells = [0, 2], before = \"<\" }";
        assert_eq!(one(line, &["a", "b", ""]), ["<a", "b", "<"]);
        let line = "{ op = \"prefixOrAppend\", before = \"<\", after = \">\" }";
        assert_eq!(one(line, &["a", "b"]), ["<a>", "<b>"]);
    }
}
