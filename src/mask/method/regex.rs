//! Replacement by a regular expression, as the older systems have it. Uses `mask`, `ums`, the crate
//! `regex`, whose time is in proportion to the text.
//!
//! The rules of replacing are those of Java's `matches` and `replaceAll`; classes such as `\d` are
//! ASCII, as there.

use std::sync::Arc;

use ::regex::{Captures, Regex, RegexBuilder};

use super::{Becomes, Method, Spec, Value, Wrong};
use crate::mask::lenient::members;
use crate::mask::older::neutral;
use crate::ums::Type;
use crate::ums::json::push_string;

/// Bytes that a compiled expression may take.
const BYTES: usize = 1 << 20;

pub(super) const SPEC: Spec = Spec {
    name: "regex",
    form: "regex:/REGEX/REPLACEMENT/",
    meaning: "A text that REGEX matches from its beginning to its end has every match replaced, with $1 \
              for the first group; any other text becomes what default makes of it, and an empty text \
              stays. Any character may stand in place of the slash. The older form \
              {regex:'REGEX',replacement:'REPLACEMENT'} is taken, too.",
    takes: &[
        Type::Int,
        Type::Long,
        Type::Float,
        Type::Double,
        Type::Decimal,
        Type::Boolean,
        Type::Date,
        Type::Datetime,
        Type::String,
    ],
    becomes: Becomes::Text,
    distinct: &[],
    keyed: false,
    examples: &[
        (
            r#"regex:{"regex":"(\\d{3})\\d{4}(\\d{4})","replacement":"$1****$2"}"#,
            Type::String,
            "13812345678",
            "\"138****5678\"",
        ),
        (r"regex:/(\d{3})\d{4}(\d{4})/$1****$2/", Type::String, "x13812345678", "\"*\""),
        (r"regex:/(.).*@(.*)/$1...@$2/", Type::String, "ann@example.com", "\"a...@example.com\""),
        (r"regex:/(\d)\d*/$1/", Type::Long, "12345", "\"1\""),
        (r"regex:/x/y/", Type::Long, "12345", "\"0\""),
        (r"regex:/x/y/", Type::String, "", "\"\""),
    ],
    parse: |parameter, _| {
        let (regex, replacement) =
            if parameter.starts_with('{') { older(parameter) } else { plain(parameter) }.ok_or(
                "it is regex:/REGEX/REPLACEMENT/, with another sign for / where one of them has it",
            )?;
        let regex = ascii(&regex);
        let build = |text: &str| {
            let built = RegexBuilder::new(text).size_limit(BYTES).build();
            // Its last line says what is wrong; the lines before it show the expression.
            let what = |error: ::regex::Error| {
                let text = error.to_string();
                format!("no regular expression: {}", text.lines().last().unwrap_or_default().trim())
            };
            built.map_err(what)
        };
        let (whole, regex) = (build(&format!(r"\A(?:{regex})\z"))?, build(&regex)?);
        let parts = replacing(&replacement, &regex)?;
        Ok(Arc::new(Replaced { whole, regex, parts }))
    },
};

fn older(parameter: &str) -> Option<(String, String)> {
    let (mut regex, mut replacement) = (None, None);
    for (name, value) in members(parameter).ok()? {
        match name.as_str() {
            "regex" => regex = Some(value),
            "replacement" => replacement = Some(value),
            _ => return None,
        }
    }
    Some((regex?, replacement?))
}

fn plain(parameter: &str) -> Option<(String, String)> {
    let sign = parameter.chars().next().filter(|sign| !sign.is_alphanumeric() && *sign != '\\')?;
    let mut parts = parameter.split(sign);
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(""), Some(regex), Some(replacement), Some(""), None) => {
            Some((regex.to_owned(), replacement.to_owned()))
        }
        _ => None,
    }
}

