//! Columns that divide a table: how their values are read, kept in a plan, and compared. Uses
//! `error` and `mysql`. Not hot: once a shard.
//!
//! A plan is a file that people edit, so values are checked before they become SQL.

use crate::error::{Error, Result};
use crate::mysql::schema::ColumnDefinition;
use crate::mysql::select::identifier;
use crate::mysql::types::Kind;

/// How a value is written in a plan and in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Digits, as they are.
    Number,
    /// Between quotes: dates, times, UUIDs, addresses.
    Quoted,
    /// `0x…` of the bytes in the column's character set, with that set and the collation.
    Text(String, Option<String>),
    /// `0x…` of the bytes.
    Bytes,
}

/// A column that divides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// Its name.
    pub name: String,
    /// Whether NULL may occur.
    pub nullable: bool,
    form: Form,
    /// What to select for its value in the plan.
    select: String,
}

impl KeyColumn {
    /// A column as a divider; `None` for types without a usable order.
    pub fn new(definition: &ColumnDefinition, kind: &Kind) -> Option<Self> {
        let quoted = identifier(&definition.name);
        let (form, select) = match kind {
            Kind::Float | Kind::Double => (Form::Number, format!("{quoted}*1e0")),
            Kind::Enum(..) | Kind::Set(..) | Kind::Bit(_) | Kind::Year => {
                (Form::Number, format!("CAST({quoted} AS UNSIGNED)"))
            }
            Kind::Signed(_)
            | Kind::Unsigned(_)
            | Kind::UnsignedInt
            | Kind::Bigint
            | Kind::UnsignedBigint
            | Kind::Decimal(..) => (Form::Number, quoted),
            Kind::Date
            | Kind::Time(_)
            | Kind::Datetime(_)
            | Kind::Timestamp(_)
            | Kind::Uuid
            | Kind::Inet4
            | Kind::Inet6 => (Form::Quoted, quoted),
            Kind::Text(..) => {
                let charset = definition.charset.clone()?;
                (Form::Text(charset, definition.collation.clone()), format!("HEX({quoted})"))
            }
            Kind::Bytes(_) | Kind::Padded(..) if !is_geometry(&definition.column_type) => {
                (Form::Bytes, format!("HEX({quoted})"))
            }
            _ => return None,
        };
        Some(Self { name: definition.name.clone(), nullable: definition.nullable, form, select })
    }

    /// What to select for a boundary.
    pub fn select(&self) -> &str {
        &self.select
    }

    /// Whether values are whole numbers.
    pub fn is_number(&self) -> bool {
        self.form == Form::Number
    }

    /// A selected value as the plan has it.
    pub fn keep(&self, text: String) -> String {
        match self.form {
            Form::Text(..) | Form::Bytes => format!("0x{text}"),
            Form::Number | Form::Quoted => text,
        }
    }

    /// A value of the plan as SQL.
    ///
    /// # Errors
    /// `Data` for a value that is not written as a plan writes it.
    pub fn literal(&self, value: &str) -> Result<String> {
        let wrong = || {
            Error::data(format!("a boundary of the column {} is not one of its values", self.name))
                .advise("let dbus-pull --plan write the shards, and change only what you know")
        };
        let of = |text: &str, more: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_digit() || more.as_bytes().contains(&b))
        };
        let hex = || {
            value.strip_prefix("0x").filter(|digits| {
                digits.len() % 2 == 0 && digits.bytes().all(|b| b.is_ascii_hexdigit())
            })
        };
        match &self.form {
            Form::Number if of(value, "+-.eE") => Ok(value.to_owned()),
            Form::Quoted if of(value, "-:. abcdefABCDEF") => Ok(format!("'{value}'")),
            Form::Bytes => Ok(format!("X'{}'", hex().ok_or_else(wrong)?)),
            Form::Text(charset, collation) => {
                let digits = hex().ok_or_else(wrong)?;
                let collate = collation.as_ref().map(|name| format!(" COLLATE {name}"));
                Ok(format!("_{charset} X'{digits}'{}", collate.unwrap_or_default()))
            }
            _ => Err(wrong()),
        }
    }
}

fn is_geometry(declared: &str) -> bool {
    let declared = declared.to_ascii_lowercase();
    !(declared.contains("binary") || declared.contains("blob"))
}

/// Rows whose key is greater than `values`, or, where `greater` is false, not greater. Written as
/// one range of the index for each column, because servers use no index for a comparison of rows
/// and only a part of it for nested conditions.
///
/// # Errors
/// `Data` for a value that is not one of its column.
pub fn compare(columns: &[KeyColumn], values: &[String], greater: bool) -> Result<String> {
    if columns.is_empty() || columns.len() != values.len() {
        return Err(Error::data("a boundary of a shard has another number of values than columns")
            .advise("let dbus-pull --plan write the shards"));
    }
    let mut ranges = Vec::with_capacity(columns.len());
    let mut equal = String::new();
    for (index, (column, value)) in columns.iter().zip(values).enumerate() {
        let (name, value) = (identifier(&column.name), column.literal(value)?);
        let sign = match (greater, index + 1 == columns.len()) {
            (true, _) => ">",
            (false, true) => "<=",
            (false, false) => "<",
        };
        ranges.push(format!("{equal}{name} {sign} {value}"));
        equal.push_str(&format!("{name} = {value} AND "));
    }
    match ranges.as_slice() {
        [range] => Ok(range.clone()),
        _ => Ok(format!("({})", ranges.join(" OR "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::charset::Charset;

    fn column(name: &str, declared: &str, kind: &Kind) -> KeyColumn {
        let mut definition = ColumnDefinition::new(name, declared);
        definition.charset = Some("latin1".into());
        definition.collation = Some("latin1_swedish_ci".into());
        KeyColumn::new(&definition, kind).unwrap()
    }

    #[test]
    fn comparisons_are_of_whole_keys() {
        let a = column("a", "bigint", &Kind::Bigint);
        let b = column("b", "varchar(9)", &Kind::Text(1, Charset::Latin1, true));
        let values = ["5".to_owned(), "0x61".to_owned()];
        assert_eq!(
            compare(&[a.clone(), b.clone()], &values, true).unwrap(),
            "(`a` > 5 OR `a` = 5 AND `b` > _latin1 X'61' COLLATE latin1_swedish_ci)"
        );
        assert_eq!(
            compare(&[a, b], &values, false).unwrap(),
            "(`a` < 5 OR `a` = 5 AND `b` <= _latin1 X'61' COLLATE latin1_swedish_ci)"
        );
    }

    #[test]
    fn values_of_a_plan_are_no_sql() {
        let a = column("a", "bigint", &Kind::Bigint);
        let d = column("d", "datetime", &Kind::Datetime(0));
        let b = column("b", "varbinary(9)", &Kind::Bytes(1));
        for (column, value) in
            [(&a, "1 OR 1"), (&a, ""), (&d, "2026' OR '1"), (&b, "0x1"), (&b, "61"), (&b, "0xZZ")]
        {
            assert!(column.literal(value).is_err(), "{value}");
        }
        assert_eq!(a.literal("-9223372036854775808").unwrap(), "-9223372036854775808");
        assert_eq!(d.literal("0000-00-00 00:00:00").unwrap(), "'0000-00-00 00:00:00'");
        assert_eq!(b.literal("0x").unwrap(), "X''");
    }
}
