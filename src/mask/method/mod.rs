//! The methods: the table, and what a method is. Uses `mask`, `ums`. Once a masked cell.
//!
//! A method is one small file and one row of `ALL`. What types it takes and what it makes of a field
//! are data of its row, so that plans, manual and tests say the same.

pub(super) mod clear;
mod default;
mod digits;
mod hmac;
mod keep;
mod md5;
mod murmur3;
mod null;
mod period;
mod regex;
mod replace;
mod truncate;

use std::sync::Arc;

use super::key::Key;
use crate::ums::Type;

/// Every method, in the order of the manual.
pub const ALL: &[&Spec] = &[
    &default::SPEC,
    &replace::SPEC,
    &md5::SPEC,
    &murmur3::SPEC,
    &regex::SPEC,
    &hmac::SPEC,
    &digits::SPEC,
    &keep::SPEC,
    &truncate::SPEC,
    &period::SPEC,
    &null::SPEC,
    &clear::SPEC,
];

/// Every type, for methods that take any.
const ANY: &[Type] = &[
    Type::Int,
    Type::Long,
    Type::Float,
    Type::Double,
    Type::Decimal,
    Type::Boolean,
    Type::Date,
    Type::Datetime,
    Type::String,
    Type::Binary,
];

/// The type of a masked field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Becomes {
    /// Its own.
    Same,
    /// Its own, and string for binary.
    SameOrText,
    /// string.
    Text,
    /// Its own, and NULL may occur.
    Nullable,
}

/// A method with its parameter, or what is wrong with that; never the parameter itself.
pub type Parsed = Result<Arc<dyn Method>, String>;

/// A method as a row of data.
#[derive(Debug)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// How it is written, with its parameter.
    pub form: &'static str,
    /// What it does, for the manual.
    pub meaning: &'static str,
    /// The types of fields that it takes.
    pub takes: &'static [Type],
    /// What those become.
    pub becomes: Becomes,
    /// The types whose different values stay different, so that it is good for keys.
    pub distinct: &'static [Type],
    /// Whether it needs a key.
    pub keyed: bool,
    /// Cells before and after: method, type, text, JSON. For the manual, and tested.
    pub examples: &'static [(&'static str, Type, &'static str, &'static str)],
    /// Reads the parameter; the key is there where one is needed.
    pub parse: fn(&str, Option<&Key>) -> Parsed,
}

/// The cell is not of its field's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong;

/// A cell that is not NULL.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    /// Its field's type.
    pub ty: Type,
    /// Its text, as in a message.
    pub text: &'a str,
    /// The text of the column that the method names; empty for NULL.
    pub salt: &'a str,
}

/// A method with its parameter.
pub trait Method: std::fmt::Debug + Send + Sync {
    /// A column whose value is needed too.
    fn column(&self) -> Option<&str> {
        None
    }

    /// Appends the masked cell as JSON; nothing of what was appended counts after an error.
    ///
    /// # Errors
    /// A text that is none of the type, where the method looks into it.
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong>;
}

impl Spec {
    /// The method of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|spec| spec.name == name).copied()
    }

    /// The type that a field of this type becomes; `None` where the method does not take it.
    pub fn result(&self, ty: Type) -> Option<Type> {
        self.takes.contains(&ty).then_some(match self.becomes {
            Becomes::Text => Type::String,
            Becomes::SameOrText if ty == Type::Binary => Type::String,
            _ => ty,
        })
    }
}

/// For methods without a parameter.
fn nothing(parameter: &str) -> Result<(), String> {
    match parameter {
        "" => Ok(()),
        _ => Err("it has no parameter".into()),
    }
}

fn needed(key: Option<&Key>) -> Result<&Key, String> {
    key.ok_or_else(|| "it needs a key; name its file with --mask-key-file".into())
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A masked cell's JSON.
    pub fn masked(text: &str, ty: Type, value: &str, salt: &str) -> Result<String, String> {
        let (name, parameter) = text.split_once(':').unwrap_or((text, ""));
        let key = Key::new(b"0123456789abcdef0123456789abcdef").unwrap();
        let method = (Spec::find(name).unwrap().parse)(parameter, Some(&key))?;
        let mut out = Vec::new();
        let wrong = |_| "wrong".to_owned();
        method.write(&Value { ty, text: value, salt }, &mut out).map_err(wrong)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn examples_are_what_comes_out() {
        for spec in ALL {
            assert_eq!(spec.examples.is_empty(), spec.name == clear::NAME, "{}", spec.name);
            for (method, ty, value, expected) in spec.examples {
                assert!(method.starts_with(spec.name), "{method}");
                assert_eq!(masked(method, *ty, value, "").as_deref(), Ok(*expected), "{method}");
            }
            assert!(spec.distinct.iter().all(|ty| spec.takes.contains(ty)), "{}", spec.name);
        }
    }

    #[test]
    fn keyed_methods_need_a_key() {
        for spec in ALL {
            let example = spec.examples.first().map_or("", |example| example.0);
            let (_, parameter) = example.split_once(':').unwrap_or_default();
            assert_eq!((spec.parse)(parameter, None).is_err(), spec.keyed, "{}", spec.name);
        }
    }
}
