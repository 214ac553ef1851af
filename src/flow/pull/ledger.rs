//! The state of a pull that can be resumed: a file of JSON lines that only grows. Uses `error`,
//! `durable`, `endpoint`. Not hot: once a shard.
//!
//! First what the pull is, then its shards as they are found, then those that are done. A torn last
//! line is what a crash left, and counts for nothing.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::durable;
use crate::endpoint::pull::shard::Shard;
use crate::error::{Error, Result};
use crate::mysql::ddl::TableName;
use crate::ums::Covered;

/// The version of the file.
const VERSION: u64 = 1;

/// What the file is, for people.
const STATE: &str = "state";

/// What a pull is: a state of another one is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Part two of the namespaces.
    pub source: String,
    /// The server.
    pub server: String,
    /// The options that decide which rows are pulled and how, for people.
    pub options: String,
}

/// Where a pull begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `schema.batchId`.
    pub batch: i64,
    /// The log file of the position before the first shard.
    pub file: String,
    /// The offset in it.
    pub pos: u64,
    /// The transactions before it.
    pub gtid: String,
    /// When, as `_ums_ts_`.
    pub ts: String,
}

/// A shard that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The how manieth shard it was to be done.
    pub sequence: u64,
    /// Whether its rows were durable when this was written.
    pub durable: bool,
    /// Its rows.
    pub covered: Covered,
}

/// What is known of a table.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Its shards, in order.
    pub shards: Vec<Shard>,
    /// Whether these are all that will be pulled.
    pub planned: bool,
    /// Whether they are the whole table.
    pub whole: bool,
    /// The shards that are done, by number.
    pub done: BTreeMap<u64, Finished>,
}

/// The file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Where the pull began.
    pub origin: Origin,
    /// The tables that the file knows.
    pub tables: BTreeMap<TableName, Known>,
    /// Whether this run goes on with what an earlier one began.
    pub resumed: bool,
    sequence: u64,
}

/// What a file says.
struct Read {
    identity: Identity,
    origin: Origin,
    tables: BTreeMap<TableName, Known>,
    ended: bool,
    /// The greatest number that a shard was given when it was done.
    sequence: u64,
    /// Bytes up to the last whole line.
    whole: u64,
}

impl Ledger {
    /// Opens the file: goes on with the pull that it holds, or begins a new one where there is none
    /// or it has ended. `confirmed` gives the count of shards that the sink has made durable, for
    /// a batch; `None` where nothing is known of a sink.
    ///
    /// # Errors
    /// `Refused` for the state of another pull and for another file.
    pub fn open(
        path: &Path,
        identity: &Identity,
        confirmed: &dyn Fn(i64) -> Option<u64>,
        begin: &mut dyn FnMut() -> Result<Origin>,
    ) -> Result<Self> {
        let place = path.display();
        durable::not_a_device(path, STATE)?;
        // Before anything is read: what another one still writes would be cut away.
        let before = OpenOptions::new().append(true).open(path).ok();
        if let Some(file) = &before {
            lock(file, path)?;
            // One that begins anew puts another file in its place.
            let inode = |found: std::io::Result<Metadata>| found.map(|f| f.ino()).ok();
            if inode(file.metadata()) != inode(path.metadata()) {
                return Err(busy(path));
            }
        }
        let text = durable::read(path, STATE)?.unwrap_or_default();
        let found = if text.is_empty() {
            None
        } else {
            Some(read(&text).ok_or_else(|| {
                Error::refused(format!("{place}: not the state of a pull"))
                    .advise("name another file; this one has not been touched")
            })?)
        };
        let Some(mut read) = found else { return Self::create(path, identity, begin()?) };
        let confirmed = confirmed(read.origin.batch);
        keep_confirmed(&mut read.tables, confirmed);
        let finished = read.tables.values().all(|t| t.planned && t.done.len() == t.shards.len());
        if read.ended && (finished || confirmed.is_none()) {
            return Self::create(path, identity, begin()?);
        }
        if read.identity != *identity {
            return Err(Error::refused(format!(
                "{place}: the state of another pull: {} of {} with {}",
                read.identity.source, read.identity.server, read.identity.options
            ))
            .advise("run it with the same options to end that pull, or remove the file"));
        }
        let failed = |error| Error::io(format_args!("{place}: cannot open for writing"), error);
        let file = match before {
            Some(file) => file,
            None => OpenOptions::new().append(true).open(path).map_err(failed)?,
        };
        file.set_len(read.whole).map_err(failed)?;
        let Read { origin, tables, sequence, whole: length, .. } = read;
        let path = path.to_owned();
        let mut ledger = Self { path, file, length, origin, tables, resumed: true, sequence };
        // Else a later marker would seem to confirm what this run pulls again.
        ledger.append(&json!({ "resumed": confirmed }).to_string(), true)?;
        Ok(ledger)
    }

