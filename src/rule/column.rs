//! The end of a group, saveAs: cells become typed columns, and tell the record's time and host. Uses
//! `rule` and `ums`. Hot.

use super::cells::{Cell, Name, Row, Work};
use super::number;
use super::op::{self, Context};
use super::read::{Fault, Keys, Placed};
use super::scope::Scope;
use super::time::{Micros, read_stamp};
use crate::ums::Type;

/// Types of columns and how rules write them.
pub const TYPES: [(Type, &str); 9] = [
    (Type::Int, "int"),
    (Type::Long, "long"),
    (Type::Float, "float"),
    (Type::Double, "double"),
    (Type::Decimal, "decimal"),
    (Type::Boolean, "boolean"),
    (Type::Date, "date"),
    (Type::Datetime, "datetime"),
    (Type::String, "string"),
];

/// The keys of saveAs and what they mean.
pub const KEYS: &[(&str, &str)] = &[
    ("columns", "The columns, a list of tables with the keys below."),
    ("time", "The cell that holds the record's time, as timestamp has written it: _ums_ts_."),
    ("host", "The cell that holds the host, for the namespace."),
];

/// The keys of one column and what they mean.
pub const COLUMN_KEYS: &[(&str, &str)] = &[
    ("name", "The column's name."),
    ("type", "int, long, float, double, decimal, boolean, date, datetime or string."),
    ("cell", "Its cell, by name or index. [the cell of the same name]"),
    (
        "null",
        "Texts that mean NULL: \"-\", or a list. An empty text does for all types but string.",
    ),
    ("default", "The value where the cell is NULL or is not there."),
    (
        "bad",
        "What a cell becomes that is none of the type: \"null\", \"default\", or \"reject\", which sends the \
         record to _unknown_ with the column's name as the reason. [reject]",
    ),
    ("required", "true: NULL rejects the record, and the column is not nullable. [false]"),
];

/// What becomes of a cell that does not parse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Null,
    Default,
    Reject,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether NULL is rejected.
    pub required: bool,
    scope: Scope,
    nulls: Vec<String>,
    /// As JSON.
    default: Option<Vec<u8>>,
    bad: Bad,
}

/// What saveAs does.
#[derive(Debug, Clone)]
pub(super) struct Save {
    pub(super) columns: Vec<Column>,
    time: Option<Scope>,
    host: Option<Scope>,
    /// The names of the cells of the last row: rows of one group mostly have the same.
    shape: Vec<Name>,
    /// Where such a row has the cell of every column.
    places: Vec<Option<usize>>,
    /// The text and the time of the last record: records of one moment are many.
    last: (String, Micros),
}

