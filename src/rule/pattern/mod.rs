//! HOT. Regular expressions of rules: built once, linear in time whatever they are and whatever they meet,
//! bounded in memory. Uses nothing of the project.
//!
//! The parts of a match are found by a walk (`walk`) where an expression and a text allow it, which is
//! several times as fast, and by the engine of the crate `regex` where not. Both find the same.
//!
//! `\d \w \s \b` mean ASCII, as they do in Java, for which most rules of logs were written; `.` and
//! `[^"]` take whole characters. `\p{L}` and the like mean Unicode.

mod plan;
mod set;
#[cfg(test)]
mod tests;
mod walk;

use regex::{CaptureLocations, Regex, RegexBuilder};

use walk::{Found, Walk};

/// What one expression may need when built, in bytes.
const MOST_BUILT: usize = 16 << 20;

/// So many more walks that led nowhere than walks that led somewhere: an expression is not for walks.
const MOST_UNSURE: u32 = 1024;

/// An expression that finds the parts of its first match.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    regex: Regex,
    places: CaptureLocations,
    walk: Option<Walk>,
    /// Whether the walk has found the last match.
    walked: bool,
    unsure: u32,
}

impl Parts {
    /// Builds it.
    ///
    /// # Errors
    /// A text that says what is wrong, on one line.
    pub(super) fn build(pattern: &str) -> Result<Self, String> {
        let regex = build(pattern)?;
        let walk = plan::plan(regex.as_str());
        let places = regex.capture_locations();
        Ok(Self { regex, places, walk, walked: false, unsure: 0 })
    }

    /// The names of its groups, the whole match first.
    pub(super) fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.regex.capture_names()
    }

    /// Whether there is a match; `group` then tells its parts.
    #[inline]
    pub(super) fn find(&mut self, text: &str) -> bool {
        if let Some(walk) = &mut self.walk {
            self.walked = true;
            let found = walk.walk(text.as_bytes());
            if found != Found::Unsure {
                self.unsure = self.unsure.saturating_sub(1);
                return found == Found::Match;
            }
            self.unsure();
        }
        self.walked = false;
        self.regex.captures_read(&mut self.places, text).is_some()
    }

    /// Where a group of the last match was found; `None` for one that took no part.
    #[inline]
    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        match &self.walk {
            Some(walk) if self.walked => walk.group(group),
            _ => self.places.get(group),
        }
    }

    /// A walk that mostly leads nowhere is not begun any more.
    #[cold]
    fn unsure(&mut self) {
        self.unsure += 1;
        if self.unsure >= MOST_UNSURE {
            self.walk = None;
        }
    }
}

/// Builds an expression.
///
/// # Errors
/// A text that says what is wrong, on one line.
pub(super) fn build(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&ascii_classes(pattern))
        .size_limit(MOST_BUILT)
        .build()
        .map_err(|error| said(&error))
}

/// A test of bytes that need not be UTF-8.
#[derive(Debug, Clone)]
pub(super) struct Test {
    regex: regex::bytes::Regex,
    walk: Option<Walk>,
}

impl Test {
    /// Builds it.
    ///
    /// # Errors
    /// A text that says what is wrong, on one line.
    pub(super) fn build(pattern: &str) -> Result<Self, String> {
        let pattern = ascii_classes(pattern);
        let built = regex::bytes::RegexBuilder::new(&pattern).size_limit(MOST_BUILT).build();
        let walk = plan::plan(&pattern).filter(|walk| walk.any_bytes);
        Ok(Self { regex: built.map_err(|error| said(&error))?, walk })
    }

    /// Whether there is a match.
    #[inline]
    pub(super) fn is_match(&self, bytes: &[u8]) -> bool {
        match self.walk.as_ref().map(|walk| walk.look(bytes)) {
            Some(Found::Match) => true,
            Some(Found::No) => false,
            Some(Found::Unsure) | None => self.regex.is_match(bytes),
        }
    }
}

fn said(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => {
            "the expression is too large; shorten its repetitions".into()
        }
        regex::Error::Syntax(text) => {
            // The last line tells what is wrong, those above draw where.
            let what = text.lines().last().unwrap_or_default();
            let what = what.strip_prefix("error: ").unwrap_or(what);
            let hint = if what.contains("look-around") || what.contains("backreferences") {
                " (they would need time that grows without bound)"
            } else {
                ""
            };
            format!("no regular expression: {what}{hint}")
        }
        other => format!("no regular expression: {other}"),
    }
}

/// Puts ASCII classes in the place of `\d`, `\w`, `\s` and their opposites, also inside brackets,
/// where a class may stand in a class.
fn ascii_classes(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 32);
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('d') => out.push_str("[0-9]"),
            Some('D') => out.push_str("[^0-9]"),
            Some('w') => out.push_str("[0-9A-Za-z_]"),
            Some('W') => out.push_str("[^0-9A-Za-z_]"),
            Some('s') => out.push_str("[ \\t\\n\\r\\x0b\\x0c]"),
            Some('S') => out.push_str("[^ \\t\\n\\r\\x0b\\x0c]"),
            Some('b') => word_boundary(&mut out, letters.as_str()),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    out
}

/// `\b{start}` and its like stay as they are.
fn word_boundary(out: &mut String, rest: &str) {
    out.push_str(if rest.starts_with('{') { "\\b" } else { "(?-u:\\b)" });
}
