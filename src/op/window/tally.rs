//! Aggregates that rows can be added to and taken from again. Uses `error`, `expr`, `op::join`. HOT:
//! once a row and aggregate.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::expr::list::Aggregate;
use crate::expr::number::Number;
use crate::expr::{Kind, Value};
use crate::op::join::cells::{plain_number, push_value};
use crate::op::join::pack::{Unpack, put_i64, put_text, put_u64};

/// An aggregate function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `count(*)`: rows.
    Rows,
    /// `count(x)`: rows whose x is not NULL.
    Count,
    /// `count(DISTINCT x)`: values of x.
    Distinct,
    /// `sum(x)`, NULL where no x is.
    Sum,
    /// `avg(x)`.
    Average,
    /// `min(x)`.
    Least,
    /// `max(x)`.
    Greatest,
}

impl Function {
    /// Which one a call means.
    ///
    /// # Errors
    /// `Usage` for one that is not known, or called in another way.
    pub fn of(call: &Aggregate) -> Result<Self> {
        let known = match (call.function.as_str(), call.distinct, call.is_of_rows()) {
            ("count", false, true) => Some(Self::Rows),
            ("count", false, false) => Some(Self::Count),
            ("count", true, false) => Some(Self::Distinct),
            ("sum", false, false) => Some(Self::Sum),
            ("avg", false, false) => Some(Self::Average),
            ("min", _, false) => Some(Self::Least),
            ("max", _, false) => Some(Self::Greatest),
            _ => None,
        };
        known.ok_or_else(|| {
            Error::usage(format!("no aggregate function {} in this form", call.function)).advise(
                "there are count(*), count(x), count(DISTINCT x), sum(x), avg(x), min(x) and max(x)",
            )
        })
    }

    /// Whether it takes values of this kind.
    pub fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Rows | Self::Count | Self::Distinct => true,
            Self::Sum | Self::Average => matches!(kind, Kind::Number | Kind::Double),
            Self::Least | Self::Greatest => !matches!(kind, Kind::Null | Kind::Binary),
        }
    }
}

/// What the rows of a group amount to in one aggregate.
#[derive(Debug, Clone)]
pub enum Sum {
    /// Rows are counted by their group.
    Rows,
    /// Values that are not NULL.
    Count(i64),
    /// Values, each with how often it is there.
    Distinct(BTreeMap<Box<str>, u64>),
    /// Exact, with how many values there are.
    Exact(i64, Number),
    /// Binary floating point with what rounding lost (Neumaier), and how many values there are.
    Binary(i64, f64, f64),
    /// Values in order, each with how often it is there: the least may be taken away again.
    Ordered(BTreeMap<Ranked, u64>),
    /// The least or the greatest, where nothing is ever taken away.
    Extreme(Option<Ranked>),
}

/// A value with its order: never NULL.
#[derive(Debug, Clone)]
pub struct Ranked(Value<'static>);

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.order(&other.0).unwrap_or(Ordering::Equal)
    }
}

/// Bytes of memory that a value takes among those of a group: with its count, in a tree that is about
/// two thirds full.
const COUNTED: isize = 48;

fn distinct_bytes(text: &str) -> isize {
    COUNTED + 16 + text.len() as isize
}

impl Sum {
    /// Bytes of memory that it takes beside its own.
    pub fn more(&self) -> usize {
        let bytes: isize = match self {
            Self::Distinct(values) => values.keys().map(|text| distinct_bytes(text)).sum(),
            Self::Ordered(values) => values.keys().map(Ranked::bytes).sum(),
            _ => 0,
        };
        bytes.unsigned_abs()
    }
}

impl Ranked {
    fn bytes(&self) -> isize {
        let text = match &self.0 {
            Value::Text(text) => 16 + text.len() as isize,
            _ => 0,
        };
        COUNTED + size_of::<Self>() as isize + text
    }

    fn read(text: &str, kind: Kind) -> Option<Self> {
        Some(Self(match kind.read(Cow::Borrowed(text))? {
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Value::Exact(number) => Value::Exact(number),
            Value::Double(number) => Value::Double(number),
            Value::Moment(packed) => Value::Moment(packed),
            Value::Boolean(truth) => Value::Boolean(truth),
            Value::Null => return None,
        }))
    }

