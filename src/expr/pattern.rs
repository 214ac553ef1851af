//! Patterns that a row brings along, and regular expressions of functions. Uses `error`. HOT where a
//! condition asks for one; those met last are kept compiled.

use std::cell::RefCell;

use regex::{Regex, RegexBuilder};

use super::like::Like;
use crate::error::{Error, Result};

/// Bytes that compiled regular expressions may take.
pub(super) const REGEX_BYTES: usize = 1 << 20;
/// Regular expressions that a thread keeps.
const KEPT: usize = 32;

/// How a pattern of a row is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dynamic {
    Like { escape: Option<char>, folded: bool },
    Regex { folded: bool },
}

/// Whether the text matches.
pub(super) fn matches(text: &str, pattern: &str, how: Dynamic) -> Result<bool> {
    match how {
        Dynamic::Like { escape, folded } => {
            Like::new(pattern, escape, folded).map(|like| like.matches(text)).ok_or_else(|| {
                Error::data("nothing stands behind the last ESCAPE character of a pattern")
            })
        }
        Dynamic::Regex { folded } => with_regex(pattern, folded, |regex| regex.is_match(text)),
    }
}

/// Gives the compiled regular expression.
pub(super) fn with_regex<T>(
    pattern: &str,
    folded: bool,
    work: impl FnOnce(&Regex) -> T,
) -> Result<T> {
    type Known = Vec<(String, bool, Regex)>;
    thread_local! {
        /// The one used last in front.
        static KNOWN: RefCell<Known> = const { RefCell::new(Vec::new()) };
    }
    KNOWN.with_borrow_mut(|known| {
        let place = known.iter().position(|(text, fold, _)| *fold == folded && text == pattern);
        match place {
            Some(0) => {}
            Some(place) => {
                if let Some(recent) = known.get_mut(..=place) {
                    recent.rotate_right(1);
                }
            }
            None => {
                let mut builder = RegexBuilder::new(pattern);
                builder.case_insensitive(folded).size_limit(REGEX_BYTES);
                let regex = builder.build().map_err(|error| {
                    let why = error.to_string();
                    let why = why.lines().last().unwrap_or_default().trim().to_owned();
                    Error::data(format!("a wrong regular expression: {why}"))
                })?;
                known.truncate(KEPT - 1);
                known.insert(0, (pattern.to_owned(), folded, regex));
            }
        }
        let (_, _, regex) = known.first().ok_or_else(|| Error::data("no regular expression"))?;
        Ok(work(regex))
    })
}
