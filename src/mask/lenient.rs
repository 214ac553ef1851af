//! Parameters written as a flat JSON object, the way older configurations have them: keys may stand
//! without quotes, and single quotes do. Uses nothing. Not hot.

/// The members of an object, in order; values as text.
///
/// # Errors
/// A text that is no such object.
pub(super) fn members(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut reader = Reader { rest: text.trim().chars().collect::<Vec<_>>(), at: 0 };
    reader.object().ok_or_else(|| "the parameter is no JSON object of texts".to_owned())
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: char) -> Option<()> {
        self.space();
        (self.next()? == wanted).then_some(())
    }

    fn object(&mut self) -> Option<Vec<(String, String)>> {
        let mut members = Vec::new();
        self.take('{')?;
        self.space();
        while self.peek()? != '}' {
            let name = self.text()?;
            self.take(':')?;
            members.push((name, self.text()?));
            self.space();
            match self.peek()? {
                ',' => self.at += 1,
                '}' => break,
                _ => return None,
            }
            self.space();
        }
        self.take('}')?;
        self.space();
        self.peek().is_none().then_some(members)
    }

    /// A text in quotes of either kind, or a bare word.
    fn text(&mut self) -> Option<String> {
        self.space();
        let mut text = String::new();
        let quote = match self.peek()? {
            quote @ ('"' | '\'') => quote,
            _ => {
                while let Some(c) =
                    self.peek().filter(|c| c.is_alphanumeric() || "_-.".contains(*c))
                {
                    text.push(c);
                    self.at += 1;
                }
                return (!text.is_empty()).then_some(text);
            }
        };
        self.at += 1;
        loop {
            match self.next()? {
                c if c == quote => return Some(text),
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let mut code = 0;
                for _ in 0..4 {
                    code = code * 16 + self.next()?.to_digit(16)?;
                }
                char::from_u32(code)?
            }
            c @ ('"' | '\'' | '\\' | '/') => c,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::members;

    #[test]
    fn objects_of_several_spellings() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let both = vec![pair("type", "fixed"), pair("salt", "a'\"\\d")];
        assert_eq!(members(r#"{"type":"fixed","salt":"a'\"\\d"}"#).unwrap(), both);
        assert_eq!(members(r#" { type : 'fixed' , salt: 'a\'"\\d' } "#).unwrap(), both);
        assert_eq!(members("{encode:1}").unwrap(), [pair("encode", "1")]);
        assert_eq!(members("{}").unwrap(), []);
        assert_eq!(members(r#"{"a":"\u00e9"}"#).unwrap(), [pair("a", "é")]);
        for wrong in ["", "{", "[]", "{a}", "{a:}", "{a:'b}", "{a:'b'} x", "{a:'\\q'}", "{a:[1]}"] {
            assert!(members(wrong).is_err(), "{wrong}");
        }
    }
}
