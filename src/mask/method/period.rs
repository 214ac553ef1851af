//! The year, month, day, hour or minute that a moment is in. Uses `mask`, `ums`.

use std::sync::Arc;

use super::{Becomes, Method, Spec, Value, Wrong};
use crate::ums::Type;
use crate::ums::json::push_string;

pub(super) const SPEC: Spec = Spec {
    name: "period",
    form: "period:UNIT",
    meaning: "The first moment of the year, month, day, hour or minute.",
    takes: &[Type::Date, Type::Datetime],
    becomes: Becomes::Same,
    distinct: &[],
    keyed: false,
    examples: &[
        ("period:month", Type::Date, "1984-05-17", "\"1984-05-01\""),
        ("period:year", Type::Datetime, "1984-05-17 01:02:03.5", "\"1984-01-01 00:00:00.0\""),
        ("period:hour", Type::Datetime, "1984-05-17 01:02:03", "\"1984-05-17 01:00:00\""),
        ("period:day", Type::Date, "0000-00-00", "\"0000-00-00\""),
    ],
    parse: |parameter, _| {
        let unit = UNITS.iter().find(|(name, _)| *name == parameter);
        let (_, length) = unit.ok_or("UNIT is year, month, day, hour or minute")?;
        Ok(Arc::new(Period(*length)))
    },
};

/// How much of a moment's text a unit keeps.
const UNITS: &[(&str, usize)] =
    &[("year", 4), ("month", 7), ("day", 10), ("hour", 13), ("minute", 16)];

/// What stands behind it in the unit's first moment.
const FIRST: &str = "0000-01-01 00:00:00.000000";

#[derive(Debug)]
struct Period(usize);

impl Method for Period {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let text = value.text;
        let known =
            text.len() == 10 || text.len() == 19 || (21..=FIRST.len()).contains(&text.len());
        let digits = text.bytes().zip(FIRST.bytes()).all(|(byte, like)| match like {
            b'0' | b'1' => byte.is_ascii_digit(),
            like => byte == like,
        });
        if !known || !digits {
            return Err(Wrong);
        }
        let kept = self.0.min(text.len());
        let head = text.get(..kept).unwrap_or_default();
        push_string(out, &[head, FIRST.get(kept..text.len()).unwrap_or_default()].concat());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::masked;
    use super::*;

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in
            ["secret", "1984/05/17", "1984-05-1x", "1984-05-17 01:02", "1984-05-17 01:02:03."]
        {
            assert!(masked("period:year", Type::Datetime, text, "").is_err(), "{text}");
        }
        assert!((SPEC.parse)("week", None).is_err());
    }
}
