//! The arguments of `ums-join`, without any I/O. Uses `cli::{progress, value}`, `expr`, `op`, `ums`. A
//! table; not hot.

use std::path::PathBuf;
use std::time::Duration;

use super::lookup;
use crate::cli::{kafka, progress, value};
use crate::error::{Error, Result};
use crate::expr::Condition;
use crate::expr::list::Item;
use crate::op::join::Operation;
use crate::op::join::pair::{self, Pairing, Unmatched};
use crate::op::join::union::Union;
use crate::op::window::span::Window;
use crate::op::window::tally::Function;
use crate::op::window::{self, Windowing};
use crate::ums::{Namespace, Pattern};

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "ums-join [OPTIONS] [--from ENDPOINT]...")]
pub struct Args {
    /// Read messages from this endpoint; may be repeated
    ///
    /// Standard input, a file (.gz and .zst by name), or kafka://BROKERS/TOPIC?group=NAME. The shell's
    /// <(command) is a file, too.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", help_heading = STREAM)]
    pub from: Vec<String>,

    /// Write messages to this endpoint
    ///
    /// Standard output, a file (.gz and .zst by name), which is appended to, or kafka://BROKERS/TOPIC.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", help_heading = STREAM)]
    pub to: String,

    /// Only rows of these namespaces: '*.*.shop.orders'; may be repeated
    ///
    /// With windows and lookups, rows of other tables pass as they are. Without windows, lookups and
    /// joins, the inputs are put together and the others are left out.
    #[arg(short, long, value_name = "PATTERN", help_heading = STREAM, value_parser = pattern)]
    pub namespace: Vec<Pattern>,

    /// Windows of event time: tumble:1m, hop:5m/1m or session:30s
    ///
    /// tumble: windows of this length, one behind the other. hop: of the first length, one begun
    /// after each second length, at most 10000 for a row; rows between windows, where the second is
    /// the longer, are in none and count as late. session: a group's rows with pauses shorter than
    /// this between them. Windows begin at multiples of their length since 1970 in UTC. Without
    /// --window, --agg aggregates all rows, and writes results as they change.
    #[arg(short, long, value_name = "WINDOW", help_heading = WINDOWS, value_parser = self::window)]
    #[arg(requires = "aggregates")]
    pub window: Option<Window>,

    /// Group rows by these: 'city, upper(status) AS status'
    ///
    /// Columns, or SQL expressions with a name; see dws-sql(7). One group without it.
    #[arg(short, long, value_name = "SQL", help_heading = WINDOWS, requires = "aggregates")]
    pub group_by: Option<String>,

    /// What is told of each group: 'count(*) AS n, sum(amount) AS total'
    ///
    /// count(*), count(x), count(DISTINCT x), sum(x), avg(x), min(x) and max(x), where x is a column
    /// or an expression. Sums of whole numbers and decimals are exact.
    #[arg(short, long = "agg", value_name = "SQL", help_heading = WINDOWS)]
    pub aggregates: Option<String>,

    /// Only results for which this SQL condition is TRUE: 'n > 10'
    #[arg(long, value_name = "SQL", help_heading = WINDOWS, requires = "aggregates")]
    pub having: Option<String>,

    /// When results are written: close (when their window closes) or change (at every marker)
    ///
    /// A result that was written and changes later is written again, as an update.
    #[arg(long, value_name = "WHEN", default_value = "close", help_heading = WINDOWS)]
    #[arg(value_parser = ["close", "change"], hide_possible_values = true)]
    pub emit: String,

    /// What a row is: the newest version of its key (upsert), or a change for itself (append)
    ///
    /// upsert: an update takes away what the row added before, and adds what it is now; a delete takes
    /// it away. append: every row is added and none taken away, images before an update left out.
    #[arg(long, value_name = "HOW", default_value = "upsert", help_heading = WINDOWS)]
    #[arg(value_parser = ["upsert", "append"], hide_possible_values = true)]
    pub mode: String,

    /// Join where these columns are equal: 'customer_id = id' (left = right)
    ///
    /// Several pairs are written with AND. NULL is equal to nothing.
    #[arg(long, value_name = "COLUMNS", help_heading = JOINS, requires_all = ["left", "right"])]
    #[arg(conflicts_with = "aggregates")]
    pub on: Option<String>,

    /// The namespaces of the left side: '*.*.shop.orders'
    #[arg(long, value_name = "PATTERN", help_heading = JOINS, value_parser = pattern)]
    pub left: Option<Pattern>,

    /// The namespaces of the right side: '*.*.shop.payments'
    #[arg(long, value_name = "PATTERN", help_heading = JOINS, value_parser = pattern)]
    pub right: Option<Pattern>,

