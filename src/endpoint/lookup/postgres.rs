//! Lookups in PostgreSQL. Uses `lookup`, `postgres`. Warm: once a batch of keys.
//!
//! Prepared statements, values bound as text that the server reads by the types that it found for
//! them. Every column comes back as text, which is exact for every type there is; the statement's
//! metadata says what the text means.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::Write;
use std::sync::Arc;

use ::postgres::types::{Format, IsNull, ToSql, Type as Oid, to_sql_checked};
use ::postgres::{Client, Statement};
use bytes::BytesMut;

use super::{KEYS, Spec, Wanted, most, size, statement};
use crate::error::{Error, Kind, Result};
use crate::lookup::text::{Lexicon, Text};
use crate::lookup::{Answer, Question, Store};
use crate::postgres::failure;
use crate::postgres::login::{Login, OPTIONS as LOGIN};
use crate::ums::base64::decode_base64;
use crate::ums::json::{push_base64, push_string};
use crate::ums::{Field, Type};
use crate::url::Opt;

/// The row.
pub(super) const SPEC: Spec = Spec {
    scheme: "postgres",
    form: "postgres://USER@HOST:PORT/DATABASE",
    summary: "PostgreSQL: any SELECT",
    description: "The session is read-only and in UTC. The server finds a type for each value, as for \
        a parameter; a value that is no number finds nothing in a number column. Where the server \
        cannot tell, write :customer_id::bigint.",
    options: &OPTIONS,
    example: "ums-join --lookup postgres://reader@crm/shop --query 'SELECT name, city FROM customer \
        WHERE id IN (:customer_id)'",
    open,
};

const OPTIONS: [Opt; 5] = {
    let [schema, sslmode, sslrootcert, connect_timeout] = LOGIN;
    let schema = Opt { meaning: "Where tables are looked for.", ..schema };
    [KEYS, schema, sslmode, sslrootcert, connect_timeout]
};

fn open(wanted: &Wanted) -> Result<Box<dyn Store>> {
    Ok(Box::new(Postgres {
        text: Text::parse(wanted.query, Lexicon::Postgres)?,
        login: Login::read(wanted.url, wanted.login, "ums-join", wanted.warn)?,
        most: most(wanted.url)?,
        session: None,
    }))
}

/// The store.
#[derive(Debug)]
struct Postgres {
    login: Login,
    text: Text,
    most: usize,
    session: Option<Session>,
}

/// A connection, and what the query gives on it.
struct Session {
    client: Client,
    fields: Arc<[Field]>,
    /// How each column's text becomes a cell.
    forms: Vec<Form>,
    /// The types of the parameters, in the order of the text.
    types: Vec<Oid>,
    /// By their number of keys.
    prepared: HashMap<usize, Statement>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("fields", &self.fields).finish_non_exhaustive()
    }
}

const SETTINGS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; \
    SET IntervalStyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1; \
    SET default_transaction_read_only = on; SET client_min_messages = warning";

/// Errors about a value: their texts hold it.
const ABOUT_DATA: &str = "22";

impl Postgres {
    fn wrong(&self, error: ::postgres::Error) -> Error {
        let name = &self.login.name;
        let state = error.as_db_error().map(|answer| answer.code().code().to_owned());
        if let Some(state) = state.filter(|state| state.starts_with(ABOUT_DATA)) {
            return Error::refused(format!("{name}: --query fails on a value (SQLSTATE {state})"))
                .advise("cast values in the query so that no value of the stream fails");
        }
        let error = failure::from(format_args!("{name}: --query"), error);
        match error.kind() {
            Kind::Data => Error::refused(error.to_string()),
            _ => error,
        }
    }

    fn connect(&self) -> Result<Session> {
        let mut client = self.login.connect()?;
        let mut settings = SETTINGS.to_owned();
        if let Some(schema) = &self.login.schema {
            settings.push_str(&format!("; SET search_path = {}", quoted(schema)));
        }
        client.batch_execute(&settings).map_err(|error| self.wrong(error))?;
        let mut sql = String::new();
        let mut next = 0;
        self.text.render(&mut sql, |sql, _| {
            next += 1;
            let _ = write!(sql, "${next}");
        });
        let prepared = client.prepare(&sql).map_err(|error| self.wrong(error))?;
        if prepared.columns().is_empty() {
            return Err(Error::refused(format!("{}: --query gives no columns", self.login.name)));
        }
        let described: Vec<(Field, Form)> = prepared
            .columns()
            .iter()
            .map(|column| described(column.name(), column.type_(), column.type_modifier()))
            .collect();
        Ok(Session {
            client,
            fields: described.iter().map(|(field, _)| field.clone()).collect(),
            forms: described.iter().map(|(_, form)| *form).collect(),
            types: prepared.params().to_vec(),
            prepared: HashMap::new(),
        })
    }

