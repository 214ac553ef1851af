//! The operator keyFilter: JSON records by the value of a key. Uses `rule`. Hot.

use super::condition::{CONTAINS, Condition, EQUALS, MATCHES, NOT};
use super::{Context, NO_JSON, Operator, Spec, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::json;
use crate::rule::read::{Keys, Placed};

/// The row.
pub const SPEC: Spec = Spec {
    name: "keyFilter",
    summary: "The first cell is a JSON object: keeps the row if the value of a key fits. The value is \
              taken as toIndex takes it; a key that is missing or null counts as an empty text. With \
              any = [ {...}, {...} ] one of several conditions must hold.",
    keys: &[
        ("key", "The key."),
        CONTAINS,
        EQUALS,
        MATCHES,
        NOT,
        ("any", "A list of conditions, each with the keys above, in their place."),
    ],
    example: "{ op = \"keyFilter\", key = \"type\", contains = \"access\" }",
    difference: "A missing key counts as an empty text for matches, too; there it was an error.",
    compile,
};

struct KeyFilter(Vec<(String, Condition)>);

fn compile(keys: &Keys, _: &mut Context) -> Placed<Box<dyn Operator>> {
    let mut all = Vec::new();
    if keys.has("any") {
        for one in keys.tables("any")? {
            all.push((one.need_text("key")?, Condition::read(&one)?));
            one.finish("a condition of keyFilter")?;
        }
        if all.is_empty() {
            return Err(keys.fault("any holds no condition"));
        }
        let beside = [keys.has("key"), keys.has("contains"), keys.has("equals")];
        if beside.contains(&true) || keys.has("matches") || keys.has("not") {
            return Err(keys.fault("any stands alone"));
        }
    } else {
        all.push((keys.need_text("key")?, Condition::read(keys)?));
    }
    Ok(Box::new(KeyFilter(all)))
}

impl Operator for KeyFilter {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let text = row.first().map_or("", |cell| work.plain(*cell));
        if !json::check(text) || json::members(text, |_, _| false).is_none() {
            return NO_JSON;
        }
        let fits = |(key, condition): &(String, Condition)| {
            let span = json::member(text, key);
            let value = span.and_then(|(from, to)| text.get(from..to)).and_then(json::shown);
            condition.holds(value.as_deref().unwrap_or_default())
        };
        match self.0.iter().any(fits) {
            true => Verdict::Keep,
            false => Verdict::Drop("the value of the key does not fit"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::apply;

    #[test]
    fn keys_decide() {
        let record = r#"{"type":"nginx-access","n":17,"o":{"k":[1]},"e":"","z":null}"#;
        for (rule, kept) in [
            ("key = \"type\", contains = \"access\"", true),
            ("key = \"type\", contains = \"error\"", false),
            ("key = \"type\", contains = \"error\", not = true", true),
            ("key = \"n\", matches = '^1\\d$'", true),
            ("key = \"n\", equals = \"1\"", false),
            ("key = \"o\", contains = '\"k\"'", true),
            ("key = \"nosuch\", contains = \"x\"", false),
            ("key = \"nosuch\", contains = \"x\", not = true", true),
            // The two where the older operator failed.
            ("key = \"nosuch\", matches = \"x\"", false),
            ("key = \"nosuch\", matches = \"x\", not = true", true),
            ("key = \"z\", equals = \"\"", true),
            ("any = [{ key = \"e\", equals = \"1\" }, { key = \"n\", equals = \"17\" }]", true),
            ("any = [{ key = \"e\", equals = \"1\" }, { key = \"n\", equals = \"18\" }]", false),
        ] {
            let line = format!("{{ op = \"keyFilter\", {rule} }}");
            assert_eq!(apply(&line, &[record]).is_ok(), kept, "{rule}");
        }
        let line = "{ op = \"keyFilter\", key = \"a\", contains = \"x\", not = true }";
        for broken in ["plain text", "[1]", "{\"a\":", ""] {
            assert!(apply(line, &[broken]).unwrap_err().contains("JSON"), "{broken}");
        }
    }
}
