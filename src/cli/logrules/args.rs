//! The arguments of `logrules`, without any I/O. Uses `cli::{progress, value}`. A table; not hot.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::cli::{kafka, progress, value};
use crate::rule::ids::PARTITIONS;

/// What the command line says.
#[derive(Debug, Clone, clap::Parser)]
#[command(override_usage = "logrules [OPTIONS] RULES\n       \
    logrules RULES --trace [SAMPLE]\n       \
    logrules RULES --test CASES\n       \
    logrules RULES --check")]
pub struct Args {
    /// The rules: a TOML file, see logrules.5
    #[arg(value_name = "RULES")]
    pub rules: PathBuf,

    /// Read lines from this endpoint [standard input]; may be repeated
    ///
    /// Standard input, a file (.gz and .zst by name), or kafka://BROKERS/TOPIC?group=NAME. Several files
    /// are read one after the other, as one source: give the oldest first. Of a topic each record is a
    /// line, or several.
    #[arg(long, value_name = "ENDPOINT", help_heading = INPUT)]
    pub from: Vec<String>,

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

    /// Begin at the position in FILE, and keep it there when the output is durable
    ///
    /// For input that has positions, which is Kafka. In a pipe name the same FILE at the command that
    /// makes rows durable: ums-sink --checkpoint FILE writes it, and what it says is committed to the
    /// group.
    #[arg(long, value_name = "FILE", help_heading = INPUT)]
    pub checkpoint: Option<PathBuf>,

    /// Threads that apply the rules [one a processor, at most 8]
    ///
    /// Rows and ids do not depend on it.
    #[arg(long, value_name = "N", help_heading = INPUT, hide_short_help = true)]
    #[arg(value_parser = value::positive::<NonZeroUsize>)]
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
    /// a row.
    #[arg(long, value_name = "SAMPLE", num_args = 0..=1, help_heading = LOOK)]
    #[arg(conflicts_with_all = ["test", "check", "stats"])]
    pub trace: Option<Option<String>>,

    /// Run the cases of a file and show what comes out otherwise
    ///
    /// A file of cases is described in logrules.5. When a case fails the exit status is 1.
    #[arg(long, value_name = "CASES", help_heading = LOOK, conflicts_with_all = ["check", "stats"])]
    pub test: Option<PathBuf>,

    /// Read the rules, say which tables they make, and exit
    #[arg(long, help_heading = LOOK, conflicts_with = "stats")]
    pub check: bool,

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
        let sample = args("logrules r.toml --trace s.log").unwrap().trace;
        assert_eq!(sample, Some(Some("s.log".into())));
        assert_eq!(args("logrules r.toml --partition 15").unwrap().partition, 15);
        for wrong in
            ["", "r --partition 16", "r --trace --check", "r --test c --stats", "r --threads 0"]
        {
            assert!(args(&format!("logrules {wrong}")).is_err(), "{wrong}");
        }
    }
}
