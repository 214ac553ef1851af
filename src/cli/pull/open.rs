//! What a pull needs before its first row: the server, the tables, the barrier, the state. Uses
//! every layer. Not hot.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use mysql::prelude::Queryable;

use super::args::{Args, Choice, Ids, SplitBy};
use crate::cli::tail::args::BadText;
use crate::cli::value::Shard as ShardRule;
use crate::cli::{Outcome, message};
use crate::endpoint::pull::Session;
use crate::endpoint::pull::index::choose;
use crate::endpoint::pull::layout::Layout;
use crate::endpoint::pull::shard::{Planner, Shard, Split};
use crate::error::{Error, Kind, Result};
use crate::flow::checkpoint::Checkpoint;
use crate::flow::pull::Setup;
use crate::flow::pull::ledger::{Identity, Ledger, Origin};
use crate::flow::pull::output::PULL;
use crate::mask::Masks;
use crate::mysql::barrier::{self, Barrier};
use crate::mysql::charset::Bad;
use crate::mysql::chunk::LogName;
use crate::mysql::connect::{ServerInfo, describe, failed};
use crate::mysql::ddl::TableName;
use crate::mysql::live;
use crate::mysql::options::ConnectOptions;
use crate::mysql::schema_store::SchemaStore;
use crate::mysql::select::identifier;
use crate::ums::{Marker, Namespace, id};
use crate::url::Url;

/// A pull that is ready.
pub(super) struct Opened {
    /// What is pulled, and how.
    pub(super) setup: Setup,
    /// The state, where it is kept.
    pub(super) ledger: Option<Ledger>,
    /// Rows of each table, as the server estimates them.
    pub(super) estimates: Vec<u64>,
}

/// A server that has answered.
struct Server {
    options: ConnectOptions,
    session: Session,
    info: ServerInfo,
}

fn options(args: &Args, url: &str) -> Result<ConnectOptions> {
    let parsed = Url::parse(url)?;
    if parsed.scheme() != "mysql" {
        return Err(Error::usage(format!("{parsed}: tables cannot be pulled from there"))
            .advise("a SOURCE is mysql://user@host:3306/"));
    }
    args.login.options(url, "dbus-pull", |warning| message::warn(warning))
}

fn connect(args: &Args) -> Result<Server> {
    let options = options(args, &args.server)?;
    let mut session = Session::open(&options, None)?;
    let info = ServerInfo::read(&mut session.conn)?;
    Ok(Server { options, session, info })
}

/// The tables of `--tables`, in the order of their names, with estimates of their rows.
fn tables(args: &Args, server: &mut Server) -> Result<Vec<(TableName, u64)>> {
    let rows: Vec<(String, String, Option<u64>)> = server
        .session
        .conn
        .query(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ROWS FROM information_schema.TABLES \
             WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_SCHEMA, TABLE_NAME",
        )
        .map_err(failed("information_schema.TABLES cannot be read"))?;
    let own = ["mysql", "sys", "performance_schema", "information_schema"];
    let mut used = BTreeSet::new();
    let mut found = Vec::new();
    for (schema, table, estimate) in rows {
        let mut wanted = false;
        for (index, pattern) in args.tables.iter().enumerate() {
            let takes = pattern.matches(&schema, &table)
                && (!own.contains(&schema.as_str()) || pattern.names_schema());
            if takes {
                used.insert(index);
                wanted = true;
            }
        }
        if wanted && !args.exclude.iter().any(|pattern| pattern.matches(&schema, &table)) {
            found.push((TableName::new(schema, table), estimate.unwrap_or(0)));
        }
    }
    if let Some((_, pattern)) =
        args.tables.iter().enumerate().find(|(index, _)| !used.contains(index))
    {
        return Err(Error::usage(format!("--tables {pattern}: the server has no such table"))
            .advise("see how it is spelled (SHOW TABLES), and that the user has SELECT on it: a table without a grant does not show"));
    }
    if found.is_empty() {
        return Err(Error::usage("no table is left").advise("see --tables and --exclude"));
    }
    if let Some(condition) = &args.r#where {
        for (name, _) in &found {
            takes(&mut server.session.conn, name, condition)?;
        }
    }
    Ok(found)
}

