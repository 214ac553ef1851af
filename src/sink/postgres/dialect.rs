//! The SQL of PostgreSQL. Uses the shapes. Not hot: statements are built once a shape.

use crate::sink::sql::kind::Kind;
use crate::sink::sql::session::{Dialect, list, tombstone_name};
use crate::sink::sql::shape::{Column, Shape};
use crate::sink::target::{Delete, Mode};
use crate::ums::Type;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub(super) struct PostgresDialect;

impl PostgresDialect {
    /// Lands rows that exist, or all rows where deletes are soft. Parameters: an array a column,
    /// then ids, times, ops and whether active (or uids).
    pub(super) fn upsert(&self, shape: &Shape) -> String {
        let table = self.quote(&shape.table);
        let data: Vec<&str> = shape.columns.iter().map(|column| column.name.as_str()).collect();
        let own: [&str; 4] = match shape.mode {
            Mode::Append => ["_ums_id_", "_ums_ts_", "_ums_op_", "_ums_uid_"],
            Mode::Upsert => ["_ums_id_", "_ums_ts_", "_ums_op_", "_is_active_"],
        };
        let columns = list(self, data.iter().copied().chain(own));
        let source = source(&shape.columns, 4);
        let mut values: Vec<String> = shape.columns.iter().enumerate().map(cast).collect();
        let count = values.len();
        values.extend([format!("s.c{count}::bigint"), format!("s.c{}::timestamp", count + 1)]);
        values.push(format!("s.c{}", count + 2));
        values.push(match shape.mode {
            Mode::Append => format!("s.c{}", count + 3),
            Mode::Upsert => format!("s.c{}::smallint", count + 3),
        });
        let head = format!(
            "INSERT INTO {table} AS t ({columns}) OVERRIDING SYSTEM VALUE SELECT {} FROM {source}",
            values.join(", ")
        );
        if shape.mode == Mode::Append {
            return format!("{head} ON CONFLICT (\"_ums_uid_\", \"_ums_op_\") DO NOTHING");
        }
        let newer = match shape.tombstones {
            true => format!(
                " WHERE NOT EXISTS (SELECT 1 FROM {} AS d WHERE {} AND d.\"_ums_id_\" > s.c{count}::bigint)",
                self.quote(&tombstone_name(&shape.table)),
                self.same_keys(shape, "d")
            ),
            false => String::new(),
        };
        let mut set: Vec<String> = shape
            .columns
            .iter()
            .filter(|column| !column.key)
            .map(|column| column.name.as_str())
            .chain(own)
            .map(|name| format!("{0} = excluded.{0}", self.quote(name)))
            .collect();
        set.extend(shape.absent.iter().map(|name| {
            format!(
                "{0} = CASE WHEN t.\"_is_active_\" = 0 AND excluded.\"_is_active_\" = 1 \
                 THEN NULL ELSE t.{0} END",
                self.quote(name)
            )
        }));
        format!(
            "{head}{newer} ON CONFLICT ({}) DO UPDATE SET {} WHERE excluded.\"_ums_id_\" >= t.\"_ums_id_\"",
            list(self, shape.keys().map(|column| column.name.as_str())),
            set.join(", ")
        )
    }

    /// Removes rows and remembers that. Parameters: an array a column of the key, then ids.
    pub(super) fn delete(&self, shape: &Shape) -> String {
        let keys: Vec<Column> = shape.keys().cloned().collect();
        let names = list(self, keys.iter().map(|column| column.name.as_str()));
        let mut values: Vec<String> = keys.iter().enumerate().map(cast).collect();
        values.push(format!("s.c{}::bigint", keys.len()));
        let same: Vec<_> = keys
            .iter()
            .map(|column| self.quote(&column.name))
            .map(|name| format!("t.{name} = s.{name}"))
            .collect();
        format!(
            "WITH s ({names}, \"_ums_id_\") AS (SELECT {} FROM {}), d AS (INSERT INTO {side} AS t \
             ({names}, \"_ums_id_\") SELECT * FROM s ON CONFLICT ({names}) DO UPDATE SET \"_ums_id_\" = \
             excluded.\"_ums_id_\" WHERE excluded.\"_ums_id_\" >= t.\"_ums_id_\") DELETE FROM {table} AS t \
             USING s WHERE {} AND t.\"_ums_id_\" <= s.\"_ums_id_\"",
            values.join(", "),
            source(&keys, 1),
            same.join(" AND "),
            side = self.quote(&tombstone_name(&shape.table)),
            table = self.quote(&shape.table),
        )
    }

