//! The texts of ums-sink(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: &[
        ("NO_COLOR, TERM", "Messages are never coloured when NO_COLOR is set or TERM is dumb."),
        (
            "DWS_PASSWORD, MYSQL_PWD, PGPASSWORD",
            "The password of the destination, when neither its address nor --password-file has one.",
        ),
        ("PGUSER, USER", "The user, when the address names none."),
    ],
    files: FILES,
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &[
        "dbus-tail(1)",
        "ums-replay(1)",
        "ums(7)",
        "dws-endpoints(7)",
        "dws-parquet(7)",
        "dws-flows(5)",
        "sqlite3(1)",
    ],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
ums-sink reads UMS messages, one JSON object a line, and makes their rows durable in DEST. ums(7) \
describes the messages, dws-endpoints(7) the addresses.

Landing is idempotent. In a table with a key a row that is absent is inserted; a row that is there is \
replaced when the incoming _ums_id_ is not below the stored one; anything older is dropped. So the \
same messages may come twice, and old ones late, and the table is the same in the end. Columns that a \
partial row image does not have keep their values. B rows, the images before an update, are never \
applied. A delete keeps the row with _is_active_ = 0 and the id of the delete, so that an older row \
that comes late cannot bring it back; a later insert can. With --delete hard the row goes, and key and \
id stay in a side table, _ums_tombstone_TABLE.

TRUNCATE and DROP of a source table come as notices in the stream. With --on-truncate apply, the \
default, the older rows of that table are deleted as --delete says, in the same transaction and order as \
the rows around them, and the id of the statement is kept in _ums_fence: rows below it that come late \
stay away, also those whose keys the target never saw. A pull after a TRUNCATE therefore needs ids above \
it, that is --id batch. A target table that several source tables share is left alone, and a \
RENAME of the source table deletes nothing; the run then ends with a warning.

With --sweep, rows that the source has no more go at the end of a pull: rows of a table that are older \
than the pull of it, deleted as --delete says, with the id of the pull. Every row that dbus-pull --id \
batch brings has an id not below the pull's own, so what is older was not there when the table was read, \
once all rows of the pull are durable. dbus-tail | ums-sink may write to the same tables meanwhile: what \
the log says later has greater ids and wins, what it says late loses. A pull that was killed and goes on \
with --state, and that asks the position of this destination (dbus-pull --checkpoint), is swept when it \
is complete, and rows that came in its earlier runs stay. A table is left as it is, is named, and the \
exit status is 5, when the pull was not of the whole table (--where, a part of the shards, one of \
several tables that are published as one), when ids say nothing (--id initial), when several source \
tables fill the target table, and when fewer rows have ids of the pull than it says that it brought. \
Without --sweep a pull removes nothing, except what a TRUNCATE removed in the log while the pull was \
under way. scripts/full-reload is a reload for cron.

Tables are created when they are missing and widened when messages bring new columns, under the source \
table's own name or the one that --map gives. Two source tables of one name (in two schemas, or of two \
sources) never mix: the second one is refused until --map tells them apart. A table without a primary \
key is refused until --keys names one, or --mode append keeps every change as a row.

In SQLite, int, long and boolean are INTEGER, float and double REAL, binary BLOB, and everything else \
TEXT, decimals, too: SQLite's numbers would turn 1.10 into 1.1. Where the source changes a column's \
type so that its SQLite column would alter values, the table is copied into one that keeps them. \
Beside the columns stand _ums_id_, _ums_ts_, _ums_op_ and _is_active_. Rows and the position are \
committed together, after 100,000 rows, 64 MiB or one second.

In MySQL, MariaDB and PostgreSQL columns are made from the source's own declarations (origin, see \
ums(7)): unsigned numbers, decimals with their digits, labels, JSON, fractions of a second. PostgreSQL \
has no unsigned numbers, so the next wider type is taken (numeric(20,0) for bigint unsigned); text of \
any length is text, TIME is interval, TIMESTAMP is timestamp with time zone, binary strings and \
geometry are bytea. Text keys in MySQL and MariaDB compare byte by byte, so that what the source keeps \
apart never meets. When the source's type changes, a column that ums-sink made is altered to the least \
type that holds both; nobody else's column is ever altered. Rows land by statements of many rows; \
there is never a round trip a row. What may pass (a lost connection, a deadlock, a server that \
restarts) is tried again with growing pauses, on a new connection, for 300 seconds (?retry=SECONDS): \
the rows since the last commit are kept for that. A row that the target can never store is found by \
halving and named.

Only what is durable moves the position. The newest marker in the stream is written to --checkpoint \
after everything before it is on the disk; a database keeps it in the table _ums_checkpoint, in the \
same transaction as the rows, and --position prints it. What has no marker behind it yet is delivered \
again after a crash, which changes nothing.

A row that can never be stored (a value that its column cannot hold, a key that is null, a constraint \
of the target) stops the run, with a message that names the row and the column and never the value. \
With --reject it goes to a file instead, as a UMS message with its own schema, cells and ids and the \
reason behind them, and the run goes on; the position moves past the row only after the file is on the \
disk. What is no UMS message at all stops the run in any case.";

