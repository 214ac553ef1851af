//! Recorded differences of documents against what a server showed. Uses `mysql::json_diff`.

use super::*;

/// The stored document, its differences and the text that SELECT showed afterwards, recorded from
/// MySQL 9.7 by `tests/json_live.rs`.
const RECORDED: &str = include_str!("../../../tests/data/json/differences.tsv");

/// `{"a": 1, "bb": [true]}`.
const BEFORE: &[u8] = &[
    0x00, 2, 0, 29, 0, 18, 0, 1, 0, 19, 0, 2, 0, 0x05, 1, 0, 0x02, 21, 0, b'a', b'b', b'b', 1, 0,
    8, 0, 0x04, 1, 0, 0,
];

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn recorded() -> impl Iterator<Item = (Vec<u8>, Vec<u8>, &'static str)> {
    RECORDED.lines().map(|line| {
        let mut cells = line.splitn(3, '\t');
        let mut next = || cells.next().unwrap();
        (unhex(next()), unhex(next()), next())
    })
}

/// One difference; the value is `null`.
fn difference(operation: u8, path: &str) -> Vec<u8> {
    let mut bytes = vec![operation, path.len() as u8];
    bytes.extend(path.as_bytes());
    if operation != REMOVE {
        bytes.extend([2, 0x04, 0]);
    }
    bytes
}

#[test]
fn what_a_server_logged_and_showed() {
    let mut seen = 0;
    for (before, differences, shown) in recorded() {
        assert_eq!(apply(&before, &differences).unwrap(), shown);
        seen += 1;
    }
    assert!(seen > 20);
}

#[test]
fn members_and_elements() {
    for (operation, path, shown) in [
        (REPLACE, "$.a", r#"{"a": null, "bb": [true]}"#),
        (REPLACE, "$.bb[0]", r#"{"a": 1, "bb": [null]}"#),
        (REPLACE, "$", "null"),
        (INSERT, "$.c", r#"{"a": 1, "c": null, "bb": [true]}"#),
        (INSERT, "$.aa", r#"{"a": 1, "aa": null, "bb": [true]}"#),
        (INSERT, "$.\"\"", r#"{"": null, "a": 1, "bb": [true]}"#),
        (INSERT, "$.bb[0]", r#"{"a": 1, "bb": [null, true]}"#),
        (INSERT, "$.bb[1]", r#"{"a": 1, "bb": [true, null]}"#),
        (INSERT, "$.bb[9]", r#"{"a": 1, "bb": [true, null]}"#),
        (REMOVE, "$.a", r#"{"bb": [true]}"#),
        (REMOVE, "$.bb[last]", r#"{"a": 1, "bb": []}"#),
    ] {
        assert_eq!(apply(BEFORE, &difference(operation, path)).unwrap(), shown, "{path}");
    }
    let both = [difference(INSERT, "$.c"), difference(REMOVE, "$.a")].concat();
    assert_eq!(apply(BEFORE, &both).unwrap(), r#"{"c": null, "bb": [true]}"#);
    assert_eq!(apply(BEFORE, &[]).unwrap(), r#"{"a": 1, "bb": [true]}"#);
}

#[test]
fn what_does_not_fit_is_an_error() {
    for (operation, path) in [
        (REPLACE, "$.c"),
        (REPLACE, "$.bb[1]"),
        (REPLACE, "$.bb.c"),
        (INSERT, "$"),
        (INSERT, "$.a"),
        (INSERT, "$.a.b"),
        (INSERT, "$.bb.c"),
        (INSERT, "$[0]"),
        (REMOVE, "$"),
        (REMOVE, "$.c"),
        (REMOVE, "$.bb[1]"),
        (REMOVE, "$.a[0]"),
        (3, "$.a"),
        (REPLACE, "a"),
    ] {
        assert!(apply(BEFORE, &difference(operation, path)).is_err(), "{operation} {path}");
    }
}

#[test]
fn damaged_differences_are_refused() {
    for (before, mut differences, _) in recorded() {
        for length in 0..differences.len() {
            let _ = apply(&before, &differences[..length]);
        }
        for at in 0..differences.len() {
            differences[at] ^= 0x81;
            let _ = apply(&before, &differences);
            differences[at] ^= 0x81;
        }
    }
    let whole = difference(REPLACE, "$.a");
    for length in 1..whole.len() {
        assert!(apply(BEFORE, &whole[..length]).is_err());
    }
}
