//! The page dws-sql.7: expressions, their rules and, from the table, their functions. Uses `expr`.
//! Not hot.

use super::manual::Manual;
use crate::expr::{SPECIAL, function};

pub(super) fn page() -> String {
    let mut page = Manual::new("dws-sql", "7", "SQL expressions of ums-filter");
    page.section("DESCRIPTION");
    page.text(DESCRIPTION);
    page.section("KINDS");
    let kinds = KINDS.iter().map(|row| row.to_vec()).collect::<Vec<_>>();
    page.table(&kinds);
    page.text(MIXING);
    page.section("OPERATORS");
    page.items(OPERATORS.iter().copied());
    page.section("FUNCTIONS");
    page.text(CALLS);
    let table = function::all().map(|function| (function.form, function.meaning));
    let special = SPECIAL.iter().map(|(_, form, meaning)| (*form, *meaning));
    let mut functions: Vec<_> = table.chain(special).collect();
    functions.sort_unstable();
    page.items(functions);
    page.section("SELECT LISTS");
    page.text(LISTS);
    page.section("NULL, OVERFLOW, ROUNDING");
    page.text(RULES);
    page.section("DIFFERENCES");
    page.text("Results agree with DuckDB, which the tests compare them with, but for these.");
    page.items(DIFFERENCES.iter().copied());
    page.section("SEE ALSO");
    page.text("ums-filter(1), ums(7)");
    page.finish()
}

const DESCRIPTION: &str = "\
An expression stands for one row at a time. Names are those of the row's columns, system columns such \
as _ums_op_ and _ums_ts_ included; without quotes in any case, in double quotes or backticks exactly as \
written. Texts stand in single quotes, a quote inside is doubled, and a backslash is an ordinary \
character. Kinds are checked before the first row: what does not fit is an error with its place.

There are no subqueries, aggregates or windows, and no collations: texts compare by their code points, \
upper and lower case apart, spaces at the end included.

An expression has at most 64 KiB, 2000 names and operators and 64 levels of brackets; lists of IN may be \
long.";

const KINDS: [[&str; 3]; 8] = [
    ["Kind", "Fields", "Literals"],
    ["number", "int, long, decimal", "1, -2.50; exact, up to 65 digits"],
    ["double", "float, double", "1e3"],
    ["text", "string", "'it''s'"],
    ["boolean", "boolean", "TRUE, FALSE"],
    ["date", "date", "'2026-11-21', DATE '2026-11-21'"],
    ["datetime", "datetime", "'2026-11-21 01:02:03.5', TIMESTAMP '...'"],
    ["binary", "binary", "none; only IS NULL can be asked"],
];

const MIXING: &str = "\
A literal in quotes becomes what it is compared with. A number beside a double is taken as a double, a \
date beside a datetime as its midnight. Nothing else is converted without CAST.

Dates that no calendar has, such as 0000-00-00 and 2026-02-00, are equal to themselves and in the order \
of their digits.";

const OPERATORS: &[(&str, &str)] = &[
    ("= <> != < <= > >=", "Comparisons; NULL when a side is NULL."),
    ("AND, OR, NOT", "Three-valued: FALSE AND NULL is FALSE, TRUE OR NULL is TRUE."),
    ("a XOR b", "Whether one of the two is TRUE and the other FALSE."),
    ("IS [NOT] NULL, TRUE, FALSE, UNKNOWN; IS [NOT] DISTINCT FROM; a <=> b", "Never NULL."),
    ("+ - * / %", "Arithmetic of numbers and doubles; see below."),
    (
        "& | ^ ~ << >>",
        "Bits of whole numbers of 64 bits with a sign. A number that is none, and a shift to the left that \
         loses a bit, is an error of the row.",
    ),
    (
        "m + INTERVAL n unit, m - INTERVAL n unit, a - b",
        "Units: YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND, MICROSECOND; n is a number, a text \
         in quotes ('1', '1 day') or an expression in brackets, rounded but for SECOND. A day that the \
         month does not have becomes its last. A date stays a date as long as the unit is a day or more. \
         NULL outside of the years 0 to 9999 and for dates that no calendar has. The difference of two \
         dates is a number of days.",
    ),
    (
        "s -> 'path', s ->> 'path'",
        "A value inside a JSON text: as JSON, as it is written there, or as text, where a string is its \
         text and null is NULL. A path is '$.key.\"other key\"[0]', a key, or a number as an index from 0. \
         NULL when nothing is there; of equal keys the first. A text that is no JSON is an error of the \
         row, which json_valid(s) avoids.",
    ),
    ("a || b", "One text behind the other."),
    ("x [NOT] BETWEEN a AND b, x [NOT] IN (a, b, ...)", "As the comparisons that they stand for."),
    (
        "s [NOT] LIKE 'pattern' [ESCAPE 'c'], s [NOT] ILIKE ...",
        "% stands for any characters, _ for one; the whole text must match. The pattern may be any text \
         expression. There is no escape character unless ESCAPE names one. ILIKE compares lower case, by Unicode.",
    ),
    (
        "s ~ 'regex', s ~* 'regex', !~, !~*, s [NOT] RLIKE 'regex', REGEXP",
        "Whether the regular expression matches anywhere in the text; ~* in any case. The syntax is \
         that of the crate regex: no look-around, no back-references, and time in proportion to the \
         text.",
    ),
    (
        "CASE WHEN c THEN x ... ELSE y END, CASE a WHEN b THEN x ... END",
        "The first that holds; NULL without ELSE.",
    ),
    (
        "CAST(x AS type), x::type, TRY_CAST(x AS type)",
        "Types: TEXT, SMALLINT, INTEGER, BIGINT, DECIMAL(p,s), DECIMAL, DOUBLE, BOOLEAN, DATE, DATETIME \
         (TIMESTAMP). A value that the type cannot hold is an error of the row; TRY_CAST gives NULL.",
    ),
    (
        "EXTRACT(part FROM m)",
        "YEAR, QUARTER, MONTH, WEEK, DAY, DOY, ISODOW, HOUR, MINUTE, SECOND, MICROSECOND, EPOCH; as the \
         functions.",
    ),
];

