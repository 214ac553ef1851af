//! The paths of JSON differences: `$`, then members and array cells. Uses nothing of the project.
//! Not hot. Source: the server's `json_path.cc`; a stored path has no wildcards and no ranges.

use std::borrow::Cow;

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Leg<'a> {
    /// `.name` or `."name"`.
    Member(Cow<'a, [u8]>),
    /// `[n]`.
    Cell(usize),
    /// `[last]` or `[last-n]`.
    FromLast(usize),
}

impl Leg<'_> {
    /// The element it means in an array of `length` elements; `None` for a member, or outside.
    pub fn position(&self, length: usize) -> Option<usize> {
        let position = match self {
            Leg::Member(_) => return None,
            Leg::Cell(index) => *index,
            Leg::FromLast(back) => length.checked_sub(1)?.checked_sub(*back)?,
        };
        (position < length).then_some(position)
    }
}

/// The steps of a path; `None` when it is none.
pub fn parse(path: &[u8]) -> Option<Vec<Leg<'_>>> {
    let mut rest = path.strip_prefix(b"$")?;
    let mut legs = Vec::new();
    while let Some((first, tail)) = rest.split_first() {
        let (leg, after) = match (first, tail) {
            (b'.', [b'"', ..]) => quoted(tail)?,
            (b'.', _) => {
                let end = tail.iter().position(|byte| matches!(byte, b'.' | b'['));
                let (name, after) = tail.split_at(end.unwrap_or(tail.len()));
                (Leg::Member(name.into()), after)
            }
            (b'[', _) => {
                let end = tail.iter().position(|byte| *byte == b']')?;
                let (index, after) = tail.split_at(end);
                (cell(std::str::from_utf8(index).ok()?)?, after.get(1..)?)
            }
            _ => return None,
        };
        legs.push(leg);
        rest = after;
    }
    Some(legs)
}

/// A member's name as a JSON string at the start of `text`, and what follows it.
fn quoted(text: &[u8]) -> Option<(Leg<'static>, &[u8])> {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })?;
    let (name, after) = text.split_at_checked(end + 2)?;
    let name: String = serde_json::from_slice(name).ok()?;
    Some((Leg::Member(name.into_bytes().into()), after))
}

fn cell(index: &str) -> Option<Leg<'static>> {
    let index = index.trim_matches(' ');
    match index.strip_prefix("last") {
        None => index.parse().ok().map(Leg::Cell),
        Some("") => Some(Leg::FromLast(0)),
        Some(back) => {
            let back = back.trim_start_matches(' ').strip_prefix('-')?;
            back.trim_start_matches(' ').parse().ok().map(Leg::FromLast)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str) -> Leg<'_> {
        Leg::Member(name.as_bytes().into())
    }

    #[test]
    fn paths_as_the_server_writes_them() {
        assert_eq!(parse(b"$"), Some(vec![]));
        assert_eq!(
            parse("$.a.\"b \\\"c\\\\\".é[2][last][last-3]".as_bytes()),
            Some(vec![
                member("a"),
                member("b \"c\\"),
                member("é"),
                Leg::Cell(2),
                Leg::FromLast(0),
                Leg::FromLast(3)
            ])
        );
        assert_eq!(parse(b"$.\"\""), Some(vec![member("")]));
    }

    #[test]
    fn what_is_no_path() {
        for path in ["", "a", "$a", "$[", "$[x]", "$[-1]", "$.\"a", "$[last+1]", "$[0]x"] {
            assert_eq!(parse(path.as_bytes()), None, "{path}");
        }
    }

    #[test]
    fn positions() {
        assert_eq!(Leg::Cell(1).position(2), Some(1));
        assert_eq!(Leg::Cell(2).position(2), None);
        assert_eq!(Leg::FromLast(0).position(2), Some(1));
        assert_eq!(Leg::FromLast(2).position(2), None);
        assert_eq!(Leg::FromLast(0).position(0), None);
        assert_eq!(member("a").position(2), None);
    }
}
