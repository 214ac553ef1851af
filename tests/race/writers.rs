//! Writers at full speed: inserts, updates, deletes and changes of keys, on rows that everybody
//! wants and on a large table, where a row that was read too early is not soon written again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use crate::source::{SCHEMA, Source};
use crate::support::Random;

/// Rows that are always being changed.
pub const HOT: usize = 64;
/// Rows of the large table at the start; keys go to twice that.
pub const LARGE: usize = 20_000;

pub const TABLES: &str = "
    CREATE TABLE hot (id INT PRIMARY KEY, n BIGINT NOT NULL, name VARCHAR(40), amount DECIMAL(12,2));
    CREATE TABLE large (id INT PRIMARY KEY, n BIGINT NOT NULL, name VARCHAR(40), amount DECIMAL(12,2));";

/// Statements that fill the tables.
pub fn fill() -> String {
    let row = |id: usize| format!("({id},0,'name {id}',{id}.50)");
    let mut sql = String::new();
    for (table, rows) in [("hot", HOT), ("large", LARGE)] {
        let all: Vec<usize> = (0..rows).collect();
        for part in all.chunks(2000) {
            let values: Vec<String> = part.iter().map(|id| row(*id)).collect();
            sql += &format!("INSERT INTO {table} VALUES {};\n", values.join(","));
        }
    }
    sql
}

/// How the rows of a table are read on the source.
pub fn rows_of(table: &str) -> String {
    format!("SELECT id, n, name, amount FROM {table} ORDER BY id")
}

/// Writers at work; they end with `stop`.
pub struct Writers {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// So many, on the server that is written to.
    pub fn start(source: &Source, count: usize, random: &mut Random) -> Self {
        let (socket, pause) = (source.socket(), source.pause());
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..count).map(|_| {
            let options =
                OptsBuilder::new().socket(Some(&socket)).user(Some("root")).db_name(Some(SCHEMA));
            let mut conn = Conn::new(options).unwrap();
            let (stop, done) = (Arc::clone(&stop), Arc::clone(&done));
            let mut random = Random(random.below(usize::MAX) as u64);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Deadlocks and taken keys are part of the game.
                    let _ = conn.query_drop(statement(&mut random));
                    done.fetch_add(1, Ordering::Relaxed);
                    // Enough for two cores, which the follower needs, too.
                    std::thread::sleep(Duration::from_micros(random.below(pause) as u64));
                }
            })
        });
        let threads = threads.collect();
        Self { stop, done, threads }
    }

    /// Ends them all; how many statements they ran.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().unwrap());
        self.done.load(Ordering::Relaxed)
    }
}

/// Those who watch a server, as monitors and backups do: each asks for the status without a pause, half
/// of them in snapshots of their own. They end when this is dropped.
pub struct Monitors {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Monitors {
    /// So many.
    pub fn start(source: &Source, count: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = (0..count).map(|number| {
            let options = OptsBuilder::new().socket(Some(source.socket())).user(Some("root"));
            let mut conn = Conn::new(options).unwrap();
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    if number % 2 == 0 {
                        conn.query_drop("START TRANSACTION WITH CONSISTENT SNAPSHOT").unwrap();
                    }
                    conn.query_drop("SHOW STATUS LIKE 'Binlog%'").unwrap();
                    conn.query_drop("COMMIT").unwrap();
                }
            })
        });
        let threads = threads.collect();
        Self { stop, threads }
    }
}

impl Drop for Monitors {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

fn statement(random: &mut Random) -> String {
    // Mostly the large table: there a stale row stays for all to see.
    let hot = random.below(4) == 0;
    let (table, keys) = if hot { ("hot", HOT) } else { ("large", 2 * LARGE) };
    let id = random.below(keys);
    let number = random.below(1_000_000);
    let replace = |id: usize| {
        format!("REPLACE INTO {table} VALUES ({id}, {number}, 'náme {number}', {number}.25)")
    };
    match random.below(20) {
        0..=9 => {
            format!("UPDATE {table} SET n = n + {number}, name = 'upd {number}' WHERE id = {id}")
        }
        10..=13 => replace(id),
        14 | 15 => format!("DELETE FROM {table} WHERE id = {id}"),
        16 => {
            let other = random.below(keys);
            format!("UPDATE IGNORE {table} SET id = {other}, n = n + 1 WHERE id = {id}")
        }
        17 => {
            format!("UPDATE {table} SET amount = amount + 1 WHERE id BETWEEN {id} AND {}", id + 7)
        }
        _ => format!("INSERT IGNORE INTO {table} (id, n, name) VALUES ({id}, {number}, NULL)"),
    }
}