impl Save {
    pub(super) fn read(keys: &Keys, context: &mut Context) -> Placed<Self> {
        let mut columns: Vec<Column> = Vec::new();
        for one in keys.tables("columns")? {
            let column = column(&one, context)?;
            if columns.iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
                return Err(one.fault(format!("the column {} is there twice", column.name)));
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return Err(keys.fault("columns = [{ name = \"...\", type = \"...\" }] is missing"));
        }
        let scope = |key: &'static str, context: &mut Context| -> Placed<Option<Scope>> {
            let Some(texts) = keys.texts(key)? else { return Ok(None) };
            let fault = |text: String| Fault::new(keys.place(key), text);
            let scope = Scope::parse(&texts, context.names).map_err(fault)?;
            match scope.is_one() {
                true => Ok(Some(scope)),
                false => Err(fault(format!("{key} names one cell"))),
            }
        };
        let (time, host) = (scope("time", context)?, scope("host", context)?);
        keys.finish("saveAs")?;
        let last = (String::new(), 0);
        Ok(Self { columns, time, host, shape: Vec::new(), places: Vec::new(), last })
    }

    /// Appends the row's cells as JSON, a comma before each; the column that rejects it.
    #[inline]
    pub(super) fn write(&mut self, row: &Row, work: &Work, out: &mut Vec<u8>) -> Result<(), usize> {
        self.find_cells(row);
        for ((number, column), place) in self.columns.iter().enumerate().zip(&self.places) {
            out.push(b',');
            let cell = place.and_then(|at| row.get(at)).copied();
            let text = work.text(cell.unwrap_or(Cell::NULL)).filter(|text| !column.is_null(text));
            let start = out.len();
            let written = match text {
                Some(text) if number::write(column.ty, text, out) => true,
                Some(_) => match column.bad {
                    Bad::Null => false,
                    Bad::Default => column.put_default(out),
                    Bad::Reject => return Err(number),
                },
                None => column.put_default(out),
            };
            if !written {
                if column.required {
                    return Err(number);
                }
                out.truncate(start);
                out.extend_from_slice(b"null");
            }
        }
        Ok(())
    }

    /// Finds the cells of the columns, unless the row has its cells where the one before had them.
    #[inline]
    fn find_cells(&mut self, row: &Row) {
        let same = self.places.len() == self.columns.len()
            && self.shape.len() == row.len()
            && self.shape.iter().zip(row).all(|(name, cell)| *name == cell.name);
        if !same {
            self.shape.clear();
            self.shape.extend(row.iter().map(|cell| cell.name));
            self.places.clear();
            self.places.extend(self.columns.iter().map(|column| column.scope.one(row)));
        }
    }

    /// The record's time: `Ok(None)` where saveAs names no cell, `Err` where the cell holds none.
    pub(super) fn time(&mut self, row: &Row, work: &Work) -> Result<Option<Micros>, ()> {
        let Some(scope) = &self.time else { return Ok(None) };
        let cell = scope.one(row).and_then(|at| row.get(at)).copied().unwrap_or(Cell::NULL);
        let text = work.text(cell).ok_or(())?;
        if text != self.last.0 || text.is_empty() {
            let time = read_stamp(text).ok_or(())?;
            self.last.0.clear();
            self.last.0.push_str(text);
            self.last.1 = time;
        }
        Ok(Some(self.last.1))
    }

    /// The host; nothing where the cell is not there or empty.
    pub(super) fn host<'w>(&self, row: &Row, work: &'w Work) -> Option<&'w str> {
        let at = self.host.as_ref()?.one(row)?;
        work.text(*row.get(at)?).filter(|host| !host.is_empty())
    }
}

impl Column {
    fn is_null(&self, text: &str) -> bool {
        (text.is_empty() && self.ty != Type::String) || self.nulls.iter().any(|null| null == text)
    }

    fn put_default(&self, out: &mut Vec<u8>) -> bool {
        match &self.default {
            Some(default) => out.extend_from_slice(default),
            None => return false,
        }
        true
    }
}

fn column(keys: &Keys, context: &mut Context) -> Placed<Column> {
    let name = keys.need_text("name")?;
    let place = format!("column {name}");
    let system = ["_ums_id_", "_ums_ts_", "_ums_op_", "_ums_uid_"];
    if name.is_empty() || system.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        let text = format!("'{name}' cannot be the name of a column");
        return Err(Fault::new(keys.place("name"), text));
    }
    let words = TYPES.map(|(_, word)| word);
    let ty = keys.choice("type", &words).map_err(|fault| fault.within(&place))?;
    let ty = ty.and_then(|at| TYPES.get(at)).map(|(ty, _)| *ty);
    let ty = ty.ok_or_else(|| keys.fault("type = \"...\" is missing").within(&place))?;
    let texts = match keys.texts("cell")? {
        Some(texts) => texts,
        None if op::is_name(&name) => vec![name.clone()],
        None => return Err(keys.fault("cell = \"...\" is missing").within(&place)),
    };
    let scope = Scope::parse(&texts, context.names);
    let scope = scope
        .map_err(|text| Fault::new(keys.place("cell"), text))
        .and_then(|scope| match scope.is_one() {
            true => Ok(scope),
            false => Err(Fault::new(keys.place("cell"), "a column has one cell")),
        })
        .map_err(|fault| fault.within(&place))?;
    let default = match keys.texts("default")?.as_deref() {
        None => None,
        Some([text]) => {
            let mut json = Vec::new();
            if !number::write(ty, text, &mut json) {
                let text = format!("the default is no {}", ty.name());
                return Err(Fault::new(keys.place("default"), text).within(&place));
            }
            Some(json)
        }
        Some(_) => {
            return Err(Fault::new(keys.place("default"), "default is one text").within(&place));
        }
    };
    let bad = match keys.choice("bad", &["reject", "null", "default"])? {
        Some(1) => Bad::Null,
        Some(2) if default.is_none() => {
            return Err(
                Fault::new(keys.place("bad"), "default = \"...\" is missing").within(&place)
            );
        }
        Some(2) => Bad::Default,
        _ => Bad::Reject,
    };
    let nulls = keys.texts("null")?.unwrap_or_default();
    let required = keys.truth("required")?;
    keys.finish("a column").map_err(|fault| fault.within(&place))?;
    Ok(Column { name, ty, required, scope, nulls, default, bad })
}

