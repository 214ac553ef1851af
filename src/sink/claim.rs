//! Who may fill a target table: the rule behind each database's `_ums_table`, which says which
//! source table a target belongs to, so that two tables of one name never mix unnoticed, not even in
//! two runs. Uses `error` and `wanted`. Runs once a schema.

use super::target::Mode;
use super::wanted::Wanted;
use crate::error::{Error, Result};

/// The source of a table that several source tables fill, by `--map`.
pub(super) const SHARED: &str = "";

/// How a mode is written down.
pub(super) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Upsert => "upsert",
        Mode::Append => "append",
    }
}

/// Whether a source table may fill a target that belongs to `owner` and was made for `made_for`;
/// true when the target becomes a shared one by that.
///
/// # Errors
/// `Refused` when the name belongs to another source table and no rule led here, and when the table
/// was filled in the other mode.
pub(super) fn judge(wanted: &Wanted, mode: Mode, owner: &str, made_for: &str) -> Result<bool> {
    let (name, own) = (&wanted.table.name, wanted.namespace.source());
    if !wanted.table.mapped && owner != own {
        return Err(Error::refused(format!(
            "{}: table {name} belongs to {}",
            wanted.namespace,
            if owner == SHARED { "several sources by --map" } else { owner }
        ))
        .advise(format!(
            "give each its own with --map, such as --map '{own}={{schema}}_{{table}}'"
        )));
    }
    let mode = mode_name(mode);
    if made_for != mode {
        return Err(Error::refused(format!(
            "{}: table {name} was filled with --mode {made_for}",
            wanted.namespace
        ))
        .advise(format!("use another database or another name (--map) for --mode {mode}")));
    }
    Ok(owner != own && owner != SHARED)
}
