//! Shards: ranges of a table's key, and their lines in a plan. Uses `error`, `mysql`, the crate
//! `mysql` and serde_json. Not hot: once a shard.
//!
//! A range is above one boundary up to and with the next, in the order of the index itself; the
//! first and the last have one boundary, so rows that are inserted at the ends are in a shard.

use std::collections::VecDeque;

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::index::Divider;
use super::key::{KeyColumn, compare};
use super::layout::Layout;
use crate::error::{Error, Result};
use crate::mysql::connect::failed;
use crate::mysql::ddl::TableName;
use crate::mysql::select::{identifier, literal, text};

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
            let first =
                columns.first().ok_or_else(|| Error::data("a shard of NULLs has no column"))?;
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
        let wrong =
            || Error::data("not a shard").advise("a shard is a line that dbus-pull --plan wrote");
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

/// Divides one table, shard by shard, so that the first can be pulled while the last is looked for.
#[derive(Debug)]
pub struct Planner {
    divider: Option<Divider>,
    rows: u64,
    /// The upper ends of all shards but the last, where they are known from the start.
    points: Option<VecDeque<Vec<String>>>,
    number: u64,
    after: Vec<String>,
    /// Whether the shard that has no upper end is out.
    open_ended: bool,
    ended: bool,
}

impl Planner {
    /// Shards of about `rows` rows.
    ///
    /// # Errors
    /// `Refused` where the table cannot be read, `Usage` for `Even` on a column that holds no
    /// whole numbers.
    pub fn new(
        conn: &mut mysql::Conn,
        layout: &Layout,
        divider: Option<Divider>,
        rows: u64,
        split: Split,
    ) -> Result<Self> {
        let (mut divider, mut points) = (divider, None);
        if let (Split::Even, Some(found)) = (split, &mut divider) {
            points = Some(even(conn, layout, found, rows)?.into());
            found.columns.truncate(1);
        }
        Ok(Self {
            divider,
            rows: rows.max(1),
            points,
            number: 0,
            after: Vec::new(),
            open_ended: false,
            ended: false,
        })
    }

    /// Goes on behind a shard that is already known.
    ///
    /// # Errors
    /// `Refused` where the shards known were cut by other columns: what is behind the last one in the
    /// one order is not what is behind it in the other.
    pub fn resume(&mut self, last: &Shard) -> Result<()> {
        let columns = self.divider.iter().flat_map(|divider| &divider.columns);
        if !columns.map(|column| &column.name).eq(&last.columns) {
            return Err(Error::refused(format!(
                "table {}: its shards so far were cut by ({}), and it would go on by another index",
                last.table,
                last.columns.join(", ")
            ))
            .advise("an index of the table or --split-by has changed; remove the file of --state and pull anew"));
        }
        self.number = last.number;
        self.open_ended = last.upto.is_empty();
        self.ended = last.null || self.divider.is_none();
        self.after.clone_from(&last.upto);
        let number = |point: &[String]| point.first().and_then(|text| text.parse::<i128>().ok());
        if let (Some(points), Some(last)) = (&mut self.points, number(&last.upto)) {
            points.retain(|point| number(point).is_some_and(|point| point > last));
        }
        Ok(())
    }

    /// The next shard; `None` behind the last.
    ///
    /// # Errors
    /// `Unreachable` where the connection broke, `Data` for keys that cannot be walked.
    pub fn next(
        &mut self,
        conn: &mut mysql::Conn,
        layout: &Layout,
        filter: Option<&str>,
    ) -> Result<Option<Shard>> {
        let nullable = |divider: &Divider| divider.columns.first().is_some_and(|c| c.nullable);
        let Some(divider) = &self.divider else {
            let first = !std::mem::replace(&mut self.ended, true);
            return Ok(first.then(|| Shard::whole(&layout.name)));
        };
        if self.ended || (self.open_ended && !nullable(divider)) {
            return Ok(None);
        }
        let mut shard = Shard::range(&layout.name, self.number + 1, divider);
        if self.open_ended {
            self.ended = true;
            shard.null = true;
        } else {
            let upto = match &mut self.points {
                Some(points) => points.pop_front(),
                None => boundary(conn, layout, divider, &self.after, self.rows, filter)?,
            };
            if upto.as_ref().is_some_and(|upto| *upto == self.after) {
                return Err(Error::data(format!(
                    "table {}: its index does not go forward at a value of its key",
                    layout.name
                ))
                .advise("name another column with --split-by"));
            }
            self.open_ended = upto.is_none();
            shard.after = std::mem::replace(&mut self.after, upto.clone().unwrap_or_default());
            shard.upto = upto.unwrap_or_default();
        }
        self.number += 1;
        Ok(Some(shard))
    }
}

