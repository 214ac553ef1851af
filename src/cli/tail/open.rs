//! Where a run of `dbus-tail` starts: files, standard input or a server, at the checkpoint or where
//! the arguments say. Uses every layer. Not hot.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::{Args, Source};
use super::inspect::unlogged_cascades;
use super::place::{Start, Stop};
use super::{captures, options};
use crate::cli::message;
use crate::endpoint::binlog::files::{FileLogs, log_name};
use crate::endpoint::binlog::publish::{Bounds, Publisher, Setup};
use crate::endpoint::binlog::schema::{Definitions, Refresh};
use crate::endpoint::binlog::{OnChange, Options};
use crate::error::{Error, Kind, Result};
use crate::line::output::Output;
use crate::mask::Masks;
use crate::mysql::body::SpillPolicy;
use crate::mysql::chunk::LogName;
use crate::mysql::connect::{ServerInfo, connect};
use crate::mysql::ddl::TableName;
use crate::mysql::format::Format;
use crate::mysql::frame::EventLog;
use crate::mysql::gtid::GtidSet;
use crate::mysql::live::{self, From, LiveLog};
use crate::mysql::options::ConnectOptions;
use crate::mysql::schema::{Catalog, from_information_schema};
use crate::mysql::schema_store::SchemaStore;
use crate::mysql::transaction::Assembler;
use crate::ums::{Marker, Namespace, id};

/// Bytes of open transactions that wait in memory; larger ones go to a spill file.
const TRANSACTION_MEMORY: usize = 12 << 20;

/// A source that is ready to be read.
pub struct Opened {
    /// Its log.
    pub log: Box<dyn EventLog>,
    /// Set to its start.
    pub assembler: Assembler,
    /// Whether it goes on for ever.
    pub live: bool,
    /// Whether it may pause.
    pub prompt: bool,
    bounds: Bounds,
    definitions: Definitions,
    /// The captured tables of a server, where it tells.
    tables: Option<Vec<TableName>>,
    source: String,
    server: String,
    base: u64,
}

impl Opened {
    /// What writes its rows to `out`; called once.
    pub fn publisher(
        &mut self,
        args: &Args,
        out: Box<dyn Output>,
        on_change: Option<OnChange>,
        masks: Option<Arc<Masks>>,
    ) -> Result<Publisher> {
        let mut options = options(args, self.source.clone(), self.base);
        let store = SchemaStore::open(store(args))?;
        if let (Some(masks), Some(tables)) = (&masks, &self.tables) {
            // A name that is wrong would let everything pass until the end, and there is none.
            for name in tables {
                masks.meet(&namespace(&options, &store, name));
            }
            masks.all_met("the server has no such table among those that are captured")?;
        }
        options.masks = masks;
        let setup = Setup {
            options,
            definitions: std::mem::take(&mut self.definitions),
            store,
            bounds: self.bounds,
            marker_every: args.marker_every,
            server: self.server.clone(),
            on_change,
        };
        Ok(Publisher::new(setup, out))
    }

    /// Sets other bounds.
    pub fn bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }
}

/// Where a table's rows are published now.
fn namespace(options: &Options, store: &SchemaStore, name: &TableName) -> Namespace {
    let published = (options.logical)(&name.schema, &name.table);
    let version = store.versions.history(name).last().map_or(0, |entry| entry.version);
    Namespace {
        parts: [
            "mysql".to_owned(),
            options.source.clone(),
            published.schema,
            published.table,
            version.to_string(),
            published.schema_shard,
            published.table_shard,
        ],
    }
}

/// The file of what is known of tables.
fn store(args: &Args) -> Option<PathBuf> {
    args.schema_store.clone().or_else(|| {
        args.checkpoint.as_ref().map(|path| {
            let mut name = path.clone().into_os_string();
            name.push(".schema");
            name.into()
        })
    })
}

/// Opens the source.
pub fn open(args: &Args, source: &Source, known: &[Marker]) -> Result<Opened> {
    match source {
        Source::Server(_) => open_server(args, known),
        Source::Files(files) => {
            let files = files.iter().map(|path| (log_name(path), Some(path.clone()))).collect();
            open_files(args, files, known)
        }
        Source::Input => {
            let name = args.log_name.as_ref().map_or("binlog.000001", |name| name.name.as_str());
            open_files(args, vec![(LogName::new(name), None)], known)
        }
    }
}

