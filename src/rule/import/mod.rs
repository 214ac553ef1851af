//! Rule groups of the older system, exported as JSON, to a rules file. What cannot be said here in the
//! same meaning is named, and stands in the file as an operator that does not exist, so that it cannot
//! be run before somebody has looked. Uses `rule`, `error`. Not hot.

mod grammar;

use serde_json::{Map, Value};

use self::grammar::{Grammar, Translated};
use super::file::Rules;
use crate::error::{Error, Result};

/// The keys of the export and what they mean; `/` stands between spellings.
pub const KEYS: &[(&str, &str)] = &[
    ("source", "The name of the source. [the file's name]"),
    ("schema", "Part three of the namespace. [logs]"),
    (
        "type",
        "log_logstash, log_logstash_json, log_filebeat, log_flume, log_ums or log_json. [log_json]",
    ),
    ("multiTable", "false: the first group that matches ends a record. [true]"),
    ("tables", "The tables, each an object with name / table_name, version and groups."),
    (
        "groups",
        "Rule groups, each with name / group_name, status (others than active are left out, and said) and \
         rules.",
    ),
    (
        "rules",
        "The rules of a group: order / order_id / orderId, name / rule_type_name / ruleTypeName, and grammar \
         / rule_grammar / ruleGrammar, an array or its text.",
    ),
];

/// A translation.
#[derive(Debug, Default)]
pub struct Imported {
    /// The rules file.
    pub toml: String,
    /// What cannot be translated, by table, group and operator.
    pub problems: Vec<String>,
    /// What has another meaning in some records, or was left out because it was not in force.
    pub notes: Vec<String>,
}

/// Translates an export; `name` is what the source is called where the export does not say.
///
/// # Errors
/// `Data` for a file that is no export.
pub fn import(text: &str, name: &str) -> Result<Imported> {
    let wrong = |what: &str| {
        Error::data(format!("{name}: {what}")).advise("logrules(5) has the format, under IMPORT")
    };
    let export: Value = serde_json::from_str(text).map_err(|error| {
        wrong(&format!("no JSON at line {}, column {}", error.line(), error.column()))
    })?;
    let top = export.as_object().ok_or_else(|| wrong("the export is a JSON object"))?;
    let tables = top.get("tables").and_then(Value::as_array);
    let tables = tables.ok_or_else(|| wrong("the export has no list 'tables'"))?;
    let mut out = Imported::default();
    let kind = top.get("type").and_then(Value::as_str).unwrap_or("log_json");
    let format = match kind {
        "log_logstash" | "log_logstash_json" => "logstash",
        "log_filebeat" => "filebeat",
        "log_flume" => "flume",
        "log_ums" => "ums",
        "log_json" => "json",
        _ => {
            out.problems.push(format!("type {kind}: there is no such format"));
            "json"
        }
    };
    let source = top.get("source").and_then(Value::as_str).unwrap_or(name);
    out.toml.push_str(&format!("source = {}\n", quoted(source)));
    if let Some(schema) = top.get("schema").and_then(Value::as_str) {
        out.toml.push_str(&format!("schema = {}\n", quoted(schema)));
    }
    out.toml.push_str(&format!("format = \"{format}\"\n"));
    if top.get("multiTable").and_then(Value::as_bool) != Some(false) {
        out.toml.push_str("match = \"all\"\n");
    }
    for one in tables {
        let own = one.as_object().ok_or_else(|| wrong("a table is a JSON object"))?;
        let table = first(own, &["name", "table_name", "tableName"]).and_then(Value::as_str);
        let table = table.ok_or_else(|| wrong("a table has no name"))?;
        let place = out.toml.len();
        out.toml.push_str(&format!("\n[[table]]\nname = {}\n", quoted(table)));
        if let Some(version) = number(own.get("version")) {
            out.toml.push_str(&format!("version = {version}\n"));
        }
        let groups = own.get("groups").and_then(Value::as_array);
        let groups = groups.ok_or_else(|| wrong(&format!("table {table}: no list 'groups'")))?;
        let mut active = 0;
        for group in groups {
            let group = group.as_object().ok_or_else(|| wrong("a group is a JSON object"))?;
            active += usize::from(
                self::group(group, table, format, &mut out).map_err(|what| wrong(&what))?,
            );
        }
        if active == 0 {
            out.toml.truncate(place);
            out.notes.push(format!("table {table}: has no active group and is left out"));
        }
    }
    // Each operator has been tried alone; what is left are names that are there twice, and the like.
    if out.problems.is_empty()
        && let Err(error) = Rules::parse(&out.toml, "the rules file")
    {
        out.problems.push(error.to_string());
    }
    Ok(out)
}

