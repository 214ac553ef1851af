//! The texts of ums-filter(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: &[(
        "NO_COLOR, TERM",
        "Messages and tables are never coloured when NO_COLOR is set or TERM is dumb.",
    )],
    files: &[],
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &[
        "dws-mask(7)",
        "dws-sql(7)",
        "dbus-tail(1)",
        "ums-sink(1)",
        "ums(7)",
        "dws-endpoints(7)",
    ],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
ums-filter reads UMS messages and writes those rows that fulfil every option that is given. A message \
whose rows all pass is written as it came; of one whose rows pass in part, the rows that pass are \
copied as they stand, under the head of their message, and one of which no row passes is left out. With \
--select, --drop and --rename-namespace heads are written anew, and columns only where they change. Ids \
never change.

Markers and heartbeats always pass, in order with the rows around them, so a checkpoint of ums-sink \
behind the filter is as good as one without it. Terminations pass with the namespace that they speak of.

Expressions are compiled when a schema is met for the first time, and again when it changes. Only cells \
of columns that they name are decoded. A column that is named and that a table does not have is an error, \
not a row that does not pass: choose tables with --namespace. Of a partial row image \
(binlog_row_image=MINIMAL) a condition may be decided by what is there; where a column decides that is \
absent, the run stops and says so.

With --keep-set a target that is fed by the filter has exactly the rows that fulfil the condition: an \
update that takes a row out of them comes out as a D with the row as it was, one that brings a row in as \
an I. The row before the update stands in its before image (dbus-tail --before); an update without one is \
refused, unless the condition names nothing but key columns, which no update changes. Id, uid and time are \
those of the update. A before image whose update has not come when the input ends is a bad line with its \
namespace and id: --on-bad-line FILE keeps it as a message of its own.

A line that is no message, a row with more or fewer cells than its schema has fields, a cell that is not of its \
column's type, and a result that cannot be held stop the run, unless --on-bad-line says otherwise. Cells of columns \
that no option asks for are copied as they stand, and what is in them is not looked at: whoever takes the rows does.";

