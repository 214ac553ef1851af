//! Lines through the filter. Uses `op::filter`.

use super::*;
use crate::error::Kind;

const HEAD: &str = r#"{"x":1,"protocol":{"type":"data_increment_data"},"schema":{"namespace":"mysql.db1.shop.t.0.0.0","fields":[{"name":"_ums_id_","type":"long"},{"name":"_ums_ts_","type":"datetime"},{"name":"_ums_op_","type":"string"},{"name":"n","type":"int"}]},"payload":["#;
const ROWS: [&str; 4] = [
    r#"{"tuple":["10","2026-01-01 00:00:00.000000","I",1]}"#,
    r#"{"tuple":["20","2026-01-02 00:00:00.000000","B",2]}"#,
    r#"{"tuple":[ "20" ,"2026-01-02 00:00:00.000000","u",null]}"#,
    r#"{"tuple":["30","2026-01-03 00:00:00.000000","D",3]}"#,
];

fn line(rows: &[&str]) -> String {
    format!("{HEAD}{}]}}", rows.join(","))
}

fn rules(condition: &str) -> Rules {
    Rules { condition: Some(Condition::parse(condition).unwrap()), ..Rules::default() }
}

fn passed(rules: Rules, lines: &[&str]) -> Result<String> {
    let mut filtering = Filtering::new(rules);
    let mut out = Vec::new();
    for line in lines {
        filtering.line(line.as_bytes(), &mut out)?;
    }
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn rows_pass_as_bytes() {
    let whole = line(&ROWS);
    let time = |text| Some(Place::Time(moment::parse(text, true).unwrap()));
    let every = Rules::default;
    for (rules, kept) in [
        (every(), &[0, 1, 2, 3][..]),
        (rules("n > 1"), &[1, 3]),
        (rules("n IS NULL"), &[2]),
        (rules("n > 5"), &[]),
        (Rules { ops: vec![Op::Update, Op::Delete], ..every() }, &[2, 3]),
        (Rules { since: Some(Place::Id(20)), ..every() }, &[1, 2, 3]),
        (Rules { until: Some(Place::Id(20)), ..every() }, &[0]),
        (Rules { since: time("2026-01-02"), until: time("2026-01-03"), ..every() }, &[1, 2]),
        (Rules { limit: Some(2), ..every() }, &[0, 1]),
        (Rules { limit: Some(1), ..rules("n > 1") }, &[1]),
        (Rules { patterns: vec![Pattern::parse("*.*.shop.t").unwrap()], ..every() }, &[0, 1, 2, 3]),
        (Rules { patterns: vec![Pattern::parse("*.*.shop.u").unwrap()], ..every() }, &[]),
    ] {
        let rows: Vec<_> = kept.iter().map(|index| ROWS[*index]).collect();
        let expected = if rows.is_empty() { String::new() } else { line(&rows) + "\n" };
        assert_eq!(passed(rules, &[&whole]).unwrap(), expected);
    }
}

#[test]
fn what_holds_no_rows_passes() {
    let heartbeat = line(&ROWS).replace("data_increment_data", "data_increment_heartbeat");
    let termination = line(&[]).replace("data_increment_data", "data_increment_termination");
    let mut rules = rules("nosuch = 1");
    rules.ops = vec![Op::Delete];
    let found = passed(rules.clone(), &[&heartbeat, &termination]).unwrap();
    assert_eq!(found, format!("{heartbeat}\n{termination}\n"));
    rules.patterns = vec![Pattern::parse("*.*.other").unwrap()];
    assert_eq!(passed(rules, &[&heartbeat, &termination]).unwrap(), format!("{heartbeat}\n"));
}

#[test]
fn a_bad_line_leaves_nothing_and_the_next_one_is_read() {
    let bad = line(&[ROWS[3], ROWS[0].replace(",1]", ",\"x\"]").as_str()]);
    let mut filtering = Filtering::new(Rules { limit: Some(9), ..rules("n >= 1") });
    let mut out = b"before\n".to_vec();
    let error = filtering.line(bad.as_bytes(), &mut out).unwrap_err();
    assert_eq!(error.kind(), Kind::Data);
    assert_eq!(error.to_string(), "row 2 of the message: column 'n': the cell is no number");
    assert_eq!(out, b"before\n");
    assert!(filtering.line(b"{", &mut out).is_err());
    let good = line(&[ROWS[0]]);
    let passed = filtering.line(good.as_bytes(), &mut out).unwrap();
    assert_eq!(passed, Passed { rows_in: 1, rows_out: 1, written: true });
    assert_eq!(filtering.left, 8);
}

#[test]
fn a_schema_that_changes_is_compiled_again_or_refused_by_name() {
    // The column moves, and then becomes another type.
    let moved = line(&[])
        .replace(r#"{"name":"_ums_id_""#, r#"{"name":"m","type":"int"},{"name":"_ums_id_""#);
    let moved = moved.replace(
        "\"payload\":[",
        &format!("\"payload\":[{}", ROWS[3].replace("[\"30", "[null,\"30")),
    );
    let text = passed(rules("n = 3"), &[&line(&ROWS), &moved, &line(&ROWS)]).unwrap();
    assert_eq!(text.lines().count(), 3);
    let other = line(&ROWS).replace(r#""n","type":"int""#, r#""n","type":"date""#);
    let error = passed(rules("n = 3"), &[&line(&ROWS), &other]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    let gone = line(&ROWS).replace(r#""name":"n""#, r#""name":"nn""#);
    let error = passed(rules("n = 3"), &[&line(&ROWS), &gone]).unwrap_err().to_string();
    assert!(
        error.starts_with("mysql.db1.shop.t.0.0.0: --where: character 1: no column 'n'"),
        "{error}"
    );
    assert!(error.ends_with("did you mean nn?"), "{error}");
}

#[test]
fn a_rule_without_its_system_column_is_refused() {
    let line = line(&ROWS).replace("_ums_op_", "o").replace("_ums_id_", "i");
    for rules in [
        Rules { ops: vec![Op::Insert], ..Rules::default() },
        Rules { since: Some(Place::Id(0)), ..Rules::default() },
    ] {
        assert_eq!(passed(rules, &[&line]).unwrap_err().kind(), Kind::Refused);
    }
}

fn with_keys(line: String) -> String {
    line.replace("\"fields\":[", "\"keys\":[\"k\"],\"fields\":[{\"name\":\"k\",\"type\":\"int\"},")
        .replace("\"n\",\"type\":\"int\"", "\"n\",\"type\":\"int\",\"origin\":\"int\"")
}

/// `k`, id, op, n.
fn row(k: i32, id: i32, op: &str, n: &str) -> String {
    format!(r#"{{"tuple":[{k},"{id}","2026-01-02 00:00:00.000000","{op}",{n}]}}"#)
}

fn set(condition: &str) -> Rules {
    Rules { keep_set: true, ..rules(condition) }
}

fn message(rows: &[String]) -> String {
    with_keys(line(&rows.iter().map(String::as_str).collect::<Vec<_>>()))
}

#[test]
fn a_set_follows_updates() {
    let rows = [
        row(1, 10, "I", "5"),
        row(2, 11, "I", "1"),
        // Stays in, leaves, enters, stays out.
        row(1, 20, "B", "5"),
        row(1, 20, "U", "6"),
        row(1, 30, "b", "6"),
        row(1, 30, "u", "0"),
        row(2, 40, "B", "1"),
        row(2, 40, "U", "7"),
        row(3, 50, "B", "null"),
        row(3, 50, "U", "1"),
        row(2, 60, "D", "7"),
        row(3, 61, "D", "1"),
    ];
    let expected = message(&[
        row(1, 10, "I", "5"),
        row(1, 20, "B", "5"),
        row(1, 20, "U", "6"),
        row(1, 30, "d", "6"),
        row(2, 40, "I", "7"),
        row(2, 60, "D", "7"),
    ]);
    assert_eq!(passed(set("n >= 5"), &[&message(&rows)]).unwrap(), expected + "\n");
    // The same when a message ends between the two images.
    let (a, b) = (message(&rows[..7]), message(&rows[7..]));
    let text = passed(set("n >= 5"), &[&a, &b]).unwrap();
    assert_eq!(text.matches("tuple").count(), 6);
    assert!(text.contains(&row(2, 40, "I", "7")));
}

#[test]
fn a_set_without_before_images_is_refused() {
    let alone = message(&[row(1, 10, "U", "5")]);
    let error = passed(set("n >= 5"), &[&alone]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("without its before image"), "{error}");
    // A key never changes in an update.
    assert_eq!(passed(set("k = 1"), &[&alone]).unwrap(), alone.clone() + "\n");
    assert_eq!(passed(set("k = 2"), &[&alone]).unwrap(), "");
    let error = passed(set("_ums_op_ = 'U'"), &[&alone]).unwrap_err().to_string();
    assert!(error.contains("cannot name _ums_op_"), "{error}");
    let apart = message(&[row(1, 10, "B", "5"), row(2, 11, "U", "5")]);
    assert!(passed(set("n >= 5"), &[&apart]).unwrap_err().to_string().contains("not followed"));
}

#[test]
fn columns_come_out_as_selected() {
    let one = message(&[row(1, 10, "U", "5"), row(2, 20, "I", "null")]);
    let select =
        |list: &str| Rules { select: Some(Select::parse(list).unwrap()), ..Rules::default() };
    let text = passed(select("n * 2 AS dbl, _ums_ts_, k AS id"), &[&one]).unwrap();
    let expected = concat!(
        r#"{"protocol":{"type":"data_increment_data","version":"1.3"},"schema":{"namespace":"mysql.db1.shop.t.0.0.0","batchId":0,"keys":["id"],"fields":["#,
        r#"{"name":"_ums_id_","type":"long","nullable":true,"encoded":false},{"name":"_ums_ts_","type":"datetime","nullable":true,"encoded":false},{"name":"_ums_op_","type":"string","nullable":true,"encoded":false},"#,
        r#"{"name":"dbl","type":"long","nullable":true,"encoded":false,"origin":"bigint"},{"name":"id","type":"int","nullable":true,"encoded":false}]},"#,
        r#""payload":[{"tuple":["10","2026-01-02 00:00:00.000000","U","10",1]},{"tuple":["20","2026-01-02 00:00:00.000000","I",null,2]}]}"#,
        "\n"
    );
    assert_eq!(text, expected);
    let mut filtering = Filtering::new(select("n"));
    filtering.line(one.as_bytes(), &mut Vec::new()).unwrap();
    assert!(filtering.notes()[0].contains("a column of the key is left out"));
    for (list, why) in [
        ("n AS _ums_id_", "the system column '_ums_id_' cannot be made anew"),
        ("nn", "--select: character 1: no column 'nn'; did you mean n?"),
    ] {
        let error = passed(select(list), &[&one]).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains(why), "{error}");
    }
    let both = Rules { condition: rules("n > 1").condition, ..select("k") };
    assert_eq!(passed(both, &[&one]).unwrap().matches("tuple").count(), 1);
}

#[test]
fn columns_are_dropped_and_names_changed() {
    let one = message(&[row(1, 10, "U", "5")]);
    let drop = |names: &[&str]| Rules {
        drop: names.iter().map(ToString::to_string).collect(),
        ..Rules::default()
    };
    let text = passed(drop(&["N", "nosuch"]), &[&one]).unwrap();
    assert!(
        text.ends_with(
            "\"payload\":[{\"tuple\":[1,\"10\",\"2026-01-02 00:00:00.000000\",\"U\"]}]}\n"
        )
    );
    let mut filtering = Filtering::new(drop(&["n", "nosuch"]));
    filtering.line(one.as_bytes(), &mut Vec::new()).unwrap();
    assert_eq!(filtering.never_dropped(), ["nosuch"]);
    // A table without the column stays as it is, byte for byte.
    assert_eq!(passed(drop(&["nosuch"]), &[&one]).unwrap(), one.clone() + "\n");
    assert!(passed(drop(&["_ums_op_"]), &[&one]).unwrap_err().to_string().contains("stays"));
    let rename =
        Rules { renames: vec![Rename::parse("*.*.*.t=*.*.dw.u").unwrap()], ..Rules::default() };
    let text = passed(rename.clone(), &[&one]).unwrap();
    assert!(
        text.contains("\"namespace\":\"mysql.db1.dw.u.0.0.0\",\"batchId\":0,\"keys\":[\"k\"]"),
        "{text}"
    );
    assert!(text.contains(&row(1, 10, "U", "5")));
    let end = one.replace("data_increment_data", "data_increment_termination");
    assert!(passed(rename.clone(), &[&end]).unwrap().contains("mysql.db1.dw.u"));
    let heartbeat = one.replace("data_increment_data", "data_increment_heartbeat");
    assert_eq!(passed(rename, &[&heartbeat]).unwrap(), heartbeat + "\n");
}

#[test]
fn a_partial_image_is_told_from_a_wrong_name() {
    let whole = message(&[row(1, 10, "I", "5")]);
    let partial = whole
        .replace(",{\"name\":\"n\",\"type\":\"int\",\"origin\":\"int\"}", "")
        .replace(",5]", "]");
    assert_eq!(passed(rules("k = 1 OR n = 1"), &[&whole, &partial]).unwrap().lines().count(), 2);
    let error = passed(rules("n = 5"), &[&whole, &partial]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("this partial row image does not have it"), "{error}");
    let select =
        Rules { select: Some(Select::parse("k, n, n + 1 AS m").unwrap()), ..Rules::default() };
    let text = passed(select, &[&whole, &partial]).unwrap();
    let second = text.lines().nth(1).unwrap();
    assert!(!second.contains("\"n\"") && !second.contains("\"m\""), "{second}");
}

#[test]
fn a_row_of_another_width_is_noticed_in_every_mode() {
    let select = Select::parse("n").unwrap();
    let drop = |name: &str| Rules { drop: vec![name.into()], ..Rules::default() };
    let modes = [
        ("pass-through", Rules::default()),
        ("namespace", Rules { patterns: vec![Pattern::parse("*").unwrap()], ..Rules::default() }),
        (
            "rename",
            Rules { renames: vec![Rename::parse("*=*.*.b.u").unwrap()], ..Rules::default() },
        ),
        ("limit", Rules { limit: Some(9), ..Rules::default() }),
        ("limit that is reached", Rules { limit: Some(1), ..Rules::default() }),
        ("where", rules("n = 5")),
        ("where that the first column decides", rules("k = 1 OR n = 5")),
        ("where that is decided without a row", rules("1 = 1")),
        ("drop", drop("n")),
        ("drop of nothing", drop("nosuch")),
        ("select", Rules { select: Some(select), ..Rules::default() }),
        ("sample", Rules { sample: Some(Share::parse("50%").unwrap()), ..Rules::default() }),
        (
            "sample of all",
            Rules { sample: Some(Share::parse("100%").unwrap()), ..Rules::default() },
        ),
        ("ops", Rules { ops: vec![Op::Insert], ..Rules::default() }),
        ("since", Rules { since: Some(Place::Id(1)), ..Rules::default() }),
        ("keep-set", set("n >= 5")),
        ("keep-set by key", set("k >= 1")),
    ];
    let good = row(1, 10, "I", "5");
    let cases = [
        ("fewer", good.replace(",5]", "]")),
        ("more", good.replace(",5]", ",5,6]")),
        ("none", r#"{"tuple":[]}"#.to_owned()),
        ("commas in a string", good.replace(",5]", "]").replace("\"I\"", "\"I,\"")),
    ];
    for (mode, rules) in modes {
        for (what, bad) in &cases {
            for rows in [vec![bad.clone()], vec![good.clone(), bad.clone(), good.clone()]] {
                let found = passed(rules.clone(), &[&message(&rows)]);
                let error = found.expect_err(&format!("{mode}: {what}: {} rows", rows.len()));
                assert_eq!(error.kind(), Kind::Data, "{mode}: {what}: {error}");
            }
        }
    }
}
