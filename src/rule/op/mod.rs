//! The operators of rules: one file and one row of the table each. Uses `rule`. The trait's calls
//! are hot: once a row.
//!
//! To add an operator: one file here with `pub const SPEC: Spec`, one `mod` line and one row in `ALL`.
//! The manual page logrules.5 is made from the table.

mod coalesce;
mod concat;
mod condition;
mod csv;
mod exclude_field;
mod filter;
mod flatten_json_array;
mod flatten_ums;
mod grok;
mod json_path;
mod key_filter;
mod key_value;
mod prefix_or_append;
mod regex_extract;
mod replace;
mod select;
mod split;
mod sub_string;
#[cfg(test)]
pub(super) mod testing;
mod timestamp;
mod to_index;
mod trim;
mod url;
mod user_agent;

use super::cells::{Cell, MOST_CELLS, Names, Row, Work};
use super::file::Format;
use super::grok::Library;
use super::read::{Keys, Placed};
use super::scope::Scope;
use super::time::Zone;

/// Every operator, in the order of the manual page. `saveAs` ends a group and is none of them: see
/// `rule::column`.
pub const ALL: &[&Spec] = &[
    &flatten_ums::SPEC,
    &key_filter::SPEC,
    &to_index::SPEC,
    &filter::SPEC,
    &trim::SPEC,
    &replace::SPEC,
    &split::SPEC,
    &sub_string::SPEC,
    &concat::SPEC,
    &select::SPEC,
    &prefix_or_append::SPEC,
    &regex_extract::SPEC,
    &json_path::SPEC,
    &exclude_field::SPEC,
    &flatten_json_array::SPEC,
    &grok::SPEC,
    &key_value::SPEC,
    &csv::SPEC,
    &timestamp::SPEC,
    &url::SPEC,
    &user_agent::SPEC,
    &coalesce::SPEC,
];

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on, and so do the rows in `Work::more`.
    Keep,
    /// It does not belong to this group: why.
    Drop(&'static str),
    /// The operator cannot work on it: why. Counted as an error; the group does not match.
    Fail(&'static str),
}

/// What an operator answers when a row outgrows its bounds.
const TOO_LARGE: Verdict = Verdict::Fail("the record has outgrown what its cells may hold");

/// What an operator answers when a cell should be JSON.
const NO_JSON: Verdict = Verdict::Fail("the cell is not JSON");

/// A compiled operator.
pub trait Operator: Send {
    /// Changes a row; rows to follow it go to `work.more`.
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict;
}

/// One operator as data.
pub struct Spec {
    /// `op = "NAME"`.
    pub name: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Its keys and what they mean.
    pub keys: &'static [(&'static str, &'static str)],
    /// One line of a rules file.
    pub example: &'static str,
    /// Where it differs from the operator of that name in the older system; empty where it does not,
    /// or where that has none.
    pub difference: &'static str,
    compile: fn(&Keys, &mut Context) -> Placed<Box<dyn Operator>>,
}

impl Spec {
    /// Reads the operator's table.
    pub(super) fn compile(&self, keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
        let operator = (self.compile)(keys, context)?;
        keys.finish(self.name)?;
        Ok(operator)
    }
}

/// What operators are compiled with.
pub(super) struct Context<'a> {
    pub(super) names: &'a mut Names,
    pub(super) format: Format,
    pub(super) zone: Zone,
    pub(super) library: &'a Library,
}

impl Context<'_> {
    /// The scope under `cells`.
    fn scope(&mut self, keys: &Keys) -> Placed<Scope> {
        let texts = keys.need_texts("cells")?;
        Scope::parse(&texts, self.names).map_err(|text| fault(keys, "cells", text))
    }

    /// The scope under `cells`, every cell where the key is missing.
    fn scope_or_all(&mut self, keys: &Keys) -> Placed<Scope> {
        if keys.has("cells") { self.scope(keys) } else { Ok(Scope::all()) }
    }

    /// The one cell under `cell`, the first where the key is missing.
    fn one(&mut self, keys: &Keys) -> Placed<Scope> {
        let Some(texts) = keys.texts("cell")? else { return Ok(Scope::first()) };
        match Scope::parse(&texts, self.names) {
            Ok(scope) if scope.is_one() => Ok(scope),
            Ok(_) => Err(fault(keys, "cell", "cell names one cell".into())),
            Err(text) => Err(fault(keys, "cell", text)),
        }
    }

    fn name(&mut self, keys: &Keys, key: &str, name: &str) -> Placed<super::cells::Name> {
        if !is_name(name) {
            let text = format!(
                "'{name}' is no name of a cell: a letter or _ first, then letters, digits and _ . - @"
            );
            return Err(fault(keys, key, text));
        }
        self.names.give(name).ok_or_else(|| fault(keys, key, "there are too many names".into()))
    }

    fn names(&mut self, keys: &Keys, key: &'static str) -> Placed<Vec<super::cells::Name>> {
        let texts = keys.texts(key)?.unwrap_or_default();
        texts.iter().map(|text| self.name(keys, key, text)).collect()
    }
}

