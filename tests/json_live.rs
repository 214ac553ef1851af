//! Binary JSON as a MySQL server stores it, read from its own binary log, against the text that
//! the same server shows: whole documents, and documents after partial updates.
//!
//! Needs `DWS_TEST_MYSQL_SOCKET` (a socket of MySQL that root may use without a password, the
//! server's log readable as a file) and `DWS_TEST_MYSQL_BIN` (a client program), else it is
//! skipped. With `DWS_TEST_RECORD` set it writes the small documents to `tests/data/json`, which
//! the unit tests read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use dws::mysql::{json, json_diff};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/json/");
const WRITE_ROWS: u8 = 30;
const PARTIAL_UPDATE_ROWS: u8 = 39;

/// Runs a script; rows of text cells. `None` without a server.
fn run(script: &str) -> Option<Vec<Vec<String>>> {
    let (Ok(socket), Ok(client)) =
        (std::env::var("DWS_TEST_MYSQL_SOCKET"), std::env::var("DWS_TEST_MYSQL_BIN"))
    else {
        println!("skipped: DWS_TEST_MYSQL_SOCKET or DWS_TEST_MYSQL_BIN is not set");
        return None;
    };
    let mut child = Command::new(client)
        .args(["--no-defaults", "-uroot", "-N", "-B", "-S", &socket])
        .args(["--default-character-set=utf8mb4", "--max-allowed-packet=256M"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let script = script.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(script.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

/// What a script does, in a log file of its own: `setup` first, then `script`, whose log is read,
/// then the texts of `doc.j` by `id`. Also the rows events' types and bodies behind their heads.
struct Run {
    events: Vec<(u8, Vec<u8>)>,
    texts: BTreeMap<u32, String>,
}

///
/// One at a time: another test's rows would stand in the same log file.
fn logged(database: &str, setup: &str, script: &str) -> Option<Run> {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let rows = run(&format!(
        "DROP DATABASE IF EXISTS {database}; CREATE DATABASE {database}; USE {database};\n\
         SET SESSION binlog_row_image='FULL', binlog_format='ROW';\n\
         CREATE TABLE doc (id INT NOT NULL PRIMARY KEY, j JSON);\n{setup}\n\
         FLUSH BINARY LOGS;\nSELECT 'file', CONCAT(@@log_bin_basename);\n\
         SHOW BINARY LOG STATUS;\n{script}\nFLUSH BINARY LOGS;\n\
         SELECT 'text', id, HEX(CAST(j AS CHAR CHARACTER SET utf8mb4)) FROM doc;\n\
         DROP DATABASE {database};\n"
    ))?;
    let base = rows.iter().find(|row| row[0] == "file").unwrap()[1].clone();
    let status = rows.iter().find(|row| row[0] != "file" && row[0] != "text").unwrap();
    let folder = std::path::Path::new(&base).parent().unwrap();
    let log = std::fs::read(folder.join(&status[0])).unwrap();
    let texts = rows
        .iter()
        .filter(|row| row[0] == "text")
        .map(|row| (row[1].parse().unwrap(), String::from_utf8(unhex(&row[2])).unwrap()))
        .collect();
    let mut events = Vec::new();
    let mut at = 4;
    while at < log.len() {
        let kind = log[at + 4];
        let length = u32::from_le_bytes(log[at + 9..at + 13].try_into().unwrap()) as usize;
        if kind == WRITE_ROWS || kind == PARTIAL_UPDATE_ROWS {
            // Head 19, table id 6, flags 2, extra data at least 2 with its own length; CRC 4.
            let extra = usize::from(u16::from_le_bytes(log[at + 27..at + 29].try_into().unwrap()));
            events.push((kind, log[at + 27 + extra..at + length - 4].to_vec()));
        }
        at += length;
    }
    Some(Run { events, texts })
}

/// Reads `id INT, j JSON` images: null bits, 4 bytes, a length of 4 bytes and the document.
struct Images<'a>(&'a [u8]);

impl<'a> Images<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn image(&mut self) -> (u32, &'a [u8]) {
        assert_eq!(self.take(1)[0] & 3, 0, "no NULLs in these tests");
        let id = self.number();
        let length = self.number() as usize;
        (id, self.take(length))
    }
}

/// A small generator of numbers (xorshift), so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 14] = [
            "a", "Z9", " ", "é", "漢字", "😀", "\\n", "\\\"", "\\\\", "\\u0001", "\\u001f", "/",
            "\u{7F}", "x.y[0]",
        ];
        (0..self.below(6)).map(|_| PIECES[self.below(14) as usize]).collect()
    }

    fn number(&mut self) -> String {
        match self.below(6) {
            0 => self.below(200).to_string(),
            1 => (self.next() as i64 >> self.below(64)).to_string(),
            2 => self.next().to_string(),
            3 => format!("{:e}", (self.next() as i32) as f64 / 10f64.powi(self.below(20) as i32)),
            4 => loop {
                let value = f64::from_bits(self.next());
                if value.is_finite() && value.abs() > 1e-300 {
                    break format!("{value:e}");
                }
            },
            _ => format!("{}.{}", self.next() as i16, self.below(1000)),
        }
    }

    fn json(&mut self, depth: u64) -> String {
        let kinds = if depth == 0 { 5 } else { 8 };
        match self.below(kinds) {
            0 => ["null", "true", "false"][self.below(3) as usize].to_owned(),
            1 | 2 => self.number(),
            3 | 4 => format!("\"{}\"", self.text()),
            5 | 6 => {
                let parts: Vec<_> = (0..self.below(6))
                    .map(|_| format!("\"{}\":{}", self.text(), self.json(depth - 1)))
                    .collect();
                format!("{{{}}}", parts.join(","))
            }
            _ => {
                let parts: Vec<_> = (0..self.below(6)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", parts.join(","))
            }
        }
    }
}

