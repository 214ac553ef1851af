//! The seven-part namespace and its patterns. Uses `error`. Not hot.

use std::fmt;

use crate::error::{Error, Result};

/// What the parts are, for messages to people.
const SHAPE: &str = "type.source.schema.table.version.dbshard.tableshard";

/// `type.source.schema.table.version.dbshard.tableshard`, parts held decoded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// The seven parts, `%2E` and `%25` decoded.
    pub parts: [String; 7],
}

impl Namespace {
    /// Reads the written form: exactly seven parts, none of them empty.
    pub fn parse(text: &str) -> Result<Self> {
        let parts = decode_parts(text).map_err(|error| error.at(format!("namespace '{text}'")))?;
        let count = parts.len();
        let parts = <[String; 7]>::try_from(parts).map_err(|_| {
            Error::data(format!(
                "namespace '{text}': {count} parts instead of 7 ({SHAPE}); \
                 write a dot inside a part as %2E"
            ))
        })?;
        Ok(Self { parts })
    }

    /// The first four parts as written: the source table, which a target table belongs to. Version
    /// and shards change without making it another table.
    pub fn source(&self) -> String {
        let written = self.to_string();
        written.splitn(5, '.').take(4).collect::<Vec<_>>().join(".")
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(&self.parts, f)
    }
}

/// Parts with dots between them, and their own dots encoded.
fn write_parts(parts: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(".")?;
        }
        let mut rest = part.as_str();
        while let Some(at) = rest.find(['.', '%']) {
            let (clean, tail) = rest.split_at(at);
            f.write_str(clean)?;
            f.write_str(if tail.starts_with('.') { "%2E" } else { "%25" })?;
            rest = tail.get(1..).unwrap_or_default();
        }
        f.write_str(rest)?;
    }
    Ok(())
}

/// A pattern over namespaces: `*` for a whole part or inside one; missing parts mean `*`.
#[derive(Debug, Clone)]
pub struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    /// Reads a pattern of one to seven parts, with `%2E` and `%25` as in a namespace.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::usage(format!("pattern '{text}': {what}"));
        let parts = decode_parts(text).map_err(|error| wrong(error.to_string()))?;
        if parts.len() > 7 {
            return Err(wrong(format!(
                "{} parts, a namespace has 7 ({SHAPE}); write a dot inside a part as %2E",
                parts.len()
            )));
        }
        Ok(Self { parts })
    }

    /// The parts that do not match, each with what stands there in the namespace.
    pub fn unlike<'n>(&'n self, namespace: &'n Namespace) -> Vec<(&'n str, &'n str)> {
        let parts = self.parts.iter().zip(&namespace.parts);
        let parts = parts.map(|(pattern, part)| (pattern.as_str(), part.as_str()));
        parts.filter(|(pattern, part)| !glob(pattern, part)).collect()
    }

    /// Whether the namespace matches, part by part, upper and lower case apart.
    pub fn matches(&self, namespace: &Namespace) -> bool {
        self.parts.iter().zip(&namespace.parts).all(|(pattern, part)| glob(pattern, part))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_parts(&self.parts, f)
    }
}

/// Splits at the dots and decodes the parts.
fn decode_parts(text: &str) -> Result<Vec<String>> {
    text.split('.').enumerate().map(|(index, part)| decode_part(index, part)).collect()
}

/// Decodes `%2E` and `%25`, in any case; nothing else is ever written with a percent sign.
fn decode_part(index: usize, part: &str) -> Result<String> {
    let number = index + 1;
    if part.is_empty() {
        return Err(Error::data(format!("part {number} is empty; {SHAPE}")));
    }
    let mut pieces = part.split('%');
    let mut decoded = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (character, rest) = match piece.as_bytes() {
            [b'2', b'E' | b'e', ..] => ('.', piece.get(2..)),
            [b'2', b'5', ..] => ('%', piece.get(2..)),
            _ => {
                return Err(Error::data(format!(
                    "part {number} has a % that is neither %2E nor %25; write a percent sign as %25"
                )));
            }
        };
        decoded.push(character);
        decoded.push_str(rest.unwrap_or_default());
    }
    Ok(decoded)
}

/// Whether `text` matches `pattern`, where `*` stands for any run of characters.
///
/// Only the last `*` met is ever tried again, so the time is at most the product of the lengths.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star, and how far that star reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
            }
            Some(byte) if text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            _ => match star.as_mut() {
                Some((after, reach)) => {
                    *reach += 1;
                    (p, t) = (*after, *reach);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_decoded_and_encoded() {
        let namespace = Namespace::parse("mysql.db1.my%2eshop.50%25off.0.0.0").unwrap();
        assert_eq!(namespace.parts[2], "my.shop");
        assert_eq!(namespace.parts[3], "50%off");
        assert_eq!(namespace.to_string(), "mysql.db1.my%2Eshop.50%25off.0.0.0");
        let literal = Namespace::parse("a.b.c.%252E.0.0.0").unwrap();
        assert_eq!(literal.parts[3], "%2E");
        assert_eq!(literal.to_string(), "a.b.c.%252E.0.0.0");
    }

    #[test]
    fn wrong_namespaces_say_why() {
        for (text, why) in [
            ("a.b.c.d.0.0", "6 parts"),
            ("a.b.c.d.e.0.0.0", "8 parts"),
            ("", "part 1 is empty"),
            ("a.b..d.0.0.0", "part 3 is empty"),
            ("a.b.c%.d.0.0.0", "part 3"),
            ("a.b.c%2.d.0.0.0", "part 3"),
            ("a.b.c%2Fx.d.0.0.0", "%25"),
            ("a.b.%é.d.0.0.0", "part 3"),
        ] {
            let error = Namespace::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn patterns_go_part_by_part() {
        let namespace = Namespace::parse("mysql.db1.shop.orders_17.0.1.17").unwrap();
        for yes in
            ["*", "mysql", "mysql.db1.shop.orders_*", "*.*.*.*.*.*.*", "mysql.*.sh*p.*_1*7.0"]
        {
            assert!(Pattern::parse(yes).unwrap().matches(&namespace), "{yes}");
        }
        for no in ["my", "mysql.db", "mysql.db1.shop.orders", "*.*.*.*.1", "mysql*orders_17"] {
            assert!(!Pattern::parse(no).unwrap().matches(&namespace), "{no}");
        }
        let dotted = Namespace::parse("mysql.db1.a%2Eb.t.0.0.0").unwrap();
        assert!(Pattern::parse("*.*.a%2Eb").unwrap().matches(&dotted));
        assert!(Pattern::parse("1.2.3.4.5.6.7.8").is_err());
        assert!(Pattern::parse("").is_err());
    }

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("", "a", false),
            ("a*b*c", "axxbxxbc", true),
            ("a*b*c", "axxbxxb", false),
            ("*ab", "aab", true),
            ("**", "x", true),
            ("é*", "équipe", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
        let many = "a*".repeat(2000) + "b";
        assert!(!glob(&many, &"a".repeat(20_000)));
    }
}
