//! Lookups in MySQL and MariaDB. Uses `lookup`, `mysql`. Warm: once a batch of keys.
//!
//! Prepared statements, values bound. The columns' types come from the statement's metadata and are
//! planned by the type table of the log, so that a cell is written as `dbus-pull` would write it.

use std::sync::Arc;

use ::mysql::consts::{ColumnFlags, ColumnType};
use ::mysql::prelude::Queryable;
use ::mysql::{Conn, Params, Value};

use super::{KEYS, Spec, Wanted, most, size, statement};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::lookup::text::{Lexicon, Text};
use crate::lookup::{Answer, Question, Store};
use crate::mysql::charset::Bad;
use crate::mysql::connect::{connect, failed};
use crate::mysql::ddl::TableName;
use crate::mysql::declared;
use crate::mysql::login;
use crate::mysql::options::ConnectOptions;
use crate::mysql::schema::{ColumnDefinition, TableDefinition};
use crate::mysql::select::push;
use crate::mysql::types::{Column, Kind};
use crate::mysql::value::Scratch;
use crate::ums::base64::decode_base64;
use crate::ums::{Field, Type};
use crate::url::Opt;

/// The row.
pub(super) const SPEC: Spec = Spec {
    scheme: "mysql",
    form: "mysql://USER@HOST:PORT/DATABASE",
    summary: "MySQL or MariaDB: any SELECT",
    description: "The session is read-only, in UTC, and its text is UTF-8. Values are compared by \
        the server's rules: a text against a number column is read as a number as far as it goes, \
        and a collation may take a for A. Where types differ, say what is meant: \
        WHERE code = CAST(:id AS CHAR).",
    options: &OPTIONS,
    example: "ums-join --lookup mysql://reader@crm/shop --query 'SELECT name, city FROM customer \
        WHERE id IN (:customer_id)'",
    open,
};

const OPTIONS: [Opt; 8] = {
    let [socket, mode, ca, cert, key, connect, read] = login::OPTIONS;
    [KEYS, socket, mode, ca, cert, key, connect, read]
};

fn open(wanted: &Wanted) -> Result<Box<dyn Store>> {
    let text = Text::parse(wanted.query, Lexicon::MySql)?;
    let (url, own) = (wanted.url.reveal(), ["keys", "retry"]);
    let options = login::options("ums-join", url, wanted.login, &own, &|text| (wanted.warn)(text))?;
    Ok(Box::new(MySql {
        most: most(wanted.url)?,
        name: options.to_string(),
        options,
        text,
        session: None,
    }))
}

/// The store.
#[derive(Debug)]
struct MySql {
    options: ConnectOptions,
    name: String,
    text: Text,
    most: usize,
    session: Option<Session>,
}

/// A connection, and what the query gives on it.
#[derive(Debug)]
struct Session {
    conn: Conn,
    columns: Vec<Column>,
    fields: Arc<[Field]>,
    version: String,
}

