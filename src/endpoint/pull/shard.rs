//! Shards: ranges of a table's key, and their lines in a plan. Uses `error`, `mysql`, the crate
//! `mysql` and serde_json. Not hot: once a shard.
//!
//! A range is above one boundary up to and with the next, in the order of the index itself; the
//! first and the last have one boundary, so rows that are inserted at the ends are in a shard.

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::failed;
use super::index::Divider;
use super::key::{KeyColumn, compare};
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::mysql::ddl::TableName;
use crate::mysql::select::identifier;

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The table.
    pub table: TableName,
    /// Its number, from 1.
    pub number: u64,
    /// The columns that divide; empty where the table is not divided.
    pub columns: Vec<String>,
    /// The key that it begins behind; empty for the first one.
    pub after: Vec<String>,
    /// The key that it ends with; empty for the last one.
    pub upto: Vec<String>,
    /// The rows whose first key column is NULL, instead of a range.
    pub null: bool,
}

impl Shard {
    fn range(table: &TableName, number: u64, divider: &Divider) -> Self {
        Self {
            table: table.clone(),
            number,
            columns: divider.columns.iter().map(|column| column.name.clone()).collect(),
            after: Vec::new(),
            upto: Vec::new(),
            null: false,
        }
    }

    /// A whole table.
    pub fn whole(table: &TableName) -> Self {
        Self {
            table: table.clone(),
            number: 1,
            columns: Vec::new(),
            after: Vec::new(),
            upto: Vec::new(),
            null: false,
        }
    }

    /// The condition of its rows.
    ///
    /// # Errors
    /// `Data` for a boundary that is not a value, or a column that is gone.
    pub fn condition(&self, layout: &Layout) -> Result<String> {
        let columns: Vec<KeyColumn> = self
            .columns
            .iter()
            .map(|name| {
                layout.key_column(name).ok_or_else(|| {
                    Error::data(format!("table {}: no column {name} to divide it by", self.table))
                        .advise("make a new plan; the table has changed")
                })
            })
            .collect::<Result<_>>()?;
        if self.null {
            let first = columns.first().ok_or_else(|| Error::data("a shard of NULLs has no column"))?;
            return Ok(format!("{} IS NULL", identifier(&first.name)));
        }
        let mut parts = Vec::new();
        if !self.after.is_empty() {
            parts.push(compare(&columns, &self.after, true)?);
        }
        if !self.upto.is_empty() {
            parts.push(compare(&columns, &self.upto, false)?);
        }
        match (parts.is_empty(), columns.first()) {
            // All rows but those of the shard of NULLs.
            (true, Some(first)) if first.nullable => {
                Ok(format!("{} IS NOT NULL", identifier(&first.name)))
            }
            (true, _) => Ok("TRUE".to_owned()),
            _ => Ok(parts.join(" AND ")),
        }
    }

    /// Its line in a plan.
    pub fn line(&self) -> String {
        json!({
            "schema": self.table.schema, "table": self.table.table, "shard": self.number,
            "columns": self.columns, "after": self.after, "upto": self.upto, "null": self.null,
        })
        .to_string()
    }

    /// Reads a line of a plan; `None` for a line of something else.
    ///
    /// # Errors
    /// `Data` for what is no shard.
    pub fn parse(value: &Value) -> Result<Self> {
        let wrong = || {
            Error::data("not a shard")
                .advise("a shard is a line that dbus-pull --plan wrote")
        };
        let text = |name: &str| value.get(name).and_then(Value::as_str).ok_or_else(wrong);
        let list = |name: &str| -> Result<Vec<String>> {
            let all = value.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
            all.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        };
        Ok(Self {
            table: TableName::new(text("schema")?, text("table")?),
            number: value.get("shard").and_then(Value::as_u64).ok_or_else(wrong)?,
            columns: list("columns")?,
            after: list("after")?,
            upto: list("upto")?,
            null: value.get("null").and_then(Value::as_bool).ok_or_else(wrong)?,
        })
    }
}

/// How tables are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Walk the index: every shard has as many rows.
    Rows,
    /// Equal ranges of the first column's numbers, after one look at its ends.
    Even,
}

