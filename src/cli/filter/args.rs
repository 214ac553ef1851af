//! The arguments of `ums-filter`, without any I/O. Uses `cli::{progress, value}`, `expr`, `op`,
//! `ums`. A table; not hot.

use std::num::NonZeroU64;
use std::path::PathBuf;

use crate::cli::{kafka, progress, value};
use crate::error::Result;
use crate::expr::{Condition, moment};
use crate::op::filter::{Place, Rules};
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
    pub condition: Option<String>,

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

    /// End after so many rows
    #[arg(long, value_name = "N", help_heading = WHAT, value_parser = value::positive::<NonZeroU64>)]
    pub limit: Option<NonZeroU64>,

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
