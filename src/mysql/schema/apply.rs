//! An ALTER TABLE on a table's definition, in the order in which the servers do it. Uses `ddl`.
//! Not hot.

use super::{ColumnDefinition, TableDefinition, bytes_per_character, is_character, same_name};
use crate::mysql::ddl::{Alter, Position};

/// Why a definition cannot follow a statement: it was not the table's definition before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotApplicable(pub String);

impl std::fmt::Display for NotApplicable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters to a row at most, in bytes; a longer VARCHAR becomes a TEXT outside of strict mode.
const VARCHAR_BYTES: u64 = 65_535;

impl TableDefinition {
    /// Applies the clauses of one ALTER TABLE. Both servers first drop, rename and change columns
    /// by their old names, then place the new and the moved ones by the names afterwards.
    pub fn apply(&mut self, actions: &[Alter]) -> Result<(), NotApplicable> {
        let mut table = self.clone();
        let versions = if table.versioned {
            let at = table.columns.len().saturating_sub(2);
            table.columns.split_off(at)
        } else {
            Vec::new()
        };
        table.versioned = false;
        table.change(actions)?;
        let mut versioned = !versions.is_empty();
        for action in actions {
            match action {
                Alter::AddSystemVersioning => versioned = true,
                Alter::DropSystemVersioning => versioned = false,
                _ => {}
            }
        }
        if versioned {
            table.add_versions();
        }
        *self = table;
        Ok(())
    }

    fn change(&mut self, actions: &[Alter]) -> Result<(), NotApplicable> {
        // A column's default character set is the table's after all clauses.
        let (mut charset, mut collation) = (self.charset.clone(), self.collation.clone());
        for action in actions {
            if let Alter::DefaultCharset { charset: new, collation: to }
            | Alter::ConvertCharset { charset: new, collation: to } = action
            {
                (charset, collation) = (new.clone(), to.clone());
            }
        }
        let converts = actions.iter().any(|a| matches!(a, Alter::ConvertCharset { .. }));
        if converts {
            self.convert(charset.as_deref(), collation.as_deref());
        }
        (self.charset, self.collation) = (charset, collation);
        let old = std::mem::take(&mut self.columns);
        self.columns = self.changed_in_place(&old, actions)?;
        self.place(&old, actions)?;
        self.change_keys(actions)
    }

    /// The old columns without those that go or move, the others renamed and changed.
    fn changed_in_place(
        &mut self,
        old: &[ColumnDefinition],
        actions: &[Alter],
    ) -> Result<Vec<ColumnDefinition>, NotApplicable> {
        let mut slots: Vec<Option<ColumnDefinition>> = old.iter().cloned().map(Some).collect();
        for action in actions {
            let (name, may_miss) = match action {
                Alter::DropColumn { name, if_exists } => (name, *if_exists),
                Alter::ChangeColumn { old, if_exists, .. }
                | Alter::RenameColumn { old, if_exists, .. } => (old, *if_exists),
                Alter::SetInvisible { name, .. } => (name, false),
                _ => continue,
            };
            let Some(at) = old.iter().position(|column| same_name(&column.name, name)) else {
                if may_miss {
                    continue;
                }
                return Err(NotApplicable(format!("it has no column {name}")));
            };
            let Some(slot) = slots.get_mut(at) else { continue };
            match action {
                Alter::DropColumn { .. } => {
                    *slot = None;
                    self.keys.retain(|key| !same_name(key, name));
                }
                Alter::RenameColumn { new, .. } => {
                    if let Some(column) = slot {
                        column.name.clone_from(new);
                    }
                }
                Alter::ChangeColumn { column, position, .. } => {
                    let column = self.settled(column);
                    *slot = (*position == Position::Unsaid).then_some(column);
                }
                Alter::SetInvisible { invisible, .. } => {
                    if let Some(column) = slot {
                        column.invisible = *invisible;
                    }
                }
                _ => {}
            }
        }
        self.rename_keys(actions);
        Ok(slots.into_iter().flatten().collect())
    }

    /// Keys follow their columns' new names, all at once: two columns may swap names.
    fn rename_keys(&mut self, actions: &[Alter]) {
        for key in &mut self.keys {
            let new = actions.iter().find_map(|action| match action {
                Alter::RenameColumn { old, new, .. } if same_name(old, key) => Some(new),
                Alter::ChangeColumn { old, column, .. } if same_name(old, key) => {
                    Some(&column.name)
                }
                _ => None,
            });
            if let Some(new) = new {
                key.clone_from(new);
            }
        }
    }

    /// Inserts added and moved columns in the order of the text.
    fn place(&mut self, old: &[ColumnDefinition], actions: &[Alter]) -> Result<(), NotApplicable> {
        for action in actions {
            let (column, position) = match action {
                Alter::AddColumn { column, position, if_not_exists } => {
                    if self.position(&column.name).is_some() {
                        if *if_not_exists {
                            continue;
                        }
                        return Err(NotApplicable(format!(
                            "it has a column {} already",
                            column.name
                        )));
                    }
                    (column, position)
                }
                Alter::ChangeColumn { old: name, column, position, .. }
                    if *position != Position::Unsaid
                        && old.iter().any(|c| same_name(&c.name, name)) =>
                {
                    (column, position)
                }
                _ => continue,
            };
            let column = self.settled(column);
            let at = match position {
                Position::Unsaid => self.columns.len(),
                Position::First => 0,
                Position::After(name) => match self.position(name) {
                    Some(at) => at + 1,
                    None => return Err(NotApplicable(format!("it has no column {name}"))),
                },
            };
            self.columns.insert(at.min(self.columns.len()), column);
        }
        Ok(())
    }