/// A JSON text as an SQL literal.
fn literal(json: &str) -> String {
    format!("'{}'", json.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// SQL expressions of documents.
fn documents() -> Vec<String> {
    let mut all: Vec<String> = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "32767",
        "-32768",
        "32768",
        "65535",
        "65536",
        "-32769",
        "2147483647",
        "-2147483648",
        "2147483648",
        "4294967295",
        "4294967296",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "1.0",
        "-0.0",
        "0.1",
        "1e15",
        "1e14",
        "1e-14",
        "1e-15",
        "1e-16",
        "1.5e300",
        "5e-324",
        "1.7976931348623157e308",
        "123456789.125",
        "\"\"",
        "\"a\"",
        "{}",
        "[]",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}",
        "{\"bb\":1,\"a\":2,\"c\":3}",
        "[[],{},[{}],[[1]]]",
        "\"\\u0000\\b\\f\\n\\r\\t\\\"\\\\\\/\\u001f\"",
    ]
    .iter()
    .map(|json| literal(json))
    .collect();
    for values in [
        "1.50, -0.00, 0.1, -12345678901234567890.123456789, 99999999999999999999999999999999999999999999999999999999999999999",
        "CAST(1.1 AS DECIMAL(65,30)), CAST(-0.000000000000000000000000000001 AS DECIMAL(65,30))",
        "DATE'2024-02-29', DATE'0001-01-01', DATE'9999-12-31'",
        "TIME'00:00:00', TIME'-838:59:59', TIME'838:59:58.9', TIME'-00:00:00.000001', TIME'100:00:00.5'",
        "TIMESTAMP'2024-02-29 12:34:56', TIMESTAMP'1965-01-02 03:04:05.678901'",
        "CAST('2024-02-29 12:34:56.7' AS DATETIME(1))",
        "b'101', b'', x'00FF', CAST('bin' AS BINARY), CAST(REPEAT('x', 57) AS BINARY), CAST(REPEAT('x', 58) AS BINARY), CAST(REPEAT('y', 114) AS BINARY), CAST(REPEAT('z', 200) AS BINARY), CAST('' AS BINARY)",
        "CAST(2024 AS YEAR), ST_GeomFromText('POINT(1 2)'), ST_GeomFromText('GEOMETRYCOLLECTION EMPTY')",
        "CAST('{\"a\": [1]}' AS JSON), NULL, TRUE, 1, CAST(1 AS UNSIGNED), 1e0, 'text'",
        "_latin1 0xE9, _utf8mb4 'é', _utf16 0x00410001, _ucs2 0x0022",
    ] {
        all.push(format!("JSON_ARRAY({values})"));
        for value in values
            .split(", ")
            .filter(|value| value.matches('(').count() == value.matches(')').count())
        {
            all.push(format!("JSON_OBJECT('k', {value})"));
        }
    }
    // Nested to the limit; both sides of the switch to large offsets; many elements.
    all.push(literal(&format!("{}1{}", "[".repeat(100), "]".repeat(100))));
    all.push(literal(&format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100))));
    for length in
        [127, 128, 16_383, 16_384, 65_500, 65_520, 65_530, 65_535, 65_536, 70_000, 2_200_000]
    {
        all.push(format!("JSON_ARRAY(REPEAT('x', {length}), 70000, -70000, 7, NULL, TRUE, 1.5)"));
        all.push(format!("JSON_OBJECT('a', REPEAT('é', {length}), 'int', 70000, 'uint', CAST(3000000000 AS UNSIGNED))"));
        all.push(format!("JSON_OBJECT('b', CAST(REPEAT('x', {length}) AS BINARY))"));
    }
    let many = |count: u32| (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    all.push(literal(&format!("[{}]", many(5_000))));
    all.push(literal(&format!("[{}]", many(70_000))));
    let keys: Vec<_> = (0..20_000).map(|n| format!("\"key{n}\":{{\"n\":{n}}}")).collect();
    all.push(literal(&format!("{{{}}}", keys.join(","))));
    all.push(literal(&format!("{{\"{}\":1}}", "k".repeat(65_535))));
    let mut doubles = Chance(0x0F1E_2D3C_4B5A_6978);
    all.extend((0..20).map(|_| {
        let numbers: Vec<_> = (0..1_000).map(|_| doubles.number()).collect();
        literal(&format!("[{}]", numbers.join(",")))
    }));
    let mut chance = Chance(0x1234_5678_9ABC_DEF1);
    all.extend((0..600).map(|round| literal(&chance.json(1 + round % 5))));
    all
}