    fn same_keys(&self, shape: &Shape, alias: &str) -> String {
        let all = shape.columns.iter().enumerate().filter(|(_, column)| column.key);
        let same = all.map(|(at, column)| {
            format!("{alias}.{} = {}", self.quote(&column.name), cast((at, column)))
        });
        same.collect::<Vec<_>>().join(" AND ")
    }
}

/// Arrays as rows `s(c0, c1, …)`, one array a column and `more` of texts behind them.
fn source(columns: &[Column], more: usize) -> String {
    let types = columns.iter().map(|column| column.ty == Type::Binary);
    let arrays = types
        .chain(std::iter::repeat_n(false, more))
        .enumerate()
        .map(|(at, binary)| format!("${}::{}[]", at + 1, if binary { "bytea" } else { "text" }));
    let names: Vec<_> = (0..columns.len() + more).map(|at| format!("c{at}")).collect();
    format!("unnest({}) AS s({})", arrays.collect::<Vec<_>>().join(", "), names.join(", "))
}

/// A column of `source` as the target's type.
fn cast((at, column): (usize, &Column)) -> String {
    match (column.declared.as_str(), column.ty) {
        // A cast would read escapes in the text.
        ("bytea", ty) if ty != Type::Binary => format!("convert_to(s.c{at}, 'UTF8')"),
        (declared, _) => format!("s.c{at}::{declared}"),
    }
}

impl Dialect for PostgresDialect {
    fn longest_name(&self) -> usize {
        63
    }

    fn name_length(&self, name: &str) -> usize {
        name.len()
    }

    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    fn alone(&self) -> [&'static str; 2] {
        ["SELECT 1 FROM pg_advisory_xact_lock(hashtextextended('dws ' || current_schema(), 0))", ""]
    }

