//! Tests of the translation: each operator, and what is refused.

use super::*;
use crate::rule::{Engine, Made};

fn one(word: &str, grammar: &str) -> Imported {
    let save = r#"[{"ruleScope":"0","name":"x","type":"STRING"}]"#;
    let rules = format!(
        r#"{{"order":2,"name":"saveAs","grammar":{save}}},{{"order":1,"name":"{word}","grammar":{grammar}}}"#
    );
    let export = format!(
        r#"{{"source":"s","tables":[{{"name":"t","version":"3","groups":[{{"name":"g","rules":[{rules}]}}]}}]}}"#
    );
    import(&export, "f").unwrap()
}

fn operator(word: &str, grammar: &str) -> String {
    let done = one(word, grammar);
    assert_eq!(done.problems, Vec::<String>::new(), "{}", done.toml);
    let line = done.toml.lines().find(|line| line.contains(word)).unwrap();
    line.trim().trim_end_matches(',').to_owned()
}

#[test]
fn every_operator_is_translated() {
    for (word, grammar, wanted) in [
        (
            "keyFilter",
            r#"[{"filterKey":"type","ruleOperate":"==","ruleType":"string","ruleParamter":"web"}]"#,
            r#"{ op = "keyFilter", key = "type", contains = "web" }"#,
        ),
        (
            "keyFilter",
            r#"[{"filterKey":"a","ruleOperate":"!=","ruleType":"regex","ruleParamter":"^x\\d"},{"filterKey":"b","ruleOperate":"==","ruleParamter":"y"}]"#,
            r#"{ op = "keyFilter", any = [{ key = "a", matches = "^x\\d", not = true }, { key = "b", contains = "y" }] }"#,
        ),
        (
            "toIndex",
            r#"[{"ruleScope":"2","ruleParamter":"o"},{"ruleScope":"0","ruleParamter":"message"}]"#,
            r#"{ op = "toIndex", keys = ["message", "o"] }"#,
        ),
        (
            "filter",
            r#"[{"ruleScope":"1","ruleOperate":"==","ruleType":"string","ruleParamter":"a\"b"}]"#,
            r#"{ op = "filter", cells = "1", contains = "a\"b" }"#,
        ),
        (
            "trim",
            r#"[{"ruleScope":"*","ruleOperate":"both","ruleParamter":" []"}]"#,
            r#"{ op = "trim", cells = "*", side = "both", chars = " []" }"#,
        ),
        (
            "replace",
            r#"[{"ruleScope":"0","ruleType":"regex","ruleParamter":"(a)(b)","ruleOperate":"$12\\$$2"}]"#,
            r#"{ op = "replace", cells = "0", regex = "(a)(b)", with = "${1}2$$${2}" }"#,
        ),
        (
            "split",
            r#"[{"ruleScope":"-1","ruleType":"string","ruleParamter":"|"}]"#,
            r#"{ op = "split", cells = "-1", text = "|" }"#,
        ),
        (
            "subString",
            r#"[{"ruleScope":"0","subStart":"[","subStartType":"string","subEnd":"-1","subEndType":"index"}]"#,
            r#"{ op = "subString", cells = "0", start = "[", end = -1 }"#,
        ),
        (
            "concat",
            r#"[{"ruleScope":"0,2","ruleParamter":"-"}]"#,
            r#"{ op = "concat", cells = "0,2", with = "-" }"#,
        ),
        (
            "select",
            r#"[{"ruleScope":"2"},{"ruleScope":"0,-1"}]"#,
            r#"{ op = "select", cells = "2,0,-1" }"#,
        ),
        (
            "prefixOrAppend",
            r#"[{"ruleScope":"0","ruleOperate":"before","ruleParamter":"{"}]"#,
            r#"{ op = "prefixOrAppend", cells = "0", before = "{" }"#,
        ),
        (
            "regexExtract",
            r#"[{"ruleScope":"0","ruleParamter":"(\\d+)"}]"#,
            r#"{ op = "regexExtract", cells = "0", regex = "(\\d+)" }"#,
        ),
        (
            "jsonPath",
            r#"[{"ruleScope":"0","ruleParamter":"$.a.b"}]"#,
            r#"{ op = "jsonPath", cell = 0, path = "$.a.b" }"#,
        ),
        ("excludeField", "[]", r#"{ op = "excludeField" }"#),
        (
            "flattenJsonArray",
            r#"[{"ruleScope":"0","ruleParamter":"list"}]"#,
            r#"{ op = "flattenJsonArray", cell = 0, path = "list" }"#,
        ),
    ] {
        assert_eq!(operator(word, grammar), wanted);
        // The grammar may be a text, as the data base keeps it.
        assert_eq!(operator(word, &Value::String(grammar.into()).to_string()), wanted);
    }
    let ums = r#"{"type":"log_ums","tables":[{"name":"t","groups":[{"name":"g","rules":[
        {"order":1,"name":"flattenUms","grammar":[{"ruleParamter":".shop."}]},
        {"order":2,"name":"saveAs","grammar":[{"ruleScope":"1","name":"b","type":"LONG"},{"ruleScope":"0","name":"a","type":"X"}]}]}]}]}"#;
    let done = import(ums, "s").unwrap();
    assert_eq!(done.problems, Vec::<String>::new());
    assert!(done.toml.contains(r#"{ op = "flattenUms", contains = ".shop." }"#), "{}", done.toml);
    let columns = r#"[{ name = "a", type = "string", cell = 0, default = "" }, { name = "b", type = "long", cell = 1 }]"#;
    assert!(done.toml.contains(columns), "{}", done.toml);
}

#[test]
fn what_cannot_be_translated_is_named_and_cannot_be_run() {
    for (word, grammar, why) in [
        ("stringReplace", "[{}]", "there is no operator stringReplace; known are flattenUms,"),
        (
            "split",
            r#"[{"ruleScope":"0","ruleParamter":" "},{"ruleScope":"1","ruleParamter":" "}]"#,
            "it has 2 grammars",
        ),
        ("split", r#"[{"ruleScope":"0,1","ruleParamter":" "}]"#, "names more than one column"),
        (
            "filter",
            r#"[{"ruleScope":"0:2","ruleOperate":"==","ruleParamter":"x"}]"#,
            "only its last column decided",
        ),
        (
            "filter",
            r#"[{"ruleScope":"0","ruleOperate":">","ruleParamter":"x"}]"#,
            "neither == nor !=",
        ),
        ("concat", r#"[{"ruleScope":"3,1"}]"#, "not in the order of the columns"),
        (
            "trim",
            r#"[{"ruleScope":"0","ruleOperate":"left"},{"ruleScope":"0","ruleOperate":"right"}]"#,
            "may mean the same column",
        ),
        ("jsonPath", r#"[{"ruleScope":"0","ruleParamter":"$..a"}]"#, "path"),
        ("regexExtract", r#"[{"ruleScope":"0","ruleParamter":"(?=a)(b)"}]"#, "look"),
        ("regexExtract", r#"[{"ruleScope":"0","ruleParamter":"b"}]"#, "group"),
        (
            "replace",
            r#"[{"ruleScope":"0","ruleType":"index","ruleParamter":"b"}]"#,
            "neither string nor regex",
        ),
        (
            "subString",
            r#"[{"ruleScope":"0","subStart":"1","subStartType":"x"}]"#,
            "neither index nor string",
        ),
        ("select", r#"[{"ruleScope":"a"}]"#, "ruleScope 'a' cannot be read"),
        ("flattenJsonArray", r#"[{"ruleScope":"0","ruleParamter":"a.b"}]"#, "a nested path"),
        ("select", r#"[{"ruleScope":"1:-3"}]"#, "counts from both ends"),
        ("toIndex", "[]", "its grammar is empty"),
    ] {
        let done = one(word, grammar);
        let place = format!("table t, group g: rule 1 ({word}): ");
        let [problem] = done.problems.as_slice() else { panic!("{word}: {:?}", done.problems) };
        assert!(problem.starts_with(&place) && problem.contains(why), "{problem}");
        let error = Rules::parse(&done.toml, "f").err().unwrap().to_string();
        assert!(error.contains("not translated"), "{error}");
    }
    for (export, why) in [
        ("[]", "the export is a JSON object"),
        ("{", "no JSON at line 1"),
        (r#"{"groups":[]}"#, "no list 'tables'"),
        (r#"{"tables":[{"name":"t"}]}"#, "no list 'groups'"),
        (
            r#"{"tables":[{"name":"t","groups":[{"name":"g","rules":[{"name":"trim"}]}]}]}"#,
            "a rule has no order",
        ),
    ] {
        let said = import(export, "f").unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn groups_that_are_not_active_are_said() {
    let export =
        r#"{"tables":[{"name":"t","groups":[{"name":"g","status":"inactive","rules":[]}]}]}"#;
    let done = import(export, "f").unwrap();
    assert!(done.notes[0].contains("group g: is not active"), "{:?}", done.notes);
    assert_eq!(done.problems.len(), 1);
}

#[test]
fn a_translation_works_as_the_original_did() {
    let export = r#"{"source":"web","schema":"app","type":"log_logstash","multiTable":false,"tables":[
      {"table_name":"access","version":2,"groups":[{"group_name":"g","status":"active","rules":[
        {"order_id":4,"rule_type_name":"saveAs","rule_grammar":
          [{"ruleScope":"0","name":"user","type":"STRING"},{"ruleScope":"1","name":"n","type":"LONG"}]},
        {"order_id":1,"rule_type_name":"keyFilter","rule_grammar":
          "[{\"filterKey\":\"type\",\"ruleOperate\":\"==\",\"ruleType\":\"string\",\"ruleParamter\":\"web\"}]"},
        {"order_id":2,"rule_type_name":"toIndex","rule_grammar":[{"ruleScope":"0","ruleParamter":"message"}]},
        {"order_id":3,"rule_type_name":"split","rule_grammar":[{"ruleScope":"0","ruleType":"string","ruleParamter":"|"}]}
      ]}]}]}"#;
    let done = import(export, "f").unwrap();
    assert_eq!(done.problems, Vec::<String>::new(), "{}", done.toml);
    let rules = Rules::parse(&done.toml, "f").unwrap();
    assert_eq!(rules.tables[0].version, 2);
    let (mut engine, mut made) = (Engine::new(rules), Made::default());
    engine.take(br#"{"type":"web","message":"ann|7"}"#, &mut made, &mut ()).unwrap();
    assert_eq!(made.at(made.rows[0].cells), br#","ann","7""#);
}