const FILES: &[(&str, &str)] = &[
    (
        "CHECKPOINT",
        "JSON: the newest durable position of each source. Replaced as a whole (temporary file \
         CHECKPOINT.tmp, fsync, rename, fsync of the folder), so it is never half written.",
    ),
    (
        "the file of --reject",
        "UMS messages with one key more: \"reject\":{\"reason\":\"...\"}, and the flow's name where there \
         are flows. It is appended to. After a crash a row may stand in it twice.",
    ),
    (
        "PATH-wal, PATH-shm",
        "SQLite's write-ahead log beside the database PATH. They belong to it: copy all three, or \
         none while ums-sink runs.",
    ),
];

const EXAMPLES: &[Example] = &[
    Example {
        what: "Land a log file in a new database.",
        command: "dbus-tail shop.000001 | ums-sink sqlite:shop.db",
        runnable: true,
    },
    Example {
        what: "Follow a server into SQLite; stop and start it at will.",
        command: "dbus-tail --checkpoint pos.json mysql://repl@db1/ |\n\
                  \x20   ums-sink --checkpoint pos.json sqlite:shop.db",
        runnable: false,
    },
    Example {
        what: "The same with the position in the database alone.",
        command: "ums-sink --position sqlite:shop.db > pos.json &&\n\
                  \x20   dbus-tail --checkpoint pos.json mysql://repl@db1/ | ums-sink sqlite:shop.db",
        runnable: false,
    },
    Example {
        what: "Load PostgreSQL on four connections, tables in the schema shop.",
        command: "dbus-tail --checkpoint pos.json mysql://repl@db1/ |\n\
                  \x20   ums-sink --checkpoint pos.json 'postgres://loader@dw/warehouse?schema=shop&workers=4'",
        runnable: false,
    },
    Example {
        what: "Share a topic with other processes of the group dw; each may be killed at any time.",
        command: "ums-sink --from 'kafka://b1:9092,b2:9092/shop?group=dw' postgres://loader@dw/warehouse",
        runnable: false,
    },
    Example {
        what: "See the tables and statements that a file of messages leads to.",
        command: "ums-sink --dry-run --from changes.ums.zst sqlite:shop.db",
        runnable: false,
    },
    Example {
        what: "One stream into many places, each with its own tables; kill -HUP has the file read again.",
        command: "dbus-tail --checkpoint pos.json mysql://repl@db1/ |\n\
                  \x20   ums-sink --checkpoint pos.json --flows flows.toml",
        runnable: false,
    },
    Example {
        what: "Put rows that cannot be stored aside, and land them once the cause is mended.",
        command: "dbus-tail shop.000001 | ums-sink --reject bad.ums sqlite:shop.db &&\n\
                  \x20   ums-sink sqlite:shop.db < bad.ums",
        runnable: true,
    },
    Example {
        what: "Drop what is older than a year from a Parquet log, and merge its small files.",
        command: "ums-sink --compact --drop-before 2025-11-21 parquet:/data/log",
        runnable: false,
    },
    Example {
        what: "Reload tables of a live target, and remove what the source has no more.",
        command: "ums-sink --position postgres://loader@dw/shop > pull.json &&\n\
                  \x20   dbus-pull --tables 'shop.*' --state pull.state --checkpoint pull.json mysql://repl@db1/ |\n\
                  \x20   ums-sink --sweep postgres://loader@dw/shop",
        runnable: false,
    },
    Example {
        what: "Keep every change of two schemas apart.",
        command: "ums-sink --mode append --map '*={schema}_{table}' sqlite:history.db < changes.ums",
        runnable: false,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "... FILE: the rows come from it",
        "What is read would be written to (DEST, --reject), and the run would read its own output, for ever or until the \
         disk is full.",
    ),
    (
        "TOPIC/PARTITION offset N: ...",
        "A record of a Kafka topic is no message, or its row cannot be stored. What came before it is \
         durable and committed, and the group stays in front of it; the group's offset can be set behind \
         it with kafka-consumer-groups --reset-offsets while no process of the group runs.",
    ),
    (
        "…: another process is rearranging it",
        "A compaction or a retention run of this Parquet log is at work. Start again when it is done.",
    ),
    (
        "…: the Parquet file is damaged or cut short",
        "Somebody else wrote to it, or the disk is failing; files of a log appear whole and are never \
         changed. Put back a copy, or move the file away. Nothing was changed.",
    ),
    (
        "a Parquet file cannot be written: …: No space left on device",
        "What is durable stays, and the position does not lead it. Make room and start again.",
    ),
    (
        "stdin:LINE: …",
        "The line is no message, or a row of it cannot be stored. Lines before it are durable or \
         are delivered again; nothing after it was read.",
    ),
    (
        "…: … rows could not be stored; they are in FILE with the reasons",
        "The end of a run with --reject. Each message of FILE has the reason behind its rows, under \
         the key reject. Mend the cause, then land FILE as it is: ums-sink DEST < FILE.",
    ),
    (
        "no flow takes …: its rows are passed over",
        "No match of --flows fits this source table. Add a flow, or leave the table out at the source. \
         The position moves past the rows.",
    ),
    (
        "flow …: …; going on without …",
        "The flow failed, and --keep-going lets the others go on. Mend the cause and start again: what it \
         missed is delivered again.",
    ),
    (
        "FILE:LINE: …; going on with the flows as they were",
        "The file of --flows was read again after SIGHUP and is not good, or a destination in it cannot \
         be opened. Nothing has changed; mend the file and send SIGHUP again.",
    ),
    (
        "…: line is longer than … bytes",
        "The line is above --max-line, or the input is no stream of lines.",
    ),
    (
        "…: the table has no primary key",
        "Rows cannot be told apart. Name unique columns with --keys, or keep changes with --mode \
         append.",
    ),
    (
        "…: table … belongs to …",
        "Another source table filled it. Give each its own with --map; a rule may also lead both \
         into one on purpose.",
    ),
    (
        "…: table … was filled with --mode …",
        "One table cannot hold both the newest rows and all changes. Use another name or database.",
    ),
    (
        "table … has no unique index on its key (…)",
        "The table was made by somebody else. Create the index, or name other columns with --keys.",
    ),
    (
        "another sink makes or changes tables for a long time",
        "One sink at a time makes or changes tables of a database, and this one waited for 50 \
         seconds. It tries again; see what the other one waits for, such as a transaction that \
         somebody left open on a table.",
    ),
    (
        "flow …: … has no position yet: everything is wanted",
        "--position with --flows: the destination of that flow is new, so that the reader has to \
         begin at the beginning for it.",
    ),
    ("…: another process is writing to it", "Two writers on one file. End one of them."),
    (
        "…: exists and does not hold lines of JSON as its name says",
        "A file is appended to, and this one is something else. It has not been touched.",
    ),
    (
        "…: another row has the same value in a unique index of the target",
        "The target has a unique index that the source has not, or rows of two sources share a table.",
    ),
    (
        "…: a date or time out of PostgreSQL's range, text that holds the character NUL",
        "PostgreSQL has no zero dates and no NUL in text. Make the column text or bytea in the target.",
    ),
    (
        "…; trying again",
        "The server is away or two transactions met in a deadlock. Nothing is lost; after ?retry= \
         seconds the run ends with 4.",
    ),
    (
        "…: not swept: …",
        "With --sweep: a pull of this table ended, and rows that the source has no more could not be told \
         from others; the reason is said. The rows of the pull have landed, no row was removed. Pull the \
         whole table with --id batch, from the beginning where rows are missing.",
    ),
    (
        "--sweep: no pull of a table ended in this stream; nothing was swept",
        "The pull was cut short, or the stream is no pull. Start dbus-pull again with the same --state.",
    ),
    (
        "…: --sweep has no meaning here: …",
        "Files, the Parquet log and --mode append keep every change: there is no row to remove.",
    ),
    (
        "… notices that a table lost its rows … were not applied",
        "With --on-truncate ignore, in destinations that keep every change, for tables that several \
         source tables share, and for a table that was renamed. Delete the rows there, if they should \
         go.",
    ),
];