    fn shared_lock(&self) -> &'static str {
        " FOR SHARE"
    }

    fn literal(&self, text: &str) -> String {
        format!("'{}'", text.replace('\'', "''"))
    }

    fn declare(&self, kind: &Kind, key: bool) -> String {
        let declared = match kind {
            Kind::Integer { bytes: 1, .. } | Kind::Integer { bytes: 2, unsigned: false } => {
                "smallint".to_owned()
            }
            Kind::Year => "smallint".to_owned(),
            Kind::Integer { bytes: 2 | 3, .. } | Kind::Integer { bytes: 4, unsigned: false } => {
                "integer".to_owned()
            }
            Kind::Integer { bytes: 4, .. } | Kind::Integer { unsigned: false, .. } => {
                "bigint".to_owned()
            }
            Kind::Integer { .. } => "numeric(20,0)".to_owned(),
            Kind::Bit(bits) if *bits < 64 => "bigint".to_owned(),
            Kind::Bit(_) => "numeric(20,0)".to_owned(),
            Kind::Boolean => "boolean".to_owned(),
            Kind::Decimal(Some((all, behind))) => format!("numeric({all},{behind})"),
            Kind::Decimal(None) => "numeric".to_owned(),
            Kind::Float => "real".to_owned(),
            Kind::Double => "double precision".to_owned(),
            Kind::Date => "date".to_owned(),
            Kind::Datetime(digits) => format!("timestamp({digits})"),
            Kind::Timestamp(digits) => format!("timestamp({digits}) with time zone"),
            Kind::Time(digits) => format!("interval({digits})"),
            Kind::Json => "jsonb".to_owned(),
            Kind::Uuid => "uuid".to_owned(),
            Kind::Inet(_) => "inet".to_owned(),
            Kind::Char(_)
            | Kind::Varchar(_)
            | Kind::Text(_)
            | Kind::Enum(_)
            | Kind::Set(_)
            | Kind::Vector => "text".to_owned(),
            Kind::Binary(_) | Kind::Varbinary(_) | Kind::Blob(_) | Kind::Geometry(_) => {
                "bytea".to_owned()
            }
        };
        if key { format!("{declared} NOT NULL") } else { declared }
    }

    fn system_column(&self, name: &str) -> &'static str {
        match name {
            "_ums_id_" => "bigint NOT NULL DEFAULT -9223372036854775808",
            "_ums_ts_" => "timestamp(6)",
            "_is_active_" => "smallint NOT NULL DEFAULT 1",
            "made" => "smallint NOT NULL",
            "id" | "pos" | "base" => "numeric(20,0) NOT NULL",
            "_ums_op_" => "text NOT NULL DEFAULT 'I'",
            _ => "text NOT NULL",
        }
    }

    fn create(&self, table: &str, columns: &[(String, String)], keys: &[&str]) -> String {
        let mut parts: Vec<String> = columns
            .iter()
            .map(|(name, declared)| format!("{} {declared}", self.quote(name)))
            .collect();
        parts.push(format!("PRIMARY KEY ({})", list(self, keys.iter().copied())));
        format!("CREATE TABLE IF NOT EXISTS {} (\n  {}\n)", self.quote(table), parts.join(",\n  "))
    }

    fn alter_type(&self, table: &str, column: &str, declared: &str) -> String {
        let (table, column) = (self.quote(table), self.quote(column));
        let plain = declared.trim_end_matches(" NOT NULL");
        format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {plain} USING {column}::{plain}")
    }

    fn columns_query(&self, table: &str) -> String {
        // The type without its length: a cast to a length would cut values off in silence, an
        // assignment refuses them.
        format!(
            "SELECT a.attname, format_type(a.atttypid, -1), CASE a.attgenerated WHEN '' THEN '0' ELSE \
             '1' END, CASE WHEN a.attnotnull THEN '0' ELSE '1' END FROM pg_attribute a WHERE a.attrelid = to_regclass({}) AND a.attnum > 0 AND NOT \
             a.attisdropped ORDER BY a.attnum",
            self.literal(&self.quote(table))
        )
    }

    fn unique_query(&self, table: &str) -> String {
        format!(
            "SELECT i.indexrelid::text, a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = \
             i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) WHERE i.indrelid = \
             to_regclass({}) AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL \
             AND i.indexprs IS NULL ORDER BY 1, 2",
            self.literal(&self.quote(table))
        )
    }

    fn replace(&self, table: &str, columns: &[&str], keys: usize, values: &[String]) -> String {
        let set: Vec<_> = columns
            .iter()
            .skip(keys)
            .map(|name| format!("{0} = excluded.{0}", self.quote(name)))
            .collect();
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO UPDATE SET {}",
            self.quote(table),
            list(self, columns.iter().copied()),
            values.join(", "),
            list(self, columns.iter().take(keys).copied()),
            set.join(", ")
        )
    }

    fn insert_absent(&self, table: &str, columns: &[&str], values: &[String]) -> String {
        format!(
            "INSERT INTO {} ({}) VALUES ({}) ON CONFLICT DO NOTHING",
            self.quote(table),
            list(self, columns.iter().copied()),
            values.join(", ")
        )
    }

    fn bury(&self, table: &str, keys: &[String], id: i64) -> Vec<String> {
        let names = list(self, keys.iter().map(String::as_str));
        let (side, table) = (self.quote(&tombstone_name(table)), self.quote(table));
        vec![
            // As where rows land: a row that comes late must not pass its delete unseen.
            format!("LOCK TABLE {side} IN SHARE ROW EXCLUSIVE MODE"),
            format!(
                "WITH gone AS (DELETE FROM {table} WHERE \"_ums_id_\" < {id} RETURNING {names}) INSERT \
                 INTO {side} AS t ({names}, \"_ums_id_\") SELECT {names}, {id} FROM gone ON CONFLICT \
                 ({names}) DO UPDATE SET \"_ums_id_\" = GREATEST(t.\"_ums_id_\", {id})"
            ),
        ]
    }

    fn shown(&self, shape: &Shape) -> Vec<String> {
        let mut all = vec![self.upsert(shape)];
        if shape.mode == Mode::Upsert && shape.delete == Delete::Hard {
            all.push(self.delete(shape));
        }
        all
    }
}
