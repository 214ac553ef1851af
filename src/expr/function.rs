//! The functions of expressions: one row each, which the manual page dws-sql.7 is made from. Uses
//! `error`. HOT in what the rows call.
//!
//! A function gives NULL as soon as an argument is NULL, so none of these ever sees one.

mod math;
mod more_text;
mod time;

use std::borrow::Cow;

use super::moment::{Part, day, part};
use super::number::Number;
use super::value::{Kind, Value};
use crate::error::{Error, Result};

/// One function.
#[derive(Debug)]
pub struct Function {
    /// Lower case; any case is taken.
    pub name: &'static str,
    /// How it is called, for the page.
    pub form: &'static str,
    /// What it gives, for the page.
    pub meaning: &'static str,
    /// What its arguments must be.
    pub arguments: &'static [Wanted],
    /// How many of them must be there.
    pub required: usize,
    /// What it gives; `None`: what its first argument is.
    pub result: Option<Kind>,
    /// Does it.
    pub run: for<'a> fn(&[Value<'a>]) -> Result<Value<'a>>,
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Text.
    Text,
    /// An exact number or a double.
    Numeric,
    /// An exact number; it is used as a whole one.
    Whole,
    /// A date or datetime.
    Moment,
    /// A datetime.
    Datetime,
}

impl Wanted {
    /// Whether an argument of this kind will do.
    pub fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Text => matches!(kind, Kind::Text | Kind::Null),
            Self::Numeric => kind.is_numeric(),
            Self::Whole => matches!(kind, Kind::Number | Kind::Null),
            Self::Moment => matches!(kind, Kind::Date | Kind::Datetime | Kind::Null),
            Self::Datetime => matches!(kind, Kind::Datetime | Kind::Null),
        }
    }

    /// The kind that a literal in quotes becomes here.
    pub fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Numeric | Self::Whole => Kind::Number,
            Self::Moment | Self::Datetime => Kind::Datetime,
        }
    }

    /// The name for messages to people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Numeric => "a number",
            Self::Whole => "a whole number",
            Self::Moment => "a date or datetime",
            Self::Datetime => "a datetime",
        }
    }
}

use Wanted::{Datetime, Moment, Numeric, Text, Whole};

macro_rules! functions {
    // `mod` is a word of Rust.
    (@name mod_) => { "mod" };
    (@name $name:ident) => { stringify!($name) };
    ($($form:literal $name:ident ($($wanted:ident),*) $required:literal $result:expr, $run:expr, $meaning:literal;)*) => {
        &[$(Function {
            name: functions!(@name $name), form: $form, meaning: $meaning,
            arguments: &[$($wanted),*], required: $required, result: $result, run: $run,
        }),*]
    };
}

use functions;

const TEXT: Option<Kind> = Some(Kind::Text);
const NUMBER: Option<Kind> = Some(Kind::Number);
const BOOLEAN: Option<Kind> = Some(Kind::Boolean);

