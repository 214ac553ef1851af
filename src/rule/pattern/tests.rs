//! Tests of expressions: what they mean, and that walks and the engine find the same: expressions and texts by chance, and the expressions of
//! the library over lines that fit them nearly.

use proptest::prelude::*;
use regex::Regex;

use super::walk::{Found, Walk};
use super::{Parts, Test, build, plan};
use crate::rule::grok::{Library, patterns};

/// An expression for the engine, and its walk.
fn both(pattern: &str) -> Option<(Regex, Walk)> {
    plan::plan(pattern).map(|walk| (Regex::new(pattern).unwrap(), walk))
}

fn both_of(grok: &str) -> (Regex, Walk) {
    both(Library::default().compile(grok).unwrap().0.regex.as_str()).unwrap()
}

/// Compares a walk with the engine; how it ended.
fn compare((regex, walk): &mut (Regex, Walk), text: &str) -> Found {
    let pattern = regex.as_str().to_owned();
    let found = walk.walk(text.as_bytes());
    let expected = regex.captures(text);
    match (found, expected) {
        (Found::Match, Some(expected)) => {
            for group in 0..regex.captures_len() {
                let expected = expected.get(group).map(|part| (part.start(), part.end()));
                assert_eq!(walk.group(group), expected, "group {group} of {pattern} in {text:?}");
            }
        }
        (Found::No, None) | (Found::Unsure, _) => {}
        (found, expected) => panic!("{found:?}, not {expected:?}: {pattern} in {text:?}"),
    }
    found
}

const LEAVES: &[&str] = &[
    "a",
    "b",
    " ",
    "-",
    "\"",
    "é",
    "ab",
    "- ",
    r"\\",
    "[ab]",
    "[^a]",
    "[^ ]",
    r#"[^"\\]"#,
    "[0-9]",
    ".",
    "(?s:.)",
    "[a-z]",
    "(?i:s)",
    r"(?-u:\b)",
    "[é-ü]",
    "1",
];
const REPEATS: &[&str] =
    &["*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{0,3}", "{2,}", "{1,2}?"];

/// Expressions over few letters, so that they often fit.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(LEAVES).prop_map(str::to_owned);
    let inner = leaf.prop_recursive(5, 24, 4, |inner| {
        let repeat = prop::sample::select(REPEATS);
        prop_oneof![
            4 => prop::collection::vec(inner.clone(), 1..5).prop_map(|parts| parts.concat()),
            2 => prop::collection::vec(inner.clone(), 2..4)
                .prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => inner.clone().prop_map(|part| format!("({part})")),
            3 => (inner, repeat).prop_map(|(part, repeat)| format!("(?:{part}){repeat}")),
        ]
    });
    let ends = ((0..4u8), (0..3u8));
    (prop::collection::vec(inner, 1..5), ends).prop_map(|(parts, (start, end))| {
        let start = if start > 0 { "^" } else { "" };
        let end = if end > 0 { "$" } else { "" };
        format!("{start}{}{end}", parts.concat())
    })
}

/// Places, what to do there, and a letter.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, String)>> {
    let letter = r#"[a"\\ 1é\[\]:/.-]"#;
    prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, letter), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn walks_find_what_the_engine_finds(
        pattern in expression(),
        texts in prop::collection::vec(r#"[ab \-"é\\1sſ\n]{0,9}"#, 24),
    ) {
        if let Some(mut both) = both(&pattern) {
            for text in texts {
                compare(&mut both, &text);
            }
        }
    }

    #[test]
    fn tests_say_what_the_engine_says_of_any_bytes(
        pattern in expression(),
        texts in prop::collection::vec(
            prop::collection::vec(prop::sample::select(&b"ab -1\"\\\xc3\xa9\xff\n"[..]), 0..7),
            24,
        ),
    ) {
        let regex = regex::bytes::Regex::new(&pattern).unwrap();
        let test = Test::build(&pattern).unwrap();
        for text in texts {
            prop_assert_eq!(test.is_match(&text), regex.is_match(&text), "{} {:?}", pattern, text);
        }
    }

    #[test]
    fn walks_fail_where_the_engine_fails(
        which in 0..LINES.len(),
        changes in prop::collection::vec(changes(), 16),
    ) {
        let (pattern, line) = LINES[which];
        let mut both = both_of(pattern);
        for changes in changes {
            let mut letters: Vec<char> = line.chars().collect();
            for (place, kind, letter) in changes {
                let at = place.index(letters.len());
                let letter = letter.chars().next().unwrap();
                match kind {
                    0 => letters[at] = letter,
                    1 => letters.insert(at, letter),
                    _ => drop(letters.remove(at)),
                }
            }
            compare(&mut both, &letters.into_iter().collect::<String>());
        }
    }
}