    fn change_keys(&mut self, actions: &[Alter]) -> Result<(), NotApplicable> {
        if actions.contains(&Alter::DropPrimaryKey) {
            self.keys.clear();
        }
        for action in actions {
            if let Alter::AddPrimaryKey { columns, if_not_exists } = action
                && (self.keys.is_empty() || !if_not_exists)
            {
                self.keys.clone_from(columns);
            }
        }
        self.require_keys();
        match self.keys.iter().find(|key| self.position(key).is_none()) {
            Some(key) => Err(NotApplicable(format!("it has no column {key} for its key"))),
            None => Ok(()),
        }
    }

    /// `CONVERT TO CHARACTER SET`: texts grow so that they hold as many characters as before.
    fn convert(&mut self, charset: Option<&str>, collation: Option<&str>) {
        for column in &mut self.columns {
            // A json column of MariaDB is a longtext and is converted like one.
            if !column.is_character() {
                continue;
            }
            let before = bytes_per_character(column.charset.as_deref());
            column.charset = charset.map(str::to_owned);
            column.collation = collation.map(str::to_owned);
            let now = bytes_per_character(charset);
            if now > before
                && let Some(bytes) = text_bytes(&column.column_type)
            {
                column.column_type = text_for((bytes / before).saturating_mul(now)).to_owned();
            }
            settle(column);
        }
    }

    /// The column as the server makes it in this table.
    fn settled(&self, column: &ColumnDefinition) -> ColumnDefinition {
        let mut column = column.clone();
        if column.is_character() && column.charset.is_none() {
            column.charset.clone_from(&self.charset);
            if column.collation.is_none() {
                column.collation.clone_from(&self.collation);
            }
        }
        settle(&mut column);
        column
    }

    /// Gives the columns of a new table what they take from its default character set.
    pub(super) fn settle(&mut self) {
        let columns = self.columns.iter().map(|column| self.settled(column)).collect();
        self.columns = columns;
        self.require_keys();
    }
}

/// Turns a type as written into the one that the server makes of it: `TEXT(n)` into the smallest
/// text that holds n characters, strings of the character set `binary` into binary types.
fn settle(column: &mut ColumnDefinition) {
    let Some((name, length)) = with_length(&column.column_type) else { return };
    let width = bytes_per_character(column.charset.as_deref());
    let binary = column.charset.as_deref() == Some("binary");
    let settled = match (name, length) {
        ("blob", Some(length)) => blob_for(length).to_owned(),
        ("text", Some(length)) => text_for(length.saturating_mul(width)).to_owned(),
        ("varchar", Some(length))
            if column.charset.is_some() && length.saturating_mul(width) > VARCHAR_BYTES =>
        {
            text_for(length.saturating_mul(width)).to_owned()
        }
        _ => column.column_type.clone(),
    };
    let labelled = matches!(name, "enum" | "set");
    column.column_type = settled;
    if binary && !labelled && is_character(&column.column_type) {
        column.column_type = binary_type(&column.column_type);
    }
    if !column.is_character() {
        (column.charset, column.collation) = (None, None);
    }
}

/// `name` and `n` of `name(n)`, the latter `None` where there is none or it is no number.
fn with_length(column_type: &str) -> Option<(&str, Option<u64>)> {
    let end = column_type.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(column_type.len());
    let (name, rest) = column_type.split_at_checked(end)?;
    let length = rest.strip_prefix('(').and_then(|rest| rest.split(')').next()?.parse().ok());
    Some((name, length))
}

fn binary_type(column_type: &str) -> String {
    column_type
        .replacen("varchar", "varbinary", 1)
        .replacen("char", "binary", 1)
        .replacen("text", "blob", 1)
}

/// The bytes that a text holds.
fn text_bytes(column_type: &str) -> Option<u64> {
    match column_type {
        "tinytext" => Some(0xFF),
        "text" => Some(0xFFFF),
        "mediumtext" => Some(0xFF_FFFF),
        "longtext" => Some(0xFFFF_FFFF),
        _ => None,
    }
}

fn text_for(bytes: u64) -> &'static str {
    match bytes {
        0..=0xFF => "tinytext",
        0x100..=0xFFFF => "text",
        0x1_0000..=0xFF_FFFF => "mediumtext",
        _ => "longtext",
    }
}

fn blob_for(bytes: u64) -> &'static str {
    match bytes {
        0..=0xFF => "tinyblob",
        0x100..=0xFFFF => "blob",
        0x1_0000..=0xFF_FFFF => "mediumblob",
        _ => "longblob",
    }
}
