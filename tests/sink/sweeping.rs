//! What `--sweep` promises, on any database: rows that the source lost go, no other one does,
//! whatever is killed and whoever writes beside it. Each test gives the database.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dws::ums::{BatchEnd, Cause, Covered, Dialect, Namespace, Termination};

use crate::support::{FINAL, Random, error_text, land, marker, run, start};

/// An empty database.
pub struct Database<'a> {
    /// Its address, with a query such as `rows=5`.
    pub url: &'a dyn Fn(&str) -> String,
    /// What its own client answers.
    pub ask: &'a (dyn Fn(&str) -> String + Sync),
    /// A message of the table `orders` from the log: ids, ops and cells.
    pub message: fn(&[(i64, &str, &str)]) -> String,
}

const ORDERS: &str = "mysql.db1.shop.orders.0.0.0";
const STATES: &str = "SELECT id, _ums_id_, _is_active_ FROM orders ORDER BY id";

impl Database<'_> {
    fn log(&self, rows: &[(i64, &str, i64)]) -> String {
        let rows: Vec<(i64, &str, String)> =
            rows.iter().map(|(id, op, key)| (*id, *op, cells(*key, *id))).collect();
        let rows: Vec<(i64, &str, &str)> =
            rows.iter().map(|(id, op, cells)| (*id, *op, cells.as_str())).collect();
        (self.message)(&rows)
    }

    /// Rows of a shard.
    fn pulled(&self, id: i64, keys: &[i64]) -> String {
        let rows: Vec<(i64, &str, i64)> = keys.iter().map(|key| (id, "I", *key)).collect();
        initial(&self.log(&rows))
    }
}