/// Only reads; times are UTC; no limit that is meant for people; dates come as they are stored.
const SETTINGS: [&str; 5] = [
    "SET NAMES utf8mb4",
    "SET SESSION sql_mode = CONCAT_WS(',', 'ALLOW_INVALID_DATES', REPLACE(REPLACE(REPLACE(NULLIF(@@sql_mode, \
     ''), 'NO_ZERO_IN_DATE', 'ALLOW_INVALID_DATES'), 'NO_ZERO_DATE', 'ALLOW_INVALID_DATES'), 'TRADITIONAL', \
     'ALLOW_INVALID_DATES'))",
    "SET SESSION time_zone = '+00:00', autocommit = 1, sql_big_selects = 1",
    "SET SESSION TRANSACTION READ ONLY",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

impl MySql {
    fn session(&mut self) -> Result<&mut Session> {
        if self.session.is_none() {
            let mut conn = connect(&self.options)?;
            for sql in SETTINGS {
                conn.query_drop(sql).map_err(failed(&self.name))?;
            }
            let version: Option<String> =
                conn.query_first("SELECT VERSION()").map_err(failed(&self.name))?;
            let version = version.unwrap_or_default();
            let mariadb = version.to_ascii_lowercase().contains("mariadb");
            let sql = statement(&self.text, 1, "q.*", |sql, _, _| sql.push('?'));
            let prepared = conn.prep(sql).map_err(|error| wrong(&self.name, error))?;
            let found = prepared.columns();
            let columns = plan(found.get(1..).unwrap_or_default(), mariadb)?;
            let fields = columns.iter().map(|column| column.field.clone()).collect();
            self.session = Some(Session { conn, columns, fields, version });
        }
        self.session.as_mut().ok_or_else(|| Error::unreachable("no session"))
    }

    fn ask(&mut self, question: &Question) -> Result<Answer> {
        let size = size(question.keys.len(), self.most);
        let casts: Vec<bool> = (0..question.types.len()).map(|c| needs_cast(question, c)).collect();
        let sql = statement(&self.text, size, "q.*", |sql, _, column| {
            let cast = casts.get(column).copied().unwrap_or(false);
            sql.push_str(if cast { "CAST(? AS DECIMAL(65,30))" } else { "?" });
        });
        let (mut values, places) = (Vec::new(), self.text.places().to_vec());
        let name = self.name.clone();
        for key in 0..size {
            for place in &places {
                // The statement's size is not the question's: no value is equal to NULL.
                let text = question.keys.get(key).and_then(|key| key.get(*place));
                let ty = question.types.get(*place).copied().unwrap_or(Type::String);
                values.push(text.map_or(Value::NULL, |text| bound(text, ty)));
            }
        }
        let session = self.session()?;
        let failed = |error| wrong(&name, error);
        let prepared = session.conn.prep(&sql).map_err(failed)?;
        let rows = session.conn.exec_iter(&prepared, Params::Positional(values)).map_err(failed)?;
        let mut answer = Answer { fields: Arc::clone(&session.fields), rows: Vec::new() };
        let mut scratch = Scratch::new(Bad::Stop);
        for row in rows {
            let row = row.map_err(failed)?.unwrap_raw();
            let mut values = row.into_iter().map(|value| value.unwrap_or(Value::NULL));
            let key = match values.next() {
                Some(Value::Int(key)) => usize::try_from(key).unwrap_or(usize::MAX),
                Some(Value::UInt(key)) => usize::try_from(key).unwrap_or(usize::MAX),
                _ => usize::MAX,
            };
            if values.len() != session.columns.len() {
                return Err(Error::unreachable(format!("{name}: the query has other columns now")));
            }
            if key >= question.keys.len() {
                continue;
            }
            let mut cells = Vec::new();
            for (column, value) in session.columns.iter().zip(values) {
                if !cells.is_empty() {
                    cells.push(b',');
                }
                match text_of(value, &column.kind) {
                    None => cells.extend_from_slice(b"null"),
                    Some(text) => push(&column.kind, &text, &mut cells, &mut scratch)
                        .map_err(|_| odd(&name, &column.field.name))?,
                }
            }
            let cells = String::from_utf8(cells).map_err(|_| odd(&name, "of text"))?;
            answer.rows.push((key, cells.into()));
        }
        Ok(answer)
    }
}

fn odd(name: &str, column: &str) -> Error {
    Error::refused(format!("{name}: column {column} holds what its type does not have"))
        .advise("CAST it to another type in the query")
}

/// The server's errors; those about data hold values, so their texts stay away.
fn wrong(name: &str, error: ::mysql::Error) -> Error {
    let code = match &error {
        ::mysql::Error::MySqlError(answer) => answer.code,
        _ => 0,
    };
    let advice = match code {
        1146 | 1054 => "check the names in --query",
        1064 => "check --query; it must be one SELECT",
        1060 => "give one of the columns another name with AS",
        1142 | 1143 | 1044 => "grant the user SELECT",
        1792 => "--query must only read",
        _ => "",
    };
    const ABOUT_DATA: [u16; 8] = [1264, 1292, 1365, 1366, 1367, 1406, 1411, 1690];
    if ABOUT_DATA.contains(&code) {
        return Error::refused(format!("{name}: --query fails on a value (error {code})"))
            .advise("CAST values in the query so that no value of the stream fails");
    }
    let error = failed(format_args!("{name}: --query"))(error);
    if advice.is_empty() { error } else { error.advise(advice) }
}

/// Whether a column's values are exact numbers that no integer of 64 bits holds: as text they would
/// be compared as floating point numbers.
fn needs_cast(question: &Question, column: usize) -> bool {
    let ty = question.types.get(column);
    ty == Some(&Type::Decimal)
        && question.keys.iter().filter_map(|key| key.get(column)).any(|text| !is_whole(text))
}

fn is_whole(text: &str) -> bool {
    text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok()
}

fn bound(text: &str, ty: Type) -> Value {
    let bytes = || Value::Bytes(text.as_bytes().to_vec());
    match ty {
        Type::Int | Type::Long | Type::Decimal => match (text.parse(), text.parse()) {
            (Ok(number), _) => Value::Int(number),
            (_, Ok(number)) => Value::UInt(number),
            _ => bytes(),
        },
        Type::Float | Type::Double => text.parse().map_or_else(|_| bytes(), Value::Double),
        Type::Boolean => Value::Int(i64::from(text == "true")),
        Type::Binary => decode_base64(text.as_bytes()).map_or_else(bytes, Value::Bytes),
        Type::Date | Type::Datetime | Type::String => bytes(),
    }
}

/// A value as the text protocol would give it; `None` for NULL.
fn text_of(value: Value, kind: &Kind) -> Option<Vec<u8>> {
    let fraction = |micros: u32| match kind {
        Kind::Time(digits @ 1..=6)
        | Kind::Datetime(digits @ 1..=6)
        | Kind::Timestamp(digits @ 1..=6) => {
            let mut text = format!(".{micros:06}");
            text.truncate(1 + usize::from(*digits));
            text
        }
        _ => String::new(),
    };
    Some(match value {
        Value::NULL => return None,
        Value::Bytes(bytes) => bytes,
        Value::Int(number) => number.to_string().into_bytes(),
        Value::UInt(number) => number.to_string().into_bytes(),
        Value::Float(number) => number.to_string().into_bytes(),
        Value::Double(number) => number.to_string().into_bytes(),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let mut text = format!("{year:04}-{month:02}-{day:02}");
            if *kind != Kind::Date {
                text += &format!(" {hour:02}:{minute:02}:{second:02}{}", fraction(micros));
            }
            text.into_bytes()
        }
        Value::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = u64::from(days) * 24 + u64::from(hours);
            format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(micros)).into_bytes()
        }
    })
}

