//! Every column type of real sources through the log into every target: what the target's own
//! client shows is what the source's client shows.

use std::collections::HashMap;
use std::fmt::Write;

use crate::server::{Kind, Server, skipped};
use crate::support::run;
use crate::tail::{live, unhex};
use crate::target::{Target, Which};
use crate::type_cases::{Case, Compare, cases};

/// Cells as a client shows them, by table and row.
type Shown = HashMap<(String, String), String>;

/// What a target is known not to keep, by the source's declaration and the SQL of the value.
fn cannot_keep(which: Which, case: &Case, value: &str, shown: &str) -> bool {
    // MariaDB stores no minus zero, however it is written.
    if which == Which::MariaDb && value == "-0e0" {
        return true;
    }
    if case.compare != Compare::Text || shown == "NULL" {
        return false;
    }
    let text = String::from_utf8(unhex(shown)).unwrap();
    match which {
        Which::Postgres => {
            let dated = matches!(case.ums, "date" | "datetime");
            // Its JSON has numbers as decimals: equal, in another spelling, and without minus zero.
            let number = case.declared == "JSON" && text.parse::<f64>().is_ok();
            (dated && !is_date(&text)) || (case.ums == "string" && text.contains('\0')) || number
        }
        // A decimal inside JSON is a decimal in the server's own JSON only; its text is read as a double.
        Which::MySql => {
            let decimal = value.contains("AS DECIMAL") || value.contains("UNIX_TIMESTAMP");
            case.declared == "JSON" && decimal
        }
        // It takes JSON of 32 levels at most.
        Which::MariaDb => case.declared == "JSON" && text.matches(['[', '{']).count() > 31,
    }
}

/// Whether there is such a day.
fn is_date(text: &str) -> bool {
    let mut parts =
        text.get(..10).unwrap_or("").split('-').map(|part| part.parse::<u32>().unwrap_or(0));
    let (year, month, day) =
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

/// Hexadecimal digits of the cell as text or bytes, or a number; the same expression on both sides.
fn shown(case: &Case, which: Which) -> String {
    if which == Which::Postgres {
        let text = |what: &str| format!("upper(encode(convert_to({what}, 'UTF8'), 'hex'))");
        return match case.compare {
            Compare::Bytes => "upper(encode(c, 'hex'))".into(),
            Compare::Float => "c::double precision::text".into(),
            Compare::Double => "c::text".into(),
            _ if case.declared.starts_with("INET") => text("host(c)"),
            _ => text("c::text"),
        };
    }
    match case.compare {
        Compare::Text => "HEX(CAST(c AS CHAR CHARACTER SET utf8mb4))".into(),
        Compare::Bytes => "HEX(c)".into(),
        Compare::Unsigned => "HEX(CAST(CAST(c AS UNSIGNED) AS CHAR CHARACTER SET utf8mb4))".into(),
        Compare::Float => "CAST(c AS DOUBLE)".into(),
        Compare::Double => "c".into(),
        Compare::Vector => "HEX(c)".into(),
    }
}

/// The two shown cells in one spelling.
fn comparable(case: &Case, cell: &str) -> String {
    if cell == "NULL" {
        return cell.into();
    }
    let text = || String::from_utf8_lossy(&unhex(cell)).into_owned();
    match case.compare {
        Compare::Float => format!("{:x}", (cell.parse::<f64>().unwrap() as f32).to_bits()),
        Compare::Double => format!("{:x}", cell.parse::<f64>().unwrap().to_bits()),
        Compare::Bytes => cell.into(),
        Compare::Vector => {
            // The source has the numbers' bytes; a target keeps the array as text.
            let bytes = unhex(cell);
            let numbers: Vec<f32> =
                match std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_prefix('[')) {
                    Some(text) => text
                        .trim_end_matches(']')
                        .split(',')
                        .map(|n| n.trim().parse().unwrap())
                        .collect(),
                    None => bytes
                        .chunks(4)
                        .map(|four| f32::from_le_bytes(four.try_into().unwrap()))
                        .collect(),
                };
            format!("{:?}", numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>())
        }
        // The servers do not agree on where an address is cut short.
        _ if case.declared.starts_with("INET") => {
            format!("{:?}", text().parse::<std::net::IpAddr>())
        }
        // PostgreSQL shows no zeros at the end of a fraction, and a zone.
        _ if case.declared.contains("TIME") => {
            let text = text();
            let text = text.trim_end_matches("+00");
            if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.').into()
            } else {
                text.into()
            }
        }
        _ => text(),
    }
}

