//! The arguments of `ums-replay`, without any I/O. Uses `cli::{progress, value}`, `flow`, `ums`.
//! A table; not hot.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use crate::cli::{kafka, progress, value};
use crate::flow::replay::{Bounds, Place, Question, Wanted};
use crate::sink::target::KeyRule;
use crate::ums::Pattern;

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "ums-replay [OPTIONS] LOG\n       \
    ums-replay --as-of WHEN [OPTIONS] LOG\n       \
    ums-replay --history [OPTIONS] LOG")]
pub struct Args {
    /// The Parquet log: parquet:DIR, as ums-sink has written it
    #[arg(value_name = "LOG", value_parser = NonEmptyStringValueParser::new())]
    pub log: String,

    /// Only these namespaces: 'mysql.db1.shop.orders.*'; may be repeated
    ///
    /// A namespace is type.source.schema.table.version.dbshard.tableshard; * stands for a part or
    /// inside one, and parts that are left out mean *. Part five chooses versions of a table.
    #[arg(short, long, value_name = "PATTERN", help_heading = WHAT, value_parser = pattern)]
    pub namespace: Vec<Pattern>,

    /// Only rows from here on: an id, or a time in UTC
    ///
    /// A whole number is an _ums_id_. A time is YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS[.ffffff], with or
    /// without @ in front, or @ and seconds since 1970, and is compared with _ums_ts_. Files whose
    /// names do not overlap are not opened.
    #[arg(long, value_name = "WHEN", help_heading = WHAT, value_parser = place)]
    #[arg(allow_hyphen_values = true)]
    pub since: Option<Place>,

    /// Only rows before here: an id, or a time in UTC
    ///
    /// The row or moment itself is left out, so that the next run can begin with it as --since.
    #[arg(long, value_name = "WHEN", help_heading = WHAT, value_parser = place)]
    #[arg(allow_hyphen_values = true)]
    pub until: Option<Place>,

    /// The state of every key then: its newest row, deleted ones left out
    ///
    /// The row or moment itself counts. Images before updates are left out. From partial row images
    /// the newest value of each column is taken, back to the row's insert. The key is that of
    /// the messages, or --keys.
    #[arg(long, value_name = "WHEN", help_heading = WHAT, value_parser = place)]
    #[arg(allow_hyphen_values = true, conflicts_with_all = ["since", "until", "history"])]
    pub as_of: Option<Place>,

    /// Every version of every row with valid_from and valid_to
    ///
    /// valid_from is the _ums_ts_ of the image, valid_to that of the next image or of the delete,
    /// NULL while there is none. With --until, the history as it was known then.
    #[arg(long, help_heading = WHAT, conflicts_with = "since")]
    pub history: bool,

    /// Name key columns: '*.*.shop.log=day,line'; may be repeated
    ///
    /// For --as-of and --history of tables that have no primary key, or where another unique key
    /// should count. The messages then name these columns as their key.
    #[arg(long, value_name = "PATTERN=COLUMNS", help_heading = WHAT, value_parser = key_rule)]
    pub keys: Vec<KeyRule>,

    /// Only the newest version of each table that there is by then
    ///
    /// A version ends with TRUNCATE, with DROP and CREATE, or with a change of columns that old rows
    /// do not fit. After the first two its rows are gone in the source, after the last one they are
    /// there; the log does not say which it was.
    #[arg(long, help_heading = WHAT)]
    pub newest_version: bool,

    /// Write messages to this endpoint
    ///
    /// Standard output, or a file (.gz and .zst by name), which is appended to.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", help_heading = OUTPUT)]
    pub to: String,

    /// At most so many rows in a message
    #[arg(long, value_name = "N", default_value = "500", help_heading = OUTPUT)]
    #[arg(value_parser = value::positive::<NonZeroUsize>)]
    pub batch_rows: NonZeroUsize,

    /// About so many bytes in a message
    ///
    /// A row is never divided: a message of one row may be larger.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", help_heading = OUTPUT)]
    #[arg(value_parser = value::bytes, hide_short_help = true)]
    pub batch_bytes: u64,

