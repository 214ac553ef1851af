//! The texts of dbus-pull(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: ENVIRONMENT,
    files: FILES,
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &["dws-mask(7)", "dbus-tail(1)", "ums-sink(1)", "ums(7)", "dws-endpoints(7)"],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
dbus-pull reads whole tables of a MySQL or MariaDB server and writes their rows as UMS messages of \
the type data_initial_data, one JSON object a line; ums(7) describes them. A row is the same, byte \
for byte, as the one that dbus-tail(1) writes for the same stored value. Behind the last row of a \
table stands one data_batch_termination.

Tables are divided into shards of about --shard-rows rows, by their primary key, else a unique key, \
else an index. The key is walked in its own order, so shards are even however skewed the key is, and \
the first are read while the last are still looked for. Rows with NULL in a unique key are a shard of \
their own. A table without any index is one stream. --plan prints the shards without pulling them; a \
plan can be kept, edited, divided over several hosts and given back with --shards.

Each shard is read in a transaction of its own by one of --jobs connections: first the position P of \
the server's log, then a barrier behind which everything that was logged before P can be seen, then \
the SELECT. With --id batch its rows carry the id of P. Whatever the SELECT did not see is in the log \
behind P with a greater id, and wins; whatever it saw too early comes again from the log. So a pull \
and a dbus-tail of the same server meet without a lock, in any order, at first loads and at reloads. \
Only a position and a SELECT without a barrier between them would lose changes: a commit is in the \
log before its rows can be seen. --barrier says what there is, and a barrier that cannot be proved is \
refused; --check says which can be.

The dbus-tail that brings the changes must start at the position that dbus-pull says at its start, or \
before, on the same server. For a first load, start the pull with --marker and, when it has ended, \
dbus-tail with the checkpoint that the sink then has; or start dbus-tail first, and pull while it runs.

A shard whose connection broke is read again, with a new position, as soon as the server answers, for \
at most --patience. A change of a table's definition is seen: the shard is read with the new columns. \
With --state, a pull that was killed goes on with the shards that are not finished. Where --to is a \
file, a shard is finished after its fsync. In a pipe, the rows of a shard and then a marker of type \
pull go to the sink, and only when that marker is in the sink's checkpoint is the shard finished: name \
the same file with --checkpoint here and at ums-sink. Shards that were on their way are pulled again, \
with the same or a greater id, and land once.";

const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "DWS_PASSWORD, MYSQL_PWD",
        "The password of the server, unless --password-file is given; the first that is set counts, \
         and more than an option file. In a URL a password is taken, too, but with a warning: ps(1) \
         shows it to everybody.",
    ),
    ("NO_COLOR, TERM", "Messages are never coloured when NO_COLOR is set or TERM is dumb."),
];

const FILES: &[(&str, &str)] = &[
    (
        "STATE",
        "The file of --state: JSON lines that are only added to, what the pull is, its shards, and \
         those that are done. One dbus-pull at a time works with it. It may be removed when no pull \
         is to be resumed.",
    ),
    (
        "STATUS",
        "The file of --status-file: one JSON object: state (running, done, stopped, failed), rows, \
         shards, done, bytes, messages, seconds, rows_per_second, why it waits, and the same of \
         each table.",
    ),
    ("~/.my.cnf", "User, password, host and TLS options, groups [client], [dws] and [dbus-pull]."),
];