/// Where large transactions go. A folder that is not there would show at the first of them only.
fn policy(args: &Args) -> Result<SpillPolicy> {
    if let Some(folder) = &args.spill_dir {
        let wrong = |what: &dyn std::fmt::Display| {
            Error::usage(format!("--spill-dir {}: {what}", folder.display()))
                .advise("name a folder with room for the largest transaction")
        };
        match folder.metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(wrong(&"is no folder")),
            Err(error) => return Err(wrong(&error)),
        }
    }
    Ok(SpillPolicy { folder: args.spill_dir.clone(), memory: TRANSACTION_MEMORY })
}

/// The position of this source among those known.
fn position<'a>(known: &'a [Marker], source: &str) -> Option<&'a Marker> {
    known.iter().find(|marker| marker.kind == "mysql" && marker.source == source)
}

/// What the source is called in namespaces.
pub fn source_name(args: &Args, source: &Source) -> Result<String> {
    if let Some(name) = &args.source {
        return Ok(name.clone());
    }
    Ok(match source {
        Source::Server(_) => server_options(args, |_| {})?.host,
        Source::Files(files) => {
            files.first().map_or_else(|| "binlog".into(), |path| log_name(path).base().to_owned())
        }
        Source::Input => {
            let name = args.log_name.as_ref().map_or("binlog.000001", |name| name.name.as_str());
            LogName::new(name).base().to_owned()
        }
    })
}

/// The place in the log up to which everything was written when a marker was.
fn written_before(marker: &Marker) -> Option<(u64, u64)> {
    let (file, offset) = id::split(marker.id)?;
    Some((file.checked_sub(marker.base)?, offset))
}

fn place_of(row: i64) -> Result<(u64, u64)> {
    id::split(row).ok_or_else(|| Error::usage(format!("{row} is not an id of the log")))
}

/// Translates --stop; `latest` is where the source writes now.
fn stop(args: &Args, bounds: &mut Bounds, latest: Option<(u64, u64)>) -> Result<()> {
    match &args.stop {
        None => {}
        Some(Stop::Latest) => bounds.stop = latest,
        Some(Stop::Id(row)) => {
            let (file, offset) = place_of(*row)?;
            bounds.stop = Some((file, offset + 1));
        }
        Some(Stop::Time(micros)) => bounds.until = Some(u64::try_from(*micros).unwrap_or(0)),
        Some(Stop::File(place)) => bounds.stop = Some((place.file.number, place.offset)),
    }
    Ok(())
}

fn open_files(
    args: &Args,
    mut files: Vec<(LogName, Option<PathBuf>)>,
    known: &[Marker],
) -> Result<Opened> {
    let named = files.first().map_or("binlog", |(name, _)| name.base()).to_owned();
    let source = args.source.clone().unwrap_or(named);
    let mut bounds = Bounds::default();
    let (mut number, mut offset, mut base, mut gtids) = (None, 4, 0, GtidSet::Empty);
    let mut server = String::new();
    let (mut begins, mut written) = (false, None);
    if let Some(marker) = position(known, &source) {
        (number, offset, base) = (Some(LogName::new(&marker.file).number), marker.pos, marker.base);
        gtids = GtidSet::parse(&marker.gtid)?;
        server.clone_from(&marker.server);
        written = written_before(marker);
    } else {
        match &args.start {
            None | Some(Start::Earliest) => {}
            Some(Start::Latest) => {
                return Err(Error::usage(
                    "--start latest: files have an end, not a latest position",
                )
                .advise("leave it out, or name FILE:POS"));
            }
            Some(Start::Gtid(_)) => {
                return Err(Error::usage("--start gtid: is for servers, which find the place")
                    .advise("for files name FILE:POS, an id or @TIME"));
            }
            Some(Start::Id(row)) => {
                let (file, at) = place_of(*row)?;
                bounds.after = Some((file, at));
                written = bounds.after;
                number = Some(file);
            }
            Some(Start::Time(micros)) => bounds.since = Some(u64::try_from(*micros).unwrap_or(0)),
            Some(Start::File(place)) => {
                (number, offset) = (Some(place.file.number), place.offset);
                // Its transaction comes whole, and so do XA transactions prepared before it.
                bounds.after = number.map(|number| (number, offset));
                begins = true;
            }
        }
    }
    stop(args, &mut bounds, None)?;
    for pair in files.windows(2) {
        // A report on each file says nothing of all of them.
        if let [(before, _), (after, _)] = pair
            && after.number <= before.number
            && !args.audit
        {
            return Err(Error::usage(format!(
                "{} stands behind {}: several files are one log, in the order of their numbers",
                after.name, before.name
            ))
            .advise(
                "give them in that order, each once; another server's log is a run of its own",
            ));
        }
    }
    if let Some(number) = number {
        let all: Vec<String> = files.iter().map(|(name, _)| name.name.clone()).collect();
        files.retain(|(name, _)| name.number >= number);
        if files.first().is_none_or(|(name, _)| name.number != number) {
            return Err(Error::refused(format!(
                "the start lies in file number {number}, which is not among {}",
                all.join(", ")
            ))
            .advise("give that file and those after it"));
        }
    }
    // A pipe may pause, a file does not.
    let prompt = files.iter().any(|(_, path)| path.is_none());
    let first =
        files.first().map_or_else(|| LogName::new("binlog.000001"), |(name, _)| name.clone());
    let mut assembler = Assembler::new(first, Format::before_the_first(), gtids, policy(args)?);
    let mut log = FileLogs::new(files, offset);
    if begins {
        log = log.with_what_comes_before();
    } else {
        assembler.resume_at(offset);
    }
    if let Some(place) = written {
        assembler.written_up_to(place);
    }
    Ok(Opened {
        log: Box::new(log),
        assembler,
        live: false,
        prompt,
        bounds,
        definitions: Definitions::offline(),
        tables: None,
        source,
        server,
        base,
    })
}