/// Whether a table takes the condition of `--where`; no row is read.
fn takes(conn: &mut mysql::Conn, name: &TableName, condition: &str) -> Result<()> {
    /// No such table (it has gone meanwhile), and what a grant would help.
    const GONE: u16 = 1146;
    const DENIED: [u16; 5] = [1044, 1142, 1143, 1227, 1370];
    // Between CASE and END a parenthesis can close nothing but what the condition has opened: another
    // one would end the brackets around it, and the rows of a shard with them.
    let probe = format!(
        "SELECT 1 FROM {} WHERE CASE WHEN {condition} THEN TRUE END LIMIT 0",
        format_args!("{}.{}", identifier(&name.schema), identifier(&name.table))
    );
    let Err(error) = conn.query_drop(probe) else { return Ok(()) };
    match &error {
        mysql::Error::MySqlError(answer) if answer.code == GONE => Ok(()),
        mysql::Error::MySqlError(answer) if !DENIED.contains(&answer.code) => Err(Error::usage(
            format!("--where: table {name}: {}", describe(&error)),
        )
        .advise(
            "it is a condition in the server's own SQL over columns of each table, as behind WHERE",
        )),
        _ => Err(failed(format_args!("table {name} cannot be read"))(error)),
    }
}

fn given(path: &Path) -> Result<Vec<Shard>> {
    let mut bytes = Vec::new();
    let name = path.display();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().lock().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes))
    };
    read.map_err(|error| Error::io(format_args!("--shards {name}"), error))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::data(format!("--shards {name}: not UTF-8")).advise("let dbus-pull --plan write it")
    })?;
    let mut shards = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("--shards {name}, line {}", index + 1);
        let value = serde_json::from_str(line).map_err(|error| {
            Error::data(format!("{}: not JSON: {error}", place()))
                .advise("a shard is a line that dbus-pull --plan wrote")
        })?;
        shards.push(Shard::parse(&value).map_err(|error| error.at(place()))?);
    }
    if shards.is_empty() {
        return Err(Error::data(format!("--shards {name}: holds no shard"))
            .advise("let dbus-pull --plan write it"));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = shards.iter().find(|s| !seen.insert((s.table.clone(), s.number))) {
        return Err(Error::data(format!(
            "--shards {name}: shard {} of {} is there twice",
            twice.number, twice.table
        ))
        .advise("each line of a plan is to be pulled once"));
    }
    Ok(shards)
}

fn namespaces(
    args: &Args,
    source: &str,
    tables: &[(TableName, u64)],
) -> Result<Vec<(TableName, Namespace)>> {
    let versions = SchemaStore::open(args.schema_store.clone())?.versions;
    let part = |rules: &[ShardRule], name: &str| {
        let found = rules.iter().find_map(|rule| rule.apply(name));
        found.map_or_else(
            || (name.to_owned(), "0".to_owned()),
            |(logical, shard)| (logical.to_owned(), shard.to_owned()),
        )
    };
    let published = tables.iter().map(|(name, _)| {
        let version = versions.history(name).last().map_or(0, |entry| entry.version);
        let (schema, schema_shard) = part(&args.shard_schema, &name.schema);
        let (table, table_shard) = part(&args.shard, &name.table);
        let parts = [
            "mysql".to_owned(),
            source.to_owned(),
            schema,
            table,
            version.to_string(),
            schema_shard,
            table_shard,
        ];
        (name.clone(), Namespace { parts })
    });
    Ok(published.collect())
}

/// The barrier: the one asked for, or the first that can be proved.
fn barrier(args: &Args, server: &mut Server, tables: &[TableName]) -> Result<Barrier> {
    #[cfg(feature = "failpoints")]
    if std::env::var_os("DWS_PULL_NO_BARRIER").is_some_and(|value| value == "1") {
        return Ok(Barrier::None);
    }
    let Server { session, info, .. } = server;
    let mut reasons = Vec::new();
    for (barrier, name) in Barrier::ALL {
        if let Choice::One(one) = args.barrier
            && one != barrier
        {
            continue;
        }
        match barrier::check(barrier, &mut session.conn, info, tables, &args.barrier_table) {
            Ok(()) => return Ok(barrier),
            Err(error) if args.barrier != Choice::Auto || error.kind() == Kind::Unreachable => {
                return Err(error);
            }
            Err(error) => reasons.push(format!("{name}: {error}")),
        }
        // A transaction that the try left open.
        session.conn.query_drop("ROLLBACK").map_err(failed("the transaction cannot be ended"))?;
    }
    Err(Error::refused(format!(
        "no barrier can be proved, so changes could be lost: {}",
        reasons.join("; ")
    )))
}

