//! The operator excludeField: a JSON object without some keys. Uses `rule`. Hot.

use super::{Context, NO_JSON, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::json;
use crate::rule::read::{Keys, Placed};

/// What the older system left out, always.
const USUAL: [&str; 6] = ["path", "@timestamp", "@version", "host", "message", "type"];

/// The row.
pub const SPEC: Spec = Spec {
    name: "excludeField",
    summary: "The first cell is a JSON object: the row becomes one cell, that object without some keys, \
              the others in their order and spelling.",
    keys: &[(
        "keys",
        "The keys that are left out. [path, @timestamp, @version, host, message, type]",
    )],
    example: "{ op = \"excludeField\", keys = [\"@version\", \"tags\"] }",
    difference: "The keys can be said; there they were always those six.",
    compile,
};

struct ExcludeField(Vec<String>);

fn compile(keys: &Keys, _: &mut Context) -> Placed<Box<dyn Operator>> {
    let list = keys.texts("keys")?;
    let list = list.unwrap_or_else(|| USUAL.map(ToOwned::to_owned).into());
    Ok(Box::new(ExcludeField(list)))
}

impl Operator for ExcludeField {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let text = row.first().map_or("", |cell| work.plain(*cell));
        if !json::check(text) {
            return NO_JSON;
        }
        let mut draft = String::from("{");
        let walked = json::members(text, |key, (from, to)| {
            if !self.0.iter().any(|out| out == key || *out == json::unescape(key)) {
                let value = text.get(from..to).unwrap_or_default();
                let comma = if draft.len() > 1 { "," } else { "" };
                for part in [comma, "\"", key, "\":", value] {
                    draft.push_str(part);
                }
            }
            true
        });
        draft.push('}');
        if walked.is_none() {
            return NO_JSON;
        }
        let Some(made) = work.push(&draft) else { return TOO_LARGE };
        row.clear();
        row.push(made);
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, one};

    #[test]
    fn keys_are_left_out() {
        let record = r#"{"z":1.0, "path":"/x","a\"b":{"path":1},"host":"h","message":"m"}"#;
        let line = "{ op = \"excludeField\" }";
        assert_eq!(one(line, &[record, "x"]), [r#"{"z":1.0,"a\"b":{"path":1}}"#]);
        let line =
            "{ op = \"excludeField\", keys = ['a\"b', \"z\", \"path\", \"host\", \"message\"] }";
        assert_eq!(one(line, &[record]), ["{}"]);
        assert!(apply(line, &["[]"]).is_err() && apply(line, &["x"]).is_err());
    }
}
