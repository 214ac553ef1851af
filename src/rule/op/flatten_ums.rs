//! The operator flattenUms: of UMS input, the rows of some tables. Uses `rule`. Hot.

use super::{Context, NO_JSON, Operator, Spec, Verdict};
use crate::rule::cells::{Row, Work};
use crate::rule::file::Format;
use crate::rule::json;
use crate::rule::read::{Keys, Placed};

/// The row.
pub const SPEC: Spec = Spec {
    name: "flattenUms",
    summary: "With format = \"ums\", where each row of a message has become a flat JSON object with \
              the key namespace: keeps the rows whose namespace contains a text.",
    keys: &[("contains", "The text.")],
    example: "{ op = \"flattenUms\", contains = \".shop.orders.\" }",
    difference: "",
    compile,
};

struct FlattenUms(String);

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let contains = keys.need_text("contains")?;
    match context.format {
        Format::Ums => Ok(Box::new(FlattenUms(contains))),
        _ => Err(keys.fault("flattenUms is for format = \"ums\"")),
    }
}

impl Operator for FlattenUms {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let text = row.first().map_or("", |cell| work.plain(*cell));
        let Some((from, to)) = json::member(text, "namespace") else { return NO_JSON };
        let namespace = text.get(from..to).and_then(json::shown).unwrap_or_default();
        match namespace.contains(&self.0) {
            true => Verdict::Keep,
            false => Verdict::Drop("the namespace is another one"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::compile;
    use super::*;

    #[test]
    fn rows_of_a_namespace_are_kept() {
        let mut operator =
            compile("{ op = \"flattenUms\", contains = \".orders.\" }", Format::Ums).unwrap();
        let mut work = Work::default();
        let mut verdict = |text: &str| operator.apply(&mut vec![work.begin(text)], &mut work);
        assert_eq!(verdict(r#"{"id":1,"namespace":"mysql.db.shop.orders.0.0.0"}"#), Verdict::Keep);
        let other = verdict(r#"{"namespace":"mysql.db.shop.items.0.0.0"}"#);
        assert!(matches!(other, Verdict::Drop(_)));
        assert_eq!(verdict("[]"), NO_JSON);
        assert!(compile("{ op = \"flattenUms\", contains = \"x\" }", Format::Json).is_err());
    }
}