#[test]
fn stored_documents() {
    let documents = documents();
    let mut script = String::new();
    for (id, document) in documents.iter().enumerate() {
        writeln!(script, "INSERT INTO doc VALUES ({id}, {document});").unwrap();
    }
    // Calls that a strict mode would refuse: a column that must not be NULL gets no bytes.
    let setup = "SET sql_mode='';";
    let Some(run) = logged("dws_json_documents", setup, &script) else { return };
    let mut recorded = String::new();
    let mut seen = 0;
    for (_, body) in &run.events {
        let mut images = Images(&body[2..]);
        while !images.0.is_empty() {
            let (id, binary) = images.image();
            let mut text = Vec::new();
            json::push_text(&mut text, binary).unwrap_or_else(|error| panic!("{error}: row {id}"));
            let text = String::from_utf8(text).unwrap();
            let shown = &run.texts[&id];
            if text != *shown {
                let at = text.bytes().zip(shown.bytes()).take_while(|(a, b)| a == b).count();
                let around = |text: &str| {
                    String::from_utf8_lossy(
                        &text.as_bytes()[at.saturating_sub(40)..(at + 60).min(text.len())],
                    )
                    .into_owned()
                };
                panic!("row {id}: ours {:?}, server {:?}", around(&text), around(shown));
            }
            // The empty difference leaves a document as it is.
            assert_eq!(json_diff::apply(binary, &[]).unwrap(), *shown, "row {id}");
            if binary.len() < 400 && id < 110 || binary.len() < 200 && id % 10 == 0 {
                writeln!(recorded, "{}\t{shown}", hex(binary)).unwrap();
            }
            seen += 1;
        }
    }
    assert_eq!(seen, documents.len());
    println!("{seen} documents");
    if std::env::var_os("DWS_TEST_RECORD").is_some() {
        std::fs::write(format!("{DATA}documents.tsv"), recorded).unwrap();
    }
}

