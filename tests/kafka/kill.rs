//! dbus-tail -> Kafka -> two ums-sink in a group -> PostgreSQL, and SIGKILL for any of the three, for
//! a broker of three, and rebalances in the middle: at the end the target is the source.
//!
//! `DWS_KILL_ROUNDS` says how many times (6), `DWS_KILL_SEED` repeats a run's random numbers.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::broker::{Brokers, Running, SINK, TAIL, program, run};
use crate::server::{Kind, Server, skipped};

/// xorshift64*: small, and the same numbers for the same seed everywhere.
pub struct Random(u64);

impl Random {
    pub fn seeded(test: &str) -> Self {
        let given = std::env::var("DWS_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
        });
        println!("{test}: DWS_KILL_SEED={seed}");
        Self(seed | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

pub fn rounds(usual: u64) -> u64 {
    std::env::var("DWS_KILL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(usual)
}

fn statement(random: &mut Random) -> String {
    let (id, other, number) = (random.below(400), random.below(400), random.below(1_000_000));
    let insert = |id: u64| {
        format!(
            "INSERT INTO accounts VALUES ({id}, 'name {number} ü', {number}, IF({number} % 4 = 0, NULL, REPEAT('n', {number} % 50)))
             ON DUPLICATE KEY UPDATE amount = amount + 1, name = VALUES(name);"
        )
    };
    match random.below(8) {
        0..=2 => insert(id),
        3 => format!(
            "BEGIN; {} {} DELETE FROM accounts WHERE id = {other}; COMMIT;",
            insert(id),
            insert(id + 1)
        ),
        4 => format!("UPDATE accounts SET amount = amount + 3 WHERE id % 40 = {};", id % 40),
        5 => format!("DELETE FROM accounts WHERE id BETWEEN {id} AND {};", id + 5),
        6 => format!("UPDATE IGNORE accounts SET id = {other} WHERE id = {id};"),
        _ => format!("REPLACE INTO moves VALUES ({}, 'step {}', {number});", id % 50, other % 9),
    }
}

fn work(server: &Server, database: &str, seed: u64, stop: &AtomicBool, done: &AtomicU64) {
    let mut random = Random(seed | 1);
    let mut client = server.client();
    // Deadlocks between the writers are part of the game.
    let mut client =
        client.args(["--force", "--unbuffered", database]).stderr(Stdio::null()).spawn().unwrap();
    let mut input = client.stdin.take().unwrap();
    let mut output = BufReader::new(client.stdout.take().unwrap());
    while !stop.load(Ordering::Relaxed) {
        writeln!(input, "{}\nSELECT 'done';", statement(&mut random)).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "done", "the workload's client ended");
        done.fetch_add(1, Ordering::Relaxed);
        // The machine has other things to do as well.
        std::thread::sleep(Duration::from_millis(2));
    }
    drop(input);
    client.wait().unwrap();
}

struct Postgres {
    psql: String,
    port: String,
    database: String,
}

impl Postgres {
    fn new(test: &str) -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (Some(psql), Some(port)) =
            (variable("DWS_TEST_PSQL"), variable("DWS_TEST_POSTGRES_PORT"))
        else {
            skipped(test, "no postgres server; run scripts/test");
            return None;
        };
        let found = Self { psql, port, database: "postgres".into() };
        found.ask(&format!("DROP DATABASE IF EXISTS {test}"));
        found.ask(&format!("CREATE DATABASE {test}"));
        Some(Self { database: test.into(), ..found })
    }

    fn ask(&self, sql: &str) -> String {
        let output = Command::new(&self.psql)
            .args([
                "-X",
                "-q",
                "-At",
                "-F",
                "\t",
                "-h",
                "127.0.0.1",
                "-p",
                &self.port,
                "-U",
                "postgres",
            ])
            .args(["-d", &self.database, "-c", sql])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, self.database)
    }
}

