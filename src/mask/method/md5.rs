//! MD5, as the older systems have it. Uses `mask`, the crate `md-5`.

use std::sync::Arc;

use ::md5::{Digest, Md5};

use super::{Becomes, Method, Spec, Value, Wrong};
use crate::mask::older::{Salt, push_digest};
use crate::ums::Type;

/// The types that digests are made of, here and in `murmur3`; dates become what `default` says.
pub(super) const TAKES: &[Type] = &[
    Type::Int,
    Type::Long,
    Type::Float,
    Type::Double,
    Type::Decimal,
    Type::Date,
    Type::Datetime,
    Type::String,
    Type::Binary,
];

/// The types whose digests are long enough not to meet.
pub(super) const DISTINCT: &[Type] = &[Type::Long, Type::String, Type::Binary];

pub(super) const SPEC: Spec = Spec {
    name: "md5",
    form: "md5[:SALT]",
    meaning: "The MD5 of the text and SALT behind it. 32 hexadecimal digits for string; for long the first \
              8 bytes as a number, lowest first, for int the first 4; for double and float these numbers \
              divided by 2, for decimal the first 8 bytes divided by 3; for date and datetime as default. \
              Without a secret salt, and where values are few, who has a list of them can find them.",
    takes: TAKES,
    becomes: Becomes::SameOrText,
    distinct: DISTINCT,
    keyed: false,
    examples: &[
        ("md5", Type::String, "first_cui1", "\"bb2a79aba0ee82075958002b06136677\""),
        ("md5:salt1", Type::String, "first_cui1", "\"5e9796848861af7661a89d4e80f8e3e5\""),
        (
            "md5:{type:'fixed',salt:'gggggggggg'}",
            Type::String,
            "last_cui2",
            "\"f3256641e959a92151c8100d8d8bacde\"",
        ),
        ("md5", Type::String, "", "\"d41d8cd98f00b204e9800998ecf8427e\""),
        ("md5", Type::Long, "12345", "\"7813898091363007618\""),
        ("md5", Type::Int, "7", "1608782991"),
        ("md5", Type::Double, "1.5", "2.7480074687874345e+18"),
        ("md5", Type::Float, "1.5", "959579200.0"),
        ("md5", Type::Decimal, "12.50", "\"1887024932311307520.0\""),
        ("md5", Type::Date, "2026-11-21", "\"1970-01-01\""),
    ],
    parse: |parameter, _| Ok(Arc::new(Md5Digest(Salt::parse(parameter)?))),
};

#[derive(Debug)]
struct Md5Digest(Salt);

impl Method for Md5Digest {
    fn column(&self) -> Option<&str> {
        self.0.column()
    }

    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        let mut digest = Md5::new();
        self.0.feed(value, |bytes| digest.update(bytes))?;
        push_digest(value.ty, &digest.finalize().into(), out);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::masked;
    use super::*;

    #[test]
    fn the_salt_of_a_field() {
        let salted =
            masked("md5:{\"type\":\"field\",\"salt\":\"c\"}", Type::String, "first_cui1", "SALT");
        assert_eq!(salted.unwrap(), "\"c5e155293f6476a69febc7ea55800e23\"");
    }
}
