//! The arguments of `dbus-pull`, without any I/O. Uses `cli::{source, value}`, `mysql::barrier`,
//! `ums`. A table; not hot.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};

use crate::cli::source;
use crate::cli::tail::args::{BadText, dialect};
use crate::cli::value::{self, Shard, TablePattern};
use crate::mysql::barrier::Barrier;
use crate::mysql::ddl::TableName;
use crate::ums::Dialect;

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "dbus-pull [OPTIONS] --tables PATTERN... mysql://USER@HOST:PORT/")]
pub struct Args {
    /// The server: mysql://user@host:3306/
    ///
    /// The one that dbus-tail reads: a position of one server says nothing about the rows of
    /// another. Options of the connection stand in the query of the URL, see dws-endpoints(7).
    #[arg(value_name = "SOURCE", value_parser = NonEmptyStringValueParser::new())]
    pub server: String,

    /// Write to this endpoint [standard output]
    ///
    /// See dws-endpoints(7) for the forms.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", hide_default_value = true)]
    #[arg(help_heading = OUTPUT)]
    pub to: String,

    /// These tables: 'shop.*,crm.customer'; may be repeated
    ///
    /// schema.table, where * stands for any run of characters in either part. The servers' own
    /// schemas are pulled only when they are named without a *. Views are not pulled.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', help_heading = ROWS)]
    #[arg(required_unless_present = "shards")]
    pub tables: Vec<TablePattern>,

    /// Not these tables, also where --tables takes them
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', help_heading = ROWS)]
    pub exclude: Vec<TablePattern>,

    /// Only rows that meet this SQL condition
    ///
    /// As it would stand behind WHERE; it holds for every table of the run. The end of such a pull
    /// says that it was not of the whole table, so that nothing is swept.
    #[arg(long, value_name = "CONDITION", help_heading = ROWS)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub r#where: Option<String>,

    /// Only these columns, and those of the primary key
    #[arg(long, value_name = "NAME", value_delimiter = ',', help_heading = ROWS)]
    pub columns: Vec<String>,

    /// Publish sharded tables as one: 'orders_(\d+)=orders'
    ///
    /// As with dbus-tail: tables whose whole name matches REGEX are published under NAME; the text
    /// of the one group is the shard's number, part seven of the namespace.
    #[arg(long, value_name = "REGEX=NAME", help_heading = ROWS, hide_short_help = true)]
    pub shard: Vec<Shard>,

    /// The same for the names of schemas
    ///
    /// The text of the one group is part six of the namespace.
    #[arg(long, value_name = "REGEX=NAME", help_heading = ROWS, hide_short_help = true)]
    pub shard_schema: Vec<Shard>,

    /// What to do about text that its character set cannot explain
    ///
    /// stop ends the run and names table and column. replace writes U+FFFD for the bytes that do
    /// not decode.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = ROWS)]
    #[arg(hide_possible_values = true, hide_short_help = true)]
    pub bad_text: BadText,

    /// How a SELECT is made to fit its position in the log
    ///
    /// auto takes the first that can be proved. snapshot: MariaDB's consistent snapshot, behind
    /// the position of the last commit; no write, no lock. gtid: MySQL with GTIDs; waits for the transactions that
    /// are being committed; no write, no lock. write: a change of a row of --barrier-table, right
    /// only where commits are ordered (binlog_order_commits=ON, always on MariaDB). share: a locking
    /// read of each shard, which waits for, and holds up, transactions that change its rows. lock:
    /// FLUSH TABLES t WITH READ LOCK for a moment, once a table. What cannot be proved is refused.
    #[arg(long, value_name = "HOW", default_value = "auto", help_heading = JOIN)]
    #[arg(value_parser = barrier(), hide_possible_values = true)]
    pub barrier: Choice,

    /// The table that --barrier write changes
    ///
    /// CREATE TABLE dws.pull_barrier (id INT UNSIGNED PRIMARY KEY, n BIGINT UNSIGNED NOT NULL)
    /// ENGINE=InnoDB; the user needs SELECT, INSERT and UPDATE on it.
    #[arg(long, value_name = "TABLE", default_value = "dws.pull_barrier", help_heading = JOIN)]
    #[arg(hide_short_help = true, value_parser = table_name)]
    pub barrier_table: TableName,

    /// What rows are numbered with: batch, the log's position, or initial
    ///
    /// batch: _ums_id_ is that of the position that the shard was read at: what changes later wins,
    /// and what the target has from before loses. Right for first loads and for reloads. initial:
    /// a number of its own below zero for each row, so that every change from the log wins.
    #[arg(long, value_name = "WAY", value_enum, default_value_t, help_heading = JOIN)]
    #[arg(hide_possible_values = true)]
    pub id: Ids,

    /// End with a marker, so that the sink's checkpoint is where dbus-tail starts
    ///
    /// For a first load alone: the position before the first shard becomes the checkpoint of the
    /// sink at the end of the pipe, and a dbus-tail that starts there brings what changed since. Never
    /// for a reload beside a dbus-tail that is at work: it would move that one's position.
    #[arg(long, help_heading = JOIN)]
    pub marker: bool,

    /// The position file of the sink at the end of the pipe
    ///
    /// With --state: shards whose rows that sink has made durable are not pulled again. In any case:
    /// where it has a position of this source, its offset base is used, so that ids do not fall
    /// behind those of dbus-tail after a failover.
    #[arg(long, value_name = "FILE", help_heading = JOIN)]
    pub checkpoint: Option<PathBuf>,

    /// Take the tables' versions from this file of dbus-tail
    ///
    /// The version is part five of a namespace. Without it, rows are published as version 0.
    #[arg(long, value_name = "FILE", help_heading = JOIN, hide_short_help = true)]
    pub schema_store: Option<PathBuf>,

