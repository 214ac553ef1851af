//! One rule of the older system, a list of grammar objects, to operators of a rules file. Uses
//! `rule::import`. Not hot.

use serde_json::{Map, Value};

use super::quoted;

/// One object of a rule's grammar; all its values are texts.
pub(super) struct Grammar(Map<String, Value>);

/// What a rule becomes.
#[derive(Debug, Default)]
pub(super) struct Translated {
    /// Inline tables.
    pub(super) operators: Vec<String>,
    /// Where the meaning differs in some records.
    pub(super) notes: Vec<&'static str>,
}

type Said = Result<(), String>;

/// The operators of the older system.
const KNOWN: &str = "flattenUms, keyFilter, toIndex, filter, trim, replace, split, subString, concat, select, \
                     saveAs, prefixOrAppend, regexExtract, jsonPath, excludeField, flattenJsonArray";

impl Grammar {
    /// A list of objects, or the text of one.
    pub(super) fn read_all(value: &Value) -> Option<Vec<Self>> {
        let list = match value {
            Value::String(text) => serde_json::from_str(text).ok()?,
            value => value.clone(),
        };
        let Value::Array(list) = list else { return None };
        let object = |one| match one {
            Value::Object(object) => Some(Self(object)),
            _ => None,
        };
        list.into_iter().map(object).collect()
    }

    /// The text under a key; numbers are taken as text.
    fn text(&self, key: &str) -> Option<String> {
        match self.0.get(key)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            value => Some(value.to_string()),
        }
    }

    fn plain(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    fn parameter(&self) -> String {
        // The older system spells it so.
        self.text("ruleParamter").or_else(|| self.text("ruleParameter")).unwrap_or_default()
    }

    fn scope(&self) -> Result<Scope, String> {
        Scope::read(&self.text("ruleScope").ok_or("ruleScope is missing")?)
    }

    fn is_regex(&self) -> Result<bool, String> {
        match self.plain("ruleType").as_str() {
            "" | "string" => Ok(false),
            "regex" => Ok(true),
            other => Err(format!("ruleType {other} is neither string nor regex")),
        }
    }

    /// `==` keeps what fits, `!=` what does not.
    fn is_not(&self) -> Result<bool, String> {
        match self.plain("ruleOperate").as_str() {
            "==" => Ok(false),
            "!=" => Ok(true),
            other => Err(format!("ruleOperate '{other}' is neither == nor !=")),
        }
    }

    /// `contains = "..."`, with `not` where it is turned round.
    fn condition(&self) -> Result<String, String> {
        let key = if self.is_regex()? { "matches" } else { "contains" };
        let not = if self.is_not()? { ", not = true" } else { "" };
        Ok(format!("{key} = {}{not}", quoted(&self.parameter())))
    }
}

/// Columns as they are written there.
struct Scope {
    parts: Vec<Part>,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    One(i64),
    Range(i64, Option<i64>),
}

impl Scope {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("ruleScope '{text}' cannot be read");
        let number = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
        let mut parts = Vec::new();
        for part in text.split(',').map(str::trim) {
            parts.push(match part.split_once(':') {
                _ if part == "*" => Part::Range(0, None),
                None => Part::One(number(part)?),
                // Equal ends mean nothing there, whatever they are.
                Some((from, to)) if from == to => return Err(wrong()),
                // Counted from both ends they meet in some rows, and meant one column there.
                Some((from, to))
                    if !to.is_empty() && from.starts_with('-') != to.starts_with('-') =>
                {
                    return Err(format!(
                        "ruleScope '{text}' counts from both ends; say which columns are meant"
                    ));
                }
                Some((from, "")) => Part::Range(number(from)?, None),
                Some((from, to)) => Part::Range(number(from)?, Some(number(to)?)),
            });
        }
        Ok(Self { parts, text: text.trim().to_owned() })
    }

    fn cells(&self) -> String {
        format!("cells = {}", quoted(&self.text))
    }

    /// The one index.
    fn one(&self) -> Result<i64, String> {
        match self.parts.as_slice() {
            [Part::One(index)] => Ok(*index),
            _ => Err(format!("ruleScope '{}' names more than one column", self.text)),
        }
    }

    /// Whether the columns stand in their order, counted from the front.
    fn rises(&self) -> bool {
        let mut last = -1;
        self.parts.iter().all(|part| {
            let (from, to) = match *part {
                Part::One(index) => (index, index),
                Part::Range(from, to) => (from, to.unwrap_or(i64::MAX).saturating_sub(1)),
            };
            let rises = from > last && to >= from;
            last = to;
            rises
        })
    }
}

