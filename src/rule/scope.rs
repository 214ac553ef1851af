//! HOT. Which cells of a row an operator means: indices from 0, negative ones from the end, ranges,
//! names, lists of these. Uses `rule::cells`.

use super::cells::{Cell, Name, Names, by_name};

/// One part of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// An index, negative from the end.
    One(i32),
    /// From, and up to but not with; to the end where that is missing.
    Range(i32, Option<i32>),
    Named(Name),
}

/// The cells that an operator works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope(Vec<Part>);

impl Scope {
    /// Reads the parts of a list: each a number, `a:b`, `a:`, `*`, a name, or several with commas.
    pub(super) fn parse(texts: &[String], names: &mut Names) -> Result<Self, String> {
        let mut parts = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
            parts.push(part(text, names)?);
        }
        match parts.is_empty() {
            true => Err("no cell is named".into()),
            false => Ok(Self(parts)),
        }
    }

    /// The first cell of every row.
    pub(super) fn first() -> Self {
        Self(vec![Part::One(0)])
    }

    /// Every cell.
    pub(super) fn all() -> Self {
        Self(vec![Part::Range(0, None)])
    }

    /// Whether it can mean one cell only.
    pub(super) fn is_one(&self) -> bool {
        matches!(self.0.as_slice(), [Part::One(_) | Part::Named(_)])
    }

    /// The one cell, where the row has it.
    #[inline]
    pub(super) fn one(&self, row: &[Cell]) -> Option<usize> {
        match self.0.first()? {
            Part::One(index) => place(*index, row.len()).filter(|at| *at < row.len()),
            Part::Named(name) => by_name(row, *name),
            Part::Range(from, _) => place(*from, row.len()).filter(|at| *at < row.len()),
        }
    }

    /// The indices in the order of the list, repeats and all; what the row has not is left out.
    pub(super) fn pick(&self, row: &[Cell], picked: &mut Vec<usize>) {
        picked.clear();
        for part in &self.0 {
            match part {
                Part::One(index) => {
                    picked.extend(place(*index, row.len()).filter(|at| *at < row.len()));
                }
                Part::Named(name) => picked.extend(by_name(row, *name)),
                Part::Range(from, to) => {
                    let from = place(*from, row.len()).unwrap_or(0);
                    let to = match to {
                        Some(to) => place(*to, row.len()).unwrap_or(0).min(row.len()),
                        None => row.len(),
                    };
                    picked.extend(from..to);
                }
            }
        }
    }
}

/// An index from the front; `None` for one before the first cell.
#[inline]
fn place(index: i32, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn part(text: &str, names: &mut Names) -> Result<Part, String> {
    let wrong =
        || format!("'{text}' is no cell: write an index, -1 for the last, a:b, a:, * or a name");
    let number = |text: &str| text.parse::<i32>().map_err(|_| wrong());
    if text == "*" {
        return Ok(Part::Range(0, None));
    }
    if let Some((from, to)) = text.split_once(':')
        && !from.is_empty()
        && from.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        let to = if to.is_empty() { None } else { Some(number(to)?) };
        return Ok(Part::Range(number(from)?, to));
    }
    match text.bytes().next() {
        None => Err(wrong()),
        Some(b'-' | b'0'..=b'9') => Ok(Part::One(number(text)?)),
        Some(_) => names.used(text).map(Part::Named),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(scope: &str, cells: usize) -> Vec<usize> {
        let mut names = Names::default();
        let row: Vec<Cell> = (0..cells)
            .map(|at| Cell::NULL.named(names.intern(&format!("n{at}")).unwrap()))
            .collect();
        let mut picked = Vec::new();
        Scope::parse(&[scope.to_owned()], &mut names).unwrap().pick(&row, &mut picked);
        picked
    }

    #[test]
    fn indices_ranges_lists_and_names() {
        for (scope, expected) in [
            ("*", &[0, 1, 2, 3][..]),
            ("0:", &[0, 1, 2, 3]),
            ("2", &[2]),
            ("-1", &[3]),
            ("1:3", &[1, 2]),
            ("1:-1", &[1, 2]),
            ("0,2,-1,0", &[0, 2, 3, 0]),
            ("n2, 0", &[2, 0]),
            ("9", &[]),
            ("-9", &[]),
            ("3:1", &[]),
            ("2:2", &[]),
            ("2:99", &[2, 3]),
            ("-2:", &[2, 3]),
            ("nosuch", &[]),
        ] {
            assert_eq!(picked(scope, 4), expected, "{scope}");
        }
    }

    #[test]
    fn what_is_no_scope_is_said() {
        for wrong in ["", "1x", "1:x", "--1", "0,,1", "99999999999"] {
            let error = Scope::parse(&[wrong.to_owned()], &mut Names::default());
            assert!(error.unwrap_err().contains("is no cell"), "{wrong}");
        }
    }

    #[test]
    fn equal_ends_are_empty() {
        // The older system took 1:-3 of four cells for cell 1.
        assert!(picked("1:-3", 4).is_empty());
    }
}