/// The key of the last of so many rows behind another key; `None` where there are fewer.
fn boundary(
    conn: &mut mysql::Conn,
    layout: &Layout,
    divider: &Divider,
    after: &[String],
    rows: u64,
    filter: Option<&str>,
) -> Result<Option<Vec<String>>> {
    let mut conditions = Vec::new();
    if !after.is_empty() {
        conditions.push(compare(&divider.columns, after, true)?);
    }
    if let Some(first) = divider.columns.first().filter(|column| column.nullable) {
        conditions.push(format!("{} IS NOT NULL", identifier(&first.name)));
    }
    conditions.extend(filter.map(|filter| format!("({filter})")));
    let condition =
        if conditions.is_empty() { "TRUE".to_owned() } else { conditions.join(" AND ") };
    let found: Option<mysql::Row> = conn
        .query_first(format!(
            "SELECT {} FROM {}{} WHERE {condition} ORDER BY {} LIMIT 1 OFFSET {}",
            divider.select(),
            layout.from(),
            divider.hint(),
            divider.order(),
            rows.saturating_sub(1)
        ))
        .map_err(failed(format_args!("table {}: its key cannot be walked", layout.name)))?;
    let Some(row) = found else { return Ok(None) };
    let values: Option<Vec<String>> = divider
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| text(&row, index).map(|text| column.keep(text)))
        .collect();
    values.map(Some).ok_or_else(|| {
        Error::data(format!("table {}: a key that cannot be a boundary", layout.name))
            .advise("name another column with --split-by")
    })
}

fn even(
    conn: &mut mysql::Conn,
    layout: &Layout,
    divider: &Divider,
    rows: u64,
) -> Result<Vec<Vec<String>>> {
    let unfit = || {
        Error::usage(format!(
            "--split even: the key of {} does not begin with a whole number",
            layout.name
        ))
        .advise("name one with --split-by, or leave --split out")
    };
    let first = divider.columns.first().filter(|column| column.is_number()).ok_or_else(unfit)?;
    let name = first.select();
    let ends: Option<(Option<String>, Option<String>)> = conn
        .query_first(format!("SELECT MIN({name}), MAX({name}) FROM {}", layout.from()))
        .map_err(failed(format_args!("table {}: its ends cannot be read", layout.name)))?;
    let Some((Some(least), Some(greatest))) = ends else { return Ok(Vec::new()) };
    let count: Option<u64> = conn
        .query_first(format!(
            "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            literal(&layout.name.schema),
            literal(&layout.name.table)
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
    use crate::mysql::schema::ColumnDefinition;
    use crate::mysql::types::Kind;

    #[test]
    fn even_points_cover_extremes() {
        assert_eq!(points(1, 100, 3), [["34"], ["68"]]);
        assert_eq!(points(5, 5, 4), Vec::<Vec<String>>::new());
        let all = points(i128::from(i64::MIN), i128::from(u64::MAX), 2);
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_plan_goes_on_by_the_columns_that_it_began_with() {
        let planner = |names: &[&str]| {
            let column = |name: &&str| {
                let definition = ColumnDefinition::new(*name, "bigint");
                KeyColumn::new(&definition, &Kind::Bigint).unwrap()
            };
            let columns = names.iter().map(column).collect();
            let divider = Divider { columns, index: None, primary: false };
            let divider = Some(divider).filter(|_| !names.is_empty());
            let (points, after) = (None, Vec::new());
            Planner { divider, rows: 1, points, number: 0, after, open_ended: false, ended: false }
        };
        let whole = Shard::whole(&TableName::new("d", "t"));
        let cut = Shard { columns: vec!["a".into()], upto: vec!["9".into()], ..whole.clone() };
        assert!(planner(&["a"]).resume(&cut).is_ok());
        assert!(planner(&[]).resume(&whole).is_ok());
        for (other, last) in
            [(&["b"][..], &cut), (&["a", "b"], &cut), (&[], &cut), (&["a"], &whole)]
        {
            assert_eq!(
                planner(other).resume(last).unwrap_err().kind(),
                crate::error::Kind::Refused
            );
        }
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
