//! A table's definition as the TABLE_MAP that the log would have for it, so that the one type table
//! plans the columns of a SELECT, too. Uses `error` and `mysql::{collations, schema, table_map}`.
//! Not hot: once a table.

use super::collations;
use super::ddl::TableName;
use super::schema::{ColumnDefinition, TableDefinition, labels};
use super::table_map::{Metadata, TableMap, WireColumn, wire};
use super::types::{self, Column};
use crate::error::{Error, Result};

/// The columns as `types::plan` gives them for the log.
///
/// # Errors
/// `Data` for a declared type that is not known.
pub fn plan(name: &TableName, table: &TableDefinition, mariadb: bool) -> Result<Vec<Column>> {
    let failed = |column: &ColumnDefinition, why: &str| {
        Error::data(format!("table {name}, column {}: {why}", column.name))
            .advise("leave the table out with --exclude, or the column with --columns")
    };
    let mut metadata = Metadata::default();
    let mut columns = Vec::with_capacity(table.columns.len());
    for column in &table.columns {
        let declared = column.column_type.to_ascii_lowercase();
        let (ty, meta) = wire_type(&declared, column, mariadb)
            .ok_or_else(|| failed(column, "its type is not known"))?;
        match ty {
            wire::GEOMETRY => {
                metadata.geometry.get_or_insert_default().push(geometry_code(&declared));
            }
            wire::VECTOR => {
                let dimensions = numbers(&declared).first().copied().unwrap_or(2048);
                metadata.dimensions.get_or_insert_default().push(u64::from(dimensions));
            }
            _ => {}
        }
        columns.push(WireColumn { ty, meta, nullable: column.nullable });
    }
    let map = TableMap {
        id: 0,
        schema: name.schema.clone(),
        table: name.table.clone(),
        columns,
        metadata,
    };
    types::plan(&map, Some(&table.columns), mariadb).map_err(|(index, why)| {
        let column = table.columns.get(index).map_or("", |column| column.name.as_str());
        Error::data(format!("table {name}, column {column}: {why}"))
    })
}

/// The numbers between the first parentheses.
fn numbers(declared: &str) -> Vec<u32> {
    let inside = declared.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    inside
        .map(|(list, _)| list.split(',').filter_map(|n| n.trim().parse().ok()).collect())
        .unwrap_or_default()
}

/// The wire type and its metadata, as `WireColumn` has them.
fn wire_type(declared: &str, column: &ColumnDefinition, mariadb: bool) -> Option<(u8, u16)> {
    let word = declared.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let numbers = numbers(declared);
    let first = numbers.first().copied();
    let number = |default: u32| first.unwrap_or(default);
    let width = || -> u32 {
        let charset = column.charset.as_deref().and_then(collations::charset_by_name);
        charset.map_or(1, |charset| u32::from(charset.max_bytes()))
    };
    let compressed = mariadb && declared.contains("compressed");
    let digits = u16::try_from(number(0)).ok()?;
    let blob =
        |bytes: u16| Some((if compressed { wire::BLOB_COMPRESSED } else { wire::BLOB }, bytes));
    let variable = |capacity: u32| {
        let capacity = u16::try_from(capacity).ok()?;
        Some(if compressed {
            (wire::VARCHAR_COMPRESSED, capacity.saturating_add(1))
        } else {
            (wire::VARCHAR, capacity)
        })
    };
    Some(match word {
        "tinyint" | "bool" | "boolean" => (wire::TINY, 0),
        "smallint" => (wire::SHORT, 0),
        "mediumint" => (wire::INT24, 0),
        "int" | "integer" => (wire::LONG, 0),
        "bigint" => (wire::LONGLONG, 0),
        "float" => (wire::FLOAT, 4),
        "double" | "real" => (wire::DOUBLE, 8),
        "decimal" | "numeric" => {
            let scale = numbers.get(1).copied().unwrap_or(0);
            let precision = number(10);
            (wire::NEWDECIMAL, u16::try_from(precision << 8 | scale).ok()?)
        }
        "year" => (wire::YEAR, 0),
        "bit" => {
            let bits = number(1);
            (wire::BIT, u16::try_from(((bits / 8) << 8) | (bits % 8)).ok()?)
        }
        "date" => (wire::DATE, 0),
        "time" => (wire::TIME2, digits),
        "datetime" => (wire::DATETIME2, digits),
        "timestamp" => (wire::TIMESTAMP2, digits),
        "json" => (wire::JSON, 4),
        "vector" if mariadb => (wire::VARCHAR, u16::try_from(number(0).checked_mul(4)?).ok()?),
        "vector" => (wire::VECTOR, 4),
        "uuid" | "inet6" => (wire::STRING, 16),
        "inet4" => (wire::STRING, 4),
        "enum" => {
            let count = labels(&column.column_type)?.len();
            (wire::ENUM, if count > 255 { 2 } else { 1 })
        }
        "set" => {
            let count = labels(&column.column_type)?.len();
            let bytes = match count.div_ceil(8) {
                0 => 1,
                5..=8 => 8,
                bytes => u16::try_from(bytes).ok()?,
            };
            (wire::SET, bytes)
        }
        "char" => (wire::STRING, u16::try_from(number(1).checked_mul(width())?).ok()?),
        "binary" => (wire::STRING, u16::try_from(number(1)).ok()?),
        "varchar" => return variable(number(0).checked_mul(width())?),
        "varbinary" => return variable(number(0)),
        "tinytext" | "tinyblob" => return blob(1),
        "text" | "blob" => return blob(2),
        "mediumtext" | "mediumblob" => return blob(3),
        "longtext" | "longblob" => return blob(4),
        _ if geometry_code(declared) != u64::MAX => (wire::GEOMETRY, 4),
        _ => return None,
    })
}

