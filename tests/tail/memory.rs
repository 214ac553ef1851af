//! Memory has a limit whatever the size of a transaction or a log; both come through a pipe and are
//! made as they go.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dws::mysql::chunk::LogName;
use dws::mysql::frame::{EventLog, Feed, FileFrames};

use super::run::*;
use super::writer::*;

const MIB: u64 = 1 << 20;
/// What a run may take, in KiB as the system counts.
const LIMIT: u64 = 64 << 10;

/// The most memory that the living process has had resident, KiB. (What the system tells at its end
/// counts this process, of which it is a fork.)
fn peak(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Collects what the program writes.
struct Written {
    count: Arc<AtomicU64>,
    thread: JoinHandle<Vec<u8>>,
}

impl Written {
    /// `keep`: whether the bytes are wanted, not only their number.
    fn of(child: &mut Child, keep: bool) -> Self {
        let mut stdout = child.stdout.take().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let thread = std::thread::spawn(move || {
            let (mut all, mut buffer) = (Vec::new(), vec![0; 1 << 20]);
            while let Ok(read @ 1..) = stdout.read(&mut buffer) {
                counter.fetch_add(read as u64, Ordering::Relaxed);
                if keep {
                    all.extend_from_slice(&buffer[..read]);
                }
            }
            all
        });
        Self { count, thread }
    }

    /// Waits until so many bytes were written and nothing more comes.
    fn settle(&self, least: u64) {
        let (mut last, mut quiet) = (0, 0);
        while last < least || quiet < 5 {
            std::thread::sleep(Duration::from_millis(100));
            let now = self.count.load(Ordering::Relaxed);
            quiet = if now == last { quiet + 1 } else { 0 };
            last = now;
            assert!(quiet < 600, "the program writes nothing more");
        }
    }
}

/// Rows of 100 bytes, 80 an event, with their TABLE_MAP; the same bytes fit anywhere.
fn statement(log: &mut Log, table: &Table) -> Vec<u8> {
    log.take();
    let images: Vec<_> = (0..80).map(|n| vec![int(n), text(&"x".repeat(90))]).collect();
    log.change(code::WRITE, table, &images);
    log.take()
}

#[test]
fn a_large_transaction_fits_into_little_memory() {
    let mut child = command(&["-", "--quiet"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let written = Written::of(&mut child, false);
    let (mut log, table) = (Log::with(true, Positions::Zero), Table::new(70, "orders"));
    log.anonymous();
    log.query("BEGIN");
    stdin.write_all(&log.take()).unwrap();
    let part = statement(&mut log, &table);
    let times = 150 * MIB / part.len() as u64;
    for _ in 0..times {
        stdin.write_all(&part).unwrap();
    }
    log.xid();
    stdin.write_all(&log.take()).unwrap();
    written.settle(times * 80 * 90);
    let memory = peak(&child);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    written.thread.join().unwrap();
    assert!(memory <= LIMIT, "{memory} KiB");
}

/// Whether the process has a file of that folder open.
fn spills(child: &Child, folder: &std::path::Path) -> bool {
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    let mut links = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.any(|link| link.starts_with(folder))
}

#[test]
fn a_large_transaction_that_is_rolled_back_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["-", "--quiet", "--spill-dir", folder.path().to_str().unwrap()];
    let mut child = command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (mut log, table) = (Log::with(true, Positions::Zero), Table::new(70, "orders"));
    log.anonymous();
    log.query("BEGIN");
    stdin.write_all(&log.take()).unwrap();
    let part = statement(&mut log, &table);
    for _ in 0..40 * MIB / part.len() as u64 {
        stdin.write_all(&part).unwrap();
    }
    assert!(spills(&child, folder.path()), "nothing was spilled");
    log.query("ROLLBACK");
    log.transaction(&table, 7, "behind it");
    stdin.write_all(&log.take()).unwrap();
    let mut line = String::new();
    while !line.contains("data_increment_data") {
        line.clear();
        assert!(stdout.read_line(&mut line).unwrap() > 0);
    }
    assert_eq!(read(&line).changes(), "I7");
    assert!(!spills(&child, folder.path()), "the spill file is still there");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let memory = peak(&child);
    drop(stdin);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(read(&rest).rows.len(), 0);
    assert!(memory <= LIMIT, "{memory} KiB");
}

/// A log beyond 4 GiB: one good transaction, then large events that any reader may skip, then one
/// more.
struct Long {
    head: Vec<u8>,
    filler: Vec<u8>,
    left: u32,
    tail: Vec<u8>,
    at: usize,
}

impl Read for Long {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let (part, more) = match (self.head.is_empty(), self.left) {
                (false, _) => (&self.head, true),
                (true, 1..) => (&self.filler, true),
                (true, 0) => (&self.tail, false),
            };
            let rest = &part[self.at..];
            if rest.is_empty() && more {
                self.at = 0;
                if self.head.is_empty() {
                    self.left -= 1
                } else {
                    self.head.clear()
                }
                continue;
            }
            let used = rest.len().min(buffer.len());
            buffer[..used].copy_from_slice(&rest[..used]);
            self.at += used;
            return Ok(used);
        }
    }
}

#[test]
fn offsets_go_on_beyond_four_gigabytes() {
    const EVENT: u64 = 16 * MIB;
    let (mut log, table) = (Log::with(false, Positions::Zero), Table::new(70, "orders"));
    log.transaction(&table, 1, "a");
    let head = log.take();
    log.event(28, &vec![0; EVENT as usize - 19]);
    let filler = log.take();
    log.transaction(&table, 2, "b");
    let left = 260;
    let expected = head.len() as u64 + EVENT * u64::from(left);
    let long = Long { head, filler, left, tail: log.take(), at: 0 };
    let mut frames = FileFrames::new(LogName::new("binlog.000001"), Box::new(long));
    let (mut last, mut found) = (0, false);
    loop {
        match frames.next().unwrap() {
            Feed::Events(chunk) => {
                for span in &chunk.spans {
                    assert!(span.offset > last);
                    last = span.offset;
                    found |= span.offset == expected;
                }
            }
            Feed::End => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(found && last > 1 << 32);
}

#[test]
#[ignore = "long: 4 GiB through a pipe; scripts/test --long runs it"]
fn ids_go_on_beyond_four_gigabytes() {
    let arguments = ["-", "--quiet", "--exclude", "shop.big", "--marker-every", "1h"];
    let mut child = command(&arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let written = Written::of(&mut child, true);
    let (mut log, table) = (Log::with(true, Positions::Zero), Table::new(70, "orders"));
    let big = Table { id: 71, name: "big", ..table.clone() };
    let head = log.take();
    let mut offset = head.len() as u64;
    stdin.write_all(&head).unwrap();
    log.anonymous();
    log.query("BEGIN");
    let before = log.bytes.len() as u64;
    let row = log.insert(&table, 1, "small") - offset;
    assert!(row > before);
    let images: Vec<_> = (0..60).map(|n| vec![int(n), text(&"x".repeat(60_000))]).collect();
    log.change(code::WRITE, &big, &images);
    log.xid();
    let transaction = log.take();
    let mut expected = Vec::new();
    while offset < (1 << 32) + 100 * MIB {
        expected.push(id(offset + row));
        stdin.write_all(&transaction).unwrap();
        offset += transaction.len() as u64;
    }
    written.settle(1);
    let memory = peak(&child);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    let run = read(&String::from_utf8(written.thread.join().unwrap()).unwrap());
    assert_eq!(run.ids(), expected);
    assert_eq!(run.marker("pos"), &offset.to_string());
    assert!(memory <= LIMIT, "{memory} KiB");
}
