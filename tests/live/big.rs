//! Size: rows of 40 MB, transactions far larger than the memory that may be used, logs above 4 GiB.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::server::{Kind, Server};
use crate::tail::{TAIL, changes_of, live, unhex};

/// What a run may use whatever it reads, beside the largest single row.
const MEMORY: u64 = 64 << 20;

fn long() -> bool {
    std::env::var_os("DWS_TEST_LONG").is_some()
}

/// What a bounded run wrote, counted while it ran, and the most memory that it held.
struct Measured {
    rows: u64,
    ids_rise: bool,
    peak: u64,
    code: Option<i32>,
    stderr: String,
}

/// Runs `dbus-tail` and reads its output as it comes. `feed` writes to its standard input.
fn measured(
    command: &mut Command,
    feed: impl FnOnce(&mut dyn Write) + Send + 'static,
    mut row: impl FnMut(i64),
) -> Measured {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || feed(&mut input));
    let stderr = child.stderr.take().unwrap();
    let stderr = std::thread::spawn(move || std::io::read_to_string(stderr).unwrap());

    // VmHWM is the kernel's own high-water mark of this program; the last look before the end counts.
    let status = format!("/proc/{}/status", child.id());
    let peak = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let (seen, end) = std::sync::mpsc::channel::<()>();
    let watcher = {
        let peak = peak.clone();
        std::thread::spawn(move || {
            while end.recv_timeout(std::time::Duration::from_millis(5)).is_err() {
                let Ok(text) = std::fs::read_to_string(&status) else { break };
                let line = text.lines().find(|line| line.starts_with("VmHWM:"));
                let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
                peak.fetch_max(kib.unwrap_or(0) * 1024, std::sync::atomic::Ordering::Relaxed);
            }
        })
    };

    let mut rows = 0;
    let mut last = i64::MIN;
    let mut ids_rise = true;
    let mut output = BufReader::with_capacity(1 << 16, child.stdout.take().unwrap());
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).unwrap() > 0 {
        for id in ids(&line) {
            ids_rise &= last < id;
            last = id;
            rows += 1;
            row(id);
        }
        line.clear();
    }
    let status = child.wait().unwrap();
    let _ = seen.send(());
    watcher.join().unwrap();
    let _ = feeder.join();
    let peak = peak.load(std::sync::atomic::Ordering::Relaxed);
    Measured { rows, ids_rise, peak, code: status.code(), stderr: stderr.join().unwrap() }
}

/// The ids of a message's rows, found without a parser: the first cell of every tuple.
fn ids(line: &[u8]) -> Vec<i64> {
    const TUPLE: &[u8] = b"{\"tuple\":[\"";
    if line.windows(24).take(200).any(|part| part == b"data_increment_heartbeat") {
        return Vec::new();
    }
    line.windows(TUPLE.len())
        .enumerate()
        .filter(|(_, part)| *part == TUPLE)
        .filter_map(|(at, _)| {
            let rest = &line[at + TUPLE.len()..];
            let end = rest.iter().position(|byte| *byte == b'"')?;
            std::str::from_utf8(&rest[..end]).ok()?.parse().ok()
        })
        .collect()
}

fn assert_memory(what: &str, peak: u64, largest_row: u64) {
    println!("{what}: peak {:.1} MiB", peak as f64 / 1048576.0);
    assert!(peak > 0, "the memory was never looked at");
    assert!(
        peak <= MEMORY + largest_row,
        "{what}: {:.1} MiB, allowed are 64 MiB and the largest row",
        peak as f64 / 1048576.0
    );
}

