//! Whatever comes, and whatever comes twice: the target of a lookup, applied by key, is the join of the
//! stream's table with the store.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::stream::ok;
use crate::target::Source;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn names(customer: u64) -> u64 {
    // Some customers are not there, some have several names.
    customer % 4
}

fn land(stream: &str, database: &str) {
    let mut sink = Command::new(env!("CARGO_BIN_EXE_ums-sink"))
        .args(["--quiet", &format!("sqlite:{database}")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    sink.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(sink.wait().unwrap().success());
}

fn check(seed: u64, many: bool, left: bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let store = rusqlite::Connection::open(path("store.db")).unwrap();
    store.execute_batch("CREATE TABLE c (id INTEGER, name TEXT)").unwrap();
    for customer in 0..12 {
        let count = if many { names(customer) } else { names(customer).min(1) };
        for name in 0..count {
            store
                .execute(
                    "INSERT INTO c VALUES (?1, ?2)",
                    (customer as i64, format!("{customer}-{name}")),
                )
                .unwrap();
        }
    }
    let source =
        Source::new("orders", &["id"], &[("id", "int", "int"), ("customer", "long", "bigint")]);
    let mut random = Random(seed * 7919 + 1);
    let mut table: BTreeMap<u64, Option<u64>> = BTreeMap::new();
    let mut messages = Vec::new();
    for id in 1..=120i64 {
        let key = random.below(15);
        let customer = Some(random.below(12)).filter(|customer| *customer != 11);
        let text = customer.map_or("null".to_owned(), |customer| format!("\"{customer}\""));
        let delete = table.contains_key(&key) && random.below(4) == 0;
        let op = match (delete, table.contains_key(&key)) {
            (true, _) => "D",
            (_, true) => "U",
            _ => "I",
        };
        match delete {
            true => table.remove(&key),
            false => table.insert(key, customer),
        };
        messages.push(source.message(&[(id, op, &format!("{key},{text}"))]));
    }
    // A part comes again, as after a crash.
    let again = random.below(100) as usize;
    let mut stream = messages[..again + 15].concat();
    stream.push_str(&messages[again..].concat());
    let url = format!("sqlite:{}", path("store.db"));
    let query = "SELECT name FROM c WHERE id IN (:customer) ORDER BY name";
    let mut arguments = vec!["--lookup", &url, "--query", query];
    if many {
        arguments.extend(["--matches", "many"]);
    }
    if left {
        arguments.extend(["--unmatched", "send"]);
    }
    land(&ok(&arguments, &stream), &path("target.db"));
    let target = rusqlite::Connection::open(path("target.db")).unwrap();
    let mut rows = target
        .prepare(
            "SELECT id || ' ' || coalesce(name, '-') FROM orders WHERE _is_active_ = 1 ORDER BY 1",
        )
        .unwrap();
    let found: Vec<String> =
        rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut expected = Vec::new();
    for (key, customer) in &table {
        let count = customer.map_or(0, names);
        let count = if many { count } else { count.min(1) };
        for name in 0..count {
            expected.push(format!("{key} {}-{name}", customer.unwrap()));
        }
        if count == 0 && left {
            expected.push(format!("{key} -"));
        }
    }
    expected.sort();
    assert_eq!(found, expected, "seed {seed}, many {many}, left {left}");
}

#[test]
fn the_target_is_the_join() {
    for seed in 1..=6 {
        for (many, left) in [(false, false), (false, true), (true, false), (true, true)] {
            check(seed, many, left);
        }
    }
}
