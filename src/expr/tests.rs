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
            "name LIKE left(name, 2) || '%'",
            "name ~ concat('^', left(name, 2))",
            "6 & 3 = 2 AND 6 | 1 = 7 AND (6 ^ 3) = 5 AND ~0 = -1 AND 1 << 4 = 16 AND -5 >> 1 = -3",
            "paid XOR FALSE",
            "none <=> NULL",
            "greatest(1, amount, NULL, 2) = 19.90 AND least('b', 'a') = 'a'",
            "greatest(none, NULL) IS NULL",
            "concat('a', NULL, 1, amount, paid) = 'a119.90true'",
            "concat_ws('-', 'a', NULL, 'b') = 'a-b' AND concat_ws(NULL, 'a') IS NULL",
            "if(none = 1, 1, 2) = 2 AND nvl(none, 3) = 3",
            "born + INTERVAL 1 YEAR = '2025-02-28' AND born - INTERVAL '1' DAY = '2024-02-28'",
            "born + INTERVAL 12 HOUR = '2024-02-29 12:00:00'",
            "INTERVAL '2 days' + at = '2026-11-23 12:34:56.5'",
            "date_add(at, INTERVAL (1 + 1) MONTH) = '2027-01-21 12:34:56.5'",
            "date_sub('2026-03-31', INTERVAL 1 MONTH) = '2026-02-28'",
            "zero + INTERVAL 1 DAY IS NULL",
            "datediff(at, born) = 996 AND CAST(at AS DATE) - born = 996",
            "date_diff('month', born, at) = 33",
            "date_trunc('hour', at) = '2026-11-21 12:00:00'",
            "last_day(born) = '2024-02-29' AND quarter(at) = 4 AND dayofyear(born) = 60",
            "isodow(at) = 6 AND week(at) = 47 AND EXTRACT(EPOCH FROM born) = 1709164800",
            "unix_timestamp(at) = 1795264496.5 AND from_unixtime(1795264496.5) = at",
            "date_format(at, '%Y/%m/%d %H:%i:%s.%f %j %%') = '2026/11/21 12:34:56.500000 325 %'",
            "microsecond(at) = 500000",
            "regexp_replace('a1b22', '[0-9]+', '<\\0>') = 'a<1>b22'",
            "regexp_replace('aXbx', 'x', '$', 'gi') = 'a$b$'",
            "regexp_extract('k=v;', '(\\w)=(\\w)', 2) = 'v' AND regexp_extract('a', 'b') = ''",
            "regexp_like(name, 'o.')",
            "'{\"a\": {\"b\": [1, 2.50, \"x\"]}}' -> '$.a.b' = '[1, 2.50, \"x\"]'",
            "'{\"a\": {\"b\": [1, 2.50, \"x\"]}}' ->> '$.a.b[2]' = 'x'",
            "CAST('{\"a\": 2.50}' ->> 'a' AS DECIMAL(5,2)) = 2.5",
            "'[7,8]' ->> 1 = '8' AND '{}' ->> 'a' IS NULL AND '{\"a\":null}' ->> 'a' IS NULL",
            "json_extract('{\"a\":[]}', '$.a') = '[]' AND json_value('{\"a\":\"q\"}', '$.a') = 'q'",
            "json_valid('{}') AND NOT json_valid('{') AND json_length('[1,2]') = 2",
            "json_type('1.5') = 'number'",
            "lpad('7', 3, '0') = '007' AND rpad('abc', 2, '-') = 'ab' AND repeat('ab', 2) = 'abab'",
            "split_part('a,b,c', ',', 2) = 'b' AND split_part('a,b', ',', -1) = 'b'",
            "translate('abc', 'ab', 'x') = 'xc' AND instr('abc', 'c') = 3 AND locate('c', 'abc') = 3",
            "ascii('é') = 233 AND chr(233) = 'é' AND hex('é') = 'C3A9'",
            "mod(7, 3) = 1 AND power(2, 10) = 1024 AND sqrt(9) = 3 AND sqrt(-1) IS NULL",
            "truncate(-1.99, 1) = -1.9 AND trunc(2.9) = 2 AND truncate(1299, -2) = 1200",
            "ln(1) = 0 AND log10(100) = 2 AND log2(8) = 3 AND exp(0) = 1 AND ln(0) IS NULL",
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
        ("name LIKE id", "character 11: a number stands where a text is needed"),
        ("born + INTERVAL 1 FORTNIGHT = born", "ends before 'FORTNIGHT'"),
        ("id + INTERVAL 1 DAY = 1", "character 1: an INTERVAL is added to a date or datetime"),
        ("INTERVAL 1 DAY = 1", "an INTERVAL is added"),
        ("name -> id = 'x'", "a path is a text in single quotes"),
        ("name ->> '$.a[*]' = 'x'", "without wildcards"),
        ("now() > at", "character 1: now would not give the same at every delivery"),
        ("date_add(born, 1) = born", "date_add(m, INTERVAL n unit)"),
        ("greatest(1, name) = 1", "a text stands beside a number"),
        ("concat(picture) = 'x'", "a binary cannot be joined"),
        ("name ~ '('", "character 8: "),
        ("name LIKE 'a!' ESCAPE '!'", "nothing stands behind"),
        ("CAST(born AS INT) = 1", "a date cannot be CAST to INT"),
        ("CAST(id AS UUID) = 1", "no CAST to UUID"),
        ("CAST(id AS DECIMAL(66,0)) = 1", "1 to 65 digits"),
        ("CASE WHEN paid THEN 1 ELSE name END = 1", "a text stands beside a number"),
        ("id IN (SELECT 1)", "is not supported"),
        ("id & name = 1", "a text stands where a number is needed"),
        ("id @> 1", "the operator @> is not supported"),
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
        ("name ->> 'a' = 'x'", "a text that is no JSON"),
        ("id << 1 = 0", "a shift to the left"),
        ("amount & 1 = 0", "no whole number of 64 bits"),
        ("name ~ concat('(', name)", "a wrong regular expression"),
        ("date_trunc(name, at) = at", "an unknown unit of time"),
        ("power(10, 400) > 0", "out of range"),
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

