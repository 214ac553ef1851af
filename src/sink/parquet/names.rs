//! Where a row's file is, by name alone. Uses `error` and `ums`. Not hot.
//!
//! ```text
//! type/source/schema/table/version/dbshard/tableshard/START_END/part-FIRSTID-LASTID.parquet
//! ```
//!
//! START and END are the least and greatest `_ums_ts_` inside as `yyyymmddHHMMSSffffff`; FIRSTID
//! and LASTID the least and greatest `_ums_id_`. An id is written so that the order of the texts is
//! the order of the ids: `p` and 19 digits from 0 on, `n` and the 19 digits of id + 2^63 below. A
//! second file of the same times and ids (all rows of a pulled shard have one id) gets `-2` behind
//! its ids, a third one `-3`.

use crate::columnar::{Span, parse::stamp};
use crate::ums::Namespace;

/// The folder that holds the positions, beside the folders of the types.
pub const CHECKPOINTS: &str = "_checkpoint";

/// The folder of a namespace: its seven parts.
pub fn folder(namespace: &Namespace) -> String {
    namespace.parts.each_ref().map(|part| encode(part)).join("/")
}

/// The name of a source's position in the folder `_checkpoint`.
pub fn checkpoint(kind: &str, source: &str) -> String {
    format!("{}.{}.json", encode(kind), encode(source))
}

/// `START_END`.
pub fn times(span: &Span) -> String {
    format!("{}_{}", stamp(span.times.0), stamp(span.times.1))
}

/// The names that a file of this span may have, the wanted one first.
pub fn parts(span: &Span) -> impl Iterator<Item = String> {
    let ids = format!("part-{}-{}", id(span.ids.0), id(span.ids.1));
    (1u64..).map(move |number| match number {
        1 => format!("{ids}.parquet"),
        number => format!("{ids}-{number}.parquet"),
    })
}

/// The ids that a file's name says, and its number among files of the same name; `None` for files
/// that are none of ours.
pub fn read_part(name: &str) -> Option<((i64, i64), u64)> {
    let mut parts = name.strip_prefix("part-")?.strip_suffix(".parquet")?.split('-');
    let (first, last) = (read_id(parts.next()?)?, read_id(parts.next()?)?);
    let number = parts.next().map_or(Some(1), |number| number.parse().ok())?;
    (parts.next().is_none() && first <= last).then_some(((first, last), number))
}

fn id(id: i64) -> String {
    if id < 0 { format!("n{:019}", id - i64::MIN) } else { format!("p{id:019}") }
}

fn read_id(text: &str) -> Option<i64> {
    let (sign, digits) = text.split_at_checked(1)?;
    if digits.len() != 19 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: i64 = digits.parse().ok()?;
    match sign {
        "p" => Some(digits),
        "n" => i64::MIN.checked_add(digits).filter(|id| *id < 0),
        _ => None,
    }
}

/// A part of a namespace as the name of a folder: percent-encoded where a file system, HDFS or a
/// reader would take it for something else. A leading underscore counts: Spark and Hive do not
/// read such folders. An empty part is a lone `%`.
fn encode(part: &str) -> String {
    if part.is_empty() {
        return "%".to_owned();
    }
    let mut name = String::with_capacity(part.len());
    for (at, c) in part.char_indices() {
        match c {
            '%' | '.' | '/' | '\\' | ':' | '=' => push_encoded(&mut name, c),
            '_' if at == 0 => push_encoded(&mut name, c),
            c if c.is_ascii_control() => push_encoded(&mut name, c),
            c => name.push(c),
        }
    }
    name
}

fn push_encoded(name: &mut String, c: char) {
    name.push_str(&format!("%{:02X}", u32::from(c)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_become_plain_names() {
        for (part, name) in [
            ("orders", "orders"),
            ("größe", "größe"),
            ("", "%"),
            ("_gho", "%5Fgho"),
            ("a_b", "a_b"),
            ("..", "%2E%2E"),
            ("a/b%c=d", "a%2Fb%25c%3Dd"),
            ("a\0b", "a%00b"),
        ] {
            assert_eq!(encode(part), name);
        }
    }

    #[test]
    fn files_of_one_name_are_numbered() {
        let span = Span { ids: (-1, 7), times: (0, 1), rows: 1 };
        let names: Vec<_> = parts(&span).take(3).collect();
        let ids = "part-n9223372036854775807-p0000000000000000007";
        assert_eq!(names[0], format!("{ids}.parquet"));
        assert_eq!(names[2], format!("{ids}-3.parquet"));
        for (number, name) in (1..).zip(&names) {
            assert_eq!(read_part(name), Some(((-1, 7), number)));
        }
        assert_eq!(times(&span), "19700101000000000000_19700101000000000001");
        for name in ["part-1-2.parquet", "x.parquet", "part-.parquet", "part-p1-p2-3-4.parquet"] {
            assert_eq!(read_part(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn ids_sort_as_their_texts(a: i64, b: i64) {
            prop_assert_eq!(a.cmp(&b), id(a).cmp(&id(b)));
            prop_assert_eq!(read_id(&id(a)), Some(a));
        }
    }
}
