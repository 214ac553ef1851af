//! The end of a pull: which rows of the target the source has no more. Uses `error`, `ums` and
//! `target`. Not hot: one for a table and pull.
//!
//! **The rule.** Every row that a pull brings has an id not below the batch's, in whatever run of a
//! resumed pull it came. So when the pull was of the whole table and all of its rows are durable, a
//! row with a smaller id is one that the source did not have when it was read, and it goes, with
//! the batch's id. Nothing has to be remembered of the pull, so a crash anywhere leaves nothing
//! half known. A writer that follows the log beside it is not disturbed: what the log says later
//! about a swept key has a greater id and wins, and what it says late has a smaller one and loses
//! (soft: against the row; hard: against the remembered delete).
//!
//! **Two fuses.** A row whose shard was said to be finished and is not in the target would look like
//! one that the source has no more. So rows with ids of the pull are counted: there are at least as
//! many as the pull says, since a row never disappears without a trace. And a run that may have put
//! rows of the pull aside (`--reject`) does not sweep at all.

use super::target::{Mode, Options, Target};
use super::{Rejects, Spec};
use crate::error::{Error, Result};
use crate::ums::{BatchEnd, Message};

/// What a sink did at the end of a table's pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Nothing was to be removed.
    Kept,
    /// So many rows that the source has no more were removed.
    Swept(u64),
    /// They were to be removed and were not; why.
    Left(String),
}

impl Options {
    /// Whether the end of a pull asks for a sweep, and of what.
    ///
    /// # Errors
    /// The inner one: there should be a sweep and cannot be, with the reason. The outer one: `Data`
    /// for an end that is no end.
    pub(super) fn asks(&self, message: &Message) -> Result<Result<Option<BatchEnd>, String>> {
        if !self.sweep {
            return Ok(Ok(None));
        }
        let Some(end) = BatchEnd::read(message)? else {
            return Ok(Err("the end of its pull does not say what was pulled".to_owned()));
        };
        let [.., schema_shard, table_shard] = &end.namespace.parts;
        let reason = if self.mode == Mode::Append {
            "every change is kept as a row"
        } else if !end.whole || schema_shard != "0" || table_shard != "0" {
            "the pull was not of the whole table: a condition, a part of its shards, or one of several \
             tables that are published as one"
        } else if end.batch < 0 {
            "ids of dbus-pull --id initial say nothing about what is older; pull with --id batch"
        } else {
            return Ok(Ok(Some(end)));
        };
        Ok(Err(reason.to_owned()))
    }
}

/// Why a table is not swept whose register says that it has other rows, too.
pub(super) const SHARED: &str = "several source tables fill the target table";

/// The fuse: whether all rows of the pull are in the target, of which `found` rows have ids of it.
pub(super) fn complete(end: &BatchEnd, found: u64) -> Result<(), String> {
    let rows = end.shards.iter().fold(0_u64, |sum, shard| sum.saturating_add(shard.rows));
    if found >= rows {
        return Ok(());
    }
    Err(format!(
        "the pull says {rows} rows, and {found} have come; pull it again from the beginning"
    ))
}

/// When the pull's last shard was read: the time that swept rows get.
pub(super) fn moment(end: &BatchEnd) -> &str {
    end.shards.iter().map(|shard| shard.ts.as_str()).max().unwrap_or_default()
}

/// Whether a destination can do what `--sweep` asks; nothing to say where it does not.
///
/// # Errors
/// `Usage` for destinations and modes that keep every change, and beside a file of rejected rows.
pub fn check_sweep(spec: &Spec, target: &Target) -> Result<()> {
    let Options { sweep, mode, rejects, .. } = &target.options;
    if !sweep {
        return Ok(());
    }
    if !spec.sweeps || *mode == Mode::Append {
        let what = if spec.sweeps { "--mode append keeps" } else { "this destination keeps" };
        return Err(Error::usage(format!(
            "{}: --sweep has no meaning here: {what} every change, deletes too",
            target.url
        ))
        .advise("sweep sqlite, mysql or postgres tables with --mode upsert"));
    }
    beside_rejects(rejects)
}

/// A row that was put aside is in the source, and its older image in the target must stay.
fn beside_rejects(rejects: &Rejects) -> Result<()> {
    if rejects.is_open() {
        return Err(Error::usage(
            "--sweep and --reject exclude each other: the older image of a row that was put aside \
             would be removed",
        )
        .advise("leave --reject out, so that the first row that cannot be stored stops the run"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::{Covered, Decoder, Dialect, Namespace};

    fn asks(namespace: &str, batch: i64, whole: bool, options: &Options) -> Result<bool, String> {
        let shard = Covered { id: batch, ts: "2026".into(), rows: 3, range: "{}".into() };
        let namespace = Namespace::parse(namespace).unwrap();
        let end = BatchEnd { namespace, batch, whole, shards: vec![shard] };
        let mut line = Vec::new();
        end.write(Dialect::Dws, &mut line);
        let mut decoder = Decoder::default();
        let message = decoder.decode(line.strip_suffix(b"\n").unwrap()).unwrap();
        options.asks(&message).unwrap().map(|asked| asked.is_some())
    }

    #[test]
    fn only_a_whole_pull_is_swept() {
        let orders = "mysql.db1.shop.orders.0.0.0";
        let sweep = Options { sweep: true, ..Options::default() };
        assert_eq!(asks(orders, 5, true, &Options::default()), Ok(false));
        assert_eq!(asks(orders, 5, true, &sweep), Ok(true));
        assert_eq!(asks(orders, 0, true, &sweep), Ok(true));
        assert!(asks(orders, 5, false, &sweep).unwrap_err().contains("not of the whole table"));
        assert!(asks(orders, -5, true, &sweep).unwrap_err().contains("--id initial"));
        let shard = "mysql.db1.shop.orders.0.0.7";
        assert!(asks(shard, 5, true, &sweep).unwrap_err().contains("published as one"));
        let append = Options { mode: Mode::Append, ..sweep };
        assert!(asks(orders, 5, true, &append).is_err());
    }

    #[test]
    fn a_pull_that_did_not_arrive_is_not_complete() {
        let shard = |rows| Covered { id: 5, ts: String::new(), rows, range: String::new() };
        let namespace = Namespace::parse("a.b.c.d.0.0.0").unwrap();
        let shards = vec![shard(2), shard(u64::MAX), shard(1)];
        let mut end = BatchEnd { namespace, batch: 5, whole: true, shards };
        assert!(complete(&end, 1000).is_err());
        end.shards.remove(1);
        assert_eq!(complete(&end, 3), Ok(()));
        assert!(complete(&end, 2).unwrap_err().contains("says 3 rows, and 2"));
    }
}
