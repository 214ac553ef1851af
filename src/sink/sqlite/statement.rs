//! The SQL text of each kind of table and message. Uses nothing of the project. Not hot: a
//! statement is built once a schema.
//!
//! The rule of every upsert is the same: absent, insert; an id not below the stored one, replace;
//! else keep. It is one statement, so that neither a batch's inner order nor a redelivery needs
//! any other care.

/// The id of rows that were there before this sink: any change wins against them.
const LEAST_ID: i64 = i64::MIN;

/// The declarations of the columns that the sink adds to an upsert table.
pub(super) const UPSERT_COLUMNS: [(&str, &str); 4] = [
    ("_ums_id_", "INTEGER NOT NULL DEFAULT -9223372036854775808"),
    ("_ums_ts_", "TEXT"),
    ("_ums_op_", "TEXT"),
    ("_is_active_", "INTEGER NOT NULL DEFAULT 1"),
];

/// The declarations of the columns that the sink adds to an append table.
pub(super) const APPEND_COLUMNS: [(&str, &str); 4] =
    [("_ums_id_", "INTEGER"), ("_ums_ts_", "TEXT"), ("_ums_op_", "TEXT"), ("_ums_uid_", "TEXT")];

/// A name as SQL, whatever is in it.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(quote).collect::<Vec<_>>().join(", ")
}

fn placeholders(from: usize, count: usize) -> String {
    (from..from + count).map(|index| format!("?{index}")).collect::<Vec<_>>().join(", ")
}

/// The side table of `--delete hard`.
pub(super) fn tombstone_name(table: &str) -> String {
    format!("_ums_tombstone_{table}")
}

/// `CREATE TABLE` with the given columns (name and declaration) and key.
pub(super) fn create<'a>(
    table: &str,
    columns: impl IntoIterator<Item = (&'a str, &'a str)>,
    keys: &[&str],
) -> String {
    let mut parts: Vec<String> = columns
        .into_iter()
        .map(|(name, declared)| format!("{} {declared}", quote(name)).trim_end().to_owned())
        .collect();
    if !keys.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", list(keys.iter().copied())));
    }
    format!("CREATE TABLE {} (\n  {}\n)", quote(table), parts.join(",\n  "))
}

/// The index that makes a redelivered change a no-op in an append table.
pub(super) fn create_append_index(table: &str) -> String {
    format!(
        "CREATE UNIQUE INDEX IF NOT EXISTS {} ON {} (\"_ums_uid_\", \"_ums_op_\")",
        quote(&format!("_ums_uid_{table}")),
        quote(table)
    )
}

/// The side table: keys as in the table, and the id of the delete.
pub(super) fn create_tombstone(table: &str, keys: &[(&str, &str)]) -> String {
    let columns = keys.iter().copied().chain([("_ums_id_", "INTEGER NOT NULL")]);
    let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
    create(&tombstone_name(table), columns, &names).replacen(
        "CREATE TABLE",
        "CREATE TABLE IF NOT EXISTS",
        1,
    )
}

/// Marks all rows below an id as deleted. Parameters: id and ts of the statement that removed them.
pub(super) fn empty_soft(table: &str) -> String {
    format!(
        "UPDATE {} SET \"_is_active_\" = 0, \"_ums_id_\" = ?1, \"_ums_ts_\" = ?2, \"_ums_op_\" = 'D'\n\
         WHERE \"_is_active_\" <> 0 AND ifnull(\"_ums_id_\", {LEAST_ID}) < ?1",
        quote(table)
    )
}

/// Removes all rows below an id, from a table or its side table. Parameter: the id.
pub(super) fn empty_hard(table: &str) -> String {
    format!("DELETE FROM {} WHERE ifnull(\"_ums_id_\", {LEAST_ID}) < ?1", quote(table))
}

/// Rows from an id on, and rows below another that are there. Parameters: the two ids.
pub(super) fn count(table: &str, soft: bool) -> String {
    let there = if soft { " AND \"_is_active_\" <> 0" } else { "" };
    let id = format!("ifnull(\"_ums_id_\", {LEAST_ID})");
    format!(
        "SELECT count(CASE WHEN {id} >= ?1 THEN 1 END), count(CASE WHEN {id} < ?2{there} THEN 1 END) \
         FROM {}",
        quote(table)
    )
}

/// Remembers the keys of all rows below an id as deletes of that id. Parameter: the id.
pub(super) fn bury(table: &str, keys: &[&str]) -> String {
    let (side, names) = (quote(&tombstone_name(table)), list(keys.iter().copied()));
    format!(
        "INSERT INTO {side} ({names}, \"_ums_id_\")\nSELECT {names}, ?1 FROM {} WHERE \
         ifnull(\"_ums_id_\", {LEAST_ID}) < ?1\nON CONFLICT ({names}) DO UPDATE SET \"_ums_id_\" = \
         max(\"_ums_id_\", excluded.\"_ums_id_\")",
        quote(table)
    )
}

