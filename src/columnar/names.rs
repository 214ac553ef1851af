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
//!
//! Readers that are not ours pass over names that begin with a dot or an underscore; no folder and
//! no file of the log has such a name.

use super::file::Span;
use super::parse::{datetime, stamp};
use crate::error::Result;
use crate::ums::Namespace;

/// The folder that holds the positions, beside the folders of the types.
pub const CHECKPOINTS: &str = "_checkpoint";

/// The folder of a namespace: its seven parts.
pub fn folder(namespace: &Namespace) -> String {
    namespace.parts.each_ref().map(|part| encode(part)).join("/")
}

/// Every namespace of a log with its folder, sorted by folder; `list` gives the names in a folder.
pub fn namespaces(list: impl Fn(&str) -> Result<Vec<String>>) -> Result<Vec<(Namespace, String)>> {
    let mut found = Vec::new();
    walk(&list, String::new(), Vec::new(), &mut found)?;
    Ok(found)
}

fn walk(
    list: &impl Fn(&str) -> Result<Vec<String>>,
    folder: String,
    parts: Vec<String>,
    found: &mut Vec<(Namespace, String)>,
) -> Result<()> {
    let parts = match <[String; 7]>::try_from(parts) {
        Ok(parts) => {
            found.push((Namespace { parts }, folder));
            return Ok(());
        }
        Err(parts) => parts,
    };
    for name in list(&folder)? {
        // Whatever else stands there was put there by somebody else.
        let Some(part) = decode(&name) else { continue };
        let inner = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        let parts = parts.iter().cloned().chain([part]).collect();
        walk(list, inner, parts, found)?;
    }
    Ok(())
}

/// The name of a source's position in the folder `_checkpoint`.
pub fn checkpoint(kind: &str, source: &str) -> String {
    format!("{}.{}.json", encode(kind), encode(source))
}

/// `START_END`.
pub fn times(span: &Span) -> String {
    format!("{}_{}", stamp(span.times.0), stamp(span.times.1))
}

/// The times that a folder's name says, in microseconds since 1970-01-01 UTC; `None` for folders
/// that are none of ours.
pub fn read_times(name: &str) -> Option<(i64, i64)> {
    let (start, end) = name.split_once('_')?;
    let times = (read_stamp(start)?, read_stamp(end)?);
    (times.0 <= times.1).then_some(times)
}

fn read_stamp(text: &str) -> Option<i64> {
    if text.len() != 20 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let fraction = part(14, 20)?;
    datetime(format!("{year}-{month}-{day} {hour}:{minute}:{second}.{fraction}").as_bytes())
}

/// The names that a file of this span may have, the wanted one first: those with a number above
/// `after`.
pub fn parts(span: &Span, after: u64) -> impl Iterator<Item = String> {
    let ids = format!("part-{}-{}", id(span.ids.0), id(span.ids.1));
    (after.saturating_add(1)..).map(move |number| match number {
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

/// The part that a folder's name stands for; `None` for a name that `encode` does not write.
fn decode(name: &str) -> Option<String> {
    if name == "%" {
        return Some(String::new());
    }
    let mut pieces = name.split('%');
    let mut part = pieces.next()?.to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at_checked(2)?;
        part.push(char::from(u8::from_str_radix(code, 16).ok()?));
        part.push_str(rest);
    }
    (encode(&part) == name).then_some(part)
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
            assert_eq!(decode(name).as_deref(), Some(part));
        }
        for name in ["_checkpoint", ".tmp", "a%2fb", "a%", "a%zz", "%41", ""] {
            assert_eq!(decode(name), None, "{name}");
        }
    }

    #[test]
    fn namespaces_are_found_by_their_folders() {
        let parts = ["mysql", "db1", "_s", "t.x", "0", "0", "0"].map(str::to_owned);
        let namespace = Namespace { parts };
        let path = folder(&namespace);
        let steps: Vec<&str> = path.split('/').collect();
        let list = |at: &str| {
            let depth = if at.is_empty() { 0 } else { at.split('/').count() };
            let next = steps.get(depth).map(|name| (*name).to_owned());
            Ok(next.into_iter().chain(["_checkpoint".to_owned(), ".tmp".to_owned()]).collect())
        };
        assert_eq!(namespaces(list).unwrap(), [(namespace, path)]);
    }

    #[test]
    fn files_of_one_name_are_numbered() {
        let span = Span { ids: (-1, 7), times: (0, 1), rows: 1 };
        let names: Vec<_> = parts(&span, 0).take(3).collect();
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

        #[test]
        fn times_are_read_back(
            a in -62_135_596_800_000_000i64..253_402_300_800_000_000,
            b in -62_135_596_800_000_000i64..253_402_300_800_000_000,
        ) {
            let span = Span { ids: (0, 0), times: (a.min(b), a.max(b)), rows: 1 };
            prop_assert_eq!(read_times(&times(&span)), Some(span.times));
        }

        #[test]
        fn any_name_is_read_without_harm(name: String) {
            let _ = (read_times(&name), read_part(&name), decode(&name));
        }
    }
}