/// The expression with the classes of ASCII in place of those of Unicode.
fn ascii(regex: &str) -> String {
    let mut out = String::with_capacity(regex.len());
    let mut chars = regex.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str(r"[\t-\r\x20]"),
            Some('S') => out.push_str(r"[^\t-\r\x20]"),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// A part of a replacement.
#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

/// Reads a replacement: `$1`, `${name}`, and a backslash before what means itself. A number has as many
/// digits as there are groups for.
fn replacing(text: &str, regex: &Regex) -> Result<Vec<Part>, String> {
    let groups = regex.captures_len();
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let group = match c {
            '\\' => {
                plain.push(
                    chars.next().ok_or("nothing stands behind the last \\ of the replacement")?,
                );
                continue;
            }
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let found = regex.capture_names().position(|group| group == Some(name.as_str()));
                found.ok_or("the replacement names a group that is not there")?
            }
            '$' => {
                let mut digit = || chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10));
                let mut number =
                    digit().ok_or("$ without a group; write \\$ for the sign")? as usize;
                if number >= groups {
                    return Err("the replacement names a group that is not there".into());
                }
                while let Some(next) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = number.saturating_mul(10).saturating_add(next as usize);
                    if longer >= groups {
                        break;
                    }
                    number = longer;
                    chars.next();
                }
                number
            }
            c => {
                plain.push(c);
                continue;
            }
        };
        parts.push(Part::Text(std::mem::take(&mut plain)));
        parts.push(Part::Group(group));
    }
    parts.push(Part::Text(plain));
    Ok(parts)
}

#[derive(Debug)]
struct Replaced {
    whole: Regex,
    regex: Regex,
    parts: Vec<Part>,
}

impl Replaced {
    fn push(&self, captures: &Captures, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Group(group) => out.push_str(captures.get(*group).map_or("", |m| m.as_str())),
            }
        }
    }

    /// The text with every match replaced; an empty match behind another counts, as in Java.
    fn all(&self, text: &str) -> String {
        let mut out = String::new();
        let (mut copied, mut at) = (0, 0);
        while let Some(captures) = text.get(at..).and_then(|_| self.regex.captures_at(text, at)) {
            let Some(found) = captures.get(0) else { break };
            out.push_str(text.get(copied..found.start()).unwrap_or_default());
            self.push(&captures, &mut out);
            copied = found.end();
            at = copied;
            if found.is_empty() {
                let next = text.get(at..).and_then(|rest| rest.chars().next());
                at += next.map_or(1, char::len_utf8);
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        out
    }
}

impl Method for Replaced {
    fn write(&self, value: &Value, out: &mut Vec<u8>) -> Result<(), Wrong> {
        if value.text.is_empty() {
            out.extend_from_slice(b"\"\"");
        } else if self.whole.is_match(value.text) {
            push_string(out, &self.all(value.text));
        } else {
            push_string(out, neutral(value.ty).trim_matches('"'));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::masked;
    use super::*;

    fn replaced(parameter: &str, text: &str) -> String {
        let json = masked(&format!("regex:{parameter}"), Type::String, text, "").unwrap();
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn replacing_is_that_of_java() {
        for (parameter, text, expected) in [
            ("/.*/x/", "abc", "xx"),
            ("/a*/x/", "aaa", "xx"),
            ("/[ab]/x/", "ab", "*"),
            ("/[ab]+?/x/", "ab", "xx"),
            (r"/(a)(b)?/[$2$1]/", "a", "[a]"),
            (r"/(a)/$10/", "a", "a0"),
            (r"/(?<n>a)/${n}\$\\/", "a", r"a$\"),
            ("#a/b#c/d#", "a/b", "c/d"),
            (r"/[\d.]+/n/", "1.2", "n"),
            (r"/\d/n/", "\u{661}", "*"),
            (r"/(?s).*/é/", "x", "éé"),
            (r"/x*?/-/", "éx", "*"),
        ] {
            assert_eq!(replaced(parameter, text), expected, "{parameter} {text}");
        }
    }

    #[test]
    fn wrong_parameters() {
        for wrong in [
            "",
            "/a/",
            "/a/b",
            "/a/b/c/",
            "aba",
            "/(/x/",
            "/a/$1/",
            "/a/$/",
            "/a/\\/",
            "/a/${n}/",
            r"/(a)\1/x/",
            "/(?=a)a/x/",
            "{regex:'a'}",
        ] {
            assert!((SPEC.parse)(wrong, None).is_err(), "{wrong}");
        }
    }
}