/// Address, user and password of the server.
pub fn server_options(args: &Args, warn: fn(&str)) -> Result<ConnectOptions> {
    args.login.options(args.sources.first().map_or("", String::as_str), "dbus-tail", warn)
}

fn open_server(args: &Args, known: &[Marker]) -> Result<Opened> {
    let options = server_options(args, |text| message::warn(text))?;
    let mut conn = connect(&options)?;
    let info = ServerInfo::read(&mut conn)?;
    if !info.log_bin {
        return Err(Error::refused("the server writes no binary log")
            .advise("start it with log_bin and binlog_format=ROW"));
    }
    let status = live::status(&mut conn, &info)?;
    let source = args.source.clone().unwrap_or_else(|| options.host.clone());
    let mut bounds = Bounds::default();
    let (mut base, mut gtids) = (0, GtidSet::Empty);
    let earliest = |conn: &mut mysql::Conn| -> Result<From> {
        let files = live::files(conn)?;
        Ok(From::Place(files.into_iter().next().unwrap_or_else(|| status.file.clone()), 4))
    };
    let mut written = None;
    let resumes = position(known, &source).is_some();
    let from = if let Some(marker) = position(known, &source) {
        base = marker.base;
        gtids = GtidSet::parse(&marker.gtid)?;
        if marker.server == info.identity || marker.server.is_empty() {
            written = written_before(marker);
            if marker.pos > u64::from(u32::MAX) && !gtids.is_empty() {
                From::Gtids(gtids.clone())
            } else {
                From::Place(marker.file.clone(), marker.pos)
            }
        } else if gtids.is_empty() {
            return Err(Error::refused(format!(
                "the checkpoint is of server {}, this one is {}, and there is no GTID to find the place by",
                marker.server, info.identity
            ))
            .advise("connect to the server of the checkpoint, or pull the tables anew and start with a new checkpoint"));
        } else {
            // File numbers begin anew: the base rises above every id given so far.
            let files = live::files(&mut conn)?;
            let oldest = files.first().map_or(0, |name| LogName::new(name).number);
            let (last, _) = id::split(marker.id).unwrap_or_default();
            base = base.max((last + 1).saturating_sub(oldest));
            message::note(format_args!(
                "the checkpoint is of another server ({}); going on by GTID, ids from file number {} on",
                marker.server,
                oldest + base
            ));
            From::Gtids(gtids.clone())
        }
    } else {
        match &args.start {
            None | Some(Start::Latest) => {
                if args.start.is_none() {
                    message::note(format_args!(
                        "starting at the latest position, {}:{} (--start earliest reads what the server still has)",
                        status.file, status.offset
                    ));
                }
                gtids = status.gtids.clone();
                From::Place(status.file.clone(), status.offset)
            }
            Some(Start::Earliest) => earliest(&mut conn)?,
            Some(Start::Gtid(set)) => {
                gtids = GtidSet::parse(set)?;
                From::Gtids(gtids.clone())
            }
            Some(Start::Time(micros)) => {
                bounds.since = Some(u64::try_from(*micros).unwrap_or(0));
                earliest(&mut conn)?
            }
            Some(Start::Id(row)) => {
                let (file, offset) = place_of(*row)?;
                bounds.after = Some((file, offset));
                written = bounds.after;
                let files = live::files(&mut conn)?;
                let name = files.into_iter().find(|name| LogName::new(name).number == file);
                From::Place(
                    name.ok_or_else(|| {
                        Error::refused(format!("the server has no log file number {file} any more"))
                    })?,
                    4,
                )
            }
            Some(Start::File(place)) => From::Place(place.file.name.clone(), place.offset),
        }
    };
    let latest = (LogName::new(&status.file).number, status.offset);
    if let From::Place(name, offset) = &from
        && (LogName::new(name).number, *offset) > latest
    {
        // A run that is to stop there would find that it is past the end, and call that done.
        return Err(Error::refused(format!(
            "the start, {name}:{offset}, lies behind the end of the server's log, {}:{}: the log was reset, or has \
             lost its end in a crash",
            status.file, status.offset
        ))
        .advise("pull the tables anew, and start with a new checkpoint"));
    }
    stop(args, &mut bounds, Some(latest))?;
    warn_prepared(&mut conn);
    warn_cascades(&mut conn, &info, args)?;
    let catalog = match from_information_schema(&mut conn) {
        Ok(catalog) => catalog,
        Err(error) if error.kind() == Kind::Unreachable => return Err(error),
        Err(error) => {
            message::warn(format_args!("information_schema cannot be read: {error}"));
            Catalog::new(info.lower_case_table_names != 0)
        }
    };
    let captured = captures(args);
    let tables: Vec<TableName> = catalog
        .tables()
        .map(|(name, _)| name.clone())
        .filter(|name| captured(&name.schema, &name.table))
        .collect();
    // None at all may be a grant that is missing.
    let tables = Some(tables).filter(|tables| !tables.is_empty());
    let number = args.server_id.map_or_else(random_server_id, std::num::NonZeroU32::get);
    let log = LiveLog::open(&options, &info, number, &from)?;
    let (name, offset) = match &from {
        From::Place(name, offset) => (name.clone(), *offset),
        From::Gtids(_) => (status.file.clone(), 4),
    };
    let mut assembler =
        Assembler::new(LogName::new(&name), Format::before_the_first(), gtids, policy(args)?);
    assembler.resume_at(offset);
    if matches!(from, From::Gtids(_)) {
        assembler.starts_by_gtid();
    }
    if let Some(place) = written {
        assembler.written_up_to(place);
    }
    Ok(Opened {
        log: Box::new(log),
        assembler,
        live: true,
        prompt: true,
        bounds,
        definitions: Definitions::of_server(catalog, refresh(options), resumes),
        tables,
        source,
        server: info.identity,
        base,
    })
}

