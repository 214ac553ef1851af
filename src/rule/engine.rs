//! HOT. The engine: a record through the groups of the tables, to rows. Uses `rule`, `ums`, `error`.
//!
//! What comes out has no ids yet: records are worked on by several threads, and ids are given in the
//! order of the records (`rule::ids`).

use super::cells::{MOST_CELLS, Names, Row, Work};
use super::column::Save;
use super::file::{Format, Group, Rules};
use super::json;
use super::op::Verdict;
use super::time::Micros;
use super::wrap;
use crate::error::Result;
use crate::ums::Decoder;
use crate::ums::json::push_string;

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A table of the rules, by its index.
    Table(u16),
    /// `_unknown_`; its cells are the record and the reason.
    Unknown,
    /// No row: a heartbeat of the source, its cells the record's text as JSON.
    Heartbeat,
    /// No row: a whole message that passes on as it is.
    Message,
}

/// One row, its cells as JSON with a comma before each.
#[derive(Debug, Clone, Copy)]
pub struct MadeRow {
    /// Where it belongs.
    pub to: To,
    /// The record's own time.
    pub time: Option<Micros>,
    /// The host's name in `Made::bytes`; none where it is that of the rules.
    pub host: Option<(usize, usize)>,
    /// The cells in `Made::bytes`.
    pub cells: (usize, usize),
    /// Whether a new record begins with it: rows of one record share an id.
    pub first: bool,
}

/// What came out of some records.
#[derive(Debug, Default)]
pub struct Made {
    /// Cells and hosts.
    pub bytes: Vec<u8>,
    /// The rows, in the order of the records.
    pub rows: Vec<MadeRow>,
}

impl Made {
    /// Empties it, keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.rows.clear();
    }

    /// Bytes at a span of a row.
    pub fn at(&self, span: (usize, usize)) -> &[u8] {
        self.bytes.get(span.0..span.1).unwrap_or_default()
    }
}

/// What happened to the records that a group saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that made rows.
    pub matched: u64,
    /// Those rows.
    pub rows: u64,
    /// Records that it is not for.
    pub missed: u64,
    /// Records on which an operator failed.
    pub failed: u64,
    /// Records with a cell that a column rejects.
    pub rejected: u64,
}

/// What happened to all records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Records read.
    pub records: u64,
    /// Those that no group matched.
    pub unmatched: u64,
    /// Those that a column rejected.
    pub rejected: u64,
    /// Those with bytes that are no UTF-8, which became U+FFFD.
    pub mended: u64,
    /// By table and group, in the order of the rules.
    pub groups: Vec<Vec<Counts>>,
}

impl Report {
    /// Adds what another thread has counted.
    pub fn add(&mut self, other: &Report) {
        self.records += other.records;
        self.unmatched += other.unmatched;
        self.rejected += other.rejected;
        self.mended += other.mended;
        if self.groups.is_empty() {
            self.groups.clone_from(&other.groups);
            return;
        }
        let pairs = self.groups.iter_mut().flatten().zip(other.groups.iter().flatten());
        for (own, other) in pairs {
            own.matched += other.matched;
            own.rows += other.rows;
            own.missed += other.missed;
            own.failed += other.failed;
            own.rejected += other.rejected;
        }
    }
}

