//! A catalog as JSON, for the schema store. Uses `error`. Not hot.

use serde_json::{Map, Value, json};

use super::{Catalog, ColumnDefinition, Shape, TableDefinition};
use crate::error::{Error, Result};
use crate::mysql::ddl::TableName;

impl Catalog {
    /// The catalog as a JSON object.
    pub fn to_json(&self) -> Value {
        let tables: Vec<Value> = self.tables.iter().map(table_to_json).collect();
        let databases: Map<String, Value> =
            self.databases.iter().map(|(name, charset)| (name.clone(), json!(charset))).collect();
        json!({ "fold_case": self.fold_case, "databases": databases, "tables": tables })
    }

    /// A catalog from what [`Catalog::to_json`] gave.
    pub fn from_json(value: &Value) -> Result<Self> {
        read(value).ok_or_else(|| {
            Error::data("the schema store does not hold a catalog")
                .advise("remove the file, the catalog is then read from the server")
        })
    }
}

fn table_to_json((name, shape): (&TableName, &Shape)) -> Value {
    match shape {
        Shape::Unknown(reason) => {
            json!({ "schema": name.schema, "table": name.table, "unknown": reason })
        }
        Shape::Known(table) => {
            let columns: Vec<Value> = table.columns.iter().map(column_to_json).collect();
            json!({
                "schema": name.schema, "table": name.table, "columns": columns,
                "keys": table.keys, "charset": table.charset, "collation": table.collation,
                "versioned": table.versioned,
            })
        }
    }
}

fn column_to_json(column: &ColumnDefinition) -> Value {
    json!({
        "name": column.name, "type": column.column_type, "nullable": column.nullable,
        "charset": column.charset, "collation": column.collation,
        "generated": column.generated, "invisible": column.invisible,
    })
}

fn read(value: &Value) -> Option<Catalog> {
    let mut catalog = Catalog::new(value.get("fold_case")?.as_bool()?);
    for (name, charset) in value.get("databases")?.as_object()? {
        catalog.databases.insert(name.clone(), text(charset));
    }
    for table in value.get("tables")?.as_array()? {
        let part = |key: &str| Some(table.get(key)?.as_str()?.to_owned());
        let name = TableName::new(part("schema")?, part("table")?);
        let shape = match part("unknown") {
            Some(reason) => Shape::Unknown(reason),
            None => Shape::Known(read_table(table)?),
        };
        catalog.tables.insert(name, shape);
    }
    Some(catalog)
}

fn read_table(table: &Value) -> Option<TableDefinition> {
    let columns = table.get("columns")?.as_array()?.iter().map(read_column);
    let keys = table.get("keys")?.as_array()?.iter().map(text);
    Some(TableDefinition {
        columns: columns.collect::<Option<_>>()?,
        keys: keys.collect::<Option<_>>()?,
        charset: text(table.get("charset")?),
        collation: text(table.get("collation")?),
        versioned: table.get("versioned")?.as_bool()?,
    })
}

fn read_column(column: &Value) -> Option<ColumnDefinition> {
    let flag = |key: &str| column.get(key)?.as_bool();
    Some(ColumnDefinition {
        name: text(column.get("name")?)?,
        column_type: text(column.get("type")?)?,
        nullable: flag("nullable")?,
        charset: text(column.get("charset")?),
        collation: text(column.get("collation")?),
        generated: flag("generated")?,
        invisible: flag("invisible")?,
    })
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
