//! Lookups in an SQLite file. Uses `lookup`. Warm: once a key.
//!
//! The file is in this process, so keys are asked one by one with one prepared statement.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OpenFlags};

use super::{Spec, Wanted};
use crate::error::{Error, Kind, Result};
use crate::lookup::text::{Lexicon, Text};
use crate::lookup::{Answer, Question, Store};
use crate::ums::base64::decode_base64;
use crate::ums::json::{push_base64, push_f64, push_i64, push_string};
use crate::ums::{Field, Type};

/// The row.
pub(super) const SPEC: Spec = Spec {
    scheme: "sqlite",
    form: "sqlite:PATH",
    summary: "an SQLite file: any SELECT",
    description: "The file is opened for reading only. A column has the type that its table declares; \
        what is computed is text, unless it is CAST in a view's or a table's column.",
    options: &[],
    example: "ums-join --lookup sqlite:crm.db --query 'SELECT name, city FROM customer WHERE id IN \
        (:customer_id)'",
    open,
};

fn open(wanted: &Wanted) -> Result<Box<dyn Store>> {
    let text = Text::parse(wanted.query, Lexicon::Sqlite)?;
    let mut sql = String::new();
    // One parameter a column, however often the query names it.
    text.render(&mut sql, |sql, column| sql.push_str(&format!("?{}", column + 1)));
    let name = wanted.url.to_string();
    Ok(Box::new(Sqlite { path: wanted.url.path().to_owned(), name, text, sql, session: None }))
}

/// The store.
#[derive(Debug)]
struct Sqlite {
    path: String,
    name: String,
    text: Text,
    sql: String,
    session: Option<Session>,
}

#[derive(Debug)]
struct Session {
    connection: Connection,
    fields: Arc<[Field]>,
}

/// Waits so long for a writer.
const BUSY: Duration = Duration::from_secs(30);

impl Sqlite {
    fn wrong(&self, error: rusqlite::Error) -> Error {
        use rusqlite::ErrorCode as Code;
        let text = format!("{}: --query: {error}", self.name);
        match error.sqlite_error_code() {
            Some(
                Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::SystemIoFailure
                | Code::CannotOpen
                | Code::SchemaChanged,
            ) => Error::unreachable(text),
            _ => Error::refused(text),
        }
    }

    fn session(&mut self) -> Result<&Session> {
        if self.session.is_none() {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&self.path, flags);
            let connection = connection
                .map_err(|error| Error::unreachable(format!("{}: {error}", self.name)))?;
            connection.busy_timeout(BUSY).map_err(|error| self.wrong(error))?;
            let prepared = connection.prepare(&self.sql).map_err(|error| self.wrong(error))?;
            if prepared.column_count() == 0 || !prepared.readonly() {
                return Err(Error::usage(format!("{}: --query must be one SELECT", self.name)));
            }
            let fields = describe(&prepared);
            drop(prepared);
            self.session = Some(Session { connection, fields });
        }
        self.session.as_ref().ok_or_else(|| Error::unreachable("no session"))
    }

    fn ask(&mut self, question: &Question) -> Result<Answer> {
        self.session()?;
        let Some(session) = &self.session else { return Err(Error::unreachable("no session")) };
        let mut answer = Answer { fields: Arc::clone(&session.fields), rows: Vec::new() };
        let mut prepared =
            session.connection.prepare_cached(&self.sql).map_err(|error| self.wrong(error))?;
        for (number, key) in question.keys.iter().enumerate() {
            let values = key.iter().zip(question.types).map(|(text, ty)| bound(text, *ty));
            let mut rows = prepared
                .query(rusqlite::params_from_iter(values))
                .map_err(|error| self.wrong(error))?;
            while let Some(row) = rows.next().map_err(|error| self.wrong(error))? {
                let mut cells = Vec::new();
                for (place, field) in session.fields.iter().enumerate() {
                    if place > 0 {
                        cells.push(b',');
                    }
                    let value = row.get_ref(place).map_err(|error| self.wrong(error))?;
                    push(field.ty, value, &mut cells).ok_or_else(|| {
                        Error::refused(format!(
                            "{}: column {} holds what its type does not have",
                            self.name, field.name
                        ))
                        .advise("SQLite stores anything anywhere: CAST it to text in the query")
                    })?;
                }
                let cells = String::from_utf8(cells).map_err(|_| {
                    Error::refused(format!("{}: text that is not UTF-8", self.name))
                })?;
                answer.rows.push((number, cells.into()));
            }
        }
        // A table that has changed may give other columns.
        let now = describe(&prepared);
        if now != session.fields {
            return Err(Error::unreachable(format!(
                "{}: the query has other columns now",
                self.name
            )));
        }
        Ok(answer)
    }
}

