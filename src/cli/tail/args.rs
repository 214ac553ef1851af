//! The arguments of `dbus-tail`, without any I/O. Uses `cli::{source, value}`, `ums`, `url`.
//! A table; not hot.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};

use super::place::{LogName, Start, Stop};
use crate::cli::source::{self, CONNECTION};
use crate::cli::value::{self, Shard, TablePattern};
use crate::error::{Error, Result};
use crate::ums::Dialect;
use crate::url::Url;

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "dbus-tail [OPTIONS] mysql://USER@HOST:PORT/\n       \
    dbus-tail [OPTIONS] FILE...\n       \
    dbus-tail [OPTIONS] --log-name NAME -")]
pub struct Args {
    /// A server (mysql://user@host:3306/), binlog files in order, or - for standard input
    ///
    /// A server is read as a replica would read it. Files are binlogs as the server wrote them,
    /// given in the order of their numbers, and count as one log; names that end in .gz or .zst are
    /// unpacked. Options of the connection stand in the query of the URL, see dws-endpoints(7).
    #[arg(value_name = "SOURCE", required = true, value_parser = NonEmptyStringValueParser::new())]
    pub sources: Vec<String>,

    /// Write to this endpoint [standard output]
    ///
    /// See dws-endpoints(7) for the forms. Only a destination that is durable (a file, a Kafka topic)
    /// moves the checkpoint; in a pipe ums-sink does.
    #[arg(long, value_name = "ENDPOINT", default_value = "-", hide_default_value = true)]
    #[arg(help_heading = OUTPUT)]
    pub to: String,

    /// Start at the position kept in FILE, if there is one
    ///
    /// Name the same FILE at the command that makes rows durable: ums-sink --checkpoint FILE writes
    /// it. Where --to is a file, dbus-tail writes it itself after each fsync, and where it is a topic,
    /// when the brokers have acknowledged. Without it, topics are asked for the newest marker of this
    /// source in them. A checkpoint that names another server continues by GTID, or is refused.
    #[arg(long, value_name = "FILE", help_heading = PLACE)]
    pub checkpoint: Option<PathBuf>,

    /// Start here, unless the checkpoint says where
    ///
    /// earliest or latest; FILE or FILE:POS, a log file and the offset of an event; an _ums_id_;
    /// gtid:SET, behind the transactions of that set (a position such as 0-1-5 on MariaDB); @TIME,
    /// UTC, such as @2026-11-21T01:02:03, at the first transaction then or later. Without --start a
    /// server is read from its latest position, which is said on standard error, and files from
    /// their beginning.
    #[arg(long, value_name = "POSITION", help_heading = PLACE, allow_hyphen_values = true)]
    pub start: Option<Start>,

    /// Stop there and exit: FILE:POS, an id, @TIME or latest
    ///
    /// The transaction that the place falls into is still written, whole. latest is where the
    /// server writes when the run begins: everything up to now, then the end. Without --stop a
    /// server is followed for ever.
    #[arg(long, value_name = "POSITION", help_heading = PLACE, allow_hyphen_values = true)]
    pub stop: Option<Stop>,

    /// Keep versions and definitions of the tables in FILE [CHECKPOINT.schema]
    ///
    /// The version is part five of a namespace. FILE holds every version that a table has had, and
    /// since which id, so that a run that starts again gives the rows the namespaces that they had.
    /// It also holds the tables' definitions, as far as statements in the log or the server told
    /// them, and since which id: for logs that do not name their columns (binlog_row_metadata is not
    /// FULL), of which a later run may read later files. Each is checked against the log, as always.
    /// Without it and without --checkpoint, versions begin at 0 where the run starts, and
    /// definitions must be in the files themselves.
    #[arg(long, value_name = "FILE", help_heading = PLACE, hide_short_help = true)]
    pub schema_store: Option<PathBuf>,

    /// Only these tables: 'shop.*,crm.customer'; may be repeated
    ///
    /// schema.table, where * stands for any run of characters in either part. Letters count as the
    /// log spells them.
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', help_heading = ROWS)]
    pub tables: Vec<TablePattern>,

    /// Not these tables, also where --tables takes them
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', help_heading = ROWS)]
    pub exclude: Vec<TablePattern>,

