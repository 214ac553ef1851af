//! A target that is fed by `--keep-set` has exactly the rows of the source that fulfil the condition,
//! after every change and not only at the end.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

const PROGRAMS: [&str; 2] = [env!("CARGO_BIN_EXE_dbus-tail"), env!("CARGO_BIN_EXE_ums-filter")];
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/shop.000001");

/// Rows of the table as the filter writes them.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let mut tail = Command::new(PROGRAMS[0])
        .args(["--quiet", "--before", DATA])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = Command::new(PROGRAMS[1])
        .args(["--quiet", "--flat", "--namespace", "*.*.shop.orders"])
        .args(arguments)
        .stdin(tail.stdout.take().unwrap())
        .output()
        .unwrap();
    tail.wait().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a sink would do.
fn apply(table: &mut BTreeMap<u64, Value>, row: &Value) {
    let key = row["id"].as_u64().unwrap();
    let mut cells = row.clone();
    for system in ["_ums_op_", "_ums_id_", "_ums_ts_", "_ums_uid_"] {
        cells.as_object_mut().unwrap().remove(system);
    }
    match row["_ums_op_"].as_str().unwrap() {
        "I" => assert!(table.insert(key, cells).is_none(), "an insert of a row that is there"),
        "U" => assert!(table.insert(key, cells).is_some(), "an update of a row that is not there"),
        "D" => assert!(table.remove(&key).is_some(), "a delete of a row that is not there"),
        _ => {}
    }
}

#[test]
fn the_target_is_the_set_after_every_change() {
    let amount = |row: &Value| row["amount"].as_f64().unwrap();
    type Holds<'h> = &'h dyn Fn(&Value) -> bool;
    let sets: [(&str, Holds); 4] = [
        ("amount >= 100", &|row| amount(row) >= 100.0),
        ("state = 'paid'", &|row| row["state"] == "paid"),
        ("note IS NULL AND quantity > 3", &|row| {
            row["note"].is_null() && row["quantity"].as_i64() > Some(3)
        }),
        ("id % 3 = 1", &|row| row["id"].as_u64().unwrap() % 3 == 1),
    ];
    let source = rows(&[]);
    for (condition, holds) in sets {
        let filtered = rows(&["--where", condition, "--keep-set"]);
        let (mut whole, mut target) = (BTreeMap::new(), BTreeMap::new());
        let mut next = filtered.iter().peekable();
        let mut changes = 0;
        for row in &source {
            apply(&mut whole, row);
            let id = row["_ums_id_"].as_u64();
            if row["_ums_op_"] == "B" {
                continue;
            }
            while let Some(row) = next.next_if(|row| row["_ums_id_"].as_u64() <= id) {
                apply(&mut target, row);
                changes += 1;
            }
            let set = whole.iter().filter(|(_, row)| holds(row));
            assert!(set.eq(target.iter()), "{condition}: not the set after {id:?}");
        }
        assert!(next.next().is_none() && changes > 100, "{condition}: {changes} changes");
        let moved = filtered.iter().filter(|row| row["_ums_op_"] == "D").count();
        assert!(moved > 0, "{condition}: no row ever left");
    }
}