    fn session(&mut self) -> Result<&mut Session> {
        if self.session.is_none() {
            self.session = Some(self.connect()?);
        }
        self.session.as_mut().ok_or_else(|| Error::unreachable("no session"))
    }

    fn ask(&mut self, question: &Question) -> Result<Answer> {
        let places = self.text.places().to_vec();
        let session = self.session()?;
        // What the server would refuse to read as its type is equal to no value of that type.
        let asked: Vec<(usize, Vec<Bound>)> = question
            .keys
            .iter()
            .enumerate()
            .filter_map(|(number, key)| {
                let bound = places.iter().zip(&session.types).map(|(place, oid)| {
                    let ty = question.types.get(*place).copied().unwrap_or(Type::String);
                    Bound::new(key.get(*place)?, ty, oid)
                });
                Some((number, bound.collect::<Option<Vec<_>>>()?))
            })
            .collect();
        let fields = Arc::clone(&session.fields);
        let mut answer = Answer { fields, rows: Vec::new() };
        if asked.is_empty() && !question.keys.is_empty() {
            return Ok(answer);
        }
        let rows = self.query(&asked)?;
        let name = self.login.name.clone();
        let Some(session) = &self.session else { return Ok(answer) };
        for row in rows {
            let key: i32 = row.try_get(0).map_err(|_| odd(&name, "of the key"))?;
            let Some((number, _)) = usize::try_from(key).ok().and_then(|key| asked.get(key)) else {
                continue;
            };
            let mut cells = Vec::new();
            for (place, form) in session.forms.iter().enumerate() {
                let column = || session.fields.get(place).map_or("", |field| &field.name);
                if place > 0 {
                    cells.push(b',');
                }
                let text: Option<&str> =
                    row.try_get(place + 1).map_err(|_| odd(&name, column()))?;
                form.push(text, &mut cells).ok_or_else(|| odd(&name, column()))?;
            }
            let cells = String::from_utf8(cells).map_err(|_| odd(&name, "of text"))?;
            answer.rows.push((*number, cells.into()));
        }
        Ok(answer)
    }

    fn query(&mut self, asked: &[(usize, Vec<Bound>)]) -> Result<Vec<::postgres::Row>> {
        let size = size(asked.len(), self.most);
        let prepared = self.prepare(size)?;
        let mut values: Vec<&(dyn ToSql + Sync)> = Vec::new();
        let none = Bound(None);
        for key in 0..size {
            match asked.get(key) {
                Some((_, bound)) => values.extend(bound.iter().map(|b| b as &(dyn ToSql + Sync))),
                None => {
                    values.extend(self.text.places().iter().map(|_| &none as &(dyn ToSql + Sync)))
                }
            }
        }
        let Some(session) = &mut self.session else { return Ok(Vec::new()) };
        let rows = session.client.query(&prepared, &values);
        rows.map_err(|error| {
            // A table of the query has changed: another session describes it anew.
            let stale = error.as_db_error().is_some_and(|answer| answer.code().code() == "0A000");
            match stale {
                true => Error::unreachable(format!(
                    "{}: the query has other columns now",
                    self.login.name
                )),
                false => self.wrong(error),
            }
        })
    }