/// Events above 16 MiB come in several packets; a row is not divided whatever `--batch-bytes` says.
#[test]
fn rows_of_40_megabytes() {
    for kind in [Kind::MySql, Kind::MariaDb] {
        let test = "rows_of_40_megabytes";
        let Some(server) = Server::shared(kind, test) else { continue };
        server.database(test);
        let start = server.position();
        server.sql(&format!(
            "USE {test}; CREATE TABLE t (id INT PRIMARY KEY, c LONGTEXT, b LONGBLOB);
             INSERT INTO t VALUES (1, 'small', x'00'), (2, REPEAT('ä234567890', 3600000), NULL),
               (3, NULL, REPEAT(x'000102fdfe', 8000000)), (4, 'end', NULL);
             UPDATE t SET b = x'01' WHERE id = 2;"
        ));
        let run = live(&server, &start, &["--tables", &format!("{test}.*")]).good();
        let changes = run.changes();
        let ids: Vec<String> = changes.iter().map(|change| change.line(&["id"])).collect();
        assert_eq!(ids, ["I 1", "I 2", "I 3", "I 4", "U 2"], "{kind:?}");
        let text = "ä234567890".repeat(3_600_000);
        assert!(changes[1].text("c") == text && changes[4].text("c") == text, "{kind:?}");
        let bytes = crate::tail::base64(&changes[2].text("b"));
        assert!(bytes == unhex("000102fdfe").repeat(8_000_000), "{kind:?}");
    }
}

/// A transaction much larger than the memory that may be used, live and from its file.
fn large_transaction(kind: Kind, test: &str) {
    let Some(server) = Server::private(kind, test, &[]) else { return };
    // About 1 KB a row.
    let rows: u64 = if long() { 1_000_000 } else { 100_000 };
    server.database(test);
    server.sql(&format!(
        "USE {test}; CREATE TABLE n (n INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(1000));
         INSERT INTO n VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9); FLUSH BINARY LOGS;"
    ));
    let start = server.position();
    let digits = if long() { 6 } else { 5 };
    let tables: Vec<String> = (0..digits).map(|digit| format!("n n{digit}")).collect();
    let number: Vec<String> = (0..digits).map(|digit| format!("n{digit}.n * 1e{digit}")).collect();
    server.sql(&format!(
        "USE {test}; INSERT INTO t SELECT {}, REPEAT('transact ', 110) FROM {}; FLUSH BINARY LOGS;",
        number.join(" + "),
        tables.join(", ")
    ));
    let file = server.log_file(&start.file);
    let size = std::fs::metadata(&file).unwrap().len();
    assert!(size > rows * 900, "{size}");

    let (url, place) = (server.url(), start.to_string());
    let pattern = format!("{test}.*");
    let arguments = ["--quiet", "--tables", &pattern, "--start", &place, "--stop", "latest", &url];
    let found = measured(Command::new(TAIL).args(arguments), |_| {}, |_| {});
    assert_eq!((found.code, found.rows, found.ids_rise), (Some(0), rows, true), "{}", found.stderr);
    assert_memory(&format!("{test} live, {} MB", size / 1_000_000), found.peak, 1000);

    let found = measured(Command::new(TAIL).arg("--quiet").arg(&file), |_| {}, |_| {});
    assert_eq!((found.code, found.rows, found.ids_rise), (Some(0), rows, true), "{}", found.stderr);
    assert_memory(&format!("{test} from its file"), found.peak, 1000);
}

#[test]
fn large_transaction_mysql() {
    large_transaction(Kind::MySql, "large_transaction_mysql");
}

#[test]
fn large_transaction_mariadb() {
    large_transaction(Kind::MariaDb, "large_transaction_mariadb");
}

/// The same, compressed by MySQL to a fraction of itself: the bound holds for what is inside.
#[test]
fn large_compressed_transaction() {
    let test = "large_compressed_transaction";
    let Some(server) = Server::shared(Kind::MySql, test) else { return };
    server.database(test);
    let start = server.position();
    let rows = 110_000;
    server.sql(&format!(
        "USE {test}; SET cte_max_recursion_depth = 1000000, binlog_transaction_compression = ON;
         CREATE TABLE t (c VARCHAR(1000));
         INSERT INTO t WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {rows})
           SELECT REPEAT('transact ', 110) FROM c;"
    ));
    let (url, place) = (server.url(), start.to_string());
    let pattern = format!("{test}.*");
    let arguments = ["--quiet", "--tables", &pattern, "--start", &place, "--stop", "latest", &url];
    let mut least = i64::MAX;
    let mut greatest = i64::MIN;
    let found = measured(
        Command::new(TAIL).args(arguments),
        |_| {},
        |id| {
            least = least.min(id);
            greatest = greatest.max(id);
        },
    );
    assert_eq!((found.code, found.rows), (Some(0), rows), "{}", found.stderr);
    assert!(least < greatest);
    assert_memory(test, found.peak, 1000);
}

