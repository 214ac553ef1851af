//! Reading JSON by hand over one line: white space, keys, literals, skipping. Uses `error`.
//! Hot only in its small parts: the big ones (rows, cells) have ways of their own.

use std::borrow::Cow;

use super::scan::{Lost, next_bracket};
use crate::error::{Error, Result};

/// How deep a value that nobody asked for may nest; one bit each in the stack of `skip_value`.
const MAX_DEPTH: u32 = 64;

/// A place in a line of UTF-8 text.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

/// "byte 17 of the line: expected ...". The byte counts from 0.
#[cold]
pub(super) fn expected(at: usize, what: &str) -> Error {
    Error::data(format!("byte {at} of the line: expected {what}"))
}

#[inline(always)]
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// What has not been read yet.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The text from `start` up to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    #[cold]
    pub(super) fn expected(&self, what: &str) -> Error {
        expected(self.at, what)
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while self.rest().first().is_some_and(|byte| is_space(*byte)) {
            self.at += 1;
        }
    }

    /// The next byte that is not white space, not taken.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.rest().first().copied()
    }

    /// Takes `byte`, white space before it included, if it comes next.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes exactly `bytes` if they come next.
    #[inline]
    pub(super) fn take_exactly(&mut self, bytes: &[u8]) -> bool {
        let found = self.rest().starts_with(bytes);
        self.at += if found { bytes.len() } else { 0 };
        found
    }

    /// Calls `value` for each key of the object that comes next, with the cursor at the value.
    pub(super) fn object(
        &mut self,
        what: &str,
        mut value: impl FnMut(&mut Self, &str) -> Result<()>,
    ) -> Result<()> {
        if !self.take(b'{') {
            return Err(self.expected(&format!("{what} as an object")));
        }
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            let key = self.string("a key in quotes")?;
            if !self.take(b':') {
                return Err(self.expected(&format!("':' behind a key of {what}")));
            }
            self.skip_space();
            value(self, &key)?;
            if !self.take(b',') {
                break;
            }
        }
        if !self.take(b'}') {
            return Err(self.expected(&format!("',' or '}}' in {what}")));
        }
        Ok(())
    }

    /// Calls `item` with the cursor at each item of the array that comes next.
    pub(super) fn array(
        &mut self,
        what: &str,
        mut item: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if !self.take(b'[') {
            return Err(self.expected(&format!("{what} as an array")));
        }
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.skip_space();
            item(self)?;
            if !self.take(b',') {
                break;
            }
        }
        if !self.take(b']') {
            return Err(self.expected(&format!("',' or ']' in {what}")));
        }
        Ok(())
    }

    /// The text of the string that comes next.
    pub(super) fn string(&mut self, what: &str) -> Result<Cow<'a, str>> {
        if !self.take_exactly(b"\"") {
            return Err(self.expected(what));
        }
        let start = self.at;
        let plain = self.skip_string_rest()?;
        let inner = self.text.get(start..self.at.saturating_sub(1)).unwrap_or_default();
        if plain { Ok(Cow::Borrowed(inner)) } else { unescape(inner, start).map(Cow::Owned) }
    }

    /// Skips to behind the closing quote; whether there was no escape. Escapes are checked.
    fn skip_string_rest(&mut self) -> Result<bool> {
        let start = self.at;
        let mut plain = true;
        loop {
            let rest = self.rest();
            let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            self.at += stop.unwrap_or(rest.len());
            match stop.and_then(|stop| rest.get(stop)) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(plain);
                }
                Some(b'\\') => {
                    plain = false;
                    self.at += escape(self.rest(), self.at)?.1;
                }
                Some(_) => return Err(self.expected("control characters in a string as \\u00XX")),
                None => {
                    return Err(self.expected(&format!("the end of the string from byte {start}")));
                }
            }
        }
    }

    /// Takes `null` if it comes next.
    pub(super) fn null(&mut self) -> bool {
        let found = self.rest().starts_with(b"null") && scalar_length(self.rest()) == Some(4);
        self.at += if found { 4 } else { 0 };
        found
    }

    /// A boolean, also as text.
    pub(super) fn boolean(&mut self, what: &str) -> Result<bool> {
        let start = self.at;
        let text = match self.rest().first() {
            Some(b'"') => self.string(what)?,
            _ => Cow::Borrowed(self.scalar()?),
        };
        match text.as_ref() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(expected(start, &format!("{what} as true or false"))),
        }
    }

    /// A whole number, also as text.
    pub(super) fn integer(&mut self, what: &str) -> Result<i64> {
        let start = self.at;
        let text = match self.rest().first() {
            Some(b'"') => self.string(what)?,
            _ => Cow::Borrowed(self.scalar()?),
        };
        text.parse().map_err(|_| expected(start, &format!("{what} as a 64-bit whole number")))
    }

    /// Takes a number, `true`, `false` or `null`.
    pub(super) fn scalar(&mut self) -> Result<&'a str> {
        let start = self.at;
        self.at += scalar_length(self.rest())
            .ok_or_else(|| self.expected("a JSON value (string, number, true, false or null)"))?;
        Ok(self.since(start))
    }

    /// The offset of the next bracket outside of strings, not taken; everything before it skipped.
    pub(super) fn find_bracket(&mut self) -> Result<(u8, u32)> {
        match next_bracket(self.text.as_bytes(), self.at) {
            Ok((at, commas)) => {
                self.at = at;
                Ok((self.rest().first().copied().unwrap_or_default(), commas))
            }
            Err(Lost::Control(at)) => {
                Err(expected(at, "control characters in a string as \\u00XX"))
            }
            Err(Lost::End) => Err(expected(
                self.text.len(),
                &format!("the ']' of the tuple from byte {}", self.at),
            )),
        }
    }

    /// Skips a value of any kind, checking that it is one; not deeper than `MAX_DEPTH`, without
    /// recursion.
    pub(super) fn skip_value(&mut self) -> Result<()> {
        // A bit for each open bracket, the innermost lowest: one for an object.
        let mut stack = 0u64;
        let mut depth = 0u32;
        'value: loop {
            match self.peek() {
                Some(open @ (b'{' | b'[')) => {
                    if depth == MAX_DEPTH {
                        return Err(self.expected("no more than 64 levels of nesting"));
                    }
                    self.at += 1;
                    let object = open == b'{';
                    if !self.take(if object { b'}' } else { b']' }) {
                        stack = stack << 1 | u64::from(object);
                        depth += 1;
                        if object {
                            self.skip_key()?;
                        }
                        continue 'value;
                    }
                }
                Some(b'"') => {
                    self.at += 1;
                    self.skip_string_rest()?;
                }
                _ => {
                    self.scalar()?;
                }
            }
            // A value has ended: close what ends with it.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = stack & 1 == 1;
                if self.take(b',') {
                    if object {
                        self.skip_key()?;
                    }
                    continue 'value;
                }
                if !self.take(if object { b'}' } else { b']' }) {
                    return Err(self.expected(if object { "',' or '}'" } else { "',' or ']'" }));
                }
                stack >>= 1;
                depth -= 1;
            }
        }
    }

    fn skip_key(&mut self) -> Result<()> {
        self.skip_space();
        if !self.take_exactly(b"\"") {
            return Err(self.expected("a key in quotes"));
        }
        self.skip_string_rest()?;
        if self.take(b':') { Ok(()) } else { Err(self.expected("':' behind a key")) }
    }
}