const EXAMPLES: &[Example] = &[
    Example {
        what: "Load two tables into SQLite for the first time, then follow the log.",
        command: "dbus-pull --marker --tables shop.orders,shop.customers mysql://repl@db1:3306/ |\n  \
                  ums-sink --checkpoint pos.json sqlite:shop.db &&\n\
                  dbus-tail --checkpoint pos.json --tables shop.orders,shop.customers \
                  mysql://repl@db1:3306/ |\n  ums-sink --checkpoint pos.json sqlite:shop.db",
        runnable: false,
    },
    Example {
        what: "Before that: may this user read the tables, and which barrier can be proved?",
        command: "dbus-pull --check --tables 'shop.*' mysql://repl@db1:3306/",
        runnable: false,
    },
    Example {
        what: "Every table of a schema, resumable: run it again with the same line after a crash.",
        command: "dbus-pull --state pull.state --checkpoint pull.json --tables 'shop.*' \
                  mysql://repl@db1:3306/ |\n  ums-sink --checkpoint pull.json postgres://loader@dw/shop",
        runnable: false,
    },
    Example {
        what: "Reload a table beside the dbus-tail that keeps running, gently.",
        command: "dbus-pull -j 2 --max-rows-per-sec 20000 --max-lag 10 --tables shop.orders \
                  mysql://repl@db1:3306/ |\n  ums-sink postgres://loader@dw/shop",
        runnable: false,
    },
    Example {
        what: "Divide a giant table over two hosts.",
        command: "dbus-pull --plan --tables shop.events mysql://repl@db1/ > plan.json\n\
                  split -n l/2 plan.json plan.\n\
                  dbus-pull --shards plan.aa --to events.aa.zst mysql://repl@db1/",
        runnable: false,
    },
    Example {
        what: "Some columns of some rows, compressed.",
        command: "dbus-pull --tables shop.orders --columns amount,created --where 'amount > 100' \
                  --to orders.ums.zst mysql://repl@db1:3306/",
        runnable: false,
    },
    Example {
        what: "The completions of this shell.",
        command: "dbus-pull --completions bash > dbus-pull.bash",
        runnable: true,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "table TABLE: its shards so far were cut by (...), and it would go on by another index",
        "An index was added or dropped, or --split-by is another one than before, since the pull began. What is \
         behind a key in one order is not what is behind it in another. Remove the file of --state and pull anew.",
    ),
    (
        "--max-lag: ... does not say how far it is behind; waiting for it",
        "The replica cannot be reached, does not replicate, or its user may not ask. Said once a minute.",
    ),
    (
        "...: mask ...: no such column; there are ...",
        "The pattern of a mask matches a table that has no such column, maybe since a moment ago. Correct the \
         name, or write column? where tables may be without it. See dws-mask(7).",
    ),
    (
        "mask ...: no such table is pulled",
        "The pattern of a mask matches no table. It is type.source.schema.table.",
    ),
    (
        "--tables PATTERN: the server has no such table",
        "It is spelled otherwise, it is a view, or the user has no grant on it: such a table does \
         not show.",
    ),
    (
        "table TABLE cannot be read: ...; table TABLE: its definition cannot be read: ...",
        "The user lacks SELECT on the table, or on all of its columns.",
    ),
    (
        "no barrier can be proved, so changes could be lost: ...",
        "What each barrier lacks is said. On MySQL, gtid_mode=ON or the table of --barrier write is \
         the least; on MariaDB, log_bin.",
    ),
    (
        "TABLE, the table of --barrier write, is not there or not InnoDB; the barrier's row cannot \
         be written: ...",
        "Create the table and grant SELECT, INSERT and UPDATE on it, as the message says. On a \
         read-only server use another barrier.",
    ),
    (
        "binlog_order_commits is OFF: a write proves nothing about other commits",
        "Commits become visible in another order than they are logged in. Use --barrier gtid, share \
         or lock, or set binlog_order_commits=ON. The setting is looked at for each shard.",
    ),
    (
        "sql_log_bin is OFF: the barrier's row is not logged; the server does not log the schema \
         SCHEMA (binlog_do_db, binlog_ignore_db)",
        "What is not in the log cannot be joined to it.",
    ),
    (
        "--barrier snapshot needs MariaDB: ...; --barrier gtid needs MySQL with gtid_mode=ON; \
         --barrier share locks rows of InnoDB; ...",
        "The server or the table does not have what the barrier needs. --barrier auto takes one that \
         can be proved.",
    ),
    (
        "the server writes no binary log, so a pull has no position; binlog_format is not ROW: ...",
        "The changes during the pull would be nowhere. Pull from the server that dbus-tail reads.",
    ),
    (
        "this replica does not log what it replicates (log_replica_updates is OFF), ...",
        "A dbus-tail of this replica would not see the changes. Set log_replica_updates=ON, or pull \
         from the server that dbus-tail reads.",
    ),
    (
        "two servers answer at this address: ... and ...; two servers answer: ...",
        "A proxy divides reads from writes, or sends connections to several servers. A position of \
         one of them says nothing about the rows of another. Name one server.",
    ),
    (
        "--marker: N XA transactions are prepared on the server, ...; warning: N XA transactions are \
         prepared on the server; ...",
        "Their rows are in the log before the position, and their commit is behind it. A dbus-tail \
         that starts at the position stops at that commit. End them first, or start dbus-tail \
         before them, and leave --marker out.",
    ),
    (
        "the checkpoint is of server ID, this one is ID, so ids of the two cannot be compared",
        "After a failover, let dbus-tail go on first: it raises the offset base, which the pull then \
         takes from the checkpoint.",
    ),
    (
        "FILE: the state of another pull: ...; FILE: not the state of a pull; FILE: another \
         dbus-pull is at work with it",
        "The file of --state belongs to a pull with other tables or options, is something else, or is \
         in use. It has not been touched.",
    ),
    (
        "table TABLE would be divided by columns that an update may change, and binlog_row_image is \
         not FULL: ...",
        "A row that moves from a shard that is still to be read to one that has been read is found in \
         the log alone, and must be there as a whole.",
    ),
    (
        "--split-by COLUMN: ...; --split even: ...",
        "The table has no such column, its type has no usable order, or it holds no whole numbers.",
    ),
    (
        "--shards FILE, line N: not JSON: ...; --shards FILE, line N: not a shard; a boundary of \
         ... is not one of its values",
        "Lines of a plan hold values and never SQL. Let --plan write them.",
    ),
    (
        "table TABLE, column COLUMN: byte N of the text is not valid in the column's character set",
        "As when UTF-8 was stored in a column that is declared otherwise. Correct the row at the \
         source, or run with --bad-text replace.",
    ),
    (
        "table TABLE, column COLUMN: its type is not known; ...: the server sent what the column \
         cannot hold",
        "The column has a type that this version does not know. Leave it out with --columns.",
    ),
    (
        "table TABLE, shard N: ...",
        "The server was away for longer than --patience, or something held up each try. Exit code 4: \
         start again, with --state where it stopped.",
    ),
    (
        "TABLE went away during the pull; warning: table TABLE was dropped or renamed meanwhile; \
         ...",
        "The other tables were pulled. The rows that were written stay, and no end was written for \
         the table. Exit code 3.",
    ),
    (
        "warning: table TABLE: its definition has changed; going on with the new one",
        "An ALTER during the pull. Shards that were read before it have the old columns; the log has \
         what the ALTER did not change, and reading the table once more has all.",
    ),
    (
        "warning: ...; trying again for N s",
        "The connection broke, or a lock could not be had. The shard is read again from its start.",
    ),
    (
        "warning: --state without --checkpoint: ...",
        "In a pipe only the sink knows what is durable.",
    ),
];

