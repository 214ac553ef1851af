//! Lookups in Redis: a hash, a string or a JSON document for each key. Uses `lookup`. Warm: once a
//! batch of keys, which is one round trip.

mod query;
mod wire;

use std::sync::Arc;

use super::{KEYS, Spec, Wanted, most};
use crate::error::{Error, Kind, Result};
use crate::lookup::{Answer, Question, Store};
use crate::ums::Field;
use crate::url::Opt;
use query::{Query, Shape};
use wire::{Reply, Wire};

/// The row.
pub(super) const SPEC: Spec = Spec {
    scheme: "redis",
    form: "redis://USER@HOST:PORT/DATABASE",
    summary: "Redis: a hash, a string or a JSON document for each key",
    description: "The query is SELECT name TYPE AS alias, … FROM HASH 'key', FROM STRING 'key' or FROM \
        JSON 'key'. In the key, {column} stands for a value of the stream, {{ and }} for braces. TYPE is \
        a type of ums(7), string without. A hash's columns are its fields; a string has one column; \
        of a JSON document, a.b is a member of a member, and an array gives a row for each of its \
        objects. A field that is missing is NULL, and a hash that has none of the fields is not there. \
        The user may be left out, and a password is taken from DWS_PASSWORD or REDISCLI_AUTH, too. No \
        TLS, no cluster.",
    options: &OPTIONS,
    example: "ums-join --lookup redis://cache/0 --query \"SELECT name, level int AS customer_level FROM \
        HASH 'customer:{customer_id}'\"",
    open,
};

const OPTIONS: [Opt; 3] = [
    KEYS,
    Opt {
        name: "connect-timeout",
        meaning: "Seconds to wait for the server at all.",
        default: "10",
    },
    Opt { name: "read-timeout", meaning: "Seconds to wait for one answer.", default: "60" },
];

fn open(wanted: &Wanted) -> Result<Box<dyn Store>> {
    let query = Query::parse(wanted.query)?;
    let login = wire::Login::read(wanted.url, wanted.login, wanted.warn)?;
    Ok(Box::new(Redis {
        fields: query.columns.iter().map(|column| column.field.clone()).collect(),
        query,
        login,
        most: most(wanted.url)?,
        wire: None,
    }))
}

/// The store.
#[derive(Debug)]
struct Redis {
    login: wire::Login,
    query: Query,
    fields: Arc<[Field]>,
    most: usize,
    wire: Option<Wire>,
}

impl Redis {
    fn wire(&mut self) -> Result<&mut Wire> {
        if self.wire.is_none() {
            self.wire = Some(Wire::connect(&self.login)?);
        }
        self.wire.as_mut().ok_or_else(|| Error::unreachable("no connection"))
    }

    fn ask(&mut self, question: &Question) -> Result<Answer> {
        let keys: Vec<String> = question.keys.iter().map(|key| self.query.key(key)).collect();
        let commands: Vec<Vec<&[u8]>> = match self.query.shape {
            Shape::Hash => keys
                .iter()
                .map(|key| {
                    let fields = self.query.columns.iter().map(|column| column.source.as_bytes());
                    [&b"HMGET"[..], key.as_bytes()].into_iter().chain(fields).collect()
                })
                .collect(),
            Shape::Text | Shape::Json => {
                vec![[&b"MGET"[..]].into_iter().chain(keys.iter().map(String::as_bytes)).collect()]
            }
        };
        let mut bytes = Vec::new();
        for command in &commands {
            wire::push_command(&mut bytes, command);
        }
        let count = commands.len();
        drop(commands);
        let name = self.login.name.clone();
        let wire = self.wire()?;
        wire.send(&bytes).map_err(|error| wire::lost(&name, error))?;
        let mut replies = Vec::with_capacity(count);
        for _ in 0..count {
            // All are read before one is complained about: the connection stays in step.
            replies.push(wire.reply().map_err(|error| wire::lost(&name, error))?);
        }
        let mut answer = Answer { fields: Arc::clone(&self.fields), rows: Vec::new() };
        for (command, reply) in replies.into_iter().enumerate() {
            let values = match reply {
                Reply::Array(values) => values,
                Reply::Error(text) => return Err(wire::refused(&name, &text)),
                _ => return Err(Error::unreachable(format!("{name}: is no Redis server"))),
            };
            match self.query.shape {
                Shape::Hash => self.hash(command, values, &mut answer)?,
                Shape::Text | Shape::Json => {
                    for (key, value) in values.into_iter().enumerate() {
                        self.text(key, value, &mut answer)?;
                    }
                }
            }
        }
        Ok(answer)
    }

    fn hash(&self, key: usize, values: Vec<Reply>, answer: &mut Answer) -> Result<()> {
        let texts: Vec<Option<String>> =
            values.into_iter().map(|value| self.value(value)).collect::<Result<_>>()?;
        if texts.iter().all(Option::is_none) || texts.len() != self.query.columns.len() {
            return Ok(());
        }
        self.row(key, texts.iter().map(Option::as_deref), answer)
    }

    fn text(&self, key: usize, value: Reply, answer: &mut Answer) -> Result<()> {
        let Some(text) = self.value(value)? else { return Ok(()) };
        if self.query.shape == Shape::Text {
            return self.row(key, std::iter::once(Some(text.as_str())), answer);
        }
        for row in self.query.members(&text).ok_or_else(|| self.odd("of JSON"))? {
            self.row(key, row.iter().map(Option::as_deref), answer)?;
        }
        Ok(())
    }

    fn value(&self, value: Reply) -> Result<Option<String>> {
        match value {
            Reply::Nil => Ok(None),
            Reply::Text(bytes) => {
                String::from_utf8(bytes).map(Some).map_err(|_| self.odd("of text"))
            }
            _ => Err(self.odd("of text")),
        }
    }

    fn row<'t>(
        &self,
        key: usize,
        texts: impl Iterator<Item = Option<&'t str>>,
        answer: &mut Answer,
    ) -> Result<()> {
        let mut cells = Vec::new();
        for (column, text) in self.query.columns.iter().zip(texts) {
            if !cells.is_empty() {
                cells.push(b',');
            }
            query::push(column.field.ty, text, &mut cells)
                .ok_or_else(|| self.odd(&column.field.name))?;
        }
        let cells = String::from_utf8(cells).map_err(|_| self.odd("of text"))?;
        answer.rows.push((key, cells.into()));
        Ok(())
    }

    fn odd(&self, column: &str) -> Error {
        Error::refused(format!(
            "{}: column {column} holds what its type does not have",
            self.login.name
        ))
        .advise("give it the type string in the query")
    }
}

impl Store for Redis {
    fn columns(&self) -> &[String] {
        &self.query.names
    }

    fn fields(&mut self) -> Result<Arc<[Field]>> {
        self.wire()?;
        Ok(Arc::clone(&self.fields))
    }

    fn find(&mut self, question: &Question) -> Result<Answer> {
        let answer = self.ask(question);
        if answer.as_ref().is_err_and(|error| error.kind() == Kind::Unreachable) {
            self.wire = None;
        }
        answer
    }

    fn most(&self) -> usize {
        self.most
    }

    fn describe(&mut self) -> Result<String> {
        let name = self.login.name.clone();
        self.wire()?;
        Ok(format!("{name}: can be reached"))
    }
}
