//! Cases for rules: input and the rows it must become. Uses `rule`, `error`. Not hot.

use toml::de::{DeTable, DeValue};

use super::engine::{Engine, Made, To};
use super::file::UNKNOWN;
use super::read::{Fault, Keys, Placed};
use super::time::{Micros, push_stamp};
use crate::error::{Error, Result};

/// Every key of a case: name and what it means.
pub const KEYS: &[(&str, &str)] = &[
    ("name", "Names the case in messages. Must be there."),
    ("input", "The lines, as a text. Must be there."),
    ("row", "The rows that come out, [[case.row]], in their order; none where nothing does."),
];

/// Every key of an expected row: name and what it means.
pub const ROW_KEYS: &[(&str, &str)] = &[
    ("table", "The table, _unknown_ included. Must be there."),
    (
        "cells",
        "A table: columns and their values, as texts, numbers, true or false. A column that is left out \
         must be NULL; _ums_ts_ is looked at where it is there.",
    ),
];

/// A file of cases.
#[derive(Debug)]
pub struct Cases(Vec<Case>);

#[derive(Debug)]
struct Case {
    name: String,
    line: usize,
    input: String,
    rows: Vec<Expected>,
}

/// A table, and columns with their texts.
type Expected = (String, Vec<(String, String)>);

/// What a run of cases found.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Cases run.
    pub cases: usize,
    /// Those that came out otherwise.
    pub failed: usize,
    /// For people: what was wanted behind `-`, what came behind `+`.
    pub text: String,
}

impl Cases {
    /// Reads a file's text.
    ///
    /// # Errors
    /// `Usage` with `FILE:LINE`.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let line = |at: usize| {
            let before = text.as_bytes().get(..at).unwrap_or_default();
            before.iter().filter(|byte| **byte == b'\n').count() + 1
        };
        let place =
            |fault: Fault| Error::usage(fault.text).at(format_args!("{file}:{}", line(fault.at)));
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            place(Fault::new(at, error.message().trim().replace('\n', "; ")))
        })?;
        let keys = Keys::new(document.get_ref(), 0);
        let read = || -> Placed<Vec<Case>> {
            let mut cases = Vec::new();
            for one in keys.tables("case")? {
                let (name, input) = (one.need_text("name")?, one.need_text("input")?);
                let rows = one.tables("row")?.iter().map(expected).collect::<Placed<_>>()?;
                one.finish("a case")?;
                cases.push(Case { name, line: line(one.at), input, rows });
            }
            keys.finish("a file of cases")?;
            match cases.is_empty() {
                true => Err(Fault::new(0, "a file of cases has [[case]]")),
                false => Ok(cases),
            }
        };
        read().map(Self).map_err(place)
    }

    /// Runs every case. `near` is for times without a year.
    pub fn run(&self, engine: &mut Engine, near: Micros, file: &str) -> Verdicts {
        let mut verdicts = Verdicts::default();
        engine.set_near(near);
        for case in &self.0 {
            verdicts.cases += 1;
            let came = match came(engine, &case.input) {
                Ok(came) => came,
                Err(error) => vec![(format!("error: {error}"), Vec::new())],
            };
            let difference = difference(&case.rows, &came);
            if !difference.is_empty() {
                verdicts.failed += 1;
                let Case { name, line, .. } = case;
                verdicts.text.push_str(&format!("{file}:{line}: case {name}\n{difference}"));
            }
        }
        verdicts
    }
}

fn expected(keys: &Keys) -> Placed<Expected> {
    let table = keys.need_text("table")?;
    let mut cells = Vec::new();
    if let Some(value) = keys.value("cells") {
        let wrong = |at| Fault::new(at, "cells is a table of texts, numbers, true and false");
        let DeValue::Table(table) = value.get_ref() else { return Err(wrong(value.span().start)) };
        for (name, value) in table {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.as_str().to_owned(),
                DeValue::Float(number) => number.as_str().to_owned(),
                DeValue::Boolean(truth) => truth.to_string(),
                _ => return Err(wrong(value.span().start)),
            };
            cells.push((name.get_ref().to_string(), text));
        }
    }
    keys.finish("a row")?;
    Ok((table, cells))
}

/// The rows that the input becomes; NULL is left out.
fn came(engine: &mut Engine, input: &str) -> Result<Vec<Expected>> {
    let lines = engine.rules().lines.clone();
    let mut made = Made::default();
    let mut result = Ok(());
    lines.records(input.as_bytes(), |record, _| {
        if result.is_ok() {
            result = engine.take(record, &mut made, &mut ());
        }
    });
    result?;
    let mut rows = Vec::new();
    for row in &made.rows {
        let (name, columns): (&str, Vec<&str>) = match row.to {
            To::Table(at) => match engine.rules().tables.get(usize::from(at)) {
                Some(table) => {
                    let columns = table.columns().iter().map(|column| column.name.as_str());
                    (&table.name, columns.collect())
                }
                None => continue,
            },
            To::Unknown => (UNKNOWN, vec!["raw", "reason"]),
            To::Heartbeat | To::Message => continue,
        };
        let mut cells: Vec<(String, String)> = Vec::new();
        if let Some(time) = row.time {
            let mut stamp = Vec::new();
            push_stamp(&mut stamp, time);
            cells.push(("_ums_ts_".into(), String::from_utf8_lossy(&stamp).into_owned()));
        }
        let values = values(made.at(row.cells));
        for (column, value) in columns.iter().zip(values) {
            cells.extend(value.map(|text| ((*column).to_owned(), text)));
        }
        rows.push((name.to_owned(), cells));
    }
    Ok(rows)
}

