//! Functions of texts: regular expressions, JSON, padding and parts. Uses `error`, `expr`. HOT in
//! what the rows call.

use super::Wanted::{Text, Whole};
use super::{BOOLEAN, Function, NUMBER, TEXT, count, find, functions, owned, text, whole};
use crate::error::{Error, Result};
use crate::expr::json;
use crate::expr::pattern::with_regex;
use crate::expr::value::Value;

/// A result may not be longer.
const LONGEST: usize = 256 << 20;

/// In the order of their names.
pub(super) const ALL: &[Function] = functions! {
    "ascii(s)" ascii (Text) 1 NUMBER, |a| Ok(count(text(a, 0).chars().next().map_or(0, |c| c as usize))),
        "The code point of the first character; 0 for an empty text.";
    "chr(n)" chr (Whole) 1 TEXT, chr, "The character of a code point; NULL where there is none.";
    "hex(s)" hex (Text) 1 TEXT, |a| Ok(owned(text(a, 0).bytes().map(|byte| format!("{byte:02X}")).collect())),
        "The bytes in UTF-8 as hexadecimal digits.";
    "instr(s, t)" instr (Text, Text) 2 NUMBER, |a| Ok(find(text(a, 0), text(a, 1))), "As position(t IN s).";
    "json_length(s), json_array_length(s)" json_length (Text) 1 NUMBER, |a| Ok(count(json_kind(a)?.1)),
        "How many elements an array or members an object has; 1 for other JSON.";
    "json_type(s)" json_type (Text) 1 TEXT, |a| Ok(Value::Text(json_kind(a)?.0.into())),
        "object, array, string, number, boolean or null.";
    "json_valid(s)" json_valid (Text) 1 BOOLEAN, |a| Ok(Value::Boolean(json::is_valid(text(a, 0)))),
        "Whether s is JSON.";
    "locate(t, s)" locate (Text, Text) 2 NUMBER, |a| Ok(find(text(a, 1), text(a, 0))), "As position(t IN s).";
    "lpad(s, n, t)" lpad (Text, Whole, Text) 3 TEXT, |a| pad(a, true),
        "n characters: s with as much of t in front as is needed, or the first n of s.";
    "regexp_extract(s, 'regex'), regexp_extract(s, 'regex', n)" regexp_extract (Text, Text, Whole) 2 TEXT,
        regexp_extract, "What the regular expression, or its group n, matches first; an empty text when it does not.";
    "regexp_like(s, 'regex'), regexp_matches(...)" regexp_like (Text, Text) 2 BOOLEAN,
        |a| with_regex(text(a, 1), false, |regex| Value::Boolean(regex.is_match(text(a, 0)))), "As s ~ 'regex'.";
    "regexp_replace(s, 'regex', t), regexp_replace(s, 'regex', t, 'gi')" regexp_replace (Text, Text, Text, Text) 3 TEXT,
        regexp_replace, "s with t for the first match, with g for every one, with i in any case. In t, \\1 to \\9 stand for groups and \\0 for the match.";
    "repeat(s, n)" repeat (Text, Whole) 2 TEXT, repeat, "s so many times.";
    "rpad(s, n, t)" rpad (Text, Whole, Text) 3 TEXT, |a| pad(a, false),
        "As lpad, with t behind.";
    "split_part(s, t, n)" split_part (Text, Text, Whole) 3 TEXT, split_part,
        "The n-th of the parts of s between the texts t, from 1, from the end below 0; empty when there is none.";
    "translate(s, t, u)" translate (Text, Text, Text) 3 TEXT, translate,
        "s with each character of t replaced by the one of u in the same place, or left out.";
};

fn json_kind(arguments: &[Value]) -> Result<(&'static str, usize)> {
    let whole = text(arguments, 0);
    match json::is_valid(whole) {
        true => Ok(json::kind(whole)),
        false => Err(Error::data("a text that is no JSON").advise("json_valid tells")),
    }
}

