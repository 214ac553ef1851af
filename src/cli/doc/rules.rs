//! logrules(5): the rules of `logrules`. Texts, and the tables of keys, operators and patterns. Uses
//! `rule`. Not hot.

use super::manual::Manual;
use crate::rule::{cases, column, file, grok, import, lines, op};

/// The rules of the page's example, which a test runs.
const NGINX: &str = include_str!("../../../tests/data/logs/nginx.toml");

/// Renders the page.
pub(super) fn page() -> String {
    let mut manual = Manual::new("logrules", "5", "the rules of logrules(1)");
    manual.section("DESCRIPTION");
    manual.text(DESCRIPTION);
    keys(&mut manual, file::KEYS);
    manual.section("FORMATS");
    manual.items(file::FORMATS.map(|(_, name, meaning)| (name, meaning)));
    manual.section("LINES");
    manual.text(LINES);
    keys(&mut manual, lines::KEYS);
    manual.section("TABLES");
    manual.text(TABLES);
    keys(&mut manual, file::TABLE_KEYS);
    manual.part("Groups");
    keys(&mut manual, file::GROUP_KEYS);
    manual.section("CELLS");
    manual.text(CELLS);
    manual.section("OPERATORS");
    manual.text(OPERATORS);
    for spec in op::ALL {
        manual.part(spec.name);
        manual.text(spec.summary);
        keys(&mut manual, spec.keys);
        manual.verbatim(spec.example);
    }
    manual.part("saveAs");
    manual.text(SAVE);
    keys(&mut manual, column::KEYS);
    manual.text("\n\nThe keys of a column:");
    keys(&mut manual, column::COLUMN_KEYS);
    manual.section("EXPRESSIONS");
    manual.text(EXPRESSIONS);
    manual.section("PATTERNS");
    manual.text(PATTERNS);
    let wide = grok::patterns().iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = grok::patterns().iter().map(|(name, text)| format!("{name:wide$}  {text}\n"));
    manual.verbatim(&lines.collect::<String>());
    manual.section("TIMES");
    manual.text(TIMES);
    manual.section("ROWS");
    manual.text(ROWS);
    manual.section("CASES");
    manual.text(CASES);
    keys(&mut manual, cases::KEYS);
    manual.text("\n\nThe keys of a row:");
    keys(&mut manual, cases::ROW_KEYS);
    manual.section("IMPORT");
    manual.text(IMPORT);
    keys(&mut manual, import::KEYS);
    manual.text(IMPORTED);
    manual.verbatim(EXPORT);
    manual.section("EXAMPLES");
    manual.text(
        "The access log of nginx, as logrules logs/nginx.toml --from logs/nginx.log takes it:",
    );
    manual.verbatim(NGINX);
    manual.text(OTHERS);
    manual.section("DIFFERENCES");
    manual.text(DIFFERENCES);
    let differences = op::ALL.iter().filter(|spec| !spec.difference.is_empty());
    manual.items(differences.map(|spec| (spec.name, spec.difference)));
    manual.items(MORE_DIFFERENCES.iter().copied());
    manual.see_also(&["logrules(1)", "ums-sink(1)", "ums(7)"]);
    manual.finish()
}

/// The export of the page's example, which a test runs.
const EXPORT: &str = include_str!("../../../tests/data/logs/older.json");

fn keys(manual: &mut Manual, keys: &[(&str, &str)]) {
    manual.items(keys.iter().copied());
}

const DESCRIPTION: &str = "\
A file of rules is TOML and describes one source: how its lines become records, and which tables the records \
make rows of. It is read and checked as a whole before the first line; a key that is not known is a mistake, \
and so is an expression that does not compile. Its keys:";

const LINES: &str = "\
A record is one line. Where a record may have several, as with stack traces, the table [lines] says which line \
begins one. The first lines of the input may go on with a record that is not there: they are a record, too. A \
carriage return at the end of a line belongs to the line's end.";

const TABLES: &str = "\
Each [[table]] is a table of the output. It has one or more [[table.group]], tried in order, and all groups of a \
table make the same columns. The first group of the first table whose operators leave a row makes the rows of the \
record, all rows that are left; with match = \"all\" every group of every table does. A record that a column rejects \
goes to _unknown_ with the reason, and no other group is tried after it (with match = \"all\" the others are).";

const CELLS: &str = "\
A group begins with one row of one cell, the record. Each operator makes rows of cells into rows of cells. A cell is \
a text or NULL, and may have a name. Where an operator takes cells it takes an index from 0, a negative one from the \
end, a range \"a:b\" without b, \"a:\" to the end, \"*\" for all, a name, or a list of these in its order: cells = [0, \
\"-1\", \"status\"] or cells = \"0,-1,status\". Indices mean the row as it is before the operator. Of two cells with one \
name the later counts. What the row has not is left out.";

const OPERATORS: &str = "\
operators is a list of inline tables with the key op. An operator may stand in a group as often as it is of use. One \
that leaves no row makes the group not match; one that cannot work on a cell (no JSON, too large) does the same and is \
counted as failed. A record's cells may hold 512 MiB together.";

const SAVE: &str = "\
Ends a group: cells become the columns of the table. A text is written in the one spelling of its type: digits of int \
and long without + and zeros, datetime as YYYY-MM-DD HH:MM:SS.ffffff, boolean from true, false, 1, 0, yes, no, t, f.";