/// Whether several grammars may mean one column.
fn overlap(scopes: &[Scope]) -> bool {
    let mut seen = Vec::new();
    scopes.len() > 1
        && scopes.iter().flat_map(|scope| &scope.parts).any(|part| match *part {
            Part::One(index) if index >= 0 && !seen.contains(&index) => {
                seen.push(index);
                false
            }
            _ => true,
        })
}

fn single(grammar: &[Grammar]) -> Result<&Grammar, String> {
    match grammar {
        [one] => Ok(one),
        list => Err(format!(
            "it has {} grammars, which worked on columns that the ones before had moved; divide it",
            list.len()
        )),
    }
}

/// Translates one rule.
pub(super) fn translate(word: &str, grammar: &[Grammar], out: &mut Translated) -> Said {
    if grammar.is_empty() && word != "excludeField" {
        return Err("its grammar is empty".into());
    }
    match word {
        "flattenUms" | "keyFilter" => key_filter(word, grammar, out),
        "toIndex" => to_index(grammar, out),
        "filter" => filter(grammar, out),
        "trim" | "prefixOrAppend" => each(word, grammar, out),
        "replace" => replace(grammar, out),
        "split" | "regexExtract" | "flattenJsonArray" => reshape(word, single(grammar)?, out),
        "subString" => sub_string(grammar, out),
        "concat" => concat(single(grammar)?, out),
        "select" => {
            let scopes = grammar.iter().map(Grammar::scope).collect::<Result<Vec<_>, _>>()?;
            let texts: Vec<_> = scopes.iter().map(|scope| scope.text.as_str()).collect();
            out.operators
                .push(format!("{{ op = \"select\", cells = {} }}", quoted(&texts.join(","))));
            Ok(())
        }
        "jsonPath" => {
            out.notes.push("what is not there is NULL; there it was an empty text");
            for one in grammar {
                let (cell, path) = (one.scope()?.one()?, quoted(&one.parameter()));
                out.operators
                    .push(format!("{{ op = \"jsonPath\", cell = {cell}, path = {path} }}"));
            }
            Ok(())
        }
        "excludeField" => {
            out.operators.push("{ op = \"excludeField\" }".into());
            Ok(())
        }
        "saveAs" => save_as(grammar, out),
        other => Err(format!("there is no operator {other}; known are {KNOWN}")),
    }
}

fn key_filter(word: &str, grammar: &[Grammar], out: &mut Translated) -> Said {
    let condition = |one: &Grammar| match word {
        "flattenUms" => Ok(format!("key = \"namespace\", contains = {}", quoted(&one.parameter()))),
        _ => {
            let key = one.text("filterKey").ok_or("filterKey is missing")?;
            Ok::<_, String>(format!("key = {}, {}", quoted(&key), one.condition()?))
        }
    };
    out.operators.push(match grammar {
        [one] if word == "flattenUms" => {
            format!("{{ op = \"flattenUms\", contains = {} }}", quoted(&one.parameter()))
        }
        [one] => format!("{{ op = \"keyFilter\", {} }}", condition(one)?),
        list => {
            let all = list.iter().map(condition).collect::<Result<Vec<_>, _>>()?;
            format!("{{ op = \"keyFilter\", any = [{{ {} }}] }}", all.join(" }, { "))
        }
    });
    Ok(())
}

