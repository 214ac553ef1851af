//! Functions of numbers that give doubles, and a few more. Uses `error`, `expr`. HOT in what the
//! rows call.

use super::Wanted::{Numeric, Whole};
use super::{Function, functions, whole};
use crate::error::Result;
use crate::expr::number::Number;
use crate::expr::value::{Kind, Value, finite};

const DOUBLE: Option<Kind> = Some(Kind::Double);

/// In the order of their names.
pub(super) const ALL: &[Function] = functions! {
    "exp(x)" exp (Numeric) 1 DOUBLE, |a| one(a, f64::exp), "e to the power of x; an error where it is out of range.";
    "ln(x)" ln (Numeric) 1 DOUBLE, |a| positive(a, f64::ln), "The natural logarithm; NULL for an x not above 0.";
    "log10(x)" log10 (Numeric) 1 DOUBLE, |a| positive(a, f64::log10), "The logarithm to 10; NULL for an x not above 0.";
    "log2(x)" log2 (Numeric) 1 DOUBLE, |a| positive(a, f64::log2), "The logarithm to 2; NULL for an x not above 0.";
    "mod(x, y)" mod_ (Numeric, Numeric) 2 None, mod_, "As x % y.";
    "power(x, y), pow(x, y)" power (Numeric, Numeric) 2 DOUBLE, power,
        "x to the power of y, a double; an error where it is out of range.";
    "sqrt(x)" sqrt (Numeric) 1 DOUBLE, |a| positive(a, f64::sqrt), "The square root; NULL for an x below 0.";
    "truncate(x, n), trunc(x), trunc(x, n)" truncate (Numeric, Whole) 1 None, truncate,
        "Cut to n digits behind the point (0), toward zero.";
};

fn double(arguments: &[Value], place: usize) -> Option<f64> {
    arguments.get(place).and_then(Value::as_f64)
}

fn one<'a>(arguments: &[Value<'a>], of: fn(f64) -> f64) -> Result<Value<'a>> {
    double(arguments, 0).map_or(Ok(Value::Null), |x| finite(of(x)))
}

/// NULL where the function is not defined.
fn positive<'a>(arguments: &[Value<'a>], of: fn(f64) -> f64) -> Result<Value<'a>> {
    let result = double(arguments, 0).map(of).filter(|result| result.is_finite());
    Ok(result.map_or(Value::Null, Value::Double))
}

fn power<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    match double(arguments, 0).zip(double(arguments, 1)) {
        Some((x, y)) => finite(x.powf(y)),
        None => Ok(Value::Null),
    }
}

fn mod_<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    match arguments {
        [Value::Exact(x), Value::Exact(y)] => Ok(x.remainder(y)?.map_or(Value::Null, Value::Exact)),
        _ => match double(arguments, 0).zip(double(arguments, 1)) {
            Some((x, y)) if y != 0.0 => finite(x % y),
            _ => Ok(Value::Null),
        },
    }
}

fn truncate<'a>(arguments: &[Value<'a>]) -> Result<Value<'a>> {
    let digits = if arguments.len() > 1 { whole(arguments, 1).clamp(-200, 200) } else { 0 };
    let cut = |number: &Number| -> Result<Number> {
        let rounded = number.rounded(digits)?;
        // Rounded away from zero: one unit back.
        let away = rounded.order(number);
        if away.is_eq() || (away.is_lt()) == (number.sign() > 0) {
            return Ok(rounded);
        }
        let unit = match u32::try_from(digits) {
            Ok(scale) => Number::Small(1, scale),
            Err(_) => {
                Number::parse(&format!("1{}", "0".repeat(digits.unsigned_abs().min(64) as usize)))
                    .unwrap_or(Number::Small(1, 0))
            }
        };
        if number.sign() > 0 { rounded.subtract(&unit) } else { rounded.add(&unit) }
    };
    Ok(match arguments.first() {
        Some(Value::Exact(number)) => Value::Exact(cut(number)?),
        Some(Value::Double(number)) => match Number::parse(&number.to_string()) {
            Some(exact) => Value::Double(cut(&exact)?.as_f64()),
            None => Value::Double(*number),
        },
        _ => Value::Null,
    })
}
