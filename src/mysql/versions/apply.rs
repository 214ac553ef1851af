//! Statements that end versions. Uses `ums`, `ddl`. Once a statement; not hot.

use super::Versions;
use crate::mysql::ddl::{Statement, TableName};
use crate::ums::Cause;

/// A version that a statement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The table.
    pub table: TableName,
    /// The version that no row has from here on.
    pub version: u32,
    /// What ended it.
    pub cause: Cause,
}

impl Versions {
    /// Follows a statement. Gives the versions that it ended, the same at every redelivery. Names
    /// must be spelled as TABLE_MAPs spell them (see [`Statement::fold_names`]).
    pub fn apply(&mut self, statement: &Statement, id: i64) -> Vec<Ended> {
        let ended = |cause| move |(table, version)| Ended { table, version, cause };
        match statement {
            Statement::Truncate(table) => {
                let found = self.truncate(table, id).map(|version| (table.clone(), version));
                found.map(ended(Cause::Truncate)).into_iter().collect()
            }
            Statement::DropTables { tables, temporary: false, .. } => {
                let found = tables.iter().filter_map(|t| Some((t.clone(), self.drop(t, id)?)));
                found.map(ended(Cause::Drop)).collect()
            }
            Statement::CreateTable(create) if create.or_replace && !create.temporary => {
                let found = self.drop(&create.table, id).map(|v| (create.table.clone(), v));
                found.map(ended(Cause::Drop)).into_iter().collect()
            }
            Statement::RenameTables(pairs) => {
                self.rename(pairs, id).into_iter().map(ended(Cause::Rename)).collect()
            }
            Statement::AlterTable(alter) => {
                let pair = alter.rename_to.as_ref().filter(|to| **to != alter.table);
                let pairs: Vec<_> =
                    pair.map(|to| (alter.table.clone(), to.clone())).into_iter().collect();
                self.rename(&pairs, id).into_iter().map(ended(Cause::Rename)).collect()
            }
            Statement::DropDatabase(name)
            | Statement::CreateDatabase { name, or_replace: true, .. } => {
                self.drop_database(name, id).into_iter().map(ended(Cause::Drop)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// TRUNCATE: a new version. Gives the one that ended; `None` for a table without a history,
    /// which has published nothing.
    pub fn truncate(&mut self, table: &TableName, id: i64) -> Option<u32> {
        let last = self.tables.get(table)?.last()?;
        if id <= last.from_id {
            return self.ended_at(table, id);
        }
        if last.gone {
            return None;
        }
        let (version, columns) = (last.version, last.columns.clone());
        self.append(table, id, version.saturating_add(1), &columns, Cause::Truncate.past(), false);
        Some(version)
    }

    /// DROP: the name's next table has a new version. Gives the one that ended.
    pub fn drop(&mut self, table: &TableName, id: i64) -> Option<u32> {
        self.leave(table, id, Cause::Drop.past())
    }

    /// RENAME TABLE, all its pairs. Histories follow names: a name that another table takes over
    /// in the same statement (a swap) goes on, and the next TABLE_MAP tells whether its columns
    /// are compatible; a name that is left without a table has ended. Gives those that ended.
    pub fn rename(&mut self, pairs: &[(TableName, TableName)], id: i64) -> Vec<(TableName, u32)> {
        let mut left: Vec<&TableName> = Vec::new();
        for (from, to) in pairs {
            left.retain(|name| *name != to);
            left.push(from);
        }
        left.into_iter()
            .filter_map(|name| Some((name.clone(), self.leave(name, id, Cause::Rename.past())?)))
            .collect()
    }

    /// DROP DATABASE. Gives the tables and versions that ended.
    pub fn drop_database(&mut self, schema: &str, id: i64) -> Vec<(TableName, u32)> {
        let names: Vec<TableName> =
            self.tables.keys().filter(|name| name.schema == schema).cloned().collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.drop(&name, id)?))).collect()
    }

    fn leave(&mut self, table: &TableName, id: i64, cause: &str) -> Option<u32> {
        let last = self.tables.get(table)?.last()?;
        if id <= last.from_id {
            return self.ended_at(table, id);
        }
        if last.gone {
            return None;
        }
        let (version, columns) = (last.version, last.columns.clone());
        self.append(table, id, version, &columns, cause, true);
        Some(version)
    }

    /// The version that a statement with this id ended, when it did so before.
    fn ended_at(&self, table: &TableName, id: i64) -> Option<u32> {
        let history = self.tables.get(table)?;
        let at = history.iter().position(|entry| entry.from_id == id)?;
        history.get(at.checked_sub(1)?).map(|before| before.version)
    }
}