#[cfg(test)]
mod tests {
    use crate::rule::{Engine, Made, Rules};

    /// The cells of a line split at bars, or the reason why it is in `_unknown_`.
    fn cells(column: &str, line: &str) -> Result<String, String> {
        let rules = format!(
            "source = \"s\"\n[[table]]\nname = \"t\"\n[[table.group]]\nname = \"g\"\noperators = [\n\
             {{ op = \"split\", cells = 0, text = \"|\", names = [\"a\"] }},\n\
             {{ op = \"saveAs\", columns = [{{ {column} }}] }} ]"
        );
        let mut engine = Engine::new(Rules::parse(&rules, "f").map_err(|e| e.to_string())?);
        let mut made = Made::default();
        engine.take(line.as_bytes(), &mut made, &mut ()).unwrap();
        let text = |at: (usize, usize)| String::from_utf8(made.at(at).to_vec()).unwrap();
        match (made.rows.as_slice(), engine.report().rejected) {
            ([row], 0) => Ok(text(row.cells)[1..].to_owned()),
            ([row], 1) => Err(text(row.cells)),
            _ => panic!("{} rows", made.rows.len()),
        }
    }

    #[test]
    fn what_a_cell_becomes() {
        for (column, line, expected) in [
            ("name = \"a\", type = \"int\"", "7", "7"),
            ("name = \"x\", type = \"long\", cell = 1", "7|8", "\"8\""),
            ("name = \"x\", type = \"long\", cell = -1", "7|8|9", "\"9\""),
            // Not there, empty, and said to mean NULL.
            ("name = \"x\", type = \"string\", cell = 5", "7", "null"),
            ("name = \"a\", type = \"int\"", "|x", "null"),
            ("name = \"a\", type = \"string\"", "|x", "\"\""),
            ("name = \"a\", type = \"int\", null = [\"-\", \"n/a\"]", "n/a", "null"),
            ("name = \"a\", type = \"string\", null = \"-\"", "-", "null"),
            ("name = \"a\", type = \"int\", null = \"-\", default = \"0\"", "-", "0"),
            (
                "name = \"x\", type = \"date\", cell = 5, default = \"2026-01-01\"",
                "7",
                "\"2026-01-01\"",
            ),
            // None of the type.
            ("name = \"a\", type = \"int\", bad = \"null\"", "x", "null"),
            ("name = \"a\", type = \"int\", bad = \"null\", default = \"3\"", "x", "null"),
            ("name = \"a\", type = \"int\", bad = \"default\", default = \"3\"", "x", "3"),
        ] {
            assert_eq!(cells(column, line).as_deref(), Ok(expected), "{column} {line}");
        }
    }

    #[test]
    fn what_rejects_a_record() {
        for (column, line) in [
            ("name = \"a\", type = \"int\"", "x"),
            ("name = \"a\", type = \"int\", required = true", "|"),
            ("name = \"a\", type = \"int\", required = true, bad = \"null\"", "x"),
            ("name = \"a\", type = \"string\", required = true, cell = 7", "x"),
        ] {
            let reason = cells(column, line).unwrap_err();
            assert!(reason.ends_with("\"table t, group g: a\""), "{column}: {reason}");
        }
    }
}
