//! HOT once a record. Records become lines: what concerns all partitions is taken out, everything
//! else passes. Uses `ums`.

use crate::ums::{Decoder, Marker, Protocol};

/// How lines of rows begin when one of our commands wrote them: these hold no marker.
const ROWS: [&[u8]; 3] = [
    b"{\"protocol\":{\"type\":\"data_increment_data\"",
    b"{\"protocol\":{\"type\":\"data_initial_data\"",
    b"{\"protocol\":{\"type\":\"data_batch_data\"",
];

/// What is not passed on as it comes.
pub(super) enum Met<'a> {
    /// A position of a source.
    Marker(Marker),
    /// A line that says that a pull of a table has ended.
    End(&'a [u8]),
}

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

    /// Appends the lines of a record to `out`, each with a newline, and gives others to `met`; gives
    /// the number of lines that were appended.
    pub(super) fn take(
        &mut self,
        record: &[u8],
        out: &mut Vec<u8>,
        mut met: impl FnMut(Met),
    ) -> u64 {
        let mut lines = 0;
        // Most records are one line, and most lines rows.
        let mut rest = record;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            match if self.raw { None } else { self.look(line) } {
                Some(found) => met(found),
                None => {
                    out.extend_from_slice(line);
                    out.push(b'\n');
                    lines += 1;
                }
            }
        }
        lines
    }

    /// What cannot be read is not ours to judge: whoever takes the lines names it.
    fn look<'a>(&mut self, line: &'a [u8]) -> Option<Met<'a>> {
        if ROWS.iter().any(|head| line.starts_with(head)) {
            return None;
        }
        let message = self.decoder.decode(line).ok()?;
        match message.protocol {
            Protocol::Heartbeat => Marker::read(&message).ok()?.map(Met::Marker),
            Protocol::BatchTermination => Some(Met::End(line)),
            _ => None,
        }
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
        Cutter::new(raw).take(record, &mut out, |met| match met {
            Met::Marker(marker) => markers.push(marker),
            Met::End(line) => panic!("{line:?}"),
        });
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
