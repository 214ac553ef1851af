//! The first and last characters, and a sign for each between. Uses `mask`, `ums`.

use std::sync::Arc;

use super::{Becomes, Method, Spec, Value, Wrong};
use crate::ums::Type;
use crate::ums::json::push_escaped;

pub(super) const SPEC: Spec = Spec {
    name: "keep",
    form: "keep:FIRST,LAST[,SIGN]",
    meaning: "The first FIRST and last LAST characters, and SIGN [*] for each of the others. A text of no \
              more than FIRST + LAST characters consists of signs alone.",
    takes: &[Type::Int, Type::Long, Type::Decimal, Type::String],
    becomes: Becomes::Text,
    distinct: &[],
    keyed: false,
    examples: &[
        ("keep:3,4", Type::String, "13812345678", "\"138****5678\""),
        ("keep:3,4", Type::String, "1381234", "\"*******\""),
        ("keep:0,2,#", Type::Long, "12345", "\"###45\""),
        ("keep:1,0", Type::String, "Émile", "\"É****\""),
    ],
    parse: |parameter, _| {
        let wrong = || "it is keep:FIRST,LAST or keep:FIRST,LAST,SIGN".to_owned();
        let mut parts = parameter.splitn(3, ',');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or_else(wrong);
        let (first, last) = (number()?, number()?);
        let sign = match parts.next().map(|part| (part.chars().next(), part.chars().count())) {
            None => '*',
            Some((Some(sign), 1)) => sign,
            Some(_) => return Err(wrong()),
        };
        let mut json = Vec::new();
        push_escaped(&mut json, sign.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(Arc::new(Keep { first, last, sign: json }))
    },
};

#[derive(Debug)]
struct Keep {
    first: u32,
    last: u32,
    /// As JSON.
    sign: Vec<u8>,
}

impl Method for Keep {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let (first, last) = (u64::from(self.first), u64::from(self.last));
        let length = value.text.chars().count() as u64;
        let shows = first + last < length;
        out.push(b'"');
        for (at, c) in (0u64..).zip(value.text.chars()) {
            if shows && (at < first || at >= length - last) {
                push_escaped(out, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.extend_from_slice(&self.sign);
            }
        }
        out.push(b'"');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::masked;
    use super::*;

    #[test]
    fn parameters() {
        for wrong in ["", "1", "1,", "-1,2", "1,2,", "1,2,**", "a,b", "1,2,*,*"] {
            assert!((SPEC.parse)(wrong, None).is_err(), "{wrong}");
        }
        assert_eq!(masked("keep:1,1,,", Type::String, "abc", "").unwrap(), "\"a,c\"");
        assert_eq!(
            masked("keep:4294967295,4294967295", Type::String, "abc", "").unwrap(),
            "\"***\""
        );
        assert_eq!(masked("keep:1,0,\"", Type::String, "\"b", "").unwrap(), "\"\\\"\\\"\"");
        assert_eq!(masked("keep:0,0", Type::String, "", "").unwrap(), "\"\"");
    }
}