/// Names cannot be taken for indices or ranges.
pub(super) fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_' || c == '@')
        && letters.all(|c| c.is_alphanumeric() || "_.-@".contains(c))
}

fn fault(keys: &Keys, key: &str, text: String) -> super::read::Fault {
    super::read::Fault::new(keys.place(key), text)
}

/// Puts a new cell for each cell of the scope in its place, under its name. `make` answers false
/// when the record is too large; what it writes to the draft is the new text.
fn rewrite(
    scope: &Scope,
    row: &mut Row,
    work: &mut Work,
    mut make: impl FnMut(&str, &mut String),
) -> Verdict {
    let mut picked = std::mem::take(&mut work.picked);
    scope.pick(row, &mut picked);
    let mut verdict = Verdict::Keep;
    for (number, at) in picked.iter().enumerate() {
        // A cell that is listed twice is worked on once.
        if picked.iter().take(number).any(|before| before == at) {
            continue;
        }
        let Some(cell) = row.get_mut(*at).filter(|cell| !cell.is_null()) else { continue };
        let mut draft = std::mem::take(&mut work.draft);
        make(work.plain(*cell), &mut draft);
        work.draft = draft;
        match work.push_draft() {
            Some(made) => *cell = made.named(cell.name),
            None => verdict = TOO_LARGE,
        }
    }
    work.picked = picked;
    verdict
}

/// Puts the cells that `make` pushes in the place of each cell of the scope.
fn expand(
    scope: &Scope,
    row: &mut Row,
    work: &mut Work,
    mut make: impl FnMut(Cell, &mut Work, &mut Row) -> Verdict,
) -> Verdict {
    let mut picked = std::mem::take(&mut work.picked);
    let mut cells = std::mem::take(&mut work.cells);
    cells.clear();
    scope.pick(row, &mut picked);
    picked.sort_unstable();
    let mut verdict = Verdict::Keep;
    picked.dedup();
    let mut behind = 0;
    for at in &picked {
        let Some(cell) = row.get(*at) else { break };
        cells.extend_from_slice(row.get(behind..*at).unwrap_or_default());
        behind = at + 1;
        verdict = make(*cell, work, &mut cells);
        if cells.len() > MOST_CELLS {
            verdict = TOO_LARGE;
        }
        if verdict != Verdict::Keep {
            break;
        }
    }
    cells.extend_from_slice(row.get(behind..).unwrap_or_default());
    std::mem::swap(row, &mut cells);
    work.picked = picked;
    work.cells = cells;
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        for spec in ALL {
            assert!(spec.example.contains(spec.name), "{}", spec.name);
            assert!(spec.summary.ends_with('.'), "{}", spec.name);
            assert_eq!(ALL.iter().filter(|other| other.name == spec.name).count(), 1);
        }
        // saveAs is the sixteenth.
        let older = [
            "flattenUms",
            "keyFilter",
            "toIndex",
            "filter",
            "trim",
            "replace",
            "split",
            "subString",
            "concat",
            "select",
            "prefixOrAppend",
            "regexExtract",
            "jsonPath",
            "excludeField",
            "flattenJsonArray",
        ];
        assert!(older.iter().all(|name| ALL.iter().any(|spec| spec.name == *name)));
    }

    #[test]
    fn every_example_compiles_and_unknown_keys_do_not() {
        for spec in ALL {
            testing::compile(spec.example, Format::Ums).unwrap();
            let wrong = spec.example.replacen('{', "{ nosuchkey = 1, ", 1);
            let error = testing::compile(&wrong, Format::Ums).err().unwrap();
            assert!(error.text.contains("nosuchkey"), "{}: {}", spec.name, error.text);
            for (key, _) in spec.keys {
                assert!(
                    error.text.contains(key),
                    "{} does not read {key}: {}",
                    spec.name,
                    error.text
                );
            }
        }
    }

    #[test]
    fn names_are_no_indices() {
        for (name, fits) in [
            ("a", true),
            ("@timestamp", true),
            ("größe", true),
            ("1a", false),
            ("-a", false),
            ("", false),
            ("a:b", false),
            ("*", false),
        ] {
            assert_eq!(is_name(name), fits, "{name}");
        }
    }
}
