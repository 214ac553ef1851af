//! JSON as spans of its text: members and elements are found, not built. Uses nothing of the
//! project. Warm: once an operator that reads JSON.
//!
//! `check` comes first; what walks the text afterwards may then trust it, and answers `None` where it
//! should not have.

use std::borrow::Cow;

use serde::de::IgnoredAny;

/// Whether the text is one JSON value. However deep it is nested: neither this nor what follows walks
/// into it by recursion.
pub(super) fn check(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// A span of the text: from, to.
pub(super) type Span = (usize, usize);

/// Calls `found` with the key, still escaped, and the value's span of each member of the object that
/// `text` is; stops when it answers false. `None` when the text is no object.
pub(super) fn members(text: &str, mut found: impl FnMut(&str, Span) -> bool) -> Option<()> {
    let bytes = text.as_bytes();
    let mut at = space(bytes, 0);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at = space(bytes, at + 1);
    while bytes.get(at) == Some(&b'"') {
        let end = string_end(bytes, at)?;
        let key = text.get(at + 1..end - 1)?;
        at = space(bytes, end);
        if bytes.get(at) != Some(&b':') {
            return None;
        }
        let start = space(bytes, at + 1);
        let end = value_end(bytes, start)?;
        if !found(key, (start, end)) {
            return Some(());
        }
        at = space(bytes, end);
        if bytes.get(at) == Some(&b',') {
            at = space(bytes, at + 1);
        }
    }
    Some(())
}

/// The same for the elements of an array.
pub(super) fn elements(text: &str, mut found: impl FnMut(Span)) -> Option<()> {
    let bytes = text.as_bytes();
    let mut at = space(bytes, 0);
    if bytes.get(at) != Some(&b'[') {
        return None;
    }
    at = space(bytes, at + 1);
    while bytes.get(at).is_some_and(|byte| *byte != b']') {
        let end = value_end(bytes, at)?;
        found((at, end));
        at = space(bytes, end);
        if bytes.get(at) == Some(&b',') {
            at = space(bytes, at + 1);
        }
    }
    Some(())
}

/// The value of a key of the object; the last one, where it is there twice.
pub(super) fn member(text: &str, wanted: &str) -> Option<Span> {
    let mut found = None;
    members(text, |key, span| {
        if key == wanted || (key.contains('\\') && unescape(key) == wanted) {
            found = Some(span);
        }
        true
    })?;
    found
}

/// What a cell shows of a value: a string's text, nothing for null, JSON for the rest.
pub(super) fn shown(value: &str) -> Option<Cow<'_, str>> {
    if value == "null" {
        return None;
    }
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) => Some(unescape(inside)),
        None => Some(Cow::Borrowed(value)),
    }
}

/// The text of a string's inside. A lone half of a surrogate pair becomes U+FFFD.
pub(super) fn unescape(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    if let Ok(text) = serde_json::from_str::<String>(&format!("\"{inside}\"")) {
        return Cow::Owned(text);
    }
    let bytes = serde_json::from_str::<LossyString>(&format!("\"{inside}\""));
    Cow::Owned(bytes.map_or_else(|_| inside.to_owned(), |text| text.0))
}

/// A string with lone surrogates, which `String` refuses and bytes allow.
struct LossyString(String);

impl<'de> serde::Deserialize<'de> for LossyString {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = LossyString;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<LossyString, E> {
                Ok(LossyString(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

fn space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// Behind the string that begins at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Behind the value that begins at `at`.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0usize, at);
            loop {
                match bytes.get(at)? {
                    b'"' => {
                        at = string_end(bytes, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
        }
        _ => {
            let rest = bytes.get(at..)?;
            let end = rest.iter().position(|byte| b",]} \t\r\n".contains(byte));
            Some(at + end.unwrap_or(rest.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<(String, &str)> {
        let mut all = Vec::new();
        members(text, |key, (from, to)| {
            all.push((key.to_owned(), &text[from..to]));
            true
        })
        .unwrap();
        all
    }

    #[test]
    fn members_are_spans_of_the_text() {
        let text = r#" { "a" : 1.0 , "b\"":"x,}\"" ,"c":{"d":[1, {"e":"]"}]},"e":null, "f":[ ] } "#;
        assert!(check(text));
        let expected = [
            ("a", "1.0"),
            ("b\\\"", r#""x,}\"""#),
            ("c", r#"{"d":[1, {"e":"]"}]}"#),
            ("e", "null"),
            ("f", "[ ]"),
        ];
        assert_eq!(list(text), expected.map(|(key, value)| (key.to_owned(), value)));
        assert_eq!(member(text, "b\"").map(|(from, to)| &text[from..to]), Some(r#""x,}\"""#));
        assert!(members("[1]", |_, _| true).is_none() && member("7", "a").is_none());
        let mut count = Vec::new();
        let array = r#"[1, "a,b", [2,3] , {}]"#;
        elements(array, |(from, to)| count.push(&array[from..to])).unwrap();
        assert_eq!(count, ["1", "\"a,b\"", "[2,3]", "{}"]);
    }

    #[test]
    fn strings_are_unescaped() {
        assert_eq!(shown(r#""a\u00e4\n""#).as_deref(), Some("aä\n"));
        assert_eq!(shown(r#""\ud800x""#).as_deref().map(|t| t.contains('x')), Some(true));
        assert_eq!(shown("null"), None);
        assert_eq!(shown("[1, 2]").as_deref(), Some("[1, 2]"));
        assert_eq!(shown("12345678901234567890.10").as_deref(), Some("12345678901234567890.10"));
    }

    #[test]
    fn broken_texts_are_refused_and_deep_ones_need_no_stack() {
        for wrong in ["", "{", "{\"a\":}", "{\"a\":1}x", "nul", "{'a':1}"] {
            assert!(!check(wrong), "{wrong}");
        }
        let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(check(&deep(5_000_000)) && !check(&"[".repeat(5_000_000)));
        let mut found = 0;
        elements(&deep(5_000_000), |(from, to)| found = to - from).unwrap();
        assert_eq!(found, 9_999_998);
    }
}
