//! `--audit`, `--at` and `--check`: looking instead of running. Uses every layer. Not hot.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use super::args::{Args, Source};
use super::open;
use crate::cli::{Outcome, message};
use crate::endpoint::binlog::audit::{Audit, End};
use crate::endpoint::binlog::publish::Bounds;
use crate::error::{Error, Result};
use crate::line::output::Output;
use crate::mysql::connect::{ServerInfo, connect};
use crate::mysql::event::{Event, kind};
use crate::mysql::foreign_keys;
use crate::mysql::frame::{Feed, Torn};
use crate::mysql::live;
use crate::mysql::transaction::{Assembler, Context, Handler, Wish};
use crate::ums::{Decoder, id};

/// `--audit`: a report on each file.
pub fn audit(source: &Source, args: &Args) -> Result<Outcome> {
    if let Source::Server(_) = source {
        return Err(Error::usage("--audit reads log files, not a server")
            .advise("give the files, or - for standard input"));
    }
    let mut opened = open::open(args, source, &[])?;
    let mut audit = Audit::default();
    let mut file = String::new();
    let mut torn = None;
    let report = |file: &str, assembler: &Assembler, end: End, audit: &mut Audit| {
        // Of a file that is no log there is nothing to tell.
        if file.is_empty() {
            return Ok(());
        }
        message::data(audit.report(file, assembler, end).as_bytes())
    };
    loop {
        match opened.log.next() {
            Ok(Feed::Events(chunk)) => {
                if file != chunk.log.name {
                    report(&file, &opened.assembler, end(torn.take().as_ref()), &mut audit)?;
                    file.clone_from(&chunk.log.name);
                }
                opened.assembler.feed(chunk, &mut audit)?;
            }
            Ok(Feed::Torn(found)) => {
                file.clone_from(&found.log.name);
                torn = Some(found);
            }
            Ok(Feed::Idle) => {}
            Ok(Feed::End) => break,
            Err(error) => {
                report(&file, &opened.assembler, End::Unread, &mut audit)?;
                return Err(error);
            }
        }
    }
    report(&file, &opened.assembler, end(torn.as_ref()), &mut audit)?;
    Ok(Outcome::Done)
}

fn end(torn: Option<&Torn>) -> End<'_> {
    torn.map_or(End::Whole, End::Torn)
}

/// Output that is kept in memory.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Output for Kept {
    fn sync(&mut self) -> Result<bool> {
        Ok(false)
    }
}

/// Looks for the event that an offset lies in, and passes on what is needed to decode it.
struct Find<H> {
    inner: H,
    file: u64,
    offset: u64,
    found: Option<String>,
}

impl<H: Handler> Handler for Find<H> {
    fn begin(&mut self, context: &Context, end: u64) -> Result<Wish> {
        if (context.log.number, end) <= (self.file, self.offset) {
            return Ok(Wish::Skip);
        }
        self.inner.begin(context, end)
    }

    fn event(&mut self, context: &Context, event: &Event) -> Result<()> {
        let (start, len) =
            context.stamp.map_or((event.offset, event.len), |stamp| (stamp.offset, stamp.len));
        let here = context.log.number == self.file
            && (start..start.saturating_add(len)).contains(&self.offset);
        if here && event.header.kind != kind::TABLE_MAP && self.found.is_none() {
            self.found = Some(format!(
                "{} at {start}: event type {}, {len} bytes, server id {}, second {}",
                context.log.name, event.header.kind, event.header.server_id, event.header.timestamp
            ));
        }
        if here || event.header.kind == kind::TABLE_MAP {
            self.inner.event(context, event)?;
        }
        Ok(())
    }

    fn ended(&mut self, assembler: &Assembler) -> Result<Wish> {
        let past = assembler.here() > (self.file, self.offset);
        Ok(if past { Wish::Stop } else { Wish::Go })
    }

    fn note(&mut self, text: String) -> Result<()> {
        self.inner.note(text)
    }
}

