//! The texts of ums-replay(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: &[
        ("TMPDIR", "The folder of --spill-dir when that is not given."),
        ("NO_COLOR, TERM", "Messages are never coloured when NO_COLOR is set or TERM is dumb."),
    ],
    files: &[(
        "DIR/NAMESPACE/START_END/part-FIRST-LAST.parquet",
        "The files of a log, under the seven parts of their namespace. Their names say the least and greatest _ums_ts_ and _ums_id_ inside, so \
         that a run over a part of the log opens only what it needs.",
    )],
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &["ums-sink(1)", "dbus-tail(1)", "ums(7)", "dws-endpoints(7)", "dws-parquet(7)"],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
ums-replay reads the Parquet log that ums-sink parquet:DIR has written and gives it back as UMS \
messages of the type data_batch_data, so that ums-replay ... | ums-sink ... rebuilds any destination. \
Fields, types, origins, keys and namespaces are those of the messages that came, and so are the cells, \
byte for byte, in the canonical spelling of their type.

Tables come one after the other, in the order of their names. The rows of a table, in all its versions \
and whatever files they are in, come in the order of their _ums_id_; rows of one id in the order of \
their _ums_uid_, the image before an update in front of it. A row that is in the log twice is given \
once.

Without --as-of and --history every row is given, images before updates included. --since and --until \
cut a part out: rows at --since belong to it, rows at --until do not. --as-of gives the state of every \
key at a moment or up to a row, that one included. --history gives every version of every row; pipe it \
to ums-sink --mode append, since one key has many.

A whole run, that is one without --namespace, --newest-version, --since, --until, --as-of and --history, \
ends with the positions that the log keeps, as markers: a destination that was rebuilt so can be \
followed from there by dbus-tail --checkpoint. Other runs have no markers, because a position says that \
everything before it has come.

A table has a new version in its namespace after TRUNCATE, after DROP and CREATE, and after a change of \
columns that old rows do not fit. The log holds rows and not these statements. --as-of takes the newest \
row of each key over all versions, so nothing that is still in the source is lost, and a delete under \
the new version removes a row of the old one; but rows that TRUNCATE or DROP removed are given, too. \
--newest-version, or a version in --namespace, leaves them out. Rows of several versions are announced \
on standard error. Keys of different columns are never the same key.

The run takes about --memory, however large the log is. --as-of and --history first read the keys \
alone and remember some bytes a row, in files of --spill-dir where memory is full, and then the other \
columns of the rows that are the answer. Rows are sorted only where files overlap or hold rows out \
of order. Row groups are read on up to four processors. For logs that are more than one machine's work \
scripts/spark/as_of.py in the source tree makes the state of --as-of as a Spark job.";

const EXAMPLES: &[Example] = &[
    Example {
        what: "Rebuild a database from a log.",
        command: "dbus-tail --quiet shop.000001 | ums-sink --quiet parquet:log\n\
                  ums-replay parquet:log | ums-sink sqlite:shop.db",
        runnable: true,
    },
    Example {
        what: "One table as it was in the morning, deleted rows left out.",
        command: "ums-replay --namespace mysql.db1.shop.orders --as-of 2026-11-21T08:00:00 \\\n    \
                  parquet:/data/log | ums-sink sqlite:morning.db",
        runnable: false,
    },
    Example {
        what: "The state up to a certain row, and that row's change included.",
        command: "ums-replay --as-of 103000012345678 parquet:/data/log > state.ums",
        runnable: false,
    },
    Example {
        what: "Yesterday's changes again, for a destination that lost them.",
        command: "ums-replay --since 2026-11-20 --until 2026-11-21 parquet:/data/log |\n    \
                  ums-sink postgres://etl@dw/shop",
        runnable: false,
    },
    Example {
        what: "A zipper table: each version of each customer with valid_from and valid_to.",
        command: "ums-replay --history --namespace '*.*.shop.customers' parquet:/data/log |\n    \
                  ums-sink --mode append --map '*={table}_history' sqlite:history.db",
        runnable: false,
    },
    Example {
        what: "Which files a question would read.",
        command: "ums-replay --dry-run --since 2026-11-20 --until 2026-11-21 parquet:/data/log",
        runnable: false,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "no table of a Parquet log is here; --namespace ...: the log has no such table",
        "Nothing is given for it, as for a table without rows. A log is the folder that ums-sink was given, \
         not one inside it.",
    ),
    (
        "FILE: no whole Parquet file: ...",
        "The file is damaged, or no file that ums-sink has finished. What came before it has been \
         written. Move it away; its rows come again when the log is written again from a position \
         before them.",
    ),
    (
        "FILE: the file's metadata have no ums.fields",
        "Somebody else wrote the file. Only files with the metadata of ums-sink can be given back.",
    ),
    (
        "...: the table has no primary key, so its rows have no newest state",
        "Name unique columns with --keys, or choose other tables with --namespace.",
    ),
    (
        "... are versions of one table: ...",
        "--as-of met rows of several versions. Rows of older versions are given where no newer one \
         has their key; see --newest-version.",
    ),
    (
        "FILE: the file was removed; read the log again from its start",
        "Somebody removed it by hand while it was read. Compaction and retention leave files to their \
         readers.",
    ),
    ("...: a spill file failed: ...", "The disk of --spill-dir is full or cannot be written to."),
    (
        "... rows were in the log more than once and have been given once",
        "Two writers delivered the same changes, or one delivered rows of a pull twice. Nothing is \
         wrong with what was given.",
    ),
];

const CAVEATS: &str = "\
Times are those of the rows, _ums_ts_; a server whose clock was set back can have given a later row an \
earlier time. Ids are exact.

A log that was cut back by retention gives what it still has: the state of a key whose last change is \
gone is not in it.

A state of partial row images (binlog_row_image=MINIMAL) has the columns that the log has seen since \
the row's insert; others are absent, not NULL. --history gives each image with the columns that it has.

A column that was added later is absent from rows that have not changed since.

The text of a value that came in another spelling than that of its type (1.5 for a decimal(9,2), a bare \
number for a long) comes back in that of its type: 1.50, in quotes.";
