//! Records at work, for people: the cells after every operator, and how each group ended. Uses `rule`,
//! `flow` and `cli::message`. Not hot.
//!
//! Where columns are masked, nothing but masked rows is shown in clear: what a column is made of stands
//! in the record and in the cells before it, and nobody can tell where.

use std::fmt::Write as _;

use crate::cli::message;
use crate::error::Result;
use crate::flow::rules::Masked;
use crate::rule::cases::values;
use crate::rule::cells::{Cell, Names};
use crate::rule::engine::{End, To};
use crate::rule::file::UNKNOWN;
use crate::rule::{Engine, Made, Row, Watch, Work};

/// How much of a cell is shown, in characters.
const SHOWN: usize = 160;

/// Shows every record of a sample.
///
/// # Errors
/// `Data` for input that is no message where the rules say so; the errors of standard output.
pub(super) fn show(
    engine: &mut Engine,
    masked: &mut Option<Masked>,
    bytes: &[u8],
    name: &str,
) -> Result<()> {
    let lines = engine.rules().lines.clone();
    let mut result = Ok(());
    lines.records(bytes, |record, line| {
        if result.is_err() {
            return;
        }
        let place = format!("{name}:{}", line + 1);
        let hidden = masked.is_some();
        let record_shown = match hidden {
            true => length(record.len()),
            false => shown(&String::from_utf8_lossy(record)),
        };
        let mut text = format!("{place}: {record_shown}\n");
        let (mut made, mut watch) = (Made::default(), Trace { text: String::new(), hidden });
        result = engine
            .take(record, &mut made, &mut watch)
            .and_then(|()| masked.as_mut().map_or(Ok(()), |masked| masked.apply(&mut made)))
            .map_err(|error| error.at(place))
            .and_then(|()| {
                text.push_str(&watch.text);
                rows(engine, &made, &mut text);
                message::data(text.as_bytes())
            });
    });
    result
}

/// The rows that came out.
pub(super) fn rows(engine: &Engine, made: &Made, text: &mut String) {
    for row in &made.rows {
        let (table, columns): (&str, Vec<&str>) = match row.to {
            To::Table(at) => match engine.rules().tables.get(usize::from(at)) {
                Some(table) => {
                    let columns = table.columns().iter().map(|column| column.name.as_str());
                    (&table.name, columns.collect())
                }
                None => continue,
            },
            To::Unknown => (UNKNOWN, vec!["raw", "reason"]),
            To::Heartbeat => ("a heartbeat, passed on", Vec::new()),
            To::Message => ("a message without rows, passed on", Vec::new()),
        };
        let _ = writeln!(text, "  => {table}");
        let wide = columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (column, value) in columns.iter().zip(values(made.at(row.cells))) {
            let value = value.map_or("NULL".into(), |value| format!("'{}'", shown(&value)));
            let _ = writeln!(text, "     {column:wide$}  {value}");
        }
    }
    text.push('\n');
}

struct Trace {
    text: String,
    /// Whether cells are hidden.
    hidden: bool,
}

impl Watch for Trace {
    fn begin(&mut self, table: &str, group: &str) {
        let _ = writeln!(self.text, "  table {table}, group {group}");
    }

    fn rows(&mut self, number: usize, operator: &str, rows: &[Row], work: &Work, names: &Names) {
        let _ = writeln!(self.text, "    {number} {operator}");
        for line in cells(rows, work, names, self.hidden) {
            let _ = writeln!(self.text, "      {line}");
        }
    }

    fn end(&mut self, end: End) {
        let _ = writeln!(self.text, "    {}", ending(end));
    }
}

/// How a group ended.
pub(super) fn ending(end: End) -> String {
    match end {
        End::Rows(1) => "matches".into(),
        End::Rows(rows) => format!("matches: {rows} rows"),
        End::Missed(why) => format!("does not match: {why}"),
        End::Failed(why) => format!("fails: {why}"),
        End::Rejected(what) => format!("rejects the record: {what}"),
    }
}

/// What is shown of a text that is hidden.
pub(super) fn length(bytes: usize) -> String {
    format!("({bytes} bytes, hidden because columns are masked)")
}

/// The cells of rows, a line each.
pub(super) fn cells(rows: &[Row], work: &Work, names: &Names, hidden: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        if rows.len() > 1 {
            lines.push(format!("row {}", at + 1));
        }
        let label = |at: usize, cell: &Cell| match names.text(cell.name) {
            "" => at.to_string(),
            name => format!("{at} {name}"),
        };
        let labels = row.iter().enumerate().map(|(at, cell)| label(at, cell));
        let labels: Vec<_> = labels.collect();
        let wide = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        for (label, cell) in labels.iter().zip(row) {
            let value = match work.text(*cell) {
                None => "NULL".into(),
                Some(text) if hidden => format!("({} bytes)", text.len()),
                Some(text) => format!("'{}'", shown(text)),
            };
            lines.push(format!("{label:wide$}  {value}"));
        }
    }
    lines
}

/// A cell's text on one line, cut where it is long; what could steer a terminal is escaped.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (number, letter) in text.chars().enumerate() {
        if number == SHOWN {
            let _ = write!(out, "... ({} bytes)", text.len());
            break;
        }
        match letter {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => {
                out.extend(letter.escape_unicode());
            }
            letter if letter.is_control() => out.extend(letter.escape_default()),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_shown_on_one_line() {
        assert_eq!(shown("a\n\tb\u{1b}[2J\u{202e}ä\\"), "a\\n\\tb\\u{1b}[2J\\u{202e}ä\\");
        let long = shown(&"ü".repeat(200));
        assert!(long.ends_with("ü... (400 bytes)") && long.chars().count() == 160 + 15);
    }
}