/// The length of the number or literal at the front, which must end at a delimiter.
#[inline]
pub(super) fn scalar_length(bytes: &[u8]) -> Option<usize> {
    let length = match bytes.first()? {
        b't' => bytes.starts_with(b"true").then_some(4)?,
        b'f' => bytes.starts_with(b"false").then_some(5)?,
        b'n' => bytes.starts_with(b"null").then_some(4)?,
        _ => number_length(bytes)?,
    };
    match bytes.get(length) {
        None | Some(b',' | b']' | b'}') => Some(length),
        Some(byte) => is_space(*byte).then_some(length),
    }
}

/// The length of the number at the front: RFC 8259, section 6.
#[inline]
fn number_length(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len())
    };
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && bytes.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if bytes.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        if exponent == 0 {
            return None;
        }
        at += exponent;
    }
    Some(at)
}

/// The character that the escape at the front of `bytes` (a backslash) stands for, and the length
/// of the escape. A pair of surrogates is one escape. `at` is its offset, for the error.
pub(super) fn escape(bytes: &[u8], at: usize) -> Result<(char, usize)> {
    let character = match bytes.get(1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(bytes, at),
        _ => {
            return Err(expected(
                at,
                "one of the escapes \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uHHHH",
            ));
        }
    };
    Ok((character, 2))
}