fn chr<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let letter = u32::try_from(whole(arguments, 0)).ok().and_then(char::from_u32);
    Ok(letter.map_or(Value::Null, |letter| owned(letter.into())))
}

#[cold]
fn long(name: &str) -> Error {
    Error::data(format!("the result of {name} may be larger than 256 MiB"))
}

fn pad<'a>(arguments: &[Value<'a>], front: bool) -> Result<Value<'a>> {
    let (own, by) = (text(arguments, 0), text(arguments, 2));
    let wanted = usize::try_from(whole(arguments, 1)).unwrap_or(0);
    let length = own.chars().count();
    if wanted <= length {
        return Ok(owned(own.chars().take(wanted).collect()));
    }
    if wanted > LONGEST / 4 {
        return Err(long("lpad and rpad"));
    }
    let filling = by.chars().cycle().take(wanted - length);
    Ok(owned(if front {
        filling.chain(own.chars()).collect()
    } else {
        own.chars().chain(filling).collect()
    }))
}

fn repeat<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let times = usize::try_from(whole(arguments, 1)).unwrap_or(0);
    let own = text(arguments, 0);
    match own.len().checked_mul(times) {
        Some(length) if length <= LONGEST => Ok(owned(own.repeat(times))),
        _ => Err(long("repeat")),
    }
}

fn split_part<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let (own, by, place) = (text(arguments, 0), text(arguments, 1), whole(arguments, 2));
    let nth = usize::try_from(place.unsigned_abs()).unwrap_or(usize::MAX).checked_sub(1);
    let part = match nth {
        None => None,
        Some(nth) if by.is_empty() => (nth == 0).then_some(own),
        Some(nth) if place > 0 => own.split(by).nth(nth),
        Some(nth) => own.rsplit(by).nth(nth),
    };
    Ok(owned(part.unwrap_or_default().to_owned()))
}

fn translate<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let (from, to) = (text(arguments, 1), text(arguments, 2));
    let letters = text(arguments, 0).chars().filter_map(|letter| {
        match from.chars().position(|wanted| wanted == letter) {
            None => Some(letter),
            Some(place) => to.chars().nth(place),
        }
    });
    Ok(owned(letters.collect()))
}

fn regexp_extract<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let group = if arguments.len() > 2 { whole(arguments, 2) } else { 0 };
    let group = usize::try_from(group).unwrap_or(usize::MAX);
    let found = with_regex(text(arguments, 1), false, |regex| {
        let groups = regex.captures(text(arguments, 0))?;
        groups.get(group).map(|found| found.as_str().to_owned())
    })?;
    Ok(owned(found.unwrap_or_default()))
}

fn regexp_replace<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let flags = text(arguments, 3);
    if !flags.chars().all(|flag| "gi".contains(flag)) {
        return Err(Error::data("regexp_replace: the flags are g and i"));
    }
    let by = replacement(text(arguments, 2));
    let limit = if flags.contains('g') { 0 } else { 1 };
    let own = text(arguments, 0);
    let result = with_regex(text(arguments, 1), flags.contains('i'), |regex| {
        // Each character may be a match, and a group the whole text.
        let most = own.len().saturating_add(1).saturating_mul(by.len().saturating_add(own.len()));
        if most > LONGEST
            && regex.find_iter(own).count().saturating_mul(by.len() + own.len()) > LONGEST
        {
            return None;
        }
        Some(regex.replacen(own, limit, by.as_str()).into_owned())
    })?;
    result.map(owned).ok_or_else(|| long("regexp_replace"))
}

/// `\1` in the spelling of the crate regex, where a dollar sign is special.
fn replacement(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str(&format!("${{{digit}}}"));
                letters.next();
            }
            ('\\', Some('\\')) => {
                out.push('\\');
                letters.next();
            }
            _ => out.push(letter),
        }
    }
    out
}
