//! The arguments of `logrules`, without any I/O. Uses `cli::{progress, value}`, `endpoint`. A table; not hot.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::{kafka, progress, value};
use crate::endpoint::follow::Start;
use crate::rule::ids::PARTITIONS;

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "logrules [OPTIONS] RULES\n       \
    logrules RULES --trace [SAMPLE]\n       \
    logrules RULES --watch SAMPLE\n       \
    logrules RULES --test CASES\n       \
    logrules RULES --check\n       \
    logrules --import EXPORT")]
pub struct Args {
    /// The rules: a TOML file, see logrules.5
    #[arg(value_name = "RULES", required_unless_present = "import")]
    pub rules: Option<PathBuf>,

    /// Read lines from this endpoint [standard input]; may be repeated
    ///
    /// Standard input, a file (.gz and .zst by name), or kafka://BROKERS/TOPIC?group=NAME. Several files
    /// are read one after the other, as one source: give the oldest first. With --follow or
    /// --checkpoint, paths and patterns of files. Of a topic each record is a line, or several.
    #[arg(long, value_name = "ENDPOINT", help_heading = INPUT)]
    pub from: Vec<String>,

    /// Follow the files for ever, as tail -F does
    ///
    /// Every --from is a path or a pattern ('/var/log/app/*.log', in quotes; * ? and [abc] within one
    /// name); files that appear later are found. A file that is renamed, copied and cut, or packed is
    /// read to its end before the one that takes its place. Lines come when they are written.
    #[arg(long, short = 'F', help_heading = INPUT, conflicts_with_all = ["trace", "test", "check"])]
    pub follow: bool,

    /// Go on at the position kept in FILE, if there is one
    ///
    /// Name the same FILE at the command that makes rows durable: ums-sink --checkpoint FILE writes it.
    /// Where --to is a file, logrules writes it itself after each fsync. What was rotated away
    /// meanwhile, packed too, is read first. Without --follow the run ends at the last whole line. Of
    /// a topic, what the file says is also committed to the group.
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    #[arg(conflicts_with_all = ["trace", "test", "check"])]
    pub checkpoint: Option<PathBuf>,

    /// Where to begin in files that the checkpoint does not name
    ///
    /// earliest: with the oldest of the rotated files; current: with the file itself; latest: at its
    /// end. With --follow or --checkpoint. Files that appear during the run are read whole.
    #[arg(long, value_name = "WHERE", default_value = "earliest", help_heading = INPUT)]
    #[arg(value_parser = start(), hide_possible_values = true)]
    pub start: Start,

    /// Go on where lines are missing, and say so
    ///
    /// When the file that the checkpoint names is gone and others stand in its place, the run stops with
    /// exit status 5. With --gaps it goes on with the oldest that is there.
    #[arg(long, help_heading = INPUT, hide_short_help = true)]
    pub gaps: bool,

    /// Stop at a line longer than this
    ///
    /// A line is held in memory as a whole, on each thread.
    #[arg(long, value_name = "SIZE", default_value = "64MiB", help_heading = INPUT)]
    #[arg(value_parser = value::bytes)]
    pub max_line: u64,

    /// Which part of the source this is, 0 to 15
    ///
    /// Processes that share a source need different parts: the part stands in every id.
    #[arg(long, value_name = "N", default_value = "0", help_heading = INPUT)]
    #[arg(value_parser = clap::value_parser!(u8).range(..i64::from(PARTITIONS)))]
    pub partition: u8,

    /// Threads that apply the rules [one a processor, at most 8]
    ///
    /// Rows and ids do not depend on it.
    #[arg(long, value_name = "N", help_heading = INPUT, hide_short_help = true)]
    #[arg(value_parser = value::threads)]
    pub threads: Option<NonZeroUsize>,

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

    /// At most so long between markers
    ///
    /// A marker says that all rows before it have been written, and, while the input pauses, that the
    /// source lives. One stands at the end of the run, too.
    #[arg(long, value_name = "TIME", default_value = "1s", help_heading = OUTPUT)]
    #[arg(value_parser = value::duration)]
    pub marker_every: Duration,

    /// Say at the end what each group has matched, missed and rejected
    #[arg(long, help_heading = LOOK)]
    pub stats: bool,

    /// Show the cells of every record after every operator, and why groups do not match
    ///
    /// Reads SAMPLE, else what --from names, else standard input, and writes for people. Nothing becomes
    /// a row. Where columns are masked, rows are shown masked, and records and cells by their length.
    #[arg(long, value_name = "SAMPLE", num_args = 0..=1, help_heading = LOOK)]
    #[arg(conflicts_with_all = ["test", "check", "stats"])]
    pub trace: Option<Option<String>>,

    /// Show the same in the terminal, and again whenever RULES is saved
    ///
    /// Down and up go to another record, right and left to another operator, u to the next record that no
    /// group matches, page down and up scroll, q ends. What an operator has changed is marked with +.
    #[arg(long, value_name = "SAMPLE", help_heading = LOOK)]
    #[arg(conflicts_with_all = ["trace", "test", "check", "stats", "follow", "checkpoint"])]
    pub watch: Option<PathBuf>,

    /// Run the cases of a file and show what comes out otherwise
    ///
    /// A file of cases is described in logrules.5. When a case fails the exit status is 1.
    #[arg(long, value_name = "CASES", help_heading = LOOK, conflicts_with_all = ["check", "stats"])]
    pub test: Option<PathBuf>,

    /// Read the rules, say which tables they make, and exit
    #[arg(long, help_heading = LOOK, conflicts_with = "stats")]
    pub check: bool,

    /// Write a rules file for rule groups exported from the older system
    ///
    /// EXPORT is JSON, see IMPORT in logrules.5. What cannot be translated is named, stands in the rules file as
    /// an operator that does not exist, and makes the exit status 1.
    #[arg(long, value_name = "EXPORT", help_heading = LOOK)]
    #[arg(conflicts_with_all = ["rules", "trace", "watch", "test", "check", "stats", "follow", "checkpoint"])]
    pub import: Option<PathBuf>,

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

fn start() -> impl TypedValueParser<Value = Start> {
    PossibleValuesParser::new(["earliest", "current", "latest"]).map(|name| match name.as_str() {
        "current" => Start::Current,
        "latest" => Start::Latest,
        _ => Start::Earliest,
    })
}

const INPUT: &str = "Input";
const OUTPUT: &str = "Output";
const LOOK: &str = "Looking";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn what_is_asked() {
        let args = |line: &str| Args::try_parse_from(line.split(' '));
        assert_eq!(args("logrules r.toml").unwrap().trace, None);
        assert_eq!(args("logrules r.toml --trace").unwrap().trace, Some(None));
        assert!(args("logrules --import e.json").is_ok());
        let sample = args("logrules r.toml --trace s.log").unwrap().trace;
        assert_eq!(sample, Some(Some("s.log".into())));
        assert_eq!(args("logrules r.toml --partition 15").unwrap().partition, 15);
        for wrong in [
            "",
            "--import e r",
            "r --watch",
            "r --partition 16",
            "r --trace --check",
            "r --test c --stats",
            "r --threads 0",
        ] {
            assert!(args(&format!("logrules {wrong}")).is_err(), "{wrong}");
        }
    }
}
