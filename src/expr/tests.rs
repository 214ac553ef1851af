//! Conditions over one row, with their results. Uses `expr`, `ums`.

use super::*;
use crate::ums::{Decoder, Schema};

const LINE: &str = r#"{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"mysql.db1.shop.orders.0.0.0","fields":[
{"name":"id","type":"long"},{"name":"amount","type":"decimal"},{"name":"name","type":"string"},{"name":"none","type":"int"},
{"name":"ratio","type":"double"},{"name":"paid","type":"boolean"},{"name":"born","type":"date"},{"name":"at","type":"datetime"},
{"name":"zero","type":"date"},{"name":"picture","type":"binary"},{"name":"Odd Name","type":"int"},{"name":"broken","type":"int"}]},
"payload":[{"tuple":["9223372036854775807","19.90","Zoë \"Ann\"",null,0.25,true,"2024-02-29","2026-11-21 12:34:56.5","0000-00-00","/w==",7,"x"]}]}"#;

fn with<T>(test: impl FnOnce(&Schema, &[Cell]) -> T) -> T {
    let line = LINE.replace('\n', "");
    let mut decoder = Decoder::default();
    let message = decoder.decode(line.as_bytes()).unwrap();
    let mut cells = Vec::new();
    message.rows().next().unwrap().unwrap().split(12, &mut cells).unwrap();
    test(&message.header.schema, &cells)
}

/// The condition's truth: `None` for NULL.
fn truth(text: &str) -> Result<Option<bool>> {
    let filter =
        |text: &str| with(|schema, cells| Condition::parse(text)?.compile(schema)?.holds(cells));
    Ok(if filter(text)? { Some(true) } else { filter(&format!("NOT ({text})"))?.then_some(false) })
}

#[track_caller]
fn all(expected: Option<bool>, texts: &[&str]) {
    for text in texts {
        assert_eq!(truth(text).map_err(|error| error.to_string()), Ok(expected), "{text}");
    }
}

