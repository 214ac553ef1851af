//! The file that holds the versions and definitions of tables. Uses `error`, `durable`, `versions`
//! and `schema`. Once a change; not hot.
//!
//! It is saved before anything that depends on it is written, see [`crate::mysql::versions`].

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::schema::History;
use super::versions::Versions;
use crate::durable;
use crate::error::{Error, Result};

/// What is known of tables from one run to the next.
#[derive(Debug, Default)]
pub struct SchemaStore {
    /// The versions that stand in namespaces.
    pub versions: Versions,
    /// Columns, types and keys.
    pub history: History,
    /// Without a file it lasts as long as the run.
    path: Option<PathBuf>,
}

impl SchemaStore {
    /// Reads a store; a file that does not exist is an empty one, and one that was written before
    /// definitions were kept has none.
    ///
    /// # Errors
    /// `Data` when it holds something else, `Refused` when it is no file, `Unreachable` when it cannot be
    /// read or its folder is not there.
    pub fn open(path: Option<PathBuf>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::default()) };
        let Some(bytes) = durable::read(&path, "schema store")? else {
            return Ok(Self { path: Some(path), ..Self::default() });
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|e| unreadable(&path).caused_by(e))?;
        let tables = value.get("tables").and_then(Versions::from_json);
        let definitions =
            value.get("definitions").map_or_else(|| Some(History::default()), History::from_json);
        let (Some(versions), Some(history)) = (tables, definitions) else {
            return Err(unreadable(&path));
        };
        Ok(Self { versions, history, path: Some(path) })
    }

    /// Makes what changed durable.
    ///
    /// # Errors
    /// `Unreachable` when the file cannot be written.
    pub fn save(&mut self) -> Result<()> {
        if let Some(path) = &self.path
            && (self.versions.is_dirty() || self.history.is_dirty())
        {
            let all =
                json!({ "tables": self.versions.to_json(), "definitions": self.history.to_json() });
            durable::replace(path, "schema store", format!("{all}\n").as_bytes())?;
            self.versions.saved();
            self.history.saved();
        }
        Ok(())
    }
}

fn unreadable(path: &Path) -> Error {
    Error::data(format!("{}: not a history of table versions", path.display()))
        .advise("restore it from a copy; without it namespace versions start again at 0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::ddl::TableName;
    use crate::mysql::schema::{Catalog, ColumnDefinition, TableDefinition};

    #[test]
    fn a_saved_store_reads_back_and_a_broken_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schema.json");
        let open = || SchemaStore::open(Some(path.clone()));
        let mut store = open().unwrap();
        store.save().unwrap();
        assert!(!path.exists(), "nothing to save");
        let table = TableName::new("shop", "t");
        store.versions.observe(&table, &[("a".to_owned(), "int".to_owned())], 5);
        let mut catalog = Catalog::default();
        let columns = vec![ColumnDefinition::new("a", "int")];
        catalog.insert(&table, TableDefinition { columns, ..TableDefinition::default() });
        store.history.record(&catalog, &table, 5);
        store.save().unwrap();
        let again = open().unwrap();
        assert_eq!((&again.versions, &again.history), (&store.versions, &store.history));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        // As it was written before definitions were kept.
        let mut value: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        value.as_object_mut().unwrap().remove("definitions");
        std::fs::write(&path, value.to_string()).unwrap();
        let old = open().unwrap();
        assert_eq!((&old.versions, old.history), (&store.versions, History::default()));
        for broken in
            ["{", "{}", r#"{"tables":[{"schema":1}]}"#, r#"{"tables":[],"definitions":1}"#]
        {
            std::fs::write(&path, broken).unwrap();
            assert!(open().is_err(), "{broken}");
        }
    }
}
