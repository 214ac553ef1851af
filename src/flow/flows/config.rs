//! The file of `ums-sink --flows`: TOML to definitions. Uses `error`, `sink`, `ums`, `url`. Not hot.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Result};
use crate::sink::target::{KeyRule, TableRule};
use crate::sink::{Delete, Mode, OnTruncate, Options, Spec, Target, check_sweep, find};
use crate::ums::Pattern;
use crate::url::Url;

/// One key of a flow: name, whether it must be there, an example, and what it means.
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may stand there.
    pub form: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

/// Every key of a flow.
pub const KEYS: &[Key] = &[
    Key {
        name: "name",
        form: "\"TEXT\"",
        meaning: "Names the flow in messages and in the file of its position: letters, digits, - \
                  and _. Must be there.",
    },
    Key {
        name: "match",
        form: "\"PATTERN\" or [\"PATTERN\", ...]",
        meaning: "The namespaces that the flow takes, as patterns of ums(7). Must be there.",
    },
    Key {
        name: "to",
        form: "\"DEST\"",
        meaning: "Where the rows land, as the argument of ums-sink. Must be there.",
    },
    Key {
        name: "table",
        form: "\"NAME\"",
        meaning: "The target table; may hold {source}, {schema} and {table}. Without it a table keeps \
                  its own name.",
    },
    Key {
        name: "keys",
        form: "[\"COLUMN\", ...]",
        meaning: "The key columns. Without it the message says them.",
    },
    Key {
        name: "columns",
        form: "[\"COLUMN\", ...]",
        meaning: "The columns that are kept, beside the system columns. Without it all are. Key \
                  columns must be among them.",
    },
    Key { name: "mode", form: "\"upsert\" or \"append\"", meaning: "As --mode. [upsert]" },
    Key { name: "delete", form: "\"soft\" or \"hard\"", meaning: "As --delete. [soft]" },
    Key {
        name: "on_truncate",
        form: "\"apply\" or \"ignore\"",
        meaning: "As --on-truncate. [apply]",
    },
    Key { name: "sweep", form: "true or false", meaning: "As --sweep. [false]" },
    Key {
        name: "create",
        form: "true or false",
        meaning: "Whether tables are created and widened; false is --no-create. [true]",
    },
];

/// Sinks that one process can open once only.
const ALONE: [&str; 3] = ["-", "file", "parquet"];

/// One flow as the file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    matches: Vec<String>,
    to: String,
    table: Option<String>,
    keys: Vec<String>,
    pub(super) columns: Vec<String>,
    mode: Mode,
    delete: Delete,
    on_truncate: OnTruncate,
    sweep: bool,
    create: bool,
    place: String,
}

impl Definition {
    /// The sink and what it is asked to do; `common` says what is the same for all flows: rejects,
    /// login, notices.
    pub fn target(&self, common: &Options) -> Result<(&'static Spec, Target)> {
        let any = Pattern::parse("*")?;
        let url = Url::parse(&self.to)?;
        let spec = find(&url)?;
        let map =
            self.table.as_ref().map(|table| TableRule::new(any.clone(), table)).transpose()?;
        let keys = Some(&self.keys).filter(|keys| !keys.is_empty());
        let options = Options {
            mode: self.mode,
            delete: self.delete,
            on_truncate: self.on_truncate,
            sweep: self.sweep,
            no_create: !self.create,
            map: map.into_iter().collect(),
            keys: keys.map(|keys| KeyRule::new(any, keys.clone())).into_iter().collect(),
            rejects: common.rejects.of_flow(&self.name),
            login: common.login.clone(),
            notice: common.notice,
        };
        Ok((spec, Target { url, options }))
    }

    /// What it takes.
    pub(super) fn patterns(&self) -> Result<Vec<Pattern>> {
        self.matches.iter().map(|text| Pattern::parse(text)).collect()
    }

    /// Flows of equal places share a database, however their addresses are written.
    pub(super) fn place(&self) -> &str {
        &self.place
    }
}

/// Reads the file.
///
/// # Errors
/// `Usage` with `FILE:LINE` for what is wrong in it; `Unreachable` when it cannot be read.
pub fn load(path: &Path) -> Result<Vec<Definition>> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Error::unreachable(format!("{}: {error}", path.display())))?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, file: &str) -> Result<Vec<Definition>> {
    let place = |offset: usize, error: Error| {
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::usage(error.to_string()).at(format_args!("{file}:{line}"))
    };
    let document = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        // The text of the parser shows no part of the file, which may hold a password.
        place(offset, Error::usage(error.message().to_owned()))
    })?;
    let mut flows: Vec<Definition> = Vec::new();
    for (key, value) in document.get_ref() {
        let at = key.span().start;
        let list = match value.get_ref() {
            DeValue::Array(list) if key.get_ref() == "flow" => list,
            _ => {
                return Err(place(at, Error::usage("expected [[flow]] and nothing beside it")));
            }
        };
        for item in list.iter() {
            let at = item.span().start;
            let DeValue::Table(table) = item.get_ref() else {
                return Err(place(at, Error::usage("a flow is a table: [[flow]]")));
            };
            let flow = definition(table, at).map_err(|(at, error)| place(at, error))?;
            clash(&flows, &flow).map_err(|error| place(at, error))?;
            flows.push(flow);
        }
    }
    if flows.is_empty() {
        return Err(Error::usage(format!("{file}: has no [[flow]]")));
    }
    Ok(flows)
}

