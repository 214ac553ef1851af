//! Streams with masks.

use super::*;
use crate::error::Kind;
use crate::mask::Settings;

fn masking(masks: &[&str]) -> Masking {
    let masks = masks.iter().map(|mask| (*mask).to_owned()).collect();
    Masking::new(Masks::new(&Settings { masks, ..Settings::default() }).unwrap().unwrap())
}

fn message(kind: &str, namespace: &str, fields: &[&str], rows: &str) -> String {
    let field = |name: &&str| {
        format!(
            r#"{{"name":"{name}","type":"string","nullable":true,"encoded":false,"origin":"varchar(9)"}}"#
        )
    };
    let fields: Vec<_> = fields.iter().map(field).collect();
    format!(
        r#"{{"note":"secret","protocol":{{"type":"{kind}","version":"1.3"}},"schema":{{"namespace":"{namespace}","batchId":0,"keys":["id"],"fields":[{}]}},"payload":[{rows}]}}"#,
        fields.join(",")
    )
}

const DATA: &str = "data_increment_data";

fn through(masking: &mut Masking, line: &str) -> Result<String> {
    let mut out = Vec::new();
    let masked = masking.line(line.as_bytes(), &mut out)?;
    Ok(if masked { String::from_utf8(out).unwrap() } else { line.to_owned() })
}

const ROW: &str = r#"{"tuple":["1","secret"],"note":"secret"}"#;

#[test]
fn nothing_of_a_masked_message_gets_around() {
    let mut masking = masking(&["*.*.d.t.email=default"]);
    let line = message(DATA, "m.s.d.t.0.0.0", &["id", "email"], ROW);
    let masked = through(&mut masking, &line).unwrap();
    assert!(!masked.contains("secret"), "{masked}");
    assert!(masked.ends_with(r#""fields":[{"name":"id","type":"string","nullable":true,"encoded":false,"origin":"varchar(9)"},{"name":"email","type":"string","nullable":true,"encoded":true}]},"payload":[{"tuple":["1","*"]}]}"#), "{masked}");
    let other = message(DATA, "m.s.d.u.0.0.0", &["id", "email"], ROW);
    assert_eq!(through(&mut masking, &other).unwrap(), other);
    for kind in ["data_initial_data", "data_batch_data"] {
        let line = message(kind, "m.s.d.t.0.0.0", &["id", "email"], ROW);
        let masked = through(&mut masking, &line).unwrap();
        assert!(!masked.contains("secret") && masked.contains(kind), "{masked}");
    }
}

#[test]
fn a_column_that_is_renamed_stops_the_stream() {
    let rename = |before: &str, after: &str, fields: &[&str]| {
        let mut masking = masking(&["*.*.d.t.email=default"]);
        let whole = message(DATA, before, &["id", "email", "age"], r#"{"tuple":["1","x","2"]}"#);
        through(&mut masking, &whole).unwrap();
        let tuple = vec!["\"secret\""; fields.len()].join(",");
        through(&mut masking, &message(DATA, after, fields, &format!(r#"{{"tuple":[{tuple}]}}"#)))
    };
    let (zero, one) = ("m.s.d.t.0.0.0", "m.s.d.t.1.0.0");
    for (after, fields) in [
        (one, &["id", "mail", "age"][..]),
        (one, &["id", "age"]),
        // A producer that keeps the version.
        (zero, &["id", "mail", "age"]),
        (zero, &["mail"]),
    ] {
        let error = rename(zero, after, fields).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    // A row image of the same table that has not all of its columns.
    assert!(rename(zero, zero, &["id", "age"]).unwrap().contains("secret"));
    assert!(!rename(zero, zero, &["email"]).unwrap().contains("secret"));
    assert!(
        masking(&["*.*.d.t.email=default"])
            .line(message(DATA, zero, &["id"], ROW).as_bytes(), &mut Vec::new())
            .is_err()
    );
}

#[test]
fn the_end_of_a_pull_has_no_key_values() {
    let range = r#"{\"schema\":\"d\",\"table\":\"t\",\"shard\":1,\"columns\":[\"id\"],\"after\":[\"secret\"],\"upto\":[]}"#;
    let line = format!(
        r#"{{"protocol":{{"type":"data_batch_termination","version":"1.3"}},"schema":{{"namespace":"m.s.d.t.0.0.0","batchId":5,"fields":[{{"name":"_ums_id_","type":"long"}},{{"name":"_ums_ts_","type":"datetime"}},{{"name":"whole","type":"boolean"}},{{"name":"rows","type":"long"}},{{"name":"range","type":"string"}}]}},"payload":[{{"tuple":["5","2026-11-21 01:02:03.000000",true,"9","{range}"]}}]}}"#
    );
    let mut all = masking(&["*.*.d.t.id=md5"]);
    let masked = through(&mut all, &line).unwrap();
    assert!(!masked.contains("secret") && masked.contains("masked"), "{masked}");
    assert!(!masked.ends_with('\n'));
    assert_eq!(through(&mut masking(&["*.*.d.u.id=md5"]), &line).unwrap(), line);
}

#[test]
fn what_is_no_row_has_no_values() {
    let mut masking = masking(&["*.*.d.t.email=default"]);
    for kind in ["data_increment_heartbeat", "data_increment_termination", "data_batch_termination"]
    {
        let hidden = message(kind, "m.s.d.t.0.0.0", &["id", "email"], ROW);
        let error = through(&mut masking, &hidden).unwrap_err();
        assert!(error.kind() == Kind::Data && !error.to_string().contains("secret"), "{error}");
        for (table, fields, rows) in [
            ("t", &["_ums_id_", "ums_ts_", "cause", "whole"][..], r#"{"tuple":["1","2","3","4"]}"#),
            ("t", &["id", "email"], ""),
            ("u", &["id", "email"], ROW),
        ] {
            let line = message(kind, &format!("m.s.d.{table}.0.0.0"), fields, rows);
            assert_eq!(through(&mut masking, &line).unwrap(), line);
        }
    }
}

#[test]
fn a_table_with_nearly_the_name_of_a_mask_does_not_pass() {
    let pass = |masks: &[&str], namespace: &str, column: &str| {
        through(&mut masking(masks), &message(DATA, namespace, &["id", column], ROW))
    };
    let (mask, table) = ("*.*.shop.users.email=default", "m.s.shop.user.0.0.0");
    let error = pass(&[mask], table, "eMail").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("m.s.shop.user.0.0.0.eMail=clear"), "{error}");
    for (masks, table, column) in [
        (&[mask, "*.*.shop.user.email=clear"][..], table, "email"),
        (&[mask], table, "mail"),
        (&[mask], "m.s.shop.orders.0.0.0", "email"),
        (&[mask], "m.s.other.user.0.0.0", "email"),
        (&["*.*.shop.users.email?=default"], table, "email"),
    ] {
        let passed = pass(masks, table, column);
        assert!(passed.is_ok(), "{masks:?} {table} {column}");
    }
}

#[test]
fn a_bad_row_leaves_nothing_behind() {
    let mut masking = masking(&["*.*.d.t.email=default"]);
    let bad = r#"{"tuple":["1","x"]},{"tuple":["1"]}"#;
    let bad = message(DATA, "m.s.d.t.0.0.0", &["id", "email"], bad);
    assert_eq!(through(&mut masking, &bad).unwrap_err().kind(), Kind::Data);
    let good = message(DATA, "m.s.d.t.0.0.0", &["id", "email"], ROW);
    assert_eq!(through(&mut masking, &good).unwrap().matches("tuple").count(), 1);
}
