//! Words, names, strings and signs of a statement. Uses nothing. Not hot.
//!
//! Rules of both servers' lexers: comments vanish, executable comments count by server kind, quotes
//! follow `sql_mode`.

/// How `sql_mode` changes the reading of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SqlMode {
    /// `"` quotes names, not strings.
    pub ansi_quotes: bool,
    /// `\` is an ordinary character in strings.
    pub no_backslash_escapes: bool,
    /// `REAL` means FLOAT.
    pub real_as_float: bool,
    /// MariaDB's `sql_mode=ORACLE`, where type names mean other types.
    pub oracle: bool,
}

impl SqlMode {
    /// From the bits of a QUERY_EVENT's `sql_mode`. MySQL had an `ORACLE` mode without other types.
    pub fn from_bits(bits: u64, mariadb: bool) -> Self {
        Self {
            real_as_float: bits & 1 != 0,
            ansi_quotes: bits & (1 << 2) != 0,
            oracle: mariadb && bits & (1 << 9) != 0,
            no_backslash_escapes: bits & (1 << 20) != 0,
        }
    }
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword or an unquoted name.
    Word(&'a str),
    /// A quoted name, quotes resolved.
    Name(String),
    /// A string literal, escapes resolved.
    Text(String),
    /// A hexadecimal literal, `X'..'` or `0x..`.
    Hex(Vec<u8>),
    /// A bit literal.
    Bits,
    /// A number that does not start a name.
    Number(&'a str),
    /// A user or system variable.
    Variable,
    /// Any other sign.
    Sign(char),
    /// A literal, name or comment without its end: nothing behind it can be trusted.
    Broken,
}

/// Reads tokens from a text.
pub struct Lexer<'a> {
    rest: &'a str,
    mode: SqlMode,
    mariadb: bool,
    /// Inside an executable comment, whose content counts.
    executable: bool,
    /// The token before was `.`: what follows is a name, even `1a`.
    after_dot: bool,
}

impl<'a> Lexer<'a> {
    /// A lexer at the start of `sql`.
    pub fn new(sql: &'a str, mode: SqlMode, mariadb: bool) -> Self {
        Self { rest: sql, mode, mariadb, executable: false, after_dot: false }
    }

    fn advance(&mut self, bytes: usize) -> &'a str {
        let (head, tail) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = tail;
        head
    }

    /// Skips blanks and comments; `false` when a comment has no end.
    fn skip_blanks(&mut self) -> bool {
        loop {
            let trimmed =
                self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
            self.rest = trimmed;
            if self.executable && trimmed.starts_with("*/") {
                self.executable = false;
                self.advance(2);
            } else if trimmed.starts_with('#') || is_dash_comment(trimmed) {
                let end = memchr::memchr(b'\n', trimmed.as_bytes()).unwrap_or(trimmed.len());
                self.advance(end);
            } else if trimmed.starts_with("/*") {
                if !self.comment() {
                    return false;
                }
            } else {
                return true;
            }
        }
    }

    /// At `/*`: enters an executable comment whose content counts, skips any other.
    fn comment(&mut self) -> bool {
        let marker = match self.rest.as_bytes() {
            [_, _, b'!', ..] => 3,
            [_, _, b'M', b'!', ..] if self.mariadb => 4,
            _ => 0,
        };
        if marker == 0 {
            return self.skip_comment(false);
        }
        let body = self.rest.get(marker..).unwrap_or("");
        let digits = body.bytes().take(6).take_while(u8::is_ascii_digit).count();
        let digits = if digits < 5 { 0 } else { digits };
        let version = body.get(..digits).and_then(|text| text.parse::<u32>().ok());
        if !self.executable && version.is_none_or(|version| self.executes(version)) {
            self.executable = true;
            self.advance(marker + digits);
            return true;
        }
        self.skip_comment(true)
    }

    /// Whether a server of this kind executes a comment of this version. The server's own version
    /// is not asked: a comment for a later one is not written to a log in executable form by MySQL.
    /// MariaDB skips what is meant for MySQL from 5.7 on.
    fn executes(&self, version: u32) -> bool {
        if self.mariadb { !(50_700..100_000).contains(&version) } else { version < 99_000 }
    }

    /// Skips a comment, and those inside when it is an executable one that does not count.
    fn skip_comment(&mut self, nested: bool) -> bool {
        self.advance(2);
        let mut depth = 1usize;
        while depth > 0 {
            let bytes = self.rest.as_bytes();
            let Some(at) = memchr::memchr2(b'*', b'/', bytes) else {
                self.rest = "";
                return false;
            };
            match bytes.get(at..) {
                Some([b'*', b'/', ..]) => {
                    depth -= 1;
                    self.advance(at + 2);
                }
                Some([b'/', b'*', ..]) if nested => {
                    depth += 1;
                    self.advance(at + 2);
                }
                _ => {
                    self.advance(at + 1);
                }
            }
        }
        true
    }

