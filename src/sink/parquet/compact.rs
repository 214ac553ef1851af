//! Many small files of a namespace into few large ones, while writers write and readers read. Uses
//! `error`, `columnar` and `store`. Not hot; the values pass in `columnar`.
//!
//! **Every row is in exactly one live file, whatever is killed and when.** The merged files are put
//! together aside, checked and made durable; then the folder of the namespace is exchanged for its
//! successor in one step (`store::swap`). Our readers see one of the two (`store::live_files`).
//!
//! What readers see that only list names is told in `announce.rs`.

mod announce;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use announce::{Announced, WITNESS};

use crate::columnar::{Shape, Source, Span, merge, names};
use crate::error::{Error, Result};
use crate::store::{LiveFile, Rearranger, Snapshot, Tree, live_files};

/// Folders that may wait for their exchange, each with a lease of its own.
const WAITING: usize = 64;
/// A file of half the target or more is large enough.
const LARGE: u64 = 2;
/// Files below an eighth of the target are merged whenever there are two of them.
const TINY: u64 = 8;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// About how many bytes a merged file shall have.
    pub target: u64,
    /// Only say what would be done.
    pub dry_run: bool,
    /// How long an exchange is announced before: longer than other readers take to list a folder.
    pub warning: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { target: 128 << 20, dry_run: false, warning: Duration::from_millis(200) }
    }
}

/// What became of one namespace's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compacted {
    /// The folder, relative to the root.
    pub folder: String,
    /// Files, and their bytes, that were replaced.
    pub before: (usize, u64),
    /// Files, and their bytes, in their place; when only planned, their number and the bytes before.
    pub after: (usize, u64),
    /// Rows in them; 0 when only planned.
    pub rows: u64,
}

/// A file that may be merged.
struct Small<'a> {
    file: &'a LiveFile,
    /// Index of its shape.
    shape: usize,
    rows: u64,
}

/// Merges the small files of every namespace under the root; `done` is told of each folder that has
/// some. Ends early, at the end of a folder, when `stop` rises.
///
/// # Errors
/// `Data` for a damaged file, `Unreachable` when something cannot be read or written or another
/// process rearranges the root, `Refused` where the file system lacks what it takes. What was
/// replaced before is durable, and the folder at hand is as it was.
pub fn compact(
    tree: &Tree,
    options: Options,
    stop: &AtomicBool,
    mut done: impl FnMut(&Compacted) -> Result<()>,
) -> Result<()> {
    Rearranger::check(tree)?;
    let folders = names::namespaces(|folder| tree.list(folder))?;
    let folders = folders.into_iter().map(|(_, folder)| folder);
    let mut folders = folders.take_while(|_| !stop.load(Ordering::Relaxed));
    if options.dry_run {
        return folders.try_for_each(|folder| {
            let snapshot = live_files(tree, &folder)?;
            let (_, packs) = plan(tree, &snapshot, options.target)?;
            let (before, after) = (total(&packs), (packs.len(), total(&packs).1));
            if packs.is_empty() {
                Ok(())
            } else {
                done(&Compacted { folder, before, after, rows: 0 })
            }
        });
    }
    let mut rearranger = Rearranger::open(tree)?;
    let mut waiting = VecDeque::new();
    let result = folders.try_for_each(|folder| {
        waiting.extend(prepare(tree, folder, options, &mut rearranger)?);
        while waiting.len() > WAITING || waiting.front().is_some_and(Announced::is_due) {
            exchange_first(&mut waiting, &rearranger, &mut done)?;
        }
        Ok(())
    });
    // Those that are announced are ready, whatever came after them.
    let mut rest = Ok(());
    while rest.is_ok() && !waiting.is_empty() {
        rest = exchange_first(&mut waiting, &rearranger, &mut done);
    }
    waiting.into_iter().for_each(|folder| folder.withdraw(&rearranger));
    result.and(rest)
}

fn exchange_first(
    waiting: &mut VecDeque<Announced>,
    rearranger: &Rearranger,
    done: &mut impl FnMut(&Compacted) -> Result<()>,
) -> Result<()> {
    let Some(first) = waiting.pop_front() else { return Ok(()) };
    done(&first.exchange(rearranger)?)
}

/// Merges the small files of a folder and announces the exchange; nothing where there are none.
fn prepare(
    tree: &Tree,
    folder: String,
    options: Options,
    rearranger: &mut Rearranger,
) -> Result<Option<Announced>> {
    let snapshot = live_files(tree, &folder)?;
    let (shapes, packs) = plan(tree, &snapshot, options.target)?;
    if packs.is_empty() {
        // Left by one that was killed.
        for name in tree.list(&folder)?.iter().filter(|name| name.starts_with(WITNESS)) {
            rearranger.remove(&format!("{folder}/{name}"))?;
        }
        return Ok(None);
    }
    let work = Work { tree, folder: &folder, snapshot: &snapshot, shapes: &shapes };
    let mut merged =
        Compacted { folder: folder.clone(), before: total(&packs), after: (0, 0), rows: 0 };
    let mut inner = Vec::new();
    for pack in &packs {
        let Some(new) = work.merge(rearranger, pack)? else { continue };
        merged.after = (merged.after.0 + 1, merged.after.1 + new.bytes);
        merged.rows += new.rows;
        inner.push(new.folder);
    }
    let replaced = packs.iter().flatten().map(|small| small.file.path.clone()).collect();
    let newest = snapshot.files().iter().rfind(|file| is_part(file));
    let columns = newest.map(|file| open(tree, &snapshot, file)).transpose()?;
    Announced::announce(rearranger, merged, snapshot, replaced, inner, columns, options.warning)
        .map(Some)
}

