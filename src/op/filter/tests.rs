//! Lines through the filter. Uses `op::filter`.

use super::*;

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