/// A log beyond 4 GiB, made of the recorded shop's events and of comments that pad it: the header's
/// 32-bit position wraps as a server's would, and ids keep growing.
#[test]
fn a_log_above_4_gib() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shop.000001");
    let log = std::fs::read(recorded).unwrap();
    let events = events_of(&log);
    // The last transaction with rows: from its GTID to its XID.
    let end = events.iter().rposition(|event| event[4] == 16).unwrap();
    let begin = events[..end].iter().rposition(|event| event[4] == 33 || event[4] == 42).unwrap();
    let head: Vec<Vec<u8>> = events[..2].to_vec();
    let transaction: Vec<Vec<u8>> = events[begin..=end].to_vec();
    let rows_event = transaction.iter().position(|event| matches!(event[4], 30..=32)).unwrap();

    // An event of the kind that carries a statement's text, ignorable, 4 MiB long.
    let mut comment = vec![0u8; 4 << 20];
    comment[..19].copy_from_slice(&transaction[0][..19]);
    comment[4] = 29;
    let length = comment.len() as u32;
    comment[9..13].copy_from_slice(&length.to_le_bytes());
    comment[17] = 0x80;

    let count: u64 = 1060;
    let ids = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let expected = ids.clone();
    let feed = move |output: &mut dyn Write| {
        let mut offset = 4;
        let _ = output.write_all(b"\xfebin");
        for event in &head {
            let _ = output.write_all(&placed(event.clone(), &mut offset));
        }
        for _ in 0..count {
            for (number, event) in transaction.iter().enumerate() {
                if number == 2 {
                    let _ = output.write_all(&placed(comment.clone(), &mut offset));
                }
                if number == rows_event {
                    expected.lock().unwrap().push(1_000_000_000_000 + offset as i64);
                }
                let _ = output.write_all(&placed(event.clone(), &mut offset));
            }
        }
    };
    let mut firsts = Vec::new();
    let mut last = 0;
    let arguments = ["--quiet", "--log-name", "shop.000001", "-"];
    let found = measured(Command::new(TAIL).args(arguments), feed, |id| {
        if id - last > 1000 {
            firsts.push(id);
        }
        last = id;
    });
    assert_eq!(found.code, Some(0), "{}", found.stderr);
    assert!(found.ids_rise, "ids fall or repeat");
    assert_eq!(
        firsts,
        *ids.lock().unwrap(),
        "an id is the file's number and the event's true offset"
    );
    assert!(last > 1_000_000_000_000 + (1 << 32), "{last}");
    assert_memory("a log above 4 GiB", found.peak, 4 << 20);
}

/// The events of a log, whole, in order.
fn events_of(log: &[u8]) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    let mut rest = &log[4..];
    while rest.len() >= 19 {
        let length = u32::from_le_bytes(rest[9..13].try_into().unwrap()) as usize;
        events.push(rest[..length].to_vec());
        rest = &rest[length..];
    }
    events
}

/// The event as a server would have written it at this offset: position and checksum are its own.
fn placed(mut event: Vec<u8>, offset: &mut u64) -> Vec<u8> {
    *offset += event.len() as u64;
    event[13..17].copy_from_slice(&(*offset as u32).to_le_bytes());
    let body = event.len() - 4;
    let checksum = crc32fast::hash(&event[..body]);
    event[body..].copy_from_slice(&checksum.to_le_bytes());
    event
}

/// The counting above must not miss rows: it is held against a real parser once.
#[test]
fn counting_is_right() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shop.000001");
    let run = crate::tail::from_files(&[&recorded], &[]).good();
    let text = String::from_utf8(run.stdout).unwrap();
    let mut rows = 0;
    for line in text.lines() {
        let parsed: Vec<i64> = changes_of(line).iter().map(|change| change.id).collect();
        assert_eq!(ids(line.as_bytes()), parsed);
        rows += parsed.len();
    }
    assert!(rows > 2000, "{rows}");
}