const CALLS: &str = "\
A function gives NULL when an argument is NULL, unless it says otherwise. x, y and n are numbers, s, t \
and u texts, m is a date or datetime. A text that a function would make longer than 256 MiB is an error \
of the row. There is no now() and no rand(): a row must give the same at every delivery.";

const LISTS: &str = "\
--select takes expressions with AS and a name, columns, * for all columns, and * EXCEPT (a, b). A column \
as it is keeps its field, so its declaration, too. What is computed may be NULL and has a type and a \
declaration by its kind:

  kind      type      declaration
  number    int       int, where no row can be beyond 32 bits
            long      bigint, where no row can be beyond 64 bits
            decimal   decimal(digits,scale) of the widest result there can be
            decimal   none, where the scale differs from row to row
  double    double    double
  boolean   boolean   none
  date      date      date
  datetime  datetime  datetime(6)
  text      string    none

So amount * 2 of a decimal(12,2) is a decimal(13,2), and id + 1 of a bigint a decimal(20,0); CAST says \
what else it shall be. What is made of masked columns counts as masked. Of a partial row image \
(binlog_row_image=MINIMAL), what is made only of columns that are absent is absent, too; what needs an \
absent column and a present one is refused, and so is a row for which an absent column decides a \
condition. Which columns a table has is known from the messages before.";

const RULES: &str = "\
Addition, subtraction and multiplication of numbers are exact. A quotient has four more digits behind \
the point than the dividend and is rounded half away from zero, as in MySQL: 2 / 3 is 0.6667. A division \
by zero, and a remainder of it, is NULL. A remainder has the sign of the dividend.

A result of more than 65 digits, and a result of doubles that is not finite, is an error of the row: it \
stops the run or takes the line aside, as --on-bad-line says, and is never a wrong value.

ROUND and CAST to a number round half away from zero. A text that becomes a number has digits, a sign \
and a point, and no spaces.";

const DIFFERENCES: &[(&str, &str)] = &[
    ("Division", "DuckDB divides as doubles. Here numbers stay exact, as in MySQL."),
    (
        "Division by zero",
        "Newer versions of DuckDB end the query, unless error_on_division_by_zero is false.",
    ),
    (
        "Overflow",
        "DuckDB ends a query at 64 bits or 38 digits; here numbers have 65 digits whatever their columns \
         are.",
    ),
    (
        "Regular expressions",
        "With ~ the whole text must match in DuckDB; here, as in PostgreSQL, any part of it.",
    ),
    (
        "upper, lower",
        "DuckDB changes letter by letter; here the German sharp s becomes SS, as Unicode says.",
    ),
    ("reverse", "DuckDB keeps letters and their accents together; here code points are turned."),
    ("left, right", "A length below 0 counts from the other end in DuckDB; here it is 0."),
    ("CAST of a double to a whole number", "DuckDB rounds a half to the even number."),
    ("CAST of a text to a number", "DuckDB also takes spaces and exponents."),
    ("Zero dates", "DuckDB has none."),
    (
        "Dates beyond the year 9999",
        "DuckDB goes on; here an INTERVAL that leads there gives NULL, as in MySQL.",
    ),
    (
        "date + INTERVAL of days",
        "A date here, a timestamp at midnight in DuckDB; the two are equal.",
    ),
    ("s -> 'path'", "DuckDB writes the JSON anew without spaces; here it stays as it is written."),
    ("^", "A power in DuckDB, whose bit operator is xor()."),
    (
        "date_format, week",
        "DuckDB has strftime; week is the one of ISO 8601 in both, not the one of MySQL.",
    ),
    (
        "sqrt, ln, log10, log2",
        "Outside of their ranges DuckDB ends the query; here they give NULL, as in MySQL.",
    ),
];
