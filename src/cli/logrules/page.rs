//! The texts of logrules(1). A table.

use crate::cli::{Example, Page};

/// The page.
pub(super) const PAGE: Page = Page {
    description: DESCRIPTION,
    environment: &[(
        "NO_COLOR, TERM",
        "Messages are never coloured when NO_COLOR is set or TERM is dumb.",
    )],
    files: &[("RULES", "The rules, TOML: logrules(5).")],
    examples: EXAMPLES,
    diagnostics: DIAGNOSTICS,
    see_also: &["dws-mask(7)", "logrules(5)", "ums-sink(1)", "ums(7)", "dws-endpoints(7)"],
    caveats: CAVEATS,
    bugs: "",
};

const DESCRIPTION: &str = "\
logrules reads lines of logs, text or JSON, and writes UMS: rows of tables with typed columns. RULES says \
which tables there are, and for each of them one or more groups of operators that take a record apart. The \
first group that matches makes the rows of a record.

A record that no group matches becomes a row of the table _unknown_ with its text and the reason, and so does \
one with a cell that its column rejects. Both are counted and said at the end; nothing is dropped.

Rows have _ums_op_ I. _ums_ts_ is the record's own time where the rules name it, else that of the record \
before. _ums_id_ is (milliseconds since 2017-01-01 UTC) x 2^22 + partition x 2^18 + a number: it never falls \
within a source, and it is the same when the same lines are read again from the start. Rows of one record \
share it; their _ums_uid_ differ. The namespace is log.SOURCE.SCHEMA.TABLE.VERSION.HOST.0.

Bytes that are no UTF-8 become U+FFFD, are counted and said at the end. NUL is a character as any other. \
Regular expressions take time in proportion to the text, whatever they are; those that could not (look-around, \
back-references) are refused when the rules are read.

With --follow files are read for ever, with --checkpoint a run goes on where the one before ended; both take what \
was rotated: a file that was renamed, copied and cut (copytruncate), or packed (.gz, .zst) is read to its end \
before the one that takes its place. FILE.1, FILE-20261121.gz, FILE.old and, for NAME.log, NAME-2026-11-21.log are \
what FILE was. A file is known again by its first line and the bytes before the place, whatever its name. Lines are \
told by the system (inotify) where it can, else by a look every tenth of a second. A line without its end is waited \
for; a record of several lines may go over a rotation, and the last one is taken as whole after a second in which \
nothing came. The position of all files stands in every marker, as JSON in the field gtid, so that \
ums-sink --checkpoint keeps it when the rows are durable. In these runs _ums_uid_ is SOURCE-PRINT-END-N, made of the \
file, the record and where it ends, and the same when a part of the log is read again: a sink with --mode append \
takes each record once, whatever is killed and when.

Rules are written with --trace or --watch at one's side, kept right with --test, and watched in operation with --stats.";

const EXAMPLES: &[Example] = &[
    Example {
        what: "The access log of nginx into SQLite.",
        command: "logrules logs/nginx.toml --from logs/nginx.log |\n    \
                  ums-sink --mode append sqlite:web.db",
        runnable: true,
    },
    Example {
        what: "What the rules do with the lines of a sample, operator by operator.",
        command: "logrules logs/sshd.toml --trace logs/sshd.log",
        runnable: true,
    },
    Example {
        what: "Run the cases of a rules file.",
        command: "logrules logs/log4j.toml --test logs/log4j.cases.toml",
        runnable: true,
    },
    Example {
        what: "The slow query log of MySQL, the lines at its head in _unknown_.",
        command: "logrules logs/mysql-slow.toml --from logs/mysql-slow.log --stats > slow.ums",
        runnable: true,
    },
    Example {
        what: "JSON of Logstash: a record may make rows of several tables.",
        command: "logrules logs/logstash.toml --from logs/logstash.log |\n    \
                  ums-sink --mode append sqlite:app.db",
        runnable: true,
    },
    Example {
        what: "JSON of Filebeat; the heartbeat in it passes through.",
        command: "logrules logs/filebeat.toml --from logs/filebeat.log > orders.ums",
        runnable: true,
    },
    Example {
        what: "A business log with pipes between its fields, one of which is no number: exit status 1.",
        command: "logrules logs/payments.toml --from logs/payments.log > payments.ums || [ $? = 1 ]",
        runnable: true,
    },
    Example {
        what: "Rotated files and the file at hand as one source, oldest first.",
        command: "logrules web.toml --from access.log.2.gz --from access.log.1 --from access.log > web.ums",
        runnable: false,
    },
    Example {
        what: "What has come since the last run, from cron, say.",
        command: "logrules logs/sshd.toml --from logs/sshd.log --checkpoint sshd.pos |\n    \
                  ums-sink --mode append --checkpoint sshd.pos sqlite:auth.db",
        runnable: true,
    },
    Example {
        what: "A live log over its rotations, restartable at will.",
        command: "logrules web.toml --follow --from '/var/log/nginx/*.log' --checkpoint web.pos |\n    \
                  ums-sink --mode append --checkpoint web.pos postgres://etl@dw/logs",
        runnable: false,
    },
    Example {
        what: "Rules that are being written, shown at work whenever they are saved.",
        command: "logrules web.toml --watch access.log",
        runnable: false,
    },
    Example {
        what: "Rule groups of the older system; what cannot be translated is named, exit status 1.",
        command: "logrules --import logs/older.json > older.toml || [ $? = 1 ]",
        runnable: true,
    },
];

