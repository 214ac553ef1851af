//! The operator timestamp: times in any format as UTC. Uses `rule`. Hot.

use super::{Context, Operator, Spec, TOO_LARGE, Verdict};
use crate::rule::cells::{Cell, Row, Work};
use crate::rule::read::{Fault, Keys, Placed};
use crate::rule::scope::Scope;
use crate::rule::time::{Format, Reference, Zone, push_stamp};

/// The row.
pub const SPEC: Spec = Spec {
    name: "timestamp",
    summary: "Rewrites a time as YYYY-MM-DD HH:MM:SS.ffffff in UTC. Formats are those of TIMES. A time that \
              no format fits drops the row.",
    keys: &[
        ("cell", "The cell. [0]"),
        ("format", "The format, or a list, of which the first that fits counts."),
        ("zone", "The zone of times without an offset: a name, UTC or +01:00. [that of the file]"),
        ("year", "The year of times without one. [the last year that is not in the future]"),
        ("optional", "true: a time that does not fit is NULL and the row goes on. [false]"),
    ],
    example: "{ op = \"timestamp\", cell = \"time\", format = \"%d/%b/%Y:%H:%M:%S %z\" }",
    difference: "",
    compile,
};

struct Timestamp {
    scope: Scope,
    formats: Vec<Format>,
    zone: Zone,
    /// The end of the year that is said.
    year: Option<Reference>,
    optional: bool,
    /// Whether the same text means the same time in every record.
    steady: bool,
    /// The text seen last and what it became: lines of one second are many.
    last: (String, Vec<u8>),
}

fn compile(keys: &Keys, context: &mut Context) -> Placed<Box<dyn Operator>> {
    let fault = |key: &str, text: String| Fault::new(keys.place(key), text);
    let texts = keys.need_texts("format")?;
    let formats: Placed<Vec<_>> = texts
        .iter()
        .map(|text| Format::parse(text).map_err(|text| fault("format", text)))
        .collect();
    let zone = match keys.text("zone")? {
        None => context.zone.clone(),
        Some(name) => Zone::parse(&name).ok_or_else(|| {
            fault("zone", format!("'{name}' is no time zone: Europe/Berlin, UTC, +01:00"))
        })?,
    };
    let formats = formats?;
    let year = match keys.number("year", 1970, 9999)? {
        None => None,
        Some(_) if formats.iter().all(Format::has_year) => {
            return Err(fault("year", "the format says the year".into()));
        }
        // A day before the end, because a reference allows a day of the future.
        Some(year) => crate::rule::time::read_stamp(&format!("{year:04}-12-30 23:59:59.999999"))
            .map(Reference),
    };
    let (scope, optional) = (context.one(keys)?, keys.truth("optional")?);
    let steady = year.is_some() || formats.iter().all(Format::has_year);
    let last = (String::new(), Vec::new());
    Ok(Box::new(Timestamp { scope, formats, zone, year, optional, steady, last }))
}

impl Operator for Timestamp {
    fn apply(&mut self, row: &mut Row, work: &mut Work) -> Verdict {
        let Some(at) = self.scope.one(row) else { return Verdict::Drop("the cell is not there") };
        let Some(cell) = row.get(at).copied() else { return Verdict::Keep };
        let Some(text) = work.text(cell) else {
            return if self.optional { Verdict::Keep } else { Verdict::Drop("the time is NULL") };
        };
        let known = self.steady && text == self.last.0;
        if !known {
            let near = self.year.unwrap_or(Reference(work.near));
            let zone = &mut self.zone;
            let found = self.formats.iter().find_map(|format| format.read(text, zone, near));
            self.last.0.clear();
            self.last.1.clear();
            if let Some(moment) = found {
                self.last.0.push_str(text);
                push_stamp(&mut self.last.1, moment);
            }
        }
        let made = match std::str::from_utf8(&self.last.1).unwrap_or_default() {
            "" if !self.optional => return Verdict::Drop("the time does not fit the format"),
            "" => Cell::NULL,
            stamp => match work.push(stamp) {
                Some(made) => made,
                None => return TOO_LARGE,
            },
        };
        if let Some(slot) = row.get_mut(at) {
            *slot = made.named(cell.name);
        }
        Verdict::Keep
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{apply, compile, one};
    use crate::rule::file::Format;

    #[test]
    fn times_become_utc() {
        let line =
            "{ op = \"timestamp\", format = [\"HTTPDATE\", \"LOG4J\"], zone = \"Europe/Berlin\" }";
        let time = |text: &str| one(line, &[text]).remove(0);
        assert_eq!(time("21/Nov/2026:02:02:03 +0100"), "2026-11-21 01:02:03.000000");
        assert_eq!(time("2026-07-21 02:02:03,5"), "2026-07-21 00:02:03.500000");
        assert!(apply(line, &["yesterday"]).is_err());
        assert!(apply(line, &[""]).is_err());
        let line = "{ op = \"timestamp\", format = \"LOG4J\", optional = true }";
        assert_eq!(one(line, &["yesterday", "x"]), ["NULL", "x"]);
    }

    #[test]
    fn a_year_can_be_said() {
        let line = "{ op = \"timestamp\", format = \"SYSLOG\", year = 2019 }";
        assert_eq!(one(line, &["Dec 31 23:59:59"]), ["2019-12-31 23:59:59.000000"]);
        assert_eq!(one(line, &["Jan  1 00:00:00"]), ["2019-01-01 00:00:00.000000"]);
        for wrong in [
            "{ op = \"timestamp\", format = \"LOG4J\", year = 2019 }",
            "{ op = \"timestamp\", format = \"%H\" }",
            "{ op = \"timestamp\", format = \"LOG4J\", zone = \"Mars\" }",
            "{ op = \"timestamp\" }",
        ] {
            assert!(compile(wrong, Format::Text).is_err(), "{wrong}");
        }
    }
}