/// The position of the sink at the end of the pipe, of this source.
struct Positions {
    log: Option<Marker>,
    pull: Option<Marker>,
}

fn positions(args: &Args, source: &str) -> Result<Positions> {
    let Some(path) = &args.checkpoint else { return Ok(Positions { log: None, pull: None }) };
    let checkpoint = Checkpoint::open(path)?;
    let find = |kind: &str| {
        let mut all = checkpoint.positions().iter();
        all.find(|marker| marker.kind == kind && marker.source == source).cloned()
    };
    Ok(Positions { log: find("mysql"), pull: find(PULL) })
}

fn utc_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Ids below zero that rise from pull to pull: a thousand and some for each microsecond since 1970.
fn first_initial(micros: u64) -> i64 {
    i64::try_from(micros.saturating_mul(1024))
        .map_or(-1, |offset| i64::MIN.saturating_add(offset).min(-1))
}

fn origin(args: &Args, server: &mut Server, base: u64) -> Result<Origin> {
    let status = barrier::origin(&mut server.session.conn, &server.info)?;
    let number = LogName::new(&status.file).number;
    let micros = utc_now();
    let place = id::compose(number, base, status.offset).ok_or_else(|| {
        Error::data(format!(
            "{}:{}: a position that is too large for an id",
            status.file, status.offset
        ))
    })?;
    let mut ts = Vec::new();
    crate::mysql::temporal::push_utc_micros(&mut ts, i64::try_from(micros).unwrap_or(i64::MAX));
    Ok(Origin {
        batch: if args.id == Ids::Initial { first_initial(micros) } else { place },
        file: status.file,
        pos: status.offset,
        gtid: status.gtids.to_string(),
        ts: String::from_utf8_lossy(&ts).into_owned(),
    })
}

/// XA transactions that are prepared have rows in the log before the pull's position, and no
/// `dbus-tail` that starts there can give them at their commit.
fn prepared(
    args: &Args,
    server: &mut Server,
    barrier: Barrier,
    table: Option<&TableName>,
) -> Result<()> {
    let Server { session, info, .. } = server;
    if let Some(table) = table.filter(|_| args.marker) {
        // One that is being prepared is in the log before the server lists it.
        barrier::begin(barrier, &mut session.conn, info, table, &args.barrier_table)?;
        session.conn.query_drop("COMMIT").map_err(failed("the transaction cannot be ended"))?;
    }
    // Without the grant nobody knows; dbus-tail then says where it stops.
    let rows: Vec<mysql::Row> = session.conn.query("XA RECOVER").unwrap_or_default();
    if rows.is_empty() {
        return Ok(());
    }
    let text = format!("{} XA transactions are prepared on the server", rows.len());
    if args.marker {
        return Err(Error::refused(format!(
            "--marker: {text}, so a dbus-tail that starts at the marker could not give their rows"
        ))
        .advise("commit them or roll them back first (XA RECOVER lists them), or start dbus-tail before they were prepared"));
    }
    message::warn(format_args!(
        "{text}; a dbus-tail that starts at the position of this pull will stop at their commit, so start it before they were prepared"
    ));
    Ok(())
}

/// The options that a resumed pull must have again.
fn words(args: &Args, tables: &[(TableName, Namespace)], masks: Option<&Masks>) -> String {
    let names: Vec<String> = tables.iter().map(|(name, _)| name.to_string()).collect();
    let mut text = format!("--tables {}", names.join(","));
    if let Some(condition) = &args.r#where {
        text.push_str(&format!(" --where {condition:?}"));
    }
    if !args.columns.is_empty() {
        text.push_str(&format!(" --columns {}", args.columns.join(",")));
    }
    if args.id == Ids::Initial {
        text.push_str(" --id initial");
    }
    if let Some(masks) = masks {
        text.push_str(&format!(" --mask ({})", masks.fingerprint()));
    }
    text
}