/// One group; false where it is not active.
fn group(
    group: &Map<String, Value>,
    table: &str,
    format: &str,
    out: &mut Imported,
) -> std::result::Result<bool, String> {
    let name = first(group, &["name", "group_name", "groupName"]).and_then(Value::as_str);
    let name = name.ok_or_else(|| format!("table {table}: a group has no name"))?;
    let place = format!("table {table}, group {name}");
    if group.get("status").and_then(Value::as_str).is_some_and(|status| status != "active") {
        out.notes.push(format!("{place}: is not active and is left out"));
        return Ok(false);
    }
    let rules = group.get("rules").and_then(Value::as_array);
    let rules = rules.ok_or_else(|| format!("{place}: no list 'rules'"))?;
    let mut ordered = Vec::new();
    for rule in rules {
        let rule = rule.as_object().ok_or_else(|| format!("{place}: a rule is a JSON object"))?;
        let order = number(first(rule, &["order", "order_id", "orderId"]));
        let order = order.ok_or_else(|| format!("{place}: a rule has no order"))?;
        let word = first(rule, &["name", "rule_type_name", "ruleTypeName"]).and_then(Value::as_str);
        let word = word.ok_or_else(|| format!("{place}: rule {order} has no name"))?;
        let grammar = first(rule, &["grammar", "rule_grammar", "ruleGrammar"]);
        let grammar = grammar.and_then(Grammar::read_all);
        let grammar = grammar
            .ok_or_else(|| format!("{place}: rule {order} ({word}) has no grammar, a list"))?;
        ordered.push((order, word, grammar));
    }
    ordered.sort_by_key(|(order, ..)| *order);
    out.toml.push_str(&format!("\n[[table.group]]\nname = {}\noperators = [\n", quoted(name)));
    for (order, word, grammar) in ordered {
        let mut translated = Translated::default();
        let mut said = grammar::translate(word, &grammar, &mut translated).err();
        if said.is_none() {
            said = translated.operators.iter().find_map(|text| try_alone(text, format));
        }
        for note in translated.notes {
            out.notes.push(format!("{place}: rule {order} ({word}): {note}"));
        }
        match said {
            None => {
                for text in &translated.operators {
                    out.toml.push_str(&format!("    {text},\n"));
                }
            }
            Some(why) => {
                out.problems.push(format!("{place}: rule {order} ({word}): {why}"));
                out.toml.push_str(&format!("    # {}\n", why.replace(['\n', '\r'], " ")));
                out.toml.push_str(&format!(
                    "    {{ op = {} }},\n",
                    quoted(&format!("not translated: {word}"))
                ));
            }
        }
    }
    out.toml.push_str("]\n");
    Ok(true)
}

/// What is wrong with an operator, as the reader of rules says it.
fn try_alone(operator: &str, format: &str) -> Option<String> {
    let last = match operator.contains("op = \"saveAs\"") {
        true => "",
        false => "{ op = \"saveAs\", columns = [{ name = \"x\", type = \"string\", cell = 0 }] }",
    };
    let text = format!(
        "source = \"s\"\nformat = \"{format}\"\n[[table]]\nname = \"t\"\n[[table.group]]\nname = \"g\"\noperators = [\n{operator},\n{last}]\n"
    );
    let said = Rules::parse(&text, "f").err()?.to_string();
    Some(match said.split_once("): ") {
        Some((_, why)) => why.to_owned(),
        None => said,
    })
}

/// The value of the first key that is there.
fn first<'v>(object: &'v Map<String, Value>, keys: &[&str]) -> Option<&'v Value> {
    keys.iter().find_map(|key| object.get(*key))
}

/// A whole number, also as text.
fn number(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64(),
    }
}

/// As a TOML text: what JSON escapes, TOML does in the same way, but for the slash and DEL.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests;