const CAVEATS: &str = "\
Delivery is at least once, and exactly once in effect by the rule above: a reader of a file or of \
standard output sees repeated messages after a crash.

Two ums-sink processes may fill different tables of one database, but wait for each other; one \
process is faster. When each gets another part of one source, give each a --checkpoint FILE of its own: \
the position in the database is that of the process which committed last.

Several ums-sink processes of one Kafka group may fill one database: ids decide, whoever writes last. In \
front of a file or a Parquet log, where nothing is compared over processes, a row can be there twice after \
one of them was killed.

What a server has confirmed is taken for durable. A MySQL or MariaDB server with \
innodb_flush_log_at_trx_commit other than 1 that crashes, and a replica that takes over from a primary \
it lagged behind, have lost commits that ums-sink does not repeat by itself while it runs on. Stop it, \
and start again from the position that --position prints, which was lost and kept with the rows. In \
PostgreSQL ums-sink switches synchronous_commit on for itself.

A change of a column's type in the source is not applied to rows that are already there: they keep \
the text or number that they had.

With more than one worker (?workers=) the position follows the rows in a transaction of its own, so \
rows can be ahead of it after a crash; they come again, which changes nothing. --delete hard always \
uses one.

A row that meets another row in a unique index beside the key is refused: keep such indexes out of the \
target.

--sweep compares ids, so it must be given to the destination that the ids belong to: the same source \
name and, after a failover, the same offset base (dbus-pull --checkpoint) as the dbus-tail beside it. \
--delete must be the same there, too. The sweep of a table is one transaction and reads the whole table.

A partial row image (binlog_row_image=MINIMAL) that arrives before the row itself makes a row with \
NULL in the other columns, and an older whole image that arrives later does not fill them. Load the \
table before following it.

A delete is told by its key. A destination table that has other constraints of its own (foreign \
keys, checks, unique indexes beside the key) may refuse rows that the source has for a moment.

A table that somebody else declared with numeric types keeps them, with what SQLite does to decimals \
there.";
