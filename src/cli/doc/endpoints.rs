//! dws-endpoints(7): where streams come from and go to. Texts, and parts made from the tables of
//! endpoints, sinks and lookups. Uses `endpoint`, `sink`, `url`. Not hot.

use super::manual::Manual;
use crate::endpoint;
use crate::sink::{self, Flush};
use crate::url::Opt;

/// Renders the page.
pub(super) fn page() -> String {
    let mut manual = Manual::new("dws-endpoints", "7", "where streams come from and go to");
    manual.section("DESCRIPTION");
    manual.text(DESCRIPTION);
    manual.section("STREAMS");
    manual.text(STREAMS);
    for spec in endpoint::ALL {
        manual.part(spec.form);
        manual.text(&sentence(spec.summary));
        manual.text(&format!("\n\n{}", spec.description));
        options(&mut manual, spec.options);
        manual.verbatim(spec.example);
    }
    manual.section("SOURCES");
    manual.text(SOURCES);
    manual.section("STORES");
    manual.text(STORES);
    for spec in sink::ALL {
        manual.part(spec.form);
        manual.text(&sentence(spec.summary));
        if let Flush::Costly { rows, bytes, seconds } = spec.flush {
            let rows = if rows == u64::MAX { String::new() } else { format!("{rows} rows, ") };
            manual.text(&format!(
                "\n\nWhat has come is made durable after {rows}{} MiB or {seconds} s, whichever is \
                 first, at the end, and on a signal.",
                bytes >> 20
            ));
        }
        options(&mut manual, spec.options);
        manual.verbatim(&format!("ums-sink {}", spec.example));
    }
    manual.section("LOOKUPS");
    manual.text(LOOKUPS);
    for spec in endpoint::lookup::ALL {
        manual.part(spec.form);
        manual.text(&sentence(spec.summary));
        manual.text(&format!("\n\n{}", spec.description));
        options(&mut manual, spec.options);
        options(&mut manual, &[endpoint::lookup::RETRY]);
        manual.verbatim(spec.example);
    }
    manual.section("PASSWORDS");
    manual.text(PASSWORDS);
    manual.see_also(&["dbus-tail(1)", "ums-sink(1)", "ums-replay(1)", "ums(7)", "dws-parquet(7)"]);
    manual.finish()
}

fn options(manual: &mut Manual, options: &[Opt]) {
    for option in options {
        let term = format!("{}={}", option.name, option.default);
        manual.items([(term.as_str(), option.meaning)]);
    }
}

/// A summary as a sentence of its own.
fn sentence(summary: &str) -> String {
    let mut letters = summary.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).chain(['.']).collect()
}

const DESCRIPTION: &str = "\
Addresses have three forms: - for standard input or output, a path, and scheme:rest. The rest is a \
path, or //user@host:port/path. Options stand in the query, ?key=value&key=value; each is shown here \
with its default. An unknown scheme or key is an error that lists the known ones. A path with a colon \
in it is written file:PATH. Which schemes there are depends on the features that were built in; this \
page is of the default build.";

const STREAMS: &str = "\
Every command reads a stream of UMS messages from an endpoint (--from, standard input) and writes one \
to an endpoint (--to, standard output), so that a pipe can be cut at any place and go on on another \
host.";

const SOURCES: &str = "\
dbus-tail reads the logs of MySQL and MariaDB from

  mysql://user@host:3306/    a server, as a replica of it
  binlog.000103              log files in order, also .gz and .zst
  -                          standard input, see --log-name

The user of a server needs REPLICATION SLAVE and REPLICATION CLIENT. --check tests it and names the \
grant that is missing.

ums-replay reads the log that ums-sink parquet:DIR has written, from the same address, parquet:DIR, \
also while it is written or compacted. Builds with the features s3 and hdfs read and write \
parquet:s3://BUCKET/PREFIX and parquet:hdfs://NAMENODE:PORT/PATH, too: see dws-parquet(7).";

const STORES: &str = "\
The argument of ums-sink is where rows land.";

const LOOKUPS: &str = "\
The stores of ums-join --lookup, which rows of a stream find others in.";

const PASSWORDS: &str = "\
A password is looked for in the file of --password-file, in the environment (DWS_PASSWORD, then \
MYSQL_PWD), and in the option file (--defaults-file, else ~/.my.cnf), in this order. In a URL it is \
taken, too, with a warning, because every user of the machine can read the arguments of a program. It \
never appears in a message, a marker or a checkpoint.";
