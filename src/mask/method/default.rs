//! The value that says nothing. Uses `mask`.

use std::sync::Arc;

use super::{ANY, Becomes, Method, Spec, Value, Wrong, nothing};
use crate::mask::older::neutral;
use crate::ums::Type;

pub(super) const SPEC: Spec = Spec {
    name: "default",
    form: "default",
    meaning: "One value for all: * for string, 0 for numbers, false, 1970-01-01, 1970-01-01 08:00:01.000, \
              no bytes for binary.",
    takes: ANY,
    becomes: Becomes::Same,
    distinct: &[],
    keyed: false,
    examples: &[
        ("default", Type::String, "Ann", "\"*\""),
        ("default", Type::Long, "12345", "\"0\""),
        ("default", Type::Decimal, "12.50", "\"0\""),
        ("default", Type::Int, "7", "0"),
        ("default", Type::Double, "1.5", "0.0"),
        ("default", Type::Float, "1.5", "0.0"),
        ("default", Type::Boolean, "true", "false"),
        ("default", Type::Date, "2026-11-21", "\"1970-01-01\""),
        ("default", Type::Datetime, "2026-11-21 01:02:03", "\"1970-01-01 08:00:01.000\""),
        ("default", Type::Binary, "AAH/", "\"\""),
    ],
    parse: |parameter, _| {
        nothing(parameter)?;
        Ok(Arc::new(Default))
    },
};

#[derive(Debug)]
struct Default;

impl Method for Default {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        out.extend_from_slice(neutral(value.ty).as_bytes());
        Ok(())
    }
}
