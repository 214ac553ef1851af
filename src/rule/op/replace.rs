//! The operator replace: texts or expressions in cells by another text. Uses `rule`. Hot.

use regex::Regex;

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{MOST_TEXT, Row, Work};
use crate::rule::pattern;
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "replace",
    summary: "Puts a text in the place of every occurrence of another, or of an expression; then $1 and \
              ${name} stand for its groups.",
    keys: &[
        ("cells", "The cells. [all]"),
        ("text", "What is replaced, as it stands."),
        ("regex", "Or what is replaced, as a regular expression."),
        ("with", "The new text. [nothing]"),
    ],
    example: "{ op = \"replace\", cells = 0, regex = '([0-9]+)', with = '<$1>' }",
    difference: "A group's number ends at the first character that is no letter, digit or _: write ${1}x.",
    compile,
};

enum Replace {
    Text { scope: Scope, text: String, with: String },
    Regex { scope: Scope, regex: Regex, with: String },
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let scope = context.scope_or_all(keys)?;
    let with = keys.text("with")?.unwrap_or_default();
    let operator = match (keys.text("text")?, keys.text("regex")?) {
        (Some(text), None) if !text.is_empty() => Replace::Text { scope, text, with },
        (None, Some(text)) => {
            let regex =
                pattern::build(&text).map_err(|text| Fault::new(keys.place("regex"), text))?;
            Replace::Regex { scope, regex, with }
        }
        _ => return Err(keys.fault("one of text and regex must be there, and not empty")),
    };
    Ok(Box::new(operator))
}

impl Operator for Replace {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let mut outgrown = false;
        let verdict = match self {
            Self::Text { scope, text, with } => super::rewrite(scope, row, work, |cell, draft| {
                let mut rest = cell;
                while let Some((before, after)) = rest.split_once(text.as_str()) {
                    draft.push_str(before);
                    draft.push_str(with);
                    rest = after;
                    if draft.len() > MOST_TEXT {
                        outgrown = true;
                        return;
                    }
                }
                draft.push_str(rest);
            }),
            Self::Regex { scope, regex, with } => {
                super::rewrite(scope, row, work, |cell, draft| {
                    let mut end = 0;
                    for found in regex.captures_iter(cell) {
                        let Some(whole) = found.get(0) else { continue };
                        draft.push_str(cell.get(end..whole.start()).unwrap_or_default());
                        found.expand(with, draft);
                        end = whole.end();
                        if draft.len() > MOST_TEXT {
                            outgrown = true;
                            return;
                        }
                    }
                    draft.push_str(cell.get(end..).unwrap_or_default());
                })
            }
        };
        if outgrown { TOO_LARGE } else { verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, one};

    #[test]
    fn all_occurrences() {
        let line = "{ op = \"replace\", regex = '([0-9]+)', with = '<$1>' }";
        assert_eq!(one(line, &["a12b3", ""]), ["a<12>b<3>", ""]);
        let line = "{ op = \"replace\", cells = 0, text = \"$1\", with = \".\" }";
        assert_eq!(one(line, &["a$1$1b", "$1"]), ["a..b", "$1"]);
        assert_eq!(one("{ op = \"replace\", text = \"ab\" }", &["aabb"]), ["ab"]);
        let line = "{ op = \"replace\", regex = 'x*', with = '-' }";
        assert_eq!(one(line, &["axb"]), ["-a-b-"]);
    }

    #[test]
    fn a_cell_cannot_grow_without_end() {
        let with = "y".repeat(1 << 20);
        let line = format!("{{ op = \"replace\", text = \"x\", with = \"{with}\" }}");
        assert!(apply(&line, &[&"x".repeat(2000)]).unwrap_err().contains("outgrown"));
    }
}