    /// Read with so many connections
    #[arg(short, long, value_name = "N", default_value = "6", help_heading = WORK)]
    #[arg(value_parser = value::threads)]
    pub jobs: NonZeroUsize,

    /// About so many rows a shard
    ///
    /// A shard is read in one transaction with one position, and is what a resumed pull goes on with.
    #[arg(long, value_name = "N", default_value = "100000", help_heading = WORK)]
    #[arg(value_parser = value::positive::<NonZeroU64>)]
    pub shard_rows: NonZeroU64,

    /// Divide by this column [primary key, unique key, index]
    ///
    /// Rows with NULL in it are a shard of their own. Without an index that begins with it, every
    /// shard reads the whole table.
    #[arg(long, value_name = "COLUMN", help_heading = WORK, hide_short_help = true)]
    pub split_by: Option<String>,

    /// How to divide: rows walks the key, even cuts its numbers
    ///
    /// rows: every shard has --shard-rows rows, however skewed the key is; the index is read once for
    /// it. even: equal ranges between the least and the greatest number of the key's first column,
    /// at once, for giant tables with even keys.
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = WORK)]
    #[arg(hide_possible_values = true, hide_short_help = true)]
    pub split: SplitBy,

    /// Keep the plan and the finished shards in FILE, and go on there
    ///
    /// A pull that was killed is started again with the same options. A shard is finished when its
    /// rows are durable: where --to is a file, after its fsync; in a pipe, when the sink's checkpoint
    /// says so, see --checkpoint. A state that has ended is begun anew.
    #[arg(long, value_name = "FILE", help_heading = WORK)]
    pub state: Option<PathBuf>,

    /// Pull these shards, lines of --plan
    ///
    /// A plan can be edited and divided, to be pulled from several hosts; - is standard input.
    #[arg(long, value_name = "FILE", help_heading = WORK)]
    #[arg(conflicts_with_all = ["split_by", "split", "shard_rows"])]
    pub shards: Option<PathBuf>,

    /// At most so many rows a second, of all connections together
    #[arg(long, value_name = "N", help_heading = WORK)]
    #[arg(value_parser = value::positive::<NonZeroU64>)]
    pub max_rows_per_sec: Option<NonZeroU64>,

    /// Wait while a replica is more seconds behind
    ///
    /// The server itself, where it is a replica, and those of --replica. One that does not say how
    /// far it is behind counts as far behind.
    #[arg(long, value_name = "SECONDS", help_heading = WORK, value_parser = value::whole)]
    pub max_lag: Option<u64>,

    /// A replica that --max-lag looks at; may be repeated
    ///
    /// An address as SOURCE; the user needs REPLICATION CLIENT (MariaDB: REPLICA MONITOR).
    #[arg(long, value_name = "URL", help_heading = WORK, requires = "max_lag")]
    #[arg(hide_short_help = true)]
    pub replica: Vec<String>,

    /// How long a server may be away
    ///
    /// The shards that were being read are read again when it is back. Then exit code 4.
    #[arg(long, value_name = "TIME", default_value = "10m", help_heading = WORK)]
    #[arg(value_parser = value::duration, hide_short_help = true)]
    pub patience: Duration,

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

    /// Spelling of messages: dws, or dbus for readers of 2020
    ///
    /// dbus writes ums_id_ in place of _ums_id_, ops in lower case, and neither keys nor origin.
    #[arg(long, value_name = "SPELLING", default_value = "dws", help_heading = OUTPUT)]
    #[arg(value_parser = dialect(), hide_possible_values = true, hide_short_help = true)]
    pub ums: Dialect,

    /// Name of the source in the namespace [host]
    ///
    /// Part two of the seven; the same as with dbus-tail.
    #[arg(long, value_name = "NAME", help_heading = OUTPUT)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub source: Option<String>,

    /// Keep how far it is in FILE, as JSON
    ///
    /// Replaced as a whole once a second, and at the end.
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    pub status_file: Option<PathBuf>,

    /// Who logs in.
    #[command(flatten)]
    pub login: source::Login,

    /// Test connection, grants and barriers, say what is missing, exit
    #[arg(long, help_heading = INSPECT)]
    pub check: bool,

    /// Print the shards as JSON lines instead of pulling them
    ///
    /// To keep, to edit, and to be given back with --shards.
    #[arg(long, help_heading = INSPECT, conflicts_with_all = ["check", "shards", "state"])]
    pub plan: bool,

    /// What stands around.
    #[command(flatten)]
    pub around: source::Around,
}

const ROWS: &str = "Which rows";
const JOIN: &str = "How the pull joins the log";
const WORK: &str = "How they are read";
const OUTPUT: &str = "How they are written";
const INSPECT: &str = "Instead of pulling";

/// `--barrier`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The first that can be proved.
    Auto,
    /// This one.
    One(Barrier),
}

fn barrier() -> impl TypedValueParser<Value = Choice> {
    let names = ["auto"].into_iter().chain(Barrier::ALL.map(|row| row.1));
    PossibleValuesParser::new(names).map(|name| {
        let found = Barrier::ALL.iter().find(|row| row.1 == name);
        found.map_or(Choice::Auto, |row| Choice::One(row.0))
    })
}

fn table_name(text: &str) -> Result<TableName, String> {
    match text.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => {
            Ok(TableName::new(schema, table))
        }
        _ => Err("a table is schema.table".into()),
    }
}

/// `--id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Ids {
    /// That of the shard's position.
    #[default]
    Batch,
    /// One of its own for each row.
    Initial,
}

/// `--split`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SplitBy {
    /// As many rows in each shard.
    #[default]
    Rows,
    /// Equal ranges.
    Even,
}