const EXAMPLES: &[Example] = &[
    Example {
        what: "Customers as pseudonyms, their countries as a first letter.",
        command: "openssl rand -hex 32 > mask.key && chmod 600 mask.key\n\
                  dbus-tail --quiet shop.000001 |\n    \
                  ums-filter --quiet --mask-key-file mask.key --mask '*.*.*.customers.label=hmac:32' \\\n    \
                  --mask '*.*.*.customers.country=keep:1,0' > masked.ums",
        runnable: true,
    },
    Example {
        what: "Large orders into a database of their own.",
        command: "dbus-tail --quiet shop.000001 |\n    \
                  ums-filter --quiet --namespace '*.*.shop.orders' --where 'amount >= 100' |\n    \
                  ums-sink --quiet sqlite:large.db",
        runnable: true,
    },
    Example {
        what: "A table with other columns and another name; its target has what is now paid for.",
        command: "dbus-tail --quiet --before shop.000001 |\n    \
                  ums-filter --quiet --namespace '*.*.shop.orders' --where 'amount >= 20' --keep-set \\\n    \
                  --select 'id, amount * 2 AS twice, upper(sku) AS article' \\\n    \
                  --rename-namespace '*=*.*.dw.large' |\n    \
                  ums-sink --quiet sqlite:large.db",
        runnable: true,
    },
    Example {
        what: "Rows for jq; for reading; and what columns there are.",
        command: "dbus-tail --quiet shop.000001 | ums-filter --quiet --flat | head -n 3\n\
                  dbus-tail --quiet shop.000001 | ums-filter --quiet --table --limit 20\n\
                  dbus-tail --quiet shop.000001 | ums-filter --quiet --schema",
        runnable: true,
    },
    Example {
        what: "A topic of Debezium, recorded as lines, into a database.",
        command: "ums-filter --in debezium --from events.json.zst | ums-sink sqlite:shop.db",
        runnable: false,
    },
    Example {
        what: "What was deleted in a morning, out of a recorded stream.",
        command: "ums-filter --from changes.ums.zst --ops D \\\n    \
                  --since 2026-11-21 --until 2026-11-21T12:00:00",
        runnable: false,
    },
    Example {
        what: "The first ten rows of one table that have no e-mail address.",
        command: "ums-filter --limit 10 --namespace '*.*.shop.customers' \\\n    \
                  --where \"email IS NULL OR trim(email) = ''\" < changes.ums",
        runnable: false,
    },
    Example {
        what: "A share of a topic into a database, by a pipe that goes on where the database is.",
        command: "ums-filter --from 'kafka://b1:9092/shop?group=dw' --checkpoint pos.json \\\n    \
                  --where \"status <> 'new'\" |\n  \
                  ums-sink --checkpoint pos.json postgres://dw/shop",
        runnable: false,
    },
    Example {
        what: "Rows whose text matches a pattern; lines that are damaged are kept aside.",
        command: "ums-filter --where \"name ILIKE 'ann%' OR email ~ '@example\\.(com|org)$'\" \\\n    \
                  --on-bad-line damaged.txt < changes.ums > some.ums",
        runnable: false,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "... FILE: the rows come from it",
        "What is read would be written to (--to, --on-bad-line), and the run would read its own output, for ever or until the \
         disk is full.",
    ),
    (
        "...: mask ...: no such column; there are ...",
        "The pattern of a mask matches a table that has no such column, maybe since a moment ago. Correct the \
         name, or write column? where tables may be without it. See dws-mask(7).",
    ),
    (
        "mask ...: no such table was in the stream",
        "The pattern of a mask matches no table. It is type.source.schema.table.",
    ),
    (
        "...: --where: character ...: no column '...'; did you mean ...?",
        "The condition names a column that the table, or this row image of it, does not have. Choose \
         tables with --namespace.",
    ),
    (
        "--where: character ...: ...",
        "The condition is no SQL expression of this dialect, or compares what cannot be compared. \
         See dws-sql(7).",
    ),
    (
        "FILE:LINE: byte ... of the line: expected ...",
        "The line is no UMS message. --on-bad-line FILE keeps such lines aside.",
    ),
    (
        "FILE:LINE: row ... of the message: column '...': the cell is no ...",
        "The cell's text is not what the field's type says.",
    ),
    (
        "FILE:LINE: row ... of the message: a number has more than 65 digits",
        "The result of a calculation is too wide. ROUND it, or CAST to DOUBLE what need not be exact.",
    ),
    (
        "...: --select: ...: two columns are called '...'",
        "Give one another name with AS, or leave it out of * with EXCEPT.",
    ),
    (
        "...: a column of the key is left out, so the rows have no key; ...",
        "Rows without a key can only be appended. Select the column, or name keys in the flows of \
         ums-sink (dws-flows(5)).",
    ),
    (
        "...: an update without its before image, so that nobody knows whether the row was in the set; ...",
        "--keep-set needs the rows before updates: dbus-tail --before, and binlog_row_image=FULL.",
    ),
    (
        "...: the input ends behind the before image with _ums_id_ ..., and its update did not come",
        "The stream was cut between the two images of an update, so --keep-set cannot tell what becomes of the \
         row. Start the source again at the last position.",
    ),
    (
        "...: column '...' is needed, and this partial row image does not have it; ...",
        "The server logs parts of rows only (binlog_row_image). Set it to FULL, or ask for columns of the \
         key.",
    ),
    (
        "TOPIC/PARTITION: the position is offset ..., but the partition now begins at ...: ... records are gone",
        "Kafka has deleted records before they were read (retention.ms, retention.bytes). Bring the tables \
         up to date by a pull, then begin with another group or checkpoint.",
    ),
    (
        "TOPIC/PARTITION: the position is offset ..., but the partition ends at ...: it is not the one that was read",
        "The topic was deleted and made anew, or the cluster has lost records. Begin with another group and \
         checkpoint.",
    ),
    (
        "a pipe gives no receipt, so the group gets no offsets; name the checkpoint of the command at its end by --checkpoint",
        "Without it the next run of this group begins where the last commit was, if there was one.",
    ),
    (
        "lines left out because they could not be filtered: ...",
        "With --on-bad-line skip or FILE. The first one is named in a warning of its own.",
    ),
];

const CAVEATS: &str = "\
Without --keep-set each row is judged by itself: a row of the source whose update leaves the condition is \
left out from then on, and a target that the filter feeds keeps the row as it was before.

With --ops the rows of a target are no longer those of the source, unless the target keeps every change \
(ums-sink --mode append).

--limit ends the run, and with it the pipe: markers behind the last row are not read. --flat, --table and \
--out debezium, maxwell and canal write no markers.

--drop leaves alone what tables do not have; a name that none had is said at the end only.";
