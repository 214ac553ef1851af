//! Helpers of the operators' tests: one line of a rules file, applied to cells. Uses `rule`. Not hot.

use toml::de::{DeTable, DeValue};

use super::{ALL, Context, Operator, Verdict};
use crate::rule::cells::{Cell, Names, Work};
use crate::rule::file::Format;
use crate::rule::grok::Library;
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::time::Zone;

/// Compiles an inline table.
pub(in crate::rule) fn compile(line: &str, format: Format) -> Placed<Box<dyn Operator>> {
    compile_with(line, format, &mut Names::default())
}

fn compile_with(line: &str, format: Format, names: &mut Names) -> Placed<Box<dyn Operator>> {
    let text = format!("x = {line}");
    let document = DeTable::parse(&text).map_err(|error| Fault::new(0, error.message()))?;
    let value = document.get_ref().get("x").unwrap();
    let DeValue::Table(table) = value.get_ref() else { panic!("{line} is no table") };
    let keys = Keys::new(table, 0);
    let name = keys.need_text("op")?;
    let spec = ALL.iter().find(|spec| spec.name == name).unwrap();
    let library = Library::default();
    let mut context = Context { names, format, zone: Zone::utc(), library: &library };
    spec.compile(&keys, &mut context)
}

/// The rows that come out, cells as text, NULL as `None`; or why none did.
pub(super) fn apply(line: &str, cells: &[&str]) -> Result<Vec<Vec<Option<String>>>, &'static str> {
    let mut names = Names::default();
    let mut operator = compile_with(line, Format::Json, &mut names).unwrap();
    let mut work = Work::default();
    work.begin("");
    let mut row: Vec<Cell> = cells.iter().map(|cell| work.push(cell).unwrap()).collect();
    match operator.apply(&mut row, &mut work) {
        Verdict::Keep => {}
        Verdict::Drop(why) | Verdict::Fail(why) => return Err(why),
    }
    let mut rows = vec![row];
    rows.append(&mut work.more);
    let text = |cell: &Cell| work.text(*cell).map(ToOwned::to_owned);
    Ok(rows.iter().map(|row| row.iter().map(text).collect()).collect())
}

/// `apply` for one row without NULL.
pub(super) fn one(line: &str, cells: &[&str]) -> Vec<String> {
    let mut rows = apply(line, cells).unwrap_or_else(|why| panic!("{line}: {why}"));
    assert_eq!(rows.len(), 1, "{line}");
    rows.remove(0).into_iter().map(|cell| cell.unwrap_or_else(|| "NULL".into())).collect()
}
