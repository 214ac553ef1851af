//! Rejected rows, TRUNCATE, several workers and several flows at once: no row lost, none doubled, the
//! exit status as it should be.

use std::collections::BTreeMap;

use crate::support::{Random, fail, land, marker, position, truncate};
use crate::target::{FINAL, Target, on_every_target, orders};

on_every_target!(rejects_around_a_truncate, rejects_in_several_flows, a_long_mixed_life);

/// A number that no INT column takes.
const BAD: &str = "3000000000";

fn row(id: i64, key: i64, n: &str) -> (i64, &'static str, String) {
    (id, "I", format!(r#""{key}","k{key}","1.00",{n}"#))
}

fn message(rows: &[(i64, &'static str, String)]) -> String {
    let rows: Vec<_> = rows.iter().map(|(id, op, cells)| (*id, *op, cells.as_str())).collect();
    orders().message(&rows)
}

/// The ids of the rejected rows, in order, each as often as it stands there.
fn rejected(file: &std::path::Path) -> Vec<i64> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut ids: Vec<i64> = text
        .split("{\"tuple\":[\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
        .collect();
    ids.sort_unstable();
    ids
}

fn rejects_around_a_truncate(target: &Target) {
    let folder = tempfile::tempdir().unwrap();
    for (delete, query) in [("soft", "workers=1"), ("soft", "workers=3"), ("hard", "rows=1000")] {
        target.empty();
        let file = folder.path().join(format!("{delete}{query}.ums"));
        let name = file.display().to_string();
        let url = target.url(query);
        let arguments = [url.as_str(), "--delete", delete, "--reject", &name];
        let input = message(&[row(10, 1, "1"), row(11, 7, BAD), row(12, 2, "1")])
            + &truncate(20)
            + &message(&[row(30, 3, "1"), row(31, 8, BAD), row(15, 9, "1"), row(32, 2, "5")])
            + &marker(40);
        let text = fail(1, &arguments, &input);
        assert!(text.contains("2 rows could not be stored"), "{text}");
        assert_eq!(target.ask(FINAL), "2|k2|1.00|5\n3|k3|1.00|1", "{delete} {query}");
        assert_eq!(rejected(&file), [11, 31]);
        assert_eq!(position(&land(&[&url, "--position"], "")), Some(40));
        // Mended, the older one is still behind the TRUNCATE; the newer one lands.
        let mended = std::fs::read_to_string(&file).unwrap().replace(BAD, "4");
        land(&arguments[..3], &mended);
        assert_eq!(target.ask(FINAL), "2|k2|1.00|5\n3|k3|1.00|1\n8|k8|1.00|4", "{delete}");
        // Without a file the first one stops the run, behind what is good before it.
        target.empty();
        let text = fail(3, &arguments[..3], &input);
        assert!(text.contains("_ums_id_ 11") && !text.contains(BAD), "{text}");
        assert_eq!(position(&land(&[&url, "--position"], "")), None);
    }
}

fn rejects_in_several_flows(target: &Target) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    // Two flows share the database; a third one, of SQLite, takes what the server does not.
    let flows = format!(
        "[[flow]]\nname = \"one\"\nmatch = \"*\"\nto = \"{0}\"\n\
         [[flow]]\nname = \"two\"\nmatch = \"*\"\nto = \"{0}\"\ntable = \"second\"\ndelete = \"hard\"\n\
         [[flow]]\nname = \"lite\"\nmatch = \"*\"\nto = \"sqlite:{1}\"\n",
        target.url("workers=2&rows=50"),
        path("t.db")
    );
    std::fs::write(path("flows.toml"), flows).unwrap();
    let mut input = String::new();
    for part in 0..40 {
        let id = 1000 + part * 100;
        input +=
            &message(&[row(id, part, "1"), row(id + 1, 500 + part, BAD), row(id + 2, part, "2")]);
        if part == 20 {
            input += &truncate(id + 10);
        }
        input += &marker(id + 20);
    }
    let (file, arguments) = (path("r.ums"), path("flows.toml"));
    let place = path("p.json");
    let arguments = ["--flows", &arguments, "--reject", &file, "--checkpoint", &place];
    let text = fail(1, &arguments, &input);
    assert!(text.contains("80 rows could not be stored"), "{text}");
    let expected: Vec<String> = (21..40).map(|key| format!("{key}|k{key}|1.00|2")).collect();
    assert_eq!(target.ask(FINAL), expected.join("\n"));
    assert_eq!(target.ask(&FINAL.replace("orders", "second")), expected.join("\n"));
    let lite = crate::support::sqlite3(path("t.db").as_ref(), FINAL);
    assert_eq!(lite.lines().count(), 2 * 19, "{lite}");
    let text = std::fs::read_to_string(&file).unwrap();
    for flow in ["one", "two", "lite"] {
        let count = text.matches(&format!("\"flow\":\"{flow}\"")).count();
        assert_eq!(count, if flow == "lite" { 0 } else { 40 }, "{flow}");
    }
    assert_eq!(position(&std::fs::read_to_string(&place).unwrap()), Some(4920));
    assert_eq!(position(&land(&["--flows", arguments[1], "--position"], "")), Some(4920));
}

/// Rows, bad rows and TRUNCATEs by chance, in large and small batches, over several workers.
fn a_long_mixed_life(target: &Target) {
    let mut random = Random::seeded();
    let folder = tempfile::tempdir().unwrap();
    for (round, (delete, query)) in
        [("soft", "workers=3&rows=97"), ("hard", "rows=211"), ("soft", "workers=2&rows=100000")]
            .into_iter()
            .enumerate()
    {
        target.empty();
        let mut rows: BTreeMap<i64, String> = BTreeMap::new();
        let (mut input, mut bad, mut batch) = (String::new(), Vec::new(), Vec::new());
        let mut id = 1000;
        for change in 0..3000 {
            id += 10;
            let key = random.below(80) as i64;
            match random.below(60) {
                0 => {
                    bad.push(id);
                    batch.push(row(id, 10_000 + id, BAD));
                }
                1..=9 => {
                    batch.push((id, "D", row(id, key, "0").2));
                    rows.remove(&key);
                }
                _ => {
                    batch.push(row(id, key, &change.to_string()));
                    rows.insert(key, format!("{key}|k{key}|1.00|{change}"));
                }
            }
            if batch.len() > random.below(60) {
                input += &message(&std::mem::take(&mut batch));
                input += &marker(id + 1);
            }
            if random.below(400) == 0 {
                if !batch.is_empty() {
                    input += &message(&std::mem::take(&mut batch));
                }
                input += &truncate(id + 5);
                rows.clear();
            }
        }
        if !batch.is_empty() {
            input += &message(&batch);
        }
        input += &marker(id + 7);
        let file = folder.path().join(format!("{round}.ums"));
        let name = file.display().to_string();
        let url = target.url(query);
        let text = fail(1, &[&url, "--delete", delete, "--reject", &name, "--quiet"], &input);
        assert!(text.contains(&format!("{} rows could not be stored", bad.len())), "{text}");
        let expected: Vec<_> = rows.into_values().collect();
        assert_eq!(target.ask(FINAL), expected.join("\n"), "{delete} {query}");
        assert_eq!(rejected(&file), bad, "{delete} {query}");
        assert_eq!(position(&land(&[&url, "--position"], "")), Some(id + 7));
    }
}
