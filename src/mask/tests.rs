//! Masks as a whole: which tables they speak of, what they make of fields and rows, what they refuse.

use proptest::prelude::*;

use super::method::{ALL, Value};
use super::*;
use crate::error::{Kind, Result};
use crate::ums::{Field, Namespace, Type};

fn settings(masks: &[&str]) -> Settings {
    Settings {
        masks: masks.iter().map(|mask| (*mask).to_owned()).collect(),
        key: Some(Key::new(b"0123456789abcdef").unwrap()),
        ..Settings::default()
    }
}

fn field(name: &str, ty: Type) -> Field {
    let origin = Some("varchar(9)".to_owned());
    Field { name: name.into(), ty, nullable: false, encoded: false, origin }
}

fn fields() -> Vec<Field> {
    vec![
        field("_ums_id_", Type::Long),
        field("id", Type::Long),
        field("Name", Type::String),
        field("email", Type::String),
        field("age", Type::Int),
    ]
}

fn plan_of(settings: &Settings, fields: &[Field], elsewhere: &[&str]) -> Result<Option<Plan>> {
    let namespace = Namespace::parse("mysql.db1.Shop.users.3.0.0").unwrap();
    let keys = ["id".to_owned()];
    let elsewhere: Vec<String> = elsewhere.iter().map(|name| (*name).to_owned()).collect();
    let table = Table { namespace: &namespace, fields, keys: &keys, elsewhere: &elsewhere };
    Masks::new(settings).map(|masks| masks.unwrap())?.plan(&table)
}

fn plan(masks: &[&str]) -> Result<Option<Plan>> {
    plan_of(&settings(masks), &fields(), &[])
}

fn refused(masks: &[&str]) -> String {
    let error = plan(masks).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    error.to_string()
}

fn row(plan: &mut Plan, cells: &str) -> Result<String> {
    let mut out = format!("head{cells}").into_bytes();
    plan.row(&mut out, 4).map(|()| String::from_utf8(out).unwrap())
}