    /// Publish sharded tables as one: 'orders_(\d+)=orders'
    ///
    /// Tables whose whole name matches REGEX are published under NAME; the text of the one group
    /// is the shard's number, part seven of the namespace. The first rule that matches counts.
    #[arg(long, value_name = "REGEX=NAME", help_heading = ROWS)]
    pub shard: Vec<Shard>,

    /// The same for the names of schemas
    ///
    /// The text of the one group is part six of the namespace. Both rules may match one table.
    #[arg(long, value_name = "REGEX=NAME", help_heading = ROWS, hide_short_help = true)]
    pub shard_schema: Vec<Shard>,

    /// Write the row before each update, too, with the op B
    ///
    /// Immediately before its U and with the same _ums_id_. Sinks never apply it.
    #[arg(long, help_heading = ROWS)]
    pub before: bool,

    /// What to do about text that its character set cannot explain
    ///
    /// stop ends the run and names table, column and position. replace writes U+FFFD for the bytes
    /// that do not decode.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = ROWS)]
    #[arg(hide_possible_values = true, hide_short_help = true)]
    pub bad_text: BadText,

    /// Keep the order of rows over all tables
    ///
    /// Without it, rows of one table are in order and rows of different tables are gathered into
    /// messages of their own, so that messages are large. With it a message ends where the next
    /// row belongs to another table.
    #[arg(long, help_heading = OUTPUT)]
    pub ordered: bool,

    /// At most so many rows in a message
    ///
    /// A busy log fills messages; when the log is idle, rows leave at once.
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
    #[arg(value_parser = dialect(), hide_possible_values = true)]
    pub ums: Dialect,

    /// Name of the source in the namespace [host or file name]
    ///
    /// Part two of the seven. It must stay the same for the life of a flow: sinks keep positions and
    /// tables by it. The default is the host of the URL, or a log file's name without its number.
    #[arg(long, value_name = "NAME", help_heading = OUTPUT)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub source: Option<String>,

    /// Name of the log that comes on standard input [binlog.000001]
    ///
    /// Ids are made of the file's number and the offset, so give the name that the server gave it:
    /// the rows are then the same, byte for byte, as from the file or from the server.
    #[arg(long, value_name = "NAME", help_heading = OUTPUT, hide_short_help = true)]
    pub log_name: Option<LogName>,

    /// Write a marker at the latest so long after the rows it covers
    ///
    /// Markers carry the position; see ums(7). They are also written when nothing happens.
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = OUTPUT)]
    #[arg(value_parser = value::duration, hide_short_help = true)]
    pub marker_every: Duration,

    /// Run this by sh -c when the columns of a table change
    ///
    /// DWS_NAMESPACE (as it was up to there), DWS_CHANGE (what changed, in words), DWS_FILE and
    /// DWS_POS are in its environment; what it writes on standard output is discarded. It runs when
    /// every row before the change has been written and none behind it. When it fails, the run stops
    /// with exit code 5, and the next one meets the change again and runs the command again. It runs
    /// again, too, when rows around the change are read again.
    #[arg(long, value_name = "COMMAND", help_heading = OUTPUT, hide_short_help = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub on_schema_change: Option<String>,

    /// Where large transactions wait for their end [TMPDIR]
    ///
    /// Rows are written when the end of their transaction has been seen. Those of a large one
    /// wait in a file without a name in this folder, about as large as the transaction in the log.
    #[arg(long, value_name = "DIR", help_heading = OUTPUT, hide_short_help = true)]
    pub spill_dir: Option<PathBuf>,

    /// Identify to the server as this replica [random]
    ///
    /// Must differ from every other replica's and from the server's own. The default is a random
    /// number above 1,000,000,000.
    #[arg(long, value_name = "N", help_heading = CONNECTION, hide_short_help = true)]
    #[arg(value_parser = value::positive::<NonZeroU32>)]
    pub server_id: Option<NonZeroU32>,

    /// Who logs in.
    #[command(flatten)]
    pub login: source::Login,

    /// Test connection, grants and settings, say what is missing, exit
    ///
    /// Also named are the captured tables with foreign keys that change rows (ON DELETE CASCADE and
    /// the like) where the server does not log these changes: MariaDB, MySQL before 9.6, and later
    /// ones with innodb_native_foreign_keys. A run from a server warns of them, too.
    /// Of files: whether the first one can be read as a log. Nothing is written.
    #[arg(long, help_heading = INSPECT, conflicts_with_all = ["audit", "at"])]
    pub check: bool,

    /// Count instead of writing rows: bytes, events, rows by table and op
    ///
    /// For each file: bytes, events, transactions, statements, rows by table and op, the GTIDs up to
    /// its end, and where a torn end begins. Every byte is accounted for.
    #[arg(long, help_heading = INSPECT, conflicts_with = "at")]
    pub audit: bool,

    /// Print the event that an id names, in words, and the row
    #[arg(long, value_name = "ID", help_heading = INSPECT)]
    #[arg(value_parser = clap::value_parser!(i64).range(0..), allow_negative_numbers = true)]
    #[arg(conflicts_with_all = ["to", "checkpoint", "start", "stop"])]
    pub at: Option<i64>,

    /// What stands around.
    #[command(flatten)]
    pub around: source::Around,
}