/// The columns of a query by its metadata.
fn plan(found: &[::mysql::Column], mariadb: bool) -> Result<Vec<Column>> {
    let columns = found
        .iter()
        .map(|column| {
            let declared = declared_type(column);
            let text = declared.contains("char(") || declared.ends_with("text");
            ColumnDefinition {
                charset: text.then(|| "utf8mb4".to_owned()),
                ..ColumnDefinition::new(column.name_str(), declared)
            }
        })
        .collect();
    let table = TableDefinition { columns, ..TableDefinition::default() };
    declared::plan(&TableName::new("--query", "result"), &table, mariadb)
        .map_err(|error| Error::new(ErrorKind::Refused, error.to_string()))
}

/// The character set that stands for bytes.
const BINARY: u16 = 63;

/// The type of a column of a result as a table would declare it.
fn declared_type(column: &::mysql::Column) -> String {
    use ColumnType as T;
    let length = column.column_length();
    let unsigned = column.flags().contains(ColumnFlags::UNSIGNED_FLAG);
    let is_text = column.character_set() != BINARY;
    let whole = |name: &str| format!("{name}{}", if unsigned { " unsigned" } else { "" });
    // What is computed has no fixed number of digits.
    let digits = if column.decimals() > 6 { 6 } else { column.decimals() };
    match column.column_type() {
        T::MYSQL_TYPE_TINY => whole("tinyint"),
        T::MYSQL_TYPE_SHORT => whole("smallint"),
        T::MYSQL_TYPE_INT24 => whole("mediumint"),
        T::MYSQL_TYPE_LONG => whole("int"),
        T::MYSQL_TYPE_LONGLONG => whole("bigint"),
        T::MYSQL_TYPE_FLOAT => "float".to_owned(),
        T::MYSQL_TYPE_DOUBLE => "double".to_owned(),
        T::MYSQL_TYPE_DECIMAL | T::MYSQL_TYPE_NEWDECIMAL => {
            // The length has room for the point and the sign.
            let scale = u32::from(column.decimals().min(38));
            let room = u32::from(scale > 0) + u32::from(!unsigned);
            let precision = length.saturating_sub(room).clamp(scale.max(1), 65);
            format!("decimal({precision},{scale})")
        }
        T::MYSQL_TYPE_YEAR => "year".to_owned(),
        T::MYSQL_TYPE_BIT => format!("bit({})", length.clamp(1, 64)),
        T::MYSQL_TYPE_DATE | T::MYSQL_TYPE_NEWDATE => "date".to_owned(),
        T::MYSQL_TYPE_TIME | T::MYSQL_TYPE_TIME2 => format!("time({digits})"),
        T::MYSQL_TYPE_DATETIME | T::MYSQL_TYPE_DATETIME2 => format!("datetime({digits})"),
        T::MYSQL_TYPE_TIMESTAMP | T::MYSQL_TYPE_TIMESTAMP2 => format!("timestamp({digits})"),
        T::MYSQL_TYPE_JSON => "json".to_owned(),
        T::MYSQL_TYPE_GEOMETRY => "geometry".to_owned(),
        T::MYSQL_TYPE_VECTOR => format!("vector({})", length / 4),
        T::MYSQL_TYPE_NULL => "varchar(1)".to_owned(),
        _ if is_text => match length / 4 {
            chars @ 0..=16_000 => format!("varchar({})", chars.max(1)),
            16_001..=65_535 => "text".to_owned(),
            65_536..=16_777_215 => "mediumtext".to_owned(),
            _ => "longtext".to_owned(),
        },
        _ => match length {
            0..=65_000 => format!("varbinary({})", length.max(1)),
            65_001..=65_535 => "blob".to_owned(),
            65_536..=16_777_215 => "mediumblob".to_owned(),
            _ => "longblob".to_owned(),
        },
    }
}