#[test]
fn whatever_is_killed_the_target_is_the_source() {
    let test = "kafka_kill";
    let Some(brokers) = Brokers::private(test, 3) else { return };
    let Some(server) = Server::shared(Kind::MariaDb, test).map(Arc::new) else { return };
    let Some(target) = Postgres::new(test) else { return };
    let mut random = Random::seeded(test);
    server.database(test);
    server.sql(&format!(
        "USE {test}; CREATE TABLE accounts (id BIGINT PRIMARY KEY, name VARCHAR(60), amount INT, note TEXT);
         CREATE TABLE moves (account INT, step VARCHAR(20), amount INT, PRIMARY KEY (account, step));"
    ));
    let start = server.position().to_string();
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (server, stop, done) = (server.clone(), stop.clone(), done.clone());
            let seed = random.below(u64::MAX / 2);
            std::thread::spawn(move || work(&server, test, seed, &stop, &done))
        })
        .collect();

    let folder = tempfile::tempdir().unwrap();
    let (topic, from) = (brokers.url("rows"), brokers.url("rows?group=landing"));
    let (tables, source, into) = (format!("{test}.*"), server.url(), target.url());
    let tail_arguments = [
        "--quiet",
        "--tables",
        &tables,
        "--start",
        &start,
        "--to",
        &topic,
        "--partitions",
        "6",
        "--replication",
        "3",
        "--marker-every",
        "50ms",
        &source,
    ];
    let sink_arguments = [
        "--quiet",
        "--from",
        &from,
        "-X",
        "session.timeout.ms=2000",
        "-X",
        "heartbeat.interval.ms=300",
        &into,
    ];
    let tail = || Running::start(TAIL, &tail_arguments, folder.path());
    let sink = || Running::start(SINK, &sink_arguments, folder.path());
    let alive = |running: &mut Running, name: &str, round: u64| {
        let status = running.child.try_wait().unwrap();
        assert!(status.is_none(), "round {round}: {name}: {status:?}: {}", running.said());
    };
    let mut writer = tail();
    crate::broker::wait(60, "the topic", || {
        let list =
            Command::new("kcat").args(["-L", "-b", &brokers.list, "-t", "rows"]).output().unwrap();
        String::from_utf8_lossy(&list.stdout).contains("with 6 partitions")
    });
    let mut sinks = [sink(), sink()];
    let mut broker = 0;
    for round in 0..rounds(6) {
        std::thread::sleep(Duration::from_millis(300 + random.below(3000)));
        alive(&mut writer, "dbus-tail", round);
        sinks.iter_mut().for_each(|sink| alive(sink, "ums-sink", round));
        // Each in its turn, so that few rounds have all of them.
        match round % 5 {
            0 => {
                writer.kill();
                writer = tail();
            }
            1 => {
                sinks[0].kill();
                std::thread::sleep(Duration::from_millis(random.below(3000)));
                sinks[0] = sink();
            }
            2 => {
                broker = broker % 3 + 1;
                brokers.kill(broker);
                std::thread::sleep(Duration::from_millis(random.below(2000)));
                brokers.start();
            }
            3 => {
                // A rebalance in the middle: one more, and one that leaves well.
                let mut third = sink();
                std::thread::sleep(Duration::from_millis(random.below(3000)));
                sinks[1].end();
                sinks[1] = sink();
                third.kill();
            }
            _ => {
                sinks[1].kill();
                writer.kill();
                writer = tail();
                sinks[1] = sink();
            }
        }
    }
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        worker.join().unwrap();
    }
    println!("{test}: {} statements", done.load(Ordering::Relaxed));
    writer.kill();
    run(program(TAIL, &tail_arguments).args(["--stop", "latest"]));
    for mut sink in sinks {
        sink.end();
    }
    run(program(SINK, &sink_arguments).arg("--exit-at-end"));
    for (table, cells, key) in [
        ("accounts", "id, name, amount, COALESCE(note, '~')", "id"),
        ("moves", "account, step, amount", "account, step"),
    ] {
        let expected =
            server.sql(&format!("USE {test}; SELECT {cells} FROM {table} ORDER BY {key}"));
        let found = target
            .ask(&format!("SELECT {cells} FROM {table} WHERE _is_active_ = 1 ORDER BY {key}"));
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&found), lines(&expected), "{table}");
        println!("{test}: {table}: {} rows are equal", expected.lines().count());
    }
}
