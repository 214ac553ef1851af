//! NULL for every value. Uses `mask`.

use std::sync::Arc;

use super::{ANY, Becomes, Method, Spec, Value, Wrong, nothing};
use crate::ums::Type;

pub(super) const SPEC: Spec = Spec {
    name: "null",
    form: "null",
    meaning: "NULL, so that not even its presence shows. The field is then nullable.",
    takes: ANY,
    becomes: Becomes::Nullable,
    distinct: &[],
    keyed: false,
    examples: &[("null", Type::String, "Ann", "null")],
    parse: |parameter, _| {
        nothing(parameter)?;
        Ok(Arc::new(Null))
    },
};

#[derive(Debug)]
struct Null;

impl Method for Null {
    fn write(&self, _: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        out.extend_from_slice(b"null");
        Ok(())
    }
}
