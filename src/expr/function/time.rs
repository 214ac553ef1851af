//! Functions of dates and times. Uses `error`, `expr`. HOT in what the rows call.

use super::Wanted::{Moment, Numeric, Text};
use super::{Function, NUMBER, TEXT, functions, of_moment, text};
use crate::error::{Error, Result};
use crate::expr::calendar::{SECOND, day_of_year, days, month_length, packed, week, weekday};
use crate::expr::moment::{Part, day, part};
use crate::expr::number::Number;
use crate::expr::shift::{Unit, between, cut};
use crate::expr::value::{Kind, Value};

/// In the order of their names.
pub(super) const ALL: &[Function] = functions! {
    "date_diff('unit', a, b)" date_diff (Text, Moment, Moment) 3 NUMBER, date_diff,
        "How many starts of the unit (year, quarter, month, week, day, hour, minute, second, microsecond) lie between a and b; below 0 when b is the earlier one.";
    "date_format(m, 'format')" date_format (Moment, Text) 2 TEXT, date_format,
        "As in MySQL, with %Y %y %m %c %d %e %j %H %k %i %s %S %f %T %F %w %u %v %%.";
    "date_trunc('unit', m)" date_trunc (Text, Moment) 2 Some(Kind::Datetime), date_trunc,
        "The start of the unit that m is in, a datetime. Weeks begin on Monday.";
    "datediff(a, b)" datediff (Moment, Moment) 2 NUMBER, datediff,
        "The days from b to a, without their times; a - b of two dates is the same.";
    "dayofyear(m)" dayofyear (Moment) 1 NUMBER, |a| Ok(numbered(a, day_of_year)), "1 to 366.";
    "from_unixtime(x)" from_unixtime (Numeric) 1 Some(Kind::Datetime), from_unixtime,
        "The datetime in UTC of so many seconds since 1970.";
    "isodow(m)" isodow (Moment) 1 NUMBER, |a| Ok(numbered(a, |day| Some(weekday(day)))),
        "The day of the week, Monday 1 to Sunday 7.";
    "last_day(m)" last_day (Moment) 1 Some(Kind::Date), last_day, "The last day of the month.";
    "microsecond(m)" microsecond (Moment) 1 NUMBER, |a| Ok(microsecond(a)), "0 to 999999.";
    "quarter(m)" quarter (Moment) 1 NUMBER, quarter, "1 to 4.";
    "unix_timestamp(m), epoch(m)" unix_timestamp (Moment) 1 NUMBER, |a| Ok(unix_timestamp(a)),
        "Seconds since 1970, m being in UTC, with six digits behind the point.";
    "week(m)" week (Moment) 1 NUMBER, |a| Ok(numbered(a, |day| Some(week(day)?.1))),
        "The number of the week by ISO 8601.";
};

fn moment(arguments: &[Value], place: usize) -> Option<i64> {
    match arguments.get(place) {
        Some(Value::Moment(packed)) => Some(*packed),
        _ => None,
    }
}

fn whole<'a>(number: Option<i64>) -> Value<'a> {
    number.map_or(Value::Null, |number| Value::Exact(number.into()))
}

fn numbered<'a>(arguments: &[Value<'a>], of: fn(i64) -> Option<i64>) -> Value<'a> {
    whole(moment(arguments, 0).and_then(days).and_then(|(day, _)| of(day)))
}

fn unit(arguments: &[Value]) -> Result<Unit> {
    Unit::parse(text(arguments, 0)).ok_or_else(|| {
        Error::data("an unknown unit of time")
            .advise("known are year, quarter, month, week, day, hour, minute, second, microsecond")
    })
}

fn date_diff<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let unit = unit(arguments)?;
    let ends = moment(arguments, 1).zip(moment(arguments, 2));
    Ok(whole(ends.and_then(|(from, to)| between(from, to, unit))))
}

fn datediff<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let ends = moment(arguments, 1).zip(moment(arguments, 0));
    Ok(whole(ends.and_then(|(from, to)| between(from, to, Unit::Day))))
}

fn date_trunc<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let unit = unit(arguments)?;
    Ok(moment(arguments, 1).and_then(|m| cut(m, unit)).map_or(Value::Null, Value::Moment))
}

fn last_day<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let last = moment(arguments, 0).filter(|m| days(*m).is_some()).and_then(|m| {
        let (year, month) = (part(m, Part::Year), part(m, Part::Month));
        crate::expr::moment::packed(year, month, month_length(year, month), 0)
    });
    Ok(last.map_or(Value::Null, Value::Moment))
}

fn microsecond<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    whole(moment(arguments, 0).map(|packed| (packed - day(packed)) % SECOND))
}

fn quarter<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    Ok(match of_moment(arguments, Part::Month) {
        Value::Exact(month) => whole(month.as_i64().map(|month| (month + 2) / 3)),
        other => other,
    })
}

fn unix_timestamp<'a>(arguments: &[Value<'a>]) -> Value<'a> {
    let found = moment(arguments, 0).and_then(days);
    found.map_or(Value::Null, |(day, micros)| {
        let all = i128::from(day) * 86_400 * i128::from(SECOND) + i128::from(micros);
        Value::Exact(Number::Small(all, 6))
    })
}

fn from_unixtime<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let seconds = match arguments.first() {
        Some(Value::Exact(number)) => Some(number.clone()),
        Some(Value::Double(number)) => Number::parse(&number.to_string()),
        _ => None,
    };
    let micros = seconds.and_then(|seconds| {
        let micros = seconds.multiply(&SECOND.into()).ok()?.rounded(0).ok()?.as_i64()?;
        packed(0, micros)
    });
    Ok(micros.map_or(Value::Null, Value::Moment))
}

fn date_format<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let Some(m) = moment(arguments, 0) else { return Ok(Value::Null) };
    let of = |which| part(m, which);
    let micros = (m - day(m)) % SECOND;
    let known = days(m);
    let mut out = String::new();
    let mut letters = text(arguments, 1).chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            out.push(letter);
            continue;
        }
        let (y, month, d) = (of(Part::Year), of(Part::Month), of(Part::Day));
        let (h, i, s) = (of(Part::Hour), of(Part::Minute), of(Part::Second));
        match letters.next() {
            Some('Y') => out += &format!("{y:04}"),
            Some('y') => out += &format!("{:02}", y % 100),
            Some('m') => out += &format!("{month:02}"),
            Some('c') => out += &month.to_string(),
            Some('d') => out += &format!("{d:02}"),
            Some('e') => out += &d.to_string(),
            Some('H') => out += &format!("{h:02}"),
            Some('k') => out += &h.to_string(),
            Some('i') => out += &format!("{i:02}"),
            Some('s' | 'S') => out += &format!("{s:02}"),
            Some('f') => out += &format!("{micros:06}"),
            Some('T') => out += &format!("{h:02}:{i:02}:{s:02}"),
            Some('F') => out += &format!("{y:04}-{month:02}-{d:02}"),
            Some('%') => out.push('%'),
            Some(other @ ('j' | 'w' | 'u' | 'v')) => {
                // These need a day of the calendar.
                let Some((day, _)) = known else { return Ok(Value::Null) };
                match other {
                    'j' => out += &format!("{:03}", day_of_year(day).unwrap_or_default()),
                    'w' => out += &(weekday(day) % 7).to_string(),
                    _ => out += &format!("{:02}", week(day).unwrap_or_default().1),
                }
            }
            _ => {
                return Err(Error::data("date_format: an unknown letter behind %")
                    .advise("dws-sql(7) lists those known"));
            }
        }
    }
    Ok(Value::Text(out.into()))
}