const DIAGNOSTICS: &[(&str, &str)] = &[
    (
        "...: mask ...: no such column; there are ...",
        "The pattern of a mask matches a table that has no such column, maybe since a moment ago. Correct the \
         name, or write column? where tables may be without it. See dws-mask(7).",
    ),
    (
        "mask ...: the rules have no such table",
        "The pattern of a mask matches no table. It is type.source.schema.table.",
    ),
    (
        "RULES:LINE: table ...: group ...: operator N (...): ...",
        "The rules are wrong there. Nothing has been read. logrules(5) says what each operator takes.",
    ),
    (
        "... records match no group; they are in the table _unknown_",
        "Look at them there, or put one in a file and run --trace on it.",
    ),
    (
        "... records have cells that their columns reject; they are in the table _unknown_, with the reasons",
        "The reason names table, group and column. Give the column another type, null, or bad = \"null\". The \
         exit status is 1.",
    ),
    (
        "... records have bytes that are no UTF-8; they have become U+FFFD",
        "Convert the log on its way: iconv -f latin1 -t utf-8 access.log | logrules ...",
    ),
    (
        "FILE: the file that was read up to byte ... is gone, and lines may be missing",
        "It was removed, or rotated too often, while nobody read it. Bring it back, packed or not, beside FILE; or \
         say --gaps once. The exit status is 5.",
    ),
    (
        "FILE: No such file or directory ...; it is read when it is there",
        "Of --follow and --checkpoint: the path may be misspelt, or the program that writes it has not begun.",
    ),
    (
        "...: no cell is named ...; did you mean ...?",
        "No operator before that one gives a cell this name, so it would be NULL in every row.",
    ),
    (
        "FILE: was cut short behind byte ..., and no copy of it is here",
        "Somebody has emptied the file while it was followed. What was written just before that may not have been \
         read; let it be renamed, or copied first.",
    ),
    (
        "not translated: table ..., group ...: rule ...",
        "Of --import: the rule has no counterpart, or one of another meaning. Write it by hand where the rules file \
         says so.",
    ),
    (
        "NAME:LINE: line is longer than ... bytes",
        "The run stops there; what came before is written. Raise --max-line if the line is meant to be.",
    ),
];

const CAVEATS: &str = "\
Ids follow the times of the records, and never fall: a record with a time far in the future lifts the ids of \
all that follow to that time, where their number alone tells them apart. They stay unique and in order.

Without --follow and --checkpoint ids count from the start of what is read. Begin a source at the same line each \
time, or, where a part of it is read again, take _ums_uid_ for nothing more than unique in that run.

With several files ids rise in the order in which lines were read, and reading them again may mix them otherwise: \
_ums_uid_ tells rows apart, and is the same. A record that was taken as whole after a pause, and went on later, is \
two records; when it is read again it is one, and a third.

A file that is copied and cut loses what is written between the copy and the cut; that is in its nature.

Lines of a topic that are read again after a kill may get other ids than before. Each process of a group \
needs a --partition of its own. Records of several lines are only put together where one partition is read.

A record of several lines ends when the next one begins. When the input pauses, the last one waits for a \
second and is then taken as whole.

A time without a year takes the last year that does not put it more than a day after the file was changed, or \
after now where there is no file. Say year = ... in the rules where an old log must always give the same.

Lines of white space alone are passed over, except inside a record of several lines.";
