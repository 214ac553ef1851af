//! The operator csv: a line of CSV into named cells. Uses `rule`. Hot.

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{MOST_CELLS, Name, Row, Work};
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "csv",
    summary: "Puts the fields of a line of CSV (RFC 4180) in the place of a cell: a field in double quotes \
              may hold the separator, and \"\" for a quote.",
    keys: &[
        ("cell", "The cell. [0]"),
        ("names", "Names for the fields. A line with another number of fields does not match."),
        ("separator", "One character. [,]"),
    ],
    example: "{ op = \"csv\", names = [\"day\", \"shop\", \"amount\"] }",
    difference: "",
    compile,
};

struct Csv {
    scope: Scope,
    names: Vec<Name>,
    separator: char,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let separator = keys.text("separator")?.unwrap_or_else(|| ",".into());
    let mut letters = separator.chars();
    let (Some(separator), None) = (letters.next().filter(|c| *c != '"'), letters.next()) else {
        return Err(Fault::new(
            keys.place("separator"),
            "separator is one character, and no quote",
        ));
    };
    let names = context.names(keys, "names")?;
    Ok(Box::new(Csv { scope: context.one(keys)?, names, separator }))
}

impl Operator for Csv {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Self { scope, names, separator } = self;
        super::expand(scope, row, work, |cell, work, out| {
            let first = out.len();
            let length = work.plain(cell).len();
            let mut at = 0;
            loop {
                let rest = work.plain(cell.part(at, length));
                let (field, end) = match rest.strip_prefix('"') {
                    None => {
                        let end = rest.find(*separator).unwrap_or(rest.len());
                        (cell.part(at, at + end), at + end)
                    }
                    Some(inside) => {
                        let Some((to, doubled)) = closing(inside) else {
                            return Verdict::Drop("a quote of the CSV is not closed");
                        };
                        let part = cell.part(at + 1, at + 1 + to);
                        let field = if doubled {
                            let text = work.plain(part).replace("\"\"", "\"");
                            work.push(&text)
                        } else {
                            Some(part)
                        };
                        let Some(field) = field else { return TOO_LARGE };
                        (field, at + to + 2)
                    }
                };
                let name = names.get(out.len() - first).copied().unwrap_or(Name::NONE);
                out.push(field.named(name));
                if end >= length {
                    break;
                }
                let after = work.plain(cell.part(end, length));
                if !after.starts_with(*separator) {
                    return Verdict::Drop("something stands behind a closed quote of the CSV");
                }
                at = end + separator.len_utf8();
                if out.len() > MOST_CELLS {
                    return TOO_LARGE;
                }
            }
            match names.is_empty() || names.len() == out.len() - first {
                true => Verdict::Keep,
                false => Verdict::Drop("the CSV has another number of fields"),
            }
        })
    }
}

/// Where the quote closes, and whether doubled ones stand before it.
fn closing(inside: &str) -> Option<(usize, bool)> {
    let bytes = inside.as_bytes();
    let (mut at, mut doubled) = (0, false);
    loop {
        at += memchr::memchr(b'"', bytes.get(at..)?)?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some((at, doubled));
        }
        doubled = true;
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, one};

    #[test]
    fn fields() {
        let csv = |text: &str| one("{ op = \"csv\" }", &[text, "z"]);
        assert_eq!(csv("a,,\"b,\"\"c\"\"\",\"\""), ["a", "", "b,\"c\"", "", "z"]);
        assert_eq!(csv(""), ["", "z"]);
        assert_eq!(csv("a,"), ["a", "", "z"]);
        assert_eq!(csv("a \"b\",c"), ["a \"b\"", "c", "z"]);
        assert_eq!(one("{ op = \"csv\", separator = \"¦\" }", &["a¦\"b¦\"¦c"]), ["a", "b¦", "c"]);
        assert_eq!(csv("\"a\nb\",c"), ["a\nb", "c", "z"]);
    }

    #[test]
    fn what_is_no_csv_does_not_match() {
        for (rule, text) in [
            ("", "\"a"),
            ("", "\"a\"b,c"),
            (", names = [\"x\", \"y\"]", "1,2,3"),
            (", names = [\"x\", \"y\"]", "1"),
        ] {
            assert!(apply(&format!("{{ op = \"csv\"{rule} }}"), &[text]).is_err(), "{text}");
        }
    }
}