const EXPRESSIONS: &str = "\
Regular expressions are found anywhere in the text unless ^ and $ hold them. \\d, \\w, \\s and \\b mean ASCII; . and \
[^x] take whole characters; \\p{L} is any letter; (?i) and (?s) are as usual; . does not take a line end without (?s). \
Look-around and back-references are refused: an expression takes time in proportion to the text. In TOML they stand \
in single quotes, where a backslash is a backslash.";

const PATTERNS: &str = "\
grok knows these patterns; [patterns] adds others or replaces them.";

const TIMES: &str = "\
A format has %Y %y (year), %m (month), %b (its name, English), %d (day), %j (day of the year), %H %I %p (hour, of \
twelve, am or pm), %M %S, %f (a point or comma and one to nine digits, or nothing), %z (+0100, +01:00, Z, UTC, GMT), %a \
(weekday, passed over), %s (seconds since 1970, with a fraction or without), %Q (milliseconds since 1970), %F (%Y-%m-%d), \
%T (%H:%M:%S), %%. Numbers may have one digit less; a space takes any white space, none included. Or one of the names \
ISO8601 (%Y-%m-%dT%H:%M:%S%f%z, T or a space), HTTPDATE (%d/%b/%Y:%H:%M:%S %z), SYSLOG (%b %e %H:%M:%S) and LOG4J \
(%Y-%m-%d %H:%M:%S%f).

Names of zones are those of the IANA data base, which is inside the program. Of the hour that comes twice in autumn the \
first is taken; a time that spring skips is read as if the clock had not been put forward. What is smaller than a \
microsecond is cut off. A leap second is the second before.";

const ROWS: &str = "\
Rows have _ums_id_, _ums_ts_, _ums_op_ I and _ums_uid_ in front of their columns, see logrules(1). The table _unknown_ \
has the columns raw, the record as it came, and reason. JSON records with \"type\":\"dbus-heartbeat\" make no rows: they \
pass through in their place as a message data_increment_heartbeat of the namespace log.SOURCE.*.*.*.*.* with the fields \
_ums_id_, _ums_ts_ and heartbeat.";

const CASES: &str = "\
logrules RULES --test CASES reads a TOML file with [[case]], each an input and the rows that it makes.

  [[case]]
  name = \"a login\"
  input = 'Nov 21 11:56:56 web-1 sshd[1417]: Accepted publickey for root from 10.0.0.7 port 57562 ssh2'
  [[case.row]]
  table = \"logins\"
  cells = { outcome = \"Accepted\", method = \"publickey\", user = \"root\", client = \"10.0.0.7\", port = 57562 }";

const IMPORT: &str = "\
logrules --import EXPORT writes a rules file for rule groups of the older system. EXPORT is a JSON object; keys have the \
names of that system's columns, or shorter ones:";

const IMPORTED: &str = "\
Objects of a grammar have the keys of the older system, all texts: ruleScope, ruleParamter, ruleOperate, ruleType, \
filterKey, subStart, subStartType, subEnd, subEndType, name and type. Rules are taken in their order. Where an operator \
means something else in some records (see DIFFERENCES) it is said on standard error. What cannot be translated is \
named there, too; in the rules file an operator that does not exist stands in its place, so that the file cannot be \
used before somebody has written it. Those are: unknown operators, several grammars or columns where the older \
system lost count of the columns, grammars that undo each other, expressions with look-around or back-references, \
paths of JSON with .. or filters, and types of sources that are not in the list. An export, logs/older.json of the \
examples:";

const OTHERS: &str = "\
In tests/data/logs of the source tree there are rules, with logs, for syslog and sshd (two tables, patterns of one's own), log4j with \
stack traces ([lines]), the slow query log of MySQL, JSON of Logstash (several tables a record), JSON of Filebeat (a heartbeat), dpkg, and a \
business log with pipes. nginx, log4j, dpkg and MySQL wrote theirs, MySQL's with other paths in its head; rsyslog wrote that of sshd, whose \
messages reached it through logger(1), as did two lines made up for cron and the kernel; the formatter of python-logstash wrote that of \
Logstash. That of Filebeat follows its documentation, and the one with pipes is made up.";

const DIFFERENCES: &str = "\
Rules of the older system (DBus) have the same sixteen operators under the same names. Where they do otherwise here:";

const MORE_DIFFERENCES: &[(&str, &str)] = &[
    (
        "saveAs",
        "Every column is found by its own cell; there only indices below the number of columns were. A cell that is missing is \
      NULL, not an empty text. All types of ums(7) but binary are there, and a text that is none is not passed on.",
    ),
    (
        "cells",
        "A range with equal ends is empty; there 1:-3 of four cells was cell 1. An index that is still negative is left out; there it \
      was an error.",
    ),
    (
        "match",
        "The first group that matches is the only one unless match = \"all\"; there all of them was the default.",
    ),
    ("_unknown_", "Records that nothing matches are rows; there they were counted only."),
    ("host", "A dot in the host's name is written %2E in the namespace; there it became _."),
    ("expressions", "Look-around, back-references and possessive repetitions of Java are refused."),
];
