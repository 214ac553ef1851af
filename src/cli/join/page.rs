//! The texts of ums-join(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: &[(
        "NO_COLOR, TERM",
        "Messages are never coloured when NO_COLOR is set or TERM is dumb.",
    )],
    files: &[
        (
            "FOLDER/NUMBER.state",
            "A state of --state, whole or not there, with a checksum. It names the options that it was made \
             with, the positions that it is of, and the runs that most of it is in.",
        ),
        (
            "FOLDER/NUMBER.run",
            "A part of one or more states: entries in order, with checksums. Runs that no state names are \
             removed.",
        ),
    ],
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &[
        "ums-filter(1)",
        "ums-sink(1)",
        "dbus-tail(1)",
        "dws-sql(7)",
        "ums(7)",
        "dws-endpoints(7)",
    ],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
ums-join reads one or more streams of UMS messages and writes one. Without --agg and --on it is their \
union: every message as it came. With --agg it aggregates rows over windows of time, or over all of it. \
With --on it joins two sides, which may come in one stream or in several; for a third one, the result goes \
into a second ums-join (see EXAMPLES): results are rows with keys and ids like any, and markers pass; their \
join_key is left_join_key or right_join_key there. With --lookup it puts what a store has beside each row.

TIME

The time of a row is its _ums_ts_, or the column of --time. How far time has come is told by markers: a \
marker says that every row of its source before it was written, and its _ums_ts_ is taken for theirs. The \
time of several inputs is the least of theirs, that of an input with several sources the least of theirs; \
an input that ended does not count. --lateness is taken off, because times of a log are not quite in its \
order; what is left is called the horizon.

Rows between two markers of an input are taken together, and inputs take turns by the times of their \
markers. So the output depends on what the inputs say and not on how fast they say it. An input may be 64 \
MiB ahead of the others; beyond that it need not wait for them any more, and results are the same, in \
another order. An input without markers is taken when it comes, and its time has come when it ends.

A marker of a source goes on when it has come in all inputs that have rows of the source, with the least \
id, and when nothing is held back any more of what it covers, or --state keeps it.

WINDOWS

A row is known by its table and its primary key (--keys names other columns). It counts in its groups as \
the table has it: an insert is added, an update takes away what the row added before and adds what it is \
now, a delete takes it away. Images before an update (op B) are not needed and are passed over. A row with \
an id below that of the same row before is old, and passed over; so what is delivered again changes \
nothing. TRUNCATE and DROP take all rows of a table away, those of one shard the rows that came from it. With --mode append every row is added as it comes, \
whatever its op, and nothing taken away; B is left out. That is for logs, which have no key.

A window closes when the horizon has come to its end. Then its results are written, those of an earlier \
window first, groups in the order of their cells. With --keep a closed window is kept that much longer: \
what changes in it is written again. Then it is forgotten. A row all of whose windows are forgotten is \
late: it does not count, is counted, and goes to --late. So is one whose time is NULL or no date. In \
sessions every row before the horizon (less --keep) is late. An update or delete cannot take anything from \
a window that is forgotten; that is counted, too. With --keep forever the results are those of the same \
query over the tables as they stand.

A result has the columns _ums_id_, _ums_ts_, _ums_op_, _ums_uid_, window_start and window_end (with \
--window), those of --group-by and those of --agg. Its key is window_start and the group; where there is \
neither, a column part that is 0. So a sink keeps one row for each. _ums_id_ and _ums_ts_ are the greatest of \
the rows that were ever added to the group or taken from it; the op is I at first, then U, and D when the \
last row has left or --having is not TRUE any more. _ums_uid_ is made of window, group, id and the number of \
changes. The same input gives the same results, ids and uids.

sum and avg of whole numbers and decimals are exact, avg with four digits more than the sum has, as in \
MySQL; those of float and double are binary, added with compensation. NULLs are left out; sum, avg, min and \
max of nothing but NULLs are NULL. min and max of text go by code points. Columns of --group-by that can \
be NULL cannot be part of a key in SQL databases: write coalesce(city, '') AS city.

JOINS

Rows of the left and the right side make a pair when the columns of --on are equal and their times at \
most --within apart. Numbers are equal by value, whatever their type; NULL is equal to nothing. The newest \
version of every row of both sides is kept until no row that is not late can meet it, and --keep longer. \
What an insert, update or delete of either side changes is written at once: pairs that are gone as D, \
changed ones as U, new ones as I. With --keep forever the results are the SQL join of the tables as they stand, \
the times being those of the rows' last changes. A row before the horizon, less --keep, is late.