fn unicode_escape(bytes: &[u8], at: usize) -> Result<(char, usize)> {
    let unit = |from: usize| -> Option<u32> {
        let hex = bytes.get(from..from + 4)?;
        hex.iter().try_fold(0, |unit, byte| Some(unit << 4 | char::from(*byte).to_digit(16)?))
    };
    let first = unit(2).ok_or_else(|| expected(at, "four hexadecimal digits behind \\u"))?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, 6));
    }
    let low = match (first, bytes.get(6..8)) {
        (0xd800..0xdc00, Some(b"\\u")) => unit(8).filter(|low| (0xdc00..0xe000).contains(low)),
        _ => None,
    };
    low.and_then(|low| char::from_u32(0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00)))
        .map(|character| (character, 12))
        .ok_or_else(|| expected(at, "a pair of surrogates, a high and then a low one"))
}

/// The text of the inside of a string with escapes; `at` is where it starts, for the error.
pub(super) fn unescape(inner: &str, at: usize) -> Result<String> {
    let mut text = String::with_capacity(inner.len());
    let mut from = 0;
    while let Some(rest) = inner.get(from..) {
        let Some(stop) = memchr::memchr(b'\\', rest.as_bytes()) else {
            text.push_str(rest);
            break;
        };
        let (run, tail) = rest.split_at(stop);
        text.push_str(run);
        let (character, length) = escape(tail.as_bytes(), at + from + stop)?;
        text.push(character);
        from += stop + length;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<()> {
        let mut cursor = Cursor::new(text);
        cursor.skip_value()?;
        match cursor.peek() {
            None => Ok(()),
            Some(_) => Err(cursor.expected("the end")),
        }
    }

    #[test]
    fn judges_values_as_serde_json_does() {
        for text in [
            "1",
            "-0",
            "0",
            "01",
            "-",
            "1.",
            ".5",
            "1.5e",
            "1e5",
            "1E+5",
            "1e-",
            "+1",
            "0x1",
            "true",
            "tru",
            "truex",
            "null",
            "nul",
            "\"a\"",
            "\"a",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\udc00\"",
            "\"\\ud83e\\udd80\"",
            "\"\\ud83e\\u0041\"",
            "\"\t\"",
            "[]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "[1,[2,{}]]",
            "{}",
            "{\"a\":1,}",
            "{\"a\" : [ ] , \"b\":{\"c\":null}}",
            "{a:1}",
            "{\"a\"}",
            "{\"a\":1]",
            "[1}",
            "",
            " ",
            "1 1",
            "[\"]\"]",
            "\"\u{7f}é\"",
        ] {
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            assert_eq!(whole(text).is_ok(), theirs.is_ok(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(whole(&nested(64)).is_ok());
        assert!(whole(&nested(65)).unwrap_err().to_string().contains("64 levels"));
        assert!(whole(&"{\"a\":".repeat(1_000_000)).is_err());
        assert!(whole(&format!("[{}{{\"a\":1}}]", "[],".repeat(1000))).is_ok());
    }

    #[test]
    fn errors_name_the_byte() {
        assert_eq!(
            whole("[1 2]").unwrap_err().to_string(),
            "byte 3 of the line: expected ',' or ']'"
        );
        assert!(whole("\"ab\\q\"").unwrap_err().to_string().starts_with("byte 3 "));
    }

    #[test]
    fn strings_are_unescaped() {
        let mut cursor = Cursor::new(r#""a\"\\\/\b\f\n\r\t\u00e9\ud83e\udd80z""#);
        assert_eq!(cursor.string("text").unwrap(), "a\"\\/\u{8}\u{c}\n\r\té🦀z");
    }
}
