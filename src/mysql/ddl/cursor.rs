//! A place in a statement's tokens, and the few moves that parsers make. Uses `lexer`. Not hot.
//!
//! Parsers return `Option`: `None` means "not understood", and the statement becomes that.

use super::lexer::{SqlMode, Token};
use super::statement::TableName;

/// What stays the same over a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    /// How the text is written.
    pub mode: SqlMode,
    /// Which server wrote it.
    pub mariadb: bool,
    /// The session's schema.
    pub schema: &'a str,
}

/// A place in the tokens.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    tokens: &'a [Token<'a>],
    /// What stays the same.
    pub context: Context<'a>,
}

impl<'a> Cursor<'a> {
    pub fn new(tokens: &'a [Token<'a>], context: Context<'a>) -> Self {
        Self { tokens, context }
    }

    pub fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.first()
    }

    pub fn at_end(&self) -> bool {
        self.tokens.is_empty()
    }

    pub fn next(&mut self) -> Option<&'a Token<'a>> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn is_word_at(&self, at: usize, keyword: &str) -> bool {
        matches!(self.tokens.get(at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword))
    }

    /// Whether a keyword comes next.
    pub fn is(&self, keyword: &str) -> bool {
        self.is_word_at(0, keyword)
    }

    /// Whether these keywords, parted by blanks, come next.
    pub fn are(&self, keywords: &str) -> bool {
        keywords.split(' ').enumerate().all(|(at, keyword)| self.is_word_at(at, keyword))
    }

    /// Whether one of these keywords comes next.
    pub fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    /// Takes these keywords, parted by blanks, if all of them come next.
    pub fn take(&mut self, keywords: &str) -> bool {
        let found = self.are(keywords);
        if found {
            let count = keywords.split(' ').count();
            self.tokens = self.tokens.get(count..).unwrap_or_default();
        }
        found
    }

    /// Takes one of these keywords.
    pub fn take_any(&mut self, keywords: &[&str]) -> bool {
        let found = self.is_any(keywords);
        if found {
            self.next();
        }
        found
    }

    /// Whether a sign comes next.
    pub fn is_sign(&self, sign: char) -> bool {
        self.peek() == Some(&Token::Sign(sign))
    }

    /// Takes a sign if it comes next.
    pub fn sign(&mut self, sign: char) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.next();
        }
        found
    }

    /// A name, quoted or not.
    pub fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Word(word) => Some((*word).to_owned()),
            Token::Name(name) => Some(name.clone()),
            _ => None,
        }
    }

    /// A table's name with or without its schema.
    pub fn table(&mut self) -> Option<TableName> {
        self.sign('.');
        let first = self.name()?;
        if self.sign('.') {
            return Some(TableName::new(first, self.name()?));
        }
        Some(TableName::new(self.context.schema, first))
    }

    /// Names parted by commas, each read by `read`.
    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut items = vec![read(self)?];
        while self.sign(',') {
            items.push(read(self)?);
        }
        Some(items)
    }

    /// A character set or collation name, lower case; a string may stand for it.
    pub fn charset(&mut self) -> Option<String> {
        self.sign('=');
        let name = match self.next()? {
            Token::Word(word) => (*word).to_owned(),
            Token::Name(name) | Token::Text(name) => name.clone(),
            _ => return None,
        };
        Some(modern(name.to_ascii_lowercase()))
    }

    /// At `(`: everything up to its `)`.
    pub fn skip_parens(&mut self) -> Option<()> {
        if !self.sign('(') {
            return None;
        }
        let mut depth = 1usize;
        while depth > 0 {
            match self.next()? {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                Token::Broken => return None,
                _ => {}
            }
        }
        Some(())
    }

    /// One token, or a whole pair of parentheses.
    pub fn skip_one(&mut self) -> Option<()> {
        if self.is_sign('(') {
            return self.skip_parens();
        }
        match self.next()? {
            Token::Broken => None,
            _ => Some(()),
        }
    }

    /// To the next `,` or `)` outside of parentheses, or the end.
    pub fn skip_clause(&mut self) -> Option<()> {
        while !self.at_end() && !self.is_sign(',') && !self.is_sign(')') {
            self.skip_one()?;
        }
        Some(())
    }

    /// MariaDB's `WAIT n` and `NOWAIT`.
    pub fn skip_wait(&mut self) {
        if !self.take("NOWAIT")
            && self.is("WAIT")
            && matches!(self.tokens.get(1), Some(Token::Number(_)))
        {
            self.next();
            self.next();
        }
    }

    /// Every name in the rest that may be a table's, to be told to people and compared with what
    /// is captured. May hold too many, never too few.
    pub fn names(mut self) -> Vec<TableName> {
        let mut tables = Vec::new();
        while let Some(token) = self.peek() {
            let table = match token {
                Token::Word(_) | Token::Name(_) => self.table(),
                _ => {
                    self.next();
                    None
                }
            };
            if let Some(table) = table
                && !tables.contains(&table)
            {
                tables.push(table);
            }
        }
        tables
    }
}

/// `utf8` is an older name of `utf8mb3` in both servers' metadata.
fn modern(name: String) -> String {
    match name.strip_prefix("utf8") {
        Some("") => "utf8mb3".to_owned(),
        Some(rest) if rest.starts_with('_') => format!("utf8mb3{rest}"),
        _ => name,
    }
}
