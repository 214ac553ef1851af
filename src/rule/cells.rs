//! HOT. The working data of one record: rows of cells, all of them spans of one text. Uses `near`.
//!
//! The text begins with the record; what operators make is put behind it. A cell is two numbers and
//! a name, so taking a record apart copies nothing and allocates nothing.

/// What the cells of one record may hold together, in bytes: a rule that joins and repeats cells
/// must not grow without end.
pub const MOST_TEXT: usize = 512 << 20;

/// The most cells of one row, and the most rows of one record.
pub const MOST_CELLS: usize = 1 << 20;

/// The name of a cell, as a number in the list of names of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name(pub(crate) u16);

impl Name {
    /// Cells have no name unless an operator gives one.
    pub const NONE: Name = Name(u16::MAX);
}

/// The names that the rules speak of; made when they are read.
#[derive(Debug, Clone, Default)]
pub struct Names {
    texts: Vec<String>,
    /// Those that operators of the group being read give to cells.
    given: Option<Vec<Name>>,
}

impl Names {
    /// The number of a name, a new one where it is new; `None` above 65 534 names.
    pub fn intern(&mut self, name: &str) -> Option<Name> {
        let found = self.texts.iter().position(|known| known == name);
        let at = found.unwrap_or(self.texts.len());
        let number = u16::try_from(at).ok().filter(|number| *number != u16::MAX)?;
        if found.is_none() {
            self.texts.push(name.to_owned());
        }
        Some(Name(number))
    }

    /// A group begins: its operators have given no names yet, and can use none but those they give.
    pub(super) fn begin_group(&mut self) {
        self.given = Some(Vec::new());
    }

    /// The number of a name that an operator gives to cells.
    pub(super) fn give(&mut self, name: &str) -> Option<Name> {
        let number = self.intern(name)?;
        if let Some(given) = &mut self.given {
            given.push(number);
        }
        Some(number)
    }

    /// The number of a name that an operator or a column uses.
    ///
    /// # Errors
    /// What is wrong, as a text: no operator before it has given the name, so there will never be such a
    /// cell.
    pub(super) fn used(&mut self, name: &str) -> Result<Name, String> {
        let number = self.intern(name).ok_or("there are too many names")?;
        match &self.given {
            Some(given) if !given.contains(&number) => {
                let known = given.iter().map(|known| self.text(*known));
                let near = match given.is_empty() {
                    true => "no operator before gives a cell a name".to_owned(),
                    false => crate::near::names(name, known),
                };
                Err(format!("no cell is named {name}; {near}"))
            }
            _ => Ok(number),
        }
    }

    /// The text of a name; empty for `Name::NONE`.
    pub fn text(&self, name: Name) -> &str {
        self.texts.get(usize::from(name.0)).map_or("", String::as_str)
    }
}

/// One cell: a span of the text of its record, or NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Its name, if it has one.
    pub name: Name,
    start: u32,
    /// Below `start` only in NULL.
    end: u32,
}

impl Cell {
    /// No value.
    pub const NULL: Cell = Cell { name: Name::NONE, start: 1, end: 0 };

    /// Whether it is NULL.
    pub fn is_null(self) -> bool {
        self.end < self.start
    }

    /// The same value under a name.
    #[must_use]
    pub fn named(self, name: Name) -> Self {
        Self { name, ..self }
    }

    /// A part of this cell, by offsets in its text; NULL for what is not inside.
    #[must_use]
    #[inline]
    pub fn part(self, from: usize, to: usize) -> Self {
        let length = self.end.saturating_sub(self.start) as usize;
        if self.is_null() || from > to || to > length {
            return Self::NULL;
        }
        // Both are at most a length that is a u32.
        let (from, to) = (from as u32, to as u32);
        Self { name: Name::NONE, start: self.start + from, end: self.start + to }
    }
}

/// A row of cells.
pub type Row = Vec<Cell>;

/// The text behind the cells, and what operators need while they work; used again for every record.
#[derive(Debug, Default)]
pub struct Work {
    text: String,
    /// Where an operator puts a new value together; empty between operators.
    pub draft: String,
    /// Indices that a scope stands for, while an operator works.
    pub picked: Vec<usize>,
    /// Cells of the row in the making.
    pub cells: Row,
    /// Rows that follow the one an operator works on.
    pub more: Vec<Row>,
    /// What times without a year are near to, in microseconds since 1970.
    pub near: i64,
}

impl Work {
    /// Forgets everything and takes a record; its only cell.
    pub fn begin(&mut self, record: &str) -> Cell {
        self.text.clear();
        self.text.shrink_to(8 << 20);
        self.draft.shrink_to(8 << 20);
        self.push(record).unwrap_or(Cell::NULL)
    }

    /// The text of a cell; `None` for NULL.
    #[inline]
    pub fn text(&self, cell: Cell) -> Option<&str> {
        self.text.get(cell.start as usize..cell.end as usize)
    }

    /// The text of a cell; nothing for NULL.
    #[inline]
    pub fn plain(&self, cell: Cell) -> &str {
        self.text(cell).unwrap_or_default()
    }

    /// A new cell; `None` when the record has become too large.
    pub fn push(&mut self, text: &str) -> Option<Cell> {
        let start = self.text.len();
        if start.saturating_add(text.len()) > MOST_TEXT {
            return None;
        }
        self.text.push_str(text);
        Some(Cell {
            name: Name::NONE,
            start: u32::try_from(start).ok()?,
            end: u32::try_from(self.text.len()).ok()?,
        })
    }

    /// The draft as a new cell; leaves the draft empty.
    pub fn push_draft(&mut self) -> Option<Cell> {
        let draft = std::mem::take(&mut self.draft);
        let cell = self.push(&draft);
        self.draft = draft;
        self.draft.clear();
        cell
    }
}

/// The cell of that name; the last one, where there are several.
#[inline]
pub fn by_name(row: &[Cell], name: Name) -> Option<usize> {
    row.iter().rposition(|cell| cell.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_spans() {
        let mut work = Work::default();
        let record = work.begin("one two");
        let two = record.part(4, 7);
        assert_eq!(work.text(two), Some("two"));
        assert_eq!(work.text(two.part(1, 3)), Some("wo"));
        assert!(two.part(1, 4).is_null() && two.part(2, 1).is_null());
        assert!(record.part(usize::MAX, usize::MAX).is_null());
        work.draft.push_str("made");
        let made = work.push_draft().unwrap();
        assert_eq!((work.text(made), work.draft.as_str()), (Some("made"), ""));
        assert_eq!((work.text(Cell::NULL), work.plain(Cell::NULL)), (None, ""));
        let empty = record.part(3, 3);
        assert_eq!((work.text(empty), empty.is_null()), (Some(""), false));
    }

    #[test]
    fn names_are_numbers_and_the_last_of_a_name_counts() {
        let mut names = Names::default();
        let (a, b) = (names.intern("a").unwrap(), names.intern("b").unwrap());
        assert_eq!((names.intern("a"), names.text(b)), (Some(a), "b"));
        assert_eq!(names.text(Name::NONE), "");
        let row = [Cell::NULL.named(a), Cell::NULL.named(b), Cell::NULL.named(a)];
        assert_eq!((by_name(&row, a), by_name(&row[..1], b)), (Some(2), None));
    }
}
