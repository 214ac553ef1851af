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
    page.items(functions.into_iter());
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
    ("IS [NOT] NULL, TRUE, FALSE, UNKNOWN; IS [NOT] DISTINCT FROM", "Never NULL."),
    ("+ - * / %", "Arithmetic of numbers and doubles; see below."),
    ("a || b", "One text behind the other."),
    ("x [NOT] BETWEEN a AND b, x [NOT] IN (a, b, ...)", "As the comparisons that they stand for."),
    (
        "s [NOT] LIKE 'pattern' [ESCAPE 'c'], s [NOT] ILIKE ...",
        "% stands for any characters, _ for one; the whole text must match. There is no escape \
         character unless ESCAPE names one. ILIKE compares lower case, by Unicode.",
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
    ("COALESCE(a, b, ...), IFNULL(a, b)", "The first that is not NULL."),
    ("NULLIF(a, b)", "NULL when both are equal, else a."),
    (
        "CAST(x AS type), x::type, TRY_CAST(x AS type)",
        "Types: TEXT, SMALLINT, INTEGER, BIGINT, DECIMAL(p,s), DECIMAL, DOUBLE, BOOLEAN, DATE, DATETIME \
         (TIMESTAMP). A value that the type cannot hold is an error of the row; TRY_CAST gives NULL.",
    ),
    ("EXTRACT(part FROM m)", "YEAR, MONTH, DAY, HOUR, MINUTE, SECOND; as the functions."),
];

const CALLS: &str = "\
A function gives NULL when an argument is NULL. x and n are numbers, s, t and u texts, m is a date or \
datetime.";

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
];
