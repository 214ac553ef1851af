//! The tables of a server as far as they are known, following its DDL. Uses `ddl`. Not hot.

use std::collections::BTreeMap;

use super::TableDefinition;
use crate::mysql::ddl::{AlterTable, CreateTable, Statement, TableName};

/// What is known of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Its columns and keys.
    Known(TableDefinition),
    /// It exists, but a change was not understood: the reason, for people.
    Unknown(String),
}

/// The tables of a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Catalog {
    pub(super) tables: BTreeMap<TableName, Shape>,
    /// Databases with their default character sets, where known.
    pub(super) databases: BTreeMap<String, Option<String>>,
    /// Names are compared without case (`lower_case_table_names` other than 0).
    pub(super) fold_case: bool,
}

impl Catalog {
    /// An empty catalog. `fold_case`: the server's `lower_case_table_names` is not 0.
    pub fn new(fold_case: bool) -> Self {
        Self { fold_case, ..Self::default() }
    }

    /// What is known of a table; `None` when it was never seen or is dropped.
    pub fn shape(&self, table: &TableName) -> Option<&Shape> {
        if self.fold_case { self.tables.get(&self.key(table)) } else { self.tables.get(table) }
    }

    /// The definition of a table that is known.
    pub fn get(&self, table: &TableName) -> Option<&TableDefinition> {
        match self.shape(table)? {
            Shape::Known(definition) => Some(definition),
            Shape::Unknown(_) => None,
        }
    }

    /// Why a table that was seen is not known.
    pub fn unknown_because(&self, table: &TableName) -> Option<&str> {
        match self.shape(table)? {
            Shape::Known(_) => None,
            Shape::Unknown(reason) => Some(reason),
        }
    }

    /// All tables with what is known of them.
    pub fn tables(&self) -> impl Iterator<Item = (&TableName, &Shape)> {
        self.tables.iter()
    }

    /// Sets what a table looks like, as read from the server.
    pub fn insert(&mut self, table: &TableName, definition: TableDefinition) {
        self.tables.insert(self.key(table), Shape::Known(definition));
    }

    /// Forgets what a table looks like.
    pub fn forget(&mut self, table: &TableName, reason: impl Into<String>) {
        self.tables.insert(self.key(table), Shape::Unknown(reason.into()));
    }

    /// Sets a database's default character set.
    pub fn insert_database(&mut self, name: &str, charset: Option<String>) {
        self.databases.insert(self.fold(name), charset);
    }

    /// The tables that a statement makes, changes or takes away; to be asked before it is followed.
    pub fn touched(&self, statement: &Statement) -> Vec<TableName> {
        match statement {
            Statement::CreateTable(create) => vec![create.table.clone()],
            Statement::DropTables { tables, .. } | Statement::NotUnderstood { tables } => {
                tables.clone()
            }
            Statement::RenameTables(pairs) => {
                pairs.iter().flat_map(|(from, to)| [from.clone(), to.clone()]).collect()
            }
            Statement::AlterTable(alter) => {
                [&alter.table].into_iter().chain(&alter.rename_to).cloned().collect()
            }
            Statement::DropDatabase(name)
            | Statement::CreateDatabase { name, or_replace: true, .. } => {
                let name = self.fold(name);
                self.tables.keys().filter(|table| table.schema == name).cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Follows a statement. A table whose change cannot be followed becomes unknown.
    ///
    /// Statements on temporary tables change nothing. A DROP or ALTER that does not say TEMPORARY
    /// is taken for the table that all sessions see: with row format, servers log nothing else.
    pub fn apply(&mut self, statement: &Statement) {
        match statement {
            Statement::CreateTable(create) => self.create(create),
            Statement::DropTables { tables, temporary: false, .. } => {
                for table in tables {
                    self.tables.remove(&self.key(table));
                }
            }
            Statement::RenameTables(pairs) => {
                for (from, to) in pairs {
                    self.rename(from, to);
                }
            }
            Statement::AlterTable(alter) => self.alter(alter),
            Statement::CreateDatabase { name, charset, or_replace } => {
                if *or_replace {
                    self.drop_database(name);
                }
                let name = self.fold(name);
                let entry = self.databases.entry(name).or_default();
                if charset.is_some() {
                    entry.clone_from(charset);
                }
            }
            Statement::AlterDatabase { name, charset } if charset.is_some() => {
                self.insert_database(name, charset.clone());
            }
            Statement::DropDatabase(name) => self.drop_database(name),
            Statement::NotUnderstood { tables } => {
                for table in tables {
                    if self.shape(table).is_some() {
                        self.forget(table, "a statement that names it was not understood");
                    }
                }
            }
            _ => {}
        }
    }

    fn create(&mut self, create: &CreateTable) {
        if create.temporary || (create.if_not_exists && self.shape(&create.table).is_some()) {
            return;
        }
        let shape = if let Some(template) = &create.like {
            match self.shape(template) {
                Some(shape) => shape.clone(),
                None => Shape::Unknown(format!("it was made like {template}, which is not known")),
            }
        } else if let Some(definition) = &create.definition {
            let mut definition = definition.clone();
            if definition.charset.is_none() {
                let default = self.databases.get(&self.fold(&create.table.schema));
                definition.charset = default.cloned().flatten();
            }
            definition.settle();
            Shape::Known(definition)
        } else if create.select {
            Shape::Unknown("it was made from a SELECT".to_owned())
        } else {
            Shape::Unknown("its CREATE TABLE was not understood".to_owned())
        };
        self.tables.insert(self.key(&create.table), shape);
    }

    fn rename(&mut self, from: &TableName, to: &TableName) {
        let from = self.key(from);
        if let Some(shape) = self.tables.remove(&from) {
            self.tables.insert(self.key(to), shape);
        } else {
            // Whatever had the name is gone; what has it now was never seen.
            self.tables.remove(&self.key(to));
        }
    }

    fn alter(&mut self, alter: &AlterTable) {
        let key = self.key(&alter.table);
        if let Some(shape) = self.tables.get_mut(&key) {
            if !alter.understood {
                *shape = Shape::Unknown("an ALTER TABLE was not understood".to_owned());
            } else if let Shape::Known(definition) = shape
                && let Err(reason) = definition.apply(&alter.actions)
            {
                *shape = Shape::Unknown(format!("an ALTER TABLE does not fit it: {reason}"));
            }
        }
        if let Some(name) = &alter.rename_to {
            self.rename(&alter.table, name);
        }
    }

    fn drop_database(&mut self, name: &str) {
        let name = self.fold(name);
        self.databases.remove(&name);
        self.tables.retain(|table, _| table.schema != name);
    }

    /// A database's name as it is kept.
    pub(super) fn fold(&self, name: &str) -> String {
        if self.fold_case { name.to_lowercase() } else { name.to_owned() }
    }

    /// The name under which a table is kept.
    pub(super) fn key(&self, table: &TableName) -> TableName {
        TableName::new(self.fold(&table.schema), self.fold(&table.table))
    }
}
