//! The tables of a pull: how each is selected, which of its shards are done, when it has ended. Uses
//! `error`, `ums`, `mysql`, `endpoint`. Not hot: once a shard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mysql::prelude::Queryable;

use super::Setup;
use super::ledger::Known;
use crate::endpoint::pull::Session;
use crate::endpoint::pull::index::{Divider, choose};
use crate::endpoint::pull::layout::Layout;
use crate::endpoint::pull::shard::Shard;
use crate::error::{Error, Result};
use crate::mask::Masks;
use crate::mysql::barrier::{Barrier, View, begin, begin_behind};
use crate::mysql::connect::failed;
use crate::mysql::ddl::TableName;
use crate::ums::{Covered, Namespace};

/// What a table is, as far as its rows are selected by it.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) layout: Layout,
    pub(super) divider: Option<Divider>,
    /// The server's own words, to see a change by.
    created: String,
}

impl Shape {
    /// The hint for a shard: the index that it was cut by, if the table still has it.
    pub(super) fn hint(&self, shard: &Shard) -> String {
        let names = |divider: &&Divider| divider.columns.iter().map(|c| &c.name).eq(&shard.columns);
        self.divider.as_ref().filter(names).map(Divider::hint).unwrap_or_default()
    }
}

/// How a table is to be selected.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) columns: Vec<String>,
    pub(super) masks: Option<Arc<Masks>>,
    pub(super) split_by: Option<String>,
    pub(super) mariadb: bool,
    /// Whether an update has all columns in the log.
    pub(super) full_images: bool,
}

/// Reads what a table is now; `None` where there is none.
pub(super) fn shape(
    session: &mut Session,
    name: &TableName,
    namespace: &Namespace,
    wish: &Wish,
) -> Result<Option<Shape>> {
    let Some(created) = created(session, name)? else { return Ok(None) };
    let found = Layout::read(&mut session.conn, name, namespace, &wish.columns, wish.mariadb)?;
    let Some(mut layout) = found else { return Ok(None) };
    if let Some(masks) = &wish.masks {
        layout.mask(masks)?;
    }
    let divider = choose(&mut session.conn, &layout, wish.split_by.as_deref())?;
    if !wish.full_images && divider.as_ref().is_some_and(|divider| !divider.primary) {
        return Err(Error::refused(format!(
            "table {name} would be divided by columns that an update may change, and binlog_row_image is not FULL: \
             a row that moves from one shard to another would not be in the log as a whole"
        ))
        .advise("SET GLOBAL binlog_row_image=FULL, or divide it by its primary key"));
    }
    Ok(Some(Shape { layout, divider, created }))
}