/// XA transactions that were prepared before the start have their rows before it, too.
fn warn_prepared(conn: &mut mysql::Conn) {
    use mysql::prelude::Queryable;
    let Ok(rows) = conn.query::<mysql::Row, _>("XA RECOVER") else { return };
    if !rows.is_empty() {
        message::warn(format_args!(
            "{} XA transactions are prepared on the server; if one of them was prepared before the start, \
             the run will stop at its COMMIT and say where",
            rows.len()
        ));
    }
}

/// Rows that foreign keys change where the log does not hold it.
fn warn_cascades(conn: &mut mysql::Conn, info: &ServerInfo, args: &Args) -> Result<()> {
    match unlogged_cascades(conn, info, args) {
        Ok(texts) => texts.iter().for_each(message::warn),
        Err(error) if error.kind() == Kind::Unreachable => return Err(error),
        Err(error) => message::warn(error),
    }
    Ok(())
}

/// Reads a definition anew over a connection of its own.
fn refresh(options: ConnectOptions) -> Refresh {
    Box::new(move |name| {
        let catalog = from_information_schema(&mut connect(&options)?)?;
        Ok(catalog.get(name).cloned())
    })
}

/// Above a billion, where people give none.
fn random_server_id() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    1_000_000_000 + u32::try_from(random % 3_000_000_000).unwrap_or(0)
}
