//! The arguments of lookups, and how they become an operation. Uses `endpoint::lookup`, `lookup`,
//! `op::lookup`. Not hot.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::args::{length, names};
use crate::cli::{message, value};
use crate::endpoint::lookup::{Wanted, open};
use crate::error::{Error, Result};
use crate::lookup::Store;
use crate::lookup::patient::Patient;
use crate::op::join::pair::Unmatched;
use crate::op::lookup::{Lookup, Spec};
use crate::url::{Login, Url};

const LOOKUPS: &str = "Lookups";

/// What the command line says of lookups.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    /// Look rows up in this store: mysql:, postgres:, sqlite: or redis:
    ///
    /// See dws-endpoints(7) for the forms and their options.
    #[arg(long, value_name = "STORE", help_heading = LOOKUPS, requires = "query")]
    #[arg(conflicts_with_all = ["on", "aggregates", "window", "name"])]
    pub lookup: Option<String>,

    /// What is asked: 'SELECT name FROM customer WHERE id IN (:customer_id)'
    ///
    /// :column stands for the value of the stream's column, also several times and several of them:
    /// WHERE (region, id) IN ((:region, :customer_id)). The values are bound as parameters.
    #[arg(long, value_name = "SQL", help_heading = LOOKUPS, requires = "lookup")]
    pub query: Option<String>,

    /// Whether a row finds at most one row, or many
    ///
    /// one: the key stays the stream's; to find several ends the run. many: a result for each, with
    /// their number in the column lookup_row, which becomes a part of the key.
    #[arg(long, value_name = "COUNT", default_value = "one", help_heading = LOOKUPS)]
    #[arg(value_parser = ["one", "many"], hide_possible_values = true)]
    pub matches: String,

    /// Use what was found again for so long: 1m, or 0
    ///
    /// Longer is faster, and results are as much older. With 0 every batch of rows asks.
    #[arg(long, value_name = "DURATION", default_value = "1m", help_heading = LOOKUPS)]
    #[arg(value_parser = length, hide_short_help = true)]
    pub cache_for: i64,

    /// Remember for so long that nothing was found
    ///
    /// Shorter than --cache-for: a row of the stream may come before the one that it looks for.
    #[arg(long, value_name = "DURATION", default_value = "5s", help_heading = LOOKUPS)]
    #[arg(value_parser = length, hide_short_help = true)]
    pub cache_missing: i64,

    /// Keep about so much of what was found
    ///
    /// What was not used for the longest time goes first, and is asked again.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", help_heading = LOOKUPS)]
    #[arg(value_parser = value::bytes, hide_short_help = true)]
    pub cache: u64,

    /// Connect to the store, try the query, say what it gives, and end
    ///
    /// Nothing is read from the inputs.
    #[arg(long, help_heading = LOOKUPS, requires = "lookup", hide_short_help = true)]
    pub check: bool,

    /// Read the store's password from FILE (its first line)
    ///
    /// Without it: the address, DWS_PASSWORD, MYSQL_PWD, PGPASSWORD or REDISCLI_AUTH, then the option
    /// file.
    #[arg(long, value_name = "FILE", help_heading = LOOKUPS, hide_short_help = true)]
    #[arg(env = "DWS_PASSWORD_FILE", hide_env_values = true)]
    pub password_file: Option<PathBuf>,

    /// Read this option file in place of ~/.my.cnf, for a mysql:// store
    ///
    /// The groups [client], [dws] and [ums-join] are read. What the address says counts more.
    #[arg(long, value_name = "FILE", help_heading = LOOKUPS, hide_short_help = true)]
    #[arg(env = "DWS_DEFAULTS_FILE", hide_env_values = true)]
    pub defaults_file: Option<PathBuf>,
}

impl Args {
    /// The store, and how long it may be gone.
    fn open(&self) -> Result<(Box<dyn Store>, Duration)> {
        let url = Url::parse(self.lookup.as_deref().unwrap_or_default())?;
        let login = Login {
            password_file: self.password_file.clone(),
            defaults_file: self.defaults_file.clone(),
            lookup: |name| std::env::var(name).ok(),
        };
        let query = self.query.as_deref().unwrap_or_default();
        let warn = |text: &str| message::warn(text);
        let (store, retry) = open(&Wanted { url: &url, query, login: &login, warn: &warn })?;
        Ok((store, Duration::from_secs(retry)))
    }

    /// `--check`: what is there.
    ///
    /// # Errors
    /// Those of the store.
    pub fn try_out(&self) -> Result<String> {
        let (mut store, _) = self.open()?;
        let fields = store.fields()?;
        let found = store.describe()?;
        let columns: Vec<String> =
            fields.iter().map(|field| format!("{} ({})", field.name, field.ty.name())).collect();
        Ok(format!(
            "{found}; the query is asked for {} and gives {}\n",
            store.columns().join(", "),
            columns.join(", ")
        ))
    }

    /// The operation, connected: a store that cannot be reached at the start ends the run at once.
    ///
    /// # Errors
    /// Those of the store, and `Usage`.
    pub fn operation(&self, all: &super::Args, stop: Arc<AtomicBool>) -> Result<Lookup> {
        let (mut store, patience) = self.open()?;
        store.fields()?;
        let note = Box::new(|text: &str| message::warn(text));
        let store = Box::new(Patient::new(store, patience, stop, note));
        let time = |micros: i64| Duration::from_micros(u64::try_from(micros).unwrap_or(0));
        let spec = Spec {
            patterns: all.namespace.clone(),
            keys: all.keys.as_deref().map(names).unwrap_or_default(),
            many: self.matches == "many",
            unmatched: match all.unmatched.as_str() {
                "send" => Unmatched::Send,
                "alert" => Unmatched::Alert,
                _ => Unmatched::Drop,
            },
            prefix: all.prefix.clone(),
            cache: usize::try_from(self.cache).unwrap_or(usize::MAX),
            fresh: time(self.cache_for),
            fresh_missing: time(self.cache_missing),
        };
        if spec.keys.iter().any(|key| key.contains('/')) {
            return Err(Error::usage("--keys takes the stream's columns in a lookup: id"));
        }
        Lookup::new(spec, store)
    }
}
