//! The operator trim: characters off the ends of cells. Uses `rule`. Hot.

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "trim",
    summary: "Takes characters of a set off the ends of cells, or out of them everywhere.",
    keys: &[
        ("cells", "The cells. [all]"),
        ("side", "\"both\", \"left\", \"right\" or \"all\". [both]"),
        ("chars", "The set of characters; an empty one changes nothing. [white space]"),
    ],
    example: "{ op = \"trim\", cells = \"1:\", chars = ' \"' }",
    difference: "",
    compile,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Left,
    Right,
    All,
}

struct Trim {
    scope: Scope,
    side: Side,
    chars: String,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let side = match keys.choice("side", &["both", "left", "right", "all"])? {
        Some(1) => Side::Left,
        Some(2) => Side::Right,
        Some(3) => Side::All,
        _ => Side::Both,
    };
    let chars = keys.text("chars")?.unwrap_or_else(|| " \t\r\n\u{b}\u{c}".into());
    Ok(Box::new(Trim { scope: context.scope_or_all(keys)?, side, chars }))
}

impl Operator for Trim {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let inside = |c: char| self.chars.contains(c);
        if self.side == Side::All {
            return super::rewrite(&self.scope, row, work, |text, draft| {
                draft.extend(text.chars().filter(|c| !inside(*c)));
            });
        }
        let mut picked = std::mem::take(&mut work.picked);
        self.scope.pick(row, &mut picked);
        for at in &picked {
            let Some(cell) = row.get_mut(*at).filter(|cell| !cell.is_null()) else { continue };
            let text = work.plain(*cell);
            let mut kept = text;
            if self.side != Side::Right {
                kept = kept.trim_start_matches(inside);
            }
            let start = text.len() - kept.len();
            if self.side != Side::Left {
                kept = kept.trim_end_matches(inside);
            }
            *cell = cell.part(start, start + kept.len()).named(cell.name);
            if cell.is_null() {
                return TOO_LARGE;
            }
        }
        work.picked = picked;
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn sides() {
        let trim = |rule: &str, cells: &[&str]| one(&format!("{{ op = \"trim\", {rule} }}"), cells);
        let cells = ["--a-b-", "-"];
        assert_eq!(trim("chars = \"-\"", &cells), ["a-b", ""]);
        assert_eq!(trim("chars = \"-\", side = \"left\"", &cells), ["a-b-", ""]);
        assert_eq!(trim("chars = \"-\", side = \"right\"", &cells), ["--a-b", ""]);
        assert_eq!(trim("chars = \"-a\", side = \"all\"", &cells), ["b", ""]);
        assert_eq!(trim("chars = \"\"", &cells), cells);
        assert_eq!(trim("cells = 1, chars = \"-\"", &cells), ["--a-b-", ""]);
        assert_eq!(trim("chars = \" ä\"", &["ä x ä"]), ["x"]);
        assert_eq!(trim("cells = [0, 0], side = \"all\", chars = \"x\"", &["xax"]), ["a"]);
    }
}