    fn create(path: &Path, identity: &Identity, origin: Origin) -> Result<Self> {
        let head = json!({
            "dbus-pull": VERSION, "source": identity.source, "server": identity.server,
            "options": identity.options, "batch": origin.batch.to_string(), "file": origin.file,
            "pos": origin.pos, "gtid": origin.gtid, "ts": origin.ts,
        });
        let head = format!("{head}\n");
        durable::replace(path, STATE, head.as_bytes())?;
        let file = OpenOptions::new().append(true).open(path);
        let file = file.map_err(|error| Error::io(path.display(), error))?;
        lock(&file, path)?;
        let (path, tables, length) = (path.to_owned(), BTreeMap::new(), head.len() as u64);
        Ok(Self { path, file, length, origin, tables, resumed: false, sequence: 0 })
    }

    fn append(&mut self, line: &str, sync: bool) -> Result<()> {
        let line = format!("{line}\n");
        let written = self.file.write_all(line.as_bytes());
        if written.is_ok() {
            self.length += line.len() as u64;
        } else {
            // On a full disk a part of the line may be there; the next one must not go on with it.
            let _ = self.file.set_len(self.length);
        }
        written.and_then(|()| if sync { self.file.sync_data() } else { Ok(()) }).map_err(|error| {
            // A broken pipe here is a fault of the file, not a reader that left.
            let path = self.path.display();
            Error::unreachable(format!("{path}: cannot write the state: {error}")).caused_by(error)
        })
    }

    /// Adds a shard that was found.
    pub fn found(&mut self, shard: &Shard) -> Result<()> {
        self.append(&shard.line(), false)
    }

    /// Says that all shards of a table have been found, and whether they are the whole of it.
    pub fn planned(&mut self, table: &TableName, whole: bool) -> Result<()> {
        let line =
            json!({"planned": {"schema": table.schema, "table": table.table, "whole": whole}});
        self.append(&line.to_string(), false)
    }

    /// The number of the next shard that is done.
    pub fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Says that a shard is done.
    pub fn done(&mut self, shard: &Shard, finished: &Finished) -> Result<()> {
        let line = json!({"done": {
            "schema": shard.table.schema, "table": shard.table.table, "shard": shard.number,
            "sequence": finished.sequence, "durable": finished.durable,
            "id": finished.covered.id.to_string(), "ts": finished.covered.ts,
            "rows": finished.covered.rows,
        }});
        self.append(&line.to_string(), true)
    }

    /// Says that the pull has ended.
    pub fn ended(&mut self) -> Result<()> {
        self.append(&json!({"ended": true}).to_string(), true)
    }
}

fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(std::fs::TryLockError::WouldBlock) => Err(busy(path)),
        // Also where the file system has no locks.
        _ => Ok(()),
    }
}

fn busy(path: &Path) -> Error {
    Error::refused(format!("{}: another dbus-pull is at work with it", path.display()))
        .advise("wait for its end, or name another file")
}

/// Forgets the shards that neither were durable when they were done nor have been made so since.
fn keep_confirmed(tables: &mut BTreeMap<TableName, Known>, confirmed: Option<u64>) {
    for table in tables.values_mut() {
        table.done.retain(|_, done| done.durable || confirmed.is_some_and(|n| done.sequence <= n));
    }
}

