//! The text of a query with the names of the stream's columns in it. Uses `error`. Not hot: once a
//! run, and once a size of batch.
//!
//! `:name` or `:"any name"` stands for a value wherever SQL has an expression, that is not inside of
//! quotes and comments. The values themselves never become part of the text.

use crate::error::{Error, Result};

/// How a store's SQL is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lexicon {
    /// Backslashes in quotes, backticks, `#` comments.
    MySql,
    /// `$tag$` quotes, `::` casts, nested comments.
    Postgres,
    /// Backticks and brackets.
    Sqlite,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What stands before, between and behind the names.
    pieces: Vec<String>,
    /// The column of each name, as a number in `columns`.
    names: Vec<usize>,
    /// The columns that are named, each once.
    pub columns: Vec<String>,
}

impl Text {
    /// Reads a query.
    ///
    /// # Errors
    /// `Usage` where it names no column, or is several statements.
    pub fn parse(query: &str, lexicon: Lexicon) -> Result<Self> {
        let mut text = Self { pieces: vec![String::new()], names: Vec::new(), columns: Vec::new() };
        let mut rest = query.trim().trim_end_matches(';').trim_end();
        while let Some(letter) = rest.chars().next() {
            let length = skipped(rest, lexicon);
            if length > 0 {
                rest = text.keep(rest, length);
            } else if letter == ';' {
                return Err(Error::usage("--query: takes one statement; there is a ; in it"));
            } else if letter == '?' && lexicon == Lexicon::MySql {
                return Err(Error::usage("--query: a value is written :column, not ?"));
            } else if letter == ':' {
                // A cast, or an assignment.
                let twice = rest.starts_with("::") || rest.starts_with(":=");
                match name(rest).filter(|_| !twice) {
                    Some((name, length)) => {
                        text.name(name);
                        rest = rest.get(length..).unwrap_or_default();
                    }
                    None => rest = text.keep(rest, if twice { 2 } else { 1 }),
                }
            } else if is_word(letter) {
                // A whole word, so that its end is not taken for a beginning.
                let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
                rest = text.keep(rest, end);
            } else {
                rest = text.keep(rest, letter.len_utf8());
            }
        }
        if text.columns.is_empty() {
            return Err(Error::usage("--query names no column of the stream").advise(
                "write WHERE id IN (:customer_id) with the stream's column behind the colon",
            ));
        }
        Ok(text)
    }

    fn keep<'r>(&mut self, rest: &'r str, length: usize) -> &'r str {
        let (kept, rest) = rest.split_at_checked(length).unwrap_or((rest, ""));
        if let Some(piece) = self.pieces.last_mut() {
            piece.push_str(kept);
        }
        rest
    }

    fn name(&mut self, name: String) {
        let place = match self.columns.iter().position(|column| *column == name) {
            Some(place) => place,
            None => {
                self.columns.push(name);
                self.columns.len() - 1
            }
        };
        self.names.push(place);
        self.pieces.push(String::new());
    }

    /// The columns in the order in which the text names them, as often as it does.
    pub fn places(&self) -> &[usize] {
        &self.names
    }

    /// Appends the text; `value` writes what stands for the value of the column of this number.
    pub fn render(&self, out: &mut String, mut value: impl FnMut(&mut String, usize)) {
        let mut names = self.names.iter();
        for piece in &self.pieces {
            out.push_str(piece);
            if let Some(name) = names.next() {
                value(out, *name);
            }
        }
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

/// A name behind a colon, and its length with the colon.
fn name(rest: &str) -> Option<(String, usize)> {
    let behind = rest.get(1..)?;
    for quote in ['"', '`'] {
        if let Some(inside) = behind.strip_prefix(quote) {
            let end = inside.find(quote)?;
            return Some((inside.get(..end)?.to_owned(), end + 3))
                .filter(|(name, _)| !name.is_empty());
        }
    }
    let first = behind.chars().next()?;
    let end = behind.find(|letter| !is_word(letter)).unwrap_or(behind.len());
    let word = first.is_alphabetic() || first == '_';
    word.then(|| behind.get(..end).map(|name| (name.to_owned(), end + 1)))?
}

/// How long the quoted text or comment is that begins here; 0 where none does.
fn skipped(rest: &str, lexicon: Lexicon) -> usize {
    let line = || rest.find('\n').unwrap_or(rest.len());
    let mut letters = rest.chars();
    match letters.next() {
        Some('\'') => quoted(rest, '\'', lexicon == Lexicon::MySql),
        Some('"') => quoted(rest, '"', lexicon == Lexicon::MySql),
        Some('`') if lexicon != Lexicon::Postgres => quoted(rest, '`', false),
        Some('[') if lexicon == Lexicon::Sqlite => rest.find(']').map_or(rest.len(), |end| end + 1),
        Some('#') if lexicon == Lexicon::MySql => line(),
        // MySQL takes two signs without a space for arithmetic.
        Some('-') if rest.starts_with("--") => match rest.chars().nth(2) {
            Some(next) if lexicon == Lexicon::MySql && !next.is_whitespace() => 0,
            _ => line(),
        },
        Some('/') if rest.starts_with("/*") => comment(rest, lexicon == Lexicon::Postgres),
        Some('$') if lexicon == Lexicon::Postgres => {
            let tag = rest.get(1..).and_then(|behind| behind.find('$')).map(|end| end + 2);
            let tag = tag.and_then(|end| rest.get(..end)).filter(|tag| {
                tag.trim_matches('$')
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || letter == '_')
                    && !tag.chars().nth(1).is_some_and(|letter| letter.is_ascii_digit())
            });
            let Some(tag) = tag else { return 0 };
            let behind = rest.get(tag.len()..).unwrap_or_default();
            behind.find(tag).map_or(rest.len(), |end| end + 2 * tag.len())
        }
        _ => 0,
    }
}