/// The table's definition in the server's words, without the counter of its ids; `None` where
/// there is no such table.
fn created(session: &mut Session, name: &TableName) -> Result<Option<String>> {
    let (schema, table) = (
        crate::mysql::select::identifier(&name.schema),
        crate::mysql::select::identifier(&name.table),
    );
    let row: Option<mysql::Row> =
        match session.conn.query_first(format!("SHOW CREATE TABLE {schema}.{table}")) {
            Err(mysql::Error::MySqlError(answer)) if answer.code == NO_SUCH_TABLE => {
                return Ok(None);
            }
            other => other
                .map_err(failed(format_args!("table {name}: its definition cannot be read")))?,
        };
    // Defaults and comments may stand there in any character set.
    let words = row.as_ref().and_then(|row| row.get_opt::<Vec<u8>, _>(1)?.ok()).unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    Ok(Some(match words.split_once(" AUTO_INCREMENT=") {
        Some((head, tail)) => {
            format!("{head}{}", tail.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => words,
    }))
}

/// The server's error for a table that is not there.
pub(super) const NO_SUCH_TABLE: u16 = 1146;

/// A table of the run.
pub(super) struct Table {
    pub(super) name: TableName,
    pub(super) namespace: Namespace,
    shape: Mutex<Option<Arc<Shape>>>,
    progress: Mutex<Progress>,
    /// The position of the one lock of the table that serves all its shards.
    locked: Mutex<Option<View>>,
}

/// What of it is done.
#[derive(Default)]
struct Progress {
    shards: Vec<Shard>,
    planned: bool,
    /// Whether the shards are all of the table.
    whole: bool,
    done: BTreeMap<u64, Covered>,
    /// It was dropped meanwhile.
    gone: bool,
    /// Its end has been written.
    ended: bool,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    pub(super) fn new(name: TableName, namespace: Namespace, known: Option<&Known>) -> Self {
        let progress = known.map_or_else(Progress::default, |known| Progress {
            shards: known.shards.clone(),
            planned: known.planned,
            whole: known.whole,
            done: known.done.iter().map(|(number, done)| (*number, done.covered.clone())).collect(),
            ..Progress::default()
        });
        Self {
            name,
            namespace,
            shape: Mutex::new(None),
            progress: Mutex::new(progress),
            locked: Mutex::new(None),
        }
    }

    /// Opens the transaction of a shard, behind a barrier.
    ///
    /// A lock waits for whoever reads the table, ourselves included, and others wait behind it. So
    /// the table is locked once, before its first shard is read; what was logged before that
    /// position can be seen ever after.
    pub(super) fn begin(&self, session: &mut Session, setup: &Setup) -> Result<View> {
        let Setup { info, barrier, barrier_row, .. } = setup;
        let conn = &mut session.conn;
        if *barrier != Barrier::Lock {
            return begin(*barrier, conn, info, &self.name, barrier_row);
        }
        let mut locked = held(&self.locked);
        if let Some(view) = &*locked {
            let view = view.clone();
            drop(locked);
            begin_behind(conn, info)?;
            return Ok(view);
        }
        let view = begin(*barrier, conn, info, &self.name, barrier_row)?;
        *locked = Some(view.clone());
        Ok(view)
    }

    /// What it is, read when it is asked for first; `None` where there is no such table.
    pub(super) fn shape(&self, session: &mut Session, wish: &Wish) -> Result<Option<Arc<Shape>>> {
        if let Some(shape) = &*held(&self.shape) {
            return Ok(Some(Arc::clone(shape)));
        }
        let found = shape(session, &self.name, &self.namespace, wish)?.map(Arc::new);
        held(&self.shape).clone_from(&found);
        Ok(found)
    }

    /// What it is inside the open transaction, in which nothing can change it any more, and
    /// whether that is news; `None` where there is no such table.
    pub(super) fn current(
        &self,
        session: &mut Session,
        wish: &Wish,
    ) -> Result<Option<(Arc<Shape>, bool)>> {
        let Some(known) = self.shape(session, wish)? else { return Ok(None) };
        match created(session, &self.name)? {
            None => Ok(None),
            Some(now) if now == known.created => Ok(Some((known, false))),
            Some(_) => {
                *held(&self.shape) = None;
                Ok(self.shape(session, wish)?.map(|shape| (shape, true)))
            }
        }
    }

    /// The shards known so far that are not done.
    pub(super) fn open_shards(&self) -> Vec<Shard> {
        let progress = held(&self.progress);
        progress.shards.iter().filter(|s| !progress.done.contains_key(&s.number)).cloned().collect()
    }

    /// The last shard known so far.
    pub(super) fn last_shard(&self) -> Option<Shard> {
        held(&self.progress).shards.last().cloned()
    }

    /// Shards known and done, and rows of those.
    pub(super) fn counts(&self) -> [u64; 3] {
        let progress = held(&self.progress);
        let rows = progress.done.values().map(|done| done.rows).sum();
        [progress.shards.len() as u64, progress.done.len() as u64, rows]
    }

    /// Whether all its shards are known.
    pub(super) fn is_planned(&self) -> bool {
        held(&self.progress).planned
    }

    /// Takes over a shard that was found.
    pub(super) fn found(&self, shard: Shard) {
        held(&self.progress).shards.push(shard);
    }

    /// All its shards are known; whether they are the whole table.
    pub(super) fn plan_ended(&self, whole: bool) {
        let mut progress = held(&self.progress);
        progress.planned = true;
        progress.whole = whole;
    }

    /// A shard is done.
    pub(super) fn done(&self, number: u64, covered: Covered) {
        held(&self.progress).done.insert(number, covered);
    }

    /// It is not there any more; true the first time.
    pub(super) fn drop(&self) -> bool {
        !std::mem::replace(&mut held(&self.progress).gone, true)
    }

    /// Whether it is not there any more.
    pub(super) fn is_gone(&self) -> bool {
        held(&self.progress).gone
    }

    /// Whether its end has been written.
    pub(super) fn has_ended(&self) -> bool {
        held(&self.progress).ended
    }

    /// When all is done, and only once: whether that was the whole table, and its shards.
    pub(super) fn end(&self) -> Option<(bool, Vec<Covered>)> {
        let mut progress = held(&self.progress);
        let all = progress.planned && progress.done.len() == progress.shards.len();
        if !all || progress.gone || progress.ended {
            return None;
        }
        progress.ended = true;
        Some((progress.whole, progress.done.values().cloned().collect()))
    }
}

/// Whether shards, in the order of their numbers, are all of a table.
pub(super) fn covers_all(shards: &[Shard], layout: &Layout) -> bool {
    let column = shards.first().and_then(|shard| layout.key_column(shard.columns.first()?));
    let nulls = shards.iter().any(|shard| shard.null);
    let ranges: Vec<&Shard> = shards.iter().filter(|shard| !shard.null).collect();
    let (Some(first), Some(last)) = (ranges.first(), ranges.last()) else { return false };
    let joined = ranges.windows(2).all(|pair| match pair {
        [a, b] => a.upto == b.after && !a.upto.is_empty(),
        _ => true,
    });
    let null_free = column.is_none_or(|column| !column.nullable);
    first.after.is_empty() && last.upto.is_empty() && joined && (nulls || null_free)
}