/// The code of a geometry type in the log's metadata; `u64::MAX` for another type.
fn geometry_code(declared: &str) -> u64 {
    match declared {
        "geometry" => 0,
        "point" => 1,
        "linestring" => 2,
        "polygon" => 3,
        "multipoint" => 4,
        "multilinestring" => 5,
        "multipolygon" => 6,
        "geometrycollection" | "geomcollection" => 7,
        _ => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::types::Kind;

    fn planned(declared: &str, charset: Option<&str>, mariadb: bool) -> Column {
        let mut column = ColumnDefinition::new("c", declared);
        column.charset = charset.map(str::to_owned);
        let table = TableDefinition { columns: vec![column], ..TableDefinition::default() };
        plan(&TableName::new("s", "t"), &table, mariadb).unwrap().remove(0)
    }

    #[test]
    fn declared_types_are_those_of_the_log() {
        for (declared, charset, origin) in [
            ("int(11)", None, "int"),
            ("int(10) unsigned zerofill", None, "int unsigned"),
            ("bigint(20) unsigned", None, "bigint unsigned"),
            ("decimal(12,2)", None, "decimal(12,2)"),
            ("bit(9)", None, "bit(9)"),
            ("varchar(20)", Some("utf8mb4"), "varchar(20)"),
            ("char(5)", Some("latin1"), "char(5)"),
            ("longtext", Some("utf8mb4"), "longtext"),
            ("varbinary(300)", None, "varbinary(300)"),
            ("timestamp(6)", None, "timestamp(6)"),
            ("set('a','b,c')", Some("utf8mb4"), "set('a','b,c')"),
            ("point", None, "point"),
            ("varchar(9) /*M!100301 COMPRESSED*/", Some("utf8mb4"), "varchar(9) compressed"),
        ] {
            let column = planned(declared, charset, true);
            assert_eq!(column.field.origin.as_deref(), Some(origin), "{declared}");
        }
        assert_eq!(planned("vector(3)", None, false).field.origin.as_deref(), Some("vector(3)"));
        assert_eq!(planned("binary(4)", None, false).kind, Kind::Padded(1, 4));
    }

    #[test]
    fn unknown_types_are_an_error() {
        let table = TableDefinition {
            columns: vec![ColumnDefinition::new("c", "xmltype")],
            ..TableDefinition::default()
        };
        let error = plan(&TableName::new("s", "t"), &table, true).unwrap_err().to_string();
        assert!(error.contains("column c"), "{error}");
    }
}
