//! The texts of dbus-tail(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: ENVIRONMENT,
    files: FILES,
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &["ums-sink(1)", "ums(7)", "dws-endpoints(7)", "mysqlbinlog(1)"],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
dbus-tail reads the binary log of a MySQL or MariaDB server, row for row, and writes UMS messages, \
one JSON object a line; ums(7) describes them. The log comes from a live server, to which dbus-tail \
is one more replica, from log files, or from standard input. The rows are the same in all three \
cases, byte for byte. The server must write rows (binlog_format=ROW). With binlog_row_metadata=FULL \
the log names columns, keys, character sets and labels itself, and every place in it can be read \
without the server; otherwise dbus-tail asks the server for the columns, follows the DDL that it \
sees, and compares both with every table map.

Rows are written when the end of their transaction has been seen. What was rolled back, also to a \
savepoint or in an XA transaction, never appears; the rows of an XA transaction appear at its \
commit. Small transactions wait in memory, large ones in a file of --spill-dir. Rows of one table \
keep the order of the log. A busy log fills messages up to --batch-rows and --batch-bytes; when the \
log has nothing more, rows leave at once.

Every row has an _ums_id_, a number that rises along the log:

  (log file number + base) * 1,000,000,000,000 + offset of the row's event + its place in the event

so 103000012345678 is a row at offset 12345678 of file 000103. The base is 0 until the server \
changes and its file numbers fall, at a failover or a reset of its logs; then it rises so that ids \
never fall. It is part of the position. --at ID shows what an id names.

The position travels in the stream. At ends of transactions, at the latest --marker-every after the \
rows, dbus-tail writes a marker: all rows of this source with a smaller id came before me. The \
command that makes rows durable writes the newest marker to its --checkpoint, or keeps it in the \
target's own transaction; dbus-tail reads that same file when it starts again. Whatever is killed in \
between, and when, the log is read again from a place that was durable: rows may come twice, with \
the same id, and sinks take them once. Where --to is a durable destination, dbus-tail writes the \
checkpoint itself, after each fsync.

Where a run starts: at the checkpoint if its file is there, else at --start, else, for a server, at \
its latest position, which is said on standard error, and for files at their beginning.

Every byte of the log is accounted for: an event is written, filtered, or one that carries no rows. \
Anything else stops the run with its position and a remedy: an unknown event, a failed checksum, a \
lost-events incident, a change of a captured table that was logged as a statement. A torn last event \
is none of these: everything up to the last whole transaction is written, then a note says where the \
torn end begins.

When the columns of a table change in a way that old rows do not fit, the version in the namespace \
rises: the old version ends with a data_increment_termination, a message says so, and \
--on-schema-change runs. New columns, and changes that keep every value, leave the version alone.";

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "DWS_PASSWORD, MYSQL_PWD",
        "The password of the server, unless --password-file is given; the first that is set counts, \
         and more than an option file. In a URL a password is taken, too, but with a warning: ps(1) \
         shows it to everybody.",
    ),
    ("TMPDIR", "The folder of --spill-dir when that is not given."),
    ("NO_COLOR, TERM", "Messages are never coloured when NO_COLOR is set or TERM is dumb."),
];

const FILES: &[(&str, &str)] = &[
    (
        "CHECKPOINT",
        "JSON: the newest durable position of each source. Replaced as a whole (temporary file \
         CHECKPOINT.tmp, fsync, rename, fsync of the folder), so it is never half written.",
    ),
    (
        "CHECKPOINT.schema",
        "The table definitions at that position; --schema-store gives it another name.",
    ),
    ("~/.my.cnf", "User, password, host and TLS options, groups [client] and [dbus-tail]."),
];