/// Divides a table into shards of about `rows` rows.
///
/// # Errors
/// `Refused` where it cannot be read, `Usage` for `Even` on a column that holds no whole numbers.
pub fn plan(
    conn: &mut mysql::Conn,
    layout: &Layout,
    divider: Option<&Divider>,
    rows: u64,
    split: Split,
    filter: Option<&str>,
) -> Result<Vec<Shard>> {
    let Some(divider) = divider else { return Ok(vec![Shard::whole(&layout.name)]) };
    let mut boundaries = match split {
        Split::Rows => walk(conn, layout, divider, rows, filter)?,
        Split::Even => even(conn, layout, divider, rows)?,
    };
    boundaries.dedup();
    let single = Divider { columns: divider.columns.iter().take(1).cloned().collect(), index: None };
    let divider = if split == Split::Even { &single } else { divider };
    let mut shards = Vec::with_capacity(boundaries.len() + 2);
    let mut after = Vec::new();
    for boundary in boundaries.into_iter().map(Some).chain([None]) {
        let mut shard = Shard::range(&layout.name, shards.len() as u64 + 1, divider);
        shard.after = after;
        shard.upto = boundary.clone().unwrap_or_default();
        after = boundary.unwrap_or_default();
        shards.push(shard);
    }
    if divider.columns.first().is_some_and(|column| column.nullable) {
        let mut shard = Shard::range(&layout.name, shards.len() as u64 + 1, divider);
        shard.null = true;
        shards.push(shard);
    }
    Ok(shards)
}

fn walk(
    conn: &mut mysql::Conn,
    layout: &Layout,
    divider: &Divider,
    rows: u64,
    filter: Option<&str>,
) -> Result<Vec<Vec<String>>> {
    let filter = filter.map(|text| format!(" AND ({text})")).unwrap_or_default();
    let mut boundaries: Vec<Vec<String>> = Vec::new();
    loop {
        let mut condition = match boundaries.last() {
            Some(last) => compare(&divider.columns, last, true)?,
            None => "TRUE".to_owned(),
        };
        if let Some(first) = divider.columns.first().filter(|column| column.nullable) {
            condition = format!("{condition} AND {} IS NOT NULL", identifier(&first.name));
        }
        let found: Option<mysql::Row> = conn
            .query_first(format!(
                "SELECT {} FROM {}{} WHERE {condition}{filter} ORDER BY {} LIMIT 1 OFFSET {}",
                divider.select(),
                layout.sql_name(),
                divider.hint(),
                divider.order(),
                rows.saturating_sub(1)
            ))
            .map_err(failed(format_args!("table {}: its key cannot be walked", layout.name)))?;
        let Some(row) = found else { return Ok(boundaries) };
        let values: Option<Vec<String>> = divider
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| {
                row.get::<Option<String>, _>(index).flatten().map(|text| column.keep(text))
            })
            .collect();
        let values = values.ok_or_else(|| {
            Error::data(format!("table {}: a key that cannot be a boundary", layout.name))
                .advise("name another column with --split-by")
        })?;
        boundaries.push(values);
    }
}

fn even(
    conn: &mut mysql::Conn,
    layout: &Layout,
    divider: &Divider,
    rows: u64,
) -> Result<Vec<Vec<String>>> {
    let unfit = || {
        Error::usage(format!("--split even: the key of {} does not begin with a whole number", layout.name))
            .advise("name one with --split-by, or leave --split out")
    };
    let first = divider.columns.first().filter(|column| column.is_number()).ok_or_else(unfit)?;
    let name = identifier(&first.name);
    let ends: Option<(Option<String>, Option<String>)> = conn
        .query_first(format!("SELECT MIN({name}), MAX({name}) FROM {}", layout.sql_name()))
        .map_err(failed(format_args!("table {}: its ends cannot be read", layout.name)))?;
    let Some((Some(least), Some(greatest))) = ends else { return Ok(Vec::new()) };
    let count: Option<u64> = conn
        .query_first(format!(
            "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            crate::mysql::select::literal(&layout.name.schema),
            crate::mysql::select::literal(&layout.name.table)
        ))
        .map_err(failed("information_schema cannot be read"))?;
    let least: i128 = least.parse().map_err(|_| unfit())?;
    let greatest: i128 = greatest.parse().map_err(|_| unfit())?;
    let shards = i128::from(count.unwrap_or(0).div_ceil(rows.max(1)).clamp(1, 1 << 20));
    Ok(points(least, greatest, shards))
}

/// The upper ends of all shards but the last.
fn points(least: i128, greatest: i128, shards: i128) -> Vec<Vec<String>> {
    let width = (greatest - least) / shards + 1;
    let inner = (1..shards).map(|number| least + width * number - 1);
    inner.take_while(|point| *point < greatest).map(|point| vec![point.to_string()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_points_cover_extremes() {
        assert_eq!(points(1, 100, 3), [["34"], ["68"]]);
        assert_eq!(points(5, 5, 4), Vec::<Vec<String>>::new());
        let all = points(i128::from(i64::MIN), i128::from(u64::MAX), 2);
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn lines_of_a_plan_come_back() {
        let shard = Shard {
            table: TableName::new("a.b", "c\"d"),
            number: 7,
            columns: vec!["x".into(), "y".into()],
            after: vec!["1".into(), "0x6f".into()],
            upto: Vec::new(),
            null: false,
        };
        let value = serde_json::from_str(&shard.line()).unwrap();
        assert_eq!(Shard::parse(&value).unwrap(), shard);
        assert!(Shard::parse(&json!({"schema": 1})).is_err());
    }
}