    fn text(&self, kind: Kind) -> String {
        self.0.lent().into_text(kind).unwrap_or_default().into_owned()
    }
}

/// One aggregate of a result: what is done, and with values of which kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measure {
    /// The function.
    pub function: Function,
    /// The kind of its argument.
    pub kind: Kind,
    /// Whether rows are only ever added.
    pub grows: bool,
}

#[cold]
fn wrong(kind: Kind) -> Error {
    Error::data(format!("the argument of an aggregate is no {}", kind.name()))
}

/// A failure behind which the state is half changed: it must end the run.
#[cold]
fn fatal(error: Error) -> Error {
    Error::new(ErrorKind::Refused, error.to_string())
        .advise("an aggregate cannot hold it; CAST its argument to DOUBLE")
}

impl Measure {
    /// What it is before the first row.
    pub fn nothing(self) -> Sum {
        match (self.function, self.kind) {
            (Function::Rows, _) => Sum::Rows,
            (Function::Count, _) => Sum::Count(0),
            (Function::Distinct, _) => Sum::Distinct(BTreeMap::new()),
            (Function::Sum | Function::Average, Kind::Double) => Sum::Binary(0, 0.0, 0.0),
            (Function::Sum | Function::Average, _) => Sum::Exact(0, Number::from(0)),
            (Function::Least | Function::Greatest, _) if self.grows => Sum::Extreme(None),
            (Function::Least | Function::Greatest, _) => Sum::Ordered(BTreeMap::new()),
        }
    }

    /// Fails for a text that is none of its kind.
    ///
    /// # Errors
    /// `Data`.
    #[inline]
    pub fn check(self, text: Option<&str>) -> Result<()> {
        let Some(text) = text else { return Ok(()) };
        let reads = match self.function {
            Function::Rows | Function::Count => true,
            Function::Distinct if self.kind != Kind::Number => true,
            _ => self.kind.read(Cow::Borrowed(text)).is_some(),
        };
        if reads { Ok(()) } else { Err(wrong(self.kind)) }
    }

    /// Adds the argument of a row, or takes it away again, and gives how many bytes of memory more it
    /// takes. `check` has been asked before.
    ///
    /// # Errors
    /// `Refused` when the result has too many digits.
    #[inline]
    pub fn apply(self, sum: &mut Sum, text: Option<&str>, add: bool) -> Result<isize> {
        let Some(text) = text else { return Ok(0) };
        let step = if add { 1 } else { -1 };
        let mut more = 0;
        match sum {
            Sum::Rows => {}
            Sum::Count(count) => *count += step,
            Sum::Distinct(values) => {
                let text = match self.kind {
                    Kind::Number => plain_number(text).unwrap_or(Cow::Borrowed(text)),
                    _ => Cow::Borrowed(text),
                };
                match values.get_mut(text.as_ref()) {
                    Some(count) if !add && *count <= 1 => {
                        values.remove(text.as_ref());
                        more = -distinct_bytes(&text);
                    }
                    Some(count) => *count = count.wrapping_add_signed(step),
                    None if add => {
                        more = distinct_bytes(&text);
                        values.insert(text.into(), 1);
                    }
                    None => {}
                }
            }
            Sum::Exact(count, total) => {
                let number = Number::parse(text).ok_or_else(|| wrong(self.kind))?;
                let number = if add { number } else { number.negated() };
                *total = total.add(&number).map_err(fatal)?;
                *count += step;
            }
            Sum::Binary(count, total, lost) => {
                let number = Kind::Double.read(Cow::Borrowed(text)).and_then(|v| v.as_f64());
                let number = number.ok_or_else(|| wrong(self.kind))?;
                let number = if add { number } else { -number };
                let next = *total + number;
                *lost += if total.abs() >= number.abs() {
                    (*total - next) + number
                } else {
                    (number - next) + *total
                };
                *total = next;
                *count += step;
                if *count == 0 {
                    (*total, *lost) = (0.0, 0.0);
                }
            }
            Sum::Ordered(values) => {
                let value = Ranked::read(text, self.kind).ok_or_else(|| wrong(self.kind))?;
                match values.get_mut(&value) {
                    Some(count) if !add && *count <= 1 => {
                        more = -value.bytes();
                        values.remove(&value);
                    }
                    Some(count) => *count = count.wrapping_add_signed(step),
                    None if add => {
                        more = value.bytes();
                        values.insert(value, 1);
                    }
                    None => {}
                }
            }
            Sum::Extreme(best) => {
                let value = Ranked::read(text, self.kind).ok_or_else(|| wrong(self.kind))?;
                let better = match best {
                    None => true,
                    Some(best) if self.function == Function::Least => value < *best,
                    Some(best) => value > *best,
                };
                if better {
                    *best = Some(value);
                }
            }
        }
        Ok(more)
    }