/// Name, type, declaration and cell of each column.
fn selected(list: &str) -> Result<Vec<(String, &'static str, String, String)>> {
    with(|schema, cells| {
        let columns = Select::parse(list)?.compile(schema, &[])?;
        columns
            .iter()
            .map(|column| {
                let mut out = Vec::new();
                column.push_json(cells, &mut out)?;
                let origin = column.field.origin.clone().unwrap_or_default();
                let cell = String::from_utf8(out).unwrap();
                Ok((column.field.name.clone(), column.field.ty.name(), origin, cell))
            })
            .collect()
    })
}

#[test]
fn select_lists_have_types() {
    for (list, ty, origin, cell) in [
        ("id", "long", "", "\"9223372036854775807\""),
        ("ID AS x", "long", "", "\"9223372036854775807\""),
        ("id + 1 AS x", "decimal", "decimal(20,0)", "\"9223372036854775808\""),
        ("\"Odd Name\" + 1 AS x", "long", "bigint", "\"8\""),
        ("COALESCE(\"Odd Name\", 0) AS x", "int", "int", "7"),
        ("amount * 2 AS x", "decimal", "", "\"39.80\""),
        ("CAST(amount AS DECIMAL(12,2)) * 2 AS x", "decimal", "decimal(13,2)", "\"39.80\""),
        ("CAST(amount AS DECIMAL(12,2)) / 3 AS x", "decimal", "decimal(17,6)", "\"6.633333\""),
        ("round(CAST(amount AS DECIMAL(12,2))) AS x", "long", "bigint", "\"20\""),
        ("CAST(id AS TEXT) AS x", "string", "", "\"9223372036854775807\""),
        ("upper(name) AS x", "string", "", "\"ZOË \\\"ANN\\\"\""),
        ("ratio * 2 AS x", "double", "double", "0.5"),
        ("id / 2 > 1 AS x", "boolean", "", "true"),
        ("CASE WHEN none = 1 THEN 1 END AS x", "int", "int", "null"),
        ("born + INTERVAL 1 DAY AS x", "date", "date", "\"2024-03-01\""),
        ("at + INTERVAL 1 DAY AS x", "datetime", "datetime(6)", "\"2026-11-22 12:34:56.500000\""),
        ("length(name) AS x", "int", "int", "9"),
        ("id & 7 AS x", "long", "bigint", "\"7\""),
        ("CASE WHEN paid THEN 1 ELSE ratio END AS x", "double", "double", "1.0"),
        ("2147483647 AS x", "int", "int", "2147483647"),
        ("2147483648 AS x", "long", "bigint", "\"2147483648\""),
        ("NULL AS x", "string", "", "null"),
        ("abs(\"Odd Name\") AS x", "long", "bigint", "\"7\""),
        ("1.50 AS x", "decimal", "decimal(3,2)", "\"1.50\""),
    ] {
        let found = selected(list).unwrap_or_else(|error| panic!("{list}: {error}"));
        let name = if list.contains(" AS ") { "x" } else { "id" };
        let expected = (name.to_owned(), ty, origin.to_owned(), cell.to_owned());
        assert_eq!(found, [expected], "{list}");
    }
    let names = |list: &str| -> Vec<String> {
        selected(list).unwrap().into_iter().map(|(name, ..)| name).collect()
    };
    assert_eq!(names("*").len(), 12);
    assert_eq!(names("id, amount * 2 AS \"My Sum\""), ["id", "My Sum"]);
    assert_eq!(names("* EXCEPT (picture, BROKEN), 1 AS one").len(), 11);
    for (list, why) in [
        ("id, amount * 2", "character 5: 'amount * 2' needs a name"),
        ("id, ID", "two columns are called 'id'"),
        ("*, id", "two columns are called 'id'"),
        ("* EXCEPT (nosuch)", "EXCEPT: no column 'nosuch'"),
        ("nam", "no column 'nam'; did you mean name?"),
        ("id id2 id3", "ends before 'id3'"),
        ("", "xpected"),
        ("* RENAME (a AS b)", "only EXCEPT"),
    ] {
        let error = selected(list).unwrap_err().to_string();
        assert!(error.contains(why), "{list}: {error}");
    }
    assert!(selected("broken + 1 AS x").is_err());
    assert!(
        selected("amount * 1e308 * 1e308 AS x").unwrap_err().to_string().contains("out of range")
    );
}

