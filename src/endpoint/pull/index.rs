//! Which columns divide a table. Uses `error`, `mysql` and the crate `mysql`. Not hot.

use mysql::prelude::Queryable;

use super::key::KeyColumn;
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::mysql::connect::failed;
use crate::mysql::select::{self, identifier};

/// What a table is divided by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divider {
    /// The columns, in the order of the index.
    pub columns: Vec<KeyColumn>,
    /// The index to walk; `None` where the server shall choose.
    pub index: Option<String>,
    /// Whether it is the primary key, which no update changes: the log has a delete and an insert.
    pub primary: bool,
}

struct Index {
    name: String,
    unique: bool,
    columns: Vec<String>,
}

/// The table's indexes that hold whole columns in order and that a query may name.
fn indexes(conn: &mut mysql::Conn, layout: &Layout) -> Result<Vec<Index>> {
    let rows: Vec<mysql::Row> = conn
        .query(format!("SHOW INDEX FROM {}", layout.sql_name()))
        .map_err(failed(format_args!("table {}: its indexes cannot be read", layout.name)))?;
    let mut all: Vec<Index> = Vec::new();
    let mut unfit: Vec<String> = Vec::new();
    for row in rows {
        let text = |name: &str| select::text(&row, name);
        let Some(name) = text("Key_name") else { continue };
        let whole = text("Sub_part").is_none();
        let ordered = text("Index_type").is_some_and(|kind| kind == "BTREE");
        let hidden = text("Visible").is_some_and(|visible| visible == "NO")
            || text("Ignored").is_some_and(|ignored| ignored == "YES");
        let column = text("Column_name").filter(|_| whole && ordered && !hidden);
        let Some(column) = column else {
            unfit.push(name);
            continue;
        };
        let unique = text("Non_unique").is_some_and(|text| text == "0");
        match all.iter_mut().find(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => all.push(Index { name, unique, columns: vec![column] }),
        }
    }
    all.retain(|index| !unfit.contains(&index.name));
    Ok(all)
}

/// The divider: `split_by`, else the primary key, a unique index, another index; `None` for a
/// table that has none.
///
/// # Errors
/// `Usage` for a `split_by` that the table has not, or whose type has no usable order.
pub fn choose(
    conn: &mut mysql::Conn,
    layout: &Layout,
    split_by: Option<&str>,
) -> Result<Option<Divider>> {
    let indexes = indexes(conn, layout)?;
    if let Some(name) = split_by {
        let column = layout.key_column(name).ok_or_else(|| {
            Error::usage(format!(
                "--split-by {name}: {} has no such column that can be ordered",
                layout.name
            ))
        })?;
        let index = indexes
            .iter()
            .find(|index| index.columns.first().is_some_and(|first| *first == column.name));
        let index = index.map(|index| index.name.clone());
        let primary = layout.definition.keys.first() == Some(&column.name);
        return Ok(Some(Divider { columns: vec![column], index, primary }));
    }
    let mut best: Option<(u8, Divider)> = None;
    for index in indexes {
        let columns: Option<Vec<KeyColumn>> =
            index.columns.iter().map(|name| layout.key_column(name)).collect();
        let Some(mut columns) = columns else { continue };
        // A comparison with NULL is neither true nor false: only one column may have them.
        let nullable = columns.iter().any(|column| column.nullable);
        if nullable {
            columns.truncate(1);
        }
        let rank = match (index.name == "PRIMARY", index.unique, nullable) {
            (true, ..) => 0,
            (_, true, false) => 1,
            (_, true, true) => 2,
            _ => 3,
        };
        if best.as_ref().is_none_or(|(least, _)| rank < *least) {
            let primary = rank == 0;
            best = Some((rank, Divider { columns, index: Some(index.name), primary }));
        }
    }
    Ok(best.map(|(_, divider)| divider))
}

impl Divider {
    /// `FORCE INDEX (…)`, or nothing.
    pub fn hint(&self) -> String {
        match &self.index {
            Some(index) => format!(" FORCE INDEX ({})", identifier(index)),
            None => String::new(),
        }
    }

    /// The columns for ORDER BY.
    pub fn order(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|c| identifier(&c.name)).collect();
        names.join(", ")
    }

    /// The columns' values as the plan has them.
    pub fn select(&self) -> String {
        let all: Vec<&str> = self.columns.iter().map(KeyColumn::select).collect();
        all.join(", ")
    }
}
