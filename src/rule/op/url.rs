//! The operator url: the parts of an address. Uses `rule`. Hot.

use memchr::memchr;

use super::{Context, Operator, Spec, Verdict};
use crate::rule::cells::{Cell, Name, Row, Work};
use crate::rule::read::{Keys, Placed};
use crate::rule::scope::Scope;

/// The parts, in the order of the cells.
const PARTS: [&str; 6] = ["scheme", "host", "port", "path", "query", "fragment"];

/// The row.
pub const SPEC: Spec = Spec {
    name: "url",
    summary: "Appends the parts of an address or of a request's target as the cells scheme, host, port, \
              path, query and fragment, each with a prefix. A part that is missing is NULL. Nothing is \
              decoded; a user and a password in it are left out.",
    keys: &[("cell", "The cell. [0]"), ("prefix", "What the names begin with. [url_]")],
    example: "{ op = \"url\", cell = \"request\", prefix = \"url_\" }",
    difference: "",
    compile,
};

struct Url {
    scope: Scope,
    names: Vec<Name>,
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let prefix = keys.text("prefix")?.unwrap_or_else(|| "url_".into());
    let names = PARTS.iter().map(|part| context.name(keys, "prefix", &format!("{prefix}{part}")));
    Ok(Box::new(Url { names: names.collect::<Placed<_>>()?, scope: context.one(keys)? }))
}

impl Operator for Url {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let found = self.scope.one(row).and_then(|at| row.get(at)).copied();
        let cell = found.unwrap_or(Cell::NULL);
        let parts = match work.text(cell) {
            Some(text) => parts(text),
            None => [None; 6],
        };
        for (part, name) in parts.iter().zip(&self.names) {
            let made = part.map_or(Cell::NULL, |(from, to)| cell.part(from, to));
            row.push(made.named(*name));
        }
        Verdict::Keep
    }
}

/// Where the scheme ends, when `://` stands behind it.
fn scheme_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.first()?.is_ascii_alphabetic() {
        return None;
    }
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let end = bytes.iter().position(|byte| !inside(byte))?;
    bytes.get(end..)?.starts_with(b"://").then_some(end)
}

type Part = Option<(usize, usize)>;

fn parts(text: &str) -> [Part; 6] {
    let mut end = text.len();
    let mut cut = |mark: u8| -> Part {
        let at = memchr(mark, text.as_bytes().get(..end)?)?;
        let part = (at + 1, end);
        end = at;
        Some(part)
    };
    let fragment = cut(b'#');
    let query = cut(b'?');
    let scheme_end = text.get(..end).and_then(scheme_end);
    let rest = |from: usize| text.get(from..end).unwrap_or_default();
    let (scheme, mut at) = match scheme_end {
        Some(at) => (Some((0, at)), at + 3),
        None if rest(0).starts_with("//") => (None, 2),
        None => return [None, None, None, Some((0, end)), query, fragment],
    };
    let authority = at + memchr(b'/', rest(at).as_bytes()).unwrap_or(rest(at).len());
    if let Some(user) = text.get(at..authority).and_then(|text| text.rfind('@')) {
        at += user + 1;
    }
    let place = text.get(at..authority).unwrap_or_default();
    // A colon inside the brackets of an IPv6 address is no port's.
    let colon = place.rfind(':').filter(|colon| !place.get(*colon..).unwrap_or("").contains(']'));
    let host = at + colon.unwrap_or(place.len());
    let port = colon.map(|_| (host + 1, authority));
    [scheme, Some((at, host)), port, Some((authority, end)), query, fragment]
}

#[cfg(test)]
mod tests {
    use super::super::testing::one;

    #[test]
    fn addresses() {
        let url = |text: &str| one("{ op = \"url\" }", &[text])[1..].join(" ");
        for (text, expected) in [
            ("https://u:p@h.example:8080/a/b?x=1&y=#f", "https h.example 8080 /a/b x=1&y= f"),
            ("/a/b?x=http://c/d", "NULL NULL NULL /a/b x=http://c/d NULL"),
            ("http://[::1]:80", "http [::1] 80  NULL NULL"),
            ("http://[::1]/x", "http [::1] NULL /x NULL NULL"),
            ("//h/p", "NULL h NULL /p NULL NULL"),
            ("*", "NULL NULL NULL * NULL NULL"),
            ("?a#b?c", "NULL NULL NULL  a b?c"),
            ("http://ä/ü?ö#ß", "http ä NULL /ü ö ß"),
        ] {
            assert_eq!(url(text), expected, "{text}");
        }
    }
}
