//! The arguments of `ums-filter`, without any I/O. Uses `cli::{progress, value}`, `expr`, `op`,
//! `ums`. A table; not hot.

use std::num::NonZeroU64;
use std::path::PathBuf;

use crate::cli::{kafka, progress, value};
use crate::error::Result;
use crate::expr::{Condition, Select, moment};
use crate::op::dialect;
use crate::op::filter::{Place, Rename, Rules, Share};
use crate::ums::{Op, Pattern};

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "ums-filter [OPTIONS] < UMS > UMS")]
pub struct Args {
    /// Only rows for which this SQL condition is TRUE: "amount >= 100 AND status <> 'new'"
    ///
    /// Neither FALSE nor NULL. Names are columns of the row, system columns included; texts stand in
    /// single quotes. See dws-sql(7). Every table that passes --namespace must have the columns.
    #[arg(short = 'w', long = "where", value_name = "SQL", help_heading = WHAT)]
    #[arg(allow_hyphen_values = true)]
    pub condition: Option<String>,

    /// Updates out of --where become deletes, updates into it inserts
    ///
    /// So a target has exactly the rows that fulfil the condition. Needs before images (dbus-tail
    /// --before) and whole rows, and refuses updates without; conditions on key columns alone need
    /// none. Ids stay what they are.
    #[arg(long, requires = "condition", conflicts_with = "ops", help_heading = WHAT)]
    pub keep_set: bool,

    /// Only these namespaces: 'mysql.db1.shop.orders.*'; may be repeated
    ///
    /// A namespace is type.source.schema.table.version.dbshard.tableshard; * stands for a part or
    /// inside one, and parts that are left out mean *. Markers and heartbeats always pass.
    #[arg(short, long, value_name = "PATTERN", help_heading = WHAT, value_parser = pattern)]
    pub namespace: Vec<Pattern>,

    /// Only these kinds of change, of I, U, D and B: I,U
    #[arg(long, value_name = "OPS", help_heading = WHAT, value_delimiter = ',', value_parser = op)]
    pub ops: Vec<Op>,

    /// Only rows from here on: an id, or a time in UTC
    ///
    /// A whole number is an _ums_id_. A time is YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS[.ffffff], with or
    /// without @ in front, and is compared with _ums_ts_.
    #[arg(long, value_name = "WHEN", help_heading = WHAT, value_parser = place)]
    #[arg(allow_hyphen_values = true)]
    pub since: Option<Place>,

    /// Only rows before here: an id, or a time in UTC
    ///
    /// The row or moment itself is left out. The input is read to its end all the same, because
    /// rows of several tables are not in one order.
    #[arg(long, value_name = "WHEN", help_heading = WHAT, value_parser = place)]
    #[arg(allow_hyphen_values = true)]
    pub until: Option<Place>,

    /// A share of the rows by their keys: 5%, 1/20 or 0.05
    ///
    /// All changes of a row are in or out together, in every run and in every table with the same
    /// key; rows without a key are told by their values.
    #[arg(long, value_name = "SHARE", help_heading = WHAT, value_parser = share)]
    #[arg(hide_short_help = true)]
    pub sample: Option<Share>,

    /// End after so many rows
    #[arg(long, value_name = "N", help_heading = WHAT, value_parser = value::positive::<NonZeroU64>)]
    pub limit: Option<NonZeroU64>,

    /// The columns that come out: 'id, amount * 2 AS dbl, upper(name) AS n'
    ///
    /// Expressions of dws-sql(7) with a name behind AS, columns, * and * EXCEPT (a, b). System columns
    /// stay in front without being named. A column of the key may get another name; where one is left
    /// out the rows have no key, which is said.
    #[arg(short, long, value_name = "LIST", help_heading = HOW, value_parser = select)]
    #[arg(allow_hyphen_values = true)]
    pub select: Option<Select>,

    /// Columns that do not come out: a,b
    ///
    /// In every table that has them. One that no table had is named at the end.
    #[arg(long, value_name = "COLUMNS", help_heading = HOW, value_delimiter = ',')]
    #[arg(conflicts_with = "select")]
    pub drop: Vec<String>,

    /// Another name for namespaces: '*.*.shop.orders=*.*.dw.orders'; may be repeated
    ///
    /// The first rule that matches counts. In the new name, * and parts that are left out stay what
    /// they are; type and source always stay, because markers speak of them.
    #[arg(long, value_name = "PATTERN=NAME", help_heading = HOW, value_parser = rename)]
    #[arg(hide_short_help = true)]
    pub rename_namespace: Vec<Rename>,

    /// Write plain JSON rows, one a line, for jq and people
    ///
    /// An object with _ums_namespace_ and the columns; numbers without quotes, with all their digits.
    /// Markers are left out, so nothing behind can keep a checkpoint.
    #[arg(long, help_heading = HOW, group = "form")]
    pub flat: bool,

    /// Write a readable table, in colour on a terminal
    #[arg(long, help_heading = HOW, group = "form")]
    pub table: bool,

    /// Write each new schema once, as text for people, and no rows
    #[arg(long, help_heading = HOW, group = "form")]
    pub schema: bool,

    /// Try the options on every schema of the input, say what does not fit, and write nothing
    ///
    /// Reads the input to its end; ends with 5 when something does not fit.
    #[arg(long, help_heading = HOW, group = "form")]
    pub check: bool,

    /// Read another dialect: debezium, maxwell, canal
    ///
    /// See ums(7) for what becomes of ids and types.
    #[arg(long = "in", value_name = "DIALECT", help_heading = STREAM, value_parser = reader)]
    pub dialect_in: Option<&'static dialect::In>,

