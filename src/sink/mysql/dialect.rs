//! The SQL of MySQL and MariaDB. Uses the shapes. Not hot: statements are built once a group.

use crate::sink::sql::kind::{Kind, size};
use crate::sink::sql::session::{Dialect, Found, list, tombstone_name};
use crate::sink::sql::shape::{Column, Shape};
use crate::sink::target::{Delete, Mode};

/// The most bytes of a key (InnoDB's limit of an index).
const KEY_BYTES: u64 = 3072;
/// The most characters of a text key, at four bytes each.
const LONGEST_KEY: u64 = KEY_BYTES / 4;
/// Longer texts are stored beside the row, as TEXT: a row holds 65,535 bytes.
const LONGEST_VARCHAR: u64 = 1024;
/// When the declared texts of a row would take more bytes, all of them are TEXT.
const LARGEST_ROW: u64 = 60_000;

/// The dialect.
#[derive(Debug, Clone, Copy)]
pub(super) struct MySqlDialect {
    pub(super) mariadb: bool,
    /// Whether the server takes `Orders` and `orders` for one table (lower_case_table_names).
    pub(super) folded: bool,
}

impl MySqlDialect {
    /// The table's options. Keys are compared byte by byte, trailing spaces included: what the
    /// source keeps apart must not meet here.
    fn table_options(self) -> &'static str {
        if self.mariadb {
            "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin"
        } else {
            "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_bin"
        }
    }

    fn labels(self, labels: &[String]) -> String {
        labels.iter().map(|label| self.literal(label)).collect::<Vec<_>>().join(",")
    }

    /// `INSERT … VALUES ` and what follows the rows.
    pub(super) fn upsert(&self, shape: &Shape) -> (String, String) {
        let table = self.quote(&shape.table);
        let data = shape.columns.iter().map(|column| column.name.as_str());
        let own: &[&str] = match shape.mode {
            Mode::Append => &["_ums_id_", "_ums_ts_", "_ums_op_", "_ums_uid_"],
            Mode::Upsert => &["_ums_id_", "_ums_ts_", "_ums_op_", "_is_active_"],
        };
        let columns = list(self, data.chain(own.iter().copied()));
        let head = format!("INSERT INTO {table} ({columns}) VALUES ");
        let new = |name: &str| match self.mariadb {
            true => format!("VALUES({})", self.quote(name)),
            false => format!("`_ums_new`.{}", self.quote(name)),
        };
        let old = |name: &str| format!("{table}.{}", self.quote(name));
        let alias = if self.mariadb { "" } else { " AS `_ums_new`" };
        // The row that is met may share a value of another unique index only. It is not the incoming
        // one: a NULL where none is allowed refuses it, instead of writing over the other.
        let same = |names: &[&str]| {
            let same = names.iter().map(|name| format!("{} = {}", old(name), new(name)));
            same.collect::<Vec<_>>().join(" AND ")
        };
        if shape.mode == Mode::Append {
            // Not IGNORE, which would hide other errors, too.
            let same = same(&["_ums_uid_", "_ums_op_"]);
            let uid = old("_ums_uid_");
            let end = format!("{alias} ON DUPLICATE KEY UPDATE {uid} = IF({same}, {uid}, NULL)");
            return (head, end);
        }
        let wins = format!("{} >= {}", new("_ums_id_"), old("_ums_id_"));
        let mut set: Vec<String> = Vec::new();
        for column in shape.columns.iter().filter(|column| !column.key) {
            let name = &column.name;
            set.push(format!("{} = IF({wins}, {}, {})", old(name), new(name), old(name)));
        }
        for name in &shape.absent {
            set.push(format!(
                "{0} = IF({wins} AND {1} = 0 AND {2} = 1, NULL, {0})",
                old(name),
                old("_is_active_"),
                new("_is_active_")
            ));
        }
        // Assignments are made from left to right and see each other: what is compared comes last.
        for name in ["_ums_ts_", "_ums_op_", "_is_active_"] {
            set.push(format!("{} = IF({wins}, {}, {})", old(name), new(name), old(name)));
        }
        let (id, incoming) = (old("_ums_id_"), new("_ums_id_"));
        let keys: Vec<&str> = shape.keys().map(|column| column.name.as_str()).collect();
        set.push(format!("{id} = IF({}, GREATEST({id}, {incoming}), NULL)", same(&keys)));
        (head, format!("{alias} ON DUPLICATE KEY UPDATE {}", set.join(", ")))
    }

    /// Remembers deletes: `INSERT … VALUES ` and what follows the keys with their ids.
    pub(super) fn tombstone(&self, shape: &Shape) -> (String, String) {
        let table = self.quote(&tombstone_name(&shape.table));
        let keys = shape.keys().map(|column| column.name.as_str());
        let columns = list(self, keys.chain(["_ums_id_"]));
        let id = "`_ums_id_`";
        let end = match self.mariadb {
            true => format!("{id} = GREATEST({table}.{id}, VALUES({id}))"),
            false => format!("{id} = GREATEST({table}.{id}, `_ums_new`.{id})"),
        };
        let alias = if self.mariadb { "" } else { " AS `_ums_new`" };
        (
            format!("INSERT INTO {table} ({columns}) VALUES "),
            format!("{alias} ON DUPLICATE KEY UPDATE {end}"),
        )
    }

    /// Removes rows that a remembered delete is newer than (or as new as, for `equal`), of the keys
    /// in the list that follows.
    pub(super) fn sweep(&self, shape: &Shape, equal: bool) -> String {
        let (table, side) = (self.quote(&shape.table), self.quote(&tombstone_name(&shape.table)));
        let same = shape.keys().map(|column| {
            let name = self.quote(&column.name);
            format!("{side}.{name} = {table}.{name}")
        });
        let same = same.collect::<Vec<_>>().join(" AND ");
        let keys: Vec<_> =
            shape.keys().map(|column| format!("{table}.{}", self.quote(&column.name))).collect();
        let relation = if equal { "<=" } else { "<" };
        format!(
            "DELETE {table} FROM {table} JOIN {side} ON {same} WHERE {table}.`_ums_id_` {relation} \
             {side}.`_ums_id_` AND ({}) IN ",
            keys.join(", ")
        )
    }
}