    /// At a quote: the text up to its end, doubled quotes and (in strings) escapes resolved.
    fn quoted(&mut self, quote: char, escapes: bool) -> Option<String> {
        self.advance(1);
        let mut text = String::new();
        loop {
            let end = self.rest.find(|c| c == quote || (escapes && c == '\\'))?;
            text.push_str(self.advance(end));
            if self.rest.starts_with('\\') {
                self.advance(1);
                let c = self.rest.chars().next()?;
                self.advance(c.len_utf8());
                match c {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    'b' => text.push('\u{8}'),
                    '0' => text.push('\0'),
                    'Z' => text.push('\u{1a}'),
                    '%' | '_' => text.extend(['\\', c]),
                    c => text.push(c),
                }
            } else {
                self.advance(1);
                if !self.rest.starts_with(quote) {
                    return Some(text);
                }
                text.push(quote);
                self.advance(1);
            }
        }
    }

    fn word(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        self.advance(end)
    }

    /// `X'..'` or `B'..'` when the rest is one.
    fn quoted_literal(&mut self) -> Option<Token<'a>> {
        let bits = match self.rest.as_bytes() {
            [b'x' | b'X', b'\'', ..] => false,
            [b'b' | b'B', b'\'', ..] => true,
            [b'n' | b'N', b'\'', ..] => {
                self.advance(1);
                return Some(self.string('\''));
            }
            _ => return None,
        };
        let end = self.rest.get(2..)?.find('\'')?;
        let digits = self.rest.get(2..end + 2)?;
        let token = if bits { Some(Token::Bits) } else { from_hex(digits).map(Token::Hex) };
        self.advance(end + 3);
        Some(token.unwrap_or(Token::Broken))
    }

    fn string(&mut self, quote: char) -> Token<'a> {
        match self.quoted(quote, !self.mode.no_backslash_escapes) {
            Some(text) => Token::Text(text),
            None => self.broken(),
        }
    }

    fn name(&mut self, quote: char) -> Token<'a> {
        match self.quoted(quote, false) {
            Some(name) => Token::Name(name),
            None => self.broken(),
        }
    }

    fn broken(&mut self) -> Token<'a> {
        self.rest = "";
        Token::Broken
    }

    fn variable(&mut self) -> Token<'a> {
        self.advance(1);
        if self.rest.starts_with('@') {
            self.advance(1);
        }
        match self.rest.chars().next() {
            Some(quote @ ('`' | '\'' | '"')) => {
                if self.quoted(quote, quote != '`').is_none() {
                    return self.broken();
                }
            }
            _ => {
                let end = self.rest.find(|c| !is_word(c) && c != '.').unwrap_or(self.rest.len());
                self.advance(end);
            }
        }
        Token::Variable
    }

    /// At a digit, or a dot and a digit.
    fn number(&mut self) -> Token<'a> {
        let start = self.rest;
        let word = self.word();
        if let Some(digits) = word.strip_prefix("0x")
            && let Some(bytes) = from_hex(digits)
        {
            return Token::Hex(bytes);
        }
        if word.strip_prefix("0b").is_some_and(|d| d.bytes().all(|b| matches!(b, b'0' | b'1'))) {
            return Token::Bits;
        }
        let digits = word.bytes().take_while(u8::is_ascii_digit).count();
        let exponent = word.get(digits..).unwrap_or("");
        let number = exponent.is_empty()
            || exponent
                .strip_prefix(['e', 'E'])
                .is_some_and(|e| e.bytes().all(|b| b.is_ascii_digit()));
        if !number {
            return Token::Word(word);
        }
        let mut length = word.len();
        if exponent.is_empty() && self.rest.starts_with('.') {
            self.advance(1);
            length += 1 + self.word().len();
        }
        let so_far = start.get(..length).unwrap_or(start);
        if so_far.ends_with(['e', 'E']) && self.rest.starts_with(['+', '-']) {
            self.advance(1);
            length += 1 + self.word().len();
        }
        Token::Number(start.get(..length).unwrap_or(start))
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if !self.skip_blanks() {
            return Some(Token::Broken);
        }
        let first = self.rest.chars().next()?;
        let after_dot = std::mem::replace(&mut self.after_dot, first == '.');
        if let Some(literal) = self.quoted_literal() {
            return Some(literal);
        }
        Some(match first {
            '`' => self.name('`'),
            '"' if self.mode.ansi_quotes => self.name('"'),
            '"' | '\'' => self.string(first),
            '@' => self.variable(),
            c if c.is_ascii_digit() && !after_dot => self.number(),
            c if is_word(c) => Token::Word(self.word()),
            c => {
                self.advance(c.len_utf8());
                Token::Sign(c)
            }
        })
    }
}

/// `--` is a comment only before a blank, a control character or the end.
fn is_dash_comment(text: &str) -> bool {
    text.strip_prefix("--").is_some_and(|rest| {
        rest.chars().next().is_none_or(|c| c.is_ascii_whitespace() || c.is_ascii_control())
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$' || !c.is_ascii()
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let padded;
    let digits = if digits.len() % 2 == 1 {
        padded = format!("0{digits}");
        padded.as_str()
    } else {
        digits
    };
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}