fn source(kind: Kind, test: &str) -> Option<(Server, Vec<Case>, Vec<u8>, Shown)> {
    let server = Server::shared(kind, test)?;
    let cases = cases(kind);
    let mode = match kind {
        Kind::MySql => "ALLOW_INVALID_DATES,TIME_TRUNCATE_FRACTIONAL",
        Kind::MariaDb => "ALLOW_INVALID_DATES",
    };
    let head = format!("SET sql_mode = '{mode}', time_zone = '+00:00'; USE {test};\n");
    server.database(test);
    let start = server.position();
    let mut script = head.clone();
    for case in &cases {
        let (name, declared) = (&case.name, &case.declared);
        writeln!(script, "CREATE TABLE {name} (id INT PRIMARY KEY, c {declared});").unwrap();
        for (number, value) in case.values.iter().enumerate() {
            // First something else: an update writes it over.
            writeln!(script, "INSERT INTO {name} VALUES ({number}, NULL);").unwrap();
            writeln!(script, "UPDATE {name} SET c = {value} WHERE id = {number};").unwrap();
        }
    }
    server.sql(&script);
    let messages = live(&server, &start, &["--tables", &format!("{test}.*")]).good().stdout;
    let expected =
        show(&cases, |sql| server.sql(&format!("{head}{sql}")).replace('\t', "|"), Which::MySql);
    Some((server, cases, messages, expected))
}

fn show(cases: &[Case], ask: impl Fn(&str) -> String, which: Which) -> Shown {
    let mut script = String::new();
    for case in cases {
        let (name, shown) = (&case.name, shown(case, which));
        let null = if which == Which::Postgres { "coalesce" } else { "IFNULL" };
        let table = if which == Which::Postgres { format!("\"{name}\"") } else { name.clone() };
        writeln!(script, "SELECT '{name}', id, {null}({shown}, 'NULL') FROM {table};").unwrap();
    }
    let rows = ask(&script);
    let cells = |line: &str| {
        let mut cells = line.split('|').map(str::to_owned);
        let mut next = || cells.next().unwrap();
        ((next(), next()), next())
    };
    rows.lines().map(cells).collect()
}

fn every_type(kind: Kind, test: &str) {
    let Some((_server, cases, messages, expected)) = source(kind, test) else { return };
    let messages = String::from_utf8(messages).unwrap();
    for which in [Which::MySql, Which::MariaDb, Which::Postgres] {
        let Some(target) = Target::shared(which, &format!("{test}_into_{which:?}").to_lowercase())
        else {
            skipped(test, "a target is missing");
            continue;
        };
        // Rows that the target cannot keep are left out, so that the others can be looked at.
        let mut lines = String::new();
        let mut left = 0;
        for line in messages.lines() {
            let kept = keep(line, &cases, &expected, which, &mut left);
            lines.push_str(&kept);
            lines.push('\n');
        }
        let output = run(&[&target.url(""), "--quiet"], &lines);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{which:?}: {error}");
        let found = show(&cases, |sql| target.ask(sql), which);
        let mut wrong = Vec::new();
        for case in &cases {
            for (number, value) in case.values.iter().enumerate() {
                let key = (case.name.clone(), number.to_string());
                if cannot_keep(which, case, value, &expected[&key]) {
                    continue;
                }
                let there = comparable(case, &expected[&key]);
                let here = found.get(&key).map(|cell| comparable(case, cell));
                if here.as_ref() != Some(&there) {
                    wrong.push(format!("{} {value}: {there:?} became {here:?}", case.declared));
                }
            }
        }
        let some = wrong[..wrong.len().min(60)].join("\n");
        assert!(
            wrong.is_empty(),
            "{which:?}: {} wrong of {}:\n{some}",
            wrong.len(),
            expected.len()
        );
        println!("{test} into {which:?}: {} values, {left} rows left out", expected.len());
    }
}

/// A message without the rows that the target cannot keep.
fn keep(line: &str, cases: &[Case], expected: &Shown, which: Which, left: &mut usize) -> String {
    let Ok(mut message) = serde_json::from_str::<serde_json::Value>(line) else {
        return line.into();
    };
    let namespace = message["schema"]["namespace"].as_str().unwrap_or_default().to_owned();
    let Some(case) = cases.iter().find(|case| namespace.split('.').nth(3) == Some(&case.name))
    else {
        return line.into();
    };
    let bad = |row: &serde_json::Value| {
        let id = row["tuple"][4].to_string();
        let value = &case.values[id.parse::<usize>().unwrap()];
        let shown = &expected[&(case.name.clone(), id)];
        !row["tuple"][5].is_null()
            && which != Which::MySql
            && cannot_keep(which, case, value, shown)
    };
    let Some(rows) = message["payload"].as_array_mut() else { return line.into() };
    let all = rows.len();
    if !rows.iter().any(bad) {
        return line.into();
    }
    rows.retain(|row| !bad(row));
    *left += all - rows.len();
    message.to_string()
}

#[test]
fn every_type_from_mysql() {
    every_type(Kind::MySql, "every_type_from_mysql");
}

#[test]
fn every_type_from_mariadb() {
    every_type(Kind::MariaDb, "every_type_from_mariadb");
}