    /// Appends the result's JSON; `rows` is how many rows the group has.
    ///
    /// # Errors
    /// `Refused` when it has too many digits, or is no finite number.
    pub fn push_json(self, sum: &Sum, rows: i64, out: &mut Vec<u8>) -> Result<()> {
        let count = |out: &mut Vec<u8>, count: i64| {
            push_value(out, Value::Exact(Number::from(count)), Kind::Number);
        };
        let ranked = |out: &mut Vec<u8>, value: Option<&Ranked>| match value {
            Some(value) => push_value(out, value.0.lent(), self.kind),
            None => out.extend_from_slice(b"null"),
        };
        match sum {
            Sum::Rows => count(out, rows),
            Sum::Count(values) => count(out, *values),
            Sum::Distinct(values) => count(out, i64::try_from(values.len()).unwrap_or(i64::MAX)),
            Sum::Exact(0, _) | Sum::Binary(0, ..) => out.extend_from_slice(b"null"),
            Sum::Exact(count, total) => {
                let result = match self.function {
                    Function::Average => {
                        total.divide(&Number::from(*count)).map_err(fatal)?.unwrap_or(total.clone())
                    }
                    _ => total.clone(),
                };
                push_value(out, Value::Exact(result), Kind::Number);
            }
            Sum::Binary(count, total, lost) => {
                let sum = total + lost;
                let result =
                    if self.function == Function::Average { sum / *count as f64 } else { sum };
                if !result.is_finite() {
                    return Err(fatal(Error::data("a floating point result is out of range")));
                }
                push_value(out, Value::Double(result), Kind::Double);
            }
            Sum::Ordered(values) => {
                let entry = match self.function {
                    Function::Least => values.first_key_value(),
                    _ => values.last_key_value(),
                };
                ranked(out, entry.map(|entry| entry.0));
            }
            Sum::Extreme(best) => ranked(out, best.as_ref()),
        }
        Ok(())
    }

    /// Appends a sum for the next run.
    pub fn save(self, sum: &Sum, state: &mut Vec<u8>) {
        match sum {
            Sum::Rows => {}
            Sum::Count(count) => put_i64(state, *count),
            Sum::Distinct(values) => {
                put_u64(state, values.len() as u64);
                for (value, count) in values {
                    put_text(state, Some(value));
                    put_u64(state, *count);
                }
            }
            Sum::Exact(count, total) => {
                put_i64(state, *count);
                put_text(state, Some(&total.to_string()));
            }
            Sum::Binary(count, total, lost) => {
                put_i64(state, *count);
                put_u64(state, total.to_bits());
                put_u64(state, lost.to_bits());
            }
            Sum::Ordered(values) => {
                put_u64(state, values.len() as u64);
                for (value, count) in values {
                    put_text(state, Some(&value.text(self.kind)));
                    put_u64(state, *count);
                }
            }
            Sum::Extreme(best) => {
                put_text(state, best.as_ref().map(|best| best.text(self.kind)).as_deref());
            }
        }
    }

