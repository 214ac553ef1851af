//! CAST: which types there are, what can become what, and the doing, which is HOT. Uses `error`.

use sqlparser::ast::{DataType, ExactNumberInfo, Expr};

use super::literal::wrong;
use super::moment;
use super::number::{MOST_DIGITS, Number};
use super::value::{Kind, Value};
use crate::error::{Error, Result};

/// What CAST makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Kind(Kind),
    /// A whole number of so many bits.
    Whole(u32),
    /// So many digits, and so many of them behind the point.
    Decimal(u32, u32),
}

/// The type that is written behind AS.
pub(super) fn target(expr: &Expr, data_type: &DataType) -> Result<Target> {
    Ok(match data_type {
        DataType::Text
        | DataType::Varchar(None)
        | DataType::Char(None)
        | DataType::String(None) => Target::Kind(Kind::Text),
        DataType::SmallInt(None) => Target::Whole(16),
        DataType::Int(None) | DataType::Integer(None) => Target::Whole(32),
        DataType::BigInt(None) | DataType::Signed => Target::Whole(64),
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision => {
            Target::Kind(Kind::Double)
        }
        DataType::Boolean | DataType::Bool => Target::Kind(Kind::Boolean),
        DataType::Date => Target::Kind(Kind::Date),
        DataType::Datetime(None) | DataType::Timestamp(None, _) => Target::Kind(Kind::Datetime),
        DataType::Decimal(info) | DataType::Numeric(info) => {
            let (digits, scale) = match info {
                ExactNumberInfo::None => return Ok(Target::Kind(Kind::Number)),
                ExactNumberInfo::Precision(digits) => (*digits, 0),
                ExactNumberInfo::PrecisionAndScale(digits, scale) => (*digits, *scale),
            };
            match (u32::try_from(digits), u32::try_from(scale)) {
                (Ok(digits @ 1..=MOST_DIGITS), Ok(scale)) if scale <= digits => {
                    Target::Decimal(digits, scale)
                }
                _ => {
                    return Err(wrong(
                        expr,
                        format!(
                            "a decimal has 1 to {MOST_DIGITS} digits, and no more of them behind the point"
                        ),
                    ));
                }
            }
        }
        other => {
            return Err(wrong(expr, format!("no CAST to {other}")).advise(
                "CAST knows TEXT, SMALLINT, INTEGER, BIGINT, DECIMAL(p,s), DOUBLE, BOOLEAN, DATE and DATETIME",
            ));
        }
    })
}

/// What a CAST gives, if it can be done at all.
pub(super) fn castable(from: Kind, to: Target) -> Option<Kind> {
    let result = match to {
        Target::Kind(kind) => kind,
        Target::Whole(_) | Target::Decimal(..) => Kind::Number,
    };
    let can = match (from, result) {
        (Kind::Binary, _) => false,
        (Kind::Null | Kind::Text, _) | (_, Kind::Text) => true,
        (Kind::Number | Kind::Double, Kind::Number | Kind::Double) => true,
        (Kind::Number | Kind::Boolean, Kind::Boolean) => true,
        (Kind::Boolean, Kind::Number) => true,
        (Kind::Date | Kind::Datetime, Kind::Date | Kind::Datetime) => true,
        _ => false,
    };
    can.then_some(result)
}

#[cold]
pub(super) fn uncast(from: Kind, to: Target) -> Error {
    let to = match to {
        Target::Kind(kind) => kind.name().to_owned(),
        Target::Whole(bits) => format!("whole number of {bits} bits"),
        Target::Decimal(digits, scale) => format!("decimal({digits},{scale})"),
    };
    Error::data(format!("a {} that no {to} can be made of", from.name()))
        .advise("TRY_CAST gives NULL instead")
}

/// The value as that type; `None` when it cannot be held there.
pub(super) fn cast<'a>(value: Value<'a>, from: Kind, to: Target) -> Option<Value<'a>> {
    let exact = |value: Value| match value {
        Value::Exact(number) => Some(number),
        Value::Double(number) => Number::parse(&number.to_string()),
        Value::Boolean(truth) => Some(i64::from(truth).into()),
        Value::Text(text) => Number::parse(&text),
        _ => None,
    };
    if matches!(value, Value::Null) {
        return Some(Value::Null);
    }
    match to {
        Target::Whole(bits) => {
            let whole = exact(value)?.rounded(0).ok()?;
            let limit = Number::Small(1i128.checked_shl(bits - 1)?, 0);
            let fits = whole.order(&limit).is_lt() && whole.order(&limit.negated()).is_ge();
            fits.then_some(Value::Exact(whole))
        }
        Target::Decimal(digits, scale) => {
            let number = exact(value)?.at_scale(scale).ok()?;
            number.fits(digits).then_some(Value::Exact(number))
        }
        Target::Kind(Kind::Text) => value.into_text(from).map(Value::Text),
        Target::Kind(kind) => match (value, kind) {
            (Value::Text(text), Kind::Date) => {
                Some(Value::Moment(moment::day(moment::parse(&text, true)?)))
            }
            (Value::Text(text), _) => kind.read(text),
            (Value::Moment(packed), Kind::Date) => Some(Value::Moment(moment::day(packed))),
            (Value::Moment(packed), Kind::Datetime) => Some(Value::Moment(packed)),
            (Value::Boolean(truth), Kind::Boolean) => Some(Value::Boolean(truth)),
            (Value::Exact(number), Kind::Boolean) => Some(Value::Boolean(!number.is_zero())),
            (value, Kind::Number) => exact(value).map(Value::Exact),
            (value, Kind::Double) => value.as_f64().map(Value::Double),
            _ => None,
        },
    }
}
