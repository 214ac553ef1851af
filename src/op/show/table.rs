//! Rows as a table for terminals. Uses `error`, `ums`. Not hot: people read it.
//!
//! Rows of one schema are gathered until the input pauses or some dozens are there, so that columns
//! are as wide as they need to be. Later rows keep the widths as long as they fit.

use std::sync::Arc;

use unicode_width::UnicodeWidthChar;

use crate::error::Result;
use crate::op::Stage;
use crate::ums::decode::Header;
use crate::ums::{Decoder, Op, Type};

/// Rows that are gathered at most.
const GATHERED: usize = 50;
/// The widest column, in columns of a terminal.
const WIDEST: usize = 40;

/// The table.
pub struct Table {
    decoder: Decoder,
    colour: bool,
    header: Option<Arc<Header>>,
    /// Widths of the rows that were written last under this header.
    widths: Vec<usize>,
    rows: Vec<Vec<Shown>>,
    /// Whether anything was written before.
    begun: bool,
}

/// A cell.
struct Shown {
    text: String,
    width: usize,
    null: bool,
}

impl Table {
    /// A table, in colour or not.
    pub fn new(colour: bool) -> Self {
        Self {
            decoder: Decoder::default(),
            colour,
            header: None,
            widths: Vec::new(),
            rows: Vec::new(),
            begun: false,
        }
    }

    fn paint(&self, code: &str, text: &str, out: &mut Vec<u8>) {
        match self.colour {
            true => out.extend_from_slice(format!("\x1b[{code}m{text}\x1b[0m").as_bytes()),
            false => out.extend_from_slice(text.as_bytes()),
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let Some(header) = self.header.clone().filter(|_| !self.rows.is_empty()) else { return };
        let rows = std::mem::take(&mut self.rows);
        let schema = &header.schema;
        let names: Vec<Shown> =
            schema.fields.iter().map(|field| shown(Some(&field.name))).collect();
        let mut widths: Vec<usize> = names.iter().map(|name| name.width).collect();
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width);
            }
        }
        let fits = widths.len() == self.widths.len()
            && widths.iter().zip(&self.widths).all(|(needed, there)| needed <= there);
        if !fits {
            self.widths = widths;
            if self.begun {
                out.push(b'\n');
            }
            self.paint("2", &schema.namespace.to_string(), out);
            out.push(b'\n');
            let titles: Vec<(&Shown, &str)> = names.iter().map(|name| (name, "1")).collect();
            self.push_row(&header, &titles, out);
            let rules: Vec<Shown> = self
                .widths
                .iter()
                .map(|width| Shown { text: "─".repeat(*width), width: *width, null: false })
                .collect();
            let rules: Vec<(&Shown, &str)> = rules.iter().map(|rule| (rule, "2")).collect();
            self.push_row(&header, &rules, out);
        }
        for row in &rows {
            let op = header.system.op.and_then(|place| row.get(place));
            let colour = match op.and_then(|op| Op::parse(op.text.as_bytes())) {
                Some(Op::Insert) => "32",
                Some(Op::Update) => "33",
                Some(Op::Delete) => "31",
                Some(Op::Before) | None => "2",
            };
            let cells = row.iter().enumerate().map(|(place, cell)| {
                let colour = match header.system.op == Some(place) {
                    true => colour,
                    false if cell.null => "2",
                    false => "",
                };
                (cell, colour)
            });
            let cells: Vec<(&Shown, &str)> = cells.collect();
            self.push_row(&header, &cells, out);
        }
        self.begun = true;
    }

    fn push_row(&self, header: &Header, cells: &[(&Shown, &str)], out: &mut Vec<u8>) {
        let mut line = Vec::new();
        for (place, (cell, colour)) in cells.iter().enumerate() {
            if place > 0 {
                line.extend_from_slice(b"  ");
            }
            let width = self.widths.get(place).copied().unwrap_or_default();
            let gap = " ".repeat(width.saturating_sub(cell.width));
            let ty = header.schema.fields.get(place).map(|field| field.ty);
            let right = matches!(
                ty,
                Some(Type::Int | Type::Long | Type::Decimal | Type::Float | Type::Double)
            );
            if right {
                line.extend_from_slice(gap.as_bytes());
            }
            match *colour {
                "" => line.extend_from_slice(cell.text.as_bytes()),
                colour => self.paint(colour, &cell.text, &mut line),
            }
            if !right && place + 1 < cells.len() {
                line.extend_from_slice(gap.as_bytes());
            }
        }
        out.extend_from_slice(line.trim_ascii_end());
        out.push(b'\n');
    }
}

