//! HOT where a condition looks into JSON. Values inside a JSON text, found by walking over its bytes:
//! nothing is built, numbers stay as they are written. Uses `error`.

use std::borrow::Cow;

use super::value::Value;
use crate::error::{Error, Result};

/// How deep arrays and objects may nest.
const DEEPEST: usize = 128;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Into an object.
    Key(String),
    /// Into an array, from 0.
    Index(usize),
}

/// Reads a path: `$`, then `.key`, `."key"` and `[n]`.
pub(super) fn path(text: &str) -> Option<Vec<Step>> {
    let mut rest = text.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix(".\"") {
            let (key, after) = quoted.split_once('"')?;
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else if let Some(plain) = rest.strip_prefix('.') {
            let end = plain.find(['.', '[']).unwrap_or(plain.len());
            let (key, after) = plain.split_at_checked(end)?;
            if key.is_empty() || key.contains(['*', '"', ' ']) {
                return None;
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        } else {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = after;
        }
    }
    Some(steps)
}

/// The value there, as JSON as it is written or, `as_text`, a string's text and NULL for null. NULL
/// when nothing is there.
///
/// # Errors
/// `Data` when the text is no JSON.
pub(super) fn at<'a>(text: &str, steps: &[Step], as_text: bool) -> Result<Value<'a>> {
    if !is_valid(text) {
        return Err(Error::data("a text that is no JSON").advise("json_valid tells"));
    }
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    for step in steps {
        if scan.enter(step).is_none() {
            return Ok(Value::Null);
        }
    }
    scan.space();
    let from = scan.at;
    let found = scan.value(0).and_then(|()| text.get(from..scan.at));
    Ok(match found {
        None => Value::Null,
        Some("null") if as_text => Value::Null,
        Some(found) if as_text && found.starts_with('"') => {
            serde_json::from_str(found).map_or(Value::Null, |text: String| Value::Text(text.into()))
        }
        Some(found) => Value::Text(Cow::Owned(found.to_owned())),
    })
}

/// Whether a text is JSON.
pub(super) fn is_valid(text: &str) -> bool {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    let whole = scan.value(0).is_some();
    scan.space();
    whole && scan.at == scan.bytes.len()
}

/// The name of a JSON value's type, and how many elements it has: an array's, an object's, else 1.
/// The text is JSON.
pub(super) fn kind(text: &str) -> (&'static str, usize) {
    let mut scan = Scan { bytes: text.as_bytes(), at: 0 };
    scan.space();
    let name = match scan.peek() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    };
    let mut count = 0;
    match name {
        "object" => scan.members(0, |_, _| count += 1),
        "array" => scan.elements(0, |_, _| count += 1),
        _ => {
            count = 1;
            None
        }
    };
    (name, count)
}

#[derive(Clone, Copy)]
struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Scan<'t> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes white space and then this byte.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Walks over a value.
    fn value(&mut self, depth: usize) -> Option<()> {
        self.space();
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'{' => self.members(depth, |_, _| {}),
            b'[' => self.elements(depth, |_, _| {}),
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.bytes.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }

    fn digits(&mut self) -> Option<()> {
        let from = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > from).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => {
                    self.at += 1;
                    match self.peek()? {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
                        b'u' => {
                            let digits = self.bytes.get(self.at + 1..self.at + 5)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            self.at += 5;
                        }
                        _ => return None,
                    }
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
    }

    /// Walks over an object; says for each member its key as written and where its value starts.
    fn members(&mut self, depth: usize, mut say: impl FnMut(&'t [u8], usize)) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            self.space();
            let from = self.at;
            if self.peek()? != b'"' {
                return None;
            }
            self.string()?;
            let key = self.bytes.get(from..self.at)?;
            self.take(b':')?;
            say(key, self.at);
            self.value(depth + 1)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// Walks over an array; says for each element its number and where it starts.
    fn elements(&mut self, depth: usize, mut say: impl FnMut(usize, usize)) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        for index in 0.. {
            say(index, self.at);
            self.value(depth + 1)?;
            if self.take(b',').is_none() {
                break;
            }
        }
        self.take(b']')
    }

    /// Goes to the value that a step leads to; of equal keys the first.
    fn enter(&mut self, step: &Step) -> Option<()> {
        let mut found = None;
        match step {
            Step::Key(wanted) => self.members(0, |key, place| {
                let plain = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
                let same = match plain.contains(&b'\\') {
                    false => plain == wanted.as_bytes(),
                    true => serde_json::from_slice::<String>(key).is_ok_and(|key| key == *wanted),
                };
                if same && found.is_none() {
                    found = Some(place);
                }
            })?,
            Step::Index(wanted) => self.elements(0, |index, place| {
                if index == *wanted {
                    found = Some(place);
                }
            })?,
        }
        self.at = found?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, steps: &str, as_text: bool) -> Option<String> {
        match at(text, &path(steps).unwrap(), as_text).unwrap() {
            Value::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    #[test]
    fn values_at_paths() {
        const TEXT: &str =
            r#" {"a": {"b.c": [1, 2.50, "x\u00e9\n"]}, "\u0061b":null, "a": 7, "e":[] } "#;
        for (steps, json, text) in [
            ("$.a.\"b.c\"[1]", Some("2.50"), Some("2.50")),
            ("$.a.\"b.c\"[2]", Some(r#""x\u00e9\n""#), Some("xé\n")),
            ("$.a.\"b.c\"[3]", None, None),
            ("$.a.b", None, None),
            ("$.ab", Some("null"), None),
            ("$.e", Some("[]"), Some("[]")),
            ("$.a[0]", None, None),
            ("$", Some(TEXT.trim()), Some(TEXT.trim())),
        ] {
            assert_eq!(found(TEXT, steps, false).as_deref(), json, "{steps}");
            assert_eq!(found(TEXT, steps, true).as_deref(), text, "{steps}");
        }
        assert_eq!(kind(TEXT), ("object", 4));
        assert_eq!(kind("[1,[2,3]]"), ("array", 2));
        assert_eq!(kind(" -0.5e3"), ("number", 1));
    }

    #[test]
    fn what_is_json_and_what_is_a_path() {
        for text in ["0", "-1.5E+3", "\"\\ud83e\"", "[ ]", "{\"a\":[{}]}", " true "] {
            assert!(is_valid(text), "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in
            ["", "01", "1.", "nul", "[1,]", "{\"a\"}", "{a:1}", "\"\n\"", "1 2", "\"\\x\"", &deep]
        {
            assert!(!is_valid(text), "{text}");
            assert!(at(text, &[], false).is_err());
        }
        for wrong in ["", "a", "$a", "$.", "$[x]", "$.a[*]", "$.*", "$[1", "$.\"a"] {
            assert_eq!(path(wrong), None, "{wrong}");
        }
    }
}