#[test]
fn partial_images_decide_what_they_can() {
    with(|schema, cells| {
        let full = schema.clone();
        let mut image = schema.clone();
        image.fields.truncate(2);
        let absent = &full.fields[2..];
        let holds = |text: &str| {
            let filter = Condition::parse(text)?.compile_for(&image, absent)?;
            filter.holds(&cells[..2])
        };
        for (text, expected) in [
            ("name = 'x' OR id > 1", Some(true)),
            ("name = 'x' AND id < 1", Some(false)),
            ("CASE WHEN id > 1 THEN amount = 19.9 ELSE name = 'x' END", Some(true)),
            ("name = 'x' OR id < 1", None),
            ("upper(name) = 'X'", None),
        ] {
            match (holds(text), expected) {
                (Ok(found), Some(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(error), None) => {
                    assert_eq!(error.kind(), crate::error::Kind::Refused);
                    assert!(error.to_string().starts_with("column 'name' is needed"), "{error}");
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
        assert!(holds("nosuch = 1").is_err());
        let select = |text: &str| Select::parse(text)?.compile(&image, absent);
        assert_eq!(select("id, name, upper(name) AS n, 1 AS one").unwrap().len(), 2);
        let error = select("concat(id, name) AS x").unwrap_err().to_string();
        assert!(error.contains("column 'name' is needed"), "{error}");
    });
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