    fn prepare(&mut self, size: usize) -> Result<Statement> {
        let Some(session) = &mut self.session else { return Err(Error::unreachable("no session")) };
        if let Some(prepared) = session.prepared.get(&size) {
            return Ok(prepared.clone());
        }
        let columns: Vec<String> =
            session.fields.iter().map(|field| format!("q.{}::text", quoted(&field.name))).collect();
        let mut next = 0;
        let sql = statement(&self.text, size, &columns.join(", "), |sql, _, _| {
            next += 1;
            let _ = write!(sql, "${next}");
        });
        let all = session.types.len() * size;
        let types: Vec<Oid> = session.types.iter().cycle().take(all).cloned().collect();
        let prepared = session.client.prepare_typed(&sql, &types);
        match prepared {
            Ok(prepared) => {
                session.prepared.insert(size, prepared.clone());
                Ok(prepared)
            }
            Err(error) => Err(self.wrong(error)),
        }
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn odd(name: &str, column: &str) -> Error {
    Error::refused(format!("{name}: column {column} holds what UMS has no cell for"))
        .advise("cast it to text in the query")
}

/// A value as a parameter, in text; the server reads it by the parameter's type.
#[derive(Debug, PartialEq)]
struct Bound(Option<String>);

impl Bound {
    /// `None` for a text that is no value of the type: nothing is equal to it.
    fn new(text: &str, ty: Type, oid: &Oid) -> Option<Self> {
        let digits = || {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let dots = digits.bytes().filter(|byte| *byte == b'.').count();
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            plain && dots <= 1 && digits.bytes().any(|byte| byte.is_ascii_digit())
        };
        let fits = match *oid {
            Oid::INT2 => text.parse::<i16>().is_ok(),
            Oid::INT4 => text.parse::<i32>().is_ok(),
            Oid::INT8 => text.parse::<i64>().is_ok(),
            Oid::NUMERIC => digits() || (ty == Type::Double && text.parse::<f64>().is_ok()),
            Oid::FLOAT4 | Oid::FLOAT8 => text.parse::<f64>().is_ok_and(f64::is_finite),
            Oid::BOOL => matches!(text, "true" | "false" | "0" | "1"),
            Oid::UUID => is_uuid(text),
            Oid::DATE => matches!(ty, Type::Date) && is_date(text),
            Oid::TIMESTAMP | Oid::TIMESTAMPTZ => {
                matches!(ty, Type::Date | Type::Datetime) && is_date(text)
            }
            // No text of the server's holds it.
            _ => !text.contains('\0'),
        };
        if !fits {
            return None;
        }
        if *oid == Oid::BYTEA && ty == Type::Binary {
            let bytes = decode_base64(text.as_bytes())?;
            let mut hex = String::from("\\x");
            for byte in bytes {
                let _ = write!(hex, "{byte:02x}");
            }
            return Some(Self(Some(hex)));
        }
        Some(Self(Some(text.to_owned())))
    }
}

/// A date that the server has: zero dates and dates that no calendar has are refused by it.
fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split(['-', ' ', ':', '.', 'T']).map(str::parse::<i16>).collect();
    match parts.as_slice() {
        [Ok(year @ 1..), Ok(month), Ok(day), ..] => {
            let (year, month, day) = (*year, i8::try_from(*month), i8::try_from(*day));
            matches!((month, day), (Ok(month), Ok(day)) if jiff::civil::Date::new(year, month, day).is_ok())
        }
        _ => false,
    }
}

fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(|byte| *byte != b'-').count();
    digits == 32
        && text.len() <= 36
        && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
        && (text.len() == 32
            || [8, 13, 18, 23].iter().all(|at| text.as_bytes().get(*at) == Some(&b'-')))
}

impl ToSql for Bound {
    fn to_sql(
        &self,
        _: &Oid,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            Some(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn accepts(_: &Oid) -> bool {
        true
    }

    fn encode_format(&self, _: &Oid) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// How the text of a column becomes a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is, without quotes.
    Bare,
    /// A floating point number.
    Float,
    Double,
    /// Digits between quotes.
    Digits,
    /// A date or a time, or what stands for one and is none.
    Time,
    /// A moment, whose zone is UTC.
    Moment,
    Text,
    /// Bytes in hexadecimal digits.
    Bytes,
}

impl Form {
    /// Appends the JSON of a text; `None` for what no cell holds.
    fn push(self, text: Option<&str>, out: &mut Vec<u8>) -> Option<()> {
        let Some(text) = text else {
            out.extend_from_slice(b"null");
            return Some(());
        };
        // NaN, infinity, and years before the common era.
        let plain = || text.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit());
        match self {
            Self::Bare => out.extend_from_slice(text.as_bytes()),
            Self::Float | Self::Double => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
                match self {
                    Self::Float => crate::ums::json::push_f32(out, number as f32),
                    _ => crate::ums::json::push_f64(out, number),
                }
            }
            Self::Moment => {
                push_string(out, text.strip_suffix("+00").filter(|t| !t.contains("BC"))?)
            }
            Self::Digits | Self::Time => push_string(out, Some(text).filter(|_| plain())?),
            Self::Text => push_string(out, text),
            Self::Bytes => {
                let digits = text.strip_prefix("\\x")?.as_bytes();
                let mut bytes = Vec::with_capacity(digits.len() / 2);
                for pair in digits.chunks(2) {
                    let pair = std::str::from_utf8(pair).ok()?;
                    bytes.push(u8::from_str_radix(pair, 16).ok()?);
                }
                out.push(b'"');
                push_base64(out, &bytes);
                out.push(b'"');
            }
        }
        Some(())
    }
}