/// A doubled quote goes on as another quoted text right behind.
fn quoted(rest: &str, quote: char, backslash: bool) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' if backslash => escaped = true,
            letter if letter == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn comment(rest: &str, nested: bool) -> usize {
    let (mut depth, mut at) = (1, 2);
    while depth > 0 {
        let behind = rest.get(at..).unwrap_or_default();
        let end = behind.find("*/");
        let begin = behind.find("/*").filter(|_| nested);
        match (begin, end) {
            (Some(begin), Some(end)) if begin < end => {
                depth += 1;
                at += begin + 2;
            }
            (_, Some(end)) => {
                depth -= 1;
                at += end + 2;
            }
            _ => return rest.len(),
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(query: &str, lexicon: Lexicon) -> String {
        let text = Text::parse(query, lexicon).unwrap();
        let mut out = String::new();
        text.render(&mut out, |out, column| out.push_str(&format!("<{column}>")));
        format!("{out} | {}", text.columns.join(","))
    }

    #[test]
    fn names_stand_outside_of_quotes_and_comments() {
        use Lexicon::{MySql, Postgres, Sqlite};
        for (query, lexicon, expected) in [
            ("SELECT 1 WHERE id IN (:a);", MySql, "SELECT 1 WHERE id IN (<0>) | a"),
            ("(x, y) IN ((:a, :b)) OR z = :a", Sqlite, "(x, y) IN ((<0>, <1>)) OR z = <0> | a,b"),
            (r#"':n' ":n" `:n` :"a b" -- :n"#, MySql, r#"':n' ":n" `:n` <0> -- :n | a b"#),
            (r"'it\':n' '':n' :x", MySql, r"'it\':n' ''<0>' :x | n"),
            ("5--:x", MySql, "5--<0> | x"),
            ("'a\\' = :x", Postgres, "'a\\' = <0> | x"),
            ("id::int = :x::text", Postgres, "id::int = <0>::text | x"),
            ("$$:n$$ $t$ $$ :n $t$ :x", Postgres, "$$:n$$ $t$ $$ :n $t$ <0> | x"),
            ("/* /* :n */ :n */ :x", Postgres, "/* /* :n */ :n */ <0> | x"),
            ("/* /* :n */ :x # :n\n:x", MySql, "/* /* :n */ <0> # :n\n<0> | x"),
            ("[:n] = :größe", Sqlite, "[:n] = <0> | größe"),
            ("a[1:2] = :x", Postgres, "a[1:2] = <0> | x"),
        ] {
            assert_eq!(shown(query, lexicon), expected);
        }
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for (query, why) in [
            ("SELECT 1", "names no column"),
            ("", "names no column"),
            ("SELECT ? WHERE :a", "not ?"),
            ("SELECT :a; DROP TABLE t", "one statement"),
            ("SELECT 1 WHERE 'never closed = :a", "names no column"),
            ("SELECT /* :a", "names no column"),
        ] {
            let error = Text::parse(query, Lexicon::MySql).unwrap_err().to_string();
            assert!(error.contains(why), "{query}: {error}");
        }
    }
}