/// `ALTER TABLE … ADD COLUMN`.
pub(super) fn add_column(table: &str, name: &str, declared: &str) -> String {
    format!("ALTER TABLE {} ADD COLUMN {} {declared}", quote(table), quote(name))
}

/// An upsert table as its statements see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upsert<'a> {
    /// The table.
    pub table: &'a str,
    /// Key columns.
    pub keys: &'a [&'a str],
    /// Columns of the message, keys included, in parameter order.
    pub present: &'a [&'a str],
    /// Columns of the table that the message does not have.
    pub absent: &'a [&'a str],
    /// Whether a side table of deleted keys has to be asked.
    pub tombstones: bool,
}

impl Upsert<'_> {
    /// Parameters: the present columns, then id, ts, op, active. A delete is the same statement
    /// with active = 0. A row that comes back after its delete is a new row: columns that its
    /// image lacks do not keep the old row's values.
    pub(super) fn sql(&self) -> String {
        let (table, count) = (quote(self.table), self.present.len());
        let columns = list(self.present.iter().copied().chain(SYSTEM));
        let mut set: Vec<String> = self
            .present
            .iter()
            .filter(|name| !self.keys.contains(name))
            .copied()
            .chain(SYSTEM)
            .map(|name| format!("{0} = excluded.{0}", quote(name)))
            .collect();
        set.extend(self.absent.iter().map(|name| {
            format!(
                "{0} = CASE WHEN {table}.\"_is_active_\" = 0 AND excluded.\"_is_active_\" = 1 \
                 THEN NULL ELSE {table}.{0} END",
                quote(name)
            )
        }));
        let values = if self.tombstones {
            let same = self.equal_keys();
            format!(
                "SELECT {} WHERE NOT EXISTS (SELECT 1 FROM {} WHERE {same} AND \"_ums_id_\" > ?{})",
                placeholders(1, count + 4),
                quote(&tombstone_name(self.table)),
                count + 1
            )
        } else {
            format!("VALUES ({})", placeholders(1, count + 4))
        };
        format!(
            "INSERT INTO {table} ({columns})\n{values}\nON CONFLICT ({}) DO UPDATE SET {}\n\
             WHERE excluded.\"_ums_id_\" >= ifnull({table}.\"_ums_id_\", {LEAST_ID})",
            list(self.keys.iter().copied()),
            set.join(", ")
        )
    }

    /// Removes a row not newer than the delete. Parameters as in `sql`.
    pub(super) fn delete_sql(&self) -> String {
        format!(
            "DELETE FROM {} WHERE {} AND \"_ums_id_\" <= ?{}",
            quote(self.table),
            self.equal_keys(),
            self.present.len() + 1
        )
    }

    /// Remembers the delete. Parameters as in `sql`.
    pub(super) fn tombstone_sql(&self) -> String {
        let name = quote(&tombstone_name(self.table));
        let id = self.present.len() + 1;
        let keys: Vec<String> =
            self.key_parameters().map(|(_, index)| format!("?{index}")).collect();
        format!(
            "INSERT INTO {name} ({}, \"_ums_id_\")\nVALUES ({}, ?{id})\nON CONFLICT ({}) DO UPDATE \
             SET \"_ums_id_\" = excluded.\"_ums_id_\" WHERE excluded.\"_ums_id_\" >= {name}.\"_ums_id_\"",
            list(self.keys.iter().copied()),
            keys.join(", "),
            list(self.keys.iter().copied()),
        )
    }

    fn equal_keys(&self) -> String {
        self.key_parameters()
            .map(|(name, index)| format!("{} = ?{index}", quote(name)))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    fn key_parameters(&self) -> impl Iterator<Item = (&str, usize)> {
        self.keys.iter().map(|key| {
            let place = self.present.iter().position(|name| name == key);
            (*key, place.map_or(0, |place| place + 1))
        })
    }
}

const SYSTEM: [&str; 4] = ["_ums_id_", "_ums_ts_", "_ums_op_", "_is_active_"];

/// A row a change. Parameters: the columns, then id, ts, op, uid.
pub(super) fn append(table: &str, present: &[&str]) -> String {
    let columns = list(present.iter().copied().chain(APPEND_COLUMNS.map(|(name, _)| name)));
    format!(
        "INSERT INTO {} ({columns})\nVALUES ({})\nON CONFLICT (\"_ums_uid_\", \"_ums_op_\") DO NOTHING",
        quote(table),
        placeholders(1, present.len() + 4)
    )
}