/// Documents and the expression that updates `j`.
fn updates() -> Vec<(String, String)> {
    let pad = "p".repeat(300);
    let base = format!(
        r#"{{"a":1,"b":{{"c":[1,2,{{"d":3}}],"é k":"x"}},"s":"text","n":null,"pad":"{pad}","long key \"q\"":[0]}}"#
    );
    let array = format!(r#"[1,[2,3],{{"a":4}},"five",6,"{pad}"]"#);
    let mut all = Vec::new();
    for change in [
        "JSON_SET(j, '$.a', 2)",
        "JSON_SET(j, '$.a', 'a longer text than the number before')",
        "JSON_SET(j, '$.a', CAST('{\"x\":[1,2,{\"y\":null}]}' AS JSON))",
        "JSON_SET(j, '$.aa', 5)",
        "JSON_SET(j, '$.z', 5, '$.aa', 6, '$.y', 7)",
        "JSON_SET(j, '$.b.c[2].d', 1.5, '$.b.c[2].e', TRUE)",
        "JSON_SET(j, '$.b.\"é k\"', '😀\\n')",
        "JSON_SET(j, '$.\"long key \\\\\"q\\\\\"\"[0]', 9)",
        "JSON_SET(j, '$.\"new.key[1]\"', DATE'2024-01-02', '$.\"\"', 1.50)",
        "JSON_SET(j, '$.b.c[9]', 'appended')",
        "JSON_SET(j, '$.b.c[last]', 'last')",
        "JSON_SET(j, '$.b.c[last-1]', 'before the last')",
        "JSON_SET(j, '$.a[0]', 'itself')",
        "JSON_SET(j, '$.a[1]', 'wrapped')",
        "JSON_SET(j, '$[0].a', 'wrapped root')",
        "JSON_SET(j, '$.b[0].c[0]', 'wrapped object')",
        "JSON_SET(j, '$.s[last]', 'last of itself')",
        "JSON_REPLACE(j, '$.s', x'00FF', '$.missing', 1)",
        "JSON_REPLACE(j, '$.n', TIME'-01:02:03.5')",
        "JSON_REMOVE(j, '$.a')",
        "JSON_REMOVE(j, '$.b.c[0]')",
        "JSON_REMOVE(j, '$.b.c[last]', '$.b.c[0]', '$.n')",
        "JSON_REMOVE(j, '$.missing')",
        "JSON_REMOVE(JSON_SET(j, '$.a', 1, '$.q', 2), '$.s')",
        "JSON_SET(JSON_REMOVE(j, '$.b'), '$.b', 'again')",
        "JSON_SET(j, '$.a', 1)",
        "JSON_SET(j, '$.b.c', CAST('[]' AS JSON), '$.b.c[0]', 1, '$.b.c[1]', 2)",
        "JSON_SET(j, '$', 5)",
    ] {
        all.push((base.clone(), change.to_owned()));
    }
    for change in [
        "JSON_SET(j, '$[0]', 2)",
        "JSON_SET(j, '$[100]', 2, '$[100]', 3)",
        "JSON_SET(j, '$[1][5]', NULL)",
        "JSON_SET(j, '$[2].b', -1, '$[2].a', 18446744073709551615)",
        "JSON_SET(j, '$[3][1]', 'six')",
        "JSON_REMOVE(j, '$[0]', '$[0]')",
        "JSON_REMOVE(j, '$[last-1]')",
        "JSON_REMOVE(j, '$[2].a')",
        "JSON_REPLACE(j, '$[1][0]', 2.0e0, '$[4]', '$.a')",
    ] {
        all.push((array.clone(), change.to_owned()));
    }
    let mut chance = Chance(0xFEDC_BA98_7654_3211);
    for _ in 0..300 {
        let document =
            format!(r#"{{"a":{},"b":{},"pad":"{pad}"}}"#, chance.json(3), chance.json(3));
        let mut change = "j".to_owned();
        for _ in 0..=chance.below(3) {
            let mut path = ["$.a", "$.b", "$.c"][chance.below(3) as usize].to_owned();
            for _ in 0..chance.below(3) {
                let leg = match chance.below(4) {
                    0 => ".a".to_owned(),
                    1 => format!(".\"{}\"", chance.text()),
                    2 => "[last]".to_owned(),
                    _ => format!("[{}]", chance.below(4)),
                };
                path.push_str(&leg);
            }
            let path = literal(&path);
            let value = literal(&chance.json(2));
            change = match chance.below(4) {
                0 => format!("JSON_REMOVE({change}, {path})"),
                1 => format!("JSON_REPLACE({change}, {path}, CAST({value} AS JSON))"),
                _ => format!("JSON_SET({change}, {path}, CAST({value} AS JSON))"),
            };
        }
        all.push((document, change));
    }
    all
}

#[test]
fn partial_updates() {
    let updates = updates();
    let mut setup = String::new();
    let mut script = String::from("SET SESSION binlog_row_value_options='PARTIAL_JSON';\n");
    for (id, (document, change)) in updates.iter().enumerate() {
        writeln!(setup, "INSERT INTO doc VALUES ({id}, {});", literal(document)).unwrap();
        writeln!(script, "UPDATE doc SET j = {change} WHERE id = {id};").unwrap();
    }
    let Some(run) = logged("dws_json_updates", &setup, &script) else { return };
    let mut recorded = String::new();
    let (mut partial, mut whole) = (0, 0);
    for (kind, body) in &run.events {
        assert_eq!(*kind, PARTIAL_UPDATE_ROWS);
        // The number of columns, then the bits of the columns before and after.
        assert_eq!(body[..3], [2, 0xFF, 0xFF]);
        let mut images = Images(&body[3..]);
        while !images.0.is_empty() {
            let (id, before) = images.image();
            let difference = images.take(1) == [1] && images.take(1)[0] & 1 == 1;
            let (_, after) = images.image();
            let shown = &run.texts[&id];
            let change = &updates[id as usize].1;
            if difference {
                let text = json_diff::apply(before, after)
                    .unwrap_or_else(|error| panic!("{error}: {change}: {}", hex(after)));
                assert_eq!(text, *shown, "{change}");
                partial += 1;
                if id < 37 {
                    writeln!(recorded, "{}\t{}\t{shown}", hex(before), hex(after)).unwrap();
                }
            } else {
                let mut text = Vec::new();
                json::push_text(&mut text, after).unwrap();
                assert_eq!(String::from_utf8(text).unwrap(), *shown, "{change}");
                whole += 1;
            }
        }
    }
    println!("{partial} differences, {whole} whole documents, of {} updates", updates.len());
    assert!(partial > 150);
    if std::env::var_os("DWS_TEST_RECORD").is_some() {
        std::fs::write(format!("{DATA}differences.tsv"), recorded).unwrap();
    }
}
