//! Tables as text, column by column, to be compared: from a server, and from the changes of a log.

use std::collections::BTreeMap;

use crate::server::Server;
use crate::tail::{Change, base64, unhex};

/// Rows by key, cells by column; `NULL` for NULL, hexadecimal digits for bytes.
pub type Table = BTreeMap<String, BTreeMap<String, String>>;

/// A table as the server's own client shows it.
pub fn of_server(server: &Server, schema: &str, table: &str, keys: &[&str]) -> Table {
    let columns = server.rows(&format!(
        "SELECT column_name, data_type FROM information_schema.columns
         WHERE table_schema = '{schema}' AND table_name = '{table}' ORDER BY ordinal_position"
    ));
    let shown: Vec<String> = columns
        .iter()
        .map(|column| match column[1].as_str() {
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
                format!("IFNULL(CONCAT('B', HEX(`{}`)), 'NULL')", column[0])
            }
            _ => format!(
                "IFNULL(CONCAT('T', HEX(CAST(`{}` AS CHAR CHARACTER SET utf8mb4))), 'NULL')",
                column[0]
            ),
        })
        .collect();
    let query =
        format!("SET time_zone = '+00:00'; SELECT {} FROM `{schema}`.`{table}`", shown.join(", "));
    let mut found = Table::new();
    for row in server.rows(&query) {
        let cells: BTreeMap<String, String> = columns
            .iter()
            .zip(row)
            .map(|(column, cell)| {
                let text = match cell.split_at(1) {
                    ("B", bytes) => bytes.to_owned(),
                    ("T", text) => String::from_utf8(unhex(text)).unwrap(),
                    _ => "NULL".into(),
                };
                let real = matches!(column[1].as_str(), "double" | "float") && text != "NULL";
                (column[0].clone(), if real { number(&text) } else { text })
            })
            .collect();
        let doubled = found.insert(key(&cells, keys), cells);
        assert!(doubled.is_none(), "{keys:?} is no key of {table}");
    }
    found
}

/// The end state that the changes of one table lead to.
pub fn of_changes(changes: &[Change], table: &str, keys: &[&str]) -> Table {
    let mut found = Table::new();
    for change in changes.iter().filter(|change| change.table == table) {
        let cells: BTreeMap<String, String> = change
            .cells
            .keys()
            .map(|column| {
                let text = change.text(column);
                let text = match change.types[column].as_str() {
                    _ if text == "NULL" => text,
                    "binary" => base64(&text).iter().map(|byte| format!("{byte:02X}")).collect(),
                    "double" | "float" => number(&text),
                    _ => text,
                };
                (column.clone(), text)
            })
            .collect();
        let key = key(&cells, keys);
        match change.op.as_str() {
            "I" => assert!(found.insert(key.clone(), cells).is_none(), "{table} {key} twice"),
            "U" => {
                let row = found.get_mut(&key).unwrap_or_else(|| panic!("{table} {key}: no row"));
                row.extend(cells);
            }
            "D" => assert!(found.remove(&key).is_some(), "{table} {key}: nothing to delete"),
            other => panic!("op {other}"),
        }
    }
    found
}

/// A floating point number in one spelling: 1 and 1.0 are the same.
pub fn number(text: &str) -> String {
    text.parse::<f64>().unwrap_or_else(|_| panic!("{text:?} is no number")).to_string()
}

fn key(cells: &BTreeMap<String, String>, keys: &[&str]) -> String {
    keys.iter().map(|name| cells[*name].as_str()).collect::<Vec<_>>().join("/")
}

/// Ends the test at the first differences. A column that the second table lacks counts as NULL:
/// rows written before a column was added do not name it.
pub fn same(what: &str, server: &Table, ours: &Table) {
    let mut wrong = Vec::new();
    for (key, row) in server {
        let Some(our_row) = ours.get(key) else {
            wrong.push(format!("{key} is missing"));
            continue;
        };
        for (column, cell) in row {
            let our_cell = our_row.get(column).map_or("NULL", String::as_str);
            if cell != our_cell {
                wrong.push(format!("{key} {column}: {our_cell:?}, in the source {cell:?}"));
            }
        }
    }
    wrong.extend(
        ours.keys()
            .filter(|key| !server.contains_key(*key))
            .map(|key| format!("{key} is too much")),
    );
    let some = wrong[..wrong.len().min(20)].join("\n");
    assert!(wrong.is_empty(), "{what}: {} differences\n{some}", wrong.len());
}