/// A column by its type: the reverse of how the sink declares columns.
fn described(name: &str, oid: &Oid, modifier: i32) -> (Field, Form) {
    // The modifiers of numbers and texts have four bytes of a header in them.
    let length = modifier.checked_sub(4).filter(|length| *length >= 0);
    let digits = if (0..=6).contains(&modifier) { modifier } else { 6 };
    let (ty, origin, form) = match *oid {
        Oid::BOOL => (Type::Boolean, "boolean".to_owned(), Form::Bare),
        Oid::INT2 => (Type::Int, "smallint".to_owned(), Form::Bare),
        Oid::INT4 => (Type::Int, "int".to_owned(), Form::Bare),
        Oid::INT8 => (Type::Long, "bigint".to_owned(), Form::Digits),
        Oid::FLOAT4 => (Type::Float, "float".to_owned(), Form::Float),
        Oid::FLOAT8 => (Type::Double, "double".to_owned(), Form::Double),
        Oid::NUMERIC => {
            let declared = length.map(|length| (length >> 16, length & 0x7ff));
            let origin = match declared {
                Some((precision @ 1..=65, scale @ 0..=38)) => {
                    format!("decimal({precision},{scale})")
                }
                _ => "decimal(*)".to_owned(),
            };
            (Type::Decimal, origin, Form::Digits)
        }
        Oid::DATE => (Type::Date, "date".to_owned(), Form::Time),
        Oid::TIMESTAMP => (Type::Datetime, format!("datetime({digits})"), Form::Time),
        Oid::TIMESTAMPTZ => (Type::Datetime, format!("timestamp({digits})"), Form::Moment),
        Oid::TIME => (Type::String, format!("time({digits})"), Form::Text),
        Oid::UUID => (Type::String, "uuid".to_owned(), Form::Text),
        Oid::JSON | Oid::JSONB => (Type::String, "json".to_owned(), Form::Text),
        Oid::BYTEA => (Type::Binary, "longblob".to_owned(), Form::Bytes),
        Oid::VARCHAR if length.is_some() => {
            (Type::String, format!("varchar({})", length.unwrap_or(1)), Form::Text)
        }
        Oid::BPCHAR if length.is_some() => {
            (Type::String, format!("char({})", length.unwrap_or(1)), Form::Text)
        }
        _ => (Type::String, "longtext".to_owned(), Form::Text),
    };
    let name = name.to_owned();
    (Field { name, ty, nullable: true, encoded: false, origin: Some(origin) }, form)
}

impl Store for Postgres {
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
        self.most
    }

    fn describe(&mut self) -> Result<String> {
        self.ask(&Question { types: &[], keys: &[] })?;
        let version = self.session()?.client.query_one("SHOW server_version", &[]);
        let version: String =
            version.and_then(|row| row.try_get(0)).map_err(|error| self.wrong(error))?;
        Ok(format!("{}: can be reached (PostgreSQL {version})", self.login.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_of_the_type_is_not_asked() {
        for (text, ty, oid, fits) in [
            ("7", Type::String, Oid::INT4, true),
            ("7abc", Type::String, Oid::INT4, false),
            ("99999999999", Type::Long, Oid::INT4, false),
            ("1.5", Type::Decimal, Oid::INT8, false),
            ("1.5", Type::Decimal, Oid::NUMERIC, true),
            ("NaN", Type::String, Oid::NUMERIC, false),
            ("' OR 1=1 --", Type::String, Oid::TEXT, true),
            ("a\0b", Type::String, Oid::TEXT, false),
            ("0000-00-00", Type::Date, Oid::DATE, false),
            ("2026-02-29", Type::Date, Oid::DATE, false),
            ("2026-02-28", Type::Date, Oid::DATE, true),
            ("now", Type::String, Oid::DATE, false),
            ("12345678-1234-1234-1234-1234567890ab", Type::String, Oid::UUID, true),
            ("12345678-1234-1234-1234-1234567890a", Type::String, Oid::UUID, false),
        ] {
            assert_eq!(Bound::new(text, ty, &oid).is_some(), fits, "{text} as {oid}");
        }
        let bytes = Bound::new("AP8=", Type::Binary, &Oid::BYTEA);
        assert_eq!(bytes, Some(Bound(Some("\\x00ff".to_owned()))));
    }

    #[test]
    fn texts_become_cells() {
        let shown = |form: Form, text: &str| {
            let mut out = Vec::new();
            form.push(Some(text), &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        for (form, text, expected) in [
            (Form::Bare, "true", Some("true")),
            (Form::Digits, "-1.50", Some("\"-1.50\"")),
            (Form::Digits, "NaN", None),
            (Form::Double, "0.1", Some("0.1")),
            (Form::Double, "Infinity", None),
            (Form::Time, "2026-11-21 01:02:03.5", Some("\"2026-11-21 01:02:03.5\"")),
            (Form::Time, "infinity", None),
            (Form::Time, "0044-03-15 BC", None),
            (Form::Moment, "2026-11-21 01:02:03+00", Some("\"2026-11-21 01:02:03\"")),
            (Form::Bytes, "\\x00ff", Some("\"AP8=\"")),
            (Form::Text, "a\"b", Some("\"a\\\"b\"")),
        ] {
            assert_eq!(shown(form, text).as_deref(), expected, "{text}");
        }
    }
}