    /// About so much memory; what does not fit goes to --spill-dir
    #[arg(long, value_name = "SIZE", default_value = "512MiB", help_heading = OUTPUT)]
    #[arg(value_parser = value::bytes)]
    pub memory: u64,

    /// Where spill files are made [TMPDIR]
    ///
    /// They have no name and are gone with the process. --as-of and --history need up to 32 and 48
    /// bytes for each row of the log there; rows that are far from the order of their ids need about
    /// their size as messages.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, hide_short_help = true)]
    pub spill_dir: Option<PathBuf>,

    /// Read the end of every file, say what there is, and exit
    #[arg(long, help_heading = LOOK, conflicts_with = "dry_run")]
    pub check: bool,

    /// Print the files that would be read, without opening them
    #[arg(long, help_heading = LOOK)]
    pub dry_run: bool,

    /// Kafka.
    #[command(flatten)]
    pub kafka: kafka::Producing,

    /// Progress.
    #[command(flatten)]
    pub progress: progress::Args,
}

const WHAT: &str = "What to give";
const OUTPUT: &str = "Output";
const LOOK: &str = "Looking";

impl Args {
    /// Which files and rows.
    pub fn wanted(&self) -> Wanted {
        let mut bounds = Bounds::ALL;
        if let Some(place) = self.since {
            bounds = bounds.since(place);
        }
        if let Some(place) = self.until {
            bounds = bounds.until(place);
        }
        if let Some(place) = self.as_of {
            bounds = bounds.through(place);
        }
        Wanted { patterns: self.namespace.clone(), bounds, newest_version: self.newest_version }
    }

    /// What for.
    pub fn question(&self) -> Question {
        match (self.as_of, self.history) {
            (Some(_), _) => Question::AsOf,
            (None, true) => Question::History,
            (None, false) => Question::Rows,
        }
    }
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

fn key_rule(text: &str) -> Result<KeyRule, String> {
    KeyRule::parse(text).map_err(|error| error.to_string())
}

/// Reads an id or a time.
fn place(text: &str) -> Result<Place, String> {
    if let Some(instant) = text.strip_prefix('@') {
        return value::instant(instant).map(Place::Time);
    }
    if let Ok(id) = text.parse() {
        return Ok(Place::Id(id));
    }
    value::instant(text).map(Place::Time).map_err(|_| {
        "an id (a whole number), or a time: YYYY-MM-DD, YYYY-MM-DDTHH:MM:SS[.ffffff]".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn places() {
        assert_eq!(place("103000012345678"), Ok(Place::Id(103_000_012_345_678)));
        assert_eq!(place("-7"), Ok(Place::Id(-7)));
        assert_eq!(place("1970-01-02"), Ok(Place::Time(86_400_000_000)));
        assert_eq!(place("@1970-01-01T00:00:00.5Z"), Ok(Place::Time(500_000)));
        assert_eq!(place("@7"), Ok(Place::Time(7_000_000)));
        for wrong in ["", "now", "@", "1.5", "2026-13-01"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_asked() {
        let args = |line: &str| Args::try_parse_from(line.split(' ')).unwrap();
        let plain = args("ums-replay --since -5 --until 9 parquet:x");
        assert_eq!(plain.question(), Question::Rows);
        assert_eq!(plain.wanted().bounds.ids, (-5, 8));
        let then = args("ums-replay --as-of 9 parquet:x");
        assert_eq!((then.question(), then.wanted().bounds.ids), (Question::AsOf, (i64::MIN, 9)));
        assert_eq!(args("ums-replay --history parquet:x").question(), Question::History);
        for wrong in ["--as-of 1 --history", "--as-of 1 --since 1", "--history --since 1"] {
            let line = format!("ums-replay {wrong} parquet:x");
            assert!(Args::try_parse_from(line.split(' ')).is_err(), "{wrong}");
        }
    }
}
