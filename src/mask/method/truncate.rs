//! The first characters of a text. Uses `mask`, `ums`.

use std::sync::Arc;

use super::{Becomes, Method, Spec, Value, Wrong};
use crate::ums::Type;
use crate::ums::json::push_string;

pub(super) const SPEC: Spec = Spec {
    name: "truncate",
    form: "truncate:N",
    meaning: "The first N characters; a shorter text stays as it is.",
    takes: &[Type::String],
    becomes: Becomes::Same,
    distinct: &[],
    keyed: false,
    examples: &[
        ("truncate:3", Type::String, "80331", "\"803\""),
        ("truncate:3", Type::String, "8", "\"8\""),
        ("truncate:1", Type::String, "\u{e9}a", "\"\u{e9}\""),
        ("truncate:0", Type::String, "Ann", "\"\""),
    ],
    parse: |parameter, _| {
        let characters = parameter.parse().map_err(|_| "N is a number of characters")?;
        Ok(Arc::new(Truncate(characters)))
    },
};

#[derive(Debug)]
struct Truncate(usize);

impl Method for Truncate {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let end = value.text.char_indices().nth(self.0).map_or(value.text.len(), |(at, _)| at);
        push_string(out, value.text.get(..end).unwrap_or_default());
        Ok(())
    }
}