fn total(packs: &[Vec<Small>]) -> (usize, u64) {
    let files = packs.iter().flatten();
    (files.clone().count(), files.map(|small| small.file.bytes).sum())
}

/// Which files become one: neighbours in the order of ids, of one shape, so that the new files'
/// names say as much about times and ids as may be.
fn plan<'a>(
    tree: &Tree,
    snapshot: &'a Snapshot,
    target: u64,
) -> Result<(Vec<Shape>, Vec<Vec<Small<'a>>>)> {
    let mut shapes: Vec<Shape> = Vec::new();
    let mut found = Vec::new();
    for file in snapshot.files() {
        let Some((ids, number)) = names::read_part(base(&file.path)) else { continue };
        found.push((ids, number, file));
    }
    found.sort_unstable_by_key(|&(ids, number, file)| (ids, number, &file.path));
    // For each shape the neighbours seen last.
    let mut growing: Vec<Vec<Small>> = Vec::new();
    let mut packs = Vec::new();
    for (.., file) in found {
        if file.bytes.saturating_mul(LARGE) >= target {
            continue;
        }
        let source = open(tree, snapshot, file)?;
        let rows = source.rows();
        let shape = source.shape();
        let index = match shapes.iter_mut().position(|known| known.fits(&shape)) {
            Some(index) => index,
            None => {
                shapes.push(shape.clone());
                growing.push(Vec::new());
                shapes.len() - 1
            }
        };
        if let Some(known) = shapes.get_mut(index) {
            known.join(&shape);
        }
        let Some(pack) = growing.get_mut(index) else { continue };
        let bytes: u64 = pack.iter().map(|small| small.file.bytes).sum();
        if bytes.saturating_add(file.bytes) > target {
            worthwhile(std::mem::take(pack), target, &mut packs);
        }
        pack.push(Small { file, shape: index, rows });
    }
    growing.into_iter().for_each(|pack| worthwhile(pack, target, &mut packs));
    Ok((shapes, packs))
}

/// Keeps what is worth the copying: where one file weighs more than all others together, it is left
/// alone, so that over many runs a row is copied as often as its file doubles and no more.
fn worthwhile<'a>(mut pack: Vec<Small<'a>>, target: u64, packs: &mut Vec<Vec<Small<'a>>>) {
    if pack.len() < 2 {
        return;
    }
    let bytes: u64 = pack.iter().map(|small| small.file.bytes).sum();
    let largest = pack.iter().enumerate().max_by_key(|(_, small)| small.file.bytes);
    let Some((at, size)) = largest.map(|(at, small)| (at, small.file.bytes)) else { return };
    if size.saturating_mul(TINY) < target || size <= bytes - size {
        packs.push(pack);
        return;
    }
    let right = pack.split_off(at + 1);
    pack.pop();
    worthwhile(pack, target, packs);
    worthwhile(right, target, packs);
}

/// One folder at work.
struct Work<'a> {
    tree: &'a Tree,
    folder: &'a str,
    snapshot: &'a Snapshot,
    shapes: &'a [Shape],
}

/// A merged file.
struct Merged {
    /// The folder that it gets.
    folder: String,
    bytes: u64,
    rows: u64,
}

impl Work<'_> {
    /// Writes one file in place of a pack.
    fn merge(&self, rearranger: &mut Rearranger, pack: &[Small]) -> Result<Option<Merged>> {
        let shape = pack.first().and_then(|small| self.shapes.get(small.shape));
        let Some(shape) = shape else { return Ok(None) };
        let sources = pack.iter().map(|small| open(self.tree, self.snapshot, small.file));
        let Some((draft, span)) = merge(shape, sources, || rearranger.create())? else {
            return Err(Error::data(format!("{}: files without a row", self.folder)));
        };
        let sealed = draft.seal()?;
        let place = sealed.path().display().to_string();
        let file = std::fs::File::open(sealed.path()).map_err(|error| Error::io(&place, error))?;
        let bytes = file.metadata().map_err(|error| Error::io(&place, error))?.len();
        // What is to replace them is looked at as it stands on the disk.
        let written = Source::open(file, &place)?.rows();
        let wanted: u64 = pack.iter().map(|small| small.rows).sum();
        if (written, span.rows) != (wanted, wanted) {
            return Err(Error::unreachable(format!(
                "{place}: holds {written} rows in place of {wanted}; nothing was replaced"
            )));
        }
        let folder = format!("{}/{}", self.folder, names::times(&span));
        for name in names::parts(&span, self.last_number(&folder, &span)) {
            if rearranger.place(&sealed, &format!("{folder}/{name}"))? {
                break;
            }
        }
        Ok(Some(Merged { folder, bytes, rows: written }))
    }

    /// The greatest number of the files of these times and ids: no name of the folder at hand is
    /// used for another file in its successor.
    fn last_number(&self, folder: &str, span: &Span) -> u64 {
        let number = |file: &LiveFile| {
            let name = file.path.strip_prefix(folder)?.strip_prefix('/')?;
            names::read_part(name).filter(|(ids, _)| *ids == span.ids).map(|(_, number)| number)
        };
        self.snapshot.files().iter().filter_map(number).max().unwrap_or(0)
    }
}

fn open(tree: &Tree, snapshot: &Snapshot, file: &LiveFile) -> Result<Source> {
    Source::open(snapshot.open(file)?, tree.root().join(&file.path).display().to_string())
}

fn is_part(file: &LiveFile) -> bool {
    names::read_part(base(&file.path)).is_some()
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}
