//! The operator grok: the parts of a text as named cells. Uses `rule`. Hot.

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::pattern::Parts;
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "grok",
    summary: "Appends a named cell for every named part of an expression: %{PATTERN:name} takes a \
              pattern of the library, %{PATTERN} one without a name, (?<name>...) any expression. The cell \
              itself stays. Without a match the group of rules does not match.",
    keys: &[
        ("cell", "The cell. [0]"),
        ("pattern", "The expression, or a list, of which the first that matches counts."),
    ],
    example: "{ op = \"grok\", pattern = '^%{IP:client} %{NOTSPACE:user} (?<rest>.*)$' }",
    difference: "",
    compile,
};

struct Grok {
    scope: Scope,
    /// Each with the place of every name's group among its groups.
    patterns: Vec<Compiled>,
    names: Vec<Name>,
}

struct Compiled {
    parts: Parts,
    groups: Vec<Option<usize>>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let texts = keys.need_texts("pattern")?;
    let fault = |text: String| Fault::new(keys.place("pattern"), text);
    let mut built = Vec::new();
    let mut names: Vec<Name> = Vec::new();
    for text in &texts {
        let (parts, labels) = context.library.compile(text).map_err(fault)?;
        let mut groups = Vec::new();
        for (group, label) in labels {
            let name = context.name(keys, "pattern", &label)?;
            let at = names.iter().position(|known| *known == name).unwrap_or(names.len());
            if at == names.len() {
                names.push(name);
            }
            groups.push((at, group));
        }
        built.push((parts, groups));
    }
    if names.is_empty() {
        return Err(fault("no part of the pattern has a name; filter tests without names".into()));
    }
    let patterns = built
        .into_iter()
        .map(|(parts, found)| {
            let mut groups = vec![None; names.len()];
            for (at, group) in found {
                if let Some(slot) = groups.get_mut(at) {
                    *slot = Some(group);
                }
            }
            Compiled { parts, groups }
        })
        .collect();
    Ok(Box::new(Grok { scope: context.one(keys)?, patterns, names }))
}

impl Operator for Grok {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Some(cell) = self.scope.one(row).and_then(|at| row.get(at)).copied() else {
            return Verdict::Drop("the cell is not there");
        };
        let Some(text) = work.text(cell) else { return Verdict::Drop("the cell is NULL") };
        for Compiled { parts, groups } in &mut self.patterns {
            if !parts.find(text) {
                continue;
            }
            row.extend(groups.iter().zip(&self.names).map(|(group, name)| {
                let span = group.and_then(|group| parts.group(group));
                span.map_or(Cell::NULL, |(from, to)| cell.part(from, to)).named(*name)
            }));
            return Verdict::Keep;
        }
        Verdict::Drop("the pattern does not match")
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, compile, one};
    use crate::rule::file::Format;

    #[test]
    fn parts_are_appended() {
        let line = "{ op = \"grok\", pattern = '^%{IP:client} %{NUMBER} (?<rest>.*)$' }";
        assert_eq!(one(line, &["10.0.0.1 17 a b"]), ["10.0.0.1 17 a b", "10.0.0.1", "a b"]);
        assert!(apply(line, &["host 17 a"]).is_err());
        let several = "{ op = \"grok\", pattern = ['^a(?<x>.)$', '^b(?<y>.)$'] }";
        assert_eq!(one(several, &["b7"]), ["b7", "NULL", "7"]);
        let optional = "{ op = \"grok\", pattern = '^(?<x>a)?b' }";
        assert_eq!(one(optional, &["b"]), ["b", "NULL"]);
    }

    #[test]
    fn mistakes_are_said() {
        for (pattern, word) in [("%{NOSUCH:x}", "NOSUCH"), ("x", "name"), ("%{IP:9x}", "9x")] {
            let line = format!("{{ op = \"grok\", pattern = '{pattern}' }}");
            let error = compile(&line, Format::Text).err().unwrap();
            assert!(error.text.contains(word), "{}", error.text);
        }
    }
}