--unmatched says what becomes of a left row that has no pair when the horizon is more than --within \
behind it: send writes it with NULLs on the right side, and takes that back, as D, when a pair comes all \
the same. With --filled a pair is written when the columns named are filled; before, it waits, and when its \
left row's time is over, send writes it as it is, drop does not, and alert counts it.

A result has _ums_id_, _ums_ts_, _ums_op_, _ums_uid_, join_key, the left columns, and the right ones, under \
other names where the left side has the same. join_key is the key: the left row's key, |, and the right \
row's, with a backslash in front of commas, bars and backslashes inside a part. _ums_id_ and _ums_ts_ are the \
greater ones of both rows.

LOOKUPS

--query is put to the store of --lookup for each row, with the row's own values: :column stands for one, and \
is bound as a parameter. Keys that are equal are asked once, and many in one statement, which has the query \
once for each; so the store alone decides what is equal, and the query may have anything that stands in \
parentheses behind FROM: joins, aggregates, ORDER BY with LIMIT 1. NULL is equal to nothing, and is not asked. \
What was found is used again for --cache-for, and that nothing was found for --cache-missing, within \
--cache bytes; what was not used for long goes first. Redis has a query of its own, see dws-endpoints(7).

A result is the row with the columns that were found behind it, under the table's own name. They have the types \
that the store says; a name that the row has, too, becomes right_NAME, or --prefix stands in front of all. \
Other messages and tables that --namespace does not name pass, in their place. A result is of the moment of the \
lookup: what changes in the store later is met by the next change of the row, or by a reload of the table.

With --matches one, the default, a row finds one row at most; to find more ends the run. Ids, uid and key are \
the row's own, so that a sink upserts. A row that finds nothing is left out, or with --unmatched send has \
NULLs. An update that finds nothing goes as a delete, because the row before it may have found something. A \
delete is looked up like any row, so that what a sink keeps of it is whole, and passes whatever is found; so \
does the image before an update (B). A delete whose image lacks the columns of the query passes as it came.

With --matches many a row gives a result for each row found, in the order of the store. Behind its columns \
stands their number from 1, lookup_row, which becomes the last column of the key, and the end of the uid. How \
many there were is remembered for each key of the stream (about 100 bytes, within --memory, kept by --state): \
when an update finds fewer, or the row is deleted, those that are no more go as deletes, and a row that is \
older than what was written is passed over. B is left out. A table without a key needs --keys for updates \
and deletes.

A store that is gone is asked again for the seconds of its option retry, 300 without; this is said once, and the \
stream waits. No marker goes on before the rows that it covers.

STATE

Without --state, a marker goes on only when all windows and pairs that rows before it belong to are \
written and forgotten. Whoever starts again at such a marker needs nothing that this run knew; but with \
--keep forever that is never, before the inputs end.

With --state the state is kept in a folder every --state-every, and markers go on behind it. When the output \
is a file (--to FILE), a run that was killed and is started again with the same options and inputs goes on from \
its last state: rows before it are passed over, rows behind it come again and give the same results with the same \
ids and uids, so that the target is the same as after a run that nobody disturbed. When the output is a \
pipe, what was in it may be lost with the sink, so the state must be as old as the sink's checkpoint: \
--checkpoint names it; while that file is not there, every run begins anew, as the inputs do. States are \
kept until it has passed them; those that a run finds which begins anew, until it has passed one of the new run, \
so that a wrong name destroys none. A checkpoint with a position of an input and a folder without states do not \
fit, and are refused when the input brings the first of that source. The inputs must start there, too; \
where they are of several sources, the checkpoint may be between two states, and --position prints one that is \
not, for --checkpoint of everybody.

  ums-join --state state --checkpoint at.json OPTIONS --position > start.json
  dbus-tail --checkpoint start.json mysql://db1 | ums-join --state state \\
    --checkpoint start.json OPTIONS | ums-sink --checkpoint start.json DEST

A topic is read by partitions, which carry their offsets as markers. State belongs to the rows of a \
partition, and does not move with it: let a group that has --state, or windows, be of one ums-join, or give \
each process a topic, or the end of a run (--exit-at-end), of its own. Several processes of one group share \
windows only where the topic is partitioned by the columns of --group-by or --on, and no process comes or \
goes. The group's offsets move when what they cover is durable: a state that was kept and an output that \
was synced, or what --checkpoint says.

