//! Topic names made from namespaces. Uses `error`, `ums`. Not hot: once a topic and namespace.

use std::fmt;

use crate::error::{Error, Result};
use crate::ums::Namespace;

/// Kafka allows no longer names.
const MAX_LENGTH: usize = 249;

/// The parts of a namespace that a template may name, with their places.
const PARTS: [(&str, usize); 5] =
    [("type", 0), ("source", 1), ("schema", 2), ("table", 3), ("version", 4)];

/// `shop`, or `{source}.{schema}.{table}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A place in `PARTS`.
    Part(usize),
}

impl Template {
    /// Reads a topic or a template.
    ///
    /// # Errors
    /// `Usage` for what cannot be a topic, and for an unknown part.
    pub fn parse(text: &str) -> Result<Self> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let known = || PARTS.map(|(name, _)| format!("{{{name}}}")).join(", ");
            let (name, behind) = behind.split_once('}').ok_or_else(|| {
                Error::usage(format!(
                    "a topic's template has a brace that is not closed; known are {}",
                    known()
                ))
            })?;
            let part = PARTS.iter().position(|(part, _)| *part == name).ok_or_else(|| {
                Error::usage(format!(
                    "unknown part {{{name}}} of a topic's template; known are {}",
                    known()
                ))
            })?;
            push_text(&mut pieces, before)?;
            pieces.push(Piece::Part(part));
            rest = behind;
        }
        push_text(&mut pieces, rest)?;
        let template = Self { pieces };
        match template.fixed() {
            Some(name) => legal(name)?,
            None if template.pieces.is_empty() => return Err(Error::usage("a topic needs a name")),
            None => {}
        }
        Ok(template)
    }

    /// The topic when it is the same for every namespace.
    pub fn fixed(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The topic of a namespace.
    ///
    /// # Errors
    /// `Refused` when the name would be none for Kafka.
    pub fn name(&self, namespace: &Namespace) -> Result<String> {
        let mut name = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Part(part) => {
                    let place = PARTS.get(*part).map_or(0, |(_, place)| *place);
                    push_legal(&mut name, namespace.parts.get(place).map_or("", String::as_str));
                }
            }
        }
        legal(&name).map_err(|error| Error::refused(error.to_string()).at(namespace))?;
        Ok(name)
    }

    /// An extended regular expression of all topics that could have been made by this template.
    pub fn pattern(&self) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.replace('.', "\\."),
            Piece::Part(_) => "[^.]+".to_owned(),
        };
        format!("^{}$", self.pieces.iter().map(piece).collect::<String>())
    }

    /// Whether a topic gets the markers of a source: all topics of the template, unless they are
    /// made for one source each.
    pub fn gets(&self, topic: &str, source: &str) -> bool {
        self.fixed().is_some() || self.matches(topic, &[(1, source)])
    }

    /// Whether a topic could have been made by this template from some namespace; parts that
    /// `known` names (by their place in a namespace) have that text.
    pub fn matches(&self, topic: &str, known: &[(usize, &str)]) -> bool {
        fits(&self.pieces, topic, known)
    }
}

/// Tries every length of the first free part: templates are short, and so are names.
fn fits(pieces: &[Piece], topic: &str, known: &[(usize, &str)]) -> bool {
    match pieces {
        [] => topic.is_empty(),
        [Piece::Text(text), rest @ ..] => {
            topic.strip_prefix(text.as_str()).is_some_and(|behind| fits(rest, behind, known))
        }
        [Piece::Part(part), rest @ ..] => {
            let place = PARTS.get(*part).map_or(0, |(_, place)| *place);
            if let Some((_, text)) = known.iter().find(|(known, _)| *known == place) {
                let mut name = String::new();
                push_legal(&mut name, text);
                return topic
                    .strip_prefix(name.as_str())
                    .is_some_and(|behind| fits(rest, behind, known));
            }
            // A part is not empty and holds no dot: a dot in it was written otherwise.
            topic
                .char_indices()
                .map_while(|(at, letter)| (letter != '.').then_some(at + letter.len_utf8()))
                .any(|end| topic.get(end..).is_some_and(|behind| fits(rest, behind, known)))
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Part(part) => {
                    write!(f, "{{{}}}", PARTS.get(*part).map_or("", |(name, _)| *name))?;
                }
            }
        }
        Ok(())
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Result<()> {
    if let Some(wrong) = text.chars().find(|letter| !is_legal(*letter)) {
        return Err(Error::usage(format!(
            "a topic's name has letters, digits, dots, - and _, and not {wrong:?}"
        )));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    Ok(())
}

fn is_legal(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_')
}

/// Other bytes, and dots, which separate parts, become `-xHH`.
fn push_legal(name: &mut String, part: &str) {
    for byte in part.bytes() {
        let letter = char::from(byte);
        if is_legal(letter) && letter != '.' {
            name.push(letter);
        } else {
            name.push_str(&format!("-x{byte:02x}"));
        }
    }
}

fn legal(name: &str) -> Result<()> {
    if name.is_empty() || name == "." || name == ".." || name.len() > MAX_LENGTH {
        return Err(Error::usage(format!(
            "a topic's name has 1 to {MAX_LENGTH} characters and is neither . nor .."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn namespace(text: &str) -> Namespace {
        Namespace::parse(text).unwrap()
    }

    #[test]
    fn names_are_made_of_parts() {
        let orders = namespace("mysql.db1.shop.orders.3.0.0");
        for (template, expected) in [
            ("shop", "shop"),
            ("shop.{schema}", "shop.shop"),
            ("{source}.{schema}.{table}", "db1.shop.orders"),
            ("{type}-{table}-v{version}", "mysql-orders-v3"),
        ] {
            let template = Template::parse(template).unwrap();
            let name = template.name(&orders).unwrap();
            assert_eq!(name, expected);
            assert!(template.matches(&name, &[]));
            assert!(template.matches(&name, &[(1, "db1"), (0, "mysql")]));
        }
        let odd = namespace("mysql.db%2E1.sh öp.t.0.0.0");
        let template = Template::parse("{source}.{schema}").unwrap();
        assert_eq!(template.name(&odd).unwrap(), "db-x2e1.sh-x20-xc3-xb6p");
        assert!(template.matches("db-x2e1.shop", &[(1, "db.1")]));
        assert!(!template.matches("db1.shop", &[(1, "db.1")]));
    }

    #[test]
    fn topics_of_others_do_not_match() {
        let template = Template::parse("x.{schema}.{table}").unwrap();
        for other in ["x", "x.a", "x.a.", "x..b", "y.a.b", "x.a.b.c", "__consumer_offsets"] {
            assert!(!template.matches(other, &[]), "{other}");
        }
        assert!(Template::parse("{schema}{table}").unwrap().matches("ab", &[]));
    }

    #[test]
    fn a_pattern_has_the_same_topics() {
        let template = Template::parse("x.{schema}-{table}").unwrap();
        let pattern = regex::Regex::new(&template.pattern()).unwrap();
        for topic in ["x.a-b", "x.a", "x.a-b.c", "yx.a-b", "xxa-b", "x.-b"] {
            assert_eq!(pattern.is_match(topic), template.matches(topic, &[]), "{topic}");
        }
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for wrong in ["", ".", "..", "a b", "a/b", "ä", "{schema", "{x}", &"a".repeat(250)] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
        let long = namespace(&format!("mysql.s.{}.t.0.0.0", "a".repeat(249)));
        assert!(Template::parse("x{schema}").unwrap().name(&long).is_err());
    }
}