/// The word, the length and the bytes a unit of a text or binary string that is stored in the row.
fn parsed(declared: &str) -> Option<(&'static str, u64, u64)> {
    let (word, rest) = declared.split_once('(')?;
    let length = rest.split_once(')')?.0.parse::<u64>().ok()?;
    match word {
        "varchar" => Some(("varchar", length, 4)),
        "char" => Some(("char", length, 4)),
        "varbinary" => Some(("varbinary", length, 1)),
        "binary" => Some(("binary", length, 1)),
        _ => None,
    }
}

/// The bytes that a column takes in the row; no other type takes more than a DECIMAL of 65 digits.
fn bytes(declared: &str) -> u64 {
    parsed(declared).map_or(30, |(_, length, unit)| length * unit)
}

/// The type of a longer string that is stored beside the row.
fn beside(declared: &str) -> Option<String> {
    match parsed(declared)? {
        (_, 0..=64, _) => None,
        ("varchar" | "char", length, unit) => Some(format!("{}text", size(length * unit))),
        (_, length, _) => Some(format!("{}blob", size(length))),
    }
}

/// Where the key's columns together are longer than an index may be, the long texts of the key share
/// what room there is.
fn shorter_keys(columns: &[(String, String)], keys: &[&str]) -> Vec<(String, String)> {
    let is_key = |name: &str| keys.contains(&name);
    let long = |declared: &str| {
        matches!(parsed(declared), Some(("varchar" | "varbinary", _, _))) && bytes(declared) > 256
    };
    let all = || columns.iter().filter(|(name, _)| is_key(name));
    if all().map(|(_, declared)| bytes(declared)).sum::<u64>() <= KEY_BYTES {
        return columns.to_vec();
    }
    let fixed: u64 = all().filter(|(_, d)| !long(d)).map(|(_, d)| bytes(d)).sum();
    let count = all().filter(|(_, d)| long(d)).count().max(1) as u64;
    let share = KEY_BYTES.saturating_sub(fixed) / count;
    columns
        .iter()
        .map(|(name, declared)| match parsed(declared) {
            Some((word, length, unit)) if is_key(name) && long(declared) => {
                let length = length.min(share / unit);
                (name.clone(), format!("{word}({length}) NOT NULL"))
            }
            _ => (name.clone(), declared.clone()),
        })
        .collect()
}

impl Dialect for MySqlDialect {
    fn longest_name(&self) -> usize {
        64
    }

