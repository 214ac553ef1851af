//! The operator regexExtract: a cell into the groups of an expression. Uses `rule`. Hot.

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::pattern::Parts;
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "regexExtract",
    summary: "Puts the groups of the first match in the place of a cell. A named group, (?<name>...), \
              names its cell; a group that took no part is NULL. Without a match the group of rules does \
              not match.",
    keys: &[
        ("cells", "The cells."),
        ("regex", "The expression, with at least one group."),
        ("optional", "true: without a match the cells are NULL and the row goes on. [false]"),
    ],
    example: "{ op = \"regexExtract\", cells = 0, regex = '^(\\S+) (?<code>\\d+)' }",
    difference: "Without a match the row is dropped, or has NULLs; there the cell vanished and the others \
                 moved up. An expression without groups is refused.",
    compile,
};

struct RegexExtract {
    scope: Scope,
    parts: Parts,
    names: Vec<Name>,
    optional: bool,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let text = keys.need_text("regex")?;
    let fault = |text: String| Fault::new(keys.place("regex"), text);
    let parts = Parts::build(&text).map_err(fault)?;
    let names = group_names(&parts, keys, context)?;
    if names.is_empty() {
        return Err(fault("the expression has no group".into()));
    }
    let (scope, optional) = (context.scope(keys)?, keys.truth("optional")?);
    Ok(Box::new(RegexExtract { scope, parts, names, optional }))
}

/// The names of the groups 1 and up.
fn group_names(parts: &Parts, keys: &Keys, context: &mut Context) -> Placed<Vec<Name>> {
    let names = parts.names().skip(1);
    names
        .map(|name| match name {
            Some(name) => context.name(keys, "regex", name),
            None => Ok(Name::NONE),
        })
        .collect()
}

impl Operator for RegexExtract {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Self { scope, parts, names, optional } = self;
        super::expand(scope, row, work, |cell, work, out| {
            let found = work.text(cell).is_some_and(|text| parts.find(text));
            if !found && !*optional {
                return Verdict::Drop("the expression does not match");
            }
            for (at, name) in names.iter().enumerate() {
                let span = if found { parts.group(at + 1) } else { None };
                let group = span.map_or(Cell::NULL, |(from, to)| cell.part(from, to));
                out.push(group.named(*name));
            }
            Verdict::Keep
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, compile, one};
    use crate::rule::file::Format;

    #[test]
    fn groups_take_the_cells_place() {
        let line = "{ op = \"regexExtract\", cells = 1, regex = '(\\d+)-(\\w+)' }";
        assert_eq!(one(line, &["x", "a 12-b 3-c", "y"]), ["x", "12", "b", "y"]);
        let line = "{ op = \"regexExtract\", cells = 0, regex = 'a(b)?(c)' }";
        assert_eq!(apply(line, &["ac"]).unwrap(), [[None, Some("c".into())]]);
    }

    #[test]
    fn no_match_drops_or_gives_nulls() {
        let line = "{ op = \"regexExtract\", cells = 0, regex = '(\\d)(\\d)' }";
        assert!(apply(line, &["x"]).is_err());
        let line = "{ op = \"regexExtract\", cells = 0, regex = '(\\d)(\\d)', optional = true }";
        assert_eq!(one(line, &["x", "y"]), ["NULL", "NULL", "y"]);
        let none = "{ op = \"regexExtract\", cells = 0, regex = 'x' }";
        assert!(compile(none, Format::Json).err().unwrap().text.contains("no group"));
    }

    #[test]
    fn an_expression_that_would_hang_others_is_linear() {
        let line = "{ op = \"regexExtract\", cells = 0, regex = '^((a+)+)+$' }";
        let started = std::time::Instant::now();
        assert!(apply(line, &[&("a".repeat(100_000) + "b")]).is_err());
        assert!(started.elapsed().as_secs() < 20);
    }
}