fn to_index(grammar: &[Grammar], out: &mut Translated) -> Said {
    let mut keys = Vec::new();
    for one in grammar {
        keys.push((one.scope()?.one()?, one.parameter()));
    }
    keys.sort_by_key(|(index, _)| *index);
    if keys.windows(2).any(|pair| matches!(pair, [one, other] if one.0 == other.0)) {
        return Err("two keys have one index".into());
    }
    let list = |texts: Vec<String>| texts.join(", ");
    let names = list((0..keys.len()).map(|number| format!("\"c{number}\"")).collect());
    let plain = keys.iter().all(|(_, key)| crate::rule::op::is_name(key));
    let keys = list(keys.iter().map(|(_, key)| quoted(key)).collect());
    let names = if plain { String::new() } else { format!(", names = [{names}]") };
    out.notes.push("a key that is missing is NULL; there it was an empty text");
    out.operators.push(format!("{{ op = \"toIndex\", keys = [{keys}]{names} }}"));
    Ok(())
}

fn filter(grammar: &[Grammar], out: &mut Translated) -> Said {
    let Some(last) = grammar.last() else { return Ok(()) };
    let scope = last.scope()?;
    let cell = match scope.parts.last() {
        Some(Part::One(index)) => *index,
        Some(Part::Range(_, None)) => -1,
        _ => {
            return Err(format!(
                "ruleScope '{}': only its last column decided; name that",
                scope.text
            ));
        }
    };
    if grammar.len() > 1 || scope.parts.len() > 1 || scope.one().is_err() {
        out.notes.push("of several columns the last one decided, and decides here alone");
    }
    out.operators.push(format!("{{ op = \"filter\", cells = \"{cell}\", {} }}", last.condition()?));
    Ok(())
}

/// Operators that change cells in their places, each from the cell as it was before the rule.
fn each(word: &str, grammar: &[Grammar], out: &mut Translated) -> Said {
    let scopes = grammar.iter().map(Grammar::scope).collect::<Result<Vec<_>, _>>()?;
    if overlap(&scopes) {
        return Err(
            "its grammars may mean the same column, of which the last one alone counted".into()
        );
    }
    for (one, scope) in grammar.iter().zip(&scopes) {
        let (operate, text) = (one.plain("ruleOperate"), quoted(&one.parameter()));
        let rest = match (word, operate.as_str()) {
            ("trim", "both" | "left" | "right" | "all") => {
                format!("side = \"{operate}\", chars = {text}")
            }
            ("prefixOrAppend", "before" | "after") => format!("{operate} = {text}"),
            _ => return Err(format!("there is no ruleOperate '{operate}'")),
        };
        out.operators.push(format!("{{ op = \"{word}\", {}, {rest} }}", scope.cells()));
    }
    Ok(())
}

fn replace(grammar: &[Grammar], out: &mut Translated) -> Said {
    for one in grammar {
        let (before, after) = (one.parameter(), one.plain("ruleOperate"));
        let rest = match one.is_regex()? {
            false => format!("text = {}, with = {}", quoted(&before), quoted(&after)),
            true => {
                let groups = regex::Regex::new(&before).map_or(0, |regex| regex.captures_len() - 1);
                let with = replacement(&after, groups)
                    .ok_or("its new text names a group that is not there")?;
                format!("regex = {}, with = {}", quoted(&before), quoted(&with))
            }
        };
        out.operators.push(format!("{{ op = \"replace\", {}, {rest} }}", one.scope()?.cells()));
    }
    Ok(())
}

/// Java's new text in our spelling: `$12` is the longest number that is a group, `\$` a dollar.
fn replacement(text: &str, groups: usize) -> Option<String> {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                '$' => out.push_str("$$"),
                other => out.push(other),
            },
            '$' if letters.peek() == Some(&'{') => {
                out.push('$');
                out.extend(letters.by_ref().take_while(|letter| *letter != '}'));
                out.push('}');
            }
            '$' => {
                let mut number = letters.next()?.to_digit(10)? as usize;
                while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
                    let longer = number * 10 + digit as usize;
                    if longer > groups {
                        break;
                    }
                    number = longer;
                    letters.next();
                }
                if number > groups {
                    return None;
                }
                out.push_str(&format!("${{{number}}}"));
            }
            letter => out.push(letter),
        }
    }
    Some(out)
}