    /// Write another dialect: debezium, maxwell, canal, dbus
    ///
    /// See ums(7) for what becomes of ids, types and markers.
    #[arg(long, value_name = "DIALECT", help_heading = STREAM, value_parser = writer, group = "form")]
    pub out: Option<&'static dialect::Out>,

    /// Read messages from this endpoint
    ///
    /// Standard input, a file (.gz and .zst by name), or kafka://BROKERS/TOPIC?group=NAME.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", help_heading = STREAM)]
    pub from: String,

    /// Write messages to this endpoint
    ///
    /// Standard output, a file (.gz and .zst by name), which is appended to, or
    /// kafka://BROKERS/TOPIC.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", help_heading = STREAM)]
    pub to: String,

    /// Begin at the position in FILE, and keep it there when the output is durable
    ///
    /// For input that has positions, which is Kafka. In a pipe name the same FILE at the command
    /// that makes rows durable: ums-sink --checkpoint FILE writes it, and what it says is committed
    /// to the group. Where --to is a file or a topic, ums-filter writes it itself.
    #[arg(long, value_name = "FILE", help_heading = STREAM)]
    pub checkpoint: Option<PathBuf>,

    /// For a line that cannot be filtered: stop, skip, or a file for such lines
    ///
    /// A line is left out whole, with all its rows, and the run then ends with 1. A file is appended
    /// to; one that is called stop or skip is written ./stop.
    #[arg(long, value_name = "stop|skip|FILE", default_value = "stop", help_heading = STREAM)]
    #[arg(value_parser = on_bad_line)]
    pub on_bad_line: OnBadLine,

    /// The longest message taken; longer lines stop the run
    ///
    /// A message is held in memory as a whole. The default takes a row of 40 MB even when each of
    /// its bytes is written as an escape of six.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", help_heading = STREAM)]
    #[arg(value_parser = value::bytes, hide_short_help = true)]
    pub max_line: u64,

    /// Kafka.
    #[command(flatten)]
    pub kafka: kafka::Producing,

    /// Kafka as input.
    #[command(flatten)]
    pub consuming: kafka::Consuming,

    /// Masks.
    #[command(flatten)]
    pub mask: crate::cli::mask::Args,

    /// Progress.
    #[command(flatten)]
    pub progress: progress::Args,
}

const WHAT: &str = "What passes";
const HOW: &str = "What comes out";
const STREAM: &str = "Streams";

/// What happens to a bad line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnBadLine {
    /// The run stops.
    Stop,
    /// It is left out.
    Skip,
    /// It is appended to a file.
    File(String),
}

impl Args {
    /// What passes.
    ///
    /// # Errors
    /// `Usage` for a condition that cannot be read.
    pub fn rules(&self) -> Result<Rules> {
        let condition = self.condition.as_deref().map(Condition::parse).transpose();
        Ok(Rules {
            patterns: self.namespace.clone(),
            ops: self.ops.clone(),
            since: self.since,
            until: self.until,
            condition: condition.map_err(|error| error.at("--where"))?,
            keep_set: self.keep_set,
            sample: self.sample,
            select: self.select.clone(),
            drop: self.drop.clone(),
            renames: self.rename_namespace.clone(),
            limit: self.limit.map(NonZeroU64::get),
        })
    }
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

fn op(text: &str) -> Result<Op, String> {
    Op::parse(text.as_bytes()).ok_or_else(|| "a kind of change is I, U, D or B".into())
}

fn share(text: &str) -> Result<Share, String> {
    Share::parse(text).map_err(|error| error.to_string())
}

fn select(text: &str) -> Result<Select, String> {
    Select::parse(text).map_err(|error| error.to_string())
}

fn rename(text: &str) -> Result<Rename, String> {
    Rename::parse(text).map_err(|error| error.to_string())
}

fn reader(name: &str) -> Result<&'static dialect::In, String> {
    dialect::reader(name).map_err(|error| error.to_string())
}

fn writer(name: &str) -> Result<&'static dialect::Out, String> {
    dialect::writer(name).map_err(|error| error.to_string())
}

fn on_bad_line(text: &str) -> Result<OnBadLine, String> {
    match text {
        "" => Err("stop, skip or the name of a file".into()),
        "stop" => Ok(OnBadLine::Stop),
        "skip" => Ok(OnBadLine::Skip),
        path => Ok(OnBadLine::File(path.to_owned())),
    }
}

fn place(text: &str) -> Result<Place, String> {
    if let Ok(id) = text.parse() {
        return Ok(Place::Id(id));
    }
    let time = text.strip_prefix('@').unwrap_or(text);
    let time = time.strip_suffix('Z').unwrap_or(time);
    // Only what a calendar has is a bound; `instant` knows the calendar.
    let known = value::instant(time).is_ok() && time.contains('-');
    moment::parse(time, true)
        .filter(|_| known)
        .map(Place::Time)
        .ok_or_else(|| "an id, or a time: YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS[.ffffff] in UTC".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        assert_eq!(place("-5"), Ok(Place::Id(-5)));
        let noon = moment::parse("2026-11-21 12:00:00", true).unwrap();
        for text in ["2026-11-21T12:00:00", "@2026-11-21 12:00:00", "2026-11-21T12:00:00Z"] {
            assert_eq!(place(text), Ok(Place::Time(noon)));
        }
        for wrong in ["", "now", "2026-02-30", "@5", "1.5", "0000-00-00"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