/// Makes a pull ready.
pub(super) fn open(args: &Args) -> Result<Opened> {
    let mut server = connect(args)?;
    barrier::joinable(&mut server.session.conn, &server.info)?;
    let given = args.shards.as_deref().map(given).transpose()?;
    let found = match &given {
        Some(shards) if args.tables.is_empty() => {
            let names: BTreeSet<TableName> = shards.iter().map(|s| s.table.clone()).collect();
            names.into_iter().map(|name| (name, 0)).collect()
        }
        Some(shards) => {
            let mut found = tables(args, &mut server)?;
            found.retain(|(name, _)| shards.iter().any(|shard| shard.table == *name));
            found
        }
        None => tables(args, &mut server)?,
    };
    let names: Vec<TableName> = found.iter().map(|(name, _)| name.clone()).collect();
    for name in &names {
        barrier::logged_schema(&mut server.session.conn, &server.info, &name.schema)?;
    }
    let barrier = barrier(args, &mut server, &names)?;
    let source = args.source.clone().unwrap_or_else(|| server.options.host.clone());
    let namespaces = namespaces(args, &source, &found)?;
    let masks = args.around.mask.load(&[])?;
    if let Some(masks) = &masks {
        namespaces.iter().for_each(|(_, namespace)| masks.meet(namespace));
        masks.all_met("no such table is pulled")?;
    }
    let positions = positions(args, &source)?;
    let base = positions.log.as_ref().map_or(0, |marker| marker.base);
    if let Some(marker) = &positions.log
        && !marker.server.is_empty()
        && marker.server != server.info.identity
    {
        return Err(Error::refused(format!(
            "the checkpoint is of server {}, this one is {}, so ids of the two cannot be compared",
            marker.server, server.info.identity
        ))
        .advise(
            "let dbus-tail go on from that checkpoint first, or name the server that it reads",
        ));
    }
    let identity = Identity {
        source: source.clone(),
        server: server.info.identity.clone(),
        options: words(args, &namespaces, masks.as_deref()),
    };
    let confirmed = |batch: i64| -> Option<u64> {
        args.checkpoint.as_ref()?;
        let marker = positions.pull.as_ref().filter(|marker| marker.file == batch.to_string());
        Some(marker.map_or(0, |marker| marker.pos))
    };
    let mut begin = || origin(args, &mut server, base);
    let (ledger, origin) = match &args.state {
        Some(path) => {
            let ledger = Ledger::open(path, &identity, &confirmed, &mut begin)?;
            let origin = ledger.origin.clone();
            (Some(ledger), origin)
        }
        None => (None, begin()?),
    };
    prepared(args, &mut server, barrier, names.first())?;
    tell(args, barrier, &origin, ledger.as_ref());
    let lag = match args.max_lag {
        None => None,
        Some(seconds) => {
            let mut replicas = vec![server.options.clone()];
            for url in &args.replica {
                replicas.push(options(args, url)?);
            }
            Some((seconds, replicas))
        }
    };
    let setup = Setup {
        connect: server.options,
        info: server.info,
        barrier,
        barrier_row: args.barrier_table.clone(),
        tables: namespaces,
        given,
        // A pull that goes on takes none of the ids again that it gave before.
        rising: (args.id == Ids::Initial).then(|| match &ledger {
            Some(ledger) if ledger.resumed => first_initial(utc_now()),
            _ => origin.batch,
        }),
        origin,
        base,
        jobs: args.jobs.get(),
        shard_rows: args.shard_rows.get(),
        split: split(args),
        split_by: args.split_by.clone(),
        filter: args.r#where.clone(),
        columns: args.columns.clone(),
        masks,
        dialect: args.ums,
        batch_rows: args.batch_rows.get(),
        batch_bytes: usize::try_from(args.batch_bytes).unwrap_or(usize::MAX),
        bad_text: match args.bad_text {
            BadText::Stop => Bad::Stop,
            BadText::Replace => Bad::Replace,
        },
        patience: args.patience,
        rows_per_second: args.max_rows_per_sec.map(std::num::NonZeroU64::get),
        lag,
        mark: args.marker,
    };
    let estimates = found.into_iter().map(|(_, estimate)| estimate).collect();
    Ok(Opened { setup, ledger, estimates })
}

fn split(args: &Args) -> Split {
    match args.split {
        SplitBy::Rows => Split::Rows,
        SplitBy::Even => Split::Even,
    }
}

