//! Conditions on a text: contains, equals, matches. Uses `rule::{pattern, read}`. Hot.

use regex::Regex;

use crate::rule::pattern;
use crate::rule::read::{Fault, Keys, Placed};

/// A condition, possibly turned round.
#[derive(Debug)]
pub(super) struct Condition {
    test: Test,
    not: bool,
}

#[derive(Debug)]
enum Test {
    Contains(Box<memchr::memmem::Finder<'static>>),
    Equals(String),
    Matches(Regex),
}

/// What the keys mean, for the table of operators.
pub(super) const CONTAINS: (&str, &str) = ("contains", "The text that must be in it.");
/// As above.
pub(super) const EQUALS: (&str, &str) = ("equals", "The text that it must be.");
/// As above.
pub(super) const MATCHES: (&str, &str) =
    ("matches", "The regular expression that must be found in it.");
/// As above.
pub(super) const NOT: (&str, &str) = ("not", "true turns the condition round. [false]");

impl Condition {
    /// Reads `contains`, `equals` or `matches`, one of them, and `not`.
    pub(super) fn read(keys: &Keys) -> Placed<Self> {
        let found = [keys.text("contains")?, keys.text("equals")?, keys.text("matches")?];
        let not = keys.truth("not")?;
        let test = match found {
            [Some(text), None, None] => {
                let finder = memchr::memmem::Finder::new(text.as_bytes()).into_owned();
                Test::Contains(Box::new(finder))
            }
            [None, Some(text), None] => Test::Equals(text),
            [None, None, Some(text)] => {
                let built = pattern::build(&text);
                Test::Matches(built.map_err(|text| Fault::new(keys.place("matches"), text))?)
            }
            _ => return Err(keys.fault("one of contains, equals and matches must be there")),
        };
        Ok(Self { test, not })
    }

    #[inline]
    pub(super) fn holds(&self, text: &str) -> bool {
        let found = match &self.test {
            Test::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            Test::Equals(wanted) => wanted == text,
            Test::Matches(regex) => regex.is_match(text),
        };
        found != self.not
    }
}
