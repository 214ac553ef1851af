//! The file of rules: TOML, read and checked whole before the first record. Uses `rule`, `error`. Not
//! hot.

use toml::de::DeTable;

use super::cells::Names;
use super::column::{Column, Save};
use super::grok::Library;
use super::lines::Lines;
use super::op::{self, Context, Operator};
use super::read::{Fault, Keys, Placed};
use super::time::Zone;
use crate::error::{Error, Result};

/// What the records of a source are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines of text.
    Text,
    /// A JSON object a line.
    Json,
    /// JSON as Logstash writes it.
    Logstash,
    /// JSON as Filebeat writes it.
    Filebeat,
    /// JSON as the usual interceptors of Flume write it.
    Flume,
    /// Messages of UMS.
    Ums,
}

/// Every format: name and what it means.
pub const FORMATS: [(Format, &str, &str); 6] = [
    (Format::Text, "text", "A record is text; it is the first cell."),
    (
        Format::Json,
        "json",
        "A record is a JSON object on one line; its text is the first cell. Fluent Bit and Vector write \
         such lines.",
    ),
    (
        Format::Logstash,
        "logstash",
        "As json; the time is @timestamp and the host host, or host.name in it, where no rule says it.",
    ),
    (
        Format::Filebeat,
        "filebeat",
        "As json, but objects are opened one level: {\"host\":{\"name\":\"x\"}} becomes {\"host.name\":\"x\"}. The \
         time is @timestamp; the host is host.name, agent.hostname or beat.hostname.",
    ),
    (
        Format::Flume,
        "flume",
        "As json; the time is timestamp in milliseconds since 1970, the host hostname or host.",
    ),
    (
        Format::Ums,
        "ums",
        "A line is a message of ums(7); each of its rows becomes a JSON object with its fields and the key \
         namespace. Heartbeats and markers pass through as they are.",
    ),
];

/// Every key of the file's top: name and what it means.
pub const KEYS: &[(&str, &str)] = &[
    ("source", "The name of the source, part two of the namespace. Must be there."),
    ("schema", "Part three of the namespace, for all tables. [logs]"),
    ("format", "What the records are, see FORMATS. [text]"),
    (
        "match",
        "\"first\": the first group that matches makes the rows of a record; \"all\": every group of every \
         table that matches does. [first]",
    ),
    ("zone", "The zone of times that say none: UTC, Europe/Berlin, +01:00. [UTC]"),
    (
        "host",
        "The host, part six of the namespace, where neither a rule nor the record says it. [0]",
    ),
    ("lines", "A table: which lines make one record, see LINES."),
    (
        "patterns",
        "A table of patterns for grok: NAME = 'expression'. They go before those of the library.",
    ),
    (
        "masks",
        "A list of masks, ['PATTERN.column=METHOD'], as with --mask; see dws-mask(7). They come behind those of \
         the options.",
    ),
    ("table", "The tables, [[table]], see TABLES."),
];

/// Every key of a table: name and what it means.
pub const TABLE_KEYS: &[(&str, &str)] = &[
    ("name", "The table's name, part four of the namespace. Must be there."),
    ("version", "Part five of the namespace. Raise it when the columns change. [0]"),
    ("keys", "The key columns that messages name. Log lines rarely have a key. [none]"),
    ("group", "The groups of operators, [[table.group]]. Must be there."),
];

/// Every key of a group: name and what it means.
pub const GROUP_KEYS: &[(&str, &str)] = &[
    ("name", "Names the group in traces and counts. Must be there."),
    ("operators", "The list of operators, see OPERATORS. The last one is saveAs. Must be there."),
];

/// The table of records that no group matches.
pub const UNKNOWN: &str = "_unknown_";

/// The rules of one source, compiled. Operators keep what they have seen: one thread, one copy.
pub struct Rules {
    /// Part two of the namespace.
    pub source: String,
    /// Part three.
    pub schema: String,
    /// What records are.
    pub format: Format,
    /// Which lines make a record.
    pub lines: Lines,
    /// Part six where nobody else says it.
    pub host: Option<String>,
    /// Masks as they are written.
    pub masks: Vec<String>,
    /// The tables, in the order of the file.
    pub tables: Vec<Table>,
    /// Whether every group that matches makes rows.
    pub(super) all: bool,
    pub(super) names: Names,
}

