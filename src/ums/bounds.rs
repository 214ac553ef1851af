//! HOT. Where the cells of a tuple are, found without decoding any: for whoever asks for few of many,
//! or copies cells as they stand. Uses `error` and `ums`.

use std::ops::Range;

use super::cell::{Cell, Row};
use super::cursor::scalar_length;
use super::scan::push_behind_commas;
use crate::error::{Error, Result};

/// The cells of one row after the other; room for the next is kept.
#[derive(Debug, Default)]
pub struct Bounds {
    /// Where each cell begins in the line, and where one behind the last would.
    begins: Vec<usize>,
}

impl Bounds {
    /// Finds the cells of a row; an error unless there are exactly `fields` of them. What is in them
    /// is looked at when it is asked for.
    #[inline]
    pub fn read(&mut self, row: &Row, fields: usize) -> Result<()> {
        self.begins.clear();
        self.begins.push(row.start);
        push_behind_commas(row.line.as_bytes(), row.start, row.end, &mut self.begins);
        self.begins.push(row.end + 1);
        // What lies between the ends of a tuple without commas may be no cell at all.
        if self.begins.len() != fields + 1 || fields < 2 {
            return row.split(fields, &mut Vec::new());
        }
        Ok(())
    }

    /// A cell of the row that was read last.
    #[inline]
    pub fn cell<'a>(&self, row: &Row<'a>, column: usize) -> Result<Cell<'a>> {
        let cells = self.range(&(column..column + 1));
        let text = row.line.as_bytes().get(cells.clone()).unwrap_or_default();
        if let Some(inside) = text.strip_prefix(b"\"") {
            let stop = memchr::memchr2(b'"', b'\\', inside).unwrap_or_default();
            if stop + 2 == text.len() && inside.last() == Some(&b'"') {
                let plain = row.line.get(cells.start + 1..cells.end - 1);
                return Ok(Cell::Plain(plain.unwrap_or_default()));
            }
        } else if scalar_length(text) == Some(text.len()) {
            return Ok(if text == b"null" { Cell::Null } else { Cell::Bare(text) });
        }
        self.any(row, column)
    }

    /// Cells that stand one behind the other, with the commas between them, as they are written.
    #[inline]
    pub fn bytes<'a>(&self, row: &Row<'a>, columns: &Range<usize>) -> &'a [u8] {
        row.line.as_bytes().get(self.range(columns)).unwrap_or_default()
    }

    #[inline]
    fn range(&self, columns: &Range<usize>) -> Range<usize> {
        let begin = |at: usize| self.begins.get(at).copied().unwrap_or_default();
        begin(columns.start)..begin(columns.end).saturating_sub(1)
    }

    /// A cell with escapes or with spaces around it, or one that is none.
    #[cold]
    fn any<'a>(&self, row: &Row<'a>, column: usize) -> Result<Cell<'a>> {
        let mut cells = Vec::new();
        row.split(self.begins.len().saturating_sub(1), &mut cells)?;
        cells.get(column).copied().ok_or_else(|| Error::data("a row without one of its columns"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(line: &str) -> Row<'_> {
        Row::new(line, 70, line.len() - 1).unwrap()
    }

    /// A tuple inside a line, in which everything before it is another string.
    fn line(tuple: &str) -> String {
        format!("\"{}\"{tuple}]", ",".repeat(68))
    }

    #[test]
    fn what_is_none_of_the_cells_is_said_as_elsewhere() {
        for (tuple, fields) in
            [("", 0), (" ", 1), ("1", 1), ("1,2", 1), ("1,2", 3), (",", 2), ("1,", 2), ("1 2,3", 2)]
        {
            let line = line(tuple);
            let mut bounds = Bounds::default();
            let read = bounds.read(&row(&line), fields);
            let all = read.and_then(|()| {
                (0..fields).try_for_each(|at| bounds.cell(&row(&line), at).map(|_| ()))
            });
            let split = row(&line).split(fields, &mut Vec::new());
            assert_eq!(
                all.map_err(|error: Error| error.to_string()),
                split.map_err(|error| error.to_string()),
                "{tuple}"
            );
        }
    }

    proptest! {
        #[test]
        fn cells_are_those_of_a_row_that_is_split(
            cells in proptest::collection::vec(
                prop_oneof![
                    r#" ?"([a-zé,\[\]]|\\["\\n]){0,80}" ?"#,
                    " ?(null|true|-1[.]5|12|01|nul|\"a\"b) ?",
                ],
                2..12,
            )
        ) {
            let line = line(&cells.join(","));
            let row = row(&line);
            let mut bounds = Bounds::default();
            bounds.read(&row, cells.len()).unwrap();
            let mut split = Vec::new();
            let whole = row.split(cells.len(), &mut split);
            for (at, written) in cells.iter().enumerate() {
                prop_assert_eq!(bounds.bytes(&row, &(at..at + 1)), written.as_bytes());
                match (bounds.cell(&row, at), &whole) {
                    (Ok(cell), Ok(())) => prop_assert_eq!(cell, split[at]),
                    (Err(error), Err(expected)) => {
                        prop_assert_eq!(error.to_string(), expected.to_string());
                    }
                    // Another cell of the row is none.
                    (Ok(_), Err(_)) => {}
                    (Err(error), Ok(())) => prop_assert!(false, "{}", error),
                }
            }
            prop_assert_eq!(bounds.bytes(&row, &(0..cells.len())), row.bytes);
        }
    }
}
