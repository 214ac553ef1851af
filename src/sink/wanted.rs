//! What a message asks of its target table: name, columns, key. Uses `error`, `ums` and `target`.
//! Runs once a schema: not hot.

use super::target::{Mode, Options, TableName};
use crate::error::{Error, Result};
use crate::ums::{Field, Namespace, Schema};

/// The columns that a sink adds to a table of rows.
pub(super) const UPSERT_COLUMNS: [&str; 4] = ["_ums_id_", "_ums_ts_", "_ums_op_", "_is_active_"];

/// The columns that a sink adds to a table of changes.
pub(super) const APPEND_COLUMNS: [&str; 4] = ["_ums_id_", "_ums_ts_", "_ums_op_", "_ums_uid_"];

/// What a message asks of its table: its data fields (without system columns) and its key.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    /// The namespace.
    pub(super) namespace: &'a Namespace,
    /// The target's name.
    pub(super) table: TableName,
    /// Fields with their positions among the cells.
    pub(super) fields: Vec<(usize, &'a Field)>,
    /// Key columns in key order; empty in append mode.
    pub(super) keys: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    /// Reads a schema under the options. `reserved` is how names of the database's own begin.
    ///
    /// # Errors
    /// `Refused` for a table without a key in upsert mode and for names that the sink keeps for
    /// itself; `Data` for key columns that the message lacks.
    pub(super) fn new(schema: &'a Schema, options: &Options, reserved: &str) -> Result<Self> {
        let namespace = &schema.namespace;
        let table = options.table(namespace);
        let lower = table.name.to_ascii_lowercase();
        let own = !reserved.is_empty() && lower.starts_with(reserved);
        if lower.is_empty() || lower.starts_with("_ums_") || own {
            return Err(Error::refused(format!(
                "{namespace}: a target table cannot be called '{}'",
                table.name
            ))
            .advise("give it another name with --map PATTERN=TABLE"));
        }
        let system = schema.system();
        let own = [system.id, system.ts, system.op, system.uid];
        let fields: Vec<_> =
            schema.fields.iter().enumerate().filter(|(at, _)| !own.contains(&Some(*at))).collect();
        if let Some((_, field)) = fields.iter().find(|(_, field)| is_system(&field.name)) {
            return Err(Error::refused(format!(
                "{namespace}: column {} has a name that the sink keeps for itself",
                field.name
            ))
            .advise("rename it in the source, or leave the table out"));
        }
        let keys = match options.mode {
            Mode::Append => Vec::new(),
            Mode::Upsert => options
                .keys(schema)?
                .into_iter()
                .filter_map(|at| schema.fields.get(at))
                .map(|field| field.name.as_str())
                .collect(),
        };
        if keys.is_empty() && options.mode == Mode::Upsert {
            return Err(Error::refused(format!("{namespace}: the table has no primary key"))
                .advise(
                    "name unique columns with --keys PATTERN=COLUMN,COLUMN, or use --mode append",
                ));
        }
        Ok(Self { namespace, table, fields, keys })
    }
}

fn is_system(name: &str) -> bool {
    UPSERT_COLUMNS.iter().chain(&APPEND_COLUMNS).any(|own| own.eq_ignore_ascii_case(name))
}