/// Operators that put several cells in the place of one.
fn reshape(word: &str, one: &Grammar, out: &mut Translated) -> Said {
    let (cell, text) = (one.scope()?.one()?, one.parameter());
    let rest = match word {
        "flattenJsonArray" => {
            if text.contains('.') {
                return Err(
                    "a nested path was rewritten inside one row there; here it makes rows".into()
                );
            }
            let path =
                if text.is_empty() { String::new() } else { format!(", path = {}", quoted(&text)) };
            out.operators.push(format!("{{ op = \"flattenJsonArray\", cell = {cell}{path} }}"));
            return Ok(());
        }
        "regexExtract" => {
            out.notes.push("without a match the group does not match; there the cell vanished");
            format!("regex = {}", quoted(&text))
        }
        _ if one.is_regex()? => {
            out.notes.push("empty pieces at the end are kept; there they were dropped");
            format!("regex = {}", quoted(&text))
        }
        _ => {
            out.notes.push("an empty cell is one empty piece; there it vanished");
            format!("text = {}", quoted(&text))
        }
    };
    out.operators.push(format!("{{ op = \"{word}\", cells = \"{cell}\", {rest} }}"));
    Ok(())
}

fn sub_string(grammar: &[Grammar], out: &mut Translated) -> Said {
    let scopes = grammar.iter().map(Grammar::scope).collect::<Result<Vec<_>, _>>()?;
    if overlap(&scopes) {
        return Err("its grammars may mean the same column; divide it".into());
    }
    let edge = |one: &Grammar, key: &str, kind: &str| -> Result<Option<String>, String> {
        let Some(text) = one.text(key) else { return Ok(None) };
        match one.plain(kind).as_str() {
            "index" if text.is_empty() => Ok(Some("0".into())),
            "index" => match text.parse::<i64>() {
                Ok(index) => Ok(Some(index.to_string())),
                Err(_) => Err(format!("{key} '{text}' is no index")),
            },
            "string" => {
                out.notes.push("a text that is not found makes the cell NULL");
                Ok(Some(quoted(&text)))
            }
            other => Err(format!(
                "{kind} '{other}' is neither index nor string, and removed the cell there"
            )),
        }
    };
    let mut operators = Vec::new();
    let mut edge = edge;
    for (one, scope) in grammar.iter().zip(&scopes) {
        let mut text = format!("{{ op = \"subString\", {}", scope.cells());
        for (key, kind, name) in
            [("subStart", "subStartType", "start"), ("subEnd", "subEndType", "end")]
        {
            if let Some(value) = edge(one, key, kind)? {
                text.push_str(&format!(", {name} = {value}"));
            }
        }
        operators.push(text + " }");
    }
    out.operators = operators;
    Ok(())
}

fn concat(one: &Grammar, out: &mut Translated) -> Said {
    let scope = one.scope()?;
    if !scope.rises() {
        return Err(format!(
            "ruleScope '{}' is not in the order of the columns, and failed or moved them there",
            scope.text
        ));
    }
    out.notes.push("only the joined cells are removed; there cells of the same text were, too");
    let with = quoted(&one.parameter());
    out.operators.push(format!("{{ op = \"concat\", {}, with = {with} }}", scope.cells()));
    Ok(())
}

fn save_as(grammar: &[Grammar], out: &mut Translated) -> Said {
    let mut columns = Vec::new();
    for one in grammar {
        let name = one.text("name").ok_or("a column has no name")?;
        let ty = match one.plain("type").to_ascii_uppercase().as_str() {
            "LONG" => "long",
            "DOUBLE" => "double",
            "DATETIME" | "TIMESTAMP" => "datetime",
            // Everything else was a text.
            _ => "string",
        };
        let cell = one.scope()?.one()?;
        if usize::try_from(cell).is_ok_and(|cell| cell >= grammar.len()) {
            out.notes.push("a column of an index beyond the number of columns was left out there");
        }
        let default = if ty == "string" { ", default = \"\"" } else { "" };
        let text =
            format!("{{ name = {}, type = \"{ty}\", cell = {cell}{default} }}", quoted(&name));
        columns.push((cell, text));
    }
    columns.sort_by_key(|(cell, _)| *cell);
    let texts: Vec<_> = columns.into_iter().map(|(_, text)| text).collect();
    out.operators.push(format!("{{ op = \"saveAs\", columns = [{}] }}", texts.join(", ")));
    Ok(())
}