/// Says where a pull begins, and what a state is worth.
fn tell(args: &Args, barrier: Barrier, origin: &Origin, ledger: Option<&Ledger>) {
    let (file, pos) = (&origin.file, origin.pos);
    match ledger.filter(|ledger| ledger.resumed) {
        Some(_) if args.around.progress.quiet => {}
        Some(ledger) => {
            let done: usize = ledger.tables.values().map(|table| table.done.len()).sum();
            let known: usize = ledger.tables.values().map(|table| table.shards.len()).sum();
            message::note(format_args!(
                "going on with the pull that began at {file}:{pos}; {done} of {known} known shards are done"
            ));
        }
        None if !args.around.progress.quiet => message::note(format_args!(
            "the pull begins at {file}:{pos}, barrier {}; a dbus-tail that starts there or before brings what changes meanwhile",
            barrier.name()
        )),
        None => {}
    }
    if ledger.is_some() && args.checkpoint.is_none() && args.to == "-" {
        message::warn(
            "--state without --checkpoint: nothing says which rows the reader of this pipe has made durable, so all \
             shards are pulled again if the pull is started again; name the file of ums-sink --checkpoint",
        );
    }
}

/// `--plan`.
pub(super) fn plan(args: &Args) -> Result<Outcome> {
    let mut server = connect(args)?;
    let mariadb = server.info.mariadb;
    let found = tables(args, &mut server)?;
    let source = args.source.clone().unwrap_or_else(|| server.options.host.clone());
    for (name, namespace) in namespaces(args, &source, &found)? {
        let conn = &mut server.session.conn;
        let found = Layout::read(conn, &name, &namespace, &args.columns, mariadb)?;
        let Some(layout) = found else { continue };
        let divider = choose(conn, &layout, args.split_by.as_deref())?;
        let mut planner = Planner::new(conn, &layout, divider, args.shard_rows.get(), split(args))?;
        while let Some(shard) = planner.next(conn, &layout, args.r#where.as_deref())? {
            message::data(format!("{}\n", shard.line()).as_bytes())?;
        }
    }
    Ok(Outcome::Done)
}

/// `--check`: connection, grants, settings and barriers.
pub(super) fn check(args: &Args) -> Result<Outcome> {
    let mut server = connect(args)?;
    let info = server.info.clone();
    let mut text = format!(
        "server: {} {}, server id {}, {}\n",
        if info.mariadb { "MariaDB" } else { "MySQL" },
        info.version,
        info.server_id,
        info.identity
    );
    let mut wrong = Vec::new();
    if let Err(error) = barrier::joinable(&mut server.session.conn, &info) {
        wrong.push(error.to_string());
    }
    match live::status(&mut server.session.conn, &info) {
        Ok(status) => text.push_str(&format!("log: {} at {}\n", status.file, status.offset)),
        Err(error) => wrong.push(error.to_string()),
    }
    let found = tables(args, &mut server)?;
    let names: Vec<TableName> = found.into_iter().map(|(name, _)| name).collect();
    for name in &names {
        text.push_str(&format!("table: {name}\n"));
        if let Err(error) = barrier::logged_schema(&mut server.session.conn, &info, &name.schema) {
            wrong.push(error.to_string());
        }
    }
    for (barrier, name) in Barrier::ALL {
        let row = &args.barrier_table;
        let conn = &mut server.session.conn;
        match barrier::check(barrier, conn, &info, &names, row) {
            Ok(()) => text.push_str(&format!("barrier {name}: can be proved\n")),
            Err(error) => text.push_str(&format!("barrier {name}: no: {error}\n")),
        }
        conn.query_drop("ROLLBACK").map_err(failed("the transaction cannot be ended"))?;
    }
    match barrier(args, &mut server, &names) {
        Ok(barrier) => text.push_str(&format!("taken: {}\n", barrier.name())),
        Err(error) => wrong.push(error.to_string()),
    }
    for line in &wrong {
        text.push_str(&format!("missing: {line}\n"));
    }
    message::data(text.as_bytes())?;
    if wrong.is_empty() {
        return Ok(Outcome::Done);
    }
    Err(Error::refused(format!("settings or grants that are missing: {}", wrong.len())))
}

#[cfg(test)]
mod tests {
    use super::first_initial;

    #[test]
    fn initial_ids_are_below_zero_and_rise() {
        let (now, later) =
            (first_initial(1_795_000_000_000_000), first_initial(1_795_000_000_000_001));
        assert!(now < later && later < 0);
        assert_eq!(later - now, 1024);
        assert_eq!(first_initial(u64::MAX), -1);
    }
}