/// The columns of a query: by what their tables declare, text where nothing is declared.
fn describe(prepared: &rusqlite::Statement<'_>) -> Arc<[Field]> {
    let field = |column: rusqlite::Column<'_>| {
        let (ty, origin) = declared(column.decl_type().unwrap_or("TEXT"));
        let name = column.name().to_owned();
        Field { name, ty, nullable: true, encoded: false, origin: Some(origin) }
    };
    prepared.columns().map(field).collect()
}

/// The type of a declaration; where it names none of ours, SQLite's own rule (datatype3.html,
/// section 3.1).
fn declared(text: &str) -> (Type, String) {
    let text = text.to_ascii_lowercase();
    let word = text.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or("");
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let (ty, origin) = match word {
        "boolean" | "bool" => (Type::Boolean, "boolean"),
        "date" => (Type::Date, "date"),
        "datetime" | "timestamp" => (Type::Datetime, "datetime(6)"),
        "decimal" | "numeric" => (Type::Decimal, "decimal(*)"),
        _ if has(&["int"]) => (Type::Long, "bigint"),
        _ if has(&["char", "clob", "text"]) => (Type::String, "longtext"),
        _ if has(&["blob"]) => (Type::Binary, "longblob"),
        _ if has(&["real", "floa", "doub"]) => (Type::Double, "double"),
        _ => (Type::String, "longtext"),
    };
    (ty, origin.to_owned())
}

fn bound(text: &str, ty: Type) -> Value {
    let plain = || Value::Text(text.to_owned());
    match ty {
        Type::Int | Type::Long | Type::Decimal => {
            text.parse().map_or_else(|_| plain(), Value::Integer)
        }
        Type::Float | Type::Double => text.parse().map_or_else(|_| plain(), Value::Real),
        Type::Boolean => Value::Integer(i64::from(text == "true")),
        Type::Binary => decode_base64(text.as_bytes()).map_or_else(plain, Value::Blob),
        Type::Date | Type::Datetime | Type::String => plain(),
    }
}

/// Appends a value's JSON; `None` for what is none of the type.
fn push(ty: Type, value: ValueRef<'_>, out: &mut Vec<u8>) -> Option<()> {
    let quoted = |text: String, out: &mut Vec<u8>| push_string(out, &text);
    match (ty, value) {
        (_, ValueRef::Null) => out.extend_from_slice(b"null"),
        (Type::Boolean, ValueRef::Integer(0)) => out.extend_from_slice(b"false"),
        (Type::Boolean, ValueRef::Integer(1)) => out.extend_from_slice(b"true"),
        (Type::Long | Type::Decimal | Type::String, ValueRef::Integer(number)) => {
            quoted(number.to_string(), out);
        }
        (Type::Double, ValueRef::Integer(number)) => push_i64(out, number),
        (Type::Double, ValueRef::Real(number)) if number.is_finite() => push_f64(out, number),
        (Type::Decimal, ValueRef::Real(number)) if number.abs() < 1e15 => {
            quoted(number.to_string(), out);
        }
        (Type::String, ValueRef::Real(number)) => quoted(number.to_string(), out),
        (Type::Decimal | Type::Long, ValueRef::Text(text)) => {
            let text = std::str::from_utf8(text).ok()?;
            let digits = text.strip_prefix('-').unwrap_or(text).replacen('.', "", 1);
            let whole = ty == Type::Decimal || text.parse::<i64>().is_ok();
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            push_string(out, Some(text).filter(|_| plain && whole)?);
        }
        (Type::String, ValueRef::Text(text)) => push_string(out, std::str::from_utf8(text).ok()?),
        (Type::Date | Type::Datetime, ValueRef::Text(text)) => {
            let text = std::str::from_utf8(text).ok()?;
            let dated =
                matches!(text.as_bytes(), [y, _, _, _, b'-', _, _, b'-', ..] if y.is_ascii_digit());
            push_string(out, Some(text).filter(|_| dated)?);
        }
        (Type::Binary, ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => {
            out.push(b'"');
            push_base64(out, bytes);
            out.push(b'"');
        }
        _ => return None,
    }
    Some(())
}

impl Store for Sqlite {
    fn columns(&self) -> &[String] {
        &self.text.columns
    }

    fn fields(&mut self) -> Result<Arc<[Field]>> {
        self.session().map(|session| Arc::clone(&session.fields))
    }

    fn find(&mut self, question: &Question) -> Result<Answer> {
        let answer = self.ask(question);
        if answer.as_ref().is_err_and(|error| error.kind() == Kind::Unreachable) {
            self.session = None;
        }
        answer
    }

    fn most(&self) -> usize {
        1 << 14
    }

    fn describe(&mut self) -> Result<String> {
        self.session()?;
        Ok(format!("{}: can be read (SQLite {})", self.name, rusqlite::version()))
    }
}