#[test]
fn what_is_true() {
    all(
        Some(true),
        &[
            "id = 9223372036854775807 AND id + 1 = 9223372036854775808",
            "amount = 19.9",
            "amount > '19.89'",
            "amount * 3 = 59.70",
            "amount / 3 = 6.633333",
            "amount % 5 = 4.90",
            "-amount < 0",
            "- - amount = amount",
            "0.1 + 0.2 = 0.3",
            "7 / 2 = 3.5",
            "ratio = 0.25",
            "ratio * 4 = 1",
            "ratio < 0.3",
            "1e3 = 1000",
            "name = 'Zoë \"Ann\"'",
            "name || '!' = 'Zoë \"Ann\"!'",
            "'it''s' <> 'its'",
            "'a' < 'b'",
            "'Z' < 'a'",
            "name LIKE 'Zo_ %'",
            "name ILIKE 'ZOË%'",
            "name NOT LIKE 'zo%'",
            "'50%' LIKE '50!%' ESCAPE '!'",
            "name ~ 'A.n'",
            "name ~* 'ANN'",
            "name !~ '^Ann'",
            "name RLIKE '^Z'",
            "name REGEXP 'o'",
            "name !~* 'bob'",
            "name IN ('x', 'Zoë \"Ann\"', NULL)",
            "id NOT IN (1, 2)",
            "amount BETWEEN 19.9 AND '20'",
            "amount NOT BETWEEN 1 AND 2",
            "none IS NULL",
            "id IS NOT NULL",
            "picture IS NOT NULL",
            "paid",
            "paid = TRUE",
            "paid IS TRUE",
            "paid IS NOT FALSE",
            "(none = 1) IS UNKNOWN",
            "paid IS NOT UNKNOWN",
            "(none = 1) IS NOT TRUE",
            "none IS DISTINCT FROM 1",
            "none IS NOT DISTINCT FROM NULL",
            "none = 1 OR paid",
            "NOT (none = 1 AND NOT paid)",
            "born = '2024-02-29'",
            "born = DATE '2024-02-29'",
            "born < '2024-02-29 00:00:01'",
            "born < at",
            "at = TIMESTAMP '2026-11-21T12:34:56.500000'",
            "at > '2026-11-21'",
            "zero < born",
            "zero = '0000-00-00'",
            "CASE WHEN none = 1 THEN 'a' WHEN paid THEN 'b' ELSE 'c' END = 'b'",
            "CASE id WHEN 1 THEN 1 ELSE 2.5 END = 2.5",
            "CASE WHEN FALSE THEN 1 END IS NULL",
            "CASE WHEN paid THEN born ELSE '2000-01-01' END = born",
            "COALESCE(none, NULL, 5) = 5",
            "IFNULL(none, 0) = 0",
            "NULLIF(id, 1) = id",
            "NULLIF(1, 1) IS NULL",
            "1 / 0 IS NULL",
            "1 % 0 IS NULL",
            "ratio / 0 IS NULL",
            "NULL IS NULL",
            "CAST(id AS TEXT) = '9223372036854775807'",
            "CAST('12' AS INTEGER) + 1 = 13",
            "TRY_CAST('x' AS INT) IS NULL",
            "CAST(amount AS BIGINT) = 20",
            "CAST(-2.5 AS INT) = -3",
            "amount::decimal(5,1) = 19.9",
            "CAST(at AS DATE) = '2026-11-21'",
            "CAST(at AS TEXT) = '2026-11-21 12:34:56.5'",
            "CAST(born AS TEXT) = '2024-02-29'",
            "CAST(born AS DATETIME) = born",
            "CAST(1 AS BOOLEAN)",
            "CAST(TRUE AS INT) = 1",
            "CAST(ratio AS DECIMAL(5,2)) = 0.25",
            "TRY_CAST(300 AS DECIMAL(2,0)) IS NULL",
            "TRY_CAST(2147483648 AS INT) IS NULL",
            "CAST(-2147483648 AS INT) < 0",
            "CAST('0.5' AS DOUBLE) = 0.5",
            "abs(-3) = 3",
            "ceil(amount) = 20",
            "ceiling(-1.5) = -1",
            "floor(-1.5) = -2",
            "round(2.345, 2) = 2.35",
            "round(-2.5) = -3",
            "round(ratio, 1) = 0.3",
            "sign(-amount) = -1",
            "sign(ratio) = 1",
            "length(name) = 9",
            "octet_length(name) = 10",
            "upper(name) = 'ZOË \"ANN\"'",
            "lower('ÀÉ') = 'àé'",
            "trim('  a ') = 'a'",
            "ltrim(' a ') = 'a '",
            "rtrim(' a ') = ' a'",
            "left('Zoë', 2) = 'Zo'",
            "right('Zoë', 2) = 'oë'",
            "left('abc', -1) = ''",
            "substr('Zoë!', 3) = 'ë!'",
            "substring('abcd' FROM 2 FOR 2) = 'bc'",
            "substr('abc', 0, 2) = 'a'",
            "substr('abc', 2, 99999999999999999999) = 'bc'",
            "replace('aXbX', 'X', 'yy') = 'ayybyy'",
            "replace('ab', '', 'x') = 'ab'",
            "reverse('aë') = 'ëa'",
            "position('n' IN name) = 7",
            "strpos('ab', 'z') = 0",
            "starts_with(name, 'Zoë')",
            "ends_with('abc', 'bc')",
            "contains(name, 'Ann')",
            "upper(NULL) IS NULL",
            "year(born) = 2024 AND month(born) = 2 AND day(born) = 29",
            "hour(at) = 12 AND minute(at) = 34 AND second(at) = 56",
            "EXTRACT(YEAR FROM at) = 2026",
            "year(zero) = 0",
            "to_date(at) = '2026-11-21'",
            "year('2026-01-01') = 2026",
            "\"Odd Name\" = 7",
            "`Odd Name` = 7",
            "ID = id",
            "TRUE IN (TRUE)",
            "(1) = ((1))",
            "0.00000000000000000000000000000000000000000000000000000000000000001 > 0",
        ],
    );
}

#[test]
fn what_is_false() {
    all(
        Some(false),
        &[
            "amount = 19.91",
            "name LIKE 'zo%'",
            "NOT paid",
            "none IS NOT NULL",
            "id IN (1)",
            "amount > '20'",
            "none = 1 AND FALSE",
            "born > at",
            "paid IS FALSE",
            "none IS NOT DISTINCT FROM 1",
            "name ~ '^$'",
            "zero = '2024-02-29'",
        ],
    );
}

#[test]
fn what_is_unknown() {
    all(
        None,
        &[
            "NULL",
            "none = 1",
            "none <> 1",
            "none = none",
            "NOT (none = 1)",
            "none = 1 OR FALSE",
            "none = 1 AND paid",
            "id IN (1, NULL)",
            "id NOT IN (1, NULL)",
            "none IN (1, 2)",
            "none BETWEEN 1 AND 2",
            "none + 1 > 0",
            "name || NULL = 'x'",
            "CAST(none AS TEXT) LIKE '%'",
            "abs(none) = 1",
            "1 / 0 = 1",
            "COALESCE(none, NULL) = 1",
            "CASE WHEN none = 1 THEN TRUE END",
        ],
    );
}