    /// Join only rows whose times are at most so far apart: 10m
    ///
    /// Either may be the earlier one. Without it, rows wait for ever.
    #[arg(long, value_name = "DURATION", help_heading = JOINS, value_parser = value::duration)]
    pub within: Option<Duration>,

    /// For left rows that find nothing: drop, send or alert
    ///
    /// drop: an inner join. send: a left join; the right side's columns are NULL. alert: it is dropped
    /// and counted in a warning. In a lookup, the stream is the left side.
    #[arg(long, value_name = "HOW", default_value = "drop", help_heading = JOINS)]
    #[arg(value_parser = ["drop", "send", "alert"], hide_possible_values = true)]
    pub unmatched: String,

    /// A joined row waits until these columns are filled: 'cname,cage'
    ///
    /// Filled is what is neither NULL nor empty. When the left row's time is over, --unmatched decides,
    /// and send sends it as it is.
    #[arg(long, value_name = "COLUMNS", help_heading = JOINS, value_delimiter = ',')]
    #[arg(hide_short_help = true)]
    pub filled: Vec<String>,

    /// Whether all columns of --filled must be filled (and), or one of them (or)
    ///
    /// With or, the others may be NULL or empty for ever.
    #[arg(long, value_name = "RULE", default_value = "and", help_heading = JOINS)]
    #[arg(value_parser = ["and", "or"], hide_possible_values = true, hide_short_help = true)]
    pub filled_rule: String,

    /// Put this in front of the right side's column names
    ///
    /// Without it, only names that the left side has, too, become right_NAME.
    #[arg(long, value_name = "PREFIX", help_heading = JOINS, hide_short_help = true)]
    pub prefix: Option<String>,

    /// Lookups.
    #[command(flatten)]
    pub lookups: lookup::Args,

    /// Take the event time from this column, instead of _ums_ts_
    ///
    /// A date or a datetime, in UTC. In a join, LEFT,RIGHT names one for each side.
    #[arg(long, value_name = "COLUMN", help_heading = TIME, value_delimiter = ',')]
    pub time: Vec<String>,

    /// How far rows may be behind the markers: 5s
    ///
    /// A window closes when the time of all inputs' markers is so far behind its end.
    #[arg(long, value_name = "DURATION", help_heading = TIME, value_parser = length)]
    pub lateness: Option<i64>,

    /// How long what is over is kept, to be corrected: 7d, or forever
    ///
    /// Rows of a join, and windows that closed, for updates and deletes. A change that comes later corrects nothing.
    #[arg(long, value_name = "DURATION", help_heading = TIME, value_parser = length)]
    pub keep: Option<i64>,

    /// Append rows that come too late to this file, as messages
    #[arg(long, value_name = "FILE", help_heading = TIME)]
    pub late: Option<String>,

    /// Whether the end of the inputs closes all windows (close) or they go on in the next run (keep)
    ///
    /// Without it: keep with --state, else close.
    #[arg(long, value_name = "HOW", help_heading = TIME, value_parser = ["close", "keep"])]
    #[arg(hide_possible_values = true, hide_short_help = true)]
    pub at_end: Option<String>,

    /// Columns that tell rows apart, instead of the primary key: id, or LEFT/RIGHT in a join
    ///
    /// Several with commas between.
    #[arg(long, value_name = "COLUMNS", help_heading = RESULTS, hide_short_help = true)]
    pub keys: Option<String>,

    /// The namespace of results: mysql.db1.shop.sales_by_minute.0.0.0
    ///
    /// Without it: that of the first table, with _windows, _groups or the other table's name behind
    /// the table's.
    #[arg(long = "as", value_name = "NAMESPACE", help_heading = RESULTS, value_parser = namespace)]
    pub name: Option<Namespace>,

    /// Keep the state in this folder; the next run goes on there
    ///
    /// Without it, markers wait until nothing is held of what they cover. See STATE.
    #[arg(long, value_name = "FOLDER", help_heading = STATE)]
    pub state: Option<PathBuf>,

    /// Keep the state so often
    ///
    /// Markers go on when it has been kept, so this is also how far a checkpoint is behind. What
    /// changed since the last time is written.
    #[arg(long, value_name = "DURATION", default_value = "10s", help_heading = STATE)]
    #[arg(value_parser = value::duration, hide_short_help = true)]
    pub state_every: Duration,

    /// Go on from the state of this checkpoint, that of ums-sink behind the pipe
    ///
    /// Topics are read from it on, and what it says is committed to their groups.
    #[arg(long, value_name = "FILE", help_heading = STATE)]
    pub checkpoint: Option<PathBuf>,