/// `--at`: the event that an id names, and its row.
pub fn at(args: &Args, source: &Source) -> Result<Outcome> {
    let row = args.at.unwrap_or_default();
    let (file, offset) =
        id::split(row).ok_or_else(|| Error::usage(format!("--at {row}: not an id of the log")))?;
    let args = &Args { start: Some(super::place::Start::Id(row)), ..args.clone() };
    let mut opened = open::open(args, source, &[])?;
    opened.bounds(Bounds::default());
    let kept = Kept::default();
    let masks = args.around.mask.load(&[])?;
    let inner = opened.publisher(args, Box::new(kept.clone()), None, masks)?;
    let mut find = Find { inner, file, offset, found: None };
    loop {
        match opened.log.next()? {
            Feed::Events(chunk) => {
                if !opened.assembler.feed(chunk, &mut find)? {
                    break;
                }
            }
            Feed::End => break,
            Feed::Torn(_) | Feed::Idle => {}
        }
    }
    find.inner.flush()?;
    let Some(found) = find.found else {
        return Err(Error::data(format!("no row event lies at id {row}"))
            .advise("ids of pulled rows are not in the log; see --audit for what the files hold"));
    };
    message::data(format!("{found}\n").as_bytes())?;
    let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut decoder = Decoder::default();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message_ = decoder.decode(line)?;
        if !message_.protocol.is_data() {
            continue;
        }
        let mut cells = Vec::new();
        for tuple in message_.rows() {
            let tuple = tuple?;
            tuple.split(message_.header.schema.fields.len(), &mut cells)?;
            let Some(cell) = message_.header.system.id.and_then(|at| cells.get(at)) else {
                continue;
            };
            if cell.text()?.as_deref() != Some(row.to_string().as_str()) {
                continue;
            }
            let mut text = format!("{}\n", message_.header.schema.namespace);
            for (field, cell) in message_.header.schema.fields.iter().zip(&cells) {
                let mut value = Vec::new();
                cell.push_json(&mut value);
                text.push_str(&format!("  {}: {}\n", field.name, String::from_utf8_lossy(&value)));
            }
            message::data(text.as_bytes())?;
        }
    }
    Ok(Outcome::Done)
}

/// A sentence for each captured table with rows that change without the log holding it.
pub fn unlogged_cascades(
    conn: &mut mysql::Conn,
    info: &ServerInfo,
    args: &Args,
) -> Result<Vec<String>> {
    let captured = super::captures(args);
    let mut keys = foreign_keys::unlogged(conn, info)?;
    keys.retain(|key| captured(&key.table.schema, &key.table.table));
    let tell = |key: &foreign_keys::Cascade| {
        format!(
            "table {}: its rows that foreign key {} changes ({}) when {} does are not in the log: delete or update them by statements of their own, or pull the table anew",
            key.table, key.constraint, key.actions, key.parent
        )
    };
    Ok(keys.iter().map(tell).collect())
}

/// `--check`: connection, grants and settings.
pub fn check(args: &Args, source: &Source) -> Result<Outcome> {
    let Source::Server(_) = source else {
        let mut opened = open::open(args, source, &[])?;
        opened.log.next()?;
        message::data(b"the log can be read\n")?;
        return Ok(Outcome::Done);
    };
    let options = open::server_options(args, |text| message::warn(text))?;
    let mut conn = connect(&options)?;
    let info = ServerInfo::read(&mut conn)?;
    let mut wrong = Vec::new();
    let mut advice = Vec::new();
    let require = |holds: bool, list: &mut Vec<String>, text: &str| {
        if !holds {
            list.push(text.to_owned());
        }
    };
    require(info.log_bin, &mut wrong, "log_bin is OFF: start the server with log_bin");
    let row = info.binlog_format.eq_ignore_ascii_case("ROW");
    require(
        row,
        &mut wrong,
        "binlog_format is not ROW: SET GLOBAL binlog_format=ROW, and in open sessions",
    );
    let full = |value: &str| value.eq_ignore_ascii_case("FULL");
    require(
        full(&info.row_metadata),
        &mut advice,
        "binlog_row_metadata is not FULL: names come from information_schema and DDL (SET GLOBAL binlog_row_metadata=FULL)",
    );
    require(
        full(&info.row_image),
        &mut advice,
        "binlog_row_image is not FULL: updates are partial, and key changes stop the run (SET GLOBAL binlog_row_image=FULL)",
    );
    require(
        info.row_value_options.is_empty() || full(&info.row_image),
        &mut wrong,
        "binlog_row_value_options=PARTIAL_JSON needs binlog_row_image=FULL",
    );
    require(info.server_id != 0, &mut wrong, "server_id is 0: set it, replicas are refused else");
    advice.extend(unlogged_cascades(&mut conn, &info, args)?);
    let mut text = format!(
        "server: {} {}, server id {}, {}\n",
        if info.mariadb { "MariaDB" } else { "MySQL" },
        info.version,
        info.server_id,
        info.identity
    );
    match live::status(&mut conn, &info) {
        Ok(status) => {
            text.push_str(&format!("log: {} at {}\n", status.file, status.offset));
            let from = live::From::Place(status.file.clone(), status.offset);
            let number = args.server_id.map_or(1_999_999_999, std::num::NonZeroU32::get);
            match live::LiveLog::open(&options, &info, number, &from)
                .and_then(|mut log| crate::mysql::frame::EventLog::next(&mut log))
            {
                Ok(_) => text.push_str("replication: the user may read the log\n"),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        Err(error) => wrong.push(error.to_string()),
    }
    for line in &advice {
        text.push_str(&format!("advice: {line}\n"));
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
