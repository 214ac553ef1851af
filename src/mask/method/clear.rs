//! No mask: a column that is to travel as it is. Uses `mask`.
//!
//! A plan leaves such a column alone, so the method itself is there for its row in the table; should
//! anybody ask it to write, it writes NULL.

use std::sync::Arc;

use super::{ANY, Becomes, Method, Spec, Value, Wrong, nothing};

/// Its name: plans ask for it.
pub(in crate::mask) const NAME: &str = "clear";

pub(super) const SPEC: Spec = Spec {
    name: NAME,
    form: NAME,
    meaning: "As it is: an exception to a mask behind it, or what --mask-strict wants to hear.",
    takes: ANY,
    becomes: Becomes::Same,
    distinct: ANY,
    keyed: false,
    examples: &[],
    parse: |parameter, _| {
        nothing(parameter)?;
        Ok(Arc::new(Clear))
    },
};

#[derive(Debug)]
struct Clear;

impl Method for Clear {
    fn write(&self, _: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        out.extend_from_slice(b"null");
        Ok(())
    }
}