impl Store for MySql {
    fn columns(&self) -> &[String] {
        &self.text.columns
    }

    fn fields(&mut self) -> Result<Arc<[Field]>> {
        self.session().map(|session| Arc::clone(&session.fields))
    }

    fn find(&mut self, question: &Question) -> Result<Answer> {
        let answer = self.ask(question);
        if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unreachable) {
            self.session = None;
        }
        answer
    }

    fn most(&self) -> usize {
        self.most
    }

    fn describe(&mut self) -> Result<String> {
        let name = self.name.clone();
        self.ask(&Question { types: &[], keys: &[] })?;
        let session = self.session()?;
        Ok(format!("{name}: can be reached ({})", session.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_as_what_they_are() {
        assert_eq!(bound("7", Type::Long), Value::Int(7));
        assert_eq!(bound("18446744073709551615", Type::Decimal), Value::UInt(u64::MAX));
        assert_eq!(bound("1.5", Type::Decimal), Value::Bytes(b"1.5".to_vec()));
        assert_eq!(bound("7", Type::String), Value::Bytes(b"7".to_vec()));
        assert_eq!(bound("AAE=", Type::Binary), Value::Bytes(vec![0, 1]));
        let keys: [&[Box<str>]; 2] = [&["7".into()], &["1.5".into()]];
        let question = |keys| Question { types: &[Type::Decimal], keys };
        assert!(needs_cast(&question(&keys), 0) && !needs_cast(&question(&keys[..1]), 0));
    }
}