const FIRST: &[Function] = functions! {
    "abs(x)" abs (Numeric) 1 None, |a| sized(a, |n| Ok(if n.sign() < 0 { n.negated() } else { n.clone() }), f64::abs),
        "The value without its sign.";
    "ceil(x), ceiling(x)" ceil (Numeric) 1 None, |a| sized(a, |n| n.whole(true), f64::ceil),
        "The least whole number that is not below x.";
    "contains(s, t)" contains (Text, Text) 2 BOOLEAN, |a| two(a, |s, t| s.contains(t)),
        "Whether t stands in s.";
    "day(m)" day (Moment) 1 NUMBER, |a| Ok(of_moment(a, Part::Day)), "Day of the month.";
    "ends_with(s, t)" ends_with (Text, Text) 2 BOOLEAN, |a| two(a, |s, t| s.ends_with(t)),
        "Whether s ends with t.";
    "floor(x)" floor (Numeric) 1 None, |a| sized(a, |n| n.whole(false), f64::floor),
        "The greatest whole number that is not above x.";
    "hour(m)" hour (Datetime) 1 NUMBER, |a| Ok(of_moment(a, Part::Hour)), "0 to 23.";
    "left(s, n)" left (Text, Whole) 2 TEXT, |a| Ok(cut(a, 1, whole(a, 1).max(0))),
        "The first n characters; none when n is below 1.";
    "length(s)" length (Text) 1 NUMBER, |a| Ok(count(text(a, 0).chars().count())),
        "Characters (Unicode code points), not bytes.";
    "lower(s)" lower (Text) 1 TEXT, |a| Ok(owned(text(a, 0).to_lowercase())), "Lower case, by Unicode.";
    "ltrim(s)" ltrim (Text) 1 TEXT, |a| Ok(owned(text(a, 0).trim_start_matches(' ').into())),
        "Without the spaces in front.";
    "minute(m)" minute (Datetime) 1 NUMBER, |a| Ok(of_moment(a, Part::Minute)), "0 to 59.";
    "month(m)" month (Moment) 1 NUMBER, |a| Ok(of_moment(a, Part::Month)), "1 to 12; 0 in a zero date.";
    "octet_length(s)" octet_length (Text) 1 NUMBER, |a| Ok(count(text(a, 0).len())), "Bytes in UTF-8.";
    "position(t IN s)" position (Text, Text) 2 NUMBER, |a| Ok(find(text(a, 1), text(a, 0))),
        "The character of s, from 1, where t first stands; 0 when it does not.";
    "replace(s, t, u)" replace (Text, Text, Text) 3 TEXT, replace, "s with u for every t; s itself when t is empty.";
    "reverse(s)" reverse (Text) 1 TEXT, |a| Ok(owned(text(a, 0).chars().rev().collect())),
        "The characters (code points) backwards.";
    "right(s, n)" right (Text, Whole) 2 TEXT, right, "The last n characters; none when n is below 1.";
    "round(x), round(x, n)" round (Numeric, Whole) 1 None, round,
        "Rounded half away from zero to n digits behind the point (0), for an n below 0 in front of it.";
    "rtrim(s)" rtrim (Text) 1 TEXT, |a| Ok(owned(text(a, 0).trim_end_matches(' ').into())),
        "Without the spaces at the end.";
    "second(m)" second (Datetime) 1 NUMBER, |a| Ok(of_moment(a, Part::Second)), "0 to 59, without a fraction.";
    "sign(x)" sign (Numeric) 1 NUMBER, sign, "-1, 0 or 1.";
    "starts_with(s, t)" starts_with (Text, Text) 2 BOOLEAN, |a| two(a, |s, t| s.starts_with(t)),
        "Whether s starts with t.";
    "strpos(s, t)" strpos (Text, Text) 2 NUMBER, |a| Ok(find(text(a, 0), text(a, 1))), "As position(t IN s).";
    "substr(s, from), substr(s, from, n), substring(...)" substr (Text, Whole, Whole) 2 TEXT,
        |a| Ok(cut(a, whole(a, 1), if a.len() > 2 { whole(a, 2) } else { i64::MAX })),
        "n characters from the one numbered from, counted from 1; characters before the first are nothing. substring(s FROM from FOR n) is the same.";
    "to_date(m)" to_date (Moment) 1 Some(Kind::Date), to_date, "The day, without the time.";
    "trim(s)" trim (Text) 1 TEXT, |a| Ok(owned(text(a, 0).trim_matches(' ').into())),
        "Without the spaces at both ends. Other characters are not trimmed.";
    "upper(s)" upper (Text) 1 TEXT, |a| Ok(owned(text(a, 0).to_uppercase())),
        "Upper case, by Unicode: one letter may become two.";
    "year(m)" year (Moment) 1 NUMBER, |a| Ok(of_moment(a, Part::Year)), "0 to 9999.";
};

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Function> {
    [FIRST, math::ALL, more_text::ALL, time::ALL].into_iter().flatten()
}

/// Other names of the same.
const ALIASES: &[(&str, &str)] = &[
    ("ceiling", "ceil"),
    ("substring", "substr"),
    ("char_length", "length"),
    ("prefix", "starts_with"),
    ("suffix", "ends_with"),
    ("character_length", "length"),
    ("lcase", "lower"),
    ("ucase", "upper"),
    ("pow", "power"),
    ("trunc", "truncate"),
    ("epoch", "unix_timestamp"),
    ("weekofyear", "week"),
    ("dayofmonth", "day"),
    ("date", "to_date"),
    ("json_array_length", "json_length"),
    ("regexp_matches", "regexp_like"),
    ("unicode", "ascii"),
];

/// Finds a function by its name in any case.
pub fn find_function(name: &str) -> Option<&'static Function> {
    let name = name.to_ascii_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name.as_str(), |(_, name)| name);
    all().find(|function| function.name == name)
}

