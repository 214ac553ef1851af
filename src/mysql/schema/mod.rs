//! The shape of tables where the log does not tell it: from information_schema at the start and
//! from the DDL seen since. Uses `error` and `ddl`. Not hot.
//!
//! The TABLE_MAP is the truth, this is a hint: what it says is checked against every TABLE_MAP, and
//! a change that was not understood leaves no shape at all.

mod apply;
mod catalog;
mod history;
mod json;
mod read;

pub use apply::NotApplicable;
pub use catalog::{Catalog, Shape};
pub use history::History;
pub use read::{from_information_schema, of_table};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: String,
    /// Its type as information_schema.COLUMNS.COLUMN_TYPE shows it: `int unsigned`,
    /// `enum('a','b')`.
    pub column_type: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// The character set of a column of characters, lower case; `None` for other types or where
    /// it is a default that is not known.
    pub charset: Option<String>,
    /// The collation, where known.
    pub collation: Option<String>,
    /// Whether the server computes it.
    pub generated: bool,
    /// Whether `SELECT *` leaves it out.
    pub invisible: bool,
}

impl ColumnDefinition {
    /// A plain column that takes NULL.
    pub fn new(name: impl Into<String>, column_type: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            column_type: column_type.into(),
            nullable: true,
            charset: None,
            collation: None,
            generated: false,
            invisible: false,
        }
    }

    /// Whether its type holds characters in a character set.
    pub fn is_character(&self) -> bool {
        is_character(&self.column_type)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableDefinition {
    /// The columns in the order of the row image, invisible ones included.
    pub columns: Vec<ColumnDefinition>,
    /// The primary key's columns in key order; empty when there is none.
    pub keys: Vec<String>,
    /// The default character set of columns to come, lower case; `None` when not known.
    pub charset: Option<String>,
    /// Its collation, where known.
    pub collation: Option<String>,
    /// The last two columns are those that MariaDB adds to a system-versioned table which names
    /// none of its own: in every row image, in no listing, and always last.
    pub versioned: bool,
}

impl TableDefinition {
    /// Makes it a system-versioned table.
    pub fn add_versions(&mut self) {
        if self.versioned {
            return;
        }
        self.versioned = true;
        self.columns.extend(["row_start", "row_end"].map(|name| ColumnDefinition {
            nullable: false,
            generated: true,
            invisible: true,
            ..ColumnDefinition::new(name, "timestamp(6)")
        }));
    }

    /// Columns of the primary key take no NULL, whatever they say themselves; keys are spelled as
    /// the columns are.
    pub fn require_keys(&mut self) {
        for key in &mut self.keys {
            if let Some(column) = self.columns.iter_mut().find(|c| same_name(&c.name, key)) {
                column.nullable = false;
                key.clone_from(&column.name);
            }
        }
    }

    /// The position of a column; names are compared without case, as the servers do.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| same_name(&column.name, name))
    }
}

/// Whether two column names mean one column.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    a == b || a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
}

/// Whether a type holds characters in a character set.
pub(super) fn is_character(column_type: &str) -> bool {
    let end = column_type.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(column_type.len());
    matches!(
        column_type.get(..end).unwrap_or(""),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
    )
}

/// The most bytes that one character of a character set takes; 4 when it is not known.
pub(super) fn bytes_per_character(charset: Option<&str>) -> u64 {
    match charset {
        Some(
            "latin1" | "latin2" | "latin5" | "latin7" | "ascii" | "binary" | "dec8" | "cp850"
            | "hp8" | "koi8r" | "swe7" | "hebrew" | "tis620" | "koi8u" | "greek" | "cp1250"
            | "armscii8" | "cp866" | "keybcs2" | "macce" | "macroman" | "cp852" | "cp1251"
            | "cp1256" | "cp1257" | "geostd8",
        ) => 1,
        Some("big5" | "sjis" | "cp932" | "gbk" | "gb2312" | "euckr" | "ucs2") => 2,
        Some("utf8mb3" | "ujis" | "eucjpms") => 3,
        _ => 4,
    }
}

/// The labels of an `enum(…)` or `set(…)` as COLUMN_TYPE writes them, in order; `None` for another
/// type or a text that ends early. Quotes are doubled, and both servers write `\` and control
/// characters escaped.
pub fn labels(column_type: &str) -> Option<Vec<String>> {
    let list = column_type.strip_prefix("enum(").or_else(|| column_type.strip_prefix("set("))?;
    let mut labels = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.strip_prefix('\'')?;
        let mut label = String::new();
        loop {
            let end = rest.find(['\'', '\\'])?;
            let (head, tail) = rest.split_at_checked(end)?;
            label.push_str(head);
            if let Some(tail) = tail.strip_prefix('\\') {
                let c = tail.chars().next()?;
                label.push(match c {
                    'n' => '\n',
                    'r' => '\r',
                    '0' => '\0',
                    c => c,
                });
                rest = tail.get(c.len_utf8()..)?;
            } else if let Some(tail) = tail.strip_prefix("''") {
                label.push('\'');
                rest = tail;
            } else {
                rest = tail.strip_prefix('\'')?;
                break;
            }
        }
        labels.push(label);
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None => return rest.starts_with(')').then_some(labels),
        }
    }
}