/// A table.
pub struct Table {
    /// Part four of the namespace.
    pub name: String,
    /// Part five.
    pub version: u32,
    /// The key columns.
    pub keys: Vec<String>,
    /// The groups, in the order of the file.
    pub groups: Vec<Group>,
}

impl Table {
    /// Its columns; those of all groups are alike.
    pub fn columns(&self) -> &[Column] {
        self.groups.first().map_or(&[], |group| &group.save.columns)
    }
}

/// A group.
pub struct Group {
    /// Its name.
    pub name: String,
    pub(super) operators: Vec<(&'static str, Box<dyn Operator>)>,
    pub(super) save: Save,
}

impl Rules {
    /// Reads a file's text; `file` names it in messages.
    ///
    /// # Errors
    /// `Usage` with `FILE:LINE`, the table, the group and the operator of what is wrong.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        let place = |fault: &Fault| {
            let before = text.as_bytes().get(..fault.at).unwrap_or_default();
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            Error::usage(fault.text.clone()).at(format_args!("{file}:{line}"))
        };
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            place(&Fault::new(at, error.message().trim().replace('\n', "; ")))
        })?;
        rules(&Keys::new(document.get_ref(), 0)).map_err(|fault| place(&fault))
    }
}

fn rules(keys: &Keys) -> Placed<Rules> {
    let source = named(keys, "source")?;
    let schema = if keys.has("schema") { named(keys, "schema")? } else { "logs".into() };
    let formats = FORMATS.map(|(_, name, _)| name);
    let format = keys.choice("format", &formats)?.and_then(|at| FORMATS.get(at));
    let format = format.map_or(Format::Text, |(format, ..)| *format);
    let all = keys.choice("match", &["first", "all"])? == Some(1);
    let zone = match keys.text("zone")? {
        None => Zone::utc(),
        Some(name) => Zone::parse(&name).ok_or_else(|| {
            Fault::new(
                keys.place("zone"),
                format!("'{name}' is no time zone: Europe/Berlin, UTC, +01:00"),
            )
        })?,
    };
    let host = if keys.has("host") { Some(named(keys, "host")?) } else { None };
    let lines = match keys.table("lines")? {
        None => Lines::default(),
        Some(lines) if format == Format::Text => Lines::read(&lines)?,
        Some(lines) => return Err(lines.fault("[lines] is for format = \"text\"")),
    };
    let masks = keys.texts("masks")?.unwrap_or_default();
    let mut own = Vec::new();
    if let Some(patterns) = keys.table("patterns")? {
        own = patterns.all_texts()?.into_iter().map(|(name, text, _)| (name, text)).collect();
    }
    let library = Library::new(own);
    let mut names = Names::default();
    let mut context = Context { names: &mut names, format, zone, library: &library };
    let mut tables: Vec<Table> = Vec::new();
    for one in keys.tables("table")? {
        let table = table(&one, &mut context)?;
        if tables.iter().any(|other| other.name == table.name) {
            return Err(one.fault(format!("there are two tables {}", table.name)));
        }
        tables.push(table);
    }
    keys.finish("a rules file")?;
    if tables.is_empty() || tables.len() > 10_000 {
        return Err(Fault::new(0, "a rules file has [[table]], one to 10000 of them"));
    }
    Ok(Rules { source, schema, format, lines, host, masks, tables, all, names })
}

/// A part of the namespace: any text but an empty one.
fn named(keys: &Keys, key: &'static str) -> Placed<String> {
    let text = keys.need_text(key)?;
    match text.is_empty() || text == "*" {
        true => Err(Fault::new(keys.place(key), format!("{key} is a name"))),
        false => Ok(text),
    }
}

