//! The arguments of `ums-sink`, without any I/O. Uses `cli::{progress, value}`, `sink`, `url`.
//! A table; not hot.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use crate::cli::{kafka, message, progress, value};
use crate::sink::target::{KeyRule, Login, Notice, TableRule};
use crate::sink::{Delete, Mode, OnTruncate, Options, Rejects};

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "ums-sink [OPTIONS] DEST\n       \
    ums-sink [OPTIONS] --flows FILE\n       \
    ums-sink --position {DEST | --flows FILE}\n       \
    ums-sink --compact [--drop-before TIME] parquet:DIR")]
pub struct Args {
    /// Where the rows land: a database, parquet:DIR, a file, or - for standard output
    ///
    /// Databases: sqlite:PATH, mysql://USER@HOST/DB (MySQL, MariaDB), postgres://USER@HOST/DB.
    ///
    /// Files (.gz and .zst by name) and standard output get the messages unchanged. Options stand
    /// in the query: sqlite:shop.db?busy=30. See dws-endpoints(7).
    #[arg(value_name = "DEST", value_parser = NonEmptyStringValueParser::new())]
    #[arg(required_unless_present = "flows")]
    pub destination: Option<String>,

    /// Run the flows of FILE, each with its own destination, tables and keys
    ///
    /// dws-flows(5) describes the file. SIGHUP has it read again without losing a row.
    #[arg(long, value_name = "FILE", help_heading = FLOWS, conflicts_with_all = [
        "destination", "mode", "delete", "on_truncate", "sweep", "map", "keys", "no_create",
        "compact", "drop_before"])]
    pub flows: Option<PathBuf>,

    /// Let a flow that fails stay behind alone, and run the others to the end
    ///
    /// Its position and the common one stay where they were, so that a new start delivers again what
    /// it missed; to the other flows that changes nothing. The exit status is that of its error.
    #[arg(long, help_heading = FLOWS, conflicts_with = "destination", hide_short_help = true)]
    pub keep_going: bool,

    /// Read messages from this endpoint [standard input]
    ///
    /// Standard input, a file (.gz and .zst by name), or kafka://BROKERS/TOPIC?group=NAME. Offsets
    /// are committed to the group when the rows before them are durable.
    #[arg(long, value_name = "ENDPOINT", help_heading = INPUT)]
    pub from: Option<String>,

    /// The longest message taken; longer lines stop the run
    ///
    /// A message is held in memory as a whole. The default takes a row of 40 MB even when each of
    /// its bytes is written as an escape of six.
    #[arg(long, value_name = "SIZE", default_value = "256MiB", help_heading = INPUT)]
    #[arg(value_parser = value::bytes, hide_short_help = true)]
    pub max_line: u64,

    /// Write the newest position to FILE after everything before it is durable
    ///
    /// Give the same FILE to dbus-tail --checkpoint, which starts there. Databases keep the position
    /// beside the rows as well, see --position.
    #[arg(long, value_name = "FILE", help_heading = PLACE)]
    pub checkpoint: Option<PathBuf>,

    /// Print the position that the destination keeps, as a checkpoint, and exit
    ///
    /// With --flows: the least of what their destinations keep, from which the reader has to resume.
    /// Destinations that keep none need --checkpoint when they run, and then its FILE has it.
    #[arg(long, help_heading = PLACE, conflicts_with_all = ["from", "checkpoint", "dry_run"])]
    pub position: bool,

    /// One row a key (upsert), or one row a change (append)
    ///
    /// upsert keeps the newest image of each key: a row lands when its _ums_id_ is not below the
    /// stored one. append keeps every change with _ums_id_, _ums_ts_, _ums_op_ and _ums_uid_; a
    /// change that is delivered again is recognised by its _ums_uid_.
    #[arg(long, value_name = "MODE", value_enum, default_value_t, help_heading = TABLES)]
    #[arg(hide_possible_values = true)]
    pub mode: ModeArg,

    /// What a delete leaves: the row with _is_active_ = 0 (soft), or nothing (hard)
    ///
    /// hard keeps the key and the id of the delete in a side table, so that an older row that comes
    /// late stays away.
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = TABLES)]
    #[arg(hide_possible_values = true)]
    pub delete: DeleteArg,

    /// What TRUNCATE and DROP in the source do: the rows go (apply), or stay (ignore)
    ///
    /// apply deletes, as --delete says, the rows of that table that are older, in the order of the
    /// stream, and keeps away older ones that come late. Tables that several source tables share are
    /// left alone, as with ignore, and the run says so. Renaming a table never deletes rows.
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = TABLES)]
    #[arg(hide_possible_values = true, hide_short_help = true)]
    pub on_truncate: OnTruncateArg,

    /// Remove the rows that a pull of a whole table did not bring: the source has them no more
    ///
    /// At the end of each table in a stream of dbus-pull --id batch, rows with ids below the pull's
    /// go as --delete says, once all of its rows are durable. Databases only, and not beside
    /// --reject. A table that cannot be swept is named, and the exit status is 5.
    #[arg(long, help_heading = TABLES, conflicts_with = "reject", hide_short_help = true)]
    pub sweep: bool,

    /// Name target tables: '*.*.crm=crm_{table}'; may be repeated
    ///
    /// PATTERN is a namespace (type.source.schema.table…) with * for a part or inside one; TABLE may
    /// hold {source}, {schema} and {table}. The first match wins; without one a table keeps its own
    /// name. Only a rule may lead two source tables into one.
    #[arg(long, value_name = "PATTERN=TABLE", help_heading = TABLES, value_parser = table_rule)]
    pub map: Vec<TableRule>,

    /// Name key columns: '*.*.shop.log=day,line'; may be repeated
    ///
    /// For tables that have no primary key, or where another unique key should count.
    #[arg(long, value_name = "PATTERN=COLUMNS", help_heading = TABLES, value_parser = key_rule)]
    pub keys: Vec<KeyRule>,

    /// Never create or widen a table; stop where one does not fit
    ///
    /// For targets whose tables somebody else looks after. The message names what is missing.
    #[arg(long, help_heading = TABLES, hide_short_help = true)]
    pub no_create: bool,

    /// Merge the small files of a Parquet log into large ones, and exit
    ///
    /// Writers may write and readers read meanwhile: see dws-parquet(7) for what they see.
    /// For logs in local folders only; elsewhere it is refused. Nothing is read from standard input. With --dry-run the folders and files are named and left alone.
    #[arg(long, help_heading = LOG, conflicts_with_all = ["from", "checkpoint", "position", "check"])]
    pub compact: bool,

    /// How large the files of --compact become
    ///
    /// Files of half this size or more are left alone. Larger files are read faster and dropped in
    /// larger steps.
    #[arg(long, value_name = "SIZE", default_value = "128MiB", help_heading = LOG)]
    #[arg(value_parser = value::bytes, requires = "compact", hide_short_help = true)]
    pub target_size: u64,

    /// Drop the files of a Parquet log that hold nothing of TIME or later, and exit
    ///
    /// TIME is UTC: 2026-11-21, 2026-11-21T01:02:03 or seconds since 1970, compared with _ums_ts_ as
    /// the names of the folders say it. With --compact it is done first. With --dry-run the folders
    /// are named and left alone.
    #[arg(long, value_name = "TIME", help_heading = LOG, value_parser = value::instant)]
    #[arg(conflicts_with_all = ["from", "checkpoint", "position", "check"])]
    pub drop_before: Option<i64>,

    /// Read the password of a database from FILE (its first line)
    ///
    /// Without it: the address, DWS_PASSWORD, MYSQL_PWD or PGPASSWORD, then the option file.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION)]
    #[arg(env = "DWS_PASSWORD_FILE", hide_env_values = true)]
    pub password_file: Option<PathBuf>,

    /// Read this option file in place of ~/.my.cnf, for mysql:// destinations
    ///
    /// The groups [client], [dws] and [ums-sink] are read. What the address says counts more.
    #[arg(long, value_name = "FILE", help_heading = CONNECTION, hide_short_help = true)]
    #[arg(env = "DWS_DEFAULTS_FILE", hide_env_values = true)]
    pub defaults_file: Option<PathBuf>,
    /// Write rows that can never be stored to FILE, with the reason, and go on
    ///
    /// FILE gets UMS messages; it is on the disk before the position moves past them, and the run
    /// ends with exit status 1. Mend the cause and land FILE like any other stream. Without this
    /// option the first such row stops the run.
    #[arg(long, value_name = "FILE", help_heading = TABLES)]
    pub reject: Option<PathBuf>,

    /// Test the destination, say what was found, and exit
    #[arg(long, help_heading = LOOK, conflicts_with_all = ["position", "dry_run"])]
    pub check: bool,

    /// Print the statements or file names that the input leads to, never its rows; write nothing
    ///
    /// With --flows each line begins with the name of its flow.
    #[arg(long, help_heading = LOOK)]
    pub dry_run: bool,

    /// Kafka.
    #[command(flatten)]
    pub kafka: kafka::Args,

    /// Kafka as input.
    #[command(flatten)]
    pub consuming: kafka::Consuming,

    /// Progress.
    #[command(flatten)]
    pub progress: progress::Args,
}