/// What two flows must not have in common.
fn clash(others: &[Definition], flow: &Definition) -> Result<()> {
    if others.iter().any(|other| other.name == flow.name) {
        return Err(Error::usage(format!("there are two flows named {}", flow.name)));
    }
    let scheme = Url::parse(&flow.to)?;
    let same = others.iter().find(|other| other.place() == flow.place());
    match same {
        Some(other) if ALONE.contains(&scheme.scheme()) => Err(Error::usage(format!(
            "the flows {} and {} write to the same place, {scheme}",
            other.name, flow.name
        ))
        .advise("make one flow of them: match takes several patterns")),
        _ => Ok(()),
    }
}

/// Where an address leads, without user, options and what may be left out of it. Two servers may be
/// one under two names, which nothing here can tell.
fn place(url: &Url) -> String {
    match url.authority() {
        Some(authority) => {
            let port = match url.scheme() {
                "mysql" => ":3306",
                "postgres" => ":5432",
                _ => "",
            };
            let hosts = authority.hosts.to_ascii_lowercase();
            let host = match hosts.strip_suffix(port).unwrap_or(&hosts) {
                "localhost" | "[::1]" => "127.0.0.1",
                host => host,
            };
            let socket = url.option("socket").unwrap_or_default();
            format!("{}://{host}{socket}/{}", url.scheme(), url.path())
        }
        None => {
            let path = Path::new(url.path());
            let folder = match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            // A file that is there may be a link; one that is not has its folder at least.
            let whole = path.canonicalize().or_else(|_| {
                folder
                    .canonicalize()
                    .map(|folder| folder.join(path.file_name().unwrap_or_default()))
            });
            format!("{}:{}", url.scheme(), whole.unwrap_or_else(|_| path.to_owned()).display())
        }
    }
}

type Placed<T> = Result<T, (usize, Error)>;