#[test]
fn mistakes_name_their_place() {
    for (text, why) in [
        ("amuont > 1", "character 1: no column 'amuont'; did you mean amount?"),
        ("id = 1 AND\n  nam = 'x'", "line 2, character 3: no column 'nam'"),
        ("\"ODD NAME\" = 7", "no column 'ODD NAME'"),
        ("id = name", "character 6: a number cannot be compared with a text; CAST one of them"),
        ("id = 'x'", "character 6: this text is no number"),
        ("born = '2024-13-01'", "character 8: this text is no date"),
        ("born + 1 = born", "character 1: a date cannot be calculated with"),
        ("id", "character 1: a number stands where a boolean is needed"),
        ("id AND paid", "character 1: a number stands"),
        ("picture = 'x'", "a binary cannot be compared with a text"),
        ("uper(name) = 'X'", "character 1: no function 'uper'; did you mean upper?"),
        ("upper(id) = 'X'", "character 7: upper needs text here, not a number"),
        ("upper() = 'X'", "upper is called as upper(s)"),
        ("name LIKE name", "character 11: the pattern of LIKE is written as text in single quotes"),
        ("name ~ '('", "character 8: "),
        ("name LIKE 'a!' ESCAPE '!'", "nothing stands behind"),
        ("CAST(born AS INT) = 1", "a date cannot be CAST to INT"),
        ("CAST(id AS UUID) = 1", "no CAST to UUID"),
        ("CAST(id AS DECIMAL(66,0)) = 1", "1 to 65 digits"),
        ("CASE WHEN paid THEN 1 ELSE name END = 1", "a text stands beside a number"),
        ("id IN (SELECT 1)", "is not supported"),
        ("id & 1 = 1", "the operator & is not supported"),
        ("sum(id) OVER () > 1", "plain values"),
        ("id = 1 id", "character 8: the expression ends before 'id'"),
        ("id = ", "xpected"),
        ("'open", "nterminated"),
        ("name ~ 'a{1000}{1000}'", "exceeds size limit"),
        ("1 IN (1, name)", "a number cannot be compared with a text"),
    ] {
        let error = truth(text).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Usage, "{text}: {error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}

#[test]
fn failures_of_a_row_hold_no_value() {
    for (text, why) in [
        ("broken = 1", "column 'broken': the cell is no number"),
        (
            "CAST(name AS INT) = 1",
            "a text that no whole number of 32 bits can be made of; TRY_CAST",
        ),
        ("amount * 1e308 * 1e308 > 0", "out of range"),
        (
            "id * 9223372036854775807 * 9223372036854775807 * 9223372036854775807 > 0",
            "more than 65 digits",
        ),
    ] {
        let error = truth(text).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Data, "{text}: {error}");
        assert!(error.to_string().contains(why), "{text}: {error}");
    }
}

#[test]
fn only_named_columns_are_decoded() {
    // The cell of `broken` is no number, and nobody asks for it.
    all(Some(true), &["id > 0", "paid OR broken = 1", "NOT (1 = 2 AND broken = 1)"]);
}

#[test]
fn deep_and_long_texts_end_in_an_answer() {
    let chain = vec!["id = 1"; 600].join(" OR ") + " OR paid";
    let list = format!("id IN ({}, 9223372036854775807)", vec!["1"; 9000].join(","));
    all(Some(true), &[&chain, &list]);
    let wide = format!("({}) + 1 = 1", vec!["paid"; 900].join(" AND "));
    assert!(truth(&wide).unwrap_err().to_string().contains("cannot be calculated with"));
    let sum = vec!["1"; 1900].join("+") + " > 0";
    let brackets = "(".repeat(900) + "1" + &")".repeat(900) + " = 1";
    let nots = "NOT ".repeat(1900) + "paid";
    let words = vec!["paid"; 2000].join(" OR ");
    let long = format!("name = '{}'", "x".repeat(70_000));
    for text in [&sum, &brackets, &nots, &words, &long] {
        let error = truth(text).unwrap_err().to_string();
        let known = ["nested", "longer than", "the expression ends before"];
        assert!(known.iter().any(|why| error.contains(why)), "{error}");
    }
}