/// How a group ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End<'e> {
    /// It made so many rows.
    Rows(usize),
    /// It is not for this record: why.
    Missed(&'e str),
    /// An operator failed: why.
    Failed(&'e str),
    /// A column rejects the record: which, or the time.
    Rejected(&'e str),
}

/// Somebody who looks on while a record is worked on.
pub trait Watch {
    /// A group begins, with the record as its only cell.
    fn begin(&mut self, _table: &str, _group: &str) {}
    /// The rows after an operator, counted from 1.
    fn rows(
        &mut self,
        _number: usize,
        _operator: &str,
        _rows: &[Row],
        _work: &Work,
        _names: &Names,
    ) {
    }
    /// The group ended.
    fn end(&mut self, _end: End) {}
}

/// Nobody looks on.
impl Watch for () {}

/// The rules at work.
pub struct Engine {
    rules: Rules,
    work: Work,
    rows: Vec<Row>,
    next: Vec<Row>,
    spare: Vec<Row>,
    decoder: Decoder,
    report: Report,
}

impl Engine {
    /// An engine for one thread.
    pub fn new(rules: Rules) -> Self {
        let zero = |table: &super::file::Table| vec![Counts::default(); table.groups.len()];
        let groups = rules.tables.iter().map(zero).collect();
        Self {
            rules,
            work: Work::default(),
            rows: Vec::new(),
            next: Vec::new(),
            spare: Vec::new(),
            decoder: Decoder::default(),
            report: Report { groups, ..Report::default() },
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What has been counted.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What times without a year are near to, in microseconds since 1970.
    pub fn set_near(&mut self, near: Micros) {
        self.work.near = near;
    }

    /// Works on one record and appends what it makes. `bytes` may be anything; what is no UTF-8 becomes
    /// U+FFFD and is counted.
    ///
    /// # Errors
    /// `Data` for input of the format `ums` that is no message.
    pub fn take<W: Watch>(&mut self, bytes: &[u8], made: &mut Made, watch: &mut W) -> Result<()> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.take_text(text, made, watch),
            Err(_) => {
                self.report.mended += 1;
                self.take_text(&String::from_utf8_lossy(bytes), made, watch)
            }
        }
    }

    fn take_text<W: Watch>(&mut self, text: &str, made: &mut Made, watch: &mut W) -> Result<()> {
        match self.rules.format {
            Format::Text => self.record(text, text, made, watch),
            Format::Ums => return self.message(text, made, watch),
            Format::Json | Format::Logstash | Format::Flume | Format::Filebeat => {
                if wrap::is_heartbeat(text) {
                    let start = made.bytes.len();
                    push_string(&mut made.bytes, text);
                    put(made, To::Heartbeat, None, None, start, false);
                } else if self.rules.format == Format::Filebeat && json::check(text) {
                    let opened = wrap::open_one_level(text);
                    self.record(opened.as_deref().unwrap_or(text), text, made, watch);
                } else {
                    self.record(text, text, made, watch);
                }
            }
        }
        Ok(())
    }

    /// The rows of a message become records.
    fn message<W: Watch>(&mut self, line: &str, made: &mut Made, watch: &mut W) -> Result<()> {
        let message = self.decoder.decode(line.as_bytes())?;
        if !message.protocol.is_data() {
            let start = made.bytes.len();
            made.bytes.extend_from_slice(line.as_bytes());
            made.bytes.push(b'\n');
            put(made, To::Message, None, None, start, false);
            return Ok(());
        }
        let schema = &message.header.schema;
        let (mut cells, mut records) = (Vec::new(), Vec::new());
        for row in message.rows() {
            row?.split(schema.fields.len(), &mut cells)?;
            let mut json = Vec::from(b"{");
            for (field, cell) in schema.fields.iter().zip(&cells) {
                push_string(&mut json, &field.name);
                json.push(b':');
                cell.push_json(&mut json);
                json.push(b',');
            }
            json.extend_from_slice(b"\"namespace\":");
            push_string(&mut json, &schema.namespace.to_string());
            json.push(b'}');
            records.push(String::from_utf8_lossy(&json).into_owned());
        }
        for record in records {
            self.record(&record, &record, made, watch);
        }
        Ok(())
    }

    /// One record through the groups; `raw` is how it came.
    fn record<W: Watch>(&mut self, text: &str, raw: &str, made: &mut Made, watch: &mut W) {
        self.report.records += 1;
        let begin = made.rows.len();
        let mut rejected = None;
        let Self { rules, work, rows, next, spare, report, .. } = self;
        'tables: for (at, table) in rules.tables.iter_mut().enumerate() {
            for (number, group) in table.groups.iter_mut().enumerate() {
                watch.begin(&table.name, &group.name);
                spare.append(rows);
                let first = work.begin(text);
                let mut row = spare.pop().unwrap_or_default();
                row.clear();
                row.push(first);
                rows.push(row);
                let mut end = operate(group, rows, next, spare, work, &rules.names, watch);
                if let End::Rows(_) = end {
                    let index = u16::try_from(at).unwrap_or(u16::MAX);
                    let start = (made.bytes.len(), made.rows.len());
                    end = save(&mut group.save, rows, work, rules.format, text, index, made);
                    if let End::Rejected(_) = end {
                        made.bytes.truncate(start.0);
                        made.rows.truncate(start.1);
                    }
                }
                let counts = report.groups.get_mut(at).and_then(|groups| groups.get_mut(number));
                if let Some(counts) = counts {
                    count(counts, end);
                }
                watch.end(end);
                match end {
                    End::Rows(_) if !rules.all => break 'tables,
                    // A record that belongs here but does not fit is for no other group to guess at.
                    End::Rejected(what) => {
                        rejected.get_or_insert_with(|| {
                            format!("table {}, group {}: {what}", table.name, group.name)
                        });
                        if !rules.all {
                            break 'tables;
                        }
                    }
                    _ => {}
                }
            }
        }
        if let Some(reason) = &rejected {
            report.rejected += 1;
            unknown(text, raw, reason, rules.format, made);
        } else if made.rows.len() == begin {
            report.unmatched += 1;
            unknown(text, raw, "no group matches", rules.format, made);
        }
        if let Some(row) = made.rows.get_mut(begin) {
            row.first = true;
        }
    }
}

/// The rows of a record through the operators of a group.
fn operate<'e, W: Watch>(
    group: &mut Group,
    rows: &mut Vec<Row>,
    next: &mut Vec<Row>,
    spare: &mut Vec<Row>,
    work: &mut Work,
    names: &Names,
    watch: &mut W,
) -> End<'e> {
    for (number, (name, operator)) in group.operators.iter_mut().enumerate() {
        // Nearly always there is one row, and it stays one.
        if let [row] = rows.as_mut_slice() {
            match operator.apply(row, work) {
                Verdict::Keep if work.more.is_empty() => {}
                Verdict::Keep => rows.append(&mut work.more),
                Verdict::Drop(reason) => {
                    work.more.clear();
                    spare.append(rows);
                    watch.rows(number + 1, name, rows, work, names);
                    return End::Missed(reason);
                }
                Verdict::Fail(reason) => {
                    work.more.clear();
                    return End::Failed(reason);
                }
            }
            if rows.len() > MOST_CELLS {
                return End::Failed("the record makes too many rows");
            }
            watch.rows(number + 1, name, rows, work, names);
            continue;
        }
        let mut why = "there is no row";
        for mut row in rows.drain(..) {
            match operator.apply(&mut row, work) {
                Verdict::Keep => {
                    next.push(row);
                    next.append(&mut work.more);
                }
                Verdict::Drop(reason) => {
                    why = reason;
                    work.more.clear();
                    spare.push(row);
                }
                Verdict::Fail(reason) => {
                    work.more.clear();
                    next.clear();
                    return End::Failed(reason);
                }
            }
            if next.len() > MOST_CELLS {
                next.clear();
                return End::Failed("the record makes too many rows");
            }
        }
        std::mem::swap(rows, next);
        watch.rows(number + 1, name, rows, work, names);
        if rows.is_empty() {
            return End::Missed(why);
        }
    }
    End::Rows(rows.len())
}

