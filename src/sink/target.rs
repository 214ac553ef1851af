//! What a sink is asked to do: address, mode, table names, keys. Uses `error`, `ums`, `url`. Not hot.

use super::reject::Rejects;
use crate::error::{Error, Result};
use crate::ums::{Namespace, Pattern, Schema, Termination};
use crate::url::Url;

pub use crate::url::Login;

/// An address with the options that every sink understands.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where.
    pub url: Url,
    /// How.
    pub options: Options,
}

/// How rows land.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// One row a key, or one row a change.
    pub mode: Mode,
    /// What a delete leaves behind.
    pub delete: Delete,
    /// What a TRUNCATE or DROP of the source does.
    pub on_truncate: OnTruncate,
    /// Remove the rows that a pull of a whole table did not bring.
    pub sweep: bool,
    /// Never create or widen a table.
    pub no_create: bool,
    /// Table names by namespace; the first match wins.
    pub map: Vec<TableRule>,
    /// Key columns by namespace; the first match wins.
    pub keys: Vec<KeyRule>,
    /// Where rows go that can never be stored.
    pub rejects: Rejects,
    /// Where a password is when the address has none.
    pub login: Login,
    /// Who is told what people should know while a sink goes on, such as that it tries again.
    pub notice: Notice,
}

/// Tells people something.
#[derive(Debug, Clone, Copy)]
pub struct Notice(pub fn(&str));

impl Default for Notice {
    fn default() -> Self {
        Self(|_| {})
    }
}

/// `--mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The newest image of each key.
    #[default]
    Upsert,
    /// Every change as a row of its own.
    Append,
}

/// `--delete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delete {
    /// The row stays with `_is_active_` = 0.
    #[default]
    Soft,
    /// The row goes; its key and id stay in a side table.
    Hard,
}

/// `--on-truncate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTruncate {
    /// The target loses the rows that the source lost.
    #[default]
    Apply,
    /// They stay, and the run says so at its end.
    Ignore,
}

/// `--map PATTERN=TABLE`.
#[derive(Debug, Clone)]
pub struct TableRule {
    pattern: Pattern,
    table: String,
}

/// `--keys PATTERN=COLUMN,COLUMN`.
#[derive(Debug, Clone)]
pub struct KeyRule {
    pattern: Pattern,
    columns: Vec<String>,
}

/// The target table of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The name.
    pub name: String,
    /// Whether a rule chose it; then several source tables may share it.
    pub mapped: bool,
}

impl TableRule {
    /// Reads `PATTERN=TABLE`; TABLE may hold `{schema}`, `{table}` and `{source}`.
    pub fn parse(text: &str) -> Result<Self> {
        let (pattern, table) = halves("--map", "TABLE", text)?;
        Self::new(Pattern::parse(pattern)?, table)
            .map_err(|error| error.at(format_args!("--map {text}")))
    }

    /// Names the table of all namespaces that match.
    pub fn new(pattern: Pattern, table: &str) -> Result<Self> {
        let mut rest = table;
        while let Some(open) = rest.find('{') {
            let place = rest.get(open..).unwrap_or_default();
            let Some(known) = PLACES.iter().find(|(name, _)| place.starts_with(name)) else {
                let names: Vec<_> = PLACES.iter().map(|(name, _)| *name).collect();
                return Err(Error::usage(format!(
                    "unknown placeholder; known are {}",
                    names.join(", ")
                )));
            };
            rest = place.get(known.0.len()..).unwrap_or_default();
        }
        Ok(Self { pattern, table: table.to_owned() })
    }
}

impl KeyRule {
    /// Reads `PATTERN=COLUMN,COLUMN`.
    pub fn parse(text: &str) -> Result<Self> {
        let (pattern, columns) = halves("--keys", "COLUMN,COLUMN", text)?;
        let columns: Vec<String> = columns.split(',').map(|name| name.trim().to_owned()).collect();
        if columns.iter().any(String::is_empty) {
            return Err(Error::usage(format!("--keys {text}: a column's name is empty")));
        }
        Ok(Self::new(Pattern::parse(pattern)?, columns))
    }

    /// Names the key of all namespaces that match.
    pub fn new(pattern: Pattern, columns: Vec<String>) -> Self {
        Self { pattern, columns }
    }
}

/// Placeholders of `--map` and the namespace part that fills each.
const PLACES: &[(&str, usize)] = &[("{source}", 1), ("{schema}", 2), ("{table}", 3)];

/// Splits at the last `=`: a namespace may hold one, a table name hardly does.
fn halves<'a>(flag: &str, right: &str, text: &'a str) -> Result<(&'a str, &'a str)> {
    match text.rsplit_once('=') {
        Some((pattern, value)) if !pattern.is_empty() && !value.is_empty() => Ok((pattern, value)),
        _ => Err(Error::usage(format!("{flag} {text}: expected PATTERN={right}"))),
    }
}

impl Options {
    /// The target table: by the first rule that matches, else the source table's own name.
    pub fn table(&self, namespace: &Namespace) -> TableName {
        let [_, _, _, own, ..] = &namespace.parts;
        match self.map.iter().find(|rule| rule.pattern.matches(namespace)) {
            None => TableName { name: own.clone(), mapped: false },
            Some(rule) => {
                let mut name = rule.table.clone();
                for (place, part) in PLACES {
                    let value = namespace.parts.get(*part).map_or("", String::as_str);
                    name = name.replace(place, value);
                }
                TableName { name, mapped: true }
            }
        }
    }

    /// Whether the sink applies a notice: TRUNCATE or DROP of a whole table, one row a key.
    ///
    /// To apply it means, in stream order and in the transaction of the rows around it: all rows of
    /// the table with an id below the notice's are deleted (soft: `_is_active_` = 0 with the
    /// notice's id and time; hard: gone), and the notice's id is kept as the **fence** of the source
    /// table: rows below it that come later are dropped, whether their keys were seen or not. A
    /// target table that several source tables share cannot be told apart, and is left alone.
    pub fn applies(&self, notice: &Termination) -> bool {
        self.on_truncate == OnTruncate::Apply
            && self.mode == Mode::Upsert
            && notice.whole
            && notice.removes_rows()
    }

    /// The positions of the key columns among the fields, in key order; empty when the table has
    /// no key. An error when a key column is not among the fields.
    pub fn keys(&self, schema: &Schema) -> Result<Vec<usize>> {
        let rule = self.keys.iter().find(|rule| rule.pattern.matches(&schema.namespace));
        let names = rule.map_or(&schema.keys, |rule| &rule.columns);
        names
            .iter()
            .map(|name| {
                schema.column(name).ok_or_else(|| {
                    Error::data(format!(
                        "{}: key column {name} is not among the fields of the message",
                        schema.namespace
                    ))
                    .advise("name the key with --keys, or log whole row images")
                })
            })
            .collect()
    }
}