fn text<'v>(arguments: &'v [Value<'_>], place: usize) -> &'v str {
    match arguments.get(place) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// A whole number; beyond 64 bits the last one there is, since it only says how many characters.
fn whole(arguments: &[Value], place: usize) -> i64 {
    let Some(Value::Exact(number)) = arguments.get(place) else { return 0 };
    let last = if number.sign() < 0 { i64::MIN } else { i64::MAX };
    number.rounded(0).ok().and_then(|whole| whole.as_i64()).unwrap_or(last)
}

fn owned<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

fn count<'a>(number: usize) -> Value<'a> {
    Value::Exact(Number::Small(number as i128, 0))
}

fn sized<'a>(
    arguments: &[Value<'a>],
    exact: fn(&Number) -> Result<Number>,
    double: fn(f64) -> f64,
) -> Result<Value<'a>> {
    Ok(match arguments.first() {
        Some(Value::Exact(number)) => Value::Exact(exact(number)?),
        Some(Value::Double(number)) => Value::Double(double(*number)),
        _ => Value::Null,
    })
}

fn two<'a>(arguments: &[Value<'a>], test: fn(&str, &str) -> bool) -> Result<Value<'a>> {
    Ok(Value::Boolean(test(text(arguments, 0), text(arguments, 1))))
}

fn of_moment<'a>(arguments: &[Value<'a>], wanted: Part) -> Value<'a> {
    match arguments.first() {
        Some(Value::Moment(packed)) => Value::Exact(part(*packed, wanted).into()),
        _ => Value::Null,
    }
}

fn to_date<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    Ok(match arguments.first() {
        Some(Value::Moment(packed)) => Value::Moment(day(*packed)),
        _ => Value::Null,
    })
}

fn find<'a>(text: &str, wanted: &str) -> Value<'a> {
    let before = text.find(wanted).and_then(|at| text.get(..at));
    count(before.map_or(0, |before| before.chars().count() + 1))
}

/// `length` characters of the first argument from the one numbered `from`.
fn cut<'a>(arguments: &[Value<'a>], from: i64, length: i64) -> Value<'a> {
    let end = from.saturating_add(length.max(0)).max(1);
    let start = from.max(1);
    let skip = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let take = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    owned(text(arguments, 0).chars().skip(skip).take(take).collect())
}

fn right<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let length = text(arguments, 0).chars().count();
    let wanted = usize::try_from(whole(arguments, 1)).unwrap_or(0);
    Ok(owned(text(arguments, 0).chars().skip(length.saturating_sub(wanted)).collect()))
}

fn replace<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    /// Characters of a long text times a long replacement would be without bound.
    const LONGEST: usize = 256 << 20;
    let (whole, part, by) = (text(arguments, 0), text(arguments, 1), text(arguments, 2));
    if part.is_empty() {
        return Ok(owned(whole.into()));
    }
    if by.len() > part.len() && whole.len() / part.len() >= LONGEST / by.len() {
        return Err(Error::data("the result of replace may be larger than 256 MiB"));
    }
    Ok(owned(whole.replace(part, by)))
}

fn round<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let digits = if arguments.len() > 1 { whole(arguments, 1) } else { 0 };
    Ok(match arguments.first() {
        Some(Value::Exact(number)) => Value::Exact(number.rounded(digits.clamp(-200, 200))?),
        // The text of the double is rounded, so that 2.675 becomes 2.68.
        Some(Value::Double(number)) => match Number::parse(&number.to_string()) {
            Some(exact) => Value::Double(exact.rounded(digits.clamp(-200, 200))?.as_f64()),
            None => Value::Double(*number),
        },
        _ => Value::Null,
    })
}

fn sign<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    Ok(match arguments.first() {
        Some(Value::Exact(number)) => Value::Exact(Number::Small(number.sign(), 0)),
        Some(Value::Double(number)) => {
            Value::Exact(Number::Small(i128::from(*number > 0.0) - i128::from(*number < 0.0), 0))
        }
        _ => Value::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        for table in [FIRST, math::ALL, more_text::ALL, time::ALL] {
            assert!(table.is_sorted_by_key(|function| function.name));
        }
        for function in all() {
            assert_eq!(all().filter(|other| other.name == function.name).count(), 1);
            assert!(function.required <= function.arguments.len() && !function.meaning.is_empty());
            assert!(function.form.contains(function.name), "{}", function.name);
        }
        for (_, name) in ALIASES {
            assert!(all().any(|function| function.name == *name));
        }
        assert_eq!(find_function("SubString").map(|f| f.name), Some("substr"));
    }
}
