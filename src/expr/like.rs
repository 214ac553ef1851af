//! HOT. LIKE patterns: `%` any run of characters, `_` any one. Uses nothing of the project.

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Run,
    One,
    Letter(char),
}

/// A pattern, read once.
#[derive(Debug, Clone)]
pub struct Like {
    pieces: Vec<Piece>,
    /// Upper and lower case are the same.
    folded: bool,
}

impl Like {
    /// Reads a pattern; `None` when the character of ESCAPE stands at its end. `folded` makes it
    /// ILIKE: both sides are compared in lower case (Unicode).
    pub fn new(pattern: &str, escape: Option<char>, folded: bool) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut letters = pattern.chars();
        while let Some(letter) = letters.next() {
            match letter {
                _ if Some(letter) == escape => pieces.push(Piece::Letter(letters.next()?)),
                '%' => pieces.push(Piece::Run),
                '_' => pieces.push(Piece::One),
                _ => pieces.push(Piece::Letter(letter)),
            }
        }
        if folded {
            let lower = |piece| match piece {
                Piece::Letter(letter) => letter.to_lowercase().map(Piece::Letter).collect(),
                other => vec![other],
            };
            pieces = pieces.into_iter().flat_map(lower).collect();
        }
        Some(Self { pieces, folded })
    }

    /// Whether all of `text` matches. Only the last `%` met is ever tried again, so the time is at
    /// most the product of the lengths.
    pub fn matches(&self, text: &str) -> bool {
        if self.folded {
            let folded: String = text.chars().flat_map(char::to_lowercase).collect();
            return self.run(&folded);
        }
        self.run(text)
    }

    fn run(&self, text: &str) -> bool {
        let mut place = 0;
        let mut rest = text.chars();
        // Where to go on after the last run, and the text that the run has not taken yet.
        let mut retry: Option<(usize, std::str::Chars)> = None;
        loop {
            let mut ahead = rest.clone();
            let letter = ahead.next();
            let fits = match (self.pieces.get(place), letter) {
                (None, None) => return true,
                (Some(Piece::Run), _) => {
                    place += 1;
                    retry = Some((place, rest.clone()));
                    continue;
                }
                (Some(Piece::One), Some(_)) => true,
                (Some(Piece::Letter(wanted)), Some(letter)) => *wanted == letter,
                _ => false,
            };
            if fits {
                place += 1;
                rest = ahead;
                continue;
            }
            let Some((after, taken)) = retry.as_mut() else { return false };
            if taken.next().is_none() {
                return false;
            }
            place = *after;
            rest = taken.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("%", "", true),
            ("_", "", false),
            ("a%c", "abbc", true),
            ("a%c", "abbcd", false),
            ("%b%c", "abbxc", true),
            ("_🦀_", "a🦀é", true),
            ("A", "a", false),
            ("%%x", "yx", true),
            ("a!%b", "a%b", true),
            ("a!%b", "axb", false),
        ] {
            let like = Like::new(pattern, Some('!'), false).unwrap();
            assert_eq!(like.matches(text), expected, "{pattern} {text}");
        }
        assert!(Like::new("ÄB%", None, true).unwrap().matches("äbc"));
        assert!(Like::new("x!", Some('!'), false).is_none());
        let many = Like::new(&("a%".repeat(2000) + "b"), None, false).unwrap();
        assert!(!many.matches(&"a".repeat(20_000)));
    }
}