const EXAMPLES: &[Example] = &[
    Example {
        what: "Look at the first rows of a log file.",
        command: "dbus-tail shop.000001 | head -n 3",
        runnable: true,
    },
    Example {
        what: "Count what a log holds and check every byte of it, without writing rows.",
        command: "dbus-tail --audit shop.000001",
        runnable: true,
    },
    Example {
        what: "Follow a server into SQLite. Kill any part at any time, start it again, lose nothing.",
        command: "dbus-tail --checkpoint pos.json mysql://repl@db1:3306/ |\n  \
                  ums-sink --checkpoint pos.json sqlite:shop.db",
        runnable: false,
    },
    Example {
        what: "Before that: does the server log what is needed, and may this user read it?",
        command: "dbus-tail --check mysql://repl@db1:3306/",
        runnable: false,
    },
    Example {
        what: "Two tables, with the row before each update, in the order of the log.",
        command: "dbus-tail --tables shop.orders,shop.customers --before --ordered shop.000001",
        runnable: true,
    },
    Example {
        what: "Everything since a moment up to now, then exit.",
        command: "dbus-tail --start @2026-11-21T06:00:00 --stop latest mysql://repl@db1:3306/ \
                  > morning.ums",
        runnable: false,
    },
    Example {
        what: "A log on another machine, compressed; the ids are those of the file.",
        command: "ssh db1 zstd -dc /backup/binlog.000103.zst | dbus-tail --log-name binlog.000103 -",
        runnable: false,
    },
    Example {
        what: "Sixteen shards as one table; part seven of the namespace tells them apart.",
        command: "dbus-tail --shard 'orders_(\\d+)=orders' --tables 'shop.orders*' \
                  mysql://repl@db1:3306/",
        runnable: false,
    },
    Example {
        what: "Show the event and the row that an id in the target names.",
        command: "dbus-tail --at 103000012345678 binlog.000103",
        runnable: false,
    },
    Example {
        what: "Stop for a colleague when a table changes.",
        command: "dbus-tail --on-schema-change 'echo \"$DWS_NAMESPACE\" | mail -s schema dba' \\\n  \
                  --checkpoint pos.json mysql://repl@db1:3306/ | ums-sink --checkpoint pos.json \
                  parquet:/data/log",
        runnable: false,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "...: not a binary log",
        "The file does not begin with the four bytes of a binlog. Relay logs and the flat binlog \
         files of all versions do; .ibb files, the InnoDB-based log of MariaDB 12.3, do not and can \
         only be read from the server.",
    ),
    (
        "...: the log is encrypted",
        "The server encrypts its log files. Read from the server, which decrypts them, or decrypt \
         the file with the server's tools.",
    ),
    (
        "... at FILE:POS: checksum failed",
        "Bytes of the event are not those that the server wrote. Take the file from the server \
         again; if it is the same there, the disk of the server is the suspect, and rows of that \
         event are lost to every replica.",
    ),
    (
        "... at FILE:POS: unknown event type N",
        "The log has an event that this version does not know and that the server has not marked as \
         ignorable. It may hold rows, so the run stops. A newer dbus-tail may know it.",
    ),
    (
        "... at FILE:POS: statement-logged change of TABLE",
        "A session had binlog_format=STATEMENT or MIXED, so the rows are not in the log. Set \
         binlog_format=ROW and forbid sessions to change it, then pull the table again and resume \
         behind this position, or leave the table out with --exclude.",
    ),
    (
        "... at FILE:POS: the server lost events (INCIDENT)",
        "The server itself says that its log has a hole. Pull the captured tables again and start \
         behind the incident.",
    ),
    (
        "... at FILE:POS: TABLE has N columns in the log and M in its definition",
        "The log does not name columns (binlog_row_metadata is not FULL) and the definition known \
         for this place is another one. Set binlog_row_metadata=FULL for what comes, and for what \
         is past start where the definition is known or give the --schema-store of then.",
    ),
    (
        "... at FILE:POS: TABLE.COLUMN: text is not CHARSET",
        "The column holds bytes that its character set cannot explain, as when UTF-8 was stored in \
         a latin1 column. Mend the row, or run with --bad-text replace.",
    ),
    (
        "...: the position has been purged",
        "The server has deleted the log files from there on. The changes in between cannot be had \
         from this server: pull the tables again, and raise binlog_expire_logs_seconds above the \
         longest stop that you want to survive.",
    ),
    (
        "...: another replica has server id N",
        "Two clients with one id throw each other out. Stop the other one, or choose a free number \
         with --server-id.",
    ),
    (
        "...: access denied",
        "The user or the password is wrong, or the user lacks REPLICATION SLAVE and REPLICATION \
         CLIENT. --check names what is missing and the GRANT that helps.",
    ),
    (
        "...: the checkpoint names another server",
        "The server that answers is not the one that the position came from, and GTIDs do not relate \
         them. Point the URL at the old server, or pull again and begin with a new checkpoint.",
    ),
    (
        "a torn end begins at FILE:POS",
        "Not an error: the file is still being written, or its server crashed while writing. All \
         whole transactions before it have been written.",
    ),
];

const CAVEATS: &str = "\
Rows are delivered at least once. The pipe as a whole is exactly-once in effect with the sinks of \
ums-sink(1), which compare ids.

_ums_ts_ is the time of the commit in microseconds only where the log has it (MySQL 8.0.1 and \
later). MariaDB logs the second in which a statement began, which SET TIMESTAMP can forge and which \
may run backwards. Order by _ums_id_.

Foreign-key cascades are not in the log before MySQL 9.6: rows that the engine changed or deleted by \
itself do not appear. --check warns when a captured table has such a key.

With binlog_row_image=MINIMAL or NOBLOB a column that is not in the log is not in the message, \
either. That is not NULL; sinks leave such columns as they are.

An offset in --start and --stop is the start of an event, best the start of a transaction. A place \
inside a transaction stands for that transaction as a whole.

One run reads one server. Start one dbus-tail for each and give each its --source.";
