//! 500 expressions: the rows for which we say TRUE, and those for which we say FALSE, are DuckDB's.

use std::io::Write;
use std::process::{Command, Stdio};

use dws::expr::{Condition, Filter};
use dws::ums::{Cell, Decoder};
use serde_json::{Value, json};

use crate::generate::{Both, COLUMNS, Random, boolean};

const CHECK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/filter/answers.py");
const ROWS: usize = 200;
const EXPRESSIONS: usize = 500;
/// Random rows: as many NULLs as any other value.
fn rows(random: &mut Random) -> Vec<Vec<Option<&'static str>>> {
    let mut cell = |values: &[&'static str]| values.get(random.below(values.len() + 1)).copied();
    (0..ROWS).map(|_| COLUMNS.iter().map(|(.., values)| cell(values)).collect()).collect()
}

fn message(rows: &[Vec<Option<&str>>]) -> String {
    let fields: Vec<Value> =
        COLUMNS.iter().map(|(name, ty, _)| json!({"name": name, "type": ty})).collect();
    let cell = |(text, (_, ty, _)): (&Option<&str>, &(&str, &str, &[&str]))| match (text, *ty) {
        (None, _) => Value::Null,
        (Some(text), "int" | "double" | "boolean") => serde_json::from_str(text).unwrap(),
        (Some(text), _) => json!(text),
    };
    let tuples: Vec<Value> = rows
        .iter()
        .map(|row| json!({"tuple": row.iter().zip(COLUMNS).map(cell).collect::<Vec<_>>()}))
        .collect();
    json!({"protocol": {"type": "data_increment_data"},
        "schema": {"namespace": "m.s.d.t.0.0.0", "fields": fields}, "payload": tuples})
    .to_string()
}

#[test]
fn generated_expressions_agree_with_duckdb() {
    let Ok(python) = std::env::var("DWS_TEST_PYTHON") else {
        eprintln!("skipped: DWS_TEST_PYTHON names no Python with duckdb");
        return;
    };
    let mut random = Random(0x5DEE_CE66_D015_EA5E);
    let rows = rows(&mut random);
    let expressions: Vec<Both> =
        (0..EXPRESSIONS).map(|index| boolean(&mut random, index % 4)).collect();
    let line = message(&rows);
    let mut decoder = Decoder::default();
    let decoded = decoder.decode(line.as_bytes()).unwrap();
    let cells: Vec<Vec<Cell>> = decoded
        .rows()
        .map(|row| {
            let mut cells = Vec::new();
            row.unwrap().split(COLUMNS.len(), &mut cells).unwrap();
            cells
        })
        .collect();
    let numbers = |filter: &Filter, text: &str| -> Vec<usize> {
        let holds =
            |row: &Vec<Cell>| filter.holds(row).unwrap_or_else(|error| panic!("{text}: {error}"));
        cells.iter().enumerate().filter(|(_, row)| holds(row)).map(|(index, _)| index).collect()
    };
    let compile = |text: &str| {
        let condition = Condition::parse(text).and_then(|c| c.compile(&decoded.header.schema));
        condition.unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let asked = json!({
        "columns": COLUMNS.iter().map(|(name, ty, _)| [name, ty]).collect::<Vec<_>>(),
        "rows": rows,
        "expressions": expressions.iter().map(|both| &both.1).collect::<Vec<_>>(),
    });
    let mut child = Command::new(python)
        .arg(CHECK)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), EXPRESSIONS);
    let (mut without, mut decided, mut wrong) = (Vec::new(), 0, Vec::new());
    for (both, answer) in expressions.iter().zip(answers) {
        let Ok([yes, no]) = serde_json::from_value::<[Vec<usize>; 2]>(answer.clone()) else {
            without.push(format!("{}: {answer}", both.1));
            continue;
        };
        let filters = (compile(&both.0), compile(&format!("NOT ({})", both.0)));
        let ours = (numbers(&filters.0, &both.0), numbers(&filters.1, &both.0));
        decided += usize::from(!yes.is_empty() && !no.is_empty());
        if ours != (yes.clone(), no.clone()) {
            let other = |a: &[usize], b: &[usize]| a.iter().find(|row| !b.contains(row)).copied();
            let row = other(&ours.0, &yes)
                .or(other(&yes, &ours.0))
                .or(other(&ours.1, &no))
                .or(other(&no, &ours.1));
            wrong.push(format!("{}\n  row {:?}", both.0, row.map(|row| &rows[row])));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(12)].join("\n")
    );
    assert!(without.is_empty(), "DuckDB has no result:\n{}", without.join("\n"));
    assert!(decided > EXPRESSIONS / 3, "only {decided} expressions divide the rows");
}
