//! The operator split: a cell into the pieces between separators. Uses `rule`. Hot.

use regex::Regex;

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Cell, MOST_CELLS, Name, Row, Work};
use crate::rule::pattern;
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "split",
    summary: "Puts the pieces between separators in the place of a cell, empty ones too.",
    keys: &[
        ("cells", "The cells that are split."),
        ("text", "The separator, as it stands."),
        ("regex", "Or the separator as a regular expression."),
        ("limit", "At most so many pieces; the last one keeps its separators."),
        ("names", "Names for the pieces, in their order; with one cell only."),
    ],
    example: "{ op = \"split\", cells = 0, text = \"|\", names = [\"time\", \"user\", \"amount\"] }",
    difference: "An empty cell is one empty piece; there it vanished. With regex, empty pieces at the end \
                 are kept. Several cells are split at their own places; there the indices meant the row \
                 as it was already changed.",
    compile,
};

struct Split {
    scope: Scope,
    by: By,
    limit: usize,
    names: Vec<Name>,
}

enum By {
    Text(Box<memchr::memmem::Finder<'static>>),
    Regex(Regex),
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let (scope, names) = (context.scope(keys)?, context.names(keys, "names")?);
    if !names.is_empty() && !scope.is_one() {
        return Err(keys.fault("names are for one cell"));
    }
    let by = match (keys.text("text")?, keys.text("regex")?) {
        (Some(text), None) if !text.is_empty() => {
            let finder = memchr::memmem::Finder::new(text.as_bytes()).into_owned();
            By::Text(Box::new(finder))
        }
        (None, Some(text)) => {
            By::Regex(pattern::build(&text).map_err(|text| Fault::new(keys.place("regex"), text))?)
        }
        _ => return Err(keys.fault("one of text and regex must be there, and not empty")),
    };
    let limit = keys.number("limit", 2, 1 << 20)?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    Ok(Box::new(Split { scope, by, limit, names }))
}

impl Operator for Split {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Self { scope, by, limit, names } = self;
        let mut names = names.iter().copied();
        let mut name = || names.next().unwrap_or(Name::NONE);
        super::expand(scope, row, work, |cell, work, out| {
            let Some(text) = work.text(cell) else {
                out.push(Cell::NULL.named(name()));
                return Verdict::Keep;
            };
            let (mut start, mut pieces) = (0, 1);
            let mut cut = |from: usize, to: usize| {
                out.push(cell.part(start, from).named(name()));
                start = to;
                pieces += 1;
                pieces < *limit && pieces < MOST_CELLS
            };
            match by {
                By::Text(finder) => {
                    let width = finder.needle().len();
                    for at in finder.find_iter(text.as_bytes()) {
                        if !cut(at, at + width) {
                            break;
                        }
                    }
                }
                By::Regex(regex) => {
                    // An empty match separates characters; none stands at the ends.
                    let inside = |found: &regex::Match| {
                        !found.is_empty() || (found.start() > 0 && found.end() < text.len())
                    };
                    for found in regex.find_iter(text).filter(inside) {
                        if !cut(found.start(), found.end()) {
                            break;
                        }
                    }
                }
            }
            if pieces >= MOST_CELLS {
                return TOO_LARGE;
            }
            out.push(cell.part(start, text.len()).named(name()));
            Verdict::Keep
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, one};

    fn split(rule: &str, cells: &[&str]) -> Vec<String> {
        one(&format!("{{ op = \"split\", {rule} }}"), cells)
    }

    #[test]
    fn pieces_take_the_cells_place() {
        assert_eq!(split("cells = 0, text = \"|\"", &["a||b|"]), ["a", "", "b", ""]);
        assert_eq!(split("cells = 1, text = \", \"", &["x", "a, b", "y"]), ["x", "a", "b", "y"]);
        assert_eq!(split("cells = 0, regex = ' +'", &["a  b c"]), ["a", "b", "c"]);
        assert_eq!(split("cells = 0, text = \"|\", limit = 2", &["a|b|c"]), ["a", "b|c"]);
        assert_eq!(split("cells = 0, regex = ''", &["aäb"]), ["a", "ä", "b"]);
        assert_eq!(split("cells = 9, text = \"|\"", &["a|b"]), ["a|b"]);
    }

    #[test]
    fn what_the_older_operator_did_otherwise() {
        assert_eq!(split("cells = 0, text = \"|\"", &["", "x"]), ["", "x"]);
        assert_eq!(split("cells = 0, regex = ','", &["a,b,,"]), ["a", "b", "", ""]);
        let cells = ["a b", "c d", "e"];
        assert_eq!(split("cells = [0, 1], text = \" \"", &cells), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn pieces_are_bounded() {
        let line = "{ op = \"split\", cells = 0, text = \",\" }";
        assert!(apply(line, &[&",".repeat(2 << 20)]).unwrap_err().contains("outgrown"));
    }
}
