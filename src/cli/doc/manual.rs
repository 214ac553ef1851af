//! A manual page under construction: paragraphs, lists and tables as roff. Uses nothing of the
//! project. Not hot.

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// A page in the man macros.
#[derive(Debug, Default)]
pub(super) struct Manual {
    roff: Roff,
    /// Roff made elsewhere goes between the parts, so finished text is gathered here.
    text: String,
}

impl Manual {
    /// Begins with the title line and NAME.
    pub(super) fn new(name: &str, section: &str, about: &str) -> Self {
        let mut manual = Self::default();
        let source = concat!("dws ", env!("CARGO_PKG_VERSION"));
        let title = name.to_uppercase();
        manual.roff.control("TH", [title.as_str(), section, "\"\"", source, "dws manual"]);
        // Names of options and columns must not be divided at the end of a line.
        manual.roff.control("nh", []).control("ad", ["l"]);
        manual.section("NAME");
        manual.roff.text([roman(format!("{name} - {about}"))]);
        manual
    }

    /// Begins a section.
    pub(super) fn section(&mut self, name: &str) {
        self.roff.control("SH", [name]);
    }

    /// Begins a part of a section.
    pub(super) fn part(&mut self, name: &str) {
        self.roff.control("SS", [name]);
    }

    /// Adds paragraphs, divided by empty lines. One whose lines all begin with two spaces is shown as
    /// it stands.
    pub(super) fn text(&mut self, text: &str) {
        for (index, paragraph) in text.split("\n\n").enumerate() {
            if paragraph.lines().all(|line| line.starts_with("  ")) {
                self.verbatim(paragraph);
            } else {
                if index > 0 {
                    self.roff.control("PP", []);
                }
                self.roff.text(words(paragraph));
            }
        }
    }

    /// Adds lines as they stand, indented.
    pub(super) fn verbatim(&mut self, text: &str) {
        self.roff.control("PP", []).control("RS", ["4"]).control("nf", []);
        let indented = text.lines().all(|line| line.starts_with("  "));
        for line in text.lines() {
            self.roff.text([roman(if indented { line.get(2..).unwrap_or(line) } else { line })]);
        }
        self.roff.control("fi", []).control("RE", []);
    }

    /// Adds a list of terms with what they mean.
    pub(super) fn items<'a>(&mut self, items: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (term, meaning) in items {
            self.roff.control("TP", []).text([bold(term)]);
            self.roff.text(words(meaning));
        }
    }

    /// Adds a table: columns as wide as their widest cell, two spaces between them.
    pub(super) fn table(&mut self, rows: &[Vec<&str>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.len()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in rows {
            let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
            text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
            text.push('\n');
        }
        self.verbatim(&text);
    }

    /// Adds the line of SEE ALSO.
    pub(super) fn see_also(&mut self, pages: &[&str]) {
        self.section("SEE ALSO");
        let mut line = Vec::new();
        for page in pages {
            let (name, section) = page.split_once('(').unwrap_or((page, ""));
            if !line.is_empty() {
                line.push(roman(", "));
            }
            line.push(bold(name));
            line.push(roman(format!("({section}")));
        }
        self.roff.text(line);
    }

    /// Adds roff that another renderer made.
    pub(super) fn raw(&mut self, roff: &str) {
        self.seal();
        self.text.push_str(roff);
    }

    /// The page.
    pub(super) fn finish(mut self) -> String {
        self.seal();
        // Pages are ASCII, so that every man(1) shows them; a line that begins with a dot would be
        // a request.
        let text = self.text.replace("\n…", "\n\\&...").replace('…', "...");
        // The macro that makes apostrophes straight, as the renderer of the options expects it.
        format!(".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n{text}")
    }

    fn seal(&mut self) {
        let rendered = std::mem::take(&mut self.roff).render();
        self.text.push_str(without_preamble(&rendered));
    }
}

/// Roff without the two lines at its start that define the apostrophe.
pub(super) fn without_preamble(roff: &str) -> &str {
    let mut rest = roff;
    while rest.starts_with(".ie ") || rest.starts_with(".el ") {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest
}

/// Options in bold, all else as it is.
fn words(text: &str) -> Vec<Inline> {
    let mut line = Vec::new();
    let mut plain = String::new();
    for piece in text.split_inclusive([' ', '\n', '(']) {
        let end =
            piece.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(piece.len());
        let (option, rest) = piece.split_at(end);
        if option.len() > 2 && option.starts_with("--") {
            line.push(roman(std::mem::take(&mut plain)));
            line.push(bold(option));
            plain.push_str(rest);
        } else {
            plain.push_str(piece);
        }
    }
    line.push(roman(plain));
    line.retain(|part| *part != roman(""));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_bold() {
        let parts = words("see (--to), --at ID -- or -q.");
        let bolds: Vec<_> = parts.iter().filter(|part| matches!(part, Inline::Bold(_))).collect();
        assert_eq!(bolds, [&bold("--to"), &bold("--at")]);
    }

    #[test]
    fn tables_are_aligned() {
        let mut manual = Manual::new("x", "7", "y");
        manual.table(&[vec!["a", "bb"], vec!["ccc", "d"]]);
        assert!(manual.finish().contains("\na    bb\nccc  d\n"));
    }
}