fn save<'g>(
    saved: &'g mut Save,
    rows: &[Row],
    work: &Work,
    format: Format,
    text: &str,
    table: u16,
    made: &mut Made,
) -> End<'g> {
    for row in rows {
        let Ok(time) = saved.time(row, work) else {
            return End::Rejected("the cell of time holds no time");
        };
        let time = time.or_else(|| wrap::time(format, text));
        let host = match saved.host(row, work) {
            Some(host) => put_host(host, made),
            None => wrap::host(format, text).and_then(|host| put_host(&host, made)),
        };
        let start = made.bytes.len();
        if let Err(column) = saved.write(row, work, &mut made.bytes) {
            return End::Rejected(saved.columns.get(column).map_or("", |column| &column.name));
        }
        put(made, To::Table(table), time, host, start, false);
    }
    End::Rows(rows.len())
}

fn put_host(host: &str, made: &mut Made) -> Option<(usize, usize)> {
    let start = made.bytes.len();
    made.bytes.extend_from_slice(host.as_bytes());
    Some((start, made.bytes.len()))
}

fn put(
    made: &mut Made,
    to: To,
    time: Option<Micros>,
    host: Option<(usize, usize)>,
    start: usize,
    first: bool,
) {
    let cells = (start, made.bytes.len());
    made.rows.push(MadeRow { to, time, host, cells, first });
}

/// The row of a record that no table takes.
fn unknown(text: &str, raw: &str, reason: &str, format: Format, made: &mut Made) {
    let time = wrap::time(format, text);
    let host = wrap::host(format, text).and_then(|host| put_host(&host, made));
    let start = made.bytes.len();
    made.bytes.push(b',');
    push_string(&mut made.bytes, raw);
    made.bytes.push(b',');
    push_string(&mut made.bytes, reason);
    put(made, To::Unknown, time, host, start, false);
}

