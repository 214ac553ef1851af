//! HOT once a record. Records become lines: markers are taken out, everything else passes. Uses
//! `ums`.

use crate::ums::{Decoder, Marker, Protocol};

/// How lines of rows begin when one of our commands wrote them: these hold no marker.
const ROWS: [&[u8]; 3] = [
    b"{\"protocol\":{\"type\":\"data_increment_data\"",
    b"{\"protocol\":{\"type\":\"data_initial_data\"",
    b"{\"protocol\":{\"type\":\"data_batch_data\"",
];

/// Takes records apart.
pub(super) struct Cutter {
    /// Lines are not messages, and are not looked into.
    raw: bool,
    decoder: Decoder,
}

impl Cutter {
    pub(super) fn new(raw: bool) -> Self {
        Self { raw, decoder: Decoder::default() }
    }

    /// Appends the lines of a record to `out`, each with a newline, and gives its markers to `met`.
    pub(super) fn take(&mut self, record: &[u8], out: &mut Vec<u8>, mut met: impl FnMut(Marker)) {
        // Most records are one line, and most lines rows.
        let mut rest = record;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            match if self.raw { None } else { self.marker(line) } {
                Some(marker) => met(marker),
                None => {
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
            }
        }
    }

    /// What cannot be read is not ours to judge: whoever takes the lines names it.
    fn marker(&mut self, line: &[u8]) -> Option<Marker> {
        if ROWS.iter().any(|head| line.starts_with(head)) {
            return None;
        }
        let message = self.decoder.decode(line).ok()?;
        if message.protocol != Protocol::Heartbeat {
            return None;
        }
        Marker::read(&message).ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ums::Dialect;

    fn marker() -> Marker {
        Marker {
            kind: "mysql".into(),
            source: "db1".into(),
            id: 5,
            ts: "2026-11-21 01:02:03.000000".into(),
            file: "bin.000001".into(),
            pos: 4,
            gtid: String::new(),
            server: String::new(),
            base: 0,
        }
    }

    fn cut(record: &[u8], raw: bool) -> (String, Vec<Marker>) {
        let (mut out, mut markers) = (Vec::new(), Vec::new());
        Cutter::new(raw).take(record, &mut out, |marker| markers.push(marker));
        (String::from_utf8(out).unwrap(), markers)
    }

    #[test]
    fn one_line_or_many_with_and_without_the_last_newline() {
        for record in ["a\nb", "a\nb\n"] {
            assert_eq!(cut(record.as_bytes(), false).0, "a\nb\n");
        }
        assert_eq!(cut(b"", false).0, "");
        assert_eq!(cut(b"a\n\nb", false).0, "a\n\nb\n");
    }

    #[test]
    fn markers_are_taken_out_in_any_spelling() {
        let mut line = Vec::new();
        marker().write(Dialect::Dws, &mut line);
        let text = String::from_utf8(line).unwrap();
        let upper = text.replace("data_increment_heartbeat", "DATA_INCREMENT_HEARTBEAT");
        let spaced = text.replace("{\"protocol\":", " { \"protocol\" : ");
        for line in [&text, &upper, &spaced] {
            let (rest, markers) = cut(format!("x\n{line}y").as_bytes(), false);
            assert_eq!((rest.as_str(), markers), ("x\ny\n", vec![marker()]), "{line}");
        }
        assert_eq!(cut(text.as_bytes(), true), (text, vec![]));
    }
}
