//! Reading the tables of a rules file: typed keys, each mistake with the place of its line. Uses
//! nothing of the project. Not hot.

use std::cell::RefCell;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, and at which byte of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) text: String,
}

impl Fault {
    pub(super) fn new(at: usize, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }

    /// The same fault with its surroundings in front.
    #[must_use]
    pub(super) fn within(mut self, place: &str) -> Self {
        self.text = format!("{place}: {}", self.text);
        self
    }
}

/// A result with a place.
pub(super) type Placed<T> = Result<T, Fault>;

/// One table of the file. Keys that nobody asks for are mistakes.
pub(super) struct Keys<'t> {
    table: &'t DeTable<'t>,
    /// Where the table begins.
    pub(super) at: usize,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t> Keys<'t> {
    pub(super) fn new(table: &'t DeTable<'t>, at: usize) -> Self {
        Self { table, at, asked: RefCell::default() }
    }

    /// A fault of the whole table.
    pub(super) fn fault(&self, text: impl Into<String>) -> Fault {
        Fault::new(self.at, text)
    }

    /// The value of a key.
    pub(super) fn value(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.borrow_mut().push(key);
        self.table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where a key stands, for faults of its value.
    pub(super) fn place(&self, key: &str) -> usize {
        let found = self.table.iter().find(|(name, _)| name.get_ref() == key);
        found.map_or(self.at, |(_, value)| value.span().start)
    }

    pub(super) fn has(&self, key: &'static str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn text(&self, key: &'static str) -> Placed<Option<String>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::String(text) => Ok(Some(text.to_string())),
            _ => Err(Fault::new(value.span().start, format!("{key} is a text in quotes"))),
        }
    }

    pub(super) fn need_text(&self, key: &'static str) -> Placed<String> {
        self.text(key)?.ok_or_else(|| self.fault(format!("{key} = \"...\" is missing")))
    }

    pub(super) fn truth(&self, key: &'static str) -> Placed<bool> {
        let Some(value) = self.value(key) else { return Ok(false) };
        match value.get_ref() {
            DeValue::Boolean(truth) => Ok(*truth),
            _ => Err(Fault::new(value.span().start, format!("{key} is true or false"))),
        }
    }

    /// A whole number between two bounds.
    pub(super) fn number(&self, key: &'static str, from: i64, to: i64) -> Placed<Option<i64>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse::<i64>().ok(),
            _ => None,
        }
        .filter(|number| (from..=to).contains(number))
        .map(Some)
        .ok_or_else(|| {
            Fault::new(value.span().start, format!("{key} is a whole number from {from} to {to}"))
        })
    }

    /// One of several words; its index.
    pub(super) fn choice(&self, key: &'static str, words: &[&str]) -> Placed<Option<usize>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        let found = words.iter().position(|word| *word == text);
        found.map(Some).ok_or_else(|| {
            Fault::new(self.place(key), format!("{key} is one of {}", words.join(", ")))
        })
    }

    /// Texts and whole numbers, one or a list, as texts.
    pub(super) fn texts(&self, key: &'static str) -> Placed<Option<Vec<String>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let one = |value: &Spanned<DeValue>| match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.as_str().to_owned()),
            _ => Err(Fault::new(value.span().start, format!("{key} holds texts in quotes"))),
        };
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(one).collect::<Placed<_>>().map(Some),
            _ => one(value).map(|text| Some(vec![text])),
        }
    }

    pub(super) fn need_texts(&self, key: &'static str) -> Placed<Vec<String>> {
        let found = self.texts(key)?.filter(|texts| !texts.is_empty());
        found.ok_or_else(|| self.fault(format!("{key} = [\"...\"] is missing")))
    }

    /// A list of tables, empty where the key is missing.
    pub(super) fn tables(&self, key: &'static str) -> Placed<Vec<Keys<'t>>> {
        let Some(value) = self.value(key) else { return Ok(Vec::new()) };
        let wrong = |at| Fault::new(at, format!("{key} is a list of tables"));
        let DeValue::Array(items) = value.get_ref() else { return Err(wrong(value.span().start)) };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok(Keys::new(table, item.span().start)),
                _ => Err(wrong(item.span().start)),
            })
            .collect()
    }

    /// A table below this one.
    pub(super) fn table(&self, key: &'static str) -> Placed<Option<Keys<'t>>> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.get_ref() {
            DeValue::Table(table) => Ok(Some(Keys::new(table, value.span().start))),
            _ => Err(Fault::new(value.span().start, format!("{key} is a table"))),
        }
    }

    /// Every key with its text, for tables whose keys are names of the user.
    pub(super) fn all_texts(&self) -> Placed<Vec<(String, String, usize)>> {
        let read = self.table.iter().map(|(name, value)| match value.get_ref() {
            DeValue::String(text) => {
                Ok((name.get_ref().to_string(), text.to_string(), value.span().start))
            }
            _ => Err(Fault::new(
                value.span().start,
                format!("{} is a text in quotes", name.get_ref()),
            )),
        });
        read.collect()
    }

    /// Call it when everything has been asked for.
    pub(super) fn finish(&self, what: &str) -> Placed<()> {
        let asked = self.asked.borrow();
        for (key, _) in self.table {
            if !asked.iter().any(|known| *known == key.get_ref()) {
                let mut known: Vec<&str> = asked.clone();
                known.sort_unstable();
                known.dedup();
                return Err(Fault::new(
                    key.span().start,
                    format!("{what} has no key {}; it has {}", key.get_ref(), known.join(", ")),
                ));
            }
        }
        Ok(())
    }
}