fn count(counts: &mut Counts, end: End) {
    match end {
        End::Rows(rows) => {
            counts.matched += 1;
            counts.rows += rows as u64;
        }
        End::Missed(_) => counts.missed += 1,
        End::Failed(_) => counts.failed += 1,
        End::Rejected(_) => counts.rejected += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
source = "s"
[[table]]
name = "numbers"
[[table.group]]
name = "small"
operators = [
    { op = "filter", cells = 0, matches = '^\d\D' },
    { op = "saveAs", columns = [{ name = "n", type = "int", cell = 0 }] },
]
[[table.group]]
name = "large"
operators = [
    { op = "filter", cells = 0, matches = '^\d+$' },
    { op = "saveAs", columns = [{ name = "n", type = "int", cell = 0 }] },
]
[[table]]
name = "texts"
[[table.group]]
name = "json"
operators = [
    { op = "flattenJsonArray" },
    { op = "saveAs", columns = [{ name = "t", type = "string", cell = 0 }] },
]
[[table.group]]
name = "any"
operators = [
    { op = "filter", cells = 0, equals = "?", not = true },
    { op = "saveAs", columns = [{ name = "t", type = "string", cell = 0 }] },
]
"#;

    /// What each record becomes: tables and cells.
    fn run(rules: &str, records: &[&[u8]]) -> (Vec<String>, Report) {
        let mut engine = Engine::new(Rules::parse(rules, "f").unwrap());
        let mut all = Vec::new();
        for record in records {
            let mut made = Made::default();
            engine.take(record, &mut made, &mut ()).unwrap();
            assert!(made.rows.iter().enumerate().all(|(at, row)| row.first == (at == 0)));
            let one = |row: &MadeRow| {
                let table = match row.to {
                    To::Table(at) => engine.rules().tables[usize::from(at)].name.clone(),
                    other => format!("{other:?}"),
                };
                format!("{table}{}", String::from_utf8_lossy(made.at(row.cells)))
            };
            all.push(made.rows.iter().map(one).collect::<Vec<_>>().join(" "));
        }
        (all, engine.report().clone())
    }

    const RECORDS: [&[u8]; 5] = [b"17", b"5x", b"[1,2]", b"?", b"a\xffb"];

    #[test]
    fn the_first_group_that_matches_makes_the_rows() {
        let (made, report) = run(RULES, &RECORDS);
        assert_eq!(
            made,
            [
                "numbers,17",
                "Unknown,\"5x\",\"table numbers, group small: n\"",
                "texts,\"1\" texts,\"2\"",
                "Unknown,\"?\",\"no group matches\"",
                "texts,\"a\u{fffd}b\"",
            ]
        );
        let counts = |matched, rows, missed, failed, rejected| Counts {
            matched,
            rows,
            missed,
            failed,
            rejected,
        };
        assert_eq!(
            (report.records, report.unmatched, report.rejected, report.mended),
            (5, 1, 1, 1)
        );
        assert_eq!(report.groups[0], [counts(0, 0, 4, 0, 1), counts(1, 1, 3, 0, 0)]);
        assert_eq!(report.groups[1], [counts(1, 2, 0, 2, 0), counts(1, 1, 1, 0, 0)]);
        let mut twice = report.clone();
        twice.add(&report);
        assert_eq!((twice.records, twice.groups[1][0].rows), (10, 4));
    }

    #[test]
    fn every_group_may_make_rows() {
        let rules = format!("match = \"all\"\n{RULES}");
        let (made, report) = run(&rules, &RECORDS);
        assert_eq!(made[0], "numbers,17 texts,\"17\"");
        // What one table rejects another may still take, and it is known that one did.
        assert_eq!(made[1], "texts,\"5x\" Unknown,\"5x\",\"table numbers, group small: n\"");
        assert_eq!(made[2], "texts,\"1\" texts,\"2\" texts,\"[1,2]\"");
        assert_eq!((report.unmatched, report.rejected), (1, 1));
    }

    #[test]
    fn rows_of_messages_become_records_and_heartbeats_pass() {
        let rules = RULES.replace("source = \"s\"", "source = \"s\"\nformat = \"ums\"");
        let mut engine = Engine::new(Rules::parse(&rules, "f").unwrap());
        let message = br#"{"protocol":{"type":"data_increment_data"},"schema":{"namespace":"a.b.c.d.0.0.0","fields":[{"name":"n","type":"int"},{"name":"s","type":"string"}]},"payload":[{"tuple":[1,"x\"y"]},{"tuple":[null,"z"]}]}"#;
        let heartbeat = br#"{"protocol":{"type":"data_increment_heartbeat"},"schema":{"namespace":"a.b.*.*.*.*.*","fields":[]},"payload":[]}"#;
        let mut made = Made::default();
        for line in [&message[..], heartbeat] {
            engine.take(line, &mut made, &mut ()).unwrap();
        }
        let cells: Vec<_> =
            made.rows.iter().map(|row| String::from_utf8_lossy(made.at(row.cells))).collect();
        assert_eq!(cells[0], r#","{\"n\":1,\"s\":\"x\\\"y\",\"namespace\":\"a.b.c.d.0.0.0\"}""#);
        assert_eq!(cells[1], r#","{\"n\":null,\"s\":\"z\",\"namespace\":\"a.b.c.d.0.0.0\"}""#);
        assert_eq!(
            (made.rows[2].to, cells[2].as_bytes()),
            (To::Message, &[heartbeat, &b"\n"[..]].concat()[..])
        );
        assert!(engine.take(b"{", &mut made, &mut ()).is_err());
    }
}
