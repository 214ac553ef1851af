//! HOT. Moments moved by intervals, cut to units and counted in them. Uses `expr`.

use super::calendar::{SECOND, days, month_length, packed, weekday};
use super::moment::{self, DAY, Part, part};
use super::number::Number;

/// A unit of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Year,
    Quarter,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Microsecond,
}

impl Unit {
    /// Reads a name, singular or plural, any case.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.strip_suffix('s').unwrap_or(&name) {
            "year" => Self::Year,
            "quarter" => Self::Quarter,
            "month" => Self::Month,
            "week" => Self::Week,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            "microsecond" => Self::Microsecond,
            _ => return None,
        })
    }

    /// Whether a date moved by it is a date.
    pub(super) fn is_whole_days(self) -> bool {
        self.months().is_some() || matches!(self, Self::Week | Self::Day)
    }

    fn months(self) -> Option<i64> {
        match self {
            Self::Year => Some(12),
            Self::Quarter => Some(3),
            Self::Month => Some(1),
            _ => None,
        }
    }

    fn micros(self) -> i64 {
        match self {
            Self::Week => 7 * DAY,
            Self::Day => DAY,
            Self::Hour => 3600 * SECOND,
            Self::Minute => 60 * SECOND,
            Self::Second => SECOND,
            _ => 1,
        }
    }
}

/// The moment so many units later; `None` where no calendar has the one or the other. In months, a
/// day that the month does not have becomes its last.
pub(super) fn shifted(from: i64, amount: &Number, unit: Unit) -> Option<i64> {
    let (day, micros) = days(from)?;
    let Some(months) = unit.months() else {
        // Only seconds may have a fraction.
        let amount = if unit == Unit::Second { amount.clone() } else { amount.rounded(0).ok()? };
        let moved = amount.multiply(&Number::from(unit.micros())).ok()?.rounded(0).ok()?;
        let moved = moved.as_i64()?;
        return packed(day.checked_add(moved.div_euclid(DAY))?, micros + moved.rem_euclid(DAY));
    };
    let moved = amount.rounded(0).ok()?.as_i64()?.checked_mul(months)?;
    let month = (part(from, Part::Year) * 12 + part(from, Part::Month) - 1).checked_add(moved)?;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
    let day = part(from, Part::Day).min(month_length(year, month));
    moment::packed(year, month, day, micros)
}

/// The start of the unit that a moment is in; weeks begin on Monday.
pub(super) fn cut(moment: i64, unit: Unit) -> Option<i64> {
    let (day, micros) = days(moment)?;
    let (year, month) = (part(moment, Part::Year), part(moment, Part::Month));
    match unit {
        Unit::Year => moment::packed(year, 1, 1, 0),
        Unit::Quarter => moment::packed(year, (month - 1) / 3 * 3 + 1, 1, 0),
        Unit::Month => moment::packed(year, month, 1, 0),
        Unit::Week => packed(day - weekday(day) + 1, 0),
        unit => packed(day, micros - micros % unit.micros()),
    }
}

/// How many starts of the unit lie between two moments, below 0 when `to` is the earlier one.
pub(super) fn between(from: i64, to: i64, unit: Unit) -> Option<i64> {
    if let Some(months) = unit.months() {
        let number = |moment| {
            days(moment)?;
            Some((part(moment, Part::Year) * 12 + part(moment, Part::Month) - 1) / months)
        };
        return Some(number(to)? - number(from)?);
    }
    let number = |moment| {
        let (day, micros) = days(moment)?;
        Some(match unit {
            Unit::Week => (day - weekday(day) + 1).div_euclid(7),
            unit => day * (DAY / unit.micros()) + micros / unit.micros(),
        })
    };
    Some(number(to)? - number(from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        moment::parse(text, true).unwrap()
    }

    #[test]
    fn moments_move() {
        for (from, amount, unit, to) in [
            ("2024-01-31 10:00:00", "1", "month", Some("2024-02-29 10:00:00")),
            ("2024-02-29 00:00:00", "-1", "YEARS", Some("2023-02-28 00:00:00")),
            ("2024-12-31 23:59:59.5", "0.5", "second", Some("2025-01-01 00:00:00")),
            ("2024-03-01 00:00:00", "-1", "microsecond", Some("2024-02-29 23:59:59.999999")),
            ("2024-03-01 00:00:00", "100000", "hours", Some("2035-07-28 16:00:00")),
            ("9999-12-31 00:00:00", "1", "day", None),
            ("0000-00-00 00:00:00", "1", "day", None),
            ("2024-01-01 00:00:00", "99999999999999999999", "day", None),
        ] {
            let found =
                shifted(at(from), &Number::parse(amount).unwrap(), Unit::parse(unit).unwrap());
            assert_eq!(found, to.map(at), "{from} {amount} {unit}");
        }
    }

    #[test]
    fn units_are_cut_and_counted() {
        for (unit, start, count) in [
            ("year", "2026-01-01 00:00:00", 1),
            ("quarter", "2026-10-01 00:00:00", 7),
            ("month", "2026-11-01 00:00:00", 22),
            ("week", "2026-11-16 00:00:00", 97),
            ("day", "2026-11-21 00:00:00", 680),
            ("hour", "2026-11-21 12:00:00", 16_313),
            ("second", "2026-11-21 12:34:56", 58_725_297),
        ] {
            let unit = Unit::parse(unit).unwrap();
            let noon = at("2026-11-21 12:34:56.789");
            assert_eq!(cut(noon, unit), Some(at(start)));
            assert_eq!(between(at("2025-01-10 19:59:59.9"), noon, unit), Some(count), "{unit:?}");
            assert_eq!(between(noon, at("2025-01-10 19:59:59.9"), unit), Some(-count));
        }
    }
}