    /// Print the position from which the inputs must start, as a checkpoint, and end
    ///
    /// That of the newest state that is not ahead of --checkpoint. With the other options of the run.
    #[arg(long, help_heading = STATE, requires = "state", hide_short_help = true)]
    pub position: bool,

    /// Memory for the state; what does not fit goes to disk
    ///
    /// Into --state, where there is one, else into --spill-dir. A version of a row takes about 250 bytes in
    /// windows, 400 in sessions, and 600 and its cells in a join.
    #[arg(long, value_name = "SIZE", default_value = "2GiB", help_heading = STATE)]
    #[arg(value_parser = value::bytes, hide_short_help = true)]
    pub memory: u64,

    /// Where files for a state go that is not kept and does not fit into memory [TMPDIR]
    ///
    /// They have no name and are gone with the process.
    #[arg(long, value_name = "DIR", help_heading = STATE, hide_short_help = true)]
    pub spill_dir: Option<PathBuf>,

    /// For a line that cannot be taken: stop, skip, or a file for such lines
    ///
    /// A line is left out whole, with all its rows, and the run then ends with 1. A file is appended
    /// to; one that is called stop or skip is written ./stop.
    #[arg(long, value_name = "stop|skip|FILE", default_value = "stop", help_heading = STREAM)]
    #[arg(hide_short_help = true)]
    pub on_bad_line: String,

    /// The longest message taken; longer lines stop the run
    ///
    /// A message is held in memory as a whole.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", help_heading = STREAM)]
    #[arg(value_parser = value::bytes, hide_short_help = true)]
    pub max_line: u64,

    /// Kafka.
    #[command(flatten)]
    pub kafka: kafka::Producing,

    /// Kafka as input.
    #[command(flatten)]
    pub consuming: kafka::Consuming,

    /// Progress.
    #[command(flatten)]
    pub progress: progress::Args,
}

const STREAM: &str = "Streams";
const WINDOWS: &str = "Windows";
const JOINS: &str = "Joins";
const TIME: &str = "Time";
const RESULTS: &str = "Results";
const STATE: &str = "State";

impl Args {
    /// What is to be done.
    ///
    /// # Errors
    /// `Usage` for what cannot be read and for what does not go together.
    pub fn operation(&self) -> Result<Box<dyn Operation>> {
        if let Some(on) = &self.on {
            return Ok(Box::new(Pairing::new(self.pair(on)?)));
        }
        match &self.aggregates {
            Some(aggregates) => Ok(Box::new(Windowing::new(self.windows(aggregates)?))),
            None => Ok(Box::new(Union { patterns: self.namespace.clone() })),
        }
    }

    fn windows(&self, aggregates: &str) -> Result<window::Spec> {
        let group = self.group_by.as_deref().map(Item::list).transpose();
        let aggregate = |item: Item| -> Result<_> {
            let call = item.aggregate()?;
            let function = Function::of(&call)?;
            Ok((item.name, call, function))
        };
        let items = Item::list(aggregates);
        let items = items.and_then(|items| items.into_iter().map(aggregate).collect());
        let having = self.having.as_deref().map(Condition::parse).transpose();
        let time = match self.time.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            _ => return Err(Error::usage("--time takes one column without a join")),
        };
        let keys = self.keys.as_deref().map(names).unwrap_or_default();
        Ok(window::Spec {
            window: self.window.unwrap_or(Window::Whole),
            group: group.map_err(|error| error.at("--group-by"))?.unwrap_or_default(),
            aggregates: items.map_err(|error| error.at("--agg"))?,
            having: having.map_err(|error| error.at("--having"))?,
            time,
            keys,
            append: self.mode == "append",
            on_change: self.emit == "change" || self.window.is_none(),
            keep: self.keep.unwrap_or(0),
            patterns: self.namespace.clone(),
            name: self.name.clone(),
        })
    }

    fn pair(&self, on: &str) -> Result<pair::Spec> {
        let (Some(left), Some(right)) = (self.left.clone(), self.right.clone()) else {
            return Err(Error::usage("a join needs --left and --right"));
        };
        let mut columns = [Vec::new(), Vec::new()];
        for pair in on.split(" AND ").flat_map(|part| part.split(" and ")) {
            let (a, b) = pair.split_once('=').unwrap_or((pair, pair));
            for (names, name) in columns.iter_mut().zip([a, b]) {
                match name.trim() {
                    "" => {
                        return Err(Error::usage("--on: a pair is written LEFT = RIGHT")
                            .advise("several with AND: 'a = b AND c = d'"));
                    }
                    name => names.push(name.to_owned()),
                }
            }
        }
        let times = match self.time.as_slice() {
            [] => [None, None],
            [both] => [Some(both.clone()), Some(both.clone())],
            [left, right] => [Some(left.clone()), Some(right.clone())],
            _ => return Err(Error::usage("--time takes one column, or LEFT,RIGHT")),
        };
        let keys = match &self.keys {
            None => [Vec::new(), Vec::new()],
            Some(keys) => match keys.split_once('/') {
                Some((left, right)) => [names(left), names(right)],
                None => [names(keys), names(keys)],
            },
        };
        Ok(pair::Spec {
            sides: [left, right],
            columns,
            times,
            keys,
            within: self.within.map_or(i64::MAX, micros),
            keep: self.keep.unwrap_or(0),
            unmatched: match self.unmatched.as_str() {
                "send" => Unmatched::Send,
                "alert" => Unmatched::Alert,
                _ => Unmatched::Drop,
            },
            check: self.filled.clone(),
            check_any: self.filled_rule == "or",
            prefix: self.prefix.clone(),
            name: self.name.clone(),
        })
    }

    /// What must be the same from run to run for a state to fit.
    pub fn made_with(&self) -> String {
        format!(
            "{} inputs; namespaces {:?}; window {:?}; group {:?}; agg {:?}; having {:?}; emit {}; mode {}; \
             on {:?}; left {:?}; right {:?}; within {:?}; unmatched {}; filled {:?} {}; prefix {:?}; \
             time {:?}; keep {:?}; keys {:?}; as {:?}; query {:?}; matches {}",
            self.from.len(),
            self.namespace,
            self.window,
            self.group_by,
            self.aggregates,
            self.having,
            self.emit,
            self.mode,
            self.on,
            self.left,
            self.right,
            self.within,
            self.unmatched,
            self.filled,
            self.filled_rule,
            self.prefix,
            self.time,
            self.keep,
            self.keys,
            self.name,
            self.lookups.query,
            self.lookups.matches,
        )
    }
}