fn table(keys: &Keys, context: &mut Context) -> Placed<Table> {
    let name = named(keys, "name")?;
    if name == UNKNOWN {
        let text = format!("{UNKNOWN} is the table of records that no group matches");
        return Err(Fault::new(keys.place("name"), text));
    }
    let place = format!("table {name}");
    let within = |fault: Fault| fault.within(&place);
    let version = keys.number("version", 0, 1_000_000_000).map_err(within)?.unwrap_or(0);
    let version = u32::try_from(version).unwrap_or(0);
    let mut groups: Vec<Group> = Vec::new();
    for one in keys.tables("group").map_err(within)? {
        let group = group(&one, context).map_err(within)?;
        if groups.iter().any(|other| other.name == group.name) {
            return Err(within(one.fault(format!("there are two groups {}", group.name))));
        }
        if let Some(first) = groups.first()
            && let Some(text) = difference(first, &group)
        {
            return Err(within(one.fault(text)));
        }
        groups.push(group);
    }
    if groups.is_empty() {
        return Err(within(keys.fault("a table has [[table.group]]")));
    }
    let wanted = keys.texts("keys").map_err(within)?.unwrap_or_default();
    let columns = groups.first().map_or(&[][..], |group| &group.save.columns);
    let is_column =
        |key: &String| key == "_ums_uid_" || columns.iter().any(|column| column.name == *key);
    if let Some(key) = wanted.iter().find(|key| !is_column(key)) {
        let text = format!("the key {key} is no column of it");
        return Err(within(Fault::new(keys.place("keys"), text)));
    }
    keys.finish("a table").map_err(within)?;
    Ok(Table { name, version, keys: wanted, groups })
}

/// The groups of a table make rows of one schema.
fn difference(first: &Group, other: &Group) -> Option<String> {
    let shape = |group: &Group| -> Vec<(String, crate::ums::Type, bool)> {
        let of = |column: &Column| (column.name.clone(), column.ty, column.required);
        group.save.columns.iter().map(of).collect()
    };
    if shape(first) == shape(other) {
        return None;
    }
    Some(format!(
        "the groups {} and {} have different columns; all groups of a table have the same names, types and \
         required, in one order",
        first.name, other.name
    ))
}