fn cells(key: i64, value: i64) -> String {
    format!(r#""{key}","name","1.00",{value}"#)
}

fn initial(message: &str) -> String {
    message.replace("data_increment_data", "data_initial_data")
}

/// The end of a pull: ids and rows of its shards.
pub fn end(namespace: &str, batch: i64, whole: bool, shards: &[(i64, u64)]) -> String {
    let shard = |(id, rows): &(i64, u64)| Covered {
        id: *id,
        ts: "2026-11-21 03:00:00.000000".into(),
        rows: *rows,
        range: "{}".into(),
    };
    let namespace = Namespace::parse(namespace).unwrap();
    let shards = shards.iter().map(shard).collect();
    let mut line = Vec::new();
    BatchEnd { namespace, batch, whole, shards }.write(Dialect::Dws, &mut line);
    String::from_utf8(line).unwrap()
}

fn truncate(id: i64) -> String {
    let mut line = Vec::new();
    Termination {
        namespace: Namespace::parse(ORDERS).unwrap(),
        id,
        ts: "2026-11-21 02:00:00.000000".into(),
        cause: Some(Cause::Truncate),
        whole: true,
    }
    .write(Dialect::Dws, &mut line);
    String::from_utf8(line).unwrap()
}

pub fn rows_that_the_source_lost_go(database: &Database, delete: &str) {
    let url = (database.url)("");
    let plain = [url.as_str(), "--delete", delete, "--quiet"];
    let sweep = [&plain[..], &["--sweep"]].concat();
    let before: Vec<(i64, &str, i64)> = (1..=5).map(|key| (10 * key, "I", key)).collect();
    land(&plain, &(database.log(&before) + &database.log(&[(2000, "I", 6)]) + &marker(2001)));
    // Keys 2 and 4 are no more; 6 is newer than the pull.
    let pull = database.pulled(1010, &[1, 3]) + &database.pulled(1000, &[5]);
    let pull = pull + &end(ORDERS, 1000, true, &[(1010, 2), (1000, 1)]);
    land(&plain, &pull);
    assert_eq!((database.ask)("SELECT count(*) FROM orders WHERE _is_active_ = 1"), "6");
    for _ in 0..2 {
        land(&sweep, &pull);
        let expected = match delete {
            "soft" => "1|1010|1\n2|1000|0\n3|1010|1\n4|1000|0\n5|1000|1\n6|2000|1",
            _ => "1|1010|1\n3|1010|1\n5|1000|1\n6|2000|1",
        };
        assert_eq!((database.ask)(STATES), expected);
    }
    if delete == "soft" {
        let gone = (database.ask)("SELECT _ums_op_, _ums_ts_ FROM orders WHERE id = 2");
        assert!(gone.starts_with("D|2026-11-21 03:00:00"), "{gone}");
    }
    // Older ones that come late stay away, newer ones come back.
    land(&plain, &(database.log(&[(900, "U", 2), (1100, "I", 4)]) + &marker(2002)));
    let active = "SELECT id, n FROM orders WHERE _is_active_ = 1 AND id IN (2, 4)";
    assert_eq!((database.ask)(active), "4|1100");
    // The source is empty now.
    let output =
        run(&[&url, "--delete", delete, "--sweep"], &end(ORDERS, 3000, true, &[(3000, 0)]));
    assert!(output.status.success());
    assert!(error_text(&output).contains("mysql.db1.shop.orders: 5 rows swept"), "{output:?}");
    assert_eq!((database.ask)("SELECT count(*) FROM orders WHERE _is_active_ = 1"), "0");
}

pub fn what_cannot_be_swept_is_left(database: &Database) {
    let url = (database.url)("");
    land(&[&url, "--quiet"], &database.log(&[(10, "I", 1), (20, "I", 2)]));
    for (input, reason) in [
        (end(ORDERS, 1000, false, &[(1000, 1)]), "not of the whole table"),
        (end(ORDERS, -9, true, &[(-9, 1)]), "--id batch"),
        (end(&ORDERS.replace("0.0.0", "0.0.1"), 1000, true, &[(1000, 1)]), "published as one"),
        // A shard was said to be there and did not come.
        (end(ORDERS, 1000, true, &[(1000, 1), (1001, 1)]), "says 2 rows, and 1 have come"),
        (ending_without_words(), "does not say what was pulled"),
    ] {
        let pull = database.pulled(1000, &[1]) + &input + &database.pulled(1000, &[7]);
        let output = run(&[&url, "--sweep", "--quiet"], &pull);
        let text = error_text(&output);
        assert_eq!(output.status.code(), Some(5), "{text}");
        assert!(text.contains("shop.orders: not swept") && text.contains(reason), "{text}");
        let all = "SELECT id, _ums_id_, _is_active_ FROM orders WHERE id < 7 ORDER BY id";
        assert_eq!((database.ask)(all), "1|1000|1\n2|20|1");
        // And what came behind it has landed.
        assert_eq!((database.ask)("SELECT count(*) FROM orders WHERE id = 7"), "1");
        (database.ask)("DELETE FROM orders WHERE id = 7");
    }
    let output = run(&[&url, "--sweep"], &database.pulled(1001, &[1]));
    assert!(output.status.success());
    assert!(error_text(&output).contains("nothing was swept"), "{}", error_text(&output));
    // A table that two sources fill.
    let other = database.pulled(1000, &[9]).replace("mysql.db1.", "mysql.db2.");
    let map = [url.as_str(), "--map", "*=all_orders", "--sweep", "--quiet"];
    land(&map[..3], &(database.pulled(10, &[2]) + &other));
    let pull = database.pulled(1000, &[1]) + &end(ORDERS, 1000, true, &[(1000, 1)]);
    let output = run(&map, &pull);
    assert_eq!(output.status.code(), Some(5), "{}", error_text(&output));
    assert!(error_text(&output).contains("several source tables"), "{}", error_text(&output));
    assert_eq!((database.ask)("SELECT count(*) FROM all_orders WHERE _is_active_ = 1"), "3");
}

/// As other programs write it.
fn ending_without_words() -> String {
    format!(
        "{{\"protocol\":{{\"type\":\"data_batch_termination\"}},\"schema\":{{\"namespace\":\"{ORDERS}\",\
         \"fields\":[{{\"name\":\"ums_id_\",\"type\":\"long\"}}]}},\"payload\":[{{\"tuple\":[\"5\"]}}]}}\n"
    )
}

/// A pull whose rows were read before a TRUNCATE, landed by a process that knows nothing of it.
pub fn a_truncate_beside_a_pull(database: &Database, delete: &str, sweep: bool) {
    let url = (database.url)("rows=1");
    let plain = [url.as_str(), "--delete", delete, "--quiet"];
    land(&plain, &(database.log(&[(10, "I", 1), (20, "I", 2)]) + &marker(21)));
    let mut child = start(&[&plain[..], if sweep { &["--sweep"] } else { &[] }].concat());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(database.pulled(1000, &[1]).as_bytes()).unwrap();
    let began = Instant::now();
    while (database.ask)("SELECT _ums_id_ FROM orders WHERE id = 1") != "1000" {
        assert!(began.elapsed() < Duration::from_secs(180), "the first row does not land");
        std::thread::sleep(Duration::from_millis(20));
    }
    land(&plain, &(truncate(1500) + &database.log(&[(1600, "I", 5)]) + &marker(1601)));
    let rest = database.pulled(1000, &[2, 3]) + &end(ORDERS, 1000, true, &[(1000, 3)]);
    stdin.write_all(rest.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", error_text(&output));
    let active = (database.ask)("SELECT id FROM orders WHERE _is_active_ = 1");
    assert_eq!(active, "5", "{delete}, --sweep {sweep}");
}

/// A source with a log: what it held behind each of its changes.
struct Life {
    /// The messages of the log, with the id behind each.
    messages: Vec<(i64, String)>,
    /// The rows behind each message: key and its `n`.
    states: Vec<BTreeMap<i64, i64>>,
}

impl Life {
    fn new(database: &Database, random: &mut Random, steps: usize, keys: usize) -> Self {
        let mut life = Self { messages: Vec::new(), states: Vec::new() };
        let mut rows: BTreeMap<i64, i64> = BTreeMap::new();
        let mut id = 1_000_000;
        for step in 0..steps {
            let mut changes = Vec::new();
            let mut message = String::new();
            if step % 97 == 96 {
                id += 10;
                rows.clear();
                message = truncate(id);
            }
            for _ in 0..=random.below(6) {
                id += 10;
                let key = random.below(keys) as i64;
                // Many rows of the source go without a word in the log, as after a gap in it.
                if random.below(12) == 0 && step + 40 < steps {
                    rows.remove(&key);
                } else if rows.contains_key(&key) && random.below(2) == 0 {
                    rows.remove(&key);
                    changes.push((id, "D", key));
                } else {
                    changes.push((id, if rows.contains_key(&key) { "U" } else { "I" }, key));
                    rows.insert(key, id);
                }
            }
            if !changes.is_empty() {
                message += &database.log(&changes);
            }
            life.messages.push((id + 5, message + &marker(id + 5)));
            life.states.push(rows.clone());
        }
        life
    }

    /// A pull whose position is behind message `at`; every shard is read some time later.
    fn pull(&self, database: &Database, random: &mut Random, at: usize) -> (Vec<String>, String) {
        let (mut parts, mut shards) = (Vec::new(), Vec::new());
        for shard in 0..4 {
            let at = (at + random.below(3)).min(self.messages.len() - 1);
            let id = self.messages[at].0;
            let seen = (at + random.below(8)).min(self.messages.len() - 1);
            let rows: Vec<(i64, i64)> = self.states[seen]
                .iter()
                .filter(|row| row.0 % 4 == shard)
                .map(|row| (*row.0, *row.1))
                .collect();
            shards.push((id, rows.len() as u64));
            let rows: Vec<String> = rows.into_iter().map(|(key, n)| cells(key, n)).collect();
            let rows: Vec<(i64, &str, &str)> =
                rows.iter().map(|cells| (id, "I", cells.as_str())).collect();
            let part = if rows.is_empty() { String::new() } else { (database.message)(&rows) };
            parts.push(initial(&part));
        }
        let batch = shards.iter().map(|shard| shard.0).min().unwrap();
        (parts, end(ORDERS, batch, true, &shards))
    }

    fn last(&self) -> String {
        let rows = self.states.last().unwrap();
        let rows: Vec<String> =
            rows.iter().map(|(key, n)| format!("{key}|name|1.00|{n}")).collect();
        rows.join("\n")
    }
}

/// One process follows the log, ahead or behind, and is killed now and then; the other lands pulls of
/// moments around that, and is killed, too. In the end the target is the source.
pub fn beside_a_writer(database: &Database, delete: &str) {
    let mut random = Random::seeded();
    let life = Life::new(database, &mut random, 400, 60);
    let url = (database.url)("rows=40&seconds=1");
    let plain = [url.as_str(), "--delete", delete, "--quiet"];
    let sweep = [&plain[..], &["--sweep"]].concat();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let follower = scope.spawn(|| {
            let mut random = Random(7);
            let mut from = 0;
            while from < life.messages.len() {
                let count = 20 + random.below(120);
                let mut child = start(&plain);
                let mut stdin = child.stdin.take().unwrap();
                let to = (from + count).min(life.messages.len());
                for (_, message) in &life.messages[from..to] {
                    if stdin.write_all(message.as_bytes()).is_err() {
                        panic!("{}", error_text(&child.wait_with_output().unwrap()));
                    }
                    std::thread::sleep(Duration::from_millis(8));
                }
                if random.below(2) == 0 && to < life.messages.len() {
                    // Killed: what is not known to be durable comes again.
                    child.kill().unwrap();
                    child.wait().unwrap();
                    from += 1;
                } else {
                    drop(stdin);
                    let output = child.wait_with_output().unwrap();
                    assert!(output.status.success(), "{}", error_text(&output));
                    from = to;
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        let began = Instant::now();
        let (mut pulls, mut killed) = (0, 0);
        // On a slow machine the log is at its end before some were made; they go on behind it.
        let failed = || follower.is_finished() && !done.load(Ordering::Relaxed);
        while !failed() && (!done.load(Ordering::Relaxed) || pulls <= 2) {
            // About where the log is; never before what the log will still bring.
            let share = began.elapsed().as_millis() as usize / 9;
            let at = (share + random.below(60)).saturating_sub(30).min(life.messages.len() - 20);
            let (parts, end) = life.pull(database, &mut random, at);
            let mut child = start(&sweep);
            let mut stdin = child.stdin.take().unwrap();
            let stops = random.below(3) == 0;
            for part in &parts {
                stdin.write_all(part.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(random.below(30) as u64));
            }
            stdin.write_all(end.as_bytes()).unwrap();
            if stops {
                std::thread::sleep(Duration::from_millis(random.below(60) as u64));
                child.kill().unwrap();
                child.wait().unwrap();
                killed += 1;
            } else {
                drop(stdin);
                let output = child.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", error_text(&output));
                pulls += 1;
            }
        }
        follower.join().unwrap();
        println!("{pulls} pulls, {killed} killed");
        assert!(pulls > 2);
    });
    // Nothing that the source has was swept.
    let there = (database.ask)(FINAL);
    let there: std::collections::BTreeSet<&str> = there.lines().collect();
    let last = life.last();
    let lost: Vec<&str> = last.lines().filter(|row| !there.contains(row)).collect();
    assert!(lost.is_empty(), "{delete}: {lost:?}");
    // One pull behind everything: what went without a word is swept now.
    let (parts, end) = life.pull(database, &mut random, life.messages.len() - 1);
    land(&sweep, &(parts.concat() + &end));
    assert_eq!((database.ask)(FINAL), life.last(), "{delete}");
}

/// A pull that is killed again and again and goes on where it was: shards that are in the target
/// count as finished and do not come again, under a batch as old as the oldest of them.
pub fn a_resumed_pull(database: &Database, delete: &str) {
    let mut random = Random::seeded();
    let url = (database.url)("rows=50");
    let arguments = [url.as_str(), "--delete", delete, "--quiet", "--sweep"];
    let before: Vec<(i64, &str, i64)> = (0..600).map(|key| (10 + key, "I", key)).collect();
    land(&arguments[..4], &database.log(&before));
    // Every third row left the source.
    let keys: Vec<i64> = (0..600).filter(|key| key % 3 != 0).collect();
    let shards: Vec<&[i64]> = keys.chunks(50).collect();
    let mut finished: BTreeMap<usize, i64> = BTreeMap::new();
    let mut position = 1000;
    while finished.len() < shards.len() {
        position += 100;
        let mut child = start(&arguments);
        let mut stdin = child.stdin.take().unwrap();
        let mut given = BTreeMap::new();
        for (number, shard) in shards.iter().enumerate() {
            if !finished.contains_key(&number) {
                given.insert(number, position + number as i64);
                let _ =
                    stdin.write_all(database.pulled(position + number as i64, shard).as_bytes());
            }
        }
        std::thread::sleep(Duration::from_millis(random.below(400) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let gone = "SELECT count(*) FROM orders WHERE _is_active_ = 1";
        assert_eq!((database.ask)(gone), "600", "nothing is swept before the end");
        for (number, id) in given {
            let there =
                (database.ask)(&format!("SELECT count(*) FROM orders WHERE _ums_id_ = {id}"));
            if there == shards[number].len().to_string() && finished.len() + 1 < shards.len() {
                finished.insert(number, id);
            }
        }
        if position > 4000 {
            break;
        }
    }
    println!("{} of {} shards finished between kills", finished.len(), shards.len());
    position += 100;
    let mut input = String::new();
    for (number, shard) in shards.iter().enumerate() {
        if let std::collections::btree_map::Entry::Vacant(open) = finished.entry(number) {
            open.insert(position);
            input += &database.pulled(position, shard);
        }
    }
    let covered: Vec<(i64, u64)> =
        finished.iter().map(|(number, id)| (*id, shards[*number].len() as u64)).collect();
    let batch = *finished.values().min().unwrap();
    land(&arguments, &(input + &end(ORDERS, batch, true, &covered)));
    let ids = "SELECT count(*), min(id), max(id) FROM orders WHERE _is_active_ = 1";
    assert_eq!((database.ask)(ids), "400|1|599");
    let wrong = "SELECT count(*) FROM orders WHERE _is_active_ = 1 AND id % 3 = 0";
    assert_eq!((database.ask)(wrong), "0");
}