    /// Takes back what `save` gave.
    ///
    /// # Errors
    /// `Refused` for what is no such state.
    pub fn load(self, state: &mut Unpack) -> Result<Sum> {
        let mut sum = self.nothing();
        let torn = || Error::refused("the state has a sum that is none of its kind");
        let ranked = |text: &str| Ranked::read(text, self.kind).ok_or_else(torn);
        match &mut sum {
            Sum::Rows => {}
            Sum::Count(count) => *count = state.i64()?,
            Sum::Distinct(values) => {
                for _ in 0..state.u64()? {
                    let value = state.text()?.unwrap_or_default().into();
                    values.insert(value, state.u64()?);
                }
            }
            Sum::Exact(count, total) => {
                *count = state.i64()?;
                let text = state.text()?.unwrap_or_default();
                *total = Number::parse(text).ok_or_else(torn)?;
            }
            Sum::Binary(count, total, lost) => {
                *count = state.i64()?;
                *total = f64::from_bits(state.u64()?);
                *lost = f64::from_bits(state.u64()?);
            }
            Sum::Ordered(values) => {
                for _ in 0..state.u64()? {
                    let value = ranked(state.text()?.unwrap_or_default())?;
                    values.insert(value, state.u64()?);
                }
            }
            Sum::Extreme(best) => *best = state.text()?.map(ranked).transpose()?,
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(measure: Measure, sum: &Sum, rows: i64) -> String {
        let mut out = Vec::new();
        measure.push_json(sum, rows, &mut out).unwrap();
        let mut state = Vec::new();
        measure.save(sum, &mut state);
        let again = measure.load(&mut Unpack::new(&state)).unwrap();
        let mut second = Vec::new();
        measure.push_json(&again, rows, &mut second).unwrap();
        assert_eq!(out, second, "what is saved comes back");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_added_can_be_taken_away() {
        use Function::{Average, Count, Distinct, Greatest, Least, Rows};
        let adds = [Some("1.50"), None, Some("-2.25"), Some("1.5"), Some("7")];
        for (function, kind, first, second) in [
            (Rows, Kind::Null, "\"5\"", "\"3\""),
            (Count, Kind::Number, "\"4\"", "\"2\""),
            (Distinct, Kind::Number, "\"3\"", "\"2\""),
            (Function::Sum, Kind::Number, "\"7.75\"", "\"-0.75\""),
            (Function::Sum, Kind::Double, "7.75", "-0.75"),
            (Average, Kind::Number, "\"1.937500\"", "\"-0.375000\""),
            (Least, Kind::Number, "\"-2.25\"", "\"-2.25\""),
            (Greatest, Kind::Number, "\"7\"", "\"1.50\""),
            (Greatest, Kind::Text, "\"7\"", "\"1.5\""),
        ] {
            let measure = Measure { function, kind, grows: false };
            let mut sum = measure.nothing();
            for text in adds {
                measure.check(text).unwrap();
                measure.apply(&mut sum, text, true).unwrap();
            }
            assert_eq!(shown(measure, &sum, 5), first, "{function:?} {kind:?}");
            for text in [Some("7"), Some("1.50")] {
                measure.apply(&mut sum, text, false).unwrap();
            }
            let second =
                if (function, kind) == (Greatest, Kind::Text) { "\"1.5\"" } else { second };
            assert_eq!(shown(measure, &sum, 3), second, "{function:?} {kind:?}");
        }
    }

    #[test]
    fn growing_extremes_keep_one_value() {
        let measure = Measure { function: Function::Least, kind: Kind::Datetime, grows: true };
        let mut sum = measure.nothing();
        for text in ["2026-01-02 00:00:00", "2026-01-01 00:00:00.5", "2026-01-03 00:00:00"] {
            measure.apply(&mut sum, Some(text), true).unwrap();
        }
        assert_eq!(shown(measure, &sum, 3), "\"2026-01-01 00:00:00.5\"");
        assert!(measure.check(Some("noon")).is_err());
    }

    #[test]
    fn doubles_keep_what_rounding_would_lose() {
        let measure = Measure { function: Function::Sum, kind: Kind::Double, grows: false };
        let mut sum = measure.nothing();
        for (text, add) in [("1e100", true), ("0.25", true), ("1e100", false)] {
            measure.apply(&mut sum, Some(text), add).unwrap();
        }
        assert_eq!(shown(measure, &sum, 1), "0.25");
    }
}
