//! Every code of every character set, asked of running servers: what they read as text must be
//! what `mysql::charset` reads.
//!
//! Needs `DWS_TEST_MYSQL_SOCKET` and `DWS_TEST_MARIADB_SOCKET` (sockets that root may use without
//! a password) and `DWS_TEST_MYSQL_BIN` (MySQL's client program; for MariaDB `mariadb`, or what
//! `DWS_TEST_MARIADB_BIN` names); a server without them is skipped.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use dws::mysql::charset::{Bad, Charset, decode};
use dws::mysql::collations::{charset_by_name, charset_of};

const MYSQL: &str = "DWS_TEST_MYSQL_SOCKET";
const MARIADB: &str = "DWS_TEST_MARIADB_SOCKET";

/// Runs a statement on the server behind the socket that `variable` names; rows of text cells.
fn ask(variable: &str, sql: &str) -> Option<Vec<Vec<String>>> {
    let client = match variable {
        MARIADB => std::env::var("DWS_TEST_MARIADB_BIN").or(Ok("mariadb".to_owned())),
        _ => std::env::var("DWS_TEST_MYSQL_BIN"),
    };
    let (Ok(socket), Ok(client)) = (std::env::var(variable), client) else {
        println!("skipped: {variable} or DWS_TEST_MYSQL_BIN is not set");
        return None;
    };
    let output = Command::new(client)
        .args(["--no-defaults", "-uroot", "-N", "-B", "--quick", "-S", &socket, "-e", sql])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{sql}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

/// A derived table of the bytes `from` to `to` as two hexadecimal digits in column `h`.
fn bytes(from: u8, to: u8) -> String {
    let values: Vec<_> = (from..=to).map(|byte| format!("SELECT '{byte:02X}' h")).collect();
    format!("({})", values.join(" UNION ALL "))
}

/// What the server makes of the codes: one defined character, or nothing.
fn codes(variable: &str, charset: &str, parts: &[(u8, u8)]) -> Option<BTreeMap<Vec<u8>, String>> {
    let tables: Vec<_> =
        parts.iter().enumerate().map(|(n, (a, z))| format!("{} p{n}", bytes(*a, *z))).collect();
    let code: Vec<_> = (0..parts.len()).map(|n| format!("p{n}.h")).collect();
    let sql = format!(
        "SET sql_mode=''; SELECT c, HEX(CONVERT(CONVERT(UNHEX(c) USING {charset}) USING utf8mb4)) \
         FROM (SELECT CONCAT({}) c FROM {}) codes",
        code.join(","),
        tables.join(",")
    );
    let hex = |text: &str| -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    };
    let rows = ask(variable, &sql)?;
    // Elsewhere the servers' tables have U+FFFD where there is no character.
    let whole_unicode = charset.starts_with('u') && charset != "ujis" || charset == "gb18030";
    assert_eq!(rows.len(), parts.iter().map(|(a, z)| usize::from(z - a) + 1).product::<usize>());
    Some(
        rows.into_iter()
            .map(|row| {
                let (code, text) = (hex(&row[0]), if row[1] == "NULL" { "" } else { &row[1] });
                // MariaDB writes the surrogates of ucs2 as three bytes each: no text.
                let text = String::from_utf8(hex(text)).unwrap_or_default();
                let defined = text.chars().count() == 1
                    && (text != "\u{FFFD}" || whole_unicode)
                    && (text != "?" || code.iter().filter(|byte| **byte != 0).eq([&b'?']));
                (code, if defined { text } else { String::new() })
            })
            .collect(),
    )
}

/// The codes of a set, as ranges of their bytes.
fn shapes(charset: Charset) -> Vec<Vec<(u8, u8)>> {
    use Charset::*;
    let one = vec![(0x00, 0xFF)];
    let two = vec![(0x80, 0xFF), (0x00, 0xFF)];
    match charset {
        Big5 | Euckr | Gb2312 | Gbk => vec![one, two],
        // Bytes of half-width katakana begin no code of two.
        Sjis | Cp932 => {
            vec![one, vec![(0x80, 0xA0), (0x00, 0xFF)], vec![(0xE0, 0xFF), (0x00, 0xFF)]]
        }
        Ujis | Eucjpms => vec![one, two, vec![(0x8F, 0x8F), (0x80, 0xFF), (0x80, 0xFF)]],
        Gb18030 => {
            let four = vec![(0x81, 0xFE), (0x30, 0x39), (0x81, 0xFE), (0x30, 0x39)];
            vec![one, two, four]
        }
        Ucs2 => vec![vec![(0x00, 0xFF), (0x00, 0xFF)]],
        Utf16 => {
            let pairs = vec![(0xD8, 0xDB), (0x00, 0x40), (0xDB, 0xDF), (0x7F, 0x81)];
            vec![vec![(0x00, 0xFF), (0x00, 0xFF)], pairs]
        }
        Utf16le => {
            let pairs = vec![(0x00, 0x40), (0xD8, 0xDB), (0x7F, 0x81), (0xDB, 0xDF)];
            vec![vec![(0x00, 0xFF), (0x00, 0xFF)], pairs]
        }
        Utf32 => vec![vec![(0x00, 0x00), (0x00, 0x12), (0xD7, 0xE1), (0x00, 0xFF)]],
        Utf8mb3 => vec![one, vec![(0xC0, 0xE0), (0x7F, 0xC0)]],
        Utf8mb4 => vec![one, vec![(0xF0, 0xF5), (0x7F, 0xC0), (0xBF, 0xC0), (0x7F, 0x80)]],
        _ => vec![one],
    }
}

fn every_code(variable: &str) {
    let Some(present) = ask(variable, "SHOW CHARACTER SET") else { return };
    let mut compared = 0;
    for row in present {
        let charset = charset_by_name(&row[0]).unwrap_or_else(|| panic!("{} is unknown", row[0]));
        let widest: u8 = row[3].parse().unwrap();
        assert_eq!(charset.max_bytes(), widest, "{charset:?}");
        if charset == Charset::Binary {
            continue;
        }
        for shape in shapes(charset) {
            let codes = codes(variable, &row[0], &shape).unwrap();
            let mut wrong = Vec::new();
            for (code, expected) in &codes {
                let mut text = String::new();
                let one = decode(charset, code, Bad::Stop, &mut text).is_ok()
                    && text.chars().count() == 1;
                if !one {
                    text.clear();
                }
                if text != *expected {
                    wrong.push(format!("{code:02X?}: {text:?}, server {expected:?}"));
                }
                compared += 1;
            }
            assert!(
                wrong.is_empty(),
                "{variable} {charset:?} {}: {:#?}",
                wrong.len(),
                &wrong[..wrong.len().min(50)]
            );
        }
    }
    println!("{variable}: {compared} codes");
    assert!(compared > 500_000);
}

#[test]
fn every_code_of_mysql() {
    every_code(MYSQL);
}

#[test]
fn every_code_of_mariadb() {
    every_code(MARIADB);
}

#[test]
fn every_collation() {
    for (variable, mariadb, sql) in [
        (MYSQL, false, "SELECT ID, CHARACTER_SET_NAME FROM information_schema.COLLATIONS"),
        (
            MARIADB,
            true,
            "SELECT ID, CHARACTER_SET_NAME \
             FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY",
        ),
    ] {
        let Some(rows) = ask(variable, sql) else { continue };
        assert!(rows.len() > 200);
        for row in rows {
            let found = charset_of(row[0].parse().unwrap(), mariadb);
            assert_eq!(found.map(Charset::name), Some(row[1].as_str()), "{variable} {}", row[0]);
        }
    }
}
