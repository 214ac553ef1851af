//! Time zones by name, from a data base inside the program, so that every machine gives the same
//! rows. Uses `jiff`. Warm: a minute's answer is kept.

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{Civil, Micros};

/// A zone: UTC, a fixed offset, or a name with its history.
#[derive(Debug, Clone)]
pub struct Zone {
    kind: Kind,
    /// The minute asked for last, as if UTC, and how much to take off.
    last: Option<(i64, i64)>,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Seconds east of Greenwich.
    Fixed(i32),
    Named(TimeZone),
}

const MINUTE: i64 = 60_000_000;

impl Zone {
    /// UTC.
    pub fn utc() -> Self {
        Self { kind: Kind::Fixed(0), last: None }
    }

    /// `UTC`, `Z`, `+01:00`, or a name such as `Europe/Berlin`; `None` for what is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let mut cursor = super::format::Cursor { bytes: text.as_bytes(), at: 0 };
        let kind = match cursor.offset() {
            Some(seconds) if cursor.at == text.len() => Kind::Fixed(seconds),
            _ if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("gmt") => {
                Kind::Fixed(0)
            }
            _ => Kind::Named(TimeZoneDatabase::bundled().get(text).ok()?),
        };
        Some(Self { kind, last: None })
    }

    /// The moment of a local time. Of the hour that comes twice in autumn the first is taken; a time
    /// that spring skips is read with the offset from before, so it lies behind the gap.
    pub fn moment(&mut self, local: &Civil) -> Option<Micros> {
        let as_utc = local.micros();
        let zone = match &self.kind {
            Kind::Fixed(seconds) => return Some(as_utc - i64::from(*seconds) * 1_000_000),
            Kind::Named(zone) => zone,
        };
        let minute = as_utc.div_euclid(MINUTE);
        if let Some((known, shift)) = self.last
            && known == minute
        {
            return Some(as_utc - shift);
        }
        let number = |value: u8| i8::try_from(value).ok();
        let date = DateTime::new(
            i16::try_from(local.year).ok()?,
            number(local.month)?,
            number(local.day)?,
            number(local.hour)?,
            number(local.minute)?,
            0,
            0,
        );
        let start = zone.to_ambiguous_timestamp(date.ok()?).compatible().ok()?.as_microsecond();
        let shift = minute * MINUTE - start;
        // Before 1970 offsets had seconds and could change inside a minute: near enough there.
        self.last = Some((minute, shift));
        Some(as_utc - shift)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{push_stamp, read_stamp};
    use super::*;

    fn moment(zone: &str, local: &str) -> String {
        let local = Civil::of(read_stamp(local).unwrap()).unwrap();
        let mut out = Vec::new();
        push_stamp(&mut out, Zone::parse(zone).unwrap().moment(&local).unwrap());
        String::from_utf8(out).unwrap()[..19].to_owned()
    }

    #[test]
    fn zones_have_summer() {
        for (zone, local, utc) in [
            ("UTC", "2026-07-01 12:00:00", "2026-07-01 12:00:00"),
            ("+05:30", "2026-07-01 12:00:00", "2026-07-01 06:30:00"),
            ("-0800", "2026-07-01 12:00:00", "2026-07-01 20:00:00"),
            ("Europe/Berlin", "2026-07-01 12:00:00", "2026-07-01 10:00:00"),
            ("Europe/Berlin", "2026-01-01 12:00:00", "2026-01-01 11:00:00"),
            ("America/St_Johns", "2026-01-01 12:00:00", "2026-01-01 15:30:00"),
            // Twice, and never.
            ("Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25 00:30:00"),
            ("Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29 01:30:00"),
        ] {
            assert_eq!(moment(zone, local), utc, "{zone} {local}");
        }
        assert!(Zone::parse("Europe/Nowhere").is_none() && Zone::parse("").is_none());
    }

    #[test]
    fn the_minute_kept_does_not_answer_for_another() {
        let mut zone = Zone::parse("Europe/Berlin").unwrap();
        let mut shift = |text: &str| {
            let local = Civil::of(read_stamp(text).unwrap()).unwrap();
            (local.micros() - zone.moment(&local).unwrap()) / 3_600_000_000
        };
        let texts = ["2026-03-29 01:59:59", "2026-03-29 03:00:00", "2026-03-29 01:59:01"];
        assert_eq!(texts.map(&mut shift), [1, 2, 1]);
    }
}