const INPUT: &str = "Input";
const PLACE: &str = "Position";
const TABLES: &str = "Tables";
const LOG: &str = "The Parquet log as a whole";
const CONNECTION: &str = "Connection";
const FLOWS: &str = "Flows";
const LOOK: &str = "Looking";

/// `--mode`.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub enum ModeArg {
    /// One row a key.
    #[default]
    Upsert,
    /// One row a change.
    Append,
}

/// `--delete`.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub enum DeleteArg {
    /// The row stays.
    #[default]
    Soft,
    /// The row goes.
    Hard,
}

/// `--on-truncate`.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub enum OnTruncateArg {
    /// The rows go.
    #[default]
    Apply,
    /// The rows stay.
    Ignore,
}

impl Args {
    /// What sinks need to know.
    pub fn options(&self) -> Options {
        Options {
            mode: match self.mode {
                ModeArg::Upsert => Mode::Upsert,
                ModeArg::Append => Mode::Append,
            },
            delete: match self.delete {
                DeleteArg::Soft => Delete::Soft,
                DeleteArg::Hard => Delete::Hard,
            },
            on_truncate: match self.on_truncate {
                OnTruncateArg::Apply => OnTruncate::Apply,
                OnTruncateArg::Ignore => OnTruncate::Ignore,
            },
            sweep: self.sweep,
            no_create: self.no_create,
            map: self.map.clone(),
            keys: self.keys.clone(),
            login: Login {
                password_file: self.password_file.clone(),
                defaults_file: self.defaults_file.clone(),
                lookup: |name| std::env::var(name).ok(),
            },
            notice: Notice(|text| message::warn(text)),
            rejects: Rejects::default(),
        }
    }
}

fn table_rule(text: &str) -> Result<TableRule, String> {
    TableRule::parse(text).map_err(|error| error.to_string())
}

fn key_rule(text: &str) -> Result<KeyRule, String> {
    KeyRule::parse(text).map_err(|error| error.to_string())
}