fn definition(table: &DeTable, start: usize) -> Placed<Definition> {
    for (key, _) in table {
        if !KEYS.iter().any(|known| known.name == key.get_ref()) {
            let known: Vec<_> = KEYS.iter().map(|key| key.name).collect();
            let text = format!("a flow has no key {}; it has {}", key.get_ref(), known.join(", "));
            return Err((key.span().start, Error::usage(text)));
        }
    }
    let find =
        |name: &str| table.iter().find(|(key, _)| key.get_ref() == name).map(|(_, value)| value);
    let missing = |name: &str| (start, Error::usage(format!("a flow needs {name} = ...")));
    let (name, at) = text(find("name"), "name")?.ok_or_else(|| missing("name"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        let wrong = Error::usage("the name of a flow has letters, digits, - and _ only");
        return Err((at, wrong));
    }
    let (matches, _) = list(find("match"), "match", true)?.ok_or_else(|| missing("match"))?;
    let (to, to_at) = text(find("to"), "to")?.ok_or_else(|| missing("to"))?;
    let choice = |key: &str, names: [&str; 2]| -> Placed<bool> {
        match text(find(key), key)? {
            None => Ok(false),
            Some((value, _)) if value == names[0] => Ok(false),
            Some((value, _)) if value == names[1] => Ok(true),
            Some((_, at)) => {
                Err((at, Error::usage(format!("{key} is \"{}\" or \"{}\"", names[0], names[1]))))
            }
        }
    };
    let flag = |key: &str, usual: bool| -> Placed<bool> {
        match find(key).map(|value| (value.get_ref(), value.span().start)) {
            None => Ok(usual),
            Some((DeValue::Boolean(given), _)) => Ok(*given),
            Some((_, at)) => Err((at, Error::usage(format!("{key} is true or false")))),
        }
    };
    let names = |key: &str| Ok(list(find(key), key, false)?.map_or(Vec::new(), |(list, _)| list));
    let flow = Definition {
        matches,
        to,
        table: text(find("table"), "table")?.map(|(table, _)| table),
        keys: names("keys")?,
        columns: names("columns")?,
        mode: if choice("mode", ["upsert", "append"])? { Mode::Append } else { Mode::Upsert },
        delete: if choice("delete", ["soft", "hard"])? { Delete::Hard } else { Delete::Soft },
        on_truncate: match choice("on_truncate", ["apply", "ignore"])? {
            false => OnTruncate::Apply,
            true => OnTruncate::Ignore,
        },
        sweep: flag("sweep", false)?,
        create: flag("create", true)?,
        place: String::new(),
        name,
    };
    let named = |error: Error| error.at(format_args!("flow {}", flow.name));
    flow.patterns().map_err(|error| (start, named(error)))?;
    let (spec, target) = flow.target(&Options::default()).map_err(|error| (to_at, named(error)))?;
    check_sweep(spec, &target).map_err(|error| (to_at, named(error)))?;
    Ok(Definition { place: place(&target.url), ..flow })
}

fn text(value: Option<&Spanned<DeValue>>, key: &str) -> Placed<Option<(String, usize)>> {
    let Some(value) = value else { return Ok(None) };
    let at = value.span().start;
    match value.get_ref() {
        DeValue::String(text) => Ok(Some((text.to_string(), at))),
        _ => Err((at, Error::usage(format!("{key} is a text in quotes")))),
    }
}

/// A list of texts that is not empty; a text alone where `alone` says so.
fn list(
    value: Option<&Spanned<DeValue>>,
    key: &str,
    alone: bool,
) -> Placed<Option<(Vec<String>, usize)>> {
    let Some(value) = value else { return Ok(None) };
    let at = value.span().start;
    let wrong = || (at, Error::usage(format!("{key} is a list of texts: [\"...\", \"...\"]")));
    let items = match value.get_ref() {
        DeValue::String(text) if alone => vec![text.to_string()],
        DeValue::Array(items) => items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(text) if !text.is_empty() => Ok(text.to_string()),
                _ => Err(wrong()),
            })
            .collect::<Placed<_>>()?,
        _ => return Err(wrong()),
    };
    if items.is_empty() { Err(wrong()) } else { Ok(Some((items, at))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_has_its_line() {
        for (text, line, word) in [
            ("", "f:", "[[flow]]"),
            ("[[flow]]\nname = \"a\"\nto = \"-\"", "f:1:", "match"),
            ("\n[flow]\nname = \"a\"", "f:2:", "[[flow]]"),
            ("[[flow]]\nname = \"a\"\nmatch = \"*\"\nto = \"-\"\ntabel = \"x\"", "f:5:", "table"),
            ("[[flow]]\nname = \"a b\"\nmatch = \"*\"\nto = \"-\"", "f:2:", "letters"),
            ("[[flow]]\nname = \"a\"\nmatch = []\nto = \"-\"", "f:3:", "list"),
            ("[[flow]]\nname = \"a\"\nmatch = \"*\"\nto = \"nosuch://x\"", "f:4:", "file:PATH"),
            ("[[flow]]\nname = \"a\"\nmatch = \"*\"\nto = \"-\"\nmode = \"x\"", "f:5:", "append"),
            ("[[flow]]\nname = \"a", "f:2:", ""),
        ] {
            let error = parse(text, "f").unwrap_err();
            let said = error.to_string();
            assert!(said.starts_with(line) && said.contains(word), "{text}: {said}");
            assert_eq!(error.kind(), crate::error::Kind::Usage);
        }
        let flow = |name: &str, to: &str| {
            format!("[[flow]]\nname = \"{name}\"\nmatch = \"*\"\nto = \"{to}\"\n")
        };
        assert!(parse(&(flow("a", "x.ums") + &flow("a", "y.ums")), "f").is_err());
        assert!(parse(&(flow("a", "x.ums") + &flow("b", "x.ums")), "f").is_err());
        assert!(parse(&(flow("a", "x.ums") + &flow("b", "./src/../x.ums")), "f").is_err());
        assert_eq!(parse(&(flow("a", "x.ums") + &flow("b", "y.ums")), "f").unwrap().len(), 2);
    }

    #[test]
    fn one_database_under_several_addresses_is_one_place() {
        let place = |to: &str| place(&Url::parse(to).unwrap());
        for (one, other, same) in [
            ("mysql://u@DB/shop", "mysql://v:w@db:3306/shop?workers=2", true),
            ("mysql://db/shop", "mysql://db:3307/shop", false),
            ("mysql://db/shop", "mysql://db/crm", false),
            ("mysql://db/shop?socket=/a", "mysql://db/shop?socket=/b", false),
            ("postgres://localhost/x", "postgres://u@127.0.0.1:5432/x?schema=y", true),
            ("postgres://a/x", "mysql://a/x", false),
            ("sqlite:x.db", "sqlite:./src/../x.db?busy=3", true),
            ("sqlite:x.db", "sqlite:y.db", false),
        ] {
            assert_eq!(place(one) == place(other), same, "{one} {other}");
        }
    }
}