const PLACE: &str = "Where to start and stop";
const ROWS: &str = "Which rows";
const OUTPUT: &str = "How they are written";
const INSPECT: &str = "Instead of running";

/// `--bad-text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum BadText {
    /// The run ends.
    #[default]
    Stop,
    /// U+FFFD stands for the bytes that do not decode.
    Replace,
}

pub(crate) fn dialect() -> impl TypedValueParser<Value = Dialect> {
    PossibleValuesParser::new(["dws", "dbus"])
        .map(|name| if name == "dbus" { Dialect::Dbus } else { Dialect::Dws })
}

/// What the sources are, taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One server.
    Server(Url),
    /// Log files in order.
    Files(Vec<PathBuf>),
    /// Standard input.
    Input,
}

impl Args {
    /// One server, or one or more files, or standard input.
    ///
    /// # Errors
    /// `Usage` for an unknown scheme and for a mixture.
    pub fn source(&self) -> Result<Source> {
        let mut files = Vec::new();
        let mut other = None;
        for source in &self.sources {
            let url = Url::parse(source)?;
            match url.scheme() {
                "mysql" => other = Some(Source::Server(url)),
                "-" => other = Some(Source::Input),
                "file" => files.push(PathBuf::from(url.path())),
                _ => {
                    return Err(Error::usage(format!("{url}: a log cannot be read from there"))
                        .advise("a SOURCE is mysql://user@host:3306/, a binlog file or -"));
                }
            }
        }
        let known = match (other, self.sources.len()) {
            (Some(other), 1) => other,
            (None, _) => Source::Files(files),
            (Some(_), _) => {
                return Err(Error::usage("a server or standard input is the only SOURCE of a run")
                    .advise("start one dbus-tail for each"));
            }
        };
        if self.log_name.is_some() && known != Source::Input {
            return Err(Error::usage("--log-name names the log on standard input")
                .advise("servers and files have names of their own; leave it out"));
        }
        Ok(known)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn source(sources: &[&str]) -> Result<Source> {
        Args::try_parse_from(["dbus-tail"].iter().chain(sources)).unwrap().source()
    }

    #[test]
    fn sources() {
        let server = "mysql://repl@db1:3306/";
        assert_eq!(source(&[server]).unwrap(), Source::Server(Url::parse(server).unwrap()));
        assert_eq!(source(&["-"]).unwrap(), Source::Input);
        let files = Source::Files(vec!["./a:b.000001".into(), "b.000002.zst".into()]);
        assert_eq!(source(&["file:./a:b.000001", "b.000002.zst"]).unwrap(), files);
        for wrong in
            [&[server, "x.000001"][..], &["-", "-"], &["-", "x.1"], &["--log-name=a.1", "x"]]
        {
            assert!(source(wrong).is_err(), "{wrong:?}");
        }
        let text = source(&["postgres://u:secret@h/"]).unwrap_err().to_string();
        assert!(text.contains("postgres") && !text.contains("secret"), "{text}");
    }

    #[test]
    fn lists_and_defaults() {
        let args = Args::try_parse_from([
            "dbus-tail",
            "--tables",
            "shop.*,crm.a",
            "--tables",
            "x.y",
            "--exclude=shop.tmp",
            "f.1",
        ])
        .unwrap();
        assert_eq!(args.tables.len(), 3);
        assert_eq!(args.exclude.len(), 1);
        assert_eq!((args.batch_rows.get(), args.batch_bytes), (500, 1 << 20));
        assert_eq!(args.marker_every, Duration::from_secs(1));
        assert_eq!(args.bad_text, BadText::Stop);
    }
}