/// The cells of a row as texts, for people; `None` for NULL. A comma stands before each.
pub fn values(cells: &[u8]) -> Vec<Option<String>> {
    let text = format!("[{}]", String::from_utf8_lossy(cells.get(1..).unwrap_or_default()));
    let mut values = Vec::new();
    let _ = super::json::elements(&text, |(from, to)| {
        let shown = text.get(from..to).and_then(super::json::shown);
        values.push(shown.map(std::borrow::Cow::into_owned));
    });
    values
}

fn difference(wanted: &[Expected], came: &[Expected]) -> String {
    let mut text = String::new();
    for number in 0..wanted.len().max(came.len()) {
        match (wanted.get(number), came.get(number)) {
            (Some((table, cells)), Some((other, found))) if table == other => {
                let mut lines = String::new();
                for (name, value) in cells {
                    let found = found.iter().find(|(column, _)| column == name);
                    if found.map(|(_, value)| value) != Some(value) {
                        lines.push_str(&format!("    - {name} = {value:?}\n"));
                        let found = found.map_or("NULL".into(), |(_, value)| format!("{value:?}"));
                        lines.push_str(&format!("    + {name} = {found}\n"));
                    }
                }
                for (name, value) in found.iter().filter(|(name, _)| name != "_ums_ts_") {
                    if !cells.iter().any(|(column, _)| column == name) {
                        lines.push_str(&format!("    - {name} = NULL\n    + {name} = {value:?}\n"));
                    }
                }
                if !lines.is_empty() {
                    text.push_str(&format!("  row {}, table {table}\n{lines}", number + 1));
                }
            }
            (wanted, came) => {
                for (sign, row) in [("-", wanted), ("+", came)] {
                    if let Some((table, cells)) = row {
                        text.push_str(&format!("  {sign} row {}, table {table}\n", number + 1));
                        for (name, value) in cells {
                            text.push_str(&format!("    {sign} {name} = {value:?}\n"));
                        }
                    }
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rules;

    const RULES: &str = r#"
source = "s"
[[table]]
name = "t"
[[table.group]]
name = "g"
operators = [
    { op = "grok", pattern = '^(?<a>\d+) (?<b>.*)$' },
    { op = "saveAs", columns = [{ name = "a", type = "int" }, { name = "b", type = "string", null = "-" }] },
]
"#;

    fn run(cases: &str) -> Verdicts {
        let mut engine = Engine::new(Rules::parse(RULES, "r").unwrap());
        Cases::parse(cases, "c").unwrap().run(&mut engine, 0, "c")
    }

    #[test]
    fn cases_are_compared_cell_by_cell() {
        let good = r#"
[[case]]
name = "two"
input = "1 x\nno\n2 -"
[[case.row]]
table = "t"
cells = { a = 1, b = "x" }
[[case.row]]
table = "_unknown_"
cells = { raw = "no", reason = "no group matches" }
[[case.row]]
table = "t"
cells = { a = 2 }
"#;
        let verdicts = run(good);
        assert_eq!((verdicts.cases, verdicts.failed, verdicts.text.as_str()), (1, 0, ""));
        let bad =
            good.replace("a = 1, b = \"x\"", "a = 7").replace("{ a = 2 }", "{ a = 2, b = \"-\" }");
        let text = "c:2: case two\n  row 1, table t\n    - a = \"7\"\n    + a = \"1\"\n    - b = NULL\n    + b = \"x\"\n  \
                    row 3, table t\n    - b = \"-\"\n    + b = NULL\n";
        assert_eq!(run(&bad).text, text);
        let missing = r#"
[[case]]
name = "none"
input = "1 x"
"#;
        let text = "c:2: case none\n  + row 1, table t\n    + a = \"1\"\n    + b = \"x\"\n";
        assert_eq!(run(missing).text, text);
    }

    #[test]
    fn mistakes_have_their_line() {
        for (text, wanted) in [
            ("", "c:1: a file of cases has [[case]]"),
            ("[[case]]\nname = \"x\"", "c:1: input"),
            ("[[case]]\nname = \"x\"\ninput = \"\"\nrows = 1", "c:4: a case has no key rows"),
        ] {
            let said = Cases::parse(text, "c").unwrap_err().to_string();
            assert!(said.starts_with(wanted), "{said}");
        }
    }
}