    fn name_length(&self, name: &str) -> usize {
        name.chars().count()
    }

    fn quote(&self, name: &str) -> String {
        format!("`{}`", name.replace('`', "``"))
    }

    fn registered(&self, name: &str) -> String {
        if self.folded { name.to_lowercase() } else { name.to_owned() }
    }

    fn alone(&self) -> [&'static str; 2] {
        [
            "SELECT GET_LOCK(CONCAT('dws ', SHA2(DATABASE(), 224)), 50)",
            "DO RELEASE_LOCK(CONCAT('dws ', SHA2(DATABASE(), 224)))",
        ]
    }

    fn shared_lock(&self) -> &'static str {
        " LOCK IN SHARE MODE"
    }

    fn literal(&self, text: &str) -> String {
        let mut sql = String::with_capacity(text.len() + 2);
        super::encode::push_text(&mut sql, text);
        sql
    }

    fn declare(&self, kind: &Kind, key: bool) -> String {
        let text = |length: u64| match key {
            true => format!("varchar({})", length.clamp(1, LONGEST_KEY)),
            false => format!("{}text", size(length)),
        };
        let declared = match kind {
            Kind::Boolean => "tinyint(1)".to_owned(),
            Kind::Decimal(None) => "decimal(65,30)".to_owned(),
            // A moment as a key has no range of its own and no default.
            Kind::Timestamp(digits) if key => format!("datetime({digits})"),
            Kind::Timestamp(digits) => format!("timestamp({digits}) NULL"),
            Kind::Char(length) if *length <= 255 => format!("char({length})"),
            Kind::Char(length) | Kind::Varchar(length) if key => text(*length),
            Kind::Char(length) | Kind::Varchar(length) if *length <= LONGEST_VARCHAR => {
                format!("varchar({length})")
            }
            Kind::Char(length) | Kind::Varchar(length) => text(length.saturating_mul(4)),
            // The source may count bytes of a smaller character set.
            Kind::Text(length) => text(length.saturating_mul(4)),
            Kind::Uuid if self.mariadb => "uuid".to_owned(),
            Kind::Uuid => "char(36)".to_owned(),
            Kind::Inet(version) if self.mariadb && *version == 6 => "inet6".to_owned(),
            Kind::Inet(_) => "varchar(45)".to_owned(),
            Kind::Vector => text(u64::MAX),
            // Servers that are not strict keep '' for what is no label (its number is 0); a strict
            // session can write it only where it is a label.
            Kind::Enum(labels) if !labels.iter().any(String::is_empty) => {
                format!("enum({},'')", self.labels(labels))
            }
            Kind::Enum(labels) => format!("enum({})", self.labels(labels)),
            Kind::Set(labels) => format!("set({})", self.labels(labels)),
            Kind::Binary(length) if *length <= 255 => format!("binary({length})"),
            Kind::Binary(length) | Kind::Varbinary(length) | Kind::Blob(length) if key => {
                format!("varbinary({})", (*length).clamp(1, KEY_BYTES))
            }
            Kind::Binary(length) | Kind::Varbinary(length) if *length <= LONGEST_VARCHAR => {
                format!("varbinary({length})")
            }
            Kind::Binary(length) | Kind::Varbinary(length) => format!("{}blob", size(*length)),
            kind => kind.name(),
        };
        if key { format!("{declared} NOT NULL") } else { declared }
    }

    fn system_column(&self, name: &str) -> &'static str {
        match name {
            "_ums_id_" => "bigint NOT NULL DEFAULT -9223372036854775808",
            "_ums_ts_" => "datetime(6) NULL",
            "_ums_op_" => "char(1) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'I'",
            "_ums_uid_" => "varchar(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL",
            "_is_active_" => "tinyint NOT NULL DEFAULT 1",
            "name" | "column" | "mode" | "kind" => "varchar(64) NOT NULL",
            "made" => "tinyint NOT NULL",
            "id" => "bigint NOT NULL",
            "pos" | "base" => "bigint unsigned NOT NULL",
            "gtid" | "type" => "longtext NOT NULL",
            _ => "varchar(512) NOT NULL",
        }
    }

    fn create(&self, table: &str, columns: &[(String, String)], keys: &[&str]) -> String {
        let too_large =
            columns.iter().map(|(_, declared)| bytes(declared)).sum::<u64>() > LARGEST_ROW;
        let columns = shorter_keys(columns, keys);
        let mut parts: Vec<String> = columns
            .iter()
            .map(|(name, declared)| {
                let aside = too_large && !keys.contains(&name.as_str());
                let moved = aside.then(|| beside(declared)).flatten();
                format!("{} {}", self.quote(name), moved.as_deref().unwrap_or(declared))
            })
            .collect();
        parts.push(format!("PRIMARY KEY ({})", list(self, keys.iter().copied())));
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n  {}\n) {}",
            self.quote(table),
            parts.join(",\n  "),
            self.table_options()
        )
    }

    fn added(&self, declared: &str, found: &[Found]) -> String {
        let all: u64 = found.iter().map(|found| bytes(&found.declared)).sum();
        match beside(declared) {
            Some(moved) if all + bytes(declared) > LARGEST_ROW => moved,
            _ => declared.to_owned(),
        }
    }

    fn alter_type(&self, table: &str, column: &str, declared: &str) -> String {
        format!("ALTER TABLE {} MODIFY COLUMN {} {declared}", self.quote(table), self.quote(column))
    }

    fn columns_query(&self, table: &str) -> String {
        format!(
            "SELECT column_name, column_type, IF(extra LIKE '%GENERATED%' AND extra NOT LIKE \
             '%DEFAULT_GENERATED%', '1', '0'), IF(is_nullable = 'YES', '1', '0') FROM information_schema.columns WHERE table_schema = \
             DATABASE() AND table_name = {} ORDER BY ordinal_position",
            self.literal(table)
        )
    }

    fn unique_query(&self, table: &str) -> String {
        format!(
            "SELECT index_name, column_name FROM information_schema.statistics WHERE table_schema = \
             DATABASE() AND table_name = {} AND non_unique = 0 AND index_name NOT IN (SELECT index_name \
             FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = {0} AND \
             (sub_part IS NOT NULL OR column_name IS NULL)) ORDER BY index_name, seq_in_index",
            self.literal(table)
        )
    }

    fn replace(&self, table: &str, columns: &[&str], _keys: usize, values: &[String]) -> String {
        format!(
            "REPLACE INTO {} ({}) VALUES ({})",
            self.quote(table),
            list(self, columns.iter().copied()),
            values.join(", ")
        )
    }

    fn insert_absent(&self, table: &str, columns: &[&str], values: &[String]) -> String {
        format!(
            "INSERT IGNORE INTO {} ({}) VALUES ({})",
            self.quote(table),
            list(self, columns.iter().copied()),
            values.join(", ")
        )
    }

    fn bury(&self, table: &str, keys: &[String], id: i64) -> Vec<String> {
        let names = list(self, keys.iter().map(String::as_str));
        let (side, table) = (self.quote(&tombstone_name(table)), self.quote(table));
        let same = keys.iter().map(|key| self.quote(key));
        let same: Vec<_> = same.map(|key| format!("{side}.{key} = {table}.{key}")).collect();
        vec![
            format!(
                "INSERT INTO {side} ({names}, `_ums_id_`) SELECT {names}, {id} FROM {table} WHERE \
                 `_ums_id_` < {id} ON DUPLICATE KEY UPDATE {side}.`_ums_id_` = \
                 GREATEST({side}.`_ums_id_`, {id})"
            ),
            // What came between the two statements is not remembered and stays.
            format!(
                "DELETE {table} FROM {table} JOIN {side} ON {} WHERE {table}.`_ums_id_` < {id} AND \
                 {table}.`_ums_id_` <= {side}.`_ums_id_`",
                same.join(" AND ")
            ),
        ]
    }

    fn shown(&self, shape: &Shape) -> Vec<String> {
        let marks = |count: usize| format!("({})", vec!["?"; count].join(", "));
        let (head, end) = self.upsert(shape);
        let mut all = vec![format!("{head}{}, …{end}", marks(shape.columns.len() + 4))];
        if shape.mode == Mode::Upsert && shape.delete == Delete::Hard {
            let keys: Vec<&Column> = shape.keys().collect();
            let (head, end) = self.tombstone(shape);
            all.push(format!("{head}{}, …{end}", marks(keys.len() + 1)));
            all.push(format!("{}({}, …)", self.sweep(shape, true), marks(keys.len())));
        }
        all
    }
}