What is in use of the state is in memory, up to about --memory; the rest is on disk, in the folder of --state, \
or else in files without a name in --spill-dir, which are gone with the process. A smaller --memory changes no byte \
of the output, but costs time: rows of a join that are on disk are read from there, some microseconds each. Beside \
it an input may hold 72 MiB, and a lookup its --cache. Two things must fit: the values of one group for \
count(DISTINCT), min and max, and of what is on disk about 3 bytes an entry, or the run ends with a message. \
A group of sessions (--window session) is read and written as a whole, with its rows: one that is larger than --memory \
takes its own size for a moment, and much time. A save of --state writes what changed since the last one.";

const EXAMPLES: &[Example] = &[
    Example {
        what: "Orders and turnover a minute, into a database; corrected for a day.",
        command: "dbus-tail --quiet shop.000001 |\n    \
                  ums-join --quiet --namespace '*.*.shop.orders' --window tumble:1m \\\n    \
                  --agg 'count(*) AS orders, sum(amount) AS turnover' --keep 1d |\n    \
                  ums-filter --quiet --namespace '*.*.*.orders_windows' |\n    \
                  ums-sink --quiet sqlite:minutes.db",
        runnable: true,
    },
    Example {
        what: "Orders with their customers, as the tables stand.",
        command: "dbus-tail --quiet shop.000001 |\n    \
                  ums-join --quiet --left '*.*.shop.orders' --right '*.*.shop.customers' \\\n    \
                  --on 'customer = id' --unmatched send --keep forever --as mysql.shop.shop.bought.0.0.0 |\n    \
                  ums-filter --quiet --namespace '*.*.shop.bought' |\n    \
                  ums-sink --quiet sqlite:bought.db",
        runnable: false,
    },
    Example {
        what: "Three streams: orders with their customers, and both with their payments.",
        command: "ums-join --from orders.ums --from customers.ums --keep forever \\\n    \
                  --left '*.*.shop.orders' --right '*.*.shop.customers' --on 'customer = id' \\\n    \
                  --as mysql.shop.shop.bought.0.0.0 | ums-join --from - --from payments.ums --keep forever \\\n    \
                  --left '*.*.shop.bought' --right '*.*.shop.payments' --on 'id = order_id' --unmatched send",
        runnable: false,
    },
    Example {
        what: "Payments that no order had within ten minutes either way, from two servers, said and not sent.",
        command: "ums-join --from <(dbus-tail mysql://db1) --from <(dbus-tail mysql://db2) \\\n    \
                  --left '*.*.bank.payments' --right '*.*.shop.orders' --on 'order_no = no' --within 10m \\\n    \
                  --unmatched alert --lateness 5s > matched.ums",
        runnable: false,
    },
    Example {
        what: "Requests, and errors apart, of each host in sliding five minutes, from lines of a log.",
        command: "logrules nginx.toml --from access.log |\n    \
                  ums-join --mode append --window hop:5m/1m --group-by host --time time \\\n    \
                  --agg 'count(*) AS n, sum(CASE WHEN status >= 500 THEN 1 ELSE 0 END) AS errors'",
        runnable: false,
    },
    Example {
        what: "Orders with the names of their customers, from another database.",
        command: "dbus-tail mysql://db1 | ums-join --namespace '*.*.shop.orders' \\\n    \
                  --lookup mysql://reader@crm/crm --unmatched send \\\n    \
                  --query 'SELECT name, city FROM customer WHERE id IN (:customer_id)' |\n    \
                  ums-sink postgres://dw/shop",
        runnable: false,
    },
    Example {
        what: "Customers from Redis, by a region and a number; levels may be ten minutes old.",
        command: "ums-join --lookup redis://cache/0 --cache-for 10m \\\n    \
                  --query \"SELECT level int AS customer_level FROM HASH 'c:{region}:{customer_id}'\"",
        runnable: false,
    },
    Example {
        what: "Three streams become one.",
        command: "ums-join --from a.ums --from b.ums.zst --from <(dbus-tail mysql://db1)",
        runnable: false,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "... FILE: the rows come from it",
        "What is read would be written to (--to, --late, --on-bad-line), and the run would read its own output, for ever or until the \
         disk is full.",
    ),
    (
        "...: --query: no column '...'; did you mean ...?",
        "A table of the stream, or this row image of it, lacks the column. Choose tables with \
         --namespace; log whole rows (binlog_row_image=FULL).",
    ),
    (
        "...: --query found ... rows for one",
        "--matches many makes a row of each. Or let the query find one, with LIMIT 1 or an aggregate.",
    ),
    (
        "...; asking again for up to ... s",
        "The store of --lookup does not answer. The stream waits for it; see its option retry.",
    ),
    (
        "...: --query fails on a value (...)",
        "The store could not convert a value of the stream, or of its own. CAST it in the query.",
    ),
    (
        "...: column ... holds what UMS has no cell for",
        "NaN, infinity, or a date before the common era. Cast the column to text in the query.",
    ),
    (
        "...: --group-by: character ...: no column '...'; did you mean ...?",
        "A table that takes part, or this row image of it, lacks the column. Choose tables with \
         --namespace; log whole rows (binlog_row_image=FULL).",
    ),
    (
        "...: rows cannot be told apart: the table has no primary key",
        "Name unique columns with --keys, or take every row for itself with --mode append.",
    ),
    (
        "...: '...' has another type here than in ...",
        "Rows of two tables, or of two versions of one, cannot be added to the same groups. CAST the \
         column in --group-by or --agg.",
    ),
    (
        "--on: '...' and '...' are of two kinds, which are never equal",
        "A number and a text, for example. Make them one with ums-filter --select before the join.",
    ),
    (
        "rows that came too late: ...",
        "Rows behind the horizon. Raise --lateness, or --keep; --late FILE keeps them.",
    ),
    (
        "updates and deletes of rows that are not known any more: ...",
        "What they change was forgotten, or was there before the stream began. Raise --keep.",
    ),
    (
        "--state needs --checkpoint, because this output is a pipe",
        "What is in a pipe may be lost. Name the sink's checkpoint, or write to a file with --to.",
    ),
    (
        "...: no state is of the checkpoint's positions",
        "Of several sources, the sink has kept markers of two states. Start everybody from what --position \
         prints. Or the checkpoint is that of another pipe.",
    ),
    (
        "CHECKPOINT: has no positions, so the run begins anew; the states that were found stay until it has passed a new one: ...",
        "The sink has not written its first checkpoint, or the name is wrong. Then stop the run and correct it: nothing \
         is lost.",
    ),
    (
        "FOLDER: no state is there, and CHECKPOINT has a position of ...: what came before it would be missing",
        "The name of one of them is wrong. If the states are gone, remove the checkpoint, so that inputs, state and \
         sink begin anew.",
    ),
    (
        "FOLDER: no state is there, so inputs that start here begin anew",
        "From --position, where --checkpoint has positions. As above.",
    ),
    (
        "...: was made with other options or another number of inputs",
        "A state fits what it was made with. Give another folder, and start the inputs anew.",
    ),
    (
        "what must be in memory of the state takes ... KiB, more than --memory",
        "Very large groups, or very many. Raise it, or shorten --keep, --lateness, --within or the windows.",
    ),
    (
        "the state could not be kept: ...",
        "The disk is full, for example. The state before it is still there, and no marker has gone on since: make room \
         and start the run again.",
    ),
    (
        "FOLDER: a file of the state failed: ...",
        "The disk is full, for example. Nothing is lost: with --state the run goes on where it was, with room or \
         another --memory; without, it begins anew.",
    ),
    (
        "...: is damaged",
        "A file of --state is not what was written. Remove the folder and start the inputs anew.",
    ),
    (
        "FILE:LINE: byte ... of the line: expected ...",
        "The line is no UMS message. --on-bad-line FILE keeps such lines aside.",
    ),
];

const CAVEATS: &str = "\
A row counts in the window of its newest version's time. With _ums_ts_ that is the time of its last change: \
an order of yesterday that is paid today counts today. --time takes a column of the row, created_at for \
example, which updates leave alone.

Times of markers are those of the source's clock. One source that stands still without saying so, \
because its marker is never renewed, holds up the windows of all. dbus-tail says so every second, and \
dbus-heartbeat for others. There is no option that leaves a silent input out: results would depend on how fast \
inputs are, and could not be had again after a crash.

Rows of one side of a join that have the same key are the same row, whatever their table: a pattern that \
takes several tables is for shards of one. Windows tell tables apart, but not their shards.

Sums of float and double depend on the order of rows in their last digits. CAST them to decimal where that \
matters.

Results of --matches many that a run wrote before a crash, and that the store does not have any more when the \
same rows come again, stay in the target until their row changes and finds as many. With --matches one \
nothing is left.

The end of a pull (ums-sink --sweep) is not followed by windows and joins: rows that a reload no longer sees still \
count. It passes a lookup.";
