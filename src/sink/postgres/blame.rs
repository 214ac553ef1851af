//! Which column a refused row is refused for: PostgreSQL does not say it when a cast fails. Uses
//! `error`, `ums` and the shapes. Not hot: once a row that cannot be stored.

use std::collections::HashMap;

use postgres::types::{ToSql, Type as Oid};
use postgres::{Client, SimpleQueryMessage};

use super::dialect::PostgresDialect;
use crate::sink::sql::session::Dialect;
use crate::sink::sql::shape::Group;
use crate::ums::Type;
use crate::ums::base64::decode_base64;

/// The first column whose value its own type does not take; `None` when each does.
pub(super) fn column(client: &mut Client, group: &Group, at: usize) -> Option<String> {
    let shape = &group.shape;
    let row = group.get(at)?;
    let mut cells = Vec::new();
    row.row.split(shape.header.schema.fields.len(), &mut cells).ok()?;
    let types = types(client, &shape.table)?;
    for column in &shape.columns {
        let Some(text) = cells.get(column.cell)?.text().ok()? else { continue };
        let declared = types.get(&column.name)?;
        // A cast to a length cuts off in silence; an assignment refuses.
        let length = ["character varying(", "character("]
            .iter()
            .find_map(|word| declared.strip_prefix(word)?.strip_suffix(')')?.parse::<usize>().ok());
        let too_long = length.is_some_and(|most| text.trim_end_matches(' ').chars().count() > most);
        let bytes = (column.ty == Type::Binary).then(|| decode_base64(text.as_bytes())).flatten();
        let (value, oid): (&(dyn ToSql + Sync), _) = match &bytes {
            Some(bytes) => (bytes, Oid::BYTEA),
            None => (&text, Oid::TEXT),
        };
        if too_long || !casts(client, declared, value, oid) {
            return Some(column.name.clone());
        }
    }
    None
}

fn types(client: &mut Client, table: &str) -> Option<HashMap<String, String>> {
    let sql = format!(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = to_regclass({}) \
         AND attnum > 0 AND NOT attisdropped",
        PostgresDialect.literal(&PostgresDialect.quote(table))
    );
    let rows = client.simple_query(&sql).ok()?.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1)?.to_owned())),
        _ => None,
    });
    Some(rows.collect())
}

fn casts(client: &mut Client, declared: &str, value: &(dyn ToSql + Sync), oid: Oid) -> bool {
    if declared == "bytea" || client.batch_execute("SAVEPOINT ums_blame").is_err() {
        return true;
    }
    let statement = client.prepare_typed(&format!("SELECT $1::{declared}"), &[oid]);
    let done = statement.and_then(|statement| client.execute(&statement, &[value]));
    let _ = client.batch_execute("ROLLBACK TO SAVEPOINT ums_blame; RELEASE SAVEPOINT ums_blame");
    done.is_ok()
}