#[test]
fn rows_and_fields() {
    let masks = ["mysql.*.shop.users.NAME=keep:1,0", "*.id=md5", "*.age=default"];
    let mut plan = plan(&masks).unwrap().unwrap();
    let masked = row(&mut plan, r#","5","12345","A\"\u00e9\n","x\"y",7"#).unwrap();
    assert_eq!(masked, r#"head,"5","7813898091363007618","A***","x\"y",0"#);
    assert_eq!(plan.masked(1), b"\"7813898091363007618\"");
    assert_eq!(row(&mut plan, r#","5","1",null,null,null"#).unwrap().matches("null").count(), 3);
    let mut fields = fields();
    plan.fields(&mut fields);
    let shown: Vec<_> = fields.iter().map(|f| (f.ty, f.encoded, f.origin.is_some())).collect();
    assert_eq!(shown[1], (Type::Long, true, false));
    assert_eq!(shown[2], (Type::String, true, false));
    assert_eq!(shown[3], (Type::String, false, true));
    assert_eq!(shown[4], (Type::Int, true, false));
    assert!(plan.masks(1) && !plan.masks(0) && !plan.masks(9));
}

#[test]
fn the_first_mask_counts() {
    let masks = ["*.email=hmac", "*.id=clear", "*.*=default"];
    let mut plan = plan(&masks).unwrap().unwrap();
    let masked = row(&mut plan, r#","5","12345","Ann","x",7"#).unwrap();
    assert!(masked.starts_with(r#"head,"5","12345","*",""#), "{masked}");
    assert!(masked.ends_with(",0") && masked.len() > 80, "{masked}");
}

#[test]
fn names_that_are_not_there() {
    assert!(
        refused(&["*.mail=hmac"])
            .contains("mail=hmac: no such column; there are id, Name, email, age")
    );
    assert!(refused(&["*._ums_id_=default"]).contains("no such column"));
    assert!(refused(&["*.e-mail=hmac", "*.*=default"]).contains("e-mail"));
    assert!(plan(&["*.mail?=hmac"]).unwrap().is_none());
    assert!(plan(&["*.*.other.users.mail=hmac"]).unwrap().is_none());
    // What is known to be in the table and not in these rows is no mistake.
    assert!(plan_of(&settings(&["*.mail=hmac"]), &fields(), &["mail"]).unwrap().is_none());
    assert!(
        plan_of(&settings(&["*.email=md5:{type:'field',salt:'x'}"]), &fields(), &["x"]).is_err()
    );
}

#[test]
fn types_and_keys_that_do_not_go() {
    let mut odd = fields();
    odd.push(field("ok", Type::Boolean));
    let error = plan_of(&settings(&["*.ok=hmac"]), &odd, &[]).unwrap_err().to_string();
    assert!(error.contains("column 'ok' is boolean, which hmac does not take"), "{error}");
    for lossy in ["default", "replace:1", "keep:1,1"] {
        let error = refused(&[&format!("*.id={lossy}")]);
        assert!(error.contains("--mask-lossy-keys") && !error.contains(":1"), "{error}");
        let allowed = Settings { lossy_keys: true, ..settings(&[&format!("*.id={lossy}")]) };
        assert!(plan_of(&allowed, &fields(), &[]).unwrap().is_some());
    }
    for fine in ["hmac", "digits", "md5", "murmur3", "clear"] {
        assert!(plan(&[&format!("*.id={fine}"), "*.age=default"]).is_ok(), "{fine}");
    }
    let mut ints = fields();
    ints[1].ty = Type::Int;
    assert!(plan_of(&settings(&["*.id=md5"]), &ints, &[]).is_err());
}

#[test]
fn strict_wants_to_hear_of_every_column() {
    let strict = |masks: &[&str]| Settings { strict: true, ..settings(masks) };
    let error = plan_of(&strict(&["*.email=hmac", "*.id=clear"]), &fields(), &[]).unwrap_err();
    assert!(error.to_string().contains("no mask speaks of the column 'Name'"), "{error}");
    assert!(plan_of(&strict(&["*.email=hmac", "*.*=clear"]), &fields(), &[]).unwrap().is_some());
    assert!(plan_of(&strict(&["*.*.no.such.email=hmac"]), &fields(), &[]).is_err());
    assert!(Masks::new(&Settings { strict: true, ..Settings::default() }).is_err());
    assert!(Masks::new(&Settings::default()).unwrap().is_none());
}

#[test]
fn a_value_is_masked_once() {
    let mut fields = fields();
    fields[3].encoded = true;
    assert!(plan_of(&settings(&["*.email=hmac"]), &fields, &[]).unwrap().is_none());
}

#[test]
fn some_of_the_columns() {
    let salted = ["*.email=md5:{type:'field',salt:'name'}", "*.age=default"];
    let whole = plan(&salted).unwrap().unwrap();
    let mut some = whole.some(|at| at != 1).unwrap().unwrap();
    let masked = row(&mut some, r#","5","SALT","first_cui1",7"#).unwrap();
    assert_eq!(masked, r#"head,"5","SALT","c5e155293f6476a69febc7ea55800e23",0"#);
    assert!(whole.some(|at| at < 3).unwrap().is_none());
    let error = whole.some(|at| at != 2).unwrap_err().to_string();
    assert!(error.contains("not 'Name', which its salt is in"), "{error}");
}

#[test]
fn what_cannot_be_masked_leaves_nothing() {
    let mut plan = plan(&["*.age=digits"]).unwrap().unwrap();
    for cells in [
        r#","5","1","a","b","x""#,
        r#","5","1","a","b""#,
        r#","5","1","a","b",1,2"#,
        r#","5","1","a","b"#,
        "",
    ] {
        let mut out = format!("head{cells}").into_bytes();
        let error = plan.row(&mut out, 4).unwrap_err().to_string();
        assert_eq!(out, b"head", "{cells}");
        assert!(!error.contains("\"x\""), "{error}");
    }
}

#[test]
fn masks_that_are_wrong() {
    for (text, what) in [
        ("", "without '='"),
        ("secret", "without '='"),
        ("email=hmac", "no pattern"),
        (".*.email=hmac", "part 1 is empty"),
        ("shop.users.email=hmac", "write *.*.SCHEMA.TABLE.email, or shop.users.*.email for"),
        ("*.shop.users.email=hmac", "part four"),
        ("*.=hmac", "no column"),
        ("*.?=hmac", "no column"),
        ("*.a=nosuch:secret", "known are default, replace, md5,"),
        ("*.a=hmac:secret", "DIGITS are 16 to 64"),
        ("*.a=default:secret", "has no parameter"),
        ("*.a=regex:secret", "it is regex:/REGEX/REPLACEMENT/"),
        ("1.2.3.4.5.6.7.8.a=hmac", "8 parts"),
    ] {
        let error = Masks::new(&settings(&[text])).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        let error = error.to_string();
        assert!(error.contains(what) && !error.contains("secret"), "{text}: {error}");
    }
    let without = Settings { key: None, ..settings(&["*.a=hmac"]) };
    assert!(Masks::new(&without).unwrap_err().to_string().contains("--mask-key-file"));
}

#[test]
fn masks_that_met_nothing_are_told() {
    let masks = Masks::new(&settings(&[
        "*.*.shop.users.email=hmac",
        "*.*.shop.user.id=md5:salt",
        "*.*.x.y.z?=md5",
    ]));
    let masks = masks.unwrap().unwrap();
    let namespace = Namespace::parse("mysql.db1.shop.USERS.0.0.0").unwrap();
    assert!(
        masks
            .all_met("x")
            .unwrap_err()
            .to_string()
            .contains("masks *.*.shop.users.email=hmac, *.*.shop.user.id=md5: x")
    );
    assert!(masks.concern(&namespace));
    masks.meet(&namespace);
    assert_eq!(masks.unmet(), ["*.*.shop.user.id=md5"]);
}

proptest! {
    /// Any method, any type, any text, also one that is none of the type: a JSON cell or an error, and
    /// the same again.
    #[test]
    fn any_text_gives_one_cell(text in any::<String>(), other in any::<String>(), number in -99999i64..99999) {
        let key = Key::new(b"0123456789abcdef").unwrap();
        for spec in ALL {
            let example = spec.examples.first().map_or("", |example| example.0);
            let (_, parameter) = example.split_once(':').unwrap_or_default();
            let method = (spec.parse)(parameter, Some(&key)).unwrap();
            for ty in spec.takes {
                for text in [&text, &number.to_string(), "1.5", "2026-11-21", "true", ""] {
                    let value = Value { ty: *ty, text, salt: &other };
                    let (mut out, mut again) = (Vec::new(), Vec::new());
                    let done = method.write(&value, &mut out);
                    prop_assert_eq!(done, method.write(&value, &mut again));
                    if done.is_ok() {
                        prop_assert_eq!(&out, &again);
                        let cell: serde_json::Value = serde_json::from_slice(&out).unwrap();
                        let bare = !cell.is_string();
                        let becomes = spec.result(*ty).unwrap();
                        prop_assert!(cell.is_null() || bare == becomes.is_bare(), "{} {:?} {}", spec.name, ty, cell);
                    }
                }
            }
        }
    }

    /// However a text is written in JSON, its pseudonym is that of the text; the other cells stay.
    #[test]
    fn a_row_is_masked_by_its_texts(texts in proptest::collection::vec(any::<String>(), 2)) {
        let mut plan = plan(&["*.email=hmac"]).unwrap().unwrap();
        let plain = |text: &str| serde_json::to_string(text).unwrap();
        let escaped = |text: &str| {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            format!("\"{units}\"")
        };
        let name = plain(&texts[0]);
        let cells = |email: String| format!(r#","5","1",{name},{email},7"#);
        let one = row(&mut plan, &cells(plain(&texts[1]))).unwrap();
        let other = row(&mut plan, &cells(escaped(&texts[1]))).unwrap();
        prop_assert_eq!(&one, &other);
        let start = format!(r#"head,"5","1",{name},""#);
        prop_assert!(one.starts_with(&start) && one.ends_with("\",7"));
        prop_assert_eq!(one.len(), start.len() + 64 + 3);
    }

    /// Different digits stay different digits.
    #[test]
    fn digits_do_not_meet(a in "[0-9]{1,24}", b in "[0-9]{1,24}") {
        let key = Key::new(b"0123456789abcdef").unwrap();
        let method = (method::Spec::find("digits").unwrap().parse)("", Some(&key)).unwrap();
        let masked = |text: &str| {
            let mut out = Vec::new();
            method.write(&Value { ty: Type::String, text, salt: "" }, &mut out).unwrap();
            out
        };
        prop_assert_eq!(a == b, masked(&a) == masked(&b));
    }
}