const CAVEATS: &str = "\
The pull is not one moment of all tables: each shard has a position of its own. It becomes the state \
of the source together with the log. Without a dbus-tail from the first position on, shards are as \
old as they were read.

P, barrier, SELECT and dbus-tail must be of one and the same server: of a replica, if that is read, \
with a log of its own (log_replica_updates=ON).

XA transactions that were prepared before a shard was read and end later are in the log at their \
commit; dbus-tail gives their rows that commit's ids.

--barrier share locks the rows of a shard until it has been written, and waits for those who hold \
them. --barrier lock locks a table once, before its first shard: it waits for transactions that use \
the table, for ten seconds at a time, and others wait behind it meanwhile. All shards of the table have \
that position.

A shard's transaction is open until its rows have been written, to a slow sink for as long as that \
takes: an ALTER of the table waits for it. Smaller shards wait less.

A pulled row of a table without any key has no identity: where its shard is read again, sinks that \
append have it twice. Sinks that upsert refuse such tables.

--marker is for first loads. A reload beside a dbus-tail at work must not write a marker, and its \
ums-sink must not share that one's --checkpoint file.

Versions of namespaces come from --schema-store alone; sinks that match four parts do not mind.

The condition of --where goes to the server as it is. It must be one condition, and one that the \
server can answer for every table.";
