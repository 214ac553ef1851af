//! The texts of dbus-tail(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: ENVIRONMENT,
    files: FILES,
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &["dws-mask(7)", "ums-sink(1)", "ums(7)", "dws-endpoints(7)", "mysqlbinlog(1)"],
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
sees, and compares what it knows with the table map of every table.

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
checkpoint itself, after each fsync of a file, or when the brokers of a topic have acknowledged.

Where a run starts: at the checkpoint if its file is there, without --checkpoint at the newest marker \
of the source in the topics of --to, else at --start, else, for a server, at \
its latest position, which is said on standard error, and for files at their beginning.

Every byte of the log is accounted for: an event is written, filtered, or one that carries no rows. \
Anything else stops the run with its position and a remedy: an unknown event, a failed checksum, a \
lost-events incident, a change of a captured table that was logged as a statement. A torn last event \
is none of these: everything up to the last whole transaction is written, then a note says where the \
torn end begins.

When the columns of a table change in a way that old rows do not fit, the version in the namespace \
rises: the old version ends with a data_increment_termination. New columns, and changes that keep \
every value, leave the version alone. Both are said on standard error and run --on-schema-change.";

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "DWS_PASSWORD, MYSQL_PWD",
        "The password of the server, unless --password-file is given; the first that is set counts, \
         and more than an option file. In a URL a password is taken, too, but with a warning: ps(1) \
         shows it to everybody.",
    ),
    ("DWS_KAFKA_PASSWORD", "The password for SASL of Kafka, unless -X gives another."),
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
        "JSON: versions and definitions of the tables, each with the id from which it holds; \
         --schema-store gives it another name. Replaced as CHECKPOINT is. Files that were written \
         before it held definitions are read, too.",
    ),
    ("~/.my.cnf", "User, password, host and TLS options, groups [client], [dws] and [dbus-tail]."),
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
        what: "Into Kafka, a topic a schema; when it starts again the topics say where.",
        command: "dbus-tail --to 'kafka://b1:9092,b2:9092/shop.{schema}' --partitions 6 \\\n  \
                  mysql://repl@db1:3306/",
        runnable: false,
    },
    Example {
        what: "Show the event and the row that an id in the target names.",
        command: "dbus-tail --at 1000000013180 shop.000001",
        runnable: true,
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
        "...: mask ...: no such column; there are ...",
        "The pattern of a mask matches a table that has no such column, maybe since a moment ago. Correct the \
         name, or write column? where tables may be without it. See dws-mask(7).",
    ),
    (
        "--tables ...: no such table was in the log",
        "A pattern has taken nothing, maybe for a slip in a name. Said at the end of a run that began without \
         a position.",
    ),
    (
        "the start, FILE:POS, lies behind the end of the server's log, FILE:POS: ...",
        "The log was reset (RESET BINARY LOGS, RESET MASTER), or the server lost the end of it in a crash \
         (sync_binlog is not 1) and goes on with other rows at the same places. Pull the tables anew and \
         start with a new checkpoint.",
    ),
    (
        "FILE stands behind FILE: several files are one log, in the order of their numbers",
        "Ids are made of the numbers. A pattern of the shell sorts binlog.1000000 before binlog.999999.",
    ),
    (
        "FILE: the compressed file is cut off; what there is of it ends at POS",
        "A .gz or .zst without its end: what is whole in it has been written. Fetch the file again.",
    ),
    (
        "FILE: a checkpoint is kept in a file, FILE: a schema store is kept in a file",
        "The name is that of a device or a pipe, in whose place a file would be put. Name another one.",
    ),
    (
        "mask ...: no rows of such a table were in the log",
        "The pattern of a mask matches no table. It is type.source.schema.table.",
    ),
    (
        "...: not a binlog: ...",
        "The file does not begin with the four bytes of a binlog, is empty, or is shorter than \
         they are. Relay logs begin with them, too. An .ibb file, the InnoDB-based log of \
         MariaDB, is no stream of events and can only be read from the server.",
    ),
    (
        "...: the file is encrypted (binlog_encryption=ON), ... is encrypted from here \
         (encrypt_binlog=ON)",
        "The server encrypts its log files. Read from the server, which sends them in clear.",
    ),
    (
        "FILE at POS: the log is damaged: ...",
        "A checksum, a length or an end position is not what the server wrote. Every transaction \
         that ends before it has been written. Fetch the file again; if it is the same on the \
         server, the rows of that event are lost to every replica: start behind it and pull the \
         tables anew.",
    ),
    (
        "FILE at POS: event type N is not known and not marked as one to skip",
        "The log has an event that this version does not know, and that may hold rows. A newer \
         dbus-tail may know it.",
    ),
    (
        "FILE at POS: the log holds a fragmented row event (type 172), which is not supported",
        "Newer MariaDB servers divide very large row events. Set \
         binlog_row_event_fragment_threshold to its largest value.",
    ),
    (
        "FILE at POS: the server logged an INCIDENT: events may be missing from its log",
        "The server itself says that its log has a hole. Pull the captured tables anew and start \
         behind the incident.",
    ),
    (
        "FILE at POS: a VERB on the captured table TABLE was logged as a statement, not as rows",
        "A session had binlog_format=STATEMENT or MIXED, so the rows are not in the log. Set \
         binlog_format=ROW and forbid sessions to change it; then pull the table anew and start \
         behind this position, or leave the table out with --exclude. LOAD DATA has a message of \
         its own that says the same.",
    ),
    (
        "FILE at POS: an XA COMMIT whose transaction was prepared before the start of this run",
        "The rows of an XA transaction stand at its PREPARE. Start before that, or, if none of \
         its tables matter, behind the COMMIT. A checkpoint never leads here: it stays before the \
         oldest transaction that is still prepared.",
    ),
    (
        "FILE at POS: a row event names table id N, which no TABLE_MAP gave",
        "The start lies inside a transaction. Take a position from a checkpoint or a marker.",
    ),
    (
        "table TABLE: the log does not name its columns (binlog_row_metadata is not FULL), and \
         ...",
        "Neither the server's information_schema nor a CREATE TABLE in the log nor the schema \
         store said what the columns are. Set binlog_row_metadata=FULL for what comes; for what is \
         past, start where the table is created, give the --schema-store of the runs that read the \
         files before, or read from the server while the table is as it was.",
    ),
    (
        "table TABLE: the log has N columns, the known definition M; table TABLE, column COLUMN: \
         its definition contradicts the log: ...",
        "The definition that is known is not the one of this place in the log. The cure is the \
         same.",
    ),
    (
        "table TABLE, column COLUMN: the type N is not supported",
        "The column has a type that this version does not know. Leave the table out with \
         --exclude.",
    ),
    (
        "NAMESPACE, column COLUMN: the row image does not match what TABLE_MAP says of the column",
        "The bytes of a row do not fit its columns. --audit names the first bad byte of a damaged \
         file.",
    ),
    (
        "NAMESPACE, column COLUMN: byte N of the text is not valid in the column's character set",
        "As when UTF-8 was stored in a column that is declared otherwise. Correct the row at the \
         source, or run with --bad-text replace.",
    ),
    (
        "NAMESPACE: an update changes the primary key, and its images lack columns",
        "With binlog_row_image=MINIMAL or NOBLOB the row under its new key is not in the log as a \
         whole. Set binlog_row_image=FULL, pull the table anew and start behind this position.",
    ),
    (
        "FILE at POS: the command of --on-schema-change failed (...)",
        "No row and no marker behind the change has been written. Start again with the same \
         --checkpoint when the change has been dealt with: the command runs again.",
    ),
    (
        "...: not a history of table versions",
        "The file of --schema-store is damaged. Restore it from a copy; without it the versions \
         in namespaces begin at 0 again, and definitions that earlier files gave are not known.",
    ),
    (
        "the start lies in file number N, which is not among ...; FILE: no event starts at POS; \
         the file is shorter than the position POS",
        "The files given are not those that the position names.",
    ),
    (
        "the server no longer has this part of its log: ...",
        "The server has deleted the log files from there on. The changes in between cannot be had \
         from it: pull the tables anew, and raise binlog_expire_logs_seconds above the longest \
         stop that you want to survive.",
    ),
    (
        "the position is not the start of an event: ...",
        "The server was asked for a place inside an event, or a row is larger than its \
         max_allowed_packet.",
    ),
    (
        "another replica uses the same server id: ...",
        "Two clients with one id throw each other out. Give each its own --server-id, or leave it \
         out.",
    ),
    (
        "the checkpoint is of server ID, this one is ID, and there is no GTID to find the place \
         by",
        "The server that answers is not the one that the position came from. Connect to that one, \
         or pull the tables anew and begin with a new checkpoint.",
    ),
    (
        "the server refuses: ...; the log's position cannot be read: ...",
        "The user lacks REPLICATION SLAVE or REPLICATION CLIENT (on MariaDB: REPLICATION SLAVE, \
         BINLOG MONITOR). --check tries both.",
    ),
    (
        "the server ended the stream; the connection to the server broke: ...",
        "Exit code 4: worth a restart. The run goes on at its checkpoint.",
    ),
    (
        "warning: FILE: the last event is not whole: N bytes at POS are left out; warning: the \
         log ends inside a transaction that began at POS; it is left out",
        "Not an error: the file is still being written, or its server crashed while writing. All \
         whole transactions before it have been written.",
    ),
    (
        "warning: FILE at POS: a statement was not understood; it may concern ...",
        "A statement that changes definitions, in a form that is not known. The table map of the \
         next rows says what the columns are now; rows are not guessed.",
    ),
    (
        "warning: FILE at POS: an ALTER of TABLE changes rows without logging them",
        "As ALTER TABLE ... DROP PARTITION does. Pull the table anew.",
    ),
    (
        "warning: FILE at POS: NAMESPACE: columns changed: ...",
        "The table has other columns from there on. Where old rows do not fit, the version of the \
         namespace rises.",
    ),
];

const CAVEATS: &str = "\
Rows are delivered at least once. The pipe as a whole is exactly-once in effect with the sinks of \
ums-sink(1), which compare ids.

_ums_ts_ is the time of the commit in microseconds only where the log has it (MySQL 8.0.1 and \
later). MariaDB logs the second in which a statement began, which SET TIMESTAMP can forge and which \
may run backwards. Order by _ums_id_.

Foreign-key cascades are not in the log before MySQL 9.6: rows that the engine changed or deleted by \
itself do not appear. Look for such keys before you rely on the log.

With binlog_row_image=MINIMAL or NOBLOB a column that is not in the log is not in the message, \
either. That is not NULL; sinks leave such columns as they are. An update that changes the primary \
key stops such a run, unless its images have all columns.

MariaDB logs uuid, inet4 and inet6 as the bytes of a binary(n). They are told apart only by the server's information_schema, or by a CREATE TABLE in the \
log; files without either give them as binary.

An offset in --start and --stop is the start of an event, best the start of a transaction. A place \
inside a transaction stands for that transaction as a whole.

One run reads one server. Start one dbus-tail for each and give each its --source.";
