//! The operator keyValue: pairs such as user=bob. Uses `rule`. Hot.

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;

/// The row.
pub const SPEC: Spec = Spec {
    name: "keyValue",
    summary: "Appends a named cell for each key of a list from a text of pairs, a=1 b=\"x y\". A value in \
              double quotes may hold the separator, and \\\" and \\\\ in it; a key that is missing is NULL; of \
              one that is there twice the last counts.",
    keys: &[
        ("cell", "The cell. [0]"),
        ("keys", "The keys that become cells, in this order and under these names."),
        (
            "between",
            "What stands between pairs: one or more of these characters. [white space and ,]",
        ),
        ("equals", "What stands between key and value. [=]"),
    ],
    example: "{ op = \"keyValue\", cell = 0, keys = [\"user\", \"src\", \"bytes\"] }",
    difference: "",
    compile,
};

struct KeyValue {
    scope: Scope,
    keys: Vec<String>,
    names: Vec<Name>,
    between: String,
    equals: char,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let list = keys.need_texts("keys")?;
    let names = context.names(keys, "keys")?;
    let equals = keys.text("equals")?.unwrap_or_else(|| "=".into());
    let between = keys.text("between")?.unwrap_or_else(|| " \t\r\n,".into());
    let mut letters = equals.chars();
    let (Some(equals), None) = (letters.next(), letters.next()) else {
        return Err(Fault::new(keys.place("equals"), "equals is one character"));
    };
    if between.is_empty() || between.contains(equals) {
        return Err(Fault::new(
            keys.place("between"),
            "between needs characters other than equals",
        ));
    }
    Ok(Box::new(KeyValue { scope: context.one(keys)?, keys: list, names, between, equals }))
}

impl Operator for KeyValue {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Some(cell) = self.scope.one(row).and_then(|at| row.get(at)).copied() else {
            return Verdict::Drop("the cell is not there");
        };
        let first = row.len();
        row.extend(self.names.iter().map(|name| Cell::NULL.named(*name)));
        let length = work.plain(cell).len();
        let mut at = 0;
        while at < length {
            let rest = work.plain(cell.part(at, length));
            let skipped = rest.len() - rest.trim_start_matches(|c| self.between.contains(c)).len();
            if skipped > 0 {
                at += skipped;
                continue;
            }
            let end = rest.find(|c| c == self.equals || self.between.contains(c));
            let end = end.unwrap_or(rest.len());
            let (key, after) = rest.split_at(end);
            let wanted = self.keys.iter().position(|wanted| wanted == key);
            let Some(value) = after.strip_prefix(self.equals) else {
                at += end;
                continue;
            };
            let start = at + end + self.equals.len_utf8();
            let (from, to, next) = self.value(value, start);
            if let Some(slot) = wanted.and_then(|wanted| row.get_mut(first + wanted)) {
                let mut made = cell.part(from, to);
                if from > start && work.plain(made).contains('\\') {
                    let text = unescaped(work.plain(made));
                    match work.push(&text) {
                        Some(cell) => made = cell,
                        None => return super::TOO_LARGE,
                    }
                }
                *slot = made.named(slot.name);
            }
            at = next;
        }
        Verdict::Keep
    }
}

impl KeyValue {
    /// From, to, and where the next pair may begin.
    fn value(&self, text: &str, start: usize) -> (usize, usize, usize) {
        let quoted = text.strip_prefix('"').and_then(|inside| {
            let mut escaped = false;
            inside.bytes().position(|byte| {
                let ends = byte == b'"' && !escaped;
                escaped = byte == b'\\' && !escaped;
                ends
            })
        });
        match quoted {
            Some(length) => (start + 1, start + 1 + length, start + length + 2),
            None => {
                let end = text.find(|c| self.between.contains(c)).unwrap_or(text.len());
                (start, start + end, start + end)
            }
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next @ ('"' | '\\')) => out.push(next),
                Some(next) => out.extend(['\\', next]),
                None => out.push('\\'),
            },
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn pairs() {
        let line = "{ op = \"keyValue\", keys = [\"user\", \"b\", \"c\"] }";
        let pairs = |text: &str| one(line, &[text])[1..].to_vec();
        assert_eq!(
            pairs("x user=bob, b=\"a \\\"q\\\" \\\\ =\" c= rest"),
            ["bob", "a \"q\" \\ =", ""]
        );
        assert_eq!(pairs("user=1 user=2"), ["2", "NULL", "NULL"]);
        assert_eq!(pairs("b=\"open end"), ["NULL", "\"open", "NULL"]);
        assert_eq!(pairs("b=a=b"), ["NULL", "a=b", "NULL"]);
        assert_eq!(pairs("b=\"\"c=2"), ["NULL", "", "2"]);
        assert_eq!(pairs(""), ["NULL", "NULL", "NULL"]);
        let line = "{ op = \"keyValue\", keys = [\"a\"], between = \";\", equals = \":\" }";
        assert_eq!(one(line, &["z:1;a:x y;"])[1], "x y");
        assert_eq!(one(line, &["a:ü;ä:1"])[1], "ü");
    }
}