fn group(keys: &Keys, context: &mut Context) -> Placed<Group> {
    let name = keys.need_text("name")?;
    let place = format!("group {name}");
    let list = keys.tables("operators").map_err(|fault| fault.within(&place))?;
    context.names.begin_group();
    let count = list.len();
    let (mut operators, mut save) = (Vec::with_capacity(count), None);
    for (number, one) in list.iter().enumerate() {
        let word = one.need_text("op").map_err(|fault| fault.within(&place))?;
        let within =
            |fault: Fault| fault.within(&format!("{place}: operator {} ({word})", number + 1));
        if word == "saveAs" {
            if number + 1 != count {
                return Err(within(one.fault("saveAs is the last operator of a group")));
            }
            save = Some(Save::read(one, context).map_err(within)?);
            continue;
        }
        let spec = op::ALL.iter().find(|spec| spec.name == word).ok_or_else(|| {
            let known = op::ALL.iter().map(|spec| spec.name).chain(["saveAs"]);
            within(Fault::new(
                one.place("op"),
                format!("there is no such operator; {}", crate::near::names(&word, known)),
            ))
        })?;
        operators.push((spec.name, spec.compile(one, context).map_err(within)?));
    }
    let save = save.ok_or_else(|| keys.fault("the last operator must be saveAs").within(&place))?;
    keys.finish("a group").map_err(|fault| fault.within(&place))?;
    Ok(Group { name, operators, save })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    const SAVE: &str =
        "{ op = \"saveAs\", columns = [{ name = \"a\", type = \"int\", cell = 0 }] }";

    fn error(text: &str) -> String {
        let error = Rules::parse(text, "f.toml").err().unwrap_or_else(|| panic!("{text}"));
        assert_eq!(error.kind(), Kind::Usage);
        error.to_string()
    }

    fn with(operators: &str) -> String {
        format!(
            "source = \"s\"\n[[table]]\nname = \"t\"\n[[table.group]]\nname = \"g\"\noperators = [\n{operators}\n]\n"
        )
    }

    #[test]
    fn mistakes_have_their_line_and_their_table() {
        for (text, wanted) in [
            ("", "f.toml:1: source = \"...\" is missing"),
            ("source = \"s\"", "f.toml:1: a rules file has [[table]]"),
            ("source = \"s\"\nformat = \"xml\"", "f.toml:2: format is one of text, json,"),
            ("source = \"s\"\nzone = \"Mars\"", "f.toml:2: 'Mars' is no time zone"),
            ("source = \"s\"\n\nnosuch = 1\n[[table]]", "f.toml:4: name = \"...\" is missing"),
            (
                "source = \"s\"\n[[table]]\nname = \"t\"",
                "f.toml:2: table t: a table has [[table.group]]",
            ),
            ("source = \"s\"\n[[table]]\nname = \"_unknown_\"", "f.toml:3: _unknown_ is the table"),
            ("source = \"s\"\n[lines]\nstart = '('", "f.toml:3: no regular expression"),
            ("source = \"s", "f.toml:1: "),
        ] {
            let said = error(text);
            assert!(said.starts_with(wanted), "{text}\n{said}");
        }
        for (operators, wanted) in [
            ("", "f.toml:4: table t: group g: the last operator must be saveAs"),
            (
                "{ op = \"nosuch\" }",
                "f.toml:7: table t: group g: operator 1 (nosuch): there is no such operator; there is flattenUms,",
            ),
            (
                "{ op = \"splitt\" }",
                "f.toml:7: table t: group g: operator 1 (splitt): there is no such operator; did you mean split?",
            ),
            (
                "{ op = \"trim\", cells = \"user\" }",
                "f.toml:7: table t: group g: operator 1 (trim): no cell is named user; no operator before",
            ),
            (
                "{ op = \"saveAs\", time = \"tiem\", columns = [{ name = \"a\", type = \"int\" }] }",
                "f.toml:7: table t: group g: operator 1 (saveAs): column a: no cell is named a; no operator",
            ),
            (
                "{ op = \"split\", cells = 0, text = \",\", names = [\"time\", \"user\"] },\n\
                 { op = \"saveAs\", time = \"tiem\", columns = [{ name = \"user\", type = \"int\" }] }",
                "f.toml:8: table t: group g: operator 2 (saveAs): no cell is named tiem; did you mean time?",
            ),
            (
                &format!("{SAVE}, \n{SAVE}"),
                "f.toml:7: table t: group g: operator 1 (saveAs): saveAs is the last",
            ),
            (
                &format!("{{ op = \"split\",\ncells = 0,\nregex = '[' }},\n{SAVE}"),
                "f.toml:9: table t: group g: operator 1 (split): no regular expression",
            ),
            (
                &format!("{{ op = \"trim\", chras = \"x\" }}, {SAVE}"),
                "f.toml:7: table t: group g: operator 1 (trim): trim has no key chras; it has cells, chars,",
            ),
            (
                "{ op = \"saveAs\", columns = [\n{ name = \"a\", type = \"integer\" }] }",
                "f.toml:8: table t: group g: operator 1 (saveAs): column a: type is one of int,",
            ),
            (
                "{ op = \"saveAs\", columns = [\n{ name = \"_UMS_ID_\", type = \"int\" }] }",
                "f.toml:8: table t: group g: operator 1 (saveAs): '_UMS_ID_' cannot",
            ),
            (
                "{ op = \"saveAs\", columns = [{ name = \"a\", type = \"int\", cell = 0, default = \"x\" }] }",
                "f.toml:7: table t: group g: operator 1 (saveAs): column a: the default is no int",
            ),
            (
                "{ op = \"saveAs\", columns = [{ name = \"a\", type = \"int\", cell = 0, bad = \"default\" }] }",
                "f.toml:7: table t: group g: operator 1 (saveAs): column a: default = ",
            ),
        ] {
            let said = error(&with(operators));
            assert!(said.starts_with(wanted), "{operators}\n{said}");
        }
        let two = with(SAVE)
            + "[[table.group]]\nname = \"h\"\noperators = [{ op = \"saveAs\", columns = [{ name = \"a\", type = \"long\" }] }]";
        assert!(
            error(&two).starts_with("f.toml:9: table t: the groups g and h have different columns")
        );
    }

    #[test]
    fn a_whole_file_is_read() {
        let text = with(SAVE).replace("name = \"t\"", "name = \"t\"\nversion = 3\nkeys = [\"a\"]");
        let rules = Rules::parse(&text, "f").unwrap();
        assert_eq!((rules.source.as_str(), rules.schema.as_str(), rules.all), ("s", "logs", false));
        let table = &rules.tables[0];
        assert_eq!((table.version, table.keys.as_slice()), (3, &["a".to_owned()][..]));
        assert_eq!(table.columns()[0].name, "a");
    }
}