pub(super) fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

fn pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|error| error.to_string())
}

fn namespace(text: &str) -> Result<Namespace, String> {
    let found = Namespace::parse(text).map_err(|error| error.to_string())?;
    if found.parts.iter().any(|part| part.contains('*')) {
        return Err("a namespace of rows has no *; that of a marker has".into());
    }
    Ok(found)
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// A length of time that may be 0, in days, or endless.
pub(super) fn length(text: &str) -> Result<i64, String> {
    match text {
        "0" => Ok(0),
        "forever" => Ok(i64::MAX),
        text => match text.strip_suffix('d').map(str::parse::<u32>) {
            Some(Ok(days)) => Ok(i64::from(days).saturating_mul(86_400_000_000)),
            _ => value::duration(text).map(micros).map_err(|_| {
                "a duration is a whole number with ms, s, m, h or d, such as 30s; or forever".into()
            }),
        },
    }
}

/// So many windows may share a row: each is counted in all of them. A day's in steps of ten seconds
/// are fewer.
const MOST_WINDOWS: i64 = 10_000;

fn window(text: &str) -> Result<Window, String> {
    let wrong = || "a window is tumble:1m, hop:5m/1m or session:30s".to_owned();
    let length = |text: &str| match length(text) {
        Ok(length) if length > 0 && length < i64::MAX => Ok(length),
        _ => Err(wrong()),
    };
    match text.split_once(':').ok_or_else(wrong)? {
        ("tumble", size) => {
            let size = length(size)?;
            Ok(Window::Hop { size, slide: size })
        }
        ("hop", sizes) => {
            let (size, slide) = sizes.split_once('/').ok_or_else(wrong)?;
            let (size, slide) = (length(size)?, length(slide)?);
            if size / slide > MOST_WINDOWS {
                return Err(format!(
                    "each row would be in {} windows, and at most {MOST_WINDOWS} are allowed: \
                     begin them further apart",
                    size / slide
                ));
            }
            Ok(Window::Hop { size, slide })
        }
        ("session", gap) => Ok(Window::Session { gap: length(gap)? }),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_lengths() {
        let minute = 60_000_000;
        assert_eq!(window("tumble:1m"), Ok(Window::Hop { size: minute, slide: minute }));
        assert_eq!(window("hop:5m/30s"), Ok(Window::Hop { size: 5 * minute, slide: minute / 2 }));
        assert_eq!(window("session:1h"), Ok(Window::Session { gap: 60 * minute }));
        let wrongs = "|tumble|tumble:|tumble:0|hop:5m|slide:1m|session:forever|hop:100000h/1ms";
        for wrong in wrongs.split('|') {
            assert!(window(wrong).is_err(), "{wrong}");
        }
        assert_eq!(length("2d"), Ok(2 * 1440 * minute));
        assert_eq!(length("forever"), Ok(i64::MAX));
        assert!(length("1w").is_err());
    }
}