/// Expressions as people write them, each with a line that fits.
const LINES: [(&str, &str); 9] = [
    (
        "^%{COMBINEDLOG}$",
        r#"::1 - bob [21/Nov/2026:01:02:03 +0000] "GET /a?b HTTP/1.1" 200 - "-" "x \" y""#,
    ),
    (
        r#"^%{IP:client} %{NOTSPACE:ident} %{USER:user} \[%{HTTPDATE:time}\] "%{DATA:request}" %{NUMBER:status} (?:%{NUMBER:bytes}|-) "%{DATA:referrer}" "%{DATA:agent}"$"#,
        r#"2001:db8::17 - bob [21/Nov/2026:01:02:03 +0000] "GET / HTTP/1.1" 200 17 "-" "curl/8.1""#,
    ),
    ("^%{SYSLOGLINE}$", "Nov 21 01:02:03 web-1 sshd[17]: Failed password for x"),
    (
        r"^%{TIMESTAMP_ISO8601:time} \[%{DATA:thread}\] %{LOGLEVEL:level} +%{JAVACLASS:class} - %{GREEDYDATA:message}$",
        "2026-11-21 01:02:03,123 [main] WARN  org.a.B$1 - took 5 ms - or so",
    ),
    (
        r"(?s)^(?<time>[-\d]+ [\d:,]+) \[(?<thread>[^\]]*)\] (?<level>[A-Z]+) +(?<class>\S+) - (?<message>[^\n]*)(?:\n(?<rest>.*))?$",
        "2026-11-21 01:02:03,123 [main] WARN  org.a.B - took\n\tat x\n\tat y",
    ),
    (r"^(?<method>[A-Z]+) (?<target>\S+)(?: (?<protocol>\S+))?$", "GET /a HTTP/1.1"),
    (
        "^%{DAY} %{MONTH:month} %{MONTHDAY:day} %{TIME:time} %{YEAR:year}$",
        "Mon Mar 31 23:59:60 2026",
    ),
    (r"^(.*) (\d+)ms(.*)$", "took 17ms, not 18ms, or 1ms"),
    (r#"^key="(.+?)",?(?: (\w+)=(\S*))*$"#, r#"key="a, b", c=1 d=é"#),
];

#[test]
fn usual_expressions_are_walked() {
    for (pattern, line) in LINES {
        assert_eq!(compare(&mut both_of(pattern), line), Found::Match, "{pattern}");
    }
    // Lines that do not fit are known for sure, too.
    let mut log = both_of("^%{COMBINEDLOG}$");
    assert_eq!(compare(&mut log, "10.0.0.1 - - [x] \"GET /"), Found::No);
}

#[test]
fn patterns_of_the_library_have_walks() {
    let without: Vec<&str> = patterns()
        .iter()
        .filter(|(name, _)| {
            let parts = Library::default().compile(&format!("^%{{{name}:x}} y$")).unwrap().0;
            parts.walk.is_none()
        })
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(without, [""; 0]);
}

#[test]
fn an_expression_that_is_not_for_walks_is_left_to_the_engine() {
    let mut parts = Parts::build(r"^(a*)(a*)b?(a|ab)c$").unwrap();
    assert!(parts.walk.is_some());
    for _ in 0..5000 {
        assert!(parts.find("aaaac") && parts.group(3) == Some((3, 4)) && !parts.find("aaad"));
    }
    assert!(parts.walk.is_none());
}

#[test]
fn short_classes_are_ascii_and_the_dot_is_a_character() {
    let found = |pattern: &str, text: &str| {
        build(pattern).unwrap().find(text).map(|found| found.as_str().to_owned())
    };
    assert_eq!(found(r"\d+", "٣4"), Some("4".into()));
    assert_eq!(found(r"\w+", "äb_1"), Some("b_1".into()));
    assert_eq!(found(r"[\w.-]+", "ä a-b.c ü"), Some("a-b.c".into()));
    assert_eq!(found(r"[^\s]+", "\u{a0}x y"), Some("\u{a0}x".into()));
    assert_eq!(found(r"x.y", "xäy"), Some("xäy".into()));
    assert_eq!(found(r"\\d", "\\d4"), Some("\\d".into()));
    assert_eq!(found(r"\bb\b", "äb"), Some("b".into()));
    assert_eq!(found(r"\p{L}+", "1ä2"), Some("ä".into()));
}

#[test]
fn what_cannot_be_linear_or_is_too_large_is_refused() {
    assert!(build(r"(?=a)").unwrap_err().contains("look-around"));
    assert!(build(r"(a)\1").unwrap_err().contains("backreferences"));
    assert!(build(r"((a{999}){999}){99}").unwrap_err().contains("too large"));
    assert!(!build("(").unwrap_err().contains('\n'));
}