/// `None` for what is no state of a pull.
fn read(text: &[u8]) -> Option<Read> {
    let whole = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    let lines = std::str::from_utf8(text.get(..whole)?).ok()?;
    let mut lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).ok());
    let head = lines.next()??;
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    if head.get("dbus-pull")?.as_u64()? != VERSION {
        return None;
    }
    let identity = Identity {
        source: text(&head, "source")?,
        server: text(&head, "server")?,
        options: text(&head, "options")?,
    };
    let origin = Origin {
        batch: text(&head, "batch")?.parse().ok()?,
        file: text(&head, "file")?,
        pos: head.get("pos")?.as_u64()?,
        gtid: text(&head, "gtid")?,
        ts: text(&head, "ts")?,
    };
    let mut tables: BTreeMap<TableName, Known> = BTreeMap::new();
    let (mut ended, mut sequence) = (false, 0);
    for line in lines {
        let line = line?;
        let name =
            |value: &Value| Some(TableName::new(text(value, "schema")?, text(value, "table")?));
        if let Some(done) = line.get("done") {
            let known = tables.get_mut(&name(done)?)?;
            let number = done.get("shard")?.as_u64()?;
            let place = usize::try_from(number).ok()?.checked_sub(1)?;
            let there = known.shards.get(place).filter(|shard| shard.number == number);
            let shard = there.or_else(|| known.shards.iter().find(|s| s.number == number))?;
            let covered = Covered {
                id: text(done, "id")?.parse().ok()?,
                ts: text(done, "ts")?,
                rows: done.get("rows")?.as_u64()?,
                range: shard.line(),
            };
            let own = done.get("sequence")?.as_u64()?;
            sequence = sequence.max(own);
            let durable = done.get("durable")?.as_bool()?;
            known.done.insert(number, Finished { sequence: own, durable, covered });
        } else if let Some(planned) = line.get("planned") {
            let known = tables.entry(name(planned)?).or_default();
            known.planned = true;
            known.whole = planned.get("whole")?.as_bool()?;
        } else if line.get("ended").is_some() {
            ended = true;
        } else if let Some(confirmed) = line.get("resumed") {
            ended = false;
            keep_confirmed(&mut tables, confirmed.as_u64());
        } else {
            let shard = Shard::parse(&line).ok()?;
            tables.entry(shard.table.clone()).or_default().shards.push(shard);
        }
    }
    Some(Read { identity, origin, tables, ended, sequence, whole: whole as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn identity(options: &str) -> Identity {
        Identity { source: "s".into(), server: "u".into(), options: options.into() }
    }

    fn origin(batch: i64) -> Origin {
        let ts = "2026-11-21 01:02:03.000000".into();
        Origin { batch, file: "b.000001".into(), pos: 4, gtid: String::new(), ts }
    }

    fn shard(number: u64) -> Shard {
        Shard { number, ..Shard::whole(&TableName::new("d", "t")) }
    }

    fn finished(sequence: u64, durable: bool) -> Finished {
        let ts = "2026-11-21 01:02:03.000000".into();
        let covered = Covered { id: 5, ts, rows: 9, range: shard(sequence).line() };
        Finished { sequence, durable, covered }
    }

    fn open(path: &Path, options: &str, confirmed: Option<u64>) -> Result<Ledger> {
        Ledger::open(path, &identity(options), &|_| confirmed, &mut || Ok(origin(8)))
    }

    #[test]
    fn what_was_durable_or_confirmed_is_not_pulled_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut ledger = open(&path, "a", None).unwrap();
        assert!(!ledger.resumed);
        for number in 1..=3 {
            ledger.found(&shard(number)).unwrap();
        }
        for (number, durable) in [(2, false), (1, true), (3, false)] {
            let sequence = ledger.next_sequence();
            ledger.done(&shard(number), &finished(sequence, durable)).unwrap();
        }
        drop(ledger);
        let done = |confirmed| -> Vec<u64> {
            let ledger = open(&path, "a", confirmed).unwrap();
            assert!(ledger.resumed && ledger.origin == origin(8));
            ledger.tables[&TableName::new("d", "t")].done.keys().copied().collect()
        };
        let before = std::fs::read(&path).unwrap();
        for (confirmed, expected) in
            [(None, &[1][..]), (Some(1), &[1, 2]), (Some(3), &[1, 2, 3]), (Some(1), &[1, 2])]
        {
            std::fs::write(&path, &before).unwrap();
            assert_eq!(done(confirmed), expected);
        }
        assert_eq!(done(Some(3)), [1, 2], "the third was to be pulled again");
        assert_eq!(done(None), [1]);
        // A torn line is cut away.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"{\"done\":{\"sch");
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(done(None), [1]);
        assert!(std::fs::read(&path).unwrap().ends_with(b"\n"));
    }

    #[test]
    fn another_pull_is_refused_and_an_ended_one_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut ledger = open(&path, "a", None).unwrap();
        assert_eq!(open(&path, "a", None).unwrap_err().kind(), Kind::Refused, "in use");
        ledger.found(&shard(1)).unwrap();
        ledger.planned(&TableName::new("d", "t"), true).unwrap();
        drop(ledger);
        assert_eq!(open(&path, "b", None).unwrap_err().kind(), Kind::Refused);
        let mut ledger = open(&path, "a", None).unwrap();
        let sequence = ledger.next_sequence();
        ledger.done(&shard(1), &finished(sequence, false)).unwrap();
        ledger.ended().unwrap();
        drop(ledger);
        let before = std::fs::read(&path).unwrap();
        assert!(open(&path, "a", Some(0)).unwrap().resumed, "the sink has not confirmed it");
        std::fs::write(&path, &before).unwrap();
        assert!(!open(&path, "b", Some(1)).unwrap().resumed);
        std::fs::write(&path, "{\"a\":1}\n").unwrap();
        assert_eq!(open(&path, "b", None).unwrap_err().kind(), Kind::Refused);
        assert_eq!(std::fs::read(&path).unwrap(), b"{\"a\":1}\n");
    }
}