impl Stage for Table {
    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let message = self.decoder.decode(line)?;
        if !message.protocol.is_data() {
            return Ok(());
        }
        let header = Arc::clone(&message.header);
        let mut gathered = Vec::new();
        let mut cells = Vec::new();
        for row in message.rows() {
            row?.split(header.schema.fields.len(), &mut cells)?;
            let texts: Result<Vec<Shown>> =
                cells.iter().map(|cell| Ok(shown(cell.text()?.as_deref()))).collect();
            gathered.push(texts?);
        }
        if !self.header.as_ref().is_some_and(|known| Arc::ptr_eq(known, &header)) {
            self.flush(out);
            self.header = Some(header);
            self.widths.clear();
        }
        for row in gathered {
            self.rows.push(row);
            if self.rows.len() >= GATHERED {
                self.flush(out);
            }
        }
        Ok(())
    }

    fn pause(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
    }
}

/// A text of one line, without anything that a terminal would obey, cut where it is too wide.
fn shown(text: Option<&str>) -> Shown {
    let Some(text) = text else { return Shown { text: "NULL".into(), width: 4, null: true } };
    let mut shown = Shown { text: String::new(), width: 0, null: false };
    for letter in text.chars() {
        let plain = match letter {
            '\n' => "⏎".to_owned(),
            '\t' => "⇥".to_owned(),
            letter if letter.is_control() || is_hidden(letter) => {
                format!("\\u{:04x}", letter as u32)
            }
            letter => letter.to_string(),
        };
        let width: usize = plain.chars().filter_map(UnicodeWidthChar::width).sum();
        if shown.width + width > WIDEST - 1 {
            shown.text.push('…');
            shown.width += 1;
            break;
        }
        shown.text += &plain;
        shown.width += width;
    }
    shown
}

/// Marks that turn the direction of a line, which could make it read as another.
fn is_hidden(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(table: &str, rows: &str) -> String {
        format!(
            r#"{{"protocol":{{"type":"data_increment_data"}},"schema":{{"namespace":"m.s.d.{table}.0.0.0","fields":[{{"name":"_ums_op_","type":"string"}},{{"name":"n","type":"int"}},{{"name":"s","type":"string"}}]}},"payload":[{rows}]}}"#
        )
    }

    fn text(colour: bool, lines: &[String]) -> String {
        let mut table = Table::new(colour);
        let mut out = Vec::new();
        for line in lines {
            table.line(line.as_bytes(), &mut out).unwrap();
            table.pause(&mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_in_line_and_nothing_is_obeyed() {
        let first = line("t", r#"{"tuple":["I",1,"日本"]},{"tuple":["D",100,null]}"#);
        let second = line("t", r#"{"tuple":["U",-5,"x\u001b[31m"]}"#);
        let third = line("t", r#"{"tuple":["U",7,"a\nb"]}"#);
        let expected = "\
m.s.d.t.0.0.0
_ums_op_    n  s
────────  ───  ────
I           1  日本
D         100  NULL

m.s.d.t.0.0.0
_ums_op_   n  s
────────  ──  ───────────
U         -5  x\\u001b[31m
U          7  a⏎b
";
        assert_eq!(text(false, &[first.clone(), second, third]), expected);
        assert!(text(true, &[first]).contains("\x1b[32mI\x1b[0m"));
        let long = line("t", &format!(r#"{{"tuple":["I",1,"{}"]}}"#, "é".repeat(60)));
        assert!(text(false, &[long]).contains(&("é".repeat(39) + "…")));
    }
}
